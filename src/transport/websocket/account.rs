//! What a client adds to its ledger besides messages.

use crate::client::machine::Io;
use crate::protocol::websocket::codec::FrameSizes;
use crate::record::Part;
use crate::transport::websocket::upgrade::OpeningHandshake;

/// The client is connected: its set-up began at this moment.
pub(super) fn set_up(io: &mut Io<'_>, began_ns: u64) {
    io.upgraded(io.now_ns.saturating_sub(began_ns));
    io.end_exchange();
    io.set_up();
}

/// Adds the heads of a handshake.
pub(super) fn count_heads(io: &mut Io<'_>, handshake: &OpeningHandshake) {
    let size = handshake.asked;
    let parts = handshake.response.parts;
    io.count(|ledger| {
        ledger.up.wire += size.wire_bytes();
        size.add_to(&mut ledger.up);
        ledger.down.wire += parts.heads + parts.framing;
        ledger.down[Part::Heads] += parts.heads;
        ledger.down[Part::Framing] += parts.framing;
        ledger.down.head_chars += parts.head_chars;
    });
}

/// Adds a control frame that came.
pub(super) fn count_control(io: &mut Io<'_>, sizes: FrameSizes) {
    io.count_control_frames(io.phase(), 1, 0);
    io.count(|ledger| {
        ledger.down.wire += sizes.wire();
        ledger.down[Part::Control] += sizes.wire();
    });
}

/// Adds what is around bytes that came on a stream of HTTP/2.
pub(super) fn count_stream_framing(io: &mut Io<'_>, bytes: u64) {
    io.count(|ledger| {
        ledger.down.add(Part::Framing, bytes);
    });
}

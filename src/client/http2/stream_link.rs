//! What a client over HTTP/2 has in place of a connection: a place on a carrier, and a stream of it at a time.

use crate::client::connection::MovedBytes;
use crate::client::context::ThreadContext;
use crate::client::core::ClientCore;
use crate::client::http2::Carrier;
use crate::client::http2::queues::StreamAddress;
use crate::client::rendered_request::HeadSize;
use crate::net::tap::keep_fields;
use crate::protocol::answer_input::AnswerFrame;
use crate::protocol::http2::fields::PreparedFields;
use crate::protocol::http2::frame::ErrorCode;
use crate::record::{ClientError, HeadOf, Ledger, Part, Phase};
use std::rc::Rc;

/// See the module's description.
pub(crate) struct StreamLink {
    carrier: Rc<Carrier>,
    /// Its slot in the engine.
    slot: u32,
    /// The number of its stream; 0 if it has none.
    stream: u32,
    /// Bytes of its streams that are in no ledger yet.
    uncounted: MovedBytes,
    /// Which sides have ended the stream, if it is a connection of another protocol.
    tunnel: Option<TunnelEnds>,
    /// Whether something of the answer has come.
    answered: bool,
    /// Whether a request was refused since the last answer.
    refused: bool,
}

/// Which sides have ended their direction of a stream.
#[derive(Debug, Clone, Copy, Default)]
struct TunnelEnds {
    sent: bool,
    received: bool,
}

impl StreamLink {
    /// A link before it has a connection.
    pub(crate) fn new(carrier: Rc<Carrier>) -> StreamLink {
        carrier.join();
        StreamLink {
            carrier,
            slot: 0,
            stream: 0,
            uncounted: MovedBytes::default(),
            tunnel: None,
            answered: false,
            refused: false,
        }
    }

    /// The carrier.
    pub(crate) fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    /// The client has this slot in the engine.
    pub(crate) fn assign(&mut self, slot: u32) {
        self.slot = slot;
    }

    /// Asks for the connection, or for its successor if the server takes no further requests on it. Returns whether
    /// it can be used at once; else an event says so.
    pub(crate) fn attach(&mut self, core: &ClientCore) -> bool {
        while let Some(next) = self.carrier.successor(core) {
            next.join();
            let before = std::mem::replace(&mut self.carrier, next);
            before.detach(self.slot);
            before.leave();
        }
        self.carrier.attach(self.slot)
    }

    /// The server says that it has not begun with the request. Returns whether that can be, and is not so again.
    pub(crate) fn note_refusal(&mut self) -> bool {
        !self.answered && !std::mem::replace(&mut self.refused, true)
    }

    /// Whether its connection has carried a request, of this client or of another.
    pub(crate) fn has_carried(&self) -> bool {
        self.carrier.has_carried()
    }

    /// Whether it has no stream, and cannot have one on the connection any more.
    pub(crate) fn is_stranded(&self) -> bool {
        self.stream == 0 && self.carrier.is_draining()
    }

    /// Whether an event is for the stream that it has now.
    fn is_at(&self, address: StreamAddress) -> bool {
        self.stream != 0 && self.stream == address.stream
    }

    /// A stream has ended from the server's side, or all of the connection (0). Returns whether that is the client's.
    pub(crate) fn note_end_of(&mut self, address: StreamAddress) -> bool {
        let is_own = address.stream == 0 || self.is_at(address);
        if is_own {
            self.stream = 0;
        }
        is_own
    }

    /// Sends a request on a new stream. Returns what it is on the wire: with its body, if that says what is asked
    /// for, and so belongs to the heads.
    ///
    /// # Errors
    /// If there can be no further stream.
    pub(crate) fn send_request(
        &mut self,
        (core, phase): (&ClientCore, Phase),
        fields: &PreparedFields,
        body: &[u8],
        body_is: Part,
    ) -> Result<HeadSize, ClientError> {
        let (stream, sent) = self.carrier.request(self.slot, fields, (body, body_is))?;
        if core.id == 0 {
            let lines = fields.iter().map(|(name, value, _)| (name, value));
            keep_fields(&core.thread.heads, request_of(core, phase), lines);
        }
        self.stream = stream;
        self.tunnel = None;
        self.answered = false;
        self.uncounted.up += sent.block + sent.framing + sent.body;
        let bytes = if body_is == Part::Heads { sent.block + sent.body } else { sent.block };
        Ok(HeadSize::new(bytes, bytes, sent.framing))
    }

    /// Opens a stream that becomes a connection of another protocol. Returns what the request is on the wire.
    ///
    /// # Errors
    /// If there can be no further stream.
    pub(crate) fn open_tunnel(
        &mut self,
        of: (&ClientCore, Phase),
        fields: &PreparedFields,
    ) -> Result<HeadSize, ClientError> {
        let size = self.send_request(of, fields, &[], Part::Heads)?;
        self.tunnel = Some(TunnelEnds::default());
        Ok(size)
    }

    /// Sends bytes of the other protocol. Returns how many bytes are around them.
    ///
    /// # Errors
    /// If the connection is gone.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<u64, ClientError> {
        let sent = self.carrier.send(self.stream, bytes, false)?;
        self.uncounted.up += sent.framing + sent.body;
        Ok(sent.framing)
    }

    /// Ends this side of a connection of another protocol. Returns how many bytes that takes; `None` if the stream is
    /// none.
    pub(crate) fn end(&mut self) -> Option<u64> {
        let tunnel = self.tunnel.as_mut().filter(|tunnel| !tunnel.sent)?;
        tunnel.sent = true;
        let is_over = tunnel.received;
        let sent = self.carrier.send(self.stream, &[], true).unwrap_or_default();
        self.uncounted.up += sent.framing;
        if is_over {
            self.stream = 0;
        }
        Some(sent.framing)
    }

    /// Returns the bytes that are in no ledger yet; the caller adds them to one.
    pub(crate) fn take_moved(&mut self) -> MovedBytes {
        std::mem::take(&mut self.uncounted)
    }

    /// The same of received bytes alone.
    pub(crate) fn take_received(&mut self) -> u64 {
        std::mem::take(&mut self.uncounted.down)
    }

    /// Adds bytes that moved to the ledger of a phase. The caller says which parts they are; `wire` is their sum.
    pub(crate) fn count_in(
        &mut self,
        thread: &ThreadContext,
        phase: Phase,
        add: impl FnOnce(&mut Ledger),
    ) {
        thread.add_bytes(phase, |ledger| {
            let before = (ledger.up.wire.get(), ledger.down.wire.get());
            add(ledger);
            let MovedBytes { up, down } = &mut self.uncounted;
            *up = up.saturating_sub(ledger.up.wire.get() - before.0);
            *down = down.saturating_sub(ledger.down.wire.get() - before.1);
        });
    }

    /// Gives its stream up, if it has one.
    pub(crate) fn cancel(&mut self) {
        let stream = std::mem::take(&mut self.stream);
        if stream != 0 {
            self.carrier.reset(stream, ErrorCode::CANCEL);
        }
    }

    /// Leaves the connection until it is asked for again. What nobody has counted is discarded.
    pub(crate) fn detach(&mut self, core: &ClientCore, phase: Phase) {
        if self.tunnel.is_some_and(|tunnel| tunnel.received) && self.stream != 0 {
            // The server has ended in order, and so does this side.
            let framing = self.end().unwrap_or(0);
            self.count_in(&core.thread, phase, |ledger| {
                ledger.up.add(Part::Framing, framing);
            });
        }
        self.cancel();
        self.carrier.detach(self.slot);
        self.discard(core, phase);
    }

    /// Discards what nobody has counted.
    pub(crate) fn discard(&mut self, core: &ClientCore, phase: Phase) {
        let MovedBytes { up, down } = self.take_moved();
        core.add_bytes(phase, |ledger| {
            ledger.up.add(Part::Discarded, up);
            ledger.down.add(Part::Discarded, down);
        });
    }

    /// Takes what came for a stream. Returns whether the client wants it: otherwise it has given the stream up
    /// meanwhile, and the bytes are discarded.
    pub(crate) fn take_frame(
        &mut self,
        address: StreamAddress,
        frame: &AnswerFrame<'_>,
        is_open: bool,
        core: &ClientCore,
        phase: Phase,
    ) -> bool {
        let bytes = frame.wire_bytes();
        if !is_open || !self.is_at(address) {
            core.add_bytes(phase, |ledger| {
                ledger.down.add(Part::Discarded, bytes);
            });
            return false;
        }
        self.uncounted.down += bytes;
        self.answered = true;
        self.refused = false;
        if let (0, AnswerFrame::Fields(answer)) = (core.id, frame) {
            let of = request_of(core, phase).answer();
            keep_fields(&core.thread.heads, of, answer.fields.iter());
        }
        if frame.ends() {
            match &mut self.tunnel {
                // This side may still send.
                Some(tunnel) if !tunnel.sent => tunnel.received = true,
                _ => self.stream = 0,
            }
        }
        true
    }
}

/// What a request that a client sends now is, among those whose heads are kept.
fn request_of(core: &ClientCore, phase: Phase) -> HeadOf {
    if core.is_second_handle() {
        HeadOf::PostRequest
    } else if phase == Phase::Steady {
        HeadOf::Request
    } else {
        HeadOf::OpeningRequest
    }
}

impl Drop for StreamLink {
    fn drop(&mut self) {
        self.cancel();
        self.carrier.leave();
    }
}

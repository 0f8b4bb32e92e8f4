//! What one exchange costs by arithmetic, before anything was sent.

use crate::record::{Ledger, Part};
use crate::tls::MOST_RECORD_DATA;
use crate::units::{Bytes, Ip};
use serde::{Deserialize, Serialize};

/// Bytes of IP and TCP header of a segment with timestamps over IPv4 (RFC 7323).
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 52;
/// The most that a segment holds on a loopback device, whose MTU is 65,536.
const LOOPBACK_SEGMENT_BYTES: u64 = 65_483;

/// Segments that hold so many bytes written at once, on a loopback device.
pub(crate) fn data_segments(bytes: u64) -> u64 {
    bytes.div_ceil(LOOPBACK_SEGMENT_BYTES)
}

/// The predicted cost of delivering one message: for polling a request and its response, for a
/// push transport one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Exchange {
    /// Bytes above TCP by layer, with `wire` their sum.
    pub ledger: Ledger,
    /// Segments from client to server, pure acknowledgements included, for traffic so sparse that
    /// each acknowledgement is delayed past the next write.
    pub segments_up: u64,
    /// Segments from server to client.
    pub segments_down: u64,
}

impl Exchange {
    /// Adds what the records of TLS take, one for each write of up to 16 KiB.
    pub(crate) fn add_records(&mut self, record_bytes: u64) {
        let Ledger { up, down } = &mut self.ledger;
        for (flow, segments) in [(up, &mut self.segments_up), (down, &mut self.segments_down)] {
            let data = flow.wire.get();
            let tls = data.div_ceil(MOST_RECORD_DATA) * record_bytes;
            flow[Part::Tls] += tls;
            flow.wire += tls;
            *segments += data_segments(data + tls) - data_segments(data);
        }
    }
    /// Bytes of IP packets in both directions.
    pub fn ip_bytes(&self) -> Bytes<Ip> {
        let app = self.ledger.up.wire.get() + self.ledger.down.wire.get();
        Bytes::new(app + SEGMENT_HEADER_BYTES * (self.segments_up + self.segments_down))
    }
}

//! What the kernel counted for a connection, and what follows from it for IP.
//!
//! Fields are those of `struct tcp_info` (`linux/tcp.h`). Pure arithmetic: the reading itself is
//! done in `net`.

use crate::units::add_fields;
use crate::units::{Bytes, Ip};
use serde::{Deserialize, Serialize};

/// One reading of `TCP_INFO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpReading {
    /// `tcpi_bytes_sent`: payload sent, retransmissions included.
    pub bytes_sent: u64,
    /// `tcpi_bytes_retrans`: payload sent again.
    pub bytes_retrans: u64,
    /// `tcpi_notsent_bytes`: payload that was written and not sent yet.
    pub bytes_unsent: u64,
    /// `tcpi_bytes_received` less the peer's FIN: payload received in order.
    pub bytes_received: u64,
    /// Whether the peer's FIN has come.
    pub fin_received: bool,
    /// `tcpi_segs_out`: all segments sent.
    pub segs_out: u32,
    /// `tcpi_segs_in`: all segments received.
    pub segs_in: u32,
    /// `tcpi_data_segs_out`: segments sent with payload.
    pub data_segs_out: u32,
    /// `tcpi_data_segs_in`: segments received with payload.
    pub data_segs_in: u32,
    /// Bytes of IP and TCP header that each segment carries: 20 or 40 for IP, 20 for TCP, 12 for
    /// timestamps if `tcpi_options & 1` says that they are on.
    pub header_bytes: u32,
}

/// Kernel counts added up over connections, or the difference of two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TcpTotals {
    /// Readings: at the end of each phase that a connection lived through.
    pub readings: u64,
    /// Payload bytes sent for the first time.
    pub bytes_up: u64,
    /// Payload bytes received.
    pub bytes_down: u64,
    /// Payload bytes sent again.
    pub retransmitted_up: u64,
    /// Segments sent.
    pub segments_up: u64,
    /// Segments received.
    pub segments_down: u64,
    /// Segments sent with payload.
    pub data_segments_up: u64,
    /// Segments received with payload.
    pub data_segments_down: u64,
    /// Bytes of IP packets sent.
    pub ip_bytes_up: Bytes<Ip>,
    /// Bytes of IP packets received.
    pub ip_bytes_down: Bytes<Ip>,
}

impl TcpTotals {
    /// What happened on one connection between two readings.
    ///
    /// IP bytes are payload plus a header a segment. Where `since` is the zero reading the
    /// connection is new, and the two SYN segments carry eight more bytes of options each
    /// (60 bytes with timestamps instead of 52).
    pub fn between(since: &TcpReading, until: &TcpReading) -> TcpTotals {
        let segments_up = u64::from(until.segs_out.wrapping_sub(since.segs_out));
        let segments_down = u64::from(until.segs_in.wrapping_sub(since.segs_in));
        let sent = until.bytes_sent - since.bytes_sent;
        let again = until.bytes_retrans - since.bytes_retrans;
        // Of a connection that was reset, the peer's FIN may have been in the earlier reading, see `ClientConnection`.
        let received = until.bytes_received.saturating_sub(since.bytes_received);
        let header = u64::from(until.header_bytes);
        let syn = if *since == TcpReading::default() { 8 } else { 0 };
        TcpTotals {
            readings: 1,
            bytes_up: sent - again,
            bytes_down: received,
            retransmitted_up: again,
            segments_up,
            segments_down,
            data_segments_up: u64::from(until.data_segs_out.wrapping_sub(since.data_segs_out)),
            data_segments_down: u64::from(until.data_segs_in.wrapping_sub(since.data_segs_in)),
            ip_bytes_up: Bytes::new(sent + header * segments_up + syn),
            ip_bytes_down: Bytes::new(received + header * segments_down + syn),
        }
    }
    /// The segments that close a connection after its last reading, by the book: FIN, FIN with
    /// acknowledgement, and the last acknowledgement, of which the peer's FIN may be counted
    /// already.
    pub fn closing(last: &TcpReading) -> TcpTotals {
        let header = u64::from(last.header_bytes);
        let (up, down) = if last.fin_received { (1, 1) } else { (2, 1) };
        TcpTotals {
            segments_up: up,
            segments_down: down,
            ip_bytes_up: Bytes::new(header * up),
            ip_bytes_down: Bytes::new(header * down),
            ..TcpTotals::default()
        }
    }
    /// Segments without payload in both directions: acknowledgements, and SYN or FIN if the
    /// interval held them.
    pub fn bare_segments(&self) -> u64 {
        (self.segments_up + self.segments_down)
            .saturating_sub(self.data_segments_up + self.data_segments_down)
    }
    /// IP bytes of both directions.
    pub fn ip_bytes(&self) -> Bytes<Ip> {
        self.ip_bytes_up + self.ip_bytes_down
    }
}

add_fields!(TcpTotals {
    readings,
    bytes_up,
    bytes_down,
    retransmitted_up,
    segments_up,
    segments_down,
    data_segments_up,
    data_segments_down,
    ip_bytes_up,
    ip_bytes_down
});

/// The audit of a driver's connections against the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelAudit {
    /// Connections whose bytes were compared with the kernel's.
    pub connections: u64,
    /// Connections that were gone before the kernel could be asked.
    pub unaudited: u64,
    /// Connections for which this system has no byte counts.
    pub refused: u64,
    /// Connections whose bytes differ from the kernel's.
    pub mismatched: u64,
    /// The absolute differences, added up over connections and directions.
    pub unexplained_bytes: u64,
}

add_fields!(KernelAudit { connections, unaudited, refused, mismatched, unexplained_bytes });

/// What became of the kernel's receive timestamps (`SO_TIMESTAMPNS`), which a sample of a driver's
/// connections asks for. The times themselves are latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReceiveTimestamps {
    /// Connections that asked for them.
    pub connections: u64,
    /// Connections for which the system refused.
    pub refused: u64,
    /// Clients of a library, whose reads are its own.
    pub library_clients: u64,
    /// Reads of bytes that came without a timestamp.
    pub missing: u64,
    /// Timestamps that were discarded: the wall clock was set since, or every reading of it was
    /// interrupted.
    pub discarded: u64,
}

add_fields!(ReceiveTimestamps { connections, refused, library_clients, missing, discarded });

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(bytes: u64, segments: u32) -> TcpReading {
        TcpReading {
            bytes_sent: bytes,
            bytes_received: bytes,
            segs_out: segments,
            segs_in: segments,
            header_bytes: 52,
            ..TcpReading::default()
        }
    }

    #[test]
    fn an_end_that_an_earlier_reading_took_for_a_byte_is_no_negative_count() {
        let reading = |bytes_received| TcpReading { bytes_received, ..TcpReading::default() };
        assert_eq!(TcpTotals::between(&reading(8), &reading(7)).bytes_down, 0);
        assert_eq!(TcpTotals::between(&reading(7), &reading(9)).bytes_down, 2);
    }

    #[test]
    fn the_parts_of_a_connection_add_up_to_the_whole() {
        let (a, b) = (reading(100, 4), reading(250, 9));
        let mut parts = TcpTotals::between(&TcpReading::default(), &a);
        parts += TcpTotals { readings: 0, ..TcpTotals::between(&a, &b) };
        assert_eq!(parts, TcpTotals::between(&TcpReading::default(), &b));
        // 250 bytes in 9 segments of 52, and 8 more for the SYN's options.
        assert_eq!(parts.ip_bytes_up.get(), 250 + 9 * 52 + 8);
    }

    #[test]
    fn closing_is_three_segments_less_the_fin_that_came() {
        let mut last = reading(1, 1);
        assert_eq!(TcpTotals::closing(&last).ip_bytes().get(), 3 * 52);
        last.fin_received = true;
        assert_eq!(TcpTotals::closing(&last).ip_bytes().get(), 2 * 52);
    }
}

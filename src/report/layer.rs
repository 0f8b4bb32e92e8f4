//! The names along which figures are told apart: layer, way and statistic.
//!
//! Separate from `record`'s ledger and histograms, which count and know no report.

use crate::record::{Flow, TcpTotals};

/// Which way bytes went, seen from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
    /// Both added up.
    Both,
}

impl Way {
    /// Every way.
    pub const ALL: [Way; 3] = [Way::Up, Way::Down, Way::Both];
    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Way::Up => "up",
            Way::Down => "down",
            Way::Both => "both",
        }
    }
}

/// A quantity that one exchange costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Bytes of messages.
    Payload,
    /// Bytes of HTTP heads, line ends included.
    Heads,
    /// Bytes of frame headers without mask, and of chunk sizes.
    Framing,
    /// Bytes of masking keys.
    Masks,
    /// Bytes of control frames.
    Control,
    /// Bytes of exchanges that failed.
    Discarded,
    /// Framing, masks, control and discarded: the overhead that is no head.
    Frames,
    /// Heads, framing, masks, control and discarded: all but the payload.
    Overhead,
    /// Bytes at the socket.
    Wire,
    /// Characters of heads without line ends, as the chapter counts them.
    HeadChars,
    /// Bytes of IP packets: TCP and IP headers included, link headers not.
    Ip,
    /// Bytes of IP packets that are not bytes at the socket: headers, and what was sent again.
    IpHeaders,
    /// Segments.
    Segments,
    /// Segments with payload.
    DataSegments,
    /// Segments without payload: acknowledgements.
    BareSegments,
}

impl Layer {
    /// Every layer.
    pub const ALL: [Layer; 15] = [
        Layer::Payload,
        Layer::Heads,
        Layer::Framing,
        Layer::Masks,
        Layer::Control,
        Layer::Discarded,
        Layer::Frames,
        Layer::Overhead,
        Layer::Wire,
        Layer::HeadChars,
        Layer::Ip,
        Layer::IpHeaders,
        Layer::Segments,
        Layer::DataSegments,
        Layer::BareSegments,
    ];
    /// The name used in files, with its unit: `wire_bytes`.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Payload => "payload_bytes",
            Layer::Heads => "heads_bytes",
            Layer::Framing => "framing_bytes",
            Layer::Masks => "masks_bytes",
            Layer::Control => "control_bytes",
            Layer::Discarded => "discarded_bytes",
            Layer::Frames => "frames_bytes",
            Layer::Overhead => "overhead_bytes",
            Layer::Wire => "wire_bytes",
            Layer::HeadChars => "head_chars",
            Layer::Ip => "ip_bytes",
            Layer::IpHeaders => "ip_header_bytes",
            Layer::Segments => "tcp_segments",
            Layer::DataSegments => "tcp_data_segments",
            Layer::BareSegments => "tcp_bare_segments",
        }
    }
    /// What it counts.
    pub fn unit(self) -> &'static str {
        match self {
            Layer::HeadChars => "characters",
            Layer::Segments | Layer::DataSegments | Layer::BareSegments => "segments",
            _ => "bytes",
        }
    }
    /// What it is, in words.
    pub fn about(self) -> &'static str {
        match self {
            Layer::Payload => "bytes of messages",
            Layer::Heads => "bytes of HTTP heads, line ends included",
            Layer::Framing => "bytes of frame headers (without mask) and chunk sizes",
            Layer::Masks => "bytes of masking keys",
            Layer::Control => "bytes of control frames",
            Layer::Discarded => "bytes of exchanges that failed",
            Layer::Frames => "bytes of frame headers, chunk sizes, masks, control and failures",
            Layer::Overhead => "bytes above TCP that are not payload",
            Layer::Wire => "bytes at the socket",
            Layer::HeadChars => "characters of HTTP heads without line ends (the chapter's count)",
            Layer::Ip => "bytes of IP packets, TCP and IP headers included",
            Layer::IpHeaders => "bytes of TCP and IP headers, and of what was sent again",
            Layer::Segments => "TCP segments",
            Layer::DataSegments => "TCP segments with payload",
            Layer::BareSegments => "TCP segments without payload",
        }
    }
    /// True where the kernel counts it and not the driver.
    pub fn is_kernels(self) -> bool {
        matches!(
            self,
            Layer::Ip
                | Layer::IpHeaders
                | Layer::Segments
                | Layer::DataSegments
                | Layer::BareSegments
        )
    }
    /// The count at this layer one way; `flow` is of the same way.
    pub fn count(self, flow: &Flow, tcp: &TcpTotals, way: Way) -> u64 {
        let (segments, data, ip) = match way {
            Way::Up => (tcp.segments_up, tcp.data_segments_up, tcp.ip_bytes_up.get()),
            Way::Down => (tcp.segments_down, tcp.data_segments_down, tcp.ip_bytes_down.get()),
            Way::Both => (
                tcp.segments_up + tcp.segments_down,
                tcp.data_segments_up + tcp.data_segments_down,
                tcp.ip_bytes().get(),
            ),
        };
        match self {
            Layer::Payload => flow.payload.get(),
            Layer::Heads => flow.heads.get(),
            Layer::Framing => flow.framing.get(),
            Layer::Masks => flow.masks.get(),
            Layer::Control => flow.control.get(),
            Layer::Discarded => flow.discarded.get(),
            Layer::Frames => flow.protocol().get() - flow.heads.get(),
            Layer::Overhead => flow.protocol().get(),
            Layer::Wire => flow.wire.get(),
            Layer::HeadChars => flow.head_chars,
            Layer::Ip => ip,
            Layer::IpHeaders => ip.saturating_sub(flow.wire.get()),
            Layer::Segments => segments,
            Layer::DataSegments => data,
            Layer::BareSegments => segments.saturating_sub(data),
        }
    }
}

/// A quantity that is foretold by arithmetic and measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// [`Layer::Heads`] a message.
    Heads,
    /// [`Layer::Framing`] a message.
    Framing,
    /// [`Layer::Masks`] a message.
    Masks,
    /// [`Layer::Control`] a message.
    Control,
    /// [`Layer::Overhead`] a message.
    Overhead,
    /// [`Layer::Wire`] a message.
    Wire,
    /// [`Layer::Ip`] a message.
    Ip,
    /// [`Layer::Segments`] a message.
    Segments,
    /// Updates that a message carries.
    Updates,
    /// The mean delivery latency in µs.
    DeliveryMean,
    /// The worst delivery latency in µs.
    DeliveryWorst,
    /// The mean response latency in µs.
    ResponseMean,
    /// The time average of the age of information in µs.
    AgeMean,
}

impl Quantity {
    /// Every quantity.
    pub const ALL: [Quantity; 13] = [
        Quantity::Heads,
        Quantity::Framing,
        Quantity::Masks,
        Quantity::Control,
        Quantity::Overhead,
        Quantity::Wire,
        Quantity::Ip,
        Quantity::Segments,
        Quantity::Updates,
        Quantity::DeliveryMean,
        Quantity::DeliveryWorst,
        Quantity::ResponseMean,
        Quantity::AgeMean,
    ];
    /// The layer, of a quantity that is one's volume a message.
    pub fn layer(self) -> Option<Layer> {
        match self {
            Quantity::Heads => Some(Layer::Heads),
            Quantity::Framing => Some(Layer::Framing),
            Quantity::Masks => Some(Layer::Masks),
            Quantity::Control => Some(Layer::Control),
            Quantity::Overhead => Some(Layer::Overhead),
            Quantity::Wire => Some(Layer::Wire),
            Quantity::Ip => Some(Layer::Ip),
            Quantity::Segments => Some(Layer::Segments),
            _ => None,
        }
    }
    /// The name used in files, with its unit: `wire_bytes_per_message`.
    pub fn name(self) -> String {
        match self {
            Quantity::Updates => "updates_per_message".to_owned(),
            Quantity::DeliveryMean => "delivery_latency_us_mean".to_owned(),
            Quantity::DeliveryWorst => "delivery_latency_us_worst".to_owned(),
            Quantity::ResponseMean => "response_latency_us_mean".to_owned(),
            Quantity::AgeMean => "age_us_mean".to_owned(),
            layer => format!("{}_per_message", layer.layer().map_or("", Layer::name)),
        }
    }
    /// What it counts.
    pub fn unit(self) -> &'static str {
        match self {
            Quantity::Updates => "updates/message",
            Quantity::Segments => "segments/message",
            q if q.is_time() => "µs",
            _ => "bytes/message",
        }
    }
    /// What it is, in words.
    pub fn about(self) -> &'static str {
        match self {
            Quantity::Updates => "updates that a message carries",
            Quantity::DeliveryMean => "mean delivery latency",
            Quantity::DeliveryWorst => "worst delivery latency",
            Quantity::ResponseMean => "mean response latency",
            Quantity::AgeMean => "time average of the age of information",
            layer => layer.layer().map_or("", Layer::about),
        }
    }
    /// True for latencies and ages.
    pub fn is_time(self) -> bool {
        use Quantity::{AgeMean, DeliveryMean, DeliveryWorst, ResponseMean};
        matches!(self, DeliveryMean | DeliveryWorst | ResponseMean | AgeMean)
    }
}

/// A statistic of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// The smallest value.
    Min,
    /// The median.
    P50,
    /// The 90th percentile.
    P90,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// The 99.9th percentile.
    P999,
    /// The largest value.
    Max,
    /// The arithmetic mean.
    Mean,
}

impl Statistic {
    /// Every statistic.
    pub const ALL: [Statistic; 8] = [
        Statistic::Min,
        Statistic::P50,
        Statistic::P90,
        Statistic::P95,
        Statistic::P99,
        Statistic::P999,
        Statistic::Max,
        Statistic::Mean,
    ];
    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Statistic::Min => "min",
            Statistic::P50 => "p50",
            Statistic::P90 => "p90",
            Statistic::P95 => "p95",
            Statistic::P99 => "p99",
            Statistic::P999 => "p99_9",
            Statistic::Max => "max",
            Statistic::Mean => "mean",
        }
    }
    /// The quantile, for those that are one.
    pub fn quantile(self) -> Option<f64> {
        match self {
            Statistic::P50 => Some(0.5),
            Statistic::P90 => Some(0.9),
            Statistic::P95 => Some(0.95),
            Statistic::P99 => Some(0.99),
            Statistic::P999 => Some(0.999),
            Statistic::Min | Statistic::Max | Statistic::Mean => None,
        }
    }
}

//! What a figure is of: layer, way, quantity and statistic.

use crate::predict::{Exchange, SEGMENT_HEADER_BYTES};
use crate::record::{Flow, Ledger, Part, TcpTotals};
use crate::units::Bytes;

named! {
    /// Which way bytes went, seen from the client.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Way {
        /// From client to server.
        Up = "up",
        /// From server to client.
        Down = "down",
        /// Both added up.
        Both = "both",
    }
}

impl Way {
    /// Returns the sums of a ledger this way.
    pub fn flow(self, ledger: &Ledger) -> Flow {
        match self {
            Way::Up => ledger.up,
            Way::Down => ledger.down,
            Way::Both => ledger.both(),
        }
    }
}

/// A quantity that one exchange costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Bytes of one part.
    Part(Part),
    /// All overhead but the heads.
    Frames,
    /// All parts but the payload.
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

/// A layer that is no part: its name in files with its unit, what it counts, and what it is.
type Sum = (Layer, &'static str, &'static str, &'static str);

const SUMS: [Sum; 9] = [
    // Its parts are listed after "bytes of".
    (Layer::Frames, "frames_bytes", "bytes", ""),
    (Layer::Overhead, "overhead_bytes", "bytes", "bytes above TCP that are not payload"),
    (Layer::Wire, "wire_bytes", "bytes", "bytes at the socket"),
    (
        Layer::HeadChars,
        "head_chars",
        "characters",
        "characters of HTTP heads without line ends (the chapter's count)",
    ),
    (Layer::Ip, "ip_bytes", "bytes", "bytes of IP packets, TCP and IP headers included"),
    (
        Layer::IpHeaders,
        "ip_header_bytes",
        "bytes",
        "bytes of TCP and IP headers, and of what was sent again",
    ),
    (Layer::Segments, "tcp_segments", "segments", "TCP segments"),
    (Layer::DataSegments, "tcp_data_segments", "segments", "TCP segments with payload"),
    (Layer::BareSegments, "tcp_bare_segments", "segments", "TCP segments without payload"),
];

impl Layer {
    /// Returns every layer, the parts first.
    pub fn all() -> impl Iterator<Item = Layer> {
        Part::ALL.iter().map(|&part| Layer::Part(part)).chain(SUMS.map(|sum| sum.0))
    }
    fn sum(self) -> Option<&'static Sum> {
        SUMS.iter().find(|sum| sum.0 == self)
    }
    /// The name used in files, with its unit: `wire_bytes`.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Part(part) => part.layer_name(),
            sum => sum.sum().map_or("", |sum| sum.1),
        }
    }
    /// What it counts.
    pub fn unit(self) -> &'static str {
        self.sum().map_or("bytes", |sum| sum.2)
    }
    /// What it is, in words.
    pub fn about(self) -> String {
        match self {
            Layer::Part(part) => format!("bytes of {}", part.meaning()),
            Layer::Frames => format!("bytes of {}", Part::list(Part::is_frame)),
            sum => sum.sum().map_or_else(String::new, |sum| sum.3.to_owned()),
        }
    }
    /// True for bytes and characters of HTTP heads.
    pub fn is_of_heads(self) -> bool {
        self == Layer::Part(Part::Heads) || self == Layer::HeadChars
    }
    /// True if the kernel counts it and not the driver.
    pub fn is_kernels(self) -> bool {
        self.unit() == "segments" || matches!(self, Layer::Ip | Layer::IpHeaders)
    }
    /// Returns the count at this layer one way; `flow` is of the same way.
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
            Layer::Part(part) => flow[part],
            Layer::Frames => flow.sum(Part::is_frame),
            Layer::Overhead => flow.overhead(),
            Layer::Wire => flow.wire.get(),
            Layer::HeadChars => flow.head_chars,
            Layer::Ip => ip,
            Layer::IpHeaders => ip.saturating_sub(flow.wire.get()),
            Layer::Segments => segments,
            Layer::DataSegments => data,
            Layer::BareSegments => segments.saturating_sub(data),
        }
    }
    /// Returns the count of one exchange by arithmetic. Which segments have data is not known.
    pub fn of_exchange(self, exchange: &Exchange, way: Way) -> u64 {
        let Exchange { ledger, segments_up, segments_down } = exchange;
        let ip =
            |flow: &Flow, segments| Bytes::new(flow.wire.get() + SEGMENT_HEADER_BYTES * segments);
        let tcp = TcpTotals {
            segments_up: *segments_up,
            segments_down: *segments_down,
            ip_bytes_up: ip(&ledger.up, *segments_up),
            ip_bytes_down: ip(&ledger.down, *segments_down),
            ..TcpTotals::default()
        };
        self.count(&way.flow(ledger), &tcp, way)
    }
}

/// A quantity that is predicted by arithmetic and measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// A layer's count a message.
    Of(Layer),
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
    /// Returns every quantity, the parts of the overhead first.
    pub fn all() -> impl Iterator<Item = Quantity> {
        let parts = Part::ALL.iter().filter(|part| part.is_overhead() && part.is_predicted());
        let layers = [Layer::Overhead, Layer::Wire, Layer::Ip, Layer::Segments];
        let layers = parts.map(|&part| Layer::Part(part)).chain(layers);
        layers.map(Quantity::Of).chain([
            Quantity::Updates,
            Quantity::DeliveryMean,
            Quantity::DeliveryWorst,
            Quantity::ResponseMean,
            Quantity::AgeMean,
        ])
    }
    /// Name, unit and words.
    fn described(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Quantity::Of(layer) if layer.unit() == "segments" => ("", "segments/message", ""),
            Quantity::Of(_) => ("", "bytes/message", ""),
            Quantity::Updates => {
                ("updates_per_message", "updates/message", "updates that a message carries")
            }
            Quantity::DeliveryMean => ("delivery_latency_us_mean", "µs", "mean delivery latency"),
            Quantity::DeliveryWorst => {
                ("delivery_latency_us_worst", "µs", "worst delivery latency")
            }
            Quantity::ResponseMean => ("response_latency_us_mean", "µs", "mean response latency"),
            Quantity::AgeMean => ("age_us_mean", "µs", "time average of the age of information"),
        }
    }
    /// The name used in files, with its unit: `wire_bytes_per_message`.
    pub fn name(self) -> String {
        match self {
            Quantity::Of(layer) => format!("{}_per_message", layer.name()),
            other => other.described().0.to_owned(),
        }
    }
    /// What it counts.
    pub fn unit(self) -> &'static str {
        self.described().1
    }
    /// What it is, in words.
    pub fn about(self) -> String {
        match self {
            Quantity::Of(layer) => layer.about(),
            other => other.described().2.to_owned(),
        }
    }
    /// True for latencies and ages.
    pub fn is_time(self) -> bool {
        self.unit() == "µs"
    }
}

tabled! {
    /// A statistic of a distribution: its name in files, and its quantile if it is one.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Statistic: (&'static str, Option<f64>) {
        /// The smallest value.
        Min = ("min", None),
        /// The median.
        P50 = ("p50", Some(0.5)),
        /// The 90th percentile.
        P90 = ("p90", Some(0.9)),
        /// The 95th percentile.
        P95 = ("p95", Some(0.95)),
        /// The 99th percentile.
        P99 = ("p99", Some(0.99)),
        /// The 99.9th percentile.
        P999 = ("p99_9", Some(0.999)),
        /// The largest value.
        Max = ("max", None),
        /// The arithmetic mean.
        Mean = ("mean", None),
    }
}

impl Statistic {
    /// The name used in files.
    pub fn name(self) -> &'static str {
        self.row().0
    }
    /// The quantile, for those that are one.
    pub fn quantile(self) -> Option<f64> {
        self.row().1
    }
}

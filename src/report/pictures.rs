//! Finished numbers that only pictures and their CSV twins show: single messages, whole
//! distributions, curves.
//!
//! Separate from `table`, the figures of a run, and from `png`, which draws these and computes
//! none of them.

use crate::record::{TraceEvent, TraceKind};
use crate::report::figure::Figure;
use crate::report::time_quality::TimeQuality;

/// What is drawn besides the rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pictures {
    /// What was recorded of single clients, in the order of the plan.
    pub traces: Vec<Trace>,
    /// Single messages between server and client.
    pub timeline: Timeline,
    /// The age of what single clients have.
    pub ages: Ages,
    /// What a client costs by the rate of updates.
    pub costs: Costs,
}

/// What was recorded of one client.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The label of the series.
    pub series: String,
    /// Simulated clients of the case.
    pub clients: u32,
    /// The repeat, from 0.
    pub repeat: u32,
    /// The client's number.
    pub client: u32,
    /// By time, at the client's end of the line.
    pub events: Vec<TraceEvent>,
    /// What the times in its messages are worth.
    pub times: TimeQuality,
}

impl Trace {
    /// From the publishing of an update to the client's having it, in µs.
    pub(crate) fn latency_us(&self, event: &TraceEvent) -> Figure {
        self.times.known_us((event.at_ns as f64 - event.published_ns as f64) / 1e3)
    }
}

/// A few messages of a client a series, on one span of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    /// Why there is nothing to draw, if there is nothing.
    pub absent: Option<String>,
    /// Simulated clients of the cases that are shown.
    pub clients: u32,
    /// One way between client and server, in µs.
    pub one_way_us: f64,
    /// From which moment to which, in µs from the first update's publishing.
    pub span_us: (f64, f64),
    /// A lane a series, in the order of the plan.
    pub lanes: Vec<Lane>,
}

/// The messages of one client.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// The label of the series.
    pub series: String,
    /// How it gets updates, in words.
    pub about: String,
    /// Messages by time.
    pub messages: Vec<Message>,
    /// From which moment on nothing was kept, in µs; absent if all of the span was.
    pub kept_until_us: Option<f64>,
    /// Why there is nothing, if there is nothing.
    pub absent: Option<String>,
}

/// One message, moments in µs as in [`Timeline::span_us`].
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What it was: [`TraceKind::Sent`] goes to the server, the others come from there.
    pub kind: TraceKind,
    /// When it was at the server's end of the line.
    pub server_us: f64,
    /// When it was at the client's.
    pub client_us: f64,
    /// Of an update: when it was published, if that is known.
    pub published_us: Option<f64>,
    /// Of an update: from its publishing to the client's having it.
    pub latency_us: Option<Figure>,
}

/// The share of deliveries that took at most so long, measured and by law.
#[derive(Debug, Clone, PartialEq)]
pub struct DistributionPicture {
    /// By rising latency, to the greatest measured and the law's worst. Empty if there is
    /// neither.
    pub points: Vec<Share>,
    /// The latency to which pictures go, in µs; zero if there is nothing.
    pub top_us: f64,
    /// What that is.
    pub top: AxisEnd,
    /// The least latency that the measured shares begin with, in µs, if shorter ones cannot be known.
    pub known_from_us: f64,
    /// The timers' stated error, in µs: a measured latency may be later than the law by this.
    pub late_us: f64,
    /// The same by rising quantile, with the rare long ones spread out, as far as there are values enough.
    pub tail: Vec<AtQuantile>,
}

/// The latency that a share of deliveries does not exceed.
#[derive(Debug, Clone, PartialEq)]
pub struct AtQuantile {
    /// The share of deliveries, from 0 to below 1.
    pub quantile: f64,
    /// As measured, in µs.
    pub measured_us: Option<f64>,
    /// By the law, in µs.
    pub law_us: Option<f64>,
}

/// How often each latency came in each moment of a case's seconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct HeatMap {
    /// Seconds from the case's start at which the first column begins.
    pub from_s: u32,
    /// Seconds of a column.
    pub column_s: u32,
    /// Columns.
    pub columns: u32,
    /// The edges of the bins, in µs, rising: one more than bins.
    pub edges_us: Vec<f64>,
    /// Values by column and bin, as far as there are any.
    pub cells: Vec<HeatCell>,
}

/// Values of one column in one bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeatCell {
    /// The column, from 0.
    pub column: u32,
    /// The bin, from 0.
    pub bin: u32,
    /// Values, of all repeats together.
    pub count: u64,
}

/// What the axis of a distribution ends at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisEnd {
    /// The law's worst, with the timers' error.
    Law,
    /// The measured p99.9.
    P999,
    /// The greatest measured value: there are too few for a p99.9.
    Largest,
    /// A little more than the least that can be known.
    LeastKnown,
}

impl AxisEnd {
    /// What it is, in words.
    pub fn what(self) -> &'static str {
        match self {
            AxisEnd::Law => "the predicted worst and the timers' error",
            AxisEnd::P999 => "the measured p99.9",
            AxisEnd::Largest => "the largest measured latency",
            AxisEnd::LeastKnown => "three times what the times in messages are exact to",
        }
    }
}

/// A point of a distribution function.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// In µs.
    pub latency_us: f64,
    /// The measured share of deliveries that took at most this, from 0 to 1.
    pub measured: Option<f64>,
    /// The same by law.
    pub law: Option<f64>,
    /// By the law that much later.
    pub law_late: Option<f64>,
}

/// The age of information of a client a series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ages {
    /// Why there is nothing to draw, if there is nothing.
    pub absent: Option<String>,
    /// Simulated clients of the cases that are shown.
    pub clients: u32,
    /// From the first moment that is shown to the last, in µs.
    pub span_us: f64,
    /// The greatest age that is shown, in µs.
    pub top_us: f64,
    /// One a series, in the order of the plan.
    pub lanes: Vec<AgePicture>,
}

/// The age of what one client has, over time.
#[derive(Debug, Clone, PartialEq)]
pub struct AgePicture {
    /// The label of the series.
    pub series: String,
    /// The corners of the saw-tooth: µs from the beginning of the span, and the age then in µs.
    pub corners: Vec<(f64, f64)>,
    /// Why there are none, if there are none.
    pub absent: Option<String>,
    /// The mean over time and all clients of the series at this client count, in µs.
    pub mean_us: Figure,
    /// The same by arithmetic.
    pub model_us: Figure,
}

/// What a client costs by the rate of updates.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Costs {
    /// Why there is nothing to draw, if there is nothing.
    pub absent: Option<String>,
    /// Clients at once, on which it depends if clients receive from one another.
    pub clients: u32,
    /// A curve a series, in the order of the plan.
    pub curves: Vec<CostCurve>,
    /// The scenario's own rate, in updates a second and client.
    pub planned_hz: Option<f64>,
    /// Why single series have no curve, as sentences.
    pub left_out: Vec<String>,
}

/// A series by the rate of updates.
#[derive(Debug, Clone, PartialEq)]
pub struct CostCurve {
    /// The label of the series.
    pub series: String,
    /// The transport's name.
    pub transport: String,
    /// The series in words: with its interval, if the label does not have it.
    pub words: String,
    /// By rising rate.
    pub points: Vec<crate::predict::CostAt>,
}

//! The finished numbers of a run: what every format shows and none computes.
//!
//! Separate from `summary`, which makes them. A value carries its unit in its name or its
//! documentation.

use crate::feed::Workload;
use crate::record::{Counts, Metric, Part, Phase, TransportKind};
use crate::report::check::{CheckOutcome, CheckResult};
use crate::report::conclusion::Conclusion;
use crate::report::figure::Figure;
use crate::report::finding::{Finding, Judgement, Kind};
use crate::report::layer::{Layer, Quantity, Statistic, Way};
use crate::report::pictures::{DistributionPicture, Pictures};
use crate::report::time_quality::TimeQuality;
use crate::report::time_series::TimeSeries;
use crate::result::ScenarioSource;
use crate::units::{human_ns, human_us};
use hdrhistogram::Histogram;
use std::borrow::Cow;
use std::path::PathBuf;

/// Why nothing is known of an update's number and age.
pub(super) const NO_STAMP: &str = "the messages carry no stamp of wsbench";

/// Everything the reports say about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The scenario's name.
    pub name: String,
    /// UTC time of the start, RFC 3339.
    pub started: String,
    /// The plan's hash.
    pub plan_hash: String,
    /// Version and profile of the program that measured.
    pub build: String,
    /// The machine, by the name of the property.
    pub host: Vec<(String, String)>,
    /// What the scenario says of itself; empty if that is nothing.
    pub about: String,
    /// What the user wrote, if the result has kept it.
    pub source: Option<ScenarioSource>,
    /// The seed of everything random, if the plan says it.
    pub seed: Option<u64>,
    /// The files that it was made from, if they are to be shown beside it.
    pub sources: Vec<PathBuf>,
    /// Result files that were merged.
    pub parts: usize,
    /// Seconds that the run took, all merged files together.
    pub elapsed_s: Figure,
    /// A row a series and client count, in the order of the plan.
    pub rows: Vec<Row>,
    /// The same for the driver's floor: the `null` transport, which has no network.
    pub floors: Vec<Row>,
    /// Polling over WebSocket, a client count and polling series each.
    pub comparisons: Vec<Comparison>,
    /// What the run shows, in sentences.
    pub words: Vec<String>,
    /// Where two series cost a client the same, by arithmetic; by rising rate.
    pub crossings: Vec<Crossing>,
    /// What only pictures and their files show.
    pub pictures: Pictures,
    /// What the run as a whole is worth.
    pub verdict: Verdict,
    /// The checks of every row as implicit limits; `gate` adds those of the scenario.
    pub judgement: Judgement,
}

/// A series at one client count, all repeats together.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The label of the series.
    pub series: String,
    /// The transport's name.
    pub transport: String,
    /// Who sends what to whom.
    pub workload: Workload,
    /// Simulated clients.
    pub clients: u32,
    /// Times that the case was measured: repeats, and files that were merged.
    pub repeats: u64,
    /// True if the driver has a schedule of its own.
    pub paced: bool,
    /// Bytes of a payload: of the bundled server as the plan says, of another as they came, their mean.
    pub payload_bytes: Figure,
    /// Clients connected when the load began, over all repeats.
    pub connected: u64,
    /// Clients asked for, over all repeats.
    pub asked: u64,
    /// Nanoseconds between two events of a client.
    pub pace: Pace,
    /// Seconds of the measured windows of all repeats.
    pub window_s: Figure,
    /// What happened in the measured windows.
    pub events: Events,
    /// Bytes and segments; a volume for each phase, way and layer.
    pub volumes: Vec<Volume>,
    /// What the chapter says for this client count.
    pub chapter: Chapter,
    /// What reached the clients, and how old what they have is.
    pub delivery: Delivery,
    /// What arithmetic says of the same, and how far it is off.
    pub predicted: Predicted,
    /// Latencies, one for each metric in the order of [`Metric::ALL`].
    pub latencies: Vec<Latencies>,
    /// CPU and memory.
    pub cost: CostFigures,
    /// How connecting went.
    pub connecting: Connecting,
    /// How clients' messages spread to all.
    pub fanout: Fanout,
    /// Whether the bytes add up.
    pub audit: Audit,
    /// The seconds of each repeat.
    pub seconds: TimeSeries,
    /// The whole distribution of the delivery latency beside the law that it should follow.
    pub distribution: DistributionPicture,
    /// What the row is worth.
    pub status: Status,
    /// The checks behind `status`.
    pub checks: Vec<CheckResult>,
    /// What the server does that changes what the figures mean; also among the notes.
    pub remarks: Vec<String>,
    /// Sentences that a reader of this row must know.
    pub notes: Vec<String>,
}

/// The interval between two events of one client.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// As planned, in seconds; absent if each event follows the last.
    pub planned_s: Figure,
    /// As it ran, in seconds.
    pub held_s: Figure,
    /// Held over planned; 1 where the plan was held.
    pub stretch: Figure,
    /// True if the interval that ran is longer than the planned one.
    pub stretched: bool,
    /// True if the plan permits that.
    pub may_stretch: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Events {
    /// In the measured windows.
    pub steady: Counts,
    /// In all phases.
    pub all: Counts,
    /// Turns due in the window that could have been taken and were not reached before its end.
    pub turns_not_started: u64,
    /// Turns due in the window and not reached, since their client waited for its last answer or a
    /// connection.
    pub turns_blocked: u64,
    /// Clients or turns that ended with a fault, in any phase, by text, most frequent first.
    pub faults_by_text: Vec<(String, u64)>,
    /// Why nothing is known of the numbers of what came, if nothing is.
    pub no_numbers: Option<Cow<'static, str>>,
}

/// What reached the clients of what was published in the measured windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Updates published for clients that were there; of another than the bundled server, those between
    /// a client's first and last, by their numbers.
    pub published: Figure,
    /// Of these, updates that reached their client, each counted once.
    pub delivered: Figure,
    /// Of these, updates that a later one replaced before they were sent.
    pub superseded: Figure,
    /// Of these, updates that never came.
    pub missing: Figure,
    /// Updates that came again.
    pub duplicated: Figure,
    /// Updates that came after a later one.
    pub reordered: Figure,
    /// Reconnects after which updates were missing.
    pub reconnect_gaps: Figure,
    /// Exchanges that brought nothing new.
    pub empty_polls: Figure,
    /// Bytes at the socket of these, both ways.
    pub empty_poll_bytes: Figure,
    /// These bytes over all bytes at the socket.
    pub empty_poll_share: Figure,
    /// Messages that clients sent.
    pub sent: u64,
    /// The time average of the age of what a client has, in µs.
    pub age_us: Figure,
}

/// A row by arithmetic, beside what was measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Predicted {
    /// True if every message costs the same, so that the bytes above TCP are predicted exactly.
    pub exact: bool,
    /// What the figures are, in words, or why there are none.
    pub basis: String,
    /// Each quantity, in the order of [`Quantity::all`].
    pub quantities: Vec<(Quantity, Prediction)>,
    /// The Kolmogorov–Smirnov distance of the delivery latency from its predicted distribution, the
    /// stated error of timers allowed; from 0 to 1.
    pub distribution_distance: Figure,
}

/// One quantity by arithmetic and as measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// By arithmetic.
    pub predicted: Figure,
    /// As measured.
    pub measured: Figure,
    /// Measured less predicted.
    pub difference: Figure,
    /// That over predicted.
    pub relative: Figure,
}

/// Bytes, characters or segments at one layer, one way, in one phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// When.
    pub phase: Phase,
    /// Which way.
    pub way: Way,
    /// What.
    pub layer: Layer,
    /// All repeats and clients together.
    pub total: Figure,
    /// For each exchange (paced) or message (pushed); measured phase only.
    pub per_message: Figure,
    /// For each update that reached a client; measured phase only.
    pub per_delivered: Figure,
    /// A second, all clients, as measured; measured phase only.
    pub per_s: Figure,
    /// The same at the planned rate; only if the interval was stretched.
    pub per_s_scaled: Figure,
}

/// The chapter's figures for a client count: overhead of one message a second and client.
#[derive(Debug, Clone, PartialEq)]
pub struct Chapter {
    /// Whether the server is the chapter's: the bundled one.
    pub applies: bool,
    /// `A`, `B` or `C` for 1,000, 10,000 and 100,000 clients.
    pub use_case: Option<char>,
    /// Bytes a second.
    pub bytes_per_s: Figure,
}

/// The distribution of one latency, in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Latencies {
    /// From what to what.
    pub metric: Metric,
    /// Values recorded.
    pub count: u64,
    /// All of them, in nanoseconds; `None` if nothing was recorded.
    pub histogram: Option<Histogram<u64>>,
    /// What the times are worth that they are made from.
    pub times: TimeQuality,
    /// The statistics, in the order of [`Statistic::ALL`].
    pub stats: Vec<Figure>,
    /// Why the median says as much of the driver as of the server, if it does.
    pub driver_bound: Option<DriverBound>,
    /// Which statistics the driver's own lateness may have made, in the order of
    /// [`Statistic::ALL`].
    pub bound: Vec<bool>,
}

/// What of the driver is more than a tenth of a median latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriverCause {
    /// The driver's own lag.
    Lag,
    /// The wait of received bytes for their client.
    KernelToClient,
}

impl DriverCause {
    /// Every cause, in the order in which it is looked for.
    pub const ALL: [DriverCause; 2] = [DriverCause::Lag, DriverCause::KernelToClient];
    /// What happened, in words.
    pub fn what(self) -> &'static str {
        match self {
            DriverCause::Lag => {
                "the driver sent late or its threads woke up late by more than a tenth of the median latency"
            }
            DriverCause::KernelToClient => {
                "received bytes waited for the driver for more than a tenth of the median latency"
            }
        }
    }
}

/// That a median latency is the driver's as much as the server's, with the figures that say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriverBound {
    /// Which latency.
    pub metric: Metric,
    /// What of the driver.
    pub cause: DriverCause,
    /// The p99 of the driver's lag, or the median of the wait for it, in nanoseconds.
    pub late_ns: u64,
    /// The median latency, in nanoseconds.
    pub median_ns: u64,
    /// What the median is below, in µs, if the times in messages are too coarse to know more of it.
    pub below_us: Option<u64>,
}

impl DriverBound {
    /// Says it of latencies with one cause, with the figures of the worst; `None` if there is none.
    pub(crate) fn describe(all: &[DriverBound]) -> Option<String> {
        let share = |one: &DriverBound| one.late_ns as f64 / (one.median_ns as f64).max(1.0);
        let worst = all.iter().max_by(|a, b| share(a).total_cmp(&share(b)))?;
        let at_worst = if all.len() > 1 { "at worst " } else { "" };
        let statistic = match worst.cause {
            DriverCause::Lag => "p99",
            DriverCause::KernelToClient => "median",
        };
        let late = human_ns(worst.late_ns as f64);
        let median = match worst.below_us {
            Some(us) => format!("below {}", human_us(us as f64)),
            None => human_ns(worst.median_ns as f64),
        };
        // A response and its service time are both in a sentence, and one of them is in the tables.
        let latency = worst.metric.name().replace('_', " ");
        Some(format!(
            "{} ({at_worst}{statistic} {late}; median {latency} {median})",
            worst.cause.what()
        ))
    }
}

/// How clients' messages of the measured windows spread to all. Times are in µs from the intended
/// moment of sending, medians and p99 over the messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Fanout {
    /// Messages that were followed.
    pub posts: u64,
    /// To a message's first receiver.
    pub first_us: [Figure; 2],
    /// To its last.
    pub last_us: [Figure; 2],
    /// Between these.
    pub spread_us: [Figure; 2],
    /// Receivers over clients, of the message that fewest had.
    pub completeness_min: Figure,
    /// The mean over all messages sent.
    pub completeness_mean: Figure,
}

/// CPU and memory, driver and server apart.
#[derive(Debug, Clone, PartialEq)]
pub struct CostFigures {
    /// Driver CPU in µs a message (see [`Events::per_message_divisor`]).
    pub driver_cpu_us: Figure,
    /// Server CPU in µs a message.
    pub server_cpu_us: Figure,
    /// What else the server's processes did for a message.
    pub server: ServerActivity,
    /// Whether the scenario lets CPU and memory of the server be known, so that a missing figure is a surprise.
    pub server_expected: bool,
    /// Resident bytes that a client adds to the driver.
    pub driver_bytes: Figure,
    /// Resident bytes that a client adds to the server.
    pub server_bytes: Figure,
    /// Resident bytes that a further client adds to the server, apart from what it takes once.
    pub server_further_bytes: Figure,
    /// Resident bytes that the server grows by for a message in the measured window; below zero if it shrinks.
    pub server_growth: Figure,
    /// Kernel bytes that a client adds, both ends where the server is on this host.
    pub kernel_bytes: Figure,
    /// CPU in µs of a turn of the `null` transport at this client count.
    pub floor_cpu_us: Figure,
    /// p99 of its lag, in µs.
    pub floor_lag_p99_us: Figure,
}

/// What a server's processes did for a message, by the kernel's counts.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerActivity {
    /// Instructions in user mode a message.
    pub instructions: Figure,
    /// CPU in user mode, in µs a message.
    pub user_us: Figure,
    /// CPU in the kernel, in µs a message.
    pub system_us: Figure,
    /// Context switches a message.
    pub context_switches: Figure,
    /// Of these, those of threads that were preempted.
    pub preemptions: Figure,
    /// Calls of the family of `read` a message.
    pub read_calls: Figure,
    /// Calls of the family of `write` a message.
    pub write_calls: Figure,
    /// Page faults a message.
    pub page_faults: Figure,
}

/// How connecting went.
#[derive(Debug, Clone, PartialEq)]
pub struct Connecting {
    /// Mean seconds from the first connect to the last.
    pub wall_s: Figure,
    /// Clients over that.
    pub per_s: Figure,
}

/// Whether the bytes add up, by three independent comparisons.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// Connections compared with the kernel's counters.
    pub connections: Figure,
    /// Connections gone before the kernel could be asked.
    pub unaudited: Figure,
    /// Connections for which the kernel has no byte counts.
    pub refused: Figure,
    /// Connections whose bytes differ from the kernel's.
    pub mismatched: Figure,
    /// Bytes at the socket that no layer explains.
    pub ledger_bytes: Figure,
    /// Bytes by which driver and kernel differ.
    pub kernel_bytes: Figure,
    /// Bytes by which driver and server differ.
    pub server_bytes: Figure,
    /// The known ones of these three, added up.
    pub unexplained_bytes: u64,
}

/// Polling over WebSocket at one client count: above 1 polling costs more, below 1 WebSocket.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Simulated clients of both.
    pub clients: u32,
    /// The polling series.
    pub polling: String,
    /// The WebSocket series.
    pub websocket: String,
    /// A ratio a quantity.
    pub ratios: Vec<Ratio>,
}

/// One ratio.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    /// The quantity's name in files.
    pub name: &'static str,
    /// The layer whose bytes are compared; `None` of other quantities.
    pub layer: Option<Layer>,
    /// The same for people, short.
    pub label: &'static str,
    /// For each message (see [`Events::per_message_divisor`]).
    pub per_message: Figure,
    /// For each second, at the planned rate; absent for latencies.
    pub per_s: Figure,
}

/// A rate of updates at which two series cost a client the same bytes of IP packets, by
/// arithmetic.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// One series, the first in the plan.
    pub a: String,
    /// The other.
    pub b: String,
    /// Updates a second and client.
    pub rate_hz: f64,
    /// What both cost: bytes of IP packets a second and client, both directions.
    pub bytes_per_s: f64,
    /// The one of them that costs less at lower rates.
    pub cheaper_below: String,
    /// The one that costs less at higher rates.
    pub cheaper_above: String,
}

named! {
    /// What a row or a run is worth.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Status {
        /// Every check is passed.
        Valid = "valid",
        /// It was ended early; what was measured is shown.
        Partial = "partial",
        /// It does not say what it was to say.
        Invalid = "invalid",
    }
}

/// What the run is worth and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The worst of the rows'.
    pub status: Status,
    /// What is against the run as a whole: why it ended early.
    pub of_run: Vec<String>,
    /// Everything that is against it, rows and limits included; empty if it is valid.
    pub reasons: Vec<String>,
    /// What `wsbench run` ends with: a run that was cut has failed, unless a signal or a limit
    /// ended it.
    pub conclusion: Conclusion,
}

impl Table {
    /// Whether the chapter's figures stand beside those of any row: not if the server is another one.
    pub fn has_chapter(&self) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row.chapter.applies)
    }

    /// Returns the findings of the scenario's limits.
    pub fn limits(&self) -> impl Iterator<Item = &Finding> {
        self.judgement.findings.iter().filter(|found| found.kind == Kind::Limit)
    }
}

impl Row {
    /// What reports know of its transport; `None` for a transport that is added to the shipped ones.
    pub fn kind(&self) -> Option<TransportKind> {
        TransportKind::named(&self.transport)
    }

    /// A volume of the measured phase.
    pub fn steady(&self, way: Way, layer: Layer) -> &Volume {
        let found = self
            .volumes
            .iter()
            .find(|v| v.phase == Phase::Steady && v.way == way && v.layer == layer);
        found.expect("summary makes a volume for every phase, way and layer")
    }
    /// The overhead of all clients a second at the planned rate, in bytes.
    pub fn overhead_per_s(&self) -> &Figure {
        self.steady(Way::Both, Layer::Overhead).per_s_planned()
    }
    /// The bytes of the messages that came in the measured windows, decompressed.
    pub fn message_bytes_down(&self) -> Figure {
        let Counts { decoded_bytes, coded_bytes, .. } = self.events.steady;
        let sent = &self.steady(Way::Down, Layer::Part(Part::Payload)).total;
        sent.map(|sent| sent - coded_bytes as f64 + decoded_bytes as f64)
    }
    /// The latencies of a metric.
    pub fn latency(&self, metric: Metric) -> &Latencies {
        &self.latencies[metric as usize]
    }
    /// What the row is worth and why, as a line.
    pub fn standing(&self) -> String {
        let texts = |some: fn(&CheckResult) -> bool| -> Vec<&str> {
            self.checks.iter().filter(|c| some(c)).map(|c| c.text.as_str()).collect()
        };
        let failed = texts(|check| !check.is_ok());
        let not_applicable = texts(|check| check.outcome == CheckOutcome::NotApplicable);
        let passed = self.checks.len() - failed.len() - not_applicable.len();
        let why = match (self.status, failed.as_slice()) {
            (Status::Valid, _) if not_applicable.is_empty() => {
                format!("all {passed} checks passed")
            }
            (Status::Valid, _) => format!(
                "{passed} checks passed, {} not applicable: {}",
                not_applicable.len(),
                not_applicable.join("; ")
            ),
            (_, []) => "ended early".to_owned(),
            (_, failed) => failed.join("; "),
        };
        format!("{}: {}: {why}", self.label(), self.status.name())
    }
    /// Series and client count, for sentences.
    pub fn label(&self) -> String {
        let clients = crate::units::thousands(self.clients.into());
        format!("{} at {clients} clients", self.series)
    }
}

impl Events {
    /// The divisor of figures "per message": completed exchanges of a transport that asks, received
    /// messages of a pushed one.
    pub fn per_message_divisor(&self) -> u64 {
        self.steady.completed
    }
    /// Updates lost, if messages tell their number.
    pub fn known_lost(&self) -> Figure {
        match &self.no_numbers {
            Some(why) => Figure::absent(why.as_ref()),
            None => Figure::count(self.steady.lost),
        }
    }
}

impl Predicted {
    /// A quantity.
    pub fn of(&self, quantity: Quantity) -> &Prediction {
        self.quantities
            .iter()
            .find(|(q, _)| *q == quantity)
            .map(|(_, p)| p)
            .expect("summary has every quantity")
    }
}

impl Volume {
    /// A second at the planned rate: scaled where the interval was stretched.
    pub fn per_s_planned(&self) -> &Figure {
        self.per_s_scaled.or(&self.per_s)
    }
}

impl Latencies {
    /// Any quantile from 0 to 1, in µs.
    pub fn quantile(&self, quantile: f64) -> Figure {
        match (&self.histogram, &self.stats[0]) {
            (Some(all), _) => self.times.known(Figure::quantile_us(all, quantile)),
            (None, absent) => absent.clone(),
        }
    }
    /// One statistic, in µs.
    pub fn stat(&self, statistic: Statistic) -> &Figure {
        &self.stats[statistic as usize]
    }
    /// True if the driver's own lateness may have made this statistic.
    pub fn is_bound(&self, statistic: Statistic) -> bool {
        self.bound[statistic as usize]
    }
    /// True if it may have made any of them.
    pub fn is_any_bound(&self) -> bool {
        self.bound.contains(&true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables have one of the latencies, and no figure below what the times in messages are exact to.
    #[test]
    fn a_driver_bound_median_is_named_and_no_more_exact_than_the_times() {
        let bound = |metric, median_ns, below_us| DriverBound {
            metric,
            cause: DriverCause::KernelToClient,
            late_ns: 131_000,
            median_ns,
            below_us,
        };
        let said = DriverBound::describe(&[
            bound(Metric::ResponseLatency, 706_000, None),
            bound(Metric::ServiceTime, 637_000, None),
        ]);
        assert!(
            said.as_deref().is_some_and(
                |said| said.ends_with("(at worst median 131 µs; median service time 637 µs)")
            ),
            "{said:?}"
        );
        let said = DriverBound::describe(&[bound(Metric::DeliveryLatency, 685_000, Some(1_000))]);
        assert!(
            said.as_deref().is_some_and(
                |said| said.ends_with("(median 131 µs; median delivery latency below 1 ms)")
            ),
            "{said:?}"
        );
    }
}

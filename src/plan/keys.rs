//! Every setting of a scenario with its default and meaning, but for the transports' own.
//!
//! These tables and the transports' `keys` are the only places that hold defaults. `resolve`
//! reads by them, and `wsbench init` and the documentation print them.

use crate::config::Key;
use crate::scenario;

/// One table of a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its name in the file; empty for the settings before the first table.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// True if a scenario can do without it.
    pub optional: bool,
}

/// Every table of a scenario, in the order in which they are best read. A `[[series]]` has its
/// transport's keys as well.
pub const SECTIONS: &[Section] = &[
    section("", ROOT, "What is run."),
    section("feed", FEED, "What is published, the same for every series."),
    optional(
        "server",
        SERVER,
        "A server that already runs. Without this table the bundled one is started.",
    ),
    optional(
        "stretch",
        STRETCH,
        "Permission to lengthen the interval if the machine cannot hold the planned rate.",
    ),
    section("series", SERIES, "A transport with its settings: one line in the charts."),
    optional(
        scenario::LIMIT,
        LIMIT,
        "A condition on a figure of the run; if it does not hold, the exit code is 99.",
    ),
];

const fn section(name: &'static str, keys: &'static [Key], about: &'static str) -> Section {
    Section { name, about, keys, optional: false }
}

const fn optional(name: &'static str, keys: &'static [Key], about: &'static str) -> Section {
    Section { name, about, keys, optional: true }
}

impl Section {
    /// Returns the line that begins it: `[feed]`, `[[series]]`; empty before the first table.
    pub fn header(&self) -> String {
        match self.name {
            "" => String::new(),
            name if [scenario::SERIES, scenario::LIMIT].contains(&name) => format!("[[{name}]]"),
            name => format!("[{name}]"),
        }
    }
}

const fn key(name: &'static str, default: Option<&'static str>, about: &'static str) -> Key {
    Key { name, default, about }
}

pub(super) const NAME: Key =
    key("name", None, "names the report's folder; by default the file's name without .toml");
pub(super) const ABOUT: Key =
    key("about", None, "one sentence on what the scenario shows; optional");
pub(super) const CLIENTS: Key =
    key("clients", None, "how many clients are connected at once, one case for each number");
pub(super) const RAMP: Key =
    key("ramp", Some("\"0s\""), "the connects are spread over this time; 0s: as fast as possible");
pub(super) const WARMUP: Key = key("warmup", Some("\"2s\""), "load before the measured window");
pub(super) const DURATION: Key = key("duration", Some("\"10s\""), "the measured window");
pub(super) const COOLDOWN: Key = key("cooldown", Some("\"1s\""), "load after the measured window");
pub(super) const TIMEOUT: Key =
    key("timeout", Some("\"10s\""), "how long one connect, upgrade or response may take");
pub(super) const DRAIN: Key = key("drain", Some("\"10s\""), "how long clients may take to end");
pub(super) const RESOLUTION: Key = key(
    "resolution",
    Some("\"500us\""),
    "turns and updates of a thread that are due within this time share one wake-up",
);
pub(super) const DRIVER_LATENESS: Key = key(
    "driver_lateness",
    None,
    "how late the driver may be by its own fault (p99) before a row is invalid, at most 1s; \
     unless given, a tenth of the median latency, at least 1ms",
);
pub(super) const DELAY: Key = key(
    "delay",
    Some("\"0s\""),
    "how long a byte takes one way between a client and its socket, at most 10s; a connect takes two",
);
pub(super) const JITTER: Key = key(
    "jitter",
    Some("\"0s\""),
    "random addition to the delay of each piece of data, never out of order; at most 10s",
);
pub(super) const JITTER_LAW: Key = key(
    "jitter_law",
    Some("\"uniform\""),
    "its distribution: \"uniform\" from 0 to the jitter, \"exponential\" with it as the mean, or \
     \"half-normal\" with it as the standard deviation",
);
pub(super) const REPEATS: Key = key("repeats", Some("1"), "how often each case is run");
pub(super) const SEED: Key = key("seed", Some("2009"), "the seed of phases and random gaps");

/// The keys before the first table.
pub(super) const ROOT: &[Key] = &[
    NAME,
    ABOUT,
    CLIENTS,
    RAMP,
    WARMUP,
    DURATION,
    COOLDOWN,
    TIMEOUT,
    DRAIN,
    RESOLUTION,
    DRIVER_LATENESS,
    DELAY,
    JITTER,
    JITTER_LAW,
    REPEATS,
    SEED,
];

pub(super) const RATE: Key = key(
    "rate",
    Some("\"1/s\""),
    "updates for each client, or messages from each client that sends",
);
pub(super) const ARRIVALS: Key =
    key("arrivals", Some("\"periodic\""), "\"periodic\", or \"poisson\" for random gaps");
pub(super) const SPREAD: Key = key(
    "spread",
    Some("true"),
    "true: each client's updates have a phase of their own; false: all at the same moment",
);
pub(super) const PAYLOAD: Key =
    key("payload", Some("\"text\""), "the form of a message: \"text\", \"binary\" or \"json\"");
pub(super) const SIZE: Key = key("size", Some("\"21B\""), "the size of a message");

pub(super) const WORKLOAD: Key = key(
    "workload",
    Some("\"ticker\""),
    "\"ticker\": the server publishes; \"echo\": it answers what each client sends; \
     \"broadcast\": what a few clients send, all receive; \"tracker\": every client sends its \
     position to all",
);
pub(super) const SENDERS: Key =
    key("senders", Some("1"), "in a broadcast, how many clients send: the first ones");
pub(super) const SEMANTICS: Key = key(
    "semantics",
    Some("\"snapshot\""),
    "\"snapshot\": a client that asks gets only the latest update; \"log\": all that it has not \
     received",
);
pub(super) const BATCH: Key = key(
    "batch",
    Some("\"0s\""),
    "updates wait this long after the first one and are sent together; 0s: sent at once",
);

pub(super) const MESSAGE_LIMIT: Key = key(
    "message_limit",
    Some("\"64KiB\""),
    "the largest message that the bundled server takes from a client, at most 64MiB; one of `size` \
     always fits. A larger one ends a WebSocket with code 1009, and a POST is answered with 413",
);

pub(super) const FEED: &[Key] =
    &[WORKLOAD, SENDERS, RATE, ARRIVALS, SPREAD, SEMANTICS, BATCH, PAYLOAD, SIZE, MESSAGE_LIMIT];

pub(super) const URL: Key =
    key("url", None, "the server's address, such as \"http://127.0.0.1:8080\"");
pub(super) const PATHS: Key =
    key("paths", Some("{}"), "the path of a series, by its label or transport");

pub(super) const SERVER: &[Key] = &[URL, PATHS];

pub(super) const STRETCH_CLIENTS: Key =
    key("clients", None, "the client counts for which the interval may be lengthened");
pub(super) const MOST: Key =
    key("most", Some("10.0"), "the longest interval, as a multiple of the planned one");

pub(super) const STRETCH: &[Key] = &[STRETCH_CLIENTS, MOST];

pub(super) const TRANSPORT: Key = key("transport", None, "how updates reach the clients");
pub(super) const LABEL: Key =
    key("label", None, "names the series in reports; by default the transport's name");

pub(super) const SERIES: &[Key] = &[TRANSPORT, LABEL];

pub(super) const LIMIT_METRIC: Key = key(
    "metric",
    None,
    "a latency such as \"delivery_latency\", or a numeric column of summary.csv; left out if the \
     condition names its metrics",
);
pub(super) const LIMIT_SERIES: Key = key(
    "series",
    None,
    "the series that it is for, by label or transport, or a list of them; by default all",
);
pub(super) const LIMIT_CLIENTS: Key =
    key("clients", None, "the client counts that it is for, one or a list; by default all");
pub(super) const CONDITION: Key = key(
    "condition",
    None,
    "what must hold: [metric [/ metric]] [avg, min, max, med, p(N), count, rate] <, <=, >, >=, == or != a value with \
     its unit; a metric may be series.metric",
);
pub(super) const ABORT_ON_FAIL: Key = key(
    "abort_on_fail",
    Some("false"),
    "true: the run ends as soon as the condition does not hold",
);
pub(super) const DELAY_ABORT_EVAL: Key = key(
    "delay_abort_eval",
    Some("\"0s\""),
    "how much of a case's measured window must have passed before it may end the run",
);
pub(super) const LIMIT_ABOUT: Key =
    key("about", None, "one sentence on what it tests, shown beside it; optional");

pub(super) const LIMIT: &[Key] = &[
    LIMIT_METRIC,
    LIMIT_SERIES,
    LIMIT_CLIENTS,
    CONDITION,
    ABORT_ON_FAIL,
    DELAY_ABORT_EVAL,
    LIMIT_ABOUT,
];

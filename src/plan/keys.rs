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
        "A server of your own. Without this table the bundled one is started.",
    ),
    optional(
        "server.tls",
        SERVER_TLS,
        "How clients use TLS with a server whose URL begins with https:// or wss://. Without a URL \
         the bundled server uses it.",
    ),
    optional("message", MESSAGE, "Where things are in the messages of a server of your own."),
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

/// Declares the keys of a table, each with its name, default and meaning, and their list.
macro_rules! keys {
    ($TABLE:ident: $($KEY:ident = ($name:literal, $default:expr, $about:literal),)+) => {
        $(pub(super) const $KEY: Key = Key { name: $name, default: $default, about: $about };)+
        pub(super) const $TABLE: &[Key] = &[$($KEY),+];
    };
}

keys! { ROOT:
    NAME = ("name", None, "names the report's folder; by default the file's name without .toml"),
    ABOUT = ("about", None, "one sentence on what the scenario shows; optional"),
    CLIENTS = ("clients", None, "how many clients are connected at once, one case for each number"),
    RAMP = ("ramp", Some("\"0s\""),
        "the connects are spread over this time; 0s: as fast as possible"),
    WARMUP = ("warmup", Some("\"2s\""), "load before the measured window"),
    DURATION = ("duration", Some("\"10s\""), "the measured window, at least 100ms"),
    COOLDOWN = ("cooldown", Some("\"1s\""), "load after the measured window"),
    TIMEOUT = ("timeout", Some("\"10s\""),
        "how long one connect, upgrade or response may take, and how long clients wait for a server \
         that does not answer yet"),
    DRAIN = ("drain", Some("\"10s\""), "how long clients may take to end"),
    RESOLUTION = ("resolution", Some("\"500us\""),
        "turns and updates of a thread that are due within this time share one wake-up"),
    DRIVER_LATENESS = ("driver_lateness", Some("\"auto\""),
        "how late the driver may be by its own fault (p99), at most 1s, if that is more than \
         \"auto\": a tenth of the median latency, at least 1ms. A row whose driver was later is \
         invalid"),
    DELAY = ("delay", Some("\"0s\""),
        "how long a byte takes one way between a client and its socket, at most 10s; a connect \
         takes two"),
    JITTER = ("jitter", Some("\"0s\""),
        "random addition to the delay of each piece of data, never out of order; at most 10s"),
    JITTER_LAW = ("jitter_law", Some("\"uniform\""),
        "its distribution: \"uniform\" from 0 to the jitter, \"exponential\" with it as the mean, \
         or \"half-normal\" with it as the standard deviation"),
    REPEATS = ("repeats", Some("1"), "how often each case is run"),
    SEED = ("seed", Some("2009"), "the seed of phases and random gaps"),
}

keys! { FEED:
    WORKLOAD = ("workload", Some("\"ticker\""),
        "\"ticker\": the server publishes; \"echo\": it answers what each client sends; \
         \"broadcast\": what a few clients send, all receive; \"tracker\": every client sends its \
         position to all"),
    SENDERS = ("senders", Some("1"), "in a broadcast, how many clients send: the first ones"),
    RATE = ("rate", Some("\"1/s\""),
        "updates for each client, or messages from each client that sends"),
    ARRIVALS = ("arrivals", Some("\"periodic\""), "\"periodic\", or \"poisson\" for random gaps"),
    SPREAD = ("spread", Some("true"),
        "true: each client's updates have a phase of their own; false: all at the same moment"),
    SEMANTICS = ("semantics", Some("\"snapshot\""),
        "\"snapshot\": a client that asks gets only the latest update; \"log\": all that it has \
         not received"),
    BATCH = ("batch", Some("\"0s\""),
        "updates wait this long after the first one and are sent together; 0s: sent at once. Of a server \
         of your own that pushes: the time between two of its messages, if it sends the latest state alone"),
    PAYLOAD = ("payload", Some("\"text\""),
        "the form of a message: \"text\", \"binary\" or \"json\" with a padding, or \"json-ticker\", \
         \"json-orderbook\" or \"text-file\" with what applications send, which compresses as theirs does"),
    SIZE = ("size", Some("\"21B\""), "the size of a message; if it is left out, a json-ticker has 367B, a \
         json-orderbook 1,148B for 20 levels and a text-file 256B"),
    MESSAGE_LIMIT = ("message_limit", Some("\"64KiB\""),
        "the largest message that the bundled server takes from a client, at most 64MiB; one of \
         `size` always fits. A larger one ends a WebSocket with code 1009, and a POST is answered \
         with 413"),
}

keys! { SERVER:
    URL = ("url", None,
        "the server's address, such as \"http://127.0.0.1:8080\"; https:// and wss:// are TLS, and \
         ws:// and wss:// the same as http:// and https://"),
    PATHS = ("paths", Some("{}"), "the path of a series, by its label or transport"),
    TLS = ("tls", Some("{}"), "a table, see [server.tls]"),
    COMMAND = ("command", Some("[]"),
        "starts the server for each case, such as [\"node\", \"server.js\", \"{port}\"], in the \
         scenario's folder, and ends it with all that it started; {port}, here and in the url, is a \
         free one"),
    READY_PATH = ("ready_path", None,
        "a path that the started server answers with 2xx once it is ready; by default the series' \
         own path, answered with anything but 5xx"),
    READY_TIMEOUT = ("ready_timeout", Some("\"30s\""),
        "how long the started server may take until it is ready"),
    PID = ("pid", None,
        "the process of a server that runs on this machine: CPU and memory are read of it and all \
         that it started; optional"),
    CGROUP = ("cgroup", None,
        "or the control group of the server, as /proc/PID/cgroup shows it, such as \
         \"/system.slice/nginx.service\"; optional"),
    DOCKER = ("docker", None, "or the container of the server; optional"),
}

keys! { SERVER_TLS:
    TLS_CA = ("ca", None, "a file with the authorities to trust (PEM); by default the system's"),
    TLS_INSECURE = ("insecure", Some("false"), "true: any certificate is accepted"),
    TLS_CERT = ("cert", None, "a file with the clients' certificate (PEM)"),
    TLS_KEY = ("key", None, "a file with its key (PEM, not encrypted)"),
    TLS_SNI = ("sni", None,
        "the name that the server is asked for and must have a certificate of; by default the URL's \
         host"),
    TLS_ALPN = ("alpn", Some("[\"http/1.1\"]"), "the protocols that are offered"),
    TLS_RESUMPTION = ("resumption", Some("true"),
        "whether a client that connects again resumes its own last session; false: every handshake \
         is a full one"),
    TLS_VERSION = ("version", None, "\"1.2\" or \"1.3\" alone; by default both are offered"),
}

keys! { MESSAGE:
    TIME = ("time", None,
        "where the time of publishing is: a JSON pointer such as \"/t\", { offset = 0, length = 13 } \
         with form = \"digits\", \"big-endian\" or \"little-endian\", or { regex = \"t=(.*?);\" } with \
         one group; without it no delivery latency is known"),
    UNIT = ("unit", Some("\"ms\""), "what the time counts: \"s\", \"ms\", \"us\" or \"ns\""),
    CLOCK = ("clock", Some("\"realtime\""),
        "since when: \"realtime\", 1970, or \"monotonic\", the machine's start"),
    TIME_RESOLUTION = ("resolution", Some("\"auto\""),
        "how exact the time is at best; \"auto\": as it is written"),
    CLOCK_BOUND = ("clock_bound", None,
        "how far the server's clock may be from this machine's, if it is on another one; without it \
         the delivery latency is absent"),
    REPLAY = ("replay", Some("\"24h\""),
        "how old a message may be that the server sends again at the subscription"),
    SEQUENCE = ("sequence", None,
        "where the message's number is, as `time`; without it loss and order are not checked"),
    ID = ("id", None,
        "where a name is that no other message has, as `time`; tells one that comes again if there \
         is no number"),
    CHANNEL = ("channel", None,
        "where the name of the channel is that the number counts in, as `time`"),
    IGNORE = ("ignore", Some("[]"),
        "messages that are no updates, such as heartbeats: a list of \"{}\" for just this text, \
         { prefix = \"ping\" }, or { pointer = \"/type\", value = \"ping\" }"),
}

keys! { STRETCH:
    STRETCH_CLIENTS = ("clients", None,
        "the client counts for which the interval may be lengthened"),
    MOST = ("most", Some("10.0"), "the longest interval, as a multiple of the planned one"),
}

keys! { SERIES:
    TRANSPORT = ("transport", None, "how updates reach the clients"),
    LABEL = ("label", None, "names the series in reports; by default the transport's name"),
    SERIES_URL = ("url", None,
        "the URL that its clients ask for, such as \"ws://127.0.0.1:8080/live\": takes the place of \
         [server] url and paths; optional"),
    SERIES_TLS = ("tls", Some("false"),
        "true: the bundled server uses TLS with this series, as it does with all if there is [server.tls]"),
    DIALECT = ("dialect", None,
        "a protocol above the transport, by name, or a file with settings of a series; what the \
         series says itself goes first, and its lists go on after those of the dialect"),
    PATH = ("path", None,
        "the path on a server of your own, unless [server] paths has one for the series"),
}

keys! { LIMIT:
    LIMIT_METRIC = ("metric", None,
        "a latency such as \"delivery_latency\", or a numeric column of summary.csv; left out if \
         the condition names its metrics"),
    LIMIT_SERIES = ("series", None,
        "the series that it is for, by label or transport, or a list of them; by default all"),
    LIMIT_CLIENTS = ("clients", None,
        "the client counts that it is for, one or a list; by default all"),
    CONDITION = ("condition", None,
        "what must hold: [metric [/ metric]] [avg, min, max, med, p(N), count, rate] <, <=, >, \
         >=, == or != a value with its unit; a metric may be series.metric"),
    ABORT_ON_FAIL = ("abort_on_fail", Some("false"),
        "true: the run ends as soon as the condition does not hold"),
    DELAY_ABORT_EVAL = ("delay_abort_eval", Some("\"0s\""),
        "how much of a case's measured window must have passed before it may end the run"),
    LIMIT_ABOUT = ("about", None, "one sentence on what it tests, shown beside it; optional"),
}

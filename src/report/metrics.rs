//! The metrics: one table of names, units and meanings, and of what limits, comparisons and
//! trackers may do with each. The columns of `summary.csv`, a row in JSON, the schema and the
//! documentation come from it. A new metric is one line here.

use crate::record::{Counts, Metric, Part};
use crate::report::chapter::{mebibits, megabits};
pub(crate) use crate::report::column::{Better, ColumnKind, Compared, Nature, WhenCompared, Whole};
pub use crate::report::column::{CellValue, Column};
use crate::report::figure::Figure;
use crate::report::layer::{Layer, Quantity, Statistic, Way};
use crate::report::table::{
    Audit, CostFigures, Delivery, Events, Fanout, Prediction, Row, ServerActivity, Volume,
};

fn text(name: &str, about: &str, get: fn(&Row) -> &str) -> Column {
    let value = move |row: &Row| CellValue::Text(get(row).to_owned());
    Column::new(ColumnKind::Text, name, "-", about, value)
}

fn flag(
    name: impl Into<String>,
    about: &str,
    get: impl Fn(&Row) -> bool + Send + Sync + 'static,
) -> Column {
    Column::new(ColumnKind::Flag, name, "-", about, move |row| CellValue::Flag(get(row)))
}

fn number(
    name: impl Into<String>,
    unit: &'static str,
    about: impl Into<String>,
    get: impl Fn(&Row) -> Figure + Send + Sync + 'static,
) -> Column {
    Column::new(ColumnKind::Number, name, unit, about, move |row| CellValue::Number(get(row)))
}

fn count(
    name: impl Into<String>,
    about: &str,
    get: impl Fn(&Row) -> u64 + Send + Sync + 'static,
) -> Column {
    Column::new(ColumnKind::Count, name, "-", about, move |row| CellValue::Count(get(row))).events()
}

/// A number that the row has as it is.
fn figure(
    name: impl Into<String>,
    unit: &'static str,
    about: impl Into<String>,
    get: impl Fn(&Row) -> &Figure + Send + Sync + 'static,
) -> Column {
    number(name, unit, about, move |row| get(row).clone())
}

fn known(figure: &Figure) -> u64 {
    figure.value().map_or(0, |value| value as u64)
}

const PUBLISHED: Whole = Whole {
    of: |row| row.delivery.published.clone(),
    if_zero: "no update was published",
    live: false,
};
const ASKED: Whole =
    Whole { of: |row| Figure::count(row.asked), if_zero: "no client was asked for", live: false };
/// Turns count when they begin, and exchanges once they are complete.
const TURNS: Whole = Whole {
    of: |row| Figure::count(row.events.steady.turns),
    if_zero: "no turn was due",
    live: false,
};
const COMPLETED: Whole = Whole {
    of: |row| Figure::count(row.events.steady.completed),
    if_zero: "no exchange was completed",
    live: true,
};
const ENDED: Whole =
    Whole { of: |row| Figure::count(ended(&row.events)), if_zero: "nothing happened", live: true };
const DUE: Whole = Whole {
    of: |row| Figure::count(row.events.steady.messages.saturating_add(row.events.steady.lost)),
    if_zero: "nothing was received",
    live: true,
};

fn ended(events: &Events) -> u64 {
    events.steady.completed.saturating_add(events.all.faults)
}

/// Every column in order.
pub fn columns() -> Vec<Column> {
    let parts = [
        identity(),
        events(),
        delivery(),
        chapter(),
        bytes(),
        predicted(),
        latencies(),
        fanout(),
        cost(),
        server_activity(),
        audit(),
        #[cfg(feature = "dummy-metric")]
        vec![count("dummy_metric", "a metric of a test", |r| r.repeats).tracked("dummy")],
    ];
    parts.into_iter().flatten().collect()
}

/// The columns as a Markdown table, for `docs/columns.md`.
pub fn markdown() -> String {
    let mut out = String::from("| column | unit | meaning |\n|---|---|---|\n");
    for c in columns() {
        out.push_str(&format!("| `{}` | {} | {} |\n", c.name, c.unit, c.about));
    }
    out
}

/// The former names of columns as a Markdown table, for `docs/columns.md`.
pub fn former_names_markdown() -> String {
    let mut out = String::from("| former | now |\n|---|---|\n");
    for column in columns() {
        for former in &column.formerly {
            out.push_str(&format!("| `{former}` | `{}` |\n", column.name));
        }
    }
    out
}

fn identity() -> Vec<Column> {
    let repeats = "times that the case was measured; the row is all of them";
    let planned = "planned interval between two events of a client";
    let window = "length of the measured windows of all repeats";
    let payload = "bytes of one update's payload; the mean of what came, if the server is your own";
    vec![
        text("series", "the label of the series", |r| &r.series),
        text("transport", "the transport's name", |r| &r.transport),
        count("clients", "simulated clients", |r| r.clients.into()).setting(),
        text("status", "`valid`, `partial` or `invalid`", |r| r.status.name()),
        count("repeats", repeats, |r| r.repeats).setting(),
        flag("paced", "whether the driver has a schedule of its own (polling)", |r| r.paced),
        figure("planned_interval_s", "s", planned, |r| &r.pace.planned_s).better(Better::Neither),
        figure("held_interval_s", "s", "the interval that ran", |r| &r.pace.held_s)
            .better(Better::Neither),
        figure("stretch_factor", "-", "held over planned interval", |r| &r.pace.stretch),
        flag("stretched", "whether the interval was stretched", |r| r.pace.stretched),
        figure("window_s", "s", window, |r| &r.window_s).better(Better::Neither),
        figure("payload_bytes", "bytes", payload, |r| &r.payload_bytes).setting(),
    ]
}

fn events() -> Vec<Column> {
    let steady = |name: &str, about: &str, of: fn(&Counts) -> u64| {
        count(name, about, move |r| of(&r.events.steady)).live_events()
    };
    let all = |name: &str, about: &str, of: fn(&Counts) -> u64| {
        count(name, about, move |r| of(&r.events.all)).live_events()
    };
    let not_started = "turns due in the measured window that the driver had not started at its end";
    let blocked = "turns due in the measured window that were not reached, since their client waited for its \
                   last answer or a connection";
    let waited =
        "turns that began late, since their client waited for its last answer or a connection";
    let negative = "latencies below zero, in no percentile";
    let completed = "exchanges that ended as they should, and received messages of a series that is pushed \
                     to, those that came again among them: figures per message are divided by it";
    let messages = "updates that the client did not have yet; those that came again are in `completed` and \
                    not here";
    let repeated = "updates that the client had already: in an answer to a poll, or pushed again";
    vec![
        count("clients_connected", "clients connected when the load began", |r| r.connected)
            .better(Better::Higher)
            .whole(ASKED)
            .samples_of(|r| r.asked),
        steady("turns", "turns whose intended time came", |c| c.turns)
            .better(Better::Neither)
            .samples_of(|r| r.events.steady.turns),
        steady("completed", completed, |c| c.completed).better(Better::Higher).whole(TURNS),
        steady("messages", messages, |c| c.messages).better(Better::Higher),
        steady("repeated", repeated, |c| c.repeated).whole(COMPLETED),
        steady("superseded", "updates that came and went between two polls", |c| c.superseded),
        number("lost", "-", "pushed updates that were skipped and did not come later", |r| {
            r.events.known_lost()
        })
        .live_events()
        .whole(DUE)
        .tracked("lost"),
        count("turns_not_started", not_started, |r| r.events.turns_not_started)
            .formerly("turns_unreached"),
        count("turns_blocked", blocked, |r| r.events.turns_blocked),
        steady("turns_waited", waited, |c| c.turns_waited),
        all(
            "messages_ignored",
            "messages that were no updates, such as heartbeats, all phases",
            |c| c.ignored,
        ),
        all(
            "messages_replayed",
            "messages with a time before their connection was made, all phases",
            |c| c.replayed,
        ),
        all("reconnects", "connections opened again, all phases", |c| c.reconnects)
            .samples_of(|r| r.connected),
        all("faults", "turns or clients that ended with a fault, all phases", |c| c.faults)
            .whole(ENDED)
            .samples_of(|r| ended(&r.events)),
        all("negative_latencies", negative, |c| c.negative_latencies),
    ]
}

fn delivery() -> Vec<Column> {
    let figure = |name: &str, unit, about: &str, of: fn(&Delivery) -> &Figure| {
        figure(name, unit, about, move |r| of(&r.delivery))
    };
    let updates = |name: &str, about: &str, of| {
        figure(name, "-", about, of).events().samples_of(|r| known(&r.delivery.published))
    };
    let happened = |name: &str, about: &str, of| figure(name, "-", about, of).live_events();
    let published = "updates published in the measured windows for clients that were there";
    let superseded = "of these, those that a later one replaced";
    let gaps = "reconnects after which updates were missing";
    let empty = "bytes at the socket of these, both ways";
    let share = "these bytes over all bytes at the socket";
    let message_bytes = "bytes of the messages that came in the measured windows: their payload, \
                         decompressed if it came compressed";
    let age = "age of what a client has, its average over the measured window";
    vec![
        updates("updates_published", published, |d| &d.published).better(Better::Neither),
        updates("updates_delivered", "of these, those that reached their client", |d| &d.delivered)
            .better(Better::Higher)
            .whole(PUBLISHED),
        updates("updates_superseded", superseded, |d| &d.superseded).whole(PUBLISHED),
        updates("updates_missing", "of these, those that never came", |d| &d.missing)
            .whole(PUBLISHED)
            .tracked("missing"),
        happened("updates_duplicated", "updates that came again", |d| &d.duplicated)
            .whole(PUBLISHED),
        happened("updates_reordered", "updates that came after a later one", |d| &d.reordered)
            .whole(PUBLISHED),
        happened("reconnect_gaps", gaps, |d| &d.reconnect_gaps),
        happened("empty_polls", "exchanges that brought nothing new", |d| &d.empty_polls)
            .whole(COMPLETED),
        figure("empty_poll_bytes", "bytes", empty, |d| &d.empty_poll_bytes),
        figure("empty_poll_share", "-", share, |d| &d.empty_poll_share).share(),
        number("message_bytes_down", "bytes", message_bytes, Row::message_bytes_down)
            .better(Better::Neither),
        count("sent", "messages that clients sent", |r| r.delivery.sent)
            .live_events()
            .better(Better::Neither),
        figure("age_of_information_us_mean", "µs", age, |d| &d.age_us),
    ]
}

/// Quantities whose difference is given as a share as well.
const RELATIVE: [Quantity; 6] = [
    Quantity::Of(Layer::Overhead),
    Quantity::Of(Layer::Wire),
    Quantity::Of(Layer::Ip),
    Quantity::DeliveryMean,
    Quantity::DeliveryWorst,
    Quantity::AgeMean,
];

fn predicted() -> Vec<Column> {
    let mut out = vec![flag(
        "prediction_exact",
        "true if arithmetic predicts the bytes above TCP exactly, false if it gives an expectation",
        |r| r.predicted.exact,
    )];
    for q in Quantity::all() {
        let name = q.name();
        let about = q.about();
        let figure = |prefix: &str, unit, how: &str, of: fn(&Prediction) -> &Figure| {
            let name = format!("{prefix}_{name}");
            let about = format!("{about}, {how}");
            figure(name, unit, about, move |r| of(r.predicted.of(q)))
        };
        out.push(
            figure("predicted", q.unit(), "by arithmetic", |p| &p.predicted)
                .better(Better::Neither),
        );
        out.push(
            figure("difference", q.unit(), "measured less predicted", |p| &p.difference)
                .formerly(format!("deviation_{name}")),
        );
        if RELATIVE.contains(&q) {
            let how = "measured less predicted over predicted";
            out.push(
                figure("relative_difference", "-", how, |p| &p.relative)
                    .share()
                    .formerly(format!("relative_deviation_{name}")),
            );
        }
    }
    out.push(
        figure(
            "delivery_latency_distribution_distance",
            "-",
            "Kolmogorov–Smirnov distance of the delivery latency from its predicted distribution, \
             from 0 to 1; two resolutions and 1 ms late are allowed",
            |r| &r.predicted.distribution_distance,
        )
        .samples_of(|r| r.latency(Metric::DeliveryLatency).count)
        .formerly("delivery_latency_law_distance"),
    );
    out
}

fn chapter() -> Vec<Column> {
    let about = |unit: &str| format!("the chapter's overhead at this client count, {unit}");
    let mbps = about("bits over 2^20, its \"Mbps\"");
    let measured = "measured overhead, all clients, in the chapter's \"Mbps\"; at the planned rate if \
                    the interval was stretched";
    let columns = vec![
        figure("chapter_overhead_bytes_per_s", "bytes/s", about("bytes a second"), |r| {
            &r.chapter.bytes_per_s
        }),
        number("chapter_overhead_mebibits_per_s", "2^20 bit/s", mbps, |r| {
            r.chapter.bytes_per_s.map(mebibits)
        }),
        number("chapter_overhead_megabits_per_s", "10^6 bit/s", about("SI megabits"), |r| {
            r.chapter.bytes_per_s.map(megabits)
        }),
        number("overhead_mebibits_per_s_planned", "2^20 bit/s", measured, |r| {
            r.overhead_per_s().map(mebibits)
        }),
        number("overhead_megabits_per_s_planned", "10^6 bit/s", "the same in SI megabits", |r| {
            r.overhead_per_s().map(megabits)
        }),
    ];
    columns.into_iter().map(Column::of_chapter).collect()
}

/// How a volume is expressed: the end of the column's name, what it is for, and the volume's figure.
type Basis = (&'static str, &'static str, fn(&Volume) -> &Figure);

const PER_MESSAGE: Basis = (
    "message",
    "for each completed exchange of a paced transport or message of a pushed one",
    |v| &v.per_message,
);
const PER_DELIVERED: Basis =
    ("delivered", "for each update that reached a client", |v| &v.per_delivered);
const PER_S: Basis = ("s", "a second, all clients, as measured", |v| &v.per_s);
const PER_S_SCALED: Basis =
    ("s_scaled", "a second, scaled to the planned rate; only if the interval was stretched", |v| {
        &v.per_s_scaled
    });

fn unit(layer: Layer, per: &str) -> &'static str {
    let [message, update, second] = match layer.unit() {
        "bytes" => ["bytes/message", "bytes/update", "bytes/s"],
        "characters" => ["characters/message", "characters/update", "characters/s"],
        _ => ["segments/message", "segments/update", "segments/s"],
    };
    match per {
        "message" => message,
        "delivered" => update,
        _ => second,
    }
}

fn volume(layer: Layer, way: Way, (per, about, of): Basis) -> Column {
    let (direction, words) = match way {
        Way::Up => ("_up", ", client to server"),
        Way::Down => ("_down", ", server to client"),
        Way::Both => ("", ""),
    };
    let column = figure(
        format!("{}{direction}_per_{per}", layer.name()),
        unit(layer, per),
        format!("{}{words}; {about}", layer.about()),
        move |r| of(r.steady(way, layer)),
    )
    // Packets are the kernel's, which is asked at the end.
    .live(matches!(per, "message" | "delivered") && !layer.is_kernels());
    match (layer, way, per) {
        (Layer::Overhead, Way::Both, "message") => column.tracked("overhead"),
        (Layer::Ip, Way::Both, "message") => column.tracked("TCP/IP"),
        (Layer::Wire, Way::Up, "message") => column.beside("bytes to the server"),
        (Layer::Wire, Way::Down, "message") => column.beside("bytes from the server"),
        (Layer::Segments, Way::Up, "message") => column.beside("segments to the server"),
        (Layer::Segments, Way::Down, "message") => column.beside("segments from the server"),
        _ => column,
    }
}

fn bytes() -> Vec<Column> {
    let split =
        [Layer::Part(Part::Payload), Layer::Overhead, Layer::Wire, Layer::Ip, Layer::Segments];
    let ways = |layer: Layer| {
        if split.contains(&layer) { &[Way::Both, Way::Up, Way::Down][..] } else { &[Way::Both] }
    };
    let each = |layer, basis| ways(layer).iter().map(move |&way| volume(layer, way, basis));
    let mut out: Vec<Column> = Layer::all().flat_map(|layer| each(layer, PER_MESSAGE)).collect();
    let layers = [Layer::Overhead, Layer::Wire, Layer::Ip];
    out.extend(layers.map(|layer| volume(layer, Way::Both, PER_DELIVERED)));
    for basis in [PER_S, PER_S_SCALED] {
        let layers = split.into_iter().chain([Layer::HeadChars]);
        out.extend(layers.flat_map(|layer| each(layer, basis)));
    }
    out
}

/// What a latency runs from and to.
pub(crate) fn metric_about(metric: Metric) -> &'static str {
    match metric {
        Metric::DeliveryLatency => "from the intended publishing to the client having the update",
        Metric::ResponseLatency => "from the intended moment of a request to its whole response",
        Metric::ServiceTime => "from the actual sending of a request to its whole response",
        Metric::DriverLag => "from the intended moment of a turn to its start",
        Metric::ProbeLateness => "how late a probe of the driver's thread came: 50 a second",
        Metric::KernelToClient => {
            "from the kernel having the bytes to the client having read them, on a sample of the \
             connections"
        }
        Metric::PeakAge => "age of what a client has when something newer comes",
        Metric::ConnectTime => "from connect to the connection",
        Metric::UpgradeTime => {
            "from the upgrade request to the upgraded connection, or to the answer that `ready` \
             waits for"
        }
        Metric::TlsHandshakeTime => "from the connection to the end of the handshake of TLS",
        Metric::DelayError => "how late a piece left the delay line",
    }
}

fn latencies() -> Vec<Column> {
    let mut out = Vec::new();
    for metric in Metric::ALL {
        let name = metric.name();
        let values = move |r: &Row| r.latency(metric).count;
        out.push(
            count(format!("{name}_count"), "values recorded", values)
                .live_events()
                .better(Better::Neither)
                .of_latency(metric, None),
        );
        for statistic in Statistic::ALL {
            let column = number(
                format!("{name}_us_{}", statistic.name()),
                "µs",
                format!("{}, {}", metric_about(metric), statistic.name().replace('_', ".")),
                move |r| r.latency(metric).stat(statistic).clone(),
            );
            let column = column.of_latency(metric, Some(statistic));
            // A high percentile varies more than a median.
            let is_delivery = metric == Metric::DeliveryLatency;
            out.push(match (metric.is_headline(), statistic) {
                (true, Statistic::P50) => {
                    let label =
                        if is_delivery { "delivery latency p50" } else { "response latency p50" };
                    column.paired(0.05, WhenCompared::Headline).tracked(label)
                }
                (true, Statistic::P99) => {
                    let label =
                        if is_delivery { "delivery latency p99" } else { "response latency p99" };
                    column.paired(0.10, WhenCompared::Headline).tracked(label)
                }
                _ => column,
            });
        }
    }
    for metric in [Metric::DeliveryLatency, Metric::ResponseLatency, Metric::ServiceTime] {
        out.push(flag(
            format!("{}_driver_bound", metric.name()),
            "whether the median is less than ten times the p99 of the driver's lag, or than ten times the \
             median from kernel to client",
            move |r| r.latency(metric).driver_bound.is_some(),
        ));
        out.push(flag(
            format!("{}_p99_driver_bound", metric.name()),
            "whether the p99 of the driver's own lateness is above a tenth of the p99",
            move |r| r.latency(metric).is_bound(Statistic::P99),
        ));
    }
    out
}

/// How clients' messages spread.
fn fanout() -> Vec<Column> {
    let posts = |r: &Row| r.fanout.posts;
    let mut out = vec![
        count("fanout_posts", "clients' messages whose spreading was followed", posts)
            .better(Better::Neither),
    ];
    type Pick = fn(&Fanout) -> &[Figure; 2];
    let times: [(&str, &str, Pick); 3] = [
        ("first", "from the intended sending of a message to its first receiver", |f| &f.first_us),
        ("last", "from the intended sending of a message to its last receiver", |f| &f.last_us),
        ("spread", "from a message's first receiver to its last", |f| &f.spread_us),
    ];
    for (name, about, of) in times {
        out.extend(["p50", "p99"].into_iter().enumerate().map(|(n, quantile)| {
            let name = format!("fanout_{name}_us_{quantile}");
            figure(name, "µs", format!("{about}, {quantile}"), move |r| &of(&r.fanout)[n])
        }));
    }
    let least = "receivers over clients, of the message that fewest had";
    let mean = "receivers over clients, the mean over all messages sent";
    let shares = [
        figure("fanout_completeness_min", "-", least, |r| &r.fanout.completeness_min),
        figure("fanout_completeness_mean", "-", mean, |r| &r.fanout.completeness_mean),
    ];
    out.extend(shares.map(|column| column.share().better(Better::Higher)));
    out.into_iter().map(|column| column.samples_of(posts)).collect()
}

/// Bytes a message that a server's memory may grow by more than another's: half of the smallest block of
/// usual allocators, so that one which keeps anything of each message is beyond it.
const GROWTH_MARGIN: f64 = 8.0;

/// What the driver's memory is, and why no sentence compares it in small runs.
const OF_DRIVER: &str = "added to the driver; with fewer than 300 clients most of it is what its process takes once, \
                         so that no sentence of a summary compares it";

fn cost() -> Vec<Column> {
    let cpu = |name: &str, about: &str, of: fn(&CostFigures) -> &Figure| {
        figure(name, "µs/message", about, move |r| of(&r.cost))
    };
    let memory = |name: &str, about: &str, of: fn(&CostFigures) -> &Figure| {
        figure(name, "bytes/client", about, move |r| of(&r.cost))
    };
    let further = "what each further client adds to the server while the clients connect, by the slope (least \
                   squares) through readings at eighths of a `ramp` of 320 ms or more. What the server takes \
                   once, for any number of clients, is not in it, but in `server_resident_bytes_per_client`; \
                   and nothing of the load";
    let growth = "what the server's memory grew by over the measured window, from readings ten times a second: \
                  the median of the slopes between all of them (Theil–Sen), times the window, over its messages. \
                  Below zero if it shrank";
    let lag = "p99 of the `null` transport's lag";
    let wall = "from the first connect to the last, mean";
    vec![
        cpu("driver_cpu_us_per_message", "the driver's CPU, user and system", |c| &c.driver_cpu_us)
            .paired(0.05, WhenCompared::OwnDriver)
            .tracked("driver CPU"),
        cpu("server_cpu_us_per_message", "the server's CPU, user and system", |c| &c.server_cpu_us)
            .paired(0.05, WhenCompared::CpuTime)
            .tracked("server CPU"),
        memory("driver_resident_bytes_per_client", OF_DRIVER, |c| &c.driver_bytes)
            .paired_memory(0.05, WhenCompared::OwnDriver)
            .tracked("driver memory"),
        memory("server_resident_bytes_per_client", "added to the server", |c| &c.server_bytes)
            .paired_memory(0.05, WhenCompared::Always)
            .tracked("server memory"),
        memory("server_resident_bytes_per_further_client", further, |c| &c.server_further_bytes)
            .compared(Compared::Kept),
        figure("server_resident_growth_bytes_per_message", "bytes/message", growth, |r| {
            &r.cost.server_growth
        })
        .paired_by_difference(GROWTH_MARGIN, WhenCompared::Always),
        memory("kernel_bytes_per_client", "socket memory added to the host's kernel", |c| {
            &c.kernel_bytes
        })
        .compared(Compared::Kept),
        figure("floor_cpu_us_per_turn", "µs/turn", "the `null` transport's CPU", |r| {
            &r.cost.floor_cpu_us
        }),
        figure("floor_driver_lag_us_p99", "µs", lag, |r| &r.cost.floor_lag_p99_us),
        figure("connect_wall_s", "s", wall, |r| &r.connecting.wall_s).samples_of(|r| r.connected),
        figure("connects_per_s", "1/s", "clients over that", |r| &r.connecting.per_s)
            .better(Better::Higher)
            .samples_of(|r| r.connected),
    ]
}

/// What the server's processes did for a message: what can be seen of the cause of a cost.
fn server_activity() -> Vec<Column> {
    let of =
        |name: &str, unit, about: &str, named: &'static str, of: fn(&ServerActivity) -> &Figure| {
            figure(name, unit, about, move |r| of(&r.cost.server)).beside(named)
        };
    let instructions = "instructions of the server's processes in user mode, by the processor's counter \
                        (perf_event_open): absent if the machine does not count them, as most virtual \
                        machines, or the system does not let this user count";
    let user = "the server's CPU in user mode: its share by the kernel's account, which is rounded to 10 ms unless the \
                server is the bundled one";
    let system = "the server's CPU in the kernel, by the same account";
    let switches = "context switches of the server's threads. Those of a thread that began and ended within \
                    the measured window are not among them, and if one ended that was there before, there is \
                    no figure";
    let preempted = "of these, those in which a thread was preempted before it waited for anything";
    let reads = "the server's calls of read, readv, pread and their kin (`syscr` in /proc/PID/io), on files, \
                 pipes and sockets. The kernel does not count recv, recvfrom, recvmsg and io_uring there";
    let writes = "the server's calls of write, writev and their kin (`syscw`). The kernel does not count send, \
                  sendto, sendmsg and io_uring there";
    let faults = "page faults of the server, with and without a read from a disk";
    vec![
        of(
            "server_instructions_per_message",
            "instructions/message",
            instructions,
            "instructions",
            |s| &s.instructions,
        )
        .paired(0.05, WhenCompared::Instructions),
        of("server_user_us_per_message", "µs/message", user, "user time", |s| &s.user_us),
        of("server_system_us_per_message", "µs/message", system, "system time", |s| &s.system_us),
        of(
            "server_context_switches_per_message",
            "switches/message",
            switches,
            "context switches",
            |s| &s.context_switches,
        ),
        of("server_preemptions_per_message", "switches/message", preempted, "preemptions", |s| {
            &s.preemptions
        }),
        of("server_read_calls_per_message", "calls/message", reads, "calls of read", |s| {
            &s.read_calls
        }),
        of("server_write_calls_per_message", "calls/message", writes, "calls of write", |s| {
            &s.write_calls
        }),
        of("server_page_faults_per_message", "faults/message", faults, "page faults", |s| {
            &s.page_faults
        }),
    ]
}

fn audit() -> Vec<Column> {
    let audited = |name: &str, unit, about: &str, of: fn(&Audit) -> &Figure| {
        figure(name, unit, about, move |r| of(&r.audit)).samples_of(|r| known(&r.audit.connections))
    };
    let unaudited = "connections gone before they could be compared";
    let refused = "connections for which the kernel has no byte counts";
    let mismatched = "connections that differ from the kernel's count";
    let kernel = "difference between driver and kernel";
    let server = "difference between driver and server";
    vec![
        audited("audit_connections", "-", "connections compared with the kernel", |a| {
            &a.connections
        })
        .better(Better::Higher),
        audited("audit_unaudited", "-", unaudited, |a| &a.unaudited),
        audited("audit_refused", "-", refused, |a| &a.refused),
        audited("audit_mismatched", "-", mismatched, |a| &a.mismatched),
        audited("audit_ledger_bytes", "bytes", "socket bytes that no layer explains", |a| {
            &a.ledger_bytes
        }),
        audited("audit_kernel_bytes", "bytes", kernel, |a| &a.kernel_bytes),
        audited("audit_server_bytes", "bytes", server, |a| &a.server_bytes),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_or_tracked_is_a_number_that_is_better_lower() {
        let special = |c: &Column| c.tracked.is_some() || c.compared != Compared::No;
        for column in columns().iter().filter(|c| special(c)) {
            assert!(column.is_number() && column.better == Better::Lower, "{}", column.name);
        }
    }
}

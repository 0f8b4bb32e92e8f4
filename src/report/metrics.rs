//! The columns of `summary.csv` and of a row in JSON: one table of names, units and meanings,
//! from which the files and the README's documentation come.

use crate::record::{Metric, Part};
use crate::report::figure::Figure;
use crate::report::layer::{Layer, Quantity, Statistic, Way};
use crate::report::table::{Delivery, Row, Volume};

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A number that may be absent.
    Number(Figure),
    /// Yes or no.
    Flag(bool),
}

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`Cell::Text`].
    Text,
    /// [`Cell::Count`].
    Count,
    /// [`Cell::Number`].
    Number,
    /// [`Cell::Flag`].
    Flag,
}

type Getter = Box<dyn Fn(&Row) -> Cell + Send + Sync>;

/// A column.
pub struct Column {
    /// Its name: snake case, with layer, direction and unit.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// Its unit, or `-`.
    pub unit: &'static str,
    /// What it holds, in a sentence.
    pub about: String,
    get: Getter,
}

impl Column {
    /// The row's value.
    pub fn get(&self, row: &Row) -> Cell {
        (self.get)(row)
    }
}

fn column(
    kind: Kind,
    name: impl Into<String>,
    unit: &'static str,
    about: impl Into<String>,
    get: impl Fn(&Row) -> Cell + Send + Sync + 'static,
) -> Column {
    Column { name: name.into(), kind, unit, about: about.into(), get: Box::new(get) }
}

fn text(name: &str, about: &str, get: fn(&Row) -> &str) -> Column {
    column(Kind::Text, name, "-", about, move |row| Cell::Text(get(row).to_owned()))
}

fn flag(
    name: impl Into<String>,
    about: &str,
    get: impl Fn(&Row) -> bool + Send + Sync + 'static,
) -> Column {
    column(Kind::Flag, name, "-", about, move |row| Cell::Flag(get(row)))
}

fn number(
    name: impl Into<String>,
    unit: &'static str,
    about: impl Into<String>,
    get: impl Fn(&Row) -> Figure + Send + Sync + 'static,
) -> Column {
    column(Kind::Number, name, unit, about, move |row| Cell::Number(get(row)))
}

fn count(
    name: impl Into<String>,
    about: &str,
    get: impl Fn(&Row) -> u64 + Send + Sync + 'static,
) -> Column {
    column(Kind::Count, name, "-", about, move |row| Cell::Count(get(row)))
}

/// Every column in order.
pub fn columns() -> Vec<Column> {
    let mut all = identity();
    all.extend(events());
    all.extend(delivery());
    all.extend(chapter());
    all.extend(bytes());
    all.extend(predicted());
    all.extend(latencies());
    all.extend(fanout());
    all.extend(cost());
    all.extend(audit());
    all
}

/// The columns as a Markdown table, for the README.
pub fn markdown() -> String {
    let mut out = String::from("| column | unit | meaning |\n|---|---|---|\n");
    for c in columns() {
        out.push_str(&format!("| `{}` | {} | {} |\n", c.name, c.unit, c.about));
    }
    out
}

fn identity() -> Vec<Column> {
    vec![
        text("series", "the label of the series", |r| &r.series),
        text("transport", "the transport's name", |r| &r.transport),
        count("clients", "simulated clients", |r| r.clients.into()),
        text("status", "`valid`, `partial` or `invalid`", |r| r.status.name()),
        count("repeats", "times that the case was measured; the row is all of them", |r| r.repeats),
        flag("paced", "whether the driver has a schedule of its own (polling)", |r| r.paced),
        number("planned_interval_s", "s", "planned interval between two events of a client", |r| {
            r.pace.planned_s.clone()
        }),
        number("held_interval_s", "s", "the interval that ran", |r| r.pace.held_s.clone()),
        number("stretch_factor", "-", "held over planned interval", |r| r.pace.stretch.clone()),
        flag("stretched", "whether the interval was stretched", |r| r.pace.stretched),
        number("window_s", "s", "length of the measured windows of all repeats", |r| {
            r.window_s.clone()
        }),
        count("payload_bytes", "bytes of one update's payload", |r| r.payload_bytes.into()),
    ]
}

fn events() -> Vec<Column> {
    vec![
        count("clients_connected", "clients connected when the load began", |r| r.connected),
        count("turns", "turns whose intended time came", |r| r.events.turns),
        count("completed", "exchanges that ended as they should", |r| r.events.completed),
        count("messages", "updates that the client did not have yet", |r| r.events.messages),
        count("repeated", "polls answered with an update that the client had", |r| {
            r.events.repeated
        }),
        count("superseded", "updates that came and went between two polls", |r| {
            r.events.superseded
        }),
        number("lost", "-", "pushed updates that never came", |r| r.events.known_lost()),
        count("turns_unreached", "turns due in the window and not reached before its end", |r| {
            r.events.turns_unreached
        }),
        count("reconnects", "connections opened again, all phases", |r| r.events.reconnects),
        count("faults", "turns or clients that ended with a fault, all phases", |r| {
            r.events.faults
        }),
        count("negative_latencies", "latencies below zero, in no percentile", |r| {
            r.events.negative_latencies
        }),
    ]
}

fn delivery() -> Vec<Column> {
    let figure = |name: &str, unit, about: &str, of: fn(&Delivery) -> &Figure| {
        number(name, unit, about, move |r| of(&r.delivery).clone())
    };
    let none = "-";
    let published = "updates published in the measured windows for clients that were there";
    vec![
        figure("updates_published", none, published, |d| &d.published),
        figure("updates_delivered", none, "of these, those that reached their client", |d| {
            &d.delivered
        }),
        figure("updates_superseded", none, "of these, those that a later one replaced", |d| {
            &d.superseded
        }),
        figure("updates_missing", none, "of these, those that never came", |d| &d.missing),
        figure("updates_duplicated", none, "updates that came again", |d| &d.duplicated),
        figure("updates_reordered", none, "updates that came after a later one", |d| &d.reordered),
        figure("reconnect_gaps", none, "reconnects after which updates were missing", |d| {
            &d.reconnect_gaps
        }),
        figure("empty_polls", none, "exchanges that brought nothing new", |d| &d.empty_polls),
        figure("empty_poll_bytes", "bytes", "bytes at the socket of these, both ways", |d| {
            &d.empty_poll_bytes
        }),
        figure("empty_poll_share", none, "these bytes over all bytes at the socket", |d| {
            &d.empty_poll_share
        }),
        count("sent", "messages that clients sent", |r| r.delivery.sent),
        figure(
            "age_of_information_us_mean",
            "µs",
            "age of what a client has, its average over the measured window",
            |d| &d.age_us,
        ),
    ]
}

/// Quantities whose deviation is given as a share as well.
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
        "whether arithmetic foretells the bytes above TCP exactly, or as an expectation",
        |r| r.predicted.exact,
    )];
    for q in Quantity::all() {
        let about = format!("{}, by arithmetic", q.about());
        out.push(number(format!("predicted_{}", q.name()), q.unit(), about, move |r| {
            r.predicted.of(q).predicted.clone()
        }));
        let about = format!("{}, measured less predicted", q.about());
        out.push(number(format!("deviation_{}", q.name()), q.unit(), about, move |r| {
            r.predicted.of(q).deviation.clone()
        }));
        if RELATIVE.contains(&q) {
            let about = format!("{}, measured less predicted over predicted", q.about());
            out.push(number(format!("relative_deviation_{}", q.name()), "-", about, move |r| {
                r.predicted.of(q).relative.clone()
            }));
        }
    }
    out.push(number(
        "delivery_latency_law_distance",
        "-",
        "Kolmogorov–Smirnov distance of the delivery latency from its law, from 0 to 1; two \
         resolutions and 1 ms late are allowed",
        |r| r.predicted.law_distance.clone(),
    ));
    out
}

fn chapter() -> Vec<Column> {
    let about = |unit: &str| format!("the chapter's overhead at this client count, {unit}");
    vec![
        number("chapter_overhead_bytes_per_s", "bytes/s", about("bytes a second"), |r| {
            r.chapter.bytes_per_s.clone()
        }),
        number(
            "chapter_overhead_mebibits_per_s",
            "2^20 bit/s",
            about("bits over 2^20, its \"Mbps\""),
            |r| r.chapter.mebibits_per_s.clone(),
        ),
        number("chapter_overhead_megabits_per_s", "10^6 bit/s", about("SI megabits"), |r| {
            r.chapter.megabits_per_s.clone()
        }),
        number(
            "overhead_mebibits_per_s_planned",
            "2^20 bit/s",
            "measured overhead, all clients, in the chapter's \"Mbps\"; at the planned rate where \
             the interval was stretched",
            |r| r.overhead_mebibits_per_s.clone(),
        ),
        number("overhead_megabits_per_s_planned", "10^6 bit/s", "the same in SI megabits", |r| {
            r.overhead_megabits_per_s.clone()
        }),
    ]
}

/// How a volume is expressed.
struct Basis {
    suffix: &'static str,
    unit_suffix: &'static str,
    about: &'static str,
    of: fn(&Volume) -> &Figure,
}

const PER_MESSAGE: Basis = Basis {
    suffix: "per_message",
    unit_suffix: "/message",
    about: "for each completed exchange of a paced transport or message of a pushed one",
    of: |v| &v.per_message,
};
const PER_DELIVERED: Basis = Basis {
    suffix: "per_delivered",
    unit_suffix: "/update",
    about: "for each update that reached a client",
    of: |v| &v.per_delivered,
};
const PER_S: Basis = Basis {
    suffix: "per_s",
    unit_suffix: "/s",
    about: "a second, all clients, as measured",
    of: |v| &v.per_s,
};
const PER_S_SCALED: Basis = Basis {
    suffix: "per_s_scaled",
    unit_suffix: "/s",
    about: "a second, scaled to the planned rate; only where the interval was stretched",
    of: |v| &v.per_s_scaled,
};

fn unit(layer: Layer, basis: &Basis) -> &'static str {
    match (layer.unit(), basis.unit_suffix) {
        ("bytes", "/message") => "bytes/message",
        ("bytes", "/update") => "bytes/update",
        ("bytes", _) => "bytes/s",
        ("characters", "/message") => "characters/message",
        ("characters", "/update") => "characters/update",
        ("characters", _) => "characters/s",
        (_, "/message") => "segments/message",
        (_, "/update") => "segments/update",
        _ => "segments/s",
    }
}

fn volume(layer: Layer, way: Way, basis: &'static Basis) -> Column {
    let (direction, words) = match way {
        Way::Up => ("_up", ", client to server"),
        Way::Down => ("_down", ", server to client"),
        Way::Both => ("", ""),
    };
    number(
        format!("{}{direction}_{}", layer.name(), basis.suffix),
        unit(layer, basis),
        format!("{}{words}; {}", layer.about(), basis.about),
        move |r| (basis.of)(r.steady(way, layer)).clone(),
    )
}

fn bytes() -> Vec<Column> {
    let split =
        [Layer::Part(Part::Payload), Layer::Overhead, Layer::Wire, Layer::Ip, Layer::Segments];
    let mut out = Vec::new();
    for layer in Layer::all() {
        out.push(volume(layer, Way::Both, &PER_MESSAGE));
        if split.contains(&layer) {
            out.push(volume(layer, Way::Up, &PER_MESSAGE));
            out.push(volume(layer, Way::Down, &PER_MESSAGE));
        }
    }
    for layer in [Layer::Overhead, Layer::Wire, Layer::Ip] {
        out.push(volume(layer, Way::Both, &PER_DELIVERED));
    }
    for basis in [&PER_S, &PER_S_SCALED] {
        for layer in split.into_iter().chain([Layer::HeadChars]) {
            out.push(volume(layer, Way::Both, basis));
            if layer != Layer::HeadChars {
                out.push(volume(layer, Way::Up, basis));
                out.push(volume(layer, Way::Down, basis));
            }
        }
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
        Metric::PeakAge => "age of what a client has when something newer comes",
        Metric::ConnectTime => "from connect to the connection",
        Metric::UpgradeTime => "from the upgrade request to the upgraded connection",
        Metric::DelayError => "how late a piece left the delay line",
    }
}

fn latencies() -> Vec<Column> {
    let mut out = Vec::new();
    for metric in Metric::ALL {
        let name = metric.name();
        out.push(count(format!("{name}_count"), "values recorded", move |r| {
            r.latency(metric).count
        }));
        for statistic in Statistic::ALL {
            out.push(number(
                format!("{name}_us_{}", statistic.name()),
                "µs",
                format!("{}, {}", metric_about(metric), statistic.name().replace('_', ".")),
                move |r| r.latency(metric).stat(statistic).clone(),
            ));
        }
    }
    for metric in [Metric::DeliveryLatency, Metric::ResponseLatency, Metric::ServiceTime] {
        out.push(flag(
            format!("{}_driver_bound", metric.name()),
            "whether the median is less than ten times the p99 of the driver's lag",
            move |r| r.latency(metric).driver_bound,
        ));
    }
    out
}

/// How clients' messages spread.
fn fanout() -> Vec<Column> {
    let mut out =
        vec![count("fanout_posts", "clients' messages whose spreading was followed", |r| {
            r.fanout.posts
        })];
    type Pick = fn(&Row) -> &[Figure; 2];
    let times: [(&str, &str, Pick); 3] = [
        ("first", "from the intended sending of a message to its first receiver", |r| {
            &r.fanout.first_us
        }),
        ("last", "from the intended sending of a message to its last receiver", |r| {
            &r.fanout.last_us
        }),
        ("spread", "from a message's first receiver to its last", |r| &r.fanout.spread_us),
    ];
    for (name, about, pick) in times {
        for (index, quantile) in ["p50", "p99"].into_iter().enumerate() {
            let name = format!("fanout_{name}_us_{quantile}");
            out.push(number(name, "µs", format!("{about}, {quantile}"), move |r| {
                pick(r)[index].clone()
            }));
        }
    }
    out.push(number(
        "fanout_completeness_min",
        "-",
        "receivers over clients, of the message that fewest had",
        |r| r.fanout.completeness_min.clone(),
    ));
    out.push(number(
        "fanout_completeness_mean",
        "-",
        "receivers over clients, the mean over all messages sent",
        |r| r.fanout.completeness_mean.clone(),
    ));
    out
}

fn cost() -> Vec<Column> {
    let cpu = "µs/message";
    let memory = "bytes/client";
    vec![
        number("driver_cpu_us_per_message", cpu, "the driver's CPU, user and system", |r| {
            r.cost.driver_cpu_us.clone()
        }),
        number("server_cpu_us_per_message", cpu, "the server's CPU, user and system", |r| {
            r.cost.server_cpu_us.clone()
        }),
        number("driver_resident_bytes_per_client", memory, "added to the driver", |r| {
            r.cost.driver_bytes.clone()
        }),
        number("server_resident_bytes_per_client", memory, "added to the server", |r| {
            r.cost.server_bytes.clone()
        }),
        number(
            "kernel_bytes_per_client",
            memory,
            "socket memory added to the host's kernel",
            |r| r.cost.kernel_bytes.clone(),
        ),
        number("floor_cpu_us_per_turn", "µs/turn", "the `null` transport's CPU", |r| {
            r.cost.floor_cpu_us.clone()
        }),
        number("floor_driver_lag_us_p99", "µs", "p99 of the `null` transport's lag", |r| {
            r.cost.floor_lag_p99_us.clone()
        }),
        number("connect_wall_s", "s", "from the first connect to the last, mean", |r| {
            r.connecting.wall_s.clone()
        }),
        number("connects_per_s", "1/s", "clients over that", |r| r.connecting.per_s.clone()),
    ]
}

fn audit() -> Vec<Column> {
    let bytes = "bytes";
    vec![
        number("audit_connections", "-", "connections compared with the kernel", |r| {
            r.audit.connections.clone()
        }),
        number("audit_unaudited", "-", "connections gone before they could be compared", |r| {
            r.audit.unaudited.clone()
        }),
        number("audit_mismatched", "-", "connections that differ from the kernel's count", |r| {
            r.audit.mismatched.clone()
        }),
        number("audit_ledger_bytes", bytes, "socket bytes that no layer explains", |r| {
            r.audit.ledger_bytes.clone()
        }),
        number("audit_kernel_bytes", bytes, "difference between driver and kernel", |r| {
            r.audit.kernel_bytes.clone()
        }),
        number("audit_server_bytes", bytes, "difference between driver and server", |r| {
            r.audit.server_bytes.clone()
        }),
    ]
}

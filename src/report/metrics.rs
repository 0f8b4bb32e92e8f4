//! The metrics: one table of names, units and meanings, and of what limits, comparisons and
//! trackers may do with each. The columns of `summary.csv`, a row in JSON, the schema and the
//! documentation come from it. A new metric is one line here.

use crate::record::{Metric, Part};
pub use crate::report::column::{
    Better, CellValue, Column, ColumnKind, Compared, Nature, WhenCompared, Whole,
};
use crate::report::figure::Figure;
use crate::report::layer::{Layer, Quantity, Statistic, Way};
use crate::report::table::{Delivery, Row, Volume};

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
const TURNS: Whole =
    Whole { of: |row| Figure::count(row.events.turns), if_zero: "no turn was due", live: false };
const COMPLETED: Whole = Whole {
    of: |row| Figure::count(row.events.completed),
    if_zero: "no exchange was completed",
    live: true,
};
const ENDED: Whole = Whole {
    of: |row| Figure::count(row.events.completed.saturating_add(row.events.faults)),
    if_zero: "nothing happened",
    live: true,
};
const DUE: Whole = Whole {
    of: |row| Figure::count(row.events.messages.saturating_add(row.events.lost)),
    if_zero: "nothing was received",
    live: true,
};

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
    #[cfg(feature = "dummy-metric")]
    all.push(count("dummy_metric", "a metric of a test", |r| r.repeats).tracked("dummy"));
    all
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
    vec![
        text("series", "the label of the series", |r| &r.series),
        text("transport", "the transport's name", |r| &r.transport),
        count("clients", "simulated clients", |r| r.clients.into()).setting(),
        text("status", "`valid`, `partial` or `invalid`", |r| r.status.name()),
        count("repeats", "times that the case was measured; the row is all of them", |r| r.repeats)
            .setting(),
        flag("paced", "whether the driver has a schedule of its own (polling)", |r| r.paced),
        number("planned_interval_s", "s", "planned interval between two events of a client", |r| {
            r.pace.planned_s.clone()
        })
        .better(Better::Neither),
        number("held_interval_s", "s", "the interval that ran", |r| r.pace.held_s.clone())
            .better(Better::Neither),
        number("stretch_factor", "-", "held over planned interval", |r| r.pace.stretch.clone()),
        flag("stretched", "whether the interval was stretched", |r| r.pace.stretched),
        number("window_s", "s", "length of the measured windows of all repeats", |r| {
            r.window_s.clone()
        })
        .better(Better::Neither),
        Column::new(
            ColumnKind::Count,
            "payload_bytes",
            "bytes",
            "bytes of one update's payload",
            |r| CellValue::Count(r.payload_bytes.into()),
        )
        .setting(),
    ]
}

fn events() -> Vec<Column> {
    vec![
        count("clients_connected", "clients connected when the load began", |r| r.connected)
            .better(Better::Higher)
            .whole(ASKED)
            .samples_of(|r| r.asked),
        count("turns", "turns whose intended time came", |r| r.events.turns)
            .live_events()
            .better(Better::Neither)
            .samples_of(|r| r.events.turns),
        count("completed", "exchanges that ended as they should", |r| r.events.completed)
            .live_events()
            .better(Better::Higher)
            .whole(TURNS),
        count("messages", "updates that the client did not have yet", |r| r.events.messages)
            .live_events()
            .better(Better::Higher),
        count("repeated", "polls answered with an update that the client had", |r| {
            r.events.repeated
        })
        .live_events()
        .whole(COMPLETED),
        count("superseded", "updates that came and went between two polls", |r| {
            r.events.superseded
        })
        .live_events(),
        number("lost", "-", "pushed updates that never came", |r| r.events.known_lost())
            .live_events()
            .whole(DUE)
            .tracked("lost"),
        count(
            "turns_not_started",
            "turns due in the measured window that had not started at its end",
            |r| r.events.turns_not_started,
        )
        .formerly("turns_unreached"),
        count("reconnects", "connections opened again, all phases", |r| r.events.reconnects)
            .live_events()
            .samples_of(|r| r.connected),
        count("faults", "turns or clients that ended with a fault, all phases", |r| {
            r.events.faults
        })
        .live_events()
        .whole(ENDED)
        .samples_of(|r| r.events.completed.saturating_add(r.events.faults)),
        count("negative_latencies", "latencies below zero, in no percentile", |r| {
            r.events.negative_latencies
        })
        .live_events(),
    ]
}

fn delivery() -> Vec<Column> {
    let figure = |name: &str, about: &str, of: fn(&Delivery) -> &Figure| {
        number(name, "-", about, move |r| of(&r.delivery).clone())
    };
    let updates = |name: &str, about: &str, of: fn(&Delivery) -> &Figure| {
        figure(name, about, of).events().samples_of(|r| known(&r.delivery.published))
    };
    let published = "updates published in the measured windows for clients that were there";
    vec![
        updates("updates_published", published, |d| &d.published).better(Better::Neither),
        updates("updates_delivered", "of these, those that reached their client", |d| &d.delivered)
            .better(Better::Higher)
            .whole(PUBLISHED),
        updates("updates_superseded", "of these, those that a later one replaced", |d| {
            &d.superseded
        })
        .whole(PUBLISHED),
        updates("updates_missing", "of these, those that never came", |d| &d.missing)
            .whole(PUBLISHED)
            .tracked("missing"),
        figure("updates_duplicated", "updates that came again", |d| &d.duplicated)
            .live_events()
            .whole(PUBLISHED),
        figure("updates_reordered", "updates that came after a later one", |d| &d.reordered)
            .live_events()
            .whole(PUBLISHED),
        figure("reconnect_gaps", "reconnects after which updates were missing", |d| {
            &d.reconnect_gaps
        })
        .live_events(),
        figure("empty_polls", "exchanges that brought nothing new", |d| &d.empty_polls)
            .live_events()
            .whole(COMPLETED),
        number("empty_poll_bytes", "bytes", "bytes at the socket of these, both ways", |r| {
            r.delivery.empty_poll_bytes.clone()
        }),
        figure("empty_poll_share", "these bytes over all bytes at the socket", |d| {
            &d.empty_poll_share
        })
        .share(),
        count("sent", "messages that clients sent", |r| r.delivery.sent)
            .live_events()
            .better(Better::Neither),
        number(
            "age_of_information_us_mean",
            "µs",
            "age of what a client has, its average over the measured window",
            |r| r.delivery.age_us.clone(),
        ),
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
        let (name, about) = (q.name(), q.about());
        out.push(
            number(
                format!("predicted_{name}"),
                q.unit(),
                format!("{about}, by arithmetic"),
                move |r| r.predicted.of(q).predicted.clone(),
            )
            .better(Better::Neither),
        );
        out.push(
            number(
                format!("difference_{name}"),
                q.unit(),
                format!("{about}, measured less predicted"),
                move |r| r.predicted.of(q).difference.clone(),
            )
            .formerly(format!("deviation_{name}")),
        );
        if RELATIVE.contains(&q) {
            out.push(
                number(
                    format!("relative_difference_{name}"),
                    "-",
                    format!("{about}, measured less predicted over predicted"),
                    move |r| r.predicted.of(q).relative.clone(),
                )
                .share()
                .formerly(format!("relative_deviation_{name}")),
            );
        }
    }
    out.push(
        number(
            "delivery_latency_distribution_distance",
            "-",
            "Kolmogorov–Smirnov distance of the delivery latency from its predicted distribution, \
             from 0 to 1; two resolutions and 1 ms late are allowed",
            |r| r.predicted.distribution_distance.clone(),
        )
        .samples_of(|r| r.latency(Metric::DeliveryLatency).count)
        .formerly("delivery_latency_law_distance"),
    );
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
            "measured overhead, all clients, in the chapter's \"Mbps\"; at the planned rate if \
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
    /// True for a figure of one message or update.
    of_message: bool,
    of: fn(&Volume) -> &Figure,
}

const PER_MESSAGE: Basis = Basis {
    suffix: "per_message",
    unit_suffix: "/message",
    about: "for each completed exchange of a paced transport or message of a pushed one",
    of_message: true,
    of: |v| &v.per_message,
};
const PER_DELIVERED: Basis = Basis {
    suffix: "per_delivered",
    unit_suffix: "/update",
    about: "for each update that reached a client",
    of_message: true,
    of: |v| &v.per_delivered,
};
const PER_S: Basis = Basis {
    suffix: "per_s",
    unit_suffix: "/s",
    about: "a second, all clients, as measured",
    of_message: false,
    of: |v| &v.per_s,
};
const PER_S_SCALED: Basis = Basis {
    suffix: "per_s_scaled",
    unit_suffix: "/s",
    about: "a second, scaled to the planned rate; only if the interval was stretched",
    of_message: false,
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
    let column = number(
        format!("{}{direction}_{}", layer.name(), basis.suffix),
        unit(layer, basis),
        format!("{}{words}; {}", layer.about(), basis.about),
        move |r| (basis.of)(r.steady(way, layer)).clone(),
    )
    // Packets are the kernel's, which is asked at the end.
    .live(basis.of_message && !layer.is_kernels());
    match (layer, way, basis.suffix) {
        (Layer::Overhead, Way::Both, "per_message") => column.tracked("overhead"),
        (Layer::Ip, Way::Both, "per_message") => column.tracked("TCP/IP"),
        _ => column,
    }
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
        let values = move |r: &Row| r.latency(metric).count;
        out.push(
            count(format!("{name}_count"), "values recorded", values)
                .live_events()
                .better(Better::Neither)
                .of_latency(metric),
        );
        for statistic in Statistic::ALL {
            let column = number(
                format!("{name}_us_{}", statistic.name()),
                "µs",
                format!("{}, {}", metric_about(metric), statistic.name().replace('_', ".")),
                move |r| r.latency(metric).stat(statistic).clone(),
            );
            let column = column.of_latency(metric);
            // A high percentile varies more than a median.
            out.push(match (metric.is_headline(), statistic) {
                (true, Statistic::P50) => {
                    column.paired(0.05, WhenCompared::Headline).tracked("latency p50")
                }
                (true, Statistic::P99) => {
                    column.paired(0.10, WhenCompared::Headline).tracked("latency p99")
                }
                _ => column,
            });
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
    let posts = |r: &Row| r.fanout.posts;
    let mut out = vec![
        count("fanout_posts", "clients' messages whose spreading was followed", posts)
            .better(Better::Neither),
    ];
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
    let share = |name, about, of: fn(&Row) -> &Figure| {
        number(name, "-", about, move |r| of(r).clone()).share().better(Better::Higher)
    };
    out.push(share(
        "fanout_completeness_min",
        "receivers over clients, of the message that fewest had",
        |r| &r.fanout.completeness_min,
    ));
    out.push(share(
        "fanout_completeness_mean",
        "receivers over clients, the mean over all messages sent",
        |r| &r.fanout.completeness_mean,
    ));
    out.into_iter().map(|column| column.samples_of(posts)).collect()
}

fn cost() -> Vec<Column> {
    let cpu = |name, about, of: fn(&Row) -> &Figure| {
        number(name, "µs/message", about, move |r| of(r).clone())
    };
    let memory = |name, about, of: fn(&Row) -> &Figure| {
        number(name, "bytes/client", about, move |r| of(r).clone())
    };
    vec![
        cpu("driver_cpu_us_per_message", "the driver's CPU, user and system", |r| {
            &r.cost.driver_cpu_us
        })
        .paired(0.05, WhenCompared::OwnDriver)
        .tracked("driver CPU"),
        cpu("server_cpu_us_per_message", "the server's CPU, user and system", |r| {
            &r.cost.server_cpu_us
        })
        .paired(0.05, WhenCompared::Always)
        .tracked("server CPU"),
        memory("driver_resident_bytes_per_client", "added to the driver", |r| &r.cost.driver_bytes)
            .paired(0.05, WhenCompared::OwnDriver)
            .tracked("driver memory"),
        memory("server_resident_bytes_per_client", "added to the server", |r| &r.cost.server_bytes)
            .paired(0.05, WhenCompared::Always)
            .tracked("server memory"),
        memory("kernel_bytes_per_client", "socket memory added to the host's kernel", |r| {
            &r.cost.kernel_bytes
        })
        .compared(Compared::Kept),
        number("floor_cpu_us_per_turn", "µs/turn", "the `null` transport's CPU", |r| {
            r.cost.floor_cpu_us.clone()
        }),
        number("floor_driver_lag_us_p99", "µs", "p99 of the `null` transport's lag", |r| {
            r.cost.floor_lag_p99_us.clone()
        }),
        number("connect_wall_s", "s", "from the first connect to the last, mean", |r| {
            r.connecting.wall_s.clone()
        })
        .samples_of(|r| r.connected),
        number("connects_per_s", "1/s", "clients over that", |r| r.connecting.per_s.clone())
            .better(Better::Higher)
            .samples_of(|r| r.connected),
    ]
}

fn audit() -> Vec<Column> {
    let audited = |name, unit, about, of: fn(&Row) -> &Figure| {
        number(name, unit, about, move |r| of(r).clone())
            .samples_of(|r| known(&r.audit.connections))
    };
    vec![
        audited("audit_connections", "-", "connections compared with the kernel", |r| {
            &r.audit.connections
        })
        .better(Better::Higher),
        audited("audit_unaudited", "-", "connections gone before they could be compared", |r| {
            &r.audit.unaudited
        }),
        audited("audit_mismatched", "-", "connections that differ from the kernel's count", |r| {
            &r.audit.mismatched
        }),
        audited("audit_ledger_bytes", "bytes", "socket bytes that no layer explains", |r| {
            &r.audit.ledger_bytes
        }),
        audited("audit_kernel_bytes", "bytes", "difference between driver and kernel", |r| {
            &r.audit.kernel_bytes
        }),
        audited("audit_server_bytes", "bytes", "difference between driver and server", |r| {
            &r.audit.server_bytes
        }),
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

//! The tables of a run: what each of them has, with its units in its heads.

use super::cells::{
    Cell, HtmlRow, HtmlTable, RowColumn, column, figures, number_head, of_rows, text_head, texts,
};
use crate::record::{Metric, Part};
use crate::report::check::CheckOutcome;
use crate::report::drawing::SCALED_SIGN;
use crate::report::figure::Figure;
use crate::report::finding::{Decision, Finding};
use crate::report::format::text::{BOUND, BOUND_MEANING};
use crate::report::judgement::describe;
use crate::report::layer::{Layer, Quantity, Statistic, Way};
use crate::report::table::{Row, Table};
use crate::units::{amount, decimals, human_bytes, human_us, thousands, three, with_unit};

/// Rows by rising client count.
pub(super) fn by_clients(table: &Table) -> Vec<&Row> {
    let mut rows: Vec<&Row> = table.rows.iter().collect();
    rows.sort_by_key(|row| row.clients);
    rows
}

fn kilo(bytes: f64) -> String {
    three(bytes / 1e3)
}

fn a_message<'a>(text: &str, way: Way, layer: Layer) -> RowColumn<'a> {
    figures(text, layer.about(), amount, move |row| &row.steady(way, layer).per_message)
}

fn statistic<'a>(text: &str, metric: Metric, statistic: Statistic) -> RowColumn<'a> {
    let about = crate::report::metrics::metric_about(metric);
    column(text, about, move |row| {
        let latency = row.latency(metric);
        let cell = Cell::figure(latency.stat(statistic), human_us);
        if latency.is_bound(statistic) { cell.signed(BOUND, BOUND_MEANING) } else { cell }
    })
}

fn is_measured(table: &Table, metric: Metric) -> bool {
    table.rows.iter().any(|row| row.latency(metric).count > 0)
}

/// The same of several results, each row under its result's name.
pub(super) fn overview_of_several(tables: &[Table], names: &[String]) -> HtmlTable {
    let mut all: Option<HtmlTable> = None;
    for (table, name) in tables.iter().zip(names) {
        let mut own = overview(table);
        // A result without the chapter's columns would have fewer cells than another.
        let chapter = own.heads.iter().position(|head| head.text.starts_with("chapter"));
        if let Some(at) = chapter {
            own.heads.drain(at..at + 2);
            own.rows.iter_mut().for_each(|row| drop(row.cells.drain(at..at + 2)));
        }
        own.heads.insert(0, text_head("result"));
        own.rows.iter_mut().for_each(|row| row.cells.insert(0, Cell::text(name.as_str())));
        match &mut all {
            Some(all) => all.rows.extend(own.rows),
            none => *none = Some(own),
        }
    }
    let mut all = all.unwrap_or_else(|| overview(&tables[0]));
    all.caption = "Every series of every result, by clients".to_owned();
    all
}

/// The figures that a decision is made by.
pub(super) fn overview(table: &Table) -> HtmlTable {
    let asked = is_measured(table, Metric::ResponseLatency);
    let pushed = is_measured(table, Metric::DeliveryLatency);
    let latency = if asked && !pushed { Metric::ResponseLatency } else { Metric::DeliveryLatency };
    let name = if latency == Metric::DeliveryLatency { "delivery" } else { "response" };
    let mut columns = vec![
        a_message("overhead\nB/message", Way::Both, Layer::Overhead),
        a_message("socket\nB/message", Way::Both, Layer::Wire),
        a_message("TCP/IP\nB/message", Way::Both, Layer::Ip),
        statistic(&format!("{name}\np50"), latency, Statistic::P50),
        statistic(&format!("{name}\np99"), latency, Statistic::P99),
        statistic("driver lag\np99", Metric::DriverLag, Statistic::P99),
        figures("driver CPU\nµs/message", "user and system time", three, |r| {
            &r.cost.driver_cpu_us
        }),
        figures("server CPU\nµs/message", "user and system time", three, |r| {
            &r.cost.server_cpu_us
        }),
        figures("driver RAM\nkB/client", "private resident memory", kilo, |r| &r.cost.driver_bytes),
        figures("server RAM\nkB/client", "private resident memory", kilo, |r| &r.cost.server_bytes),
        column("messages", "completed exchanges, or received messages", |row| {
            Cell::count(row.events.per_message_divisor())
        }),
        texts("status", |row| Cell::status(row.status)),
    ];
    if table.rows.iter().any(|row| row.chapter.bytes_per_s.value().is_some()) {
        let per_s = |bytes: f64| format!("{}/s", human_bytes(bytes));
        let chapter = figures(
            "chapter\noverhead",
            "what the chapter says all clients cost",
            per_s,
            |r: &Row| &r.chapter.bytes_per_s,
        );
        let measured = column(
            "measured\noverhead",
            "all clients, at the planned rate; *: scaled to it, as its clients could not hold it",
            move |row| {
                let cell = Cell::figure(row.overhead_per_s(), per_s);
                let scaled = "scaled to the planned rate, which its clients could not hold";
                if row.pace.stretched { cell.signed(SCALED_SIGN, scaled) } else { cell }
            },
        );
        columns.splice(0..0, [chapter, measured]);
    }
    of_rows("overview", "Every series by clients", &by_clients(table), columns)
}

/// Bytes a message by part and direction: parts that no row has are left out.
pub(super) fn layers(table: &Table) -> HtmlTable {
    let rows = by_clients(table);
    let parts = Part::ALL.iter().map(|&part| Layer::Part(part));
    let sums = [Layer::Wire, Layer::Ip, Layer::Segments];
    let mut columns = Vec::new();
    for layer in parts.chain(sums) {
        for (way, arrow) in [(Way::Up, "up"), (Way::Down, "down")] {
            let has = |row: &&Row| {
                row.steady(way, layer).per_message.value().is_some_and(|value| value > 0.0)
            };
            if rows.iter().any(has) {
                let name = layer.name().trim_end_matches("_bytes").replace('_', " ");
                columns.push(a_message(&format!("{name}\n{arrow}"), way, layer));
            }
        }
    }
    let mut table =
        of_rows("layers", "Bytes a message by part and direction, as measured", &rows, columns);
    table.notes.push(
        "up: from client to server. The parts add up to the bytes at the socket (wire); TCP/IP has packet \
         headers, acknowledgements and what was sent again."
            .to_owned(),
    );
    table
}

/// What arithmetic says beside what was measured.
pub(super) fn predictions(table: &Table) -> Option<HtmlTable> {
    let quantities = [
        (Quantity::Of(Layer::Overhead), "overhead B"),
        (Quantity::Of(Layer::Wire), "socket B"),
        (Quantity::Of(Layer::Ip), "TCP/IP B"),
        (Quantity::DeliveryMean, "delivery mean"),
        (Quantity::DeliveryWorst, "delivery worst"),
        (Quantity::AgeMean, "age mean"),
    ];
    let known = |row: &Row, q| row.predicted.of(q).predicted.value().is_some();
    let rows = by_clients(table);
    let mut columns = Vec::new();
    for (q, name) in quantities {
        if !rows.iter().any(|row| known(row, q)) {
            continue;
        }
        let show: fn(f64) -> String = if q.is_time() { human_us } else { amount };
        columns.extend([
            figures(format!("{name}\npredicted"), q.about(), show, move |r| {
                &r.predicted.of(q).predicted
            }),
            figures(format!("{name}\nmeasured"), q.about(), show, move |r| {
                &r.predicted.of(q).measured
            }),
            figures(
                format!("{name}\ndifference"),
                "measured less predicted",
                move |difference| signed(difference, show),
                move |r| &r.predicted.of(q).difference,
            ),
        ]);
    }
    if columns.is_empty() {
        return None;
    }
    columns.push(figures(
        "distribution\ndistance",
        "Kolmogorov–Smirnov distance of the delivery latency from its predicted distribution, 0 to 1",
        three,
        |r| &r.predicted.distribution_distance,
    ));
    Some(of_rows("predictions", "Predicted by arithmetic, and measured", &rows, columns))
}

fn signed(value: f64, show: fn(f64) -> String) -> String {
    let text = show(value.abs());
    match value {
        v if v > 0.0 => format!("+{text}"),
        v if v < 0.0 => format!("−{text}"),
        _ => text,
    }
}

/// Every latency that was measured, with the driver's lag beside the median.
pub(super) fn latencies(table: &Table) -> HtmlTable {
    let mut heads = vec![text_head("series"), number_head("clients"), text_head("latency")];
    let statistics = Statistic::ALL;
    heads.extend(statistics.map(|one| number_head(&one.name().replace('_', "."))));
    heads.extend([
        number_head("driver lag p50"),
        number_head("driver lag p99"),
        number_head("values"),
    ]);
    let mut rows = Vec::new();
    for row in by_clients(table) {
        for latency in row.latencies.iter().filter(|latency| latency.count > 0) {
            let mut cells = vec![
                Cell::head(row.series.as_str()),
                Cell::count(row.clients.into()),
                Cell { about: about(latency.metric), ..Cell::text(name(latency.metric)) },
            ];
            cells.extend(statistics.map(|one| {
                let cell = Cell::figure(latency.stat(one), human_us);
                if latency.is_bound(one) {
                    cell.signed(BOUND, "† driver-bound: what that means is beneath the table")
                } else {
                    cell
                }
            }));
            let lag = row.latency(Metric::DriverLag);
            let beside = if latency.metric.is_headline() { Some(lag) } else { None };
            cells.extend([Statistic::P50, Statistic::P99].map(|one| match beside {
                Some(lag) => Cell::figure(lag.stat(one), human_us),
                None => Cell::default(),
            }));
            cells.push(Cell::count(latency.count));
            rows.push(HtmlRow { series: row.series.clone(), cells });
        }
    }
    let notes = table
        .rows
        .iter()
        .any(|row| row.latencies.iter().any(|latency| latency.is_any_bound()))
        .then(|| BOUND_MEANING.to_owned());
    HtmlTable {
        id: "latencies",
        caption: "Latencies, from the intended moment on".to_owned(),
        heads,
        rows,
        notes: notes.into_iter().collect(),
    }
}

fn name(metric: Metric) -> String {
    metric.name().replace('_', " ")
}

fn about(metric: Metric) -> String {
    crate::report::metrics::metric_about(metric).to_owned()
}

/// What became of what was published.
pub(super) fn delivery(table: &Table) -> HtmlTable {
    let columns = [
        figures("published", "for clients that were there", amount, |r: &Row| {
            &r.delivery.published
        }),
        figures("delivered", "of these, those that reached their client", amount, |r| {
            &r.delivery.delivered
        }),
        figures("superseded", "of these, those that a later one replaced", amount, |r| {
            &r.delivery.superseded
        }),
        figures("missing", "of these, those that never came", amount, |r| &r.delivery.missing),
        figures("duplicated", "updates that came again", amount, |r| &r.delivery.duplicated),
        figures("empty\npolls", "exchanges that brought nothing new", amount, |r| {
            &r.delivery.empty_polls
        }),
        figures("empty\nbytes", "their bytes at the socket", human_bytes, |r| {
            &r.delivery.empty_poll_bytes
        }),
        figures("age, mean", "of what a client has, over time", human_us, |r| &r.delivery.age_us),
        figures("age, mean\npredicted", "by arithmetic", human_us, |r| {
            &r.predicted.of(Quantity::AgeMean).predicted
        }),
        statistic("peak age\np99", Metric::PeakAge, Statistic::P99),
    ];
    of_rows(
        "delivery",
        "What reached clients, and how old what they have is",
        &by_clients(table),
        columns,
    )
}

/// How clients' messages spread to all, if they send to each other.
pub(super) fn fanout(table: &Table) -> Option<HtmlTable> {
    let rows: Vec<&Row> =
        by_clients(table).into_iter().filter(|row| row.fanout.posts > 0).collect();
    if rows.is_empty() {
        return None;
    }
    let share = |share: f64| format!("{:.2} %", share * 100.0);
    let columns = [
        column("messages", "that were followed", |r: &Row| Cell::count(r.fanout.posts)),
        figures("first\np50", "to a message's first receiver", human_us, |r| &r.fanout.first_us[0]),
        figures("first\np99", "to a message's first receiver", human_us, |r| &r.fanout.first_us[1]),
        figures("last\np50", "to its last", human_us, |r| &r.fanout.last_us[0]),
        figures("last\np99", "to its last", human_us, |r| &r.fanout.last_us[1]),
        figures("reached\nleast", "receivers over clients", share, |r| &r.fanout.completeness_min),
        figures("reached\nmean", "receivers over clients", share, |r| &r.fanout.completeness_mean),
    ];
    Some(of_rows(
        "fanout",
        "Time until a message has reached the first and the last client",
        &rows,
        columns,
    ))
}

/// Polling over WebSocket.
pub(super) fn ratios(table: &Table) -> Option<HtmlTable> {
    let first = table.comparisons.first()?;
    let mut heads = vec![number_head("clients"), text_head("polling : websocket")];
    heads.extend(first.ratios.iter().map(|ratio| number_head(ratio.label)));
    let rows = table.comparisons.iter().map(|comparison| HtmlRow {
        series: String::new(),
        cells: [
            Cell::count(comparison.clients.into()),
            Cell::head(format!("{} : {}", comparison.polling, comparison.websocket)),
        ]
        .into_iter()
        .chain(comparison.ratios.iter().map(|ratio| Cell::figure(&ratio.per_message, three)))
        .collect(),
    });
    Some(HtmlTable {
        id: "ratios",
        caption: "Ratio per message: below 1, polling costs less".to_owned(),
        heads,
        rows: rows.collect(),
        notes: Vec::new(),
    })
}

/// CPU and memory of driver, server and kernel.
pub(super) fn cost(table: &Table) -> HtmlTable {
    let columns = [
        figures("driver CPU\n/message", "user and system time", human_us, |r: &Row| {
            &r.cost.driver_cpu_us
        }),
        figures("server CPU\n/message", "user and system time", human_us, |r| {
            &r.cost.server_cpu_us
        }),
        figures("floor CPU\n/turn", "of the driver, without a network", human_us, |r| {
            &r.cost.floor_cpu_us
        }),
        figures("server\nswitches", "context switches a message", three, |r| {
            &r.cost.server.context_switches
        }),
        figures("server\nreads", "calls of the family of read a message", three, |r| {
            &r.cost.server.read_calls
        }),
        figures("server\nwrites", "calls of the family of write a message", three, |r| {
            &r.cost.server.write_calls
        }),
        figures("driver\nB/client", "private resident memory", human_bytes, |r| {
            &r.cost.driver_bytes
        }),
        figures("server\nB/client", "private resident memory", human_bytes, |r| {
            &r.cost.server_bytes
        }),
        figures("kernel\nB/client", "memory of sockets, both ends", human_bytes, |r| {
            &r.cost.kernel_bytes
        }),
        figures("connects\n/s", "while clients connected", amount, |r| &r.connecting.per_s),
        column("errors", "of clients, all phases", |r| Cell::count(r.events.all.faults)),
    ];
    of_rows("cost", "CPU and memory", &by_clients(table), columns)
}

/// Whether the bytes add up.
pub(super) fn audit(table: &Table) -> HtmlTable {
    let whole = |value: f64| thousands(value as u64);
    let columns = [
        figures(
            "connections\nwith the kernel's",
            "whose bytes were compared with TCP_INFO",
            whole,
            |r: &Row| &r.audit.connections,
        ),
        figures("closed\nbefore", "gone before the kernel could be asked", whole, |r| {
            &r.audit.unaudited
        }),
        figures(
            "not counted\nby the kernel",
            "connections for which it has no counts",
            whole,
            |r| &r.audit.refused,
        ),
        figures("mismatched", "connections whose bytes differ", whole, |r| &r.audit.mismatched),
        figures("bytes that no\nlayer explains", "the ledger's", whole, |r| &r.audit.ledger_bytes),
        figures("bytes off\nthe kernel's", "driver against kernel", whole, |r| {
            &r.audit.kernel_bytes
        }),
        figures("bytes off\nthe server's", "driver against server", whole, |r| {
            &r.audit.server_bytes
        }),
        statistic("driver lag\np50", Metric::DriverLag, Statistic::P50),
        statistic("driver lag\np99", Metric::DriverLag, Statistic::P99),
        figures("floor lag\np99", "of the driver, without a network", human_us, |r| {
            &r.cost.floor_lag_p99_us
        }),
    ];
    of_rows(
        "audit",
        "Three independent counts of the same bytes, and how late the driver was",
        &by_clients(table),
        columns,
    )
}

/// Every check of every row.
pub(super) fn checks(table: &Table) -> HtmlTable {
    let mut rows = Vec::new();
    for row in by_clients(table) {
        for found in &row.checks {
            let mark = match found.outcome {
                CheckOutcome::Passed => "good",
                CheckOutcome::NotApplicable => "",
                CheckOutcome::Failed | CheckOutcome::NotMade => "bad",
            };
            rows.push(HtmlRow {
                series: row.series.clone(),
                cells: vec![
                    Cell::head(row.series.as_str()),
                    Cell::count(row.clients.into()),
                    Cell::text(found.check.name()),
                    Cell::text(found.outcome.name()).marked(mark),
                    Cell::text(found.text.as_str()),
                ],
            });
        }
    }
    HtmlTable {
        id: "checks",
        caption: "The conditions under which a row's figures count".to_owned(),
        heads: vec![
            text_head("series"),
            number_head("clients"),
            text_head("check"),
            text_head("outcome"),
            text_head("finding"),
        ],
        rows,
        notes: Vec::new(),
    }
}

/// Figures that were decided by pairs of runs.
pub(super) fn paired(all: &[&Finding]) -> HtmlTable {
    let line = |finding: &&Finding| {
        let effect = finding.effect.as_ref();
        let change = |by: Option<f64>| match (effect, by) {
            (Some(of), Some(by)) => Cell {
                value: decimals(by),
                number: true,
                ..Cell::text(describe::change_on(of.scale, by, &finding.unit))
            },
            _ => Cell { number: true, ..Cell::text("n/a") },
        };
        let side = |figure: &Figure| Cell::figure(figure, |value| with_unit(value, &finding.unit));
        HtmlRow {
            series: finding.subject.series.clone(),
            cells: vec![
                Cell::text(describe::decision(finding.decision)).marked(mark(finding.decision)),
                Cell::text(describe::of_whom(&finding.subject)),
                Cell::head(finding.subject.metric.as_str()),
                finding.baseline.as_ref().map_or_else(Cell::default, side),
                side(&finding.value),
                change(effect.map(|of| of.estimate)),
                change(effect.and_then(|of| of.lower)),
                change(effect.and_then(|of| of.upper)),
                change(effect.map(|of| of.margin)),
                change(effect.and_then(|of| of.detectable)),
                Cell::count(effect.map_or(0, |of| of.pairs.into())),
            ],
        }
    };
    let heads = ["A", "B", "change", "at least", "at most", "allowed", "detectable", "pairs"];
    let texts = ["decision", "of", "metric"].map(text_head).into_iter();
    HtmlTable {
        id: "paired",
        caption: "Medians of both sides, and the change from A to B within pairs".to_owned(),
        heads: texts.chain(heads.map(number_head)).collect(),
        rows: all.iter().map(line).collect(),
        notes: vec![
            "allowed: a change that passes. detectable: the smallest change that so many pairs show in 8 of 10 \
             comparisons."
                .to_owned(),
        ],
    }
}

fn mark(decision: Decision) -> &'static str {
    match decision {
        Decision::Pass => "good",
        Decision::Fail => "bad",
        Decision::Inconclusive | Decision::NotComparable => "some",
    }
}

/// Findings of limits or comparisons.
pub(super) fn findings<'a>(
    id: &'static str,
    caption: &str,
    all: impl Iterator<Item = &'a Finding>,
) -> HtmlTable {
    let line = |found: &Finding| {
        let mark = mark(found.decision);
        let value = |figure: &Figure| match figure.below() {
            Some(_) => Cell::figure(figure, human_us),
            None => Cell::figure(figure, |value| with_unit(value, &found.unit)),
        };
        let baseline = found.baseline.as_ref().map_or_else(Cell::default, value);
        let mut text = found.text.clone();
        for detail in &found.details {
            text.push_str(" · ");
            text.push_str(detail);
        }
        HtmlRow {
            series: found.subject.series.clone(),
            cells: vec![
                Cell::text(found.decision.name()).marked(mark),
                Cell::text(found.subject.row().unwrap_or_default()),
                Cell::head(found.subject.metric.as_str()),
                value(&found.value),
                baseline,
                Cell::text(found.bound.as_str()),
                Cell::count(found.samples),
                Cell::text(text),
            ],
        }
    };
    HtmlTable {
        id,
        caption: caption.to_owned(),
        heads: vec![
            text_head("decision"),
            text_head("of"),
            text_head("metric"),
            number_head("value"),
            number_head("compared with"),
            text_head("bound"),
            number_head("samples"),
            text_head("evidence"),
        ],
        rows: all.map(line).collect(),
        notes: Vec::new(),
    }
}

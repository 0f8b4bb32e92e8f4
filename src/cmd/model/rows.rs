//! The tables of `wsbench model`.

use crate::cmd::model::{Counts, cases, layers, per_message, per_second};
use crate::cmd::table::{Cells, head};
use crate::plan::Plan;
use crate::predict::{Distribution, Exchange, Model};
use crate::record::Part;
use crate::report::layer::{Layer, Way};
use crate::units::{amount, human_bytes, human_ns, thousands, three};

/// The most kinds of messages that are listed for a series.
const MOST_KINDS: usize = 8;
/// Stands for what arithmetic cannot know.
const UNKNOWN: &str = "–";

/// A series' model, with the client counts that share it.
pub(super) struct SeriesModel {
    label: String,
    clients: Vec<u32>,
    model: Model,
}

impl SeriesModel {
    /// Its first cells.
    fn cells(&self) -> Cells {
        let counts: Vec<String> = self.clients.iter().map(|&n| thousands(n.into())).collect();
        vec![self.label.clone(), counts.join("; ")]
    }
}

/// The first cells of a further row of a series.
fn no_cells() -> Cells {
    vec![String::new(); 2]
}

/// The models of a plan. Client counts with equal models are joined.
pub(super) fn series_models(plan: &Plan) -> Vec<SeriesModel> {
    let mut all: Vec<SeriesModel> = Vec::new();
    for (case, series, model) in cases(plan) {
        let Some(model) = model else { continue };
        match all.iter_mut().find(|t| t.label == series.label && t.model == model) {
            Some(known) => known.clients.push(case.clients),
            None => all.push(SeriesModel {
                label: series.label.clone(),
                clients: vec![case.clients],
                model,
            }),
        }
    }
    all
}

/// The heading of a layer's column.
fn heading(layer: Layer) -> String {
    match layer {
        Layer::Part(part) => part.name(),
        Layer::Overhead => "overhead",
        Layer::Wire => "wire",
        Layer::Segments => "segments",
        Layer::Ip => "TCP/IP",
        other => other.name(),
    }
    .to_owned()
}

/// A count as text; a dash if it is not known.
fn at(counts: &Counts, layer: Layer, text: impl Fn(f64) -> String) -> String {
    let found = counts.iter().find(|(each, _)| *each == layer);
    found.map_or_else(|| UNKNOWN.to_owned(), |(_, count)| text(*count))
}

/// Bytes a message by layer, up, down and both.
pub(super) fn message_rows(models: &[SeriesModel]) -> Vec<Cells> {
    let mut heads = head("series|clients|way");
    heads.extend(layers().map(heading));
    heads.push(String::new());
    let mut rows = vec![heads];
    for each in models {
        for (way, name) in [(Way::Up, "up"), (Way::Down, "down"), (Way::Both, "both")] {
            let mut cells = if way == Way::Up { each.cells() } else { no_cells() };
            cells.push(name.to_owned());
            let counts = per_message(&each.model, way);
            cells.extend(layers().map(|layer| at(&counts, layer, amount)));
            match each.model.messages.len() {
                _ if way != Way::Both => {}
                _ if each.model.is_exact() => cells.push("exact".to_owned()),
                kinds => cells.push(format!("the mean over {kinds} kinds")),
            }
            rows.push(cells);
        }
    }
    rows
}

/// Bytes a second and client.
pub(super) fn second_rows(models: &[SeriesModel]) -> Vec<Cells> {
    let heads = head("series|clients|messages|wire up|wire down|wire|overhead|segments|TCP/IP");
    let rows = models.iter().map(|each| {
        let mut cells = each.cells();
        let both = per_second(&each.model, Way::Both);
        let ways = [Way::Up, Way::Down].map(|way| per_second(&each.model, way));
        let (Some(hz), Some(both), [Some(up), Some(down)]) = (each.model.messages_hz, both, ways)
        else {
            cells.push("as many as possible: not known".to_owned());
            return cells;
        };
        let bytes = |counts, layer| at(counts, layer, |n| format!("{}/s", human_bytes(n)));
        cells.push(format!("{}/s", amount(hz)));
        cells.extend([&up, &down, &both].map(|counts| bytes(counts, Layer::Wire)));
        cells.push(bytes(&both, Layer::Overhead));
        cells.push(at(&both, Layer::Segments, |n| format!("{}/s", amount(n))));
        cells.push(bytes(&both, Layer::Ip));
        cells
    });
    std::iter::once(heads).chain(rows).collect()
}

/// The kinds of messages of the series that have several.
pub(super) fn kind_rows(models: &[SeriesModel]) -> Vec<Cells> {
    let mut rows = vec![head("series|clients|share|updates|payload|overhead|wire|TCP/IP")];
    for each in models.iter().filter(|t| t.model.messages.len() > 1) {
        let mut kinds = each.model.messages.clone();
        kinds.sort_by(|a, b| b.share.total_cmp(&a.share));
        for (n, kind) in kinds.iter().take(MOST_KINDS).enumerate() {
            let mut cells = if n == 0 { each.cells() } else { no_cells() };
            let payload = kind.exchange.ledger.both()[Part::Payload];
            cells.extend([share(kind.share), kind.updates.to_string(), thousands(payload)]);
            cells.extend(costs(&each.model, &kind.exchange));
            rows.push(cells);
        }
        if let Some(rarer) = kinds.get(MOST_KINDS..).filter(|r| !r.is_empty()) {
            let all = share(rarer.iter().map(|k| k.share).sum());
            rows.push([no_cells(), vec![all, format!("{} more", rarer.len())]].concat());
        }
    }
    rows
}

fn share(part: f64) -> String {
    match part * 100.0 {
        percent if percent < 0.000_5 => "< 0.001 %".to_owned(),
        percent => format!("{} %", three(percent)),
    }
}

fn costs(model: &Model, exchange: &Exchange) -> [String; 3] {
    let both = exchange.ledger.both();
    let ip_bytes = (!model.shares_packets).then(|| exchange.ip_bytes().get());
    [Some(both.overhead()), Some(both.wire.get()), ip_bytes]
        .map(|bytes| bytes.map_or_else(|| UNKNOWN.to_owned(), thousands))
}

/// Heartbeats, and what clients send.
pub(super) fn besides_rows(models: &[SeriesModel]) -> Vec<Cells> {
    let mut rows = vec![head("series|clients|what|when|overhead|wire|TCP/IP")];
    for each in models {
        let idle = each.model.idle.map(|idle| {
            let when = format!("every {}", human_ns(idle.interval_ns as f64));
            ("heartbeat", when, idle.exchange)
        });
        let sending = each.model.sending.map(|sending| {
            let when = format!("{}/s, the mean of all", three(sending.rate_hz));
            ("a client sends", when, sending.exchange)
        });
        for (what, when, exchange) in idle.into_iter().chain(sending) {
            let cells = vec![what.to_owned(), when];
            rows.push([each.cells(), cells, costs(&each.model, &exchange).to_vec()].concat());
        }
    }
    rows
}

/// Distributions of latency, a line each, and the age of information.
pub(super) fn latency_rows(models: &[SeriesModel]) -> Vec<Cells> {
    let mut rows = vec![head("series|clients|what|least|mean|worst|distribution")];
    for each in models {
        let Model { delivery, response, age_mean_ns, .. } = &each.model;
        rows.push([each.cells(), distribution_cells("delivery", delivery.as_ref())].concat());
        if response.is_some() {
            rows.push([no_cells(), distribution_cells("response", response.as_ref())].concat());
        }
        let mean = age_mean_ns.map_or_else(|| UNKNOWN.to_owned(), human_ns);
        let age = ["age", "", &mean, "", "time average"].map(str::to_owned);
        rows.push([no_cells(), age.to_vec()].concat());
    }
    rows
}

fn distribution_cells(what: &str, distribution: Option<&Distribution>) -> Cells {
    let Some(known) = distribution else {
        return [what, UNKNOWN, UNKNOWN, UNKNOWN, "not known"].map(str::to_owned).to_vec();
    };
    let [least, mean, worst] = [known.least_ns(), known.mean_ns(), known.worst_ns()].map(human_ns);
    vec![what.to_owned(), least, mean, worst, known.describe()]
}

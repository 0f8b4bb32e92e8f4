//! Figures that depend on the network's moments, within the interval that arithmetic allows.
//!
//! Separate from `exact`. Segments with payload are as many as writes: fewer where several writes
//! lay in the socket together, never more. Acknowledgements ride on payload or go by themselves:
//! from none to one for each segment with payload. So more than the interval holds is a change of
//! what is written, and fails; fewer cannot be a regression, and passes. At a window's edges a
//! segment may be counted on the other side, one for each client.
//!
//! Where there is no model, the baseline's own segments with payload stand for the writes, within
//! [`TOLERANCE`].

use crate::gate::baseline::exact::{
    Figures, figures, head_details, layer_of, measured_heads, shown,
};
use crate::gate::baseline::found;
use crate::gate::baseline::ratio::words;
use crate::gate::baseline::recorded::RecordedRow;
use crate::predict::{Exchange, Model, SEGMENT_HEADER_BYTES, data_segments};
use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Kind};
use crate::report::layer::{Layer, Way};

/// By how much segments may differ where no arithmetic knows them.
const TOLERANCE: f64 = 0.05;
/// By how much bytes may that vary from message to message in ways that nobody foretells.
const VARYING: f64 = 0.25;
/// By how many bytes may a head vary where its body does: the digits of a length.
const LENGTH_DIGITS: f64 = 3.0;
/// Standard deviations that a mean may be off. Clients that hear the same updates are one sample.
const DEVIATIONS: f64 = 6.0;
/// Segments of opening and closing a connection, with payload and without, at the most.
const REOPENED: (f64, f64) = (2.0, 8.0);
/// Bytes of options that a SYN has more than other segments.
const SYN_OPTIONS: f64 = 8.0;

/// From what to what, in total, and how it is known.
struct Interval {
    from: f64,
    to: f64,
    how: String,
}

/// Of what came before, how much must come again, beside what chance and a window's edges take.
const CAME: f64 = 0.98;

/// How many messages came, of a series that is pushed to: as many as before, wherever they come
/// from. A server that falls silent loses nothing that anybody could count.
pub(super) fn messages(a: &RecordedRow, b: &RecordedRow, findings: &mut Vec<Finding>) {
    // Whoever asks has as many as it asks for, or as fast as it is answered.
    if a.paced || b.paced || a.window_ns == 0 || b.window_ns == 0 {
        return;
    }
    // The windows of all runs, which may be more on one side.
    let was = a.messages as f64 * b.window_ns as f64 / a.window_ns as f64;
    let edges = f64::from(b.clients) * b.runs as f64;
    let least = (CAME * was - edges - DEVIATIONS * was.sqrt()).max(1.0);
    let mut finding = found(Kind::Structural, b, "completed");
    (finding.value, finding.baseline) =
        (Figure::count(b.messages), Some(Figure::count(a.messages)));
    finding.unit = "messages".to_owned();
    finding.bound = format!(">= {}", least.ceil());
    let enough = b.messages as f64 >= least;
    finding.decision = if enough { Decision::Pass } else { Decision::Fail };
    finding.text = format!(
        "{} messages came, and {} before: {} {}, which a window's edges and chance explain",
        b.messages,
        a.messages,
        if enough { "not fewer than" } else { "fewer than" },
        least.ceil()
    );
    findings.push(finding);
}

/// Bytes whose number varies from message to message.
pub(super) fn bytes(a: &RecordedRow, b: &RecordedRow, findings: &mut Vec<Finding>) {
    for Figures { way, layer, exact } in figures(a, b) {
        // Of the overhead, the parts are judged.
        let Err(why) = exact else { continue };
        if layer == Layer::Overhead {
            continue;
        }
        let was = layer_of(&a.steady.bytes, way, layer) as f64 / a.messages as f64;
        let is = layer_of(&b.steady.bytes, way, layer) as f64;
        // The baseline's: a candidate that foretells more for itself is not to be held against that.
        let interval = match a.model.as_ref().or(b.model.as_ref()) {
            Some(model) => expected(b, model, way, layer),
            // A length's digits, and no field more.
            None if matches!(layer, Layer::Heads | Layer::HeadChars) => Interval {
                from: (was - LENGTH_DIGITS) * b.messages as f64,
                to: (was + LENGTH_DIGITS) * b.messages as f64,
                how: format!("{LENGTH_DIGITS} about {}", words(was)),
            },
            None => Interval {
                from: was * (1.0 - VARYING) * b.messages as f64,
                to: was * (1.0 + VARYING) * b.messages as f64,
                how: format!("25 % about {}", words(was)),
            },
        };
        let name = format!("{}_{}_per_message", layer.name(), way.name());
        let mut finding = within(b, name, layer.unit(), (Figure::known(was), is), &interval);
        finding.details.insert(0, format!("not compared exactly: {why}"));
        if layer == Layer::Heads {
            finding.details.extend(head_details(a, b, &finding, measured_heads(way)));
        }
        findings.push(finding);
    }
}

/// A layer's bytes by arithmetic, with what chance and a window's edges may add or take.
fn expected(row: &RecordedRow, model: &Model, way: Way, layer: Layer) -> Interval {
    let of = |e: &Exchange| layer_of(&e.ledger, way, layer) as f64;
    let (n, clients) = (row.messages as f64, f64::from(row.clients));
    let mean: f64 = model.messages.iter().map(|m| m.share * of(&m.exchange)).sum();
    let square = |e: &Exchange| (of(e) - mean).powi(2);
    let variance: f64 = model.messages.iter().map(|m| m.share * square(&m.exchange)).sum();
    let most = model.messages.iter().map(|m| of(&m.exchange)).fold(0.0, f64::max);
    let sending = model.sending.map_or(0.0, |s| of(&s.exchange));
    let idle = model.idle.map_or(0.0, |i| of(&i.exchange));
    let total = n * mean + row.sent as f64 * sending + idles(row, model) * idle;
    let edges = match row.is_by_turn() {
        true => 0.0,
        false => clients * row.runs as f64 * (most + sending + idle),
    };
    let chance = match layer {
        _ if !row.left_to_chance => 0.0,
        Layer::Heads | Layer::HeadChars => n * LENGTH_DIGITS,
        _ => VARYING * total,
    };
    let again = row.steady.reconnects as f64 * layer_of(&row.setup.bytes, way, layer) as f64
        / row.setup.connects.max(1) as f64;
    let apart = DEVIATIONS * (variance * n * clients).sqrt() + edges + chance;
    Interval {
        from: (total - apart).max(0.0),
        to: total + apart + again,
        how: format!(
            "{} foretold, {DEVIATIONS} deviations and the window's edges",
            words(total / n.max(1.0))
        ),
    }
}

/// What comes besides, in the measured windows of all clients.
fn idles(row: &RecordedRow, model: &Model) -> f64 {
    model.idle.map_or(0.0, |idle| {
        f64::from(row.clients) * row.window_ns as f64 / idle.interval_ns.max(1) as f64
    })
}

/// Segments with payload, segments without, both, and bytes of IP packets.
pub(super) fn segments(a: &RecordedRow, b: &RecordedRow, findings: &mut Vec<Finding>) {
    const LAYERS: [Layer; 4] =
        [Layer::DataSegments, Layer::BareSegments, Layer::Segments, Layer::Ip];
    let total = |row: &RecordedRow, layer: Layer| {
        let tcp = row.tcp.as_ref()?;
        Some(layer.count(&row.steady.bytes.both(), tcp, Way::Both) as f64)
    };
    let Some(allowed) = Allowed::of(a, b) else {
        if a.tcp.is_some() || b.tcp.is_some() {
            let mut finding = found(Kind::Structural, b, "tcp_data_segments_per_message");
            let side = if b.tcp.is_none() { "in this run" } else { "before" };
            finding.text = format!("the kernel's counters were not read {side}");
            (finding.value, finding.baseline) =
                (Figure::absent(&*finding.text), Some(Figure::absent(&*finding.text)));
            findings.push(finding);
        }
        return;
    };
    for layer in LAYERS {
        let (Some(was), Some(is)) = (total(a, layer), total(b, layer)) else { continue };
        let name = format!("{}_per_message", layer.name());
        let was = Figure::known(was / a.messages as f64);
        let mut finding = within(b, name, layer.unit(), (was, is), &allowed.interval(layer));
        finding.details.extend(allowed.again.clone());
        findings.push(finding);
    }
}

/// What the kernel may have counted in the measured windows.
struct Allowed {
    data: (f64, f64),
    bare: (f64, f64),
    /// Bytes at the socket, and of SYN options.
    bytes: f64,
    header: f64,
    how: String,
    /// That something was sent again.
    again: Option<String>,
}

impl Allowed {
    /// `None` where a side has no counters.
    fn of(a: &RecordedRow, b: &RecordedRow) -> Option<Allowed> {
        let (before, tcp) = (a.tcp?, b.tcp?);
        let edges = f64::from(b.clients) * b.runs as f64;
        let n = b.messages as f64;
        let each = b.connection_each_turn;
        let mut allowed = match a.model.as_ref().or(b.model.as_ref()) {
            Some(model) => by_model(b, model),
            None => {
                let per = |count: u64| count as f64 / a.messages.max(1) as f64;
                let data = per(before.data_segments_up + before.data_segments_down);
                let bare = per(before.bare_segments());
                let header = before.ip_bytes().get() as f64
                    - (before.bytes_up + before.bytes_down + before.retransmitted_up) as f64;
                let segments = before.segments_up + before.segments_down;
                Allowed {
                    data: (n * data * (1.0 - TOLERANCE), n * data * (1.0 + TOLERANCE)),
                    bare: (0.0, n * bare.max(data) * (1.0 + TOLERANCE)),
                    bytes: 0.0,
                    header: (header / segments.max(1) as f64).ceil(),
                    how: "5 % about the baseline's, acknowledgements with it or alone".to_owned(),
                    again: None,
                }
            }
        };
        allowed.data = ((allowed.data.0 - edges).max(0.0), allowed.data.1 + edges);
        allowed.bare = ((allowed.bare.0 - edges).max(0.0), allowed.bare.1 + 2.0 * edges);
        if !each {
            let opened = b.steady.connects as f64;
            allowed.data.1 += opened * REOPENED.0;
            allowed.bare.1 += opened * REOPENED.1;
        }
        if tcp.retransmitted_up > 0 {
            let one = (b.steady.bytes.up.wire.get() / b.messages.max(1)).max(1);
            let segments = tcp.retransmitted_up.div_ceil(one) as f64;
            (allowed.data.1, allowed.bare.1) =
                (allowed.data.1 + segments, allowed.bare.1 + segments);
            let told =
                format!("{} bytes were sent again, which is allowed for", tcp.retransmitted_up);
            allowed.again = Some(told);
        }
        let syn = 2.0 * SYN_OPTIONS * b.steady.connects as f64;
        allowed.bytes = (tcp.bytes_up + tcp.bytes_down + tcp.retransmitted_up) as f64 + syn;
        Some(allowed)
    }

    fn interval(&self, layer: Layer) -> Interval {
        let both = (self.data.0 + self.bare.0, self.data.1 + self.bare.1);
        let (from, to) = match layer {
            Layer::DataSegments => self.data,
            Layer::BareSegments => self.bare,
            Layer::Segments => both,
            _ => (self.bytes + self.header * both.0, self.bytes + self.header * both.1),
        };
        Interval { from, to, how: self.how.clone() }
    }
}

/// Segments by arithmetic: a write each, and acknowledgements with the payload or alone.
fn by_model(row: &RecordedRow, model: &Model) -> Allowed {
    let data = |e: &Exchange| {
        (data_segments(e.ledger.up.wire.get()) + data_segments(e.ledger.down.wire.get())) as f64
    };
    let all = |e: &Exchange| (e.segments_up + e.segments_down) as f64;
    let kinds = || model.messages.iter().map(|m| &m.exchange);
    let most = |of: &dyn Fn(&Exchange) -> f64| kinds().map(of).fold(0.0, f64::max);
    let least = |of: &dyn Fn(&Exchange) -> f64| kinds().map(of).fold(f64::INFINITY, f64::min);
    let n = row.messages as f64;
    let besides = row.sent as f64 * model.sending.map_or(0.0, |s| data(&s.exchange))
        + idles(row, model) * model.idle.map_or(0.0, |i| data(&i.exchange))
        + row.steady.control_frames as f64;
    let to = n * most(&data) + besides;
    // Who asks waits for the answer: nothing can lie in the socket together.
    let from = if row.asks && !model.messages.is_empty() { n * least(&data) } else { 0.0 };
    // Opening and closing has segments of its own, some of which may acknowledge payload.
    let own = |e: &Exchange| all(e) - data(e);
    let bare = match row.connection_each_turn {
        true => ((n * (least(&own) - least(&data) - 1.0)).max(0.0), n * most(&own) + to),
        false => (0.0, to),
    };
    Allowed {
        data: (from, to),
        bare,
        bytes: 0.0,
        header: SEGMENT_HEADER_BYTES as f64,
        how: "a segment a write, acknowledgements with it or alone".to_owned(),
        again: None,
    }
}

/// A total within its interval, shown for each message.
fn within(
    row: &RecordedRow,
    name: String,
    unit: &str,
    (was, is): (Figure, f64),
    interval: &Interval,
) -> Finding {
    let n = row.messages as f64;
    let mut finding = found(Kind::Structural, row, name);
    finding.unit = format!("{unit}/message");
    finding.value = Figure::known(is / n);
    let (from, to) = (words(interval.from / n), words(interval.to / n));
    finding.bound = format!("{from} to {to} {}", finding.unit);
    finding.decision = if is <= interval.to { Decision::Pass } else { Decision::Fail };
    let place = match is {
        is if is > interval.to => "more than",
        is if is < interval.from => "fewer than",
        _ => "within",
    };
    finding.text = format!(
        "{} {}, {} before: {place} {from} to {to} ({})",
        shown(&finding.value),
        finding.unit,
        shown(&was),
        interval.how
    );
    finding.baseline = Some(was);
    finding
}

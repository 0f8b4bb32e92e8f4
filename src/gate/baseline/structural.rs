//! Figures that depend on the network's timing, within the interval that arithmetic allows.
//!
//! Each write is a segment with payload; writes that lie in the socket together share one. An
//! acknowledgement rides on payload or is a segment of its own, so there are between none and one
//! for each segment with payload. More than the interval holds is a change of what is written, and
//! fails; fewer cannot be a regression, and passes. At a window's edges a segment may be counted on
//! the other side, one for each client.
//!
//! Without a model, the baseline's own segments with payload stand for the writes, within
//! [`TOLERANCE`].

use crate::gate::baseline::comparable::ComparableRow;
use crate::gate::baseline::exact::{
    LayerPair, head_details, layer_of, layer_pairs, measured_heads, show,
};
use crate::gate::baseline::row_finding;
use crate::predict::{Exchange, Model, SEGMENT_HEADER_BYTES, data_segments};
use crate::record::{Part, TcpTotals};
use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Kind};
use crate::report::layer::{Layer, Way};
use crate::units::decimals;

/// By which share segments may differ without a model.
const TOLERANCE: f64 = 0.05;
/// By which share bytes may differ that vary from message to message in ways that no model has.
const VARYING: f64 = 0.25;
/// By how many bytes a head may vary if its body does: the digits of a length.
const LENGTH_DIGITS: f64 = 3.0;
/// Standard deviations that a mean may be off. Clients that receive the same updates are one sample.
const DEVIATIONS: f64 = 6.0;
/// The most segments of opening and closing a connection, with payload and without.
const REOPENED: (f64, f64) = (2.0, 8.0);
/// Bytes of options that a SYN has more than other segments.
const SYN_OPTIONS: f64 = 8.0;
/// The share of earlier messages that must come again, beside chance and a window's edges.
const CAME: f64 = 0.98;
/// From which share on it is said how many messages may be lost without notice.
const WIDE: f64 = 0.1;

/// An interval for a total.
struct Interval {
    from: f64,
    to: f64,
    /// What it follows from.
    source: String,
}

/// How many messages must come to a series that is pushed to.
pub(super) struct MessageBound {
    /// As many as the earlier run had in windows of this length.
    was: f64,
    /// So many are enough.
    least: f64,
}

impl MessageBound {
    /// `None` if the numbers say nothing of the server: polls bring as many messages as there are polls.
    pub(super) fn of(a: &ComparableRow, b: &ComparableRow) -> Option<MessageBound> {
        if a.paced || b.paced || a.window_ns == 0 || b.window_ns == 0 {
            return None;
        }
        // The windows of all runs, which may be more on one side.
        let was = a.messages as f64 * b.window_ns as f64 / a.window_ns as f64;
        let edges = f64::from(b.clients) * b.runs as f64;
        let least = (CAME * was - edges - DEVIATIONS * was.sqrt()).max(1.0);
        Some(MessageBound { was, least })
    }
    /// Returns the share of the messages that may be lost without notice, if it is a large one.
    pub(super) fn wide(&self) -> Option<f64> {
        let share = 1.0 - self.least / self.was;
        (share > WIDE).then_some(share)
    }
}

/// Compares the number of messages of a series that is pushed to. A server that stops sending loses
/// nothing that can be counted.
pub(super) fn messages(a: &ComparableRow, b: &ComparableRow, findings: &mut Vec<Finding>) {
    let Some(MessageBound { least, .. }) = MessageBound::of(a, b) else { return };
    let (decision, than) = if b.messages as f64 >= least {
        (Decision::Pass, "not fewer than")
    } else {
        (Decision::Fail, "fewer than")
    };
    let was = a.messages;
    let is = b.messages;
    let least = least.ceil();
    let text = format!(
        "{is} messages came, and {was} before: {than} {least}, which a window's edges and chance \
         explain"
    );
    let figures = (Figure::count(was), Figure::count(is));
    let finding = row_finding(Kind::Structural, b, ("completed", "messages"), figures, text);
    findings.push(Finding { bound: format!(">= {least}"), must_equal: false, decision, ..finding });
}

/// Compares bytes whose number varies from message to message.
pub(super) fn bytes(a: &ComparableRow, b: &ComparableRow, findings: &mut Vec<Finding>) {
    for LayerPair { way, layer, exact } in layer_pairs(a, b) {
        // The parts of the overhead are compared, not their sum.
        let Err(why) = exact else { continue };
        if layer == Layer::Overhead {
            continue;
        }
        let n = b.messages as f64;
        let was = layer_of(&a.steady.bytes, way, layer) as f64 / a.messages as f64;
        let is = layer_of(&b.steady.bytes, way, layer) as f64;
        let is_head = layer.is_of_heads();
        // The baseline's model: the candidate's own may predict more.
        let model = a.model.as_ref().or(b.model.as_ref());
        let interval = match model.filter(|model| model.varies.is_none()) {
            Some(model) => expected_bytes(b, model, way, layer),
            None => {
                let off = if is_head { LENGTH_DIGITS } else { VARYING * was };
                let off_text = if is_head { LENGTH_DIGITS.to_string() } else { "25 %".to_owned() };
                let source = format!("{off_text} around {}", decimals(was));
                Interval { from: (was - off) * n, to: (was + off) * n, source }
            }
        };
        let name = format!("{}_{}_per_message", layer.name(), way.name());
        let mut finding = within(b, name, layer.unit(), (Figure::known(was), is), &interval);
        finding.details.insert(0, format!("not compared exactly: {why}"));
        if layer == Layer::Part(Part::Heads) {
            finding.details.extend(head_details(a, b, &finding, measured_heads(way)));
        }
        findings.push(finding);
    }
}

/// Returns a layer's bytes by arithmetic, with what chance and a window's edges may add or take.
fn expected_bytes(row: &ComparableRow, model: &Model, way: Way, layer: Layer) -> Interval {
    let of = |e: &Exchange| layer_of(&e.ledger, way, layer) as f64;
    let n = row.messages as f64;
    let clients = f64::from(row.clients);
    let mean: f64 = model.messages.iter().map(|m| m.share * of(&m.exchange)).sum();
    let square = |e: &Exchange| (of(e) - mean).powi(2);
    let variance: f64 = model.messages.iter().map(|m| m.share * square(&m.exchange)).sum();
    let most = model.messages.iter().map(|m| of(&m.exchange)).fold(0.0, f64::max);
    let sending = model.sending.map_or(0.0, |s| of(&s.exchange));
    let idle = model.idle.map_or(0.0, |i| of(&i.exchange));
    let total = n * mean + row.sent as f64 * sending + idle_exchanges(row, model) * idle;
    let edges =
        if row.is_by_turn() { 0.0 } else { clients * row.runs as f64 * (most + sending + idle) };
    let chance = match layer {
        _ if !row.stochastic => 0.0,
        layer if layer.is_of_heads() => n * LENGTH_DIGITS,
        _ => VARYING * total,
    };
    let reopened = row.steady.reconnects as f64 * layer_of(&row.setup.bytes, way, layer) as f64
        / row.setup.connects.max(1) as f64;
    let off = DEVIATIONS * (variance * n * clients).sqrt() + edges + chance;
    Interval {
        from: (total - off).max(0.0),
        to: total + off + reopened,
        source: format!(
            "{} predicted, with {DEVIATIONS} standard deviations and the window's edges",
            decimals(total / n.max(1.0))
        ),
    }
}

/// Returns the number of idle exchanges, such as comments of a stream, in the measured windows.
fn idle_exchanges(row: &ComparableRow, model: &Model) -> f64 {
    model.idle.map_or(0.0, |idle| {
        f64::from(row.clients) * row.window_ns as f64 / idle.interval_ns.max(1) as f64
    })
}

/// Compares segments with payload, segments without, both, and bytes of IP packets.
pub(super) fn segments(a: &ComparableRow, b: &ComparableRow, findings: &mut Vec<Finding>) {
    const LAYERS: [Layer; 4] =
        [Layer::DataSegments, Layer::BareSegments, Layer::Segments, Layer::Ip];
    let (before, tcp) = match (&a.tcp, &b.tcp) {
        (Some(before), Some(tcp)) => (before, tcp),
        (None, None) => return,
        (_, now) => {
            let side = if now.is_none() { "in this run" } else { "before" };
            let why = format!("the kernel's counters were not read {side}");
            let none = Figure::absent(&*why);
            let metric = ("tcp_data_segments_per_message", "-");
            findings.push(row_finding(Kind::Structural, b, metric, (none.clone(), none), why));
            return;
        }
    };
    let allowed = AllowedSegments::of(a, before, b, tcp);
    let resent = tcp.retransmitted_up;
    let note = format!("{resent} bytes were sent again, which is allowed for");
    for layer in LAYERS {
        let total = |row: &ComparableRow, tcp: &TcpTotals| {
            layer.count(&row.steady.bytes.both(), tcp, Way::Both) as f64
        };
        let name = format!("{}_per_message", layer.name());
        let was = Figure::known(total(a, before) / a.messages as f64);
        let interval = allowed.interval(layer, b, tcp);
        let mut finding = within(b, name, layer.unit(), (was, total(b, tcp)), &interval);
        finding.details.extend((resent > 0).then(|| note.clone()));
        findings.push(finding);
    }
}

/// Segments that the kernel may have counted in the measured windows, each from least to most.
struct AllowedSegments {
    with_payload: (f64, f64),
    without_payload: (f64, f64),
    /// Bytes of headers of one segment.
    header: f64,
    source: &'static str,
}

impl AllowedSegments {
    fn of(
        a: &ComparableRow,
        before: &TcpTotals,
        b: &ComparableRow,
        tcp: &TcpTotals,
    ) -> AllowedSegments {
        let mut allowed = match a.model.as_ref().or(b.model.as_ref()) {
            Some(model) => AllowedSegments::by_model(b, model),
            None => AllowedSegments::by_baseline(a, before, b.messages as f64),
        };
        let edges = f64::from(b.clients) * b.runs as f64;
        let mut more_with = edges;
        let mut more_without = 2.0 * edges;
        if !b.connection_each_turn {
            let opened = b.steady.connects as f64;
            more_with += opened * REOPENED.0;
            more_without += opened * REOPENED.1;
        }
        let message_up = (b.steady.bytes.up.wire.get() / b.messages.max(1)).max(1);
        let resent = tcp.retransmitted_up.div_ceil(message_up) as f64;
        let widen =
            |(from, to): (f64, f64), more: f64| ((from - edges).max(0.0), to + more + resent);
        allowed.with_payload = widen(allowed.with_payload, more_with);
        allowed.without_payload = widen(allowed.without_payload, more_without);
        allowed
    }

    /// A segment for each write, and acknowledgements with the payload or alone.
    fn by_model(row: &ComparableRow, model: &Model) -> AllowedSegments {
        let with = |e: &Exchange| {
            (data_segments(e.ledger.up.wire.get()) + data_segments(e.ledger.down.wire.get())) as f64
        };
        let without = |e: &Exchange| (e.segments_up + e.segments_down) as f64 - with(e);
        let range = |of: &dyn Fn(&Exchange) -> f64| {
            let all = || model.messages.iter().map(|m| of(&m.exchange));
            (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max))
        };
        let (least, most) = range(&with);
        let n = row.messages as f64;
        let most_with = n * most
            + row.sent as f64 * model.sending.map_or(0.0, |s| with(&s.exchange))
            + idle_exchanges(row, model) * model.idle.map_or(0.0, |i| with(&i.exchange))
            + row.steady.control_frames as f64;
        // A client that waits for each answer never has two of them in the socket.
        let waits = row.asks && !model.messages.is_empty() && !model.shares_packets;
        let least_with = if waits { n * least } else { 0.0 };
        let without_payload = if row.connection_each_turn {
            // Opening and closing has segments of its own, some of which may acknowledge payload.
            let (least_own, most_own) = range(&without);
            ((n * (least_own - least - 1.0)).max(0.0), n * most_own + most_with)
        } else {
            (0.0, most_with)
        };
        AllowedSegments {
            with_payload: (least_with, most_with),
            without_payload,
            header: SEGMENT_HEADER_BYTES as f64,
            source: "a segment a write, acknowledgements with it or alone",
        }
    }

    /// As many as the baseline's, within [`TOLERANCE`], for `n` messages.
    fn by_baseline(row: &ComparableRow, tcp: &TcpTotals, n: f64) -> AllowedSegments {
        let per_message = |count: u64| count as f64 / row.messages.max(1) as f64;
        let with = per_message(tcp.data_segments_up + tcp.data_segments_down);
        let without = per_message(tcp.bare_segments());
        let header = tcp.ip_bytes().get() as f64
            - (tcp.bytes_up + tcp.bytes_down + tcp.retransmitted_up) as f64;
        let segments = tcp.segments_up + tcp.segments_down;
        AllowedSegments {
            with_payload: (n * with * (1.0 - TOLERANCE), n * with * (1.0 + TOLERANCE)),
            without_payload: (0.0, n * without.max(with) * (1.0 + TOLERANCE)),
            header: (header / segments.max(1) as f64).ceil(),
            source: "5 % around the baseline's, acknowledgements with it or alone",
        }
    }

    fn interval(&self, layer: Layer, row: &ComparableRow, tcp: &TcpTotals) -> Interval {
        let all = (
            self.with_payload.0 + self.without_payload.0,
            self.with_payload.1 + self.without_payload.1,
        );
        let (from, to) = match layer {
            Layer::DataSegments => self.with_payload,
            Layer::BareSegments => self.without_payload,
            Layer::Segments => all,
            // Bytes at the socket, options of SYN segments, and headers.
            _ => {
                let bytes = (tcp.bytes_up + tcp.bytes_down + tcp.retransmitted_up) as f64
                    + 2.0 * SYN_OPTIONS * row.steady.connects as f64;
                (bytes + self.header * all.0, bytes + self.header * all.1)
            }
        };
        Interval { from, to, source: self.source.to_owned() }
    }
}

/// Compares a total with its interval; both are shown for each message.
fn within(
    row: &ComparableRow,
    name: String,
    unit: &str,
    (was, is): (Figure, f64),
    interval: &Interval,
) -> Finding {
    let n = row.messages as f64;
    let unit = format!("{unit}/message");
    let value = Figure::known(is / n);
    let from = decimals(interval.from / n);
    let to = decimals(interval.to / n);
    let place = match is {
        is if is > interval.to => "more than",
        is if is < interval.from => "fewer than",
        _ => "within",
    };
    let shown = show(&value);
    let before = show(&was);
    let text =
        format!("{shown} {unit}, {before} before: {place} {from} to {to} ({})", interval.source);
    Finding {
        decision: if is <= interval.to { Decision::Pass } else { Decision::Fail },
        bound: format!("{from} to {to} {unit}"),
        must_equal: false,
        ..row_finding(Kind::Structural, row, (&name, &unit), (was, value), text)
    }
}

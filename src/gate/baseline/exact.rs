//! Figures that are equal or not: bytes by layer, counts that the plan determines.
//!
//! A layer's bytes are compared here if each message has the same number of them: because the model
//! says so or, for a server without a model, because the baseline has a whole number of bytes a
//! message. The rest is compared in `structural`.

use crate::gate::baseline::comparable::ComparableRow;
use crate::gate::baseline::heads::describe_difference;
use crate::gate::baseline::ratio::ExactRatio;
use crate::gate::baseline::row_finding;
use crate::predict::Exchange;
use crate::record::{HeadOf, Ledger, Part, TcpTotals, TransportKind};
use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Kind};
use crate::report::layer::{Layer, Way};
use crate::units::{append_unit, decimals};
use std::cmp::Ordering;

/// The layers that are compared, in the order in which they are shown: parts of a message.
fn layers() -> Vec<Layer> {
    let mut out = Vec::new();
    for &part in Part::ALL.iter().filter(|part| part.is_overhead() && part.is_of_message()) {
        out.push(Layer::Part(part));
        if part == Part::Heads {
            out.push(Layer::HeadChars);
        }
    }
    out.extend([Layer::Part(Part::Payload), Layer::Overhead]);
    out
}

/// Returns the names of the figures that are compared exactly: bytes of a message by layer.
pub(crate) fn metrics() -> Vec<String> {
    let ways = [Way::Up, Way::Down].map(|way| way.name());
    let of = |layer: Layer| {
        ways.into_iter().flat_map(move |way| {
            ["message", "sent"].map(|per| format!("{}_{way}_per_{per}", layer.name()))
        })
    };
    layers().into_iter().flat_map(of).collect()
}

/// A layer in one direction, in both rows.
pub(super) struct LayerPair {
    pub(super) way: Way,
    pub(super) layer: Layer,
    /// Its ratios, or why they are not compared exactly.
    pub(super) exact: Result<RatioPair, &'static str>,
}

/// A layer's bytes in both runs, over their divisor.
pub(super) struct RatioPair {
    per: &'static str,
    was: ExactRatio,
    is: ExactRatio,
}

/// Returns a layer's bytes in one direction.
pub(super) fn layer_of(ledger: &Ledger, way: Way, layer: Layer) -> u64 {
    layer.count(&way.flow(ledger), &TcpTotals::default(), way)
}

/// Returns every layer and direction that is not empty in both rows.
pub(super) fn layer_pairs(a: &ComparableRow, b: &ComparableRow) -> Vec<LayerPair> {
    let mut out = Vec::new();
    for way in [Way::Up, Way::Down] {
        // Control frames and failed exchanges are in the overhead but in no message: with any of
        // them, the parts of the overhead are compared and the sum is not.
        let besides =
            |row: &ComparableRow| way.flow(&row.steady.bytes).sum(|part| !part.is_of_message()) > 0;
        for layer in layers() {
            let total = |row: &ComparableRow| layer_of(&row.steady.bytes, way, layer);
            let summed = layer == Layer::Overhead && (besides(a) || besides(b));
            if summed || (total(a) == 0 && total(b) == 0) {
                continue;
            }
            out.push(LayerPair { way, layer, exact: exactly(a, b, way, layer) });
        }
    }
    out
}

fn exactly(
    a: &ComparableRow,
    b: &ComparableRow,
    way: Way,
    layer: Layer,
) -> Result<RatioPair, &'static str> {
    let (per, of_a) = divisor(a, way, layer)?;
    let (per_of_b, of_b) = divisor(b, way, layer)?;
    if per != per_of_b {
        return Err("the two versions' arithmetic differs");
    }
    let ratio = |row: &ComparableRow, divisor| {
        let total = layer_of(&row.steady.bytes, way, layer);
        ExactRatio::new(total, divisor).ok_or("no message was counted")
    };
    let was = ratio(a, of_a)?;
    let is = ratio(b, of_b)?;
    if a.model.is_none() && !was.is_whole() {
        return Err("messages did not all have the same number of bytes");
    }
    Ok(RatioPair { per, was, is })
}

/// Returns the divisor by which a layer's bytes are the same for each message, with its name:
/// messages, as the figures of a report are, or those that clients sent. An error says why they
/// vary.
fn divisor(
    row: &ComparableRow,
    way: Way,
    layer: Layer,
) -> Result<(&'static str, u64), &'static str> {
    let by_message = Ok(("message", row.messages));
    let Some(model) = &row.model else { return by_message };
    if row.steady.reconnects > 0 && !row.connection_each_turn {
        return Err("connections were opened again, whose first exchanges are no messages");
    }
    let of = |e: &Exchange| layer_of(&e.ledger, way, layer);
    let own: Vec<u64> = model.messages.iter().map(|m| of(&m.exchange)).collect();
    let sending = model.sending.map_or(0, |s| of(&s.exchange));
    let differ = own.windows(2).any(|w| w[0] != w[1]);
    let nothing = own.iter().all(|n| *n == 0);
    if let Some(varies) = model.varies.filter(|_| !nothing && may_vary(layer, way)) {
        Err(varies.why())
    } else if model.idle.is_some_and(|idle| of(&idle.exchange) > 0) {
        Err("what is sent in between depends on the gaps")
    } else if differ || (row.stochastic && !nothing && may_vary(layer, way)) {
        Err("how many updates a message has depends on its moment")
    } else if sending > 0 && nothing {
        Ok(("sent", row.sent))
    } else if sending > 0 && !row.is_by_turn() {
        Err("messages of clients and messages to them share it, in a proportion that varies")
    } else {
        by_message
    }
}

/// True if a layer may depend on how many updates a message carries. Requests do not.
fn may_vary(layer: Layer, way: Way) -> bool {
    way == Way::Down || layer == Layer::Part(Part::Payload)
}

/// True if both rows have messages. Adds a finding if only one has.
pub(super) fn have_messages(
    a: &ComparableRow,
    b: &ComparableRow,
    findings: &mut Vec<Finding>,
) -> bool {
    let none = || Figure::absent("nothing was received");
    let (decision, figures, text) = match (a.messages, b.messages) {
        (0, 0) => return false,
        (was, 0) => {
            let text = format!("nothing was received, and {was} messages before");
            (Decision::Fail, (Figure::count(was), none()), text)
        }
        (0, is) => {
            let text = "nothing was received before: there is nothing to compare".to_owned();
            (Decision::NotComparable, (none(), Figure::count(is)), text)
        }
        _ => return true,
    };
    let finding = row_finding(Kind::Exact, b, ("messages", "-"), figures, text);
    findings.push(Finding { bound: "> 0".to_owned(), must_equal: false, decision, ..finding });
    false
}

/// Compares bytes by layer and direction.
pub(super) fn bytes(a: &ComparableRow, b: &ComparableRow, findings: &mut Vec<Finding>) {
    for LayerPair { way, layer, exact } in layer_pairs(a, b) {
        let Ok(RatioPair { per, was, is }) = exact else { continue };
        let name = format!("{}_{}_per_{per}", layer.name(), way.name());
        let unit = format!("{}/{per}", layer.unit());
        // The plan determines the payload.
        let planned = layer == Layer::Part(Part::Payload);
        let mut finding = compared(b, (&name, &unit), (was, is), planned);
        if layer == Layer::Part(Part::Heads) {
            finding.details = head_details(a, b, &finding, measured_heads(way));
        }
        findings.push(finding);
    }
}

/// The kinds of heads in the measured window.
pub(super) fn measured_heads(way: Way) -> &'static [HeadOf] {
    match way {
        Way::Up => &[HeadOf::Request, HeadOf::PostRequest],
        _ => &[HeadOf::Response, HeadOf::PostResponse],
    }
}

/// Describes what differs in these heads, or why it cannot be shown.
pub(super) fn head_details(
    a: &ComparableRow,
    b: &ComparableRow,
    finding: &Finding,
    which: &[HeadOf],
) -> Vec<String> {
    let side = match (a.heads.is_empty(), b.heads.is_empty()) {
        (false, false) => {
            let both = which.iter().filter_map(|&of| Some((of, a.head(of)?, b.head(of)?)));
            return both.flat_map(|(of, was, is)| describe_difference(of, was, is)).collect();
        }
        _ if finding.baseline.as_ref() == Some(&finding.value) => return Vec::new(),
        (true, true) => "of either run",
        (true, false) => "of the first run",
        (false, true) => "of the second run",
    };
    vec![format!(
        "no head was kept {side}: its clients' sockets are not the driver's own, or an older \
         version recorded it"
    )]
}

/// Compares the heads of setting up a client: an upgrade, a stream's opening, a first poll.
pub(super) fn setup(a: &ComparableRow, b: &ComparableRow, findings: &mut Vec<Finding>) {
    // A held request may be answered, and the next one sent, before the load begins.
    if TransportKind::named(&a.transport) == Some(TransportKind::LongPolling) {
        return;
    }
    // Without any client, `clients_connected` fails.
    if b.setup.connects == 0 {
        return;
    }
    let heads = Layer::Part(Part::Heads);
    for way in [Way::Up, Way::Down] {
        let total = |row: &ComparableRow| layer_of(&row.setup.bytes, way, heads);
        if total(a) == 0 && total(b) == 0 {
            continue;
        }
        let name = format!("setup_{}_{}_per_client", heads.name(), way.name());
        let clients =
            |row: &ComparableRow| row.counts.get("clients_connected").copied().unwrap_or(0);
        let ratio = |row: &ComparableRow| ExactRatio::new(total(row), clients(row));
        let again = a.setup.reconnects + b.setup.reconnects > 0;
        let finding = match (ratio(a), ratio(b)) {
            (Some(was), Some(is)) if !again && was.is_whole() => {
                let mut finding = compared(b, (&name, "bytes/client"), (was, is), false);
                let opening = match way {
                    Way::Up => HeadOf::OpeningRequest,
                    _ => HeadOf::OpeningResponse,
                };
                finding.details = head_details(a, b, &finding, &[opening]);
                finding.samples = clients(b);
                finding
            }
            (was, is) => {
                let why = if again {
                    "clients needed more than one attempt to be set up"
                } else {
                    "clients were not all set up with the same number of bytes"
                };
                let figure =
                    |r: Option<ExactRatio>| r.map_or(Figure::absent(why), ExactRatio::figure);
                let figures = (figure(was), figure(is));
                row_finding(Kind::Exact, b, (&name, "bytes/client"), figures, why)
            }
        };
        findings.push(finding);
    }
}

/// Compares the counts per run that the plan determines.
pub(super) fn counts(a: &ComparableRow, b: &ComparableRow, findings: &mut Vec<Finding>) {
    for (name, was) in &a.counts {
        let Some(is) = b.counts.get(name) else {
            let why = "the plan does not determine it in this run, for example because an interval \
                       was stretched";
            let figures = (Figure::count(*was), Figure::absent(why));
            findings.push(row_finding(Kind::Exact, b, (name, "-"), figures, why));
            continue;
        };
        let ratios = (ExactRatio::new(*was, a.runs), ExactRatio::new(*is, b.runs));
        let (Some(was), Some(is)) = ratios else { continue };
        let mut finding = compared(b, (name, "-"), (was, is), true);
        finding.samples = is.total;
        if is.total == 0 && finding.decision == Decision::Pass {
            finding.decision = Decision::NotComparable;
            finding.text = "there was none in either run".to_owned();
        }
        findings.push(finding);
    }
}

/// Compares two figures that should be equal. If the plan determines them (`planned`), any difference
/// fails; else more fails, and less passes.
fn compared(
    row: &ComparableRow,
    (name, unit): (&str, &str),
    (was, is): (ExactRatio, ExactRatio),
    planned: bool,
) -> Finding {
    let value = is.show();
    let before = was.show();
    let difference = is.difference(was);
    let value = append_unit(value, unit);
    let order = is.compare(was);
    let decision = match order {
        Ordering::Equal => Decision::Pass,
        Ordering::Less if !planned => Decision::Pass,
        _ => Decision::Fail,
    };
    let text = match order {
        Ordering::Equal => format!("{value}, as before"),
        Ordering::Less => format!("{value}: {difference} fewer than {before}"),
        Ordering::Greater => format!("{value}: {difference} more than {before}"),
    };
    let most = append_unit(before, unit);
    let bound = if planned { "equal".to_owned() } else { format!("<= {most}") };
    let figures = (was.figure(), is.figure());
    Finding {
        bound,
        must_equal: planned,
        decision,
        ..row_finding(Kind::Exact, row, (name, unit), figures, text)
    }
}

/// Returns the number of a finding's value, for sentences.
pub(super) fn show(figure: &Figure) -> String {
    match figure {
        Figure::Known(value) => decimals(*value),
        Figure::Absent(absence) => absence.why.clone(),
    }
}

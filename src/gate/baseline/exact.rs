//! Figures that are equal or not: bytes by layer, counts that the plan determines.
//!
//! Separate from `structural`, which takes what varies. A layer's bytes are compared here where
//! each message has the same: where the model says so, or, of a server that nobody can foretell,
//! where the baseline's total is a whole number of bytes a message.

use crate::gate::baseline::heads;
use crate::gate::baseline::ratio::Ratio;
use crate::gate::baseline::recorded::RecordedRow;
use crate::gate::baseline::{found, ratio};
use crate::predict::Exchange;
use crate::record::{Flow, HeadOf, Ledger, TcpTotals};
use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Kind};
use crate::report::layer::{Layer, Way};
use std::cmp::Ordering;

/// The layers that are compared, in the order in which they are shown.
const LAYERS: [Layer; 6] =
    [Layer::Heads, Layer::HeadChars, Layer::Framing, Layer::Masks, Layer::Payload, Layer::Overhead];

/// What a layer's bytes belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Per {
    /// A message: what the figures of a report are divided by.
    Message,
    /// A message that a client sent of its own.
    Sent,
}

impl Per {
    fn suffix(self) -> &'static str {
        match self {
            Per::Message => "message",
            Per::Sent => "sent",
        }
    }
    fn divisor(self, row: &RecordedRow) -> u64 {
        match self {
            Per::Message => row.messages,
            Per::Sent => row.sent,
        }
    }
}

/// A layer one way in both rows.
pub(super) struct Figures {
    pub(super) way: Way,
    pub(super) layer: Layer,
    /// Whether it is compared exactly, and how it is divided; or why it is not.
    pub(super) exact: Result<(Per, Ratio, Ratio), String>,
}

/// One way of a ledger.
pub(super) fn flow(ledger: &Ledger, way: Way) -> Flow {
    match way {
        Way::Up => ledger.up,
        Way::Down => ledger.down,
        Way::Both => ledger.both(),
    }
}

/// A layer's bytes one way.
pub(super) fn layer_of(ledger: &Ledger, way: Way, layer: Layer) -> u64 {
    layer.count(&flow(ledger, way), &TcpTotals::default(), way)
}

/// Every layer one way that is not empty in both rows.
pub(super) fn figures(a: &RecordedRow, b: &RecordedRow) -> Vec<Figures> {
    let mut out = Vec::new();
    for way in [Way::Up, Way::Down] {
        // Control frames and failures are no layer of a message: where there are any, the parts
        // of the overhead are compared and their sum is not.
        let besides = |row: &RecordedRow| {
            let flow = flow(&row.steady.bytes, way);
            flow.control.get() + flow.discarded.get() > 0
        };
        for layer in LAYERS {
            let total = |row: &RecordedRow| layer_of(&row.steady.bytes, way, layer);
            let summed = layer == Layer::Overhead && (besides(a) || besides(b));
            if summed || (total(a) == 0 && total(b) == 0) {
                continue;
            }
            out.push(Figures { way, layer, exact: exactly(a, b, way, layer) });
        }
    }
    out
}

fn exactly(
    a: &RecordedRow,
    b: &RecordedRow,
    way: Way,
    layer: Layer,
) -> Result<(Per, Ratio, Ratio), String> {
    let (per, other) = (per(a, way, layer)?, per(b, way, layer)?);
    if per != other {
        return Err("the two versions' arithmetic differs".to_owned());
    }
    let ratio = |row: &RecordedRow| {
        let total = layer_of(&row.steady.bytes, way, layer);
        Ratio::new(total, per.divisor(row)).ok_or_else(|| "no message was counted".to_owned())
    };
    let (was, is) = (ratio(a)?, ratio(b)?);
    if a.model.is_none() && !was.is_whole() {
        return Err("messages did not all have the same number of bytes".to_owned());
    }
    Ok((per, was, is))
}

/// What a layer's bytes belong to, where each of these has the same number; or why they vary.
fn per(row: &RecordedRow, way: Way, layer: Layer) -> Result<Per, String> {
    let said = |why: &str| Err(why.to_owned());
    let Some(model) = &row.model else { return Ok(Per::Message) };
    if row.steady.reconnects > 0 && !row.connection_each_turn {
        return said("connections were opened again, whose first exchanges are no messages");
    }
    let of = |e: &Exchange| layer_of(&e.ledger, way, layer);
    let own: Vec<u64> = model.messages.iter().map(|m| of(&m.exchange)).collect();
    let sending = model.sending.map_or(0, |s| of(&s.exchange));
    let differ = own.windows(2).any(|w| w[0] != w[1]);
    let nothing = own.iter().all(|n| *n == 0);
    if model.idle.is_some_and(|idle| of(&idle.exchange) > 0) {
        said("what is sent in between depends on the gaps")
    } else if differ || (row.left_to_chance && !nothing && varies(layer, way)) {
        said("how many updates a message has depends on its moment")
    } else if sending > 0 && nothing {
        Ok(Per::Sent)
    } else if sending > 0 && !row.is_by_turn() {
        said("messages of clients and messages to them share it, in a proportion that varies")
    } else {
        Ok(Per::Message)
    }
}

/// Whether a layer may depend on how many updates a message carries: what a client sends to ask
/// does not.
fn varies(layer: Layer, way: Way) -> bool {
    way == Way::Down || layer == Layer::Payload
}

/// Whether there is anything to divide by. Says so where only one of the two has.
pub(super) fn something_came(
    a: &RecordedRow,
    b: &RecordedRow,
    findings: &mut Vec<Finding>,
) -> bool {
    if a.messages > 0 && b.messages > 0 {
        return true;
    }
    if a.messages > 0 || b.messages > 0 {
        let mut finding = found(Kind::Exact, b, "messages");
        let nothing = || Figure::absent("nothing was received");
        let of = |n: u64| if n == 0 { nothing() } else { Figure::count(n) };
        (finding.value, finding.baseline) = (of(b.messages), Some(of(a.messages)));
        finding.bound = "> 0".to_owned();
        if b.messages == 0 {
            finding.decision = Decision::Fail;
            finding.text = format!("nothing was received, and {} messages before", a.messages);
        } else {
            finding.text = "nothing was received before: there is nothing to compare".to_owned();
        }
        findings.push(finding);
    }
    false
}

/// Bytes by layer and direction.
pub(super) fn bytes(a: &RecordedRow, b: &RecordedRow, findings: &mut Vec<Finding>) {
    for Figures { way, layer, exact } in figures(a, b) {
        let Ok((per, was, is)) = exact else { continue };
        let name = format!("{}_{}_per_{}", layer.name(), way.name(), per.suffix());
        let unit = format!("{}/{}", layer.unit(), per.suffix());
        // The plan says what a message brings.
        let planned = layer == Layer::Payload;
        let mut finding = compared(b, name, &unit, (was, is), planned);
        if layer == Layer::Heads {
            finding.details = head_details(a, b, &finding, measured_heads(way));
        }
        findings.push(finding);
    }
}

/// The heads of the measured window.
pub(super) fn measured_heads(way: Way) -> &'static [HeadOf] {
    match way {
        Way::Up => &[HeadOf::Request, HeadOf::PostRequest],
        _ => &[HeadOf::Response, HeadOf::PostResponse],
    }
}

/// What differs of these heads, or why it cannot be shown.
pub(super) fn head_details(
    a: &RecordedRow,
    b: &RecordedRow,
    finding: &Finding,
    which: &[HeadOf],
) -> Vec<String> {
    let details = heads::details(a, b, which);
    let differs = finding.baseline.as_ref() != Some(&finding.value);
    match heads::why_none(a, b) {
        Some(why) if differs => vec![why],
        _ => details,
    }
}

/// What setting up a client costs in heads: an upgrade, what opens a stream, a first poll.
pub(super) fn set_up(a: &RecordedRow, b: &RecordedRow, findings: &mut Vec<Finding>) {
    // A held request may be answered, and the next one sent, before the load begins.
    if a.transport == "long-polling" {
        return;
    }
    // Where nobody came, the clients that are missing say it all.
    if b.setup.connects == 0 {
        return;
    }
    for way in [Way::Up, Way::Down] {
        let total = |row: &RecordedRow| layer_of(&row.setup.bytes, way, Layer::Heads);
        if total(a) == 0 && total(b) == 0 {
            continue;
        }
        let name = format!("setup_{}_{}_per_client", Layer::Heads.name(), way.name());
        let ratio = |row: &RecordedRow| {
            let clients = row.counts.get("clients_connected").copied().unwrap_or(0);
            Ratio::new(total(row), clients)
        };
        let again = a.setup.reconnects + b.setup.reconnects > 0;
        let finding = match (ratio(a), ratio(b)) {
            (Some(was), Some(is)) if !again && was.is_whole() => {
                let mut finding = compared(b, name, "bytes/client", (was, is), false);
                let opening = match way {
                    Way::Up => HeadOf::OpeningRequest,
                    _ => HeadOf::OpeningResponse,
                };
                finding.details = head_details(a, b, &finding, &[opening]);
                finding.samples = b.counts.get("clients_connected").copied().unwrap_or(0);
                finding
            }
            (was, is) => {
                let why = match again {
                    true => "clients needed more than one attempt to be set up",
                    false => "clients were not all set up with the same number of bytes",
                };
                let figure = |r: Option<Ratio>| r.map_or(Figure::absent(why), Ratio::figure);
                let mut finding = found(Kind::Exact, b, name);
                finding.unit = "bytes/client".to_owned();
                (finding.value, finding.baseline) = (figure(is), Some(figure(was)));
                finding.text = why.to_owned();
                finding
            }
        };
        findings.push(finding);
    }
}

/// Counts that the plan determines, a run each.
pub(super) fn counts(a: &RecordedRow, b: &RecordedRow, findings: &mut Vec<Finding>) {
    for (name, was) in &a.counts {
        let Some(is) = b.counts.get(name) else {
            let mut finding = found(Kind::Exact, b, name);
            let why = "the plan does not determine it in this run, as where an interval was \
                       stretched";
            (finding.value, finding.baseline) = (Figure::absent(why), Some(Figure::count(*was)));
            finding.text = why.to_owned();
            findings.push(finding);
            continue;
        };
        let ratios = (Ratio::new(*was, a.runs), Ratio::new(*is, b.runs));
        let (Some(was), Some(is)) = ratios else { continue };
        let mut finding = compared(b, name.clone(), "-", (was, is), true);
        finding.samples = is.total;
        if is.total == 0 && finding.decision == Decision::Pass {
            finding.decision = Decision::NotComparable;
            finding.text = "there was none on either side".to_owned();
        }
        findings.push(finding);
    }
}

/// Two figures that should be equal. Where the plan says what they are (`planned`), any difference
/// fails; else more fails, and less passes.
fn compared(
    row: &RecordedRow,
    name: String,
    unit: &str,
    (was, is): (Ratio, Ratio),
    planned: bool,
) -> Finding {
    let mut finding = found(Kind::Exact, row, name);
    finding.unit = unit.to_owned();
    (finding.value, finding.baseline) = (is.figure(), Some(was.figure()));
    let unit = match unit {
        "-" => String::new(),
        unit => format!(" {unit}"),
    };
    finding.bound = match planned {
        true => "equal".to_owned(),
        false => format!("<= {}{unit}", was.words()),
    };
    let order = is.compare(was);
    finding.decision = match order {
        Ordering::Equal => Decision::Pass,
        Ordering::Less if !planned => Decision::Pass,
        _ => Decision::Fail,
    };
    let (value, before, apart) = (is.words(), was.words(), is.apart(was));
    finding.text = match order {
        Ordering::Equal => format!("{value}{unit}, as before"),
        Ordering::Less => format!("{value}{unit}: {apart} fewer than {before}"),
        Ordering::Greater => format!("{value}{unit}: {apart} more than {before}"),
    };
    finding
}

/// The number of a finding's value, for sentences.
pub(super) fn shown(figure: &Figure) -> String {
    match figure {
        Figure::Known(value) => ratio::words(*value),
        Figure::Absent(why) => why.clone(),
    }
}

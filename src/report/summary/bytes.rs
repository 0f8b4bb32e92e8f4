//! Bytes and segments by phase, way and layer: in total, a message, and a second.

use crate::record::{Part, Phase, Phases, TcpTotals};
use crate::report::figure::Figure;
use crate::report::layer::{Layer, Way};
use crate::report::summary::group::Group;
use crate::report::table::{Pace, Volume};
use crate::units::thousands;

/// A volume for every phase, way and layer.
pub(super) fn volumes(group: &Group, window_s: &Figure, pace: &Pace) -> Vec<Volume> {
    let mut tcp = Phases::<TcpTotals>::default();
    group.drivers.iter().for_each(|d| tcp += d.tcp);
    let counts = group.counts();
    let completed = Figure::count(counts.completed);
    let messages = Figure::count(counts.messages);
    let scaled = |per_s: &Figure| match &pace.stretch {
        _ if !pace.stretched => {
            Figure::absent_by_scenario("the interval was not stretched: see the figure as measured")
        }
        Figure::Known(factor) => per_s.map(|v| v * factor),
        absent => absent.clone(),
    };
    let mut out = Vec::new();
    for phase in Phase::ALL {
        let measured = |figure: Figure| match phase {
            Phase::Steady => figure,
            _ => Figure::absent("not in the measured phase"),
        };
        for way in Way::ALL {
            for layer in Layer::all() {
                let total = total(group, &tcp[phase], phase, way, layer);
                let per_s = total.over(window_s, "the measured window has no second");
                out.push(Volume {
                    phase,
                    way,
                    layer,
                    per_message: measured(total.over(&completed, "nothing was received")),
                    per_delivered: measured(total.over(&messages, "no update was delivered")),
                    per_s_scaled: measured(scaled(&per_s)),
                    per_s: measured(per_s),
                    total,
                });
            }
        }
    }
    out
}

fn total(group: &Group, tcp: &TcpTotals, phase: Phase, way: Way, layer: Layer) -> Figure {
    let flow = way.flow(&group.total.phases[phase].ledger);
    let unmeasured = group.total.phases[phase].counts.unmeasured;
    if unmeasured > 0 {
        return Figure::absent(format!(
            "the library had closed the sockets of {unmeasured} exchanges before the kernel could be \
             asked; take engine = \"raw\""
        ));
    }
    let payload_only = group.total.phases[phase].counts.payload_only;
    if payload_only > 0 && !is_shown_over_http2(layer) {
        return Figure::absent(payload_alone(payload_only));
    }
    let undivided = group.total.phases[phase].counts.undivided;
    if undivided > 0 && way != Way::Up && (layer.is_of_heads() || is_framing(layer)) {
        return Figure::absent(heads_and_chunks(undivided));
    }
    let unusual = group.total.phases[phase].counts.unusual_heads;
    if unusual > 0 && way != Way::Up && layer == Layer::HeadChars {
        return Figure::absent(line_ends(unusual));
    }
    if layer.is_kernels() {
        if group.info.floor {
            return Figure::absent("the floor has no network");
        }
        if group.drivers.is_empty() {
            return Figure::absent("no driver process reported its end");
        }
        if tcp.readings == 0 && flow.wire.get() > 0 {
            return Figure::absent("the kernel's counters were not read in this phase");
        }
        if layer == Layer::IpHeaders && Layer::Ip.count(&flow, tcp, way) < flow.wire.get() {
            return Figure::absent("the kernel's counters cover only a part of this phase");
        }
    }
    Figure::count(layer.count(&flow, tcp, way))
}

/// Whether a library shows a layer of exchanges over HTTP/2: the kernel counts bytes at the socket, and the library
/// gives bodies.
fn is_shown_over_http2(layer: Layer) -> bool {
    let is_known = |part| part == Part::Payload || part == Part::Discarded;
    match layer {
        Layer::Part(part) => is_known(part),
        Layer::Frames | Layer::HeadChars => false,
        _ => true,
    }
}

/// Says why only payload and sums are known of so many exchanges.
pub(super) fn payload_alone(exchanges: u64) -> String {
    format!(
        "over HTTP/2 the library shows of {} exchanges the payload alone, and not what is of heads, frames, the \
         connection and TLS; take engine = \"raw\"",
        thousands(exchanges)
    )
}

/// Says why heads and framing are not known of so many answers.
pub(super) fn heads_and_chunks(answers: u64) -> String {
    format!(
        "the library does not show the heads and the framing of chunks apart in {} answers: an interim response \
         came before them, bytes that nobody asked for came after them, a line of their head is not written as \
         usual, or a chunk came in several pieces; take engine = \"raw\"",
        thousands(answers)
    )
}

/// Says why the characters of heads are not known of so many answers.
pub(super) fn line_ends(answers: u64) -> String {
    format!(
        "the library does not show how many bytes are line ends in the heads of {} answers: an interim response \
         came before them, bytes that nobody asked for came after them and count as heads, or a line of their \
         head is not written as usual; take engine = \"raw\"",
        thousands(answers)
    )
}

/// Whether a layer counts the framing of chunks, and no heads with it.
fn is_framing(layer: Layer) -> bool {
    layer == Layer::Frames || layer == Layer::Part(Part::Framing)
}

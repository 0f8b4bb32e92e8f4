//! Bytes and segments by phase, way and layer: in total, a message, and a second.

use crate::record::{Phase, Phases, TcpTotals};
use crate::report::figure::Figure;
use crate::report::layer::{Layer, Way};
use crate::report::summary::group::Group;
use crate::report::table::{Events, Pace, Volume};

/// A volume for every phase, way and layer.
pub(super) fn volumes(
    group: &Group,
    events: &Events,
    window_s: &Figure,
    pace: &Pace,
) -> Vec<Volume> {
    let mut tcp = Phases::<TcpTotals>::default();
    group.drivers.iter().for_each(|d| tcp += d.tcp);
    let mut out = Vec::new();
    for phase in Phase::ALL {
        for way in Way::ALL {
            for layer in Layer::all() {
                let total = total(group, &tcp[phase], phase, way, layer);
                out.push(match phase {
                    Phase::Steady => measured((phase, way, layer), total, events, window_s, pace),
                    _ => unmeasured((phase, way, layer), total),
                });
            }
        }
    }
    out
}

/// The overhead of the measured phase, both ways.
pub(super) fn steady_overhead(volumes: &[Volume]) -> &Volume {
    let wanted = (Phase::Steady, Way::Both, Layer::Overhead);
    let found = volumes.iter().find(|v| (v.phase, v.way, v.layer) == wanted);
    found.expect("there is a volume for every phase, way and layer")
}

fn total(group: &Group, tcp: &TcpTotals, phase: Phase, way: Way, layer: Layer) -> Figure {
    let ledger = &group.total.phases[phase].ledger;
    let flow = match way {
        Way::Up => ledger.up,
        Way::Down => ledger.down,
        Way::Both => ledger.both(),
    };
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

fn measured(
    (phase, way, layer): (Phase, Way, Layer),
    total: Figure,
    events: &Events,
    window_s: &Figure,
    pace: &Pace,
) -> Volume {
    let per_s = total.over(window_s, "the measured window has no second");
    let per_s_scaled = match (pace.stretched, &pace.stretch) {
        (true, Figure::Known(factor)) => per_s.map(|v| v * factor),
        (true, Figure::Absent(absence)) => Figure::Absent(absence.clone()),
        (false, _) => {
            Figure::absent_by_scenario("the interval was not stretched: see the figure as measured")
        }
    };
    Volume {
        phase,
        way,
        layer,
        per_message: total.over(&Figure::count(events.per_message_divisor), "nothing was received"),
        per_delivered: total.over(&Figure::count(events.messages), "no update was delivered"),
        per_s,
        per_s_scaled,
        total,
    }
}

fn unmeasured((phase, way, layer): (Phase, Way, Layer), total: Figure) -> Volume {
    let why = || Figure::absent("not in the measured phase");
    Volume {
        phase,
        way,
        layer,
        total,
        per_message: why(),
        per_delivered: why(),
        per_s: why(),
        per_s_scaled: why(),
    }
}

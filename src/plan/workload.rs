//! What a workload asks of the other settings: who sends, what an update means to the next, which
//! payloads, how many clients.
//!
//! Separate from `resolve`, which reads the settings that every workload has alike, and from the
//! transports, which say for themselves what they cannot carry.

use crate::config::Fields;
use crate::feed::{Arrivals, MOST_NUMBER, MOST_SENDERS, PayloadKind, Semantics, Spec, Workload};
use crate::os::Machine;
use crate::plan::shard::RESERVED_FILES;
use crate::plan::{Timing, keys};
use crate::units::{SECOND_NS, thousands};

/// The longest that updates may be held back.
const MOST_BATCH_NS: u64 = 3600 * SECOND_NS;

/// Who sends what to whom, and what an update means to the next; the rest as in a plain feed.
pub(super) fn read(fields: &mut Fields<'_>) -> Spec {
    let names = Workload::ALL.map(Workload::name);
    let chosen = fields.choice(&keys::WORKLOAD, &names);
    let workload = Workload::ALL.into_iter().find(|w| w.name() == chosen);
    let senders = fields.integer(&keys::SENDERS, 1..=u64::from(MOST_SENDERS)) as u32;
    let semantics = match fields.choice(&keys::SEMANTICS, &["snapshot", "log"]) {
        "log" => Semantics::Log,
        _ => Semantics::Snapshot,
    };
    let batch_ns = fields.duration_ns(&keys::BATCH);
    if batch_ns > MOST_BATCH_NS && fields.sound(&keys::BATCH) {
        fields.fault(&keys::BATCH, "batch must be at most 1h");
    }
    let workload = workload.unwrap_or(Workload::Ticker);
    let plain = Spec { workload, senders, semantics, batch_ns, ..Spec::PLAIN };
    if !workload.is_shared() {
        return plain;
    }
    if semantics == Semantics::Snapshot && fields.written(&keys::SEMANTICS) {
        let message = format!(
            "in a {} every message counts: what one client sends replaces nothing that another \
             did; semantics must be \"log\" or left out",
            workload.name()
        );
        fields.fault(&keys::SEMANTICS, message);
    }
    Spec { semantics: Semantics::Log, ..plain }
}

/// Settings that contradict the workload.
pub(super) fn judge(fields: &mut Fields<'_>, spec: &Spec, arrivals: Arrivals) {
    let name = spec.workload.name();
    if spec.workload != Workload::Ticker && arrivals == Arrivals::Poisson {
        let message = format!("in a {name} clients send at equal distances, not at random ones");
        fields.fault(&keys::ARRIVALS, message);
    }
    if spec.workload == Workload::Echo && spec.batch_ns > 0 {
        fields.fault(&keys::BATCH, "in an echo each message is answered at once");
    }
    if spec.workload != Workload::Broadcast && fields.written(&keys::SENDERS) && spec.senders != 1 {
        fields.fault(&keys::SENDERS, "only a broadcast has senders of a number of their own");
    }
}

/// The payload of a workload: a tracker sends positions and nothing else.
pub(super) fn payload(
    fields: &mut Fields<'_>,
    workload: Workload,
    kind: PayloadKind,
    size: u64,
) -> (PayloadKind, u64) {
    if workload != Workload::Tracker {
        return (kind, size);
    }
    let least = PayloadKind::Position.least_bytes() as u64;
    if kind != PayloadKind::Text && fields.sound(&keys::PAYLOAD) {
        fields.fault(&keys::PAYLOAD, "a tracker's messages are positions: leave payload out");
    }
    if fields.written(&keys::SIZE) && size != least && fields.sound(&keys::SIZE) {
        let message = format!("a tracker's messages are positions of {least}B: leave size out");
        fields.fault(&keys::SIZE, message);
    }
    (PayloadKind::Position, least)
}

/// Client counts that a workload cannot have: where what one sends reaches all, all meet in one
/// thread of one server process.
pub(super) fn judge_clients(
    fields: &mut Fields<'_>,
    spec: &Spec,
    clients: &[u32],
    timing: &Timing,
    machine: &Machine,
) {
    let name = spec.workload.name();
    let Some(&most) = clients.iter().max().filter(|_| spec.workload.is_shared()) else { return };
    if spec.workload == Workload::Tracker && most > MOST_SENDERS {
        let message = format!(
            "in a tracker every client sends, and {MOST_SENDERS} senders are told apart; \
             {} are too many",
            thousands(most.into())
        );
        fields.fault(&keys::CLIENTS, message);
        return;
    }
    if let Some(&few) = clients.iter().find(|c| **c < spec.senders) {
        let message = format!("{few} clients cannot be {} senders", spec.senders);
        fields.fault(&keys::CLIENTS, message);
    }
    let needed = u64::from(connections(spec, most)) + RESERVED_FILES;
    if needed > machine.open_files() {
        let message = format!(
            "in a {name} all clients meet in one server process: {} of them need {} open files, \
             and a process may open {}; raise the limit (ulimit -Hn) or take fewer clients",
            thousands(most.into()),
            thousands(needed),
            thousands(machine.open_files())
        );
        fields.fault(&keys::CLIENTS, message);
    }
    let load_ns = timing.warmup_ns + timing.duration_ns + timing.cooldown_ns;
    let sent = spec.rate_hz * load_ns as f64 / 1e9;
    if sent > f64::from(MOST_NUMBER) && fields.sound(&keys::DURATION) {
        let message = format!(
            "a sender would send {} messages, and {} of one are told apart; take a shorter time \
             or a lower rate",
            thousands(sent as u64),
            thousands(MOST_NUMBER.into())
        );
        fields.fault(&keys::DURATION, message);
    }
}

/// Connections of a case: a sender may have a second one for what it says.
pub(super) fn connections(spec: &Spec, clients: u32) -> u32 {
    match spec.workload.is_shared() {
        true => clients.saturating_add(spec.among(clients).senders),
        false => clients,
    }
}

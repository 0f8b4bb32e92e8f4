//! What a workload requires of the other settings: who sends, whether an update replaces the one
//! before, which payloads, how many clients.
//!
//! Separate from `resolve`, which reads the settings that all workloads share, and from the
//! transports, which refuse feeds that they cannot carry.

use crate::config::Fields;
use crate::feed::{Arrivals, MOST_NUMBER, MOST_SENDERS, PayloadKind, Semantics, Spec, Workload};
use crate::os::Machine;
use crate::plan::shard::RESERVED_FILES;
use crate::plan::{Timing, keys};
use crate::units::{SECOND_NS, thousands};

/// Reads who sends what to whom, and whether an update replaces the one before; the rest is that
/// of a plain feed.
pub(super) fn read(fields: &mut Fields<'_>) -> Spec {
    let workload = fields.choose(&keys::WORKLOAD, &Workload::ALL.map(|each| (each.name(), each)));
    let senders = fields.integer(&keys::SENDERS, 1..=u64::from(MOST_SENDERS)) as u32;
    let options = [("snapshot", Semantics::Snapshot), ("log", Semantics::Log)];
    let semantics = fields.choose(&keys::SEMANTICS, &options);
    let batch_ns = fields.duration_ns_up_to(&keys::BATCH, 3600 * SECOND_NS, "1h");
    let plain = Spec { workload, senders, semantics, batch_ns, ..Spec::PLAIN };
    if !workload.is_shared() {
        return plain;
    }
    if semantics == Semantics::Snapshot && fields.is_given(&keys::SEMANTICS) {
        let message = format!(
            "in a {} every message counts: it replaces none of another client's; semantics must \
             be \"log\" or left out",
            workload.name()
        );
        fields.report(&keys::SEMANTICS, message);
    }
    Spec { semantics: Semantics::Log, ..plain }
}

/// Reports settings that contradict the workload.
pub(super) fn check(fields: &mut Fields<'_>, spec: &Spec, arrivals: Arrivals) {
    let name = spec.workload.name();
    if spec.workload != Workload::Ticker && arrivals == Arrivals::Poisson {
        let message =
            format!("clients of workload {name:?} send at equal intervals, not at random ones");
        fields.report(&keys::ARRIVALS, message);
    }
    if spec.workload == Workload::Echo && spec.batch_ns > 0 {
        fields.report(&keys::BATCH, "in an echo each message is answered at once");
    }
    if spec.workload != Workload::Broadcast && fields.is_given(&keys::SENDERS) && spec.senders != 1
    {
        fields.report(&keys::SENDERS, "senders can be set for a broadcast only");
    }
}

/// Returns the payload of a workload: a tracker sends positions and nothing else.
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
    if kind != PayloadKind::Text && fields.is_valid(&keys::PAYLOAD) {
        fields.report(&keys::PAYLOAD, "a tracker's messages are positions: leave payload out");
    }
    if fields.is_given(&keys::SIZE) && size != least && fields.is_valid(&keys::SIZE) {
        let message = format!("a tracker's messages are positions of {least}B: leave size out");
        fields.report(&keys::SIZE, message);
    }
    (PayloadKind::Position, least)
}

/// Reports client counts that a workload cannot have. If what one client sends reaches all, all are
/// in one thread of one server process.
pub(super) fn check_clients(
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
            "in a tracker every client sends, and at most {MOST_SENDERS} senders can be \
             distinguished; {} are too many",
            thousands(most.into())
        );
        fields.report(&keys::CLIENTS, message);
        return;
    }
    if let Some(&few) = clients.iter().find(|c| **c < spec.senders) {
        let message = format!("{few} clients cannot be {} senders", spec.senders);
        fields.report(&keys::CLIENTS, message);
    }
    let needed = u64::from(connections(spec, most)) + RESERVED_FILES;
    if needed > machine.open_files() {
        let message = format!(
            "in a {name} all clients are in one server process: {} of them need {} open files, \
             and a process may open {}; raise the limit (ulimit -Hn) or take fewer clients",
            thousands(most.into()),
            thousands(needed),
            thousands(machine.open_files())
        );
        fields.report(&keys::CLIENTS, message);
    }
    let load_ns = timing.warmup_ns + timing.duration_ns + timing.cooldown_ns;
    let sent = spec.rate_hz * load_ns as f64 / 1e9;
    if sent > f64::from(MOST_NUMBER) && fields.is_valid(&keys::DURATION) {
        let message = format!(
            "a sender would send {} messages, and at most {} of one sender can be distinguished; \
             take a shorter duration or a lower rate",
            thousands(sent as u64),
            thousands(MOST_NUMBER.into())
        );
        fields.report(&keys::DURATION, message);
    }
}

/// Returns the connections of a case: a sender may have a second one for its messages.
pub(super) fn connections(spec: &Spec, clients: u32) -> u32 {
    if spec.workload.is_shared() {
        clients.saturating_add(spec.among(clients).senders)
    } else {
        clients
    }
}

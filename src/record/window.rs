//! The recorder of one thread and the windows of one second that it hands over.

use crate::record::{ClientError, Counts, Latency, Ledger, Metric, Phase, Phases};
use crate::units::add_fields;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes and counts of one phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PhaseTotals {
    /// Bytes by layer and direction.
    pub ledger: Ledger,
    /// Events.
    pub counts: Counts,
}

add_fields!(PhaseTotals { ledger, counts });

/// Everything that was recorded in some stretch of time. Adding two windows loses nothing and
/// does not depend on the order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Window {
    /// Bytes and events by the phase of the client that caused them.
    pub phases: Phases<PhaseTotals>,
    /// Faults by kind and code.
    pub faults: BTreeMap<ClientError, u64>,
    /// Latencies of the measured phase; of connecting, those of the set-up.
    pub latency: Latency,
}

impl Window {
    /// Adds everything of `other`.
    pub fn add(&mut self, other: &Window) {
        self.phases += other.phases;
        for (fault, count) in &other.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
        self.latency.add(&other.latency);
    }
    /// True if nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.phases == Phases::default() && self.faults.is_empty() && self.latency.is_empty()
    }
}

/// The recorder of one thread. Recording is a few additions; it never allocates, except for the
/// first fault of a kind.
#[derive(Debug, Default)]
pub struct Recorder {
    window: Window,
}

impl Recorder {
    /// Takes the memory that recording needs, see [`Latency::prepare`].
    pub fn prepare(&mut self) {
        self.window.latency.prepare();
    }
    /// The bytes and counts of a phase, to be added to.
    #[inline]
    pub fn at(&mut self, phase: Phase) -> &mut PhaseTotals {
        &mut self.window.phases[phase]
    }
    /// Counts a latency if its phase is measured.
    #[inline]
    pub fn latency(&mut self, phase: Phase, metric: Metric, ns: u64) {
        if phase == Phase::Steady {
            self.window.latency.record(metric, ns);
        }
    }
    /// Counts a latency from two readings of the clock; one that is negative is counted as that.
    #[inline]
    pub fn since(&mut self, phase: Phase, metric: Metric, from_ns: u64, to_ns: u64) {
        match to_ns.checked_sub(from_ns) {
            Some(ns) => self.latency(phase, metric, ns),
            None => self.at(phase).counts.negative_latencies += 1,
        }
    }
    /// Counts the time that connecting or upgrading took, in any phase.
    pub fn set_up_time(&mut self, metric: Metric, ns: u64) {
        self.window.latency.record(metric, ns);
    }
    /// Counts a fault.
    pub fn fault(&mut self, phase: Phase, fault: ClientError) {
        *self.window.faults.entry(fault).or_default() += 1;
        self.at(phase).counts.faults += 1;
    }
    /// Hands over what was recorded since the last call, by letting `use_it` read it.
    pub fn take<T>(&mut self, use_it: impl FnOnce(&Window) -> T) -> T {
        let out = use_it(&self.window);
        self.window.phases = Phases::default();
        self.window.faults.clear();
        self.window.latency.reset();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ClientErrorKind;
    use proptest::prelude::*;

    fn window() -> impl Strategy<Value = Window> {
        let event = (0usize..5, 0u64..1 << 30, 1u64..10_000_000_000, 0i32..4);
        prop::collection::vec(event, 0..20).prop_map(|events| {
            let mut recorder = Recorder::default();
            for (phase, bytes, ns, code) in events {
                let phase = Phase::ALL[phase];
                recorder.at(phase).ledger.up.wire += bytes;
                recorder.at(phase).counts.messages += 1;
                recorder.latency(phase, Metric::DeliveryLatency, ns);
                recorder.fault(phase, ClientError::with(ClientErrorKind::Status, code));
            }
            recorder.take(Window::clone)
        })
    }

    fn add(a: &Window, b: &Window) -> Window {
        let mut sum = a.clone();
        sum.add(b);
        sum
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn merging_is_a_commutative_monoid(a in window(), b in window(), c in window()) {
            prop_assert_eq!(add(&a, &b), add(&b, &a));
            prop_assert_eq!(add(&add(&a, &b), &c), add(&a, &add(&b, &c)));
            prop_assert_eq!(add(&a, &Window::default()), a);
        }
    }

    #[test]
    fn taking_leaves_nothing() {
        let mut recorder = Recorder::default();
        recorder.at(Phase::Steady).counts.turns += 1;
        recorder.since(Phase::Steady, Metric::DriverLag, 10, 15);
        recorder.since(Phase::Steady, Metric::DriverLag, 15, 10);
        let taken = recorder.take(Window::clone);
        assert_eq!(taken.phases.steady.counts.negative_latencies, 1);
        assert_eq!(taken.latency.of(Metric::DriverLag).map(|h| h.len()), Some(1));
        assert!(recorder.take(Window::is_empty));
    }

    #[test]
    fn only_the_measured_phase_has_latencies() {
        let mut recorder = Recorder::default();
        recorder.latency(Phase::Warmup, Metric::ResponseLatency, 5);
        assert!(recorder.take(|w| w.latency.of(Metric::ResponseLatency).is_none()));
    }
}

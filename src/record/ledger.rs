//! The byte ledger: what crossed the socket, split by part, direction and phase.
//!
//! Law: in each direction of every finished connection, `wire` is the sum of the parts. What is
//! left over is *unexplained* and makes a run invalid.

use crate::record::Flow;
use crate::units::add_fields;
use serde::{Deserialize, Serialize};
use std::ops::{AddAssign, Index, IndexMut};

named! {
    /// The parts of a client's life that are counted apart.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Phase {
        /// Connecting, upgrading, and a poller's first exchange.
        Setup = "setup",
        /// Load that is not measured yet, calibration included.
        Warmup = "warmup",
        /// The measured window.
        Steady = "steady",
        /// Load after the window, until every measured exchange has ended.
        Cooldown = "cooldown",
        /// Closing handshakes.
        Teardown = "teardown",
    }
}

/// The direction of bytes, seen from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
}

/// Both directions of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// From client to server.
    pub up: Flow,
    /// From server to client.
    pub down: Flow,
}

impl Ledger {
    /// Both directions in one, for figures "per message".
    pub fn both(&self) -> Flow {
        let mut sum = self.up;
        sum += self.down;
        sum
    }
}

impl Index<Direction> for Ledger {
    type Output = Flow;
    fn index(&self, direction: Direction) -> &Flow {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }
}

add_fields!(Ledger { up, down });

/// A value for each phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Phases<T> {
    /// See [`Phase::Setup`].
    pub setup: T,
    /// See [`Phase::Warmup`].
    pub warmup: T,
    /// See [`Phase::Steady`].
    pub steady: T,
    /// See [`Phase::Cooldown`].
    pub cooldown: T,
    /// See [`Phase::Teardown`].
    pub teardown: T,
}

impl<T: Copy + Default + AddAssign> Phases<T> {
    /// All phases added up.
    pub fn total(&self) -> T {
        let mut sum = T::default();
        Phase::ALL.iter().for_each(|&p| sum += self[p]);
        sum
    }
}

impl<T: Default + PartialEq> Phases<T> {
    /// The phases in which something happened, in their order.
    pub fn used(&self) -> impl Iterator<Item = Phase> + '_ {
        Phase::ALL.into_iter().filter(|&phase| self[phase] != T::default())
    }
}

impl<T> Index<Phase> for Phases<T> {
    type Output = T;
    fn index(&self, phase: Phase) -> &T {
        match phase {
            Phase::Setup => &self.setup,
            Phase::Warmup => &self.warmup,
            Phase::Steady => &self.steady,
            Phase::Cooldown => &self.cooldown,
            Phase::Teardown => &self.teardown,
        }
    }
}

impl<T> IndexMut<Phase> for Phases<T> {
    fn index_mut(&mut self, phase: Phase) -> &mut T {
        match phase {
            Phase::Setup => &mut self.setup,
            Phase::Warmup => &mut self.warmup,
            Phase::Steady => &mut self.steady,
            Phase::Cooldown => &mut self.cooldown,
            Phase::Teardown => &mut self.teardown,
        }
    }
}

impl<T: Copy + AddAssign> AddAssign for Phases<T> {
    fn add_assign(&mut self, o: Self) {
        Phase::ALL.iter().for_each(|&p| self[p] += o[p]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Part;
    use crate::units::Bytes;
    use proptest::prelude::*;

    fn flow() -> impl Strategy<Value = Flow> {
        let bytes = || 0u64..1 << 40;
        let parts = prop::collection::vec(bytes(), Part::COUNT);
        (parts, bytes(), bytes()).prop_map(|(parts, wire, head_chars)| {
            let mut flow = Flow::default().with_head_chars(head_chars);
            flow.wire = Bytes::new(wire);
            for (&part, bytes) in Part::ALL.iter().zip(parts) {
                flow[part] = bytes;
            }
            flow
        })
    }

    // A closure with a `mut` argument would do, if rustc 1.95 at opt-level 1 did not lose the
    // copy.
    fn add(x: Flow, y: Flow) -> Flow {
        let mut sum = x;
        sum += y;
        sum
    }

    proptest! {
        #[test]
        fn adding_is_commutative_associative_and_keeps_the_unexplained(
            a in flow(), b in flow(), c in flow()
        ) {
            prop_assert_eq!(add(a, b), add(b, a));
            prop_assert_eq!(add(add(a, b), c), add(a, add(b, c)));
            prop_assert_eq!(add(a, Flow::default()), a);
            prop_assert_eq!(add(a, b).unexplained(), a.unexplained() + b.unexplained());
        }

        #[test]
        fn survives_json(a in flow(), b in flow()) {
            let ledger = Ledger { up: a, down: b };
            let text = serde_json::to_string(&ledger).unwrap();
            prop_assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
        }
    }

    #[test]
    fn files_have_a_field_for_each_part_and_none_that_is_zero() {
        let flow = Flow::of([(Part::Heads, 716), (Part::Masks, 4)]);
        let text = serde_json::to_string(&flow).unwrap();
        assert_eq!(text, r#"{"wire":720,"heads":716,"masks":4}"#);
        let later = r#"{"wire":720,"heads":716,"masks":4,"of_a_later_version":[1]}"#;
        assert_eq!(serde_json::from_str::<Flow>(later).unwrap(), flow);
        assert_eq!(serde_json::from_str::<Flow>("{}").unwrap(), Flow::default());
    }
}

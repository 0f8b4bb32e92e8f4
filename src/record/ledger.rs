//! The byte ledger: what crossed the socket, split by layer, direction and phase.
//!
//! Law: `wire = payload + heads + framing + masks + control + discarded`, in each direction, for
//! every finished connection. What is left over is *unexplained* and invalidates a run.

use crate::units::{Bytes, Payload, Protocol, Wire};
use serde::{Deserialize, Serialize};
use std::ops::{AddAssign, Index, IndexMut};

/// The parts of a client's life that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Connecting, upgrading, and a poller's first exchange.
    Setup,
    /// Load that is not measured yet, calibration included.
    Warmup,
    /// The measured window.
    Steady,
    /// Load after the window, until every measured exchange has ended.
    Cooldown,
    /// Closing handshakes.
    Teardown,
}

impl Phase {
    /// Every phase in order.
    pub const ALL: [Phase; 5] =
        [Phase::Setup, Phase::Warmup, Phase::Steady, Phase::Cooldown, Phase::Teardown];
    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Setup => "setup",
            Phase::Warmup => "warmup",
            Phase::Steady => "steady",
            Phase::Cooldown => "cooldown",
            Phase::Teardown => "teardown",
        }
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

impl Direction {
    /// Both directions.
    pub const ALL: [Direction; 2] = [Direction::Up, Direction::Down];
    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Up => "up",
            Direction::Down => "down",
        }
    }
}

/// One direction of traffic by layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Flow {
    /// Bytes that `read` or `write` on the socket moved.
    #[serde(skip_serializing_if = "Bytes::is_zero")]
    pub wire: Bytes<Wire>,
    /// Bytes of messages.
    #[serde(skip_serializing_if = "Bytes::is_zero")]
    pub payload: Bytes<Payload>,
    /// HTTP request or response heads, line ends and the empty line included.
    #[serde(skip_serializing_if = "Bytes::is_zero")]
    pub heads: Bytes<Protocol>,
    /// Frame headers without mask (RFC 6455 §5.2), chunk sizes and their line ends (RFC 9112 §7.1).
    #[serde(skip_serializing_if = "Bytes::is_zero")]
    pub framing: Bytes<Protocol>,
    /// Masking keys (RFC 6455 §5.3).
    #[serde(skip_serializing_if = "Bytes::is_zero")]
    pub masks: Bytes<Protocol>,
    /// Control frames, whole: ping, pong, close (RFC 6455 §5.5).
    #[serde(skip_serializing_if = "Bytes::is_zero")]
    pub control: Bytes<Protocol>,
    /// Bytes of exchanges that failed: cut, malformed, an error's body.
    #[serde(skip_serializing_if = "Bytes::is_zero")]
    pub discarded: Bytes<Protocol>,
    /// Characters of heads as the chapter counts them: without line ends.
    #[serde(skip_serializing_if = "is_zero")]
    pub head_chars: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Flow {
    /// Protocol bytes of every kind.
    pub fn protocol(&self) -> Bytes<Protocol> {
        self.heads + self.framing + self.masks + self.control + self.discarded
    }
    /// Socket bytes that no layer accounts for; zero once a connection has ended.
    pub fn unexplained(&self) -> i64 {
        self.wire.get() as i64 - (self.payload.get() + self.protocol().get()) as i64
    }
}

impl AddAssign for Flow {
    fn add_assign(&mut self, o: Flow) {
        self.wire += o.wire;
        self.payload += o.payload;
        self.heads += o.heads;
        self.framing += o.framing;
        self.masks += o.masks;
        self.control += o.control;
        self.discarded += o.discarded;
        self.head_chars += o.head_chars;
    }
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

impl AddAssign for Ledger {
    fn add_assign(&mut self, o: Ledger) {
        self.up += o.up;
        self.down += o.down;
    }
}

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
    use proptest::prelude::*;

    fn flow() -> impl Strategy<Value = Flow> {
        prop::array::uniform8(0u64..1 << 40).prop_map(|n| Flow {
            wire: Bytes::new(n[0]),
            payload: Bytes::new(n[1]),
            heads: Bytes::new(n[2]),
            framing: Bytes::new(n[3]),
            masks: Bytes::new(n[4]),
            control: Bytes::new(n[5]),
            discarded: Bytes::new(n[6]),
            head_chars: n[7],
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
}

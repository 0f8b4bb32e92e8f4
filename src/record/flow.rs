//! The bytes of one direction by part.

use crate::record::Part;
use crate::units::{Bytes, Wire};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::ops::{AddAssign, Index, IndexMut};

const WIRE: &str = "wire";
const HEAD_CHARS: &str = "head_chars";

/// One direction of traffic by part: `flow[Part::Heads]`.
///
/// Once a connection has ended, `wire` is the sum of the parts. In files it is an object with
/// `wire`, a field for each part and `head_chars`; a field that is zero is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// Bytes that `read` or `write` on the socket moved.
    pub wire: Bytes<Wire>,
    parts: [u64; Part::COUNT],
    /// Characters of heads as the chapter counts them: without line ends.
    pub head_chars: u64,
}

impl Flow {
    /// A flow that consists of these parts; `wire` is their sum.
    pub fn of<const N: usize>(parts: [(Part, u64); N]) -> Flow {
        let mut flow = Flow::default();
        for (part, bytes) in parts {
            flow[part] += bytes;
            flow.wire += bytes;
        }
        flow
    }
    /// The same with so many characters of heads.
    pub fn with_head_chars(mut self, head_chars: u64) -> Flow {
        self.head_chars = head_chars;
        self
    }
    /// Adds bytes of a part, which moved over the socket.
    #[inline]
    pub(crate) fn add(&mut self, part: Part, bytes: u64) {
        self.wire += bytes;
        self[part] += bytes;
    }
    /// The sum of some parts.
    pub fn sum(&self, which: impl Fn(Part) -> bool) -> u64 {
        Part::ALL.iter().filter(|&&part| which(part)).map(|&part| self[part]).sum()
    }
    /// The sum of all parts but the payload.
    pub fn overhead(&self) -> u64 {
        self.sum(Part::is_overhead)
    }
    /// The sum of all parts.
    pub fn explained(&self) -> u64 {
        self.sum(|_| true)
    }
    /// Socket bytes that are in no part; zero once a connection has ended.
    pub fn unexplained(&self) -> i64 {
        self.wire.get() as i64 - self.explained() as i64
    }
    /// Takes bytes of a part away that were counted and never sent.
    pub(crate) fn take(&mut self, part: Part, bytes: u64) {
        self[part] = self[part].saturating_sub(bytes);
        self.wire = Bytes::new(self.wire.get().saturating_sub(bytes));
    }
    /// Takes bytes away that were counted and never sent: what came last, as far as parts have so many.
    pub(crate) fn take_last(&mut self, bytes: u64) {
        let mut left = bytes;
        for part in [Part::Control, Part::Framing, Part::Heads, Part::Payload, Part::Discarded] {
            let taken = self[part].min(left);
            self[part] -= taken;
            self.wire = Bytes::new(self.wire.get().saturating_sub(taken));
            left -= taken;
        }
    }
    /// Takes the parts away, and the socket bytes that they are. What stays is unexplained.
    pub fn take_explained(&mut self) -> Flow {
        let explained = self.explained();
        let left = self.wire.get().saturating_sub(explained);
        let taken = Flow { wire: Bytes::new(explained), ..*self };
        *self = Flow { wire: Bytes::new(left), ..Flow::default() };
        taken
    }
}

impl Index<Part> for Flow {
    type Output = u64;
    #[inline]
    fn index(&self, part: Part) -> &u64 {
        &self.parts[part as usize]
    }
}

impl IndexMut<Part> for Flow {
    #[inline]
    fn index_mut(&mut self, part: Part) -> &mut u64 {
        &mut self.parts[part as usize]
    }
}

impl AddAssign for Flow {
    fn add_assign(&mut self, other: Flow) {
        self.wire += other.wire;
        for (sum, bytes) in self.parts.iter_mut().zip(other.parts) {
            *sum += bytes;
        }
        self.head_chars += other.head_chars;
    }
}

impl Serialize for Flow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = Part::ALL.iter().map(|&part| (part.name(), self[part]));
        let fields = std::iter::once((WIRE, self.wire.get()))
            .chain(parts)
            .chain(std::iter::once((HEAD_CHARS, self.head_chars)));
        serializer.collect_map(fields.filter(|(_, value)| *value > 0))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FlowField {
    Number(u64),
    OfALaterVersion(IgnoredAny),
}

impl<'de> Deserialize<'de> for Flow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Flow, D::Error> {
        let mut flow = Flow::default();
        for (name, field) in BTreeMap::<String, FlowField>::deserialize(deserializer)? {
            let FlowField::Number(value) = field else { continue };
            match (name.as_str(), Part::named(&name)) {
                (WIRE, _) => flow.wire = Bytes::new(value),
                (HEAD_CHARS, _) => flow.head_chars = value,
                (_, Some(part)) => flow[part] = value,
                (_, None) => {}
            }
        }
        Ok(flow)
    }
}

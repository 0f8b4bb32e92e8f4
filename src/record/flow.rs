//! The bytes of one direction by part.

use crate::record::Part;
use crate::units::{Bytes, Wire};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
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
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in fields.filter(|(_, value)| *value > 0) {
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Flow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Flow, D::Error> {
        deserializer.deserialize_map(FlowVisitor)
    }
}

struct FlowVisitor;

impl<'de> Visitor<'de> for FlowVisitor {
    type Value = Flow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of bytes by part")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flow, A::Error> {
        let mut flow = Flow::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == WIRE {
                flow.wire = map.next_value()?;
            } else if name == HEAD_CHARS {
                flow.head_chars = map.next_value()?;
            } else if let Some(part) = Part::named(&name) {
                flow[part] = map.next_value()?;
            } else {
                // Of a later version.
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(flow)
    }
}

//! Where things are in the messages of a server that is not the bundled one.
//!
//! Separate from `protocol::message`, which finds them.

use serde::{Deserialize, Serialize};

/// Where things are in a server's own messages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageSpec {
    /// When it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeSpec>,
    /// Its number in its channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Place>,
    /// What names it: no two messages of a channel have the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Place>,
    /// What it belongs to: each channel has numbers of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Place>,
    /// Messages that are no updates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<Ignored>,
}

/// The time in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSpec {
    /// Where it is.
    pub place: Place,
    /// What it counts.
    pub unit: TimeUnit,
    /// Since when it counts.
    pub clock: MessageClock,
    /// How exact it is at best, in nanoseconds; 0: as exact as it is written.
    pub resolution_ns: u64,
    /// How far the server's clock may be from this machine's, in nanoseconds; `None` if it is on
    /// another machine and nobody has said.
    pub clock_bound_ns: Option<u64>,
    /// How old a message may be that the server sends again at the subscription, in nanoseconds.
    pub replay_ns: u64,
}

/// Where a value is in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// At a JSON pointer (RFC 6901).
    Pointer(String),
    /// So many bytes from this one on.
    Bytes {
        /// Bytes before it.
        offset: u32,
        /// Its bytes.
        length: u32,
        /// What they are.
        form: ByteForm,
    },
    /// What the one group of a regular expression matches.
    Regex(String),
}

named! {
    /// How a number is written in bytes.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum ByteForm {
        /// As decimal digits.
        Digits = "digits",
        /// As a whole number, its highest byte first.
        BigEndian = "big-endian",
        /// As a whole number, its lowest byte first.
        LittleEndian = "little-endian",
    }
}

/// A message that is no update, such as a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ignored {
    /// With just this text.
    Text(String),
    /// That begins with this text.
    Prefix(String),
    /// That has this value, as JSON, at this pointer.
    Value {
        /// The JSON pointer.
        pointer: String,
        /// The value as JSON.
        value: String,
    },
}

named! {
    /// What a time counts.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum TimeUnit {
        /// Seconds.
        Seconds = "s",
        /// Milliseconds.
        Milliseconds = "ms",
        /// Microseconds.
        Microseconds = "us",
        /// Nanoseconds.
        Nanoseconds = "ns",
    }
}

impl TimeUnit {
    /// The power of ten of nanoseconds that it has.
    pub fn power(self) -> u32 {
        match self {
            TimeUnit::Seconds => 9,
            TimeUnit::Milliseconds => 6,
            TimeUnit::Microseconds => 3,
            TimeUnit::Nanoseconds => 0,
        }
    }
    /// Its nanoseconds.
    pub fn ns(self) -> u64 {
        10u64.pow(self.power())
    }
    /// Its name in sentences.
    pub fn plural(self) -> &'static str {
        match self {
            TimeUnit::Seconds => "seconds",
            TimeUnit::Milliseconds => "milliseconds",
            TimeUnit::Microseconds => "microseconds",
            TimeUnit::Nanoseconds => "nanoseconds",
        }
    }
}

named! {
    /// Since when a time counts.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum MessageClock {
        /// Since 1970: `CLOCK_REALTIME`.
        Realtime = "realtime",
        /// Since the machine's start: `CLOCK_MONOTONIC`.
        Monotonic = "monotonic",
    }
}

impl MessageClock {
    /// Since when it counts, in sentences.
    pub fn since(self) -> &'static str {
        match self {
            MessageClock::Realtime => "since 1970",
            MessageClock::Monotonic => "since boot",
        }
    }
}

/// A time in a message that is before its connection was made, or cannot be right: with the clocks at
/// the moment at which it came, so that a report can say what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StrangeTime {
    /// Its number, as it is written.
    pub value: f64,
    /// `CLOCK_REALTIME` when it came, in nanoseconds.
    pub realtime_ns: u64,
    /// `CLOCK_MONOTONIC` when it came, in nanoseconds.
    pub monotonic_ns: u64,
    /// Whether it can be that of a message which the server sent again.
    pub replayed: bool,
}

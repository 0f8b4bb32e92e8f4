//! What is published: one source of updates for every transport.
//!
//! The feed is a pure function of its specification, the epoch and a topic. Nobody keeps a
//! message: a poll asks for the latest update of its topic, a push waits for the next one, and
//! both see the same sequence numbers and the same *intended* moments of publishing.
//!
//! A topic is what one client watches. It is found from the client's address, so that the
//! requests can be any bytes at all, the chapter's included.

mod any_size;
mod content;
mod digits;
mod message_spec;
mod position;
mod reader;
mod schedule;
mod sender;
mod session_guess;
mod stamp;
mod time_guess;

pub use any_size::AnySizeReader;
pub use message_spec::{
    ByteForm, Ignored, MessageClock, MessageSpec, Place, StrangeTime, TimeSpec, TimeUnit,
};
pub use reader::Reader;
pub(crate) use reader::{join, joined_bytes};
pub(crate) use schedule::{Cursor, Update};
pub(crate) use sender::{MOST_NUMBER, MOST_SENDERS, Post};
pub(crate) use session_guess::guess_new_sessions;
pub(crate) use stamp::TEXT_STAMP_BYTES;
pub use stamp::{PayloadKind, Stamp, sequence_text};
pub use time_guess::TimeGuess;
pub(crate) use time_guess::guess_time;

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// How updates follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// At equal distances.
    Periodic,
    /// With exponential gaps: a Poisson process.
    Poisson,
}

named! {
    /// Who sends what to whom.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Workload {
        /// The server publishes, each client has a topic of its own.
        Ticker = "ticker",
        /// Each client sends and the server answers it with the same: round trips.
        Echo = "echo",
        /// What a few clients send, all receive.
        Broadcast = "broadcast",
        /// Every client sends its position, and all receive everyone's.
        Tracker = "tracker",
    }
}

impl Workload {
    /// Whether what one client sends reaches others, so that one server thread must serve them all.
    pub fn is_shared(self) -> bool {
        matches!(self, Workload::Broadcast | Workload::Tracker)
    }
}

/// What an update means to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Semantics {
    /// An update replaces the one before: a client gets the latest alone.
    Snapshot,
    /// Every update counts: a client gets all that it has not had, in order.
    Log,
}

/// What every client is sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Who sends what to whom.
    pub workload: Workload,
    /// Clients that send, of a broadcast; the first ones.
    pub senders: u32,
    /// What an update means to the next one.
    pub semantics: Semantics,
    /// Updates are held back for this long after the first that waits, and then go out together;
    /// in nanoseconds, 0 for at once.
    pub batch_ns: u64,
    /// Updates a second for each client, or messages a second of each sender; above zero.
    pub rate_hz: f64,
    /// The law of the gaps.
    pub arrivals: Arrivals,
    /// True: each client's updates have their own phase. False: all clients' updates are
    /// published at the same moments, as when one ticker is broadcast.
    pub spread: bool,
    /// The form of the payload.
    pub kind: PayloadKind,
    /// The payload's size in bytes; at least [`PayloadKind::least_bytes`].
    pub payload_bytes: u32,
    /// The seed of phases and gaps.
    pub seed: u64,
    /// The largest message that the bundled server takes from a client, in bytes, unless the feed's
    /// own are larger: see [`Spec::most_message_bytes`]. Left out of files if it is the usual one.
    #[serde(default = "usual_message_limit", skip_serializing_if = "is_usual_message_limit")]
    pub message_limit_bytes: u32,
}

/// The largest payload that a feed may have.
pub(crate) const MOST_PAYLOAD_BYTES: u64 = 1024 * 1024;
/// The message limit if none is set: far more than a message of most feeds has.
const MESSAGE_LIMIT_BYTES: u32 = 64 * 1024;

fn usual_message_limit() -> u32 {
    MESSAGE_LIMIT_BYTES
}

fn is_usual_message_limit(bytes: &u32) -> bool {
    *bytes == MESSAGE_LIMIT_BYTES
}

impl Spec {
    /// One update a second and client, each by itself: the plain feed that others are changed
    /// from.
    pub const PLAIN: Spec = Spec {
        workload: Workload::Ticker,
        senders: 1,
        semantics: Semantics::Snapshot,
        batch_ns: 0,
        rate_hz: 1.0,
        arrivals: Arrivals::Periodic,
        spread: true,
        kind: PayloadKind::Text,
        payload_bytes: TEXT_STAMP_BYTES as u32,
        seed: 1,
        message_limit_bytes: MESSAGE_LIMIT_BYTES,
    };
    /// The feed among so many clients: as many senders as there are to send.
    pub fn among(&self, clients: u32) -> Spec {
        let senders = match self.workload {
            Workload::Ticker => 0,
            Workload::Echo | Workload::Tracker => clients,
            Workload::Broadcast => self.senders.min(clients),
        };
        Spec { senders, ..*self }
    }
    /// Whether a client of these sends messages to the others; see [`Spec::among`].
    pub fn sends(&self, client: u32) -> bool {
        self.workload.is_shared() && client < self.senders
    }
    /// The largest message that the bundled server takes from a client, in bytes: a message of the
    /// feed always fits.
    pub fn most_message_bytes(&self) -> usize {
        self.message_limit_bytes.max(self.payload_bytes) as usize
    }
    /// The mean gap between two updates of one client, in nanoseconds.
    pub fn period_ns(&self) -> u64 {
        (1e9 / self.rate_hz).round() as u64
    }
}

/// The variables of the environment in which a run tells a server that it starts what the scenario wants
/// published: the rate as `20/s`, the payload's form, and its size as `21B`.
pub(crate) const RATE_VARIABLE: &str = "WSBENCH_RATE";
/// See [`RATE_VARIABLE`].
pub(crate) const PAYLOAD_VARIABLE: &str = "WSBENCH_PAYLOAD";
/// See [`RATE_VARIABLE`].
pub(crate) const SIZE_VARIABLE: &str = "WSBENCH_SIZE";

/// A feed: the specification and the moment of its first update.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    /// What is published.
    pub spec: Spec,
    /// The moment from which updates are published, in nanoseconds of `CLOCK_MONOTONIC`.
    pub epoch_ns: u64,
}

impl Feed {
    /// A feed that has not begun: there is update 0 and no other.
    pub fn waiting(spec: Spec) -> Feed {
        Feed { spec, epoch_ns: u64::MAX / 4 }
    }
    /// How many updates of a topic are published before a moment; the last of them has this
    /// sequence number.
    pub fn published_before(&self, topic: Topic, ns: u64) -> u64 {
        let mut cursor = Cursor::new(self, topic);
        if ns > self.epoch_ns { cursor.latest(ns - 1).sequence } else { 0 }
    }
}

/// The number of a stream of updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Topic(pub u32);

impl Topic {
    /// The topic that a client at this address watches: within 127.0.0.0/8 the address alone,
    /// so that it survives a reconnect; elsewhere address and port.
    pub fn of_peer(peer: SocketAddr) -> Topic {
        match peer.ip() {
            IpAddr::V4(v4) if v4.is_loopback() && v4.octets()[1] != 0 => {
                Topic(u32::from(v4) & 0x00ff_ffff)
            }
            ip => {
                let bits = match ip {
                    IpAddr::V4(v4) => u128::from(u32::from(v4)),
                    IpAddr::V6(v6) => u128::from(v6),
                };
                let folded = (bits as u64) ^ ((bits >> 64) as u64) ^ (u64::from(peer.port()) << 40);
                Topic((mix(folded) >> 32) as u32)
            }
        }
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): spreads a counter over 64 bits.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_client_keeps_its_topic_over_reconnects() {
        let at = |text: &str| Topic::of_peer(text.parse().unwrap());
        assert_eq!(at("127.1.2.3:4000"), at("127.1.2.3:5000"));
        assert_ne!(at("127.1.2.3:4000"), at("127.1.2.4:4000"));
        assert_ne!(at("127.0.0.1:4000"), at("127.0.0.1:5000"));
        assert_ne!(at("[::1]:4000"), at("[::1]:5000"));
    }
}

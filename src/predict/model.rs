//! What a series should cost and how late it should be, by arithmetic alone.
//!
//! Separate from what was measured, which it is printed beside. A transport makes it from its
//! settings, the feed and the delay; nothing here opens a socket.

use crate::predict::{Distribution, Exchange};
use crate::record::Ledger;
use serde::{Deserialize, Serialize};

/// One kind of message: how often it is of this kind, what it carries, what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MessageShare {
    /// The part of all messages that are of this kind, from 0 to 1.
    pub share: f64,
    /// Updates that one carries.
    pub updates: u32,
    /// What one costs.
    pub exchange: Exchange,
}

/// What comes at an interval of its own, whether anything is published or not: a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// Between two.
    pub interval_ns: u64,
    /// What one costs.
    pub exchange: Exchange,
}

/// What a client sends of its own: a message by WebSocket, a POST.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sending {
    /// Messages a second and client, the mean over all clients.
    pub rate_hz: f64,
    /// What one costs, its answer included.
    pub exchange: Exchange,
}

/// Why no arithmetic knows the packets of clients that share a connection.
pub(crate) const SHARED_PACKETS: &str =
    "messages of several clients share a packet, or have one each, as their moments have it";

/// Why messages of one kind differ in their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variation {
    /// They come compressed.
    Compressed,
    /// They come in several frames of HTTP/2.
    Frames,
}

impl Variation {
    /// A sentence.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Variation::Compressed => {
                "what compression makes of a message depends on those before it"
            }
            Variation::Frames => {
                "a server that waits for room cuts a message into more frames of HTTP/2"
            }
        }
    }
}

/// A series by arithmetic. A message is what the per-message figures are divided by: a completed
/// exchange of a transport that asks, a received frame, chunk or event of one that is pushed to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The kinds of messages; their shares add up to 1. More than one kind makes the mean a
    /// statistical expectation, one kind makes it exact.
    pub messages: Vec<MessageShare>,
    /// Messages a second and client; absent if no arithmetic knows it.
    pub messages_hz: Option<f64>,
    /// True if a message may carry another number of updates than is listed, depending on timing.
    #[serde(default, alias = "left_to_chance")]
    pub stochastic: bool,
    /// Why a message may have more or fewer bytes than its kind has here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub varies: Option<Variation>,
    /// The heads of a connection's first exchange, if those of later ones are others: HTTP/2 has names for what it has
    /// carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_heads: Option<Ledger>,
    /// Whether messages of several clients share packets, or have one each, as the moments have it: then no arithmetic
    /// knows bytes of IP.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shares_packets: bool,
    /// What clients send.
    #[serde(default)]
    pub sending: Option<Sending>,
    /// What comes besides.
    #[serde(default)]
    pub idle: Option<Idle>,
    /// From publishing to the client having an update, the server's own time not counted.
    #[serde(default)]
    pub delivery: Option<Distribution>,
    /// From the intended sending to the whole answer, the server's own time not counted.
    #[serde(default)]
    pub response: Option<Distribution>,
    /// Time average of the age of a client's information, in nanoseconds.
    #[serde(default)]
    pub age_mean_ns: Option<f64>,
}

impl Model {
    /// Messages of one kind alone.
    pub fn exact(exchange: Exchange, updates: u32, messages_hz: Option<f64>) -> Model {
        let messages = vec![MessageShare { share: 1.0, updates, exchange }];
        Model { messages, messages_hz, ..Model::default() }
    }
    /// Adds what the records of TLS take to all that is sent.
    pub(crate) fn add_records(&mut self, record_bytes: u64) {
        let messages = self.messages.iter_mut().map(|message| &mut message.exchange);
        let sending = self.sending.iter_mut().map(|sending| &mut sending.exchange);
        let idle = self.idle.iter_mut().map(|idle| &mut idle.exchange);
        messages.chain(sending).chain(idle).for_each(|one| one.add_records(record_bytes));
    }
    /// True if every message costs the same above TCP, so that these figures are whole and exact.
    pub fn is_exact(&self) -> bool {
        self.varies.is_none()
            && self.messages.windows(2).all(|w| w[0].exchange.ledger == w[1].exchange.ledger)
    }
    /// The mean over messages of what `of` finds in one, heartbeats and what clients send shared
    /// out over them.
    pub fn per_message(&self, of: impl Fn(&Exchange) -> f64) -> f64 {
        self.per_message_at(self.messages_hz, of)
    }
    /// The same if so many messages came a second and client, whatever was expected.
    pub fn per_message_at(&self, hz: Option<f64>, of: impl Fn(&Exchange) -> f64) -> f64 {
        let own: f64 = self.messages.iter().map(|m| m.share * of(&m.exchange)).sum();
        own + self.besides_per_s(&of) / hz.unwrap_or(f64::INFINITY)
    }
    /// The same a second and client; absent if the rate is.
    pub fn per_second(&self, of: impl Fn(&Exchange) -> f64) -> Option<f64> {
        let own: f64 = self.messages.iter().map(|m| m.share * of(&m.exchange)).sum();
        Some(own * self.messages_hz? + self.besides_per_s(&of))
    }
    /// The mean of updates that a message carries.
    pub fn updates_per_message(&self) -> f64 {
        self.messages.iter().map(|m| m.share * f64::from(m.updates)).sum()
    }

    fn besides_per_s(&self, of: &impl Fn(&Exchange) -> f64) -> f64 {
        let idle = self.idle.map_or(0.0, |i| of(&i.exchange) * 1e9 / i.interval_ns as f64);
        idle + self.sending.map_or(0.0, |s| of(&s.exchange) * s.rate_hz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_and_sent_messages_are_shared_out() {
        let of = |n| Exchange { segments_up: n, ..Exchange::default() };
        let segments = |e: &Exchange| e.segments_up as f64;
        let mut model = Model::exact(of(2), 1, Some(4.0));
        assert_eq!((model.per_message(segments), model.per_second(segments)), (2.0, Some(8.0)));
        model.idle = Some(Idle { interval_ns: 500_000_000, exchange: of(3) });
        model.sending = Some(Sending { rate_hz: 1.0, exchange: of(2) });
        assert_eq!((model.per_message(segments), model.per_second(segments)), (4.0, Some(16.0)));
        model.messages_hz = None;
        assert_eq!((model.per_message(segments), model.per_second(segments)), (2.0, None));
        assert!(model.is_exact());
        let mut other = of(9);
        model.messages.push(MessageShare { share: 0.0, updates: 0, exchange: other });
        assert!(model.is_exact());
        other.ledger.up.wire += 1;
        model.messages.push(MessageShare { share: 0.0, updates: 0, exchange: other });
        assert!(!model.is_exact());
    }
}

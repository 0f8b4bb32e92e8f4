//! Arithmetic that the transports share: how many updates a message carries, how long an update
//! waits, how old a client's information is.
//!
//! The transports add what a message costs. `d` is one way between client and server; the server's
//! own time is left out everywhere.

use crate::feed::{Arrivals, Semantics, Spec};
use crate::predict::SeriesContext;
pub(crate) use crate::predict::data_segments;
use crate::predict::{Component, Distribution, Exchange, Idle, MessageShare, Model, Sending};
use crate::protocol::http1::chars_without_line_ends;
use crate::protocol::http1::request_options::RequestSettings;
use crate::protocol::http1::request_parts::RequestParts;
use crate::protocol::http2::frame::{DEFAULT_FRAME_BYTES, FRAME_HEADER_BYTES};
use crate::record::{Flow, Ledger, Part};

/// A bare acknowledgement is sent if nothing was sent the other way for this long
/// (`TCP_DELACK_MIN`, `net/tcp.h`).
pub(crate) const DELAYED_ACK_NS: u64 = 40_000_000;
/// Kinds of messages with a smaller share are left out.
const LEAST_SHARE: f64 = 1e-9;

/// An HTTP head by layer.
pub(crate) fn head_flow(head: &[u8]) -> Flow {
    Flow::of([(Part::Heads, head.len() as u64)]).with_head_chars(chars_without_line_ends(head))
}

/// A request that is the same for all clients by layer. Its body belongs to the head.
pub(crate) fn request_flow(request: &RequestParts) -> Flow {
    head_flow(&request.render_constant().0)
}

/// Returns the bytes of a message with so many updates: payload, and separators between payloads.
pub(crate) fn message_bytes(feed: &Spec, updates: u32) -> (u64, u64) {
    let separators = u64::from(updates.saturating_sub(1)) * feed.kind.separator().len() as u64;
    (u64::from(updates) * u64::from(feed.payload_bytes), separators)
}

/// Adds a message's payload, separators and framing to a flow.
pub(crate) fn add_message(flow: &mut Flow, (payload, separators): (u64, u64), framing: u64) {
    flow[Part::Payload] += payload;
    flow[Part::Framing] += separators + framing;
    flow.wire += payload + separators + framing;
}

/// Returns the cost of a message that a server pushes: payload and separators, and framing.
pub(crate) fn message_down(bytes: (u64, u64), framing: u64) -> Exchange {
    let mut down = Flow::default();
    add_message(&mut down, bytes, framing);
    let segments_down = data_segments(down.wire.get());
    // The client's delayed acknowledgement.
    Exchange { ledger: Ledger { up: Flow::default(), down }, segments_up: 1, segments_down }
}

/// Returns the bytes of a chunk around its data (RFC 9112 §7.1): the length in hexadecimal and two
/// line ends.
pub(crate) fn chunk_framing(data: u64) -> u64 {
    let digits = u64::from(data.max(1).ilog(16)) + 1;
    digits + 4
}

/// Returns the bytes around a message that is a piece of a body: those of its chunk, or over HTTP/2 the headers of
/// its frames (RFC 9113 §4.1), each of which has as much as the client takes.
pub(crate) fn piece_framing(http2: bool, data: u64) -> u64 {
    if http2 {
        FRAME_HEADER_BYTES as u64 * data.max(1).div_ceil(DEFAULT_FRAME_BYTES.into())
    } else {
        chunk_framing(data)
    }
}

/// Returns how a push transport sends updates: the kinds of messages as (share, updates sent), and
/// messages a second.
pub(crate) fn pushed(feed: &Spec) -> (Vec<(f64, u32)>, f64) {
    let rate = feed.rate_hz;
    let window_s = feed.batch_ns as f64 / 1e9;
    if feed.batch_ns == 0 {
        return (vec![(1.0, 1)], rate);
    }
    match feed.arrivals {
        Arrivals::Periodic => {
            let held = held_back(feed);
            (vec![(1.0, sent(feed, held))], rate / f64::from(held))
        }
        // The first begins the window; those within it are a Poisson number.
        Arrivals::Poisson => {
            let kinds = poisson(rate * window_s).into_iter();
            let kinds = kinds.map(|(share, more)| (share, sent(feed, more + 1)));
            (kinds.collect(), 1.0 / (window_s + 1.0 / rate))
        }
    }
}

/// Returns the updates of a periodic feed in one batch window.
fn held_back(feed: &Spec) -> u32 {
    u32::try_from(feed.batch_ns / feed.period_ns().max(1)).unwrap_or(u32::MAX - 1) + 1
}

/// Returns how many of the updates in one batch are sent.
fn sent(feed: &Spec, held: u32) -> u32 {
    match feed.semantics {
        Semantics::Snapshot => held.min(1),
        Semantics::Log => held,
    }
}

/// Returns what polls at an interval find: (share, updates).
pub(crate) fn polled(feed: &Spec, interval_ns: u64) -> Vec<(f64, u32)> {
    let mean = feed.rate_hz * interval_ns as f64 / 1e9;
    match (feed.semantics, feed.arrivals) {
        (Semantics::Snapshot, _) => vec![(1.0, 1)],
        (Semantics::Log, Arrivals::Poisson) => poisson(mean),
        (Semantics::Log, Arrivals::Periodic) => {
            let whole = (mean + 1e-9).floor();
            let more = mean - whole;
            let kinds = [(1.0 - more.max(0.0), whole as u32), (more.max(0.0), whole as u32 + 1)];
            kinds.into_iter().filter(|k| k.0 > LEAST_SHARE).collect()
        }
    }
}

/// Returns the probabilities of a Poisson number with this mean.
pub(crate) fn poisson(mean: f64) -> Vec<(f64, u32)> {
    let mut kinds = Vec::new();
    let mut log_share = -mean;
    let mut left = 1.0;
    for n in 0u32.. {
        // By logarithms: the first may be too small for an `f64`.
        let probability = log_share.exp();
        left -= probability;
        if probability > LEAST_SHARE {
            kinds.push((probability, n));
        }
        if left < LEAST_SHARE || (f64::from(n) > mean && probability <= LEAST_SHARE) {
            break;
        }
        log_share += (mean / f64::from(n + 1)).ln();
    }
    let sum: f64 = kinds.iter().map(|k| k.0).sum();
    kinds.iter_mut().for_each(|k| k.0 /= sum);
    kinds
}

/// Makes a model whose messages each cost what `exchange` returns for their updates.
pub(crate) fn model(
    kinds: Vec<(f64, u32)>,
    messages_hz: Option<f64>,
    exchange: impl Fn(u32) -> Exchange,
) -> Model {
    let share = |(share, updates)| MessageShare { share, updates, exchange: exchange(updates) };
    let messages = kinds.into_iter().map(share).collect();
    Model { messages, messages_hz, ..Model::default() }
}

/// Returns the feed that each client receives. If clients send to each other, these are the messages
/// of all senders; of several senders it is an expectation, since their phases are spread.
pub(crate) fn received_by_each(feed: &Spec) -> Spec {
    if !feed.workload.is_shared() {
        return *feed;
    }
    Spec {
        rate_hz: feed.rate_hz * f64::from(feed.senders.max(1)),
        arrivals: if feed.senders > 1 { Arrivals::Poisson } else { feed.arrivals },
        ..*feed
    }
}

/// Returns what clients send, the mean over all of them.
pub(crate) fn sending(feed: &Spec, clients: u32, exchange: Exchange) -> Sending {
    let share = f64::from(feed.senders) / f64::from(clients.max(1));
    Sending { rate_hz: feed.rate_hz * share, exchange }
}

/// Makes the model of a push transport: a message costs what `exchange` returns for its updates, and
/// a message that a client sends costs `sent`. Returns also the nanoseconds between two events of a
/// client.
pub(crate) fn pushing(
    context: &SeriesContext,
    exchange: impl Fn(&Spec, u32) -> Exchange,
    sent: impl FnOnce() -> Exchange,
) -> (Model, u64) {
    let own = &context.feed.among(context.clients);
    let feed = &received_by_each(own);
    let shared = feed.workload.is_shared();
    let (kinds, hz) = pushed(feed);
    let mut model = model(kinds, Some(hz), |updates| exchange(feed, updates));
    // A message of a client has come one way to the server already.
    let ways = if shared { 2 } else { 1 };
    model.delivery = Some(push_delivery(feed, ways * context.delay_ns));
    if shared {
        // Batches begin when a message arrives, which no schedule tells.
        model.stochastic = feed.batch_ns > 0;
        model.sending = Some(sending(own, context.clients, sent()));
    } else {
        model.age_mean_ns = Some(push_age_ns(feed, context.delay_ns));
    }
    // If clients send to each other it is the pace of the senders.
    (model, if shared { own.period_ns() } else { (1e9 / hz).round() as u64 })
}

/// Returns the cost of a message by POST on a kept connection, and of its response.
pub(crate) fn posted(
    request: &RequestSettings,
    context: &SeriesContext,
    answer: &[u8],
) -> Exchange {
    let feed = &context.feed;
    let target = &context.target;
    let head = request.post(target, feed.kind, feed.payload_bytes);
    let mut ledger = Ledger { up: request_flow(&head), down: head_flow(answer) };
    add_message(&mut ledger.up, (feed.payload_bytes.into(), 0), 0);
    let bare = u64::from(feed.period_ns() > DELAYED_ACK_NS);
    let segments_up = data_segments(ledger.up.wire.get()) + bare;
    Exchange { ledger, segments_up, segments_down: data_segments(ledger.down.wire.get()) }
}

/// Returns the heartbeats after each `heartbeat_ns` of silence between two messages: with equal gaps
/// as many as fit, with exponential ones `Σ e^(−λHn)` per message.
pub(crate) fn heartbeats(
    feed: &Spec,
    messages_hz: f64,
    heartbeat_ns: u64,
    exchange: Exchange,
) -> Option<Idle> {
    if heartbeat_ns == 0 {
        return None;
    }
    let gaps = heartbeat_ns as f64 / 1e9 * messages_hz;
    let between = match feed.arrivals {
        Arrivals::Periodic => (1.0 / gaps).floor(),
        Arrivals::Poisson => (-gaps).exp() / -(-gaps).exp_m1(),
    };
    let per_s = between * messages_hz;
    (per_s > 1e-9).then(|| Idle { interval_ns: (1e9 / per_s) as u64, exchange })
}

/// How late a pushed update is: one way, and the time that it is held back.
pub(crate) fn push_delivery(feed: &Spec, delay_ns: u64) -> Distribution {
    let d = delay_ns as f64;
    let window = feed.batch_ns as f64;
    let latest = feed.semantics == Semantics::Snapshot;
    if feed.batch_ns == 0 {
        return Distribution::constant(d);
    }
    let rate = feed.rate_hz / 1e9;
    match feed.arrivals {
        Arrivals::Periodic => {
            let held = held_back(feed);
            let waited = |n: u32| d + window - f64::from(n) * feed.period_ns() as f64;
            let sent = if latest { held - 1..held } else { 0..held };
            let share = 1.0 / sent.len() as f64;
            Distribution {
                parts: sent.map(|n| (share, Component::Constant { at_ns: waited(n) })).collect(),
            }
        }
        // The first waits for all of the window, the others for what was left of it.
        Arrivals::Poisson if !latest => {
            let first = 1.0 / (1.0 + rate * window);
            let others = Component::Uniform { from_ns: d, to_ns: d + window };
            Distribution::constant_or(first, d + window, others)
        }
        Arrivals::Poisson => {
            let alone = (-rate * window).exp();
            let last = Component::CutExponential { from_ns: d, to_ns: d + window, rate };
            Distribution::constant_or(alone, d + window, last)
        }
    }
}

/// Returns the mean age of the information of a push transport's client, over time.
pub(crate) fn push_age_ns(feed: &Spec, delay_ns: u64) -> f64 {
    let d = delay_ns as f64;
    let window = feed.batch_ns as f64;
    let period = feed.period_ns() as f64;
    match feed.arrivals {
        Arrivals::Periodic => {
            let held = f64::from(if feed.batch_ns == 0 { 1 } else { held_back(feed) });
            d + window - (held - 1.0) * period + held * period / 2.0
        }
        Arrivals::Poisson => {
            // Renewal-reward: the newest is this old when a batch goes out, and ages until the
            // next one does.
            let newest = period * (1.0 - (-window / period).exp());
            let mean = window + period;
            let square = window * window + 2.0 * window * period + 2.0 * period * period;
            d + newest + square / (2.0 * mean)
        }
    }
}

/// Returns the latency of an update that waits for the next poll. Polls come at an interval, in no
/// relation to the updates.
pub(crate) fn poll_delivery(feed: &Spec, delay_ns: u64, interval_ns: u64) -> Distribution {
    let d = delay_ns as f64;
    let interval = interval_ns as f64;
    let period = feed.period_ns() as f64;
    match (feed.semantics, feed.arrivals) {
        (Semantics::Log, _) => Distribution::uniform(d, d + interval),
        // Only the latest is seen: it is younger than the period.
        (Semantics::Snapshot, Arrivals::Periodic) => {
            Distribution::uniform(d, d + interval.min(period))
        }
        (Semantics::Snapshot, Arrivals::Poisson) => {
            let rate = feed.rate_hz / 1e9;
            let component = Component::CutExponential { from_ns: d, to_ns: d + interval, rate };
            Distribution { parts: vec![(1.0, component)] }
        }
    }
}

/// Returns the mean age of a polling client's information: that of a push client and half an
/// interval.
pub(crate) fn poll_age_ns(feed: &Spec, delay_ns: u64, interval_ns: u64) -> f64 {
    let unbatched = Spec { batch_ns: 0, ..*feed };
    push_age_ns(&unbatched, delay_ns) + interval_ns as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(arrivals: Arrivals, semantics: Semantics, batch_ms: u64) -> Spec {
        Spec { arrivals, semantics, batch_ns: batch_ms * 1_000_000, rate_hz: 10.0, ..Spec::PLAIN }
    }

    #[test]
    fn chunk_sizes_have_as_many_digits_as_they_need() {
        let of = [1, 15, 16, 21, 255, 256, 4095, 4096, 65_535, 65_536].map(chunk_framing);
        assert_eq!(of, [5, 5, 6, 6, 6, 7, 7, 8, 8, 9]);
    }

    #[test]
    fn poisson_numbers_add_up_and_have_their_mean() {
        for mean in [0.0, 0.01, 1.0, 20.0, 900.0] {
            let kinds = poisson(mean);
            let sum: f64 = kinds.iter().map(|k| k.0).sum();
            let found: f64 = kinds.iter().map(|k| k.0 * f64::from(k.1)).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{mean}");
            assert!((found - mean).abs() < 1e-5 * mean.max(1.0), "{mean}: {found}");
        }
    }

    #[test]
    fn a_window_holds_what_is_published_in_it() {
        let kinds = |arrivals, semantics, ms| pushed(&spec(arrivals, semantics, ms));
        use Arrivals::{Periodic, Poisson};
        use Semantics::{Log, Snapshot};
        assert_eq!(kinds(Periodic, Log, 0), (vec![(1.0, 1)], 10.0));
        assert_eq!(kinds(Periodic, Log, 250), (vec![(1.0, 3)], 10.0 / 3.0));
        assert_eq!(kinds(Periodic, Log, 300), (vec![(1.0, 4)], 2.5));
        assert_eq!(kinds(Periodic, Snapshot, 250), (vec![(1.0, 1)], 10.0 / 3.0));
        let (shares, hz) = kinds(Poisson, Log, 100);
        let mean: f64 = shares.iter().map(|s| s.0 * f64::from(s.1)).sum();
        assert!((mean - 2.0).abs() < 1e-6 && (hz - 5.0).abs() < 1e-9);
        // Updates a second are the feed's, however they go out.
        assert!((mean * hz - 10.0).abs() < 1e-5);
    }

    #[test]
    fn heartbeats_fill_the_gaps() {
        let nothing = Exchange { ledger: Ledger::default(), segments_up: 1, segments_down: 2 };
        let per_message = |arrivals, every_ms: u64| {
            let feed = spec(arrivals, Semantics::Log, 0);
            let idle = heartbeats(&feed, 10.0, every_ms * 1_000_000, nothing);
            idle.map_or(0.0, |i| 1e9 / i.interval_ns as f64 / 10.0)
        };
        // Two of 40 ms fit between messages 100 ms apart, none of 120 ms does.
        assert!((per_message(Arrivals::Periodic, 40) - 2.0).abs() < 1e-6);
        assert_eq!(per_message(Arrivals::Periodic, 120), 0.0);
        assert_eq!(per_message(Arrivals::Periodic, 0), 0.0);
        // Of a memoryless gap: e^-1 + e^-2 + … = 1 / (e - 1).
        let poisson = per_message(Arrivals::Poisson, 100);
        assert!((poisson - 1.0 / (std::f64::consts::E - 1.0)).abs() < 1e-6, "{poisson}");
    }

    #[test]
    fn latencies_and_ages_are_those_of_the_literature() {
        use Arrivals::{Periodic, Poisson};
        use Semantics::{Log, Snapshot};
        let ms = |ns: f64| (ns / 1e3).round() / 1e3;
        let push = |a, s, b| push_delivery(&spec(a, s, b), 50_000_000);
        assert_eq!(ms(push(Periodic, Log, 0).mean_ns()), 50.0);
        // Waits of 250, 150 and 50 ms; the latest alone waits 50.
        assert_eq!(ms(push(Periodic, Log, 250).mean_ns()), 200.0);
        assert_eq!(ms(push(Periodic, Snapshot, 250).mean_ns()), 100.0);
        assert_eq!(ms(push(Poisson, Log, 100).mean_ns()), 125.0);
        let poll = |a, s| poll_delivery(&spec(a, s, 0), 50_000_000, 1_000_000_000);
        let ends = |l: Distribution| (ms(l.least_ns()), ms(l.mean_ns()), ms(l.worst_ns()));
        assert_eq!(ends(poll(Periodic, Log)), (50.0, 550.0, 1050.0));
        assert_eq!(ends(poll(Periodic, Snapshot)), (50.0, 100.0, 150.0));
        // Age: d + 1/λ for Poisson, d + P/2 for periodic updates; half an interval more for polls.
        let age = |a, b| ms(push_age_ns(&spec(a, Log, b), 50_000_000));
        assert_eq!((age(Poisson, 0), age(Periodic, 0), age(Periodic, 250)), (150.0, 100.0, 250.0));
        let polled = poll_age_ns(&spec(Poisson, Log, 0), 50_000_000, 1_000_000_000);
        assert_eq!(ms(polled), 650.0);
    }
}

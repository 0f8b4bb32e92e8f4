//! A client's place in what is published, as the server sees it: what is due to it, and what it
//! gets at once.
//!
//! Separate from the feed, which is the same for everybody and keeps nothing, and from the
//! endpoints, which put what is taken here on the wire in their own way. Semantics and batching
//! are decided here and nowhere else, so that every transport has the same.

use super::site::ServerThread;
use crate::feed::{Cursor, Feed, Kind, Semantics, Stamp, Topic, Update};
use bytes::{Bytes, BytesMut};

/// What goes out as one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The payloads, joined by a line feed where they are text, by nothing where they are binary.
    pub bytes: Bytes,
    /// How many payloads.
    pub updates: u32,
    /// The place of the last of them.
    pub last: u64,
}

/// A client's place in its topic. The last update that was taken is where it is.
pub(super) struct Subscription {
    epoch_ns: u64,
    cursor: Cursor,
}

impl Subscription {
    /// At the beginning of a topic.
    pub(super) fn new(feed: &Feed, topic: Topic) -> Subscription {
        Subscription { epoch_ns: feed.epoch_ns, cursor: Cursor::new(feed, topic) }
    }
    /// Goes to the beginning, where the feed has begun meanwhile.
    pub(super) fn follow(&mut self, feed: &Feed, topic: Topic) {
        if self.epoch_ns != feed.epoch_ns {
            *self = Subscription::new(feed, topic);
        }
    }
    /// Skips all that was published until now.
    pub(super) fn skip(&mut self, now_ns: u64) {
        self.cursor.latest(now_ns);
    }
    /// Goes to the update that the client says it has; one that is still to come is not believed.
    pub(super) fn resume(&mut self, feed: &Feed, topic: Topic, sequence: u64, now_ns: u64) {
        let published = feed.published_before(topic, now_ns + 1);
        self.cursor.seek(feed, topic, sequence.min(published));
    }
    /// When the next message is due: the next update's publishing, and the time that updates are
    /// held back.
    pub(super) fn due_ns(&self, feed: &Feed) -> u64 {
        self.cursor.peek().published_ns.saturating_add(feed.spec.batch_ns)
    }
    /// The message that is due at `now_ns`: one update, or those of the time that updates are held
    /// back, counted from the first; what the semantics make of them.
    pub(super) fn take_due(&mut self, thread: &ServerThread, now_ns: u64) -> Option<Outgoing> {
        let feed = thread.feed.get();
        let due_ns = self.due_ns(&feed);
        if now_ns < due_ns {
            return None;
        }
        let most = if feed.spec.batch_ns == 0 { 1 } else { u32::MAX };
        self.take(thread, due_ns, most, feed.spec.semantics)
    }
    /// All that was published until now and not taken yet; `None` where there is nothing.
    pub(super) fn take_pending(
        &mut self,
        thread: &ServerThread,
        now_ns: u64,
        semantics: Semantics,
    ) -> Option<Outgoing> {
        self.take(thread, now_ns, u32::MAX, semantics)
    }
    /// The latest update, whether it was taken before or not.
    pub(super) fn latest(&mut self, thread: &ServerThread, now_ns: u64) -> Outgoing {
        let update = self.cursor.latest(now_ns);
        Outgoing { bytes: thread.payload(update), updates: 1, last: update.sequence }
    }

    fn take(
        &mut self,
        thread: &ServerThread,
        until_ns: u64,
        most: u32,
        semantics: Semantics,
    ) -> Option<Outgoing> {
        if self.cursor.peek().published_ns > until_ns {
            return None;
        }
        if semantics == Semantics::Snapshot && most > 1 {
            let update = self.cursor.latest(until_ns);
            return Some(Outgoing {
                bytes: thread.payload(update),
                updates: 1,
                last: update.sequence,
            });
        }
        let feed = thread.feed.get();
        let mut out = thread.scratch();
        let (mut updates, mut last) = (0, Update { sequence: 0, published_ns: 0 });
        while updates < most && self.cursor.peek().published_ns <= until_ns {
            last = self.cursor.peek();
            self.cursor.advance();
            append(&mut out, feed.spec.kind, feed.spec.payload_bytes as usize, last);
            updates += 1;
        }
        Some(Outgoing { bytes: out.split().freeze(), updates, last: last.sequence })
    }
}

/// Appends an update's payload, after a line feed where there is text before it.
fn append(out: &mut BytesMut, kind: Kind, payload_bytes: usize, update: Update) {
    if !out.is_empty() && kind != Kind::Binary {
        out.extend_from_slice(b"\n");
    }
    let from = out.len();
    out.resize(from + payload_bytes, 0);
    Stamp::from(update).write(kind, &mut out[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::Alarm;
    use crate::feed::Spec;

    fn server(spec: Spec) -> ServerThread {
        ServerThread::new(Feed { spec, epoch_ns: 1_000_000_000_000 }, Alarm::default())
    }

    /// Ten updates a second, the first 100 ms after the epoch.
    fn spec(semantics: Semantics, batch_ms: u64) -> Spec {
        let batch_ns = batch_ms * 1_000_000;
        Spec { rate_hz: 10.0, spread: false, semantics, batch_ns, ..Spec::PLAIN }
    }

    fn at(ms: u64) -> u64 {
        1_000_000_000_000 + ms * 1_000_000
    }

    fn sequences(message: &Outgoing) -> Vec<u64> {
        let read = |part: &[u8]| Stamp::read(Kind::Text, part).unwrap().sequence;
        message.bytes.split(|&b| b == b'\n').map(read).collect()
    }

    #[test]
    fn without_batching_each_update_is_a_message() {
        for semantics in [Semantics::Snapshot, Semantics::Log] {
            let thread = server(spec(semantics, 0));
            let mut place = Subscription::new(&thread.feed.get(), Topic(1));
            assert_eq!(place.take_due(&thread, at(99)), None);
            let late = [1, 2, 3].map(|_| sequences(&place.take_due(&thread, at(350)).unwrap()));
            assert_eq!(late, [[1], [2], [3]]);
            assert_eq!(place.take_due(&thread, at(350)), None);
            assert_eq!(place.due_ns(&thread.feed.get()), at(400));
        }
    }

    #[test]
    fn a_batch_is_what_its_window_held_however_late_it_is_taken() {
        let thread = server(spec(Semantics::Log, 250));
        let mut place = Subscription::new(&thread.feed.get(), Topic(1));
        assert_eq!(place.due_ns(&thread.feed.get()), at(350));
        assert_eq!(place.take_due(&thread, at(349)), None);
        let message = place.take_due(&thread, at(900)).unwrap();
        assert_eq!((sequences(&message), message.updates, message.last), (vec![1, 2, 3], 3, 3));
        assert_eq!(message.bytes.len(), 3 * 21 + 2);
        assert_eq!(place.due_ns(&thread.feed.get()), at(650));
        let thread = server(spec(Semantics::Snapshot, 250));
        let mut place = Subscription::new(&thread.feed.get(), Topic(1));
        assert_eq!(sequences(&place.take_due(&thread, at(900)).unwrap()), [3]);
    }

    #[test]
    fn pending_is_all_or_the_latest_and_then_nothing() {
        let thread = server(spec(Semantics::Log, 0));
        let feed = thread.feed.get();
        let mut place = Subscription::new(&feed, Topic(1));
        let all = place.take_pending(&thread, at(300), Semantics::Log).unwrap();
        assert_eq!(sequences(&all), [1, 2, 3]);
        assert_eq!(place.take_pending(&thread, at(399), Semantics::Log), None);
        let one = place.take_pending(&thread, at(600), Semantics::Snapshot).unwrap();
        assert_eq!((sequences(&one), one.updates), (vec![6], 1));
        place.resume(&feed, Topic(1), 4, at(600));
        let again = place.take_pending(&thread, at(600), Semantics::Log).unwrap();
        assert_eq!(sequences(&again), [5, 6]);
        place.resume(&feed, Topic(1), u64::MAX, at(600));
        assert_eq!(place.take_pending(&thread, at(600), Semantics::Log), None);
        assert_eq!(place.latest(&thread, at(610)).last, 6);
    }

    #[test]
    fn binary_payloads_stand_without_separators() {
        let spec = Spec { kind: Kind::Binary, payload_bytes: 16, ..spec(Semantics::Log, 250) };
        let thread = server(spec);
        let mut place = Subscription::new(&thread.feed.get(), Topic(1));
        assert_eq!(place.take_due(&thread, at(900)).unwrap().bytes.len(), 48);
    }
}

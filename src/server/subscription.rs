//! A client's position in what is published: what is due to it, and what it gets at once.
//!
//! Semantics and batching are decided here and nowhere else, so that every transport has the same.
//! The endpoints write what is taken here in their own way.

use crate::feed::{Cursor, Feed, Semantics, Spec, Stamp, Topic, Update, Workload, join};
use crate::server::broadcast_hub::Posted;
use crate::server::server_thread::ServerThread;
use bytes::Bytes;

/// What goes out as one message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outgoing {
    /// The payloads: text joined by line feeds, binary by nothing.
    pub bytes: Bytes,
    /// How many payloads.
    pub updates: u32,
    /// The sequence number of the last of them.
    pub last: u64,
}

impl Outgoing {
    fn update(thread: &ServerThread, update: Update) -> Outgoing {
        Outgoing { bytes: thread.payload(update), updates: 1, last: update.sequence }
    }
    fn post(posted: Posted) -> Outgoing {
        Outgoing { bytes: posted.bytes, updates: 1, last: posted.sequence }
    }
}

/// A client's position in its topic, or among the messages of all: after the last update that was
/// taken.
pub(crate) struct Subscription {
    epoch_ns: u64,
    position: ReadPosition,
}

/// The position by the workload.
enum ReadPosition {
    /// In a topic of its own.
    Topic(Cursor),
    /// Among the messages of all: the next one to take. They are a log: what one client sent
    /// replaces nothing that another did.
    Hub(u64),
    /// None: it gets what it sent and nothing else.
    None,
}

impl Subscription {
    /// At the beginning.
    pub(crate) fn new(feed: &Feed, topic: Topic) -> Subscription {
        let position = match feed.spec.workload {
            Workload::Ticker => ReadPosition::Topic(Cursor::new(feed, topic)),
            Workload::Broadcast | Workload::Tracker => ReadPosition::Hub(0),
            Workload::Echo => ReadPosition::None,
        };
        Subscription { epoch_ns: feed.epoch_ns, position }
    }
    /// Goes to the beginning if the feed has begun meanwhile. The messages of all have no such
    /// moment.
    pub(crate) fn follow(&mut self, feed: &Feed, topic: Topic) {
        if self.epoch_ns != feed.epoch_ns {
            match &self.position {
                ReadPosition::Topic(_) => *self = Subscription::new(feed, topic),
                ReadPosition::Hub(_) | ReadPosition::None => self.epoch_ns = feed.epoch_ns,
            }
        }
    }
    /// Skips all that was published until now.
    pub(crate) fn skip(&mut self, thread: &ServerThread, now_ns: u64) {
        match &mut self.position {
            ReadPosition::Topic(cursor) => _ = cursor.latest(now_ns),
            ReadPosition::Hub(next) => *next = thread.hub.end(),
            ReadPosition::None => {}
        }
    }
    /// Goes to the update that the client says it has. One that is not published yet counts as the
    /// latest, a message of all that is not kept any more as none.
    pub(crate) fn resume(
        &mut self,
        thread: &ServerThread,
        topic: Topic,
        sequence: u64,
        now_ns: u64,
    ) {
        let feed = thread.feed.get();
        match &mut self.position {
            ReadPosition::Topic(cursor) => {
                let published = feed.published_before(topic, now_ns + 1);
                cursor.seek(&feed, topic, sequence.min(published));
            }
            ReadPosition::Hub(next) => *next = thread.hub.after(sequence).unwrap_or(0),
            ReadPosition::None => {}
        }
    }
    /// When the next message is due: the next update's publishing, and the time that updates are
    /// held back; `u64::MAX` if that is not known yet.
    pub(crate) fn due_ns(&self, thread: &ServerThread) -> u64 {
        self.next_ns(thread).saturating_add(thread.feed.get().spec.batch_ns)
    }
    /// When the next update is published, or was posted.
    fn next_ns(&self, thread: &ServerThread) -> u64 {
        match &self.position {
            ReadPosition::Topic(cursor) => cursor.peek().published_ns,
            ReadPosition::Hub(next) => thread.hub.at(*next).map_or(u64::MAX, |(_, p)| p.at_ns),
            ReadPosition::None => u64::MAX,
        }
    }
    /// The message that is due at `now_ns`: one update, or those of the time that updates are held
    /// back, counted from the first; what the semantics make of them.
    pub(crate) fn take_due(&mut self, thread: &ServerThread, now_ns: u64) -> Option<Outgoing> {
        let spec = thread.feed.get().spec;
        let due_ns = self.due_ns(thread);
        if now_ns < due_ns {
            return None;
        }
        let most = if spec.batch_ns == 0 { 1 } else { u32::MAX };
        self.take(thread, due_ns, most, spec.semantics)
    }
    /// Takes all that was published until now and not taken yet; `None` if that is nothing.
    pub(crate) fn take_pending(
        &mut self,
        thread: &ServerThread,
        now_ns: u64,
        semantics: Semantics,
    ) -> Option<Outgoing> {
        self.take(thread, now_ns, u32::MAX, semantics)
    }
    /// The latest update, whether it was taken before or not; empty if there is none.
    pub(crate) fn latest(&mut self, thread: &ServerThread, now_ns: u64) -> Outgoing {
        match &mut self.position {
            ReadPosition::Topic(cursor) => Outgoing::update(thread, cursor.latest(now_ns)),
            ReadPosition::Hub(next) => {
                *next = thread.hub.end();
                let last = next.checked_sub(1).and_then(|last| thread.hub.at(last));
                last.map(|(_, posted)| Outgoing::post(posted)).unwrap_or_default()
            }
            ReadPosition::None => Outgoing::default(),
        }
    }

    fn take(
        &mut self,
        thread: &ServerThread,
        until_ns: u64,
        most: u32,
        semantics: Semantics,
    ) -> Option<Outgoing> {
        if self.next_ns(thread) > until_ns {
            return None;
        }
        let feed = thread.feed.get();
        let cursor = match &mut self.position {
            ReadPosition::Topic(cursor) => cursor,
            ReadPosition::Hub(next) => return take_posts(thread, next, until_ns, most),
            ReadPosition::None => return None,
        };
        if semantics == Semantics::Snapshot && most > 1 {
            let update = cursor.latest(until_ns);
            return (!thread.drops()).then(|| Outgoing::update(thread, update));
        }
        let mut out = thread.scratch();
        let mut updates = 0;
        let mut last = Update { sequence: 0, published_ns: 0 };
        let due = std::iter::from_fn(|| {
            while updates < most && cursor.peek().published_ns <= until_ns {
                let next = cursor.peek();
                cursor.advance();
                if !thread.drops() {
                    updates += 1;
                    last = next;
                    return Some(Stamp::from(next));
                }
            }
            None
        });
        let Spec { kind, payload_bytes, seed, .. } = feed.spec;
        join(kind, payload_bytes as usize, seed, due, &mut out);
        (updates > 0).then(|| Outgoing {
            bytes: out.split().freeze(),
            updates,
            last: last.sequence,
        })
    }
}

/// Takes messages of all from a position on, with the feed's separator between them.
fn take_posts(thread: &ServerThread, next: &mut u64, until_ns: u64, most: u32) -> Option<Outgoing> {
    let first = loop {
        let (place, first) = thread.hub.at(*next).filter(|(_, posted)| posted.at_ns <= until_ns)?;
        *next = place + 1;
        if !thread.drops() {
            break first;
        }
    };
    let mut taken = Outgoing::post(first);
    let more = |next: u64| thread.hub.at(next).filter(|(_, posted)| posted.at_ns <= until_ns);
    // A single one is not copied: all receivers share its bytes.
    if most == 1 || more(*next).is_none() {
        return Some(taken);
    }
    let mut out = thread.scratch();
    out.extend_from_slice(&taken.bytes);
    let separator = thread.feed.get().spec.kind.separator();
    while let Some((place, posted)) = more(*next).filter(|_| taken.updates < most) {
        *next = place + 1;
        if thread.drops() {
            continue;
        }
        out.extend_from_slice(separator);
        out.extend_from_slice(&posted.bytes);
        taken = Outgoing { last: posted.sequence, updates: taken.updates + 1, ..taken };
    }
    taken.bytes = out.split().freeze();
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::PayloadKind;
    use crate::time::Timer;

    fn server(spec: Spec) -> ServerThread {
        ServerThread::new(Feed { spec, epoch_ns: 1_000_000_000_000 }, Timer::default())
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
        let read = |part: &[u8]| Stamp::read(PayloadKind::Text, part).unwrap().sequence;
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
            assert_eq!(place.due_ns(&thread), at(400));
        }
    }

    #[test]
    fn a_batch_is_what_its_window_held_however_late_it_is_taken() {
        let thread = server(spec(Semantics::Log, 250));
        let mut place = Subscription::new(&thread.feed.get(), Topic(1));
        assert_eq!(place.due_ns(&thread), at(350));
        assert_eq!(place.take_due(&thread, at(349)), None);
        let message = place.take_due(&thread, at(900)).unwrap();
        assert_eq!((sequences(&message), message.updates, message.last), (vec![1, 2, 3], 3, 3));
        assert_eq!(message.bytes.len(), 3 * 21 + 2);
        assert_eq!(place.due_ns(&thread), at(650));
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
        place.resume(&thread, Topic(1), 4, at(600));
        let again = place.take_pending(&thread, at(600), Semantics::Log).unwrap();
        assert_eq!(sequences(&again), [5, 6]);
        place.resume(&thread, Topic(1), u64::MAX, at(600));
        assert_eq!(place.take_pending(&thread, at(600), Semantics::Log), None);
        assert_eq!(place.latest(&thread, at(610)).last, 6);
    }

    #[test]
    fn what_one_posts_all_get_in_order_and_batched() {
        let shared =
            |batch_ms| Spec { workload: Workload::Broadcast, ..spec(Semantics::Log, batch_ms) };
        let thread = server(shared(0));
        let mut early = Subscription::new(&thread.feed.get(), Topic(1));
        assert_eq!((early.due_ns(&thread), early.take_due(&thread, at(9))), (u64::MAX, None));
        let post = |thread: &ServerThread, sequence, ms| {
            let mut bytes = vec![0; 21];
            Stamp { sequence, published_ns: 1 }.write(PayloadKind::Text, 1, &mut bytes);
            thread.hub.post(Posted { bytes: bytes.into(), at_ns: at(ms), sequence });
        };
        post(&thread, 1_000_001, 10);
        let mut late = Subscription::new(&thread.feed.get(), Topic(2));
        late.skip(&thread, at(11));
        post(&thread, 2_000_001, 12);
        post(&thread, 1_000_002, 30);
        assert_eq!((early.due_ns(&thread), late.due_ns(&thread)), (at(10), at(12)));
        assert_eq!(sequences(&early.take_due(&thread, at(40)).unwrap()), [1_000_001]);
        let all = early.take_pending(&thread, at(40), Semantics::Log).unwrap();
        assert_eq!((sequences(&all), all.updates), (vec![2_000_001, 1_000_002], 2));
        assert_eq!(all.bytes.len(), 43);
        assert_eq!(early.take_pending(&thread, at(40), Semantics::Log), None);
        // What came last is what a client says that it has, and goes on after.
        early.resume(&thread, Topic(1), 2_000_001, at(40));
        assert_eq!(sequences(&early.take_due(&thread, at(40)).unwrap()), [1_000_002]);
        assert_eq!(late.latest(&thread, at(40)).last, 1_000_002);
        let thread = server(shared(100));
        for (n, ms) in [(1, 10), (2, 60), (3, 110), (4, 111)] {
            post(&thread, n, ms);
        }
        let mut place = Subscription::new(&thread.feed.get(), Topic(1));
        assert_eq!(place.take_due(&thread, at(109)), None);
        assert_eq!(sequences(&place.take_due(&thread, at(500)).unwrap()), [1, 2, 3]);
        assert_eq!(place.due_ns(&thread), at(211));
    }

    #[test]
    fn an_echo_has_nothing_due() {
        let thread = server(Spec { workload: Workload::Echo, ..spec(Semantics::Log, 0) });
        let mut place = Subscription::new(&thread.feed.get(), Topic(1));
        assert_eq!(place.take_pending(&thread, at(900), Semantics::Log), None);
        assert_eq!(place.due_ns(&thread), u64::MAX);
        assert!(place.latest(&thread, at(900)).bytes.is_empty());
    }

    #[test]
    fn binary_payloads_stand_without_separators() {
        let spec =
            Spec { kind: PayloadKind::Binary, payload_bytes: 16, ..spec(Semantics::Log, 250) };
        let thread = server(spec);
        let mut place = Subscription::new(&thread.feed.get(), Topic(1));
        assert_eq!(place.take_due(&thread, at(900)).unwrap().bytes.len(), 48);
    }
}

//! The updates of one message on its way in, whatever carries the message.
//!
//! Separate from `receipts`, which say what an update is to the client, and from the transports,
//! which know where a message begins and ends.

use crate::client::delivery::per_client::{Receipt, Receipts, Skipped};
use crate::client::handle::Client;
use crate::feed::{Reader, Spec, Stamp};
use crate::protocol::http1::response::Parts;
use crate::record::{Phase, TraceKind};
use crate::time::now_ns;

/// The updates of a message. Its memory is used again for the next one.
#[derive(Debug)]
pub struct Inbox {
    reader: Reader,
    stamps: Vec<Stamp>,
    /// Payloads without our stamp.
    unstamped: u64,
    /// Bytes of the message that separate payloads.
    separators: u64,
}

impl Inbox {
    /// An empty one, for messages of this feed.
    pub fn new(feed: &Spec) -> Inbox {
        let reader = Reader::new(feed.kind, feed.payload_bytes);
        Inbox { reader, stamps: Vec::new(), unstamped: 0, separators: 0 }
    }

    /// Takes in a piece of a message.
    pub fn push(&mut self, bytes: &[u8]) {
        let (stamps, unstamped) = (&mut self.stamps, &mut self.unstamped);
        self.separators += self.reader.push(bytes, |stamp| match stamp {
            Some(stamp) => stamps.push(stamp),
            None => *unstamped += 1,
        });
    }

    /// Ends the message; gives the number of bytes in it that separate payloads.
    pub fn end(&mut self) -> u64 {
        let (stamps, unstamped) = (&mut self.stamps, &mut self.unstamped);
        self.reader.end(|stamp| match stamp {
            Some(stamp) => stamps.push(stamp),
            None => *unstamped += 1,
        });
        std::mem::take(&mut self.separators)
    }

    /// Forgets a message that did not come whole.
    pub fn clear(&mut self) {
        self.reader.abandon();
        self.separators = 0;
        self.stamps.clear();
        self.unstamped = 0;
    }

    /// Hands the whole message's updates to the receipts; true where it brought something new.
    pub fn deliver(
        &mut self,
        client: &Client,
        phase: Phase,
        receipts: &mut Receipts,
        skipped: Skipped,
    ) -> bool {
        let now_ns = now_ns();
        client.thread.event();
        let mut recorder = client.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        counts.completed += 1;
        counts.unstamped += self.unstamped;
        counts.messages += self.unstamped;
        drop(recorder);
        let mut new = self.unstamped > 0;
        self.unstamped = 0;
        if self.stamps.is_empty() && !new {
            client.trace(TraceKind::Empty, now_ns, None);
        }
        for stamp in self.stamps.drain(..) {
            let receipt = receipts.take_in(client, phase, stamp, now_ns, skipped);
            new |= matches!(receipt, Receipt::Fresh | Receipt::Late);
        }
        new
    }
}

/// A response's parts, what separates its payloads counted as framing.
pub(crate) fn without_separators(parts: Parts, separators: u64) -> Parts {
    let separators = separators.min(parts.payload);
    Parts { framing: parts.framing + separators, payload: parts.payload - separators, ..parts }
}

/// Counts an exchange that brought nothing new.
pub(crate) fn empty(client: &Client, phase: Phase, moved: (u64, u64)) {
    let mut recorder = client.thread.recorder.borrow_mut();
    let counts = &mut recorder.at(phase).counts;
    counts.empty_polls += 1;
    counts.empty_poll_bytes += moved.0 + moved.1;
}

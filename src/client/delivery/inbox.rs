//! The payloads of one message while it arrives, whatever carries the message.
//!
//! Separate from `per_client`, which tells what an update is to the client, and from the transports,
//! which know where a message begins and ends.

use crate::feed::{Reader, Spec, Stamp};
use crate::protocol::http1::response::Parts;

/// The payloads of a message. Its memory is used again for the next one.
#[derive(Debug)]
pub struct Inbox {
    reader: Reader,
    stamps: Vec<Stamp>,
    /// Payloads without a stamp of this program.
    unstamped: u64,
    /// Bytes of the message that separate payloads.
    separators: u64,
}

impl Inbox {
    /// An empty inbox for messages of this feed.
    pub fn new(feed: &Spec) -> Inbox {
        let reader = Reader::new(feed.kind, feed.payload_bytes);
        Inbox { reader, stamps: Vec::new(), unstamped: 0, separators: 0 }
    }

    /// Takes the memory for stamps of another inbox, if this one has none: clients of a thread share
    /// it, since most messages come whole.
    pub(crate) fn borrow_memory(&mut self, of: &mut Inbox) {
        if self.stamps.capacity() == 0 {
            std::mem::swap(&mut self.stamps, &mut of.stamps);
        }
    }

    /// Gives the memory for stamps back, unless a message has come in part.
    pub(crate) fn give_memory_back(&mut self, to: &mut Inbox) {
        if self.stamps.is_empty() {
            let memory = std::mem::take(&mut self.stamps);
            if to.stamps.capacity() == 0 {
                to.stamps = memory;
            }
        }
    }

    /// Adds a piece of a message.
    pub fn push(&mut self, bytes: &[u8]) {
        let (stamps, unstamped) = (&mut self.stamps, &mut self.unstamped);
        self.separators += self.reader.push(bytes, |stamp| match stamp {
            Some(stamp) => stamps.push(stamp),
            None => *unstamped += 1,
        });
    }

    /// Ends the message; returns the number of its bytes that separate payloads.
    pub fn end(&mut self) -> u64 {
        let (stamps, unstamped) = (&mut self.stamps, &mut self.unstamped);
        self.reader.end(|stamp| match stamp {
            Some(stamp) => stamps.push(stamp),
            None => *unstamped += 1,
        });
        std::mem::take(&mut self.separators)
    }

    /// Forgets a message that was cut.
    pub fn clear(&mut self) {
        self.reader.abandon();
        self.separators = 0;
        self.stamps.clear();
        self.unstamped = 0;
    }

    /// Takes the number of payloads without stamp of a whole message.
    pub(super) fn take_unstamped(&mut self) -> u64 {
        std::mem::take(&mut self.unstamped)
    }

    /// Takes a whole message and returns its stamp if it has just one payload, with a stamp.
    pub(crate) fn take_only_stamp(&mut self) -> Option<Stamp> {
        let unstamped = self.take_unstamped();
        let mut stamps = self.stamps.drain(..);
        let first = stamps.next()?;
        (unstamped == 0 && stamps.next().is_none()).then_some(first)
    }

    /// Takes the stamps of a whole message.
    pub(super) fn take_stamps(&mut self) -> std::vec::Drain<'_, Stamp> {
        self.stamps.drain(..)
    }
}

/// Returns the parts of a response with the separators between payloads counted as framing.
pub(crate) fn without_separators(parts: Parts, separators: u64) -> Parts {
    let separators = separators.min(parts.payload);
    Parts { framing: parts.framing + separators, payload: parts.payload - separators, ..parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_lent_while_a_message_comes() {
        let (mut shared, mut own) = (Inbox::new(&Spec::PLAIN), Inbox::new(&Spec::PLAIN));
        let mut payload = vec![0; Spec::PLAIN.payload_bytes as usize];
        Stamp { sequence: 7, published_ns: 9 }.write(Spec::PLAIN.kind, &mut payload);
        for _ in 0..3 {
            own.borrow_memory(&mut shared);
            own.push(&payload);
            own.end();
            // Its stamp has not been taken: nothing is given back.
            own.give_memory_back(&mut shared);
            assert!(own.stamps.capacity() > 0 && shared.stamps.capacity() == 0);
            assert_eq!(own.take_only_stamp().map(|stamp| stamp.sequence), Some(7));
            own.give_memory_back(&mut shared);
            assert!(own.stamps.capacity() == 0 && shared.stamps.capacity() > 0);
        }
    }
}

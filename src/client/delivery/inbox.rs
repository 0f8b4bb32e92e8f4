//! The payloads of one message while it arrives, whatever carries the message.
//!
//! Separate from `per_client`, which tells what an update is to the client, and from the transports,
//! which know where a message begins and ends.

use crate::client::delivery::own_reader::{OwnMessage, OwnReader};
use crate::feed::{AnySizeReader, PayloadKind, Reader, Semantics, Spec, Stamp};
use crate::protocol::http1::response::Parts;
use crate::protocol::message::{JsonTexts, MessageReader};
use std::rc::Rc;

/// Whose messages are read.
#[derive(Debug, Clone)]
pub(crate) enum MessageSource {
    /// The bundled server's, of the feed's form and size.
    Bundled,
    /// Those of another server, with this program's stamps if they can be read.
    Stamped,
    /// Those of another server, in a form of its own.
    Own(Rc<MessageReader>),
}

impl MessageSource {
    /// Whether messages are the bundled server's.
    pub(crate) fn is_bundled(&self) -> bool {
        matches!(self, MessageSource::Bundled)
    }
    /// Whether messages are in a form of the server's own.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self, MessageSource::Own(_))
    }
}

/// Inboxes that a thread keeps for its clients. More are in use only while many messages have come in
/// part.
const SPARE_INBOXES: usize = 16;

/// The payloads of a message. Its memory is used again for the next one.
#[derive(Debug)]
pub(crate) struct Inbox {
    reader: PayloadReader,
    stamps: Vec<Stamp>,
    /// Payloads without a stamp of this program.
    unstamped: u64,
    /// JSON texts behind another in a message without a stamp.
    texts_behind: u32,
    /// Bytes of the message that separate payloads.
    separators: u64,
    /// The beginning of the message, if it is to be kept in case that it cannot be read.
    sample: Option<Vec<u8>>,
    /// Whether that is to be the next message of the same client, which keeps the inbox until then.
    held: bool,
}

/// Bytes that are kept of a message that cannot be read.
const SAMPLE_BYTES: usize = 4096;

#[derive(Debug)]
enum PayloadReader {
    Feed(Reader),
    Stamped(StampedReader),
    Own(OwnReader),
}

/// Reads messages that may have this program's stamps; of those that have none, counts the JSON texts.
#[derive(Debug)]
struct StampedReader {
    reader: AnySizeReader,
    kind: PayloadKind,
    texts: JsonTexts,
}

impl StampedReader {
    fn new(kind: PayloadKind) -> StampedReader {
        StampedReader { reader: AnySizeReader::new(kind), kind, texts: JsonTexts::default() }
    }

    fn push(&mut self, bytes: &[u8], on: impl FnMut(Option<Stamp>)) -> u64 {
        match self.kind {
            PayloadKind::Binary => self.texts.skip(),
            // At the beginning of a message that has a stamp.
            _ if self.texts.is_idle() && self.reader.begin(bytes) => self.texts.skip(),
            _ => self.texts.push(bytes),
        }
        self.reader.push(bytes, on)
    }
}

impl Inbox {
    /// An empty inbox for messages of this source.
    pub(crate) fn of(source: &MessageSource, feed: &Spec) -> Inbox {
        // Binary updates in one message are told apart by their size alone.
        let by_size = feed.kind == PayloadKind::Binary
            && (feed.batch_ns > 0 || feed.semantics == Semantics::Log);
        Inbox::with(match source {
            MessageSource::Stamped if !by_size => {
                PayloadReader::Stamped(StampedReader::new(feed.kind))
            }
            MessageSource::Bundled | MessageSource::Stamped => {
                PayloadReader::Feed(Reader::new(feed.kind, feed.payload_bytes))
            }
            MessageSource::Own(format) => PayloadReader::Own(OwnReader::new(format.clone())),
        })
    }

    fn with(reader: PayloadReader) -> Inbox {
        Inbox {
            reader,
            stamps: Vec::new(),
            unstamped: 0,
            texts_behind: 0,
            separators: 0,
            sample: None,
            held: false,
        }
    }

    /// Whether no message is under way, nor a whole one not yet taken.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let Inbox { reader, stamps, unstamped, separators, held, .. } = self;
        let idle = match reader {
            PayloadReader::Feed(reader) => reader.is_idle(),
            PayloadReader::Stamped(stamped) => stamped.reader.is_idle(),
            PayloadReader::Own(reader) => reader.is_idle(),
        };
        idle && stamps.is_empty() && *unstamped == 0 && *separators == 0 && !held
    }

    /// Keeps the beginning of the message that comes next.
    pub(crate) fn keep_sample(&mut self) {
        self.sample = Some(Vec::new());
    }

    /// Keeps the beginning of the same client's next message.
    pub(super) fn keep_next_sample(&mut self) {
        self.keep_sample();
        self.held = true;
    }

    /// Takes what was kept of a whole message, if anything.
    pub(super) fn take_sample(&mut self) -> Option<Vec<u8>> {
        self.held = false;
        self.sample.take()
    }

    /// Adds a piece of a message.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if let Some(sample) = &mut self.sample {
            let room = SAMPLE_BYTES - sample.len();
            sample.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        let stamps = &mut self.stamps;
        let unstamped = &mut self.unstamped;
        let on = |stamp| match stamp {
            Some(stamp) => stamps.push(stamp),
            None => *unstamped += 1,
        };
        self.separators += match &mut self.reader {
            PayloadReader::Feed(reader) => reader.push(bytes, on),
            PayloadReader::Stamped(reader) => reader.push(bytes, on),
            PayloadReader::Own(reader) => {
                reader.push(bytes);
                0
            }
        };
    }

    /// Ends the message; returns the number of its bytes that separate payloads.
    pub(crate) fn end(&mut self) -> u64 {
        let stamps = &mut self.stamps;
        let unstamped = &mut self.unstamped;
        let on = |stamp| match stamp {
            Some(stamp) => stamps.push(stamp),
            None => *unstamped += 1,
        };
        match &mut self.reader {
            PayloadReader::Feed(reader) => reader.end(on),
            PayloadReader::Stamped(stamped) => {
                self.separators += stamped.reader.end(on);
                let texts_behind = stamped.texts.end();
                self.texts_behind = if self.unstamped > 0 { texts_behind } else { 0 };
            }
            PayloadReader::Own(reader) => reader.end(),
        }
        std::mem::take(&mut self.separators)
    }

    /// Forgets a message that was cut.
    pub(crate) fn clear(&mut self) {
        match &mut self.reader {
            PayloadReader::Feed(reader) => reader.abandon(),
            PayloadReader::Stamped(stamped) => {
                stamped.reader.abandon();
                stamped.texts = JsonTexts::default();
            }
            PayloadReader::Own(reader) => reader.clear(),
        }
        self.separators = 0;
        self.stamps.clear();
        self.unstamped = 0;
        self.texts_behind = 0;
        self.sample = None;
        self.held = false;
    }

    /// Returns the bytes of a whole message that is no update; 0 if it is one.
    pub(crate) fn ignored_bytes(&self) -> u64 {
        match &self.reader {
            PayloadReader::Own(reader) => reader.ignored_bytes(),
            PayloadReader::Feed(_) | PayloadReader::Stamped(_) => 0,
        }
    }

    /// Returns the reader of a server's own messages, if this inbox has one.
    pub(super) fn own(&mut self) -> Option<&mut OwnReader> {
        match &mut self.reader {
            PayloadReader::Own(reader) => Some(reader),
            PayloadReader::Feed(_) | PayloadReader::Stamped(_) => None,
        }
    }

    /// Takes the number of payloads without stamp of a whole message.
    pub(super) fn take_unstamped(&mut self) -> u64 {
        std::mem::take(&mut self.unstamped)
    }

    /// Takes the number of JSON texts behind another in a whole message without a stamp.
    pub(super) fn take_texts_behind(&mut self) -> u32 {
        std::mem::take(&mut self.texts_behind)
    }

    /// Takes a whole message and returns its stamp if it has just one payload, with a stamp.
    pub(crate) fn take_only_stamp(&mut self) -> Option<Stamp> {
        let unstamped = self.take_unstamped();
        let mut stamps = self.stamps.drain(..);
        let first = stamps.next()?;
        (unstamped == 0 && stamps.next().is_none()).then_some(first)
    }

    /// Takes a whole message in a form of the server's own and returns the hash of its name.
    pub(crate) fn take_id(&mut self) -> Option<u64> {
        match self.own()?.take().0 {
            OwnMessage::Update(fields) => fields.id,
            OwnMessage::Empty | OwnMessage::Ignored(_) => None,
        }
    }

    /// Takes the stamps of a whole message.
    pub(super) fn take_stamps(&mut self) -> std::vec::Drain<'_, Stamp> {
        self.stamps.drain(..)
    }
}

/// The inboxes of a thread that no client uses.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "a client takes the box, and the inbox stays where it is")]
pub(crate) struct SpareInboxes(Vec<Box<Inbox>>);

impl SpareInboxes {
    /// Takes one.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Box<Inbox>> {
        self.0.pop()
    }

    /// Keeps an empty one, with its memory.
    #[inline]
    pub(crate) fn keep(&mut self, mut inbox: Box<Inbox>) {
        inbox.sample = None;
        inbox.held = false;
        if self.0.len() < SPARE_INBOXES {
            self.0.push(inbox);
        }
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
    use crate::client::context::ThreadContext;
    use crate::client::delivery::client_inbox::ClientInbox;

    #[test]
    fn a_client_has_an_inbox_only_while_a_message_comes() {
        let thread = ThreadContext::new(Vec::new(), Spec::PLAIN, 1, 1, 1);
        let mut payload = vec![0; Spec::PLAIN.payload_bytes as usize];
        Stamp { sequence: 7, published_ns: 9 }.write(Spec::PLAIN.kind, 1, &mut payload);
        let (mut one, mut two) = (ClientInbox::default(), ClientInbox::default());
        let memory = |inbox: &Inbox| std::ptr::from_ref(inbox);
        one.open(&thread).push(&payload[..3]);
        one.release(&thread);
        // A message has come in part: another client gets another inbox.
        let (first, second) = (memory(one.open(&thread)), memory(two.open(&thread)));
        assert_ne!(first, second);
        two.release(&thread);
        let mut inbox = one.take(&thread);
        inbox.push(&payload[3..]);
        inbox.end();
        // Its stamp has not been taken: the client keeps it.
        one.put_back(inbox, &thread);
        assert_eq!(memory(one.open(&thread)), first);
        assert_eq!(one.open(&thread).take_only_stamp().map(|stamp| stamp.sequence), Some(7));
        one.release(&thread);
        // The one that was given back last is the next one.
        assert_eq!(memory(two.open(&thread)), first);
        two.open(&thread).push(&payload[..3]);
        two.clear(&thread);
        assert!(two.open(&thread).is_empty());
    }
}

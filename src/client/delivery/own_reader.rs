//! Collects a server's own message until it is whole, and reads it then.

use crate::protocol::message::{MessageFields, MessageReader};
use std::rc::Rc;

/// Bytes of a message that are kept. What stands after them in a longer one is not found.
const KEPT_BYTES: usize = 1 << 20;
/// Memory beyond this is freed once a message is over.
const RETAINED_BYTES: usize = 4096;

/// Reads one message after another.
#[derive(Debug)]
pub(super) struct OwnReader {
    format: Rc<MessageReader>,
    /// What came of the message.
    bytes: Vec<u8>,
    /// Its length so far.
    length: u64,
    message: OwnMessage,
}

/// What a whole message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum OwnMessage {
    /// It has no byte.
    #[default]
    Empty,
    /// It is no update, and has so many bytes.
    Ignored(u64),
    /// An update.
    Update(MessageFields),
}

impl OwnReader {
    pub(super) fn new(format: Rc<MessageReader>) -> OwnReader {
        OwnReader { format, bytes: Vec::new(), length: 0, message: OwnMessage::Empty }
    }

    /// Whether no message is under way, nor a whole one not yet taken.
    pub(super) fn is_idle(&self) -> bool {
        self.length == 0 && self.message == OwnMessage::Empty
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let room = KEPT_BYTES.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The message is whole.
    pub(super) fn end(&mut self) {
        self.message = match self.length {
            0 => OwnMessage::Empty,
            length => self
                .format
                .read(&self.bytes)
                .map_or(OwnMessage::Ignored(length), OwnMessage::Update),
        };
        self.forget();
    }

    pub(super) fn clear(&mut self) {
        self.forget();
        self.message = OwnMessage::Empty;
    }

    fn forget(&mut self) {
        self.length = 0;
        self.bytes.clear();
        self.bytes.shrink_to(RETAINED_BYTES);
    }

    pub(super) fn ignored_bytes(&self) -> u64 {
        match self.message {
            OwnMessage::Ignored(bytes) => bytes,
            OwnMessage::Empty | OwnMessage::Update(_) => 0,
        }
    }

    /// Takes what the message was, with the format.
    pub(super) fn take(&mut self) -> (OwnMessage, Rc<MessageReader>) {
        (std::mem::take(&mut self.message), self.format.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{Ignored, MessageSpec, Place};

    #[test]
    fn a_message_is_read_once_it_is_whole() {
        let spec = MessageSpec {
            sequence: Some(Place::Pointer("/seq".to_owned())),
            ignore: vec![Ignored::Text("{}".to_owned())],
            ..MessageSpec::default()
        };
        let mut reader = OwnReader::new(Rc::new(MessageReader::new(&spec).unwrap()));
        for cut in 1..12 {
            for piece in br#"{"seq":1234}"#.chunks(cut) {
                reader.push(piece);
            }
            reader.end();
            let OwnMessage::Update(found) = reader.take().0 else { panic!("an update") };
            assert_eq!(found.sequence, Some(1234));
        }
        reader.push(b"{}");
        reader.end();
        assert_eq!((reader.ignored_bytes(), reader.take().0), (2, OwnMessage::Ignored(2)));
        reader.end();
        assert_eq!(reader.take().0, OwnMessage::Empty);
        reader.push(b"cut");
        reader.clear();
        reader.end();
        assert_eq!(reader.take().0, OwnMessage::Empty);
    }
}

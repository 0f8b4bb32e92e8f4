//! The open streams of a connection.

use crate::protocol::http2::frame::ErrorCode;
use crate::protocol::http2::settings::STREAM_WINDOW;

/// A stream, by its number and as the caller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamName {
    /// The number.
    pub id: u32,
    /// What the caller has given.
    pub token: u32,
}

/// Why the server has ended a stream by an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResetReason {
    /// It was reset with this code.
    Code(ErrorCode),
    /// It was refused, as more streams are open than the server takes.
    Limit(u32),
    /// The server takes no further requests, for this reason, and has not begun with this one.
    GoAway(ErrorCode),
}

/// A stream that at least one side has not ended.
#[derive(Debug)]
pub(crate) struct StreamEntry {
    /// Its number.
    pub id: u32,
    /// What the caller knows it by.
    pub token: u32,
    /// How many bytes may be sent.
    pub send_window: i64,
    /// How many bytes may come.
    pub receive_window: i64,
    /// Whether this side has ended it.
    pub sent_end: bool,
    /// Whether the server has ended it.
    pub received_end: bool,
    /// Whether the head of the answer has come; an interim one is none.
    pub has_head: bool,
    /// What waits for room.
    pub waiting: Option<Box<WaitingBytes>>,
}

/// Bytes of a body that find no room in a window.
#[derive(Debug, Default)]
pub(crate) struct WaitingBytes {
    bytes: Vec<u8>,
    /// So many of them were sent.
    sent: usize,
    /// Whether the stream ends with them.
    pub ends: bool,
    /// Whether they say what is asked for, and are no message.
    pub of_request: bool,
}

/// Bytes of bodies that will not be sent, since their streams have ended before there was room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct UnsentBytes {
    /// Of requests.
    pub of_requests: u64,
    /// Of messages.
    pub of_messages: u64,
}

impl UnsentBytes {
    /// Adds what a stream that has ended still holds.
    pub(crate) fn add(&mut self, stream: &mut StreamEntry) {
        let Some(waiting) = stream.waiting.take() else { return };
        let bytes = waiting.bytes().len() as u64;
        let of = if waiting.of_request { &mut self.of_requests } else { &mut self.of_messages };
        *of += bytes;
    }
}

impl WaitingBytes {
    /// Adds bytes behind the others.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }
    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }
    /// So many of them were sent.
    pub(crate) fn advance(&mut self, sent: usize) {
        self.sent += sent;
    }
}

impl StreamEntry {
    /// A new stream.
    pub(crate) fn new(id: u32, token: u32, send_window: u32) -> StreamEntry {
        StreamEntry {
            id,
            token,
            send_window: send_window.into(),
            receive_window: STREAM_WINDOW.into(),
            sent_end: false,
            received_end: false,
            has_head: false,
            waiting: None,
        }
    }

    /// Its number, and as what the caller knows it.
    pub(crate) fn name(&self) -> StreamName {
        StreamName { id: self.id, token: self.token }
    }

    /// Whether both sides have ended it, and nothing waits.
    pub(crate) fn is_closed(&self) -> bool {
        self.sent_end && self.received_end && self.waiting.is_none()
    }
}

/// The open streams, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct StreamTable(Vec<StreamEntry>);

impl StreamTable {
    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
    /// Adds one, whose number is larger than those of all others.
    pub(crate) fn push(&mut self, stream: StreamEntry) -> &mut StreamEntry {
        let at = self.0.len();
        self.0.push(stream);
        &mut self.0[at]
    }
    fn position(&self, id: u32) -> Option<usize> {
        // Most connections have one.
        match self.0.as_slice() {
            [only] => (only.id == id).then_some(0),
            all => all.binary_search_by_key(&id, |stream| stream.id).ok(),
        }
    }
    /// The one with a number.
    pub(crate) fn get(&mut self, id: u32) -> Option<&mut StreamEntry> {
        let at = self.position(id)?;
        self.0.get_mut(at)
    }
    /// Removes the one with a number.
    pub(crate) fn remove(&mut self, id: u32) -> Option<StreamEntry> {
        self.position(id).map(|at| self.0.remove(at))
    }
    /// The server has ended one.
    pub(crate) fn receive_end(&mut self, id: u32) {
        let Some(stream) = self.get(id) else { return };
        stream.received_end = true;
        if stream.is_closed() {
            self.remove(id);
        }
    }
    /// Removes the last one, if its number is larger than this.
    pub(crate) fn remove_after(&mut self, id: u32) -> Option<StreamEntry> {
        self.0.pop_if(|stream| stream.id > id)
    }
    /// Removes those that both sides have ended.
    pub(crate) fn remove_closed(&mut self) {
        self.0.retain(|stream| !stream.is_closed());
    }
    /// All of them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut StreamEntry> {
        self.0.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_found_by_their_numbers() {
        let mut table = StreamTable::default();
        for id in [1, 3, 7] {
            table.push(StreamEntry::new(id, id * 10, 5));
        }
        assert_eq!(table.get(3).map(|stream| stream.token), Some(30));
        assert!(table.get(5).is_none());
        assert_eq!(table.remove(1).map(|stream| stream.token), Some(10));
        assert_eq!(table.remove(3).map(|stream| stream.token), Some(30));
        assert_eq!(table.get(7).map(|stream| stream.token), Some(70));
        assert!(table.get(1).is_none());
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn bytes_wait_in_their_order() {
        let mut waiting = WaitingBytes::default();
        waiting.push(b"abc");
        waiting.advance(2);
        waiting.push(b"d");
        assert_eq!(waiting.bytes(), b"cd");
        waiting.advance(2);
        waiting.push(b"e");
        assert_eq!(waiting.bytes(), b"e");
    }
}

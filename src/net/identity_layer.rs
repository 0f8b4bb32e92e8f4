//! A layer that changes nothing: it copies bytes from one side to the other and counts them.
//!
//! It proves that a layer can stand in the stack without a change elsewhere, as TLS will. It is a
//! part of [`Connection`](crate::net::Connection) with the cargo feature `identity-layer`.

use crate::net::layer::{LayerBuffer, StreamLayer};
use crate::record::Direction;

/// The most bytes held in one direction.
const ROOM_BYTES: usize = 64 * 1024;

// Reachable with the feature alone, as a part of `Connection`.
#[allow(unreachable_pub)]
#[derive(Debug)]
pub struct IdentityLayer {
    up: Copied,
    down: Copied,
    room: usize,
}

/// The bytes of one direction.
#[derive(Debug, Default)]
struct Copied {
    bytes: Vec<u8>,
    /// Of `bytes`, how many were taken.
    taken: usize,
    passed: u64,
    ended: bool,
}

impl Default for IdentityLayer {
    fn default() -> IdentityLayer {
        IdentityLayer::with_room(ROOM_BYTES)
    }
}

impl IdentityLayer {
    /// A layer that holds at most `room` bytes in each direction.
    pub(crate) fn with_room(room: usize) -> IdentityLayer {
        IdentityLayer { up: Copied::default(), down: Copied::default(), room }
    }
    /// Bytes that were pushed so far.
    #[cfg(test)]
    pub(crate) fn passed(&self, direction: Direction) -> u64 {
        match direction {
            Direction::Up => self.up.passed,
            Direction::Down => self.down.passed,
        }
    }
    fn copied(&mut self, direction: Direction) -> &mut Copied {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

impl Copied {
    fn left(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
}

impl StreamLayer for IdentityLayer {
    fn buffer(&mut self) -> Option<&mut dyn LayerBuffer> {
        Some(self)
    }
}

impl LayerBuffer for IdentityLayer {
    fn room(&mut self, direction: Direction) -> usize {
        self.room - self.copied(direction).left().len()
    }
    fn push(&mut self, direction: Direction, _now_ns: u64, bytes: &[u8]) -> usize {
        let len = bytes.len().min(self.room(direction));
        let copied = self.copied(direction);
        copied.bytes.drain(..copied.taken);
        copied.taken = 0;
        copied.bytes.extend_from_slice(&bytes[..len]);
        copied.passed += len as u64;
        len
    }
    fn end(&mut self, direction: Direction, _now_ns: u64) {
        self.copied(direction).ended = true;
    }
    fn ready(&mut self, direction: Direction, _now_ns: u64) -> &[u8] {
        self.copied(direction).left()
    }
    fn take(&mut self, direction: Direction, _now_ns: u64, len: usize) {
        let copied = self.copied(direction);
        copied.taken += len;
        if copied.left().is_empty() {
            // An idle connection keeps no memory for it.
            copied.bytes = Vec::new();
            copied.taken = 0;
        }
    }
    fn is_over(&mut self, direction: Direction, _now_ns: u64) -> bool {
        let copied = self.copied(direction);
        copied.ended && copied.left().is_empty()
    }
    fn deadline_ns(&mut self, _direction: Direction, _now_ns: u64) -> Option<u64> {
        None
    }
    fn held(&mut self, direction: Direction) -> u64 {
        self.copied(direction).left().len() as u64
    }
    fn discard(&mut self, direction: Direction) -> u64 {
        let held = self.held(direction);
        let copied = self.copied(direction);
        copied.bytes = Vec::new();
        copied.taken = 0;
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_copied_and_counted() {
        let mut layer = IdentityLayer::with_room(4);
        assert_eq!(layer.push(Direction::Up, 1, b"abcdef"), 4);
        assert_eq!((layer.room(Direction::Up), layer.room(Direction::Down)), (0, 4));
        layer.take(Direction::Up, 2, 3);
        assert_eq!(layer.push(Direction::Up, 3, b"gh"), 2);
        layer.end(Direction::Up, 3);
        assert_eq!(layer.ready(Direction::Up, 3), b"dgh");
        assert!(!layer.is_over(Direction::Up, 3));
        layer.take(Direction::Up, 3, 3);
        assert!(layer.is_over(Direction::Up, 3));
        assert_eq!((layer.passed(Direction::Up), layer.passed(Direction::Down)), (6, 0));
    }
}

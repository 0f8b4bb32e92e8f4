//! A layer that copies bytes, counts them and changes nothing: the least that a buffer can be.
//!
//! With the feature `identity-layer` every connection has one. It is this file, its `mod` and its place
//! in the stack of [`connection`](crate::net::connection): as much as any further layer.

use crate::net::layer::{FromParts, LayerBuffer, StreamLayer};
use crate::record::Direction;

/// How many bytes each direction holds, unless a test wants less.
const ROOM: usize = 64 * 1024;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct IdentityLayer {
    /// Of each direction.
    copied: [Copied; 2],
    room: usize,
}

/// The bytes of one direction.
#[derive(Debug, Default)]
struct Copied {
    bytes: Vec<u8>,
    /// Of `bytes`, how many were taken.
    taken: usize,
    ended: bool,
    /// Bytes that came in so far.
    came: u64,
    /// Bytes that went out so far.
    went: u64,
    /// Bytes that were dropped so far.
    discarded: u64,
}

impl IdentityLayer {
    /// A layer that holds at most `room` bytes in each direction.
    pub(crate) fn with_room(room: usize) -> IdentityLayer {
        IdentityLayer { copied: Default::default(), room }
    }
    /// Returns how many bytes have passed it whole.
    #[cfg(test)]
    pub(crate) fn passed(&self, direction: Direction) -> u64 {
        self.copied[direction as usize].went
    }
    fn copied(&mut self, direction: Direction) -> &mut Copied {
        &mut self.copied[direction as usize]
    }
}

impl Copied {
    fn left(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
    /// Frees the memory of what was taken, if that is all.
    fn free(&mut self) {
        if self.left().is_empty() {
            self.bytes = Vec::new();
            self.taken = 0;
        }
    }
}

/// No other layer's bytes are its own: it has nothing to make of a connection's parts.
impl<Parts> FromParts<Parts> for IdentityLayer {
    fn from_parts(_parts: &mut Parts) -> Option<IdentityLayer> {
        Some(IdentityLayer::with_room(ROOM))
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
        copied.came += len as u64;
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
        copied.went += len as u64;
        copied.free();
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
        copied.discarded += held;
        copied.taken = copied.bytes.len();
        copied.free();
        held
    }
}

/// A byte that it lost ends the process: this layer is in tests alone, and in builds for them.
impl Drop for IdentityLayer {
    fn drop(&mut self) {
        for copied in &self.copied {
            let explained = copied.went + copied.discarded + copied.left().len() as u64;
            if copied.came != explained && !std::thread::panicking() {
                // A panic would end a task of the server, whose process goes on.
                std::process::abort();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_each_way_is_counted() {
        let mut layer = IdentityLayer::with_room(4);
        assert_eq!(layer.push(Direction::Up, 0, b"seven b"), 4);
        assert_eq!(layer.push(Direction::Down, 0, b"two"), 3);
        assert_eq!((layer.room(Direction::Up), layer.ready(Direction::Up, 0)), (0, &b"seve"[..]));
        layer.take(Direction::Up, 0, 3);
        assert_eq!(layer.push(Direction::Up, 0, b"n b"), 3);
        layer.take(Direction::Up, 0, 4);
        assert_eq!(layer.discard(Direction::Down), 3);
        assert_eq!(layer.passed(Direction::Up), 7);
        assert_eq!(layer.passed(Direction::Down), 0);
        assert_eq!((layer.held(Direction::Up), layer.held(Direction::Down)), (0, 0));
    }

    /// With the feature, nothing moves past the layer.
    #[cfg(feature = "identity-layer")]
    #[test]
    fn every_connection_has_it() {
        let mut layers = crate::net::connection::layers(None, None, None).expect("a layer");
        let buffer = layers.buffer().expect("it holds bytes");
        assert_eq!((buffer.push(Direction::Up, 0, b"up"), buffer.held(Direction::Up)), (2, 2));
        buffer.take(Direction::Up, 0, 2);
        assert_eq!(buffer.push(Direction::Down, 0, b"down"), 4);
        assert_eq!(buffer.ready(Direction::Down, 0), b"down");
    }
}

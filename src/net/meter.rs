//! Counts of what one connection moved.
//!
//! The meter is the lowest layer: it counts what `read` and `write` on the socket moved, whatever
//! layers stand above. It is shared with the server's table of connections, and outlives the stream.

use std::cell::Cell;

#[derive(Debug, Default)]
pub(crate) struct Meter {
    read: Cell<u64>,
    written: Cell<u64>,
}

impl Meter {
    /// Bytes read so far.
    pub(crate) fn read(&self) -> u64 {
        self.read.get()
    }
    /// Bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.get()
    }
    #[inline]
    pub(crate) fn count_read(&self, bytes: usize) {
        self.read.set(self.read.get() + bytes as u64);
    }
    #[inline]
    pub(crate) fn count_written(&self, bytes: usize) {
        self.written.set(self.written.get() + bytes as u64);
    }
}

//! A message that has begun and does not end: nothing that comes after it is read.

use crate::client::core::ClientCore;
use crate::record::Phase;

/// A message that was under way for less than this part of the measured window at the client's end may have
/// been cut by the end.
const LEAST_SHARE: u64 = 10;

/// The message under way on a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OpenMessage {
    /// No message is whole since then; 0 if none is under way.
    since_ns: u64,
}

impl OpenMessage {
    /// Notes after a read whether a message is under way, and whether one ended with this read.
    #[inline]
    pub(crate) fn note(&mut self, is_within: bool, ended: bool, now_ns: u64) {
        if !is_within {
            self.since_ns = 0;
        } else if ended || self.since_ns == 0 {
            self.since_ns = now_ns;
        }
    }

    /// Counts at the client's end, with so many of its bytes, a message that is not whole and began before the
    /// end of the measured window. Returns false if there is none.
    pub(crate) fn count(self, core: &ClientCore, now_ns: u64, bytes: u64) -> bool {
        let Some((from_ns, until_ns)) = core.thread.window.get() else { return false };
        let least_ns = until_ns.saturating_sub(from_ns) / LEAST_SHARE;
        let open_ns = now_ns.saturating_sub(self.since_ns);
        if self.since_ns == 0 || self.since_ns >= until_ns || open_ns < least_ns {
            return false;
        }
        let mut recorder = core.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(Phase::Steady).counts;
        counts.unended_messages += 1;
        counts.unended_bytes = counts.unended_bytes.saturating_add(bytes);
        true
    }
}

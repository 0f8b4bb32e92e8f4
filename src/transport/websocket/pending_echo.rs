//! Which message an echo is the answer to, for both engines.

use crate::client::core::ClientCore;
use crate::feed::{Spec, Stamp};
use crate::record::Phase;
use std::collections::VecDeque;

/// A message whose echo has not come yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingEcho {
    pub stamp: Stamp,
    pub sent_ns: u64,
    pub phase: Phase,
}

/// Messages whose echoes have not come yet, in order. Only clients that echo have it, boxed: it is larger than all that
/// others need for it.
#[derive(Debug, Default)]
pub(super) struct PendingEchoes {
    pub queue: VecDeque<PendingEcho>,
}

/// What an echo is the answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EchoOf {
    /// The message at this place among those that are awaited. WebSocket keeps the order: the echoes
    /// of those before it will not come.
    Pending(usize),
    /// A message that was answered or given up before.
    Past,
}

impl EchoOf {
    /// By the stamp of an echo. One that is not in order, or has none, is taken for the oldest's.
    pub(super) fn find(pending: &VecDeque<PendingEcho>, stamp: Option<Stamp>) -> EchoOf {
        let Some((stamp, oldest)) = stamp.zip(pending.front()) else { return EchoOf::Pending(0) };
        if stamp.sequence < oldest.stamp.sequence {
            return EchoOf::Past;
        }
        EchoOf::Pending(pending.iter().position(|echo| echo.stamp == stamp).unwrap_or(0))
    }
}

/// Returns what `{id}` stands for in the message of the current turn: no other client of the case sends the
/// same, so that no answer to another one is taken for the client's own. It has no more digits than it needs.
pub(super) fn message_id(feed: &Spec, core: &ClientCore) -> u64 {
    // In an echo every client sends.
    core.turns_taken() * u64::from(feed.senders) + u64::from(core.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that leaves one out is not called wrong for all that follow.
    #[test]
    fn an_echo_is_the_answer_to_the_message_that_it_repeats() {
        let stamp = |sequence| Stamp { sequence, published_ns: 100 * sequence };
        let echo =
            |sequence| PendingEcho { stamp: stamp(sequence), sent_ns: 7, phase: Phase::Steady };
        let pending: VecDeque<PendingEcho> = (5..8).map(echo).collect();
        let find = |echo| EchoOf::find(&pending, echo);
        assert_eq!(find(Some(stamp(5))), EchoOf::Pending(0));
        assert_eq!(find(Some(stamp(7))), EchoOf::Pending(2));
        assert_eq!(find(Some(stamp(4))), EchoOf::Past);
        // Anything else is taken for a wrong answer to the oldest.
        assert_eq!(find(None), EchoOf::Pending(0));
        assert_eq!(find(Some(stamp(8))), EchoOf::Pending(0));
        assert_eq!(find(Some(Stamp { published_ns: 1, ..stamp(6) })), EchoOf::Pending(0));
        assert_eq!(EchoOf::find(&VecDeque::new(), Some(stamp(1))), EchoOf::Pending(0));
    }
}

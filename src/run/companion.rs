//! Two runs at the same time, of two servers that are compared: each case's load begins in both at one
//! moment, so that whatever the machine does meanwhile meets both.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What one of two runs knows of the other.
#[derive(Debug)]
pub(crate) struct Companion {
    to: UnboundedSender<u64>,
    from: UnboundedReceiver<u64>,
}

impl Companion {
    /// Two that know each other.
    pub(crate) fn pair() -> [Companion; 2] {
        let (to_second, from_first) = unbounded_channel();
        let (to_first, from_second) = unbounded_channel();
        [
            Companion { to: to_second, from: from_second },
            Companion { to: to_first, from: from_first },
        ]
    }

    /// Waits until the other run has come as far, and returns the later of both proposals. If the other
    /// one has ended, this is the only one that is left.
    pub(crate) async fn agree(&mut self, proposed_ns: u64) -> u64 {
        // It has ended if nobody receives this, which receiving tells as well.
        let _ = self.to.send(proposed_ns);
        self.from.recv().await.map_or(proposed_ns, |other_ns| other_ns.max(proposed_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_take_the_later_moment_and_the_last_one_its_own() {
        let [mut a, mut b] = Companion::pair();
        assert_eq!(tokio::join!(a.agree(5), b.agree(7)), (7, 7));
        // One is a case ahead: its next proposal waits.
        assert_eq!(tokio::join!(b.agree(9), a.agree(11)), (11, 11));
        drop(b);
        assert_eq!(a.agree(13).await, 13);
    }
}

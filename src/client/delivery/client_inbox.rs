//! The inbox of a client, which has one only while a message is under way: most messages come whole,
//! and a hundred thousand clients would hold one each for nothing.

use crate::client::context::ThreadContext;
use crate::client::delivery::inbox::Inbox;

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct ClientInbox(Option<Box<Inbox>>);

impl ClientInbox {
    /// The client's inbox: a spare one of its thread if it has none.
    #[inline]
    pub(crate) fn open(&mut self, thread: &ThreadContext) -> &mut Inbox {
        self.0.get_or_insert_with(|| thread.take_inbox())
    }

    /// Takes the inbox, as [`open`](Self::open) finds it. What is under way is lost unless it is
    /// [put back](Self::put_back).
    #[inline]
    pub(crate) fn take(&mut self, thread: &ThreadContext) -> Box<Inbox> {
        self.0.take().unwrap_or_else(|| thread.take_inbox())
    }

    /// Keeps an inbox if a message has come in part, and otherwise gives it to the thread.
    #[inline]
    pub(crate) fn put_back(&mut self, inbox: Box<Inbox>, thread: &ThreadContext) {
        if inbox.is_empty() {
            thread.spare_inbox(inbox);
        } else {
            self.0 = Some(inbox);
        }
    }

    /// Gives the inbox to the thread unless a message has come in part.
    #[inline]
    pub(crate) fn release(&mut self, thread: &ThreadContext) {
        if let Some(inbox) = self.0.take() {
            self.put_back(inbox, thread);
        }
    }

    /// Forgets a message that was cut.
    pub(crate) fn clear(&mut self, thread: &ThreadContext) {
        if let Some(mut inbox) = self.0.take() {
            inbox.clear();
            thread.spare_inbox(inbox);
        }
    }
}

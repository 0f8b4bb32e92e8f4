//! What the carriers of a thread have for its clients, and the reverse.

use crate::protocol::answer_input::{AnswerBody, AnswerFields, AnswerFrame};
use crate::protocol::http2::connection::ReadScratch;
use crate::protocol::http2::fields::FieldList;
use crate::record::ClientError;
use std::cell::{Cell, RefCell};

/// What happened to a client's stream, or to the connection that it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerEvent<'a> {
    /// The connection can be used.
    Opened,
    /// The connection could not be opened.
    Failed(ClientError),
    /// The socket takes bytes again.
    Unblocked,
    /// The server takes no further requests on the connection.
    Draining,
    /// Something of the answer came.
    Answer(AnswerFrame<'a>),
    /// The stream ended by an error, or with its connection: `None` if the server closed that in order.
    Ended(Option<ClientError>),
}

/// A client, by its slot in the engine, and the number of its stream; 0 before it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamAddress {
    /// The slot.
    pub slot: u32,
    /// The stream.
    pub stream: u32,
}

/// An event, whose bytes and fields are in the memory of its batch.
#[derive(Debug, Clone, Copy)]
enum QueuedEvent {
    Opened,
    Unblocked,
    Draining,
    Failed(ClientError),
    Fields { list: usize, status: u16, block_bytes: u64, framing_bytes: u64, ends: bool },
    Body { from: usize, to: usize, framing_bytes: u64, frame_ends: bool, ends: bool },
    Ended(Option<ClientError>),
}

/// Events in their order.
#[derive(Debug, Default)]
pub(crate) struct EventBatch {
    events: Vec<(StreamAddress, u64, QueuedEvent)>,
    bytes: Vec<u8>,
    /// Lists of fields, of which the first `lists_used` belong to events.
    lists: Vec<FieldList>,
    lists_used: usize,
}

impl EventBatch {
    /// Adds an event of a moment.
    pub(crate) fn push(&mut self, to: StreamAddress, at_ns: u64, event: AnswerEvent<'_>) {
        let queued = match event {
            AnswerEvent::Opened => QueuedEvent::Opened,
            AnswerEvent::Unblocked => QueuedEvent::Unblocked,
            AnswerEvent::Draining => QueuedEvent::Draining,
            AnswerEvent::Failed(error) => QueuedEvent::Failed(error),
            AnswerEvent::Ended(error) => QueuedEvent::Ended(error),
            AnswerEvent::Answer(AnswerFrame::Fields(fields)) => self.keep_fields(&fields),
            AnswerEvent::Answer(AnswerFrame::Body(body)) => {
                let from = self.bytes.len();
                self.bytes.extend_from_slice(body.bytes);
                let AnswerBody { framing_bytes, frame_ends, ends, .. } = body;
                QueuedEvent::Body { from, to: self.bytes.len(), framing_bytes, frame_ends, ends }
            }
        };
        self.events.push((to, at_ns, queued));
    }

    fn keep_fields(&mut self, answer: &AnswerFields<'_>) -> QueuedEvent {
        let list = self.lists_used;
        self.lists_used += 1;
        match self.lists.get_mut(list) {
            Some(spare) => spare.copy_from(answer.fields),
            None => self.lists.push(answer.fields.clone()),
        }
        let AnswerFields { status, block_bytes, framing_bytes, ends, .. } = *answer;
        QueuedEvent::Fields { list, status, block_bytes, framing_bytes, ends }
    }

    /// The events, whom they are for, and their moments.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (StreamAddress, u64, AnswerEvent<'_>)> {
        self.events.iter().map(|(to, at_ns, queued)| (*to, *at_ns, self.event(*queued)))
    }

    fn event(&self, queued: QueuedEvent) -> AnswerEvent<'_> {
        match queued {
            QueuedEvent::Opened => AnswerEvent::Opened,
            QueuedEvent::Unblocked => AnswerEvent::Unblocked,
            QueuedEvent::Draining => AnswerEvent::Draining,
            QueuedEvent::Failed(error) => AnswerEvent::Failed(error),
            QueuedEvent::Ended(error) => AnswerEvent::Ended(error),
            QueuedEvent::Fields { list, status, block_bytes, framing_bytes, ends } => {
                let fields = &self.lists[list];
                let fields = AnswerFields { fields, status, block_bytes, framing_bytes, ends };
                AnswerEvent::Answer(AnswerFrame::Fields(fields))
            }
            QueuedEvent::Body { from, to, framing_bytes, frame_ends, ends } => {
                let bytes = &self.bytes[from..to];
                AnswerEvent::Answer(AnswerFrame::Body(AnswerBody {
                    bytes,
                    framing_bytes,
                    frame_ends,
                    ends,
                }))
            }
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    fn clear(&mut self) {
        self.events.clear();
        self.bytes.clear();
        self.lists_used = 0;
    }
}

/// The queues of a thread, and memory that its carriers share.
#[derive(Default)]
pub(crate) struct Http2Queues {
    /// Whether any queue has something: looked at after each event of the engine.
    pending: Cell<bool>,
    batch: RefCell<EventBatch>,
    /// Slots of carriers that have something to do.
    woken: RefCell<Vec<u32>>,
    /// Slots of carriers whose successors have no session.
    succeeded: RefCell<Vec<u32>>,
    /// For reading.
    pub scratch: RefCell<ReadScratch>,
}

impl Http2Queues {
    /// Whether there is anything to pass on.
    #[inline]
    pub(crate) fn are_pending(&self) -> bool {
        self.pending.get()
    }

    /// Adds an event for a client. Its moment is that at which its carrier had read it: the engine woke before that,
    /// and what was published since then would seem to come before it was sent.
    pub(crate) fn push(&self, to: StreamAddress, at_ns: u64, event: AnswerEvent<'_>) {
        self.pending.set(true);
        self.batch.borrow_mut().push(to, at_ns, event);
    }

    /// A carrier has something to do: to send, to connect, or to close.
    pub(crate) fn wake(&self, carrier: u32) {
        self.pending.set(true);
        self.woken.borrow_mut().push(carrier);
    }

    /// The successor of a carrier is to have a session.
    pub(crate) fn succeed(&self, carrier: u32) {
        self.pending.set(true);
        self.succeeded.borrow_mut().push(carrier);
    }

    /// Takes a carrier whose successor is to have a session.
    pub(crate) fn take_succeeded(&self) -> Option<u32> {
        self.succeeded.borrow_mut().pop()
    }

    /// Takes the events that are there.
    pub(crate) fn take_batch(&self) -> EventBatch {
        self.batch.take()
    }

    /// Gives the memory of events back that were passed on.
    pub(crate) fn give_back(&self, mut batch: EventBatch) {
        batch.clear();
        let mut current = self.batch.borrow_mut();
        // Others may have come meanwhile.
        if current.events.is_empty() {
            *current = batch;
        }
    }

    /// Takes a carrier that has something to do. Once there is none, nor an event, nothing is pending.
    pub(crate) fn take_woken(&self) -> Option<u32> {
        let woken = self.woken.borrow_mut().pop();
        if woken.is_none() && self.batch.borrow().events.is_empty() {
            self.pending.set(false);
        }
        woken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ClientErrorKind;

    #[test]
    fn events_come_out_as_they_went_in() {
        let queues = Http2Queues::default();
        let to = |slot| StreamAddress { slot, stream: 1 };
        let mut fields = FieldList::default();
        fields.push(b":status", b"200");
        let head = AnswerFields {
            fields: &fields,
            status: 200,
            block_bytes: 1,
            framing_bytes: 9,
            ends: false,
        };
        let body = |bytes| AnswerBody { bytes, framing_bytes: 9, frame_ends: true, ends: true };
        let gone = ClientError::of(ClientErrorKind::EarlyClose);
        for _ in 0..2 {
            queues.push(to(1), 5, AnswerEvent::Opened);
            queues.push(to(1), 5, AnswerEvent::Answer(AnswerFrame::Fields(head)));
            queues.push(to(2), 5, AnswerEvent::Answer(AnswerFrame::Body(body(b"abc"))));
            queues.push(to(3), 6, AnswerEvent::Answer(AnswerFrame::Body(body(b"d"))));
            queues.push(to(4), 6, AnswerEvent::Ended(Some(gone)));
            queues.wake(7);
            assert!(queues.are_pending());
            let batch = queues.take_batch();
            let all: Vec<_> = batch.iter().collect();
            assert_eq!(
                all,
                [
                    (to(1), 5, AnswerEvent::Opened),
                    (to(1), 5, AnswerEvent::Answer(AnswerFrame::Fields(head))),
                    (to(2), 5, AnswerEvent::Answer(AnswerFrame::Body(body(b"abc")))),
                    (to(3), 6, AnswerEvent::Answer(AnswerFrame::Body(body(b"d")))),
                    (to(4), 6, AnswerEvent::Ended(Some(gone))),
                ]
            );
            drop(all);
            queues.give_back(batch);
            assert_eq!(queues.take_woken(), Some(7));
            assert!(queues.are_pending());
            assert_eq!(queues.take_woken(), None);
            assert!(!queues.are_pending());
        }
    }
}

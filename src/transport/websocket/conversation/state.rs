//! What has been said on one connection: the next step of its set-up, and the message that is being
//! read.

use crate::transport::websocket::conversation::{Conversation, Payload, Reply, Step};
use std::rc::Rc;

/// The largest message that is read whole, in bytes; as much as a message of the feed may have.
const MOST_BYTES: usize = 1024 * 1024;
/// What is kept of the last message that was not waited for.
const MOST_OTHER_BYTES: usize = 512;

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct ConversationState {
    said: Rc<Conversation>,
    /// The steps that are done.
    done: usize,
    /// When the connection's set-up began, in nanoseconds.
    began_ns: u64,
    /// The message that is being read, as far as it has come.
    message: Vec<u8>,
    /// The beginning of the last message that was not waited for.
    other: Vec<u8>,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// One of the set-up.
    SetUp,
    /// A ping; the number of its reply.
    Ping(usize),
    /// Anything else, such as an update.
    Other,
}

impl ConversationState {
    /// The state before a connection is open.
    pub(crate) fn new(said: Rc<Conversation>) -> ConversationState {
        let (message, other) = (Vec::new(), Vec::new());
        ConversationState { said, done: 0, began_ns: 0, message, other }
    }

    /// A connection was opened; its set-up began at this moment.
    pub(crate) fn begin(&mut self, began_ns: u64) {
        (self.done, self.began_ns) = (0, began_ns);
        self.message.clear();
        self.other = Vec::new();
    }

    /// When the set-up of the connection began.
    pub(crate) fn began_ns(&self) -> u64 {
        self.began_ns
    }

    /// Whether the connection is set up.
    pub(crate) fn is_set_up(&self) -> bool {
        self.done >= self.said.steps.len()
    }

    /// Takes the message that is to be sent next; `None` if an answer is waited for, or the set-up is
    /// over. Returns its number.
    pub(crate) fn next_send(&mut self) -> Option<usize> {
        let sends = matches!(self.said.steps.get(self.done), Some(Step::Send(_)));
        sends.then(|| {
            self.done += 1;
            self.done - 1
        })
    }

    /// What is said on each connection.
    pub(crate) fn said(&self) -> Rc<Conversation> {
        self.said.clone()
    }

    /// Adds a piece of a message.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = MOST_BYTES.saturating_sub(self.message.len());
        self.message.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The message is whole: returns it and what it is.
    pub(crate) fn end_message(&mut self) -> (&[u8], Meaning) {
        let meaning = self.meaning();
        (&self.message, meaning)
    }

    /// The message is dealt with; its memory is used again.
    pub(crate) fn forget_message(&mut self) {
        self.message.clear();
    }

    /// Takes memory for a message from the thread, unless one has come in part.
    pub(crate) fn borrow_memory(&mut self, of: &mut Vec<u8>) {
        if self.message.capacity() == 0 {
            std::mem::swap(&mut self.message, of);
        }
    }

    /// Gives it back, unless a message has come in part.
    pub(crate) fn give_memory_back(&mut self, to: &mut Vec<u8>) {
        if self.message.is_empty() {
            std::mem::swap(&mut self.message, to);
            self.message = Vec::new();
        }
    }

    fn meaning(&mut self) -> Meaning {
        let message = &self.message[..];
        let is_ping = |reply: &Reply| reply.to.matches(message);
        if let Some(ping) = self.said.replies.iter().position(is_ping) {
            return Meaning::Ping(ping);
        }
        let Some(step) = self.said.steps.get(self.done) else { return Meaning::Other };
        if matches!(step, Step::Wait(pattern) if pattern.matches(message)) {
            self.done += 1;
        } else {
            self.other.clear();
            self.other.extend_from_slice(&message[..message.len().min(MOST_OTHER_BYTES)]);
        }
        Meaning::SetUp
    }

    /// Takes the beginning of the last message that was not waited for; empty if none came.
    pub(crate) fn take_other(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.other)
    }
}

impl Conversation {
    /// The message of a step.
    pub(crate) fn first(&self, step: usize) -> Option<&Payload> {
        match self.steps.get(step)? {
            Step::Send(payload) => Some(payload),
            Step::Wait(_) => None,
        }
    }

    /// The answer to a ping.
    pub(crate) fn reply(&self, number: usize) -> Option<&Payload> {
        self.replies.get(number).map(|reply| &reply.with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::websocket::conversation::Pattern;

    fn state(steps: Vec<Step>, replies: Vec<Reply>) -> ConversationState {
        ConversationState::new(Rc::new(Conversation { steps, replies }))
    }

    fn send(text: &str) -> Step {
        Step::Send(Payload::Text(text.to_owned()))
    }

    fn wait(text: &str) -> Step {
        Step::Wait(Pattern::Beginning(text.as_bytes().to_vec()))
    }

    fn receive(state: &mut ConversationState, message: &str) -> Meaning {
        for byte in message.bytes() {
            state.push(&[byte]);
        }
        let (whole, meaning) = state.end_message();
        assert_eq!(whole, message.as_bytes());
        state.forget_message();
        meaning
    }

    #[test]
    fn steps_are_taken_in_order_and_what_nobody_waits_for_is_kept() {
        let mut state = state(vec![wait("0{"), send("40"), send("41"), wait("40")], Vec::new());
        state.begin(7);
        assert_eq!((state.next_send(), state.is_set_up(), state.began_ns()), (None, false, 7));
        assert_eq!(receive(&mut state, "44 no"), Meaning::SetUp);
        assert_eq!(state.next_send(), None);
        assert_eq!(receive(&mut state, "0{}"), Meaning::SetUp);
        assert_eq!(
            [state.next_send(), state.next_send(), state.next_send()],
            [Some(1), Some(2), None]
        );
        assert_eq!(state.take_other(), b"44 no");
        assert_eq!(receive(&mut state, "40{}"), Meaning::SetUp);
        assert!(state.is_set_up());
        assert_eq!(receive(&mut state, "40{}"), Meaning::Other);
        state.begin(8);
        assert!(!state.is_set_up());
    }

    #[test]
    fn pings_are_answered_within_the_set_up_and_after_it() {
        let reply =
            Reply { to: Pattern::Exact(b"2".to_vec()), with: Payload::Text("3".to_owned()) };
        let mut state = state(vec![wait("40")], vec![reply]);
        assert_eq!(receive(&mut state, "2"), Meaning::Ping(0));
        assert_eq!(receive(&mut state, "40"), Meaning::SetUp);
        assert_eq!(receive(&mut state, "2"), Meaning::Ping(0));
        assert_eq!(receive(&mut state, "22"), Meaning::Other);
        assert_eq!(state.said().reply(0), Some(&Payload::Text("3".to_owned())));
    }

    #[test]
    fn memory_is_the_threads_while_no_message_has_come_in_part() {
        let mut state = state(vec![wait("40")], Vec::new());
        let mut memory = Vec::with_capacity(64);
        state.borrow_memory(&mut memory);
        state.push(b"4");
        state.give_memory_back(&mut memory);
        assert_eq!((state.message.capacity(), memory.capacity()), (64, 0));
        state.push(b"0");
        assert_eq!(state.end_message(), (&b"40"[..], Meaning::SetUp));
        state.forget_message();
        state.give_memory_back(&mut memory);
        assert_eq!((state.message.capacity(), memory.capacity()), (0, 64));
        let much = vec![b'x'; MOST_BYTES];
        state.push(&much);
        state.push(&much);
        assert_eq!(state.message.len(), MOST_BYTES);
    }
}

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
pub(crate) enum Meaning<'m> {
    /// One of the set-up.
    SetUp,
    /// A ping; the number of its reply.
    Ping(usize),
    /// An update, and its bytes.
    Update(&'m [u8]),
    /// None of these.
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

    /// The frame's message is whole: takes its bytes. They are given back by
    /// [`ConversationState::forget_message`].
    pub(crate) fn take_message(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.message)
    }

    /// The message is dealt with; its memory is used again.
    pub(crate) fn forget_message(&mut self, mut memory: Vec<u8>) {
        memory.clear();
        self.message = memory;
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

    /// Says what a message is, and takes the step that waits for it.
    pub(crate) fn meaning<'m>(&mut self, message: &'m [u8]) -> Meaning<'m> {
        let is_ping = |reply: &Reply| reply.to.matches(message);
        if let Some(ping) = self.said.replies.iter().position(is_ping) {
            return Meaning::Ping(ping);
        }
        let Some(step) = self.said.steps.get(self.done) else {
            return self.said.update.open(message).map_or(Meaning::Other, Meaning::Update);
        };
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

    /// The messages of a frame.
    pub(crate) fn messages<'m>(&'m self, mut frame: &'m [u8]) -> impl Iterator<Item = &'m [u8]> {
        let separator = self.separator.as_bytes();
        std::iter::from_fn(move || {
            let find = |window: &[u8]| window == separator;
            while !frame.is_empty() {
                let end = match separator.len() {
                    0 => None,
                    len => frame.windows(len).position(find),
                };
                let (message, rest) = match end {
                    Some(end) => (&frame[..end], &frame[end + separator.len()..]),
                    None => (frame, &[][..]),
                };
                frame = rest;
                if !message.is_empty() {
                    return Some(message);
                }
            }
            None
        })
    }

    /// The answer to a ping.
    pub(crate) fn reply(&self, number: usize) -> Option<&Payload> {
        self.replies.get(number).map(|reply| &reply.with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::websocket::conversation::{Literal, Pattern};

    fn state(steps: Vec<Step>, replies: Vec<Reply>) -> ConversationState {
        ConversationState::new(Rc::new(Conversation { steps, replies, ..Conversation::default() }))
    }

    fn send(text: &str) -> Step {
        Step::Send(Payload::from(Literal::text(text)))
    }

    fn wait(text: &str) -> Step {
        Step::Wait(Pattern::Beginning(Literal::text(text)))
    }

    fn receive<'m>(state: &mut ConversationState, message: &'m str) -> Meaning<'m> {
        for byte in message.bytes() {
            state.push(&[byte]);
        }
        let whole = state.take_message();
        assert_eq!(whole, message.as_bytes());
        state.forget_message(whole);
        state.meaning(message.as_bytes())
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
        assert_eq!(receive(&mut state, "40{}"), Meaning::Update(b"40{}"));
        state.begin(8);
        assert!(!state.is_set_up());
    }

    #[test]
    fn pings_are_answered_within_the_set_up_and_after_it() {
        let with = Payload::from(Literal::text("3"));
        let reply = Reply { to: Pattern::Exact(Literal::text("2")), with: with.clone() };
        let mut state = state(vec![wait("40")], vec![reply]);
        assert_eq!(receive(&mut state, "2"), Meaning::Ping(0));
        assert_eq!(receive(&mut state, "40"), Meaning::SetUp);
        assert_eq!(receive(&mut state, "2"), Meaning::Ping(0));
        assert_eq!(receive(&mut state, "22"), Meaning::Update(b"22"));
        assert_eq!(state.said().reply(0), Some(&with));
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
        let message = state.take_message();
        assert_eq!(message, b"40");
        state.forget_message(message);
        state.give_memory_back(&mut memory);
        assert_eq!((state.message.capacity(), memory.capacity()), (0, 64));
        let much = vec![b'x'; MOST_BYTES];
        state.push(&much);
        state.push(&much);
        assert_eq!(state.message.len(), MOST_BYTES);
    }

    #[test]
    fn a_frame_has_one_message_or_several_that_are_ended() {
        let messages = |separator: &str, frame: &str| -> Vec<String> {
            let said = Conversation { separator: separator.into(), ..Conversation::default() };
            let text = |message: &[u8]| String::from_utf8_lossy(message).into_owned();
            said.messages(frame.as_bytes()).map(text).collect()
        };
        assert_eq!(messages("", "a\nb"), ["a\nb"]);
        assert_eq!(messages("\n", "a\n\nb\n"), ["a", "b"]);
        assert_eq!(messages("\r\n", "a\nb\r\nc"), ["a\nb", "c"]);
        assert!(messages("\n", "\n").is_empty() && messages("", "").is_empty());
    }
}

//! What has been said on one connection: the next step of its set-up, and the message that is being
//! read.

use crate::protocol::http1::answer_text::TEXT_LIMIT;
use crate::protocol::websocket::codec::FrameSizes;
use crate::record::ClientErrorKind;
use crate::transport::websocket::conversation::length::Extent;
use crate::transport::websocket::conversation::{Conversation, Payload, Reply, Step};
use std::rc::Rc;

/// The largest message that is taken apart, and the most that waits for the end of one, in bytes.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// What is kept of the last message that was not waited for.
const MOST_OTHER_BYTES: usize = TEXT_LIMIT;

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
    /// More than `MOST_BYTES` of it have come, and are not kept.
    too_long: bool,
    /// The sizes of earlier frames that it began in.
    earlier: FrameSizes,
    /// Whether a part of it came compressed.
    is_compressed: bool,
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
        let message = Vec::new();
        let other = Vec::new();
        let earlier = FrameSizes::default();
        ConversationState {
            said,
            done: 0,
            began_ns: 0,
            message,
            too_long: false,
            earlier,
            is_compressed: false,
            other,
        }
    }

    /// A connection was opened; its set-up began at this moment.
    pub(crate) fn begin(&mut self, began_ns: u64) {
        self.done = 0;
        self.began_ns = began_ns;
        self.too_long = false;
        self.message.clear();
        self.earlier = FrameSizes::default();
        self.is_compressed = false;
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
        if self.too_long || self.message.len() + bytes.len() > MOST_BYTES {
            self.too_long = true;
            self.message = Vec::new();
            return;
        }
        self.message.extend_from_slice(bytes);
    }

    /// Whether a message has come that is too long to be taken apart.
    pub(crate) fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// A frame is whole that came compressed, or did not. Returns whether a part of the bytes that have come did.
    pub(crate) fn note_compressed(&mut self, is_compressed: bool) -> bool {
        self.is_compressed |= is_compressed;
        self.is_compressed
    }

    /// A frame of this size is whole: takes the bytes that have come, and returns them with the size
    /// of all frames that they are of. The bytes are given back by
    /// [`ConversationState::forget_messages`].
    pub(crate) fn take_messages(&mut self, frame: FrameSizes) -> (Vec<u8>, FrameSizes) {
        let FrameSizes { framing, masks, payload } = std::mem::take(&mut self.earlier);
        let sizes = FrameSizes {
            framing: framing + frame.framing,
            masks: masks + frame.masks,
            payload: payload + frame.payload,
        };
        (std::mem::take(&mut self.message), sizes)
    }

    /// So many bytes are dealt with. The others are the beginning of a message that goes on in the
    /// next frame, and of frames of these sizes. The memory is used again.
    pub(crate) fn forget_messages(
        &mut self,
        mut memory: Vec<u8>,
        done: usize,
        earlier: FrameSizes,
    ) {
        self.is_compressed &= done == 0 && !memory.is_empty();
        memory.drain(..done);
        self.message = memory;
        self.earlier = earlier;
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

    /// How many of some bytes are whole messages: those of a frame, unless messages say themselves
    /// how long they are.
    ///
    /// # Errors
    /// If a message says that it is too long to be taken apart, or says nothing of the kind.
    pub(crate) fn whole_bytes(&self, bytes: &[u8]) -> Result<usize, ClientErrorKind> {
        let Some(length) = &self.length else { return Ok(bytes.len()) };
        let mut rest = bytes;
        while let Some((_, after)) = length.split(rest) {
            rest = after;
        }
        match length.extent(rest) {
            Extent::Broken => Err(ClientErrorKind::Malformed),
            Extent::Bytes(bytes) if bytes > MOST_BYTES => Err(ClientErrorKind::TooLong),
            Extent::Bytes(_) | Extent::Unknown => Ok(bytes.len() - rest.len()),
        }
    }

    /// The messages of bytes that are whole messages.
    pub(crate) fn messages<'m>(&'m self, mut frame: &'m [u8]) -> impl Iterator<Item = &'m [u8]> {
        std::iter::from_fn(move || {
            while !frame.is_empty() {
                let message;
                (message, frame) = self.split(frame);
                if !message.is_empty() {
                    return Some(message);
                }
            }
            None
        })
    }

    /// Takes the first message off some bytes.
    fn split<'m>(&self, bytes: &'m [u8]) -> (&'m [u8], &'m [u8]) {
        if let Some(length) = &self.length {
            return length.split(bytes).unwrap_or((bytes, &[]));
        }
        let separator = self.separator.as_bytes();
        let end = match separator.len() {
            0 => None,
            len => bytes.windows(len).position(|window| window == separator),
        };
        match end {
            Some(end) => (&bytes[..end], &bytes[end + separator.len()..]),
            None => (bytes, &[]),
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
    use crate::config::{Origin, TomlNode};
    use crate::transport::websocket::conversation::{LengthHeader, Literal, Pattern};

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
        let (whole, sizes) = state.take_messages(FrameSizes::default());
        assert_eq!((&whole[..], sizes), (message.as_bytes(), FrameSizes::default()));
        state.forget_messages(whole, message.len(), sizes);
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
        let (message, sizes) = state.take_messages(FrameSizes::default());
        assert_eq!(message, b"40");
        state.forget_messages(message, 2, sizes);
        state.give_memory_back(&mut memory);
        assert_eq!((state.message.capacity(), memory.capacity()), (0, 64));
        let much = vec![b'x'; MOST_BYTES];
        state.push(&much);
        assert_eq!((state.message.len(), state.is_too_long()), (MOST_BYTES, false));
        state.push(b"x");
        assert_eq!((state.message.capacity(), state.is_too_long()), (0, true));
        state.begin(1);
        assert!(!state.is_too_long());
    }

    #[test]
    fn a_message_that_is_too_long_says_the_limit() {
        let said = crate::record::ClientError::of(ClientErrorKind::TooLong).to_string();
        assert!(said.contains(&format!(" {} MiB,", MOST_BYTES >> 20)), "{said}");
    }

    #[test]
    fn messages_with_a_length_are_cut_and_joined_by_frames() {
        let node = TomlNode::parse("[1, \"varint\"]", Origin::Whole).expect("TOML");
        let length = LengthHeader::read("length", &node).expect("a header");
        let said = Conversation { length, ..Conversation::default() };
        let mut state = ConversationState::new(Rc::new(said));
        let said = state.said();
        // Each frame with the messages that end in it, and how much of it then waits.
        for (frame, messages, rest) in [
            (&b"\x30\x01a\xd0\x00"[..], &[&b"\x30\x01a"[..], b"\xd0\x00"][..], 0),
            (b"\x30", &[], 1),
            (b"\x03ab", &[], 4),
            (b"c\x30\x02d", &[b"\x30\x03abc"], 3),
            (b"e", &[b"\x30\x02de"], 0),
            (b"", &[], 0),
        ] {
            state.push(frame);
            let one = FrameSizes { framing: 2, masks: 0, payload: frame.len() as u64 };
            let (bytes, sizes) = state.take_messages(one);
            assert_eq!(sizes.payload, bytes.len() as u64);
            let done = said.whole_bytes(&bytes).expect("messages");
            assert_eq!(said.messages(&bytes[..done]).collect::<Vec<_>>(), messages, "{frame:?}");
            assert_eq!(bytes.len() - done, rest, "{frame:?}");
            let earlier = FrameSizes { payload: rest as u64, ..FrameSizes::default() };
            state.forget_messages(bytes, done, earlier);
        }
        let broken = said.whole_bytes(b"\x30\xff\xff\xff\xff\x01");
        assert_eq!(broken, Err(ClientErrorKind::Malformed));
        // 32 MiB, of which nothing has come yet.
        let huge = said.whole_bytes(b"\x30\x01a\x30\x80\x80\x80\x10");
        assert_eq!(huge, Err(ClientErrorKind::TooLong));
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

//! What holds of any messages of a conversation: for the fuzz target.

use crate::config::{Origin, TomlNode};
use crate::protocol::websocket::codec::FrameSizes;
use crate::record::ClientErrorKind;
use crate::transport::websocket::conversation::envelope::Envelope;
use crate::transport::websocket::conversation::length::LengthHeader;
use crate::transport::websocket::conversation::pattern::Pattern;
use crate::transport::websocket::conversation::{
    Conversation, ConversationState, Literal, Meaning, Payload, Reply, Step,
};
use std::rc::Rc;

/// Lengths that messages may begin with.
const LENGTHS: [&str; 5] = ["[]", "[1, \"varint\"]", "[\"u16\"]", "[3, \"u16\"]", "[\"varint\"]"];
/// Places of an update in a message.
const UPDATES: [&str; 6] = [
    "{}",
    "{ pointer = \"/a/0\" }",
    "{ begins = \"a\", skip = [1, \"varint\"] }",
    "{ skip = [\"u16\", \"u16\"] }",
    "{ after = \"\\n\\n\", before = \"a\" }",
    "{ begins = \"[\", after = \",\", pointer = \"/a\", before = \"]\" }",
];

/// The conversations with this text in them.
fn conversations(text: &str) -> Vec<Conversation> {
    let node = |toml: &str| TomlNode::parse(toml, Origin::Whole).ok();
    let literal = || Literal::text(text);
    let lengths = LENGTHS.iter().filter_map(|toml| LengthHeader::read("length", &node(toml)?).ok());
    let lengths: Vec<_> = lengths.collect();
    assert_eq!(lengths.len(), LENGTHS.len());
    let updates = UPDATES.iter().filter_map(|toml| Envelope::read("update", &node(toml)?).ok());
    let updates: Vec<_> = updates.collect();
    assert_eq!(updates.len(), UPDATES.len());
    let steps = vec![
        Step::Send(Payload::from(literal())),
        Step::Wait(Pattern::Beginning(literal())),
        Step::Send(Payload::from(literal())),
    ];
    let replies = vec![Reply { to: Pattern::Exact(literal()), with: Payload::from(literal()) }];
    let one = |length: &Option<LengthHeader>, update: &Envelope| Conversation {
        steps: steps.clone(),
        replies: replies.clone(),
        separator: if length.is_none() { text.to_owned() } else { String::new() },
        length: length.clone(),
        update: update.clone(),
    };
    let all =
        lengths.iter().flat_map(|length| updates.iter().map(move |update| one(length, update)));
    all.collect()
}

/// What became of frames.
#[derive(Debug, PartialEq)]
struct ReceivedMessage {
    messages: Vec<Vec<u8>>,
    /// Bytes of a message that is not whole.
    rest: usize,
    error: Option<ClientErrorKind>,
}

/// Receives bytes in frames of so many, each of which comes in two pieces.
fn receive(said: &Rc<Conversation>, bytes: &[u8], size: usize) -> ReceivedMessage {
    let mut state = ConversationState::new(said.clone());
    state.begin(7);
    let mut received = ReceivedMessage { messages: Vec::new(), rest: 0, error: None };
    let mut memory = Vec::new();
    for frame in bytes.chunks(size) {
        state.borrow_memory(&mut memory);
        let (first, second) = frame.split_at(frame.len() / 2);
        state.push(first);
        state.push(second);
        let one = FrameSizes { framing: 2, masks: 0, payload: frame.len() as u64 };
        let (taken, sizes) = state.take_messages(one);
        assert_eq!(sizes.payload, taken.len() as u64);
        let done = match said.whole_bytes(&taken) {
            Ok(done) => done,
            Err(error) => {
                received.error = Some(error);
                return received;
            }
        };
        received.messages.extend(said.messages(&taken[..done]).map(<[u8]>::to_vec));
        received.rest = taken.len() - done;
        let earlier = FrameSizes { payload: received.rest as u64, ..FrameSizes::default() };
        state.forget_messages(taken, done, earlier);
        state.give_memory_back(&mut memory);
    }
    assert!(!state.is_too_long());
    received
}

/// Says what each message is: steps are taken in order, and an update is within its message.
fn understand(said: &Rc<Conversation>, messages: &[Vec<u8>]) {
    let mut state = ConversationState::new(said.clone());
    state.begin(7);
    let mut sent = Vec::new();
    for message in messages {
        while let Some(step) = state.next_send() {
            assert!(said.first(step).is_some());
            sent.push(step);
        }
        let was_set_up = state.is_set_up();
        match state.meaning(message) {
            Meaning::SetUp => assert!(!was_set_up),
            Meaning::Ping(number) => assert!(said.reply(number).is_some()),
            Meaning::Update(update) => {
                let outer = message.as_ptr_range();
                let inner = update.as_ptr_range();
                assert!(outer.start <= inner.start && inner.end <= outer.end && was_set_up);
            }
            Meaning::Other => assert!(was_set_up),
        }
    }
    assert!(sent.is_sorted() && sent.len() <= 2);
    let other = state.take_other();
    assert!(other.is_empty() || messages.iter().any(|message| message.starts_with(&other)));
}

/// Any bytes as frames of so many bytes, in conversations that have `text` in them: no panic, and
/// messages that say how long they are do not depend on the frames.
pub(crate) fn receive_any_messages(bytes: &[u8], text: &str, size: usize) {
    for said in conversations(text) {
        let said = Rc::new(said);
        let whole = receive(&said, bytes, bytes.len().max(1));
        let pieces = receive(&said, bytes, size.max(1));
        if said.length.is_some() {
            match whole.error {
                None => assert_eq!(whole, pieces),
                // Of frames that came before it the messages are known.
                Some(_) => assert_eq!(pieces.error, whole.error),
            }
        }
        understand(&said, &pieces.messages);
    }
}

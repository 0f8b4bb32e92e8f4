//! What a server sends in a test of the networks: what its transport has, in every form that the
//! protocol allows, and broken.

use crate::driver::tests::simulation::server::ServerKind;
use crate::feed::{PayloadKind, Spec, Stamp};
use crate::protocol::http1::response::Response;
use crate::protocol::websocket::codec::{Opcode, write_unmasked};
use proptest::prelude::*;
use proptest::sample::Index;

/// Stands in an answer for what the client's key asks for.
pub(super) const ACCEPT: &[u8] = b"{the key that is awaited...}";

/// An answer to each request, in pieces of these lengths, round and round.
#[derive(Clone)]
pub(super) struct Script {
    pub kind: ServerKind,
    pub answers: Vec<Vec<u8>>,
    pub pieces: Vec<usize>,
    /// The last answer is followed by the end of the server's stream.
    pub ends: bool,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "Script {{ kind: ServerKind::{:?}, answers: vec![", self.kind)?;
        for answer in &self.answers {
            writeln!(f, "    b\"{}\".to_vec(),", answer.escape_ascii())?;
        }
        write!(f, "], pieces: vec!{:?}, ends: {} }}", self.pieces, self.ends)
    }
}

impl Script {
    /// Whether more comes than an answer to a request. A client that has asked again by then takes it
    /// for the answer to that, and one that has not asked has no use for it: what it counts depends on
    /// when the bytes come, on any network.
    pub(super) fn has_surplus(&self) -> bool {
        let answers = matches!(self.kind, ServerKind::Polling | ServerKind::LongPolling);
        let is_longer = |answer: &Vec<u8>| {
            let mut response = Response::default();
            response.feed(answer).is_ok_and(|used| used < answer.len())
        };
        answers && self.answers.iter().any(is_longer)
    }
}

/// The forms of an answer.
#[derive(Debug, Clone)]
struct Form {
    /// The body ends after its length, with the last chunk of these lengths, or with the stream.
    body: ScriptedBody,
    /// Messages in one go.
    joined: usize,
    /// What goes before the head.
    before: &'static [u8],
    status: &'static str,
    /// A message is sent in fragments of this length.
    fragment: usize,
}

#[derive(Debug, Clone)]
enum ScriptedBody {
    Length,
    Chunks(Vec<usize>),
    UntilClose,
}

/// Returns a whole response.
fn response(form: &Form, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = |more: &str| {
        let head = format!("HTTP/1.1 {}\r\n{fields}{more}\r\n", form.status);
        [form.before, head.as_bytes()].concat()
    };
    match &form.body {
        ScriptedBody::Length => {
            [&head(&format!("Content-Length: {}\r\n", body.len())), body].concat()
        }
        ScriptedBody::UntilClose => [&head("Connection: close\r\n"), body].concat(),
        ScriptedBody::Chunks(lengths) => {
            let mut all = head("Transfer-Encoding: chunked\r\n");
            all.extend(chunks(body, lengths));
            all.extend_from_slice(b"0\r\nExpires: never\r\n\r\n");
            all
        }
    }
}

fn chunks(mut body: &[u8], lengths: &[usize]) -> Vec<u8> {
    let mut all = Vec::new();
    for length in lengths.iter().cycle() {
        let (data, rest) = body.split_at((*length).min(body.len()));
        if data.is_empty() {
            break;
        }
        all.extend_from_slice(format!("{:x};a=b\r\n", data.len()).as_bytes());
        all.extend_from_slice(data);
        all.extend_from_slice(b"\r\n");
        body = rest;
    }
    all
}

/// Returns what the server of a transport sends of these payloads.
fn answers(kind: ServerKind, form: &Form, payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let messages = payloads.chunks(form.joined).map(|some| some.join(&b'\n'));
    match kind {
        ServerKind::Polling | ServerKind::LongPolling => {
            let most = if matches!(form.body, ScriptedBody::UntilClose) { 1 } else { usize::MAX };
            let answer = |body: Vec<u8>| response(form, "Retry-After: 0\r\n", &body);
            messages.map(answer).take(most).collect()
        }
        ServerKind::Streaming => {
            let body: Vec<Vec<u8>> = messages.map(|message| chunks(&message, &[1000])).collect();
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_bytes();
            vec![[form.before, head, &body.concat()].concat()]
        }
        ServerKind::Sse => {
            let event = |message: Vec<u8>| {
                let lines = message.split(|byte| *byte == b'\n');
                let data = lines.flat_map(|line| [b"data: ", line, b"\n"].concat());
                let before = b": hello\r\n\r\nid: 7\n".iter().copied();
                before.chain(data).chain(*b"\n").collect::<Vec<u8>>()
            };
            let body: Vec<u8> = messages.flat_map(event).collect();
            vec![response(form, "Content-Type: text/event-stream\r\n", &body)]
        }
        ServerKind::WebSocket => vec![frames(form, messages)],
    }
}

fn frames(form: &Form, messages: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let upgraded = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                     Connection: Upgrade\r\nSec-WebSocket-Accept: ";
    let mut all = [&upgraded[..], ACCEPT, b"\r\n\r\n"].concat();
    for (number, message) in messages.enumerate() {
        let last = message.len().saturating_sub(1) / form.fragment;
        for (part, data) in message.chunks(form.fragment).enumerate() {
            let opcode = if part == 0 { Opcode::Text } else { Opcode::Continuation };
            let begin = all.len();
            write_unmasked(opcode, data, &mut all);
            if part < last {
                all[begin] &= 0x7f;
            }
            if part == number {
                write_unmasked(Opcode::Ping, b"there?", &mut all);
            }
        }
        if number == 4 {
            write_unmasked(Opcode::Close, &1001u16.to_be_bytes(), &mut all);
        }
    }
    all
}

/// What is wrong with the bytes of an answer.
#[derive(Debug, Clone)]
enum Harm {
    Replaced(u8),
    Cut,
    Inserted(Vec<u8>),
    Removed(usize),
}

impl Harm {
    fn apply(&self, answer: &mut Vec<u8>, at: usize) {
        match self {
            Harm::Replaced(byte) => answer[at] = *byte,
            Harm::Cut => answer.truncate(at),
            Harm::Inserted(bytes) => drop(answer.splice(at..at, bytes.clone())),
            Harm::Removed(count) => {
                let until = (at + count).min(answer.len());
                drop(answer.drain(at..until));
            }
        }
    }
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let stamped = (1u64..1_000).prop_map(|sequence| {
        let mut text = vec![0; Spec::PLAIN.payload_bytes as usize];
        Stamp { sequence, published_ns: 1 }.write(PayloadKind::Text, 1, &mut text);
        text
    });
    prop_oneof![4 => stamped, 1 => "[ -~]{0,40}|µ€𝄞".prop_map(String::into_bytes)]
}

fn harm() -> impl Strategy<Value = Harm> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..4),
        prop::sample::select(vec![
            "\r\n",
            "\n\n",
            "0\r\n\r\n",
            "data: ",
            "HTTP/1.1 204 No\r\n\r\n"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        3 => any::<u8>().prop_map(Harm::Replaced),
        3 => Just(Harm::Cut),
        2 => bytes.prop_map(Harm::Inserted),
        1 => (1usize..9).prop_map(Harm::Removed),
    ]
}

/// Lengths of pieces.
pub(super) fn pieces() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        8 => prop::collection::vec(1usize..80, 1..8),
        1 => Just(vec![1]),
        1 => Just(vec![100_000]),
    ]
}

prop_compose! {
    fn form()(
        body in prop_oneof![
            2 => Just(ScriptedBody::Length),
            2 => prop::collection::vec(1usize..60, 1..5).prop_map(ScriptedBody::Chunks),
            1 => Just(ScriptedBody::UntilClose),
        ],
        joined in prop_oneof![3 => Just(1usize), 1 => 2usize..5],
        before in prop::sample::select(vec![
            &b""[..], b"", b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
        ]),
        status in prop::sample::select(vec![
            "200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "200", "503 Busy", "204 Nothing",
        ]),
        fragment in prop_oneof![2 => Just(10_000usize), 1 => 1usize..30],
    ) -> Form {
        Form { body, joined, before, status, fragment }
    }
}

prop_compose! {
    /// Any script.
    pub(super) fn script()(
        kind in prop::sample::select(vec![
            ServerKind::Polling, ServerKind::LongPolling, ServerKind::Streaming, ServerKind::Sse,
            ServerKind::WebSocket,
        ]),
        form in form(),
        payloads in prop::collection::vec(payload(), 1..6),
        pieces in pieces(),
        ends in any::<bool>(),
        harms in prop::collection::vec((any::<Index>(), any::<Index>(), harm()), 0..3),
    ) -> Script {
        let mut answers = answers(kind, &form, &payloads);
        for (which, at, harm) in harms {
            let which = which.index(answers.len());
            let answer = &mut answers[which];
            if !answer.is_empty() {
                let at = at.index(answer.len());
                harm.apply(answer, at);
            }
        }
        Script { kind, answers, pieces, ends }
    }
}

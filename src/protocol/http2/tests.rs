//! A client's connection against bytes of a server, written out.

use super::Http2Problem;
use super::connection::*;
use super::fields::{FieldList, PreparedFields};
use super::frame::ErrorCode;
use super::hpack::HpackPolicy;
use super::settings::OPENING_BYTES;
use crate::protocol::answer_input::AnswerFrame;
use proptest::prelude::*;

const OPTIONS: Http2Options =
    Http2Options { policy: HpackPolicy::Dynamic, header_table_bytes: 4_096 };
const NO_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const SETTINGS_ACK: &[u8] = &[0, 0, 0, 4, 1, 0, 0, 0, 0];

/// What came, as text, and what was answered.
struct TestClient {
    connection: Http2Connection,
    scratch: ReadScratch,
    out: Vec<u8>,
    said: Vec<String>,
    wire_bytes: u64,
}

impl TestClient {
    /// A connection that has opened and has got the server's settings.
    fn ready() -> TestClient {
        let mut client = TestClient::new();
        client.receive(NO_SETTINGS).unwrap();
        client.said.clear();
        client.out.clear();
        client
    }

    fn new() -> TestClient {
        let mut client = TestClient {
            connection: Http2Connection::new(OPTIONS),
            scratch: ReadScratch::default(),
            out: Vec::new(),
            said: Vec::new(),
            wire_bytes: 0,
        };
        client.connection.begin(&mut client.out);
        assert_eq!(client.connection.take_control_sent(), OPENING_BYTES as u64);
        client.out.clear();
        client
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<(), Http2Problem> {
        let TestClient { connection, scratch, out, said, wire_bytes } = self;
        connection.receive(bytes, scratch, out, &mut |event| {
            let (bytes, text) = match event {
                Http2Event::Control(bytes) => (bytes, format!("control {bytes}")),
                Http2Event::Discarded(bytes) => (bytes, format!("discarded {bytes}")),
                Http2Event::Answer { stream, frame } => {
                    let text = match frame {
                        AnswerFrame::Fields(fields) => format!(
                            "{}: status {}, {}+{}{}",
                            stream.token,
                            fields.status,
                            fields.block_bytes,
                            fields.framing_bytes,
                            if fields.ends { ", end" } else { "" }
                        ),
                        AnswerFrame::Body(body) => format!(
                            "{}: {:?} +{}{}{}",
                            stream.token,
                            String::from_utf8_lossy(body.bytes),
                            body.framing_bytes,
                            if body.frame_ends { "" } else { "…" },
                            if body.ends { ", end" } else { "" }
                        ),
                    };
                    (frame.wire_bytes(), text)
                }
                Http2Event::Ready => (0, "ready".to_owned()),
                Http2Event::Reset { stream, reason } => {
                    let reason = match reason {
                        ResetReason::Code(code) => format!("reset {}", code.0),
                        ResetReason::Limit(most) => format!("beyond {most}"),
                        ResetReason::GoAway(code) => format!("not begun with, {}", code.0),
                    };
                    (0, format!("{}: {reason}", stream.token))
                }
                Http2Event::Sent(sent) => (0, format!("sent {}+{}", sent.body, sent.framing)),
                Http2Event::GoAway { code, debug_data } => {
                    (0, format!("goes away: {} {}", code.0, debug_data.escape_ascii()))
                }
            };
            *wire_bytes += bytes;
            said.push(text);
        })
    }

    fn request(&mut self, token: u32) -> OpenedStream {
        let fields = get();
        self.connection.open(token, &fields, true, &mut self.out).unwrap()
    }

    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }
}

fn get() -> PreparedFields {
    let mut list = FieldList::default();
    for (name, value) in [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("x-y", "z")] {
        list.push(name.as_bytes(), value.as_bytes());
    }
    PreparedFields::new(list)
}

#[test]
fn settings_are_acknowledged_once_they_came() {
    let mut client = TestClient::new();
    client.receive(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1]).unwrap();
    assert_eq!(client.said(), ["control 15", "ready"]);
    assert_eq!(client.out, SETTINGS_ACK);
    assert_eq!(client.connection.take_control_sent(), 9);
    client.out.clear();
    client.request(1);
    let refused = client.connection.open(2, &get(), true, &mut client.out);
    assert_eq!(refused, Err(StreamRefusal::Limit(1)));
}

#[test]
fn a_request_and_its_answer_are_counted_by_part() {
    let mut client = TestClient::ready();
    let opened = client.request(7);
    assert_eq!(opened.id, 1);
    // GET, http, / by index; x-y: z as a literal that is indexed: 0x40, two strings.
    let block = [0x82, 0x86, 0x84, 0x40, 0x83, 0xf2, 0xb1, 0xea, 0x81, 0xf7];
    let text = String::from_utf8_lossy(&client.out).into_owned();
    assert_eq!(
        opened.sent,
        SentBytes { block: client.out.len() as u64 - 9, framing: 9, body: 0 },
        "{text}"
    );
    assert_eq!(client.out[..9], [0, 0, client.out.len() as u8 - 9, 1, 5, 0, 0, 0, 1]);
    assert_eq!(client.out[9..13], block[..4]);
    client.out.clear();
    assert_eq!(client.request(7).sent.block, 4, "the second one has an index for each field");
    // :status 200, then two frames of a body.
    client.receive(&[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88]).unwrap();
    client.receive(&[0, 0, 3, 0, 0, 0, 0, 0, 1, b'a', b'b']).unwrap();
    client.receive(&[b'c', 0, 0, 0, 0, 1, 0, 0, 0, 1]).unwrap();
    assert_eq!(
        client.said(),
        ["7: status 200, 1+9", "7: \"ab\" +9…", "7: \"c\" +0", "7: \"\" +9, end"]
    );
}

#[test]
fn interim_answers_trailers_and_padding_are_read() {
    let mut client = TestClient::ready();
    client.request(7);
    // :status 103 as a literal without an index.
    client.receive(&[0, 0, 5, 1, 4, 0, 0, 0, 1, 0x08, 3, b'1', b'0', b'3']).unwrap();
    // With a priority and two bytes of padding.
    client.receive(&[0, 0, 9, 1, 0x2c, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x88, 0, 0]).unwrap();
    client.receive(&[0, 0, 4, 0, 8, 0, 0, 0, 1, 2, b'x', 0, 0]).unwrap();
    // A trailer section: x: y.
    client.receive(&[0, 0, 5, 1, 5, 0, 0, 0, 1, 0, 1, b'x', 1, b'y']).unwrap();
    assert_eq!(
        client.said(),
        ["7: status 103, 5+9", "7: status 200, 1+17", "7: \"x\" +12", "7: status 0, 5+9, end"]
    );
}

#[test]
fn a_block_may_come_in_several_frames() {
    let mut client = TestClient::ready();
    client.request(7);
    client.receive(&[0, 0, 1, 1, 1, 0, 0, 0, 1, 0x88]).unwrap();
    assert_eq!(client.connection.pending(), 10);
    client.receive(&[0, 0, 0, 9, 0, 0, 0, 0, 1]).unwrap();
    client.receive(&[0, 0, 5, 9, 4, 0, 0, 0, 1, 0, 1, b'x', 1, b'y']).unwrap();
    assert_eq!(client.said(), ["7: status 200, 6+27, end"]);
    assert_eq!(client.connection.pending(), 0);
}

#[test]
fn a_ping_is_answered_with_the_same() {
    let mut client = TestClient::ready();
    client.connection.take_control_sent();
    client.receive(&[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    assert_eq!(client.out, [0, 0, 8, 6, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(
        (client.said(), client.connection.take_control_sent()),
        (vec!["control 17".into()], 17)
    );
    client.out.clear();
    client.receive(&[0, 0, 8, 6, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    assert!(client.out.is_empty(), "an answer is not answered");
}

#[test]
fn a_body_waits_for_room_and_is_cut_into_frames() {
    let mut client = TestClient::new();
    // Windows of 5 bytes for each stream.
    client.receive(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 5]).unwrap();
    let opened = client.connection.open(7, &get(), false, &mut client.out).unwrap();
    client.out.clear();
    let sent = client.connection.send(opened.id, b"abcdefgh", true, &mut client.out);
    assert_eq!(sent, SentBytes { block: 0, framing: 9, body: 5 });
    assert_eq!(client.out, *b"\0\0\x05\0\0\0\0\0\x01abcde");
    assert_eq!(client.connection.waiting(opened.id), 3);
    client.out.clear();
    client.said.clear();
    client.receive(&[0, 0, 4, 8, 0, 0, 0, 0, 1, 0, 0, 0, 9]).unwrap();
    assert_eq!(client.said(), ["control 13", "sent 3+9"]);
    assert_eq!(client.out, *b"\0\0\x03\0\x01\0\0\0\x01fgh");
    assert_eq!(client.connection.waiting(opened.id), 0);
}

#[test]
fn a_body_that_an_early_answer_cuts_was_not_sent() {
    let mut client = TestClient::new();
    // No room at all.
    client.receive(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]).unwrap();
    let asked = client.connection.open(7, &get(), false, &mut client.out).unwrap();
    client.connection.send(asked.id, b"abcdefgh", true, &mut client.out);
    client.connection.waits_as_request(asked.id);
    let other = client.connection.open(8, &get(), false, &mut client.out).unwrap();
    client.connection.send(other.id, b"abc", true, &mut client.out);
    client.out.clear();
    // An answer with status 200 and no body (RFC 9113 §8.1): the rest of the request is given up.
    client.receive(&[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88]).unwrap();
    assert_eq!(client.out, *b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08");
    assert_eq!(client.connection.take_unsent(), UnsentBytes { of_requests: 8, of_messages: 0 });
    // The server resets the other (REFUSED_STREAM).
    client.receive(&[0, 0, 4, 3, 0, 0, 0, 0, 3, 0, 0, 0, 7]).unwrap();
    assert_eq!(client.connection.take_unsent(), UnsentBytes { of_requests: 0, of_messages: 3 });
    assert_eq!(client.connection.open_streams(), 0);
    // What waits when the connection ends was not sent either.
    let late = client.connection.open(9, &get(), false, &mut client.out).unwrap();
    client.connection.send(late.id, b"ab", true, &mut client.out);
    client.connection.end_streams();
    assert_eq!(client.connection.take_unsent(), UnsentBytes { of_requests: 0, of_messages: 2 });
}

#[test]
fn room_is_given_once_half_of_it_was_used() {
    let mut client = TestClient::ready();
    client.request(7);
    client.receive(&[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88]).unwrap();
    let frame: Vec<u8> = [&[0, 0x40, 0, 0, 0, 0, 0, 0, 1][..], &[0; 16_384]].concat();
    client.out.clear();
    for _ in 0..192 {
        assert!(client.out.is_empty());
        client.receive(&frame).unwrap();
    }
    // 3 MiB are half of a stream's window.
    assert_eq!(client.out, [0, 0, 4, 8, 0, 0, 0, 0, 1, 0, 0x30, 0, 0]);
}

#[test]
fn a_stream_that_was_given_up_is_discarded() {
    let mut client = TestClient::ready();
    let opened = client.request(7);
    client.out.clear();
    client.connection.reset(opened.id, ErrorCode::CANCEL, &mut client.out);
    assert_eq!(client.out, [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]);
    client.receive(&[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88]).unwrap();
    client.receive(&[0, 0, 2, 0, 1, 0, 0, 0, 1, b'a', b'b']).unwrap();
    assert_eq!(client.said(), ["discarded 10", "discarded 11"]);
}

#[test]
fn streams_that_the_server_has_not_begun_with_are_refused_when_it_goes() {
    let mut client = TestClient::ready();
    for token in 1..=3 {
        client.request(token);
    }
    client.receive(&[0, 0, 10, 7, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 11, b'h', b'i']).unwrap();
    assert_eq!(client.said(), ["control 19", "goes away: 11 hi", "3: not begun with, 11"]);
    assert_eq!(client.connection.open_streams(), 2);
    let refused = client.connection.open(4, &get(), true, &mut client.out);
    assert_eq!(refused, Err(StreamRefusal::Ended));
}

#[test]
fn a_stream_beyond_the_servers_limit_is_known_as_such() {
    let mut client = TestClient::new();
    client.request(1);
    client.request(2);
    // SETTINGS_MAX_CONCURRENT_STREAMS 1, and the second stream refused; then the first for another reason.
    client.receive(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1]).unwrap();
    client.receive(&[0, 0, 4, 3, 0, 0, 0, 0, 3, 0, 0, 0, 7]).unwrap();
    client.receive(&[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 2]).unwrap();
    let said = client.said();
    assert_eq!(said[2..], ["control 13", "2: beyond 1", "control 13", "1: reset 2"]);
    // The same if the others have ended meanwhile: they were opened before the limit was known.
    let mut client = TestClient::new();
    client.request(1);
    client.request(2);
    client.receive(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1]).unwrap();
    client.receive(&[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88]).unwrap();
    client.receive(&[0, 0, 4, 3, 0, 0, 0, 0, 3, 0, 0, 0, 7]).unwrap();
    assert_eq!(client.said().last().map(String::as_str), Some("2: beyond 1"));
}

#[test]
fn what_is_not_allowed_is_a_problem() {
    let after = |prepare: fn(&mut TestClient), bytes: &[u8]| {
        let mut client = TestClient::ready();
        prepare(&mut client);
        client.receive(bytes)
    };
    let nothing = |_: &mut TestClient| {};
    let asked = |client: &mut TestClient| {
        client.request(7);
    };
    let answered = |client: &mut TestClient| {
        client.request(7);
        client.receive(&[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88]).unwrap();
    };
    assert_eq!(
        TestClient::new().receive(b"HTTP/1.1 400 Bad Request\r\n"),
        Err(Http2Problem::LongFrame)
    );
    assert_eq!(TestClient::new().receive(SETTINGS_ACK), Err(Http2Problem::NoSettings));
    assert_eq!(after(nothing, &[0, 0, 0, 4, 0, 0, 0, 0, 1]), Err(Http2Problem::Stream));
    assert_eq!(after(nothing, &[0, 0, 1, 6, 0, 0, 0, 0, 0, 1]), Err(Http2Problem::FrameLength));
    assert_eq!(after(nothing, &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88]), Err(Http2Problem::IdleStream));
    assert_eq!(after(asked, &[0, 0, 1, 1, 4, 0, 0, 0, 2, 0x88]), Err(Http2Problem::IdleStream));
    assert_eq!(after(asked, &[0, 0, 1, 1, 4, 0, 0, 0, 0, 0x88]), Err(Http2Problem::Stream));
    assert_eq!(after(asked, &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x80]), Err(Http2Problem::Compression));
    assert_eq!(after(asked, &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x82]), Err(Http2Problem::Message));
    assert_eq!(after(asked, &[0, 0, 1, 0, 0, 0, 0, 0, 1, 0]), Err(Http2Problem::Message));
    assert_eq!(after(answered, &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88]), Err(Http2Problem::Message));
    assert_eq!(after(answered, &[0, 0, 1, 0, 8, 0, 0, 0, 1, 1]), Err(Http2Problem::Padding));
    assert_eq!(after(asked, &[0, 0, 0, 9, 4, 0, 0, 0, 1]), Err(Http2Problem::Continuation));
    let cut_block = [&[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x88][..], NO_SETTINGS].concat();
    assert_eq!(after(asked, &cut_block), Err(Http2Problem::Continuation));
    let none = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(after(nothing, &none), Err(Http2Problem::Increment));
    let most = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff];
    assert_eq!(after(nothing, &most), Err(Http2Problem::Window));
    assert_eq!(after(asked, &[0, 0, 4, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2]), Err(Http2Problem::Push));
}

#[test]
fn an_answer_that_is_malformed_is_a_problem() {
    let read = |blocks: &[&[u8]]| {
        let mut client = TestClient::ready();
        client.request(7);
        blocks.iter().try_for_each(|block| {
            let (flags, payload) = block.split_first().expect("flags");
            let header = [0, 0, payload.len() as u8, 1, *flags, 0, 0, 0, 1];
            client.receive(&[&header, payload].concat())
        })
    };
    // A block of `:status: 200` and a literal field, whose stream goes on.
    let with = |name: &[u8], value: &[u8]| {
        let field = [&[0, name.len() as u8], name, &[value.len() as u8], value].concat();
        read(&[&[&[4, 0x88], field.as_slice()].concat()])
    };
    let head: &[u8] = &[4, 0x88];
    assert_eq!(with(b"x-a", b"any \x1b\xff\t"), Ok(()));
    assert_eq!(with(b"x-a", b" value "), Ok(()), "as other clients do");
    for name in [&b"X-a"[..], b"", b"x a", b"x:a", b"x\xff", b"connection", b"transfer-encoding"] {
        assert_eq!(with(name, b"v"), Err(Http2Problem::Field), "{}", name.escape_ascii());
    }
    for value in [&b"a\r\nb: c"[..], b"a\n", b"\0"] {
        assert_eq!(with(b"x-a", value), Err(Http2Problem::Field), "{}", value.escape_ascii());
    }
    // A name with an index, and a value of its own: `content-length`.
    assert_eq!(read(&[&[4, 0x88, 0x0f, 0x0d, 1, b'\n']]), Err(Http2Problem::Field));
    assert_eq!(read(&[&[4, 0x08, 3, b'1', b'0', b'1']]), Err(Http2Problem::SwitchedProtocols));
    // The trailer section: it has no status, and ends the answer.
    let trailer: &[u8] = &[5, 0, 1, b'a', 1, b'b'];
    assert_eq!(read(&[head, trailer]), Ok(()));
    assert_eq!(read(&[head, &[5, 0x88]]), Err(Http2Problem::Message));
    assert_eq!(read(&[head, &[4, 0, 1, b'a', 1, b'b']]), Err(Http2Problem::Message));
    // What follows the end, of a stream that this side has not given up.
    assert_eq!(read(&[&[5, 0x88], head]), Err(Http2Problem::ClosedStream));
}

#[test]
fn what_follows_the_end_of_a_stream_is_discarded_once_this_side_gave_one_up() {
    let mut client = TestClient::ready();
    let given_up = client.request(1);
    client.request(2);
    client.connection.reset(given_up.id, ErrorCode::CANCEL, &mut client.out);
    client.receive(&[0, 0, 1, 1, 5, 0, 0, 0, 3, 0x88]).unwrap();
    client.receive(&[0, 0, 1, 0, 0, 0, 0, 0, 3, b'x']).unwrap();
    assert_eq!(client.said().last().map(String::as_str), Some("discarded 10"));
}

#[test]
fn a_block_without_an_end_is_too_long_at_last() {
    let mut client = TestClient::ready();
    client.request(7);
    client.receive(&[0, 0, 0, 1, 0, 0, 0, 0, 1]).unwrap();
    let endless = std::iter::repeat_n([0, 0, 0, 9, 0, 0, 0, 0, 1], 40_000);
    let problem = endless.map(|frame| client.receive(&frame)).find_map(Result::err);
    assert_eq!(problem, Some(Http2Problem::LongFields));
}

#[test]
fn a_long_request_goes_in_several_frames() {
    let mut client = TestClient::ready();
    let mut list = FieldList::default();
    list.push(b"long", &[0xff; 9_000]);
    list.push(b"longer", &[0xff; 9_000]);
    let opened =
        client.connection.open(1, &PreparedFields::new(list), false, &mut client.out).unwrap();
    assert_eq!(opened.sent.framing, 18);
    assert_eq!(client.out[..9], [0, 0x40, 0, 1, 0, 0, 0, 0, 1]);
    let rest = opened.sent.block as usize - 16_384;
    let next = &client.out[9 + 16_384..];
    assert_eq!(next[..9], [0, (rest >> 8) as u8, rest as u8, 9, 4, 0, 0, 0, 1]);
    assert_eq!(next.len(), 9 + rest);
}

proptest! {
    /// Whatever comes and however it is cut: no panic, and each byte is in an event or pending.
    #[test]
    fn every_byte_is_counted(
        frames in proptest::collection::vec(
            (0_u8..10, 0_u8..64, 0_u32..6, proptest::collection::vec(any::<u8>(), 0..30)), 0..12),
        mut cuts in proptest::collection::vec(0_usize..400, 0..6),
    ) {
        let mut bytes = Vec::new();
        for (kind, flags, stream, payload) in &frames {
            bytes.extend_from_slice(&[0, 0, payload.len() as u8, *kind, *flags, 0, 0, 0]);
            bytes.push(*stream as u8);
            bytes.extend_from_slice(payload);
        }
        let mut client = TestClient::ready();
        let before = client.wire_bytes;
        for token in 1..=3 {
            client.request(token);
        }
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(bytes.len()));
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut received = 0;
        for pair in cuts.windows(2) {
            received += (pair[1] - pair[0]) as u64;
            if client.receive(&bytes[pair[0]..pair[1]]).is_err() {
                // The rest is discarded with the connection.
                prop_assert!(client.wire_bytes - before <= received);
                return Ok(());
            }
            prop_assert_eq!(client.wire_bytes - before + client.connection.pending(), received);
        }
    }
}

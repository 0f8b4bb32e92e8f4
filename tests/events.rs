//! The event stream parser compared with the standard's examples, and with a slow and literal
//! implementation of the standard, over streams of the bytes that matter.

use proptest::prelude::*;
use wsbench::internals::protocol::{EventSizes, ID_LIMIT_BYTES, Parser, StreamItem};

/// The events of a stream: type, data and id of each, as text.
fn events(stream: &[u8]) -> Vec<(String, String, String)> {
    let mut parser = Parser::default();
    let (mut all, mut counted) = (Vec::new(), 0);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    parser.feed(stream, |found| match found {
        StreamItem::Event(event) => {
            assert_eq!(event.data.len() as u64, event.sizes.payload);
            counted += event.sizes.wire();
            all.push((text(event.kind), text(event.data), text(event.last_event_id)));
        }
        StreamItem::Framing(bytes) | StreamItem::Control(bytes) => counted += bytes,
    });
    assert_eq!(counted + parser.pending(), stream.len() as u64);
    all
}

fn data(stream: &[u8]) -> Vec<String> {
    events(stream).into_iter().map(|(_, data, _)| data).collect()
}

#[test]
fn examples_of_the_introduction() {
    let stream = b"data: This is the first message.\n\n\
        data: This is the second message, it\ndata: has two lines.\n\n\
        data: This is the third message.\n\n";
    assert_eq!(
        data(stream),
        [
            "This is the first message.",
            "This is the second message, it\nhas two lines.",
            "This is the third message.",
        ]
    );
    let typed = b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n\
        event: add\ndata: 113411\n\ndata: untyped\n\n";
    let typed: Vec<_> = events(typed).into_iter().map(|(kind, data, _)| kind + &data).collect();
    assert_eq!(typed, ["add73857293", "remove2153", "add113411", "messageuntyped"]);
}

#[test]
fn examples_of_interpreting_an_event_stream() {
    assert_eq!(data(b"data: YHOO\ndata: +2\ndata: 10\n\n"), ["YHOO\n+2\n10"]);

    let stream = b": test stream\n\ndata: first event\nid: 1\n\n\
        data:second event\nid\n\ndata:  third event\n\n";
    let event = |data: &str, id: &str| ("message".to_owned(), data.to_owned(), id.to_owned());
    assert_eq!(
        events(stream),
        [event("first event", "1"), event("second event", ""), event(" third event", "")]
    );
    // The end of the stream is not enough to dispatch the last event.
    assert_eq!(events(&stream[..stream.len() - 1]).len(), 2);

    assert_eq!(data(b"data\n\ndata\ndata\n\ndata:"), ["", "\n"]);
    assert_eq!(data(b"data:test\n\ndata: test\n\n"), ["test", "test"]);
}

#[test]
fn a_small_push_costs_eight_bytes() {
    let mut sizes = Vec::new();
    let mut parser = Parser::default();
    parser.feed(
        b"data: 000000000000000000000\n\n: alive\n\n: b\r\ndata: c\r\n\r\nretry: 1\r\n\r\n",
        |found| {
            sizes.push(match found {
                StreamItem::Event(event) => {
                    (event.sizes.framing, event.sizes.payload, event.sizes.control)
                }
                StreamItem::Framing(bytes) => (bytes, 0, 0),
                StreamItem::Control(bytes) => (0, 0, bytes),
            });
        },
    );
    // A comment beside data, a field without data, and the LF after each CR that ended a block.
    let wanted = [(8, 21, 0), (0, 0, 9), (9, 1, 5), (1, 0, 0), (0, 0, 11), (0, 0, 1)];
    assert_eq!(sizes, wanted);
}

#[test]
fn lines_end_in_three_ways() {
    assert_eq!(data(b"data: a\r\rdata: b\r\n\r\ndata: c\n\n"), ["a", "b", "c"]);
    assert_eq!(data(b"data: a\r\ndata: b\rdata: c\n\r"), ["a\nb\nc"]);
    // A CR LF is one line end; a LF CR is two.
    assert!(data(b"data: a\r\n").is_empty());
    assert_eq!(data(b"data: a\n\r"), ["a"]);
}

#[test]
fn a_byte_order_mark_counts_only_at_the_beginning() {
    assert_eq!(data(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n"), ["a"]);
    assert!(data(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n").is_empty());
    assert!(data(b"\xef\xbbdata: a\n\n").is_empty());
}

#[test]
fn ids_persist_and_one_with_a_nul_or_too_long_is_ignored() {
    let long = format!("data\nid: {}\n\n", "x".repeat(ID_LIMIT_BYTES + 1));
    let stream = [b"id: 7\n\ndata\n\ndata\nid: 8\nid: a\0b\n\n", long.as_bytes()].concat();
    let ids: Vec<_> = events(&stream).into_iter().map(|(_, _, id)| id).collect();
    assert_eq!(ids, ["7", "8", "8"]);
}

/// A finding with its bytes.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Event { data: Vec<u8>, kind: Vec<u8>, id: Vec<u8>, sizes: EventSizes },
    Framing(u64),
    Control(u64),
}

impl Seen {
    fn of(found: StreamItem<'_>) -> Seen {
        match found {
            StreamItem::Event(event) => Seen::Event {
                data: event.data.to_vec(),
                kind: event.kind.to_vec(),
                id: event.last_event_id.to_vec(),
                sizes: event.sizes,
            },
            StreamItem::Framing(bytes) => Seen::Framing(bytes),
            StreamItem::Control(bytes) => Seen::Control(bytes),
        }
    }

    fn wire(&self) -> u64 {
        match self {
            Seen::Event { sizes, .. } => sizes.wire(),
            Seen::Framing(bytes) | Seen::Control(bytes) => *bytes,
        }
    }
}

/// The result of a whole stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<Seen>,
    last_event_id: Vec<u8>,
    retry_ms: Option<u64>,
    pending: u64,
}

/// The standard taken literally, over a whole stream (WHATWG HTML §9.2.6).
fn reference(stream: &[u8]) -> Outcome {
    let mut out =
        Outcome { seen: Vec::new(), last_event_id: Vec::new(), retry_ms: None, pending: 0 };
    let mut at = if stream.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let (mut data_buffer, mut type_buffer, mut id_buffer) = (Vec::new(), Vec::new(), Vec::new());
    let (mut block_begin, mut comments) = (0, 0);
    while let Some(len) = stream[at..].iter().position(|b| matches!(b, b'\r' | b'\n')) {
        let line = &stream[at..at + len];
        let end = at + len + 1;
        let crlf = stream[end - 1] == b'\r' && stream.get(end) == Some(&b'\n');
        let begin = at;
        at = if crlf { end + 1 } else { end };
        if !line.is_empty() {
            if line.starts_with(b":") {
                comments += (at - begin) as u64;
            }
            field(line, &mut data_buffer, &mut type_buffer, &mut id_buffer, &mut out.retry_ms);
            continue;
        }
        out.last_event_id.clone_from(&id_buffer);
        let wire = (end - block_begin) as u64;
        let brings_event = !data_buffer.is_empty();
        let control = std::mem::take(&mut comments);
        if !brings_event {
            out.seen.push(Seen::Control(wire));
        } else {
            data_buffer.pop();
            let payload = data_buffer.len() as u64;
            out.seen.push(Seen::Event {
                data: data_buffer.clone(),
                kind: if type_buffer.is_empty() {
                    b"message".to_vec()
                } else {
                    type_buffer.clone()
                },
                id: out.last_event_id.clone(),
                sizes: EventSizes { framing: wire - payload - control, control, payload },
            });
        }
        if crlf {
            out.seen.push(if brings_event { Seen::Framing(1) } else { Seen::Control(1) });
        }
        data_buffer.clear();
        type_buffer.clear();
        block_begin = at;
    }
    out.pending = (stream.len() - block_begin) as u64;
    out
}

fn field(
    line: &[u8],
    data_buffer: &mut Vec<u8>,
    type_buffer: &mut Vec<u8>,
    id_buffer: &mut Vec<u8>,
    retry_ms: &mut Option<u64>,
) {
    let (name, value) = match line.iter().position(|&b| b == b':') {
        Some(colon) => (&line[..colon], &line[colon + 1..]),
        None => (line, &b""[..]),
    };
    let value = value.strip_prefix(b" ").unwrap_or(value);
    match name {
        b"event" => *type_buffer = value.to_vec(),
        b"data" => {
            data_buffer.extend_from_slice(value);
            data_buffer.push(b'\n');
        }
        b"id" if !value.contains(&0) => *id_buffer = value.to_vec(),
        b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
            let digits = std::str::from_utf8(value).expect("digits are text");
            *retry_ms = Some(digits.parse().unwrap_or(u64::MAX));
        }
        _ => {}
    }
}

/// The parser over a stream in pieces of these lengths, in turn.
fn parsed(stream: &[u8], cuts: &[usize]) -> Outcome {
    let mut parser = Parser::default();
    let mut seen = Vec::new();
    let (mut at, mut cuts) = (0, cuts.iter().cycle());
    while at < stream.len() {
        let end = (at + cuts.next().copied().unwrap_or(usize::MAX / 2)).min(stream.len());
        parser.feed(&stream[at..end], |found| seen.push(Seen::of(found)));
        at = end;
        // The law of the bytes holds after every read.
        let counted: u64 = seen.iter().map(Seen::wire).sum();
        assert_eq!(counted + parser.pending(), at as u64);
    }
    let last_event_id = parser.last_event_id().to_vec();
    let (retry_ms, pending) = (parser.retry_ms(), parser.pending());
    assert_eq!((parser.end(), parser.pending()), (pending, 0));
    assert_eq!((parser.last_event_id(), parser.retry_ms()), (&last_event_id[..], retry_ms));
    Outcome { seen, last_event_id, retry_ms, pending }
}

/// Streams of tokens with a meaning, sometimes next to bytes without one.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        b"data",
        b"data:",
        b"data: ",
        b"event",
        b"event:",
        b"id",
        b"id:",
        b"id: ",
        b"retry:",
        b"retry",
        b":",
        b": ",
        b" ",
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b"\r\r",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xef\xbb",
        b"\xef",
        b"\xbf",
        b"0",
        b"7",
        b"x",
        b"dat",
        b"datax",
        b"hello",
        b"18446744073709551616",
        b"\xff",
    ];
    let word = prop_oneof![
        12 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn it_agrees_with_the_standard_under_any_split(
        stream in stream(), cuts in prop::collection::vec(1usize..12, 1..20)
    ) {
        let expected = reference(&stream);
        prop_assert_eq!(&parsed(&stream, &[]), &expected);
        prop_assert_eq!(&parsed(&stream, &[1]), &expected);
        prop_assert_eq!(&parsed(&stream, &cuts), &expected);
    }

    #[test]
    fn streams_of_whole_events_agree_too(
        events in prop::collection::vec(
            (prop::collection::vec("[ -~]{0,30}", 0..4), "[a-z]{0,6}", "[0-9]{0,4}"), 0..12),
        ending in prop::sample::select(vec!["\n", "\r", "\r\n"]), cut in 1usize..80
    ) {
        let mut text = String::new();
        for (lines, kind, id) in &events {
            for line in lines {
                text += &format!("data: {line}{ending}");
            }
            text += &format!("event:{kind}{ending}id: {id}{ending}{ending}");
        }
        let outcome = parsed(text.as_bytes(), &[cut]);
        prop_assert_eq!(&outcome, &reference(text.as_bytes()));
        prop_assert_eq!(outcome.pending, 0);
        let dispatched = outcome.seen.iter().filter(|s| matches!(s, Seen::Event { .. })).count();
        prop_assert_eq!(dispatched, events.iter().filter(|(lines, ..)| !lines.is_empty()).count());
    }

    #[test]
    fn what_is_kept_does_not_depend_on_the_split(
        stream in stream(), keep in 0u32..12, cut in 1usize..12
    ) {
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        Parser::keeping(keep).feed(&stream, |found| whole.push(Seen::of(found)));
        let mut parser = Parser::keeping(keep);
        for piece in stream.chunks(cut) {
            parser.feed(piece, |found| pieces.push(Seen::of(found)));
        }
        prop_assert_eq!(&whole, &pieces);
        for seen in whole {
            if let Seen::Event { data, sizes, .. } = seen {
                prop_assert_eq!(data.len() as u64, sizes.payload.min(u64::from(keep)));
            }
        }
    }
}

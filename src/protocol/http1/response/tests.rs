use super::*;
use crate::protocol::http1::retry_after::RetryAfter;
use proptest::prelude::*;

const CHAPTER: &[u8] = include_bytes!("../heads/chapter-response.http");

#[test]
fn a_known_head_reads_as_any_other() {
    let other = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
    let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n";
    let mut known = KnownHead::default();
    for (head, times) in [(CHAPTER, 3), (other, 2), (CHAPTER, 1)] {
        for _ in 0..times {
            let bytes = [head, b"and body"].concat();
            let (mut response, mut plain) = (Response::default(), Response::default());
            assert_eq!(known.read(&mut response, &bytes), Ok(head.len()));
            assert_eq!(plain.feed(head), Ok(head.len()));
            assert_eq!(format!("{response:?}"), format!("{plain:?}"));
            // It has begun: the rest is not a head.
            assert_eq!(known.read(&mut response, head), Ok(0));
            assert_eq!(known.bytes, head);
        }
    }
    // In pieces, or after an interim response, nothing is known.
    let mut response = Response::default();
    assert_eq!(known.read(&mut response, interim), Ok(interim.len()));
    assert!(known.bytes.is_empty());
    let mut response = Response::default();
    assert_eq!(known.read(&mut response, &CHAPTER[..50]), Ok(50));
    assert_eq!(known.read(&mut response, &CHAPTER[50..]), Ok(0));
    assert_eq!(response.feed(&CHAPTER[50..]), Ok(CHAPTER.len() - 50));
    assert_eq!(response.parts.heads, CHAPTER.len() as u64);
    assert_eq!(known.read(&mut Response::default(), b"nonsense\r\n\r\n"), Err(Malformed));
}

#[test]
fn an_answer_of_which_more_is_to_be_kept_is_not_known() {
    let mut known = KnownHead::default();
    let refused = b"HTTP/1.1 301 Moved\r\nLocation: /p/\r\nContent-Length: 1\r\n\r\n";
    let stray = b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n";
    for head in [&refused[..], stray] {
        for _ in 0..2 {
            let mut response = Response::default();
            assert_eq!(known.read(&mut response, head), Ok(head.len()));
            assert!(known.bytes.is_empty());
        }
    }
    // The rest of such an answer comes before the next head.
    let mut response = Response::default();
    assert_eq!(response.feed(stray), Ok(stray.len()));
    response.reset();
    let bytes = [NO_CHUNKS, CHAPTER].concat();
    assert_eq!(known.read(&mut response, &bytes), Ok(0));
    assert_eq!(response.feed(&bytes), Ok(bytes.len()));
    assert_eq!((response.status, response.parts.stray), (200, 5));
}

#[test]
fn an_empty_body_in_chunks_after_an_answer_without_body_belongs_to_nothing() {
    let empty = b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n";
    let next = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    let all = [&empty[..], NO_CHUNKS, next].concat();
    for cut in 1..all.len() {
        let mut response = Response::default();
        let (mut stray, mut statuses) = (0, Vec::new());
        for piece in all.chunks(cut) {
            let mut piece = piece;
            while !piece.is_empty() {
                let used = response.feed(piece).unwrap();
                piece = &piece[used..];
                if response.is_done() {
                    statuses.push(response.status);
                    stray += response.parts.stray;
                    response.reset();
                }
            }
        }
        assert_eq!((statuses, stray), (vec![204, 200], 5), "{cut}");
    }
    // What is not that body, and what nobody announced, is no part of the answer.
    let mut response = Response::default();
    assert_eq!(response.feed(&[&empty[..], b"0\r\nX"].concat()), Ok(empty.len() + 3));
    response.reset();
    assert!(response.is_untouched() && response.skip_stray(b"0") == 0);
    let plain = b"HTTP/1.1 204 No Content\r\n\r\n";
    let fed = Response::default().feed(&[&plain[..], NO_CHUNKS].concat());
    assert_eq!(fed, Ok(plain.len()));
}

fn read(bytes: &[u8]) -> Result<Response, Malformed> {
    let mut response = Response::default();
    let used = response.feed(bytes)?;
    assert!(used <= bytes.len());
    Ok(response)
}

/// Feeds bytes, and appends the body to `body`.
fn feed_body(
    response: &mut Response,
    bytes: &[u8],
    body: &mut Vec<u8>,
) -> Result<usize, Malformed> {
    response.feed_with(bytes, |piece| {
        if let Some(data) = piece.bytes() {
            body.extend_from_slice(data);
        }
    })
}

#[test]
fn the_chapters_response_is_193_bytes_and_179_characters() {
    let mut bytes = CHAPTER.to_vec();
    bytes.extend_from_slice(b"000000000000000000000");
    let (mut response, mut body) = (Response::default(), Vec::new());
    feed_body(&mut response, &bytes, &mut body).unwrap();
    assert!(response.is_done() && response.keep_alive);
    let parts = Parts { heads: 193, head_chars: 179, framing: 0, payload: 21, stray: 0 };
    assert_eq!((response.status, response.parts), (200, parts));
    assert_eq!(body, b"000000000000000000000");
}

#[test]
fn chunks_cost_their_digits_and_four_bytes() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut bytes = head.to_vec();
    bytes.extend_from_slice(b"5\r\nhello\r\n10;x=1\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\nrest");
    let (mut response, mut body) = (Response::default(), Vec::new());
    assert_eq!(feed_body(&mut response, &bytes, &mut body), Ok(bytes.len() - 4));
    assert!(response.is_done());
    assert_eq!(response.parts.payload, 21);
    assert_eq!(response.parts.framing, 3 + 2 + 8 + 2 + 3 + 6 + 2);
    assert_eq!(body, b"hello0123456789abcdef");
}

#[test]
fn a_body_may_end_with_the_connection() {
    let mut response = read(b"HTTP/1.0 200 OK\r\n\r\nabc").unwrap();
    assert!(!response.is_done() && !response.keep_alive);
    response.end_of_stream().unwrap();
    assert_eq!((response.is_done(), response.parts.payload), (true, 3));
    assert_eq!(
        read(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc").unwrap().end_of_stream(),
        Err(Malformed)
    );
}

#[test]
fn interim_responses_are_heads_too() {
    let response =
        read(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert!(response.is_done());
    assert_eq!((response.status, response.parts.heads), (204, 28 + 27));
}

#[test]
fn connection_fields_decide_what_is_kept() {
    let keeps = |text: &str| read(text.as_bytes()).unwrap().keep_alive;
    assert!(!keeps("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
    assert!(keeps("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"));
    assert!(!keeps("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
}

#[test]
fn heads_are_read_as_browsers_do() {
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("X: {}\r\n", "y".repeat(70 << 10));
    for field in ["A : b\r\n", "A: b\r\n  c\r\n", "no field\r\n", &many, &long] {
        let head = format!("HTTP/1.1 200 OK\r\n{field}Content-Length: 2\r\n\r\n");
        let response = read(format!("{head}hi").as_bytes()).unwrap();
        assert!(response.is_done(), "{field}");
        assert_eq!(response.parts.heads, head.len() as u64);
        assert_eq!(response.parts.payload, 2);
    }
}

#[test]
fn what_a_head_says_is_kept() {
    let head = "HTTP/1.1 503 X\r\nRetry-After: 2\r\ncontent-encoding: gzip\r\nSet-Cookie: a=b\r\n\
                Content-Type: Text/Event-Stream; charset=utf-8\r\n\r\n";
    let facts = HeadFacts {
        media: MediaType::EventStream,
        compressed: true,
        coding: Some(ContentCoding::Gzip),
        sets_cookie: true,
        retry_after: Some(RetryAfter::Seconds(2)),
    };
    assert_eq!(read(head.as_bytes()).unwrap().facts, facts);
    let plain = "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Type: a/b\r\n\r\n";
    assert_eq!(read(plain.as_bytes()).unwrap().facts, HeadFacts::default());
}

#[test]
fn a_head_that_cannot_be_read_says_where() {
    let problem = |bytes: &[u8]| {
        let mut response = Response::default();
        assert_eq!(response.feed(bytes), Err(Malformed));
        response.problem
    };
    assert_eq!(problem(b"HTTP/1.1 abc\r\n\r\n"), Some(AnswerProblem::Line(1)));
    let length = b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: x\r\n\r\n";
    assert_eq!(problem(length), Some(AnswerProblem::Line(3)));
    let fields = "Set-Cookie: a=b\r\n".repeat(HEADERS_LIMIT + 1);
    let many = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    assert_eq!(problem(many.as_bytes()), Some(AnswerProblem::ManyFields));
    let coded = b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n";
    assert_eq!(problem(coded), Some(AnswerProblem::TransferCoding(3)));
    for plain in ["chunked", " Chunked ", "identity", ""] {
        assert!(!has_transfer_coding(plain.as_bytes()), "{plain}");
    }
    let long = format!("HTTP/1.1 200 OK\r\nSet-Cookie: {}", "x".repeat(HEAD_LIMIT));
    assert_eq!(problem(long.as_bytes()), Some(AnswerProblem::Long));
    // What no line of a field may have, and what counts as a line: one that goes on with a field, one that
    // is ignored, one before the head.
    let line = |head: &str| problem(format!("{head}\r\nZ: z\r\n\r\n").as_bytes());
    assert_eq!(line("HTTP/1.1 200 OK\r\nX: a\0b"), Some(AnswerProblem::Line(2)));
    assert_eq!(line("HTTP/1.1 200 OK\r\nA: b\r\nX: a\rb"), Some(AnswerProblem::Line(3)));
    assert_eq!(line("HTTP/1.1 200 O\0K\r\nX: a"), Some(AnswerProblem::Line(1)));
    assert_eq!(line("\r\nHTTP/1.1 abc"), Some(AnswerProblem::Line(2)));
    let before = "HTTP/1.1 200 OK\r\nA: b\r\n more\r\nno field\r\n";
    assert_eq!(line(&format!("{before}Content-Length: -1")), Some(AnswerProblem::Line(5)));
    let coded = format!("{before}Transfer-Encoding: gzip");
    assert_eq!(line(&coded), Some(AnswerProblem::TransferCoding(5)));
}

#[test]
fn the_limit_of_a_head_does_not_depend_on_where_reads_end() {
    let begin = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ";
    for beyond in [-1isize, 0, 1, 2, 5_000] {
        let fill = HEAD_LIMIT.saturating_add_signed(beyond) - begin.len() - 4;
        let head = format!("{begin}{}\r\n\r\n", "y".repeat(fill));
        for size in [head.len(), 1_000, 4_096, 65_536, HEAD_LIMIT - 1, HEAD_LIMIT, HEAD_LIMIT + 1] {
            let mut response = Response::default();
            let mut pieces = head.as_bytes().chunks(size);
            let failed = pieces.any(|piece| response.feed(piece).is_err());
            assert_eq!(failed, beyond > 0, "{beyond} {size}");
            assert_eq!(response.is_done(), beyond <= 0, "{beyond} {size}");
            let wanted = (beyond > 0).then_some(AnswerProblem::Long);
            assert_eq!(response.problem, wanted, "{beyond} {size}");
        }
    }
}

/// Feeds pieces of this size. Returns why they cannot be read, and whether they are whole.
fn problem_in_pieces(bytes: &[u8], size: usize) -> (Option<AnswerProblem>, bool) {
    let mut response = Response::default();
    let failed = bytes.chunks(size).any(|piece| response.feed(piece).is_err());
    assert!(failed || response.problem.is_none());
    assert!(!failed || response.problem.is_some(), "{size}");
    (response.problem, response.is_done())
}

#[test]
fn the_limit_of_what_is_around_chunks_does_not_depend_on_where_reads_end() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let limit = usize::from(CHUNK_LINE_LIMIT);
    for beyond in [-1isize, 0, 1, 2, 5_000] {
        let with = |begin: &str, fill: &str, end: &str| {
            let so_many = limit.saturating_add_signed(beyond) - begin.len();
            format!("{head}3\r\nabc\r\n{begin}{}{end}", fill.repeat(so_many))
        };
        for answer in [
            with("1;", "x", "\nz\r\n0\r\n\r\n"),
            with("", "0", "\n\r\n"),
            with("", "0", "\n\n"),
            with("0", ";", "\n\n"),
            format!("{head}0\r\n{}\n", "a\n".repeat((limit + 2 * beyond.max(0) as usize) / 2)),
            format!("{head}0\r\na:{}\r\n\n", "b".repeat(limit.saturating_add_signed(beyond) - 4)),
        ] {
            for size in [answer.len(), 1, 7, 4_096, limit - 1, limit, limit + 1] {
                let wanted = if beyond > 0 {
                    (Some(AnswerProblem::LongChunkLine), false)
                } else {
                    (None, true)
                };
                let begin = &answer[head.len()..head.len() + 20];
                assert_eq!(
                    problem_in_pieces(answer.as_bytes(), size),
                    wanted,
                    "{beyond} {size} {begin:?}"
                );
            }
        }
    }
}

#[test]
fn another_protocol_is_named_wherever_reads_end() {
    use OtherProtocol::{Http2, Ssh, Tls};
    let settings = b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80".as_slice();
    for (bytes, protocol) in [
        (b"SSH-2.0-OpenSSH_9.2\r\n".as_slice(), Some(Ssh)),
        (b"\x15\x03\x01\0\x02\x02\x46", Some(Tls)),
        (b"\x16\x03\x03\0\x7a", Some(Tls)),
        (settings, Some(Http2)),
        (b"SSL no", None),
        (b"220 mail.example ESMTP\r\n", None),
        (b"\0\0\x12\x04\x05\0", None),
    ] {
        for size in 1..=bytes.len() {
            let wanted = (Some(AnswerProblem::Foreign(protocol)), false);
            assert_eq!(problem_in_pieces(bytes, size), wanted, "{size} {protocol:?} {bytes:?}");
        }
    }
}

#[test]
fn a_line_that_is_shown_has_no_secret() {
    let shown = |head: &str, line| {
        let text = AnswerProblem::Line(line).shown(head.as_bytes());
        text.map(|text| String::from_utf8(text.body).expect("it is text"))
    };
    let head = "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n more\r\nX: y\r\n";
    assert_eq!(shown(head, 2).as_deref(), Some("Set-Cookie: ‹redacted, 3 B›\r"));
    assert_eq!(shown(head, 3).as_deref(), Some(" ‹redacted, 4 B›\r"));
    assert_eq!(shown(head, 4).as_deref(), Some("X: y\r"));
}

#[test]
fn other_bytes_are_malformed() {
    for bad in [
        &b"SSH-2.0-OpenSSH\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
    ] {
        assert_eq!(read(bad).err(), Some(Malformed), "{:?}", String::from_utf8_lossy(bad));
    }
}

fn whole_response() -> impl Strategy<Value = (Vec<u8>, Parts)> {
    let length = prop::collection::vec(any::<u8>(), 0..300).prop_map(|body| {
        let head = format!("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: {}\r\n\r\n", body.len());
        let parts = Parts {
            heads: head.len() as u64,
            head_chars: head.len() as u64 - 8,
            framing: 0,
            payload: body.len() as u64,
            stray: 0,
        };
        ([head.as_bytes(), &body].concat(), parts)
    });
    let chunks = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8);
    let chunked = chunks.prop_map(|chunks| {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut bytes = head.to_vec();
        let mut parts = Parts { heads: 47, head_chars: 41, framing: 5, payload: 0, stray: 0 };
        for chunk in chunks {
            let size = format!("{:x}\r\n", chunk.len());
            parts.framing += size.len() as u64 + 2;
            parts.payload += chunk.len() as u64;
            bytes.extend_from_slice(size.as_bytes());
            bytes.extend_from_slice(&chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        (bytes, parts)
    });
    prop_oneof![length, chunked]
}

proptest! {
    #[test]
    fn any_split_gives_the_same_parts(
        (bytes, parts) in whole_response(), cuts in prop::collection::vec(1usize..60, 1..40),
        extra in prop::collection::vec(any::<u8>(), 0..10)
    ) {
        let stream = [&bytes[..], &extra].concat();
        let (mut response, mut body) = (Response::default(), Vec::new());
        let (mut at, mut used) = (0, 0);
        for cut in cuts.into_iter().cycle() {
            let end = (at + cut).min(stream.len());
            used += feed_body(&mut response, &stream[at..end], &mut body).unwrap();
            at = end;
            if at == stream.len() { break }
        }
        prop_assert!(response.is_done());
        prop_assert_eq!(response.parts, parts);
        prop_assert_eq!(used, bytes.len());
        prop_assert_eq!(body.len() as u64, parts.payload);
    }

    #[test]
    fn no_bytes_make_it_panic(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8)
    ) {
        let mut response = Response::default();
        for piece in pieces {
            match response.feed(&piece) {
                Ok(used) => prop_assert!(used <= piece.len()),
                Err(Malformed) => break,
            }
        }
    }
}

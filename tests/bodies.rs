//! Bodies of servers that are not the bundled one: what delimits the messages of a stream.

use crate::external::{request, request_with_body, row, run};
use crate::support::{
    HeldBack, Row, World, at_once, expect_code, expect_ran, finish, number, said, serve, wsbench,
};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wsbench::internals::feed::{PayloadKind, Stamp};
use wsbench::internals::time::now_ns;

/// An update of 21 bytes.
pub fn update(sequence: u64) -> Vec<u8> {
    let mut payload = vec![0; 21];
    Stamp { sequence, published_ns: now_ns() }.write(PayloadKind::Text, 1, &mut payload);
    payload
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// Sends three updates each 100 ms, which `frame` delimits, in pieces of 1 to 40 bytes that have
/// nothing to do with them: each a chunk, if there are chunks.
fn stream(chunked: bool, frame: fn(&[u8]) -> Vec<u8>) -> SocketAddr {
    serve(move |mut stream| {
        let _ = request(&mut stream);
        let field = if chunked { "Transfer-Encoding: chunked\r\n" } else { "" };
        let mut open =
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{field}\r\n").as_bytes()).is_ok();
        let (mut sequence, mut size) = (0, 0);
        while open {
            let mut body = Vec::new();
            for _ in 0..3 {
                sequence += 1;
                body.extend_from_slice(&frame(&update(sequence)));
            }
            let mut rest = &body[..];
            while !rest.is_empty() && open {
                size = size % 40 + 1;
                let (piece, after) = rest.split_at(size.min(rest.len()));
                let piece = if chunked { chunk(piece) } else { piece.to_vec() };
                open = stream.write_all(&piece).is_ok();
                rest = after;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    })
}

#[test]
fn messages_of_a_stream_are_found_by_what_the_scenario_says_over_any_boundaries() {
    type Frame = fn(&[u8]) -> Vec<u8>;
    let delimiters: [(&str, Frame, f64); 5] = [
        ("\"line\"", |update| [update, b"\r\n\n"].concat(), 3.0),
        ("{ separator = \"\\u0000\" }", |update| [update, b"\0"].concat(), 1.0),
        ("{ separator = \"--\" }", |update| [update, b"--"].concat(), 2.0),
        ("{ bytes = 21 }", |update| update.to_vec(), 0.0),
        ("{ prefix = \"u16\" }", |update| [&[0, 21], update].concat(), 2.0),
    ];
    let cases = delimiters.iter().flat_map(|case| [(true, case), (false, case)]);
    at_once(cases, |(chunked, (delimiter, frame, framing))| {
        let series = format!("transport = \"streaming\"\ndelimiter = {delimiter}");
        let (world, output) = run(stream(chunked, *frame), &series, "");
        let (row, text) = (row(&world), said(&output));
        assert!(number(&row, "updates_delivered") > 30.0, "{delimiter} {text}");
        for none in ["lost", "faults", "audit_ledger_bytes", "audit_kernel_bytes"] {
            assert_eq!(number(&row, none), 0.0, "{delimiter}: {none}\n{text}");
        }
        assert_eq!(number(&row, "payload_bytes_down_per_message"), 21.0, "{delimiter} {text}");
        if !chunked {
            let found = number(&row, "framing_bytes_per_message");
            assert!((found - framing).abs() < 0.2, "{delimiter}: {found}\n{text}");
        }
        assert!(number(&row, "delivery_latency_count") > 30.0, "{delimiter} {text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let named = words.contains("a part of a message or more than one");
        assert_eq!(named, chunked, "{delimiter} {words}");
    });
}

/// Serves 20 messages a second after this head, so that no read ends with one of them.
fn held_back(head: &'static str, frame: fn(&[u8]) -> Vec<u8>) -> SocketAddr {
    serve(move |mut stream| {
        let _ = request(&mut stream);
        let mut open = stream.write_all(head.as_bytes()).is_ok();
        let mut stream = HeldBack::new(stream);
        for sequence in 1.. {
            open = open && stream.write_all(&frame(&update(sequence))).is_ok();
            if !open {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    })
}

#[test]
fn a_stream_is_measured_on_time_if_no_read_ends_with_a_message() {
    type Frame = fn(&[u8]) -> Vec<u8>;
    const CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const WHOLE: &str = "HTTP/1.1 200 OK\r\n\r\n";
    const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    const EVENT_CHUNKS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                                Transfer-Encoding: chunked\r\n\r\n";
    let event: Frame = |update| [b"data: ", update, b"\n\n"].concat();
    let event_chunk: Frame = |update| chunk(&[b"data: ", update, b"\n\n"].concat());
    let line: Frame = |update| [update, b"\n"].concat();
    let line_chunk: Frame = |update| chunk(&[update, b"\n"].concat());
    let streaming = "transport = \"streaming\"";
    let cases: [(&str, &str, &str, Frame); 9] = [
        (streaming, "", CHUNKS, chunk),
        (streaming, "", WHOLE, line),
        (streaming, "delimiter = \"line\"", WHOLE, line),
        (streaming, "delimiter = \"line\"", CHUNKS, line_chunk),
        (streaming, "delimiter = { separator = \"--\" }", WHOLE, |update| [update, b"--"].concat()),
        (streaming, "delimiter = { bytes = 21 }", WHOLE, |update| update.to_vec()),
        (streaming, "delimiter = { prefix = \"u16\" }", WHOLE, |update| {
            [&[0, 21], update].concat()
        }),
        ("transport = \"sse\"", "", EVENTS, event),
        ("transport = \"sse\"", "", EVENT_CHUNKS, event_chunk),
    ];
    at_once(cases, |(transport, delimiter, head, frame)| {
        let series = format!("{transport}\n{delimiter}");
        let (world, output) = run(held_back(head, frame), &series, "# rate = none");
        expect_ran(&world, &output);
        let (row, text) = (row(&world), said(&output));
        // Two clients, 1.5 s.
        let messages = number(&row, "messages");
        assert!((20.0..=64.0).contains(&messages), "{series} {head}: {messages}\n{text}");
        assert_eq!(number(&row, "payload_bytes_down_per_message"), 21.0, "{series} {head}\n{text}");
        for none in ["lost", "faults", "audit_ledger_bytes", "audit_kernel_bytes"] {
            assert_eq!(number(&row, none), 0.0, "{series} {head}: {none}\n{text}");
        }
        let rows = world.csv("bytes.csv");
        for row in rows.iter().filter(|row| row["layer"] == "payload" && row["direction"] == "down")
        {
            assert_eq!(number(row, "total") % 21.0, 0.0, "{series} {head}: {row:?}");
        }
    });
}

#[test]
fn a_chunk_of_its_own_for_each_line_agrees_with_its_messages() {
    let address = serve(|mut stream| {
        let _ = request(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut open = stream.write_all(head).is_ok();
        for sequence in 1.. {
            open =
                open && stream.write_all(&chunk(&[&update(sequence)[..], b"\n"].concat())).is_ok();
            if !open {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let series = "transport = \"streaming\"\ndelimiter = \"line\"";
    let (world, output) = run(address, series, "");
    expect_ran(&world, &output);
    assert!(!said(&output).contains("chunks are not its messages"), "{}", said(&output));
}

#[test]
fn what_the_bundled_server_cannot_serve_is_refused_with_its_line() {
    let refused = |series: &str| {
        let world = World::new(&format!("clients = [1]\n[[series]]\n{series}\n"));
        let output = wsbench(&["plan"]).arg(world.path("scenario.toml")).output();
        let output = output.expect("it starts");
        expect_code(&output, 2);
        said(&output)
    };
    let text = refused("transport = \"streaming\"\ndelimiter = \"line\"");
    assert!(text.contains("delimiter is for a server of your own"), "{text}");
    assert!(text.contains("scenario.toml:4:13"), "{text}");
    let text = refused("transport = \"long-polling\"\ncursor = \"/next\"");
    assert!(text.contains("cursor is for a server of your own"), "{text}");
    let text = refused("transport = \"long-polling\"\ncursor_in = \"body:a\"");
    assert!(text.contains("cursor_in needs `cursor`"), "{text}");
    let text = refused("transport = \"sse\"\naccept_encoding = \"gzip, zstd\"");
    assert!(text.contains("zstd can be read of whole answers alone"), "{text}");
    let text = refused("transport = \"polling\"\naccept_encoding = \"compress\"");
    assert!(text.contains("\"compress\" is no coding that wsbench reads"), "{text}");
    let engine = "transport = \"polling\"\nengine = \"reqwest\"\naccept_encoding = \"gzip\"";
    let text = refused(engine);
    assert!(
        text.contains("take engine = \"raw\"") && text.contains("scenario.toml:5:19"),
        "{text}"
    );
    let twice = "headers = { Accept-Encoding = \"br\" }\naccept_encoding = \"gzip\"";
    let text = refused(&format!("transport = \"polling\"\n{twice}"));
    assert!(text.contains("`headers` has Accept-Encoding, too"), "{text}");
    for transport in ["websocket", "null"] {
        let text = refused(&format!("transport = {transport:?}\naccept_encoding = \"gzip\""));
        assert!(text.contains("accept_encoding") && text.contains("scenario.toml:4:1"), "{text}");
    }
    let text = refused("transport = \"streaming\"\ndelimiter = \"lines\"");
    assert!(text.contains("must be \"auto\", \"chunk\", \"line\" or a table"), "{text}");
}

/// Serves a log of updates, one each 100 ms, to requests that say after which one they want the next:
/// `position` reads it from the head and body of a request, `answer` makes an answer of the update and
/// its number.
fn log_server(
    position: fn(&str) -> Option<u64>,
    answer: fn(u64, &[u8]) -> Vec<u8>,
) -> (SocketAddr, std::sync::mpsc::Receiver<u64>) {
    let (asked, positions) = std::sync::mpsc::channel();
    let began = std::time::Instant::now();
    let address = serve(move |mut stream| {
        while let Some(head) = request(&mut stream) {
            // Without a position it is the newest one.
            let newest = began.elapsed().as_millis() as u64 / 100;
            let next = match position(&head) {
                Some(after) => {
                    let _ = asked.send(after);
                    after + 1
                }
                None => newest + 1,
            };
            let due = Duration::from_millis(next * 100);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            if stream.write_all(&answer(next, &update(next))).is_err() {
                return;
            }
        }
    });
    (address, positions)
}

fn field(head: &str, name: &str) -> Option<u64> {
    head.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

#[test]
fn a_held_request_names_what_the_last_answer_had() {
    fn ok(fields: String, body: &[u8]) -> Vec<u8> {
        let length = body.len();
        [format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n").as_bytes(), body]
            .concat()
    }
    type Position = fn(&str) -> Option<u64>;
    type Answer = fn(u64, &[u8]) -> Vec<u8>;
    let cases: [(&str, Position, Answer); 3] = [
        (
            "conditional = true",
            |head| {
                field(head, "If-None-Match: ").filter(|_| head.contains("If-Modified-Since: Thu"))
            },
            |n, body| ok(format!("ETag: {n}\r\nLast-Modified: Thu\r\n"), body),
        ),
        (
            "cursor = \"header:X-Next\"\ncursor_in = \"header:X-After\"",
            |head| field(head, "X-After: "),
            |n, body| ok(format!("X-Next: {n}\r\n"), body),
        ),
        (
            "cursor = \"header:X-Next\"\ncursor_in = \"query:since\"",
            |head| head.split("?since=").nth(1)?.split(' ').next()?.parse().ok(),
            |n, body| ok(format!("x-next: {n}\r\n"), body),
        ),
    ];
    at_once(cases, |(series, position, answer)| {
        let (address, positions) = log_server(position, answer);
        let series = format!("transport = \"long-polling\"\npending = \"all\"\n{series}");
        let (world, output) = run(address, &series, "");
        let (row, text) = (row(&world), said(&output));
        for none in
            ["lost", "updates_missing", "updates_duplicated", "faults", "audit_ledger_bytes"]
        {
            assert_eq!(number(&row, none), 0.0, "{series}: {none}\n{text}");
        }
        assert!(number(&row, "updates_delivered") >= 10.0, "{series}\n{text}");
        assert!(positions.try_iter().count() >= 20, "{series}\n{text}");
    });
}

#[test]
fn polls_name_the_validators_of_their_own_last_answer() {
    // A new version for each connection and each 300 ms: a client that took another's would never get a 304.
    static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
    static UNCHANGED: AtomicU64 = AtomicU64::new(0);
    static CHANGED: AtomicU64 = AtomicU64::new(0);
    let address = serve(|mut stream| {
        let own = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        let began = std::time::Instant::now();
        while let Some(head) = request(&mut stream) {
            let version = began.elapsed().as_millis() / 300;
            let fields = format!("ETag: \"{own:04}-{version:04}\"\r\nLast-Modified: Thu\r\n");
            let conditions = [
                format!("\r\nIf-None-Match: \"{own:04}-{version:04}\"\r\n"),
                "\r\nIf-Modified-Since: Thu\r\n".to_owned(),
            ];
            let answer = match conditions.iter().all(|condition| head.contains(condition)) {
                true => {
                    UNCHANGED.fetch_add(1, Ordering::Relaxed);
                    format!("HTTP/1.1 304 Not Modified\r\n{fields}Content-Length: 5\r\n\r\n")
                }
                false => {
                    CHANGED.fetch_add(1, Ordering::Relaxed);
                    format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 5\r\n\r\nhello")
                }
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let series = "transport = \"polling\"\ninterval = \"50ms\"\nconditional = true";
    let (world, output) = run(address, series, "");
    let (row, text) = (row(&world), said(&output));
    for none in ["faults", "reconnects", "audit_ledger_bytes"] {
        assert_eq!(number(&row, none), 0.0, "{none}\n{text}");
    }
    assert!(UNCHANGED.load(Ordering::Relaxed) >= 10, "{text}");
    // Five bytes of payload with each new version and none with a 304, whose head is none that was discarded.
    let rows = world.csv("bytes.csv");
    let total = |layer: &str| {
        let of = |row: &&Row| {
            row["series"] == "it" && row["direction"] == "both" && row["layer"] == layer
        };
        rows.iter().filter(of).map(|row| number(row, "total")).sum::<f64>()
    };
    assert_eq!(total("payload_bytes"), 5.0 * CHANGED.load(Ordering::Relaxed) as f64, "{text}");
    assert_eq!(total("discarded_bytes"), 0.0, "{text}");
    assert!(number(&row, "completed") >= 20.0, "{text}");
}

#[test]
fn polls_without_a_server_or_engine_for_validators_are_refused() {
    let url = "[server]\nurl = \"http://127.0.0.1:9\"\n";
    let cases = [
        ("", "", "the answers of the bundled one have no ETag"),
        (url, "engine = \"reqwest\"\n", "the engine \"reqwest\" sends no validators here"),
    ];
    for (server, more, why) in cases {
        let world = World::new(&format!(
            "clients = [1]\n{server}[[series]]\ntransport = \"polling\"\n{more}conditional = true\n"
        ));
        let output = finish(&mut world.run(&[]));
        expect_code(&output, 2);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(why) && text.contains("conditional"), "{text}");
    }
}

#[test]
fn a_cursor_may_be_in_the_body_of_answer_and_request() {
    let (bodies, seen) = std::sync::mpsc::channel();
    let address = serve(move |mut stream| {
        for number in 1u64.. {
            let Some((_, body)) = request_with_body(&mut stream) else { return };
            let _ = bodies.send(body);
            std::thread::sleep(Duration::from_millis(100));
            let body = match number % 3 {
                // One in three has none.
                0 => "{\"items\":[]}".to_owned(),
                _ => format!("{{\"meta\":{{\"next\":{number}}}}}"),
            };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all((head + &body).as_bytes()).is_err() {
                return;
            }
        }
    });
    let series = "transport = \"long-polling\"\nmethod = \"POST\"\nbody = '{\"after\": 0}'\n\
                  cursor = \"/meta/next\"\ncursor_in = \"body:after\"";
    let (world, output) = run(address, series, "");
    let text = said(&output);
    assert_eq!(number(&row(&world), "faults"), 0.0, "{text}");
    assert_eq!(number(&row(&world), "audit_ledger_bytes"), 0.0, "{text}");
    let seen: Vec<String> = seen.try_iter().collect();
    for body in ["{\"after\": 0}", "{\"after\":1}", "{\"after\":2}"] {
        assert!(seen.iter().any(|found| found == body), "{body} {seen:?}");
    }
    assert!(!seen.iter().any(|found| found == "{\"after\":3}"), "{seen:?}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("answers had no `cursor` at the place"), "{words}");
}

/// Codes texts one after the other, each so that it can be read at once.
enum Coder {
    Flate(flate2::Compress),
    /// Whether the first text has come.
    Br(bool),
}

impl Coder {
    fn new(coding: &str) -> Coder {
        let level = flate2::Compression::default();
        match coding {
            "gzip" => Coder::Flate(flate2::Compress::new_gzip(level, 15)),
            "deflate" => Coder::Flate(flate2::Compress::new(level, true)),
            _ => Coder::Br(false),
        }
    }

    fn code(&mut self, text: &[u8]) -> Vec<u8> {
        match self {
            Coder::Flate(flate) => {
                let mut out = Vec::with_capacity(text.len() + 256);
                flate.compress_vec(text, &mut out, flate2::FlushCompress::Sync).expect("room");
                out
            }
            Coder::Br(begun) => {
                // RFC 7932 §9: the window once, no last block, four nibbles of length, uncompressed.
                let block = (text.len() as u32 - 1) << 3 | 1 << 19;
                let head = if *begun { block } else { 0xb | block << 4 };
                *begun = true;
                [&head.to_le_bytes()[..3], text].concat()
            }
        }
    }
}

/// A whole body.
fn coded(coding: &str, text: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match coding {
        "gzip" => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
            gzip.write_all(text).expect("memory");
            gzip.finish().expect("memory")
        }
        "deflate" => {
            let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
            zlib.write_all(text).expect("memory");
            zlib.finish().expect("memory")
        }
        "br" => [&Coder::Br(false).code(text)[..], b"\x03"].concat(),
        // RFC 8878 §3.1.1: a frame of one segment with its size, and a raw block, the last.
        _ => {
            let size = u8::try_from(text.len()).expect("a short text");
            [b"\x28\xb5\x2f\xfd\x20", &[size, size << 3 | 1, size >> 5, 0][..], text].concat()
        }
    }
}

/// Answers polls, or one request with a stream of which each message is flushed.
fn serve_coded(transport: &'static str, coding: &'static str) -> SocketAddr {
    serve(move |mut stream| {
        let field = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n");
        let is_stream = matches!(transport, "sse" | "streaming");
        let mut coder = Coder::new(coding);
        for sequence in 1.. {
            if sequence == 1 || !is_stream {
                let Some(head) = request(&mut stream) else { return };
                assert!(
                    head.contains(&format!("\r\nAccept-Encoding: x-gzip, {coding}\r\n")),
                    "{head}"
                );
            }
            std::thread::sleep(Duration::from_millis(50));
            let update = update(sequence);
            let text = match transport {
                "sse" => [b"data: ", &update[..], b"\n\n"].concat(),
                "streaming" => [&update[..], b"\n"].concat(),
                _ => update,
            };
            let answer = if is_stream {
                let head = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
                let head = if sequence == 1 { format!("{field}{head}") } else { String::new() };
                [head.as_bytes(), &chunk(&coder.code(&text))].concat()
            } else {
                let body = coded(coding, &text);
                [format!("{field}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body]
                    .concat()
            };
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    })
}

#[test]
fn compressed_answers_that_were_asked_for_are_read() {
    let polls = ["polling", "long-polling"]
        .into_iter()
        .flat_map(|poll| ["gzip", "deflate", "br", "zstd"].map(|coding| (poll, coding)));
    let streams = ["sse", "streaming"]
        .into_iter()
        .flat_map(|stream| ["gzip", "deflate", "br"].map(|coding| (stream, coding)));
    at_once(polls.chain(streams), |(transport, coding)| {
        let address = serve_coded(transport, coding);
        let more = match transport {
            "polling" => "interval = \"100ms\"",
            "streaming" => "delimiter = \"line\"",
            _ => "",
        };
        let series =
            format!("transport = {transport:?}\naccept_encoding = \"x-gzip, {coding}\"\n{more}");
        let (world, output) = run(address, &series, "");
        let (row, text) = (row(&world), said(&output));
        assert!(number(&row, "updates_delivered") >= 10.0, "{series}\n{text}");
        for none in ["lost", "faults", "audit_ledger_bytes", "audit_kernel_bytes"] {
            assert_eq!(number(&row, none), 0.0, "{series}: {none}\n{text}");
        }
        let completed = number(&row, "completed");
        assert_eq!(number(&row, "message_bytes_down"), 21.0 * completed, "{series}\n{text}");
        assert_ne!(number(&row, "payload_bytes_down_per_message"), 21.0, "{series}\n{text}");
        assert!(number(&row, "delivery_latency_count") >= 10.0, "{series}\n{text}");
        assert!(text.contains("messages came compressed: "), "{text}");
        assert!(!text.contains("not asked for"), "{text}");
    });
}

#[test]
fn a_compressed_body_of_nothing_is_nothing_new() {
    at_once(["polling\"\ninterval = \"100ms", "long-polling"], |transport| {
        let address = serve(|mut stream| {
            let statuses = ["204 No Content", "304 Not Modified", "200 OK"].into_iter().cycle();
            for status in statuses {
                if request(&mut stream).is_none() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(120));
                let fields = "Content-Encoding: gzip\r\nContent-Length: 0\r\n";
                let answer = format!("HTTP/1.1 {status}\r\n{fields}\r\n");
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        });
        let series =
            format!("transport = \"{transport}\"\naccept_encoding = \"gzip\"\nhold = \"150ms\"");
        let series = if series.contains("long") { series } else { series.replace("hold", "#") };
        let (world, output) = run(address, &series, "");
        let (row, text) = (row(&world), said(&output));
        assert!(number(&row, "completed") >= 10.0, "{text}");
        assert_eq!(number(&row, "empty_polls"), number(&row, "completed"), "{text}");
        assert_eq!(
            (number(&row, "faults"), number(&row, "message_bytes_down")),
            (0.0, 0.0),
            "{text}"
        );
        assert!(!text.contains("compressed"), "{text}");
    });
}

#[test]
fn a_body_that_is_a_thousand_times_as_long_as_what_was_sent_is_read_in_pieces() {
    const TEXT: usize = 2_000_000;
    let series = ["transport = \"polling\"\ninterval = \"500ms\"", "transport = \"streaming\""];
    at_once(series, |series| {
        let address = serve(|mut stream| {
            let text = [&vec![b' '; TEXT][..], b"\n"].concat();
            let body = coded("gzip", &text);
            assert!(body.len() * 900 < TEXT);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n"
            );
            while request(&mut stream).is_some() {
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        let series = format!("{series}\naccept_encoding = \"gzip\"");
        let (world, output) = run(address, &series, "");
        let (row, text) = (row(&world), said(&output));
        let completed = number(&row, "completed");
        assert!(completed >= 1.0, "{text}");
        let per_message = number(&row, "message_bytes_down") / completed;
        assert!((TEXT as f64..=TEXT as f64 + 1.0).contains(&per_message), "{per_message} {text}");
        assert!(number(&row, "payload_bytes_down_per_message") < 2_300.0, "{text}");
        assert_eq!(number(&row, "audit_ledger_bytes"), 0.0, "{text}");
    });
}

#[test]
fn a_coding_that_was_not_asked_for_is_named() {
    let series = [
        "transport = \"polling\"",
        "transport = \"long-polling\"",
        "transport = \"sse\"",
        "transport = \"streaming\"",
    ];
    at_once(series, |series| {
        let address = serve(|mut stream| {
            while request(&mut stream).is_some() {
                std::thread::sleep(Duration::from_millis(20));
                let body = coded("br", &update(1));
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: br\r\n\
                     Content-Length: {}\r\n\r\n",
                    body.len()
                );
                if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
                    return;
                }
            }
        });
        let (_, output) = run(address, &format!("{series}\naccept_encoding = \"gzip\""), "");
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        let named = "compressed (Content-Encoding \"br\"), which was not asked for";
        let named = text.contains(named)
            || text.contains(&named.replace("compressed", "a compressed body"));
        assert!(named, "{series}: {text}");
    });
}

#[test]
fn a_coding_that_was_not_asked_for_is_why_no_time_and_no_number_was_found() {
    let ways = [
        "transport = \"polling\"\ninterval = \"100ms\"",
        "transport = \"polling\"\ninterval = \"100ms\"\nengine = \"reqwest\"",
        "transport = \"long-polling\"",
    ];
    let places = ["time = \"/t\"", "sequence = \"/seq\""];
    let cases = ways.iter().flat_map(|way| places.map(|place| (way, place)));
    at_once(cases, |(way, place)| {
        let address = serve(|mut stream| {
            while request(&mut stream).is_some() {
                std::thread::sleep(Duration::from_millis(20));
                let body = coded("gzip", b"{\"t\": 1, \"seq\": 1}");
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
                    return;
                }
            }
        });
        let (_, output) = run(address, way, &format!("\n[message]\n{place}"));
        expect_code(&output, 96);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        for wanted in [
            "the answers are compressed (Content-Encoding \"gzip\"), which was not asked for, so that \
             nothing could be read in them",
            "Set accept_encoding = \"gzip\" in the series, or take Accept-Encoding out of the request.",
        ] {
            assert!(text.contains(wanted), "{way}, {place}: {wanted}\n{text}");
        }
        assert!(!text.contains("where the scenario says"), "{way}, {place}: {text}");
    });
}

#[test]
fn a_body_that_is_not_what_its_coding_says_is_an_error() {
    let series =
        ["transport = \"polling\"", "transport = \"long-polling\"", "transport = \"streaming\""];
    at_once(series, |series| {
        let address = serve(|mut stream| {
            while request(&mut stream).is_some() {
                let head =
                    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello";
                if stream.write_all(head).is_err() {
                    return;
                }
            }
        });
        let (_, output) = run(address, &format!("{series}\naccept_encoding = \"gzip\""), "");
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("not what its Content-Encoding says"), "{series}: {text}");
    });
}

#[test]
fn a_stream_whose_coding_breaks_is_opened_again() {
    let address = serve(|mut stream| {
        let _ = request(&mut stream);
        let mut coder = Coder::new("gzip");
        let head =
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut open = stream.write_all(head).is_ok();
        for sequence in 1..=3 {
            let line = [&update(sequence)[..], b"\n"].concat();
            open = open && stream.write_all(&chunk(&coder.code(&line))).is_ok();
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = stream.write_all(&chunk(&[0xff; 40]));
        // The client closes.
        let _ = request(&mut stream);
    });
    let series = "transport = \"streaming\"\ndelimiter = \"line\"\nreconnect = \"50ms\"\n\
                  accept_encoding = \"gzip\"";
    let (world, output) = run(address, series, "");
    let (row, text) = (row(&world), said(&output));
    assert!(number(&row, "completed") > 10.0 && number(&row, "reconnects") > 3.0, "{text}");
    for none in ["audit_ledger_bytes", "audit_kernel_bytes"] {
        assert_eq!(number(&row, none), 0.0, "{none}\n{text}");
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("not what its Content-Encoding says"), "{text}");
}

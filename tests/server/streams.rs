//! Responses that take a while or never end, byte for byte over raw sockets.

use super::wire::{Bench, quick, read_head, spec, upgrade};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};
use wsbench::internals::feed::{PayloadKind, Semantics, Spec, Stamp, sequence_text};

fn get(bench: &Bench, path: &str, more: &str) -> TcpStream {
    let mut stream = bench.connect();
    ask(&mut stream, path, more);
    stream
}

fn ask(stream: &mut TcpStream, path: &str, more: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
}

fn bytes(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut out = vec![0; count];
    stream.read_exact(&mut out).unwrap();
    out
}

fn stamp(payload: &[u8]) -> Stamp {
    Stamp::read(PayloadKind::Text, payload).unwrap()
}

/// Ten updates a second.
fn ten() -> Spec {
    Spec { rate_hz: 10.0, ..spec() }
}

#[test]
fn each_update_is_a_chunk_of_27_bytes() {
    let bench = Bench::with(ten(), quick());
    let mut stream = get(&bench, "/stream", "");
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
    let mut last = None;
    for _ in 0..5 {
        let chunk = bytes(&mut stream, 27);
        assert!(chunk.starts_with(b"15\r\n") && chunk.ends_with(b"\r\n"), "{chunk:?}");
        let sequence = stamp(&chunk[4..25]).sequence;
        assert!(last.is_none_or(|last| sequence == last + 1));
        last = Some(sequence);
    }
}

#[test]
fn an_event_has_an_id_and_a_client_gets_what_follows_its_last_event_id() {
    let bench = Bench::with(ten(), quick());
    // One source address is one topic; the port does not matter.
    let mut first = get(&bench, "/events", "");
    let head = read_head(&mut first);
    assert!(head.contains("Content-Type: text/event-stream\r\n"), "{head}");
    let chunk = bytes(&mut first, 47);
    let sequence = stamp(&chunk[4 + 12 + 6..4 + 12 + 6 + 21]).sequence;
    let id = format!("id: {}\ndata: ", sequence_text(sequence));
    assert!(chunk.starts_with(b"29\r\n") && chunk.ends_with(b"\n\n\r\n"), "{chunk:?}");
    assert_eq!(&chunk[4..4 + 18], id.as_bytes());
    // What was published meanwhile arrives at once, without a gap or a repeat.
    std::thread::sleep(Duration::from_millis(350));
    let last = format!("Last-Event-ID: {}\r\n", sequence_text(1));
    let mut again = get(&bench, "/events", &last);
    read_head(&mut again);
    for expected in 2..5 {
        let chunk = bytes(&mut again, 47);
        assert_eq!(stamp(&chunk[22..43]).sequence, expected);
    }
}

#[test]
fn a_heartbeat_is_a_comment_if_nothing_else_is_sent() {
    let bench = Bench::with(Spec { rate_hz: 1e-5, ..spec() }, quick());
    let mut stream = get(&bench, "/beats", "");
    read_head(&mut stream);
    for _ in 0..3 {
        assert_eq!(bytes(&mut stream, 8), b"3\r\n:\n\n\r\n");
    }
}

#[test]
fn a_websocket_is_pinged_if_nothing_else_is_sent() {
    let bench = Bench::with(Spec { rate_hz: 1e-5, ..spec() }, quick());
    let mut stream = bench.connect();
    let head = upgrade(&[]).replacen("GET /ws ", "GET /ping ", 1);
    stream.write_all(head.as_bytes()).unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 101 "));
    for _ in 0..3 {
        assert_eq!(bytes(&mut stream, 2), [0x89, 0]);
        // An empty pong, masked with zeros.
        stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).unwrap();
    }
}

#[test]
fn a_held_request_gets_the_next_update_or_ends_empty() {
    let bench = Bench::with(Spec { semantics: Semantics::Log, ..ten() }, quick());
    let mut stream = get(&bench, "/held", "");
    let mut last = None;
    for _ in 0..4 {
        let head = read_head(&mut stream);
        match head.contains("Content-Length: 21\r\n") {
            true => {
                let sequence = stamp(&bytes(&mut stream, 21)).sequence;
                assert!(last.is_none_or(|last| sequence == last + 1));
                last = Some(sequence);
            }
            false => assert!(head.contains("Content-Length: 0\r\n"), "{head}"),
        }
        ask(&mut stream, "/held", "");
    }
    assert!(last.is_some());
    let rare = Bench::with(Spec { rate_hz: 1e-5, ..spec() }, quick());
    let began = Instant::now();
    let mut stream = get(&rare, "/held", "");
    assert!(read_head(&mut stream).contains("Content-Length: 0\r\n"));
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_client_that_has_gone_is_forgotten() {
    let bench = Bench::with(Spec { rate_hz: 1e-5, ..spec() }, quick());
    for path in ["/stream", "/events"] {
        let mut stream = get(&bench, path, "");
        read_head(&mut stream);
        assert_eq!(bench.running.open(), 1);
        stream.shutdown(Shutdown::Write).unwrap();
        // The server ends too, long before there is anything to send.
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0, "{path}");
        let began = Instant::now();
        while bench.running.open() > 0 && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(bench.running.open(), 0, "{path}");
    }
}

#[test]
fn draining_ends_streams_and_releases_what_is_held() {
    let bench = Bench::with(Spec { rate_hz: 1e-5, ..spec() }, quick());
    let mut stream = get(&bench, "/stream", "");
    read_head(&mut stream);
    let mut held = get(&bench, "/held", "");
    std::thread::sleep(Duration::from_millis(20));
    bench.running.drain(Duration::from_secs(5));
    // The last chunk, and the end.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"0\r\n\r\n");
    assert!(read_head(&mut held).contains("Content-Length: 0\r\n"));
}

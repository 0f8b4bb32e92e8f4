//! The reference server over raw sockets: exact bytes, right status and close codes, limits,
//! draining, and totals that agree with the clients'.

mod streams;
mod wire;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use wire::*;
use wsbench::internals::feed::{PayloadKind, Semantics, Spec, Stamp, Workload};
use wsbench::internals::server;
use wsbench::internals::server::{Config, Limits};
use wsbench::internals::time::now_ns;

#[test]
fn the_chapters_exchange_is_sent_byte_for_byte() {
    let bench = Bench::start();
    let mut stream = bench.connect();
    let mut last = 0;
    for _ in 0..20 {
        stream.write_all(CHAPTER_REQUEST).unwrap();
        let stamp = read_poll(&mut stream);
        let age = now_ns() - stamp.published_ns;
        assert!(stamp.sequence >= last && age < 1_000_000_000, "{stamp:?} is {age} ns old");
        last = stamp.sequence;
        std::thread::sleep(Duration::from_millis(7));
    }
    assert!(last > 5);
}

#[test]
fn pipelined_and_split_requests_are_all_answered() {
    let bench = Bench::start();
    let mut stream = bench.connect();
    stream.write_all(&CHAPTER_REQUEST.repeat(50)).unwrap();
    for _ in 0..50 {
        read_poll(&mut stream);
    }
    for at in 1..CHAPTER_REQUEST.len() {
        stream.write_all(&CHAPTER_REQUEST[..at]).unwrap();
        if at % 40 == 1 {
            // So that the server sometimes reads the pieces separately.
            std::thread::sleep(Duration::from_millis(2));
        }
        stream.write_all(&CHAPTER_REQUEST[at..]).unwrap();
        read_poll(&mut stream);
    }
    assert_eq!(bench.running.totals().requests, 50 + CHAPTER_REQUEST.len() as u64 - 1);
}

/// A poll that hyper answers.
fn poll_by_hyper() -> Vec<u8> {
    let text = std::str::from_utf8(CHAPTER_REQUEST).unwrap();
    text.replacen("\r\n", "\r\nContent-Length: 0\r\n", 1).into_bytes()
}

#[test]
fn a_poll_is_answered_with_the_same_bytes_with_hyper_and_without() {
    let bench = Bench::start();
    let mut stream = bench.connect();
    let mut ask = |polls: &[&[u8]], cut: usize| {
        let bytes = polls.concat();
        stream.write_all(&bytes[..cut]).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        stream.write_all(&bytes[cut..]).unwrap();
        // It reads as many bytes as a poll has, and compares the head.
        polls.iter().for_each(|_| _ = read_poll(&mut stream));
    };
    let (plain, by_hyper) = (CHAPTER_REQUEST, &poll_by_hyper()[..]);
    let orders: [&[&[u8]]; 5] = [
        &[plain, by_hyper, plain],
        &[by_hyper, plain],
        &[by_hyper],
        &[by_hyper, by_hyper, plain, plain],
        &[plain],
    ];
    let mut polls = 0;
    for order in orders {
        for cut in [0, 1, 400, 716, 717, 730] {
            ask(order, cut.min(716 * order.len() - 1));
            polls += order.len() as u64;
        }
    }
    // More answers than are written at once.
    stream.write_all(&plain.repeat(2_000)).unwrap();
    (0..2_000).for_each(|_| _ = read_poll(&mut stream));
    assert_eq!(bench.running.totals().requests, polls + 2_000);
}

#[test]
fn after_a_message_whose_body_came_late_a_client_may_wait() {
    let bench = workload(Workload::Echo);
    let mut stream = bench.connect();
    for wait in [30, 500, 0] {
        let message = post(b"exactly twenty-one by");
        let (head, body) = message.split_at(message.len() - 21);
        stream.write_all(head).unwrap();
        std::thread::sleep(Duration::from_millis(30));
        stream.write_all(body).unwrap();
        let mut answer = vec![0; CHAPTER_RESPONSE.len() + 21];
        stream.read_exact(&mut answer).unwrap();
        assert!(answer.ends_with(b"\r\n\r\nexactly twenty-one by"));
        // Longer than a head may take: a body is no head that has begun.
        std::thread::sleep(Duration::from_millis(wait));
    }
}

#[test]
fn frames_behind_an_upgrade_are_not_lost_however_many_they_are() {
    let bench = workload(Workload::Echo);
    for (first, frames, bytes) in [(0, 12, 1000), (0, 2, 4100), (1, 12, 1000), (1, 3, 4000)] {
        let mut stream = bench.connect();
        let message = vec![b'x'; bytes];
        let frames = vec![frame(0x82, &message); frames];
        let all = [upgrade(&[]).as_bytes(), &frames.concat()].concat();
        // In one piece, or with the head's first bytes in another.
        stream.write_all(&all[..first * 5]).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        stream.write_all(&all[first * 5..]).unwrap();
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 101 "));
        for _ in &frames {
            let mut echo = vec![0; 4 + bytes];
            stream.read_exact(&mut echo).unwrap();
            assert_eq!(echo[..2], [0x82, 126]);
            assert_eq!(echo[4..], message);
        }
    }
}

#[test]
fn a_head_that_begins_behind_a_poll_is_late_too() {
    let bench = Bench::start();
    let mut stream = bench.connect();
    stream.write_all(&[CHAPTER_REQUEST, b"GET /Poll"].concat()).unwrap();
    read_poll(&mut stream);
    let answer = read_to_end(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
}

/// A poll that the thread answers itself and one that hyper answers, each without TLS and with it.
fn each_way_to_answer(by_hyper: &[u8]) -> [(&[u8], bool); 4] {
    [(CHAPTER_REQUEST, false), (by_hyper, false), (CHAPTER_REQUEST, true), (by_hyper, true)]
}

#[test]
fn no_408_is_written_into_an_answer_that_the_client_does_not_take() {
    for (poll, tls) in each_way_to_answer(&poll_by_hyper()) {
        // More than the sockets hold: the server blocks within an answer, and heads come meanwhile.
        let (_bench, mut stream) = long_answers(quick(), tls);
        for _ in 0..250 {
            stream.write_all(poll).unwrap();
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(600));
        let mut answer = vec![0; CHAPTER_RESPONSE.len() + 3 + 60_000];
        for number in 0..250 {
            stream.read_exact(&mut answer).unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{number}");
        }
    }
}

#[test]
fn a_client_that_ends_with_its_request_gets_its_answer_every_time() {
    let bench = Bench::start();
    for _ in 0..200 {
        // The server may read the request and the end of the stream at once.
        let mut stream = bench.connect();
        stream.write_all(CHAPTER_REQUEST).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_poll(&mut stream);
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    let bench = Bench::start();
    let mut stream = bench.connect();
    stream.write_all(CHAPTER_REQUEST).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_poll(&mut stream);
    assert_eq!(read_to_end(&mut stream), "");
}

#[test]
fn what_cannot_be_answered_gets_the_right_status() {
    let bench = Bench::start();
    let close = "Host: x\r\nConnection: close\r\n";
    let starts = |bytes: &str, status: &str| {
        let answer = bench.ask(bytes.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes:.60}: {answer}");
        answer
    };
    starts("nonsense\r\n\r\n", "400");
    let unknown = starts(&format!("GET /no HTTP/1.1\r\n{close}\r\n"), "404");
    assert!(unknown.contains("\n  /PollingStock//PollingStock\n"), "{unknown}");
    assert!(unknown.contains("\n  /ws\n"), "{unknown}");
    for path in [PATH, "/ws", "/stream", "/events", "/held"] {
        let post = format!("POST {path} HTTP/1.1\r\n{close}Content-Length: 3\r\n\r\nabc");
        let refused = starts(&post, "405");
        assert!(refused.contains("\r\nAllow: GET\r\n"), "{refused}");
        starts(&format!("HEAD {path} HTTP/1.1\r\n{close}\r\n"), "405");
    }
    starts(&format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(70_000)), "431");
    starts(&format!("GET / HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(101)), "431");
}

#[test]
fn a_large_body_does_not_destroy_the_answer() {
    let bench = Bench::start();
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n");
    let answer = bench.ask(&[head.as_bytes(), &vec![b'x'; 600_000]].concat());
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[test]
fn however_much_a_client_sends_behind_the_last_request_it_gets_the_answer() {
    let bench = Bench::start();
    let close = format!("GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let post = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n");
    let rubbish = vec![b'x'; 8_000_000];
    for (head, behind, status) in [
        (close.as_bytes(), rubbish.clone(), 200),
        (close.as_bytes(), CHAPTER_REQUEST.repeat(11_000), 200),
        (post.as_bytes(), rubbish.clone(), 405),
        (b"nonsense\r\n\r\n", rubbish, 400),
    ] {
        let answer = bench.ask(&[head, &behind].concat());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
}

#[test]
fn upgrades_that_lack_a_part_are_refused() {
    let bench = Bench::start();
    for (change, status) in [
        (("Upgrade", ""), "426"),
        (("Connection", "keep-alive"), "426"),
        (("Sec-WebSocket-Version", "8"), "426"),
        (("Sec-WebSocket-Key", "c2hvcnQ="), "400"),
        (("Sec-WebSocket-Key", ""), "400"),
    ] {
        let mut stream = bench.connect();
        stream.write_all(upgrade(&[change]).as_bytes()).unwrap();
        let answer = read_head(&mut stream);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{change:?}: {answer}");
        if change.0 == "Sec-WebSocket-Version" {
            assert!(answer.contains("\r\nSec-Websocket-Version: 13\r\n"), "{answer}");
        }
    }
}

#[test]
fn a_head_that_does_not_end_is_answered_with_408_and_an_idle_client_is_left_alone() {
    let bench = Bench::start();
    let mut idle = bench.connect();
    let mut polled = bench.connect();
    polled.write_all(CHAPTER_REQUEST).unwrap();
    read_poll(&mut polled);
    let mut dripping = bench.connect();
    let began = Instant::now();
    let answer = loop {
        // A byte from time to time must not extend the limit.
        let sent = dripping.write_all(b"GET / HTTP/1.1\r\n".get(..1).unwrap());
        dripping.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut byte = [0; 256];
        match dripping.read(&mut byte) {
            Ok(n) => break String::from_utf8(byte[..n].to_vec()).unwrap(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => sent.unwrap(),
            Err(error) => panic!("{error}"),
        }
    };
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!((150..2000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    for stream in [&mut idle, &mut polled] {
        stream.write_all(CHAPTER_REQUEST).unwrap();
        read_poll(stream);
    }
}

#[test]
fn an_idle_client_is_closed_in_the_end() {
    let limits = Limits { idle: Duration::from_millis(200), ..quick() };
    let bench = Bench::with(spec(), limits);
    let mut stream = bench.connect();
    stream.write_all(CHAPTER_REQUEST).unwrap();
    read_poll(&mut stream);
    assert_eq!(read_to_end(&mut stream), "");
    // A WebSocket is never idle, even if it sends nothing.
    let mut socket = bench.upgrade();
    (0..60).for_each(|_| assert_eq!(read_frame(&mut socket).0, 0x81));
}

#[test]
fn a_connection_of_http2_has_no_limits_for_a_head_once_a_request_is_answered() {
    // The settings of the client, and a request of static fields (RFC 7541, appendix A) with `:authority` h.
    const REQUEST: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\
                             \0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01h";
    // A ping, and its answer (RFC 9113, 6.7).
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0eight by";
    const PONG: &[u8] = b"\0\0\x08\x06\x01\0\0\0\0eight by";
    let bench = Bench::with(spec(), quick());
    let mut stream = bench.connect();
    stream.write_all(REQUEST).unwrap();
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    // Bytes that come after a request are no head that has begun, however long nothing else is asked.
    for pings in 1..=8 {
        stream.write_all(PING).unwrap();
        while read.windows(PONG.len()).filter(|bytes| *bytes == PONG).count() < pings {
            let len = stream.read(&mut buffer).unwrap();
            assert!(len > 0, "closed after {pings} pings");
            read.extend_from_slice(&buffer[..len]);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn every_update_arrives_once_and_in_order_and_pings_are_answered() {
    let bench = Bench::with(Spec { rate_hz: 1000.0, ..spec() }, quick());
    let mut stream = bench.upgrade();
    stream.write_all(&frame(0x89, b"hello")).unwrap();
    let (mut next, mut pongs) = (None, 0);
    while next.is_none_or(|n: u64| n < 500) {
        match read_frame(&mut stream) {
            (0x81, payload) => {
                let stamp = Stamp::read(PayloadKind::Text, &payload).unwrap();
                assert!(now_ns() >= stamp.published_ns, "before it was published");
                assert_eq!(stamp.sequence, next.unwrap_or(stamp.sequence));
                next = Some(stamp.sequence + 1);
            }
            (0x8a, payload) => {
                assert_eq!(payload, b"hello");
                pongs += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(pongs, 1);
}

#[test]
fn faults_of_a_websocket_client_are_closed_with_the_right_code() {
    let bench = Bench::start();
    let mut close = 1000u16.to_be_bytes().to_vec();
    close.extend(b"bye");
    for (bytes, code) in [
        (frame(0x88, &close), 1000),
        // Not masked.
        (vec![0x81, 0x01, b'x'], 1002),
        // A reserved bit.
        (frame(0xc1, b"x"), 1002),
        // A control frame in pieces.
        (frame(0x09, b"x"), 1002),
        // A continuation of nothing.
        (frame(0x80, b"x"), 1002),
        (frame(0x81, &[0xff, 0xfe]), 1007),
        (frame(0x82, &[0; 70_000]), 1009),
    ] {
        let mut stream = bench.upgrade();
        stream.write_all(&bytes).unwrap();
        assert_eq!(close_code(&mut stream), code, "{:?}", &bytes[..2]);
    }
}

#[test]
fn a_frame_right_behind_the_upgrade_is_not_lost() {
    let bench = Bench::start();
    let mut stream = bench.connect();
    let both = [upgrade(&[]).into_bytes(), frame(0x89, b"early")].concat();
    stream.write_all(&both).unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 101 "));
    let pong = std::iter::repeat_with(|| read_frame(&mut stream)).take(5).find(|f| f.0 == 0x8a);
    assert_eq!(pong.unwrap().1, b"early");
}

#[test]
fn a_draining_server_closes_each_connection_by_its_protocol() {
    let bench = Bench::start();
    let mut poller = bench.connect();
    poller.write_all(CHAPTER_REQUEST).unwrap();
    read_poll(&mut poller);
    let mut fresh = bench.connect();
    let mut socket = bench.upgrade();
    let address = bench.running.address();
    while bench.running.open() < 3 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let began = Instant::now();
    bench.running.drain(Duration::from_secs(20));
    assert_eq!(read_to_end(&mut poller), "");
    assert_eq!(read_to_end(&mut fresh), "");
    // The client answers the server's Close; the server waits for the answer.
    loop {
        let (first, payload) = read_frame(&mut socket);
        if first == 0x88 {
            assert_eq!(payload[..2], 1001u16.to_be_bytes());
            break;
        }
    }
    socket.write_all(&frame(0x88, &1001u16.to_be_bytes())).unwrap();
    assert_eq!(socket.read(&mut [0]).unwrap(), 0);
    drop((poller, fresh, socket));
    let totals = bench.running.finish().unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!((totals.connections, totals.open), (3, 0));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn what_is_left_after_the_drains_limit_is_cut() {
    let bench = Bench::start();
    let _deaf = bench.upgrade();
    let began = Instant::now();
    bench.running.drain(Duration::from_millis(300));
    let totals = bench.running.finish().unwrap();
    assert!((250..2000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(totals.connections, 1);
}

/// A server whose answers are long, and a connection to it; `tls` if with TLS, which may hold an answer
/// that the client does not take.
fn long_answers(limits: Limits, tls: bool) -> (Bench, Box<dyn ReadWrite>) {
    let spec = Spec { payload_bytes: 60_000, ..spec() };
    if !tls {
        let bench = Bench::with(spec, limits);
        let stream = bench.connect();
        return (bench, Box::new(stream));
    }
    let (bench, config) = Bench::with_tls(spec, limits);
    let name = "127.0.0.1".try_into().expect("an address");
    let client = rustls::ClientConnection::new(config, name).expect("a connection");
    let stream = rustls::StreamOwned::new(client, bench.connect());
    (bench, Box::new(stream))
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// A client that takes nothing of its answers until the server cannot write: which server, and how
/// many bytes an answer has.
fn blocked(limits: Limits, poll: &[u8], tls: bool) -> (Bench, Box<dyn ReadWrite>, usize) {
    let (bench, mut stream) = long_answers(limits, tls);
    // Two digits more for the length in the head, and a payload in place of the chapter's.
    let answer = CHAPTER_RESPONSE.len() + 3 + 60_000;
    let mut sent = bench.running.totals().sent;
    loop {
        for _ in 0..50 {
            stream.write_all(poll).unwrap();
            std::thread::sleep(Duration::from_millis(2));
        }
        let now = bench.running.totals().sent;
        if now == sent && now > 0 {
            return (bench, stream, answer);
        }
        sent = now;
    }
}

#[test]
fn a_draining_server_waits_for_a_client_that_takes_its_answer_and_not_for_one_that_does_not() {
    for (poll, tls) in each_way_to_answer(&poll_by_hyper()) {
        let (bench, mut stream, answer) = blocked(quick(), poll, tls);
        bench.running.drain(Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(bench.running.open(), 1, "the answer is on its way");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("no reset");
        assert_eq!(bytes.len() % answer, 0, "the last answer is whole");
        drop(stream);
        assert_eq!(bench.running.finish().unwrap().open, 0);

        let (bench, stream, _) = blocked(quick(), poll, tls);
        let began = Instant::now();
        bench.running.drain(Duration::from_millis(300));
        // Its thread would not end if it waited for the client.
        bench.running.finish().unwrap();
        assert!(began.elapsed() >= Duration::from_millis(250), "{:?}", began.elapsed());
        drop(stream);
    }
}

#[test]
fn a_client_that_takes_no_answer_is_closed_as_an_idle_one() {
    let (idle, linger) = (Duration::from_millis(400), Duration::from_millis(200));
    for (poll, tls) in each_way_to_answer(&poll_by_hyper()) {
        let (bench, stream, _) = blocked(Limits { idle, linger, ..quick() }, poll, tls);
        let deadline = Instant::now() + Duration::from_secs(20);
        while bench.running.open() > 0 {
            assert!(Instant::now() < deadline, "it is still open");
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(stream);
    }
}

#[test]
fn a_second_server_on_the_port_is_refused() {
    for threads in [1, 2] {
        let first = config(spec(), quick());
        let first = server::start(Config { threads, ..first }).unwrap();
        let second = Config { bind: first.address(), threads, ..config(spec(), quick()) };
        let failure = server::start(second).err().unwrap();
        assert!(failure.message.contains("address in use"), "{failure}");
    }
}

/// Bytes that a client sent and received.
fn chat(address: SocketAddr, kind: usize) -> (u64, u64) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (up, stop) = match kind % 4 {
        0 => (CHAPTER_REQUEST.repeat(7), None),
        1 => (upgrade(&[]).into_bytes(), Some(frame(0x88, &1000u16.to_be_bytes()))),
        2 => (b"GET /no HTTP/1.1\r\nHost: x\r\n\r\nrubbish\r\n\r\n".to_vec(), None),
        _ => (vec![b'x'; 100_000], None),
    };
    stream.write_all(&up).unwrap();
    let (mut sent, mut received) = (up.len() as u64, 0);
    let mut buffer = [0; 4096];
    if let Some(stop) = stop {
        while received < 500 {
            received += stream.read(&mut buffer).unwrap() as u64;
        }
        stream.write_all(&stop).unwrap();
        sent += stop.len() as u64;
    } else {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => return (sent, received),
            n => received += n as u64,
        }
    }
}

#[test]
fn the_servers_totals_agree_with_the_clients() {
    let bench = Bench::start();
    let address = bench.running.address();
    let clients: Vec<_> =
        (0..16).map(|kind| std::thread::spawn(move || chat(address, kind))).collect();
    let (mut sent, mut received) = (0, 0);
    for client in clients {
        let (up, down) = client.join().unwrap();
        sent += up;
        received += down;
    }
    // Read while the connections are open, and again after the end.
    bench.running.totals();
    bench.running.drain(Duration::from_secs(10));
    let totals = bench.running.finish().unwrap();
    assert_eq!((totals.received, totals.sent), (sent, received));
    assert_eq!(totals.connections, 16);
    assert!(totals.pushed > 0);
}

fn workload(workload: Workload) -> Bench {
    let spec = Spec { workload, semantics: Semantics::Log, ..spec() };
    let config = Config { threads: 1, ..config(spec, quick()) };
    Bench { running: server::start(config).unwrap() }
}

fn post(body: &[u8]) -> Vec<u8> {
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[test]
fn an_echo_answers_text_with_text_and_bytes_with_bytes() {
    let bench = workload(Workload::Echo);
    let mut stream = bench.upgrade();
    for (first, payload) in [(0x81, &b"as it was"[..]), (0x82, &[0, 255, 7]), (0x81, b"")] {
        stream.write_all(&frame(first, payload)).unwrap();
        assert_eq!(read_frame(&mut stream), (first, payload.to_vec()));
    }
    let mut stream = bench.connect();
    stream.write_all(&post(b"exactly twenty-one by")).unwrap();
    let mut answer = vec![0; CHAPTER_RESPONSE.len() + 21];
    stream.read_exact(&mut answer).unwrap();
    assert!(answer.ends_with(b"\r\n\r\nexactly twenty-one by"));
    assert_eq!(without_date(&answer[..CHAPTER_RESPONSE.len()]), without_date(CHAPTER_RESPONSE));
}

/// RFC 9112 §9.6: a client may end its direction right behind its last request.
#[test]
fn a_message_is_answered_if_the_clients_end_comes_right_behind_it() {
    let bench = workload(Workload::Echo);
    let message = post(b"exactly twenty-one by");
    let head = message.len() - 21;
    for _ in 0..40 {
        let mut stream = bench.connect();
        stream.write_all(&message[..head]).unwrap();
        // So that the server has the head before the rest comes with the end.
        std::thread::sleep(Duration::from_millis(3));
        stream.write_all(&message[head..]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.ends_with(b"\r\n\r\nexactly twenty-one by"), "{} bytes", answer.len());
    }
    // A message that is cut is not awaited.
    let mut stream = bench.connect();
    stream.write_all(&message[..head + 5]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{} bytes", answer.len());
}

#[test]
fn the_beginning_of_a_message_that_breaks_the_protocol_is_sent_to_nobody() {
    let bench = workload(Workload::Echo);
    // A character that the message's end cuts.
    let mut broken = bench.upgrade();
    broken.write_all(&frame(0x81, b"secret \xe2\x82")).unwrap();
    assert_eq!(close_code(&mut broken), 1007);
    let mut other = bench.upgrade();
    other.write_all(&frame(0x81, b"plain")).unwrap();
    assert_eq!(read_frame(&mut other), (0x81, b"plain".to_vec()));
}

#[test]
fn the_message_limit_is_a_setting_and_a_message_of_the_feed_always_fits() {
    let large = Spec { payload_bytes: 200_000, ..spec() };
    for (spec, most) in [
        (Spec { message_limit_bytes: 1_000, ..spec() }, 1_000),
        (Spec { message_limit_bytes: 1_000_000, ..spec() }, 1_000_000),
        (large, 200_000),
    ] {
        let spec = Spec { workload: Workload::Echo, ..spec };
        let bench = Bench::with(spec, quick());
        let mut stream = bench.upgrade();
        stream.write_all(&frame(0x82, &vec![7; most])).unwrap();
        let mut header = [0; 2];
        stream.read_exact(&mut header).unwrap();
        let mut length = vec![0; if header[1] == 127 { 8 } else { 2 }];
        stream.read_exact(&mut length).unwrap();
        let length = length.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte));
        assert_eq!((header[0], length), (0x82, most));
        stream.read_exact(&mut vec![0; most]).unwrap();
        // One more byte, in one frame and in two.
        stream.write_all(&frame(0x82, &vec![7; most + 1])).unwrap();
        assert_eq!(close_code(&mut stream), 1009);
        let mut stream = bench.upgrade();
        stream.write_all(&frame(0x02, &vec![7; most])).unwrap();
        stream.write_all(&frame(0x80, &[7])).unwrap();
        assert_eq!(close_code(&mut stream), 1009);
        for (bytes, status) in [(most, "200"), (most + 1, "413")] {
            let mut stream = bench.connect();
            stream.write_all(&post(&vec![b'x'; bytes])).unwrap();
            let head = read_head(&mut stream);
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}: {head}");
        }
    }
}

#[test]
fn a_client_that_does_not_read_its_echoes_is_not_read_from_either() {
    let bench = workload(Workload::Echo);
    let mut stream = bench.upgrade();
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let message = frame(0x82, &[7; 60_000]);
    let mut sent = 0;
    // The server holds a message or two, and the sockets a few megabytes.
    while sent < 2_000 && stream.write_all(&message).is_ok() {
        sent += 1;
    }
    assert!(sent < 2_000, "the server reads without a limit");
    let mut header = [0; 4];
    let mut payload = vec![0; 60_000];
    for _ in 0..sent {
        stream.read_exact(&mut header).unwrap();
        assert_eq!(header, [0x82, 126, 0xea, 0x60]);
        stream.read_exact(&mut payload).unwrap();
        assert!(payload.iter().all(|&b| b == 7));
    }
}

#[test]
fn a_message_reaches_all_by_frame_and_by_post() {
    let bench = workload(Workload::Broadcast);
    let (mut one, mut other) = (bench.upgrade(), bench.upgrade());
    let mut poller = bench.connect();
    poller.write_all(CHAPTER_REQUEST).unwrap();
    assert!(read_head(&mut poller).contains("\r\nContent-Length: 0\r\n"));
    one.write_all(&frame(0x81, b"first")).unwrap();
    for stream in [&mut one, &mut other] {
        assert_eq!(read_frame(stream), (0x81, b"first".to_vec()));
    }
    let mut poster = bench.connect();
    poster.write_all(&post(b"second")).unwrap();
    assert_eq!(read_head(&mut poster), "HTTP/1.1 204 No Content\r\n\r\n");
    for stream in [&mut one, &mut other] {
        assert_eq!(read_frame(stream), (0x81, b"second".to_vec()));
    }
    poller.write_all(CHAPTER_REQUEST).unwrap();
    assert!(read_head(&mut poller).contains("\r\nContent-Length: 12\r\n"));
    let mut body = [0; 12];
    poller.read_exact(&mut body).unwrap();
    assert_eq!(&body, b"first\nsecond");
    poster.write_all(&post(&vec![b'x'; 70_000])).unwrap();
    assert!(read_head(&mut poster).starts_with("HTTP/1.1 413 "));
}

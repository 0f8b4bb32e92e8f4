//! What servers may do as browsers allow it, and what is pointed out to the reader without being an
//! error.

use crate::bodies::update;
use crate::external::{request, row, run};
use crate::support::{answer_upgrade, at_once, number, said, serve};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Answers every request after this time with what `answer` makes of the number of the request.
fn answers(pause: Duration, answer: fn(u64) -> Vec<u8>) -> SocketAddr {
    serve(move |mut stream| {
        for number in 1.. {
            if request(&mut stream).is_none() {
                return;
            }
            std::thread::sleep(pause);
            if stream.write_all(&answer(number)).is_err() {
                return;
            }
        }
    })
}

const POLLING: &str = "transport = \"polling\"\ninterval = \"100ms\"";
const LONG_POLLING: &str = "transport = \"long-polling\"";

#[test]
fn held_polls_that_are_answered_at_once_with_the_same_body_are_pointed_out() {
    let pause = Duration::from_millis(5);
    let same = answers(pause, |_| b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec());
    let other = answers(pause, |n| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{:05}", n % 100_000).into_bytes()
    });
    at_once([(same, true), (other, false)], |(address, is_named)| {
        let (_, output) = run(address, LONG_POLLING, "");
        let text = words(&said(&output));
        assert_eq!(text.contains("the server does not hold requests"), is_named, "{text}");
        assert_eq!(text.contains("take transport = \"polling\""), is_named, "{text}");
    });
}

#[test]
fn a_cookie_with_every_poll_is_pointed_out() {
    let reqwest = format!("{POLLING}\nengine = \"reqwest\"");
    at_once([POLLING, &reqwest, LONG_POLLING], |series| {
        let address = answers(Duration::from_millis(30), |n| {
            let field = format!("Set-Cookie: sid={n}\r\nContent-Length: 21\r\n");
            [format!("HTTP/1.1 200 OK\r\n{field}\r\n").as_bytes(), &update(n)].concat()
        });
        let (_, output) = run(address, series, "");
        let text = words(&said(&output));
        assert!(text.contains("each poll may have opened a session"), "{series}: {text}");
    });
    let once = answers(Duration::from_millis(5), |n| {
        let field = if n == 1 { "Set-Cookie: sid=1\r\n" } else { "" };
        format!("HTTP/1.1 200 OK\r\n{field}Content-Length: 0\r\n\r\n").into_bytes()
    });
    let (_, output) = run(once, POLLING, "");
    assert!(!said(&output).contains("session of its own"), "{}", said(&output));
}

#[test]
fn interim_answers_come_before_an_upgrade_and_frames_of_any_size_after_it() {
    const HINTS: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";
    const LARGE: usize = 17 << 20;
    at_once(["raw", "tungstenite"], |engine| {
        let address = serve(move |mut stream| {
            // The hints come with the answer, or, to the library, before it.
            let early = if engine == "raw" { HINTS.to_vec() } else { Vec::new() };
            if stream.write_all(&early).is_err() {
                return;
            }
            let lines = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Accept: {accept}\r\n";
            if answer_upgrade(&mut stream, lines).is_none() {
                return;
            }
            let mut large = vec![0x82, 127];
            large.extend_from_slice(&(LARGE as u64).to_be_bytes());
            large.resize(large.len() + LARGE, b'x');
            let mut open = engine != "raw" || stream.write_all(&large).is_ok();
            for number in 1.. {
                let frame = [&[0x81, 21][..], &update(number)].concat();
                open = open && stream.write_all(&frame).is_ok();
                if !open {
                    return;
                }
                std::thread::sleep(Duration::from_millis(200));
                stream.set_nonblocking(true).expect("a socket");
                let mut close = [0; 64];
                if matches!(stream.read(&mut close), Ok(n) if n == 0 || close[0] == 0x88) {
                    let _ = stream.write_all(&[0x88, 2, 3, 0xe8]);
                    return;
                }
                stream.set_nonblocking(false).expect("a socket");
            }
        });
        let series = format!("transport = \"websocket\"\nengine = \"{engine}\"");
        let (world, output) = run(address, &series, "");
        let (row, text) = (row(&world), said(&output));
        assert_eq!(number(&row, "clients_connected"), 2.0, "{engine}: {text}");
        assert!(number(&row, "updates_delivered") >= 10.0, "{engine}: {text}");
        for none in ["faults", "lost", "audit_ledger_bytes", "audit_kernel_bytes"] {
            assert_eq!(number(&row, none), 0.0, "{engine}: {none}\n{text}");
        }
    });
}

#[test]
fn an_answer_that_ends_its_connection_is_followed_by_the_next_at_once() {
    let ends = ["Content-Length: 21\r\n", ""];
    at_once(ends, |field| {
        let address = serve(move |mut stream| {
            if request(&mut stream).is_some() {
                std::thread::sleep(Duration::from_millis(100));
                let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{field}\r\n");
                let _ = stream.write_all(&[head.as_bytes(), &update(1)].concat());
            }
        });
        let (world, output) = run(address, &format!("{LONG_POLLING}\nreconnect = \"60s\""), "");
        let (row, text) = (row(&world), said(&output));
        assert_eq!(number(&row, "faults"), 0.0, "{text}");
        assert!(number(&row, "completed") >= 10.0, "{text}");
        assert!(number(&row, "reconnects") >= 10.0, "{text}");
    });
}

/// Servers write 408 into a connection on which nothing was asked for a while, and close it: the next
/// request goes on another one, and the 408 is not its answer.
#[test]
fn an_answer_from_before_the_request_is_not_the_requests() {
    let address = serve(|mut stream| {
        if request(&mut stream).is_none() {
            return;
        }
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n";
        let late = b"HTTP/1.0 408 Request Time-out\r\nConnection: close\r\n\r\ngone";
        let _ = stream.write_all(&[&answer[..], &update(1)].concat());
        std::thread::sleep(Duration::from_millis(100));
        let _ = stream.write_all(late);
    });
    let series = "transport = \"polling\"\ninterval = \"300ms\"";
    let (world, output) = run(address, series, "");
    let (row, text) = (row(&world), said(&output));
    assert_eq!(number(&row, "faults"), 0.0, "{text}");
    // Five turns of each client, each of them on a connection of its own.
    assert_eq!(number(&row, "completed"), 10.0, "{text}");
    assert_eq!(number(&row, "audit_kernel_bytes"), 0.0, "{text}");
    assert!(number(&row, "discarded_bytes_per_message") > 0.0, "{text}");
}

/// A server that ends each stream at once is not asked without end, whatever it says of a wait.
#[test]
fn there_is_a_least_wait_before_a_client_connects_again() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let address = serve(move |mut stream| {
        if request(&mut stream).is_some() {
            count.fetch_add(1, Ordering::Relaxed);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 0\n\n";
            let _ = stream.write_all(head.as_bytes());
        }
    });
    let began = Instant::now();
    let (_, output) = run(address, "transport = \"sse\"\nreconnect = \"0s\"", "");
    // Two clients, each of which waits for 50 ms at least.
    let most = 2 + began.elapsed().as_millis() as u64 / 25;
    let asked = asked.load(Ordering::Relaxed);
    assert!((2..=most).contains(&asked), "{asked}, at most {most}: {}", said(&output));
}

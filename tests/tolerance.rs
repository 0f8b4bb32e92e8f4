//! What servers may do as browsers allow it, and what is pointed out to the reader without being an
//! error.

use crate::bodies::update;
use crate::external::{request, row, run, run_with};
use crate::support::{World, answer_upgrade, at_once, finish, number, said, serve};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn one_line(text: &str) -> String {
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
        let text = one_line(&said(&output));
        assert_eq!(text.contains("the server does not hold requests"), is_named, "{text}");
        assert_eq!(text.contains("take transport = \"polling\""), is_named, "{text}");
    });
}

/// Sends these bytes again and again behind a head.
fn sends(head: &'static str, message: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| {
        if head.is_empty() {
            let lines =
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
            if answer_upgrade(&mut stream, lines).is_none() {
                return;
            }
        } else if request(&mut stream).is_none() || stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        while stream.write_all(message).is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    })
}

#[test]
fn messages_without_any_payload_are_pointed_out() {
    let events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let lines = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
    let held = answers(Duration::from_millis(200), |_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()
    });
    let websocket = "transport = \"websocket\"";
    let cases = [
        (sends("", b"\x81\0"), websocket.to_owned(), Some("frames are empty")),
        (
            sends("", b"\x81\0"),
            format!("{websocket}\nengine = \"tungstenite\""),
            Some("frames are empty"),
        ),
        (sends("", b"\x81\x01a"), websocket.to_owned(), None),
        (sends(events, b"data:\n\n"), "transport = \"sse\"".to_owned(), Some("events are empty")),
        (sends(events, b"data: a\n\n"), "transport = \"sse\"".to_owned(), None),
        (
            sends(lines, b"\n"),
            "transport = \"streaming\"\ndelimiter = \"line\"".to_owned(),
            Some("that are no message: empty lines"),
        ),
        (held, LONG_POLLING.to_owned(), Some("none of")),
    ];
    at_once(cases, |(address, series, expected)| {
        let (_, output) = run(address, &series, "");
        let text = one_line(&said(&output));
        match expected {
            Some(shown) => assert!(text.contains(shown), "{series}: {text}"),
            None => assert!(!text.contains("has any payload"), "{series}: {text}"),
        }
    });
}

/// What is no message is named: lines that an event stream does not have, and not the heads of refusals.
#[test]
fn bytes_that_are_no_message_are_named() {
    let events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let marked = sends(events, b"\xef\xbb\xbfdata: 1\n\n");
    let refuses = answers(Duration::from_millis(20), |_| {
        b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n".to_vec()
    });
    let unknown = "a field that event streams do not know (\"\\u{feff}data\"), empty lines";
    let cases = [
        (marked, "transport = \"sse\"".to_owned(), unknown, "if the server sends"),
        (refuses, LONG_POLLING.to_owned(), "answered with status 503", "that are no message"),
    ];
    at_once(cases, |(address, series, shown, absent)| {
        let (_, output) = run(address, &series, "");
        let text = one_line(&said(&output));
        assert!(text.contains(shown) && !text.contains(absent), "{series}: {text}");
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
        let text = one_line(&said(&output));
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
            // Once the request has come.
            if stream.peek(&mut [0]).is_err() || stream.write_all(&early).is_err() {
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

/// A server that does not wait for the request: the handshake takes 40 ms, and by then its bytes are there.
#[test]
fn an_answer_that_comes_before_the_request_is_none() {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let new = format!("{POLLING}\nconnection = \"new\"");
    let all = [&new, LONG_POLLING, "transport = \"streaming\"", "transport = \"sse\""];
    at_once(all, |series| {
        let address = serve(|mut stream| {
            let _ = stream.write_all(ANSWER);
            while matches!(stream.read(&mut [0; 999]), Ok(1..)) {}
        });
        let (world, output) = run_with(address, series, "delay = \"20ms\"");
        let (row, text) = (row(&world), one_line(&said(&output)));
        assert_eq!(output.status.code(), Some(96), "{series}: {text}");
        assert_eq!(number(&row, "clients_connected"), 0.0, "{series}: {text}");
        assert!(text.contains("sent 40 bytes before the request was sent"), "{series}: {text}");
        assert_eq!(number(&row, "audit_kernel_bytes"), 0.0, "{series}: {text}");
    });
}

/// Bytes that nobody asked for between two answers are named; see above for those that end an idle
/// connection.
#[test]
fn an_answer_that_nobody_asked_for_ends_the_connection_and_is_named() {
    let address = serve(|mut stream| {
        while request(&mut stream).is_some() {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n";
            let _ = stream.write_all(&[&answer[..], &update(1)].concat());
            std::thread::sleep(Duration::from_millis(100));
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let series = "transport = \"polling\"\ninterval = \"300ms\"";
    let (world, output) = run(address, series, "");
    let (row, text) = (row(&world), one_line(&said(&output)));
    assert_eq!(output.status.code(), Some(96), "{text}");
    assert!(number(&row, "faults") >= 8.0, "{text}");
    assert!(text.contains("sent 38 bytes before the request was sent"), "{text}");
    assert_eq!(number(&row, "audit_kernel_bytes"), 0.0, "{text}");
}

/// Asked by a poll, a stream is an answer without an end: clients say what it is, and soon.
#[test]
fn a_stream_that_is_polled_is_named_with_what_to_take() {
    let reqwest = format!("{POLLING}\nengine = \"reqwest\"");
    let long = format!("{LONG_POLLING}\nhold = \"1s\"");
    let events = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let endless = "Content-Type: text/plain\r\n\r\n";
    let short = "Content-Length: 4000\r\n\r\n";
    let as_sse = "Content-Type \"text/event-stream\" and";
    let cases = [POLLING, &reqwest, &long].into_iter().flat_map(|series| {
        [
            (series, events, as_sse, "take transport = \"sse\" (sse+http:// with wsbench try)"),
            (
                series,
                endless,
                "Content-Type \"text/plain\" and",
                "(stream+http:// with wsbench try)",
            ),
            (series, short, "of the 4,000 bytes of its body within the limit", ""),
        ]
    });
    at_once(cases, |(series, fields, what, remedy)| {
        let connections = Arc::new(AtomicU64::new(0));
        let count = connections.clone();
        let address = serve(move |mut stream| {
            if request(&mut stream).is_some() {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{fields}").as_bytes());
                while stream.write_all(b"9\r\ndata: x\n\n\r\n").is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        });
        let (_, output) = run(address, series, "");
        let text = one_line(&said(&output));
        assert_eq!(output.status.code(), Some(96), "{series}: {text}");
        assert!(text.contains("answered with status 200"), "{series}: {text}");
        assert!(text.contains(what) && text.contains(remedy), "{series} {fields}: {text}");
        assert!(!text.contains("no answer within the limit"), "{series}: {text}");
        // A poll that has waited for the end once is not sent again.
        let connections = connections.load(Ordering::Relaxed);
        assert!(series == long || connections == 2, "{series}: {connections}: {text}");
    });
}

/// Errors that do not touch the measured window are shown as what they are, with the reason why the row is valid.
#[test]
fn errors_that_a_valid_row_tolerates_are_no_failures() {
    let asked = Arc::new(AtomicU64::new(0));
    let address = serve(move |mut stream| {
        while request(&mut stream).is_some() {
            let busy = asked.fetch_add(1, Ordering::Relaxed) < 2;
            let answer: &[u8] = match busy {
                true => b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nbusy",
                false => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            };
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    });
    let (_, output) = run_with(address, POLLING, "driver_lateness = \"1s\"");
    let all = said(&output);
    let text = one_line(&all);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("! it at 2 clients: client errors: 2 × answered with status 503"),
        "{all}"
    );
    assert!(
        text.contains("The row is valid all the same: nothing failed in the measured window."),
        "{all}"
    );
    assert!(!all.lines().any(|line| line.starts_with("x ")), "{all}");
}

#[test]
fn updates_that_come_again_are_counted_in_a_sentence() {
    let address = serve(|mut stream| {
        if request(&mut stream).is_none() {
            return;
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        let mut open = stream.write_all(head.as_bytes()).is_ok();
        for number in 1.. {
            let event = [b"data: ", &update(number)[..], b"\n\n"].concat();
            let times = if number % 3 == 0 { 2 } else { 1 };
            open = open && stream.write_all(&event.repeat(times)).is_ok();
            if !open {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let (world, output) = run(address, "transport = \"sse\"", "");
    let again = number(&row(&world), "updates_duplicated");
    assert!(again > 3.0, "{}", said(&output));
    let sentence = format!("it at 2 clients: {again} updates came again in the measured window.");
    assert!(one_line(&said(&output)).contains(&sentence), "{sentence}: {}", said(&output));
}

/// A server that takes several intervals for an answer is late itself: in the response latency, and not
/// the driver. What it published is checked all the same.
#[test]
fn a_slow_server_is_late_and_its_losses_are_checked() {
    let loses = [false, true];
    at_once(loses, |loses| {
        let published = Arc::new(AtomicU64::new(0));
        let address = serve(move |mut stream| {
            while request(&mut stream).is_some() {
                std::thread::sleep(Duration::from_millis(350));
                let step = if loses { 2 } else { 1 };
                let number = published.fetch_add(step, Ordering::Relaxed) + 1;
                let body = format!("{{\"n\": {}}}", number % 1_000_000);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
                    return;
                }
            }
        });
        // One client, whose numbers follow one another.
        let world = World::new(&format!(
            "clients = [1]\nwarmup = \"200ms\"\nduration = \"1500ms\"\ncooldown = \"100ms\"\n\
             timeout = \"3s\"\ndrain = \"3s\"\ndriver_lateness = \"1s\"\n\
             [feed]\nsemantics = \"log\"\n[message]\nsequence = \"/n\"\n\
             [server]\nurl = \"http://{address}\"\n[[series]]\n{POLLING}\nlabel = \"it\"\n"
        ));
        let output = finish(&mut world.run(&["--reports", "csv,json"]));
        let (row, text) = (row(&world), one_line(&said(&output)));
        assert_eq!(number(&row, "turns_not_started"), 0.0, "{text}");
        assert!(number(&row, "turns_blocked") > 0.0, "{text}");
        assert!(number(&row, "response_latency_us_max") > 4e5, "{text}");
        assert!(text.contains("turns began late, since their clients waited"), "{text}");
        assert!(!text.contains("no client came to the end of its load"), "{text}");
        assert_eq!(output.status.code(), Some(if loses { 96 } else { 0 }), "{text}");
        assert_eq!(text.contains("never came: the numbers have gaps"), loses, "{text}");
        let remedy = "The server lost, repeated or delayed updates: see its log.";
        assert_eq!(text.matches(remedy).count(), usize::from(loses), "{text}");
    });
}

/// A time is said to be exact to something only if one came.
#[test]
fn times_that_never_came_are_exact_to_nothing() {
    let address = serve(|mut stream| {
        if request(&mut stream).is_some() {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
            let mut open = stream.write_all(head.as_bytes()).is_ok();
            while open {
                open = stream.write_all(b": nothing\n\n").is_ok();
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    });
    let message = "[message]\ntime = \"/t\"\nunit = \"s\"\nsequence = \"/n\"";
    let (world, output) = run(address, "transport = \"sse\"", message);
    let summary = std::fs::read_to_string(world.path("out/summary.txt")).expect("a summary");
    assert!(!said(&output).contains("exact to"), "{}", said(&output));
    assert!(!summary.contains("exact to"), "{summary}");
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

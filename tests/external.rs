//! External servers: what they may do is no fault, and what they must not do is named.

use crate::support::{
    Row, World, answer_upgrade, at_once, expect_code, expect_ran, finish, number, said, serve,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Output;
use std::time::{Duration, Instant};

/// Reads a request with its body. Returns the head, or `None` at the end of the connection.
pub fn request(stream: &mut TcpStream) -> Option<String> {
    request_with_body(stream).map(|(head, _)| head)
}

/// Does the same, and returns the body, too.
pub fn request_with_body(stream: &mut TcpStream) -> Option<(String, String)> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}

/// Answers every request of a connection with the same bytes.
fn answer(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes = bytes.into();
    serve(move |mut stream| {
        while request(&mut stream).is_some() {
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    })
}

/// Runs a series of two clients against a server.
pub fn run(address: SocketAddr, series: &str, feed: &str) -> (World, Output) {
    run_scenario(address, series, feed, "")
}

/// Does the same with further settings of the scenario.
pub fn run_with(address: SocketAddr, series: &str, settings: &str) -> (World, Output) {
    run_scenario(address, series, "", settings)
}

fn run_scenario(address: SocketAddr, series: &str, feed: &str, settings: &str) -> (World, Output) {
    // A feed may state another rate, or in a comment that it states none.
    let rate = if feed.contains("rate = ") { "" } else { "rate = \"5/s\"\n" };
    let world = World::new(&format!(
        "{settings}\nclients = [2]\nwarmup = \"200ms\"\nduration = \"1500ms\"\ncooldown = \"100ms\"\n\
         timeout = \"3s\"\ndrain = \"3s\"\n[feed]\n{rate}{feed}\n\
         [server]\nurl = \"http://{address}\"\n[[series]]\n{series}\nlabel = \"it\"\n"
    ));
    let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
    (world, output)
}

/// The row of that series.
pub fn row(world: &World) -> Row {
    let rows = world.csv("summary.csv");
    rows.iter().find(|row| row["series"] == "it").expect("a row of the series").clone()
}

const POLLING: &str = "transport = \"polling\"\ninterval = \"100ms\"";
const SSE: &str = "transport = \"sse\"\nreconnect = \"100ms\"";
const WEBSOCKET: &str = "transport = \"websocket\"";

#[test]
fn what_a_server_must_not_answer_is_named() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                  Connection: Upgrade\r\n\r\n";
    let of_type =
        |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 9\r\n\r\ndata: x\n\n");
    let other = b"-ERR unknown command 'GET'\r\n";
    let shown = "answered with malformed bytes: \"-ERR unknown command";
    let tls = b"\x15\x03\x01\0\x02\x02\x46".to_vec();
    let chunked = |fields: &str, line: &str| {
        let rest = "0".repeat(20_000);
        format!("HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n{line}{rest}")
    };
    let long = "size line, or with a trailer section, of more than 16 KiB";
    let cases: [(&str, Vec<u8>, &str); 18] = [
        (POLLING, chunked("", "3\r\nabc\r\n3;x=").into(), long),
        (POLLING, chunked("", "0\r\nX: ").into(), long),
        (SSE, chunked("Content-Type: text/event-stream\r\n", "").into(), long),
        (POLLING, other.to_vec(), shown),
        (SSE, other.to_vec(), shown),
        (WEBSOCKET, other.to_vec(), shown),
        ("transport = \"long-polling\"", other.to_vec(), shown),
        (WEBSOCKET, switch.into(), "has no Sec-WebSocket-Accept"),
        (WEBSOCKET, switch.replace("Upgrade: ", "X: ").into(), "has no \"Upgrade: websocket\""),
        (
            SSE,
            of_type("Content-Type: text/html\r\n").into(),
            "Content-Type \"text/html\", not text/event",
        ),
        (
            SSE,
            of_type("Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n").into(),
            "compressed body (Content-Encoding \"gzip\"), which was not asked for",
        ),
        (POLLING, tls.clone(), "answered with TLS"),
        ("transport = \"websocket\"\nengine = \"tungstenite\"", tls, "answered with TLS"),
        (WEBSOCKET, b"\0\0\x12\x04\0\0\0\0\0\0\0\0".to_vec(), "answered with HTTP/2"),
        (POLLING, b"SSH-2.0-x\r\n".to_vec(), "answered with SSH"),
        (POLLING, b"HTTP/1.1 abc OK\r\n\r\n".to_vec(), "line 1 cannot be read: \"HTTP/1.1 abc OK"),
        (SSE, b"HTTP/1.1 206 Partial Content\r\n\r\n".to_vec(), "answered with status 206"),
        (SSE, b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), "ended the stream with status 204"),
    ];
    at_once(cases, |(series, bytes, message)| {
        let (_, output) = run(answer(bytes), series, "");
        expect_code(&output, 96);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(message), "{message:?}\n{text}");
    });
}

/// A success is no switch: there is another protocol at the path, today and tomorrow.
#[test]
fn an_upgrade_that_is_answered_as_a_request_is_given_up_at_once_with_what_was_said() {
    // The head, what comes some time after it, and whether the server closes then.
    let cases: [(&[u8], &[u8], bool, &str); 5] = [
        (b"200 OK\r\nContent-Length: 16\r\n\r\n<h1>Welcome</h1>", b"", false, "200: \"Welcome\""),
        (b"200 OK\r\nContent-Length: 7\r\n\r\n", b"Welcome", false, "200: \"Welcome\""),
        (b"201 Created\r\n\r\n", b"Welcome", true, "201: \"Welcome\""),
        (b"204 No Content\r\n\r\n", b"", false, "204"),
        (b"200 OK\r\nContent-Type: text/event-stream\r\n\r\n", b"", false, "200"),
    ];
    let engines = ["engine = \"raw\"", "engine = \"tungstenite\""];
    let cases = cases.iter().flat_map(|case| engines.map(|engine| (case, engine)));
    at_once(cases, |(&(head, rest, closes, message), engine)| {
        let (connected, connections) = std::sync::mpsc::channel();
        let address = serve(move |mut stream| {
            // The run has looked whether somebody listens.
            if request(&mut stream).is_none() {
                return;
            }
            let _ = connected.send(());
            let _ = stream.write_all(&[b"HTTP/1.1 ", head].concat());
            std::thread::sleep(Duration::from_millis(50));
            let _ = stream.write_all(rest);
            if !closes {
                let _ = stream.read(&mut [0]);
            }
        });
        let (_, output) = run(address, &format!("{WEBSOCKET}\n{engine}"), "");
        expect_code(&output, 96);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        for wanted in [
            &format!("upgrade refused with status {message}"),
            "Correct the path of the URL, at which there is no WebSocket",
            "audit: 8 connections, 0 bytes unexplained",
        ] {
            assert!(text.contains(wanted), "{engine} {wanted:?}\n{text}");
        }
        // Two clients, and as many attempts as for any other answer that is for good.
        assert_eq!(connections.try_iter().count(), 8, "{engine} {message}\n{text}");
    });
}

#[test]
fn heads_are_read_as_browsers_do() {
    let many: String = (0..120).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("X: {}\r\n", "y".repeat(70 << 10));
    at_once(["Server : a\r\n", "A: b\r\n c\r\n", &many, &long], |field| {
        let bytes = format!("HTTP/1.1 200 OK\r\n{field}Content-Length: 5\r\n\r\nhello");
        let (world, output) = run(answer(bytes), POLLING, "");
        expect_ran(&world, &output);
        assert_eq!(number(&row(&world), "completed"), 30.0, "{}", said(&output));
    });
}

#[test]
fn a_held_poll_may_be_answered_with_nothing_new() {
    let address = serve(|mut stream| {
        while request(&mut stream).is_some() {
            std::thread::sleep(Duration::from_millis(100));
            if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
                return;
            }
        }
    });
    let (world, output) = run(address, "transport = \"long-polling\"\nhold = \"100ms\"", "");
    let row = row(&world);
    assert_eq!(
        (number(&row, "faults"), number(&row, "reconnects")),
        (0.0, 0.0),
        "{}",
        said(&output)
    );
    assert!(number(&row, "empty_polls") > 4.0, "{row:?}");
    assert_eq!(number(&row, "audit_mismatched"), 0.0);
}

#[test]
fn any_2xx_accepts_a_message_and_its_body_is_counted() {
    let address = serve(|mut stream| {
        while let Some(head) = request(&mut stream) {
            let bytes: &[u8] = if head.starts_with("POST") {
                b"HTTP/1.1 202 Accepted\r\nContent-Length: 6\r\n\r\nqueued"
            } else {
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n"
            };
            if stream.write_all(bytes).is_err() {
                return;
            }
        }
    });
    let (world, output) = run(address, SSE, "workload = \"broadcast\"");
    let row = row(&world);
    assert_eq!(
        (number(&row, "faults"), number(&row, "reconnects")),
        (0.0, 0.0),
        "{}",
        said(&output)
    );
    assert!(number(&row, "sent") >= 7.0, "{row:?}");
    assert_eq!(number(&row, "audit_ledger_bytes") + number(&row, "audit_kernel_bytes"), 0.0);
}

#[test]
fn a_client_waits_as_long_as_retry_after_says() {
    let began = Instant::now();
    let (times, came) = std::sync::mpsc::channel();
    let address = serve(move |mut stream| {
        if request(&mut stream).is_some() {
            let _ = times.send(began.elapsed());
            let refusal = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(refusal);
        }
    });
    let (_, output) = run(address, SSE, "");
    expect_code(&output, 96);
    let mut times: Vec<Duration> = came.try_iter().collect();
    times.sort();
    // Two clients ask at the same times.
    let waits: Vec<Duration> = times.iter().step_by(2).copied().collect();
    assert!(waits.len() >= 3, "{times:?}");
    let least = Duration::from_millis(900);
    assert!(waits.windows(2).all(|pair| pair[1] - pair[0] >= least), "{times:?}");
}

#[test]
fn an_id_that_cannot_be_a_fields_value_is_left_out() {
    let address = serve(|mut stream| {
        let Some(head) = request(&mut stream) else { return };
        let bytes: &[u8] = if head.contains("Last-Event-ID") {
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
        } else {
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
              Content-Length: 19\r\n\r\nid: a\x0cb\ndata: x y\n\n"
        };
        let _ = stream.write_all(bytes);
        std::thread::sleep(Duration::from_millis(100));
    });
    let (world, output) = run(address, SSE, "");
    let row = row(&world);
    assert_eq!(number(&row, "faults"), 0.0, "{}", said(&output));
    assert!(number(&row, "completed") > 4.0 && number(&row, "reconnects") > 4.0, "{row:?}");
}

#[test]
fn bytes_after_an_answer_are_named_and_the_answer_counts() {
    let (world, output) =
        run(answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\r\n"), POLLING, "");
    expect_code(&output, 96);
    let text = said(&output);
    assert!(text.contains("sent 2 bytes after the end of an answer"), "{text}");
    // Each was whole: none of them failed.
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("30 client errors beside 30 whole exchanges"), "{text}");
    let row = row(&world);
    assert_eq!(
        (number(&row, "completed"), number(&row, "audit_mismatched")),
        (30.0, 0.0),
        "{text}"
    );
}

#[test]
fn an_event_stream_is_asked_for_by_its_media_type() {
    let address = serve(|mut stream| {
        let Some(head) = request(&mut stream) else { return };
        let bytes: &[u8] = if head.contains("\r\nAccept: text/event-stream\r\n") {
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\n\r\ndata: x\n\n"
        } else {
            b"HTTP/1.1 406 Not Acceptable\r\nContent-Length: 0\r\n\r\n"
        };
        let _ = stream.write_all(bytes);
        while request(&mut stream).is_some() {}
    });
    for head in ["chapter", "minimal"] {
        let (world, output) = run(address, &format!("{SSE}\nrequest_head = \"{head}\""), "");
        let row = row(&world);
        assert_eq!(number(&row, "clients_connected"), 2.0, "{}", said(&output));
        assert_eq!(number(&row, "faults"), 0.0, "{}", said(&output));
    }
}

#[test]
fn requests_name_the_server_and_do_not_ask_for_compressed_answers() {
    const WHOLE: &str = "Content-Length: 5\r\n\r\nhello";
    let series = [
        (POLLING, WHOLE),
        ("transport = \"polling\"\ninterval = \"100ms\"\nengine = \"reqwest\"", WHOLE),
        ("transport = \"long-polling\"", WHOLE),
        ("transport = \"streaming\"", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        (SSE, "Content-Type: text/event-stream\r\n\r\ndata: x\n\n"),
    ];
    at_once(series, |(series, answer)| {
        let address = serve(move |mut stream| {
            while let Some(head) = request(&mut stream) {
                let host = format!("\r\nHost: {}\r\n", stream.local_addr().expect("an address"));
                let answer = match head.contains(&host) && !head.contains("gzip") {
                    true => format!("HTTP/1.1 200 OK\r\n{answer}"),
                    false => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
                };
                std::thread::sleep(Duration::from_millis(50));
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        });
        let (world, output) = run(address, series, "");
        let row = row(&world);
        let found = (number(&row, "clients_connected"), number(&row, "faults"));
        assert_eq!(found, (2.0, 0.0), "{}", said(&output));
    });
}

#[test]
fn a_server_that_does_not_answer_yet_is_waited_for() {
    let series = [POLLING, WEBSOCKET, "transport = \"polling\"\nengine = \"reqwest\""];
    at_once(series, |series| {
        let began = Instant::now();
        let address = serve(move |mut stream| {
            // Nothing for longer than four attempts take, then a refusal, then answers.
            if began.elapsed() < Duration::from_millis(1_500) {
                return;
            }
            if began.elapsed() < Duration::from_millis(2_000) {
                let _ = request(&mut stream);
                let refusal = "HTTP/1.1 503 Starting\r\nContent-Length: 0\r\n\r\n";
                let _ = stream.write_all(refusal.as_bytes());
                return;
            }
            if series == WEBSOCKET {
                let lines = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
                             Sec-WebSocket-Accept: {accept}\r\n";
                let _ = answer_upgrade(&mut stream, lines);
            }
            while request(&mut stream).is_some() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
            }
        });
        let (world, output) = run(address, series, "");
        assert_eq!(number(&row(&world), "clients_connected"), 2.0, "{}", said(&output));
    });
}

#[test]
fn a_server_that_refuses_for_good_is_not_asked_for_long() {
    let (asked, times) = std::sync::mpsc::channel();
    let address = serve(move |mut stream| {
        if request(&mut stream).is_some() {
            let _ = asked.send(());
            let refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(refusal);
        }
    });
    let (_, output) = run(address, SSE, "");
    expect_code(&output, 96);
    // Four attempts of each of two clients.
    assert_eq!(times.try_iter().count(), 8, "{}", said(&output));
}

#[test]
fn an_empty_body_in_chunks_after_204_costs_no_connection_and_is_named() {
    let late = "transport = \"polling\"\ninterval = \"200ms\"";
    at_once([POLLING, late, "transport = \"long-polling\""], |series| {
        let address = serve(move |mut stream| {
            while request(&mut stream).is_some() {
                std::thread::sleep(Duration::from_millis(20));
                let head = b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n";
                let sent = stream.write_all(head);
                if series == late {
                    // It comes while no request is under way.
                    std::thread::sleep(Duration::from_millis(50));
                }
                if sent.and_then(|()| stream.write_all(b"0\r\n\r\n")).is_err() {
                    return;
                }
            }
        });
        let (world, output) = run(address, series, "");
        let row = row(&world);
        let text = said(&output);
        assert_eq!((number(&row, "faults"), number(&row, "reconnects")), (0.0, 0.0), "{text}");
        assert!(number(&row, "empty_polls") > 4.0, "{text}");
        assert_eq!(number(&row, "audit_ledger_bytes"), 0.0, "{text}");
        assert_eq!(number(&row, "audit_kernel_bytes"), 0.0, "{text}");
        assert!(text.contains("stray bytes after answers that have no body"), "{text}");
    });
}

#[test]
fn a_server_that_does_not_hold_requests_is_named() {
    let address = serve(|mut stream| {
        while request(&mut stream).is_some() {
            std::thread::sleep(Duration::from_millis(5));
            if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
                return;
            }
        }
    });
    let (_, output) = run(address, "transport = \"long-polling\"", "");
    assert!(said(&output).contains("the server does not hold requests"), "{}", said(&output));
}

#[test]
fn a_compressed_answer_is_named_as_the_reason_why_it_has_no_stamp() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";
    let reqwest = format!("{POLLING}\nengine = \"reqwest\"");
    at_once([POLLING, &reqwest, "transport = \"long-polling\""], |series| {
        let address = serve(|mut stream| {
            while request(&mut stream).is_some() {
                std::thread::sleep(Duration::from_millis(20));
                let answer =
                    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x08\0\0";
                if stream.write_all(answer).is_err() {
                    return;
                }
            }
        });
        let world = World::new(&format!(
            "clients = [2]\nwarmup = \"0s\"\nduration = \"1s\"\ncooldown = \"0s\"\n\
             [server]\nurl = \"http://{address}\"\n[[series]]\n{series}\nrequest_head = \"head\"\n"
        ));
        world.write("head", head);
        let output = finish(&mut world.run(&["--reports", "json,text"]));
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("answers were compressed (Content-Encoding \"gzip\")"), "{text}");
        let why = &world.summary()["rows"][0]["absent"]["delivery_latency_us_p50"];
        assert!(why.as_str().is_some_and(|why| why.contains("Content-Encoding")), "{why}");
    });
}

#[test]
fn chunks_that_are_not_messages_are_named_and_lines_are_read_without_chunks() {
    const STAMP: &str = "0000001000000000001aa";
    let streams: [(&str, Vec<String>); 2] = [
        (
            "Transfer-Encoding: chunked\r\n",
            vec![format!("b\r\n{}\r\n", &STAMP[..11]), format!("a\r\n{}\r\n", &STAMP[11..])],
        ),
        ("", vec![format!("{STAMP}\n")]),
    ];
    at_once(streams, |(field, pieces)| {
        let chunked = !field.is_empty();
        let address = serve(move |mut stream| {
            let _ = request(&mut stream);
            let head = format!("HTTP/1.1 200 OK\r\n{field}\r\n");
            let mut open = stream.write_all(head.as_bytes()).is_ok();
            while open {
                for piece in &pieces {
                    open = stream.write_all(piece.as_bytes()).is_ok();
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        });
        let (world, output) = run(address, "transport = \"streaming\"", "");
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        let named = text.contains("the server's chunks are not its messages");
        assert_eq!(named, chunked, "{text}");
        assert!(number(&row(&world), "completed") > 4.0, "{text}");
        if !chunked {
            // The one update comes again and again.
            assert!(number(&row(&world), "updates_duplicated") > 4.0, "{text}");
        }
    });
}

#[test]
fn clients_that_the_server_asks_to_wait_longer_than_the_run_are_named() {
    let address = serve(|mut stream| {
        if request(&mut stream).is_some() {
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\
                          retry: 18446744073709551615\n\ndata: x\n\n";
            let _ = stream.write_all(answer.as_bytes());
            std::thread::sleep(Duration::from_millis(2_500));
        }
    });
    let (_, output) = run(address, SSE, "");
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("asked clients 2 times to wait for longer than the measured"), "{text}");
}

#[test]
fn what_a_server_says_when_it_refuses_is_shown() {
    let moved = "HTTP/1.1 301 Moved\r\nLocation: /p/\r\nContent-Length: 0\r\n\r\n";
    let plain = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nfor\x1b[31m TLS only\n";
    let redirected = "and Location \"/p/\": write paths = { \"it\" = \"/p/\" } into [server]";
    let explained = "\"for\\u{1b}[31m TLS only\"";
    let reqwest = format!("{POLLING}\nengine = \"reqwest\"");
    let tungstenite = format!("{WEBSOCKET}\nengine = \"tungstenite\"");
    let series = [
        POLLING,
        &reqwest,
        "transport = \"long-polling\"",
        "transport = \"streaming\"",
        SSE,
        WEBSOCKET,
        &tungstenite,
    ];
    let pairs = series.iter().flat_map(|s| [(*s, moved, redirected), (*s, plain, explained)]);
    at_once(pairs, |(series, answer, said_so)| {
        let address = serve(move |mut stream| {
            if request(&mut stream).is_some() {
                // What it says comes after its head.
                let (head, body) = answer.split_at(answer.find("\r\n\r\n").unwrap_or(0) + 4);
                let _ = stream.write_all(head.as_bytes());
                std::thread::sleep(Duration::from_millis(20));
                let _ = stream.write_all(body.as_bytes());
            }
        });
        let (_, output) = run(address, series, "");
        expect_code(&output, 96);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        // The library gives what came with the head alone.
        let known = series.contains("tungstenite") && answer == plain;
        assert!(text.contains(said_so) || known, "{series}: {said_so:?}\n{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    });
}

#[test]
fn a_refusal_is_no_message_of_a_stream() {
    let began = Instant::now();
    let address = serve(move |mut stream| {
        if request(&mut stream).is_none() {
            return;
        }
        let piece: &[u8] = b"5\r\nhello\r\n";
        let head: &[u8] = if began.elapsed() < Duration::from_millis(900) {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        } else {
            b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n"
        };
        let _ = stream.write_all(&[head, piece, b"0\r\n\r\n"].concat());
        std::thread::sleep(Duration::from_millis(100));
    });
    let series = "transport = \"streaming\"\nreconnect = \"100ms\"";
    let (world, output) = run(address, series, "");
    let row = row(&world);
    let text = said(&output);
    assert!(text.contains("answered with status 503: \"hello\""), "{text}");
    assert_eq!(number(&row, "audit_ledger_bytes") + number(&row, "audit_kernel_bytes"), 0.0);
    let timeseries = world.csv("timeseries.csv");
    let messages =
        timeseries.iter().filter(|r| r["series"] == "it").map(|r| number(r, "completed"));
    // Each whole stream brought one.
    let most = number(&row, "reconnects") + 2.0 - number(&row, "faults");
    assert!(messages.sum::<f64>() <= most, "{text}");
}

#[test]
fn empty_answers_are_no_errors_and_a_stated_rate_is_held_against_them() {
    let empty = "HTTP/1.1 304 Not Modified\r\nContent-Length: 21\r\n\r\n";
    at_once(["", "[feed]\nrate = \"5/s\"\n"], |feed| {
        let world = World::new(&format!(
            "clients = [2]\nwarmup = \"200ms\"\nduration = \"1500ms\"\ncooldown = \"100ms\"\n\
             {feed}[server]\nurl = \"http://{}\"\n[[series]]\n{POLLING}\n",
            answer(empty)
        ));
        let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
        let row = &world.csv("summary.csv")[0];
        let found = ["faults", "reconnects", "empty_polls"].map(|column| number(row, column));
        assert_eq!(found, [0.0, 0.0, 30.0], "{}", said(&output));
        if feed.is_empty() {
            expect_ran(&world, &output);
        } else {
            expect_code(&output, 96);
            let why = "none of about 15 updates came";
            assert!(said(&output).contains(why), "{}", said(&output));
        }
    });
}

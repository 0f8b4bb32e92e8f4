//! What clients do after a connection has failed: how long they wait, what they count when they are
//! back, and that they keep no run open.

use crate::bodies::update;
use crate::external::{request, row, run};
use crate::support::steps::UPGRADED;
use crate::support::{
    World, answer_upgrade, at_once, client_frame, expect_code, finish, number, said, serve,
    server_frame,
};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const POLLING: &str = "transport = \"polling\"\ninterval = \"back-to-back\"\n";
const WEBSOCKET: &str = "transport = \"websocket\"\n";
const SSE: &str = "transport = \"sse\"\n";
const SSE_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

/// Moments since the first of them.
#[derive(Clone, Default)]
struct Moments(Arc<Mutex<Vec<Instant>>>);

impl Moments {
    /// Adds this moment. Returns how many there are, and the time since the first.
    fn add(&self) -> (usize, Duration) {
        let mut all = self.0.lock().unwrap();
        all.push(Instant::now());
        (all.len(), all[0].elapsed())
    }

    /// The time from each to the next.
    fn gaps(&self) -> Vec<Duration> {
        self.0.lock().unwrap().windows(2).map(|two| two[1] - two[0]).collect()
    }
}

/// Opens a push stream: reads the request and answers it. `None` at the end of the connection.
fn open(stream: &mut TcpStream, is_websocket: bool) -> Option<()> {
    if is_websocket {
        return answer_upgrade(stream, UPGRADED);
    }
    request(stream)?;
    stream.write_all(SSE_HEAD).ok()
}

/// Sends an update.
fn push(stream: &mut TcpStream, is_websocket: bool, number: u64) -> Option<()> {
    let update = update(number);
    let bytes = if is_websocket {
        server_frame(1, &update)
    } else {
        [b"data: ", &update[..], b"\n\n"].concat()
    };
    stream.write_all(&bytes).ok()
}

/// A server that closes every connection once it has served for this time, from the first request on.
/// Returns its address, and that moment with those of the connections since then.
fn closes_after(time: Duration, is_websocket: bool) -> (SocketAddr, Moments) {
    let (begun, late) = (Moments::default(), Moments::default());
    let closed = late.clone();
    let address = serve(move |mut stream| {
        let first = begun.0.lock().unwrap().first().copied();
        if let Some(first) = first.filter(|first| first.elapsed() > time) {
            let mut late = late.0.lock().unwrap();
            if late.is_empty() {
                late.push(first + time);
            }
            late.push(Instant::now());
            return;
        }
        let mut serve = || {
            let opened = if is_websocket { open(&mut stream, true) } else { Some(()) };
            opened?;
            for number in 1.. {
                if begun.add().1 > time {
                    return None;
                }
                if is_websocket {
                    push(&mut stream, true, number)?;
                } else {
                    request(&mut stream)?;
                    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n";
                    stream.write_all(&[&head[..], &update(number)].concat()).ok()?;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            Some(())
        };
        let _ = serve();
    });
    (address, closed)
}

/// A server that closes each connection at once is not asked without end, whatever the scenario says of
/// a wait.
#[test]
fn there_is_a_least_wait_after_each_failure() {
    let at_once_again = "reconnect = \"0s\"\n";
    let cases = [
        (POLLING.to_owned(), false),
        (format!("{POLLING}engine = \"reqwest\"\n"), false),
        (format!("{WEBSOCKET}{at_once_again}"), true),
        (format!("{WEBSOCKET}{at_once_again}engine = \"tungstenite\"\n"), true),
    ];
    at_once(cases, |(series, is_websocket)| {
        let (address, closed) = closes_after(Duration::from_millis(700), is_websocket);
        let (_, output) = run(address, &series, "");
        let text = said(&output);
        let moments = closed.0.lock().unwrap();
        assert!(moments.len() > 4, "{series}: {} connections\n{text}", moments.len());
        // Two clients, each of which waits for 50 ms at least; a request on a connection that was used
        // before is sent again once.
        let time = moments[moments.len() - 1] - moments[0];
        let most = 6 + time.as_millis() as usize / 25;
        let many = moments.len() - 1;
        assert!(many <= most, "{series}: {many} connections, at most {most}\n{text}");
    });
}

/// Clients of a server that keeps no connection are connected, though some are between two of theirs at any
/// moment.
#[test]
fn clients_that_connect_again_at_once_are_connected() {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let address = serve(|mut stream| {
        if request(&mut stream).is_some() {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(&[&head[..], &update(number.into())].concat());
        }
    });
    let world = World::new(&format!(
        "clients = [20]\nwarmup = \"100ms\"\nduration = \"300ms\"\ncooldown = \"100ms\"\ndrain = \"1s\"\n\
         driver_lateness = \"1s\"\n[server]\nurl = \"http://{address}\"\n[[series]]\n\
         transport = \"long-polling\"\n"
    ));
    let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
    let summary = world.summary();
    let checks = summary["rows"][0]["checks"].as_array().expect("checks");
    let connected = checks.iter().find(|check| check["name"] == "all_clients_connected");
    assert_eq!(connected.expect("a check")["outcome"], "passed", "{}", said(&output));
}

/// A server that reads each fourth request of a connection and closes it without an answer: the client asks
/// again. What it has sent is known, or is absent, and what the server did is said.
#[test]
fn requests_that_are_sent_again_are_named_and_their_bytes_are_not_forgotten() {
    at_once(["raw", "reqwest"], |engine| {
        let address = serve(|mut stream| {
            for number in 0..3 {
                if request(&mut stream).is_none() {
                    return;
                }
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n";
                if stream.write_all(&[&head[..], &update(number)].concat()).is_err() {
                    return;
                }
            }
            let _ = request(&mut stream);
        });
        let series =
            format!("transport = \"polling\"\ninterval = \"50ms\"\nengine = \"{engine}\"\n");
        let (world, output) = run(address, &series, "");
        let (row, text) = (row(&world), said(&output));
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat.contains("requests got no answer: the server closed the connection"),
            "{text}"
        );
        if engine == "raw" {
            assert!(number(&row, "discarded_bytes_per_message") > 0.0, "{row:?}");
        } else {
            assert!(flat.contains("there are no figures of bytes"), "{text}");
            assert_eq!(row["wire_bytes_per_message"], "", "{row:?}");
        }
    });
}

/// The scenario of one client.
fn one_client(address: SocketAddr, series: &str) -> World {
    World::new(&format!(
        "clients = [1]\nwarmup = \"200ms\"\nduration = \"3s\"\ncooldown = \"100ms\"\n\
         timeout = \"2s\"\ndrain = \"3s\"\n[server]\nurl = \"http://{address}\"\n\
         [[series]]\n{series}label = \"it\"\n"
    ))
}

const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

/// Asserts that so many requests came, each of them a second after the last.
fn expect_a_second_between(requests: &Moments, least: usize, series: &str, text: &str) {
    let gaps = requests.gaps();
    assert!(gaps.len() >= least, "{series}: {gaps:?}\n{text}");
    let short = gaps.iter().filter(|gap| **gap < Duration::from_millis(900)).count();
    assert_eq!(short, 0, "{series}: {gaps:?}\n{text}");
}

/// The same as a date, by the clock of a server that is years behind.
const BUSY_UNTIL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
      Retry-After: Sun, 06 Nov 1994 08:49:38 GMT\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_client_waits_as_long_as_the_server_asks_that_refuses_it() {
    let interval = "transport = \"polling\"\ninterval = \"100ms\"\n";
    let cases = [
        interval.to_owned(),
        format!("{interval}engine = \"reqwest\"\n"),
        SSE.to_owned(),
        WEBSOCKET.to_owned(),
        format!("{WEBSOCKET}engine = \"tungstenite\"\n"),
    ];
    let cases = cases.into_iter().flat_map(|case| [(case.clone(), BUSY), (case, BUSY_UNTIL)]);
    at_once(cases, |(series, busy)| {
        let asked = Moments::default();
        let requests = asked.clone();
        let address = serve(move |mut stream| {
            while request(&mut stream).is_some() {
                asked.add();
                let _ = stream.write_all(busy);
            }
        });
        let world = one_client(address, &series);
        let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
        expect_a_second_between(&requests, 2, &series, &said(&output));
    });
}

#[test]
fn a_client_that_lost_its_connection_waits_as_long_as_the_server_asks() {
    let pause = "reconnect = \"60ms\"\n";
    let cases = [
        (format!("{SSE}{pause}"), false),
        (format!("{WEBSOCKET}{pause}"), true),
        (format!("{WEBSOCKET}{pause}engine = \"tungstenite\"\n"), true),
    ];
    at_once(cases, |(series, is_websocket)| {
        let (all, refused) = (Moments::default(), Moments::default());
        let requests = refused.clone();
        let address = serve(move |mut stream| {
            if all.add().0 == 1 {
                let _ = open(&mut stream, is_websocket);
                let _ = push(&mut stream, is_websocket, 1);
                return std::thread::sleep(Duration::from_millis(500));
            }
            while request(&mut stream).is_some() {
                refused.add();
                let _ = stream.write_all(BUSY);
            }
        });
        let world = one_client(address, &series);
        let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
        expect_a_second_between(&requests, 1, &series, &said(&output));
    });
}

/// The window begins while the clients have no connection: what comes once they are back is in it.
#[test]
fn a_client_that_is_back_after_the_window_began_counts_in_it() {
    let pause = "reconnect = \"1s\"\n";
    let cases = [
        (format!("{SSE}{pause}"), false),
        (format!("{WEBSOCKET}{pause}"), true),
        (format!("{WEBSOCKET}{pause}engine = \"tungstenite\"\n"), true),
    ];
    at_once(cases, |(series, is_websocket)| {
        let all = Moments::default();
        let address = serve(move |mut stream| {
            // The first connections of both clients, which end within the warm-up.
            let is_first = all.add().0 <= 2;
            let mut serve = || {
                open(&mut stream, is_websocket)?;
                for number in 1..=(if is_first { 6 } else { 200 }) {
                    push(&mut stream, is_websocket, number)?;
                    std::thread::sleep(Duration::from_millis(100));
                }
                Some(())
            };
            let _ = serve();
        });
        let world = World::new(&format!(
            "clients = [2]\nwarmup = \"1s\"\nduration = \"4s\"\ncooldown = \"100ms\"\n\
             timeout = \"3s\"\ndrain = \"3s\"\n[server]\nurl = \"http://{address}\"\n\
             [[series]]\n{series}label = \"it\"\n"
        ));
        let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
        let (row, text) = (row(&world), said(&output));
        assert_eq!(number(&row, "clients_connected"), 2.0, "{series}: {text}");
        // Some three seconds of ten messages a second for each, less on a machine that is busy.
        assert!(number(&row, "messages") >= 20.0, "{series}: {row:?}\n{text}");
        assert!(number(&row, "wire_bytes_down_per_message") > 21.0, "{series}: {row:?}");
    });
}

/// What came in the rest of the window says nothing of the server, however well it went.
#[test]
fn a_row_whose_clients_were_not_connected_for_most_of_the_window_is_not_valid() {
    const WAIT: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n";
    const NO_MORE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
    let cases = [
        (SSE.to_owned(), false, WAIT),
        (SSE.to_owned(), false, NO_MORE),
        (WEBSOCKET.to_owned(), true, WAIT),
        (format!("{WEBSOCKET}engine = \"tungstenite\"\n"), true, WAIT),
    ];
    at_once(cases, |(series, is_websocket, refusal)| {
        let served = Arc::new(AtomicU32::new(0));
        let refused = Arc::new(AtomicU32::new(0));
        let address = serve(move |mut stream| {
            // The first connections of both clients end within the warm-up, and the next ones are refused.
            // Whoever looks whether the server is there does not wait for a third update.
            let is_first = served.load(Ordering::Relaxed) < 2;
            if !is_first && refused.fetch_add(1, Ordering::Relaxed) < 2 {
                if request(&mut stream).is_some() {
                    let _ = stream.write_all(refusal);
                }
                return;
            }
            let mut serve = || {
                open(&mut stream, is_websocket)?;
                for update in 1..=(if is_first { 6 } else { 200 }) {
                    push(&mut stream, is_websocket, update)?;
                    served.fetch_add(u32::from(is_first && update == 3), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(100));
                }
                Some(())
            };
            let _ = serve();
        });
        let world = World::new(&format!(
            "clients = [2]\nwarmup = \"1s\"\nduration = \"4s\"\ncooldown = \"100ms\"\n\
             driver_lateness = \"900ms\"\ntimeout = \"5s\"\ndrain = \"3s\"\n\
             [server]\nurl = \"http://{address}\"\n\
             [[series]]\n{series}reconnect = \"60ms\"\nlabel = \"it\"\n"
        ));
        let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
        expect_code(&output, 96);
        let text = said(&output);
        let checks = world.summary()["rows"][0]["checks"].clone();
        let checks = checks.as_array().expect("checks");
        let stayed = checks.iter().find(|check| check["name"] == "clients_stayed");
        assert_eq!(stayed.expect("it was made")["ok"], false, "{series}: {text}");
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(line.contains("2 of 2 clients were not connected for"), "{series}: {text}");
    });
}

/// Clients that wait to connect again have nothing to drain: the run ends when it was to end.
#[test]
fn clients_that_wait_to_connect_again_do_not_hold_up_the_end() {
    let cases = [(SSE, "raw", false), (WEBSOCKET, "raw", true), (WEBSOCKET, "tungstenite", true)];
    at_once(cases, |(series, engine, is_websocket)| {
        let begun = Moments::default();
        let connections = begun.clone();
        let address = serve(move |mut stream| {
            let first = || begun.0.lock().unwrap().first().copied();
            let mut serve = || {
                request_to_live(first())?;
                open(&mut stream, is_websocket)?;
                for number in 1.. {
                    // Whoever looks whether the server is there does not wait for it.
                    if number == 3 {
                        begun.add();
                    }
                    request_to_live(first())?;
                    push(&mut stream, is_websocket, number)?;
                    std::thread::sleep(Duration::from_millis(100));
                }
                Some(())
            };
            let _ = serve();
        });
        let engine = if is_websocket { format!("engine = \"{engine}\"\n") } else { String::new() };
        let world = World::new(&format!(
            "clients = [3]\nwarmup = \"200ms\"\nduration = \"2s\"\ncooldown = \"100ms\"\n\
             timeout = \"60s\"\ndrain = \"60s\"\n[server]\nurl = \"http://{address}\"\n\
             [[series]]\n{series}{engine}reconnect = \"60s\"\nlabel = \"it\"\n"
        ));
        let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
        let text = said(&output);
        let first = connections.0.lock().unwrap()[0];
        // Neither the pause of 60 s nor a drain of as much.
        assert!(first.elapsed() < Duration::from_secs(40), "{series}: {text}");
        let row = row(&world);
        assert_eq!(number(&row, "clients_connected"), 3.0, "{series}: {text}");
        assert_eq!(number(&row, "audit_kernel_bytes"), 0.0, "{series}: {text}");
        assert!(!text.contains("did not end within"), "{series}: {text}");
    });
}

/// Whether the server is there yet: a second and a half from the first client's third update on.
fn request_to_live(first: Option<Instant>) -> Option<()> {
    first.is_none_or(|first| first.elapsed() < Duration::from_millis(1500)).then_some(())
}

/// A server that does not read for some time is slow, and the driver that waits for it is not.
#[test]
fn a_wait_for_a_server_that_does_not_read_is_no_lag_of_the_driver() {
    const STALL: Duration = Duration::from_millis(2500);
    at_once(["raw", "tungstenite"], |engine| {
        let address = serve(move |mut stream| {
            let mut serve = || {
                answer_upgrade(&mut stream, UPGRADED)?;
                for number in 1.. {
                    let (opcode, payload) = client_frame(&mut stream)?;
                    stream.write_all(&server_frame(opcode, &payload)).ok()?;
                    if opcode == 8 {
                        return None;
                    }
                    if number == 100 {
                        std::thread::sleep(STALL);
                    }
                }
                Some(())
            };
            let _ = serve();
        });
        let world = World::new(&format!(
            "clients = [1]\nwarmup = \"200ms\"\nduration = \"5s\"\ncooldown = \"100ms\"\n\
             timeout = \"10s\"\ndrain = \"10s\"\n[feed]\nworkload = \"echo\"\nrate = \"100/s\"\n\
             size = \"60kB\"\n[server]\nurl = \"http://{address}\"\n\
             [[series]]\n{WEBSOCKET}engine = \"{engine}\"\nlabel = \"it\"\n"
        ));
        let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
        let (row, text) = (row(&world), said(&output));
        // What was to be sent meanwhile has waited for as long, and the driver was there.
        let (lag, latency) = ("driver_lag_us_p99", "response_latency_us_p99");
        assert!(number(&row, latency) > 1e6, "{engine}: {row:?}\n{text}");
        assert!(number(&row, lag) < 5e5, "{engine}: {} us\n{text}", row[lag]);
    });
}

/// A server of streams: on each connection five messages, a last piece, and the end of the response.
fn ends_with(
    media: &'static str,
    chunked: bool,
    message: &'static str,
    last: &'static str,
) -> SocketAddr {
    let coding = if chunked { "Transfer-Encoding: chunked\r\n" } else { "" };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\n{coding}\r\n");
    serve(move |mut stream| {
        let mut serve = || {
            request(&mut stream)?;
            stream.write_all(head.as_bytes()).ok()?;
            for text in [message, message, message, message, message, last] {
                let piece = match chunked {
                    true if text.is_empty() => String::new(),
                    true => format!("{:x}\r\n{text}\r\n", text.len()),
                    false => text.to_owned(),
                };
                stream.write_all(piece.as_bytes()).ok()?;
                std::thread::sleep(Duration::from_millis(20));
            }
            if chunked { stream.write_all(b"0\r\n\r\n").ok() } else { None }
        };
        let _ = serve();
    })
}

/// A response that ends within a message has lost it, however orderly HTTP ended.
#[test]
fn an_end_within_a_message_is_an_error_and_one_between_two_is_none() {
    const EVENTS: &str = "text/event-stream";
    const LINES: &str = "transport = \"streaming\"\nreconnect = \"50ms\"\n";
    let sse = format!("{SSE}reconnect = \"50ms\"\n");
    let by_line = format!("{LINES}delimiter = \"line\"\n");
    let by_text = format!("{LINES}delimiter = {{ separator = \"--\" }}\n");
    let cases = [
        (sse.as_str(), EVENTS, "data: x\n\n", "data: x", true),
        (&sse, EVENTS, "data: x\n\n", "id: 7\ndat", true),
        (&sse, EVENTS, "data: x\n\n", "data: x\n", true),
        (&sse, EVENTS, "data: x\n\n", "", false),
        (&sse, EVENTS, "data: x\n\n", "\n", false),
        (&sse, EVENTS, "data: x\n\n", ": bye\n", false),
        (&sse, EVENTS, "data: x\n\n", "retry: 50\n", false),
        (&by_line, "text/plain", "message\n", "mess", true),
        (&by_line, "text/plain", "message\n", "\n", false),
        (&by_text, "text/plain", "message--", "mess-", true),
        (&by_text, "text/plain", "message--", "-", false),
    ];
    let all = cases.into_iter().flat_map(|case| [false, true].map(|chunked| (case, chunked)));
    // A few at a time: each is a run of its own.
    for some in all.collect::<Vec<_>>().chunks(6) {
        at_once(some, |((series, media, message, last, is_error), chunked)| {
            let (world, output) = run(ends_with(media, *chunked, message, last), series, "");
            let (row, text) = (row(&world), said(&output));
            let what = format!("{series}{last:?}, chunked {chunked}: {text}");
            assert!(number(&row, "reconnects") > 3.0, "{what}");
            assert_eq!(number(&row, "faults") > 3.0, *is_error, "{what}");
            assert_eq!(text.contains("closed early by the server"), *is_error, "{what}");
        });
    }
}

//! `[message]`: servers that send JSON of their own, with exact loss and order, latencies between known
//! bounds, and clocks that are wrong.

use crate::support::{
    World, answer_upgrade, at_once, client_frame, expect_code, expect_ran, finish, said, serve,
    server_frame, wsbench,
};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wsbench::internals::time::now_ns;

/// The messages that a server sends in each fiftieth of a second, by its number from 1.
type Script = fn(u64) -> Vec<String>;

const TICK: Duration = Duration::from_millis(20);
const TICKS: u64 = 400;

/// Milliseconds since 1970.
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(since.as_millis()).expect("it is before the year 500 million")
}

fn at(t: impl std::fmt::Display, seq: u64) -> String {
    // Of one to five digits: no two messages in a row have the same size.
    let price = 10u64.pow((seq % 5) as u32);
    format!("{{\"t\": {t}, \"seq\": {seq}, \"price\": {price}.3}}")
}

fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, text.len() as u8];
    frame.extend_from_slice(text.as_bytes());
    frame
}

fn each_tick(stream: &mut TcpStream, script: Script, encode: fn(&str) -> Vec<u8>) {
    let began = Instant::now();
    for number in 1..=TICKS {
        for text in script(number) {
            if stream.write_all(&encode(&text)).is_err() {
                return;
            }
        }
        let due = TICK * number as u32;
        std::thread::sleep(due.saturating_sub(began.elapsed()));
    }
}

fn websocket(script: Script) -> SocketAddr {
    serve(move |mut stream| {
        let lines =
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
        if answer_upgrade(&mut stream, lines).is_some() {
            each_tick(&mut stream, script, frame);
        }
    })
}

/// Reads a request's head.
fn read_head(stream: &mut TcpStream) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(())
}

fn sse(script: Script) -> SocketAddr {
    serve(move |mut stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        if read_head(&mut stream).is_some() && stream.write_all(head.as_bytes()).is_ok() {
            each_tick(&mut stream, script, |text| format!("data: {text}\n\n").into_bytes());
        }
    })
}

/// Answers each request with the message of the moment, one for each fifth of a second; after the next
/// one is there, if `holds`.
fn asked(holds: bool) -> SocketAddr {
    const EACH_MS: u64 = 200;
    // The time of day first: a stamp must not be later than the moment that it is sent at.
    let began_ms = wall_ms();
    let began = Instant::now();
    serve(move |mut stream| {
        let mut last = 0;
        while read_head(&mut stream).is_some() {
            let number = || began.elapsed().as_millis() as u64 / EACH_MS;
            while holds && number() == last {
                std::thread::sleep(Duration::from_millis(2));
            }
            last = number();
            let body = at(began_ms + last * EACH_MS, last);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(&[head, body].concat().into_bytes()).is_err() {
                return;
            }
        }
    })
}

/// Answers each request with a new message, which has the number of all answers, or that of its
/// connection.
fn numbered(by_connection: bool) -> SocketAddr {
    let all = Arc::new(AtomicU64::new(0));
    serve(move |mut stream| {
        let own = AtomicU64::new(0);
        while read_head(&mut stream).is_some() {
            let numbers = if by_connection { &own } else { &*all };
            // After the request: such a message is none from before the connection.
            let ns = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
            let body = at(ns.as_nanos(), numbers.fetch_add(1, Ordering::Relaxed) + 1);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(&[head, body].concat().into_bytes()).is_err() {
                return;
            }
        }
    })
}

const TIME_AND_NUMBER: &str = "time = \"/t\"\nsequence = \"/seq\"";

/// Three clients of a server, two seconds.
fn scenario(transport: &str, server: SocketAddr, message: &str, more: &str) -> World {
    World::new(&format!(
        "clients = [3]\nwarmup = \"500ms\"\ndriver_lateness = \"1s\"\nduration = \"2s\"\n\
         cooldown = \"300ms\"\ndrain = \"1s\"\n[server]\nurl = \"http://{server}\"\n\
         [message]\n{message}\n[[series]]\ntransport = \"{transport}\"\n{more}"
    ))
}

struct Outcome {
    text: String,
    row: Value,
}

impl Outcome {
    fn number(&self, column: &str) -> f64 {
        self.row[column].as_f64().unwrap_or_else(|| panic!("{column}: {}", self.row))
    }
    fn check(&self, name: &str) -> &str {
        let checks = self.row["checks"].as_array().expect("its checks");
        let found = checks.iter().find(|check| check["name"] == name);
        found.map_or("none", |check| check["outcome"].as_str().expect("an outcome"))
    }
    fn why(&self, column: &str) -> &str {
        self.row["absent"][column].as_str().unwrap_or_else(|| panic!("{column}: {}", self.row))
    }
}

/// Runs it; `code` is `None` if it must be valid but for a late driver.
fn run(world: &World, code: Option<i32>) -> Outcome {
    let output = finish(&mut world.run(&["--reports", "json,text"]));
    match code {
        Some(code) => expect_code(&output, code),
        None => expect_ran(world, &output),
    }
    // Lines are broken anywhere.
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    Outcome { text, row: world.summary()["rows"][0].clone() }
}

#[test]
fn loss_repeats_and_order_of_a_servers_own_numbers_are_exact() {
    /// Of ten numbers the tenth is left out, the fifth comes twice, and the seventh after the eighth.
    const SCRIPT: Script = |n| match n % 10 {
        0 | 7 => vec![],
        5 => vec![at(wall_ms(), n); 2],
        8 => vec![at(wall_ms(), n), at(wall_ms(), n - 1)],
        _ => vec![at(wall_ms(), n)],
    };
    at_once(["websocket", "sse"], |transport| {
        let server = if transport == "sse" { sse(SCRIPT) } else { websocket(SCRIPT) };
        let found = run(&scenario(transport, server, TIME_AND_NUMBER, ""), Some(96));
        assert_eq!(found.check("nothing_missing"), "failed");
        let published = found.number("updates_published");
        // A client's window begins and ends anywhere in ten numbers.
        let tenth = |column: &str| {
            let of_each_ten = found.number(column) * 10.0;
            assert!(
                (of_each_ten - published).abs() <= 30.0,
                "{column} of {published}: {}",
                found.row
            );
        };
        assert!(published > 150.0, "{published}");
        ["updates_missing", "updates_duplicated", "updates_reordered"].into_iter().for_each(tenth);
        assert_eq!(found.number("updates_delivered"), published - found.number("updates_missing"));
        assert!(found.text.contains("the numbers have gaps"), "{}", found.text);
    });
}

#[test]
fn numbers_in_swapped_pairs_go_up_by_one() {
    const SCRIPT: Script = |n| vec![at(wall_ms(), if n % 2 == 0 { n - 1 } else { n + 1 })];
    at_once(["websocket", "sse"], |transport| {
        let server = if transport == "sse" { sse(SCRIPT) } else { websocket(SCRIPT) };
        let found = run(&scenario(transport, server, "sequence = \"/seq\"", ""), None);
        assert_eq!(found.check("nothing_missing"), "passed", "{}", found.text);
        assert_eq!(found.number("updates_missing"), 0.0);
        let (delivered, reordered) =
            (found.number("updates_delivered"), found.number("updates_reordered"));
        assert!(delivered > 150.0 && (delivered - 2.0 * reordered).abs() <= 6.0, "{}", found.row);
        assert!(!found.text.contains("go up by"), "{}", found.text);
    });
}

#[test]
fn latencies_are_from_the_servers_own_time_in_messages_of_any_size() {
    const LATE: Script = |n| vec![at(wall_ms() - 30, n)];
    at_once(["websocket", "sse"], |transport| {
        let server = if transport == "sse" { sse(LATE) } else { websocket(LATE) };
        let found = run(&scenario(transport, server, TIME_AND_NUMBER, ""), None);
        // Whole milliseconds, rounded down; three digits of the histogram.
        assert!(found.number("delivery_latency_us_min") >= 29_900.0, "{}", found.row);
        assert!(found.number("delivery_latency_us_p50") < 1e6, "{}", found.row);
        assert_eq!(found.number("updates_missing"), 0.0);
        assert_eq!(found.check("times_can_be_right"), "passed");
        // Not the scenario's 21 bytes: 41 to 45 and more digits of the number.
        assert!((41.0..60.0).contains(&found.number("payload_bytes")), "{}", found.row);
        assert!(found.text.contains("exact to 1 ms"), "{}", found.text);
    });
}

#[test]
fn a_time_of_seven_decimals_is_exact_to_100_ns() {
    const SCRIPT: Script = |n| {
        let ms = wall_ms() - 30;
        vec![at(format!("{}.{:03}000{}", ms / 1_000, ms % 1_000, n % 10), n)]
    };
    let found = run(
        &scenario("websocket", websocket(SCRIPT), &format!("{TIME_AND_NUMBER}\nunit = \"s\""), ""),
        None,
    );
    assert_eq!(found.check("times_can_be_right"), "passed");
    assert!(found.text.contains("exact to 100 ns"), "{}", found.text);
}

/// A connection for each poll is no other client: whose numbers begin again on it counts anew.
#[test]
fn both_engines_count_the_same_on_a_connection_for_each_poll() {
    let engines = ["raw", "reqwest"];
    let connections = [("new", true), ("new", false), ("keep-alive", true), ("keep-alive", false)];
    let cases = engines.iter().flat_map(|engine| connections.map(|case| (engine, case)));
    at_once(cases, |(engine, (connection, by_connection))| {
        let more =
            format!("engine = {engine:?}\nconnection = {connection:?}\ninterval = \"100ms\"");
        let message = format!("{TIME_AND_NUMBER}\nunit = \"ns\"");
        let found = run(&scenario("polling", numbered(by_connection), &message, &more), None);
        // Three clients, two seconds.
        for column in ["completed", "messages", "delivery_latency_count"] {
            assert_eq!(found.number(column), 60.0, "{more} {column}: {}", found.text);
        }
        assert_eq!(found.number("empty_polls"), 0.0, "{more}: {}", found.text);
        assert!(!found.text.contains("before their connection"), "{more}: {}", found.text);
    });
}

#[test]
fn messages_before_the_window_and_a_way_to_subscribe_are_named() {
    const SCRIPT: Script = |n| if n == 1 { vec![at(wall_ms(), n)] } else { Vec::new() };
    let found = run(&scenario("websocket", websocket(SCRIPT), TIME_AND_NUMBER, ""), Some(96));
    let text = found.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = "no message came to the 3 connected in the measured window, and 3 came before it";
    assert!(text.contains(wanted), "{text}");
    assert!(text.contains("do so by `first` in the series"), "{text}");
    let first = "first = [\"hello\"]\n";
    let found = run(&scenario("websocket", websocket(SCRIPT), TIME_AND_NUMBER, first), Some(96));
    let text = found.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(wanted) && !text.contains("`first`"), "{text}");
    assert!(text.contains("no update came in the measured window"), "{text}");
}

#[test]
fn answers_of_a_server_with_its_own_json_are_told_apart_by_their_numbers() {
    at_once([("polling", false), ("long-polling", true)], |(transport, holds)| {
        let interval = if holds { "" } else { "interval = \"50ms\"\n" };
        let found = run(&scenario(transport, asked(holds), TIME_AND_NUMBER, interval), None);
        let (messages, published) = (found.number("messages"), found.number("updates_published"));
        assert!((24.0..=36.0).contains(&messages), "{}", found.row);
        assert_eq!(messages, found.number("updates_delivered"));
        assert!(published >= messages, "{}", found.row);
        // A held one takes about as long as its time is exact to.
        let latency = found.row["delivery_latency_us_p50"].as_f64();
        assert!(latency.map_or(holds, |us| us < 1e6), "{}", found.row);
        if !holds {
            assert!(found.number("empty_polls") > messages, "{}", found.row);
        }
    });
}

#[test]
fn a_time_that_cannot_be_right_is_named_and_the_run_is_not_valid() {
    let cases: [(Script, &str, &str); 5] = [
        (
            |n| vec![at(now_ns() / 1_000_000_000, n)],
            "time = \"/t\"\nunit = \"s\"",
            "look like seconds since boot",
        ),
        (
            |n| vec![at(wall_ms(), n)],
            "time = \"/t\"\nunit = \"s\"",
            "look like milliseconds since 1970 read as seconds",
        ),
        (|n| vec![at(wall_ms() + 7_200_000, n)], "time = \"/t\"", "UTC offset of +2 hours"),
        (|n| vec![at(wall_ms() - 52 * 60_000, n)], "time = \"/t\"", "52 min 0 s behind"),
        (|n| vec![at(wall_ms() + 30_000, n)], "time = \"/t\"", "30 s ahead of"),
    ];
    at_once(cases, |(script, message, says)| {
        let found = run(&scenario("websocket", websocket(script), message, ""), Some(96));
        assert_eq!(found.check("times_can_be_right"), "failed", "{}", found.text);
        assert!(found.text.contains(says), "{says}: {}", found.text);
        assert!(found.why("delivery_latency_us_p50").contains("times in messages"));
    });
}

#[test]
fn messages_sent_again_and_heartbeats_are_told_apart() {
    const SCRIPT: Script = |n| match n {
        1 => (1..=5).map(|old| at(wall_ms() - 600_000, old)).collect(),
        n if n % 5 == 0 => vec!["{}".to_owned(), "{\"type\": \"ka\"}".to_owned()],
        n => vec![at(wall_ms(), 4 + n - n / 5)],
    };
    let ignore = "ignore = [\"{}\", { pointer = \"/type\", value = \"ka\" }]";
    let message = format!("{TIME_AND_NUMBER}\n{ignore}");
    let found = run(&scenario("websocket", websocket(SCRIPT), &message, ""), None);
    assert_eq!(found.number("updates_missing"), 0.0);
    assert!(
        found.text.contains("15 messages have a time before their connection"),
        "{}",
        found.text
    );
    assert!(found.text.contains("messages were no updates"), "{}", found.text);
    // Four of five ticks have an update of at least 40 bytes, the fifth has frames of 4 and 16.
    assert!(found.number("payload_bytes_per_message") > 40.0, "{}", found.row);
    let control = found.number("control_bytes_per_message");
    assert!((4.0..7.0).contains(&control), "{}", found.row);
}

#[test]
fn a_few_times_that_cannot_be_right_are_named_with_what_they_look_like() {
    /// One message a minute older than the connection, and 399 of now: too few to matter.
    const SCRIPT: Script = |n| match n {
        1 => vec![at(wall_ms() - 60_000, 1)],
        n => (0..4).map(|part| at(wall_ms(), 4 * n + part)).collect(),
    };
    let message = "time = \"/t\"\nreplay = \"30s\"";
    let found = run(&scenario("websocket", websocket(SCRIPT), message, ""), None);
    assert_eq!(found.check("times_can_be_right"), "passed", "{}", found.text);
    let named = "3 times in messages of all phases cannot be right and are in no latency: the first lies 60 s behind \
                 this machine's clock, and [message] replay allows 30 s";
    assert!(found.text.contains(named), "{}", found.text);
}

/// One sentence with one count and one remedy, and nothing of a latency that there is not.
#[test]
fn a_wrong_unit_is_said_once() {
    const SCRIPT: Script = |n| vec![at(wall_ms() as f64 / 1e3, n)];
    let message = "time = \"/t\"\nunit = \"ms\"";
    let world = scenario("websocket", websocket(SCRIPT), message, "");
    let found = run(&world, Some(96));
    for (once, wanted) in [
        ("cannot be right", 1),
        (
            "times in messages of the measured window cannot be right: the times look like seconds",
            1,
        ),
        ("set unit = \"s\"", 1),
        ("Set `time`", 0),
        ("exact to", 0),
    ] {
        assert_eq!(found.text.matches(once).count(), wanted, "{once}: {}", found.text);
    }
}

#[test]
fn what_the_scenario_does_not_find_is_absent_with_the_reason() {
    const SCRIPT: Script = |n| vec![at(wall_ms(), n)];
    let found = run(&scenario("websocket", websocket(SCRIPT), "sequence = \"/seq\"", ""), None);
    assert!(found.why("delivery_latency_us_p50").contains("[message] time"));
    assert_eq!(found.check("nothing_missing"), "passed");
    let found = run(&scenario("websocket", websocket(SCRIPT), "time = \"/time\"", ""), Some(96));
    assert_eq!(found.check("times_can_be_right"), "failed");
    assert!(found.why("delivery_latency_us_p50").contains("no message has a time where"));
    assert!(found.why("updates_missing").contains("is not known"));
    assert_eq!(found.check("nothing_missing"), "not-applicable");
    assert!(found.number("messages") > 100.0);
    // A number that is declared and not there is evidence that did not come.
    let world =
        scenario("websocket", websocket(SCRIPT), "time = \"/t\"\nsequence = \"/price\"", "");
    let found = run(&world, Some(96));
    assert_eq!(found.check("nothing_missing"), "not-made");
    assert!(found.why("updates_missing").contains("no message has a number where"));
}

#[test]
fn percentiles_below_what_the_times_are_exact_to_are_no_figures() {
    const SCRIPT: Script = |n| vec![at(wall_ms(), n)];
    let message = format!("{TIME_AND_NUMBER}\nresolution = \"1s\"");
    let limit = "[[limit]]\nmetric = \"delivery_latency\"\ncondition = \"p(50) < 2s\"\n";
    let world = scenario("websocket", websocket(SCRIPT), &message, limit);
    let found = run(&world, None);
    assert!(found.why("delivery_latency_us_p50").contains("exact to 1 s"), "{}", found.row);
    assert!(found.text.contains("< 1,000"), "{}", found.text);
    assert!(found.text.contains("1 of 1 kept"), "{}", found.text);
    // A limit below it could not be decided.
    let limit = limit.replace("2s", "500ms");
    let refused = scenario("websocket", websocket(SCRIPT), &message, &limit);
    let output = finish(wsbench(&["plan"]).arg(refused.path("scenario.toml")));
    expect_code(&output, 2);
    assert!(said(&output).contains("exact to 1 s"), "{}", said(&output));
}

/// Answers each second message before the one before it, the number as text in every fourth answer;
/// between them sends a message without a number.
fn answering() -> SocketAddr {
    serve(|mut stream| {
        let lines =
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
        if answer_upgrade(&mut stream, lines).is_none() {
            return;
        }
        let mut held = None;
        while let Some((opcode, payload)) = client_frame(&mut stream) {
            if opcode != 1 {
                let _ = stream.write_all(&server_frame(opcode, &payload));
                return;
            }
            let asked: Value = serde_json::from_slice(&payload).expect("JSON");
            assert_eq!(asked["op"], "ping of client-key", "{asked}");
            let number = asked["call"].as_u64().expect("a number");
            let Some(before) = held.replace(number) else { continue };
            held = None;
            let name = if number % 4 == 1 { format!("\"{number}\"") } else { number.to_string() };
            let answers = [
                format!("{{\"reply\":{{\"to\":{name}}},\"more\":\"{number}\"}}"),
                "{\"news\":1}".to_owned(),
                format!("{{\"reply\":{{\"to\":{before}}}}}"),
            ];
            let frames = answers.iter().flat_map(|text| server_frame(1, text.as_bytes()));
            if stream.write_all(&frames.collect::<Vec<u8>>()).is_err() {
                return;
            }
        }
    })
}

/// Answers that no message waits for are named as such, and no client takes another's for its own.
#[test]
fn answers_that_come_twice_or_to_all_are_named() {
    at_once([false, true], |to_all| {
        let clients: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let ids: Arc<Mutex<Vec<u64>>> = Arc::default();
        let seen = ids.clone();
        let address = serve(move |mut stream| {
            let lines =
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
            if answer_upgrade(&mut stream, lines).is_none() {
                return;
            }
            let own = stream.try_clone().expect("a second handle");
            clients.lock().unwrap().push(own);
            while let Some((opcode, payload)) = client_frame(&mut stream) {
                if opcode != 1 {
                    let _ = stream.write_all(&server_frame(opcode, &payload));
                    return;
                }
                let asked: Value = serde_json::from_slice(&payload).expect("JSON");
                ids.lock().unwrap().push(asked["call"].as_u64().expect("a number"));
                let answer = format!("{{\"to\":{}}}", asked["call"]);
                let frame = server_frame(1, answer.as_bytes());
                let mut all = clients.lock().unwrap();
                if to_all {
                    all.iter_mut().for_each(|one| drop(one.write_all(&frame)));
                } else {
                    let _ = stream.write_all(&[&frame[..], &frame].concat());
                }
            }
        });
        let world = World::new(&format!(
            "clients = [3]\nwarmup = \"500ms\"\ndriver_lateness = \"1s\"\nduration = \"2s\"\n\
             cooldown = \"300ms\"\ndrain = \"1s\"\n[feed]\nworkload = \"echo\"\nrate = \"10/s\"\n\
             [server]\nurl = \"http://{address}\"\n[message]\nid = \"/to\"\n\
             [[series]]\ntransport = \"websocket\"\nsend = '{{\"call\":{{id}}}}'\n"
        ));
        let output = finish(&mut world.run(&["--reports", "json,text"]));
        expect_code(&output, 96);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("an answer with an id that no message waits for"), "{text}");
        assert!(text.contains("Let the server answer each message once"), "{text}");
        assert!(!text.contains("malformed"), "{text}");
        // Of a rate search or a second case there is none: each number was sent once.
        let mut ids = seen.lock().unwrap().clone();
        let sent = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), sent, "{text}");
    });
}

#[test]
fn round_trips_are_found_by_the_numbers_in_answers() {
    let scenario = |address: SocketAddr| {
        format!(
            "clients = [3]\nwarmup = \"500ms\"\ndriver_lateness = \"1s\"\nduration = \"2s\"\n\
             cooldown = \"300ms\"\ndrain = \"1s\"\n[feed]\nworkload = \"echo\"\nrate = \"20/s\"\n\
             [server]\nurl = \"http://{address}\"\n[message]\nid = \"/reply/to\"\n\
             [[series]]\ntransport = \"websocket\"\ndata = \"keys.txt\"\n\
             send = '{{\"op\":\"ping of {{line}}\",\"call\":{{id}}}}'\n"
        )
    };
    let world = World::new(&scenario(answering()));
    world.write("keys.txt", "client-key\nclient-key\nclient-key\n");
    let found = run(&world, None);
    let (messages, published) = (found.number("messages"), found.number("updates_published"));
    assert!((100.0..=140.0).contains(&messages), "{}", found.row);
    assert_eq!((found.number("updates_missing"), published), (0.0, messages));
    assert_eq!(found.number("faults"), 0.0, "{}", found.text);
    // A message that is answered at once, or one that is answered after the next: 50 ms.
    assert!(found.number("response_latency_us_p50") < 500_000.0, "{}", found.row);
    assert!(found.number("response_latency_us_max") >= 25_000.0, "{}", found.row);
    assert!(found.text.contains("messages were no answers"), "{}", found.text);
    let why = "an echo has no delivery latency: its round trip is the response latency";
    assert_eq!(found.why("delivery_latency_us_p50"), why);
    // A frame of twelve bytes for each two answers.
    let control = found.number("control_bytes_per_message");
    assert!((5.0..=7.0).contains(&control), "{control}: {}", found.row);

    // Without a place of the number, and without the number.
    let plan = |text: &str| {
        let world = World::new(text);
        world.write("keys.txt", "a\nb\nc\n");
        said(&finish(wsbench(&["plan"]).arg(world.path("scenario.toml"))))
    };
    let good = scenario(SocketAddr::from(([127, 0, 0, 1], 9)));
    for (from, to, wanted) in [
        ("[message]\nid = \"/reply/to\"\n", "", "`send` needs [message] id"),
        ("{id}", "{client}", "send needs the placeholder {id} once"),
        ("workload = \"echo\"", "workload = \"ticker\"", "set workload = \"echo\""),
        ("id = ", "sequence = \"/seq\"\nid = ", "in an echo answers have an id alone"),
        ("data =", "engine = \"tungstenite\"\ndata =", "\"tungstenite\" has no send"),
    ] {
        let text = plan(&good.replace(from, to));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn gaps_of_any_size_are_missing() {
    // One in each second.
    const SCRIPT: Script = |n| vec![at(wall_ms(), n + ((n / 50) << 61))];
    let world = scenario("websocket", websocket(SCRIPT), TIME_AND_NUMBER, "");
    let found = run(&world, Some(96));
    assert_eq!(found.check("nothing_missing"), "failed", "{}", found.text);
    assert!(found.number("updates_missing") >= (1u64 << 61) as f64, "{}", found.text);
}

/// Whole seconds say nothing of updates that come each 20 ms and at once: no figure, sentence or file
/// takes the error of the times for a latency or an age.
#[test]
fn nothing_is_made_of_times_that_are_too_coarse() {
    const SCRIPT: Script = |n| vec![at(wall_ms() / 1_000, n)];
    let message = format!("{TIME_AND_NUMBER}\nunit = \"s\"");
    at_once(["websocket", "sse"], |transport| {
        let server = if transport == "sse" { sse(SCRIPT) } else { websocket(SCRIPT) };
        let world = scenario(transport, server, &message, "");
        let output = finish(&mut world.run(&["--reports", "json,text,csv"]));
        expect_ran(&world, &output);
        let text = said(&output);
        assert!(text.contains("exact to 1 s") && !text.contains("ms old"), "{text}");
        let row = &world.summary()["rows"][0];
        for column in ["delivery_latency_us_p50", "age_of_information_us_mean", "peak_age_us_p50"] {
            assert!(row[column].is_null(), "{column}: {row}");
            let why = row["absent"][column].as_str().expect("a reason");
            assert!(
                why.starts_with("too short to be known") && why.contains("the times in messages"),
                "{why}"
            );
        }
        let columns = [
            ("timeseries.csv", "delivery_latency_us_p50"),
            ("timeseries.csv", "delivery_latency_us_p99"),
            ("trace.csv", "latency_us"),
            ("distribution.csv", "latency_us"),
        ];
        for (file, column) in columns {
            for row in world.csv(file) {
                // A busy machine may be that late.
                let known = row[column].parse::<f64>().map_or(true, |us| us >= 2e6);
                assert!(known || row[column].is_empty(), "{file}: {row:?}");
            }
        }
        assert!(!world.csv("trace.csv").is_empty(), "updates are recorded");
    });
}

//! Servers that send nothing, or nothing any more, and state no rate: the run says so.

use crate::external::request;
use crate::support::steps::UPGRADED;
use crate::support::{
    World, answer_upgrade, at_once, client_frame, expect_code, finish, said, serve, server_frame,
};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wsbench::internals::result::file::read;

/// How many messages a client gets, by its number from 0.
type MessagesOf = fn(u32) -> u32;

/// Serves WebSocket: ten messages a second to each client, so many, and then nothing; the connection stays
/// open for ten seconds.
fn falls_silent(messages: MessagesOf) -> SocketAddr {
    let clients = Arc::new(AtomicU32::new(0));
    serve(move |mut stream| {
        if answer_upgrade(&mut stream, UPGRADED).is_none() {
            return;
        }
        let most = messages(clients.fetch_add(1, Ordering::Relaxed));
        for number in 0..100 {
            let text = format!("{{\"seq\": {number}}}");
            let frame = server_frame(1, text.as_bytes());
            if number < most && stream.write_all(&frame).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    })
}

fn world(address: SocketAddr, feed: &str, series: &str) -> World {
    World::new(&format!(
        "clients = [3]\nwarmup = \"100ms\"\nduration = \"6s\"\ncooldown = \"100ms\"\ndrain = \"1s\"\n\
         driver_lateness = \"900ms\"\n[server]\nurl = \"http://{address}\"\n{feed}\n\
         [[series]]\ntransport = \"websocket\"\n{series}\n"
    ))
}

/// Returns what a run with this exit code says, without its line breaks.
fn said_by(world: &World, code: i32) -> String {
    let output = finish(&mut world.run(&["--reports", "json,text"]));
    expect_code(&output, code);
    said(&output).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn clients_to_which_no_message_comes_are_named() {
    let cases: [(MessagesOf, &[&str]); 4] = [
        (|_| 100, &[]),
        (
            |client| if client == 1 { 0 } else { 100 },
            &["1 of 3 clients got no message in the measured window"],
        ),
        (
            |client| if client == 1 { 40 } else { 100 },
            &["no message came to 1 of 3 clients in the last", "the usual time between two"],
        ),
        (|_| 40, &["no message came in the last", "times the usual time between two"]),
    ];
    at_once(cases, |(messages, expected)| {
        let text = said_by(&world(falls_silent(messages), "", ""), 0);
        for expected in expected {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        if expected.is_empty() {
            assert!(
                !text.contains("no message came") && !text.contains("got no message"),
                "{text}"
            );
        }
    });
}

/// Answers polls at once, but for a time in the middle of the run, if it is silent then.
fn answers(is_silent: bool) -> SocketAddr {
    let first = Arc::new(OnceLock::new());
    serve(move |mut stream| {
        while request(&mut stream).is_some() {
            let since = first.get_or_init(Instant::now).elapsed();
            let silent = Duration::from_secs(2)..Duration::from_secs(4);
            if is_silent && silent.contains(&since) {
                std::thread::sleep(silent.end - since);
            }
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").is_err() {
                return;
            }
        }
    })
}

/// The polls that waited are sent afterwards: no number of answers shows the silence.
#[test]
fn a_server_that_answers_no_poll_for_a_time_is_named() {
    at_once([true, false], |is_silent| {
        let world = World::new(&format!(
            "clients = [3]\nwarmup = \"100ms\"\nduration = \"6s\"\ncooldown = \"100ms\"\n\
             driver_lateness = \"900ms\"\n[server]\nurl = \"http://{}\"\n[feed]\nrate = \"10/s\"\n\
             [[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n",
            answers(is_silent)
        ));
        let text = said_by(&world, 0);
        assert_eq!(text.contains("the server was silent for up to"), is_silent, "{text}");
    });
}

/// The fields of a message that is the update with this number.
fn update(number: u32) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    format!("{{\"t\": {}, \"seq\": {number}}}", since.as_millis())
}

/// Serves WebSocket: ten messages a second to each client, for ten seconds; what waited in a pause comes after it.
fn pushes(message: fn(u32) -> String, pause_after: Option<u32>) -> SocketAddr {
    serve(move |mut stream| {
        if answer_upgrade(&mut stream, UPGRADED).is_none() {
            return;
        }
        let began = Instant::now();
        for number in 1..=100 {
            if Some(number) == pause_after {
                std::thread::sleep(Duration::from_secs(2));
            }
            let frame = server_frame(1, message(number).as_bytes());
            if stream.write_all(&frame).is_err() {
                return;
            }
            let due = Duration::from_millis(100) * number;
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
    })
}

const OWN: &str = "[message]\ntime = \"/t\"\nsequence = \"/seq\"";

/// What keeps a stream alive, or comes again, is no sign that the feed goes on; nor do later updates hide a pause.
#[test]
fn a_feed_that_stops_or_stalls_is_named_whatever_else_comes() {
    type Case = (fn(u32) -> String, Option<u32>, &'static str, Option<&'static str>);
    let stopped = "no new update came in the last";
    let cases: [Case; 5] = [
        (|n| if n < 40 { update(n) } else { "{\"ka\": 1}".to_owned() }, None, "", Some(stopped)),
        (|n| update(n.min(40)), None, "semantics = \"snapshot\"\nbatch = \"100ms\"", Some(stopped)),
        (
            update,
            Some(35),
            "",
            Some("the usual time between two: if the time in messages is that of sending"),
        ),
        (
            update,
            Some(35),
            "rate = \"10/s\"",
            Some("the rate that the scenario states makes one each 100"),
        ),
        (update, None, "", None),
    ];
    at_once(cases, |(message, pause_after, feed, expected)| {
        let feed = format!("[feed]\n{feed}\n{OWN}");
        let world = world(pushes(message, pause_after), &feed, "");
        let output = finish(&mut world.run(&["--reports", "json,text"]));
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        match expected {
            Some(expected) => assert!(text.contains(expected), "{expected}: {text}"),
            None => assert!(!text.contains("no new update"), "{text}"),
        }
    });
}

/// Answers with the update of the moment, and from the third second on with the same, or with none.
fn stops_to_change(last: fn() -> Option<String>) -> SocketAddr {
    let first = Arc::new(OnceLock::new());
    serve(move |mut stream| {
        let mut kept = None;
        while request(&mut stream).is_some() {
            let since = first.get_or_init(Instant::now).elapsed();
            std::thread::sleep(Duration::from_millis(50));
            let number = u32::try_from(since.as_millis() / 50).expect("a short run");
            let body = match since.as_secs() {
                0..3 => Some(update(number)),
                _ => kept.get_or_insert_with(last).clone(),
            };
            let answer = match body {
                Some(body) => {
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                }
                None => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

#[test]
fn clients_that_ask_and_get_nothing_new_until_the_end_are_named() {
    type Case = (fn() -> Option<String>, &'static str);
    let cases: [Case; 3] = [
        (|| Some(update(1_000)), "polling\"\ninterval = \"100ms\""),
        (|| None, "polling\"\ninterval = \"100ms\""),
        (|| None, "long-polling\""),
    ];
    at_once(cases, |(last, transport)| {
        let world = World::new(&format!(
            "clients = [3]\nwarmup = \"200ms\"\nduration = \"6s\"\ncooldown = \"100ms\"\n\
             driver_lateness = \"900ms\"\n[server]\nurl = \"http://{}\"\n{OWN}\n\
             [[series]]\ntransport = \"{transport}\n",
            stops_to_change(last)
        ));
        let text = said_by(&world, 0);
        assert!(text.contains("no new update came in the last"), "{transport}: {text}");
    });
}

/// Without a rate there is no interval over which clients' windows could be spread.
#[test]
fn without_a_rate_messages_and_trace_are_of_the_same_window() {
    let address = falls_silent(|_| 100);
    let world = world(address, "[message]\nsequence = \"/seq\"", "");
    said_by(&world, 0);
    let result = read(&world.path("out/result.jsonl")).expect("a result");
    let case =
        result.cases.values().find(|case| !case.drivers[0].trace.is_empty()).expect("a case");
    let traced: usize = case.drivers.iter().map(|driver| driver.trace.len()).sum();
    assert_eq!(traced as u64, case.total.phases.steady.counts.messages);
}

#[test]
fn an_echo_has_no_rate_that_it_could_exceed() {
    let address = serve(|mut stream| {
        if answer_upgrade(&mut stream, UPGRADED).is_none() {
            return;
        }
        while let Some((opcode, payload)) = client_frame(&mut stream) {
            if stream.write_all(&server_frame(opcode, &payload)).is_err() || opcode == 8 {
                return;
            }
        }
    });
    let feed = "[feed]\nworkload = \"echo\"\nrate = \"1/s\"";
    let text = said_by(&world(address, feed, "echo = \"back-to-back\""), 0);
    assert!(!text.contains("publish when it is asked"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_started_server_that_is_stopped_is_not_measured() {
    let script = format!(
        "{} serve --bind 127.0.0.1:{{port}} --rate 20/s & sleep 5; kill -STOP $!; wait",
        env!("CARGO_BIN_EXE_wsbench")
    );
    let world = World::new(&format!(
        "clients = [4]\nwarmup = \"200ms\"\nduration = \"6s\"\ncooldown = \"100ms\"\n\
         driver_lateness = \"900ms\"\n[server]\nurl = \"http://127.0.0.1:{{port}}\"\n\
         command = [\"sh\", \"-c\", {script:?}]\n[[series]]\ntransport = \"websocket\"\n"
    ));
    let text = said_by(&world, 96);
    assert!(text.contains("the server was stopped: process"), "{text}");
    assert!(text.contains("Let no process of the server be stopped"), "{text}");
}

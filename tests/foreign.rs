//! What a run says of servers that are not the bundled one: what it could check, what it could
//! not, and that it takes neither for the other.

use crate::support::{World, answer_upgrade, expect_code, finish, said, serve};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;
use wsbench::internals::feed::{PayloadKind, Stamp};
use wsbench::internals::time::now_ns;

/// The messages that a server sends: one for each tenth of a second, by its number from 1.
type Script = fn(u64) -> Option<Vec<u8>>;

/// Serves WebSocket: ten messages a second for six seconds, whatever the client says, and keeps
/// the connection open for as long.
fn scripted(script: Script) -> SocketAddr {
    serve(move |mut stream| {
        let lines =
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
        if answer_upgrade(&mut stream, lines).is_none() {
            return;
        }
        for number in 1..=60 {
            if let Some(payload) = script(number) {
                let mut frame = vec![0x81, payload.len() as u8];
                frame.extend_from_slice(&payload);
                if stream.write_all(&frame).is_err() {
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    })
}

fn stamp(sequence: u64, ahead_ns: u64) -> Option<Vec<u8>> {
    let mut payload = [0; 21];
    Stamp { sequence, published_ns: now_ns() + ahead_ns }.write(PayloadKind::Text, 1, &mut payload);
    Some(payload.to_vec())
}

/// Runs three clients of such a server for two seconds, and returns what was printed with the row.
fn run(script: Script, feed: &str, code: i32) -> (String, serde_json::Value) {
    let world = World::new(&format!(
        "clients = [3]\nwarmup = \"300ms\"\ndriver_lateness = \"1s\"\nduration = \"2s\"\n\
         cooldown = \"100ms\"\ndrain = \"1s\"\n[feed]\n{feed}\n[server]\nurl = \"http://{}\"\n\
         [[series]]\ntransport = \"websocket\"\n[[limit]]\n\
         condition = \"wire_bytes_per_message > 0 B\"\n",
        scripted(script)
    ));
    let output = finish(&mut world.run(&["--reports", "json,text"]));
    expect_code(&output, code);
    // Lines are broken anywhere.
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    (text, world.summary()["rows"][0].clone())
}

fn outcome(row: &serde_json::Value, check: &str) -> String {
    let checks = row["checks"].as_array().expect("its checks");
    let found = checks.iter().find(|c| c["name"] == check);
    found.map_or("none", |c| c["outcome"].as_str().expect("an outcome")).to_owned()
}

#[test]
fn without_numbers_and_a_rate_loss_is_not_checked_and_the_row_says_so() {
    let (text, row) = run(|_| Some(b"hello".to_vec()), "", 0);
    assert_eq!(row["status"], "valid");
    for check in ["nothing_missing", "deliveries_add_up", "feed_held", "bytes_as_predicted"] {
        assert_eq!(outcome(&row, check), "not-applicable", "{check}");
    }
    assert_eq!(outcome(&row, "kernel_agrees"), "passed");
    assert!(text.contains("loss not checked"), "{text}");
    assert!(row["absent"]["updates_missing"].is_string(), "{row}");
}

#[test]
fn a_server_that_skips_numbers_is_not_valid_though_it_keeps_connections_open() {
    let (text, row) = run(|n| stamp(n, 0).filter(|_| n % 2 == 0), "", 96);
    assert_eq!(outcome(&row, "nothing_missing"), "failed");
    assert!(text.contains("the numbers have gaps"), "{text}");
}

#[test]
fn a_stated_rate_is_held_against_a_server_that_falls_silent() {
    let silent: Script = |n| stamp(n, 0).filter(|_| n < 14);
    let (text, row) = run(silent, "rate = \"10/s\"", 96);
    assert_eq!(outcome(&row, "feed_held"), "failed");
    assert!(text.contains("by the rate that the scenario states"), "{text}");
    // One stamp again and again is no update either.
    let (_, row) = run(|_| stamp(7, 0), "rate = \"10/s\"", 96);
    assert_eq!(outcome(&row, "feed_held"), "failed");
    // Nor are messages of another kind between the updates.
    let others: Script = |n| if n % 2 == 0 { Some(b"{}".to_vec()) } else { stamp(n / 2 + 1, 0) };
    let (_, row) = run(others, "rate = \"10/s\"", 96);
    assert_eq!(outcome(&row, "feed_held"), "failed");
    let (_, row) = run(|n| stamp(n, 0), "rate = \"10/s\"", 0);
    assert_eq!(outcome(&row, "feed_held"), "passed");
}

#[test]
fn latencies_are_absent_if_stamps_lie_ahead_of_the_clock() {
    let (text, row) = run(|n| stamp(n, 60_000_000 * (n % 2)), "", 96);
    assert_eq!(outcome(&row, "never_faster_than_the_line"), "failed");
    let why = row["absent"]["delivery_latency_us_p50"].as_str().expect("a reason");
    assert!(why.contains("latencies are negative"), "{why}");
    assert!(text.contains("lie ahead of this machine's CLOCK_MONOTONIC"), "{text}");
}

/// Which of ten updates a second a poll gets, by how many there were, and its number.
type Latest = fn(u64) -> (u64, u64);

fn polled(latest: Latest) -> SocketAddr {
    let began_ns = now_ns();
    serve(move |mut stream| {
        let mut received = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            received.extend_from_slice(&buffer[..read]);
            if !received.ends_with(b"\r\n\r\n") {
                continue;
            }
            received.clear();
            let (update, sequence) = latest((now_ns() - began_ns) / 100_000_000);
            let mut payload = [0; 21];
            let stamp = Stamp { sequence, published_ns: began_ns + update * 100_000_000 };
            stamp.write(PayloadKind::Text, 1, &mut payload);
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n";
            if stream.write_all(&[head.as_slice(), &payload].concat()).is_err() {
                return;
            }
        }
    })
}

/// Polls such a server for three seconds.
fn poll(latest: Latest, feed: &str, code: i32) -> (String, serde_json::Value) {
    let world = World::new(&format!(
        "clients = [3]\nwarmup = \"300ms\"\ndriver_lateness = \"1s\"\nduration = \"3s\"\n\
         cooldown = \"100ms\"\n[feed]\n{feed}\n[server]\nurl = \"http://{}\"\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"50ms\"\n",
        polled(latest)
    ));
    let output = finish(&mut world.run(&["--reports", "json,text"]));
    expect_code(&output, code);
    let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    (text, world.summary()["rows"][0].clone())
}

/// That a poll skips numbers is legal if the latest update counts, and then shows no loss.
#[test]
fn numbers_that_polls_skip_are_no_proof_that_nothing_is_missing() {
    let (text, row) = poll(|n| (n, 2 * n + 1), "", 0);
    assert_eq!(outcome(&row, "nothing_missing"), "not-applicable");
    assert!(text.contains("loss not checked"), "{text}");
    let (_, row) = poll(|n| (n, n + 1), "rate = \"10/s\"", 0);
    assert_eq!(outcome(&row, "feed_held"), "passed");
    let (text, row) = poll(|n| (n, 2 * n + 1), "rate = \"10/s\"", 96);
    assert_eq!(outcome(&row, "feed_held"), "failed");
    assert!(text.contains("their numbers skip"), "{text}");
}

/// The update after a silence stands for those that were published in it.
#[test]
fn a_polled_server_that_repeats_one_update_for_a_third_of_the_window_is_named() {
    let often: Latest = |n| {
        let update = if n % 30 < 15 { n - n % 30 } else { n };
        (update, update + 1)
    };
    let (text, row) = poll(often, "rate = \"10/s\"", 0);
    assert_eq!(row["status"], "valid");
    assert!(text.contains("nothing new came for up to 1."), "{text}");
    let (text, _) = poll(|n| (n, n + 1), "rate = \"10/s\"", 0);
    assert!(!text.contains("nothing new came"), "{text}");
}

//! Every transport end to end: bytes compared with arithmetic at each step of a length field, with
//! and without batching; latency compared with its predicted distribution; reconnecting without
//! loss. Distributions and sizes are written out here again, independently of the program's own.

use crate::support::{Row, World, at_once, expect_code, expect_ran, finish, number, said, wsbench};
use socket2::{Domain, Socket, Type};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wsbench::internals::record::Metric;
use wsbench::internals::result::file;

/// Five clients of every transport that carries the feed, for a second.
fn every_way(feed: &str, root: &str) -> World {
    World::new(&format!(
        r#"
name = "every-way"
clients = [5]
warmup = "200ms"
driver_lateness = "1s"
duration = "800ms"
cooldown = "500ms"
timeout = "5s"
drain = "5s"
{root}

[feed]
{feed}

[[series]]
transport = "polling"
interval = "500ms"

[[series]]
transport = "long-polling"

[[series]]
transport = "streaming"

[[series]]
transport = "sse"
ids = false

[[series]]
transport = "sse"
label = "sse-ids"

[[series]]
transport = "websocket"
"#
    ))
}

fn row<'a>(rows: &'a [Row], series: &str) -> &'a Row {
    let found = rows.iter().find(|r| r["series"] == series);
    found.unwrap_or_else(|| panic!("no row of {series}"))
}

fn digits(n: u64, base: u64) -> u64 {
    let mut digits = 1;
    let mut left = n / base;
    while left > 0 {
        digits += 1;
        left /= base;
    }
    digits
}

/// Overhead of one message that carries `k` payloads of `size` bytes, by RFC 6455 §5.2, RFC 9112
/// §7.1, HTML §9.2 and the chapter's heads (716 bytes up, 193 down with two digits of length).
fn overhead(series: &str, k: u64, size: u64) -> u64 {
    let message = k * size + (k - 1);
    let separators = k - 1;
    let chunk = |data: u64| digits(data, 16) + 4;
    separators
        + match series {
            "websocket" if message <= 125 => 2,
            "websocket" if message <= 65_535 => 4,
            "websocket" => 10,
            "streaming" => chunk(message),
            // `data: ` and a line end for each, less the line ends that are counted as separators.
            "sse" => 6 * k + 2 + chunk(message + 6 * k + 2),
            "sse-ids" => 6 * k + 14 + chunk(message + 6 * k + 14),
            "polling" | "long-polling" => 716 + 191 + digits(message, 10),
            other => panic!("no arithmetic for {other}"),
        }
}

fn adds_up(row: &Row, series: &str) {
    for name in ["mismatched", "ledger_bytes", "kernel_bytes", "server_bytes", "unaudited"] {
        assert_eq!(number(row, &format!("audit_{name}")), 0.0, "{name} of {series}");
    }
    assert_eq!(number(row, "faults"), 0.0, "{series}");
    assert_eq!(number(row, "lost"), 0.0, "{series}");
    assert_eq!(number(row, "discarded_bytes_per_message"), 0.0, "{series}");
}

fn check_size(size: u64) {
    let world = every_way(&format!("rate = \"5/s\"\nsize = \"{size}B\""), "");
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    let rows = world.csv("summary.csv");
    for series in ["polling", "long-polling", "streaming", "sse", "sse-ids", "websocket"] {
        let row = row(&rows, series);
        adds_up(row, series);
        assert!(number(row, "completed") > 0.0);
        assert_eq!(number(row, "payload_bytes_per_message"), size as f64, "{series} at {size}");
        let expected = overhead(series, 1, size) as f64;
        assert_eq!(number(row, "overhead_bytes_per_message"), expected, "{series} at {size}");
    }
}

#[test]
fn bytes_at_the_steps_of_a_frames_length() {
    at_once([125, 126, 65_535, 65_536], check_size);
}

#[test]
fn bytes_at_the_steps_of_a_chunks_length() {
    // 16² and 16³ bytes of chunk; events reach them with fewer.
    at_once([255, 256, 4_095, 4_096], check_size);
}

#[test]
fn bytes_of_a_batch() {
    // Twenty a second, held back for 220 ms: five are sent together.
    let world = every_way("rate = \"20/s\"\nbatch = \"220ms\"\nsemantics = \"log\"", "");
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    let rows = world.csv("summary.csv");
    for series in ["streaming", "sse", "sse-ids", "websocket"] {
        let row = row(&rows, series);
        adds_up(row, series);
        let expected = overhead(series, 5, 21) as f64;
        assert_eq!(number(row, "overhead_bytes_per_message"), expected, "{series}");
        assert_eq!(number(row, "payload_bytes_per_message"), 105.0, "{series}");
        assert_eq!(number(row, "messages"), 5.0 * number(row, "completed"), "{series}");
        assert!(number(row, "delivery_latency_us_max") >= 200_000.0 * 0.999, "{series}");
    }
    // A poll gets all that is there.
    let row = row(&rows, "polling");
    adds_up(row, "polling");
    assert!(number(row, "messages") > 5.0 * number(row, "completed"), "{row:?}");
}

#[test]
fn a_snapshot_sends_the_latest_of_a_batch() {
    let world = every_way("rate = \"20/s\"\nbatch = \"220ms\"", "");
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    for series in ["streaming", "sse", "websocket"] {
        let rows = world.csv("summary.csv");
        let row = row(&rows, series);
        adds_up(row, series);
        let expected = overhead(series, 1, 21) as f64;
        assert_eq!(number(row, "overhead_bytes_per_message"), expected, "{series}");
        assert!(number(row, "superseded") >= 3.0 * number(row, "messages"), "{series}");
    }
}

/// Seconds by which a timer or a loaded machine may be late.
const LATE: f64 = 0.06;

/// The share of deliveries that may lie outside the band between the predicted distribution and the
/// same distribution `LATE` later. With some two thousand values chance alone stays below 0.04.
const DISTANCE: f64 = 0.08;

fn distance(world: &World, series: &str, law: impl Fn(f64) -> f64) -> (f64, u64) {
    let result = file::read(&world.path("out/result.jsonl")).expect("a result");
    let info = result.header.cases.iter().find(|c| c.series == series && !c.floor);
    let case = &result.cases[&info.expect("the case was planned").case];
    let measured = case.total.latency.of(Metric::DeliveryLatency).expect("updates came");
    let (mut before, mut worst) = (0.0, 0.0f64);
    for step in measured.iter_recorded() {
        let at = step.value_iterated_to() as f64 / 1e9;
        let after = before + step.count_since_last_iteration() as f64 / measured.len() as f64;
        worst = worst.max(after - law(at * 1.001)).max(law(at * 0.999 - LATE) - before);
        before = after;
    }
    (worst, measured.len())
}

fn distributions_hold(rate: f64, d_ms: u32) {
    let world = World::new(&format!(
        r#"
name = "laws"
clients = [120]
warmup = "500ms"
driver_lateness = "1s"
duration = "3s"
cooldown = "1600ms"
delay = "{d_ms}ms"

[feed]
rate = "{rate}/s"
arrivals = "poisson"
semantics = "log"

[[series]]
transport = "polling"
interval = "1500ms"

[[series]]
label = "back-to-back"
transport = "polling"
interval = "back-to-back"

[[series]]
transport = "long-polling"
"#
    ));
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    let d = f64::from(d_ms) / 1e3;
    let uniform = |from: f64, to: f64| move |x: f64| ((x - from) / (to - from)).clamp(0.0, 1.0);
    let gap = 2.0 * d;
    let held = (-rate * gap).exp() / (rate * gap + (-rate * gap).exp());
    let long = |x: f64| match x {
        x if x < d => 0.0,
        x => held + (1.0 - held) * uniform(d, d + gap)(x),
    };
    let found = [
        ("polling", distance(&world, "polling", uniform(d, d + 1.5))),
        ("back-to-back", distance(&world, "back-to-back", uniform(d, 3.0 * d))),
        ("long-polling", distance(&world, "long-polling", long)),
    ];
    for (series, (distance, values)) in found {
        assert!(values > 200, "{series}: {values}");
        assert!(distance < DISTANCE, "{series}: {distance} of {values}, λ {rate}, d {d}");
    }
    // Nothing is faster than the delay, but for the histogram's three digits.
    for row in world.csv("summary.csv").into_iter().filter(|r| r["transport"] != "null") {
        let least = number(&row, "delivery_latency_us_min");
        assert!(least >= d * 1e6 * 0.999, "{}: {least}", row["series"]);
        assert_eq!(number(&row, "negative_latencies"), 0.0);
    }
}

#[test]
fn latency_follows_its_distribution_if_updates_are_rare() {
    distributions_hold(2.0, 100);
}

#[test]
fn latency_follows_its_distribution_if_updates_are_frequent() {
    distributions_hold(6.0, 100);
}

#[test]
fn latency_follows_its_distribution_over_a_long_delay() {
    distributions_hold(3.0, 250);
}

/// Starts `wsbench serve` and returns the address at which it listens.
fn serve(args: &[&str]) -> (std::process::Child, SocketAddr) {
    let mut child = wsbench(&["serve", "--bind", "127.0.0.1:0"])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let address = loop {
        let line = lines.next().expect("it says where").expect("text");
        let found = line.split_whitespace().find_map(|w| {
            w.trim_start_matches("http://").trim_end_matches(['/', ',']).parse().ok()
        });
        if let Some(address) = found {
            break address;
        }
    };
    (child, address)
}

/// Forwards bytes and cuts every connection after so many, in the middle of a message.
fn cutting_proxy(to: SocketAddr, cut_after_bytes: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let cuts = Arc::new(AtomicUsize::new(0));
    let count = cuts.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let count = count.clone();
            std::thread::spawn(move || {
                // The server finds the client's topic by this address.
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
                let own: SocketAddr = "127.77.0.1:0".parse().expect("an address");
                socket.bind(&own.into()).expect("all of 127/8 is local");
                socket.connect(&to.into()).expect("the server listens");
                let server = TcpStream::from(socket);
                let (mut up_from, mut up_to) =
                    (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
                std::thread::spawn(move || std::io::copy(&mut up_from, &mut up_to));
                let (mut server, mut client) = (server, client);
                let mut left = cut_after_bytes;
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = server.read(&mut buffer[..left.min(1024)]) {
                    left -= n;
                    if client.write_all(&buffer[..n]).is_err() || left == 0 {
                        break;
                    }
                }
                count.fetch_add(1, Ordering::Relaxed);
                let _ = client.shutdown(std::net::Shutdown::Both);
                let _ = server.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    (address, cuts)
}

#[test]
fn a_reconnect_by_last_event_id_neither_loses_nor_repeats() {
    let (mut server, address) = serve(&["--rate", "50/s"]);
    // In the middle of the ninth event or so.
    let (proxy, cuts) = cutting_proxy(address, 555);
    let scenario = format!(
        r#"
name = "reconnect"
clients = [1]
warmup = "500ms"
driver_lateness = "1s"
duration = "4s"
cooldown = "200ms"

[feed]
rate = "50/s"

[server]
url = "http://{proxy}"

[[series]]
transport = "sse"
reconnect = "50ms"

[[series]]
label = "forgetful"
transport = "websocket"
reconnect = "50ms"
"#
    );
    let world = World::new(&scenario);
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    let _ = server.kill();
    let _ = server.wait();
    assert!(cuts.load(Ordering::Relaxed) > 4, "{}", said(&output));
    let rows = world.csv("summary.csv");
    let sse = row(&rows, "sse");
    assert!(number(sse, "reconnects") >= 3.0, "{sse:?}");
    assert!(number(sse, "messages") >= 100.0, "{sse:?}");
    assert_eq!((number(sse, "lost"), number(sse, "repeated")), (0.0, 0.0), "{sse:?}");
    // WebSocket has no such header: the same cuts lose what is published until the client is back.
    let forgetful = row(&rows, "forgetful");
    assert!(number(forgetful, "lost") > 0.0, "{forgetful:?}");
    assert!(number(forgetful, "reconnect_gaps") > 0.0, "{forgetful:?}");
    assert_eq!(number(sse, "reconnect_gaps"), 0.0, "{sse:?}");
    assert_eq!(number(forgetful, "repeated"), 0.0, "{forgetful:?}");
}

#[test]
fn what_a_transport_cannot_carry_is_located_in_the_scenario() {
    for (feed, transport, words) in [
        ("payload = \"binary\"", "sse", "an event stream is text"),
        ("workload = \"echo\"", "sse", "from server to client alone"),
        ("workload = \"echo\"", "streaming", "from server to client alone"),
        ("workload = \"echo\"", "long-polling", "from server to client alone"),
    ] {
        let world = World::new(&format!(
            "clients = [1]\n[feed]\n{feed}\n[[series]]\ntransport = \"{transport}\"\n"
        ));
        let output = finish(&mut world.run(&[]));
        expect_code(&output, 2);
        let said = said(&output);
        assert!(said.contains(words) && said.contains("scenario.toml:5:13"), "{said}");
    }
}

#[test]
fn held_requests_that_end_empty_are_counted() {
    let world = World::new(
        r#"
clients = [10]
warmup = "300ms"
driver_lateness = "1s"
duration = "2s"
cooldown = "500ms"

[feed]
rate = "1/s"

[[series]]
transport = "long-polling"
hold = "150ms"
"#,
    );
    expect_ran(&world, &finish(&mut world.run(&["--reports", "csv,json", "-q"])));
    let rows = world.csv("summary.csv");
    let row = row(&rows, "long-polling");
    adds_up(row, "long-polling");
    // Two updates each, and some six holds between two of them.
    let (completed, messages) = (number(row, "completed"), number(row, "messages"));
    assert!((15.0..=25.0).contains(&messages), "{row:?}");
    assert!(completed > 3.0 * messages, "{row:?}");
}

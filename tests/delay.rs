//! The delay line: within a run, and as a relay between real sockets. Only lower bounds are tight:
//! nothing may be early, but a loaded machine may be late.

use crate::support::{Row, World, expect_code, expect_ran, finish, number, wait, wsbench};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const DELAYED: &str = r#"
name = "delayed"
clients = [30]
warmup = "400ms"
driver_lateness = "1s"
duration = "2s"
cooldown = "200ms"
timeout = "5s"
drain = "5s"
delay = "20ms"

[feed]
rate = "5/s"

[[series]]
transport = "polling"
interval = "200ms"

[[series]]
transport = "polling"
label = "new"
interval = "400ms"
connection = "new"

[[series]]
transport = "websocket"
"#;

/// The histograms' resolution: three significant digits.
const EXACT: f64 = 0.999;

fn row<'a>(rows: &'a [Row], series: &str) -> &'a Row {
    let found = rows.iter().find(|r| r["series"] == series);
    found.unwrap_or_else(|| panic!("no row of {series}"))
}

/// Bytes add up by layer, and agree with the kernel's and the server's.
fn audit_is_clean(world: &World) {
    for row in world.summary()["rows"].as_array().expect("rows") {
        for name in ["mismatched", "ledger_bytes", "kernel_bytes", "server_bytes", "unaudited"] {
            assert_eq!(row[format!("audit_{name}")], 0, "{name} of {}", row["series"]);
        }
    }
}

#[test]
fn every_transport_is_delayed_and_its_bytes_add_up() {
    let world = World::new(DELAYED);
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_ran(&world, &output);
    audit_is_clean(&world);
    let rows = world.csv("summary.csv");
    let one_way = 20_000.0 * EXACT;
    for (series, connects) in [("polling", 1.0), ("new", 2.0), ("websocket", 1.0)] {
        let row = row(&rows, series);
        assert_eq!(number(row, "faults"), 0.0, "{series}");
        assert!(number(row, "connect_time_us_min") >= 2.0 * one_way, "{series}: {row:?}");
        assert!(number(row, "delay_error_count") > 0.0, "{series}");
        if series != "websocket" {
            let least = 2.0 * one_way * connects;
            assert!(number(row, "response_latency_us_min") >= least, "{series}: {row:?}");
        }
    }
    let push = row(&rows, "websocket");
    assert!(number(push, "delivery_latency_us_min") >= one_way, "{push:?}");
    assert!(number(push, "upgrade_time_us_min") >= 2.0 * one_way, "{push:?}");
    assert_eq!(number(push, "wire_bytes_per_message"), 23.0);
    assert_eq!(number(push, "lost"), 0.0);
    let polling = row(&rows, "polling");
    assert_eq!(number(polling, "completed"), 300.0);
    assert_eq!(number(polling, "overhead_bytes_per_message"), 909.0);
    assert_eq!(number(row(&rows, "new"), "completed"), 150.0);
}

#[test]
fn jitter_comes_on_top_and_bytes_still_add_up() {
    let world = World::new(DELAYED);
    let mut run = world.run(&["--reports", "csv,json", "-q", "--set", "duration=1s"]);
    run.args(["--set", "delay=5ms", "--set", "jitter=3ms", "--set", "jitter_law=exponential"]);
    let output = finish(&mut run);
    expect_ran(&world, &output);
    audit_is_clean(&world);
    let rows = world.csv("summary.csv");
    let latency = |series, column: &str| number(row(&rows, series), column);
    assert!(latency("polling", "response_latency_us_min") >= 10_000.0 * EXACT);
    // 150 exchanges of two pieces, each with its jitter: the standard error of the mean is 0.35 ms.
    assert!(latency("polling", "response_latency_us_mean") >= 14_000.0);
    assert!(latency("websocket", "delivery_latency_us_min") >= 5_000.0 * EXACT);
    assert_eq!(latency("websocket", "lost"), 0.0);
}

#[test]
fn without_a_delay_the_reason_for_the_absent_error_is_given() {
    let world = World::new(DELAYED);
    let short = ["--reports", "json", "-q", "--set", "delay=0s", "--set", "duration=1s"];
    expect_ran(&world, &finish(&mut world.run(&short)));
    assert!(world.summary().to_string().contains("no delay was set"));
}

/// A relay that listens, and ends with its report.
struct Relay {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    address: SocketAddr,
}

impl Relay {
    fn start(to: SocketAddr, more: &[&str]) -> Relay {
        let to = to.to_string();
        let mut command = wsbench(&["relay", "--listen", "127.0.0.1:0", "--to", &to]);
        let mut child = command.args(more).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on ").expect("an address");
        let address = address.parse().expect("an address");
        out.read_line(&mut line).expect("it says where to");
        Relay { address, child, out }
    }
    fn end(mut self) -> String {
        let id = i32::try_from(self.child.id()).expect("a process number");
        let id = rustix::process::Pid::from_raw(id).expect("not zero");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it lives");
        let mut said = String::new();
        self.out.read_to_string(&mut said).expect("it reports");
        expect_code(&wait(self.child, Duration::from_secs(20)), 0);
        said
    }
}

/// Pseudo-random bytes, so that no two places are alike.
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(next).collect()
}

#[test]
fn a_relay_forwards_every_byte_in_order_and_keeps_half_closed_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let relay = Relay::start(
        listener.local_addr().expect("an address"),
        &["--delay", "30ms", "--jitter", "2ms", "--jitter-law", "exponential", "--seed", "5"],
    );
    // More than the delay line holds: both sides have to wait for it.
    let (up, down) = (bytes(3_000_000), bytes(2_500_000));
    let answer = down.clone();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().expect("a client").0;
        let mut got = Vec::new();
        // The client's end of stream arrives while this side is still open.
        stream.read_to_end(&mut got).expect("bytes");
        let ended = Instant::now();
        stream.write_all(&answer).expect("the client reads");
        (got, ended)
    });
    let began = Instant::now();
    let mut client = TcpStream::connect(relay.address).expect("it listens");
    client.write_all(&up).expect("the relay reads");
    client.shutdown(Shutdown::Write).expect("an open connection");
    let closed = Instant::now();
    let mut got = Vec::new();
    client.read_to_end(&mut got).expect("bytes");
    let back = Instant::now();
    let (arrived, ended) = server.join().expect("the server ends");
    assert!(arrived == up && got == down);
    assert!(ended - closed >= Duration::from_millis(30), "{:?}", ended - closed);
    // The handshake, there and back.
    assert!(back - began >= Duration::from_millis(4 * 30), "{:?}", back - began);
    let said = relay.end();
    assert!(said.starts_with("connections  1\nup           3 MB\ndown         2.5 MB\n"), "{said}");
    assert!(said.contains("delay error  ") && said.contains(", p99 "), "{said}");
}

#[test]
fn a_relay_delays_a_small_exchange_in_both_directions() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let relay = Relay::start(listener.local_addr().expect("an address"), &["--delay", "25ms"]);
    std::thread::spawn(move || {
        let mut stream = listener.accept().expect("a client").0;
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
    });
    let began = Instant::now();
    let mut client = TcpStream::connect(relay.address).expect("it listens");
    for nth in 0..5u8 {
        let sent = if nth == 0 { began } else { Instant::now() };
        client.write_all(&[nth]).expect("the relay reads");
        let mut byte = [0];
        client.read_exact(&mut byte).expect("an answer");
        let ways = if nth == 0 { 4 } else { 2 };
        assert_eq!(byte[0], nth);
        assert!(sent.elapsed() >= ways * Duration::from_millis(25), "{:?}", sent.elapsed());
    }
    let said = relay.end();
    assert!(said.contains("up           5 B\ndown         5 B\n"), "{said}");
}

#[test]
fn a_relay_without_a_server_reports_it() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let relay = Relay::start(address, &["--delay", "1ms"]);
    let mut client = TcpStream::connect(relay.address).expect("it listens");
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
    let said = relay.end();
    assert!(said.contains("errors       1 × connect failed: ECONNREFUSED"), "{said}");
    assert!(said.contains("delay error  nothing passed"), "{said}");
}

#[test]
fn a_relay_refuses_what_makes_no_sense() {
    let args = |delay, law| {
        let to = ["relay", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1", "--delay", delay];
        finish(wsbench(&to).args(["--jitter-law", law]))
    };
    for (delay, law) in [("11s", "uniform"), ("1ms", "pareto"), ("soon", "uniform")] {
        expect_code(&args(delay, law), 2);
    }
}

/// A held poll's request is under way while the phase changes: its bytes belong to the phase in which
/// it was sent, as its answer's message does.
#[test]
fn long_polls_behind_a_line_with_jitter_cost_what_is_predicted() {
    let world = World::new(
        r#"
name = "held"
clients = [50]
warmup = "500ms"
driver_lateness = "1s"
duration = "2s"
cooldown = "500ms"
delay = "30ms"
jitter = "10ms"
jitter_law = "exponential"

[feed]
rate = "4/s"

[[series]]
transport = "long-polling"
"#,
    );
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_ran(&world, &output);
    audit_is_clean(&world);
}

#[test]
fn a_websocket_client_sends_again_while_bytes_are_in_the_delay_line() {
    let world = World::new(
        r#"
name = "pipelined"
clients = [5]
warmup = "500ms"
driver_lateness = "1s"
duration = "2s"
cooldown = "600ms"
delay = "150ms"

[feed]
workload = "echo"
rate = "20/s"

[[series]]
transport = "websocket"
"#,
    );
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_ran(&world, &output);
    audit_is_clean(&world);
    let rows = world.csv("summary.csv");
    let row = row(&rows, "websocket");
    // Three messages of a client are on their way at any moment.
    assert_eq!(number(row, "completed"), 200.0, "{row:?}");
    assert!(number(row, "response_latency_us_min") >= 300_000.0 * EXACT, "{row:?}");
}

//! A server that serves nothing fails the run, by every transport, within a bounded time and with a
//! reason. No latency is reported.

use crate::support::{Row, World, expect_code, finish, number, said, serve};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Four clients and short timeouts.
const BASE: &str = r#"
name = "dead"
clients = [4]
warmup = "100ms"
driver_lateness = "1s"
duration = "500ms"
cooldown = "100ms"
timeout = "400ms"
drain = "2s"
"#;

const FEED: &str = "[feed]\nrate = \"10/s\"\n";
const ECHO: &str = "[feed]\nworkload = \"echo\"\nrate = \"10/s\"\n";
const BROADCAST: &str = "[feed]\nworkload = \"broadcast\"\nrate = \"10/s\"\n";

const POLLING: &str = "transport = \"polling\"\ninterval = \"100ms\"\n";
const LONG_POLLING: &str = "transport = \"long-polling\"\nhold = \"300ms\"\n";
const STREAMING: &str = "transport = \"streaming\"\n";
const SSE: &str = "transport = \"sse\"\n";
const WEBSOCKET: &str = "transport = \"websocket\"\n";
const TUNGSTENITE: &str = "transport = \"websocket\"\nengine = \"tungstenite\"\n";

/// Every way to receive a feed.
const EVERY_WAY: [&str; 8] = [
    POLLING,
    "transport = \"polling\"\ninterval = \"100ms\"\nengine = \"reqwest\"\n",
    "transport = \"polling\"\ninterval = \"100ms\"\nconnection = \"new\"\n",
    LONG_POLLING,
    STREAMING,
    SSE,
    WEBSOCKET,
    TUNGSTENITE,
];

/// Reads until the client ends the connection.
fn swallow(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(1..) = stream.read(&mut buffer) {}
}

fn answer_500(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(1..) = stream.read(&mut buffer) {
        let answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

/// Runs each series against this server, all at once. Each must fail for one of the reasons.
/// Returns what each said, in one line.
fn fails(address: SocketAddr, feed: &str, series: &[&str], reasons: &[&str]) -> Vec<String> {
    std::thread::scope(|scope| {
        let run = |series: &&str| {
            let scenario =
                format!("{BASE}{feed}[[series]]\n{series}[server]\nurl = \"http://{address}\"\n");
            scope.spawn(move || run_fails(&World::new(&scenario), reasons))
        };
        let runs: Vec<_> = series.iter().map(run).collect();
        runs.into_iter().map(|run| run.join().expect("the run fails as it should")).collect()
    })
}

/// Runs a world's scenario of one series, which must fail for one of the reasons.
fn run_fails(world: &World, reasons: &[&str]) -> String {
    let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
    expect_code(&output, 96);
    let all = said(&output);
    assert!(!all.contains("NaN") && !all.contains(" inf "), "{all}");
    // An audit of nothing is no clean one.
    assert!(!all.contains("audit: 0 connections"), "{all}");
    // A connection that the server has closed leaves no byte unexplained.
    assert!(!all.contains("the kernel leaves") && !all.contains("the ledger leaves"), "{all}");
    let (floors, rows): (Vec<Row>, Vec<Row>) =
        world.csv("summary.csv").into_iter().partition(|row| row["series"] == "floor");
    assert_eq!((floors.len(), rows.len()), (1, 1));
    assert_has_no_figure(&rows[0]);
    let name = &rows[0]["series"];
    let summary = world.summary();
    let own: Vec<&str> = summary["verdict"]["reasons"]
        .as_array()
        .expect("reasons")
        .iter()
        .filter_map(|reason| reason.as_str())
        .filter(|reason| reason.starts_with(&format!("{name} at 4 clients: invalid")))
        .collect();
    assert!(own.len() == 1 && own[0].contains("nothing was measured"), "{name}: {own:?}\n{all}");
    let faults: Vec<&str> = summary["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .filter(|row| row["series"] == name.as_str())
        .flat_map(|row| row["faults_by_text"].as_object().expect("faults").keys())
        .map(String::as_str)
        .chain(own)
        .collect();
    let known = reasons.iter().any(|reason| faults.iter().any(|fault| fault.contains(reason)));
    assert!(known, "{name}: {faults:?}\n{all}");
    all.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without messages there is no latency, rate or cost of a message.
fn assert_has_no_figure(row: &Row) {
    assert_eq!(row["status"], "invalid", "{row:?}");
    assert_eq!((number(row, "completed"), number(row, "messages")), (0.0, 0.0), "{row:?}");
    let of_messages = |column: &str| {
        ["delivery_latency_us_", "response_latency_us_", "service_time_us_", "peak_age_us_"]
            .iter()
            .any(|name| column.starts_with(name))
            || column.ends_with("_per_message")
    };
    let columns: Vec<_> = row.iter().filter(|(column, _)| of_messages(column)).collect();
    assert!(columns.len() > 40, "{}", columns.len());
    for (column, value) in columns {
        assert_eq!(value, "", "{column}");
    }
}

const SILENT: &[&str] = &["no answer within the limit", "no message came to the 4 connected"];

#[test]
fn a_server_that_never_answers_fails_the_run() {
    fails(serve(swallow), FEED, &EVERY_WAY, SILENT);
}

#[test]
fn an_echo_that_never_answers_fails_the_run() {
    fails(serve(swallow), ECHO, &[POLLING, WEBSOCKET, TUNGSTENITE], SILENT);
}

#[test]
fn a_broadcast_that_nobody_answers_fails_the_run() {
    let series = [POLLING, LONG_POLLING, SSE, WEBSOCKET, TUNGSTENITE];
    fails(serve(swallow), BROADCAST, &series, SILENT);
}

#[test]
fn a_server_that_answers_500_fails_the_run() {
    fails(serve(answer_500), FEED, &EVERY_WAY, &["status 500"]);
}

#[test]
fn a_server_that_closes_at_once_fails_the_run() {
    // Which of the two ends is faster decides what the client meets.
    let met = ["ECONNRESET", "EPIPE", "closed early by the server"];
    fails(serve(drop), ECHO, &[POLLING, WEBSOCKET, TUNGSTENITE], &met);
    fails(serve(drop), FEED, &EVERY_WAY, &met);
}

/// What a port with TLS does to a client without: that it is one is said as a possibility.
#[test]
fn a_server_that_closes_without_an_answer_may_be_one_of_tls() {
    const HINT: &str = "Or its port is one for TLS: then write https://";
    let close = |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 4096]);
    };
    // On a busy machine some have connected when the window begins.
    let reasons = ["closed early", "of 4 clients connected"];
    for said in fails(serve(close), FEED, &EVERY_WAY, &reasons) {
        assert!(said.contains(HINT), "{said}");
        assert!(!said.contains("open files"), "{said}");
    }
    let begin = |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
    };
    for said in
        fails(serve(begin), FEED, &[POLLING, LONG_POLLING, SSE, WEBSOCKET], &["closed early"])
    {
        assert!(!said.contains("one for TLS"), "{said}");
    }
    let address = serve(close);
    let world = World::new(&format!(
        "{BASE}{FEED}[[series]]\n{POLLING}[server]\nurl = \"https://{address}\"\n\
         tls = {{ insecure = true }}\n"
    ));
    let said = run_fails(&world, &["within the TLS handshake", "ECONNRESET"]);
    assert!(!said.contains("one for TLS"), "{said}");
}

/// The first connection asks whether anybody listens; a run of a port that refuses it does not begin.
#[test]
fn a_server_that_is_gone_when_clients_connect_fails_the_run() {
    let gone = |series: &str| {
        // An address of this test's own: a port of 127.0.0.1 that was given back may be given to another
        // test, or to a client as its own port, which then connects to itself.
        let listener = TcpListener::bind("127.77.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it has one");
        std::thread::scope(|scope| {
            scope.spawn(move || drop(listener.accept()));
            fails(address, FEED, &[series], &["ECONNREFUSED"]).remove(0)
        })
    };
    let all = std::thread::scope(|scope| {
        let runs: Vec<_> =
            EVERY_WAY.iter().map(|series| scope.spawn(move || gone(series))).collect();
        runs.into_iter().map(|run| run.join().expect("it fails")).collect::<Vec<String>>()
    });
    for said in all {
        let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}: {said}"));
        // The cause first, and what helps.
        assert!(at("client errors:") < at("Start the server, or correct host and port"), "{said}");
        for wrong in ["open files", "Run where the kernel", "driver_lateness allows"] {
            assert!(!said.contains(wrong), "{said}");
        }
    }
}

#[test]
fn a_server_that_asks_for_credentials_is_not_said_to_have_too_few_files() {
    let refuse = |mut stream: TcpStream| {
        let mut buffer = [0; 4096];
        while let Ok(1..) = stream.read(&mut buffer) {
            let answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    };
    for said in fails(serve(refuse), FEED, &EVERY_WAY, &["status 401"]) {
        assert!(said.contains("give it what it needs by `headers`"), "{said}");
        for wrong in ["open files", "Run where the kernel"] {
            assert!(!said.contains(wrong), "{said}");
        }
    }
}

//! A server that serves nothing fails the run, by every transport, within a bounded time and with
//! the reason in words; no latency of nothing is reported.

use crate::support::{Row, World, expect_code, finish, number, said};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Four clients, limits that are soon over.
const BASE: &str = r#"
name = "dead"
clients = [4]
warmup = "100ms"
duration = "500ms"
cooldown = "100ms"
timeout = "400ms"
drain = "2s"
"#;

const TICKER: &str = r#"
[feed]
rate = "10/s"

[[series]]
transport = "polling"
interval = "100ms"
[[series]]
transport = "polling"
label = "application"
interval = "100ms"
engine = "reqwest"
[[series]]
transport = "polling"
label = "connecting"
interval = "100ms"
connection = "new"
[[series]]
transport = "long-polling"
hold = "300ms"
[[series]]
transport = "streaming"
[[series]]
transport = "sse"
[[series]]
transport = "websocket"
"#;

const ECHO: &str = r#"
[feed]
workload = "echo"
rate = "10/s"

[[series]]
transport = "polling"
interval = "100ms"
[[series]]
transport = "websocket"
"#;

const BROADCAST: &str = r#"
[feed]
workload = "broadcast"
rate = "10/s"

[[series]]
transport = "polling"
interval = "100ms"
[[series]]
transport = "long-polling"
hold = "300ms"
[[series]]
transport = "sse"
[[series]]
transport = "websocket"
"#;

/// A server that does the same with every connection, as long as the test runs.
fn server(each: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            std::thread::spawn(move || each(stream));
        }
    });
    address
}

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

/// Runs against this server. Every series must fail and say one of the reasons.
fn fails(address: SocketAddr, series: &str, reasons: &[&str]) {
    let world = World::new(&format!("{BASE}{series}\n[server]\nurl = \"http://{address}\"\n"));
    let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
    expect_code(&output, 96);
    let all = said(&output);
    assert!(!all.contains("NaN") && !all.contains(" inf "), "{all}");
    // A connection that the server has closed leaves no byte unexplained.
    assert!(!all.contains("the kernel leaves") && !all.contains("the ledger leaves"), "{all}");
    let rows = world.csv("summary.csv");
    let (floors, rows): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| row["series"] == "floor");
    assert_eq!((floors.len(), rows.len()), (1, series.matches("[[series]]").count()));
    let summary = world.summary();
    for row in &rows {
        says_nothing(row);
        let name = &row["series"];
        let said = summary["verdict"]["reasons"].as_array().expect("reasons").iter();
        let own: Vec<&str> = said
            .filter_map(|reason| reason.as_str())
            .filter(|reason| reason.starts_with(&format!("{name} at 4 clients: invalid")))
            .collect();
        assert!(
            own.len() == 1 && own[0].contains("nothing was measured"),
            "{name}: {own:?}\n{all}"
        );
        let faults: Vec<&str> = summary["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .filter(|row| row["series"] == name.as_str())
            .flat_map(|row| row["faults_by_text"].as_object().expect("faults").keys())
            .map(String::as_str)
            .chain(own)
            .collect();
        let told = reasons.iter().any(|reason| faults.iter().any(|fault| fault.contains(reason)));
        assert!(told, "{name}: {faults:?}\n{all}");
    }
}

/// No figure of a latency, a rate or a cost a message, where no message came.
fn says_nothing(row: &Row) {
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
    fails(server(swallow), TICKER, SILENT);
}

#[test]
fn an_echo_that_never_answers_fails_the_run() {
    fails(server(swallow), ECHO, SILENT);
}

#[test]
fn a_broadcast_that_nobody_answers_fails_the_run() {
    fails(server(swallow), BROADCAST, SILENT);
}

#[test]
fn a_server_that_answers_500_fails_the_run() {
    fails(server(answer_500), TICKER, &["status 500"]);
}

#[test]
fn a_server_that_closes_at_once_fails_the_run() {
    // Which of the two ends is faster decides what the client meets.
    let met = ["ECONNRESET", "EPIPE", "closed early by the server"];
    std::thread::scope(|scope| {
        let echo = scope.spawn(|| fails(server(drop), ECHO, &met));
        fails(server(drop), TICKER, &met);
        echo.join().expect("the echo fails as it should");
    });
}

#[test]
fn a_port_where_nobody_listens_fails_the_run() {
    // Bound, so that nobody else takes the port, and never listening.
    let holder = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    holder.bind(&any.into()).expect("a free port");
    let address = holder.local_addr().ok().and_then(|a| a.as_socket()).expect("an address");
    fails(address, TICKER, &["ECONNREFUSED"]);
}

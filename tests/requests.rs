//! What clients send to a server of the user's own: fields, cookies, bodies, redirects, data of their
//! own, and how that is refused or shown.

use crate::support::{Row, World, expect_code, expect_ran, finish, number, said, serve, wsbench};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A request that came.
#[derive(Debug, Clone)]
struct Seen {
    head: String,
    body: String,
}

impl Seen {
    /// The request line.
    fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }
    /// The value of a field; empty if it is not there.
    fn field(&self, name: &str) -> &str {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut values = fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        let value = values.next().unwrap_or_default();
        assert_eq!(values.next(), None, "{name} is there twice: {}", self.head);
        value
    }
}

/// The requests that came, in order.
type Log = Arc<Mutex<Vec<Seen>>>;

fn read(stream: &mut TcpStream) -> Option<Seen> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8(head).ok()?;
    let seen = Seen { head, body: String::new() };
    let mut body = vec![0; seen.field("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some(Seen { body: String::from_utf8(body).ok()?, ..seen })
}

/// A server that answers each request of a connection, numbered from 0, with these bytes. After an
/// event stream or an upgrade it sends a message and waits for the client's end.
fn server(answer: impl Fn(usize, &Seen) -> String + Clone + Send + 'static) -> (SocketAddr, Log) {
    let log = Log::default();
    let kept = log.clone();
    let address = serve(move |mut stream| {
        let mut number = 0;
        while let Some(seen) = read(&mut stream) {
            kept.lock().unwrap().push(seen.clone());
            let key = seen.field("sec-websocket-key");
            let answer = answer(number, &seen);
            let answer = answer.replace("{accept}", &derive_accept_key(key.as_bytes()));
            number += 1;
            // Otherwise a long poll would ask as often as it can.
            std::thread::sleep(Duration::from_millis(5));
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
            if answer.starts_with("HTTP/1.1 101") || answer.contains("text/event-stream") {
                let message: &[u8] = match answer.starts_with("HTTP/1.1 101") {
                    true => b"\x81\x01x",
                    false => b"9\r\ndata: x\n\n\r\n",
                };
                let _ = stream.write_all(message);
                let mut rest = [0; 1024];
                // A masked Close is answered with one.
                while let Ok(n) = stream.read(&mut rest) {
                    if n == 0 {
                        return;
                    }
                    if rest[0] == 0x88 {
                        let _ = stream.write_all(&[0x88, 0x02, 0x03, 0xe8]);
                        return;
                    }
                }
            }
        }
    });
    (address, log)
}

fn ok(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n{fields}\r\nx")
}

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const UPGRADED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                        Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";

fn scenario(address: SocketAddr, series: &str) -> String {
    format!(
        "clients = [2]\nwarmup = \"100ms\"\nduration = \"800ms\"\ncooldown = \"100ms\"\n\
         timeout = \"3s\"\ndrain = \"3s\"\n[feed]\nrate = \"5/s\"\n\
         [server]\nurl = \"http://{address}\"\npaths = {{ it = \"/p\" }}\n\
         [[series]]\nlabel = \"it\"\n{series}\n"
    )
}

fn run(address: SocketAddr, series: &str) -> (World, Output) {
    run_with(address, series, &[])
}

fn run_with(address: SocketAddr, series: &str, files: &[(&str, &str)]) -> (World, Output) {
    let world = World::new(&scenario(address, series));
    files.iter().for_each(|(name, text)| world.write(name, text));
    let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
    (world, output)
}

fn row(world: &World) -> Row {
    let rows = world.csv("summary.csv");
    rows.iter().find(|row| row["series"] == "it").expect("a row of the series").clone()
}

/// The bytes of the heads that the clients sent, as the report has them, in all phases.
fn expect_no_mismatch(row: &Row) {
    assert_eq!(number(row, "audit_mismatched"), 0.0, "{row:?}");
}

const POLLING: &str = "transport = \"polling\"\ninterval = \"100ms\"\n";

#[test]
fn fields_go_into_every_request() {
    let fields =
        "headers = { Authorization = \"Bearer abc\", accept = \"a/b\" }\nhost = \"example.test\"";
    let cases = [
        (POLLING.to_owned(), ok("")),
        (format!("{POLLING}engine = \"reqwest\"\n"), ok("")),
        ("transport = \"long-polling\"\n".to_owned(), ok("")),
        ("transport = \"sse\"\n".to_owned(), EVENTS.to_owned()),
        ("transport = \"streaming\"\n".to_owned(), EVENTS.to_owned()),
        ("transport = \"websocket\"\n".to_owned(), format!("{UPGRADED}\r\n")),
        (
            "transport = \"websocket\"\nengine = \"tungstenite\"\n".to_owned(),
            format!("{UPGRADED}\r\n"),
        ),
    ];
    crate::support::at_once(cases, |(series, answer)| {
        let (address, log) = server(move |_, _| answer.clone());
        let (world, output) = run(address, &format!("{series}{fields}"));
        let log = log.lock().unwrap();
        assert!(!log.is_empty(), "{series}: {}", said(&output));
        for seen in log.iter() {
            assert_eq!(seen.line(), "GET /p HTTP/1.1", "{series}");
            let values = ["authorization", "accept", "host"].map(|name| seen.field(name));
            assert_eq!(values, ["Bearer abc", "a/b", "example.test"], "{series}: {}", seen.head);
        }
        let row = row(&world);
        assert_eq!(number(&row, "clients_connected"), 2.0, "{series}: {}", said(&output));
        expect_no_mismatch(&row);
    });
}

#[test]
fn an_upgrade_asks_for_a_subprotocol_and_names_its_origin() {
    for engine in ["raw", "tungstenite"] {
        let (address, log) = server(|_, seen| match seen.field("sec-websocket-protocol") {
            "v2.chat, chat" => format!("{UPGRADED}Sec-WebSocket-Protocol: chat\r\n\r\n"),
            _ => "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_owned(),
        });
        let series = format!("transport = \"websocket\"\nengine = \"{engine}\"\n");
        let with = "subprotocol = [\"v2.chat\", \"chat\"]\norigin = \"http://example.test\"";
        let (world, output) = run(address, &format!("{series}{with}"));
        assert_eq!(number(&row(&world), "clients_connected"), 2.0, "{}", said(&output));
        assert_eq!(log.lock().unwrap()[0].field("origin"), "http://example.test");
        // A server may choose none (RFC 6455 §4.2.2), and the library refuses that.
        let (address, _) = server(|_, _| format!("{UPGRADED}\r\n"));
        let (_, output) = run(address, &format!("{series}{with}"));
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        let refused = text.contains("has no Sec-WebSocket-Protocol, without which");
        assert_eq!(refused, engine == "tungstenite", "{text}");
    }
}

#[test]
fn what_a_server_selects_unasked_is_named() {
    let cases = [
        ("Extensions: permessage-deflate; x=1", "the extension \"permessage-deflate; x=1\""),
        ("Protocol: foo", "subprotocol \"foo\""),
    ];
    for engine in ["raw", "tungstenite"] {
        crate::support::at_once(cases, |(line, named)| {
            let (address, _) =
                server(move |_, _| format!("{UPGRADED}Sec-WebSocket-{line}\r\n\r\n"));
            let series = format!("transport = \"websocket\"\nengine = \"{engine}\"\n");
            let (_, output) = run(address, &series);
            let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(named), "{engine}: {text}");
        });
    }
}

#[test]
fn a_cookie_comes_back_with_the_next_request_of_its_client() {
    let cases = [
        POLLING.to_owned(),
        format!("{POLLING}connection = \"new\"\n"),
        format!("{POLLING}engine = \"reqwest\"\n"),
    ];
    crate::support::at_once(cases, |series| {
        // Each client gets a cookie of its own, by its address.
        let log = Log::default();
        let kept = log.clone();
        let address = serve(move |mut stream| {
            let peer = stream.peer_addr().unwrap().ip().to_string();
            while let Some(seen) = read(&mut stream) {
                let first = seen.field("cookie").is_empty();
                if !first {
                    assert_eq!(seen.field("cookie"), format!("a=b; sid={peer}"));
                }
                kept.lock().unwrap().push(seen);
                // The last two are not for this client (RFC 6265).
                let set = format!(
                    "Set-Cookie: a=b\r\nSet-Cookie: sid={peer}; Path=/; HttpOnly\r\n\
                     Set-Cookie: s=1; Secure\r\nSet-Cookie: d=1; Domain=example.org\r\n"
                );
                if stream.write_all(ok(if first { &set } else { "" }).as_bytes()).is_err() {
                    return;
                }
            }
        });
        let (world, output) = run(address, &format!("{series}cookies = \"keep\""));
        let log = log.lock().unwrap();
        let without = log.iter().filter(|seen| seen.field("cookie").is_empty()).count();
        assert_eq!(without, 2, "{series}: {}", said(&output));
        assert!(log.len() > 4, "{series}: {}", said(&output));
        expect_no_mismatch(&row(&world));
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        for why in ["set 2 times are not sent back: they are marked Secure", "their Domain is not"]
        {
            assert_eq!(text.matches(why).count(), 1, "{series}: {text}");
        }
    });
}

#[test]
fn a_poll_may_be_a_post_with_a_body_of_its_client() {
    let csv = "name,token\nann,\"secret-token,1\"\nbob,secret-token2\n";
    let with = "method = \"POST\"\nbody = '{\"id\":{client},\"of\":\"{name}\"}'\ndata = \"c.csv\"\n\
                headers = { Authorization = \"Bearer {token}\", X-Key = \"{token}\", X-Id = \"{random}\" }";
    for engine in ["raw", "reqwest"] {
        let (address, log) = server(|_, _| ok(""));
        let series = format!("{POLLING}engine = \"{engine}\"\n{with}");
        let (world, output) = run_with(address, &series, &[("c.csv", csv)]);
        expect_no_mismatch(&row(&world));
        let log = log.lock().unwrap();
        assert!(log.len() > 4, "{}", said(&output));
        let mut ids = BTreeSet::new();
        for seen in log.iter() {
            assert_eq!(seen.line(), "POST /p HTTP/1.1");
            assert_eq!(seen.field("content-type"), "application/json");
            let expected = match seen.field("authorization") {
                "Bearer secret-token,1" => r#"{"id":0,"of":"ann"}"#,
                "Bearer secret-token2" => r#"{"id":1,"of":"bob"}"#,
                other => panic!("{other:?}"),
            };
            assert_eq!(seen.body, expected);
            assert!(ids.insert(seen.field("x-id").to_owned()), "{{random}} came twice");
        }
        // What the data have is in no file.
        for file in ["result.jsonl", "summary.json", "summary.txt"] {
            let text = std::fs::read_to_string(world.path("out").join(file)).unwrap_or_default();
            assert!(!text.contains("secret-token"), "{file} of {engine}");
        }
        // Only what came is counted: every request has the same number of bytes.
        let one = log[0].head.len() + log[0].body.len();
        let sent = number(&row(&world), "overhead_bytes_up_per_message");
        assert!((sent - one as f64).abs() < 4.0, "{sent} is not {one}");
    }
}

#[test]
fn the_path_of_a_stream_has_the_clients_own_data() {
    let (address, log) = server(|_, _| EVENTS.to_owned());
    let text = scenario(address, "transport = \"sse\"\ndata = \"rooms.txt\"");
    let world = World::new(&text.replace("\"/p\"", "\"/p/{line}?c={client}\""));
    world.write("rooms.txt", "red\nlight blue\n");
    let output = finish(&mut world.run(&["--reports", "csv,json"]));
    let log = log.lock().unwrap();
    let lines: BTreeSet<&str> = log.iter().map(Seen::line).collect();
    let expected = ["GET /p/light%20blue?c=1 HTTP/1.1", "GET /p/red?c=0 HTTP/1.1"];
    assert_eq!(lines, expected.into_iter().collect(), "{}", said(&output));
}

#[test]
fn redirects_are_followed_on_the_same_server_or_named() {
    let moved = "HTTP/1.1 302 Found\r\nLocation: /moved?x\r\nContent-Length: 4\r\n\r\ngone";
    let cases = [
        (POLLING.to_owned(), ok("")),
        (format!("{POLLING}connection = \"new\"\n"), ok("")),
        (format!("{POLLING}engine = \"reqwest\"\n"), ok("")),
        ("transport = \"long-polling\"\n".to_owned(), ok("")),
        ("transport = \"sse\"\n".to_owned(), EVENTS.to_owned()),
        ("transport = \"streaming\"\n".to_owned(), EVENTS.to_owned()),
        ("transport = \"websocket\"\n".to_owned(), format!("{UPGRADED}\r\n")),
    ];
    crate::support::at_once(cases, |(series, answer)| {
        let (address, log) = server(move |_, seen| match seen.line() {
            "GET /moved?x HTTP/1.1" => answer.clone(),
            _ => moved.to_owned(),
        });
        let (world, output) = run(address, &format!("{series}redirects = 1"));
        let row = row(&world);
        assert_eq!(number(&row, "clients_connected"), 2.0, "{series}: {}", said(&output));
        assert_eq!(number(&row, "faults"), 0.0, "{series}: {}", said(&output));
        expect_no_mismatch(&row);
        let log = log.lock().unwrap();
        let at = |line: &str| log.iter().filter(|seen| seen.line() == line).count();
        let (first, then) = (at("GET /p HTTP/1.1"), at("GET /moved?x HTTP/1.1"));
        assert!(first >= 2 && first.abs_diff(then) <= 2, "{series}: {first} and {then}");
    });
    // Without the setting, beyond it, and to another server.
    for (redirects, location) in [(0, "/moved"), (3, "/p"), (3, "http://192.0.2.1/x")] {
        let (address, log) = server(move |_, _| {
            format!(
                "HTTP/1.1 301 Moved Permanently\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            )
        });
        let (_, output) = run(address, &format!("{POLLING}redirects = {redirects}"));
        expect_code(&output, 96);
        assert!(said(&output).contains(&format!("Location {location:?}")), "{}", said(&output));
        // One that would have been followed names the limit.
        let limit = "after 3 redirects in a row, the most that `redirects` allows";
        let is_loop = (redirects, location) == (3, "/p");
        // The screen breaks lines.
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.contains(limit), is_loop, "{text}");
        assert!(log.lock().unwrap().len() < 100);
    }
}

#[test]
fn a_permanent_redirect_is_remembered() {
    let (address, log) = server(move |_, seen| match seen.line() {
        "GET /moved HTTP/1.1" => ok(""),
        _ => "HTTP/1.1 308 Permanent Redirect\r\nLocation: /moved\r\nContent-Length: 0\r\n\r\n"
            .to_owned(),
    });
    let (_, output) = run(address, &format!("{POLLING}redirects = 1"));
    let log = log.lock().unwrap();
    let first = log.iter().filter(|seen| seen.line() == "GET /p HTTP/1.1").count();
    assert_eq!((first, log.len() > 6), (2, true), "{}", said(&output));
}

#[test]
fn the_statuses_that_count_as_success_are_the_scenarios() {
    // A timed-out hold: nothing new, and the connection stays.
    let (address, _) = server(|number, _| match number % 2 {
        0 => ok(""),
        _ => "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nlate".to_owned(),
    });
    let (world, output) = run(address, &format!("{POLLING}status = [\"2xx\", 503]"));
    let row = row(&world);
    assert_eq!(number(&row, "faults"), 0.0, "{}", said(&output));
    assert_eq!(number(&row, "reconnects"), 0.0, "{}", said(&output));
    let (address, _) = server(|_, _| ok(""));
    let (_, output) = run(address, &format!("{POLLING}status = 201"));
    expect_code(&output, 96);
    assert!(said(&output).contains("answered with status 200"), "{}", said(&output));
}

#[test]
fn messages_of_senders_have_the_fields_too() {
    let (address, log) = server(|_, seen| match seen.line() {
        "POST /p HTTP/1.1" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        _ => EVENTS.to_owned(),
    });
    let series = "transport = \"sse\"\nheaders = { X-Key = \"k{client}\" }";
    let text = scenario(address, series);
    let text = text.replace("rate = \"5/s\"", "rate = \"5/s\"\nworkload = \"broadcast\"");
    let world = World::new(&text);
    let output = finish(&mut world.run(&["--reports", "csv,json"]));
    let log = log.lock().unwrap();
    let posts: Vec<&Seen> = log.iter().filter(|seen| seen.line().starts_with("POST")).collect();
    assert!(!posts.is_empty(), "{}", said(&output));
    for post in posts {
        assert_eq!((post.field("x-key"), post.body.len()), ("k0", 21));
    }
    expect_no_mismatch(&row(&world));
}

#[test]
fn a_file_keeps_its_host_and_takes_path_and_line_ends() {
    let head = "GET /own?q=1 HTTP/1.1\nHost: in-file\nX-Y: z\n\n";
    let (address, log) = server(|_, _| ok(""));
    let series = format!("{POLLING}request_head = \"head\"\n");
    let (_, output) = run_with(address, &series, &[("head", head)]);
    let seen = log.lock().unwrap()[0].head.clone();
    assert_eq!(seen, "GET /p HTTP/1.1\r\nHost: in-file\r\nX-Y: z\r\n\r\n", "{}", said(&output));
    // The plan shows what is sent; without a path of the series it is that of the file.
    let world = World::new(&scenario(address, &series).replace("it = \"/p\"", ""));
    world.write("head", head.replace("Host: in-file\n", ""));
    let output = finish(wsbench(&["plan"]).arg(world.path("scenario.toml")));
    let expected =
        format!("First request of it\n  GET /own?q=1 HTTP/1.1\n  Host: {address}\n  X-Y: z\n");
    assert!(String::from_utf8_lossy(&output.stdout).contains(&expected), "{}", said(&output));
}

/// Its length is that of every key, so that the head has the bytes that are sent.
#[test]
fn a_plan_shows_a_whole_handshake_and_no_json() {
    let series = "transport = \"websocket\"\n[[series]]\ntransport = \"long-polling\"\n\
                  conditional = true\ncursor = \"/next\"\ncursor_in = \"query:since\"\n";
    let text = format!(
        "clients = [1]\nduration = \"1s\"\n[server]\nurl = \"http://127.0.0.1:9\"\n[[series]]\n{series}"
    );
    let world = World::new(&text);
    let output = finish(wsbench(&["plan"]).arg(world.path("scenario.toml")));
    let shown = String::from_utf8_lossy(&output.stdout);
    let key = shown.lines().find_map(|line| line.trim().strip_prefix("Sec-WebSocket-Key: "));
    assert_eq!(key.map(str::len), Some(24), "{}", said(&output));
    assert!(shown.contains("conditional true, cursor /next in query:since"), "{shown}");
    assert!(!shown.contains(['{', '}', '"']), "{shown}");
}

#[test]
fn a_server_of_ones_own_gets_the_least_head() {
    for (series, accept) in [("polling", "*/*"), ("sse", "text/event-stream")] {
        let world = World::new(&scenario(
            "127.0.0.1:9".parse().unwrap(),
            &format!(
                "transport = \"{series}\"\n{}",
                if series == "polling" { "interval = \"100ms\"" } else { "" }
            ),
        ));
        let output = finish(wsbench(&["plan"]).arg(world.path("scenario.toml")));
        let expected = format!(
            "First request of it\n  GET /p HTTP/1.1\n  Host: 127.0.0.1:9\n  Accept: {accept}\n\n"
        );
        assert!(String::from_utf8_lossy(&output.stdout).contains(&expected), "{}", said(&output));
    }
}

#[test]
fn the_bundled_server_and_fields_of_ones_own_agree_to_the_byte() {
    let world = World::new(
        "clients = [2]\nwarmup = \"100ms\"\nduration = \"800ms\"\n[feed]\nrate = \"5/s\"\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\nheaders = { X-Y = \"12345\" }\n\
         cookies = \"keep\"\n",
    );
    let output = finish(&mut world.run(&["--reports", "csv,json"]));
    expect_ran(&world, &output);
    let rows = world.csv("summary.csv");
    let row = rows.iter().find(|row| row["series"] == "polling").unwrap();
    assert_eq!(number(row, "difference_heads_bytes_per_message"), 0.0, "{row:?}");
    let heads = number(row, "overhead_bytes_up_per_message");
    assert_eq!(heads, 716.0 + "X-Y: 12345\r\n".len() as f64);
}

#[test]
fn what_cannot_be_sent_is_refused_with_its_line() {
    let cases = [
        ("headers = { Host = \"a\" }", "headers: Host is not set here: use `host`"),
        ("headers = { content-length = \"1\" }", "it follows from the body"),
        ("headers = { Upgrade = \"x\" }", "take transport = \"websocket\""),
        ("headers = { Connection = \"close\" }", "use connection = \"new\""),
        ("headers = { \"a b\" = \"x\" }", "is not the name of a field"),
        ("headers = { A = \"x\", a = \"y\" }", "headers: a is there twice"),
        ("headers = { A = \" x\" }", "has blanks around it"),
        ("headers = { A = \"x\\r\\nB: y\" }", "must not hold control characters"),
        ("headers = { A = \"{token}\" }", "{token} is not known; set `data`"),
        ("headers = { A = \"{tokn}\" }\ndata = \"c.csv\"", "the data have {token}"),
        ("host = \"a/b\"", "must be a name or an address"),
        ("method = \"HEAD\"", "an answer to HEAD brings no update"),
        ("method = \"po st\"", "method must be a word in capitals"),
        ("status = [99]", "must be a status from 200 to 599"),
        ("redirects = 21", "between 0 and 20"),
        ("data_short = \"wrap\"", "data_short needs `data`"),
        ("data = \"none.csv\"", "there is no file"),
        ("data = \"c.csv\"", "has 1 lines for 2 clients"),
        ("subprotocol = \"a\"", "subprotocol is a setting of \"websocket\", not of"),
    ];
    for (setting, expected) in cases {
        let address = "127.0.0.1:9".parse().unwrap();
        let world = World::new(&scenario(address, &format!("{POLLING}{setting}")));
        world.write("c.csv", "token\nabc\n");
        let output = finish(wsbench(&["plan"]).arg(world.path("scenario.toml")));
        expect_code(&output, 2);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(expected), "{setting}: {text}");
        assert!(text.contains("scenario.toml:1"), "{setting} has no line: {text}");
    }
    let websocket = |setting: &str| {
        let address = "127.0.0.1:9".parse().unwrap();
        let series = format!("transport = \"websocket\"\n{setting}");
        let world = World::new(&scenario(address, &series));
        let output = finish(wsbench(&["plan"]).arg(world.path("scenario.toml")));
        expect_code(&output, 2);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let text = websocket("engine = \"tungstenite\"\nredirects = 1");
    assert!(text.contains("engine \"tungstenite\" follows no redirects"), "{text}");
    let text = websocket("headers = { sec-websocket-protocol = \"a\" }");
    assert!(text.contains("use `subprotocol` of a websocket series"), "{text}");
    let text = websocket("headers = { Origin = \"a\" }\norigin = \"b\"");
    assert!(text.contains("`headers` has Origin, too"), "{text}");
    let text = websocket("subprotocol = \"a b\"");
    assert!(text.contains("without blanks; several are a list"), "{text}");
    // The bundled server answers polls by GET alone.
    let world = World::new(
        "clients = [1]\n[[series]]\ntransport = \"polling\"\nmethod = \"POST\"\nbody = \"{}\"\n",
    );
    let output = finish(wsbench(&["plan"]).arg(world.path("scenario.toml")));
    expect_code(&output, 2);
    assert!(said(&output).contains("answers polls by GET alone"), "{}", said(&output));
}

#[test]
fn lines_of_data_are_used_again_if_the_scenario_says_so() {
    let (address, log) = server(|_, _| ok(""));
    let series = format!(
        "{POLLING}headers = {{ X-Key = \"{{line}}\" }}\ndata = \"keys.txt\"\ndata_short = \"wrap\""
    );
    let (_, output) = run_with(address, &series, &[("keys.txt", "only\n")]);
    let log = log.lock().unwrap();
    assert!(!log.is_empty(), "{}", said(&output));
    assert!(log.iter().all(|seen| seen.field("x-key") == "only"));
}

#[test]
fn data_that_need_an_escape_in_json_are_a_warning() {
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    for (lines, is_said) in [("a\"b\n", true), ("a\\\"b\nc d\n", true), ("a b\n", false)] {
        let body = "method = \"POST\"\nbody = '{\"city\":\"{line}\"}'";
        let series = format!("{POLLING}{body}\ndata = \"keys.txt\"\ndata_short = \"wrap\"");
        let world = World::new(&scenario(address, &series));
        world.write("keys.txt", lines);
        let output = finish(wsbench(&["plan"]).arg(world.path("scenario.toml")));
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.contains("the server will get no JSON"), is_said, "{text}");
    }
}

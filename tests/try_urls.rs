//! `wsbench try`, and series with servers of their own.

use crate::support::{
    World, answer_upgrade, expect_code, expect_ran, finish, number, said, serve, wsbench,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use wsbench::internals::record::Metric;
use wsbench::internals::report::summarise;
use wsbench::internals::result::file::read;

/// Reads a request's head; `None` at the end of the connection.
fn request(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Answers polls of a path with these bytes, and any other with 404.
fn polled(path: &'static str, body: &'static str) -> SocketAddr {
    serve(move |mut stream| {
        while let Some(head) = request(&mut stream) {
            let answer = match head.starts_with(&format!("GET {path} ")) {
                true => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
                false => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// Sends each WebSocket client ten messages a second.
fn pushing() -> SocketAddr {
    serve(|mut stream| {
        let lines =
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
        if answer_upgrade(&mut stream, lines).is_none() {
            return;
        }
        while stream.write_all(b"\x81\x05hello").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    })
}

fn trial(world: &World, args: &[&str]) -> Command {
    let mut command = wsbench(&["try"]);
    command.args(args).args(["--clients", "3", "--duration", "1s", "--reports", "csv,json"]);
    command.arg("--out").arg(world.path("out")).current_dir(world.path(""));
    command
}

#[test]
fn urls_of_different_servers_are_compared_and_the_saved_scenario_repeats_it() {
    let world = World::new("");
    let (polled, pushing) = (polled("/latest?a=b", "some text"), pushing());
    let urls = [format!("http://{polled}/latest?a=b"), format!("ws://{pushing}/live")];
    let more = ["--save", "saved.toml", "--quiet"];
    let output = finish(trial(&world, &[&urls[0], &urls[1]]).args(more));
    expect_ran(&world, &output);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("polling") && text.contains("websocket"), "{}", said(&output));
    assert!(!text.contains("chapter"), "{}", said(&output));
    assert!(text.contains("loss not checked"), "{}", said(&output));
    let rows = world.csv("summary.csv");
    let row = |series: &str| rows.iter().find(|row| row["series"] == series).expect("a row");
    assert_eq!(number(row("polling"), "completed"), 3.0, "{}", said(&output));
    assert!(number(row("websocket"), "completed") >= 15.0, "{}", said(&output));
    assert_eq!(number(row("websocket"), "faults"), 0.0, "{}", said(&output));
    let result = read(&world.path("out/result.jsonl")).expect("a result");
    let table = summarise(&result);
    let reason = |n: usize| table.rows[n].cost.server_cpu_us.reason().map(str::to_owned);
    assert!(reason(0).is_some_and(|why| why.contains("not started by this run")));

    let saved = std::fs::read_to_string(world.path("saved.toml")).expect("it was saved");
    assert!(saved.contains(&format!("url = \"{}\"", urls[1])), "{saved}");
    let mut again = wsbench(&["run", "saved.toml", "--out", "again", "--reports", "none"]);
    let output = finish(again.current_dir(world.path("")));
    let shown = said(&output);
    assert!(
        !shown.contains("reports: ") && shown.contains("the result is again/result.jsonl"),
        "{shown}"
    );
    let repeated = read(&world.path("again/result.jsonl"));
    let repeated = repeated.unwrap_or_else(|why| panic!("{why}: {}", said(&output)));
    assert_eq!(repeated.header.plan_hash, result.header.plan_hash);
    let output = finish(trial(&world, &[&urls[0]]).args(more));
    expect_code(&output, 2);
    assert!(said(&output).contains("exists already"), "{}", said(&output));
}

#[test]
fn two_servers_of_one_transport_have_rows_of_their_own() {
    let world = World::new("");
    let urls = [polled("/", "a"), polled("/", "bcd")].map(|at| format!("poll+http://{at}"));
    let output = finish(&mut trial(&world, &[&urls[0], &urls[1]]));
    expect_ran(&world, &output);
    let rows = world.csv("summary.csv");
    let polled: Vec<_> = rows.iter().filter(|row| row["transport"] == "polling").collect();
    assert_eq!(polled.len(), 2, "{}", said(&output));
    assert_ne!(polled[0]["series"], polled[1]["series"]);
    let wire = |n: usize| number(polled[n], "wire_bytes_per_message");
    assert_eq!(wire(1) - wire(0), 2.0, "{}", said(&output));
}

#[test]
fn a_rate_that_the_server_does_not_hold_fails_the_run() {
    let world = World::new("");
    let url = format!("ws://{}/", pushing());
    let output = finish(trial(&world, &[&url, "--rate", "100/s"]).arg("--quiet"));
    expect_code(&output, 96);
    assert!(said(&output).contains("by the rate that"), "{}", said(&output));
}

#[test]
fn a_first_message_is_sent_before_the_server_pushes() {
    let world = World::new("");
    let address = serve(|mut stream| {
        let lines =
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
        // A frame of three bytes of text, with its mask.
        let mut frame = [0; 9];
        if answer_upgrade(&mut stream, lines).is_none() || stream.read_exact(&mut frame).is_err() {
            return;
        }
        let text: Vec<u8> = (0..3).map(|n| frame[6 + n] ^ frame[2 + n]).collect();
        while text == b"sub" && stream.write_all(b"\x81\x05hello").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let output = finish(&mut trial(&world, &[&format!("ws://{address}/"), "--first", "sub"]));
    expect_ran(&world, &output);
    let rows = world.csv("summary.csv");
    let row = rows.iter().find(|row| row["series"] == "websocket").expect("a row");
    assert!(number(row, "completed") >= 15.0, "{}", said(&output));
}

#[test]
fn headers_are_sent_and_the_values_of_secret_ones_are_shown_nowhere() {
    let world = World::new("");
    let address = serve(|mut stream| {
        while let Some(head) = request(&mut stream) {
            let known = head.contains("\r\nX-Key: a b\r\n")
                && head.contains("\r\nAuthorization: Bearer q7canary-token\r\n");
            let status = if known { "200 OK" } else { "403 Forbidden" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let headers = ["--header=X-Key: a b", "--header=Authorization: Bearer q7canary-token"];
    let url = format!("http://{address}/");
    let output = finish(trial(&world, &[&url]).args(headers));
    expect_ran(&world, &output);
    let rows = world.csv("summary.csv");
    let row = rows.iter().find(|row| row["series"] == "polling").expect("a row");
    assert_eq!((number(row, "completed"), number(row, "faults")), (3.0, 0.0), "{}", said(&output));
    let wrong = finish(trial(&world, &[&url, "--rate", "x"]).args(headers));
    expect_code(&wrong, 2);
    let result = std::fs::read_to_string(world.path("out/result.jsonl")).expect("a result");
    for text in [said(&output), said(&wrong), result] {
        assert!(!text.contains("q7canary"), "{text}");
    }
    let saving = finish(trial(&world, &[&url, "--save", "saved.toml"]).args(headers));
    assert!(said(&saving).contains("holds the value of Authorization"), "{}", said(&saving));
    let with_user = url.replace("://", "://q7user:q7canary-word@");
    let saving = finish(&mut trial(&world, &[&with_user, "--save", "user.toml"]));
    assert!(said(&saving).contains("holds user and password of a URL"), "{}", said(&saving));
    for name in ["saved.toml", "user.toml"] {
        let mode = std::fs::metadata(world.path(name)).expect("it was saved").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_time_in_each_message_gives_its_delivery_latency() {
    let world = World::new("");
    let address = serve(|mut stream| {
        let lines =
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
        if answer_upgrade(&mut stream, lines).is_none() {
            return;
        }
        loop {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
            let text = format!("{{\"t\":{}}}", now.as_millis());
            let frame = [&[0x81, text.len() as u8], text.as_bytes()].concat();
            if stream.write_all(&frame).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let output = finish(&mut trial(&world, &[&format!("ws://{address}/"), "--time", "/t:ms"]));
    expect_ran(&world, &output);
    let result = read(&world.path("out/result.jsonl")).expect("a result");
    let row = &summarise(&result).rows[0];
    assert!(row.latency(Metric::DeliveryLatency).count >= 15, "{}", said(&output));
}

#[test]
fn what_cannot_be_used_is_named_by_its_argument() {
    let world = World::new("");
    for (args, what) in [
        (&["ws://127.0.0.1:x/"][..], "--> ws://127.0.0.1:x/"),
        (&["http://127.0.0.1:1", "--rate", "fast"], "--> --rate fast"),
        (&["127.0.0.1:1/a"], "write \"http://127.0.0.1:1/a\" to poll it"),
        (&["gopher://a"], "unknown scheme \"gopher\""),
        (&["http://a", "--first", "x"], "--first: no URL is a WebSocket's"),
        (&["ws://127.0.0.1:1/a b"], "--> ws://127.0.0.1:1/a b"),
    ] {
        let output = finish(&mut trial(&world, args));
        expect_code(&output, 2);
        assert!(said(&output).contains(what), "{args:?}: {}", said(&output));
        assert!(!world.path("out").exists());
    }
}

/// Each scheme of a URL is a transport.
#[test]
fn every_scheme_is_a_transport() {
    let world = World::new("");
    let mut serve = wsbench(&["serve", "--bind", "127.0.0.1:0", "--rate", "10/s"]);
    let mut server = serve.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    let out = server.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let at = line.trim().trim_start_matches("listening on http://");
    let urls = [
        format!("ws://{at}/ws"),
        format!("http://{at}/PollingStock//PollingStock"),
        format!("sse+http://{at}/events"),
        format!("stream+http://{at}/stream"),
        format!("long-poll+http://{at}/LongPollTick//LongPollTick"),
    ];
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let output = finish(&mut trial(&world, &urls));
    let _ = server.kill();
    let _ = server.wait();
    let rows = world.csv("summary.csv");
    for transport in ["websocket", "polling", "sse", "streaming", "long-polling"] {
        let row = rows.iter().find(|row| row["transport"] == transport);
        let row = row.unwrap_or_else(|| panic!("{transport}: {}", said(&output)));
        assert_eq!(number(row, "faults"), 0.0, "{transport}: {}", said(&output));
        assert!(number(row, "completed") >= 3.0, "{transport}: {}", said(&output));
    }
}

#[test]
fn a_server_that_is_not_there_is_named_and_the_others_are_measured() {
    let world = World::new("");
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let gone = gone.expect("a port was free");
    let scenario = format!(
        "clients = [2]\nwarmup = \"100ms\"\nduration = \"500ms\"\ncooldown = \"100ms\"\n\
         timeout = \"500ms\"\ndriver_lateness = \"1s\"\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\nlabel = \"there\"\nurl = \"http://{}\"\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\nlabel = \"gone\"\nurl = \"http://{gone}\"\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\nlabel = \"bundled\"\n",
        polled("/", "text")
    );
    world.write("scenario.toml", scenario);
    let output = finish(&mut world.run(&["--reports", "csv,json"]));
    expect_code(&output, 96);
    let rows = world.csv("summary.csv");
    let row = |series: &str| rows.iter().find(|row| row["series"] == series).expect("a row");
    assert_eq!(number(row("there"), "completed"), 10.0, "{}", said(&output));
    assert_eq!(number(row("bundled"), "completed"), 10.0, "{}", said(&output));
    assert_eq!(number(row("gone"), "completed"), 0.0, "{}", said(&output));
    assert!(!row("bundled")["server_cpu_us_per_message"].is_empty(), "{}", said(&output));
    assert!(row("there")["server_cpu_us_per_message"].is_empty(), "{}", said(&output));
    let plan = finish(wsbench(&["plan"]).arg(world.path("scenario.toml")));
    expect_code(&plan, 0);
    assert!(said(&plan).contains(&format!("http://{gone} ({gone}), already running")));
    let model = finish(wsbench(&["model"]).arg(world.path("scenario.toml")));
    expect_code(&model, 0);
    assert!(said(&model).contains("Unknown of there and gone"), "{}", said(&model));
}

#[test]
fn messages_without_a_stamp_have_a_hint_where_their_time_is() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let json = format!("data: {{\"seq\": 5, \"data\": {{\"at\": {}}}}}\n\n", now.as_millis());
    let cases = [
        (json, "with wsbench try)", "--time /data/at:ms"),
        ("data: text\n\n".to_owned(), "--time /t:ms", "by `time` in [message]"),
    ];
    for (event, first, second) in cases {
        let address = serve(move |mut stream| {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
            if request(&mut stream).is_none() || stream.write_all(head.as_bytes()).is_err() {
                return;
            }
            while stream.write_all(event.as_bytes()).is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let world = World::new("");
        let url = format!("sse+http://{address}/");
        let output = finish(&mut trial(&world, &[&url, "--driver-lateness", "500ms"]));
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(first) && text.contains(second), "{text}");
        expect_code(&output, 0);
    }
}

/// Nobody waits for a run to learn that nobody listens; and there is no report to look at.
#[test]
fn a_closed_port_is_one_line_and_no_run() {
    let world = World::new("");
    // Port 1 is nobody's, and no port that the kernel gives.
    for url in ["ws://127.0.0.1:1/x", "http://127.0.0.1:1/x"] {
        let output = finish(&mut trial(&world, &[url]));
        expect_code(&output, 1);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let [line] = stderr.lines().collect::<Vec<_>>()[..] else { panic!("{}", said(&output)) };
        assert!(
            line.contains("nobody listens at 127.0.0.1:1: the connection was refused"),
            "{line}"
        );
        assert!(line.contains("Start it, or correct host and port"), "{line}");
        assert!(output.stdout.is_empty() && !world.path("out").exists(), "{}", said(&output));
    }
    // One of two is enough to know.
    let there = format!("ws://{}/", pushing());
    expect_code(&finish(&mut trial(&world, &[&there, "http://127.0.0.1:1/x"])), 1);
}

//! What is shown and written while a run goes on: `--stream`, `--metrics`, `--live`.

use crate::support::{
    World, command, expect_code, expect_ran, finish, number, said, wait, wsbench,
};
use boon::{Compiler, Schemas};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;
use wsbench::internals::report::schema;

const SMALL: &str = "clients = [4]\nwarmup = \"200ms\"\nduration = \"2s\"\ncooldown = \"200ms\"\n\
                     driver_lateness = \"1s\"\n[feed]\nrate = \"20/s\"\n[[series]]\ntransport = \"websocket\"\n\
                     [[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n\
                     [[limit]]\nmetric = \"heads_bytes_per_message\"\ncondition = \"< 9000B\"\n";

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

/// Bytes at the socket that the lines of a stream have, by series.
fn streamed(lines: &[Value]) -> BTreeMap<String, [u64; 2]> {
    let mut sums = BTreeMap::<String, [u64; 2]>::new();
    for line in lines.iter().filter(|line| line["event"] == "second") {
        let series = line["series"].as_str().expect("a series").to_owned();
        let sum = sums.entry(series).or_default();
        for (n, name) in ["wire_bytes_up", "wire_bytes_down"].into_iter().enumerate() {
            sum[n] += line[name].as_u64().expect("a count");
        }
    }
    sums
}

/// The same by the report, all phases.
fn reported(world: &World) -> BTreeMap<String, [u64; 2]> {
    let mut sums = BTreeMap::<String, [u64; 2]>::new();
    for row in world.csv("bytes.csv") {
        let at = ["up", "down"].iter().position(|way| row["direction"] == *way);
        if let Some(at) = at.filter(|_| row["layer"] == "wire_bytes") {
            sums.entry(row["series"].clone()).or_default()[at] += number(&row, "total") as u64;
        }
    }
    sums
}

#[test]
fn a_stream_has_a_line_a_second_and_they_add_up_to_the_run() {
    let world = World::new(SMALL);
    let path = world.path("stream.jsonl");
    let output = finish(world.run(&["--reports", "csv,json", "--stream"]).arg(&path));
    expect_ran(&world, &output);
    let lines = lines(&fs::read_to_string(&path).expect("a stream"));
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.add_resource("schema.json", schema::of("stream")).expect("the schema is JSON");
    let index = compiler.compile("schema.json", &mut schemas).expect("the schema is one");
    for line in &lines {
        schemas.validate(line, index).unwrap_or_else(|why| panic!("{why}: {line}"));
    }
    let (last, seconds) = lines.split_last().expect("lines");
    assert_eq!(last["event"], "end");
    assert_eq!(last["exit_code"].as_i64(), output.status.code().map(i64::from));
    assert!(seconds.iter().all(|line| line["event"] == "second"));
    // Two seconds each, begun and ended within one.
    for series in ["websocket", "polling"] {
        let own = seconds.iter().filter(|line| line["series"] == series);
        assert!((3..=6).contains(&own.count()), "{series}: {seconds:#?}");
    }
    let mut sums = streamed(&lines);
    sums.retain(|series, _| series != "floor");
    let mut expected = reported(&world);
    expected.retain(|series, _| series != "floor");
    assert_eq!(sums, expected);
    let limits = seconds.last().expect("a second")["limits"].as_array().expect("limits");
    assert!(limits.iter().any(|limit| limit["decision"] == "pass"), "{limits:?}");
    // The limit holds: it fails at no moment, also not because a case comes later.
    let fails = |line: &&Value| line["limits"].to_string().contains("\"fail\"");
    assert_eq!(seconds.iter().find(fails), None);
}

#[test]
fn a_stream_on_standard_output_has_it_alone() {
    let world = World::new(SMALL);
    let output = finish(&mut world.run(&["--reports", "csv,json", "--stream", "-"]));
    expect_ran(&world, &output);
    let all = lines(&String::from_utf8(output.stdout.clone()).expect("text"));
    assert_eq!(all.last().expect("lines")["event"], "end");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("verdict: "), "{text}");
}

#[test]
fn a_stream_that_cannot_be_written_is_an_error_and_loses_nothing() {
    let world = World::new(SMALL);
    let output = finish(&mut world.run(&["--reports", "csv,json", "--stream", "/dev/full"]));
    expect_code(&output, 1);
    let text = said(&output);
    assert!(text.contains("cannot write /dev/full") && text.contains("verdict: "), "{text}");
    assert!(world.path("out/summary.csv").exists());
    let nowhere = world.path("none/stream.jsonl");
    fs::write(world.path("none"), "").expect("a file");
    let output = finish(world.run(&["--stream"]).arg(nowhere));
    expect_code(&output, 1);
    assert!(!said(&output).contains("[1/"), "before the run: {}", said(&output));
}

#[test]
fn a_stream_that_nobody_reads_ends_and_says_what_was_left_out() {
    let world = World::new(SMALL);
    let pipe = world.path("pipe");
    expect_code(&finish(command("mkfifo").arg(&pipe)), 0);
    let output = finish(world.run(&["--reports", "json", "--stream"]).arg(&pipe));
    expect_ran(&world, &output);
    let text = said(&output);
    let (before, _) = text.split_once(" objects were left out").unwrap_or_else(|| panic!("{text}"));
    let count: u64 = before.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    // An object a second, and one at the end: not as many as could have waited.
    assert!((2..=20).contains(&count), "{text}");
}

/// Asks for a page and returns all of the answer.
fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// Counters with their labels.
fn counters(text: &str) -> BTreeMap<String, f64> {
    let body = text.split("\r\n\r\n").nth(1).unwrap_or_default();
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    samples.map(sample).filter(|(name, _): &(String, f64)| name.contains("_total{")).collect()
}

/// Checks that every histogram's last bucket is the infinite one, with all of its values: Prometheus finds no
/// quantile without. Returns how many there are.
fn whole_histograms(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let counts = lines.iter().filter_map(|line| line.split_once("_seconds_count{"));
    counts
        .map(|(name, labels)| {
            let last = format!("{name}_seconds_bucket{{le=\"+Inf\",{labels}");
            assert!(lines.contains(&last.as_str()), "{last}\n{text}");
        })
        .count()
}

#[test]
fn metrics_rise_to_what_the_run_has_and_end_with_it() {
    let world = World::new(SMALL);
    let mut run = world.run(&["--reports", "csv,json", "--metrics", "127.0.0.1:0"]);
    let mut child = run.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    errors.read_line(&mut line).expect("a line");
    let address =
        line.trim().strip_prefix("metrics: http://").and_then(|a| a.strip_suffix("/metrics"));
    let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
    let rest = std::thread::spawn(move || {
        let mut rest = Vec::new();
        let _ = errors.read_to_end(&mut rest);
        rest
    });
    assert!(get(&address, "/").is_some_and(|text| text.starts_with("HTTP/1.1 404")));
    let mut last = BTreeMap::new();
    let mut asked = 0;
    let mut histograms = 0;
    while let Some(text) = get(&address, "/metrics") {
        if text.is_empty() {
            break;
        }
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(
            text.contains("content-type: application/openmetrics-text; version=1.0.0"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"), "{text}");
        histograms = whole_histograms(&text);
        let now = counters(&text);
        for (name, before) in &last {
            assert!(
                now.get(name).is_some_and(|value| value >= before),
                "{name}: {before}, {now:?}"
            );
        }
        last = now;
        asked += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    let output = wait(child, Duration::from_secs(60));
    let text = String::from_utf8_lossy(&rest.join().expect("it reads")).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 96)), "{text}");
    assert!(asked > 5, "{asked}");
    assert!(histograms > 3, "{histograms}");
    // The first case was over before the last look.
    let of = |way: &str| -> f64 {
        let own = |name: &&String| {
            name.starts_with("wsbench_wire_bytes_total{")
                && name.contains("series=\"websocket\"")
                && name.contains(&format!("direction=\"{way}\""))
        };
        last.iter().filter(|(name, _)| own(name)).map(|(_, value)| value).sum()
    };
    let [up, down] = reported(&world)["websocket"];
    assert_eq!((of("up"), of("down")), (up as f64, down as f64));
}

#[test]
fn an_address_that_is_taken_is_refused_before_the_run() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let world = World::new(SMALL);
    let output = finish(&mut world.run(&["--metrics", &address]));
    expect_code(&output, 2);
    let text = said(&output);
    assert!(text.contains(&address) && text.contains("choose another address"), "{text}");
    assert!(!text.contains("[1/"), "{text}");
    let output = finish(wsbench(&["run", "x.toml", "--metrics", "localhost"]).stdin(Stdio::null()));
    expect_code(&output, 2);
}

/// Runs in a terminal of its own; `None` if there is no program that makes one.
fn in_terminal(world: &World, columns: u16, variables: &str) -> Option<String> {
    let run = world.run(&["--reports", "json"]);
    let program = run.get_program().to_string_lossy().into_owned();
    let all: Vec<String> = run.get_args().map(|a| format!("'{}'", a.to_string_lossy())).collect();
    let line = format!("stty cols {columns}; {variables} '{program}' {}", all.join(" "));
    let mut script = command("script");
    script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
    let child = script.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    let output = wait(child, Duration::from_secs(60));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_terminal_shows_figures_in_place_and_has_the_table_alone_at_the_end() {
    for (columns, variables) in [(100, ""), (40, "NO_COLOR=1")] {
        let world = World::new(SMALL);
        let Some(text) = in_terminal(&world, columns, variables) else {
            return eprintln!("skipped: there is no `script` to make a terminal with");
        };
        let drawn = text.matches("\u{1b}[J").count();
        assert!(drawn > 5, "{drawn}: {text:?}");
        let (board, end) = text.rsplit_once("\u{1b}[J").expect("it was drawn");
        assert!(end.contains("verdict: ") && !end.contains('\u{1b}'), "{end:?}");
        for shown in ["of 4 connected", "messages/s", "delivery p50", "[1/"] {
            assert!(board.contains(shown), "{shown}: {board:?}");
        }
        let has_colour = board.contains("\u{1b}[0;1m");
        assert_eq!(has_colour, variables.is_empty(), "{board:?}");
        for line in board.split(['\n', '\u{1b}']) {
            let line = line
                .trim_end()
                .trim_start_matches(|c: char| c == '[' || c == ';' || c.is_ascii_digit());
            assert!(line.chars().count() <= usize::from(columns) + 1, "{columns}: {line:?}");
        }
    }
    let world = World::new(SMALL);
    if let Some(text) = in_terminal(&world, 100, "TERM=dumb") {
        assert!(!text.contains('\u{1b}') && text.contains("[1/"), "{text:?}");
    }
}

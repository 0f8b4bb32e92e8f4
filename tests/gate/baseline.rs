//! `wsbench run --save-baseline` and `wsbench gate`, against the reference server and against one
//! whose answers change.

use crate::support::{World, expect_code, finish, said, serve, wsbench};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};

/// No series has a schedule, for which the driver could be late on a loaded machine.
const BUNDLED: &str = "name = \"gated\"\nclients = [4]\nwarmup = \"300ms\"\ndriver_lateness = \"1s\"\nduration = \"500ms\"\n\
     cooldown = \"200ms\"\n[feed]\nrate = \"20/s\"\n[[series]]\ntransport = \"websocket\"\n\
     [[series]]\ntransport = \"sse\"\n[[series]]\ntransport = \"polling\"\n\
     interval = \"back-to-back\"\n";

fn gate(result: &Path, baseline: &Path, more: &[&str]) -> Output {
    let mut command = wsbench(&["gate"]);
    finish(command.arg(result).arg("--baseline").arg(baseline).args(more))
}

/// Runs a world's scenario into a folder; more arguments may change it.
fn run(world: &World, out: &str, more: &[&str]) -> Output {
    let mut command = wsbench(&["run", "--quiet", "--reports", "none"]);
    command.arg(world.path("scenario.toml")).arg("--out").arg(world.path(out));
    finish(command.args(more))
}

/// The bundled server's run `first` and its baseline, for all tests.
static SAVED: LazyLock<(World, PathBuf)> = LazyLock::new(|| saved(BUNDLED));

/// A world with a run and its baseline.
fn saved(scenario: &str) -> (World, PathBuf) {
    let world = World::new(scenario);
    let baseline = world.path("kept/baseline.json");
    let path = baseline.to_string_lossy().into_owned();
    let output = run(&world, "first", &["--save-baseline", &path]);
    expect_code(&output, 0);
    (world, baseline)
}

fn document(path: &Path) -> Value {
    let text = std::fs::read(path).expect("the baseline was written");
    serde_json::from_slice(&text).expect("a baseline is JSON")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_run_passes_against_itself_and_against_the_same_again() {
    let (world, baseline) = &*SAVED;
    let document = document(baseline);
    assert_eq!(document["schema"], "wsbench.baseline/2");
    assert_eq!(document["rows"][0]["counts"]["updates_published"], 40);
    let heads = |row: usize| {
        let heads = document["rows"][row]["heads"].as_array().expect("heads").clone();
        heads.iter().map(|h| h["of"].as_str().unwrap_or("?").to_owned()).collect::<Vec<_>>()
    };
    for row in 0..3 {
        assert_eq!(heads(row), ["opening_request", "opening_response"], "row {row}");
    }
    let lines = &document["rows"][0]["heads"][1]["lines"];
    assert_eq!(lines[0], "HTTP/1.1 101 Switching Protocols\r\n");
    let size = |of: usize| {
        let lines = document["rows"][2]["heads"][of]["lines"].as_array().expect("lines").clone();
        // The listing's cookies are written as their length.
        let bytes = |line: &str| match line.split_once("‹redacted, ") {
            Some((before, after)) => {
                let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
                before.len() + digits.parse::<usize>().expect("a length") + "\r\n".len()
            }
            None => line.chars().count(),
        };
        lines.iter().map(|l| bytes(l.as_str().unwrap_or(""))).sum::<usize>()
    };
    assert_eq!((size(0), size(1)), (716, 193), "the chapter's heads, to the byte");
    let itself = gate(&world.path("first"), baseline, &[]);
    expect_code(&itself, 0);
    assert!(text(&itself).contains("\nPASS: "), "{}", said(&itself));
    assert!(text(&itself).contains("are the same run"), "{}", said(&itself));
    run(world, "second", &[]);
    let again = gate(&world.path("second/result.jsonl"), &world.path("first"), &[]);
    // A loaded machine may make a run invalid; what is compared is equal all the same.
    assert!(matches!(again.status.code(), Some(0 | 96)), "{}", said(&again));
    let failed = |line: &str| line.starts_with("FAIL ") && line.contains("_per_");
    assert!(!text(&again).lines().any(failed), "{}", said(&again));
    assert!(text(&again).contains("one run a side"), "{}", said(&again));
    assert!(!text(&again).contains("are the same run"), "{}", said(&again));
    expect_code(&gate(&world.path("first"), baseline, &["--strict"]), 0);
}

#[test]
fn another_scenario_is_refused_with_what_differs() {
    let (world, baseline) = &*SAVED;
    run(world, "other", &["--set", "feed.size=64B", "--set", "clients=[5]"]);
    let output = gate(&world.path("other"), baseline, &[]);
    expect_code(&output, 2);
    for line in ["  clients: [4] ≠ [5]", "  [feed] size: 21 ≠ 64"] {
        assert!(said(&output).contains(line), "{}", said(&output));
    }
    assert!(text(&output).is_empty(), "nothing was compared");
}

#[test]
fn another_machine_is_refused_unless_it_is_allowed() {
    let (world, baseline) = &*SAVED;
    let mut moved = document(baseline);
    moved["host"]["cores"] = "1024".into();
    world.write("moved.json", moved.to_string());
    let output = gate(&world.path("first"), &world.path("moved.json"), &[]);
    expect_code(&output, 2);
    assert!(said(&output).contains("  cores: 1024 ≠ "), "{}", said(&output));
    let allowed = gate(&world.path("first"), &world.path("moved.json"), &["--any-machine"]);
    expect_code(&allowed, 0);
    assert!(text(&allowed).contains("it is of another machine"), "{}", said(&allowed));
    assert!(text(&allowed).contains("cores: 1024 ≠ "), "{}", said(&allowed));
}

#[test]
fn a_file_that_is_not_a_baseline_is_refused() {
    let (world, baseline) = &*SAVED;
    let mut next = document(baseline);
    next["schema"] = "wsbench.baseline/3".into();
    world.write("next.json", next.to_string());
    let output = gate(&world.path("first"), &world.path("next.json"), &[]);
    expect_code(&output, 1);
    assert!(
        said(&output)
            .contains("this version reads \"wsbench.baseline/2\" and \"wsbench.baseline/1\""),
        "{}",
        said(&output)
    );
    // A baseline cannot be gated, and a run that was cut cannot be a baseline.
    let output = gate(baseline, baseline, &[]);
    expect_code(&output, 2);
    let whole = std::fs::read_to_string(world.path("first/result.jsonl")).expect("a result");
    let cut = whole.lines().take(whole.lines().count() / 2).collect::<Vec<_>>().join("\n");
    world.write("cut.jsonl", cut);
    let output = gate(&world.path("first"), &world.path("cut.jsonl"), &[]);
    expect_code(&output, 2);
    assert!(
        said(&output).contains("cut.jsonl cannot be a baseline: the run is"),
        "{}",
        said(&output)
    );
    expect_code(&gate(&world.path("cut.jsonl"), baseline, &[]), 96);
}

/// How the server of these tests answers.
const PLAIN: u8 = 0;
const LONGER: u8 = 1;
const SPLIT: u8 = 2;
const SILENT: u8 = 3;

/// Answers requests without a body, as the mode says at the moment.
fn answering(mode: Arc<AtomicU8>) -> SocketAddr {
    serve(move |stream| answer(stream, &mode))
}

fn answer(mut stream: TcpStream, mode: &AtomicU8) {
    let _ = stream.set_nodelay(true);
    let (mut had, mut buf) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buf) {
            Ok(n) if n > 0 => had.extend_from_slice(&buf[..n]),
            _ => return,
        }
        while let Some(at) = had.windows(4).position(|w| w == b"\r\n\r\n") {
            had.drain(..at + 4);
            let mode = mode.load(Ordering::Relaxed);
            let extra = if mode == LONGER { "X-Trace: 0123456789\r\n" } else { "" };
            let head = format!(
                "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n{extra}\
                 Content-Length: 5\r\n\r\n"
            );
            let written = match mode {
                SILENT => return,
                SPLIT => {
                    let first = stream.write_all(head.as_bytes());
                    // Two writes at once may be one segment on a busy machine.
                    std::thread::sleep(std::time::Duration::from_millis(2));
                    first.and_then(|()| stream.write_all(b"hello"))
                }
                _ => stream.write_all(format!("{head}hello").as_bytes()),
            };
            if written.is_err() {
                return;
            }
        }
    }
}

/// A foreign server's world: polls that follow each other.
fn foreign(mode: u8) -> (World, PathBuf, Arc<AtomicU8>) {
    let mode = Arc::new(AtomicU8::new(mode));
    let address = answering(mode.clone());
    let scenario = format!(
        "name = \"foreign\"\nclients = [3]\nwarmup = \"200ms\"\ndriver_lateness = \"1s\"\nduration = \"500ms\"\n\
         cooldown = \"100ms\"\ntimeout = \"1s\"\ndrain = \"1s\"\n[feed]\nrate = \"10/s\"\n\
         [server]\nurl = \"http://{address}/\"\n[[series]]\ntransport = \"polling\"\n\
         interval = \"back-to-back\"\n"
    );
    let (world, baseline) = saved(&scenario);
    (world, baseline, mode)
}

#[test]
fn a_response_head_of_a_few_bytes_more_fails_and_shows_them() {
    let (world, baseline, mode) = foreign(PLAIN);
    mode.store(LONGER, Ordering::Relaxed);
    run(&world, "longer", &[]);
    let output = gate(&world.path("longer"), &baseline, &[]);
    expect_code(&output, 98);
    let text = text(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "heads_bytes_down_per_message value 96 bytes/message; baseline 75 bytes/message",
        "96 bytes/message: 21 more than 75",
        "the response has 96 bytes and had 75: the first difference is byte 54, in line 3",
        "was \"Content-Length: 5\\r\\n\"",
        "is \"X-Trace: 0123456789\\r\\n\"",
        "setup_heads_bytes_down_per_client",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    // The other way round it is an improvement, with a note.
    let renewed = world.path("renewed.json");
    let path = renewed.to_string_lossy().into_owned();
    expect_code(&run(&world, "renewed", &["--save-baseline", &path]), 0);
    let output = gate(&world.path("first"), &renewed, &[]);
    expect_code(&output, 0);
    let text = self::text(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("exact figures are lower than the baseline's"), "{text}");
}

#[test]
fn a_head_and_a_body_in_two_writes_fail_by_their_segments() {
    let (world, baseline, mode) = foreign(PLAIN);
    mode.store(SPLIT, Ordering::Relaxed);
    run(&world, "split", &[]);
    let output = gate(&world.path("split"), &baseline, &[]);
    expect_code(&output, 98);
    let failed: Vec<String> =
        text(&output).lines().filter(|l| l.starts_with("FAIL ")).map(str::to_owned).collect();
    assert!(failed.iter().any(|l| l.contains("tcp_data_segments_per_message")), "{failed:#?}");
    assert!(failed.iter().all(|l| !l.contains("heads_bytes")), "{failed:#?}");
}

#[test]
fn a_server_that_stops_answering_fails_and_its_run_is_not_saved() {
    let (world, baseline, mode) = foreign(PLAIN);
    mode.store(SILENT, Ordering::Relaxed);
    let none = world.path("none.json");
    let path = none.to_string_lossy().into_owned();
    let output = run(&world, "silent", &["--save-baseline", &path]);
    expect_code(&output, 96);
    assert!(!none.exists());
    assert!(said(&output).contains("no baseline was written to"), "{}", said(&output));
    let output = gate(&world.path("silent"), &baseline, &[]);
    expect_code(&output, 96);
    let text = text(&output);
    assert!(text.contains("nothing was received, and"), "{text}");
    assert!(text.contains("something_measured"), "{text}");
}

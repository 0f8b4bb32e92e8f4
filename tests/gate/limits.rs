//! Limits of a scenario end to end: a run that keeps them exits with 0, another with 99, and nothing
//! passes without samples.

use crate::support::{World, expect_code, finish, said, wsbench};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;

const SMALL: &str = "\
name = \"small\"
clients = [20]
warmup = \"200ms\"
driver_lateness = \"1s\"
duration = \"500ms\"
cooldown = \"100ms\"
timeout = \"5s\"
[feed]
rate = \"10/s\"
[[series]]
transport = \"polling\"
interval = \"100ms\"
[[series]]
transport = \"websocket\"
";

fn world(limits: &str) -> World {
    World::new(&format!("{SMALL}{limits}"))
}

fn limit(condition: &str) -> String {
    format!("[[limit]]\ncondition = \"{condition}\"\n")
}

fn limits(world: &World) -> Vec<Value> {
    world.summary()["limits"].as_array().expect("limits").clone()
}

/// Returns whether the run was invalid because the driver or server was late, as on a loaded machine.
/// Any other unexpected exit code fails the test.
fn is_late(world: &World, output: &Output, code: i32) -> bool {
    if output.status.code() == Some(code) {
        return false;
    }
    expect_code(output, 96);
    let reasons = world.summary()["verdict"]["reasons"].clone();
    let texts: Vec<&str> =
        reasons.as_array().expect("reasons").iter().flat_map(Value::as_str).collect();
    // A run that was ended early says so, and which cases it left out.
    let known = |text: &&str| {
        ["limit: ", "partial: "].iter().any(|begin| text.starts_with(begin))
            || ["driver lag", "updates came within", "the case did not run"]
                .iter()
                .any(|part| text.contains(part))
    };
    assert!(texts.iter().all(known), "{}", said(output));
    true
}

const CHAPTER: [&str; 3] = [
    "websocket.overhead_bytes_per_message == 2B",
    "polling.head_chars_per_message == 871chars",
    "polling.overhead_bytes_per_message / websocket.overhead_bytes_per_message == 454.5:1",
];

#[test]
fn limits_that_are_kept_exit_with_zero_and_a_report_judges_again() {
    let world = world(&CHAPTER.map(limit).concat());
    let output = finish(&mut world.run(&["-q"]));
    let late = is_late(&world, &output, 0);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("limits: 3 of 3 kept"), "{shown}");
    let all = limits(&world);
    assert_eq!(all.len(), 3);
    for (one, value) in all.iter().zip([2.0, 871.0, 454.5]) {
        assert_eq!((one["ok"].as_bool(), one["value"].as_f64()), (Some(true), Some(value)));
        assert!(one["samples"].as_u64() >= Some(20), "{one}");
    }
    std::fs::remove_file(world.path("out/summary.json")).expect("it was written");
    let again = finish(wsbench(&["report"]).arg(world.path("out/result.jsonl")));
    expect_code(&again, if late { 96 } else { 0 });
    assert_eq!(limits(&world), all);
}

#[test]
fn a_limit_that_is_not_kept_exits_with_99_and_its_value() {
    let world =
        world(&[limit("websocket.overhead_bytes_per_message < 2B"), limit(CHAPTER[1])].concat());
    let output = finish(&mut world.run(&["-q"]));
    is_late(&world, &output, 99);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("limits: 1 of 2 kept"), "{shown}");
    let all = limits(&world);
    assert_eq!((&all[0]["decision"], &all[1]["decision"]), (&"fail".into(), &"pass".into()));
    assert_eq!((&all[0]["value"], &all[0]["unit"]), (&2.into(), &"B/message".into()));
    let reasons = world.summary()["verdict"]["reasons"].to_string();
    assert!(reasons.contains("is 2 B/message, which is not < 2B"), "{reasons}");
}

#[test]
fn a_limit_without_samples_fails() {
    let text = SMALL.replace("transport = \"websocket\"", "transport = \"sse\"");
    // Nothing upgrades here, and what is pushed to has no turns.
    let world = World::new(&format!(
        "{text}{}{}",
        limit("upgrade_time max < 1h"),
        limit("sse.completed rate >= 0%")
    ));
    let output = finish(&mut world.run(&["-q"]));
    is_late(&world, &output, 99);
    let all = limits(&world);
    assert_eq!(all.len(), 3);
    for one in all {
        assert_eq!((&one["ok"], &one["value"]), (&false.into(), &Value::Null), "{one}");
        let text = one["text"].as_str().unwrap_or_default();
        assert!(text.contains("no connection was upgraded") || text.contains("no turn"), "{text}");
    }
}

#[test]
fn a_limit_may_end_the_run_and_what_was_recorded_is_kept() {
    let text = SMALL.replace("duration = \"500ms\"", "duration = \"60s\"");
    let world = World::new(&format!(
        "{text}{}abort_on_fail = true\ndelay_abort_eval = \"2s\"\n",
        limit("polling.delivery_latency max < 1ns")
    ));
    let output = finish(&mut world.run(&[]));
    expect_code(&output, 99);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("the run is ended by a limit: polling at 20 clients: "), "{stderr}");
    assert!(stderr.contains("which is not < 1ns"), "{stderr}");
    let summary = world.summary();
    assert_eq!(summary["verdict"]["status"], "partial");
    let rows = summary["rows"].as_array().expect("rows");
    // Two seconds of it were needed, and far from all of it was taken.
    let window = rows[0]["window_s"].as_f64().expect("a window");
    assert!((2.0..50.0).contains(&window), "{window}");
    assert!(rows[0]["messages"].as_u64() >= Some(50), "{}", rows[0]["messages"]);
    assert_eq!(rows[1]["messages"], 0, "the next case was not begun");
    assert_eq!(limits(&world)[0]["ok"], false);
    let again =
        finish(wsbench(&["report", "--reports", "none"]).arg(world.path("out/result.jsonl")));
    expect_code(&again, 99);
}

#[test]
fn a_figure_known_at_the_end_of_a_case_ends_the_run_there() {
    let world =
        world(&format!("{}abort_on_fail = true\n", limit("server_cpu_us_per_message < 1ns")));
    let output = finish(&mut world.run(&["-q"]));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("can be checked only at the end of a case"), "{stderr}");
    let summary = world.summary();
    let rows = summary["rows"].as_array().expect("rows");
    assert!(rows[0]["messages"].as_u64() >= Some(20), "{}", said(&output));
    assert_eq!((&rows[1]["messages"], &rows[1]["repeats"]), (&0.into(), &0.into()));
    is_late(&world, &output, 99);
}

/// A server that does the same to every connection; for the life of the test program.
fn serve(mut each: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    std::thread::spawn(move || listener.incoming().flatten().for_each(&mut each));
    address
}

/// Answers each request with a status of no success.
fn refuse(mut stream: TcpStream) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while stream.read(&mut buffer).is_ok_and(|n| n > 0) {
            let answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
            if stream.write_all(answer).is_err() {
                break;
            }
        }
    });
}

#[test]
fn a_server_that_answers_nothing_closes_or_refuses_never_passes() {
    let mut held = Vec::new();
    let silent = serve(move |stream| held.push(stream));
    let never_passes = |address: SocketAddr| {
        let text = SMALL
            .replace("timeout = \"5s\"", "timeout = \"500ms\"\ndrain = \"1s\"")
            .replace("[feed]", &format!("[server]\nurl = \"http://{address}\"\n[feed]"));
        let conditions = [
            "delivery_latency p(95) < 1h",
            "overhead_bytes_per_message <= 1MB",
            "faults rate < 1%",
            "faults == 0",
            "lost == 0",
            "polling.wire_bytes_per_message / websocket.wire_bytes_per_message >= 0",
        ];
        let world = World::new(&format!("{text}{}", conditions.map(limit).concat()));
        let output = finish(&mut world.run(&["-q"]));
        let code = output.status.code();
        assert!(code == Some(96) || code == Some(99), "{}", said(&output));
        let all = limits(&world);
        assert_eq!(all.len(), 11, "{all:?}");
        for one in all {
            assert_eq!(one["ok"], false, "{one}\n{}", said(&output));
        }
    };
    std::thread::scope(|scope| {
        for address in [silent, serve(drop), serve(refuse)] {
            scope.spawn(move || never_passes(address));
        }
    });
}

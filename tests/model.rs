//! `wsbench model` and the user's own headers, with the real binary.

use crate::support::{World, expect_code, finish, said, wsbench};
use serde_json::Value;

const TWO: &str = "clients = [10, 20]\n[feed]\nrate = \"1/s\"\n[[series]]\n\
                   transport = \"polling\"\n[[series]]\ntransport = \"websocket\"\n";

fn model(world: &World, more: &[&str]) -> Value {
    let mut command = wsbench(&["model", "--format", "json"]);
    let output = finish(command.arg(world.path("scenario.toml")).args(more));
    expect_code(&output, 0);
    serde_json::from_slice(&output.stdout).expect("standard output is JSON")
}

#[test]
fn the_chapters_bytes_are_predicted() {
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/polling-vs-ws.toml");
    let output = finish(&mut wsbench(&["model", scenario]));
    expect_code(&output, 0);
    let text = String::from_utf8_lossy(&output.stdout);
    let squeezed: Vec<String> =
        text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "both 21 909 0 0 0 0 0 909 930 3 1,086 exact",
        "both 21 0 2 0 0 0 0 2 23 2 127 exact",
        "polling 1,000; 10,000; 100,000 1/s 716 B/s 214 B/s 930 B/s 909 B/s 3/s 1.09 kB/s",
        "polling 1,000; 10,000; 100,000 delivery 0 ns 500 ms 1 s uniform from 0 ns to 1 s",
        "websocket 1,000; 10,000; 100,000 delivery 0 ns 0 ns 0 ns always 0 ns",
        "age 500 ms time average",
    ] {
        assert!(squeezed.iter().any(|l| l == line), "{line:?} is not in\n{text}");
    }
    let output = finish(&mut wsbench(&["model", scenario, "--format", "json"]));
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let both = |n: usize, name: &str| value["models"][n]["message"]["both"][name].clone();
    assert_eq!(both(0, "overhead_bytes"), 909);
    assert_eq!(both(0, "ip_bytes"), 1086);
    assert_eq!(both(1, "overhead_bytes"), 2);
    assert_eq!(both(1, "ip_bytes"), 127);
    assert_eq!(value["models"].as_array().map(Vec::len), Some(6));
}

#[test]
fn several_kinds_of_messages_are_listed() {
    let world = World::new(TWO);
    let set = ["--set", "feed.semantics=log", "--set", "feed.arrivals=poisson"];
    let value = model(&world, &set);
    assert_eq!(value["models"][0]["exact"], false);
    assert!(value["models"][0]["kinds"].as_array().is_some_and(|k| k.len() > 3));
    let mut command = wsbench(&["model"]);
    let output = finish(command.arg(world.path("scenario.toml")).args(set));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Kinds of messages") && text.contains("the mean over"), "{text}");
}

#[test]
fn nothing_is_predicted_for_an_external_server() {
    let world = World::new(&format!("{TWO}[server]\nurl = \"http://127.0.0.1:1\"\n"));
    let mut command = wsbench(&["model"]);
    let output = finish(command.arg(world.path("scenario.toml")));
    expect_code(&output, 0);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("Unknown of polling and websocket: the server is not the bundled"),
        "{text}"
    );
    let text = said(&finish(wsbench(&["plan"]).arg(world.path("scenario.toml"))));
    assert!(
        text.contains("not known of polling and websocket: the server is not the bundled one"),
        "{text}"
    );
    assert!(model(&world, &[])["models"][0]["unknown"].is_string());
}

/// The rate of clients that wait for nothing is open, and what each of their messages costs is not.
#[test]
fn an_event_has_its_bytes_if_as_many_come_as_possible() {
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/echo.toml");
    let text = said(&finish(&mut wsbench(&["plan", scenario])));
    let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let row =
        "websocket-loop 1,000 as many as possible 21 B each 6 B each 2 B each 50 B each 154 B each";
    assert!(squeezed.contains(row) && !text.contains("not known"), "{text}");
}

#[test]
fn the_reason_why_nothing_is_predicted_is_that_of_the_series() {
    let tls = "connection = \"new\"\n[server.tls]\n";
    let world = World::new(&format!("clients = [10]\n[[series]]\ntransport = \"polling\"\n{tls}"));
    let handshake = "each turn has a TLS handshake";
    for subcommand in ["plan", "model"] {
        let text = said(&finish(wsbench(&[subcommand]).arg(world.path("scenario.toml"))));
        assert!(text.contains(handshake), "{text}");
    }
    let why = model(&world, &[])["models"][0]["unknown"].clone();
    assert!(why.as_str().is_some_and(|why| why.contains(handshake)), "{why}");
}

#[test]
fn heads_from_the_command_line_apply_to_every_series_with_the_setting() {
    let world = World::new(TWO);
    let head = "GET /x HTTP/1.1\r\nHost: h\r\nX-A: \"b\"\r\n\r\n";
    world.write("own request.http", head);
    world.write("response.http", "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n");
    let mut command = wsbench(&["model", "--format", "json"]);
    // Looked for in the current folder, not in the scenario's.
    let folder = world.path("elsewhere");
    std::fs::create_dir(&folder).expect("a folder can be made");
    command.current_dir(&folder).arg(world.path("scenario.toml"));
    let output = finish(command.args([
        "--request-head",
        "../own request.http",
        "--response-head",
        "../response.http",
    ]));
    expect_code(&output, 0);
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let message = &value["models"][0]["message"];
    assert_eq!(message["up"]["heads_bytes"], head.len());
    assert_eq!(message["down"]["heads_bytes"], 39);
    assert_eq!(value["models"][1]["message"]["both"]["heads_bytes"], 0);
    let path = world.path("own request.http");
    let mut plan = wsbench(&["plan"]);
    let output = finish(plan.arg(world.path("scenario.toml")).arg("--request-head").arg(&path));
    assert!(said(&output).contains("request from a file"), "{}", said(&output));
}

#[test]
fn a_head_that_cannot_be_used_is_located() {
    let world = World::new(TWO);
    world.write("bad.http", "GET / HTTP/1.1\r\nHost: x\r\nbad line\r\n\r\n");
    world.write("good.http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let fails = |subcommand: &str, scenario: &str, file: &str| {
        let mut command = wsbench(&[subcommand]);
        command.arg(world.path(scenario)).arg("--request-head").arg(world.path(file));
        let output = finish(&mut command);
        expect_code(&output, 2);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for subcommand in ["run", "plan", "model"] {
        let message = fails(subcommand, "scenario.toml", "bad.http");
        assert!(message.starts_with("error: --request-head /"), "{message}");
        assert!(message.contains("bad.http: line 3: "), "{message}");
    }
    assert!(fails("model", "scenario.toml", "none.http").contains("there is no file"));
    world.write("push.toml", TWO.replace("transport = \"polling\"\n[[series]]\n", ""));
    let message = fails("plan", "push.toml", "good.http");
    assert!(message.contains("no series has the setting request_head"), "{message}");
    // An error in the scenario comes first if it hides which series takes a head.
    world.write("odd.toml", TWO.replace("\"polling\"", "\"pollin\""));
    assert!(fails("plan", "odd.toml", "good.http").contains("did you mean \"polling\"?"));
}

#[test]
fn a_plan_shows_which_cool_down_is_lengthened() {
    let world = World::new(TWO);
    let plan = |cooldown: &str| {
        let mut command = wsbench(&["plan", "--set", cooldown, "--set", "feed.batch=300ms"]);
        let output = finish(command.arg(world.path("scenario.toml")));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // An interval and the time that updates are held back; for a push series the latter alone.
    let text = plan("cooldown=0s");
    assert!(text.contains("cools down 1.3 s for the last updates"), "{text}");
    assert!(text.contains("cools down 300 ms for the last updates"), "{text}");
    assert!(!plan("cooldown=1300ms").contains("for the last updates"));
}

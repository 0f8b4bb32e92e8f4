//! Every class of bad scenario, by the message that its author reads; and the plans of the
//! shipped ones.

/// Messages beside the updates.
mod conversation;
/// Bad limits.
mod limits;

use insta::assert_snapshot;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use wsbench::internals::cmd::plan::{PlanFormat, Prepared, prepare, render};
use wsbench::internals::config::SourceText;
use wsbench::internals::error::FailureKind;
use wsbench::internals::os::{Conntrack, Machine};
use wsbench::internals::plan::{Preflight, Resolved, resolve};
use wsbench::internals::result::ScenarioSource;
use wsbench::internals::scenario;

/// The two-core machine of the reference figures.
fn machine() -> Machine {
    Machine {
        open_files_soft: Some(1024),
        open_files_hard: Some(20_000),
        cores: 2,
        memory_bytes: Some(16_000_000_000),
        ports: Some((32_768, 60_999)),
        tw_reuse: Some(2),
        somaxconn: Some(4096),
        conntrack: None,
        tcp_bytes: Some(2_000_000_000),
        tasks: Some(32_768),
        loopback_block: true,
        unread: Vec::new(),
    }
}

fn resolved(text: &str, overrides: &[&str]) -> Result<Resolved, String> {
    let source = SourceText {
        name: "scenarios/x.toml".to_owned(),
        text: text.to_owned(),
        overrides: overrides.iter().map(|o| (*o).to_owned()).collect(),
    };
    let file = scenario::parse(source, "x".to_owned(), PathBuf::from("scenarios"));
    resolve(&file, &machine()).map_err(|faults| faults.to_string())
}

/// The message on a scenario that must not pass.
fn messages(text: &str) -> String {
    resolved(text, &[]).expect_err("the scenario is bad")
}

/// The message on a good scenario with bad overrides.
fn messages_of_overrides(overrides: &[&str]) -> String {
    resolved(GOOD, overrides).expect_err("the overrides are bad")
}

/// The message on a file of these bytes.
fn messages_of_file(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder for a test");
    let path = folder.path().join("x.toml");
    std::fs::write(&path, bytes).expect("a file for a test");
    messages_of_path(&path, folder.path())
}

fn messages_of_path(path: &Path, folder: &Path) -> String {
    let failure = prepare(path, &[], &machine()).expect_err("the file is bad");
    assert_eq!(failure.kind, FailureKind::Usage);
    failure.message.replace(folder.to_str().expect("a UTF-8 name"), "scenarios")
}

const GOOD: &str = "\
clients = [10, 20]

[[series]]
transport = \"polling\"

[[series]]
transport = \"websocket\"
";

#[test]
fn a_small_scenario_takes_every_default() {
    let Resolved { plan, warnings, .. } = resolved(GOOD, &[]).expect("it is good");
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(plan.name, "x");
    assert_eq!(plan.timing.duration_ns, 10_000_000_000);
    assert_eq!(plan.feed.payload_bytes, 21);
    let order: Vec<(u32, bool, usize)> =
        plan.cases.iter().map(|c| (c.clients, c.floor, c.series)).collect();
    let once = |n| [(n, true, 0), (n, false, 0), (n, false, 1)];
    assert_eq!(order, [once(10), once(20)].concat());
}

#[test]
fn the_scenarios_on_the_pages_of_servers_are_good() {
    let pages = crate::docs::files("docs/servers", &["md"]);
    let text = |path: &PathBuf| std::fs::read_to_string(path).expect("a page can be read");
    let scenarios: Vec<(&PathBuf, String)> = pages
        .iter()
        .filter_map(|path| {
            let page = text(path);
            let (scenario, _) = page.split_once("```toml\n")?.1.split_once("```")?;
            Some((path, scenario.to_owned()))
        })
        .collect();
    assert!(scenarios.len() >= 15, "{} pages have a scenario", scenarios.len());
    for (path, scenario) in scenarios {
        let resolved = resolved(&scenario, &[]);
        let Resolved { warnings, .. } = resolved.unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert_eq!(warnings, Vec::<String>::new(), "{path:?}");
    }
}

#[test]
fn unknown_transport() {
    assert_snapshot!(messages("clients = [1]\n\n  [[series]]\n    transport = \"websockt\"\n"), @r#"
    error: unknown transport "websockt", did you mean "websocket"?
     --> scenarios/x.toml:4:17
      |
    4 |     transport = "websockt"
      |                 ^^^^^^^^^^

    1 error in scenarios/x.toml
    "#);
    assert_snapshot!(messages("clients = [1]\n[[series]]\ntransport = \"carrier-pigeon\"\n"), @r#"
    error: unknown transport "carrier-pigeon"; use one of "polling", "long-polling", "streaming", "sse", "websocket", "null"
     --> scenarios/x.toml:3:13
      |
    3 | transport = "carrier-pigeon"
      |             ^^^^^^^^^^^^^^^^

    1 error in scenarios/x.toml
    "#);
}

#[test]
fn a_misspelt_transport_key_is_suggested() {
    let text = "clients = [1]\n[[series]]\ntransprt = \"polling\"\ninterval = \"2s\"\nids = true\n";
    assert_snapshot!(messages(text), @r#"
    error: missing key "transport": how updates reach the clients
     --> scenarios/x.toml:2:1
      |
    2 | [[series]]
      | ^^^^^^^^^^

    error: unknown key "transprt", did you mean "transport"?
     --> scenarios/x.toml:3:1
      |
    3 | transprt = "polling"
      | ^^^^^^^^

    2 errors in scenarios/x.toml
    "#);
}

#[test]
fn unknown_keys() {
    let text = "clints = [1]\nclients = [1]\n[feeed]\n[feed]\nsized = \"21B\"\n[[series]]\n\
                transport = \"polling\"\nintervall = \"1s\"\nqqq = 1\n";
    assert_snapshot!(messages(text), @r#"
    error: unknown key "clints", did you mean "clients"?
     --> scenarios/x.toml:1:1
      |
    1 | clints = [1]
      | ^^^^^^

    error: unknown key "feeed", did you mean "feed"?
     --> scenarios/x.toml:3:2
      |
    3 | [feeed]
      |  ^^^^^

    error: unknown key "sized", did you mean "size"?
     --> scenarios/x.toml:5:1
      |
    5 | sized = "21B"
      | ^^^^^

    error: unknown key "intervall", did you mean "interval"?
     --> scenarios/x.toml:8:1
      |
    8 | intervall = "1s"
      | ^^^^^^^^^

    error: unknown key "qqq"; known here: accept_encoding, body, conditional, connection, cookies, data, data_short, dialect, engine, header_table, headers, host, hpack, http_version, interval, label, method, path, phase, redirects, request_head, response_head, status, streams, tls, transport, url
     --> scenarios/x.toml:9:1
      |
    9 | qqq = 1
      | ^^^

    5 errors in scenarios/x.toml
    "#);
}

#[test]
fn missing_keys() {
    assert_snapshot!(messages("seed = 1\n"), @r#"
    error: missing key "clients": how many clients are connected at once, one case for each number
    --> scenarios/x.toml

    error: there is no [[series]]: at least one [[series]] is needed
    --> scenarios/x.toml

    2 errors in scenarios/x.toml
    "#);
    assert_snapshot!(
        messages("clients = [1]\n[server]\n[stretch]\n[[series]]\nlabel = \"a\"\n"), @r#"
    error: missing key "url": the server's address, such as "http://127.0.0.1:8080"; https:// and wss:// are TLS, and ws:// and wss:// the same as http:// and https://
     --> scenarios/x.toml:2:1
      |
    2 | [server]
      | ^^^^^^^^

    error: missing key "clients": the client counts for which the interval may be lengthened
     --> scenarios/x.toml:3:1
      |
    3 | [stretch]
      | ^^^^^^^^^

    error: missing key "transport": how updates reach the clients
     --> scenarios/x.toml:4:1
      |
    4 | [[series]]
      | ^^^^^^^^^^

    3 errors in scenarios/x.toml
    "#);
}

#[test]
fn units() {
    let text = "clients = [1]\nramp = \"5\"\nwarmup = 2\nduration = \"1 week\"\n\
                cooldown = 1.5\n[feed]\nrate = \"10\"\nsize = \"21\"\n[[series]]\n\
                transport = \"polling\"\ninterval = \"1 fortnight\"\n";
    assert_snapshot!(messages(text), @r#"
    error: ramp: "5" has no unit; write for example "1s" (units: ns, us, µs, ms, s, min, m, h)
     --> scenarios/x.toml:2:8
      |
    2 | ramp = "5"
      |        ^^^

    error: warmup: "2" has no unit; write for example "1s" (units: ns, us, µs, ms, s, min, m, h)
     --> scenarios/x.toml:3:10
      |
    3 | warmup = 2
      |          ^

    error: duration: unknown unit "week" for a duration; use one of ns, us, µs, ms, s, min, m, h
     --> scenarios/x.toml:4:12
      |
    4 | duration = "1 week"
      |            ^^^^^^^^

    error: cooldown: "1.5" has no unit; write for example "1s" (units: ns, us, µs, ms, s, min, m, h)
     --> scenarios/x.toml:5:12
      |
    5 | cooldown = 1.5
      |            ^^^

    error: rate: "10" is not a rate; write for example "10/s" or "1/min"
     --> scenarios/x.toml:7:8
      |
    7 | rate = "10"
      |        ^^^^

    error: size: "21" has no unit; write for example "21B" (units: B, KiB, MiB, kB, MB)
     --> scenarios/x.toml:8:8
      |
    8 | size = "21"
      |        ^^^^

    error: interval: unknown unit "fortnight" for a duration; use one of ns, us, µs, ms, s, min, m, h
      --> scenarios/x.toml:11:12
       |
    11 | interval = "1 fortnight"
       |            ^^^^^^^^^^^^^

    7 errors in scenarios/x.toml
    "#);
}

#[test]
fn types() {
    let text = "name = 3\nclients = 10\nduration = true\nrepeats = \"1\"\nseed = 1.5\n[feed]\n\
                spread = \"yes\"\nrate = [1]\npayload = 2026-01-01\n[[series]]\n\
                transport = \"polling\"\n";
    assert_snapshot!(messages(text), @r#"
    error: name must be text in quotes, not a whole number
     --> scenarios/x.toml:1:8
      |
    1 | name = 3
      |        ^

    error: clients must be a list of whole numbers such as [1000, 10000], not a whole number
     --> scenarios/x.toml:2:11
      |
    2 | clients = 10
      |           ^^

    error: duration must be a duration such as "1s", not a boolean
     --> scenarios/x.toml:3:12
      |
    3 | duration = true
      |            ^^^^

    error: repeats must be a whole number, not text
     --> scenarios/x.toml:4:11
      |
    4 | repeats = "1"
      |           ^^^

    error: seed must be a whole number, not a decimal number
     --> scenarios/x.toml:5:8
      |
    5 | seed = 1.5
      |        ^^^

    error: spread must be true or false, without quotes, not text
     --> scenarios/x.toml:7:10
      |
    7 | spread = "yes"
      |          ^^^^^

    error: rate must be a rate such as "10/s", not a list
     --> scenarios/x.toml:8:8
      |
    8 | rate = [1]
      |        ^^^

    error: payload must be text in quotes, not a date
     --> scenarios/x.toml:9:11
      |
    9 | payload = 2026-01-01
      |           ^^^^^^^^^^

    8 errors in scenarios/x.toml
    "#);
    assert_snapshot!(messages("clients = [1, \"2\", 3.0]\nfeed = 3\nseries = 4\n"), @r#"
    error: clients must be a whole number, not text
     --> scenarios/x.toml:1:15
      |
    1 | clients = [1, "2", 3.0]
      |               ^^^

    error: clients must be a whole number, not a decimal number
     --> scenarios/x.toml:1:20
      |
    1 | clients = [1, "2", 3.0]
      |                    ^^^

    error: feed must be a table: write [feed]
     --> scenarios/x.toml:2:1
      |
    2 | feed = 3
      | ^^^^

    error: series must be a list of tables: write [[series]]
     --> scenarios/x.toml:3:1
      |
    3 | series = 4
      | ^^^^^^

    4 errors in scenarios/x.toml
    "#);
}

#[test]
fn empty_lists_and_texts() {
    assert_snapshot!(messages("name = \"\"\nclients = []\nseries = []\n"), @r#"
    error: name must not be empty
     --> scenarios/x.toml:1:8
      |
    1 | name = ""
      |        ^^

    error: clients must not be empty
     --> scenarios/x.toml:2:11
      |
    2 | clients = []
      |           ^^

    error: series is empty: at least one [[series]] is needed
     --> scenarios/x.toml:3:1
      |
    3 | series = []
      | ^^^^^^

    3 errors in scenarios/x.toml
    "#);
}

#[test]
fn zero() {
    let text = "clients = [0]\nduration = \"0s\"\ntimeout = \"0s\"\nrepeats = 0\n[feed]\n\
                rate = \"0/s\"\nsize = \"0B\"\n[[series]]\ntransport = \"polling\"\n";
    assert_snapshot!(messages(text), @r#"
    error: clients must be between 1 and 1000000, not 0
     --> scenarios/x.toml:1:12
      |
    1 | clients = [0]
      |            ^

    error: duration must be at least 100ms
     --> scenarios/x.toml:2:12
      |
    2 | duration = "0s"
      |            ^^^^

    error: timeout must be at least 10ms
     --> scenarios/x.toml:3:11
      |
    3 | timeout = "0s"
      |           ^^^^

    error: repeats must be between 1 and 1000, not 0
     --> scenarios/x.toml:4:11
      |
    4 | repeats = 0
      |           ^

    error: rate must be more than 0/s
     --> scenarios/x.toml:6:8
      |
    6 | rate = "0/s"
      |        ^^^^^

    error: size 0B is too small for the sequence number and publish time in a text message: at least 21B
     --> scenarios/x.toml:7:8
      |
    7 | size = "0B"
      |        ^^^^

    6 errors in scenarios/x.toml
    "#);
}

/// Nothing can happen in a nanosecond: a window of one measures nothing, and a limit of one is always
/// over.
#[test]
fn times_that_are_too_short() {
    let text = "clients = [5]\nwarmup = \"1ns\"\ncooldown = \"0s\"\n\
                [[series]]\ntransport = \"sse\"\nheartbeat = \"1ns\"\n\
                [[series]]\ntransport = \"websocket\"\nheartbeat = \"9ms\"\n";
    let short = ["duration=1ns", "timeout=1ns", "drain=9ms"];
    let said = resolved(text, &short).expect_err("they are too short");
    for part in [
        "error: duration must be at least 100ms\n--> --set duration=1ns",
        "error: timeout must be at least 10ms\n--> --set timeout=1ns",
        "error: drain must be at least 10ms\n--> --set drain=9ms",
        "error: heartbeat must be at least 10ms, or 0s for none\n --> scenarios/x.toml:6:13",
        "error: heartbeat must be at least 10ms, or 0s for none\n --> scenarios/x.toml:9:13",
        "5 errors",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let enough = ["duration=100ms", "timeout=10ms", "drain=10ms", "series.0.heartbeat=0s"];
    let said = resolved(text, &enough).expect_err("the last heartbeat is too short");
    assert!(said.contains("1 error in"), "{said}");
}

#[test]
fn absurd_values() {
    let text = "clients = [1000001, -5, 99999999999999999999]\nwarmup = \"25h\"\n\
                drain = \"100000h\"\nrepeats = 1001\n[feed]\nrate = \"10001/s\"\n\
                size = \"2MiB\"\nmessage_limit = \"65MiB\"\n[stretch]\nclients = [1]\nmost = 0.5\n[[series]]\n\
                transport = \"polling\"\n";
    assert_snapshot!(messages(text), @r#"
    error: clients must be between 1 and 1000000, not 1000001
     --> scenarios/x.toml:1:12
      |
    1 | clients = [1000001, -5, 99999999999999999999]
      |            ^^^^^^^

    error: clients must be between 1 and 1000000, not -5
     --> scenarios/x.toml:1:21
      |
    1 | clients = [1000001, -5, 99999999999999999999]
      |                     ^^

    error: clients must be between 1 and 1000000, not 99999999999999999999
     --> scenarios/x.toml:1:25
      |
    1 | clients = [1000001, -5, 99999999999999999999]
      |                         ^^^^^^^^^^^^^^^^^^^^

    error: warmup must be at most 24h
     --> scenarios/x.toml:2:10
      |
    2 | warmup = "25h"
      |          ^^^^^

    error: drain: "100000h" is longer than 30 days
     --> scenarios/x.toml:3:9
      |
    3 | drain = "100000h"
      |         ^^^^^^^^^

    error: repeats must be between 1 and 1000, not 1001
     --> scenarios/x.toml:4:11
      |
    4 | repeats = 1001
      |           ^^^^

    error: rate must be between 1/24h and 10000/s for each client
     --> scenarios/x.toml:6:8
      |
    6 | rate = "10001/s"
      |        ^^^^^^^^^

    error: size must be at most 1MiB
     --> scenarios/x.toml:7:8
      |
    7 | size = "2MiB"
      |        ^^^^^^

    error: message_limit: "65MiB" is more than 64MiB
     --> scenarios/x.toml:8:17
      |
    8 | message_limit = "65MiB"
      |                 ^^^^^^^

    error: most must be between 1 and 1000
      --> scenarios/x.toml:11:8
       |
    11 | most = 0.5
       |        ^^^

    10 errors in scenarios/x.toml
    "#);
    let many = "clients = [1, 2, 3, 4]\nrepeats = 1000\n[[series]]\ntransport = \"polling\"\n";
    assert_snapshot!(messages(many), @r#"
    error: 8000 cases in all; at most 3600 are run
     --> scenarios/x.toml:2:11
      |
    2 | repeats = 1000
      |           ^^^^

    1 error in scenarios/x.toml
    "#);
}

#[test]
fn contradictions() {
    let text = "clients = [10, 20, 10]\nduration = \"2s\"\n[feed]\npayload = \"json\"\n\
                size = \"21B\"\n[stretch]\nclients = [30]\n[[series]]\ntransport = \"polling\"\n\
                interval = \"5s\"\n";
    assert_snapshot!(messages(text), @r#"
    error: clients has 10 twice
     --> scenarios/x.toml:1:20
      |
    1 | clients = [10, 20, 10]
      |                    ^^

    error: size 21B is too small for the sequence number and publish time in a json message: at least 62B
     --> scenarios/x.toml:5:8
      |
    5 | size = "21B"
      |        ^^^^^

    error: the interval of 5 s is longer than the measured duration of 2 s: some clients would do nothing in it
      --> scenarios/x.toml:10:12
       |
    10 | interval = "5s"
       |            ^^^^

    3 errors in scenarios/x.toml
    "#);
    let stretch = "clients = [10]\n[stretch]\nclients = [30]\n[[series]]\ntransport = \"null\"\n";
    assert_snapshot!(messages(stretch), @r#"
    error: 30 is none of the scenario's client counts
     --> scenarios/x.toml:3:12
      |
    3 | clients = [30]
      |            ^^

    1 error in scenarios/x.toml
    "#);
}

#[test]
fn labels() {
    let text = "clients = [1]\n[[series]]\ntransport = \"polling\"\n[[series]]\n\
                transport = \"polling\"\n[[series]]\ntransport = \"websocket\"\n\
                label = \"polling\"\n[[series]]\ntransport = \"websocket\"\nlabel = \"a/b\"\n";
    assert_snapshot!(messages(text), @r#"
    error: two series have the label "polling"; give one of them another label
     --> scenarios/x.toml:5:13
      |
    5 | transport = "polling"
      |             ^^^^^^^^^

    error: two series have the label "polling"; give one of them another label
     --> scenarios/x.toml:8:9
      |
    8 | label = "polling"
      |         ^^^^^^^^^

    error: label "a/b" must be at most 64 letters, digits, "-", "_" and ".", and begin with a letter or digit
      --> scenarios/x.toml:11:9
       |
    11 | label = "a/b"
       |         ^^^^^

    3 errors in scenarios/x.toml
    "#);
}

#[test]
fn servers() {
    let with = |server: &str| {
        messages(&format!(
            "clients = [1]\n[server]\n{server}\n[[series]]\ntransport = \"polling\"\n"
        ))
    };
    assert_snapshot!(with("url = \"127.0.0.1:8080\""), @r#"
    error: url "127.0.0.1:8080" must begin with "http://", "https://", "ws://" or "wss://"
     --> scenarios/x.toml:3:7
      |
    3 | url = "127.0.0.1:8080"
      |       ^^^^^^^^^^^^^^^^

    1 error in scenarios/x.toml
    "#);
    assert_snapshot!(with("url = \"http://127.0.0.1:99999\""), @r#"
    error: url "http://127.0.0.1:99999": "99999" is not a port
     --> scenarios/x.toml:3:7
      |
    3 | url = "http://127.0.0.1:99999"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^

    1 error in scenarios/x.toml
    "#);
    let paths = "url = \"http://127.0.0.1\"\npaths = { pollin = \"/a\", polling = \"b c\" }";
    assert_snapshot!(with(paths), @r#"
    error: path "b c" must begin with "/" and hold no space, # or letter beyond ASCII
     --> scenarios/x.toml:4:36
      |
    4 | paths = { pollin = "/a", polling = "b c" }
      |                                    ^^^^^

    1 error in scenarios/x.toml
    "#);
}

/// A value of each setting that the bundled server alone has, and the series that has it.
const BUNDLED_ONLY: [(&str, &str); 8] = [
    ("polling", "response_head = \"minimal\""),
    ("long-polling", "response_head = \"minimal\""),
    ("sse", "heartbeat = \"5s\""),
    ("sse", "ids = false"),
    ("websocket", "heartbeat = \"5s\""),
    ("websocket", "read_buffer = \"1KiB\""),
    ("feed", "size = \"50B\""),
    ("feed", "message_limit = \"1MiB\""),
];

#[test]
fn a_setting_of_the_bundled_server_alone_is_a_warning_on_a_server_of_ones_own() {
    let plan = |server: &str, of: &str, setting: &str| {
        let (feed, series) = if of == "feed" { (setting, "") } else { ("", setting) };
        let transport = if of == "feed" { "polling" } else { of };
        let text = format!(
            "clients = [1]\n[feed]\n{feed}\n{server}[[series]]\ntransport = \"{transport}\"\n{series}\n"
        );
        let Resolved { plan, limits, warnings } = resolved(&text, &[]).expect("a scenario");
        let preflight = Preflight::new(&plan, &machine());
        let source = ScenarioSource::default();
        let shown = Prepared { plan, limits, preflight, warnings: warnings.clone(), source };
        (warnings, render(&shown, PlanFormat::Text).expect("a text"))
    };
    let own = "[server]\nurl = \"http://127.0.0.1:9\"\n";
    for (of, setting) in BUNDLED_ONLY {
        let key = setting.split(' ').next().expect("a name");
        let (line, column) = (if of == "feed" { 3 } else { 8 }, key.len() + 4);
        let (warnings, text) = plan(own, of, setting);
        let begins = format!(
            "scenarios/x.toml:{line}:{column}: {key} has no effect on a server of your own: leave it out"
        );
        assert!(warnings.len() == 1 && warnings[0].starts_with(&begins), "{of}: {warnings:?}");
        let facts = text.split("First request").next().expect("facts");
        for shown in [&key.replace('_', " ") as &str, "50 B", "response minimal"] {
            assert!(!facts.contains(&format!(" {shown} ")), "{of}, {key}: {text}");
        }
        assert_eq!(plan("", of, setting).0, [""; 0], "{of}: {key}");
    }
    // What such a setting is used for all the same.
    let library = plan(own, "websocket", "engine = \"tungstenite\"\nread_buffer = \"1KiB\"");
    assert!(library.0.is_empty() && library.1.contains("read buffer bytes 1024"), "{library:?}");
    let sent = plan(own, "feed", "size = \"50B\"\nworkload = \"broadcast\"").0;
    assert!(!sent.iter().any(|warning| warning.contains("no effect")), "{sent:?}");
    let binary = plan(own, "feed", "size = \"50B\"\npayload = \"binary\"").0;
    assert_eq!(binary, [""; 0]);
    // With a series of the bundled server the size is of that one.
    let text = "clients = [1]\n[feed]\nsize = \"50B\"\n[[series]]\ntransport = \"polling\"\n[[series]]\n\
                transport = \"sse\"\nurl = \"http://127.0.0.1:9/\"\nids = false\n";
    let warnings = resolved(text, &["series.1.heartbeat=1s"]).expect("a scenario").warnings;
    let of = |place: &str| warnings.iter().filter(|warning| warning.starts_with(place)).count();
    assert_eq!(
        (warnings.len(), of("scenarios/x.toml:9:7"), of("--set ")),
        (2, 1, 1),
        "{warnings:?}"
    );
}

#[test]
fn processes_of_servers() {
    let with = |server: &str| {
        messages(&format!(
            "clients = [1]\n[server]\nurl = \"http://127.0.0.1:8080\"\n{server}\n[[series]]\n\
             transport = \"polling\"\n"
        ))
    };
    for (server, what) in [
        ("pid = 0", "pid must be between 1 and 4194304"),
        ("pid = 4194304", "pid: no process 4194304 runs"),
        ("cgroup = \"/no/such/group\"", "there is no control group \"/no/such/group\""),
        ("cgroup = \"/\"", "the one of the whole machine"),
        ("docker = \"a b\"", "\"a b\" is no name of a container"),
        ("pid = 1\ncgroup = \"/a\"", "pid and cgroup say what the server is: leave one out"),
        ("pid = 1\ncommand = [\"sh\"]", "and `command` starts one"),
        ("command = \"sh\"", "command must be a list of texts such as"),
        ("command = [\"sh\", 1]", "command must be texts in quotes, not a whole number"),
        ("command = [\"sh\", \"{port}\"]", "{port} is in the command and not in the url"),
        ("ready_path = \"/a\"", "ready_path is for a server that `command` starts"),
        ("ready_timeout = \"1s\"", "ready_timeout is for a server that `command` starts"),
        ("command = [\"sh\"]\nready_path = \"a\"", "path \"a\" must begin with"),
    ] {
        let said = with(server);
        assert!(said.contains(what) && said.contains("scenarios/x.toml:"), "{server}: {said}");
    }
    let url = "server.url=http://127.0.0.1:{port}";
    let said = messages_of_overrides(&[url, "server.command=[\"sh\"]"]);
    assert!(said.contains("{port} is in the url and not in the command"), "{said}");
    let words = "server.command=[\"sh\", \"-c\", \"\", \"\", \"a\\n{port}\"]";
    let plan = resolved(GOOD, &[url, words, "server.cgroup=/later"]).expect("it is good").plan;
    assert!(plan.absent(&plan.series[0]).keys().all(|name| name == "server_audit"));
}

#[test]
fn syntax_errors() {
    let text = "clients = [1]\nramp = \nwarmup = \"2s\ndrain = 5s\nrepeats = \"many\"\nclients = [2]\n\
                [[series]]\ntransport = \"pollin\"\n";
    assert_snapshot!(messages(text), @r#"
    error: the value is missing
     --> scenarios/x.toml:2:8
      |
    2 | ramp = 
      |        ^

    error: invalid basic string, expected `"`
     --> scenarios/x.toml:3:13
      |
    3 | warmup = "2s
      |             ^

    error: text must be in quotes: "5s"
     --> scenarios/x.toml:4:9
      |
    4 | drain = 5s
      |         ^^

    error: repeats must be a whole number, not text
     --> scenarios/x.toml:5:11
      |
    5 | repeats = "many"
      |           ^^^^^^

    error: duplicate key
     --> scenarios/x.toml:6:1
      |
    6 | clients = [2]
      | ^^^^^^^

    error: unknown transport "pollin", did you mean "polling"?
     --> scenarios/x.toml:8:13
      |
    8 | transport = "pollin"
      |             ^^^^^^^^

    6 errors in scenarios/x.toml
    "#);
    assert_snapshot!(messages("clients = [1, 2\nramp = \"0s\"\n[feed]\nsize = \"21B\"\n"), @r#"
    error: missing comma between array elements, expected `,`
     --> scenarios/x.toml:2:1
      |
    2 | ramp = "0s"
      | ^

    error: unclosed array, expected `]`
     --> scenarios/x.toml:4:13
      |
    4 | size = "21B"
      |             ^

    2 errors in scenarios/x.toml
    "#);
    assert_snapshot!(messages("clients = [1]\n[feed\nrate = \"1/s\"\n"), @r#"
    error: unclosed table, expected `]`
     --> scenarios/x.toml:2:6
      |
    2 | [feed
      |      ^

    1 error in scenarios/x.toml
    "#);
}

#[test]
fn several_errors_at_once() {
    let text = "clients = [1]\n[feed]\nrate = \"1\"\n[[series]]\ntransport = \"polling\"\n\
                phase = \"spred\"\n[[series]]\ntransport = \"websockt\"\n";
    let overrides = ["warmup=soon", "feed.payload=txt"];
    assert_snapshot!(resolved(text, &overrides).expect_err("it is bad"), @r#"
    error: rate: "1" is not a rate; write for example "10/s" or "1/min"
     --> scenarios/x.toml:3:8
      |
    3 | rate = "1"
      |        ^^^

    error: unknown phase "spred", did you mean "spread"?
     --> scenarios/x.toml:6:9
      |
    6 | phase = "spred"
      |         ^^^^^^^

    error: unknown transport "websockt", did you mean "websocket"?
     --> scenarios/x.toml:8:13
      |
    8 | transport = "websockt"
      |             ^^^^^^^^^^

    error: warmup: "soon" is not a duration; write for example "1s"
    --> --set warmup=soon

    error: unknown payload "txt", did you mean "text"?
    --> --set feed.payload=txt

    5 errors in scenarios/x.toml
    "#);
}

#[test]
fn columns_count_characters() {
    assert_snapshot!(messages("about = \"größer\"\r\n\tclients = [\"é\", 1]\r\n[[series]]\r\n\
                           transport = \"polling\"\r\n"), @r#"
    error: clients must be a whole number, not text
     --> scenarios/x.toml:2:13
      |
    2 |     clients = ["é", 1]
      |                ^^^

    1 error in scenarios/x.toml
    "#);
}

#[test]
fn files_that_are_no_scenario() {
    assert_snapshot!(messages_of_file(b"clients = [1]\nabout = \"caf\xe9\"\n"), @r#"
    byte 0xe9 is not UTF-8; save the file as UTF-8
     --> scenarios/x.toml:2:13
      |
    2 | about = "caf�"
      |             ^

    1 error in scenarios/x.toml
    "#);
    assert_snapshot!(messages_of_file(b" \n"), @r#"
    the file is empty; `wsbench init` writes a starter scenario
    --> scenarios/x.toml

    1 error in scenarios/x.toml
    "#);
    assert_snapshot!(messages_of_file(&vec![b'#'; (1 << 20) + 1]), @r#"
    "scenarios/x.toml" is larger than 1024 KiB
    --> scenarios/x.toml

    1 error in scenarios/x.toml
    "#);
    let folder = tempfile::tempdir().expect("a folder for a test");
    let missing = folder.path().join("y.toml");
    assert_snapshot!(messages_of_path(&missing, folder.path()), @r#"
    there is no file "scenarios/y.toml"
    --> scenarios/y.toml

    1 error in scenarios/y.toml
    "#);
    assert_snapshot!(messages_of_path(folder.path(), folder.path()), @r#"
    "scenarios" is a directory, not a file
    --> scenarios

    1 error in scenarios
    "#);
}

#[test]
fn head_files() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    let path = folder.path().join("x.toml");
    let text = "clients = [1]\n[[series]]\ntransport = \"polling\"\nrequest_head = \"no.http\"\n";
    std::fs::write(&path, text).expect("a file for a test");
    assert_snapshot!(messages_of_path(&path, folder.path()), @r#"
    request_head: there is no file "scenarios/no.http"
     --> scenarios/x.toml:4:16
      |
    4 | request_head = "no.http"
      |                ^^^^^^^^^

    1 error in scenarios/x.toml
    "#);
}

#[test]
fn bad_overrides() {
    assert_snapshot!(
        messages_of_overrides(&[
            "feed.rate",
            "=3",
            "feed..rate=1/s",
            "clients=[1",
            "clients.x=3",
            "series.2.interval=2s",
            "series.pollin.interval=2s",
            "series.0.transport=websockt",
            "feed.rat=2/s",
            "warmup=2",
            "name.x=1",
            "seed=2026-01-01",
        ]),
        @r#"
    error: write key=value, for example --set feed.rate=2/s
    --> --set feed.rate

    error: the key has an empty part; write for example feed.rate
    --> --set =3

    error: the key has an empty part; write for example feed.rate
    --> --set feed..rate=1/s

    error: unclosed array, expected `]`
    --> --set clients=[1

    error: nothing in clients is called "x"; write its label or its number, as in clients.0
    --> --set clients.x=3

    error: there is no series.2; the last one is series.1
    --> --set series.2.interval=2s

    error: nothing in series is called "pollin", did you mean "polling"?
    --> --set series.pollin.interval=2s

    error: unknown transport "websockt", did you mean "websocket"?
    --> --set series.0.transport=websockt

    error: unknown key "rat", did you mean "rate"?
    --> --set feed.rat=2/s

    error: warmup: "2" has no unit; write for example "1s" (units: ns, us, µs, ms, s, min, m, h)
    --> --set warmup=2

    error: name must be text in quotes, or { value = "…", secret = true }
    --> --set name.x=1

    error: seed must be a whole number, not a date
    --> --set seed=2026-01-01

    12 errors in scenarios/x.toml
    "#);
}

#[test]
fn good_overrides() {
    let overrides = [
        "clients=[30]",
        "feed.rate=2/s",
        "series.polling.interval=2s",
        "series.1.label=\"ws\"",
        "name=other",
    ];
    let plan = resolved(GOOD, &overrides).expect("they are good").plan;
    assert_eq!((plan.name.as_str(), plan.feed.rate_hz), ("other", 2.0));
    assert_eq!((plan.cases.len(), plan.cases[0].clients), (3, 30));
    assert_eq!((plan.series[0].interval_ns, plan.series[1].label.as_str()), (2_000_000_000, "ws"));
}

fn shipped(name: &str, machine: &Machine) -> Prepared {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    prepare(&path, &[], machine).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn the_shipped_scenarios_plan() {
    let quick = shipped("quick.toml", &machine());
    assert_eq!(quick.plan.cases.len(), 3);
    let chapter = shipped("polling-vs-ws.toml", &machine());
    assert_eq!((quick.warnings.len(), chapter.warnings.len()), (0, 0));
    assert_eq!(chapter.preflight.refusal(), None);
    let most = &chapter.plan.cases[7];
    assert_eq!((most.clients, most.drivers.len(), most.servers.len()), (100_000, 6, 6));
    // Only polling has a pace of its own that could be lengthened, and only there.
    let stretched: Vec<u32> =
        chapter.plan.cases.iter().filter(|c| c.stretch.is_some()).map(|c| c.index).collect();
    assert_eq!(stretched, [7]);
}

/// A user tries a shipped scenario with fewer clients before anything else.
#[test]
fn every_shipped_scenario_can_be_planned_with_another_client_count() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let set = ["clients=[1000]".to_owned()];
    let mut planned = 0;
    for entry in std::fs::read_dir(folder).expect("a folder of scenarios").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "toml") {
            let prepared = prepare(&path, &set, &machine())
                .unwrap_or_else(|failure| panic!("{}: {failure}", path.display()));
            assert!(prepared.plan.cases.iter().all(|case| case.clients == 1_000));
            assert_eq!(prepared.preflight.refusal(), None);
            planned += 1;
        }
    }
    assert!(planned >= 9, "{planned} scenarios");
}

#[test]
fn selectors_that_an_override_leaves_without_a_match_are_warnings() {
    let text = "clients = [10, 20]\n[stretch]\nclients = [20]\n[[series]]\n\
                transport = \"polling\"\n[[limit]]\nclients = 20\ncondition = \"faults == 0\"\n\
                [[limit]]\nclients = [20, 30]\ncondition = \"lost == 0\"\n";
    let error = resolved(text, &[]).expect_err("30 is none of them");
    assert_eq!(error.matches("30 is none of the scenario's client counts").count(), 1, "{error}");
    let Resolved { plan, limits, warnings } =
        resolved(text, &["clients=[30]"]).expect("30 is one of them");
    assert!(plan.cases.iter().all(|case| case.stretch.is_none()));
    let kept: Vec<(&str, &[u32])> =
        limits.iter().map(|l| (l.condition.as_str(), l.clients.as_slice())).collect();
    assert_eq!(kept, [("lost == 0", [30].as_slice())]);
    assert_snapshot!(warnings.join("\n"), @r#"
    [stretch] is for 20 clients, and --set clients leaves them out: it has no effect on the others
    limit "faults == 0" is for 20 clients, and --set clients leaves them out: it is not checked for them
    limit "lost == 0" is for 20 clients, and --set clients leaves them out: it is not checked for them
    "#);
    let error = resolved(text, &["clients=[30]", "stretch.clients=[40]"]);
    let error = error.expect_err("40 was given with it");
    assert!(error.contains("40 is none of the scenario's client counts"), "{error}");
}

/// What follows is read as for a server of one's own, and not refused as for the bundled one.
#[test]
fn a_wrong_url_is_the_only_error() {
    let rest = "[feed]\nworkload = \"echo\"\n[message]\nid = \"/id\"\n[[series]]\n\
                transport = \"websocket\"\nsend = '{\"id\":{id}}'\nready = \"ok\"\n";
    let bad = |head: &str, more: &str| messages(&format!("clients = [1]\n{head}{rest}{more}"));
    let path = bad("[server]\nurl = \"ws://127.0.0.1:1/rpc\"\n", "");
    assert!(path.contains("has a path; write paths into server.paths"), "{path}");
    let series = bad("", "url = \"ws:/127.0.0.1:1\"\n");
    for text in [path, series, bad("[server]\nurl = 5\n", "")] {
        assert_eq!(text.matches("error: ").count(), 1, "{text}");
    }
}

#[test]
fn the_size_of_messages_in_a_servers_own_form_is_not_planned() {
    let text = "clients = [1]\n[server]\nurl = \"http://127.0.0.1:9\"\n[message]\ntime = \"/t\"\n\
                [[series]]\ntransport = \"websocket\"\n";
    let folder = tempfile::tempdir().expect("a folder for a test");
    let path = folder.path().join("x.toml");
    std::fs::write(&path, text).expect("a file for a test");
    let prepared = prepare(&path, &[], &machine()).unwrap_or_else(|failure| panic!("{failure}"));
    let shown = render(&prepared, PlanFormat::Text).expect("it can be shown");
    assert!(!shown.contains("B of text"), "{shown}");
}

#[test]
fn a_plan_for_people() {
    let prepared = shipped("polling-vs-ws.toml", &machine());
    assert_snapshot!(render(&prepared, PlanFormat::Text).expect("it can be shown"), @r#"
    polling-vs-ws: 9 cases, about 2 min 45 s
    One update a second by polling and by WebSocket: the book's use cases A, B and C.

      feed     1/s for each client, periodic, phases spread; 21 B of text; seed 2009
      phases   connect as fast as it goes, warm up 4 s, measure 10 s, cool down 1 s, drain at most 10 s
      timeout  10 s
      delay    none
      repeats  1
      result   about 1.51 MB in result.jsonl
      server   bundled, started anew for each case
      series   polling at /PollingStock//PollingStock, every 1 s; engine raw, phase spread, request chapter, response chapter
      series   websocket at /ws, when there is an update; heartbeat 0 s, read buffer bytes 512, reconnect 1 s

    Cases, in this order
      case  series        clients  driver  server  threads  connections   sources                          time
         1  floor (null)    1,000       1       –        2  none          –                                 5 s
         2  polling         1,000       1       1        4  1,000 kept    127.1.3.232 to 127.1.7.207     16.5 s
         3  websocket       1,000       1       1        4  1,000 kept    127.1.7.208 to 127.1.11.183    16.5 s
         4  floor (null)   10,000       1       –        2  none          –                                 5 s
         5  polling        10,000       1       1        4  10,000 kept   127.1.50.200 to 127.1.89.215   16.9 s
         6  websocket      10,000       1       1        4  10,000 kept   127.1.89.216 to 127.1.128.231  16.9 s
         7  floor (null)  100,000       6       –        6  none          –                                 5 s
         8  polling       100,000       6       6       12  100,000 kept  127.3.7.136 to 127.4.142.39    62.5 s  may stretch to 10×
         9  websocket     100,000       6       6       12  100,000 kept  127.4.142.40 to 127.6.20.199   20.5 s

    Expected bytes a second while load lasts, all clients together
      case  series     clients     events   payload  protocol up  protocol down      wire     TCP/IP
         2  polling      1,000    1,000/s   21 kB/s     716 kB/s       193 kB/s  930 kB/s  1.09 MB/s
         3  websocket    1,000    1,000/s   21 kB/s        0 B/s         2 kB/s   23 kB/s   127 kB/s
         5  polling     10,000   10,000/s  210 kB/s    7.16 MB/s      1.93 MB/s  9.3 MB/s  10.9 MB/s
         6  websocket   10,000   10,000/s  210 kB/s        0 B/s        20 kB/s  230 kB/s  1.27 MB/s
         8  polling    100,000  100,000/s  2.1 MB/s    71.6 MB/s      19.3 MB/s   93 MB/s   109 MB/s
         9  websocket  100,000  100,000/s  2.1 MB/s        0 B/s       200 kB/s  2.3 MB/s  12.7 MB/s

    Expected memory (estimates)
      case  series        clients   driver  server  kernel  together
         1  floor (null)    1,000     7 MB       –       –      7 MB
         2  polling         1,000     7 MB  7.3 MB  9.6 MB   23.9 MB
         3  websocket       1,000  6.95 MB  7.5 MB  9.6 MB   24.1 MB
         4  floor (null)   10,000    16 MB       –       –     16 MB
         5  polling        10,000    16 MB   19 MB   96 MB    131 MB
         6  websocket      10,000  15.5 MB   21 MB   96 MB    132 MB
         7  floor (null)  100,000   136 MB       –       –    136 MB
         8  polling       100,000   136 MB  166 MB  960 MB   1.26 GB
         9  websocket     100,000   131 MB  186 MB  960 MB   1.28 GB

    Limits
      overhead_bytes_per_message == 2B                                                    websocket  all client counts    Chapter 7: the overhead of a WebSocket message is two bytes.
      head_chars_per_message == 871chars                                                  polling    all client counts    Chapter 7: the headers of a poll are 871 characters.
      polling.overhead_bytes_per_message / websocket.overhead_bytes_per_message >= 400:1             all client counts    Chapter 7: WebSocket reduces the overhead by hundreds to one.

    This machine
      ok  open files a process    needs 16,923         has 20,000 (now 1,024, raised by the run)
      ok  ports an address        needs 1              has 28,232
      ok  memory (estimate)       needs about 1.28 GB  has 16 GB
      ok  TCP buffers (estimate)  needs about 148 MB   has 2 GB
      ok  accept queue            needs 1,024          has 4,096
      ok  processes and threads   needs 548            has 32,768
      ok  source addresses        needs 127.0.0.0/8    has 127.0.0.0/8

    `wsbench run` would begin.
    "#);
}

#[test]
fn what_is_probably_not_meant() {
    let overrides = ["clients=[100000]", "warmup=0s", "feed.rate=1/min", "feed.size=30B"];
    let Resolved { plan, warnings, .. } = resolved(GOOD, &overrides).expect("it is good");
    assert_eq!(plan.feed.payload_bytes, 30);
    assert_snapshot!(warnings.join("\n"), @r#"
    polling: the warm-up of 0 ns is shorter than the interval of 1 s; the first exchanges of some clients fall into the measured window
    feed: one update every 60 s, and a measured duration of 10 s: most clients get none in it
    polling at 100,000 clients plans 100,000 exchanges a second, and 2 cores hold about 66,000: the run will probably be invalid; allow [stretch], lengthen the interval or take fewer clients
    "#);
}

#[test]
fn an_external_server() {
    let text = "clients = [40000]\n[server]\nurl = \"http://192.0.2.1:8080\"\n\
                paths = { p = \"/a\", websocket = \"/b?c=d\" }\n[[series]]\n\
                transport = \"polling\"\nlabel = \"p\"\n[[series]]\ntransport = \"websocket\"\n";
    let plan = resolved(text, &[]).expect("it is good").plan;
    assert_eq!((plan.series[0].path.as_str(), plan.series[1].path.as_str()), ("/a", "/b?c=d"));
    assert!(plan.cases.iter().all(|c| c.first_source == 0 && c.servers.is_empty()));
    let refusal = Preflight::new(&plan, &machine()).refusal();
    assert!(refusal.expect("too few ports").starts_with("ports an address: needs 40,000"));
}

#[test]
fn a_run_is_not_refused_for_ports_that_the_server_may_keep_itself() {
    let text = |host: &str, duration: &str| {
        format!(
            "clients = [10]\nduration = \"{duration}\"\n[server]\nurl = \"http://{host}\"\n\
             [[series]]\ntransport = \"polling\"\nconnection = \"new\"\ninterval = \"10ms\"\n"
        )
    };
    let check = |host, duration, tw_reuse| {
        let plan = resolved(&text(host, duration), &[]).expect("it is good").plan;
        let preflight = Preflight::new(&plan, &Machine { tw_reuse, ..machine() });
        assert_eq!(preflight.refusal(), None);
        let found = preflight.checks.iter().find(|c| c.name == "ports, closed ones too");
        let found = found.expect("connections are closed");
        (found.ok, found.needed.clone(), found.remedy.contains("tcp_tw_reuse=1"))
    };
    let far = "192.0.2.1:8080";
    // 1,000 a second for a minute, if the clients close first.
    for reuse in [None, Some(0), Some(2)] {
        assert_eq!(check(far, "90s", reuse), (false, "60,010".to_owned(), true));
    }
    assert_eq!(check(far, "90s", Some(1)), (true, "1,010".to_owned(), false));
    // A client of this machine has an address of its own.
    let near = "127.0.0.1:8080";
    assert_eq!(check(near, "90s", Some(2)), (true, "101".to_owned(), false));
    assert_eq!(check(near, "90s", Some(0)), (true, "6,001".to_owned(), false));
    // A run of a few seconds closes no more than it opens.
    assert!(check(far, "2s", Some(0)).0);
}

#[test]
fn a_plan_for_programs() {
    let prepared = shipped("quick.toml", &machine());
    let text = render(&prepared, PlanFormat::Json).expect("it can be shown");
    let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(value["ready"], true);
    assert_eq!(value["hash"], prepared.plan.hash());
    assert_eq!(value["estimates"].as_array().map(Vec::len), Some(3));
    assert_eq!(value["estimates"][1]["traffic"]["payload_bytes"], 4200.0);
    let plan: wsbench::internals::plan::Plan =
        serde_json::from_value(value["plan"].clone()).expect("it is a plan");
    assert_eq!(plan, prepared.plan);
}

#[test]
fn a_plan_shows_what_a_small_machine_lacks() {
    let small = Machine {
        open_files_hard: Some(200),
        memory_bytes: Some(1_000_000),
        ports: Some((60_000, 60_010)),
        tw_reuse: Some(0),
        somaxconn: Some(128),
        conntrack: Some(Conntrack { most: 1000, used: 900 }),
        tcp_bytes: Some(4096),
        tasks: Some(100),
        loopback_block: false,
        ..machine()
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quick.toml");
    let set = ["series.polling.connection=new".to_owned()];
    let prepared = prepare(&path, &set, &small).unwrap_or_else(|failure| panic!("{failure}"));
    let checks = &prepared.preflight.checks;
    // Each client has an address of its own.
    let enough: Vec<&str> = checks.iter().filter(|c| c.ok).map(|c| c.name).collect();
    assert_eq!(enough, ["ports an address"]);
    assert!(checks.iter().all(|c| c.ok == c.remedy.is_empty()));
    assert_eq!(checks.len(), 9);
    assert_snapshot!(prepared.preflight.refusal().expect("it is refused"), @r#"
    open files a process: needs 1,664, has 200; raise the hard limit: ulimit -Hn 20000, or LimitNOFILE= of the service
    memory (estimate): needs about 2.4 GB, has 1 MB; take fewer clients (--set clients=[…]) or free memory
    processes and threads: needs 1,712, has 100; raise ulimit -u, kernel.pid_max or the control group's pids.max
    source addresses: needs 127.0.0.0/8, has 127.0.0.1; run on Linux: only there are all of 127.0.0.0/8 addresses of the machine
    "#);
}

#[test]
fn a_low_limit_of_files_makes_several_processes() {
    let low = Machine { open_files_hard: Some(356), ..machine() };
    let prepared = shipped("quick.toml", &low);
    let case = &prepared.plan.cases[1];
    assert_eq!((case.drivers.len(), case.servers.len()), (2, 2));
    assert_eq!((case.drivers[1].first_client, case.drivers[1].clients), (100, 100));
    let absurd = Machine { open_files_hard: Some(257), ..machine() };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/polling-vs-ws.toml");
    let failure = prepare(&path, &[], &absurd).expect_err("a client a process");
    assert!(failure.message.contains("100000 clients need 100000 processes"));
}

#[test]
fn no_two_cases_share_an_address() {
    let plan = resolved(GOOD, &["clients=[900000,1000000]", "repeats=20"]);
    let cases = plan.expect("it is good").plan.cases;
    for pair in cases.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        let end = |c: &wsbench::internals::plan::Case| c.first_source + c.clients;
        assert!(end(a) <= b.first_source || end(b) <= a.first_source);
        assert!(a.first_source >= 65_536 && end(a) <= 0x00ff_ffff);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}", set in ".{0,40}") {
        let _ = resolved(&text, &[&set]);
    }

    #[test]
    fn no_mutation_makes_it_panic(
        at in 0usize..400, cut in 0usize..20, with in "[\\[\\]{}=\"',.#a-z0-9\n/é-]{0,8}", set in "[a-z.0-9=\\[\"]{0,20}"
    ) {
        let mut text = include_str!("../scenarios/quick.toml").to_owned();
        // No url: a mutated one might be looked up in the network.
        text.push_str("[stretch]\nclients = [200]\n[server]\npaths = { polling = \"/p\" }\n");
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.replace_range(at..end, &with);
        let _ = resolved(&text, &[&set]);
    }
}

#[test]
fn delays_are_settings_like_others() {
    let text = "clients = [1]\ndelay = \"11s\"\njitter = \"11s\"\njitter_law = \"pareto\"\n\
                [[series]]\ntransport = \"websocket\"\n";
    assert_snapshot!(messages(text), @r#"
    error: delay must be at most 10s
     --> scenarios/x.toml:2:9
      |
    2 | delay = "11s"
      |         ^^^^^

    error: jitter must be at most 10s
     --> scenarios/x.toml:3:10
      |
    3 | jitter = "11s"
      |          ^^^^^

    error: unknown jitter_law "pareto"; use one of "uniform", "exponential", "half-normal"
     --> scenarios/x.toml:4:14
      |
    4 | jitter_law = "pareto"
      |              ^^^^^^^^

    3 errors in scenarios/x.toml
    "#);
    let text = "clients = [1]\ndelay = \"20ms\"\n[[series]]\ntransport = \"polling\"\n\
                engine = \"reqwest\"\n";
    assert_snapshot!(messages(text), @r#"
    error: no delay can be put before the sockets of this engine: run the scenario without delay and jitter against `wsbench relay`, by [server]
     --> scenarios/x.toml:5:10
      |
    5 | engine = "reqwest"
      |          ^^^^^^^^^

    1 error in scenarios/x.toml
    "#);
    let Resolved { plan, warnings, .. } =
        resolved(GOOD, &["delay=600ms", "jitter=1ms", "jitter_law=half-normal", "seed=7"])
            .expect("it is good");
    let delay = plan.delay;
    assert_eq!((delay.one_way_ns, delay.jitter_ns, delay.seed), (600_000_000, 1_000_000, 7));
    assert_eq!(delay.law.name(), "half-normal");
    assert_snapshot!(
        warnings.join("\n"),
        @"polling: with the delay an exchange takes at least 1.2 s, longer than the interval of 1 s; clients will fall behind their schedule"
    );
    // Limits allow for it, and the floor has none.
    let timeouts: Vec<u64> =
        plan.cases.iter().map(|case| plan.timing_of(case).timeout_ns / 1_000_000).collect();
    assert_eq!(timeouts[..2], [10_000, 11_220]);
    // Jitter alone is allowed.
    assert!(resolved(GOOD, &["jitter=1ms"]).is_ok_and(|r| !r.plan.delay.is_none()));
}

/// What has no effect is said with its place before anything runs.
#[test]
fn settings_without_effect_are_warned_of_with_their_place() {
    let warnings = |text: &str| resolved(text, &[]).expect("it is valid").warnings;
    let series = "clients = [1]\n[[series]]\ntransport = \"websocket\"\n";
    let server = "[server]\nurl = \"http://127.0.0.1:9\"\n";
    let channel =
        warnings(&format!("{series}{server}[message]\ntime = \"/t\"\nchannel = \"/c\"\n"));
    assert_eq!(channel.len(), 1, "{channel:?}");
    assert!(channel[0].contains(":8:11: [message] channel counts nothing without"), "{channel:?}");
    let both = format!("{series}{server}[message]\nsequence = \"/s\"\nchannel = \"/c\"\n");
    assert_eq!(warnings(&both), Vec::<String>::new());
    for (command, wanted) in [
        (
            r#"["sleep", "{prt}"]"#,
            Some(
                ":6:21: command: {prt} is no placeholder and stays as it is; did you mean {port}?",
            ),
        ),
        (r#"["awk", "{print}", "${HOME}"]"#, Some(":6:19: command: {print} is no placeholder")),
        (r#"["node", "{\"a\":1}", "{}", "{{a}", "${HOME}"]"#, None),
    ] {
        let found = warnings(&format!("{series}{server}command = {command}\n"));
        assert_eq!(found.len(), usize::from(wanted.is_some()), "{command}: {found:?}");
        if let Some(wanted) = wanted {
            assert!(found[0].contains(wanted), "{command}: {found:?}");
        }
    }
    let port = server.replace('9', "{port}");
    let ready =
        format!("{series}{port}command = [\"x\", \"{{port}}\"]\nready_path = \"/{{port}}\"\n");
    let found = warnings(&ready);
    assert!(found[0].contains("ready_path: {port} is no placeholder"), "{found:?}");
}

#[test]
fn a_url_that_holds_no_placeholder_says_which_there_is() {
    let refused = |text: &str| {
        resolved(&format!("clients = [1]\n{text}"), &[]).expect_err("the URL is wrong")
    };
    let series = "[[series]]\ntransport = \"websocket\"\n";
    let url = |port: &str| format!("url = \"http://127.0.0.1:{port}\"\n");
    let text = refused(&format!("{series}[server]\n{}", url("{prt}")));
    assert!(text.contains("{prt} is not known; the placeholder for a port is {port}"), "{text}");
    let text = refused(&format!("{series}{}", url("{port}").replace("http", "ws")));
    assert!(text.contains("{port} is for a server that [server] `command` starts"), "{text}");
    let both = "url = \"ws://127.0.0.1:9/a\"\npath = \"/b\"\n";
    let text = refused(&format!("{series}{both}"));
    assert!(text.contains("`url` of the series has a path already: leave `path` out"), "{text}");
}

//! `wsbench run` end to end: the real binary, real processes, real sockets; what it leaves is
//! read back and held against arithmetic.

use crate::support::{
    World, at_once, expect_code, expect_ran, finish, ignores_hang_up, number, said, wait, wsbench,
};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wsbench::internals::transport::TRANSPORTS;

/// Forty clients for two seconds, five events a second.
const SMALL: &str = r#"
name = "small"
clients = [40]
warmup = "400ms"
driver_lateness = "1s"
duration = "2s"
cooldown = "200ms"
timeout = "5s"
drain = "5s"

[feed]
rate = "5/s"

[[series]]
transport = "polling"
interval = "200ms"

[[series]]
transport = "websocket"
"#;

fn row<'a>(rows: &'a [crate::support::Row], series: &str) -> &'a crate::support::Row {
    let found = rows.iter().find(|r| r["series"] == series);
    found.unwrap_or_else(|| panic!("no row of {series}"))
}

#[test]
fn a_short_run_agrees_with_arithmetic() {
    let world = World::new(SMALL);
    let output = finish(&mut world.run(&[]));
    expect_ran(&world, &output);
    let rows = world.csv("summary.csv");
    let polling = row(&rows, "polling");
    // Ten polls of each of the forty clients, exactly.
    for (column, value) in [
        ("turns", 400.0),
        ("completed", 400.0),
        ("clients_connected", 40.0),
        ("head_chars_per_message", 871.0),
        ("overhead_bytes_per_message", 909.0),
        ("wire_bytes_up_per_message", 716.0),
        ("wire_bytes_down_per_message", 214.0),
        ("payload_bytes_per_message", 21.0),
        ("faults", 0.0),
        ("turns_not_started", 0.0),
        ("overhead_bytes_per_s", 909.0 * 200.0),
    ] {
        assert_eq!(number(polling, column), value, "{column}");
    }
    // Request, response and their acknowledgements: at least two segments, at most four.
    let segments = number(polling, "tcp_segments_per_message");
    assert!((2.0..=4.0).contains(&segments), "{segments}");
    let ip = number(polling, "ip_bytes_per_message");
    assert!((ip - (930.0 + 52.0 * segments)).abs() < 0.01, "{ip}");
    let push = row(&rows, "websocket");
    assert_eq!(number(push, "overhead_bytes_per_message"), 2.0);
    assert_eq!(number(push, "wire_bytes_per_message"), 23.0);
    assert_eq!(number(push, "lost"), 0.0);
    // Ten updates each, and at the edges of a client's window one more or less.
    let messages = number(push, "messages");
    assert!((360.0..=440.0).contains(&messages), "{messages}");
    for series in [polling, push] {
        arithmetic_holds(series);
    }
    audit_is_clean(&world);
    everything_is_there(&world);
}

fn arithmetic_holds(row: &crate::support::Row) {
    for name in ["heads_bytes", "framing_bytes", "overhead_bytes", "wire_bytes"] {
        assert_eq!(number(row, &format!("difference_{name}_per_message")), 0.0, "{name}");
    }
    assert_eq!(row["prediction_exact"], "true");
    let published = number(row, "updates_published");
    let accounted = number(row, "updates_delivered") + number(row, "updates_superseded");
    assert!((390.0..=410.0).contains(&published), "{published}");
    assert_eq!(published, accounted + number(row, "updates_missing"));
    assert_eq!(number(row, "updates_missing"), 0.0);
    assert!(number(row, "age_of_information_us_mean") > 50_000.0);
}

fn audit_is_clean(world: &World) {
    for row in world.summary()["rows"].as_array().expect("rows") {
        assert!(row["audit_connections"].as_f64() >= Some(40.0), "{row}");
        for name in ["mismatched", "ledger_bytes", "kernel_bytes", "server_bytes", "unaudited"] {
            assert_eq!(row[format!("audit_{name}")], 0, "{name} of {}", row["series"]);
        }
    }
}

fn everything_is_there(world: &World) {
    for name in [
        "result.jsonl",
        "summary.txt",
        "summary.csv",
        "bytes.csv",
        "latency.csv",
        "timeseries.csv",
        "summary.json",
        "overhead.png",
        "bytes.png",
        "latency.png",
        "cost.png",
    ] {
        let len = std::fs::metadata(world.path("out").join(name)).map(|m| m.len());
        assert!(len.is_ok_and(|len| len > 100), "{name}");
    }
}

#[test]
fn every_transport_runs_and_its_bytes_add_up() {
    at_once(TRANSPORTS, |transport| {
        let world = World::new(&format!(
            "clients = [10]\nwarmup = \"200ms\"\ndriver_lateness = \"1s\"\nduration = \"1s\"\ncooldown = \"100ms\"\n\
             [feed]\nrate = \"10/s\"\n[[series]]\ntransport = \"{}\"\n",
            transport.name
        ));
        let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
        expect_ran(&world, &output);
        let rows = world.csv("summary.csv");
        assert!(number(row(&rows, transport.name), "completed") >= 0.0);
    });
}

#[test]
fn every_update_of_a_log_reaches_its_client_by_every_transport() {
    let polling = "[[series]]\ntransport = \"polling\"\n";
    let world = World::new(&format!(
        "clients = [10]\nwarmup = \"400ms\"\ndriver_lateness = \"1s\"\nduration = \"1s\"\ncooldown = \"0s\"\n\
         [feed]\nrate = \"20/s\"\narrivals = \"poisson\"\nsemantics = \"log\"\n\
         {polling}interval = \"200ms\"\n\
         {polling}interval = \"50ms\"\nlabel = \"new\"\nconnection = \"new\"\n\
         {polling}interval = \"50ms\"\nlabel = \"app\"\nengine = \"reqwest\"\n\
         [[series]]\ntransport = \"websocket\"\n"
    ));
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_ran(&world, &output);
    let rows = world.csv("summary.csv");
    for series in ["polling", "new", "app", "websocket"] {
        let row = row(&rows, series);
        let published = number(row, "updates_published");
        assert!(published > 100.0, "{series}: {published}");
        assert_eq!(number(row, "updates_delivered"), published, "{series}");
        assert_eq!(number(row, "faults"), 0.0, "{series}");
    }
}

#[test]
fn the_engines_agree_on_bytes() {
    let series = |engine: &str, label: &str, more: &str| {
        format!(
            "[[series]]\ntransport = \"polling\"\nlabel = \"{label}\"\ninterval = \"200ms\"\n\
             engine = \"{engine}\"\n{more}\n"
        )
    };
    let minimal = "request_head = \"minimal\"\nresponse_head = \"minimal\"";
    let world = World::new(&format!(
        "clients = [10]\nwarmup = \"200ms\"\ndriver_lateness = \"1s\"\nduration = \"1s\"\ncooldown = \"100ms\"\n\
         [feed]\nrate = \"5/s\"\n{}{}{}{}{}{}",
        series("raw", "raw", ""),
        series("reqwest", "app", ""),
        series("raw", "raw-minimal", minimal),
        series("reqwest", "app-minimal", minimal),
        series("raw", "raw-new", "connection = \"new\""),
        series("reqwest", "app-new", "connection = \"new\""),
    ));
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_ran(&world, &output);
    let rows = world.csv("summary.csv");
    for (raw, app) in [("raw", "app"), ("raw-minimal", "app-minimal"), ("raw-new", "app-new")] {
        for column in [
            "completed",
            "wire_bytes_up_per_message",
            "wire_bytes_down_per_message",
            "overhead_bytes_per_message",
            "head_chars_per_message",
            "payload_bytes_per_message",
        ] {
            let (a, b) = (number(row(&rows, raw), column), number(row(&rows, app), column));
            assert_eq!(a, b, "{column} of {raw} and {app}");
        }
    }
    // A connection for each poll: fifty in the window, each with its opening and its closing, of
    // ten segments where no acknowledgement is saved and none is delayed.
    let new = row(&rows, "raw-new");
    assert_eq!(number(new, "completed"), 50.0);
    let segments = number(new, "tcp_segments_per_message");
    assert!((9.0..=12.0).contains(&segments), "{segments}");
}

#[test]
fn clients_are_split_over_processes_by_the_open_file_limit() {
    let world = World::new(SMALL);
    let run = world.run(&["--reports", "csv,json"]);
    // 256 files are kept for a process's own needs: 14 clients fit into each.
    let mut limited = crate::support::command("sh");
    limited.arg("-c").arg("ulimit -Sn 200; ulimit -Hn 270; exec \"$@\"").arg("sh");
    limited.arg(run.get_program()).args(run.get_args());
    let output = finish(&mut limited);
    expect_ran(&world, &output);
    let result = std::fs::read_to_string(world.path("out/result.jsonl")).expect("a result");
    let ends = result.lines().filter(|l| l.starts_with("{\"driver\"")).count();
    // Three cases, and three processes in each: 14, 13 and 13 clients.
    assert_eq!(ends, 9, "{}", said(&output));
    let rows = world.csv("summary.csv");
    assert_eq!(number(row(&rows, "polling"), "completed"), 400.0);
    audit_is_clean(&world);
}

#[test]
fn json_is_all_that_is_printed_and_a_result_renders_again() {
    let world = World::new(SMALL);
    let output = finish(&mut world.run(&["--format", "json", "--set", "duration=1s"]));
    expect_ran(&world, &output);
    let printed: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("standard output is JSON");
    assert_eq!(printed, world.summary());
    assert_eq!(printed["verdict"]["exit_code"].as_i64(), output.status.code().map(i64::from));
    let again = world.path("again");
    let mut report = wsbench(&["report"]);
    report.arg(world.path("out/result.jsonl")).arg("--out").arg(&again);
    assert_eq!(finish(&mut report).status.code(), output.status.code());
    for name in ["summary.csv", "bytes.csv", "latency.csv", "timeseries.csv", "summary.json"] {
        let first = std::fs::read(world.path("out").join(name)).expect("a report");
        assert_eq!(std::fs::read(again.join(name)).expect("a report"), first, "{name}");
    }
}

#[test]
fn a_closed_loop_polls_back_to_back_and_has_no_schedule_to_be_late_for() {
    let world = World::new(
        "clients = [5]\nwarmup = \"100ms\"\ndriver_lateness = \"1s\"\nduration = \"500ms\"\ncooldown = \"0s\"\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"back-to-back\"\n",
    );
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_code(&output, 0);
    let rows = world.csv("summary.csv");
    let polling = row(&rows, "polling");
    assert!(number(polling, "completed") > 50.0, "{polling:?}");
    assert_eq!(number(polling, "overhead_bytes_per_message"), 909.0);
    assert_eq!(polling["driver_lag_us_p99"], "");
    // A floor without a network would only spin: there is none.
    assert_eq!(rows.len(), 1);
}

#[test]
fn heads_from_files_go_over_the_wire_as_they_are() {
    let world = World::new(
        "clients = [5]\nwarmup = \"100ms\"\ndriver_lateness = \"1s\"\nduration = \"1s\"\ncooldown = \"0s\"\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n\
         request_head = \"request.http\"\nresponse_head = \"response.http\"\n",
    );
    let request = "GET /prices?of=all HTTP/1.1\r\nHost: a.example\r\nX-A: b\r\n\r\n";
    let response = "HTTP/1.1 200 OK\r\nServer: me\r\nContent-Length: 21\r\n\r\n";
    world.write("request.http", request);
    world.write("response.http", response);
    let output = finish(&mut world.run(&["--reports", "csv,json", "-q"]));
    expect_ran(&world, &output);
    let rows = world.csv("summary.csv");
    let polling = row(&rows, "polling");
    assert_eq!(number(polling, "completed"), 50.0);
    assert_eq!(number(polling, "overhead_bytes_up_per_message"), request.len() as f64);
    assert_eq!(number(polling, "overhead_bytes_down_per_message"), response.len() as f64);
}

/// Starts a run and waits until its second case begins: servers and clients are under way.
fn started(world: &World) -> std::process::Child {
    let mut child = world
        .run(&["--set", "duration=60s", "--reports", "csv,json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stderr = child.stderr.take().expect("it was piped");
    let mut lines = BufReader::new(stderr).lines();
    let began = Instant::now();
    while let Some(Ok(line)) = lines.next() {
        if line.starts_with("[2/3]") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{line}");
    }
    // Whatever else it says is read and forgotten, so that it never blocks.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    std::thread::sleep(Duration::from_millis(2500));
    child
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(sent.expect("kill runs").success());
}

#[test]
fn an_interrupt_keeps_and_reports_what_was_measured() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 143)] {
        if name == "HUP" && ignores_hang_up() {
            continue;
        }
        let world = World::new(SMALL);
        let child = started(&world);
        signal(child.id(), name);
        let output = wait(child, Duration::from_secs(40));
        expect_code(&output, code);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("partial"), "{text}");
        // One line says what ended the run, and one what it cut off: no check, and no remedy.
        let reasons: Vec<&str> = text.lines().filter(|line| line.starts_with("x ")).collect();
        assert_eq!(reasons.len(), 2, "{text}");
        assert!(reasons[0].contains(&format!("SIG{name}")), "{text}");
        assert!(reasons[1].starts_with("x not measured to the end: polling"), "{text}");
        let rows = world.csv("summary.csv");
        assert!(number(row(&rows, "polling"), "completed") > 0.0);
        let summary = world.summary();
        assert_eq!(summary["verdict"]["exit_code"], code);
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let world = World::new(&SMALL.replace("drain = \"5s\"", "drain = \"60s\""));
    let child = started(&world);
    let pid = child.id();
    signal(pid, "INT");
    signal(pid, "INT");
    let began = Instant::now();
    let output = wait(child, Duration::from_secs(20));
    assert!(began.elapsed() < Duration::from_secs(20));
    expect_code(&output, 130);
}

/// The process ids of the children of a process whose command line has a word.
fn children(parent: u32, word: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("there is /proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        let read =
            |name: &str| std::fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let stat = read("stat");
        let ppid = stat.rsplit(')').next().and_then(|s| s.split_whitespace().nth(1)?.parse().ok());
        if ppid == Some(parent) && read("cmdline").split('\0').any(|w| w == word) {
            found.push(pid);
        }
    }
    found
}

/// Where a run is interrupted: its settings, and how long after its processes have started.
const PHASES: [(&str, &str, Duration); 3] = [
    ("connecting", "ramp=60s", Duration::from_millis(800)),
    ("measuring", "duration=60s", Duration::from_millis(2800)),
    // The run waits for the end of a case, which a stopped process does not reach.
    ("closing", "duration=1s", Duration::from_millis(5500)),
];

/// What a process did not report is unknown: the server's count is not held against half of the
/// driver's.
fn no_byte_is_called_unexplained(world: &World) {
    for row in world.summary()["rows"].as_array().expect("rows") {
        let bytes = &row["audit_server_bytes"];
        assert!(bytes.is_null() || bytes == 0, "{bytes}");
    }
}

/// How long an interrupted run took to end, and for how long of it the machine did not let its main
/// thread run though it could.
struct Ending {
    took: Duration,
    not_scheduled: Duration,
}

/// The time that a process's main thread has waited for a core; zero if the system does not say.
fn waited_for_a_core(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let ns = text.split_whitespace().nth(1).and_then(|ns| ns.parse().ok());
    Duration::from_nanos(ns.unwrap_or(0))
}

/// Interrupts a run in which a process is stopped.
fn interrupted(word: &str, setting: &str, after: Duration) -> Ending {
    let world = World::new(SMALL);
    let mut run = world.run(&["--set", setting, "--reports", "csv,json"]);
    let child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let began = Instant::now();
    let is_there = |word: &str| !children(child.id(), word).is_empty();
    while !is_there("server") || !is_there("worker") {
        assert!(began.elapsed() < Duration::from_secs(40), "no process appears");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Early enough that it has not ended by itself.
    let early = Duration::from_millis(800);
    std::thread::sleep(early);
    signal(children(child.id(), word)[0], "STOP");
    std::thread::sleep(after.saturating_sub(early));
    let (pid, before) = (child.id(), waited_for_a_core(child.id()));
    signal(pid, "INT");
    let began = Instant::now();
    let ended = AtomicBool::new(false);
    let (output, took, waited) = std::thread::scope(|scope| {
        // As late as there is something to read: nothing is known of a process that has ended.
        let watched = scope.spawn(|| {
            let mut waited = before;
            while !ended.load(Ordering::Relaxed) {
                waited = waited.max(waited_for_a_core(pid));
                std::thread::sleep(Duration::from_millis(5));
            }
            waited
        });
        let output = wait(child, Duration::from_secs(60));
        let took = began.elapsed();
        ended.store(true, Ordering::Relaxed);
        (output, took, watched.join().expect("it reads a file"))
    });
    expect_code(&output, 130);
    no_byte_is_called_unexplained(&world);
    Ending { took, not_scheduled: waited.saturating_sub(before) }
}

/// A stopped process answers nothing: it is killed, and the run ends within seconds.
#[test]
fn an_interrupt_ends_a_run_soon_though_a_process_is_stopped() {
    std::thread::scope(|scope| {
        for word in ["worker", "server"] {
            for (phase, setting, after) in PHASES {
                scope.spawn(move || {
                    let Ending { took, not_scheduled } = interrupted(word, setting, after);
                    println!("{word} stopped while {phase}: {took:?}, of it {not_scheduled:?}");
                    // 5 s are promised. On a machine on which other tests run the program has to wait
                    // for a core, which no program can help: the system tells how long.
                    let own = took.saturating_sub(not_scheduled);
                    assert!(own < Duration::from_secs(5), "{word}, {phase}: {took:?}, {own:?}");
                });
            }
        }
    });
}

#[test]
fn a_server_killed_in_mid_run_is_counted_and_hangs_nothing() {
    let world = World::new(&SMALL.replace("60s", "6s"));
    let mut run = world.run(&["--set", "duration=6s", "--reports", "csv,json,text"]);
    let child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let began = Instant::now();
    let server = loop {
        if let Some(&server) = children(child.id(), "server").first() {
            break server;
        }
        assert!(began.elapsed() < Duration::from_secs(40), "no server process appears");
        std::thread::sleep(Duration::from_millis(20));
    };
    std::thread::sleep(Duration::from_millis(2500));
    signal(server, "KILL");
    let output = wait(child, Duration::from_secs(90));
    expect_code(&output, 96);
    let text = said(&output);
    assert!(text.contains("server process 0"), "{text}");
    assert!(text.contains("closed early by the server") || text.contains("ECONNRE"), "{text}");
    // The series that had its server is valid all the same.
    let summary = world.summary();
    let status = |name: &str| {
        let rows = summary["rows"].as_array().expect("rows");
        rows.iter().find(|r| r["series"] == name).expect("a row")["status"].clone()
    };
    assert_eq!(status("polling"), "invalid");
    assert_ne!(status("websocket"), "partial");
}

/// What is pushed while the driver does not run looks like a slow server to its clients: the probes
/// tell whose time it was.
#[test]
fn a_worker_that_was_stopped_is_a_late_driver_of_what_is_pushed() {
    let world = World::new(
        "clients = [10]\nwarmup = \"200ms\"\nduration = \"5s\"\ncooldown = \"100ms\"\n\
         [feed]\nrate = \"4/s\"\n[[series]]\ntransport = \"websocket\"\n",
    );
    let mut run = world.run(&["--reports", "json"]);
    let child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let began = Instant::now();
    while children(child.id(), "server").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(40), "no server process appears");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(2500));
    let worker = children(child.id(), "worker")[0];
    signal(worker, "STOP");
    std::thread::sleep(Duration::from_millis(400));
    signal(worker, "CONT");
    let output = wait(child, Duration::from_secs(60));
    expect_code(&output, 96);
    assert!(
        said(&output).contains("probe lateness, how late the driver's threads woke"),
        "{}",
        said(&output)
    );
    let row = &world.summary()["rows"][0];
    let late = row["probe_lateness_us_p99"].as_f64().expect("it was probed");
    assert!(late > 100_000.0, "{late}");
    // The last update of a connection came less than a period before the driver went on.
    let unread = row["kernel_to_client_us_max"].as_f64().expect("the kernel gave timestamps");
    assert!(unread > 20_000.0, "{unread}");
}

#[test]
fn the_kernels_timestamps_tell_how_long_bytes_waited_for_the_driver() {
    let world = World::new(
        "clients = [20]\nwarmup = \"300ms\"\nduration = \"2s\"\ncooldown = \"200ms\"\n\
         driver_lateness = \"1s\"\n[feed]\nrate = \"10/s\"\n\
         [[series]]\ntransport = \"websocket\"\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n\
         [[series]]\ntransport = \"websocket\"\nengine = \"tungstenite\"\nlabel = \"library\"\n",
    );
    let output = finish(&mut world.run(&["--reports", "json"]));
    expect_ran(&world, &output);
    let rows = world.summary()["rows"].as_array().expect("rows").clone();
    let of = |name: &str| rows.iter().find(|r| r["series"] == name).expect("a row").clone();
    for (series, latency) in [("websocket", "delivery"), ("polling", "response")] {
        let row = of(series);
        let [median, worst] = ["kernel_to_client_us_p50", &format!("{latency}_latency_us_max")]
            .map(|name| row[name].as_f64().unwrap_or_else(|| panic!("{series} has no {name}")));
        assert!(median > 0.0 && median < worst, "{series}: {median} of {worst}");
        // Four of the twenty clients, ten times a second.
        let reads = row["kernel_to_client_count"].as_u64().expect("a count");
        assert!((20..=400).contains(&reads), "{series}: {reads}");
    }
    let why = &of("library")["absent"]["kernel_to_client_us_p50"];
    assert!(why.as_str().is_some_and(|why| why.contains("library")), "{why}");
}

#[test]
fn a_worker_killed_in_mid_run_is_counted_and_hangs_nothing() {
    let world = World::new(SMALL);
    let mut run = world.run(&["--set", "duration=4s", "--reports", "csv,json,text"]);
    let child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let began = Instant::now();
    while children(child.id(), "server").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(40), "no server process appears");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(2000));
    let worker = children(child.id(), "worker")[0];
    signal(worker, "KILL");
    let output = wait(child, Duration::from_secs(90));
    expect_code(&output, 96);
    assert!(said(&output).contains("driver process 0"), "{}", said(&output));
    no_byte_is_called_unexplained(&world);
}

#[test]
fn a_closed_port_ends_a_run_before_it_begins() {
    // Bound and never listening: nobody else can take the port meanwhile.
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("an address");
    drop(holder);
    let world = World::new(&format!("{SMALL}\n[server]\nurl = \"http://{address}\"\n"));
    // It is said at once that the run waits, and there is no run.
    for (timeout, waits) in [("timeout=1s", false), ("timeout=2s", true)] {
        let output = finish(&mut world.run(&["--set", timeout, "--set", "duration=1h"]));
        expect_code(&output, 1);
        let text = said(&output);
        assert!(text.contains(&format!("nobody listens at {address}: the connection")), "{text}");
        assert_eq!(text.contains("as `timeout` says"), waits, "{text}");
        assert!(!world.path("out").exists(), "{text}");
    }
    // A server that is about to start is waited for.
    let port = address.port().to_string();
    let mut run = world.run(&["--set", "timeout=60s", "--set", "duration=500ms"]);
    let run = run.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let bind = format!("127.0.0.1:{port}");
    let mut server = wsbench(&["serve", "--bind", &bind]).stdout(Stdio::null()).spawn();
    let output = wait(run, Duration::from_secs(90));
    let text = said(&output);
    assert!(text.contains("verdict: ") && !text.contains("the connection was refused"), "{text}");
    if let Ok(server) = &mut server {
        server.kill().and_then(|()| server.wait()).expect("it runs");
    }
}

#[test]
fn a_server_that_runs_already_is_measured_and_what_it_hides_is_absent() {
    let mut server = wsbench(&["serve", "--bind", "127.0.0.1:0", "--rate", "5/s"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(server.stdout.take().expect("it was piped")).lines();
    let first = lines.next().expect("it says where it listens").expect("in text");
    let url = first.rsplit(' ').next().expect("a URL at the end").to_owned();
    let small = SMALL.replace("\"polling\"", "\"polling\"\nrequest_head = \"chapter\"");
    let world = World::new(&format!("{small}\n[server]\nurl = \"{url}\"\n"));
    let output = finish(&mut world.run(&[]));
    signal(server.id(), "TERM");
    let drained = wait(server, Duration::from_secs(20));
    assert!(drained.status.success(), "{}", said(&drained));
    expect_ran(&world, &output);
    let rows = world.csv("summary.csv");
    let polling = row(&rows, "polling");
    // The listing with the server's name in place of localhost:8080, and without Accept-Encoding.
    let authority = url.trim_start_matches("http://").len();
    let listing = 909 - "Accept-Encoding: gzip,deflate\r\n".len() - "localhost:8080".len();
    assert_eq!(number(polling, "overhead_bytes_per_message"), (listing + authority) as f64);
    assert_eq!(polling["server_cpu_us_per_message"], "");
    assert_eq!(polling["server_resident_bytes_per_client"], "");
    let rows = world.summary()["rows"].clone();
    for row in rows.as_array().expect("rows") {
        for metric in ["server_cpu_us_per_message", "server_resident_bytes_per_client"] {
            assert!(row["absent"][metric].is_string(), "{metric}: {row}");
        }
    }
}

#[test]
fn the_run_refuses_what_the_machine_cannot_hold_before_it_opens_a_socket() {
    let world = World::new(&SMALL.replace("[40]", "[1000]"));
    let run = world.run(&[]);
    let mut limited = crate::support::command("sh");
    limited.arg("-c").arg("ulimit -n 260; exec \"$@\"").arg("sh");
    limited.arg(run.get_program()).args(run.get_args());
    let output = finish(&mut limited);
    expect_code(&output, 1);
    assert!(!world.path("out").exists());
    assert!(String::from_utf8_lossy(&output.stderr).contains("open files"), "{}", said(&output));
}

#[test]
fn a_full_output_is_noticed() {
    let world = World::new(SMALL);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("there is /dev/full");
    let mut plan = wsbench(&["plan"]);
    let output = wait(
        plan.arg(world.path("scenario.toml")).stdout(full).stderr(Stdio::piped()).spawn().unwrap(),
        Duration::from_secs(20),
    );
    expect_code(&output, 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
    world.write("file", "not a folder");
    let mut run = wsbench(&["run"]);
    run.arg(world.path("scenario.toml")).arg("--out").arg(world.path("file/out"));
    let output = finish(&mut run);
    expect_code(&output, 1);
    assert!(said(&output).contains("cannot create"), "{}", said(&output));
}

#[test]
fn a_full_disk_is_noticed_before_the_run() {
    let world = World::new(SMALL);
    let disk = world.path("disk");
    std::fs::create_dir(&disk).expect("a folder can be made");
    let run = {
        let mut run = wsbench(&["run"]);
        run.arg(world.path("scenario.toml")).arg("--out").arg(disk.join("out"));
        run
    };
    // A mount namespace of its own, so that the disk goes with the test.
    let mut small = crate::support::command("unshare");
    small.arg("-m").arg("sh").arg("-c");
    small.arg("mount -t tmpfs -o size=64k none \"$0\" || exit 77; exec \"$@\"").arg(&disk);
    small.arg(run.get_program()).args(run.get_args());
    let output = match small.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => wait(child, Duration::from_secs(60)),
        Err(error) => return eprintln!("skipped: unshare cannot be run: {error}"),
    };
    if output.status.code() == Some(77) || said(&output).contains("unshare failed") {
        return eprintln!("skipped: no small disk can be mounted here: {}", said(&output));
    }
    expect_code(&output, 1);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("free and a run may need") || text.contains("cannot write"), "{text}");
    assert!(!text.contains("[1/"), "the run began: {text}");
}

#[test]
fn hidden_subcommands_started_by_hand_say_so() {
    for name in ["worker", "server"] {
        let output = finish(&mut wsbench(&[name]));
        expect_code(&output, 2);
        assert!(said(&output).contains("started by `wsbench run`"), "{}", said(&output));
    }
}

//! Each injected fault of the reference server shows in its own figure, at its size: the real binary
//! as a server, and a run against it.
//!
//! Counts and bytes are compared exactly; times, CPU and memory only as far as a loaded machine
//! allows.

use crate::support::{Row, World, expect_code, finish, number, said, wait, wsbench};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

const CLIENTS: f64 = 10.0;

/// Ten clients for a second, ten updates a second each.
const BASE: &str = r#"
name = "faults"
clients = [10]
warmup = "200ms"
driver_lateness = "1s"
duration = "1s"
cooldown = "200ms"
timeout = "10s"
drain = "5s"
"#;

/// The series by name.
const SERIES: [(&str, &str); 5] = [
    ("polling", "[[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n"),
    ("long-polling", "[[series]]\ntransport = \"long-polling\"\n"),
    ("streaming", "[[series]]\ntransport = \"streaming\"\n"),
    ("sse", "[[series]]\ntransport = \"sse\"\n"),
    ("websocket", "[[series]]\ntransport = \"websocket\"\n"),
];

const SNAPSHOT: &str = "[feed]\nrate = \"10/s\"\n";
const LOG: &str = "[feed]\nrate = \"10/s\"\nsemantics = \"log\"\n";

/// `wsbench serve` with faults, on a port of its own.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(world: &World, faults: &[&str]) -> Server {
        let mut serve = wsbench(&["serve", "--bind", "127.0.0.1:0"]);
        serve.arg("--scenario").arg(world.path("scenario.toml"));
        faults.iter().for_each(|fault| _ = serve.args(["--fault", fault]));
        let mut child =
            serve.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the server starts");
        let out = child.stdout.as_mut().expect("it was piped");
        let mut first = String::new();
        // A byte at a time: the rest is read at the end.
        BufReader::with_capacity(1, out).read_line(&mut first).expect("it says where it listens");
        match first.trim().split_once("http://") {
            Some((_, address)) => Server { url: format!("http://{address}"), child },
            None => panic!("{}", said(&wait(child, Duration::from_secs(10)))),
        }
    }
    /// CPU time that the process has used, in seconds, and its anonymous memory, in bytes.
    fn cost(&self) -> (f64, f64) {
        let read = |name: &str| {
            let path = format!("/proc/{}/{name}", self.child.id());
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
        };
        let stat = read("stat");
        // The second field may hold blanks; after it the third is the first (proc_pid_stat(5)).
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split(' ').collect();
        let ticks: f64 =
            [fields[12], fields[13]].map(|n| n.parse::<f64>().expect("ticks")).iter().sum();
        let status = read("status");
        let anon = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let anon = anon.and_then(|text| text.trim().strip_suffix(" kB")).expect("RssAnon");
        let kib: f64 = anon.trim().parse().expect("a number");
        (ticks / 100.0, kib * 1024.0)
    }
    /// Ends it and returns its output.
    fn end(self) -> Output {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        let output = wait(self.child, Duration::from_secs(30));
        assert!(output.status.success(), "{}", said(&output));
        output
    }
}

/// A run against a server of its own, and both outputs.
struct Seen {
    world: World,
    rows: Vec<Row>,
    output: Output,
    /// CPU seconds of the server during the run, and its memory after it.
    cost: (f64, f64),
    server: Output,
}

impl Seen {
    /// Runs a scenario against a server with these faults.
    fn of(scenario: &str, faults: &[&str]) -> Seen {
        let world = World::new(scenario);
        let server = Server::start(&world, faults);
        let before = server.cost().0;
        let url = format!("server.url=\"{}\"", server.url);
        let output = finish(&mut world.run(&["--reports", "csv,json", "--set", &url]));
        let (cpu_s, anon) = server.cost();
        let server = server.end();
        let code = output.status.code();
        assert!(code == Some(0) || code == Some(96), "{}", said(&output));
        let rows =
            world.csv("summary.csv").into_iter().filter(|r| r["series"] != "floor").collect();
        Seen { world, rows, output, cost: (cpu_s - before, anon), server }
    }
    fn row(&self, series: &str) -> &Row {
        let found = self.rows.iter().find(|row| row["series"] == series);
        found.unwrap_or_else(|| panic!("no row of {series}"))
    }
    /// Bytes of heads from the server while clients were set up.
    fn set_up_heads(&self, series: &str) -> f64 {
        let rows = self.world.csv("bytes.csv");
        let row = rows.iter().find(|row| {
            let is = |column: &str, value: &str| row[column] == value;
            is("series", series)
                && is("phase", "setup")
                && is("direction", "down")
                && is("layer", "heads_bytes")
        });
        number(row.unwrap_or_else(|| panic!("no set-up of {series}")), "total")
    }
    /// The verdict's reason for a series; empty if there is none.
    fn reason(&self, series: &str) -> String {
        let summary = self.world.summary();
        let reasons = summary["verdict"]["reasons"].as_array().cloned().unwrap_or_default();
        let own = |text: &&str| text.starts_with(&format!("{series} at "));
        reasons.iter().filter_map(|reason| reason.as_str()).find(own).unwrap_or("").to_owned()
    }
}

/// A run of each series, all at once: each waits most of its time.
struct SeenAll(Vec<(&'static str, Seen)>);

impl SeenAll {
    fn of(base: &str, faults: &[&str]) -> SeenAll {
        std::thread::scope(|scope| {
            let run = |(name, series): (&'static str, &str)| {
                let scenario = format!("{base}{series}");
                (name, scope.spawn(move || Seen::of(&scenario, faults)))
            };
            let runs = SERIES.map(run);
            SeenAll(runs.map(|(name, run)| (name, run.join().expect("a run that ends"))).into())
        })
    }
    fn run(&self, series: &str) -> &Seen {
        let found = self.0.iter().find(|(name, _)| *name == series);
        &found.unwrap_or_else(|| panic!("no run of {series}")).1
    }
    fn row(&self, series: &str) -> &Row {
        self.run(series).row(series)
    }
}

/// Runs against the server without a fault.
static SOUND: LazyLock<SeenAll> = LazyLock::new(|| {
    let sound = SeenAll::of(&format!("{BASE}{SNAPSHOT}"), &[]);
    for (_, seen) in &sound.0 {
        assert!(seen.server.stderr.is_empty(), "{}", said(&seen.server));
    }
    sound
});

fn names() -> [&'static str; 5] {
    SERIES.map(|(name, _)| name)
}

#[test]
fn longer_heads_show_in_the_bytes_of_every_head() {
    let faulty = SeenAll::of(&format!("{BASE}{SNAPSHOT}"), &["header=64B"]);
    for series in names() {
        let server = &faulty.run(series).server;
        let text = String::from_utf8_lossy(&server.stderr);
        let announced = text.contains("faulty on purpose: every response head is 64 B longer");
        assert!(announced, "{}", said(server));
        let sound = SOUND.row(series);
        let long = faulty.row(series);
        let more = |column: &str| number(long, column) - number(sound, column);
        let asks = series.ends_with("polling");
        // Those that ask get a head with each message, the others one with their connection.
        let each = if asks { 64.0 } else { 0.0 };
        for column in ["wire_bytes_down_per_message", "overhead_bytes_per_message"] {
            assert_eq!(more(column), each, "{series}: {column}");
        }
        assert_eq!(more("wire_bytes_up_per_message"), 0.0, "{series}");
        if series != "long-polling" {
            let set_up =
                faulty.run(series).set_up_heads(series) - SOUND.run(series).set_up_heads(series);
            assert_eq!(set_up, 64.0 * CLIENTS, "{series}");
        }
    }
}

#[test]
fn dropped_updates_are_gaps_in_the_numbers_and_fail_the_run() {
    let base = format!("{BASE}{LOG}").replace("duration = \"1s\"", "duration = \"2s\"");
    let sound = SeenAll::of(&base, &[]);
    let faulty = SeenAll::of(&base, &["drop=1/10"]);
    for series in names() {
        let sound = sound.run(series);
        let faulty = faulty.run(series);
        let of = |seen: &Seen, column: &str| number(seen.row(series), column);
        for column in ["lost", "updates_missing", "updates_superseded"] {
            assert_eq!(of(sound, column), 0.0, "{series}: {column}");
        }
        assert!(!sound.reason(series).contains("never came"), "{}", said(&sound.output));
        let published = of(faulty, "updates_published");
        let missing = of(faulty, "updates_missing");
        assert_eq!(published, of(faulty, "updates_delivered") + missing, "{series}");
        assert_eq!(missing, of(faulty, "lost"), "{series}");
        // Of each ten one, wherever the window cuts them.
        assert!(published > 50.0, "{series}: {published}");
        let least = (published / 10.0 - 2.0 * CLIENTS).max(1.0);
        assert!((least..=published / 5.0 + 2.0).contains(&missing), "{series}: {missing}");
        let reason = faulty.reason(series);
        assert!(reason.contains("the numbers have gaps"), "{series}: {reason}");
        expect_code(&faulty.output, 96);
        let text = String::from_utf8_lossy(&faulty.server.stdout);
        let dropped = text.lines().find_map(|line| line.strip_prefix("dropped"));
        let dropped: f64 =
            dropped.and_then(|n| n.trim().replace(',', "").parse().ok()).expect("drops");
        assert!(dropped >= missing, "{series}: {dropped} and {missing}");
        assert!(!String::from_utf8_lossy(&sound.server.stdout).contains("dropped"));
    }
}

#[test]
fn updates_dropped_from_a_broadcast_or_a_conflating_feed_are_counted() {
    let feed = "[feed]\nworkload = \"broadcast\"\nrate = \"20/s\"\n";
    let series = "[[series]]\ntransport = \"websocket\"\n[[series]]\ntransport = \"sse\"\n";
    let held = format!("{BASE}{SNAPSHOT}[[series]]\ntransport = \"long-polling\"\n");
    let shared = format!("{BASE}{feed}{series}");
    let (faulty, conflating) = std::thread::scope(|scope| {
        let shared = scope.spawn(|| Seen::of(&shared, &["drop=20%"]));
        let held = Seen::of(&held, &["drop=20%"]);
        (shared.join().expect("a run that ends"), held)
    });
    expect_code(&faulty.output, 96);
    for series in ["websocket", "sse"] {
        let missing = number(faulty.row(series), "updates_missing");
        assert!(missing > 0.0, "{series}");
        assert_eq!(
            number(faulty.row(series), "updates_published"),
            number(faulty.row(series), "updates_delivered") + missing
        );
        let reason = faulty.reason(series);
        assert!(reason.contains("never came before the end"), "{series}: {reason}");
    }
    // In a conflating feed, a dropped update counts as superseded.
    let row = conflating.row("long-polling");
    assert_eq!((number(row, "lost"), number(row, "updates_missing")), (0.0, 0.0));
    assert!(number(row, "updates_superseded") > 0.0, "{row:?}");
}

/// A bound in microseconds as a histogram of three digits shows it.
fn shown(us: f64) -> f64 {
    us * 0.999
}

#[test]
fn a_delay_is_in_every_latency_and_changes_no_order() {
    let feed = "[feed]\nworkload = \"echo\"\nrate = \"20/s\"\n";
    let series = "[[series]]\ntransport = \"polling\"\ninterval = \"50ms\"\n\
                  [[series]]\ntransport = \"websocket\"\n";
    let (faulty, echo) = std::thread::scope(|scope| {
        let echo = scope.spawn(|| Seen::of(&format!("{BASE}{feed}{series}"), &["delay=30ms"]));
        let all = SeenAll::of(&format!("{BASE}{SNAPSHOT}"), &["delay=30ms"]);
        (all, echo.join().expect("a run that ends"))
    });
    for series in names() {
        let asks = series == "polling";
        let column = if asks { "response_latency_us_min" } else { "delivery_latency_us_min" };
        let (sound, late) = (number(SOUND.row(series), column), number(faulty.row(series), column));
        assert!(late >= shown(30_000.0), "{series}: {late}");
        assert!(sound < shown(30_000.0), "{series}: {sound}");
        for count in ["lost", "updates_missing", "updates_reordered", "faults"] {
            assert_eq!(number(faulty.row(series), count), 0.0, "{series}: {count}");
        }
        // Only times differ, and no byte.
        for column in ["wire_bytes_down_per_message", "wire_bytes_up_per_message"] {
            let of = |seen: &SeenAll| number(seen.row(series), column);
            assert_eq!(of(&faulty), of(&SOUND), "{series}: {column}");
        }
    }
    for series in ["polling", "websocket"] {
        let row = echo.row(series);
        assert!(number(row, "response_latency_us_min") >= shown(30_000.0), "{row:?}");
        assert!(number(row, "completed") > 0.0);
        assert_eq!((number(row, "faults"), number(row, "updates_missing")), (0.0, 0.0));
    }
}

#[test]
fn burnt_cpu_and_leaked_memory_are_seen_from_outside() {
    const CPU_S: f64 = 0.002;
    const LEAK: f64 = 262_144.0;
    let faulty = SeenAll::of(&format!("{BASE}{SNAPSHOT}"), &["cpu=2ms", "leak=256KiB"]);
    let cost = |seen: &Seen| (number(&seen.rows[0], "completed"), seen.cost.0, seen.cost.1);
    for (series, seen) in &faulty.0 {
        let (messages, cpu_s, anon) = cost(seen);
        assert!(messages >= 10.0, "{series}: {messages}");
        // The kernel counts hundredths of a second, before and after.
        assert!(cpu_s >= messages * CPU_S - 0.02, "{series}: {cpu_s} s for {messages} messages");
        assert!(anon >= messages * LEAK, "{series}: {anon} B for {messages} messages");
    }
    // The sound servers have used less, all five together.
    let sound: Vec<(f64, f64, f64)> = SOUND.0.iter().map(|(_, seen)| cost(seen)).collect();
    let messages: f64 = sound.iter().map(|(messages, ..)| messages).sum();
    let cpu_s: f64 = sound.iter().map(|(_, cpu_s, _)| cpu_s).sum();
    let anon: f64 = sound.iter().map(|(.., anon)| anon).sum();
    assert!(cpu_s < messages * CPU_S, "{cpu_s} s for {messages} messages");
    assert!(anon < messages * LEAK, "{anon} B for {messages} messages");
}

#[test]
fn a_stall_is_in_the_longest_latency() {
    // Of a log all are sent that became due meanwhile, and not the latest alone.
    let faulty = SeenAll::of(&format!("{BASE}{LOG}"), &["stall=400ms/900ms"]);
    for series in names() {
        let asks = series == "polling";
        let column = if asks { "response_latency_us_max" } else { "delivery_latency_us_max" };
        let longest = number(faulty.row(series), column);
        // A hundred messages a second: one is due soon after it begins.
        assert!(longest >= 250_000.0, "{series}: {longest}");
    }
}

#[test]
fn faults_are_refused_with_what_would_be_right() {
    let world = World::new(&format!(
        "{BASE}[feed]\nworkload = \"echo\"\nrate = \"1/s\"\n[[series]]\ntransport = \"websocket\"\n"
    ));
    let polls = World::new(&format!(
        "{BASE}{SNAPSHOT}[[series]]\ntransport = \"polling\"\ninterval = \"1s\"\n"
    ));
    let scenario = |world: &World| world.path("scenario.toml").to_string_lossy().into_owned();
    for (arguments, wanted) in [
        (vec!["--fault", "dely=5ms"], "did you mean \"delay\"?"),
        (vec!["--fault", "cpu=5"], "has no unit"),
        (vec!["--fault", "header=0B"], "must be at least 1B"),
        (vec!["--fault", "cpu=5ms", "--fault", "cpu=6ms"], "the fault cpu is given twice"),
        (vec!["--fault", "drop=1%", "--scenario", &scenario(&world)], "each message is answered"),
        (vec!["--fault", "drop=1%", "--scenario", &scenario(&polls)], "with the latest update"),
    ] {
        let mut serve = wsbench(&["serve", "--bind", "127.0.0.1:0"]);
        let output = finish(serve.args(&arguments));
        expect_code(&output, 2);
        assert!(said(&output).contains(wanted), "{arguments:?}: {}", said(&output));
    }
}

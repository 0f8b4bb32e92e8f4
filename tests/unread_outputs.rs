//! Outputs that keep their writer waiting: pipes that nobody reads. A signal ends the wait, and the
//! run's own files are whole.

use crate::support::{World, at_once, command, expect_code, finish, said, wait, wsbench};
use std::fs::{self, File};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const TINY: &str = "clients = [5]\nwarmup = \"100ms\"\nduration = \"500ms\"\n\
                    driver_lateness = \"1s\"\n[feed]\nrate = \"10/s\"\n\
                    [[series]]\ntransport = \"websocket\"\n";
/// What is said after a second.
const WAITING: &str = "waiting until somebody reads";
const LIMIT: Duration = Duration::from_secs(120);

fn compat(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v1").join(name)
}

fn make_pipe(path: &Path) {
    expect_code(&finish(command("mkfifo").arg(path)), 0);
}

fn gate() -> Command {
    let mut gate = wsbench(&["gate", "--any-machine"]);
    gate.arg(compat("ci/result.jsonl")).arg("--baseline").arg(compat("baseline.json"));
    gate
}

/// Starts a command whose standard error goes to a file.
fn start(world: &World, command: &mut Command) -> Child {
    let errors = File::create(world.path("errors")).expect("a file");
    command.stdout(Stdio::piped()).stderr(errors).spawn().expect("it starts")
}

/// Waits until something is so that a process does.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn errors(world: &World) -> String {
    fs::read_to_string(world.path("errors")).expect("it was created")
}

fn signal(process: u32, name: &str) {
    let mut kill = command("kill");
    expect_code(&finish(kill.arg(format!("-{name}")).arg(process.to_string())), 0);
}

/// Its end, with what it wrote to standard error.
fn end(world: &World, child: Child) -> Output {
    let output = wait(child, LIMIT);
    Output { stderr: errors(world).into_bytes(), ..output }
}

/// Starts a command, and sends it a signal once it says that it waits for a reader.
fn signalled(world: &World, command: &mut Command, name: &str) -> Output {
    let child = start(world, command);
    until("it waits", || errors(world).contains(WAITING));
    signal(child.id(), name);
    end(world, child)
}

fn expect_ended_by(output: &Output, name: &str, code: i32) {
    expect_code(output, code);
    let said = said(output);
    let ended = format!("nobody reads it, and {name} ended the wait");
    assert_eq!(said.matches(&ended).count(), 1, "{said}");
}

#[test]
fn a_signal_ends_the_wait_for_the_reader_of_any_output() {
    type Start = fn(&World, &Path) -> Command;
    let cases: [(&str, Start); 5] = [
        ("--junit", |_, pipe| {
            let mut gate = gate();
            gate.arg("--junit").arg(pipe);
            gate
        }),
        ("the job's summary", |_, pipe| {
            let mut gate = gate();
            gate.env("GITHUB_STEP_SUMMARY", pipe);
            gate
        }),
        ("a failure", |_, pipe| {
            let mut gate = wsbench(&["gate", "no-file", "--baseline", "no-file"]);
            gate.arg("--junit").arg(pipe);
            gate
        }),
        ("a history", |_, pipe| {
            let mut add = wsbench(&["history", "add"]);
            add.arg(compat("ci/result.jsonl")).arg("--file").arg(pipe);
            add
        }),
        ("a report", |world, pipe| {
            let mut report = wsbench(&["report", "--reports", "text"]);
            report.arg(compat("ci/result.jsonl")).arg("--out").arg(world.path(""));
            fs::rename(pipe, world.path("summary.txt")).expect("it is there");
            report
        }),
    ];
    at_once(cases, |(what, command)| {
        let world = World::new("");
        let pipe = world.path("pipe");
        make_pipe(&pipe);
        let output = signalled(&world, &mut command(&world, &pipe), "INT");
        println!("{what}: {}", said(&output));
        // A failure keeps its own exit code.
        expect_ended_by(&output, "SIGINT", if what == "a failure" { 1 } else { 130 });
    });
}

#[test]
fn a_run_says_that_it_replaces_an_earlier_result() {
    let world = World::new(TINY);
    let replaces = "out has an earlier result, which this run replaces";
    for is_second in [false, true] {
        let mut command = wsbench(&["run", "--reports", "none"]);
        command.arg(world.path("scenario.toml")).arg("--out").arg(world.path("out"));
        let output = finish(&mut command);
        assert!(world.path("out/result.jsonl").exists(), "{}", said(&output));
        assert_eq!(said(&output).contains(replaces), is_second, "{}", said(&output));
    }
}

#[test]
fn what_cannot_be_written_is_reported_once() {
    let output = finish(gate().args(["--junit", "/dev/full"]));
    expect_code(&output, 1);
    assert_eq!(said(&output).matches("cannot write /dev/full").count(), 1, "{}", said(&output));
    // A failure that has nothing to do with it has both.
    let mut failing =
        wsbench(&["gate", "no-file", "--baseline", "no-file", "--junit", "/dev/full"]);
    let output = finish(failing.env("GITHUB_STEP_SUMMARY", "/dev/full"));
    let said = said(&output);
    for what in ["no-file", "cannot write /dev/full", "summary to /dev/full"] {
        assert_eq!(said.matches(what).count(), 1, "{what}: {said}");
    }
}

#[test]
fn a_signal_ends_the_wait_for_whoever_reads_standard_output() {
    let world = World::new("");
    // More than a pipe takes.
    let output = signalled(&world, &mut wsbench(&["schema"]), "TERM");
    expect_ended_by(&output, "SIGTERM", 143);
    assert!(!output.stdout.is_empty());
}

#[test]
fn a_run_whose_outputs_nobody_reads_is_whole() {
    for option in ["--junit", "--save-baseline"] {
        let world = World::new(TINY);
        let pipe = world.path("pipe");
        make_pipe(&pipe);
        let output = signalled(&world, world.run(&[option]).arg(&pipe), "TERM");
        expect_ended_by(&output, "SIGTERM", 143);
        for file in ["result.jsonl", "summary.txt", "summary.json", "summary.csv", "overhead.png"] {
            assert!(world.path("out").join(file).exists(), "{file}: {}", said(&output));
        }
        let kind = fs::symlink_metadata(&pipe).expect("it is there").file_type();
        assert!(kind.is_fifo());
    }
}

#[test]
fn a_pipe_gets_more_than_it_holds() {
    let world = World::new("");
    let pipe = world.path("pipe");
    make_pipe(&pipe);
    let mut report = wsbench(&["report", "--reports", "csv"]);
    report.arg(compat("ci/result.jsonl")).arg("--out").arg(world.path("out"));
    expect_code(&finish(&mut report), 0);
    let whole = fs::read(world.path("out/timeseries.csv")).expect("it is there");
    let out = world.path("again");
    fs::create_dir(&out).expect("a folder");
    fs::rename(&pipe, out.join("timeseries.csv")).expect("it is there");
    let mut report = wsbench(&["report", "--reports", "csv"]);
    report.arg(compat("ci/result.jsonl")).arg("--out").arg(&out);
    let child = start(&world, &mut report);
    until("it waits", || errors(&world).contains(WAITING));
    assert_eq!(fs::read(out.join("timeseries.csv")).expect("somebody writes"), whole);
    expect_code(&end(&world, child), 0);
}

#[test]
fn a_folder_in_place_of_junit_xml_is_refused_before_the_work() {
    let world = World::new(TINY);
    let mut commands = [world.run(&[]), gate(), wsbench(&["report", "no-file"])];
    for command in &mut commands {
        let output = finish(command.arg("--junit").arg(world.path("")));
        expect_code(&output, 2);
        let said = said(&output);
        assert_eq!(said.matches("is a folder: name a file in it").count(), 1, "{said}");
    }
    assert!(!world.path("out").exists());
}

#[test]
fn a_pipe_in_place_of_the_result_is_refused_before_the_run() {
    for name in ["result.jsonl", "server.log"] {
        let world = World::new(TINY);
        fs::create_dir(world.path("out")).expect("a folder");
        make_pipe(&world.path("out").join(name));
        let output = finish(&mut world.run(&[]));
        expect_code(&output, 2);
        assert!(said(&output).contains("is no regular file"), "{}", said(&output));
    }
}

/// The process that draws the pictures of a run, once it is there.
fn drawing(run: u32) -> u32 {
    let of_run = |process: &u32| {
        let read = |file: &str| fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        parent == Some(run.to_string().as_str())
            && read("cmdline").split(|byte| *byte == 0).any(|word| word == b"draw")
    };
    let mut found = None;
    until("it draws", || {
        let processes = fs::read_dir("/proc").expect("a system with /proc").flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        found = { numbers }.find(of_run);
        found.is_some()
    });
    found.expect("it was found")
}

/// The pictures take for ever, since one is a pipe that nobody reads, and then their process is
/// stopped.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_a_run_whose_pictures_are_not_drawn() {
    // While they are drawn, and before.
    at_once([false, true], |before| {
        let duration = if before { "duration = \"60s\"" } else { "duration = \"500ms\"" };
        let world = World::new(&TINY.replace("duration = \"500ms\"", duration));
        fs::create_dir(world.path("out")).expect("a folder");
        make_pipe(&world.path("out/overhead.png"));
        let child = start(&world, &mut world.run(&[]));
        if before {
            // Something is measured.
            let result = || fs::read_to_string(world.path("out/result.jsonl")).unwrap_or_default();
            until("it measures", || result().contains("{\"second\":"));
            signal(child.id(), "INT");
        }
        signal(drawing(child.id()), "STOP");
        if !before {
            signal(child.id(), "INT");
        }
        let output = end(&world, child);
        expect_code(&output, 130);
        let said = said(&output);
        assert!(said.contains("the pictures were not drawn: SIGINT came"), "{said}");
        let names = fs::read_dir(world.path("out")).expect("it is there").flatten();
        let names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{names:?}");
        for file in ["result.jsonl", "summary.txt", "summary.json", "summary.csv"] {
            assert!(names.iter().any(|name| name == file), "{file}: {said}");
        }
    });
}

//! No output ends a run: closed and full ones, files that are no regular files, pictures for which
//! there is no memory. And no list or text of a scenario is too long for an answer.

use crate::support::{World, at_once, command, expect_code, expect_ran, finish, said, wsbench};
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const TINY: &str = "clients = [5]\nwarmup = \"100ms\"\nduration = \"500ms\"\n\
                    [feed]\nrate = \"10/s\"\n[[series]]\ntransport = \"websocket\"\n";

fn compat(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v1").join(name)
}

/// Judges a result of an earlier version, which takes no run, and writes JUnit XML.
fn junit_to(path: &Path) -> Command {
    let mut gate = wsbench(&["gate", "--any-machine"]);
    gate.arg(compat("ci/result.jsonl")).arg("--baseline").arg(compat("baseline.json"));
    gate.arg("--junit").arg(path);
    gate
}

#[test]
fn a_reader_that_is_gone_and_a_full_error_output_end_no_run() {
    for redirected in ["2>&1 | head -n 1", "2>/dev/full", "2>&-", ">&- 2>&-"] {
        let world = World::new(TINY);
        let run = world.run(&[]);
        let mut shell = command("sh");
        let script = format!("(\"$@\"; echo $? >\"$0\") {redirected}");
        shell.arg("-c").arg(script).arg(world.path("code"));
        shell.arg(run.get_program()).args(run.get_args());
        let mut output = finish(&mut shell);
        let code = fs::read_to_string(world.path("code")).unwrap_or_default();
        // The run's own, not the shell's.
        let code: i32 = code.trim().parse().unwrap_or_else(|_| panic!("{code}{}", said(&output)));
        output.status = std::os::unix::process::ExitStatusExt::from_raw(code << 8);
        expect_ran(&world, &output);
        assert!(world.path("out/overhead.png").exists(), "{redirected}");
    }
}

/// By default the system ends a program whose file becomes too large (SIGXFSZ).
#[test]
fn a_file_that_reaches_the_limit_of_its_size_is_an_error_and_ends_no_program() {
    let world = World::new(TINY);
    let run = world.run(&[]);
    let mut shell = command("sh");
    shell.arg("-c").arg("ulimit -f 8 && \"$0\" \"$@\"");
    let output = finish(shell.arg(run.get_program()).args(run.get_args()));
    expect_code(&output, 1);
    let text = said(&output);
    assert!(text.contains("cannot write") && !text.contains("[1/"), "{text}");
}

#[test]
fn a_report_that_cannot_be_written_leaves_the_result_and_says_how_to_go_on() {
    let world = World::new(TINY);
    fs::create_dir_all(world.path("out/summary.json")).expect("a folder");
    let output = finish(&mut world.run(&["--reports", "json"]));
    expect_code(&output, 1);
    let text = said(&output);
    let out = world.path("out");
    let remedy = format!(
        "the result is whole, in {}: `wsbench report {} --out FOLDER` writes all reports into another folder",
        out.join("result.jsonl").display(),
        out.display()
    );
    assert!(text.contains("cannot write") && text.contains(&remedy), "{text}");
    let mut again = wsbench(&["report", "--reports", "json", "--out"]);
    let again = finish(again.arg(world.path("other")).arg(&out));
    assert!(world.path("other/summary.json").is_file(), "{}", said(&again));
}

/// Help is an answer like any other: an error if it cannot be written, and none if its reader is gone.
#[test]
fn help_that_cannot_be_written_is_an_error() {
    let full = || fs::File::options().write(true).open("/dev/full").expect("there is one");
    for asked in [
        &["help"][..],
        &["--help"],
        &["-h"],
        &["--version"],
        &["help", "run"],
        &["run", "--help"],
        &["completions", "bash"],
        &["man"],
        &["schema"],
    ] {
        let child = wsbench(asked).stdout(full()).stderr(std::process::Stdio::piped()).spawn();
        let output = child.and_then(std::process::Child::wait_with_output).expect("it starts");
        expect_code(&output, 1);
        let text = said(&output);
        assert!(
            text.contains("cannot write to standard output: No space left"),
            "{asked:?}: {text}"
        );
        let (reader, writer) = std::io::pipe().expect("there is a pipe");
        drop(reader);
        let child = wsbench(asked).stdout(writer).stderr(std::process::Stdio::piped()).spawn();
        let output = child.and_then(std::process::Child::wait_with_output).expect("it starts");
        expect_code(&output, 0);
    }
}

#[test]
fn a_link_is_written_through_and_stays_a_link() {
    let world = World::new("");
    world.write("target.xml", "old");
    symlink("target.xml", world.path("link.xml")).expect("a link");
    expect_code(&finish(&mut junit_to(&world.path("link.xml"))), 0);
    assert!(fs::symlink_metadata(world.path("link.xml")).expect("it is there").is_symlink());
    let written = fs::read_to_string(world.path("target.xml")).expect("it is there");
    assert!(written.starts_with("<?xml") && written.trim_end().ends_with("</testsuites>"));
}

#[test]
fn a_full_device_is_an_error_and_stays_a_device() {
    let world = World::new("");
    // Behind a link, so that this test cannot replace the machine's device.
    symlink("/dev/full", world.path("full")).expect("a link");
    let output = finish(&mut junit_to(&world.path("full")));
    expect_code(&output, 1);
    assert!(said(&output).contains("cannot write"), "{}", said(&output));
    assert!(fs::symlink_metadata(world.path("full")).expect("it is there").is_symlink());
}

#[test]
fn a_pipe_is_written_into_and_stays_a_pipe() {
    let world = World::new("");
    let pipe = world.path("pipe");
    expect_code(&finish(command("mkfifo").arg(&pipe)), 0);
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::read_to_string(pipe).expect("somebody writes"))
    };
    expect_code(&finish(&mut junit_to(&pipe)), 0);
    let kind = fs::symlink_metadata(&pipe).expect("it is there").file_type();
    // Before the reader is waited for: it would wait for ever if the pipe had been replaced.
    assert!(kind.is_fifo());
    assert!(reader.join().expect("it ends").starts_with("<?xml"));
}

#[test]
fn a_regular_file_is_replaced_whole_and_keeps_its_mode() {
    let world = World::new("");
    world.write("report.xml", "old");
    let path = world.path("report.xml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
    fs::hard_link(&path, world.path("before.xml")).expect("a second name");
    expect_code(&finish(&mut junit_to(&path)), 0);
    assert!(fs::read_to_string(&path).expect("it is there").starts_with("<?xml"));
    // The old file is as it was: a reader of it never sees half of the new one.
    assert_eq!(fs::read_to_string(world.path("before.xml")).expect("it is there"), "old");
    let mode = fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

/// A run that saves its baseline at this path.
fn run_with_baseline(world: &World, path: &Path) -> std::process::Output {
    let mut run = world.run(&["--reports", "json", "--set", "driver_lateness=500ms"]);
    finish(run.arg("--save-baseline").arg(path))
}

fn expect_baseline(text: &str) {
    let baseline: serde_json::Value = serde_json::from_str(text).expect("a baseline is JSON");
    assert!(baseline["rows"].as_array().is_some_and(|rows| !rows.is_empty()), "{text}");
}

#[test]
fn a_baseline_is_written_through_a_link_and_it_stays_a_link() {
    let world = World::new(TINY);
    world.write("target.json", "old");
    let link = world.path("link.json");
    symlink("target.json", &link).expect("a link");
    expect_code(&run_with_baseline(&world, &link), 0);
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    expect_baseline(&fs::read_to_string(world.path("target.json")).expect("it is there"));
}

#[test]
fn a_baseline_is_written_into_a_pipe_and_it_stays_a_pipe() {
    let world = World::new(TINY);
    let pipe = world.path("pipe");
    expect_code(&finish(command("mkfifo").arg(&pipe)), 0);
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::read_to_string(pipe).expect("somebody writes"))
    };
    let output = run_with_baseline(&world, &pipe);
    // Before the reader is waited for: it would wait for ever if nobody has opened the pipe.
    let kind = fs::symlink_metadata(&pipe).expect("it is there").file_type();
    assert!(kind.is_fifo());
    expect_code(&output, 0);
    expect_baseline(&reader.join().expect("it ends"));
}

#[test]
fn a_baseline_is_written_into_a_device_and_it_stays_a_device() {
    let world = World::new(TINY);
    // Behind links, so that this test cannot replace the machine's devices.
    let device = |name: &str| {
        let link = world.path(name);
        symlink(Path::new("/dev").join(name), &link).expect("a link");
        link
    };
    expect_code(&run_with_baseline(&world, &device("null")), 0);
    let output = run_with_baseline(&world, &device("full"));
    expect_code(&output, 1);
    assert!(said(&output).contains("cannot write"), "{}", said(&output));
    let remedy = "`wsbench gate --baseline` takes that file as well";
    assert!(said(&output).contains(remedy), "{}", said(&output));
    // The run's own files are whole all the same.
    assert_eq!(world.summary()["rows"].as_array().map(Vec::len), Some(1));
    for name in ["null", "full"] {
        assert!(fs::symlink_metadata(world.path(name)).expect("it is there").is_symlink());
    }
    // The output's own name: what was printed before stays.
    let output = run_with_baseline(&world, Path::new("/dev/stdout"));
    expect_code(&output, 0);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (printed, baseline) = text.split_at(text.find("\n{\n").expect("a document"));
    assert!(printed.contains("verdict: valid"), "{text}");
    expect_baseline(baseline);
}

#[test]
fn a_folder_in_place_of_a_baseline_is_refused_before_the_run() {
    let world = World::new(TINY);
    let output = run_with_baseline(&world, &world.path(""));
    expect_code(&output, 2);
    assert!(said(&output).contains("is a folder: name a file in it"), "{}", said(&output));
    assert!(!world.path("out/result.jsonl").exists());
}

/// A report in a process that may have so many megabytes.
fn report_within(megabytes: u32, out: &Path, reports: &str) -> std::process::Output {
    let report = wsbench(&["report", "--reports", reports]);
    let mut limited = command("sh");
    limited.arg("-c").arg(format!("ulimit -v {}; exec \"$@\"", megabytes * 1024)).arg("sh");
    limited.arg(report.get_program()).args(report.get_args());
    limited.arg(compat("ci/result.jsonl")).arg("--out").arg(out);
    finish(&mut limited)
}

#[test]
fn memory_that_runs_out_for_pictures_takes_nothing_else_and_no_exit_code() {
    // With so much everything but pictures can be made; how much that is depends on the build.
    let sizes = [20, 25, 30, 36, 43, 52, 62, 75, 90, 110, 130, 160, 200, 250, 300];
    let enough = sizes.into_iter().find(|&size| {
        let world = World::new("");
        let output = report_within(size, &world.path("out"), "text,csv,json");
        output.status.code() == Some(0)
    });
    let enough = enough.expect("a report takes less than 300 MB");
    let world = World::new("");
    let output = report_within(enough, &world.path("out"), "text,csv,json,png");
    expect_code(&output, 0);
    let said = said(&output);
    if world.path("out/overhead.png").exists() {
        return eprintln!("skipped: pictures take no more memory than the rest: {said}");
    }
    assert!(said.contains("the pictures were not drawn"), "{said}");
    assert!(said.contains("wsbench report --reports png"), "{said}");
    for file in ["summary.txt", "summary.csv", "timeseries.csv", "summary.json"] {
        assert!(world.path("out").join(file).exists(), "{file}: {said}");
    }
    assert!(said.contains("verdict: valid"), "{said}");
}

/// How much a run takes depends on the build, and what fails first on chance: so each size is tried.
#[test]
fn memory_that_runs_out_in_a_run_is_no_panic() {
    let whole = std::sync::atomic::AtomicU32::new(0);
    at_once([40, 60, 80, 90, 100, 110, 120, 140, 400], |megabytes: u32| {
        let world = World::new(TINY);
        let run = world.run(&["-q"]);
        let mut limited = command("sh");
        limited.arg("-c").arg(format!("ulimit -v {}; exec \"$@\"", megabytes * 1024)).arg("sh");
        limited.arg(run.get_program()).args(run.get_args());
        limited.args(["--set", "driver_lateness=500ms"]);
        let output = finish(&mut limited);
        let said = said(&output);
        assert!(!said.contains("panicked at"), "{megabytes} MB: {said}");
        assert_ne!(output.status.code(), Some(101), "{megabytes} MB: {said}");
        // The reports are written last, and only pictures may be missing.
        if world.path("out/summary.json").exists() {
            assert!(matches!(output.status.code(), Some(0 | 96)), "{megabytes} MB: {said}");
            whole.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    assert!(whole.into_inner() > 0, "a run takes less than 400 MB");
}

fn plan(scenario: &str) -> (Option<i32>, String) {
    let world = World::new(scenario);
    let output = finish(wsbench(&["plan"]).arg(world.path("scenario.toml")));
    (output.status.code(), said(&output))
}

#[test]
fn long_lists_of_a_scenario_have_an_answer() {
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(",");
    let counts = list(&mut (1..=100_000).map(|n| n.to_string()));
    let (code, said) = plan(&format!("clients = [{counts}]\n[[series]]\ntransport = \"sse\"\n"));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cases in all"), "{said}");
    let counts = list(&mut (1..=100_000).map(|_| "7".to_owned()));
    let (code, said) = plan(&format!("clients = [{counts}]\n[[series]]\ntransport = \"sse\"\n"));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("has 7 twice") && said.contains("99999 errors"), "{}", said.len());
    assert!(said.len() < 50_000, "{}", said.len());
    // As many as the largest file holds.
    let series: String = (0..20_000).map(|_| "[[series]]\ntransport = \"sse\"\n").collect();
    for broken in ["", "x = = 1\n"] {
        let (code, said) = plan(&format!("clients = [5]\n{broken}{series}"));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.len() < 50_000, "{}", said.len());
    }
    let limit = |n: u32| format!("[[limit]]\ncondition = \"delivery_latency p(99) < {n}ms\"\n");
    let limits: String = (1..15_000).map(limit).collect();
    let (code, said) = plan(&format!("clients = [5]\n[[series]]\ntransport = \"sse\"\n{limits}"));
    assert_eq!(code, Some(0), "{}", &said[..said.len().min(2_000)]);
}

#[test]
fn long_texts_of_a_scenario_have_an_answer() {
    let long = "a".repeat(100_000);
    let server = "[server]\nurl = \"http://127.0.0.1:9\"\n";
    let (code, said) = plan(&format!(
        "clients = [5]\n{server}paths = {{ sse = \"/{long}\" }}\n[[series]]\ntransport = \"sse\"\n"
    ));
    assert_eq!(code, Some(0), "{}", said.len());
    // No other line is made as wide.
    assert!(said.contains(&long) && said.len() < 110_000, "{}", said.len());
    let (code, said) =
        plan(&format!("clients = [5]\n[[series]]\ntransport = \"sse\"\nlabel = \"{long}\"\n"));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.len() < 5_000 && said.contains("must be at most 64 letters"), "{said}");
    let (code, said) = plan(&format!(
        "clients = [5]\n[[series]]\ntransport = \"sse\"\n[[limit]]\n\
         condition = \"delivery_latency p(99) < 1ms\"\nabout = \"{long}\"\n"
    ));
    assert_eq!(code, Some(0), "{}", said.len());
}

#[test]
fn no_series_has_the_label_of_the_floor() {
    let (code, said) = plan("clients = [5]\n[[series]]\ntransport = \"sse\"\nlabel = \"floor\"\n");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("label \"floor\" is that of the driver's own cost"), "{said}");
}

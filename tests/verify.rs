//! `wsbench verify`: reports say what their rows give, and no changed figure passes.

use crate::support::{World, expect_code, finish, said, wsbench};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const SMALL: &str = "clients = [3, 6]\nwarmup = \"100ms\"\nduration = \"900ms\"\ndriver_lateness = \"1s\"\n\
                     [feed]\nrate = \"20/s\"\n[[series]]\ntransport = \"websocket\"\n\
                     [[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\n\
                     [[limit]]\nmetric = \"wire_bytes_per_message\"\ncondition = \"< 9000B\"\n";
/// How many figures are changed, one at a time.
const CHANGES: usize = 50;

fn verify(path: &Path) -> Output {
    finish(wsbench(&["verify"]).arg(path))
}

/// Places of digits in a text that is shown: what is between two such places is changed too.
fn digits(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let is_figure = |at: &usize| {
        let before = at.checked_sub(1).map_or(b' ', |at| bytes[at]);
        bytes[*at].is_ascii_digit() && !before.is_ascii_alphanumeric()
    };
    (0..bytes.len()).filter(is_figure).collect()
}

/// Returns a text with another digit at a place.
fn changed(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'9' { b'3' } else { bytes[at] + 1 };
    String::from_utf8(bytes).expect("a digit is one byte")
}

/// So many of the places, spread over all of them.
fn spread(places: &[usize], most: usize) -> Vec<usize> {
    let step = (places.len() / most).max(1);
    // Not always the first column.
    places
        .iter()
        .copied()
        .enumerate()
        .filter(|(n, _)| n % step == n / step % step)
        .map(|(_, p)| p)
        .take(most)
        .collect()
}

#[test]
fn every_report_of_a_run_is_what_its_rows_give_and_no_changed_figure_passes() {
    let world = World::new(SMALL);
    let run = finish(world.run(&[]).args(["--reports", "text,csv,json,html"]));
    assert!(matches!(run.status.code(), Some(0 | 99)), "{}", said(&run));
    let out = world.path("out");
    let done = verify(&out);
    expect_code(&done, 0);
    let text = said(&done);
    for expected in [
        "unchanged since they were written",
        "ledger_explains_every_byte: holds in 4 rows",
        "parts add up to the bytes at the socket: in 4 rows",
        "updates add up: in 4 rows",
        "report.html: as the rows give it",
        "summary.csv: as the rows give it",
        ": verified",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // The page alone has its rows in it.
    let page = world.path("else.html");
    fs::copy(out.join("report.html"), &page).expect("a page");
    expect_code(&verify(&page), 0);

    let mut found = 0;
    for (name, share) in [
        ("report.html", 16),
        ("summary.csv", 8),
        ("bytes.csv", 4),
        ("latency.csv", 4),
        ("timeseries.csv", 4),
        ("summary.json", 5),
        ("summary.txt", 4),
        ("result.jsonl", 5),
    ] {
        let folder = world.path("changed");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        fs::copy(out.join("result.jsonl"), folder.join("result.jsonl")).expect("the rows");
        let whole = fs::read_to_string(out.join(name)).expect(name);
        // Of a page, what is shown: its rows have a check of their own.
        let end = whole.find("<script type=").unwrap_or(whole.len());
        let begin = whole.find("<h1>").unwrap_or(0);
        let places: Vec<usize> =
            digits(&whole[begin..end]).into_iter().map(|at| at + begin).collect();
        assert!(places.len() > share, "{name}");
        for at in spread(&places, share) {
            fs::write(folder.join(name), changed(&whole, at)).expect(name);
            let done = verify(&folder);
            let text = said(&done);
            let around = String::from_utf8_lossy(&whole.as_bytes()[at.saturating_sub(30)..]);
            let around: String = around.chars().take(50).collect();
            assert_ne!(done.status.code(), Some(0), "{name}: {around:?}: {text}");
            let named = if name == "result.jsonl" { "result.jsonl" } else { name };
            assert!(text.contains(named) || text.contains("rows:"), "{name}: {around:?}: {text}");
            found += 1;
        }
    }
    assert_eq!(found, CHANGES);
}

#[test]
fn what_has_no_rows_is_named_and_verified_is_never_said_of_it() {
    let world = World::new(SMALL);
    let page = world.path("page.html");
    fs::write(&page, "<p>871 bytes</p>").expect("a page");
    for (path, words) in [
        (page.as_path(), "has no rows in it"),
        (world.path("").as_path(), "has no result in it"),
        (world.path("none.jsonl").as_path(), "cannot open"),
    ] {
        let done = verify(path);
        expect_code(&done, 1);
        let text = said(&done);
        assert!(text.contains(words) && !text.contains("verified"), "{text}");
    }
}

#[test]
fn a_page_of_several_results_verifies_and_no_identity_is_in_it_twice() {
    let world = World::new(SMALL);
    let other = World::new(&SMALL.replace("[3, 6]", "[2]"));
    let run = |world: &World| {
        expect_code(&finish(&mut world.run(&[])), 0);
        world.path("out").join("result.jsonl")
    };
    let rows = [run(&world), run(&other)];
    let page = world.path("both.html");
    expect_code(&finish(wsbench(&["report", "--html"]).arg(&page).args(rows)), 0);
    let done = verify(&page);
    expect_code(&done, 0);
    let text = fs::read_to_string(&page).expect("a page");
    let mut ids: Vec<&str> =
        text.split(" id=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect();
    assert!(ids.len() > 10, "{ids:?}");
    ids.sort_unstable();
    for pair in ids.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
}

/// The committed example is what its page's rows give today. `WSBENCH_DOCS=write` writes it anew from them.
#[test]
fn the_committed_example_is_made_from_its_rows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = root.join("reports/example");
    let page = example.join("report.html");
    let bytes = fs::metadata(&page).expect("the example has a page").len();
    assert!(bytes <= 500_000, "the page has {bytes} B");

    let world = World::new(SMALL);
    let again = world.path("again");
    let report = ["report", page.to_str().expect("UTF-8"), "--out", again.to_str().expect("UTF-8")];
    expect_code(&finish(&mut wsbench(&report)), 0);
    let is_writing = std::env::var_os("WSBENCH_DOCS").is_some_and(|value| value == "write");
    let mut compared = 0;
    for entry in fs::read_dir(&example).expect("a folder") {
        let file = entry.expect("an entry").path();
        let made = again.join(file.file_name().expect("a name"));
        if is_writing {
            fs::copy(&made, &file).expect("the example can be written");
        }
        let is_same = fs::read(&file).expect("a file") == fs::read(&made).expect("made again");
        assert!(
            is_same,
            "{} is old: run WSBENCH_DOCS=write cargo test committed_example",
            file.display()
        );
        compared += 1;
    }
    assert!(compared >= 19, "{compared} files");
    expect_code(&verify(&page), 0);

    let figures = root.join("tests/conformance/figures.py");
    match Command::new("python3").arg(figures).arg(&example).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains(" 0 differ; no formula here: none"), "{said}");
        }
        Err(error) => eprintln!("skipped: python3, which makes its figures again: {error}"),
    }
}

#[test]
fn a_page_without_rows_is_no_result() {
    let world = World::new(SMALL);
    let page = world.path("x.html");
    fs::write(&page, "<p>1</p>").expect("a file");
    // A pipe would be waited for, and a device has no end.
    let device = world.path("device.html");
    std::os::unix::fs::symlink("/dev/zero", &device).expect("a link");
    for command in ["report", "verify"] {
        let output = finish(wsbench(&[command]).arg(&device));
        expect_code(&output, 1);
        assert!(said(&output).contains("device.html is no file"), "{}", said(&output));
        let output = finish(wsbench(&[command]).arg(&page));
        expect_code(&output, 1);
        assert!(said(&output).contains("x.html has no rows in it"), "{}", said(&output));
    }
}

/// The rows of a page are files while it is verified: a signal leaves none of them behind.
#[test]
fn a_signal_leaves_no_rows_of_a_page_behind() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/example/report.html");
    for signal in ["INT", "TERM", "HUP"] {
        let world = World::new(SMALL);
        let temporary = world.path("temporary");
        fs::create_dir(&temporary).expect("a folder");
        let rows = || fs::read_dir(&temporary).expect("a folder").count();
        let mut verify = wsbench(&["verify"]);
        // More pages take longer than a signal.
        verify.args([&page; 20]).env("TMPDIR", &temporary);
        let mut child = verify.stdout(Stdio::null()).spawn().expect("it starts");
        while rows() == 0 {
            assert!(
                child.try_wait().expect("a child").is_none(),
                "it ended before its rows were seen"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        let sent =
            Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(sent.expect("kill starts").success());
        let code = child.wait().expect("a child").code();
        assert_eq!(code, Some(if signal == "INT" { 130 } else { 143 }), "{signal}");
        assert_eq!(rows(), 0, "{signal}");
    }
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_one_that_is_false() {
    let world = World::new(SMALL);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/example/report.html");
    let text = fs::read_to_string(&example).expect("a page");
    let changed = world.path("changed.html");
    fs::write(&changed, text.replacen("data-v=\"1000\"", "data-v=\"1001\"", 1)).expect("a file");
    let output =
        finish(wsbench(&["verify"]).arg(&changed).arg(world.path("none.html")).arg(&example));
    expect_code(&output, 96);
    let text = said(&output);
    assert!(text.contains("changed.html: NOT verified"), "{text}");
    assert!(text.contains("none.html: NOT verified"), "{text}");
    assert!(text.contains("report.html: verified"), "{text}");
}

/// Beside a run's result stand that run's reports: not what was made of several, nor of a page.
#[test]
fn a_report_of_a_page_or_of_several_results_is_written_where_it_is_asked_for() {
    let world = World::new(SMALL);
    let run = world.path("run");
    fs::create_dir(&run).expect("a folder");
    let page = run.join("report.html");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/example/report.html");
    fs::copy(&example, &page).expect("a copy");
    let own = run.join("own");
    let report = |arguments: &[&Path]| finish(wsbench(&["report"]).args(arguments));
    expect_code(&report(&[&page]), 0);
    expect_code(&report(&[&page, Path::new("--html"), &world.path("one.html")]), 0);
    assert_eq!(fs::read_dir(&run).expect("a folder").count(), 1);
    assert!(fs::read(&page).expect("a page") == fs::read(&example).expect("a page"));
    assert!(world.path("one.html").is_file());
    expect_code(&report(&[&page, Path::new("--out"), &own]), 0);
    assert!(fs::read_dir(&own).expect("a folder").count() > 15);
    // A folder with a page and no result is verified by its page, with all that it has.
    fs::remove_file(own.join("summary.txt")).expect("it was written");
    let output = verify(&own);
    expect_code(&output, 0);
    assert!(said(&output).contains("summary.csv: as the rows give it"), "{}", said(&output));
}

//! Help texts, completions, the manual page, and `wsbench init`.

use crate::support::{World, expect_code, finish, said, wait, wsbench};
use std::process::Stdio;
use std::time::Duration;

fn stdout_of(args: &[&str]) -> String {
    let output = finish(&mut wsbench(args));
    expect_code(&output, 0);
    String::from_utf8(output.stdout).expect("help is UTF-8")
}

/// The subcommands that `wsbench --help` lists, `help` left out.
pub fn subcommands() -> Vec<String> {
    let help = stdout_of(&["--help"]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter(|line| !line.starts_with("   ")).filter_map(|line| {
        let name = line.split_whitespace().next()?;
        (name != "help").then(|| name.to_owned())
    });
    names.collect()
}

#[test]
fn every_help_text_fits_80_columns_and_has_an_example() {
    let names = subcommands();
    assert!(names.len() >= 13, "{names:?}");
    let mut calls: Vec<Vec<&str>> = vec![vec!["--help"], vec!["-h"]];
    calls.extend(names.iter().flat_map(|name| [vec![name, "--help"], vec![name, "-h"]]));
    calls.extend(["add", "show", "check"].map(|name| vec!["history", name, "--help"]));
    for call in calls {
        let help = stdout_of(&call);
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{call:?}: {line}");
        }
        // A line of the source that is too long would leave its last word alone on a line.
        let lines: Vec<&str> = help.lines().collect();
        for two in lines.windows(2) {
            let is_text = two.iter().all(|line| line.starts_with(char::is_alphanumeric));
            assert!(!is_text || two[0].chars().count() >= 50, "{call:?}: {two:?}");
        }
        assert!(help.contains("\nExample"), "{call:?} has no example:\n{help}");
    }
}

#[test]
fn options_are_grouped() {
    for (name, headings) in [
        ("run", ["Scenario:", "Output:"]),
        ("gate", ["Judging:", "Output:"]),
        ("compare", ["Pairs of runs:", "Judging:"]),
        ("history check", ["History:", "Judging:"]),
        ("serve", ["Listening:", "Publishing:"]),
    ] {
        let call: Vec<&str> = name.split(' ').chain(["--help"]).collect();
        let help = stdout_of(&call);
        for heading in headings {
            assert!(help.lines().any(|line| line == heading), "{name}: {heading}\n{help}");
        }
    }
}

#[test]
fn refused_arguments_say_what_would_be_taken() {
    let address = ["relay", "--listen", "127.0.0.1:0", "--to", "foo", "--delay", "1ms"];
    let said_of = |args: &[&str]| {
        let output = finish(&mut wsbench(args));
        expect_code(&output, 2);
        said(&output)
    };
    assert!(said_of(&address).contains("such as 127.0.0.1:8080"), "{}", said_of(&address));
    let few = [
        "compare",
        "no.toml",
        "--a",
        "ws://127.0.0.1:9",
        "--b",
        "ws://127.0.0.1:8",
        "--pairs",
        "3",
    ];
    let few = said_of(&few);
    let why =
        "--pairs 3: even 6 pairs (--most-pairs, twice --pairs unless it is given) have a p of";
    assert!(few.contains(why) && few.contains("run at least 8 pairs"), "{few}");
}

#[test]
fn completions_and_manual_pages_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout_of(&["completions", shell]).contains("--save-baseline"), "{shell}");
    }
    assert!(stdout_of(&["man"]).starts_with(".ie"));
    for name in subcommands() {
        let page = stdout_of(&["man", &name]);
        assert!(page.contains(&format!("wsbench\\-{name}")), "{page}");
    }
    for name in ["add", "show", "check"] {
        let page = stdout_of(&["man", "history", name]);
        assert!(page.contains(&format!("wsbench\\-history\\-{name}")), "{page}");
        assert!(page.contains("\\-\\-file"), "{page}");
    }
    expect_code(&finish(&mut wsbench(&["man", "nothing"])), 2);
    let wrong = finish(&mut wsbench(&["man", "history", "nothing"]));
    expect_code(&wrong, 2);
    assert!(said(&wrong).contains("see `wsbench history --help`"), "{}", said(&wrong));
}

#[test]
fn init_says_what_it_wrote_and_a_shipped_scenario_is_found_by_name() {
    let world = World::new("");
    let init = |args: &[&str]| finish(wsbench(&["init"]).args(args).current_dir(world.path("")));
    let output = init(&["first.toml"]);
    expect_code(&output, 0);
    assert!(said(&output).contains("wrote first.toml"), "{}", said(&output));
    assert!(said(&output).contains("wsbench run first.toml"), "{}", said(&output));
    let output = init(&["first.toml"]);
    expect_code(&output, 2);
    assert!(said(&output).contains("exists already"), "{}", said(&output));
    let missing = finish(wsbench(&["run", "scenarios/quick.toml"]).current_dir(world.path("")));
    expect_code(&missing, 2);
    assert!(said(&missing).contains("wsbench init --from quick"), "{}", said(&missing));
    expect_code(&init(&["--from", "quick"]), 0);
    let plan = finish(wsbench(&["plan", "quick.toml"]).current_dir(world.path("")));
    expect_code(&plan, 0);
    expect_code(&init(&["--from", "quack"]), 2);
}

/// Neither a closed nor a full output loses a run or panics.
#[test]
fn outputs_that_cannot_be_written_do_not_end_a_run() {
    let world = World::new(
        "clients = [5]\nwarmup = \"100ms\"\ndriver_lateness = \"1s\"\nduration = \"300ms\"\ncooldown = \"100ms\"\n\
         [[series]]\ntransport = \"websocket\"\n",
    );
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("there is one");
    let closed = || {
        let (reader, writer) = std::io::pipe().expect("there is a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    // A loaded machine may have been late: 96.
    let ran = [Some(0), Some(96)];
    for (stdout, stderr, codes, at) in [
        (closed(), closed(), ran, "closed"),
        (Stdio::null(), Stdio::from(full()), ran, "errors"),
        (Stdio::from(full()), Stdio::from(full()), [Some(1); 2], "full"),
    ] {
        let out = world.path(at);
        let baseline = world.path(&format!("{at}.json"));
        let mut run = wsbench(&["run"]);
        run.arg(world.path("scenario.toml")).arg("--out").arg(&out);
        run.args(["--reports", "json"]).arg("--save-baseline").arg(&baseline);
        let child = run.stdout(stdout).stderr(stderr).spawn().expect("it starts");
        let output = wait(child, Duration::from_secs(60));
        assert!(codes.contains(&output.status.code()), "{at}: {}", said(&output));
        let text = std::fs::read_to_string(out.join("result.jsonl")).expect("a result");
        assert!(text.lines().last().is_some_and(|line| line.contains("complete")), "{at}");
        assert!(out.join("summary.json").exists(), "{at}");
        let valid = output.status.code() != Some(96);
        assert!(baseline.exists() || !valid || at == "full", "{at}");
    }
}

//! What a started server leaves behind: nothing, whatever it or the run does.

use crate::support::{World, command, finish, said, wsbench};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// A scenario whose server starts a process in a session of its own, and writes the numbers of both
/// into a file.
fn scenario(duration: &str) -> World {
    let world = World::new("");
    let script = format!(
        "setsid sh -c 'trap \"\" TERM; sleep 600; sleep 600' & echo $! $$ > numbers; \
         exec {} serve --bind 127.0.0.1:{{port}} --rate 20/s",
        env!("CARGO_BIN_EXE_wsbench")
    );
    world.write(
        "scenario.toml",
        format!(
            "clients = [4]\nwarmup = \"200ms\"\nduration = \"{duration}\"\ncooldown = \"100ms\"\n\
             driver_lateness = \"1s\"\n[server]\nurl = \"http://127.0.0.1:{{port}}\"\n\
             command = [\"sh\", \"-c\", {script:?}]\n[[series]]\ntransport = \"websocket\"\n"
        ),
    );
    world
}

fn runs(number: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(number).join("stat"));
    // One that nobody waited for has ended.
    status.is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_process_that_left_the_servers_group_ends_with_the_run() {
    let world = scenario("500ms");
    let output = finish(&mut world.run(&["--reports", "csv"]));
    let numbers = fs::read_to_string(world.path("numbers")).expect("the server ran");
    for number in numbers.split_whitespace() {
        assert!(!runs(number), "{number} of {numbers}: {}", said(&output));
    }
    assert!(!said(&output).contains("could not be ended"), "{}", said(&output));
}

#[test]
fn a_server_ends_with_all_that_it_started_if_the_run_is_killed() {
    let world = scenario("300s");
    let mut run = wsbench(&["run"]);
    run.arg(world.path("scenario.toml")).arg("--out").arg(world.path("out"));
    let mut child = run.spawn().expect("it starts");
    let read = || fs::read_to_string(world.path("numbers")).unwrap_or_default();
    wait_until("the server starts", || read().ends_with('\n'));
    let numbers = read();
    // The run has its guard as soon as it goes on.
    wait_until("the guard runs", || {
        let all = command("ps").args(["-eo", "args"]).output().expect("ps runs");
        let group = numbers.split_whitespace().last().unwrap_or_default();
        String::from_utf8_lossy(&all.stdout).contains(&format!(" guard {group} "))
    });
    child.kill().and_then(|()| child.wait()).expect("it is killed");
    for number in numbers.split_whitespace() {
        wait_until(&format!("the end of {number}"), || !runs(number));
    }
}

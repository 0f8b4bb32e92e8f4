//! `wsbench bisect` on a small repository whose server gets a longer head at one commit, which bytes decide by
//! the first pair of runs, or becomes slower, which takes several.

use crate::support::{World, command, expect_code, finish, said, wait, wsbench};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const POLLED: &str = "name = \"bisected\"\nclients = [10]\nwarmup = \"0s\"\ndriver_lateness = \"1s\"\n\
    duration = \"300ms\"\ncooldown = \"100ms\"\n[feed]\nrate = \"20/s\"\n\
    [[series]]\ntransport = \"polling\"\ninterval = \"50ms\"\n";
/// Enough messages for the shift of the whole distribution, in runs as short as can be.
const PUSHED: &str = "name = \"bisected\"\nclients = [20]\nwarmup = \"0s\"\ndriver_lateness = \"1s\"\n\
    duration = \"400ms\"\ncooldown = \"100ms\"\n[feed]\nrate = \"50/s\"\n\
    [[series]]\ntransport = \"websocket\"\n";
/// What each commit's build does: the faults of its server become what the server reads.
const BUILD: &str = "cp faults built";
/// Digits of a commit in sentences.
const SHORT: usize = 12;
/// What is a longer head.
const LONGER: &str = "--fault header=64B";

/// A repository below a world's folder.
struct GitWorld {
    world: World,
    /// The commits, the oldest first.
    commits: Vec<String>,
}

impl GitWorld {
    /// A commit for each pair of a build script and the faults of the server.
    fn new(commits: &[(&str, &str)]) -> GitWorld {
        GitWorld::of(POLLED, commits)
    }

    fn of(scenario: &str, commits: &[(&str, &str)]) -> GitWorld {
        let mut git = GitWorld { world: World::new(scenario), commits: Vec::new() };
        for folder in ["repository", "temporary"] {
            fs::create_dir(git.path(folder)).expect("a folder can be made");
        }
        git.git(&["init", "--quiet"]);
        let scenario = git.path("scenario.toml");
        let (program, scenario) = (env!("CARGO_BIN_EXE_wsbench"), scenario.display());
        let server = format!(
            "exec '{program}' serve --scenario '{scenario}' --bind 127.0.0.1:$1 $(cat built)\n"
        );
        git.world.write("repository/server.sh", server);
        for (number, (build, faults)) in commits.iter().enumerate() {
            git.world.write("repository/build.sh", format!("{build}\n"));
            git.world.write("repository/faults", faults);
            git.world.write("repository/number", number.to_string());
            git.git(&["add", "."]);
            git.git(&["commit", "--quiet", "--message", &format!("commit number {number}")]);
            let id = git.git(&["rev-parse", "HEAD"]);
            git.commits.push(id);
        }
        git
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.path(name)
    }

    fn in_repository(&self, program: &mut Command) -> Command {
        let mut command = std::mem::replace(program, Command::new("true"));
        command.current_dir(self.path("repository")).env("TMPDIR", self.path("temporary"));
        for (name, value) in [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_AUTHOR_NAME", "A"),
            ("GIT_AUTHOR_EMAIL", "a@example.org"),
            ("GIT_COMMITTER_NAME", "A"),
            ("GIT_COMMITTER_EMAIL", "a@example.org"),
        ] {
            command.env(name, value);
        }
        command
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = command("git");
        git.args(arguments);
        let output = finish(&mut self.in_repository(&mut git));
        expect_code(&output, 0);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A bisection between the first commit and the last.
    fn bisect(&self, more: &[&str], build: &[&str]) -> Command {
        let target = "sh server.sh {port} @ http://127.0.0.1:{port}";
        let (good, bad) = (&self.commits[0], &self.commits[self.commits.len() - 1]);
        let mut bisect = wsbench(&["bisect", good, bad]);
        bisect.arg(self.path("scenario.toml")).arg("--out").arg(self.path("out"));
        bisect.args(["--target", target]).args(more).arg("--").args(build);
        self.in_repository(&mut bisect)
    }

    /// The user's own worktree is as it was, and no other is left.
    fn expect_nothing_left(&self) {
        assert_eq!(self.git(&["status", "--porcelain"]), "");
        assert_eq!(self.git(&["rev-parse", "HEAD"]), self.commits[self.commits.len() - 1]);
        let worktrees = self.git(&["worktree", "list"]);
        assert_eq!(worktrees.lines().count(), 1, "{worktrees}");
        let left = fs::read_dir(self.path("temporary")).expect("a folder").count();
        assert_eq!(left, 0, "worktrees are left");
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_commit_that_lengthened_a_head_is_found() {
    let faults = |bad: bool| if bad { LONGER } else { "" };
    let commits: Vec<(&str, &str)> = (0..6).map(|number| (BUILD, faults(number >= 3))).collect();
    let git = GitWorld::new(&commits);
    let output = finish(&mut git.bisect(&[], &["sh", "build.sh"]));
    expect_code(&output, 0);
    let text = stdout(&output);
    let found = format!("first bad commit:\ncommit {}\n  commit number 3\n  A, 20", git.commits[3]);
    assert!(text.starts_with(&found), "{}", said(&output));
    assert!(text.contains("heads_bytes_down_per_message"), "{text}");
    // The evidence: the head's own bytes, and which commits were compared.
    assert!(text.contains("X-Fault"), "{text}");
    assert!(text.contains("(commit number 0)") && text.contains("(commit number 3)"), "{text}");
    let last = format!("FOUND: the first bad commit is {}. Exit code 0.", &git.commits[3][..SHORT]);
    assert_eq!(text.lines().last(), Some(last.as_str()), "{text}");
    git.expect_nothing_left();
}

/// The delay fails by the shift of all latencies too, which cannot pass: it must not keep a good commit
/// undecided.
#[test]
fn the_commit_that_made_messages_late_is_found() {
    // Far above what a busy machine adds to half of the messages.
    const LATE: &str = "--fault delay=100ms";
    let git = GitWorld::of(PUSHED, &[(BUILD, ""), (BUILD, ""), (BUILD, LATE)]);
    // The processor time of so short runs is noise.
    let noisy = [
        "--seed",
        "1",
        "--alpha",
        "0.05",
        "--time",
        "90s",
        "--margin",
        "server_cpu_us_per_message=900%",
    ];
    let mut bisect = git.bisect(&noisy, &["sh", "build.sh"]);
    let child = bisect.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // Two comparisons, each of 90 s at most, and longer if that does not decide it.
    let output = wait(child, Duration::from_secs(400));
    expect_code(&output, 0);
    let text = stdout(&output);
    let found = format!("first bad commit:\ncommit {}\n  commit number 2\n", git.commits[2]);
    assert!(text.starts_with(&found), "{}", said(&output));
    let shown = said(&output);
    assert!(shown.contains("delivery_latency_us_p50"), "{shown}");
    assert!(!shown.contains("worse in delivery_latency_shift_factor"), "{shown}");
    assert!(shown.contains(&format!("{} is good", &git.commits[1][..SHORT])), "{shown}");
    git.expect_nothing_left();
}

/// A server that does not start is what the first bad commit has; the last line does not call that passed.
#[test]
fn the_commit_whose_server_does_not_start_is_found() {
    let git = GitWorld::new(&[(BUILD, ""), (BUILD, "--fault header=no")]);
    let output = finish(&mut git.bisect(&[], &["sh", "build.sh"]));
    expect_code(&output, 0);
    let text = stdout(&output);
    let last = format!("FOUND: the first bad commit is {}. Exit code 0.", &git.commits[1][..SHORT]);
    assert_eq!(text.lines().last(), Some(last.as_str()), "{}", said(&output));
    assert!(!text.contains("passed"), "{text}");
    git.expect_nothing_left();
}

/// The commit before the first one that is known to be bad cannot be built: it may be either.
#[test]
fn a_commit_that_cannot_be_built_is_skipped_and_named() {
    let broken = "echo compiling; echo the compiler is gone >&2; exit 3";
    let git = GitWorld::new(&[(BUILD, ""), (broken, ""), (BUILD, LONGER)]);
    let output = finish(&mut git.bisect(&[], &["sh", "build.sh"]));
    expect_code(&output, 97);
    let shown = said(&output);
    assert!(shown.contains("is skipped: it cannot be built: `sh build.sh` ended with exit code 3"));
    assert!(shown.contains("the compiler is gone"), "{shown}");
    assert!(stdout(&output).contains("The first bad commit is one of"), "{shown}");
    assert!(stdout(&output).contains("the compiler is gone"), "{shown}");
    let last = stdout(&output).lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("UNDECIDED: the first bad commit is one of "), "{last}");
    assert!(last.ends_with(". Exit code 97."), "{last}");
    for number in [1, 2] {
        assert!(stdout(&output).contains(&format!("commit {}", git.commits[number])), "{shown}");
    }
    git.expect_nothing_left();
}

#[test]
fn nothing_is_sought_if_bad_is_not_worse() {
    let git = GitWorld::new(&[(BUILD, LONGER), (BUILD, ""), (BUILD, "")]);
    let output = finish(&mut git.bisect(&["--time", "1s", "--quiet"], &["sh", "build.sh"]));
    expect_code(&output, 2);
    assert!(said(&output).contains("BAD is not shown to be worse than GOOD"), "{}", said(&output));
    git.expect_nothing_left();
}

#[test]
fn what_cannot_be_bisected_is_refused_before_anything_is_built() {
    let git = GitWorld::new(&[(BUILD, ""), (BUILD, LONGER)]);
    let refused = |arguments: &[&str]| {
        let mut bisect = wsbench(&["bisect"]);
        bisect.args(arguments).args(["--", "true"]);
        let output = finish(&mut git.in_repository(&mut bisect));
        expect_code(&output, 2);
        said(&output)
    };
    let scenario = git.path("scenario.toml").display().to_string();
    let server = "sh server.sh {port} @ http://127.0.0.1:{port}";
    let why = refused(&["HEAD", "HEAD~1", &scenario, "--target", server]);
    assert!(why.contains("is no ancestor of BAD"), "{why}");
    let why = refused(&["nothing", "HEAD", &scenario, "--target", server]);
    assert!(why.contains("GOOD: \"nothing\" is no commit"), "{why}");
    let why = refused(&["HEAD~1", "HEAD", &scenario, "--target", "http://127.0.0.1:80"]);
    assert!(why.contains("of no commit"), "{why}");
    git.expect_nothing_left();
}

#[test]
fn a_signal_removes_the_worktrees() {
    let git = GitWorld::new(&[(BUILD, ""), (BUILD, LONGER)]);
    let begun = git.path("begun");
    let build = format!("touch '{}'; sleep 60", begun.display());
    let mut bisect = git.bisect(&[], &["sh", "-c", &build]);
    let child = bisect.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let until = Instant::now() + Duration::from_secs(30);
    while !begun.exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).expect("not 0");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    let output = wait(child, Duration::from_secs(60));
    expect_code(&output, 143);
    assert!(said(&output).contains("SIGTERM ended a build"), "{}", said(&output));
    git.expect_nothing_left();
}

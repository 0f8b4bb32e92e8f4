//! The action for GitHub (`.github/actions/wsbench`): its file, the script that builds and compares, and
//! the one that keeps a comment up to date, with the payloads of GitHub's events and an API of the test.

use crate::support::World;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// The base of the pull request in the payloads, and its head.
const BASE: &str = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e";
const HEAD: &str = "ec26c3e57ca3a959ca5aad62de7213c562f8c821";
const MARKER: &str = "<!-- wsbench:compare -->";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn action(file: &str) -> PathBuf {
    root().join(".github/actions/wsbench").join(file)
}

/// False, with a line that says so, if a program is missing.
fn has(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: there is no {program}");
    }
    there
}

/// `comment.py` for an event, as the action calls it.
fn comment(world: &World, event: &str, api: &str) -> Command {
    world.write("report.md", "## PASS: B against A\n\nall 4 figures passed\n");
    let mut command = Command::new("python3");
    command.arg(action("comment.py")).arg("--report").arg(world.path("report.md"));
    command.args(["--base-commit", BASE, "--head-commit", HEAD, "--exit-code", "0"]);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let payload = root().join("tests/gate/events").join(format!("{event}.json"));
    command.env("GITHUB_EVENT_PATH", payload);
    command.env("GITHUB_EVENT_NAME", event.split('.').next().unwrap_or_default());
    command.env("GITHUB_REPOSITORY", "Codertocat/Hello-World").env("GITHUB_API_URL", api);
    command.env("GITHUB_SERVER_URL", "https://github.com").env("WSBENCH_TOKEN", "secret");
    command.env("GITHUB_RUN_ID", "500").env("GITHUB_RUN_ATTEMPT", "1");
    command.env("GITHUB_STEP_SUMMARY", world.path("summary.md"));
    command
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

/// A request that the API got: method, path with its query, and body.
type Request = (String, String, Value);

/// GitHub's comments of one pull request, two pages of them.
struct Api {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Api {
    /// The comments of the second page follow those of the first. What writes is answered with the
    /// status.
    fn start(pages: [Value; 2], status: &'static str) -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("it has one"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, own) = (requests.clone(), address.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(request) = read_request(&stream) else { continue };
                let page = usize::from(request.1.contains("page=2"));
                let (status, link, body) = match request.0.as_str() {
                    "GET" => {
                        let next = format!("{own}/repos/Codertocat/Hello-World/issues/2/comments");
                        let link = match page {
                            0 => format!("Link: <{next}?per_page=100&page=2>; rel=\"next\"\r\n"),
                            _ => format!("Link: <{next}?per_page=100&page=1>; rel=\"first\"\r\n"),
                        };
                        ("200 OK", link, pages[page].to_string())
                    }
                    _ => {
                        let refused = r#"{"message":"Resource not accessible by integration"}"#;
                        (status, String::new(), refused.to_owned())
                    }
                };
                kept.lock().expect("no test panicked").push(request);
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\n{link}Content-Type: application/json\r\n\
                     Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                let _ = (&stream).write_all(answer.as_bytes());
            }
        });
        Api { address, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no test panicked").clone()
    }

    /// What was written, and to where.
    fn written(&self) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.0 != "GET").collect()
    }
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut length = 0;
    let mut token = false;
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok()?;
        let field = field.trim().to_ascii_lowercase();
        if field.is_empty() {
            break;
        }
        if let Some(value) = field.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        token |= field == "authorization: bearer secret";
    }
    assert!(token, "{method} {path} has no token");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).ok()? };
    Some((method, path, body))
}

fn a_comment(id: u64, body: &str, kind: &str) -> Value {
    serde_json::json!({ "id": id, "body": body, "user": { "login": "x", "type": kind } })
}

fn others() -> Value {
    // What quotes the marker, and the comment of another comparison, are not it.
    let quoting = a_comment(11, &format!("> {MARKER}\nnice"), "User");
    let another = a_comment(12, "<!-- wsbench:nightly -->\nold", "Bot");
    serde_json::json!([quoting, another, a_comment(13, "x", "User")])
}

const ISSUES: &str = "/repos/Codertocat/Hello-World/issues";

#[test]
fn a_pull_request_without_a_comment_gets_one() {
    if !has("python3") {
        return;
    }
    for event in ["pull_request.opened", "pull_request.synchronize"] {
        let world = World::new("");
        let api = Api::start([others(), serde_json::json!([])], "201 Created");
        let said = run(&mut comment(&world, event, &api.address));
        assert!(said.contains("the comment was written"), "{said}");
        let pages: Vec<String> = api.requests().iter().map(|r| r.1.clone()).take(2).collect();
        let first = format!("{ISSUES}/2/comments?per_page=100");
        assert_eq!(pages, [first.clone(), format!("{first}&page=2")]);
        let written = api.written();
        let [(method, path, body)] = written.as_slice() else { panic!("{written:?}") };
        assert_eq!((method.as_str(), path.as_str()), ("POST", &*format!("{ISSUES}/2/comments")));
        let body = body["body"].as_str().expect("text");
        assert!(body.starts_with(&format!("{MARKER}\n<!-- run 500.1 -->\n## PASS")), "{body}");
        assert!(body.contains("actions/runs/500/attempts/1"), "{body}");
        assert!(!body.contains("Stale"), "{body}");
    }
}

#[test]
fn the_comment_of_an_earlier_run_is_changed_wherever_it_is() {
    if !has("python3") {
        return;
    }
    let earlier = |run: &str| a_comment(42, &format!("{MARKER}\n<!-- run {run} -->\nold"), "Bot");
    for (run_of_comment, changed) in [("499.2", true), ("500.1", true), ("501.1", false)] {
        let world = World::new("");
        // Somebody else may have written the marker too.
        let theirs = a_comment(14, &format!("{MARKER}\nmine"), "User");
        let second = serde_json::json!([theirs, earlier(run_of_comment)]);
        let api = Api::start([others(), second], "200 OK");
        let said = run(&mut comment(&world, "pull_request.synchronize", &api.address));
        let written = api.written();
        if changed {
            let [(method, path, _)] = written.as_slice() else { panic!("{written:?}") };
            assert_eq!(
                (method.as_str(), path.as_str()),
                ("PATCH", &*format!("{ISSUES}/comments/42"))
            );
        } else {
            assert!(written.is_empty() && said.contains("of a later run"), "{said}");
        }
    }
}

#[test]
fn without_a_pull_request_of_the_same_repository_there_is_the_summary_only() {
    if !has("python3") {
        return;
    }
    for (event, why) in [
        ("push", "the event push has no pull request"),
        ("workflow_dispatch", "the event workflow_dispatch has no pull request"),
        ("pull_request.fork", "comes from octocat/Hello-World, and its token can only read"),
        ("pull_request.fork_gone", "comes from a fork, and its token can only read"),
    ] {
        let world = World::new("");
        let api = Api::start([others(), others()], "201 Created");
        let said = run(&mut comment(&world, event, &api.address));
        assert!(said.starts_with("::notice title=wsbench::no comment: "), "{said}");
        assert!(said.contains(why), "{event}: {said}");
        assert_eq!(api.requests(), []);
    }
    let world = World::new("");
    let said = run(comment(&world, "pull_request.opened", "").args(["--comment", "false"]));
    assert!(said.contains("`comment` is false"), "{said}");
    let said = run(comment(&world, "pull_request.opened", "").env_remove("WSBENCH_TOKEN"));
    assert!(said.contains("there is no token"), "{said}");
}

#[test]
fn a_refused_comment_is_a_warning_with_the_remedy() {
    if !has("python3") {
        return;
    }
    let world = World::new("");
    let api = Api::start([others(), serde_json::json!([])], "403 Forbidden");
    let said = run(&mut comment(&world, "pull_request.opened", &api.address));
    assert!(said.contains("::warning"), "{said}");
    assert!(said.contains("403: Resource not accessible by integration"), "{said}");
    assert!(said.contains("pull-requests: write"), "{said}");
    // Nobody listens.
    let said = run(&mut comment(&world, "pull_request.opened", "http://127.0.0.1:1"));
    assert!(said.contains("::warning") && said.contains("no comment"), "{said}");
}

/// What `--dry-run` prints, which makes no request.
fn dry_run(world: &World, change: impl FnOnce(&mut Command)) -> Vec<Value> {
    let mut command = comment(world, "pull_request.opened", "http://127.0.0.1:1");
    command.arg("--dry-run");
    change(&mut command);
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output));
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let requests = lines.lines().filter(|line| line.starts_with('{'));
    requests.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_dry_run_prints_its_requests() {
    if !has("python3") {
        return;
    }
    let world = World::new("");
    let requests = dry_run(&world, |command| {
        command.args(["--artifact-url", "https://github.com/x/artifacts/7"]);
    });
    let methods: Vec<&str> = requests.iter().filter_map(|r| r["method"].as_str()).collect();
    assert_eq!(methods, ["GET", "PATCH", "POST"]);
    assert_eq!(requests[1]["body"], requests[2]["body"]);
    let body = requests[2]["body"]["body"].as_str().expect("text");
    assert!(body.contains("[all results](https://github.com/x/artifacts/7)"), "{body}");
}

#[test]
fn a_stale_baseline_is_said_in_the_comment_and_in_the_summary() {
    if !has("python3") {
        return;
    }
    let world = World::new("");
    let old = "0123456789012345678901234567890123456789";
    let requests = dry_run(&world, |command| {
        command.args(["--base-commit", old]);
    });
    let body = requests[2]["body"]["body"].as_str().expect("text").to_owned();
    let summary = fs::read_to_string(world.path("summary.md")).expect("it was written");
    for shown in [body, summary] {
        assert!(shown.contains("**Stale baseline**: A was built from `012345678901`"), "{shown}");
        assert!(shown.contains(&BASE[..12]), "{shown}");
    }
    // An abbreviated commit is the same one.
    let requests = dry_run(&world, |command| {
        command.args(["--base-commit", &BASE[..9]]);
    });
    assert!(!requests[2].to_string().contains("Stale"), "{requests:?}");
}

#[test]
fn a_long_report_is_cut_to_what_a_comment_may_have() {
    if !has("python3") {
        return;
    }
    let world = World::new("");
    let row = "| PASS | websocket | µ |\n";
    let long = format!("<details><summary>x</summary>\n<pre>\n{}", row.repeat(9_000));
    let requests = dry_run(&world, |command| {
        command.arg("--report").arg(world.path("long.md"));
        world.write("long.md", &long);
    });
    let body = requests[2]["body"]["body"].as_str().expect("text");
    let chars = body.chars().count();
    assert!((60_000..=65_536).contains(&chars), "{chars}");
    assert!(body.contains("</pre>\n</details>\n\n**Cut here**"), "{}", &body[body.len() - 600..]);
    // A comparison that ended before there was a report.
    let requests = dry_run(&world, |command| {
        command.arg("--report").arg(world.path("none.md")).args(["--exit-code", "2"]);
        world.write("none.md", "");
    });
    assert!(requests[2].to_string().contains("ended with exit code 2 before"), "{requests:?}");
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "user.name=x", "-c", "user.email=x@example.org"]);
    let output = command.args(arguments).output().expect("git starts");
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A repository with two commits of a server, and a clone of it at the second one.
fn repository(world: &World) -> (PathBuf, String, String) {
    let (origin, clone) = (world.path("origin"), world.path("clone"));
    fs::create_dir(&origin).expect("a folder");
    git(&origin, &["init", "-q", "-b", "main"]);
    git(&origin, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let mut commits = Vec::new();
    for version in ["one", "two"] {
        fs::write(origin.join("server.txt"), version).expect("it can be written");
        git(&origin, &["add", "."]);
        git(&origin, &["commit", "-q", "-m", version]);
        commits.push(git(&origin, &["rev-parse", "HEAD"]));
    }
    let url = format!("file://{}", origin.display());
    git(&world.path(""), &["clone", "-q", "--depth=1", &url, &clone.display().to_string()]);
    (clone, commits.remove(0), commits.remove(0))
}

/// `compare.sh` in a clone, with a program that writes its arguments down and ends with a code.
fn compare_sh(world: &World, clone: &Path, code: u8) -> Command {
    let program = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >'{}'\necho '## FAIL' >>\"$GITHUB_STEP_SUMMARY\"\nexit {code}\n",
        world.path("arguments.txt").display()
    );
    world.executable("wsbench", &program);
    let mut command = Command::new(action("compare.sh"));
    command.current_dir(clone).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for name in ["BASE", "HEAD", "BASE_REF", "BASE_COMMIT", "TIME", "MARGINS", "ARGUMENTS", "BUILD"]
    {
        command.env(name, "");
    }
    command.env("SCENARIO", "live.toml").env("STRICT", "false").env("NAME", "compare");
    command.env("TARGET", "{dir}/server --side {side} --port {port} @ http://127.0.0.1:{port}");
    command.env("DEFAULT_BRANCH", "main").env("WSBENCH", world.path("wsbench"));
    command.env("RUNNER_TEMP", world.path("")).env("GITHUB_OUTPUT", world.path("outputs"));
    command.env("GITHUB_STEP_SUMMARY", world.path("summary.md"));
    command
}

fn arguments(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.path("arguments.txt")).expect("it ran");
    text.lines().map(str::to_owned).collect()
}

/// The last value of an output.
fn output_of(world: &World, name: &str) -> String {
    let text = fs::read_to_string(world.path("outputs")).expect("it has outputs");
    let mut values = text.lines().filter_map(|line| line.strip_prefix(&format!("{name}=")));
    values.next_back().unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

#[test]
fn base_and_head_are_built_each_in_its_checkout() {
    if !has("git") {
        return;
    }
    let world = World::new("");
    let (clone, base, head) = repository(&world);
    let mut command = compare_sh(&world, &clone, 98);
    command.env("BUILD", "cp server.txt built-$WSBENCH_SIDE").env("BASE_REF", &base);
    command.env("TIME", "5min").env("STRICT", "true");
    command.env("MARGINS", "server_cpu_us_per_message=10%\n\ndelivery_latency_us_p99=20%\n");
    command.env("ARGUMENTS", "--set\nrate=\"20/s\"");
    run(&mut command);
    let base_folder = world.path("wsbench-compare-base");
    let read = |folder: &Path, file: &str| fs::read_to_string(folder.join(file)).expect("a build");
    assert_eq!(read(&base_folder, "built-base"), "one");
    assert_eq!(read(&clone, "built-head"), "two");
    let clone = fs::canonicalize(&clone).expect("it is there");
    let target = |folder: &Path, side: &str| {
        let folder = folder.display();
        format!("{folder}/server --side {side} --port {{port}} @ http://127.0.0.1:{{port}}")
    };
    let out = world.path("wsbench-compare").display().to_string();
    let wanted = [
        "compare",
        "live.toml",
        "--a",
        &target(&base_folder, "base"),
        "--b",
        &target(&clone, "head"),
        "--out",
        &out,
        "--junit",
        &format!("{out}/compare.xml"),
        "--time",
        "5min",
        "--strict",
        "--margin",
        "server_cpu_us_per_message=10%",
        "--margin",
        "delivery_latency_us_p99=20%",
        "--set",
        "rate=\"20/s\"",
    ];
    assert_eq!(arguments(&world), wanted);
    let outputs = ["exit-code", "base-commit", "head-commit"].map(|name| output_of(&world, name));
    assert_eq!(outputs, ["98".to_owned(), base, head]);
    for file in ["summary.md", "wsbench-compare.md"] {
        assert_eq!(read(&world.path(""), file), "## FAIL\n");
    }
}

#[test]
fn without_a_commit_before_it_the_default_branch_is_the_base() {
    if !has("git") {
        return;
    }
    let world = World::new("");
    let (clone, _, head) = repository(&world);
    for base_ref in ["", "0000000000000000000000000000000000000000"] {
        run(compare_sh(&world, &clone, 0).env("BASE_REF", base_ref));
        assert_eq!(output_of(&world, "base-commit"), head);
    }
    // Targets that are there already need no checkout.
    let mut command = compare_sh(&world, &clone, 0);
    command.env("BASE", "old/wsbench").env("HEAD", "new/wsbench").env("BASE_COMMIT", "abc");
    run(&mut command);
    assert_eq!(arguments(&world)[2..6], ["--a", "old/wsbench", "--b", "new/wsbench"]);
    assert_eq!(output_of(&world, "base-commit"), "abc");
}

#[test]
fn what_cannot_be_compared_says_so_and_does_not_pass() {
    if !has("git") {
        return;
    }
    let world = World::new("");
    let (clone, ..) = repository(&world);
    for (name, value, why) in [
        ("SCENARIO", "", "the input scenario is empty"),
        ("TARGET", "", "give the input target, or both base and head"),
        ("GITHUB_EVENT_NAME", "pull_request_target", "use pull_request"),
    ] {
        let output = compare_sh(&world, &clone, 0).env(name, value).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(why), "{}", text(&output));
        assert_eq!(output_of(&world, "exit-code"), "1");
    }
    let output = compare_sh(&world, &clone, 0).env("BUILD", "exit 7").output().expect("it starts");
    assert!(!output.status.success(), "{}", text(&output));
    assert_eq!(output_of(&world, "exit-code"), "1");
}

/// The names in `${{ … }}` after a prefix, such as `inputs.`.
fn referred(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        let name: String = text[at + prefix.len()..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        found.insert(name);
    }
    found
}

#[test]
fn every_input_of_the_action_is_used_and_none_is_within_a_command() {
    let file = fs::read_to_string(action("action.yml")).expect("the action is there");
    let (head, steps) = file.split_once("\nruns:\n").expect("it runs");
    let inputs =
        head.split("\ninputs:\n").nth(1).and_then(|rest| rest.split("\noutputs:\n").next());
    let declared: BTreeSet<String> = inputs
        .expect("it has inputs")
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.trim().trim_end_matches(':').to_owned())
        .collect();
    assert_eq!(referred(steps, "inputs."), declared);
    let ids: BTreeSet<String> =
        steps.lines().filter_map(|l| Some(l.trim().strip_prefix("id: ")?.to_owned())).collect();
    assert!(referred(&file, "steps.").is_subset(&ids), "{ids:?}");
    assert!(steps.contains("using: composite"));
    let uses: Vec<&str> =
        steps.lines().filter_map(|line| line.trim().strip_prefix("uses: ")).collect();
    assert_eq!(uses, ["actions/upload-artifact@v4"]);
    // Text of a pull request in a command would be run: it comes as a variable.
    for script in steps.split("\n      run: ").skip(1) {
        let script = script.split("\n    - name:").next().unwrap_or_default();
        assert!(!script.contains("${{"), "{script}");
    }
    for file in ["compare.sh", "comment.py"] {
        assert!(steps.contains(&format!("$ACTION/{file}")) && action(file).exists());
    }
}

#[test]
fn the_action_is_yaml_of_a_composite_action() {
    let read = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let output = Command::new("python3").args(["-c", read]).arg(action("action.yml")).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        eprintln!("skipped: there is no python3 with yaml");
        return;
    };
    let action: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(action["runs"]["using"], "composite");
    for input in action["inputs"].as_object().expect("inputs").values() {
        assert!(input["description"].is_string() && input.get("type").is_none(), "{input}");
    }
    for step in action["runs"]["steps"].as_array().expect("steps") {
        // A command of a composite action must name its shell.
        assert_ne!(step.get("run").is_some(), step.get("uses").is_some(), "{step}");
        assert_eq!(step.get("run").is_some(), step["shell"] == "bash", "{step}");
    }
}

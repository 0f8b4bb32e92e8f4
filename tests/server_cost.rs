//! CPU time and memory of external servers, and servers that a run starts.

use crate::support::{Row, World, expect_code, expect_ran, finish, number, said, serve, wsbench};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use wsbench::internals::result::file::read;

/// Ends a process with its children when a test ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Its children end when their input does.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A web server of Python in a child process of a shell, which ends when its input does; the port on
/// which it listens.
const WEB_SERVER: &str = "python3 -u -m http.server 0 --bind 127.0.0.1 --protocol HTTP/1.1 2>&1 & \
                          read x; kill $!";

fn web_server(world: &World) -> (Server, u16) {
    let mut command = Command::new("sh");
    command.args(["-c", WEB_SERVER]).current_dir(world.path(""));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("a shell starts");
    let mut output = BufReader::new(child.stdout.take().expect("it has an output"));
    let mut line = String::new();
    output.read_line(&mut line).expect("it says where it listens");
    // It must not wait for a reader.
    std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(drop));
    let port = line.split("port ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let port = port.and_then(|port| port.parse().ok());
    (Server(child), port.unwrap_or_else(|| panic!("{line}")))
}

/// A run of four clients that ask for the scenario itself.
fn scenario(server: &str) -> String {
    format!(
        "clients = [4]\nwarmup = \"200ms\"\nduration = \"1500ms\"\ncooldown = \"100ms\"\n\
         driver_lateness = \"1s\"\n[server]\n{server}\npaths = {{ polling = \"/scenario.toml\" }}\n\
         [[series]]\ntransport = \"polling\"\ninterval = \"50ms\"\nrequest_head = \"minimal\"\n"
    )
}

fn row(world: &World) -> Row {
    let rows = world.csv("summary.csv");
    rows.into_iter().find(|row| row["series"] != "floor").expect("a row of the series")
}

fn reason(world: &World, figure: &str) -> String {
    world.summary()["rows"][0]["absent"][figure].as_str().unwrap_or_default().to_owned()
}

/// At least so many instructions a message, if the machine counts them; otherwise the reason.
fn expect_instructions(world: &World, row: &Row, least: f64) {
    const INSTRUCTIONS: &str = "server_instructions_per_message";
    if !row[INSTRUCTIONS].is_empty() {
        assert!(number(row, INSTRUCTIONS) > least, "{row:?}");
        return;
    }
    let why = reason(world, INSTRUCTIONS);
    let reasons = ["no counter of instructions", "perf_event_open", "used for something else"];
    assert!(reasons.iter().any(|reason| why.contains(reason)), "{why}");
    eprintln!("skipped: {why}");
}

/// What was printed without the breaks of its lines.
fn flat(output: &Output) -> String {
    said(output).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn run(world: &World, server: &str, more: &[(&str, &str)]) -> Output {
    world.write("scenario.toml", scenario(server));
    let mut command = world.run(&["--reports", "csv,json,text", "--verbose"]);
    finish(command.envs(more.iter().copied()))
}

/// Processes that have a world's folder in their command line.
fn left_behind(world: &World) -> Vec<String> {
    let folder = world.path("").display().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|p| fs::read_to_string(p.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(&folder)).collect()
}

#[test]
fn a_server_that_the_run_starts_is_measured_with_its_children_and_ended() {
    let world = World::new("");
    let server = format!(
        "url = \"http://127.0.0.1:{{port}}\"\nready_path = \"/scenario.toml\"\ncommand = [\"sh\", \"-c\", \
         \"echo begins; python3 -u -m http.server {{port}} --bind 127.0.0.1 --protocol HTTP/1.1 \
         --directory {} & wait\"]",
        world.path("").display()
    );
    let output = run(&world, &server, &[]);
    expect_ran(&world, &output);
    let row = row(&world);
    assert_eq!(number(&row, "completed"), 120.0, "{}", said(&output));
    assert!(number(&row, "server_cpu_us_per_message") > 50.0, "{row:?}");
    expect_instructions(&world, &row, 10_000.0);
    // It may be absent because something else on this machine gave memory back.
    assert!(!reason(&world, "kernel_bytes_per_client").contains("did not start"));
    let log = fs::read_to_string(world.path("out/server.log")).expect("its output was kept");
    assert!(log.starts_with("begins\n") && log.contains("GET /scenario.toml"), "{log}");
    let until = Instant::now() + Duration::from_secs(10);
    while !left_behind(&world).is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(left_behind(&world), Vec::<String>::new());
}

/// Answers with 503 for a moment, and then with 200.
const SLOW_SERVER: &str = r#"
import http.server, sys, time
begun = time.monotonic()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200 if time.monotonic() - begun > 0.7 else 503)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"x")
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

#[test]
fn a_started_server_is_ready_once_the_path_of_the_series_answers() {
    let world = World::new("");
    world.write("server.py", SLOW_SERVER);
    let server = "url = \"http://127.0.0.1:{port}\"\ncommand = [\"python3\", \"-u\", \"server.py\", \
                  \"{port}\"]";
    let output = run(&world, server, &[]);
    expect_ran(&world, &output);
    let row = row(&world);
    assert_eq!(
        (number(&row, "completed"), number(&row, "faults")),
        (120.0, 0.0),
        "{}",
        said(&output)
    );
    let log = fs::read_to_string(world.path("out/server.log")).expect("its output was kept");
    assert!(log.contains("\"GET /scenario.toml HTTP/1.1\" 503"), "{log}");
    let short = format!("{server}\nready_timeout = \"0s\"");
    let output = run(&world, &short, &[]);
    assert!(flat(&output).contains("within 0 s"), "{}", said(&output));
}

#[test]
fn a_started_server_with_tls_is_asked_with_tls() {
    let server = |ready: &str| {
        format!(
            "clients = [4]\nwarmup = \"200ms\"\nduration = \"500ms\"\ncooldown = \"100ms\"\n\
             driver_lateness = \"1s\"\n[server]\nurl = \"https://127.0.0.1:{{port}}\"\n\
             tls = {{ insecure = true }}\n{ready}command = [{:?}, \"serve\", \"--tls\", \"--bind\", \
             \"127.0.0.1:{{port}}\", \"--rate\", \"20/s\"]\n[[series]]\ntransport = \"websocket\"\n",
            env!("CARGO_BIN_EXE_wsbench")
        )
    };
    for ready in ["", "ready_path = \"/PollingStock//PollingStock\"\n"] {
        let world = World::new(&server(ready));
        let output = finish(&mut world.run(&["--reports", "csv,json,text"]));
        let row = row(&world);
        let found = ["clients_connected", "faults"].map(|column| number(&row, column));
        assert_eq!(found, [4.0, 0.0], "{}", said(&output));
    }
}

#[test]
fn a_server_that_does_not_start_is_named_with_its_last_lines() {
    let world = World::new("");
    let failing = "url = \"http://127.0.0.1:{port}\"\ncommand = [\"sh\", \"-c\", \
                   \"echo no config; exit 3 # {port}\"]";
    let output = run(&world, failing, &[]);
    assert!(!output.status.success());
    let text = flat(&output);
    assert!(text.contains("ended with exit code 3 before it listened"), "{text}");
    assert!(text.contains("server.log: no config"), "{text}");
    let missing = "url = \"http://127.0.0.1:{port}\"\ncommand = [\"./no-such-server\", \"{port}\"]";
    let output = run(&world, missing, &[]);
    expect_code(&output, 1);
    assert!(flat(&output).contains("cannot start `./no-such-server"), "{}", said(&output));
}

#[test]
fn a_server_that_does_not_start_is_said_alone() {
    let world = World::new("");
    // What a run with these lines in [server] says in short.
    let short = |server: &str| {
        let limit = "[[limit]]\ncondition = \"server_cpu_us_per_message < 1s\"\n";
        world.write("scenario.toml", scenario(server) + limit);
        let output = finish(&mut world.run(&[]));
        expect_code(&output, 96);
        flat(&output)
    };
    let failing = "url = \"http://127.0.0.1:{port}\"\n\
                   command = [\"sh\", \"-c\", \"exit 3 # {port}\"]";
    let text = short(failing);
    let also =
        ["clients connected", "nothing was measured", "Linux 4.19", "memory", "loss", "bundled"];
    also.iter().for_each(|other| assert!(!text.contains(other), "{other}: {text}"));
    let first = text.split(" x ").nth(1).expect("a failure");
    assert!(first.contains("before it listened") && first.contains("[server] command"), "{text}");
    let silent = "url = \"http://127.0.0.1:{port}\"\nready_timeout = \"300ms\"\n\
                  command = [\"sh\", \"-c\", \"sleep 60 # {port}\"]";
    let text = short(silent);
    let failures: Vec<&str> = text.split(" x ").skip(1).collect();
    assert!(failures.len() == 1 && failures[0].contains("did not listen"), "{text}");
    assert!(text.contains("limits: 0 of 1 kept"), "{text}");
}

#[test]
fn a_process_that_runs_is_measured_with_its_children() {
    let world = World::new("");
    let (server, port) = web_server(&world);
    let pid = server.0.id();
    let output = run(&world, &format!("url = \"http://127.0.0.1:{port}\"\npid = {pid}"), &[]);
    expect_ran(&world, &output);
    let found = row(&world);
    // The shell itself only waits.
    assert!(number(&found, "server_cpu_us_per_message") > 50.0, "{found:?}");
    let parts = ["server_user_us_per_message", "server_system_us_per_message"];
    let sum: f64 = parts.iter().map(|column| number(&found, column)).sum();
    let difference = sum - number(&found, "server_cpu_us_per_message");
    assert!(difference.abs() < 0.01, "{found:?}");
    assert!(number(&found, "server_context_switches_per_message") > 0.0, "{found:?}");
    assert!(found["kernel_bytes_per_client"].is_empty(), "{found:?}");
    assert!(reason(&world, "kernel_bytes_per_client").contains("whole machine"));
    let text = flat(&output);
    assert!(text.contains(&format!("those of process {pid} and its children")), "{text}");

    let first = world.path("first.jsonl");
    fs::copy(world.path("out/result.jsonl"), &first).expect("a copy");

    // Another process that runs is not the server.
    let mut other = Command::new("sleep").arg("600").spawn().expect("it starts");
    let pid = other.id();
    let output = run(&world, &format!("url = \"http://127.0.0.1:{port}\"\npid = {pid}"), &[]);
    other.kill().and_then(|()| other.wait()).expect("it ends");
    expect_ran(&world, &output);
    let why = reason(&world, "server_cpu_us_per_message");
    let another = format!("another process than process {pid} and its children");
    assert!(why.contains(&another), "{why}");
    // The screen has no figure, and says why.
    let screen = finish(wsbench(&["report", "--reports", "none"]).arg(world.path("out")));
    let shown = said(&screen).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("no CPU of the server, no RAM of the server: "), "{shown}");
    assert!(shown.contains(&another), "{shown}");

    // A restart gives another number: the scenario is the same.
    let second = world.path("out/result.jsonl");
    let mut gate = wsbench(&["gate"]);
    let output = finish(gate.arg(&second).arg("--baseline").arg(&first));
    let text = said(&output);
    assert!(!text.contains("scenarios differ") && output.status.code() != Some(2), "{text}");
    let plan = |path: &Path| read(path).expect("a result").header.plan_hash;
    assert_eq!(plan(&first), plan(&second), "both merge");
}

/// Writes the files of a control group, as if it used a tenth of a core.
fn fill_control_group(folder: PathBuf) {
    fs::create_dir_all(&folder).expect("a folder");
    let began = Instant::now();
    let write = move || {
        let part = folder.join("part");
        let spent = began.elapsed().as_micros() / 10;
        let stat = format!("usage_usec {}\nuser_usec 1\n", 1_000_000 + spent);
        let held = 50_000_000 + began.elapsed().as_millis();
        let files = [
            ("cpu.stat", stat),
            ("memory.current", format!("{held}\n")),
            ("memory.stat", "anon 1\ninactive_file 40000000\n".to_owned()),
        ];
        files.iter().all(|(name, text)| {
            fs::write(&part, text).and_then(|()| fs::rename(&part, folder.join(name))).is_ok()
        })
    };
    assert!(write(), "the files can be written");
    std::thread::spawn(move || {
        while write() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

/// A pushed series of 300 messages.
const PUSHED: &str = "clients = [10]\nwarmup = \"200ms\"\nduration = \"1500ms\"\ncooldown = \"100ms\"\n\
                      driver_lateness = \"1s\"\n[feed]\nrate = \"20/s\"\n[[series]]\ntransport = \"websocket\"\n";

/// What is kept of each message is what the memory grows by, of a server that is started; and a sound one grows
/// by less than a page for ten messages, the bundled one too.
#[test]
fn a_leak_is_what_the_server_grows_by_for_a_message() {
    const LEAK: f64 = 8_192.0;
    let growth = |server: &str| {
        let world = World::new(&format!("{PUSHED}{server}"));
        let output = finish(&mut world.run(&["--reports", "csv,json"]));
        expect_ran(&world, &output);
        number(&row(&world), "server_resident_growth_bytes_per_message")
    };
    let started = |more: &str| {
        format!(
            "[server]\nurl = \"http://127.0.0.1:{{port}}\"\ncommand = [\"{}\", \"serve\", \"--bind\", \
             \"127.0.0.1:{{port}}\", \"--rate\", \"20/s\"{more}]\n",
            env!("CARGO_BIN_EXE_wsbench")
        )
    };
    let leak = growth(&started(", \"--fault\", \"leak=8KiB\""));
    assert!((0.7 * LEAK..1.6 * LEAK).contains(&leak), "{leak}");
    for server in [started(""), String::new()] {
        let sound = growth(&server);
        assert!(sound.abs() < 410.0, "{sound}: {server}");
    }
}

/// Clients that connect over a ramp have a slope, unless this machine was too busy to hold it, which is said;
/// those that connect at once, and few of them, have none.
#[test]
fn a_further_client_is_apart_from_what_the_server_takes_once() {
    let further = |clients: u32, ramp: &str| {
        let scenario = PUSHED.replace("[10]", &format!("[{clients}]"));
        let world = World::new(&format!("ramp = \"{ramp}\"\n{scenario}"));
        let output = finish(&mut world.run(&["--reports", "csv,json"]));
        expect_ran(&world, &output);
        let figure = row(&world)["server_resident_bytes_per_further_client"].clone();
        (figure, reason(&world, "server_resident_bytes_per_further_client"))
    };
    let (figure, why) = further(400, "1s");
    match figure.parse::<f64>() {
        Ok(bytes) => assert!((500.0..20_000.0).contains(&bytes), "{bytes}"),
        Err(_) => assert!(why.contains("was busy") || why.contains("make it longer"), "{why}"),
    }
    let (figure, why) = further(10, "1s");
    assert!(figure.is_empty(), "{figure}");
    let few = ["too few clients", "was busy", "make it longer"];
    assert!(few.iter().any(|part| why.contains(part)), "{why}");
    assert!(further(10, "0s").1.contains("connected at once"));
}

#[test]
fn a_control_group_is_measured_by_its_files() {
    let world = World::new("");
    let address = serve(|mut stream| {
        let mut request = [0; 4096];
        while let Ok(1..) = stream.read(&mut request) {
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
                return;
            }
        }
    });
    let group = world.path("group");
    fill_control_group(group.clone());
    let server = format!("url = \"http://{address}\"\ncgroup = \"{}\"", group.display());
    let output = run(&world, &server, &[]);
    expect_ran(&world, &output);
    let row = row(&world);
    // 150 ms of 120 messages, give or take when it was read.
    let cpu = number(&row, "server_cpu_us_per_message");
    assert!((625.0..2500.0).contains(&cpu), "{cpu}: {}", said(&output));
    // A byte a millisecond, four clients.
    let memory = number(&row, "server_resident_bytes_per_client");
    assert!((1.0..10_000.0).contains(&memory), "{memory}: {}", said(&output));
    assert!(flat(&output).contains("without its page cache"), "{}", said(&output));
    // A window of 1,500 ms over 120 messages.
    let growth = number(&row, "server_resident_growth_bytes_per_message");
    assert!((6.0..25.0).contains(&growth), "{growth}: {}", said(&output));
}

#[test]
fn a_container_is_found_by_the_service_and_its_absence_has_a_remedy() {
    let world = World::new("");
    let (server, port) = web_server(&world);
    let socket = world.path("docker.sock");
    let service = UnixListener::bind(&socket).expect("a socket");
    let pid = server.0.id();
    std::thread::spawn(move || {
        for mut stream in service.incoming().flatten() {
            let mut request = [0; 512];
            let read = stream.read(&mut request).unwrap_or(0);
            let asked = String::from_utf8_lossy(&request[..read]).into_owned();
            let _ = match asked.starts_with("GET /containers/web/json ") {
                true => write!(stream, "HTTP/1.0 200 OK\r\n\r\n{{\"State\":{{\"Pid\":{pid}}}}}"),
                false => write!(stream, "HTTP/1.0 404 Not Found\r\n\r\n{{}}"),
            };
        }
    });
    let host = format!("unix://{}", socket.display());
    let url = format!("url = \"http://127.0.0.1:{port}\"");
    let output = run(&world, &format!("{url}\ndocker = \"web\""), &[("DOCKER_HOST", &host)]);
    expect_ran(&world, &output);
    let found = row(&world);
    assert!(number(&found, "server_cpu_us_per_message") > 50.0, "{}", said(&output));
    assert!(flat(&output).contains("those of container \"web\""), "{}", said(&output));

    let output = run(&world, &format!("{url}\ndocker = \"db\""), &[("DOCKER_HOST", &host)]);
    expect_code(&output, 2);
    assert!(said(&output).contains("docker: Docker has no container \"db\""), "{}", said(&output));
    let nowhere = [("DOCKER_HOST", "unix:///no/such/socket"), ("PATH", "/no/such/folder")];
    let output = run(&world, &format!("{url}\ndocker = \"web\""), &nowhere);
    expect_code(&output, 2);
    assert!(said(&output).contains("nor the command `docker` is there"), "{}", said(&output));
}

#[test]
fn a_comparison_replaces_the_command_and_refuses_what_is_of_one_server() {
    let world =
        World::new(&scenario("url = \"http://127.0.0.1:1\"\ncgroup = \"/x\"\ncommand = [\"a\"]"));
    let mut compare =
        wsbench(&["compare", "--a", "http://127.0.0.1:1", "--b", "sh -c : @ http://127.0.0.1:2"]);
    let output = finish(compare.arg(world.path("scenario.toml")));
    expect_code(&output, 2);
    let text = flat(&output);
    // A runs already, so that its group must be there.
    assert!(
        text.contains("there is no control group") || text.contains("are of one server"),
        "{text}"
    );
    let url = "[[series]]\ntransport = \"polling\"\nurl = \"http://127.0.0.1:3\"\n";
    world.write("scenario.toml", format!("clients = [1]\n{url}"));
    let mut compare =
        wsbench(&["compare", "--a", "http://127.0.0.1:1", "--b", "http://127.0.0.1:2"]);
    let output = finish(compare.arg(world.path("scenario.toml")));
    expect_code(&output, 2);
    assert!(flat(&output).contains("has a `url` of its own"), "{}", said(&output));
}

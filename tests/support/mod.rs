//! Shared by the tests: the program, scenarios on disk, results read back.

pub mod browser;
pub mod steps;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A fresh folder with a scenario, and what a run left in it.
pub struct World {
    dir: TempDir,
}

/// The check that fails if the driver was late.
const LATE: &str = "driver_on_schedule";

/// A row of a CSV file by column.
pub type Row = HashMap<String, String>;

impl World {
    /// A folder with this scenario.
    pub fn new(scenario: &str) -> World {
        let dir = tempfile::tempdir().expect("a folder can be made");
        fs::write(dir.path().join("scenario.toml"), scenario).expect("a file can be written");
        World { dir }
    }
    /// A file or folder of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    /// Writes a file into it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("a file can be written");
    }
    /// Writes an executable file into it.
    pub fn executable(&self, name: &str, text: &str) {
        self.write(name, text);
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(name), mode).expect("its mode can be set");
    }
    /// `wsbench run` of the scenario, its reports in `out`; with further arguments.
    pub fn run(&self, more: &[&str]) -> Command {
        let mut command = wsbench(&["run"]);
        command.arg(self.path("scenario.toml")).arg("--out").arg(self.path("out")).args(more);
        command
    }
    /// The rows of a report.
    pub fn csv(&self, name: &str) -> Vec<Row> {
        read_csv(&self.path("out").join(name))
    }
    /// The summary as JSON.
    pub fn summary(&self) -> serde_json::Value {
        let path = self.path("out/summary.json");
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_str(&text).expect("the summary is JSON")
    }
}

/// The program with arguments.
pub fn wsbench(args: &[&str]) -> Command {
    let mut command = command(env!("CARGO_BIN_EXE_wsbench"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Another program, which may run this one. Without the variables of GitHub Actions: the tests may
/// run in a job there, whose summary is not theirs.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.to_string_lossy().starts_with("GITHUB_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end, within a limit that no test should need.
pub fn finish(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    wait(child, Duration::from_secs(120))
}

/// Waits for a child, and fails the test if it hangs.
pub fn wait(mut child: Child, limit: Duration) -> Output {
    let mut out = child.stdout.take();
    let mut err = child.stderr.take();
    let reader = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                let _ = pipe.read_to_end(&mut bytes);
            }
            bytes
        })
    };
    let out = reader(out.take().map(|p| Box::new(p) as Box<dyn Read + Send>));
    let err = reader(err.take().map(|p| Box::new(p) as Box<dyn Read + Send>));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if began.elapsed() > limit {
            let _ = child.kill();
            panic!("hangs for more than {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let stdout = out.join().expect("a reader ends");
    let stderr = err.join().expect("a reader ends");
    Output { status, stdout, stderr }
}

/// Does the same with several things at once. For runs, which wait most of their time.
pub fn at_once<T: Send>(things: impl IntoIterator<Item = T>, each: impl Fn(T) + Sync) {
    let each = &each;
    std::thread::scope(|scope| {
        let start = |thing| scope.spawn(move || each(thing));
        let started: Vec<_> = things.into_iter().map(start).collect();
        for thread in started {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// Both outputs as text, for messages.
pub fn said(output: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Asserts the exit code; if it is another, the message has both outputs.
pub fn expect_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
}

/// Asserts that a run is valid, or invalid for the one reason that a loaded machine may give: the
/// driver was late. Bytes and counts hold even then.
pub fn expect_ran(world: &World, output: &Output) {
    let code = output.status.code();
    assert!(code == Some(0) || code == Some(96), "{}", said(output));
    let summary = world.summary();
    let rows = summary["rows"].as_array().expect("rows");
    let checks = rows.iter().flat_map(|row| row["checks"].as_array().expect("checks"));
    let mut late = false;
    for check in checks.filter(|check| check["ok"] == false) {
        assert_eq!(check["name"], LATE, "{check}\n{}", said(output));
        late = true;
    }
    assert_eq!(code == Some(96), late, "{}", said(output));
    let reasons = summary["verdict"]["reasons"].as_array().expect("reasons");
    assert_eq!(code == Some(0), reasons.is_empty(), "{}", said(output));
}

pub fn read_csv(path: &Path) -> Vec<Row> {
    let mut reader =
        csv::Reader::from_path(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let rows = reader.deserialize().collect::<Result<Vec<Row>, _>>();
    rows.expect("a report is CSV")
}

/// A column as a number.
pub fn number(row: &Row, column: &str) -> f64 {
    let text = row.get(column).unwrap_or_else(|| panic!("no column {column} in {row:?}"));
    text.parse().unwrap_or_else(|_| panic!("{column} is {text:?}"))
}

/// Starts `wsbench serve` with these words; it is killed when the first value is dropped. The second one is the name or
/// address at which it listens, with its port.
pub fn started_server(command: &mut Command) -> (Background, String) {
    let mut server = Background(command.stdout(Stdio::piped()).spawn().expect("it starts"));
    let mut line = String::new();
    let out = server.0.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("where it listens");
    let address = line.trim().rsplit("//").next().unwrap_or_default().to_owned();
    (server, address)
}

/// A server on a port of its own that does this with every connection, as long as the test runs.
pub fn serve(each: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            std::thread::spawn(move || each(stream));
        }
    });
    address
}

/// A connection whose last bytes are held back until more is written: no read of the client ends where
/// a message does, as if the server wrote in blocks.
pub struct HeldBack {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl HeldBack {
    /// Holds back what is written from now on.
    pub fn new(stream: TcpStream) -> HeldBack {
        HeldBack { stream, bytes: Vec::new() }
    }
}

impl Write for HeldBack {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        let rest = self.bytes.split_off(self.bytes.len().saturating_sub(5));
        self.stream.write_all(&std::mem::replace(&mut self.bytes, rest))?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// One frame from a server: not masked, at most 65,535 bytes.
pub fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(len @ 0..=125) => frame.push(len),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// Reads a frame of a client, which is masked: its opcode and payload. `None` at the end of the
/// connection.
pub fn client_frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).ok()?;
    assert!(head[1] & 0x80 != 0, "a client's frame is masked");
    let mut len = usize::from(head[1] & 0x7f);
    if len == 126 {
        let mut more = [0; 2];
        stream.read_exact(&mut more).ok()?;
        len = usize::from(u16::from_be_bytes(more));
    }
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).ok()?;
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload).ok()?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some((head[0] & 0x0f, payload))
}

/// Reads an upgrade request and answers it with 101 and these lines, `{accept}` replaced by the key's
/// answer. `None` at the end of the connection.
pub fn answer_upgrade(stream: &mut TcpStream, lines: &str) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let key = head.lines().find_map(|l| l.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or("");
    let lines = lines.replace("{accept}", &derive_accept_key(key.as_bytes()));
    let answer = format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n");
    stream.write_all(answer.as_bytes()).ok()
}

/// A process that is ended when this is dropped, also by a test that fails.
pub struct Background(pub Child);

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether SIGHUP is ignored here, and so by what is started.
pub fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or_default();
    u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1)
}

//! The process of a container, as Docker or Podman names it: by the socket of its service, or by the
//! command `docker`.

use serde_json::Value;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where the service listens, unless `DOCKER_HOST` names another place.
const SOCKET: &str = "/var/run/docker.sock";
/// How long the service may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// The most bytes of an answer that are read.
const MOST_ANSWER: u64 = 4 << 20;

/// Returns the id of a container's first process.
///
/// # Errors
/// A sentence with the remedy: there is no Docker, no such container, or it does not run.
pub(super) fn container_process(name: &str) -> io::Result<u32> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || !name.chars().all(legal) {
        return Err(io::Error::other(format!("{name:?} is no name of a container")));
    }
    let host = std::env::var("DOCKER_HOST").ok();
    match socket(host.as_deref()) {
        Some(path) if path.exists() => ask_service(&path, name),
        _ => ask_command(name),
    }
}

/// Returns the socket of the service; `None` if it is on another host.
fn socket(host: Option<&str>) -> Option<PathBuf> {
    match host.filter(|host| !host.is_empty()) {
        None => Some(PathBuf::from(SOCKET)),
        Some(host) => host.strip_prefix("unix://").map(PathBuf::from),
    }
}

fn ask_service(path: &Path, name: &str) -> io::Result<u32> {
    let failed = |error: io::Error| {
        let shown = path.display();
        io::Error::new(error.kind(), format!("Docker's socket {shown} cannot be used: {error}"))
    };
    let mut answer = Vec::new();
    let ask = |answer: &mut Vec<u8>| {
        let mut stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        // In version 1.0 no answer comes in chunks, and each ends with the connection.
        let request = format!("GET /containers/{name}/json HTTP/1.0\r\nHost: docker\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        stream.take(MOST_ANSWER).read_to_end(answer).map(drop)
    };
    ask(&mut answer).map_err(failed)?;
    process_of(&answer, name)
}

/// Reads the service's answer.
pub(super) fn process_of(answer: &[u8], name: &str) -> io::Result<u32> {
    let unreadable = || io::Error::other("Docker's answer cannot be read");
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(unreadable)?;
    match head.split_whitespace().nth(1) {
        Some("200") => {}
        Some("404") => return Err(io::Error::other(format!("Docker has no container {name:?}"))),
        _ => return Err(unreadable()),
    }
    let container: Value = serde_json::from_str(body).map_err(|_| unreadable())?;
    running(container["State"]["Pid"].as_u64(), name)
}

fn ask_command(name: &str) -> io::Result<u32> {
    let mut docker = Command::new("docker");
    docker.args(["inspect", "--type", "container", "--format", "{{.State.Pid}}", name]);
    let output = docker.stdin(Stdio::null()).output().map_err(|_| {
        io::Error::other(format!(
            "neither Docker's socket {SOCKET} nor the command `docker` is there: name the \
             container's `cgroup`, or the `pid` of its server"
        ))
    })?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        let why: String = why.lines().next().unwrap_or_default().chars().take(200).collect();
        return Err(io::Error::other(format!("`docker inspect {name}` failed: {why}")));
    }
    running(String::from_utf8_lossy(&output.stdout).trim().parse().ok(), name)
}

/// A container that has ended has process 0.
fn running(pid: Option<u64>, name: &str) -> io::Result<u32> {
    pid.and_then(|pid| u32::try_from(pid).ok())
        .filter(|pid| *pid > 0)
        .ok_or_else(|| io::Error::other(format!("the container {name:?} does not run")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_service_is_asked_at_its_socket() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("docker.sock");
        let service = UnixListener::bind(&path).expect("a socket");
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = service.accept().expect("a client");
            let mut request = [0; 256];
            let read = stream.read(&mut request).expect("a request");
            let answer = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n\
                          {\"State\":{\"Running\":true,\"Pid\":4711}}";
            stream.write_all(answer.as_bytes()).expect("it reads");
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        assert_eq!(ask_service(&path, "web").expect("it answers"), 4711);
        let request = answering.join().expect("it answered");
        assert!(request.starts_with("GET /containers/web/json HTTP/1.0\r\n"), "{request}");
        let why = ask_service(&folder.path().join("none"), "web").unwrap_err().to_string();
        assert!(why.contains("none cannot be used"), "{why}");
    }

    #[test]
    fn answers_without_a_process_say_why() {
        let why = |answer: &str| process_of(answer.as_bytes(), "web").unwrap_err().to_string();
        assert_eq!(why("HTTP/1.0 404 X\r\n\r\n{}"), "Docker has no container \"web\"");
        let ended = "HTTP/1.0 200 OK\r\n\r\n{\"State\":{\"Pid\":0}}";
        assert_eq!(why(ended), "the container \"web\" does not run");
        for answer in ["", "HTTP/1.0 500 X\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n<"] {
            assert_eq!(why(answer), "Docker's answer cannot be read");
        }
        for name in ["", "a/b", "a b", "../x"] {
            assert!(container_process(name).is_err(), "{name}");
        }
    }

    #[test]
    fn another_host_has_no_socket_here() {
        assert_eq!(socket(None), Some(PathBuf::from(SOCKET)));
        assert_eq!(socket(Some("")), Some(PathBuf::from(SOCKET)));
        assert_eq!(socket(Some("unix:///run/x")), Some(PathBuf::from("/run/x")));
        assert_eq!(socket(Some("tcp://a:1")), None);
    }
}

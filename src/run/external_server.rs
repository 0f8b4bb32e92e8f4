//! An external server that is started for one case: waits until it is ready, and ends it with all that
//! it started.

use crate::error::{Failure, Outcome};
use crate::feed;
use crate::feed::{PAYLOAD_VARIABLE, PayloadKind, RATE_VARIABLE, SIZE_VARIABLE};
use crate::os::{MARK_VARIABLE, ProcessMark, Signals, UsageOf};
use crate::plan::{Address, PORT, Plan, PlannedSeries, Server, StartCommand};
use crate::protocol::http1::Target;
use crate::run::free_port::free_port;
use crate::run::guard::Guard;
use crate::run::process_group::{LOOK, ProcessGroup, describe_exit};
use crate::run::readiness::{ATTEMPT, FirstAnswer, ReadyRequest};
use crate::run::server_cost::ServerCost;
use crate::time::now_ns;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// So many processes that could not be ended are named.
const MOST_LEFT: usize = 20;

/// An external server that was started.
pub(crate) struct ExternalServer {
    process: ProcessGroup,
    /// What all that it started has in its environment.
    mark: ProcessMark,
    /// Ends the server if this program is killed; dismissed after `process` has ended.
    guard: Option<Guard>,
    name: String,
    /// The `Host` of requests to it.
    pub authority: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Other addresses of its name, where it may listen instead.
    others: Vec<SocketAddr>,
    /// How long it may take until it is ready.
    ready_limit: Duration,
    /// What it answers once it is ready; `None` if it then accepts connections.
    ready: Option<ReadyRequest>,
}

impl ExternalServer {
    /// Starts the server of a series; `None` if it is not to be started.
    ///
    /// # Errors
    /// If another server listens at its address already, or it cannot be started.
    pub(crate) async fn start(
        plan: &Plan,
        series: &PlannedSeries,
        log: Option<&Path>,
    ) -> Outcome<Option<ExternalServer>> {
        let Server::External {
            url,
            authority,
            address,
            others,
            start: Some(start),
            credentials,
            ..
        } = plan.server_of(series)
        else {
            return Ok(None);
        };
        let mut start = start.clone();
        let authority = authority.clone();
        let credentials = credentials.clone();
        let mut at = Address { authority, credentials, socket: *address, others: others.clone() };
        if url.contains(PORT) {
            let port = free_port()?.to_string();
            start.words.iter_mut().for_each(|word| *word = word.replace(PORT, &port));
            at = Address::resolve(&url.replace(PORT, &port)).map_err(Failure::run)?;
        }
        let tls = plan.tls_of(series);
        let target = Target {
            authority: at.authority.clone(),
            credentials: at.credentials.clone(),
            path: series.path.clone(),
            bundled: false,
            tls: tls.is_some(),
        };
        let ready = ReadyRequest::new(start.ready_path.as_deref(), series, target, tls)?;
        let feed = (!plan.rate_unknown).then_some(&plan.feed);
        let cores = plan.server_cores();
        let server = ExternalServer::start_command(&start, feed, at, cores, log).await?;
        let guard = Guard::start(server.process.id(), &server.mark)?;
        Ok(Some(ExternalServer { ready, guard: Some(guard), ..server }))
    }

    async fn start_command(
        start: &StartCommand,
        feed: Option<&feed::Spec>,
        at: Address,
        cores: &[u32],
        log: Option<&Path>,
    ) -> Outcome<ExternalServer> {
        let Address { authority, socket: address, others, .. } = at;
        let name = start.words.join(" ");
        let Some((program, arguments)) = start.words.split_first() else {
            return Err(Failure::usage("the command line of the server is empty"));
        };
        if let Some(taken) = first_that_accepts(address, &others).await {
            return Err(Failure::run(format!(
                "something listens at {taken} before `{name}` is started: end it, or write \
                 {PORT} into the command line and its address for a free port"
            )));
        }
        let mut command = Command::new(program);
        command.args(arguments);
        if let Some(folder) = &start.folder {
            command.current_dir(folder);
        }
        if let Some(feed) = feed {
            command.env(RATE_VARIABLE, format!("{}/s", feed.rate_hz));
            command.env(SIZE_VARIABLE, format!("{}B", feed.payload_bytes));
            // What `wsbench serve` publishes.
            if PayloadKind::CHOICES.contains(&feed.kind) {
                command.env(PAYLOAD_VARIABLE, feed.kind.name());
            }
        }
        let mark = ProcessMark::new(now_ns());
        command.env(MARK_VARIABLE, &mark.0);
        let process = match log {
            Some(log) => ProcessGroup::start_logged(command, &format!("`{name}`"), cores, log)?,
            None => ProcessGroup::start_with_output(command, &format!("`{name}`"), cores)?,
        };
        Ok(ExternalServer {
            process: process.with_marked(mark.clone()),
            mark,
            guard: None,
            name,
            authority,
            address,
            others,
            ready_limit: Duration::from_nanos(start.ready_ns),
            ready: None,
        })
    }

    /// Waits until it accepts a connection and answers as one that is ready.
    ///
    /// # Errors
    /// A sentence, if it ends before, or is not ready within its limit.
    pub(crate) async fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + self.ready_limit;
        // Whether it has accepted a connection, and the status of its last answer.
        let mut listened = false;
        let mut status = None;
        loop {
            if !self.process.is_alive() {
                let when = format!("before it listened at {}", self.describe_addresses());
                return Err(self.describe_end(&when).await);
            }
            if let Some(address) = first_that_accepts(self.address, &self.others).await {
                self.address = address;
                listened = true;
                let Some(ready) = &self.ready else { return Ok(()) };
                let answer = ready.ask(address).await;
                if ready.is_met_by(answer) {
                    return Ok(());
                }
                if let FirstAnswer::Status(last) = answer {
                    status = Some(last);
                }
            }
            if Instant::now() >= deadline {
                return Err(self.describe_not_ready(listened, status));
            }
            sleep(LOOK).await;
        }
    }

    /// Describes that it was not ready in time: it has accepted a connection or not, and `status` is
    /// that of its last answer.
    fn describe_not_ready(&self, listened: bool, status: Option<u16>) -> String {
        let what = match &self.ready {
            Some(ready) if listened => ready.describe_unmet(status),
            _ => "did not listen".to_owned(),
        };
        // A status says enough.
        let ready = self.ready.as_ref().filter(|_| listened && status.is_none());
        let why = ready.and_then(ReadyRequest::why_unmet);
        let why = why.map(|why| format!(" (the last attempt: {why})")).unwrap_or_default();
        format!(
            "the server `{}` {what} at {} within {} s{why}{}",
            self.name,
            self.describe_addresses(),
            self.ready_limit.as_secs_f64(),
            self.process.tail.describe()
        )
    }

    /// What its processes have used, once it is ready.
    pub(crate) fn cost(&self) -> ServerCost {
        ServerCost::of_started(self.process.id(), &self.mark, self.address.port())
    }

    fn describe_addresses(&self) -> String {
        let all = std::iter::once(&self.address).chain(&self.others);
        all.map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }

    /// Describes how it ended, if no process of its group runs any more.
    pub(crate) async fn describe_if_gone(&mut self) -> Option<String> {
        if self.process.is_alive() {
            None
        } else {
            Some(self.describe_end("before it was asked to").await)
        }
    }

    /// Says that a signal has stopped it, or a process that it started: it answers nobody then.
    pub(crate) fn describe_stopped(&self) -> Option<String> {
        let pid = UsageOf::started(self.process.id(), &self.mark).stopped()?;
        Some(format!(
            "the server was stopped: process {pid} of `{}` was in state T (SIGSTOP)",
            self.name
        ))
    }

    async fn describe_end(&mut self, when: &str) -> String {
        self.process.tail.wait_for_end().await;
        let status = self.process.exit_status().map_or("ended".to_owned(), describe_exit);
        format!("the server `{}` {status} {when}{}", self.name, self.process.tail.describe())
    }

    /// Ends it with all that it started: SIGTERM, and SIGKILL after the limit. Returns a sentence on
    /// processes that run all the same.
    ///
    /// # Errors
    /// If a signal asks to end at once: then it is killed.
    pub(crate) async fn end(
        self,
        limit: Duration,
        signals: &mut Signals,
    ) -> Outcome<Option<String>> {
        let ExternalServer { process, guard, name, .. } = self;
        let left = tokio::select! {
            biased;
            left = process.end(limit) => left,
            caught = signals.next() => return Err(Failure::signal(caught)),
        };
        drop(guard);
        Ok(describe_left(&name, &left))
    }
}

/// Says which processes of a started server run all the same; `None` if there are none.
fn describe_left(name: &str, left: &[i32]) -> Option<String> {
    let shown = left.iter().take(MOST_LEFT).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = match left.len().saturating_sub(MOST_LEFT) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!left.is_empty()).then(|| {
        format!(
            "processes that `{name}` started could not be ended and run on: {shown}{more}; end them yourself"
        )
    })
}

/// Returns the first of a server's addresses that accepts a connection.
async fn first_that_accepts(address: SocketAddr, others: &[SocketAddr]) -> Option<SocketAddr> {
    for &address in std::iter::once(&address).chain(others) {
        if can_connect(address).await {
            return Some(address);
        }
    }
    None
}

/// Waits until one of a server's addresses accepts a connection, and returns the first one that does;
/// `None` if none does within the limit.
pub(crate) async fn first_that_accepts_within(
    limit: Duration,
    address: SocketAddr,
    others: &[SocketAddr],
) -> Option<SocketAddr> {
    let deadline = Instant::now() + limit;
    loop {
        let found = first_that_accepts(address, others).await;
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        sleep(LOOK).await;
    }
}

async fn can_connect(address: SocketAddr) -> bool {
    let attempt = tokio::time::timeout(ATTEMPT, TcpStream::connect(address)).await;
    // If nobody listens, the kernel may give the attempt that very port: it connects to itself.
    let other = |stream: TcpStream| stream.local_addr().is_ok_and(|own| own != address);
    attempt.is_ok_and(|connected| connected.is_ok_and(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::group_alive;
    use crate::result::Cost;
    use std::net::{Ipv4Addr, TcpListener};

    fn on_a_runtime<T>(test: impl AsyncFnOnce() -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime starts").block_on(test())
    }

    fn address() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, free_port().expect("a port is free")).into()
    }

    async fn start(words: &[&str], socket: SocketAddr, limit_ms: u64) -> Outcome<ExternalServer> {
        let at = Address {
            authority: socket.to_string(),
            credentials: None,
            socket,
            others: Vec::new(),
        };
        ExternalServer::start_command(&command(words, limit_ms), None, at, &[], None).await
    }

    fn command(words: &[&str], limit_ms: u64) -> StartCommand {
        StartCommand {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            ready_ns: limit_ms * 1_000_000,
            ready_path: None,
            folder: None,
            keep_output: false,
        }
    }

    async fn shell(script: &str, socket: SocketAddr, limit_ms: u64) -> ExternalServer {
        start(&["sh", "-c", script], socket, limit_ms).await.expect("a shell starts")
    }

    /// Waits until a file has a line.
    async fn line(path: &std::path::Path) -> String {
        loop {
            match std::fs::read_to_string(path) {
                Ok(text) if text.ends_with('\n') => return text,
                _ => sleep(LOOK).await,
            }
        }
    }

    #[test]
    fn the_first_address_that_accepts_is_taken() {
        let silent = address();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let alive = listener.local_addr().expect("it has one");
        on_a_runtime(async || {
            assert_eq!(first_that_accepts(silent, &[alive]).await, Some(alive));
            assert_eq!(first_that_accepts(alive, &[silent]).await, Some(alive));
            assert_eq!(first_that_accepts(silent, &[]).await, None);
        });
    }

    #[test]
    fn a_server_that_is_about_to_start_is_waited_for_at_all_its_addresses() {
        let (silent, late) = (address(), address());
        let starting = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            TcpListener::bind(late).expect("nobody listens there")
        });
        on_a_runtime(async || {
            let limit = Duration::from_secs(60);
            assert_eq!(first_that_accepts_within(limit, silent, &[late]).await, Some(late));
            assert_eq!(first_that_accepts_within(Duration::ZERO, silent, &[]).await, None);
        });
        drop(starting.join());
    }

    #[test]
    fn a_server_that_ends_before_it_listens_is_described() {
        let why = on_a_runtime(async || {
            let mut server = shell("echo it says; echo why >&2; exit 7", address(), 60_000).await;
            server.wait_until_ready().await.unwrap_err()
        });
        assert!(why.contains("ended with exit code 7 before it listened at 127.0.0.1:"), "{why}");
        assert!(why.ends_with("; its last output:\n    it says\n    why"), "{why}");
    }

    #[test]
    fn a_server_that_never_listens_is_given_up() {
        let why = on_a_runtime(async || {
            let mut server = shell("echo hm >&2; sleep 600", address(), 300).await;
            server.wait_until_ready().await.unwrap_err()
        });
        assert!(why.contains("did not listen at 127.0.0.1:"), "{why}");
        assert!(why.contains("within 0.3 s") && why.ends_with("hm"), "{why}");
    }

    #[test]
    fn an_address_in_use_is_refused_before_the_start() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has one");
        let refused = on_a_runtime(async || start(&["sleep", "600"], address, 0).await.err());
        let message = refused.expect("somebody listens").message;
        assert!(message.contains("before `sleep 600` is started"), "{message}");
    }

    /// A server of several processes, one of which ignores SIGTERM.
    #[test]
    fn all_of_a_group_are_ended() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let file = dir.path().join("ready");
        let script = format!(
            "(trap '' TERM; sleep 600 & sleep 600) & (sleep 600) & echo x > {}; sleep 600",
            file.display()
        );
        on_a_runtime(async || {
            let server = shell(&script, address(), 0).await;
            line(&file).await;
            let group = server.process.id();
            if cfg!(target_os = "linux") {
                let usage = UsageOf::started(group, &server.mark).read();
                assert!(usage.is_ok_and(|usage| usage.processes >= 3));
            }
            server.process.end(Duration::from_millis(200)).await;
            assert!(!group_alive(group));
        });
    }

    #[test]
    fn a_dropped_server_is_killed_with_its_children() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let file = dir.path().join("ready");
        let script = format!("sleep 600 & echo x > {}; sleep 600", file.display());
        let group = on_a_runtime(async || {
            let server = shell(&script, address(), 0).await;
            line(&file).await;
            server.process.id()
        });
        // The kernel needs a moment to end them.
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while group_alive(group) && std::time::Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        assert!(!group_alive(group));
    }

    #[test]
    fn a_group_is_alive_after_its_first_process_ended() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let file = dir.path().join("ready");
        let script = format!("sleep 600 & echo x > {}", file.display());
        on_a_runtime(async || {
            let mut server = shell(&script, address(), 0).await;
            line(&file).await;
            let ended = async {
                while server.process.exit_status().is_none() {
                    sleep(LOOK).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it ends");
            assert_eq!(server.describe_if_gone().await, None);
            let group = server.process.id();
            server.process.end(Duration::from_secs(10)).await;
            assert!(!group_alive(group));
        });
    }

    #[cfg(all(target_os = "linux", not(feature = "portable")))]
    #[test]
    fn the_cost_is_unknown_if_another_process_listens() {
        on_a_runtime(async || {
            let address = address();
            let mut server = shell("sleep 600", address, 60_000).await;
            // As a container's process would, which is not in the group.
            let _listener = TcpListener::bind(address).expect("nobody listens there");
            server.wait_until_ready().await.expect("something listens");
            let line = server.cost().result_line(0, Cost::default());
            let why = line.unknown.expect("it cannot be known");
            assert!(why.contains("another process than those of the command line"), "{why}");
        });
    }

    /// Answers a request: 503 to the first, then 204.
    fn becoming_ready() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has one");
        std::thread::spawn(move || {
            let mut asked = 0;
            for mut stream in listener.incoming().flatten() {
                use std::io::{Read, Write};
                let mut request = [0; 512];
                // A connection that only looks whether somebody listens asks nothing.
                if !matches!(stream.read(&mut request), Ok(1..)) {
                    continue;
                }
                asked += 1;
                let status = if asked == 1 { "503 Starting" } else { "204 No Content" };
                let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            }
        });
        address
    }

    #[test]
    fn a_server_with_a_ready_path_is_ready_once_it_answers_with_success() {
        on_a_runtime(async || {
            let mut server = shell("echo hm >&2; sleep 600", address(), 60_000).await;
            server.ready = Some(ReadyRequest::of_test("/health", true, None));
            server.address = becoming_ready();
            assert_eq!(server.wait_until_ready().await, Ok(()));
            (server.address, server.ready_limit) = (becoming_ready(), Duration::ZERO);
            let why = server.wait_until_ready().await.unwrap_err();
            assert!(why.contains("answered /health with status 503, not 2xx, at"), "{why}");
        });
    }

    #[test]
    fn the_output_of_a_server_is_kept_in_a_file_and_its_end_is_shown() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let log = dir.path().join("server.log");
        std::fs::write(&log, "before\n").expect("it can be written");
        let why = on_a_runtime(async || {
            let socket = address();
            let at = Address {
                authority: socket.to_string(),
                credentials: None,
                socket,
                others: Vec::new(),
            };
            let words = ["sh", "-c", "pwd; echo two >&2; exit 7"];
            let mut start = command(&words, 60_000);
            start.folder = Some(std::path::PathBuf::from("/"));
            let started = ExternalServer::start_command(&start, None, at, &[], Some(&log)).await;
            started.expect("it starts").wait_until_ready().await.unwrap_err()
        });
        assert!(why.contains("ended with exit code 7 before it listened"), "{why}");
        assert!(
            why.ends_with(&format!("; the end of {}:\n    /\n    two", log.display())),
            "{why}"
        );
        assert_eq!(std::fs::read_to_string(&log).expect("it is there"), "before\n/\ntwo\n");
    }

    #[test]
    fn processes_that_could_not_be_ended_are_named() {
        assert_eq!(describe_left("serve", &[]), None);
        let one = describe_left("serve", &[4711]);
        let said =
            "processes that `serve` started could not be ended and run on: 4711; end them yourself";
        assert_eq!(one.as_deref(), Some(said));
        let all: Vec<i32> = (1..=23).collect();
        let many = describe_left("serve", &all).unwrap_or_default();
        assert!(many.ends_with("19, 20 and 3 more; end them yourself"), "{many}");
    }
}

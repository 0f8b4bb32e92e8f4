//! An external server that is started for one case: waits until it listens, reads what it costs, ends
//! it with all that it started.

use crate::error::{Failure, Outcome, at};
use crate::os::{GroupCost, Signals, group_cost, group_listens};
use crate::plan::{Address, Server};
use crate::result::{Cost, ServerEnd};
use crate::run::process_group::{LOOK, ProcessGroup, describe_exit};
use crate::run::protocol::ResourceSample;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// The longest that one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(1);
/// Stands for a free port in a command line and its address.
pub(crate) const PORT: &str = "{port}";
/// The least port given: all have five digits, and so has every request that names one.
const LEAST_PORT: u16 = 10_000;

/// An external server that was started.
pub(crate) struct ExternalServer {
    process: ProcessGroup,
    name: String,
    /// The `Host` of requests to it.
    pub authority: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Other addresses of its name, where it may listen instead.
    others: Vec<SocketAddr>,
    /// How long it may take until it listens.
    ready_limit: Duration,
    last_cpu_ns: u64,
    /// Why its cost is not known, if it is not.
    cost_unknown: Option<String>,
}

impl ExternalServer {
    /// Starts a server of a plan; `None` if it is not to be started.
    ///
    /// # Errors
    /// If another server listens at its address already, or it cannot be started.
    pub(crate) async fn start(server: &Server) -> Outcome<Option<ExternalServer>> {
        let Server::External { url, authority, address, others, start: Some(start) } = server
        else {
            return Ok(None);
        };
        let mut words = start.words.clone();
        let (authority, others) = (authority.clone(), others.clone());
        let mut at = Address { authority, socket: *address, others };
        if url.contains(PORT) {
            let port = free_port()?.to_string();
            words.iter_mut().for_each(|word| *word = word.replace(PORT, &port));
            at = Address::resolve(&url.replace(PORT, &port)).map_err(Failure::run)?;
        }
        let ready_limit = Duration::from_nanos(start.ready_ns);
        ExternalServer::start_command(&words, at, ready_limit).await.map(Some)
    }

    async fn start_command(
        words: &[String],
        at: Address,
        ready_limit: Duration,
    ) -> Outcome<ExternalServer> {
        let Address { authority, socket: address, others } = at;
        let name = words.join(" ");
        let Some((program, arguments)) = words.split_first() else {
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
        let process = ProcessGroup::start(command, &format!("`{name}`"))?;
        Ok(ExternalServer {
            process,
            name,
            authority,
            address,
            others,
            ready_limit,
            last_cpu_ns: 0,
            cost_unknown: None,
        })
    }

    /// Waits until it accepts a connection.
    ///
    /// # Errors
    /// A sentence, if it ends before, or does not listen within its limit.
    pub(crate) async fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + self.ready_limit;
        loop {
            if !self.process.is_alive() {
                let when = format!("before it listened at {}", self.describe_addresses());
                return Err(self.describe_end(&when).await);
            }
            if let Some(address) = first_that_accepts(self.address, &self.others).await {
                self.address = address;
                break;
            }
            if Instant::now() >= deadline {
                let output = self.process.tail.describe();
                let seconds = self.ready_limit.as_secs_f64();
                return Err(format!(
                    "the server `{}` did not listen at {} within {seconds} s{output}",
                    self.name,
                    self.describe_addresses()
                ));
            }
            sleep(LOOK).await;
        }
        if group_listens(self.process.id(), self.address.port()) == Some(false) {
            self.cost_unknown = Some(
                "another process than those of the command line listens: a container's, or one \
                 that left its process group"
                    .to_owned(),
            );
        }
        Ok(())
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

    async fn describe_end(&mut self, when: &str) -> String {
        self.process.tail.wait_for_end().await;
        let status = self.process.exit_status().map_or("ended".to_owned(), describe_exit);
        format!("the server `{}` {status} {when}{}", self.name, self.process.tail.describe())
    }

    /// Returns what its process group has used so far.
    fn cost(&self) -> Result<GroupCost, String> {
        match &self.cost_unknown {
            Some(why) => Err(why.clone()),
            None => group_cost(self.process.id()).map_err(|error| error.to_string()),
        }
    }

    /// Returns what it has used so far; zeros if that is not known.
    pub(crate) fn sample(&mut self) -> ResourceSample {
        let cost = match self.cost() {
            Ok(cost) if cost.cpu_ns < self.last_cpu_ns => {
                Err("a process of the server ended, and its CPU time is not known".to_owned())
            }
            read => read,
        };
        match cost {
            Ok(cost) => {
                self.last_cpu_ns = cost.cpu_ns;
                ResourceSample { cpu_ns: cost.cpu_ns, resident: cost.resident }
            }
            Err(why) => {
                self.cost_unknown.get_or_insert(why);
                ResourceSample::default()
            }
        }
    }

    /// Returns its line in the result.
    pub(crate) fn result_line(&self, case: u32, cost: Cost) -> ServerEnd {
        let unknown = self.cost_unknown.clone();
        ServerEnd { case, cost, foreign: true, unknown, ..ServerEnd::default() }
    }

    /// Ends it with all that it started: SIGTERM, and SIGKILL after the limit.
    ///
    /// # Errors
    /// If a signal asks to end at once: then it is killed.
    pub(crate) async fn end(self, limit: Duration, signals: &mut Signals) -> Outcome<()> {
        tokio::select! {
            biased;
            () = self.process.end(limit) => Ok(()),
            caught = signals.next() => Err(Failure::signal(caught)),
        }
    }
}

/// Returns the first of a server's addresses that accepts a connection.
pub(crate) async fn first_that_accepts(
    address: SocketAddr,
    others: &[SocketAddr],
) -> Option<SocketAddr> {
    for &address in std::iter::once(&address).chain(others) {
        if can_connect(address).await {
            return Some(address);
        }
    }
    None
}

async fn can_connect(address: SocketAddr) -> bool {
    let attempt = tokio::time::timeout(ATTEMPT, TcpStream::connect(address)).await;
    // If nobody listens, the kernel may give the attempt that very port: it connects to itself.
    let other = |stream: TcpStream| stream.local_addr().is_ok_and(|own| own != address);
    attempt.is_ok_and(|connected| connected.is_ok_and(other))
}

/// Returns a port of five digits that is free on this host now.
///
/// # Errors
/// If none was found.
pub(crate) fn free_port() -> Outcome<u16> {
    // Kept open until one is found, so that none comes twice.
    let mut held = Vec::new();
    for _ in 0..64 {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(at("cannot find a free port"))?;
        let port = listener.local_addr().map_err(at("cannot find a free port"))?.port();
        if port >= LEAST_PORT {
            return Ok(port);
        }
        held.push(listener);
    }
    Err(Failure::run(format!("found no free port from {LEAST_PORT} on")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::group_alive;

    fn on_a_runtime<T>(test: impl AsyncFnOnce() -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime starts").block_on(test())
    }

    fn address() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, free_port().expect("a port is free")).into()
    }

    async fn start(words: &[&str], socket: SocketAddr, limit_ms: u64) -> Outcome<ExternalServer> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let at = Address { authority: socket.to_string(), socket, others: Vec::new() };
        ExternalServer::start_command(&words, at, Duration::from_millis(limit_ms)).await
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
    fn a_server_that_ends_before_it_listens_is_described() {
        let why = on_a_runtime(async || {
            let mut server = shell("echo one >&2; echo two >&2; exit 7", address(), 60_000).await;
            server.wait_until_ready().await.unwrap_err()
        });
        assert!(why.contains("ended with exit code 7 before it listened at 127.0.0.1:"), "{why}");
        assert!(why.ends_with("; its last output:\n    one\n    two"), "{why}");
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
                assert!(server.cost().is_ok_and(|c| c.processes >= 3));
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
            while server.process.exit_status().is_none() {
                sleep(LOOK).await;
            }
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
            let why = server.cost().unwrap_err();
            assert!(why.contains("another process than those of the command line"), "{why}");
        });
    }

    #[test]
    fn free_ports_have_five_digits() {
        assert!(free_port().is_ok_and(|port| port >= LEAST_PORT));
    }
}

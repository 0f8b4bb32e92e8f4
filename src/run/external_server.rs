//! A server that is not ours, started for a case: waiting until it listens, asking what it costs,
//! ending it with all that it started.
//!
//! Separate from `process`, whose children speak our lines: here nothing is said, and an end has
//! to be asked for by signals.

use crate::error::{Failure, Outcome, at};
use crate::os::{GroupCost, group_alive, group_cost, group_listens};
use crate::run::output_tail::Tail;
use rustix::process::{Pid, Signal, kill_process_group};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// Between two attempts to connect to a server that is to come.
const LOOK: Duration = Duration::from_millis(10);
/// The longest that one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(1);
/// After SIGKILL nobody can refuse; it takes the kernel a moment.
const KILLED: Duration = Duration::from_secs(2);
/// In a command line and its address, where a free port is put in.
pub(crate) const PORT: &str = "{port}";
/// The least port given: so all have five digits, and so does every request that names it.
const LEAST_PORT: u16 = 10_000;

/// A process with a group of its own. Where it is dropped, all of the group are killed.
pub(crate) struct Grouped {
    child: Child,
    group: u32,
    /// How it ended, once it has been waited for.
    status: Option<ExitStatus>,
    /// The end of its standard error.
    pub tail: Tail,
}

impl Grouped {
    /// Starts a program in a group of its own, without input and with its standard error kept.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) fn start(mut command: Command, name: &str) -> Outcome<Grouped> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(at(format!("cannot start {name}")))?;
        let group = child.id().ok_or_else(|| Failure::run(format!("{name} has no number")))?;
        let tail = child.stderr.take().map(Tail::of).unwrap_or_default();
        Ok(Grouped { child, group, status: None, tail })
    }

    /// How it ended; `None` while it runs, and where the system does not tell.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub(crate) async fn wait(&mut self) -> Outcome<ExitStatus> {
        let status = self.child.wait().await.map_err(at("cannot wait for a process"))?;
        self.status = Some(status);
        Ok(status)
    }

    /// The group's number.
    pub(crate) fn group(&self) -> u32 {
        self.group
    }

    /// True where any of the group runs.
    pub(crate) fn alive(&mut self) -> bool {
        self.ended().is_none() || group_alive(self.group)
    }

    /// Asks all of the group to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        // Nobody is left where this fails.
        if let Some(group) = Pid::from_raw(self.group.cast_signed()) {
            let _ = kill_process_group(group, signal);
        }
    }

    /// Asks all of the group to end, and kills them after the limit.
    pub(crate) async fn end(mut self, limit: Duration) {
        self.terminate();
        self.until_gone(limit).await;
        self.signal(Signal::KILL);
        self.until_gone(KILLED).await;
    }

    async fn until_gone(&mut self, limit: Duration) {
        let until = Instant::now() + limit;
        while self.alive() && Instant::now() < until {
            sleep(LOOK).await;
        }
    }
}

impl Drop for Grouped {
    fn drop(&mut self) {
        // The number of a group that is gone may be somebody else's by now.
        if self.alive() {
            self.signal(Signal::KILL);
        }
    }
}

/// A foreign server that was started.
pub(crate) struct Foreign {
    process: Grouped,
    name: String,
    address: SocketAddr,
    /// Why its cost cannot be known, where that is so.
    unknown: Option<String>,
}

impl Foreign {
    /// Starts a server from the words of its command line.
    ///
    /// # Errors
    /// Where somebody else listens at its address already, or it cannot be started.
    pub(crate) async fn start(words: &[String], address: SocketAddr) -> Outcome<Foreign> {
        let name = words.join(" ");
        let Some((program, arguments)) = words.split_first() else {
            return Err(Failure::usage("the command line of the server is empty"));
        };
        if connects(address).await {
            return Err(Failure::run(format!(
                "something listens at {address} before `{name}` is started: end it, or write \
                 {PORT} into the command line and its address for a free port"
            )));
        }
        let mut command = Command::new(program);
        command.args(arguments);
        let process = Grouped::start(command, &format!("`{name}`"))?;
        Ok(Foreign { process, name, address, unknown: None })
    }

    /// Waits until it accepts a connection.
    ///
    /// # Errors
    /// A sentence, where it ends before or does not within the limit.
    pub(crate) async fn ready(&mut self, limit: Duration) -> Result<(), String> {
        let until = Instant::now() + limit;
        loop {
            if !self.process.alive() {
                let how = format!("before it listened at {}", self.address);
                return Err(self.ending(&how).await);
            }
            if connects(self.address).await {
                break;
            }
            if Instant::now() >= until {
                let words = self.process.tail.words();
                let seconds = limit.as_secs_f64();
                return Err(format!(
                    "the server `{}` did not listen at {} within {seconds} s{words}",
                    self.name, self.address
                ));
            }
            sleep(LOOK).await;
        }
        if group_listens(self.process.group(), self.address.port()) == Some(false) {
            self.unknown = Some(
                "another process than those of the command line listens: a container's, or one \
                 that left its process group"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// How it ended, where no process of its group runs any more.
    pub(crate) async fn gone(&mut self) -> Option<String> {
        match self.process.alive() {
            true => None,
            false => Some(self.ending("before it was asked to").await),
        }
    }

    async fn ending(&mut self, when: &str) -> String {
        self.process.tail.settle().await;
        let status = self.process.ended().map_or_else(|| "ended".to_owned(), ended);
        format!("the server `{}` {status} {when}{}", self.name, self.process.tail.words())
    }

    /// What its process group has used so far.
    ///
    /// # Errors
    /// A clause, where that cannot be known.
    pub(crate) fn cost(&self) -> Result<GroupCost, String> {
        match &self.unknown {
            Some(why) => Err(why.clone()),
            None => group_cost(self.process.group()).map_err(|error| error.to_string()),
        }
    }

    /// Ends it with all that it started: SIGTERM, and SIGKILL after the limit.
    pub(crate) async fn end(self, limit: Duration) {
        self.process.end(limit).await;
    }
}

/// A status as the end of a sentence: `ended with exit code 1`.
pub(crate) fn ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

async fn connects(address: SocketAddr) -> bool {
    let attempt = tokio::time::timeout(ATTEMPT, TcpStream::connect(address)).await;
    // Where nobody listens, the kernel may give the attempt that very port: it meets itself.
    let other = |stream: TcpStream| stream.local_addr().is_ok_and(|own| own != address);
    attempt.is_ok_and(|connected| connected.is_ok_and(other))
}

/// A port that is free on this host now, of five digits.
///
/// # Errors
/// Where none was found.
pub(crate) fn free_port() -> Outcome<u16> {
    // Held until one is found, so that none comes twice.
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

    fn on_a_runtime<T>(test: impl AsyncFnOnce() -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime starts").block_on(test())
    }

    fn address() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, free_port().expect("a port is free")).into()
    }

    async fn shell(script: &str, address: SocketAddr) -> Foreign {
        let words = ["sh", "-c", script].map(str::to_owned);
        Foreign::start(&words, address).await.expect("a shell starts")
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
    fn one_that_ends_before_it_listens_says_how() {
        let why = on_a_runtime(async || {
            let mut server = shell("echo one >&2; echo two >&2; exit 7", address()).await;
            server.ready(Duration::from_secs(60)).await.unwrap_err()
        });
        assert!(why.contains("ended with exit code 7 before it listened at 127.0.0.1:"), "{why}");
        assert!(why.ends_with("; its last words:\n    one\n    two"), "{why}");
    }

    #[test]
    fn one_that_never_listens_is_given_up() {
        let why = on_a_runtime(async || {
            let mut server = shell("echo hm >&2; sleep 600", address()).await;
            server.ready(Duration::from_millis(300)).await.unwrap_err()
        });
        assert!(why.contains("did not listen at 127.0.0.1:"), "{why}");
        assert!(why.contains("within 0.3 s") && why.ends_with("hm"), "{why}");
    }

    #[test]
    fn an_address_that_is_taken_is_not_taken_for_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has one");
        let words = ["sleep".to_owned(), "600".to_owned()];
        let refused = on_a_runtime(async || Foreign::start(&words, address).await.err());
        let message = refused.expect("somebody listens").message;
        assert!(message.contains("before `sleep 600` is started"), "{message}");
    }

    /// A server of several processes, one of which does not obey SIGTERM.
    #[test]
    fn all_of_a_group_are_ended() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let file = dir.path().join("ready");
        let script = format!(
            "(trap '' TERM; sleep 600 & sleep 600) & (sleep 600) & echo x > {}; sleep 600",
            file.display()
        );
        on_a_runtime(async || {
            let server = shell(&script, address()).await;
            line(&file).await;
            let group = server.process.group();
            if cfg!(target_os = "linux") {
                assert!(server.cost().is_ok_and(|c| c.processes >= 3));
            }
            server.end(Duration::from_millis(200)).await;
            assert!(!group_alive(group));
        });
    }

    #[test]
    fn one_that_is_dropped_is_killed_with_its_children() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let file = dir.path().join("ready");
        let script = format!("sleep 600 & echo x > {}; sleep 600", file.display());
        let group = on_a_runtime(async || {
            let server = shell(&script, address()).await;
            line(&file).await;
            server.process.group()
        });
        // The kernel ends them when it comes to them.
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while group_alive(group) && std::time::Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        assert!(!group_alive(group));
    }

    #[test]
    fn one_whose_first_process_ends_lives_on_in_its_group() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let file = dir.path().join("ready");
        let script = format!("sleep 600 & echo x > {}", file.display());
        on_a_runtime(async || {
            let mut server = shell(&script, address()).await;
            line(&file).await;
            while server.process.ended().is_none() {
                sleep(LOOK).await;
            }
            assert_eq!(server.gone().await, None);
            let group = server.process.group();
            server.end(Duration::from_secs(10)).await;
            assert!(!group_alive(group));
        });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_cost_of_another_that_listens_is_not_told() {
        on_a_runtime(async || {
            let address = address();
            let mut server = shell("sleep 600", address).await;
            // As a container's process would, which is none of the group.
            let _listener = TcpListener::bind(address).expect("nobody listens there");
            server.ready(Duration::from_secs(60)).await.expect("somebody listens");
            let why = server.cost().unwrap_err();
            assert!(why.contains("another process than those of the command line"), "{why}");
        });
    }

    #[test]
    fn free_ports_have_five_digits() {
        assert!(free_port().is_ok_and(|port| port >= LEAST_PORT));
    }
}

//! The processes of one case: what each has said so far, and waiting until they have said enough.

use crate::error::{Failure, Outcome};
use crate::os::{Caught, Signals};
use crate::result::file::Line;
use crate::run::process::{Heard, Process};
use crate::run::protocol::{FromDriver, FromServer, ToDriver, ToServer};
use crate::run::{Note, Sink, Watcher};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// What was heard, and from which process of its kind.
pub(crate) enum Said {
    /// From a driver.
    Driver(usize, Heard<FromDriver>),
    /// From a server.
    Server(usize, Heard<FromServer>),
}

/// A driver process and what it said last.
pub(crate) struct DriverState {
    process: Process,
    /// It has said hello.
    pub hello: bool,
    /// Clients connected, failed; events, faults.
    pub progress: (u32, u32, u64, u64),
    /// Clients connected and the nanoseconds it took, once all are settled.
    pub ready: Option<(u32, u64)>,
    /// A calibration step: due, completed, lag.
    pub step: Option<(u64, u64, Option<u64>)>,
    /// It has come to the end of the schedule.
    pub finished: bool,
    /// It has given its last line.
    pub ended: bool,
    /// It is gone.
    pub gone: bool,
}

/// A server process and what it said last.
pub(crate) struct ServerState {
    process: Process,
    /// Where it listens.
    pub address: Option<SocketAddr>,
    /// CPU nanoseconds, resident bytes: the last sample.
    pub cost: Option<(u64, u64)>,
    /// It has given its last line.
    pub ended: bool,
    /// It is gone.
    pub gone: bool,
}

/// All processes of a case.
pub(crate) struct Processes {
    /// The drivers.
    pub drivers: Vec<DriverState>,
    /// The servers.
    pub servers: Vec<ServerState>,
    /// Processes that were lost, and how.
    pub lost: Vec<String>,
    heard: UnboundedReceiver<Said>,
    to_heard: UnboundedSender<Said>,
    stopping: bool,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// What was waited for is true, or can never be: all that it depends on are gone.
    Met,
    /// Time is over.
    Late,
    /// A signal came.
    Caught(Caught),
}

impl Processes {
    /// Nobody yet.
    pub(crate) fn new() -> Processes {
        let (to_heard, heard) = unbounded_channel();
        Processes {
            drivers: Vec::new(),
            servers: Vec::new(),
            lost: Vec::new(),
            heard,
            to_heard,
            stopping: false,
        }
    }

    /// Starts a driver process.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) async fn add_driver(
        &mut self,
        name: String,
        first: &impl serde::Serialize,
    ) -> Outcome<()> {
        let index = self.drivers.len();
        let wrap = move |heard| Said::Driver(index, heard);
        let process = Process::start("worker", name, first, self.to_heard.clone(), wrap).await?;
        self.drivers.push(DriverState {
            process,
            hello: false,
            progress: (0, 0, 0, 0),
            ready: None,
            step: None,
            finished: false,
            ended: false,
            gone: false,
        });
        Ok(())
    }

    /// Starts a server process.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) async fn add_server(
        &mut self,
        name: String,
        first: &impl serde::Serialize,
    ) -> Outcome<()> {
        let index = self.servers.len();
        let wrap = move |heard| Said::Server(index, heard);
        let process = Process::start("server", name, first, self.to_heard.clone(), wrap).await?;
        let state = ServerState { process, address: None, cost: None, ended: false, gone: false };
        self.servers.push(state);
        Ok(())
    }

    /// Gives every driver a word. One that does not listen is gone, which is heard in its own
    /// way.
    pub(crate) async fn tell_drivers(&mut self, word: &ToDriver) {
        for driver in self.drivers.iter_mut().filter(|d| !d.gone) {
            let _ = driver.process.send(word).await;
        }
    }

    /// Gives a server a word; the same holds.
    pub(crate) async fn tell_server(&mut self, index: usize, word: &ToServer) {
        let server = &mut self.servers[index];
        if !server.gone {
            let _ = server.process.send(word).await;
        }
    }

    /// From now on a process that ends is no loss, and a signal ends everything at once.
    pub(crate) fn stopping(&mut self) {
        self.stopping = true;
    }

    /// Waits until `met` says so, taking in what is heard meanwhile.
    ///
    /// # Errors
    /// Where the result cannot be written, or a second signal asks to end at once.
    pub(crate) async fn wait(
        &mut self,
        limit: Duration,
        sink: &mut Sink,
        signals: &mut Signals,
        watcher: Watcher<'_>,
        met: impl Fn(&Processes) -> bool,
    ) -> Outcome<Waited> {
        let deadline = Instant::now() + limit;
        loop {
            if met(self) {
                return Ok(Waited::Met);
            }
            tokio::select! {
                biased;
                caught = signals.next() => {
                    if self.stopping {
                        return Err(Failure::signal(caught));
                    }
                    return Ok(Waited::Caught(caught));
                }
                // A sender is kept in `self`: the channel never ends.
                Some(said) = self.heard.recv() => self.take_in(said, sink, watcher)?,
                () = tokio::time::sleep_until(deadline) => return Ok(Waited::Late),
            }
        }
    }

    fn take_in(&mut self, said: Said, sink: &mut Sink, watcher: Watcher<'_>) -> Outcome<()> {
        match said {
            Said::Driver(index, Heard::Line(line)) => self.driver_said(index, line, sink, watcher),
            Said::Server(index, Heard::Line(line)) => self.server_said(index, line, sink),
            Said::Driver(index, Heard::Gone(why)) => {
                let driver = &mut self.drivers[index];
                driver.gone = true;
                if !driver.ended {
                    let word = format!("{} {why}", driver.process.name());
                    self.lose(word, watcher);
                }
                Ok(())
            }
            Said::Server(index, Heard::Gone(why)) => {
                let server = &mut self.servers[index];
                server.gone = true;
                if !server.ended {
                    let word = format!("{} {why}", server.process.name());
                    self.lose(word, watcher);
                }
                Ok(())
            }
        }
    }

    /// Notes that a process was lost, and how.
    pub(crate) fn lose(&mut self, word: String, watcher: Watcher<'_>) {
        watcher(Note::Word(format!("lost a process: {word}")));
        self.lost.push(word);
    }

    fn driver_said(
        &mut self,
        index: usize,
        line: FromDriver,
        sink: &mut Sink,
        watcher: Watcher<'_>,
    ) -> Outcome<()> {
        let driver = &mut self.drivers[index];
        match line {
            FromDriver::Hello { .. } => driver.hello = true,
            FromDriver::Progress { connected, failed, events, faults } => {
                driver.progress = (connected, failed, events, faults);
                watcher(self.progress());
            }
            FromDriver::Ready { connected, wall_ns } => driver.ready = Some((connected, wall_ns)),
            FromDriver::Step { due, completed, lag_p99_ns } => {
                driver.step = Some((due, completed, lag_p99_ns));
            }
            FromDriver::Finished => driver.finished = true,
            FromDriver::Result(line) => {
                driver.ended |= matches!(*line, Line::Driver(_));
                sink.put(*line)?;
            }
            FromDriver::Failed { message } => {
                let word = format!("{}: {message}", driver.process.name());
                driver.ended = true;
                driver.gone = true;
                self.lose(word, watcher);
            }
        }
        Ok(())
    }

    fn server_said(&mut self, index: usize, line: FromServer, sink: &mut Sink) -> Outcome<()> {
        let server = &mut self.servers[index];
        match line {
            FromServer::Listening { address } => server.address = Some(address),
            FromServer::Cost { cpu_ns, resident, .. } => server.cost = Some((cpu_ns, resident)),
            FromServer::End(line) => {
                server.ended = true;
                sink.put(*line)?;
            }
            FromServer::Failed { message } => {
                return Err(Failure::run(format!("{}: {message}", server.process.name())));
            }
        }
        Ok(())
    }

    fn progress(&self) -> Note {
        let mut sum = (0, 0, 0, 0);
        for driver in &self.drivers {
            let (connected, failed, events, faults) = driver.progress;
            sum.0 += u64::from(connected);
            sum.1 += u64::from(failed);
            sum.2 += events;
            sum.3 += faults;
        }
        Note::Progress { connected: sum.0, failed: sum.1, events: sum.2, faults: sum.3 }
    }

    /// True where every driver meets this or is gone.
    pub(crate) fn drivers_all(&self, meets: impl Fn(&DriverState) -> bool) -> bool {
        self.drivers.iter().all(|d| d.gone || meets(d))
    }

    /// True where every server meets this or is gone.
    pub(crate) fn servers_all(&self, meets: impl Fn(&ServerState) -> bool) -> bool {
        self.servers.iter().all(|s| s.gone || meets(s))
    }

    /// Lets every process end, and kills those that do not.
    pub(crate) async fn dismiss(self, limit: Duration) {
        for driver in self.drivers {
            driver.process.end(limit).await;
        }
        for server in self.servers {
            server.process.end(limit).await;
        }
    }
}

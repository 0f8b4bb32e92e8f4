//! The processes of one case: the state of each, and waiting until they have reached another one.

use crate::driver::DriverCommand;
use crate::error::{Failure, Outcome};
use crate::os::{Caught, Signals};
use crate::result::file::Line;
use crate::result::{LostProcess, ProcessRole};
use crate::run::process::{Process, ProcessMessage};
use crate::run::protocol::{
    ClientProgress, FromDriver, FromServer, ResourceSample, StepResult, ToServer,
};
use crate::run::{Observer, ResultSink, RunEvent};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// How long the last lines of a process that has ended may take to arrive.
const LAST_LINES: Duration = Duration::from_millis(500);

/// A message and the process that it came from, by its index among those of its kind.
enum CaseMessage {
    Driver(usize, ProcessMessage<FromDriver>),
    Server(usize, ProcessMessage<FromServer>),
}

/// A driver process and what it reported.
pub(crate) struct DriverProcess {
    process: Process,
    /// It has started.
    pub started: bool,
    /// How far its clients are.
    pub progress: ClientProgress,
    /// From the first connect to the last in nanoseconds, once every client has connected or given
    /// up.
    pub connect_wall_ns: Option<u64>,
    /// The step of the rate search that it has completed.
    pub step: Option<StepResult>,
    /// It has come to the end of the schedule.
    pub finished: bool,
    /// It has written its last line.
    pub ended: bool,
    /// Nothing more comes from it.
    pub gone: bool,
}

/// A server process and what it reported.
pub(crate) struct ServerProcess {
    process: Process,
    /// Where it listens, once it does.
    pub address: Option<SocketAddr>,
    /// The sample that it was asked for.
    pub sample: Option<ResourceSample>,
    /// It has written its last line.
    pub ended: bool,
    /// Nothing more comes from it.
    pub gone: bool,
}

/// All processes of a case.
pub(crate) struct Processes {
    /// The driver's.
    pub drivers: Vec<DriverProcess>,
    /// The server's.
    pub servers: Vec<ServerProcess>,
    /// Processes that were lost, and how.
    pub lost: Vec<LostProcess>,
    messages: UnboundedReceiver<CaseMessage>,
    sender: UnboundedSender<CaseMessage>,
    stopping: bool,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The condition holds, or never can: every process that it depends on is gone.
    Met,
    /// The limit has passed.
    TimedOut,
    /// A signal came.
    Caught(Caught),
}

impl Processes {
    /// Returns a case's processes before the first one is started.
    pub(crate) fn new() -> Processes {
        let (sender, messages) = unbounded_channel();
        Processes {
            drivers: Vec::new(),
            servers: Vec::new(),
            lost: Vec::new(),
            messages,
            sender,
            stopping: false,
        }
    }

    /// Starts a driver process.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) async fn start_driver(
        &mut self,
        name: String,
        first: &impl serde::Serialize,
    ) -> Outcome<()> {
        let index = self.drivers.len();
        let wrap = move |message| CaseMessage::Driver(index, message);
        let process = Process::start("worker", name, first, self.sender.clone(), wrap).await?;
        self.drivers.push(DriverProcess {
            process,
            started: false,
            progress: ClientProgress::default(),
            connect_wall_ns: None,
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
    /// If it cannot be started.
    pub(crate) async fn start_server(
        &mut self,
        name: String,
        first: &impl serde::Serialize,
    ) -> Outcome<()> {
        let index = self.servers.len();
        let wrap = move |message| CaseMessage::Server(index, message);
        let process = Process::start("server", name, first, self.sender.clone(), wrap).await?;
        self.servers.push(ServerProcess {
            process,
            address: None,
            sample: None,
            ended: false,
            gone: false,
        });
        Ok(())
    }

    /// Writes a line to every driver. One that does not read is gone, which its own message says.
    pub(crate) async fn send_to_drivers(&mut self, line: &DriverCommand) {
        for driver in self.drivers.iter_mut().filter(|d| !d.gone) {
            let _ = driver.process.send(line).await;
        }
    }

    /// Writes a line to a server, as to a driver.
    pub(crate) async fn send_to_server(&mut self, index: usize, line: &ToServer) {
        let server = &mut self.servers[index];
        if !server.gone {
            let _ = server.process.send(line).await;
        }
    }

    /// From now on a signal ends everything at once.
    pub(crate) fn begin_stopping(&mut self) {
        self.stopping = true;
    }

    /// Waits until a condition holds, and handles messages meanwhile.
    ///
    /// # Errors
    /// If the result cannot be written, or a second signal asks to end at once.
    pub(crate) async fn wait(
        &mut self,
        limit: Duration,
        sink: &mut ResultSink,
        signals: &mut Signals,
        observer: Observer<'_>,
        condition: impl Fn(&Processes) -> bool,
    ) -> Outcome<Waited> {
        let deadline = Instant::now() + limit;
        loop {
            if condition(self) {
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
                Some(message) = self.messages.recv() => self.handle(message, sink, observer)?,
                () = tokio::time::sleep_until(deadline) => return Ok(Waited::TimedOut),
            }
        }
    }

    fn handle(
        &mut self,
        message: CaseMessage,
        sink: &mut ResultSink,
        observer: Observer<'_>,
    ) -> Outcome<()> {
        let (role, loss) = match message {
            CaseMessage::Driver(index, ProcessMessage::Line(line)) => {
                return self.handle_driver(index, line, sink, observer);
            }
            CaseMessage::Server(index, ProcessMessage::Line(line)) => {
                return self.handle_server(index, line, sink);
            }
            CaseMessage::Driver(index, ProcessMessage::Gone(why)) => {
                let driver = &mut self.drivers[index];
                let loss = note_gone(&driver.process, driver.ended, &mut driver.gone, &why);
                (ProcessRole::Driver, loss)
            }
            CaseMessage::Server(index, ProcessMessage::Gone(why)) => {
                let server = &mut self.servers[index];
                let loss = note_gone(&server.process, server.ended, &mut server.gone, &why);
                (ProcessRole::Server, loss)
            }
        };
        if let Some(how) = loss {
            self.record_loss(role, how, observer);
        }
        Ok(())
    }

    /// Records that a process was lost, and how.
    pub(crate) fn record_loss(&mut self, role: ProcessRole, how: String, observer: Observer<'_>) {
        observer(RunEvent::Warning(format!("lost a process: {how}")));
        self.lost.push(LostProcess { role, how });
    }

    fn handle_driver(
        &mut self,
        index: usize,
        line: FromDriver,
        sink: &mut ResultSink,
        observer: Observer<'_>,
    ) -> Outcome<()> {
        let driver = &mut self.drivers[index];
        match line {
            FromDriver::Hello => driver.started = true,
            FromDriver::Progress(progress) => {
                driver.progress = progress;
                observer(RunEvent::Progress(self.total_progress()));
            }
            FromDriver::Ready { wall_ns } => driver.connect_wall_ns = Some(wall_ns),
            FromDriver::Step(result) => driver.step = Some(result),
            FromDriver::Finished => driver.finished = true,
            FromDriver::Result(line) => {
                driver.ended |= matches!(*line, Line::Driver(_));
                sink.write(*line)?;
            }
            FromDriver::Failed { message } => {
                let how = format!("{}: {message}", driver.process.name());
                driver.ended = true;
                driver.gone = true;
                self.record_loss(ProcessRole::Driver, how, observer);
            }
        }
        Ok(())
    }

    fn handle_server(
        &mut self,
        index: usize,
        line: FromServer,
        sink: &mut ResultSink,
    ) -> Outcome<()> {
        let server = &mut self.servers[index];
        match line {
            FromServer::Listening { address } => server.address = Some(address),
            FromServer::Cost(sample) => server.sample = Some(sample),
            FromServer::End(line) => {
                server.ended = true;
                sink.write(*line)?;
            }
            FromServer::Failed { message } => {
                return Err(Failure::run(format!("{}: {message}", server.process.name())));
            }
        }
        Ok(())
    }

    fn total_progress(&self) -> ClientProgress {
        let mut total = ClientProgress::default();
        for ClientProgress { connected, failed, events, faults } in
            self.drivers.iter().map(|driver| driver.progress)
        {
            total.connected += connected;
            total.failed += failed;
            total.events += events;
            total.faults += faults;
        }
        total
    }

    /// True if every driver meets this or is gone.
    pub(crate) fn all_drivers(&self, meets: impl Fn(&DriverProcess) -> bool) -> bool {
        self.drivers.iter().all(|d| d.gone || meets(d))
    }

    /// True if every server meets this or is gone.
    pub(crate) fn all_servers(&self, meets: impl Fn(&ServerProcess) -> bool) -> bool {
        self.servers.iter().all(|s| s.gone || meets(s))
    }

    /// Lets every process end, kills those that do not within the limit, and handles what they
    /// wrote until then. In a case that was not stopped early, one that did not write its last
    /// line is lost.
    ///
    /// # Errors
    /// As of [`Processes::wait`].
    pub(crate) async fn end_all(
        &mut self,
        limit: Duration,
        stopped: bool,
        sink: &mut ResultSink,
        signals: &mut Signals,
        observer: Observer<'_>,
    ) -> Outcome<()> {
        // First all of them, so that they end at the same time.
        self.drivers.iter_mut().for_each(|d| d.process.close_input());
        self.servers.iter_mut().for_each(|s| s.process.close_input());
        let deadline = Instant::now() + limit;
        let mut unfinished = Vec::new();
        let drivers = self
            .drivers
            .iter_mut()
            .map(|d| (ProcessRole::Driver, &mut d.process, d.ended || d.gone));
        let servers = self
            .servers
            .iter_mut()
            .map(|s| (ProcessRole::Server, &mut s.process, s.ended || s.gone));
        for (role, process, done) in drivers.chain(servers) {
            let left = deadline.saturating_duration_since(Instant::now());
            if process.end(left).await && !done {
                unfinished.push((role, process.name().to_owned()));
            }
        }
        if !stopped {
            for (role, name) in unfinished {
                self.record_loss(role, format!("{name} did not end and was killed"), observer);
            }
        }
        // What they had written is in the pipes: no loss is recorded twice.
        self.drivers.iter_mut().for_each(|d| d.ended = true);
        self.servers.iter_mut().for_each(|s| s.ended = true);
        let all_gone = |p: &Processes| p.all_drivers(|_| false) && p.all_servers(|_| false);
        self.wait(LAST_LINES, sink, signals, observer, all_gone).await?;
        Ok(())
    }
}

/// Notes that nothing more comes from a process. Returns the loss, if that was not expected.
fn note_gone(process: &Process, ended: bool, gone: &mut bool, why: &str) -> Option<String> {
    let was_gone = std::mem::replace(gone, true);
    (!ended && !was_gone).then(|| format!("{} {why}", process.name()))
}

//! The processes of one case: the state of each, and waiting until they have reached another one.

use crate::error::{Failure, Outcome};
use crate::os::{MemoryOf, Signals};
use crate::result::file::Line;
use crate::result::{LostProcess, ProcessRole};
use crate::run::process::{Process, ProcessMessage};
use crate::run::protocol::{ClientProgress, FromProcess, ResourceSample, StepResult};
use crate::run::sink::ResultSink;
use crate::run::{EarlyEnd, Observer, RunEvent};
use crate::secret;
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// How long the last lines of a process that has ended may take to arrive.
const LAST_LINES: Duration = Duration::from_millis(500);

/// A process and what it reported.
pub(crate) struct CaseProcess {
    process: Process,
    /// On which side it is.
    pub role: ProcessRole,
    /// A driver has started.
    pub started: bool,
    /// Where a server listens, once it does.
    pub address: Option<SocketAddr>,
    /// How far a driver's clients are.
    pub progress: ClientProgress,
    /// From the first connect to the last in nanoseconds, once every client of a driver has
    /// connected or given up.
    pub connect_wall_ns: Option<u64>,
    /// The step of the rate search that a driver has completed.
    pub step: Option<StepResult>,
    /// A driver has come to the end of the schedule.
    pub finished: bool,
    /// The sample that a server was asked for.
    pub sample: Option<ResourceSample>,
    /// It has written its last line.
    pub ended: bool,
    /// Nothing more comes from it.
    pub gone: bool,
}

/// All processes of a case, and what their messages are for.
pub(crate) struct Processes<'a> {
    /// Each, in the order in which they were started.
    pub all: Vec<CaseProcess>,
    /// Processes that were lost, and how.
    pub lost: Vec<LostProcess>,
    /// Gets the lines of the result.
    pub sink: &'a mut ResultSink,
    /// Ends every wait.
    pub signals: &'a mut Signals,
    /// Gets the progress, and warnings of losses.
    pub observer: Observer<'a>,
    messages: UnboundedReceiver<(usize, ProcessMessage)>,
    sender: UnboundedSender<(usize, ProcessMessage)>,
}

/// Why a case does not go on.
pub(crate) enum Stop {
    /// It is ended early, in order.
    Early(EarlyEnd),
    /// Something failed.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

impl Stop {
    /// The same while everything is ending already: a signal then ends it at once.
    pub(crate) fn while_ending(self) -> Failure {
        match self {
            Stop::Early(EarlyEnd::Signal(caught)) => Failure::signal(caught),
            Stop::Early(early) => Failure::run(format!("ended twice: {early:?}")),
            Stop::Failed(failure) => failure,
        }
    }
}

impl<'a> Processes<'a> {
    /// Returns a case's processes before the first one is started.
    pub(crate) fn new(
        sink: &'a mut ResultSink,
        signals: &'a mut Signals,
        observer: Observer<'a>,
    ) -> Processes<'a> {
        let (sender, messages) = unbounded_channel();
        Processes { all: Vec::new(), lost: Vec::new(), sink, signals, observer, messages, sender }
    }

    /// Starts a process, on certain cores (none: on all).
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) async fn start(
        &mut self,
        role: ProcessRole,
        (case, shard): (u32, u32),
        cores: &[u32],
        first: &impl Serialize,
    ) -> Outcome<()> {
        let (subcommand, side) = match role {
            ProcessRole::Driver => ("worker", "driver"),
            ProcessRole::Server => ("server", "server"),
        };
        let name = format!("{side} process {shard} of case {case}");
        let index = self.all.len();
        let process =
            Process::start(subcommand, name, cores, first, index, self.sender.clone()).await?;
        self.all.push(CaseProcess {
            process,
            role,
            started: false,
            address: None,
            progress: ClientProgress::default(),
            connect_wall_ns: None,
            step: None,
            finished: false,
            sample: None,
            ended: false,
            gone: false,
        });
        Ok(())
    }

    /// The processes of one side.
    pub(crate) fn of(&self, role: ProcessRole) -> impl Iterator<Item = &CaseProcess> {
        self.all.iter().filter(move |p| p.role == role)
    }

    /// Returns whose memory the server's processes are; `None` if one is gone, or there are none.
    pub(crate) fn server_memory(&self) -> Option<MemoryOf> {
        let pids = self.of(ProcessRole::Server).map(|server| server.process.pid());
        let pids: Vec<i32> = pids.collect::<Option<_>>()?;
        (!pids.is_empty()).then_some(MemoryOf::Processes(pids))
    }

    /// Writes a line to every process of one side. One that does not read is gone, which its own
    /// message says.
    pub(crate) async fn send(&mut self, role: ProcessRole, line: &impl Serialize) {
        self.send_each(role, |_| line).await;
    }

    /// Writes to every process of one side the line for its place among them.
    pub(crate) async fn send_each<L: Serialize>(
        &mut self,
        role: ProcessRole,
        line: impl Fn(usize) -> L,
    ) {
        let side = self.all.iter_mut().filter(|p| p.role == role);
        for (place, process) in side.enumerate().filter(|(_, p)| !p.gone) {
            let _ = process.process.send(&line(place)).await;
        }
    }

    /// Waits until a condition holds, and handles messages meanwhile. Returns false if the limit
    /// passed before.
    ///
    /// # Errors
    /// If the result cannot be written, or a signal came.
    pub(crate) async fn wait(
        &mut self,
        limit: Duration,
        condition: impl Fn(&Processes) -> bool,
    ) -> Result<bool, Stop> {
        let deadline = Instant::now() + limit;
        loop {
            if condition(self) {
                return Ok(true);
            }
            tokio::select! {
                biased;
                caught = self.signals.next() => {
                    return Err(Stop::Early(EarlyEnd::Signal(caught)));
                }
                // A sender is kept in `self`: the channel never ends.
                Some((index, message)) = self.messages.recv() => match message {
                    ProcessMessage::Line(line) => self.handle(index, line)?,
                    ProcessMessage::Gone(why) => self.note_gone(index, &why),
                },
                () = tokio::time::sleep_until(deadline) => return Ok(false),
            }
        }
    }

    fn handle(&mut self, index: usize, line: FromProcess) -> Outcome<()> {
        let process = &mut self.all[index];
        match line {
            FromProcess::Hello => process.started = true,
            FromProcess::Listening { address } => process.address = Some(address),
            FromProcess::Progress(progress) => {
                process.progress = progress;
                let mut total = ClientProgress::default();
                self.all.iter().for_each(|p| total += p.progress);
                (self.observer)(RunEvent::Progress(total));
            }
            FromProcess::Ready { wall_ns } => process.connect_wall_ns = Some(wall_ns),
            FromProcess::Step(result) => process.step = Some(result),
            FromProcess::Finished => process.finished = true,
            FromProcess::Cost(sample) => process.sample = Some(sample),
            FromProcess::SetCookies(fields) => {
                fields.iter().for_each(|field| secret::note_set_cookie(field));
            }
            FromProcess::Result(line) => {
                process.ended |= matches!(*line, Line::Driver(_) | Line::Server(_));
                self.sink.write(*line)?;
                self.show_seconds();
            }
            FromProcess::Failed { message } => {
                let how = format!("{}: {message}", process.process.name());
                if process.role == ProcessRole::Server {
                    return Err(Failure::run(how));
                }
                process.ended = true;
                process.gone = true;
                self.record_loss(ProcessRole::Driver, how);
            }
        }
        Ok(())
    }

    /// Shows the seconds that were written.
    pub(crate) fn show_seconds(&mut self) {
        for (second, window) in self.sink.take_closed() {
            (self.observer)(RunEvent::Second { second, window: Box::new(window) });
        }
    }

    /// Notes that nothing more comes from a process, which is a loss if that was not expected.
    fn note_gone(&mut self, index: usize, why: &str) {
        let process = &mut self.all[index];
        let was_gone = std::mem::replace(&mut process.gone, true);
        if !process.ended && !was_gone {
            let role = process.role;
            let how = format!("{} {why}", process.process.name());
            self.record_loss(role, how);
        }
    }

    /// Records that a process was lost, and how.
    pub(crate) fn record_loss(&mut self, role: ProcessRole, how: String) {
        (self.observer)(RunEvent::Warning(format!("lost a process: {how}")));
        self.lost.push(LostProcess { role, how });
    }

    /// True if every process of one side meets this or is gone.
    pub(crate) fn every(&self, role: ProcessRole, meets: impl Fn(&CaseProcess) -> bool) -> bool {
        self.of(role).all(|p| p.gone || meets(p))
    }

    /// Lets every process end, kills those that do not within the limit, and handles what they
    /// wrote until then. In a case that was not stopped early, one that did not write its last
    /// line is lost.
    ///
    /// # Errors
    /// As of [`Processes::wait`].
    pub(crate) async fn end_all(&mut self, limit: Duration, stopped: bool) -> Result<(), Stop> {
        // First all of them, so that they end at the same time.
        self.all.iter_mut().for_each(|p| p.process.close_input());
        let deadline = Instant::now() + limit;
        let mut unfinished = Vec::new();
        for role in [ProcessRole::Driver, ProcessRole::Server] {
            for process in self.all.iter_mut().filter(|p| p.role == role) {
                let left = deadline.saturating_duration_since(Instant::now());
                if process.process.end(left).await && !process.ended && !process.gone {
                    unfinished.push((role, process.process.name().to_owned()));
                }
            }
        }
        if !stopped {
            for (role, name) in unfinished {
                self.record_loss(role, format!("{name} did not end and was killed"));
            }
        }
        // What they had written is in the pipes: no loss is recorded twice.
        self.all.iter_mut().for_each(|p| p.ended = true);
        self.wait(LAST_LINES, |p| p.all.iter().all(|p| p.gone)).await.map(drop)
    }
}

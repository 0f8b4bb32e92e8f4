//! A program with a process group of its own, which is ended with all that it started.
//!
//! Separate from `process`, whose children exchange lines with their parent: these only get
//! signals.

use crate::error::{Failure, Outcome, at};
use crate::os::{ProcessMark, Signal, group_alive, marked, on_cores, signal_group, signal_marked};
use crate::run::output_tail::OutputTail;
use std::fs::File;
use std::io::{self, PipeReader};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// Between two looks at whether processes still run.
pub(super) const LOOK: Duration = Duration::from_millis(10);
/// How long the kernel may take to end processes after SIGKILL.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// A process with a group of its own. If it is dropped, all of the group and what left it are
/// killed.
pub(crate) struct ProcessGroup {
    child: Child,
    group: u32,
    /// How the first process ended, once it was waited for.
    status: Option<ExitStatus>,
    /// What all that it starts has in its environment, if that is to end with it, too.
    mark: Option<ProcessMark>,
    /// The end of its output.
    pub tail: OutputTail,
}

impl ProcessGroup {
    /// Starts a program in a group of its own, without input, on certain cores (none: on all); the
    /// end of its standard error is kept.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(mut command: Command, name: &str, cores: &[u32]) -> Outcome<ProcessGroup> {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = spawn(command, name, cores)?;
        let stderr = child.stderr.take();
        let stderr = stderr.ok_or_else(|| Failure::run(format!("{name} has no output")))?;
        ProcessGroup::of(child, name, OutputTail::read(stderr))
    }

    /// Starts a program in a group of its own, without input, on certain cores (none: on all); the
    /// end of all that it writes is kept.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start_with_output(
        command: Command,
        name: &str,
        cores: &[u32],
    ) -> Outcome<ProcessGroup> {
        let doing = format!("cannot read the output of {name}");
        let (child, reader) = spawn_piped(command, name, cores, &doing)?;
        let tail = OutputTail::read_pipe(reader).map_err(at(&doing))?;
        ProcessGroup::of(child, name, tail)
    }

    /// Starts a program in a group of its own, without input, on certain cores (none: on all); its
    /// output is appended to a file, without secrets.
    ///
    /// # Errors
    /// If it cannot be started, or the file cannot be written.
    pub(crate) fn start_logged(
        command: Command,
        name: &str,
        cores: &[u32],
        log: &Path,
    ) -> Outcome<ProcessGroup> {
        let doing = format!("cannot write the output of {name} to {}", log.display());
        let file = File::options().create(true).append(true).open(log).map_err(at(&doing))?;
        let has = file.metadata().map_err(at(&doing))?.len();
        let (child, reader) = spawn_piped(command, name, cores, &doing)?;
        let tail = OutputTail::log(reader, file, has, log).map_err(at(&doing))?;
        ProcessGroup::of(child, name, tail)
    }

    fn of(child: Child, name: &str, tail: OutputTail) -> Outcome<ProcessGroup> {
        let group = child.id().ok_or_else(|| Failure::run(format!("{name} has no process id")))?;
        Ok(ProcessGroup { child, group, status: None, mark: None, tail })
    }

    /// Returns how the first process ended; `None` while it runs.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Waits until the first process ends.
    ///
    /// # Errors
    /// If the system does not say.
    pub(crate) async fn wait(&mut self) -> Outcome<ExitStatus> {
        let status = self.child.wait().await.map_err(at("cannot wait for a process"))?;
        self.status = Some(status);
        Ok(status)
    }

    /// The id of the group.
    pub(crate) fn id(&self) -> u32 {
        self.group
    }

    /// Has what left the group end with it: the processes with this mark, which its command was given
    /// in its environment.
    pub(crate) fn with_marked(mut self, mark: ProcessMark) -> ProcessGroup {
        self.mark = Some(mark);
        self
    }

    /// Returns the processes that run and left the group, or are in it.
    fn marked(&self) -> Vec<i32> {
        self.mark.as_ref().map(|mark| marked(&mark.0)).unwrap_or_default()
    }

    /// True if a process of the group runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.exit_status().is_none() || group_alive(self.group)
    }

    /// Sends SIGTERM to all of the group, and to what left it.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        signal_group(self.group, signal);
        if let Some(mark) = &self.mark {
            signal_marked(&mark.0, signal);
        }
    }

    /// Asks all of the group, and what left it, to end by SIGTERM, and kills them after the limit.
    /// Returns those that run all the same.
    pub(crate) async fn end(mut self, limit: Duration) -> Vec<i32> {
        self.terminate();
        self.wait_until_gone(limit).await;
        self.signal(Signal::KILL);
        self.wait_until_gone(KILL_LIMIT).await;
        self.tail.wait_for_end().await;
        self.marked()
    }

    async fn wait_until_gone(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while (self.is_alive() || !self.marked().is_empty()) && Instant::now() < deadline {
            sleep(LOOK).await;
        }
    }
}

/// Starts a program, and returns what reads all that it writes.
fn spawn_piped(
    mut command: Command,
    name: &str,
    cores: &[u32],
    doing: &str,
) -> Outcome<(Child, PipeReader)> {
    let (reader, writer) = io::pipe().map_err(at(doing))?;
    let both = writer.try_clone().map_err(at(doing))?;
    command.stdout(writer).stderr(both);
    // The command has the pipe's other end and is gone after this.
    Ok((spawn(command, name, cores)?, reader))
}

fn spawn(mut command: Command, name: &str, cores: &[u32]) -> Outcome<Child> {
    command.stdin(Stdio::null()).process_group(0);
    let spawned = on_cores(cores, || command.spawn()).map_err(at_cores(name))?;
    spawned.map_err(at(format!("cannot start {name}")))
}

/// Explains that a process cannot have its cores.
pub(super) fn at_cores(name: &str) -> impl FnOnce(io::Error) -> Failure {
    at(format!("cannot start {name} on cores of its own (`--share-cores` does without)"))
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        // The id of a group that is gone may be in use again.
        if self.is_alive() {
            self.signal(Signal::KILL);
        } else if let Some(mark) = &self.mark {
            signal_marked(&mark.0, Signal::KILL);
        }
    }
}

/// Describes a status as the end of a sentence: `ended with exit code 1`.
pub(crate) fn describe_exit(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

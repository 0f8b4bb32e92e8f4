//! One child process of a run: starts it, writes lines to it and reads its lines.

use crate::error::{Failure, Outcome, at};
use crate::os::on_cores;
use crate::run::process_group::at_cores;
use crate::run::protocol::FromProcess;
use serde::Serialize;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc::UnboundedSender;

/// A child process that reads and writes JSON lines. It is killed if it is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    /// `None` once it was closed, which tells the child that nothing more comes.
    stdin: Option<ChildStdin>,
}

/// What comes from a process.
#[derive(Debug)]
pub(crate) enum ProcessMessage {
    /// A line.
    Line(FromProcess),
    /// The process ended, closed its output, or wrote a line that cannot be read; the reason.
    Gone(String),
}

impl Process {
    /// Starts this program with a hidden subcommand and a first line, and forwards every message
    /// of the process with its index.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub(crate) async fn start(
        subcommand: &str,
        name: String,
        cores: &[u32],
        first: &impl Serialize,
        index: usize,
        to: UnboundedSender<(usize, ProcessMessage)>,
    ) -> Outcome<Process> {
        let program = std::env::current_exe().map_err(at("cannot find this program"))?;
        let mut command = Command::new(program);
        command
            .arg(subcommand)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C at the terminal is the parent's to handle.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = on_cores(cores, || command.spawn())
            .map_err(at_cores(&name))?
            .map_err(at(format!("cannot start {name}")))?;
        let no_pipes = || Failure::run(format!("{name} has no pipes"));
        let stdin = child.stdin.take().ok_or_else(no_pipes)?;
        let stdout = child.stdout.take().ok_or_else(no_pipes)?;
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            let why = loop {
                match lines.next_line().await {
                    Ok(Some(line)) => match serde_json::from_str(&line) {
                        Ok(parsed) => {
                            if to.send((index, ProcessMessage::Line(parsed))).is_err() {
                                return;
                            }
                        }
                        Err(error) => break format!("wrote a line that cannot be read: {error}"),
                    },
                    Ok(None) => break "ended".to_owned(),
                    Err(error) => break error.to_string(),
                }
            };
            // The receiver is gone only after the run.
            let _ = to.send((index, ProcessMessage::Gone(why)));
        });
        let mut process = Process { name, child, stdin: Some(stdin) };
        process.send(first).await?;
        Ok(process)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// If the process does not read any more.
    pub(crate) async fn send(&mut self, line: &impl Serialize) -> Outcome<()> {
        let mut text = serde_json::to_string(line).map_err(at("cannot write a line"))?;
        text.push('\n');
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        let doing = format!("cannot write to {}", self.name);
        stdin.write_all(text.as_bytes()).await.map_err(at(&doing))?;
        stdin.flush().await.map_err(at(&doing))
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its number; `None` once it has ended.
    pub(crate) fn pid(&self) -> Option<i32> {
        self.child.id().map(u32::cast_signed)
    }

    /// Closes its input, which asks it to end.
    pub(crate) fn close_input(&mut self) {
        drop(self.stdin.take());
    }

    /// Waits for its end, and kills it after the limit. Returns true if it had to be killed.
    pub(crate) async fn end(&mut self, limit: Duration) -> bool {
        self.close_input();
        let late = tokio::time::timeout(limit, self.child.wait()).await.is_err();
        if late {
            // This fails only if the process is gone already.
            let _ = self.child.kill().await;
        }
        late
    }
}

//! A process of the run, seen from its parent: starting it, writing to it, hearing from it.

use crate::error::{Failure, Outcome, at};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc::UnboundedSender;

/// A child process that speaks JSON lines.
pub(crate) struct Process {
    name: String,
    child: Child,
    /// `None` once the child has been told by its end that nothing more comes.
    stdin: Option<ChildStdin>,
}

/// What is heard from a process.
#[derive(Debug)]
pub(crate) enum Heard<T> {
    /// A line.
    Line(T),
    /// It has ended, or closed its output, or speaks no language of ours; why.
    Gone(String),
}

impl Process {
    /// Starts this program again with a hidden subcommand and a first line, and forwards all that
    /// it says, wrapped by `wrap`.
    ///
    /// # Errors
    /// Where the process cannot be started.
    pub(crate) async fn start<
        S: Serialize,
        T: DeserializeOwned + Send + 'static,
        M: Send + 'static,
    >(
        subcommand: &str,
        name: String,
        first: &S,
        to: UnboundedSender<M>,
        wrap: impl Fn(Heard<T>) -> M + Send + 'static,
    ) -> Outcome<Process> {
        let program = std::env::current_exe().map_err(at("cannot find this program"))?;
        let mut child = Command::new(program)
            .arg(subcommand)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C at the terminal is the parent's to handle.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(at(format!("cannot start {name}")))?;
        let gone = || Failure::run(format!("{name} has no pipes"));
        let stdin = child.stdin.take().ok_or_else(gone)?;
        let stdout = child.stdout.take().ok_or_else(gone)?;
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            let why = loop {
                match lines.next_line().await {
                    Ok(Some(line)) => match serde_json::from_str(&line) {
                        Ok(said) => {
                            if to.send(wrap(Heard::Line(said))).is_err() {
                                return;
                            }
                        }
                        Err(error) => break format!("said what is no line of ours: {error}"),
                    },
                    Ok(None) => break "ended".to_owned(),
                    Err(error) => break error.to_string(),
                }
            };
            // Nobody listens only where the run is over.
            let _ = to.send(wrap(Heard::Gone(why)));
        });
        let mut process = Process { name, child, stdin: Some(stdin) };
        process.send(first).await?;
        Ok(process)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Where the process does not listen any more.
    pub(crate) async fn send<S: Serialize>(&mut self, line: &S) -> Outcome<()> {
        let mut text = serde_json::to_string(line).map_err(at("cannot write a line"))?;
        text.push('\n');
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        let doing = format!("cannot speak with {}", self.name);
        stdin.write_all(text.as_bytes()).await.map_err(at(&doing))?;
        stdin.flush().await.map_err(at(&doing))
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for its end, and kills it after the limit.
    pub(crate) async fn end(mut self, limit: std::time::Duration) {
        drop(self.stdin.take());
        if tokio::time::timeout(limit, self.child.wait()).await.is_err() {
            // It is gone already where this fails.
            let _ = self.child.kill().await;
        }
    }
}

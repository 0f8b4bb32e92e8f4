//! Commits are checked out and built in worktrees of their own.

use crate::cmd::bisect::git::{Commit, Repository, VARIABLES};
use crate::error::{Failure, Outcome};
use crate::os::Signals;
use crate::run::process_group::{ProcessGroup, describe_exit};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// After a signal, how long a build may take to end.
const END: Duration = Duration::from_secs(5);

/// How long it is looked whether a signal has come.
const LOOK: Duration = Duration::from_millis(2);

/// How a build ended.
pub(super) enum Built {
    /// The commit's server can be started.
    Done,
    /// It cannot: how the command ended, and its last lines.
    Failed(String),
}

/// Builds commits. If it is dropped, the worktrees are removed.
pub(super) struct Builder<'a> {
    repository: &'a Repository,
    command: &'a [String],
    /// Where the output of builds is kept.
    out: &'a Path,
    signals: Signals,
    /// The folder of both worktrees.
    folder: PathBuf,
    has_candidate: bool,
}

impl<'a> Builder<'a> {
    /// # Errors
    /// If the folder of the worktrees cannot be made.
    pub(super) fn new(
        repository: &'a Repository,
        command: &'a [String],
        out: &'a Path,
        signals: Signals,
    ) -> Outcome<Builder<'a>> {
        let name = format!("wsbench-bisect-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).map_err(|error| {
            Failure::run(format!("cannot create {} for the worktrees", folder.display()))
                .caused_by(error)
        })?;
        Ok(Builder { repository, command, out, signals, folder, has_candidate: false })
    }

    pub(super) fn good_folder(&self) -> PathBuf {
        self.folder.join("good")
    }

    pub(super) fn candidate_folder(&self) -> PathBuf {
        self.folder.join("candidate")
    }

    /// Builds the commit with which the others are compared.
    ///
    /// # Errors
    /// If git fails, or a signal comes.
    pub(super) async fn build_good(&mut self, commit: &Commit) -> Outcome<Built> {
        self.repository.add_worktree(&self.good_folder(), commit)?;
        self.build(commit, &self.good_folder()).await
    }

    /// Builds another commit, in the place of the one before.
    ///
    /// # Errors
    /// If git fails, or a signal comes.
    pub(super) async fn build_candidate(&mut self, commit: &Commit) -> Outcome<Built> {
        let folder = self.candidate_folder();
        if self.has_candidate {
            self.repository.check_out(&folder, commit)?;
        } else {
            self.repository.add_worktree(&folder, commit)?;
            self.has_candidate = true;
        }
        self.build(commit, &folder).await
    }

    /// Ends if a signal came while nothing waited for one.
    ///
    /// # Errors
    /// If it did.
    pub(super) async fn check_signals(&mut self) -> Outcome<()> {
        match timeout(LOOK, self.signals.next()).await {
            Ok(caught) => Err(Failure::signal_during(caught, "the bisection")),
            Err(_) => Ok(()),
        }
    }

    async fn build(&mut self, commit: &Commit, folder: &Path) -> Outcome<Built> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(Failure::usage("there is no build command after --"));
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder);
        VARIABLES.iter().for_each(|name| {
            command.env_remove(name);
        });
        let shown = format!("`{}`", self.command.join(" "));
        let log = self.out.join(format!("build-{}.log", commit.short()));
        let mut process = ProcessGroup::start_logged(command, &shown, &[], &log)?;
        let status = tokio::select! {
            biased;
            caught = self.signals.next() => {
                process.end(END).await;
                return Err(Failure::signal_during(caught, "a build"));
            }
            status = process.wait() => status?,
        };
        process.tail.wait_for_end().await;
        if status.success() {
            return Ok(Built::Done);
        }
        Ok(Built::Failed(format!("{shown} {}{}", describe_exit(status), process.tail.describe())))
    }
}

impl Drop for Builder<'_> {
    fn drop(&mut self) {
        self.repository.remove_worktree(&self.good_folder());
        self.repository.remove_worktree(&self.candidate_folder());
        // A build may have left something beside them.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

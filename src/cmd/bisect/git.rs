//! Commits and worktrees, by the program `git`.

use crate::error::{Failure, Outcome, at};
use std::fmt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a hook sets, so that git would look elsewhere than in the current folder.
pub(super) const VARIABLES: [&str; 5] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"];

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    /// Its hash.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
}

impl Commit {
    /// Returns the beginning of its hash.
    pub(super) fn short(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.short(), self.subject)
    }
}

/// The repository of the current folder.
pub(super) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// # Errors
    /// If there is no git, or the current folder is in no repository.
    pub(super) fn of_current_folder() -> Outcome<Repository> {
        let root = git(Path::new("."), &["rev-parse", "--show-toplevel"])
            .map_err(|why| why.while_("wsbench bisect needs a git repository"))?;
        Ok(Repository { root: PathBuf::from(root) })
    }

    /// # Errors
    /// If an argument names no commit.
    pub(super) fn find_commit(&self, argument: &str, text: &str) -> Outcome<Commit> {
        // What begins with "-" would be an option.
        let name = format!("{text}^{{commit}}");
        let found =
            git(&self.root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &name]);
        let id = found.map_err(|_| {
            Failure::usage(format!("{argument}: {text:?} is no commit of this repository"))
        })?;
        self.describe(&id)
    }

    /// # Errors
    /// If `good` is not one.
    pub(super) fn require_ancestor(&self, good: &Commit, bad: &Commit) -> Outcome<()> {
        if good.id != bad.id
            && git(&self.root, &["merge-base", "--is-ancestor", &good.id, &bad.id]).is_ok()
        {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "GOOD, {good}, is no ancestor of BAD, {bad}: name a commit before BAD, for example what \
             `git merge-base GOOD BAD` prints"
        )))
    }

    /// Returns the commits of which one is the first bad one, `bad` included: those that halve the rest
    /// best come first.
    ///
    /// # Errors
    /// If git fails.
    pub(super) fn candidates(&self, bad: &Commit, goods: &[Commit]) -> Outcome<Vec<String>> {
        let mut arguments = vec!["rev-list", "--bisect-all", &bad.id, "--not"];
        arguments.extend(goods.iter().map(|good| good.id.as_str()));
        let text = git(&self.root, &arguments)?;
        Ok(text.lines().filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect())
    }

    /// # Errors
    /// If git fails.
    pub(super) fn describe(&self, id: &str) -> Outcome<Commit> {
        let subject = git(&self.root, &["show", "--no-patch", "--format=%s", id])?;
        Ok(Commit { id: id.to_owned(), subject })
    }

    /// # Errors
    /// If git fails.
    pub(super) fn describe_all(&self, ids: &[String]) -> Outcome<Vec<Commit>> {
        ids.iter().map(|id| self.describe(id)).collect()
    }

    /// Returns hash, subject, and author with date, a line each.
    ///
    /// # Errors
    /// If git fails.
    pub(super) fn show(&self, commit: &Commit) -> Outcome<String> {
        let format = "--format=commit %H%n  %s%n  %an, %ad";
        let text =
            git(&self.root, &["show", "--no-patch", "--date=iso-strict", format, &commit.id])?;
        Ok(text + "\n")
    }

    /// Makes a worktree of a commit.
    ///
    /// # Errors
    /// If git fails.
    pub(super) fn add_worktree(&self, folder: &Path, commit: &Commit) -> Outcome<()> {
        let folder = folder.display().to_string();
        git(&self.root, &["worktree", "add", "--quiet", "--detach", &folder, &commit.id]).map(drop)
    }

    /// Checks a commit out in a worktree. What a build made of ignored files stays.
    ///
    /// # Errors
    /// If git fails.
    pub(super) fn check_out(&self, worktree: &Path, commit: &Commit) -> Outcome<()> {
        git(worktree, &["checkout", "--quiet", "--force", "--detach", &commit.id])?;
        git(worktree, &["clean", "--quiet", "-d", "--force", "--force"]).map(drop)
    }

    /// Removes a worktree, whatever is in it.
    pub(super) fn remove_worktree(&self, folder: &Path) {
        let shown = folder.display().to_string();
        // It may never have been made; what is left is removed by its folder.
        let _ = git(&self.root, &["worktree", "remove", "--force", "--force", &shown]);
        let _ = std::fs::remove_dir_all(folder);
        let _ = git(&self.root, &["worktree", "prune"]);
    }
}

/// Runs git in a folder and returns what it prints. It has a process group of its own: a Ctrl-C at the
/// terminal does not reach it, and the worktrees are removed.
fn git(folder: &Path, arguments: &[&str]) -> Outcome<String> {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).process_group(0);
    VARIABLES.iter().for_each(|name| {
        command.env_remove(name);
    });
    let output = command.output().map_err(at("cannot start git"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let what = arguments.first().copied().unwrap_or_default();
        return Err(Failure::run(format!("git {what} failed: {}", said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

//! Where a run came from: options, else the environment of a CI system, else git in the current
//! folder.

use crate::gate::history::RunOrigin;
use std::env;
use std::process::{Command, Stdio};

/// The variables of CI systems that name the commit: GitHub, GitLab, Jenkins, Buildkite, CircleCI.
const COMMITS: [&str; 5] =
    ["GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "BUILDKITE_COMMIT", "CIRCLE_SHA1"];
/// Those that name the branch; of a pull request GitHub has it in the first.
const BRANCHES: [&str; 6] = [
    "GITHUB_HEAD_REF",
    "GITHUB_REF_NAME",
    "CI_COMMIT_REF_NAME",
    "GIT_BRANCH",
    "BUILDKITE_BRANCH",
    "CIRCLE_BRANCH",
];

/// Returns commit and branch, as far as they are known. A commit that git names has `-dirty` at its
/// end if tracked files differ from it.
pub(super) fn find(commit: Option<&str>, branch: Option<&str>) -> RunOrigin {
    let given = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
    let commit = given(commit).or_else(|| variable(&COMMITS));
    let from_git = commit.is_none();
    let branch = given(branch).or_else(|| variable(&BRANCHES));
    RunOrigin {
        commit: commit.or_else(commit_of_folder),
        // The folder's branch is that of its own commit.
        branch: branch
            .or_else(|| git(&["symbolic-ref", "--quiet", "--short", "HEAD"]).filter(|_| from_git)),
    }
}

fn variable(names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| env::var(name).ok()).find(|value| !value.is_empty())
}

fn commit_of_folder() -> Option<String> {
    let commit = git(&["rev-parse", "--verify", "--quiet", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    let is_dirty = changed.is_some_and(|files| !files.is_empty());
    Some(if is_dirty { format!("{commit}-dirty") } else { commit })
}

/// Returns what git answers; `None` if there is no git, or this is no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

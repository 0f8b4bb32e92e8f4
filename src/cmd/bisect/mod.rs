//! `wsbench bisect`: the commit that made a server worse.
//!
//! | file | what |
//! |---|---|
//! | `git` | commits and worktrees, by the program `git` |
//! | `build` | a commit is checked out and built |
//! | `step` | a commit against the good one: good, bad, undecided, or to be skipped |
//!
//! The good commit keeps a worktree and its build; the others share a second worktree, so that a build
//! needs no more than what changed. Both are removed whatever happens: a signal ends the current build or
//! run, and this function returns.

mod build;
mod git;
mod step;

use crate::cli::BisectArgs;
use crate::cmd::ci;
use crate::cmd::compare::target::CompareTarget;
use crate::cmd::console::note;
use crate::cmd::files::prepare_reports;
use crate::error::{Failure, Outcome, at};
use crate::os::Signals;
use crate::report::Conclusion;
use crate::report::finding::{CommandAnswer, Judgement};
use crate::report::judgement::{JudgementView, text};
use build::{Builder, Built};
use git::{Commit, Repository};
use std::collections::BTreeMap;
use std::path::Path;
use step::{BisectStep, Outcomes, Tracked};

/// What is answered if one commit was found.
pub(super) const FOUND: &str = "FOUND";
/// And if more than one may be it.
pub(super) const UNDECIDED: &str = "UNDECIDED";

/// How a bisection ends.
enum SearchEnd {
    /// The first bad commit, with the comparison that showed that it is bad.
    Found(Commit, Judgement),
    /// One of these, since some were skipped or a comparison was undecided; why, in lines.
    OneOf(Vec<Commit>, Judgement, String),
}

/// Finds the commit that made a server worse.
///
/// # Errors
/// If an argument cannot be used, BAD is not worse, or GOOD or BAD cannot be built or measured.
pub(crate) fn run(args: &BisectArgs) -> Outcome<Conclusion> {
    ci::report_failure("bisect", &args.how.output, || {
        CompareTarget::check_in_folder(&args.target)
            .map_err(|why| Failure::usage(format!("--target: {why}")))?;
        let repository = Repository::of_current_folder()?;
        let good = repository.find_commit("GOOD", &args.good)?;
        let bad = repository.find_commit("BAD", &args.bad)?;
        repository.require_ancestor(&good, &bad)?;
        let out = prepare_reports(args.how.out.as_deref(), "bisect", 0)?;
        let end = crate::run::runtime()?.block_on(async {
            let signals = Signals::catch().map_err(at("cannot listen for signals"))?;
            // Dropped before the failure is shown: the worktrees are gone then.
            let builder = Builder::new(&repository, &args.build, &out, signals)?;
            Bisection { args, repository: &repository, out: &out, good, bad, builder }.run().await
        })?;
        report(args, &repository, end, &out)
    })
}

/// A bisection that is running.
struct Bisection<'a> {
    args: &'a BisectArgs,
    repository: &'a Repository,
    out: &'a Path,
    good: Commit,
    bad: Commit,
    builder: Builder<'a>,
}

impl Bisection<'_> {
    async fn run(mut self) -> Outcome<SearchEnd> {
        let good = self.good.clone();
        if let Built::Failed(why) = self.builder.build_good(&good).await? {
            return Err(Failure::run(format!("GOOD, {good}, cannot be built: {why}")));
        }
        let (tracked, mut evidence) = self.verify().await?;
        let mut bad = self.bad.clone();
        let mut goods = vec![good];
        // The reason of each.
        let mut skipped: BTreeMap<String, String> = BTreeMap::new();
        loop {
            let left = self.repository.candidates(&bad, &goods)?;
            let is_open = |id: &&String| **id != bad.id && !skipped.contains_key(*id);
            let Some(middle) = left.iter().find(is_open) else {
                let reasons = skipped.into_values().collect::<Vec<_>>();
                let one_of = self.repository.describe_all(&left)?;
                return Ok(match one_of.len() {
                    0 | 1 => SearchEnd::Found(bad, evidence),
                    _ => SearchEnd::OneOf(one_of, evidence, reasons.join("\n")),
                });
            };
            let middle = self.repository.describe(middle)?;
            self.say(&format!("{} commits left; testing {middle}", left.len()));
            match self.test(&middle, &tracked).await? {
                BisectStep::Good => {
                    self.say(&format!("{} is good", middle.short()));
                    goods.push(middle);
                }
                BisectStep::Bad(judgement) => {
                    self.say(&format!("{} is bad", middle.short()));
                    bad = middle;
                    evidence = judgement;
                }
                BisectStep::Skip(why) => {
                    let why = format!("{} is skipped: {why}", middle.short());
                    self.say(&why);
                    skipped.insert(middle.id, why);
                }
                BisectStep::Undecided(judgement) => {
                    let one_of = self.repository.describe_all(&left)?;
                    let why = format!(
                        "{} is undecided: lengthen --time, or the runs with --set duration=…",
                        middle.short()
                    );
                    return Ok(SearchEnd::OneOf(one_of, judgement, why));
                }
            }
        }
    }

    /// Shows progress, unless it is to be quiet.
    fn say(&self, text: &str) {
        if !self.args.how.quiet {
            note(text);
        }
    }

    /// Compares BAD with GOOD: which figures are worse is what the bisection looks for.
    async fn verify(&mut self) -> Outcome<(Tracked, Judgement)> {
        let bad = self.bad.clone();
        self.say(&format!("comparing BAD, {bad}, with GOOD, {}", self.good));
        if let Built::Failed(why) = self.builder.build_candidate(&bad).await? {
            return Err(Failure::run(format!("BAD, {bad}, cannot be built: {why}")));
        }
        self.builder.check_signals().await?;
        let compared = self.outcomes(&bad).compare_all().await?;
        let judgement = compared.judgement;
        match Tracked::of(&judgement, &compared.metrics) {
            Some(tracked) => {
                self.say(&format!("BAD is worse in {}", tracked.describe()));
                Ok((tracked, judgement))
            }
            None => {
                let shown = text::brief(&JudgementView::comparison(&judgement, None));
                Err(Failure::usage(format!(
                    "BAD is not shown to be worse than GOOD, so that there is nothing to find; \
                     a longer --time shows smaller changes\n{shown}"
                )))
            }
        }
    }

    async fn test(&mut self, commit: &Commit, tracked: &Tracked) -> Outcome<BisectStep> {
        let built = self.builder.build_candidate(commit).await?;
        self.builder.check_signals().await?;
        match built {
            Built::Failed(why) => Ok(BisectStep::Skip(format!("it cannot be built: {why}"))),
            Built::Done => self.outcomes(commit).decide(tracked).await,
        }
    }

    fn outcomes<'b>(&'b self, commit: &'b Commit) -> Outcomes<'b> {
        Outcomes {
            args: self.args,
            good: (&self.good, self.builder.good_folder()),
            candidate: (commit, self.builder.candidate_folder()),
            out: self.out,
        }
    }
}

/// Prints what was found, and the comparison that decided.
fn report(
    args: &BisectArgs,
    repository: &Repository,
    end: SearchEnd,
    out: &Path,
) -> Outcome<Conclusion> {
    let (head, mut judgement, conclusion, answer) = match end {
        SearchEnd::Found(commit, judgement) => {
            let head = format!("first bad commit:\n{}", repository.show(&commit)?);
            let text = format!("the first bad commit is {}", commit.short());
            (head, judgement, Conclusion::Passed, CommandAnswer { word: FOUND.to_owned(), text })
        }
        SearchEnd::OneOf(commits, judgement, why) => {
            let mut head = format!("undecided:\n{why}\n\nThe first bad commit is one of\n");
            let names: Vec<&str> = commits.iter().map(Commit::short).collect();
            let text = format!("the first bad commit is one of {}", names.join(", "));
            let answer = CommandAnswer { word: UNDECIDED.to_owned(), text };
            for commit in &commits {
                head.push_str(&repository.show(commit)?);
            }
            (head, judgement, Conclusion::Undecided, answer)
        }
    };
    judgement.ended = Some(conclusion);
    judgement.answer = Some(answer);
    judgement.notes.insert(0, head.trim_end().to_owned());
    let brief = text::brief(&JudgementView::comparison(&judgement, None));
    ci::print_judgement(&judgement, None, Some(format!("{head}\n{brief}")), &args.how.output)?;
    ci::write_page(&judgement, &args.how.page)?;
    if !args.how.quiet {
        note(format_args!("the runs' results are in {}", out.display()));
    }
    Ok(conclusion)
}

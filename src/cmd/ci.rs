//! What every command that judges gives to people and to CI: the format asked for on standard
//! output, JUnit XML in a file, and where it runs in GitHub Actions annotations and a part of the
//! job's summary.
//!
//! Separate from `report::judged`, which renders: here is where it goes, and the environment that
//! says so. Exit codes are the commands'.

use crate::error::{Outcome, at};
use crate::report::finding::Judgement;
use crate::report::format::text::terminal;
use crate::report::judgement::{
    Judged, annotations, bencher, github_action_benchmark, json, junit, markdown, measures, text,
};
use crate::report::{Conclusion, Table, find_format};
use std::env;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Where GitHub Actions takes a step's summary from.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";
/// What is `true` within GitHub Actions.
const ACTIONS: &str = "GITHUB_ACTIONS";
/// What says where to tell CI: to be taken from a child that has nothing to tell.
pub(crate) const VARIABLES: [&str; 2] = [SUMMARY, ACTIONS];

/// What to give, for every command that judges.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct OutputArgs {
    /// What to print on standard output
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Shown::Text)]
    pub format: Shown,
    /// Write what was judged as JUnit XML too, also where the command fails
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// What goes to standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shown {
    /// Tables for people
    #[default]
    Text,
    /// One JSON document, and nothing else; `wsbench schema` describes it
    Json,
    /// Markdown, as in the summary of a job of GitHub Actions
    Markdown,
    /// Values for github-action-benchmark, `tool: customSmallerIsBetter`
    GithubActionBenchmark,
    /// Values in Bencher Metric Format, for `bencher run --adapter json`
    Bencher,
    /// JUnit XML
    Junit,
}

/// Shows a judgement that is no run's own: prints it, writes JUnit XML, tells GitHub Actions.
/// `table` is the run that was judged, where there is one: trackers of benchmarks are given its
/// figures.
///
/// # Errors
/// Where standard output or the JUnit file cannot be written.
pub(crate) fn show(judgement: &Judgement, table: Option<&Table>, args: &OutputArgs) -> Outcome<()> {
    deliver(&[Judged::comparison(judgement, table)], args)
}

/// Like [`show`], with a text of its own for the terminal.
///
/// # Errors
/// As of [`show`].
pub(crate) fn show_as(text: &str, judgement: &Judgement, args: &OutputArgs) -> Outcome<()> {
    let judged = [Judged::comparison(judgement, None)];
    let printed = match args.format {
        Shown::Text => crate::cmd::print(text.as_bytes()),
        shown => crate::cmd::print(&rendered(&judged, shown)),
    };
    tell(&judged, args, printed)
}

/// Shows runs with their limits: one screen for each, or with `verbose` the whole `summary.txt`.
/// `reports` says where the reports of each run are, if any were written.
///
/// # Errors
/// If standard output or the JUnit file cannot be written.
pub(crate) fn show_runs(
    tables: &[Table],
    reports: &[Option<String>],
    verbose: bool,
    args: &OutputArgs,
) -> Outcome<()> {
    let judged: Vec<Judged> = tables.iter().map(Judged::run).collect();
    if args.format == Shown::Text && !verbose {
        let screens: Vec<String> = tables
            .iter()
            .zip(reports)
            .map(|(table, reports)| terminal(table, reports.as_deref()))
            .collect();
        let printed = crate::cmd::print(screens.join("\n").as_bytes());
        return tell(&judged, args, printed);
    }
    deliver(&judged, args)
}

/// Does a command's work; where it ends early, CI is told so too. The failure is given back.
///
/// # Errors
/// What the work gives, and that the JUnit file cannot be written.
pub(crate) fn watched(
    title: &str,
    args: &OutputArgs,
    work: impl FnOnce() -> Outcome<Conclusion>,
) -> Outcome<Conclusion> {
    let failure = match work() {
        Ok(conclusion) => return Ok(conclusion),
        Err(failure) => failure,
    };
    let message = format!("{failure:#}");
    if in_actions() {
        eprint!("{}", annotations::failed(&message));
    }
    append(|limit| markdown::failed(title, &message, limit));
    let bytes = || junit::failed(title, &message);
    match args.junit.as_deref().map(|path| write_junit(path, &bytes())) {
        Some(Err(second)) => Err(failure.with_note(&format!("{second:#}"))),
        _ => Err(failure),
    }
}

fn deliver(judged: &[Judged], args: &OutputArgs) -> Outcome<()> {
    let printed = crate::cmd::print(&rendered(judged, args.format));
    tell(judged, args, printed)
}

/// What is not printed: annotations, the job's summary, the JUnit file. All of it, though printing
/// failed.
fn tell(judged: &[Judged], args: &OutputArgs, printed: Outcome<()>) -> Outcome<()> {
    if in_actions() {
        judged.iter().for_each(|one| eprint!("{}", annotations::render(one)));
    }
    judged.iter().for_each(|one| append(|limit| markdown::render(one, limit)));
    let written = args.junit.as_deref().map(|path| write_junit(path, &junit::render(judged)));
    printed?;
    written.unwrap_or(Ok(()))
}

fn rendered(judged: &[Judged], shown: Shown) -> Vec<u8> {
    let each = |render: &dyn Fn(&Judged) -> Vec<u8>| judged.iter().flat_map(render).collect();
    match shown {
        Shown::Text => each(&|one| match one.verdict.and(one.table) {
            // With its limits and its verdict.
            Some(table) => of_table("text", table),
            None => text::render(one).into_bytes(),
        }),
        Shown::Json => {
            let document = |one: &Judged| match one.verdict.and(one.table) {
                Some(table) => of_table("json", table),
                None => json::render(one),
            };
            match judged {
                [one] => document(one),
                // Still one document.
                several => {
                    let all: Vec<Vec<u8>> =
                        several.iter().map(|one| document(one).trim_ascii_end().to_vec()).collect();
                    [b"[\n".to_vec(), all.join(&b",\n"[..]), b"\n]\n".to_vec()].concat()
                }
            }
        }
        Shown::Markdown => each(&|one| markdown::render(one, markdown::MOST_BYTES).into_bytes()),
        Shown::GithubActionBenchmark => {
            warn_of_gaps(judged);
            github_action_benchmark::render(judged)
        }
        Shown::Bencher => {
            warn_of_gaps(judged);
            bencher::render(judged)
        }
        Shown::Junit => junit::render(judged),
    }
}

/// A table in a format of reports.
fn of_table(name: &str, table: &Table) -> Vec<u8> {
    let files = find_format(name).map(|f| f.render(table)).unwrap_or_default();
    files.into_iter().flat_map(|file| file.bytes).collect()
}

/// A tracker cannot be told why a figure is missing; the person can.
fn warn_of_gaps(judged: &[Judged]) {
    for row in judged.iter().filter_map(|one| one.table).flat_map(measures::left_out) {
        eprintln!("warning: the figures of {row} are left out: the row is not valid");
    }
    if judged.iter().all(|one| measures::readings(one).is_empty()) {
        eprintln!("warning: there is no figure to give");
    }
}

fn write_junit(path: &Path, bytes: &[u8]) -> Outcome<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(at(format!("cannot make {}", folder.display())))?;
    }
    crate::cmd::report::write(path, bytes)
}

fn in_actions() -> bool {
    env::var_os(ACTIONS).is_some_and(|v| v == "true")
}

/// Appends to the job's summary, where there is one. That it cannot be written is no failure of
/// what was judged.
fn append(render: impl FnOnce(usize) -> String) {
    let Some(path) = env::var_os(SUMMARY).filter(|path| !path.is_empty()) else { return };
    if let Err(why) = append_to(&path, render) {
        eprintln!("warning: cannot write the summary to {}: {why}", Path::new(&path).display());
    }
}

fn append_to(path: &OsString, render: impl FnOnce(usize) -> String) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).read(true).open(path)?;
    // What a step wrote before counts too, and may not have ended its line.
    let room = (markdown::MOST_BYTES as u64).saturating_sub(file.metadata()?.len() + 2);
    let text = render(usize::try_from(room).unwrap_or(0));
    if text.is_empty() {
        return Err(io::Error::other("it is as large as GitHub takes"));
    }
    let before = if ends_its_line(&mut file)? { "" } else { "\n" };
    file.write_all(format!("{before}\n{text}").as_bytes())
}

/// True for an empty file too.
fn ends_its_line(file: &mut File) -> io::Result<bool> {
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    Ok(last == [b'\n'])
}

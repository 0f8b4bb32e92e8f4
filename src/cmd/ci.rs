//! What every command that judges writes: the requested format on standard output, JUnit XML in a
//! file, and in GitHub Actions annotations and a part of the job's summary.
//!
//! Separate from `report::judgement`, which renders. Here is where it goes, and the environment
//! that decides that.

use crate::cli::{HtmlArgs, OutputArgs, OutputFormat, ReportingArgs};
use crate::cmd::console::{note, warn};
use crate::cmd::files::{prepare_file, write_file};
use crate::cmd::pipe::{Pipe, has_given_up, is_pipe, not_written};
use crate::cmd::stdout::print;
use crate::error::{FailureKind, Outcome};
use crate::report::finding::Judgement;
use crate::report::format::text::terminal;
use crate::report::judgement::{
    JudgementView, annotations, bencher, github_action_benchmark, json, junit, markdown, measures,
    text,
};
use crate::report::{Conclusion, Table, find_format, of_judgement};
use crate::secret::{redact, redact_document};
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The file that GitHub Actions reads a step's summary from.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";
/// Is `true` within GitHub Actions.
const ACTIONS: &str = "GITHUB_ACTIONS";
/// Whether the JUnit file could not be written, and whether the job's summary could not: neither is tried
/// again, as its error would be reported twice.
static JUNIT_FAILED: AtomicBool = AtomicBool::new(false);
static SUMMARY_FAILED: AtomicBool = AtomicBool::new(false);
/// What makes a run write for CI: removed from the environment of runs that are part of a
/// comparison.
pub(crate) const VARIABLES: [&str; 2] = [SUMMARY, ACTIONS];

/// Prints the judgement of a comparison, and writes it for CI. `table` is the run that was examined,
/// if there is one: its figures go to trackers of benchmarks. `text` is what a terminal shows instead
/// of the judgement.
///
/// # Errors
/// If standard output or the JUnit file cannot be written.
pub(crate) fn print_judgement(
    judgement: &Judgement,
    table: Option<&Table>,
    text: Option<String>,
    args: &OutputArgs,
) -> Outcome<()> {
    print_all(&[JudgementView::comparison(judgement, table)], text, args, false)
}

/// Writes a judgement as a page, if one is asked for.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write_page(judgement: &Judgement, args: &HtmlArgs) -> Outcome<()> {
    args.html.as_deref().map_or(Ok(()), |path| write_file(path, &of_judgement(judgement)))
}

/// Prints runs with their limits: one screen for each, or if it is to be verbose the whole
/// `summary.txt`. `reports` is where the reports of each run are, if any were written. Standard output may be
/// taken by something else: then it goes to standard error.
///
/// # Errors
/// If standard output or the JUnit file cannot be written.
pub(crate) fn print_runs(
    tables: &[Table],
    reports: &[Option<String>],
    args: &ReportingArgs,
    to_stderr: bool,
) -> Outcome<()> {
    let views: Vec<JudgementView> = tables.iter().map(JudgementView::run).collect();
    let screens = (!args.verbose).then(|| {
        let screens = tables.iter().zip(reports).map(|(t, place)| terminal(t, place.as_deref()));
        screens.collect::<Vec<_>>().join("\n")
    });
    print_all(&views, screens, &args.output, to_stderr)
}

/// Does a command's work, and writes a failure of it for CI too.
///
/// # Errors
/// The work's own failure, with another line if the JUnit file cannot be written.
pub(crate) fn report_failure(
    title: &str,
    args: &OutputArgs,
    work: impl FnOnce() -> Outcome<Conclusion>,
) -> Outcome<Conclusion> {
    // Before the work, which may take hours.
    let unusable = args.junit.as_deref().map_or(Ok(()), prepare_file).err();
    let usable = unusable.is_none();
    let failure = match unusable.map_or_else(work, Err) {
        Ok(conclusion) => return Ok(conclusion),
        Err(failure) => failure,
    };
    let message = redact(&format!("{failure:#}")).into_owned();
    if in_actions() {
        annotate(&annotations::failed(&message));
    }
    let reported = has_given_up();
    let noted = append(|limit| markdown::failed(title, &message, limit));
    // Its error is among the failures already.
    let is_reported = !usable || JUNIT_FAILED.load(Ordering::Relaxed);
    let junit = args.junit.as_deref().filter(|_| !is_reported);
    let written = junit.map_or(Ok(()), |path| write_file(path, &junit::failed(title, &message)));
    match noted.and(written) {
        Err(second) if !reported || !matches!(second.kind, FailureKind::Signal(_)) => {
            Err(failure.with_note(&format!("{second:#}")))
        }
        _ => Err(failure),
    }
}

/// Prints views, or on a terminal the text if there is one, and writes annotations, the job's summary
/// and the JUnit file, even if printing failed.
fn print_all(
    views: &[JudgementView],
    text: Option<String>,
    args: &OutputArgs,
    to_stderr: bool,
) -> Outcome<()> {
    let text = match text.filter(|_| args.format == OutputFormat::Text) {
        Some(text) => text.into_bytes(),
        None => render(views, args.format),
    };
    let printed = if to_stderr {
        note(String::from_utf8_lossy(&text).trim_end());
        Ok(())
    } else {
        print(&text)
    };
    if in_actions() {
        views.iter().for_each(|one| annotate(&annotations::render(one)));
    }
    let noted = views.iter().map(|one| append(|limit| markdown::render(one, limit)));
    // Each of them, though an earlier one failed.
    let noted = noted.fold(Ok(()), Result::and);
    let junit = args.junit.as_deref();
    let written = junit.map_or(Ok(()), |path| write_file(path, &junit::render(views)));
    JUNIT_FAILED.fetch_or(written.is_err(), Ordering::Relaxed);
    printed.and(noted).and(written)
}

fn annotate(commands: &str) {
    if !commands.is_empty() {
        note(commands.trim_end());
    }
}

fn render(views: &[JudgementView], format: OutputFormat) -> Vec<u8> {
    let each = |render: &dyn Fn(&JudgementView) -> Vec<u8>| views.iter().flat_map(render).collect();
    match format {
        OutputFormat::Text => each(&|one| match one.verdict.and(one.table) {
            // With its limits and its verdict.
            Some(table) => render_table("text", table),
            None => text::render(one).into_bytes(),
        }),
        OutputFormat::Json => {
            let document = |one: &JudgementView| match one.verdict.and(one.table) {
                Some(table) => render_table("json", table),
                None => json::render(one),
            };
            match views {
                [one] => document(one),
                several => {
                    let all: Vec<Vec<u8>> =
                        several.iter().map(|one| document(one).trim_ascii_end().to_vec()).collect();
                    [b"[\n".to_vec(), all.join(&b",\n"[..]), b"\n]\n".to_vec()].concat()
                }
            }
        }
        OutputFormat::Markdown => {
            each(&|one| markdown::render(one, markdown::MOST_BYTES).into_bytes())
        }
        OutputFormat::GithubActionBenchmark => {
            warn_of_gaps(views);
            github_action_benchmark::render(views)
        }
        OutputFormat::Bencher => {
            warn_of_gaps(views);
            bencher::render(views)
        }
        OutputFormat::Junit => junit::render(views),
    }
}

/// Renders a table in a format of reports.
fn render_table(name: &str, table: &Table) -> Vec<u8> {
    let files = find_format(name).map(|f| f.render(table)).unwrap_or_default();
    files.into_iter().flat_map(|file| file.bytes).collect()
}

/// A tracker's format has no place for the reason why a figure is missing.
fn warn_of_gaps(views: &[JudgementView]) {
    for row in views.iter().filter_map(|one| one.table).flat_map(measures::left_out) {
        warn(format_args!("the figures of {row} are left out: the row is not valid"));
    }
    if measures::readings(views).is_empty() {
        warn("there is no figure to print");
    }
}

fn in_actions() -> bool {
    env::var_os(ACTIONS).is_some_and(|v| v == "true")
}

/// Appends to the job's summary, if there is one. If it cannot be written, that is a warning.
///
/// # Errors
/// If a signal ended the wait for whoever reads it.
fn append(render: impl FnOnce(usize) -> String) -> Outcome<()> {
    if SUMMARY_FAILED.load(Ordering::Relaxed) {
        return Ok(());
    }
    let Some(path) = env::var_os(SUMMARY).filter(|path| !path.is_empty()) else { return Ok(()) };
    let path = Path::new(&path);
    let Err(why) = append_to(path, render) else { return Ok(()) };
    let doing = format!("cannot write the job's summary to {}", path.display());
    let failure = not_written(doing, why);
    SUMMARY_FAILED.store(true, Ordering::Relaxed);
    if matches!(failure.kind, FailureKind::Signal(_)) {
        return Err(failure);
    }
    warn(format_args!("{failure:#}"));
    Ok(())
}

fn append_to(path: &Path, render: impl FnOnce(usize) -> String) -> io::Result<()> {
    if is_pipe(path) {
        let text = render(markdown::MOST_BYTES);
        return Pipe::open(path)?.write_all(redact_document(&text).as_bytes());
    }
    let mut file = OpenOptions::new().append(true).create(true).read(true).open(path)?;
    // What the step wrote before counts too, and its last line may have no end.
    let free = (markdown::MOST_BYTES as u64).saturating_sub(file.metadata()?.len() + 2);
    let text = render(usize::try_from(free).unwrap_or(0));
    let text = redact_document(&text);
    if text.is_empty() {
        return Err(io::Error::other("it is as large as GitHub allows"));
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

//! The file of a baseline.
//!
//! Separate from `result::file`, which holds all that a run recorded: a baseline is small enough to
//! be committed, has a line for each figure so that a change is a line of a diff, and holds nothing
//! that a comparison does not need.

use crate::error::{Failure, Outcome, at};
use crate::gate::baseline::comparable::ComparableRun;
use crate::gate::limit::summarise_and_judge;
use crate::report::Table;
use crate::report::table::Status;
use crate::result::RunResult;
use crate::result::file;
use crate::result::file::RESULT_FILE;
use crate::result::line_reader::read_line;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// The schema of the file. A reader refuses another major version than these.
pub(crate) const SCHEMA: &str = "wsbench.baseline/2";
/// The one before, which is read still; in it, `stochastic` has another name.
const BEFORE: &str = "wsbench.baseline/1";
/// The largest baseline that is read: one of a thousand rows has a few megabytes.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// The largest count that every reader of JSON reads exactly; sums of a few do not overflow.
const MOST_COUNT: u64 = 1 << 53;

/// A baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// [`SCHEMA`].
    pub schema: String,
    /// The scenario's name.
    pub name: String,
    /// UTC time of the run's start, RFC 3339.
    pub started: String,
    /// Version and profile of the program that measured.
    pub build: String,
    /// The plan's hash.
    pub plan_hash: String,
    /// The machine, by the name of the property.
    pub host: BTreeMap<String, String>,
    /// The complete plan.
    pub plan: Value,
    /// The figures.
    pub rows: ComparableRun,
}

impl Baseline {
    /// Makes a baseline of a run, valid or not.
    pub(crate) fn of(result: &RunResult, table: &Table) -> Baseline {
        let header = &result.header;
        Baseline {
            schema: SCHEMA.to_owned(),
            name: header.name.clone(),
            started: header.started.clone(),
            build: header.build.clone(),
            plan_hash: header.plan_hash.clone(),
            host: header.host.clone(),
            plan: header.plan.clone(),
            rows: ComparableRun::of(result, table),
        }
    }
    /// Whether it is of the same run as another: nothing can differ.
    pub(crate) fn is_same_run(&self, other: &Baseline) -> bool {
        let of = |run: &Baseline| (run.plan_hash.clone(), run.started.clone(), run.host.clone());
        of(self) == of(other) && self.rows == other.rows
    }
    /// Describes it with its path.
    pub(crate) fn describe(&self, path: &Path) -> String {
        format!("{} ({} of {}, {})", path.display(), self.name, self.started, self.build)
    }
}

/// Refuses a run that cannot be a baseline.
///
/// # Errors
/// A sentence with the reasons, if the run is not valid or has no series.
pub(crate) fn require_valid(table: &Table) -> Result<(), String> {
    let verdict = &table.verdict;
    if verdict.status != Status::Valid {
        let status = verdict.status.name();
        return Err(format!("the run is {status}: {}", verdict.reasons.join("; ")));
    }
    if table.rows.is_empty() {
        return Err("the run has no series".to_owned());
    }
    Ok(())
}

/// Reads a baseline, a result file, or the folder of a report. Of a result, the finished numbers
/// are returned too.
///
/// # Errors
/// If there is no such file, it is neither, or it is of another version.
pub(crate) fn read(path: &Path) -> Outcome<(Baseline, Option<Table>)> {
    let path: PathBuf = if path.is_dir() { path.join(RESULT_FILE) } else { path.to_owned() };
    let shown = path.display();
    let mut input = BufReader::new(File::open(&path).map_err(at(format!("cannot open {shown}")))?);
    let mut first = Vec::new();
    let reading = || format!("cannot read {shown}");
    read_line(&mut input, &mut first).map_err(at(reading()))?;
    let header = serde_json::from_slice::<Value>(&first).ok();
    if header.is_some_and(|value| value.get("header").is_some()) {
        let result = file::read(&path)?;
        let table = summarise_and_judge(&result);
        return Ok((Baseline::of(&result, &table), Some(table)));
    }
    let mut text = first;
    input.take(MOST_BYTES).read_to_end(&mut text).map_err(at(reading()))?;
    if text.len() as u64 >= MOST_BYTES {
        let most = MOST_BYTES >> 20;
        return Err(Failure::run(format!("{shown} is larger than a baseline can be, {most} MiB")));
    }
    let baseline = parse(&text).map_err(|why| Failure::run(format!("{shown}: {why}")))?;
    Ok((baseline, None))
}

/// Reads a baseline.
///
/// # Errors
/// A sentence, if the text is not a baseline or of another version.
pub(crate) fn parse(text: &[u8]) -> Result<Baseline, String> {
    // Editors of some systems put a byte order mark before it.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let value: Value = serde_json::from_slice(text).map_err(|error| {
        format!(
            "neither a baseline nor a result file: {error}; write one with `wsbench run \
                 --save-baseline`"
        )
    })?;
    let family = |schema: &str| schema.split('/').next().unwrap_or_default().to_owned();
    match value["schema"].as_str() {
        Some(SCHEMA | BEFORE) => {}
        Some(schema) if family(schema) == family(SCHEMA) => {
            return Err(format!(
                "the baseline has schema {schema:?}, and this version reads {SCHEMA:?} and {BEFORE:?}; save it \
                 again with `wsbench run --save-baseline`, or use the version that wrote it"
            ));
        }
        other => {
            let schema = other.or(value["schema_version"].as_str());
            let found = schema.map_or("no schema".to_owned(), |s| format!("schema {s:?}"));
            return Err(format!("not a baseline: it has {found}; a baseline has {SCHEMA:?}"));
        }
    }
    if has_excessive_count(&value["rows"]) {
        return Err("the baseline is broken: a count is above 2^53".to_owned());
    }
    let mut baseline: Baseline =
        serde_json::from_value(value).map_err(|e| format!("the baseline is broken: {e}"))?;
    baseline.rows.name_servers(&baseline.plan);
    match baseline.rows.rows.iter().find(|row| row.clients == 0 || row.runs == 0) {
        Some(row) => {
            Err(format!("the baseline is broken: {:?} has no clients or runs", row.series))
        }
        None => Ok(baseline),
    }
}

/// True if a number in it is larger than any count.
fn has_excessive_count(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(has_excessive_count),
        Value::Object(map) => map.values().any(has_excessive_count),
        number => number.as_u64().is_some_and(|n| n > MOST_COUNT),
    }
}

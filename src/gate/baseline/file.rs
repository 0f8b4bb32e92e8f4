//! The document of a baseline, and reading whichever of the two kinds of file somebody has.
//!
//! Separate from `result::file`, which holds everything that was recorded of a run: a baseline is
//! small enough to be committed, has a line for each figure so that a change shows as one, and
//! holds nothing that a comparison does not need.

use crate::error::{Failure, Outcome, at};
use crate::gate::baseline::recorded::Recorded;
use crate::gate::limit::judged;
use crate::report::Table;
use crate::report::table::Status;
use crate::result::RunResult;
use crate::result::file;
use crate::result::file::RESULT_FILE;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The schema of the document. A reader refuses another major version.
pub(crate) const SCHEMA: &str = "wsbench.baseline/1";
/// The largest baseline that is read: one of a thousand rows has a few megabytes.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// The largest count that every reader of JSON takes as it is; sums of a few do not overflow.
const MOST_COUNT: u64 = 1 << 53;

/// A baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
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
    /// The complete plan, for telling unequal scenarios apart.
    pub plan: Value,
    /// What can be compared.
    pub rows: Recorded,
}

/// A file that holds a run.
#[derive(Debug)]
pub(crate) enum Source {
    /// A baseline.
    Baseline(Box<Document>),
    /// A result with its finished numbers.
    Result(Box<RunResult>, Box<Table>),
}

impl Document {
    /// What a baseline keeps of a run, whatever the run is worth.
    pub(crate) fn of(result: &RunResult, table: &Table) -> Document {
        let header = &result.header;
        Document {
            schema: SCHEMA.to_owned(),
            name: header.name.clone(),
            started: header.started.clone(),
            build: header.build.clone(),
            plan_hash: header.plan_hash.clone(),
            host: header.host.clone(),
            plan: header.plan.clone(),
            rows: Recorded::of(result, table),
        }
    }
    /// A run as a baseline.
    ///
    /// # Errors
    /// A sentence with the reasons, where the run is not valid or holds nothing.
    pub(crate) fn valid(result: &RunResult, table: &Table) -> Result<Document, String> {
        let verdict = &table.verdict;
        if verdict.status != Status::Valid {
            let status = verdict.status.name();
            return Err(format!("the run is {status}: {}", verdict.reasons.join("; ")));
        }
        match table.rows.is_empty() {
            true => Err("the run has no series".to_owned()),
            false => Ok(Document::of(result, table)),
        }
    }
    /// What it is, in words.
    pub(crate) fn about(&self, path: &Path) -> String {
        format!("{} ({} of {}, {})", path.display(), self.name, self.started, self.build)
    }
}

/// The document as text: one figure a line, keys in a fixed order.
pub(crate) fn render(document: &Document) -> Vec<u8> {
    // Text, numbers that are finite, and text keys.
    let mut bytes = serde_json::to_vec_pretty(document).expect("a baseline is JSON");
    bytes.push(b'\n');
    bytes
}

/// Reads a baseline, a result file, or the folder of a report.
///
/// # Errors
/// Where there is no such file, it is neither, or it is of another version.
pub(crate) fn read(path: &Path) -> Outcome<Source> {
    let path: PathBuf = if path.is_dir() { path.join(RESULT_FILE) } else { path.to_owned() };
    let shown = path.display();
    let mut input = BufReader::new(File::open(&path).map_err(at(format!("cannot open {shown}")))?);
    let mut first = Vec::new();
    let reading = || format!("cannot read {shown}");
    input.by_ref().take(MOST_BYTES).read_until(b'\n', &mut first).map_err(at(reading()))?;
    let header = serde_json::from_slice::<Value>(&first).ok();
    if header.is_some_and(|value| value.get("header").is_some()) {
        let result = file::read(&path)?;
        let table = judged(&result);
        return Ok(Source::Result(Box::new(result), Box::new(table)));
    }
    let mut text = first;
    input.take(MOST_BYTES).read_to_end(&mut text).map_err(at(reading()))?;
    let document = parse(&text).map_err(|why| Failure::run(format!("{shown}: {why}")))?;
    Ok(Source::Baseline(Box::new(document)))
}

/// Reads the document.
///
/// # Errors
/// A sentence, where the text is none or of another version.
pub(crate) fn parse(text: &[u8]) -> Result<Document, String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| {
        format!(
            "neither a baseline nor a result file: {error}; write one with `wsbench run \
                 --save-baseline`"
        )
    })?;
    let family = |schema: &str| schema.split('/').next().unwrap_or_default().to_owned();
    match value["schema"].as_str() {
        Some(SCHEMA) => {}
        Some(schema) if family(schema) == family(SCHEMA) => {
            return Err(format!(
                "the baseline has schema {schema:?}, and this version reads {SCHEMA:?}; save it \
                 again with `wsbench run --save-baseline`, or use the version that wrote it"
            ));
        }
        other => {
            let schema = other.or(value["schema_version"].as_str());
            let found = schema.map_or("no schema".to_owned(), |s| format!("schema {s:?}"));
            return Err(format!("not a baseline: it has {found}; a baseline has {SCHEMA:?}"));
        }
    }
    if exceeds(&value["rows"]) {
        return Err("the baseline is broken: a count is above 2^53".to_owned());
    }
    let document: Document =
        serde_json::from_value(value).map_err(|e| format!("the baseline is broken: {e}"))?;
    match document.rows.rows.iter().find(|row| row.clients == 0 || row.runs == 0) {
        Some(row) => {
            Err(format!("the baseline is broken: {:?} has no clients or runs", row.series))
        }
        None => Ok(document),
    }
}

/// True where a number in it is larger than any count.
fn exceeds(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(exceeds),
        Value::Object(map) => map.values().any(exceeds),
        number => number.as_u64().is_some_and(|n| n > MOST_COUNT),
    }
}

//! The result file: JSON Lines, appended while the run goes on.
//!
//! | line | when |
//! |---|---|
//! | `{"header":{…}}` | first |
//! | `{"window":{…}}` | a second, thread and case: bytes, counts, faults, histograms |
//! | `{"driver":{…}}`, `{"server":{…}}` | a process and case, at its end |
//! | `{"case":{…}}` | at the end of a case |
//! | `{"end":{…}}` | last |
//!
//! A reader tolerates a last line that was cut, a missing `end` (the result is then partial) and
//! lines of a kind that it does not know. It refuses another schema. The same lines are what a
//! worker writes to its parent.

use crate::error::{Failure, Outcome, at};
use crate::record::{ClientError, PhaseTotals, Phases, Window};
use crate::result::{CaseEnd, DriverEnd, End, Header, RunResult, SCHEMA, ServerEnd, histogram};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The result file within a report's folder.
pub(crate) const RESULT_FILE: &str = "result.jsonl";

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// What is run.
    Header(Box<Header>),
    /// A second of one thread.
    Window(Box<WindowLine>),
    /// The end of a driver process.
    Driver(Box<DriverEnd>),
    /// The end of a server process.
    Server(Box<ServerEnd>),
    /// The end of a case.
    Case(Box<CaseEnd>),
    /// The end of the run.
    End(End),
}

/// A window on its way between processes and in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowLine {
    /// The case.
    pub case: u32,
    /// The driver process.
    pub shard: u32,
    /// Seconds from the case's epoch.
    pub second: u32,
    /// Bytes and counts by phase.
    pub phases: Phases<PhaseTotals>,
    /// Faults and their number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<(ClientError, u64)>,
    /// Histograms, see [`histogram`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub histograms: BTreeMap<String, String>,
}

impl WindowLine {
    /// A window as a line.
    pub fn new(case: u32, shard: u32, second: u32, window: &Window) -> WindowLine {
        WindowLine {
            case,
            shard,
            second,
            phases: window.phases,
            faults: window.faults.iter().map(|(f, n)| (*f, *n)).collect(),
            histograms: histogram::encode(&window.latency),
        }
    }
    /// The window again.
    ///
    /// # Errors
    /// A sentence, if a histogram cannot be read.
    pub fn window(&self) -> Result<Window, String> {
        Ok(Window {
            phases: self.phases,
            faults: self.faults.iter().copied().collect(),
            latency: histogram::decode(&self.histograms)?,
        })
    }
}

/// A result file that is being written. Each line is flushed, so that nothing recorded is lost.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Writer {
    /// Creates the file and writes the header.
    ///
    /// # Errors
    /// If the file cannot be made or written.
    pub fn create(path: &Path, header: &Header) -> Outcome<Writer> {
        let file = File::create(path).map_err(at(format!("cannot create {}", path.display())))?;
        let mut writer = Writer { path: path.to_owned(), out: BufWriter::new(file) };
        writer.write(&Line::Header(Box::new(header.clone())))?;
        Ok(writer)
    }
    /// Appends a line.
    ///
    /// # Errors
    /// If the file cannot be written: a full disk, for one.
    pub fn write(&mut self, line: &Line) -> Outcome<()> {
        let doing = || format!("cannot write {}", self.path.display());
        serde_json::to_writer(&mut self.out, line).map_err(at(doing()))?;
        self.out.write_all(b"\n").map_err(at(doing()))?;
        self.out.flush().map_err(at(doing()))
    }
}

/// Reads a result file.
///
/// # Errors
/// If the file cannot be read, has no header of this schema, or has a broken line that is not
/// the last.
pub fn read(path: &Path) -> Outcome<RunResult> {
    let shown = path.display();
    let file = File::open(path).map_err(at(format!("cannot open {shown}")))?;
    let mut lines = BufReader::new(file).split(b'\n').enumerate().peekable();
    let mut result: Option<RunResult> = None;
    while let Some((index, line)) = lines.next() {
        let line = line.map_err(at(format!("cannot read {shown}")))?;
        let fault = |e: &dyn std::fmt::Display| {
            Failure::run(format!("{shown}:{}: not a line of a result file: {e}", index + 1))
        };
        let last = lines.peek().is_none();
        match serde_json::from_slice::<serde_json::Value>(&line) {
            Err(_) if last && result.is_some() => break,
            Err(error) => return Err(fault(&error)),
            Ok(value) => match (&mut result, serde_json::from_value::<Line>(value.clone())) {
                (None, Ok(Line::Header(mut header))) => {
                    check_schema(path, &header)?;
                    complete(&mut header);
                    result = Some(RunResult::new(*header));
                }
                (None, _) => return Err(fault(&"the first line is not a header")),
                (Some(result), Ok(line)) => absorb(result, line).map_err(|e| fault(&e))?,
                (Some(_), Err(error)) if known(&value) => return Err(fault(&error)),
                (Some(_), Err(_)) => {}
            },
        }
    }
    result.ok_or_else(|| Failure::run(format!("{shown} is empty: not a result file")))
}

fn check_schema(path: &Path, header: &Header) -> Outcome<()> {
    if header.schema == SCHEMA {
        return Ok(());
    }
    Err(Failure::run(format!(
        "{} has schema {:?}; this version reads {SCHEMA:?}",
        path.display(),
        header.schema
    )))
}

/// Adds what a file of version 0.1 does not have: its transport `null` alone had no network.
fn complete(header: &mut Header) {
    for case in &mut header.cases {
        case.network &= !case.floor && case.transport != "null";
    }
}

fn known(value: &serde_json::Value) -> bool {
    ["header", "window", "driver", "server", "case", "end"].iter().any(|k| value.get(k).is_some())
}

/// Adds a line to a result.
///
/// # Errors
/// A sentence, if a window's histogram cannot be read.
pub(crate) fn absorb(result: &mut RunResult, line: Line) -> Result<(), String> {
    match line {
        Line::Header(_) => {}
        Line::Window(line) => {
            let window = line.window()?;
            result.cases.entry(line.case).or_default().add_window(line.second, &window);
        }
        Line::Driver(end) => result.cases.entry(end.case).or_default().drivers.push(*end),
        Line::Server(end) => result.cases.entry(end.case).or_default().servers.push(*end),
        Line::Case(end) => result.cases.entry(end.case).or_default().ends.push(*end),
        Line::End(end) => result.ends.push(end),
    }
    Ok(())
}

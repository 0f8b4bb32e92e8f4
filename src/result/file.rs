//! The result file: JSON Lines, appended while the run goes on.
//!
//! | line | when |
//! |---|---|
//! | `{"header":{…}}` | first |
//! | `{"second":{…}}` | a second and case: bytes, counts, faults, coarse histograms |
//! | `{"latency":{…}}` | now and then, and at the end of a case: whole histograms of the case's `second` lines since the last one |
//! | `{"driver":{…}}`, `{"server":{…}}` | a process and case, at its end |
//! | `{"case":{…}}` | at the end of a case |
//! | `{"end":{…}}` | last |
//!
//! A reader tolerates a last line that was cut, a missing `end` (the result is then partial) and
//! lines of a kind that it does not know. It refuses another schema. If a file was cut, the coarse
//! histograms stand in for the whole ones that were not yet written: no latency is lost.
//!
//! The same lines are what a worker writes to its parent, but for `{"window":{…}}`: a second of one
//! thread, with whole histograms. Files of version 0.1 (schema 1) have these too, instead of `second`
//! and `latency`: they grew with threads and seconds until they and their reader were out of bounds.

use crate::error::{Failure, Outcome, at};
use crate::record::{ClientError, Latency, Metric, PhaseTotals, Phases, TransportKind, Window};
use crate::result::histogram::{self, CoarseLatency, Texts};
use crate::result::line_reader::{impossible_figure, read_line};
use crate::result::seconds::{LinePlace, SecondRow, Seconds};
use crate::result::{CaseEnd, DriverEnd, End, Header, OLDER_SCHEMAS, RunResult, SCHEMA, ServerEnd};
use crate::units::hexadecimal;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

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
    /// A second of a case.
    Second(Box<SecondLine>),
    /// Whole histograms of a case.
    Latency(Box<LatencyLine>),
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

/// A second of a case, of all its threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecondLine {
    /// The case.
    pub case: u32,
    /// Seconds from the case's epoch.
    pub second: u32,
    /// Bytes and counts by phase.
    #[serde(serialize_with = "without_empty")]
    pub phases: Phases<PhaseTotals>,
    /// Faults and their number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<(ClientError, u64)>,
    /// Coarse histograms, see [`histogram`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub histograms: Texts,
}

impl SecondLine {
    /// A second as a line.
    pub fn new(case: u32, second: u32, window: &Window) -> SecondLine {
        SecondLine {
            case,
            second,
            phases: window.phases,
            faults: window.faults.iter().map(|(f, n)| (*f, *n)).collect(),
            histograms: histogram::encode_coarse(&window.latency),
        }
    }
    /// The second without its latencies.
    fn window(&self) -> Window {
        Window {
            phases: self.phases,
            faults: self.faults.iter().copied().collect(),
            latency: Latency::default(),
        }
    }
}

/// Leaves out phases in which nothing was recorded.
fn without_empty<S: Serializer>(all: &Phases<PhaseTotals>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(all.used().map(|phase| (phase.name(), &all[phase])))
}

/// Whole histograms of the `second` lines of a case since the last such line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyLine {
    /// The case.
    pub case: u32,
    /// Histograms, see [`histogram`].
    pub histograms: Texts,
}

impl LatencyLine {
    /// Histograms as a line.
    pub fn new(case: u32, latency: &Latency) -> LatencyLine {
        LatencyLine { case, histograms: histogram::encode(latency) }
    }
}

/// A result file that is being written. Each line is flushed, so that nothing recorded is lost.
#[derive(Debug)]
pub struct Writer {
    path: Arc<Path>,
    file: File,
    /// Bytes that were written.
    offset: u64,
    line: Vec<u8>,
    /// Of all lines that were written.
    digest: Sha256,
}

impl Writer {
    /// Creates the file and writes the header.
    ///
    /// # Errors
    /// If the file cannot be made or written.
    pub fn create(path: &Path, header: &Header) -> Outcome<Writer> {
        let file = File::create(path).map_err(at(format!("cannot create {}", path.display())))?;
        let mut writer = Writer {
            path: Arc::from(path),
            file,
            offset: 0,
            line: Vec::new(),
            digest: Sha256::new(),
        };
        writer.write(&Line::Header(Box::new(header.clone())))?;
        Ok(writer)
    }
    /// Appends a line.
    ///
    /// # Errors
    /// If the file cannot be written: a full disk, for one.
    pub fn write(&mut self, line: &Line) -> Outcome<()> {
        let doing = || format!("cannot write {}", self.path.display());
        self.line.clear();
        match line {
            Line::End(end) => {
                let sha256 = Some(hexadecimal(&self.digest.clone().finalize()));
                let end = Line::End(End { sha256, ..end.clone() });
                serde_json::to_writer(&mut self.line, &end).map_err(at(doing()))?;
            }
            line => serde_json::to_writer(&mut self.line, line).map_err(at(doing()))?,
        }
        self.line.push(b'\n');
        self.file.write_all(&self.line).map_err(at(doing()))?;
        self.digest.update(&self.line);
        self.offset += self.line.len() as u64;
        Ok(())
    }
    /// Appends the line of a second. Returns its place.
    ///
    /// # Errors
    /// As of [`Writer::write`].
    pub(crate) fn write_second(&mut self, line: SecondLine) -> Outcome<LinePlace> {
        let place = LinePlace { second: line.second, file: self.path.clone(), offset: self.offset };
        self.write(&Line::Second(Box::new(line)))?;
        Ok(place)
    }
}

/// The lines of a result file before its last one, and what that says of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LinesDigest {
    /// Lines.
    pub count: u64,
    /// Their SHA-256, in hexadecimal.
    pub found: String,
    /// The one that the last line says; `None` if it says none.
    pub written: Option<String>,
    /// Whether the file has an end.
    pub ended: bool,
}

/// Returns the digest of a file's lines, and the one that the file says.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn lines_digest(mut input: impl BufRead) -> io::Result<LinesDigest> {
    let mut digest = Sha256::new();
    let mut out = LinesDigest::default();
    let mut text = Vec::new();
    loop {
        let length = read_line(&mut input, &mut text)?;
        if length == 0 {
            out.found = hexadecimal(&digest.finalize());
            return Ok(out);
        }
        out.count += 1;
        // Another line may not begin like this.
        if text.starts_with(b"{\"end\"")
            && let Ok(Line::End(end)) = serde_json::from_slice(&text)
        {
            out.ended = true;
            out.written = end.sha256;
            out.found = hexadecimal(&digest.finalize());
            // A line behind the end was never written.
            let rest = read_line(&mut input, &mut text)?;
            if rest > 0 {
                out.found.push_str(" and more");
            }
            return Ok(out);
        }
        digest.update(&text[..]);
    }
}

/// Reads a result file, a line at a time.
///
/// # Errors
/// If the file cannot be read, has no header of a schema that this version reads, or has a broken
/// line that is not the last.
pub fn read(path: &Path) -> Outcome<RunResult> {
    let file = File::open(path).map_err(at(format!("cannot open {}", path.display())))?;
    read_lines(path, BufReader::new(file))
}

/// Does the same with the lines of an open file.
///
/// # Errors
/// As [`read`].
pub fn read_lines(path: &Path, mut input: impl BufRead) -> Outcome<RunResult> {
    let shown = path.display();
    let shared: Arc<Path> = Arc::from(path);
    let mut reading: Option<FileReading> = None;
    let mut text = Vec::new();
    let mut number = 0u64;
    let mut offset = 0u64;
    loop {
        let length =
            read_line(&mut input, &mut text).map_err(at(format!("cannot read {shown}")))?;
        if length == 0 {
            break;
        }
        number += 1;
        let fault = |e: &dyn std::fmt::Display| {
            Failure::run(format!("{shown}:{number}: not a line of a result file: {e}"))
        };
        let place = |second| LinePlace { second, file: shared.clone(), offset };
        let parsed = serde_json::from_slice::<Line>(&text);
        match (&mut reading, parsed) {
            (None, Ok(Line::Header(mut header))) => {
                check_schema(path, &header)?;
                check_figures(&text).map_err(|why| fault(&why))?;
                complete(&mut header);
                reading = Some(FileReading::new(*header));
            }
            (Some(reading), Ok(line)) => reading.absorb(line, place).map_err(|e| fault(&e))?,
            (reading, parsed) => match serde_json::from_slice::<Value>(&text) {
                Err(_) if reading.is_some() && is_last(&mut input) => break,
                Err(error) => return Err(fault(&error)),
                Ok(_) if reading.is_none() => return Err(fault(&"the first line is not a header")),
                Ok(value) => match parsed {
                    Err(error) if known(&value) => return Err(fault(&error)),
                    // A line of a later version.
                    _ => {}
                },
            },
        }
        offset += length as u64;
    }
    let reading =
        reading.ok_or_else(|| Failure::run(format!("{shown} is empty: not a result file")))?;
    Ok(reading.end())
}

/// True if nothing follows. What cannot be read does not follow.
fn is_last(input: &mut impl BufRead) -> bool {
    input.fill_buf().map_or(true, <[u8]>::is_empty)
}

/// Gives the figures of each second, by rising second, and stops at the first error.
///
/// # Errors
/// If a file has changed or cannot be read any more; or the user's own error.
pub(crate) fn each_second(
    seconds: &Seconds,
    mut use_it: impl FnMut(u32, &SecondRow) -> io::Result<()>,
) -> io::Result<()> {
    let mut lines = LineReader::default();
    for (second, window, places) in seconds.each() {
        let mut row = window.map(SecondRow::from).unwrap_or_default();
        for place in places {
            row.add(lines.row(place)?).map_err(io::Error::other)?;
        }
        use_it(second, &row)?;
    }
    Ok(())
}

/// Reads single lines of files, of which one is open.
#[derive(Default)]
struct LineReader {
    open: Option<(Arc<Path>, BufReader<File>, u64)>,
    text: Vec<u8>,
}

impl LineReader {
    fn row(&mut self, place: &LinePlace) -> io::Result<SecondRow> {
        let doing = |why: &dyn std::fmt::Display| {
            io::Error::other(format!("cannot read {}: {why}", place.file.display()))
        };
        self.read(place).map_err(|e| doing(&e))?;
        let line: Line = serde_json::from_slice(&self.text).map_err(|e| doing(&e))?;
        let (phases, texts) = match &line {
            Line::Window(line) => (line.phases, &line.histograms),
            Line::Second(line) => (line.phases, &line.histograms),
            _ => return Err(doing(&"it has changed")),
        };
        let mut row = SecondRow::new(phases);
        for metric in Metric::ALL.into_iter().filter(|metric| metric.is_headline()) {
            if let Some(histogram) = histogram::decode_one(texts, metric).map_err(|e| doing(&e))? {
                row.add_histogram(metric, histogram).map_err(|e| doing(&e))?;
            }
        }
        Ok(row)
    }

    /// Reads a line into `text`.
    fn read(&mut self, place: &LinePlace) -> io::Result<()> {
        let open = self.open.take().filter(|(file, ..)| *file == place.file);
        let (file, mut input, at) = match open {
            Some(open) => open,
            None => (place.file.clone(), BufReader::new(File::open(&place.file)?), 0),
        };
        if at != place.offset {
            input.seek(SeekFrom::Start(place.offset))?;
        }
        let length = read_line(&mut input, &mut self.text)?;
        self.open = Some((file, input, place.offset + length as u64));
        Ok(())
    }
}

fn check_schema(path: &Path, header: &Header) -> Outcome<()> {
    if header.schema == SCHEMA || OLDER_SCHEMAS.contains(&header.schema.as_str()) {
        return Ok(());
    }
    Err(Failure::run(format!(
        "{} has schema {:?}; this version reads {}",
        path.display(),
        header.schema,
        OLDER_SCHEMAS
            .iter()
            .chain([&SCHEMA])
            .map(|s| format!("{s:?}"))
            .collect::<Vec<_>>()
            .join(" and ")
    )))
}

/// Refuses figures of a header that no run can have; other lines have whole numbers alone. Its plan and its
/// limits are the user's own words.
fn check_figures(line: &[u8]) -> Result<(), String> {
    let header: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    for part in ["cases", "curves"] {
        if let Some((place, figure)) = impossible_figure(&header["header"][part]) {
            return Err(format!(
                "header.{part}{place} is {figure:e}, which no run can have: the file was changed or is damaged"
            ));
        }
    }
    Ok(())
}

/// Adds what a file of version 0.1 does not have: its transport `null` alone had no network.
fn complete(header: &mut Header) {
    for case in &mut header.cases {
        case.network &= !case.floor && case.kind() != Some(TransportKind::Null);
    }
}

fn known(value: &Value) -> bool {
    ["header", "window", "second", "latency", "driver", "server", "case", "end"]
        .iter()
        .any(|kind| value.get(kind).is_some())
}

/// A result of which not all lines are read.
struct FileReading {
    result: RunResult,
    /// By case: latencies for which no whole histograms were read.
    coarse: BTreeMap<u32, CoarseLatency>,
}

impl FileReading {
    fn new(header: Header) -> FileReading {
        FileReading { result: RunResult::new(header), coarse: BTreeMap::new() }
    }

    /// Adds a line.
    fn absorb(&mut self, line: Line, place: impl Fn(u32) -> LinePlace) -> Result<(), String> {
        let cases = &mut self.result.cases;
        match line {
            Line::Window(line) => {
                let case = cases.entry(line.case).or_default();
                case.total.add(&line.window()?);
                case.seconds.note(place(line.second));
            }
            Line::Second(line) => {
                let case = cases.entry(line.case).or_default();
                case.total.add(&line.window());
                case.seconds.note(place(line.second));
                let coarse = CoarseLatency::decode(&line.histograms)?;
                self.coarse.entry(line.case).or_default().add(coarse)?;
            }
            Line::Latency(line) => {
                let whole = histogram::decode(&line.histograms)?;
                cases.entry(line.case).or_default().total.latency.add(&whole);
                self.coarse.remove(&line.case);
            }
            other => absorb(&mut self.result, other),
        }
        Ok(())
    }

    /// Returns the result, with the coarse latencies that no whole histogram has.
    fn end(mut self) -> RunResult {
        for (case, coarse) in &self.coarse {
            coarse.add_to(&mut self.result.cases.entry(*case).or_default().total.latency);
        }
        self.result
    }
}

/// Adds a line about a process, a case or the run to a result; those of seconds and latencies have
/// their own ways.
pub(crate) fn absorb(result: &mut RunResult, line: Line) {
    match line {
        Line::Header(_) | Line::Window(_) | Line::Second(_) | Line::Latency(_) => {}
        Line::Driver(end) => result.cases.entry(end.case).or_default().drivers.push(*end),
        Line::Server(end) => result.cases.entry(end.case).or_default().servers.push(*end),
        Line::Case(end) => result.cases.entry(end.case).or_default().ends.push(*end),
        Line::End(end) => result.ends.push(end),
    }
}

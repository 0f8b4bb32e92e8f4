//! Conducting a run: case after case, the processes of each, and the words that they are given.
//!
//! Separate from `worker`, which carries words, from `load`, which obeys them, and from `cmd`,
//! which shows what happens here. Decisions about the rate that a machine holds are in
//! `calibrate`, as arithmetic.

mod case;
pub(crate) mod external_server;
mod output_tail;
pub(crate) mod process;
mod processes;
pub(crate) mod protocol;
mod rate_search;
pub(crate) mod worker;

use crate::error::Outcome;
use crate::os::{Caught, Signals};
use crate::plan;
use crate::plan::Plan;
use crate::result::file::{Line, Writer, absorb};
use crate::result::{CaseInfo, Curve, End, Header, RunResult, SCHEMA};
use crate::time::now_ns;
use std::collections::BTreeMap;
use std::path::Path;

/// What a run tells while it goes on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Note {
    /// A case begins: its place among all, and what it is.
    Case {
        /// From 1.
        place: usize,
        /// How many there are.
        of: usize,
        /// What it is.
        info: Box<CaseInfo>,
    },
    /// What is being done now and how long it may take in nanoseconds; 0 where nobody knows.
    Stage {
        /// In a word or two.
        name: &'static str,
        /// Nanoseconds.
        length_ns: u64,
    },
    /// Where the clients are, a few times a second.
    Progress {
        /// Clients connected.
        connected: u64,
        /// Clients that gave up.
        failed: u64,
        /// Exchanges completed and messages received, since the case began.
        events: u64,
        /// Faults so far.
        faults: u64,
    },
    /// Something that a person should know now.
    Word(String),
}

/// Whoever shows a run. The run never waits for it.
pub(crate) type Watcher<'a> = &'a mut dyn FnMut(Note);

/// A look at what a run has recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// The case that runs, or has just ended.
    pub case: u32,
    /// Nanoseconds of its measured window that are recorded; `None` once it is over.
    pub measured_ns: Option<u64>,
}

/// Whoever may end a run by what it has recorded, with a sentence on why. It is asked once a second
/// of a case's measured window, and once a case is over and another would follow; the run waits for
/// it.
pub(crate) type Inspector<'a> = &'a mut dyn FnMut(&RunResult, Look) -> Option<String>;

/// Why a case or a run ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Early {
    /// A signal came.
    Caught(Caught),
    /// Its inspector found a reason.
    Refused(String),
    /// The server that it needs does not listen: no further case has one either.
    Unready,
}

/// What a run ended with.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Everything recorded.
    pub result: RunResult,
    /// The signal that ended it early.
    pub caught: Option<Caught>,
}

/// The result file and the same result in memory, in step.
pub(crate) struct Sink {
    writer: Writer,
    /// What was written.
    pub result: RunResult,
}

impl Sink {
    /// Writes a line and takes it in.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(crate) fn put(&mut self, line: Line) -> Outcome<()> {
        self.writer.write(&line)?;
        absorb(&mut self.result, line).map_err(crate::error::Failure::run)
    }
}

/// Runs a plan, writing its result to a file as it comes.
///
/// # Errors
/// Where the file cannot be written or a process cannot be started; what was recorded until then
/// is in the file.
pub(crate) async fn run(
    plan: &Plan,
    header: Header,
    path: &Path,
    signals: &mut Signals,
    watcher: Watcher<'_>,
) -> Outcome<Ran> {
    run_inspected(plan, header, path, signals, watcher, &mut |_, _| None).await
}

/// Like [`run`], with somebody who may end it by what it has recorded.
///
/// # Errors
/// As of [`run`].
pub(crate) async fn run_inspected(
    plan: &Plan,
    header: Header,
    path: &Path,
    signals: &mut Signals,
    watcher: Watcher<'_>,
    inspector: Inspector<'_>,
) -> Outcome<Ran> {
    let began = now_ns();
    let writer = Writer::create(path, &header)?;
    let mut sink = Sink { writer, result: RunResult::new(header) };
    let mut early = None;
    for (place, case) in plan.cases.iter().enumerate() {
        if let Some(info) = sink.result.info(case.index) {
            let info = Box::new(info.clone());
            watcher(Note::Case { place: place + 1, of: plan.cases.len(), info });
        }
        early = case::run(plan, case, &mut sink, signals, watcher, inspector).await?;
        let last = place + 1 == plan.cases.len();
        if early.is_none() && !last && !case.floor {
            let look = Look { case: case.index, measured_ns: None };
            early = inspector(&sink.result, look).map(Early::Refused);
        }
        if early.is_some() {
            break;
        }
    }
    let reason = match &early {
        None => "complete".to_owned(),
        Some(Early::Caught(caught)) => caught.name().to_owned(),
        Some(Early::Refused(why)) => {
            watcher(Note::Word(format!("the run is ended by a limit: {why}")));
            End::by_limit(why)
        }
        Some(Early::Unready) => "the server does not listen".to_owned(),
    };
    sink.put(Line::End(End { reason, wall_ns: now_ns() - began }))?;
    let caught = match early {
        Some(Early::Caught(caught)) => Some(caught),
        _ => None,
    };
    Ok(Ran { result: sink.result, caught })
}

/// The header of a plan's result.
pub fn header(plan: &Plan, started: String, host: BTreeMap<String, String>) -> Header {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    Header {
        schema: SCHEMA.to_owned(),
        name: plan.name.clone(),
        started,
        // A plan is numbers, text and tables with text keys.
        plan: serde_json::to_value(plan).expect("a plan is JSON"),
        plan_hash: plan.hash(),
        build: format!("wsbench {} ({profile})", env!("CARGO_PKG_VERSION")),
        host,
        cases: plan.cases.iter().map(|case| info(plan, case)).collect(),
        curves: plan::predict_costs(plan).into_iter().map(curve).collect(),
        limits: Vec::new(),
    }
}

fn curve(costs: plan::SeriesCosts) -> Curve {
    let (points, absent) = match costs.points {
        Ok(points) => (points, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    Curve {
        series: costs.series,
        transport: costs.transport,
        clients: costs.clients,
        points,
        absent,
    }
}

fn info(plan: &Plan, case: &crate::plan::Case) -> CaseInfo {
    let series = plan.series_of(case);
    let (label, transport) = match case.floor {
        true => ("floor".to_owned(), "null".to_owned()),
        false => (series.label.clone(), series.transport().to_owned()),
    };
    CaseInfo {
        case: case.index,
        series: label,
        transport,
        clients: case.clients,
        repeat: case.repeat,
        floor: case.floor,
        paced: case.floor || series.paced,
        interval_ns: series.interval_ns,
        may_stretch: case.stretch.is_some(),
        workload: plan.feed.workload.name().to_owned(),
        feed_rate_hz: plan.feed.rate_hz,
        payload_bytes: plan.feed.payload_bytes,
        duration_ns: plan.timing_of(case).duration_ns,
        bundled_server: plan.bundled() && !case.floor,
        absent: plan.absent(),
        model: if case.floor { None } else { plan.model(case) },
        connection_each_turn: !case.floor && series.connection_each_turn,
    }
}

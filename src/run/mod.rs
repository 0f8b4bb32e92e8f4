//! Runs a plan: case after case, in each of which processes of the driver and the server are
//! started, given commands and ended.
//!
//! Separate from `driver`, which is inside a driver's process, and from `cmd`, which shows what
//! happens here.

mod case;
mod client_secrets;
pub(crate) mod companion;
pub(crate) mod external_server;
mod free_port;
pub(crate) mod guard;
mod kernel_memory;
mod libraries;
mod output_tail;
mod process;
pub(crate) mod process_group;
mod processes;
pub(crate) mod protocol;
mod ramp_memory;
mod rate_search;
mod readiness;
mod server_cost;
mod server_log;
mod server_memory;
mod sink;
pub(crate) mod worker;

use crate::driver::PROBES_PER_S;
use crate::error::{Outcome, at};
use crate::os::{Caught, Signals};
use crate::plan;
use crate::plan::Plan;
use crate::record::{TransportKind, Window};
use crate::result::file::Line;
use crate::result::{CaseInfo, End, Header, PREDICTION, RunResult, SCHEMA, StopReason};
pub(crate) use crate::run::client_secrets::find_in_any_head;
use crate::run::companion::Companion;
pub(crate) use crate::run::protocol::ClientProgress;
use crate::run::sink::ResultSink;
use crate::time::now_ns;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;

/// The output of a server that the run starts, in the result's folder.
pub(crate) const SERVER_LOG: &str = "server.log";

/// What happens during a run, for whoever shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RunEvent {
    /// A case begins.
    Case {
        /// Its place among all cases, from 1.
        place: usize,
        /// How many cases there are.
        of: usize,
        /// What it is.
        info: Box<CaseInfo>,
    },
    /// A stage of a case begins.
    Stage {
        /// What is done in it.
        name: &'static str,
        /// How long it will take, in nanoseconds; 0 if that is not known.
        length_ns: u64,
    },
    /// How far the clients of the case are, a few times a second.
    Progress(ClientProgress),
    /// A second of the case is recorded whole: what every thread of its drivers did in it.
    Second {
        /// Seconds from the case's epoch.
        second: u32,
        /// What was recorded.
        window: Box<Window>,
    },
    /// Something that the user should know now.
    Warning(String),
}

/// Is called with each event of a run. The run waits for it, so it must be quick.
pub(crate) type Observer<'a> = &'a mut dyn FnMut(RunEvent);

/// How far a run is when its result is inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inspection {
    /// The case that runs, or has just ended.
    pub case: u32,
    /// Nanoseconds of its measured window that are recorded; `None` once it is over.
    pub measured_ns: Option<u64>,
}

/// Ends a run if it returns a reason. It is called with what was recorded: once a second of a case's
/// measured window, and after each case that another one follows. The run waits for it.
pub(crate) type Inspector<'a> = &'a mut dyn FnMut(&RunResult, Inspection) -> Option<String>;

/// Why a case or a run ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EarlyEnd {
    /// A signal came.
    Signal(Caught),
    /// The inspector returned this reason.
    Inspector(String),
    /// The external server does not listen, and would not in a further case.
    ServerNotReady,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct RunOutcome {
    /// Everything recorded.
    pub result: RunResult,
    /// The signal that ended it early.
    pub caught: Option<Caught>,
}

/// Makes the runtime of a process of one thread.
///
/// # Errors
/// If the system refuses it what it needs.
pub(crate) fn runtime() -> Outcome<Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().map_err(at("cannot start a runtime"))
}

/// What a run needs of whoever starts it.
pub(crate) struct RunContext<'a> {
    /// Signals, which end it.
    pub signals: &'a mut Signals,
    /// Gets what happens.
    pub observer: Observer<'a>,
    /// May end it.
    pub inspector: Inspector<'a>,
    /// The run at the same time, if there is one.
    pub companion: Option<&'a mut Companion>,
}

impl RunContext<'_> {
    /// The same for a part of the run.
    fn lend(&mut self) -> RunContext<'_> {
        RunContext {
            signals: self.signals,
            observer: self.observer,
            inspector: self.inspector,
            companion: self.companion.as_deref_mut(),
        }
    }
}

/// Runs a plan, writing its result to a file as it comes.
///
/// # Errors
/// If the file cannot be written or a process cannot be started; what was recorded until then is
/// in the file.
pub(crate) async fn run(
    plan: &Plan,
    header: Header,
    path: &Path,
    mut context: RunContext<'_>,
) -> Outcome<RunOutcome> {
    let began = now_ns();
    let mut sink = ResultSink::create(path, header)?;
    let log = create_server_log(plan, path)?;
    let mut early = None;
    for (place, case) in plan.cases.iter().enumerate() {
        if let Some(info) = sink.result.info(case.index) {
            let info = Box::new(info.clone());
            (context.observer)(RunEvent::Case { place: place + 1, of: plan.cases.len(), info });
        }
        let ran = case::run(plan, case, log.as_deref(), &mut sink, context.lend()).await;
        if ran.is_err() {
            // The file has what was recorded; the case's own failure is what counts.
            let _ = sink.close_seconds();
        }
        early = ran?;
        let last = place + 1 == plan.cases.len();
        if early.is_none() && !last && !case.floor {
            let inspection = Inspection { case: case.index, measured_ns: None };
            early = (context.inspector)(&sink.result, inspection).map(EarlyEnd::Inspector);
        }
        if early.is_some() {
            break;
        }
    }
    let reason = match &early {
        None => StopReason::Complete,
        Some(EarlyEnd::Signal(Caught::Interrupt)) => StopReason::Interrupted,
        Some(EarlyEnd::Signal(Caught::Terminate)) => StopReason::Terminated,
        Some(EarlyEnd::Signal(Caught::HangUp)) => StopReason::HungUp,
        Some(EarlyEnd::Inspector(why)) => {
            (context.observer)(RunEvent::Warning(format!("the run is ended by a limit: {why}")));
            StopReason::Limit(why.clone())
        }
        Some(EarlyEnd::ServerNotReady) => StopReason::ServerNotReady,
    };
    sink.write(Line::End(End { reason, wall_ns: now_ns() - began, sha256: None }))?;
    let caught = match early {
        Some(EarlyEnd::Signal(caught)) => Some(caught),
        _ => None,
    };
    Ok(RunOutcome { result: sink.result, caught })
}

/// Creates the file for the output of a server that the run starts, beside its result.
fn create_server_log(plan: &Plan, result: &Path) -> Outcome<Option<PathBuf>> {
    let keeps = |server: &plan::Server| matches!(server, plan::Server::External { start: Some(start), .. } if start.keep_output);
    if !keeps(&plan.server) {
        return Ok(None);
    }
    let log = result.with_file_name(SERVER_LOG);
    File::create(&log).map_err(at(format!("cannot create {}", log.display())))?;
    Ok(Some(log))
}

/// Returns the header of a plan's result file.
pub fn header(plan: &Plan, started: String, mut host: BTreeMap<String, String>) -> Header {
    host.insert("libraries".to_owned(), libraries::versions());
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    Header {
        schema: SCHEMA.to_owned(),
        name: plan.name.clone(),
        started,
        plan: plan.to_public_json(),
        plan_hash: plan.hash(),
        build: format!("wsbench {} ({profile})", env!("CARGO_PKG_VERSION")),
        host,
        cases: plan.cases.iter().map(|case| info(plan, case)).collect(),
        curves: plan::predict_costs(plan),
        limits: Vec::new(),
        source: None,
    }
}

fn info(plan: &Plan, case: &crate::plan::Case) -> CaseInfo {
    let series = plan.series_of(case);
    let (label, transport) = if case.floor {
        (plan::FLOOR.to_owned(), TransportKind::Null.name().to_owned())
    } else {
        (series.label.clone(), series.transport().to_owned())
    };
    let model = if case.floor { None } else { plan.model(case) };
    let bundled_server = plan.is_bundled(series) && !case.floor;
    let mut absent = plan.absent(series);
    if bundled_server && model.is_none() {
        absent.insert(PREDICTION.to_owned(), plan.why_unpredicted(series).to_owned());
    }
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
        workload: plan.feed.workload,
        feed_rate_hz: plan.feed.rate_hz,
        feed_rate_stated: !plan.is_rate_unknown(series),
        probes_per_s: PROBES_PER_S,
        payload_bytes: plan.feed.payload_bytes,
        duration_ns: plan.timing_of(case).duration_ns,
        bundled_server,
        absent,
        model,
        connection_each_turn: !case.floor && series.connection_each_turn,
        network: !case.floor && series.has_network(),
    }
}

//! Runs one case, from its first process to its last.

use crate::driver::{DriverCommand, DriverStart};
use crate::error::{Failure, Outcome};
use crate::net::Dialer;
use crate::os::kernel_socket_bytes;
use crate::os::{Caught, Signals};
use crate::plan::{Case, Plan, Server, Timing};
use crate::protocol::http1::Target;
use crate::result::ProcessRole;
use crate::result::file::Line;
use crate::result::{CalibrationStep, CaseEnd, Cost};
use crate::run::external_server::ExternalServer;
use crate::run::processes::{Processes, Waited};
use crate::run::protocol::{ResourceSample, ServerStart, ToServer};
use crate::run::rate_search::{RateSearch, SearchStep, holds, longest_wait_ns};
use crate::run::{EarlyEnd, Inspection, Inspector, Observer, ResultSink, RunEvent};
use crate::time::Schedule;
use crate::time::now_ns;
use crate::transport::{AnySeries, Mount};
use crate::units::SECOND_NS;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How long a process may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Between a command and the moment that it is for, so that it has reached every thread.
const HEAD_START_NS: u64 = 300_000_000;
/// A step of the rate search lasts at least this.
const STEP_NS: u64 = 3 * SECOND_NS;
/// The most that a delay line's timer may put off a release to do several at once.
const MOST_LINE_GAP_NS: u64 = 100_000;
/// How long the last line of a process may take beyond its clients' limit.
const LAST_LINE: Duration = Duration::from_secs(20);
/// From the end of a second to the moment at which its windows have come from every thread.
const ARRIVAL_NS: u64 = SECOND_NS / 4;
/// How long an external server may take to end after SIGTERM: its clients are gone by then.
const GRACE: Duration = Duration::from_secs(5);
/// How long servers may take to report what they have used.
const SAMPLE_LIMIT: Duration = Duration::from_secs(5);
/// How long a process may take to end after its last line.
const EXIT_LIMIT: Duration = Duration::from_secs(5);
/// After a signal the limits are shorter, so that a run ends within 5 s: for the drivers' last
/// lines, for the servers', and for each of the other steps.
const STOP_DRIVERS: Duration = Duration::from_secs(2);
const STOP_SERVERS: Duration = Duration::from_millis(1200);
const STOP_OTHERS: Duration = Duration::from_millis(500);

/// Runs a case. Returns what ended it early.
///
/// # Errors
/// If a process cannot be started or the result cannot be written.
pub(crate) async fn run(
    plan: &Plan,
    case: &Case,
    sink: &mut ResultSink,
    signals: &mut Signals,
    observer: Observer<'_>,
    inspector: Inspector<'_>,
) -> Outcome<Option<EarlyEnd>> {
    let mut coordinator = Coordinator {
        plan,
        case,
        timing: plan.timing_of(case),
        processes: Processes::new(),
        sink,
        signals,
        observer,
        inspector,
        inspector_reason: None,
        epoch_ns: 0,
        server_cost: vec![Cost::default(); case.servers.len().max(1)],
        end: CaseEnd { case: case.index, ..CaseEnd::default() },
        pending: None,
        external: None,
        server_not_ready: false,
    };
    let caught = coordinator.run().await?;
    let reason = coordinator.inspector_reason.take().map(EarlyEnd::Inspector);
    let not_ready = coordinator.server_not_ready.then_some(EarlyEnd::ServerNotReady);
    let early = caught.map(EarlyEnd::Signal).or(reason).or(not_ready);
    coordinator.finish(early.as_ref()).await?;
    Ok(early)
}

struct Coordinator<'a> {
    plan: &'a Plan,
    case: &'a Case,
    timing: Timing,
    processes: Processes,
    sink: &'a mut ResultSink,
    signals: &'a mut Signals,
    observer: Observer<'a>,
    inspector: Inspector<'a>,
    /// Why the inspector ended the case.
    inspector_reason: Option<String>,
    epoch_ns: u64,
    server_cost: Vec<Cost>,
    end: CaseEnd,
    /// A signal that came when the case could not be ended.
    pending: Option<Caught>,
    /// The external server that was started for this case.
    external: Option<ExternalServer>,
    /// True if that one does not listen.
    server_not_ready: bool,
}

/// Returns from the function if a signal ended the wait.
macro_rules! unless_caught {
    ($waited:expr) => {
        if let Waited::Caught(caught) = $waited {
            return Ok(Some(caught));
        }
    };
}

impl Coordinator<'_> {
    /// Runs the case to the end of its schedule, or until a signal or the inspector ends it.
    async fn run(&mut self) -> Outcome<Option<Caught>> {
        self.stage("starting", 0);
        if let Some(caught) = self.start_external().await? {
            return Ok(Some(caught));
        }
        if self.server_not_ready {
            return Ok(None);
        }
        self.start_servers().await?;
        unless_caught!(self.wait(START_LIMIT, |p| p.all_servers(|s| s.address.is_some())).await?);
        self.start_drivers().await?;
        unless_caught!(self.wait(START_LIMIT, |p| p.all_drivers(|d| d.started)).await?);
        let before = self.sample_servers(SAMPLE_LIMIT).await?;
        for (cost, sample) in self.server_cost.iter_mut().zip(before) {
            cost.resident_before = sample.resident;
        }
        let kernel_before = kernel_socket_bytes().ok();
        if let Some(caught) = self.connect().await? {
            return Ok(Some(caught));
        }
        let epoch_ns = now_ns() + HEAD_START_NS / 2;
        if !self.processes.servers.is_empty() {
            self.processes.send_to_drivers(&DriverCommand::Publish { epoch_ns }).await;
        }
        for index in 0..self.processes.servers.len() {
            self.processes.send_to_server(index, &ToServer::Publish { epoch_ns }).await;
        }
        let interval_ns = match self.find_interval().await? {
            Ok(interval_ns) => interval_ns,
            Err(caught) => return Ok(Some(caught)),
        };
        let schedule = self.schedule(interval_ns);
        self.end.interval_ns = interval_ns;
        self.end.duration_ns = schedule.duration_ns;
        self.end.steady_from_s = self.second_of(schedule.steady_from_ns());
        self.end.steady_until_s = self.second_of(schedule.cost_until_ns());
        unless_caught!(self.measure(schedule, kernel_before).await?);
        Ok(None)
    }

    fn stage(&mut self, name: &'static str, length_ns: u64) {
        (self.observer)(RunEvent::Stage { name, length_ns });
    }

    async fn wait(
        &mut self,
        limit: Duration,
        condition: impl Fn(&Processes) -> bool,
    ) -> Outcome<Waited> {
        if let Some(caught) = self.pending.take() {
            return Ok(Waited::Caught(caught));
        }
        self.processes.wait(limit, self.sink, self.signals, self.observer, condition).await
    }

    /// Returns the threads of one side for each core, rounded up: threads that share a core share its
    /// wake-ups.
    fn crowding(&self) -> u64 {
        let threads: u32 = self.case.drivers.iter().map(|d| d.threads).sum();
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        u64::from(threads).div_ceil(cores).max(1)
    }

    /// Returns the least time between two wake-ups of a driver's thread. A delay line must be more
    /// exact than a real network.
    fn driver_gap_ns(&self) -> u64 {
        let gap_ns = self.timing.resolution_ns * self.crowding();
        if self.plan.delay.is_none() { gap_ns } else { gap_ns.min(MOST_LINE_GAP_NS) }
    }

    async fn start_servers(&mut self) -> Outcome<()> {
        let series = self.plan.series_of(self.case);
        for shard in &self.case.servers {
            let start = ServerStart {
                case: self.case.index,
                shard: shard.index,
                bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
                threads: shard.threads,
                feed: self.plan.feed,
                gap_ns: self.timing.resolution_ns * self.crowding(),
                allowance_ns: self.plan.delay.allowance_ns(),
                crowded: self.crowding() > 1,
                mounts: vec![Mount { series: series.settings.clone(), path: series.path.clone() }],
            };
            let name = format!("server process {} of case {}", shard.index, self.case.index);
            self.processes.start_server(name, &start).await?;
        }
        Ok(())
    }

    fn addresses(&self) -> Outcome<Vec<SocketAddr>> {
        if let Some(external) = &self.external {
            return Ok(vec![external.address]);
        }
        if self.case.floor {
            return Ok(Vec::new());
        }
        match &self.plan.server {
            Server::External { address, .. } => Ok(vec![*address]),
            Server::Bundled => {
                let all: Option<Vec<_>> =
                    self.processes.servers.iter().map(|s| s.address).collect();
                all.ok_or_else(|| Failure::run("the reference server did not start"))
            }
        }
    }

    async fn start_drivers(&mut self) -> Outcome<()> {
        let addresses = self.addresses()?;
        let series = self.plan.series_of(self.case);
        let dialers: Vec<Dialer> = addresses
            .iter()
            .map(|&address| Dialer {
                address,
                first_source: self.case.first_source,
                timeout: Duration::from_nanos(self.timing.timeout_ns),
                delay: self.plan.delay,
            })
            .collect();
        let authority = match (&self.plan.server, &self.external, addresses.first()) {
            (_, Some(external), _) => external.authority.clone(),
            (Server::External { authority, .. }, ..) => authority.clone(),
            (Server::Bundled, _, Some(address)) => address.to_string(),
            (Server::Bundled, _, None) => "localhost".to_owned(),
        };
        let settings = if self.case.floor {
            AnySeries::without_network(series.interval_ns)
        } else {
            series.settings.clone()
        };
        let (path, bundled) = (series.path.clone(), self.plan.bundled());
        let target = Target { authority, path, bundled };
        for shard in &self.case.drivers {
            let start = DriverStart {
                case: self.case.index,
                shard: shard.index,
                first_client: shard.first_client,
                clients: shard.clients,
                threads: shard.threads,
                series: settings.clone(),
                target: target.clone(),
                feed: self.plan.feed.among(self.case.clients),
                dialers: dialers.clone(),
                ramp_ns: self.timing.ramp_ns,
                timeout_ns: self.timing.timeout_ns,
                drain_ns: self.timing.drain_ns,
                gap_ns: self.driver_gap_ns(),
                crowded: self.crowding() > 1,
                seed: self.plan.seed,
            };
            let name = format!("driver process {} of case {}", shard.index, self.case.index);
            self.processes.start_driver(name, &start).await?;
        }
        Ok(())
    }

    /// Connects all clients, and waits until each has connected or given up.
    async fn connect(&mut self) -> Outcome<Option<Caught>> {
        self.stage("connecting", self.timing.ramp_ns);
        self.epoch_ns = now_ns();
        self.processes.send_to_drivers(&DriverCommand::Connect { epoch_ns: self.epoch_ns }).await;
        // Every attempt of a client may take its whole limit, and the ramp comes first.
        let limit = Duration::from_nanos(self.timing.ramp_ns + 8 * self.timing.timeout_ns);
        let connected = |p: &Processes| p.all_drivers(|d| d.connect_wall_ns.is_some());
        unless_caught!(self.wait(limit, connected).await?);
        let slowest = self.processes.drivers.iter().filter_map(|d| d.connect_wall_ns).max();
        self.end.connect_wall_ns = slowest.unwrap_or(0);
        Ok(None)
    }

    /// Finds the interval that the machine holds, if the scenario allows one that is longer than
    /// planned.
    async fn find_interval(&mut self) -> Outcome<Result<u64, Caught>> {
        let planned_ns = self.plan.interval_ns(self.case);
        let Some(stretch) = self.case.stretch.filter(|_| !self.case.floor && planned_ns > 0) else {
            return Ok(Ok(planned_ns));
        };
        if !self.plan.series_of(self.case).paced {
            return Ok(Ok(planned_ns));
        }
        let mut search = RateSearch::new(planned_ns, stretch.most);
        let found = loop {
            match search.next() {
                SearchStep::Holds(ns) => break ns,
                SearchStep::Fails(ns) => {
                    let warning = "this machine holds no rate that the scenario allows";
                    (self.observer)(RunEvent::Warning(warning.to_owned()));
                    break ns;
                }
                SearchStep::Try(ns) => match self.try_interval(ns).await? {
                    Ok(step) => search.steps.push(step),
                    Err(caught) => return Ok(Err(caught)),
                },
            }
        };
        self.end.calibration = search.steps;
        Ok(Ok(found))
    }

    async fn try_interval(&mut self, interval_ns: u64) -> Outcome<Result<CalibrationStep, Caught>> {
        let length_ns = STEP_NS.max(interval_ns * 3 / 2);
        self.stage("finding the rate that holds", length_ns);
        let schedule = Schedule {
            start_ns: now_ns() + HEAD_START_NS,
            interval_ns,
            warmup_ns: 0,
            duration_ns: length_ns,
            cooldown_ns: 0,
            calibration: true,
        };
        self.processes.drivers.iter_mut().for_each(|d| d.step = None);
        self.processes.send_to_drivers(&DriverCommand::Schedule(schedule)).await;
        let limit = Duration::from_nanos(length_ns + HEAD_START_NS) + LAST_LINE;
        let waited = self.wait(limit, |p| p.all_drivers(|d| d.step.is_some())).await?;
        if let Waited::Caught(caught) = waited {
            return Ok(Err(caught));
        }
        let steps = || self.processes.drivers.iter().filter_map(|d| d.step);
        let due = steps().map(|step| step.due).sum();
        let completed = steps().map(|step| step.completed).sum();
        // The slowest process decides: percentiles are not averaged.
        let lag_p99_ns = steps().filter_map(|step| step.lag_p99_ns).max();
        let wait_ns = longest_wait_ns(&self.plan.feed, interval_ns);
        let held = holds(wait_ns, due, completed, lag_p99_ns);
        Ok(Ok(CalibrationStep { interval_ns, due, completed, lag_p99_ns, held }))
    }

    /// Returns a schedule whose measured window begins on a whole second of the case.
    fn schedule(&self, interval_ns: u64) -> Schedule {
        let earliest = now_ns() + HEAD_START_NS + self.timing.warmup_ns - self.epoch_ns;
        let steady = earliest.next_multiple_of(SECOND_NS);
        // Every client has the same whole number of turns in the window.
        let duration_ns = if self.plan.series_of(self.case).paced || self.case.floor {
            self.timing.duration_ns.next_multiple_of(interval_ns.max(1))
        } else {
            self.timing.duration_ns
        };
        // A longer interval needs a longer cool-down.
        let least_ns = self.plan.least_cooldown_ns(self.case, interval_ns);
        Schedule {
            start_ns: self.epoch_ns + steady - self.timing.warmup_ns,
            interval_ns,
            warmup_ns: self.timing.warmup_ns,
            duration_ns,
            cooldown_ns: self.timing.cooldown_ns.max(least_ns),
            calibration: false,
        }
    }

    fn second_of(&self, ns: u64) -> u32 {
        (ns.saturating_sub(self.epoch_ns) / SECOND_NS) as u32
    }

    /// Waits for the end of the schedule, and reads costs at the edges of its measured window.
    async fn measure(&mut self, schedule: Schedule, kernel_before: Option<u64>) -> Outcome<Waited> {
        self.processes.send_to_drivers(&DriverCommand::Schedule(schedule)).await;
        self.stage("warming up", schedule.warmup_ns);
        let waited = self.until(schedule.steady_from_ns()).await?;
        if waited != Waited::TimedOut {
            return Ok(waited);
        }
        let from = self.sample_servers(SAMPLE_LIMIT).await?;
        self.stage("measuring", schedule.duration_ns);
        let waited = self.inspect(&schedule).await?;
        let limit = if matches!(waited, Waited::Caught(_)) { STOP_OTHERS } else { SAMPLE_LIMIT };
        let until = self.sample_servers(limit).await?;
        for (cost, (from, until)) in self.server_cost.iter_mut().zip(from.iter().zip(until)) {
            cost.cpu_ns = until.cpu_ns.saturating_sub(from.cpu_ns);
            cost.resident_during = until.resident;
        }
        self.end.kernel_memory = kernel_before
            .zip(kernel_socket_bytes().ok())
            .map(|(before, during)| during as i64 - before as i64);
        if waited != Waited::TimedOut {
            return Ok(waited);
        }
        self.stage("cooling down", schedule.cooldown_ns);
        let left = (schedule.start_ns + schedule.length_ns()).saturating_sub(now_ns());
        // A late client still takes its turns, within the drain limit.
        let limit = Duration::from_nanos(left + schedule.interval_ns + self.timing.drain_ns);
        self.wait(limit, |p| p.all_drivers(|d| d.finished)).await
    }

    /// Waits for the end of the measured window, and has the result inspected once a second. Returns
    /// at once if the inspector ends the case.
    async fn inspect(&mut self, schedule: &Schedule) -> Outcome<Waited> {
        let (from_ns, until_ns) = (schedule.steady_from_ns(), schedule.cost_until_ns());
        let mut measured_ns = SECOND_NS;
        while !self.case.floor && from_ns + measured_ns + ARRIVAL_NS < until_ns {
            let waited = self.until(from_ns + measured_ns + ARRIVAL_NS).await?;
            if waited != Waited::TimedOut {
                return Ok(waited);
            }
            let inspection = Inspection { case: self.case.index, measured_ns: Some(measured_ns) };
            self.inspector_reason = (self.inspector)(&self.sink.result, inspection);
            if self.inspector_reason.is_some() {
                return Ok(Waited::Met);
            }
            measured_ns += SECOND_NS;
        }
        self.until(until_ns).await
    }

    /// Waits for a moment; anything but [`Waited::TimedOut`] is an end before it.
    async fn until(&mut self, at_ns: u64) -> Outcome<Waited> {
        let limit = Duration::from_nanos(at_ns.saturating_sub(now_ns()));
        self.wait(limit, |p| p.drivers.iter().all(|d| d.gone)).await
    }

    /// Reads what every server has used so far.
    async fn sample_servers(&mut self, limit: Duration) -> Outcome<Vec<ResourceSample>> {
        for index in 0..self.processes.servers.len() {
            self.processes.servers[index].sample = None;
            self.processes.send_to_server(index, &ToServer::Sample).await;
        }
        if let Waited::Caught(caught) =
            self.wait(limit, |p| p.all_servers(|s| s.sample.is_some())).await?
        {
            self.pending = Some(caught);
        }
        let bundled = self.processes.servers.iter().map(|s| s.sample.unwrap_or_default());
        Ok(bundled.chain(self.external.iter_mut().map(ExternalServer::sample)).collect())
    }

    /// Shortens the planned window to the one that was measured.
    fn shorten_window(&mut self, now_ns: u64) {
        let from_ns = self.epoch_ns + u64::from(self.end.steady_from_s) * SECOND_NS;
        let lasted_ns = if self.end.duration_ns == 0 { 0 } else { now_ns.saturating_sub(from_ns) };
        self.end.duration_ns = self.end.duration_ns.min(lasted_ns);
        let until = self.second_of(now_ns).max(self.end.steady_from_s);
        self.end.steady_until_s = self.end.steady_until_s.min(until);
    }

    /// Starts the external server, if the plan has a command for it, and waits until it listens.
    async fn start_external(&mut self) -> Outcome<Option<Caught>> {
        if self.case.floor {
            return Ok(None);
        }
        self.external = ExternalServer::start(self.plan).await?;
        let Some(external) = &mut self.external else { return Ok(None) };
        let ready = tokio::select! {
            biased;
            caught = self.signals.next() => return Ok(Some(caught)),
            ready = external.wait_until_ready() => ready,
        };
        if let Err(why) = ready {
            self.server_not_ready = true;
            self.processes.record_loss(ProcessRole::Server, why, self.observer);
        }
        Ok(None)
    }

    /// Writes what the external server cost, and ends it. One that is gone already is a loss.
    async fn end_external(
        &mut self,
        mut external: ExternalServer,
        early: bool,
        grace: Duration,
    ) -> Outcome<()> {
        if !self.server_not_ready {
            if let Some(how) = external.describe_if_gone().await.filter(|_| !early) {
                self.processes.record_loss(ProcessRole::Server, how, self.observer);
            }
            let line = external.result_line(self.case.index, self.server_cost[0]);
            self.sink.write(Line::Server(Box::new(line)))?;
        }
        external.end(grace, self.signals).await
    }

    /// Ends drivers, then servers, and writes how the case ended.
    async fn finish(mut self, early: Option<&EarlyEnd>) -> Outcome<()> {
        self.stage("closing", 0);
        let stopped_ns = now_ns();
        let by_signal = matches!(early, Some(EarlyEnd::Signal(_)));
        let drain = Duration::from_nanos(self.timing.drain_ns);
        let limit = |usual: Duration, after_signal: Duration| {
            if by_signal { after_signal } else { usual }
        };
        self.processes.begin_stopping();
        self.processes.send_to_drivers(&DriverCommand::Stop).await;
        let drivers_limit = limit(drain + LAST_LINE, STOP_DRIVERS);
        self.wait(drivers_limit, |p| p.all_drivers(|d| d.ended)).await?;
        let servers_limit = limit(drain, STOP_OTHERS);
        for index in 0..self.processes.servers.len() {
            let cost = self.server_cost[index];
            let limit_ns = servers_limit.as_nanos() as u64;
            self.processes.send_to_server(index, &ToServer::Drain { cost, limit_ns }).await;
        }
        let servers_limit = servers_limit + limit(LAST_LINE, STOP_SERVERS);
        self.wait(servers_limit, |p| p.all_servers(|s| s.ended)).await?;
        if let Some(external) = self.external.take() {
            self.end_external(external, early.is_some(), limit(GRACE, STOP_OTHERS)).await?;
        }
        let exit_limit = limit(EXIT_LIMIT, STOP_OTHERS);
        self.processes
            .end_all(exit_limit, early.is_some(), self.sink, self.signals, self.observer)
            .await?;
        let early = early.filter(|early| **early != EarlyEnd::ServerNotReady);
        if early.is_some() {
            self.shorten_window(stopped_ns);
        }
        self.end.lost = std::mem::take(&mut self.processes.lost);
        self.end.stopped = early.map(|early| match early {
            EarlyEnd::Signal(caught) => caught.name().to_owned(),
            EarlyEnd::Inspector(why) => format!("a limit was not kept: {why}"),
            EarlyEnd::ServerNotReady => "the server does not listen".to_owned(),
        });
        self.sink.write(Line::Case(Box::new(self.end.clone())))
    }
}

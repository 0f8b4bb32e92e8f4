//! Runs one case, from its first process to its last.

use crate::driver::{DriverCommand, DriverStart};
use crate::error::{Failure, Outcome};
use crate::net::Dialer;
use crate::os::{MemoryOf, stolen_ns};
use crate::plan::{self, Case, Plan, Timing};
use crate::protocol::http1::Target;
use crate::result::ProcessRole::{Driver, Server};
use crate::result::file::Line;
use crate::result::{CalibrationStep, CaseEnd, Cost};
use crate::run::client_secrets::ClientSecrets;
use crate::run::companion::Companion;
use crate::run::external_server::{ExternalServer, first_that_accepts_within};
use crate::run::kernel_memory::KernelMemory;
use crate::run::processes::{Processes, Stop};
use crate::run::protocol::{ResourceSample, ServerStart, ToServer};
use crate::run::ramp_memory::RampMemory;
use crate::run::rate_search::{RateSearch, SearchStep, holds, longest_wait_ns};
use crate::run::server_cost::ServerCost;
use crate::run::server_memory::ServerMemory;
use crate::run::sink::ResultSink;
use crate::run::{EarlyEnd, Inspection, Inspector, RunContext, RunEvent};
use crate::time::{Schedule, now_ns};
use crate::tls::{HTTP_2, Identity, ServerTls, TlsSettings};
use crate::transport::{AnySeries, Mount};
use crate::units::SECOND_NS;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// How long a process may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Between a command and the moment that it is for, so that it has reached every thread.
const HEAD_START_NS: u64 = 300_000_000;
/// A step of the rate search lasts at least this.
const STEP_NS: u64 = 3 * SECOND_NS;
/// The step that confirms what was found lasts as long as the run, and at most this.
const LONG_STEP_NS: u64 = 10 * SECOND_NS;
/// At the beginning of a step lags do not count: the step before may have left work.
const SETTLE_NS: u64 = SECOND_NS;
/// How much earlier than its start a step is announced, for each client: every one is visited, and
/// its memory is cold.
const ANNOUNCE_NS: u64 = 5_000;
/// The most that a delay line's timer may put off a release to do several at once.
const MOST_LINE_GAP_NS: u64 = 100_000;
/// How long the last line of a process may take beyond its clients' limit.
const LAST_LINE: Duration = Duration::from_secs(20);
/// The measured windows of pushed clients begin at different moments, up to this far apart, so that
/// not all of them ask the kernel at once.
const PUSH_SPREAD_NS: u64 = SECOND_NS;
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
const STOP_DRIVERS: Duration = Duration::from_millis(1500);
const STOP_SERVERS: Duration = Duration::from_secs(1);
const STOP_OTHERS: Duration = Duration::from_millis(400);

/// Runs a case. Returns what ended it early.
///
/// # Errors
/// If a process cannot be started or the result cannot be written.
pub(crate) async fn run(
    plan: &Plan,
    case: &Case,
    log: Option<&Path>,
    sink: &mut ResultSink,
    context: RunContext<'_>,
) -> Outcome<Option<EarlyEnd>> {
    let RunContext { signals, observer, inspector, companion } = context;
    let threads: u32 = case.drivers.iter().map(|driver| driver.threads).sum();
    let series = plan.series_of(case);
    let data = series.settings.options().and_then(|options| options.data.clone());
    let clients = ClientSecrets::new(data, plan.request(series));
    sink.begin_case(case.index, threads as usize, clients)?;
    let mut coordinator = Coordinator {
        plan,
        case,
        timing: plan.timing_of(case),
        processes: Processes::new(sink, signals, observer),
        inspector,
        companion,
        epoch_ns: 0,
        server_cost: vec![Cost::default(); case.servers.len().max(1)],
        end: CaseEnd { case: case.index, ..CaseEnd::default() },
        pending: None,
        log,
        external: None,
        external_cost: None,
        chosen: None,
        own_tls: None,
    };
    let early = match coordinator.run().await {
        Ok(()) => coordinator.pending.take(),
        Err(Stop::Early(early)) => Some(early),
        Err(Stop::Failed(failure)) => return Err(failure),
    };
    coordinator.finish(early.as_ref()).await.map_err(Stop::while_ending)?;
    Ok(early)
}

struct Coordinator<'a> {
    plan: &'a Plan,
    case: &'a Case,
    timing: Timing,
    processes: Processes<'a>,
    inspector: Inspector<'a>,
    /// The run at the same time, if there is one.
    companion: Option<&'a mut Companion>,
    epoch_ns: u64,
    server_cost: Vec<Cost>,
    end: CaseEnd,
    /// A signal that came when the case could not be ended.
    pending: Option<EarlyEnd>,
    /// Where to write the output of a server that is started.
    log: Option<&'a Path>,
    /// The external server that was started for this case.
    external: Option<ExternalServer>,
    /// What an external server of this machine uses, if it is known which one that is.
    external_cost: Option<ServerCost>,
    /// The address of an external server that runs already, if its name has several.
    chosen: Option<SocketAddr>,
    /// How the bundled server uses TLS, if it does. Its certificate is made for this case.
    own_tls: Option<ServerTls>,
}

impl Coordinator<'_> {
    /// Runs the case to the end of its schedule.
    async fn run(&mut self) -> Result<(), Stop> {
        self.stage("starting", 0);
        self.start_external().await?;
        self.start_servers().await?;
        self.wait(START_LIMIT, |p| p.every(Server, |s| s.address.is_some())).await?;
        self.start_drivers().await?;
        self.wait(START_LIMIT, |p| p.every(Driver, |d| d.started)).await?;
        let before = self.sample_servers(SAMPLE_LIMIT).await?;
        for (cost, sample) in self.server_cost.iter_mut().zip(before) {
            cost.resident_before = sample.resident;
        }
        let kernel_before = KernelMemory::read(self.external_cost.as_ref());
        self.connect().await?;
        let epoch_ns = now_ns() + HEAD_START_NS / 2;
        if self.processes.of(Server).next().is_some() {
            self.processes.send(Driver, &DriverCommand::Publish { epoch_ns }).await;
        }
        self.processes.send(Server, &ToServer::Publish { epoch_ns }).await;
        let interval_ns = self.find_interval().await?;
        let ready_ns = self.agree_on_now().await?;
        let schedule = self.schedule(ready_ns, interval_ns);
        self.end.interval_ns = interval_ns;
        self.end.duration_ns = schedule.duration_ns;
        self.end.steady_from_s = self.second_of(schedule.steady_from_ns());
        self.end.steady_until_s = self.second_of(schedule.cost_until_ns());
        self.measure(schedule, kernel_before).await
    }

    fn stage(&mut self, name: &'static str, length_ns: u64) {
        (self.processes.observer)(RunEvent::Stage { name, length_ns });
    }

    /// Waits for the processes, see [`Processes::wait`].
    async fn wait(
        &mut self,
        limit: Duration,
        condition: impl Fn(&Processes) -> bool,
    ) -> Result<bool, Stop> {
        match self.pending.take() {
            Some(early) => Err(Stop::Early(early)),
            None => self.processes.wait(limit, condition).await,
        }
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
        if let (Some(tls), false) = (self.plan.tls_of(series), self.case.servers.is_empty()) {
            let identity = Identity::own().map_err(Failure::run)?;
            let TlsSettings { version, resumption, .. } = *tls;
            self.own_tls = Some(ServerTls { identity, version, resumption });
        }
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
                tls: self.own_tls.clone(),
                mounts: vec![Mount { series: series.settings.clone(), path: series.path.clone() }],
            };
            let cores = self.plan.server_cores();
            self.processes.start(Server, (start.case, start.shard), cores, &start).await?;
        }
        Ok(())
    }

    /// Returns who answers this case.
    fn server(&self) -> &plan::Server {
        self.plan.server_of(self.plan.series_of(self.case))
    }

    fn addresses(&self) -> Outcome<Vec<SocketAddr>> {
        if let Some(external) = &self.external {
            return Ok(vec![external.address]);
        }
        if self.case.floor {
            return Ok(Vec::new());
        }
        match self.server() {
            plan::Server::External { address, .. } => Ok(vec![self.chosen.unwrap_or(*address)]),
            plan::Server::Bundled => {
                let all: Option<Vec<_>> = self.processes.of(Server).map(|s| s.address).collect();
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
                // The sources are addresses of IPv4's loopback.
                first_source: if address.is_ipv4() && address.ip().is_loopback() {
                    self.case.first_source
                } else {
                    0
                },
                timeout: Duration::from_nanos(self.timing.timeout_ns),
                delay: self.plan.delay,
            })
            .collect();
        let authority = match (self.server(), &self.external, addresses.first()) {
            (_, Some(external), _) => external.authority.clone(),
            (plan::Server::External { authority, .. }, ..) => authority.clone(),
            (plan::Server::Bundled, _, Some(address)) => address.to_string(),
            (plan::Server::Bundled, _, None) => "localhost".to_owned(),
        };
        let settings = if self.case.floor {
            AnySeries::without_network(series.interval_ns)
        } else {
            series.settings.clone()
        };
        let path = series.path.clone();
        let bundled = self.server().is_bundled();
        let credentials = self.server().credentials().cloned();
        let tls = self.plan.tls_of(series).is_some();
        let target = Target { authority, credentials, path, bundled, tls };
        for shard in &self.case.drivers {
            let start = DriverStart {
                case: self.case.index,
                shard: shard.index,
                first_client: shard.first_client,
                clients: shard.clients,
                case_clients: self.case.clients,
                threads: shard.threads,
                series: settings.clone(),
                target: target.clone(),
                feed: self.plan.feed.among(self.case.clients),
                message: self.plan.message.clone().filter(|_| !self.case.floor && !bundled),
                dialers: dialers.clone(),
                tls: self.plan.tls_of(series).filter(|_| !self.case.floor).map(|tls| {
                    let http2 = series.settings.is_http2();
                    if http2 { tls.offering(HTTP_2) } else { tls.clone() }
                }),
                server_certificate: self
                    .own_tls
                    .as_ref()
                    .map(|own| own.identity.certificate.clone()),
                ramp_ns: self.timing.ramp_ns,
                timeout_ns: self.timing.timeout_ns,
                drain_ns: self.timing.drain_ns,
                gap_ns: self.driver_gap_ns(),
                crowded: self.crowding() > 1,
                seed: self.plan.seed,
            };
            let cores = self.plan.driver_cores();
            self.processes.start(Driver, (start.case, start.shard), cores, &start).await?;
        }
        Ok(())
    }

    /// Connects all clients, and waits until each has connected or given up.
    async fn connect(&mut self) -> Result<(), Stop> {
        self.stage("connecting", self.timing.ramp_ns);
        self.epoch_ns = self.agree_on_now().await?;
        self.processes.send(Driver, &DriverCommand::Connect { epoch_ns: self.epoch_ns }).await;
        // Every attempt of a client may take its whole limit, and the ramp comes first.
        let limit = Duration::from_nanos(self.timing.ramp_ns + 8 * self.timing.timeout_ns);
        let ramp_ns = self.timing.ramp_ns;
        let of = self.server_memory();
        let mut memory = RampMemory::new(of, self.epoch_ns, ramp_ns, self.case.clients);
        let all = |p: &Processes| p.every(Driver, |d| d.connect_wall_ns.is_some());
        while let Some(due_ns) = memory.due() {
            let left = Duration::from_nanos(due_ns.saturating_sub(now_ns()));
            if self.wait(left, all).await? {
                break;
            }
            memory.read(now_ns());
        }
        self.wait(limit, all).await?;
        self.end.ramp_ns = ramp_ns;
        self.end.ramp_memory = memory.finish();
        let slowest = self.processes.all.iter().filter_map(|d| d.connect_wall_ns).max();
        self.end.connect_wall_ns = slowest.unwrap_or(0);
        Ok(())
    }

    /// Finds the interval that the machine holds, if the scenario allows one that is longer than
    /// planned.
    async fn find_interval(&mut self) -> Result<u64, Stop> {
        let planned_ns = self.plan.interval_ns(self.case);
        let paced = !self.case.floor && planned_ns > 0 && self.plan.series_of(self.case).paced;
        let Some(stretch) = self.case.stretch.filter(|_| paced) else { return Ok(planned_ns) };
        let mut search = RateSearch::new(planned_ns, stretch.most);
        let found = loop {
            match search.next() {
                SearchStep::Holds(ns) => break ns,
                SearchStep::Fails(ns) => {
                    let warning = "this machine holds no rate that the scenario allows";
                    (self.processes.observer)(RunEvent::Warning(warning.to_owned()));
                    break ns;
                }
                SearchStep::Try(ns) => search.steps.push(self.try_interval(ns, STEP_NS).await?),
                SearchStep::Confirm(ns) => {
                    let length_ns = self.timing.duration_ns.clamp(STEP_NS, LONG_STEP_NS);
                    search.confirmations.push(self.try_interval(ns, length_ns).await?);
                }
            }
        };
        self.end.calibration = search.into_steps();
        Ok(found)
    }

    async fn try_interval(
        &mut self,
        interval_ns: u64,
        least_ns: u64,
    ) -> Result<CalibrationStep, Stop> {
        let duration_ns = least_ns.max(interval_ns * 3 / 2);
        let length_ns = SETTLE_NS + duration_ns;
        let head_start_ns = HEAD_START_NS + u64::from(self.case.clients) * ANNOUNCE_NS;
        self.stage("finding the rate that holds", head_start_ns + length_ns);
        let schedule = Schedule {
            start_ns: now_ns() + head_start_ns,
            interval_ns,
            push_spread_ns: self.push_spread_ns(interval_ns),
            warmup_ns: SETTLE_NS,
            duration_ns,
            cooldown_ns: 0,
            calibration: true,
        };
        self.processes.all.iter_mut().for_each(|d| d.step = None);
        self.processes.send(Driver, &DriverCommand::Schedule(schedule)).await;
        let limit = Duration::from_nanos(head_start_ns + length_ns) + LAST_LINE;
        self.wait(limit, |p| p.every(Driver, |d| d.step.is_some())).await?;
        let steps = || self.processes.all.iter().filter_map(|d| d.step);
        let due = steps().map(|step| step.due).sum();
        let completed = steps().map(|step| step.completed).sum();
        // The slowest process decides: percentiles are not averaged.
        let lag_p99_ns = steps().filter_map(|step| step.lag_p99_ns).max();
        let wait_ns = longest_wait_ns(&self.plan.feed, interval_ns);
        let held = holds(wait_ns, due, completed, lag_p99_ns);
        Ok(CalibrationStep { interval_ns, due, completed, lag_p99_ns, held })
    }

    /// Returns this moment, or if another run goes on at the same time, the one at which both are here.
    async fn agree_on_now(&mut self) -> Result<u64, Stop> {
        let now_ns = now_ns();
        let Some(companion) = &mut self.companion else { return Ok(now_ns) };
        tokio::select! {
            biased;
            caught = self.processes.signals.next() => Err(Stop::Early(EarlyEnd::Signal(caught))),
            agreed_ns = companion.agree(now_ns) => Ok(agreed_ns),
        }
    }

    /// Returns a schedule whose measured window begins on a whole second of the case.
    fn schedule(&self, ready_ns: u64, interval_ns: u64) -> Schedule {
        let earliest = ready_ns + HEAD_START_NS + self.timing.warmup_ns - self.epoch_ns;
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
            push_spread_ns: self.push_spread_ns(interval_ns),
            warmup_ns: self.timing.warmup_ns,
            duration_ns,
            cooldown_ns: self.timing.cooldown_ns.max(least_ns),
            calibration: false,
        }
    }

    /// Returns over how much time the measured windows of pushed clients begin: up to an interval, so that
    /// each has the same number of updates. If the interval is not known there is no such number, and all
    /// windows are the one of the age of information.
    fn push_spread_ns(&self, interval_ns: u64) -> u64 {
        if self.plan.is_rate_unknown(self.plan.series_of(self.case)) {
            0
        } else {
            interval_ns.min(PUSH_SPREAD_NS)
        }
    }

    fn second_of(&self, ns: u64) -> u32 {
        (ns.saturating_sub(self.epoch_ns) / SECOND_NS) as u32
    }

    /// Waits for the end of the schedule, and reads costs at the edges of its measured window.
    async fn measure(
        &mut self,
        schedule: Schedule,
        kernel_before: Option<KernelMemory>,
    ) -> Result<(), Stop> {
        self.processes.send(Driver, &DriverCommand::Schedule(schedule)).await;
        self.stage("warming up", schedule.warmup_ns);
        if self.gone_before(schedule.steady_from_ns()).await? {
            return Ok(());
        }
        let from = self.sample_servers(SAMPLE_LIMIT).await?;
        let stolen_before = stolen_ns();
        self.stage("measuring", schedule.duration_ns);
        let of = self.server_memory();
        let mut memory = ServerMemory::new(of, schedule.steady_from_ns(), schedule.cost_until_ns());
        let inspected = self.inspect(&schedule, &mut memory).await;
        self.end.server_memory = memory.into_readings();
        self.end.stolen_ns = stolen_ns().zip(stolen_before).map(|(ns, b)| ns.saturating_sub(b));
        let by_signal = matches!(inspected, Err(Stop::Early(EarlyEnd::Signal(_))));
        let limit = if by_signal { STOP_OTHERS } else { SAMPLE_LIMIT };
        let until = self.sample_servers(limit).await?;
        for (cost, (from, until)) in self.server_cost.iter_mut().zip(from.iter().zip(until)) {
            cost.cpu_ns = until.cpu_ns.saturating_sub(from.cpu_ns);
            cost.resident_during = until.resident;
            cost.activity = until.activity_since(from);
        }
        // Of two runs at the same time, nobody knows which one's sockets it is for.
        if let Some(before) = kernel_before.filter(|_| self.companion.is_none())
            && let Some(during) = KernelMemory::read(self.external_cost.as_ref())
        {
            during.record_since(before, &mut self.end);
        }
        if inspected? {
            return Ok(());
        }
        self.note_stopped();
        self.stage("cooling down", schedule.cooldown_ns);
        let left = (schedule.start_ns + schedule.length_ns()).saturating_sub(now_ns());
        // A late client still takes its turns, within the drain limit.
        let limit = Duration::from_nanos(left + schedule.interval_ns + self.timing.drain_ns);
        self.wait(limit, |p| p.every(Driver, |d| d.finished)).await?;
        // Costs are read after whole seconds, which may end before the window.
        self.note_stopped();
        Ok(())
    }

    /// Keeps that a server which this case started was stopped.
    fn note_stopped(&mut self) {
        if self.end.server_stopped.is_none() {
            let found = self.external.as_ref().and_then(ExternalServer::describe_stopped);
            self.end.server_stopped = found;
        }
    }

    /// Returns whose memory the server's is now; `None` if that is not known.
    fn server_memory(&self) -> Option<MemoryOf> {
        let external = self.external_cost.as_ref().and_then(ServerCost::memory);
        external.or_else(|| self.processes.server_memory())
    }

    /// Waits for the end of the measured window, reads the server's memory meanwhile, and has the result
    /// inspected once a second, which may end the case. Returns true if every driver was gone before.
    async fn inspect(
        &mut self,
        schedule: &Schedule,
        memory: &mut ServerMemory,
    ) -> Result<bool, Stop> {
        let from_ns = schedule.steady_from_ns();
        let until_ns = schedule.cost_until_ns();
        let mut measured_ns = SECOND_NS;
        while !self.case.floor && from_ns + measured_ns + ARRIVAL_NS < until_ns {
            if self.read_until(from_ns + measured_ns + ARRIVAL_NS, memory).await? {
                return Ok(true);
            }
            let inspection = Inspection { case: self.case.index, measured_ns: Some(measured_ns) };
            if let Some(why) = (self.inspector)(&self.processes.sink.result, inspection) {
                return Err(Stop::Early(EarlyEnd::Inspector(why)));
            }
            measured_ns += SECOND_NS;
        }
        self.read_until(until_ns, memory).await
    }

    /// Waits for a moment, and reads the server's memory whenever that is due. Returns true at once if
    /// every driver is gone.
    async fn read_until(&mut self, at_ns: u64, memory: &mut ServerMemory) -> Result<bool, Stop> {
        while let Some(due_ns) = memory.due_until(at_ns) {
            if self.gone_before(due_ns).await? {
                return Ok(true);
            }
            memory.read(now_ns());
        }
        self.gone_before(at_ns).await
    }

    /// Waits for a moment. Returns true at once if every driver is gone.
    async fn gone_before(&mut self, at_ns: u64) -> Result<bool, Stop> {
        let limit = Duration::from_nanos(at_ns.saturating_sub(now_ns()));
        self.wait(limit, |p| p.every(Driver, |_| false)).await
    }

    /// Reads what every server has used so far.
    async fn sample_servers(&mut self, limit: Duration) -> Outcome<Vec<ResourceSample>> {
        self.processes.all.iter_mut().for_each(|s| s.sample = None);
        self.processes.send(Server, &ToServer::Sample).await;
        match self.wait(limit, |p| p.every(Server, |s| s.sample.is_some())).await {
            Ok(_) => {}
            Err(Stop::Early(early)) => self.pending = Some(early),
            Err(Stop::Failed(failure)) => return Err(failure),
        }
        let bundled = self.processes.of(Server).map(|s| s.sample.unwrap_or_default());
        Ok(bundled.chain(self.external_cost.iter_mut().map(ServerCost::sample)).collect())
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
    async fn start_external(&mut self) -> Result<(), Stop> {
        if self.case.floor {
            return Ok(());
        }
        let series = self.plan.series_of(self.case);
        self.external = ExternalServer::start(self.plan, series, self.log).await?;
        let Some(external) = &mut self.external else {
            self.choose_address().await?;
            let port = self.addresses()?.first().map_or(0, SocketAddr::port);
            self.external_cost = self.named_cost(port, true);
            return Ok(());
        };
        let ready = tokio::select! {
            biased;
            caught = self.processes.signals.next() => {
                return Err(Stop::Early(EarlyEnd::Signal(caught)));
            }
            ready = external.wait_until_ready() => ready,
        };
        if let Err(why) = ready {
            self.processes.record_loss(Server, why);
            return Err(Stop::Early(EarlyEnd::ServerNotReady));
        }
        let port = external.address.port();
        let of_started = external.cost();
        self.external_cost = Some(self.named_cost(port, false).unwrap_or(of_started));
        Ok(())
    }

    /// Finds what the scenario names as the server's processes.
    fn named_cost(&self, port: u16, runs_on: bool) -> Option<ServerCost> {
        let plan::Server::External { processes, .. } = self.server() else { return None };
        processes.as_ref().map(|processes| ServerCost::of_named(processes, port, runs_on))
    }

    /// Finds out at which of several addresses the server listens that runs already. One that is
    /// about to start is waited for, as clients do that have a single address.
    async fn choose_address(&mut self) -> Result<(), Stop> {
        let plan::Server::External { address, others, .. } = self.server() else { return Ok(()) };
        let address = *address;
        let others = others.clone();
        if others.is_empty() {
            return Ok(());
        }
        let limit = Duration::from_nanos(self.timing.timeout_ns);
        let found = tokio::select! {
            biased;
            caught = self.processes.signals.next() => {
                return Err(Stop::Early(EarlyEnd::Signal(caught)));
            }
            found = first_that_accepts_within(limit, address, &others) => found,
        };
        let chosen = found.unwrap_or(address);
        let all = std::iter::once(address).chain(others);
        self.end.addresses =
            std::iter::once(chosen).chain(all.filter(|one| *one != chosen)).collect();
        self.end.none_accepted = found.is_none();
        self.chosen = Some(chosen);
        Ok(())
    }

    /// Ends drivers, then servers, and writes how the case ended.
    async fn finish(mut self, early: Option<&EarlyEnd>) -> Result<(), Stop> {
        self.stage("closing", 0);
        let stopped_ns = now_ns();
        let by_signal = matches!(early, Some(EarlyEnd::Signal(_)));
        let drain = Duration::from_nanos(self.timing.drain_ns);
        let limit = |usual: Duration, after_signal: Duration| {
            if by_signal { after_signal } else { usual }
        };
        self.processes.send(Driver, &DriverCommand::Stop).await;
        let drivers_limit = limit(drain + LAST_LINE, STOP_DRIVERS);
        self.processes.wait(drivers_limit, |p| p.every(Driver, |d| d.ended)).await?;
        let servers_limit = limit(drain, STOP_OTHERS);
        let limit_ns = servers_limit.as_nanos() as u64;
        let costs = &self.server_cost;
        let drain_server = |place| ToServer::Drain { cost: costs[place], limit_ns };
        self.processes.send_each(Server, drain_server).await;
        let servers_limit = servers_limit + limit(LAST_LINE, STOP_SERVERS);
        self.processes.wait(servers_limit, |p| p.every(Server, |s| s.ended)).await?;
        if let Some(cost) = self.external_cost.take() {
            let line = cost.result_line(self.case.index, self.server_cost[0]);
            self.processes.sink.write(Line::Server(Box::new(line)))?;
        }
        if let Some(mut external) = self.external.take() {
            if early != Some(&EarlyEnd::ServerNotReady) {
                // One that is gone already is a loss.
                if let Some(how) = external.describe_if_gone().await.filter(|_| early.is_none()) {
                    self.processes.record_loss(Server, how);
                }
            }
            let grace = limit(GRACE, STOP_OTHERS);
            if let Some(left) = external.end(grace, self.processes.signals).await? {
                (self.processes.observer)(RunEvent::Warning(left.clone()));
                self.end.left_running = Some(left);
            }
        }
        self.processes.end_all(limit(EXIT_LIMIT, STOP_OTHERS), early.is_some()).await?;
        self.end.server_not_ready = early == Some(&EarlyEnd::ServerNotReady);
        self.end.stopped = match early {
            Some(EarlyEnd::Signal(caught)) => Some(caught.name().to_owned()),
            Some(EarlyEnd::Inspector(why)) => Some(format!("a limit was not kept: {why}")),
            // Nothing was measured: the server is among the lost processes.
            Some(EarlyEnd::ServerNotReady) | None => None,
        };
        if self.end.stopped.is_some() {
            self.shorten_window(stopped_ns);
        }
        self.end.lost = std::mem::take(&mut self.processes.lost);
        self.processes.sink.write(Line::Case(Box::new(self.end)))?;
        self.processes.show_seconds();
        Ok(())
    }
}

//! One case from its first process to its last.

mod launched;

use crate::error::{Failure, Outcome};
use crate::net::Dialer;
use crate::os::kernel_socket_bytes;
use crate::os::{Caught, Signals};
use crate::plan::{Case, Plan, Server, Timing};
use crate::result::file::Line;
use crate::result::{CalibrationStep, CaseEnd, Cost};
use crate::run::processes::{Processes, Waited};
use crate::run::protocol::{DriverStart, ServerStart, ToDriver, ToServer};
use crate::run::rate_search::{Next, Search, held, longest_wait_ns};
use crate::run::{Early, Inspector, Look, Note, Sink, Watcher};
use crate::time::Schedule;
use crate::time::now_ns;
use crate::transport::{AnySeries, Mount};
use crate::units::SECOND_NS;
use launched::Launched;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A process has this long to say its first word.
const HELLO_LIMIT: Duration = Duration::from_secs(30);
/// Between a word to start and the start, so that it has reached every thread.
const HEAD_START_NS: u64 = 300_000_000;
/// A step of the calibration lasts at least this.
const STEP_NS: u64 = 3 * SECOND_NS;
/// The most that a delay line's alarm may put off a release for the sake of the next.
const MOST_LINE_GAP_NS: u64 = 100_000;
/// What a process may need beyond its clients' limit to say its last word.
const LAST_WORD: Duration = Duration::from_secs(20);

/// From the end of a second to the moment at which its windows have come from every thread.
const ARRIVAL_NS: u64 = SECOND_NS / 4;

/// Runs a case. Gives what ended it early.
///
/// # Errors
/// Where a process cannot be started or the result cannot be written.
pub(crate) async fn run(
    plan: &Plan,
    case: &Case,
    sink: &mut Sink,
    signals: &mut Signals,
    watcher: Watcher<'_>,
    inspector: Inspector<'_>,
) -> Outcome<Option<Early>> {
    let mut conductor = Coordinator {
        plan,
        case,
        timing: plan.timing_of(case),
        crew: Processes::new(),
        sink,
        signals,
        watcher,
        inspector,
        refused: None,
        epoch_ns: 0,
        server_cost: vec![Cost::default(); case.servers.len().max(1)],
        end: CaseEnd { case: case.index, ..CaseEnd::default() },
        pending: None,
        launched: None,
        unready: false,
    };
    let caught = conductor.perform().await?;
    let refused = conductor.refused.take().map(Early::Refused);
    let unready = conductor.unready.then_some(Early::Unready);
    let early = caught.map(Early::Caught).or(refused).or(unready);
    conductor.finish(early.as_ref()).await?;
    Ok(early)
}

struct Coordinator<'a> {
    plan: &'a Plan,
    case: &'a Case,
    timing: Timing,
    crew: Processes,
    sink: &'a mut Sink,
    signals: &'a mut Signals,
    watcher: Watcher<'a>,
    inspector: Inspector<'a>,
    /// Why the inspector ended the case.
    refused: Option<String>,
    epoch_ns: u64,
    server_cost: Vec<Cost>,
    end: CaseEnd,
    /// A signal that came while nothing could be ended.
    pending: Option<Caught>,
    /// A server that is not ours, started for this case.
    launched: Option<Launched>,
    /// True where that one does not listen.
    unready: bool,
}

/// Leaves the performance where a wait was ended by a signal.
macro_rules! unless_caught {
    ($waited:expr) => {
        match $waited {
            Waited::Caught(caught) => return Ok(Some(caught)),
            other => other,
        }
    };
}

impl Coordinator<'_> {
    async fn perform(&mut self) -> Outcome<Option<Caught>> {
        self.stage("starting", 0);
        if let Some(caught) = self.launch().await? {
            return Ok(Some(caught));
        }
        if self.unready {
            return Ok(None);
        }
        self.start_servers().await?;
        unless_caught!(self.wait(HELLO_LIMIT, |c| c.servers_all(|s| s.address.is_some())).await?);
        self.start_drivers().await?;
        unless_caught!(self.wait(HELLO_LIMIT, |c| c.drivers_all(|d| d.hello)).await?);
        let before = self.sample_servers().await?;
        for (cost, (_, resident)) in self.server_cost.iter_mut().zip(before) {
            cost.resident_before = resident;
        }
        let kernel_before = kernel_socket_bytes().ok();
        if let Some(caught) = self.connect().await? {
            return Ok(Some(caught));
        }
        let epoch_ns = now_ns() + HEAD_START_NS / 2;
        if !self.crew.servers.is_empty() {
            self.crew.tell_drivers(&ToDriver::Publish { epoch_ns }).await;
        }
        for index in 0..self.crew.servers.len() {
            self.crew.tell_server(index, &ToServer::Publish { epoch_ns }).await;
        }
        let interval_ns = match self.calibrate().await? {
            Ok(interval_ns) => interval_ns,
            Err(caught) => return Ok(Some(caught)),
        };
        let schedule = self.schedule(interval_ns);
        self.end.interval_ns = interval_ns;
        self.end.duration_ns = schedule.duration_ns;
        self.end.steady_from_s = self.second_of(schedule.steady_from_ns());
        self.end.steady_until_s = self.second_of(schedule.cost_until_ns());
        let until = self.measure(schedule, kernel_before).await?;
        if let Waited::Caught(caught) = until {
            return Ok(Some(caught));
        }
        Ok(None)
    }

    fn stage(&mut self, name: &'static str, length_ns: u64) {
        (self.watcher)(Note::Stage { name, length_ns });
    }

    async fn wait(&mut self, limit: Duration, met: impl Fn(&Processes) -> bool) -> Outcome<Waited> {
        if let Some(caught) = self.pending.take() {
            return Ok(Waited::Caught(caught));
        }
        self.crew.wait(limit, self.sink, self.signals, self.watcher, met).await
    }

    /// Threads of a side for each core, rounded up: threads that share a core share its wake-ups.
    fn crowding(&self) -> u64 {
        let threads: u32 = self.case.drivers.iter().map(|d| d.threads).sum();
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        u64::from(threads).div_ceil(cores).max(1)
    }

    /// Between two times that a driver's thread wakes. A delay line is to be late by less than a
    /// network is uneven.
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
            self.crew.add_server(name, &start).await?;
        }
        Ok(())
    }

    fn addresses(&self) -> Outcome<Vec<SocketAddr>> {
        if let Some(launched) = &self.launched {
            return Ok(vec![launched.address]);
        }
        match (&self.plan.server, self.case.floor) {
            (_, true) => Ok(Vec::new()),
            (Server::External { address, .. }, _) => Ok(vec![*address]),
            (Server::Bundled, _) => {
                let all: Option<Vec<_>> = self.crew.servers.iter().map(|s| s.address).collect();
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
        let authority = match (&self.plan.server, &self.launched, addresses.first()) {
            (_, Some(launched), _) => launched.authority.clone(),
            (Server::External { authority, .. }, ..) => authority.clone(),
            (Server::Bundled, _, Some(address)) => address.to_string(),
            (Server::Bundled, _, None) => "localhost".to_owned(),
        };
        let settings = if self.case.floor {
            AnySeries::without_network(series.interval_ns)
        } else {
            series.settings.clone()
        };
        for shard in &self.case.drivers {
            let start = DriverStart {
                case: self.case.index,
                shard: shard.index,
                first_client: shard.first_client,
                clients: shard.clients,
                threads: shard.threads,
                series: settings.clone(),
                path: series.path.clone(),
                authority: authority.clone(),
                bundled: self.plan.bundled(),
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
            self.crew.add_driver(name, &start).await?;
        }
        Ok(())
    }

    /// Connects everybody and waits until they are settled.
    async fn connect(&mut self) -> Outcome<Option<Caught>> {
        self.stage("connecting", self.timing.ramp_ns);
        self.epoch_ns = now_ns();
        self.crew.tell_drivers(&ToDriver::Connect { epoch_ns: self.epoch_ns }).await;
        // Every attempt of a client may take its whole limit, and the ramp comes first.
        let limit = Duration::from_nanos(self.timing.ramp_ns + 8 * self.timing.timeout_ns);
        unless_caught!(self.wait(limit, |c| c.drivers_all(|d| d.ready.is_some())).await?);
        let slowest = self.crew.drivers.iter().filter_map(|d| d.ready).map(|r| r.1).max();
        self.end.connect_wall_ns = slowest.unwrap_or(0);
        Ok(None)
    }

    /// Finds the interval that holds, where the scenario allows one that is longer than planned.
    async fn calibrate(&mut self) -> Outcome<Result<u64, Caught>> {
        let planned_ns = self.plan.interval_ns(self.case);
        let Some(stretch) = self.case.stretch.filter(|_| !self.case.floor && planned_ns > 0) else {
            return Ok(Ok(planned_ns));
        };
        if !self.plan.series_of(self.case).paced {
            return Ok(Ok(planned_ns));
        }
        let mut search = Search::new(planned_ns, stretch.most);
        let found = loop {
            match search.next() {
                Next::Holds(ns) => break ns,
                Next::Fails(ns) => {
                    let word = "no rate that the scenario allows is held by this machine";
                    (self.watcher)(Note::Word(word.to_owned()));
                    break ns;
                }
                Next::Try(ns) => match self.step(ns).await? {
                    Ok(step) => search.steps.push(step),
                    Err(caught) => return Ok(Err(caught)),
                },
            }
        };
        self.end.calibration = search.steps;
        Ok(Ok(found))
    }

    async fn step(&mut self, interval_ns: u64) -> Outcome<Result<CalibrationStep, Caught>> {
        let length_ns = STEP_NS.max(interval_ns * 3 / 2);
        self.stage("calibrating", length_ns);
        let schedule = Schedule {
            start_ns: now_ns() + HEAD_START_NS,
            interval_ns,
            warmup_ns: 0,
            duration_ns: length_ns,
            cooldown_ns: 0,
            calibration: true,
        };
        self.crew.drivers.iter_mut().for_each(|d| d.step = None);
        self.crew.tell_drivers(&ToDriver::Schedule(schedule)).await;
        let limit = Duration::from_nanos(length_ns + HEAD_START_NS) + LAST_WORD;
        let waited = self.wait(limit, |c| c.drivers_all(|d| d.step.is_some())).await?;
        if let Waited::Caught(caught) = waited {
            return Ok(Err(caught));
        }
        let steps = || self.crew.drivers.iter().filter_map(|d| d.step);
        let (due, completed) = steps().fold((0, 0), |sum, s| (sum.0 + s.0, sum.1 + s.1));
        // The slowest process decides: percentiles are not averaged.
        let lag_p99_ns = steps().filter_map(|s| s.2).max();
        let wait_ns = longest_wait_ns(&self.plan.feed, interval_ns);
        let held = held(wait_ns, due, completed, lag_p99_ns);
        Ok(Ok(CalibrationStep { interval_ns, due, completed, lag_p99_ns, held }))
    }

    /// A schedule whose measured window begins on a whole second of the case.
    fn schedule(&self, interval_ns: u64) -> Schedule {
        let earliest = now_ns() + HEAD_START_NS + self.timing.warmup_ns - self.epoch_ns;
        let steady = earliest.next_multiple_of(SECOND_NS);
        // Every client has the same whole number of turns in the window.
        let duration_ns = match self.plan.series_of(self.case).paced || self.case.floor {
            true => self.timing.duration_ns.next_multiple_of(interval_ns.max(1)),
            false => self.timing.duration_ns,
        };
        // A stretched interval needs a longer one than was planned.
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

    /// Lets the schedule run, and reads costs at the edges of its measured window.
    async fn measure(&mut self, schedule: Schedule, kernel_before: Option<u64>) -> Outcome<Waited> {
        self.crew.tell_drivers(&ToDriver::Schedule(schedule)).await;
        self.stage("warming up", schedule.warmup_ns);
        let waited = self.until(schedule.steady_from_ns()).await?;
        if waited != Waited::Late {
            return Ok(waited);
        }
        let from = self.sample_servers().await?;
        self.stage("measuring", schedule.duration_ns);
        let waited = self.inspected(&schedule).await?;
        let until = self.sample_servers().await?;
        for (cost, (from, until)) in self.server_cost.iter_mut().zip(from.iter().zip(until)) {
            cost.cpu_ns = until.0.saturating_sub(from.0);
            cost.resident_during = until.1;
        }
        self.end.kernel_memory = kernel_before
            .zip(kernel_socket_bytes().ok())
            .map(|(before, during)| during as i64 - before as i64);
        if waited != Waited::Late {
            return Ok(waited);
        }
        self.stage("cooling down", schedule.cooldown_ns);
        let left = (schedule.start_ns + schedule.length_ns()).saturating_sub(now_ns());
        // A late client goes on to the end of its turns: it has the drain limit for that.
        let limit = Duration::from_nanos(left + schedule.interval_ns + self.timing.drain_ns);
        self.wait(limit, |c| c.drivers_all(|d| d.finished)).await
    }

    /// Waits for the end of the measured window, and lets what was recorded be looked at once a
    /// second. Where that ends the case, no more is waited for.
    async fn inspected(&mut self, schedule: &Schedule) -> Outcome<Waited> {
        let (from_ns, until_ns) = (schedule.steady_from_ns(), schedule.cost_until_ns());
        let mut measured_ns = SECOND_NS;
        while !self.case.floor && from_ns + measured_ns + ARRIVAL_NS < until_ns {
            let waited = self.until(from_ns + measured_ns + ARRIVAL_NS).await?;
            if waited != Waited::Late {
                return Ok(waited);
            }
            let look = Look { case: self.case.index, measured_ns: Some(measured_ns) };
            self.refused = (self.inspector)(&self.sink.result, look);
            if self.refused.is_some() {
                return Ok(Waited::Met);
            }
            measured_ns += SECOND_NS;
        }
        self.until(until_ns).await
    }

    /// Waits for a moment; anything but `Late` is an end before it.
    async fn until(&mut self, at_ns: u64) -> Outcome<Waited> {
        let limit = Duration::from_nanos(at_ns.saturating_sub(now_ns()));
        self.wait(limit, |c| c.drivers.iter().all(|d| d.gone)).await
    }

    /// CPU nanoseconds and resident bytes of every server, now.
    async fn sample_servers(&mut self) -> Outcome<Vec<(u64, u64)>> {
        for index in 0..self.crew.servers.len() {
            self.crew.servers[index].cost = None;
            self.crew.tell_server(index, &ToServer::Sample).await;
        }
        let limit = Duration::from_secs(5);
        if let Waited::Caught(caught) =
            self.wait(limit, |c| c.servers_all(|s| s.cost.is_some())).await?
        {
            self.pending = Some(caught);
        }
        let ours = self.crew.servers.iter().map(|s| s.cost.unwrap_or_default());
        Ok(ours.chain(self.launched.iter_mut().map(Launched::sample)).collect())
    }

    /// The window that was meant becomes the one that was.
    fn cut_short(&mut self, now_ns: u64) {
        let from_ns = self.epoch_ns + u64::from(self.end.steady_from_s) * SECOND_NS;
        let lasted_ns = match self.end.duration_ns {
            0 => 0,
            _ => now_ns.saturating_sub(from_ns),
        };
        self.end.duration_ns = self.end.duration_ns.min(lasted_ns);
        let until = self.second_of(now_ns).max(self.end.steady_from_s);
        self.end.steady_until_s = self.end.steady_until_s.min(until);
    }

    /// Ends drivers, then servers, and writes how the case ended.
    async fn finish(mut self, early: Option<&Early>) -> Outcome<()> {
        self.stage("closing", 0);
        let stopped_ns = now_ns();
        self.crew.stopping();
        self.crew.tell_drivers(&ToDriver::Stop).await;
        let drain = Duration::from_nanos(self.timing.drain_ns);
        self.wait(drain + LAST_WORD, |c| c.drivers_all(|d| d.ended)).await?;
        for index in 0..self.crew.servers.len() {
            let cost = self.server_cost[index];
            let word = ToServer::Drain { cost, limit_ns: self.timing.drain_ns };
            self.crew.tell_server(index, &word).await;
        }
        self.wait(drain + LAST_WORD, |c| c.servers_all(|s| s.ended)).await?;
        if let Some(launched) = self.launched.take() {
            self.end_launched(launched, early.is_some()).await?;
        }
        let early = early.filter(|early| **early != Early::Unready);
        if early.is_some() {
            self.cut_short(stopped_ns);
        }
        self.end.lost = std::mem::take(&mut self.crew.lost);
        self.end.stopped = early.map(|early| match early {
            Early::Caught(caught) => caught.name().to_owned(),
            Early::Refused(why) => format!("a limit was not kept: {why}"),
            Early::Unready => "the server does not listen".to_owned(),
        });
        self.sink.put(Line::Case(Box::new(self.end.clone())))?;
        self.crew.dismiss(Duration::from_secs(5)).await;
        Ok(())
    }
}

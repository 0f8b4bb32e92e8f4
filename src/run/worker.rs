//! A driver process from within: obeys its parent, runs its threads, forwards what they say.

use crate::driver::{self, Tally};
use crate::driver::{DriverCommand, DriverEvent, ThreadEnd, ThreadPlan};
use crate::error::{Failure, Outcome, at};
use crate::os::resident_bytes;
use crate::protocol::http1::Target;
use crate::record::{Audit, FanOut, LATENCY_BOUND_NS, Phases, TcpTotals};
use crate::result::file::Line;
use crate::result::{Cost, DriverEnd};
use crate::run::protocol::{DriverStart, FromDriver, ToDriver};
use crate::time::Schedule;
use crate::time::{now_ns, process_cpu_ns};
use hdrhistogram::Histogram;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, Write};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Reads the first line of standard input, and gives the later ones as they come; the channel
/// ends with the input, that is with the parent.
///
/// # Errors
/// Where the first line does not come or is none of ours.
pub(crate) fn listen<F: DeserializeOwned, T: DeserializeOwned + Send + 'static>()
-> Outcome<(F, UnboundedReceiver<T>)> {
    let mut lines = std::io::stdin().lines();
    let bad = || Failure::usage("this subcommand is started by `wsbench run`, not by hand");
    let first = lines.next().ok_or_else(bad)?.map_err(at("cannot read standard input"))?;
    let first = serde_json::from_str(&first).map_err(|_| bad())?;
    let (to, from) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let sent = serde_json::from_str(&line).is_ok_and(|said| to.send(said).is_ok());
            if !sent {
                return;
            }
        }
    });
    Ok((first, from))
}

/// Writes a line to the parent.
///
/// # Errors
/// Where the parent does not read any more.
pub(crate) fn say<S: Serialize>(line: &S) -> Outcome<()> {
    let mut text = serde_json::to_vec(line).map_err(at("cannot write a line"))?;
    text.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&text).and_then(|()| out.flush()).map_err(at("the parent does not read"))
}

/// The driver process.
///
/// # Errors
/// Where the parent is gone or the threads cannot be started.
pub(crate) fn drive() -> Outcome<()> {
    let (start, orders) = listen::<DriverStart, ToDriver>()?;
    crate::os::raise_open_files();
    if start.crowded {
        crate::os::set_batch_scheduling();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(at("cannot start a runtime"))?;
    let done = runtime.block_on(async {
        match Worker::new(start) {
            Ok(mut worker) => worker.work(orders).await,
            Err(failure) => Err(failure),
        }
    });
    if let Err(failure) = &done {
        // The parent may be the very thing that is gone.
        let _ = say(&FromDriver::Failed { message: format!("{failure:#}") });
    }
    done
}

struct Worker {
    start: DriverStart,
    threads: Vec<UnboundedSender<DriverCommand>>,
    events: UnboundedReceiver<DriverEvent>,
    tallies: Vec<(Tally, u64)>,
    resident_before: u64,
    epoch_ns: u64,
    schedule: Option<Schedule>,
    ready_told: bool,
    finished_told: bool,
    connected_at_start: u32,
    cost: Cost,
    /// CPU time at the start of the measured window, once it has begun.
    cpu_from_ns: Option<u64>,
    cost_done: bool,
    faults: u64,
    step: Option<(Histogram<u64>, usize)>,
}

const TICK: Duration = Duration::from_millis(100);

impl Worker {
    fn new(start: DriverStart) -> Outcome<Worker> {
        let (to, events) = unbounded_channel();
        let all = start.first_client..start.first_client + start.clients;
        let mut threads = Vec::new();
        for number in 0..start.threads {
            let (command, commands) = unbounded_channel();
            let plan = ThreadPlan {
                case: start.case,
                shard: start.shard,
                clients: all.start + number..all.end,
                step: start.threads,
                shard_clients: all.clone(),
                series: start.series.clone(),
                target: Target {
                    authority: start.authority.clone(),
                    path: start.path.clone(),
                    bundled: start.bundled,
                },
                dialers: start.dialers.clone(),
                feed: start.feed,
                ramp_ns: start.ramp_ns,
                timeout_ns: start.timeout_ns,
                drain_ns: start.drain_ns,
                gap_ns: start.gap_ns,
                seed: start.seed,
            };
            let to = to.clone();
            std::thread::Builder::new()
                .name(format!("driver-{number}"))
                .spawn(move || driver::run(plan, number as usize, commands, to))
                .map_err(at("cannot start a thread"))?;
            threads.push(command);
        }
        Ok(Worker {
            tallies: vec![Default::default(); threads.len()],
            start,
            threads,
            events,
            resident_before: 0,
            epoch_ns: 0,
            schedule: None,
            ready_told: false,
            finished_told: false,
            connected_at_start: 0,
            cost: Cost::default(),
            cpu_from_ns: None,
            cost_done: false,
            faults: 0,
            step: None,
        })
    }

    async fn work(&mut self, mut orders: UnboundedReceiver<ToDriver>) -> Outcome<()> {
        let mut started = 0;
        while started < self.threads.len() {
            match self.events.recv().await {
                Some(DriverEvent::Started) => started += 1,
                Some(event) => self.forward(event)?,
                None => return Err(Failure::run("a driver thread did not start")),
            }
        }
        self.resident_before = resident_bytes().unwrap_or(0);
        say(&FromDriver::Hello { resident: self.resident_before })?;
        let mut tick = tokio::time::interval(TICK);
        loop {
            let sample = tokio::time::sleep(self.until_sample());
            tokio::select! {
                order = orders.recv() => match order {
                    None => return Ok(()),
                    Some(ToDriver::Connect { epoch_ns }) => {
                        self.epoch_ns = epoch_ns;
                        self.order(DriverCommand::Connect { epoch_ns });
                    }
                    Some(ToDriver::Publish { epoch_ns }) => {
                        self.order(DriverCommand::Publish { epoch_ns });
                    }
                    Some(ToDriver::Schedule(schedule)) => self.begin(schedule),
                    Some(ToDriver::Stop) => break,
                },
                Some(event) = self.events.recv() => self.forward(event)?,
                _ = tick.tick() => self.tell()?,
                () = sample => self.sample(),
            }
        }
        self.end(orders).await
    }

    fn order(&self, command: DriverCommand) {
        for thread in &self.threads {
            // A thread that is gone has said why.
            let _ = thread.send(command);
        }
    }

    fn begin(&mut self, schedule: Schedule) {
        self.schedule = Some(schedule);
        self.finished_told = schedule.calibration;
        self.step = schedule.calibration.then(|| {
            let histogram = Histogram::new_with_bounds(1, LATENCY_BOUND_NS, 3);
            (histogram.expect("fixed bounds are valid"), 0)
        });
        self.connected_at_start = self.tally().connected;
        self.order(DriverCommand::Schedule(schedule));
    }

    fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for (tally, _) in &self.tallies {
            sum += *tally;
        }
        sum
    }

    /// Time until the cost is to be read.
    fn until_sample(&self) -> Duration {
        let far = Duration::from_secs(3600);
        let Some(schedule) = self.schedule.filter(|s| !s.calibration) else { return far };
        let at = match (self.cpu_from_ns, self.cost_done) {
            (None, _) => schedule.steady_from_ns(),
            (Some(_), false) => schedule.cost_until_ns(),
            (Some(_), true) => return far,
        };
        Duration::from_nanos(at.saturating_sub(now_ns()))
    }

    /// Reads CPU and memory at the edges of the measured window.
    fn sample(&mut self) {
        let Some(schedule) = self.schedule.filter(|s| !s.calibration) else { return };
        let now = now_ns();
        if self.cpu_from_ns.is_none() && now >= schedule.steady_from_ns() {
            self.cpu_from_ns = Some(process_cpu_ns());
        }
        if let (Some(from), false, true) =
            (self.cpu_from_ns, self.cost_done, now >= schedule.cost_until_ns())
        {
            self.read_cost(from);
        }
    }

    fn read_cost(&mut self, cpu_from_ns: u64) {
        self.cost_done = true;
        self.cost = Cost {
            cpu_ns: process_cpu_ns() - cpu_from_ns,
            resident_before: self.resident_before,
            resident_during: resident_bytes().unwrap_or(0),
        };
    }

    fn forward(&mut self, event: DriverEvent) -> Outcome<()> {
        match event {
            DriverEvent::Window(line) => {
                self.faults += line.faults.iter().map(|f| f.1).sum::<u64>();
                say(&FromDriver::Result(Box::new(Line::Window(line))))
            }
            DriverEvent::Progress { thread, tally, events, step } => {
                self.tallies[thread] = (tally, events);
                if let (Some(lags), Some((sum, heard))) = (step, &mut self.step) {
                    // All have the same bounds.
                    let _ = sum.add(&*lags);
                    *heard += 1;
                }
                Ok(())
            }
            DriverEvent::Failed(message) => Err(Failure::run(message)),
            DriverEvent::Started | DriverEvent::Ended(_) => Ok(()),
        }
    }

    /// Says what has become true.
    fn tell(&mut self) -> Outcome<()> {
        let tally = self.tally();
        if self.epoch_ns > 0 {
            let events = self.tallies.iter().map(|t| t.1).sum();
            say(&FromDriver::Progress {
                connected: tally.connected,
                failed: tally.failed,
                events,
                faults: self.faults,
            })?;
        }
        if !self.ready_told && self.epoch_ns > 0 && tally.settled >= self.start.clients {
            self.ready_told = true;
            let wall_ns = tally.last_connected_ns.saturating_sub(self.epoch_ns);
            say(&FromDriver::Ready { connected: tally.connected, wall_ns })?;
        }
        let Some(schedule) = self.schedule else { return Ok(()) };
        if let Some((lags, _)) = self.step.take_if(|(_, heard)| *heard == self.threads.len()) {
            let due = u128::from(tally.connected) * u128::from(schedule.length_ns())
                / u128::from(schedule.interval_ns.max(1));
            say(&FromDriver::Step {
                due: due as u64,
                completed: lags.len(),
                lag_p99_ns: (!lags.is_empty()).then(|| lags.value_at_quantile(0.99)),
            })?;
        }
        let over = now_ns() >= schedule.start_ns + schedule.length_ns();
        let alive = self.start.clients.saturating_sub(tally.ended);
        if !self.finished_told && over && tally.finished >= alive {
            self.finished_told = true;
            say(&FromDriver::Finished)?;
        }
        Ok(())
    }

    async fn end(&mut self, mut orders: UnboundedReceiver<ToDriver>) -> Outcome<()> {
        if let (Some(from), false) = (self.cpu_from_ns, self.cost_done) {
            self.read_cost(from);
        }
        let connected_peak = self.tally().connected_peak;
        self.order(DriverCommand::Stop);
        let mut ends: Vec<ThreadEnd> = Vec::new();
        while ends.len() < self.threads.len() {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(DriverEvent::Ended(end)) => ends.push(*end),
                    Some(event) => self.forward(event)?,
                    None => break,
                },
                // The parent is gone: so is all reason to go on.
                None = orders.recv() => return Ok(()),
            }
        }
        let mut end = DriverEnd {
            case: self.start.case,
            shard: self.start.shard,
            clients: self.start.clients,
            connected: self.connected_at_start,
            connected_peak,
            cost: self.cost,
            ..DriverEnd::default()
        };
        let (mut tcp, mut audit) = (Phases::<TcpTotals>::default(), Audit::default());
        for thread in &ends {
            tcp += thread.tcp;
            audit += thread.audit;
            end.turns_unreached += thread.tally.turns_unreached;
            end.trace.extend_from_slice(&thread.trace);
            end.heads.extend_from_slice(&thread.heads);
        }
        (end.tcp, end.audit) = (tcp, audit);
        end.fanout = FanOut::together(ends.into_iter().flat_map(|thread| thread.fanout));
        say(&FromDriver::Result(Box::new(Line::Driver(Box::new(end)))))
    }
}

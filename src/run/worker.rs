//! Inside a driver process: follows its parent's commands, runs its threads, and forwards their
//! results.

use crate::driver::{self, CommandSender, DriverCommand, DriverEvent, DriverStart, Tally};
use crate::error::{Failure, Outcome, at};
use crate::os::resident_bytes;
use crate::record::{FanOut, StepTurns};
use crate::result::file::Line;
use crate::result::{Cost, DriverEnd};
use crate::run::protocol::{ClientProgress, FromProcess, StepResult};
use crate::time::{Schedule, now_ns, process_cpu_ns};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Commands of the parent, as they come. The channel ends with the parent. A line that cannot be
/// read is an error, and the last item.
pub(crate) type Commands<T> = UnboundedReceiver<Outcome<T>>;

/// Reads the first line of standard input, and returns it with a channel of the later ones.
///
/// # Errors
/// If the first line does not come or cannot be read.
pub(crate) fn read_input<F: DeserializeOwned, T: DeserializeOwned + Send + 'static>()
-> Outcome<(F, Commands<T>)> {
    let mut lines = std::io::stdin().lines();
    let bad = || Failure::usage("this subcommand is started by `wsbench run`, not by hand");
    let first = lines.next().ok_or_else(bad)?.map_err(at("cannot read standard input"))?;
    let first = serde_json::from_str(&first).map_err(|_| bad())?;
    let (to, from) = unbounded_channel();
    let reading = std::thread::Builder::new().name("commands".to_owned()).spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let command = serde_json::from_str(&line)
                .map_err(at(format!("the parent sent a line that cannot be read: {line}")));
            let is_last = command.is_err();
            if to.send(command).is_err() || is_last {
                return;
            }
        }
    });
    reading.map_err(at("cannot start a thread"))?;
    Ok((first, from))
}

/// Writes a line to the parent.
///
/// # Errors
/// If the parent does not read any more.
pub(crate) fn send_line<S: Serialize>(line: &S) -> Outcome<()> {
    let mut text = serde_json::to_vec(line).map_err(at("cannot write a line"))?;
    text.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&text).and_then(|()| out.flush()).map_err(at("the parent does not read"))
}

/// Runs a driver process.
///
/// # Errors
/// If the parent is gone or the threads cannot be started.
pub(crate) fn run_driver() -> Outcome<()> {
    let (start, commands) = read_input::<DriverStart, DriverCommand>()?;
    crate::os::raise_open_files();
    if start.crowded {
        crate::os::set_batch_scheduling();
    }
    let done = crate::run::runtime()?.block_on(async {
        match Worker::new(start) {
            Ok(mut worker) => worker.run(commands).await,
            Err(failure) => Err(failure),
        }
    });
    if let Err(failure) = &done {
        // This fails if the parent is gone.
        let _ = send_line(&FromProcess::Failed { message: format!("{failure:#}") });
    }
    done
}

struct Worker {
    start: Arc<DriverStart>,
    threads: Vec<CommandSender>,
    events: UnboundedReceiver<DriverEvent>,
    progress: Vec<ThreadProgress>,
    resident_before: u64,
    epoch_ns: u64,
    schedule: Option<Schedule>,
    ready_sent: bool,
    finished_sent: bool,
    connected_at_start: u32,
    cost: Cost,
    /// CPU time at the start of the measured window, once it has begun.
    cpu_from_ns: Option<u64>,
    cost_done: bool,
    faults: u64,
    step: Option<WorkerStep>,
}

/// What a thread reported last.
#[derive(Clone, Default)]
struct ThreadProgress {
    tally: Tally,
    /// Exchanges completed and messages received.
    events: u64,
}

/// One step of the rate search.
#[derive(Default)]
struct WorkerStep {
    turns: StepTurns,
    /// Threads that have reported theirs.
    threads: usize,
}

/// Between two reports of progress.
const TICK: Duration = Duration::from_millis(100);

impl Worker {
    fn new(start: DriverStart) -> Outcome<Worker> {
        let (to, events) = unbounded_channel();
        let start = Arc::new(start);
        let mut threads = Vec::new();
        for number in 0..start.threads {
            let thread = driver::spawn(start.clone(), number, to.clone());
            threads.push(thread.map_err(at("cannot start a thread"))?);
        }
        Ok(Worker {
            progress: vec![ThreadProgress::default(); threads.len()],
            start,
            threads,
            events,
            resident_before: 0,
            epoch_ns: 0,
            schedule: None,
            ready_sent: false,
            finished_sent: false,
            connected_at_start: 0,
            cost: Cost::default(),
            cpu_from_ns: None,
            cost_done: false,
            faults: 0,
            step: None,
        })
    }

    async fn run(&mut self, mut commands: Commands<DriverCommand>) -> Outcome<()> {
        let mut started = 0;
        while started < self.threads.len() {
            match self.events.recv().await {
                Some(DriverEvent::Started) => started += 1,
                Some(event) => self.forward(event)?,
                None => return Err(Failure::run("a driver thread did not start")),
            }
        }
        self.resident_before = resident_bytes().unwrap_or(0);
        send_line(&FromProcess::Hello)?;
        let mut tick = tokio::time::interval(TICK);
        loop {
            let sample = tokio::time::sleep(self.until_sample());
            tokio::select! {
                command = commands.recv() => match command.transpose()? {
                    None => return Ok(()),
                    Some(DriverCommand::Stop) => break,
                    Some(command) => self.follow(command),
                },
                Some(event) = self.events.recv() => self.forward(event)?,
                _ = tick.tick() => self.report_progress()?,
                () = sample => self.sample(),
            }
        }
        self.end(commands).await
    }

    fn send_to_threads(&self, command: DriverCommand) {
        for thread in &self.threads {
            thread.send(command);
        }
    }

    fn follow(&mut self, command: DriverCommand) {
        match command {
            DriverCommand::Connect { epoch_ns } => self.epoch_ns = epoch_ns,
            DriverCommand::Schedule(schedule) => self.begin(schedule),
            DriverCommand::Publish { .. } | DriverCommand::Stop => {}
        }
        self.send_to_threads(command);
    }

    fn begin(&mut self, schedule: Schedule) {
        self.schedule = Some(schedule);
        self.finished_sent = schedule.calibration;
        self.step = schedule.calibration.then(WorkerStep::default);
        self.connected_at_start = self.tally().connected;
    }

    fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for thread in &self.progress {
            sum += thread.tally;
        }
        sum
    }

    /// Returns the time until CPU and memory must be read: at the edges of the measured window.
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

    fn sample(&mut self) {
        match self.cpu_from_ns {
            None => self.cpu_from_ns = Some(process_cpu_ns()),
            Some(from) => self.read_cost(from),
        }
    }

    fn read_cost(&mut self, cpu_from_ns: u64) {
        self.cost_done = true;
        self.cost = Cost {
            cpu_ns: process_cpu_ns() - cpu_from_ns,
            resident_before: self.resident_before,
            resident_during: resident_bytes().unwrap_or(0),
            ..Cost::default()
        };
    }

    fn forward(&mut self, event: DriverEvent) -> Outcome<()> {
        match event {
            DriverEvent::Window(line) => {
                self.faults += line.faults.iter().map(|f| f.1).sum::<u64>();
                send_line(&FromProcess::Result(Box::new(Line::Window(line))))
            }
            DriverEvent::Progress { thread, tally, events, step } => {
                self.progress[thread] = ThreadProgress { tally, events };
                if let (Some(turns), Some(step)) = (step, &mut self.step) {
                    step.turns.add(&turns);
                    step.threads += 1;
                }
                Ok(())
            }
            DriverEvent::Failed(message) => Err(Failure::run(message)),
            DriverEvent::Started | DriverEvent::Ended(_) => Ok(()),
        }
    }

    /// Reports progress to the parent, and each state that was reached.
    fn report_progress(&mut self) -> Outcome<()> {
        let tally = self.tally();
        if self.epoch_ns > 0 {
            let events = self.progress.iter().map(|thread| thread.events).sum();
            send_line(&FromProcess::Progress(ClientProgress {
                connected: tally.connected.into(),
                failed: tally.failed.into(),
                events,
                faults: self.faults,
            }))?;
        }
        if !self.ready_sent && self.epoch_ns > 0 && tally.settled >= self.start.clients {
            self.ready_sent = true;
            let wall_ns = tally.last_connected_ns.saturating_sub(self.epoch_ns);
            send_line(&FromProcess::Ready { wall_ns })?;
        }
        let Some(schedule) = self.schedule else { return Ok(()) };
        let all_threads = self.threads.len();
        if let Some(step) = self.step.take_if(|step| step.threads == all_threads) {
            let lags = &step.turns.lags;
            let due = u128::from(tally.connected) * u128::from(schedule.length_ns())
                / u128::from(schedule.interval_ns.max(1));
            send_line(&FromProcess::Step(StepResult {
                due: due as u64,
                completed: step.turns.completed,
                lag_p99_ns: (!lags.is_empty()).then(|| lags.value_at_quantile(0.99)),
            }))?;
        }
        let over = now_ns() >= schedule.start_ns + schedule.length_ns();
        let alive = self.start.clients.saturating_sub(tally.ended);
        if !self.finished_sent && over && tally.finished >= alive {
            self.finished_sent = true;
            send_line(&FromProcess::Finished)?;
        }
        Ok(())
    }

    async fn end(&mut self, mut commands: Commands<DriverCommand>) -> Outcome<()> {
        if let (Some(from), false) = (self.cpu_from_ns, self.cost_done) {
            self.read_cost(from);
        }
        let connected_peak = self.tally().connected_peak;
        self.send_to_threads(DriverCommand::Stop);
        let mut ends: Vec<DriverEnd> = Vec::new();
        while ends.len() < self.threads.len() {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(DriverEvent::Ended(end)) => ends.push(*end),
                    Some(event) => self.forward(event)?,
                    None => break,
                },
                // The parent is gone.
                None = commands.recv() => return Ok(()),
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
        for thread in &ends {
            end.tcp += thread.tcp;
            end.audit += thread.audit;
            if let Some(timestamps) = thread.receive_timestamps {
                *end.receive_timestamps.get_or_insert_default() += timestamps;
            }
            end.turns_not_started += thread.turns_not_started;
            end.turns_blocked += thread.turns_blocked;
            end.trace.extend_from_slice(&thread.trace);
            end.heads.extend_from_slice(&thread.heads);
            end.finest_time_ns = finest(end.finest_time_ns, thread.finest_time_ns);
            end.time_guess = end.time_guess.or_else(|| thread.time_guess.clone());
            end.new_sessions = end.new_sessions.or_else(|| thread.new_sessions.clone());
            for time in &thread.strange_times {
                if end.strange_times.iter().all(|kept| kept.replayed != time.replayed) {
                    end.strange_times.push(*time);
                }
            }
            if !thread.quotable_cookies.is_empty() {
                // Before what quotes them.
                send_line(&FromProcess::SetCookies(thread.quotable_cookies.clone()))?;
            }
            for refusal in &thread.refusals {
                if end.refusals.iter().all(|kept| kept.error != refusal.error) {
                    end.refusals.push(refusal.clone());
                }
            }
        }
        end.fanout = FanOut::together(ends.into_iter().flat_map(|thread| thread.fanout));
        send_line(&FromProcess::Result(Box::new(Line::Driver(Box::new(end)))))
    }
}

/// Returns the smaller of two resolutions, of which 0 is none.
fn finest(one_ns: u64, other_ns: u64) -> u64 {
    match (one_ns, other_ns) {
        (0, only_ns) | (only_ns, 0) => only_ns,
        (one_ns, other_ns) => one_ns.min(other_ns),
    }
}

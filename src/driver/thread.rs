//! One driver thread: spawns its clients, rolls the seconds, watches over time limits.

use crate::client::context::{Tally, ThreadContext, undrained};
use crate::client::{Client, ClientHalf};
use crate::feed;
use crate::net::Dialer;
use crate::protocol::http1::Target;
use crate::record::{Audit, FanOut, Head, LATENCY_BOUND_NS, Phases, TcpTotals, TraceEvent};
use crate::result::file::WindowLine;
use crate::time::Schedule;
use crate::time::now_ns;
use crate::transport::AnySeries;
use hdrhistogram::Histogram;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// What a thread is to do. Everything crosses to it by value.
pub(crate) struct ThreadPlan {
    /// The case and process, for window lines.
    pub case: u32,
    /// See `case`.
    pub shard: u32,
    /// Its clients among all of the case: each `step`-th of the range.
    pub clients: Range<u32>,
    /// Distance between its clients' numbers.
    pub step: u32,
    /// The first client of the process and how many there are, for the ramp.
    pub shard_clients: Range<u32>,
    /// The transport and its settings.
    pub series: AnySeries,
    /// Who answers.
    pub target: Target,
    /// How to connect.
    pub dialers: Vec<Dialer>,
    /// What is published.
    pub feed: feed::Spec,
    /// Over how long connects are spread.
    pub ramp_ns: u64,
    /// The longest connect, upgrade or response.
    pub timeout_ns: u64,
    /// How long clients may take to end.
    pub drain_ns: u64,
    /// Between two times that the thread wakes for due turns.
    pub gap_ns: u64,
    /// The seed of phases.
    pub seed: u64,
}

/// Words to a thread.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Command {
    /// Connect; seconds are counted from this moment.
    Connect {
        /// Nanoseconds of `CLOCK_MONOTONIC`.
        epoch_ns: u64,
    },
    /// The feed begins, or has begun.
    Publish {
        /// Nanoseconds of `CLOCK_MONOTONIC`.
        epoch_ns: u64,
    },
    /// Take turns.
    Schedule(Schedule),
    /// End.
    Stop,
}

/// Words from a thread.
#[derive(Debug)]
pub(crate) enum Event {
    /// It is there, with all the memory that does not belong to a client.
    Started,
    /// What was recorded in a second.
    Window(Box<WindowLine>),
    /// Where its clients are: a few times a second.
    Progress {
        /// The thread's number.
        thread: usize,
        /// Its clients.
        tally: Tally,
        /// Turns completed and messages received so far.
        events: u64,
        /// Lags of the calibration step, once it is over.
        step: Option<Box<Histogram<u64>>>,
    },
    /// Its last word.
    Ended(Box<ThreadEnd>),
    /// It could not begin.
    Failed(String),
}

/// What a thread leaves.
#[derive(Debug)]
pub(crate) struct ThreadEnd {
    /// Kernel counts.
    pub tcp: Phases<TcpTotals>,
    /// ClientHalf against kernel.
    pub audit: Audit,
    /// Where its clients were.
    pub tally: Tally,
    /// What happened to the first of them.
    pub trace: Vec<TraceEvent>,
    /// How clients' messages spread over them.
    pub fanout: Vec<FanOut>,
    /// The first heads of the case's first client, where it is one of them.
    pub heads: Vec<Head>,
}

const TICK: Duration = Duration::from_millis(100);
/// Looks around for each look at every client's time limit.
const LOOKS_A_SWEEP: u32 = 5;

/// Runs a thread's clients until the word to stop. To be called on a thread of its own.
pub(crate) fn run(
    plan: ThreadPlan,
    number: usize,
    commands: UnboundedReceiver<Command>,
    events: UnboundedSender<Event>,
) {
    let failed = |message: String| {
        // Nobody listens only where the process is ending anyway.
        let _ = events.send(Event::Failed(message));
    };
    let driver = match plan.series.client_half(&plan.target, &plan.feed) {
        Ok(driver) => driver,
        Err(message) => return failed(message),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(61)
        .build_local(Default::default());
    match runtime {
        Err(error) => failed(format!("cannot start a runtime: {error}")),
        Ok(runtime) => {
            let mut swarm = Swarm::new(plan, number, events);
            swarm.thread.recorder.borrow_mut().prepare();
            swarm.tell(Event::Started);
            runtime.block_on(swarm.live(driver, commands));
            // Ends the clients that did not end by themselves; their books are closed with them.
            drop(runtime);
            swarm.leave();
        }
    }
}

struct Swarm {
    plan: ThreadPlan,
    number: usize,
    thread: Rc<ThreadContext>,
    events: UnboundedSender<Event>,
    spawned: u32,
    epoch_ns: u64,
    second: u32,
    step_told: bool,
    looks: u32,
}

impl Swarm {
    fn new(plan: ThreadPlan, number: usize, events: UnboundedSender<Event>) -> Swarm {
        let dialers = plan.dialers.clone();
        let thread =
            ThreadContext::new(dialers, plan.feed, plan.timeout_ns, plan.gap_ns, plan.seed);
        Swarm {
            plan,
            number,
            thread,
            events,
            spawned: 0,
            epoch_ns: 0,
            second: 0,
            step_told: true,
            looks: 0,
        }
    }

    async fn live(&mut self, driver: Rc<dyn ClientHalf>, mut commands: UnboundedReceiver<Command>) {
        tokio::task::spawn_local(self.thread.alarm.clone().keep());
        let mut tick = tokio::time::interval(TICK);
        loop {
            let next_second = match self.epoch_ns {
                0 => u64::MAX,
                epoch => epoch + (u64::from(self.second) + 1) * 1_000_000_000,
            };
            let alarm = self.thread.alarm.clone();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Connect { epoch_ns }) => self.connect(&driver, epoch_ns),
                    Some(Command::Publish { epoch_ns }) => {
                        let spec = self.plan.feed;
                        self.thread.feed.set(Some(feed::Feed { spec, epoch_ns }));
                    }
                    Some(Command::Schedule(schedule)) => {
                        self.step_told = !schedule.calibration;
                        self.thread.start(schedule);
                    }
                    // The sender is gone only where the process is ending.
                    Some(Command::Stop) | None => break,
                },
                _ = alarm.until(next_second) => self.roll(),
                _ = tick.tick() => self.look_around(),
            }
        }
        self.end().await;
    }

    fn connect(&mut self, driver: &Rc<dyn ClientHalf>, epoch_ns: u64) {
        self.epoch_ns = epoch_ns;
        let all = u64::from(self.plan.shard_clients.len() as u32).max(1);
        for id in self.plan.clients.clone().step_by(self.plan.step.max(1) as usize) {
            let place = u64::from(id - self.plan.shard_clients.start);
            let at = epoch_ns
                + (u128::from(self.plan.ramp_ns) * u128::from(place) / u128::from(all)) as u64;
            let client = Client::new(id, at, self.thread.clone());
            tokio::task::spawn_local(driver.clone().run(client));
            self.spawned += 1;
        }
    }

    /// Gives away what was recorded until now, under the second that has ended.
    fn roll(&mut self) {
        let now_second = ((now_ns() - self.epoch_ns.min(now_ns())) / 1_000_000_000) as u32;
        if self.epoch_ns == 0 || now_second <= self.second {
            return;
        }
        self.give_away();
        self.second = now_second;
    }

    fn give_away(&mut self) {
        let (case, shard, second) = (self.plan.case, self.plan.shard, self.second);
        let line = self.thread.recorder.borrow_mut().take(|window| {
            (!window.is_empty()).then(|| WindowLine::new(case, shard, second, window))
        });
        if let Some(line) = line {
            self.tell(Event::Window(Box::new(line)));
        }
    }

    fn tell(&self, event: Event) {
        // Nobody listens only where the process is ending anyway.
        let _ = self.events.send(event);
    }

    /// A few times a second: progress, time limits, the end of a calibration step.
    fn look_around(&mut self) {
        let now = now_ns();
        // Every client is looked at: once in a while is enough for limits of seconds.
        self.looks = (self.looks + 1) % LOOKS_A_SWEEP;
        if self.looks == 0 {
            self.thread.expire_before(now.saturating_sub(self.plan.timeout_ns));
        }
        let step_over = self.thread.schedule().is_some_and(|s| now >= s.start_ns + s.length_ns());
        let step = (!self.step_told && step_over).then(|| {
            self.step_told = true;
            let empty =
                Histogram::new_with_bounds(1, LATENCY_BOUND_NS, 3).expect("fixed bounds are valid");
            Box::new(std::mem::replace(&mut *self.thread.step_lag.borrow_mut(), empty))
        });
        let (tally, events) = (self.thread.tally(), self.thread.events.get());
        self.tell(Event::Progress { thread: self.number, tally, events, step });
    }

    /// Ends every client and waits for them within the limit.
    async fn end(&mut self) {
        self.thread.stop();
        let deadline = now_ns().saturating_add(self.plan.drain_ns);
        while self.left() > 0 && now_ns() < deadline {
            tokio::time::sleep(TICK / 4).await;
            self.thread.expire_before(now_ns().saturating_sub(self.plan.timeout_ns));
            self.roll();
        }
        undrained(&self.thread, self.left());
    }

    /// Clients that have not ended, with what they say beside.
    fn left(&self) -> u32 {
        let tally = self.thread.tally();
        (self.spawned - tally.ended).max(tally.voices)
    }

    /// Gives away what is left.
    fn leave(&mut self) {
        self.give_away();
        let (tcp, audit, tally) =
            (self.thread.tcp.get(), self.thread.audit.get(), self.thread.tally());
        let (trace, fanout) = (self.thread.take_trace(), self.thread.take_fan_out());
        let heads = self.thread.take_heads();
        self.tell(Event::Ended(Box::new(ThreadEnd { tcp, audit, tally, trace, fanout, heads })));
    }
}

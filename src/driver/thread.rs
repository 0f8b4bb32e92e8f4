//! One driver thread: spawns its clients, sends a window each second, enforces time limits.

use crate::client::context::{Tally, ThreadContext};
use crate::client::delivery::inbox::MessageSource;
use crate::client::{Client, ClientCore, ClientHalf, MachineClients, TaskClients};
use crate::driver::engine::Engine;
use crate::feed::{self, TimeGuess, guess_new_sessions, guess_time};
use crate::net::linux::epoll::{Epoll, Wake};
use crate::net::timestamp_sample::TimestampSample;
use crate::net::{Dialer, TlsClient};
use crate::protocol::http1::Target;
use crate::protocol::message::MessageReader;
use crate::record::StepTurns;
use crate::result::DriverEnd;
use crate::result::file::WindowLine;
use crate::time::{Schedule, now_ns};
use crate::tls::{TlsSettings, client_config};
use crate::transport::AnySeries;
use serde::{Deserialize, Serialize};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The first line to a driver process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DriverStart {
    /// The case, for the result's lines.
    pub case: u32,
    /// The process's number within the case.
    pub shard: u32,
    /// Its first client.
    pub first_client: u32,
    /// Its clients.
    pub clients: u32,
    /// Those of all drivers of the case, which close their connections at the same time.
    #[serde(default)]
    pub case_clients: u32,
    /// Its threads.
    pub threads: u32,
    /// The transport and its settings.
    #[serde(flatten)]
    pub series: AnySeries,
    /// Who answers.
    pub target: Target,
    /// What is published.
    pub feed: feed::Spec,
    /// Where things are in the messages of a server with a form of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<feed::MessageSpec>,
    /// How to connect, a server shard each; client `i` uses the `i`-th, round robin.
    pub dialers: Vec<Dialer>,
    /// How clients use TLS; absent if they do not.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
    /// The certificate of the bundled server, in PEM, which its clients trust alone.
    #[serde(default)]
    pub server_certificate: Option<String>,
    /// Over how long connects are spread, in nanoseconds.
    pub ramp_ns: u64,
    /// How long an upgrade or a response may take, in nanoseconds.
    pub timeout_ns: u64,
    /// How long clients may take to end, in nanoseconds.
    pub drain_ns: u64,
    /// Between two times that a thread wakes for due turns, in nanoseconds.
    pub gap_ns: u64,
    /// True if the case has more threads a side than the machine has cores.
    pub crowded: bool,
    /// The seed of phases and masks.
    pub seed: u64,
}

/// Later lines to a driver process, which it passes to its threads.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DriverCommand {
    /// Connect, from this moment on.
    Connect {
        /// Nanoseconds of `CLOCK_MONOTONIC`; windows count their seconds from here.
        epoch_ns: u64,
    },
    /// The feed begins, or has begun.
    Publish {
        /// Nanoseconds of `CLOCK_MONOTONIC`.
        epoch_ns: u64,
    },
    /// Take turns by this schedule until the next command.
    Schedule(Schedule),
    /// End the clients, close every connection, send what is left and end.
    Stop,
}

/// Events from a thread.
#[derive(Debug)]
pub(crate) enum DriverEvent {
    /// It has started and allocated all memory that does not belong to a client.
    Started,
    /// What was recorded in a second.
    Window(Box<WindowLine>),
    /// The state of its clients, a few times a second.
    Progress {
        /// The thread's number.
        thread: usize,
        /// Its clients.
        tally: Tally,
        /// Turns completed and messages received so far.
        events: u64,
        /// Turns of the step of the rate search, once it is over.
        step: Option<Box<StepTurns>>,
    },
    /// It has ended: its part of the process's end.
    Ended(Box<DriverEnd>),
    /// It could not start.
    Failed(String),
}

const TICK: Duration = Duration::from_millis(100);
/// Ticks between two checks of every client's time limit.
const TICKS_PER_EXPIRY: u32 = 5;

/// Sends commands to a driver thread.
pub(crate) struct CommandSender {
    commands: UnboundedSender<DriverCommand>,
    wake: Wake,
}

impl CommandSender {
    /// Sends a command. A thread that is gone has reported why.
    pub(crate) fn send(&self, command: DriverCommand) {
        let _ = self.commands.send(command);
        self.wake.wake();
    }
}

/// Starts a thread that runs its clients until the command to stop.
///
/// # Errors
/// If the system refuses a thread or a descriptor.
pub(crate) fn spawn(
    start: Arc<DriverStart>,
    number: u32,
    events: UnboundedSender<DriverEvent>,
) -> io::Result<CommandSender> {
    let (commands, receiver) = unbounded_channel();
    let wake = Wake::new()?;
    let network = wake.clone();
    std::thread::Builder::new()
        .name(format!("driver-{number}"))
        .spawn(move || run(start, number, network, receiver, events))?;
    Ok(CommandSender { commands, wake })
}

fn run(
    start: Arc<DriverStart>,
    number: u32,
    wake: Wake,
    commands: UnboundedReceiver<DriverCommand>,
    events: UnboundedSender<DriverEvent>,
) {
    if let Err(message) = run_clients(start, number, wake, commands, &events) {
        // It fails only if the process is ending anyway.
        let _ = events.send(DriverEvent::Failed(message));
    }
}

fn run_clients(
    start: Arc<DriverStart>,
    number: u32,
    wake: Wake,
    commands: UnboundedReceiver<DriverCommand>,
    events: &UnboundedSender<DriverEvent>,
) -> Result<(), String> {
    let half = start.series.client_half(&start.target, &start.feed)?;
    let source = message_source(&start)?;
    let mut driver = DriverThread::new(start, number, events.clone(), source);
    if let Some(tls) = &driver.start.tls {
        let config = client_config(tls, driver.start.server_certificate.as_deref())?;
        // It was unset until now.
        let _ = driver.thread.tls.set(TlsClient::new(config));
    }
    driver.thread.recorder.borrow_mut().prepare();
    let sample = match &half {
        ClientHalf::Machines(_) => Some(driver.sample.clone()),
        // A library reads its sockets itself.
        ClientHalf::Tasks(..) => None,
    };
    let network =
        Epoll::new(wake, sample).map_err(|error| format!("cannot wait for events: {error}"))?;
    let DriverStart { gap_ns, seed, shard, .. } = *driver.start;
    // Every thread has moments of its own.
    let seed = seed ^ (u64::from(shard) << 32) ^ u64::from(number);
    let mut engine = Engine::new(network, gap_ns, driver.thread.clone(), seed);
    match half {
        ClientHalf::Machines(clients) => {
            driver.send(DriverEvent::Started);
            driver.run_engine(&mut engine, &*clients, commands);
        }
        ClientHalf::Tasks(clients, senders) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .event_interval(61)
                .build_local(Default::default())
                .map_err(|error| format!("cannot start a runtime: {error}"))?;
            driver.send(DriverEvent::Started);
            runtime.block_on(driver.run_tasks(clients, senders, &mut engine, commands));
            driver.sample.add_library_clients(driver.spawned);
        }
    }
    // Ends the clients that did not end by themselves; their accounts are closed with them.
    drop(engine);
    driver.send_end();
    Ok(())
}

/// Returns whose messages the clients read.
fn message_source(start: &DriverStart) -> Result<MessageSource, String> {
    Ok(match &start.message {
        Some(spec) => MessageSource::Own(Rc::new(MessageReader::new(spec)?)),
        None if start.target.bundled => MessageSource::Bundled,
        None => MessageSource::Stamped,
    })
}

struct DriverThread {
    start: Arc<DriverStart>,
    number: u32,
    thread: Rc<ThreadContext>,
    sample: Rc<TimestampSample>,
    events: UnboundedSender<DriverEvent>,
    spawned: u32,
    epoch_ns: u64,
    second: u32,
    step_sent: bool,
    ticks: u32,
}

impl DriverThread {
    fn new(
        start: Arc<DriverStart>,
        number: u32,
        events: UnboundedSender<DriverEvent>,
        source: MessageSource,
    ) -> DriverThread {
        let dialers = start.dialers.clone();
        let DriverStart { feed, timeout_ns, gap_ns, seed, .. } = *start;
        let thread = ThreadContext::reading(source, dialers, feed, timeout_ns, gap_ns, seed);
        thread.case_clients.set(start.case_clients);
        let sample = TimestampSample::new(start.clients, start.threads, thread.clone());
        DriverThread {
            start,
            number,
            thread,
            sample: Rc::new(sample),
            events,
            spawned: 0,
            epoch_ns: 0,
            second: 0,
            step_sent: true,
            ticks: 0,
        }
    }

    /// Runs clients that are state machines.
    fn run_engine(
        &mut self,
        engine: &mut Engine<Epoll>,
        clients: &dyn MachineClients,
        mut commands: UnboundedReceiver<DriverCommand>,
    ) {
        let tick_ns = TICK.as_nanos() as u64;
        let mut next_tick_ns = now_ns() + tick_ns;
        loop {
            engine.run_until(next_tick_ns.min(self.next_second_ns()));
            match commands.try_recv() {
                Ok(DriverCommand::Connect { epoch_ns }) => {
                    self.connect(epoch_ns, |core| engine.spawn(clients, core));
                }
                Ok(DriverCommand::Publish { epoch_ns }) => self.publish(epoch_ns),
                Ok(DriverCommand::Schedule(schedule)) => {
                    self.begin(schedule);
                    engine.reschedule();
                }
                Err(TryRecvError::Empty) => {}
                // The sender is gone only if the process is ending.
                Ok(DriverCommand::Stop) | Err(TryRecvError::Disconnected) => break,
            }
            let now = now_ns();
            if now >= self.next_second_ns() {
                self.end_second();
            }
            if now >= next_tick_ns {
                next_tick_ns = now + tick_ns;
                if self.check_clients() {
                    engine.expire();
                }
            }
        }
        self.thread.stop();
        engine.stop();
        let deadline = now_ns().saturating_add(self.start.drain_ns);
        while engine.alive() > 0 && now_ns() < deadline {
            engine.run_until(now_ns() + tick_ns);
            engine.expire();
            self.end_second();
        }
        self.thread.count_undrained(self.clients_left());
    }

    /// Runs clients of libraries, each of which is a task, and the engine for the second connections
    /// of those that send: its descriptor tells the runtime that it has events.
    async fn run_tasks(
        &mut self,
        clients: Rc<dyn TaskClients>,
        senders: Option<Rc<dyn MachineClients>>,
        engine: &mut Engine<Epoll>,
        mut commands: UnboundedReceiver<DriverCommand>,
    ) {
        tokio::task::spawn_local(self.thread.timer.clone().keep());
        let mut tick = tokio::time::interval(TICK);
        let events = match engine.network().register() {
            Ok(events) => events,
            Err(error) => {
                return self.send(DriverEvent::Failed(format!("cannot wait for events: {error}")));
            }
        };
        loop {
            let next_second = self.next_second_ns();
            let timer = self.thread.timer.clone();
            let next_timer = timer.until(engine.wake_ns());
            tokio::select! {
                Ok(mut ready) = events.readable() => {
                    ready.clear_ready();
                    engine.run_until(0);
                }
                _ = next_timer => engine.run_until(0),
                command = commands.recv() => match command {
                    Some(DriverCommand::Connect { epoch_ns }) => {
                        self.connect(epoch_ns, |core| {
                            if let Some(senders) = &senders
                                && let Some(second) = senders.second_handle(&core)
                            {
                                engine.spawn(&**senders, second);
                            }
                            let client = Client::new(core);
                            tokio::task::spawn_local(clients.clone().run(client));
                        });
                    }
                    Some(DriverCommand::Publish { epoch_ns }) => self.publish(epoch_ns),
                    Some(DriverCommand::Schedule(schedule)) => {
                        self.begin(schedule);
                        engine.reschedule();
                    }
                    // The sender is gone only if the process is ending.
                    Some(DriverCommand::Stop) | None => break,
                },
                _ = timer.until(next_second) => self.end_second(),
                _ = tick.tick() => if self.check_clients() {
                    engine.expire();
                },
            }
        }
        self.thread.stop();
        engine.stop();
        let deadline = now_ns().saturating_add(self.start.drain_ns);
        while self.clients_left() > 0 && now_ns() < deadline {
            tokio::time::sleep(TICK / 4).await;
            engine.run_until(0);
            engine.expire();
            self.end_second();
        }
        self.thread.count_undrained(self.clients_left());
    }

    fn publish(&self, epoch_ns: u64) {
        let spec = self.start.feed;
        self.thread.feed.set(Some(feed::Feed { spec, epoch_ns }));
    }

    fn begin(&mut self, schedule: Schedule) {
        self.step_sent = !schedule.calibration;
        self.thread.start(schedule);
    }

    fn next_second_ns(&self) -> u64 {
        match self.epoch_ns {
            0 => u64::MAX,
            epoch => epoch + (u64::from(self.second) + 1) * 1_000_000_000,
        }
    }

    fn connect(&mut self, epoch_ns: u64, mut spawn: impl FnMut(ClientCore)) {
        self.epoch_ns = epoch_ns;
        let DriverStart { first_client, clients: all, threads, ramp_ns, .. } = *self.start;
        // Every client stays on its thread; neighbours are on different ones.
        for place in (self.number..all).step_by(threads.max(1) as usize) {
            let at = epoch_ns
                + (u128::from(ramp_ns) * u128::from(place) / u128::from(all.max(1))) as u64;
            spawn(ClientCore::new(first_client + place, at, self.thread.clone()));
            self.spawned += 1;
        }
    }

    /// Sends what was recorded in the second that has ended.
    fn end_second(&mut self) {
        let now_second = ((now_ns() - self.epoch_ns.min(now_ns())) / 1_000_000_000) as u32;
        if self.epoch_ns == 0 || now_second <= self.second {
            return;
        }
        self.send_window();
        self.second = now_second;
    }

    /// Sends what was recorded, even if that is nothing: a second is complete once every thread has
    /// sent its window.
    fn send_window(&mut self) {
        let DriverStart { case, shard, .. } = *self.start;
        let second = self.second;
        let mut recorder = self.thread.recorder.borrow_mut();
        let line = recorder.take(|window| WindowLine::new(case, shard, second, window));
        drop(recorder);
        self.send(DriverEvent::Window(Box::new(line)));
    }

    fn send(&self, event: DriverEvent) {
        // It fails only if the process is ending anyway.
        let _ = self.events.send(event);
    }

    /// Sends the progress, and the turns of a step of the rate search that is over. Returns whether the
    /// time limits of exchanges are to be checked: that visits every client, and for limits of
    /// seconds less often is enough.
    fn check_clients(&mut self) -> bool {
        let now = now_ns();
        self.ticks = (self.ticks + 1) % TICKS_PER_EXPIRY;
        let step_over =
            self.thread.schedule.get().is_some_and(|s| now >= s.start_ns + s.length_ns());
        let step = (!self.step_sent && step_over).then(|| {
            self.step_sent = true;
            Box::new(self.thread.step.take())
        });
        let tally = self.thread.tally.get();
        let events = self.thread.events.get();
        self.send(DriverEvent::Progress { thread: self.number as usize, tally, events, step });
        self.ticks == 0
    }

    /// Returns the number of clients that have not ended, second handles included.
    fn clients_left(&self) -> u32 {
        let tally = self.thread.tally.get();
        (self.spawned - tally.ended).max(tally.senders)
    }

    /// Sends what is left.
    fn send_end(&mut self) {
        self.send_window();
        let mut times = self.thread.message_times.borrow_mut();
        let unread = self.thread.unread.take();
        let end = DriverEnd {
            tcp: self.thread.tcp.get(),
            audit: self.thread.audit.get(),
            receive_timestamps: Some(self.sample.counts()),
            turns_not_started: self.thread.tally.get().turns_not_started,
            turns_blocked: self.thread.tally.get().turns_blocked,
            trace: self.thread.events_traced.borrow_mut().take(),
            fanout: self.thread.fan_out.borrow_mut().take(),
            heads: self.thread.heads.take(),
            refusals: self.thread.refusals.take(),
            quotable_cookies: self.thread.quotable_cookies.take().into_iter().collect(),
            strange_times: times.take_strange(),
            finest_time_ns: times.finest_ns(),
            time_guess: guess_time_of(&unread),
            new_sessions: new_sessions_of(&unread),
            ..DriverEnd::default()
        };
        drop(times);
        self.send(DriverEvent::Ended(Box::new(end)));
    }
}

/// Returns where messages that could not be read seem to have their time. Who sent them did so in this run.
fn guess_time_of(messages: &[(u32, Vec<u8>)]) -> Option<TimeGuess> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    messages.iter().find_map(|(_, message)| guess_time(message, now.as_nanos() as u64))
}

/// Returns the member of messages that could not be read which names another session in each that the first
/// of their clients got.
fn new_sessions_of(messages: &[(u32, Vec<u8>)]) -> Option<String> {
    let (first, _) = messages.first()?;
    let of_client = messages.iter().filter(|(client, _)| client == first);
    guess_new_sessions(of_client.map(|(_, message)| message.as_slice()))
}

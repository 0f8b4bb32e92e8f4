//! Every event is in its phase, by the account of the servers and the network: what a server has sent,
//! and when it came to the client.

use crate::driver::tests::simulation::arrivals::came_ns;
use crate::driver::tests::simulation::network::ConnectionLog;
use crate::driver::tests::simulation::server::{RequestLog, ServerKind};
use crate::driver::tests::simulation::{MS, Scenario, SeedReport};
use crate::feed::Post;
use crate::record::{Phase, Phases};
use crate::time::TurnPlacement;

/// So late a delay line may release what it holds: timers that are close share a wake-up.
const LATE_NS: u64 = MS;

/// Messages and connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct PhaseEvents {
    messages: u64,
    connections: u64,
}

/// What happened in each phase, by the logs of servers and network.
#[derive(Debug, Default)]
struct Logged {
    sure: Phases<PhaseEvents>,
    /// With what may be of this phase or of the next one.
    most: Phases<PhaseEvents>,
}

impl Logged {
    /// Something happened in one of these phases, which are the same but at a boundary.
    fn add(&mut self, phases: [Phase; 2], count: fn(&mut PhaseEvents) -> &mut u64) {
        let [first, last] = phases;
        *count(&mut self.most[first]) += 1;
        if first == last {
            *count(&mut self.sure[first]) += 1;
        } else {
            *count(&mut self.most[last]) += 1;
        }
    }
}

/// The phase of a turn so long after the client's first one.
pub(super) fn of_turn(report: &SeedReport, elapsed_ns: u64) -> Phase {
    let schedule = &report.schedule;
    match elapsed_ns {
        at if at < schedule.warmup_ns => Phase::Warmup,
        at if at < schedule.warmup_ns + schedule.duration_ns => Phase::Steady,
        _ => Phase::Cooldown,
    }
}

/// The phase of a client of a push transport at a moment, from the schedule alone.
fn phase_at(scenario: &Scenario, report: &SeedReport, client: u32, at_ns: u64) -> Phase {
    let schedule = &report.schedule;
    let offset_ns = TurnPlacement::Spread.offset_ns(client, scenario.seed, schedule.interval_ns);
    let from_ns = schedule.start_ns + offset_ns;
    match at_ns {
        at if at >= report.stopped_ns => Phase::Teardown,
        at if at < from_ns => Phase::Setup,
        at => of_turn(report, at - from_ns),
    }
}

/// Adds a connection of a client that takes no turns: each event is of the phase in which it comes, at
/// the end of the delay line if there is one.
fn add_pushed(scenario: &Scenario, report: &SeedReport, number: usize, logged: &mut Logged) {
    let ConnectionLog { client, began_ns, connected_ns, .. } = report.connections[number];
    let one_way_ns = scenario.delay.one_way_ns;
    let late_ns = if one_way_ns > 0 { LATE_NS } else { 0 };
    let phase = |at_ns| phase_at(scenario, report, client, at_ns);
    if let Some(at_ns) = connected_ns {
        // One that TCP has made counts, also if the client ends while the handshake is in the line.
        let until_ns = if at_ns < report.stopped_ns { report.stopped_ns - 1 } else { u64::MAX };
        let open_ns = at_ns.max(began_ns + 2 * one_way_ns);
        let open = [open_ns, open_ns + late_ns].map(|ns| ns.min(until_ns));
        logged.add(open.map(phase), |events| &mut events.connections);
    }
    let served = &report.log.served[number];
    let is_read = |end: &&u64| served.whole_until.is_none_or(|until| **end <= until);
    let whole = served.whole.iter().filter(is_read);
    for at_ns in whole.filter_map(|end| came_ns(report, number, *end)) {
        let read_ns = at_ns + one_way_ns;
        logged.add([read_ns, read_ns + late_ns].map(phase), |events| &mut events.messages);
    }
}

/// Follows the turns of a session: everything is of the phase of the turn that causes it.
struct TurnLog<'a> {
    report: &'a SeedReport,
    interval_ns: u64,
    is_set_up: bool,
    /// The next turn that was not taken yet.
    next: u64,
    /// The last one is taken again: its request found the connection gone.
    again: bool,
}

impl TurnLog<'_> {
    /// The phase of what is done next.
    fn phase(&self) -> Phase {
        let turn = if self.again { self.next - 1 } else { self.next };
        match self.is_set_up {
            true => of_turn(self.report, turn * self.interval_ns),
            false => Phase::Setup,
        }
    }

    fn take(&mut self) -> Phase {
        let phase = self.phase();
        self.next += u64::from(self.is_set_up && !self.again);
        self.again = false;
        phase
    }

    /// A poll: what is asked first on a connection is not asked again if it is lost.
    fn poll(&mut self, number: usize, at: usize, logged: &mut Logged) {
        let phase = self.take();
        let asked: RequestLog = self.report.log.served[number].asked[at];
        let came = |end: u64| came_ns(self.report, number, end).is_some();
        if asked.answer_until.is_some_and(came) {
            self.is_set_up |= asked.success;
            if asked.success {
                logged.add([phase; 2], |events| &mut events.messages);
            }
        } else {
            let is_untouched = !came(asked.answer_from + 1);
            self.again = at > 0 && is_untouched && self.report.connections[number].ended;
        }
    }

    /// Adds the next connection of the session.
    fn connect(&mut self, number: usize, posts: bool, logged: &mut Logged) {
        if self.report.connections[number].connected_ns.is_none() {
            // The turn for which it was to be made is lost.
            self.take();
            return;
        }
        logged.add([self.phase(); 2], |events| &mut events.connections);
        self.is_set_up |= posts;
        let asked = &self.report.log.served[number].asked;
        for (at, RequestLog { post, .. }) in asked.iter().enumerate() {
            match post {
                // It has the number of its turn, from 1.
                Some(number) => self.next = u64::from(Post::of_sequence(*number).number),
                None => self.poll(number, at, logged),
            }
        }
    }
}

/// Adds the connections of a session with turns, in order.
fn add_turns(report: &SeedReport, numbers: &[usize], posts: bool, logged: &mut Logged) {
    let interval_ns =
        if posts { report.feed.spec.period_ns() } else { report.schedule.interval_ns };
    let mut turns = TurnLog { report, interval_ns, is_set_up: false, next: 0, again: false };
    numbers.iter().for_each(|number| turns.connect(*number, posts, logged));
}

fn logged(scenario: &Scenario, report: &SeedReport) -> Logged {
    let mut logged = Logged::default();
    let mut keys: Vec<(u32, u64)> = report.connections.iter().map(|c| (c.client, c.key)).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut before = None;
    for (client, key) in keys {
        // The client's second session sends its messages.
        let posts = before.replace(client) == Some(client);
        let of_session = |number: &usize| report.connections[*number].key == key;
        let numbers: Vec<usize> = (0..report.connections.len()).filter(of_session).collect();
        if posts || scenario.kind == ServerKind::Polling {
            add_turns(report, &numbers, posts, &mut logged);
        } else {
            numbers.iter().for_each(|n| add_pushed(scenario, report, *n, &mut logged));
        }
    }
    logged
}

/// The driver's counts of each phase are those of the servers.
pub(super) fn check(scenario: &Scenario, report: &SeedReport) {
    assert_eq!(report.log.served.len(), report.connections.len(), "each connection has its log");
    let logged = logged(scenario, report);
    // An answer that nobody asked for is none.
    let surplus =
        !scenario.kind.is_pushed() && !scenario.workload.is_shared() && report.log.repeated > 0;
    if surplus && scenario.kind == ServerKind::Polling {
        // Which turn it is taken for depends on when it comes.
        return;
    }
    // A client that ends need not read on.
    for phase in Phase::ALL.into_iter().filter(|phase| *phase != Phase::Teardown) {
        let counts = report.window.phases[phase].counts;
        let (sure, most) = (logged.sure[phase], logged.most[phase]);
        let messages = surplus || (sure.messages..=most.messages).contains(&counts.completed);
        let connections = (sure.connections..=most.connections).contains(&counts.connects);
        let counted = (counts.completed, counts.connects);
        assert!(
            messages && connections,
            "messages and connections of {phase:?}: {counted:?} beside {sure:?} to {most:?}"
        );
    }
}

//! A server that sends each WebSocket message back, and what may be wrong with it.

use crate::driver::tests::simulation::server::{
    ServerAction, ServerFaults, SimulatedServer, switching_protocols,
};
use crate::driver::tests::simulation::{Scenario, SeedReport};
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use std::cell::Cell;
use std::rc::Rc;

/// What the servers of a run did.
#[derive(Debug, Default)]
pub(super) struct EchoLog {
    /// Messages that were sent back.
    pub answered: Cell<u64>,
    /// Messages that were not.
    pub dropped: Cell<u64>,
    /// Connections that were reset, or ended, in the middle.
    pub cut: Cell<u64>,
}

fn add(count: &Cell<u64>) {
    count.set(count.get() + 1);
}

/// See the module's description.
pub(super) struct EchoServer {
    faults: ServerFaults,
    log: Rc<EchoLog>,
    random: SplitMix64,
    bytes: Vec<u8>,
    is_open: bool,
    faulty_until_ns: u64,
}

impl EchoServer {
    pub(super) fn new(
        faults: ServerFaults,
        log: Rc<EchoLog>,
        seed: u64,
        faulty_until_ns: u64,
    ) -> EchoServer {
        let random = SplitMix64::seed_from_u64(seed);
        EchoServer { faults, log, random, bytes: Vec::new(), is_open: false, faulty_until_ns }
    }

    fn one_in(&mut self, n: u64) -> bool {
        n > 0 && self.random.next_u64().is_multiple_of(n)
    }

    /// Takes a whole request off what has come, and answers it.
    fn upgrade(&mut self) -> Option<ServerAction> {
        let end = self.bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let request = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
        self.bytes.drain(..end);
        self.is_open = true;
        Some(ServerAction::Send(switching_protocols(&request)))
    }
}

/// Takes a whole short frame off what has come of a client: its first byte and its payload.
pub(super) fn take_frame(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (first, len) = (*bytes.first()?, usize::from(*bytes.get(1)? & 0x7f));
    assert!(len < 126, "a short frame");
    if bytes.len() < 6 + len {
        return None;
    }
    let frame: Vec<u8> = bytes.drain(..6 + len).collect();
    let (mask, payload) = frame[2..].split_at(4);
    let plain = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
    Some((first, plain.collect()))
}

impl SimulatedServer for EchoServer {
    fn received(&mut self, now_ns: u64, bytes: &[u8]) -> Vec<ServerAction> {
        if now_ns >= self.faulty_until_ns {
            self.faults = self.faults.without_faults();
        }
        self.bytes.extend_from_slice(bytes);
        let mut actions = Vec::new();
        if !self.is_open {
            let Some(answer) = self.upgrade() else { return actions };
            actions.push(answer);
        }
        while let Some((first, payload)) = take_frame(&mut self.bytes) {
            let len = payload.len() as u8;
            let back = [&[first, len], payload.as_slice()].concat();
            if first == 0x88 {
                actions.extend(self.faults.at_end.actions(Some(back)));
            } else if self.one_in(self.faults.drops) {
                add(&self.log.dropped);
            } else if self.one_in(self.faults.resets) {
                add(&self.log.cut);
                actions.push(ServerAction::Reset);
                break;
            } else if self.one_in(self.faults.ends) {
                add(&self.log.cut);
                actions.extend([ServerAction::Send(back[..1].to_vec()), ServerAction::End]);
                break;
            } else {
                add(&self.log.answered);
                actions.push(ServerAction::Send(back));
            }
        }
        actions
    }

    fn ended(&mut self, _: u64) -> Vec<ServerAction> {
        self.faults.at_end.actions(None)
    }

    fn woken(&mut self, _: u64) -> Vec<ServerAction> {
        Vec::new()
    }

    fn wakes_ns(&self, _: u64) -> Option<u64> {
        None
    }
}

/// The laws of an echo: every message comes back, or is known to be missing.
pub(super) fn check(scenario: &Scenario, report: &SeedReport) {
    let SeedReport { window, echoes, tally, audit, moved, .. } = report;
    let seed = scenario.seed;
    let all = window.phases.total();
    assert_eq!((report.alive, tally.ended), (0, scenario.clients), "clients: seed {seed}");
    let wire = (all.ledger.up.wire.get(), all.ledger.down.wire.get());
    assert_eq!(wire, *moved, "wire: seed {seed}");
    let unexplained = (all.ledger.up.unexplained(), all.ledger.down.unexplained());
    assert_eq!(unexplained, (0, 0), "unexplained: seed {seed}");
    assert_eq!((audit.mismatched, audit.unaudited), (0, 0), "audit: seed {seed}");
    let steady = window.phases.steady.counts;
    let accounted = steady.updates_delivered + steady.updates_missing;
    assert_eq!(steady.updates_published, accounted, "accounted: seed {seed}: {steady:?}");
    let is_whole = echoes.cut.get() == 0;
    let (completed, answered) = (all.counts.completed, echoes.answered.get());
    if is_whole {
        assert_eq!(completed, answered, "answered: seed {seed}: {:?}", all.counts);
    } else {
        assert!(completed <= answered, "answered: seed {seed}");
        assert!(all.counts.faults + all.counts.reconnects > 0, "faults: seed {seed}");
    }
    let refuses = scenario.conditions.refuses_one_in > 0;
    if is_whole && echoes.dropped.get() == 0 && !refuses {
        assert_eq!(steady.updates_missing, 0, "lost: seed {seed}: {steady:?}");
        assert!(steady.completed > 0, "nothing came: seed {seed}");
    }
}

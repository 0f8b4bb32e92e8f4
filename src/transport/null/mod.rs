//! No network: measures what the driver itself costs and how late it is. No transport can be
//! measured below these figures.

use crate::client::machine::{Io, Machine, Reconnect, SessionPolicy};
use crate::client::{ClientCore, ClientHalf, MachineClients, Session};
use crate::config::Key;
use crate::feed::{Spec, Workload};
use crate::predict::{Exchange, Model, SeriesContext};
use crate::protocol::http1::Target;
use crate::record::{ClientError, Ledger, TransportKind};
use crate::server::Routes;
use crate::time::{Turn, TurnPlacement};
use crate::transport::{Series, SeriesShape, Transport, series_from_json};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

const INTERVAL: Key =
    Key { name: "interval", default: Some("\"1s\""), about: "between two turns of a client" };

pub(crate) static TRANSPORT: Transport = Transport {
    name: TransportKind::Null.name(),
    about: "no network at all: the driver's own floor",
    keys: &[INTERVAL],
    path: "",
    parse: |fields| {
        let interval_ns = fields.duration_ns(&INTERVAL);
        if interval_ns < 1_000_000 {
            fields.report(&INTERVAL, "interval must be at least 1ms");
        }
        Some(Box::new(Params { interval_ns }))
    },
    read_json: series_from_json::<Params>,
};

/// Validated and complete settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Params {
    /// Nanoseconds between two turns.
    pub interval_ns: u64,
}

impl Series for Params {
    fn refuses(&self, feed: &Spec) -> Option<String> {
        (feed.workload != Workload::Ticker)
            .then(|| "without a network nobody sends anything to anybody".to_owned())
    }
    fn shape(&self, _: &SeriesContext) -> SeriesShape {
        let nothing = Exchange { ledger: Ledger::default(), segments_up: 0, segments_down: 0 };
        let hz = 1e9 / self.interval_ns.max(1) as f64;
        SeriesShape {
            paced: true,
            interval_ns: self.interval_ns,
            model: Some(Model::exact(nothing, 0, Some(hz))),
            connection_each_turn: false,
        }
    }
    fn mount(&self, _: &str, _: &mut Routes) {}
    fn client_half(&self, _: &Target, _: &Spec) -> Result<ClientHalf, String> {
        Ok(ClientHalf::Machines(Rc::new(NullClients)))
    }
}

/// Clients that take turns and do nothing.
struct NullClients;

impl MachineClients for NullClients {
    fn sessions(&self, core: ClientCore) -> Vec<Session> {
        let policy = SessionPolicy {
            turns: Some(TurnPlacement::Spread),
            reconnect: Reconnect::NextTurn,
            connects: false,
        };
        vec![Session::new(core, Box::new(NullMachine), policy)]
    }
}

struct NullMachine;

impl Machine for NullMachine {
    fn opened(&mut self, io: &mut Io<'_>) {
        io.set_up();
    }
    fn received(&mut self, _: &mut Io<'_>, _: &[u8]) {}
    fn ended(&mut self, _: &mut Io<'_>, _: Option<ClientError>) {}
    fn turn(&mut self, io: &mut Io<'_>, turn: Turn) {
        io.turn_completed(turn, io.now_ns);
    }
}

//! The part of a run that can be compared: whole numbers with their divisors, the arithmetic that
//! says which of them are the same each time, and the heads behind them.
//!
//! Separate from `report::Table`, whose figures are divided already.

use crate::feed::{Arrivals, Semantics, Workload};
use crate::gate::baseline::heads::{HeadLines, first_difference};
use crate::gate::baseline::named_server::NamedServer;
use crate::predict::Model;
use crate::record::{Head, HeadOf, Ledger, Part, Phase, Phases, TcpTotals};
use crate::report::Figure;
use crate::report::metrics::{Compared, columns};
use crate::report::table::{Row, Table};
use crate::result::{CaseInfo, CaseResult, RunResult, planned};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The part of a run that can be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ComparableRun {
    /// A row for each series and client count, in the order of the plan.
    pub rows: Vec<ComparableRow>,
}

/// A series at one client count, all repeats together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ComparableRow {
    /// The label of the series.
    pub series: String,
    /// The transport's name.
    pub transport: String,
    /// Simulated clients.
    pub clients: u32,
    /// Times that it was measured.
    pub runs: u64,
    /// True if each turn opens a connection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub connection_each_turn: bool,
    /// True if the driver's turns bring the messages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paced: bool,
    /// True if a client asks for each message.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
    /// True if the cost of a message depends on its timing, in ways that the model does not list.
    #[serde(default, alias = "left_to_chance", skip_serializing_if = "std::ops::Not::not")]
    pub stochastic: bool,
    /// Messages in the measured windows: the divisor of figures "per message".
    pub messages: u64,
    /// Messages that clients sent in them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sent: u64,
    /// The measured windows of all runs, in nanoseconds.
    pub window_ns: u64,
    /// Counts that the plan determines, by name.
    pub counts: BTreeMap<String, u64>,
    /// Counts that should be zero, by name; unknown ones are left out.
    pub losses: BTreeMap<String, u64>,
    /// Setting up.
    pub setup: PhaseTraffic,
    /// The measured windows.
    pub steady: PhaseTraffic,
    /// What the kernel counted in the measured windows; absent if its counters were not read.
    #[serde(default)]
    pub tcp: Option<TcpTotals>,
    /// What a message costs by arithmetic; absent for a foreign server.
    #[serde(default)]
    pub model: Option<Model>,
    /// Figures that vary from run to run, by name. They decide nothing.
    pub noisy: BTreeMap<String, f64>,
    /// Of figures that vary and for which the times in messages are not exact enough, what each is below.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub below: BTreeMap<String, u64>,
    /// The first heads of the first client; see [`ComparableRow::head`].
    #[serde(default)]
    pub heads: Vec<HeadLines>,
    /// How requests name a server that is not the reference server. The plan has it, and so a file need not:
    /// see [`ComparableRun::name_servers`].
    #[serde(skip)]
    pub server: Option<NamedServer>,
}

/// Bytes above TCP in one phase, and the connections that were opened in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PhaseTraffic {
    /// Connections opened.
    #[serde(skip_serializing_if = "is_zero")]
    pub connects: u64,
    /// Of these, connections opened again.
    #[serde(skip_serializing_if = "is_zero")]
    pub reconnects: u64,
    /// Turns and clients that ended with a fault.
    #[serde(skip_serializing_if = "is_zero")]
    pub faults: u64,
    /// Control frames, both ways.
    #[serde(skip_serializing_if = "is_zero")]
    pub control_frames: u64,
    /// Bytes by direction and layer.
    pub bytes: Ledger,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl ComparableRun {
    /// Takes what can be compared from a result and its table.
    pub(crate) fn of(result: &RunResult, table: &Table) -> ComparableRun {
        let rows = table.rows.iter().filter_map(|row| {
            let same =
                |c: &&CaseInfo| !c.floor && c.series == row.series && c.clients == row.clients;
            let infos: Vec<&CaseInfo> = result.header.cases.iter().filter(same).collect();
            let info = infos.first()?;
            let cases = infos.iter().filter_map(|i| result.cases.get(&i.case)).collect();
            Some(RowBuilder { plan: &result.header.plan, info, cases, row }.row())
        });
        ComparableRun { rows: rows.collect() }
    }
    /// Notes how the requests of each row name their server.
    pub(super) fn name_servers(&mut self, plan: &Value) {
        self.rows.iter_mut().for_each(|row| row.server = NamedServer::of(plan, &row.series));
    }
    /// Returns the row of a series at a client count.
    pub(crate) fn row(&self, series: &str, clients: u32) -> Option<&ComparableRow> {
        self.rows.iter().find(|row| row.series == series && row.clients == clients)
    }
}

impl ComparableRow {
    /// True if messages, and what clients send, are turns of a schedule: each exchange then belongs
    /// to the phase of its turn, and their number in the measured window is fixed.
    pub(crate) fn is_by_turn(&self) -> bool {
        let has = |name| self.counts.contains_key(name);
        has("completed") && (self.sent == 0 || has("sent"))
    }
    /// Returns a head; for the measured window the opening one, if there is no other.
    pub(crate) fn head(&self, of: HeadOf) -> Option<&HeadLines> {
        let find = |of: HeadOf| self.heads.iter().find(|head| head.of == of);
        find(of).or_else(|| find(of.opening()))
    }
}

/// A count that should be zero and may not grow: its name, its unit, and what returns it if it is known. The
/// traffic is that of the measured windows.
pub(super) struct Loss(&'static str, &'static str, ReadLoss);

type ReadLoss = fn(&Row, &CaseInfo, &PhaseTraffic) -> Option<u64>;

const LOSSES: [Loss; 11] = [
    Loss("lost", "-", |row, _, _| known(&row.events.known_lost())),
    Loss("updates_missing", "-", |row, _, _| known(&row.delivery.missing)),
    Loss("updates_duplicated", "-", |row, _, _| known(&row.delivery.duplicated)),
    Loss("updates_reordered", "-", |row, _, _| known(&row.delivery.reordered)),
    Loss("reconnect_gaps", "-", |row, _, _| known(&row.delivery.reconnect_gaps)),
    // If each turn has a connection of its own, opening one again is not a loss.
    Loss("reconnects", "-", |_, info, steady| {
        (!info.connection_each_turn).then_some(steady.reconnects)
    }),
    // Faults of the set-up do not count: a connect may be tried again before the load.
    Loss("faults", "-", |_, _, steady| Some(steady.faults)),
    Loss("negative_latencies", "-", |row, _, _| Some(row.events.all.negative_latencies)),
    Loss("discarded_bytes", "bytes", |_, _, steady| Some(steady.bytes.both()[Part::Discarded])),
    Loss("audit_mismatched", "-", |row, _, _| known(&row.audit.mismatched)),
    Loss("audit_unexplained_bytes", "bytes", |row, _, _| {
        known(&row.audit.connections).map(|_| row.audit.unexplained_bytes)
    }),
];

impl Loss {
    /// Returns the one with this name.
    pub(super) fn named(name: &str) -> Option<&'static Loss> {
        LOSSES.iter().find(|loss| loss.0 == name)
    }

    /// Returns its unit.
    pub(super) fn unit(&self) -> &'static str {
        self.1
    }
}

fn known(figure: &Figure) -> Option<u64> {
    figure.value().map(|v| v as u64)
}

/// A row's cases and the figures derived from them.
struct RowBuilder<'a> {
    plan: &'a Value,
    info: &'a CaseInfo,
    cases: Vec<&'a CaseResult>,
    row: &'a Row,
}

impl RowBuilder<'_> {
    fn row(&self) -> ComparableRow {
        let row = self.row;
        let model = self.info.model.as_ref().filter(|_| self.info.bundled_server);
        let heads = |m: &Model| m.messages.iter().any(|m| m.exchange.ledger.up[Part::Heads] > 0);
        let asks = row.paced || model.is_some_and(heads);
        let log = planned(&self.plan["feed"]["semantics"]) == Some(Semantics::Log);
        ComparableRow {
            series: row.series.clone(),
            transport: row.transport.clone(),
            clients: row.clients,
            runs: row.repeats,
            paced: row.paced,
            connection_each_turn: self.info.connection_each_turn,
            asks,
            stochastic: model.is_some_and(|m| m.stochastic) || (log && asks),
            messages: row.events.per_message_divisor(),
            sent: row.delivery.sent,
            window_ns: self.windows_ns().sum(),
            counts: self.counts(),
            losses: self.losses(),
            setup: self.traffic(Phase::Setup),
            steady: self.traffic(Phase::Steady),
            tcp: self.tcp(),
            model: model.map(bytes_of),
            noisy: noisy(row),
            below: below(row),
            heads: self.heads(),
            server: NamedServer::of(self.plan, &row.series),
        }
    }

    /// The measured windows.
    fn windows_ns(&self) -> impl Iterator<Item = u64> {
        self.cases.iter().flat_map(|case| &case.ends).map(|end| end.duration_ns)
    }

    /// The counts that the plan determines. Turns, and the exchanges that they cause, are fixed in
    /// advance if there is an interval and it was held. Messages that clients send are turns of
    /// theirs. Pushed updates are counted when they arrive, which may be after the window's end: only
    /// the number published is fixed, if they come at equal intervals that fit the window.
    fn counts(&self) -> BTreeMap<String, u64> {
        let row = self.row;
        let mut counts = BTreeMap::new();
        let mut put = |name: &str, count: u64| counts.insert(name.to_owned(), count);
        put("clients_connected", row.connected);
        if row.paced && self.info.interval_ns > 0 && !row.pace.stretched {
            put("turns", row.events.steady.turns);
            put("completed", row.events.steady.completed);
        }
        if self.info.is_shared() && self.info.feed_rate_hz > 0.0 {
            put("sent", row.delivery.sent);
        }
        let published = row.delivery.published.value().filter(|_| self.is_periodic());
        if let Some(published) = published {
            put("updates_published", published as u64);
        }
        counts
    }

    /// True if each client's window holds the same number of updates, whenever it begins.
    fn is_periodic(&self) -> bool {
        // Updates of a foreign server are counted by the numbers received, give or take a few.
        let known = self.info.bundled_server && self.info.workload == Workload::Ticker;
        let ticker = known && planned(&self.plan["feed"]["arrivals"]) == Some(Arrivals::Periodic);
        if !ticker || self.info.feed_rate_hz <= 0.0 {
            return false;
        }
        let period_ns = (1e9 / self.info.feed_rate_hz).round() as u64;
        self.windows_ns().all(|ns| ns > 0 && ns.is_multiple_of(period_ns.max(1)))
    }

    fn losses(&self) -> BTreeMap<String, u64> {
        let steady = self.traffic(Phase::Steady);
        let read = |Loss(name, _, read): &Loss| {
            Some(((*name).to_owned(), read(self.row, self.info, &steady)?))
        };
        LOSSES.iter().filter_map(read).collect()
    }

    fn traffic(&self, phase: Phase) -> PhaseTraffic {
        let mut sum = PhaseTraffic::default();
        for cell in self.cases.iter().map(|case| &case.total.phases[phase]) {
            sum.connects += cell.counts.connects;
            sum.reconnects += cell.counts.reconnects;
            sum.faults += cell.counts.faults;
            sum.control_frames += cell.counts.control_frames_up + cell.counts.control_frames_down;
            sum.bytes += cell.ledger;
        }
        sum
    }

    fn tcp(&self) -> Option<TcpTotals> {
        let mut tcp = Phases::<TcpTotals>::default();
        self.cases.iter().flat_map(|case| &case.drivers).for_each(|d| tcp += d.tcp);
        Some(tcp.steady).filter(|steady| steady.readings > 0)
    }

    /// The heads of the first run; those of the measured window only if they differ from the opening
    /// ones.
    fn heads(&self) -> Vec<HeadLines> {
        let all = || self.cases.iter().flat_map(|case| &case.drivers).flat_map(|d| &d.heads);
        let first = |of: HeadOf| all().find(|head| head.of == of);
        let is_other = |head: &&Head| {
            let opening = first(head.of.opening()).filter(|other| other.of != head.of);
            opening.is_none_or(|other| first_difference(&other.bytes, &head.bytes).is_some())
        };
        let kinds = HeadOf::ALL.into_iter().filter_map(first);
        kinds.filter(is_other).map(HeadLines::of).collect()
    }
}

/// Returns a model without its latencies, which are not compared.
fn bytes_of(model: &Model) -> Model {
    Model { delivery: None, response: None, age_mean_ns: None, ..model.clone() }
}

/// The figures that vary from run to run, by name.
fn varying(row: &Row) -> impl Iterator<Item = (String, Figure)> {
    let varying = columns().into_iter().filter(|column| column.compared != Compared::No);
    varying.map(|column| {
        let figure = column.figure(row);
        (column.name, figure)
    })
}

/// Those of them that are known.
fn noisy(row: &Row) -> BTreeMap<String, f64> {
    let rounded = |v: f64| (v * 1000.0).round() / 1000.0;
    varying(row).filter_map(|(name, figure)| Some((name, rounded(figure.value()?)))).collect()
}

/// Those of which only a bound is known.
fn below(row: &Row) -> BTreeMap<String, u64> {
    varying(row).filter_map(|(name, figure)| Some((name, figure.below()?))).collect()
}

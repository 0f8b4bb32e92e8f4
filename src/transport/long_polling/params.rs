//! The settings of long polling and its arithmetic.

use crate::config::{Fields, Key};
use crate::feed::{Semantics, Spec};
use crate::predict::SeriesContext;
use crate::predict::arithmetic::{
    DELAYED_ACK_NS, add_message, data_segments, head_flow, heard_by_each, message_bytes, model,
    posted, push_law, sending,
};
use crate::predict::long_polling as cycle_law;
use crate::predict::{Exchange, Model};
use crate::protocol::http1::head;
use crate::protocol::http1::head::{RequestHead, ResponseHead};
use crate::record::Ledger;
use crate::server::post::POST_REPLY;
use crate::transport::SeriesShape;
use serde::{Deserialize, Serialize};

const HOLD: Key = Key {
    name: "hold",
    default: Some("\"30s\""),
    about: "how long the server holds a request for which there is no update",
};
const PENDING: Key = Key {
    name: "pending",
    default: Some("\"as-feed\""),
    about: "what a request gets where several updates wait: \"all\", the \"latest\", or \"as-feed\" \
            by the feed's semantics",
};
const RECONNECT: Key = Key {
    name: "reconnect",
    default: Some("\"1s\""),
    about: "how long a client waits before it connects again after an early close",
};

/// Every setting.
pub(crate) const KEYS: &[Key] = &[HOLD, PENDING, head::REQUEST, head::RESPONSE, RECONNECT];

/// What a request gets where several updates wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pending {
    /// All of them.
    All,
    /// The latest alone.
    Latest,
    /// What the feed's semantics say.
    AsFeed,
}

impl Pending {
    /// As semantics; `None` for those of the feed.
    pub(crate) fn semantics(self) -> Option<Semantics> {
        match self {
            Pending::All => Some(Semantics::Log),
            Pending::Latest => Some(Semantics::Snapshot),
            Pending::AsFeed => None,
        }
    }
}

/// Validated and complete settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Params {
    /// Nanoseconds that a request without an update is held.
    pub hold_ns: u64,
    /// What a request gets where several updates wait.
    pub pending: Pending,
    /// The request's head.
    pub request: RequestHead,
    /// The bundled server's response head.
    pub response: ResponseHead,
    /// Nanoseconds between an early close and the next connect.
    pub reconnect_ns: u64,
}

/// Reads the settings of a series; `None` where one of them cannot be used.
pub(crate) fn parse(fields: &mut Fields) -> Option<Params> {
    let hold_ns = fields.duration_ns(&HOLD);
    if fields.is_valid(&HOLD) && !(10_000_000..=86_400_000_000_000).contains(&hold_ns) {
        fields.report(&HOLD, "hold must be between 10ms and 24h");
    }
    let pending = match fields.choice(&PENDING, &["as-feed", "all", "latest"]) {
        "all" => Pending::All,
        "latest" => Pending::Latest,
        _ => Pending::AsFeed,
    };
    let request = head::read_request(fields);
    let response = head::read_response(fields);
    let reconnect_ns = fields.duration_ns(&RECONNECT);
    Some(Params { hold_ns, pending, request: request?, response: response?, reconnect_ns })
}

/// What a series with these settings does.
pub(crate) fn shape(params: &Params, setting: &SeriesContext) -> SeriesShape {
    let semantics = params.pending.semantics().unwrap_or(setting.feed.semantics);
    let own = setting.feed.among(setting.clients);
    let feed = Spec { semantics, ..heard_by_each(&own) };
    let cycle = cycle_law::cycle(&feed, setting.delay_ns, params.hold_ns);
    SeriesShape {
        paced: false,
        // Among clients that send to each other it is the senders' pace.
        interval_ns: match feed.workload.is_shared() {
            true => own.period_ns(),
            false => (1e9 / cycle.messages_hz).round() as u64,
        },
        model: setting.target.bundled.then(|| foretold(params, setting, &feed, cycle)),
        connection_each_turn: false,
    }
}

fn foretold(
    params: &Params,
    setting: &SeriesContext,
    feed: &Spec,
    cycle: cycle_law::Cycle,
) -> Model {
    let held_ns = cycle.held_ns;
    let log = feed.semantics == Semantics::Log;
    let mut model = model(cycle.kinds, Some(cycle.messages_hz), |updates| {
        exchange(params, setting, held_ns, updates)
    });
    // An answer that is late carries what came meanwhile, too.
    model.left_to_chance = log;
    if feed.workload.is_shared() {
        let own = setting.feed.among(setting.clients);
        let one = posted(&params.request, setting, POST_REPLY);
        model.sending = Some(sending(&own, setting.clients, one));
        // Several senders' messages are no process that a law is known of; on one host all are
        // there at once.
        model.delivery = (setting.delay_ns == 0).then(|| push_law(feed, 0));
    } else {
        model.delivery = cycle_law::delivery(feed, setting.delay_ns, params.hold_ns);
        model.age_mean_ns = cycle_law::age_mean_ns(feed, setting.delay_ns);
    }
    model
}

/// One request and the answer that carries so many updates.
fn exchange(params: &Params, setting: &SeriesContext, held_ns: u64, updates: u32) -> Exchange {
    let bytes = message_bytes(&setting.feed, updates);
    let request = params.request.render(&setting.target.path, &setting.target.authority);
    let response = params.response.render_expected((bytes.0 + bytes.1) as usize);
    let mut ledger = Ledger { up: head_flow(&request), down: head_flow(&response) };
    add_message(&mut ledger.down, bytes, 0);
    // A request that is held, and an answer after which the next request takes its time, are each
    // acknowledged by themselves.
    let gap_ns = 2 * setting.delay_ns;
    let held = u64::from(held_ns > DELAYED_ACK_NS);
    let late = u64::from(gap_ns > DELAYED_ACK_NS);
    Exchange {
        ledger,
        segments_up: data_segments(ledger.up.wire.get()) + late,
        segments_down: data_segments(ledger.down.wire.get()) + held,
    }
}

//! The settings of long polling and its arithmetic.

use crate::config::{Fields, Key};
use crate::feed::{Semantics, Spec};
use crate::predict::arithmetic::{
    DELAYED_ACK_NS, add_message, data_segments, head_flow, message_bytes, model, posted,
    push_delivery, received_by_each, request_flow, sending,
};
use crate::predict::long_polling as prediction;
use crate::predict::{Exchange, Model, SeriesContext};
use crate::protocol::client_data::{DATA, DATA_SHORT};
use crate::protocol::http1::head::{self, ResponseHead};
use crate::protocol::http1::position::{
    CONDITIONAL, CURSOR, CURSOR_IN, CursorTo, PositionSettings,
};
use crate::protocol::http1::request_options::{
    ACCEPT_ENCODING, BODY, COOKIES, HEADERS, HOST, METHOD, REDIRECTS, RequestSettings,
};
use crate::protocol::http1::success::SUCCESS;
use crate::protocol::http2::options::{HEADER_TABLE, HPACK, HTTP_VERSION, STREAMS};
use crate::record::Ledger;
use crate::server::post::POST_REPLY;
use crate::transport::{RECONNECT, SeriesShape};
use serde::{Deserialize, Serialize};

const HOLD: Key = Key {
    name: "hold",
    default: Some("\"30s\""),
    about: "how long the server holds a request for which there is no update: clients wait so much \
            longer than `timeout`",
};
const PENDING: Key = Key {
    name: "pending",
    default: Some("\"as-feed\""),
    about: "what a request gets if several updates wait: \"all\", the \"latest\", or \"as-feed\" \
            by the feed's semantics; of a server of your own it says whether a number that is left \
            out is a loss",
};

/// Every setting.
pub(crate) const KEYS: &[Key] = &[
    HOLD,
    PENDING,
    head::REQUEST,
    head::RESPONSE,
    RECONNECT,
    HEADERS,
    ACCEPT_ENCODING,
    HOST,
    METHOD,
    BODY,
    COOKIES,
    SUCCESS,
    REDIRECTS,
    CONDITIONAL,
    CURSOR,
    CURSOR_IN,
    DATA,
    DATA_SHORT,
    HTTP_VERSION,
    STREAMS,
    HPACK,
    HEADER_TABLE,
];

/// What a request gets if several updates wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pending {
    /// All of them.
    All,
    /// The latest alone.
    Latest,
    /// All or the latest, by the feed's semantics.
    AsFeed,
}

impl Pending {
    /// Returns the semantics; `None` for those of the feed.
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
    /// What a request gets if several updates wait.
    pub pending: Pending,
    /// The request.
    #[serde(flatten)]
    pub request: RequestSettings,
    /// What a request says of the answer before it.
    #[serde(default, skip_serializing_if = "PositionSettings::is_none")]
    pub position: PositionSettings,
    /// The bundled server's response head.
    pub response: ResponseHead,
    /// Nanoseconds between an early close and the next connect.
    pub reconnect_ns: u64,
}

/// Reads the settings of a series; `None` if one of them cannot be used.
pub(crate) fn parse(fields: &mut Fields) -> Option<Params> {
    let hold_ns = fields.duration_ns(&HOLD);
    if fields.is_valid(&HOLD) && !(10_000_000..=86_400_000_000_000).contains(&hold_ns) {
        fields.report(&HOLD, "hold must be between 10ms and 24h");
    }
    let options =
        [("as-feed", Pending::AsFeed), ("all", Pending::All), ("latest", Pending::Latest)];
    let pending = fields.choose(&PENDING, &options);
    let request = RequestSettings::read_poll(fields);
    let position = read_position(fields, request.as_ref());
    let response = head::read_response(fields);
    let reconnect_ns = fields.duration_ns(&RECONNECT);
    let request = request?;
    let response = response?;
    Some(Params { hold_ns, pending, request, position, response, reconnect_ns })
}

fn read_position(fields: &mut Fields, request: Option<&RequestSettings>) -> PositionSettings {
    let options = request.map(|request| &request.options);
    let headers = options.map_or(&[][..], |options| &options.headers);
    let headers: Vec<String> = headers.iter().map(|(name, _)| name.clone()).collect();
    let position = PositionSettings::read(fields, &headers);
    let in_body = matches!(position.cursor, Some((_, CursorTo::Body(_))));
    if in_body && options.is_some_and(|options| options.body.is_none()) {
        let why = "cursor_in has a place in the body, and there is none: set body = \"{}\" and \
                   method = \"POST\"";
        fields.report(&CURSOR_IN, why);
    }
    position
}

/// Returns what a series with these settings does.
pub(crate) fn shape(params: &Params, context: &SeriesContext) -> SeriesShape {
    let semantics = params.pending.semantics().unwrap_or(context.feed.semantics);
    let own = context.feed.among(context.clients);
    let feed = Spec { semantics, ..received_by_each(&own) };
    let cycle = prediction::cycle(&feed, context.delay_ns, params.hold_ns);
    SeriesShape {
        paced: false,
        // If clients send to each other it is the pace of the senders.
        interval_ns: if feed.workload.is_shared() {
            own.period_ns()
        } else {
            (1e9 / cycle.messages_hz).round() as u64
        },
        model: params
            .request
            .is_predicted(&context.target)
            .then(|| predict(params, context, &feed, cycle)),
        connection_each_turn: false,
    }
}

fn predict(
    params: &Params,
    context: &SeriesContext,
    feed: &Spec,
    cycle: prediction::Cycle,
) -> Model {
    let held_ns = cycle.held_ns;
    let log = feed.semantics == Semantics::Log;
    let mut model = model(cycle.kinds, Some(cycle.messages_hz), |updates| {
        exchange(params, context, held_ns, updates)
    });
    // A late response also carries the updates published meanwhile.
    model.stochastic = log;
    if feed.workload.is_shared() {
        let own = context.feed.among(context.clients);
        let one = posted(&params.request, context, POST_REPLY);
        model.sending = Some(sending(&own, context.clients, one));
        // No closed form is known for the messages of several senders; without a delay all are
        // delivered at once.
        model.delivery = (context.delay_ns == 0).then(|| push_delivery(feed, 0));
    } else {
        model.delivery = prediction::delivery(feed, context.delay_ns, params.hold_ns);
        model.age_mean_ns = prediction::age_mean_ns(feed, context.delay_ns);
    }
    model
}

/// Returns the cost of one request and of a response with so many updates.
fn exchange(params: &Params, context: &SeriesContext, held_ns: u64, updates: u32) -> Exchange {
    let bytes = message_bytes(&context.feed, updates);
    let request = params.request.request(&context.target, None);
    let response = params.response.render_expected((bytes.0 + bytes.1) as usize);
    let mut ledger = Ledger { up: request_flow(&request), down: head_flow(&response) };
    add_message(&mut ledger.down, bytes, 0);
    // A held request gets a bare acknowledgement, and so does a response that the next request
    // follows late.
    let gap_ns = 2 * context.delay_ns;
    let held = u64::from(held_ns > DELAYED_ACK_NS);
    let late = u64::from(gap_ns > DELAYED_ACK_NS);
    Exchange {
        ledger,
        segments_up: data_segments(ledger.up.wire.get()) + late,
        segments_down: data_segments(ledger.down.wire.get()) + held,
    }
}

//! The settings of polling and its arithmetic.

use crate::client::requests::Requests;
use crate::config::{Fields, Key};
use crate::feed::{Semantics, Spec, Workload};
use crate::predict::arithmetic::{
    DELAYED_ACK_NS, add_message, data_segments, head_flow, message_bytes, model, piece_framing,
    poll_age_ns, poll_delivery, polled, posted, received_by_each, request_flow, sending,
};
use crate::predict::http2::{repeated_answer, repeated_request};
use crate::predict::{Distribution, Exchange, Model, SeriesContext};
use crate::protocol::client_data::{DATA, DATA_SHORT};
use crate::protocol::http1::Target;
use crate::protocol::http1::head::{self, ResponseHead};
use crate::protocol::http1::position::CONDITIONAL;
use crate::protocol::http1::request_options::{
    ACCEPT_ENCODING, BODY, COOKIES, HEADERS, HOST, METHOD, REDIRECTS, RequestOptions,
    RequestSettings,
};
use crate::protocol::http1::request_parts::RequestParts;
use crate::protocol::http1::success::SUCCESS;
use crate::protocol::http2::message::is_of_connection;
use crate::protocol::http2::options::{HEADER_TABLE, HPACK, HTTP_VERSION, Http2Settings, STREAMS};
use crate::record::{Flow, Ledger};
use crate::server::post::POST_REPLY;
use crate::time::TurnPlacement;
use crate::transport::{SeriesShape, choose_engine};
use crate::units::human_ns;
use serde::{Deserialize, Serialize};

/// The value of `interval` with which each poll follows the last.
const BACK_TO_BACK: &str = "back-to-back";
/// The shortest interval that pacing holds.
const LEAST_INTERVAL_NS: u64 = 1_000_000;

const INTERVAL: Key = Key {
    name: "interval",
    default: Some("\"1s\""),
    about: "between two polls of a client, or \"back-to-back\"",
};
const PHASE: Key = Key {
    name: "phase",
    default: Some("\"spread\""),
    about: "where in the interval a client polls: \"spread\" evenly, \"random\", or all \"together\"",
};
const CONNECTION: Key = Key {
    name: "connection",
    default: Some("\"keep-alive\""),
    about: "\"keep-alive\", or a \"new\" connection for each poll",
};
/// Who sends the requests.
pub(crate) const ENGINE: Key = Key {
    name: "engine",
    default: Some("\"raw\""),
    about: "\"raw\" for many clients, \"reqwest\" for a real application's client",
};

/// Every setting.
pub(crate) const KEYS: &[Key] = &[
    INTERVAL,
    PHASE,
    CONNECTION,
    head::REQUEST,
    head::RESPONSE,
    ENGINE,
    HEADERS,
    ACCEPT_ENCODING,
    HOST,
    METHOD,
    BODY,
    COOKIES,
    SUCCESS,
    REDIRECTS,
    CONDITIONAL,
    DATA,
    DATA_SHORT,
    HTTP_VERSION,
    STREAMS,
    HPACK,
    HEADER_TABLE,
];

/// Who sends the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PollingEngine {
    /// A rendered request and a parser.
    Raw,
    /// One `reqwest::Client` a user.
    Reqwest,
}

/// Validated and complete settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Params {
    /// Nanoseconds between two polls; 0 for back to back.
    pub interval_ns: u64,
    /// Where in the interval a client polls.
    pub phase: TurnPlacement,
    /// Whether each poll has its own connection.
    pub new_connection: bool,
    /// The request.
    #[serde(flatten)]
    pub request: RequestSettings,
    /// Whether a request names the validators of the answer before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conditional: bool,
    /// The bundled server's response head.
    pub response: ResponseHead,
    /// Who sends.
    pub engine: PollingEngine,
}

/// Reads the settings of a series.
pub(crate) fn parse(fields: &mut Fields) -> Option<Params> {
    let interval = fields.duration_ns_or(&INTERVAL, BACK_TO_BACK);
    if interval.is_some_and(|ns| ns < LEAST_INTERVAL_NS) {
        fields.report(&INTERVAL, "interval must be at least 1ms, or \"back-to-back\"");
    }
    let options = [
        ("spread", TurnPlacement::Spread),
        ("random", TurnPlacement::Random),
        ("together", TurnPlacement::Together),
    ];
    let phase = fields.choose(&PHASE, &options);
    let engine = choose_engine(
        fields,
        &ENGINE,
        &[("raw", PollingEngine::Raw), ("reqwest", PollingEngine::Reqwest)],
    );
    let new_connection = fields.choose(&CONNECTION, &[("keep-alive", false), ("new", true)]);
    let request = RequestSettings::read_poll(fields);
    let conditional = fields.boolean(&CONDITIONAL);
    if engine == PollingEngine::Reqwest && conditional {
        let why = "the engine \"reqwest\" sends no validators here; take engine = \"raw\"";
        fields.report(&CONDITIONAL, why);
    }
    if let Some(RequestSettings { options: RequestOptions { http2: Some(_), .. }, .. }) = &request {
        if engine == PollingEngine::Reqwest {
            refuse_library_keys(fields);
        }
        if new_connection {
            let why = "a connection for each poll is one of HTTP/1.1; leave connection out";
            fields.report(&CONNECTION, why);
        }
    }
    let response = head::read_response(fields);
    let asks = |request: &RequestSettings| !request.options.codings().is_empty();
    if engine == PollingEngine::Reqwest && request.as_ref().is_some_and(asks) {
        let why = "the engine \"reqwest\" reads no compressed answers here; take engine = \"raw\"";
        fields.report(&ACCEPT_ENCODING, why);
    }
    Some(Params {
        interval_ns: interval.unwrap_or(0),
        phase,
        new_connection,
        request: request?,
        conditional,
        response: response?,
        engine,
    })
}

/// Reports settings of HTTP/2 that the library decides by itself.
fn refuse_library_keys(fields: &mut Fields) {
    let why = "the engine \"reqwest\" has a connection for each client, and its own use of HPACK: the dynamic \
               table of 4 KiB both ways; leave it out, or take engine = \"raw\"";
    for key in [&STREAMS, &HPACK, &HEADER_TABLE] {
        if fields.is_given(key) {
            fields.report(key, why);
        }
    }
}

impl Params {
    /// Returns the polls of the clients of one thread.
    ///
    /// # Errors
    /// A sentence, if the clients' data cannot be read.
    pub(super) fn requests(&self, target: &Target) -> Result<Requests, String> {
        let RequestSettings { options, .. } = &self.request;
        Requests::new(self.request.request(target, None), options, target)
    }
}

/// Returns why a series with these settings cannot carry a feed.
pub(crate) fn refuses(params: &Params, feed: &Spec) -> Option<String> {
    let because = |why: &str| Some(why.to_owned());
    let options = &params.request.options;
    match feed.workload {
        Workload::Echo if options.method.is_some() || options.body.is_some() => because(
            "in an echo each request is a POST that carries the message; leave out method and body",
        ),
        Workload::Echo if params.conditional => because(
            "in an echo each request is a POST that carries the message; leave out conditional",
        ),
        Workload::Echo if params.engine == PollingEngine::Reqwest => {
            because("the engine \"reqwest\" polls and sends no messages; take engine = \"raw\"")
        }
        // The feed and the interval would be two different paces.
        Workload::Echo if params.interval_ns > 0 && params.interval_ns != feed.period_ns() => {
            Some(format!(
                "in an echo each message is a turn: the interval must be the feed's {}, or \
                 \"back-to-back\"",
                human_ns(feed.period_ns() as f64)
            ))
        }
        Workload::Broadcast | Workload::Tracker if params.new_connection => because(
            "the server would take a client on a new connection for a new client; \
             take connection = \"keep-alive\"",
        ),
        _ => None,
    }
}

/// Returns what a series with these settings does.
pub(crate) fn shape(params: &Params, context: &SeriesContext) -> SeriesShape {
    SeriesShape {
        paced: true,
        interval_ns: params.interval_ns,
        model: is_predicted(params, context).then(|| predict(params, context)),
        connection_each_turn: params.new_connection,
    }
}

/// Whether arithmetic knows the bytes of each poll. Over HTTP/2 it does if each head is that of the poll before: with no
/// newest update in the request, no message, and no date in the answer.
fn is_predicted(params: &Params, context: &SeriesContext) -> bool {
    let feed = &context.feed;
    let same_heads = feed.semantics == Semantics::Snapshot
        && feed.workload == Workload::Ticker
        && !params.response.has_date();
    match params.request.options.http2 {
        None => params.request.is_predicted(&context.target),
        // Of it the library shows the payload alone.
        Some(_) if params.engine == PollingEngine::Reqwest => false,
        Some(_) => {
            let request = params.request.request(&context.target, None);
            context.target.bundled && request.is_constant() && same_heads
        }
    }
}

fn predict(params: &Params, context: &SeriesContext) -> Model {
    let feed = &context.feed;
    let delay_ns = context.delay_ns;
    let all = received_by_each(&feed.among(context.clients));
    // A handshake takes another round trip.
    let trips = if params.new_connection { 2 } else { 1 };
    // Back to back, polls are their round trips apart, which are unknown without a delay.
    let (interval_ns, known) = match params.interval_ns {
        0 => (trips * 2 * delay_ns, delay_ns > 0),
        interval_ns => (interval_ns, true),
    };
    let hz = known.then(|| 1e9 / interval_ns as f64);
    let mut model = match feed.workload {
        Workload::Echo => model(vec![(1.0, 1)], hz, |_| echo(params, context, interval_ns)),
        _ => model(polled(&all, interval_ns), hz, |updates| {
            exchange(params, context, interval_ns, updates)
        }),
    };
    match feed.workload {
        Workload::Ticker if known => {
            model.delivery = Some(poll_delivery(feed, delay_ns, interval_ns));
            model.age_mean_ns = Some(poll_age_ns(feed, delay_ns, interval_ns));
        }
        // The message takes the delay to the server, too.
        Workload::Broadcast | Workload::Tracker if known => {
            model.delivery = Some(poll_delivery(&all, 2 * delay_ns, interval_ns));
        }
        _ => {}
    }
    if feed.workload.is_shared() {
        let exchange = posted(&params.request, context, POST_REPLY);
        model.sending = Some(sending(&feed.among(context.clients), context.clients, exchange));
    }
    model.response = Some(Distribution::constant((trips * 2 * delay_ns) as f64));
    if let Some(http2) = &params.request.options.http2 {
        let request = params.request.request(&context.target, None);
        let length = message_bytes(feed, 1);
        model.first_heads =
            Some(http2_heads(params, http2, &request, (length.0 + length.1) as usize).0);
    }
    model
}

/// Returns the cost of one message that is answered with the same.
fn echo(params: &Params, context: &SeriesContext, interval_ns: u64) -> Exchange {
    let payload = context.feed.payload_bytes;
    let head = params.response.render_expected(payload as usize);
    let mut one = posted(&params.request, context, &head);
    add_message(&mut one.ledger.down, (payload.into(), 0), 0);
    with_segments(params, one.ledger, interval_ns)
}

/// Returns the cost of one poll that is answered with so many updates.
fn exchange(params: &Params, context: &SeriesContext, interval_ns: u64, updates: u32) -> Exchange {
    let bytes = message_bytes(&context.feed, updates);
    let request = params.request.request(&context.target, None);
    let length = (bytes.0 + bytes.1) as usize;
    let mut ledger = match &params.request.options.http2 {
        None => {
            let response = params.response.render_expected(length);
            Ledger { up: request_flow(&request), down: head_flow(&response) }
        }
        Some(http2) => http2_heads(params, http2, &request, length).1,
    };
    if params.new_connection && context.feed.semantics == Semantics::Log {
        ledger.up += head_flow(head::last_event_id(0).as_bytes());
    }
    let http2 = params.request.options.http2.is_some();
    let framing = if http2 { piece_framing(http2, length as u64) } else { 0 };
    add_message(&mut ledger.down, bytes, framing);
    with_segments(params, ledger, interval_ns)
}

/// Returns the heads of a connection's first poll over HTTP/2, and those of later ones.
fn http2_heads(
    params: &Params,
    http2: &Http2Settings,
    request: &RequestParts,
    length: usize,
) -> (Ledger, Ledger) {
    let head = request.render_constant().0;
    // Both schemes are in the static table. The settings were read: they are those of a request.
    let up = repeated_request(&head, http2.hpack, false).unwrap_or_default();
    let fields = params.response.header_map(length, "");
    let fields = fields.iter().filter(|(name, _)| !is_of_connection(name.as_str()));
    let fields = fields.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let down = repeated_answer(fields, http2.header_table_bytes);
    let ledger = |up: Flow, down: Flow| Ledger { up, down };
    (ledger(up.first, down.first), ledger(up.later, down.later))
}

/// Returns the exchange with these bytes.
fn with_segments(params: &Params, ledger: Ledger, interval_ns: u64) -> Exchange {
    let requests = data_segments(ledger.up.wire.get());
    let responses = data_segments(ledger.down.wire.get());
    // The next request acknowledges the response if it comes soon enough.
    let bare = u64::from(interval_ns > DELAYED_ACK_NS);
    let (segments_up, segments_down) = if params.new_connection {
        // SYN, ACK, request, ACK, FIN, ACK; SYN-ACK, response, ACK or FIN: ten in all.
        (5 + requests, 3 + responses)
    } else {
        (requests + bare, responses)
    };
    Exchange { ledger, segments_up, segments_down }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::head::RequestHead;

    fn back_to_back(new_connection: bool, conditional: bool) -> Params {
        Params {
            interval_ns: 0,
            phase: TurnPlacement::Spread,
            new_connection,
            request: RequestHead::Chapter.into(),
            conditional,
            response: ResponseHead::Chapter,
            engine: PollingEngine::Raw,
        }
    }

    #[test]
    fn an_echo_has_no_validators() {
        let echo = Spec { workload: Workload::Echo, ..Spec::PLAIN };
        let why = refuses(&back_to_back(false, true), &echo);
        assert!(why.is_some_and(|why| why.ends_with("leave out conditional")));
        assert_eq!(refuses(&back_to_back(false, false), &echo), None);
        assert_eq!(refuses(&back_to_back(false, true), &Spec::PLAIN), None);
    }

    #[test]
    fn back_to_back_takes_a_round_trip_and_with_a_handshake_two() {
        let of = |new_connection| {
            let params = back_to_back(new_connection, false);
            let target = Target {
                authority: "h".into(),
                credentials: None,
                path: "/x".into(),
                bundled: true,
                tls: false,
            };
            let setting =
                SeriesContext { feed: Spec::PLAIN, target, delay_ns: 50_000_000, clients: 1 };
            let model = shape(&params, &setting).model.expect("the server is ours");
            let delivery = model.delivery.expect("there is a delay");
            (model.messages_hz, delivery.least_ns() / 1e6, delivery.worst_ns() / 1e6)
        };
        assert_eq!(of(false), (Some(10.0), 50.0, 150.0));
        assert_eq!(of(true), (Some(5.0), 50.0, 250.0));
    }
}

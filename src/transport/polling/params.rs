//! The settings of polling and its arithmetic.

use super::head::{RequestHead, ResponseHead};
use crate::feed;
use crate::pacing::Spread;
use crate::record::{Exchange, Flow, Ledger};
use crate::settings::{Fields, Key};
use crate::transport::{Shape, Target};
use crate::units::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The word for an interval that is none: each poll follows the last.
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
const REQUEST_HEAD: Key = Key {
    name: "request_head",
    default: Some("\"chapter\""),
    about: "\"chapter\", \"minimal\", or a file that holds a request's head as it is sent",
};
const RESPONSE_HEAD: Key = Key {
    name: "response_head",
    default: Some("\"chapter\""),
    about: "\"chapter\", \"minimal\", or a file that holds a response's head; the bundled server's",
};
const ENGINE: Key = Key {
    name: "engine",
    default: Some("\"raw\""),
    about: "\"raw\" for many clients, \"reqwest\" for a real application's client",
};

/// Every setting.
pub const KEYS: &[Key] = &[INTERVAL, PHASE, CONNECTION, REQUEST_HEAD, RESPONSE_HEAD, ENGINE];

/// Who sends the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// A rendered request and a parser.
    Raw,
    /// One `reqwest::Client` a user.
    Reqwest,
}

/// Validated settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Nanoseconds between two polls; 0 for back to back.
    pub interval_ns: u64,
    /// Where in the interval.
    pub phase: Spread,
    /// A connection for each poll.
    pub new_connection: bool,
    /// The request's head.
    pub request: RequestHead,
    /// The bundled server's response head.
    pub response: ResponseHead,
    /// Who sends.
    pub engine: Engine,
}

impl Params {
    /// The settings again, from what [`parse`] made of them.
    pub fn from_value(value: &Value) -> Params {
        // Only this program writes it, in the plan or to a worker of the same build.
        serde_json::from_value(value.clone()).expect("the plan holds what parse made")
    }
}

/// Reads the settings of a series.
pub fn parse(fields: &mut Fields) -> Option<Value> {
    let interval = fields.duration_ns_or(&INTERVAL, BACK_TO_BACK);
    if interval.is_some_and(|ns| ns < LEAST_INTERVAL_NS) {
        fields.fault(&INTERVAL, "interval must be at least 1ms, or \"back-to-back\"");
    }
    let phase = match fields.choice(&PHASE, &["spread", "random", "together"]) {
        "random" => Spread::Random,
        "together" => Spread::Together,
        _ => Spread::Spread,
    };
    let engine = match fields.choice(&ENGINE, &["raw", "reqwest"]) {
        "reqwest" => Engine::Reqwest,
        _ => Engine::Raw,
    };
    let new_connection = fields.choice(&CONNECTION, &["keep-alive", "new"]) == "new";
    let request = match fields.text(&REQUEST_HEAD).as_str() {
        "chapter" => Some(RequestHead::Chapter),
        "minimal" => Some(RequestHead::Minimal),
        _ => from_file(fields, &REQUEST_HEAD, RequestHead::parse_file),
    };
    let response = match fields.text(&RESPONSE_HEAD).as_str() {
        "chapter" => Some(ResponseHead::Chapter),
        "minimal" => Some(ResponseHead::Minimal),
        _ => from_file(fields, &RESPONSE_HEAD, ResponseHead::parse_file),
    };
    let params = Params {
        interval_ns: interval.unwrap_or(0),
        phase,
        new_connection,
        request: request?,
        response: response?,
        engine,
    };
    // Numbers, words and text: always JSON.
    Some(serde_json::to_value(params).expect("settings are JSON"))
}

/// Reads a head from the file that a setting names.
fn from_file<T>(
    fields: &mut Fields,
    key: &Key,
    parse: impl Fn(&[u8]) -> Result<T, String>,
) -> Option<T> {
    let bytes = fields.file(key)?;
    parse(&bytes).map_err(|why| fields.fault(key, format!("{}: {why}", key.name))).ok()
}

/// What a series with these settings does.
pub fn shape(params: &Params, feed: &feed::Spec, target: &Target) -> Shape {
    let expected = target.bundled.then(|| {
        let request = params.request.render(&target.path, &target.authority);
        let response = params.response.render_expected(feed.payload_bytes as usize);
        let mut ledger = Ledger { up: head_flow(&request), down: head_flow(&response) };
        ledger.down.payload = Bytes::new(u64::from(feed.payload_bytes));
        ledger.down.wire += u64::from(feed.payload_bytes);
        let (segments_up, segments_down) = match params.new_connection {
            // Request and the acknowledgement of the response; the response.
            false => (2, 1),
            // SYN, ACK, request, ACK, FIN, ACK; SYN-ACK, response, ACK or FIN: ten in all.
            true => (6, 4),
        };
        Exchange { ledger, segments_up, segments_down }
    });
    Shape {
        paced: true,
        interval_ns: params.interval_ns,
        expected,
        connection_each_turn: params.new_connection,
    }
}

fn head_flow(head: &[u8]) -> Flow {
    let ends = head.iter().filter(|b| matches!(b, b'\r' | b'\n')).count();
    Flow {
        wire: Bytes::new(head.len() as u64),
        heads: Bytes::new(head.len() as u64),
        head_chars: (head.len() - ends) as u64,
        ..Flow::default()
    }
}

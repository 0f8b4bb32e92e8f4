//! The settings of streaming and its arithmetic.

use crate::config::{Fields, Key};
use crate::feed::Spec;
use crate::predict::Exchange;
use crate::predict::SeriesContext;
use crate::predict::arithmetic::{
    add_message, chunk_framing, data_segments, message_bytes, posted, pushing,
};
use crate::protocol::http1::head;
use crate::protocol::http1::head::RequestHead;
use crate::record::{Flow, Ledger};
use crate::server::post::POST_REPLY;
use crate::transport::SeriesShape;
use serde::{Deserialize, Serialize};

const RECONNECT: Key = Key {
    name: "reconnect",
    default: Some("\"1s\""),
    about: "how long a client waits before it connects again after an early close",
};

/// Every setting.
pub(crate) const KEYS: &[Key] = &[head::REQUEST, RECONNECT];

/// Validated and complete settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Params {
    /// The request's head.
    pub request: RequestHead,
    /// Nanoseconds between an early close and the next connect.
    pub reconnect_ns: u64,
}

/// Reads the settings of a series; `None` if one of them cannot be used.
pub(crate) fn parse(fields: &mut Fields) -> Option<Params> {
    let request = head::read_request(fields);
    let reconnect_ns = fields.duration_ns(&RECONNECT);
    Some(Params { request: request?, reconnect_ns })
}

/// Returns what a series with these settings does. Heads belong to the set-up.
pub(crate) fn shape(params: &Params, context: &SeriesContext) -> SeriesShape {
    let exchange = |feed: &Spec, updates| {
        let bytes = message_bytes(feed, updates);
        let mut down = Flow::default();
        add_message(&mut down, bytes, chunk_framing(bytes.0 + bytes.1));
        let segments_down = data_segments(down.wire.get());
        // The client's delayed acknowledgement.
        Exchange { ledger: Ledger { up: Flow::default(), down }, segments_up: 1, segments_down }
    };
    let sent = || posted(&params.request, context, POST_REPLY);
    let (model, interval_ns) = pushing(context, exchange, sent);
    SeriesShape {
        paced: false,
        interval_ns,
        model: context.target.bundled.then_some(model),
        connection_each_turn: false,
    }
}

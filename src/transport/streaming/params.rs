//! The settings of streaming and its arithmetic.

use crate::config::{Fields, Key};
use crate::feed::Spec;
use crate::predict::SeriesContext;
use crate::predict::arithmetic::{chunk_framing, message_bytes, message_down, posted, pushing};
use crate::protocol::http1::head;
use crate::protocol::http1::head::RequestHead;
use crate::server::post::POST_REPLY;
use crate::transport::{RECONNECT, SeriesShape};
use serde::{Deserialize, Serialize};

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
        message_down(bytes, chunk_framing(bytes.0 + bytes.1))
    };
    let sent = || posted(&params.request, context, POST_REPLY);
    let (model, interval_ns) = pushing(context, exchange, sent);
    SeriesShape::pushed(context, model, interval_ns)
}

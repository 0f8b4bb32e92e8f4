//! The settings of WebSocket and its arithmetic.

use crate::record::{Exchange, Flow, Ledger};
use crate::settings::{Fields, Key};
use crate::transport::arithmetic::{
    add_message, data_segments, message_bytes, model, push_age_ns, push_law, pushed,
};
use crate::transport::{Setting, Shape};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const READ_BUFFER: Key = Key {
    name: "read_buffer",
    default: Some("\"512B\""),
    about: "of each connection, at both ends; tungstenite's own default is 128KiB",
};
const RECONNECT: Key = Key {
    name: "reconnect",
    default: Some("\"1s\""),
    about: "how long a client waits before it connects again after an early close",
};

/// Every setting.
pub const KEYS: &[Key] = &[READ_BUFFER, RECONNECT];

/// The longest frame header of a message from the server (RFC 6455 §5.2).
const LEAST_BUFFER_BYTES: u64 = 16;
const MOST_BUFFER_BYTES: u64 = 1024 * 1024;

/// Validated settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Bytes of the buffer that each end of a connection reads into.
    pub read_buffer_bytes: u32,
    /// Nanoseconds between an early close and the next connect.
    pub reconnect_ns: u64,
}

impl Params {
    /// The settings again, from what [`parse`] made of them.
    pub fn from_value(value: &Value) -> Params {
        // Only this program writes it, in the plan or to a worker of the same build.
        serde_json::from_value(value.clone()).expect("the plan holds what parse made")
    }
}

/// Reads the settings of a series; `None` where one of them cannot be used.
pub fn parse(fields: &mut Fields) -> Option<Value> {
    let read_buffer = fields.size(&READ_BUFFER);
    if !(LEAST_BUFFER_BYTES..=MOST_BUFFER_BYTES).contains(&read_buffer) {
        fields.fault(&READ_BUFFER, "read_buffer must be between 16B and 1MiB");
    }
    let reconnect_ns = fields.duration_ns(&RECONNECT);
    let sound = fields.sound(&READ_BUFFER) && fields.sound(&RECONNECT);
    let read_buffer_bytes = u32::try_from(read_buffer).ok().filter(|_| sound)?;
    serde_json::to_value(Params { read_buffer_bytes, reconnect_ns }).ok()
}

/// Bytes of the frame header before a message from server to client (RFC 6455 §5.2).
fn framing_bytes(payload_bytes: u64) -> u64 {
    match payload_bytes {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    }
}

/// What a series with these settings does.
pub fn shape(_: &Params, setting: &Setting) -> Shape {
    let feed = &setting.feed;
    let (kinds, hz) = pushed(feed);
    let mut model = model(kinds, Some(hz), |updates| {
        let bytes = message_bytes(feed, updates);
        let mut down = Flow::default();
        add_message(&mut down, bytes, framing_bytes(bytes.0 + bytes.1));
        let segments_down = data_segments(down.wire.get());
        // The client's delayed acknowledgement.
        Exchange { ledger: Ledger { up: Flow::default(), down }, segments_up: 1, segments_down }
    });
    model.delivery = Some(push_law(feed, setting.delay_ns));
    model.age_mean_ns = Some(push_age_ns(feed, setting.delay_ns));
    Shape {
        paced: false,
        interval_ns: (1e9 / hz).round() as u64,
        model: setting.target.bundled.then_some(model),
        connection_each_turn: false,
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_costs_two_four_or_ten_bytes() {
        let sizes = [0, 125, 126, 65_535, 65_536];
        assert_eq!(sizes.map(framing_bytes), [2, 2, 4, 4, 10]);
    }
}

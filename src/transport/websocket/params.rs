//! The settings of WebSocket and its arithmetic.

use crate::config::{Fields, Key};
use crate::feed::{Spec, Workload};
use crate::predict::arithmetic::{
    DELAYED_ACK_NS, add_message, data_segments, heartbeats, message_bytes, message_down,
    piece_framing, pushing,
};
use crate::predict::{Distribution, Exchange, Model, SeriesContext};
use crate::protocol::client_data::{DATA, DATA_SHORT};
use crate::protocol::http1::request_options::{
    COOKIES, EXTENSIONS, HEADERS, HOST, ORIGIN, REDIRECTS, RequestOptions, SUBPROTOCOL,
};
use crate::protocol::http2::options::{HEADER_TABLE, HPACK, HTTP_VERSION, STREAMS};
use crate::protocol::template::Template;
use crate::record::{Flow, Ledger, Part};
use crate::transport::websocket::compressed::expect_compressed;
use crate::transport::websocket::conversation::{
    self, Conversation, FIRST, LENGTH, READY, REPLY, SEPARATOR, UPDATE,
};
use crate::transport::{RECONNECT, SeriesShape, choose_engine};
use serde::{Deserialize, Serialize};

pub(super) const READ_BUFFER: Key = Key {
    name: "read_buffer",
    default: Some("\"512B\""),
    about: "how much the bundled server reads from a connection at once, and the buffer of a client \
            of the engine \"tungstenite\", whose own default is 128KiB",
};
const HEARTBEAT: Key = Key {
    name: "heartbeat",
    default: Some("\"0s\""),
    about: "the bundled server sends a ping if nothing else was sent for this long; 0s: never",
};

const ECHO: Key = Key {
    name: "echo",
    default: Some("\"paced\""),
    about: "in an echo, messages at the feed's rate: \"paced\", or each after the answer to the \
            last: \"back-to-back\"",
};

pub(super) const SEND: Key = Key {
    name: "send",
    default: Some("\"stamp\""),
    about: "in an echo with a server of your own, the message that a client sends, such as \
            '{\"op\":\"ping\",\"id\":{id}}': its answer is the one whose [message] id is that number",
};
/// The placeholder for the number of a client's message.
pub(super) const ID: &str = "id";

/// Who codes the clients' frames.
const ENGINE: Key = Key {
    name: "engine",
    default: Some("\"raw\""),
    about: "\"raw\" for many clients, \"tungstenite\" for a real application's client",
};

/// Every setting.
pub(crate) const KEYS: &[Key] = &[
    READ_BUFFER,
    HEARTBEAT,
    RECONNECT,
    FIRST,
    READY,
    REPLY,
    SEPARATOR,
    LENGTH,
    UPDATE,
    ECHO,
    SEND,
    ENGINE,
    HEADERS,
    HOST,
    SUBPROTOCOL,
    EXTENSIONS,
    ORIGIN,
    COOKIES,
    REDIRECTS,
    DATA,
    DATA_SHORT,
    HTTP_VERSION,
    STREAMS,
    HPACK,
    HEADER_TABLE,
];

/// Who codes the clients' frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WebsocketEngine {
    /// This program.
    #[default]
    Raw,
    /// tokio-tungstenite.
    Tungstenite,
}

impl WebsocketEngine {
    fn is_raw(&self) -> bool {
        *self == WebsocketEngine::Raw
    }
}

/// The longest frame header of a message from the server (RFC 6455 §5.2).
const LEAST_BUFFER_BYTES: u64 = 16;
const MOST_BUFFER_BYTES: u64 = 1024 * 1024;
/// The masking key of a client's message.
const MASK_BYTES: u64 = 4;

/// Validated and complete settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Params {
    /// The settings of the upgrade.
    #[serde(default, skip_serializing_if = "RequestOptions::is_default")]
    pub options: RequestOptions,
    /// Bytes that the server reads from a connection at once, and of the buffer that a client of
    /// tungstenite reads into.
    pub read_buffer_bytes: u32,
    /// Nanoseconds between an early close and the next connect.
    pub reconnect_ns: u64,
    /// In an echo, each message follows the echo of the last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub back_to_back: bool,
    /// Nanoseconds of silence before the server sends a ping; 0 for never.
    #[serde(default)]
    pub heartbeat_ns: u64,
    /// Who codes the clients' frames.
    #[serde(default, skip_serializing_if = "WebsocketEngine::is_raw")]
    pub engine: WebsocketEngine,
    /// What is said beside the updates.
    #[serde(default, skip_serializing_if = "Conversation::is_empty")]
    pub conversation: Conversation,
    /// In an echo, the message that a client sends; `None` for this program's stamps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<Template>,
}

/// Reads the settings of a series; `None` if one of them cannot be used.
pub(crate) fn parse(fields: &mut Fields) -> Option<Params> {
    let read_buffer = fields.size(&READ_BUFFER);
    if !(LEAST_BUFFER_BYTES..=MOST_BUFFER_BYTES).contains(&read_buffer) {
        fields.report(&READ_BUFFER, "read_buffer must be between 16B and 1MiB");
    }
    let heartbeat_ns = fields.duration_ns_from_or_none(&HEARTBEAT, 10_000_000, "10ms");
    let reconnect_ns = fields.duration_ns(&RECONNECT);
    let engine = choose_engine(
        fields,
        &ENGINE,
        &[("raw", WebsocketEngine::Raw), ("tungstenite", WebsocketEngine::Tungstenite)],
    );
    let conversation = Conversation::parse(fields);
    if engine == WebsocketEngine::Tungstenite && fields.is_valid(&ENGINE) {
        for key in conversation::KEYS.iter().chain([&SEND]) {
            if fields.is_given(key) {
                let name = key.name;
                let why =
                    format!("the engine \"tungstenite\" has no {name}; take engine = \"raw\"");
                fields.report(key, why);
            }
        }
    }
    let back_to_back = fields.choice(&ECHO, &["paced", "back-to-back"]) == "back-to-back";
    let options = RequestOptions::read(fields).with_redirects(fields).with_upgrade(fields);
    let options = options.with_http2(fields);
    if engine == WebsocketEngine::Tungstenite && options.http2.is_some() {
        let why = "the engine \"tungstenite\" has HTTP/1.1 alone; take engine = \"raw\"";
        fields.report(&HTTP_VERSION, why);
    }
    if engine == WebsocketEngine::Tungstenite && options.deflate.is_some() {
        let why = "the engine \"tungstenite\" has no extension; take engine = \"raw\"";
        fields.report(&EXTENSIONS, why);
    }
    let columns = options.data.as_ref().map_or(&[][..], |data| &data.columns);
    if let Err((key, why)) = conversation.check(columns) {
        fields.report(&key, why);
    }
    let send = read_send(fields, columns);
    if engine == WebsocketEngine::Tungstenite && options.redirects > 0 {
        fields.report(
            &REDIRECTS,
            "engine \"tungstenite\" follows no redirects; take engine = \"raw\", or the path to \
             which the server leads",
        );
    }
    let sound = fields.is_valid(&READ_BUFFER) && fields.is_valid(&RECONNECT);
    let read_buffer_bytes = u32::try_from(read_buffer).ok().filter(|_| sound)?;
    Some(Params {
        options,
        read_buffer_bytes,
        reconnect_ns,
        back_to_back,
        heartbeat_ns,
        engine,
        conversation,
        send,
    })
}

/// Reads the message that a client sends in an echo; `None` if it is this program's stamp.
fn read_send(fields: &mut Fields, columns: &[String]) -> Option<Template> {
    let text = fields.optional_text(&SEND).filter(|text| text != "stamp")?;
    let template = Template::new(&text);
    let Some((before, after)) = template.split_at(ID) else {
        let why =
            "send needs the placeholder {id} once: an answer is found by the number in its place";
        fields.report(&SEND, why);
        return None;
    };
    if let Err(why) = before.check(columns).and_then(|()| after.check(columns)) {
        fields.report(&SEND, format!("send: {why}"));
    }
    Some(template)
}

/// Returns the bytes of the frame header of a message from the server (RFC 6455 §5.2).
fn framing_bytes(payload_bytes: u64) -> u64 {
    match payload_bytes {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    }
}

/// Returns what a series with these settings does.
pub(crate) fn shape(params: &Params, context: &SeriesContext) -> SeriesShape {
    match context.feed.workload {
        Workload::Echo => echo(params, context),
        _ => receiving(params, context),
    }
}

/// Returns the bytes of a message from a client, which is masked.
fn sent(feed: &Spec) -> Flow {
    let mut up = Flow::of([(Part::Masks, MASK_BYTES)]);
    let payload = u64::from(feed.payload_bytes);
    add_message(&mut up, (payload, 0), framing_bytes(payload));
    up
}

/// Halves the acknowledgements of senders. A socket that also sends is in the kernel's interactive
/// mode: it delays acknowledgements, and of messages closer to each other than the delay it
/// acknowledges every other one (`__tcp_ack_snd_check`, `net/ipv4/tcp_input.c`).
fn acknowledge_every_other(model: &mut Model, context: &SeriesContext) {
    let own = context.feed.among(context.clients);
    let send = f64::from(own.senders) / f64::from(context.clients.max(1));
    let mut more = Vec::new();
    for message in &mut model.messages {
        let mut bare = *message;
        bare.share *= send / 2.0;
        bare.exchange.segments_up -= 1;
        message.share -= bare.share;
        more.push(bare);
    }
    model.messages.extend(more);
}

/// Returns the cost of an empty ping and its masked pong (RFC 6455 §5.5), which the server
/// acknowledges with a bare segment.
fn heartbeat() -> Exchange {
    let control = |bytes| Flow::of([(Part::Control, bytes)]);
    let ledger = Ledger { up: control(2 + MASK_BYTES), down: control(2) };
    Exchange { ledger, segments_up: 1, segments_down: 2 }
}

/// Returns the shape of an echo.
fn echo(params: &Params, context: &SeriesContext) -> SeriesShape {
    let feed = &context.feed;
    let trip_ns = 2 * context.delay_ns;
    let interval_ns = if params.back_to_back { 0 } else { feed.period_ns() };
    let hz = match (interval_ns, trip_ns) {
        // The rate is not known in advance.
        (0, 0) => None,
        (0, ns) | (ns, _) => Some(1e9 / ns as f64),
    };
    let mut down = Flow::default();
    let payload = u64::from(feed.payload_bytes);
    add_message(&mut down, (payload, 0), framing_bytes(payload));
    let ledger = Ledger { up: sent(feed), down };
    // The next message acknowledges the echo if it comes soon enough.
    let bare = u64::from(interval_ns > DELAYED_ACK_NS);
    let segments_up = data_segments(ledger.up.wire.get()) + bare;
    let segments_down = data_segments(ledger.down.wire.get());
    let mut model = Model::exact(Exchange { ledger, segments_up, segments_down }, 1, hz);
    model.response = Some(Distribution::constant(trip_ns as f64));
    let RequestOptions { http2, deflate, .. } = &params.options;
    let is_known = context.target.bundled && http2.is_none() && deflate.is_none();
    SeriesShape {
        paced: true,
        interval_ns,
        model: is_known.then_some(model),
        connection_each_turn: false,
    }
}

/// Returns the shape of a series that receives updates, or messages of other clients.
fn receiving(params: &Params, context: &SeriesContext) -> SeriesShape {
    let RequestOptions { http2, deflate, .. } = &params.options;
    let is_http2 = http2.is_some();
    let exchange_of = |bytes: (u64, u64)| {
        let length = bytes.0 + bytes.1;
        let frame = framing_bytes(length);
        let piece = if is_http2 { piece_framing(is_http2, length + frame) } else { 0 };
        message_down(bytes, frame + piece)
    };
    let exchange = |feed: &Spec, updates| exchange_of(message_bytes(feed, updates));
    let (mut model, interval_ns) = pushing(context, exchange, || {
        let ledger = Ledger { up: sent(&context.feed), down: Flow::default() };
        // The message that the sender receives too carries the server's acknowledgement.
        let segments_up = data_segments(ledger.up.wire.get());
        Exchange { ledger, segments_up, segments_down: 0 }
    });
    let hz = model.messages_hz.unwrap_or(0.0);
    if context.feed.workload.is_shared() && hz > 1e9 / DELAYED_ACK_NS as f64 {
        acknowledge_every_other(&mut model, context);
    }
    model.idle = heartbeats(&context.feed, hz, params.heartbeat_ns, heartbeat());
    let compressed = deflate.as_ref().and_then(|offer| offer.select(offer.value()));
    if let Some((params, _)) = compressed {
        expect_compressed(&mut model, params, &context.feed, |bytes| exchange_of((bytes, 0)));
    }
    let shape = SeriesShape::pushed(context, model, interval_ns).over_http2(is_http2);
    // Over HTTP/2 a ping and its answer have headers of frames, too; and what a client's own messages are compressed is
    // not known.
    let is_unknown = is_http2 && params.heartbeat_ns > 0
        || deflate.is_some() && context.feed.workload.is_shared();
    SeriesShape { model: shape.model.filter(|_| !is_unknown), ..shape }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::Target;

    fn setting(feed: Spec, clients: u32) -> SeriesContext {
        let target = Target {
            authority: "h".to_owned(),
            credentials: None,
            path: "/ws".to_owned(),
            bundled: true,
            tls: false,
        };
        SeriesContext { feed, target, delay_ns: 50_000_000, clients }
    }

    fn params(back_to_back: bool) -> Params {
        Params {
            options: RequestOptions::default(),
            read_buffer_bytes: 512,
            reconnect_ns: 0,
            back_to_back,
            heartbeat_ns: 0,
            engine: WebsocketEngine::Raw,
            conversation: Conversation::default(),
            send: None,
        }
    }

    #[test]
    fn a_round_trip_is_206_bytes_and_154_back_to_back() {
        let feed = Spec { workload: Workload::Echo, ..Spec::PLAIN };
        let of = |back_to_back| {
            let shape = shape(&params(back_to_back), &setting(feed, 10));
            let model = shape.model.expect("the server is ours");
            let one = model.messages[0].exchange;
            assert_eq!(model.response, Some(Distribution::constant(100e6)));
            (shape.paced, shape.interval_ns, one.ip_bytes().get(), model.messages_hz)
        };
        assert_eq!(of(false), (true, 1_000_000_000, 206, Some(1.0)));
        assert_eq!(of(true), (true, 0, 154, Some(10.0)));
    }

    #[test]
    fn what_all_receive_is_the_senders_and_what_is_sent_is_shared_out() {
        let feed = Spec { workload: Workload::Broadcast, senders: 2, rate_hz: 5.0, ..Spec::PLAIN };
        let model = shape(&params(false), &setting(feed, 100)).model.expect("the server is ours");
        assert_eq!(model.messages_hz, Some(10.0));
        let sending = model.sending.expect("clients send");
        assert!((sending.rate_hz - 0.1).abs() < 1e-12);
        assert_eq!(sending.exchange.ledger.up.wire.get(), 27);
        // Up and down.
        assert_eq!(model.delivery, Some(Distribution::constant(100e6)));
    }

    #[test]
    fn a_message_costs_two_four_or_ten_bytes() {
        let sizes = [0, 125, 126, 65_535, 65_536];
        assert_eq!(sizes.map(framing_bytes), [2, 2, 4, 4, 10]);
    }
}

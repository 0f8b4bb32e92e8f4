//! The opening handshake of a client (RFC 6455 §4.1), rendered here so that its bytes are known.

use crate::client::core::ClientCore;
use crate::client::http::malformed;
use crate::client::rendered_request::{HeadSize, RenderedRequest};
use crate::client::requests::{Redirected, Requests};
use crate::protocol::answer_input::AnswerFrame;
use crate::protocol::http1::Target;
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http1::request_options::RequestOptions;
use crate::protocol::http1::response::{HEADERS_LIMIT, Response, lenient};
use crate::protocol::http2::fields::FieldList;
use crate::protocol::websocket::deflate_offer::{BadExtension, DeflateOffer, DeflateParams};
use crate::record::{ClientError, ClientErrorKind, UpgradeField};
use std::rc::Rc;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The most bytes of the response and of the interim ones before it, of which a server may send any
/// number.
const MOST_HEAD_BYTES: usize = 256 * 1024;

/// How long a client waits for what an answer says that refuses, once its head has come.
pub(super) const REFUSAL_LIMIT_NS: u64 = 1_000_000_000;

/// The requests of the handshakes of one thread.
pub(super) struct UpgradeRequests {
    /// The requests but for their keys.
    pub requests: Requests,
    /// What all of them ask for.
    pub asked: Rc<AskedFor>,
}

/// What a handshake asks for, of which the server may select.
#[derive(Debug, Default)]
pub(super) struct AskedFor {
    subprotocols: Vec<String>,
    /// The extension.
    pub deflate: Option<DeflateOffer>,
}

impl UpgradeRequests {
    /// Renders what all handshakes share.
    ///
    /// # Errors
    /// A sentence, if the clients' data cannot be read.
    pub(super) fn new(
        options: &RequestOptions,
        target: &Target,
    ) -> Result<UpgradeRequests, String> {
        Ok(UpgradeRequests {
            requests: Requests::new(options.upgrade(target), options, target)?,
            asked: Rc::new(AskedFor {
                subprotocols: options.subprotocols.clone(),
                deflate: options.deflate.clone(),
            }),
        })
    }
}

/// A handshake under way.
pub(super) struct OpeningHandshake {
    key: String,
    /// The request.
    pub request: RenderedRequest,
    /// What the request is on the wire.
    pub asked: HeadSize,
    wanted: Rc<AskedFor>,
    /// The extension that the server has selected.
    pub deflate: Option<DeflateParams>,
    /// When it was sent.
    pub began_ns: u64,
    /// The response as far as it has come.
    pub response: Response,
    head: Vec<u8>,
}

impl OpeningHandshake {
    /// Renders the request.
    pub(super) fn new(
        requests: &UpgradeRequests,
        core: &ClientCore,
        redirected: &Redirected,
        began_ns: u64,
    ) -> OpeningHandshake {
        let key = generate_key();
        let more = format!("Sec-WebSocket-Key: {key}\r\n");
        let request = requests.requests.next(core, more.as_bytes(), redirected).into_owned();
        OpeningHandshake {
            request,
            wanted: requests.asked.clone(),
            ..OpeningHandshake::with_key(key, began_ns)
        }
    }

    /// A handshake whose request is rendered elsewhere.
    fn with_key(key: String, began_ns: u64) -> OpeningHandshake {
        OpeningHandshake {
            key,
            request: RenderedRequest::default(),
            asked: HeadSize::default(),
            wanted: Rc::default(),
            deflate: None,
            began_ns,
            response: Response::to_upgrade(),
            head: Vec::new(),
        }
    }

    /// Returns the error of a refusal whose body has not come whole.
    pub(super) fn refusal(&self) -> Option<ClientError> {
        let status = self.response.status;
        (!matches!(status, 0 | 101))
            .then(|| ClientError::with(ClientErrorKind::Upgrade, status.into()))
    }

    /// Reads what came of the answer to a CONNECT (RFC 8441 §5). Returns whether the server takes it.
    ///
    /// # Errors
    /// If the server refuses.
    pub(super) fn feed_frame(&mut self, frame: AnswerFrame<'_>) -> Result<bool, ClientError> {
        self.response.feed(frame).map_err(|_| malformed(&self.response))?;
        match (self.response.status, frame) {
            (0, _) => Ok(false),
            (200..300, AnswerFrame::Fields(fields)) => {
                self.deflate = check_selection(fields.fields, &self.wanted)?;
                Ok(true)
            }
            _ if !self.response.is_known_refusal() => Ok(false),
            (status, _) => Err(ClientError::with(ClientErrorKind::Upgrade, status.into())),
        }
    }

    /// Reads a piece of the response. Returns how many of its bytes belong to it once it is whole,
    /// and `None` before.
    ///
    /// # Errors
    /// If the server refuses.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Option<usize>, ClientError> {
        // The limit is that of the heads, however much has come behind them.
        let room = MOST_HEAD_BYTES - self.head.len();
        let (within, beyond) = bytes.split_at(bytes.len().min(room));
        let used = self.response.feed(within).map_err(|_| malformed(&self.response))?;
        match self.response.status {
            0 if !beyond.is_empty() => return Err(ClientError::of(ClientErrorKind::LongHead)),
            0 | 101 => {}
            // A part of what the server says about it.
            _ if used == within.len() && !self.response.is_done() => {
                self.response.feed(beyond).map_err(|_| malformed(&self.response))?;
            }
            _ => {}
        }
        match self.response.status {
            0 | 101 => {}
            // What the server says about it is still to come.
            _ if !self.response.is_known_refusal() => return Ok(None),
            status => return Err(ClientError::with(ClientErrorKind::Upgrade, status.into())),
        }
        self.head.extend_from_slice(&bytes[..used]);
        if !self.response.is_done() {
            return Ok(None);
        }
        self.deflate = check(&self.head, &self.key, &self.wanted)?;
        Ok(Some(used))
    }
}

/// Returns the text of an answer with this error, for a message that names what the server selected: its
/// body is the extensions or subprotocols, as the error says.
pub(super) fn name_selected(
    error: ClientError,
    text: Option<Box<AnswerText>>,
) -> Option<Box<AnswerText>> {
    text.map(|mut text| {
        if error == UpgradeField::Extensions.error()
            || error == UpgradeField::ExtensionParams.error()
        {
            text.body = std::mem::take(&mut text.extensions);
        } else if error == UpgradeField::Protocol.error() {
            text.body = std::mem::take(&mut text.subprotocols);
        }
        text
    })
}

/// Reads the pieces of a response to the handshake of the RFC's example (§1.3). Returns how many
/// bytes belong to it once it is whole, and `None` before: for the fuzz targets.
///
/// # Errors
/// If the server refuses.
pub(crate) fn read_response<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<usize>, ClientError> {
    let key = "dGhlIHNhbXBsZSBub25jZQ==".to_owned();
    let mut handshake = OpeningHandshake::with_key(key, 0);
    let mut before = 0;
    for piece in pieces {
        match handshake.feed(piece)? {
            Some(used) => return Ok(Some(before + used)),
            None => before += piece.len(),
        }
    }
    Ok(None)
}

/// Checks that the answer to a CONNECT selects no subprotocol and no extension but one that was asked for. Returns the
/// extension.
fn check_selection(
    fields: &FieldList,
    asked: &AskedFor,
) -> Result<Option<DeflateParams>, ClientError> {
    let values = |of: &'static str| {
        fields.iter_text().filter(move |(name, _)| *name == of).map(|(_, value)| value)
    };
    let is_known = |value: &[u8]| asked.subprotocols.iter().any(|known| known.as_bytes() == value);
    if !values("sec-websocket-protocol").all(is_known) {
        return Err(UpgradeField::Protocol.error());
    }
    selected_extension(values("sec-websocket-extensions"), asked)
        .map_err(|bad| extension_field(bad).error())
}

/// What is wrong with the answer's field.
fn extension_field(bad: BadExtension) -> UpgradeField {
    match bad {
        BadExtension::Other => UpgradeField::Extensions,
        BadExtension::Params => UpgradeField::ExtensionParams,
    }
}

/// Returns the extension that fields of an answer select.
fn selected_extension<'v>(
    values: impl Iterator<Item = &'v [u8]>,
    asked: &AskedFor,
) -> Result<Option<DeflateParams>, BadExtension> {
    let mut field = String::new();
    for value in values {
        if !field.is_empty() {
            field.push_str(", ");
        }
        field.push_str(&String::from_utf8_lossy(value));
    }
    match &asked.deflate {
        Some(offer) => offer.selected(&field),
        None if field.is_empty() => Ok(None),
        None => Err(BadExtension::Other),
    }
}

/// Returns what follows the first head; `None` if that is not whole.
fn after_first(heads: &[u8]) -> Option<&[u8]> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
    let mut response = httparse::Response::new(&mut fields);
    match lenient().parse_response(&mut response, heads) {
        Ok(httparse::Status::Complete(len)) => Some(&heads[len..]),
        _ => None,
    }
}

/// Checks that the response is the one that belongs to the key: with the fields that §4.1 requires, and with no
/// subprotocol and no extension but one that was asked for. Returns the extension.
fn check(
    mut head: &[u8],
    key: &str,
    asked: &AskedFor,
) -> Result<Option<DeflateParams>, ClientError> {
    // Interim responses come before it.
    while let Some(rest) = after_first(head).filter(|rest| !rest.is_empty()) {
        head = rest;
    }
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
    let mut response = httparse::Response::new(&mut fields);
    if !matches!(lenient().parse_response(&mut response, head), Ok(httparse::Status::Complete(_))) {
        return Err(ClientError::of(ClientErrorKind::Upgrade));
    }
    let wanted = derive_accept_key(key.as_bytes());
    let values = |name: &'static str| {
        let named = response.headers.iter().filter(move |f| f.name.eq_ignore_ascii_case(name));
        named.map(|f| f.value.trim_ascii())
    };
    let has_token = |name, token: &str| {
        let mut tokens = values(name).flat_map(|value| value.split(|&b| b == b','));
        tokens.any(|t| t.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    };
    let has = |name| values(name).next().is_some();
    let extension = selected_extension(values("sec-websocket-extensions"), asked);
    let checks = [
        (UpgradeField::Upgrade, has("upgrade")),
        (UpgradeField::OtherUpgrade, has_token("upgrade", "websocket")),
        (UpgradeField::Connection, has("connection")),
        (UpgradeField::OtherConnection, has_token("connection", "upgrade")),
        (UpgradeField::NoAccept, has("sec-websocket-accept")),
        (
            UpgradeField::Accept,
            values("sec-websocket-accept").any(|value| value == wanted.as_bytes()),
        ),
        (extension.err().map_or(UpgradeField::Extensions, extension_field), extension.is_ok()),
        (
            UpgradeField::Protocol,
            values("sec-websocket-protocol")
                .all(|value| asked.subprotocols.iter().any(|known| known.as_bytes() == value)),
        ),
    ];
    let failed = checks.iter().find(|(_, holds)| !holds);
    match failed {
        Some((field, _)) => Err(field.error()),
        None => Ok(extension.unwrap_or(None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_must_be_the_one_that_was_asked_for() {
        // RFC 6455 §1.3.
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        let good = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\
             Connection: keep-alive, Upgrade\r\n{accept}\r\n"
        );
        let of = |text: &str| check(text.as_bytes(), key, &AskedFor::default());
        assert_eq!(of(&good), Ok(None));
        assert_eq!(of(&format!("HTTP/1.1 103 Early Hints\r\n\r\n{good}")), Ok(None));
        let refused = |text: &str, field: UpgradeField| assert_eq!(of(text), Err(field.error()));
        refused(&good.replace("s3p", "s3q"), UpgradeField::Accept);
        refused(&good.replace("Upgrade: WebSocket\r\n", ""), UpgradeField::Upgrade);
        refused(&good.replace("WebSocket\r\n", "WebSocket/13, x\r\n"), UpgradeField::OtherUpgrade);
        refused(&good.replace("keep-alive, Upgrade", "keep-alive"), UpgradeField::OtherConnection);
        let connection = "Connection: keep-alive, Upgrade\r\n";
        refused(&good.replace(connection, ""), UpgradeField::Connection);
        refused(&good.replace(accept, ""), UpgradeField::NoAccept);
        let with = |field: &str| good.replace(accept, &format!("{accept}{field}\r\n"));
        let deflate = with("Sec-WebSocket-Extensions: permessage-deflate");
        refused(&deflate, UpgradeField::Extensions);
        assert!(UpgradeField::Extensions.error().to_string().contains("Sec-WebSocket-Extensions"));
        let chat = with("Sec-WebSocket-Protocol: chat");
        refused(&chat, UpgradeField::Protocol);
        let asked = |text: &str, names: &[&str]| {
            let subprotocols = names.iter().map(|&name| name.to_owned()).collect();
            check(text.as_bytes(), key, &AskedFor { subprotocols, deflate: None })
        };
        assert_eq!(asked(&chat, &["x", "chat"]), Ok(None));
        assert_eq!(asked(&chat, &["x"]), Err(UpgradeField::Protocol.error()));
        // A server may choose none (RFC 6455 §4.2.2).
        assert_eq!(asked(&good, &["chat"]), Ok(None));
        // An extension that was offered, in one field or in several.
        let offer = DeflateOffer::parse("permessage-deflate").ok();
        let offered = AskedFor { subprotocols: Vec::new(), deflate: offer };
        let of = |text: &str| check(text.as_bytes(), key, &offered);
        assert_eq!(of(&good), Ok(None));
        assert!(of(&deflate).is_ok_and(|params| params.is_some()));
        let twice = deflate.replace("deflate\r\n", "deflate\r\nSec-WebSocket-Extensions: x\r\n");
        assert_eq!(of(&twice), Err(UpgradeField::Extensions.error()));
    }

    /// A server may send interim responses without end: neither memory nor stack grows with them.
    #[test]
    fn interim_responses_without_end_are_refused() {
        let mut handshake = OpeningHandshake::with_key(generate_key(), 0);
        let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n";
        let mut fed = 0;
        let error = loop {
            match handshake.feed(interim) {
                Ok(whole) => assert_eq!(whole, None),
                Err(error) => break error,
            }
            fed += interim.len();
            assert!(fed <= MOST_HEAD_BYTES, "{fed} bytes are taken");
        };
        assert_eq!(error.kind, ClientErrorKind::LongHead);
        // Wherever reads end, and whatever comes behind.
        let all = interim.repeat(MOST_HEAD_BYTES / interim.len() + 1);
        let all = [&all[..], b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"].concat();
        for size in [all.len(), MOST_HEAD_BYTES, MOST_HEAD_BYTES + 1, 10_007] {
            let mut handshake = OpeningHandshake::with_key(generate_key(), 0);
            let fed = all.chunks(size).map(|piece| handshake.feed(piece)).find_map(Result::err);
            assert_eq!(fed, Some(ClientError::of(ClientErrorKind::LongHead)), "{size}");
        }
        // As many as are taken are read, too.
        let many = interim.repeat(MOST_HEAD_BYTES / interim.len());
        assert!(check(&many, "", &AskedFor::default()).is_err());
    }
}

//! The server half: upgrades a connection and sends a message for each update of its topic.
//!
//! The upgrade is answered here (RFC 6455 §4.2); framing is tungstenite's. A session is one
//! future that owns its socket: it sleeps on the thread's alarm until the next update, reads what
//! the client sends meanwhile, and has no timer or channel of its own.

mod session;

use crate::server::routes::{Answer, Body, Endpoint, Peer, TakeOver, only_get, plain};
use crate::transport::websocket::params::Params;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode, Version};
use session::Session;
use std::rc::Rc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The endpoint that upgrades.
pub(crate) struct Upgrades {
    read_buffer_bytes: usize,
    heartbeat_ns: u64,
}

impl Upgrades {
    /// Upgrades with these settings.
    pub(crate) fn new(params: &Params) -> Upgrades {
        let Params { read_buffer_bytes, heartbeat_ns, .. } = *params;
        Upgrades { read_buffer_bytes: read_buffer_bytes as usize, heartbeat_ns }
    }
}

impl Endpoint for Upgrades {
    fn answer(&self, request: &Request<Incoming>, _: &Rc<Peer>) -> Answer {
        match accept(request.method(), request.version(), request.headers()) {
            Ok(response) => {
                let (buffer_bytes, heartbeat_ns) = (self.read_buffer_bytes, self.heartbeat_ns);
                let take_over: TakeOver = Box::new(move |upgraded| {
                    match Session::new(upgraded, buffer_bytes, heartbeat_ns) {
                        Some(session) => Box::pin(session),
                        None => Box::pin(std::future::ready(())),
                    }
                });
                Answer::Upgrade(response, take_over)
            }
            Err(response) => Answer::Now(*response),
        }
    }
}

/// Validates an upgrade (RFC 6455 §4.2.1) and gives the 101, or the refusal.
fn accept(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<Response<Body>, Box<Response<Body>>> {
    let refuse = |status, text: &'static str| Err(Box::new(plain(status, text)));
    if method != Method::GET {
        return Err(Box::new(only_get()));
    }
    if version != Version::HTTP_11 {
        return refuse(StatusCode::BAD_REQUEST, "a WebSocket upgrade needs HTTP/1.1\n");
    }
    if !has_token(headers, UPGRADE, "websocket") || !has_token(headers, CONNECTION, "upgrade") {
        let text = "this is a WebSocket endpoint: send Connection: Upgrade, Upgrade: websocket\n";
        let mut response = plain(StatusCode::UPGRADE_REQUIRED, text);
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Err(Box::new(response));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|v| v.as_bytes() != b"13") {
        let text = "only version 13 of WebSocket is spoken here\n";
        let mut response = plain(StatusCode::UPGRADE_REQUIRED, text);
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(Box::new(response));
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return refuse(StatusCode::BAD_REQUEST, "one Sec-WebSocket-Key is needed\n");
    };
    if STANDARD.decode(key.as_bytes()).map_or(0, |nonce| nonce.len()) != 16 {
        return refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in base64\n");
    }
    // Base64 of a hash is always a header's value.
    let Ok(accepted) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) else {
        return refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key cannot be answered\n");
    };
    let mut response = plain(StatusCode::SWITCHING_PROTOCOLS, "");
    let out = response.headers_mut();
    out.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    out.insert(UPGRADE, HeaderValue::from_static("websocket"));
    out.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    Ok(response)
}

/// Whether a comma-separated header has this token, in any case.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(change: impl FnOnce(&mut HeaderMap)) -> StatusCode {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (UPGRADE, "WebSocket"),
            (CONNECTION, "keep-alive, Upgrade"),
            (SEC_WEBSOCKET_VERSION, "13"),
            (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        change(&mut headers);
        match accept(&Method::GET, Version::HTTP_11, &headers) {
            Ok(response) => {
                // RFC 6455 §1.3.
                let accepted = &response.headers()[SEC_WEBSOCKET_ACCEPT];
                assert_eq!(accepted, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
                response.status()
            }
            Err(response) => response.status(),
        }
    }

    #[test]
    fn the_rfcs_example_is_accepted_and_what_lacks_a_part_is_not() {
        assert_eq!(asked(|_| {}), 101);
        assert_eq!(asked(|h| drop(h.remove(UPGRADE))), 426);
        assert_eq!(asked(|h| drop(h.remove(CONNECTION))), 426);
        let eight = HeaderValue::from_static("8");
        assert_eq!(asked(|h| drop(h.insert(SEC_WEBSOCKET_VERSION, eight))), 426);
        assert_eq!(asked(|h| drop(h.remove(SEC_WEBSOCKET_KEY))), 400);
        let short = HeaderValue::from_static("c2hvcnQ=");
        let twice = |h: &mut HeaderMap| _ = h.append(SEC_WEBSOCKET_KEY, short.clone());
        assert_eq!(asked(twice), 400);
        assert_eq!(asked(|h| drop(h.insert(SEC_WEBSOCKET_KEY, short))), 400);
    }
}

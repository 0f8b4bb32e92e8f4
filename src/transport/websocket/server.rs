//! The server half: upgrades a connection and sends a message for each update of its topic.
//!
//! A session is one future that owns its socket: it sleeps until the next update and reads what the
//! client sends meanwhile. It has no timer, channel or buffer of its own.

mod frame_socket;
mod session;

use crate::protocol::websocket::deflate_offer::{DeflateOffer, DeflateParams};
use crate::server::{Answer, Body, Endpoint, Peer, TakeOver, only_get, plain};
use crate::transport::websocket::params::Params;
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::header::{
    HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::{Request, Response, StatusCode};
use session::{ServerSession, SessionContext};
use std::rc::Rc;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

/// The endpoint that upgrades.
pub(crate) struct UpgradeEndpoint(Rc<SessionContext>);

impl UpgradeEndpoint {
    pub(crate) fn new(params: &Params) -> UpgradeEndpoint {
        UpgradeEndpoint(Rc::new(SessionContext::new(params)))
    }
}

impl Endpoint for UpgradeEndpoint {
    fn answer(&self, request: &Request<Incoming>, _: &Rc<Peer>) -> Answer {
        let accepted = match request.extensions().get::<Protocol>() {
            None => accept(request),
            Some(protocol) => accept_connect(protocol),
        };
        match accepted {
            Ok(mut response) => {
                let context = self.0.clone();
                let deflate = select(context.deflate.as_ref(), request.headers(), &mut response);
                let take_over: TakeOver = Box::new(move |upgraded| {
                    Box::pin(ServerSession::new(upgraded, context, deflate))
                });
                Answer::Upgrade(response, take_over)
            }
            Err(response) => Answer::Now(*response),
        }
    }
}

/// Validates an upgrade (RFC 6455 §4.2.1) and returns the 101, or the refusal.
fn accept<T>(request: &Request<T>) -> Result<Response<Body>, Box<Response<Body>>> {
    if request.headers().get_all(SEC_WEBSOCKET_KEY).iter().count() > 1 {
        return Err(Box::new(plain(StatusCode::BAD_REQUEST, "one Sec-WebSocket-Key is needed\n")));
    }
    let empty = || plain(StatusCode::SWITCHING_PROTOCOLS, "").into_body();
    create_response_with_body(request, empty).map_err(|error| Box::new(refusal(&error)))
}

/// Selects an extension that the client offers, and says so in the response.
fn select(
    own: Option<&DeflateOffer>,
    offered: &HeaderMap,
    response: &mut Response<Body>,
) -> Option<DeflateParams> {
    let offers = offered.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
    let (params, value) = offers.filter_map(|offer| own?.select(offer.to_str().ok()?)).next()?;
    let value = HeaderValue::try_from(value).ok()?;
    response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, value);
    Some(params)
}

/// Answers a CONNECT that names a protocol (RFC 8441 §5): there is no key, nor a proof of it.
fn accept_connect(protocol: &Protocol) -> Result<Response<Body>, Box<Response<Body>>> {
    if protocol.as_str().eq_ignore_ascii_case("websocket") {
        Ok(plain(StatusCode::OK, ""))
    } else {
        Err(Box::new(plain(StatusCode::NOT_IMPLEMENTED, "this is a WebSocket endpoint\n")))
    }
}

/// The response to a request that is no upgrade.
fn refusal(error: &Error) -> Response<Body> {
    use ProtocolError::{
        MissingConnectionUpgradeHeader, MissingSecWebSocketKey, MissingSecWebSocketVersionHeader,
        MissingUpgradeWebSocketHeader, WrongHttpMethod, WrongHttpVersion,
    };
    let bad = |text: &'static str| plain(StatusCode::BAD_REQUEST, text);
    let required = |header, value, text: &'static str| {
        let mut response = plain(StatusCode::UPGRADE_REQUIRED, text);
        response.headers_mut().insert(header, HeaderValue::from_static(value));
        response
    };
    let Error::Protocol(error) = error else { return bad("this upgrade cannot be answered\n") };
    match error {
        WrongHttpMethod => only_get(),
        WrongHttpVersion => bad("a WebSocket upgrade needs HTTP/1.1\n"),
        MissingConnectionUpgradeHeader | MissingUpgradeWebSocketHeader => required(
            UPGRADE,
            "websocket",
            "this is a WebSocket endpoint: send Connection: Upgrade, Upgrade: websocket\n",
        ),
        MissingSecWebSocketVersionHeader => {
            required(SEC_WEBSOCKET_VERSION, "13", "this server has version 13 of WebSocket\n")
        }
        MissingSecWebSocketKey => bad("one Sec-WebSocket-Key is needed\n"),
        _ => bad("Sec-WebSocket-Key must be 16 bytes in base64\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT};

    fn asked(change: impl FnOnce(&mut HeaderMap)) -> StatusCode {
        let mut request = Request::new(());
        let headers = request.headers_mut();
        for (name, value) in [
            (UPGRADE, "WebSocket"),
            (CONNECTION, "keep-alive, Upgrade"),
            (SEC_WEBSOCKET_VERSION, "13"),
            (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        change(headers);
        match accept(&request) {
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

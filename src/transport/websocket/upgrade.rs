//! The opening handshake of a client (RFC 6455 §4.1), rendered here so that its bytes are known.

use crate::client::http_connection::{HeadSize, add_response};
use crate::client::{Client, ConnectionAccount};
use crate::net::Connection;
use crate::protocol::http1::Target;
use crate::protocol::http1::response::{Parts, Response};
use crate::record::{ClientError, ClientErrorKind, Phase};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A handshake that the server accepted.
pub(super) struct OpeningHandshake {
    request: HeadSize,
    response: Parts,
    /// Bytes that arrived after the response: the first frames.
    pub leftover: Vec<u8>,
}

/// Sends the request of the handshake and reads the response.
///
/// # Errors
/// If the connection is lost or the server refuses.
pub(super) async fn upgrade(
    stream: &mut Connection,
    target: &Target,
) -> Result<OpeningHandshake, ClientError> {
    let key = generate_key();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n",
        target.path, target.authority
    );
    let failed = |kind, e: io::Error| ClientError::io(kind, &e);
    stream.write_all(request.as_bytes()).await.map_err(|e| failed(ClientErrorKind::Write, e))?;
    let mut response = Response::default();
    let mut head = Vec::with_capacity(256);
    while !response.is_done() {
        let before = head.len();
        let read =
            stream.read_buf(&mut head).await.map_err(|e| failed(ClientErrorKind::Read, e))?;
        if read == 0 {
            return Err(ClientError::of(ClientErrorKind::EarlyClose));
        }
        let used = response
            .feed(&head[before..])
            .map_err(|_| ClientError::of(ClientErrorKind::Upgrade))?;
        if response.status != 0 && response.status != 101 {
            return Err(ClientError::with(ClientErrorKind::Upgrade, i32::from(response.status)));
        }
        if response.is_done() {
            if stream.unsent() > 0 {
                // A request that is still in the delay line cannot have been answered.
                return Err(ClientError::of(ClientErrorKind::Upgrade));
            }
            let leftover = head.split_off(before + used);
            if !accepts(&head, &key) {
                return Err(ClientError::of(ClientErrorKind::Upgrade));
            }
            return Ok(OpeningHandshake {
                request: HeadSize::of(request.as_bytes()),
                response: response.parts,
                leftover,
            });
        }
    }
    Err(ClientError::of(ClientErrorKind::Upgrade))
}

impl OpeningHandshake {
    /// Adds the bytes of the handshake: of what was read, the frames after the response do not
    /// belong to it.
    pub(super) fn add_bytes(
        &self,
        client: &Client,
        phase: Phase,
        stream: &Connection,
        account: &mut ConnectionAccount,
    ) {
        let up = stream.meter().written();
        client.add_bytes(phase, |ledger| {
            ledger.up.wire += up;
            self.request.add_to(&mut ledger.up);
            ledger.down.wire += self.response.heads;
            add_response(&mut ledger.down, &self.response);
        });
        account.counted(up, self.response.heads);
    }
}

/// Returns whether the response has the `Sec-WebSocket-Accept` that belongs to the key.
fn accepts(head: &[u8], key: &str) -> bool {
    let wanted = derive_accept_key(key.as_bytes());
    let mut fields = [httparse::EMPTY_HEADER; 96];
    let mut response = httparse::Response::new(&mut fields);
    response.parse(head).is_ok()
        && response.headers.iter().any(|f| {
            f.name.eq_ignore_ascii_case("sec-websocket-accept")
                && f.value.trim_ascii() == wanted.as_bytes()
        })
}

//! The engine `raw`: the request is rendered once for all clients of a thread, written with one
//! call, and the response is parsed from a buffer that all of them share.

use crate::client::http_connection::{HeadSize, HttpConnection, is_close};
use crate::client::{Client, ClientHalf, LocalFuture};
use crate::feed::{self, Semantics};
use crate::protocol::http1::Target;
use crate::protocol::http1::head::{RequestHead, resuming};
use crate::protocol::http1::response::{BodyPiece, Response};
use crate::record::{ClientError, ClientErrorKind, Phase};
use crate::time::{Turn, TurnPlacement, now_ns};
use crate::transport::polling::client::{CompletedExchange, PollState};
use crate::transport::polling::params::Params;
use std::rc::Rc;

/// The engine of one thread.
pub(crate) struct RawEngine {
    request: Vec<u8>,
    request_size: HeadSize,
    placement: TurnPlacement,
    new_connection: bool,
    feed: feed::Spec,
    /// Makes the first request on a new connection, if it must name the newest update that the
    /// client has.
    resumes: Option<(RequestHead, Target)>,
}

/// What becomes of the connection after an exchange.
#[derive(PartialEq)]
enum AfterExchange {
    Keep,
    Close,
    /// The server had closed an idle connection: the request may be sent again on another
    /// (RFC 9112 §9.3.1).
    Stale,
}

impl RawEngine {
    /// Renders the request.
    pub(crate) fn new(params: &Params, target: &Target, feed: &feed::Spec) -> RawEngine {
        let request = params.request.render(&target.path, &target.authority);
        let resumes = feed.semantics == Semantics::Log && target.bundled;
        RawEngine {
            request_size: HeadSize::of(&request),
            request,
            placement: params.phase,
            new_connection: params.new_connection,
            feed: *feed,
            resumes: resumes.then(|| (params.request.clone(), target.clone())),
        }
    }

    async fn run_client(&self, client: &mut Client) {
        let mut state = PollState::new(&self.feed);
        self.poll(client, &mut state).await;
        state.delivery.settle(client);
    }

    async fn poll(&self, client: &mut Client, state: &mut PollState) {
        let mut response = Response::default();
        let first = self.set_up(client, state, &mut response);
        let Some(mut connection) = Box::pin(first).await else { return };
        while let Some(turn) = client.turn(self.placement).await {
            loop {
                if connection.is_none() {
                    connection =
                        Box::pin(client.connect(turn.phase)).await.map(HttpConnection::new);
                    state.delivery.reconnected();
                }
                let Some(open) = &mut connection else { break };
                open.enter(turn.phase);
                let after = self.exchange(client, open, turn, state, &mut response).await;
                if self.new_connection || after != AfterExchange::Keep {
                    connection = None;
                }
                if after != AfterExchange::Stale {
                    break;
                }
            }
        }
    }

    /// Connects and exchanges a first message, so that none of the measured ones is the first.
    /// Returns the connection, if it is used again.
    async fn set_up(
        &self,
        client: &mut Client,
        state: &mut PollState,
        response: &mut Response,
    ) -> Option<Option<HttpConnection>> {
        let first = async |client: &mut Client| {
            let mut connection = HttpConnection::new(client.connect(Phase::Setup).await?);
            let turn = Turn { intended_ns: now_ns(), phase: Phase::Setup };
            let faults = client.faults();
            let after = self.exchange(client, &mut connection, turn, state, response).await;
            let keep = after == AfterExchange::Keep && !self.new_connection;
            (client.faults() == faults).then(|| keep.then_some(connection))
        };
        client.set_up(first).await
    }

    async fn exchange(
        &self,
        client: &Client,
        connection: &mut HttpConnection,
        turn: Turn,
        state: &mut PollState,
        response: &mut Response,
    ) -> AfterExchange {
        let sent_ns = now_ns();
        client.watchdog.begin(sent_ns);
        response.reset();
        // A client without an update names 0: otherwise the server would take it for a new one each
        // time and begin with the next update.
        let newest = state.delivery.newest().unwrap_or(0);
        let first = self.resumes.as_ref().filter(|_| !connection.used);
        let first = first.map(|(head, target)| resuming(head, target, newest));
        let request = first.as_ref().map_or(self.request_size, |bytes| HeadSize::of(bytes));
        let bytes = first.as_ref().unwrap_or(&self.request);
        let end = self.ask(client, connection, bytes, state, response).await;
        client.watchdog.end();
        let reused = std::mem::replace(&mut connection.used, true);
        let moved = connection.account.take_moved();
        match end {
            Ok(beyond) => {
                let Response { status, parts, .. } = *response;
                let exchange = CompletedExchange { turn, sent_ns, status, moved, request, parts };
                state.complete(client, &exchange);
                if beyond > 0 {
                    client.discarded(turn.phase, beyond);
                    client.fault(turn.phase, ClientError::of(ClientErrorKind::Malformed));
                }
                if response.keep_alive && beyond == 0 {
                    AfterExchange::Keep
                } else {
                    AfterExchange::Close
                }
            }
            Err(error) => {
                state.fail(client, turn, moved, request);
                if reused && response.is_untouched() && is_close(error) {
                    return AfterExchange::Stale;
                }
                client.fault(turn.phase, error);
                AfterExchange::Close
            }
        }
    }

    async fn ask(
        &self,
        client: &Client,
        connection: &mut HttpConnection,
        request: &[u8],
        state: &mut PollState,
        response: &mut Response,
    ) -> Result<u64, ClientError> {
        connection.write(client, request).await?;
        let inbox = &mut state.inbox;
        let body = |piece: BodyPiece<'_>| {
            if let BodyPiece::Data(bytes) = piece {
                inbox.push(bytes);
            }
        };
        connection.read(client, response, body).await
    }
}

impl ClientHalf for RawEngine {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.run_client(&mut client).await })
    }
}

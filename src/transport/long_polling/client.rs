//! The client half: one request is always under way; its response is followed by the next one.

use crate::client::account::MovedBytes;
use crate::client::delivery::inbox::{Inbox, without_separators};
use crate::client::delivery::per_client::{DeliveryTracker, Skipped};
use crate::client::handle::{Change, Event, SessionEnd, next_event};
use crate::client::http_connection::{HeadSize, HttpConnection, add_response};
use crate::client::{Client, ClientHalf, LocalFuture};
use crate::feed;
use crate::protocol::http1::Target;
use crate::protocol::http1::head::{RequestHead, resuming};
use crate::protocol::http1::response::{BodyPiece, Response};
use crate::record::{ClientError, ClientErrorKind, Part, Phase, TraceKind};
use crate::time::now_ns;
use crate::transport::long_polling::params::Params;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::AsyncWriteExt;

/// The clients of one thread.
struct LongPollingClients {
    request: Vec<u8>,
    request_size: HeadSize,
    head: RequestHead,
    target: Target,
    hold_ns: u64,
    reconnect_ns: u64,
    feed: feed::Spec,
    /// What an update that is skipped means.
    skipped: Skipped,
}

/// Returns the client half of one thread.
pub(crate) fn client_half(
    params: &Params,
    target: &Target,
    feed: &feed::Spec,
) -> Rc<dyn ClientHalf> {
    let request = params.request.render(&target.path, &target.authority);
    let semantics = params.pending.semantics().unwrap_or(feed.semantics);
    Rc::new(LongPollingClients {
        request_size: HeadSize::of(&request),
        request,
        head: params.request.clone(),
        target: target.clone(),
        hold_ns: params.hold_ns,
        reconnect_ns: params.reconnect_ns,
        feed: *feed,
        skipped: Skipped::from(semantics),
    })
}

/// What one client keeps over its connections.
struct LongPollState {
    delivery: DeliveryTracker,
    inbox: Inbox,
    response: Response,
    /// Bytes of the current exchange that are in the ledger.
    moved: MovedBytes,
    asked_in: Phase,
}

impl LongPollingClients {
    async fn run_client(&self, client: &mut Client) {
        let mut state = LongPollState {
            delivery: DeliveryTracker::new(self.skipped),
            inbox: Inbox::new(&self.feed),
            response: Response::default(),
            moved: MovedBytes::default(),
            asked_in: Phase::Setup,
        };
        self.wait(client, &mut state).await;
        state.delivery.settle(client);
    }

    async fn wait(&self, client: &mut Client, state: &mut LongPollState) {
        let first = client.set_up(async |client| self.open(client, Phase::Setup, state).await);
        let Some(mut connection) = Box::pin(first).await else { return };
        while self.listen(client, &mut connection, state).await == SessionEnd::Lost {
            let phase = connection.account.phase();
            drop(connection);
            state.delivery.reconnected();
            let again = client
                .reconnect(self.reconnect_ns, async |client| self.open(client, phase, state).await);
            let Some(next) = Box::pin(again).await else { return };
            connection = next;
        }
    }

    /// Connects and sends the first request.
    async fn open(
        &self,
        client: &mut Client,
        phase: Phase,
        state: &mut LongPollState,
    ) -> Option<HttpConnection> {
        let mut connection = HttpConnection::new(client.connect(phase).await?);
        match self.ask(client, &mut connection, state).await {
            Ok(()) => Some(connection),
            Err(error) => {
                client.fault(phase, error);
                None
            }
        }
    }

    /// Sends a request. The first one on a new connection names the newest update that the client
    /// has.
    async fn ask(
        &self,
        client: &Client,
        connection: &mut HttpConnection,
        state: &mut LongPollState,
    ) -> Result<(), ClientError> {
        state.response.reset();
        state.inbox.clear();
        state.asked_in = connection.account.phase();
        let now = now_ns();
        // The response is late only after the time that the server may hold it.
        client.watchdog.begin(now.saturating_add(self.hold_ns));
        client.trace(TraceKind::Sent, now, None);
        let (written, request_size) = match state.delivery.newest().filter(|_| !connection.used) {
            Some(newest) => {
                let request = resuming(&self.head, &self.target, newest);
                (connection.write(client, &request).await, HeadSize::of(&request))
            }
            None => (connection.write(client, &self.request).await, self.request_size),
        };
        connection.used = true;
        let moved = connection.account.take_moved();
        state.moved = moved;
        client.add_bytes(state.asked_in, |ledger| {
            ledger.up.wire += moved.up;
            ledger.down.wire += moved.down;
            match written {
                // A delay line may still hold some of it, which is under way all the same.
                Ok(()) => request_size.add_to(&mut ledger.up),
                Err(_) => {
                    ledger.up[Part::Discarded] += moved.up;
                    ledger.down[Part::Discarded] += moved.down;
                }
            }
        });
        written
    }

    /// Receives responses and sends the next request, until the client must stop or the connection
    /// is lost.
    async fn listen(
        &self,
        client: &mut Client,
        connection: &mut HttpConnection,
        state: &mut LongPollState,
    ) -> SessionEnd {
        let (mut sleep, mut change) = client.next_change();
        loop {
            let response = |cx: &mut Context<'_>| poll_response(cx, client, connection, state);
            match next_event(&mut sleep, response).await {
                Event::Came(Ok(beyond)) => {
                    let keep = self.answered(client, connection, state, beyond);
                    if !keep || !state.response.keep_alive {
                        return SessionEnd::Lost;
                    }
                    if let Err(error) = self.ask(client, connection, state).await {
                        client.fault(connection.account.phase(), error);
                        return SessionEnd::Lost;
                    }
                }
                Event::Came(Err(error)) => {
                    discard(client, connection);
                    client.fault(connection.account.phase(), error);
                    return SessionEnd::Lost;
                }
                Event::Woken(woken) => {
                    match client.change(woken, change) {
                        Some(Change::Stop) => {
                            self.close(client, connection, state).await;
                            return SessionEnd::Stopped;
                        }
                        Some(Change::Phase(phase)) => connection.enter(phase),
                        None => {}
                    }
                    (sleep, change) = client.next_change();
                }
            }
        }
    }

    /// Counts a response and its bytes. Returns whether the client may go on from it.
    fn answered(
        &self,
        client: &Client,
        connection: &mut HttpConnection,
        state: &mut LongPollState,
        beyond: u64,
    ) -> bool {
        client.watchdog.end();
        let phase = connection.account.phase();
        let separators = state.inbox.end();
        let parts = without_separators(state.response.parts, separators);
        let MovedBytes { up, down } = connection.account.take_moved();
        client.add_bytes(phase, |ledger| {
            ledger.up.wire += up;
            ledger.down.wire += down;
            add_response(&mut ledger.down, &parts);
            ledger.down[Part::Discarded] += beyond;
        });
        let moved = MovedBytes { up: state.moved.up + up, down: state.moved.down + down };
        if state.response.status != 200 {
            state.inbox.clear();
            let code = i32::from(state.response.status);
            client.fault(phase, ClientError::with(ClientErrorKind::Status, code));
            return false;
        }
        if beyond > 0 {
            client.fault(phase, ClientError::of(ClientErrorKind::Malformed));
        }
        if !state.delivery.deliver(&mut state.inbox, client, phase) {
            client.nothing_new(phase, moved);
        }
        beyond == 0
    }

    /// Ends TCP from this side and reads what is still under way, so that both ends count the same
    /// bytes.
    async fn close(
        &self,
        client: &Client,
        connection: &mut HttpConnection,
        state: &mut LongPollState,
    ) {
        connection.enter(Phase::Teardown);
        client.watchdog.begin(now_ns());
        // If it fails the connection is gone, which the reading meets too.
        let _ = connection.stream.shutdown().await;
        loop {
            match poll_fn(|cx| poll_response(cx, client, connection, state)).await {
                Ok(beyond) => {
                    self.answered(client, connection, state, beyond);
                    state.response.reset();
                }
                Err(error) => {
                    discard(client, connection);
                    if error.kind == ClientErrorKind::EarlyClose {
                        connection.account.both_ended();
                    }
                    break;
                }
            }
        }
        client.watchdog.end();
    }
}

/// Adds the bytes of a response that is cut.
fn discard(client: &Client, connection: &mut HttpConnection) {
    let MovedBytes { up, down } = connection.account.take_moved();
    client.add_bytes(connection.account.phase(), |ledger| {
        // What is still going up was counted as a head when it was sent.
        ledger.up.wire += up;
        ledger.down.wire += down;
        ledger.down[Part::Discarded] += down;
    });
}

/// Ready with the number of bytes after the response once it is whole.
fn poll_response(
    cx: &mut Context<'_>,
    client: &Client,
    connection: &mut HttpConnection,
    state: &mut LongPollState,
) -> Poll<Result<u64, ClientError>> {
    let LongPollState { inbox, response, .. } = state;
    let mut on = |piece: BodyPiece<'_>| {
        if let BodyPiece::Data(bytes) = piece {
            inbox.push(bytes);
        }
    };
    connection.poll_whole(cx, client, response, &mut on)
}

impl ClientHalf for LongPollingClients {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.run_client(&mut client).await })
    }
}

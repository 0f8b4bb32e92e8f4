//! The client half: connects and upgrades, receives messages, and sends those of a sender or of an
//! echo.
//!
//! Frames are tungstenite's, over a stream that counts them, with small buffers of a stated size. A
//! message is written at once or, if the socket is full, while the next event is awaited; nothing
//! blocks the reading.

use crate::client::delivery::per_client::{DeliveryTracker, skipped};
use crate::client::handle::{Change, SessionEnd};
use crate::client::watchdog::Watchdog;
use crate::client::{Client, ClientHalf, LocalFuture};
use crate::feed::{self, Stamp, Workload};
use crate::protocol::http1::Target;
use crate::record::{ClientError, ClientErrorKind, Phase};
use crate::time::{Sleep, Turn, TurnPlacement, now_ns};
use crate::transport::websocket::connection::{PendingEchoes, WebSocketConnection};
use crate::transport::websocket::message::message;
use crate::transport::websocket::params::Params;
use crate::transport::websocket::scanned::Scanned;
use crate::transport::websocket::upgrade::upgrade;
use bytes::BytesMut;
use futures_util::StreamExt;
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

/// The clients of one thread.
struct WebSocketClients {
    target: Target,
    config: WebSocketConfig,
    reconnect_ns: u64,
    /// In an echo, each message follows the echo of the last.
    back_to_back: bool,
    feed: feed::Spec,
    /// Memory for rendering messages.
    scratch: RefCell<BytesMut>,
}

/// Returns the client half of one thread.
pub(crate) fn client_half(
    params: &Params,
    target: &Target,
    feed: &feed::Spec,
) -> Rc<dyn ClientHalf> {
    let config = WebSocketConfig::default()
        .read_buffer_size(params.read_buffer_bytes as usize)
        .write_buffer_size(0);
    Rc::new(WebSocketClients {
        target: target.clone(),
        config,
        reconnect_ns: params.reconnect_ns,
        back_to_back: params.back_to_back,
        feed: *feed,
        scratch: RefCell::default(),
    })
}

impl WebSocketClients {
    async fn run_client(&self, client: &mut Client) {
        let mut delivery = DeliveryTracker::new(skipped(&self.feed));
        self.receive(client, &mut delivery).await;
        delivery.settle(client);
    }

    async fn receive(&self, client: &mut Client, delivery: &mut DeliveryTracker) {
        let first = client.set_up(async |client| self.open(client, Phase::Setup).await);
        let Some(mut connection) = Box::pin(first).await else { return };
        let sends = self.feed.sends(client.id);
        let mut sender = sends.then(|| client.second_handle(self.feed.period_ns()));
        loop {
            let ended = match self.feed.workload {
                Workload::Echo => self.echo(client, &mut connection, delivery).await,
                _ => self.listen(client, &mut connection, delivery, &mut sender).await,
            };
            connection.count_unanswered(client, ended == SessionEnd::Stopped);
            if ended == SessionEnd::Stopped {
                return;
            }
            let phase = connection.phase();
            delivery.reconnected();
            let again =
                client.reconnect(self.reconnect_ns, async |client| self.open(client, phase).await);
            let Some(next) = Box::pin(again).await else { return };
            connection = next;
        }
    }

    /// Connects and upgrades. Errors and bytes belong to `phase`.
    async fn open(&self, client: &mut Client, phase: Phase) -> Option<WebSocketConnection> {
        let (mut stream, mut account) = client.connect(phase).await?;
        let began = now_ns();
        let upgrading = upgrade(&mut stream, &self.target);
        let outcome = match tokio::time::timeout(client.timeout(), upgrading).await {
            Err(_) => Err(ClientError::of(ClientErrorKind::ResponseTimeout)),
            Ok(outcome) => outcome,
        };
        match outcome {
            Err(error) => {
                account.close_failed(&stream);
                client.fault(phase, error);
                None
            }
            Ok(handshake) => {
                handshake.add_bytes(client, phase, &stream, &mut account);
                client.upgraded(now_ns() - began);
                let socket = WebSocketStream::from_partially_read(
                    Scanned::new(stream, &handshake.leftover),
                    handshake.leftover,
                    Role::Client,
                    Some(self.config),
                );
                let pending = (self.feed.workload == Workload::Echo).then(PendingEchoes::default);
                let socket = socket.await;
                Some(WebSocketConnection { socket, account, pending, writing: None })
            }
        }
    }

    /// Receives until the client must stop or the connection is lost; a sender sends meanwhile.
    async fn listen(
        &self,
        client: &mut Client,
        connection: &mut WebSocketConnection,
        delivery: &mut DeliveryTracker,
        sender: &mut Option<Client>,
    ) -> SessionEnd {
        let (mut sleep, mut change) = client.next_change();
        let watchdog = client.watchdog.clone();
        loop {
            let turn = {
                let mut turn = pin!(next_turn(sender.as_mut(), self.placement()));
                loop {
                    match next(connection, Some(&mut sleep), &watchdog, turn.as_mut()).await {
                        SocketEvent::Turn(turn) => break turn,
                        SocketEvent::Received(received) => {
                            let ended = connection.receive(client, delivery, received).await;
                            if let Some(ended) = ended {
                                return ended;
                            }
                        }
                        SocketEvent::Woken(woken) => {
                            match client.change(woken, change) {
                                Some(Change::Stop) => {
                                    connection.close(client, delivery).await;
                                    return SessionEnd::Stopped;
                                }
                                Some(Change::Phase(phase)) => connection.enter(phase),
                                None => {}
                            }
                            (sleep, change) = client.next_change();
                        }
                    }
                }
            };
            // Without a turn the client must stop.
            if let (Some(turn), Some(sender)) = (turn, sender.as_ref()) {
                let sequence = sender.post().sequence();
                let stamp = Stamp { sequence, published_ns: turn.intended_ns };
                connection.send(client, turn.phase, stamp, |stamp| self.render(stamp));
            } else {
                connection.close(client, delivery).await;
                return SessionEnd::Stopped;
            }
        }
    }

    /// Sends and receives an echo until the client must stop or the connection is lost.
    async fn echo(
        &self,
        client: &mut Client,
        connection: &mut WebSocketConnection,
        delivery: &mut DeliveryTracker,
    ) -> SessionEnd {
        loop {
            let watchdog = client.watchdog.clone();
            let waits = self.back_to_back && !connection.is_idle();
            let event = {
                let mut turn = pin!(async {
                    if waits {
                        std::future::pending().await
                    } else {
                        client.turn(self.placement()).await
                    }
                });
                next(connection, None, &watchdog, turn.as_mut()).await
            };
            match event {
                SocketEvent::Turn(Some(Turn { intended_ns, phase })) => {
                    connection.enter(phase);
                    let stamp = Stamp { sequence: client.turns_taken(), published_ns: intended_ns };
                    connection.send(client, phase, stamp, |stamp| self.render(stamp));
                }
                SocketEvent::Turn(None) => {
                    connection.close(client, delivery).await;
                    return SessionEnd::Stopped;
                }
                SocketEvent::Received(received) => {
                    if let Some(ended) = connection.receive(client, delivery, received).await {
                        return ended;
                    }
                }
                // An echo has no sleep besides its turns.
                SocketEvent::Woken(_) => {}
            }
        }
    }

    fn placement(&self) -> TurnPlacement {
        if self.feed.spread { TurnPlacement::Spread } else { TurnPlacement::Together }
    }

    /// Renders a message. Its memory is used again once it was written.
    fn render(&self, stamp: Stamp) -> Message {
        let mut scratch = self.scratch.borrow_mut();
        scratch.resize(self.feed.payload_bytes as usize, 0);
        stamp.write(self.feed.kind, &mut scratch);
        message(self.feed.kind, scratch.split().freeze())
    }
}

/// Waits for the next turn of a sender; forever, if the client is none.
async fn next_turn(sender: Option<&mut Client>, placement: TurnPlacement) -> Option<Turn> {
    match sender {
        Some(sender) => sender.turn(placement).await,
        None => std::future::pending().await,
    }
}

enum SocketEvent {
    Received(Result<Message, ClientError>),
    Turn(Option<Turn>),
    Woken(bool),
}

/// Waits for the next message, turn, or end of the sleep. A message goes first, and no turn comes
/// while the last message is being written.
async fn next(
    connection: &mut WebSocketConnection,
    mut sleep: Option<&mut Sleep>,
    watchdog: &Watchdog,
    mut turn: Pin<&mut impl Future<Output = Option<Turn>>>,
) -> SocketEvent {
    poll_fn(|cx| {
        if let Poll::Ready(received) = connection.socket.poll_next_unpin(cx) {
            return Poll::Ready(SocketEvent::Received(match received {
                Some(Ok(message)) => Ok(message),
                Some(Err(error)) => Err(client_error(&error)),
                None => Err(ClientError::of(ClientErrorKind::EarlyClose)),
            }));
        }
        if connection.pending.is_some() && watchdog.expired(cx) {
            return Poll::Ready(SocketEvent::Received(Err(ClientError::of(
                ClientErrorKind::ResponseTimeout,
            ))));
        }
        if connection.poll_written(cx).is_ready()
            && let Poll::Ready(turn) = turn.as_mut().poll(cx)
        {
            return Poll::Ready(SocketEvent::Turn(turn));
        }
        match &mut sleep {
            Some(sleep) => Pin::new(&mut **sleep).poll(cx).map(SocketEvent::Woken),
            None => Poll::Pending,
        }
    })
    .await
}

fn client_error(error: &Error) -> ClientError {
    match error {
        Error::Io(error) => ClientError::io(ClientErrorKind::Read, error),
        Error::ConnectionClosed | Error::AlreadyClosed => {
            ClientError::of(ClientErrorKind::EarlyClose)
        }
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            ClientError::of(ClientErrorKind::EarlyClose)
        }
        _ => ClientError::of(ClientErrorKind::Malformed),
    }
}

impl ClientHalf for WebSocketClients {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.run_client(&mut client).await })
    }
}

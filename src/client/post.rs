//! Messages of clients by POST, one each turn. Shared by the transports over HTTP.
//!
//! If clients send to each other, a client receives on the connection of its transport and sends on
//! a second one from the same address. If the server answers each message with the same, as in an
//! echo, the client has no other connection.

use crate::client::handle::Client;
use crate::client::http_connection::{HeadSize, HttpConnection, add_exchange};
use crate::client::{ClientHalf, LocalFuture};
use crate::feed::{Spec, Stamp};
use crate::protocol::http1::Target;
use crate::protocol::http1::head::RequestHead;
use crate::protocol::http1::response::{BodyPiece, Response};
use crate::record::{ClientError, ClientErrorKind, Part, Phase};
use crate::time::{Turn, TurnPlacement, now_ns};
use std::rc::Rc;

/// How the server answers a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PostReply {
    /// With 204 and no body; the message goes to all clients.
    NoContent,
    /// With 200 and the same message.
    Echo,
}

/// The clients of one thread that send a message by POST each turn.
pub(crate) struct PostClients {
    head: Vec<u8>,
    head_size: HeadSize,
    spec: Spec,
    reply: PostReply,
    placement: TurnPlacement,
    new_connection: bool,
}

/// What one client sends and receives. Its memory is used again for each message.
struct PostState {
    request: Vec<u8>,
    response: Response,
    connection: Option<HttpConnection>,
}

impl PostClients {
    /// Sends messages of this feed with the head of a request, made into a POST.
    pub(crate) fn new(
        head: &RequestHead,
        target: &Target,
        spec: &Spec,
        reply: PostReply,
    ) -> PostClients {
        let head = head.render_post(&target.path, &target.authority, spec.kind, spec.payload_bytes);
        PostClients {
            head_size: HeadSize::of(&head),
            head,
            spec: *spec,
            reply,
            placement: if spec.spread { TurnPlacement::Spread } else { TurnPlacement::Together },
            new_connection: false,
        }
    }

    /// Places the turns elsewhere in the interval, and perhaps opens a connection for each.
    pub(crate) fn with(self, placement: TurnPlacement, new_connection: bool) -> PostClients {
        PostClients { placement, new_connection, ..self }
    }

    /// Sends a message each turn until the client must end.
    async fn send_messages(&self, client: &mut Client) {
        let mut request = self.head.clone();
        request.resize(self.head.len() + self.spec.payload_bytes as usize, 0);
        let mut state = PostState { request, response: Response::default(), connection: None };
        if !Box::pin(self.set_up(client, &mut state)).await {
            return;
        }
        while let Some(turn) = client.turn(self.placement).await {
            if state.connection.is_none() {
                state.connection =
                    Box::pin(client.connect(turn.phase)).await.map(HttpConnection::new);
            }
            let keep = self.exchange(client, &mut state, turn).await;
            if !keep || self.new_connection {
                state.connection = None;
            }
        }
    }

    /// Connects. In an echo it also exchanges a first message, so that none of the measured ones is
    /// the first.
    async fn set_up(&self, client: &mut Client, state: &mut PostState) -> bool {
        let first = client.set_up(async |client| {
            state.connection = client.connect(Phase::Setup).await.map(HttpConnection::new);
            if self.reply == PostReply::NoContent {
                return state.connection.is_some().then_some(());
            }
            state.connection.as_ref()?;
            let turn = Turn { intended_ns: now_ns(), phase: Phase::Setup };
            let faults = client.faults();
            let keep = self.exchange(client, state, turn).await;
            if !keep || self.new_connection {
                state.connection = None;
            }
            (client.faults() == faults).then_some(())
        });
        first.await.is_some()
    }

    fn stamp(&self, client: &Client, turn: Turn) -> Stamp {
        let sequence = match self.reply {
            PostReply::NoContent => client.post().sequence(),
            PostReply::Echo => client.turns_taken(),
        };
        Stamp { sequence, published_ns: turn.intended_ns }
    }

    /// Sends one message and reads its response. Returns whether the connection may be used again.
    /// A message is never sent again: the sender cannot know whether the server received it.
    async fn exchange(&self, client: &Client, state: &mut PostState, turn: Turn) -> bool {
        let PostState { request, response, connection } = state;
        let Some(connection) = connection else {
            self.count(client, turn, false, None);
            return false;
        };
        connection.enter(turn.phase);
        self.stamp(client, turn).write(self.spec.kind, &mut request[self.head.len()..]);
        let sent_ns = now_ns();
        client.watchdog.begin(sent_ns);
        response.reset();
        let message = &request[self.head.len()..];
        let mut at = 0;
        let mut same = true;
        let mut sent = false;
        let end = match connection.write(client, request).await {
            Err(error) => Err(error),
            Ok(()) => {
                sent = true;
                let body = |piece: BodyPiece<'_>| {
                    if let BodyPiece::Data(bytes) = piece {
                        same &= message.get(at..at + bytes.len()) == Some(bytes);
                        at += bytes.len();
                    }
                };
                connection.read(client, response, body).await
            }
        };
        client.watchdog.end();
        let moved = connection.account.take_moved();
        let parts = end.is_ok().then_some(response.parts);
        add_exchange(client, turn.phase, moved, self.head_size, parts);
        if parts.is_some() {
            client.add_bytes(turn.phase, |ledger| ledger.up[Part::Payload] += message.len() as u64);
        }
        let result = end.and_then(|beyond| {
            self.check(client, turn, response, beyond, same && at == message.len())
        });
        match result {
            Ok(()) => self.count(client, turn, sent, Some(sent_ns)),
            Err(error) => {
                self.count(client, turn, sent, None);
                client.fault(turn.phase, error);
            }
        }
        result.is_ok() && response.keep_alive
    }

    fn check(
        &self,
        client: &Client,
        turn: Turn,
        response: &Response,
        beyond: u64,
        same: bool,
    ) -> Result<(), ClientError> {
        if beyond > 0 {
            client.discarded(turn.phase, beyond);
            return Err(ClientError::of(ClientErrorKind::Malformed));
        }
        match (self.reply, response.status) {
            (PostReply::NoContent, 204) => Ok(()),
            (PostReply::Echo, 200) if same => Ok(()),
            (PostReply::Echo, 200) => Err(ClientError::of(ClientErrorKind::Malformed)),
            (_, status) => Err(ClientError::with(ClientErrorKind::Status, i32::from(status))),
        }
    }

    /// Counts a message. `sent_ns` is the moment of sending, if the response is as it should be.
    fn count(&self, client: &Client, turn: Turn, sent: bool, sent_ns: Option<u64>) {
        let done_ns = now_ns();
        client.message_sent(turn.phase, sent);
        if self.reply == PostReply::NoContent {
            return;
        }
        client.echo_awaited(turn.phase);
        match sent_ns {
            Some(sent_ns) => {
                client.echo_received(turn.phase, turn.intended_ns, sent_ns, done_ns);
                client.thread.event();
            }
            None => client.echo_missing(turn.phase),
        }
    }
}

impl ClientHalf for PostClients {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.send_messages(&mut client).await })
    }
}

/// Returns a client half that also sends messages by POST, if clients send to each other; the same
/// client half if they do not.
pub(crate) fn with_sender(
    clients: Rc<dyn ClientHalf>,
    head: &RequestHead,
    target: &Target,
    spec: &Spec,
) -> Rc<dyn ClientHalf> {
    if !spec.workload.is_shared() {
        return clients;
    }
    let sender = PostClients::new(head, target, spec, PostReply::NoContent);
    Rc::new(WithSender { clients, sender: Rc::new(sender), spec: *spec })
}

struct WithSender {
    clients: Rc<dyn ClientHalf>,
    sender: Rc<PostClients>,
    spec: Spec,
}

impl ClientHalf for WithSender {
    fn run(self: Rc<Self>, client: Client) -> LocalFuture<()> {
        if !self.spec.sends(client.id) {
            return self.clients.clone().run(client);
        }
        let mut second = client.second_handle(self.spec.period_ns());
        let receiving = self.clients.clone().run(client);
        // One task, so that the client has ended when both have.
        Box::pin(async move {
            futures_util::future::join(receiving, self.sender.send_messages(&mut second)).await;
        })
    }
}

//! Messages of clients by POST, one each turn. Shared by the transports over HTTP.
//!
//! If clients send to each other, a client receives on the connection of its transport and sends on
//! a second one from the same address. If the server answers each message with the same, as in an
//! echo, the client has no other connection.

use crate::client::compressed_bodies::{CompressedBodies, WholeBody, feed_text};
use crate::client::core::ClientCore;
use crate::client::http::{add_exchange, malformed, receive_idle, surplus, too_late};
use crate::client::machine::{Io, Machine, Reconnect, SessionPolicy};
use crate::client::rendered_request::HeadSize;
use crate::client::requests::{Redirected, Requests};
use crate::client::session::Session;
use crate::client::{ClientHalf, MachineClients};
use crate::feed::{Spec, Stamp};
use crate::protocol::answer_input::{AnswerFrame, AnswerInput};
use crate::protocol::http1::Target;
use crate::protocol::http1::request_options::RequestSettings;
use crate::protocol::http1::response::{Malformed, Response};
use crate::protocol::http2::fields::PreparedFields;
use crate::record::{ClientError, ClientErrorKind, Part, Phase, TlsProblem};
use crate::time::{Turn, TurnPlacement};
use std::rc::Rc;

/// How the server answers a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PostReply {
    /// With any 2xx; the message goes to all clients. The reference server answers with 204.
    Accepted,
    /// With 200 and the same message.
    Echo,
}

/// The clients of one thread that send a message by POST each turn.
#[derive(Clone)]
pub(crate) struct PostClients {
    heads: Rc<Requests>,
    spec: Spec,
    reply: PostReply,
    placement: TurnPlacement,
    new_connection: bool,
}

impl PostClients {
    /// Sends messages of this feed with the head of a request, made into a POST.
    ///
    /// # Errors
    /// A sentence, if the clients' data cannot be read.
    pub(crate) fn new(
        request: &RequestSettings,
        target: &Target,
        spec: &Spec,
        reply: PostReply,
    ) -> Result<PostClients, String> {
        let parts = request.post(target, spec.kind, spec.payload_bytes);
        Ok(PostClients {
            heads: Rc::new(Requests::new(parts, &request.options, target)?),
            spec: *spec,
            reply,
            placement: if spec.spread { TurnPlacement::Spread } else { TurnPlacement::Together },
            new_connection: false,
        })
    }

    /// Places the turns elsewhere in the interval, and perhaps opens a connection for each.
    pub(crate) fn with(self, placement: TurnPlacement, new_connection: bool) -> PostClients {
        PostClients { placement, new_connection, ..self }
    }
}

impl MachineClients for PostClients {
    fn sessions(&self, core: ClientCore) -> Vec<Session> {
        let policy = SessionPolicy {
            turns: Some(self.placement),
            reconnect: Reconnect::NextTurn,
            connects: true,
        };
        let mut machine = PostMachine {
            clients: self.clone(),
            request: Vec::new(),
            head_bytes: 0,
            fields: None,
            head_size: HeadSize::default(),
            response: self.heads.response(),
            bodies: self.heads.compressed_bodies(),
            pending: None,
            same: true,
            at: 0,
        };
        machine.render_head(&core);
        self.heads.sessions(core, Box::new(machine), policy)
    }
}

/// What one client sends and receives. Its memory is used again for each message.
struct PostMachine {
    clients: PostClients,
    /// The head of a message, and the message.
    request: Vec<u8>,
    /// How many of its bytes are the head.
    head_bytes: usize,
    /// The head's fields, if it goes over HTTP/2.
    fields: Option<Box<PreparedFields>>,
    /// What the head is on the wire.
    head_size: HeadSize,
    response: Response,
    /// What reads compressed bodies, if requests ask for some.
    bodies: Option<Box<CompressedBodies>>,
    /// The message under way, and the moment of sending.
    pending: Option<(Turn, u64)>,
    /// In an echo, whether the body so far is the message's beginning, and how long it is.
    same: bool,
    at: usize,
}

impl PostMachine {
    /// Renders the head of the client's next message.
    fn render_head(&mut self, core: &ClientCore) {
        let head = self.clients.heads.next(core, b"", &Redirected::default());
        self.head_size = head.size;
        self.head_bytes = head.bytes.len();
        self.fields = head.http2().map(|(fields, _)| Box::new(fields.clone()));
        self.request.clear();
        self.request.extend_from_slice(&head.bytes);
        self.request.resize(head.bytes.len() + self.clients.spec.payload_bytes as usize, 0);
    }

    fn send(&mut self, io: &mut Io<'_>, turn: Turn) {
        io.enter(turn.phase);
        io.begin_exchange(0);
        let sequence = match self.clients.reply {
            PostReply::Accepted => io.post().sequence(),
            PostReply::Echo => io.turns_taken(),
        };
        let stamp = Stamp { sequence, published_ns: turn.intended_ns };
        if self.clients.heads.varies() {
            self.render_head(io.core);
        }
        let Spec { kind, seed, .. } = self.clients.spec;
        stamp.write(kind, seed, &mut self.request[self.head_bytes..]);
        self.response.reset();
        if let Some(bodies) = &mut self.bodies {
            bodies.restart();
        }
        self.same = true;
        self.at = 0;
        self.pending = Some((turn, io.now_ns));
        let sent = match &self.fields {
            None => io.send(&self.request).map(|()| self.head_size),
            Some(fields) => io.send_fields(fields, &self.request[self.head_bytes..]),
        };
        match sent {
            Ok(size) => self.head_size = size,
            Err(error) => self.complete(io, Err(error)),
        }
    }

    fn read(&mut self, io: &mut Io<'_>, input: AnswerInput<'_>) {
        if self.pending.is_none() {
            return receive_idle(io, &mut self.response, input);
        }
        let PostMachine { response, bodies, request, head_bytes, same, at, .. } = self;
        let message = &request[*head_bytes..];
        let fed = feed_text(bodies.as_deref_mut(), response, input, |bytes| {
            *same &= message.get(*at..*at + bytes.len()) == Some(bytes);
            *at += bytes.len();
        });
        match fed {
            Ok(used) if self.response.is_done() => {
                self.complete(io, Ok((input.len() - used) as u64));
            }
            Ok(_) => {}
            Err(Malformed) => {
                let error = malformed(&self.response);
                self.complete(io, Err(error));
            }
        }
    }

    /// The exchange has ended: `beyond` bytes came after a whole response. A message is never sent
    /// again: the sender cannot know whether the server received it.
    fn complete(&mut self, io: &mut Io<'_>, end: Result<u64, ClientError>) {
        let Some((turn, sent_ns)) = self.pending.take() else { return };
        io.end_exchange();
        let sent = io.unsent() == 0;
        let moved = io.take_moved();
        let here = Redirected::default();
        self.clients.heads.keep(io.core, turn.phase, &here, self.response.cookies.take());
        let body = self.bodies.as_mut().map_or(WholeBody::Plain, |bodies| bodies.end());
        let result = end.and_then(|beyond| self.check(io.core, turn, body, beyond));
        // Bytes beyond an answer do not touch it.
        let surplus = |error: &ClientError| error.kind == ClientErrorKind::Surplus;
        let counted = result.is_ok() || result.as_ref().is_err_and(surplus);
        let parts = counted.then_some(self.response.parts);
        add_exchange(io.core, turn.phase, moved, self.head_size, parts);
        if let Some(parts) = parts {
            if let WholeBody::Compressed(text_bytes) = body {
                io.decoded(turn.phase, text_bytes, parts.payload);
            }
            let payload = u64::from(self.clients.spec.payload_bytes);
            io.add_bytes(turn.phase, |ledger| ledger.up[Part::Payload] += payload);
        }
        self.count(io.core, turn, sent, result.is_ok().then_some((sent_ns, io.now_ns)));
        if let Err(error) = result {
            return io.lose_refused(error, self.response.text.take());
        }
        if !io.is_set_up() {
            io.set_up();
        }
        if io.is_stopping() {
            io.finish();
        } else if !self.response.keep_alive || self.clients.new_connection {
            if self.clients.new_connection {
                io.core.expect_connect();
            }
            io.close();
        }
    }

    fn check(
        &self,
        core: &ClientCore,
        turn: Turn,
        body: WholeBody,
        beyond: u64,
    ) -> Result<(), ClientError> {
        if beyond > 0 {
            core.discarded(turn.phase, beyond);
            return Err(surplus(beyond));
        }
        if body == WholeBody::Undecodable {
            return Err(ClientError::of(ClientErrorKind::Undecodable));
        }
        let whole = self.same && self.at == self.clients.spec.payload_bytes as usize;
        let success = &self.clients.heads.success;
        match (self.clients.reply, self.response.status) {
            // 304 is an answer to a GET alone.
            (PostReply::Accepted, status) if status != 304 && success.contains(status) => Ok(()),
            (PostReply::Echo, 200) if whole => Ok(()),
            (PostReply::Echo, 200) if self.response.is_unreadable() => {
                Err(ClientError::of(ClientErrorKind::Compressed))
            }
            (PostReply::Echo, 200) => Err(ClientError::of(ClientErrorKind::Malformed)),
            (_, status) => Err(ClientError::with(ClientErrorKind::Status, i32::from(status))),
        }
    }

    /// Counts a message. `times` are the moments of sending and of the response, if that is as it
    /// should be.
    fn count(&self, core: &ClientCore, turn: Turn, sent: bool, times: Option<(u64, u64)>) {
        core.message_sent(turn.phase, sent);
        if self.clients.reply == PostReply::Accepted {
            return;
        }
        core.echo_awaited(turn.phase);
        match times {
            Some((sent_ns, done_ns)) => {
                core.echo_received(turn.phase, turn.intended_ns, sent_ns, done_ns);
                core.thread.event();
            }
            None => core.echo_missing(turn.phase),
        }
    }
}

impl Machine for PostMachine {
    fn opened(&mut self, io: &mut Io<'_>) {
        self.response.restart();
        if io.is_set_up() {
            return;
        }
        match self.clients.reply {
            PostReply::Accepted => io.set_up(),
            // A first message, so that none of the measured ones is the first.
            PostReply::Echo => {
                self.send(io, Turn { intended_ns: io.now_ns, phase: Phase::Setup });
            }
        }
    }

    fn received(&mut self, io: &mut Io<'_>, bytes: &[u8]) {
        self.read(io, AnswerInput::Bytes(bytes));
    }

    fn answer(&mut self, io: &mut Io<'_>, frame: AnswerFrame<'_>) {
        self.read(io, AnswerInput::Frame(frame));
    }

    fn ended(&mut self, io: &mut Io<'_>, error: Option<ClientError>) {
        if self.pending.is_none() {
            return io.close();
        }
        let end = match error {
            Some(error) => Err(error),
            None if io.is_truncated() && !self.response.is_untouched() => {
                Err(TlsProblem::Truncated.error())
            }
            None if self.response.end_of_stream().is_ok() => Ok(0),
            None => Err(ClientError::of(ClientErrorKind::EarlyClose)),
        };
        self.complete(io, end);
    }

    fn turn(&mut self, io: &mut Io<'_>, turn: Turn) {
        self.send(io, turn);
    }

    fn turn_lost(&mut self, core: &ClientCore, turn: Turn) {
        self.count(core, turn, false, None);
    }

    fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    fn expired(&mut self, io: &mut Io<'_>) {
        let (error, text) = too_late(&self.response);
        self.response.text = text;
        self.complete(io, Err(error));
    }

    fn stop(&mut self, io: &mut Io<'_>) {
        if self.pending.is_none() {
            io.finish();
        }
    }

    fn closing(&mut self, io: &mut Io<'_>, _last: bool) {
        if let Some((turn, _)) = self.pending.take() {
            let moved = io.take_moved();
            add_exchange(io.core, turn.phase, moved, self.head_size, None);
            self.count(io.core, turn, true, None);
        }
    }
}

/// Returns a client half that also sends messages by POST, if clients send to each other; the same
/// client half if they do not.
///
/// # Errors
/// A sentence, if the clients' data cannot be read.
pub(crate) fn with_sender(
    half: ClientHalf,
    request: &RequestSettings,
    target: &Target,
    spec: &Spec,
) -> Result<ClientHalf, String> {
    if !spec.workload.is_shared() {
        return Ok(half);
    }
    let posts = PostClients::new(request, target, spec, PostReply::Accepted)?;
    let sender = PostSender { posts, spec: *spec };
    Ok(match half {
        ClientHalf::Machines(clients) => {
            ClientHalf::Machines(Rc::new(WithSender { clients, sender }))
        }
        ClientHalf::Tasks(clients, _) => ClientHalf::Tasks(clients, Some(Rc::new(sender))),
    })
}

/// Sessions of the second connections of clients that send, and none for the others.
struct PostSender {
    posts: PostClients,
    spec: Spec,
}

impl MachineClients for PostSender {
    fn sessions(&self, core: ClientCore) -> Vec<Session> {
        self.posts.sessions(core)
    }
    fn second_handle(&self, core: &ClientCore) -> Option<ClientCore> {
        self.spec.sends(core.id).then(|| core.second_handle(self.spec.period_ns()))
    }
}

struct WithSender {
    clients: Rc<dyn MachineClients>,
    sender: PostSender,
}

impl MachineClients for WithSender {
    fn sessions(&self, core: ClientCore) -> Vec<Session> {
        let second = self.sender.second_handle(&core);
        let mut sessions = self.clients.sessions(core);
        sessions.extend(second.into_iter().flat_map(|second| self.sender.sessions(second)));
        sessions
    }
}

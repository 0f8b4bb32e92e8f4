//! The client half: one request is always under way; its response is followed by the next one.

use crate::client::compressed_bodies::{CompressedBodies, WholeBody, feed_text};
use crate::client::connection::MovedBytes;
use crate::client::delivery::client_inbox::ClientInbox;
use crate::client::delivery::inbox::{Inbox, without_separators};
use crate::client::delivery::per_client::DeliveryTracker;
use crate::client::delivery::skipped::Skipped;
use crate::client::http::{
    STREAM_LIMIT_NS, SentRequest, add_response, brings_message, discard_payload, limit_stream,
    malformed, retry_after_ns, surplus, too_late, unasked,
};
use crate::client::machine::{Io, Machine, Reconnect, SessionPolicy};
use crate::client::rendered_request::HeadSize;
use crate::client::requests::{Redirected, Requests};
use crate::client::{ClientCore, ClientHalf, MachineClients, Session};
use crate::feed;
use crate::protocol::answer_input::{AnswerFrame, AnswerInput};
use crate::protocol::http1::Target;
use crate::protocol::http1::head::last_event_id;
use crate::protocol::http1::position::{Position, PositionSettings};
use crate::protocol::http1::response::{Malformed, Parts, Response, WantedFields};
use crate::record::{ClientError, ClientErrorKind, Part, Phase, TlsProblem, TraceKind};
use crate::transport::long_polling::params::Params;
use std::rc::Rc;

/// A request that was answered sooner was not held.
const AT_ONCE_NS: u64 = 100_000_000;

/// An answer that goes on for so long when its client must end is one without an end.
const ENDLESS_NS: u64 = 1_000_000_000;

/// The clients of one thread.
struct LongPollingClients(Rc<LongPollSettings>);

struct LongPollSettings {
    requests: Requests,
    position: PositionSettings,
    hold_ns: u64,
    reconnect_ns: u64,
    skipped: Skipped,
}

/// Returns the client half of one thread.
///
/// # Errors
/// A sentence, if the clients' data cannot be read.
pub(crate) fn client_half(
    params: &Params,
    target: &Target,
    feed: &feed::Spec,
) -> Result<ClientHalf, String> {
    let parts = params.request.request(target, None);
    let semantics = params.pending.semantics().unwrap_or(feed.semantics);
    Ok(ClientHalf::Machines(Rc::new(LongPollingClients(Rc::new(LongPollSettings {
        requests: Requests::new(parts, &params.request.options, target)?,
        position: params.position.clone(),
        hold_ns: params.hold_ns,
        reconnect_ns: params.reconnect_ns,
        skipped: Skipped::from(semantics),
    })))))
}

impl MachineClients for LongPollingClients {
    fn sessions(&self, core: ClientCore) -> Vec<Session> {
        let policy = SessionPolicy {
            turns: None,
            reconnect: Reconnect::After(self.0.reconnect_ns),
            connects: true,
        };
        let position = (!self.0.position.is_none()).then(Box::<Position>::default);
        let mut response = self.0.requests.response();
        response.wanted =
            position.is_some().then(|| Box::new(WantedFields::new(self.0.position.wanted())));
        let machine = LongPollMachine {
            delivery: DeliveryTracker::asking(self.0.skipped),
            inbox: ClientInbox::default(),
            shared: self.0.clone(),
            sent: SentRequest::default(),
            response,
            bodies: self.0.requests.compressed_bodies(),
            position,
            redirected: Redirected::default(),
            asked: HeadSize::default(),
            asked_ns: 0,
            used: false,
            body: None,
            last_body: None,
        };
        self.0.requests.sessions(core, Box::new(machine), policy)
    }
}

/// Returns a hash of what has `before` as its hash, and of bytes after it (FNV-1a).
fn hash(before: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(before ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// One client.
struct LongPollMachine {
    shared: Rc<LongPollSettings>,
    delivery: DeliveryTracker,
    inbox: ClientInbox,
    sent: SentRequest,
    response: Response,
    /// What reads compressed bodies, if requests ask for some.
    bodies: Option<Box<CompressedBodies>>,
    /// What is known of the last answer, if requests say something of it.
    position: Option<Box<Position>>,
    redirected: Redirected,
    /// The size of the request.
    asked: HeadSize,
    /// When it was sent.
    asked_ns: u64,
    /// Whether a request was sent on the connection before.
    used: bool,
    /// A hash of the body so far, if it came at once, and of the last one.
    body: Option<u64>,
    last_body: Option<u64>,
}

impl LongPollMachine {
    /// Sends a request. Returns whether it could be sent.
    fn ask(&mut self, io: &mut Io<'_>) -> bool {
        self.response.reset();
        self.inbox.clear(&io.core.thread);
        self.body = None;
        if let Some(bodies) = &mut self.bodies {
            bodies.restart();
        }
        // The response is late only after the time that the server may hold it.
        io.begin_exchange(self.shared.hold_ns);
        io.trace(TraceKind::Sent, io.now_ns, None);
        // Over HTTP/2 the server does not know a client by its connection.
        let names_newest = !self.used || self.shared.requests.are_http2();
        let newest = self.delivery.newest().filter(|_| names_newest);
        let more = newest.map(last_event_id).unwrap_or_default();
        let sent = self.send(io, more);
        self.used = true;
        self.asked = sent.unwrap_or_default();
        self.asked_ns = io.now_ns;
        match sent {
            Ok(_) => {}
            // The server takes no further requests on this connection.
            Err(error) if error.is_orderly_goaway() => io.reconnect(),
            Err(error) => io.lose(error),
        }
        sent.is_ok()
    }

    /// Sends a request with further fields. Returns what it is on the wire.
    fn send(&mut self, io: &mut Io<'_>, more: String) -> Result<HeadSize, ClientError> {
        let LongPollMachine { shared, redirected, position, sent, .. } = self;
        let request = match position {
            None => shared.requests.next(io.core, more.as_bytes(), redirected),
            Some(position) => {
                let mut more = more.into_bytes();
                position.abandon();
                position.write_fields(&shared.position, &mut more);
                let query = position.query(&shared.position);
                let member = position.member(&shared.position);
                shared.requests.next_at(io.core, &more, redirected, query, member)
            }
        };
        sent.send(io, &request)
    }

    /// The response is whole; `beyond` bytes came after it. Asks again unless the connection must
    /// not be used any more.
    fn answered(&mut self, io: &mut Io<'_>, beyond: u64) {
        io.end_exchange();
        let phase = io.phase();
        let LongPollMachine { shared, redirected, response, .. } = &mut *self;
        shared.requests.keep(io.core, phase, redirected, response.cookies.take());
        let text = response.text.as_deref_mut();
        if shared.requests.follow(io.core, redirected, response.status, text) {
            return self.go_on(io, beyond);
        }
        self.redirected.arrived();
        if !self.shared.requests.success.contains(self.response.status) {
            io.discard_received();
            self.inbox.clear(&io.core.thread);
            let code = i32::from(self.response.status);
            let error = ClientError::with(ClientErrorKind::Status, code);
            return io.lose_refused(error, self.response.text.take());
        }
        let body = self.bodies.as_mut().map_or(WholeBody::Plain, |bodies| bodies.end());
        if body == WholeBody::Undecodable {
            io.discard_received();
            self.inbox.clear(&io.core.thread);
            return io.lose(ClientError::of(ClientErrorKind::Undecodable));
        }
        let mut inbox = self.inbox.take(&io.core.thread);
        let moved = self.count(io, &mut inbox, body, beyond);
        io.note_message();
        if let Some(position) = &mut self.position
            && !position.read(&self.shared.position, &self.response)
        {
            io.cursor_missing(phase);
        }
        let is_message = brings_message(self.response.status);
        if self.response.is_unreadable() && is_message {
            io.compressed(phase, self.response.text.take());
        }
        if self.response.facts.sets_cookie && !self.shared.requests.keeps_cookies() {
            io.cookie_ignored(phase);
        }
        if !is_message {
            inbox.clear();
        }
        let new = self.delivery.deliver(&mut inbox, io.core, phase, io.now_ns);
        self.inbox.put_back(inbox, &io.core.thread);
        if !new {
            io.nothing_new(phase, moved);
        }
        if self.came_at_once(io) && (!new || self.repeats_body()) {
            io.not_held(phase);
        }
        self.last_body = self.body.take();
        if io.is_stopping() {
            // The server's end is still to come.
            if beyond > 0 {
                io.fault(phase, surplus(beyond));
            }
            self.response.reset();
        } else if beyond > 0 {
            io.lose(surplus(beyond));
        } else if self.response.keep_alive {
            self.ask(io);
        } else {
            io.reopen();
        }
    }

    /// Counts a whole answer with this body. Returns what the exchange has moved.
    fn count(
        &mut self,
        io: &mut Io<'_>,
        inbox: &mut Inbox,
        body: WholeBody,
        beyond: u64,
    ) -> MovedBytes {
        let phase = io.phase();
        let separators = inbox.end();
        let mut parts = self.response.parts;
        match body {
            _ if !brings_message(self.response.status) => {
                parts = discard_payload(io.core, phase, self.response.status, parts);
            }
            WholeBody::Compressed(text_bytes) => {
                io.decoded(phase, text_bytes.saturating_sub(separators), parts.payload);
            }
            WholeBody::Plain | WholeBody::Undecodable => {
                parts = without_separators(parts, separators);
            }
        }
        let down = io.take_received();
        io.add_bytes(phase, |ledger| {
            ledger.down.wire += down;
            add_response(&mut ledger.down, &parts);
            ledger.down[Part::Discarded] += beyond;
        });
        io.stray(phase, parts.stray);
        MovedBytes { up: self.asked.wire_bytes(), down }
    }

    /// Asks again where an answer has led to: on the same connection if that can be used.
    fn go_on(&mut self, io: &mut Io<'_>, beyond: u64) {
        self.inbox.clear(&io.core.thread);
        let parts = self.response.parts;
        let down = io.take_received();
        let phase = io.phase();
        io.add_bytes(phase, |ledger| {
            ledger.down.wire += down;
            add_response(&mut ledger.down, &Parts { payload: 0, ..parts });
            ledger.down[Part::Discarded] += parts.payload + beyond;
        });
        if io.is_stopping() {
            // The server's end is still to come.
            self.response.reset();
        } else if self.response.keep_alive && beyond == 0 {
            self.ask(io);
        } else {
            io.reconnect();
        }
    }

    /// Whether the answer came so soon that the server cannot have held the request.
    fn came_at_once(&self, io: &Io<'_>) -> bool {
        let held_ns = io.now_ns.saturating_sub(self.asked_ns);
        let at_once_ns = AT_ONCE_NS.saturating_add(io.dialer().delay.allowance_ns());
        held_ns < at_once_ns.min(self.shared.hold_ns / 2)
    }

    /// Whether the answer under way has begun so long ago that its end is not to be expected.
    fn has_gone_on(&self, io: &Io<'_>) -> bool {
        let limit_ns = if self.response.is_open_event_stream() {
            io.thread.timeout_ns.min(STREAM_LIMIT_NS)
        } else {
            io.thread.timeout_ns
        };
        let began_ns = io.exchange_until_ns().saturating_sub(limit_ns);
        io.now_ns.saturating_sub(began_ns) > ENDLESS_NS
    }

    /// Whether the body is the last one again: what has no stamp is new only if it is different.
    fn repeats_body(&self) -> bool {
        self.body.is_some_and(|body| self.last_body == Some(body))
    }

    fn read(&mut self, io: &mut Io<'_>, input: AnswerInput<'_>) {
        let at_once = self.came_at_once(io);
        let LongPollMachine { inbox, body, bodies, position, shared, response, .. } = &mut *self;
        let inbox = inbox.open(&io.core.thread);
        let fed = feed_text(bodies.as_deref_mut(), response, input, |bytes| {
            inbox.push(bytes);
            if let Some(position) = position {
                position.push(&shared.position, bytes);
            }
            if at_once {
                *body = Some(hash(body.unwrap_or_default(), bytes));
            }
        });
        match fed {
            // A request that is still on its way cannot have been answered.
            Ok(_) if self.sent.is_unsent() => self.fail(io, unasked(input.shown(), 0).0),
            Ok(used) if self.response.is_done() => self.answered(io, (input.len() - used) as u64),
            Ok(_) => {
                if self.response.has_begun() {
                    // It is not held any more.
                    let limit_ns = io.thread.timeout_ns;
                    io.limit_exchange(limit_ns);
                    limit_stream(io, &self.response);
                }
            }
            Err(Malformed) => self.fail(io, malformed(&self.response)),
        }
        self.inbox.release(&io.core.thread);
    }

    fn fail(&mut self, io: &mut Io<'_>, error: ClientError) {
        io.discard_received();
        if io.is_stopping() {
            if error.kind == ClientErrorKind::EarlyClose {
                io.note_both_ended();
            }
            io.finish();
        } else {
            io.lose_refused(error, self.response.text.take());
        }
    }
}

impl Machine for LongPollMachine {
    fn opened(&mut self, io: &mut Io<'_>) {
        self.used = false;
        self.response.restart();
        // A held poll is not answered at once: the client is set up once it has asked.
        if self.ask(io) {
            io.set_up();
        }
    }

    fn received(&mut self, io: &mut Io<'_>, bytes: &[u8]) {
        self.read(io, AnswerInput::Bytes(bytes));
    }

    fn answer(&mut self, io: &mut Io<'_>, frame: AnswerFrame<'_>) {
        self.read(io, AnswerInput::Frame(frame));
    }

    fn ended(&mut self, io: &mut Io<'_>, error: Option<ClientError>) {
        match error {
            Some(error) => self.fail(io, error),
            None if self.response.is_untouched() && !io.is_stopping() => {
                // The server does not hold it any longer.
                io.discard_received();
                io.core.count_resent(io.phase());
                io.reopen();
            }
            None if io.is_truncated() && !self.response.is_untouched() => {
                self.fail(io, TlsProblem::Truncated.error());
            }
            None if !self.response.is_untouched() && self.response.end_of_stream().is_ok() => {
                self.answered(io, 0);
                if io.is_stopping() {
                    io.note_both_ended();
                    io.finish();
                }
            }
            None => self.fail(io, ClientError::of(ClientErrorKind::EarlyClose)),
        }
    }

    fn written(&mut self, io: &mut Io<'_>) {
        self.sent.written(io);
    }

    fn expired(&mut self, io: &mut Io<'_>) {
        let (error, text) = too_late(&self.response);
        self.response.text = text;
        self.fail(io, error);
    }

    /// Ends TCP from this side and reads what is still under way: a held poll may be answered
    /// meanwhile.
    fn stop(&mut self, io: &mut Io<'_>) {
        let (error, text) = too_late(&self.response);
        if error.kind == ClientErrorKind::Unfinished && self.has_gone_on(io) {
            io.refused(io.phase(), error, text);
        }
        io.enter(Phase::Teardown);
        io.half_close();
    }

    fn closing(&mut self, io: &mut Io<'_>, last: bool) {
        self.sent.written(io);
        self.sent.forget();
        io.discard_received();
        if !last {
            self.inbox.clear(&io.core.thread);
            self.delivery.reconnected();
        }
    }

    fn server_pause_ns(&self, core: &ClientCore) -> Option<u64> {
        retry_after_ns(&self.response, &core.thread)
    }

    fn settle(&mut self, core: &ClientCore) {
        self.delivery.settle(core);
    }
}

//! The engine `raw`: a state machine for each client. The request is rendered once for all clients
//! of a thread, and the response is parsed from the buffer that all of them share.

use crate::client::compressed_bodies::{CompressedBodies, WholeBody, feed_text};
use crate::client::http::{
    is_close, limit_stream, malformed, receive_idle, retry_after_ns, surplus, too_late, unasked,
};
use crate::client::machine::{Io, Machine, Reconnect, SessionPolicy};
use crate::client::rendered_request::HeadSize;
use crate::client::requests::{Redirected, Requests, add_redirect};
use crate::client::{ClientCore, MachineClients, Session};
use crate::feed;
use crate::feed::Semantics;
use crate::protocol::answer_input::{AnswerFrame, AnswerInput};
use crate::protocol::http1::Target;
use crate::protocol::http1::head::last_event_id;
use crate::protocol::http1::position::{Position, PositionSettings};
use crate::protocol::http1::response::{KnownHead, Malformed, Response, WantedFields};
use crate::record::{ClientError, ClientErrorKind, Phase, TlsProblem};
use crate::time::{Turn, TurnPlacement};
use crate::transport::polling::client::{CompletedExchange, PollState};
use crate::transport::polling::params::Params;
use std::cell::RefCell;
use std::rc::Rc;

/// The clients of one thread.
pub(crate) struct RawClients(Rc<PollSettings>);

struct PollSettings {
    requests: Requests,
    position: PositionSettings,
    placement: TurnPlacement,
    new_connection: bool,
    feed: feed::Spec,
    known_head: RefCell<KnownHead>,
    /// Whether the first request on a new connection must name the newest update that the client
    /// has.
    resumes: bool,
}

impl RawClients {
    /// Renders the request.
    ///
    /// # Errors
    /// A sentence, if the clients' data cannot be read.
    pub(crate) fn new(
        params: &Params,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<RawClients, String> {
        Ok(RawClients(Rc::new(PollSettings {
            requests: params.requests(target)?,
            position: PositionSettings { conditional: params.conditional, cursor: None },
            placement: params.phase,
            new_connection: params.new_connection,
            feed: *feed,
            known_head: RefCell::default(),
            resumes: feed.semantics == Semantics::Log && target.bundled,
        })))
    }
}

impl MachineClients for RawClients {
    fn sessions(&self, core: ClientCore) -> Vec<Session> {
        let policy = SessionPolicy {
            turns: Some(self.0.placement),
            reconnect: Reconnect::NextTurn,
            connects: true,
        };
        let position = (!self.0.position.is_none()).then(Box::<Position>::default);
        let mut response = self.0.requests.response();
        response.wanted =
            position.is_some().then(|| Box::new(WantedFields::new(self.0.position.wanted())));
        let machine = PollMachine {
            state: PollState::new(&self.0.feed),
            shared: self.0.clone(),
            response,
            position,
            bodies: self.0.requests.compressed_bodies(),
            redirected: Redirected::default(),
            pending: None,
            used: false,
            refused: false,
        };
        self.0.requests.sessions(core, Box::new(machine), policy)
    }
}

/// One client.
struct PollMachine {
    shared: Rc<PollSettings>,
    state: PollState,
    response: Response,
    /// What reads compressed bodies, if requests ask for some.
    bodies: Option<Box<CompressedBodies>>,
    /// What is known of the last answer, if requests say something of it.
    position: Option<Box<Position>>,
    redirected: Redirected,
    pending: Option<PendingPoll>,
    /// Whether a request was sent on the connection before.
    used: bool,
    /// Whether the server has not begun with the last request, and said so.
    refused: bool,
}

/// A request whose response is not whole.
struct PendingPoll {
    turn: Turn,
    sent_ns: u64,
    request: HeadSize,
    /// Whether the connection had been used before.
    reused: bool,
}

impl PollMachine {
    fn ask(&mut self, io: &mut Io<'_>, turn: Turn) {
        io.enter(turn.phase);
        io.begin_exchange(0);
        self.response.reset();
        if let Some(bodies) = &mut self.bodies {
            bodies.restart();
        }
        let reused = std::mem::replace(&mut self.used, true) || io.has_shared_use();
        // Over HTTP/2 the server does not know a client by its connection.
        let names_newest = !reused || self.shared.requests.are_http2();
        let more = if self.shared.resumes && names_newest {
            // A client without an update sends 0: otherwise the server would take it for a new
            // one each time and begin with the next update.
            last_event_id(self.state.delivery.newest().unwrap_or(0))
        } else {
            String::new()
        };
        let mut more = more.into_bytes();
        if let Some(position) = &self.position {
            position.write_fields(&self.shared.position, &mut more);
        }
        let request = self.shared.requests.next(io.core, &more, &self.redirected);
        let sent = io.send_request(&request);
        let size = sent.unwrap_or(request.size);
        self.pending = Some(PendingPoll { turn, sent_ns: io.now_ns, request: size, reused });
        if let Err(error) = sent {
            self.fail(io, error);
        }
    }

    fn read(&mut self, io: &mut Io<'_>, input: AnswerInput<'_>) {
        if self.pending.is_none() {
            return receive_idle(io, &mut self.response, input);
        }
        let response = &mut self.response;
        let head = match (&self.position, input) {
            (None, AnswerInput::Bytes(bytes)) => {
                self.shared.known_head.borrow_mut().read(response, bytes)
            }
            // The validators are each client's: its own head must be read.
            _ => Ok(0),
        };
        let bodies = self.bodies.as_deref_mut();
        let inbox = self.state.inbox.open(&io.core.thread);
        let fed = head.and_then(|head| {
            let body = feed_text(bodies, response, input.rest(head), |text| inbox.push(text));
            body.map(|used| head + used)
        });
        match fed {
            Ok(used) if self.response.is_done() => {
                if io.unsent() > 0 {
                    // A request that is still on its way cannot have been answered.
                    self.fail(io, unasked(input.shown(), 0).0);
                } else {
                    self.complete(io, (input.len() - used) as u64);
                }
            }
            Ok(_) => {
                self.state.inbox.release(&io.core.thread);
                if !io.is_set_up() {
                    limit_stream(io, &self.response);
                }
            }
            Err(Malformed) => self.fail(io, malformed(&self.response)),
        }
    }

    /// The response is whole; `beyond` bytes came after it.
    fn complete(&mut self, io: &mut Io<'_>, beyond: u64) {
        let Some(PendingPoll { turn, sent_ns, request, .. }) = self.pending.take() else { return };
        io.end_exchange();
        let moved = io.take_moved();
        let Response { status, parts, .. } = self.response;
        let PollMachine { shared, redirected, response, .. } = &mut *self;
        shared.requests.keep(io.core, turn.phase, redirected, response.cookies.take());
        if shared.requests.follow(io.core, redirected, status, response.text.as_deref_mut()) {
            add_redirect(io.core, turn.phase, moved, request, &parts);
            return self.go_on(io, turn, beyond);
        }
        self.refused = false;
        self.redirected.arrived();
        let facts = self.response.facts;
        let success = self.shared.requests.success.contains(status);
        let exchange = CompletedExchange {
            turn,
            sent_ns,
            done_ns: io.now_ns,
            status,
            success,
            unreadable: self.response.is_unreadable(),
            body: self.bodies.as_mut().map_or(WholeBody::Plain, |bodies| bodies.end()),
            cookie_ignored: facts.sets_cookie && !self.shared.requests.keeps_cookies(),
            moved,
            request,
            parts,
        };
        let good = self.state.complete(io.core, &exchange, self.response.text.take());
        if let Some(position) = self.position.as_mut().filter(|_| good) {
            // There is no cursor that it could miss.
            position.read(&self.shared.position, &self.response);
        }
        if beyond > 0 {
            if good {
                // The answer counts; what came after it belongs to none. One that does not count is
                // discarded with all that came.
                io.discarded(turn.phase, beyond);
            }
            io.fault(turn.phase, surplus(beyond));
        }
        let keep = self.response.keep_alive && beyond == 0 && !self.shared.new_connection;
        if !io.is_set_up() {
            if !good {
                return io.lose_counted();
            }
            io.set_up();
        }
        if io.is_stopping() {
            io.finish();
        } else if !keep {
            if self.shared.new_connection {
                io.core.expect_connect();
            }
            io.close();
        }
    }

    /// Asks again where an answer has led to: on the same connection if that can be used.
    fn go_on(&mut self, io: &mut Io<'_>, turn: Turn, beyond: u64) {
        self.state.inbox.clear(&io.core.thread);
        if beyond > 0 {
            io.discarded(turn.phase, beyond);
        }
        if io.is_stopping() {
            io.finish();
        } else if self.response.keep_alive && beyond == 0 {
            self.ask(io, turn);
        } else if io.is_set_up() {
            io.retry(turn);
        } else {
            io.reconnect();
        }
    }

    fn fail(&mut self, io: &mut Io<'_>, error: ClientError) {
        let Some(PendingPoll { turn, request, reused, .. }) = self.pending.take() else { return };
        let moved = io.take_moved();
        self.state.fail(io.core, turn, moved, request);
        // One that no connection takes is an error at last.
        let may_repeat = if error.is_not_begun_with() {
            !std::mem::replace(&mut self.refused, true)
        } else {
            reused && is_close(error)
        };
        if may_repeat && self.response.is_untouched() {
            // The server had closed an idle connection, takes no more on this one, or has not begun with this
            // request: it may be sent again (RFC 9112 §9.3.1, RFC 9113 §8.7).
            io.core.count_resent(turn.phase);
            if io.is_set_up() { io.retry(turn) } else { io.reconnect() }
        } else {
            io.lose_refused(error, self.response.text.take());
        }
    }
}

impl Machine for PollMachine {
    fn opened(&mut self, io: &mut Io<'_>) {
        self.used = false;
        self.response.restart();
        if io.is_set_up() {
            self.state.delivery.reconnected();
        } else {
            // A first message, so that none of the measured ones is the first.
            self.ask(io, Turn { intended_ns: io.now_ns, phase: Phase::Setup });
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
            // An idle connection may be closed at any time (RFC 9112 §9.5).
            return io.close();
        }
        match error {
            Some(error) => self.fail(io, error),
            None if io.is_truncated() && !self.response.is_untouched() => {
                self.fail(io, TlsProblem::Truncated.error());
            }
            None if self.response.end_of_stream().is_ok() => self.complete(io, 0),
            None => self.fail(io, ClientError::of(ClientErrorKind::EarlyClose)),
        }
    }

    fn turn(&mut self, io: &mut Io<'_>, turn: Turn) {
        self.ask(io, turn);
    }

    fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    fn expired(&mut self, io: &mut Io<'_>) {
        let (error, text) = too_late(&self.response);
        self.response.text = text;
        self.fail(io, error);
    }

    fn stop(&mut self, io: &mut Io<'_>) {
        if self.pending.is_none() {
            io.finish();
        }
    }

    fn closing(&mut self, io: &mut Io<'_>, _last: bool) {
        if let Some(PendingPoll { turn, request, .. }) = self.pending.take() {
            let moved = io.take_moved();
            self.state.fail(io.core, turn, moved, request);
        }
    }

    fn server_pause_ns(&self, core: &ClientCore) -> Option<u64> {
        retry_after_ns(&self.response, &core.thread)
    }

    fn touch(&self) -> u64 {
        let PollMachine { response, state, pending, .. } = self;
        let sent_ns = pending.as_ref().map_or(0, |pending| pending.sent_ns);
        sent_ns ^ response.parts.payload ^ state.delivery.touch()
    }

    fn settle(&mut self, core: &ClientCore) {
        self.state.delivery.settle(core);
    }
}

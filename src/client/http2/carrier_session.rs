//! The session of a connection of HTTP/2 that clients share: its machine, and who gets a place on which.

use crate::client::core::ClientCore;
use crate::client::http2::StreamLink;
use crate::client::http2::carrier::{Carrier, CarrierStage, CarrierState, refusal};
use crate::client::http2::queues::{AnswerEvent, StreamAddress};
use crate::client::machine::{Io, Machine, Reconnect, SessionPolicy};
use crate::client::session::Session;
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http1::other_protocol::{FirstBytes, OtherProtocol};
use crate::protocol::http2::Http2Problem;
use crate::protocol::http2::connection::{
    Http2Connection, Http2Event, Http2Options, ResetReason, SentBytes, StreamRefusal, UnsentBytes,
};
use crate::protocol::http2::frame::ErrorCode;
use crate::record::{ClientError, ClientErrorKind, ForeignProtocol, Http2Fault, Part, Phase};
use std::cell::RefCell;
use std::rc::Rc;

/// The protocol in the handshake of TLS (RFC 9113 §3.2).
const ALPN: &[u8] = b"h2";
/// So many bytes of acknowledgements wait at most for a server that asks for them and does not read: those of 3,855
/// PING frames.
const MOST_UNREAD: u64 = 65_536;

/// The error of a stream that the server has ended.
fn reset_error(reason: ResetReason) -> ClientError {
    match reason {
        ResetReason::Limit(most) => refusal(StreamRefusal::Limit(most)),
        ResetReason::Code(code) => {
            ClientError::with(ClientErrorKind::StreamReset, code.0.cast_signed())
        }
        ResetReason::GoAway(code) => going_error(code),
    }
}

/// The error of a connection on which the server takes no further requests.
fn going_error(code: ErrorCode) -> ClientError {
    ClientError::with(ClientErrorKind::GoAway, code.0.cast_signed())
}

fn fault(problem: Http2Problem) -> Http2Fault {
    match problem {
        Http2Problem::NoSettings => Http2Fault::NoSettings,
        Http2Problem::LongFrame => Http2Fault::LongFrame,
        Http2Problem::FrameLength => Http2Fault::FrameLength,
        Http2Problem::Stream => Http2Fault::Stream,
        Http2Problem::IdleStream => Http2Fault::IdleStream,
        Http2Problem::Continuation => Http2Fault::Continuation,
        Http2Problem::Compression => Http2Fault::Compression,
        Http2Problem::LongFields => Http2Fault::LongFields,
        Http2Problem::Window => Http2Fault::Window,
        Http2Problem::SettingValue => Http2Fault::SettingValue,
        Http2Problem::Padding => Http2Fault::Padding,
        Http2Problem::Push => Http2Fault::Push,
        Http2Problem::Message => Http2Fault::Message,
        Http2Problem::Field => Http2Fault::Field,
        Http2Problem::SwitchedProtocols => Http2Fault::SwitchedProtocols,
        Http2Problem::ClosedStream => Http2Fault::ClosedStream,
        Http2Problem::Increment => Http2Fault::Increment,
        Http2Problem::Unread => Http2Fault::Unread,
    }
}

/// Makes the carriers of the clients of a thread.
pub(crate) struct CarrierPool {
    options: Http2Options,
    /// Whether streams become connections of another protocol.
    tunnels: bool,
    /// How many clients share a connection.
    streams: u32,
    /// The last carrier, and how many clients it has.
    newest: RefCell<Option<(Rc<Carrier>, u32)>>,
}

impl CarrierPool {
    /// Carriers for so many clients each, at least one. `tunnels` is whether their streams become connections of
    /// another protocol (RFC 8441).
    pub(crate) fn new(options: Http2Options, streams: u32, tunnels: bool) -> CarrierPool {
        CarrierPool { options, tunnels, streams: streams.max(1), newest: RefCell::default() }
    }

    /// Returns the sessions of a client that runs this machine: the first one of a carrier has that one's, too.
    pub(crate) fn sessions(
        &self,
        mut core: ClientCore,
        machine: Box<dyn Machine>,
        policy: SessionPolicy,
    ) -> Vec<Session> {
        let (carrier, place) = self.place(&mut core);
        let client = Session::new(core, machine, policy).over(place);
        carrier.into_iter().chain([client]).collect()
    }

    /// Returns a place for a client, and the session of its carrier if that is a new one.
    fn place(&self, core: &mut ClientCore) -> (Option<Session>, StreamLink) {
        let mut newest = self.newest.borrow_mut();
        if let Some((carrier, places)) = newest.as_mut().filter(|(_, n)| *n < self.streams) {
            *places += 1;
            core.connect_as(carrier.first_client);
            return (None, StreamLink::new(carrier.clone()));
        }
        let carrier = Rc::new(Carrier::new(core, self.options, self.tunnels));
        let session = session_of(carrier.clone(), core.of_carrier());
        *newest = Some((carrier.clone(), 1));
        (Some(session), StreamLink::new(carrier))
    }
}

/// Returns the session of a carrier, which connects once a client wants to.
fn session_of(carrier: Rc<Carrier>, core: ClientCore) -> Session {
    let machine = CarrierMachine {
        carrier: carrier.clone(),
        received: 0,
        is_closing: false,
        has_begun: false,
        unread: 0,
    };
    let policy = SessionPolicy { turns: None, reconnect: Reconnect::OnDemand, connects: true };
    Session::new(core, Box::new(machine), policy).carrying(carrier)
}

/// Returns the session of the carrier that succeeds one whose server takes no further requests.
pub(crate) fn successor_session(carrier: &Carrier) -> Option<Session> {
    carrier.take_successor().map(|(carrier, core)| session_of(carrier, core))
}

/// The machine of a carrier's session.
struct CarrierMachine {
    carrier: Rc<Carrier>,
    /// Received bytes that were passed on in no event.
    received: u64,
    /// Whether this side has ended the connection.
    is_closing: bool,
    /// Whether bytes have come on this connection.
    has_begun: bool,
    /// Bytes of the connection's own frames that wait for a server that does not read.
    unread: u64,
}

impl CarrierMachine {
    /// Sends what there is to send.
    fn flush(&mut self, io: &mut Io<'_>) {
        let mut state = self.carrier.state.borrow_mut();
        let control = state.http2.take_control_sent();
        let unsent = state.http2.take_unsent();
        if control > 0 || unsent != UnsentBytes::default() {
            io.core.add_bytes(io.phase(), |ledger| {
                ledger.up.add(Part::Control, control);
                // The clients have counted them by now.
                ledger.up.take(Part::Heads, unsent.of_requests);
                ledger.up.take(Part::Payload, unsent.of_messages);
            });
        }
        if state.out.is_empty() {
            return;
        }
        let sent = io.send(&state.out);
        state.out.clear();
        // Those who have written them have counted them.
        io.take_moved();
        state.blocked = io.is_blocked();
        self.unread = if state.blocked { self.unread + control } else { 0 };
        drop(state);
        if let Err(error) = sent {
            self.lose(io, Some(error));
        }
    }

    /// Clients may use the connection.
    fn admit(&mut self, now_ns: u64) {
        let mut state = self.carrier.state.borrow_mut();
        let CarrierState { stage, waiting, attached, .. } = &mut *state;
        *stage = CarrierStage::Open;
        for slot in waiting.drain(..) {
            attached.push(slot);
            let to = StreamAddress { slot, stream: 0 };
            self.carrier.thread.http2.push(to, now_ns, AnswerEvent::Opened);
        }
    }

    /// The server's settings have come: those who waited for them go on, if it takes what they want.
    fn greeted(&mut self, io: &mut Io<'_>) {
        let state = self.carrier.state.borrow();
        io.end_exchange();
        let waits = state.stage == CarrierStage::Greeting;
        let takes = state.http2.takes_connect_protocol();
        drop(state);
        if waits && takes {
            self.admit(io.now_ns);
        } else if waits {
            self.fail_waiting(Http2Fault::NoConnectProtocol.error());
            self.close(io);
        }
    }

    /// Those who wait for the connection do not get one.
    fn fail_waiting(&self, error: ClientError) {
        let now_ns = self.carrier.thread.now_ns();
        for slot in self.carrier.state.borrow_mut().waiting.drain(..) {
            let to = StreamAddress { slot, stream: 0 };
            self.carrier.thread.http2.push(to, now_ns, AnswerEvent::Failed(error));
        }
    }

    /// Tells all clients of the connection that it is gone.
    fn tell_end(&self, error: Option<ClientError>) {
        let now_ns = self.carrier.thread.now_ns();
        let mut state = self.carrier.state.borrow_mut();
        let before = std::mem::replace(&mut state.stage, CarrierStage::Closed);
        state.blocked = false;
        let queues = &self.carrier.thread.http2;
        if let (None, Some(code)) = (error, state.goes.filter(|code| *code != ErrorCode::NO_ERROR))
        {
            // It has said why, of which only those learn that wait for the rest of an answer.
            for stream in state.http2.stream_names() {
                let to = StreamAddress { slot: stream.token, stream: stream.id };
                queues.push(to, now_ns, AnswerEvent::Ended(Some(going_error(code))));
            }
        }
        for slot in state.attached.drain(..) {
            queues.push(StreamAddress { slot, stream: 0 }, now_ns, AnswerEvent::Ended(error));
        }
        drop(state);
        if before == CarrierStage::Greeting {
            self.fail_waiting(error.unwrap_or(ClientError::of(ClientErrorKind::EarlyClose)));
        } else if !self.carrier.state.borrow().waiting.is_empty() {
            // They have waited for the end of one that took no further requests.
            self.carrier.wake();
        }
    }

    /// The connection cannot be used any more. Its clients count the error.
    fn lose(&mut self, io: &mut Io<'_>, error: Option<ClientError>) {
        self.tell_end(error);
        io.lose_counted();
    }

    /// What to do next: a connection without use is closed.
    fn go_on(&mut self, io: &mut Io<'_>) {
        let state = self.carrier.state.borrow();
        let is_drained = state.stage == CarrierStage::Draining && state.http2.open_streams() == 0;
        drop(state);
        if is_drained || self.carrier.members.get() == 0 {
            self.close(io);
        }
    }

    /// Ends the connection in order: this side says so, and waits for the server's end.
    fn close(&mut self, io: &mut Io<'_>) {
        if std::mem::replace(&mut self.is_closing, true) {
            return;
        }
        {
            let mut state = self.carrier.state.borrow_mut();
            let CarrierState { http2, out, .. } = &mut *state;
            http2.go_away(ErrorCode::NO_ERROR, out);
        }
        self.flush(io);
        io.half_close();
    }

    /// The server does what is not allowed.
    fn break_off(&mut self, io: &mut Io<'_>, problem: Http2Problem, bytes: &[u8], first: bool) {
        // Its first bytes may say what it has in place of HTTP/2.
        let first = first && !self.carrier.state.borrow().http2.has_settings();
        let protocol = if first { OtherProtocol::of_bytes(bytes) } else { FirstBytes::OfNone };
        let error = match protocol {
            _ if first && bytes.starts_with(b"HTTP/1.") => ForeignProtocol::Http1.error(),
            FirstBytes::Of(OtherProtocol::Tls) => ForeignProtocol::Tls.error(),
            FirstBytes::Of(OtherProtocol::Ssh) => ForeignProtocol::Ssh.error(),
            // It is no HTTP/2 whose rules it could break, unless it began with settings (RFC 9113 §6.5).
            _ if first && bytes.get(3..9).is_none_or(|of| of != [4, 0, 0, 0, 0, 0]) => {
                Http2Fault::NoSettings.error()
            }
            FirstBytes::Of(OtherProtocol::Http2) | FirstBytes::Open | FirstBytes::OfNone => {
                fault(problem).error()
            }
        };
        {
            let mut state = self.carrier.state.borrow_mut();
            let CarrierState { http2, out, .. } = &mut *state;
            http2.go_away(problem.code(), out);
        }
        // Clients count the error if they wait for an answer; otherwise nobody would.
        let is_unseen = self.carrier.state.borrow().http2.open_streams() == 0;
        if is_unseen && !self.is_closing {
            io.core.fault(io.phase(), error);
        }
        self.flush(io);
        self.lose(io, Some(error));
    }
}

impl Machine for CarrierMachine {
    fn opened(&mut self, io: &mut Io<'_>) {
        self.received = 0;
        self.is_closing = false;
        self.has_begun = false;
        io.set_up();
        if io.lacks_protocol(ALPN) {
            self.fail_waiting(Http2Fault::NotNegotiated.error());
            return io.lose_counted();
        }
        {
            let mut state = self.carrier.state.borrow_mut();
            let state = &mut *state;
            state.http2 = Http2Connection::new(state.options);
            state.goes = None;
            state.out.clear();
            state.http2.begin(&mut state.out);
            state.stage = CarrierStage::Greeting;
        }
        if self.carrier.state.borrow().tunnels {
            io.begin_exchange(0);
        } else {
            // What the clients ask goes with it.
            self.admit(io.now_ns);
        }
        self.carrier.wake();
    }

    fn may_be_greeted(&self) -> bool {
        true
    }

    fn received(&mut self, io: &mut Io<'_>, bytes: &[u8]) {
        self.received += io.take_received();
        let first = !std::mem::replace(&mut self.has_begun, true);
        let thread = self.carrier.thread.clone();
        let mut explained = 0;
        let mut control = 0;
        let mut discarded = 0;
        let mut goes = None;
        let mut ready = false;
        let result = {
            let mut state = self.carrier.state.borrow_mut();
            let CarrierState { http2, out, .. } = &mut *state;
            let mut scratch = thread.http2.scratch.borrow_mut();
            http2.receive(bytes, &mut scratch, out, &mut |event| match event {
                Http2Event::Control(bytes) => control += bytes,
                Http2Event::Discarded(bytes) => discarded += bytes,
                Http2Event::Answer { stream, frame } => {
                    explained += frame.wire_bytes();
                    let to = StreamAddress { slot: stream.token, stream: stream.id };
                    thread.http2.push(to, io.now_ns, AnswerEvent::Answer(frame));
                }
                Http2Event::Reset { stream, reason } => {
                    let to = StreamAddress { slot: stream.token, stream: stream.id };
                    let error = reset_error(reason);
                    thread.http2.push(to, io.now_ns, AnswerEvent::Ended(Some(error)));
                }
                Http2Event::Sent(SentBytes { framing, .. }) => {
                    thread.add_bytes(io.phase(), |ledger| {
                        ledger.up.add(Part::Framing, framing);
                    });
                }
                Http2Event::GoAway { code, debug_data } => {
                    goes = Some(code);
                    if !debug_data.is_empty() {
                        let client = self.carrier.first_client;
                        let text = AnswerText::of_bytes(debug_data);
                        thread.keep_refusal(client, going_error(code), text);
                    }
                }
                Http2Event::Ready => ready = true,
            })
        };
        self.received = self.received.saturating_sub(explained + control + discarded);
        io.core.add_bytes(io.phase(), |ledger| {
            ledger.down.add(Part::Control, control);
            ledger.down.add(Part::Discarded, discarded);
        });
        if let Err(problem) = result {
            return self.break_off(io, problem, bytes, first);
        }
        if ready {
            self.greeted(io);
        }
        if goes.is_some() {
            let mut state = self.carrier.state.borrow_mut();
            state.goes = goes;
            if state.stage == CarrierStage::Open {
                state.stage = CarrierStage::Draining;
                for slot in &state.attached {
                    let to = StreamAddress { slot: *slot, stream: 0 };
                    thread.http2.push(to, io.now_ns, AnswerEvent::Draining);
                }
            }
        }
        // Clients that the answers are for may ask again: then all of it is sent at once.
        self.carrier.wake();
    }

    fn serve(&mut self, io: &mut Io<'_>) {
        self.flush(io);
        if self.unread > MOST_UNREAD {
            self.unread = 0;
            return self.break_off(io, Http2Problem::Unread, &[], false);
        }
        self.go_on(io);
    }

    fn written(&mut self, io: &mut Io<'_>) {
        io.take_moved();
        let mut state = self.carrier.state.borrow_mut();
        let was_blocked = std::mem::replace(&mut state.blocked, io.is_blocked());
        if was_blocked && !state.blocked {
            for slot in &state.attached {
                let to = StreamAddress { slot: *slot, stream: 0 };
                self.carrier.thread.http2.push(to, io.now_ns, AnswerEvent::Unblocked);
            }
        }
    }

    fn expired(&mut self, io: &mut Io<'_>) {
        // The settings that its clients wait for have not come.
        let error = ClientError::of(ClientErrorKind::ResponseTimeout);
        self.fail_waiting(error);
        self.lose(io, Some(error));
    }

    fn connect_failed(&mut self, _: &ClientCore, _: Phase, error: ClientError) {
        self.fail_waiting(error);
    }

    fn ended(&mut self, io: &mut Io<'_>, error: Option<ClientError>) {
        if self.is_closing && error.is_none() {
            io.note_both_ended();
        }
        if self.carrier.members.get() == 0 {
            io.finish();
        } else {
            self.lose(io, error);
        }
    }

    fn stop(&mut self, io: &mut Io<'_>) {
        io.enter(Phase::Teardown);
        self.go_on(io);
    }

    fn closing(&mut self, io: &mut Io<'_>, _last: bool) {
        self.tell_end(None);
        let left = std::mem::take(&mut self.received) + io.take_received();
        let unsent = io.unsent();
        let held = {
            let mut state = self.carrier.state.borrow_mut();
            state.http2.end_streams();
            state.http2.take_unsent()
        };
        io.core.add_bytes(io.phase(), |ledger| {
            ledger.down.add(Part::Discarded, left);
            ledger.up.take(Part::Heads, held.of_requests);
            ledger.up.take(Part::Payload, held.of_messages);
            // They are the last of what was counted.
            ledger.up.take_last(unsent);
        });
        let mut state = self.carrier.state.borrow_mut();
        state.out.clear();
    }
}

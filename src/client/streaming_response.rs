//! The client half of an HTTP response that never ends: sends one request, receives messages.
//!
//! StreamSettings by the transports whose messages arrive within such a response. A transport finds the
//! messages in it, see [`Decode`].

use crate::client::compressed_bodies::{CompressedBodies, feed_text};
use crate::client::core::ClientCore;
use crate::client::delivery::client_inbox::ClientInbox;
use crate::client::delivery::inbox::Inbox;
use crate::client::delivery::per_client::DeliveryTracker;
use crate::client::delivery::skipped::skipped;
use crate::client::http::{
    SentRequest, add_response, brings_message, malformed, retry_after_ns, too_late,
};
use crate::client::machine::{Io, Machine, Reconnect, SessionPolicy};
use crate::client::open_message::OpenMessage;
use crate::client::requests::{Redirected, Requests};
use crate::client::session::Session;
use crate::client::{ClientHalf, MachineClients};
use crate::feed::Spec;
use crate::protocol::answer_input::{AnswerFrame, AnswerInput};
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http1::response::{BodyPiece, Malformed, Parts, Response, UnitPiece};
use crate::record::{ClientError, ClientErrorKind, Flow, Part, Phase, TlsProblem};
use std::rc::Rc;

/// A piece of a body as the protocol within it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decoded<'a> {
    /// Payload of the current message and its number of bytes. All of them are shown, except of a
    /// message that is too large to be kept.
    Payload(&'a [u8], u64),
    /// Bytes around the payload of a message.
    Framing(u64),
    /// Bytes that belong to no message, as the end of an empty line.
    Between(u64),
    /// Bytes that bring no message.
    Control(u64),
    /// The message is whole.
    End,
    /// The last messages are the pieces of one update.
    Split,
    /// A chunk has ended that is not one message.
    UnevenChunk,
    /// A chunk has ended that is not one message by what is readable: so many messages came behind
    /// another, and so many chunks go on with one.
    Unlike { joined: u64, continued: u64 },
    /// A chunk has ended that counts as a message, though nothing says that it is one.
    Undelimited,
}

/// Finds the messages in a body. What survives a reconnect stays in it.
pub(crate) trait Decode: Sized + 'static {
    /// Decodes a piece of the body.
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Decoded<'_>));
    /// Messages may have another size than the feed's: those of a server that is not the bundled one.
    fn expect_any_size(&mut self) {}
    /// Forgets a message that was cut, since the connection is gone.
    fn lost(&mut self);
    /// Returns whether a message has begun and has not ended.
    fn is_within(&self) -> bool;
    /// Returns whether the end of the body would lose a message that has begun. Not all that may precede one
    /// begins it.
    fn would_lose(&self) -> bool {
        self.is_within()
    }
    /// Returns the last event's id, for the next request; empty if there is none.
    fn last_event_id(&self) -> &[u8] {
        &[]
    }
    /// Returns the name of a field that is none of an event stream, if one has come.
    fn unknown_field(&self) -> Option<&[u8]> {
        None
    }
    /// Returns whether the body must be an event stream (HTML §9.2.3).
    fn needs_event_stream(&self) -> bool {
        false
    }
    /// Returns how long the server wants a client to wait before it reconnects, in milliseconds.
    fn retry_ms(&self) -> Option<u64> {
        None
    }
}

/// The clients of one thread.
pub(crate) struct StreamClients<D> {
    shared: Rc<StreamSettings>,
    decoder: Box<dyn Fn() -> D>,
}

struct StreamSettings {
    requests: Requests,
    reconnect_ns: u64,
    feed: Spec,
}

impl<D: Decode> StreamClients<D> {
    /// Clients that send these requests. `decoder` makes the one of a client.
    pub(crate) fn client_half(
        requests: Requests,
        reconnect_ns: u64,
        feed: &Spec,
        decoder: impl Fn() -> D + 'static,
    ) -> ClientHalf {
        let shared = StreamSettings { requests, reconnect_ns, feed: *feed };
        let clients = StreamClients { shared: Rc::new(shared), decoder: Box::new(decoder) };
        ClientHalf::Machines(Rc::new(clients))
    }
}

impl<D: Decode> MachineClients for StreamClients<D> {
    fn sessions(&self, core: ClientCore) -> Vec<Session> {
        let policy = SessionPolicy {
            turns: None,
            reconnect: Reconnect::After(self.shared.reconnect_ns),
            connects: true,
        };
        let mut decoder = (self.decoder)();
        if !core.thread.source.is_bundled() {
            decoder.expect_any_size();
        }
        let machine = StreamMachine::<D> {
            decoder,
            delivery: DeliveryTracker::new(skipped(&self.shared.feed)),
            inbox: ClientInbox::default(),
            shared: self.shared.clone(),
            sent: SentRequest::default(),
            response: self.shared.requests.response(),
            bodies: self.shared.requests.compressed_bodies(),
            decoded: Flow::default(),
            redirected: Redirected::default(),
            answered: false,
            unfinished: Flow::default(),
            line_end_of: None,
            open: OpenMessage::default(),
            noted_unknown: false,
        };
        self.shared.requests.sessions(core, Box::new(machine), policy)
    }
}

/// One client.
struct StreamMachine<D> {
    shared: Rc<StreamSettings>,
    decoder: D,
    delivery: DeliveryTracker,
    inbox: ClientInbox,
    sent: SentRequest,
    response: Response,
    /// What reads a compressed body, if the request asks for one.
    bodies: Option<Box<CompressedBodies>>,
    /// Of a compressed body, what the message under way consists of.
    decoded: Flow,
    redirected: Redirected,
    /// Whether the response's head has come and is as it should be.
    answered: bool,
    /// What has come and is not whole. It is added in the phase in which it ends, as its message is.
    unfinished: Flow,
    /// The phase of the message whose chunk lacks its line end, if another has begun since.
    line_end_of: Option<Phase>,
    open: OpenMessage,
    /// Whether the name of a field that is none of an event stream was kept.
    noted_unknown: bool,
}

impl<D: Decode> StreamMachine<D> {
    /// Returns the field with the last event's id, if there is one (HTML §9.2.4).
    fn resuming(&self) -> Vec<u8> {
        let mut field = Vec::new();
        let last_event_id = self.decoder.last_event_id();
        // One that cannot be a field's value is not sent (RFC 9110 §5.5).
        let is_value = last_event_id.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t');
        if !last_event_id.is_empty() && is_value {
            field.extend_from_slice(b"Last-Event-ID: ");
            field.extend_from_slice(last_event_id);
            field.extend_from_slice(b"\r\n");
        }
        field
    }

    /// Whether the answer is no success. A status that `status` leaves out is none, nor is one that it
    /// has beyond 2xx: no stream comes with it.
    fn is_refused(&self) -> bool {
        let status = self.response.status;
        let success = self.shared.requests.success.contains(status);
        status != 0 && !(success && brings_message(status))
    }

    /// Reads a chunk, or what there is of one, and delivers the messages in it. Adds what is whole to
    /// `whole` and returns how much was read.
    ///
    /// Bytes are whole with the message that they belong to, and not where a read ends: what is counted
    /// must not depend on the pieces in which the bytes came, and a server may write so that no read
    /// ever ends with a message.
    fn read_unit(
        &mut self,
        io: &mut Io<'_>,
        input: AnswerInput<'_>,
        whole: &mut Flow,
    ) -> Result<usize, Malformed> {
        if self.bodies.as_ref().is_some_and(|bodies| bodies.is_decoding()) {
            return self.read_compressed(io, input, whole);
        }
        let StreamMachine { decoder, delivery, inbox, response, unfinished, .. } = self;
        let core = &*io.core;
        let phase = io.phase();
        let now_ns = io.now_ns;
        let inbox = inbox.open(&core.thread);
        let mut messages = 0;
        let mut unlike = ChunkCounts::default();
        // Whether nothing came since a message ended, or what is between two.
        let mut ended = false;
        let mut on = |part: Decoded<'_>| match part {
            Decoded::Payload(bytes, counted) => {
                take_ended(&mut ended, unfinished, whole);
                inbox.push(bytes);
                unfinished[Part::Payload] += counted;
            }
            Decoded::Framing(bytes) => {
                take_ended(&mut ended, unfinished, whole);
                unfinished[Part::Framing] += bytes;
            }
            Decoded::Between(bytes) => {
                take_ended(&mut ended, unfinished, whole);
                unfinished[Part::Framing] += bytes;
                ended = true;
            }
            Decoded::Control(bytes) => {
                take_ended(&mut ended, unfinished, whole);
                unfinished[Part::Control] += bytes;
                ended = true;
            }
            Decoded::End => {
                messages += 1;
                ended = true;
                unlike.ignored = end_message(inbox, unfinished);
                delivery.deliver(inbox, core, phase, now_ns);
            }
            part => unlike.add(&part),
        };
        let mut line_ends = 0;
        let fed = response.feed_unit(input, |piece| match piece {
            UnitPiece::Body(piece) => decoder.decode(piece, &mut on),
            UnitPiece::Framing(bytes) => on(Decoded::Framing(bytes)),
            // It belongs to a message that ended with the chunk.
            UnitPiece::LineEnd => line_ends += 1,
        });
        let between_chunks = !response.is_mid_chunk() || response.is_ending_chunk();
        let is_whole = between_chunks && !decoder.is_within();
        if !is_whole {
            take_ended(&mut ended, unfinished, whole);
        }
        unfinished[Part::Framing] += line_ends;
        add_response(unfinished, &Parts { payload: 0, ..std::mem::take(&mut response.parts) });
        if is_whole {
            *whole += unfinished.take_explained();
        }
        self.open.note(self.decoder.is_within(), messages > 0, now_ns);
        note_unit(io, messages, &unlike);
        fed
    }

    /// Does the same of a compressed body: its payload is what was sent, and messages are found in its
    /// text. Which bytes were sent for a message is not known: they are whole when they come.
    fn read_compressed(
        &mut self,
        io: &mut Io<'_>,
        input: AnswerInput<'_>,
        whole: &mut Flow,
    ) -> Result<usize, Malformed> {
        let StreamMachine {
            decoder, delivery, inbox, response, bodies, decoded, unfinished, ..
        } = self;
        let Some(bodies) = bodies else { return Err(Malformed) };
        let core = &*io.core;
        let phase = io.phase();
        let now_ns = io.now_ns;
        let inbox = inbox.open(&core.thread);
        let mut messages = 0;
        let mut unlike = ChunkCounts::default();
        let mut message_bytes = 0;
        let mut on = |part: Decoded<'_>| match part {
            Decoded::Payload(bytes, counted) => {
                inbox.push(bytes);
                decoded[Part::Payload] += counted;
            }
            // Of what was sent, neither is known apart.
            Decoded::Framing(_) | Decoded::Between(_) | Decoded::Control(_) => {}
            Decoded::End => {
                messages += 1;
                let own = std::mem::take(decoded)[Part::Payload];
                let separators = inbox.end();
                let ignored = inbox.ignored_bytes();
                unlike.ignored = ignored > 0;
                let others = separators + ignored;
                message_bytes += own.saturating_sub(others);
                delivery.deliver(inbox, core, phase, now_ns);
            }
            part => unlike.add(&part),
        };
        let fed = response.feed_unit(input, |piece| match piece {
            UnitPiece::Body(piece) => {
                bodies.decode(piece, &mut |text| decoder.decode(text, &mut on));
            }
            UnitPiece::Framing(bytes) => unfinished[Part::Framing] += bytes,
            UnitPiece::LineEnd => unfinished[Part::Framing] += 1,
        });
        let parts = std::mem::take(&mut response.parts);
        add_response(unfinished, &parts);
        *whole += unfinished.take_explained();
        self.open.note(self.decoder.is_within(), messages > 0, now_ns);
        io.decoded(phase, message_bytes, parts.payload);
        note_unit(io, messages, &unlike);
        fed
    }

    /// Keeps the name of a field that is none of an event stream, once, for a message.
    fn note_unknown_field(&mut self, io: &Io<'_>) {
        if !self.noted_unknown
            && let Some(name) = self.decoder.unknown_field()
        {
            let error = ClientError::of(ClientErrorKind::UnknownField);
            io.thread.keep_refusal(io.id, error, AnswerText::of_bytes(name));
            self.noted_unknown = true;
        }
    }

    /// Does the same, and counts the line end of a chunk with the message before it.
    fn read_next(
        &mut self,
        io: &mut Io<'_>,
        input: AnswerInput<'_>,
        whole: &mut Flow,
    ) -> Result<usize, Malformed> {
        let Some(phase) = self.line_end_of else { return self.read_unit(io, input, whole) };
        let mut line_end = Flow::default();
        let fed = self.read_unit(io, input, &mut line_end);
        io.add_bytes(phase, |ledger| ledger.down += line_end);
        if !self.response.is_ending_chunk() {
            self.line_end_of = None;
        }
        fed
    }

    /// Reads what came, and adds what is whole of it.
    fn receive(&mut self, io: &mut Io<'_>, input: AnswerInput<'_>) {
        self.unfinished.wire += io.take_received();
        let mut whole = Flow::default();
        self.read(io, input, &mut whole);
        self.inbox.release(&io.core.thread);
        io.add_bytes(io.phase(), |ledger| ledger.down += whole);
    }

    /// Reads what came up to the end of the response, if that is as it should be.
    fn read(&mut self, io: &mut Io<'_>, mut input: AnswerInput<'_>, whole: &mut Flow) {
        if self.response.status == 0 {
            let came = i32::try_from(input.len()).unwrap_or(i32::MAX);
            let fed = self.response.feed_head(input);
            add_response(&mut self.unfinished, &std::mem::take(&mut self.response.parts));
            let Ok(used) = fed else {
                return io.lose_refused(malformed(&self.response), self.response.text.take());
            };
            input = input.rest(used);
            if self.response.status == 0 {
                // Interim responses belong to the answer after them.
                return;
            }
            if self.sent.is_unsent() {
                // A request that is still on its way cannot have been answered.
                return io.lose(ClientError::with(ClientErrorKind::Unasked, came));
            }
            let redirected = !self.answer(io);
            if self.answered || redirected {
                *whole += self.unfinished.take_explained();
            }
            if redirected {
                return;
            }
        }
        if !self.answered {
            // An answer that is none of a stream is discarded with its head.
            return self.receive_refusal(io, input);
        }
        while !input.is_empty() && !self.response.is_done() {
            match self.read_next(io, input, whole) {
                Ok(_) if self.bodies.as_ref().is_some_and(|bodies| bodies.has_failed()) => {
                    return io.lose(ClientError::of(ClientErrorKind::Undecodable));
                }
                Ok(used) => input = input.rest(used),
                Err(Malformed) => {
                    return io.lose_refused(malformed(&self.response), self.response.text.take());
                }
            }
        }
        self.note_unknown_field(io);
        if self.response.is_done() && !io.is_stopping() {
            self.end_whole_response(io);
        }
    }

    /// The response is whole. One without a message is none of a stream, and one that ends within a message
    /// has lost it.
    fn end_whole_response(&self, io: &mut Io<'_>) {
        if io.has_brought_message() && !self.decoder.would_lose() {
            io.reopen();
        } else {
            io.lose(ClientError::of(ClientErrorKind::EarlyClose));
        }
    }

    /// The head has come. What a refusal says besides may still come. Returns false if the answer
    /// leads elsewhere and nothing else of it matters.
    fn answer(&mut self, io: &mut Io<'_>) -> bool {
        let StreamMachine { shared, redirected, response, .. } = &mut *self;
        shared.requests.keep(io.core, io.phase(), redirected, response.cookies.take());
        let text = response.text.as_deref_mut();
        if shared.requests.follow(io.core, redirected, response.status, text) {
            io.reconnect();
            return false;
        }
        self.redirected.arrived();
        if !self.is_refused() {
            self.accept(io);
        }
        true
    }

    /// The head is not that of a refusal: it may be that of a stream.
    fn accept(&mut self, io: &mut Io<'_>) {
        io.end_exchange();
        let facts = self.response.facts;
        self.decoded = Flow::default();
        if let Some(bodies) = &mut self.bodies {
            bodies.begin(&self.response);
        }
        let readable = !facts.compressed || self.response.coding().is_some();
        let stated = !self.shared.requests.success.is_default();
        match self.response.status {
            204 => {
                // The server wants no further request (HTML §9.2.3).
                io.lose(ClientError::of(ClientErrorKind::NoStream));
                io.finish();
            }
            status if status != 200 && !stated => {
                io.lose(ClientError::with(ClientErrorKind::Status, status.into()));
            }
            _ if !readable => {
                let error = ClientError::of(ClientErrorKind::Compressed);
                io.lose_refused(error, self.response.text.take());
            }
            _ if self.decoder.needs_event_stream() && !facts.is_event_stream() => {
                let error = ClientError::of(ClientErrorKind::NoEventStream);
                io.lose_refused(error, self.response.text.take());
            }
            _ => {
                self.answered = true;
                io.set_up();
            }
        }
    }

    /// Bytes came after a head that is not as it should be: those of a refusal say more about it. They
    /// are discarded when the connection is closed.
    fn receive_refusal(&mut self, io: &mut Io<'_>, input: AnswerInput<'_>) {
        let refused = self.is_refused();
        let fed = if refused {
            feed_text(self.bodies.as_deref_mut(), &mut self.response, input, |_| {})
        } else {
            Ok(0)
        };
        // Of a success that `status` leaves out no text is kept.
        let known = self.response.is_known_refusal() || self.response.text.is_none();
        if refused && (fed.is_err() || known) {
            self.lose_refused(io);
        }
    }

    fn lose_refused(&mut self, io: &mut Io<'_>) {
        let error = ClientError::with(ClientErrorKind::Status, self.response.status.into());
        io.lose_refused(error, self.response.text.take());
    }
}

impl<D: Decode> Machine for StreamMachine<D> {
    fn opened(&mut self, io: &mut Io<'_>) {
        self.response.restart();
        self.response.wants_event_stream = self.decoder.needs_event_stream();
        self.answered = false;
        self.line_end_of = None;
        io.begin_exchange(0);
        let more = self.resuming();
        let request = self.shared.requests.next(io.core, &more, &self.redirected);
        if let Err(error) = self.sent.send(io, &request) {
            io.lose(error);
        }
    }

    fn written(&mut self, io: &mut Io<'_>) {
        self.sent.written(io);
    }

    fn received(&mut self, io: &mut Io<'_>, bytes: &[u8]) {
        self.receive(io, AnswerInput::Bytes(bytes));
    }

    fn answer(&mut self, io: &mut Io<'_>, frame: AnswerFrame<'_>) {
        self.receive(io, AnswerInput::Frame(frame));
    }

    fn ended(&mut self, io: &mut Io<'_>, error: Option<ClientError>) {
        if io.is_stopping() {
            if error.is_none() {
                io.note_both_ended();
            }
            return io.finish();
        }
        match error {
            None if self.answered && io.is_truncated() => io.lose(TlsProblem::Truncated.error()),
            None if self.answered && self.response.end_of_stream().is_ok() => {
                self.end_whole_response(io);
            }
            _ if self.is_refused() => self.lose_refused(io),
            error => io.lose(error.unwrap_or(ClientError::of(ClientErrorKind::EarlyClose))),
        }
    }

    fn expired(&mut self, io: &mut Io<'_>) {
        if self.is_refused() {
            return self.lose_refused(io);
        }
        let (error, text) = too_late(&self.response);
        io.lose_refused(error, text);
    }

    fn enter(&mut self, io: &mut Io<'_>, phase: Phase) {
        if self.response.is_ending_chunk() {
            self.line_end_of.get_or_insert(io.phase());
        }
        io.enter(phase);
    }

    /// Ends TCP from this side and reads what is still under way, so that both ends count the same
    /// bytes.
    fn stop(&mut self, io: &mut Io<'_>) {
        self.enter(io, Phase::Teardown);
        io.half_close();
    }

    /// Adds the bytes that were read and are no whole head or message as discarded, and forgets what
    /// was cut.
    fn closing(&mut self, io: &mut Io<'_>, last: bool) {
        self.sent.written(io);
        self.sent.forget();
        let cut = std::mem::take(&mut self.unfinished).wire.get() + io.take_received();
        io.add_bytes(io.phase(), |ledger| {
            ledger.down.wire += cut;
            ledger.down[Part::Discarded] += cut;
        });
        if let Some(bodies) = &mut self.bodies {
            bodies.restart();
        }
        let open = std::mem::take(&mut self.open);
        if last {
            open.count(io.core, io.now_ns, cut);
        } else {
            self.decoder.lost();
            self.inbox.clear(&io.core.thread);
            self.delivery.reconnected();
        }
    }

    fn server_pause_ns(&self, core: &ClientCore) -> Option<u64> {
        let asked_ns = self.decoder.retry_ms().map(|ms| ms.saturating_mul(1_000_000));
        retry_after_ns(&self.response, &core.thread).or(asked_ns)
    }

    fn settle(&mut self, core: &ClientCore) {
        self.delivery.settle(core);
    }
}

/// Ends a message: what of its bytes is no update's is no payload. Returns whether a part of it is
/// none.
fn end_message(inbox: &mut Inbox, unfinished: &mut Flow) -> bool {
    let separators = inbox.end().min(unfinished[Part::Payload]);
    unfinished[Part::Framing] += separators;
    unfinished[Part::Payload] -= separators;
    // A message that is no update is a matter of the connection.
    let ignored = inbox.ignored_bytes().min(unfinished[Part::Payload]);
    unfinished[Part::Control] += ignored;
    unfinished[Part::Payload] -= ignored;
    ignored > 0
}

/// Takes what is explained to what is whole, if it ended.
#[inline]
fn take_ended(ended: &mut bool, unfinished: &mut Flow, whole: &mut Flow) {
    if std::mem::take(ended) {
        *whole += unfinished.take_explained();
    }
}

/// Chunks that are no messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ChunkCounts {
    splits: u64,
    uneven: u64,
    joined: u64,
    continued: u64,
    undelimited: u64,
    /// Whether the last message is no update: its chunk is what the scenario names.
    ignored: bool,
}

impl ChunkCounts {
    fn add(&mut self, part: &Decoded<'_>) {
        match part {
            Decoded::Split => self.splits += 1,
            Decoded::UnevenChunk => self.uneven += 1,
            Decoded::Undelimited => self.undelimited += 1,
            Decoded::Unlike { joined, continued } => {
                self.joined += joined;
                self.continued += if self.ignored { 0 } else { *continued };
            }
            Decoded::Payload(..)
            | Decoded::Framing(_)
            | Decoded::Between(_)
            | Decoded::Control(_)
            | Decoded::End => {}
        }
    }
}

/// Notes how many messages a chunk brought, and if it is not one message what it is.
fn note_unit(io: &mut Io<'_>, messages: u64, unlike: &ChunkCounts) {
    if messages > 0 {
        io.note_message();
    }
    if *unlike != (ChunkCounts { ignored: unlike.ignored, ..ChunkCounts::default() }) {
        io.count_chunks(io.phase(), |counts| {
            counts.split_updates += unlike.splits;
            counts.uneven_chunks += unlike.uneven;
            counts.joined_messages += unlike.joined;
            counts.continued_chunks += unlike.continued;
            counts.undelimited_chunks += unlike.undelimited;
        });
    }
}

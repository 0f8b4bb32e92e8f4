//! What a client does with the frames that come: messages of the workload, of the conversation beside it, and
//! control frames.

use crate::client::delivery::inbox::Inbox;
use crate::client::machine::{Io, Machine};
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::message::is_named;
use crate::protocol::websocket::codec::{FrameItem, FrameSizes, Opcode};
use crate::record::{ClientError, ClientErrorKind, Part, Phase};
use crate::transport::websocket::account::{count_control, set_up};
use crate::transport::websocket::client::WebSocketMachine;
use crate::transport::websocket::conversation::{Meaning, Payload};
use crate::transport::websocket::frame_faults;
use crate::transport::websocket::pending_echo::{EchoOf, PendingEcho};

impl WebSocketMachine {
    /// A message is whole: counts it, its bytes and its updates. `text_bytes` are those of a compressed one.
    fn receive_message(
        &mut self,
        io: &mut Io<'_>,
        inbox: &mut Inbox,
        sizes: FrameSizes,
        text_bytes: Option<u64>,
    ) {
        let before = self.echo_phase().unwrap_or(io.phase());
        let bytes = text_bytes.unwrap_or(sizes.payload);
        let Some((phase, mut separators)) = self.receive_update(io, inbox, bytes) else {
            // A message that is no update is a matter of the connection, whole.
            return io.count_in(before, |ledger| {
                ledger.down.wire += sizes.wire();
                ledger.down[Part::Control] += sizes.wire();
            });
        };
        if let Some(text_bytes) = text_bytes {
            io.decoded(phase, text_bytes.saturating_sub(separators), sizes.payload);
            // Of what was sent they are not known apart.
            separators = 0;
        }
        io.count_in(phase, |ledger| {
            ledger.down.wire += sizes.wire();
            ledger.down[Part::Framing] += sizes.framing + separators;
            ledger.down[Part::Payload] += sizes.payload - separators.min(sizes.payload);
        });
    }

    /// The phase of the message whose echo is awaited: the echo belongs to its turn.
    fn echo_phase(&self) -> Option<Phase> {
        self.pending.as_ref()?.queue.front().map(|echo| echo.phase)
    }

    /// Counts a message of so many bytes that was read into the inbox, and its updates. Returns the
    /// phase that it belongs to and the number of its bytes that separate updates; `None` if it is
    /// no update.
    fn receive_update(
        &mut self,
        io: &mut Io<'_>,
        inbox: &mut Inbox,
        bytes: u64,
    ) -> Option<(Phase, u64)> {
        let separators = inbox.end();
        let is_ignored = inbox.ignored_bytes() > 0;
        if self.pending.is_some() && !is_ignored {
            if self.shared.send.is_some() {
                return self.receive_answer(io, inbox).map(|phase| (phase, 0));
            }
            return Some((self.receive_echo(io, inbox, bytes), 0));
        }
        let phase = self.echo_phase().unwrap_or(io.phase());
        self.delivery.deliver(inbox, io.core, phase, io.now_ns);
        (!is_ignored).then_some((phase, separators))
    }

    /// Receives the answer to the message that it names, in whatever order. Returns that message's
    /// phase; `None` if it names none.
    fn receive_answer(&mut self, io: &mut Io<'_>, inbox: &mut Inbox) -> Option<Phase> {
        io.thread.event();
        let pending = &mut self.pending.as_mut()?.queue;
        let Some(id) = inbox.take_id() else {
            io.message_ignored(io.phase());
            return None;
        };
        let Some(at) = pending.iter().position(|echo| is_named(id, echo.stamp.sequence)) else {
            io.fault(io.phase(), ClientError::of(ClientErrorKind::UnknownAnswer));
            return None;
        };
        let PendingEcho { stamp, sent_ns, phase } = pending.remove(at)?;
        if at == 0 {
            match pending.front() {
                Some(next) => io.exchange_began(next.sent_ns),
                None => io.end_exchange(),
            }
        }
        io.echo_received(phase, stamp.published_ns, sent_ns, io.now_ns);
        Some(phase)
    }

    /// Receives the echo of a message. Returns that message's phase, or the one that runs.
    fn receive_echo(&mut self, io: &mut Io<'_>, inbox: &mut Inbox, bytes: u64) -> Phase {
        io.thread.event();
        let only = inbox.take_only_stamp();
        let unknown = ClientError::of(ClientErrorKind::UnknownAnswer);
        let Some(pending) = &mut self.pending else { return io.phase() };
        let pending = &mut pending.queue;
        match EchoOf::find(pending, only) {
            EchoOf::Pending(at) => {
                pending.drain(..at).for_each(|echo| io.echo_lost(echo.phase));
            }
            EchoOf::Past => {
                io.fault(io.phase(), unknown);
                return io.phase();
            }
        }
        let Some(PendingEcho { stamp, sent_ns, phase }) = pending.pop_front() else {
            io.fault(io.phase(), unknown);
            return io.phase();
        };
        match pending.front() {
            Some(next) => io.exchange_began(next.sent_ns),
            None => io.end_exchange(),
        }
        if only == Some(stamp) && bytes == u64::from(self.shared.feed.payload_bytes) {
            io.echo_received(phase, stamp.published_ns, sent_ns, io.now_ns);
        } else {
            io.echo_missing(phase);
            io.fault(phase, ClientError::of(ClientErrorKind::Malformed));
        }
        phase
    }

    /// Reads frames.
    pub(super) fn receive_frames(&mut self, io: &mut Io<'_>, bytes: &[u8]) {
        let mut reader = std::mem::take(&mut self.reader);
        let thread = io.thread.clone();
        if let Some(conversation) = &mut self.conversation {
            conversation.borrow_memory(&mut self.shared.whole.borrow_mut());
        }
        let mut inbox = self.inbox.take(&thread);
        let mut closed = None;
        let mut broken = None;
        let mut ended = false;
        let fed = reader.feed(bytes, |item| match item {
            FrameItem::Data(bytes) => {
                #[cfg(test)]
                if let Some(message) = &mut *thread.sent_back.borrow_mut() {
                    message.extend_from_slice(bytes);
                }
                match &mut self.conversation {
                    Some(conversation) => conversation.push(bytes),
                    None => inbox.push(bytes),
                }
            }
            FrameItem::MessageEnd(_kind, sizes, text_bytes) => {
                ended = true;
                if self.conversation.is_none() {
                    self.receive_message(io, &mut inbox, sizes, text_bytes);
                } else if broken.is_none() {
                    broken = self.receive_whole(io, &mut inbox, sizes, text_bytes.is_some()).err();
                }
                #[cfg(test)]
                self.send_back(io, _kind.opcode());
            }
            FrameItem::Ping(payload, sizes) => {
                count_control(io, sizes);
                if io.is_blocked() {
                    self.late_pong = Some(payload.into());
                } else {
                    self.send_control(io, Opcode::Pong, payload);
                }
            }
            FrameItem::Pong(sizes) => count_control(io, sizes),
            FrameItem::Close(code, reason, sizes) => {
                count_control(io, sizes);
                closed = Some((code, AnswerText::of_bytes(reason)));
            }
        });
        if let Some(conversation) = &mut self.conversation {
            conversation.give_memory_back(&mut self.shared.whole.borrow_mut());
        }
        self.inbox.put_back(inbox, &thread);
        self.reader = reader;
        if let Err(error) = fed {
            self.send_close(io, Some(error.close_code()));
            let text = frame_faults::said_of_reader(error);
            return io.lose_refused(frame_faults::of_reader(error).error(), text);
        }
        let awaits = self.is_busy() || self.pending.as_ref().is_some_and(|p| !p.queue.is_empty());
        self.large_frame.watch(&self.reader, awaits, io);
        self.open.note(self.reader.is_within_message(), ended, io.now_ns);
        if let Some(kind) = broken {
            return self.give_up(io, kind);
        }
        if let Some((code, reason)) = closed
            && !self.close_sent
        {
            let error = ClientError::with(ClientErrorKind::EarlyClose, code.unwrap_or(0).into());
            let text = self.text_at_end(reason);
            io.refused(io.phase(), error, text);
            self.send_close(io, code);
        }
    }

    /// Closes a connection whose messages cannot be taken apart.
    fn give_up(&mut self, io: &mut Io<'_>, kind: ClientErrorKind) {
        // RFC 6455 §7.4.1: too big to process, or no data of its kind.
        let code = if kind == ClientErrorKind::TooLong { 1009 } else { 1007 };
        self.send_close(io, Some(code));
        io.lose(ClientError::of(kind));
    }

    /// Returns what the server said at the end of a connection: the reason of its Close, or else
    /// the last message if the client was not connected yet.
    pub(super) fn text_at_end(&mut self, reason: AnswerText) -> Option<Box<AnswerText>> {
        let text = match &mut self.conversation {
            Some(said) if reason.body.is_empty() && !said.is_set_up() => {
                AnswerText::of_bytes(&said.take_other())
            }
            _ => reason,
        };
        (!text.body.is_empty()).then(|| Box::new(text))
    }

    /// Sends what comes next in the set-up of the connection, which may be over with it.
    pub(super) fn go_on(&mut self, io: &mut Io<'_>) {
        let Some(conversation) = &mut self.conversation else { return };
        let said = conversation.said();
        let began_ns = conversation.began_ns();
        while let Some(step) = self.conversation.as_mut().and_then(|c| c.next_send()) {
            if let Some(payload) = said.first(step) {
                self.send_said(io, payload);
            }
        }
        if self.conversation.as_ref().is_some_and(|c| c.is_set_up()) {
            set_up(io, began_ns);
        }
    }

    /// Sends a message of the conversation.
    fn send_said(&mut self, io: &mut Io<'_>, payload: &Payload) {
        let shared = self.shared.clone();
        let values = shared.table.values(io.core.id, io.core.next_random());
        self.send_control(io, payload.opcode(), &payload.bytes(&values));
    }

    /// A frame's message that was read whole: its messages belong to the conversation, or are
    /// updates. The error is that of bytes which cannot be taken apart.
    fn receive_whole(
        &mut self,
        io: &mut Io<'_>,
        inbox: &mut Inbox,
        sizes: FrameSizes,
        is_compressed: bool,
    ) -> Result<(), ClientErrorKind> {
        let Some(conversation) = &mut self.conversation else { return Ok(()) };
        if conversation.is_too_long() {
            return Err(ClientErrorKind::TooLong);
        }
        let is_compressed = conversation.note_compressed(is_compressed);
        let (frame, sizes) = conversation.take_messages(sizes);
        let said = conversation.said();
        let done = said.whole_bytes(&frame)?;
        if done == 0 && !frame.is_empty() {
            conversation.forget_messages(frame, done, sizes);
            return Ok(());
        }
        // What goes on in the next frame is counted with its end.
        let earlier = if is_compressed {
            // How many bytes of the payload that is, is not known.
            FrameSizes::default()
        } else {
            FrameSizes { payload: (frame.len() - done) as u64, ..FrameSizes::default() }
        };
        let sizes = FrameSizes { payload: sizes.payload - earlier.payload, ..sizes };
        // The updates' own bytes, and those of other messages.
        let mut updates = None;
        let mut others = 0;
        let mut separators = 0;
        let mut phase = self.echo_phase().unwrap_or(io.phase());
        for message in said.messages(&frame[..done]) {
            let Some(conversation) = &mut self.conversation else { break };
            match conversation.meaning(message) {
                Meaning::Update(update) => {
                    inbox.push(update);
                    let bytes = update.len() as u64;
                    if let Some((of, between)) = self.receive_update(io, inbox, bytes) {
                        phase = of;
                        *updates.get_or_insert(0) += bytes.saturating_sub(between);
                        separators += between;
                        continue;
                    }
                }
                Meaning::Ping(number) => {
                    if let Some(reply) = said.reply(number) {
                        self.send_said(io, reply);
                    }
                }
                Meaning::SetUp => self.go_on(io),
                Meaning::Other => {}
            }
            others += message.len() as u64;
        }
        match updates {
            None => count_control(io, sizes),
            Some(text_bytes) if is_compressed => {
                io.decoded(phase, text_bytes, sizes.payload);
                io.count_in(phase, |ledger| {
                    ledger.down.wire += sizes.wire();
                    ledger.down[Part::Framing] += sizes.framing;
                    ledger.down[Part::Payload] += sizes.payload;
                });
            }
            Some(payload) => io.count_in(phase, |ledger| {
                ledger.down.wire += sizes.wire();
                ledger.down[Part::Framing] += sizes.framing + separators;
                ledger.down[Part::Payload] += payload;
                ledger.down[Part::Control] += others;
                ledger.down[Part::Envelope] +=
                    sizes.payload.saturating_sub(payload + others + separators);
            }),
        }
        if let Some(conversation) = &mut self.conversation {
            conversation.forget_messages(frame, done, earlier);
        }
        Ok(())
    }
}

//! The client half: upgrades, receives messages, and sends those of a sender or of an echo.

mod receive;

use crate::client::delivery::client_inbox::ClientInbox;
use crate::client::delivery::per_client::DeliveryTracker;
use crate::client::delivery::skipped::skipped;
use crate::client::http::{retry_after_ns, unasked};
use crate::client::machine::{Io, Machine, Reconnect, SessionPolicy};
use crate::client::open_message::OpenMessage;
use crate::client::requests::Redirected;
use crate::client::{ClientCore, ClientHalf, MachineClients, Session};
use crate::feed;
use crate::feed::{PayloadKind, Stamp, Workload};
use crate::protocol::answer_input::AnswerFrame;
use crate::protocol::client_data::ClientTable;
use crate::protocol::http1::Target;
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::template::Template;
use crate::protocol::websocket::codec::{
    FrameReader, FrameSizes, Opcode, mark_compressed, write_masked,
};
use crate::protocol::websocket::deflate_coder::{CoderPool, Deflater};
use crate::record::{ClientError, ClientErrorKind, Flow, FrameFault, Part, Phase};
use crate::time::{Turn, TurnPlacement};
use crate::transport::websocket::account::{count_heads, count_stream_framing, set_up};
use crate::transport::websocket::conversation::{Conversation, ConversationState};
use crate::transport::websocket::frame_faults::LargeFrame;
use crate::transport::websocket::masks::Masks;
use crate::transport::websocket::params::{ID, Params};
use crate::transport::websocket::pending_echo::{PendingEcho, PendingEchoes, message_id};
use crate::transport::websocket::unwritten::UnwrittenFrames;
use crate::transport::websocket::upgrade::{
    OpeningHandshake, REFUSAL_LIMIT_NS, UpgradeRequests, name_selected,
};
use std::cell::RefCell;
use std::io::Write as _;
use std::rc::Rc;

/// The code of a normal end (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;

/// The clients of one thread.
struct WebSocketClients(Rc<WebSocketSettings>);

struct WebSocketSettings {
    upgrades: UpgradeRequests,
    reconnect_ns: u64,
    /// In an echo, each message follows the echo of the last.
    back_to_back: bool,
    feed: feed::Spec,
    /// What is said beside the updates; `None` for nothing.
    conversation: Option<Rc<Conversation>>,
    /// The clients' own data, if a message of it has placeholders.
    table: ClientTable,
    /// In an echo, what a client sends before and after a message's number; `None` for this program's
    /// stamps.
    send: Option<(Template, Template)>,
    masks: RefCell<Masks>,
    /// Memory for rendering payloads and frames.
    scratch: RefCell<(Vec<u8>, Vec<u8>)>,
    /// Memory for messages that are read whole.
    whole: RefCell<Vec<u8>>,
    /// The coders of compressed messages.
    coders: Rc<CoderPool>,
}

/// What a frame with data carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameUse {
    /// A message of the workload.
    Message,
    /// A part of the conversation beside it.
    Conversation,
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
    let table = match &params.options.data {
        Some(data) if params.conversation.varies() || params.send.is_some() => data.load()?,
        _ => ClientTable::default(),
    };
    Ok(ClientHalf::Machines(Rc::new(WebSocketClients(Rc::new(WebSocketSettings {
        upgrades: UpgradeRequests::new(&params.options, target)?,
        reconnect_ns: params.reconnect_ns,
        back_to_back: params.back_to_back,
        feed: *feed,
        conversation: (!params.conversation.is_empty())
            .then(|| Rc::new(params.conversation.clone())),
        table,
        send: params.send.as_ref().and_then(|send| send.split_at(ID)),
        masks: RefCell::default(),
        scratch: RefCell::default(),
        whole: RefCell::default(),
        coders: Rc::default(),
    })))))
}

impl MachineClients for WebSocketClients {
    fn sessions(&self, core: ClientCore) -> Vec<Session> {
        let feed = &self.0.feed;
        let placement = if feed.spread { TurnPlacement::Spread } else { TurnPlacement::Together };
        let echo = feed.workload == Workload::Echo;
        let sends = feed.sends(core.id);
        let policy = SessionPolicy {
            turns: echo.then_some(placement),
            reconnect: Reconnect::After(self.0.reconnect_ns),
            connects: true,
        };
        let machine = WebSocketMachine {
            shared: self.0.clone(),
            delivery: DeliveryTracker::new(skipped(&self.0.feed)),
            handshake: None,
            redirected: Redirected::default(),
            reader: FrameReader::default(),
            deflater: None,
            inbox: ClientInbox::default(),
            conversation: self.0.conversation.clone().map(ConversationState::new).map(Box::new),
            pending: echo.then(Box::default),
            unwritten: None,
            late_pong: None,
            close_sent: false,
            large_frame: LargeFrame::default(),
            open: OpenMessage::default(),
            asked_ns: None,
        };
        let requests = &self.0.upgrades.requests;
        let mut sessions = requests.sessions(core, Box::new(machine), policy);
        // The client's own is the last one.
        if sends && !echo {
            let client = sessions.pop().map(|s| s.with_sender(feed.period_ns(), placement));
            sessions.extend(client);
        }
        sessions
    }
}

/// One client.
struct WebSocketMachine {
    shared: Rc<WebSocketSettings>,
    delivery: DeliveryTracker,
    /// The opening handshake, until it is over.
    handshake: Option<Box<OpeningHandshake>>,
    redirected: Redirected,
    reader: FrameReader,
    /// What compresses the client's messages, if the server has selected the extension.
    deflater: Option<Box<Deflater>>,
    /// The updates of the current message.
    inbox: ClientInbox,
    /// The conversation beside the updates, if there is one.
    conversation: Option<Box<ConversationState>>,
    /// In an echo, the messages whose echoes have not come yet, in order.
    pending: Option<Box<PendingEchoes>>,
    /// Frames that have not reached the socket whole, in order; `None` if there are none.
    unwritten: Option<Box<UnwrittenFrames>>,
    /// The answer to the latest ping, if the socket takes nothing now (RFC 6455 §5.5.3).
    late_pong: Option<Box<[u8]>>,
    /// Whether a Close frame was sent on this connection.
    close_sent: bool,
    large_frame: LargeFrame,
    open: OpenMessage,
    /// How long the server that refused the last upgrade wants the client to wait, in nanoseconds.
    asked_ns: Option<u64>,
}

impl WebSocketMachine {
    /// Sends a frame and adds its bytes once it has reached the socket whole.
    fn send_frame(
        &mut self,
        io: &mut Io<'_>,
        phase: Phase,
        (opcode, of): (Opcode, FrameUse),
        payload: &[u8],
        frame: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        frame.clear();
        let mask = self.shared.masks.borrow_mut().next();
        let sizes = match &mut self.deflater {
            Some(deflater) if !opcode.is_control() => {
                let sizes = deflater
                    .compress(payload, |payload| write_masked(opcode, mask, payload, frame));
                mark_compressed(frame);
                sizes
            }
            _ => write_masked(opcode, mask, payload, frame),
        };
        let FrameSizes { framing, masks, payload } = sizes;
        let sent = io.send(frame);
        let flow = match (opcode, of) {
            (Opcode::Text | Opcode::Binary | Opcode::Continuation, FrameUse::Message) => {
                Flow::of([(Part::Framing, framing), (Part::Masks, masks), (Part::Payload, payload)])
            }
            _ => {
                io.count_control_frames(phase, 0, 1);
                Flow::of([(Part::Control, framing + masks + payload)])
            }
        };
        // Frames before it may have left with it.
        self.count_written(io);
        if sent.is_ok() && io.unsent() == 0 {
            io.count_in(phase, |ledger| ledger.up += flow);
        } else {
            let until = io.written() + io.unsent();
            self.unwritten.get_or_insert_default().push(until, phase, flow);
        }
        sent
    }

    /// Adds the frames that have reached the socket whole by now.
    fn count_written(&mut self, io: &mut Io<'_>) {
        let Some(mut frames) = self.unwritten.take() else { return };
        let written = io.written();
        while let Some((phase, flow)) = frames.pop_written(written) {
            io.count_in(phase, |ledger| ledger.up += flow);
        }
        if !frames.is_empty() {
            self.unwritten = Some(frames);
        }
    }

    fn send_control(&mut self, io: &mut Io<'_>, opcode: Opcode, payload: &[u8]) {
        let shared = self.shared.clone();
        let frame = &mut shared.scratch.borrow_mut().1;
        // If it fails the connection is gone, which receiving meets next.
        let of = (opcode, FrameUse::Conversation);
        let _ = self.send_frame(io, io.phase(), of, payload, frame);
    }

    /// Sends a message back, if a conformance test wants that.
    #[cfg(test)]
    fn send_back(&mut self, io: &mut Io<'_>, opcode: Opcode) {
        let message = io.thread.sent_back.borrow_mut().as_mut().map(std::mem::take);
        if let Some(message) = message {
            let shared = self.shared.clone();
            let frame = &mut shared.scratch.borrow_mut().1;
            let of = (opcode, FrameUse::Message);
            let _ = self.send_frame(io, io.phase(), of, &message, frame);
        }
    }

    fn send_close(&mut self, io: &mut Io<'_>, code: Option<u16>) {
        if !std::mem::replace(&mut self.close_sent, true) {
            let payload = code.map(u16::to_be_bytes);
            self.send_control(io, Opcode::Close, payload.as_ref().map_or(&[], |code| code));
        }
        io.end_exchange();
        io.limit_closing();
    }

    /// Reads a piece of the response of the opening handshake. Returns the frames that came after
    /// it.
    fn upgrade<'a>(&mut self, io: &mut Io<'_>, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let handshake = self.handshake.as_mut()?;
        let fed = match handshake.feed(bytes) {
            // A request that is still on its way cannot have been answered.
            Ok(Some(_)) if io.unsent() > 0 => Err(unasked(bytes, 0).0),
            fed => fed,
        };
        match fed {
            Err(error) => {
                self.refused(io, error);
                None
            }
            Ok(None) => {
                if handshake.refusal().is_some() {
                    io.limit_exchange(REFUSAL_LIMIT_NS);
                }
                None
            }
            Ok(Some(used)) => {
                self.upgraded(io);
                Some(&bytes[used..])
            }
        }
    }

    /// The server has taken the handshake.
    fn upgraded(&mut self, io: &mut Io<'_>) {
        let Some(mut handshake) = self.handshake.take() else { return };
        let cookies = handshake.response.cookies.take();
        let requests = &self.shared.upgrades.requests;
        requests.keep(io.core, io.phase(), &self.redirected, cookies);
        self.redirected.arrived();
        count_heads(io, &handshake);
        match handshake.deflate {
            Some(params) => {
                let (deflater, inflater) = params.client_coders(&self.shared.coders);
                self.deflater = Some(Box::new(deflater));
                self.reader.take_compressed(inflater);
            }
            None if self.shared.upgrades.asked.deflate.is_some() => {
                io.core.extension_declined(io.phase());
            }
            None => {}
        }
        let began_ns = handshake.began_ns;
        match &mut self.conversation {
            None => set_up(io, began_ns),
            Some(conversation) => {
                conversation.begin(began_ns);
                self.go_on(io);
            }
        }
    }

    /// The server does not upgrade. It may lead elsewhere, where the client goes on.
    fn refused(&mut self, io: &mut Io<'_>, error: ClientError) {
        let Some(handshake) = &mut self.handshake else { return };
        let requests = &self.shared.upgrades.requests;
        let cookies = handshake.response.cookies.take();
        requests.keep(io.core, io.phase(), &self.redirected, cookies);
        let status = handshake.response.status;
        let mut text = handshake.response.text.take();
        if requests.follow(io.core, &mut self.redirected, status, text.as_deref_mut()) {
            count_heads(io, handshake);
            io.discard_all();
            return io.reconnect();
        }
        self.asked_ns = retry_after_ns(&handshake.response, &io.core.thread);
        self.redirected.arrived();
        io.discard_all();
        io.lose_refused(error, name_selected(error, text));
    }

    /// The connection is lost within the handshake: by the server's refusal, if its head has come,
    /// and otherwise by this error.
    fn lose_handshake(&mut self, io: &mut Io<'_>, error: ClientError) {
        let Some(handshake) = &mut self.handshake else { return };
        let error = handshake.refusal().unwrap_or(error);
        self.asked_ns = retry_after_ns(&handshake.response, &io.core.thread);
        let text = handshake.response.text.take();
        io.discard_all();
        io.lose_refused(error, text);
    }
}

impl Machine for WebSocketMachine {
    fn opened(&mut self, io: &mut Io<'_>) {
        self.reader = FrameReader::default();
        self.deflater = None;
        self.close_sent = false;
        self.large_frame = LargeFrame::default();
        self.asked_ns = None;
        let upgrades = &self.shared.upgrades;
        let mut handshake = OpeningHandshake::new(upgrades, io.core, &self.redirected, io.now_ns);
        io.begin_exchange(0);
        let sent = io.send_request(&handshake.request);
        handshake.asked = sent.unwrap_or(handshake.request.size);
        self.handshake = Some(Box::new(handshake));
        if let Err(error) = sent {
            io.discard_all();
            io.lose(error);
        }
    }

    fn received(&mut self, io: &mut Io<'_>, bytes: &[u8]) {
        if self.handshake.is_none() {
            return self.receive_frames(io, bytes);
        }
        if let Some(frames) = self.upgrade(io, bytes)
            && !frames.is_empty()
        {
            self.receive_frames(io, frames);
        }
    }

    fn answer(&mut self, io: &mut Io<'_>, frame: AnswerFrame<'_>) {
        if let Some(handshake) = &mut self.handshake {
            return match handshake.feed_frame(frame) {
                Err(error) => self.refused(io, error),
                Ok(true) => {
                    self.upgraded(io);
                    if frame.ends() && !io.is_leaving() {
                        self.ended(io, None);
                    }
                }
                Ok(false) if handshake.refusal().is_some() => io.limit_exchange(REFUSAL_LIMIT_NS),
                Ok(false) => {}
            };
        }
        if let AnswerFrame::Body(body) = frame {
            count_stream_framing(io, body.framing_bytes);
            if !body.bytes.is_empty() {
                self.receive_frames(io, body.bytes);
            }
        }
        if frame.ends() && !io.is_leaving() {
            self.ended(io, None);
        }
    }

    fn ended(&mut self, io: &mut Io<'_>, error: Option<ClientError>) {
        if self.handshake.is_some() {
            let error = error.unwrap_or(ClientError::of(ClientErrorKind::EarlyClose));
            return self.lose_handshake(io, error);
        }
        if io.is_stopping() {
            io.finish();
        } else if self.close_sent {
            // The server's Close is counted already.
            io.lose_counted();
        } else {
            let error = error.unwrap_or(ClientError::of(ClientErrorKind::EarlyClose));
            let text = self.text_at_end(AnswerText::default());
            io.lose_refused(error, text);
        }
    }

    fn written(&mut self, io: &mut Io<'_>) {
        self.count_written(io);
        if !io.is_blocked()
            && let Some(payload) = self.late_pong.take()
        {
            self.send_control(io, Opcode::Pong, &payload);
        }
    }

    fn turn(&mut self, io: &mut Io<'_>, turn: Turn) {
        let echo = self.pending.is_some();
        if echo {
            io.enter(turn.phase);
        }
        let shared = self.shared.clone();
        let sequence = match (echo, &shared.send) {
            (true, Some(_)) => message_id(&shared.feed, io.core),
            (true, None) => io.turns_taken(),
            (false, _) => io.post().sequence(),
        };
        let stamp = Stamp { sequence, published_ns: turn.intended_ns };
        let (payload, frame) = &mut *shared.scratch.borrow_mut();
        let opcode = match (&shared.send, shared.feed.kind) {
            (None, PayloadKind::Binary) => Opcode::Binary,
            _ => Opcode::Text,
        };
        if let Some((before, after)) = &shared.send {
            payload.clear();
            let values = shared.table.values(io.core.id, io.core.next_random());
            before.render(&values, payload);
            // Writing into memory does not fail.
            drop(write!(payload, "{sequence}"));
            after.render(&values, payload);
        } else {
            payload.resize(shared.feed.payload_bytes as usize, 0);
            stamp.write(shared.feed.kind, shared.feed.seed, payload);
        }
        let sent_ns = io.now_ns;
        let of = (opcode, FrameUse::Message);
        let sent = self.send_frame(io, turn.phase, of, payload, frame);
        io.message_sent(turn.phase, sent.is_ok());
        let Some(pending) = &mut self.pending else { return };
        io.echo_awaited(turn.phase);
        pending.queue.push_back(PendingEcho { stamp, sent_ns, phase: turn.phase });
        if pending.queue.len() == 1 {
            io.begin_exchange(0);
        }
    }

    fn is_busy(&self) -> bool {
        self.close_sent
            || self.handshake.is_some()
            || self.conversation.as_ref().is_some_and(|said| !said.is_set_up())
            || (self.shared.back_to_back
                && self.pending.as_ref().is_some_and(|p| !p.queue.is_empty()))
    }

    fn touch(&self) -> u64 {
        self.reader.touch() ^ self.delivery.touch() ^ u64::from(self.close_sent)
    }

    fn expired(&mut self, io: &mut Io<'_>) {
        let error = ClientError::of(ClientErrorKind::ResponseTimeout);
        if self.handshake.is_some() {
            return self.lose_handshake(io, error);
        }
        let under_way = self.reader.frame_under_way();
        if self.large_frame.count_unfinished(under_way, io.phase(), io.core) {
            self.send_close(io, Some(FrameFault::Unfinished.close_code()));
            return io.lose_counted();
        }
        match &mut self.conversation {
            Some(conversation) if !conversation.is_set_up() => {
                let other = AnswerText::of_bytes(&conversation.take_other());
                let error = ClientError::of(ClientErrorKind::NotReady);
                io.lose_refused(error, Some(Box::new(other)));
            }
            _ => io.lose(error),
        }
    }

    /// Performs the closing handshake (RFC 6455 §7): sends Close and reads until the server has
    /// closed the connection.
    fn stop(&mut self, io: &mut Io<'_>) {
        if self.handshake.is_some() {
            io.discard_all();
            return io.finish();
        }
        io.enter(Phase::Teardown);
        self.send_close(io, Some(NORMAL));
    }

    fn closing(&mut self, io: &mut Io<'_>, last: bool) {
        self.handshake = None;
        self.count_written(io);
        self.unwritten = None;
        self.late_pong = None;
        let open = std::mem::take(&mut self.open);
        if last {
            // A frame that has just begun is none that does not end.
            if open.count(io.core, io.now_ns, self.reader.pending()) {
                let under_way = self.reader.frame_under_way();
                self.large_frame.count_unfinished(under_way, io.phase(), io.core);
            }
        }
        // What is in no whole frame, and what came after the protocol was broken.
        io.discard_received();
        self.reader = FrameReader::default();
        self.deflater = None;
        self.inbox.clear(&io.core.thread);
        if let Some(conversation) = &mut self.conversation {
            conversation.begin(0);
        }
        for PendingEcho { phase, .. } in self.pending.iter_mut().flat_map(|p| p.queue.drain(..)) {
            io.echo_lost(phase);
            if last {
                // Otherwise the loss of the connection is counted already.
                io.fault(phase, ClientError::of(ClientErrorKind::ResponseTimeout));
            }
        }
        if !last {
            self.delivery.reconnected();
        }
    }

    fn server_pause_ns(&self, _: &ClientCore) -> Option<u64> {
        self.asked_ns
    }

    fn settle(&mut self, core: &ClientCore) {
        self.delivery.settle(core);
    }
}

//! What both engines share: counts a finished or failed exchange.

use crate::client::ClientCore;
use crate::client::compressed_bodies::WholeBody;
use crate::client::connection::MovedBytes;
use crate::client::delivery::client_inbox::ClientInbox;
use crate::client::delivery::inbox::without_separators;
use crate::client::delivery::per_client::DeliveryTracker;
use crate::client::delivery::skipped::Skipped;
use crate::client::http::{add_exchange, brings_message, discard_payload};
use crate::client::rendered_request::HeadSize;
use crate::feed;
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http1::response::Parts;
use crate::record::{ClientError, ClientErrorKind, TraceKind};
use crate::time::Turn;

/// What one client has received.
pub(crate) struct PollState {
    /// Its updates.
    pub delivery: DeliveryTracker,
    /// The payloads of the current response.
    pub inbox: ClientInbox,
}

/// An exchange whose response is whole.
pub(crate) struct CompletedExchange {
    /// The turn that caused it.
    pub turn: Turn,
    /// The moment of sending.
    pub sent_ns: u64,
    /// The moment at which the response was whole.
    pub done_ns: u64,
    /// The status of the response.
    pub status: u16,
    /// Whether that counts as success.
    pub success: bool,
    /// Whether its body is compressed in a way that was not asked for.
    pub unreadable: bool,
    /// What the body was, if the request asked for a compressed one.
    pub body: WholeBody,
    /// Whether it sets a cookie that the client does not send back.
    pub cookie_ignored: bool,
    /// Bytes that it moved.
    pub moved: MovedBytes,
    /// The size of the request.
    pub request: HeadSize,
    /// What the response consists of.
    pub parts: Parts,
}

impl PollState {
    /// The state before the first response.
    pub(crate) fn new(feed: &feed::Spec) -> PollState {
        let delivery = DeliveryTracker::asking(Skipped::from(feed.semantics));
        PollState { delivery, inbox: ClientInbox::default() }
    }

    /// Counts a completed exchange: its bytes, its latencies and its updates. `text` is what the
    /// answer says if it refuses or cannot be read. Returns whether the exchange was a success.
    pub(crate) fn complete(
        &mut self,
        client: &ClientCore,
        exchange: &CompletedExchange,
        text: Option<Box<AnswerText>>,
    ) -> bool {
        let done_ns = exchange.done_ns;
        let phase = exchange.turn.phase;
        if !exchange.success {
            self.fail(client, exchange.turn, exchange.moved, exchange.request);
            let error = ClientError::with(ClientErrorKind::Status, i32::from(exchange.status));
            client.refused(phase, error, text);
            return false;
        }
        let mut inbox = self.inbox.take(&client.thread);
        let (separators, parts) = match exchange.body {
            WholeBody::Plain => {
                let separators = inbox.end();
                (separators, without_separators(exchange.parts, separators))
            }
            WholeBody::Compressed(_) => (inbox.end(), exchange.parts),
            WholeBody::Undecodable => {
                inbox.clear();
                client.thread.spare_inbox(inbox);
                self.fail(client, exchange.turn, exchange.moved, exchange.request);
                client.fault(phase, ClientError::of(ClientErrorKind::Undecodable));
                return false;
            }
        };
        let is_message = brings_message(exchange.status);
        let parts = if is_message {
            parts
        } else {
            discard_payload(client, phase, exchange.status, exchange.parts)
        };
        add_exchange(client, phase, exchange.moved, exchange.request, Some(parts));
        if let (WholeBody::Compressed(text_bytes), true) = (exchange.body, is_message) {
            client.decoded(phase, text_bytes.saturating_sub(separators), parts.payload);
        }
        let CompletedExchange { turn, sent_ns, .. } = *exchange;
        client.response_completed(phase, turn.intended_ns, sent_ns, done_ns);
        client.trace(TraceKind::Sent, exchange.sent_ns, None);
        if exchange.unreadable && is_message {
            client.compressed(phase, text);
        }
        if exchange.cookie_ignored {
            client.cookie_ignored(phase);
        }
        if !is_message {
            inbox.clear();
        }
        if !self.delivery.deliver(&mut inbox, client, phase, done_ns) {
            client.nothing_new(phase, exchange.moved);
        }
        self.inbox.put_back(inbox, &client.thread);
        true
    }

    /// Adds the bytes of an exchange that failed.
    pub(crate) fn fail(
        &mut self,
        client: &ClientCore,
        turn: Turn,
        moved: MovedBytes,
        request: HeadSize,
    ) {
        self.inbox.clear(&client.thread);
        add_exchange(client, turn.phase, moved, request, None);
    }
}

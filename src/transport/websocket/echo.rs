//! What a client sends: messages to all where it is a sender, and in an echo messages that the
//! server answers with the same.
//!
//! Separate from `client`, which connects and receives. A message is written at once or, where the
//! socket is full, while the next event is waited for; nothing blocks the reading of answers.

use crate::client::Client;
use crate::client::delivery::per_client::Receipts;
use crate::feed::{PayloadKind, Stamp};
use crate::protocol::websocket::frame::Sizes;
use crate::record::{ClientError, ClientErrorKind, Metric, Phase};
use crate::time::now_ns;
use crate::time::{Turn, TurnPlacement};
use crate::transport::websocket::client::{Ended, Event, Link, Push, next, payload_of};
use bytes::Bytes;
use futures_util::{Sink, SinkExt};
use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::Message;

/// A message that was sent and is to be answered.
#[derive(Debug, Clone, Copy)]
struct Round {
    stamp: Stamp,
    sent_ns: u64,
    phase: Phase,
}

/// The messages that are to be answered, in order.
#[derive(Debug, Default)]
pub(super) struct Rounds(VecDeque<Round>);

impl Push {
    pub(super) fn spread(&self) -> TurnPlacement {
        if self.feed.spread { TurnPlacement::Spread } else { TurnPlacement::Together }
    }

    /// A message of the feed's form. Its memory is used again once it was written.
    fn message(&self, stamp: Stamp) -> Message {
        let mut scratch = self.scratch.borrow_mut();
        scratch.resize(self.feed.payload_bytes as usize, 0);
        stamp.write(self.feed.kind, &mut scratch);
        let bytes: Bytes = scratch.split().freeze();
        match self.feed.kind {
            PayloadKind::Binary => Message::Binary(bytes),
            // Stamps are ASCII; were they not, the bytes would still be sent.
            _ => match Utf8Bytes::try_from(bytes.clone()) {
                Ok(text) => Message::Text(text),
                Err(_) => Message::Binary(bytes),
            },
        }
    }

    /// Sends the message of a turn.
    pub(super) fn send(&self, client: &Client, link: &mut Link, stamp: Stamp, phase: Phase) {
        let sent_ns = now_ns();
        let sent = Pin::new(&mut link.socket).start_send(self.message(stamp));
        link.sent(phase);
        let mut recorder = client.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        counts.sent += u64::from(sent.is_ok());
        let Some(rounds) = &mut link.rounds else { return };
        counts.updates_published += 1;
        drop(recorder);
        rounds.0.push_back(Round { stamp, sent_ns, phase });
        if rounds.0.len() == 1 {
            client.watch.begin(sent_ns);
        }
        // Where writing failed the connection is gone, which reading meets next.
    }

    /// Sends and receives until the word to stop or the loss of the connection: an echo.
    pub(super) async fn converse(
        &self,
        client: &mut Client,
        link: &mut Link,
        receipts: &mut Receipts,
    ) -> Ended {
        loop {
            let watch = client.watch.clone();
            let waits = self.back_to_back && !link.answered();
            let event = {
                let mut turn = pin!(async {
                    match waits {
                        true => std::future::pending().await,
                        false => client.turn(self.spread()).await,
                    }
                });
                next(link, None, &watch, turn.as_mut()).await
            };
            match event {
                Event::Turn(Some(Turn { intended_ns, phase })) => {
                    link.enter(phase);
                    let stamp = Stamp { sequence: client.turns_taken(), published_ns: intended_ns };
                    self.send(client, link, stamp, phase);
                }
                Event::Turn(None) => {
                    link.end(client, receipts).await;
                    return Ended::Stopped;
                }
                Event::Received(Ok(message)) => {
                    if let Some(ended) = link.take(client, receipts, &message).await {
                        return ended;
                    }
                }
                Event::Received(Err(fault)) => {
                    link.book_control();
                    client.fault(link.phase(), fault);
                    return Ended::Lost;
                }
                // There is no other sleep than the turn's.
                Event::Woken(_) => {}
            }
        }
    }
}

impl Link {
    /// A message was given to the socket: books what of it has passed.
    pub(super) fn sent(&mut self, phase: Phase) {
        self.writing = Some(phase);
        self.book_up();
    }

    /// Ready once everything is written.
    pub(super) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.writing.is_some() {
            // An error is met again by reading.
            let _ = ready!(self.socket.poll_flush_unpin(cx));
            self.book_up();
            self.writing = None;
        }
        Poll::Ready(())
    }

    /// Books the messages that were written whole, in the phase of the last.
    pub(super) fn book_up(&mut self) {
        let findings = self.socket.get_ref().findings();
        let sizes = std::mem::take(&mut findings.borrow_mut().messages_up);
        if sizes == Sizes::default() {
            return;
        }
        let thread = self.book.thread().clone();
        let mut recorder = thread.recorder.borrow_mut();
        let up = &mut recorder.at(self.writing.unwrap_or(self.book.phase())).ledger.up;
        up.wire += sizes.wire();
        up.framing += sizes.framing;
        up.masks += sizes.masks;
        up.payload += sizes.payload;
        self.book.booked(sizes.wire(), 0);
    }

    /// Whether every message that was sent has been answered.
    fn answered(&self) -> bool {
        self.rounds.as_ref().is_none_or(|rounds| rounds.0.is_empty())
    }

    /// Takes in an answer, where answers are awaited; says whether it was one.
    pub(super) fn is_answer(&mut self, client: &Client, message: &Message) -> bool {
        let done_ns = now_ns();
        let Some(rounds) = &self.rounds else { return false };
        // The answer belongs to the turn that asked for it.
        let phase = rounds.0.front().map_or(self.book.phase(), |round| round.phase);
        self.book_down(client, phase, 0);
        client.thread.event();
        let Some(rounds) = &mut self.rounds else { return true };
        let Some(Round { stamp, sent_ns, phase }) = rounds.0.pop_front() else {
            client.fault(phase, ClientError::of(ClientErrorKind::Malformed));
            return true;
        };
        match rounds.0.front() {
            Some(next) => client.watch.begin(next.sent_ns),
            None => client.watch.end(),
        }
        let spec = &client.thread.spec;
        let payload = payload_of(message);
        let mut recorder = client.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        let same = payload.len() == spec.payload_bytes as usize
            && Stamp::read(spec.kind, payload) == Some(stamp);
        if !same {
            counts.updates_missing += 1;
            drop(recorder);
            client.fault(phase, ClientError::of(ClientErrorKind::Malformed));
            return true;
        }
        counts.completed += 1;
        counts.messages += 1;
        counts.updates_delivered += 1;
        recorder.since(phase, Metric::ResponseLatency, stamp.published_ns, done_ns);
        recorder.since(phase, Metric::ServiceTime, sent_ns, done_ns);
        true
    }

    /// Counts what was sent and will not be answered any more.
    pub(super) fn give_up(&mut self, client: &Client, stopped: bool) {
        let Some(rounds) = &mut self.rounds else { return };
        client.watch.end();
        for Round { phase, .. } in rounds.0.drain(..) {
            let mut recorder = client.thread.recorder.borrow_mut();
            let counts = &mut recorder.at(phase).counts;
            counts.lost += 1;
            counts.updates_missing += 1;
            drop(recorder);
            if stopped {
                // Otherwise the loss of the connection has been counted.
                client.fault(phase, ClientError::of(ClientErrorKind::ResponseTimeout));
            }
        }
    }
}

//! Messages of clients by POST: a simulated client that sends one each turn, and the server that
//! hears it. Shared by every transport over HTTP.
//!
//! Where clients send to each other, what a client gets comes over its transport's own connection;
//! what it says goes over a second one, its voice, from the same address. Where the server answers
//! each message with the same, as in an echo, this is all that a client does. Separate from
//! `room`, where messages meet, and from `link`, which is one connection's bytes.

use crate::client::handle::Client;
use crate::client::http_connection::{Link, SET_UP_ATTEMPTS, SET_UP_PAUSE_NS, book, sizes};
use crate::client::{ClientHalf, LocalFuture};
use crate::feed::{Post, Spec, Stamp};
use crate::protocol::http1::Target;
use crate::protocol::http1::head::RequestHead;
use crate::protocol::http1::response::{BodyPiece, Response};
use crate::record::{ClientError, ClientErrorKind, Metric, Phase};
use crate::time::now_ns;
use crate::time::{Turn, TurnPlacement};
use std::rc::Rc;

/// How the server answers a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// With 204 and nothing: others get it.
    Heard,
    /// With 200 and the same.
    Same,
}

/// Clients of one thread that send a message by POST each turn.
pub(crate) struct Posts {
    head: Vec<u8>,
    sizes: (u64, u64),
    spec: Spec,
    answered: Answered,
    spread: TurnPlacement,
    new_connection: bool,
}

/// What one client sends and what it hears; used again for each message.
struct Line {
    request: Vec<u8>,
    response: Response,
    link: Option<Link>,
}

impl Posts {
    /// For messages of this feed, by a request's head that is turned into a POST.
    pub(crate) fn new(
        head: &RequestHead,
        target: &Target,
        spec: &Spec,
        answered: Answered,
    ) -> Posts {
        let head = head.render_post(&target.path, &target.authority, spec.kind, spec.payload_bytes);
        Posts {
            sizes: sizes(&head),
            head,
            spec: *spec,
            answered,
            spread: if spec.spread { TurnPlacement::Spread } else { TurnPlacement::Together },
            new_connection: false,
        }
    }

    /// With turns in another place of the interval, and perhaps a connection for each.
    pub(crate) fn with(self, spread: TurnPlacement, new_connection: bool) -> Posts {
        Posts { spread, new_connection, ..self }
    }

    /// Sends a message each turn, until the word to end.
    async fn speak(&self, client: &mut Client) {
        let mut request = self.head.clone();
        request.resize(self.head.len() + self.spec.payload_bytes as usize, 0);
        let mut line = Line { request, response: Response::default(), link: None };
        if !Box::pin(self.set_up(client, &mut line)).await {
            return;
        }
        while let Some(turn) = client.turn(self.spread).await {
            if line.link.is_none() {
                line.link = Box::pin(client.connect(turn.phase)).await.map(Link::new);
            }
            let keep = self.exchange(client, &mut line, turn).await;
            if !keep || self.new_connection {
                line.link = None;
            }
        }
    }

    /// Connects; where messages are answered, has a first one answered, so that what is measured
    /// later has nothing first.
    async fn set_up(&self, client: &mut Client, line: &mut Line) -> bool {
        if !client.begin().await {
            return false;
        }
        for attempt in 0..SET_UP_ATTEMPTS {
            if attempt > 0 && !client.pause(SET_UP_PAUSE_NS).await {
                return false;
            }
            line.link = client.connect(Phase::Setup).await.map(Link::new);
            if line.link.is_none() {
                continue;
            }
            if self.answered == Answered::Heard {
                return true;
            }
            let turn = Turn { intended_ns: now_ns(), phase: Phase::Setup };
            let faults = client.faults();
            let keep = self.exchange(client, line, turn).await;
            if client.faults() == faults {
                client.ready();
                if !keep || self.new_connection {
                    line.link = None;
                }
                return true;
            }
            line.link = None;
        }
        false
    }

    fn stamp(&self, client: &Client, turn: Turn) -> Stamp {
        let sequence = match self.answered {
            Answered::Heard => client.post().sequence(),
            Answered::Same => client.turns_taken(),
        };
        Stamp { sequence, published_ns: turn.intended_ns }
    }

    /// One message and its answer; says whether the connection may be used again. A message is
    /// never sent again: who sends it cannot know that it was not heard.
    async fn exchange(&self, client: &Client, line: &mut Line, turn: Turn) -> bool {
        let Line { request, response, link } = line;
        let Some(link) = link else {
            self.count(client, turn.phase, false, None);
            return false;
        };
        link.enter(turn.phase);
        self.stamp(client, turn).write(self.spec.kind, &mut request[self.head.len()..]);
        let sent_ns = now_ns();
        client.watch.begin(sent_ns);
        response.reset();
        let message = &request[self.head.len()..];
        let (mut at, mut same) = (0, true);
        let mut sent = false;
        let end = match link.write(client, request).await {
            Err(fault) => Err(fault),
            Ok(()) => {
                sent = true;
                let body = |piece: BodyPiece<'_>| {
                    if let BodyPiece::Data(bytes) = piece {
                        same &= message.get(at..at + bytes.len()) == Some(bytes);
                        at += bytes.len();
                    }
                };
                link.read(client, response, body).await
            }
        };
        client.watch.end();
        let moved = link.book.moved();
        let parts = end.is_ok().then_some(response.parts);
        book(client, turn.phase, moved, self.sizes, parts);
        if parts.is_some() {
            let mut recorder = client.thread.recorder.borrow_mut();
            recorder.at(turn.phase).ledger.up.payload += message.len() as u64;
        }
        let judged = end.and_then(|beyond| {
            self.judge(client, turn, response, beyond, same && at == message.len())
        });
        match judged {
            Ok(()) => self.count(client, turn.phase, sent, Some((turn.intended_ns, sent_ns))),
            Err(fault) => {
                self.count(client, turn.phase, sent, None);
                client.fault(turn.phase, fault);
            }
        }
        judged.is_ok() && response.keep_alive
    }

    fn judge(
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
        match (self.answered, response.status) {
            (Answered::Heard, 204) => Ok(()),
            (Answered::Same, 200) if same => Ok(()),
            (Answered::Same, 200) => Err(ClientError::of(ClientErrorKind::Malformed)),
            (_, status) => Err(ClientError::with(ClientErrorKind::Status, i32::from(status))),
        }
    }

    /// Counts a message; one that was answered as it should with the moments that its latencies
    /// count from.
    fn count(&self, client: &Client, phase: Phase, sent: bool, answered: Option<(u64, u64)>) {
        let done_ns = now_ns();
        let mut recorder = client.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        counts.sent += u64::from(sent);
        if self.answered == Answered::Heard {
            return;
        }
        counts.updates_published += 1;
        let Some((intended_ns, sent_ns)) = answered else {
            counts.updates_missing += 1;
            return;
        };
        counts.completed += 1;
        counts.messages += 1;
        counts.updates_delivered += 1;
        recorder.since(phase, Metric::ResponseLatency, intended_ns, done_ns);
        recorder.since(phase, Metric::ServiceTime, sent_ns, done_ns);
        client.thread.event();
    }
}

impl ClientHalf for Posts {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.speak(&mut client).await })
    }
}

/// A client half whose senders have a voice beside it, where clients send to each other; the same
/// client half where they do not.
pub(crate) fn with_sender(
    driver: Rc<dyn ClientHalf>,
    head: &RequestHead,
    target: &Target,
    spec: &Spec,
) -> Rc<dyn ClientHalf> {
    match spec.workload.is_shared() {
        true => {
            let voice = Posts::new(head, target, spec, Answered::Heard);
            Rc::new(Speaking { driver, voice: Rc::new(voice), spec: *spec })
        }
        false => driver,
    }
}

struct Speaking {
    driver: Rc<dyn ClientHalf>,
    voice: Rc<Posts>,
    spec: Spec,
}

impl ClientHalf for Speaking {
    fn run(self: Rc<Self>, client: Client) -> LocalFuture<()> {
        if !self.spec.sends(client.id) {
            return self.driver.clone().run(client);
        }
        let mut second = client.beside(self.spec.period_ns());
        let listening = self.driver.clone().run(client);
        // One task, so that the client has ended when both have.
        Box::pin(async move {
            futures_util::future::join(listening, self.voice.speak(&mut second)).await;
        })
    }
}

/// The place of a message among all: who sends it, and which of its it is.
impl Client {
    /// The message of the turn that was taken last.
    pub fn post(&self) -> Post {
        Post { sender: self.id, number: u32::try_from(self.turns_taken()).unwrap_or(u32::MAX) }
    }
}

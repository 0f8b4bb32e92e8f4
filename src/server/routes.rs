//! What the reference server offers a transport's server half: routes, the feed, the client's
//! topic, and a word when the server drains.
//!
//! Separate from `server`, which accepts connections, speaks HTTP and counts.

use crate::feed::{Feed, Semantics, Stamp, Topic};
use crate::net::Connection;
use crate::server::broadcast_hub::{BroadcastHub, Posted};
use crate::server::fault_injection::{FaultInjection, Injector};
use crate::server::subscription::{Outgoing, Subscription};
use crate::time::Timer;
use bytes::{Bytes, BytesMut};
use futures_util::future::LocalBoxFuture;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;

/// The body of an answer: whole, or a stream.
pub(crate) type Body = Either<Full<Bytes>, Stream>;
/// A body that comes piece by piece and stays on its thread.
pub(crate) type Stream = Pin<Box<dyn hyper::body::Body<Data = Bytes, Error = Infallible>>>;

/// One connected client, as the server sees it. Shared by the requests of its connection.
pub struct Peer {
    /// What it watches.
    pub topic: Topic,
    /// The thread's services.
    pub thread: Rc<ServerThread>,
    place: RefCell<Subscription>,
    attending: Cell<bool>,
}

impl Peer {
    /// A client that watches a topic.
    pub fn new(topic: Topic, thread: Rc<ServerThread>) -> Peer {
        let place = RefCell::new(Subscription::new(&thread.feed.get(), topic));
        Peer { topic, thread, place, attending: Cell::new(false) }
    }
    /// Where it is in its topic; at its beginning, where the feed has begun meanwhile.
    fn place(&self) -> RefMut<'_, Subscription> {
        let mut place = self.place.borrow_mut();
        place.follow(&self.thread.feed.get(), self.topic);
        place
    }
    /// Begins to listen: after the update that a `Last-Event-ID` names (HTML §9.2.4), in base 36
    /// as the stamp of a text message has it, or else from now on.
    pub fn listen(&self, headers: &HeaderMap, now_ns: u64) {
        if !self.resume(headers, now_ns) {
            self.place().skip(&self.thread, now_ns);
        }
    }
    /// Listens, where it did not yet, and otherwise believes what it says that it has. For a
    /// client that asks again and again.
    pub fn attend(&self, headers: &HeaderMap, now_ns: u64) {
        if self.attending.replace(true) {
            self.resume(headers, now_ns);
        } else {
            self.listen(headers, now_ns);
        }
    }
    /// Goes to the update that a `Last-Event-ID` names; false where there is none.
    pub fn resume(&self, headers: &HeaderMap, now_ns: u64) -> bool {
        let named = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
        let Some(sequence) = named.and_then(|id| u64::from_str_radix(id, 36).ok()) else {
            return false;
        };
        self.place().resume(&self.thread, self.topic, sequence, now_ns);
        true
    }
    /// When the next message is due to it; `u64::MAX` where that is for others to say. Every
    /// sleeper of the thread's alarm is woken when it becomes another moment.
    pub fn due_ns(&self) -> u64 {
        self.place().due_ns(&self.thread)
    }
    /// When the next message that is pushed to it leaves: when it is due, or as much later as a
    /// fault of the server has it.
    pub fn leaves_ns(&self) -> u64 {
        self.due_ns().saturating_add(self.thread.delay_ns())
    }
    /// The message that leaves now, if one does; to be sent at once.
    pub fn take_due(&self, now_ns: u64) -> Option<Outgoing> {
        let due_ns = now_ns.saturating_sub(self.thread.delay_ns());
        let outgoing = self.place().take_due(&self.thread, due_ns)?;
        if let Some(injector) = &self.thread.injector {
            injector.message();
        }
        Some(outgoing)
    }
    /// All that it has not had, as the semantics ask; `None` where that is nothing.
    pub fn take_pending(&self, now_ns: u64, semantics: Semantics) -> Option<Outgoing> {
        self.place().take_pending(&self.thread, now_ns, semantics)
    }
    /// Brings a message of this client to all; every sleeper of the thread's alarm is woken, since
    /// something is due to each.
    pub fn post(&self, bytes: &[u8], now_ns: u64) {
        let kind = self.thread.feed.get().spec.kind;
        let sequence = Stamp::read(kind, bytes).map_or(0, |stamp| stamp.sequence);
        // A copy: the message would keep the whole buffer that it was read into.
        let bytes = Bytes::copy_from_slice(bytes);
        self.thread.room.post(Posted { bytes, at_ns: now_ns, sequence });
        self.thread.alarm.wake_all();
    }
    /// The latest update, whether it has had it or not.
    pub fn latest(&self, now_ns: u64) -> Outgoing {
        self.place().latest(&self.thread, now_ns)
    }
}

/// What a client that connects again has, as its request says it.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What every connection of a server thread shares.
pub struct ServerThread {
    /// What is published. Every sleeper of the alarm is woken when it begins anew.
    pub feed: Cell<Feed>,
    /// The thread's alarm.
    pub alarm: Timer,
    /// Updates written to push clients.
    pub pushed: Cell<u64>,
    /// Push clients that were closed because they did not read.
    pub lagged: Cell<u64>,
    /// Becomes true when the server drains: close what is open, begin nothing new. Every sleeper
    /// of the alarm is woken then.
    pub draining: Cell<bool>,
    /// Where clients' messages meet.
    pub room: BroadcastHub,
    /// What a faulty server does to its messages.
    pub injector: Option<Box<Injector>>,
    /// Where payloads are rendered; see [`ServerThread::payload`].
    scratch: RefCell<BytesMut>,
}

impl ServerThread {
    /// The services of a thread that publishes this feed.
    pub fn new(feed: Feed, alarm: Timer) -> ServerThread {
        ServerThread {
            feed: Cell::new(feed),
            alarm,
            pushed: Cell::new(0),
            lagged: Cell::new(0),
            draining: Cell::new(false),
            room: BroadcastHub::default(),
            injector: None,
            scratch: RefCell::new(BytesMut::new()),
        }
    }

    /// The same thread of a server with faults.
    pub fn with(self, faults: &FaultInjection) -> ServerThread {
        let injector = faults.injector(self.feed.get().spec.seed);
        ServerThread { injector, ..self }
    }
    /// How much later than it is due every message leaves, in nanoseconds.
    fn delay_ns(&self) -> u64 {
        self.injector.as_ref().map_or(0, |injector| injector.delay_ns())
    }
    /// Whether the update that is next to be sent is dropped instead.
    pub fn drops(&self) -> bool {
        self.injector.as_ref().is_some_and(|injector| injector.drops())
    }
    /// The whole payload of an update. Its memory is used again once it was written, so that a
    /// message costs no allocation.
    pub fn payload(&self, update: crate::feed::Update) -> Bytes {
        let spec = self.feed.get().spec;
        let mut scratch = self.scratch();
        scratch.resize(spec.payload_bytes as usize, 0);
        crate::feed::Stamp::from(update).write(spec.kind, &mut scratch);
        scratch.split().freeze()
    }
    /// Where messages are rendered; empty.
    pub fn scratch(&self) -> RefMut<'_, BytesMut> {
        self.scratch.borrow_mut()
    }
}

/// A stream that was upgraded, with what was read beyond the request.
pub struct Upgraded {
    /// The connection.
    pub stream: Connection,
    /// Bytes that followed the request's head.
    pub leftover: Bytes,
    /// Who it is.
    pub peer: Rc<Peer>,
}

/// What takes over an upgraded connection. The future ends when the connection has ended.
pub(crate) type TakeOver = Box<dyn FnOnce(Upgraded) -> LocalBoxFuture<'static, ()>>;

/// How a request is answered.
pub enum Answer {
    /// At once.
    Now(Response<Body>),
    /// After a while: a held poll.
    Later(LocalBoxFuture<'static, Response<Body>>),
    /// By another protocol: the response is sent, then the connection is handed over.
    Upgrade(Response<Body>, TakeOver),
}

/// A route's server half.
pub trait Endpoint {
    /// Answers one request.
    fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Answer;
    /// Answers a POST, whose body is a message: brings it to all where the workload is shared.
    fn post(&self, request: Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        match peer.thread.feed.get().spec.workload.is_shared() {
            true => crate::server::post::receive(request, peer),
            false => self.answer(&request, peer),
        }
    }
}

/// An answer of text: a status and why.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(text.into())));
    *response.status_mut() = status;
    response
}

/// 405 for a route that knows GET alone.
pub(crate) fn only_get() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    response
}

/// The routes of one server thread.
#[derive(Default)]
pub struct Routes {
    routes: HashMap<String, Rc<dyn Endpoint>>,
}

impl Routes {
    /// Mounts an endpoint. The plan has checked that paths are unique.
    pub fn mount(&mut self, path: &str, endpoint: Rc<dyn Endpoint>) {
        self.routes.insert(path.to_owned(), endpoint);
    }
    /// The endpoint at a path.
    pub fn at(&self, path: &str) -> Option<&Rc<dyn Endpoint>> {
        self.routes.get(path)
    }
    /// Every path, sorted.
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.routes.keys().map(String::as_str).collect();
        paths.sort_unstable();
        paths
    }
}

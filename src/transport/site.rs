//! What the reference server offers a transport's server half: routes, the feed, the client's
//! topic, and a word when the server drains.
//!
//! Separate from `server`, which accepts connections, speaks HTTP and counts.

use super::LocalFuture;
use crate::alarm::Alarm;
use crate::feed::{Cursor, Feed, Topic};
use crate::net::Metered;
use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Request, Response, StatusCode};
use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashMap;
use std::convert::Infallible;
use std::rc::Rc;

/// The body of an answer: whole, or a stream.
pub type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Infallible>>;

/// One connected client, as the server sees it. Shared by the requests of its connection.
pub struct Peer {
    /// What it watches.
    pub topic: Topic,
    /// The thread's services.
    pub thread: Rc<ServerThread>,
    /// The epoch of a feed, and where it is in its topic of that feed.
    cursor: RefCell<(u64, Cursor)>,
}

impl Peer {
    /// A client that watches a topic.
    pub fn new(topic: Topic, thread: Rc<ServerThread>) -> Peer {
        let feed = thread.feed.get();
        let cursor = RefCell::new((feed.epoch_ns, Cursor::new(&feed, topic)));
        Peer { topic, thread, cursor }
    }
    /// Where it is in its topic; at its beginning, where the feed has begun meanwhile.
    pub fn cursor(&self) -> RefMut<'_, Cursor> {
        let feed = self.thread.feed.get();
        let mut cursor = self.cursor.borrow_mut();
        if cursor.0 != feed.epoch_ns {
            *cursor = (feed.epoch_ns, Cursor::new(&feed, self.topic));
        }
        RefMut::map(cursor, |c| &mut c.1)
    }
}

/// What every connection of a server thread shares.
pub struct ServerThread {
    /// What is published. Every sleeper of the alarm is woken when it begins anew.
    pub feed: Cell<Feed>,
    /// The thread's alarm.
    pub alarm: Alarm,
    /// Updates written to push clients.
    pub pushed: Cell<u64>,
    /// Push clients that were closed because they did not read.
    pub lagged: Cell<u64>,
    /// Becomes true when the server drains: close what is open, begin nothing new. Every sleeper
    /// of the alarm is woken then.
    pub draining: Cell<bool>,
    /// Where payloads are rendered; see [`ServerThread::payload`].
    scratch: RefCell<BytesMut>,
}

impl ServerThread {
    /// The services of a thread that publishes this feed.
    pub fn new(feed: Feed, alarm: Alarm) -> ServerThread {
        ServerThread {
            feed: Cell::new(feed),
            alarm,
            pushed: Cell::new(0),
            lagged: Cell::new(0),
            draining: Cell::new(false),
            scratch: RefCell::new(BytesMut::new()),
        }
    }

    /// The whole payload of an update. Its memory is used again once it was written, so that a
    /// message costs no allocation.
    pub fn payload(&self, update: crate::feed::Update) -> Bytes {
        let spec = self.feed.get().spec;
        let mut scratch = self.scratch.borrow_mut();
        scratch.resize(spec.payload_bytes as usize, 0);
        crate::feed::Stamp::from(update).write(spec.kind, &mut scratch);
        scratch.split().freeze()
    }
}

/// A stream that was upgraded, with what was read beyond the request.
pub struct Upgraded {
    /// The connection.
    pub stream: Metered,
    /// Bytes that followed the request's head.
    pub leftover: Bytes,
    /// Who it is.
    pub peer: Rc<Peer>,
}

/// What takes over an upgraded connection. The future ends when the connection has ended.
pub type TakeOver = Box<dyn FnOnce(Upgraded) -> LocalFuture<()>>;

/// How a request is answered.
pub enum Answer {
    /// At once.
    Now(Response<Body>),
    /// After a while: a held poll.
    Later(LocalFuture<Response<Body>>),
    /// By another protocol: the response is sent, then the connection is handed over.
    Upgrade(Response<Body>, TakeOver),
}

/// A route's server half.
pub trait Endpoint {
    /// Answers one request.
    fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Answer;
}

/// An answer of text: a status and why.
pub fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(text.into())));
    *response.status_mut() = status;
    response
}

/// 405 for a route that knows GET alone.
pub fn only_get() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    response
}

/// The routes of one server thread.
#[derive(Default)]
pub struct Site {
    routes: HashMap<String, Rc<dyn Endpoint>>,
}

impl Site {
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

//! What a transport's server half implements and mounts: endpoints at paths.

use crate::protocol::http1::request::SimpleRequest;
use crate::server::body::{Body, only_get};
use crate::server::peer::Peer;
use crate::server::upgraded_stream::UpgradedStream;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use hyper::body::Incoming;
use hyper::{Request, Response};
use std::collections::HashMap;
use std::rc::Rc;

/// An upgraded connection, with what was read beyond the request.
pub struct Upgraded {
    /// The connection, or a stream of it.
    pub(crate) stream: UpgradedStream,
    /// Bytes that followed the request's head.
    pub leftover: Bytes,
    /// The client.
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
    /// Answers a GET.
    fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Answer;
    /// Writes the answer to a simple request behind `out`, head and body, if it is there at once;
    /// else returns false and leaves all as it was.
    fn answer_at_once(&self, _: &SimpleRequest<'_>, _: &Rc<Peer>, _out: &mut Vec<u8>) -> bool {
        false
    }
    /// Answers a POST of a workload in which a client's message is not for all.
    fn post(&self, _: Request<Incoming>, _: &Rc<Peer>) -> Answer {
        Answer::Now(only_get())
    }
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
    /// Puts another endpoint in the place of the one at a path, which it is made of.
    pub(crate) fn wrap(
        &mut self,
        path: &str,
        with: impl FnOnce(Rc<dyn Endpoint>) -> Rc<dyn Endpoint>,
    ) {
        if let Some(inner) = self.routes.remove(path) {
            self.mount(path, with(inner));
        }
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

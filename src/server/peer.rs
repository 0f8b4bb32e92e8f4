//! One connected client, as the server sees it.

use crate::feed::{Semantics, Stamp, Topic};
use crate::server::broadcast_hub::Posted;
use crate::server::server_thread::ServerThread;
use crate::server::subscription::{Outgoing, Subscription};
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;

/// The last update that a client has, in its request.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The last update that the client has, as a request's headers say.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(LAST_EVENT_ID).map(HeaderValue::as_bytes)
}

/// One connected client. Shared by the requests of its connection.
pub struct Peer {
    /// What it watches.
    pub topic: Topic,
    /// What its thread's connections share.
    pub thread: Rc<ServerThread>,
    subscription: RefCell<Subscription>,
    subscribed: Cell<bool>,
}

impl Peer {
    /// A client that watches a topic.
    pub fn new(topic: Topic, thread: Rc<ServerThread>) -> Peer {
        let subscription = RefCell::new(Subscription::new(&thread.feed.get(), topic));
        Peer { topic, thread, subscription, subscribed: Cell::new(false) }
    }
    /// Its subscription; at the beginning of its topic if the feed has begun meanwhile.
    fn subscription(&self) -> RefMut<'_, Subscription> {
        let mut subscription = self.subscription.borrow_mut();
        subscription.follow(&self.thread.feed.get(), self.topic);
        subscription
    }
    /// Subscribes from the update that a `Last-Event-ID` names (HTML §9.2.4), in base 36 as in the
    /// stamp of a text message, or else from now on.
    pub fn subscribe(&self, last_event_id: Option<&[u8]>, now_ns: u64) {
        if !self.resume(last_event_id, now_ns) {
            self.subscription().skip(&self.thread, now_ns);
        }
    }
    /// Subscribes on the first request of a connection. On later ones goes to the update that the
    /// request says the client has.
    pub fn subscribe_or_resume(&self, last_event_id: Option<&[u8]>, now_ns: u64) {
        if self.subscribed.replace(true) {
            self.resume(last_event_id, now_ns);
        } else {
            self.subscribe(last_event_id, now_ns);
        }
    }
    /// Goes to the update that a `Last-Event-ID` names. Returns false if there is none.
    pub fn resume(&self, last_event_id: Option<&[u8]>, now_ns: u64) -> bool {
        let named = last_event_id.and_then(|value| std::str::from_utf8(value).ok());
        let Some(sequence) = named.and_then(|id| u64::from_str_radix(id, 36).ok()) else {
            return false;
        };
        self.subscription().resume(&self.thread, self.topic, sequence, now_ns);
        true
    }
    /// When the next message is due to it; `u64::MAX` if that depends on other clients. Every
    /// sleeper of the thread's timer is woken when the moment changes.
    pub fn due_ns(&self) -> u64 {
        self.subscription().due_ns(&self.thread)
    }
    /// When the next message that is pushed to it leaves: when it is due, plus the delay of an
    /// injected fault.
    pub fn leaves_ns(&self) -> u64 {
        self.due_ns().saturating_add(self.thread.delay_ns())
    }
    /// Takes the message that leaves now, if there is one; to be sent at once.
    pub fn take_due(&self, now_ns: u64) -> Option<Outgoing> {
        let due_ns = now_ns.saturating_sub(self.thread.delay_ns());
        let outgoing = self.subscription().take_due(&self.thread, due_ns)?;
        if let Some(injector) = &self.thread.injector {
            injector.message();
        }
        Some(outgoing)
    }
    /// Takes all that it has not had, as the semantics ask; `None` if that is nothing.
    pub fn take_pending(&self, now_ns: u64, semantics: Semantics) -> Option<Outgoing> {
        self.subscription().take_pending(&self.thread, now_ns, semantics)
    }
    /// Brings a message of this client to all. Every sleeper of the thread's timer is woken, since
    /// something is due to each.
    pub fn post(&self, bytes: &[u8], now_ns: u64) {
        let kind = self.thread.feed.get().spec.kind;
        let sequence = Stamp::read(kind, bytes).map_or(0, |stamp| stamp.sequence);
        // A copy: the message would keep the whole buffer that it was read into.
        let bytes = Bytes::copy_from_slice(bytes);
        self.thread.hub.post(Posted { bytes, at_ns: now_ns, sequence });
        self.thread.timer.wake_all();
    }
    /// The latest update, whether it has had it or not.
    pub fn latest(&self, now_ns: u64) -> Outgoing {
        self.subscription().latest(&self.thread, now_ns)
    }
}

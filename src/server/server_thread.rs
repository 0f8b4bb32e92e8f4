//! What every connection of a server thread shares.

use crate::feed::{Feed, Stamp, Update};
use crate::server::broadcast_hub::BroadcastHub;
use crate::server::fault_injection::{FaultInjection, Injector};
use crate::time::Timer;
use bytes::{Bytes, BytesMut};
use std::cell::{Cell, RefCell, RefMut};

/// What every connection of a server thread shares.
pub struct ServerThread {
    /// What is published. Every sleeper of the timer is woken when it begins anew.
    pub feed: Cell<Feed>,
    /// The thread's timer.
    pub timer: Timer,
    /// Updates written to push clients.
    pub pushed: Cell<u64>,
    /// Push clients that were closed because they did not read.
    pub lagged: Cell<u64>,
    /// Becomes true when the server drains: close what is open, begin nothing new. Every sleeper
    /// of the timer is woken then.
    pub draining: Cell<bool>,
    /// The messages of clients to each other.
    pub hub: BroadcastHub,
    /// What a server with faults does to its messages.
    pub injector: Option<Box<Injector>>,
    /// Memory for rendering payloads; see [`ServerThread::payload`].
    scratch: RefCell<BytesMut>,
}

impl ServerThread {
    /// A thread that publishes this feed.
    pub fn new(feed: Feed, timer: Timer) -> ServerThread {
        ServerThread {
            feed: Cell::new(feed),
            timer,
            pushed: Cell::new(0),
            lagged: Cell::new(0),
            draining: Cell::new(false),
            hub: BroadcastHub::default(),
            injector: None,
            scratch: RefCell::new(BytesMut::new()),
        }
    }
    /// The same thread with faults.
    pub fn with_faults(self, faults: &FaultInjection) -> ServerThread {
        let injector = faults.injector(self.feed.get().spec.seed);
        ServerThread { injector, ..self }
    }
    /// How much later than it is due every message leaves, in nanoseconds.
    pub fn delay_ns(&self) -> u64 {
        self.injector.as_ref().map_or(0, |injector| injector.delay_ns())
    }
    /// Whether the next update to be sent is dropped instead.
    pub fn drops(&self) -> bool {
        self.injector.as_ref().is_some_and(|injector| injector.drops())
    }
    /// Renders the whole payload of an update. The memory is used again once it was written, so
    /// that a message costs no allocation.
    pub fn payload(&self, update: Update) -> Bytes {
        let spec = self.feed.get().spec;
        let mut scratch = self.scratch();
        scratch.resize(spec.payload_bytes as usize, 0);
        Stamp::from(update).write(spec.kind, spec.seed, &mut scratch);
        scratch.split().freeze()
    }
    /// Empty memory for rendering messages.
    pub fn scratch(&self) -> RefMut<'_, BytesMut> {
        self.scratch.borrow_mut()
    }
}

//! A connection of HTTP/2 that clients share: the state that they all see.

use crate::client::context::ThreadContext;
use crate::client::core::ClientCore;
use crate::protocol::http2::connection::{Http2Connection, Http2Options, SentBytes, StreamRefusal};
use crate::protocol::http2::fields::PreparedFields;
use crate::protocol::http2::frame::ErrorCode;
use crate::record::{ClientError, ClientErrorKind, Part};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CarrierStage {
    /// There is none.
    Closed,
    /// It is made, and its clients wait for the server's settings.
    Greeting,
    /// It can be used.
    Open,
    /// The server takes no further requests on it.
    Draining,
}

/// See the module's description.
pub(crate) struct Carrier {
    pub(super) thread: Rc<ThreadContext>,
    /// The client from whose address it connects.
    pub(super) first_client: u32,
    /// Its slot in the engine.
    pub(super) slot: Cell<u32>,
    /// Clients that may use it, and have not ended.
    pub(super) members: Cell<u32>,
    /// The one that its clients go on with, once the server took no further requests while some were answered.
    next: RefCell<Successor>,
    pub(super) state: RefCell<CarrierState>,
}

/// What comes after a carrier.
#[derive(Default)]
struct Successor {
    carrier: Option<Rc<Carrier>>,
    /// What its session needs, as long as that has not begun.
    core: Option<Box<ClientCore>>,
}

pub(super) struct CarrierState {
    pub(super) options: Http2Options,
    /// Whether its streams become connections of another protocol, which the server must take.
    pub(super) tunnels: bool,
    pub(super) stage: CarrierStage,
    /// Why the server takes no further requests, if it has said so.
    pub(super) goes: Option<ErrorCode>,
    pub(super) http2: Http2Connection,
    /// Bytes that are to be sent.
    pub(super) out: Vec<u8>,
    /// Whether its session will look for what there is to do.
    pub(super) woken: bool,
    /// Whether the socket takes no more bytes now.
    pub(super) blocked: bool,
    /// Clients that wait for it.
    pub(super) waiting: Vec<u32>,
    /// Clients that use it.
    pub(super) attached: Vec<u32>,
}

impl Carrier {
    pub(super) fn new(core: &ClientCore, options: Http2Options, tunnels: bool) -> Carrier {
        Carrier {
            thread: core.thread.clone(),
            first_client: core.address_of(),
            slot: Cell::new(0),
            members: Cell::new(0),
            next: RefCell::default(),
            state: RefCell::new(CarrierState {
                options,
                tunnels,
                stage: CarrierStage::Closed,
                goes: None,
                http2: Http2Connection::new(options),
                out: Vec::new(),
                woken: false,
                blocked: false,
                waiting: Vec::new(),
                attached: Vec::new(),
            }),
        }
    }

    /// It has this slot in the engine.
    pub(crate) fn assign(&self, slot: u32) {
        self.slot.set(slot);
    }

    /// Returns the carrier that a client goes on with: `None` if this one takes requests, or will once it is
    /// connected. The first client that asks makes it, and its session begins then.
    pub(super) fn successor(&self, core: &ClientCore) -> Option<Rc<Carrier>> {
        let mut next = self.next.borrow_mut();
        if next.carrier.is_none() {
            let state = self.state.borrow();
            if state.stage != CarrierStage::Draining || state.http2.open_streams() == 0 {
                return None;
            }
            let carrier = Rc::new(Carrier::new(core, state.options, state.tunnels));
            carrier.state.borrow_mut().woken = true;
            *next = Successor { carrier: Some(carrier), core: Some(Box::new(core.of_successor())) };
            self.thread.http2.succeed(self.slot.get());
        }
        next.carrier.clone()
    }

    /// Returns its successor, whose session is to begin.
    pub(super) fn take_successor(&self) -> Option<(Rc<Carrier>, ClientCore)> {
        let mut next = self.next.borrow_mut();
        let core = next.core.take()?;
        next.carrier.clone().map(|carrier| (carrier, *core))
    }

    /// Whether the server takes no further requests on it.
    pub(super) fn is_draining(&self) -> bool {
        self.state.borrow().stage == CarrierStage::Draining
    }

    /// Whether its connection has carried a request.
    pub(super) fn has_carried(&self) -> bool {
        self.state.borrow().http2.has_opened()
    }

    /// Whether no client uses it any more, nor will.
    pub(crate) fn is_unused(&self) -> bool {
        self.members.get() == 0
    }

    /// A client may use it from now on.
    pub(super) fn join(&self) {
        self.members.set(self.members.get() + 1);
    }

    /// A client has ended.
    pub(super) fn leave(&self) {
        self.members.set(self.members.get() - 1);
        if self.members.get() == 0 {
            self.wake();
        }
    }

    pub(super) fn wake(&self) {
        if !std::mem::replace(&mut self.state.borrow_mut().woken, true) {
            self.thread.http2.wake(self.slot.get());
        }
    }

    /// Its session does what there is to do: later things must wake it again. Returns whether somebody waits
    /// for the connection.
    pub(crate) fn begin_serving(&self) -> bool {
        let mut state = self.state.borrow_mut();
        state.woken = false;
        !state.waiting.is_empty()
    }

    /// Whether the socket takes no more bytes now.
    pub(crate) fn is_blocked(&self) -> bool {
        self.state.borrow().blocked
    }

    /// A client wants to use it. Returns whether it can at once; else an event says so.
    pub(super) fn attach(&self, slot: u32) -> bool {
        let mut state = self.state.borrow_mut();
        if state.stage == CarrierStage::Open {
            state.attached.push(slot);
            return true;
        }
        if !state.waiting.contains(&slot) {
            state.waiting.push(slot);
        }
        drop(state);
        self.wake();
        false
    }

    /// A client does not use it any more, nor waits for it.
    pub(super) fn detach(&self, slot: u32) {
        let mut state = self.state.borrow_mut();
        state.attached.retain(|other| *other != slot);
        state.waiting.retain(|other| *other != slot);
    }

    /// Sends a request of a client. Returns the number of its stream, and what it is on the wire.
    ///
    /// # Errors
    /// If there can be no further stream.
    pub(super) fn request(
        &self,
        slot: u32,
        fields: &PreparedFields,
        (body, body_is): (&[u8], Part),
    ) -> Result<(u32, SentBytes), ClientError> {
        let mut state = self.state.borrow_mut();
        let CarrierState { http2, out, stage, tunnels, .. } = &mut *state;
        let tunnels = *tunnels;
        match *stage {
            CarrierStage::Open => {}
            CarrierStage::Draining => return Err(ClientError::of(ClientErrorKind::GoAway)),
            CarrierStage::Closed | CarrierStage::Greeting => {
                return Err(ClientError::of(ClientErrorKind::EarlyClose));
            }
        }
        let ends = body.is_empty() && !tunnels;
        let opened = http2.open(slot, fields, ends, out).map_err(refusal)?;
        let mut sent = opened.sent;
        if !body.is_empty() {
            // What waits for room is sent soon: it counts as sent, but for the headers of its frames. See `UnsentBytes`.
            sent.framing += http2.send(opened.id, body, true, out).framing;
            sent.body = body.len() as u64;
            if body_is == Part::Heads {
                http2.waits_as_request(opened.id);
            }
        }
        drop(state);
        self.wake();
        Ok((opened.id, sent))
    }

    /// Sends bytes on a stream that is a connection of another protocol, and ends its direction if it `ends` with
    /// them. Returns what they are on the wire.
    ///
    /// # Errors
    /// If the connection is gone.
    pub(super) fn send(
        &self,
        stream: u32,
        bytes: &[u8],
        ends: bool,
    ) -> Result<SentBytes, ClientError> {
        let mut state = self.state.borrow_mut();
        let CarrierState { http2, out, stage, .. } = &mut *state;
        if matches!(stage, CarrierStage::Closed | CarrierStage::Greeting) {
            return Err(ClientError::of(ClientErrorKind::EarlyClose));
        }
        let sent = http2.send(stream, bytes, ends, out);
        drop(state);
        self.wake();
        // What waits for room is sent soon: it counts as sent, but for the headers of its frames.
        Ok(SentBytes { body: bytes.len() as u64, ..sent })
    }

    /// Gives a stream up.
    pub(super) fn reset(&self, stream: u32, code: ErrorCode) {
        let mut state = self.state.borrow_mut();
        let CarrierState { http2, out, stage, .. } = &mut *state;
        if *stage == CarrierStage::Closed {
            return;
        }
        http2.reset(stream, code, out);
        drop(state);
        self.wake();
    }
}

pub(super) fn refusal(refusal: StreamRefusal) -> ClientError {
    match refusal {
        StreamRefusal::Limit(most) => {
            ClientError::with(ClientErrorKind::StreamLimit, i32::try_from(most).unwrap_or(i32::MAX))
        }
        StreamRefusal::Ended => ClientError::of(ClientErrorKind::GoAway),
    }
}

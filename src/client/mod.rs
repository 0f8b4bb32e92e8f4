//! The simulated client: its session and state machine, what the clients of a thread share, the
//! account of each connection, and which updates were delivered.

pub(crate) mod compressed_bodies;
pub(crate) mod connection;
pub(crate) mod context;
pub(crate) mod core;
pub(crate) mod delivery;
pub(crate) mod handle;
pub(crate) mod http;
pub(crate) mod http2;
pub(crate) mod machine;
pub(crate) mod open_message;
pub(crate) mod post;
pub(crate) mod rendered_request;
pub(crate) mod requests;
pub(crate) mod session;
mod stage;
pub(crate) mod streaming_response;
mod surroundings;

pub(crate) use core::ClientCore;
pub(crate) use handle::Client;
pub(crate) use session::Session;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// A future that stays on its thread.
pub(crate) type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// The client half of a transport, shared by the clients of a thread.
pub enum ClientHalf {
    /// State machines, which the engine of the thread runs.
    Machines(Rc<dyn MachineClients>),
    /// Clients of a library, each of which is a task, and state machines for the second connections
    /// of those that send.
    Tasks(Rc<dyn TaskClients>, Option<Rc<dyn MachineClients>>),
}

/// Clients that are state machines.
pub trait MachineClients {
    /// Makes the sessions of one client: one for each of its connections.
    fn sessions(&self, core: ClientCore) -> Vec<Session>;
    /// Makes a second handle of a client, if it has a second connection on which it sends.
    fn second_handle(&self, _: &ClientCore) -> Option<ClientCore> {
        None
    }
}

/// Clients that are tasks.
pub trait TaskClients {
    /// Runs one simulated client: connects, takes turns or receives, closes. It reports through the
    /// client's handle and returns when the handle tells it to end.
    fn run(self: Rc<Self>, client: Client) -> LocalFuture<()>;
}

//! The simulated client: its handle, what the clients of a thread share, the account of each
//! connection, and which updates were delivered.

pub(crate) mod account;
pub(crate) mod context;
pub(crate) mod delivery;
pub(crate) mod handle;
pub(crate) mod http_connection;
pub(crate) mod post;
pub(crate) mod streaming_response;
pub(crate) mod watchdog;

pub(crate) use account::ConnectionAccount;
pub(crate) use handle::Client;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// A future that stays on its thread.
pub(crate) type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// The client half of a transport, shared by the clients of a thread.
pub trait ClientHalf {
    /// Runs one simulated client: connects, takes turns or receives, closes. It reports through the
    /// client's handle and returns when the handle tells it to end.
    fn run(self: Rc<Self>, client: Client) -> LocalFuture<()>;
}

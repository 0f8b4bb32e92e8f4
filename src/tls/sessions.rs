//! The tickets of each simulated client: real clients do not share theirs, so that a client's first
//! handshake is a full one and a later one may resume its own session.

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// The sessions of a thread's clients, each of which knows one server.
#[derive(Default)]
pub(crate) struct Sessions {
    /// Whose connection rustls is working on.
    client: AtomicU32,
    /// Locked within handshakes alone, and by one thread.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The key exchange that the server prefers, the same for all.
    group: Option<NamedGroup>,
    v1_2: HashMap<u32, Tls12ClientSessionValue>,
    /// The latest ticket: one is enough, since a client has one connection at a time.
    v1_3: HashMap<u32, Tls13ClientSessionValue>,
}

impl Sessions {
    /// What rustls asks for from now on is this client's.
    pub(crate) fn enter(&self, client: u32) {
        self.client.store(client, Ordering::Relaxed);
    }
    fn current(&self) -> u32 {
        self.client.load(Ordering::Relaxed)
    }
    /// Does something with what is kept; nothing if a thread has panicked within.
    fn with<T: Default>(&self, act: impl FnOnce(&mut Kept, u32) -> T) -> T {
        self.kept.lock().map_or_else(|_| T::default(), |mut kept| act(&mut kept, self.current()))
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.with(|kept, _| kept.group = Some(group));
    }
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.with(|kept, _| kept.group)
    }
    fn set_tls12_session(&self, _: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.with(|kept, client| drop(kept.v1_2.insert(client, session)));
    }
    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.with(|kept, client| kept.v1_2.get(&client).cloned())
    }
    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.with(|kept, client| drop(kept.v1_2.remove(&client)));
    }
    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.with(|kept, client| drop(kept.v1_3.insert(client, ticket)));
    }
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.with(|kept, client| kept.v1_3.remove(&client))
    }
}

impl fmt::Debug for Sessions {
    /// Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

//! What the kernel's sockets took in a case, and how many there were.

use crate::os::{SocketReading, read_sockets};
use crate::result::{CaseEnd, SocketChange};
use crate::run::server_cost::ServerCost;

/// A reading of the kernel's sockets.
#[derive(Clone, Copy)]
pub(super) struct KernelMemory {
    host: SocketReading,
    /// Sockets of an external server that this run knows, if they can be counted.
    server: Option<u64>,
}

impl KernelMemory {
    /// Reads both; `None` if the system does not tell.
    pub(super) fn read(server: Option<&ServerCost>) -> Option<KernelMemory> {
        let server = server.and_then(ServerCost::sockets);
        Some(KernelMemory { host: read_sockets()?, server })
    }

    /// Writes what has changed since an earlier reading into the line of a case.
    pub(super) fn record_since(self, before: KernelMemory, end: &mut CaseEnd) {
        let change = |of: fn(&SocketReading) -> u64| {
            of(&self.host).cast_signed().wrapping_sub(of(&before.host).cast_signed())
        };
        end.kernel_memory = Some(change(|host| host.bytes));
        end.kernel_sockets = Some(SocketChange {
            held: change(|host| host.held),
            allocated: change(|host| host.allocated),
            opened: change(|host| host.opened),
            server: self
                .server
                .zip(before.server)
                .map(|(now, then)| now.cast_signed().wrapping_sub(then.cast_signed())),
        });
    }
}

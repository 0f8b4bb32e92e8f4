//! `IP_BIND_ADDRESS_NO_PORT`: choose a source address and leave the port to `connect`.
//!
//! A plain `bind(address, 0)` takes a port that no other destination can use and searches for it
//! slowly once half of the range is taken (`ip(7)`).

/// Asks the kernel to choose the port at `connect`, by the whole four-tuple. If the option is
/// unknown, the port is chosen at `bind`, which works and is slower.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
#[allow(unsafe_code)]
pub(crate) fn choose_port_at_connect(socket: &impl std::os::fd::AsRawFd) {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open while `socket` is borrowed; the option value is an int that
    // outlives the call.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}

/// Nothing to ask for: the port is chosen at `bind`.
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(crate) fn choose_port_at_connect<T>(_socket: &T) {}

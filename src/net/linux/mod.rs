//! System calls that only Linux has.

// Other systems read nothing.
#[cfg_attr(any(not(target_os = "linux"), feature = "portable"), allow(dead_code))]
pub(crate) mod agreeing;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) mod async_descriptor;
pub(crate) mod bind;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) mod epoll;
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
#[path = "no_epoll.rs"]
pub(crate) mod epoll;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) mod receive_timestamp;
pub(crate) mod sock_diag;
// Other systems parse nothing.
#[cfg_attr(any(not(target_os = "linux"), feature = "portable"), allow(dead_code))]
pub(crate) mod tcp_info;

//! System calls that only Linux has.

pub(crate) mod bind;
pub(crate) mod sock_diag;
// Other systems parse nothing.
#[cfg_attr(any(not(target_os = "linux"), feature = "portable"), allow(dead_code))]
pub(crate) mod tcp_info;

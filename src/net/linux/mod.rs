//! System calls that only Linux has.

pub(crate) mod bind;
pub(crate) mod sock_diag;
pub(crate) mod tcp_info;

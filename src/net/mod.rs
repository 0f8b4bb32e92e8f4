//! Bytes: the metered stream, its delay line, the kernel's own counts, dialling. Knows no
//! transport.
//!
//! Separate from `record`, which adds up what this folder counts, and from the protocols above.
//! What needs Linux is in `tcp_info`, `sock_diag` and `bind`, whose other-platform halves say
//! what is missing.

pub(crate) mod delay_line;
pub(crate) mod delay_queue;
pub(crate) mod dial;
pub(crate) mod linux;
pub(crate) mod meter;
pub(crate) mod relay;
pub(crate) mod tap;

pub(crate) use delay_line::Line;
pub(crate) use dial::{Dialer, dial};
pub(crate) use meter::Metered;
pub(crate) use tap::{Heads, Tap};

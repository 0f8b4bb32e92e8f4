//! Bytes: the metered stream, its delay line, the kernel's own counts, dialling. Knows no
//! transport.
//!
//! Separate from `record`, which adds up what this folder counts, and from the protocols above.
//! What needs Linux is in `tcp_info`, `sock_diag` and `bind`, whose other-platform halves say
//! what is missing.

pub mod bind;
pub mod delay;
pub mod dial;
pub mod line;
pub mod metered;
pub mod relay;
pub mod sock_diag;
pub mod tap;
pub mod tcp_info;

pub use dial::{Dialer, dial};
pub use line::Line;
pub use metered::Metered;
pub use tap::{Heads, Tap};

//! More than one process: starting them, speaking with them, losing them.
//!
//! A run's driver and its reference server are processes of their own, started by executing this
//! program again with a hidden subcommand; a running runtime is never forked. Parent and child
//! speak JSON lines on the child's standard input and output; the end of standard input means
//! that the parent is gone, and the child stops. This folder forwards results and interprets
//! none.
//!
//! A server that is not ours speaks no such lines: `foreign` starts it and ends it by signals.

pub mod child;
pub mod foreign;
pub mod process;
pub mod protocol;
pub mod tail;

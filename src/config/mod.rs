//! Reading settings from TOML with located faults: which keys exist, what their values may be,
//! where in which file the wrong one stands.
//!
//! Separate from `scenario`, which knows what a scenario is made of: this folder knows tables and
//! units alone, so that transports can declare and read settings of their own.

mod diagnostic;
mod fields;
mod overrides;
mod source;
mod tree;
mod values;

pub(crate) use diagnostic::{Diagnostic, Diagnostics};
pub use fields::Key;
pub(crate) use fields::{Fields, MOST_FILE_BYTES, nearest};
pub use source::Source;
pub(crate) use source::{Origin, Place, read_limited};
pub(crate) use tree::{Entry, Item, Node, Table, Tree};

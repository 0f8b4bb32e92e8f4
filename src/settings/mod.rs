//! Reading settings from TOML with located faults: which keys exist, what their values may be,
//! where in which file the wrong one stands.
//!
//! Separate from `scenario`, which knows what a scenario is made of: this folder knows tables and
//! units alone, so that transports can declare and read settings of their own.

mod fault;
mod fields;
mod node;
mod overrides;
mod source;
mod values;

pub use fault::{Fault, Faults};
pub use fields::{Fields, Key, MOST_FILE_BYTES, nearest};
pub use node::{Entry, Item, Node, Table, Tree};
pub use source::{Origin, Place, Source, read_limited};
pub use values::NamedText;

//! Reads TOML with located diagnostics: which keys exist, what their values may be, and where a
//! wrong one was written.
//!
//! Separate from `scenario`, which knows what a scenario is made of. This folder knows tables and
//! units alone, so that transports can declare and read settings of their own.

mod diagnostic;
mod excerpt;
mod fields;
mod load;
mod overrides;
mod parse;
mod secrets;
mod sensitive;
mod source;
mod suggestion;
mod tree;
mod values;

pub(crate) use diagnostic::{Diagnostic, DiagnosticCause, Diagnostics};
pub use fields::Key;
pub(crate) use fields::{Fields, MOST_FILE_BYTES};
pub(crate) use load::{load, read_limited};
pub(crate) use parse::{ParsedConfig, parse};
pub use source::SourceText;
pub(crate) use source::{Argument, Location, Origin};
pub(crate) use suggestion::{hint, nearest};
pub(crate) use tree::{TomlEntry, TomlItem, TomlNode, TomlTable};
pub(crate) use values::LocatedValue;

//! `wsbench schema`: the JSON Schema of what the program writes.

use crate::error::{Failure, Outcome};

/// Prints the schema.
///
/// # Errors
/// Where standard output cannot be written.
pub fn run() -> Outcome<()> {
    Err(Failure::run("not built yet"))
}

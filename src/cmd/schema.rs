//! `wsbench schema`: the JSON Schema of what the program writes.

use crate::cli::SchemaArgs;
use crate::cmd::stdout::print;
use crate::error::Outcome;
use crate::report::schema;

/// Prints the schema.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn run(args: &SchemaArgs) -> Outcome<()> {
    let schema = args.document.as_deref().map_or_else(schema::all, schema::of);
    print(format!("{schema:#}\n").as_bytes())
}

//! `wsbench schema`: the JSON Schema of what the program writes.

use crate::cli::SchemaArgs;
use crate::cmd::console::print;
use crate::error::Outcome;
use crate::report::schema;
use crate::report::schema::DocumentKind;

/// Prints the schema.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn run(args: &SchemaArgs) -> Outcome<()> {
    let name = args.document.as_deref();
    let document = DocumentKind::ALL.into_iter().find(|d| name == Some(d.name()));
    let schema = document.map_or_else(schema::all, schema::of);
    print(format!("{schema:#}\n").as_bytes())
}

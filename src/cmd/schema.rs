//! `wsbench schema`: the JSON Schema of what the program writes.

use crate::error::Outcome;
use crate::report::schema;
use crate::report::schema::Document;
use clap::builder::PossibleValuesParser;

/// The arguments of `wsbench schema`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SchemaArgs {
    /// The document to describe [default: all]
    #[arg(
        value_name = "DOCUMENT",
        value_parser = PossibleValuesParser::new(Document::ALL.map(Document::name))
    )]
    pub document: Option<String>,
}

/// Prints the schema.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn run(args: &SchemaArgs) -> Outcome<()> {
    let name = args.document.as_deref();
    let document = Document::ALL.into_iter().find(|d| name == Some(d.name()));
    let schema = document.map_or_else(schema::all, schema::of);
    crate::cmd::print(format!("{schema:#}\n").as_bytes())
}

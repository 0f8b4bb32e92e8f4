//! Parses a configuration: as much of the text as is TOML, with the overrides merged in.

use crate::config::diagnostic::{Diagnostic, DiagnosticCause};
use crate::config::overrides;
use crate::config::secrets;
use crate::config::source::{Location, Origin, SourceText};
use crate::config::tree::{TomlItem, TomlNode, TomlTable};
use std::ops::Range;
use std::sync::Arc;
use toml::de::DeTable;
use toml_parser::parser::{RecursionGuard, parse_document};
use toml_parser::{Expected, ParseError, Source as Tokens};

/// How deeply tables and lists may be nested, as in the `toml` crate.
const MOST_DEPTH: u32 = 80;

/// A file with its overrides merged in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ParsedConfig {
    /// The texts.
    pub source: Arc<SourceText>,
    /// The outermost table.
    pub root: TomlTable,
    /// Syntax errors, and overrides that cannot be merged.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses as much of a source as is TOML, merges the overrides into it, and puts in the values of
/// environment variables.
pub(crate) fn parse(source: SourceText) -> ParsedConfig {
    let (parsed, errors) = DeTable::parse_recoverable(&source.text);
    let mut root = TomlTable::copy(parsed.get_ref(), Location::whole(), Origin::File);
    let mut diagnostics = describe_syntax(&source, &root, &errors);
    for (n, text) in source.overrides.iter().enumerate() {
        if let Err(message) = overrides::merge(&mut root, n, text) {
            diagnostics.push(Diagnostic::of_value(Location::of_override(n), message));
        }
    }
    diagnostics.extend(secrets::resolve(&source, &mut root));
    ParsedConfig { source: Arc::new(source), root, diagnostics }
}

/// Returns the parser's errors, one a line: the second of a line mostly follows from the first.
fn describe_syntax(
    source: &SourceText,
    root: &TomlTable,
    errors: &[toml::de::Error],
) -> Vec<Diagnostic> {
    if errors.is_empty() {
        return Vec::new();
    }
    let unclosed = unclosed_brackets(&source.text);
    let mut found: Vec<Diagnostic> = errors
        .iter()
        .map(|error| {
            let span = error.span().unwrap_or(0..0);
            let message = describe_unquoted(source, root, &span)
                .unwrap_or_else(|| error.message().to_owned());
            let cause = if unclosed.contains(&span.start) {
                DiagnosticCause::Unclosed
            } else {
                DiagnosticCause::Syntax
            };
            let location = Location { origin: Origin::File, span };
            Diagnostic { location, message, cause }
        })
        .collect();
    let start = |d: &Diagnostic| d.location.span.start;
    found.sort_by_key(start);
    // Whatever follows an open list or table was read as a part of it.
    if let Some(at) = found.iter().position(|d| d.cause == DiagnosticCause::Unclosed) {
        let end = found.remove(at);
        found.truncate(1);
        found.push(end);
    }
    found.dedup_by_key(|d| source.line_number(start(d)));
    found
}

/// Returns where a closing bracket is missing: the offsets of the errors for which one closing
/// bracket, and nothing else, was expected.
fn unclosed_brackets(text: &str) -> Vec<usize> {
    let tokens = Tokens::new(text).lex().into_vec();
    let mut errors: Vec<ParseError> = Vec::new();
    parse_document(&tokens, &mut RecursionGuard::new(&mut (), MOST_DEPTH), &mut errors);
    let closing = |error: &&ParseError| {
        matches!(error.expected(), Some([Expected::Literal("]" | "]]" | "}")]))
    };
    let unclosed = errors.iter().filter(closing);
    unclosed.filter_map(|error| error.unexpected()).map(|span| span.start()).collect()
}

/// Describes the most frequent error: a value that is text without quotes, or missing.
fn describe_unquoted(source: &SourceText, root: &TomlTable, span: &Range<usize>) -> Option<String> {
    let raw = source.text.get(span.clone())?;
    if raw.starts_with(['"', '\'']) || !has_text_at(root, span) {
        return None;
    }
    Some(match raw {
        "" => "the value is missing".to_owned(),
        _ => format!("text must be in quotes: {raw:?}"),
    })
}

/// True if the parser took exactly these bytes for a text value.
fn has_text_at(table: &TomlTable, span: &Range<usize>) -> bool {
    fn node_has(node: &TomlNode, span: &Range<usize>) -> bool {
        match &node.item {
            TomlItem::Text(_) => node.location.span == *span,
            TomlItem::List(nodes) => nodes.iter().any(|node| node_has(node, span)),
            TomlItem::Table(table) => has_text_at(table, span),
            _ => false,
        }
    }
    table.entries.iter().any(|entry| node_has(&entry.node, span))
}

//! What the user wrote: a scenario file with its overrides, split into its tables.
//!
//! Separate from `plan`, which says what will run. Here no setting is read, no default applied and
//! no unit known: only which tables a scenario has.

mod dialect;
mod shipped;

pub(crate) use dialect::{MOST_LINES as MOST_DIALECT_LINES, lines as dialect_lines};
pub(crate) use shipped::{SHIPPED, find_shipped};

use crate::config::{
    Diagnostic, DiagnosticCause, Diagnostics, Fields, Key, Origin, ParsedConfig, SourceText,
    TomlEntry, TomlItem, TomlNode, TomlTable, load as load_config, parse as parse_config,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the list of series.
pub(crate) const SERIES: &str = "series";
/// The name of the list of limits.
pub(crate) const LIMIT: &str = "limit";
/// The names of the other tables.
pub(crate) const TABLES: [&str; 4] = ["feed", "server", "message", "stretch"];

/// A scenario as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioFile {
    /// The texts that locations refer to.
    pub source: Arc<SourceText>,
    /// The file's name without its extension: the scenario's name if it gives no other.
    pub stem: String,
    /// The folder that names of files in the scenario are relative to.
    pub base_dir: PathBuf,
    /// What is wrong already: syntax errors, and tables that are something else.
    pub diagnostics: Vec<Diagnostic>,
    root: TomlTable,
    tables: Vec<(&'static str, TomlTable)>,
    series: Vec<TomlTable>,
    limits: Vec<TomlTable>,
}

/// Reads a scenario and merges `--set` arguments into it.
///
/// # Errors
/// If the file cannot be read at all. What is wrong in its text is in
/// [`ScenarioFile::diagnostics`], so that it is shown together with what the settings' readers find.
pub(crate) fn load(path: &Path, overrides: &[String]) -> Result<ScenarioFile, Diagnostics> {
    let source = load_config(path, overrides)?;
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let base_dir = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok(parse(source, stem, base_dir))
}

/// Splits a scenario's text into its tables.
pub fn parse(source: SourceText, stem: String, base_dir: PathBuf) -> ScenarioFile {
    let ParsedConfig { source, mut root, mut diagnostics } = parse_config(source);
    let mut tables = Vec::new();
    for name in TABLES {
        let Some(TomlEntry { node, location, .. }) = root.take(name) else { continue };
        match node.item {
            TomlItem::Table(table) => tables.push((name, table)),
            _ => {
                let message = format!("{name} must be a table: write [{name}]");
                diagnostics.push(Diagnostic::of_value(location, message));
                tables.push((name, TomlTable::empty(node.location)));
            }
        }
    }
    let mut series = take_series(&mut root, &mut diagnostics);
    for table in &mut series {
        // What is missing without it is no error of the user's.
        let failed = dialect::add_to(table, &base_dir).err();
        let cause = DiagnosticCause::Syntax;
        diagnostics.extend(failed.map(|failed| Diagnostic { cause, ..failed }));
    }
    let limits = take_list(&mut root, LIMIT, "a limit", &mut diagnostics);
    ScenarioFile { source, stem, base_dir, diagnostics, root, tables, series, limits }
}

fn take_series(root: &mut TomlTable, diagnostics: &mut Vec<Diagnostic>) -> Vec<TomlTable> {
    let is_empty =
        |node: &TomlNode| matches!(&node.item, TomlItem::List(items) if items.is_empty());
    let entry = root.entries.iter().find(|entry| entry.name == SERIES);
    let missing = match entry {
        None => Some((root.location.clone(), DiagnosticCause::Context, "there is no [[series]]")),
        Some(entry) if is_empty(&entry.node) => {
            Some((entry.location.clone(), DiagnosticCause::Value, "series is empty"))
        }
        Some(_) => None,
    };
    if let Some((location, cause, what)) = missing {
        let message = format!("{what}: at least one [[series]] is needed");
        diagnostics.push(Diagnostic { location, message, cause });
    }
    take_list(root, SERIES, "a series", diagnostics)
}

/// Takes a list of tables out of the root; empty if there is none.
fn take_list(
    root: &mut TomlTable,
    name: &str,
    one: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<TomlTable> {
    let mut refuse = |location, message| diagnostics.push(Diagnostic::of_value(location, message));
    let Some(TomlEntry { node, location, .. }) = root.take(name) else { return Vec::new() };
    let TomlItem::List(items) = node.item else {
        refuse(location, format!("{name} must be a list of tables: write [[{name}]]"));
        return Vec::new();
    };
    let mut tables = Vec::new();
    for item in items {
        match item.item {
            TomlItem::Table(table) => tables.push(table),
            _ => refuse(item.location, format!("{one} must be a table: write [[{name}]]")),
        }
    }
    tables
}

impl ScenarioFile {
    /// Returns a reader over the settings outside all tables, which knows the names of tables.
    pub fn root(&self) -> Fields<'_> {
        let mut fields = Fields::new(&self.root, &self.base_dir);
        // So that mistyped ones are found.
        let key = |name| Key { name, default: None, about: "" };
        fields.declare(&TABLES.map(key));
        fields.declare(&[SERIES, LIMIT].map(key));
        fields
    }

    /// Returns a reader over a table, if the scenario has it.
    pub fn table(&self, name: &str) -> Option<Fields<'_>> {
        let (_, table) = self.tables.iter().find(|(n, _)| *n == name)?;
        Some(Fields::new(table, &self.base_dir))
    }

    /// Returns a reader over each series.
    pub fn series(&self) -> impl Iterator<Item = Fields<'_>> {
        self.series.iter().map(|table| Fields::new(table, &self.base_dir))
    }

    /// Returns a reader over each limit.
    pub fn limits(&self) -> impl Iterator<Item = Fields<'_>> {
        self.limits.iter().map(|table| Fields::new(table, &self.base_dir))
    }

    /// Joins what is wrong with the file's form and with its settings. Beside a syntax error only
    /// those errors are kept that do not follow from it.
    ///
    /// # Errors
    /// All of them, if there are any.
    pub fn check(&self, found: Vec<Diagnostic>) -> Result<(), Diagnostics> {
        let ends: Vec<usize> = self.source.text.match_indices('\n').map(|(at, _)| at).collect();
        // From 1. There may be as many diagnostics as lines.
        let line = |d: &Diagnostic| ends.partition_point(|end| *end < d.location.span.start) + 1;
        let syntax = || self.diagnostics.iter().filter(|d| d.cause.is_syntax());
        let broken: Vec<usize> = syntax().map(line).collect();
        let follows = |d: &Diagnostic| {
            let on_broken_line = d.location.origin == Origin::File && broken.contains(&line(d));
            d.cause == DiagnosticCause::Context || on_broken_line
        };
        // After a bracket that does not close, or a broken header, settings are read as a part of
        // the wrong table.
        let misplaced = syntax().any(|d| {
            let text = self.source.text.lines().nth(line(d) - 1).unwrap_or_default();
            d.cause == DiagnosticCause::Unclosed || text.trim_start().starts_with('[')
        });
        let mut all = self.diagnostics.clone();
        if broken.is_empty() {
            all.extend(found);
        } else {
            all.retain(|d| d.cause != DiagnosticCause::Context);
            if !misplaced {
                all.extend(found.into_iter().filter(|d| !follows(d)));
            }
        }
        if all.is_empty() { Ok(()) } else { Err(Diagnostics::new(self.source.clone(), all)) }
    }
}

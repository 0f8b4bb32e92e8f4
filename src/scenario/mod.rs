//! What the user wrote: a scenario's file with its overrides, taken apart into its tables.
//!
//! Separate from `plan`, which says what will run. Here no setting is read, no default applied
//! and no unit known; only the frame of a scenario is held: which tables there are.

use crate::config::{
    Diagnostic, Diagnostics, Entry, Fields, Item, Key, Node, Origin, Source, Table, Tree,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the list of series.
pub(crate) const SERIES: &str = "series";
/// The name of the list of limits.
pub(crate) const LIMIT: &str = "limit";
/// The names of the other tables.
pub(crate) const TABLES: [&str; 3] = ["feed", "server", "stretch"];

/// A scenario as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// The texts that places point into.
    pub source: Arc<Source>,
    /// The file's name without its extension: the scenario's name where it has no other.
    pub stem: String,
    /// Where names of files in the scenario start from.
    pub base_dir: PathBuf,
    /// What is wrong already: syntax errors, tables that are none.
    pub faults: Vec<Diagnostic>,
    root: Table,
    tables: Vec<(&'static str, Table)>,
    series: Vec<Table>,
    limits: Vec<Table>,
}

/// Reads a scenario and merges `--set` arguments into it.
///
/// # Errors
/// Where the file cannot be read at all. What is wrong inside it is in [`File::faults`], so that
/// it can be told together with what the settings' readers find.
pub(crate) fn load(path: &Path, overrides: &[String]) -> Result<File, Diagnostics> {
    let source = Source::read(path, overrides)?;
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let base_dir = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok(parse(source, stem, base_dir))
}

/// Takes a source apart.
pub fn parse(source: Source, stem: String, base_dir: PathBuf) -> File {
    let Tree { source, mut root, mut faults } = Tree::parse(source);
    let mut tables = Vec::new();
    for name in TABLES {
        let Some(Entry { node, place, .. }) = root.take(name) else { continue };
        match node.item {
            Item::Table(table) => tables.push((name, table)),
            _ => {
                let message = format!("{name} must be a table: write [{name}]");
                faults.push(Diagnostic { place, path: name.to_owned(), message, direct: true });
                tables.push((name, Table::empty(node.place)));
            }
        }
    }
    let series = take_series(&mut root, &mut faults);
    let limits = take_list(&mut root, LIMIT, "a limit", &mut faults);
    File { source, stem, base_dir, faults, root, tables, series, limits }
}

fn take_series(root: &mut Table, faults: &mut Vec<Diagnostic>) -> Vec<Table> {
    let empty = |node: &Node| matches!(&node.item, Item::List(items) if items.is_empty());
    let missing = match root.entries.iter().find(|entry| entry.name == SERIES) {
        None => Some((root.place.clone(), false, "there is no [[series]]: at least one is needed")),
        Some(entry) if empty(&entry.node) => {
            Some((entry.place.clone(), true, "series is empty: at least one [[series]] is needed"))
        }
        Some(_) => None,
    };
    if let Some((place, direct, message)) = missing {
        let (path, message) = (SERIES.to_owned(), message.to_owned());
        faults.push(Diagnostic { place, path, message, direct });
    }
    take_list(root, SERIES, "a series", faults)
}

/// A list of tables; empty where there is none.
fn take_list(root: &mut Table, name: &str, one: &str, faults: &mut Vec<Diagnostic>) -> Vec<Table> {
    let mut refuse = |place, message: String| {
        faults.push(Diagnostic { place, path: name.to_owned(), message, direct: true });
    };
    let Some(Entry { node, place, .. }) = root.take(name) else { return Vec::new() };
    let Item::List(items) = node.item else {
        refuse(place, format!("{name} must be a list of tables: write [[{name}]]"));
        return Vec::new();
    };
    let mut tables = Vec::new();
    for item in items {
        match item.item {
            Item::Table(table) => tables.push(table),
            _ => refuse(item.place, format!("{one} must be a table: write [[{name}]]")),
        }
    }
    tables
}

impl File {
    /// A reader over the settings outside all tables.
    pub fn root(&self) -> Fields<'_> {
        Fields::new(&self.root, "", &self.base_dir)
    }
    /// A reader over a table, where the scenario has it.
    pub fn table(&self, name: &str) -> Option<Fields<'_>> {
        let (_, table) = self.tables.iter().find(|(n, _)| *n == name)?;
        Some(Fields::new(table, name, &self.base_dir))
    }
    /// Readers over the series.
    pub fn series(&self) -> impl Iterator<Item = Fields<'_>> {
        let field = |(n, table)| Fields::new(table, format!("{SERIES}.{n}"), &self.base_dir);
        self.series.iter().enumerate().map(field)
    }
    /// Readers over the limits.
    pub fn limits(&self) -> impl Iterator<Item = Fields<'_>> {
        let field = |(n, table)| Fields::new(table, format!("{LIMIT}.{n}"), &self.base_dir);
        self.limits.iter().enumerate().map(field)
    }
    /// The names of tables as keys, for finding mistyped ones.
    pub fn table_keys() -> impl Iterator<Item = Key> {
        let key = |name| Key { name, default: None, about: "" };
        TABLES.into_iter().chain([SERIES, LIMIT]).map(key)
    }
    /// Joins the faults of the frame with those of the settings. Next to a syntax error only
    /// those are told that do not follow from it.
    ///
    /// # Errors
    /// All of them, where there are any.
    pub fn judge(&self, found: Vec<Diagnostic>) -> Result<(), Diagnostics> {
        let is_syntax = |f: &&Diagnostic| f.place.origin == Origin::File && f.path.is_empty();
        let line = |f: &Diagnostic| self.source.position(f.place.span.start).0;
        let broken: Vec<usize> = self.faults.iter().filter(is_syntax).map(line).collect();
        let follows = |f: &Diagnostic| {
            let on_broken = f.place.origin == Origin::File && broken.contains(&line(f));
            !f.direct || on_broken
        };
        // A header or list that does not end takes in what comes after it.
        let astray = self.faults.iter().filter(is_syntax).any(|f| {
            let text = self.source.text.lines().nth(line(f) - 1).unwrap_or_default();
            f.message.starts_with("unclosed") || text.trim_start().starts_with('[')
        });
        let mut all: Vec<Diagnostic> = self.faults.iter().filter(|f| f.direct).cloned().collect();
        if broken.is_empty() {
            all = self.faults.clone();
            all.extend(found);
        } else if !astray {
            all.extend(found.into_iter().filter(|f| !follows(f)));
        }
        if all.is_empty() { Ok(()) } else { Err(Diagnostics::new(self.source.clone(), all)) }
    }
}

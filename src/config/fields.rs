//! Reads one table: takes what the user wrote or the key's default, records what is wrong with it,
//! and goes on.
//!
//! Separate from `values`, which has the readers of each kind of value.

use crate::config::diagnostic::{Diagnostic, DiagnosticCause};
use crate::config::load::read_limited;
use crate::config::secrets::first_secret;
use crate::config::source::{Location, Origin};
use crate::config::suggestion::hint;
use crate::config::tree::{TomlEntry, TomlItem, TomlNode, TomlTable};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The largest file that a setting may name, in bytes.
pub(crate) const MOST_FILE_BYTES: usize = 64 * 1024;

/// A setting that a table may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// Its default as one would write it in the file, quotes included. `None`: the key must be
    /// given, or may be left out and then means nothing.
    pub default: Option<&'static str>,
    /// What it means, in one sentence.
    pub about: &'static str,
}

/// Says that a value cannot be a secret.
pub(super) fn shown_anyway(key: &Key) -> String {
    format!(
        "{} is shown in every report, so that it cannot be a secret; write its value, or give it with \
         --set",
        key.name
    )
}

/// Reads one table. Every reader returns a usable value whatever was written; what was wrong is in
/// the diagnostics that [`Fields::finish`] returns.
#[derive(Debug)]
pub struct Fields<'t> {
    table: &'t TomlTable,
    base_dir: PathBuf,
    known: BTreeSet<&'static str>,
    invalid: BTreeSet<&'static str>,
    /// Keys with another default than their own, and that.
    defaults: Vec<(&'static str, &'static str)>,
    diagnostics: Vec<Diagnostic>,
}

impl<'t> Fields<'t> {
    /// Returns a reader over a table. Names of files in it are relative to `base_dir`. No key is
    /// known until it is declared.
    pub fn new(table: &'t TomlTable, base_dir: &Path) -> Fields<'t> {
        Fields {
            table,
            base_dir: base_dir.to_owned(),
            known: BTreeSet::new(),
            invalid: BTreeSet::new(),
            defaults: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    /// Declares keys that the table may hold.
    pub fn declare(&mut self, keys: &[Key]) {
        self.known.extend(keys.iter().map(|key| key.name));
    }

    /// Gives a key another default, as one would write it in the file: one that depends on other
    /// tables.
    pub fn set_default(&mut self, key: &Key, default: &'static str) {
        self.defaults.push((key.name, default));
    }

    /// True if the user gave this key, so that its default is not used.
    pub fn is_given(&self, key: &Key) -> bool {
        self.table.get(key.name).is_some()
    }

    /// True if nothing was wrong with this key so far, so that it can be compared with another one.
    pub fn is_valid(&self, key: &Key) -> bool {
        !self.invalid.contains(key.name)
    }

    /// Returns the location of a key's value, or of its table if the key was left out.
    pub fn location(&self, key: &Key) -> Location {
        let node = self.table.get(key.name);
        node.map_or_else(|| self.table.location.clone(), |node| node.location.clone())
    }

    /// Records that a key's value cannot be used together with something else.
    pub fn report(&mut self, key: &Key, message: impl Into<String>) {
        let location = self.location(key);
        self.report_at(key, location, message);
    }

    /// Records a contradiction inside a key's value.
    pub fn report_at(&mut self, key: &Key, location: Location, message: impl Into<String>) {
        self.invalid.insert(key.name);
        let message = message.into();
        let cause = DiagnosticCause::Context;
        self.diagnostics.push(Diagnostic { location, message, cause });
    }

    /// Returns the absolute path of the file that a key names.
    pub fn path(&mut self, key: &Key) -> Option<PathBuf> {
        let name = self.text(key);
        if !self.is_valid(key) {
            return None;
        }
        let path = self.base_dir.join(name);
        Some(std::path::absolute(&path).unwrap_or(path))
    }

    /// Reads the file that a key names. If that fails, the reason is recorded.
    pub fn file(&mut self, key: &Key) -> Option<Vec<u8>> {
        let name = self.text(key);
        if !self.is_valid(key) {
            return None;
        }
        match read_limited(&self.base_dir.join(name), MOST_FILE_BYTES) {
            Ok(bytes) => Some(bytes),
            Err(message) => {
                let message = format!("{}: {message}", key.name);
                self.refuse(key, [Diagnostic::of_value(self.location(key), message)]);
                None
            }
        }
    }

    /// Refuses these keys if their values are secrets: every report shows them.
    pub(crate) fn forbid_secrets(&mut self, keys: &[&Key]) {
        for key in keys {
            let node = self.table.get(key.name);
            if let Some(location) = node.and_then(first_secret).cloned() {
                self.refuse(key, [Diagnostic::of_value(location, shown_anyway(key))]);
            }
        }
    }

    /// Returns a reader over the table that is a key's value; `None` if the user gave none.
    pub fn table(&mut self, key: &Key) -> Option<Fields<'t>> {
        let node = self.table.get(key.name)?;
        match &node.item {
            TomlItem::Table(table) => Some(Fields::new(table, &self.base_dir)),
            _ => {
                let message = format!("{} must be a table, not {}", key.name, node.kind());
                self.refuse(key, [Diagnostic::of_value(node.location.clone(), message)]);
                None
            }
        }
    }

    /// Returns the path of the file that a key names, or `None` if the user gave none. Nothing is
    /// read.
    pub fn optional_path(&mut self, key: &Key) -> Option<PathBuf> {
        let name = self.optional_text(key)?;
        Some(self.base_dir.join(name))
    }

    /// Looks for undeclared keys, and returns everything that was wrong.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        let known: Vec<&str> = self.known.iter().copied().collect();
        for TomlEntry { name, location, .. } in &self.table.entries {
            if self.known.contains(name.as_str()) {
                continue;
            }
            let hint = hint(name, &known, || format!("; known here: {}", known.join(", ")));
            let message = format!("unknown key {name:?}{hint}");
            self.diagnostics.push(Diagnostic::of_value(location.clone(), message));
        }
        self.diagnostics
    }

    /// Reads what the user wrote, or the default, by `want`. An error is recorded and leads to the
    /// default, or to the type's default if the key has none.
    pub fn read<T: Default>(
        &mut self,
        key: &Key,
        want: impl Fn(&TomlNode) -> Result<T, Vec<Diagnostic>>,
    ) -> T {
        let table = self.table;
        match table.get(key.name) {
            Some(node) => match want(node) {
                Ok(value) => return value,
                Err(found) => self.refuse(key, found),
            },
            None if key.default.is_none() => {
                self.report(key, format!("missing key {:?}: {}", key.name, key.about));
            }
            None => {}
        }
        let other = self.defaults.iter().find(|(name, _)| *name == key.name);
        let Some(default) = other.map(|(_, other)| *other).or(key.default) else {
            return T::default();
        };
        match TomlNode::parse(default, Origin::Whole).map(|node| want(&node)) {
            Ok(Ok(value)) => value,
            _ => {
                let message = format!("the default of {:?} cannot be used here", key.name);
                self.report_at(key, table.location.clone(), message);
                T::default()
            }
        }
    }

    /// Records why a key's value cannot be used.
    fn refuse(&mut self, key: &Key, found: impl IntoIterator<Item = Diagnostic>) {
        self.invalid.insert(key.name);
        self.diagnostics.extend(found);
    }
}

//! A reader over one table of settings: it takes what the user wrote or the key's default,
//! records what is wrong with it, and goes on.
//!
//! Separate from `values`, which holds the readers of each kind of value.

use crate::config::source::read_limited;
use crate::config::{Diagnostic, Node, Origin, Place, Table};
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
    /// What it says, in one sentence.
    pub about: &'static str,
}

/// Reads one table. Every reader gives a usable value whatever was written; what was wrong is in
/// the faults that [`Fields::finish`] gives back.
#[derive(Debug)]
pub struct Fields<'t> {
    pub table: &'t Table,
    path: String,
    base_dir: PathBuf,
    known: BTreeSet<&'static str>,
    all_known: bool,
    unsound: BTreeSet<&'static str>,
    faults: Vec<Diagnostic>,
}

impl<'t> Fields<'t> {
    /// A reader over a table. `path` is how `--set` would address it; `base_dir` is where names
    /// of files start from. No key is known until it is declared.
    pub fn new(table: &'t Table, path: impl Into<String>, base_dir: &Path) -> Fields<'t> {
        Fields {
            table,
            path: path.into(),
            base_dir: base_dir.to_owned(),
            known: BTreeSet::new(),
            all_known: true,
            unsound: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    /// Declares keys that the table may hold.
    pub fn declare(&mut self, keys: &[Key]) {
        self.known.extend(keys.iter().map(|key| key.name));
    }

    /// Gives up finding unknown keys: which keys there are is itself unknown.
    pub fn allow_unknown(&mut self) {
        self.all_known = false;
    }

    /// True where the user gave this key, so that no default is used.
    pub fn written(&self, key: &Key) -> bool {
        self.table.get(key.name).is_some()
    }

    /// True where no fault was found in this key, so that it may be held against another one.
    pub fn sound(&self, key: &Key) -> bool {
        !self.unsound.contains(key.name)
    }

    /// Where names of files start from: the scenario's folder.
    pub fn base_dir(&self) -> &Path {
        &self.base_dir
    }

    /// Where a key's value stands, or its table where it was left out.
    pub fn place(&self, key: &Key) -> Place {
        self.table.get(key.name).map_or_else(|| self.table.place.clone(), |n| n.place.clone())
    }

    /// Records that a key's value cannot be used together with something else.
    pub fn fault(&mut self, key: &Key, message: impl Into<String>) {
        let place = self.place(key);
        self.blame(key, place, message.into(), false);
    }

    /// Records a contradiction at a place inside a key's value.
    pub fn fault_at(&mut self, key: &Key, place: Place, message: impl Into<String>) {
        self.blame(key, place, message.into(), false);
    }

    /// Reads the file that a key names; `None` where that failed, with its fault recorded.
    pub fn file(&mut self, key: &Key) -> Option<Vec<u8>> {
        let name = self.text(key);
        if !self.sound(key) {
            return None;
        }
        match read_limited(&self.base_dir.join(name), MOST_FILE_BYTES) {
            Ok(bytes) => Some(bytes),
            Err(message) => {
                let place = self.place(key);
                self.blame(key, place, format!("{}: {message}", key.name), true);
                None
            }
        }
    }

    /// Looks for keys that nobody declared and gives back everything that was wrong.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        if self.all_known {
            let known: Vec<&str> = self.known.iter().copied().collect();
            for entry in &self.table.entries {
                if self.known.contains(entry.name.as_str()) {
                    continue;
                }
                let hint = match nearest(&entry.name, &known) {
                    Some(near) => format!(", did you mean {near:?}?"),
                    None => format!("; known here: {}", known.join(", ")),
                };
                self.faults.push(Diagnostic {
                    place: entry.place.clone(),
                    path: self.path_of(&entry.name),
                    message: format!("unknown key {:?}{hint}", entry.name),
                    direct: true,
                });
            }
        }
        self.faults
    }

    /// Takes what the user wrote, or the default, through `want`; a fault is recorded and leads
    /// to the default, or to nothing at all where there is none.
    pub fn read<T: Default>(
        &mut self,
        key: &Key,
        want: impl Fn(&Node) -> Result<T, Vec<(Place, String)>>,
    ) -> T {
        let table = self.table;
        match table.get(key.name) {
            Some(node) => match want(node) {
                Ok(value) => return value,
                Err(found) => {
                    for (place, message) in found {
                        self.blame(key, place, message, true);
                    }
                }
            },
            None if key.default.is_none() => {
                let message = format!("missing key {:?}: {}", key.name, key.about);
                self.blame(key, table.place.clone(), message, false);
            }
            None => {}
        }
        let Some(default) = key.default else { return T::default() };
        match Node::parse(default, Origin::Whole).map(|node| want(&node)) {
            Ok(Ok(value)) => value,
            _ => {
                let message = format!("the default of {:?} cannot be used here", key.name);
                self.blame(key, table.place.clone(), message, false);
                T::default()
            }
        }
    }

    fn blame(&mut self, key: &Key, place: Place, message: String, direct: bool) {
        self.unsound.insert(key.name);
        self.faults.push(Diagnostic { place, path: self.path_of(key.name), message, direct });
    }

    fn path_of(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }
}

/// The known name that a mistyped one is nearest to, where it is near enough to be meant.
pub(crate) fn nearest<'n>(given: &str, known: &[&'n str]) -> Option<&'n str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&given.to_lowercase(), name);
    let best = known.iter().map(|name| (distance(name), *name)).min()?;
    let most = (given.chars().count().max(best.1.chars().count()) / 3).max(1);
    (best.0 <= most && best.0 < best.1.chars().count()).then_some(best.1)
}

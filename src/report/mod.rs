//! Extension point: what a run's numbers are shown as, one file a format.
//!
//! ```text
//! result::RunResult → summary::summarise → Table → Format::render → files
//! ```
//!
//! Separate from everything that runs, and from `gate`, which judges. Only [`summary`] derives
//! a number; a format is given finished ones. To add a format, write a file with a type that
//! implements [`Format`], and put it into [`FORMATS`]. Verdicts are shown by [`judgement`], and
//! the JSON documents are described by [`schema`].

pub(crate) mod chapter;
pub(crate) mod check;
mod column;
pub(crate) mod conclusion;
mod figure;
pub(crate) mod finding;
pub(crate) mod format;
pub(crate) mod judgement;
pub(crate) mod layer;
pub(crate) mod metrics;
pub(crate) mod pictures;
pub(crate) mod schema;
pub(crate) mod summary;
pub(crate) mod table;

pub use conclusion::Conclusion;
pub use figure::Figure;
pub use summary::summarise;
pub use table::Table;

/// A rendered file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its name within the report's folder.
    pub name: &'static str,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// A way to show a table.
pub trait Format: Sync {
    /// What `--format` calls it.
    fn name(&self) -> &'static str;
    /// One sentence for `--help`.
    fn about(&self) -> &'static str;
    /// The names of its files, in the order of [`render`](Format::render).
    fn files(&self) -> &'static [&'static str];
    /// The files' contents.
    fn render(&self, table: &Table) -> Vec<Rendered>;
}

/// Every format.
pub static FORMATS: &[&dyn Format] =
    &[&format::text::Text, &format::csv::Csv, &format::json::Json, &format::png::Png];

/// The format of a name.
pub fn find_format(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|f| f.name() == name)
}

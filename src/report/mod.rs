//! Extension point: what a run's numbers are shown as, one file a format.
//!
//! ```text
//! result::RunResult → summary::summarise → Table → Format::render → files
//! ```
//!
//! Separate from everything that runs, and from `gate`, which judges. Only [`summary`] derives
//! a number, and [`time_series`] those of a second; a format is given finished ones. To add a format, write a file with a [`Format`], and
//! put it into [`FORMATS`]. Verdicts are shown by [`judgement`], and
//! the JSON documents are described by [`schema`].

pub(crate) mod chapter;
pub(crate) mod check;
mod column;
pub(crate) mod conclusion;
mod drawing;
pub(crate) mod figure;
pub(crate) mod finding;
pub(crate) mod format;
pub(crate) mod judgement;
pub(crate) mod layer;
pub(crate) mod median;
pub(crate) mod metrics;
pub(crate) mod pictures;
pub(crate) mod schema;
pub(crate) mod summary;
pub(crate) mod table;
mod time_quality;
mod time_series;
pub(crate) mod trends;

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::thread::{self, Builder, ScopedJoinHandle};

/// The program with its version.
pub(crate) const PROGRAM: &str = concat!("wsbench ", env!("CARGO_PKG_VERSION"));

pub use conclusion::Conclusion;
pub(crate) use figure::Absence;
pub use figure::Figure;
pub(crate) use format::html::{
    REPORT_FILE, attached_judgement, attached_results, of_judgement, of_tables,
};
pub(crate) use format::json::{STREAM_SCHEMA, stream_end};
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

/// What makes a file.
type Content = fn(&Table) -> Vec<u8>;

/// What writes a file that may be larger than memory.
pub(crate) type StreamWriter = fn(&Table, &mut dyn Write) -> io::Result<()>;

/// A way to show a table.
pub struct Format {
    /// What `--format` calls it.
    pub name: &'static str,
    /// Its files: the name of each, and what it holds.
    contents: &'static [(&'static str, Content)],
    /// Its files that are written as they are made.
    streams: &'static [(&'static str, StreamWriter)],
    /// True if it takes so much memory that commands render it in a process of its own, once
    /// everything else is written: what becomes of it does not touch the run.
    pub(crate) own_process: bool,
}

impl Format {
    /// The names of its files: those of [`render`](Format::render) in their order, then streams.
    pub fn files(&self) -> impl Iterator<Item = &'static str> {
        let names = self.contents.iter().map(|(name, _)| *name);
        names.chain(self.streams.iter().map(|(name, _)| *name))
    }
    /// Its files that may be larger than memory.
    pub fn streams(&self) -> &'static [(&'static str, StreamWriter)] {
        self.streams
    }
    /// The contents of the files that fit in memory.
    pub fn render(&self, table: &Table) -> Vec<Rendered> {
        let mut files = if self.own_process {
            self.render_in_threads(table)
        } else {
            // A thread takes more memory than such a file, which the process of a run may not have.
            let make =
                |file: &(&'static str, Content)| Rendered { name: file.0, bytes: file.1(table) };
            self.contents.iter().map(make).collect()
        };
        // A file that would be empty is none.
        files.retain(|file| !file.bytes.is_empty());
        files
    }
    /// Pictures take most of the time, so each file has a thread.
    fn render_in_threads(&self, table: &Table) -> Vec<Rendered> {
        thread::scope(|scope| {
            let start = |(name, content): &'static (&'static str, Content)| {
                let thread = Builder::new().spawn_scoped(scope, || content(table));
                (*name, content, thread)
            };
            let threads: Vec<_> = self.contents.iter().map(start).collect();
            let end = |(name, content, thread): (_, &Content, _)| Rendered {
                name,
                bytes: join_or_make(thread, || content(table)),
            };
            threads.into_iter().map(end).collect()
        })
    }
}

/// Returns what a thread makes, or makes it here if the system gave none: threads or memory have run
/// out, and a run that is over must not be lost for that.
fn join_or_make<T>(thread: io::Result<ScopedJoinHandle<'_, T>>, make: impl FnOnce() -> T) -> T {
    match thread {
        // A panic in a format is a bug and continues in this thread.
        Ok(thread) => thread.join().unwrap_or_else(|bug| resume_unwind(bug)),
        Err(_) => make(),
    }
}

/// Every format.
pub static FORMATS: &[&Format] = &[
    &format::text::TEXT,
    &format::csv::CSV,
    &format::json::JSON,
    &format::html::HTML,
    &format::png::PNG,
];

/// The format of a name.
pub fn find_format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|f| f.name == name)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::report::layer::{Layer, Way};
    use crate::report::table::Row;
    use crate::result::{CaseInfo, Header, RunResult};

    /// A run with such series and client counts that has recorded nothing.
    pub(crate) fn table_of_series(series: &[(&str, u32)]) -> Table {
        let case = |(number, (series, clients)): (usize, &(&str, u32))| -> CaseInfo {
            let info = serde_json::json!({
                "case": number, "series": series, "transport": "websocket", "clients": clients, "repeat": 0,
                "floor": false, "paced": false, "interval_ns": 0, "may_stretch": false,
                "feed_rate_hz": 1.0, "payload_bytes": 21, "duration_ns": 1_000_000_000u64,
                "bundled_server": true,
            });
            serde_json::from_value(info).expect("it has each field")
        };
        let cases = series.iter().enumerate().map(case).collect();
        let header = Header { cases, ..Header::default() };
        summarise(&RunResult::new(header))
    }

    /// Of another server than the chapter's.
    #[test]
    fn a_picture_that_would_be_empty_is_left_out() {
        let mut table = table_of_series(&[("a", 10)]);
        table.rows[0].chapter.applies = false;
        let names = |table: &Table| -> Vec<&str> {
            format::png::PNG.render(table).iter().map(|file| file.name).collect()
        };
        assert_eq!(names(&table), Vec::<&str>::new());
        table.rows[0].cost.driver_bytes = Figure::count(81_900);
        assert_eq!(names(&table), ["cost.png"]);
        let overhead = |row: &Row| {
            row.volumes.iter().position(|v| v == row.steady(Way::Both, Layer::Overhead))
        };
        let place = overhead(&table.rows[0]).expect("it has each volume");
        table.rows[0].volumes[place].per_s = Figure::count(0);
        assert_eq!(names(&table), ["cost.png"], "no bar has no height");
        table.rows[0].volumes[place].per_s = Figure::count(400);
        assert_eq!(names(&table), ["overhead.png", "cost.png"]);
    }

    #[test]
    fn what_no_thread_can_make_is_made_here() {
        let here = thread::current().id();
        let none = Err(io::Error::from(io::ErrorKind::WouldBlock));
        assert_eq!(join_or_make(none, || thread::current().id()), here);
        let elsewhere = thread::scope(|scope| {
            let thread = Builder::new().spawn_scoped(scope, || thread::current().id());
            assert!(thread.is_ok());
            join_or_make(thread, || here)
        });
        assert_ne!(elsewhere, here);
    }
}

//! The history of a scenario: a file with a line for each run, and the changes in it.
//!
//! | file | what |
//! |---|---|
//! | `file` | the lines: what of a run is kept, and reading it again |
//! | `selection` | the runs that can be compared with the newest, and the figures of each |
//! | `check` | the newest change of each figure, and whether it is a regression |
//!
//! For runs at about equal intervals, such as nightly ones on one machine. A pull request is decided by
//! [`paired`](crate::gate::paired): a history sees a change only some runs after it.

mod check;
mod file;
mod selection;

pub(crate) use check::{CheckOptions, check};
pub(crate) use file::{HistoryRun, RunOrigin, parse};
pub(crate) use selection::{FigureFilter, Since, trends};

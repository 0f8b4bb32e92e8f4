//! Extension point 2: a run's table in a file format, one file or folder per format.

pub(crate) mod csv;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod png;
pub(crate) mod text;

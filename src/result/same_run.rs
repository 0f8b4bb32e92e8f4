//! Whether two result files hold the same run: its counts would add up twice.

use crate::error::{Outcome, at};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Whether two paths lead to the same file.
pub(crate) fn are_one_file(a: &Path, b: &Path) -> bool {
    let canonical = |path: &Path| fs::canonicalize(path).ok();
    canonical(a).is_some_and(|a| canonical(b) == Some(a))
}

/// Whether one file is the other's beginning: a copy, or one that was made before the run had ended.
/// Two runs differ in their first lines, with the time of their start, bytes and latencies.
///
/// # Errors
/// If a file cannot be read; the message names it.
pub(crate) fn is_beginning_of_other(a: &Path, b: &Path) -> Outcome<bool> {
    let open = |path: &Path| {
        let file = File::open(path).map_err(at(format!("cannot open {}", path.display())))?;
        Outcome::Ok(BufReader::new(file))
    };
    let mut one = open(a)?;
    let mut other = open(b)?;
    loop {
        let one_bytes = one.fill_buf().map_err(at(format!("cannot read {}", a.display())))?;
        let other_bytes = other.fill_buf().map_err(at(format!("cannot read {}", b.display())))?;
        let shared = one_bytes.len().min(other_bytes.len());
        if shared == 0 {
            return Ok(true);
        }
        if one_bytes[..shared] != other_bytes[..shared] {
            return Ok(false);
        }
        one.consume(shared);
        other.consume(shared);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_and_one_that_was_cut_hold_the_same_run() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("it can be written");
            path
        };
        // Longer than what is read at once.
        let lines = |last: &str| "{\"second\":{}}\n".repeat(10_000) + last;
        let whole = file("whole", lines("{\"end\":{}}\n"));
        let copy = file("copy", lines("{\"end\":{}}\n"));
        let cut = file("cut", lines("{\"e"));
        let other = file("other", lines("{\"end\":1}\n"));
        for (a, b, same) in [
            (&whole, &copy, true),
            (&cut, &whole, true),
            (&whole, &cut, true),
            (&whole, &other, false),
        ] {
            assert_eq!(is_beginning_of_other(a, b).expect("both are there"), same, "{a:?} {b:?}");
        }
        assert!(is_beginning_of_other(&whole, &folder.path().join("none")).is_err());
        assert!(are_one_file(&whole, &folder.path().join(".").join("whole")));
        assert!(!are_one_file(&whole, &copy));
        assert!(!are_one_file(&folder.path().join("none"), &folder.path().join("none")));
    }
}

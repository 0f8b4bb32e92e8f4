//! The secrets of connections, for whoever reads a capture of them.

use rustls::{KeyLog, KeyLogFile};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Names the file, as for curl and browsers; its lines are those of NSS.
const VARIABLE: &str = "SSLKEYLOGFILE";
/// Readers of such a file skip lines that begin so.
const COMMENT: &[u8] = b"# wsbench\n";

/// Returns what writes the secrets of each connection to the file of `SSLKEYLOGFILE`, one for all
/// threads; `None` if the environment names no file.
///
/// # Errors
/// A sentence, if the file cannot be written.
pub(super) fn key_log() -> Result<Option<Arc<dyn KeyLog>>, String> {
    static SHARED: OnceLock<Arc<KeyLogFile>> = OnceLock::new();
    let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    let Some(path) = path else { return Ok(None) };
    if let Some(shared) = SHARED.get() {
        return Ok(Some(shared.clone()));
    }
    // rustls goes on without a file that it cannot open or write: a comment shows that both can be done.
    let opened = OpenOptions::new().append(true).create(true).open(&path);
    opened.and_then(|mut file| file.write_all(COMMENT)).map_err(|error| {
        format!(
            "the environment names {} as {VARIABLE}, which cannot be written: {error}; name a file that can be",
            Path::new(&path).display()
        )
    })?;
    let shared: Arc<dyn KeyLog> = SHARED.get_or_init(|| Arc::new(KeyLogFile::new())).clone();
    Ok(Some(shared))
}

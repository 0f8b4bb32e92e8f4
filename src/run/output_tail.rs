//! Keeps the last output of a process, which is shown if it fails.

use crate::run::server_log;
use crate::secret;
use std::fs::File;
use std::io::{ErrorKind, PipeReader, Read, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

/// Bytes kept.
const KEPT: usize = 4096;
/// Lines shown.
const LINES: usize = 8;

/// How long the last output of a process that has ended may take to arrive.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// The end of what a process wrote.
#[derive(Clone)]
pub(crate) enum OutputTail {
    /// Of a stream that is read.
    Stream(StreamTail),
    /// Of both its standard streams, in the order in which it wrote.
    Both(StreamTail),
    /// Of both, which a thread reads into this file.
    Log(StreamTail, PathBuf),
}

/// Keeps the end of a stream.
#[derive(Clone, Default)]
pub(crate) struct StreamTail {
    kept: Arc<Mutex<Vec<u8>>>,
    /// Closed when the stream has ended.
    open: Option<watch::Receiver<()>>,
}

impl OutputTail {
    /// Reads a stream to its end, in a task of its own: the process never waits for a reader.
    pub(crate) fn read(mut stream: impl AsyncRead + Unpin + Send + 'static) -> OutputTail {
        let kept = StreamTail::default();
        let (reading, open) = watch::channel(());
        let tail = StreamTail { open: Some(open), ..kept.clone() };
        tokio::spawn(async move {
            let _reading = reading;
            let mut piece = [0; 4096];
            // After an error nothing more comes either.
            while let Ok(read @ 1..) = stream.read(&mut piece).await {
                kept.push(&piece[..read]);
            }
        });
        OutputTail::Stream(tail)
    }

    /// Reads a pipe to its end, in a thread of its own: a server may print a line for each request.
    ///
    /// # Errors
    /// If there can be no further thread.
    pub(crate) fn read_pipe(mut pipe: PipeReader) -> Result<OutputTail> {
        let kept = StreamTail::default();
        let (reading, open) = watch::channel(());
        let tail = StreamTail { open: Some(open), ..kept.clone() };
        thread::Builder::new().name("server-output".to_owned()).spawn(move || {
            let _reading = reading;
            let mut piece = [0; 16 * KEPT];
            loop {
                match pipe.read(&mut piece) {
                    Ok(read @ 1..) => {
                        kept.push(&piece[..read]);
                        if read < piece.len() {
                            thread::sleep(server_log::PAUSE);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // After any other error nothing more comes either.
                    Ok(0) | Err(_) => return,
                }
            }
        })?;
        Ok(OutputTail::Both(tail))
    }

    /// Reads a pipe to its end into a file that has so many bytes, in a thread of its own.
    ///
    /// # Errors
    /// If there can be no further thread.
    pub(crate) fn log(pipe: PipeReader, file: File, has: u64, path: &Path) -> Result<OutputTail> {
        let kept = StreamTail::default();
        let tail = kept.clone();
        let open = Some(server_log::keep(pipe, file, has, move |piece| kept.push(piece))?);
        Ok(OutputTail::Log(StreamTail { open, ..tail }, path.to_owned()))
    }

    /// Returns the end of the stream.
    fn stream(&self) -> &StreamTail {
        match self {
            OutputTail::Stream(tail) | OutputTail::Both(tail) | OutputTail::Log(tail, _) => tail,
        }
    }

    /// Waits until all output of a process that has ended is read, or a limit has passed.
    pub(crate) async fn wait_for_end(&self) {
        if let Some(open) = &self.stream().open {
            // Another process may keep the other end open for ever.
            let _ = tokio::time::timeout(LAST_OUTPUT, open.clone().changed()).await;
        }
    }

    /// Returns the last lines, without what would move a terminal's cursor.
    pub(crate) fn lines(&self) -> Vec<String> {
        // Bytes are valid even if a holder of the lock panicked.
        let mut kept = self.stream().kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let OutputTail::Both(_) | OutputTail::Log(..) = self {
            // It is what a server wrote.
            secret::redact_server_output(&mut kept, false);
        }
        let text = String::from_utf8_lossy(&kept);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.len().saturating_sub(LINES);
        let plain = |line: &&str| line.chars().filter(|c| !c.is_control()).collect();
        lines[last..].iter().map(plain).collect()
    }

    /// Describes the last lines as the end of a sentence: `; its last output:` and a line each.
    pub(crate) fn describe(&self) -> String {
        let lines = self.lines();
        let lines = (!lines.is_empty()).then(|| lines.join("\n    "));
        match (self, lines) {
            (OutputTail::Stream(_), None) => "; it wrote nothing to its standard error".to_owned(),
            (OutputTail::Both(_) | OutputTail::Log(..), None) => "; it wrote nothing".to_owned(),
            (OutputTail::Stream(_) | OutputTail::Both(_), Some(lines)) => {
                format!("; its last output:\n    {lines}")
            }
            (OutputTail::Log(_, path), Some(lines)) => {
                format!("; the end of {}:\n    {lines}", path.display())
            }
        }
    }
}

impl StreamTail {
    fn push(&self, piece: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(piece);
        let over = kept.len().saturating_sub(KEPT);
        kept.drain(..over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_without_control_characters() {
        let stream = StreamTail::default();
        let tail = OutputTail::Stream(stream.clone());
        assert_eq!(tail.describe(), "; it wrote nothing to its standard error");
        stream.push(&[b'x'; 3 * KEPT]);
        assert_eq!(tail.lines()[0].len(), KEPT);
        stream.push(b"\none\n\n\x1b[31mtwo\xff\n");
        let lines = tail.lines();
        assert_eq!(lines[lines.len() - 2..], ["one", "[31mtwo\u{fffd}"]);
        (0..20).for_each(|n| stream.push(format!("{n}\n").as_bytes()));
        assert_eq!(tail.lines().len(), LINES);
        assert!(tail.describe().ends_with("\n    18\n    19"));
    }
}

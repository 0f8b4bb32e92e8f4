//! Keeps the last output of a process, which is shown if it fails.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

/// Bytes kept.
const KEPT: usize = 4096;
/// Lines shown.
const LINES: usize = 8;

/// How long the last output of a process that has ended may take to arrive.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// Keeps the end of a stream.
#[derive(Clone, Default)]
pub(crate) struct OutputTail {
    kept: Arc<Mutex<Vec<u8>>>,
    /// Closed when the stream has ended.
    open: Option<watch::Receiver<()>>,
}

impl OutputTail {
    /// Reads a stream to its end, in a task of its own: the process never waits for a reader.
    pub(crate) fn read(mut stream: impl AsyncRead + Unpin + Send + 'static) -> OutputTail {
        let kept = OutputTail::default();
        let (reading, open) = watch::channel(());
        let tail = OutputTail { open: Some(open), ..kept.clone() };
        tokio::spawn(async move {
            let _reading = reading;
            let mut piece = [0; 4096];
            // After an error nothing more comes either.
            while let Ok(read @ 1..) = stream.read(&mut piece).await {
                kept.push(&piece[..read]);
            }
        });
        tail
    }

    /// Waits until all output of a process that has ended is read, or a limit has passed.
    pub(crate) async fn wait_for_end(&self) {
        if let Some(mut open) = self.open.clone() {
            // Another process may keep the other end open for ever.
            let _ = tokio::time::timeout(LAST_OUTPUT, open.changed()).await;
        }
    }

    fn push(&self, piece: &[u8]) {
        // Bytes are valid even if a holder of the lock panicked.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(piece);
        let over = kept.len().saturating_sub(KEPT);
        kept.drain(..over);
    }

    /// Returns the last lines, without what would move a terminal's cursor.
    pub(crate) fn lines(&self) -> Vec<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&kept);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.len().saturating_sub(LINES);
        let plain = |line: &&str| line.chars().filter(|c| !c.is_control()).collect();
        lines[last..].iter().map(plain).collect()
    }

    /// Describes the last lines as the end of a sentence: `; its last output:` and a line each.
    pub(crate) fn describe(&self) -> String {
        let lines = self.lines();
        if lines.is_empty() {
            "; it wrote nothing to its standard error".to_owned()
        } else {
            format!("; its last output:\n    {}", lines.join("\n    "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_without_control_characters() {
        let tail = OutputTail::default();
        assert_eq!(tail.describe(), "; it wrote nothing to its standard error");
        tail.push(&[b'x'; 3 * KEPT]);
        assert_eq!(tail.lines()[0].len(), KEPT);
        tail.push(b"\none\n\n\x1b[31mtwo\xff\n");
        let lines = tail.lines();
        assert_eq!(lines[lines.len() - 2..], ["one", "[31mtwo\u{fffd}"]);
        (0..20).for_each(|n| tail.push(format!("{n}\n").as_bytes()));
        assert_eq!(tail.lines().len(), LINES);
        assert!(tail.describe().ends_with("\n    18\n    19"));
    }
}

//! The last of what a process wrote: what is shown of it where it failed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

/// Bytes kept.
const KEPT: usize = 4096;
/// Lines shown.
const LINES: usize = 8;

/// After the end of a process, how long its last words may be on their way.
const SETTLING: Duration = Duration::from_millis(500);

/// Keeps the end of a stream.
#[derive(Clone, Default)]
pub(crate) struct Tail {
    kept: Arc<Mutex<Vec<u8>>>,
    /// Says that the stream has ended, by its own end.
    open: Option<watch::Receiver<()>>,
}

impl Tail {
    /// Reads a stream to its end, in a task of its own: the process never waits for a reader.
    pub(crate) fn of(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Tail {
        let kept = Tail::default();
        let (reading, open) = watch::channel(());
        let tail = Tail { open: Some(open), ..kept.clone() };
        tokio::spawn(async move {
            let _reading = reading;
            let mut piece = [0; 4096];
            // An end and a fault are the same here: no more comes.
            while let Ok(read @ 1..) = stream.read(&mut piece).await {
                kept.push(&piece[..read]);
            }
        });
        tail
    }

    /// Waits until all is read of a process that has ended, for as long as that may take.
    pub(crate) async fn settle(&self) {
        if let Some(mut open) = self.open.clone() {
            // Somebody may hold the other end for ever; then what there is has to do.
            let _ = tokio::time::timeout(SETTLING, open.changed()).await;
        }
    }

    fn push(&self, piece: &[u8]) {
        // Bytes are whole, whoever held them.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(piece);
        let over = kept.len().saturating_sub(KEPT);
        kept.drain(..over);
    }

    /// The last lines, without what would move a terminal's cursor; empty where nothing was
    /// written.
    pub(crate) fn lines(&self) -> Vec<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&kept);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.len().saturating_sub(LINES);
        let plain = |line: &&str| line.chars().filter(|c| !c.is_control()).collect();
        lines[last..].iter().map(plain).collect()
    }

    /// The last lines as the end of a sentence: `; its last words:` and a line each.
    pub(crate) fn words(&self) -> String {
        let lines = self.lines();
        match lines.is_empty() {
            true => "; it wrote nothing to its standard error".to_owned(),
            false => format!("; its last words:\n    {}", lines.join("\n    ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_tamed() {
        let tail = Tail::default();
        assert_eq!(tail.words(), "; it wrote nothing to its standard error");
        tail.push(&[b'x'; 3 * KEPT]);
        assert_eq!(tail.lines()[0].len(), KEPT);
        tail.push(b"\none\n\n\x1b[31mtwo\xff\n");
        let lines = tail.lines();
        assert_eq!(lines[lines.len() - 2..], ["one", "[31mtwo\u{fffd}"]);
        (0..20).for_each(|n| tail.push(format!("{n}\n").as_bytes()));
        assert_eq!(tail.lines().len(), LINES);
        assert!(tail.words().ends_with("\n    18\n    19"));
    }
}

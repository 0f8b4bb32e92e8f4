//! What a server writes that the run has started, as a file: line by line without secrets, and not
//! without end.
//!
//! A thread of its own reads it, so that the server waits for nothing that the run does.

use crate::secret;
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::thread;
use std::time::Duration;
use tokio::sync::watch;

/// The most bytes of a file, of all cases together.
const MOST_BYTES: u64 = 16 << 20;
/// The most bytes of a line.
const MOST_LINE: usize = 64 << 10;
/// Between two reads while little comes: a server that writes a line for each request wakes the thread
/// no more often.
pub(super) const PAUSE: Duration = Duration::from_millis(5);

/// The file, and what of a line has come.
struct ServerLog<W> {
    file: W,
    /// Bytes that may still be written.
    left: u64,
    line: Vec<u8>,
    /// Bytes of the line that are not kept.
    over: usize,
}

/// Reads a pipe to its end in a thread of its own, into a file that has so many bytes, and
/// gives each piece to `on`. Returns what is closed at the end.
///
/// # Errors
/// If there can be no further thread.
pub(super) fn keep(
    mut pipe: PipeReader,
    file: File,
    has: u64,
    mut on: impl FnMut(&[u8]) + Send + 'static,
) -> io::Result<watch::Receiver<()>> {
    let (reading, open) = watch::channel(());
    let mut log = ServerLog::new(file, has);
    thread::Builder::new().name("server-log".to_owned()).spawn(move || {
        let _reading = reading;
        let mut piece = [0; 32 << 10];
        loop {
            match pipe.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // After an error nothing more comes either.
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    on(&piece[..read]);
                    log.push(&piece[..read]);
                    if read < piece.len() {
                        thread::sleep(PAUSE);
                    }
                }
            }
        }
        log.end_line(b"");
    })?;
    Ok(open)
}

impl<W: Write> ServerLog<W> {
    fn new(file: W, has: u64) -> ServerLog<W> {
        ServerLog { file, left: MOST_BYTES.saturating_sub(has), line: Vec::new(), over: 0 }
    }

    fn push(&mut self, mut piece: &[u8]) {
        while self.left > 0 && !piece.is_empty() {
            let end = piece.iter().position(|&b| b == b'\n');
            let (line, rest) = piece.split_at(end.unwrap_or(piece.len()));
            let kept = line.len().min(MOST_LINE - self.line.len());
            self.line.extend_from_slice(&line[..kept]);
            self.over += line.len() - kept;
            piece = rest.get(1..).unwrap_or_default();
            if end.is_some() {
                self.end_line(b"\n");
            }
        }
    }

    /// Writes the line with its end.
    fn end_line(&mut self, end: &[u8]) {
        let mut line = std::mem::take(&mut self.line);
        secret::redact_server_output(&mut line, self.over > 0);
        if self.over > 0 {
            line.extend_from_slice(format!(" [wsbench: and {} bytes more]", self.over).as_bytes());
        }
        self.over = 0;
        line.extend_from_slice(end);
        if self.left == 0 {
            return;
        }
        self.left = self.left.saturating_sub(line.len() as u64);
        if self.left == 0 {
            line = format!(
                "[wsbench: this file has {} MiB, and what the server wrote after that is not kept]\n",
                MOST_BYTES >> 20
            )
            .into_bytes();
        }
        // Without room on the disk the run's own file fails, which says so.
        let _ = self.file.write_all(&line);
        // The next one is as long, most probably.
        line.clear();
        self.line = line;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pieces: &[&[u8]], has: u64) -> Vec<u8> {
        let mut out = Vec::new();
        let mut log = ServerLog::new(&mut out, has);
        pieces.iter().for_each(|piece| log.push(piece));
        log.end_line(b"");
        out
    }

    #[test]
    fn lines_are_kept_as_they_are_but_for_secrets() {
        secret::note("q6canary-of-a-log");
        secret::note_of_clients(["q6p4"].into_iter());
        let text = |pieces: &[&[u8]]| String::from_utf8_lossy(&written(pieces, 0)).into_owned();
        assert_eq!(text(&[b"a\n", b"\n", b"b\xff"]), "a\n\nb\u{fffd}");
        let shown = text(&[b"token q6can", b"ary-of-", b"a-log no\r\nnext"]);
        assert_eq!(shown, "token ‹redacted, 17 B› no\r\nnext");
        assert_eq!(text(&[b"GET /?pin=q6p4 200"]), "GET /?pin=‹redacted, 4 B› 200");
        assert_eq!(text(&[]), "");
    }

    #[test]
    fn a_line_and_the_file_have_a_limit() {
        secret::note("q6canary-of-a-log");
        let long = [&vec![b'x'; MOST_LINE - 6][..], b"q6canary-of-a-log\nnext\n"].concat();
        let shown = written(&[&long], 0);
        let end = " ".len() + MOST_LINE - 6;
        assert_eq!(
            String::from_utf8_lossy(&shown[end - 1..]),
            "‹redacted, 6 B› [wsbench: and 11 bytes more]\nnext\n"
        );
        let shown = written(&[b"q61\n", b"q62\n", b"q63\n"], MOST_BYTES - 6);
        let shown = String::from_utf8_lossy(&shown).into_owned();
        assert!(shown.starts_with("q61\n[wsbench: this file has 16 MiB, and "), "{shown}");
        assert!(!shown.contains("q62") && !shown.contains("q63"), "{shown}");
        assert_eq!(written(&[b"q61\n"], MOST_BYTES), b"");
    }
}

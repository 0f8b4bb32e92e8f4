//! `--stream`: an object a second as JSON Lines, and one at the end.
//!
//! A thread of its own writes, so that a slow reader holds nobody up: what it has not read in time is left out
//! and counted.

use super::figures::{LiveFigures, SHOWN, latency_name, parts};
use crate::cmd::files::prepare_file;
use crate::error::{Outcome, at};
use crate::report::{STREAM_SCHEMA, Table, stream_end};
use crate::secret::redact_document;
use serde_json::{Map, Value, json};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Lines that wait for a reader.
const MOST_WAITING: usize = 64;
/// How long the last ones may take.
const END_LIMIT: Duration = Duration::from_secs(5);

/// Where the objects go.
pub(super) struct FigureStream {
    lines: Option<SyncSender<String>>,
    /// Gets what became of writing, once it has ended.
    done: Receiver<io::Result<()>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
    /// Objects that nobody read in time.
    left_out: u64,
    /// Objects that wait or are written.
    sent: u64,
    /// Of these, those that are written.
    written: Arc<AtomicU64>,
}

/// Whether a path stands for standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

impl FigureStream {
    /// Opens the file, or waits for a pipe's reader in the thread that writes.
    ///
    /// # Errors
    /// If the folder cannot be written, or there can be no thread.
    pub(super) fn open(path: &Path) -> Outcome<FigureStream> {
        if !is_stdout(path) {
            prepare_file(path)?;
        }
        let (lines, queue) = sync_channel(MOST_WAITING);
        let (ended, done) = sync_channel(1);
        let to = path.to_owned();
        let written = Arc::<AtomicU64>::default();
        let count = written.clone();
        let thread = Builder::new()
            .name("stream".to_owned())
            .spawn(move || {
                // If nobody waits for it any more, it is of no use.
                let _ = ended.send(write(&to, &queue, &count));
            })
            .map_err(at("cannot start a thread for --stream"))?;
        Ok(FigureStream {
            lines: Some(lines),
            done,
            thread: Some(thread),
            path: path.to_owned(),
            left_out: 0,
            sent: 0,
            written,
        })
    }

    /// Writes the last second.
    pub(super) fn second(&mut self, live: &LiveFigures, time: &str) {
        self.send(&second(live, time));
    }

    fn send(&mut self, object: &Value) {
        let Some(lines) = &self.lines else { return };
        let line = redact_document(&object.to_string()).into_owned() + "\n";
        match lines.try_send(line) {
            Ok(()) => self.sent += 1,
            Err(TrySendError::Full(_)) => self.left_out += 1,
            // It has failed: its end says how.
            Err(TrySendError::Disconnected(_)) => self.lines = None,
        }
    }

    /// Writes what the run came to, and waits until all is written. Returns how many objects were left out.
    ///
    /// # Errors
    /// If the file could not be written.
    pub(super) fn end(mut self, table: Option<&Table>, time: &str) -> Outcome<u64> {
        if let Some(table) = table {
            let mut end = stream_end(table, time);
            end["left_out"] = json!(self.left_out);
            self.send(&end);
        }
        self.lines = None;
        let doing = format!("cannot write {}", self.path.display());
        match self.done.recv_timeout(END_LIMIT) {
            Ok(written) => {
                if let Some(thread) = self.thread.take() {
                    // It has said how it ended.
                    let _ = thread.join();
                }
                match written {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(self.left_out),
                    written => written.map(|()| self.left_out).map_err(at(doing)),
                }
            }
            // The thread ends with the program.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let waiting = self.sent.saturating_sub(self.written.load(Ordering::Relaxed));
                Ok(self.left_out + waiting)
            }
        }
    }
}

/// Writes lines until there are no more.
fn write(path: &Path, lines: &Receiver<String>, count: &AtomicU64) -> io::Result<()> {
    let mut out: Box<dyn Write> = if is_stdout(path) {
        Box::new(io::stdout())
    } else {
        Box::new(OpenOptions::new().create(true).write(true).truncate(true).open(path)?)
    };
    for line in lines {
        out.write_all(line.as_bytes())?;
        out.flush()?;
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The last whole second as an object.
fn second(live: &LiveFigures, time: &str) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("schema_version", json!(STREAM_SCHEMA));
    put("event", json!("second"));
    put("time", json!(time));
    put("scenario", json!(live.scenario));
    put("case", json!(live.place.0));
    put("cases", json!(live.place.1));
    if let Some(info) = &live.info {
        put("series", json!(info.series));
        put("transport", json!(info.transport));
        put("clients", json!(info.clients));
    }
    put("stage", json!(live.stage));
    put("clients_connected", json!(live.progress.connected));
    if let Some(second) = &live.second {
        let counts = &second.totals.counts;
        put("second", json!(second.second));
        put("phases", second.phases.iter().map(|phase| json!(phase.name())).collect());
        put("turns", json!(counts.turns));
        put("completed", json!(counts.completed));
        put("messages", json!(counts.messages));
        put("faults", json!(counts.faults));
        put("wire_bytes_up", json!(second.totals.ledger.up.wire.get()));
        put("wire_bytes_down", json!(second.totals.ledger.down.wire.get()));
        for (part, up, down) in parts(&second.totals) {
            put(&format!("{}_up", part.layer_name()), json!(up));
            put(&format!("{}_down", part.layer_name()), json!(down));
        }
        for (metric, latency) in SHOWN.into_iter().zip(second.latencies) {
            let name = latency_name(metric);
            put(&format!("{name}_p50"), json!(latency.p50_us));
            put(&format!("{name}_p90"), json!(latency.p90_us));
            put(&format!("{name}_p99"), json!(latency.p99_us));
            put(&format!("{name}_max"), json!(latency.max_us));
            put(&format!("{}_count", metric.name()), json!(latency.count));
        }
    }
    let limit = |state: &crate::gate::limit::LimitState| json!({ "limit": state.what, "decision": state.decision.name(), "text": state.text });
    put("limits", live.limits.iter().map(limit).collect());
    Value::Object(object)
}

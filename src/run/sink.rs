//! Where a run's lines go: into the result file, and into the same result in memory.
//!
//! Windows of threads are merged second by second as they come, written as one row and forgotten, so
//! that a run of any length, with any number of workers, takes the same memory.

use crate::error::Outcome;
use crate::protocol::http1::answer_text::TEXT_LIMIT;
use crate::record::{ClientErrorKind, Latency, Refusal, Window};
use crate::result::file::{LatencyLine, Line, SecondLine, WindowLine, Writer, absorb};
use crate::result::{Header, RunResult};
use crate::run::client_secrets::ClientSecrets;
use crate::secret;
use std::collections::BTreeMap;
use std::path::Path;

/// Seconds that wait for windows of slow threads. A window that comes still later has a row of its
/// own.
const MOST_OPEN: usize = 3;
/// Rows before the first line of whole histograms. Such a line takes as much room as eighty rows, and so
/// each of them is followed by twice as many rows as the one before, up to [`MOST_ROWS`]: after a kill,
/// coarse histograms stand in for those of the first two minutes, of at most half of the seconds, and of
/// about an hour.
const FIRST_ROWS: u32 = 120;
const MOST_ROWS: u32 = 32 * FIRST_ROWS;
/// The reason of a Close of so many bytes may have been cut by the server: 123 are allowed (RFC 6455
/// §5.5), and it ends at a character.
const CUT_REASON_BYTES: usize = 120;

/// The result file, and the same result in memory.
pub(crate) struct ResultSink {
    writer: Writer,
    /// What came, but for the time series, of which it has places in the file.
    pub result: RunResult,
    open: OpenSeconds,
    /// Those of the clients of the case that runs.
    clients: ClientSecrets,
    /// Seconds that were written since they were last taken.
    closed: Vec<(u32, Window)>,
}

/// Takes the secrets out of what processes and servers said.
fn redact(line: &mut Line, clients: &mut ClientSecrets) {
    match line {
        Line::Driver(end) => {
            end.heads.iter_mut().for_each(|head| clients.redact_head(head));
            end.refusals.iter_mut().for_each(|refusal| redact_refusal(refusal, clients));
        }
        Line::Server(end) => {
            end.unknown.iter_mut().chain(&mut end.runs_on_as).for_each(secret::redact_string);
        }
        Line::Case(end) => {
            end.stopped.iter_mut().for_each(secret::redact_string);
            end.lost.iter_mut().for_each(|lost| secret::redact_string(&mut lost.how));
        }
        // Figures, and a plan that was redacted when it was made.
        Line::Header(_) | Line::Window(_) | Line::Second(_) | Line::Latency(_) | Line::End(_) => {}
    }
}

/// Takes the secrets out of what an answer said, of which only the beginning may be there.
fn redact_refusal(refusal: &mut Refusal, clients: &mut ClientSecrets) {
    let closed = refusal.error.kind == ClientErrorKind::EarlyClose;
    let most_body = if closed { CUT_REASON_BYTES } else { TEXT_LIMIT };
    for (text, most) in [
        (&mut refusal.location, TEXT_LIMIT),
        (&mut refusal.media_type, TEXT_LIMIT),
        (&mut refusal.coding, TEXT_LIMIT),
        (&mut refusal.body, most_body),
    ] {
        let cut = text.len() >= most;
        clients.redact_answer(refusal.client, text, cut);
    }
}

/// The seconds of the case that runs, of which not every thread has sent its window.
#[derive(Default)]
struct OpenSeconds {
    case: u32,
    /// Threads, each of which sends a window a second.
    threads: usize,
    seconds: BTreeMap<u32, OpenSecond>,
    /// Latencies of the rows since the last whole histograms.
    latency: Latency,
    rows: u32,
    /// How many rows there are to be before those are written; 0 for the first time.
    wanted_rows: u32,
}

#[derive(Default)]
struct OpenSecond {
    window: Window,
    /// Windows that it consists of.
    parts: usize,
}

impl OpenSeconds {
    /// Adds a window.
    fn add(&mut self, second: u32, window: &Window) {
        let open = self.seconds.entry(second).or_default();
        open.window.add(window);
        open.parts += 1;
    }
    /// Takes the first second if it is complete, or if too many are open.
    fn take_closed(&mut self) -> Option<(u32, Window)> {
        let first = self.seconds.first_entry()?;
        let complete = first.get().parts >= self.threads;
        let closed = complete || self.seconds.len() > MOST_OPEN;
        if closed { self.take_first() } else { None }
    }
    fn take_first(&mut self) -> Option<(u32, Window)> {
        self.seconds.pop_first().map(|(second, open)| (second, open.window))
    }
}

impl ResultSink {
    /// Creates the file, with its header.
    ///
    /// # Errors
    /// If the file cannot be made or written.
    pub(crate) fn create(path: &Path, header: Header) -> Outcome<ResultSink> {
        let writer = Writer::create(path, &header)?;
        let open = OpenSeconds::default();
        let clients = ClientSecrets::default();
        let closed = Vec::new();
        Ok(ResultSink { writer, result: RunResult::new(header), open, clients, closed })
    }

    /// Begins a case whose drivers have so many threads, and whose clients have these secrets.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn begin_case(
        &mut self,
        case: u32,
        threads: usize,
        clients: ClientSecrets,
    ) -> Outcome<()> {
        self.close_seconds()?;
        self.clients = clients;
        self.open = OpenSeconds { case, threads, ..OpenSeconds::default() };
        Ok(())
    }

    /// Adds a line. A window is written once its second is complete.
    ///
    /// # Errors
    /// If the file cannot be written, or a window's histogram cannot be read.
    pub(crate) fn write(&mut self, mut line: Line) -> Outcome<()> {
        redact(&mut line, &mut self.clients);
        match line {
            Line::Window(line) => self.add_window(&line),
            Line::Case(_) | Line::End(_) => {
                self.close_seconds()?;
                self.write_line(line)
            }
            other => self.write_line(other),
        }
    }

    fn write_line(&mut self, line: Line) -> Outcome<()> {
        self.writer.write(&line)?;
        absorb(&mut self.result, line);
        Ok(())
    }

    fn add_window(&mut self, line: &WindowLine) -> Outcome<()> {
        let window = line.window().map_err(crate::error::Failure::run)?;
        self.result.cases.entry(self.open.case).or_default().total.add(&window);
        self.open.add(line.second, &window);
        while let Some((second, window)) = self.open.take_closed() {
            self.write_second(second, window)?;
        }
        if self.open.rows < self.open.wanted_rows.max(FIRST_ROWS) {
            return Ok(());
        }
        self.open.wanted_rows = (2 * self.open.rows).min(MOST_ROWS);
        self.write_latency()
    }

    /// Writes the seconds that are open, complete or not, and the whole histograms.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn close_seconds(&mut self) -> Outcome<()> {
        while let Some((second, window)) = self.open.take_first() {
            self.write_second(second, window)?;
        }
        self.write_latency()
    }

    /// Takes the seconds that were written since the last call, in their order.
    pub(crate) fn take_closed(&mut self) -> Vec<(u32, Window)> {
        std::mem::take(&mut self.closed)
    }

    fn write_second(&mut self, second: u32, window: Window) -> Outcome<()> {
        if window.is_empty() {
            return Ok(());
        }
        let case = self.open.case;
        let place = self.writer.write_second(SecondLine::new(case, second, &window))?;
        self.result.cases.entry(case).or_default().seconds.note(place);
        self.open.latency.add(&window.latency);
        self.open.rows += 1;
        self.closed.push((second, window));
        Ok(())
    }

    fn write_latency(&mut self) -> Outcome<()> {
        let line = LatencyLine::new(self.open.case, &self.open.latency);
        self.open.rows = 0;
        if line.histograms.is_empty() {
            return Ok(());
        }
        self.open.latency.reset();
        self.writer.write(&Line::Latency(Box::new(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Metric, Phase, Recorder};
    use crate::result::SCHEMA;
    use crate::result::file::{each_second, read};
    use std::fs;
    use std::path::PathBuf;

    /// A file in a folder of its own.
    struct World(tempfile::TempDir);

    impl World {
        fn new() -> World {
            World(tempfile::tempdir().expect("a folder"))
        }
        fn path(&self) -> PathBuf {
            self.0.path().join("result.jsonl")
        }
        fn sink(&self, threads: usize) -> ResultSink {
            let header = Header {
                schema: SCHEMA.to_owned(),
                name: "x".to_owned(),
                plan_hash: "h".to_owned(),
                ..Header::default()
            };
            let mut sink = ResultSink::create(&self.path(), header).expect("a file");
            sink.begin_case(7, threads, ClientSecrets::default()).expect("a case");
            sink
        }
        fn lines(&self, kind: &str) -> Vec<String> {
            let text = fs::read_to_string(self.path()).expect("a file");
            let start = format!("{{\"{kind}\":");
            text.lines().filter(|line| line.starts_with(&start)).map(str::to_owned).collect()
        }
    }

    /// A second of a busy thread: every metric, over six orders of magnitude.
    fn line(shard: u32, second: u32) -> Line {
        let mut recorder = Recorder::default();
        let cell = recorder.at(Phase::Steady);
        cell.counts.turns = 10_000;
        cell.counts.completed = 10_000;
        cell.counts.messages = 9_000;
        cell.ledger.up.wire += 7_000_000;
        cell.ledger.down.wire += 2_000_000;
        for metric in Metric::ALL {
            let value = |n: u64| 1_000 + n.pow(3) * 7 + u64::from(second + 3 * shard);
            (0..500).for_each(|n| recorder.latency(Phase::Steady, metric, value(n)));
        }
        Line::Window(Box::new(recorder.take(|w| WindowLine::new(7, shard, second, w))))
    }

    #[test]
    fn a_row_a_second_is_written_whatever_the_number_of_threads() {
        for threads in [1, 4] {
            let world = World::new();
            let mut sink = world.sink(threads as usize);
            for second in 0..120 {
                (0..threads).for_each(|shard| sink.write(line(shard, second)).expect("a line"));
                // Complete, so nothing waits, and it is in the file.
                assert!(sink.open.seconds.is_empty());
                assert_eq!(world.lines("second").len(), second as usize + 1);
            }
            sink.close_seconds().expect("the rest");
            let size = fs::metadata(world.path()).expect("a file").len();
            assert!(size / 120 < 3_000, "{} bytes a second of {threads} threads", size / 120);
            let result = read(&world.path()).expect("a result");
            assert_eq!(result, sink.result);
            let steady = result.cases[&7].total.phases.steady;
            assert_eq!(steady.counts.turns, 120 * 10_000 * u64::from(threads));
        }
    }

    #[test]
    fn whole_histograms_are_written_more_and_more_rarely() {
        let world = World::new();
        let mut sink = world.sink(1);
        let lines_after = |seconds: std::ops::Range<u32>, sink: &mut ResultSink| {
            seconds.for_each(|second| sink.write(line(0, second)).expect("a line"));
            world.lines("latency").len()
        };
        let [first, second, third] = [FIRST_ROWS, 3 * FIRST_ROWS, 7 * FIRST_ROWS];
        assert_eq!(lines_after(0..first - 1, &mut sink), 0);
        assert_eq!(lines_after(first - 1..first, &mut sink), 1);
        assert_eq!(lines_after(first..second - 1, &mut sink), 1);
        assert_eq!(lines_after(second - 1..third - 1, &mut sink), 2);
        assert_eq!(lines_after(third - 1..third, &mut sink), 3);
        sink.close_seconds().expect("the rest");
        assert_eq!(read(&world.path()).expect("a result"), sink.result);
    }

    #[test]
    fn slow_and_lost_threads_do_not_make_seconds_wait_for_ever() {
        let world = World::new();
        let mut sink = world.sink(2);
        // The other thread is gone.
        for second in 0..50 {
            sink.write(line(0, second)).expect("a line");
            assert!(sink.open.seconds.len() <= MOST_OPEN);
        }
        // It comes back with what it had.
        sink.write(line(1, 10)).expect("a line");
        assert!(sink.open.seconds.len() <= MOST_OPEN);
        sink.close_seconds().expect("the rest");
        assert_eq!(world.lines("second").len(), 51);
        let result = read(&world.path()).expect("a result");
        assert_eq!(result, sink.result);
        let mut turns = Vec::new();
        let rows = |second, row: &crate::result::SecondRow| {
            turns.push((second, row.phases.steady.counts.turns));
            Ok(())
        };
        each_second(&result.cases[&7].seconds, rows).expect("it reads");
        let all: Vec<_> = (0..50).map(|n| (n, if n == 10 { 20_000 } else { 10_000 })).collect();
        assert_eq!(turns, all);
    }

    #[test]
    fn a_run_that_was_killed_keeps_every_latency_some_coarsely() {
        let world = World::new();
        let mut sink = world.sink(1);
        let seconds = FIRST_ROWS + 20;
        (0..seconds).for_each(|second| sink.write(line(0, second)).expect("a line"));
        assert_eq!(world.lines("latency").len(), 1);
        // Nothing more is written, and the last line was cut.
        let mut text = fs::read(world.path()).expect("a file");
        text.extend_from_slice(b"{\"latency\":{\"case\":7,\"histog");
        fs::write(world.path(), text).expect("a file");
        let cut = read(&world.path()).expect("a result");
        let of = |result: &RunResult| {
            let latency = &result.cases[&7].total.latency;
            let histogram = latency.of(Metric::DeliveryLatency).expect("it was recorded").clone();
            (histogram.len(), histogram.value_at_quantile(0.5) as f64)
        };
        let ((is, median), (was, whole)) = (of(&cut), of(&sink.result));
        assert_eq!(is, was);
        assert!((median / whole - 1.0).abs() < 1.0 / 32.0 + 0.002, "{median} for {whole}");
        sink.close_seconds().expect("the rest");
    }
}

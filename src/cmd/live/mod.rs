//! What is shown and written while a run goes on: lines in place on a terminal, plain lines elsewhere, an
//! object a second, and an address that Prometheus can ask.
//!
//! All of it is made once a second from a second that is recorded whole, in the process that coordinates: no
//! client waits for it.

mod dashboard;
mod figures;
mod metrics;
mod stream;

use crate::cli::{LiveArgs, When};
use crate::cmd::console::{note, warn};
use crate::cmd::files::now_text;
use crate::cmd::run::progress::RunProgress;
use crate::error::Outcome;
use crate::gate::limit::{Limit, LimitWatch};
use crate::os;
use crate::report::Table;
use crate::result::RunResult;
use crate::run::{Inspection, RunEvent};
use dashboard::Dashboard;
use figures::{LiveFigures, SharedFigures, lock};
use metrics::MetricsEndpoint;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stream::FigureStream;

/// Between two looks at where limits stand: each derives every figure of the case.
const LIMITS_EVERY: Duration = Duration::from_secs(5);
/// Between two drawings.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// How a run is shown on standard error.
enum Display {
    /// Lines in place.
    Board(Dashboard, Option<Instant>),
    /// A plain line for each case, or nothing.
    Plain(RunProgress),
}

/// Everything that is shown and written while a run goes on.
pub(super) struct Live {
    figures: SharedFigures,
    display: Display,
    stream: Option<FigureStream>,
    /// Kept until the run is over.
    endpoint: Option<MetricsEndpoint>,
    limits: LimitWatch,
    looked: Option<Instant>,
    /// Whether anybody sees the figures, and where limits stand.
    is_watched: bool,
}

/// Whether a run's text cannot go to standard output, as the objects do.
pub(super) fn takes_stdout(args: &LiveArgs) -> bool {
    args.stream.as_deref().is_some_and(stream::is_stdout)
}

impl Live {
    /// Begins. What is asked for and impossible is found before the run.
    ///
    /// # Errors
    /// If the file of the stream cannot be written, or nobody can listen at the address.
    pub(super) async fn start(
        args: &LiveArgs,
        quiet: bool,
        scenario: &str,
        limits: &[Limit],
    ) -> Outcome<Live> {
        let figures = Arc::new(Mutex::new(LiveFigures::new(scenario)));
        let endpoint = match args.metrics {
            Some(address) => Some(MetricsEndpoint::start(address, figures.clone()).await?),
            None => None,
        };
        if let Some(endpoint) = endpoint.as_ref().filter(|_| !quiet) {
            note(format_args!("metrics: http://{}/metrics", endpoint.address));
        }
        let stream = args.stream.as_deref().map(FigureStream::open).transpose()?;
        let display = if !quiet && has_board(args.live) {
            Display::Board(Dashboard::new(), None)
        } else {
            Display::Plain(RunProgress::plain(quiet))
        };
        let is_watched =
            stream.is_some() || endpoint.is_some() || matches!(display, Display::Board(..));
        let limits = LimitWatch::of_all(if is_watched { limits } else { &[] });
        Ok(Live { figures, display, stream, endpoint, limits, looked: None, is_watched })
    }

    /// Shows what the run says.
    pub(super) fn show(&mut self, news: RunEvent) {
        if self.is_watched {
            lock(&self.figures).absorb(&news);
        }
        if matches!(news, RunEvent::Second { .. })
            && let Some(stream) = &mut self.stream
        {
            stream.second(&lock(&self.figures), &now_text());
        }
        match &mut self.display {
            Display::Plain(progress) => progress.show(news),
            Display::Board(board, _) if matches!(news, RunEvent::Warning(_)) => {
                let RunEvent::Warning(word) = news else { return };
                board.above(|| warn(word));
            }
            Display::Board(board, drawn) => {
                if drawn.is_none_or(|at| at.elapsed() >= DRAW_EVERY) {
                    *drawn = Some(Instant::now());
                    let live = lock(&self.figures);
                    board.draw(&live, os::terminal_width(std::io::stderr()).unwrap_or(80));
                }
            }
        }
    }

    /// Looks where limits stand, if it is time to.
    pub(super) fn look(&mut self, result: &RunResult, look: Inspection) {
        let is_over = look.measured_ns.is_none();
        let is_due = is_over || self.looked.is_none_or(|at| at.elapsed() >= LIMITS_EVERY);
        if !self.is_watched || !is_due {
            return;
        }
        self.looked = Some(Instant::now());
        let states = self.limits.states(result, look.case, is_over);
        lock(&self.figures).set_limits(states, is_over);
    }

    /// Removes what was drawn: what follows is written below the command line.
    pub(super) fn clear(&mut self) {
        match &mut self.display {
            Display::Plain(progress) => progress.clear(),
            Display::Board(board, _) => board.clear(),
        }
    }

    /// Ends what was written, with what the run came to.
    ///
    /// # Errors
    /// If the file of the stream could not be written.
    pub(super) fn end(mut self, table: Option<&Table>) -> Outcome<()> {
        self.clear();
        // Nobody can ask any more.
        drop(self.endpoint.take());
        let Some(stream) = self.stream.take() else { return Ok(()) };
        let left_out = stream.end(table, &now_text())?;
        if left_out > 0 {
            warn(format_args!(
                "--stream: {left_out} objects were left out, since its reader was too slow"
            ));
        }
        Ok(())
    }
}

/// Whether lines are drawn in place.
fn has_board(when: When) -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => std::io::stderr().is_terminal() && !is_dumb,
    }
}

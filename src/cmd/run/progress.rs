//! What is shown on standard error during a run: on a terminal one line that changes, elsewhere a
//! plain line for each case.

use crate::cmd::console::{note, warn};
use crate::run::{ClientProgress, RunEvent};
use crate::units::{human_ns, thousands};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shows a run.
pub(crate) struct RunProgress {
    bar: ProgressBar,
    plain: bool,
    heading: String,
    case: String,
    clients: u64,
    stage: (&'static str, u64, Instant),
    events: (u64, Instant),
    rate: f64,
}

impl RunProgress {
    /// Shows on standard error, or nothing if it is to be quiet.
    pub(crate) fn new(quiet: bool) -> RunProgress {
        RunProgress::on(std::io::stderr().is_terminal(), quiet)
    }

    /// Shows plain lines whatever standard error is, or nothing.
    pub(crate) fn plain(quiet: bool) -> RunProgress {
        RunProgress::on(false, quiet)
    }

    fn on(terminal: bool, quiet: bool) -> RunProgress {
        let target = if quiet || !terminal {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(5)
        };
        let bar = ProgressBar::with_draw_target(None, target);
        // A fixed template that parses.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        RunProgress {
            bar,
            plain: !quiet && !terminal,
            heading: String::new(),
            case: String::new(),
            clients: 0,
            stage: ("", 0, Instant::now()),
            events: (0, Instant::now()),
            rate: 0.0,
        }
    }

    /// Puts something before every line: which run of several this is.
    pub(crate) fn set_heading(&mut self, heading: String) {
        self.bar.set_message(heading.clone());
        self.bar.tick();
        self.heading = heading + " ";
    }

    /// Shows what the run reports.
    pub(crate) fn show(&mut self, news: RunEvent) {
        match news {
            RunEvent::Case { place, of, info } => {
                let clients = thousands(info.clients.into());
                let heading = &self.heading;
                self.case = format!("{heading}[{place}/{of}] {}, {clients} clients", info.series);
                self.clients = info.clients.into();
                self.events = (0, Instant::now());
                self.rate = 0.0;
                if self.plain {
                    note(&self.case);
                }
            }
            RunEvent::Stage { name, length_ns } => {
                self.stage = (name, length_ns, Instant::now());
                self.bar.set_message(format!("{}: {name}", self.case));
                self.bar.tick();
            }
            RunEvent::Progress(progress) => self.show_progress(progress),
            RunEvent::Second { .. } => {}
            RunEvent::Warning(word) => self.bar.suspend(|| warn(word)),
        }
    }

    fn show_progress(&mut self, progress: ClientProgress) {
        let ClientProgress { connected, failed, events, faults } = progress;
        let (before, since) = self.events;
        let elapsed = since.elapsed();
        if elapsed >= Duration::from_millis(500) {
            self.rate = events.saturating_sub(before) as f64 / elapsed.as_secs_f64();
            self.events = (events, Instant::now());
        }
        let (name, length_ns, began) = self.stage;
        let mut text = format!(
            "{}: {name}, {} of {} connected, {}/s",
            self.case,
            thousands(connected),
            thousands(self.clients),
            thousands(self.rate as u64)
        );
        let left = (length_ns as f64) - began.elapsed().as_nanos() as f64;
        if length_ns > 0 && left > 0.0 {
            text.push_str(&format!(", {} left", human_ns(left)));
        }
        if failed + faults > 0 {
            text.push_str(&format!(", {} errors", thousands(failed + faults)));
        }
        self.bar.set_message(text);
        self.bar.tick();
    }

    /// Removes the line.
    pub(crate) fn clear(&mut self) {
        self.bar.finish_and_clear();
    }
}

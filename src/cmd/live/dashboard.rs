//! `--live`: a few lines on standard error that are drawn again in place.
//!
//! ratatui lays them out; nothing is asked of the terminal, so that there is nothing to restore but the lines
//! themselves, whatever ends the program.

use super::figures::{LiveFigures, LiveLatency, SHOWN};
use crate::cmd::console::escape;
use crate::record::{Metric, Part, PhaseTotals};
use crate::report::finding::Decision;
use crate::secret::redact_document;
use crate::units::{human_bytes, human_ns, human_us, thousands};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline, Widget};
use std::fmt::Write as _;
use std::io::{self, Write};

/// The widest and the narrowest that it is drawn.
const WIDTHS: (u16, u16) = (100, 20);
/// Room for the names of lines.
const NAMES: u16 = 10;
/// Below this width, lines are shorter.
const WIDE: u16 = 72;

/// Lines that are drawn in place.
pub(super) struct Dashboard {
    /// Whether colours and weights are used.
    styled: bool,
    /// Lines that are there.
    drawn: u16,
}

impl Dashboard {
    pub(super) fn new() -> Dashboard {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Dashboard { styled: !no_colour, drawn: 0 }
    }

    /// Draws a run in place of what was drawn before. A terminal that is gone is no error.
    pub(super) fn draw(&mut self, live: &LiveFigures, width: u16) {
        let text = self.frame(&render(live, width));
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Writes something above the lines.
    pub(super) fn above(&mut self, write: impl FnOnce()) {
        self.clear();
        write();
    }

    /// Removes the lines.
    pub(super) fn clear(&mut self) {
        let text = self.erase();
        if !text.is_empty() {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
        self.drawn = 0;
    }

    /// Returns what moves to the beginning of the lines and removes them (ECMA-48: CPL, ED).
    fn erase(&self) -> String {
        match self.drawn {
            0 => String::new(),
            lines => format!("\u{1b}[{lines}F\u{1b}[J"),
        }
    }

    /// Returns what draws a buffer in place of the last one.
    fn frame(&mut self, buffer: &Buffer) -> String {
        let mut out = self.erase();
        for y in 0..buffer.area.height {
            out.push_str(&line(buffer, y, self.styled));
            out.push('\n');
        }
        self.drawn = buffer.area.height;
        out
    }
}

/// A line of a buffer with what sets its styles (ECMA-48: SGR), without blanks at its end.
fn line(buffer: &Buffer, y: u16, styled: bool) -> String {
    let mut out = String::new();
    let mut last = String::new();
    let cells: Vec<_> = (0..buffer.area.width).map(|x| &buffer[(x, y)]).collect();
    let end = cells.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |at| at + 1);
    for cell in &cells[..end] {
        let style = if styled { sgr(cell.style()) } else { String::new() };
        if style != last {
            let _ = write!(out, "\u{1b}[0{style}m");
            last = style;
        }
        out.push_str(cell.symbol());
    }
    if !last.is_empty() {
        out.push_str("\u{1b}[0m");
    }
    out
}

fn sgr(style: Style) -> String {
    let mut out = String::new();
    if style.add_modifier.contains(Modifier::BOLD) {
        out.push_str(";1");
    }
    if style.add_modifier.contains(Modifier::DIM) {
        out.push_str(";2");
    }
    match style.fg {
        Some(Color::Red) => out.push_str(";31"),
        Some(Color::Green) => out.push_str(";32"),
        Some(Color::Cyan) => out.push_str(";36"),
        _ => {}
    }
    out
}

/// A line: its name, and what is behind it.
type NamedLine = (&'static str, Line<'static>);

/// Lays a run out for a terminal of this width.
fn render(live: &LiveFigures, width: u16) -> Buffer {
    // The last column stays free: a terminal may wrap behind it.
    let width = width.saturating_sub(1).clamp(WIDTHS.1, WIDTHS.0);
    let wide = width >= WIDE;
    let lines = lines(live, wide);
    let height = lines.len() as u16 + 1;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    Paragraph::new(heading(live, wide)).render(Rect::new(0, 0, width, 1), &mut buffer);
    let dim = Style::new().add_modifier(Modifier::DIM);
    for (n, (name, text)) in lines.into_iter().enumerate() {
        let y = n as u16 + 1;
        let names = if wide { NAMES } else { 0 };
        if wide {
            let name = Line::from(Span::styled(name, dim));
            Paragraph::new(name).render(Rect::new(0, y, names, 1), &mut buffer);
        }
        let used = text.width() as u16;
        Paragraph::new(text).render(Rect::new(names, y, width - names, 1), &mut buffer);
        let free = width.saturating_sub(names + used + 2);
        if name == "rate" && free >= 8 && live.rates.len() > 1 {
            let area = Rect::new(names + used + 2, y, free.min(40), 1);
            let skipped = live.rates.len().saturating_sub(area.width.into());
            let rates: Vec<u64> = live.rates.iter().skip(skipped).copied().collect();
            Sparkline::default()
                .data(&rates)
                .style(Style::new().fg(Color::Cyan))
                .render(area, &mut buffer);
        }
    }
    buffer
}

/// A text of a scenario or server, as a terminal may have it.
fn safe(text: &str) -> String {
    escape(&redact_document(text)).replace(['\n', '\t'], " ")
}

fn heading(live: &LiveFigures, wide: bool) -> Line<'static> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let (place, of) = live.place;
    let mut text = match &live.info {
        Some(info) => {
            let clients = thousands(info.clients.into());
            format!("[{place}/{of}] {}, {clients} clients", safe(&info.series))
        }
        None => safe(&live.scenario),
    };
    if wide && let Some(share) = live.share_done() {
        let _ = write!(text, " · {} {:.0} %", live.stage, share * 100.0);
    } else {
        let _ = write!(text, " · {}", live.stage);
    }
    if let Some(left) = live.left() {
        let seconds = left.as_secs_f64().ceil();
        let _ = write!(text, ", {} left", human_ns(seconds * 1e9));
    }
    Line::from(Span::styled(text, bold))
}

fn lines(live: &LiveFigures, wide: bool) -> Vec<NamedLine> {
    let clients = live.info.as_ref().map_or(0, |info| u64::from(info.clients));
    let connected = thousands(live.progress.connected);
    let mut out: Vec<NamedLine> =
        vec![("clients", format!("{connected} of {} connected", thousands(clients)).into())];
    let Some(second) = &live.second else {
        return out;
    };
    let totals = &second.totals;
    out.push(("rate", format!("{} messages/s", thousands(totals.counts.completed)).into()));
    for (metric, latency) in SHOWN.into_iter().zip(second.latencies) {
        if metric.is_headline() && latency.count > 0 {
            let what = if metric == Metric::DeliveryLatency { "delivery" } else { "response" };
            out.push(("latency", Line::from(percentiles(what, latency, wide))));
        }
    }
    out.push(("bytes/s", bytes(totals, wide).into()));
    let lag = SHOWN.into_iter().zip(second.latencies).filter(|(metric, _)| !metric.is_headline());
    let lag: Vec<String> = lag
        .filter(|(_, latency)| latency.count > 0)
        .map(|(metric, latency)| {
            let what = if metric == Metric::DriverLag { "lag" } else { "probes" };
            format!("{what} p99 {}", time(latency.p99_us.or(latency.max_us)))
        })
        .collect();
    if !lag.is_empty() {
        let before = if wide { "" } else { "driver " };
        out.push(("driver", format!("{before}{}", lag.join(", ")).into()));
    }
    let faults = live.progress.failed + live.progress.faults;
    if faults > 0 {
        let red = Style::new().fg(Color::Red);
        let text = format!("{}{}", thousands(faults), if wide { "" } else { " errors" });
        out.push(("errors", Line::from(Span::styled(text, red))));
    }
    if let Some(line) = limits(live, wide) {
        out.push(("limits", line));
    }
    out
}

fn time(us: Option<f64>) -> String {
    us.map_or_else(|| "-".to_owned(), human_us)
}

fn percentiles(what: &str, latency: LiveLatency, wide: bool) -> String {
    let LiveLatency { p50_us, p90_us, p99_us, max_us, .. } = latency;
    if wide {
        let [p50, p90, p99, max] = [p50_us, p90_us, p99_us, max_us].map(time);
        format!("{what} p50 {p50}, p90 {p90}, p99 {p99}, max {max}")
    } else {
        format!("{what} p50 {}, p99 {}", time(p50_us), time(p99_us.or(max_us)))
    }
}

fn bytes(totals: &PhaseTotals, wide: bool) -> String {
    let ledger = &totals.ledger;
    let both = |part: Part| ledger.up[part] + ledger.down[part];
    let wire = ledger.up.wire.get() + ledger.down.wire.get();
    if !wide {
        return format!("socket {}/s", human_bytes(wire as f64));
    }
    let shown = Part::ALL.iter().filter(|part| both(**part) > 0);
    let shown = shown.map(|part| format!("{} {}", part.name(), human_bytes(both(*part) as f64)));
    let parts: Vec<String> = shown.collect();
    format!("socket {} = {}", human_bytes(wire as f64), parts.join(" + "))
}

fn limits(live: &LiveFigures, wide: bool) -> Option<Line<'static>> {
    let (kept, decided) = live.limits_kept();
    if decided == 0 {
        return None;
    }
    let failed = live.limits.iter().find(|state| state.decision == Decision::Fail);
    let colour = if failed.is_some() { Color::Red } else { Color::Green };
    let mut text =
        format!("{kept} of {decided} {}", if wide { "hold so far" } else { "limits hold" });
    if let Some(state) = failed.filter(|_| wide) {
        let _ = write!(text, "; {}", safe(&state.text));
    }
    Some(Line::from(Span::styled(text, Style::new().fg(colour))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::limit::LimitState;
    use crate::record::{Phase, Recorder, Window};
    use crate::run::{ClientProgress, RunEvent};

    fn live() -> LiveFigures {
        let mut live = LiveFigures::new("quick");
        let info = serde_json::json!({
            "case": 0, "series": "a\u{1b}[31m", "transport": "websocket", "clients": 10_000, "repeat": 0,
            "floor": false, "paced": false, "interval_ns": 0, "may_stretch": false,
            "feed_rate_hz": 1.0, "payload_bytes": 21, "duration_ns": 1_000_000_000u64,
            "bundled_server": true,
        });
        let info = serde_json::from_value(info).expect("it has each field");
        live.absorb(&RunEvent::Case { place: 2, of: 6, info: Box::new(info) });
        live.absorb(&RunEvent::Progress(ClientProgress { connected: 9_999, ..<_>::default() }));
        let mut recorder = Recorder::default();
        let steady = recorder.at(Phase::Steady);
        steady.counts.completed = 10_000;
        steady.ledger.down.wire += 230_000;
        steady.ledger.down[Part::Payload] += 210_000;
        steady.ledger.down[Part::Framing] += 20_000;
        (1..=1_000)
            .for_each(|n| recorder.latency(Phase::Steady, Metric::DeliveryLatency, n * 1_000));
        let window = recorder.take(Window::clone);
        for second in 0..3 {
            live.absorb(&RunEvent::Second { second, window: Box::new(window.clone()) });
        }
        let state = |decision| LimitState {
            what: format!("{decision:?}"),
            decision,
            text: "it is 3 B".to_owned(),
        };
        live.set_limits(vec![state(Decision::Pass), state(Decision::Fail)], false);
        live
    }

    fn shown(width: u16) -> String {
        let buffer = render(&live(), width);
        (0..buffer.area.height).map(|y| line(&buffer, y, false) + "\n").collect()
    }

    #[test]
    fn a_run_is_shown_on_wide_and_narrow_terminals() {
        insta::assert_snapshot!(shown(100), @r"
        [2/6] a\u001b[31m, 10,000 clients · starting
        clients   9,999 of 10,000 connected
        rate      10,000 messages/s  ███
        latency   delivery p50 500 µs, p90 900 µs, p99 990 µs, max 1 ms
        bytes/s   socket 230 kB = payload 210 kB + framing 20 kB
        limits    1 of 2 hold so far; it is 3 B
        ");
        insta::assert_snapshot!(shown(40), @r"
        [2/6] a\u001b[31m, 10,000 clients · sta
        9,999 of 10,000 connected
        10,000 messages/s  ███
        delivery p50 500 µs, p99 990 µs
        socket 230 kB/s
        1 of 2 limits hold
        ");
        for width in [0, 1, 20, 21, 71, 72, 73, 500] {
            let widest = shown(width).lines().map(|line| line.chars().count()).max();
            assert!(widest.unwrap_or(0) < usize::from(width.clamp(22, 101)), "{width}");
        }
    }

    #[test]
    fn frames_replace_each_other_and_without_colour_there_is_none() {
        let mut board = Dashboard { styled: false, drawn: 0 };
        let buffer = render(&live(), 80);
        let first = board.frame(&buffer);
        assert!(!first.contains('\u{1b}'), "{first:?}");
        let lines = first.matches('\n').count();
        let second = board.frame(&buffer);
        assert_eq!(second, format!("\u{1b}[{lines}F\u{1b}[J{first}"));
        assert_eq!(board.erase(), format!("\u{1b}[{lines}F\u{1b}[J"));
        board.styled = true;
        assert!(board.frame(&buffer).contains("\u{1b}[0;1m"));
    }
}

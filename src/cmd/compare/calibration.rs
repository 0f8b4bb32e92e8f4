//! The text of `wsbench calibrate`: the noise of pairs of runs.
//!
//! Separate from `report::judgement`: a calibration judges nothing.

use crate::cmd::table::{Cells, append_columns, head};
use crate::gate::noise::Noise;
use crate::report::Figure;
use crate::report::finding::{ChangeScale, Decision, Judgement, Kind};
use crate::units;
use crate::units::{amount, thousands};
use std::fmt::Write as _;

/// Which test each column is about.
const TESTS: &str = "\
at N, decided from: by the signed-rank test of `wsbench compare --pairs N`, which made this calibration
by default from: by the test after every pair of a `wsbench compare` without --pairs
";

fn clients(clients: Option<u32>) -> String {
    clients.map_or_else(|| "-".to_owned(), |n| thousands(n.into()))
}

/// `+3.1 %`.
fn signed(share: f64) -> String {
    let sign = if share < 0.0 { "−" } else { "+" };
    format!("{sign}{}", percent(share.abs()))
}

fn percent(share: f64) -> String {
    format!("{} %", units::percent(share))
}

/// A size on the scale of a figure: `3.1 %`, `0.7` of its unit, which stands in a column of its own.
fn size(scale: ChangeScale, by: f64) -> String {
    match scale {
        ChangeScale::Relative => percent(by),
        ChangeScale::Difference => amount(by),
    }
}

/// A change on the scale of a figure: `+3.1 %`, `+0.7`.
fn change(scale: ChangeScale, by: f64) -> String {
    match scale {
        ChangeScale::Relative => signed(by),
        ChangeScale::Difference if by < 0.0 => amount(by),
        ChangeScale::Difference => format!("+{}", amount(by)),
    }
}

/// What is known of a figure, what it is below, or `-`.
fn known(figure: &Figure, text: impl Fn(f64) -> String) -> String {
    match figure.below() {
        Some(below) => format!("< {}", text(below as f64)),
        None => figure.value().map_or_else(|| "-".to_owned(), text),
    }
}

/// Renders a calibration.
pub(crate) fn render(noises: &[Noise], judgement: &Judgement) -> String {
    let mut out = format!("{}\n", judgement.title);
    if let Some(side) = judgement.sides.first() {
        let _ = writeln!(out, "  {}", side.about);
    }
    if let Some(first) = noises.first() {
        let figures = thousands(noises.len() as u64);
        let _ = writeln!(
            out,
            "\nNoise of pairs of runs, and the smallest change that so many pairs show ({figures} figures)"
        );
        let looks = first.detectable.len();
        let mut heads = head("series|clients|metric|unit|median|noise|drift");
        heads.extend(first.detectable.iter().map(|(pairs, _)| format!("at {pairs}")));
        heads.extend(head("margin|decided from|by default from|false alarm"));
        let rows: Vec<Cells> = std::iter::once(heads).chain(noises.iter().map(row)).collect();
        let right: Vec<usize> = (4..8 + looks).chain([1, 8 + looks, 9 + looks]).collect();
        append_columns(&mut out, &rows, &right);
        out.push_str(TESTS);
    }
    // What failed, other than false alarms.
    for finding in judgement.of(Decision::Fail).filter(|f| f.kind != Kind::Paired) {
        let subject = &finding.subject;
        let place = subject.clients.map_or_else(String::new, |_| {
            format!("{} at {} clients, ", subject.series, clients(subject.clients))
        });
        let _ = writeln!(out, "\nFAIL {place}{}: {}", subject.metric, finding.text);
    }
    if !judgement.notes.is_empty() {
        out.push_str("\nNotes\n");
    }
    for note in &judgement.notes {
        let _ = writeln!(out, "  - {note}");
    }
    let failures = noises.iter().filter(|n| n.false_alarm).count();
    let _ = writeln!(out, "\nFalse alarms: {failures} of {} figures", noises.len());
    out
}

fn row(noise: &Noise) -> Cells {
    let subject = &noise.subject;
    let mut row = vec![
        subject.series.clone(),
        clients(subject.clients),
        subject.metric.clone(),
        noise.unit.clone(),
        known(&noise.median, amount),
        known(&noise.sigma, |sigma| size(noise.scale, sigma)),
        known(&noise.drift, signed),
    ];
    let seen = noise.detectable.iter();
    row.extend(seen.map(|(_, seen)| known(seen, |by| change(noise.scale, by))));
    let needed = |needed: &Figure| {
        needed.value().map_or("never".to_owned(), |pairs| format!("{pairs} pairs"))
    };
    let is_false = if noise.false_alarm { "YES" } else { "no" };
    row.extend([
        size(noise.scale, noise.margin),
        needed(&noise.needed),
        needed(&noise.needed_by_default),
        is_false.to_owned(),
    ]);
    row
}

//! The text of `wsbench calibrate`: the noise of pairs of runs.
//!
//! Separate from `report::judgement`: a calibration judges nothing.

use crate::cmd::table::{append_columns, head};
use crate::gate::noise::Noise;
use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Judgement, Kind};
use crate::units;
use crate::units::{amount, thousands};
use std::fmt::Write as _;

fn decision_text(decision: Decision) -> String {
    decision.name().to_uppercase().replace('-', " ")
}

fn clients(clients: Option<u32>) -> String {
    clients.map_or_else(|| "-".to_owned(), |n| thousands(n.into()))
}

fn name(finding: &Finding) -> String {
    let subject = &finding.subject;
    match (subject.series.as_str(), subject.clients) {
        (series, Some(_)) => {
            format!("{series} at {} clients, {}", clients(subject.clients), subject.metric)
        }
        _ => subject.metric.clone(),
    }
}

fn figure(figure: &Figure) -> String {
    figure.value().map_or_else(|| "-".to_owned(), amount)
}

/// `+3.1 %`.
fn signed(share: f64) -> String {
    let sign = if share < 0.0 { "−" } else { "+" };
    format!("{sign}{}", percent(share.abs()))
}

fn percent(share: f64) -> String {
    format!("{} %", units::percent(share))
}

/// Renders a calibration.
pub(crate) fn render(noises: &[Noise], judgement: &Judgement) -> String {
    let mut out = format!("{}\n", judgement.title);
    for side in &judgement.sides[..judgement.sides.len().min(1)] {
        let _ = writeln!(out, "  {}", side.about);
    }
    let looks: Vec<u32> =
        noises.first().map(|n| n.detectable.iter().map(|d| d.0).collect()).unwrap_or_default();
    let mut heads = head("series|clients|metric|unit|median|noise|drift");
    heads.extend(looks.iter().map(|pairs| format!("at {pairs}")));
    heads.extend(head("margin|decided from|false alarm"));
    let mut rows = vec![heads];
    for noise in noises {
        let share = |f: &Figure| f.value().map_or_else(|| "-".to_owned(), signed);
        let mut row = vec![
            noise.subject.series.clone(),
            clients(noise.subject.clients),
            noise.subject.metric.clone(),
            noise.unit.clone(),
            figure(&noise.median),
            noise.sigma.value().map_or_else(|| "-".to_owned(), percent),
            share(&noise.drift),
        ];
        row.extend(noise.detectable.iter().map(|(_, seen)| share(seen)));
        row.push(percent(noise.margin));
        row.push(match noise.needed.value() {
            Some(pairs) => format!("{pairs} pairs"),
            None => "never".to_owned(),
        });
        row.push(if noise.false_alarm { "YES" } else { "no" }.to_owned());
        rows.push(row);
    }
    if !noises.is_empty() {
        let pairs = thousands(noises.len() as u64);
        let _ = writeln!(
            out,
            "\nNoise of pairs of runs, and the smallest change that so many pairs show ({pairs} figures)"
        );
        let right: Vec<usize> = (4..8 + looks.len()).chain([1, 8 + looks.len()]).collect();
        append_columns(&mut out, &rows, &right);
    }
    out.push_str(&failures(judgement));
    let failures = noises.iter().filter(|n| n.false_alarm).count();
    let _ = writeln!(out, "\nFalse alarms: {failures} of {} figures", noises.len());
    out
}

/// What failed, other than false alarms.
fn failures(judgement: &Judgement) -> String {
    let mut out = String::new();
    for finding in judgement.of(Decision::Fail).filter(|f| f.kind != Kind::Paired) {
        let _ = writeln!(
            out,
            "\n{} {}: {}",
            decision_text(Decision::Fail),
            name(finding),
            finding.text
        );
    }
    if !judgement.notes.is_empty() {
        out.push_str("\nNotes\n");
    }
    for note in &judgement.notes {
        let _ = writeln!(out, "  - {note}");
    }
    out
}

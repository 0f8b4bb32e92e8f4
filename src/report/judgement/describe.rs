//! Phrases that the formats for people share: figures with units, changes, subjects.

use crate::report::figure::Figure;
use crate::report::finding::{ChangeScale, Decision, Effect, Finding, Judgement, Kind, Subject};
use crate::report::judgement::beside::sentence;
use crate::units::{append_unit, human_us, six_digits, thousands, three};
use std::collections::BTreeMap;

/// Returns for example `NOT COMPARABLE`.
pub(crate) fn decision(decision: Decision) -> String {
    decision.name().replace('-', " ").to_uppercase()
}

/// Returns a figure with its unit; if it is absent, what it is below if that is known, else `none`.
pub(crate) fn figure(figure: &Figure, unit: &str) -> String {
    match (figure.value(), figure.below()) {
        (Some(value), _) => append_unit(six_digits(value), unit),
        (None, Some(us)) if unit == "µs" => format!("< {}", human_us(us as f64)),
        (None, Some(below)) => format!("< {}", append_unit(six_digits(below as f64), unit)),
        (None, None) => "none".to_owned(),
    }
}

/// Returns why there is neither a figure nor anything that it is below.
pub(crate) fn why_none(figure: &Figure) -> Option<&str> {
    figure.reason().filter(|_| figure.below().is_none())
}

/// Returns value and baseline of a finding, with every digit if they would look alike but differ.
pub(crate) fn pair(finding: &Finding) -> (String, Option<String>) {
    let value = figure(&finding.value, &finding.unit);
    let Some(baseline) = &finding.baseline else { return (value, None) };
    let other = figure(baseline, &finding.unit);
    match (finding.value.value(), baseline.value()) {
        (Some(a), Some(b)) if a != b && value == other => {
            (format!("{a} {}", finding.unit), Some(format!("{b} {}", finding.unit)))
        }
        _ => (value, Some(other)),
    }
}

/// Returns a change on its scale, with the figure's unit if that is the scale's: `+7 %`, `+96 bytes/message`.
pub(crate) fn change_on(scale: ChangeScale, by: f64, unit: &str) -> String {
    match scale {
        ChangeScale::Relative => change(by),
        ChangeScale::Difference => difference(by, unit),
    }
}

/// Returns a difference with its unit: `+96 bytes/message`.
fn difference(by: f64, unit: &str) -> String {
    let sign = if by > 0.0 { "+" } else { "" };
    match three(by).as_str() {
        "0" | "-0" => append_unit("0".to_owned(), unit),
        text => append_unit(format!("{sign}{text}"), unit),
    }
}

/// Returns a relative change: `+7 %`.
pub(crate) fn change(relative: f64) -> String {
    let text = three(relative.abs() * 100.0);
    match (text.as_str(), relative < 0.0) {
        ("0", _) => "0 %".to_owned(),
        (text, true) => format!("-{text} %"),
        (text, false) => format!("+{text} %"),
    }
}

/// Returns a change with its interval: `+7 % (+5.5 % to +8.2 %)`.
pub(crate) fn interval(effect: &Effect, unit: &str) -> String {
    let change = |by| change_on(effect.scale, by, unit);
    let estimate = change(effect.estimate);
    match (effect.lower, effect.upper) {
        (Some(lower), Some(upper)) => {
            format!("{estimate} ({} to {})", change(lower), change(upper))
        }
        (Some(lower), None) => format!("{estimate} (at least {})", change(lower)),
        (None, Some(upper)) => format!("{estimate} (at most {})", change(upper)),
        (None, None) => format!("{estimate} (too few pairs for an interval)"),
    }
}

/// Returns the whole result of the paired test.
pub(crate) fn effect(effect: &Effect, unit: &str) -> String {
    let size = |by: f64| match effect.scale {
        ChangeScale::Relative => format!("{} %", three(by * 100.0)),
        ChangeScale::Difference => append_unit(three(by), unit),
    };
    let seen = match effect.detectable {
        Some(least) => format!("smallest detectable change {}", size(least)),
        None => "smallest detectable change unknown".to_owned(),
    };
    format!(
        "change {}, {} tolerated, {} pairs, p = {}, noise {}; {seen}",
        interval(effect, unit),
        size(effect.margin),
        effect.pairs,
        probability(effect.p),
        size(effect.noise),
    )
}

fn probability(p: f64) -> String {
    match p {
        p if p > 0.0 && p < 1e-3 => format!("{p:.1e}"),
        p if p < 0.01 => six_digits((p * 1e4).round() / 1e4),
        p => three(p),
    }
}

/// Returns value, baseline, bound and number of samples; of a condition, which one and whether it holds:
/// its text has value and limit with their units.
pub(crate) fn values(finding: &Finding) -> String {
    let (value, baseline) = pair(finding);
    let mut parts = vec![match why_none(&finding.value) {
        Some(why) => format!("no value: {why}"),
        None => format!("value {value}"),
    }];
    if finding.is_condition {
        let holds = match finding.decision {
            Decision::Pass => "holds",
            Decision::Fail => "does not hold",
            Decision::Inconclusive | Decision::NotComparable => "is undecided",
        };
        let value = match finding.text.as_str() {
            "" => format!(" ({})", parts[0]),
            _ => String::new(),
        };
        parts[0] = format!("the condition {} {holds}{value}", finding.subject.metric);
    }
    let absent = finding.baseline.as_ref().and_then(why_none);
    parts.extend(match (baseline, absent) {
        (Some(_), Some(why)) => Some(format!("no baseline: {why}")),
        (Some(baseline), None) => Some(format!("baseline {baseline}")),
        (None, _) => None,
    });
    if !finding.is_condition && !matches!(finding.bound.as_str(), "" | "-") {
        parts.push(format!("bound: {}", finding.bound));
    }
    let many = if finding.samples == 1 { "" } else { "s" };
    parts.push(format!("{} sample{many}", thousands(finding.samples)));
    parts.join("; ")
}

/// Returns everything about a finding, in lines.
pub(crate) fn lines(finding: &Finding) -> String {
    let mut lines = vec![values(finding)];
    lines.extend(finding.effect.as_ref().map(|found| effect(found, &finding.unit)));
    lines.extend(sentences(finding).into_iter().map(str::to_owned));
    lines.extend(beside(finding));
    lines.join("\n")
}

/// Returns the text of a finding and its details.
pub(crate) fn sentences(finding: &Finding) -> Vec<&str> {
    let text = Some(&finding.text).filter(|text| !text.is_empty());
    text.into_iter().chain(&finding.details).map(String::as_str).collect()
}

/// Returns what changed beside a figure that got worse, as a sentence without its full stop.
pub(crate) fn beside(finding: &Finding) -> Option<String> {
    finding.beside.as_ref().map(sentence).filter(|text| !text.is_empty())
}

/// Returns series and client count, or `the run`.
pub(crate) fn of_whom(subject: &Subject) -> String {
    subject.row().unwrap_or_else(|| "the run".to_owned())
}

/// Returns for example `polling at 1,000 clients: overhead_bytes_per_message`.
pub(crate) fn subject(subject: &Subject) -> String {
    format!("{}: {}", of_whom(subject), subject.metric)
}

/// True for a passed check of validity: each row has a dozen.
pub(crate) fn is_passed_check(finding: &Finding) -> bool {
    finding.kind == Kind::Check && finding.decision == Decision::Pass
}

/// Returns for example `12 checks passed for each of 6 rows`, or `None` if no check passed.
pub(crate) fn passed_checks(judgement: &Judgement) -> Option<String> {
    let mut rows: BTreeMap<(&str, Option<u32>), usize> = BTreeMap::new();
    for finding in judgement.findings.iter().filter(|f| is_passed_check(f)) {
        *rows.entry((&finding.subject.series, finding.subject.clients)).or_default() += 1;
    }
    let least = *rows.values().min()?;
    let most = *rows.values().max()?;
    let checks = match (least, most) {
        (1, 1) => "1 check".to_owned(),
        (least, most) if least == most => format!("{most} checks"),
        (least, most) => format!("{least} to {most} checks"),
    };
    Some(match rows.len() {
        1 => format!("{checks} passed"),
        n => format!("{checks} passed for each of {n} rows"),
    })
}

/// Groups findings that have the same text, so that it is shown once.
pub(crate) fn by_reason<'a>(findings: &[&'a Finding]) -> Vec<Vec<&'a Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    let alike = |a: &Finding, b: &Finding| {
        let plain = |f: &Finding| f.effect.is_none() && f.beside.is_none();
        plain(a) && plain(b) && a.text == b.text && a.details == b.details
    };
    for &finding in findings {
        match groups.iter_mut().find(|g| alike(g[0], finding)) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

/// Returns text of any origin on one line. Line ends become spaces, other control characters escapes.
/// Workflow commands of GitHub Actions are broken up.
pub(crate) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // A command is `::` after white space.
    let mut last = ' ';
    let mut before = ' ';
    for c in text.chars() {
        if c == ':' && last == ':' && before.is_whitespace() {
            out.push(' ');
        }
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.extend(c.escape_default());
            }
            c => out.push(c),
        }
        before = last;
        last = c;
    }
    // The older form of a command works anywhere in a line.
    out.replace("##[", "## [")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::Absence;

    /// A bare number beside a condition says nothing: its text has value and limit with their units.
    #[test]
    fn a_condition_is_named_with_what_was_found() {
        let subject = Subject::of_row("polling", 10, "driver_on_schedule");
        let mut found = Finding {
            decision: Decision::Fail,
            value: Figure::known(60_000.0),
            samples: 400,
            ..Finding::of_condition(Kind::Check, subject)
        };
        let bare = values(&found);
        assert_eq!(
            bare,
            "the condition driver_on_schedule does not hold (value 60,000); 400 samples"
        );
        found.text = "driver lag: p99 60 ms is above 50 ms".to_owned();
        assert_eq!(values(&found), "the condition driver_on_schedule does not hold; 400 samples");
        assert!(lines(&found).contains("60 ms is above 50 ms"));
    }

    /// A figure that is too short for the times in messages is not nothing.
    #[test]
    fn a_figure_that_is_below_a_bound_is_shown_with_it() {
        let below = Absence { below: Some(1_276), ..("coarse".into()) };
        let found = Finding {
            unit: "µs".to_owned(),
            value: Figure::Absent(below.clone()),
            baseline: Some(Figure::Absent(below.clone())),
            samples: 600,
            ..Finding::new(Kind::Limit, Subject::of_row("a", 10, "delivery_latency p(99)"))
        };
        assert_eq!(pair(&found), ("< 1.28 ms".to_owned(), Some("< 1.28 ms".to_owned())));
        assert_eq!(values(&found), "value < 1.28 ms; baseline < 1.28 ms; 600 samples");
        assert_eq!(figure(&Figure::Absent(below), "-"), "< 1,276");
        assert_eq!(figure(&Figure::absent("few"), "µs"), "none");
    }

    #[test]
    fn amounts_have_six_digits_and_whole_numbers_all() {
        let cases = [
            (0.0, "0"),
            (909.0, "909"),
            (1_234_567.0, "1,234,567"),
            (1234.5, "1,234.5"),
            (0.015_258_789, "0.0152588"),
            (40.434_782_6, "40.4348"),
            (-2.5, "-2.5"),
            (999_999.96, "1,000,000"),
            (1e15, "1e15"),
            (5e-7, "5e-7"),
        ];
        for (value, text) in cases {
            assert_eq!(six_digits(value), text);
        }
        assert_eq!(append_unit(six_digits(2.0), "bytes/message"), "2 bytes/message");
        assert_eq!(append_unit(six_digits(2.0), "-"), "2");
    }

    #[test]
    fn changes_carry_their_sign() {
        assert_eq!(change(0.07), "+7 %");
        assert_eq!(change(-0.0123), "-1.23 %");
        assert_eq!(change(0.0), "0 %");
        assert_eq!(change(-1e-9), "0 %");
        let ps = [(0.0, "0"), (1.234e-5, "1.2e-5"), (0.00123, "0.0012"), (0.05, "0.05")];
        for (p, text) in ps {
            assert_eq!(probability(p), text);
        }
    }

    #[test]
    fn a_line_has_no_control_characters_and_no_commands() {
        assert_eq!(line("a\r\nb\tc\x1b[1md"), "a  b c\\u{1b}[1md");
        assert_eq!(line("::add-mask::x"), ": :add-mask::x");
        assert_eq!(line("\u{2003}\t::error::x"), "\u{2003} : :error::x");
        assert_eq!(line("Server: ::error::x"), "Server: : :error::x");
        assert_eq!(line("x##[error]y"), "x## [error]y");
        assert_eq!(line("[::1]:80 µs|"), "[::1]:80 µs|");
    }
}

//! The table of paired comparisons: change, interval, detectable change and decision of each figure.

use crate::report::figure::Figure;
use crate::report::finding::{Decision, Finding, Judgement, Kind};
use crate::report::format::text::grid::Grid;
use crate::report::judgement::describe;
use crate::units::amount;

/// What two columns of the table mean.
pub(crate) const LEGEND: &str = "\
allowed: a change that passes; B fails if it is worse by more, and that is sure
detectable: the smallest change that so many pairs show in 8 of 10 comparisons
";

/// Shows the figures with a ratio of their sides. Returns an empty string if there is none.
pub(crate) fn table(judgement: &Judgement) -> String {
    table_of(judgement, |finding| finding.effect.is_some())
}

/// Shows all figures that were compared, also those without a ratio, which are listed nowhere else in brief.
pub(super) fn whole_table(judgement: &Judgement) -> String {
    table_of(judgement, is_shown)
}

fn table_of(judgement: &Judgement, is_shown: impl Fn(&Finding) -> bool) -> String {
    let paired: Vec<&Finding> = judgement.findings.iter().filter(|f| is_shown(f)).collect();
    if paired.is_empty() {
        return String::new();
    }
    let head = ["decision", "metric", "A", "B", "change", "interval", "detectable", "allowed"];
    let mut grid = Grid::new(2, &head);
    let mut whose = String::new();
    for finding in &paired {
        let of = describe::line(&describe::of_whom(&finding.subject));
        if of != whose {
            let mut cells = vec![String::new(); head.len()];
            cells[1] = of.clone();
            grid.row(cells);
            whose = of;
        }
        grid.row(row(finding));
    }
    let mut pairs = paired.iter().filter_map(|f| Some(f.effect.as_ref()?.pairs));
    let first = pairs.next();
    let same = first.filter(|first| pairs.all(|pairs| pairs == *first));
    let pairs = same.map(|pairs| format!(" of {pairs} pairs")).unwrap_or_default();
    format!(
        "Figures that vary from run to run: medians{pairs}, and the change from A to B within pairs\n{}",
        grid.render()
    )
}

/// True for a figure that was compared by pairs of runs, also if there is no ratio of its sides. Figures of
/// one run a side, which nothing can decide, are not among them.
pub(super) fn is_shown(finding: &Finding) -> bool {
    let compared = |figure: &Figure| figure.value().is_some() || figure.below().is_some();
    let has_sides = compared(&finding.value) || finding.baseline.as_ref().is_some_and(compared);
    let has_pairs = finding.decision != Decision::Inconclusive && has_sides;
    finding.kind == Kind::Paired && (finding.effect.is_some() || has_pairs)
}

fn row(finding: &Finding) -> Vec<String> {
    let absent = || "-".to_owned();
    let figure = |f: &Figure| match (f.value(), f.below()) {
        (Some(value), _) => amount(value),
        (None, Some(below)) => format!("< {}", amount(below as f64)),
        (None, None) => absent(),
    };
    let effect = finding.effect.as_ref();
    let interval = effect.and_then(|effect| effect.lower.zip(effect.upper));
    // The unit would make the table too wide; `A` and `B` are without it as well.
    let change = |by| effect.map_or_else(absent, |of| describe::change_on(of.scale, by, "-"));
    vec![
        describe::decision(finding.decision),
        format!("  {}", describe::line(&finding.subject.metric)),
        finding.baseline.as_ref().map_or_else(absent, figure),
        figure(&finding.value),
        effect.map_or_else(absent, |effect| change(effect.estimate)),
        interval.map_or_else(absent, |(lower, upper)| {
            format!("{} to {}", change(lower), change(upper))
        }),
        effect.and_then(|effect| effect.detectable).map_or_else(absent, change),
        effect.map_or_else(absent, |effect| change(effect.margin)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Absence;
    use crate::report::finding::Subject;
    use crate::report::judgement::JudgementView;
    use crate::report::judgement::text::brief;

    /// A median that a side's times do not resolve leaves no ratio, but its row stays.
    #[test]
    fn a_figure_without_a_ratio_keeps_its_row_and_says_why() {
        let below = Absence { below: Some(2_000), ..("its times are coarse".into()) };
        let finding = Finding {
            unit: "µs".to_owned(),
            value: Figure::known(21_600.0),
            baseline: Some(Figure::Absent(below)),
            text: "there is no ratio".to_owned(),
            ..Finding::new(Kind::Paired, Subject::of_row("ws", 10, "delivery_latency_us_p50"))
        };
        let mut judgement = Judgement::new("B against A");
        judgement.findings.push(finding);
        judgement.why_open = Some("--time 20s ended it".to_owned());
        judgement.load = Some("A got 5 messages a second and client, B 5".to_owned());
        let shown = brief(&JudgementView::comparison(&judgement, None));
        let row =
            shown.lines().find(|line| line.contains("  delivery_latency_us_p50")).expect("a row");
        let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect();
        let wanted =
            ["NOT COMPARABLE", "delivery_latency_us_p50", "< 2,000", "21,600", "-", "-", "-", "-"];
        assert_eq!(cells, wanted, "{shown}");
        assert!(shown.contains("delivery_latency_us_p50: there is no ratio"), "{shown}");
        assert!(shown.contains("\n--time 20s ended it\n"), "{shown}");
        assert!(shown.contains("\nA got 5 messages a second and client, B 5\n"), "{shown}");
        assert!(!shown.contains("Bytes, counts and checks"), "{shown}");
        // One run a side decides nothing, and has no row here.
        judgement.findings[0].decision = Decision::Inconclusive;
        assert_eq!(whole_table(&judgement), "");
    }
}

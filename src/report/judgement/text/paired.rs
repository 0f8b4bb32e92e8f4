//! The table of paired comparisons: change, interval, detectable change and decision of each figure.

use crate::report::finding::{Effect, Finding, Judgement};
use crate::report::format::text::grid::Grid;
use crate::report::judgement::describe;
use crate::units::amount;

/// What two columns of the table mean.
pub(crate) const LEGEND: &str = "\
allowed: a change that passes; B fails if it is worse by more, and that is sure
detectable: the smallest change that so many pairs show in 8 of 10 comparisons
";

/// Returns an empty string if no finding is a paired comparison.
pub(crate) fn table(judgement: &Judgement) -> String {
    let paired: Vec<_> =
        judgement.findings.iter().filter_map(|f| Some((f, f.effect.as_ref()?))).collect();
    let Some((_, first)) = paired.first() else { return String::new() };
    let head = ["decision", "metric", "A", "B", "change", "interval", "detectable", "allowed"];
    let mut grid = Grid::new(2, &head);
    let mut whose = String::new();
    for (finding, effect) in &paired {
        let of = describe::line(&describe::of_whom(&finding.subject));
        if of != whose {
            let mut cells = vec![String::new(); head.len()];
            cells[1] = of.clone();
            grid.row(cells);
            whose = of;
        }
        grid.row(row(finding, effect));
    }
    let same = paired.iter().all(|(_, effect)| effect.pairs == first.pairs);
    let pairs = if same { format!(" of {} pairs", first.pairs) } else { String::new() };
    format!(
        "Figures that vary from run to run: medians{pairs}, and the change from A to B\n{}",
        grid.render()
    )
}

fn row(finding: &Finding, effect: &Effect) -> Vec<String> {
    let absent = || "-".to_owned();
    let figure = |f: &crate::report::Figure| f.value().map_or_else(absent, amount);
    vec![
        describe::decision(finding.decision),
        format!("  {}", describe::line(&finding.subject.metric)),
        finding.baseline.as_ref().map_or_else(absent, figure),
        figure(&finding.value),
        describe::change(effect.estimate),
        match (effect.lower, effect.upper) {
            (Some(lower), Some(upper)) => {
                format!("{} to {}", describe::change(lower), describe::change(upper))
            }
            _ => absent(),
        },
        effect.detectable.map_or_else(absent, describe::change),
        describe::change(effect.margin),
    ]
}

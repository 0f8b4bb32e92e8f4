//! Figures over many runs for a terminal.

use crate::report::format::text::grid::{Grid, paragraph};
use crate::report::judgement::describe;
use crate::report::trends::Trends;

/// Renders lines of at most 120 columns.
pub(crate) fn render(trends: &Trends) -> String {
    let mut grid = Grid::new(2, &["metric", "runs, the latest last", "latest", "change"]);
    let mut whose = String::new();
    for trend in &trends.trends {
        let of = describe::line(&describe::of_whom(&trend.subject));
        if of != whose {
            grid.row(vec![of.clone(), String::new(), String::new(), String::new()]);
            whose = of;
        }
        let [latest, change] = trend.cells();
        let metric = format!("  {}", describe::line(&trend.subject.metric));
        grid.row(vec![metric, trend.sparkline(), latest, change]);
    }
    let mut out = paragraph(&describe::line(&trends.title), 2);
    if !trends.trends.is_empty() {
        out.push_str(&format!("\n{}{}", grid.render(), paragraph(&trends.legend(), 0)));
    }
    for note in &trends.notes {
        out.push_str(&paragraph(&format!("- {}", describe::line(note)), 2));
    }
    out
}

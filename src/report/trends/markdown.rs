//! Figures over many runs as GitHub's Markdown.

use crate::report::judgement::describe;
use crate::report::judgement::markdown::text;
use crate::report::trends::Trends;

/// Renders a heading, a table, and the notes.
pub(crate) fn render(trends: &Trends) -> String {
    let mut out = format!("## {}\n\n", text(&trends.title));
    if !trends.trends.is_empty() {
        out.push_str("| series | metric | runs, the latest last | latest | change |\n");
        out.push_str("|---|---|---|---:|---:|\n");
    }
    for trend in &trends.trends {
        let [latest, change] = trend.cells();
        let cells = [
            text(&describe::of_whom(&trend.subject)),
            text(&trend.subject.metric),
            trend.sparkline(),
            text(&latest),
            text(&change),
        ];
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    if !trends.trends.is_empty() {
        out.push_str(&format!("\n{}\n", text(&trends.legend())));
    }
    for (n, note) in trends.notes.iter().enumerate() {
        out.push_str(&format!("{}- {}\n", if n == 0 { "\n" } else { "" }, text(note)));
    }
    out
}

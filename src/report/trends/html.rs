//! Figures over many runs as a section of an HTML page. It has its own style and pictures, and asks for
//! nothing.

use crate::report::judgement::describe;
use crate::report::trends::{Trend, Trends};

/// The size of a picture in units of its own.
const WIDTH: f64 = 160.0;
const HEIGHT: f64 = 24.0;
/// Space around the line, so that it is whole at its bounds.
const EDGE: f64 = 2.0;

const STYLE: &str = "\
.wsbench-history table{border-collapse:collapse}\
.wsbench-history th,.wsbench-history td{padding:2px 8px;text-align:left}\
.wsbench-history td.number{text-align:right;white-space:nowrap}\
.wsbench-history polyline{fill:none;stroke:currentColor;stroke-width:1.5;stroke-linecap:round}";

/// Renders the section.
pub(crate) fn render(trends: &Trends) -> String {
    let mut out = format!(
        "<section class=\"wsbench-history\">\n<style>{STYLE}</style>\n<h2>{}</h2>\n",
        escape(&trends.title)
    );
    if !trends.trends.is_empty() {
        out.push_str(
            "<table>\n<tr><th>series</th><th>metric</th><th>runs, the latest last</th>\
             <th>latest</th><th>change</th></tr>\n",
        );
        out.extend(trends.trends.iter().map(row));
        out.push_str(&format!("</table>\n<p>{}</p>\n", escape(&trends.legend())));
    }
    out.extend(trends.notes.iter().map(|note| format!("<p>{}</p>\n", escape(note))));
    out.push_str("</section>\n");
    out
}

fn row(trend: &Trend) -> String {
    let [latest, change] = trend.cells();
    format!(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{}</td>\
         <td class=\"number\">{}</td></tr>\n",
        escape(&describe::of_whom(&trend.subject)),
        escape(&trend.subject.metric),
        picture(trend),
        escape(&latest),
        escape(&change)
    )
}

/// Returns a line through the values; a run without one parts it.
fn picture(trend: &Trend) -> String {
    let last = trend.values.len().saturating_sub(1).max(1) as f64;
    let point = |(n, value): (usize, &Option<f64>)| {
        let share = trend.height((*value)?).unwrap_or(0.5);
        let x = EDGE + n as f64 / last * (WIDTH - 2.0 * EDGE);
        let y = HEIGHT - EDGE - share * (HEIGHT - 2.0 * EDGE);
        Some(format!("{x:.1},{y:.1}"))
    };
    let points: Vec<Option<String>> = trend.values.iter().enumerate().map(point).collect();
    let lines = points.split(Option::is_none).filter(|run| !run.is_empty());
    let lines = lines.map(|run| {
        let mut run: Vec<&str> = run.iter().flatten().map(String::as_str).collect();
        // A line of one point has no length: its round end is a dot.
        if let [one] = run[..] {
            run.push(one);
        }
        format!("<polyline points=\"{}\"/>", run.join(" "))
    });
    format!(
        "<svg width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{}\">{}</svg>",
        trend.sparkline(),
        lines.collect::<String>()
    )
}

fn escape(text: &str) -> String {
    let line = describe::line(text);
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

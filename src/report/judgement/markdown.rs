//! A judgement as GitHub's Markdown, for `$GITHUB_STEP_SUMMARY`: the decision as a heading, a table
//! of figures that did not pass, and everything else folded.

use crate::report::finding::{Decision, Finding};
use crate::report::format::text::{BOUND, BOUND_MEANING, notes};
use crate::report::judgement::{JudgementView, describe, measures};
use crate::report::metrics::Column;
use crate::report::table::{Row, Table};
use crate::units::thousands;

/// GitHub's limit for one step; it shows nothing of a larger file.
pub const MOST_BYTES: usize = 1024 * 1024;
/// Kept free for closing tags, and for the sentence that says that it was cut.
const RESERVE: usize = 512;
/// Characters of a cell or quoted line.
const MOST_CHARS: usize = 1_000;
/// Quoted lines of a finding.
const MOST_LINES: usize = 100;

/// Renders at most `limit` bytes. A cut text says so; if not even that fits, the result is empty.
pub fn render(view: &JudgementView, limit: usize) -> String {
    let judgement = view.judgement;
    let mut page = MarkdownPage { out: String::new(), limit, left_out: 0 };
    page.add(&format!("## {}: {}\n\n", view.word(), text(&judgement.title)));
    page.add(&format!("{}\n", text(&view.conclusion_line())));
    let sides =
        judgement.sides.iter().map(|s| format!("**{}**: {}", text(&s.name), text(&s.about)));
    list(&mut page, "", sides);
    list(&mut page, "", view.reasons().map(text));
    let open = [view.shown(Decision::Fail), view.shown(Decision::Inconclusive)].concat();
    if !open.is_empty() {
        page.add("\n");
        findings(&mut page, &open);
        quoted(&mut page, &open);
    }
    let unlike = view.shown(Decision::NotComparable);
    folded(&mut page, "not comparable", &unlike);
    // Commands that would settle them.
    let groups = describe::by_reason(&unlike);
    list(&mut page, "", groups.iter().flat_map(|g| &g[0].details).map(|d| text(d)));
    passed(&mut page, view);
    if let Some(table) = view.table {
        figures(&mut page, table);
        remarks(&mut page, table);
    }
    list(&mut page, "Notes\n\n", judgement.notes.iter().map(|n| text(n)));
    page.finish()
}

/// Renders a command that ended early, in at most `limit` bytes.
pub fn failed(title: &str, message: &str, limit: usize) -> String {
    let mut page = MarkdownPage { out: String::new(), limit, left_out: 0 };
    page.add(&format!("## FAILED: {}\n\n<pre>\n", text(title)));
    let began = page.left_out == 0;
    message.lines().for_each(|line| page.add(&format!("{}\n", html(line))));
    if began {
        page.close("</pre>\n");
    }
    page.finish()
}

/// Output with a limit.
struct MarkdownPage {
    out: String,
    limit: usize,
    left_out: usize,
}

impl MarkdownPage {
    /// Adds a piece if it fits and all before it did.
    fn add(&mut self, piece: &str) {
        if self.left_out > 0 || self.out.len() + piece.len() + RESERVE > self.limit {
            self.left_out += 1;
        } else {
            self.out.push_str(piece);
        }
    }
    /// Begins a folded part. Returns true if it fits and has to be closed.
    fn unfold(&mut self, summary: &str, begin: &str) -> bool {
        self.add(&format!("\n<details><summary>{summary}</summary>\n\n{begin}"));
        self.left_out == 0
    }
    /// Adds closing tags, in the reserve.
    fn close(&mut self, end: &str) {
        self.out.push_str(end);
    }
    fn finish(mut self) -> String {
        if self.left_out > 0 {
            let n = self.left_out;
            let limit = self.limit;
            self.out.push_str(&format!(
                "\n**Cut here**: {n} more lines do not fit into {limit} bytes. `--format json` and \
                 `--junit FILE` have all of them.\n"
            ));
        }
        if self.out.len() <= self.limit { self.out } else { String::new() }
    }
}

fn list(page: &mut MarkdownPage, title: &str, items: impl Iterator<Item = String>) {
    for (n, item) in items.enumerate() {
        let before = if n == 0 { format!("\n{title}") } else { String::new() };
        page.add(&format!("{before}- {item}\n"));
    }
}

/// Returns a row of escaped cells.
fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// Returns the head of a table. Columns from `numbers` on are aligned right.
fn head(names: &[String], numbers: usize) -> String {
    let rule = |n: usize| if n < numbers { "---" } else { "---:" };
    let rules: Vec<&str> = (0..names.len()).map(rule).collect();
    format!("{}|{}|\n", row(names), rules.join("|"))
}

fn findings(page: &mut MarkdownPage, findings: &[&Finding]) {
    let names = ["decision", "series", "metric", "bound", "found", "clients", "value", "baseline"];
    page.add(&head(&names.map(str::to_owned), 5));
    for f in findings {
        let (value, baseline) = describe::pair(f);
        let mut found = Vec::new();
        found.extend(f.effect.as_ref().map(|effect| describe::effect(effect, &f.unit)));
        found.extend((!f.text.is_empty()).then(|| f.text.clone()));
        found.extend(describe::beside(f));
        found.extend(describe::why_none(&f.value).map(|why| format!("no value: {why}")));
        let baseline_why = f.baseline.as_ref().and_then(describe::why_none);
        found.extend(baseline_why.map(|why| format!("no baseline: {why}")));
        page.add(&row(&[
            describe::decision(f.decision),
            text(&f.subject.series),
            text(&f.subject.metric),
            text(&f.bound),
            text(&found.join("\n")),
            f.subject.clients.map(|n| thousands(n.into())).unwrap_or_default(),
            text(&value),
            text(&baseline.unwrap_or_default()),
        ]));
    }
}

fn quoted(page: &mut MarkdownPage, findings: &[&Finding]) {
    for group in describe::by_reason(findings).iter().filter(|g| !g[0].details.is_empty()) {
        let who = match group.as_slice() {
            [one] => describe::subject(&one.subject),
            several => {
                format!("{} and {} more", describe::subject(&several[0].subject), several.len() - 1)
            }
        };
        if page.unfold(&html(&who), "<pre>\n") {
            let lines: Vec<&str> = group[0].details.iter().flat_map(|d| d.lines()).collect();
            lines.iter().take(MOST_LINES).for_each(|l| page.add(&format!("{}\n", html(l))));
            if let Some(more @ 1..) = lines.len().checked_sub(MOST_LINES) {
                page.add(&format!("and {more} more lines\n"));
            }
            page.close("</pre>\n</details>\n");
        }
    }
}

fn folded(page: &mut MarkdownPage, what: &str, those: &[&Finding]) {
    if !those.is_empty() && page.unfold(&format!("{} {what}", those.len()), "") {
        findings(page, those);
        page.close("\n</details>\n");
    }
}

fn passed(page: &mut MarkdownPage, view: &JudgementView) {
    folded(page, "passed", &view.shown(Decision::Pass));
    if let Some(checks) = describe::passed_checks(view.judgement) {
        page.add(&format!("\n{checks}.\n"));
    }
}

/// The run's figures, a row for each series and client count.
fn figures(page: &mut MarkdownPage, table: &Table) {
    let tracked = measures::tracked();
    if table.rows.is_empty() {
        return;
    }
    let names = ["series", "status", "clients"].map(str::to_owned);
    let names: Vec<String> = names.into_iter().chain(headings(&tracked, &table.rows)).collect();
    if page.unfold("Figures of the run", "") {
        page.add(&head(&names, 2));
        for r in &table.rows {
            let clients = thousands(r.clients.into());
            let mut cells = vec![text(&r.series), r.status.name().to_owned(), clients];
            cells.extend(measures::of_row(&tracked, r).map(|column| {
                let mark = if column.is_driver_bound(r) { BOUND } else { "" };
                let figure = column.figure(r);
                // The heading has the unit, but that of a bound depends on how large it is.
                let unit = if figure.below().is_some() { column.unit } else { "-" };
                text(&format!("{}{mark}", describe::figure(&figure, unit)))
            }));
            page.add(&row(&cells));
        }
        let is_bound = |r: &Row| measures::of_row(&tracked, r).any(|c| c.is_driver_bound(r));
        if table.rows.iter().any(is_bound) {
            page.add(&format!("\n{}\n", text(BOUND_MEANING)));
        }
        page.close("\n</details>\n");
    }
}

/// Returns the headings of the key figures. One row may have the delivery latency, another the response
/// latency, at the same place.
fn headings(tracked: &[Column], rows: &[Row]) -> Vec<String> {
    let mut places: Vec<(Vec<&str>, &str)> = Vec::new();
    for row in rows {
        for (place, column) in measures::of_row(tracked, row).enumerate() {
            let label = column.tracked.unwrap_or_default();
            match places.get_mut(place) {
                Some((labels, _)) if labels.contains(&label) => {}
                Some((labels, _)) => labels.push(label),
                None => places.push((vec![label], column.unit)),
            }
        }
    }
    let heading = |(labels, unit): (Vec<&str>, &str)| {
        let label = labels.join(" or ");
        text(&if unit == "-" { label } else { format!("{label}, {unit}") })
    };
    places.into_iter().map(heading).collect()
}

/// The sentences of the run, and what its summary notes of its rows.
fn remarks(page: &mut MarkdownPage, table: &Table) {
    let of_rows = notes::of_rows(table);
    let all: Vec<&String> = table.words.iter().chain(&of_rows).collect();
    if !all.is_empty() && page.unfold(&format!("Remarks on the run: {}", all.len()), "") {
        all.iter().for_each(|one| page.add(&format!("- {}\n", text(one))));
        page.close("\n</details>\n");
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Escapes text for a cell or paragraph. Line ends become `<br>`.
pub(in crate::report) fn text(text: &str) -> String {
    let clipped = clip(text);
    let lines: Vec<String> = clipped.lines().map(|l| escape(&describe::line(l))).collect();
    lines.join("<br>")
}

fn escape(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut before = ' ';
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Begins mathematics.
            '$' => out.push_str("&#36;"),
            // No emphasis within a name.
            '_' if before.is_alphanumeric() && after.is_alphanumeric() => out.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '|' => out.extend(['\\', c]),
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// Escapes text within HTML.
fn html(text: &str) -> String {
    let line = describe::line(&clip(text));
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::Judgement;
    use crate::report::judgement::tests::{finding, sample};
    use proptest::prelude::*;

    #[test]
    fn cells_hold_no_markup() {
        let cases = [
            ("a|b\nc\r\nd", "a\\|b<br>c<br>d"),
            ("x_y _z_", "x_y \\_z\\_"),
            ("`*[~\\]", "\\`\\*\\[\\~\\\\\\]"),
            ("<b>&amp;$1", "&lt;b&gt;&amp;amp;&#36;1"),
            ("\x1b[2J::error::", "\\\\u{1b}\\[2J::error::"),
            ("", ""),
        ];
        for (given, written) in cases {
            assert_eq!(text(given), written);
        }
        assert_eq!(html("</pre>\n& x"), "&lt;/pre&gt; &amp; x");
    }

    #[test]
    fn a_long_summary_says_where_it_was_cut() {
        let mut judgement = Judgement::new("long");
        judgement.findings =
            (0..5_000).map(|n| finding(Decision::Fail, &format!("m{n}"))).collect();
        let view = JudgementView::comparison(&judgement, None);
        let cut = render(&view, 20_000);
        assert!((18_000..=20_000).contains(&cut.len()), "{}", cut.len());
        let last = cut.lines().last().expect("it has lines");
        assert!(last.starts_with("**Cut here**: 4"), "{last}");
        let rows = cut.lines().filter(|l| l.starts_with("| FAIL ")).count();
        assert!(last.contains(&format!(": {} more lines", 5_000 - rows)), "{rows} {last}");
        let whole = render(&view, 4 * MOST_BYTES);
        assert_eq!(whole.lines().filter(|l| l.starts_with("| FAIL ")).count(), 5_000);
        assert!(!whole.contains("Cut here"));
    }

    proptest! {
        #[test]
        fn it_is_never_longer_than_asked_and_always_closed(limit in 0usize..9_000) {
            let judgement = sample();
            let written = render(&JudgementView::comparison(&judgement, None), limit);
            prop_assert!(written.len() <= limit);
            for (open, close) in [("<details>", "</details>"), ("<pre>", "</pre>")] {
                prop_assert_eq!(written.matches(open).count(), written.matches(close).count());
            }
        }
    }
}

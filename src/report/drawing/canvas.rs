//! SVG documents that plotters draws, with groups: plotters has none.

use crate::report::drawing::compact::compact;
use plotters::prelude::*;

/// A part of a picture, in pixels from its corner.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
/// The result of drawing; in memory it does not fail.
pub(crate) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// The font of texts that stand for the beginning and the end of a group. No label can have it, as labels are
/// escaped and an attribute is not.
const GROUP: &str = "group";
/// Between the parts of the first one.
const NEXT: char = '\u{1}';
/// The whole of the last one.
const END: &str = "end";

/// What belongs together in a picture, for readers that can point at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PictureGroup<'a> {
    /// The label of the series that it shows, which a reader can hide.
    pub series: Option<&'a str>,
    /// What it says, shown of what is pointed at.
    pub title: Option<&'a str>,
    /// Where its plot is and what its axes span, see [`Plot`](crate::report::drawing::plot::Plot).
    pub axes: Option<&'a str>,
}

impl PictureGroup<'_> {
    /// Draws what belongs to it.
    pub(crate) fn draw(self, area: &Area, draw: impl FnOnce() -> Drawn) -> Drawn {
        let part = |part: Option<&str>| clean(part.unwrap_or_default());
        let parts = [self.series, self.title, self.axes].map(part);
        let style = TextStyle::from((GROUP, 1).into_font());
        area.draw_text(&format!("{NEXT}{}", parts.join(&NEXT.to_string())), &style, (0, 0))?;
        draw()?;
        area.draw_text(END, &style, (0, 0))
    }
}

/// Returns a picture of a size in pixels as an SVG document.
pub(crate) fn picture(size: (u32, u32), draw: impl FnOnce(&Area) -> Drawn) -> String {
    let mut document = String::new();
    let area = SVGBackend::with_string(&mut document, size).into_drawing_area();
    let drawn = area.fill(&WHITE).and_then(|()| draw(&area)).and_then(|()| area.present());
    drop(area);
    drawn.expect("memory takes every element");
    let document = grouped(&document);
    // plotters centres the letter x; centred capitals and digits look better.
    compact(&document.replace("dy=\"0.5ex\"", "dy=\"0.365em\""))
}

/// Whether a character can be in a document: XML has no control characters, but a label may.
fn is_text(c: char) -> bool {
    c == '\n' || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| is_text(*c) && *c != '\n').collect()
}

/// Replaces the texts that stand for groups, which plotters has written on three lines each: the opening tag,
/// the escaped text, and the closing tag.
fn grouped(document: &str) -> String {
    let font = format!("font-family=\"{GROUP}\"");
    let mut out = String::with_capacity(document.len());
    let mut lines = document.split_inclusive('\n');
    while let Some(line) = lines.next() {
        if !(line.starts_with("<text") && line.contains(&font)) {
            out.extend(line.chars().filter(|c| is_text(*c)));
            continue;
        }
        match lines.next().and_then(|text| text.strip_prefix(NEXT)) {
            Some(parts) => out.push_str(&group_tag(parts.trim_end_matches('\n'))),
            None => out.push_str("</g>\n"),
        }
        lines.next();
    }
    out
}

/// Returns the opening tag of a group, from its escaped parts.
fn group_tag(parts: &str) -> String {
    let mut parts = parts.split(NEXT);
    let series = parts.next().unwrap_or_default();
    let title = parts.next().unwrap_or_default();
    let axes = parts.next().unwrap_or_default();
    let mut tag = "<g".to_owned();
    for (name, value) in [("series", series), ("axes", axes)] {
        if !value.is_empty() {
            tag.push_str(&format!(" data-{name}=\"{value}\""));
        }
    }
    tag.push('>');
    if !title.is_empty() {
        tag.push_str(&format!("<title>{title}</title>"));
    }
    tag.push('\n');
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_its_series_and_its_title_whatever_they_are() {
        let hostile = "a\"<b>&\u{1}\u{7}\nc";
        let group = PictureGroup { series: Some(hostile), title: Some(hostile), axes: None };
        let document = picture((10, 10), |area| {
            group.draw(area, || area.draw(&Circle::new((1, 1), 1, BLACK.filled())))?;
            area.draw_text(hostile, &TextStyle::from(("sans-serif", 1).into_font()), (0, 0))
        });
        let lines: Vec<&str> = document.lines().collect();
        let escaped = "a&quot;&lt;b&gt;&amp;c";
        assert!(
            lines[2].starts_with(&format!("<g data-series=\"{escaped}\"><title>{escaped}</title>"))
        );
        assert!(lines[3].starts_with("<circle"), "{document}");
        assert_eq!(lines[4], "</g>");
        assert!(!document.chars().any(|c| !is_text(c)));
        resvg::usvg::roxmltree::Document::parse(&document).expect("it is XML");
    }
}

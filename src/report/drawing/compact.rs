//! Shorter SVG documents: neighbours that look alike become one path or share a group, a path's points are
//! relative to each other, and what is so anyway is left out. It draws the same, to a twentieth of a pixel.

use std::fmt::Write;

/// Attributes that have these values without being written.
const DEFAULTS: [(&str, &str); 3] =
    [("opacity", "1"), ("stroke", "none"), ("text-anchor", "start")];
/// This many texts that look alike are written as a group.
const FEWEST_IN_GROUP: usize = 3;

/// The attributes of an element, in their order.
type Look<'a> = Vec<(&'a str, String)>;

/// What lines of a document are.
enum Element<'a> {
    Text(Text<'a>),
    /// A line of any number of points.
    Stroke(Outline<'a>),
    /// A rectangle or polygon.
    Area(Outline<'a>),
    /// A group's begin, or anything else, as it was.
    Other(&'a str),
}

struct Text<'a> {
    /// What its neighbours must have, too.
    look: Look<'a>,
    place: Look<'a>,
    /// Escaped.
    content: String,
}

struct Outline<'a> {
    look: Look<'a>,
    path: String,
}

/// Shortens a document as plotters writes it: an element a line, but for what a text says.
pub(crate) fn compact(document: &str) -> String {
    let mut out = Shorter { text: String::with_capacity(document.len()), ..Shorter::default() };
    let mut lines = document.split_inclusive('\n');
    while let Some(line) = lines.next() {
        match element(line, &mut lines) {
            Element::Text(text) => {
                out.end_areas();
                // The name of an axis that has none.
                if !text.content.is_empty() {
                    out.texts.push(text);
                }
            }
            // Lines come before the texts among them, so that ticks without their labels are one path.
            Element::Stroke(stroke) => {
                out.end_areas();
                out.strokes.push(stroke);
            }
            Element::Area(area) => {
                out.end_lines();
                out.areas.push(area);
            }
            Element::Other(line) => {
                out.end_areas();
                out.end_lines();
                out.text.push_str(line);
            }
        }
    }
    out.end_areas();
    out.end_lines();
    out.text
}

/// A document while it is written, and elements of it that may be joined with what comes next.
#[derive(Default)]
struct Shorter<'a> {
    text: String,
    areas: Vec<Outline<'a>>,
    strokes: Vec<Outline<'a>>,
    texts: Vec<Text<'a>>,
}

impl Shorter<'_> {
    fn end_areas(&mut self) {
        write_shapes(&mut self.text, &std::mem::take(&mut self.areas));
    }

    fn end_lines(&mut self) {
        write_shapes(&mut self.text, &std::mem::take(&mut self.strokes));
        for alike in std::mem::take(&mut self.texts).chunk_by(|a, b| a.look == b.look) {
            let is_group = alike.len() >= FEWEST_IN_GROUP;
            if is_group {
                self.text.push_str("<g");
                write_attributes(&mut self.text, &alike[0].look);
                self.text.push_str(">\n");
            }
            for text in alike {
                self.text.push_str("<text");
                write_attributes(&mut self.text, &text.place);
                if !is_group {
                    write_attributes(&mut self.text, &text.look);
                }
                let _ = writeln!(self.text, ">{}</text>", text.content);
            }
            if is_group {
                self.text.push_str("</g>\n");
            }
        }
    }
}

/// Writes neighbours that look alike as one path.
fn write_shapes(out: &mut String, shapes: &[Outline]) {
    for alike in shapes.chunk_by(|a, b| a.look == b.look) {
        out.push_str("<path");
        write_attributes(out, &alike[0].look);
        out.push_str(" d=\"");
        alike.iter().for_each(|shape| out.push_str(&shape.path));
        out.push_str("\"/>\n");
    }
}

fn write_attributes(out: &mut String, attributes: &[(&str, String)]) {
    for (name, value) in attributes {
        let _ = write!(out, " {name}=\"{value}\"");
    }
}

/// Reads an element; of a text the lines up to its end, too.
fn element<'a>(line: &'a str, rest: &mut impl Iterator<Item = &'a str>) -> Element<'a> {
    if let Some(tag) = line.strip_prefix("<text ") {
        let mut content = String::new();
        // A text may have lines of its own, each of them escaped.
        for text in rest.take_while(|text| *text != "</text>\n") {
            content.push_str(text.trim_end_matches('\n'));
        }
        return Element::Text(text(tag, content));
    }
    let tag = line.trim_end().strip_suffix("/>").and_then(|body| body.strip_prefix('<'));
    let shape = tag.and_then(|tag| tag.split_once(' ')).and_then(|(kind, rest)| {
        let mut look = attributes(rest);
        let path = match kind {
            "rect" => {
                let [x, y, width, height] = numbers(&mut look, ["x", "y", "width", "height"])?;
                format!("M{x} {y}h{width}v{height}h{}z", -width)
            }
            "line" => {
                let ends = numbers(&mut look, ["x1", "y1", "x2", "y2"])?;
                // An area it has not: as lines of several points say.
                look.insert(0, ("fill", "none".to_owned()));
                path(&ends)
            }
            "polyline" | "polygon" => {
                let points = take(&mut look, "points")?;
                let numbers = points.split([' ', ',']).filter(|number| !number.is_empty());
                path(&numbers.map(|number| number.parse().ok()).collect::<Option<Vec<f64>>>()?)
            }
            _ => return None,
        };
        Some(match kind {
            "rect" => Element::Area(Outline { look, path }),
            "polygon" => Element::Area(Outline { look, path: path + "z" }),
            _ => Element::Stroke(Outline { look, path }),
        })
    });
    shape.unwrap_or(Element::Other(line))
}

/// A text from its tag. The part of a line's height that it is moved by is added to its place.
fn text(tag: &str, content: String) -> Text<'_> {
    let mut look = attributes(tag);
    let size = look.iter().find(|(name, _)| *name == "font-size");
    let size = size.and_then(|(_, size)| size.parse::<f64>().ok());
    let mut place = Vec::new();
    for name in ["x", "y", "transform"] {
        if let Some(value) = take(&mut look, name) {
            place.push((name, value));
        }
    }
    let moved = look.iter().find(|(name, _)| *name == "dy");
    let moved = moved.and_then(|(_, by)| by.strip_suffix("em")?.parse::<f64>().ok());
    if let (Some(size), Some(by)) = (size, moved)
        && let Some((_, y)) = place.iter_mut().find(|(name, _)| *name == "y")
        && let Ok(at) = y.parse::<f64>()
    {
        *y = rounded(at + by * size).to_string();
        take(&mut look, "dy");
    }
    if let (Some(size), Some((_, written))) =
        (size, look.iter_mut().find(|(name, _)| *name == "font-size"))
    {
        // Plotters writes it with fifteen digits.
        *written = rounded(size).to_string();
    }
    Text { look, place, content }
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// A line through points, each after the first relative to the one before.
fn path(numbers: &[f64]) -> String {
    let points = numbers.chunks_exact(2).map(|point| (rounded(point[0]), rounded(point[1])));
    let mut out = String::new();
    let mut last: Option<(f64, f64)> = None;
    for (x, y) in points {
        let Some((from_x, from_y)) = last.replace((x, y)) else {
            let _ = write!(out, "M{x} {y}");
            continue;
        };
        let _ = match (rounded(x - from_x), rounded(y - from_y)) {
            (right, 0.0) => write!(out, "h{right}"),
            (0.0, down) => write!(out, "v{down}"),
            // A sign parts two numbers, too.
            (right, down) if down < 0.0 => write!(out, "l{right}{down}"),
            (right, down) => write!(out, "l{right} {down}"),
        };
    }
    out
}

/// The attributes of a tag without those that have their default.
fn attributes(tag: &str) -> Look<'_> {
    let mut all = Vec::new();
    let mut parts = tag.split('"');
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        let name = name.trim().trim_end_matches('=');
        if !DEFAULTS.contains(&(name, value)) {
            all.push((name, value.to_owned()));
        }
    }
    all
}

fn take(attributes: &mut Look, name: &str) -> Option<String> {
    let at = attributes.iter().position(|(own, _)| *own == name)?;
    Some(attributes.remove(at).1)
}

fn numbers<const N: usize>(look: &mut Look, names: [&str; N]) -> Option<[f64; N]> {
    let mut all = [0.0; N];
    for (number, name) in all.iter_mut().zip(names) {
        *number = rounded(take(look, name)?.parse().ok()?);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_look_alike_are_one_path() {
        let rect = |x: u32, fill: &str| {
            format!(
                "<rect x=\"{x}\" y=\"2\" width=\"3\" height=\"4\" opacity=\"1\" fill=\"{fill}\" stroke=\"none\"/>\n"
            )
        };
        let document = format!(
            "<svg>\n{}{}{}<polygon opacity=\"1\" fill=\"red\" points=\"1,2 3,4 \"/>\n</svg>\n",
            rect(1, "red"),
            rect(9, "red"),
            rect(1, "blue")
        );
        assert_eq!(
            compact(&document),
            "<svg>\n<path fill=\"red\" d=\"M1 2h3v4h-3zM9 2h3v4h-3z\"/>\n\
             <path fill=\"blue\" d=\"M1 2h3v4h-3z\"/>\n\
             <path fill=\"red\" d=\"M1 2l2 2z\"/>\n</svg>\n"
        );
    }

    #[test]
    fn lines_that_look_alike_are_one_path_without_the_texts_among_them() {
        let look = "opacity=\"0.5\" stroke=\"red\" stroke-width=\"2\"";
        let line = |points: &str| format!("<polyline fill=\"none\" {look} points=\"{points}\"/>\n");
        let text = "<text x=\"7\" y=\"8\" dy=\"0.365em\" text-anchor=\"start\" font-size=\"20\">\nA\n</text>\n";
        let empty = "<text x=\"7\" y=\"8\">\n</text>\n";
        let straight = format!("<line {look} x1=\"1\" y1=\"2\" x2=\"1\" y2=\"9\"/>\n");
        let document = [&line("1,2 3,4 5,1.25 9,1.25 "), text, empty, &straight].concat();
        assert_eq!(
            compact(&document),
            format!(
                "<path fill=\"none\" {look} d=\"M1 2l2 2l2-2.7h4M1 2v7\"/>\n\
                 <text x=\"7\" y=\"15.3\" font-size=\"20\">A</text>\n"
            )
        );
    }

    #[test]
    fn texts_that_look_alike_share_a_group() {
        let text =
            |x: u32| format!("<text x=\"{x}\" y=\"8\" dy=\"-0.5ex\" fill=\"red\">\nA\n</text>\n");
        let short = |x: u32| format!("<text x=\"{x}\" y=\"8\">A</text>\n");
        assert_eq!(
            compact(&[1, 2, 3].map(text).concat()),
            format!("<g dy=\"-0.5ex\" fill=\"red\">\n{}</g>\n", [1, 2, 3].map(short).concat())
        );
    }

    #[test]
    fn what_a_text_says_and_groups_stay_as_they_are() {
        let text = "<g data-series=\"a\">\n<text x=\"1\" font-size=\"23.999999\" fill=\"red\">\n opacity=&quot;1&quot;\n</text>\n</g>\n";
        assert_eq!(
            compact(text),
            "<g data-series=\"a\">\n<text x=\"1\" font-size=\"24\" fill=\"red\"> opacity=&quot;1&quot;</text>\n</g>\n"
        );
    }
}

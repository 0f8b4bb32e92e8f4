//! Shorter SVG documents: neighbours that look alike become one path, and attributes that say what is so
//! anyway are left out. It draws the same.

use std::fmt::Write;

/// Attributes that have these values without being written.
const DEFAULTS: [&str; 3] = [" opacity=\"1\"", " stroke=\"none\"", " text-anchor=\"start\""];
/// What comes before the size of a text, which plotters writes with fifteen digits.
const SIZE: &str = " font-size=\"";

/// An element as a piece of a path, with the attributes that its neighbours must share.
struct Piece<'a> {
    attributes: Vec<(&'a str, &'a str)>,
    path: String,
}

/// Shortens a document as plotters writes it: an element a line.
pub(crate) fn compact(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut run: Option<(Piece, &str)> = None;
    let mut joined = 0;
    let document = texts(document);
    for line in document.split_inclusive('\n') {
        let piece = piece(line);
        match (&mut run, piece) {
            (Some((first, _)), Some(next)) if first.attributes == next.attributes => {
                first.path.push_str(&next.path);
                joined += 1;
            }
            (_, piece) => {
                end(&mut out, run.take(), joined);
                joined = 0;
                match piece {
                    Some(piece) => run = Some((piece, line)),
                    None => out.push_str(line),
                }
            }
        }
    }
    end(&mut out, run, joined);
    DEFAULTS.iter().fold(out, |text, default| text.replace(default, ""))
}

/// Writes each text in one line, and its size with one decimal.
fn texts(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut lines = document.split_inclusive('\n');
    while let Some(line) = lines.next() {
        if !line.starts_with("<text") {
            out.push_str(line);
            continue;
        }
        let tag = line.trim_end_matches('\n');
        let size = tag.split_once(SIZE).and_then(|(before, rest)| {
            let (size, after) = rest.split_once('"')?;
            let size: f64 = size.parse().ok()?;
            Some(format!("{before}{SIZE}{}\"{after}", (size * 10.0).round() / 10.0))
        });
        out.push_str(size.as_deref().unwrap_or(tag));
        // The text may have lines of its own, each of them escaped.
        for text in lines.by_ref() {
            if text == "</text>\n" {
                out.push_str(text);
                break;
            }
            out.push_str(text.trim_end_matches('\n'));
        }
    }
    out
}

/// Writes a run: one element as it was, several as a path.
fn end(out: &mut String, run: Option<(Piece, &str)>, joined: usize) {
    let Some((piece, line)) = run else { return };
    if joined == 0 {
        out.push_str(line);
        return;
    }
    out.push_str("<path");
    for (name, value) in &piece.attributes {
        let _ = write!(out, " {name}=\"{value}\"");
    }
    let _ = writeln!(out, " d=\"{}\"/>", piece.path);
}

/// Reads a line that is a rectangle, a polygon or a line of several points.
fn piece(line: &str) -> Option<Piece<'_>> {
    let body = line.trim_end().strip_suffix("/>")?;
    let (kind, rest) = body.strip_prefix('<')?.split_once(' ')?;
    if !matches!(kind, "rect" | "polygon" | "polyline") {
        return None;
    }
    let mut attributes: Vec<(&str, &str)> = Vec::new();
    let mut parts = rest.split('"');
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        attributes.push((name.trim().strip_suffix('=')?, value));
    }
    let mut take = |name: &str| {
        let at = attributes.iter().position(|(own, _)| *own == name)?;
        Some(attributes.remove(at).1)
    };
    let path = match kind {
        "rect" => {
            let [x, y, width, height] = ["x", "y", "width", "height"].map(&mut take);
            let width = width?;
            format!("M{} {}h{width}v{}h{}z", x?, y?, height?, negative(width))
        }
        _ => {
            let points = take("points")?.trim_end().replace(' ', "L");
            format!("M{points}{}", if kind == "polygon" { "z" } else { "" })
        }
    };
    Some(Piece { attributes, path })
}

fn negative(number: &str) -> String {
    match number.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None => format!("-{number}"),
    }
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
             <rect x=\"1\" y=\"2\" width=\"3\" height=\"4\" fill=\"blue\"/>\n\
             <polygon fill=\"red\" points=\"1,2 3,4 \"/>\n</svg>\n"
        );
        let lines = "<polyline fill=\"none\" opacity=\"0.5\" stroke=\"red\" stroke-width=\"2\" points=\"1,2 3,4 \"/>\n";
        assert_eq!(
            compact(&lines.repeat(2)),
            "<path fill=\"none\" opacity=\"0.5\" stroke=\"red\" stroke-width=\"2\" d=\"M1,2L3,4M1,2L3,4\"/>\n"
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

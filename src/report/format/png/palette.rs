//! Colours of Okabe and Ito, which people with colour blindness can tell apart. A transport has the
//! same colour in every picture.

use crate::report::table::Table;
use plotters::style::RGBColor;

const KNOWN: [(&str, RGBColor); 6] = [
    ("polling", RGBColor(213, 94, 0)),
    ("websocket", RGBColor(0, 114, 178)),
    ("long-polling", RGBColor(230, 159, 0)),
    ("streaming", RGBColor(0, 158, 115)),
    ("sse", RGBColor(204, 121, 167)),
    ("null", RGBColor(140, 140, 140)),
];
const OTHERS: [RGBColor; 3] = [RGBColor(86, 180, 233), RGBColor(0, 0, 0), RGBColor(240, 228, 66)];

/// Returns the series of a table with their colours, in the order of the plan.
pub(crate) fn series(table: &Table) -> Vec<(String, RGBColor)> {
    let mut out: Vec<(String, RGBColor)> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for row in &table.rows {
        if out.iter().all(|(label, _)| *label != row.series) {
            let nth = seen.iter().filter(|t| **t == row.transport).count();
            out.push((row.series.clone(), shade(transport(&row.transport), nth)));
            seen.push(&row.transport);
        }
    }
    out
}

/// Returns the colour of a series from the result of [`series`].
pub(crate) fn of(series: &[(String, RGBColor)], label: &str) -> RGBColor {
    series.iter().find(|(l, _)| l == label).map_or(RGBColor(140, 140, 140), |(_, c)| *c)
}

/// Returns a transport's colour; an unknown one gets a colour by its name.
pub(crate) fn transport(name: &str) -> RGBColor {
    let by_name = || OTHERS[name.bytes().map(usize::from).sum::<usize>() % OTHERS.len()];
    KNOWN.iter().find(|(n, _)| *n == name).map_or_else(by_name, |(_, c)| *c)
}

/// The first series of a transport has its colour, later ones a lighter or a darker shade.
fn shade(colour: RGBColor, nth: usize) -> RGBColor {
    match nth % 4 {
        0 => colour,
        1 => lighter(colour, 0.5),
        2 => darker(colour, 0.4),
        _ => lighter(colour, 0.72),
    }
}

/// Mixes a colour with white; 1 is white.
pub(crate) fn lighter(colour: RGBColor, part: f32) -> RGBColor {
    mix(colour, 255.0, part)
}

/// Mixes a colour with black; 1 is black.
pub(crate) fn darker(colour: RGBColor, part: f32) -> RGBColor {
    mix(colour, 0.0, part)
}

fn mix(RGBColor(r, g, b): RGBColor, with: f32, part: f32) -> RGBColor {
    let [r, g, b] = [r, g, b].map(|c| (f32::from(c) * (1.0 - part) + with * part) as u8);
    RGBColor(r, g, b)
}

//! Colours of Okabe and Ito, which people with colour blindness can tell apart. A transport has the
//! same colour in every picture.

use crate::record::TransportKind;
use crate::report::table::Table;
use plotters::style::RGBColor;

const KNOWN: [(TransportKind, RGBColor); 6] = [
    (TransportKind::Polling, RGBColor(213, 94, 0)),
    (TransportKind::WebSocket, RGBColor(0, 114, 178)),
    (TransportKind::LongPolling, RGBColor(230, 159, 0)),
    (TransportKind::Streaming, RGBColor(0, 158, 115)),
    (TransportKind::ServerSentEvents, RGBColor(204, 121, 167)),
    (TransportKind::Null, RGBColor(140, 140, 140)),
];
const OTHERS: [RGBColor; 3] = [RGBColor(86, 180, 233), RGBColor(0, 0, 0), RGBColor(240, 228, 66)];

/// Colours for further series of a transport, once its own shades are used up: dark enough on white,
/// and apart from one another (Paul Tol's and Okabe and Ito's).
const FURTHER: [RGBColor; 12] = [
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(204, 121, 167),
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
    RGBColor(213, 94, 0),
    RGBColor(51, 34, 136),
    RGBColor(136, 34, 85),
    RGBColor(153, 153, 51),
    RGBColor(0, 114, 178),
    RGBColor(102, 194, 165),
    RGBColor(120, 85, 60),
];
/// How far apart two colours of a legend must be, see [`distance`].
const APART: f32 = 100.0;

/// Returns the series of a table with their colours, in the order of the plan. The first series of a
/// transport has the transport's colour, and each other one a colour of its own.
pub(crate) fn series(table: &Table) -> Vec<(String, RGBColor)> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for row in &table.rows {
        if names.iter().all(|(label, _)| *label != row.series) {
            names.push((&row.series, &row.transport));
        }
    }
    let colours = colours(&names.iter().map(|(_, transport)| *transport).collect::<Vec<_>>());
    names.iter().map(|(label, _)| (*label).to_owned()).zip(colours).collect()
}

/// Returns the colours of series of these transports.
fn colours(transports: &[&str]) -> Vec<RGBColor> {
    let is_first = |n: &usize| !transports[..*n].contains(&transports[*n]);
    // A transport's own colour is taken even if its first series comes later.
    let mut used: Vec<RGBColor> =
        (0..transports.len()).filter(is_first).map(|n| transport(transports[n])).collect();
    let colour = |n: usize| {
        if is_first(&n) {
            transport(transports[n])
        } else {
            let colour = unused(transport(transports[n]), &used);
            used.push(colour);
            colour
        }
    };
    (0..transports.len()).map(colour).collect()
}

/// Returns a shade of a colour, or another colour, that is apart from those that are used; if none
/// is, the one that is farthest from them.
fn unused(own: RGBColor, used: &[RGBColor]) -> RGBColor {
    let from_used = |colour: RGBColor| {
        used.iter().map(|other| distance(colour, *other)).fold(f32::INFINITY, f32::min)
    };
    let shades = [lighter(own, 0.5), darker(own, 0.4)];
    let more =
        FURTHER.map(|c| darker(c, 0.45)).into_iter().chain(FURTHER.map(|c| lighter(c, 0.45)));
    let all: Vec<RGBColor> = shades.into_iter().chain(FURTHER).chain(more).collect();
    let apart = all.iter().copied().find(|colour| from_used(*colour) >= APART);
    let farthest = || all.iter().copied().max_by(|a, b| from_used(*a).total_cmp(&from_used(*b)));
    apart.or_else(farthest).unwrap_or(own)
}

/// Returns how far apart two colours look: the usual distance, weighted by how well red, green and
/// blue are seen ("redmean").
fn distance(a: RGBColor, b: RGBColor) -> f32 {
    let red = (f32::from(a.0) + f32::from(b.0)) / 2.0 / 256.0;
    let square = |a: u8, b: u8| (f32::from(a) - f32::from(b)).powi(2);
    let sum =
        (2.0 + red) * square(a.0, b.0) + 4.0 * square(a.1, b.1) + (3.0 - red) * square(a.2, b.2);
    sum.sqrt()
}

/// Returns the colour of a series from the result of [`series`].
pub(crate) fn of(series: &[(String, RGBColor)], label: &str) -> RGBColor {
    series.iter().find(|(l, _)| l == label).map_or(RGBColor(140, 140, 140), |(_, c)| *c)
}

/// Returns a transport's colour; an unknown one gets a colour by its name.
pub(crate) fn transport(name: &str) -> RGBColor {
    let by_name = || OTHERS[name.bytes().map(usize::from).sum::<usize>() % OTHERS.len()];
    KNOWN.iter().find(|(kind, _)| kind.name() == name).map_or_else(by_name, |(_, c)| *c)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_has_a_colour_of_its_own() {
        for name in KNOWN.map(|(kind, _)| kind.name()) {
            for count in [12] {
                let all = colours(&vec![name; count]);
                assert_eq!(all[0], transport(name));
                for (n, colour) in all.iter().enumerate() {
                    for other in &all[..n] {
                        let apart = distance(*colour, *other);
                        assert!(apart >= APART, "{name} {n}: {colour:?} {other:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_series_of_a_transport_has_its_colour_wherever_it_is() {
        let mixed = ["polling", "polling", "polling", "websocket", "long-polling", "polling"];
        let all = colours(&mixed);
        for (n, name) in [(0, "polling"), (3, "websocket"), (4, "long-polling")] {
            assert_eq!(all[n], transport(name));
        }
        assert_eq!(all[1..3], [lighter(all[0], 0.5), darker(all[0], 0.4)]);
        assert_eq!(all.len(), 6);
    }
}

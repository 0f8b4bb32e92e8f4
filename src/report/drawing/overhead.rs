//! The chapter's figure 7-4: overhead per second by client count, as the chapter has it and measured.

use crate::record::TransportKind;
use crate::report::drawing::axis::AxisScale;
use crate::report::drawing::page::{LegendEntry, Page, Swatch};
use crate::report::drawing::panel::{Mark, Panel, Shape};
use crate::report::drawing::{clusters, invalid_mark, keys, palette, reasons, show_bytes};
use crate::report::figure::Figure;
use crate::report::layer::{Layer, Way};
use crate::report::table::{Row, Table};
use plotters::style::RGBColor;

pub(in crate::report) const SCALED_SIGN: &str = "*";

pub(crate) fn draw(table: &Table) -> String {
    let series = palette::series(table);
    let mut legend: Vec<LegendEntry> = keys(&series);
    for kind in [TransportKind::Polling, TransportKind::WebSocket] {
        let transport = kind.name();
        let known = |r: &Row| r.kind() == Some(kind) && r.chapter.bytes_per_s.value().is_some();
        if table.rows.iter().any(known) {
            let label = format!("the chapter's {transport}");
            legend.push(LegendEntry::of(&label, palette::transport(transport), Swatch::Striped));
        }
    }
    let panel = Panel {
        title: "",
        axis: "overhead, bytes per second (log scale)",
        scale: AxisScale::Log,
        show: show_bytes,
        clusters: clusters(table, &series, true, marks),
        size: 25.0,
    };
    let page = Page {
        table,
        title: "Protocol overhead per second, all clients",
        about: "bytes above TCP that are not payload, both directions".into(),
        keys: legend,
        footnotes: footnotes(table),
        absent: None,
    };
    page.draw(|area| panel.draw(area))
}

/// True if a picture of it would have no bar.
pub(crate) fn is_empty(table: &Table) -> bool {
    !table.rows.iter().any(|row| row.overhead_per_s().value().is_some_and(|bytes| bytes > 0.0))
}

fn marks(rows: &[(&Row, RGBColor)]) -> Vec<Mark> {
    let mut shown = Vec::new();
    let mut marks = Vec::new();
    for (row, colour) in rows {
        if let (Some(value), false) =
            (row.chapter.bytes_per_s.value(), shown.contains(&&row.transport))
        {
            shown.push(&row.transport);
            marks.push(Mark {
                shape: Shape::Striped(value),
                lines: vec![show_bytes(value)],
                colour: palette::transport(&row.transport),
                series: format!("the chapter's {}", row.transport),
            });
        }
        let stretched = if row.pace.stretched { SCALED_SIGN } else { "" };
        let sign = format!("{stretched}{}", invalid_mark(row));
        let mark = Mark::bar(row.overhead_per_s(), show_bytes, &sign, *colour);
        marks.push(mark.of(&row.series));
    }
    marks
}

fn footnotes(table: &Table) -> Vec<String> {
    let mut notes = Vec::new();
    for row in table.rows.iter().filter(|r| r.pace.stretched) {
        let volume = row.steady(Way::Both, Layer::Overhead);
        if let (Figure::Known(measured), Some(held), Some(factor)) =
            (&volume.per_s, row.pace.held_s.value(), row.pace.stretch.value())
        {
            notes.push(format!(
                "{SCALED_SIGN} {}: measured {}/s with an event every {}, scaled by {factor:.2} to \
                 the planned rate",
                row.label(),
                show_bytes(*measured),
                crate::units::human_ns(held * 1e9),
            ));
        }
    }
    if table.rows.iter().any(|r| r.chapter.bytes_per_s.value().is_some()) {
        notes.push(
            "The chapter counts 871 characters of heads a poll and 2 bytes a WebSocket message; \
             measured are all bytes, line \
             ends and control frames included."
                .to_owned(),
        );
    }
    notes.extend(reasons(table.rows.iter().map(Row::overhead_per_s)));
    notes
}

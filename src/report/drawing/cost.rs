//! CPU per message and memory per client of driver, server and kernel.

use crate::record::TransportKind;
use crate::report::drawing::axis::AxisScale;
use crate::report::drawing::page::{LegendEntry, Page};
use crate::report::drawing::panel::{Mark, Panel, Show};
use crate::report::drawing::{clusters, invalid_mark, keys, palette, reasons, show_bytes, show_us};
use crate::report::figure::Figure;
use crate::report::table::{Row, Table};
use plotters::style::RGBColor;

/// Pixels between two panels.
const GAP: (u32, u32) = (46, 24);

/// Title, format and value of a panel.
type CostPanel = (&'static str, Show, fn(&Row) -> &Figure);

/// The driver's floor has one bar per client count, as it does not depend on the series.
const FLOOR: &str = "Floor: driver CPU per turn, no network";
const PANELS: [CostPanel; 6] = [
    ("Driver CPU per message", show_us, |r| &r.cost.driver_cpu_us),
    ("Server CPU per message", show_us, |r| &r.cost.server_cpu_us),
    (FLOOR, show_us, |r| &r.cost.floor_cpu_us),
    ("Driver memory per client", show_bytes, |r| &r.cost.driver_bytes),
    ("Server memory per client", show_bytes, |r| &r.cost.server_bytes),
    ("Kernel socket memory per client", show_bytes, |r| &r.cost.kernel_bytes),
];

pub(crate) fn draw(table: &Table) -> String {
    let series = palette::series(table);
    let mut legend = keys(&series);
    legend.push(LegendEntry::new(
        "floor (null transport)",
        palette::transport(TransportKind::Null.name()),
    ));
    let mut footnotes = vec![
        "CPU: user and system time per completed exchange (polling) or received message (push). \
         Memory: private resident memory that a client adds; kernel: socket memory of the whole \
         host, both ends."
            .to_owned(),
    ];
    let figures = PANELS.iter().flat_map(|p| table.rows.iter().map(p.2));
    footnotes.extend(reasons(figures));
    let page = Page {
        table,
        title: "CPU and memory",
        about: "by client count; lower is better".into(),
        keys: legend,
        footnotes,
        absent: None,
    };
    page.draw(|area| {
        let parts = area.margin(0, 0, 0, -(GAP.0 as i32)).split_evenly((2, 3));
        for (plan, part) in PANELS.iter().zip(parts) {
            panel(table, &series, *plan).draw(&part.margin(0, GAP.1, 0, GAP.0))?;
        }
        Ok(())
    })
}

/// True if a picture of it would have no bar.
pub(crate) fn is_empty(table: &Table) -> bool {
    let is_any = |row: &Row| PANELS.iter().any(|(.., value)| value(row).value().is_some());
    !table.rows.iter().any(is_any)
}

fn panel(table: &Table, series: &[(String, RGBColor)], (title, show, value): CostPanel) -> Panel {
    let clusters = clusters(table, series, false, |rows| {
        let rows = rows.iter().copied();
        let bar = |row, sign, colour| Mark::bar(value(row), show, sign, colour);
        match title {
            // The run's verdict does not include the floor.
            FLOOR => rows
                .take(1)
                .map(|(r, _)| bar(r, "", palette::transport(TransportKind::Null.name())))
                .collect(),
            _ => rows
                .map(|(row, colour)| bar(row, invalid_mark(row), colour).of(&row.series))
                .collect(),
        }
    });
    Panel { title, axis: "", scale: AxisScale::Linear, show, clusters, size: 22.0 }
}

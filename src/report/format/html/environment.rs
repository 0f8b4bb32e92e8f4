//! Where a run was measured, and how it is repeated.

use super::cells::{Cell, HtmlRow, HtmlTable, text_head};
use crate::report::table::Table;

/// The machine, by the name of the property.
pub(super) fn table(table: &Table) -> HtmlTable {
    let line = |(name, value): (&str, &str)| {
        // A sysctl is looked up by its own name.
        let shown = if name.contains('.') { name.to_owned() } else { name.replace('_', " ") };
        HtmlRow { series: String::new(), cells: vec![Cell::head(shown), Cell::text(value)] }
    };
    let host = table.host.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    HtmlTable {
        id: "machine",
        caption: "The machine".to_owned(),
        heads: vec![text_head("property"), text_head("value")],
        rows: [("program", table.build.as_str())].into_iter().chain(host).map(line).collect(),
        notes: Vec::new(),
    }
}

//! Polling over WebSocket at every layer: one layer alone misleads.

use crate::record::{Metric, TransportKind};
use crate::report::figure::Figure;
use crate::report::layer::{Layer, Statistic, Way};
use crate::report::table::{Comparison, Ratio, Row};

/// Every polling row with the first WebSocket row of the same client count.
pub(super) fn comparisons(rows: &[Row]) -> Vec<Comparison> {
    let polling = rows.iter().filter(|r| r.kind() == Some(TransportKind::Polling));
    polling
        .filter_map(|poll| {
            let push = rows.iter().find(|r| {
                r.kind() == Some(TransportKind::WebSocket) && r.clients == poll.clients
            })?;
            Some(Comparison {
                clients: poll.clients,
                polling: poll.series.clone(),
                websocket: push.series.clone(),
                ratios: ratios(poll, push),
            })
        })
        .collect()
}

fn ratios(poll: &Row, push: &Row) -> Vec<Ratio> {
    // The chapter sets characters of heads against bytes of frames: a frame has no characters.
    let layers = [
        ("head_chars", "characters", Layer::HeadChars, Layer::Overhead),
        ("overhead_bytes", "overhead", Layer::Overhead, Layer::Overhead),
        ("wire_bytes", "app bytes", Layer::Wire, Layer::Wire),
        ("ip_bytes", "TCP/IP", Layer::Ip, Layer::Ip),
    ];
    let mut out: Vec<Ratio> = layers
        .into_iter()
        .map(|(name, label, polled, pushed)| {
            let a = poll.steady(Way::Both, polled);
            let b = push.steady(Way::Both, pushed);
            let none = "WebSocket has none to compare with";
            Ratio {
                name,
                layer: Some(polled),
                label,
                per_message: a.per_message.over(&b.per_message, none),
                per_s: a.per_s_planned().over(b.per_s_planned(), none),
            }
        })
        .collect();
    type Of = fn(&Row) -> &Figure;
    let others: [(_, _, Of); 3] = [
        ("delivery_latency_mean", "mean delivery", |row| {
            row.latency(Metric::DeliveryLatency).stat(Statistic::Mean)
        }),
        ("driver_cpu", "driver CPU", |row| &row.cost.driver_cpu_us),
        ("server_cpu", "server CPU", |row| &row.cost.server_cpu_us),
    ];
    out.extend(others.into_iter().map(|(name, label, of)| Ratio {
        name,
        layer: None,
        label,
        per_message: of(poll).over(of(push), "WebSocket's figure is zero"),
        per_s: Figure::absent("compared for each message only"),
    }));
    out
}

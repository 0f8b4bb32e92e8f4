//! The scenarios that come with the program, so that it works from any folder.

/// Each by its name, in the order of the README.
pub(crate) const SHIPPED: [(&str, &str); 12] = [
    ("polling-vs-ws", include_str!("../../scenarios/polling-vs-ws.toml")),
    ("tls", include_str!("../../scenarios/tls.toml")),
    ("quick", include_str!("../../scenarios/quick.toml")),
    ("every-way", include_str!("../../scenarios/every-way.toml")),
    ("head-of-line", include_str!("../../scenarios/head-of-line.toml")),
    ("million", include_str!("../../scenarios/million.toml")),
    ("latency", include_str!("../../scenarios/latency.toml")),
    ("rare-updates", include_str!("../../scenarios/rare-updates.toml")),
    ("broadcast", include_str!("../../scenarios/broadcast.toml")),
    ("echo", include_str!("../../scenarios/echo.toml")),
    ("tracker", include_str!("../../scenarios/tracker.toml")),
    ("ci", include_str!("../../scenarios/ci.toml")),
];

/// The text of a scenario by its name.
pub(crate) fn find_shipped(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|shipped| shipped.0 == name).map(|shipped| shipped.1)
}

//! The versions of the libraries that figures depend on, as this program was built.

/// What Cargo has locked.
const LOCK: &str = include_str!("../../Cargo.lock");
/// Runtimes, engines, protocols and histograms.
const WANTED: [&str; 9] = [
    "tokio",
    "hyper",
    "reqwest",
    "tokio-tungstenite",
    "tungstenite",
    "httparse",
    "rustls",
    "ring",
    "hdrhistogram",
];

/// Returns each library with its version: `tokio 1.54.0, hyper 1.12.0`.
pub(super) fn versions() -> String {
    let mut found = Vec::new();
    for wanted in WANTED {
        let name = format!("name = \"{wanted}\"\nversion = \"");
        let version = LOCK.split_once(&name).and_then(|(_, rest)| rest.split_once('"'));
        found.extend(version.map(|(version, _)| format!("{wanted} {version}")));
    }
    found.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_library_is_locked() {
        let all = versions();
        assert_eq!(all.split(", ").count(), WANTED.len(), "{all}");
        let is_version =
            |one: &str| one.rsplit(' ').next().is_some_and(|v| v.split('.').count() == 3);
        assert!(all.split(", ").all(is_version), "{all}");
    }
}

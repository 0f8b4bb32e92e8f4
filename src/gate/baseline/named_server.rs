//! The host and port of a server that is not the reference server, as a plan's series name it.

use serde_json::Value;
use std::ops::Range;

/// Returns where host and port are in a URL, or in a text that is nothing else. A secret may stand in
/// place of user and password, so that it need not be a URL any more for which there is a parser.
pub(super) fn authority_in(text: &str) -> Range<usize> {
    let start = text.find("://").map_or(0, |at| at + "://".len());
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    let user = text[start..end].rfind('@').map_or(0, |at| at + 1);
    start + user..end
}

/// Returns a host without its port. An IPv6 address is in brackets.
pub(super) fn host_alone(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Returns the authority of a plan's server that is not the reference server.
pub(super) fn authority_of(server: &Value) -> Option<String> {
    server["external"]["authority"].as_str().map(str::to_owned)
}

/// How the requests of a series name their server, by the plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NamedServer {
    /// Host and port, as the user wrote them.
    pub(super) authority: String,
    /// Whether `Host` is the authority.
    pub(super) by_host: bool,
    /// Further fields whose value names it.
    pub(super) fields: usize,
}

impl NamedServer {
    /// Returns it for the series with this label; `None` for the reference server.
    pub(super) fn of(plan: &Value, label: &str) -> Option<NamedServer> {
        let mut series = plan["series"].as_array().into_iter().flatten();
        let series = series.find(|series| series["label"] == label);
        let own = series.and_then(|series| series.get("server"));
        let authority = authority_of(own.unwrap_or(&plan["server"]))?;
        let options = series.map_or(&Value::Null, |series| &series["params"]["options"]);
        let by_host = options["host"].as_str().is_none_or(|host| host == authority);
        let fields = options["headers"].as_array().into_iter().flatten();
        let values = fields.filter_map(|field| field[1].as_str());
        let fields = values.filter(|value| value[authority_in(value)] == authority).count();
        Some(NamedServer { authority, by_host, fields })
    }
}

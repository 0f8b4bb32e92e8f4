//! A server's port changes no figure but the length of `Host` and of what else names its authority: two
//! runs at ports of different lengths are compared as if both had the longer one.

use crate::gate::baseline::comparable::{ComparableRow, ComparableRun, PhaseTraffic};
use crate::gate::baseline::heads::HeadLines;
use crate::gate::baseline::named_server::{NamedServer, authority_in, authority_of, host_alone};
use crate::record::{HeadOf, Part};
use crate::secret::original_length;
use serde_json::Value;

/// What of a plan's server has its port.
const WITH_PORT: [&str; 4] = ["url", "authority", "address", "others"];

/// Returns an address without its port, and a URL too, with its path if that is not `/`.
fn without_port(text: &str) -> String {
    let at = authority_in(text);
    let before = &text[..at.start];
    let rest = match &text[at.end..] {
        "/" => "",
        rest => rest,
    };
    format!("{before}{}{rest}", host_alone(&text[at]))
}

/// Takes the ports out of a plan: those of its servers, and those of what else names such a server's
/// authority in its series (`host`, `origin`, a header).
pub(super) fn remove_ports(plan: &mut serde_json::Map<String, Value>) {
    let of_run = plan.get("server").and_then(authority_of);
    let series = plan.get_mut("series").and_then(Value::as_array_mut).into_iter().flatten();
    for series in series {
        let own = series.get("server").map(authority_of);
        if let Some(authority) = own.unwrap_or_else(|| of_run.clone()) {
            let options = series.pointer_mut("/params/options");
            options.into_iter().for_each(|options| remove_from(options, &authority));
        }
        series.get_mut("server").into_iter().for_each(remove_from_server);
    }
    plan.get_mut("server").into_iter().for_each(remove_from_server);
}

/// Takes the port out of a server's own places. The command that starts it is a setting of its own.
fn remove_from_server(server: &mut Value) {
    let external = server.get_mut("external").and_then(Value::as_object_mut).into_iter().flatten();
    for (_, place) in external.filter(|(name, _)| WITH_PORT.contains(&name.as_str())) {
        change_texts(place, &without_port);
    }
}

/// Takes the port out of all texts that name this authority.
fn remove_from(options: &mut Value, authority: &str) {
    change_texts(options, &|text| {
        if text[authority_in(text)] == *authority { without_port(text) } else { text.to_owned() }
    });
}

fn change_texts(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| change_texts(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|value| change_texts(value, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns both runs with authorities of the same length, in each series whose servers differ in the
/// port alone.
pub(super) fn with_equal_hosts(
    a: &ComparableRun,
    b: &ComparableRun,
) -> (ComparableRun, ComparableRun) {
    in_pairs(a, b, |row, other| {
        let of_a = row.server.as_ref()?;
        let of_b = other.server.as_ref()?;
        let is_port = host_alone(&of_a.authority) == host_alone(&of_b.authority);
        let count = |server: &NamedServer| usize::from(server.by_host) + server.fields;
        let named = |server: &NamedServer| (server.authority.clone(), count(server));
        is_port.then(|| (named(of_a), named(of_b), names_authority as Names))
    })
}

/// Returns both runs with hosts of the same length, as the requests that were kept name them, or as the
/// plan does if none was.
pub(super) fn with_hosts_of_one_length(
    a: &ComparableRun,
    b: &ComparableRun,
) -> (ComparableRun, ComparableRun) {
    let named = |row: &ComparableRow| {
        let server = || row.server.as_ref().filter(|server| server.by_host);
        let host = host_of(row).or_else(|| server().map(|server| server.authority.clone()))?;
        Some((host, 1))
    };
    // Other fields are the same scenario's, whichever server it is run against.
    in_pairs(a, b, |row, other| Some((named(row)?, named(other)?, names_host as Names)))
}

/// Whether a line of a head names an authority.
type Names = fn(&str, &str) -> bool;

/// An authority, and how many fields of a request name it if none was kept.
type Named = (String, usize);

/// Returns both runs with authorities of the same length in the rows that both have, and for which there
/// are two authorities.
fn in_pairs(
    a: &ComparableRun,
    b: &ComparableRun,
    authorities: impl Fn(&ComparableRow, &ComparableRow) -> Option<(Named, Named, Names)>,
) -> (ComparableRun, ComparableRun) {
    let mut a = a.clone();
    let mut b = b.clone();
    for row in &mut a.rows {
        let other =
            b.rows.iter_mut().find(|r| (&r.series, r.clients) == (&row.series, row.clients));
        let Some(other) = other else { continue };
        if let Some((of_a, of_b, names)) = authorities(row, other) {
            lengthen(row, &of_a, &of_b.0, names);
            lengthen(other, &of_b, &of_a.0, names);
        }
    }
    (a, b)
}

/// Returns the host that the requests of a row name.
fn host_of(row: &ComparableRow) -> Option<String> {
    let mut lines = row.heads.iter().filter(|head| head.of.is_request()).flat_map(|h| &h.lines);
    let host = lines.find_map(|line| value_of(line).filter(|_| is_host(line)))?;
    Some(host.to_owned())
}

/// Returns the value of a field's line.
fn value_of(line: &str) -> Option<&str> {
    line.split_once(':').map(|(_, value)| value.trim())
}

/// Whether a line is that of `Host`, as any engine writes it.
fn is_host(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case("host"))
}

/// Whether a line is `Host` with this authority.
fn names_host(line: &str, authority: &str) -> bool {
    is_host(line) && value_of(line) == Some(authority)
}

/// Whether the value of a field is this authority or a URL of it.
fn names_authority(line: &str, authority: &str) -> bool {
    value_of(line).is_some_and(|value| value[authority_in(value)] == *authority)
}

/// Gives the requests of a row the other authority, if that is longer.
fn lengthen(row: &mut ComparableRow, (from, fields): &Named, to: &str, names: Names) {
    let Some(more) = to.len().checked_sub(from.len()).filter(|more| *more > 0) else { return };
    let is_named = |line: &&String| names(line, from);
    let added = |of: HeadOf| {
        let lines = |head: &HeadLines| head.lines.iter().filter(is_named).count();
        let lines = row.head(of).map_or(*fields, lines);
        (lines * more) as u64
    };
    let setup = requests(row, HeadOf::OpeningRequest, &row.setup) * added(HeadOf::OpeningRequest);
    let steady = requests(row, HeadOf::Request, &row.steady) * added(HeadOf::Request);
    for (traffic, bytes) in [(&mut row.setup, setup), (&mut row.steady, steady)] {
        let up = &mut traffic.bytes.up;
        up.wire += bytes;
        up[Part::Heads] += bytes;
        up.head_chars += bytes;
    }
    for head in row.heads.iter_mut().filter(|head| head.of.is_request()) {
        for line in head.lines.iter_mut().filter(|line| names(line, from)) {
            *line = line.replacen(from.as_str(), to, 1);
        }
    }
}

/// Returns how many requests were sent in a phase. Each has as many bytes as the one that was kept, or
/// their number follows from the schedule, or from the messages that each of them brought.
fn requests(row: &ComparableRow, of: HeadOf, traffic: &PhaseTraffic) -> u64 {
    let heads = traffic.bytes.up[Part::Heads];
    let whole = row.head(of).filter(|head| !head.cut);
    let length = whole.map_or(0, |head| original_length(&head.bytes()) as u64);
    if heads == 0 || (length > 0 && heads.is_multiple_of(length)) {
        return heads.checked_div(length).unwrap_or(0);
    }
    match of {
        HeadOf::OpeningRequest => traffic.connects,
        _ if row.messages > 0 && heads.is_multiple_of(row.messages) => row.messages,
        _ => row.counts.get("completed").copied().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::baseline::differences::reduce_to_scenario;
    use serde_json::json;

    #[test]
    fn ports_are_taken_out_of_addresses_and_urls() {
        for (text, wanted) in [
            ("http://h:8080/", "http://h"),
            ("http://h", "http://h"),
            ("h:80", "h"),
            ("[::1]:9", "[::1]"),
            ("[::1]", "[::1]"),
            ("ws://127.0.0.1:7913/live", "ws://127.0.0.1/live"),
            ("wss://[::1]:7913?a=1:2", "wss://[::1]?a=1:2"),
            ("ws://‹redacted, 8 B›@h:1/live:2", "ws://‹redacted, 8 B›@h/live:2"),
            ("http://h/a:80", "http://h/a:80"),
            ("h:", "h:"),
            ("", ""),
        ] {
            assert_eq!(without_port(text), wanted);
        }
    }

    fn plan(port: u16) -> Value {
        json!({
            "server": {"external": {
                "url": format!("http://h:{port}"), "authority": format!("h:{port}"),
                "address": format!("127.0.0.1:{port}"), "others": [format!("[::1]:{port}")],
                "start": {"words": ["serve:1"]}, "processes": {"cgroup": "/a:1"},
            }},
            "series": [
                {"label": "a", "params": {"options": {
                    "host": format!("h:{port}"),
                    "headers": [["Origin", format!("https://h:{port}")], ["X", "other:81"]],
                }}},
                {"label": "b", "server": {"external": {
                    "url": format!("ws://i:{port}/live"), "authority": format!("i:{port}"),
                }}, "params": {"options": {"host": "h:80"}}},
            ],
        })
    }

    #[test]
    fn a_plan_at_another_port_is_the_same_scenario() {
        let of = reduce_to_scenario;
        let reduced = of(&plan(80));
        assert_eq!(reduced, of(&plan(17_913)));
        let options = |index: usize| &reduced["series"][index]["params"]["options"];
        assert_eq!(options(0)["headers"], json!([["Origin", "https://h"], ["X", "other:81"]]));
        // The host of another server is a setting.
        assert_eq!(options(1)["host"], "h:80");
        assert_eq!(reduced["server"]["external"]["start"]["words"], json!(["serve:1"]));
        assert_eq!(reduced["server"]["external"]["processes"]["cgroup"], "/a:1");
        let mut other = plan(80);
        other["series"][1]["server"]["external"]["url"] = json!("ws://i:80/other");
        assert_ne!(reduced, of(&other));
    }
}

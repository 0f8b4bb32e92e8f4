//! A server's port changes no figure but the length of `Host`: two runs at ports of different lengths
//! are compared as if both had the longer one.

use crate::gate::baseline::comparable::{ComparableRow, ComparableRun, PhaseTraffic};
use crate::record::{HeadOf, Part};
use crate::secret::original_length;
use serde_json::Value;

/// Returns an address without its port, and a URL too.
pub(super) fn without_port(text: &str) -> &str {
    let bare = text.trim_end_matches('/');
    match bare.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => bare,
    }
}

/// Takes the ports out of a plan's server.
pub(super) fn remove_ports(server: &mut Value) {
    match server {
        Value::String(text) => *text = without_port(text).to_owned(),
        Value::Array(items) => items.iter_mut().for_each(remove_ports),
        Value::Object(fields) => {
            // The command that starts it is a setting of its own.
            let places = fields.iter_mut().filter(|(name, _)| *name != "start");
            places.for_each(|(_, value)| remove_ports(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns both runs with hosts of the same length, if they differ in the port alone.
pub(super) fn with_equal_hosts(
    (a, plan_a): (&ComparableRun, &Value),
    (b, plan_b): (&ComparableRun, &Value),
) -> (ComparableRun, ComparableRun) {
    let mut a = a.clone();
    let mut b = b.clone();
    let host = |plan: &Value| plan["server"]["external"]["authority"].as_str().map(str::to_owned);
    if let (Some(of_a), Some(of_b)) = (host(plan_a), host(plan_b))
        && without_port(&of_a) == without_port(&of_b)
    {
        lengthen(&mut a, &of_a, &of_b);
        lengthen(&mut b, &of_b, &of_a);
    }
    (a, b)
}

/// Returns both runs with hosts of the same length, as the requests that were kept name them.
pub(super) fn with_hosts_of_one_length(
    a: &ComparableRun,
    b: &ComparableRun,
) -> (ComparableRun, ComparableRun) {
    let mut a = a.clone();
    let mut b = b.clone();
    for row in &mut a.rows {
        let other =
            b.rows.iter_mut().find(|r| (&r.series, r.clients) == (&row.series, row.clients));
        let Some(other) = other else { continue };
        if let (Some(of_a), Some(of_b)) = (host_of(row), host_of(other)) {
            lengthen_row(row, &of_a, &of_b);
            lengthen_row(other, &of_b, &of_a);
        }
    }
    (a, b)
}

/// Returns the host that the requests of a row name.
fn host_of(row: &ComparableRow) -> Option<String> {
    let lines = row.heads.iter().flat_map(|head| &head.lines);
    let mut hosts = lines.filter_map(|line| line.strip_prefix("Host: "));
    hosts.next().map(|host| host.trim_end().to_owned())
}

/// Gives the requests of a run a longer `Host`, if the other one is.
fn lengthen(run: &mut ComparableRun, from: &str, to: &str) {
    run.rows.iter_mut().for_each(|row| lengthen_row(row, from, to));
}

fn lengthen_row(row: &mut ComparableRow, from: &str, to: &str) {
    let Some(more) = to.len().checked_sub(from.len()).filter(|more| *more > 0) else { return };
    let setup = requests(row, HeadOf::OpeningRequest, from, &row.setup);
    let steady = requests(row, HeadOf::Request, from, &row.steady);
    for (traffic, requests) in [(&mut row.setup, setup), (&mut row.steady, steady)] {
        let bytes = requests.unwrap_or(0) * more as u64;
        let up = &mut traffic.bytes.up;
        up.wire += bytes;
        up[Part::Heads] += bytes;
        up.head_chars += bytes;
    }
    for line in row.heads.iter_mut().flat_map(|head| &mut head.lines) {
        if is_host(line, from) {
            *line = format!("Host: {to}\r\n");
        }
    }
}

fn is_host(line: &str, host: &str) -> bool {
    line.strip_prefix("Host: ").is_some_and(|value| value.trim_end() == host)
}

/// Returns how many requests were sent in a phase, if each has as many bytes as the one that was kept
/// and names the host.
fn requests(row: &ComparableRow, of: HeadOf, host: &str, traffic: &PhaseTraffic) -> Option<u64> {
    let head = row.head(of).filter(|head| !head.cut)?;
    head.lines.iter().any(|line| is_host(line, host)).then_some(())?;
    let length = original_length(&head.bytes()) as u64;
    let heads = traffic.bytes.up[Part::Heads];
    (length > 0 && heads.is_multiple_of(length)).then(|| heads / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ports_are_taken_out_of_addresses_alone() {
        assert_eq!(without_port("http://h:8080/"), "http://h");
        assert_eq!(without_port("http://h"), "http://h");
        assert_eq!(without_port("[::1]:9"), "[::1]");
        let mut server = json!({"external": {
            "url": "http://h:1", "address": "127.0.0.1:1", "others": ["[::1]:1"],
            "start": {"words": ["serve:1"]},
        }});
        remove_ports(&mut server);
        let wanted = json!({"external": {
            "url": "http://h", "address": "127.0.0.1", "others": ["[::1]"],
            "start": {"words": ["serve:1"]},
        }});
        assert_eq!(server, wanted);
    }
}

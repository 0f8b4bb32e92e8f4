//! A server's process has another number after each start, which changes no figure.

use serde_json::{Map, Value};

/// Stands for the number of any process.
const ANY: &str = "any";

/// Takes the process number out of a plan's server, but not whether there is one: without it the server's
/// CPU time and memory are absent. What starts it and what it is of this machine are listed key by key.
pub(super) fn hide_pid(server: &mut Value) {
    let Some(external) = server.get_mut("external").and_then(Value::as_object_mut) else { return };
    for part in ["processes", "start"] {
        external.entry(part).or_insert_with(|| Value::Object(Map::new()));
    }
    if let Some(pid) = external.get_mut("processes").and_then(|processes| processes.get_mut("pid"))
    {
        *pid = Value::String(ANY.to_owned());
    }
}

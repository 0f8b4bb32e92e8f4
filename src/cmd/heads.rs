//! `--request-head` and `--response-head`: one's own headers for every series that takes them.
//!
//! Separate from `transport::head`, which says what a head may be. Here the file is read once to
//! say early what is wrong with it, and then given to the series as a `--set` would be. Unlike a
//! file in a scenario, which lies in the scenario's folder, it is looked for where the command is
//! given.

use crate::cli::HeadArgs;
use crate::config::{Key, MOST_FILE_BYTES, read_limited};
use crate::error::{Failure, Outcome, at};
use crate::protocol::http1::head::{REQUEST, RESPONSE, RequestHead, ResponseHead};
use crate::scenario;
use crate::transport::{TRANSPORTS, find};
use std::path::Path;

/// The `--set` arguments and those that the heads come to.
///
/// # Errors
/// Where a head cannot be read or sent, or no series takes one; where the scenario cannot be read.
pub(crate) fn overrides(
    scenario: &Path,
    given: &[String],
    heads: &HeadArgs,
) -> Outcome<Vec<String>> {
    let mut all = given.to_vec();
    if let Some(file) = &heads.request_head {
        let check = |bytes: &[u8]| RequestHead::parse_file(bytes).map(drop);
        all.extend(one(scenario, given, ("--request-head", &REQUEST), file, check)?);
    }
    if let Some(file) = &heads.response_head {
        let check = |bytes: &[u8]| ResponseHead::parse_file(bytes).map(drop);
        all.extend(one(scenario, given, ("--response-head", &RESPONSE), file, check)?);
    }
    Ok(all)
}

fn one(
    scenario: &Path,
    given: &[String],
    (option, key): (&str, &Key),
    file: &Path,
    check: impl Fn(&[u8]) -> Result<(), String>,
) -> Outcome<Vec<String>> {
    let fail = |why: String| Failure::usage(format!("{option} {}: {why}", file.display()));
    read_limited(file, MOST_FILE_BYTES).and_then(|bytes| check(&bytes)).map_err(fail)?;
    let path = std::path::absolute(file).map_err(at(format!("{option} {}", file.display())))?;
    let Some(path) = path.to_str() else { return Err(fail("the path is not UTF-8".to_owned())) };
    // A text in JSON is one in TOML.
    let value = serde_json::Value::from(path).to_string();
    let taking = taking(scenario, given, key)?;
    if taking.as_ref().is_some_and(Vec::is_empty) {
        let who = TRANSPORTS.iter().filter(|t| has(t.name(), key)).map(|t| t.name());
        let who = who.collect::<Vec<_>>().join(", ");
        return Err(fail(format!("no series has the setting {}; these have: {who}", key.name)));
    }
    let set = |n| format!("{}.{n}.{}={value}", scenario::SERIES, key.name);
    Ok(taking.unwrap_or_default().into_iter().map(set).collect())
}

fn has(transport: &str, key: &Key) -> bool {
    find(transport).is_some_and(|t| t.keys().iter().any(|k| k.name == key.name))
}

/// The numbers of the series that have a setting; `None` where a series' transport is not known,
/// which is told when the scenario is read.
fn taking(scenario: &Path, given: &[String], key: &Key) -> Outcome<Option<Vec<usize>>> {
    const TRANSPORT: Key = Key { name: "transport", default: None, about: "" };
    let file = scenario::load(scenario, given)?;
    let names: Option<Vec<String>> = file
        .series()
        .map(|mut fields| fields.optional_text(&TRANSPORT).filter(|n| find(n).is_some()))
        .collect();
    Ok(names
        .filter(|names| !names.is_empty() && file.diagnostics.is_empty())
        .map(|names| (0..names.len()).filter(|&n| has(&names[n], key)).collect()))
}

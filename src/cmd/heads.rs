//! `--request-head` and `--response-head`: heads from a file for every series that has such a
//! setting.
//!
//! Separate from `protocol::http1::head`, which says what a head may be. Here the file is read once
//! to report errors early, and then becomes a `--set` of each series. Its name is relative to the
//! current folder; that of a file in a scenario is relative to the scenario's.

use crate::cli::ScenarioArgs;
use crate::cmd::init::suggest_shipped;
use crate::config::{Fields, Key, MOST_FILE_BYTES, read_limited};
use crate::error::{Failure, Outcome, at};
use crate::protocol::http1::head::{REQUEST, RESPONSE, RequestHead, ResponseHead};
use crate::scenario;
use crate::transport::{TRANSPORTS, Transport, find};
use std::path::Path;

/// Returns the `--set` arguments, and further ones for the heads.
///
/// # Errors
/// If a head cannot be read or sent, no series has the setting, or the scenario cannot be read.
pub(crate) fn overrides(args: &ScenarioArgs) -> Outcome<Vec<String>> {
    let request: HeadCheck = |bytes| RequestHead::parse_file(bytes).map(drop);
    let response: HeadCheck = |bytes| ResponseHead::parse_file(bytes).map(drop);
    let mut all = args.overrides.clone();
    for (option, key, file, check) in [
        ("--request-head", &REQUEST, &args.request_head, request),
        ("--response-head", &RESPONSE, &args.response_head, response),
    ] {
        if let Some(file) = file {
            all.extend(sets_of(args, option, key, file, check)?);
        }
    }
    Ok(all)
}

/// Tells whether a file holds a head that can be sent.
type HeadCheck = fn(&[u8]) -> Result<(), String>;

fn sets_of(
    args: &ScenarioArgs,
    option: &str,
    key: &Key,
    file: &Path,
    check: HeadCheck,
) -> Outcome<Vec<String>> {
    let fail = |why: String| Failure::usage(format!("{option} {}: {why}", file.display()));
    read_limited(file, MOST_FILE_BYTES).and_then(|bytes| check(&bytes)).map_err(fail)?;
    let path = std::path::absolute(file).map_err(at(format!("{option} {}", file.display())))?;
    let Some(path) = path.to_str() else { return Err(fail("the path is not UTF-8".to_owned())) };
    // A JSON string is a TOML string.
    let value = serde_json::Value::from(path).to_string();
    let numbers = series_with(args, key)?;
    if numbers.as_ref().is_some_and(Vec::is_empty) {
        let who = TRANSPORTS.iter().filter(|t| has(t, key)).map(|t| t.name);
        let who = who.collect::<Vec<_>>().join(", ");
        return Err(fail(format!("no series has the setting {}; these have: {who}", key.name)));
    }
    let set = |n| format!("{}.{n}.{}={value}", scenario::SERIES, key.name);
    Ok(numbers.unwrap_or_default().into_iter().map(set).collect())
}

fn has(transport: &Transport, key: &Key) -> bool {
    transport.keys.iter().any(|k| k.name == key.name)
}

/// The numbers of the series that have a setting. `None` if a series has an unknown transport, which
/// is reported when the scenario is read.
fn series_with(args: &ScenarioArgs, key: &Key) -> Outcome<Option<Vec<usize>>> {
    const TRANSPORT: Key = Key { name: "transport", default: None, about: "" };
    suggest_shipped(&args.path)?;
    let file = scenario::load(&args.path, &args.overrides)?;
    let transport = |mut fields: Fields<'_>| find(&fields.optional_text(&TRANSPORT)?);
    let known: Option<Vec<&Transport>> = file.series().map(transport).collect();
    let known = known.filter(|all| !all.is_empty() && file.diagnostics.is_empty());
    Ok(known.map(|all| (0..all.len()).filter(|&n| has(all[n], key)).collect()))
}

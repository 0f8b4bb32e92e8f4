//! Whether answers of a server's own seem to open a new session each, for a hint to who polls it.

use serde_json::Value;

/// Members by which servers name a session in the answer that opens it: Engine.IO's, SignalR's, and what
/// others call it.
const NAMES: [&str; 8] = [
    "sid",
    "session",
    "session_id",
    "sessionId",
    "connectionToken",
    "connectionId",
    "connection_id",
    "clientId",
];

/// Returns the member that names another session in each answer of one client; `None` if none does.
pub(crate) fn guess_new_sessions<'a>(answers: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let answers: Vec<Value> = answers.filter_map(document).collect();
    let is_new = |name: &&&str| {
        let mut values: Vec<String> = Vec::new();
        for answer in &answers {
            match answer.get(**name) {
                Some(value @ (Value::String(_) | Value::Number(_))) => {
                    values.push(value.to_string());
                }
                _ => return false,
            }
        }
        let all = values.len();
        values.sort();
        values.dedup();
        all > 1 && values.len() == all
    };
    NAMES.iter().find(is_new).map(|name| (*name).to_owned())
}

/// Returns the first JSON text of an answer. Engine.IO writes an open packet as `0` before it, and its
/// third version the packet's length and `:` before that.
fn document(answer: &[u8]) -> Option<Value> {
    let digits = answer.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = answer[digits..].strip_prefix(b":0").unwrap_or(&answer[digits..]);
    let first = serde_json::Deserializer::from_slice(rest).into_iter::<Value>().next()?.ok()?;
    first.is_object().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_is_new_in_each_answer_is_found() {
        let of = |answers: &[&str]| guess_new_sessions(answers.iter().map(|text| text.as_bytes()));
        let is = |name: &str| Some(name.to_owned());
        assert_eq!(of(&[r#"0{"sid":"a","pingInterval":1}"#, r#"0{"sid":"b"}"#]), is("sid"));
        assert_eq!(of(&[r#"15:0{"sid":"a"}2:40"#, r#"15:0{"sid":"b"}2:40"#]), is("sid"));
        assert_eq!(of(&[r#"{"x":1,"sessionId":7}"#, r#"{"sessionId":8}"#]), is("sessionId"));
        // The same one, or one answer alone, or none that names it.
        assert_eq!(of(&[r#"{"sid":"a"}"#, r#"{"sid":"a"}"#]), None);
        assert_eq!(of(&[r#"{"sid":"a"}"#]), None);
        assert_eq!(of(&[r#"{"sid":"a"}"#, r#"{"seq":2}"#]), of(&[]));
        assert_eq!(of(&["", "0{", "17", "[1]", "\u{1}"]), None);
    }
}

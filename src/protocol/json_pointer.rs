//! Finds a value in JSON by a pointer (RFC 6901) without building the document: what stands before it
//! is skipped, what follows it is not looked at.
//!
//! The text may be anything. What is no JSON gives `None` or some piece of it, never a panic.

use serde::{Deserialize, Serialize};

/// A pointer such as `/payload/data` or `/arguments/0`; the empty one is the whole document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct JsonPointer(Vec<String>);

impl TryFrom<String> for JsonPointer {
    type Error = String;

    fn try_from(text: String) -> Result<JsonPointer, String> {
        if text.is_empty() {
            return Ok(JsonPointer(Vec::new()));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("{text:?} is no JSON pointer: it begins with \"/\""));
        };
        // RFC 6901 §3: "~" is followed by 0 or 1.
        let escaped =
            |(at, _): (usize, &str)| matches!(text.as_bytes().get(at + 1), Some(b'0' | b'1'));
        if !text.match_indices('~').all(escaped) {
            return Err(format!("{text:?} is no JSON pointer: \"~\" is written as \"~0\""));
        }
        let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
        Ok(JsonPointer(rest.split('/').map(unescape).collect()))
    }
}

impl From<JsonPointer> for String {
    fn from(pointer: JsonPointer) -> String {
        let escape = |token: &String| format!("/{}", token.replace('~', "~0").replace('/', "~1"));
        pointer.0.iter().map(escape).collect()
    }
}

impl JsonPointer {
    /// Returns the value as it stands in a text; `None` if there is none.
    pub(crate) fn find<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let at = walk(text, skip_blanks(text, 0), &self.0)?;
        let end = skip_value(text, at)?;
        Some(&text[at..end])
    }

    /// Whether it may name an element of an array.
    pub(crate) fn has_index(&self) -> bool {
        self.0.iter().any(|token| is_index(token))
    }

    /// Returns how many elements of the first array on the way have the value: one whose index the pointer
    /// names, and the others; 0 if there is no array, or if the value is an element itself.
    pub(crate) fn count_in_array(&self, text: &[u8]) -> u32 {
        let mut at = skip_blanks(text, 0);
        for (n, token) in self.0.iter().enumerate() {
            match text.get(at) {
                Some(b'{') => match find_member(text, at, token) {
                    Some(found) => at = found,
                    None => return 0,
                },
                Some(b'[') => {
                    return count_elements(text, at, &self.0[n + usize::from(is_index(token))..]);
                }
                _ => return 0,
            }
        }
        0
    }
}

fn is_index(token: &str) -> bool {
    token.parse::<usize>().is_ok()
}

/// Returns where the value begins to which these tokens lead from the value at `at`.
fn walk(text: &[u8], mut at: usize, tokens: &[String]) -> Option<usize> {
    for token in tokens {
        at = match text.get(at)? {
            b'{' => find_member(text, at, token)?,
            b'[' => find_element(text, at, token)?,
            _ => return None,
        };
    }
    Some(at)
}

/// Returns how many elements of the array at `at` have a value to which these tokens lead.
fn count_elements(text: &[u8], at: usize, tokens: &[String]) -> u32 {
    let mut found = 0;
    let mut next = Some(skip_blanks(text, at + 1));
    while let Some(at) = next.filter(|at| !tokens.is_empty() && text.get(*at) != Some(&b']')) {
        found += u32::from(walk(text, at, tokens).is_some());
        next = skip_value(text, at).and_then(|end| skip_comma(text, end));
    }
    found
}

/// Returns where the value of a member of the object at `at` begins.
fn find_member(text: &[u8], at: usize, name: &str) -> Option<usize> {
    let mut at = skip_blanks(text, at + 1);
    while text.get(at) == Some(&b'"') {
        let end = skip_string(text, at)?;
        let is_it = is_string(&text[at..end], name);
        at = skip_blanks(text, end);
        if text.get(at) != Some(&b':') {
            return None;
        }
        at = skip_blanks(text, at + 1);
        if is_it {
            return Some(at);
        }
        at = skip_comma(text, skip_value(text, at)?)?;
    }
    None
}

/// Returns where an element of the array at `at` begins.
fn find_element(text: &[u8], at: usize, index: &str) -> Option<usize> {
    let left: usize = index.parse().ok()?;
    let mut at = skip_blanks(text, at + 1);
    for _ in 0..left {
        at = skip_comma(text, skip_value(text, at)?)?;
    }
    (text.get(at)? != &b']').then_some(at)
}

/// Returns where what follows the comma after a value begins.
fn skip_comma(text: &[u8], at: usize) -> Option<usize> {
    let at = skip_blanks(text, at);
    (text.get(at) == Some(&b',')).then(|| skip_blanks(text, at + 1))
}

fn skip_blanks(text: &[u8], at: usize) -> usize {
    let blanks = text[at.min(text.len())..].iter();
    at + blanks.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// Returns where the value at `at` ends.
fn skip_value(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => skip_string(text, at),
        b'{' | b'[' => skip_nested(text, at),
        _ => {
            let is_end = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"+-.".contains(byte);
            let len = text[at..].iter().position(is_end).unwrap_or(text.len() - at);
            (len > 0).then_some(at + len)
        }
    }
}

/// Returns where the object or array at `at` ends. Nesting costs no stack.
fn skip_nested(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0u32;
    loop {
        match text.get(at)? {
            b'"' => {
                at = skip_string(text, at)?;
                continue;
            }
            b'{' | b'[' => depth = depth.checked_add(1)?,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Returns where the string at `at` ends, its quotes included.
fn skip_string(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match text.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Whether a string in quotes is this text.
fn is_string(quoted: &[u8], wanted: &str) -> bool {
    if !quoted.contains(&b'\\') {
        return quoted.get(1..quoted.len() - 1) == Some(wanted.as_bytes());
    }
    serde_json::from_slice::<String>(quoted).is_ok_and(|text| text == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn find<'t>(pointer: &str, text: &'t str) -> Option<&'t str> {
        let pointer = JsonPointer::try_from(pointer.to_owned()).expect("a pointer");
        pointer.find(text.as_bytes()).map(|found| std::str::from_utf8(found).expect("text"))
    }

    #[test]
    fn a_value_is_found_as_it_stands() {
        let text = r#" {"a" : [1, {"b\"c":"x,}"} , -2.5e3], "d":{"e":null},"f":"last"}"#;
        assert_eq!(find("/a/0", text), Some("1"));
        assert_eq!(find("/a/1", text), Some(r#"{"b\"c":"x,}"}"#));
        assert_eq!(find("/a/1/b\"c", text), Some(r#""x,}""#));
        assert_eq!(find("/a/2", text), Some("-2.5e3"));
        assert_eq!(find("/d/e", text), Some("null"));
        assert_eq!(find("/f", text), Some("\"last\""));
        assert_eq!(find("", text), Some(&text[1..]));
        // What follows the document is not looked at.
        assert_eq!(find("/type", "{\"type\":6}\u{1e}"), Some("6"));
        assert_eq!(find("/x~1y", r#"{"x/y":1}"#), Some("1"));
    }

    #[test]
    fn elements_of_an_array_that_have_the_value_are_counted() {
        for (pointer, text, count) in [
            ("/0/seq", r#"[{"seq":1},{"seq":2},{"a":3}]"#, 2),
            ("/seq", r#"[ {"seq":1} , {"seq":2} ]"#, 2),
            ("/data/seq", r#"{"data":[{"seq":1},[{"seq":2}],"seq"]}"#, 1),
            ("/data/1/seq", r#"{"data":[{"seq":1},{"seq":2},{"seq":3}]}"#, 3),
            ("/4", r#"[null,"5","topic","event",{"seq":1}]"#, 0),
            ("/seq", r#"{"seq":[1,2]}"#, 0),
            ("/seq", "[]", 0),
            ("/seq", "[{\"seq\":1},", 1),
            ("", "[1,2]", 0),
            ("/a", "", 0),
        ] {
            let found = JsonPointer::try_from(pointer.to_owned()).expect("a pointer");
            assert_eq!(found.count_in_array(text.as_bytes()), count, "{pointer} in {text}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for (pointer, text) in [
            ("/a", ""),
            ("/a", "{}"),
            ("/a", r#"{"b":1}"#),
            ("/a/b", r#"{"a":1}"#),
            ("/0", "[]"),
            ("/1", "[1]"),
            ("/x", "[1]"),
            ("/a", r#"{"a""#),
            ("/a", r#"{"a":"#),
            ("/a", r#"{"a":"x"#),
            ("/a", r#"{"a":"\"#),
            ("/a", r#"{"a":[1"#),
            ("/a", "}"),
            ("/a", "{\"a\":}"),
        ] {
            assert_eq!(find(pointer, text), None, "{pointer} in {text}");
        }
        assert!(JsonPointer::try_from("a".to_owned()).is_err());
    }

    proptest! {
        #[test]
        fn it_finds_what_serde_json_finds(
            a in -1000i64..1000, b in "[a-z\"\\\\{},\\[\\]]{0,6}", c in prop::collection::vec(0u8..9, 0..4)
        ) {
            let text = serde_json::json!({"x": {&b: a, "list": c}, "b": b}).to_string();
            let value: Value = serde_json::from_str(&text).unwrap();
            for pointer in ["/x/list", "/x/list/1", "/b", "/x", "/none", "/x/list/9"] {
                let found = find(pointer, &text).map(|raw| serde_json::from_str::<Value>(raw).unwrap());
                prop_assert_eq!(found.as_ref(), value.pointer(pointer));
            }
        }

        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(
            prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b'"'), Just(b'\\'), Just(b':'),
                        Just(b','), Just(b'a'), any::<u8>()], 0..40)) {
            for pointer in ["", "/a", "/0", "/a/1"] {
                let pointer = JsonPointer::try_from(pointer.to_owned()).unwrap();
                let _ = pointer.find(&bytes);
            }
        }
    }
}

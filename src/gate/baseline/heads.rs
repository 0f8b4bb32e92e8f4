//! The place where two heads differ, so that a person sees what a size is made of.
//!
//! Separate from `exact`, which compares sizes. Fields that differ from run to run by nature are
//! equal if their sizes are.

use crate::record::{Head, HeadOf, from_latin1, latin1};
use crate::secret::{original_length, redact_fields};
use serde::{Deserialize, Serialize};

/// Fields whose value is another each time, in lower case; and all whose name ends with `-id`.
const VOLATILE: &[&str] = &[
    "age",
    "date",
    "etag",
    "expires",
    "host",
    "last-modified",
    "sec-websocket-accept",
    "sec-websocket-key",
    "server-timing",
    "set-cookie",
    "traceparent",
];
/// Bytes of a line that are shown.
const SHOWN_BYTES: usize = 120;

/// A head by its lines, so that a document shows a change in one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeadLines {
    /// Which head it is.
    pub of: HeadOf,
    /// Its lines with their ends; each character is a byte.
    pub lines: Vec<String>,
    /// True if it had more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

impl HeadLines {
    pub(super) fn of(head: &Head) -> HeadLines {
        let lines = head.bytes.split_inclusive(|&b| b == b'\n').map(latin1).collect();
        HeadLines { of: head.of, lines, cut: head.cut }
    }
    /// Returns the head's bytes. A character above U+00FF, in a file changed by hand, is `?`.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let text = self.lines.concat();
        from_latin1(&text).unwrap_or_else(|| text.replace(|c| c > '\u{ff}', "?").into_bytes())
    }
}

/// The first difference of two heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeadDifference {
    /// The first byte that differs, from 0, of the second head.
    pub offset: usize,
    /// The line that it is in, from 1.
    pub line: usize,
    /// That line of the first head, line end included; empty if it has ended.
    pub was: Vec<u8>,
    /// That line of the second head.
    pub is: Vec<u8>,
}

/// Finds the first difference of two heads. Lines with the same volatile field are equal if they
/// have the same size.
pub(crate) fn first_difference(a: &[u8], b: &[u8]) -> Option<HeadDifference> {
    let mut offset = 0;
    let mut lines = (a.split_inclusive(|&c| c == b'\n'), b.split_inclusive(|&c| c == b'\n'));
    for line in 1.. {
        let (was, is) = match (lines.0.next(), lines.1.next()) {
            (None, None) => break,
            (was, is) => (was.unwrap_or_default(), is.unwrap_or_default()),
        };
        if was != is && !(was.len() == is.len() && is_volatile(was, is)) {
            let same = was.iter().zip(is).take_while(|(x, y)| x == y).count();
            let was = was.to_vec();
            let is = is.to_vec();
            let offset = offset + original_length(&is[..same]);
            return Some(HeadDifference { offset, line, was, is });
        }
        offset += original_length(is);
    }
    None
}

fn is_volatile(was: &[u8], is: &[u8]) -> bool {
    match (field_name(was), field_name(is)) {
        (Some(a), Some(b)) if a == b => VOLATILE.contains(&a.as_str()) || a.ends_with("-id"),
        _ => false,
    }
}

/// Returns the name of a line's field in lower case; `None` if it has none.
fn field_name(line: &[u8]) -> Option<String> {
    let colon = line.iter().position(|&c| c == b':')?;
    let name = &line[..colon];
    let token = |c: &u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(c);
    (!name.is_empty() && name.iter().all(token)).then(|| latin1(name).to_ascii_lowercase())
}

impl HeadDifference {
    /// Describes it in three lines: its place, then both lines.
    fn describe(&self, what: &str) -> Vec<String> {
        let line = |bytes: &[u8]| match bytes {
            [] => "nothing: the head had ended".to_owned(),
            bytes => {
                let shown = &bytes[..bytes.len().min(SHOWN_BYTES)];
                let more = if shown.len() < bytes.len() { "…" } else { "" };
                format!("\"{}\"{more}", escape(shown))
            }
        };
        vec![
            format!("{what}: the first difference is byte {}, in line {}", self.offset, self.line),
            format!("  was {}", line(&self.was)),
            format!("  is  {}", line(&self.is)),
        ]
    }
}

/// Returns bytes as text, with all but the quotes around what stands for a secret escaped that is not
/// ASCII.
fn escape(bytes: &[u8]) -> String {
    let each = |c: char| match u8::try_from(u32::from(c)) {
        Ok(byte) => byte.escape_ascii().to_string(),
        Err(_) => c.to_string(),
    };
    latin1(bytes).chars().map(each).collect()
}

/// Describes what differs between two heads, in lines for people; nothing if they are equal.
pub(super) fn describe_difference(of: HeadOf, was: &HeadLines, is: &HeadLines) -> Vec<String> {
    // A baseline of an earlier version has secrets.
    let a = redact_fields(&was.bytes());
    let b = redact_fields(&is.bytes());
    let what = match (of.describe(), original_length(&a), original_length(&b)) {
        (name, ..) if was.cut || is.cut => format!("{name}, as far as it was kept"),
        (name, a, b) if a == b => format!("{name} has {b} bytes as before"),
        (name, a, b) => format!("{name} has {b} bytes and had {a}"),
    };
    first_difference(&a, &b).map_or_else(Vec::new, |difference| difference.describe(&what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &[u8] =
        b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: a\r\n\r\n";

    fn with(from: &str, to: &str) -> Vec<u8> {
        latin1(HEAD).replace(from, to).into_bytes()
    }

    #[test]
    fn the_first_differing_byte_is_named() {
        let longer = with("Server: a", "Server: ab");
        let found = first_difference(HEAD, &longer).unwrap();
        assert_eq!((found.offset, found.line), (63, 3));
        assert_eq!(longer[63], b'b');
        assert_eq!(
            (&found.was[..], &found.is[..]),
            (&b"Server: a\r\n"[..], &b"Server: ab\r\n"[..])
        );
        let lines = found.describe("the response has 68 bytes and had 67");
        let wanted = [
            "the response has 68 bytes and had 67: the first difference is byte 63, in line 3",
            "  was \"Server: a\\r\\n\"",
            "  is  \"Server: ab\\r\\n\"",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn an_added_field_is_shown() {
        let more = with("Server: a\r\n", "Server: a\r\nX-Extra: 1\r\n");
        let found = first_difference(HEAD, &more).unwrap();
        assert_eq!((found.offset, found.line, &found.is[..]), (65, 4, &b"X-Extra: 1\r\n"[..]));
        let cut = first_difference(&more, &HEAD[..17]).unwrap();
        assert_eq!((cut.line, cut.is.is_empty()), (2, true));
        assert!(cut.describe("x")[2].contains("nothing: the head had ended"));
    }

    #[test]
    fn a_volatile_field_differs_only_by_its_size() {
        assert_eq!(first_difference(HEAD, HEAD), None);
        assert_eq!(first_difference(HEAD, &with("1970", "2026")), None);
        assert_eq!(first_difference(HEAD, &with("00:00:00", "0:00:00")).unwrap().line, 2);
        assert_eq!(first_difference(HEAD, &with("Server: a", "Server: b")).unwrap().line, 3);
        assert_eq!(first_difference(b"X-Request-Id: 1\r\n", b"X-Request-Id: 2\r\n"), None);
        assert!(first_difference(b"GET /a:b HTTP/1.1\r\n", b"GET /a:c HTTP/1.1\r\n").is_some());
        assert!(first_difference(b"Date: 1\r\n", b"Etag: 1\r\n").is_some());
    }

    proptest! {
        #[test]
        fn any_two_heads_are_compared(
            a in prop::collection::vec(any::<u8>(), 0..60), b in prop::collection::vec(any::<u8>(), 0..60)
        ) {
            match first_difference(&a, &b) {
                None => prop_assert_eq!(a.len(), b.len()),
                Some(found) => {
                    prop_assert!(found.offset <= b.len());
                    let at = found.offset;
                    prop_assert!(a == b || a.get(at) != b.get(at) || found.was.len() != found.is.len()
                        || a[..at] != b[..at]);
                    let _ = found.describe("x");
                }
            }
            prop_assert_eq!(first_difference(&a, &a), None);
        }
    }
}

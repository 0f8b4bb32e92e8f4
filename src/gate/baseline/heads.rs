//! Where two heads differ, and whether that matters.
//!
//! Separate from `exact`, which compares sizes: a head's bytes are shown so that a person sees
//! what a size is made of. Fields that differ from run to run by nature count where their size
//! does.

use crate::gate::baseline::recorded::{HeadLines, RecordedRow};
use crate::record::{HeadOf, latin1};

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
/// What is shown of a line, in bytes.
const SHOWN_BYTES: usize = 120;

/// The first difference of two heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Apart {
    /// The first byte that differs, from 0, of the second head.
    pub offset: usize,
    /// The line that it is in, from 1.
    pub line: usize,
    /// That line of the first head, line end included; empty where it has ended.
    pub was: Vec<u8>,
    /// That line of the second head.
    pub is: Vec<u8>,
}

/// The first difference of two heads. Lines with the same field, which differs by nature, are
/// equal where they are of the same size.
pub(crate) fn apart(a: &[u8], b: &[u8]) -> Option<Apart> {
    let mut offset = 0;
    let mut lines = (a.split_inclusive(|&c| c == b'\n'), b.split_inclusive(|&c| c == b'\n'));
    for line in 1.. {
        let (was, is) = match (lines.0.next(), lines.1.next()) {
            (None, None) => break,
            (was, is) => (was.unwrap_or_default(), is.unwrap_or_default()),
        };
        if was != is && !(was.len() == is.len() && is_volatile(was, is)) {
            let same = was.iter().zip(is).take_while(|(x, y)| x == y).count();
            let (was, is) = (was.to_vec(), is.to_vec());
            return Some(Apart { offset: offset + same, line, was, is });
        }
        offset += is.len();
    }
    None
}

fn is_volatile(was: &[u8], is: &[u8]) -> bool {
    match (field(was), field(is)) {
        (Some(a), Some(b)) if a == b => VOLATILE.contains(&a.as_str()) || a.ends_with("-id"),
        _ => false,
    }
}

/// The name of a line's field in lower case; `None` where it is none.
fn field(line: &[u8]) -> Option<String> {
    let colon = line.iter().position(|&c| c == b':')?;
    let name = &line[..colon];
    let token = |c: &u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(c);
    (!name.is_empty() && name.iter().all(token)).then(|| latin1(name).to_ascii_lowercase())
}

impl Apart {
    /// The difference in two lines for people, after one that says where it is.
    fn lines(&self, what: &str) -> Vec<String> {
        let line = |bytes: &[u8]| match bytes {
            [] => "nothing: the head had ended".to_owned(),
            bytes => {
                let shown = &bytes[..bytes.len().min(SHOWN_BYTES)];
                let more = if shown.len() < bytes.len() { "…" } else { "" };
                format!("\"{}\"{more}", shown.escape_ascii())
            }
        };
        vec![
            format!("{what}: the first difference is byte {}, in line {}", self.offset, self.line),
            format!("  was {}", line(&self.was)),
            format!("  is  {}", line(&self.is)),
        ]
    }
}

/// What of these heads differs between two rows, in lines for people.
pub(super) fn details(a: &RecordedRow, b: &RecordedRow, which: &[HeadOf]) -> Vec<String> {
    let mut out = Vec::new();
    for &of in which {
        if let (Some(was), Some(is)) = (a.head(of), b.head(of)) {
            out.extend(compared(of, was, is));
        }
    }
    out
}

fn compared(of: HeadOf, was: &HeadLines, is: &HeadLines) -> Vec<String> {
    let (a, b) = (was.bytes(), is.bytes());
    let what = match (of.words(), a.len(), b.len()) {
        (name, ..) if was.cut || is.cut => format!("{name}, as far as it was kept"),
        (name, a, b) if a == b => format!("{name} has {b} bytes as before"),
        (name, a, b) => format!("{name} has {b} bytes and had {a}"),
    };
    apart(&a, &b).map_or_else(Vec::new, |apart| apart.lines(&what))
}

/// Why there are no heads to show, where a size differs.
pub(super) fn why_none(a: &RecordedRow, b: &RecordedRow) -> Option<String> {
    let side = match (a.heads.is_empty(), b.heads.is_empty()) {
        (false, false) => return None,
        (true, true) => "of either run",
        (true, false) => "of the first run",
        (false, true) => "of the second run",
    };
    Some(format!(
        "no head was kept {side}: its clients' sockets are not the driver's own, or an older \
         version recorded it"
    ))
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
        let found = apart(HEAD, &longer).unwrap();
        assert_eq!((found.offset, found.line), (63, 3));
        assert_eq!(longer[63], b'b');
        assert_eq!(
            (&found.was[..], &found.is[..]),
            (&b"Server: a\r\n"[..], &b"Server: ab\r\n"[..])
        );
        let lines = found.lines("the response has 68 bytes and had 67");
        let wanted = [
            "the response has 68 bytes and had 67: the first difference is byte 63, in line 3",
            "  was \"Server: a\\r\\n\"",
            "  is  \"Server: ab\\r\\n\"",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn a_field_more_shows_as_itself() {
        let more = with("Server: a\r\n", "Server: a\r\nX-Extra: 1\r\n");
        let found = apart(HEAD, &more).unwrap();
        assert_eq!((found.offset, found.line, &found.is[..]), (65, 4, &b"X-Extra: 1\r\n"[..]));
        let cut = apart(&more, &HEAD[..17]).unwrap();
        assert_eq!((cut.line, cut.is.is_empty()), (2, true));
        assert!(cut.lines("x")[2].contains("nothing: the head had ended"));
    }

    #[test]
    fn what_differs_by_nature_counts_where_its_size_does() {
        assert_eq!(apart(HEAD, HEAD), None);
        assert_eq!(apart(HEAD, &with("1970", "2026")), None);
        assert_eq!(apart(HEAD, &with("00:00:00", "0:00:00")).unwrap().line, 2);
        assert_eq!(apart(HEAD, &with("Server: a", "Server: b")).unwrap().line, 3);
        assert_eq!(apart(b"X-Request-Id: 1\r\n", b"X-Request-Id: 2\r\n"), None);
        assert!(apart(b"GET /a:b HTTP/1.1\r\n", b"GET /a:c HTTP/1.1\r\n").is_some());
        assert!(apart(b"Date: 1\r\n", b"Etag: 1\r\n").is_some());
    }

    proptest! {
        #[test]
        fn any_two_heads_are_compared(
            a in prop::collection::vec(any::<u8>(), 0..60), b in prop::collection::vec(any::<u8>(), 0..60)
        ) {
            match apart(&a, &b) {
                None => prop_assert_eq!(a.len(), b.len()),
                Some(found) => {
                    prop_assert!(found.offset <= b.len());
                    let at = found.offset;
                    prop_assert!(a == b || a.get(at) != b.get(at) || found.was.len() != found.is.len()
                        || a[..at] != b[..at]);
                    let _ = found.lines("x");
                }
            }
            prop_assert_eq!(apart(&a, &a), None);
        }
    }
}

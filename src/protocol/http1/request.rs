//! Requests as a server reads them: those that ask for what is there at once, as polls do.

use std::mem::MaybeUninit;

/// The most fields of a request, as hyper has it.
const MOST_FIELDS: usize = 100;
/// A field that makes a request more than a simple one.
const NOT_SIMPLE: [&str; 4] = ["content-length", "transfer-encoding", "upgrade", "expect"];

/// A request for what is there at once.
#[derive(Debug, PartialEq, Eq)]
pub struct SimpleRequest<'a> {
    /// The request-target, which has no query.
    pub path: &'a str,
    /// The `Last-Event-ID`, if there is one.
    pub last_event_id: Option<&'a [u8]>,
    /// Bytes of the head.
    pub head_bytes: usize,
}

impl SimpleRequest<'_> {
    /// Reads the head at the beginning of `bytes`; `None` if it is not whole, longer than
    /// `most_bytes`, or not simple.
    pub fn parse(bytes: &[u8], most_bytes: usize) -> Option<SimpleRequest<'_>> {
        let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
        let mut request = httparse::Request::new(&mut []);
        let parsed = request.parse_with_uninit_headers(bytes, &mut fields);
        let Ok(httparse::Status::Complete(length)) = parsed else { return None };
        let is_get = request.method == Some("GET") && request.version == Some(1);
        if !is_get || length > most_bytes {
            return None;
        }
        let mut last_event_id = None;
        for field in &*request.headers {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            let ends = is("connection") && !field.value.eq_ignore_ascii_case(b"keep-alive");
            if ends || NOT_SIMPLE.into_iter().any(is) {
                return None;
            }
            if is("last-event-id") {
                last_event_id = last_event_id.or(Some(field.value));
            }
        }
        Some(SimpleRequest { path: request.path?, last_event_id, head_bytes: length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::Target;
    use crate::protocol::http1::head::{CHAPTER_PATH, RequestHead};

    fn path(bytes: &[u8]) -> Option<&str> {
        SimpleRequest::parse(bytes, 1024).map(|request| request.path)
    }

    #[test]
    fn a_poll_is_simple() {
        for head in [RequestHead::Chapter, RequestHead::Minimal] {
            let target = Target {
                authority: "a:1".to_owned(),
                credentials: None,
                path: CHAPTER_PATH.to_owned(),
                bundled: true,
                tls: false,
            };
            let bytes = head.render(&target);
            let two = [bytes.clone(), bytes.clone()].concat();
            let request = SimpleRequest::parse(&two, 1024).unwrap();
            assert_eq!((request.path, request.head_bytes), (CHAPTER_PATH, bytes.len()));
            for cut in 0..bytes.len() {
                assert_eq!(path(&bytes[..cut]), None);
            }
        }
        let named = b"GET /a HTTP/1.1\r\nConnection: Keep-Alive\r\nlast-event-id: 1z\r\n\r\n";
        let request = SimpleRequest::parse(named, 1024).unwrap();
        assert_eq!(request.last_event_id, Some(&b"1z"[..]));
        assert!(SimpleRequest::parse(named, named.len() - 1).is_none());
    }

    #[test]
    fn what_has_more_to_it_is_for_hyper() {
        for (line, field) in [
            ("POST / HTTP/1.1", "A: b"),
            ("HEAD / HTTP/1.1", "A: b"),
            ("GET / HTTP/1.0", "A: b"),
            ("GET / HTTP/1.1", "content-LENGTH: 0"),
            ("GET / HTTP/1.1", "Transfer-Encoding: chunked"),
            ("GET / HTTP/1.1", "Upgrade: websocket"),
            ("GET / HTTP/1.1", "Expect: 100-continue"),
            ("GET / HTTP/1.1", "Connection: close"),
            ("GET / HTTP/1.1", "Connection: keep-alive, upgrade"),
            ("GET / HTTP/1.1", "no field"),
            ("GET  HTTP/1.1", "A: b"),
        ] {
            assert_eq!(
                path(format!("{line}\r\n{field}\r\n\r\n").as_bytes()),
                None,
                "{line} {field}"
            );
        }
        let many = "A: b\r\n".repeat(MOST_FIELDS + 1);
        assert_eq!(path(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()), None);
    }
}

//! HTTP heads: what a request and a response look like on the wire, byte for byte.
//!
//! A profile is the chapter's listing, the least that HTTP/1.1 asks for, or a file of the user's.
//! Shared by the transports over HTTP. Separate from their clients, who send a rendered request
//! and parse responses, and from their server halves, which send the response's head as hyper writes it.

use crate::config::{Fields, Key};
use crate::protocol::http1::Target;
use hyper::header::{CONTENT_LENGTH, DATE, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

const CHAPTER_REQUEST: &str = include_str!("heads/chapter-request.http");
const CHAPTER_RESPONSE: &str = include_str!("heads/chapter-response.http");
const MINIMAL_RESPONSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n";
/// The request-target of the chapter's listing.
pub(crate) const CHAPTER_PATH: &str = "/PollingStock//PollingStock";
/// The chapter's date: any other has the same 29 characters (RFC 9110 §5.6.7).
const SAMPLE_DATE: &str = "Sat, 07 Nov 2009 00:32:46 GMT";
/// The most headers that hyper reads without an allocation for each request.
const MOST_HEADERS: usize = 100;

/// The setting that names a request's head.
pub(crate) const REQUEST: Key = Key {
    name: "request_head",
    default: Some("\"chapter\""),
    about: "\"chapter\", \"minimal\", which is the default for a server of your own, or a file that \
            holds a request's head",
};
/// The setting that names a response's head.
pub(crate) const RESPONSE: Key = Key {
    name: "response_head",
    default: Some("\"chapter\""),
    about: "\"chapter\", \"minimal\", or a file that holds a response's head; the bundled server's",
};

/// Reads the request's head that a series asks for; `None` if it cannot be used.
pub(crate) fn read_request(fields: &mut Fields) -> Option<RequestHead> {
    let known = (RequestHead::Chapter, RequestHead::Minimal);
    read(fields, &REQUEST, known, RequestHead::parse_file)
}

/// Reads the response's head that a series asks for; `None` if it cannot be used.
pub(crate) fn read_response(fields: &mut Fields) -> Option<ResponseHead> {
    let known = (ResponseHead::Chapter, ResponseHead::Minimal);
    read(fields, &RESPONSE, known, ResponseHead::parse_file)
}

/// Reads a head: the chapter's, the minimal one, or that of the file that a setting names.
fn read<T>(
    fields: &mut Fields,
    key: &Key,
    (chapter, minimal): (T, T),
    parse: impl Fn(&[u8]) -> Result<T, String>,
) -> Option<T> {
    match fields.text(key).as_str() {
        "chapter" => return Some(chapter),
        "minimal" => return Some(minimal),
        _ => {}
    }
    let bytes = fields.file(key)?;
    parse(&bytes).map_err(|why| fields.report(key, format!("{}: {why}", key.name))).ok()
}

/// The head of a poll's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RequestHead {
    /// The chapter's listing: 716 bytes, with a `Host` and cookies of its own.
    Chapter,
    /// A request line, `Host` and the `Accept` that every client sends.
    Minimal,
    /// The text of a file, sent as it is.
    File(String),
}

/// The head of a poll's response, for the reference server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ResponseHead {
    /// The chapter's listing: 193 bytes with a two-digit `Content-Length`.
    Chapter,
    /// A status line and `Content-Length`.
    Minimal,
    /// The text of a file; its `Content-Length` and `Date` are replaced by true ones.
    File(String),
}

impl RequestHead {
    /// Reads and validates a file that holds a request's head.
    ///
    /// # Errors
    /// A sentence that names the line, if it is no GET request of HTTP/1.1 with an empty line at
    /// the end and no body. Line ends may be LF alone; they are sent as CR LF.
    pub(crate) fn parse_file(bytes: &[u8]) -> Result<RequestHead, String> {
        let bytes = &with_cr(bytes);
        let (text, lines) = head_lines(bytes)?;
        let mut parts = lines[0].split(' ');
        match parts.next() {
            Some("GET") => {}
            other => return Err(format!("line 1: a poll is a GET, not {:?}", other.unwrap_or(""))),
        }
        if parts.nth(1) != Some("HTTP/1.1") {
            return Err("line 1: the request line must end with HTTP/1.1".to_owned());
        }
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(text.as_bytes()) {
            Ok(httparse::Status::Complete(n)) if n == text.len() => {}
            Ok(httparse::Status::Complete(_)) => return Err("it has more than a head".to_owned()),
            Ok(httparse::Status::Partial) => return Err("the head has no end".to_owned()),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(format!("it has more than {MOST_HEADERS} headers"));
            }
            Err(error) => return Err(located(&lines, is_bad_line, &error.to_string())),
        }
        let has = |name: &str| request.headers.iter().any(|h| h.name.eq_ignore_ascii_case(name));
        for name in ["content-length", "transfer-encoding", "upgrade", "expect"] {
            if has(name) {
                let bad = |line: &str| name_of(line).eq_ignore_ascii_case(name);
                return Err(located(&lines, bad, &format!("a poll has no {name}")));
            }
        }
        Ok(RequestHead::File(text.to_owned()))
    }

    /// The path of the request-target that a file dictates, without its query.
    pub(crate) fn own_path(&self) -> Option<String> {
        match self {
            RequestHead::File(text) => {
                let target = text.split(' ').nth(1)?;
                Some(target.split('?').next().unwrap_or(target).to_owned())
            }
            RequestHead::Chapter | RequestHead::Minimal => None,
        }
    }

    /// Whether the request-target of a file is sent as it is: the series has the path of the file.
    pub(crate) fn keeps_target(&self, target: &Target) -> bool {
        self.own_path().is_some_and(|path| path == target.path)
    }

    /// The bytes to send. The chapter's listing takes another path only if the server's differs
    /// from its own. So does a file, which gets a `Host`, too, if it has none (RFC 9112 §3.2);
    /// otherwise it is sent as it is.
    ///
    /// To another than the reference server the listing names the server as `Host`, as it must (RFC
    /// 9112 §3.2), and does not ask for a compressed answer, since no message could be read from it.
    pub(crate) fn render(&self, target: &Target) -> Vec<u8> {
        let Target { authority, path, bundled, .. } = target;
        match self {
            RequestHead::Chapter if *bundled && path == CHAPTER_PATH => CHAPTER_REQUEST.into(),
            RequestHead::Chapter => {
                let listing = CHAPTER_REQUEST.replacen(CHAPTER_PATH, path, 1);
                let line = |line: &str| match name_of(line) {
                    "Host" if !bundled => format!("Host: {authority}\r\n"),
                    "Accept-Encoding" if !bundled => String::new(),
                    _ => line.to_owned(),
                };
                listing.split_inclusive("\r\n").map(line).collect::<String>().into_bytes()
            }
            RequestHead::Minimal => {
                format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nAccept: */*\r\n\r\n").into()
            }
            RequestHead::File(text) => self.render_file(text, target),
        }
    }

    fn render_file(&self, text: &str, target: &Target) -> Vec<u8> {
        let Target { authority, path, .. } = target;
        let (line, fields) = text.split_once("\r\n").unwrap_or((text, ""));
        let line = if self.keeps_target(target) {
            line.to_owned()
        } else {
            format!("GET {path} HTTP/1.1")
        };
        let has_host = header_pairs(text).iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = if has_host { String::new() } else { format!("Host: {authority}\r\n") };
        format!("{line}\r\n{host}{fields}").into_bytes()
    }
}

impl ResponseHead {
    /// Reads and validates a file that holds a response's head.
    ///
    /// # Errors
    /// A sentence that names the line, if it is no `HTTP/1.1 200 OK` with an empty line at the end,
    /// or if the reference server could not send it byte for byte. Line ends may be LF alone;
    /// they are sent as CR LF.
    pub(crate) fn parse_file(bytes: &[u8]) -> Result<ResponseHead, String> {
        let bytes = &with_cr(bytes);
        let (text, lines) = head_lines(bytes)?;
        if lines[0] != "HTTP/1.1 200 OK" {
            return Err(format!("line 1: must be \"HTTP/1.1 200 OK\", not {:?}", lines[0]));
        }
        let mut map = HeaderMap::new();
        for (at, line) in lines.iter().enumerate().skip(1) {
            let fault = |what: String| Err(format!("line {}: {what}", at + 1));
            let Some((name, value)) = line.split_once(": ") else {
                return fault("must be a name, a colon, one space and a value".to_owned());
            };
            let (Ok(key), Ok(content)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            else {
                return fault(format!("{line:?} is not a header"));
            };
            if value.trim() != value {
                return fault("spaces around a value are not part of it".to_owned());
            }
            let cased = title_case(key.as_str());
            if cased != name {
                return fault(format!(
                    "the reference server writes header names in title case: {cased:?}, not {name:?}"
                ));
            }
            if matches!(key.as_str(), "transfer-encoding" | "trailer" | "upgrade") {
                return fault(format!("the reference server cannot send {name} with a poll"));
            }
            if map.contains_key(&key) {
                return fault(format!("the reference server sends {name} once"));
            }
            map.insert(key, content);
        }
        Ok(ResponseHead::File(text.to_owned()))
    }

    /// The head exactly as it goes over the wire with this payload, with a sample date.
    pub(crate) fn render_expected(&self, payload_bytes: usize) -> Vec<u8> {
        let mut out = Vec::new();
        write_ok(&self.header_map(payload_bytes, SAMPLE_DATE), &mut out);
        out
    }

    /// Whether it has a date, which changes each second.
    pub(crate) fn has_date(&self) -> bool {
        self.header_map(0, SAMPLE_DATE).contains_key(DATE)
    }

    /// The headers for hyper, in order; `Content-Length` comes last if the profile has none,
    /// a `Date` only if the profile has one.
    pub(crate) fn header_map(&self, payload_bytes: usize, date: &str) -> HeaderMap {
        let text = match self {
            ResponseHead::Chapter => CHAPTER_RESPONSE,
            ResponseHead::Minimal => MINIMAL_RESPONSE,
            ResponseHead::File(text) => text,
        };
        let mut map = HeaderMap::new();
        for (name, value) in header_pairs(text) {
            // A file was validated when it was read; in a plan that was edited since, a header
            // that is none is left out.
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            {
                map.insert(name, value);
            }
        }
        map.insert(CONTENT_LENGTH, HeaderValue::from(payload_bytes));
        if let (true, Ok(date)) = (map.contains_key(DATE), HeaderValue::from_str(date)) {
            map.insert(DATE, date);
        }
        map
    }
}

/// Writes the head of a 200 with these headers, as hyper does.
pub(crate) fn write_ok(headers: &HeaderMap, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    for (name, value) in headers {
        out.extend_from_slice(title_case(name.as_str()).as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// The field that says what a client has, with its line end: always as long.
pub(crate) fn last_event_id(newest: u64) -> String {
    format!("Last-Event-ID: {}\r\n", crate::feed::sequence_text(newest))
}

/// The head with CR LF if a file has LF alone.
fn with_cr(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if *byte == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

/// The lines of a head without their ends and without the empty one that closes it.
fn head_lines(bytes: &[u8]) -> Result<(&str, Vec<&str>), String> {
    // A byte order mark is the editor's, and no server would understand it.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        format!("line {}: not UTF-8", before.iter().filter(|&&b| b == b'\n').count() + 1)
    })?;
    let last = text.split_inclusive('\n').count();
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        match line.strip_suffix("\r\n") {
            Some("") if number < last && text.ends_with('\n') => {
                return Err(format!("line {}: nothing may follow the empty line", number + 1));
            }
            Some(bare) if !bare.contains('\r') => {}
            _ => return Err(format!("line {number}: every line must end with CR and LF")),
        }
    }
    let Some(head) = text.strip_suffix("\r\n\r\n") else {
        return Err("the head must end with an empty line".to_owned());
    };
    Ok((text, head.split("\r\n").collect()))
}

fn header_pairs(text: &str) -> Vec<(&str, &str)> {
    let lines = text.split("\r\n").skip(1);
    lines.filter_map(|line| line.split_once(':')).map(|(n, v)| (n, v.trim())).collect()
}

fn name_of(line: &str) -> &str {
    line.split(':').next().unwrap_or("")
}

/// A line that is no header by itself.
fn is_bad_line(line: &str) -> bool {
    let mut one = [httparse::EMPTY_HEADER; 1];
    !matches!(
        httparse::parse_headers(format!("{line}\r\n\r\n").as_bytes(), &mut one),
        Ok(httparse::Status::Complete(_))
    )
}

/// The message with the number of the first header line that is at fault.
fn located(lines: &[&str], bad: impl Fn(&str) -> bool, message: &str) -> String {
    let at = lines.iter().skip(1).position(|line| bad(line));
    format!("line {}: {message}", at.map_or(1, |at| at + 2))
}

/// A header's name as hyper's `title_case_headers` writes it.
fn title_case(name: &str) -> String {
    let mut start = true;
    let cased = name.chars().map(|c| {
        let out = if start { c.to_ascii_uppercase() } else { c };
        start = c == '-';
        out
    });
    cased.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference server.
    fn ours(path: &str, authority: &str) -> Target {
        Target {
            authority: authority.to_owned(),
            credentials: None,
            path: path.to_owned(),
            bundled: true,
            tls: false,
        }
    }

    #[test]
    fn the_chapter_has_871_characters_and_909_bytes() {
        let request = RequestHead::Chapter.render(&ours(CHAPTER_PATH, "127.0.0.1:1"));
        let response = ResponseHead::Chapter.render_expected(21);
        assert_eq!(request, CHAPTER_REQUEST.as_bytes());
        assert_eq!(response, CHAPTER_RESPONSE.as_bytes());
        assert_eq!((request.len(), response.len()), (716, 193));
        let both = [request, response].concat();
        assert_eq!(both.iter().filter(|b| !matches!(b, b'\r' | b'\n')).count(), 871);
    }

    #[test]
    fn another_path_replaces_the_request_target_alone() {
        let request = RequestHead::Chapter.render(&ours("/x", "h"));
        assert!(request.starts_with(b"GET /x HTTP/1.1\r\nHost: localhost:8080\r\n"));
        assert_eq!(request.len(), 716 - CHAPTER_PATH.len() + 2);
        assert_eq!(
            RequestHead::Minimal.render(&ours("/x", "h:1")),
            b"GET /x HTTP/1.1\r\nHost: h:1\r\nAccept: */*\r\n\r\n"
        );
        assert_eq!(ResponseHead::Minimal.render_expected(5).len(), 38);
    }

    #[test]
    fn another_server_is_named_as_host_and_not_asked_for_compressed_answers() {
        let other = Target { bundled: false, ..ours("/x", "example.test:81") };
        let chapter = String::from_utf8(RequestHead::Chapter.render(&other)).unwrap();
        assert!(chapter.starts_with("GET /x HTTP/1.1\r\nHost: example.test:81\r\nUser-Agent: "));
        assert!(!chapter.contains("Accept-Encoding"), "{chapter}");
        assert!(chapter.ends_with("\r\n\r\n"), "{chapter}");
        let lines = |text: &str| text.lines().count();
        assert_eq!(lines(&chapter) + 1, lines(CHAPTER_REQUEST));
        let asks = RequestHead::File("GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n".to_owned());
        // A file without Host gets one, and another path if the series has another.
        assert_eq!(
            String::from_utf8(asks.render(&other)).unwrap(),
            "GET /x HTTP/1.1\r\nHost: example.test:81\r\nAccept-Encoding: gzip\r\n\r\n"
        );
    }

    #[test]
    fn the_chapters_files_pass_as_files() {
        let request = RequestHead::parse_file(CHAPTER_REQUEST.as_bytes()).unwrap();
        assert_eq!(request.render(&ours(CHAPTER_PATH, "h")), CHAPTER_REQUEST.as_bytes());
        let other = CHAPTER_REQUEST.replace(CHAPTER_PATH, "/other");
        assert_eq!(request.render(&ours("/other", "h")), other.as_bytes());
        let with_lf = CHAPTER_REQUEST.replace('\r', "");
        assert_eq!(RequestHead::parse_file(with_lf.as_bytes()).unwrap(), request);
        let marked = ["\u{feff}", CHAPTER_REQUEST].concat();
        assert_eq!(RequestHead::parse_file(marked.as_bytes()).unwrap(), request);
        let response = ResponseHead::parse_file(CHAPTER_RESPONSE.as_bytes()).unwrap();
        assert_eq!(response.render_expected(21), CHAPTER_RESPONSE.as_bytes());
        let json = serde_json::to_string(&response).unwrap();
        assert_eq!(serde_json::from_str::<ResponseHead>(&json).unwrap(), response);
    }

    #[test]
    fn faults_of_a_request_name_the_line() {
        let cases: &[(&[u8], &str)] = &[
            (b"", "empty line"),
            (b"GET / HTTP/1.1\rHost: x\n\n", "line 1: every line"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n", "empty line"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nbody", "line 4: every line"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nbody\r\n\r\n", "line 4: nothing may follow"),
            (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "line 1: a poll is a GET"),
            (b"GET / HTTP/1.0\r\nHost: x\r\n\r\n", "line 1: the request line"),
            (b"GET / HTTP/1.1\r\nHost: x\r\nbad line\r\n\r\n", "line 3: "),
            (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nContent-Length: 3\r\n\r\n", "line 4: a poll"),
            (b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", "line 2: not UTF-8"),
        ];
        for (bytes, expected) in cases {
            let error = RequestHead::parse_file(bytes).unwrap_err();
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        }
    }

    #[test]
    fn faults_of_a_response_name_the_line() {
        let cases: &[(&[u8], &str)] = &[
            (b"HTTP/1.1 404 Not Found\r\n\r\n", "line 1"),
            (b"HTTP/1.1 200 OK\r\nA:b\r\n\r\n", "line 2: must be a name"),
            (
                b"HTTP/1.1 200 OK\r\nX-A: b\r\nETag: b\r\n\r\n",
                "line 3: the reference server writes",
            ),
            (b"HTTP/1.1 200 OK\r\nA:  b\r\n\r\n", "line 2: spaces"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "line 2: the reference"),
            (
                b"HTTP/1.1 200 OK\r\nA: b\r\nA: c\r\n\r\n",
                "line 3: the reference server sends A once",
            ),
        ];
        for (bytes, expected) in cases {
            let error = ResponseHead::parse_file(bytes).unwrap_err();
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        }
    }
}

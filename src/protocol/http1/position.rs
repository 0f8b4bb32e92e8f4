//! What a request says of the answer before it: validators of HTTP, or a cursor that the answer has.
//!
//! A server that keeps no state of its clients knows from it what is new.

use crate::config::{Fields, Key};
use crate::protocol::http1::request_options::is_token;
use crate::protocol::http1::response::{Response, WantedFields};
use crate::protocol::json_pointer::JsonPointer;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::rc::Rc;

/// The setting for validators.
pub(crate) const CONDITIONAL: Key = Key {
    name: "conditional",
    default: Some("false"),
    about: "true: a request names the ETag and Last-Modified of the last answer, as If-None-Match and \
            If-Modified-Since",
};
/// The setting for where an answer has its cursor.
pub(crate) const CURSOR: Key = Key {
    name: "cursor",
    default: Some("\"none\""),
    about: "where an answer has what the next request must name: a JSON pointer into its body, such \
            as \"/next\", or a field, \"header:X-Next\"",
};
/// The setting for where a request has the cursor.
pub(crate) const CURSOR_IN: Key = Key {
    name: "cursor_in",
    default: Some("\"query:after\""),
    about: "where a request names it: \"query:NAME\", \"header:NAME\", or \"body:NAME\", a member of \
            the JSON object in `body`; one that is there already is replaced",
};

/// The most bytes of a body in which a cursor is looked for.
const MOST_BODY_BYTES: usize = 1 << 20;

/// Where an answer has its cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CursorFrom {
    /// At this JSON pointer (RFC 6901) of its body.
    Pointer(String),
    /// In this field.
    Header(String),
}

/// Where a request has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CursorTo {
    /// In this parameter of the query.
    Query(String),
    /// In this field.
    Header(String),
    /// In this member of the body's JSON object.
    Body(String),
}

/// What a request says of the answer before it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PositionSettings {
    /// Its validators.
    pub conditional: bool,
    /// Its cursor, and where to put it.
    pub cursor: Option<(CursorFrom, CursorTo)>,
}

impl fmt::Display for PositionSettings {
    /// As in a scenario.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.conditional {
            f.write_str("conditional true")?;
        }
        let Some((from, to)) = &self.cursor else { return Ok(()) };
        let separator = if self.conditional { ", " } else { "" };
        match from {
            CursorFrom::Pointer(pointer) => write!(f, "{separator}cursor {pointer}")?,
            CursorFrom::Header(name) => write!(f, "{separator}cursor header:{name}")?,
        }
        match to {
            CursorTo::Query(name) => write!(f, " in query:{name}"),
            CursorTo::Header(name) => write!(f, " in header:{name}"),
            CursorTo::Body(name) => write!(f, " in body:{name}"),
        }
    }
}

/// Whether bytes can be the value of a field (RFC 9110 §5.5); an empty one says nothing.
fn is_field_value(value: &[u8]) -> bool {
    !value.is_empty() && !value.iter().any(u8::is_ascii_control)
}

impl PositionSettings {
    /// Whether a request can have a cursor at its place.
    fn can_carry(&self, cursor: &PollCursor) -> bool {
        match self.cursor {
            Some((_, CursorTo::Header(_))) => is_field_value(cursor.text.as_bytes()),
            Some((_, CursorTo::Query(_) | CursorTo::Body(_))) | None => true,
        }
    }

    /// Reads the settings of a series. `headers` are the fields that its requests have.
    pub(crate) fn read(fields: &mut Fields<'_>, headers: &[String]) -> PositionSettings {
        let conditional = fields.boolean(&CONDITIONAL);
        let from = fields.text(&CURSOR);
        let from = match from.split_once(':') {
            _ if from == "none" => None,
            Some(("header", name)) if is_token(name) => Some(CursorFrom::Header(name.to_owned())),
            _ if from.starts_with('/') => Some(CursorFrom::Pointer(from)),
            _ => {
                let why = "cursor must be a JSON pointer such as \"/next\", or \"header:NAME\"";
                fields.report(&CURSOR, why);
                None
            }
        };
        let to = fields.text(&CURSOR_IN);
        let to = match to.split_once(':') {
            Some(("query", name)) if is_token(name) => CursorTo::Query(name.to_owned()),
            Some(("header", name)) if is_token(name) => {
                if headers.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                    let why = format!("cursor_in: `headers` has {name}, too; leave it out there");
                    fields.report(&CURSOR_IN, why);
                }
                CursorTo::Header(name.to_owned())
            }
            Some(("body", name)) if !name.is_empty() => CursorTo::Body(name.to_owned()),
            _ => {
                let why = "cursor_in must be \"query:NAME\", \"header:NAME\" or \"body:NAME\"";
                fields.report(&CURSOR_IN, why);
                CursorTo::Query(String::new())
            }
        };
        if from.is_none() && fields.is_given(&CURSOR_IN) && fields.is_valid(&CURSOR) {
            fields.report(&CURSOR_IN, "cursor_in needs `cursor`: where an answer has it");
        }
        PositionSettings { conditional, cursor: from.map(|from| (from, to)) }
    }

    /// Whether a request says nothing of the answer before it.
    pub(crate) fn is_none(&self) -> bool {
        *self == PositionSettings::default()
    }

    /// The fields of an answer that are needed, by their names.
    pub(crate) fn wanted(&self) -> Rc<[String]> {
        let header = match &self.cursor {
            Some((CursorFrom::Header(name), _)) => name.as_str(),
            _ => "",
        };
        ["etag", "last-modified", header].map(str::to_owned).into()
    }
}

/// A cursor as an answer has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PollCursor {
    /// Its text, for a query or a field.
    text: String,
    /// As JSON, for a body: a number as the answer writes it.
    json: String,
}

impl PollCursor {
    fn of_text(text: String) -> PollCursor {
        PollCursor { json: Value::from(text.as_str()).to_string(), text }
    }

    /// Reads a text or a number of a document that is JSON.
    fn of_json(value: &[u8]) -> Option<PollCursor> {
        let json = std::str::from_utf8(value).ok()?;
        match serde_json::from_str(json).ok()? {
            Value::String(text) => Some(PollCursor::of_text(text)),
            // Not by its value: a number may have more digits than one of this machine.
            Value::Number(_) => Some(PollCursor { text: json.to_owned(), json: json.to_owned() }),
            _ => None,
        }
    }
}

/// What one client knows of the last answer.
#[derive(Debug, Default)]
pub(crate) struct Position {
    etag: Vec<u8>,
    last_modified: Vec<u8>,
    cursor: Option<PollCursor>,
    /// The body, if a cursor is looked for in it.
    body: Vec<u8>,
}

impl Position {
    /// Adds bytes of the body in which the cursor may be.
    pub(crate) fn push(&mut self, settings: &PositionSettings, bytes: &[u8]) {
        if let Some((CursorFrom::Pointer(_), _)) = settings.cursor {
            let room = MOST_BODY_BYTES - self.body.len().min(MOST_BODY_BYTES);
            self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Forgets a body that will not be whole.
    pub(crate) fn abandon(&mut self) {
        self.body.clear();
    }

    /// Reads an answer that is whole. Returns whether it had a cursor that the next request can carry, or
    /// needed none.
    pub(crate) fn read(&mut self, settings: &PositionSettings, response: &Response) -> bool {
        let body = std::mem::take(&mut self.body);
        let Some(WantedFields { values, .. }) = response.wanted.as_deref() else { return true };
        let value = |at: usize| values.get(at).cloned().unwrap_or_default();
        if settings.conditional && response.status != 304 {
            self.etag = value(0);
            self.last_modified = value(1);
        }
        let found = match &settings.cursor {
            None => return true,
            Some((CursorFrom::Header(_), _)) => {
                // Other bytes than these would be another cursor.
                let Ok(text) = String::from_utf8(value(2)) else { return false };
                (!text.is_empty()).then(|| PollCursor::of_text(text))
            }
            Some((CursorFrom::Pointer(pointer), _)) => {
                let is_json = serde_json::from_slice::<IgnoredAny>(&body).is_ok();
                let pointer = JsonPointer::try_from(pointer.clone()).ok().filter(|_| is_json);
                pointer.and_then(|pointer| PollCursor::of_json(pointer.find(&body)?))
            }
        };
        match found {
            Some(cursor) if !settings.can_carry(&cursor) => return false,
            Some(cursor) => self.cursor = Some(cursor),
            // An answer that brings nothing needs none.
            None => return response.parts.payload == 0,
        }
        true
    }

    /// Appends the fields of the next request, with their line ends.
    pub(crate) fn write_fields(&self, settings: &PositionSettings, out: &mut Vec<u8>) {
        let mut field = |name: &str, value: &[u8]| {
            if is_field_value(value) {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b": ");
                out.extend_from_slice(value);
                out.extend_from_slice(b"\r\n");
            }
        };
        field("If-None-Match", &self.etag);
        field("If-Modified-Since", &self.last_modified);
        if let (Some((_, CursorTo::Header(name))), Some(cursor)) = (&settings.cursor, &self.cursor)
        {
            field(name, cursor.text.as_bytes());
        }
    }

    /// Returns the parameter of the query of the next request.
    pub(crate) fn query<'a>(
        &'a self,
        settings: &'a PositionSettings,
    ) -> Option<(&'a str, &'a str)> {
        match (&settings.cursor, &self.cursor) {
            (Some((_, CursorTo::Query(name))), Some(cursor)) => Some((name, &cursor.text)),
            _ => None,
        }
    }

    /// Returns the member of the body of the next request, and its value as JSON.
    pub(crate) fn member<'a>(
        &'a self,
        settings: &'a PositionSettings,
    ) -> Option<(&'a str, &'a str)> {
        match (&settings.cursor, &self.cursor) {
            (Some((_, CursorTo::Body(name))), Some(cursor)) => Some((name, &cursor.json)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(wanted: Rc<[String]>, bytes: &str) -> Response {
        let mut response = Response::default();
        response.wanted = Some(Box::new(WantedFields::new(wanted)));
        response.feed(bytes.as_bytes()).unwrap();
        response
    }

    #[test]
    fn validators_are_sent_back_until_others_come() {
        let settings = PositionSettings { conditional: true, cursor: None };
        let mut position = Position::default();
        let mut read = |bytes: &str| {
            assert!(position.read(&settings, &response(settings.wanted(), bytes)));
            let mut out = Vec::new();
            position.write_fields(&settings, &mut out);
            String::from_utf8(out).unwrap()
        };
        let both = "If-None-Match: \"1\"\r\nIf-Modified-Since: Thu\r\n";
        let answer =
            "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nLast-Modified: Thu\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(read(answer), both);
        assert_eq!(read("HTTP/1.1 304 Not Modified\r\n\r\n"), both);
        let other = "HTTP/1.1 200 OK\r\netag: W/\"2\"\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(read(other), "If-None-Match: W/\"2\"\r\n");
        assert_eq!(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "");
    }

    #[test]
    fn a_cursor_is_taken_from_a_body_or_a_field_and_kept_if_none_comes() {
        let to = CursorTo::Query("after".to_owned());
        let pointer = CursorFrom::Pointer("/meta/next".to_owned());
        let settings = PositionSettings { conditional: false, cursor: Some((pointer, to)) };
        let mut position = Position::default();
        let mut read = |body: &str| {
            position.push(&settings, body.as_bytes());
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let found = position.read(&settings, &response(settings.wanted(), &head));
            (found, position.query(&settings).map(|(name, value)| format!("{name}={value}")))
        };
        let after = |text: &str| Some(format!("after={text}"));
        assert_eq!(read(""), (true, None));
        assert_eq!(read("{}"), (false, None));
        assert_eq!(read("{\"meta\":{\"next\":7}}"), (true, after("7")));
        for digits in ["1.10", "1700000000.123456789", "12345678901234567890123"] {
            let body = format!("{{\"meta\":{{\"next\":{digits} }}}}");
            assert_eq!(read(&body), (true, after(digits)));
        }
        assert_eq!(read("{\"meta\":{\"next\":\"a b\"}}"), (true, after("a b")));
        assert_eq!(read("no JSON"), (false, after("a b")));
        let (from, to) = (CursorFrom::Header("X-Next".into()), CursorTo::Header("X-After".into()));
        let settings = PositionSettings { conditional: false, cursor: Some((from, to)) };
        let mut position = Position::default();
        let answer = "HTTP/1.1 204 No Content\r\nx-next: 9\r\n\r\n";
        assert!(position.read(&settings, &response(settings.wanted(), answer)));
        let mut out = Vec::new();
        position.write_fields(&settings, &mut out);
        assert_eq!(out, b"X-After: 9\r\n");
    }

    #[test]
    fn a_cursor_that_a_field_cannot_have_is_none_and_the_last_one_stays() {
        let (from, to) = (CursorFrom::Pointer("/next".into()), CursorTo::Header("X-After".into()));
        let settings = PositionSettings { conditional: false, cursor: Some((from, to)) };
        let mut position = Position::default();
        for (body, found) in
            [(r#"{"next":"a"}"#, true), (r#"{"next":"b\nc"}"#, false), (r#"{"next":""}"#, false)]
        {
            position.push(&settings, body.as_bytes());
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            assert_eq!(
                position.read(&settings, &response(settings.wanted(), &head)),
                found,
                "{body}"
            );
            let mut out = Vec::new();
            position.write_fields(&settings, &mut out);
            assert_eq!(out, b"X-After: a\r\n");
        }
        // Bytes that are no UTF-8 would be sent back as others.
        let (from, to) = (CursorFrom::Header("X-Next".into()), CursorTo::Query("after".into()));
        let settings = PositionSettings { conditional: false, cursor: Some((from, to)) };
        let mut answer = Response::default();
        answer.wanted = Some(Box::new(WantedFields::new(settings.wanted())));
        answer.feed(b"HTTP/1.1 204 No Content\r\nx-next: \xff\x80\r\n\r\n").unwrap();
        let mut position = Position::default();
        assert!(!position.read(&settings, &answer));
        assert_eq!(position.query(&settings), None);
    }
}

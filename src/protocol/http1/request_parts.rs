//! A request as its parts: method, target, fields and body, each with its placeholders. The one place
//! in which a client's values become bytes.

use crate::protocol::http1::Target;
use crate::protocol::http1::cookies::CookieJar;
use crate::protocol::http1::head::RequestHead;
use crate::protocol::template::{Template, TemplateValues};
use std::fmt;

/// A field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestField {
    /// Its name.
    pub name: String,
    /// What is between its colon and its value: a blank, as a rule.
    pub blank: &'static str,
    /// Its value.
    pub value: Template,
}

/// A request before it is rendered for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestParts {
    /// The method.
    pub method: String,
    /// The request-target.
    pub target: Template,
    /// The fields in order; `Content-Length` of a body is not among them.
    pub fields: Vec<RequestField>,
    /// The body.
    pub body: Option<Template>,
}

/// What is different in one request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestChanges<'a> {
    /// The target after a redirect.
    pub target: Option<&'a str>,
    /// Whether it is a GET without a body, as after some redirects.
    pub as_get: bool,
    /// Further fields with their line ends.
    pub more: &'a [u8],
    /// What the server has set.
    pub cookies: Option<&'a CookieJar>,
    /// A parameter of the query, in place of one with the same name.
    pub query: Option<(&'a str, &'a str)>,
    /// A member of the JSON object in the body with its value as JSON, in place of one with the same name.
    pub member: Option<(&'a str, &'a str)>,
}

impl RequestParts {
    /// Returns the parts of a head. In a head from a file braces mean nothing; the target of any
    /// other is the path of the series, which may have placeholders.
    pub(crate) fn of_head(head: &RequestHead, target: &Target) -> RequestParts {
        let rendered = head.render(target);
        // All heads are text.
        let text = String::from_utf8_lossy(&rendered);
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let written = words.next().unwrap_or_default();
        let line_target = if head.keeps_target(target) {
            Template::literal(written)
        } else {
            Template::new(written)
        };
        let fields = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| {
            let (blank, value) = match value.strip_prefix(' ') {
                Some(value) => (" ", value),
                None => ("", value),
            };
            RequestField { name: name.to_owned(), blank, value: Template::literal(value) }
        });
        let fields = fields.collect();
        let mut parts = RequestParts { method, target: line_target, fields, body: None };
        parts.add_credentials(target);
        parts
    }

    /// Adds user and password of a server's URL, unless the head has others.
    pub(crate) fn add_credentials(&mut self, target: &Target) {
        if let (Some(value), None) = (&target.credentials, self.field("Authorization")) {
            self.set("Authorization", Template::literal(value));
        }
    }

    /// Returns the value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&Template> {
        let mut fields = self.fields.iter();
        fields.find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| &field.value)
    }

    /// Sets a field: in the place of one with this name, or after all others.
    pub(crate) fn set(&mut self, name: &str, value: Template) {
        let mut fields = self.fields.iter_mut();
        match fields.find(|field| field.name.eq_ignore_ascii_case(name)) {
            Some(field) => field.value = value,
            None => self.fields.push(RequestField { name: name.to_owned(), blank: " ", value }),
        }
    }

    /// Whether every client sends the same bytes.
    pub(crate) fn is_constant(&self) -> bool {
        let body = self.body.iter();
        let fields = self.fields.iter().map(|field| &field.value);
        body.chain(fields).chain([&self.target]).all(Template::is_constant)
    }

    /// Renders the request of one client. Returns the bytes, and how many of them are the head.
    pub(crate) fn render(
        &self,
        values: &TemplateValues<'_>,
        changes: &RequestChanges<'_>,
    ) -> (Vec<u8>, usize) {
        let mut body = None;
        if let (false, Some(template)) = (changes.as_get, &self.body) {
            let mut rendered = Vec::new();
            template.render(values, &mut rendered);
            if let Some((name, value)) = changes.member {
                rendered = with_member(rendered, name, value);
            }
            body = Some(rendered);
        }
        let mut out = Vec::new();
        out.extend_from_slice(if changes.as_get { b"GET" } else { self.method.as_bytes() });
        out.push(b' ');
        let from = out.len();
        match changes.target {
            Some(target) => out.extend_from_slice(target.as_bytes()),
            None => self.render_target(values, &mut out),
        }
        if let Some((name, value)) = changes.query {
            let with = with_parameter(&out[from..], name, value);
            out.truncate(from);
            out.extend_from_slice(&with);
        }
        let target = out[from..].to_vec();
        out.extend_from_slice(b" HTTP/1.1\r\n");
        self.render_fields(values, changes, &target, &mut out);
        if let Some(body) = &body {
            out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        out.extend_from_slice(changes.more);
        out.extend_from_slice(b"\r\n");
        let head_bytes = out.len();
        out.extend_from_slice(&body.unwrap_or_default());
        (out, head_bytes)
    }

    /// Renders the target. What a value has that a target cannot have is encoded (RFC 3986 §2.1).
    pub(crate) fn render_target(&self, values: &TemplateValues<'_>, out: &mut Vec<u8>) {
        let from = out.len();
        self.target.render(values, out);
        encode_target(out, from);
    }

    fn render_fields(
        &self,
        values: &TemplateValues<'_>,
        changes: &RequestChanges<'_>,
        target: &[u8],
        out: &mut Vec<u8>,
    ) {
        let mut cookies = changes.cookies;
        for RequestField { name, blank, value } in &self.fields {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b":");
            out.extend_from_slice(blank.as_bytes());
            match cookies.filter(|_| name.eq_ignore_ascii_case("cookie")) {
                None => value.render(values, out),
                Some(jar) => {
                    cookies = None;
                    let mut own = Vec::new();
                    value.render(values, &mut own);
                    out.extend_from_slice(&jar.value(&own, target).unwrap_or_default());
                }
            }
            out.extend_from_slice(b"\r\n");
        }
        if let Some(value) = cookies.and_then(|jar| jar.value(b"", target)) {
            out.extend_from_slice(b"Cookie: ");
            out.extend_from_slice(&value);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Renders the request without a client: of a placeholder nothing is left. For predictions of
    /// what is constant.
    pub(crate) fn render_constant(&self) -> (Vec<u8>, usize) {
        self.render(&TemplateValues::default(), &RequestChanges::default())
    }
}

/// Returns a target with a parameter of its query set.
fn with_parameter(target: &[u8], name: &str, value: &str) -> Vec<u8> {
    let (path, query) = match target.iter().position(|byte| *byte == b'?') {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &[][..]),
    };
    let mut own = format!("{name}=").into_bytes();
    for byte in value.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => own.push(byte),
            _ if byte.is_ascii_alphanumeric() => own.push(byte),
            _ => own.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    let begins = |part: &[u8]| part.starts_with(&own[..name.len() + 1]);
    let mut parts: Vec<&[u8]> = query.split(|byte| *byte == b'&').collect();
    parts.retain(|part| !part.is_empty());
    match parts.iter().position(|part| begins(part)) {
        Some(at) => parts[at] = &own,
        None => parts.push(&own),
    }
    [path, b"?", &parts.join(&b'&')].concat()
}

/// Returns a body with a member of its JSON object set; one that is no object stays as it is.
fn with_member(body: Vec<u8>, name: &str, value: &str) -> Vec<u8> {
    match serde_json::from_slice(&body) {
        Ok(serde_json::Value::Object(mut object)) => {
            object.remove(name);
            let comma = if object.is_empty() { "" } else { "," };
            let mut out = serde_json::Value::Object(object).to_string();
            // The brace at the end.
            out.pop();
            let name = serde_json::Value::from(name);
            out.push_str(&format!("{comma}{name}:{value}}}"));
            out.into_bytes()
        }
        _ => body,
    }
}

/// Encodes what a target cannot have, from an offset on.
pub(crate) fn encode_target(out: &mut Vec<u8>, from: usize) {
    if out[from..].iter().all(|byte| is_target_byte(*byte)) {
        return;
    }
    for byte in out.split_off(from) {
        if is_target_byte(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
}

fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// The request as it was written: with placeholders, and without its body.
impl fmt::Display for RequestParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} HTTP/1.1", self.method, self.target)?;
        for RequestField { name, blank, value } in &self.fields {
            writeln!(f, "{name}:{blank}{value}")?;
        }
        match &self.body {
            Some(body) if body.is_constant() => {
                let length = body.constant().map_or(0, str::len);
                writeln!(f, "Content-Length: {length}")
            }
            Some(_) => writeln!(f, "Content-Length: (of each client's body)"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::cookies::CookieSource;

    fn parts(path: &str) -> RequestParts {
        let target = Target {
            authority: "h".into(),
            credentials: None,
            path: path.into(),
            bundled: false,
            tls: false,
        };
        RequestParts::of_head(&RequestHead::Minimal, &target)
    }

    fn text((bytes, head): (Vec<u8>, usize)) -> (String, usize) {
        (String::from_utf8(bytes).unwrap(), head)
    }

    #[test]
    fn a_head_and_its_parts_are_the_same_bytes() {
        for (bundled, file) in
            [(true, ""), (false, ""), (false, "GET /a?b HTTP/1.1\r\nHost:h\r\nA:  {x} \r\n\r\n")]
        {
            let target = Target {
                authority: "h:1".into(),
                credentials: None,
                path: "/p".into(),
                bundled,
                tls: false,
            };
            let mut heads = vec![RequestHead::Chapter, RequestHead::Minimal];
            heads.extend((!file.is_empty()).then(|| RequestHead::File(file.to_owned())));
            for head in heads {
                let parts = RequestParts::of_head(&head, &target);
                assert!(parts.is_constant());
                let (bytes, head_bytes) = parts.render_constant();
                assert_eq!(
                    String::from_utf8_lossy(&bytes),
                    String::from_utf8_lossy(&head.render(&target))
                );
                assert_eq!(head_bytes, bytes.len());
            }
        }
    }

    #[test]
    fn placeholders_stand_in_target_fields_and_body() {
        let mut parts = parts("/p/{token}?c={client}");
        parts.method = "POST".to_owned();
        parts.set("Authorization", Template::new("Bearer {token}"));
        parts.set("accept", Template::new("a/b"));
        parts.body = Some(Template::new("{\"id\":{client}}"));
        assert!(!parts.is_constant());
        let columns = ["token".to_owned()];
        let values = TemplateValues {
            client: 12,
            random: 0,
            columns: &columns,
            text: "a b",
            bounds: &[0, 3],
        };
        let expected = "POST /p/a%20b?c=12 HTTP/1.1\r\nHost: h\r\nAccept: a/b\r\n\
                        Authorization: Bearer a b\r\nContent-Length: 9\r\n\r\n{\"id\":12}";
        let rendered = text(parts.render(&values, &RequestChanges::default()));
        assert_eq!(rendered, (expected.to_owned(), expected.len() - 9));
        let changes = RequestChanges {
            target: Some("/q"),
            as_get: true,
            more: b"M: n\r\n",
            ..RequestChanges::default()
        };
        let expected = "GET /q HTTP/1.1\r\nHost: h\r\nAccept: a/b\r\nAuthorization: Bearer a b\r\nM: n\r\n\r\n";
        assert_eq!(text(parts.render(&values, &changes)), (expected.to_owned(), expected.len()));
    }

    #[test]
    fn a_parameter_and_a_member_are_set_or_replaced() {
        let with = |target: &str| {
            String::from_utf8(with_parameter(target.as_bytes(), "a", "x y&")).unwrap()
        };
        assert_eq!(with("/p"), "/p?a=x%20y%26");
        assert_eq!(with("/p?b=1"), "/p?b=1&a=x%20y%26");
        assert_eq!(with("/p?a=0&b=1&aa=2"), "/p?a=x%20y%26&b=1&aa=2");
        let of = |body: &str| with_member(body.into(), "after", "7");
        assert_eq!(of("{\"after\": 0}"), b"{\"after\":7}");
        assert_eq!(of("{}"), b"{\"after\":7}");
        assert_eq!(of("[1]"), b"[1]");
    }

    #[test]
    fn cookies_that_were_set_join_those_of_the_scenario() {
        let mut jar = CookieJar::default();
        let source = CookieSource { host: "h", target: b"/", tls: false };
        jar.keep(b"sid=2", source, 0);
        let changes = RequestChanges { cookies: Some(&jar), ..RequestChanges::default() };
        let mut parts = parts("/");
        let values = TemplateValues::default();
        assert!(text(parts.render(&values, &changes)).0.ends_with("\r\nCookie: sid=2\r\n\r\n"));
        parts.set("Cookie", Template::new("sid=1; a=b"));
        assert!(
            text(parts.render(&values, &changes)).0.ends_with("\r\nCookie: a=b; sid=2\r\n\r\n")
        );
    }
}

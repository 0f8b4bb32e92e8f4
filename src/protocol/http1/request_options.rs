//! The settings of a series' requests besides their head: further fields, cookies, redirects, what
//! counts as success, and data of the clients' own.

use crate::config::{Fields, Key, LocatedValue};
use crate::feed::PayloadKind;
use crate::protocol::client_data::{ClientData, DATA, check_template};
use crate::protocol::http1::Target;
use crate::protocol::http1::content_coding::{AcceptEncoding, Codings, ContentCoding};
use crate::protocol::http1::head::{self, RequestHead};
use crate::protocol::http1::request_parts::RequestParts;
use crate::protocol::http1::success::SuccessStatuses;
use crate::protocol::http2::options::Http2Settings;
use crate::protocol::template::Template;
use crate::protocol::websocket::deflate_offer::DeflateOffer;
use serde::{Deserialize, Serialize};

/// The setting for further fields.
pub(crate) const HEADERS: Key = Key {
    name: "headers",
    default: Some("{}"),
    about: "fields of each request, such as { Authorization = \"Bearer {token}\" }, in place of the \
            head's own with the same name",
};
/// The setting for `Host`.
pub(crate) const HOST: Key = Key {
    name: "host",
    default: Some("\"auto\""),
    about: "the field Host; \"auto\": that of the URL, or of a head from a file",
};
/// The setting for cookies.
pub(crate) const COOKIES: Key = Key {
    name: "cookies",
    default: Some("\"ignore\""),
    about: "\"ignore\" what an answer's Set-Cookie sets, or \"keep\" it for the client's next requests",
};
/// The setting for redirects.
pub(crate) const REDIRECTS: Key = Key {
    name: "redirects",
    default: Some("0"),
    about: "how many redirects in a row a client follows on the same server, at most 20; others are \
            errors that name where they lead",
};
/// The setting for the method of polls.
pub(crate) const METHOD: Key = Key {
    name: "method",
    default: Some("\"GET\""),
    about: "the method of a poll, such as \"POST\"",
};
/// The setting for the body of polls.
pub(crate) const BODY: Key = Key {
    name: "body",
    default: Some("\"none\""),
    about: "the body of a poll, of the type application/json unless `headers` has another Content-Type",
};
/// The setting for compressed answers.
pub(crate) const ACCEPT_ENCODING: Key = Key {
    name: "accept_encoding",
    default: Some("\"as-head\""),
    about: "the compressed answers that requests ask for and clients read, such as \"gzip, br\": gzip, \
            deflate, br, and zstd for polls; \"as-head\": what the head says, and none is read",
};
/// The setting for the subprotocols of an upgrade.
pub(crate) const SUBPROTOCOL: Key = Key {
    name: "subprotocol",
    default: Some("\"none\""),
    about: "a subprotocol or a list of them, of which the server may choose one",
};
/// The setting for the extension of an upgrade.
pub(crate) const EXTENSIONS: Key = Key {
    name: "extensions",
    default: Some("\"none\""),
    about: "the extension that the upgrade offers, as in Sec-WebSocket-Extensions: \"permessage-deflate; \
            client_max_window_bits\" with parameters of RFC 7692; the bundled server has the same",
};
/// The setting for the origin of an upgrade.
pub(crate) const ORIGIN: Key = Key {
    name: "origin",
    default: Some("\"none\""),
    about: "the field Origin of the upgrade, as a browser sends it: \"https://example.org\"",
};

/// The most redirects in a row, as in browsers.
const MOST_REDIRECTS: u64 = 20;
/// The most bytes of a body.
const MOST_BODY_BYTES: usize = 1 << 20;

/// Fields that are not set by `headers`, and what to do instead.
const NOT_BY_HEADERS: [(&str, &str); 12] = [
    ("host", "use `host`"),
    ("connection", "it follows from the transport; use connection = \"new\" of a polling series"),
    ("keep-alive", "it follows from the transport"),
    ("proxy-connection", "it follows from the transport"),
    ("upgrade", "take transport = \"websocket\""),
    ("sec-websocket-key", "each upgrade has one of its own"),
    ("sec-websocket-version", "it is always 13"),
    ("sec-websocket-extensions", "use `extensions` of a websocket series"),
    ("sec-websocket-protocol", "use `subprotocol` of a websocket series"),
    ("content-length", "it follows from the body"),
    ("transfer-encoding", "a body is sent with its length; use `body`"),
    ("last-event-id", "a client sends it when it reconnects"),
];

/// The settings of a series' requests besides their head.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestOptions {
    /// Further fields, each in place of one with the same name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Template)>,
    /// The field `Host`; `None` for the server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Template>,
    /// Whether cookies that answers set are sent back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_cookies: bool,
    /// The statuses that count as success.
    #[serde(skip_serializing_if = "SuccessStatuses::is_default")]
    pub status: SuccessStatuses,
    /// How many redirects in a row are followed.
    #[serde(skip_serializing_if = "is_zero")]
    pub redirects: u8,
    /// The content codings that requests ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_encoding: Option<AcceptEncoding>,
    /// The method of polls; `None` for that of the head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The body of polls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Template>,
    /// The subprotocols of an upgrade.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subprotocols: Vec<String>,
    /// The extension of an upgrade.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deflate: Option<DeflateOffer>,
    /// The data of the clients' own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<ClientData>,
    /// How they go over HTTP/2; `None` for HTTP/1.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http2: Option<Http2Settings>,
}

fn is_zero(n: &u8) -> bool {
    *n == 0
}

impl RequestOptions {
    /// Reads the settings of every request: fields, cookies and data.
    pub(crate) fn read(fields: &mut Fields) -> RequestOptions {
        let data = ClientData::read(fields);
        let keep_cookies = fields.choose(&COOKIES, &[("ignore", false), ("keep", true)]);
        let headers = read_headers(fields, data.as_ref());
        let host = read_template(fields, &HOST, "auto", data.as_ref());
        if let Some(host) = &host
            && let Some(why) = bad_host(host)
        {
            fields.report(&HOST, why);
        }
        RequestOptions { headers, host, keep_cookies, data, ..RequestOptions::default() }
    }

    /// Reads `redirects`, too.
    pub(crate) fn with_redirects(self, fields: &mut Fields) -> RequestOptions {
        // At most MOST_REDIRECTS.
        RequestOptions { redirects: fields.integer(&REDIRECTS, 0..=MOST_REDIRECTS) as u8, ..self }
    }

    /// Returns the content codings that requests ask for.
    pub(crate) fn codings(&self) -> Codings {
        self.accept_encoding.as_ref().map(AcceptEncoding::codings).unwrap_or_default()
    }

    /// Adds the field that asks for them.
    fn add_encoding(&self, parts: &mut RequestParts) {
        if let Some(accept) = &self.accept_encoding {
            parts.set("Accept-Encoding", Template::literal(&accept.value));
        }
    }

    /// Reads `accept_encoding`, too.
    fn with_encoding(self, fields: &mut Fields) -> RequestOptions {
        let value = fields.optional_text(&ACCEPT_ENCODING).filter(|value| value != "as-head");
        let accept_encoding = value.and_then(|value| match AcceptEncoding::parse(&value) {
            Ok(accept) => Some(accept),
            Err(why) => {
                fields.report(&ACCEPT_ENCODING, format!("accept_encoding: {why}"));
                None
            }
        });
        let own = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"));
        if own && accept_encoding.is_some() {
            fields.report(&ACCEPT_ENCODING, "`headers` has Accept-Encoding, too; write it once");
        }
        RequestOptions { accept_encoding, ..self }
    }

    /// Reads how they go over HTTP/2, too.
    pub(crate) fn with_http2(self, fields: &mut Fields) -> RequestOptions {
        RequestOptions { http2: Http2Settings::read(fields), ..self }
    }

    /// Reads `status`, too.
    pub(crate) fn with_status(self, fields: &mut Fields) -> RequestOptions {
        RequestOptions { status: SuccessStatuses::read(fields), ..self }
    }

    /// Reads `method` and `body`, too.
    pub(crate) fn with_body(self, fields: &mut Fields) -> RequestOptions {
        let method = fields.optional_text(&METHOD);
        if let Some(method) = &method {
            let legal = |c: char| c.is_ascii_uppercase() || c == '-';
            if !method.chars().all(legal) {
                fields.report(&METHOD, "method must be a word in capitals, such as \"POST\"");
            } else if matches!(method.as_str(), "HEAD" | "CONNECT" | "TRACE") {
                fields.report(
                    &METHOD,
                    format!("an answer to {method} brings no update; take \"GET\" or \"POST\""),
                );
            }
        }
        let body = read_template(fields, &BODY, "none", self.data.as_ref());
        if body.as_ref().is_some_and(|body| body.source().len() > MOST_BODY_BYTES) {
            fields.report(&BODY, "body must be at most 1MiB");
        }
        RequestOptions { method: method.filter(|method| method != "GET"), body, ..self }
    }

    /// Reads `subprotocol`, `extensions` and `origin`, too.
    pub(crate) fn with_upgrade(mut self, fields: &mut Fields) -> RequestOptions {
        for LocatedValue { value, location } in fields.optional_texts(&SUBPROTOCOL) {
            if value == "none" {
                continue;
            }
            if !is_token(&value) {
                let why = format!(
                    "subprotocol {value:?} must be letters, digits and some marks, without blanks; \
                     several are a list"
                );
                fields.report_at(&SUBPROTOCOL, location, why);
            }
            self.subprotocols.push(value);
        }
        if let Some(value) = fields.optional_text(&EXTENSIONS).filter(|value| value != "none") {
            match DeflateOffer::parse(&value) {
                Ok(offer) => self.deflate = Some(offer),
                Err(why) => fields.report(&EXTENSIONS, format!("extensions: {why}")),
            }
        }
        if let Some(origin) = read_template(fields, &ORIGIN, "none", self.data.as_ref()) {
            if self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("origin")) {
                fields.report(&ORIGIN, "`headers` has Origin, too; write it once");
            }
            self.headers.insert(0, ("Origin".to_owned(), origin));
        }
        self
    }

    /// Whether nothing is set.
    pub(crate) fn is_default(&self) -> bool {
        *self == RequestOptions::default()
    }

    /// Returns why the path of a series cannot be used with these data; `None` if it can.
    pub(crate) fn refuses_path(&self, path: &str) -> Option<String> {
        let columns = self.data.as_ref().map_or(&[][..], |data| &data.columns);
        let why = Template::new(path).check(columns).err()?;
        Some(format!("path {path:?}: {why}"))
    }

    /// Returns the request of an opening handshake (RFC 6455 §4.1) but for its key.
    pub(crate) fn upgrade(&self, target: &Target) -> RequestParts {
        let mut parts = RequestParts {
            method: "GET".to_owned(),
            target: Template::new(&target.path),
            fields: Vec::new(),
            body: None,
        };
        for (name, value) in [
            ("Host", target.authority.as_str()),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
        ] {
            parts.set(name, Template::literal(value));
        }
        if !self.subprotocols.is_empty() {
            parts.set("Sec-WebSocket-Protocol", Template::literal(&self.subprotocols.join(", ")));
        }
        if let Some(offer) = &self.deflate {
            parts.set("Sec-WebSocket-Extensions", Template::literal(offer.value()));
        }
        parts.add_credentials(target);
        self.add_fields(&mut parts);
        parts
    }

    fn add_fields(&self, parts: &mut RequestParts) {
        if let Some(host) = &self.host {
            parts.set("Host", host.clone());
        }
        for (name, value) in &self.headers {
            parts.set(name, value.clone());
        }
    }
}

/// The request of a series over HTTP: its head and the settings besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSettings {
    /// The head.
    #[serde(rename = "request")]
    pub(crate) head: RequestHead,
    /// The settings besides.
    #[serde(default, skip_serializing_if = "RequestOptions::is_default")]
    pub options: RequestOptions,
}

impl From<RequestHead> for RequestSettings {
    fn from(head: RequestHead) -> RequestSettings {
        RequestSettings { head, options: RequestOptions::default() }
    }
}

impl RequestSettings {
    /// Reads the settings of a stream's request; `None` if the head cannot be used.
    pub(crate) fn read(fields: &mut Fields) -> Option<RequestSettings> {
        let head = head::read_request(fields);
        let options = RequestOptions::read(fields).with_redirects(fields).with_status(fields);
        let options = options.with_encoding(fields).with_http2(fields);
        Some(RequestSettings { head: head?, options })
    }

    /// Reads those of an answer that never ends, and reports a coding that cannot be read of one.
    pub(crate) fn read_stream(fields: &mut Fields) -> Option<RequestSettings> {
        let read = RequestSettings::read(fields)?;
        if read.options.codings().has(ContentCoding::Zstd) {
            let why = "accept_encoding: zstd can be read of whole answers alone, not of a stream; \
                       take gzip, deflate or br";
            fields.report(&ACCEPT_ENCODING, why);
        }
        Some(read)
    }

    /// Reads those of a poll, too, with its method and body.
    pub(crate) fn read_poll(fields: &mut Fields) -> Option<RequestSettings> {
        let read = RequestSettings::read(fields);
        let RequestSettings { head, options } = match read {
            Some(settings) => settings,
            // What is wrong with the others is reported, too.
            None => RequestSettings::from(RequestHead::Minimal),
        };
        let options = options.with_body(fields);
        fields.is_valid(&head::REQUEST).then_some(RequestSettings { head, options })
    }

    /// Returns why the path of a series, or the reference server, cannot be used with these settings;
    /// `None` if they can.
    pub(crate) fn refuses_target(&self, target: &Target) -> Option<String> {
        let RequestOptions { method, body, .. } = &self.options;
        if target.bundled && (method.is_some() || body.is_some()) {
            return Some(
                "the bundled server answers polls by GET alone; leave out method and body, or name \
                 a server of your own by [server]"
                    .to_owned(),
            );
        }
        if self.head.keeps_target(target) { None } else { self.options.refuses_path(&target.path) }
    }

    /// Whether arithmetic knows its bytes: the reference server answers, and all clients send the
    /// same.
    pub(crate) fn is_predicted(&self, target: &Target) -> bool {
        target.bundled && self.options.http2.is_none() && self.request(target, None).is_constant()
    }

    /// Returns the request of a poll or of a stream. `media` is the media type that
    /// it asks for; `None` for any.
    pub(crate) fn request(&self, target: &Target, media: Option<&str>) -> RequestParts {
        let RequestSettings { head, options } = self;
        let mut parts = RequestParts::of_head(head, target);
        if let (Some(media), RequestHead::Chapter | RequestHead::Minimal) = (media, head) {
            parts.set("Accept", Template::literal(media));
        }
        if let Some(method) = &options.method {
            parts.method.clone_from(method);
        }
        options.add_fields(&mut parts);
        options.add_encoding(&mut parts);
        if let Some(body) = &options.body {
            if parts.field("Content-Type").is_none() {
                parts.set("Content-Type", Template::literal("application/json"));
            }
            parts.body = Some(body.clone());
        }
        parts
    }

    /// Returns the head of a request that brings a message of so many bytes: a POST with the same
    /// fields, the message's type, if there is none, and its length.
    pub(crate) fn post(&self, target: &Target, kind: PayloadKind, bytes: u32) -> RequestParts {
        let RequestSettings { head, options } = self;
        let mut parts = RequestParts::of_head(head, target);
        parts.method = "POST".to_owned();
        options.add_fields(&mut parts);
        options.add_encoding(&mut parts);
        if parts.field("Content-Type").is_none() {
            let media = match kind {
                PayloadKind::Binary => "application/octet-stream",
                kind if kind.is_json() => "application/json",
                _ => "text/plain",
            };
            parts.set("Content-Type", Template::literal(media));
        }
        parts.set("Content-Length", Template::literal(&bytes.to_string()));
        parts
    }
}

/// Reads a text with placeholders; `None` if it is left out or this word.
fn read_template(
    fields: &mut Fields,
    key: &Key,
    absent: &str,
    data: Option<&ClientData>,
) -> Option<Template> {
    let text = fields.optional_text(key).filter(|text| text != absent)?;
    let template = Template::new(&text);
    check_template(fields, key, &template, data);
    Some(template)
}

fn read_headers(fields: &mut Fields, data: Option<&ClientData>) -> Vec<(String, Template)> {
    let mut headers: Vec<(String, Template)> = Vec::new();
    for [name, value] in fields.texts(&HEADERS, "{ Authorization = \"Bearer abc\" }") {
        let instead = NOT_BY_HEADERS.iter().find(|(own, _)| name.value.eq_ignore_ascii_case(own));
        let again = headers.iter().any(|(before, _)| before.eq_ignore_ascii_case(&name.value));
        let template = Template::new(&value.value);
        let why = if !is_token(&name.value) {
            let name = &name.value;
            Some(format!(
                "headers: {name:?} is not the name of a field: letters, digits and some marks, \
                 without blanks and colons (RFC 9110 §5.1)"
            ))
        } else if let Some((_, instead)) = instead {
            Some(format!("headers: {} is not set here: {instead}", name.value))
        } else if again {
            Some(format!("headers: {} is there twice", name.value))
        } else {
            None
        };
        if let Some(why) = why {
            fields.report_at(&HEADERS, name.location, why);
            continue;
        }
        if value.value.trim() != value.value {
            let why = format!(
                "headers: the value of {} has blanks around it, which are not part of \
                               a field's value (RFC 9110 §5.5)",
                name.value
            );
            fields.report_at(&HEADERS, value.location, why);
            continue;
        }
        let columns = data.map_or(&[][..], |data| &data.columns);
        if let Err(why) = template.check(columns)
            && fields.is_valid(&DATA)
        {
            fields.report_at(&HEADERS, value.location, format!("headers: {why}"));
            continue;
        }
        headers.push((name.value, template));
    }
    headers
}

/// Returns why a text cannot be the field `Host`.
fn bad_host(host: &Template) -> Option<String> {
    let legal = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '?' | '#' | '@' | ',');
    let good = host.constant_pieces().all(|piece| piece.chars().all(legal));
    (!good).then(|| {
        format!("host {:?} must be a name or an address, perhaps with :port", host.source())
    })
}

/// Whether a text is a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    let mark = |b: u8| b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || mark(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::head::CHAPTER_PATH;

    fn target(path: &str) -> Target {
        Target {
            authority: "h".to_owned(),
            credentials: None,
            path: path.to_owned(),
            bundled: true,
            tls: false,
        }
    }

    fn render(parts: &RequestParts) -> String {
        String::from_utf8(parts.render_constant().0).unwrap()
    }

    #[test]
    fn a_media_type_is_asked_for_in_place_of_all() {
        let of =
            |head: RequestHead| RequestSettings::from(head).request(&target("/x"), Some("a/b"));
        let minimal = "GET /x HTTP/1.1\r\nHost: h\r\nAccept: a/b\r\n\r\n";
        assert_eq!(render(&of(RequestHead::Minimal)), minimal);
        let chapter = render(&of(RequestHead::Chapter));
        assert_eq!(chapter.matches("\r\nAccept: a/b\r\n").count(), 1, "{chapter}");
        let file = "GET /x HTTP/1.1\r\nHost: h\r\nAccept: x\r\n\r\n";
        assert_eq!(render(&of(RequestHead::File(file.to_owned()))), file);
    }

    #[test]
    fn a_post_has_the_same_fields_and_the_messages_own() {
        let post = |head: RequestHead, kind, bytes| {
            render(&RequestSettings::from(head).post(&target("/x"), kind, bytes))
        };
        let expected = "POST /x HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\
                        Content-Type: text/plain\r\nContent-Length: 21\r\n\r\n";
        assert_eq!(post(RequestHead::Minimal, PayloadKind::Text, 21), expected);
        let typed = "GET /x HTTP/1.1\r\nHost: h\r\ncontent-type: a/b\r\n\r\n".to_owned();
        let expected =
            "POST /x HTTP/1.1\r\nHost: h\r\ncontent-type: a/b\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(post(RequestHead::File(typed), PayloadKind::Json, 5), expected);
        let chapter = RequestSettings::from(RequestHead::Chapter);
        let chapter = chapter.post(&target(CHAPTER_PATH), PayloadKind::Text, 21);
        assert_eq!(render(&chapter).len(), 716 + 1 + 26 + 20);
    }

    #[test]
    fn what_is_set_goes_into_every_request() {
        let options = RequestOptions {
            headers: vec![
                ("accept".to_owned(), Template::new("c/d")),
                ("X-Key".to_owned(), Template::new("k")),
            ],
            host: Some(Template::new("other")),
            body: Some(Template::new("[]")),
            method: Some("POST".to_owned()),
            subprotocols: vec!["a".to_owned(), "b".to_owned()],
            ..RequestOptions::default()
        };
        let settings = RequestSettings { head: RequestHead::Minimal, options };
        let poll = "POST /x HTTP/1.1\r\nHost: other\r\nAccept: c/d\r\nX-Key: k\r\n\
                    Content-Type: application/json\r\nContent-Length: 2\r\n\r\n[]";
        assert_eq!(render(&settings.request(&target("/x"), None)), poll);
        let upgrade = "GET /x HTTP/1.1\r\nHost: other\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\naccept: c/d\r\n\
                       X-Key: k\r\n\r\n";
        assert_eq!(render(&settings.options.upgrade(&target("/x"))), upgrade);
        let json = serde_json::to_value(&settings).unwrap();
        assert_eq!(serde_json::from_value::<RequestSettings>(json).unwrap(), settings);
        let plain = RequestSettings::from(RequestHead::Chapter);
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"request":"chapter"}"#);
    }
}

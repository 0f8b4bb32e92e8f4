//! An error in words, with what the server said when it refused.
//!
//! What comes from a server is shortened, and control characters in it are escaped.

use crate::record::{ClientError, ClientErrorKind, Refusal, UpgradeField};
use crate::report::summary::compressed::UnreadCoding;
use crate::report::summary::quoted::{MOST_CHARS, quoted};
use crate::units::{hexadecimal, thousands};

/// The media type of an event stream.
const EVENT_STREAM: &str = "text/event-stream";
/// The schemes of a location, and the one to write for it.
const SCHEMES: [(&str, &str); 4] = [
    ("http://", "http://"),
    ("ws://", "http://"),
    ("https://", "https://"),
    ("wss://", "https://"),
];

/// Describes an error of clients. `refusal` is what the first answer with it said.
/// The path of the series can be written by its label or its transport.
pub(super) fn describe(
    error: ClientError,
    refusal: Option<&Refusal>,
    (series, transport): (&str, &str),
) -> String {
    let Some(refusal) = refusal else { return error.to_string() };
    if error.kind == ClientErrorKind::NoEventStream && !refusal.media_type.is_empty() {
        return format!(
            "answered with Content-Type {}, not text/event-stream; check the path",
            quoted(&String::from_utf8_lossy(&refusal.media_type))
        );
    }
    let coding = UnreadCoding::of(refusal);
    if error.kind == ClientErrorKind::Compressed && coding.is_known() {
        return format!(
            "answered with a compressed body ({}), {}; {}",
            coding.field(),
            coding.why(),
            coding.remedy_within(true)
        );
    }
    if error.kind == ClientErrorKind::UpgradeField && !refusal.body.is_empty() {
        return describe_selection(error, &refusal.body);
    }
    if error.kind == ClientErrorKind::Unfinished && error.code != 0 {
        return describe_unfinished(error, refusal);
    }
    if error.kind == ClientErrorKind::NotReady {
        return match &refusal.body[..] {
            [] => format!("{error}, and no other message either"),
            message => format!("{error}; the last message was {}", quoted_message(message)),
        };
    }
    if error.kind == ClientErrorKind::Frame && !refusal.body.is_empty() {
        // What the client says of it, not the server.
        return format!("{error}: {}", String::from_utf8_lossy(&refusal.body).escape_debug());
    }
    let moved = matches!(error.kind, ClientErrorKind::Status | ClientErrorKind::Upgrade)
        && (300..400).contains(&error.code)
        && !refusal.location.is_empty();
    let shown = matches!(
        error.kind,
        ClientErrorKind::Status
            | ClientErrorKind::Upgrade
            | ClientErrorKind::Malformed
            | ClientErrorKind::BadHead
            | ClientErrorKind::EarlyClose
            | ClientErrorKind::GoAway
    );
    let body = if shown { sentence(&refusal.body) } else { String::new() };
    match (moved, body.is_empty()) {
        (true, _) if refusal.redirects > 0 => format!(
            "{error} and Location {} after {} redirects in a row, the most that `redirects` allows: they may be a \
             loop in the server; ask for the path with curl -iL, or set redirects higher, up to 20",
            quoted(&String::from_utf8_lossy(&refusal.location)),
            refusal.redirects
        ),
        (true, _) => format!(
            "{error} and Location {}: {}",
            quoted(&String::from_utf8_lossy(&refusal.location)),
            remedy(&refusal.location, (series, transport))
        ),
        (false, false) => {
            let why = match error.kind {
                ClientErrorKind::BadHead => length_problem(&body),
                _ => "",
            };
            format!("{error}: {}{why}", quoted(&body))
        }
        (false, true) => error.to_string(),
    }
}

/// Says what is wrong with the line of a length, as far as the line shows it.
fn length_problem(line: &str) -> &'static str {
    let Some((name, value)) = line.split_once(':') else { return "" };
    let value = value.trim();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse::<u64>() {
        _ if !name.eq_ignore_ascii_case("content-length") => "",
        _ if !is_number => ", which is no number of bytes",
        Err(_) => ", which is more bytes than can be counted",
        Ok(_) => ", which contradicts a line before it",
    }
}

/// Whether a text can be the name of a subprotocol: the letters, digits and marks that names have.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+".contains(c))
}

/// Names what a server selected for a WebSocket though nobody asked for it, and says what to do.
fn describe_selection(error: ClientError, selected: &[u8]) -> String {
    let name = String::from_utf8_lossy(selected);
    let shown = quoted(&name);
    if error == UpgradeField::Extensions.error() {
        return format!(
            "upgrade failed: the server selected the extension {shown}, which was not asked for \
             so (RFC 6455, 4.1); turn it off in the server, or offer it by `extensions` in the series"
        );
    }
    if error == UpgradeField::ExtensionParams.error() {
        return format!(
            "upgrade failed: the server selected {shown}, whose parameters do not fit what was offered \
             (RFC 7692, 7.1); correct the server, or offer others by `extensions` in the series"
        );
    }
    let asks = if name.len() <= MOST_CHARS && is_token(&name) {
        format!("; if the server insists, set subprotocol = {shown} in the series")
    } else {
        String::new()
    };
    format!(
        "upgrade failed: the server selected the subprotocol {shown}, which was not asked for \
         (RFC 6455, 4.1){asks}"
    )
}

/// Says what came of an answer that did not end, and what to take if it never does.
fn describe_unfinished(error: ClientError, refusal: &Refusal) -> String {
    let came = thousands(refusal.body_bytes);
    if let Some(length) = refusal.body_length {
        return format!(
            "answered with status {} and {came} of the {} bytes of its body within the limit",
            error.code,
            thousands(length)
        );
    }
    let media = String::from_utf8_lossy(&refusal.media_type);
    let of_type = match &*media {
        "" => String::new(),
        media => format!(", Content-Type {}", quoted(media)),
    };
    let is_events = media.trim_start().to_ascii_lowercase().starts_with(EVENT_STREAM);
    let remedy = if is_events {
        "it is an event stream: take transport = \"sse\" (sse+http:// with wsbench try)"
    } else {
        "if it never ends, take transport = \"streaming\" (stream+http:// with wsbench try)"
    };
    format!(
        "answered with status {}{of_type} and {came} bytes of a body that did not end within the \
         limit; {remedy}",
        error.code
    )
}

/// Returns what to write into the scenario for a server that has moved.
fn remedy(location: &[u8], (series, transport): (&str, &str)) -> String {
    let text = std::str::from_utf8(location).unwrap_or_default();
    let name = if series == transport { transport.to_owned() } else { format!("{series:?}") };
    let path = |path: &str| {
        let legal = path.chars().all(|c| c.is_ascii_graphic() && c != '#');
        let usable = path.starts_with('/') && legal && path.len() <= MOST_CHARS;
        usable.then(|| format!("paths = {{ {name} = {path:?} }}"))
    };
    let unusable = || "write where the server is into [server]".to_owned();
    let elsewhere =
        SCHEMES.iter().find_map(|(scheme, wanted)| Some((wanted, text.strip_prefix(scheme)?)));
    if let Some((scheme, rest)) = elsewhere {
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let slash = if rest.starts_with('/') { "" } else { "/" };
        let wanted = path(&format!("{slash}{rest}"));
        let legal = authority.chars().all(|c| c.is_ascii_graphic());
        return match wanted.filter(|_| legal && authority.len() <= MOST_CHARS) {
            Some(path) => format!("write url = \"{scheme}{authority}\" and {path} into [server]"),
            None => unusable(),
        };
    }
    match path(text).filter(|_| !text.starts_with("//")) {
        Some(path) => format!("write {path} into [server]"),
        None => unusable(),
    }
}

/// Returns the text of a body, without the tags of a page.
fn sentence(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut bare = String::new();
    let mut in_tag = false;
    let page = text.trim_start().starts_with('<');
    for c in text.chars() {
        match c {
            '<' if page => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                bare.push(' ');
            }
            _ if !in_tag => bare.push(c),
            _ => {}
        }
    }
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns a message as text, or as hex if it is none.
fn quoted_message(message: &[u8]) -> String {
    // The end of what was kept may have cut a character.
    let text = message.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let is_binary = |c: char| c.is_control() && !c.is_whitespace();
    if text.len() + 3 >= message.len() && !text.chars().any(is_binary) {
        return quoted(text);
    }
    let digits = hexadecimal(&message[..message.len().min(MOST_CHARS / 2)]);
    let more = if message.len() > MOST_CHARS / 2 { "…" } else { "" };
    format!("{{ hex = \"{digits}{more}\" }}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One with a body alone.
    fn refusal(error: ClientError, body: &[u8]) -> Refusal {
        let [location, media_type, coding] = [(); 3].map(|()| Vec::new());
        let body = body.to_vec();
        let (body_bytes, body_length) = (0, None);
        let redirects = 0;
        Refusal {
            error,
            client: 0,
            location,
            media_type,
            coding,
            body,
            body_bytes,
            body_length,
            redirects,
        }
    }

    fn said(kind: ClientErrorKind, code: i32, location: &str, body: &str) -> String {
        let error = ClientError::with(kind, code);
        let refusal = Refusal {
            location: location.as_bytes().to_vec(),
            media_type: b"text/html".to_vec(),
            coding: b"br".to_vec(),
            ..refusal(error, body.as_bytes())
        };
        describe(error, Some(&refusal), ("live feed", "sse"))
    }

    #[test]
    fn a_redirect_says_what_to_write() {
        let of = |location| said(ClientErrorKind::Status, 301, location, "moved");
        let path = "paths = { \"live feed\" = \"/p/\" } into [server]";
        assert_eq!(
            of("/p/"),
            format!("answered with status 301 and Location \"/p/\": write {path}")
        );
        let other = of("http://a:1/p/");
        assert!(other.ends_with(&format!("write url = \"http://a:1\" and {path}")), "{other}");
        let secure = of("https://a/p/");
        assert!(secure.ends_with(&format!("write url = \"https://a\" and {path}")), "{secure}");
        let query = of("wss://a?b");
        assert!(query.contains("write url = \"https://a\" and paths"), "{query}");
        assert!(query.ends_with("= \"/?b\" } into [server]"), "{query}");
        assert!(of("//a/p/").ends_with("write where the server is into [server]"));
        assert!(of("p/").ends_with("write where the server is into [server]"));
        assert!(of("/\u{1b}[2J").contains("Location \"/\\u{1b}[2J\": write where"));
        assert!(of("http://a\u{7}b/").contains("write where"));
        assert_eq!(of(""), "answered with status 301: \"moved\"");
    }

    #[test]
    fn redirects_without_an_end_say_the_limit() {
        let error = ClientError::with(ClientErrorKind::Status, 302);
        let location = b"?x=6".to_vec();
        let refusal = Refusal { location, redirects: 5, ..refusal(error, b"moved") };
        let said = describe(error, Some(&refusal), ("polling", "polling"));
        let limit = "answered with status 302 and Location \"?x=6\" after 5 redirects in a row, the most that \
                     `redirects` allows: they may be a loop";
        assert!(said.starts_with(limit), "{said}");
    }

    #[test]
    fn what_came_instead_of_the_answer_is_shown() {
        let late = "the answer that counts as connected did not come within the limit";
        let of = |body: &[u8]| {
            let error = ClientError::of(ClientErrorKind::NotReady);
            describe(error, Some(&refusal(error, body)), ("live feed", "websocket"))
        };
        assert_eq!(of(b""), format!("{late}, and no other message either"));
        assert_eq!(
            of(b"44{\"no\":1}"),
            format!("{late}; the last message was \"44{{\\\"no\\\":1}}\"")
        );
        assert_eq!(
            of(b"\x20\x02\x00\x05\xff\xfe\xfd"),
            format!("{late}; the last message was {{ hex = \"20020005fffefd\" }}")
        );
    }

    #[test]
    fn an_answer_that_does_not_end_says_what_came_and_what_to_take() {
        let of = |media_type: &str, body_length| {
            let refusal = Refusal {
                client: 0,
                error: ClientError::with(ClientErrorKind::Unfinished, 200),
                location: Vec::new(),
                media_type: media_type.as_bytes().to_vec(),
                coding: Vec::new(),
                body: Vec::new(),
                body_bytes: 1_234,
                body_length,
                redirects: 0,
            };
            describe(refusal.error, Some(&refusal), ("polling", "polling"))
        };
        assert_eq!(
            of("text/event-stream", None),
            "answered with status 200, Content-Type \"text/event-stream\" and 1,234 bytes of a body \
             that did not end within the limit; it is an event stream: take transport = \"sse\" \
             (sse+http:// with wsbench try)"
        );
        assert_eq!(
            of("", None),
            "answered with status 200 and 1,234 bytes of a body that did not end within the limit; \
             if it never ends, take transport = \"streaming\" (stream+http:// with wsbench try)"
        );
        assert_eq!(
            of("text/plain", Some(2_000)),
            "answered with status 200 and 1,234 of the 2,000 bytes of its body within the limit"
        );
        let none = describe(ClientError::of(ClientErrorKind::Unfinished), None, ("a", "polling"));
        assert_eq!(none, "began an answer whose head did not end within the limit");
    }

    #[test]
    fn what_a_server_selected_unasked_is_named_with_the_remedy() {
        let of = |field: UpgradeField, name: &str| {
            let error = field.error();
            said(error.kind, error.code, "", name)
        };
        assert_eq!(
            of(UpgradeField::Extensions, "permessage-deflate; server_no_context_takeover"),
            "upgrade failed: the server selected the extension \"permessage-deflate; \
             server_no_context_takeover\", which was not asked for so (RFC 6455, 4.1); turn it off \
             in the server, or offer it by `extensions` in the series"
        );
        assert_eq!(
            of(UpgradeField::Protocol, "foo"),
            "upgrade failed: the server selected the subprotocol \"foo\", which was not asked for \
             (RFC 6455, 4.1); if the server insists, set subprotocol = \"foo\" in the series"
        );
        // What is no name is escaped, shortened, and nothing to write into a scenario.
        let strange = of(UpgradeField::Protocol, "a\u{1b}[2J b");
        assert!(strange.contains("\"a\\u{1b}[2J b\"") && strange.ends_with("4.1)"), "{strange}");
        let long = of(UpgradeField::Protocol, &"x".repeat(500));
        assert!(long.contains("x\"…, which") && long.ends_with("4.1)"), "{long}");
        // Without a name there is no more to say.
        assert!(of(UpgradeField::Extensions, "").ends_with("that were not asked for"));
    }

    #[test]
    fn a_body_is_shown_shortened_and_escaped() {
        let of = |body| said(ClientErrorKind::Upgrade, 400, "/ignored", body);
        let page = "<html>\r\n<head><title>400 Bad\r\nRequest</title></head><body>plain HTTP";
        assert_eq!(of(page), "upgrade refused with status 400: \"400 Bad Request plain HTTP\"");
        assert!(of("a\u{1b}[31m\u{202e}b").ends_with("\"a\\u{1b}[31m\\u{202e}b\""));
        let endless = "x".repeat(500);
        let long = of(&endless);
        assert!(long.ends_with(&format!("{}\"…", "x".repeat(200))), "{long}");
        assert_eq!(of("\r\n"), "upgrade refused with status 400");
        let closed = said(ClientErrorKind::EarlyClose, 3501, "", "bad request");
        assert_eq!(closed, "closed early by the server with close code 3501: \"bad request\"");
        let frame = said(ClientErrorKind::Frame, 12, "", "4.61 EB were announced");
        assert_eq!(
            frame,
            "the server announced a frame that did not end in time: 4.61 EB were announced"
        );
        let bytes = said(ClientErrorKind::Malformed, 0, "", "-ERR\0");
        assert_eq!(bytes, "answered with malformed bytes: \"-ERR\\0\"");
        assert_eq!(
            said(ClientErrorKind::Surplus, 2, "", "x"),
            "sent 2 bytes after the end of an answer"
        );
        assert_eq!(
            said(ClientErrorKind::Compressed, 0, "", "x"),
            "answered with a compressed body (Content-Encoding \"br\"), which was not asked for; set \
             accept_encoding = \"br\" in the series, or take Accept-Encoding out of the request"
        );
        assert_eq!(
            said(ClientErrorKind::NoEventStream, 0, "", "x"),
            "answered with Content-Type \"text/html\", not text/event-stream; check the path"
        );
    }
}

//! The cookies of one client (RFC 6265): what answers set, and what its next request sends.
//!
//! A client talks to one server in one way, so that a cookie that would not go back to it need not be
//! kept: one that is `Secure` without TLS, and one of another `Domain`.

use jiff::fmt::rfc2822;
use std::collections::VecDeque;
use std::net::IpAddr;

/// The most cookies that are kept, as many as RFC 6265 §6.1 asks for.
const MOST_COOKIES: usize = 50;

/// The most bytes of fields `Set-Cookie` that are remembered of all clients of a thread.
const MOST_SEEN_BYTES: usize = 256 * 1024;

/// The fields `Set-Cookie` of an answer, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetCookies(pub Vec<Vec<u8>>);

impl SetCookies {
    /// Keeps the values of these fields; `None` if there is none.
    pub(crate) fn of<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Box<SetCookies>> {
        let values: Vec<Vec<u8>> = values.map(<[u8]>::to_vec).collect();
        (!values.is_empty()).then(|| Box::new(SetCookies(values)))
    }
}

/// The last fields `Set-Cookie` that clients of a thread have got: an answer may quote what an earlier
/// one set, and another client's.
#[derive(Debug, Default)]
pub(crate) struct SeenCookies {
    fields: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl SeenCookies {
    /// Remembers a field, and forgets the oldest ones if there are too many.
    pub(crate) fn add(&mut self, field: Vec<u8>) {
        if self.fields.back() == Some(&field) {
            return;
        }
        // A short one takes memory, too.
        let size = |field: &Vec<u8>| field.len() + size_of::<Vec<u8>>();
        self.bytes += size(&field);
        self.fields.push_back(field);
        while self.bytes > MOST_SEEN_BYTES {
            let Some(oldest) = self.fields.pop_front() else { return };
            self.bytes -= size(&oldest);
        }
    }

    /// Takes all of them.
    pub(crate) fn take(&mut self) -> VecDeque<Vec<u8>> {
        std::mem::take(self).fields
    }
}

/// The request whose answer sets a cookie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CookieSource<'a> {
    /// Its host, without a port.
    pub host: &'a str,
    /// Its target.
    pub target: &'a [u8],
    /// Whether it was sent over TLS.
    pub tls: bool,
}

/// Why a cookie that an answer sets is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CookieLeftOut {
    /// It is marked `Secure`, and the client has no TLS.
    Secure,
    /// Its `Domain` is that of another host.
    OtherHost,
    /// It is no pair of a name and a value, or one of them has a control character.
    Malformed,
    /// The client has as many as it keeps.
    TooMany,
}

/// The cookies of one client, in the order in which they were set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CookieJar(Vec<Cookie>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cookie {
    name: Vec<u8>,
    value: Vec<u8>,
    /// The path below which it is sent.
    path: Vec<u8>,
}

impl CookieJar {
    /// Keeps what a field `Set-Cookie` sets, or deletes it (RFC 6265 §5.3). Returns why it does not keep a
    /// cookie that another client would keep. `now_s` is the time in seconds since 1970.
    pub(crate) fn keep(
        &mut self,
        field: &[u8],
        source: CookieSource<'_>,
        now_s: i64,
    ) -> Option<CookieLeftOut> {
        let mut parts = field.split(|&b| b == b';');
        let is_legal = |bytes: &[u8]| bytes.iter().all(|b| !b.is_ascii_control());
        let pair = split(parts.next().unwrap_or_default());
        let pair =
            pair.filter(|(name, value)| !name.is_empty() && is_legal(name) && is_legal(value));
        let Some((name, value)) = pair else { return Some(CookieLeftOut::Malformed) };
        let mut path = None;
        let mut domain = &b""[..];
        let mut secure = false;
        let mut is_over = None;
        let mut expires = None;
        // Of an attribute that comes twice, the last one counts that can be read.
        for part in parts {
            let (name, value) = split(part).unwrap_or((part.trim_ascii(), b""));
            if name.eq_ignore_ascii_case(b"path") {
                path = value.starts_with(b"/").then_some(value);
            } else if name.eq_ignore_ascii_case(b"domain") {
                domain = value.strip_prefix(b".").unwrap_or(value);
            } else if name.eq_ignore_ascii_case(b"secure") {
                secure = true;
            } else if name.eq_ignore_ascii_case(b"max-age") {
                is_over = is_age_over(value).or(is_over);
            } else if name.eq_ignore_ascii_case(b"expires") {
                expires = seconds_of(value).or(expires);
            }
        }
        if !domain.is_empty() && !is_of_domain(source.host, domain) {
            return Some(CookieLeftOut::OtherHost);
        }
        let path = path.unwrap_or_else(|| default_path(source.target)).to_vec();
        let cookie = Cookie { name: name.to_vec(), value: value.to_vec(), path };
        self.0.retain(|kept| kept.name != cookie.name || kept.path != cookie.path);
        // Max-Age goes first.
        let ended = match (is_over, expires) {
            (Some(is_over), _) => is_over,
            (None, Some(at)) => at <= now_s,
            (None, None) => false,
        };
        if !ended && secure && !source.tls {
            return Some(CookieLeftOut::Secure);
        }
        if ended {
            return None;
        }
        if self.0.len() >= MOST_COOKIES {
            return Some(CookieLeftOut::TooMany);
        }
        self.0.push(cookie);
        None
    }

    /// Returns what is kept, as names and values with `=` between them.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = Vec<u8>> {
        self.0.iter().map(|cookie| [&cookie.name[..], b"=", &cookie.value].concat())
    }

    /// Returns the value of the field `Cookie` for a request to a path: the pairs of `own` that no
    /// answer has set, and what answers have set. `None` if there is nothing to send.
    pub(crate) fn value(&self, own: &[u8], path: &[u8]) -> Option<Vec<u8>> {
        let sent = self.0.iter().filter(|cookie| is_below(path, &cookie.path));
        let sent: Vec<&Cookie> = sent.collect();
        let own = own.split(|&b| b == b';').map(<[u8]>::trim_ascii);
        let own = own.filter(|pair| {
            let name = split(pair).map_or(*pair, |(name, _)| name);
            !pair.is_empty() && sent.iter().all(|cookie| cookie.name != name)
        });
        let mut pairs: Vec<Vec<u8>> = own.map(<[u8]>::to_vec).collect();
        pairs.extend(sent.iter().map(|cookie| [&cookie.name[..], b"=", &cookie.value].concat()));
        (!pairs.is_empty()).then(|| pairs.join(&b"; "[..]))
    }
}

/// Splits a pair at its `=`.
fn split(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|&b| b == b'=')?;
    Some((pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()))
}

/// Returns whether a cookie with this `Max-Age` is over at once, whatever the number of its digits; `None` if it
/// is no number of seconds, which does not count (RFC 6265 §5.2.2).
fn is_age_over(value: &[u8]) -> Option<bool> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.len() < value.len() || digits.iter().all(|&digit| digit == b'0'))
}

/// Returns a date in seconds since 1970. Old servers write it with hyphens.
fn seconds_of(date: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(date).ok()?.replace('-', " ");
    rfc2822::parse(&text).ok().map(|at| at.timestamp().as_second())
}

/// Whether a host is a domain or one within it (RFC 6265 §5.1.3). Nothing is within an address.
fn is_of_domain(host: &str, domain: &[u8]) -> bool {
    let host_bytes = host.as_bytes();
    let Some(at) = host_bytes.len().checked_sub(domain.len()) else { return false };
    let (before, end) = host_bytes.split_at(at);
    let is_address = || host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    end.eq_ignore_ascii_case(domain)
        && (before.is_empty() || (before.ends_with(b".") && !is_address()))
}

/// The path of a cookie that names none: that of the request up to its last slash (RFC 6265 §5.1.4).
fn default_path(target: &[u8]) -> &[u8] {
    let path = target.split(|&b| b == b'?').next().unwrap_or_default();
    match path.iter().rposition(|&b| b == b'/') {
        Some(at) if at > 0 && path.starts_with(b"/") => &path[..at],
        _ => b"/",
    }
}

/// Whether a request to a path sends the cookies of another (RFC 6265 §5.1.4).
fn is_below(path: &[u8], of: &[u8]) -> bool {
    let path = path.split(|&b| b == b'?').next().unwrap_or_default();
    path.strip_prefix(of)
        .is_some_and(|rest| rest.is_empty() || of.ends_with(b"/") || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: CookieSource<'_> = CookieSource { host: "h", target: b"/", tls: false };

    fn jar_of(source: CookieSource<'_>, fields: &[&str]) -> (CookieJar, Vec<CookieLeftOut>) {
        let mut jar = CookieJar::default();
        let keep = |field: &&str| jar.keep(field.as_bytes(), source, 1_000_000_000);
        let left_out = fields.iter().filter_map(keep).collect();
        (jar, left_out)
    }

    fn jar(fields: &[&str]) -> CookieJar {
        jar_of(PLAIN, fields).0
    }

    fn sent(fields: &[&str], own: &str, path: &str) -> Option<String> {
        let value = jar(fields).value(own.as_bytes(), path.as_bytes());
        value.map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn what_was_set_is_sent_until_it_is_deleted() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(sent(&[], "", "/"), None);
        assert_eq!(sent(&["sid=1; Path=/; HttpOnly", "a = b"], "", "/p?q"), some("sid=1; a=b"));
        assert_eq!(sent(&["sid=1", "sid=2"], "", "/"), some("sid=2"));
        assert_eq!(sent(&["sid=1", "sid=; Max-Age=0"], "", "/"), None);
        let epoch = "sid=; expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(sent(&["sid=1", epoch], "", "/"), None);
        assert_eq!(sent(&["sid=1; Expires=Fri, 01-Jan-2038 00:00:00 GMT"], "", "/"), some("sid=1"));
        // Max-Age goes first, and what is no date is no end.
        assert_eq!(
            sent(&[&format!("{epoch}; Max-Age=9").replace("sid=", "sid=1")], "", "/"),
            some("sid=1")
        );
        assert_eq!(sent(&["sid=1; Expires=soon"], "", "/"), some("sid=1"));
        for over in ["-1", "-99999999999999999999", "0", "-0", "00000000000000000000000"] {
            assert_eq!(
                sent(&["sid=1", &format!("sid=2; Max-Age={over}")], "", "/"),
                None,
                "{over}"
            );
        }
        // A number of any length is one, and what is none does not count.
        for not in ["1", "99999999999999999999", "+0", "-", "", "0s", "-1; Max-Age=5; Max-Age=x"] {
            assert_eq!(sent(&[&format!("sid=1; Max-Age={not}")], "", "/"), some("sid=1"), "{not}");
        }
    }

    #[test]
    fn what_is_no_cookie_or_one_too_many_is_left_out_and_counted() {
        let (jar, left_out) =
            jar_of(PLAIN, &["no pair", "=v", "a\u{7}=b", "a=b\u{1}c", "", "a=\"b\""]);
        assert_eq!(left_out, [CookieLeftOut::Malformed; 5]);
        assert_eq!(jar.value(b"", b"/").as_deref(), Some(&b"a=\"b\""[..]));
        let fields: Vec<String> = (0..MOST_COOKIES + 2).map(|n| format!("a{n}=b")).collect();
        let mut fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        // One that is deleted or set again takes no place.
        fields.extend(["x=; Max-Age=0", "a0=c"]);
        let (jar, left_out) = jar_of(PLAIN, &fields);
        assert_eq!((jar.0.len(), left_out), (MOST_COOKIES, vec![CookieLeftOut::TooMany; 2]));
    }

    #[test]
    fn the_last_fields_are_remembered_within_a_limit() {
        let mut seen = SeenCookies::default();
        for n in 0..100_000 {
            seen.add(format!("sid={n}").into_bytes());
            seen.add(format!("sid={n}").into_bytes());
        }
        assert!(seen.bytes <= MOST_SEEN_BYTES);
        let all = seen.take();
        assert_eq!(all.back().map(Vec::as_slice), Some(&b"sid=99999"[..]));
        assert!(all.len() > 5_000 && all.len() < 10_000, "{}", all.len());
        seen.add(vec![b'x'; MOST_SEEN_BYTES + 1]);
        assert_eq!((seen.bytes, seen.take().len()), (0, 0));
        let kept = jar(&["a=1; Path=/x", "b=2"]).pairs().collect::<Vec<_>>();
        assert_eq!(kept, [b"a=1", b"b=2"]);
    }

    #[test]
    fn a_path_sends_its_own_cookies() {
        assert_eq!(sent(&["a=1; Path=/in"], "", "/in/x").as_deref(), Some("a=1"));
        assert_eq!(sent(&["a=1; Path=/in"], "", "/in").as_deref(), Some("a=1"));
        assert_eq!(sent(&["a=1; Path=/in"], "", "/inner"), None);
        assert_eq!(sent(&["a=1; Path=/in"], "", "/"), None);
    }

    #[test]
    fn a_secure_cookie_is_sent_over_tls_alone() {
        let fields = ["sid=1", "sid=2; SECURE; HttpOnly", "a=b; Secure=x"];
        let (jar, left_out) = jar_of(PLAIN, &fields);
        assert_eq!(left_out, [CookieLeftOut::Secure; 2]);
        // What it replaces is gone all the same.
        assert_eq!(jar.value(b"", b"/"), None);
        let (jar, left_out) = jar_of(CookieSource { tls: true, ..PLAIN }, &fields);
        assert!(left_out.is_empty());
        assert_eq!(jar.value(b"", b"/").as_deref(), Some(&b"sid=2; a=b"[..]));
        // One that is deleted is not left out.
        assert_eq!(jar_of(PLAIN, &["sid=; Max-Age=0; Secure"]).1, []);
    }

    #[test]
    fn a_cookie_of_another_domain_is_left_out() {
        let is_kept = |host: &str, domain: &str| {
            let field = format!("a=b; Domain={domain}");
            let (jar, left_out) = jar_of(CookieSource { host, ..PLAIN }, &[&field]);
            assert_eq!(left_out.is_empty(), jar.value(b"", b"/").is_some(), "{host} {domain}");
            left_out.is_empty()
        };
        for (host, domain) in [
            ("h.example", "h.example"),
            ("a.h.example", "H.Example"),
            ("h.example", ".h.example"),
            ("h.example", ""),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("h.example", "other; Domain=h.example"),
        ] {
            assert!(is_kept(host, domain), "{host} {domain}");
        }
        for (host, domain) in [
            ("h.example", "other.example"),
            ("h.example", "a.h.example"),
            ("ah.example", "h.example"),
            ("127.0.0.1", "0.0.1"),
            ("127.0.0.1", "localhost"),
            ("[::1]", ":1]"),
        ] {
            assert!(!is_kept(host, domain), "{host} {domain}");
        }
        // It replaces nothing.
        let (jar, left_out) = jar_of(PLAIN, &["a=1", "a=2; Domain=other"]);
        assert_eq!(left_out, [CookieLeftOut::OtherHost]);
        assert_eq!(jar.value(b"", b"/").as_deref(), Some(&b"a=1"[..]));
    }

    #[test]
    fn a_cookie_without_a_path_is_of_the_folder_of_its_request() {
        let sent = |target: &str, field: &str, path: &str| {
            let source = CookieSource { target: target.as_bytes(), ..PLAIN };
            jar_of(source, &[field]).0.value(b"", path.as_bytes()).is_some()
        };
        assert!(sent("/in/live?a=/b/c", "a=b", "/in/post"));
        assert!(!sent("/in/live?a=/b/c", "a=b", "/out"));
        assert!(sent("/in/live", "a=b; Path=/", "/out"));
        assert!(!sent("/in/live", "a=b; Path=/; Path=x", "/out"));
        for top in ["/live", "/", "", "*"] {
            assert!(sent(top, "a=b", "/out"), "{top}");
        }
    }

    #[test]
    fn what_is_set_replaces_what_the_scenario_sends() {
        assert_eq!(sent(&["sid=2"], "sid=1; lang=en", "/").as_deref(), Some("lang=en; sid=2"));
        assert_eq!(sent(&[], "sid=1", "/").as_deref(), Some("sid=1"));
    }
}

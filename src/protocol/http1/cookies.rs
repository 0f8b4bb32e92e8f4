//! The cookies of one client (RFC 6265): what answers set, and what its next request sends.
//!
//! A client talks to one server: `Domain` and `Secure` are not looked at.

use jiff::fmt::rfc2822;
use std::collections::VecDeque;

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
    /// Keeps what a field `Set-Cookie` sets, or deletes it (RFC 6265 §5.3). `now_s` is the time in
    /// seconds since 1970.
    pub(crate) fn keep(&mut self, field: &[u8], now_s: i64) {
        let mut parts = field.split(|&b| b == b';');
        let Some((name, value)) = split(parts.next().unwrap_or_default()) else { return };
        let is_legal = |bytes: &[u8]| bytes.iter().all(|b| !b.is_ascii_control());
        if name.is_empty() || !is_legal(name) || !is_legal(value) {
            return;
        }
        let mut cookie = Cookie { name: name.to_vec(), value: value.to_vec(), path: b"/".to_vec() };
        let (mut max_age, mut expires) = (None, None);
        for part in parts {
            let (name, value) = split(part).unwrap_or((part.trim_ascii(), b""));
            if name.eq_ignore_ascii_case(b"path") && value.starts_with(b"/") {
                cookie.path = value.to_vec();
            } else if name.eq_ignore_ascii_case(b"max-age") {
                max_age = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
            } else if name.eq_ignore_ascii_case(b"expires") {
                expires = seconds_of(value);
            }
        }
        self.0.retain(|kept| kept.name != cookie.name || kept.path != cookie.path);
        // Max-Age goes first.
        let ended = match (max_age, expires) {
            (Some(seconds), _) => seconds <= 0,
            (None, Some(at)) => at <= now_s,
            (None, None) => false,
        };
        if !ended && self.0.len() < MOST_COOKIES {
            self.0.push(cookie);
        }
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

/// Returns a date in seconds since 1970. Old servers write it with hyphens.
fn seconds_of(date: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(date).ok()?.replace('-', " ");
    rfc2822::parse(&text).ok().map(|at| at.timestamp().as_second())
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

    fn jar(fields: &[&str]) -> CookieJar {
        let mut jar = CookieJar::default();
        fields.iter().for_each(|field| jar.keep(field.as_bytes(), 1_000_000_000));
        jar
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
        assert_eq!(sent(&["no pair", "=v", "a\u{7}=b"], "", "/"), None);
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
    fn what_is_set_replaces_what_the_scenario_sends() {
        assert_eq!(sent(&["sid=2"], "sid=1; lang=en", "/").as_deref(), Some("lang=en; sid=2"));
        assert_eq!(sent(&[], "sid=1", "/").as_deref(), Some("sid=1"));
    }
}

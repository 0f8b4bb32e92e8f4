//! The head of a response as hyper is given it: a header map that is made once a second.
//!
//! Separate from `head`, which knows what a head looks like and no clock. The names' case is
//! hyper's title case, which the profiles are checked against.

use crate::protocol::http1::head::{ResponseHead, write_ok};
use crate::server::body::Body;
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::Response;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use std::cell::{RefCell, RefMut};
use std::time::{SystemTime, UNIX_EPOCH};

/// A response head with the date of now.
pub(crate) struct HeadWithDate {
    head: ResponseHead,
    cached: RefCell<Cached>,
}

/// The headers of the current second.
#[derive(Default)]
struct Cached {
    /// Seconds since 1970; 0 before the first response.
    second: u64,
    /// The `Content-Length` in them.
    payload_bytes: usize,
    headers: HeaderMap,
    /// The head that hyper writes of them; empty if it is not made yet.
    written: Vec<u8>,
}

impl HeadWithDate {
    /// For responses with this head.
    pub(crate) fn new(head: ResponseHead) -> HeadWithDate {
        HeadWithDate { head, cached: RefCell::default() }
    }

    /// The response with this body.
    pub(crate) fn respond(&self, body: Bytes) -> Response<Body> {
        let headers = self.headers(body.len());
        let mut response = Response::new(Either::Left(Full::new(body)));
        *response.headers_mut() = headers;
        response
    }

    /// Writes the response with this body as hyper does.
    pub(crate) fn write(&self, body: &[u8], out: &mut Vec<u8>) {
        let mut cached = self.cached(body.len());
        let Cached { headers, written, .. } = &mut *cached;
        if written.is_empty() {
            write_ok(headers, written);
        }
        out.extend_from_slice(written);
        out.extend_from_slice(body);
    }

    /// The headers of a response with so many bytes of body.
    fn headers(&self, payload_bytes: usize) -> HeaderMap {
        self.cached(payload_bytes).headers.clone()
    }

    fn cached(&self, payload_bytes: usize) -> RefMut<'_, Cached> {
        // A clock before 1970 shows 1970; the head's size stays the same.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut cached = self.cached.borrow_mut();
        if cached.second != now || cached.headers.is_empty() {
            cached.headers = self.head.header_map(payload_bytes, &http_date(now));
            cached.written.clear();
            cached.second = now;
            cached.payload_bytes = payload_bytes;
        } else if cached.payload_bytes != payload_bytes {
            cached.headers.insert(CONTENT_LENGTH, HeaderValue::from(payload_bytes));
            cached.written.clear();
            cached.payload_bytes = payload_bytes;
        }
        cached
    }
}

/// A date as HTTP writes it (RFC 9110 §5.6.7): always 29 characters.
fn http_date(second: u64) -> String {
    let at = i64::try_from(second).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    at.unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_29_characters_in_gmt() {
        assert_eq!(http_date(1_257_553_966), "Sat, 07 Nov 2009 00:32:46 GMT");
        assert_eq!(http_date(u64::MAX).len(), 29);
    }

    #[test]
    fn the_length_is_that_of_each_body() {
        let head = HeadWithDate::new(ResponseHead::Chapter);
        for bytes in [21, 0, 4_000, 21] {
            let headers = head.headers(bytes);
            assert_eq!(headers[CONTENT_LENGTH], bytes.to_string());
        }
    }
}

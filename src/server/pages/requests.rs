//! What pages ask for: the parameters of a request, and the bytes of its head and of its answer's.

use hyper::{Request, Response};

/// The parameters of a request. Only numbers and names without escapes are known.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(query: &str) -> Query {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Query(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
    /// A number that is one.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.parse().ok().filter(|number: &f64| number.is_finite())
    }
    /// The page's own feed: 16 hexadecimal digits that it has drawn at random.
    pub(super) fn own_feed(&self) -> Option<u64> {
        let text = self.get("feed").filter(|text| text.len() == 16)?;
        u64::from_str_radix(text, 16).ok()
    }
}

/// The bytes of a request's head, which a browser writes with a blank behind each colon: names and values, and
/// four bytes a line.
pub(super) fn head_bytes_up<T>(request: &Request<T>) -> u64 {
    let target = request.uri().path_and_query().map_or(1, |target| target.as_str().len());
    let line = request.method().as_str().len() + 1 + target + " HTTP/1.1\r\n".len();
    let fields = request.headers().iter();
    (line + fields.map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() + 2)
        as u64
}

/// The bytes of a response's head as hyper writes it: with the length of a whole body, else by chunks.
pub(super) fn head_bytes_down<B>(response: &Response<B>, body: Option<u64>) -> u64 {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let line = "HTTP/1.1 000 \r\n".len() + reason.len();
    let fields = response.headers().iter();
    let fields: usize = fields.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let length = match body {
        Some(bytes) => "content-length: \r\n".len() + bytes.to_string().len(),
        None => "transfer-encoding: chunked\r\n".len(),
    };
    (line + fields + length + 2) as u64
}

/// The bytes that a chunk has around its data (RFC 9112 §7.1).
pub(super) fn chunk_bytes(data: usize) -> u64 {
    format!("{data:x}").len() as u64 + 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_have_the_bytes_that_are_on_the_wire() {
        let text = "GET /pages/poll?feed=1 HTTP/1.1\r\nhost: localhost:8080\r\naccept: */*\r\n\r\n";
        let request = Request::builder()
            .uri("/pages/poll?feed=1")
            .header("host", "localhost:8080")
            .header("accept", "*/*")
            .body(())
            .expect("a request");
        assert_eq!(head_bytes_up(&request), text.len() as u64);
        let text =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n";
        let response =
            Response::builder().header("content-type", "application/json").body(()).expect("one");
        assert_eq!(head_bytes_down(&response, Some(21)), text.len() as u64);
        let text = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(head_bytes_down(&response, None), text.len() as u64);
        assert_eq!(chunk_bytes(200), "c8\r\n\r\n".len() as u64);
    }

    #[test]
    fn a_feed_is_sixteen_digits() {
        assert_eq!(Query::of("feed=00000000000000ff&after=3").own_feed(), Some(255));
        for wrong in ["", "feed=ff", "feed=zzzzzzzzzzzzzzzz", "feed"] {
            assert_eq!(Query::of(wrong).own_feed(), None, "{wrong}");
        }
        assert_eq!(Query::of("hz=NaN").number("hz"), None);
        assert_eq!(Query::of("hz=2.5").number("hz"), Some(2.5));
    }
}

//! What the library of the engine `reqwest` shows of an answer's parts, beside the bytes that the kernel counts.

use crate::client::Client;
use crate::client::rendered_request::HeadSize;
use crate::protocol::http1::response::Parts;
use crate::record::Phase;
use hyper::ext::ReasonPhrase;

/// A head as the library shows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShownHead {
    /// Its size if every line is written as usual.
    pub(super) size: HeadSize,
    /// The reason phrase is empty: the space before it may be left out.
    without_reason: bool,
}

/// What the library shows of the parts of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    All,
    /// Not how many bytes of the heads are line ends.
    WithoutLineEnds,
    /// Not what is of heads and what is framing.
    Undivided,
    /// Nothing but the payload, as over HTTP/2.
    PayloadOnly,
}

impl Shown {
    /// Counts what is not shown.
    pub(super) fn count(self, client: &Client, phase: Phase) {
        match self {
            Shown::All => {}
            Shown::WithoutLineEnds => client.count_unusual_head(phase),
            Shown::Undivided => client.count_undivided(phase),
            Shown::PayloadOnly => client.count_payload_only(phase),
        }
    }
}

/// Returns what a response of so many bytes at the socket consists of, and what of it is known.
///
/// What is neither head nor payload belongs to the head: a field that is written otherwise, or an interim
/// response. How many lines that has is not shown, so that the characters without line ends are known only of
/// a head with the usual bytes. Of a chunked body it is also `framing`, that of the pieces in which the library
/// gave the body. If both do not add up, a chunk may have come in several pieces or had an extension, or the
/// head is written otherwise.
pub(super) fn response_parts(
    head: ShownHead,
    payload: u64,
    down: u64,
    framing: Option<u64>,
) -> (Parts, Shown) {
    let ShownHead { size, without_reason } = head;
    let rest = down.saturating_sub(payload);
    let beyond = rest.saturating_sub(size.bytes);
    let heads = if framing.is_some() { rest - beyond } else { rest };
    let head_chars = (size.chars() + heads).saturating_sub(size.bytes);
    let parts = Parts { heads, head_chars, framing: rest - heads, payload: down - rest, stray: 0 };
    let is_usual = heads == size.bytes || without_reason && heads + 1 == size.bytes;
    let shown = match framing {
        // The kernel could not be asked: nothing is known, which is counted elsewhere.
        _ if down == 0 => Shown::All,
        Some(framing) if framing != beyond => Shown::Undivided,
        _ if is_usual => Shown::All,
        _ => Shown::WithoutLineEnds,
    };
    (parts, shown)
}

/// Returns what an answer over HTTP/2 of so many bytes at the socket consists of, as far as it is known: header blocks,
/// frames and what belongs to the connection stand together, for heads.
pub(super) fn http2_parts(payload: u64, down: u64) -> (Parts, Shown) {
    let heads = down.saturating_sub(payload);
    let parts = Parts { heads, payload: down - heads, ..Parts::default() };
    // If the kernel could not be asked, nothing is known, which is counted elsewhere.
    (parts, if down == 0 { Shown::All } else { Shown::PayloadOnly })
}

/// What a body consists of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BodySizes {
    pub(super) payload: u64,
    /// The framing of chunks, if each piece was one.
    pub(super) framing: u64,
}

impl BodySizes {
    /// Two line ends and a length of hexadecimal digits.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let digits = piece.len().checked_ilog(16).map_or(1, |log| log + 1);
        self.payload += piece.len() as u64;
        self.framing += u64::from(digits) + 4;
    }
    /// The last chunk, without trailers.
    pub(super) fn end(&mut self) {
        self.framing += 5;
    }
}

/// Returns the size of a response's head on the wire: reqwest gives the reason phrase and the
/// fields, whose lines have `: ` and CR LF as a rule.
pub(super) fn head_size(response: &reqwest::Response) -> ShownHead {
    let reason = match response.extensions().get::<ReasonPhrase>() {
        Some(reason) => reason.as_bytes(),
        None => response.status().canonical_reason().unwrap_or("").as_bytes(),
    };
    let mut lines = 1;
    let mut chars = ("HTTP/1.1 200 ".len() + reason.len()) as u64;
    for (name, value) in response.headers() {
        chars += (name.as_str().len() + 2 + value.as_bytes().len()) as u64;
        lines += 1;
    }
    let size = HeadSize::new(chars + 2 * (lines + 1), chars, 0);
    ShownHead { size, without_reason: reason.is_empty() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_counted_is_a_responses_size_whatever_its_lines_are() {
        let head = |without_reason| ShownHead { size: HeadSize::new(100, 90, 0), without_reason };
        let parts_of = |head, payload, down, framing| {
            let (parts, shown) = response_parts(head, payload, down, framing);
            assert_eq!(parts.heads + parts.framing + parts.payload, down);
            (parts.heads, parts.head_chars, parts.framing, parts.payload, shown)
        };
        let parts = |payload, down, framing| parts_of(head(false), payload, down, framing);
        assert_eq!(parts(21, 121, None), (100, 90, 0, 21, Shown::All));
        assert_eq!(parts(21, 132, Some(11)), (100, 90, 11, 21, Shown::All));
        // The space before an empty reason phrase is left out.
        assert_eq!(parts_of(head(true), 21, 120, None), (99, 89, 0, 21, Shown::All));
        // An interim response came, white space is written otherwise, or a line ends with LF alone.
        for (down, heads) in [(161, 140), (123, 102), (120, 99)] {
            let (bytes, _, framing, _, shown) = parts(21, down, None);
            assert_eq!((bytes, framing, shown), (heads, 0, Shown::WithoutLineEnds), "{down}");
        }
        // An interim response may have come, or a chunk had an extension.
        assert_eq!(parts(21, 166, Some(11)).4, Shown::Undivided);
        assert_eq!(parts(21, 131, Some(11)).4, Shown::Undivided);
        // The socket was closed before the kernel could be asked.
        assert_eq!(parts(21, 0, None), (0, 0, 0, 0, Shown::All));
        assert_eq!(parts(21, 0, Some(11)), (0, 0, 0, 0, Shown::All));
    }

    #[test]
    fn of_an_answer_over_http2_the_payload_is_known() {
        let parts = |payload, down| {
            let (parts, shown) = http2_parts(payload, down);
            (parts.heads, parts.framing, parts.payload, shown)
        };
        assert_eq!(parts(21, 100), (79, 0, 21, Shown::PayloadOnly));
        assert_eq!(parts(21, 0), (0, 0, 0, Shown::All));
    }

    #[test]
    fn chunks_are_framed_by_their_length_in_hexadecimal_digits() {
        let framing = |sizes: &[usize]| {
            let mut body = BodySizes::default();
            sizes.iter().for_each(|size| body.push(&vec![0; *size]));
            body.end();
            (body.payload, body.framing)
        };
        assert_eq!(framing(&[]), (0, 5));
        assert_eq!(framing(&[15, 16]), (31, 16));
        assert_eq!(framing(&[255, 256]), (511, 18));
    }
}

//! The texts of compressed bodies, for clients whose requests ask for a content coding.
//!
//! The ledger has the bytes as they came. What they say is decoded here, piece by piece, and the bytes
//! of messages are counted beside those that were sent.

use crate::protocol::answer_input::AnswerInput;
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http1::content_coding::BodyDecoder;
use crate::protocol::http1::refuses;
use crate::protocol::http1::response::{BodyPiece, Malformed, Response};

/// The bodies of one client, one after the other.
#[derive(Default)]
pub(crate) struct CompressedBodies {
    /// The decoder of the current body, if it is compressed in a way that was asked for.
    decoder: Option<Box<BodyDecoder>>,
    /// Whether the head of the current response was looked at.
    begun: bool,
    /// Whether bytes of the body came.
    came: bool,
    /// Whether the body cannot be decoded.
    failed: bool,
    /// Whether text came since the last chunk ended.
    in_chunk: bool,
    /// Bytes of the current body's text so far.
    text_bytes: u64,
}

/// What a whole body was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WholeBody {
    /// Its text as it came.
    Plain,
    /// A compressed text of so many bytes, what separates its messages included.
    Compressed(u64),
    /// It is not what its coding says.
    Undecodable,
}

/// Parses what was read of a response, and shows its body: the text of a compressed one, if the client's
/// requests ask for a coding. Returns how much belonged to the response.
///
/// # Errors
/// [`Malformed`] if it is none.
#[inline]
pub(crate) fn feed_text(
    bodies: Option<&mut CompressedBodies>,
    response: &mut Response,
    input: AnswerInput<'_>,
    mut on: impl FnMut(&[u8]),
) -> Result<usize, Malformed> {
    match bodies {
        Some(bodies) => bodies.feed(response, input, on),
        None => response.feed_with(input, |piece| {
            if let Some(bytes) = piece.bytes() {
                on(bytes);
            }
        }),
    }
}

impl CompressedBodies {
    /// Forgets the body: another response begins.
    pub(crate) fn restart(&mut self) {
        *self = CompressedBodies::default();
    }

    /// Looks at a head that has come whole.
    pub(crate) fn begin(&mut self, response: &Response) {
        let decoder = response.coding().map(|coding| Box::new(BodyDecoder::new(coding)));
        *self = CompressedBodies { decoder, begun: true, ..CompressedBodies::default() };
    }

    /// Whether the current body is being decoded.
    pub(crate) fn is_decoding(&self) -> bool {
        self.decoder.is_some()
    }

    /// Whether the current body is not what its coding says.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Parses what was read of a response, and shows the text of its body. Returns how much belonged
    /// to it.
    ///
    /// # Errors
    /// [`Malformed`] if it is none.
    fn feed(
        &mut self,
        response: &mut Response,
        input: AnswerInput<'_>,
        mut on: impl FnMut(&[u8]),
    ) -> Result<usize, Malformed> {
        let head = response.feed_head(input)?;
        if !self.begun && response.status != 0 {
            self.begin(response);
        }
        // What an answer that refuses says is shown, and it is short.
        let mut kept = self.takes_text(response);
        let mut text_bytes = 0;
        let body = response.feed_with(input.rest(head), |piece| {
            self.decode(piece, &mut |text| {
                if let Some(text) = text.bytes() {
                    text_bytes += text.len() as u64;
                    if let Some(kept) = &mut kept {
                        kept.push(text);
                    }
                    on(text);
                }
            });
        });
        if kept.is_some() {
            response.text = kept;
        }
        self.text_bytes += text_bytes;
        body.map(|body| head + body)
    }

    /// Takes the text of an answer that refuses and is being decoded.
    fn takes_text(&self, response: &mut Response) -> Option<Box<AnswerText>> {
        if self.decoder.is_some() && refuses(response.status) { response.text.take() } else { None }
    }

    /// Decodes a piece of a body, and shows the pieces of its text.
    pub(crate) fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(BodyPiece<'_>)) {
        let Some(decoder) = &mut self.decoder else { return on(piece) };
        let in_chunk = &mut self.in_chunk;
        let is_chunk = matches!(piece, BodyPiece::Data(_));
        match piece.bytes() {
            Some(bytes) if !self.failed => {
                self.came = true;
                self.failed = decoder
                    .decode(bytes, &mut |text| {
                        *in_chunk = is_chunk;
                        on(if is_chunk { BodyPiece::Data(text) } else { BodyPiece::Plain(text) });
                    })
                    .is_err();
            }
            Some(_) => {}
            // A chunk may have a coding's header alone.
            None if std::mem::take(in_chunk) => on(BodyPiece::ChunkEnd),
            None => {}
        }
    }

    /// Ends a body that has come whole, and frees its decoder.
    pub(crate) fn end(&mut self) -> WholeBody {
        match std::mem::take(self) {
            CompressedBodies { decoder: None, .. } => WholeBody::Plain,
            // No body: that of a 304, or one of no bytes, which every coding takes for no text.
            CompressedBodies { came: false, .. } => WholeBody::Compressed(0),
            CompressedBodies { decoder: Some(decoder), failed, text_bytes, .. } => {
                if decoder.is_whole() && !failed {
                    WholeBody::Compressed(text_bytes)
                } else {
                    WholeBody::Undecodable
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::content_coding::{Codings, ContentCoding};

    /// "hello hello" as gzip codes it.
    const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\0\x91\0\x40\xa6\x2d\x01\x0b\0\0\0";

    fn asking(codings: impl IntoIterator<Item = ContentCoding>) -> Response {
        let mut response = Response::default();
        response.codings = Codings::from_iter(codings);
        response
    }

    /// Reads an answer in pieces. Returns its text, and what it was.
    fn read(mut response: Response, answer: &[u8], size: usize) -> (Vec<u8>, WholeBody, Response) {
        let (mut bodies, mut text) = (CompressedBodies::default(), Vec::new());
        for piece in answer.chunks(size) {
            let used =
                bodies.feed(&mut response, piece.into(), |shown| text.extend_from_slice(shown));
            assert_eq!(used, Ok(piece.len()));
        }
        assert!(response.is_done());
        (text, bodies.end(), response)
    }

    fn answer(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    #[test]
    fn a_body_in_a_coding_that_was_asked_for_is_shown_as_its_text() {
        let gzip = "Content-Encoding: gzip\r\n";
        let coded = answer("200 OK", gzip, GZIP);
        let lines = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n{gzip}");
        let lines = format!("{lines}Transfer-Encoding: chunked\r\n\r\n");
        let mut chunks = lines.into_bytes();
        for byte in GZIP {
            chunks.extend_from_slice(&[b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
        }
        chunks.extend_from_slice(b"0\r\n\r\n");
        for answer in [&coded, &chunks] {
            for size in 1..answer.len() {
                let (text, whole, response) = read(asking([ContentCoding::Gzip]), answer, size);
                assert_eq!((&text[..], whole), (&b"hello hello"[..], WholeBody::Compressed(11)));
                assert_eq!(response.parts.payload, GZIP.len() as u64);
                assert!(!response.is_unreadable());
                let parts = response.parts;
                assert_eq!(parts.heads + parts.framing + parts.payload, answer.len() as u64);
            }
        }
    }

    #[test]
    fn other_codings_are_shown_as_they_came_and_named() {
        for codings in [&[ContentCoding::Br][..], &[]] {
            let coded = answer("200 OK", "Content-Encoding: gzip\r\n", GZIP);
            let (text, whole, response) = read(asking(codings.iter().copied()), &coded, 9);
            assert_eq!((&text[..], whole), (GZIP, WholeBody::Plain));
            assert!(response.is_unreadable());
            let text = response.text.expect("it is kept");
            assert_eq!((&text.coding[..], &text.body[..]), (&b"gzip"[..], &b""[..]));
        }
        // One upon the other, in one field or in two.
        for fields in
            ["Content-Encoding: br, gzip\r\n", "Content-Encoding: br\r\nContent-Encoding: gzip\r\n"]
        {
            let (.., response) =
                read(asking([ContentCoding::Gzip]), &answer("200 OK", fields, GZIP), 100);
            assert!(response.is_unreadable(), "{fields}");
            assert_eq!(response.text.expect("it is kept").coding, b"br, gzip", "{fields}");
        }
    }

    #[test]
    fn no_body_is_no_text_and_what_is_cut_off_is_no_body() {
        let gzip = "Content-Encoding: gzip\r\n";
        for status in ["200 OK", "204 No Content", "304 Not Modified"] {
            let (text, whole, response) =
                read(asking([ContentCoding::Gzip]), &answer(status, gzip, b""), 100);
            assert_eq!((text, whole), (Vec::new(), WholeBody::Compressed(0)));
            assert!(!response.is_unreadable());
            let (.., response) = read(asking([]), &answer(status, gzip, b""), 100);
            assert!(!response.is_unreadable());
        }
        for body in [&GZIP[..12], b"hello", &[GZIP, b"x"].concat()] {
            let (_, whole, _) =
                read(asking([ContentCoding::Gzip]), &answer("200 OK", gzip, body), 5);
            assert_eq!(whole, WholeBody::Undecodable);
        }
    }

    #[test]
    fn the_text_of_a_refusal_is_kept() {
        let refusal = answer("503 No", "Content-Encoding: gzip\r\n", GZIP);
        for size in 1..refusal.len() {
            let (.., response) = read(asking([ContentCoding::Gzip]), &refusal, size);
            let text = response.text.expect("it is kept");
            assert_eq!(text.body, b"hello hello");
        }
        let (.., response) = read(asking([]), &refusal, 7);
        assert_eq!(response.text.expect("its fields are kept").body, b"");
    }
}

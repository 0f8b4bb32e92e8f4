//! Compressed answers (RFC 9110 §8.4): what an endpoint answers, in a content coding that the request asks for.
//!
//! Whole bodies are compressed whole. A body that never ends is compressed piece by piece, and each piece can be read
//! when it has come.

use crate::protocol::http1::content_coding::{AcceptEncoding, ContentCoding};
use crate::server::body::{Body, BodyStream};
use crate::server::peer::Peer;
use crate::server::routes::{Answer, Endpoint};
use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use hyper::{Request, Response};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::cell::RefCell;
use std::convert::Infallible;
use std::io::{self, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// The quality of brotli: what servers take for answers that are made at once.
const BROTLI_QUALITY: u32 = 5;
/// The logarithm of brotli's window in bytes: what a server can afford for each of many streams.
const BROTLI_WINDOW: u32 = 18;
const BROTLI_BUFFER_BYTES: usize = 4096;

/// An endpoint whose answers are compressed, in the first of these codings that a request asks for. None is there at
/// once: hyper puts them together.
pub(crate) struct CompressingEndpoint {
    inner: Rc<dyn Endpoint>,
    codings: AcceptEncoding,
}

impl CompressingEndpoint {
    /// The endpoint, compressing.
    pub(crate) fn new(inner: Rc<dyn Endpoint>, codings: AcceptEncoding) -> CompressingEndpoint {
        CompressingEndpoint { inner, codings }
    }

    fn selected(&self, request: &Request<Incoming>) -> Option<ContentCoding> {
        let fields = request.headers().get_all(ACCEPT_ENCODING).iter();
        let asked = fields.filter_map(|value| value.to_str().ok());
        self.codings.selected(asked)
    }
}

impl Endpoint for CompressingEndpoint {
    fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        let coding = self.selected(request);
        compress_answer(self.inner.answer(request, peer), coding)
    }

    fn post(&self, request: Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        let coding = self.selected(&request);
        compress_answer(self.inner.post(request, peer), coding)
    }
}

fn compress_answer(answer: Answer, coding: Option<ContentCoding>) -> Answer {
    let Some(coding) = coding else { return answer };
    match answer {
        Answer::Now(response) => match response.body() {
            Either::Right(_) => Answer::Now(compress_stream(response, coding)),
            Either::Left(_) => Answer::Later(Box::pin(compress_whole(response, coding))),
        },
        Answer::Later(held) => {
            Answer::Later(Box::pin(async move { compress_whole(held.await, coding).await }))
        }
        upgrade @ Answer::Upgrade(..) => upgrade,
    }
}

/// Compresses a body that is there.
async fn compress_whole(response: Response<Body>, coding: ContentCoding) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let body = match body {
        Either::Left(body) => body,
        Either::Right(stream) => {
            return compress_stream(Response::from_parts(head, Either::Right(stream)), coding);
        }
    };
    let Ok(body) = body.collect().await;
    let mut body = body.to_bytes();
    // 204 and 304 have none.
    if !body.is_empty() {
        body = compressed(&body, coding);
        mark(&mut head.headers, coding);
        if head.headers.contains_key(CONTENT_LENGTH) {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
    }
    Response::from_parts(head, Either::Left(Full::new(body)))
}

fn mark(headers: &mut hyper::HeaderMap, coding: ContentCoding) {
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
}

/// Compresses a whole body.
fn compressed(body: &[u8], coding: ContentCoding) -> Bytes {
    match PieceEncoder::new(coding) {
        Some(mut encoder) => [encoder.piece(body), encoder.end()].concat().into(),
        None => compress_to_vec(body, CompressionLevel::Fastest).into(),
    }
}

/// Compresses a body that never ends, if the coding can be read before its end.
fn compress_stream(response: Response<Body>, coding: ContentCoding) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let body = match (body, PieceEncoder::new(coding)) {
        (Either::Right(inner), Some(encoder)) => {
            mark(&mut head.headers, coding);
            let encoder = Some(encoder);
            let body: BodyStream = Box::pin(CompressedStream { inner, encoder });
            Either::Right(body)
        }
        (body, _) => body,
    };
    Response::from_parts(head, body)
}

/// A body whose pieces are compressed.
struct CompressedStream {
    inner: BodyStream,
    /// `None` once the body has ended.
    encoder: Option<PieceEncoder>,
}

impl HttpBody for CompressedStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let Some(encoder) = &mut this.encoder else { return Poll::Ready(None) };
        match ready!(this.inner.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => Poll::Ready(Some(Ok(frame.map_data(|data| encoder.piece(&data))))),
            None => {
                let end = encoder.end();
                this.encoder = None;
                Poll::Ready(Some(Ok(Frame::data(end))))
            }
        }
    }
}

/// Compresses a text piece by piece.
enum PieceEncoder {
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    Br(Option<Box<CompressorWriter<Output>>>, Output),
}

/// What an encoder has written.
#[derive(Clone, Default)]
struct Output(Rc<RefCell<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PieceEncoder {
    /// An encoder of a new text; `None` if no piece of the coding can be read before the text's end.
    fn new(coding: ContentCoding) -> Option<PieceEncoder> {
        let level = Compression::default();
        Some(match coding {
            ContentCoding::Gzip => PieceEncoder::Gzip(GzEncoder::new(Vec::new(), level)),
            ContentCoding::Deflate => PieceEncoder::Deflate(ZlibEncoder::new(Vec::new(), level)),
            ContentCoding::Br => {
                let output = Output::default();
                let writer = CompressorWriter::new(
                    output.clone(),
                    BROTLI_BUFFER_BYTES,
                    BROTLI_QUALITY,
                    BROTLI_WINDOW,
                );
                PieceEncoder::Br(Some(Box::new(writer)), output)
            }
            ContentCoding::Zstd => return None,
        })
    }

    /// Compresses a piece, so that it can be read when it has come.
    fn piece(&mut self, text: &[u8]) -> Bytes {
        // Writing into memory does not fail.
        let written =
            |writer: &mut dyn Write| drop(writer.write_all(text).and_then(|()| writer.flush()));
        match self {
            PieceEncoder::Gzip(encoder) => {
                written(encoder);
                std::mem::take(encoder.get_mut()).into()
            }
            PieceEncoder::Deflate(encoder) => {
                written(encoder);
                std::mem::take(encoder.get_mut()).into()
            }
            PieceEncoder::Br(encoder, output) => {
                if let Some(encoder) = encoder {
                    written(encoder);
                }
                output.0.take().into()
            }
        }
    }

    /// Ends the text.
    fn end(&mut self) -> Bytes {
        match self {
            PieceEncoder::Gzip(encoder) => {
                drop(encoder.try_finish());
                std::mem::take(encoder.get_mut()).into()
            }
            PieceEncoder::Deflate(encoder) => {
                drop(encoder.try_finish());
                std::mem::take(encoder.get_mut()).into()
            }
            PieceEncoder::Br(encoder, output) => {
                // It ends the text when it is dropped.
                *encoder = None;
                output.0.take().into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::content_coding::BodyDecoder;

    const CODINGS: [ContentCoding; 4] =
        [ContentCoding::Gzip, ContentCoding::Deflate, ContentCoding::Br, ContentCoding::Zstd];

    fn decoded(decoder: &mut BodyDecoder, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let mut on = |piece: &[u8]| text.extend_from_slice(piece);
        decoder.decode(bytes, &mut on).expect("what was compressed");
        text
    }

    #[test]
    fn whole_bodies_are_what_a_client_reads() {
        for text in ["x".to_owned(), "some text, ".repeat(5_000)] {
            for coding in CODINGS {
                let mut decoder = BodyDecoder::new(coding);
                let bytes = compressed(text.as_bytes(), coding);
                assert!(decoded(&mut decoder, &bytes) == text.as_bytes(), "{coding:?}");
                assert!(decoder.is_whole(), "{coding:?}");
                assert!(text.len() < 10 || bytes.len() < text.len() / 50, "{coding:?}");
            }
        }
    }

    #[test]
    fn a_piece_of_a_stream_can_be_read_when_it_has_come() {
        for coding in CODINGS {
            let Some(mut encoder) = PieceEncoder::new(coding) else { continue };
            let mut decoder = BodyDecoder::new(coding);
            for text in ["first", "second", "", "third"] {
                let bytes = encoder.piece(text.as_bytes());
                assert_eq!(decoded(&mut decoder, &bytes), text.as_bytes(), "{coding:?}");
                assert!(!decoder.is_whole());
            }
            let end = encoder.end();
            assert!(decoded(&mut decoder, &end).is_empty() && decoder.is_whole(), "{coding:?}");
        }
    }
}

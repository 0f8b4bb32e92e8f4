//! Bodies of responses, and the plain ones.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Response, StatusCode};
use std::convert::Infallible;
use std::pin::Pin;

/// The body of an answer: whole, or a stream.
pub(crate) type Body = Either<Full<Bytes>, BodyStream>;
/// A body that comes piece by piece and stays on its thread.
pub(crate) type BodyStream = Pin<Box<dyn hyper::body::Body<Data = Bytes, Error = Infallible>>>;

/// An answer of text: a status and why.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(text.into())));
    *response.status_mut() = status;
    response
}

/// 405 for a route that knows GET alone.
pub(crate) fn only_get() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    response
}

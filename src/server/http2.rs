//! A connection of HTTP/2, which hyper serves. Each request is that of a client of its own, since clients may
//! share the connection.

use crate::feed::Topic;
use crate::net::Connection;
use crate::protocol::http2::frame::PREFACE;
use crate::server::open_connections::{CloseRequest, ConnectionState};
use crate::server::peer::Peer;
use crate::server::requests::{ConnectionContext, RequestContext};
use bytes::{Buf, Bytes};
use hyper::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::spawn_local;

/// Streams that a client may have open on a connection. Other servers allow 100 to 250.
const MOST_STREAMS: u32 = 10_000;
/// The first bytes by which a client of HTTP/2 is known: no request of HTTP/1.1 begins so.
const LEAST_BYTES: usize = 3;

/// Whether a connection begins with HTTP/2.
pub(super) fn begins(bytes: &[u8]) -> bool {
    let beginning = &bytes[..bytes.len().min(PREFACE.len())];
    beginning.len() >= LEAST_BYTES && PREFACE.starts_with(beginning)
}

/// Runs what hyper runs beside a connection on its thread.
#[derive(Debug, Clone, Copy)]
struct ThisThread;

impl<F> Executor<F> for ThisThread
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

/// Serves a connection, of which `first` has come. Returns it, and the reason if it is over by one.
pub(super) async fn serve(
    stream: Connection,
    first: Bytes,
    topic: Topic,
    state: &Rc<ConnectionState>,
    context: &Rc<ConnectionContext>,
) -> (Option<Connection>, Option<CloseRequest>) {
    let stream = Rc::new(RefCell::new(SharedStream { stream, first }));
    let service = service_fn(|request: Request<Incoming>| {
        let peer = Rc::new(Peer::new(topic, context.thread.clone()));
        RequestContext::new(context.clone(), peer, state.clone()).answer(request)
    });
    // Its streams have no limits here, as a protocol that has taken over has none.
    state.upgrade();
    let mut http = http2::Builder::new(ThisThread);
    http.max_concurrent_streams(MOST_STREAMS)
        .auto_date_header(false)
        .enable_connect_protocol()
        .max_header_list_size(context.head_bytes());
    let io = TokioIo::new(HeldStream(stream.clone()));
    let mut connection = Box::pin(http.serve_connection(io, service));
    let reason = poll_fn(|cx| {
        match state.take_close_request(cx) {
            Some(CloseRequest::Drain) => connection.as_mut().graceful_shutdown(),
            Some(request) => return Poll::Ready(Some(request)),
            None => {}
        }
        // An error was answered as far as it can be; either way the connection is over.
        connection.as_mut().poll(cx).map(|_| None)
    })
    .await;
    drop(connection);
    // Bodies that are still sent have streams of hyper's, which hold no part of it.
    let stream = Rc::try_unwrap(stream).ok().map(|stream| stream.into_inner().stream);
    (stream, reason)
}

/// A connection and what was read of it before hyper was there.
struct SharedStream {
    stream: Connection,
    first: Bytes,
}

/// The connection, which stays when hyper's part of it has ended.
struct HeldStream(Rc<RefCell<SharedStream>>);

impl AsyncRead for HeldStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let SharedStream { stream, first } = &mut *self.0.borrow_mut();
        if !first.is_empty() {
            let n = first.len().min(buffer.remaining());
            buffer.put_slice(&first[..n]);
            first.advance(n);
            return Poll::Ready(Ok(()));
        }
        Pin::new(stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for HeldStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_write(cx, bytes)
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_write_vectored(cx, pieces)
    }
    fn is_write_vectored(&self) -> bool {
        self.0.borrow().stream.is_write_vectored()
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::answer_input::AnswerFrame;
    use crate::protocol::http2::connection::{
        Http2Connection, Http2Event, Http2Options, ReadScratch,
    };
    use crate::protocol::http2::fields::{FieldList, PreparedFields};
    use crate::protocol::http2::hpack::HpackPolicy;
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::Response;
    use proptest::prelude::*;
    use std::convert::Infallible;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    #[test]
    fn a_connection_is_known_by_its_first_bytes() {
        assert!(begins(b"PRI"));
        assert!(begins(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12"));
        assert!(!begins(b"PR"));
        assert!(!begins(b"PROPFIND / HTTP/1.1\r\n"));
        assert!(!begins(b"PRI * HTTP/1.1\r\n"));
        assert!(!begins(b""));
    }

    type Fields = Vec<(String, String)>;

    /// Answers each request with its own fields.
    async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.headers_mut() = request.headers().clone();
        Ok(response)
    }

    /// Sends requests with these fields, one after the other. Returns the fields of the answers.
    async fn exchange(mut io: DuplexStream, options: Http2Options, all: &[Fields]) -> Vec<Fields> {
        let mut client = Http2Connection::new(options);
        let mut out = Vec::new();
        client.begin(&mut out);
        let mut answers = Vec::new();
        let mut scratch = ReadScratch::default();
        let mut buffer = [0; 4096];
        for fields in all {
            let mut list = FieldList::default();
            let pseudo =
                [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/")];
            pseudo.iter().for_each(|(name, value)| list.push(name.as_bytes(), value.as_bytes()));
            fields.iter().for_each(|(name, value)| list.push(name.as_bytes(), value.as_bytes()));
            client.open(0, &PreparedFields::new(list), true, &mut out).expect("there is no limit");
            let before = answers.len();
            while answers.len() == before {
                io.write_all(&out).await.expect("the server reads");
                out.clear();
                let len = io.read(&mut buffer).await.expect("the server writes");
                assert!(len > 0, "the server has closed");
                let read = client.receive(&buffer[..len], &mut scratch, &mut out, &mut |event| {
                    if let Http2Event::Answer { frame: AnswerFrame::Fields(answer), .. } = event {
                        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                        let fields = answer.fields.iter().skip(1);
                        answers
                            .push(fields.map(|(name, value)| (text(name), text(value))).collect());
                    }
                });
                assert_eq!(read, Ok(()));
            }
        }
        answers
    }

    fn by_hyper(options: Http2Options, all: &[Fields]) -> Vec<Fields> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let runtime = tokio::runtime::Builder::new_current_thread().build_local(Default::default());
        runtime.expect("a runtime").block_on(async move {
            let mut http = http2::Builder::new(ThisThread);
            http.auto_date_header(false);
            spawn_local(async move {
                let _ = http.serve_connection(TokioIo::new(theirs), service_fn(echo)).await;
            });
            exchange(ours, options, all).await
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What one HPACK writes the other reads, h2's and ours, in both directions.
        #[test]
        fn h2_reads_our_fields_and_we_read_those_of_h2(
            all in proptest::collection::vec(
                proptest::collection::vec(
                    (prop_oneof!["x-[a-c]{1,2}", Just("accept".to_owned()), Just("etag".to_owned())],
                     prop_oneof!["[a-b]{0,3}", "[!-~]{1,200}"]), 0..8), 1..12),
            policy in prop_oneof![
                Just(HpackPolicy::Static),
                Just(HpackPolicy::Dynamic),
                Just(HpackPolicy::CookiesNeverIndexed),
            ],
            header_table_bytes in prop_oneof![Just(0_u32), Just(100), Just(4_096)],
        ) {
            let answers = by_hyper(Http2Options { policy, header_table_bytes }, &all);
            let sorted = |fields: &Fields| {
                let mut fields = fields.clone();
                // A map has those of one name together.
                fields.sort();
                fields
            };
            for (asked, answered) in all.iter().zip(&answers) {
                let answered: Fields =
                    answered.iter().filter(|(name, _)| name != "content-length").cloned().collect();
                prop_assert_eq!(sorted(asked), sorted(&answered));
            }
            prop_assert_eq!(all.len(), answers.len());
        }
    }
}

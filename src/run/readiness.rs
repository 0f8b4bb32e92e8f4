//! Whether a server that was started is ready: asks it for a path, over TLS if its clients use that.

use crate::error::{Failure, Outcome};
use crate::plan::PlannedSeries;
use crate::protocol::http1::Target;
use crate::protocol::template::Template;
use crate::record::TlsProblem;
use crate::tls::{ClientTls, TlsSettings, client_config};
use rustls::{ClientConnection, Stream};
use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// The longest that one attempt to connect may take, or one wait for an answer.
pub(super) const ATTEMPT: Duration = Duration::from_secs(1);
/// Any key of an upgrade (RFC 6455 §4.1): 16 bytes in base64.
const ANY_KEY: &str = "d3NiZW5jaC1pcy1yZWFkeQ==";

/// The request that a server must answer before its clients connect.
#[derive(Debug, Clone)]
pub(super) struct ReadyRequest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: String,
    bytes: Vec<u8>,
    tls: Option<ClientTls>,
    ready: ReadyAnswer,
    /// Why the last attempt had no answer.
    why: Mutex<Option<String>>,
}

/// Which answer says that a server is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadyAnswer {
    /// A status of 2xx.
    Success,
    /// Any but a server error. `held`: also none yet, from a server that may hold the request.
    Any { held: bool },
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstAnswer {
    /// An answer with this status.
    Status(u16),
    /// Something else: the clients will say what it is.
    Other,
    /// Nothing within the limit of one attempt.
    Held,
    /// The connection was refused, or ended before an answer.
    Nothing,
}

impl ReadyRequest {
    /// Returns the request for a path that says with 2xx that the server is ready; without one the
    /// first request of a series, which must be the same for all clients and change nothing. `None`
    /// if there is neither: then the server is ready once it accepts a connection.
    ///
    /// # Errors
    /// If TLS cannot be used.
    pub(super) fn new(
        ready_path: Option<&str>,
        series: &PlannedSeries,
        target: Target,
        tls: Option<&TlsSettings>,
    ) -> Outcome<Option<ReadyRequest>> {
        let (path, bytes, ready) = match ready_path {
            Some(path) => {
                let Target { authority, credentials, .. } = target;
                let credentials = credentials
                    .map(|value| format!("Authorization: {value}\r\n"))
                    .unwrap_or_default();
                let bytes = format!(
                    "GET {path} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\
                     Connection: close\r\n\r\n"
                );
                (path.to_owned(), bytes.into_bytes(), ReadyAnswer::Success)
            }
            None => {
                let Some(mut parts) = series.settings.request(&target) else { return Ok(None) };
                if parts.method != "GET" || !parts.is_constant() {
                    return Ok(None);
                }
                if parts.field("Upgrade").is_some() {
                    parts.set("Sec-WebSocket-Key", Template::literal(ANY_KEY));
                }
                let held = !series.paced;
                (target.path, parts.render_constant().0, ReadyAnswer::Any { held })
            }
        };
        let config = |tls: &TlsSettings| {
            let tls = TlsSettings { resumption: false, ..tls.clone() };
            client_config(&tls, None).map_err(Failure::run)
        };
        let tls = tls.map(config).transpose()?;
        let why = Mutex::default();
        Ok(Some(ReadyRequest(Arc::new(Inner { path, bytes, tls, ready, why }))))
    }

    /// Asks the server at an address, within a few seconds.
    pub(super) async fn ask(&self, address: SocketAddr) -> FirstAnswer {
        let inner = self.0.clone();
        let (answers, asked) = oneshot::channel();
        let asking = thread::Builder::new().name("readiness".to_owned()).spawn(move || {
            // After the limit nobody waits.
            let _ = answers.send(inner.ask(address));
        });
        if let Err(error) = asking {
            // The next attempt may have a thread.
            self.0.set_why(format!("cannot start a thread: {error}"));
            return FirstAnswer::Nothing;
        }
        match tokio::time::timeout(3 * ATTEMPT, asked).await {
            Ok(answer) => answer.unwrap_or(FirstAnswer::Nothing),
            Err(_) => FirstAnswer::Held,
        }
    }

    /// Whether the server is ready if it answers this.
    pub(super) fn is_met_by(&self, answer: FirstAnswer) -> bool {
        match (self.0.ready, answer) {
            (ReadyAnswer::Success, FirstAnswer::Status(status)) => (200..300).contains(&status),
            (ReadyAnswer::Any { .. }, FirstAnswer::Status(status)) => status < 500,
            (ReadyAnswer::Any { .. }, FirstAnswer::Other) => true,
            (ReadyAnswer::Any { held }, FirstAnswer::Held) => held,
            (_, FirstAnswer::Nothing) | (ReadyAnswer::Success, _) => false,
        }
    }

    /// Returns why the last attempt had no answer.
    pub(super) fn why_unmet(&self) -> Option<String> {
        self.0.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Describes that the server was not ready in time; `status` is that of its last answer.
    pub(super) fn describe_unmet(&self, status: Option<u16>) -> String {
        let Inner { path, ready, .. } = &*self.0;
        match (status, ready) {
            (None, _) => format!("did not answer {path}"),
            (Some(status), ReadyAnswer::Success) => {
                format!("answered {path} with status {status}, not 2xx,")
            }
            (Some(status), ReadyAnswer::Any { .. }) => {
                format!("answered {path} with status {status}")
            }
        }
    }
}

impl Inner {
    /// Keeps why there was no answer, or none of HTTP.
    fn keep(&self, error: &Error) {
        let why = match &self.tls {
            Some(tls) if tls.lacks_certificate() => {
                TlsProblem::CertificateWanted.sentence().to_owned()
            }
            Some(_) => format!("over TLS: {error}"),
            None => error.to_string(),
        };
        self.set_why(why);
    }

    fn set_why(&self, why: String) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    fn ask(&self, address: SocketAddr) -> FirstAnswer {
        let open = || {
            let stream = TcpStream::connect_timeout(&address, ATTEMPT)?;
            stream.set_read_timeout(Some(ATTEMPT))?;
            stream.set_write_timeout(Some(ATTEMPT))?;
            Ok::<_, Error>(stream)
        };
        let mut stream = match open() {
            Ok(stream) => stream,
            Err(error) => {
                self.keep(&error);
                return FirstAnswer::Nothing;
            }
        };
        let keep = |error: &Error| self.keep(error);
        let Some(tls) = &self.tls else { return exchange(&mut stream, &self.bytes, keep) };
        let Ok(mut connection) = ClientConnection::new(tls.config.clone(), tls.name.clone()) else {
            return FirstAnswer::Other;
        };
        match connection.complete_io(&mut stream) {
            Ok(_) => exchange(&mut Stream::new(&mut connection, &mut stream), &self.bytes, keep),
            Err(error) => {
                keep(&error);
                match error.kind() {
                    // A certificate that is not trusted, or no TLS.
                    ErrorKind::InvalidData => FirstAnswer::Other,
                    _ => no_answer(&error),
                }
            }
        }
    }
}

/// Sends a request and reads the beginning of its answer.
fn exchange(
    stream: &mut (impl Read + Write),
    request: &[u8],
    keep: impl Fn(&Error),
) -> FirstAnswer {
    // `HTTP/1.1 200`
    let mut line = [0; 12];
    let asked = stream.write_all(request).and_then(|()| stream.flush());
    if let Err(error) = asked.and_then(|()| stream.read_exact(&mut line)) {
        keep(&error);
        return no_answer(&error);
    }
    let status = || {
        let status = line.strip_prefix(b"HTTP/1.")?.get(2..)?;
        std::str::from_utf8(status).ok()?.parse().ok()
    };
    status().map_or(FirstAnswer::Other, FirstAnswer::Status)
}

fn no_answer(error: &Error) -> FirstAnswer {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => FirstAnswer::Held,
        _ => FirstAnswer::Nothing,
    }
}

#[cfg(test)]
impl ReadyRequest {
    /// A request for a path that must be answered with 2xx, or with anything.
    pub(super) fn of_test(path: &str, must_succeed: bool, tls: Option<&TlsSettings>) -> Self {
        let ready =
            if must_succeed { ReadyAnswer::Success } else { ReadyAnswer::Any { held: false } };
        ReadyRequest(Arc::new(Inner {
            path: path.to_owned(),
            bytes: format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes(),
            tls: tls.map(|tls| client_config(tls, None).expect("settings of a test")),
            ready,
            why: Mutex::default(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{Identity, ServerTls, server_config};
    use rustls::ServerConnection;
    use std::net::TcpListener;

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has one");
        (listener, address)
    }

    /// Answers one connection with these bytes, and keeps it open until the client has ended it.
    fn answer(bytes: &'static [u8]) -> SocketAddr {
        let (listener, address) = listener();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 512];
            if matches!(stream.read(&mut request), Ok(1..)) && !bytes.is_empty() {
                let _ = stream.write_all(bytes);
            }
            while matches!(stream.read(&mut request), Ok(1..)) {}
        });
        address
    }

    fn ask(request: &ReadyRequest, address: SocketAddr) -> (FirstAnswer, bool) {
        let answer = request.0.ask(address);
        (answer, request.is_met_by(answer))
    }

    #[test]
    fn a_server_is_ready_by_its_answer() {
        let [success, any] = [true, false].map(|must| ReadyRequest::of_test("/a", must, None));
        for (bytes, found, by_success, by_any) in [
            (&b"HTTP/1.1 204 No Content\r\n\r\n"[..], FirstAnswer::Status(204), true, true),
            (b"HTTP/1.1 404 Not Found\r\n\r\n", FirstAnswer::Status(404), false, true),
            (b"HTTP/1.1 503 Busy\r\n\r\n", FirstAnswer::Status(503), false, false),
            (b"SSH-2.0-OpenSSH_9.2\r\n", FirstAnswer::Other, false, true),
            (b"", FirstAnswer::Held, false, false),
        ] {
            assert_eq!(ask(&success, answer(bytes)), (found, by_success));
            assert_eq!(ask(&any, answer(bytes)), (found, by_any));
        }
        let (gone, address) = listener();
        drop(gone);
        assert_eq!(ask(&any, address), (FirstAnswer::Nothing, false));
        let held = ReadyAnswer::Any { held: true };
        assert!(any.why_unmet().is_some_and(|why| why.contains("refused")));
        let why = Mutex::default();
        let inner = Inner { path: String::new(), bytes: Vec::new(), tls: None, ready: held, why };
        assert!(ReadyRequest(Arc::new(inner)).is_met_by(FirstAnswer::Held));
        let tls = ReadyRequest::of_test("/a", true, Some(&TlsSettings::default()));
        assert_eq!(ask(&tls, answer(b"SSH-2.0-OpenSSH_9.2\r\n")), (FirstAnswer::Other, false));
        assert!(tls.why_unmet().is_some_and(|why| why.starts_with("over TLS: ")));
        assert_eq!(any.describe_unmet(Some(503)), "answered /a with status 503");
        assert_eq!(success.describe_unmet(Some(404)), "answered /a with status 404, not 2xx,");
        assert_eq!(any.describe_unmet(None), "did not answer /a");
    }

    /// A server with TLS that answers each connection with 200.
    fn tls_server() -> SocketAddr {
        let identity = Identity::own().expect("a certificate");
        let tls = ServerTls { identity, version: None, resumption: false };
        let config = server_config(&tls).expect("a configuration");
        let (listener, address) = listener();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut connection = ServerConnection::new(config.clone()).expect("a connection");
                let mut stream = Stream::new(&mut connection, &mut stream);
                if matches!(stream.read(&mut [0; 512]), Ok(1..)) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
            }
        });
        address
    }

    #[test]
    fn a_server_with_tls_is_asked_with_tls() {
        let name = "localhost".to_owned();
        let trusting = TlsSettings { name, insecure: true, ..TlsSettings::default() };
        let request = ReadyRequest::of_test("/", true, Some(&trusting));
        let address = tls_server();
        assert_eq!(ask(&request, address), (FirstAnswer::Status(200), true));
        // Without TLS it does not answer in HTTP, and a server without TLS does not answer in TLS.
        assert!(!ask(&ReadyRequest::of_test("/", true, None), address).1);
        let plain = answer(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(ask(&request, plain), (FirstAnswer::Other, false));
    }
}

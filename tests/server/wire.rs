//! A server in this process, and clients with bare sockets.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use wsbench::internals::feed::{Feed, PayloadKind, Spec, Stamp};
use wsbench::internals::server;
use wsbench::internals::server::{Config, Limits, Running};
use wsbench::internals::time::now_ns;
use wsbench::internals::transport::Mount;

pub const CHAPTER_REQUEST: &[u8] =
    include_bytes!("../../src/protocol/http1/heads/chapter-request.http");
pub const CHAPTER_RESPONSE: &[u8] =
    include_bytes!("../../src/protocol/http1/heads/chapter-response.http");
pub const PATH: &str = "/PollingStock//PollingStock";

/// A server on a free port, with what a test needs.
pub struct Bench {
    pub running: Running,
}

pub fn spec() -> Spec {
    Spec { rate_hz: 100.0, ..Spec::PLAIN }
}

pub fn mount(name: &str, path: &str, params: Value) -> Mount {
    let mount = json!({ "transport": name, "params": params, "path": path });
    serde_json::from_value(mount).expect("settings of the transport")
}

pub fn config(spec: Spec, limits: Limits) -> Config {
    let polling = json!({
        "interval_ns": 1_000_000_000u64, "phase": "spread", "new_connection": false,
        "request": "chapter", "response": "chapter", "engine": "raw",
    });
    let websocket = json!({ "read_buffer_bytes": 512, "reconnect_ns": 1_000_000_000u64 });
    let pinging = json!({
        "read_buffer_bytes": 512, "reconnect_ns": 0, "back_to_back": false,
        "heartbeat_ns": 30_000_000,
    });
    let held = json!({
        "hold_ns": 100_000_000, "pending": "as-feed", "request": "minimal", "response": "minimal",
        "reconnect_ns": 0,
    });
    let mounts = vec![
        mount("polling", PATH, polling),
        mount("websocket", "/ws", websocket),
        mount("websocket", "/ping", pinging),
        mount("streaming", "/stream", json!({ "request": "minimal", "reconnect_ns": 0 })),
        mount("sse", "/events", events(true, 0)),
        mount("sse", "/beats", events(false, 30_000_000)),
        mount("long-polling", "/held", held),
    ];
    Config {
        bind: "127.0.0.1:0".parse().unwrap(),
        threads: 2,
        feed: Feed { spec, epoch_ns: now_ns() },
        tls: None,
        gap_ns: 0,
        mount: Mount::all(mounts),
        limits,
        faults: Default::default(),
        pages: None,
        notice: Arc::new(|_| {}),
    }
}

fn events(ids: bool, heartbeat_ns: u64) -> Value {
    json!({ "request": "minimal", "ids": ids, "heartbeat_ns": heartbeat_ns, "reconnect_ns": 0 })
}

pub fn quick() -> Limits {
    Limits { head: Duration::from_millis(200), ..Limits::default() }
}

impl Bench {
    pub fn start() -> Bench {
        Bench::with(spec(), quick())
    }
    pub fn with(spec: Spec, limits: Limits) -> Bench {
        Bench { running: server::start(config(spec, limits)).unwrap() }
    }
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.running.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
    /// The same server with TLS, and a certificate of its own.
    pub fn with_tls(spec: Spec, limits: Limits) -> (Bench, Arc<rustls::ClientConfig>) {
        let names = ["127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let certificate = made.cert.der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.into())
            .unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let config = Config { tls: Some(Arc::new(tls)), ..config(spec, limits) };
        (Bench { running: server::start(config).unwrap() }, Arc::new(client))
    }
    /// Sends bytes and reads until the server closes the connection.
    pub fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        read_to_end(&mut stream)
    }
    pub fn upgrade(&self) -> TcpStream {
        let mut stream = self.connect();
        let head = upgrade(&[]);
        stream.write_all(head.as_bytes()).unwrap();
        let answer = read_head(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
        assert!(answer.contains("\r\nSec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        stream
    }
}

/// An upgrade request, with some of its headers replaced.
pub fn upgrade(changes: &[(&str, &str)]) -> String {
    let mut head = "GET /ws HTTP/1.1\r\nHost: x\r\n".to_owned();
    for (name, value) in [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        let value = changes.iter().find(|c| c.0 == name).map_or(value, |c| c.1);
        if !value.is_empty() {
            head += &format!("{name}: {value}\r\n");
        }
    }
    head + "\r\n"
}

pub fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// Reads a head up to its empty line and not a byte more.
pub fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Reads one of the chapter's responses and returns its payload's stamp.
pub fn read_poll(stream: &mut TcpStream) -> Stamp {
    let mut response = vec![0; CHAPTER_RESPONSE.len() + 21];
    stream.read_exact(&mut response).unwrap();
    let (head, payload) = response.split_at(CHAPTER_RESPONSE.len());
    assert_eq!(without_date(head), without_date(CHAPTER_RESPONSE));
    Stamp::read(PayloadKind::Text, payload).unwrap()
}

pub fn without_date(head: &[u8]) -> String {
    let text = String::from_utf8(head.to_vec()).unwrap();
    let at = text.find("Date: ").unwrap() + 6;
    assert_eq!(&text[at + 29..], "\r\n\r\n");
    text[..at].to_owned()
}

/// A masked client frame with a mask of zeros.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=65_535 => {
            out.push(0x80 | 126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
    out
}

/// Reads one short server frame: its first byte and its payload.
pub fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    assert!(head[1] <= 125, "masked or long: {head:?}");
    let mut payload = vec![0; head[1] as usize];
    stream.read_exact(&mut payload).unwrap();
    (head[0], payload)
}

/// Reads messages until the Close and returns its code; the server must close TCP after it.
pub fn close_code(stream: &mut TcpStream) -> u16 {
    loop {
        let (first, payload) = read_frame(stream);
        if first == 0x88 {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            assert!(rest.is_empty(), "bytes after Close: {rest:?}");
            return u16::from_be_bytes([payload[0], payload[1]]);
        }
        assert_eq!(first, 0x81);
    }
}

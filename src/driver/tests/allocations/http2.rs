//! The same over HTTP/2: a request, an answer and what passes between client and connection cost no allocation.

use super::{BEGAN_NS, CannedPeer, CannedSocket, allocations_of, thread_of_one};
use super::{COUNTED, WARM_UP};
use crate::client::context::ThreadContext;
use crate::driver::tests::simulation::MS;
use crate::feed::{Cursor, Feed, PayloadKind, Stamp, Topic, Workload};
use crate::net::Dialer;
use crate::net::socket::{Network, Readiness, Socket};
use crate::record::ClientError;
use crate::transport::AnySeries;
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;

/// `:status: 200` and `content-type: text/event-stream`.
const EVENT_STREAM: &[u8] = b"\x88\x0f\x10\x11text/event-stream";
const PREFACE_BYTES: usize = 24;
/// How long before a message is published the engine wakes: it may wake for something else, and read it then.
const WAKES_EARLY_NS: u64 = MS / 10;

/// A server of one client, whose messages are there before it connects.
struct Http2Server {
    now_ns: u64,
    messages: Vec<(u64, Vec<u8>)>,
    next: usize,
    answer: Vec<u8>,
    /// The stream of the request that waits for an answer, or of the stream that is open.
    stream: Option<u32>,
    pushes: bool,
    greeted: bool,
    connecting: bool,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0, payload.len() as u8, kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

impl Http2Server {
    fn new(feed: &Feed, topic: Topic, pushes: bool) -> Http2Server {
        let mut cursor = Cursor::new(feed, topic);
        let messages = (0..2 * (WARM_UP + COUNTED)).map(|_| {
            let update = cursor.peek();
            cursor.advance();
            let mut payload = vec![0; feed.spec.payload_bytes as usize];
            Stamp::from(update).write(PayloadKind::Text, 1, &mut payload);
            let event = [b"data: ", payload.as_slice(), b"\n\n"].concat();
            (update.published_ns, if pushes { event } else { payload })
        });
        Http2Server {
            now_ns: BEGAN_NS,
            messages: messages.collect(),
            next: 0,
            answer: Vec::with_capacity(4096),
            stream: None,
            pushes,
            greeted: false,
            connecting: true,
        }
    }

    fn next_ns(&self) -> u64 {
        match self.messages.get(self.next) {
            _ if !self.answer.is_empty() => self.now_ns,
            Some((ns, _)) if self.stream.is_some() && self.pushes => *ns - WAKES_EARLY_NS,
            Some(_) if self.stream.is_some() => self.now_ns,
            _ => u64::MAX,
        }
    }
}

impl CannedPeer for Http2Server {
    fn send(&mut self, _: usize, mut bytes: &[u8]) {
        if !std::mem::replace(&mut self.greeted, true) {
            bytes = &bytes[PREFACE_BYTES..];
            frame(4, 0, 0, &[], &mut self.answer);
        }
        while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            if head[3] == 1 {
                let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                self.stream = Some(stream);
                if self.pushes {
                    frame(1, 4, stream, EVENT_STREAM, &mut self.answer);
                }
            }
            bytes = &rest[length..];
        }
    }
    fn receive(&mut self, _: usize, into: &mut [u8]) -> Option<usize> {
        if self.answer.is_empty() {
            let stream = self.stream.filter(|_| self.next_ns() <= self.now_ns)?;
            let (published_ns, message) = self.messages.get(self.next)?;
            self.next += 1;
            if self.pushes {
                self.now_ns = self.now_ns.max(*published_ns);
            }
            if self.pushes {
                frame(0, 0, stream, message, &mut self.answer);
            } else {
                frame(1, 4, stream, &[0x88], &mut self.answer);
                frame(0, 1, stream, message, &mut self.answer);
                self.stream = None;
            }
        }
        let len = self.answer.len();
        into[..len].copy_from_slice(&self.answer);
        self.answer.clear();
        Some(len)
    }
}

struct Http2Network {
    server: Rc<RefCell<Http2Server>>,
    thread: Rc<ThreadContext>,
}

impl Network for Http2Network {
    fn now_ns(&self) -> u64 {
        self.server.borrow().now_ns
    }
    fn connect(&mut self, key: u64, _: &Dialer, _: u32) -> Result<Box<dyn Socket>, ClientError> {
        assert_eq!(key, 0, "the carrier's session is the first");
        Ok(Box::new(CannedSocket(self.server.clone(), 0)))
    }
    fn wait(&mut self, until_ns: u64, events: &mut Vec<Readiness>) {
        let mut server = self.server.borrow_mut();
        let writable = std::mem::take(&mut server.connecting);
        let next_ns = server.next_ns();
        let readable = next_ns <= until_ns.max(server.now_ns);
        server.now_ns = server.now_ns.max(if readable { next_ns } else { until_ns });
        self.thread.simulated_ns.set(Some(server.now_ns));
        if readable || writable {
            events.push(Readiness { key: 0, readable, writable, ended: false });
        }
    }
}

fn allocations(pushes: bool) -> u64 {
    let (thread, feed, topic) = thread_of_one(Workload::Ticker);
    let server = Rc::new(RefCell::new(Http2Server::new(&feed, topic, pushes)));
    let network = Http2Network { server, thread: thread.clone() };
    let options = json!({"http2": {
        "hpack": "dynamic", "header_table_bytes": 4096, "streams": 1}});
    let series = if pushes {
        json!({"transport": "sse", "params": {"request": "minimal", "ids": false,
            "heartbeat_ns": 0, "reconnect_ns": 20 * MS, "options": options}})
    } else {
        json!({"transport": "polling", "params": {
            "interval_ns": 50 * MS, "phase": "spread", "new_connection": false,
            "request": "minimal", "response": "minimal", "engine": "raw", "options": options}})
    };
    let series: AnySeries = serde_json::from_value(series).expect("the settings of a transport");
    allocations_of(network, &thread, &series)
}

#[test]
fn no_message_over_http2_costs_an_allocation() {
    assert_eq!(allocations(false), 0, "polling");
    assert_eq!(allocations(true), 0, "events");
}

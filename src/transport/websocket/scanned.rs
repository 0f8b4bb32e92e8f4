//! A stream that counts the frames that pass it, between the codec and the meter.

use crate::net::Connection;
use crate::protocol::websocket::frame::{FrameSizes, ScannedItem, Scanner};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Control frames.
#[derive(Debug, Default)]
pub(crate) struct ControlFrames {
    /// Their number.
    pub count: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
}

impl ControlFrames {
    fn add(&mut self, sizes: &FrameSizes) {
        self.count += 1;
        self.bytes += sizes.wire();
    }
}

/// What was found on a stream and is not in the ledger yet.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Messages from the server, in order.
    pub messages_down: VecDeque<FrameSizes>,
    /// Control frames from the server.
    pub control_down: ControlFrames,
    /// Control frames to the server.
    pub control_up: ControlFrames,
    /// Messages to the server, together.
    pub messages_up: FrameSizes,
}

/// A metered stream whose frames are counted.
pub(crate) struct Scanned {
    stream: Connection,
    down: Scanner,
    up: Scanner,
    findings: Rc<RefCell<Findings>>,
}

impl Scanned {
    /// Counts the frames of a stream. `leftover` was read from it after the upgrade's response.
    pub(crate) fn new(stream: Connection, leftover: &[u8]) -> Scanned {
        let mut scanned = Scanned {
            stream,
            down: Scanner::default(),
            up: Scanner::default(),
            findings: Rc::default(),
        };
        scanned.scan_down(leftover);
        scanned
    }
    /// Returns the bytes read from the server that belong to no message that was received: what an
    /// aborted connection leaves.
    pub(crate) fn untaken_down(&self) -> u64 {
        let findings = self.findings.borrow();
        self.down.pending() + findings.messages_down.iter().map(FrameSizes::wire).sum::<u64>()
    }
    /// Returns the bytes written of a message that was not written whole.
    pub(crate) fn unfinished_up(&self) -> u64 {
        self.up.pending()
    }
    /// Returns what was found, shared with the stream.
    pub(crate) fn findings(&self) -> Rc<RefCell<Findings>> {
        self.findings.clone()
    }
    /// The metered stream below.
    pub(crate) fn metered(&self) -> &Connection {
        &self.stream
    }
    fn scan_down(&mut self, bytes: &[u8]) {
        let mut findings = self.findings.borrow_mut();
        self.down.feed(bytes, |found| match found {
            ScannedItem::Message(sizes) => findings.messages_down.push_back(sizes),
            ScannedItem::Control(sizes) => findings.control_down.add(&sizes),
        });
    }
}

impl AsyncRead for Scanned {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.scan_down(&buf.filled()[before..]);
        result
    }
}

impl AsyncWrite for Scanned {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(n)) = &result {
            let this = &mut *self;
            let mut findings = this.findings.borrow_mut();
            this.up.feed(&buf[..*n], |found| match found {
                ScannedItem::Message(sizes) => findings.messages_up.add(sizes),
                ScannedItem::Control(sizes) => findings.control_up.add(&sizes),
            });
        }
        result
    }
    /// Bytes in a delay line count as sent: the codec need not wait for them before it writes the
    /// next frame.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending if self.stream.unsent() > 0 => Poll::Ready(Ok(())),
            flushed => flushed,
        }
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

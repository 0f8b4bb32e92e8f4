//! A stream whose frames are counted as they pass: an observer between the codec and the meter.

use crate::net::Metered;
use crate::protocol::websocket::frame::{Found, Scanner, Sizes};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What has been found on a stream and not been booked yet.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Messages from the server, in order.
    pub messages_down: VecDeque<Sizes>,
    /// Control frames from the server: their number and bytes.
    pub control_down: (u64, u64),
    /// Control frames to the server.
    pub control_up: (u64, u64),
    /// Messages to the server, together.
    pub messages_up: Sizes,
}

/// A metered stream whose frames are counted.
pub(crate) struct Scanned {
    stream: Metered,
    down: Scanner,
    up: Scanner,
    findings: Rc<RefCell<Findings>>,
}

impl Scanned {
    /// Counts the frames of a stream; `leftover` was read from it with the upgrade's response.
    pub(crate) fn new(stream: Metered, leftover: &[u8]) -> Scanned {
        let mut scanned = Scanned {
            stream,
            down: Scanner::default(),
            up: Scanner::default(),
            findings: Rc::default(),
        };
        scanned.scan_down(leftover);
        scanned
    }
    /// Bytes from the server that were read and never became a message that was taken: what an
    /// aborted connection leaves.
    pub(crate) fn untaken_down(&self) -> u64 {
        let findings = self.findings.borrow();
        self.down.pending() + findings.messages_down.iter().map(Sizes::wire).sum::<u64>()
    }
    /// Bytes to the server of a message that was not written whole.
    pub(crate) fn unfinished_up(&self) -> u64 {
        self.up.pending()
    }
    /// What was found, shared with the stream.
    pub(crate) fn findings(&self) -> Rc<RefCell<Findings>> {
        self.findings.clone()
    }
    /// The metered stream below.
    pub(crate) fn metered(&self) -> &Metered {
        &self.stream
    }
    fn scan_down(&mut self, bytes: &[u8]) {
        let mut findings = self.findings.borrow_mut();
        self.down.feed(bytes, |found| match found {
            Found::Message(sizes) => findings.messages_down.push_back(sizes),
            Found::Control(sizes) => {
                findings.control_down.0 += 1;
                findings.control_down.1 += sizes.wire();
            }
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
                Found::Message(sizes) => findings.messages_up.add(sizes),
                Found::Control(sizes) => {
                    findings.control_up.0 += 1;
                    findings.control_up.1 += sizes.wire();
                }
            });
        }
        result
    }
    /// What is on its way through a delay line is as good as sent: the codec need not wait for it
    /// before it writes the next frame.
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

//! What passes below the library: the heads of the opening handshake, and the sizes of frames.
//!
//! The library gives messages, and hides heads, frame headers, masks and the control frames that it
//! sends by itself. A layer nearest to the socket sees all of them.

use crate::client::rendered_request::HeadSize;
use crate::net::layer::{LayerBuffer, StreamLayer};
use crate::protocol::http1::response::Response;
use crate::protocol::websocket::codec::{FrameUnderWay, Sender};
use crate::protocol::websocket::frame_scanner::{ScannedItem, Scanner};
use crate::record::{Direction, FrameFault};
use crate::transport::websocket::frame_faults;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// What has passed and was not taken yet. Shared by the layer and the account of the connection.
#[derive(Debug)]
pub(super) struct PassedFrames {
    /// The request of the opening handshake, which is all that goes up before the answer.
    pub request: HeadSize,
    /// The response to it.
    pub response: Response,
    /// Messages and control frames to the server, in order.
    pub up: VecDeque<ScannedItem>,
    /// Messages and control frames from the server, in order; last a header that breaks a rule.
    pub down: VecDeque<ScannedItem>,
    up_scanner: Scanner,
    down_scanner: Scanner,
}

impl Default for PassedFrames {
    fn default() -> PassedFrames {
        PassedFrames {
            request: HeadSize::default(),
            response: Response::default(),
            up: VecDeque::new(),
            down: VecDeque::new(),
            up_scanner: Scanner::new(Sender::Client),
            down_scanner: Scanner::new(Sender::Server),
        }
    }
}

impl PassedFrames {
    /// Whether the server has switched to the WebSocket protocol: what follows are frames.
    pub(super) fn is_upgraded(&self) -> bool {
        self.response.status == 101 && self.response.is_done()
    }

    /// Returns the bytes that were written of a frame or message that is not whole.
    pub(super) fn cut_up(&self) -> u64 {
        self.up_scanner.pending()
    }

    /// Returns the bytes that were read of a frame or message that is not whole.
    pub(super) fn cut_down(&self) -> u64 {
        self.down_scanner.pending()
    }

    /// Returns the rule that the server's next frame breaks, which the library need not see; `None` while
    /// the library has whole messages before it.
    pub(super) fn next_fault(&self) -> Option<FrameFault> {
        match self.down.front()? {
            ScannedItem::Broken(error) => Some(frame_faults::of_reader(*error)),
            ScannedItem::Message(_) | ScannedItem::Control(_) => None,
        }
    }

    /// Returns the data frame of the server that is under way, if one is.
    pub(super) fn frame_under_way(&self) -> Option<FrameUnderWay> {
        self.down_scanner.frame_under_way()
    }

    fn pass(&mut self, direction: Direction, bytes: &[u8]) {
        match direction {
            Direction::Up if self.is_upgraded() => {
                self.up_scanner.feed(bytes, |item| self.up.push_back(item));
            }
            Direction::Up => {
                let more = HeadSize::of(bytes);
                let HeadSize { bytes, .. } = self.request;
                self.request =
                    HeadSize::new(bytes + more.bytes, self.request.chars() + more.chars(), 0);
            }
            Direction::Down => {
                let used = if self.is_upgraded() {
                    0
                } else {
                    // The library says what is wrong with a response.
                    self.response.feed(bytes).unwrap_or(bytes.len())
                };
                self.down_scanner.feed(&bytes[used..], |item| self.down.push_back(item));
            }
        }
    }
}

/// The layer that sees them.
#[derive(Debug, Default)]
pub(super) struct FrameLayer(pub(super) Rc<RefCell<PassedFrames>>);

impl StreamLayer for FrameLayer {
    fn observe(&mut self, direction: Direction, bytes: &[u8]) {
        self.0.borrow_mut().pass(direction, bytes);
    }
    fn buffer(&mut self) -> Option<&mut dyn LayerBuffer> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::websocket::codec::FrameSizes;

    #[test]
    fn heads_and_frames_are_told_apart_in_any_pieces() {
        let response = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
        let down = [&response[..], b"\x81\x03one\x89\x00\x82"].concat();
        let up = b"\x81\x81....x\x8a\x80....\x81\x82.";
        for cut in [1, 7, 1000] {
            let mut passed = PassedFrames::default();
            passed.pass(Direction::Up, b"GET / HTTP/1.1\r\n\r\n");
            down.chunks(cut).for_each(|piece| passed.pass(Direction::Down, piece));
            up.chunks(cut).for_each(|piece| passed.pass(Direction::Up, piece));
            assert_eq!((passed.request.bytes, passed.request.chars()), (18, 14));
            assert_eq!(passed.response.parts.heads, response.len() as u64);
            let sizes = |framing, masks, payload| FrameSizes { framing, masks, payload };
            let wanted =
                [ScannedItem::Message(sizes(2, 0, 3)), ScannedItem::Control(sizes(2, 0, 0))];
            assert_eq!(passed.down, wanted);
            let wanted =
                [ScannedItem::Message(sizes(2, 4, 1)), ScannedItem::Control(sizes(2, 4, 0))];
            assert_eq!(passed.up, wanted);
            assert_eq!(passed.cut_up(), 3);
        }
    }
}

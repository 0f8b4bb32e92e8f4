//! The sending half of a WebSocket connection of the server: frames go to the socket at once, and
//! what it does not take waits.
//!
//! Idle connections have no buffer: a frame is put together in memory of the thread.

use crate::protocol::websocket::codec::{Opcode, mark_compressed, write_unmasked};
use crate::protocol::websocket::deflate_coder::Deflater;
use crate::server::UpgradedStream;
use bytes::{Buf, BytesMut};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// See the module's description.
pub(super) struct FrameSocket {
    stream: UpgradedStream,
    /// What compresses messages, if the client has offered the extension.
    deflater: Option<Box<Deflater>>,
    /// Frames, or the rest of one, that wait for the socket.
    unsent: BytesMut,
    /// The payload of the latest ping, whose answer waits: earlier ones need none (RFC 6455 §5.5.3).
    late_pong: Option<Box<[u8]>>,
}

impl FrameSocket {
    /// The sending half of a stream, with what compresses its messages.
    pub(super) fn new(stream: UpgradedStream, deflater: Option<Deflater>) -> FrameSocket {
        let deflater = deflater.map(Box::new);
        FrameSocket { stream, deflater, unsent: BytesMut::new(), late_pong: None }
    }

    /// Sends a frame, put together in `frame`. What the socket does not take now is sent by
    /// [`FrameSocket::poll_flush`].
    ///
    /// # Errors
    /// If the connection is gone.
    pub(super) fn send(
        &mut self,
        cx: &mut Context<'_>,
        opcode: Opcode,
        payload: &[u8],
        frame: &mut Vec<u8>,
    ) -> io::Result<()> {
        frame.clear();
        match &mut self.deflater {
            Some(deflater) if !opcode.is_control() => {
                deflater.compress(payload, |payload| write_unmasked(opcode, payload, frame));
                mark_compressed(frame);
            }
            _ => write_unmasked(opcode, payload, frame),
        }
        let mut sent = 0;
        while self.unsent.is_empty() && sent < frame.len() {
            match self.poll_write(cx, &frame[sent..])? {
                Poll::Ready(written) => sent += written,
                Poll::Pending => break,
            }
        }
        self.unsent.extend_from_slice(&frame[sent..]);
        Ok(())
    }

    /// Answers a ping: at once, or once the socket takes something again.
    ///
    /// # Errors
    /// If the connection is gone.
    pub(super) fn answer_ping(
        &mut self,
        cx: &mut Context<'_>,
        payload: &[u8],
        frame: &mut Vec<u8>,
    ) -> io::Result<()> {
        if self.unsent.is_empty() {
            return self.send(cx, Opcode::Pong, payload, frame);
        }
        self.late_pong = Some(payload.into());
        Ok(())
    }

    /// Sends what waits. Ready when nothing does.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.unsent.is_empty() {
                let unsent = std::mem::take(&mut self.unsent);
                let written = self.poll_write(cx, &unsent);
                self.unsent = unsent;
                self.unsent.advance(ready!(written?));
            }
            // Gives its memory back: most connections are idle most of the time.
            self.unsent = BytesMut::new();
            match self.late_pong.take() {
                Some(payload) => self.send(cx, Opcode::Pong, &payload, &mut Vec::new())?,
                None => return Pin::new(&mut self.stream).poll_flush(cx),
            }
        }
    }

    /// Receives bytes. The end of the stream gives none.
    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }

    /// Ready if receiving may give something.
    pub(super) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_read_ready(cx)
    }

    /// Ends this side's direction.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Result<Poll<usize>, io::Error> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(written)) => Ok(Poll::Ready(written)),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(Poll::Pending),
        }
    }
}

//! A stack of layers over a socket that never blocks: for clients of an engine.
//!
//! Bytes are counted at the socket. Without a buffer among the layers they move directly between
//! the caller's memory and the socket; what the socket does not take is kept until it does.

use crate::net::connection::Layers;
use crate::net::counted_stream::CountedStream;
use crate::net::layer::{LayerBuffer, RecordLayer, StreamLayer, TlsBytes};
use crate::net::socket::Socket;
use crate::record::{ClientError, ClientErrorKind, Direction, Phase, TcpReading};
use std::io;

/// See the module's description.
pub(crate) struct PolledStream {
    socket: Box<dyn Socket>,
    read: u64,
    /// Bytes of them that were received by the caller.
    delivered: u64,
    written: u64,
    /// The end of the peer's direction was read.
    ended: bool,
    /// An error was met: the connection is gone, and a further read may show an end that never
    /// came.
    failed: bool,
    /// The error that sending met. It is received once everything that came before it was.
    send_error: Option<io::Error>,
    /// An error that waits in the layers for the bytes before it.
    held_error: Option<io::Error>,
    /// This side's direction is to be ended once everything is sent.
    ending: Ending,
    /// What was sent and neither the layers nor the socket have taken.
    unsent: Vec<u8>,
    /// Boxed, because most connections have none.
    layers: Option<Box<Layers>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    Wanted,
    Done,
}

/// What [`PolledStream::receive`] found.
#[derive(Debug)]
pub(crate) enum Received {
    /// So many bytes; true if there may be more.
    Bytes(usize, bool),
    /// Nothing for now.
    Nothing,
    /// The peer has ended its direction.
    End,
    /// The connection is gone.
    Error(io::Error),
    /// A layer cannot use what came.
    Failed(ClientError),
}

impl Received {
    /// How the peer's direction has ended: `Some(None)` in order, `None` if it has not.
    pub(crate) fn end(self) -> Option<Option<ClientError>> {
        match self {
            Received::Nothing | Received::Bytes(..) => None,
            Received::End => Some(None),
            Received::Failed(error) => Some(Some(error)),
            Received::Error(error) => Some(Some(ClientError::io(ClientErrorKind::Read, &error))),
        }
    }
}

impl PolledStream {
    /// Reads memory of its socket.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.socket.touch()
    }
    /// A stream over a socket that is connected.
    pub(crate) fn new(socket: Box<dyn Socket>, layers: Option<Layers>) -> PolledStream {
        PolledStream {
            socket,
            read: 0,
            delivered: 0,
            written: 0,
            ended: false,
            failed: false,
            send_error: None,
            held_error: None,
            ending: Ending::No,
            unsent: Vec::new(),
            layers: layers.map(Box::new),
        }
    }
    /// Whether something waits to be sent: bytes, or this side's end.
    #[inline]
    pub(crate) fn has_unsent(&mut self) -> bool {
        !self.unsent.is_empty()
            || self.ending == Ending::Wanted
            || self.buffer().is_some_and(|buffer| buffer.held(Direction::Up) > 0)
    }
    /// Whether the layers and the socket take no more bytes now.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.unsent.is_empty()
    }
    /// Whether a layer holds bytes for a time.
    pub(crate) fn has_deadlines(&mut self) -> bool {
        self.buffer().is_some()
    }
    fn buffer(&mut self) -> Option<&mut dyn LayerBuffer> {
        self.layers.as_mut()?.buffer()
    }
    #[inline]
    fn tls_layer(&self) -> Option<&dyn RecordLayer> {
        self.layers.as_ref()?.tls()
    }
    /// Whether it has TLS.
    #[inline]
    pub(crate) fn has_tls(&self) -> bool {
        self.tls_layer().is_some()
    }
    /// Whether it has TLS whose handshake did not choose this protocol.
    pub(crate) fn lacks_protocol(&self, protocol: &[u8]) -> bool {
        self.tls_layer().is_some_and(|layer| !layer.has_chosen(protocol))
    }
    /// Whether the peer's bytes ended without TLS's saying so: some may be missing.
    pub(crate) fn is_truncated(&self) -> bool {
        self.tls_layer().is_some_and(RecordLayer::is_truncated)
    }

    /// Goes on with the handshake of TLS. Returns whether it is over.
    ///
    /// # Errors
    /// Why it failed.
    pub(crate) fn handshake(
        &mut self,
        now_ns: u64,
        memory: &mut [u8],
    ) -> Result<bool, ClientError> {
        let Some(mut layers) = self.layers.take() else { return Ok(true) };
        if let Some(buffer) = layers.buffer() {
            self.fill(now_ns, buffer, memory);
            // Moves what a delay line releases into TLS.
            buffer.ready(Direction::Down, now_ns);
        }
        self.layers = Some(layers);
        let flushed = self.flush(now_ns);
        let Some(tls) = self.layers.as_mut().and_then(|layers| layers.tls_mut()) else {
            return Ok(true);
        };
        if let Some(error) = tls.take_failure() {
            return Err(error);
        }
        if tls.is_open() {
            return Ok(true);
        }
        if let Some(error) = self.held_error.take() {
            return Err(ClientError::io(ClientErrorKind::Read, &error));
        }
        flushed.map_err(|error| ClientError::io(ClientErrorKind::Write, &error))?;
        Ok(false)
    }

    /// Sends bytes. What cannot be sent now is kept, see [`PolledStream::flush`].
    ///
    /// # Errors
    /// If the connection is gone.
    #[inline]
    pub(crate) fn send(&mut self, now_ns: u64, bytes: &[u8]) -> io::Result<()> {
        if self.layers.is_some() && self.buffer().is_some() && self.unsent.is_empty() {
            return self.send_through_buffer(now_ns, bytes);
        }
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return self.flush(now_ns);
        }
        let sent = self.write(bytes)?;
        if let Some(layers) = &mut self.layers {
            layers.observe(Direction::Up, bytes);
        }
        if sent < bytes.len() {
            self.unsent.extend_from_slice(&bytes[sent..]);
        }
        Ok(())
    }

    /// Sends bytes through layers of which one is a buffer. What they do not take is kept.
    fn send_through_buffer(&mut self, now_ns: u64, bytes: &[u8]) -> io::Result<()> {
        let Some(mut layers) = self.layers.take() else { return Ok(()) };
        let result = match layers.buffer() {
            Some(buffer) => self.flush_buffer(now_ns, buffer, bytes),
            None => Ok(0),
        };
        self.layers = Some(layers);
        let pushed = result.as_ref().map_or(0, |pushed| *pushed);
        self.unsent.extend_from_slice(&bytes[pushed..]);
        result.map(drop)
    }

    /// Writes to the socket as much as it takes now.
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        while at < bytes.len() {
            match self.socket.send(&bytes[at..]) {
                Ok(sent) => {
                    self.written += sent as u64;
                    at += sent;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Its first error says all: one that is met again would be received again and again,
                // with no end while a delay line holds bytes that came before it.
                Err(error) if self.failed => return Err(error),
                Err(error) => {
                    self.failed = true;
                    let kind = error.kind();
                    let same = error.raw_os_error().map(io::Error::from_raw_os_error);
                    self.send_error = Some(error);
                    return Err(same.unwrap_or_else(|| kind.into()));
                }
            }
        }
        Ok(at)
    }

    /// Sends what was kept, as far as the layers and the socket take it now.
    ///
    /// # Errors
    /// If the connection is gone.
    pub(crate) fn flush(&mut self, now_ns: u64) -> io::Result<()> {
        let mut kept = std::mem::take(&mut self.unsent);
        let result = self.flush_kept(now_ns, &mut kept);
        // Its memory is used again unless nothing is left.
        if !kept.is_empty() {
            self.unsent = kept;
        }
        result?;
        if self.ending == Ending::Wanted && self.unsent.is_empty() {
            if let Some(buffer) = self.buffer() {
                // Only the first call counts.
                buffer.end(Direction::Up, now_ns);
                if !buffer.is_over(Direction::Up, now_ns) {
                    return Ok(());
                }
            }
            self.ending = Ending::Done;
            self.socket.end();
        }
        Ok(())
    }

    fn flush_kept(&mut self, now_ns: u64, kept: &mut Vec<u8>) -> io::Result<()> {
        let Some(mut layers) = self.layers.take() else {
            let sent = self.write(kept)?;
            kept.drain(..sent);
            return Ok(());
        };
        let result = match layers.buffer() {
            // Layers that only observe have seen the bytes already.
            None => self.write(kept).map(|sent| drop(kept.drain(..sent))),
            Some(buffer) => self.flush_buffer(now_ns, buffer, kept).map(|n| drop(kept.drain(..n))),
        };
        self.layers = Some(layers);
        result
    }

    /// Moves bytes into a buffer, and what that has ready to the socket. Returns how many the buffer
    /// took.
    fn flush_buffer(
        &mut self,
        now_ns: u64,
        buffer: &mut dyn LayerBuffer,
        bytes: &[u8],
    ) -> io::Result<usize> {
        let mut at = 0;
        loop {
            let pushed = buffer.push(Direction::Up, now_ns, &bytes[at..]);
            at += pushed;
            let ready = buffer.ready(Direction::Up, now_ns);
            let len = ready.len();
            let sent = self.write(ready)?;
            buffer.take(Direction::Up, now_ns, sent);
            buffer.reached_socket(self.written);
            if sent < len || (len == 0 && (pushed == 0 || at == bytes.len())) {
                return Ok(at);
            }
        }
    }

    /// Ends this side's direction once everything that was sent has reached the socket.
    pub(crate) fn end(&mut self, now_ns: u64) {
        if self.ending == Ending::No {
            self.ending = Ending::Wanted;
            // An error is met by receiving, too.
            let _ = self.flush(now_ns);
        }
    }

    /// Receives bytes into `into`.
    #[inline]
    pub(crate) fn receive(&mut self, now_ns: u64, into: &mut [u8]) -> Received {
        let received = self.receive_through_layers(now_ns, into);
        if let Received::Bytes(n, _) = received {
            self.delivered += n as u64;
        }
        received
    }

    #[inline]
    fn receive_through_layers(&mut self, now_ns: u64, into: &mut [u8]) -> Received {
        let Some(mut layers) = self.layers.take() else { return self.read_socket(into) };
        let mut received = match layers.buffer() {
            None => {
                let received = self.read_socket(into);
                if let Received::Bytes(n, _) = received {
                    layers.observe(Direction::Down, &into[..n]);
                }
                received
            }
            Some(buffer) => self.receive_buffered(now_ns, buffer, into),
        };
        // An alert that a layer below TLS held came before the error.
        if let Received::Nothing | Received::End | Received::Error(_) = received
            && let Some(error) = layers.tls_mut().and_then(RecordLayer::take_failure)
        {
            received = Received::Failed(error);
        }
        if let Received::Bytes(_, more) = &mut received {
            // What a layer has failed by is received after the bytes.
            *more |= layers.tls_mut().is_some_and(|tls| tls.is_broken());
        }
        self.layers = Some(layers);
        received
    }

    #[inline]
    fn read_socket(&mut self, into: &mut [u8]) -> Received {
        if self.ended || (self.failed && self.send_error.is_none()) {
            return Received::Nothing;
        }
        loop {
            match self.socket.receive(into) {
                // What looks like an end, or like nothing for now, after an error is that error.
                Ok(0) if self.failed => return self.take_send_error(),
                Err(_) if self.failed => return self.take_send_error(),
                Ok(0) => {
                    self.ended = true;
                    return Received::End;
                }
                Ok(n) => {
                    self.read += n as u64;
                    return Received::Bytes(n, n == into.len());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Received::Nothing;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = true;
                    return Received::Error(error);
                }
            }
        }
    }

    fn take_send_error(&mut self) -> Received {
        self.send_error.take().map_or(Received::Nothing, Received::Error)
    }

    /// Whether sending has met an error that was not received yet.
    #[inline]
    pub(crate) fn has_send_error(&self) -> bool {
        self.send_error.is_some()
    }

    /// Moves what the socket has into the layers. Returns false if it has no more for now, although
    /// that was not asked.
    fn fill(&mut self, now_ns: u64, buffer: &mut dyn LayerBuffer, memory: &mut [u8]) -> bool {
        loop {
            let room = buffer.room(Direction::Down).min(memory.len());
            if room == 0 {
                return true;
            }
            match self.read_socket(&mut memory[..room]) {
                Received::Bytes(n, more) => {
                    buffer.push(Direction::Down, now_ns, &memory[..n]);
                    if !more && !buffer.ready(Direction::Down, now_ns).is_empty() {
                        return false;
                    }
                }
                Received::Nothing | Received::Failed(_) => return true,
                Received::End => buffer.end(Direction::Down, now_ns),
                Received::Error(error) => {
                    self.held_error = Some(error);
                    return true;
                }
            }
        }
    }

    /// Moves what the socket has into the layers, and what they release into `into`.
    fn receive_buffered(
        &mut self,
        now_ns: u64,
        buffer: &mut dyn LayerBuffer,
        into: &mut [u8],
    ) -> Received {
        let mut more = self.fill(now_ns, buffer, into);
        let mut at = 0;
        loop {
            let ready = buffer.ready(Direction::Down, now_ns);
            let len = ready.len().min(into.len() - at);
            if len == 0 {
                break;
            }
            into[at..at + len].copy_from_slice(&ready[..len]);
            buffer.take(Direction::Down, now_ns, len);
            at += len;
        }
        more |= at == into.len();
        // Bytes that came before an error are received before it, and take their time.
        let is_empty = at == 0 && buffer.deadline_ns(Direction::Down, now_ns).is_none();
        if let Some(error) = self.held_error.take_if(|_| is_empty) {
            return Received::Error(error);
        }
        match at {
            0 if buffer.is_over(Direction::Down, now_ns) => Received::End,
            0 => Received::Nothing,
            n => Received::Bytes(n, more),
        }
    }

    /// Returns the moment at which a layer releases bytes or an end; `None` if none waits.
    pub(crate) fn deadline_ns(&mut self, now_ns: u64) -> Option<u64> {
        let buffer = self.buffer()?;
        let of = |buffer: &mut dyn LayerBuffer, direction| {
            buffer.ready(direction, now_ns);
            buffer.deadline_ns(direction, now_ns)
        };
        // What comes may be answered by TLS.
        let down = of(buffer, Direction::Down);
        let up = of(buffer, Direction::Up);
        up.into_iter().chain(down).min()
    }
}

impl CountedStream for PolledStream {
    fn read(&self) -> u64 {
        self.read
    }
    fn delivered(&self) -> u64 {
        self.delivered
    }
    #[inline]
    fn written(&self) -> u64 {
        self.tls_layer().map_or(self.written, RecordLayer::written)
    }
    fn written_to_socket(&self) -> u64 {
        self.written
    }
    fn tls(&self) -> TlsBytes {
        self.tls_layer().map(RecordLayer::bytes).unwrap_or_default()
    }
    fn has_ended(&self) -> bool {
        self.ended
    }
    fn has_failed(&self) -> bool {
        self.failed
    }
    fn enter(&mut self, phase: Phase) {
        if let Some(layers) = &mut self.layers {
            layers.enter(phase);
        }
    }
    fn counts(&self) -> io::Result<TcpReading> {
        self.socket.counts()
    }
    fn unsent(&mut self) -> u64 {
        let held = match self.tls_layer() {
            Some(tls) => tls.unsent(),
            None => self.buffer().map_or(0, |buffer| buffer.held(Direction::Up)),
        };
        held + self.unsent.len() as u64
    }
    fn drain(&mut self, until: u64) {
        if let Some(buffer) = self.buffer() {
            buffer.discard(Direction::Down);
        }
        let mut rest = [0; 4096];
        while self.read < until {
            let len = (until - self.read).min(rest.len() as u64) as usize;
            let Received::Bytes(..) = self.read_socket(&mut rest[..len]) else { return };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::connection::layers;
    use crate::net::delay_line::DelayLine;
    use crate::time::{Delay, JitterDistribution};
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;

    /// The other end of a socket: what can be received, and what it takes.
    #[derive(Default)]
    struct Peer {
        sends: VecDeque<io::Result<Vec<u8>>>,
        got: Vec<u8>,
        takes: usize,
        is_reset: bool,
        ended: bool,
    }

    struct FakeSocket(Rc<RefCell<Peer>>);

    impl Socket for FakeSocket {
        fn connected(&mut self) -> io::Result<()> {
            Ok(())
        }
        fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut peer = self.0.borrow_mut();
            if peer.is_reset {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let n = bytes.len().min(peer.takes);
            if n == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            peer.takes -= n;
            peer.got.extend_from_slice(&bytes[..n]);
            Ok(n)
        }
        fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some(next) = self.0.borrow_mut().sends.pop_front() else {
                return Err(io::ErrorKind::WouldBlock.into());
            };
            let bytes = next?;
            into[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
        fn end(&mut self) {
            self.0.borrow_mut().ended = true;
        }
        fn counts(&self) -> io::Result<TcpReading> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    fn stream(line: Option<DelayLine>) -> (PolledStream, Rc<RefCell<Peer>>) {
        let peer = Rc::new(RefCell::new(Peer { takes: usize::MAX, ..Peer::default() }));
        (PolledStream::new(Box::new(FakeSocket(peer.clone())), layers(None, None, line)), peer)
    }

    fn line() -> DelayLine {
        let delay =
            Delay { one_way_ns: 100, jitter_ns: 0, law: JitterDistribution::Uniform, seed: 1 };
        DelayLine::new(&delay, 0, 0, Rc::new(()))
    }

    #[test]
    fn what_the_socket_does_not_take_is_sent_later_and_the_end_after_it() {
        let (mut stream, peer) = stream(None);
        peer.borrow_mut().takes = 3;
        stream.send(0, b"twelve bytes").unwrap();
        assert_eq!((stream.unsent(), stream.written()), (9, 3));
        stream.end(1);
        peer.borrow_mut().takes = 4;
        stream.flush(2).unwrap();
        assert_eq!((stream.unsent(), stream.has_unsent(), peer.borrow().ended), (5, true, false));
        stream.send(3, b" and more").unwrap();
        peer.borrow_mut().takes = 100;
        stream.flush(4).unwrap();
        assert_eq!((stream.unsent(), stream.has_unsent(), stream.written()), (0, false, 21));
        assert_eq!(
            (&peer.borrow().got[..], peer.borrow().ended),
            (&b"twelve bytes and more"[..], true)
        );
    }

    #[test]
    fn bytes_and_ends_take_their_time_both_ways() {
        let (mut stream, peer) = stream(Some(line()));
        let mut into = [0; 64];
        stream.send(0, b"up").unwrap();
        stream.end(5);
        assert_eq!((stream.unsent(), stream.deadline_ns(5)), (2, Some(100)));
        peer.borrow_mut().sends.extend([Ok(b"do".to_vec()), Ok(b"wn".to_vec()), Ok(Vec::new())]);
        assert!(matches!(stream.receive(10, &mut into), Received::Nothing));
        stream.flush(100).unwrap();
        assert_eq!((&peer.borrow().got[..], peer.borrow().ended), (&b"up"[..], false));
        assert_eq!(stream.deadline_ns(100), Some(105));
        stream.flush(105).unwrap();
        assert!(peer.borrow().ended);
        assert_eq!(stream.deadline_ns(105), Some(110));
        assert!(matches!(stream.receive(110, &mut into), Received::Bytes(4, _)));
        assert_eq!(&into[..4], b"down");
        assert!(matches!(stream.receive(110, &mut into), Received::End));
    }

    #[test]
    fn what_is_held_at_the_end_is_drained_or_was_never_sent() {
        let (mut stream, peer) = stream(Some(line()));
        peer.borrow_mut().sends.push_back(Ok(b"twelve bytes".to_vec()));
        stream.send(0, b"never sent").unwrap();
        assert!(matches!(stream.receive(0, &mut [0; 64]), Received::Nothing));
        stream.drain(12);
        assert_eq!((stream.read(), stream.delivered()), (12, 0));
        assert_eq!((stream.unsent(), stream.written()), (10, 0));
    }

    /// Sending may meet a reset before receiving does: nobody else tells the client of it.
    #[test]
    fn what_sending_met_is_received_after_what_had_come() {
        let (mut stream, peer) = stream(None);
        peer.borrow_mut().takes = 0;
        peer.borrow_mut().is_reset = true;
        peer.borrow_mut().sends.extend([Ok(b"last".to_vec()), Ok(Vec::new())]);
        assert!(stream.send(0, b"lost").is_err());
        assert!(stream.has_send_error());
        assert!(matches!(stream.receive(0, &mut [0; 8]), Received::Bytes(4, _)));
        assert!(matches!(stream.receive(0, &mut [0; 8]), Received::Error(_)));
        assert!(matches!(stream.receive(0, &mut [0; 8]), Received::Nothing));
        assert!(!stream.has_send_error() && !stream.has_ended());
    }

    /// What is kept is tried again while a line holds what came before the error: with the same end.
    #[test]
    fn an_error_of_sending_is_received_once() {
        let (mut stream, peer) = stream(Some(line()));
        stream.send(0, b"lost").unwrap();
        peer.borrow_mut().takes = 0;
        peer.borrow_mut().is_reset = true;
        peer.borrow_mut().sends.extend([Ok(b"last".to_vec()), Ok(Vec::new())]);
        assert!(stream.flush(100).is_err() && stream.has_send_error());
        assert!(matches!(stream.receive(100, &mut [0; 8]), Received::Nothing));
        assert!(stream.flush(101).is_err() && !stream.has_send_error());
        assert!(matches!(stream.receive(200, &mut [0; 8]), Received::Bytes(4, _)));
        assert!(matches!(stream.receive(200, &mut [0; 8]), Received::Error(_)));
    }

    /// A reset takes no way of its own: it waits for the bytes that a line delays.
    #[test]
    fn an_error_does_not_overtake_the_bytes_before_it_in_a_delay_line() {
        let (mut stream, peer) = stream(Some(line()));
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        peer.borrow_mut().sends.extend([Ok(b"last".to_vec()), Err(reset)]);
        let mut into = [0; 64];
        assert!(matches!(stream.receive(10, &mut into), Received::Nothing));
        assert_eq!(stream.deadline_ns(10), Some(110));
        assert!(matches!(stream.receive(110, &mut into), Received::Bytes(4, true)));
        assert!(matches!(stream.receive(110, &mut into), Received::Error(_)));
        assert!(matches!(stream.receive(110, &mut into), Received::Nothing));
    }

    /// After a reset the kernel gives an error once and then what looks like an end.
    #[test]
    fn after_an_error_no_end_is_read() {
        let (mut stream, peer) = stream(None);
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        peer.borrow_mut().sends.extend([Err(reset), Ok(Vec::new())]);
        assert!(matches!(stream.receive(0, &mut [0; 8]), Received::Error(_)));
        assert!(matches!(stream.receive(0, &mut [0; 8]), Received::Nothing));
        assert_eq!((stream.has_failed(), stream.has_ended()), (true, false));
    }
}

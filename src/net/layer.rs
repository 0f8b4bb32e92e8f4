//! Layers of a byte stream between a protocol and its socket, without I/O.
//!
//! A layer is a pure transform: bytes and the current time go in; bytes and the moment of the next
//! release come out. It owns no socket, reads no clock and awaits nothing, so that an asynchronous
//! stream ([`LayeredStream`](crate::net::layered_stream::LayeredStream)), an engine on non-blocking
//! sockets and a simulated network can all drive the same code.
//!
//! There are two kinds. An *observer* (a tap) sees the bytes that pass and keeps none. A *buffer*
//! (a delay line, TLS) has bytes pushed into one end and taken from the other. Whoever drives a
//! stack without a buffer moves bytes directly between protocol and socket, without a copy.

use crate::record::{ClientError, Direction, Phase};

/// One layer of a stream, or several on top of each other.
pub(crate) trait StreamLayer {
    /// The bytes that pass from now on belong to another phase.
    fn enter(&mut self, _phase: Phase) {}
    /// Sees bytes that have passed this layer. Called of observers alone.
    fn observe(&mut self, _direction: Direction, _bytes: &[u8]) {}
    /// The layer as a buffer; `None` if it only observes.
    fn buffer(&mut self) -> Option<&mut dyn LayerBuffer>;
    /// The layer that makes records of bytes; `None` if they pass as they are.
    fn tls(&self) -> Option<&dyn RecordLayer> {
        None
    }
    /// The same, to be changed.
    fn tls_mut(&mut self) -> Option<&mut dyn RecordLayer> {
        None
    }
}

/// A layer that may hold bytes for a time, in each direction. In the direction [`Direction::Up`]
/// bytes are pushed by the protocol and taken by the socket, in [`Direction::Down`] the reverse.
/// Times are nanoseconds of one monotonic clock.
pub(crate) trait LayerBuffer {
    /// How many bytes the next [`LayerBuffer::push`] accepts at least.
    fn room(&mut self, direction: Direction) -> usize;
    /// Accepts bytes as far as there is room. Returns how many.
    fn push(&mut self, direction: Direction, now_ns: u64, bytes: &[u8]) -> usize;
    /// Accepts the end of a direction. Only the first call counts; no bytes may follow.
    fn end(&mut self, direction: Direction, now_ns: u64);
    /// The first bytes that may be taken now; empty if there are none.
    fn ready(&mut self, direction: Direction, now_ns: u64) -> &[u8];
    /// Removes the first `len` of the bytes that are ready now.
    fn take(&mut self, direction: Direction, now_ns: u64, len: usize);
    /// Whether the direction's end has come out: everything before it was taken.
    fn is_over(&mut self, direction: Direction, now_ns: u64) -> bool;
    /// The earliest moment after `now_ns` at which more bytes or the end become ready by time
    /// alone. `now_ns` is that of the last call of [`LayerBuffer::ready`].
    fn deadline_ns(&mut self, direction: Direction, now_ns: u64) -> Option<u64>;
    /// Bytes that were pushed and not taken.
    fn held(&mut self, direction: Direction) -> u64;
    /// Drops the bytes that it holds. Returns how many.
    fn discard(&mut self, direction: Direction) -> u64;
    /// So many bytes of the connection have reached the socket.
    fn reached_socket(&mut self, _total: u64) {}
    /// Whether it can pass nothing more, whatever comes.
    fn is_broken(&self) -> bool {
        false
    }
}

/// Bytes of TLS at a socket: handshakes, headers, tags and alerts, of whole records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TlsBytes {
    /// Written.
    pub up: u64,
    /// Read.
    pub down: u64,
}

/// A layer that makes records of bytes (TLS): what is at the socket is not what the protocol wrote.
pub(crate) trait RecordLayer: LayerBuffer {
    /// Whether the handshake is over.
    fn is_open(&self) -> bool;
    /// Why the connection can carry nothing more; each caller gets it once.
    fn take_failure(&mut self) -> Option<ClientError>;
    /// Whether the peer's bytes ended without its saying so: some may be missing.
    fn is_truncated(&self) -> bool;
    /// Whether this protocol was chosen in the handshake (ALPN, RFC 7301).
    fn has_chosen(&self, protocol: &[u8]) -> bool;
    /// Whole bytes of the protocol that have reached the socket.
    fn written(&self) -> u64;
    /// Bytes of the protocol that have not reached the socket.
    fn unsent(&self) -> u64;
    /// The bytes at the socket that are not the protocol's, of whole records.
    fn bytes(&self) -> TlsBytes;
}

impl<L: StreamLayer> StreamLayer for Box<L> {
    fn enter(&mut self, phase: Phase) {
        (**self).enter(phase);
    }
    fn observe(&mut self, direction: Direction, bytes: &[u8]) {
        (**self).observe(direction, bytes);
    }
    fn buffer(&mut self) -> Option<&mut dyn LayerBuffer> {
        (**self).buffer()
    }
    fn tls(&self) -> Option<&dyn RecordLayer> {
        (**self).tls()
    }
    fn tls_mut(&mut self) -> Option<&mut dyn RecordLayer> {
        (**self).tls_mut()
    }
}

impl<L: StreamLayer> StreamLayer for Option<L> {
    fn enter(&mut self, phase: Phase) {
        if let Some(layer) = self {
            layer.enter(phase);
        }
    }
    fn observe(&mut self, direction: Direction, bytes: &[u8]) {
        if let Some(layer) = self {
            layer.observe(direction, bytes);
        }
    }
    fn buffer(&mut self) -> Option<&mut dyn LayerBuffer> {
        self.as_mut()?.buffer()
    }
    fn tls(&self) -> Option<&dyn RecordLayer> {
        self.as_ref()?.tls()
    }
    fn tls_mut(&mut self) -> Option<&mut dyn RecordLayer> {
        self.as_mut()?.tls_mut()
    }
}

/// Two layers, the upper one nearer to the protocol. A stream may lack either.
#[derive(Debug)]
pub(crate) struct Stacked<Upper, Lower> {
    pub upper: Option<Upper>,
    pub lower: Option<Lower>,
}

/// A layer, or several on top of each other, that a connection with such parts may have.
pub(crate) trait FromParts<Parts>: Sized {
    /// Takes what it needs out of the parts; `None` if the connection has no use for it.
    fn from_parts(parts: &mut Parts) -> Option<Self>;
}

impl<Parts, Upper: FromParts<Parts>, Lower: FromParts<Parts>> FromParts<Parts>
    for Stacked<Upper, Lower>
{
    fn from_parts(parts: &mut Parts) -> Option<Self> {
        let upper = Upper::from_parts(parts);
        let lower = Lower::from_parts(parts);
        let is_empty = upper.is_none() && lower.is_none();
        (!is_empty).then_some(Stacked { upper, lower })
    }
}

/// The two layers in the order in which the bytes of one direction pass them.
struct Path<'a> {
    first: &'a mut dyn StreamLayer,
    last: &'a mut dyn StreamLayer,
}

impl<'a> Path<'a> {
    /// The buffer into which bytes are pushed.
    fn entry(self) -> Option<&'a mut dyn LayerBuffer> {
        let Path { first, last } = self;
        if let Some(buffer) = first.buffer() { Some(buffer) } else { last.buffer() }
    }
    /// The buffer from which bytes are taken.
    fn exit(self) -> Option<&'a mut dyn LayerBuffer> {
        let Path { first, last } = self;
        if let Some(buffer) = last.buffer() { Some(buffer) } else { first.buffer() }
    }
}

impl<Upper: StreamLayer, Lower: StreamLayer> Stacked<Upper, Lower> {
    fn path(&mut self, direction: Direction) -> Path<'_> {
        match direction {
            Direction::Up => Path { first: &mut self.upper, last: &mut self.lower },
            Direction::Down => Path { first: &mut self.lower, last: &mut self.upper },
        }
    }
    /// Moves what the first of two buffers has ready into the second.
    fn advance(&mut self, direction: Direction, now_ns: u64) {
        let Path { first, last } = self.path(direction);
        let (Some(first), Some(last)) = (first.buffer(), last.buffer()) else { return };
        loop {
            let moved = last.push(direction, now_ns, first.ready(direction, now_ns));
            if moved == 0 {
                break;
            }
            first.take(direction, now_ns, moved);
        }
        if first.is_over(direction, now_ns) {
            last.end(direction, now_ns);
        }
    }
}

impl<Upper: StreamLayer, Lower: StreamLayer> StreamLayer for Stacked<Upper, Lower> {
    fn enter(&mut self, phase: Phase) {
        self.upper.enter(phase);
        self.lower.enter(phase);
    }
    fn observe(&mut self, direction: Direction, bytes: &[u8]) {
        self.upper.observe(direction, bytes);
        self.lower.observe(direction, bytes);
    }
    fn buffer(&mut self) -> Option<&mut dyn LayerBuffer> {
        let holds = self.upper.buffer().is_some() || self.lower.buffer().is_some();
        if holds { Some(self) } else { None }
    }
    fn tls(&self) -> Option<&dyn RecordLayer> {
        self.upper.tls().or_else(|| self.lower.tls())
    }
    fn tls_mut(&mut self) -> Option<&mut dyn RecordLayer> {
        if self.upper.tls().is_some() { self.upper.tls_mut() } else { self.lower.tls_mut() }
    }
}

/// Called only if one of the layers is a buffer at least, see [`StreamLayer::buffer`].
impl<Upper: StreamLayer, Lower: StreamLayer> LayerBuffer for Stacked<Upper, Lower> {
    fn room(&mut self, direction: Direction) -> usize {
        self.path(direction).entry().map_or(0, |buffer| buffer.room(direction))
    }
    fn push(&mut self, direction: Direction, now_ns: u64, bytes: &[u8]) -> usize {
        let Path { first, last } = self.path(direction);
        if let Some(buffer) = first.buffer() {
            return buffer.push(direction, now_ns, bytes);
        }
        let pushed = last.buffer().map_or(0, |buffer| buffer.push(direction, now_ns, bytes));
        first.observe(direction, &bytes[..pushed]);
        pushed
    }
    fn end(&mut self, direction: Direction, now_ns: u64) {
        if let Some(buffer) = self.path(direction).entry() {
            buffer.end(direction, now_ns);
        }
    }
    fn ready(&mut self, direction: Direction, now_ns: u64) -> &[u8] {
        self.advance(direction, now_ns);
        self.path(direction).exit().map_or(&[], |buffer| buffer.ready(direction, now_ns))
    }
    fn take(&mut self, direction: Direction, now_ns: u64, len: usize) {
        let Path { first, last } = self.path(direction);
        if let Some(buffer) = last.buffer() {
            buffer.take(direction, now_ns, len);
        } else if let Some(buffer) = first.buffer() {
            last.observe(direction, &buffer.ready(direction, now_ns)[..len]);
            buffer.take(direction, now_ns, len);
        }
    }
    fn is_over(&mut self, direction: Direction, now_ns: u64) -> bool {
        self.advance(direction, now_ns);
        self.path(direction).exit().is_none_or(|buffer| buffer.is_over(direction, now_ns))
    }
    fn deadline_ns(&mut self, direction: Direction, now_ns: u64) -> Option<u64> {
        let Path { first, last } = self.path(direction);
        let of = |layer: &mut dyn StreamLayer| layer.buffer()?.deadline_ns(direction, now_ns);
        [of(first), of(last)].into_iter().flatten().min()
    }
    fn held(&mut self, direction: Direction) -> u64 {
        let of = |layer: &mut dyn StreamLayer| layer.buffer().map_or(0, |b| b.held(direction));
        of(&mut self.upper) + of(&mut self.lower)
    }
    fn discard(&mut self, direction: Direction) -> u64 {
        let of = |layer: &mut dyn StreamLayer| layer.buffer().map_or(0, |b| b.discard(direction));
        of(&mut self.upper) + of(&mut self.lower)
    }
    fn reached_socket(&mut self, total: u64) {
        // Of all layers TLS alone needs it: records have other bytes than what is in them.
        if let Some(tls) = self.tls_mut() {
            tls.reached_socket(total);
        }
    }
    fn is_broken(&self) -> bool {
        self.tls().is_some_and(|tls| tls.is_broken())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::delay_line::DelayLine;
    use crate::net::identity_layer::IdentityLayer;
    use crate::time::{Delay, JitterDistribution};
    use proptest::prelude::*;
    use std::rc::Rc;

    /// Counts the bytes of each direction.
    #[derive(Default)]
    struct Count {
        up: usize,
        down: usize,
    }

    impl StreamLayer for Count {
        fn observe(&mut self, direction: Direction, bytes: &[u8]) {
            match direction {
                Direction::Up => self.up += bytes.len(),
                Direction::Down => self.down += bytes.len(),
            }
        }
        fn buffer(&mut self) -> Option<&mut dyn LayerBuffer> {
            None
        }
    }

    fn delay_line() -> DelayLine {
        let delay =
            Delay { one_way_ns: 100, jitter_ns: 50, law: JitterDistribution::Exponential, seed: 1 };
        DelayLine::new(&delay, 0, 0, Rc::new(()))
    }

    fn stacked<U, L>(upper: U, lower: L) -> Stacked<U, L> {
        Stacked { upper: Some(upper), lower: Some(lower) }
    }

    #[test]
    fn a_stack_of_observers_is_no_buffer_and_all_of_them_see_the_bytes() {
        let mut stack = stacked(Count::default(), stacked(Count::default(), None::<DelayLine>));
        assert!(stack.buffer().is_none());
        stack.observe(Direction::Up, b"three");
        let upper = stack.upper.unwrap_or_default().up;
        let lower = stack.lower.and_then(|lower| lower.upper).unwrap_or_default().up;
        assert_eq!((upper, lower), (5, 5));
    }

    #[test]
    fn observers_see_bytes_when_they_pass_them() {
        let mut stack = stacked(Count::default(), stacked(delay_line(), Count::default()));
        let counts = |stack: &mut Stacked<Count, Stacked<DelayLine, Count>>| {
            let upper = stack.upper.as_ref().unwrap();
            let lower = stack.lower.as_ref().unwrap().lower.as_ref().unwrap();
            (upper.up, upper.down, lower.up, lower.down)
        };
        assert_eq!(stack.push(Direction::Up, 0, b"up"), 2);
        assert_eq!(stack.push(Direction::Down, 0, b"down"), 4);
        assert_eq!(counts(&mut stack), (2, 0, 0, 4));
        assert_eq!(stack.held(Direction::Up), 2);
        assert_eq!(stack.ready(Direction::Up, 99), b"");
        assert!(stack.deadline_ns(Direction::Up, 99) >= Some(100));
        assert_eq!(stack.ready(Direction::Up, 9999), b"up");
        stack.take(Direction::Up, 9999, 2);
        assert_eq!(stack.ready(Direction::Down, 9999), b"down");
        stack.take(Direction::Down, 9999, 3);
        assert_eq!(counts(&mut stack), (2, 3, 2, 4));
        assert_eq!((stack.discard(Direction::Down), stack.held(Direction::Down)), (1, 0));
    }

    proptest! {
        #[test]
        fn bytes_out_are_bytes_in_whatever_the_layers(
            pushes in prop::collection::vec((0u64..80, prop::collection::vec(any::<u8>(), 0..90)), 1..40),
            most in 1usize..64,
            up: bool,
        ) {
            let direction = if up { Direction::Up } else { Direction::Down };
            let identity = || IdentityLayer::with_room(most);
            let mut stack = stacked(
                stacked(identity(), delay_line()),
                stacked(Count::default(), stacked(identity(), delay_line())),
            );
            let (mut now, mut wanted, mut got) = (0, Vec::new(), Vec::new());
            let mut drain = |stack: &mut dyn LayerBuffer, now| loop {
                let len = stack.ready(direction, now).len().min(most);
                got.extend_from_slice(&stack.ready(direction, now)[..len]);
                stack.take(direction, now, len);
                if len == 0 { break }
            };
            for (pause, bytes) in &pushes {
                now += pause;
                let mut left = &bytes[..];
                while !left.is_empty() {
                    let room = stack.room(direction);
                    let pushed = stack.push(direction, now, left);
                    prop_assert!(pushed >= room.min(left.len()));
                    wanted.extend_from_slice(&left[..pushed]);
                    left = &left[pushed..];
                    if pushed == 0 {
                        now = stack.deadline_ns(direction, now).unwrap_or(now);
                    }
                    drain(&mut stack, now);
                }
            }
            stack.end(direction, now);
            // A deadline is that of what was not ready at the last look.
            drain(&mut stack, now);
            while !stack.is_over(direction, now) {
                let deadline_ns = stack.deadline_ns(direction, now);
                prop_assert!(deadline_ns > Some(now), "nothing would ever end it");
                now = deadline_ns.unwrap_or(now);
                drain(&mut stack, now);
            }
            prop_assert_eq!(stack.held(direction), 0);
            prop_assert_eq!(got, wanted);
        }
    }
}

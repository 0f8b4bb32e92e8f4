//! A delay line: what the protocol writes reaches the socket later, and what the socket has reaches
//! the protocol later, each after the delay of the path.
//!
//! A pure layer: a driver pushes bytes in, and takes them when they are released.

use crate::net::delay_queue::DelayQueue;
use crate::net::layer::{LayerBuffer, StreamLayer};
use crate::record::Direction;
use crate::time::Delay;
use std::rc::Rc;

/// Records how late delayed bytes were.
pub(crate) trait DelayErrors {
    /// A piece was released at `now_ns`, `error_ns` later than it should have been. Time in which
    /// the socket accepts nothing or the client does not read is included.
    fn record(&self, now_ns: u64, error_ns: u64);
}

/// Records nothing.
#[cfg(test)]
impl DelayErrors for () {
    fn record(&self, _now_ns: u64, _error_ns: u64) {}
}

/// The delay line of one connection.
pub(crate) struct DelayLine {
    /// Of each direction.
    queues: [DelayQueue; 2],
    handshake_ns: u64,
    errors: Rc<dyn DelayErrors>,
}

impl DelayLine {
    /// The line of a client's `connection`-th connection.
    pub(crate) fn new(
        delay: &Delay,
        client: u32,
        connection: u32,
        errors: Rc<dyn DelayErrors>,
    ) -> DelayLine {
        let mut up = delay.draws(client, connection, Direction::Up);
        let mut down = delay.draws(client, connection, Direction::Down);
        DelayLine {
            handshake_ns: up.next_ns().saturating_add(down.next_ns()),
            queues: [up, down].map(DelayQueue::new),
            errors,
        }
    }
    /// How long SYN and SYN-ACK take, in nanoseconds.
    pub(crate) fn handshake_ns(&self) -> u64 {
        self.handshake_ns
    }
    fn queue(&mut self, direction: Direction) -> &mut DelayQueue {
        &mut self.queues[direction as usize]
    }
}

impl StreamLayer for DelayLine {
    fn buffer(&mut self) -> Option<&mut dyn LayerBuffer> {
        Some(self)
    }
}

impl LayerBuffer for DelayLine {
    fn room(&mut self, direction: Direction) -> usize {
        self.queue(direction).room()
    }
    fn push(&mut self, direction: Direction, now_ns: u64, bytes: &[u8]) -> usize {
        self.queue(direction).push(now_ns, bytes)
    }
    fn end(&mut self, direction: Direction, now_ns: u64) {
        self.queue(direction).end(now_ns);
    }
    fn ready(&mut self, direction: Direction, now_ns: u64) -> &[u8] {
        self.queue(direction).released(now_ns)
    }
    fn take(&mut self, direction: Direction, now_ns: u64, len: usize) {
        let queue = &mut self.queues[direction as usize];
        queue.take(now_ns, len, |late_ns| self.errors.record(now_ns, late_ns));
    }
    fn is_over(&mut self, direction: Direction, now_ns: u64) -> bool {
        self.queue(direction).is_over(now_ns)
    }
    fn deadline_ns(&mut self, direction: Direction, now_ns: u64) -> Option<u64> {
        self.queue(direction).next_ns().filter(|next_ns| *next_ns > now_ns)
    }
    fn held(&mut self, direction: Direction) -> u64 {
        self.queue(direction).len() as u64
    }
    fn discard(&mut self, direction: Direction) -> u64 {
        self.queue(direction).clear() as u64
    }
}

impl std::fmt::Debug for DelayLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DelayLine")
            .field("held", &self.queues.each_ref().map(DelayQueue::len))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::JitterDistribution;
    use std::cell::RefCell;

    #[derive(Default)]
    struct RecordedErrors(RefCell<Vec<u64>>);

    impl DelayErrors for RecordedErrors {
        fn record(&self, _: u64, error_ns: u64) {
            self.0.borrow_mut().push(error_ns);
        }
    }

    #[test]
    fn bytes_wait_in_each_direction_and_lateness_is_recorded() {
        let delay =
            Delay { one_way_ns: 100, jitter_ns: 0, law: JitterDistribution::Uniform, seed: 1 };
        let errors = Rc::new(RecordedErrors::default());
        let mut line = DelayLine::new(&delay, 0, 0, errors.clone());
        assert_eq!(line.handshake_ns(), 200);
        assert_eq!(line.push(Direction::Up, 10, b"up"), 2);
        assert_eq!(line.push(Direction::Down, 20, b"down"), 4);
        line.end(Direction::Down, 25);
        assert_eq!(line.ready(Direction::Up, 109), b"");
        assert_eq!(line.held(Direction::Up), 2);
        assert_eq!(line.deadline_ns(Direction::Up, 109), Some(110));
        line.take(Direction::Up, 117, 2);
        assert_eq!(line.deadline_ns(Direction::Up, 117), None);
        assert_eq!(line.ready(Direction::Down, 120), b"down");
        line.take(Direction::Down, 120, 4);
        assert_eq!(line.deadline_ns(Direction::Down, 120), Some(125));
        assert!(!line.is_over(Direction::Down, 124) && line.is_over(Direction::Down, 125));
        assert_eq!(*errors.0.borrow(), [7, 0]);
    }
}

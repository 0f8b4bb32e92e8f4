//! The account of one connection: the bytes that the meter counted, split by phase and compared
//! with what the kernel counted.

use crate::client::context::ThreadContext;
use crate::net::Connection;
use crate::net::linux::tcp_info;
use crate::net::meter::Meter;
use crate::record::{Part, Phase, TcpReading, TcpTotals};
use std::rc::Rc;

/// Bytes that moved over a socket.
#[derive(Debug, Clone, Copy, Default)]
pub struct MovedBytes {
    /// To the server.
    pub up: u64,
    /// From the server.
    pub down: u64,
}

/// The account of one connection.
pub struct ConnectionAccount {
    thread: Rc<ThreadContext>,
    meter: Rc<Meter>,
    phase: Phase,
    last: TcpReading,
    /// Bytes that are in the ledger already.
    counted: MovedBytes,
    /// Both sides have ended TCP, this one first.
    ended: bool,
}

impl ConnectionAccount {
    /// Opens the account of a stream.
    pub fn new(stream: &Connection, thread: Rc<ThreadContext>, phase: Phase) -> ConnectionAccount {
        ConnectionAccount {
            thread,
            meter: stream.meter(),
            phase,
            last: TcpReading::default(),
            counted: MovedBytes::default(),
            ended: false,
        }
    }

    /// The thread whose recorder it writes to.
    pub fn thread(&self) -> &Rc<ThreadContext> {
        &self.thread
    }

    /// The phase to which the connection's bytes belong.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Begins another phase: what the kernel counted until now belongs to the last one.
    pub fn enter(&mut self, phase: Phase, stream: &Connection) {
        if phase != self.phase {
            if let Ok(now) = tcp_info::read(stream.socket()) {
                self.add_segments(&now);
            }
            self.phase = phase;
            stream.enter(phase);
        }
    }

    fn add_segments(&mut self, now: &TcpReading) {
        self.thread.add_segments(self.phase, TcpTotals::between(&self.last, now));
        self.last = *now;
    }

    /// Returns the bytes that moved since the last call and are not counted otherwise. The caller
    /// adds them to the ledger.
    #[inline]
    pub fn take_moved(&mut self) -> MovedBytes {
        let all = MovedBytes { up: self.meter.written(), down: self.meter.read() };
        let moved = MovedBytes {
            up: all.up.saturating_sub(self.counted.up),
            down: all.down.saturating_sub(self.counted.down),
        };
        self.counted = all;
        moved
    }

    /// Notes that the caller has added these bytes to the ledger.
    #[inline]
    pub fn counted(&mut self, up: u64, down: u64) {
        self.counted.up += up;
        self.counted.down += down;
    }

    /// Closes the account of a connection that could not be set up: all that it moved is discarded.
    pub fn close_failed(&mut self, stream: &Connection) {
        stream.drain();
        let MovedBytes { up, down } = self.take_moved();
        self.add_discarded(up, down);
        self.close(stream);
    }

    /// Adds the bytes written and read of messages that were cut.
    pub fn discard(&mut self, up: u64, down: u64) {
        self.counted(up, down);
        self.add_discarded(up, down);
    }

    fn add_discarded(&self, up: u64, down: u64) {
        self.thread.add_bytes(self.phase, |ledger| {
            for (flow, bytes) in [(&mut ledger.up, up), (&mut ledger.down, down)] {
                flow.wire += bytes;
                flow[Part::Discarded] += bytes;
            }
        });
    }

    /// Notes that this side ended TCP and then the other, whose end was read. The state of the
    /// socket does not show it any more.
    pub fn both_ended(&mut self) {
        self.ended = true;
    }

    /// Closes the account, before the stream is closed: reads the kernel's counts for the last time
    /// and compares. Bytes that had arrived and were not read are added as discarded. Bytes that
    /// the meter counted and nobody added to the ledger are added as wire bytes of the phase; they
    /// show as unexplained.
    pub fn close(&mut self, stream: &Connection) {
        let unread = stream.drain();
        let mut audit = self.thread.audit.get();
        match tcp_info::read(stream.socket()) {
            Err(_) => audit.unaudited += 1,
            Ok(mut now) => {
                let ended = self.ended || self.meter.has_ended();
                if ended && !now.fin_received {
                    // The peer's FIN is counted as a byte, see `tcp_info`; after a reset the
                    // socket's state does not show it.
                    now.bytes_received = now.bytes_received.saturating_sub(1);
                    now.fin_received = true;
                }
                let kernel_up = now.bytes_sent - now.bytes_retrans;
                let off = kernel_up.abs_diff(self.meter.written())
                    + now.bytes_received.abs_diff(self.meter.read());
                audit.connections += 1;
                audit.mismatched += u64::from(off > 0);
                audit.unexplained_bytes += off;
                self.add_segments(&now);
                self.phase = self.thread.closing_phase(self.phase);
                if !self.ended {
                    self.thread.add_segments(self.phase, TcpTotals::closing(&now));
                }
            }
        }
        self.thread.audit.set(audit);
        let MovedBytes { up, down } = self.take_moved();
        let mut recorder = self.thread.recorder.borrow_mut();
        let ledger = &mut recorder.at(self.phase).ledger;
        ledger.up.wire += up;
        if stream.unsent() > 0 {
            // A delay line kept the rest of the message that these bytes began.
            ledger.up[Part::Discarded] += up;
        }
        ledger.down.wire += down;
        // What a delay line still had may be in the ledger already, with an error.
        ledger.down[Part::Discarded] += unread.min(down);
    }
}

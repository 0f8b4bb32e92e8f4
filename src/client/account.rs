//! The books of one connection: what the meter counted, split by phase, against what the kernel
//! counted.

use crate::client::context::ThreadContext;
use crate::net::Metered;
use crate::net::linux::tcp_info;
use crate::net::meter::Meter;
use crate::record::{Phase, TcpReading, TcpTotals};
use std::rc::Rc;

/// The books of one connection.
pub struct ConnectionAccount {
    thread: Rc<ThreadContext>,
    meter: Rc<Meter>,
    phase: Phase,
    last: TcpReading,
    booked_up: u64,
    booked_down: u64,
    /// Both sides have ended TCP, this one first.
    ended: bool,
}

impl ConnectionAccount {
    /// Opens the books of a stream.
    pub fn new(stream: &Metered, thread: Rc<ThreadContext>, phase: Phase) -> ConnectionAccount {
        ConnectionAccount {
            thread,
            meter: stream.meter(),
            phase,
            last: TcpReading::default(),
            booked_up: 0,
            booked_down: 0,
            ended: false,
        }
    }

    /// The thread whose recorder it writes to.
    pub fn thread(&self) -> &Rc<ThreadContext> {
        &self.thread
    }

    /// The phase to which the connection's segments are booked.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Goes to another phase: what the kernel counted until now belongs to the last one.
    pub fn enter(&mut self, phase: Phase, stream: &Metered) {
        if phase != self.phase {
            if let Ok(now) = tcp_info::read(stream.socket()) {
                self.book_segments(&now);
            }
            self.phase = phase;
            stream.enter(phase);
        }
    }

    fn book_segments(&mut self, now: &TcpReading) {
        self.add(TcpTotals::between(&self.last, now));
        self.last = *now;
    }

    fn add(&self, totals: TcpTotals) {
        let mut tcp = self.thread.tcp.get();
        tcp[self.phase] += totals;
        self.thread.tcp.set(tcp);
    }

    /// Bytes read from and written to the socket since the last call: (up, down).
    #[inline]
    pub fn moved(&mut self) -> (u64, u64) {
        let (up, down) = (self.meter.written(), self.meter.read());
        let moved = (up.saturating_sub(self.booked_up), down.saturating_sub(self.booked_down));
        (self.booked_up, self.booked_down) = (up, down);
        moved
    }

    /// Says that these bytes have been booked frame by frame.
    #[inline]
    pub fn booked(&mut self, up: u64, down: u64) {
        self.booked_up += up;
        self.booked_down += down;
    }

    /// Ends a connection that never came to be of use: all that it moved is discarded.
    pub fn failed(&mut self, stream: &Metered) {
        stream.drain();
        let (up, down) = self.moved();
        let mut recorder = self.thread.recorder.borrow_mut();
        let ledger = &mut recorder.at(self.phase).ledger;
        ledger.up.wire += up;
        ledger.up.discarded += up;
        ledger.down.wire += down;
        ledger.down.discarded += down;
        drop(recorder);
        self.close(stream);
    }

    /// Books bytes that were read and are of no use: a message that was cut.
    pub fn discard_down(&mut self, bytes: u64) {
        self.booked(0, bytes);
        let mut recorder = self.thread.recorder.borrow_mut();
        let down = &mut recorder.at(self.phase).ledger.down;
        down.wire += bytes;
        down.discarded += bytes;
    }

    /// Says that TCP was ended by this side and then by the other, whose end was read: the socket
    /// has left the states that tell so.
    pub fn ended(&mut self) {
        self.ended = true;
    }

    /// Books bytes that were written and are of no use: a message that was cut.
    pub fn discard_up(&mut self, bytes: u64) {
        self.booked(bytes, 0);
        let mut recorder = self.thread.recorder.borrow_mut();
        let up = &mut recorder.at(self.phase).ledger.up;
        up.wire += bytes;
        up.discarded += bytes;
    }

    /// Closes the books, before the stream is closed: asks the kernel for the last time and
    /// compares. What had come and was never read is booked as discarded. What the meter
    /// counted and nobody booked is booked as wire bytes of the phase, where it shows as
    /// unexplained.
    pub fn close(&mut self, stream: &Metered) {
        let unread = stream.drain();
        let mut audit = self.thread.audit.get();
        match tcp_info::read(stream.socket()) {
            Err(_) => audit.unaudited += 1,
            Ok(mut now) => {
                let ended = self.ended || self.meter.has_ended();
                if ended && !now.fin_received {
                    // The peer's FIN is counted as a byte, see `tcp_info`; after a reset the
                    // socket's state does not tell of it.
                    now.bytes_received = now.bytes_received.saturating_sub(1);
                    now.fin_received = true;
                }
                let kernel_up = now.bytes_sent - now.bytes_retrans;
                let off = kernel_up.abs_diff(self.meter.written())
                    + now.bytes_received.abs_diff(self.meter.read());
                audit.connections += 1;
                audit.mismatched += u64::from(off > 0);
                audit.unexplained_bytes += off;
                self.book_segments(&now);
                self.phase = self.thread.closing_phase(self.phase);
                if !self.ended {
                    self.add(TcpTotals::closing(&now));
                }
            }
        }
        self.thread.audit.set(audit);
        let (up, down) = self.moved();
        let mut recorder = self.thread.recorder.borrow_mut();
        let ledger = &mut recorder.at(self.phase).ledger;
        ledger.up.wire += up;
        if stream.unsent() > 0 {
            // A delay line kept the rest of what these bytes began.
            ledger.up.discarded += up;
        }
        ledger.down.wire += down;
        // What a delay line still had may be booked already, with a fault.
        ledger.down.discarded += unread.min(down);
    }
}

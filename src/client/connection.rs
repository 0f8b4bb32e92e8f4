//! The connection of a client and its account: the bytes that moved over the socket, split by phase
//! and compared with what the kernel counted.

use crate::client::context::ThreadContext;
use crate::net::counted_stream::CountedStream;
use crate::net::layer::TlsBytes;
use crate::net::polled_stream::PolledStream;
use crate::record::{Ledger, Part, Phase, TcpReading, TcpTotals};
use std::rc::Rc;

/// What is read of a connection at its end at most if the kernel cannot say how much it has: a server
/// may send without end.
const MOST_DRAINED_BYTES: u64 = 1 << 20;

/// Bytes that moved over a socket.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MovedBytes {
    /// To the server.
    pub up: u64,
    /// From the server.
    pub down: u64,
}

/// A connection and its account, which is closed when it is dropped.
pub(crate) struct ClientConnection<S: CountedStream = PolledStream> {
    /// The stream.
    pub stream: S,
    thread: Rc<ThreadContext>,
    phase: Phase,
    last: TcpReading,
    /// Bytes that are in the ledger already.
    counted: MovedBytes,
    /// The same of TLS, if the stream has it; boxed, because most have none.
    counted_tls: Option<Box<TlsBytes>>,
    /// This side ended TCP and then the other, whose end was read.
    both_ended: bool,
}

impl<S: CountedStream> ClientConnection<S> {
    /// Opens the account of a stream.
    pub(crate) fn new(stream: S, thread: Rc<ThreadContext>, phase: Phase) -> ClientConnection<S> {
        ClientConnection {
            stream,
            thread,
            phase,
            last: TcpReading::default(),
            counted: MovedBytes::default(),
            counted_tls: None,
            both_ended: false,
        }
    }

    /// The stream has TLS: its bytes are counted with those of the protocol, in the same phase.
    pub(crate) fn with_tls(mut self) -> ClientConnection<S> {
        self.counted_tls = Some(Box::default());
        self
    }

    /// Adds the bytes of TLS that have moved since the last time to the ledger of a phase.
    #[inline]
    pub(crate) fn count_tls(&mut self, phase: Phase) {
        if let Some(counted_tls) = &mut self.counted_tls {
            let all = self.stream.tls();
            let counted = std::mem::replace(&mut **counted_tls, all);
            if all != counted {
                self.thread.add_bytes(phase, |ledger| {
                    ledger.up.add(Part::Tls, all.up - counted.up);
                    ledger.down.add(Part::Tls, all.down - counted.down);
                });
            }
        }
    }

    /// Reads some of its memory; see [`Session::touch`](crate::client::Session).
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.counted.down ^ self.stream.delivered() ^ u64::from(self.both_ended)
    }

    /// Begins another phase: what the kernel counted until now belongs to the last one.
    pub(crate) fn enter(&mut self, phase: Phase) {
        if phase != self.phase {
            self.count_tls(self.phase);
            if let Ok(now) = self.stream.counts() {
                self.add_segments(&now);
            }
            self.phase = phase;
            self.stream.enter(phase);
        }
    }

    fn add_segments(&mut self, now: &TcpReading) {
        self.thread.add_segments(self.phase, TcpTotals::between(&self.last, now));
        self.last = *now;
    }

    /// Returns the bytes that were written to the socket and received by the client since the last
    /// call, and are not counted otherwise. The caller adds them to the ledger.
    #[inline]
    pub(crate) fn take_moved(&mut self) -> MovedBytes {
        let all = MovedBytes { up: self.stream.written(), down: self.stream.delivered() };
        let moved = MovedBytes {
            up: all.up.saturating_sub(self.counted.up),
            down: all.down.saturating_sub(self.counted.down),
        };
        self.counted = all;
        self.count_tls(self.phase);
        moved
    }

    /// The same of received bytes alone.
    #[inline]
    pub(crate) fn take_received(&mut self) -> u64 {
        let down = self.stream.delivered().saturating_sub(self.counted.down);
        self.counted.down += down;
        self.count_tls(self.phase);
        down
    }

    /// Returns the received bytes that are not in the ledger.
    pub(crate) fn uncounted_down(&self) -> u64 {
        self.stream.delivered().saturating_sub(self.counted.down)
    }

    /// The phase to which what moves belongs.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Adds bytes that moved to the ledger of a phase. The caller says which parts they are; `wire`
    /// is their sum.
    #[inline]
    pub(crate) fn count_in(&mut self, phase: Phase, add: impl FnOnce(&mut Ledger)) {
        let mut recorder = self.thread.recorder.borrow_mut();
        let ledger = &mut recorder.at(phase).ledger;
        let before = (ledger.up.wire.get(), ledger.down.wire.get());
        add(ledger);
        self.counted.up += ledger.up.wire.get() - before.0;
        self.counted.down += ledger.down.wire.get() - before.1;
        drop(recorder);
        self.count_tls(phase);
    }

    /// Counts control frames received and sent, in the current phase.
    pub(crate) fn count_control_frames(&self, down: u64, up: u64) {
        self.thread.count_control_frames(self.phase, down, up);
    }

    /// Adds bytes of messages that were cut, in the current phase.
    pub(crate) fn count_cut(&mut self, up: u64, down: u64) {
        self.count_in(self.phase, |ledger| {
            ledger.up.add(Part::Discarded, up);
            ledger.down.add(Part::Discarded, down);
        });
    }

    /// Notes that this side ended TCP and then the other, whose end was read. The state of the
    /// socket does not show it any more.
    pub(crate) fn note_both_ended(&mut self) {
        // TLS ends before TCP does.
        self.both_ended = self.stream.has_ended();
    }

    /// Discards all that was moved and is not in the ledger: the connection was not set up.
    pub(crate) fn discard_all(&mut self) {
        let all = MovedBytes { up: self.stream.written(), down: self.stream.delivered() };
        self.count_cut(all.up - self.counted.up, all.down - self.counted.down);
    }

    /// Reads the kernel's counts for the last time and compares. Bytes that had arrived and were
    /// not read are added as discarded. Bytes that were counted at the socket and nobody added to
    /// the ledger are added as wire bytes of the phase; they show as unexplained.
    fn close(&mut self) {
        let mut audit = self.thread.audit.get();
        match self.stream.counts() {
            Err(_) => {
                self.stream.drain(self.stream.read() + MOST_DRAINED_BYTES);
                audit.refused += 1;
            }
            Ok(mut now) => {
                // What the kernel has by now and no more: a server may send without end.
                self.stream.drain(now.bytes_received);
                // An end that nobody has read yet is seen here.
                // Nothing is left to be read by now: if the kernel has received one more on a connection that was
                // reset, that is the end before the reset.
                let reset_after_end =
                    self.stream.has_failed() && now.bytes_received == self.stream.read() + 1;
                let ended = self.both_ended || self.stream.has_ended() || reset_after_end;
                if ended && !now.fin_received {
                    // The peer's FIN is counted as a byte, see `tcp_info`; after a reset the
                    // socket's state does not show it.
                    now.bytes_received = now.bytes_received.saturating_sub(1);
                    now.fin_received = true;
                }
                let sent = now.bytes_sent.saturating_sub(now.bytes_retrans) + now.bytes_unsent;
                let written = self.stream.written_to_socket();
                // After a reset the kernel has dropped what it had not sent.
                let off_up = if self.stream.has_failed() {
                    sent.saturating_sub(written)
                } else {
                    sent.abs_diff(written)
                };
                let off = off_up + now.bytes_received.abs_diff(self.stream.read());
                audit.connections += 1;
                audit.mismatched += u64::from(off > 0);
                audit.unexplained_bytes += off;
                self.add_segments(&now);
                self.phase = self.thread.closing_phase(self.phase);
                if !self.both_ended && !self.stream.has_failed() {
                    self.thread.add_segments(self.phase, TcpTotals::closing(&now));
                }
            }
        }
        self.thread.audit.set(audit);
        let MovedBytes { up, down } = self.take_moved();
        let tls = self.counted_tls.as_deref().copied().unwrap_or_default();
        // Of TLS, what is in no whole record.
        let unreceived = self.stream.read() - self.stream.delivered() - tls.down;
        let cut_records = self.stream.written_to_socket() - self.stream.written() - tls.up;
        let cut = self.stream.unsent() > 0;
        self.thread.add_bytes(self.phase, |ledger| {
            ledger.up.wire += up;
            if cut {
                // The rest of the message that these bytes began was never sent.
                ledger.up[Part::Discarded] += up;
            }
            ledger.down.wire += down;
            ledger.up.add(Part::Discarded, cut_records);
            ledger.down.add(Part::Discarded, unreceived);
        });
    }
}

impl<S: CountedStream> Drop for ClientConnection<S> {
    fn drop(&mut self) {
        self.close();
    }
}

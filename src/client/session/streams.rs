//! What a session does over HTTP/2: a client with what came of its stream, and a carrier with what its clients want.

use super::Session;
use crate::client::http2::{AnswerEvent, Carrier, Http2Role, StreamAddress, stream_of};
use crate::client::machine::Next;
use crate::client::stage::{Stage, StageEnd};
use crate::client::surroundings::Surroundings;
use crate::record::ClientError;

impl Session {
    /// The carrier, if it is the session of one.
    pub(crate) fn carrier(&self) -> Option<&Carrier> {
        match self.http2.as_deref() {
            Some(Http2Role::Carrier(carrier)) => Some(carrier),
            _ => None,
        }
    }

    /// Clients have something for the connection that this session carries.
    pub(crate) fn serve_streams(&mut self, around: &mut Surroundings<'_>) {
        let Some(Http2Role::Carrier(carrier)) = self.http2.as_deref() else { return };
        let wanted = carrier.begin_serving();
        let unused = carrier.is_unused();
        self.begin_phase(around.now_ns);
        match self.stage {
            Stage::Idle if unused => return self.end(),
            Stage::Open => self.with_machine(around.now_ns, |machine, io| machine.serve(io)),
            Stage::Idle if wanted && !self.control.stopping => self.connect(around),
            _ => {}
        }
        self.advance(around);
    }

    /// Something happened to the client's stream.
    pub(crate) fn stream_event(
        &mut self,
        around: &mut Surroundings<'_>,
        address: StreamAddress,
        event: AnswerEvent<'_>,
    ) {
        self.begin_phase(around.now_ns);
        match (&self.stage, event) {
            (Stage::Awaiting, AnswerEvent::Opened) => {
                self.stage = Stage::Open;
                self.core.note_place();
                self.begin(around);
            }
            (Stage::Awaiting, AnswerEvent::Failed(error)) => {
                self.stage = Stage::Idle;
                self.core.fault(self.control.phase, error);
                self.lost(around.now_ns, StageEnd::Failed);
            }
            (Stage::Open, AnswerEvent::Ended(error)) => {
                // The connection's end, which names no stream, ends whatever the client has.
                if stream_of(&mut self.http2).is_some_and(|stream| stream.note_end_of(address)) {
                    self.stream_ended(around, error);
                }
            }
            (stage, AnswerEvent::Answer(frame)) => {
                let is_open = matches!(stage, Stage::Open);
                let Session { http2, core, control, .. } = self;
                let Some(stream) = stream_of(http2) else { return };
                if stream.take_frame(address, &frame, is_open, core, control.phase) {
                    self.let_read(around.now_ns, |machine, io| machine.answer(io, frame));
                    if frame.ends() {
                        self.leave_draining(around);
                    }
                }
            }
            (Stage::Open, AnswerEvent::Draining) => self.leave_draining(around),
            // Until now the next turn had to wait for the server, which did not read.
            (_, AnswerEvent::Unblocked) => self.able_ns = self.able_ns.max(around.now_ns),
            // It has left the connection, or waits for another one.
            (
                _,
                AnswerEvent::Opened
                | AnswerEvent::Failed(_)
                | AnswerEvent::Ended(_)
                | AnswerEvent::Draining,
            ) => {}
        }
        self.advance(around);
    }

    /// Leaves a connection on which it has no stream and cannot have another one: to the client it has closed.
    fn leave_draining(&mut self, around: &mut Surroundings<'_>) {
        let is_stranded = stream_of(&mut self.http2).is_some_and(|stream| stream.is_stranded());
        if is_stranded && self.control.next == Next::Keep {
            self.with_machine(around.now_ns, |machine, io| machine.ended(io, None));
        }
    }

    /// Its stream has ended. A request that the server has not begun with is sent again at once, on another connection if
    /// this one takes no more (RFC 9113 §8.7): a client that takes turns sees to that itself. If that is refused, too,
    /// it is an error.
    fn stream_ended(&mut self, around: &mut Surroundings<'_>, error: Option<ClientError>) {
        let is_refused = error.is_some_and(ClientError::is_not_begun_with);
        let is_pushed = self.policy.turns.is_none() && !self.control.stopping;
        if is_refused
            && is_pushed
            && stream_of(&mut self.http2).is_some_and(|stream| stream.note_refusal())
        {
            self.core.count_resent(self.control.phase);
            self.close_connection(around.now_ns);
            self.core.unready(true);
            self.able_ns = around.now_ns;
            return self.connect(around);
        }
        self.with_machine(around.now_ns, |machine, io| machine.ended(io, error));
    }
}

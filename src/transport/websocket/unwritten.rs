//! The frames of a client that were sent and have not reached the socket whole: their bytes are
//! counted when they have.

use crate::record::{Flow, Phase};
use std::collections::VecDeque;

/// In the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct UnwrittenFrames(VecDeque<UnwrittenFrame>);

#[derive(Debug)]
struct UnwrittenFrame {
    /// The bytes of the connection up to its end.
    until: u64,
    phase: Phase,
    flow: Flow,
}

impl UnwrittenFrames {
    /// Adds a frame that ends with the connection's byte number `until`.
    pub(super) fn push(&mut self, until: u64, phase: Phase, flow: Flow) {
        self.0.push_back(UnwrittenFrame { until, phase, flow });
    }
    /// Takes the first frame out if `written` bytes have it whole; returns what to count, and where.
    pub(super) fn pop_written(&mut self, written: u64) -> Option<(Phase, Flow)> {
        self.0.front().filter(|frame| frame.until <= written)?;
        self.0.pop_front().map(|frame| (frame.phase, frame.flow))
    }
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

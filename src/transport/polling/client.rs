//! What both engines share: what is done with a response, and when.

use super::engine_raw::Raw;
use super::engine_reqwest::Reqwest;
use super::params::{Engine, Params};
use crate::clock::now_ns;
use crate::feed::Stamp;
use crate::pacing::Turn;
use crate::record::{Fault, FaultKind, Ledger, Metric, Phase};
use crate::transport::http::Parts;
use crate::transport::{Client, Driver, Target};
use std::rc::Rc;

/// Attempts to set up a client before it is given up.
pub const SET_UP_ATTEMPTS: u32 = 4;
/// Between two of them.
pub const SET_UP_PAUSE_NS: u64 = 250_000_000;

/// The engine that the settings name.
pub fn driver(params: &Params, target: &Target) -> Result<Rc<dyn Driver>, String> {
    Ok(match params.engine {
        Engine::Raw => Rc::new(Raw::new(params, target)),
        Engine::Reqwest => Rc::new(Reqwest::new(params, target)?),
    })
}

/// The newest update that a client has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen(Option<u64>);

/// One exchange that came to its end.
pub struct Exchange<'a> {
    /// The turn that caused it.
    pub turn: Turn,
    /// The moment of sending.
    pub sent_ns: u64,
    /// Its status.
    pub status: u16,
    /// The beginning of the body.
    pub body: &'a [u8],
}

impl Seen {
    /// Counts a finished exchange: completion, latencies, and what the update is to the client.
    pub fn finish(&mut self, client: &Client, exchange: &Exchange) {
        let done_ns = now_ns();
        let phase = exchange.turn.phase;
        if exchange.status != 200 {
            client.fault(phase, Fault::with(FaultKind::Status, i32::from(exchange.status)));
            return;
        }
        client.thread.event();
        let mut recorder = client.thread.recorder.borrow_mut();
        recorder.at(phase).counts.completed += 1;
        recorder.since(phase, Metric::ResponseLatency, exchange.turn.intended_ns, done_ns);
        recorder.since(phase, Metric::ServiceTime, exchange.sent_ns, done_ns);
        let Some(stamp) = Stamp::read(client.thread.payload, exchange.body) else {
            recorder.at(phase).counts.unstamped += 1;
            recorder.at(phase).counts.messages += 1;
            return;
        };
        match self.0 {
            Some(last) if stamp.sequence <= last => {
                recorder.at(phase).counts.repeated += 1;
            }
            last => {
                let counts = &mut recorder.at(phase).counts;
                counts.messages += 1;
                counts.superseded += last.map_or(0, |last| stamp.sequence - last - 1);
                self.0 = Some(stamp.sequence);
                // What was published before the client looked for the first time was not waited
                // for: its age is no delivery latency.
                if last.is_some() {
                    recorder.since(phase, Metric::DeliveryLatency, stamp.published_ns, done_ns);
                }
            }
        }
    }
}

/// Books the bytes of an exchange. Where it failed, what came belongs to no layer above the wire
/// and is booked as discarded.
pub fn book(
    client: &Client,
    phase: Phase,
    (up, down): (u64, u64),
    request: (u64, u64),
    parts: Option<Parts>,
) {
    let mut recorder = client.thread.recorder.borrow_mut();
    let ledger: &mut Ledger = &mut recorder.at(phase).ledger;
    ledger.up.wire += up;
    ledger.down.wire += down;
    match parts {
        Some(parts) => {
            ledger.up.heads += request.0;
            ledger.up.head_chars += request.1;
            ledger.down.heads += parts.heads;
            ledger.down.head_chars += parts.head_chars;
            ledger.down.framing += parts.framing;
            ledger.down.payload += parts.payload;
        }
        None => {
            ledger.up.discarded += up;
            ledger.down.discarded += down;
        }
    }
}

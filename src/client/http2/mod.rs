//! Clients over HTTP/2: each is a session without a socket, which has a stream of a connection at a time. The
//! connection is a session of its own, the *carrier*, which one client or several share.
//!
//! A client's machine sees what came of its stream as [`AnswerFrame`](crate::protocol::answer_input::AnswerFrame),
//! and sends through its [`StreamLink`]. Between the two are queues of the thread, see [`Http2Queues`]: the engine
//! passes on what is in them after each event, so that no session calls another.

mod carrier;
mod carrier_session;
mod queues;
mod role;
mod stream_link;

pub(crate) use carrier::Carrier;
pub(crate) use carrier_session::{CarrierPool, successor_session};
pub(crate) use queues::{AnswerEvent, Http2Queues, StreamAddress};
pub(crate) use role::{Http2Role, stream_of};
pub(crate) use stream_link::StreamLink;

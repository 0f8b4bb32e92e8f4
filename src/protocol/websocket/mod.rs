//! WebSocket (RFC 6455): frames as bytes.

pub(crate) mod codec;
pub(crate) mod frame_scanner;

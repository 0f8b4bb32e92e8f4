//! WebSocket (RFC 6455): frames as bytes.

pub(crate) mod codec;
pub(crate) mod deflate_coder;
pub(crate) mod deflate_offer;
pub(crate) mod frame_scanner;

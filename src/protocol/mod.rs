//! Protocols as bytes: parsers and renderers without sockets, clocks or a runtime.
//!
//! Every parser gives the same result however its input is cut, and has a fuzz target.

pub(crate) mod answer_input;
pub(crate) mod client_data;
pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod json_pointer;
pub(crate) mod message;
pub(crate) mod sse;
pub(crate) mod template;
pub(crate) mod websocket;

//! A request as it is sent, and what it is on the wire.

use crate::protocol::http1::chars_without_line_ends;
use crate::protocol::http2::fields::PreparedFields;
use crate::protocol::http2::message::{CONNECT, request_fields};
use crate::record::{Flow, Part};

/// The size of an HTTP head. The body of a poll belongs to it: it says what is asked for.
///
/// Each client has one of the request that is under way, so that it is small.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeadSize {
    /// Its bytes.
    pub bytes: u64,
    /// Less than 4 GiB, as is the next.
    chars: u32,
    framing: u32,
}

impl HeadSize {
    /// A head of so many bytes with so many characters without line ends, and bytes around it: the headers of its
    /// frames over HTTP/2.
    pub(crate) fn new(bytes: u64, chars: u64, framing: u64) -> HeadSize {
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        HeadSize { bytes, chars: small(chars), framing: small(framing) }
    }

    /// Measures a head.
    pub(crate) fn of(head: &[u8]) -> HeadSize {
        HeadSize::new(head.len() as u64, chars_without_line_ends(head), 0)
    }

    /// Characters without line ends.
    pub(crate) fn chars(self) -> u64 {
        self.chars.into()
    }

    /// What it is on the wire.
    pub(crate) fn wire_bytes(self) -> u64 {
        self.bytes + u64::from(self.framing)
    }

    /// Adds the head to the parts of a flow.
    pub(crate) fn add_to(self, flow: &mut Flow) {
        flow[Part::Heads] += self.bytes;
        flow[Part::Framing] += u64::from(self.framing);
        flow.head_chars += self.chars();
    }
}

/// A request as bytes of HTTP/1.1, and as fields if it goes over HTTP/2.
#[derive(Debug, Clone, Default)]
pub(crate) struct RenderedRequest {
    /// The head, and the body if there is one.
    pub bytes: Vec<u8>,
    /// Their size over HTTP/1.1.
    pub size: HeadSize,
    /// How many of them are the head.
    head_bytes: usize,
    fields: Option<Box<PreparedFields>>,
}

impl RenderedRequest {
    /// A request whose first `head_bytes` bytes are its head. `tls` is whether it goes over TLS, if it goes over
    /// HTTP/2.
    pub(super) fn new((bytes, head_bytes): (Vec<u8>, usize), tls: Option<bool>) -> RenderedRequest {
        let fields = tls.and_then(|tls| request_fields(&bytes[..head_bytes], tls));
        RenderedRequest {
            size: HeadSize::of(&bytes),
            head_bytes,
            fields: fields.map(|fields| Box::new(PreparedFields::new(fields))),
            bytes,
        }
    }

    /// Its fields and its body, if it goes over HTTP/2.
    pub(crate) fn http2(&self) -> Option<(&PreparedFields, &[u8])> {
        Some((self.fields.as_deref()?, &self.bytes[self.head_bytes..]))
    }

    /// Whether its stream becomes a connection of another protocol, if it goes over HTTP/2.
    pub(crate) fn connects(&self) -> bool {
        self.fields.as_ref().is_some_and(|fields| {
            fields.iter().next().is_some_and(|(_, method, _)| method == CONNECT)
        })
    }

    pub(super) fn has_body(&self) -> bool {
        self.head_bytes < self.bytes.len()
    }

    /// Returns the bytes of the request with further fields at the end of its head; it has no body.
    pub(super) fn with_fields(&self, more: &[u8]) -> (Vec<u8>, usize) {
        let mut bytes = self.bytes.clone();
        // A head ends with an empty line: the fields go before it.
        bytes.truncate(bytes.len().saturating_sub(2));
        bytes.extend_from_slice(more);
        bytes.extend_from_slice(b"\r\n");
        let head_bytes = bytes.len();
        (bytes, head_bytes)
    }
}

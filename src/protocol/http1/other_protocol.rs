//! Other protocols than HTTP/1.1, by the first bytes that their servers send.

/// A protocol that is known by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherProtocol {
    /// TLS (RFC 8446 §5.1).
    Tls,
    /// HTTP/2 (RFC 9113 §3.4).
    Http2,
    /// SSH (RFC 4253 §4.2).
    Ssh,
}

/// What first bytes are the beginning of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstBytes {
    /// Of this protocol.
    Of(OtherProtocol),
    /// The bytes to come decide.
    Open,
    /// Of none that is known.
    OfNone,
}

/// The first bytes of each: the values that each byte may have; of none, it may have any.
const FIRST_BYTES: [(OtherProtocol, &[&[u8]]); 3] = [
    // A record that is an alert or a handshake, version 3.x.
    (OtherProtocol::Tls, &[&[0x15, 0x16], &[3]]),
    // A SETTINGS frame: its length, its type, its flags, and stream 0.
    (OtherProtocol::Http2, &[&[0], &[0], &[], &[4], &[0, 1], &[0], &[0], &[0], &[0]]),
    // An identification string.
    (OtherProtocol::Ssh, &[b"S", b"S", b"H", b"-"]),
];

impl OtherProtocol {
    /// Returns the protocol whose first bytes these are, however many of them have come.
    pub(crate) fn of_bytes(bytes: &[u8]) -> FirstBytes {
        let fits = |form: &[&[u8]]| {
            form.iter().zip(bytes).all(|(values, byte)| values.is_empty() || values.contains(byte))
        };
        match FIRST_BYTES.iter().find(|(_, form)| fits(form)) {
            Some((protocol, form)) if bytes.len() >= form.len() => FirstBytes::Of(*protocol),
            Some(_) => FirstBytes::Open,
            None => FirstBytes::OfNone,
        }
    }
}

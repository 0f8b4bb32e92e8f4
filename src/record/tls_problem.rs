//! What can go wrong with TLS, as small values that can be counted.

/// Why a connection with TLS cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsProblem {
    /// Nobody who is trusted has signed the server's certificate.
    UnknownIssuer = 1,
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not begun.
    NotValidYet,
    /// The certificate is for another name.
    WrongName,
    /// The certificate was revoked.
    Revoked,
    /// The certificate cannot be one of a server, or cannot be read.
    BadCertificate,
    /// What came is not TLS.
    NoTls,
    /// Both sides have no version, algorithm or protocol in common.
    Incompatible,
    /// The connection ended within the handshake.
    EarlyEnd,
    /// The handshake took too long.
    Timeout,
    /// The peer has broken the protocol.
    Malformed,
    /// The stream ended without close_notify within something that ends with it.
    Truncated,
    /// The certificate is that of an authority, and not one that is trusted itself.
    OfAuthority,
}

impl TlsProblem {
    pub(super) const ALL: [(TlsProblem, &'static str); 13] = [
        (
            TlsProblem::UnknownIssuer,
            "nobody who is trusted has signed the server's certificate; name its authority by \
             tls.ca, or take insecure = true",
        ),
        (TlsProblem::Expired, "the server's certificate has expired"),
        (TlsProblem::NotValidYet, "the server's certificate is not valid yet; check the clocks"),
        (
            TlsProblem::WrongName,
            "the server's certificate is for another name than the URL's; give the right one by \
             tls.sni",
        ),
        (TlsProblem::Revoked, "the server's certificate was revoked"),
        (TlsProblem::BadCertificate, "the server's certificate cannot be used"),
        (
            TlsProblem::NoTls,
            "the server does not use TLS; check the port, or write http:// or ws://",
        ),
        (
            TlsProblem::Incompatible,
            "the server offers no version, algorithm or protocol that the client has",
        ),
        (TlsProblem::EarlyEnd, "the server closed the connection within the TLS handshake"),
        (TlsProblem::Timeout, "the TLS handshake did not end within the limit"),
        (TlsProblem::Malformed, "the server sent malformed TLS"),
        (
            TlsProblem::Truncated,
            "an answer that ends with its connection was cut: TLS was not closed in order",
        ),
        (
            TlsProblem::OfAuthority,
            "the server's certificate is that of an authority (CA:TRUE), as \"openssl req -x509\" makes \
             it; name its file by tls.ca, or take insecure = true",
        ),
    ];
    pub(crate) fn of(code: i32) -> Option<TlsProblem> {
        TlsProblem::ALL.iter().map(|(one, _)| *one).find(|one| *one as i32 == code)
    }
    pub(super) fn sentence(self) -> &'static str {
        TlsProblem::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, text)| text)
    }
    /// Whether the server will fail in the same way again.
    pub(super) fn is_for_good(self) -> bool {
        !matches!(self, TlsProblem::EarlyEnd | TlsProblem::Timeout | TlsProblem::Truncated)
    }
}

/// Returns what an alert says (RFC 8446 §6, RFC 7301 §3.2).
pub(super) fn alert_name(code: i32) -> &'static str {
    match code {
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => "unknown",
    }
}

//! What can go wrong with TLS, as small values that can be counted.

coded! {
    /// Why a connection with TLS cannot be used.
    pub(crate) enum TlsProblem {
        /// Nobody who is trusted has signed the server's certificate.
        UnknownIssuer =
            "nobody who is trusted has signed the server's certificate; name its authority by \
            tls.ca, or take insecure = true (with wsbench try --ca or --insecure)",
        /// The certificate's time is over.
        Expired = "the server's certificate has expired",
        /// The certificate's time has not begun.
        NotValidYet = "the server's certificate is not valid yet; check the clocks",
        /// The certificate is for another name.
        WrongName =
            "the server's certificate is for another name than the URL's; give the right one by \
            tls.sni",
        /// The certificate was revoked.
        Revoked = "the server's certificate was revoked",
        /// The certificate cannot be one of a server, or cannot be read.
        BadCertificate = "the server's certificate cannot be used",
        /// What came is not TLS.
        NoTls = "the server does not use TLS; check the port, or write http:// or ws://",
        /// Both sides have no version, algorithm or protocol in common.
        Incompatible = "the server offers no version, algorithm or protocol that the client has",
        /// The connection ended within the handshake.
        EarlyEnd = "the server closed the connection within the TLS handshake",
        /// The handshake took too long.
        Timeout = "the TLS handshake did not end within the limit",
        /// The peer has broken the protocol.
        Malformed = "the server sent malformed TLS",
        /// The stream ended without close_notify within something that ends with it.
        Truncated = "an answer that ends with its connection was cut: TLS was not closed in order",
        /// The certificate is that of an authority, and not one that is trusted itself.
        OfAuthority =
            "the server's certificate is that of an authority (CA:TRUE), as \"openssl req -x509\" makes \
            it; name its file by tls.ca, or take insecure = true (with wsbench try --ca or --insecure)",
        /// The server has asked for a certificate, got none, and closed without an alert.
        CertificateWanted =
            "the server asked for a client certificate, got none, and closed the connection; name one by \
            tls.cert and tls.key",
        /// The peer has broken the protocol once the handshake was over.
        MalformedLater = "the server sent malformed TLS after the handshake",
    }
}

impl TlsProblem {
    /// Whether the server will fail in the same way again.
    pub(super) fn is_for_good(self) -> bool {
        !matches!(
            self,
            TlsProblem::EarlyEnd
                | TlsProblem::Timeout
                | TlsProblem::Truncated
                | TlsProblem::CertificateWanted
                | TlsProblem::MalformedLater
        )
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

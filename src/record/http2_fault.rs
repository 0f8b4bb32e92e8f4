//! What is wrong with a server's HTTP/2 (RFC 9113), as small values that can be counted.

coded! {
    /// What is wrong. The value is the code of the error in files.
    pub(crate) enum Http2Fault {
        /// The first frame is not SETTINGS.
        NoSettings = "the server did not begin HTTP/2 with SETTINGS (RFC 9113, 3.4)",
        /// A frame is longer than the client takes.
        LongFrame = "the server sent a frame that is longer than the client takes (RFC 9113, 4.2)",
        /// A frame has a length that its type does not allow.
        FrameLength = "the server sent a frame of a length that its type does not allow (RFC 9113, 4.2)",
        /// A frame of a stream names none, or the reverse.
        Stream = "the server sent a frame on stream 0 that belongs to a stream, or the reverse (RFC 9113, 5.1.1)",
        /// A frame names a stream that the client has not opened.
        IdleStream = "the server sent a frame on a stream that the client has not opened (RFC 9113, 5.1)",
        /// A header block is interrupted, or goes on without a beginning.
        Continuation = "the server interrupted a header block, or went on with none (RFC 9113, 6.10)",
        /// A header block cannot be read.
        Compression = "the server sent a header block that cannot be decoded (RFC 7541)",
        /// A list of fields is larger than the client takes.
        LongFields = "the server sent more fields than the client takes (RFC 9113, 6.5.2)",
        /// More came than a window had room for, or a window became too large.
        Window = "the server sent more than a flow-control window had room for, or made one too large (RFC 9113, 6.9)",
        /// A setting has a value that is not allowed.
        SettingValue = "the server sent a setting with a value that is not allowed (RFC 9113, 6.5.2)",
        /// There is as much padding as payload, or more.
        Padding = "the server sent a frame with more padding than it has bytes (RFC 9113, 6.1)",
        /// A pushed request, which the client has refused.
        Push = "the server pushed a request, which the client has refused (RFC 9113, 8.4)",
        /// An answer is malformed.
        Message = "the server sent an answer whose fields or frames are in no allowed order (RFC 9113, 8.1)",
        /// The server did not choose HTTP/2 in the TLS handshake.
        NotNegotiated =
            "the server did not choose HTTP/2 in the TLS handshake (ALPN \"h2\"); take HTTP/1.1: leave out http_version or --http2",
        /// The server does not take WebSocket over HTTP/2.
        NoConnectProtocol =
            "the server does not take WebSocket over HTTP/2: it has not sent SETTINGS_ENABLE_CONNECT_PROTOCOL \
            (RFC 8441, 3); take HTTP/1.1: leave out http_version or --http2",
        /// The body of an answer has another length than its head says.
        BodyLength =
            "the server sent an answer whose body is not as long as its content-length or its status says \
            (RFC 9113, 8.1.1)",
        /// A field has a name or a value that is not allowed.
        Field =
            "the server sent a field that HTTP/2 does not allow: a name of upper case, one of a connection such as \
            \"connection\", or a value with the end of a line (RFC 9113, 8.2)",
        /// An answer with status 101.
        SwitchedProtocols = "the server answered with status 101, which HTTP/2 does not have (RFC 9113, 8.6)",
        /// A frame names a stream that the server had ended.
        ClosedStream = "the server went on with a stream that it had ended (RFC 9113, 5.1)",
        /// A window is enlarged by nothing.
        Increment = "the server enlarged a flow-control window by 0 (RFC 9113, 6.9)",
        /// It asks for more acknowledgements than it reads.
        Unread =
            "the server sent SETTINGS or PING again and again and did not read their acknowledgements \
            (RFC 9113, 10.5)",
    }
}

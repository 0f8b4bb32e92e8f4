//! The ways of getting live data to a client that reports know.

named! {
    /// A transport that a report says something of: what the chapter says of it, what its messages are,
    /// and what to do if they cannot be told apart. A transport that is none of them is reported as any.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum TransportKind {
        /// A request each interval, answered at once.
        Polling = "polling",
        /// A request that is held until there is an update.
        LongPolling = "long-polling",
        /// A response that never ends.
        Streaming = "streaming",
        /// A response that never ends, of events (`text/event-stream`).
        ServerSentEvents = "sse",
        /// A connection that is upgraded (RFC 6455).
        WebSocket = "websocket",
        /// No network: the floor.
        Null = "null",
    }
}

impl TransportKind {
    /// Returns the one that has this name in files; `None` for a transport that is added to these.
    pub fn named(name: &str) -> Option<TransportKind> {
        TransportKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

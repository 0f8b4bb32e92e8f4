//! What is wrong with the frames of a WebSocket server (RFC 6455 §5), as small values that can be
//! counted.

coded! {
    /// What is wrong with a frame. The value is the code of the error in files.
    pub(crate) enum FrameFault {
        /// A reserved bit is set, and no extension was negotiated that has it.
        ReservedBit =
            "the server set a reserved bit in a frame, and no extension was negotiated that has it (RFC 6455, 5.2)",
        /// An opcode that is not defined.
        UnknownOpcode = "the server sent a frame with an opcode that is not defined (RFC 6455, 5.2)",
        /// A control frame of more than 125 bytes.
        LongControlFrame = "the server sent a control frame of more than 125 bytes (RFC 6455, 5.5)",
        /// A control frame in fragments.
        FragmentedControlFrame = "the server sent a control frame in fragments (RFC 6455, 5.5)",
        /// A continuation of nothing.
        NothingToContinue =
            "the server sent a continuation frame without a message to continue (RFC 6455, 5.4)",
        /// A new message before the last one is whole.
        UnfinishedMessage = "the server began a message before its last one was whole (RFC 6455, 5.4)",
        /// A mask, which only frames of clients have.
        Masked = "the server masked a frame (RFC 6455, 5.1)",
        /// A length with its highest bit set.
        BadLength = "the server sent a frame whose length has its highest bit set (RFC 6455, 5.2)",
        /// Text that is not UTF-8.
        BadUtf8 = "the server sent a text message that is not UTF-8 (RFC 6455, 8.1)",
        /// A Close frame of one byte, or with a code that must not be sent.
        BadCloseCode =
            "the server sent a Close frame with half a code, or one that must not be sent (RFC 6455, 7.4)",
        /// A frame or message that is larger than a library takes.
        TooLarge = "the server sent a frame or message that is larger than the engine \"tungstenite\" takes",
        /// A frame that was announced and did not end in time.
        Unfinished = "the server announced a frame that did not end in time",
        /// A length that is not written in the fewest bytes.
        LongLength =
            "the server sent a frame whose length is not written in the fewest bytes (RFC 6455, 5.2)",
        /// A Close frame whose reason is not UTF-8.
        BadCloseReason = "the server sent a Close frame whose reason is not UTF-8 (RFC 6455, 5.5.1)",
        /// A compressed message that is not what its compression says.
        BadDeflate =
            "the server sent a compressed message that cannot be read (permessage-deflate, RFC 7692, 7.2.2)",
    }
}

impl FrameFault {
    /// The code with which the connection is closed (RFC 6455 §7.4.1).
    pub(crate) fn close_code(self) -> u16 {
        match self {
            FrameFault::BadUtf8 | FrameFault::BadCloseReason | FrameFault::BadDeflate => 1007,
            FrameFault::TooLarge => 1009,
            FrameFault::Unfinished => 1008,
            _ => 1002,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_sentence_of_its_own() {
        for (fault, code) in FrameFault::ALL.into_iter().zip(1..) {
            assert_eq!((fault.code(), FrameFault::of(code)), (code, Some(fault)));
            let text = fault.sentence();
            let of_frames = !matches!(fault, FrameFault::TooLarge | FrameFault::Unfinished);
            assert_eq!(text.contains("RFC 6455") || text.contains("RFC 7692"), of_frames, "{text}");
        }
        assert_eq!(FrameFault::BadUtf8.close_code(), 1007);
        assert_eq!(FrameFault::Masked.close_code(), 1002);
    }
}

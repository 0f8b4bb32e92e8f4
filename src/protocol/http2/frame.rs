//! Frames of HTTP/2 (RFC 9113 §4 and §6).

/// What a client sends first (RFC 9113 §3.4).
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The header of each frame.
pub(crate) const FRAME_HEADER_BYTES: usize = 9;
/// The longest payload that a side takes unless its settings say otherwise.
pub(crate) const DEFAULT_FRAME_BYTES: u32 = 16_384;
/// A flow-control window unless the settings say otherwise.
pub(crate) const DEFAULT_WINDOW: u32 = 65_535;
/// The largest flow-control window.
pub(crate) const LARGEST_WINDOW: i64 = (1 << 31) - 1;

/// The types of frames that mean anything to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameType {
    /// Bytes of a body.
    Data,
    /// A header block, or its beginning.
    Headers,
    /// Deprecated: a priority.
    Priority,
    /// The end of a stream by an error.
    ResetStream,
    /// Settings, or their acknowledgement.
    Settings,
    /// A request that the server makes itself.
    PushPromise,
    /// A question whether the peer is there, or the answer.
    Ping,
    /// The end of a connection.
    GoAway,
    /// More room for bytes of bodies.
    WindowUpdate,
    /// A header block goes on.
    Continuation,
    /// Something else, which is ignored (RFC 9113 §5.5).
    Other(u8),
}

impl FrameType {
    fn of_byte(byte: u8) -> FrameType {
        match byte {
            0 => FrameType::Data,
            1 => FrameType::Headers,
            2 => FrameType::Priority,
            3 => FrameType::ResetStream,
            4 => FrameType::Settings,
            5 => FrameType::PushPromise,
            6 => FrameType::Ping,
            7 => FrameType::GoAway,
            8 => FrameType::WindowUpdate,
            9 => FrameType::Continuation,
            other => FrameType::Other(other),
        }
    }

    fn byte(self) -> u8 {
        match self {
            FrameType::Data => 0,
            FrameType::Headers => 1,
            FrameType::Priority => 2,
            FrameType::ResetStream => 3,
            FrameType::Settings => 4,
            FrameType::PushPromise => 5,
            FrameType::Ping => 6,
            FrameType::GoAway => 7,
            FrameType::WindowUpdate => 8,
            FrameType::Continuation => 9,
            FrameType::Other(byte) => byte,
        }
    }
}

/// Flags of frames.
pub(crate) mod flags {
    /// Of DATA and HEADERS: the sender's last frame of the stream.
    pub(crate) const END_STREAM: u8 = 0x1;
    /// Of SETTINGS and PING: an acknowledgement.
    pub(crate) const ACK: u8 = 0x1;
    /// Of HEADERS and CONTINUATION: the block's last frame.
    pub(crate) const END_HEADERS: u8 = 0x4;
    /// Of DATA and HEADERS: there is padding.
    pub(crate) const PADDED: u8 = 0x8;
    /// Of HEADERS: there is a priority.
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Http2FrameHeader {
    /// Bytes behind the header.
    pub length: u32,
    /// The type.
    pub kind: FrameType,
    /// See [`flags`].
    pub flags: u8,
    /// The stream, 0 for the connection.
    pub stream: u32,
}

impl Http2FrameHeader {
    /// Reads a header.
    pub(crate) fn read(bytes: &[u8; FRAME_HEADER_BYTES]) -> Http2FrameHeader {
        let [a, b, c, kind, flags, stream @ ..] = *bytes;
        Http2FrameHeader {
            length: u32::from_be_bytes([0, a, b, c]),
            kind: FrameType::of_byte(kind),
            flags,
            // The first bit means nothing.
            stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
        }
    }

    /// Appends the header.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let Http2FrameHeader { length, kind, flags, stream } = self;
        out.extend_from_slice(&length.to_be_bytes()[1..]);
        out.extend_from_slice(&[kind.byte(), flags]);
        out.extend_from_slice(&stream.to_be_bytes());
    }

    /// Whether a flag is set.
    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Settings of a side (RFC 9113 §6.5.2, RFC 8441 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http2Setting {
    /// The largest table that its decoder has for the other side's fields, in bytes.
    HeaderTableSize(u32),
    /// Whether it takes pushed requests.
    EnablePush(u32),
    /// How many streams the other side may have open.
    MaxConcurrentStreams(u32),
    /// The window of each new stream for what the other side sends.
    InitialWindowSize(u32),
    /// The longest payload of a frame that it takes.
    MaxFrameSize(u32),
    /// The largest list of fields that it takes.
    MaxHeaderListSize(u32),
    /// Whether a server takes a CONNECT with `:protocol`.
    EnableConnectProtocol(u32),
    /// Something else, which is ignored.
    Other(u16, u32),
}

/// The bytes of a setting.
pub(crate) const SETTING_BYTES: usize = 6;

impl Http2Setting {
    /// Reads a setting.
    pub(crate) fn read(bytes: &[u8; SETTING_BYTES]) -> Http2Setting {
        let [id_high, id_low, value @ ..] = *bytes;
        let value = u32::from_be_bytes(value);
        match u16::from_be_bytes([id_high, id_low]) {
            1 => Http2Setting::HeaderTableSize(value),
            2 => Http2Setting::EnablePush(value),
            3 => Http2Setting::MaxConcurrentStreams(value),
            4 => Http2Setting::InitialWindowSize(value),
            5 => Http2Setting::MaxFrameSize(value),
            6 => Http2Setting::MaxHeaderListSize(value),
            8 => Http2Setting::EnableConnectProtocol(value),
            other => Http2Setting::Other(other, value),
        }
    }

    /// Appends the setting.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let (id, value): (u16, u32) = match self {
            Http2Setting::HeaderTableSize(value) => (1, value),
            Http2Setting::EnablePush(value) => (2, value),
            Http2Setting::MaxConcurrentStreams(value) => (3, value),
            Http2Setting::InitialWindowSize(value) => (4, value),
            Http2Setting::MaxFrameSize(value) => (5, value),
            Http2Setting::MaxHeaderListSize(value) => (6, value),
            Http2Setting::EnableConnectProtocol(value) => (8, value),
            Http2Setting::Other(id, value) => (id, value),
        };
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Why a stream or a connection ends (RFC 9113 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ErrorCode(pub u32);

impl ErrorCode {
    /// As it should.
    pub(crate) const NO_ERROR: ErrorCode = ErrorCode(0);
    /// The peer does what the protocol does not allow.
    pub(crate) const PROTOCOL_ERROR: ErrorCode = ErrorCode(1);
    /// The peer sends more than there is room for.
    pub(crate) const FLOW_CONTROL_ERROR: ErrorCode = ErrorCode(3);
    /// The peer goes on with a stream that it had ended.
    pub(crate) const STREAM_CLOSED: ErrorCode = ErrorCode(5);
    /// A frame has a length that its type does not allow.
    pub(crate) const FRAME_SIZE_ERROR: ErrorCode = ErrorCode(6);
    /// The server has not begun with the request: it may be sent again.
    pub(crate) const REFUSED_STREAM: ErrorCode = ErrorCode(7);
    /// Nobody wants the answer any more.
    pub(crate) const CANCEL: ErrorCode = ErrorCode(8);
    /// A header block cannot be read.
    pub(crate) const COMPRESSION_ERROR: ErrorCode = ErrorCode(9);
    /// The peer makes too much work.
    pub(crate) const ENHANCE_YOUR_CALM: ErrorCode = ErrorCode(11);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_nine_bytes_and_comes_back() {
        let header = Http2FrameHeader {
            length: 0x01_02_03,
            kind: FrameType::Headers,
            flags: flags::END_HEADERS | flags::END_STREAM,
            stream: 0x7fff_fffd,
        };
        let mut out = Vec::new();
        header.write(&mut out);
        assert_eq!(out, [1, 2, 3, 1, 5, 0x7f, 0xff, 0xff, 0xfd]);
        let mut bytes: [u8; 9] = out.try_into().unwrap();
        assert_eq!(Http2FrameHeader::read(&bytes), header);
        // A reserved bit means nothing.
        bytes[5] |= 0x80;
        assert_eq!(Http2FrameHeader::read(&bytes), header);
    }

    #[test]
    fn types_and_settings_come_back() {
        for byte in 0..=255 {
            assert_eq!(FrameType::of_byte(byte).byte(), byte);
        }
        for id in 0..12_u16 {
            let mut bytes = [0, 0, 0x80, 1, 2, 3];
            bytes[..2].copy_from_slice(&id.to_be_bytes());
            let mut out = Vec::new();
            Http2Setting::read(&bytes).write(&mut out);
            assert_eq!(out, bytes);
        }
    }
}

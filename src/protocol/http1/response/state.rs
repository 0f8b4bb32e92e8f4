//! How far a response has been read, and what is around the data of its chunks (RFC 9112 §7.1).

/// The most bytes of a chunk's size line, and of a trailer section: as many as hyper reads.
pub(crate) const CHUNK_LINE_LIMIT: u16 = 16 * 1024;

/// How far a response has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Within its head.
    Head,
    /// So many bytes of body are to come.
    Length(u64),
    /// Within a chunk's size line: the size so far, and how far the line has come.
    ChunkSize(u64, SizeLine),
    /// Within a chunk's data.
    ChunkData(u64),
    /// The CR LF after a chunk's data: bytes of it still to come.
    ChunkEnd(u8),
    /// Within the trailer section: whether its line is not empty, and the bytes of the section.
    Trailer { in_field: bool, bytes: u16 },
    /// The body ends with the connection.
    UntilClose,
    /// The body comes in frames of HTTP/2.
    Frames,
    /// The same, and the head has said how many bytes are to come still.
    FramesOf(u64),
    /// It is whole.
    Done,
}

/// How far a chunk's size line has come, with its bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SizeLine {
    Empty,
    Digits(u16),
    /// Within what stands behind the digits.
    Extension(u16),
}

/// Why what is around chunks cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FramingFault {
    /// It is no such framing.
    Malformed,
    /// It is longer than [`CHUNK_LINE_LIMIT`].
    Long,
}

impl State {
    /// Returns the state after one byte of chunked framing.
    pub(super) fn after(self, byte: u8) -> Result<State, FramingFault> {
        use SizeLine::{Digits, Empty, Extension};
        Ok(match (self, byte) {
            (State::ChunkSize(size, Digits(_) | Extension(_)), b'\n') => match size {
                0 => State::Trailer { in_field: false, bytes: 0 },
                size => State::ChunkData(size),
            },
            (State::ChunkSize(size, Extension(n)), _) => {
                State::ChunkSize(size, Extension(one_more(n)?))
            }
            (State::ChunkSize(size, Digits(n)), b'\r' | b';' | b' ' | b'\t') => {
                State::ChunkSize(size, Extension(one_more(n)?))
            }
            (State::ChunkSize(size, Digits(n)), _) => {
                State::ChunkSize(with_digit(size, byte)?, Digits(one_more(n)?))
            }
            (State::ChunkSize(size, Empty), _) => {
                State::ChunkSize(with_digit(size, byte)?, Digits(1))
            }
            (State::ChunkEnd(2), b'\r') => State::ChunkEnd(1),
            (State::ChunkEnd(_), b'\n') => State::ChunkSize(0, Empty),
            (State::ChunkEnd(_), _) => return Err(FramingFault::Malformed),
            (State::Trailer { in_field: false, .. }, b'\n') => State::Done,
            (State::Trailer { in_field, bytes }, _) => State::Trailer {
                in_field: byte != b'\n' && (in_field || byte != b'\r'),
                bytes: one_more(bytes)?,
            },
            (state, _) => state,
        })
    }
}

/// Returns a chunk's size with one digit more.
fn with_digit(size: u64, byte: u8) -> Result<u64, FramingFault> {
    let digit = char::from(byte).to_digit(16).ok_or(FramingFault::Malformed)?;
    let size = size.checked_mul(16).ok_or(FramingFault::Malformed)?;
    size.checked_add(digit.into()).ok_or(FramingFault::Malformed)
}

/// Returns the length with one byte more.
fn one_more(bytes: u16) -> Result<u16, FramingFault> {
    if bytes < CHUNK_LINE_LIMIT { Ok(bytes + 1) } else { Err(FramingFault::Long) }
}

//! What comes of an answer, whatever the version of HTTP: bytes, or what a frame brought.

use crate::protocol::http2::fields::FieldList;

/// Something of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerInput<'a> {
    /// Bytes of HTTP/1.1, cut anywhere.
    Bytes(&'a [u8]),
    /// A frame of HTTP/2, or what has come of one.
    Frame(AnswerFrame<'a>),
}

/// What a frame of HTTP/2 brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFrame<'a> {
    /// The fields of an answer, of an interim answer, or of a trailer section.
    Fields(AnswerFields<'a>),
    /// Bytes of a body.
    Body(AnswerBody<'a>),
}

/// The fields of an answer, or of what precedes or follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerFields<'a> {
    /// The fields.
    pub(crate) fields: &'a FieldList,
    /// The status; 0 for a trailer section.
    pub status: u16,
    /// Bytes of the header block.
    pub block_bytes: u64,
    /// Bytes around it.
    pub framing_bytes: u64,
    /// Whether the answer ends with them.
    pub ends: bool,
}

/// Bytes of the body of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerBody<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Bytes around them.
    pub framing_bytes: u64,
    /// Whether they are the last of their frame.
    pub frame_ends: bool,
    /// Whether the answer ends with them.
    pub ends: bool,
}

impl AnswerFrame<'_> {
    /// Whether the answer ends with it.
    pub(crate) fn ends(&self) -> bool {
        match self {
            AnswerFrame::Fields(fields) => fields.ends,
            AnswerFrame::Body(body) => body.ends,
        }
    }
    /// What came over the connection for it, in bytes.
    pub(crate) fn wire_bytes(&self) -> u64 {
        match self {
            AnswerFrame::Fields(fields) => fields.block_bytes + fields.framing_bytes,
            AnswerFrame::Body(body) => body.bytes.len() as u64 + body.framing_bytes,
        }
    }
}

impl<'a> AnswerInput<'a> {
    /// How much it is: bytes, or one frame.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            AnswerInput::Bytes(bytes) => bytes.len(),
            AnswerInput::Frame(_) => 1,
        }
    }
    /// Whether there is nothing.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// What is left once so much of it was read.
    #[inline]
    pub(crate) fn rest(self, used: usize) -> AnswerInput<'a> {
        match self {
            AnswerInput::Bytes(bytes) => AnswerInput::Bytes(&bytes[used..]),
            AnswerInput::Frame(_) if used == 0 => self,
            AnswerInput::Frame(_) => AnswerInput::Bytes(&[]),
        }
    }
    /// Bytes to show of it.
    pub(crate) fn shown(self) -> &'a [u8] {
        match self {
            AnswerInput::Bytes(bytes) => bytes,
            AnswerInput::Frame(AnswerFrame::Body(body)) => body.bytes,
            AnswerInput::Frame(AnswerFrame::Fields(_)) => &[],
        }
    }
}

impl<'a> From<&'a [u8]> for AnswerInput<'a> {
    fn from(bytes: &'a [u8]) -> AnswerInput<'a> {
        AnswerInput::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for AnswerInput<'a> {
    fn from(bytes: &'a [u8; N]) -> AnswerInput<'a> {
        AnswerInput::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for AnswerInput<'a> {
    fn from(bytes: &'a Vec<u8>) -> AnswerInput<'a> {
        AnswerInput::Bytes(bytes)
    }
}

impl<'a> From<AnswerFrame<'a>> for AnswerInput<'a> {
    fn from(frame: AnswerFrame<'a>) -> AnswerInput<'a> {
        AnswerInput::Frame(frame)
    }
}

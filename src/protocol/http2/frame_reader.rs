//! Cuts what comes over a connection into frames, in whatever pieces it comes.
//!
//! Bytes of bodies are passed on as they come. Any other frame is short, and is passed on whole; it is copied
//! only if it came in pieces.

use crate::protocol::http2::Http2Problem;
use crate::protocol::http2::frame::{
    DEFAULT_FRAME_BYTES, FRAME_HEADER_BYTES, FrameType, Http2FrameHeader, flags,
};

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FramePiece<'a> {
    /// A frame and its payload.
    Whole(Http2FrameHeader, &'a [u8]),
    /// Bytes of a DATA frame without padding.
    Data(DataPiece<'a>),
}

/// Bytes of a DATA frame without padding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DataPiece<'a> {
    /// The frame's header.
    pub header: Http2FrameHeader,
    /// The bytes; empty only if the frame has none.
    pub bytes: &'a [u8],
    /// Whether they are the frame's first.
    pub first: bool,
    /// Whether they are the frame's last.
    pub last: bool,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Http2FrameReader {
    /// The beginning of the next frame's header.
    header: [u8; FRAME_HEADER_BYTES],
    header_bytes: u8,
    /// The frame whose payload is awaited.
    current: Option<CurrentFrame>,
    /// The beginning of its payload.
    held: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct CurrentFrame {
    header: Http2FrameHeader,
    /// Bytes of its payload that are to come.
    left: u32,
}

impl CurrentFrame {
    /// Whether its bytes are passed on as they come.
    fn flows(&self) -> bool {
        self.header.kind == FrameType::Data && !self.header.has(flags::PADDED)
    }
}

impl Http2FrameReader {
    /// Reads the beginning of `bytes`, which are not empty. Returns how much of them was read, and what it was;
    /// `None` if it is the beginning of something. To be called again with the rest.
    ///
    /// # Errors
    /// If a frame is longer than this side takes.
    pub(crate) fn read<'a>(
        &'a mut self,
        bytes: &'a [u8],
    ) -> Result<(usize, Option<FramePiece<'a>>), Http2Problem> {
        let mut used = 0;
        if self.current.is_none() {
            used = self.read_header(bytes)?;
        }
        let Some(CurrentFrame { header, left }) = self.current else { return Ok((used, None)) };
        let there = (left as usize).min(bytes.len() - used);
        let payload = &bytes[used..used + there];
        used += there;
        let last = there == left as usize;
        let flows = self.current.as_ref().is_some_and(CurrentFrame::flows);
        self.current = (!last).then_some(CurrentFrame { header, left: left - there as u32 });
        if flows {
            if payload.is_empty() && !last {
                return Ok((used, None));
            }
            let first = left == header.length;
            let piece = DataPiece { header, bytes: payload, first, last };
            return Ok((used, Some(FramePiece::Data(piece))));
        }
        if left == header.length {
            // Memory of the last frame that came in pieces is not kept: most clients have none.
            self.held = Vec::new();
            if last {
                return Ok((used, Some(FramePiece::Whole(header, payload))));
            }
        }
        self.held.extend_from_slice(payload);
        Ok((used, last.then_some(FramePiece::Whole(header, &self.held))))
    }

    /// Reads a header, or its next bytes. Returns how many these were.
    fn read_header(&mut self, bytes: &[u8]) -> Result<usize, Http2Problem> {
        let had = usize::from(self.header_bytes);
        let more = bytes.len().min(FRAME_HEADER_BYTES - had);
        self.header[had..had + more].copy_from_slice(&bytes[..more]);
        self.header_bytes += more as u8;
        if had + more < FRAME_HEADER_BYTES {
            return Ok(more);
        }
        self.header_bytes = 0;
        let header = Http2FrameHeader::read(&self.header);
        if header.length > DEFAULT_FRAME_BYTES {
            return Err(Http2Problem::LongFrame);
        }
        self.current = Some(CurrentFrame { header, left: header.length });
        Ok(more)
    }

    /// Bytes that are the beginning of something: they were read and not passed on.
    pub(crate) fn pending(&self) -> u64 {
        let of_header = u64::from(self.header_bytes);
        let of_frame = self.current.as_ref().map_or(0, |current| {
            let passed_on = current.flows() && current.left < current.header.length;
            if passed_on { 0 } else { FRAME_HEADER_BYTES as u64 + self.held_bytes(current) }
        });
        of_header + of_frame
    }

    fn held_bytes(&self, current: &CurrentFrame) -> u64 {
        u64::from(current.header.length - current.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: FrameType, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Http2FrameHeader { length: payload.len() as u32, kind, flags, stream: 1 }.write(&mut out);
        out.extend_from_slice(payload);
        out
    }

    /// Frames with their payloads, joined from pieces.
    fn read_all(reader: &mut Http2FrameReader, cuts: &[&[u8]]) -> Vec<(FrameType, Vec<u8>, bool)> {
        let mut all: Vec<(FrameType, Vec<u8>, bool)> = Vec::new();
        for cut in cuts {
            let mut rest = *cut;
            while !rest.is_empty() {
                let (used, piece) = reader.read(rest).unwrap();
                match piece {
                    Some(FramePiece::Whole(header, payload)) => {
                        all.push((header.kind, payload.to_vec(), true));
                    }
                    Some(FramePiece::Data(piece)) => {
                        if piece.first {
                            all.push((piece.header.kind, Vec::new(), false));
                        }
                        let newest = all.last_mut().unwrap();
                        newest.1.extend_from_slice(piece.bytes);
                        newest.2 = piece.last;
                    }
                    None => {}
                }
                rest = &rest[used..];
            }
        }
        all
    }

    #[test]
    fn a_frame_longer_than_announced_is_refused() {
        let mut reader = Http2FrameReader::default();
        let header = [0, 0x40, 1, 0, 0, 0, 0, 0, 1];
        assert_eq!(reader.read(&header), Err(Http2Problem::LongFrame));
    }

    #[test]
    fn bytes_of_a_body_are_passed_on_as_they_come() {
        let mut reader = Http2FrameReader::default();
        let bytes = frame(FrameType::Data, 0, b"abc");
        assert_eq!(reader.read(&bytes[..9]), Ok((9, None)));
        assert_eq!(reader.pending(), 9);
        let (used, piece) = reader.read(&bytes[9..11]).unwrap();
        assert_eq!(used, 2);
        assert!(matches!(
            piece,
            Some(FramePiece::Data(DataPiece { bytes: b"ab", first: true, last: false, .. }))
        ));
        assert_eq!(reader.pending(), 0);
    }

    proptest! {
        #[test]
        fn frames_are_the_same_wherever_they_are_cut(
            frames in proptest::collection::vec(
                (0_u8..12, any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40)), 1..12),
            mut cuts in proptest::collection::vec(0_usize..300, 0..8),
        ) {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for (kind, flags, payload) in &frames {
                let mut header = [0; 9];
                header[2] = payload.len() as u8;
                header[3] = *kind;
                header[4] = *flags;
                bytes.extend_from_slice(&header);
                bytes.extend_from_slice(payload);
                expected.push((Http2FrameHeader::read(&header).kind, payload.clone(), true));
            }
            cuts.iter_mut().for_each(|cut| *cut = (*cut).min(bytes.len()));
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> =
                cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let mut reader = Http2FrameReader::default();
            prop_assert_eq!(read_all(&mut reader, &pieces), expected);
            prop_assert_eq!(reader.pending(), 0);
        }
    }
}

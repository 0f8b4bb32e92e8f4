//! What a client says of frames that break the protocol: of either engine the same.

use crate::client::core::ClientCore;
use crate::client::machine::Io;
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::websocket::codec::{FrameError, FrameReader, FrameUnderWay};
use crate::record::{FrameFault, Phase};
use crate::units::human_bytes;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};

/// A frame of more bytes is large: it must end within the client's time limit.
const LARGE_FRAME_BYTES: u64 = 1 << 20;

/// The large frame that is under way, by its number: it need not be kept, and it must end in time.
#[derive(Debug, Default)]
pub(super) struct LargeFrame(Option<u32>);

/// What has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LargeFrameChange {
    /// One has begun.
    Began,
    /// It has ended, and no other has begun.
    Ended,
}

impl LargeFrame {
    /// Notes which data frame is under way. Returns what has changed.
    #[inline]
    pub(super) fn note(&mut self, frame: Option<FrameUnderWay>) -> Option<LargeFrameChange> {
        let large = frame.filter(|frame| frame.announced > LARGE_FRAME_BYTES);
        let now = large.map(|frame| frame.number);
        let before = std::mem::replace(&mut self.0, now);
        match now {
            _ if now == before => None,
            Some(_) => Some(LargeFrameChange::Began),
            None => Some(LargeFrameChange::Ended),
        }
    }

    /// Limits the time of a large frame that has begun. `awaits` is true if the client waits for something
    /// that has a limit of its own.
    pub(super) fn watch(&mut self, reader: &FrameReader, awaits: bool, io: &mut Io<'_>) {
        match self.note(reader.frame_under_way()) {
            None => {}
            _ if awaits => {}
            Some(LargeFrameChange::Began) => io.begin_exchange(0),
            Some(LargeFrameChange::Ended) => io.end_exchange(),
        }
    }

    /// Counts that the large frame under way did not end in time. Returns false if there is none.
    pub(super) fn count_unfinished(
        &mut self,
        frame: Option<FrameUnderWay>,
        phase: Phase,
        core: &ClientCore,
    ) -> bool {
        let under_way = frame.filter(|_| self.0.take().is_some());
        let Some(FrameUnderWay { announced, came, .. }) = under_way else { return false };
        let text = unfinished(announced, came);
        core.refused(phase, FrameFault::Unfinished.error(), Some(text));
        true
    }
}

/// Returns what is to be said of an error of the reader besides.
pub(super) fn said_of_reader(error: FrameError) -> Option<Box<AnswerText>> {
    match error {
        FrameError::BadCloseCode(Some(code)) | FrameError::BadCloseReason(code) => {
            Some(said(&format!("its code is {code}")))
        }
        _ => None,
    }
}

/// Returns what an error of the reader is.
pub(super) fn of_reader(error: FrameError) -> FrameFault {
    match error {
        FrameError::ReservedBit => FrameFault::ReservedBit,
        FrameError::UnknownOpcode => FrameFault::UnknownOpcode,
        FrameError::LongControlFrame => FrameFault::LongControlFrame,
        FrameError::FragmentedControlFrame => FrameFault::FragmentedControlFrame,
        FrameError::NothingToContinue => FrameFault::NothingToContinue,
        FrameError::UnfinishedMessage => FrameFault::UnfinishedMessage,
        // No reader of a client misses a mask.
        FrameError::Masked | FrameError::NotMasked => FrameFault::Masked,
        FrameError::TooLarge => FrameFault::TooLarge,
        FrameError::BadLength => FrameFault::BadLength,
        FrameError::LongLength => FrameFault::LongLength,
        FrameError::BadUtf8 => FrameFault::BadUtf8,
        FrameError::BadDeflate => FrameFault::BadDeflate,
        FrameError::BadCloseCode(_) => FrameFault::BadCloseCode,
        FrameError::BadCloseReason(_) => FrameFault::BadCloseReason,
    }
}

/// Returns what an error of the library on an open connection is, with what is to be said of it; `None`
/// if it is none of frames. `of_control` is true if it has met it in a control frame.
pub(super) fn of_library(
    error: &Error,
    of_control: bool,
) -> Option<(FrameFault, Option<Box<AnswerText>>)> {
    let fault = match error {
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let size = human_bytes(*size as f64);
            let most = human_bytes(*max_size as f64);
            let text = format!("{size} were announced, and {most} is the limit");
            return Some((FrameFault::TooLarge, Some(said(&text))));
        }
        // Of control frames the reason of a Close alone is text.
        Error::Utf8(_) if of_control => FrameFault::BadCloseReason,
        Error::Utf8(_) => FrameFault::BadUtf8,
        Error::Protocol(error) => match error {
            ProtocolError::NonZeroReservedBits => FrameFault::ReservedBit,
            ProtocolError::InvalidOpcode(_)
            | ProtocolError::UnknownControlFrameType(_)
            | ProtocolError::UnknownDataFrameType(_) => FrameFault::UnknownOpcode,
            ProtocolError::ControlFrameTooBig => FrameFault::LongControlFrame,
            ProtocolError::FragmentedControlFrame => FrameFault::FragmentedControlFrame,
            ProtocolError::UnexpectedContinueFrame => FrameFault::NothingToContinue,
            ProtocolError::ExpectedFragment(_) => FrameFault::UnfinishedMessage,
            ProtocolError::MaskedFrameFromServer => FrameFault::Masked,
            ProtocolError::InvalidCloseSequence => FrameFault::BadCloseCode,
            _ => return None,
        },
        _ => return None,
    };
    Some((fault, None))
}

/// Says how long a frame was to be, and how much of it came.
fn unfinished(announced: u64, came: u64) -> Box<AnswerText> {
    let announced = human_bytes(announced as f64);
    let came = human_bytes(came as f64);
    said(&format!("{announced} were announced, and {came} of them came"))
}

fn said(text: &str) -> Box<AnswerText> {
    Box::new(AnswerText::of_bytes(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::protocol::WebSocket;
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

    /// Frames that break the protocol, and what they are to both engines.
    const BROKEN: [(&[u8], FrameFault); 10] = [
        (b"\xc1\x00", FrameFault::ReservedBit),
        (b"\x83\x00", FrameFault::UnknownOpcode),
        (b"\x09\x00", FrameFault::FragmentedControlFrame),
        (b"\x89\x7e\x00\x7e", FrameFault::LongControlFrame),
        (b"\x80\x00", FrameFault::NothingToContinue),
        (b"\x01\x00\x81\x00", FrameFault::UnfinishedMessage),
        (b"\x81\x81....a", FrameFault::Masked),
        (b"\x81\x01\xff", FrameFault::BadUtf8),
        (b"\x88\x01\x03", FrameFault::BadCloseCode),
        (b"\x88\x04\x03\xf5\xff\xfe", FrameFault::BadCloseReason),
    ];

    #[test]
    fn both_engines_say_the_same_of_broken_frames() {
        for (bytes, fault) in BROKEN {
            // Room for the payload of the longest.
            let bytes = [bytes, &[b'x'; 126]].concat();
            let raw = FrameReader::default().feed(&bytes, |_| {}).expect_err("it breaks the rules");
            assert_eq!(of_reader(raw), fault);
            let config = WebSocketConfig::default();
            let stream = std::io::Cursor::new(bytes.clone());
            let mut library = WebSocket::from_raw_socket(stream, Role::Client, Some(config));
            let error = loop {
                match library.read() {
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert_eq!(
                of_library(&error, bytes[0] == 0x88).map(|(fault, _)| fault),
                Some(fault),
                "{error}"
            );
        }
    }

    /// A stream of large frames without a pause: no read ends where a frame does.
    #[test]
    fn each_large_frame_has_its_own_time() {
        let frame = |number, announced| Some(FrameUnderWay { number, announced, came: 1 });
        let mut large = LargeFrame::default();
        for (under_way, change) in [
            (None, None),
            (frame(1, LARGE_FRAME_BYTES), None),
            (frame(2, LARGE_FRAME_BYTES + 1), Some(LargeFrameChange::Began)),
            (frame(2, LARGE_FRAME_BYTES + 1), None),
            (frame(3, LARGE_FRAME_BYTES + 1), Some(LargeFrameChange::Began)),
            (frame(4, 5), Some(LargeFrameChange::Ended)),
            (None, None),
        ] {
            assert_eq!(large.note(under_way), change, "{under_way:?}");
        }
    }

    #[test]
    fn the_code_of_a_close_frame_is_said() {
        let of = |error| said_of_reader(error).map(|text| text.body);
        let code = Some(b"its code is 1013".to_vec());
        assert_eq!(of(FrameError::BadCloseReason(1013)), code);
        assert_eq!(of(FrameError::BadCloseCode(Some(1013))), code);
        assert_eq!(of(FrameError::BadCloseCode(None)), None);
    }

    #[test]
    fn lengths_are_said() {
        let text = unfinished(1 << 62, 1_234);
        assert_eq!(text.body, b"4.61 EB were announced, and 1.23 kB of them came");
        let error = CapacityError::MessageTooLong { size: 1 << 62, max_size: 16 << 20 };
        let (fault, text) =
            of_library(&Error::Capacity(error), false).expect("it is one of frames");
        assert_eq!(fault, FrameFault::TooLarge);
        let text = text.expect("the sizes").body;
        assert_eq!(text, b"4.61 EB were announced, and 16.8 MB is the limit");
    }
}

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq)]
enum FoundFrame {
    Message(Vec<u8>, FrameSizes),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

fn read(pieces: &[&[u8]]) -> (Vec<FoundFrame>, Result<(), FrameError>, u64) {
    let mut reader = FrameReader::default();
    let (mut found, mut data) = (Vec::new(), Vec::new());
    let mut result = Ok(());
    for piece in pieces {
        result = reader.feed(piece, |item| match item {
            FrameItem::Data(bytes) => data.extend_from_slice(bytes),
            FrameItem::MessageEnd(_, sizes) => {
                found.push(FoundFrame::Message(std::mem::take(&mut data), sizes));
            }
            FrameItem::Ping(payload, _) => found.push(FoundFrame::Ping(payload.to_vec())),
            FrameItem::Pong(_) => found.push(FoundFrame::Pong),
            FrameItem::Close(code, ..) => found.push(FoundFrame::Close(code)),
        });
        if result.is_err() {
            break;
        }
    }
    (found, result, reader.pending())
}

/// A frame of a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(n as u8),
        n @ 126..=65_535 => {
            out.push(126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    // RFC 6455 §5.7.
    let hello = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    let sizes = FrameSizes { framing: 2, masks: 0, payload: 5 };
    assert_eq!(read(&[&hello]).0, [FoundFrame::Message(b"Hello".to_vec(), sizes)]);
    let fragments = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
    let sizes = FrameSizes { framing: 4, masks: 0, payload: 5 };
    assert_eq!(read(&[&fragments]).0, [FoundFrame::Message(b"Hello".to_vec(), sizes)]);
    let ping = [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    assert_eq!(read(&[&ping]).0, [FoundFrame::Ping(b"Hello".to_vec())]);
    let mut masked = Vec::new();
    write_masked(Opcode::Text, [0x37, 0xfa, 0x21, 0x3d], b"Hello", &mut masked);
    assert_eq!(masked, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
}

#[test]
fn lengths_step_at_126_and_65536() {
    for (len, framing) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
        let payload = vec![b'x'; len];
        let sizes = FrameSizes { framing, masks: 0, payload: len as u64 };
        let found = read(&[&frame(0x82, &payload)]).0;
        assert_eq!(found, [FoundFrame::Message(payload.clone(), sizes)]);
        let mut out = Vec::new();
        let sent = write_masked(Opcode::Binary, [0; 4], &payload, &mut out);
        assert_eq!(sent, FrameSizes { masks: 4, ..sizes });
        assert_eq!(out.len() as u64, sent.wire());
    }
}

#[test]
fn what_breaks_the_protocol_is_an_error() {
    use FrameError::*;
    let error = |bytes: &[u8]| read(&[bytes]).1.expect_err("it breaks the protocol");
    assert_eq!(error(&[0xc1, 0]), ReservedBit);
    assert_eq!(error(&[0x83, 0]), UnknownOpcode);
    assert_eq!(error(&[0x09, 0]), FragmentedControlFrame);
    assert_eq!(error(&frame(0x89, &[0; 126])), LongControlFrame);
    assert_eq!(error(&[0x80, 0]), NothingToContinue);
    assert_eq!(error(&[0x01, 0, 0x81, 0]), UnfinishedMessage);
    assert_eq!(error(&[0x81, 0x80]), Masked);
    assert_eq!(error(&[0x82, 126, 0, 125]), LongLength);
    assert_eq!(error(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), LongLength);
    assert_eq!(error(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]), BadLength);
    assert_eq!(error(&frame(0x81, b"\xff")), BadUtf8);
    // The beginning of a character, and no more of it.
    assert_eq!(error(&frame(0x81, b"\xe2\x82")), BadUtf8);
    assert_eq!(error(&frame(0x88, &[3])), BadCloseCode(None));
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        assert_eq!(error(&frame(0x88, &code.to_be_bytes())), BadCloseCode(Some(code)));
    }
    assert_eq!(error(&frame(0x88, &[3, 0xe8, 0xff])), BadCloseReason(1000));
    assert_eq!((BadUtf8.close_code(), Masked.close_code()), (1007, 1002));
}

#[test]
fn nothing_follows_a_close_frame() {
    let bytes = [frame(0x88, &1000u16.to_be_bytes()), frame(0x81, b"late")].concat();
    let (found, result, _) = read(&[&bytes]);
    assert_eq!((found, result), (vec![FoundFrame::Close(Some(1000))], Ok(())));
    assert_eq!(read(&[&[0x88, 0]]).0, [FoundFrame::Close(None)]);
}

#[test]
fn characters_may_be_cut_by_frames_and_reads() {
    let bytes = [frame(0x01, b"\xe2\x82"), frame(0x80, b"\xac!")].concat();
    let one: Vec<&[u8]> = bytes.chunks(1).collect();
    for pieces in [vec![&bytes[..]], one] {
        let (found, result, pending) = read(&pieces);
        let sizes = FrameSizes { framing: 4, masks: 0, payload: 4 };
        let euro = "€!".as_bytes().to_vec();
        assert_eq!((found, result, pending), (vec![FoundFrame::Message(euro, sizes)], Ok(()), 0));
    }
}

/// A message of a client.
type Sent = (MessageKind, Vec<u8>, FrameSizes);

/// What a server reads of pieces of a client's bytes: messages with their kinds and sizes.
fn read_masked(
    pieces: impl Iterator<Item = Vec<u8>>,
    most_bytes: u64,
) -> (Vec<Sent>, Result<(), FrameError>) {
    let mut reader = FrameReader::default();
    let (mut found, mut data) = (Vec::new(), Vec::new());
    for mut piece in pieces {
        let fed = reader.feed_masked(&mut piece, most_bytes, |item| match item {
            FrameItem::Data(bytes) => data.extend_from_slice(bytes),
            FrameItem::MessageEnd(kind, sizes) => {
                found.push((kind, std::mem::take(&mut data), sizes));
            }
            other => panic!("{other:?}"),
        });
        if fed.is_err() {
            return (found, fed);
        }
    }
    (found, Ok(()))
}

#[test]
fn a_server_takes_masked_frames_only_and_messages_up_to_its_limit() {
    let once = |bytes: &[u8], most_bytes| read_masked(std::iter::once(bytes.to_vec()), most_bytes);
    assert_eq!(once(&[0x81, 1, b'x'], 9).1, Err(FrameError::NotMasked));
    let mut frame = Vec::new();
    write_masked(Opcode::Text, [1, 2, 3, 4], b"123456789", &mut frame);
    let sizes = FrameSizes { framing: 2, masks: 4, payload: 9 };
    let whole = vec![(MessageKind::Text, b"123456789".to_vec(), sizes)];
    assert_eq!(once(&frame, 9), (whole, Ok(())));
    // The header is enough, of a frame or of the fragment that is too much.
    assert_eq!(once(&frame[..6], 8).1, Err(FrameError::TooLarge));
    let fragments = [&[0x02, 0x81, 0, 0, 0, 0, b'x'][..], &[0x80, 0x88, 0, 0, 0, 0]].concat();
    assert_eq!(once(&fragments, 9).1, Ok(()));
    assert_eq!(once(&fragments, 8).1, Err(FrameError::TooLarge));
    assert_eq!(FrameError::TooLarge.close_code(), 1009);
}

#[test]
fn a_servers_frames_are_read_by_its_client() {
    for len in [0, 125, 126, 65_535, 65_536] {
        let payload = vec![b'x'; len];
        let mut out = Vec::new();
        write_unmasked(Opcode::Binary, &payload, &mut out);
        assert_eq!(out, frame(0x82, &payload));
    }
}

proptest! {
    #[test]
    fn masks_are_removed_whatever_the_pieces(
        messages in prop::collection::vec((any::<[u8; 4]>(), any::<bool>(), 0usize..300), 1..6),
        cut in 1usize..40
    ) {
        let (mut bytes, mut sent) = (Vec::new(), Vec::new());
        for (mask, is_text, len) in messages {
            let kind = if is_text { MessageKind::Text } else { MessageKind::Binary };
            let payload: Vec<u8> = (0..len).map(|i| (i % 128) as u8).collect();
            let sizes = write_masked(kind.opcode(), mask, &payload, &mut bytes);
            sent.push((kind, payload, sizes));
        }
        let pieces = bytes.chunks(cut).map(<[u8]>::to_vec);
        prop_assert_eq!(read_masked(pieces, 300), (sent, Ok(())));
    }

    #[test]
    fn any_split_reads_the_same(
        frames in prop::collection::vec((0usize..4, 0usize..400), 1..12),
        cut in 1usize..50
    ) {
        let mut bytes = Vec::new();
        for (kind, len) in frames {
            let first = [0x81, 0x82, 0x89, 0x8a][kind];
            let len = if kind >= 2 { len % 126 } else { len };
            bytes.extend(frame(first, &vec![b'x'; len]));
        }
        let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
        let whole = read(&[&bytes]);
        prop_assert_eq!(&read(&pieces), &whole);
        prop_assert_eq!((whole.1, whole.2), (Ok(()), 0));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&[&bytes]);
    }

    #[test]
    fn no_byte_of_an_incomplete_message_is_lost(len in 0usize..300, cut in 0usize..310) {
        let bytes = frame(0x82, &vec![b'x'; len]);
        let cut = cut.min(bytes.len() - 1);
        prop_assert_eq!(read(&[&bytes[..cut]]).2, cut as u64);
    }
}

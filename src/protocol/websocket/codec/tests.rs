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
            FrameItem::MessageEnd(_, sizes, _) => {
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
            FrameItem::MessageEnd(kind, sizes, _) => {
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

mod compressed {
    use super::*;
    use crate::protocol::websocket::deflate_coder::{CoderPool, Deflater, Inflater};
    use crate::protocol::websocket::deflate_offer::DeflateOffer;
    use std::rc::Rc;

    /// What a message was: its kind, text, sizes, and the bytes of the text if it came compressed.
    type Found = (MessageKind, Vec<u8>, FrameSizes, Option<u64>);

    /// A server's deflater and its client's inflater.
    fn coders() -> (Deflater, Inflater) {
        let pool = Rc::<CoderPool>::default();
        let offer = DeflateOffer::parse("permessage-deflate").expect("an offer");
        let (params, _) = offer.select(offer.value()).expect("an answer");
        (params.server_coders(&pool).0, params.client_coders(&pool).1)
    }

    fn reader(inflater: Inflater) -> FrameReader {
        let mut reader = FrameReader::default();
        reader.take_compressed(inflater);
        reader
    }

    fn read<'p>(
        reader: &mut FrameReader,
        pieces: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<Vec<Found>, FrameError> {
        let mut found = Vec::new();
        let mut text = Vec::new();
        for piece in pieces {
            reader.feed(piece, |item| match item {
                FrameItem::Data(bytes) => text.extend_from_slice(bytes),
                FrameItem::MessageEnd(kind, sizes, text_bytes) => {
                    found.push((kind, std::mem::take(&mut text), sizes, text_bytes));
                }
                FrameItem::Ping(..) | FrameItem::Pong(_) | FrameItem::Close(..) => {}
            })?;
        }
        Ok(found)
    }

    fn once(bytes: &[u8]) -> Result<Vec<Found>, FrameError> {
        read(&mut reader(coders().1), [bytes])
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // RFC 7692 §7.2.3.1: in one frame, and in two.
        let sizes = |framing| FrameSizes { framing, masks: 0, payload: 7 };
        let hello = |framing| vec![(MessageKind::Text, b"Hello".to_vec(), sizes(framing), Some(5))];
        let one = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(once(&one), Ok(hello(2)));
        let two = [0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(once(&two), Ok(hello(4)));
        // One that is not compressed may come between.
        let plain = [0x81, 0x01, b'x'];
        let found = once(&[&one[..], &plain, &[0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00]].concat());
        let of = |(_, text, _, bytes): Found| (text, bytes);
        let found: Vec<_> = found.expect("messages").into_iter().map(of).collect();
        let texts = [(&b"Hello"[..], Some(5)), (b"x", None), (b"Hello", Some(5))];
        assert_eq!(found, texts.map(|(text, bytes)| (text.to_vec(), bytes)));
    }

    #[test]
    fn the_bit_is_the_first_frames_alone_and_the_others_mean_nothing() {
        let reserved = Err(FrameError::ReservedBit);
        // A ping, a continuation, and the other two bits.
        assert_eq!(once(&[0xc9, 0x00]), reserved);
        assert_eq!(once(&[0x41, 0x01, 0xf2, 0xc0, 0x01, 0x00]), reserved);
        assert_eq!(once(&[0xa1]), reserved);
        assert_eq!(once(&[0x91]), reserved);
        assert_eq!(read(&mut FrameReader::default(), [&[0xc1][..]]), reserved);
    }

    #[test]
    fn what_is_compressed_wrongly_or_is_no_text_is_an_error() {
        assert_eq!(once(&[0xc1, 0x02, 0xff, 0xff]), Err(FrameError::BadDeflate));
        assert_eq!(FrameError::BadDeflate.close_code(), 1007);
        let (mut deflater, _) = coders();
        let mut frame = Vec::new();
        deflater.compress(b"\xe2\x82", |payload| write_unmasked(Opcode::Text, payload, &mut frame));
        mark_compressed(&mut frame);
        assert_eq!(once(&frame), Err(FrameError::BadUtf8));
    }

    #[test]
    fn a_text_beyond_the_limit_is_too_large_however_small_it_came() {
        let pool = Rc::<CoderPool>::default();
        let offer = DeflateOffer::parse("permessage-deflate").expect("an offer");
        let (params, _) = offer.select(offer.value()).expect("an answer");
        let mut frame = Vec::new();
        let text = vec![b'x'; 100_000];
        params.client_coders(&pool).0.compress(&text, |payload| {
            assert!(payload.len() < 200);
            write_masked(Opcode::Text, [0; 4], payload, &mut frame);
        });
        mark_compressed(&mut frame);
        for (most_bytes, wanted) in [(100_000, Ok(())), (99_999, Err(FrameError::TooLarge))] {
            let mut reader = reader(params.server_coders(&pool).1);
            assert_eq!(reader.feed_masked(&mut frame.clone(), most_bytes, |_| {}), wanted);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_under_any_split(
            texts in prop::collection::vec("[a-c€]{0,300}", 1..6), cut in 1usize..60
        ) {
            let (mut deflater, inflater) = coders();
            let mut bytes = Vec::new();
            for text in &texts {
                let begin = bytes.len();
                deflater.compress(text.as_bytes(), |payload| {
                    write_unmasked(Opcode::Text, payload, &mut bytes);
                });
                mark_compressed(&mut bytes[begin..]);
            }
            let found = read(&mut reader(inflater), bytes.chunks(cut)).expect("messages");
            let wire: u64 = found.iter().map(|(_, _, sizes, _)| sizes.wire()).sum();
            prop_assert_eq!(wire, bytes.len() as u64);
            for ((kind, text, _, text_bytes), sent) in found.into_iter().zip(&texts) {
                prop_assert_eq!(kind, MessageKind::Text);
                prop_assert_eq!(text_bytes, Some(sent.len() as u64));
                prop_assert_eq!(&text, sent.as_bytes());
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = once(&bytes);
        }
    }
}

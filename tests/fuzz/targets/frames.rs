//! Any bytes in any pieces, of a server or of a client: no panic, the same frames however they are cut,
//! and the same messages as tungstenite's, which is another implementation of RFC 6455.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::{self, Read, Write};
use tungstenite::protocol::{Message, Role, WebSocket, WebSocketConfig};
use wsbench::internals::protocol::{
    FrameItem, FrameReader, MessageKind, ScannedItem, Scanner, Sender,
};

#[derive(Debug, Clone, PartialEq)]
enum Found {
    Message(MessageKind, Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
    Broken,
}

/// The largest message that a server takes.
const MOST_BYTES: u64 = 1_000;
/// The largest that tungstenite takes as a client: it reserves memory for as much as a frame's head
/// says.
const MOST_RESERVED_BYTES: usize = 1 << 20;

/// What this project's reader finds; `role` is who reads.
fn read(role: Role, pieces: &[&[u8]]) -> Vec<Found> {
    let (mut reader, mut found, mut data) = (FrameReader::default(), Vec::new(), Vec::new());
    for piece in pieces {
        let on = |item: FrameItem<'_>| match item {
            FrameItem::Data(bytes) => data.extend_from_slice(bytes),
            FrameItem::MessageEnd(kind, ..) => {
                found.push(Found::Message(kind, std::mem::take(&mut data)));
            }
            FrameItem::Ping(payload, _) => found.push(Found::Ping(payload.to_vec())),
            FrameItem::Pong(_) => found.push(Found::Pong),
            FrameItem::Close(code, ..) => found.push(Found::Close(code)),
        };
        let fed = match role {
            Role::Client => reader.feed(piece, on),
            Role::Server => reader.feed_masked(&mut piece.to_vec(), MOST_BYTES, on),
        };
        if fed.is_err() {
            found.push(Found::Broken);
            break;
        }
    }
    found
}

/// What the scanner of a library's frames finds. All of it and what is pending add up to the bytes.
fn scan(role: Role, pieces: &[&[u8]]) -> Vec<ScannedItem> {
    let sender = if role == Role::Server { Sender::Client } else { Sender::Server };
    let (mut scanner, mut found) = (Scanner::new(sender), Vec::new());
    pieces.iter().for_each(|piece| scanner.feed(piece, |item| found.push(item)));
    let wire = |item: &ScannedItem| match item {
        ScannedItem::Message(sizes) | ScannedItem::Control(sizes) => sizes.wire(),
        ScannedItem::Broken(_) => 0,
    };
    let all: usize = pieces.iter().map(|piece| piece.len()).sum();
    assert_eq!(found.iter().map(wire).sum::<u64>() + scanner.pending(), all as u64);
    found
}

/// Bytes that end, and a place for what is sent.
struct Wire<'a>(&'a [u8]);

impl Read for Wire<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { self.0.read(into) }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite finds.
fn reference(role: Role, bytes: &[u8]) -> Vec<Found> {
    let most = if role == Role::Server { MOST_BYTES as usize } else { MOST_RESERVED_BYTES };
    let config = WebSocketConfig::default().max_message_size(Some(most)).max_frame_size(Some(most));
    let mut socket = WebSocket::from_raw_socket(Wire(bytes), role, Some(config));
    let mut found = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                found.push(Found::Message(MessageKind::Text, text.as_bytes().to_vec()));
            }
            Ok(Message::Binary(bytes)) => {
                found.push(Found::Message(MessageKind::Binary, bytes.to_vec()));
            }
            Ok(Message::Ping(payload)) => found.push(Found::Ping(payload.to_vec())),
            Ok(Message::Pong(_)) => found.push(Found::Pong),
            Ok(Message::Close(frame)) => {
                found.push(Found::Close(frame.map(|frame| frame.code.into())));
                break;
            }
            Ok(Message::Frame(_)) => {}
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(_) => {
                found.push(Found::Broken);
                break;
            }
        }
    }
    found
}

fuzz_target!(|input: (Vec<u8>, u8, bool)| {
    let (bytes, cut, serves) = input;
    let role = if serves { Role::Server } else { Role::Client };
    let whole = read(role, &[&bytes]);
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(cut).max(1)).collect();
    assert_eq!(read(role, &pieces), whole);
    let scanned = scan(role, &[&bytes]);
    assert_eq!(scan(role, &pieces), scanned);
    // The scanner finds each whole frame that the reader does, and no header broken that it reads.
    for (item, found) in scanned.iter().zip(&whole) {
        match (item, found) {
            (_, Found::Broken) => break,
            (ScannedItem::Message(_), Found::Message(..)) => {}
            (ScannedItem::Control(_), Found::Ping(_) | Found::Pong | Found::Close(_)) => {}
            other => panic!("{other:?} of {bytes:?}"),
        }
    }
    let theirs = reference(role, &bytes);
    // What breaks the protocol is found at different moments: tungstenite reads a frame whole.
    let same = whole.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let (own, other) = (whole.get(same), theirs.get(same));
    let broken = [own, other].contains(&Some(&Found::Broken));
    let closed = matches!((own, other), (Some(Found::Close(_)), Some(Found::Close(_))));
    assert!(broken || closed || (own, other) == (None, None), "{whole:?} {theirs:?}");
});

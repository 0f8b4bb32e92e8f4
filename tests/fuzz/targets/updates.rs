//! Any bytes as a message of updates, in any pieces: no panic, and the same stamps.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::feed::{AnySizeReader, PayloadKind, Reader, Stamp};

fn read(
    kind: PayloadKind,
    size: u32,
    pieces: impl Iterator<Item = impl AsRef<[u8]>>,
) -> Vec<Option<Stamp>> {
    let mut reader = Reader::new(kind, size);
    let mut stamps = Vec::new();
    for piece in pieces {
        let separators = reader.push(piece.as_ref(), |stamp| stamps.push(stamp));
        assert!(separators <= piece.as_ref().len() as u64);
    }
    reader.end(|stamp| stamps.push(stamp));
    stamps
}

fn read_any_size(kind: PayloadKind, pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> Vec<Option<Stamp>> {
    let mut reader = AnySizeReader::new(kind);
    let mut stamps = Vec::new();
    for piece in pieces {
        reader.push(piece.as_ref(), |stamp| stamps.push(stamp));
    }
    reader.end(|stamp| stamps.push(stamp));
    stamps
}

fuzz_target!(|input: (Vec<u8>, u16, u8)| {
    let (bytes, size, cut) = input;
    for kind in PayloadKind::ALL {
        let size = u32::from(size).max(kind.least_bytes() as u32);
        let whole = read(kind, size, std::iter::once(&bytes));
        assert_eq!(whole, read(kind, size, bytes.chunks(usize::from(cut).max(1))));
        let whole = read_any_size(kind, std::iter::once(&bytes));
        assert_eq!(whole, read_any_size(kind, bytes.chunks(usize::from(cut).max(1))));
    }
});

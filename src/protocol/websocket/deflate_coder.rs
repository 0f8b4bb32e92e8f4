//! The coders of permessage-deflate (RFC 7692 §7.2): messages are compressed and read piece by piece.
//!
//! An end that keeps its window from message to message has a coder of its own from its first message on; one that does
//! not borrows a coder of its thread for each message.

use crate::protocol::websocket::deflate_offer::DeflateParams;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::cell::RefCell;
use std::rc::Rc;

/// What a sender leaves out of each message (§7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// An empty message (§7.2.3.6).
const EMPTY: u8 = 0;
/// zlib's default.
const LEVEL: u32 = 6;
/// The window of a coder that several connections use.
const LARGEST_BITS: u8 = 15;
/// What zlib-rs takes to read messages with a window that is kept, as it was measured with 1,000 connections.
const INFLATER_BYTES: u64 = 27_600;
/// Text that is shown at once.
const TEXT_BYTES: usize = 8 * 1024;
/// The largest memory that is kept after a message.
const KEPT_BYTES: usize = 1024 * 1024;
/// Coders of each kind that a thread keeps. More are in use only while as many messages have come in part.
const SPARE_CODERS: usize = 16;

/// The coders that no message of a thread uses, and memory for the next one.
#[derive(Debug, Default)]
pub(crate) struct CoderPool {
    inflaters: RefCell<Vec<Decompress>>,
    /// With the logarithm of their windows.
    deflaters: RefCell<Vec<(u8, Compress)>>,
    text: RefCell<Vec<u8>>,
    compressed: RefCell<Vec<u8>>,
}

impl CoderPool {
    fn take_inflater(&self) -> Decompress {
        let spare = self.inflaters.borrow_mut().pop();
        spare.unwrap_or_else(|| new_inflater(LARGEST_BITS))
    }

    fn give_inflater(&self, mut coder: Decompress) {
        let mut spare = self.inflaters.borrow_mut();
        if spare.len() < SPARE_CODERS {
            coder.reset(false);
            spare.push(coder);
        }
    }

    fn take_deflater(&self, bits: u8) -> Compress {
        let mut spare = self.deflaters.borrow_mut();
        let known = spare.iter().position(|(of, _)| *of == bits);
        known.map_or_else(|| new_deflater(bits), |at| spare.swap_remove(at).1)
    }

    fn give_deflater(&self, bits: u8, mut coder: Compress) {
        let mut spare = self.deflaters.borrow_mut();
        if spare.len() < SPARE_CODERS {
            coder.reset();
            spare.push((bits, coder));
        }
    }
}

fn new_inflater(bits: u8) -> Decompress {
    Decompress::new_with_window_bits(false, bits)
}

fn new_deflater(bits: u8) -> Compress {
    Compress::new_with_window_bits(Compression::new(LEVEL), false, bits)
}

impl DeflateParams {
    /// The memory that the server's end takes for its messages, in bytes: what zlib-rs allocates for a window that is
    /// kept.
    pub(crate) fn deflater_bytes(&self) -> u64 {
        let window = 1 << self.server_max_window_bits;
        if self.server_no_context_takeover { 0 } else { 4 * window + 192 * 1024 }
    }

    /// The memory that the client's end takes to read them: the same for a window of any size.
    pub(crate) fn inflater_bytes(&self) -> u64 {
        if self.server_no_context_takeover { 0 } else { INFLATER_BYTES }
    }

    /// The coders of the client's end.
    pub(crate) fn client_coders(&self, pool: &Rc<CoderPool>) -> (Deflater, Inflater) {
        (
            Deflater::new(pool, self.client_max_window_bits, !self.client_no_context_takeover),
            Inflater::new(pool, self.server_max_window_bits, !self.server_no_context_takeover),
        )
    }

    /// The coders of the server's end.
    pub(crate) fn server_coders(&self, pool: &Rc<CoderPool>) -> (Deflater, Inflater) {
        (
            Deflater::new(pool, self.server_max_window_bits, !self.server_no_context_takeover),
            Inflater::new(pool, self.client_max_window_bits, !self.client_no_context_takeover),
        )
    }
}

/// Compresses the messages of one end of a connection, in their order.
#[derive(Debug)]
pub(crate) struct Deflater {
    pool: Rc<CoderPool>,
    bits: u8,
    takes_over: bool,
    /// The end's own, if it keeps its window and has sent a message.
    own: Option<Compress>,
}

impl Deflater {
    fn new(pool: &Rc<CoderPool>, bits: u8, takes_over: bool) -> Deflater {
        Deflater { pool: pool.clone(), bits, takes_over, own: None }
    }

    /// Compresses a message, and shows the payload to `with`.
    pub(crate) fn compress<T>(&mut self, message: &[u8], with: impl FnOnce(&[u8]) -> T) -> T {
        let mut memory = std::mem::take(&mut *self.pool.compressed.borrow_mut());
        memory.clear();
        let mut coder = self.own.take().unwrap_or_else(|| self.pool.take_deflater(self.bits));
        write_compressed(&mut coder, message, &mut memory);
        if self.takes_over {
            self.own = Some(coder);
        } else {
            self.pool.give_deflater(self.bits, coder);
        }
        let result = with(&memory);
        if memory.capacity() <= KEPT_BYTES {
            *self.pool.compressed.borrow_mut() = memory;
        }
        result
    }
}

/// Writes a message as it is sent (§7.2.1) into memory that is empty.
fn write_compressed(coder: &mut Compress, message: &[u8], out: &mut Vec<u8>) {
    let begin = coder.total_in();
    loop {
        let done = (coder.total_in() - begin) as usize;
        out.reserve((message.len() - done) / 2 + 64);
        let status = coder.compress_vec(&message[done..], out, FlushCompress::Sync);
        let is_read = (coder.total_in() - begin) as usize == message.len();
        // It fails only if the stream has ended, which it never does.
        if status.is_err() || is_read && out.len() < out.capacity() {
            break;
        }
    }
    if out.ends_with(&TAIL) {
        out.truncate(out.len() - TAIL.len());
    }
    if out.is_empty() {
        out.push(EMPTY);
    }
}

/// A payload is not what its compression says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadPayload;

/// Reads the compressed messages that come to one end of a connection, in their order.
#[derive(Debug)]
pub(crate) struct Inflater {
    pool: Rc<CoderPool>,
    bits: u8,
    takes_over: bool,
    /// The end's own if the peer keeps its window, and otherwise that of the message under way.
    coder: Option<Decompress>,
}

impl Inflater {
    fn new(pool: &Rc<CoderPool>, bits: u8, takes_over: bool) -> Inflater {
        Inflater { pool: pool.clone(), bits, takes_over, coder: None }
    }

    /// Reads a piece of a message, and shows its text piece by piece.
    ///
    /// # Errors
    /// If it is no such message, or `on` fails. The inflater must not be used any more.
    pub(crate) fn feed<E: From<BadPayload>>(
        &mut self,
        bytes: &[u8],
        on: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut memory = std::mem::take(&mut *self.pool.text.borrow_mut());
        memory.resize(TEXT_BYTES, 0);
        let mut coder = match self.coder.take() {
            Some(coder) => coder,
            None if self.takes_over => new_inflater(self.bits),
            None => self.pool.take_inflater(),
        };
        let read = inflate(&mut coder, bytes, &mut memory, on);
        self.coder = Some(coder);
        *self.pool.text.borrow_mut() = memory;
        read
    }

    /// The message is whole (§7.2.2): shows the rest of its text.
    ///
    /// # Errors
    /// If it is no such message, or `on` fails.
    pub(crate) fn end<E: From<BadPayload>>(
        &mut self,
        on: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.feed(&TAIL, on)?;
        if !self.takes_over
            && let Some(coder) = self.coder.take()
        {
            self.pool.give_inflater(coder);
        }
        Ok(())
    }
}

fn inflate<E: From<BadPayload>>(
    coder: &mut Decompress,
    mut bytes: &[u8],
    memory: &mut [u8],
    on: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    loop {
        let before_in = coder.total_in();
        let before_out = coder.total_out();
        let status = coder.decompress(bytes, memory, FlushDecompress::Sync);
        // Both are at most the lengths of the slices.
        let read = (coder.total_in() - before_in) as usize;
        let written = (coder.total_out() - before_out) as usize;
        bytes = &bytes[read..];
        if written > 0 {
            on(&memory[..written])?;
        }
        match status {
            Err(_) => return Err(BadPayload.into()),
            // A block that says that it is the last one: others may follow (§7.2.3.5).
            Ok(Status::StreamEnd) => {
                coder.reset(false);
                if bytes.is_empty() {
                    return Ok(());
                }
            }
            // What found no room in the memory comes with the next turn.
            Ok(Status::Ok | Status::BufError) if bytes.is_empty() && written < memory.len() => {
                return Ok(());
            }
            Ok(Status::Ok | Status::BufError) if read == 0 && written == 0 => {
                return Err(BadPayload.into());
            }
            Ok(Status::Ok | Status::BufError) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn params(bits: u8, takes_over: bool) -> DeflateParams {
        DeflateParams {
            server_no_context_takeover: !takes_over,
            client_no_context_takeover: !takes_over,
            server_max_window_bits: bits,
            client_max_window_bits: bits,
        }
    }

    fn pool() -> Rc<CoderPool> {
        Rc::default()
    }

    fn inflater() -> Inflater {
        params(15, true).client_coders(&pool()).1
    }

    fn inflated(inflater: &mut Inflater, bytes: &[u8]) -> Result<Vec<u8>, BadPayload> {
        let mut text = Vec::new();
        let mut on = |piece: &[u8]| {
            text.extend_from_slice(piece);
            Ok(())
        };
        inflater.feed(bytes, &mut on)?;
        inflater.end(&mut on)?;
        Ok(text)
    }

    fn deflated(deflater: &mut Deflater, message: &[u8]) -> Vec<u8> {
        deflater.compress(message, <[u8]>::to_vec)
    }

    #[test]
    fn messages_of_the_rfc_are_read() {
        // §7.2.3.1 to §7.2.3.5: one block, the window kept, no compression, a last block, two blocks.
        let mut kept = inflater();
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(inflated(&mut kept, &hello).expect("one block"), b"Hello");
        assert_eq!(inflated(&mut kept, &[0xf2, 0x00, 0x11, 0x00, 0x00]).expect("kept"), b"Hello");
        let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        assert_eq!(inflated(&mut inflater(), &stored).expect("stored"), b"Hello");
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        assert_eq!(inflated(&mut inflater(), &last).expect("a last block"), b"Hello");
        let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(inflated(&mut inflater(), &two).expect("two blocks"), b"Hello");
    }

    #[test]
    fn messages_of_the_rfc_are_written() {
        let (mut deflater, mut inflater) = params(15, true).server_coders(&pool());
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(deflated(&mut deflater, b"Hello"), hello);
        assert_eq!(deflated(&mut deflater, b"Hello"), [0xf2, 0x00, 0x11, 0x00, 0x00]);
        // §7.2.3.6, as often as one likes.
        for _ in 0..3 {
            let empty = deflated(&mut deflater, b"");
            assert_eq!(empty, [EMPTY]);
            assert_eq!(inflated(&mut inflater, &empty), Ok(Vec::new()));
        }
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        assert_eq!(inflated(&mut inflater(), &[0xff; 9]), Err(BadPayload));
    }

    #[test]
    fn ends_that_begin_anew_share_the_coders_of_their_thread() {
        let pool = pool();
        let mut ends: Vec<_> = (0..3).map(|_| params(15, false).server_coders(&pool)).collect();
        let message = deflated(&mut ends[0].0, b"Hello");
        for (deflater, inflater) in &mut ends {
            assert_eq!(deflated(deflater, b"Hello"), message);
            let bytes = params(15, false).client_coders(&pool).0.compress(b"Hello", <[u8]>::to_vec);
            assert_eq!(inflated(inflater, &bytes).expect("a message"), b"Hello");
            assert!(inflater.coder.is_none() && deflater.own.is_none());
        }
        assert_eq!((pool.inflaters.borrow().len(), pool.deflaters.borrow().len()), (1, 1));
        // Messages that have come in part have a coder each.
        let mut on = |_: &[u8]| Ok::<(), BadPayload>(());
        for (_, inflater) in &mut ends {
            inflater.feed(&message[..2], &mut on).expect("a piece");
        }
        for (_, inflater) in &mut ends {
            inflater.feed(&message[2..], &mut on).expect("the rest");
            inflater.end(&mut on).expect("a message");
        }
        assert_eq!(pool.inflaters.borrow().len(), 3);
    }

    proptest! {
        #[test]
        fn what_was_compressed_is_read(
            messages in proptest::collection::vec(
                proptest::collection::vec(0_u8..6, 0..3_000), 1..6),
            bits in 9_u8..=15,
            takes_over: bool,
            cut in 1_usize..200,
        ) {
            let (mut deflater, _) = params(bits, takes_over).server_coders(&pool());
            let (_, mut inflater) = params(bits, takes_over).client_coders(&pool());
            for message in messages {
                let bytes = deflated(&mut deflater, &message);
                let mut text = Vec::new();
                let mut on = |piece: &[u8]| {
                    text.extend_from_slice(piece);
                    Ok::<(), BadPayload>(())
                };
                for piece in bytes.chunks(cut) {
                    prop_assert_eq!(inflater.feed(piece, &mut on), Ok(()));
                }
                prop_assert_eq!(inflater.end(&mut on), Ok(()));
                prop_assert_eq!(text, message);
            }
        }

        #[test]
        fn bytes_that_do_not_compress_are_read(seed: u64, length in 0_usize..40_000) {
            let mut state = seed;
            let message: Vec<u8> = (0..length).map(|_| {
                state = crate::feed::mix(state);
                state as u8
            }).collect();
            let (mut deflater, _) = params(15, true).server_coders(&pool());
            let bytes = deflated(&mut deflater, &message);
            prop_assert_eq!(inflated(&mut inflater(), &bytes), Ok(message));
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = inflated(&mut inflater(), &bytes);
        }
    }
}

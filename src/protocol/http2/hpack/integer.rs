//! Integers and strings of HPACK (RFC 7541 §5).

use crate::protocol::http2::hpack::{HpackError, huffman};

/// The largest integer that is read. No size of a header list comes near it.
const LARGEST: u64 = u32::MAX as u64;

/// Appends an integer whose first bits share a byte with `first`, of which the low `prefix` bits are free.
pub(crate) fn write_integer(first: u8, prefix: u32, value: usize, out: &mut Vec<u8>) {
    let most = (1_usize << prefix) - 1;
    if value < most {
        out.push(first | value as u8);
        return;
    }
    out.push(first | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        out.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    out.push(rest as u8);
}

/// Appends a string by Huffman's code.
pub(crate) fn write_coded_string(text: &[u8], out: &mut Vec<u8>) {
    write_integer(0x80, 7, huffman::coded_len(text), out);
    huffman::encode(text, out);
}

/// Appends a string, by Huffman's code if that is shorter.
pub(crate) fn write_shorter_string(text: &[u8], out: &mut Vec<u8>) {
    if huffman::coded_len(text) < text.len() {
        write_coded_string(text, out);
    } else {
        write_integer(0, 7, text.len(), out);
        out.extend_from_slice(text);
    }
}

/// What is left of a header block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockReader<'a>(pub &'a [u8]);

impl<'a> BlockReader<'a> {
    /// The next byte, which stays.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn byte(&mut self) -> Result<u8, HpackError> {
        let (first, rest) = self.0.split_first().ok_or(HpackError::Cut)?;
        self.0 = rest;
        Ok(*first)
    }

    /// Reads an integer that begins in the low `prefix` bits of the next byte.
    ///
    /// # Errors
    /// If it is cut or larger than 32 bits.
    pub(crate) fn integer(&mut self, prefix: u32) -> Result<usize, HpackError> {
        let most = (1_u64 << prefix) - 1;
        let mut value = u64::from(self.byte()?) & most;
        if value < most {
            return Ok(value as usize);
        }
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            let more = u64::from(byte & 0x7f).checked_shl(shift).filter(|_| shift <= 28);
            value = value.saturating_add(more.ok_or(HpackError::Integer)?);
            if value > LARGEST {
                return Err(HpackError::Integer);
            }
            if byte & 0x80 == 0 {
                return Ok(value as usize);
            }
            shift += 7;
        }
    }

    /// Reads a string. One by Huffman's code is decoded into `decoded`, which is empty before.
    ///
    /// # Errors
    /// If it is cut or no code.
    pub(crate) fn string<'b>(&mut self, decoded: &'b mut Vec<u8>) -> Result<&'b [u8], HpackError>
    where
        'a: 'b,
    {
        let is_coded = self.peek().ok_or(HpackError::Cut)? & 0x80 != 0;
        let length = self.integer(7)?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(HpackError::Cut)?;
        self.0 = rest;
        if !is_coded {
            return Ok(text);
        }
        decoded.clear();
        huffman::decode(text, decoded)?;
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(prefix: u32, value: usize) -> Vec<u8> {
        let mut out = Vec::new();
        write_integer(0, prefix, value, &mut out);
        out
    }

    #[test]
    fn integers_of_the_rfc_are_written_as_there() {
        // RFC 7541 §C.1.
        assert_eq!(written(5, 10), [0b01010]);
        assert_eq!(written(5, 1337), [0b11111, 0b1001_1010, 0b0000_1010]);
        assert_eq!(written(8, 42), [42]);
    }

    #[test]
    fn too_large_and_cut_integers_are_errors() {
        let read = |bytes: &[u8]| BlockReader(bytes).integer(5);
        assert_eq!(read(&[31, 0xff, 0xff, 0xff, 0xff, 0x7f]), Err(HpackError::Integer));
        assert_eq!(read(&[31, 0x80, 0x80, 0x80, 0x80, 0x80, 0]), Err(HpackError::Integer));
        assert_eq!(read(&[31, 0x80]), Err(HpackError::Cut));
        assert_eq!(read(&[]), Err(HpackError::Cut));
    }

    #[test]
    fn strings_are_the_shorter_of_both_kinds() {
        let string = |text: &[u8]| {
            let mut out = Vec::new();
            write_shorter_string(text, &mut out);
            out
        };
        assert_eq!(string(b""), [0]);
        assert_eq!(string(b"no-cache"), [0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]);
        assert_eq!(string(&[1, 2]), [2, 1, 2]);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(prefix in 1_u32..=8, value in 0_usize..=u32::MAX as usize) {
            let bytes = written(prefix, value);
            let mut reader = BlockReader(&bytes);
            prop_assert_eq!(reader.integer(prefix), Ok(value));
            prop_assert!(reader.0.is_empty());
        }

        #[test]
        fn strings_come_back(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut out = Vec::new();
            write_shorter_string(&text, &mut out);
            let mut decoded = Vec::new();
            let mut reader = BlockReader(&out);
            prop_assert_eq!(reader.string(&mut decoded), Ok(&text[..]));
            prop_assert!(reader.0.is_empty());
        }
    }
}

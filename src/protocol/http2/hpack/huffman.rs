//! HPACK's Huffman code (RFC 7541 Appendix B).
//!
//! The code is canonical: of the symbols of one length each has the code after the one before it, and the
//! first of a length follows from the last of the length before. So the lengths alone say everything.

use crate::protocol::http2::hpack::HpackError;

/// Symbols: a byte each, and the end of a string.
const SYMBOLS: usize = 257;
/// The end of a string, which no string contains.
const END: usize = 256;
const LONGEST: usize = 30;

/// How many bits the code of each symbol has.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// Symbols by the lengths of their codes, and of one length by their numbers.
const SORTED: [u16; SYMBOLS] = {
    let mut sorted = [0; SYMBOLS];
    let mut at = 0;
    let mut length = 1;
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                sorted[at] = symbol as u16;
                at += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    sorted
};

/// The codes of one length.
#[derive(Clone, Copy)]
struct CodesOfLength {
    /// The first code.
    first: u32,
    /// How many there are.
    count: u32,
    /// Where their symbols begin in [`SORTED`].
    at: u32,
}

/// Indexed by the length.
const BY_LENGTH: [CodesOfLength; LONGEST + 1] = {
    let mut all = [CodesOfLength { first: 0, count: 0, at: 0 }; LONGEST + 1];
    let mut symbol = 0;
    while symbol < SYMBOLS {
        all[LENGTHS[symbol] as usize].count += 1;
        symbol += 1;
    }
    let mut length = 1;
    while length <= LONGEST {
        let shorter = all[length - 1];
        all[length].first = (shorter.first + shorter.count) << 1;
        all[length].at = shorter.at + shorter.count;
        length += 1;
    }
    all
};

/// The code of each symbol.
const CODES: [u32; SYMBOLS] = {
    let mut codes = [0; SYMBOLS];
    let mut at = 0;
    while at < SYMBOLS {
        let symbol = SORTED[at] as usize;
        let codes_of_length = BY_LENGTH[LENGTHS[symbol] as usize];
        codes[symbol] = codes_of_length.first + at as u32 - codes_of_length.at;
        at += 1;
    }
    codes
};

/// So many bits are looked up at once.
const LOOKED_UP_BITS: u32 = 9;

/// What the next [`LOOKED_UP_BITS`] bits begin with: a symbol and the length of its code; length 0 if that is
/// longer. These are the symbols of which nearly all fields consist.
const SHORT: [(u8, u8); 1 << LOOKED_UP_BITS] = {
    let mut short = [(0, 0); 1 << LOOKED_UP_BITS];
    let mut symbol = 0;
    while symbol < END {
        let length = LENGTHS[symbol] as u32;
        if length <= LOOKED_UP_BITS {
            let free = LOOKED_UP_BITS - length;
            let first = CODES[symbol] << free;
            let mut rest = 0;
            while rest < 1 << free {
                short[(first + rest) as usize] = (symbol as u8, length as u8);
                rest += 1;
            }
        }
        symbol += 1;
    }
    short
};

/// Returns how many bytes a string takes when it is coded.
pub(crate) fn coded_len(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|byte| usize::from(LENGTHS[usize::from(*byte)])).sum();
    bits.div_ceil(8)
}

/// Appends the coded string. Its last byte is filled with ones.
pub(crate) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let mut bits: u64 = 0;
    let mut held: u32 = 0;
    for byte in text {
        let symbol = usize::from(*byte);
        let length = u32::from(LENGTHS[symbol]);
        bits = (bits << length) | u64::from(CODES[symbol]);
        held += length;
        while held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    if held > 0 {
        let free = 8 - held;
        out.push(((bits << free) as u8) | ((1 << free) - 1));
    }
}

/// Appends the string that was coded as `bytes`.
///
/// # Errors
/// If a code is cut, the end of a string is coded, or the last byte is filled with anything but ones, with
/// more than seven of them (RFC 7541 §5.2).
pub(crate) fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    let mut bits: u64 = 0;
    let mut held: u32 = 0;
    let mut rest = bytes.iter();
    loop {
        while held <= 56
            && let Some(byte) = rest.next()
        {
            bits = (bits << 8) | u64::from(*byte);
            held += 8;
        }
        if held == 0 {
            return Ok(());
        }
        match next_symbol(bits, held) {
            Some((symbol, length)) => {
                out.push(symbol);
                held -= length;
                // What was decoded must not come back by a shift.
                bits &= (1 << held) - 1;
            }
            None => {
                let filling = (1 << held) - 1;
                let is_filled = held < 8 && bits == filling && rest.len() == 0;
                return if is_filled { Ok(()) } else { Err(HpackError::Huffman) };
            }
        }
    }
}

/// Returns the first symbol of these bits and its length in bits; `None` if there is none.
#[inline]
fn next_symbol(bits: u64, held: u32) -> Option<(u8, u32)> {
    let beginning = |length: u32| {
        // Bits that are not there yet are ones, as in the last byte.
        let missing = length.saturating_sub(held);
        let there = bits >> held.saturating_sub(length);
        ((there << missing) | ((1 << missing) - 1)) as u32
    };
    let (symbol, length) = SHORT[beginning(LOOKED_UP_BITS) as usize];
    if length > 0 {
        let length = u32::from(length);
        return (length <= held).then_some((symbol, length));
    }
    let lengths = LOOKED_UP_BITS as usize + 1..=LONGEST;
    lengths.take_while(|length| *length <= held as usize).find_map(|length| {
        let codes = BY_LENGTH[length];
        let nth = beginning(length as u32).checked_sub(codes.first)?;
        let symbol = (nth < codes.count).then(|| SORTED[(codes.at + nth) as usize])?;
        Some((u8::try_from(symbol).ok()?, length as u32))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn coded(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(text, &mut out);
        out
    }

    fn decoded(bytes: &[u8]) -> Result<Vec<u8>, HpackError> {
        let mut out = Vec::new();
        decode(bytes, &mut out).map(|()| out)
    }

    #[test]
    fn codes_are_those_of_the_appendix() {
        // RFC 7541 Appendix B.
        let code = |symbol: usize| (CODES[symbol], LENGTHS[symbol]);
        assert_eq!(code(0), (0x1ff8, 13));
        assert_eq!(code(usize::from(b'0')), (0x0, 5));
        assert_eq!(code(usize::from(b' ')), (0x14, 6));
        assert_eq!(code(usize::from(b'&')), (0xf8, 8));
        assert_eq!(code(usize::from(b'\\')), (0x7fff0, 19));
        assert_eq!(code(249), (0x0fff_fffe, 28));
        assert_eq!(code(END), (0x3fff_ffff, 30));
    }

    #[test]
    fn strings_of_the_rfc_are_coded_as_there() {
        // RFC 7541 §C.4 and §C.6.
        let known: [(&[u8], &[u8]); 4] = [
            (
                b"www.example.com",
                &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff],
            ),
            (b"no-cache", &[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]),
            (b"302", &[0x64, 0x02]),
            (
                b"Mon, 21 Oct 2013 20:13:21 GMT",
                &[
                    0xd0, 0x7a, 0xbe, 0x94, 0x10, 0x54, 0xd4, 0x44, 0xa8, 0x20, 0x05, 0x95, 0x04,
                    0x0b, 0x81, 0x66, 0xe0, 0x82, 0xa6, 0x2d, 0x1b, 0xff,
                ],
            ),
        ];
        for (text, bytes) in known {
            assert_eq!(coded(text), bytes);
            assert_eq!(decoded(bytes).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_string_must_end_with_ones_and_fewer_than_eight() {
        // `0` is 00000; three ones fill its byte.
        assert_eq!(decoded(&[0b0000_0111]), Ok(b"0".to_vec()));
        assert_eq!(decoded(&[0b0000_0110]), Err(HpackError::Huffman));
        assert_eq!(decoded(&[0b0000_0111, 0xff]), Err(HpackError::Huffman));
        assert_eq!(decoded(&[0xff]), Err(HpackError::Huffman));
        // The end of a string, coded.
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), Err(HpackError::Huffman));
        assert_eq!(decoded(&[]), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_was_coded_is_decoded(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let bytes = coded(&text);
            prop_assert_eq!(bytes.len(), coded_len(&text));
            prop_assert_eq!(decoded(&bytes), Ok(text));
        }

        #[test]
        fn whatever_is_decoded_is_coded_so(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(text) = decoded(&bytes) {
                prop_assert_eq!(coded(&text), bytes);
            }
        }
    }
}

//! The rows of a result as a page carries them: histograms as bytes instead of base64, and all of it compressed.
//! `docs/result-file.md` says how to read them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lzma_rust2::{XzOptions, XzReader, XzWriter};
use std::io::{self, BufRead, Read, Write};

/// Rows that take more than this once they are compressed are not carried along: a page would be too large for
/// what opens it.
const MOST_BYTES: usize = 16 << 20;
/// The same, for the rows of a page as they are. A page that claims more is not read: a few bytes of it could fill
/// the memory.
pub(super) const MOST_BYTES_OF_ROWS: u64 = 512 << 20;
/// The usual preset of xz.
const PRESET: u32 = 6;
/// The bytes of rows that are looked back at. The encoder takes ten times as much memory.
const DICTIONARY_BYTES: u32 = 1 << 20;
/// The most kibibytes that reading may take: eight times what it needs for that.
const MOST_KIB_OF_MEMORY: u32 = 8 << 10;

/// How a histogram in base64 begins: the cookie of the V2 encoding, and the first byte of a length below 16 MiB.
const HISTOGRAM: &[u8] = b"HISTEw";
/// Stands before a histogram's bytes. JSON has no such character: a string has it as `\u0000`.
const MARK: u8 = 0;
/// The bytes of a V2 histogram before its counts.
const HEADER_BYTES: usize = 40;
/// Where the number of bytes of its counts is among them, big-endian.
const LENGTH_AT: std::ops::Range<usize> = 4..8;

/// Packs rows; `None` if they are too large. Returns how many bytes they had, too. The same rows give the same bytes.
///
/// # Errors
/// If they cannot be read, or are no text.
pub(super) fn pack(mut rows: impl BufRead) -> io::Result<Option<(u64, Vec<u8>)>> {
    let mut options = XzOptions::with_preset(PRESET);
    options.lzma_options.dict_size = DICTIONARY_BYTES;
    let mut packed = XzWriter::new(Vec::new(), options)?;
    let mut bytes = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let length =
            rows.by_ref().take(MOST_BYTES_OF_ROWS - bytes + 1).read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        bytes += length as u64;
        if line.contains(&MARK) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a row has a byte 0"));
        }
        fold(&line, &mut packed)?;
        if bytes > MOST_BYTES_OF_ROWS || packed.inner().len() > MOST_BYTES {
            return Ok(None);
        }
    }
    packed.finish().map(|packed| Some((bytes, packed)))
}

/// Writes a row with its histograms as bytes.
fn fold(mut line: &[u8], out: &mut impl Write) -> io::Result<()> {
    while let Some(at) = memchr::memmem::find(line, HISTOGRAM) {
        let length = memchr::memchr(b'"', &line[at..]).unwrap_or(line.len() - at);
        let (before, rest) = line.split_at(at);
        let (text, after) = rest.split_at(length);
        out.write_all(before)?;
        match STANDARD.decode(text).ok().filter(|bytes| length_of(bytes) == Some(bytes.len())) {
            Some(bytes) => {
                out.write_all(&[MARK])?;
                out.write_all(&bytes)?;
            }
            None => out.write_all(text)?,
        }
        line = after;
    }
    out.write_all(line)
}

/// The bytes of the histogram that this begins with.
fn length_of(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..HEADER_BYTES)?;
    let counts = header[LENGTH_AT].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    Some(HEADER_BYTES + counts)
}

/// The reverse of [`pack`], of at most so many bytes.
///
/// # Errors
/// A sentence, if these are no packed rows, or too many.
pub(super) fn unpack(packed: &[u8], most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let reader = XzReader::new_mem_limit(packed, false, MOST_KIB_OF_MEMORY);
    let mut reader = reader.take(most + 1);
    let damaged = |why| format!("it is damaged or was changed ({why})");
    reader.read_to_end(&mut bytes).map_err(damaged)?;
    if reader.limit() == 0 {
        return Err(format!("it has more than {most} bytes"));
    }
    let mut rows = Vec::with_capacity(bytes.len());
    let mut rest = &bytes[..];
    while let Some(at) = memchr::memchr(MARK, rest) {
        rows.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let histogram = length_of(rest).and_then(|length| rest.split_at_checked(length));
        let (histogram, after) = histogram.ok_or("a histogram has no end")?;
        rows.extend_from_slice(STANDARD.encode(histogram).as_bytes());
        rest = after;
    }
    rows.extend_from_slice(rest);
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{Serializer, V2DeflateSerializer, V2Serializer};
    use proptest::prelude::*;

    fn row(values: &[u64], is_compressed: bool) -> String {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        values.iter().for_each(|value| histogram.record(*value).unwrap());
        let mut bytes = Vec::new();
        match is_compressed {
            true => drop(V2DeflateSerializer::new().serialize(&histogram, &mut bytes).unwrap()),
            false => drop(V2Serializer::new().serialize(&histogram, &mut bytes).unwrap()),
        }
        format!("{{\"name\":\"HISTEw\",\"a\":\"{}\",\"b\":1}}\n", STANDARD.encode(bytes))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn rows_are_the_same_again(
            histograms in prop::collection::vec((prop::collection::vec(1u64..1_000_000_000, 0..40), any::<bool>()), 0..4),
            text in "([^\0]|\"HISTEw[A-Za-z0-9+/=]{0,90}\"){0,40}"
        ) {
            let rows: String = histograms.iter().map(|(values, is_compressed)| row(values, *is_compressed)).collect();
            let rows = rows + &text;
            let (bytes, packed) = pack(rows.as_bytes()).unwrap().unwrap();
            prop_assert_eq!(bytes, rows.len() as u64);
            prop_assert_eq!(&pack(rows.as_bytes()).unwrap().unwrap().1, &packed);
            prop_assert_eq!(unpack(&packed, 1 << 20).unwrap(), rows.into_bytes());
        }

        #[test]
        fn any_bytes_are_rows_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..200, flip in 0usize..200) {
            let _ = unpack(&bytes, 1 << 20);
            let (_, mut packed) = pack(row(&[5, 7_000], false).as_bytes()).unwrap().unwrap();
            packed.truncate(packed.len().saturating_sub(cut));
            if let Some(byte) = packed.get_mut(flip) {
                *byte ^= 1 << (cut % 8);
            }
            let _ = unpack(&packed, 1 << 20);
        }
    }

    #[test]
    fn histograms_are_carried_as_bytes() {
        let values: Vec<u64> = (1..200_u64).map(|n| n * n * 7_919).collect();
        let rows = row(&values, false);
        let mut folded = Vec::new();
        fold(rows.as_bytes(), &mut folded).unwrap();
        assert!(folded.len() < rows.len() * 4 / 5, "{} of {}", folded.len(), rows.len());
    }

    #[test]
    fn what_is_not_as_packed_is_refused() {
        assert!(pack(&b"{\0}\n"[..]).is_err());
        let pack_raw = |bytes: &[u8]| {
            let mut packed = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).unwrap();
            packed.write_all(bytes).unwrap();
            packed.finish().unwrap()
        };
        assert_eq!(
            unpack(&pack_raw(b"{\"a\":\"\0short\"}"), 1 << 20),
            Err("a histogram has no end".to_owned())
        );
        assert_eq!(unpack(&pack_raw(b"{}\n"), 3), Ok(b"{}\n".to_vec()));
        assert!(unpack(&pack_raw(b"{}\n"), 2).is_err());
        // A few bytes can claim a dictionary of gigabytes.
        let mut options = XzOptions::with_preset(0);
        options.lzma_options.dict_size = 16 << 20;
        let mut claims = XzWriter::new(Vec::new(), options).unwrap();
        claims.write_all(b"{}\n").unwrap();
        assert!(unpack(&claims.finish().unwrap(), 1 << 20).is_err());
    }
}

//! Content codings (RFC 9110 §8.4): which ones a request asks for, and the text of a body that has
//! one, as it comes.
//!
//! No text is kept: it is shown piece by piece. What a decoder needs of it is bounded: 32 KiB for
//! gzip and deflate, the window that the server chose for br (at most 16 MiB) and zstd (8 MiB,
//! RFC 9659).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::FrameDecoder;
use serde::{Deserialize, Serialize};

/// Decoded bytes that are shown at once.
const SHOWN_BYTES: usize = 8 * 1024;
/// The largest window of zstd that HTTP allows (RFC 9659).
const ZSTD_WINDOW_BYTES: u64 = 8 * 1024 * 1024;

/// A coding that this program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentCoding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, and RFC 1951 alone, as browsers read it.
    Deflate,
    /// RFC 7932.
    Br,
    /// RFC 8878.
    Zstd,
}

impl ContentCoding {
    const ALL: [(&'static str, ContentCoding); 5] = [
        ("gzip", ContentCoding::Gzip),
        ("deflate", ContentCoding::Deflate),
        ("br", ContentCoding::Br),
        ("zstd", ContentCoding::Zstd),
        // RFC 9110 §8.4.1.3.
        ("x-gzip", ContentCoding::Gzip),
    ];

    /// Its name in `Content-Encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ContentCoding::Gzip => "gzip",
            ContentCoding::Deflate => "deflate",
            ContentCoding::Br => "br",
            ContentCoding::Zstd => "zstd",
        }
    }

    /// The coding of a body with this `Content-Encoding`; `None` if it has none, an unknown one, or
    /// several.
    pub(crate) fn named(name: &[u8]) -> Option<ContentCoding> {
        let name = name.trim_ascii();
        let is = |(known, _): &&(&str, ContentCoding)| name.eq_ignore_ascii_case(known.as_bytes());
        ContentCoding::ALL.iter().find(is).map(|(_, coding)| *coding)
    }
}

/// Whether a body with this `Content-Encoding` is compressed.
pub(crate) fn is_compressed(encoding: &[u8]) -> bool {
    codings(encoding).next().is_some()
}

/// Returns the codings of a body with this `Content-Encoding`, in the order in which they were applied.
pub(crate) fn codings(encoding: &[u8]) -> impl Iterator<Item = &[u8]> {
    let all = encoding.split(|&b| b == b',').map(<[u8]>::trim_ascii);
    all.filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// A set of codings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Codings(u8);

impl Codings {
    /// Whether there is none.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Whether this one is among them.
    pub(crate) fn has(self, coding: ContentCoding) -> bool {
        self.0 & 1 << coding as u8 != 0
    }
}

impl FromIterator<ContentCoding> for Codings {
    fn from_iter<I: IntoIterator<Item = ContentCoding>>(codings: I) -> Codings {
        Codings(codings.into_iter().fold(0, |all, coding| all | 1 << coding as u8))
    }
}

/// The codings that a request asks for: its `Accept-Encoding`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptEncoding {
    /// The field's value, as it was written.
    pub(crate) value: String,
    codings: Vec<ContentCoding>,
}

/// Whether a weight (RFC 9110 §12.4.2) is more than 0; `None` if it is none.
fn is_wanted(weight: &str) -> Option<bool> {
    let number = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="))?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value: f32 = number.parse().ok().filter(|_| is_number)?;
    (0.0..=1.0).contains(&value).then_some(value > 0.0)
}

impl AcceptEncoding {
    /// Reads the value of the field (RFC 9110 §12.5.3).
    ///
    /// # Errors
    /// A sentence, if it asks for a coding that this program does not read, or for none.
    pub(crate) fn parse(value: &str) -> Result<AcceptEncoding, String> {
        let mut codings = Vec::new();
        for item in value.split(',').map(str::trim) {
            let (name, weight) = item.split_once(';').unwrap_or((item, "q=1"));
            let name = name.trim();
            let weight = weight.trim();
            let Some(is_wanted) = is_wanted(weight) else {
                return Err(format!(
                    "{weight:?} is no weight; write one as q=0.5, from 0 to 1 (RFC 9110, 12.4.2)"
                ));
            };
            match ContentCoding::named(name.as_bytes()) {
                Some(coding) if is_wanted => codings.push(coding),
                // By a weight of 0 the client refuses it.
                Some(_) => {}
                None if name.eq_ignore_ascii_case("identity") => {}
                None => {
                    return Err(format!(
                        "{name:?} is no coding that wsbench reads; take some of gzip, deflate, br \
                         and zstd, such as \"gzip, br\""
                    ));
                }
            }
        }
        if codings.is_empty() {
            return Err("it asks for no coding".to_owned());
        }
        Ok(AcceptEncoding { value: value.to_owned(), codings })
    }

    /// Selects, as a server with these codings in the order of preference, what is asked for in the values of
    /// `Accept-Encoding`.
    pub(crate) fn selected<'v>(
        &self,
        asked: impl Iterator<Item = &'v str>,
    ) -> Option<ContentCoding> {
        let mut accepted = Codings::default();
        for item in asked.flat_map(|value| value.split(',')) {
            let mut parts = item.split(';').map(str::trim);
            let named = ContentCoding::named(parts.next().unwrap_or_default().as_bytes());
            // Weight 0 means that it is not acceptable (RFC 9110 §12.4.2).
            let is_refused = parts.any(|part| {
                let weight =
                    part.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
                weight.and_then(|(_, value)| value.trim().parse().ok()) == Some(0.0)
            });
            if let Some(coding) = named.filter(|_| !is_refused) {
                accepted.0 |= 1 << coding as u8;
            }
        }
        self.codings.iter().copied().find(|coding| accepted.has(*coding))
    }

    /// Returns the codings.
    pub(crate) fn codings(&self) -> Codings {
        self.codings.iter().copied().collect()
    }
}

/// The bytes are not what the body's coding says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undecodable;

type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// Decodes one body.
pub(crate) struct BodyDecoder {
    state: DecoderState,
    /// Whether the end of the coded text has come.
    ended: bool,
}

enum DecoderState {
    Gzip(Decompress),
    /// Which of the two formats it is, its first byte says.
    Deflate(Option<Decompress>),
    Br(Box<Brotli>),
    Zstd(Box<Zstd>),
}

impl BodyDecoder {
    /// A decoder of a body that has not begun.
    pub(crate) fn new(coding: ContentCoding) -> BodyDecoder {
        let state = match coding {
            ContentCoding::Gzip => DecoderState::Gzip(Decompress::new_gzip(15)),
            ContentCoding::Deflate => DecoderState::Deflate(None),
            ContentCoding::Br => {
                let alloc = StandardAlloc::default;
                DecoderState::Br(Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())))
            }
            ContentCoding::Zstd => DecoderState::Zstd(Box::default()),
        };
        BodyDecoder { state, ended: false }
    }

    /// Decodes a piece of the body, and shows what text it gives.
    ///
    /// # Errors
    /// If the bytes are not what the coding says; the decoder must not be used any more.
    pub(crate) fn decode(
        &mut self,
        bytes: &[u8],
        on: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Undecodable> {
        match &mut self.state {
            DecoderState::Gzip(inflate) => {
                let mut left = inflate_all(inflate, bytes, &mut self.ended, on)?;
                while left > 0 {
                    // Another member (RFC 1952 §2.2).
                    *inflate = Decompress::new_gzip(15);
                    self.ended = false;
                    let rest = &bytes[bytes.len() - left..];
                    left = inflate_all(inflate, rest, &mut self.ended, on)?;
                }
                Ok(())
            }
            DecoderState::Deflate(inflate) => {
                let Some(first) = bytes.first() else { return Ok(()) };
                // RFC 1950 §2.2: the method in the low half, the window in the high one.
                let zlib = first & 0x0f == 8 && first >> 4 <= 7;
                let inflate = inflate.get_or_insert_with(|| Decompress::new(zlib));
                match inflate_all(inflate, bytes, &mut self.ended, on)? {
                    0 => Ok(()),
                    _ => Err(Undecodable),
                }
            }
            DecoderState::Br(state) => decode_br(state, bytes, &mut self.ended, on),
            DecoderState::Zstd(zstd) => zstd.decode(bytes, &mut self.ended, on),
        }
    }

    /// Whether the coded text is whole. A body that ends before was cut off.
    pub(crate) fn is_whole(&self) -> bool {
        self.ended
    }
}

/// Decodes bytes up to the end of the coded text. Returns how many are left over.
fn inflate_all(
    inflate: &mut Decompress,
    mut bytes: &[u8],
    ended: &mut bool,
    on: &mut dyn FnMut(&[u8]),
) -> Result<usize, Undecodable> {
    let mut shown = [0; SHOWN_BYTES];
    while !*ended {
        let read = inflate.total_in();
        let wrote = inflate.total_out();
        let status = inflate.decompress(bytes, &mut shown, FlushDecompress::Sync);
        let status = status.map_err(|_| Undecodable)?;
        // Both are at most the lengths of the slices.
        let read = (inflate.total_in() - read) as usize;
        let wrote = (inflate.total_out() - wrote) as usize;
        bytes = &bytes[read..];
        if wrote > 0 {
            on(&shown[..wrote]);
        }
        match status {
            Status::StreamEnd => *ended = true,
            _ if bytes.is_empty() && wrote < shown.len() => return Ok(0),
            _ if read == 0 && wrote == 0 => return Err(Undecodable),
            _ => {}
        }
    }
    Ok(bytes.len())
}

fn decode_br(
    state: &mut Brotli,
    bytes: &[u8],
    ended: &mut bool,
    on: &mut dyn FnMut(&[u8]),
) -> Result<(), Undecodable> {
    let mut shown = [0; SHOWN_BYTES];
    let mut left = bytes.len();
    let mut at = 0;
    let mut total = 0;
    while !*ended {
        let mut room = shown.len();
        let mut wrote = 0;
        let result = BrotliDecompressStream(
            &mut left, &mut at, bytes, &mut room, &mut wrote, &mut shown, &mut total, state,
        );
        if wrote > 0 {
            on(&shown[..wrote]);
        }
        match result {
            BrotliResult::ResultSuccess => *ended = true,
            // It says so even if text is left for which there was no room.
            BrotliResult::NeedsMoreInput if room > 0 => return Ok(()),
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => return Err(Undecodable),
        }
    }
    if left == 0 { Ok(()) } else { Err(Undecodable) }
}

/// Frames of zstd. The library decodes whole blocks, at most 128 KiB each, and shows the text of a
/// frame once it is further back than the window, or the frame is whole.
#[derive(Default)]
struct Zstd {
    frames: FrameDecoder,
    /// What came and is no whole header or block yet.
    held: Vec<u8>,
    within: bool,
}

/// The largest block with its header, and a checksum.
const ZSTD_HELD_BYTES: usize = 128 * 1024 + 3 + 4;

impl Zstd {
    fn decode(
        &mut self,
        bytes: &[u8],
        ended: &mut bool,
        on: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Undecodable> {
        self.held.extend_from_slice(bytes);
        let mut shown = [0; SHOWN_BYTES];
        loop {
            if !self.within {
                *ended = self.held.is_empty() && *ended;
                let Some(length) = frame_header_bytes(&self.held)? else { return Ok(()) };
                self.frames.set_max_window_size(ZSTD_WINDOW_BYTES);
                self.frames.init(&self.held[..length]).map_err(|_| Undecodable)?;
                self.held.drain(..length);
                self.within = true;
            }
            let (read, wrote) =
                self.frames.decode_from_to(&self.held, &mut shown).map_err(|_| Undecodable)?;
            // It says that it has read a checksum of which a part has not come.
            let read = if read > self.held.len() { 0 } else { read };
            self.held.drain(..read);
            if wrote > 0 {
                on(&shown[..wrote]);
            }
            if self.frames.is_finished() && self.frames.can_collect() == 0 {
                self.within = false;
                *ended = true;
                if self.held.is_empty() {
                    return Ok(());
                }
            } else if read == 0 && wrote == 0 {
                let too_many = self.held.len() > ZSTD_HELD_BYTES;
                return if too_many { Err(Undecodable) } else { Ok(()) };
            }
        }
    }
}

/// Returns the length of a frame's header (RFC 8878 §3.1.1.1); `None` if it is not whole.
fn frame_header_bytes(bytes: &[u8]) -> Result<Option<usize>, Undecodable> {
    const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
    if !bytes.iter().zip(MAGIC).all(|(a, b)| *a == b) {
        return Err(Undecodable);
    }
    let Some(descriptor) = bytes.get(4) else { return Ok(None) };
    let single_segment = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content_size = match descriptor >> 6 {
        0 => usize::from(single_segment),
        flag => 1 << flag,
    };
    let length = 5 + usize::from(!single_segment) + dictionary + content_size;
    Ok((bytes.len() >= length).then_some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"hello hello hello hello\nhello hello hello world\n";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<char> = hex.chars().collect();
        let byte =
            |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    /// What bytes in pieces of `size` say, and whether they are whole.
    fn decode(
        coding: ContentCoding,
        bytes: &[u8],
        size: usize,
    ) -> Result<(Vec<u8>, bool), Undecodable> {
        let mut decoder = BodyDecoder::new(coding);
        let mut text = Vec::new();
        for piece in bytes.chunks(size) {
            decoder.decode(piece, &mut |shown| text.extend_from_slice(shown))?;
        }
        Ok((text, decoder.is_whole()))
    }

    /// The text as Node.js and the zstd program code it; of zstd with and without a checksum.
    const CODED: [(ContentCoding, &str); 6] = [
        (
            ContentCoding::Gzip,
            "1f8b0800000000000003cb48cdc9c957c84027b9304414caf38b7252b8001d08487830000000",
        ),
        (ContentCoding::Deflate, "789ccb48cdc9c957c84027b9304414caf38b7252b800b3891189"),
        (ContentCoding::Deflate, "cb48cdc9c957c84027b9304414caf38b7252b800"),
        (ContentCoding::Br, "1b2f00f88d946ede445586d60a206c6f6022378f29e5ec60f83aa087bb5a203b00"),
        (
            ContentCoding::Zstd,
            "28b52ffd0458c500007068656c6c6f200a20776f726c640a03008005b43773290223cfa698",
        ),
        (ContentCoding::Zstd, "28b52ffd0050c500007068656c6c6f200a20776f726c640a03008005b437732902"),
    ];

    #[test]
    fn every_coding_is_decoded_in_any_pieces_and_what_is_cut_off_is_not_whole() {
        for (coding, hex) in CODED {
            let coded = bytes(hex);
            for size in 1..=coded.len() {
                assert_eq!(decode(coding, &coded, size), Ok((TEXT.to_vec(), true)), "{coding:?}");
            }
            for cut in 0..coded.len() {
                let cut_off = decode(coding, &coded[..cut], 5).expect("it is the beginning");
                assert!(!cut_off.1, "{coding:?} {cut}");
                assert!(TEXT.starts_with(&cut_off.0));
            }
        }
        let twice = bytes(CODED[0].1).repeat(2);
        assert_eq!(decode(ContentCoding::Gzip, &twice, 7), Ok((TEXT.repeat(2), true)));
        let frames = [bytes(CODED[4].1), bytes(CODED[5].1)].concat();
        assert_eq!(decode(ContentCoding::Zstd, &frames, 9), Ok((TEXT.repeat(2), true)));
    }

    #[test]
    fn text_that_fills_the_room_is_not_held_back() {
        // Found by the fuzz target: it shows more than 8 KiB and is cut off.
        let coded = bytes(
            "2b2b2b025b02a6322b2b2300090303090d030d2b0d2b65656565656565d7d7d7d7d7d7d7d7d7\
             d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7015331\
             0d53530d55550303032b99",
        );
        let texts = [1, 7, 64, coded.len()].map(|size| decode(ContentCoding::Br, &coded, size));
        let lengths = texts.map(|text| text.map(|(text, _)| text.len()));
        assert!(lengths[0].as_ref().is_ok_and(|length| *length > SHOWN_BYTES), "{lengths:?}");
        assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
    }

    #[test]
    fn what_a_server_flushes_is_shown_at_once() {
        let flushed: [(ContentCoding, [&str; 2]); 2] = [
            (
                ContentCoding::Gzip,
                [
                    "1f8b0800000000000003ca48cdc9c957c84027b900000000ffff",
                    "c2105128cf2fca49e102000000ffff",
                ],
            ),
            (
                ContentCoding::Br,
                [
                    "215c00c06fa474f326aa32b45600617b538ac8130774b53000",
                    "b800805f4a01a40748621045440f683300",
                ],
            ),
        ];
        for (coding, pieces) in flushed {
            let mut decoder = BodyDecoder::new(coding);
            for (piece, line) in pieces.iter().zip(TEXT.split_inclusive(|byte| *byte == b'\n')) {
                let mut text = Vec::new();
                decoder.decode(&bytes(piece), &mut |shown| text.extend_from_slice(shown)).unwrap();
                assert_eq!(text, line, "{coding:?}");
            }
            assert!(!decoder.is_whole());
        }
    }

    #[test]
    fn long_texts_are_shown_in_pieces_and_other_bytes_are_refused() {
        use std::io::Write;
        let long = b"0123456789".repeat(100_000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&long).unwrap();
        let coded = gzip.finish().unwrap();
        assert!(decode(ContentCoding::Gzip, &coded, 1_000) == Ok((long.clone(), true)));
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let coded = ruzstd::encoding::compress_to_vec(&long[..], level);
        assert!(decode(ContentCoding::Zstd, &coded, 1_000) == Ok((long, true)));
        for coding in
            [ContentCoding::Gzip, ContentCoding::Deflate, ContentCoding::Br, ContentCoding::Zstd]
        {
            assert_eq!(decode(coding, &[0xff; 64], 8), Err(Undecodable), "{coding:?}");
        }
        // A frame with a window that HTTP does not allow.
        let large = [&bytes("28b52ffd")[..], &[0, 0xf0], &[0; 9]].concat();
        assert_eq!(decode(ContentCoding::Zstd, &large, 64), Err(Undecodable));
    }

    proptest::proptest! {
        /// Bytes that are wrong somewhere do no harm, and what they say does not depend on the pieces
        /// in which they come.
        #[test]
        fn broken_bodies_are_refused_or_say_the_same_in_any_pieces(
            which in 0..CODED.len(),
            changes in proptest::collection::vec((0_usize..100, proptest::num::u8::ANY), 0..4),
            size in 1_usize..20,
        ) {
            let (coding, hex) = CODED[which];
            let mut coded = bytes(hex);
            for (at, byte) in changes {
                let at = at % coded.len();
                coded[at] = byte;
            }
            let whole = decode(coding, &coded, coded.len());
            proptest::prop_assert_eq!(decode(coding, &coded, size), whole);
        }
    }

    #[test]
    fn a_request_asks_for_what_is_read_alone() {
        let accept = AcceptEncoding::parse("gzip;q=1.0, br, identity;q=0").unwrap();
        let codings = accept.codings();
        assert!(!codings.is_empty() && Codings::default().is_empty());
        assert!(codings.has(ContentCoding::Gzip) && codings.has(ContentCoding::Br));
        assert!(!codings.has(ContentCoding::Zstd));
        let without = AcceptEncoding::parse("gzip, br;q=0.000").unwrap();
        assert!(!without.codings().has(ContentCoding::Br));
        for (value, why) in [
            ("gzip, compress", "\"compress\" is no coding"),
            ("identity", "no coding"),
            ("gzip;q=0", "no coding"),
            ("gzip;q=2", "\"q=2\" is no weight"),
            ("gzip;level=9", "is no weight"),
        ] {
            let error = AcceptEncoding::parse(value).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(ContentCoding::named(b" X-GZip "), Some(ContentCoding::Gzip));
        assert_eq!(ContentCoding::named(b"gzip, br"), None);
    }
}

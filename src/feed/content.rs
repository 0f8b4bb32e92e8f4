//! What applications send, behind the stamp: a ticker of trades, an order book, and a text. A padding would do for
//! everything but compression, for which it is like nothing real.
//!
//! | kind | content |
//! |---|---|
//! | `json-ticker` | price, best offers, volume and the last trade of one product, of a fixed width |
//! | `json-orderbook` | the best offers on both sides, as many as fit; then blanks, fewer than a level has bytes |
//! | `text-file` | the next piece of a text: `alice29.txt` of the Canterbury corpus, its line ends as blanks |
//!
//! All follow from the seed and the update's number: the same in every run. Prices walk at random, and what is not
//! traded stays as it was for some updates.

use crate::feed::digits::FieldWriter;
use crate::feed::mix;

/// "Alice's Adventures in Wonderland" (1865) as in the Canterbury corpus, in one line.
const TEXT: &[u8] = include_bytes!("alice29.txt");
/// What stands before the first member that is not the stamp's, in both JSON kinds.
pub(super) const TYPE: &[u8] = b",\"type\":\"";
/// The bytes of a ticker behind the stamp.
pub(super) const TICKER_BYTES: usize = 315;
/// A price and a size.
const LEVEL_BYTES: usize = b"[\"60000.00\",\"0.00000000\"]".len();
const BOOK_HEAD: &[u8] = b",\"type\":\"book\",\"product_id\":\"BTC-USD\",\"bids\":[";
const BOOK_MIDDLE: &[u8] = b"],\"asks\":[";
const BOOK_TAIL: &[u8] = b"]}";
/// The price in the middle, in cents.
const PRICE_CENTS: i64 = 6_412_351;
/// By how much the price differs, in cents, for as many updates as the powers of two.
const SWINGS_CENTS: [i64; 16] = [1, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181];
/// For how many updates an offer stays as it is: two to this power.
const OFFER_SHIFT: u32 = 1;

/// The bytes behind the stamp of an order book with so many levels on each side, of which there is at least one.
pub(super) const fn book_bytes(levels: usize) -> usize {
    let side = levels * (LEVEL_BYTES + 1) - 1;
    BOOK_HEAD.len() + side + BOOK_MIDDLE.len() + side + BOOK_TAIL.len()
}

/// A number that belongs to a place and an update.
fn drawn(seed: u64, place: u64, update: u64) -> u64 {
    mix(seed ^ mix(place ^ mix(update)))
}

/// The price at an update, in cents: a walk that one can begin anywhere.
fn price(seed: u64, sequence: u64) -> i64 {
    let swings = SWINGS_CENTS.iter().zip(0..).map(|(swing, power)| {
        let toss = (drawn(seed, power, sequence >> power) % 257) as i64 - 128;
        swing * toss / 128
    });
    PRICE_CENTS + swings.sum::<i64>()
}

/// The size of an offer at a price, in units of 10^-8: small ones are more frequent.
fn offered(seed: u64, cents: i64, sequence: u64, shift: u32) -> u64 {
    let place = mix(cents as u64);
    let size = drawn(seed, place, (sequence + (place & 7)) >> shift);
    ((size >> 32) % 100_000_000) >> (size & 15)
}

impl FieldWriter<'_> {
    /// Writes a text and a price or volume with two decimals.
    fn cents(&mut self, text: &[u8], cents: i64) {
        let cents = cents.unsigned_abs();
        self.write(text, cents / 100, 5);
        self.write(b".", cents % 100, 2);
    }

    /// Writes a text and a size with eight decimals.
    fn size(&mut self, text: &[u8], size: u64) {
        self.write(text, 0, 1);
        self.write(b".", size, 8);
    }
}

/// Writes a ticker.
pub(super) fn write_ticker(seed: u64, sequence: u64, fields: &mut FieldWriter<'_>) {
    let last = price(seed, sequence);
    let day = sequence >> 16;
    let swing = |place| (drawn(seed, place, day) % 100_000) as i64;
    let sells = drawn(seed, 100, sequence) & 1 == 0;
    let volume = drawn(seed, 101, day) % 10_000 + sequence % 60_000 / 8;
    fields.write(b",\"type\":\"ticker\",\"product_id\":\"BTC-USD\"", 0, 0);
    fields.cents(b",\"price\":\"", last);
    fields.cents(b"\",\"open_24h\":\"", PRICE_CENTS - swing(102));
    fields.write(b"\",\"volume_24h\":\"", volume, 5);
    fields.write(b".", drawn(seed, 103, sequence) % 100_000_000, 8);
    fields.cents(b"\",\"low_24h\":\"", PRICE_CENTS - 100_000 - swing(104));
    fields.cents(b"\",\"high_24h\":\"", PRICE_CENTS + 100_000 + swing(105));
    fields.cents(b"\",\"best_bid\":\"", last - 1);
    fields.size(b"\",\"best_bid_size\":\"", offered(seed, last - 1, sequence, OFFER_SHIFT));
    fields.cents(b"\",\"best_ask\":\"", last + 1);
    fields.size(b"\",\"best_ask_size\":\"", offered(seed, last + 1, sequence, OFFER_SHIFT));
    let side: &[u8] = if sells { b"\",\"side\":\"ask\"" } else { b"\",\"side\":\"bid\"" };
    fields.write(side, 0, 0);
    fields.write(b",\"trade_id\":", 100_000_000 + sequence % 900_000_000, 9);
    fields.size(b",\"last_size\":\"", offered(seed, last, sequence, 0));
    fields.write(b"\"}", 0, 0);
}

/// Writes as many levels of an order book as there is room for.
pub(super) fn write_book(seed: u64, sequence: u64, fields: &mut FieldWriter<'_>) {
    let room = fields.0.len().saturating_sub(book_bytes(1));
    let levels = 1 + room / (2 * (LEVEL_BYTES + 1));
    let middle = price(seed, sequence);
    let mut side = |head: &[u8], step: i64| {
        fields.write(head, 0, 0);
        for level in 1..=levels as i64 {
            let cents = middle + step * level;
            let open: &[u8] = if level == 1 { b"[\"" } else { b",[\"" };
            fields.cents(open, cents);
            fields.size(b"\",\"", offered(seed, cents, sequence, OFFER_SHIFT));
            fields.write(b"\"]", 0, 0);
        }
    };
    side(BOOK_HEAD, -1);
    side(BOOK_MIDDLE, 1);
    fields.write(BOOK_TAIL, 0, 0);
}

/// Writes a blank and the next piece of the text: one that nobody has had for as long as the text is.
pub(super) fn write_text(seed: u64, sequence: u64, payload: &mut [u8]) {
    let Some((blank, mut rest)) = payload.split_first_mut() else { return };
    *blank = b' ';
    let length = TEXT.len() as u64;
    let begin = u128::from(sequence) * rest.len() as u128 + u128::from(mix(seed) % length);
    let mut from = (begin % u128::from(length)) as usize;
    while !rest.is_empty() {
        let piece = &TEXT[from..];
        let bytes = piece.len().min(rest.len());
        let (now, later) = rest.split_at_mut(bytes);
        now.copy_from_slice(&piece[..bytes]);
        rest = later;
        from = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{PayloadKind, Stamp};
    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use std::io::Write as _;

    fn payload(kind: PayloadKind, seed: u64, sequence: u64) -> Vec<u8> {
        let mut payload = vec![0; kind.usual_bytes()];
        Stamp { sequence, published_ns: 1_000_000_000 * sequence }.write(kind, seed, &mut payload);
        payload
    }

    #[test]
    fn the_text_is_one_line_of_ascii() {
        assert!(TEXT.iter().all(|b| (b' '..=b'~').contains(b)));
        assert!(TEXT.len() > 100_000);
    }

    #[test]
    fn json_is_json_with_what_an_application_reads() {
        for sequence in [0, 1, 7, 123_456, 999_999_999] {
            let ticker = payload(PayloadKind::JsonTicker, 3, sequence);
            let value: serde_json::Value = serde_json::from_slice(&ticker).expect("JSON");
            let number = |key: &str| value[key].as_str().and_then(|text| text.parse::<f64>().ok());
            let price = number("price").expect("a price");
            assert!((50_000.0..75_000.0).contains(&price), "{value}");
            assert!(number("low_24h") < Some(price) && Some(price) < number("high_24h"), "{value}");
            assert_eq!(value["seq"], 1_000_000_000 + sequence);
            let book = payload(PayloadKind::JsonOrderbook, 3, sequence);
            let value: serde_json::Value = serde_json::from_slice(&book).expect("JSON");
            let best = |side: &str| value[side][0][0].as_str().and_then(|s| s.parse::<f64>().ok());
            assert!(best("bids") < best("asks"), "{value}");
            let levels = |side: &str| value[side].as_array().map(Vec::len);
            assert_eq!((levels("bids"), levels("asks")), (Some(20), Some(20)));
            assert_eq!(book.last(), Some(&b'}'));
        }
    }

    #[test]
    fn a_book_has_as_many_levels_as_there_is_room_for() {
        for (more, levels, blanks) in [(0, 1, 0), (51, 1, 51), (52, 2, 0), (104, 3, 0)] {
            let mut payload = vec![0; PayloadKind::JsonOrderbook.least_bytes() + more];
            let stamp = Stamp { sequence: 1, published_ns: 1 };
            stamp.write(PayloadKind::JsonOrderbook, 1, &mut payload);
            let value: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
            assert_eq!(value["asks"].as_array().map(Vec::len), Some(levels));
            assert_eq!(payload.iter().rev().take_while(|b| **b == b' ').count(), blanks);
        }
    }

    #[test]
    fn an_update_is_the_same_in_every_run_and_another_with_another_seed() {
        for kind in [PayloadKind::JsonTicker, PayloadKind::JsonOrderbook, PayloadKind::TextFile] {
            assert_eq!(payload(kind, 1, 7), payload(kind, 1, 7));
            assert_ne!(payload(kind, 1, 7)[61..], payload(kind, 2, 7)[61..]);
            assert_ne!(payload(kind, 1, 7)[61..], payload(kind, 1, 8)[61..]);
        }
    }

    #[test]
    fn the_text_goes_on_from_update_to_update() {
        let piece = |sequence| payload(PayloadKind::TextFile, 1, sequence)[22..].to_vec();
        let three = [piece(5), piece(6), piece(7)].concat();
        assert!(TEXT.repeat(2).windows(three.len()).any(|window| window == three));
        // One that is longer than the text begins again.
        let mut long = vec![0; TEXT.len() + 500];
        write_text(1, 0, &mut long);
        assert_eq!(long[1..400], long[TEXT.len() + 1..TEXT.len() + 400]);
    }

    /// What makes them worth having: they compress as such messages do, alone and one after the other.
    #[test]
    fn they_compress_as_real_messages_do() {
        let compressed = |bytes: &[u8]| {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).expect("into memory");
            encoder.finish().expect("into memory").len() as f64
        };
        for (kind, alone, together) in [
            (PayloadKind::JsonTicker, 0.5..0.85, 0.08..0.4),
            (PayloadKind::JsonOrderbook, 0.25..0.6, 0.1..0.45),
            (PayloadKind::TextFile, 0.6..0.9, 0.35..0.6),
        ] {
            let messages: Vec<_> = (0..200).map(|sequence| payload(kind, 1, sequence)).collect();
            let bytes = (messages.len() * kind.usual_bytes()) as f64;
            let each: f64 = messages.iter().map(|message| compressed(message)).sum();
            assert!(alone.contains(&(each / bytes)), "{kind:?}: {}", each / bytes);
            let all = compressed(&messages.concat());
            assert!(together.contains(&(all / bytes)), "{kind:?}: {}", all / bytes);
        }
    }
}

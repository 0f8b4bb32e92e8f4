//! The message of the chapter's ticker (its figure 7-3): prices of a few made-up shares.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use std::fmt::Write as _;

/// Symbols with the prices that they begin at, in cents.
const SHARES: [(&str, f64); 5] =
    [("ACME", 5_230.0), ("BOLT", 1_875.0), ("CRAB", 910.0), ("DUNE", 12_440.0), ("ECHO", 305.0)];

/// A price: the beginning's, with a wave and a jump of up to 1 % that follow from the update's number alone.
fn cents(feed: u64, share: usize, n: u64) -> f64 {
    let (_, begin) = SHARES[share];
    let wave = (n as f64 / (11.0 + share as f64 * 3.0)).sin() * 0.04;
    let seed = feed ^ n.wrapping_mul(31).wrapping_add(share as u64);
    let part = SplitMix64::from_seed(seed.to_le_bytes()).next_u64() as f64 / u64::MAX as f64;
    (begin * (1.0 + wave + (part - 0.5) * 0.02)).round()
}

/// An update as JSON: its number, when it was published (milliseconds since 1970), and symbol, price and change of
/// each share.
pub(super) fn message(feed: u64, n: u64, at_ms: f64) -> String {
    let mut out = format!("{{\"n\":{n},\"at\":{at_ms:.3},\"rows\":[");
    for (share, (symbol, _)) in SHARES.iter().enumerate() {
        let price = cents(feed, share, n);
        let change = price - cents(feed, share, n.saturating_sub(1));
        let comma = if share == 0 { "" } else { "," };
        // Writing to a text does not fail.
        let _ = write!(out, "{comma}[\"{symbol}\",{:.2},{:.2}]", price / 100.0, change / 100.0);
    }
    out.push_str("]}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_is_json_and_the_same_for_the_same_number() {
        let text = message(7, 12, 1.5);
        assert_eq!(text, message(7, 12, 1.5));
        assert_ne!(text, message(8, 12, 1.5));
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((value["n"].as_u64(), value["at"].as_f64()), (Some(12), Some(1.5)));
        let rows = value["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), SHARES.len());
        assert!(rows.iter().all(|row| row[1].as_f64().is_some_and(|price| price > 0.0)));
    }
}

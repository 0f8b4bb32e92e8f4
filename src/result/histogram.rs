//! Histograms as text: HdrHistogram's V2 encoding in base64, plain or compressed, the forms that its
//! other implementations read.

use crate::record::{LATENCY_BOUND_NS, Latency, Metric};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer};
use std::collections::BTreeMap;

/// Histograms by the metric's name.
pub(crate) type Texts = BTreeMap<String, String>;

/// The significant digits of a second's histogram. A value is at most 1/32 from the middle of its
/// bucket; at two digits a day of seconds would take four times the room.
pub(crate) const COARSE_DIGITS: u8 = 1;

/// The most bytes of a second's histograms as text, so that a second takes at most 3 KB with its counts. If
/// latencies lie so far apart that they would take more, as of a loaded machine, each value is the middle
/// of its quarter of a power of two first: with the bucket's middle at most 1/6 from where it was.
const MOST_COARSE_BYTES: usize = 2_300;
/// The leading bits of a value that are kept then.
const KEPT_BITS: u32 = 3;

/// Histograms of one significant digit, by metric.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CoarseLatency(BTreeMap<Metric, Histogram<u64>>);

impl CoarseLatency {
    /// Reads the histograms of a second, of every metric that this version knows.
    ///
    /// # Errors
    /// A sentence, if a text is no base64 or no histogram.
    pub(crate) fn decode(texts: &Texts) -> Result<CoarseLatency, String> {
        let mut all = BTreeMap::new();
        for metric in Metric::ALL {
            if let Some(histogram) = decode_one(texts, metric)? {
                all.insert(metric, histogram);
            }
        }
        Ok(CoarseLatency(all))
    }
    /// Adds every histogram of `other`.
    ///
    /// # Errors
    /// A sentence, if one has values that the other cannot hold.
    pub(crate) fn add(&mut self, other: CoarseLatency) -> Result<(), String> {
        for (metric, theirs) in other.0 {
            add_or_insert(&mut self.0, metric, theirs)?;
        }
        Ok(())
    }
    /// Adds every value to whole histograms, as the middle of its bucket.
    pub(crate) fn add_to(&self, latency: &mut Latency) {
        for (metric, coarse) in &self.0 {
            let whole = latency.of_mut(*metric);
            for bucket in coarse.iter_recorded() {
                let middle = coarse.median_equivalent(bucket.value_iterated_to());
                whole.saturating_record_n(middle, bucket.count_at_value());
            }
        }
    }
}

/// Adds a histogram to that of its metric. The sum of two resolutions has the coarser one.
///
/// # Errors
/// A sentence, if one has values that the other cannot hold.
pub(crate) fn add_or_insert(
    all: &mut BTreeMap<Metric, Histogram<u64>>,
    metric: Metric,
    mut other: Histogram<u64>,
) -> Result<(), String> {
    let Some(sum) = all.get_mut(&metric) else {
        all.insert(metric, other);
        return Ok(());
    };
    if other.sigfig() < sum.sigfig() {
        std::mem::swap(sum, &mut other);
    }
    sum.add(&other).map_err(|e| format!("histogram {:?}: {e}", metric.name()))
}

/// The histograms that hold anything, by the metric's name. They are not compressed: whoever compresses a
/// whole file of them finds more in it.
pub(crate) fn encode(latency: &Latency) -> Texts {
    texts(latency, &mut V2Serializer::new(), |histogram, serializer, bytes| {
        serializer.serialize(histogram, bytes).is_ok()
    })
}

/// The same at [`COARSE_DIGITS`], for the row of a second; compressed, then coarser, if it would take too much room.
pub(crate) fn encode_coarse(latency: &Latency) -> Texts {
    let add = |coarse: &mut Histogram<u64>, histogram: &_| coarse.add(histogram).is_ok();
    let fits = |all: &Texts| all.values().map(String::len).sum::<usize>() <= MOST_COARSE_BYTES;
    let plain = coarse_texts(latency, &mut V2Serializer::new(), add);
    if fits(&plain) {
        return plain;
    }
    let compressed = coarse_texts(latency, &mut V2DeflateSerializer::new(), add);
    if fits(&compressed) {
        return compressed;
    }
    coarse_texts(latency, &mut V2DeflateSerializer::new(), |coarse, histogram| {
        histogram.iter_recorded().all(|bucket| {
            let value = middle_of_quarter(bucket.value_iterated_to());
            coarse.record_n(value, bucket.count_at_value()).is_ok()
        })
    })
}

fn coarse_texts<S: Serializer>(
    latency: &Latency,
    serializer: &mut S,
    add: impl Fn(&mut Histogram<u64>, &Histogram<u64>) -> bool,
) -> Texts {
    // The bounds of the whole histograms.
    let empty = Histogram::<u64>::new_with_bounds(1, LATENCY_BOUND_NS, COARSE_DIGITS);
    let mut coarse = empty.expect("fixed bounds are valid");
    texts(latency, serializer, |histogram, serializer, bytes| {
        coarse.reset();
        add(&mut coarse, histogram) && serializer.serialize(&coarse, bytes).is_ok()
    })
}

/// The middle of the values that have the same [`KEPT_BITS`] leading bits, and at most [`LATENCY_BOUND_NS`].
fn middle_of_quarter(value: u64) -> u64 {
    let dropped = (u64::BITS - value.leading_zeros()).saturating_sub(KEPT_BITS);
    let half = (1 << dropped) >> 1;
    (((value >> dropped) << dropped) + half).min(LATENCY_BOUND_NS)
}

fn texts<S>(
    latency: &Latency,
    serializer: &mut S,
    mut serialize: impl FnMut(&Histogram<u64>, &mut S, &mut Vec<u8>) -> bool,
) -> Texts {
    let mut bytes = Vec::new();
    let mut out = BTreeMap::new();
    for metric in Metric::ALL {
        if let Some(histogram) = latency.of(metric) {
            bytes.clear();
            let fits = serialize(histogram, serializer, &mut bytes);
            // Writing to memory fails only if the histogram is larger than memory.
            assert!(fits, "a histogram fits in memory");
            out.insert(metric.name().to_owned(), STANDARD.encode(&bytes));
        }
    }
    out
}

/// The histogram of a metric, whole or coarse; `None` if there is none.
///
/// # Errors
/// A sentence, if the text is no base64 or no histogram.
pub(crate) fn decode_one(texts: &Texts, metric: Metric) -> Result<Option<Histogram<u64>>, String> {
    let Some(text) = texts.get(metric.name()) else { return Ok(None) };
    let bad = |e: &dyn std::fmt::Display| format!("histogram {:?}: {e}", metric.name());
    let bytes = STANDARD.decode(text).map_err(|e| bad(&e))?;
    let histogram = Deserializer::new().deserialize::<u64, _>(&mut bytes.as_slice());
    histogram.map(Some).map_err(|e| bad(&e))
}

/// The reverse of [`encode`], of compressed ones too. Metrics of a later version are left out.
///
/// # Errors
/// A sentence, if a text is no base64 or no histogram.
pub(crate) fn decode(texts: &Texts) -> Result<Latency, String> {
    let mut latency = Latency::default();
    for metric in Metric::ALL {
        if let Some(histogram) = decode_one(texts, metric)? {
            let added = latency.of_mut(metric).add(&histogram);
            added.map_err(|e| format!("histogram {:?}: {e}", metric.name()))?;
        }
    }
    Ok(latency)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn recorded(values: &[u64]) -> Latency {
        let mut latency = Latency::default();
        values.iter().for_each(|&v| latency.record(Metric::ServiceTime, v));
        latency
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn encoding_loses_nothing(values in prop::collection::vec(1u64..4_000_000_000_000, 0..50)) {
            let latency = recorded(&values);
            prop_assert_eq!(&decode(&encode(&latency)).unwrap(), &latency);
            let compressed = texts(&latency, &mut V2DeflateSerializer::new(), |histogram, serializer, bytes| {
                serializer.serialize(histogram, bytes).is_ok()
            });
            prop_assert_eq!(&decode(&compressed).unwrap(), &latency);
        }

        #[test]
        fn a_coarse_histogram_has_every_value_within_the_stated_error(
            values in prop::collection::vec(1u64..3_600_000_000_000, 1..50)
        ) {
            let coarse = CoarseLatency::decode(&encode_coarse(&recorded(&values))).unwrap();
            let mut again = Latency::default();
            coarse.add_to(&mut again);
            let (is, was) = (again.of(Metric::ServiceTime).unwrap(), recorded(&values));
            let was = was.of(Metric::ServiceTime).unwrap();
            prop_assert_eq!(is.len(), was.len());
            for quantile in [0.0, 0.5, 0.99, 1.0] {
                let (is, was) = (is.value_at_quantile(quantile), was.value_at_quantile(quantile));
                // Both have three digits, on top of the coarse one's half bucket.
                let most = was as f64 * (1.0 / 32.0 + 2.0 / 1024.0) + 1.0;
                prop_assert!(is.abs_diff(was) as f64 <= most, "{} for {}", is, was);
            }
        }

        #[test]
        fn any_text_is_a_histogram_or_an_error(text in "[A-Za-z0-9+/=]{0,80}") {
            let texts = BTreeMap::from([("driver_lag".to_owned(), text)]);
            let _ = decode(&texts);
            let _ = CoarseLatency::decode(&texts);
        }
    }

    #[test]
    fn latencies_that_lie_far_apart_are_coarser_and_keep_their_room() {
        let mut latency = Latency::default();
        // Each metric has 20,000 values from a microsecond to a minute, as many in each power of two.
        for metric in Metric::ALL {
            for i in 0..20_000_u32 {
                latency
                    .record(metric, (1e3 * (f64::from(i) / 20_000.0 * 60e6_f64.ln()).exp()) as u64);
            }
        }
        let texts = encode_coarse(&latency);
        let bytes: usize = texts.values().map(String::len).sum();
        assert!(bytes <= MOST_COARSE_BYTES, "{bytes} bytes");
        let mut again = Latency::default();
        CoarseLatency::decode(&texts).unwrap().add_to(&mut again);
        for metric in Metric::ALL {
            let (is, was) = (again.of(metric).unwrap(), latency.of(metric).unwrap());
            assert_eq!(is.len(), was.len());
            for quantile in [0.01, 0.5, 0.99, 0.999] {
                let (is, was) = (is.value_at_quantile(quantile), was.value_at_quantile(quantile));
                assert!(is.abs_diff(was) as f64 <= was as f64 / 6.0, "{is} for {was}");
            }
        }
    }

    #[test]
    fn the_middle_of_a_quarter_is_within_it() {
        for (value, middle) in
            [(0, 0), (1, 1), (7, 7), (8, 9), (9, 9), (16, 18), (19, 18), (20, 22)]
        {
            assert_eq!(middle_of_quarter(value), middle, "{value}");
        }
        assert_eq!(middle_of_quarter(u64::MAX), LATENCY_BOUND_NS);
    }

    #[test]
    fn a_sum_of_two_resolutions_has_the_coarser_one() {
        let latency = recorded(&[1_000_000, 3_000_000]);
        let coarse = decode_one(&encode_coarse(&latency), Metric::ServiceTime).unwrap().unwrap();
        let whole = latency.of(Metric::ServiceTime).unwrap().clone();
        for (first, second) in [(&coarse, &whole), (&whole, &coarse)] {
            let mut all = BTreeMap::from([(Metric::ServiceTime, first.clone())]);
            add_or_insert(&mut all, Metric::ServiceTime, second.clone()).unwrap();
            let sum = &all[&Metric::ServiceTime];
            assert_eq!((sum.len(), sum.sigfig()), (4, COARSE_DIGITS));
        }
    }
}

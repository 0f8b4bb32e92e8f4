//! Histograms as text: HdrHistogram's V2 encoding in base64, the form that its other
//! implementations read.

use crate::record::{Latency, Metric};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use std::collections::BTreeMap;

/// The histograms that hold anything, by the metric's name.
pub(crate) fn encode(latency: &Latency) -> BTreeMap<String, String> {
    let mut serializer = V2Serializer::new();
    let mut bytes = Vec::new();
    let mut out = BTreeMap::new();
    for metric in Metric::ALL {
        if let Some(histogram) = latency.of(metric) {
            bytes.clear();
            // Writing to memory fails only where the histogram is larger than memory.
            serializer.serialize(histogram, &mut bytes).expect("a histogram fits in memory");
            out.insert(metric.name().to_owned(), STANDARD.encode(&bytes));
        }
    }
    out
}

/// The reverse of [`encode`]. Metrics of a later version are left out.
///
/// # Errors
/// A sentence, if a text is no base64 or no histogram.
pub(crate) fn decode(texts: &BTreeMap<String, String>) -> Result<Latency, String> {
    let mut latency = Latency::default();
    let mut deserializer = Deserializer::new();
    for metric in Metric::ALL {
        if let Some(text) = texts.get(metric.name()) {
            let bad = |e: &dyn std::fmt::Display| format!("histogram {:?}: {e}", metric.name());
            let bytes = STANDARD.decode(text).map_err(|e| bad(&e))?;
            let histogram =
                deserializer.deserialize::<u64, _>(&mut bytes.as_slice()).map_err(|e| bad(&e))?;
            latency.of_mut(metric).add(&histogram).map_err(|e| bad(&e))?;
        }
    }
    Ok(latency)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn encoding_loses_nothing(values in prop::collection::vec(1u64..4_000_000_000_000, 0..50)) {
            let mut latency = Latency::default();
            values.iter().for_each(|&v| latency.record(Metric::ServiceTime, v));
            prop_assert_eq!(decode(&encode(&latency)).unwrap(), latency);
        }

        #[test]
        fn any_text_is_a_histogram_or_an_error(text in "[A-Za-z0-9+/=]{0,80}") {
            let _ = decode(&BTreeMap::from([("driver_lag".to_owned(), text)]));
        }
    }
}

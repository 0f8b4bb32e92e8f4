//! Latency histograms: one a metric and thread, three significant digits, nanoseconds.
//!
//! A value past the bound is saturated and counted there: a percentile is never made from less
//! than was recorded. Percentiles are never merged, only histograms.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest lateness of a driver that a scenario can permit.
pub(crate) const MOST_DRIVER_LATENESS_NS: u64 = 1_000_000_000;

named! {
    /// What a latency runs from and to.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Metric {
        /// From the intended moment of publishing to the client having the update.
        DeliveryLatency = "delivery_latency",
        /// From the intended moment of a request to its whole response: free of coordinated
        /// omission.
        ResponseLatency = "response_latency",
        /// From the actual sending of a request to its whole response.
        ServiceTime = "service_time",
        /// From the intended moment of a turn to its actual start: the driver's own delay.
        DriverLag = "driver_lag",
        /// From the intended moment of a probe of a driver's thread to the moment at which it came:
        /// how late the thread is, whatever its clients wait for.
        ProbeLateness = "probe_lateness",
        /// From the kernel having received bytes to the client having read them, on a sample of the
        /// connections: of a read of several segments, from the last one's arrival.
        KernelToClient = "kernel_to_client",
        /// The age that a client's information had reached when something newer came (Costa,
        /// Codreanu, Ephremides 2016).
        PeakAge = "peak_age",
        /// From `connect` to the connection.
        ConnectTime = "connect_time",
        /// From the connection to the end of the handshake of TLS.
        TlsHandshakeTime = "tls_handshake_time",
        /// From the upgrade request to the upgraded connection.
        UpgradeTime = "upgrade_time",
        /// From the moment at which a piece was to leave a delay line to its leaving.
        DelayError = "delay_error",
    }
}

impl Metric {
    /// True for those that begin at the time in a message's stamp.
    pub fn is_from_stamps(self) -> bool {
        matches!(self, Metric::DeliveryLatency | Metric::PeakAge)
    }
    /// True for the two latencies that a client observes: of its requests, and of what is pushed.
    pub fn is_headline(self) -> bool {
        matches!(self, Metric::DeliveryLatency | Metric::ResponseLatency)
    }
}

/// The longest latency that is distinguished, in nanoseconds: one hour.
pub(crate) const BOUND_NS: u64 = 3_600_000_000_000;

/// A histogram for each metric that anything was recorded of.
#[derive(Debug, Clone, Default)]
pub struct Latency([Option<Box<Histogram<u64>>>; Metric::ALL.len()]);

/// Returns an empty histogram of times up to an hour.
pub(crate) fn empty_histogram() -> Histogram<u64> {
    // Fixed valid bounds: 1 ≤ low, 2·low ≤ high, at most five digits.
    Histogram::new_with_bounds(1, BOUND_NS, 3).expect("fixed bounds are valid")
}

/// Returns a histogram of these times.
#[cfg(test)]
pub(crate) fn histogram_of(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = empty_histogram();
    values.into_iter().for_each(|ns| histogram.saturating_record(ns));
    histogram
}

fn empty() -> Box<Histogram<u64>> {
    Box::new(empty_histogram())
}

impl Latency {
    /// Counts one latency of `ns` nanoseconds. Allocates at the first of a metric.
    #[inline]
    pub fn record(&mut self, metric: Metric, ns: u64) {
        self.0[metric as usize].get_or_insert_with(empty).saturating_record(ns);
    }
    /// The histogram of a metric; `None` if nothing was recorded.
    pub fn of(&self, metric: Metric) -> Option<&Histogram<u64>> {
        self.0[metric as usize].as_deref().filter(|h| !h.is_empty())
    }
    /// The histogram of a metric, to be added to.
    pub fn of_mut(&mut self, metric: Metric) -> &mut Histogram<u64> {
        self.0[metric as usize].get_or_insert_with(empty)
    }
    /// Adds every histogram of `other`.
    pub fn add(&mut self, other: &Latency) {
        for metric in Metric::ALL {
            if let Some(theirs) = other.of(metric) {
                self.of_mut(metric).add(theirs).expect("all histograms have the same bounds");
            }
        }
    }
    /// Makes every histogram and touches its memory, so that it is there before anything is
    /// measured and is not taken for a client's.
    pub fn prepare(&mut self) {
        Metric::ALL.iter().for_each(|&metric| self.of_mut(metric).reset());
    }
    /// Forgets everything, keeping the memory.
    pub fn reset(&mut self) {
        self.0.iter_mut().flatten().filter(|h| !h.is_empty()).for_each(|h| h.reset());
    }
    /// True if nothing was recorded.
    pub fn is_empty(&self) -> bool {
        Metric::ALL.iter().all(|&m| self.of(m).is_none())
    }
}

impl PartialEq for Latency {
    fn eq(&self, other: &Latency) -> bool {
        Metric::ALL.iter().all(|&m| self.of(m) == other.of(m))
    }
}

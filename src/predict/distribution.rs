//! The law that a latency should follow by arithmetic: what a measured distribution is held
//! against.
//!
//! Separate from `latency`, which is what was measured. A law is a mixture of a few simple
//! pieces, so that mean, worst case and distribution function are exact and no one samples.

use crate::units::human_ns;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// One piece of a mixture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// Always the same.
    Constant {
        /// Nanoseconds.
        at_ns: f64,
    },
    /// Every value between two as likely as any other.
    Uniform {
        /// The least, in nanoseconds.
        from_ns: f64,
        /// The most.
        to_ns: f64,
    },
    /// An exponential law from `from_ns` on, cut at `to_ns`: the time since the last arrival of a
    /// Poisson process, given that there was one.
    CutExponential {
        /// The least, in nanoseconds.
        from_ns: f64,
        /// The most.
        to_ns: f64,
        /// Arrivals a nanosecond; above zero.
        rate: f64,
    },
}

/// A mixture of pieces; the weights add up to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Pieces with their weights.
    pub parts: Vec<(f64, Component)>,
}

/// The most pieces of a mixture that are listed one by one.
const MOST_LISTED: usize = 4;

impl Component {
    fn describe(&self) -> String {
        match *self {
            Component::Constant { at_ns } => human_ns(at_ns),
            Component::Uniform { from_ns, to_ns } => {
                format!("uniform from {} to {}", human_ns(from_ns), human_ns(to_ns))
            }
            Component::CutExponential { from_ns, to_ns, rate } => format!(
                "exponential from {} to {}, of mean {} before the cut",
                human_ns(from_ns),
                human_ns(to_ns),
                human_ns(1.0 / rate)
            ),
        }
    }
    fn mean_ns(&self) -> f64 {
        match *self {
            Component::Constant { at_ns } => at_ns,
            Component::Uniform { from_ns, to_ns } => (from_ns + to_ns) / 2.0,
            Component::CutExponential { from_ns, to_ns, rate } => {
                let cut = rate * (to_ns - from_ns);
                // The mean of an exponential law given that it is below the cut.
                let within = 1.0 - cut * (-cut).exp() / -(-cut).exp_m1();
                if cut > 1e-6 { from_ns + within / rate } else { (from_ns + to_ns) / 2.0 }
            }
        }
    }
    fn ends_ns(&self) -> (f64, f64) {
        match *self {
            Component::Constant { at_ns } => (at_ns, at_ns),
            Component::Uniform { from_ns, to_ns }
            | Component::CutExponential { from_ns, to_ns, .. } => (from_ns, to_ns),
        }
    }
    fn at_most(&self, ns: f64) -> f64 {
        let (from_ns, to_ns) = self.ends_ns();
        match *self {
            _ if ns >= to_ns => 1.0,
            _ if ns < from_ns => 0.0,
            Component::Constant { .. } => 1.0,
            Component::Uniform { .. } => (ns - from_ns) / (to_ns - from_ns),
            Component::CutExponential { rate, .. } => {
                (-rate * (ns - from_ns)).exp_m1() / (-rate * (to_ns - from_ns)).exp_m1()
            }
        }
    }
}

impl Distribution {
    /// Always the same.
    pub fn constant(at_ns: f64) -> Distribution {
        Distribution { parts: vec![(1.0, Component::Constant { at_ns })] }
    }
    /// Uniform between two values.
    pub fn uniform(from_ns: f64, to_ns: f64) -> Distribution {
        Distribution { parts: vec![(1.0, Component::Uniform { from_ns, to_ns })] }
    }
    /// One value with a probability, else another law.
    pub(crate) fn constant_or(share: f64, at_ns: f64, other: Component) -> Distribution {
        Distribution { parts: vec![(share, Component::Constant { at_ns }), (1.0 - share, other)] }
    }
    /// The mean in nanoseconds.
    pub fn mean_ns(&self) -> f64 {
        self.parts.iter().map(|(weight, piece)| weight * piece.mean_ns()).sum()
    }
    /// The least value in nanoseconds.
    pub fn least_ns(&self) -> f64 {
        self.parts.iter().map(|(_, piece)| piece.ends_ns().0).fold(f64::INFINITY, f64::min)
    }
    /// The worst value in nanoseconds.
    pub fn worst_ns(&self) -> f64 {
        self.parts.iter().map(|(_, piece)| piece.ends_ns().1).fold(0.0, f64::max)
    }
    /// The share of values that are at most this: the distribution function.
    pub fn at_most(&self, ns: f64) -> f64 {
        self.parts.iter().map(|(weight, piece)| weight * piece.at_most(ns)).sum()
    }
    /// The law in words: `50 ms with probability 0.905, else uniform from 50 ms to 150 ms`.
    pub fn describe(&self) -> String {
        let listed: Vec<&(f64, Component)> = self.parts.iter().filter(|p| p.0 > 1e-9).collect();
        let words =
            |parts: &[&(f64, Component)]| parts.iter().map(|p| p.1.describe()).collect::<Vec<_>>();
        match listed.as_slice() {
            [] => "nothing".to_owned(),
            [(_, Component::Constant { at_ns })] => format!("always {}", human_ns(*at_ns)),
            [(_, piece)] => piece.describe(),
            many if many.len() > MOST_LISTED => {
                let ends = (human_ns(self.least_ns()), human_ns(self.worst_ns()));
                format!("{} cases from {} to {}", many.len(), ends.0, ends.1)
            }
            [before @ .., last] if before.iter().all(|p| (p.0 - last.0).abs() < 1e-9) => {
                format!("{} or {}, as likely", words(before).join(", "), last.1.describe())
            }
            [before @ .., last] => {
                let one = |p: &&(f64, Component)| {
                    format!("{} with probability {:.3}", p.1.describe(), p.0)
                };
                let before: Vec<String> = before.iter().map(one).collect();
                format!("{}, else {}", before.join(", "), last.1.describe())
            }
        }
    }
    /// The Kolmogorov–Smirnov distance of what was measured from this law, if a measured value
    /// may be late by up to `late_ns`, the stated error of timers and of the server: the largest
    /// difference by which the measured distribution lies outside the band between the law and
    /// the law that much later. `None` if nothing was measured.
    pub fn distance(&self, measured: &Histogram<u64>, late_ns: f64) -> Option<f64> {
        let all = measured.len() as f64;
        if measured.is_empty() {
            return None;
        }
        let mut before = 0.0;
        let mut worst = 0.0f64;
        for step in measured.iter_recorded() {
            // A bucket's values lie between its least and its highest equivalent value.
            let high = step.value_iterated_to() as f64;
            let low = measured.lowest_equivalent(step.value_iterated_to()) as f64;
            let after = before + step.count_since_last_iteration() as f64 / all;
            // More came this early than the law allows; or fewer than even the late one demands.
            worst = worst.max(after - self.at_most(high));
            worst = worst.max(self.at_most(low - late_ns - 1.0) - before);
            before = after;
        }
        Some(worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram_of;
    use proptest::prelude::*;

    #[test]
    fn a_cut_exponential_is_between_uniform_and_uncut() {
        let piece = |rate| Component::CutExponential { from_ns: 10.0, to_ns: 110.0, rate };
        assert!((piece(1e-9).mean_ns() - 60.0).abs() < 0.1);
        assert!((piece(1.0).mean_ns() - 11.0).abs() < 0.1);
        assert!((piece(0.01).mean_ns() - 51.8).abs() < 0.1, "{}", piece(0.01).mean_ns());
        assert_eq!((piece(0.01).at_most(9.0), piece(0.01).at_most(110.0)), (0.0, 1.0));
    }

    #[test]
    fn a_law_has_no_distance_from_itself_and_half_from_its_half() {
        let law = Distribution::uniform(1e6, 2e6);
        let own = histogram_of((0..10_000).map(|n| 1_000_000 + n * 100));
        assert!(law.distance(&own, 0.0).unwrap() < 0.002);
        // A late measurement is within the band, an early one never is.
        let late = histogram_of((0..10_000).map(|n| 1_050_000 + n * 100));
        assert!(law.distance(&late, 0.0).unwrap() > 0.04);
        assert!(law.distance(&late, 60_000.0).unwrap() < 0.002);
        let early = histogram_of((0..10_000).map(|n| 950_000 + n * 100));
        assert!(law.distance(&early, 60_000.0).unwrap() > 0.04);
        let half = histogram_of((0..10_000).map(|n| 1_000_000 + n * 50));
        assert!((law.distance(&half, 0.0).unwrap() - 0.5).abs() < 0.01);
        assert_eq!(law.distance(&histogram_of(std::iter::empty()), 0.0), None);
    }

    #[test]
    fn distributions_are_described() {
        assert_eq!(Distribution::constant(50e6).describe(), "always 50 ms");
        assert_eq!(Distribution::uniform(50e6, 1050e6).describe(), "uniform from 50 ms to 1.05 s");
        let at = |ms: f64| Component::Constant { at_ns: ms * 1e6 };
        let uniform = Component::Uniform { from_ns: 50e6, to_ns: 150e6 };
        let mixed = Distribution { parts: vec![(0.905, at(50.0)), (0.095, uniform)] };
        let words = "50 ms with probability 0.905, else uniform from 50 ms to 150 ms";
        assert_eq!(mixed.describe(), words);
        let third = |ms| (1.0 / 3.0, at(ms));
        let batch = Distribution { parts: vec![third(250.0), third(150.0), third(50.0)] };
        assert_eq!(batch.describe(), "250 ms, 150 ms or 50 ms, as likely");
        let many = Distribution { parts: (1..=8).map(|n| (0.125, at(f64::from(n)))).collect() };
        assert_eq!(many.describe(), "8 cases from 1 ms to 8 ms");
        assert_eq!(Distribution { parts: Vec::new() }.describe(), "nothing");
    }

    #[test]
    fn an_atom_is_met_by_values_within_the_timers_error_only() {
        let law = Distribution::constant(50e6);
        let near = histogram_of((0..1000).map(|n| 50_000_000 + n * 100));
        assert!(law.distance(&near, 200_000.0).unwrap() < 0.001);
        assert!(law.distance(&near, 10_000.0).unwrap() > 0.5);
        assert!(law.distance(&histogram_of([49_000_000].into_iter()), 200_000.0).unwrap() > 0.99);
    }

    proptest! {
        #[test]
        fn a_distribution_function_rises_from_0_to_1(
            weight in 0.0f64..=1.0, at in 1.0f64..1e9, width in 1.0f64..1e9, rate in 1e-12f64..1e-3
        ) {
            let piece = Component::CutExponential { from_ns: at, to_ns: at + width, rate };
            let law = Distribution { parts: vec![
                (weight, Component::Constant { at_ns: at }), (1.0 - weight, piece)
            ]};
            prop_assert!(law.at_most(at - 1.0).abs() < 1e-12);
            prop_assert!((law.at_most(law.worst_ns()) - 1.0).abs() < 1e-9);
            let mean = law.mean_ns();
            prop_assert!(law.least_ns() <= mean && mean <= law.worst_ns(), "{mean}");
            let steps: Vec<f64> = (0..20).map(|n| law.at_most(at + width * f64::from(n) / 19.0)).collect();
            prop_assert!(steps.windows(2).all(|w| w[0] <= w[1] + 1e-12));
        }
    }
}

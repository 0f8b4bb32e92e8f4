//! The delay of a path: how long a byte takes, and how that varies.
//!
//! Jitter is always *added*: nothing is faster than the delay, as no packet is faster than light.

use crate::record::Direction;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

/// The longest delay and the largest jitter that may be set, in nanoseconds: ten seconds, more
/// than any path on Earth takes.
pub(crate) const MOST_DELAY_NS: u64 = 10_000_000_000;

/// The delay between a client and its server, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Delay {
    /// The least time from one end to the other, in nanoseconds.
    pub one_way_ns: u64,
    /// The scale of the jitter, in nanoseconds; 0 for none.
    pub jitter_ns: u64,
    /// How jitter is distributed.
    pub law: JitterDistribution,
    /// The seed of the jitter.
    pub seed: u64,
}

named! {
    /// How the jitter of one piece is drawn.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum JitterDistribution {
        /// Evenly from 0 to the jitter.
        #[default]
        Uniform = "uniform",
        /// Exponentially, with the jitter as the mean.
        Exponential = "exponential",
        /// The magnitude of a normal deviate, with the jitter as its standard deviation.
        HalfNormal = "half-normal",
    }
}

impl Delay {
    /// True if nothing is delayed.
    pub fn is_none(&self) -> bool {
        self.one_way_ns == 0 && self.jitter_ns == 0
    }
    /// What a round trip adds to time limits, in nanoseconds. Unbounded distributions are cut at ten
    /// times the jitter, which one piece in 22,000 exceeds.
    pub fn allowance_ns(&self) -> u64 {
        let jitter = match self.law {
            JitterDistribution::Uniform => self.jitter_ns,
            _ => self.jitter_ns.saturating_mul(10),
        };
        self.one_way_ns.saturating_add(jitter).saturating_mul(2)
    }
    /// The delays of one direction of one connection, the same in every run with this seed.
    pub fn draws(&self, client: u32, connection: u32, direction: Direction) -> Draws {
        let mix = |n: u64| SplitMix64::seed_from_u64(n).next_u64();
        let way = u64::from(connection) << 1 | u64::from(direction == Direction::Down);
        // Neighbours begin far from each other in SplitMix64's one sequence.
        let seed = mix(mix(mix(self.seed) ^ u64::from(client)) ^ way);
        Draws { delay: *self, random: SplitMix64::seed_from_u64(seed) }
    }
}

/// Delays, one a piece.
#[derive(Debug, Clone)]
pub struct Draws {
    delay: Delay,
    random: SplitMix64,
}

impl Draws {
    /// The delay of the next piece, in nanoseconds: never less than the one that was set.
    #[inline]
    pub fn next_ns(&mut self) -> u64 {
        let Delay { one_way_ns, jitter_ns, law, .. } = self.delay;
        if jitter_ns == 0 {
            return one_way_ns;
        }
        let scale = match law {
            JitterDistribution::Uniform => self.fraction(),
            JitterDistribution::Exponential => -self.fraction().ln(),
            // Box and Muller 1958; the magnitude alone.
            JitterDistribution::HalfNormal => {
                let radius = (-2.0 * self.fraction().ln()).sqrt();
                (radius * (std::f64::consts::TAU * self.fraction()).cos()).abs()
            }
        };
        // A float becomes an integer by saturation.
        one_way_ns.saturating_add((scale * jitter_ns as f64) as u64)
    }
    /// 53 random bits in (0, 1]: the logarithm is finite.
    fn fraction(&mut self) -> f64 {
        ((self.random.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn delay(law: JitterDistribution) -> Delay {
        Delay { one_way_ns: 50_000_000, jitter_ns: 5_000_000, law, seed: 7 }
    }

    #[test]
    fn laws_have_their_means_and_nothing_is_early() {
        let half_normal = (2.0 / std::f64::consts::PI).sqrt();
        for (law, mean) in [
            (JitterDistribution::Uniform, 0.5),
            (JitterDistribution::Exponential, 1.0),
            (JitterDistribution::HalfNormal, half_normal),
        ] {
            let mut draws = delay(law).draws(3, 1, Direction::Up);
            let mut sum = 0.0;
            for _ in 0..100_000 {
                let ns = draws.next_ns();
                assert!(ns >= 50_000_000, "{}", law.name());
                if law == JitterDistribution::Uniform {
                    assert!(ns <= 55_000_000);
                }
                sum += (ns - 50_000_000) as f64 / 5_000_000.0;
            }
            assert!((sum / 100_000.0 - mean).abs() < 0.02, "{}: {}", law.name(), sum / 100_000.0);
        }
    }

    #[test]
    fn a_run_repeats_and_no_two_directions_are_alike() {
        let first = |client, connection, direction| {
            let mut draws =
                delay(JitterDistribution::Exponential).draws(client, connection, direction);
            [draws.next_ns(), draws.next_ns(), draws.next_ns()]
        };
        let mut seen = Vec::new();
        for (client, connection) in [(0, 0), (0, 1), (1, 0), (1, 1), (u32::MAX, u32::MAX)] {
            for direction in [Direction::Up, Direction::Down] {
                let drawn = first(client, connection, direction);
                assert_eq!(drawn, first(client, connection, direction));
                assert!(!seen.contains(&drawn));
                seen.push(drawn);
            }
        }
    }

    proptest! {
        #[test]
        fn no_setting_overflows_and_none_is_early(
            one_way_ns: u64, jitter_ns: u64, law in 0usize..3, seed: u64, client: u32
        ) {
            let delay = Delay { one_way_ns, jitter_ns, law: JitterDistribution::ALL[law], seed };
            let mut draws = delay.draws(client, 0, Direction::Down);
            for _ in 0..8 {
                prop_assert!(draws.next_ns() >= one_way_ns);
            }
            prop_assert!(delay.allowance_ns() >= one_way_ns);
        }
    }
}

//! Change points of a series of figures, a figure for each run: where it begins to have another
//! distribution.
//!
//! | file | method | sees |
//! |---|---|---|
//! | `e_divisive` | energy distance and a permutation test | any change of the distribution |
//! | `rank_sum` | ranks, by exact probabilities | a change of the location, whatever outliers there are |
//!
//! Two methods vote: a change is reported if both have a change point within [`TOLERANCE`] runs of
//! each other. A burst that looks like a change to one of them is then no false alarm.
//!
//! For runs at about equal intervals, such as nightly ones. A comparison of two builds is decided by
//! pairs of runs ([`paired`](crate::gate::paired)): they need no history, and the machine is the same.

mod e_divisive;
mod rank_sum;

use e_divisive::find_by_energy;
use rank_sum::find_by_ranks;
pub(crate) use rank_sum::smallest_corrected_p;

/// How many runs the change points of the two methods may be apart, and are still the same one.
pub(crate) const TOLERANCE: usize = 3;
/// Permutations of the energy test at least; more if the level needs them.
const LEAST_PERMUTATIONS: u32 = 999;

/// A place at which one method sees a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ChangePoint {
    /// The first run after the change, counted from 0.
    pub index: usize,
    /// The method's statistic: the energy distance, or the p-value of the split by itself.
    pub statistic: f64,
    /// The p-value over all places at which the change could have been.
    pub p: f64,
}

/// A change that both methods see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AgreedChange {
    /// The first run after it, counted from 0, by the energy distance.
    pub index: usize,
    /// As the energy distance has it.
    pub by_energy: ChangePoint,
    /// As ranks have it.
    pub by_ranks: ChangePoint,
}

/// What the two methods found in a series.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Changes {
    /// What both see, the oldest first.
    pub agreed: Vec<AgreedChange>,
    /// What one of them sees alone.
    pub by_energy_alone: Vec<ChangePoint>,
    /// What the other sees alone.
    pub by_ranks_alone: Vec<ChangePoint>,
}

/// Finds the changes of a series of finite numbers, at the level of each method. The seed is that of
/// the permutations: the same series gives the same changes.
pub(crate) fn find_changes(values: &[f64], level: f64, seed: u64) -> Changes {
    let by_energy = find_by_energy(values, level, permutations(level), seed);
    let by_ranks = find_by_ranks(values, level);
    vote(&by_energy, &by_ranks)
}

/// Returns how many permutations a level needs: with fewer no p-value is as small.
fn permutations(level: f64) -> u32 {
    let needed = (1.0 / level.max(1e-6)).ceil() as u32;
    needed.max(LEAST_PERMUTATIONS)
}

/// Pairs the change points of both methods, the nearest first; each is in one pair at the most.
fn vote(by_energy: &[ChangePoint], by_ranks: &[ChangePoint]) -> Changes {
    let mut near: Vec<(usize, usize, usize)> = Vec::new();
    for (e, one) in by_energy.iter().enumerate() {
        for (r, other) in by_ranks.iter().enumerate() {
            let apart = one.index.abs_diff(other.index);
            if apart <= TOLERANCE {
                near.push((apart, e, r));
            }
        }
    }
    near.sort_unstable();
    let mut partner: Vec<Option<usize>> = vec![None; by_energy.len()];
    let mut taken = vec![false; by_ranks.len()];
    for (_, e, r) in near {
        if partner[e].is_none() && !taken[r] {
            partner[e] = Some(r);
            taken[r] = true;
        }
    }
    let mut changes = Changes::default();
    for (one, partner) in by_energy.iter().zip(partner) {
        match partner {
            Some(r) => changes.agreed.push(AgreedChange {
                index: one.index,
                by_energy: *one,
                by_ranks: by_ranks[r],
            }),
            None => changes.by_energy_alone.push(*one),
        }
    }
    let alone = by_ranks.iter().zip(taken).filter(|(_, taken)| !taken);
    changes.by_ranks_alone.extend(alone.map(|(one, _)| *one));
    changes
}

#[cfg(test)]
mod tests;

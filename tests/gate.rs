//! The gate: limits, baselines, pairs of runs, and what CI shows of them.

/// The action for GitHub, with an API of the test.
mod action;
/// A result against a baseline.
mod baseline;
/// `wsbench bisect` on a small repository.
mod bisect;
/// Comparisons of recorded results.
mod canned;
/// The reference server's faults, caught by comparison.
mod caught;
/// `wsbench compare` and `wsbench calibrate`.
mod compare;
/// Servers that never answer, answer 500, close at once, or are not there.
mod dead_servers;
/// The reference server's own faults, each by the figure that it must show in.
mod faults;
/// A scenario's limits, from its text to the exit code.
mod limits;
/// Every format of a judgement, and where it goes.
mod output;
/// False alarms and power of paired comparisons, simulated with fixed seeds.
mod synthetic;

//! Verdicts: limits of a scenario, comparison with a baseline, comparison of paired runs.
//!
//! Separate from `report`, which derives a run's figures and shows what is found here, and from
//! everything that runs: a gate works on files of another machine and another year.
//!
//! | file | what | how |
//! |---|---|---|
//! | `limit` | a scenario's `[[limit]]` | a figure against a bound with a unit |
//! | `baseline` | a result against a baseline file | counts exactly, segments by arithmetic |
//! | `paired` | B against A over pairs of runs | the signed-rank test of `signed_rank` |
//! | `pairs` `same` `worth` | what of these runs is judged, and whether a run counts | by name, by `baseline`, by its checks |
//! | `noise` | A against A | what this machine can tell |
//!
//! Three rules hold for all of them: a figure without samples never passes, a figure that cannot
//! be compared says why, and the run is the sample, never the request.

pub(crate) mod baseline;
pub(crate) mod invariants;
pub(crate) mod limit;
pub(crate) mod noise;
pub(crate) mod paired;
pub(crate) mod pairs;
pub(crate) mod run_validity;
pub(crate) mod signed_rank;

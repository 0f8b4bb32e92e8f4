//! Judgements: limits of a scenario, comparison with a baseline, comparison of pairs of runs.
//!
//! A gate works on files, also of another machine or an older version. `report` derives a run's
//! figures and shows what is found here.
//!
//! | file | what | how |
//! |---|---|---|
//! | `limit` | a scenario's `[[limit]]` | a figure against a bound with a unit |
//! | `baseline` | a result against a baseline file | counts exactly, segments by arithmetic |
//! | `paired` | B against A over pairs of runs | the signed-rank test of `signed_rank` |
//! | `pairs` | the metrics of pairs of runs that vary | columns of `summary.csv`, each with its margin |
//! | `beside` | what changed beside a figure that got worse | its size and sign over the same pairs |
//! | `growth` | the growth of a server's memory | kept if it has an answer |
//! | `latency_shift` | latencies between the compared percentiles | against those of all earlier pairs |
//! | `invariants` | the figures of pairs of runs that do not vary | by `baseline` |
//! | `loads` | how much came in all pairs of runs | chance and a window's edges |
//! | `run_validity` | whether a run may be used in a comparison | by its checks |
//! | `change_points` | the runs of months | where a figure begins to have another distribution |
//! | `history` | a file of runs | its figures, and the newest change of each |
//! | `noise` | A against A | the changes that this machine can show |
//!
//! Three rules hold for all of them: a figure without samples never passes, a figure that cannot be
//! compared has a reason, and the sample is the run, never the request.

pub(crate) mod baseline;
pub(crate) mod beside;
pub(crate) mod capacity;
pub(crate) mod change_points;
pub(crate) mod confidence_sequence;
pub(crate) mod growth;
pub(crate) mod history;
pub(crate) mod invariants;
pub(crate) mod latency_shift;
pub(crate) mod limit;
pub(crate) mod loads;
pub(crate) mod noise;
pub(crate) mod paired;
pub(crate) mod pairs;
pub(crate) mod run_validity;
pub(crate) mod signed_rank;

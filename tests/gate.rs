//! What a gate says, a file a rule, and what CI is told.

/// Every format of a judgement, and where it goes.
mod output;
/// False alarms and power of paired comparisons, by chance with fixed seeds.
mod synthetic;

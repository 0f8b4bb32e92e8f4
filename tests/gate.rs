//! What a gate says, a file a rule.

/// False alarms and power of paired comparisons, by chance with fixed seeds.
mod synthetic;

//! Suggests a known name for a mistyped one.

/// Returns the end of a message on an unknown name: the nearest known one, if one is near enough, or
/// else `otherwise`.
pub(crate) fn hint(given: &str, known: &[&str], otherwise: impl FnOnce() -> String) -> String {
    match nearest(given, known) {
        Some(near) => format!(", did you mean {near:?}?"),
        None => otherwise(),
    }
}

/// Returns the known name that is nearest to a mistyped one, if one is near enough.
pub(crate) fn nearest<'n>(given: &str, known: &[&'n str]) -> Option<&'n str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&given.to_lowercase(), name);
    let best = known.iter().map(|name| (distance(name), *name)).min()?;
    let most = (given.chars().count().max(best.1.chars().count()) / 3).max(1);
    (best.0 <= most && best.0 < best.1.chars().count()).then_some(best.1)
}

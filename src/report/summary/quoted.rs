//! A text of a server as a message quotes it.

/// The most characters of a server's text.
pub(super) const MOST_CHARS: usize = 200;

/// Returns a text as one that can be printed anywhere.
pub(super) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(MOST_CHARS).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{more}")
}

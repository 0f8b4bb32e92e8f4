//! Which names and texts say that a secret is beside them, in whatever form they are.

use crate::config::suggestion::nearest;
use crate::secret;
use std::ops::Range;

/// The key that marks a table's text as a secret.
const MARK: &str = "secret";

/// Returns a message without user and password of the URLs that it quotes.
pub(super) fn without_users(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some(range) = user_in(rest, false) {
        out.push_str(&rest[..range.start]);
        out.push_str(&secret::placeholder(range.len()));
        rest = &rest[range.end..];
    }
    out + rest
}

/// Returns an argument of `--set` as it may be shown: without its value if a name in it says so.
pub(super) fn override_shown(given: &str) -> String {
    let Some((key, value)) = given.split_once('=').filter(|_| is_sensitive(given)) else {
        return secret::redact(&without_users(given)).into_owned();
    };
    // A table or a list of others may hold a secret, and so may the path.
    if is_sensitive(key) || value.trim_start().starts_with(['{', '[', '"', '\'']) {
        return format!("{key}={}", secret::placeholder(value.len()));
    }
    secret::redact(&without_users(given)).into_owned()
}

/// Whether a key says that what belongs to it is a secret, be it mistyped.
pub(super) fn is_mark(key: &str) -> bool {
    nearest(key, &[MARK]).is_some()
}

/// Whether a text has the name of a secret field, a mark, or a variable's name in it.
pub(super) fn is_sensitive(text: &str) -> bool {
    let part = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    text.split(part).any(|word| secret::is_secret_field(word.as_bytes()) || is_mark(word))
}

/// Returns where user and password may be in the first URL of a line that has some, whatever is wrong with
/// it: from its `://` to the last `@` before the quote that ends it, or in the whole line.
pub(super) fn user_in(line: &str, whole_line: bool) -> Option<Range<usize>> {
    line.match_indices("://").find_map(|(at, mark)| {
        let start = at + mark.len();
        let rest = &line[start..];
        let mut before = ' ';
        let end = rest.find(|c: char| {
            let ends = matches!(c, '"' | '\'') && before != '\\';
            before = c;
            ends
        });
        let url = &rest[..end.filter(|_| !whole_line).unwrap_or(rest.len())];
        url.rfind('@').filter(|at| *at > 0).map(|at| start..start + at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_shown_without_the_value_of_a_secret() {
        assert_eq!(override_shown("feed.rate=2/s"), "feed.rate=2/s");
        assert_eq!(override_shown("url=http://a b:c@h"), "url=http://‹redacted, 5 B›@h");
        for given in [
            "series.a.headers.Authorization=[1234]",
            "series.a.headers={X={value=\"CANARY\",secret=1}}",
        ] {
            let shown = override_shown(given);
            assert!(!shown.contains("CANARY") && !shown.contains("1234"), "{shown}");
        }
    }
}

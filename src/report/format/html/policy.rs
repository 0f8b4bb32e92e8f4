//! The content security policy of a page: its own style and its own script, by their hashes, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Returns the policy (CSP Level 3) of a page with one style and one script.
pub(super) fn of(style: &str, script: &str) -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; img-src blob: data:; base-uri 'none'; \
         form-action 'none'",
        hash(style),
        hash(script)
    )
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard: `alert('Hello, world.');`.
    #[test]
    fn a_hash_is_that_of_the_standards_example() {
        let hashed = hash("alert('Hello, world.');");
        assert_eq!(hashed, "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
    }
}

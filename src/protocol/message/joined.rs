//! Several JSON objects in one message: only the first is read.

/// Returns how many JSON objects stand behind another in a message that begins with one; 0 if it is no
/// sequence of objects.
pub(super) fn texts_behind(message: &[u8]) -> u32 {
    if message.first() != Some(&b'{') || !may_be_several(message) {
        return 0;
    }
    let (mut depth, mut texts, mut is_text, mut is_escaped) = (0u32, 0u32, false, false);
    for byte in message {
        match (is_text, byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (_, b'"') => is_text = !is_text,
            (true, _) => {}
            (false, b'{') => {
                texts += u32::from(depth == 0);
                depth += 1;
            }
            (false, b'}') if depth == 0 => return 0,
            (false, b'}') => depth -= 1,
            (false, byte) if depth == 0 && !byte.is_ascii_whitespace() => return 0,
            (false, _) => {}
        }
    }
    texts.saturating_sub(1)
}

/// Whether an object begins right behind the end of one: within one text there is a comma between. Most
/// messages have few braces that open, so that finding them is nearly all that it costs.
fn may_be_several(message: &[u8]) -> bool {
    memchr::memchr_iter(b'{', message).any(|at| {
        let before = message.get(..at).unwrap_or_default();
        before.trim_ascii_end().last() == Some(&b'}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same a byte at a time.
    fn may_be_several_plainly(message: &[u8]) -> bool {
        let mut last = 0;
        message.iter().filter(|byte| !byte.is_ascii_whitespace()).any(|byte| {
            let found = (last, *byte) == (b'}', b'{');
            last = *byte;
            found
        })
    }

    proptest! {
        #[test]
        fn braces_find_what_each_byte_does(message in "[{} \\t\\n\\x0b\\x0c,a\"]{0,24}") {
            let message = message.as_bytes();
            prop_assert_eq!(may_be_several(message), may_be_several_plainly(message));
        }
    }

    #[test]
    fn objects_behind_another_are_counted() {
        let cases: [(&str, u32); 9] = [
            (r#"{"t":1}"#, 0),
            (r#"{"t":1}{"t":2}"#, 1),
            ("{\"t\":1}\r\n{\"t\":{}}\n{}\n", 2),
            (r#"{"a":{},"b":{"c":"}{"}}"#, 0),
            (r#"{"a":"\"}{"}"#, 0),
            (r#"{"a":"\\"}{}"#, 1),
            ("[{},{}]", 0),
            ("{}x{}{}", 0),
            ("{}}{", 0),
        ];
        for (message, behind) in cases {
            assert_eq!(texts_behind(message.as_bytes()), behind, "{message}");
        }
    }
}

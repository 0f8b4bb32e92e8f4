//! What holds of any secret in any text: for the fuzz target.

use crate::secret::{
    BEFORE, ClientValues, Known, LEAST_ANYWHERE, LEAST_PART, UNRESERVED, decode, find_in_text,
    forms, original_length, percent, redact_fields, redact_server_output, redact_with, replace,
};
use std::ops::Range;

fn check_ranges(text: &[u8], found: &[Range<usize>]) {
    assert!(found.iter().all(|range| range.start < range.end && range.end <= text.len()));
    assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start), "{found:?}");
}

/// Replaces what was found; a text without placeholders of its own says how long it was.
fn check_replaced(text: &str, known: &Known) {
    let found = known.find_all(text.as_bytes(), false);
    check_ranges(text.as_bytes(), &found);
    let at_characters = |range: &Range<usize>| {
        text.is_char_boundary(range.start) && text.is_char_boundary(range.end)
    };
    assert!(found.iter().all(at_characters), "{text:?} {found:?}");
    if !text.contains(&BEFORE[..3]) {
        assert_eq!(original_length(&replace(text.as_bytes(), &found)), text.len());
    }
}

/// A secret in each of its forms within a text: no form of it is left whole, nor its beginning at the
/// end of a text that was cut. Any text as one with secrets, and any bytes as a head: no panic.
pub(crate) fn hide_any_secret(value: &str, text: &str, cut: usize) {
    assert_eq!(decode(&percent(value, UNRESERVED, true)), value);
    let mut known = Known::NONE;
    known.learn(value, true);
    check_replaced(text, &known);
    for form in forms(value.trim()).iter().filter(|form| form.len() >= LEAST_ANYWHERE) {
        let whole = [text, form, text, "/", form].concat();
        check_replaced(&whole, &known);
        let found = known.find_all(whole.as_bytes(), false);
        for (at, _) in whole.match_indices(form.as_str()) {
            let hidden = |range: &Range<usize>| range.start < at + form.len() && range.end > at;
            assert!(found.iter().any(hidden), "{form:?} is shown in {whole:?}");
        }
        let length = LEAST_PART + cut % (form.len() - LEAST_PART);
        let beginning = [text.as_bytes(), &form.as_bytes()[..length]].concat();
        let found = known.find_all(&beginning, true);
        check_ranges(&beginning, &found);
        assert!(found.last().is_some_and(|range| range.end == beginning.len()), "{form:?}");
    }
    let mut said = Known::NONE;
    find_in_text(text, &mut |secret, with_parts| said.learn(secret, with_parts));
    check_replaced(text, &said);
    said.parts.complete();
    let parts = said.parts.find(text.as_bytes());
    assert!(parts.iter().all(|range| range.end <= text.len()));
    let head = redact_fields(text.as_bytes());
    assert_eq!(redact_fields(&head), head);
    hide_any_value_of_a_client(value, text, cut % 2 == 1);
}

/// A client's value between texts, in what a server wrote: no panic, and only what is there is found.
fn hide_any_value_of_a_client(value: &str, text: &str, cut: bool) {
    let values = ClientValues::new([value].into_iter());
    let mut whole = [text, " ", value, " ", text].concat().into_bytes();
    let found = values.find(&whole, cut);
    assert!(found.iter().all(|range| range.start < range.end && range.end <= whole.len()));
    redact_with(&mut whole, cut, found);
    redact_server_output(&mut whole, cut);
}

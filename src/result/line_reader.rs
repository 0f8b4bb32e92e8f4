//! Lines of result files, of which none is read without a bound, and figures that no run can have.

use serde_json::Value;
use std::io::{self, BufRead, ErrorKind, Read};

/// The longest line that is read: hours of messages to all, of which a process's line has an entry each.
/// What is longer is no line but a device or a hole.
pub(crate) const MOST_LINE_BYTES: u64 = 256 << 20;

/// What no figure of a run comes near: more than all counts of 64 bits by the nanosecond.
const MOST_FIGURE: f64 = 1e24;

/// Reads a line with its end into `text`, in place of what is there. Returns its length; 0 at the end of the
/// input.
///
/// # Errors
/// If it cannot be read, or is longer than any line of a result file.
pub(crate) fn read_line(input: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<usize> {
    read_line_of(input, text, MOST_LINE_BYTES)
}

fn read_line_of(input: &mut impl BufRead, text: &mut Vec<u8>, most: u64) -> io::Result<usize> {
    text.clear();
    let length = input.take(most + 1).read_until(b'\n', text)?;
    if length as u64 > most {
        // Its memory is of no use any more.
        *text = Vec::new();
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            format!(
                "a line has no end within {} MiB, as no result file has one",
                MOST_LINE_BYTES >> 20
            ),
        ));
    }
    Ok(length)
}

/// Returns the place and the value of a number with a fraction or an exponent that no run can have, such as
/// `[0].points[3].ip_bytes_per_s` in a list: a report's arithmetic and pictures would be of no use with it.
pub(crate) fn impossible_figure(value: &Value) -> Option<(String, f64)> {
    match value {
        Value::Number(number) if !number.is_u64() && !number.is_i64() => {
            let figure = number.as_f64().unwrap_or(f64::INFINITY);
            (figure.abs() > MOST_FIGURE).then(|| (String::new(), figure))
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(n, item)| {
            impossible_figure(item).map(|(place, figure)| (format!("[{n}]{place}"), figure))
        }),
        Value::Object(map) => map.iter().find_map(|(key, item)| {
            impossible_figure(item).map(|(place, figure)| (format!(".{key}{place}"), figure))
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_without_an_end_is_refused_within_a_bound() {
        let mut text = b"before".to_vec();
        let mut input = &b"12345678\nrest"[..];
        assert_eq!(read_line_of(&mut input, &mut text, 9).ok(), Some(9));
        assert_eq!(text, b"12345678\n");
        assert_eq!(read_line_of(&mut input, &mut text, 9).ok(), Some(4));
        assert_eq!(read_line_of(&mut input, &mut text, 9).ok(), Some(0));
        assert_eq!(text, b"");
        let endless = &mut io::BufReader::new(io::repeat(0));
        let error = read_line_of(endless, &mut text, 1000).expect_err("it has no end");
        assert!(error.to_string().starts_with("a line has no end within 256 MiB"), "{error}");
        assert_eq!(text.capacity(), 0);
    }

    #[test]
    fn a_figure_that_no_run_can_have_is_found_with_its_place() {
        let of = |value: Value| impossible_figure(&value);
        assert_eq!(of(json!({ "a": [1.5, -1e20, u64::MAX, i64::MIN, null, "1e308"] })), None);
        let found = of(json!({ "a": [{}, { "b": { "c": [0.0, 1e300] } }] }));
        assert_eq!(found, Some((".a[1].b.c[1]".to_owned(), 1e300)));
        assert_eq!(of(json!({ "x": -1e25 })), Some((".x".to_owned(), -1e25)));
    }
}

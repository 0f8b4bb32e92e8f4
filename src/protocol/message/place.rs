//! Where a value is in a message, ready to be looked for.

use crate::feed::{ByteForm, Place};
use crate::protocol::json_pointer::JsonPointer;
use crate::protocol::message::decimal::Decimal;
use regex::bytes::{CaptureLocations, Regex, RegexBuilder};
use std::cell::RefCell;

/// The memory that a regular expression may take.
const REGEX_BYTES: usize = 1 << 20;
/// The most bytes of a number that is no text.
const MOST_BINARY: u32 = 8;

/// A place, ready to be looked for.
#[derive(Debug)]
pub(super) enum Finder {
    Pointer(JsonPointer),
    Bytes { offset: usize, length: usize, form: ByteForm },
    Regex(Regex, RefCell<CaptureLocations>),
}

/// A value as it stands in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Text; of JSON as it is written, quotes included.
    Text(&'a [u8]),
    /// A number in binary.
    Number(u64),
}

impl Finder {
    /// Makes a place ready.
    ///
    /// # Errors
    /// A sentence, if it is none.
    pub(super) fn new(place: &Place) -> Result<Finder, String> {
        match place {
            Place::Pointer(text) => Ok(Finder::Pointer(JsonPointer::try_from(text.clone())?)),
            Place::Bytes { offset, length, form } => {
                let most = if *form == ByteForm::Digits { u32::MAX } else { MOST_BINARY };
                if !(1..=most).contains(length) {
                    return Err(match most {
                        MOST_BINARY => format!("a number in binary has 1 to {MOST_BINARY} bytes"),
                        _ => "length must be at least 1".to_owned(),
                    });
                }
                let offset = *offset as usize;
                let length = *length as usize;
                Ok(Finder::Bytes { offset, length, form: *form })
            }
            Place::Regex(text) => {
                let regex = RegexBuilder::new(text)
                    .unicode(false)
                    .size_limit(REGEX_BYTES)
                    .build()
                    .map_err(|error| format!("no regular expression: {error}"))?;
                if regex.captures_len() != 2 {
                    return Err(format!(
                        "the regular expression must have one group in parentheses, and has {}",
                        regex.captures_len() - 1
                    ));
                }
                let found = RefCell::new(regex.capture_locations());
                Ok(Finder::Regex(regex, found))
            }
        }
    }

    /// Returns the value in a message, if it is there.
    pub(super) fn find<'a>(&self, message: &'a [u8]) -> Option<Value<'a>> {
        match self {
            Finder::Pointer(pointer) => pointer.find(message).map(Value::Text),
            Finder::Bytes { offset, length, form } => {
                let bytes = message.get(*offset..)?.get(..*length)?;
                let number = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
                Some(match form {
                    ByteForm::Digits => Value::Text(bytes),
                    ByteForm::BigEndian => Value::Number(bytes.iter().fold(0, number)),
                    ByteForm::LittleEndian => Value::Number(bytes.iter().rev().fold(0, number)),
                })
            }
            Finder::Regex(regex, found) => {
                let mut found = found.borrow_mut();
                regex.captures_read(&mut found, message)?;
                let (from, until) = found.get(1)?;
                message.get(from..until).map(Value::Text)
            }
        }
    }
}

impl Finder {
    /// Returns how many values stand at this place of the other elements of an array; of all elements if none
    /// `is_found`.
    pub(super) fn listed(&self, message: &[u8], is_found: bool) -> u32 {
        match self {
            Finder::Pointer(pointer) if !is_found || pointer.has_index() => {
                pointer.count_in_array(message).saturating_sub(u32::from(is_found))
            }
            Finder::Pointer(_) | Finder::Bytes { .. } | Finder::Regex(..) => 0,
        }
    }
}

/// Returns what stands between the quotes of a text, as it is written; `None` if the value is none.
fn unquoted(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

impl Value<'_> {
    /// Reads it as a number, which may stand in quotes or between blanks.
    pub(super) fn number(self) -> Option<Decimal> {
        match self {
            Value::Text(text) => Decimal::parse(unquoted(text).unwrap_or(text).trim_ascii()),
            Value::Number(number) => Some(Decimal::of(number)),
        }
    }

    /// Reads it as a whole number, which may have a minus sign.
    pub(super) fn whole(self) -> Option<i128> {
        let Value::Text(text) = self else { return self.number()?.whole() };
        let text = unquoted(text).unwrap_or(text).trim_ascii();
        match text.strip_prefix(b"-") {
            Some(digits) => Decimal::parse(digits)?.whole().map(|number| -number),
            None => Decimal::parse(text)?.whole(),
        }
    }

    /// Returns what tells it from another, which two values share with a chance of 2^-64.
    pub(super) fn hash(self) -> u64 {
        // FNV-1a (Fowler, Noll, Vo).
        let add = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        const START: u64 = 0xcbf2_9ce4_8422_2325;
        match self {
            Value::Text(text) => text.iter().fold(START, add),
            Value::Number(number) => number.to_be_bytes().iter().fold(START, add),
        }
    }
}

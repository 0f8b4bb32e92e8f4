//! The fields of a message in one piece of memory, pseudo-header fields among them (RFC 9113 §8.3).

use crate::protocol::http2::hpack::{TableMatch, find_static};

/// Names and values, in their order. Names are of lower case on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FieldList {
    text: Vec<u8>,
    ends: Vec<FieldEnds>,
}

/// Where a field ends in the text of its list. It begins where the one before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FieldEnds {
    name: u32,
    value: u32,
}

impl FieldList {
    /// Adds a field.
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) {
        self.text.extend_from_slice(name);
        let name = self.text.len() as u32;
        self.text.extend_from_slice(value);
        self.ends.push(FieldEnds { name, value: self.text.len() as u32 });
    }

    /// Becomes the same as another list; the memory stays.
    pub(crate) fn copy_from(&mut self, other: &FieldList) {
        self.clear();
        self.text.extend_from_slice(&other.text);
        self.ends.extend_from_slice(&other.ends);
    }

    /// Removes all fields; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.ends.iter().scan(0, |begin, ends| {
            let from = std::mem::replace(begin, ends.value) as usize;
            let name = ends.name as usize;
            Some((&self.text[from..name], &self.text[name..ends.value as usize]))
        })
    }

    /// The same with names as text. A name that is none is no name of a field (RFC 9110 §5.1), and is empty here.
    pub(crate) fn iter_text(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        self.iter().map(|(name, value)| (std::str::from_utf8(name).unwrap_or(""), value))
    }
}

/// Fields that are sent more than once, with what the static table has of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct PreparedFields {
    list: FieldList,
    known: Vec<TableMatch>,
}

impl PreparedFields {
    /// Looks each field up in the static table.
    pub(crate) fn new(list: FieldList) -> PreparedFields {
        let known = list.iter().map(|(name, value)| find_static(name, value)).collect();
        PreparedFields { list, known }
    }

    /// Names, values, and where they are in the static table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8], TableMatch)> {
        self.list.iter().zip(&self.known).map(|((name, value), known)| (name, value, *known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_their_bounds() {
        let mut list = FieldList::default();
        list.push(b":status", b"200");
        list.push(b"empty", b"");
        list.push(b"", b"nameless");
        let all: Vec<_> = list.iter().collect();
        assert_eq!(
            all,
            [
                (&b":status"[..], &b"200"[..]),
                (&b"empty"[..], &b""[..]),
                (&b""[..], &b"nameless"[..]),
            ]
        );
        list.clear();
        assert_eq!(list.iter().count(), 0);
    }
}

//! The tables of HPACK (RFC 7541 §2.3): what an index stands for.

use std::collections::VecDeque;

/// What an entry takes besides its text (RFC 7541 §4.1).
const ENTRY_BYTES: usize = 32;
/// The size of the dynamic table unless a peer's settings say otherwise (RFC 9113 §6.5.2).
pub(crate) const DEFAULT_TABLE_BYTES: usize = 4_096;

/// The static table (RFC 7541 Appendix A), from index 1.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The index of the newest entry of a dynamic table.
const FIRST_DYNAMIC: usize = STATIC.len() + 1;

/// Where a field is in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TableMatch {
    /// The index of an entry with this name and value; 0 if there is none.
    pub field: usize,
    /// The index of an entry with this name; 0 if there is none.
    pub name: usize,
}

/// Looks a field up in the static table.
pub(crate) fn find_static(name: &[u8], value: &[u8]) -> TableMatch {
    let mut found = TableMatch::default();
    for (index, (other, other_value)) in (1..).zip(STATIC) {
        if other.as_bytes() != name {
            continue;
        }
        if found.name == 0 {
            found.name = index;
        }
        if other_value.as_bytes() == value {
            found.field = index;
            break;
        }
    }
    found
}

/// An entry of a dynamic table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableEntry {
    /// Name and value.
    text: Box<[u8]>,
    name_bytes: u32,
}

impl TableEntry {
    /// An entry for a field.
    pub(crate) fn new(name: &[u8], value: &[u8]) -> TableEntry {
        TableEntry { text: [name, value].concat().into(), name_bytes: name.len() as u32 }
    }

    /// Its name and its value.
    pub(crate) fn field(&self) -> (&[u8], &[u8]) {
        self.text.split_at(self.name_bytes as usize)
    }

    fn size(&self) -> usize {
        self.text.len() + ENTRY_BYTES
    }
}

/// A dynamic table: entries in the order in which they came, the oldest of which go if it is full.
#[derive(Debug, Clone)]
pub(crate) struct DynamicTable {
    /// The newest first.
    entries: VecDeque<TableEntry>,
    size: usize,
    limit: usize,
}

impl DynamicTable {
    /// An empty table of so many bytes.
    pub(crate) fn new(limit: usize) -> DynamicTable {
        DynamicTable { entries: VecDeque::new(), size: 0, limit }
    }

    /// How many bytes its entries may have (RFC 7541 §4.2).
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Changes its size; entries that find no room any more go.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.evict(limit);
    }

    fn evict(&mut self, limit: usize) {
        while self.size > limit
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size();
        }
    }

    /// Whether an entry with so much text finds room.
    pub(crate) fn has_room_for(&self, name: &[u8], value: &[u8]) -> bool {
        name.len() + value.len() + ENTRY_BYTES <= self.limit
    }

    /// Adds an entry, for which older ones go. One that finds no room empties the table (RFC 7541 §4.4).
    pub(crate) fn add(&mut self, entry: TableEntry) {
        let size = entry.size();
        self.evict(self.limit.saturating_sub(size));
        if size <= self.limit {
            self.size += size;
            self.entries.push_front(entry);
        }
    }

    /// Returns what an index stands for: of the static table, or of this one.
    pub(crate) fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        if index >= FIRST_DYNAMIC {
            return self.entries.get(index - FIRST_DYNAMIC).map(TableEntry::field);
        }
        let (name, value) = STATIC.get(index.checked_sub(1)?)?;
        Some((name.as_bytes(), value.as_bytes()))
    }

    /// Looks a field up among its entries.
    pub(crate) fn find(&self, name: &[u8], value: &[u8]) -> TableMatch {
        let mut found = TableMatch::default();
        for (index, entry) in (FIRST_DYNAMIC..).zip(&self.entries) {
            if entry.name_bytes as usize != name.len() {
                continue;
            }
            let (other, other_value) = entry.field();
            if other == name {
                if found.name == 0 {
                    found.name = index;
                }
                if other_value == value {
                    found.field = index;
                    break;
                }
            }
        }
        found
    }

    /// The bytes of its entries (RFC 7541 §4.1).
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_static_table_is_that_of_the_appendix() {
        let table = DynamicTable::new(0);
        assert_eq!(table.get(0), None);
        assert_eq!(table.get(1), Some((&b":authority"[..], &b""[..])));
        assert_eq!(table.get(2), Some((&b":method"[..], &b"GET"[..])));
        assert_eq!(table.get(32), Some((&b"cookie"[..], &b""[..])));
        assert_eq!(table.get(61), Some((&b"www-authenticate"[..], &b""[..])));
        assert_eq!(table.get(62), None);
        assert_eq!(find_static(b":status", b"404"), TableMatch { field: 13, name: 8 });
        assert_eq!(find_static(b":status", b"201"), TableMatch { field: 0, name: 8 });
        assert_eq!(find_static(b"x", b""), TableMatch::default());
    }

    #[test]
    fn the_newest_entry_has_the_first_index_and_the_oldest_goes() {
        let mut table = DynamicTable::new(2 * (ENTRY_BYTES + 2));
        for name in [b"a", b"b"] {
            table.add(TableEntry::new(name, b"1"));
        }
        assert_eq!(table.get(62), Some((&b"b"[..], &b"1"[..])));
        assert_eq!(table.get(63), Some((&b"a"[..], &b"1"[..])));
        table.add(TableEntry::new(b"c", b"1"));
        assert_eq!(table.find(b"a", b"1"), TableMatch::default());
        assert_eq!(table.find(b"b", b"2"), TableMatch { field: 0, name: 63 });
        assert_eq!(table.size(), 2 * (ENTRY_BYTES + 2));
        table.set_limit(ENTRY_BYTES + 2);
        assert_eq!(table.get(63), None);
        table.add(TableEntry::new(b"long", b"value"));
        assert_eq!(table.size(), 0, "an entry that finds no room empties the table");
    }
}

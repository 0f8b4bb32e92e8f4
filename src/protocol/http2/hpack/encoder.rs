//! Writes header blocks (RFC 7541 §6) by one of several policies.

use crate::protocol::http2::fields::PreparedFields;
use crate::protocol::http2::hpack::integer::{
    write_coded_string, write_integer, write_shorter_string,
};
use crate::protocol::http2::hpack::table::{DEFAULT_TABLE_BYTES, DynamicTable, TableEntry};
use serde::{Deserialize, Serialize};

/// Which fields a client puts into its dynamic table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HpackPolicy {
    /// None: names and values of the static table alone have an index.
    Static,
    /// As Chromium: all but the pseudo-header fields, of which `:authority` alone.
    #[default]
    Dynamic,
    /// The same but for cookies, which are marked never to be indexed (RFC 7541 §7.1.3).
    CookiesNeverIndexed,
    /// As the `h2` of the reference server, for predictions: `h2` 0.4.20, `src/hpack`.
    #[serde(skip)]
    OfH2,
}

/// Fields of which `h2` puts no value into the table.
const PLAIN_OF_H2: [&[u8]; 9] = [
    b"age",
    b"authorization",
    b"content-length",
    b"cookie",
    b"etag",
    b"if-modified-since",
    b"if-none-match",
    b"location",
    b"set-cookie",
];

/// How one field is written if its value has no index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldLiteral {
    /// And added to the table (RFC 7541 §6.2.1).
    Indexed,
    /// And not added (§6.2.2).
    Plain,
    /// And added by nobody on the way (§6.2.3).
    NeverIndexed,
}

impl FieldLiteral {
    /// The bits that say so, and how many bits of the byte are free.
    fn first(self) -> (u8, u32) {
        match self {
            FieldLiteral::Indexed => (0x40, 6),
            FieldLiteral::Plain => (0, 4),
            FieldLiteral::NeverIndexed => (0x10, 4),
        }
    }
}

impl HpackPolicy {
    /// Every policy of a client.
    pub(crate) const ALL: [HpackPolicy; 3] =
        [HpackPolicy::Static, HpackPolicy::Dynamic, HpackPolicy::CookiesNeverIndexed];

    /// Its name in scenarios.
    pub(crate) fn name(self) -> &'static str {
        match self {
            HpackPolicy::Static => "static",
            HpackPolicy::Dynamic => "dynamic",
            HpackPolicy::CookiesNeverIndexed => "cookies-never-indexed",
            HpackPolicy::OfH2 => "of-h2",
        }
    }

    fn literal(self, name: &[u8]) -> FieldLiteral {
        match self {
            HpackPolicy::Static => FieldLiteral::Plain,
            HpackPolicy::OfH2 if PLAIN_OF_H2.contains(&name) => FieldLiteral::Plain,
            HpackPolicy::OfH2 => FieldLiteral::Indexed,
            HpackPolicy::CookiesNeverIndexed if name == b"cookie" => FieldLiteral::NeverIndexed,
            HpackPolicy::Dynamic | HpackPolicy::CookiesNeverIndexed => {
                let is_pseudo = name.starts_with(b":") && name != b":authority";
                if is_pseudo { FieldLiteral::Plain } else { FieldLiteral::Indexed }
            }
        }
    }
}

/// Writes the header blocks of one direction of a connection, in their order.
#[derive(Debug)]
pub(crate) struct Encoder {
    policy: HpackPolicy,
    table: DynamicTable,
    /// The size of the table, which the next block must begin with.
    resized: Option<TableSizes>,
}

/// Sizes of a table since the last block (RFC 7541 §4.2).
#[derive(Debug, Clone, Copy)]
struct TableSizes {
    smallest: usize,
    last: usize,
}

impl Encoder {
    /// The encoder of a new connection.
    pub(crate) fn new(policy: HpackPolicy) -> Encoder {
        Encoder { policy, table: DynamicTable::new(DEFAULT_TABLE_BYTES), resized: None }
    }

    /// The peer allows a table of so many bytes. No more than the default is used: what is
    /// never used costs memory on both sides.
    pub(crate) fn allow(&mut self, table_bytes: usize) {
        let limit = table_bytes.min(DEFAULT_TABLE_BYTES);
        if limit == self.table.limit() {
            return;
        }
        let smallest = self.resized.map_or(limit, |sizes| sizes.smallest.min(limit));
        self.resized = Some(TableSizes { smallest, last: limit });
        self.table.set_limit(limit);
    }

    /// Appends a block with these fields.
    pub(crate) fn encode(&mut self, fields: &PreparedFields, out: &mut Vec<u8>) {
        if let Some(sizes) = self.resized.take() {
            if sizes.smallest < sizes.last {
                write_integer(0x20, 5, sizes.smallest, out);
            }
            write_integer(0x20, 5, sizes.last, out);
        }
        for (name, value, known) in fields.iter() {
            if known.field > 0 {
                write_integer(0x80, 7, known.field, out);
                continue;
            }
            let dynamic = self.table.find(name, value);
            if dynamic.field > 0 {
                write_integer(0x80, 7, dynamic.field, out);
                continue;
            }
            let literal = match self.policy.literal(name) {
                FieldLiteral::Indexed if !self.has_room_for(name, value) => FieldLiteral::Plain,
                literal => literal,
            };
            let (first, prefix) = literal.first();
            let name_index = if known.name > 0 { known.name } else { dynamic.name };
            write_integer(first, prefix, name_index, out);
            if name_index == 0 {
                write_string(name, self.policy, out);
            }
            write_string(value, self.policy, out);
            if literal == FieldLiteral::Indexed {
                self.table.add(TableEntry::new(name, value));
            }
        }
    }

    /// Whether a field is put into the table, as far as its size goes.
    fn has_room_for(&self, name: &[u8], value: &[u8]) -> bool {
        match self.policy {
            // Three quarters of the table.
            HpackPolicy::OfH2 => (name.len() + value.len() + 32) * 4 <= self.table.limit() * 3,
            HpackPolicy::Static | HpackPolicy::Dynamic | HpackPolicy::CookiesNeverIndexed => {
                self.table.has_room_for(name, value)
            }
        }
    }
}

/// Writes a string by Huffman's code if that is shorter; `h2` does so whatever it takes.
fn write_string(text: &[u8], policy: HpackPolicy, out: &mut Vec<u8>) {
    if policy == HpackPolicy::OfH2 && !text.is_empty() {
        write_coded_string(text, out);
    } else {
        write_shorter_string(text, out);
    }
}

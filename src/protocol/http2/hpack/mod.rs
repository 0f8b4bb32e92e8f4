//! HPACK: header compression for HTTP/2 (RFC 7541).
//!
//! Own, since which field gets which representation decides what a request costs, and is a setting here; and
//! since the bytes of each block are counted.

mod decoder;
mod encoder;
mod huffman;
mod integer;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::{Encoder, HpackPolicy};
pub(crate) use table::{TableMatch, find_static};

/// Why a header block cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HpackError {
    /// It ends within a field.
    Cut,
    /// An integer is larger than 32 bits.
    Integer,
    /// A string is none by Huffman's code.
    Huffman,
    /// No entry of a table has an index.
    Index,
    /// The table's size changes within the block, or beyond what was announced.
    TableSize,
}

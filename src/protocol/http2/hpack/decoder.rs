//! Reads header blocks (RFC 7541 §6).

use crate::protocol::http2::hpack::HpackError;
use crate::protocol::http2::hpack::integer::BlockReader;
use crate::protocol::http2::hpack::table::{DEFAULT_TABLE_BYTES, DynamicTable, TableEntry};

/// Reads the header blocks of one direction of a connection, in their order.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: DynamicTable,
    /// The largest table that the peer may use: what this side has announced, once that is acknowledged.
    allowed: usize,
}

impl Decoder {
    /// The decoder of a new connection.
    pub(crate) fn new() -> Decoder {
        Decoder { table: DynamicTable::new(DEFAULT_TABLE_BYTES), allowed: DEFAULT_TABLE_BYTES }
    }

    /// The peer knows by now that its table may have so many bytes (RFC 9113 §6.5.3).
    pub(crate) fn allow(&mut self, table_bytes: usize) {
        self.allowed = table_bytes;
        if self.table.limit() > table_bytes {
            // The peer says so, too, with its next block (RFC 7541 §4.2).
            self.table.set_limit(table_bytes);
        }
    }

    /// Reads a block, and calls `on` with the name and the value of each field, and whether any of the two is a
    /// literal, which no block before had. `scratch` is memory of any content.
    ///
    /// # Errors
    /// If it cannot be read. Then no later block of the connection can be.
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        scratch: &mut [Vec<u8>; 2],
        mut on: impl FnMut(&[u8], &[u8], bool),
    ) -> Result<(), HpackError> {
        let mut rest = BlockReader(block);
        let mut may_resize = true;
        while let Some(first) = rest.peek() {
            match first {
                0x80.. => {
                    let (name, value) = self.indexed(rest.integer(7)?)?;
                    on(name, value, false);
                }
                0x40.. => {
                    let (name, value) = self.literal(&mut rest, 6, scratch)?;
                    let entry = TableEntry::new(name, value);
                    let (name, value) = entry.field();
                    on(name, value, true);
                    self.table.add(entry);
                }
                0x20.. => {
                    let limit = rest.integer(5)?;
                    if !may_resize || limit > self.allowed {
                        return Err(HpackError::TableSize);
                    }
                    self.table.set_limit(limit);
                    continue;
                }
                // Without an index, or never with one.
                _ => {
                    let (name, value) = self.literal(&mut rest, 4, scratch)?;
                    on(name, value, true);
                }
            }
            may_resize = false;
        }
        Ok(())
    }

    /// The bytes of its table's entries.
    #[cfg(test)]
    pub(crate) fn table_bytes(&self) -> usize {
        self.table.size()
    }

    fn indexed(&self, index: usize) -> Result<(&[u8], &[u8]), HpackError> {
        self.table.get(index).ok_or(HpackError::Index)
    }

    /// Reads a field with a value of its own, and a name of its own if its index is 0.
    fn literal<'a, 'block: 'a>(
        &'a self,
        rest: &mut BlockReader<'block>,
        prefix: u32,
        [name, value]: &'a mut [Vec<u8>; 2],
    ) -> Result<(&'a [u8], &'a [u8]), HpackError> {
        let name = match rest.integer(prefix)? {
            0 => rest.string(name)?,
            index => self.indexed(index)?.0,
        };
        Ok((name, rest.string(value)?))
    }
}

//! How many of the bytes at the socket are the protocol's, and how many are TLS.

use crate::net::layer::TlsBytes;
use std::collections::VecDeque;

/// Records that were made and are not known to have reached the socket.
#[derive(Debug, Clone, Copy, Default)]
struct Made {
    /// The bytes of all records up to their end.
    records: u64,
    /// The bytes of the protocol up to there.
    data: u64,
}

/// The account of one connection.
#[derive(Debug, Default)]
pub(super) struct RecordAccount {
    /// Bytes that the protocol has written.
    accepted: u64,
    /// Of these, those that are in records.
    made: Made,
    /// In order; a bound for each write.
    unwritten: VecDeque<Made>,
    written: Made,
    /// Bytes of whole records that have come, and of what was in them.
    received: Made,
}

impl RecordAccount {
    /// Whether no whole record has come.
    pub(super) fn is_new(&self) -> bool {
        self.received.records == 0
    }
    /// Whether any data of the other side have come.
    pub(super) fn has_decrypted(&self) -> bool {
        self.received.data > 0
    }
    pub(super) fn accepted(&mut self, bytes: usize) {
        self.accepted += bytes as u64;
    }
    /// Bytes that were accepted will not be sent.
    pub(super) fn dropped(&mut self, bytes: usize) {
        self.accepted -= bytes as u64;
    }
    /// The next records that are made hold so many bytes of the protocol.
    pub(super) fn encrypts(&mut self, bytes: usize) {
        self.made.data += bytes as u64;
    }
    /// Records of so many bytes were made.
    pub(super) fn made(&mut self, bytes: usize) {
        if bytes > 0 {
            self.made.records += bytes as u64;
            self.unwritten.push_back(self.made);
        }
    }
    /// So many bytes of the connection have reached the socket.
    pub(super) fn reached_socket(&mut self, total: u64) {
        while let Some(made) = self.unwritten.front()
            && made.records <= total
        {
            self.written = *made;
            self.unwritten.pop_front();
        }
    }
    pub(super) fn received(&mut self, bytes: usize) {
        self.received.records += bytes as u64;
    }
    pub(super) fn decrypted(&mut self, bytes: usize) {
        self.received.data += bytes as u64;
    }
    pub(super) fn written(&self) -> u64 {
        self.written.data
    }
    pub(super) fn unsent(&self) -> u64 {
        self.accepted - self.written.data
    }
    pub(super) fn bytes(&self) -> TlsBytes {
        let of = |made: Made| made.records.saturating_sub(made.data);
        TlsBytes { up: of(self.written), down: of(self.received) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_once_their_record_has_reached_the_socket() {
        let mut account = RecordAccount::default();
        account.made(200);
        account.accepted(30);
        account.encrypts(10);
        account.made(32);
        account.encrypts(20);
        account.made(42);
        account.reached_socket(199);
        assert_eq!((account.written(), account.unsent(), account.bytes().up), (0, 30, 0));
        account.reached_socket(240);
        assert_eq!((account.written(), account.unsent(), account.bytes().up), (10, 20, 222));
        account.reached_socket(274);
        assert_eq!((account.written(), account.unsent(), account.bytes().up), (30, 0, 244));
    }
}

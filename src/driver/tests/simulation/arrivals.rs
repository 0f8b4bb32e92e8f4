//! When what a server sent was with the client: by the servers' account of where something ends in what
//! they sent, and the network's of when how many bytes had come.

use crate::driver::tests::simulation::SeedReport;

/// The moment at which so many bytes of a server had come over this connection; `None` if they never did.
pub(super) fn came_ns(report: &SeedReport, connection: usize, sent: u64) -> Option<u64> {
    // Encrypted ones have come once the record that holds the last of them is whole.
    let sealed = &report.log.served[connection].sealed;
    let on_wire = match report.is_encrypted {
        true => sealed.get(sealed.partition_point(|(plain, _)| *plain < sent))?.1,
        false => sent,
    };
    let came = &report.connections[connection].came;
    came.get(came.partition_point(|(_, all)| *all < on_wire)).map(|(at_ns, _)| *at_ns)
}

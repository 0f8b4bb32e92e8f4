//! Splitting clients over processes and threads.

use serde::{Deserialize, Serialize};

/// Open files that a process needs besides its clients' sockets.
pub(crate) const RESERVED_FILES: u64 = 256;

/// One driver process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverShard {
    /// Its number within the case.
    pub index: u32,
    /// Its first client.
    pub first_client: u32,
    /// Its clients.
    pub clients: u32,
    /// Its threads.
    pub threads: u32,
}

/// One server process, with a port of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerShard {
    /// Its number within the case.
    pub index: u32,
    /// The connections it will hold.
    pub connections: u32,
    /// Its threads.
    pub threads: u32,
}

/// How clients are split over processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    /// The clients of each process.
    pub parts: Vec<u32>,
    /// The threads of each process: all together are about as many as the machine has cores.
    pub threads: u32,
}

/// Splits `clients` over as few processes as the open-file limit allows, evenly: the parts differ
/// by at most one, and their sum is `clients`.
pub(crate) fn split(clients: u32, open_files: u64, cores: u32) -> Split {
    let each = open_files.saturating_sub(RESERVED_FILES).max(1);
    let processes = u64::from(clients).div_ceil(each).max(1);
    // At most `clients` processes, so it fits.
    let processes = processes.min(u64::from(clients.max(1))) as u32;
    let base = clients / processes;
    let extra = clients % processes;
    let parts: Vec<u32> = (0..processes).map(|i| base + u32::from(i < extra)).collect();
    let threads = (cores / processes).clamp(1, parts[0].max(1));
    Split { parts, threads }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hundred_thousand_clients_need_six_processes() {
        let Split { parts, threads } = split(100_000, 20_000, 2);
        assert_eq!(parts, [16_667, 16_667, 16_667, 16_667, 16_666, 16_666]);
        assert_eq!(threads, 1);
        assert_eq!(split(1_000, 20_000, 2), Split { parts: vec![1_000], threads: 2 });
    }

    proptest! {
        #[test]
        fn parts_are_even_and_complete(clients in 1u32..200_000, files in 300u64..70_000, cores in 1u32..64) {
            let Split { parts, threads } = split(clients, files, cores);
            prop_assert_eq!(parts.iter().sum::<u32>(), clients);
            prop_assert!(parts.iter().all(|&p| p > 0 && u64::from(p) <= (files - RESERVED_FILES).max(1)));
            prop_assert!(parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1);
            prop_assert!(threads >= 1 && threads <= cores.max(1));
        }
    }
}

//! A free port for a server that is started.

use crate::error::{Failure, Outcome, at};
use crate::feed::mix;
use crate::os::Machine;
use crate::time::now_ns;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The least port given: all have five digits, and so has every request that names one.
pub(super) const LEAST_PORT: u16 = 10_000;
/// How many ports there are from there on.
const PORTS: u64 = u16::MAX as u64 - LEAST_PORT as u64 + 1;
/// From one port that is tried to the next: a prime, so that none comes twice before all have come.
const STEP: u64 = 7_919;
/// So many are tried at the most.
const MOST_TRIED: u64 = PORTS;

/// Returns a port of five digits that is free on this host now. The kernel gives it to no connection if it has left
/// one for that: between this moment and the server's, any program may connect somewhere.
///
/// # Errors
/// If none was found.
pub(crate) fn free_port() -> Outcome<u16> {
    static FIRST: OnceLock<u64> = OnceLock::new();
    static TRIED: AtomicU64 = AtomicU64::new(0);
    // Processes that start at once begin at different ports.
    let first = *FIRST.get_or_init(|| mix(now_ns() ^ u64::from(std::process::id()) << 32) % PORTS);
    let ephemeral = Machine::read().ports;
    let is_ephemeral =
        |port: u16| ephemeral.is_none_or(|(first, last)| (first..=last).contains(&u32::from(port)));
    for _ in 0..MOST_TRIED {
        let number = TRIED.fetch_add(1, Ordering::Relaxed) % PORTS;
        let port = LEAST_PORT + ((first + number * STEP) % PORTS) as u16;
        if !is_ephemeral(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    of_kernel()
}

/// Returns a port that the kernel gives: all may be of its own.
fn of_kernel() -> Outcome<u16> {
    // Kept open until one is found, so that none comes twice.
    let mut held = Vec::new();
    for _ in 0..64 {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(at("cannot find a free port"))?;
        let port = listener.local_addr().map_err(at("cannot find a free port"))?.port();
        if port >= LEAST_PORT {
            return Ok(port);
        }
        held.push(listener);
    }
    Err(Failure::run(format!("found no free port from {LEAST_PORT} on")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection of any program may take a port of the kernel's meanwhile.
    #[test]
    fn free_ports_have_five_digits_differ_and_are_not_the_kernels() {
        let (first, last) = Machine::read().ports.expect("Linux says so");
        let mut found: Vec<u16> = (0..50).map(|_| free_port().expect("a port is free")).collect();
        let has_others = u32::from(LEAST_PORT) + 1_000 < first;
        for port in &found {
            assert!(*port >= LEAST_PORT, "{port}");
            assert!(!has_others || !(first..=last).contains(&u32::from(*port)), "{port}");
        }
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 50);
        assert!(of_kernel().is_ok_and(|port| port >= LEAST_PORT));
    }
}

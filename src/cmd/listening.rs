//! Whether the servers that run already accept connections at all: nobody wants to wait for a whole run to
//! learn that one does not.
//!
//! Only a connection that is refused says that nobody listens. What else may go wrong is the run's to tell.

use crate::cmd::console::note;
use crate::error::{Failure, Outcome};
use crate::plan::{Plan, Server};
use crate::units::{human_ns, listed};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long one attempt may take, and after which a note says that a server is waited for.
const ATTEMPT: Duration = Duration::from_secs(1);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a server may take that is about to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// A second: the person waits.
    Second,
    /// As long as the scenario's `timeout` says.
    Timeout,
}

/// Requires that each server that runs already is not known to be missing.
///
/// # Errors
/// If all addresses of one refuse connections for so long; the message names them.
pub(super) fn require(plan: &Plan, patience: Patience) -> Outcome<()> {
    let limit = match patience {
        Patience::Second => ATTEMPT,
        Patience::Timeout => Duration::from_nanos(plan.timing.timeout_ns),
    };
    let until = Instant::now() + limit;
    let mut asked: Vec<&SocketAddr> = Vec::new();
    for series in &plan.series {
        let Server::External { authority, address, others, start: None, .. } =
            plan.server_of(series)
        else {
            continue;
        };
        if asked.contains(&address) {
            continue;
        }
        asked.push(address);
        let all: Vec<SocketAddr> = std::iter::once(address).chain(others).copied().collect();
        let at = describe(authority, &all);
        let begun = Instant::now();
        if !refuse_until(until.min(begun + ATTEMPT), &all) {
            continue;
        }
        let left = until.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            let left = human_ns(left.as_nanos() as f64);
            note(format_args!(
                "nobody listens at {at} yet: waiting for {left} more, as `timeout` says"
            ));
        }
        if refuse_until(until, &all) {
            return Err(Failure::run(format!(
                "nobody listens at {at}: the connection was refused. Is the server running? Start it, or \
                 correct host and port of the URL"
            )));
        }
    }
    Ok(())
}

fn describe(authority: &str, all: &[SocketAddr]) -> String {
    match all {
        [one] if one.to_string() == authority => authority.to_owned(),
        all => format!("{authority} ({})", listed(all)),
    }
}

/// Whether every address refuses connections until then, at least once.
fn refuse_until(until: Instant, all: &[SocketAddr]) -> bool {
    while all.iter().all(refuses) {
        if Instant::now() >= until {
            return true;
        }
        std::thread::sleep(PAUSE);
    }
    false
}

fn refuses(address: &SocketAddr) -> bool {
    match TcpStream::connect_timeout(address, ATTEMPT) {
        Err(error) => error.kind() == ErrorKind::ConnectionRefused,
        // If nobody listens, the kernel may give the attempt that very port: it connects to itself.
        Ok(stream) => stream.local_addr().is_ok_and(|own| own == *address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn an_address_is_refused_unless_somebody_listens_at_one() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let alive = listener.local_addr().expect("it has one");
        // Port 1 is nobody's, and no port that the kernel gives.
        let closed: SocketAddr = "127.0.0.1:1".parse().expect("an address");
        let refuse = |all: &[SocketAddr]| refuse_until(Instant::now(), all);
        assert!(refuse(&[closed]));
        assert!(!refuse(&[alive]));
        assert!(!refuse(&[closed, alive]));
    }

    #[test]
    fn the_addresses_of_a_name_are_named() {
        let one: SocketAddr = "127.0.0.1:1".parse().expect("an address");
        let two: SocketAddr = "[::1]:1".parse().expect("an address");
        assert_eq!(describe("127.0.0.1:1", &[one]), "127.0.0.1:1");
        assert_eq!(describe("localhost:1", &[one, two]), "localhost:1 (127.0.0.1:1 and [::1]:1)");
    }
}

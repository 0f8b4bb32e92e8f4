//! Whether the servers that run already accept connections at all: nobody wants to wait for a whole run to
//! learn that one does not.
//!
//! Only a connection that is refused says that nobody listens. What else may go wrong is the run's to tell.

use crate::cmd::console::note;
use crate::error::{Failure, Outcome};
use crate::plan::{Plan, Server};
use crate::units::{human_ns, listed};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long one attempt may take, and after which a note says that a server is waited for.
const ATTEMPT: Duration = Duration::from_secs(1);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// How long servers may take that are about to start, and which must be there then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// A second, and all of them: a person waits who has given their URLs.
    Second,
    /// As long as the scenario's `timeout` says, and one of them: others are measured without the missing one.
    Timeout,
}

/// Requires that the servers that run already are not known to be missing.
///
/// # Errors
/// If all addresses of one, or of all, refuse connections for so long; the message names them.
pub(super) fn require(plan: &Plan, patience: Patience) -> Outcome<()> {
    let mut servers: BTreeMap<&str, Vec<SocketAddr>> = BTreeMap::new();
    let mut has_other = false;
    for series in &plan.series {
        match plan.server_of(series) {
            Server::External { authority, address, others, start: None, .. } => {
                let all = std::iter::once(address).chain(others).copied().collect();
                servers.insert(authority, all);
            }
            Server::External { .. } | Server::Bundled => has_other = true,
        }
    }
    let soon = Instant::now() + ATTEMPT;
    let missing = match patience {
        Patience::Second => {
            let mut refused = servers.iter().filter(|(_, all)| refuse_until(soon, all));
            refused.next().map(|(authority, all)| describe(authority, all))
        }
        Patience::Timeout if has_other => None,
        Patience::Timeout => wait(&servers, soon, Duration::from_nanos(plan.timing.timeout_ns)),
    };
    missing.map_or(Ok(()), |at| {
        Err(Failure::run(format!(
            "nobody listens at {at}: the connection was refused. Is the server running? Start it, or \
             correct host and port of the URL"
        )))
    })
}

/// Waits for so long until one of the servers does not refuse connections, and says `soon` that it waits.
/// Returns the names of the servers if all of them are missing.
fn wait(
    servers: &BTreeMap<&str, Vec<SocketAddr>>,
    soon: Instant,
    limit: Duration,
) -> Option<String> {
    let until = Instant::now() + limit;
    let all: Vec<SocketAddr> = servers.values().flatten().copied().collect();
    if all.is_empty() || !refuse_until(until.min(soon), &all) {
        return None;
    }
    let names = servers.iter().map(|(authority, all)| describe(authority, all));
    let at = listed(&names.collect::<Vec<_>>());
    let left = until.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        let left = human_ns(left.as_nanos() as f64);
        note(format_args!(
            "nobody listens at {at} yet: waiting for {left} more, as `timeout` says"
        ));
    }
    refuse_until(until, &all).then_some(at)
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

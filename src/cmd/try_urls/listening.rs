//! Whether the servers of the URLs accept connections at all: nobody wants to wait for a whole run to learn
//! that one does not.
//!
//! Only a connection that is refused says that nobody listens. What else may go wrong is the run's to tell.

use crate::error::{Failure, Outcome};
use crate::plan::{Plan, Server};
use crate::units::listed;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a server may take that is about to start.
const LIMIT: Duration = Duration::from_secs(1);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Requires that each server is not known to be missing.
///
/// # Errors
/// If all addresses of one refuse connections; the message names them.
pub(super) fn require(plan: &Plan) -> Outcome<()> {
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
        if refuse_within(LIMIT, &all) {
            return Err(Failure::run(describe(authority, &all)));
        }
    }
    Ok(())
}

fn describe(authority: &str, all: &[SocketAddr]) -> String {
    let at = match all {
        [one] if one.to_string() == authority => authority.to_owned(),
        all => format!("{authority} ({})", listed(all)),
    };
    format!(
        "nobody listens at {at}: the connection was refused. Is the server running? Start it, or correct \
         host and port of the URL"
    )
}

/// Whether every address refuses connections for so long.
fn refuse_within(limit: Duration, all: &[SocketAddr]) -> bool {
    let until = Instant::now() + limit;
    while all.iter().all(refuses) {
        if Instant::now() >= until {
            return true;
        }
        std::thread::sleep(PAUSE);
    }
    false
}

fn refuses(address: &SocketAddr) -> bool {
    match TcpStream::connect_timeout(address, LIMIT) {
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
        assert!(refuse_within(Duration::ZERO, &[closed]));
        assert!(!refuse_within(Duration::ZERO, &[alive]));
        assert!(!refuse_within(Duration::ZERO, &[closed, alive]));
    }

    #[test]
    fn the_addresses_of_a_name_are_named() {
        let one: SocketAddr = "127.0.0.1:1".parse().expect("an address");
        let two: SocketAddr = "[::1]:1".parse().expect("an address");
        assert!(describe("127.0.0.1:1", &[one]).starts_with("nobody listens at 127.0.0.1:1: the"));
        let both = describe("localhost:1", &[one, two]);
        assert!(
            both.starts_with("nobody listens at localhost:1 (127.0.0.1:1 and [::1]:1): the"),
            "{both}"
        );
    }
}

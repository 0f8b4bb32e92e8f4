//! What to do about a server that refuses its clients, by the error that most of them met.
//!
//! Separate from `refusal`, which says what one answer was: here is what helps, and a check that fails
//! by it names this in place of its usual remedy.

use crate::record::{ClientError, ClientErrorKind};
use crate::report::summary::group::Group;
use std::collections::BTreeMap;

const NOT_THERE: &str = "Start the server, or correct host and port of its URL.";
const NO_WAY: &str = "Correct host and port of the server's URL, or see what keeps connections from it \
                      (firewall, route).";
const WHO_ASKS: &str = "The server wants to know who asks: give it what it needs by `headers`, or by \
                        user and password in the URL.";
const NO_PORT: &str = "No port of this machine is free: keep connections alive, take a longer interval, or set \
     net.ipv4.tcp_tw_reuse=1 and a wider net.ipv4.ip_local_port_range.";
const NO_SUCH_PATH: &str =
    "Correct the path: `paths` in [server], or `path` or `url` of the series.";
const NO_WEBSOCKET: &str = "Correct the path, at which there is no WebSocket: `paths` in [server], or `path` or \
                            `url` of the series.";
const OTHER_METHOD: &str =
    "Correct the path or `method`: the server does not take such requests there.";
const REFUSED: &str =
    "Change the request or the URL as the client errors say: the server refuses it.";
const TLS: &str =
    "Correct [server.tls], the URL or the server's certificate, as the client errors say.";
const NOT_READY: &str = "Correct `first` and `ready`: see what came in place of the answer.";

const NO_ANSWER: &str = "The server closed every connection without an answer: see its log. Or its port is one \
                         for TLS: then write https:// or wss:// into the URL.";

/// Returns what to do about the server of a group; `None` if it is nothing that a scenario can mend.
pub(super) fn of_group(group: &Group) -> Option<&'static str> {
    match group.is_plain_text && group.is_closed_without_answer() {
        true => Some(NO_ANSWER),
        false => of(&group.total.faults, group.connected()),
    }
}

/// Returns what to do; `None` if the most frequent error is none that a scenario can mend.
/// `connected` is how many clients the server has taken.
fn of(faults: &BTreeMap<ClientError, u64>, connected: u64) -> Option<&'static str> {
    let (error, _) = faults.iter().max_by_key(|(_, n)| **n)?;
    match error.kind {
        // No matter of the server's.
        ClientErrorKind::Connect if error.code == libc::EADDRNOTAVAIL => Some(NO_PORT),
        // One that has taken others is there, and has its limits.
        ClientErrorKind::Connect | ClientErrorKind::ConnectTimeout if connected > 0 => None,
        ClientErrorKind::Connect => match error.code {
            libc::ECONNREFUSED => Some(NOT_THERE),
            libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ETIMEDOUT => Some(NO_WAY),
            _ => None,
        },
        ClientErrorKind::ConnectTimeout => Some(NO_WAY),
        ClientErrorKind::Status | ClientErrorKind::Upgrade => match error.code {
            401 | 403 | 407 => Some(WHO_ASKS),
            404 | 410 => Some(NO_SUCH_PATH),
            200..300 if error.kind == ClientErrorKind::Upgrade => Some(NO_WEBSOCKET),
            405 | 501 => Some(OTHER_METHOD),
            _ => error.is_for_good().then_some(REFUSED),
        },
        ClientErrorKind::Tls | ClientErrorKind::TlsAlert => error.is_for_good().then_some(TLS),
        ClientErrorKind::NotReady => Some(NOT_READY),
        _ => error.is_for_good().then_some(REFUSED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TlsProblem;
    use ClientErrorKind::{Connect, Status, Undrained, Upgrade};

    #[test]
    fn the_most_frequent_error_decides() {
        let most = |error, connected| {
            let other = ClientError::of(Undrained);
            of(&BTreeMap::from([(error, 5), (other, 4)]), connected)
        };
        let with = ClientError::with;
        assert_eq!(of(&BTreeMap::new(), 0), None);
        assert_eq!(most(with(Connect, libc::ECONNREFUSED), 0), Some(NOT_THERE));
        // Its queue is full, or it has ended.
        assert_eq!(most(with(Connect, libc::ECONNREFUSED), 997), None);
        assert_eq!(most(with(Connect, libc::EMFILE), 0), None);
        assert_eq!(most(with(Connect, libc::EADDRNOTAVAIL), 997), Some(NO_PORT));
        assert_eq!(most(with(Upgrade, 401), 0), Some(WHO_ASKS));
        assert_eq!(most(with(Status, 404), 5), Some(NO_SUCH_PATH));
        assert_eq!(most(with(Upgrade, 200), 0), Some(NO_WEBSOCKET));
        assert_eq!(most(with(Status, 206), 0), None);
        assert_eq!(most(with(Status, 405), 5), Some(OTHER_METHOD));
        assert_eq!(most(with(Status, 301), 5), Some(REFUSED));
        assert_eq!(most(with(Status, 429), 5), None);
        assert_eq!(most(with(Status, 503), 5), None);
        assert_eq!(most(TlsProblem::UnknownIssuer.error(), 0), Some(TLS));
        assert_eq!(most(TlsProblem::Timeout.error(), 0), None);
    }
}

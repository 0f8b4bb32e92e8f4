//! What to do about a server that refuses its clients, by the error that most of them met.
//!
//! Separate from `refusal`, which says what one answer was: here is what helps, and a check that fails
//! by it names this in place of its usual remedy.

use crate::record::{ClientError, ClientErrorKind, TlsProblem, UpgradeField};
use crate::report::summary::group::Group;
use std::collections::BTreeMap;

const NOT_THERE: &str = "Start the server, or correct host and port of its URL.";
const NO_WAY: &str = "Correct host and port of the server's URL, or see what keeps connections from it \
                      (firewall, route).";
const WHO_ASKS: &str = "The server wants to know who asks: give it what it needs by `headers` (--header with \
                        wsbench try), or by user and password in the URL.";
const NO_PORT: &str = "No port of this machine is free: keep connections alive, take a longer interval, or set \
     net.ipv4.tcp_tw_reuse=1 and a wider net.ipv4.ip_local_port_range.";
const NO_SUCH_PATH: &str = "Correct the path of the URL (in a scenario: `paths` in [server], or `path` or `url` of the series).";
const NO_WEBSOCKET: &str = "Correct the path of the URL, at which there is no WebSocket (in a scenario: `paths` in [server], or \
     `path` or `url` of the series).";
const OTHER_METHOD: &str =
    "Correct the path or `method`: the server does not take such requests there.";
const REFUSED: &str =
    "Change the request or the URL as the client errors say: the server refuses it.";
const TLS: &str =
    "Correct [server.tls], the URL or the server's certificate, as the client errors say.";
const TLS_LATER: &str = "See the server's log, and what stands between the server and its clients (a proxy): TLS broke after its \
     handshake, so that neither [server.tls] nor the certificate is the cause.";
const UPGRADE_FIELDS: &str = "The server took the upgrade with an answer that breaks RFC 6455 (4.2.2): correct its fields, or see which \
     proxy changes them.";
const EXTENSION: &str = "Turn the extension off in the server, or offer permessage-deflate by `extensions` in the series: it took the \
     upgrade with what nobody asked for.";
const SUBPROTOCOL: &str = "Let the server select no subprotocol but one that clients ask for, or let them ask for it by `subprotocol` \
     in the series.";
const COMPRESSED: &str = "Let clients ask for the coding by `accept_encoding` in the series, or let the server send its answers \
     without one, as the client errors say.";
const NO_EVENT_STREAM: &str =
    "Correct the path, at which there is no event stream, or take another transport.";
const FOREIGN: &str =
    "Correct the URL as the client errors say: its port is one of another protocol.";
const NOT_READY: &str = "Correct `first` and `ready`: see what came in place of the answer.";
const OTHER_ENGINE: &str = "Take engine = \"raw\": the library of this engine does not go on where the protocol permits it, or \
     does not say what it cannot read.";
const FOR_NOW: &str = "The server refuses for now: see its log and its limits on requests, use fewer clients or a lower \
     rate, or start the clients once it is ready.";
const FAILED: &str =
    "The server fails at the request: see its log, and correct the path or what the request lacks.";
const SWITCHED: &str = "The server changes to another protocol at this path: correct the path, or take another transport.";
const OTHER_STATUS: &str =
    "Correct the path, or say by `status` in the series that such an answer is a success.";
const BROKEN: &str = "The server's answers break their protocol, or are not those that were asked for: see the client \
     errors, and what stands between the server and its clients (a proxy).";
/// HTTP/2 that a client cannot go on with.
const HTTP_2: &str = "Correct what the client errors say of the server's HTTP/2, or take HTTP/1.1: leave out http_version or --http2.";
const NO_STREAMS: &str =
    "Let the server take streams: it may be stopping, or it has another port for HTTP/2.";
const GOES: &str =
    "The server ends its connections by itself: see its log for the reason that GOAWAY gives.";
const FRAMES: &str = "Correct the frames that the server, or a proxy before it, sends: the client errors say which rule \
     they break.";
const ANSWERS: &str = "Let the server answer each message once, and the client alone that has sent it. What is no answer is named by \
     `ignore` in [message].";
const CUT: &str = "The server ends connections in the middle of its answers: see its log, and whether Content-Length or \
     chunks announce more than it sends.";
const CLOSES: &str = "The server closes connections by itself: see its log, and in the client errors its code and reason.";
const TRANSFER_CODING: &str = "Switch compression in Transfer-Encoding off at the server and its proxies, so that they send \
                               \"Transfer-Encoding: chunked\" alone; or compress by Content-Encoding, which a request asks \
                               for by Accept-Encoding in `headers`.";
const HEADS: &str = "Correct the heads of the server's answers, or see what stands between the server and its clients \
     (a proxy): the client errors say what cannot be read.";
const CHUNKS: &str = "Correct what the server, or a proxy before it, sends around its chunks: extensions of chunks and \
                      trailer fields are of no use to clients.";
const ENDED: &str = "See the server's log for why it ends the stream: by status 204 it asks clients not to come back.";
const SILENT: &str = "The server said nothing to the beginning of TLS: its port may be one without TLS (then \
                      write http:// or ws:// into the URL), or it is too busy for new connections: see its log.";
const NOT_IN_TIME: &str = "The server's answers were not whole within `timeout`: see its log, use fewer clients or a lower rate, \
     or set a longer `timeout`.";

const STREAM: &str = "If the server sends a stream there, take a transport for streams, as the client errors \
                      say; if not, see its log for why it does not end its answers.";

const NO_ANSWER: &str = "The server closed every connection without an answer: see its log. Or its port is one \
                         for TLS: then write https:// or wss:// into the URL.";

/// Returns what to do about the server of a group; `None` if it is nothing that a scenario can mend.
pub(super) fn of_group(group: &Group) -> Option<&'static str> {
    let is_closed_with_code = most_frequent(&group.total.faults)
        .is_some_and(|error| error.kind == ClientErrorKind::EarlyClose && error.code != 0);
    if group.is_plain_text && group.is_closed_without_answer() {
        Some(NO_ANSWER)
    } else if is_closed_with_code && group.is_nobody_served() {
        // Those that were connected have got nothing else.
        Some(CLOSES)
    } else {
        of(&group.total.faults, group.connected(), group.has_answered())
    }
}

/// Whether the server has answered, and not as it should: of some errors that is known by themselves.
pub(super) fn is_of_answers(group: &Group) -> bool {
    most_frequent(&group.total.faults).is_some_and(|error| match error.kind {
        _ if error.is_of_engine() => false,
        ClientErrorKind::Connect
        | ClientErrorKind::ConnectTimeout
        | ClientErrorKind::Tls
        | ClientErrorKind::TlsAlert
        | ClientErrorKind::Undrained => false,
        ClientErrorKind::ResponseTimeout
        | ClientErrorKind::Read
        | ClientErrorKind::Write
        | ClientErrorKind::EarlyClose => group.has_answered(),
        _ => true,
    })
}

fn most_frequent(faults: &BTreeMap<ClientError, u64>) -> Option<&ClientError> {
    // Of those that are as frequent the first, which others may follow from.
    faults.iter().rev().max_by_key(|(_, n)| **n).map(|(error, _)| error)
}

/// Returns what to do; `None` if the most frequent error is none that a scenario can mend.
/// `connected` is how many clients the server has taken, and `answered` whether any byte came from it.
fn of(faults: &BTreeMap<ClientError, u64>, connected: u64, answered: bool) -> Option<&'static str> {
    let error = most_frequent(faults)?;
    match error.kind {
        _ if error.is_of_engine() => Some(OTHER_ENGINE),
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
            _ if error.is_for_good() => Some(REFUSED),
            0 => Some(BROKEN),
            101 => Some(SWITCHED),
            408 | 425 | 429 | 503 => Some(FOR_NOW),
            500.. => Some(FAILED),
            _ => (error.kind == ClientErrorKind::Status).then_some(OTHER_STATUS),
        },
        ClientErrorKind::Tls if TlsProblem::of(error.code) == Some(TlsProblem::Timeout) => {
            (connected == 0).then_some(SILENT)
        }
        ClientErrorKind::Tls
            if TlsProblem::of(error.code) == Some(TlsProblem::CertificateWanted) =>
        {
            Some(TLS)
        }
        ClientErrorKind::Tls if TlsProblem::of(error.code) == Some(TlsProblem::MalformedLater) => {
            Some(TLS_LATER)
        }
        ClientErrorKind::TlsAlertLater => Some(TLS_LATER),
        ClientErrorKind::Tls | ClientErrorKind::TlsAlert => error.is_for_good().then_some(TLS),
        ClientErrorKind::UpgradeField => Some(match UpgradeField::of(error.code) {
            Some(UpgradeField::Extensions | UpgradeField::ExtensionParams) => EXTENSION,
            Some(UpgradeField::Protocol) => SUBPROTOCOL,
            _ => UPGRADE_FIELDS,
        }),
        ClientErrorKind::Compressed => Some(COMPRESSED),
        ClientErrorKind::NoEventStream => Some(NO_EVENT_STREAM),
        ClientErrorKind::ForeignProtocol => Some(FOREIGN),
        ClientErrorKind::NotReady => Some(NOT_READY),
        ClientErrorKind::Frame => Some(FRAMES),
        ClientErrorKind::Http2 => Some(HTTP_2),
        ClientErrorKind::StreamLimit if error.code == 0 => Some(NO_STREAMS),
        // The sentence of the limit says what to do.
        ClientErrorKind::StreamLimit => None,
        // One that has served others has its reasons, or is stopped.
        ClientErrorKind::GoAway if connected > 0 => None,
        ClientErrorKind::GoAway => Some(GOES),
        ClientErrorKind::BadHead | ClientErrorKind::LongHead | ClientErrorKind::ManyFields => {
            Some(HEADS)
        }
        ClientErrorKind::LongChunkLine => Some(CHUNKS),
        ClientErrorKind::TransferCoding => Some(TRANSFER_CODING),
        ClientErrorKind::NoStream => Some(ENDED),
        ClientErrorKind::UnknownAnswer => Some(ANSWERS),
        // REFUSED_STREAM and ENHANCE_YOUR_CALM.
        ClientErrorKind::StreamReset if matches!(error.code, 7 | 11) => Some(FOR_NOW),
        ClientErrorKind::Malformed
        | ClientErrorKind::StreamReset
        | ClientErrorKind::Surplus
        | ClientErrorKind::Unasked
        | ClientErrorKind::Undecodable
        | ClientErrorKind::TooLong => Some(BROKEN),
        ClientErrorKind::ResponseTimeout => Some(NOT_IN_TIME),
        // One that has served others has its reasons, or is stopped.
        ClientErrorKind::EarlyClose if connected > 0 => None,
        ClientErrorKind::EarlyClose if error.code != 0 => Some(CLOSES),
        ClientErrorKind::EarlyClose => answered.then_some(CUT),
        ClientErrorKind::Unfinished => Some(STREAM),
        // The first is an engine's, and the second is not counted.
        ClientErrorKind::LibraryRefused
        | ClientErrorKind::UnknownField
        | ClientErrorKind::Read
        | ClientErrorKind::Write
        | ClientErrorKind::Undrained => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ForeignProtocol, FrameFault};
    use ClientErrorKind::{
        BadHead, Connect, EarlyClose, LibraryRefused, LongHead, Malformed, ManyFields, NoStream,
        ResponseTimeout, Status, TransferCoding, Undrained, UnknownAnswer, Upgrade,
    };

    /// `try` has URLs alone.
    #[test]
    fn a_wrong_path_is_that_of_a_url_first() {
        let of_answer =
            |kind, status| of(&BTreeMap::from([(ClientError::with(kind, status), 1)]), 0, true);
        let not_found = "Correct the path of the URL (in a scenario: `paths` in [server], or `path` or `url` of \
                         the series).";
        for (kind, status) in [(Status, 404), (Status, 410), (Upgrade, 404)] {
            assert_eq!(of_answer(kind, status), Some(not_found));
        }
        let no_websocket = "Correct the path of the URL, at which there is no WebSocket (in a scenario: `paths` in \
                            [server], or `path` or `url` of the series).";
        assert_eq!(of_answer(Upgrade, 200), Some(no_websocket));
    }

    #[test]
    fn the_most_frequent_error_decides() {
        let most = |error, connected| {
            let other = ClientError::of(Undrained);
            of(&BTreeMap::from([(error, 5), (other, 4)]), connected, true)
        };
        let with = ClientError::with;
        assert_eq!(of(&BTreeMap::new(), 0, false), None);
        assert_eq!(most(with(Connect, libc::ECONNREFUSED), 0), Some(NOT_THERE));
        // Its queue is full, or it has ended.
        assert_eq!(most(with(Connect, libc::ECONNREFUSED), 997), None);
        assert_eq!(most(with(Connect, libc::EMFILE), 0), None);
        assert_eq!(most(with(Connect, libc::EADDRNOTAVAIL), 997), Some(NO_PORT));
        assert_eq!(most(with(Upgrade, 401), 0), Some(WHO_ASKS));
        assert_eq!(most(with(Status, 404), 5), Some(NO_SUCH_PATH));
        assert_eq!(most(with(Upgrade, 200), 0), Some(NO_WEBSOCKET));
        assert_eq!(most(with(Status, 206), 0), Some(OTHER_STATUS));
        assert_eq!(most(with(Status, 101), 0), Some(SWITCHED));
        assert_eq!(most(with(Status, 405), 5), Some(OTHER_METHOD));
        assert_eq!(most(with(Status, 301), 5), Some(REFUSED));
        assert_eq!(most(with(Status, 429), 5), Some(FOR_NOW));
        assert_eq!(most(with(Upgrade, 503), 5), Some(FOR_NOW));
        assert_eq!(most(with(Status, 500), 0), Some(FAILED));
        assert_eq!(most(FrameFault::Masked.error(), 5), Some(FRAMES));
        assert_eq!(most(with(Malformed, 0), 0), Some(BROKEN));
        assert_eq!(most(with(UnknownAnswer, 0), 5), Some(ANSWERS));
        assert_eq!(most(with(ResponseTimeout, 0), 0), Some(NOT_IN_TIME));
        assert_eq!(most(with(EarlyClose, 0), 0), Some(CUT));
        assert_eq!(most(with(EarlyClose, 1013), 0), Some(CLOSES));
        assert_eq!(most(with(EarlyClose, 0), 5), None);
        let closed = BTreeMap::from([(with(EarlyClose, 0), 5)]);
        assert_eq!(of(&closed, 0, false), None);
        assert_eq!(most(TlsProblem::UnknownIssuer.error(), 0), Some(TLS));
        assert_eq!(most(TlsProblem::Timeout.error(), 0), Some(SILENT));
        assert_eq!(most(TlsProblem::Timeout.error(), 5), None);
        assert_eq!(most(with(BadHead, 2), 0), Some(HEADS));
        assert_eq!(most(with(LongHead, 0), 0), Some(HEADS));
        assert_eq!(most(with(ManyFields, 0), 5), Some(HEADS));
        assert_eq!(most(with(TransferCoding, 0), 5), Some(TRANSFER_CODING));
        assert_eq!(most(with(NoStream, 0), 5), Some(ENDED));
        assert_eq!(most(with(LibraryRefused, 0), 0), Some(OTHER_ENGINE));
        assert_eq!(most(UpgradeField::Interim.error(), 0), Some(OTHER_ENGINE));
        assert_eq!(most(UpgradeField::NoProtocol.error(), 0), Some(OTHER_ENGINE));
        // It took the upgrade, or answered with success.
        assert_eq!(most(UpgradeField::Accept.error(), 0), Some(UPGRADE_FIELDS));
        assert_eq!(most(UpgradeField::NoAccept.error(), 0), Some(UPGRADE_FIELDS));
        assert_eq!(most(UpgradeField::OtherUpgrade.error(), 0), Some(UPGRADE_FIELDS));
        assert_eq!(most(UpgradeField::Extensions.error(), 0), Some(EXTENSION));
        assert_eq!(most(UpgradeField::Protocol.error(), 0), Some(SUBPROTOCOL));
        assert_eq!(most(with(ClientErrorKind::Compressed, 0), 0), Some(COMPRESSED));
        assert_eq!(most(with(ClientErrorKind::NoEventStream, 0), 0), Some(NO_EVENT_STREAM));
        assert_eq!(most(ForeignProtocol::Ssh.error(), 0), Some(FOREIGN));
        // TLS has worked before.
        assert_eq!(most(TlsProblem::Malformed.error(), 0), Some(TLS));
        assert_eq!(most(TlsProblem::MalformedLater.error(), 3), Some(TLS_LATER));
        assert_eq!(most(with(ClientErrorKind::TlsAlert, 40), 0), Some(TLS));
        assert_eq!(most(with(ClientErrorKind::TlsAlertLater, 40), 3), Some(TLS_LATER));
    }
}

//! The chapter's own figures, to stand beside the measured ones.
//!
//! Source: "Pro HTML5 Programming" (Lubbers, Albers, Salim), chapter 7, use cases A to C: 871
//! characters of HTTP heads a poll, 2 bytes of frame header a WebSocket message, one a second
//! and client. Its "Mbps" is bits over 2^20.

use crate::record::TransportKind;
use crate::report::figure::Figure;
use crate::report::table::Chapter;
use crate::result::CaseInfo;
use crate::units::SECOND_NS;

/// Characters of request and response head of one poll, line ends not counted.
pub(crate) const POLL_CHARS: f64 = 871.0;
/// Bytes of frame header of one WebSocket message.
pub(crate) const FRAME_BYTES: f64 = 2.0;

/// The chapter's figures for a case.
pub(super) fn figures(case: &CaseInfo) -> Chapter {
    let bytes = |each: f64| Figure::known(each * f64::from(case.clients));
    let applies = case.floor || case.bundled_server;
    Chapter {
        applies,
        use_case: match case.clients {
            _ if !applies => None,
            1_000 => Some('A'),
            10_000 => Some('B'),
            100_000 => Some('C'),
            _ => None,
        },
        bytes_per_s: match case.kind() {
            _ if !applies => {
                Figure::absent_by_scenario("the chapter's figures are of another server")
            }
            _ if !case.floor && case.interval_ns != SECOND_NS => Figure::absent_by_scenario(
                "the chapter counts one message a second and client, this plan does not",
            ),
            Some(TransportKind::Polling) => bytes(POLL_CHARS),
            Some(TransportKind::WebSocket) => bytes(FRAME_BYTES),
            _ => Figure::absent_by_scenario("the chapter has no figure for this transport"),
        },
    }
}

/// Bytes a second as bits over 2^20 a second: the chapter's "Mbps".
pub(super) fn mebibits(bytes_per_s: f64) -> f64 {
    bytes_per_s * 8.0 / 1_048_576.0
}

/// Bytes a second as SI megabits a second.
pub(super) fn megabits(bytes_per_s: f64) -> f64 {
    bytes_per_s * 8.0 / 1e6
}

/// The chapter's "Mbps" with the digits that it prints: `6.6`, `66`, `665`, `0.015`, `1.526`.
pub fn as_printed(mebibits_per_s: f64) -> String {
    match mebibits_per_s {
        0.0 => "0".to_owned(),
        m if m < 0.000_5 => format!("{m:.1e}"),
        m if m < 2.0 => format!("{m:.3}"),
        m if m < 10.0 => format!("{m:.1}"),
        m => format!("{m:.0}"),
    }
}

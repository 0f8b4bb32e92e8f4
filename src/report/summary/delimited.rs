//! Whether what counts as a message of another server is one: chunks of which nothing says so, and JSON
//! texts behind another.
//!
//! Separate from `message_times`, which judges what is read in messages.

use crate::record::{Counts, TransportKind};
use crate::report::check::{Check, CheckResult};
use crate::report::figure::Figure;
use crate::report::summary::compressed::UnreadCoding;
use crate::report::summary::group::Group;
use crate::report::summary::setting::Setting;
use crate::units::thousands;

/// Of the messages, how many may be several or a part of one.
const UNLIKE_ALLOWED: f64 = 0.01;
/// What to do if chunks of a stream are not the server's messages.
const DELIMITER: &str = "Set `delimiter` in the series (--delimiter of `wsbench try`) to what ends a message, for example \
                         \"line\".";
/// What to do if it is not known whether they are.
const DELIMITER_OR_MESSAGE: &str = "Set `delimiter` in the series (--delimiter of `wsbench try`) to what ends a message: \"line\", for \
     example, or \"chunk\" if each chunk is one. Or let [message] say where a message has its time or number.";

/// What to do if a message holds several updates.
pub(super) fn one_update_each(group: &Group) -> &'static str {
    match group.info.kind() {
        Some(TransportKind::Streaming) => DELIMITER,
        Some(TransportKind::WebSocket) => {
            "Set `separator` in the series (--separator of `wsbench try`) to what ends an update in a frame, for \
             example \"\\n\"."
        }
        _ => {
            "Let the server send each update by itself: of several in one event or answer, only the first can be \
             read."
        }
    }
}

/// JSON texts behind another in the same message. In a chunk, lines and messages are both looked at, and find
/// the same texts.
pub(super) fn texts_behind(counts: &Counts) -> u64 {
    counts.joined_messages.max(counts.joined_texts)
}

/// Whether chunks, frames, events or answers are not one message each, by what is readable in them.
pub(super) fn are_chunks_unlike(counts: &Counts) -> bool {
    texts_behind(counts) > 0 || counts.continued_chunks > 0
}

/// Checks that what counts as a message is one. An answer to a poll is one whatever it holds.
pub(super) fn check(group: &Group, setting: &Setting) -> Option<CheckResult> {
    let info = group.info;
    let counts = group.counts();
    let are_answers = info.paced || info.kind() == Some(TransportKind::LongPolling);
    if info.bundled_server || counts.completed == 0 || are_answers {
        return None;
    }
    let check = Check::MessagesDelimited;
    let behind = texts_behind(counts);
    let continued = counts.continued_chunks;
    let unlike = behind.saturating_add(continued);
    let all = thousands(counts.completed);
    if unlike as f64 > UNLIKE_ALLOWED * counts.completed as f64 {
        let joined = format!(
            "{} JSON texts came behind another in the same one of {all} messages",
            thousands(behind)
        );
        let parts = format!("{} of {all} chunks went on with a text", thousands(continued));
        let what = match (behind, continued) {
            (_, 0) => joined,
            (0, _) => parts,
            _ => format!("{joined}, and {parts}"),
        };
        let text =
            format!("{what}: figures for each message are not those of the server's messages");
        let found = check.result(false, Figure::count(unlike), text);
        return Some(CheckResult { remedy: one_update_each(group), ..found });
    }
    let chunks = counts.undelimited_chunks;
    if chunks > 0 && !is_readable(counts, setting) {
        let text = format!(
            "no message could be delimited: {} chunks counted as one message each, and nothing in the \
             scenario or in them says that they are",
            thousands(chunks)
        );
        let coding = (counts.compressed > 0).then(|| UnreadCoding::of_group(group).remedy(true));
        let remedy = coding.unwrap_or(DELIMITER_OR_MESSAGE);
        let found = check.result(false, Figure::count(chunks), text);
        return Some(CheckResult { remedy, ..found });
    }
    let text = format!("none of {all} messages shows that it is several or a part of one");
    Some(check.result(true, Figure::count(unlike), text))
}

/// Whether messages are known by what is read in them: this program's stamps, or what the scenario names.
/// What then cannot be read is a matter of the checks that need it.
fn is_readable(counts: &Counts, setting: &Setting) -> bool {
    match setting.own {
        Some(own) => own.time.is_some() || own.sequence || own.id || own.channels,
        None => counts.unstamped < counts.messages,
    }
}

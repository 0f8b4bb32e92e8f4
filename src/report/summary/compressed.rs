//! Answers that came compressed though no request asked for that: what is in them could not be read.
//! The one place that says so and what to do.

use crate::record::{ClientErrorKind, Refusal};
use crate::report::summary::group::Group;
use crate::report::summary::quoted::quoted;

/// Of the messages, so many must have come compressed for that to be why none could be read.
const MOST: u64 = 2;

/// A list of codings that can be asked for, with what to do about each: in a sentence, and as one.
macro_rules! codings {
    ($($name:literal),+) => {
        &[$((
            $name,
            concat!("set accept_encoding = \"", $name, "\" in the series, or take Accept-Encoding out of the request"),
            concat!("Set accept_encoding = \"", $name, "\" in the series, or take Accept-Encoding out of the request."),
        )),+]
    };
}
const CODINGS: &[(&str, &str, &str)] = codings!["gzip", "deflate", "br", "zstd"];
/// What to do about any other.
const OTHER: (&str, &str) = (
    "set accept_encoding in the series, or take Accept-Encoding out of the request",
    "Set accept_encoding in the series, or take Accept-Encoding out of the request.",
);
/// What to do about several, one upon the other.
const LAYERED: (&str, &str) = (
    "let the server, and a proxy before it, apply one coding",
    "Let the server, and a proxy before it, apply one coding.",
);
/// What to do about one that can be read of whole answers alone.
const WHOLE_ANSWERS: &str = "zstd";

/// A content coding that nobody asked for, or several.
pub(super) struct UnreadCoding<'a>(pub(super) &'a [u8]);

impl<'a> UnreadCoding<'a> {
    /// The coding that an answer says it has.
    pub(super) fn of(refusal: &'a Refusal) -> UnreadCoding<'a> {
        UnreadCoding(&refusal.coding)
    }

    /// Returns the coding of a group's answers that could not be read; that it is not known, if it is not.
    pub(super) fn of_group(group: &Group<'a>) -> UnreadCoding<'a> {
        let mut refusals = group.drivers.iter().flat_map(|driver| &driver.refusals);
        let unread = refusals.find(|refusal| refusal.error.kind == ClientErrorKind::Compressed);
        UnreadCoding(unread.map_or(&[], |refusal| &refusal.coding))
    }

    /// Whether the answers said which it is.
    pub(super) fn is_known(&self) -> bool {
        !self.0.is_empty()
    }

    /// Returns the field with the coding, as it can be printed.
    pub(super) fn field(&self) -> String {
        match self.0 {
            [] => "Content-Encoding".to_owned(),
            coding => format!("Content-Encoding {}", quoted(&String::from_utf8_lossy(coding))),
        }
    }

    /// Returns what to do, as a part of a sentence. `streamed` is true for answers that never end.
    pub(super) fn remedy_within(&self, streamed: bool) -> &'static str {
        let other = if self.is_layered() { LAYERED.0 } else { OTHER.0 };
        self.known(streamed).map_or(other, |(_, within, _)| within)
    }

    /// Returns what to do, as a sentence.
    pub(super) fn remedy(&self, streamed: bool) -> &'static str {
        let other = if self.is_layered() { LAYERED.1 } else { OTHER.1 };
        self.known(streamed).map_or(other, |(_, _, sentence)| sentence)
    }

    /// Returns why it could not be read, as a part of a sentence: of several, that each was asked for helps
    /// nothing.
    pub(super) fn why(&self) -> &'static str {
        if self.is_layered() {
            "which are several codings, one upon the other, and not read"
        } else {
            "which was not asked for"
        }
    }

    /// Whether they are several, one upon the other.
    fn is_layered(&self) -> bool {
        let all = self.0.split(|&b| b == b',').map(<[u8]>::trim_ascii);
        let is_one =
            |coding: &&[u8]| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity");
        all.filter(is_one).count() > 1
    }

    fn known(&self, streamed: bool) -> Option<&'static (&'static str, &'static str, &'static str)> {
        let name = self.0.trim_ascii();
        let name = match name {
            [b'x' | b'X', b'-', rest @ ..] => rest,
            name => name,
        };
        let mut usable =
            CODINGS.iter().filter(|(coding, ..)| !streamed || *coding != WHOLE_ANSWERS);
        usable.find(|(coding, ..)| name.eq_ignore_ascii_case(coding.as_bytes()))
    }
}

/// Returns why nothing could be read in a group's messages, and what to do, if that is for a coding that
/// nobody asked for.
pub(super) fn unread(group: &Group) -> Option<(String, &'static str)> {
    let counts = group.counts();
    if counts.compressed == 0 || MOST.saturating_mul(counts.compressed) < counts.messages {
        return None;
    }
    let coding = UnreadCoding::of_group(group);
    let why = format!(
        "the answers are compressed ({}), {}, so that nothing could be read in them",
        coding.field(),
        coding.why()
    );
    Some((why, coding.remedy(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_names_the_coding_if_it_can_be_read() {
        let of = |coding: &'static str| UnreadCoding(coding.as_bytes());
        assert!(of("gzip").remedy(false).starts_with("Set accept_encoding = \"gzip\" in"));
        assert!(of("X-GZIP").remedy_within(true).starts_with("set accept_encoding = \"gzip\" in"));
        assert!(of("zstd").remedy(false).contains("\"zstd\""));
        for (coding, streamed) in [("zstd", true), ("", false)] {
            assert_eq!(of(coding).remedy(streamed), OTHER.1);
        }
        for coding in ["gzip, br", "gzip,GZIP"] {
            assert_eq!(of(coding).remedy(false), LAYERED.1);
            assert!(of(coding).why().starts_with("which are several codings"));
        }
        assert_eq!(of("gzip, identity").why(), "which was not asked for");
        assert_eq!(of("g\nz").field(), "Content-Encoding \"g\\nz\"");
    }
}

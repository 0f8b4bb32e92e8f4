//! What a body is, as its `Content-Type` says it.

/// What a body is, as far as a message may name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaType {
    /// The head does not say.
    #[default]
    Unknown,
    /// `text/event-stream`.
    EventStream,
    /// `application/json`.
    Json,
    /// `application/x-ndjson`.
    JsonLines,
    /// `text/plain`.
    Plain,
    /// `text/html`.
    Html,
    /// `application/octet-stream`.
    Bytes,
    /// `multipart/x-mixed-replace`.
    Parts,
}

impl MediaType {
    const NAMES: [(MediaType, &'static str); 7] = [
        (MediaType::EventStream, "text/event-stream"),
        (MediaType::Json, "application/json"),
        (MediaType::JsonLines, "application/x-ndjson"),
        (MediaType::Plain, "text/plain"),
        (MediaType::Html, "text/html"),
        (MediaType::Bytes, "application/octet-stream"),
        (MediaType::Parts, "multipart/x-mixed-replace"),
    ];
    /// Reads the value of a `Content-Type`.
    pub(crate) fn of(value: &[u8]) -> MediaType {
        let media = value.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
        let is_one = |name: &str| media.eq_ignore_ascii_case(name.as_bytes());
        let found = MediaType::NAMES.iter().find(|(_, name)| is_one(name));
        found.map_or(MediaType::Unknown, |(media, _)| *media)
    }
    /// Its name; empty if that is not known.
    pub fn name(self) -> &'static str {
        MediaType::NAMES.iter().find(|(media, _)| *media == self).map_or("", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_are_no_matter() {
        let of = |text: &str| MediaType::of(text.as_bytes());
        assert_eq!(of("Text/Event-Stream; charset=utf-8"), MediaType::EventStream);
        assert_eq!(of(" application/json ").name(), "application/json");
        assert_eq!((of("a/b"), of("")), (MediaType::Unknown, MediaType::Unknown));
        assert_eq!(MediaType::Unknown.name(), "");
    }
}

//! The settings of a series whose requests go over HTTP/2.

use crate::config::{Fields, Key};
use crate::protocol::http2::connection::Http2Options;
use crate::protocol::http2::hpack::HpackPolicy;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The setting for the version of HTTP.
pub(crate) const HTTP_VERSION: Key = Key {
    name: "http_version",
    default: Some("\"1.1\""),
    about: "\"1.1\", or \"2\": chosen in the TLS handshake (ALPN), and without TLS taken for granted (prior knowledge)",
};
/// The setting for shared connections.
pub(crate) const STREAMS: Key = Key {
    name: "streams",
    default: Some("1"),
    about: "over HTTP/2, how many clients share a connection; 1: each has its own",
};
/// The setting for the fields of requests.
pub(crate) const HPACK: Key = Key {
    name: "hpack",
    default: Some("\"dynamic\""),
    about: "over HTTP/2, which fields of requests are sent by an index: \"static\": those of the static table; \
            \"dynamic\": also what was sent before, as Chromium does; \"cookies-never-indexed\": the same but for \
            cookies",
};
/// The setting for the fields of answers.
pub(crate) const HEADER_TABLE: Key = Key {
    name: "header_table",
    default: Some("\"4KiB\""),
    about: "over HTTP/2, the table that a server may use for the fields of its answers: \"0B\" for none, at most 64KiB",
};

/// The most clients of a connection.
const MOST_STREAMS: u64 = 10_000;
/// The largest table: Chromium's.
const MOST_TABLE_BYTES: u64 = 64 * 1024;

/// How a series uses HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http2Settings {
    /// Which fields of requests get an index.
    pub(crate) hpack: HpackPolicy,
    /// The table of the server, in bytes.
    pub(crate) header_table_bytes: u32,
    /// Clients of each connection.
    pub(crate) streams: u32,
}

impl fmt::Display for Http2Settings {
    /// As it follows the name of a series.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Http2Settings { hpack, header_table_bytes, streams } = self;
        f.write_str("over HTTP/2")?;
        if *streams > 1 {
            write!(f, ", {streams} clients a connection")?;
        }
        write!(f, ", hpack {}, header table {header_table_bytes} B", hpack.name())
    }
}

impl Http2Settings {
    /// Reads the settings; `None` for HTTP/1.1, whose series must not have the others.
    pub(crate) fn read(fields: &mut Fields) -> Option<Http2Settings> {
        let is_2 = fields.choose(&HTTP_VERSION, &[("1.1", false), ("2", true)]);
        let streams = fields.integer(&STREAMS, 1..=MOST_STREAMS);
        let hpack = fields.choose(&HPACK, &HpackPolicy::ALL.map(|policy| (policy.name(), policy)));
        let header_table_bytes = fields.size(&HEADER_TABLE);
        if header_table_bytes > MOST_TABLE_BYTES {
            fields.report(&HEADER_TABLE, "header_table must be at most 64KiB");
        }
        if !is_2 {
            for key in [&STREAMS, &HPACK, &HEADER_TABLE] {
                if fields.is_given(key) {
                    let why = format!("{} is of HTTP/2; add http_version = \"2\"", key.name);
                    fields.report(key, why);
                }
            }
            return None;
        }
        Some(Http2Settings {
            hpack,
            header_table_bytes: header_table_bytes.min(MOST_TABLE_BYTES) as u32,
            // At most MOST_STREAMS.
            streams: streams as u32,
        })
    }

    /// What its connections are made with.
    pub(crate) fn options(&self) -> Http2Options {
        Http2Options { policy: self.hpack, header_table_bytes: self.header_table_bytes }
    }
}

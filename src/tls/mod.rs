//! TLS as settings: versions, authorities, certificates and sessions, and what rustls makes of them.
//!
//! Bytes are moved by the layer in `net`, which knows records and no settings; here is no socket and
//! no byte of a connection.
//!
//! | file | what |
//! |---|---|
//! | `settings` | what a plan and a start message hold |
//! | `client` | the configuration that the clients of a thread share |
//! | `sessions` | the tickets of each simulated client |
//! | `server` | the configuration of the reference server, and its own certificate |
//! | `verifier` | which certificates of servers are accepted |
//! | `key_log` | the secrets of connections, if the environment names a file for them |
//! | `files` | certificates and keys in PEM files |

mod client;
mod files;
mod key_log;
mod server;
mod sessions;
mod settings;
mod verifier;

pub(crate) use client::{ClientTls, client_config, config_without_roots, is_name};
pub(crate) use files::{FileOf, check_file};
pub(crate) use server::{Identity, ServerTls, server_config};
pub(crate) use sessions::Sessions;
pub(crate) use settings::{TlsSettings, TlsVersion};
pub(crate) use verifier::is_of_authority;

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The protocol that requests are made of, as ALPN names it (RFC 7301 §6).
pub(crate) const HTTP_1_1: &str = "http/1.1";
/// HTTP/2 over TLS (RFC 9113 §3.2).
pub(crate) const HTTP_2: &str = "h2";
/// The host name of the bundled server's own certificate.
pub(crate) const OWN_NAME: &str = "localhost";

/// The bytes of a record around its data (RFC 8446 §5.2): a header of 5, the type, a tag of 16.
pub(crate) const RECORD_BYTES: u64 = 22;
/// The same with TLS 1.2 and AES-GCM (RFC 5288 §3): a header of 5, a nonce of 8, a tag of 16.
pub(crate) const RECORD_BYTES_1_2: u64 = 29;
/// The most data that a record holds (RFC 8446 §5.1).
pub(crate) const MOST_RECORD_DATA: u64 = 16_384;

/// Returns the algorithms: those of ring.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Returns the versions that are offered.
fn versions(only: Option<TlsVersion>) -> &'static [&'static SupportedProtocolVersion] {
    static V1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
    static V1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
    match only {
        None => rustls::ALL_VERSIONS,
        Some(TlsVersion::V1_2) => V1_2,
        Some(TlsVersion::V1_3) => V1_3,
    }
}

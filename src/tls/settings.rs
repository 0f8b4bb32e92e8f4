//! What a plan holds of TLS.

use crate::tls::{HTTP_1_1, OWN_NAME, RECORD_BYTES, RECORD_BYTES_1_2};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

impl TlsVersion {
    /// Every version with its name in scenarios.
    pub const CHOICES: [(&'static str, TlsVersion); 2] =
        [("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];
}

/// How clients use TLS. Certificates and keys stay in their files; a key is never written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsSettings {
    /// The name or address that the server's certificate must be for. A name is sent to the server
    /// (SNI, RFC 6066 §3).
    pub name: String,
    /// A file with the authorities that are trusted; without it those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Any certificate is accepted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// The files with the clients' certificate and its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The protocols that are offered (RFC 7301), in the order of preference.
    pub alpn: Vec<String>,
    /// Whether a client that connects again resumes its last session.
    pub resumption: bool,
    /// The one version that is offered; without it 1.2 and 1.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<TlsVersion>,
}

impl Default for TlsSettings {
    /// The settings for the bundled server.
    fn default() -> TlsSettings {
        TlsSettings {
            name: OWN_NAME.to_owned(),
            ca: None,
            insecure: false,
            certificate: None,
            alpn: vec![HTTP_1_1.to_owned()],
            resumption: true,
            version: None,
        }
    }
}

impl TlsSettings {
    /// Returns the same settings, by which this protocol alone is offered.
    pub(crate) fn offering(&self, protocol: &str) -> TlsSettings {
        TlsSettings { alpn: vec![protocol.to_owned()], ..self.clone() }
    }

    /// Returns the bytes of a record around its data, if both sides are this program.
    pub fn record_bytes(&self) -> u64 {
        match self.version {
            Some(TlsVersion::V1_2) => RECORD_BYTES_1_2,
            Some(TlsVersion::V1_3) | None => RECORD_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_the_plan_and_hold_no_key() {
        let settings = TlsSettings {
            certificate: Some(("client.pem".into(), "client.key".into())),
            version: Some(TlsVersion::V1_2),
            ..TlsSettings::default()
        };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(
            text,
            r#"{"name":"localhost","certificate":["client.pem","client.key"],"alpn":["http/1.1"],"resumption":true,"version":"1.2"}"#
        );
        assert_eq!(serde_json::from_str::<TlsSettings>(&text).unwrap(), settings);
    }
}

//! The configuration of the reference server, and the certificate that it has of its own.

use crate::tls::key_log::key_log;
use crate::tls::settings::TlsVersion;
use crate::tls::{HTTP_1_1, HTTP_2, OWN_NAME, files, provider, versions};
use rustls::ServerConfig;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A certificate and its key, in PEM. It travels from a run to its server processes, and nowhere
/// else: no file has it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The certificate, and those that lead to an authority.
    pub certificate: String,
    key: String,
}

impl fmt::Debug for Identity {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Identity {
    /// Makes a certificate for this host, signed by itself.
    ///
    /// # Errors
    /// A sentence, if the system gives no random numbers.
    pub(crate) fn own() -> Result<Identity, String> {
        let names = [OWN_NAME, "127.0.0.1", "::1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names)
            .map_err(|error| format!("cannot make a certificate: {error}"))?;
        let key = made.signing_key.serialize_pem();
        Ok(Identity { certificate: made.cert.pem(), key })
    }

    /// Makes one that is marked as that of an authority, as `openssl req -x509` does.
    #[cfg(test)]
    pub(crate) fn of_authority() -> Identity {
        let mut params = rcgen::CertificateParams::new([OWN_NAME.to_owned()]).expect("a name");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("randomness");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Identity { certificate, key: key.serialize_pem() }
    }

    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// A sentence, if one of them cannot be read.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Identity, String> {
        // Each is read once: it may be a pipe.
        let certificates = files::read(certificate)?;
        let keys = files::read(key)?;
        files::certificates_in(&certificates).map_err(|why| of(certificate, &why))?;
        files::key_in(&keys).map_err(|why| of(key, &why))?;
        let text = |bytes: Vec<u8>, path: &Path| {
            String::from_utf8(bytes).map_err(|_| of(path, "is not UTF-8"))
        };
        Ok(Identity { certificate: text(certificates, certificate)?, key: text(keys, key)? })
    }
}

fn of(path: &Path, why: &str) -> String {
    format!("{}: {why}", path.display())
}

/// How a server of a run uses TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerTls {
    /// Its certificate.
    pub identity: Identity,
    /// The one version that it takes; without it 1.2 and 1.3.
    pub version: Option<TlsVersion>,
    /// Whether its clients get tickets, which hold their sessions: the server keeps none.
    pub resumption: bool,
}

/// Makes the configuration of a server.
///
/// # Errors
/// A sentence, if the certificate and its key do not belong together, or the file for secrets cannot be written.
pub(crate) fn server_config(tls: &ServerTls) -> Result<Arc<ServerConfig>, String> {
    let ServerTls { identity, version, resumption } = tls;
    let certificates = files::certificates_in(identity.certificate.as_bytes())?;
    let key = files::key_in(identity.key.as_bytes())?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(*version))
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| format!("the certificate and its key cannot be used: {error}"))?;
    config.alpn_protocols = [HTTP_2, HTTP_1_1].map(|name| name.as_bytes().to_vec()).into();
    if let Some(log) = key_log()? {
        config.key_log = log;
    }
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    if *resumption {
        config.ticketer = rustls::crypto::ring::Ticketer::new()
            .map_err(|error| format!("cannot make keys for tickets: {error}"))?;
    } else {
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

//! The configuration that the clients of a thread share.

use crate::tls::key_log::key_log;
use crate::tls::sessions::Sessions;
use crate::tls::settings::TlsSettings;
use crate::tls::verifier::Verifier;
use crate::tls::{files, provider, versions};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Returns a configuration that trusts nobody, for a library that must have one and opens no
/// connection with TLS.
pub(crate) fn config_without_roots() -> ClientConfig {
    static SHARED: OnceLock<ClientConfig> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(None))
            // Both are those of the provider.
            .expect("ring has what both versions need")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
    });
    shared.clone()
}

/// What the clients of a thread need to use TLS.
#[derive(Debug, Clone)]
pub(crate) struct ClientTls {
    /// Shared by all connections.
    pub config: Arc<ClientConfig>,
    /// The name or address of the server.
    pub name: ServerName<'static>,
    /// The tickets of each client, if it resumes its sessions.
    pub sessions: Option<Arc<Sessions>>,
    /// Of clients without a certificate, whether one was wanted.
    asked: Option<Arc<NoCertificate>>,
}

impl ClientTls {
    /// Whether the server has asked for a certificate that the client does not have.
    pub(crate) fn lacks_certificate(&self) -> bool {
        self.asked.as_ref().is_some_and(|none| none.asked.load(Ordering::Relaxed))
    }
}

/// Stands for the certificate of clients that have none: a server may ask for one and say nothing of it when it
/// closes.
#[derive(Debug, Default)]
struct NoCertificate {
    asked: AtomicBool,
}

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }
    fn has_certs(&self) -> bool {
        false
    }
}

/// Makes the configuration of a plan. `own_certificate` is that of the bundled server, in PEM, which
/// is trusted alone.
///
/// # Errors
/// A sentence, if a file cannot be read, written or used, or the name cannot be one of a server.
pub(crate) fn client_config(
    settings: &TlsSettings,
    own_certificate: Option<&str>,
) -> Result<ClientTls, String> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(settings.version))
        .map_err(|error| error.to_string())?;
    let verifier = if settings.insecure {
        Verifier::any()
    } else {
        Verifier::trusting(settings.ca.as_deref(), own_certificate)?
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let asked = settings.certificate.is_none().then(Arc::<NoCertificate>::default);
    let mut config = match &settings.certificate {
        None => builder.with_client_cert_resolver(asked.clone().unwrap_or_default()),
        Some((certificate, key)) => builder
            .with_client_auth_cert(files::certificates(certificate)?, files::key(key)?)
            .map_err(|error| format!("{} and {}: {error}", certificate.display(), key.display()))?,
    };
    config.alpn_protocols = settings.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    if let Some(log) = key_log()? {
        config.key_log = log;
    }
    let sessions = settings.resumption.then(|| Arc::new(Sessions::default()));
    config.resumption = match &sessions {
        Some(sessions) => Resumption::store(sessions.clone()),
        None => Resumption::disabled(),
    };
    let name = ServerName::try_from(settings.name.clone())
        .map_err(|_| format!("{:?} cannot be the name of a server", settings.name))?;
    Ok(ClientTls { config: Arc::new(config), name, sessions, asked })
}

/// Whether a text can be the name or address of a server.
pub(crate) fn is_name(text: &str) -> bool {
    ServerName::try_from(text).is_ok()
}

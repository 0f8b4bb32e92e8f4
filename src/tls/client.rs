//! The configuration that the clients of a thread share.

use crate::tls::sessions::Sessions;
use crate::tls::settings::TlsSettings;
use crate::tls::verifier::Verifier;
use crate::tls::{files, provider, versions};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
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
}

/// Makes the configuration of a plan. `own_certificate` is that of the bundled server, in PEM, which
/// is trusted alone.
///
/// # Errors
/// A sentence, if a file cannot be read or used, or the name cannot be one of a server.
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
    let mut config = match &settings.certificate {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(files::certificates(certificate)?, files::key(key)?)
            .map_err(|error| format!("{} and {}: {error}", certificate.display(), key.display()))?,
    };
    config.alpn_protocols = settings.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let sessions = settings.resumption.then(|| Arc::new(Sessions::default()));
    config.resumption = match &sessions {
        Some(sessions) => Resumption::store(sessions.clone()),
        None => Resumption::disabled(),
    };
    let name = ServerName::try_from(settings.name.clone())
        .map_err(|_| format!("{:?} cannot be the name of a server", settings.name))?;
    Ok(ClientTls { config: Arc::new(config), name, sessions })
}

/// Whether a text can be the name or address of a server.
pub(crate) fn is_name(text: &str) -> bool {
    ServerName::try_from(text).is_ok()
}

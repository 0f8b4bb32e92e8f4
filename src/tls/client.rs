//! The configuration that the clients of a thread share.

use crate::tls::sessions::Sessions;
use crate::tls::settings::TlsSettings;
use crate::tls::{files, provider, versions};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, crypto};
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
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions(settings.version))
        .map_err(|error| error.to_string())?;
    let builder = if settings.insecure {
        let any = Arc::new(AnyCertificate(provider));
        builder.dangerous().with_custom_certificate_verifier(any)
    } else {
        let roots = Arc::new(roots(settings, own_certificate)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        builder.with_webpki_verifier(verifier.map_err(|error| error.to_string())?)
    };
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

/// Returns the authorities that are trusted.
fn roots(settings: &TlsSettings, own: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let found = match (own, &settings.ca) {
        (Some(own), _) => files::certificates_in(own.as_bytes())?,
        (None, Some(path)) => files::certificates(path)?,
        (None, None) => {
            let found = rustls_native_certs::load_native_certs();
            // Some systems have one that nobody can read.
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let why = found.errors.first().map(|error| format!(" ({error})"));
                return Err(format!(
                    "this system has no authorities to trust{}; name a file by ca, or take \
                     insecure = true",
                    why.unwrap_or_default()
                ));
            }
            return Ok(roots);
        }
    };
    for certificate in found {
        roots.add(certificate).map_err(|error| format!("cannot trust a certificate: {error}"))?;
    }
    Ok(roots)
}

/// Accepts the certificate of any server. Its signatures are checked as usual, so that a handshake
/// costs what it does with a certificate that is trusted, its path apart.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

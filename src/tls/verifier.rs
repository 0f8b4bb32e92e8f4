//! Which certificates of servers are accepted: those that an authority has signed, and those that the
//! scenario names itself.

use crate::tls::{files, provider};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, crypto,
};
use std::path::Path;
use std::sync::Arc;

/// Whether a server's certificate is refused because it is that of an authority, as `openssl req -x509`
/// makes them.
pub(crate) fn is_of_authority(error: &CertificateError) -> bool {
    let CertificateError::Other(other) = error else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Decides on the certificates of servers. The signatures of a handshake are checked whatever is accepted, so
/// that it costs the same, the certificate's path apart.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    /// What is accepted; any certificate without it.
    trusted: Option<Trusted>,
}

/// Accepts what an authority has signed, and a certificate that is named itself: it was given to be
/// trusted, whoever signed it and whatever it is for. Its name and its time are checked all the same.
#[derive(Debug)]
struct Trusted {
    usual: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// Accepts the certificate of any server.
    pub(super) fn any() -> Verifier {
        Verifier { provider: provider(), trusted: None }
    }

    /// Trusts the bundled server's own certificate alone, the certificates of a file, or the system's
    /// authorities.
    ///
    /// # Errors
    /// A sentence, if a file cannot be read or used.
    pub(super) fn trusting(ca: Option<&Path>, own: Option<&str>) -> Result<Verifier, String> {
        let mut roots = RootCertStore::empty();
        let named = match (own, ca) {
            (Some(own), _) => files::certificates_in(own.as_bytes())?,
            (None, Some(path)) => files::certificates(path)?,
            (None, None) => {
                add_of_system(&mut roots)?;
                Vec::new()
            }
        };
        for certificate in named.iter().cloned() {
            roots
                .add(certificate)
                .map_err(|error| format!("cannot trust a certificate: {error}"))?;
        }
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
        let usual = usual.build().map_err(|error| error.to_string())?;
        Ok(Verifier { provider: provider(), trusted: Some(Trusted { usual, named }) })
    }
}

fn add_of_system(roots: &mut RootCertStore) -> Result<(), String> {
    let found = rustls_native_certs::load_native_certs();
    // Some systems have one that nobody can read.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})"));
        return Err(format!(
            "this system has no authorities to trust{}; name a file by ca, or take insecure = true",
            why.unwrap_or_default()
        ));
    }
    Ok(())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(Trusted { usual, named }) = &self.trusted else {
            return Ok(ServerCertVerified::assertion());
        };
        let found = usual.verify_server_cert(certificate, others, name, ocsp, now);
        let Err(Error::InvalidCertificate(error)) = &found else { return found };
        // Both are found after the certificate's time was checked.
        let only_unsigned = *error == CertificateError::UnknownIssuer || is_of_authority(error);
        if !only_unsigned || !named.contains(certificate) {
            return found;
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

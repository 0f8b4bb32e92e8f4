//! What an error of rustls is to a client.

use crate::record::{ClientError, ClientErrorKind, TlsProblem};
use crate::tls::is_of_authority;
use rustls::{CertificateError, Error};

/// Returns the error with its reason.
pub(crate) fn client_error(error: &Error) -> ClientError {
    let problem = match error {
        Error::AlertReceived(alert) => {
            return ClientError::with(ClientErrorKind::TlsAlert, u8::from(*alert).into());
        }
        Error::InvalidCertificate(error) => match error {
            // An authority of the same name has another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                TlsProblem::UnknownIssuer
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TlsProblem::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsProblem::NotValidYet
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsProblem::WrongName
            }
            CertificateError::Revoked => TlsProblem::Revoked,
            error if is_of_authority(error) => TlsProblem::OfAuthority,
            _ => TlsProblem::BadCertificate,
        },
        Error::NoCertificatesPresented => TlsProblem::BadCertificate,
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => TlsProblem::Incompatible,
        _ => TlsProblem::Malformed,
    };
    problem.error()
}

//! Certificates and keys in PEM files (RFC 7468).

use crate::os::{NoWriter, read_file};
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;

/// The largest file that is read, in bytes: all public authorities have less than 1 MiB.
const MOST_BYTES: usize = 16 << 20;

/// What a file should hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileOf {
    /// Certificates.
    Certificates,
    /// A key.
    Key,
}

/// Checks what is in a file.
///
/// # Errors
/// A sentence, if it cannot be read or holds something else.
pub(crate) fn check_file(path: &Path, of: FileOf) -> Result<(), String> {
    match of {
        FileOf::Certificates => certificates(path).map(drop),
        FileOf::Key => key(path).map(drop),
    }
}

/// Returns the certificates of a file, at least one.
///
/// # Errors
/// A sentence, if it cannot be read or holds none.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    certificates_in(&read(path)?).map_err(|why| format!("{}: {why}", path.display()))
}

/// Does the same with the text of a file.
pub(super) fn certificates_in(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, Error> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err("has no certificate: it must be in PEM, \"-----BEGIN CERTIFICATE-----\"".to_owned())
        }
        Ok(found) => Ok(found),
        Err(error) => Err(format!("is not PEM: {error}")),
    }
}

/// Returns the key of a file.
///
/// # Errors
/// A sentence, if it cannot be read or holds none.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    key_in(&read(path)?).map_err(|why| format!("{}: {why}", path.display()))
}

/// Does the same with the text of a file.
pub(super) fn key_in(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        Error::NoItemsFound => {
            "has no private key: it must be in PEM, \"-----BEGIN PRIVATE KEY-----\", and not \
             encrypted"
                .to_owned()
        }
        error => format!("is not PEM: {error}"),
    })
}

/// Reads a file of certificates or with a key.
///
/// # Errors
/// A sentence, if it cannot be read or is too large.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    read_file(path, MOST_BYTES, NoWriter::Refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_refused() {
        for of in [FileOf::Certificates, FileOf::Key] {
            let refused = check_file(Path::new("/dev/zero"), of);
            assert_eq!(refused, Err("\"/dev/zero\" is larger than 16 MiB".to_owned()));
        }
    }
}

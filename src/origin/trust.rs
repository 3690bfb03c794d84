//! Whose certificates are believed: the platform's own roots, and beside them the authorities of `ca_file`.
//!
//! Ministries have both, the public web's and one of their own that a proxy may re-sign the web with.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// Why a file of authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustFault {
    /// The file cannot be read.
    #[error("the file of authorities {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not PEM.
    #[error("the file of authorities {path} is not PEM")]
    NotPem {
        /// The file.
        path: PathBuf,
        /// Where it ends to be.
        source: pem::Error,
    },
    /// The file has no certificate in it (but perhaps a key, or DER).
    #[error("the file of authorities {path} has no certificate: expected -----BEGIN CERTIFICATE-----")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A certificate of the file is broken.
    #[error("certificate {number} of the file of authorities {path} cannot be used")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
}

/// The certificates of the PEM file `path`, each fit to be trusted.
///
/// # Errors
///
/// If the file cannot be read, is not PEM, holds no certificate, or one that cannot be parsed.
pub fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustFault> {
    let text = std::fs::read(path).map_err(|source| TrustFault::Unreadable { path: path.to_owned(), source })?;
    let found = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TrustFault::NotPem { path: path.to_owned(), source })?;
    if found.is_empty() {
        return Err(TrustFault::Empty { path: path.to_owned() });
    }
    let mut store = RootCertStore::empty();
    for (index, certificate) in found.iter().enumerate() {
        store.add(certificate.clone()).map_err(|source| TrustFault::Certificate { path: path.to_owned(), number: index + 1, source })?;
    }
    Ok(found)
}

/// Makes `ring` the process's cryptography. The client library is built without one and takes what is installed; the first to come wins.
pub(super) fn install_cryptography() {
    // An error says that one is installed already, which is all we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(content: &[u8]) -> TrustFault {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("authorities.pem");
        std::fs::write(&path, content).unwrap();
        authorities(&path).unwrap_err()
    }

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn every_certificate_of_the_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("authorities.pem");
        std::fs::write(&path, format!("Our authorities\n{}\n\n{}", certificate(), certificate())).unwrap();
        assert_eq!(authorities(&path).unwrap().len(), 2);
    }

    #[test]
    fn each_fault_of_the_file_is_named() {
        let missing = authorities(Path::new("/nonexistent/authorities.pem")).unwrap_err();
        assert_eq!(missing.to_string(), "the file of authorities /nonexistent/authorities.pem cannot be read");
        assert!(matches!(fault(b""), TrustFault::Empty { .. }));
        assert!(matches!(fault(b"no PEM at all"), TrustFault::Empty { .. }));
        assert!(matches!(fault(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"), TrustFault::NotPem { .. }));
        let broken = format!("{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", certificate());
        assert!(matches!(fault(broken.as_bytes()), TrustFault::Certificate { number: 2, .. }));
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert!(matches!(fault(key.as_bytes()), TrustFault::Empty { .. }));
    }
}

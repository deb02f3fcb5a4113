//! TLS towards a source of accounts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// How a source is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceTls {
    /// In the clear: on this machine only.
    Off,
    /// Encrypted, with a valid certificate for the server's name, or not at all.
    Required {
        /// PEM: who vouches for the server. Without it, whoever the system trusts.
        trust: Option<PathBuf>,
    },
}

/// The settings of a TLS client that trusts those in the file, or whom the system trusts. The error says what is wrong.
pub(crate) fn client(trust: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let roots = match trust {
        Some(path) => roots_in(path)?,
        None => roots_of_the_system()?,
    };
    trusting(roots)
}

/// The settings of a TLS client that trusts nobody, for who never encrypts.
pub(crate) fn client_without_trust() -> Result<Arc<ClientConfig>, String> {
    trusting(RootCertStore::empty())
}

fn trusting(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|cause| cause.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn roots_in(path: &Path) -> Result<RootCertStore, String> {
    let told = |cause: &dyn std::fmt::Display| format!("{}: {cause}", path.display());
    let pem = std::fs::read(path).map_err(|cause| told(&cause))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|cause| told(&cause))?;
        roots.add(certificate).map_err(|cause| told(&cause))?;
    }
    if roots.is_empty() { Err(told(&"no certificate in it")) } else { Ok(roots) }
}

/// The certificates of those whom the system trusts, as far as they can be read.
pub(crate) fn of_the_system() -> Vec<CertificateDer<'static>> {
    let mut found = rustls_native_certs::load_native_certs().certs;
    found.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
    found
}

fn roots_of_the_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(of_the_system());
    if roots.is_empty() { Err("the system trusts nobody; name a `trust` file".to_owned()) } else { Ok(roots) }
}

//! Certificates that clients show us (EXTERNAL): asked for, never demanded.
//!
//! The handshake takes any certificate whose key the client proves to hold; whose it is, and whether anybody vouches for it, is looked at
//! afterwards. A session that is resumed keeps the certificate that its first handshake proved, and who vouches for it is asked anew,
//! since certificates end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use gatepost_directory::{ClientCertificate, Vouched};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_parser::extensions::GeneralName;

use super::tls::{TlsError, read_certificates};

/// Most addresses of one certificate that are looked at.
const ADDRESSES_MOST: usize = 100;

/// Takes any certificate whose key the client holds.
#[derive(Debug)]
pub(super) struct Holder(pub(super) Arc<CryptoProvider>);

impl ClientCertVerifier for Holder {
    /// No hint: programs would not offer certificates of their own making, which are what most devices have.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _shown: &CertificateDer<'_>,
        _above: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, shown, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, shown, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The authorities that vouch for client certificates, if the operator named any.
#[derive(Debug, Clone)]
pub(super) enum Authorities {
    /// None: only fingerprints count.
    None,
    /// These.
    These(Arc<dyn ClientCertVerifier>),
}

impl Authorities {
    /// Reads them from a PEM file.
    pub(super) fn load(path: Option<&Path>, provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let Some(path) = path else { return Ok(Self::None) };
        let wrong = |cause: String| TlsError::File { path: PathBuf::from(path), cause };
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(path)? {
            roots.add(certificate).map_err(|cause| wrong(cause.to_string()))?;
        }
        let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Self::These(built.map_err(|cause| wrong(cause.to_string()))?))
    }

    /// What of the chain that a client has shown says whose it is; `None` where it showed none.
    pub(super) fn read(&self, chain: Option<&[CertificateDer<'_>]>) -> Option<ClientCertificate> {
        let (shown, above) = chain?.split_first()?;
        let hash = digest::digest(&digest::SHA256, shown);
        let fingerprint = *hash.as_ref().first_chunk()?;
        Some(ClientCertificate { fingerprint, emails: emails(shown), vouched: self.vouch(shown, above) })
    }

    fn vouch(&self, shown: &CertificateDer<'_>, above: &[CertificateDer<'_>]) -> Vouched {
        let Self::These(verifier) = self else { return Vouched::Not };
        match verifier.verify_client_cert(shown, above, UnixTime::now()) {
            Ok(_) => Vouched::ByAuthority,
            Err(_) => Vouched::Not,
        }
    }
}

/// The rfc822Name entries (RFC 5280 section 4.2.1.6). A certificate that cannot be read has none.
fn emails(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_rest, parsed)) = x509_parser::parse_x509_certificate(certificate) else { return Vec::new() };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let emails = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::RFC822Name(email) => Some((*email).to_owned()),
        _other => None,
    });
    emails.take(ADDRESSES_MOST).collect()
}

#[cfg(test)]
mod tests;

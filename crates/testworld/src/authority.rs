//! Throw-away certificates, good and bad.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The years in which good certificates are valid.
const GOOD_YEARS: (i32, i32) = (2020, 2080);

/// The years in which an expired one was.
const PAST_YEARS: (i32, i32) = (2001, 2002);

/// A certificate authority that lives as long as the test.
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate chain and its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, then its issuer unless it signed itself.
    pub chain: String,
    /// The private key, PKCS #8.
    pub key: String,
}

impl Authority {
    /// A new authority with a key of its own.
    ///
    /// # Errors
    ///
    /// When the machine can make no key.
    pub fn new() -> io::Result<Self> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = params(&[], GOOD_YEARS, "testworld authority")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(io::Error::other)?.pem();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// The authority's own certificate, as PEM: what a client must trust.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A good certificate for these names; an IP address is a name too, and so is an e-mail address. A wrong name is one that the client
    /// does not ask for.
    ///
    /// # Errors
    ///
    /// When a name is none, or the machine can make no key.
    pub fn identity(&self, names: &[&str]) -> io::Result<Identity> {
        self.sign(names, GOOD_YEARS)
    }

    /// A certificate that was good once.
    ///
    /// # Errors
    ///
    /// As for [`Authority::identity`].
    pub fn expired(&self, names: &[&str]) -> io::Result<Identity> {
        self.sign(names, PAST_YEARS)
    }

    fn sign(&self, names: &[&str], years: (i32, i32)) -> io::Result<Identity> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let params = params(names, years, names.first().unwrap_or(&"nobody"))?;
        let own = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?.pem();
        Ok(Identity { chain: own + &self.certificate, key: key.serialize_pem() })
    }

    /// A certificate that nobody vouches for.
    ///
    /// # Errors
    ///
    /// As for [`Authority::identity`].
    pub fn self_signed(names: &[&str]) -> io::Result<Identity> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let params = params(names, GOOD_YEARS, names.first().unwrap_or(&"nobody"))?;
        let own = params.self_signed(&key).map_err(io::Error::other)?.pem();
        Ok(Identity { chain: own, key: key.serialize_pem() })
    }
}

fn params(names: &[&str], years: (i32, i32), title: &str) -> io::Result<CertificateParams> {
    let (people, hosts): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains('@'));
    let hosts: Vec<String> = hosts.into_iter().map(str::to_owned).collect();
    let mut params = CertificateParams::new(hosts).map_err(io::Error::other)?;
    for address in people {
        params.subject_alt_names.push(SanType::Rfc822Name(address.try_into().map_err(io::Error::other)?));
    }
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, title);
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

impl Identity {
    /// Writes `NAME.crt` and `NAME.key` into the folder and gives their paths.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn write(&self, folder: &Path, name: &str) -> io::Result<(PathBuf, PathBuf)> {
        let certificate = folder.join(format!("{name}.crt"));
        let key = folder.join(format!("{name}.key"));
        std::fs::write(&certificate, &self.chain)?;
        std::fs::write(&key, &self.key)?;
        Ok((certificate, key))
    }

    /// The settings of a TLS server with this certificate, without client certificates.
    ///
    /// # Errors
    ///
    /// When certificate and key do not fit.
    pub fn server_config(&self) -> io::Result<Arc<ServerConfig>> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain.map_err(io::Error::other)?, key)
            .map_err(io::Error::other)?;
        Ok(Arc::new(config))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

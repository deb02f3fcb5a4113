//! TLS on both sides, and what SASL binds to (RFC 5929, RFC 9266).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use gatepost_directory::ClientCertificate;
use gatepost_sasl::{BindingKind, ChannelBinding};
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, ClientConnection, CommonState, HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig,
    ServerConnection, SignatureScheme, SupportedCipherSuite,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::cork::Corked;
use super::names::names;
use super::shown::{Authorities, Holder};
use super::stream::Stream;
use super::verify::Anyone;
use crate::settings::TlsFiles;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Tickets for a client of TLS 1.3: each connection uses one up, and gets the next.
const TICKETS: usize = 1;
/// Next hops whose sessions a connector remembers, for each of the two checks: a few KiB each. The oldest is forgotten first.
const SESSIONS: usize = 1024;
/// RFC 9266 section 2.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
const EXPORTER_OCTETS: usize = 32;

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A PEM file cannot be read.
    #[error("{path}: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("certificate {certificate} with key {private_key}: {cause}")]
    Pair {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        private_key: PathBuf,
        /// Why.
        cause: rustls::Error,
    },
    /// The library refuses its own settings.
    #[error("TLS settings: {0}")]
    Settings(#[from] rustls::Error),
    /// The handshake failed or took too long.
    #[error("TLS handshake: {0}")]
    Handshake(io::Error),
    /// The peer's name is none that a certificate could have.
    #[error("{0} is no name that a certificate can have")]
    Name(String),
    /// TLS over something that is not TCP.
    #[error("TLS is already on, or the channel is a unix socket")]
    Channel,
}

/// What is known of an encrypted channel.
#[derive(Debug, Clone)]
pub struct TlsFacts {
    /// As in `TLSv1.3`.
    pub version: &'static str,
    /// As in `TLS13_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// Whether an earlier session went on: no certificate and no signature was needed.
    pub resumed: bool,
    /// What SASL can bind to.
    pub bindings: Vec<ChannelBinding>,
    /// The certificate that a client has shown to us.
    pub client_certificate: Option<ClientCertificate>,
}

/// Whether a client is asked for a certificate. It need not have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateRequest {
    /// It is.
    Asked,
    /// It is not, so none is looked at.
    NotAsked,
}

/// Takes TLS from clients. A new certificate is a new acceptor: sessions that are open keep the old one.
#[derive(Clone)]
pub struct Acceptor {
    plain: TlsAcceptor,
    asking: TlsAcceptor,
    /// What SASL binds to where it is our certificate ([`BindingKind::TlsServerEndPoint`]).
    end_point: Option<Vec<u8>>,
    names: Vec<String>,
    authorities: Authorities,
}

impl Acceptor {
    /// Reads certificate and key, and who vouches for client certificates.
    ///
    /// # Errors
    ///
    /// [`TlsError::File`] and [`TlsError::Pair`] name what is wrong; [`TlsError::Settings`].
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let authorities = Authorities::load(files.client_authorities.as_deref(), provider())?;
        let pair = read_pair(files)?;
        let shown = pair.cert.first().cloned();
        let empty =
            || TlsError::File { path: files.certificate.clone(), cause: "holds no certificate".into() };
        let certificate = shown.ok_or_else(empty)?.into_owned();
        let resolver = Arc::new(SingleCertAndKey::from(pair));
        let builder =
            || ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let plain = builder()?.with_no_client_auth().with_cert_resolver(resolver.clone());
        let asking = builder()?.with_client_cert_verifier(Arc::new(Holder(provider())));
        let asking = asking.with_cert_resolver(resolver);
        let (names, end_point) = (names(&certificate), end_point(&certificate));
        Ok(Self { plain: acceptor(plain)?, asking: acceptor(asking)?, end_point, names, authorities })
    }

    /// The host names and addresses that our certificate is for: what clients may call us.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    ///
    /// [`TlsError::Handshake`], also after 30 seconds.
    pub async fn accept(
        &self,
        stream: TcpStream,
        request: CertificateRequest,
    ) -> Result<(Stream, TlsFacts), TlsError> {
        let acceptor = match request {
            CertificateRequest::Asked => &self.asking,
            CertificateRequest::NotAsked => &self.plain,
        };
        let stream = in_time(async {
            let mut stream = acceptor.accept(Corked::new(stream)).await?;
            let (cork, connection) = stream.get_mut();
            // A ticket of TLS 1.3 can wait for our next words; before TLS 1.3 it is the client that waits.
            if is_newest(connection) {
                cork.trail()
            } else {
                cork.open()
            }
            stream.flush().await?;
            Ok(stream)
        });
        let stream = stream.await?;
        let connection = stream.get_ref().1;
        let mut facts = server_facts(connection, self.end_point.clone());
        facts.client_certificate = self.authorities.read(connection.peer_certificates());
        Ok((Stream::Server(Box::new(stream)), facts))
    }
}

/// Each configuration has tickets of its own, so no session of one is resumed in the other: whether a client was asked for a
/// certificate stays true.
fn acceptor(mut config: ServerConfig) -> Result<TlsAcceptor, TlsError> {
    config.ticketer = provider::Ticketer::new()?;
    config.send_tls13_tickets = TICKETS;
    // All suites here are good: the cheapest that both know.
    config.ignore_client_order = true;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Offers TLS to next hops. A session with a host that was met before goes on where both sides can. Each connector, and each of its two
/// checks, remembers its own: a session that was begun with anyone never passes for a verified one, and none passes from one
/// certificate of ours to another.
#[derive(Clone)]
pub struct Connector {
    anyone: TlsConnector,
    verified: TlsConnector,
}

/// Whether a next hop's certificate must be valid for its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Any certificate.
    Anyone,
    /// Valid for its name, by the system's roots or those handed in.
    Verified,
}

impl Connector {
    /// A connector that trusts the system's roots and those in `extra`, a PEM file, and shows no certificate.
    ///
    /// # Errors
    ///
    /// [`TlsError::File`] if `extra` cannot be read.
    pub fn new(extra: Option<&Path>) -> Result<Self, TlsError> {
        Self::with_resolver(extra, Arc::new(NoCertificate))
    }

    /// A connector for which no certificate is valid.
    ///
    /// # Errors
    ///
    /// [`TlsError::Settings`].
    pub fn trusting_nobody() -> Result<Self, TlsError> {
        Self::with_roots(RootCertStore::empty(), Arc::new(NoCertificate))
    }

    /// The same, showing this certificate to servers that ask for one (RFC 8446 section 4.3.2).
    ///
    /// # Errors
    ///
    /// [`TlsError::File`] and [`TlsError::Pair`] name what is wrong.
    pub fn showing(extra: Option<&Path>, files: &TlsFiles) -> Result<Self, TlsError> {
        Self::with_resolver(extra, Arc::new(SingleCertAndKey::from(read_pair(files)?)))
    }

    fn with_resolver(extra: Option<&Path>, shown: Arc<dyn ResolvesClientCert>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = extra {
            roots.add_parsable_certificates(read_certificates(path)?);
        }
        Self::with_roots(roots, shown)
    }

    fn with_roots(roots: RootCertStore, shown: Arc<dyn ResolvesClientCert>) -> Result<Self, TlsError> {
        let builder =
            || ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let mut anyone = builder()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider())))
            .with_client_cert_resolver(Arc::clone(&shown));
        let mut verified = builder()?.with_root_certificates(roots).with_client_cert_resolver(shown);
        // Two stores. One for both would let a session of anyone's resume as a verified one.
        anyone.resumption = Resumption::in_memory_sessions(SESSIONS);
        verified.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Self { anyone: Arc::new(anyone).into(), verified: Arc::new(verified).into() })
    }

    /// Shakes hands with a next hop.
    ///
    /// # Errors
    ///
    /// [`TlsError::Handshake`], also after 30 seconds; [`TlsError::Name`]; [`TlsError::Channel`].
    pub async fn connect(
        &self,
        stream: Stream,
        name: &str,
        check: Check,
    ) -> Result<(Stream, TlsFacts), TlsError> {
        let Stream::Tcp(stream) = stream else { return Err(TlsError::Channel) };
        let server_name = ServerName::try_from(name.to_owned());
        let server_name = server_name.map_err(|_| TlsError::Name(name.to_owned()))?;
        let connector = match check {
            Check::Anyone => &self.anyone,
            Check::Verified => &self.verified,
        };
        let mut stream = in_time(connector.connect(server_name, Corked::new(stream))).await?;
        // Our last message goes with our first words, or when we wait for those of the server.
        stream.get_mut().0.open();
        let facts = client_facts(stream.get_ref().1);
        Ok((Stream::Client(Box::new(stream)), facts))
    }
}

async fn in_time<T>(handshake: impl Future<Output = io::Result<T>>) -> Result<T, TlsError> {
    let done = timeout(HANDSHAKE, handshake).await;
    done.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into())).map_err(TlsError::Handshake)
}

/// Whoever asks for a certificate gets none.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// The library's suites, those first whose hash is SHA-256: processors have instructions for it, and a connection hashes much more for
/// its handshake than it carries.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = provider::default_provider();
    provider.cipher_suites.sort_by_key(|suite| !hashes_quickly(suite));
    Arc::new(provider)
}

fn hashes_quickly(suite: &SupportedCipherSuite) -> bool {
    use rustls::CipherSuite::{
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TLS13_AES_128_GCM_SHA256,
    };
    matches!(
        suite.suite(),
        TLS13_AES_128_GCM_SHA256
            | TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}

fn server_facts(connection: &ServerConnection, end_point: Option<Vec<u8>>) -> TlsFacts {
    let exported = connection.export_keying_material([0; EXPORTER_OCTETS], EXPORTER_LABEL, None).ok();
    facts(connection, exported, end_point)
}

fn client_facts(connection: &ClientConnection) -> TlsFacts {
    let exported = connection.export_keying_material([0; EXPORTER_OCTETS], EXPORTER_LABEL, None).ok();
    let shown = connection.peer_certificates().and_then(<[_]>::first);
    facts(connection, exported, shown.and_then(end_point))
}

fn facts(
    connection: &CommonState,
    exported: Option<[u8; EXPORTER_OCTETS]>,
    end_point: Option<Vec<u8>>,
) -> TlsFacts {
    let newest = is_newest(connection);
    let mut bindings = Vec::new();
    // On TLS 1.2 the exporter is only unique with extended master secrets (RFC 9266 section 4.2).
    let bind = |kind| move |octets: Vec<u8>| ChannelBinding::new(kind, octets);
    let exported = exported.filter(|_| newest).map(Vec::from);
    bindings.extend(exported.map(bind(BindingKind::TlsExporter)));
    bindings.extend(end_point.map(bind(BindingKind::TlsServerEndPoint)));
    TlsFacts {
        version: if newest { "TLSv1.3" } else { "TLSv1.2" },
        cipher: connection
            .negotiated_cipher_suite()
            .map_or_else(String::new, |suite| format!("{:?}", suite.suite())),
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        bindings,
        client_certificate: None,
    }
}

fn is_newest(connection: &CommonState) -> bool {
    connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
}

/// The certificate's hash by its own signature's hash function, SHA-256 for MD5 and SHA-1 (RFC 5929 section
/// 4.1). Signatures without one (Ed25519) have no such binding.
fn end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    const WITH_SHA384: [&str; 2] = ["1.2.840.113549.1.1.12", "1.2.840.10045.4.3.3"];
    const WITH_SHA512: [&str; 2] = ["1.2.840.113549.1.1.13", "1.2.840.10045.4.3.4"];
    const WITH_SHA256: [&str; 5] = [
        "1.2.840.113549.1.1.11",
        "1.2.840.10045.4.3.2",
        "1.2.840.113549.1.1.5",
        "1.2.840.113549.1.1.4",
        "1.2.840.10045.4.1",
    ];
    let (_rest, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let algorithm = parsed.signature_algorithm.algorithm.to_id_string();
    let hash = match algorithm.as_str() {
        oid if WITH_SHA256.contains(&oid) => &digest::SHA256,
        oid if WITH_SHA384.contains(&oid) => &digest::SHA384,
        oid if WITH_SHA512.contains(&oid) => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(hash, certificate).as_ref().to_vec())
}

fn read_pair(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let chain = read_certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.private_key)
        .map_err(|cause| TlsError::File { path: files.private_key.clone(), cause: cause.to_string() })?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|cause| TlsError::Pair {
        certificate: files.certificate.clone(),
        private_key: files.private_key.clone(),
        cause,
    })
}

pub(super) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |cause: String| TlsError::File { path: path.to_owned(), cause };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|cause| wrong(cause.to_string()))?.collect();
    let chain = chain.map_err(|cause| wrong(cause.to_string()))?;
    if chain.is_empty() { Err(wrong("holds no certificate".into())) } else { Ok(chain) }
}

#[cfg(test)]
mod tests;

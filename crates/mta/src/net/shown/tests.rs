use std::io;
use std::net::SocketAddr;
use std::process::Command;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, SupportedProtocolVersion, version};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::*;
use crate::net::tls::{Acceptor, CertificateRequest, TlsFacts};
use crate::net::verify::Anyone;
use crate::settings::TlsFiles;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A folder with what openssl made: an authority, a certificate that it signed, one that nobody did, one of the past.
fn made() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"set -e
        key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
        for name in server authority device self past; do key $name; done
        san="subjectAltName=email:ada@ours.example,DNS:device.example,email:scans@ours.example"
        own() { openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 30 -out "$1.pem" "${@:2}"; }
        own server -addext "subjectAltName=DNS:mail.ours.example"
        own authority -addext "basicConstraints=critical,CA:TRUE"
        own self -addext "$san"
        sign() { openssl req -new -key "$1.key" -subj "/CN=$1" -addext "$san" -out "$1.csr"
            openssl x509 -req -in "$1.csr" -CA authority.pem -CAkey authority.key -CAcreateserial -copy_extensions copy \
                -out "$1.pem" "${@:2}"; }
        sign device -days 30
        sign past -days -1
    "#;
    let output = Command::new("bash").args(["-c", script]).current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    dir
}

fn acceptor(dir: &TempDir, authorities: Option<&str>) -> Acceptor {
    let path = |name: &str| dir.path().join(name);
    let files = TlsFiles {
        certificate: path("server.pem"),
        private_key: path("server.key"),
        client_authorities: authorities.map(path),
    };
    Acceptor::load(&files).unwrap()
}

fn client(
    dir: &TempDir,
    shown: Option<(&str, &str)>,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider())));
    let mut config = match shown {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = read_certificates(&dir.path().join(format!("{certificate}.pem"))).unwrap();
            let key = PrivateKeyDer::from_pem_file(dir.path().join(format!("{key}.key"))).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.resumption = Resumption::in_memory_sessions(8);
    config
}

/// Both ends of one handshake: what the server learnt, and whether the client resumed a session.
async fn meet(
    acceptor: &Acceptor,
    request: CertificateRequest,
    config: &Arc<ClientConfig>,
) -> io::Result<(TlsFacts, Option<HandshakeKind>)> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let config = config.clone();
    let talks = tokio::spawn(async move {
        let name = ServerName::try_from("mail.ours.example").map_err(io::Error::other)?;
        let mut stream = TlsConnector::from(config).connect(name, TcpStream::connect(address).await?).await?;
        let kind = stream.get_ref().1.handshake_kind();
        // Tickets of TLS 1.3 come behind the handshake.
        let _ = stream.read(&mut [0; 16]).await;
        Ok::<_, io::Error>(kind)
    });
    let (stream, _) = listener.accept().await?;
    let accepted = acceptor.accept(stream, request).await.map_err(io::Error::other);
    let facts = accepted.map(|(stream, facts)| {
        drop(stream);
        facts
    });
    let kind = talks.await.map_err(io::Error::other)?;
    Ok((facts?, kind?))
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

#[tokio::test]
async fn a_certificate_is_read_and_an_authority_asked() {
    let dir = made();
    let named = acceptor(&dir, Some("authority.pem"));
    let alone = acceptor(&dir, None);
    for version in VERSIONS {
        for (shown, by_named) in
            [("device", Vouched::ByAuthority), ("self", Vouched::Not), ("past", Vouched::Not)]
        {
            let config = Arc::new(client(&dir, Some((shown, shown)), version));
            for (acceptor, vouched) in [(&named, by_named), (&alone, Vouched::Not)] {
                let (facts, _) = meet(acceptor, CertificateRequest::Asked, &config).await.unwrap();
                let found = facts.client_certificate.unwrap();
                assert_eq!(found.vouched, vouched, "{shown} {version:?}");
                assert_eq!(found.emails, ["ada@ours.example", "scans@ours.example"]);
                let der = read_certificates(&dir.path().join(format!("{shown}.pem"))).unwrap();
                assert_eq!(found.fingerprint, digest::digest(&digest::SHA256, &der[0]).as_ref());
            }
        }
    }
}

#[tokio::test]
async fn nobody_must_show_one_and_nobody_is_asked_elsewhere() {
    let dir = made();
    let acceptor = acceptor(&dir, Some("authority.pem"));
    for version in VERSIONS {
        let bare = Arc::new(client(&dir, None, version));
        let (facts, _) = meet(&acceptor, CertificateRequest::Asked, &bare).await.unwrap();
        assert_eq!(facts.client_certificate, None);
        let device = Arc::new(client(&dir, Some(("device", "device")), version));
        let (facts, _) = meet(&acceptor, CertificateRequest::NotAsked, &device).await.unwrap();
        assert_eq!(facts.client_certificate, None);
    }
}

/// A certificate is no secret: whoever shows another's must hold its key.
#[tokio::test]
async fn a_certificate_without_its_key_ends_the_handshake() {
    let dir = made();
    let acceptor = acceptor(&dir, Some("authority.pem"));
    for version in VERSIONS {
        let chain = read_certificates(&dir.path().join("device.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(dir.path().join("self.key")).unwrap();
        let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
        let stolen = rustls::sign::CertifiedKey::new(chain, signer);
        let builder =
            ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider())));
        let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(stolen));
        let config = Arc::new(builder.with_client_cert_resolver(resolver));
        let met = meet(&acceptor, CertificateRequest::Asked, &config).await;
        assert!(met.is_err(), "{version:?}: {met:?}");
    }
}

/// A session that is resumed has the certificate that its first handshake proved; none is resumed where the other question was
/// asked.
#[tokio::test]
async fn a_resumed_session_keeps_its_certificate() {
    let dir = made();
    let acceptor = acceptor(&dir, Some("authority.pem"));
    for version in VERSIONS {
        let device = Arc::new(client(&dir, Some(("device", "device")), version));
        let (first, kind) = meet(&acceptor, CertificateRequest::Asked, &device).await.unwrap();
        assert_eq!((kind, first.resumed), (Some(HandshakeKind::Full), false));
        let (second, kind) = meet(&acceptor, CertificateRequest::Asked, &device).await.unwrap();
        assert_eq!((kind, second.resumed), (Some(HandshakeKind::Resumed), true), "{version:?}");
        assert!(first.client_certificate.is_some());
        assert_eq!(first.client_certificate, second.client_certificate);
        let (third, kind) = meet(&acceptor, CertificateRequest::NotAsked, &device).await.unwrap();
        assert_eq!(kind, Some(HandshakeKind::Full), "{version:?}");
        assert_eq!(third.client_certificate, None);
        assert_eq!(
            third.version,
            if version.version == ProtocolVersion::TLSv1_3 { "TLSv1.3" } else { "TLSv1.2" }
        );
    }
}

#[test]
fn authorities_that_cannot_be_read_are_named() {
    let dir = made();
    std::fs::write(dir.path().join("empty.pem"), "").unwrap();
    for name in ["empty.pem", "server.key", "missing.pem"] {
        let path = dir.path().join(name);
        let error = Authorities::load(Some(&path), provider()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

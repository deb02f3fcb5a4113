use std::io;
use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const NAME: &str = "mail.ours.example";

/// An authority, a server that it signed, two certificates of our own.
fn made() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"set -e
        for name in authority server one two; do openssl ecparam -name prime256v1 -genkey -noout -out $name.key; done
        own() { openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 30 -out "$1.pem"; }
        own authority; own one; own two
        openssl req -new -key server.key -subj /CN=server -addext subjectAltName=DNS:mail.ours.example -out server.csr
        openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 30 -copy_extensions copy \
            -out server.pem
    "#;
    let output = Command::new("bash").args(["-c", script]).current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    dir
}

fn files(dir: &TempDir, name: &str) -> TlsFiles {
    let path = |ending: &str| dir.path().join(format!("{name}.{ending}"));
    TlsFiles { certificate: path("pem"), private_key: path("key"), client_authorities: None }
}

/// One connection from this connector to this acceptor; whether either side resumed a session, ours first.
async fn meet(
    connector: &Connector,
    check: Check,
    acceptor: &Acceptor,
    request: CertificateRequest,
) -> io::Result<[bool; 2]> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let serving = async {
        let (stream, _) = listener.accept().await?;
        let (mut stream, facts) = acceptor.accept(stream, request).await.map_err(io::Error::other)?;
        stream.write_all(b"220 ready\r\n").await?;
        stream.shutdown().await?;
        Ok::<_, io::Error>(facts.resumed)
    };
    let calling = async {
        let stream = Stream::Tcp(TcpStream::connect(address).await?);
        let (mut stream, facts) = connector.connect(stream, NAME, check).await.map_err(io::Error::other)?;
        // Tickets of TLS 1.3 come with what is read.
        stream.read_to_end(&mut Vec::new()).await?;
        Ok::<_, io::Error>(facts.resumed)
    };
    let (theirs, ours) = tokio::join!(serving, calling);
    Ok([ours?, theirs?])
}

#[tokio::test]
async fn a_session_with_a_next_hop_goes_on_and_never_under_another_check() {
    let dir = made();
    let acceptor = Acceptor::load(&files(&dir, "server")).unwrap();
    let connector = Connector::new(Some(&dir.path().join("authority.pem"))).unwrap();
    for check in [Check::Anyone, Check::Verified] {
        for resumed in [false, true, true] {
            let met = meet(&connector, check, &acceptor, CertificateRequest::NotAsked).await.unwrap();
            assert_eq!(met, [resumed; 2], "{check:?}");
        }
    }
}

/// Who has met a host without a look at its certificate must look when that is asked.
#[tokio::test]
async fn a_session_with_anyone_is_no_verified_one() {
    let dir = made();
    let acceptor = Acceptor::load(&files(&dir, "server")).unwrap();
    let connector = Connector::new(None).unwrap();
    for _ in 0..2 {
        meet(&connector, Check::Anyone, &acceptor, CertificateRequest::NotAsked).await.unwrap();
        let met = meet(&connector, Check::Verified, &acceptor, CertificateRequest::NotAsked).await;
        assert!(met.is_err(), "{met:?}");
    }
}

#[tokio::test]
async fn a_session_under_one_certificate_of_ours_does_not_go_on_under_another() {
    let dir = made();
    let acceptor = Acceptor::load(&files(&dir, "server")).unwrap();
    let authority = dir.path().join("authority.pem");
    let bare = Connector::new(Some(&authority)).unwrap();
    let [one, two] =
        ["one", "two"].map(|name| Connector::showing(Some(&authority), &files(&dir, name)).unwrap());
    for connector in [&bare, &one, &two] {
        for resumed in [false, true] {
            let met = meet(connector, Check::Verified, &acceptor, CertificateRequest::Asked).await.unwrap();
            assert_eq!(met, [resumed; 2]);
        }
    }
}

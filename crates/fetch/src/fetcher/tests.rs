//! Against scripted answers on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use gatepost_testworld::Authority;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Fetcher, Patience};
use crate::{FetchFault, Response, Url, limits};

const SHORT: Patience = Patience { connect: Duration::from_secs(5), whole: Duration::from_secs(5) };

/// Answers one request with these octets and gives the request.
async fn once(answer: Vec<u8>) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        // The client hangs up on what it does not want.
        let _ = stream.write_all(&answer).await;
        request
    });
    (address, served)
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).await.unwrap();
        request.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if count == 0 || body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text;
        }
    }
}

async fn fetched(answer: impl Into<Vec<u8>>) -> Result<Response, FetchFault> {
    let (address, _served) = once(answer.into()).await;
    let fetcher = Fetcher::new(None, SHORT).unwrap();
    let url = Url::parse(&format!("http://{address}/keys?secret=x")).unwrap();
    fetcher.get(&url, &[]).await.map_err(|error| {
        assert!(!error.to_string().contains("secret"), "{error}");
        error.cause
    })
}

#[tokio::test]
async fn a_form_is_sent_and_the_answer_read() {
    let (address, served) = once(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncache-control: private, max-age=300\r\n\r\n{}".to_vec(),
    )
    .await;
    let fetcher = Fetcher::new(None, SHORT).unwrap();
    let url = Url::parse(&format!("http://{address}/token")).unwrap();
    let fields = [("grant_type", "client_credentials"), ("scope", "a b")];
    let response = fetcher.post_form(&url, &[("authorization", "Basic eDp5")], &fields).await.unwrap();
    assert_eq!((response.status(), response.body()), (200, &b"{}"[..]));
    assert_eq!(response.max_age(), Some(Duration::from_secs(300)));
    let request = served.await.unwrap();
    assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: {address}\r\n")), "{request}");
    assert!(request.contains("authorization: Basic eDp5\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\ngrant_type=client_credentials&scope=a+b"), "{request}");
}

#[tokio::test]
async fn a_body_may_end_with_the_connection_or_come_in_chunks() {
    let response = fetched("HTTP/1.1 404 No\r\n\r\nnothing here").await.unwrap();
    assert_eq!((response.status(), response.body()), (404, &b"nothing here"[..]));
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    assert_eq!(fetched(chunks).await.unwrap().body(), b"abc");
}

/// Whether a fault is of the kind that a row wants.
type Fits = fn(&FetchFault) -> bool;

#[tokio::test]
async fn what_is_not_an_answer_is_told() {
    let long = limits::BODY_OCTETS_MOST + 1;
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; long]].concat();
    let head = [b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; limits::HEAD_OCTETS_MOST + 1]].concat();
    let rows: [(&str, Vec<u8>, Fits); 6] = [
        (
            "too long, announced",
            format!("HTTP/1.1 200 OK\r\ncontent-length: {long}\r\n\r\n").into(),
            |fault| matches!(fault, FetchFault::TooLong(_)),
        ),
        ("too long, not announced", endless, |fault| matches!(fault, FetchFault::TooLong(_))),
        ("a head without end", head, |fault| matches!(fault, FetchFault::Http(_))),
        ("a redirect", b"HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\n\r\n".to_vec(), |fault| {
            matches!(fault, FetchFault::Redirect { status: 302 })
        }),
        ("cut short", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(), |fault| {
            matches!(fault, FetchFault::Http(_))
        }),
        ("another protocol", b"220 mail.example ESMTP\r\n".to_vec(), |fault| {
            matches!(fault, FetchFault::Http(_))
        }),
    ];
    for (name, answer, fits) in rows {
        let fault = fetched(answer).await.unwrap_err();
        assert!(fits(&fault), "{name}: {fault:?}");
    }
}

#[tokio::test]
async fn nobody_there_and_nobody_speaking() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let patience = Patience { connect: Duration::from_secs(5), whole: Duration::from_millis(200) };
    let fetcher = Fetcher::new(None, patience).unwrap();
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    let silent = fetcher.get(&url, &[]).await.unwrap_err();
    assert!(matches!(silent.cause, FetchFault::TimedOut(_)), "{silent}");
    drop(listener);
    let gone = fetcher.get(&url, &[]).await.unwrap_err();
    assert!(matches!(gone.cause, FetchFault::Connect(_)), "{gone}");
}

#[tokio::test]
async fn tls_is_with_whom_it_should_be() {
    let authority = Authority::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trust = folder.path().join("ca.pem");
    std::fs::write(&trust, authority.certificate()).unwrap();
    let good = authority.identity(&["localhost", "127.0.0.1"]).unwrap();
    let other = authority.identity(&["elsewhere.example"]).unwrap();
    let self_signed = Authority::self_signed(&["localhost"]).unwrap();
    for (name, identity, fits) in
        [("good", good, true), ("another name", other, false), ("self-signed", self_signed, false)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(identity.server_config().unwrap());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            let _ = stream.shutdown().await;
        });
        let fetcher = Fetcher::new(Some(&trust), SHORT).unwrap();
        let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
        match fetcher.get(&url, &[]).await {
            Ok(response) => assert!(fits && response.body() == b"ok", "{name}"),
            Err(error) => assert!(!fits && matches!(error.cause, FetchFault::Tls(_)), "{name}: {error}"),
        }
    }
    assert!(Fetcher::new(Some(std::path::Path::new("/nonexistent")), SHORT).is_err());
}

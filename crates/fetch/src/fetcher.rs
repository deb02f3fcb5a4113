//! Who asks.

use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use crate::error::FetchFault;
use crate::form::form;
use crate::url::Channel;
use crate::{FetchError, FetcherError, Response, Url, limits};

/// Name and value of a header field. Values are sent as they are and shown nowhere.
pub type Header<'a> = (&'static str, &'a str);

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, its TLS included, at each address of the host.
    pub connect: Duration,
    /// For the whole request.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: limits::CONNECT, whole: limits::WHOLE }
    }
}

/// Asks others over HTTPS. Cheap to copy.
#[derive(Clone)]
pub struct Fetcher {
    tls: TlsConnector,
    patience: Patience,
}

impl Fetcher {
    /// One that trusts the system's roots and those in `trust`, a PEM file.
    ///
    /// # Errors
    ///
    /// [`FetcherError::Trust`] if `trust` cannot be read or holds no certificate.
    pub fn new(trust: Option<&Path>, patience: Patience) -> Result<Self, FetcherError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = trust {
            let wrong = |cause: String| FetcherError::Trust { path: path.to_owned(), cause };
            let found = CertificateDer::pem_file_iter(path).map_err(|cause| wrong(cause.to_string()))?;
            let found: Result<Vec<_>, _> = found.collect();
            let found = found.map_err(|cause| wrong(cause.to_string()))?;
            if roots.add_parsable_certificates(found).0 == 0 {
                return Err(wrong("no certificate in it can be used".to_owned()));
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Arc::new(config).into(), patience })
    }

    /// Asks by GET.
    ///
    /// # Errors
    ///
    /// [`FetchError`] when there is no answer; a refusal is one.
    pub async fn get(&self, url: &Url, headers: &[Header<'_>]) -> Result<Response, FetchError> {
        let request = request(Method::GET, url, headers, Zeroizing::default());
        self.ask(url, request).await
    }

    /// Sends a form by POST.
    ///
    /// # Errors
    ///
    /// As for [`Fetcher::get`].
    pub async fn post_form(
        &self,
        url: &Url,
        headers: &[Header<'_>],
        fields: &[(&str, &str)],
    ) -> Result<Response, FetchError> {
        let request = request(Method::POST, url, headers, form(fields)).map(|mut request| {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(CONTENT_TYPE, kind);
            request
        });
        self.ask(url, request).await
    }

    async fn ask(
        &self,
        url: &Url,
        request: Result<Request<Full<Bytes>>, hyper::http::Error>,
    ) -> Result<Response, FetchError> {
        let asked = async { self.connect_and_send(url, request.map_err(FetchFault::Request)?).await };
        let answer = timeout(self.patience.whole, asked).await;
        let answer = answer.unwrap_or(Err(FetchFault::TimedOut(self.patience.whole)));
        answer.map_err(|cause| FetchError { url: url.to_string(), cause })
    }

    async fn connect_and_send(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
    ) -> Result<Response, FetchFault> {
        let stream = self.connect(url).await?;
        match url.channel() {
            Channel::Clear => send(stream, request).await,
            Channel::Tls => {
                let name = ServerName::try_from(url.host().to_owned());
                let name = name.map_err(|cause| FetchFault::Tls(io::Error::other(cause)))?;
                let shaken = timeout(self.patience.connect, self.tls.connect(name, stream)).await;
                let stream = shaken.map_err(|_| FetchFault::TimedOut(self.patience.connect))?;
                send(stream.map_err(FetchFault::Tls)?, request).await
            }
        }
    }

    async fn connect(&self, url: &Url) -> Result<TcpStream, FetchFault> {
        let found = tokio::net::lookup_host((url.host(), url.port())).await.map_err(FetchFault::Resolve)?;
        let mut fault = FetchFault::Connect(io::ErrorKind::AddrNotAvailable.into());
        for address in found.take(limits::ADDRESSES_MOST) {
            if url.channel() == Channel::Clear && !address.ip().is_loopback() {
                return Err(FetchFault::Clear);
            }
            match timeout(self.patience.connect, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(cause)) => fault = FetchFault::Connect(cause),
                Err(_elapsed) => fault = FetchFault::TimedOut(self.patience.connect),
            }
        }
        Err(fault)
    }
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Fetcher").field("patience", &self.patience).finish_non_exhaustive()
    }
}

fn request(
    method: Method,
    url: &Url,
    headers: &[Header<'_>],
    body: Zeroizing<Vec<u8>>,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let mut builder = Request::builder()
        .method(method)
        .uri(url.target())
        .header(HOST, url.authority())
        .header(USER_AGENT, "gatepost")
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close");
    for (name, value) in headers {
        let mut value = HeaderValue::try_from(*value)?;
        value.set_sensitive(true);
        builder = builder.header(*name, value);
    }
    // The octets are wiped when hyper lets go of them.
    builder.body(Full::new(Bytes::from_owner(body)))
}

/// Sends the request over the stream and reads the whole answer. No task is spawned: giving the future up ends it all.
async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Full<Bytes>>,
) -> Result<Response, FetchFault> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(limits::HEAD_OCTETS_MOST)
        .max_headers(limits::HEADER_FIELDS_MOST)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(FetchFault::Http)?;
    let mut exchange = pin!(async {
        let answer = sender.send_request(request).await.map_err(FetchFault::Http)?;
        read(answer).await
    });
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // The other side may close as soon as it has sent everything; what it sent is still to be read.
        _ended = &mut connection => exchange.await,
    }
}

async fn read(answer: hyper::Response<Incoming>) -> Result<Response, FetchFault> {
    let (head, mut body) = answer.into_parts();
    let status = head.status.as_u16();
    if matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Err(FetchFault::Redirect { status });
    }
    let too_long = FetchFault::TooLong(limits::BODY_OCTETS_MOST);
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limits::BODY_OCTETS_MOST {
        return Err(too_long);
    }
    let mut octets = Zeroizing::new(Vec::with_capacity(announced));
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(FetchFault::Http)?.into_data() else { continue };
        if octets.len() + piece.len() > limits::BODY_OCTETS_MOST {
            return Err(too_long);
        }
        octets.extend_from_slice(&piece);
    }
    Ok(Response::new(status, &head.headers, octets))
}

#[cfg(test)]
mod tests;

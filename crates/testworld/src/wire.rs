//! Lines and octets over a connection that may become encrypted in its middle.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Longest line taken; far above all that a test sends on purpose.
const LONGEST_LINE: usize = 32 * 1024 * 1024;

/// Octets asked for in one read.
const READ_SIZE: usize = 16 * 1024;

/// The label of RFC 9266 section 4: what SCRAM-PLUS binds to under TLS 1.3.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// A connection of any kind.
pub trait Channel: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Channel for T {}

/// What a client learns from the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// The server's own certificate, in DER.
    pub certificate: Vec<u8>,
    /// The `tls-exporter` channel binding of RFC 9266.
    pub exporter: [u8; 32],
    /// For example `TLSv1_3`.
    pub version: String,
}

/// Reads lines and octets, writes octets.
pub struct Wire {
    channel: Box<dyn Channel>,
    read: Vec<u8>,
    /// How much of `read` was handed out already.
    used: usize,
}

impl Wire {
    /// Over any connection.
    pub fn new(channel: impl Channel + 'static) -> Self {
        Self { channel: Box::new(channel), read: Vec::new(), used: 0 }
    }

    /// Sends the octets as they are.
    ///
    /// # Errors
    ///
    /// What the connection says.
    pub async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.channel.write_all(octets).await?;
        self.channel.flush().await
    }

    /// One line without its line end; `None` when the other side has closed.
    ///
    /// # Errors
    ///
    /// What the connection says, and a line above the limit.
    pub async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(mut line) = self.raw_line().await? else { return Ok(None) };
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(line))
    }

    /// One line as it came, up to and with its LF; `None` when the other side has closed.
    ///
    /// # Errors
    ///
    /// As for [`Wire::line`].
    pub async fn raw_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            let fresh = self.pending().get(searched..).unwrap_or_default();
            if let Some(found) = fresh.iter().position(|octet| *octet == b'\n') {
                return Ok(Some(self.take(searched + found + 1)));
            }
            searched = self.pending().len();
            if searched > LONGEST_LINE {
                return Err(io::Error::other("the line has no end"));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Exactly `count` octets.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` when the other side closes before.
    pub async fn octets(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.pending().len() < count {
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.take(count))
    }

    /// All that comes until the other side closes.
    ///
    /// # Errors
    ///
    /// What the connection says; a reset counts as an end.
    pub async fn rest(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.fill().await {
                Ok(0) => return Ok(self.take(usize::MAX)),
                Ok(_more) => (),
                Err(cause) if cause.kind() == io::ErrorKind::ConnectionReset => {
                    return Ok(self.take(usize::MAX));
                }
                Err(cause) => return Err(cause),
            }
        }
    }

    /// What has come and was not read as a line.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.read.get(self.used..).unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let count = count.min(self.pending().len());
        let taken = self.pending().get(..count).unwrap_or_default().to_vec();
        self.used += count;
        taken
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    ///
    /// What the connection says.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.channel.shutdown().await
    }

    async fn fill(&mut self) -> io::Result<usize> {
        if self.used > 0 {
            self.read.drain(..self.used);
            self.used = 0;
        }
        self.read.reserve(READ_SIZE);
        self.channel.read_buf(&mut self.read).await
    }

    /// Shakes hands as a server; octets that came before are forgotten, as RFC 3207 section 4.2 asks.
    ///
    /// # Errors
    ///
    /// When the handshake fails.
    pub async fn accept_tls(self, config: Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Self::new(TlsAcceptor::from(config).accept(self.channel).await?))
    }

    /// Shakes hands as a client.
    ///
    /// # Errors
    ///
    /// When the handshake fails, or the name is none.
    pub async fn connect_tls(self, config: Arc<ClientConfig>, name: &str) -> io::Result<(Self, TlsFacts)> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(config).connect(name, self.channel).await?;
        let session = stream.get_ref().1;
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        let facts = TlsFacts {
            certificate: certificate.map(|one| one.to_vec()).unwrap_or_default(),
            exporter: session
                .export_keying_material([0_u8; 32], EXPORTER_LABEL, None)
                .map_err(io::Error::other)?,
            version: session.protocol_version().map(|version| format!("{version:?}")).unwrap_or_default(),
        };
        Ok((Self::new(stream), facts))
    }
}

/// The octets as a person reads them, cut where they are many.
#[must_use]
pub fn shown(octets: &[u8]) -> String {
    const MOST: usize = 400;
    let head = octets.get(..MOST).unwrap_or(octets);
    let text = String::from_utf8_lossy(head).replace('\0', "\\0").replace('\r', "\\r").replace('\n', "\\n");
    let more = octets.len().saturating_sub(MOST);
    if more == 0 { text } else { format!("{text} … and {more} octets more") }
}

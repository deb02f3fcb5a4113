//! A connection with a buffer, that may become encrypted in its middle.
//!
//! Unlike [`Wire`](crate::wire::Wire) it hands out borrowed octets and allocates nothing for a line: at
//! tens of thousands of messages a second that would be measured, not the server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use memchr::memchr;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Octets of the first buffer; an idle session has no more.
const SMALLEST_BUFFER: usize = 1024;

/// Most octets asked for in one read.
const LARGEST_BUFFER: usize = 256 * 1024;

/// Longest line taken, above RFC 5321 section 4.5.3.1 and RFC 4954 section 4.
const LONGEST_LINE: usize = 16 * 1024;

/// What carries the octets.
enum Channel {
    Clear(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
    /// Between the two, or after a handshake that failed.
    None,
}

/// A buffered connection.
pub(super) struct Line {
    channel: Channel,
    buffer: Vec<u8>,
    /// What is in the buffer and not used yet.
    start: usize,
    end: usize,
}

impl Line {
    /// Over an open connection, which sends without delay from now on.
    pub(super) fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { channel: Channel::Clear(stream), buffer: vec![0; SMALLEST_BUFFER], start: 0, end: 0 })
    }

    /// A new connection.
    pub(super) async fn connect(server: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(server).await?)
    }

    /// Shakes hands as the client; what was read before it is forgotten.
    pub(super) async fn encrypt(&mut self, config: &Arc<ClientConfig>) -> io::Result<()> {
        let stream = self.clear()?;
        let name = ServerName::try_from("relay.example").map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
        self.channel = Channel::Encrypted(Box::new(stream));
        Ok(())
    }

    fn clear(&mut self) -> io::Result<TcpStream> {
        (self.start, self.end) = (0, 0);
        match std::mem::replace(&mut self.channel, Channel::None) {
            Channel::Clear(stream) => Ok(stream),
            Channel::Encrypted(_) | Channel::None => Err(io::Error::other("already encrypted")),
        }
    }

    /// Sends all of it.
    pub(super) async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.channel {
            Channel::Clear(stream) => stream.write_all(octets).await,
            Channel::Encrypted(stream) => {
                stream.write_all(octets).await?;
                stream.flush().await
            }
            Channel::None => Err(closed()),
        }
    }

    /// Reads once, whatever comes; `false` when the other side has closed.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        self.make_room();
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let count = match &mut self.channel {
            Channel::Clear(stream) => stream.read(room).await?,
            Channel::Encrypted(stream) => stream.read(room).await?,
            Channel::None => 0,
        };
        self.end += count;
        Ok(count > 0)
    }

    /// Moves what is unused to the front, and grows once a read has filled all there was.
    fn make_room(&mut self) {
        let was_full = self.end == self.buffer.len();
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if was_full && self.buffer.len() < LARGEST_BUFFER {
            self.buffer.resize((self.buffer.len() * 4).min(LARGEST_BUFFER), 0);
        }
    }

    /// What was read and not used yet.
    pub(super) fn unused(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Uses so many octets.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// The length of the next line with its line end; `None` when the other side has closed.
    pub(super) async fn next_line(&mut self) -> io::Result<Option<usize>> {
        let mut searched = 0;
        loop {
            let unused = self.unused();
            if let Some(place) = memchr(b'\n', unused.get(searched..).unwrap_or_default()) {
                return Ok(Some(searched + place + 1));
            }
            searched = unused.len();
            if searched > LONGEST_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without end"));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }
}

/// The other side closed where more was due.
pub(super) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed")
}

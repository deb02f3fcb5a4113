//! One type for every channel that mail crosses.

use std::io::{self, Write as _};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{client, server};

use super::cork::Corked;
use crate::outside::Channel;

/// A channel in either direction, in the clear or under TLS.
#[derive(Debug)]
pub enum Stream {
    /// TCP in the clear.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
    /// TLS, and we are the server.
    Server(Box<server::TlsStream<Corked>>),
    /// TLS, and we are the client.
    Client(Box<client::TlsStream<Corked>>),
    /// A connection of a world that was handed in, in the clear.
    Given(Box<dyn Channel>),
}

impl Stream {
    /// The port on our side; 0 where there is none.
    #[must_use]
    pub fn local_port(&self) -> u16 {
        match self {
            Self::Tcp(stream) => stream.local_addr().map_or(0, |address| address.port()),
            Self::Server(stream) => stream.get_ref().0.tcp().local_addr().map_or(0, |address| address.port()),
            Self::Client(stream) => stream.get_ref().0.tcp().local_addr().map_or(0, |address| address.port()),
            Self::Unix(_) | Self::Given(_) => 0,
        }
    }

    /// Writes a few octets into a connection that was just made, and closes it: the kernel has room for them, so nobody waits.
    /// What is not TCP in the clear is given back.
    ///
    /// # Errors
    ///
    /// The stream, untouched. That the peer is gone is none.
    pub(crate) fn last_words(self, octets: &[u8]) -> Result<(), Self> {
        let Self::Tcp(stream) = self else { return Err(self) };
        if let Ok(mut stream) = stream.into_std() {
            let _ = stream.write_all(octets);
            let _ = stream.shutdown(Shutdown::Write);
        }
        Ok(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Server(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Client(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Given(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Server(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Client(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Given(stream) => Pin::new(stream).poll_write(cx, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Server(stream) => Pin::new(stream).poll_flush(cx),
            Self::Client(stream) => Pin::new(stream).poll_flush(cx),
            Self::Given(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Server(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Client(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Given(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

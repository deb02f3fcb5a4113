//! TCP under TLS that sends what belongs together in one piece. Each record would cost a send of its own, and wake the peer for
//! it: a ticket and the reply behind it, a last reply and the close of the channel.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Most octets that are held back; also, what is this large is not copied to be held.
const MOST_HELD: usize = 2 * 1024;

/// A connection whose small writes go out with a flush, a shutdown, or before it waits for the peer.
#[derive(Debug)]
pub struct Corked {
    stream: TcpStream,
    held: Vec<u8>,
    stage: Stage,
}

/// What lets go of what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waiting for the peer, no flush: the library flushes after each message of a handshake.
    Handshake,
    /// The next write: nobody waits for what is held now.
    Trailing,
    /// A flush, or waiting for the peer.
    Open,
}

impl Corked {
    /// A connection on which a handshake begins.
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self { stream, held: Vec::new(), stage: Stage::Handshake }
    }

    /// The handshake is over, and the peer waits for what is held, or will.
    pub(crate) const fn open(&mut self) {
        self.stage = Stage::Open;
    }

    /// The handshake is over, and what is held may wait for the next write.
    pub(crate) const fn trail(&mut self) {
        self.stage = Stage::Trailing;
    }

    /// The connection underneath.
    pub(crate) const fn tcp(&self) -> &TcpStream {
        &self.stream
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.held))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.held.drain(..sent);
        }
        // Thousands of sessions that wait hold no buffer.
        self.held = Vec::new();
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Corked {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_pending() && this.stage != Stage::Trailing {
            // Not sent all at once, the rest goes when there is room: then this is polled again.
            if let Poll::Ready(Err(cause)) = this.poll_send(cx) {
                return Poll::Ready(Err(cause));
            }
        }
        read
    }
}

impl AsyncWrite for Corked {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(octets)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.stage == Stage::Trailing {
            this.stage = Stage::Open;
        }
        let octets = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        if this.held.len() + octets > MOST_HELD {
            ready!(this.poll_send(cx))?;
        }
        if octets > MOST_HELD {
            return Pin::new(&mut this.stream).poll_write_vectored(cx, pieces);
        }
        for piece in pieces {
            this.held.extend_from_slice(piece);
        }
        Poll::Ready(Ok(octets))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.stage {
            Stage::Handshake | Stage::Trailing => Poll::Ready(Ok(())),
            Stage::Open => this.poll_send(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

/// The alert of a handshake that failed is still to be sent.
impl Drop for Corked {
    fn drop(&mut self) {
        if !self.held.is_empty() {
            let _ = self.stream.try_write(&self.held);
        }
    }
}

#[cfg(test)]
mod tests;

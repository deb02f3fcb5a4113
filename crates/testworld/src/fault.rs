//! A line that is cut, stalls, trickles or garbles at the n-th octet.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::loopback::Neighbourhood;

/// Octets carried at once.
const PIECE: usize = 16 * 1024;

/// What goes wrong on a line, in which direction, and for how many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    direction: Direction,
    kind: Kind,
    connections: u32,
}

/// Which octets are counted and hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From who connects to who listens.
    ToServer,
    /// Back.
    ToClient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cut { after: usize },
    Stall { after: usize },
    Garble { at: usize },
    Trickle { octets: usize, pause: Duration },
}

impl Fault {
    /// Both directions end after `after` octets went this way.
    #[must_use]
    pub fn cut(direction: Direction, after: usize) -> Self {
        Self::new(direction, Kind::Cut { after })
    }

    /// Nothing more goes this way after `after` octets, and nothing closes.
    #[must_use]
    pub fn stall(direction: Direction, after: usize) -> Self {
        Self::new(direction, Kind::Stall { after })
    }

    /// The octet `at` (from 0) arrives with all its bits turned.
    #[must_use]
    pub fn garble(direction: Direction, at: usize) -> Self {
        Self::new(direction, Kind::Garble { at })
    }

    /// Pieces of `octets` go this way, a pause after each.
    #[must_use]
    pub fn trickle(direction: Direction, octets: usize, pause: Duration) -> Self {
        Self::new(direction, Kind::Trickle { octets: octets.max(1), pause })
    }

    fn new(direction: Direction, kind: Kind) -> Self {
        Self { direction, kind, connections: u32::MAX }
    }

    /// Only the first so many connections are hurt.
    #[must_use]
    pub fn connections(self, connections: u32) -> Self {
        Self { connections, ..self }
    }
}

/// Carries octets between two sides and hurts them. Dropping it cuts all lines.
pub struct FaultProxy {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Listens on an address of its own and carries to `target`.
    ///
    /// # Errors
    ///
    /// When the machine has no port left.
    pub async fn start(target: SocketAddr, fault: Fault) -> io::Result<Self> {
        Self::serve(TcpListener::bind((Neighbourhood::new().address(1), 0)).await?, target, fault)
    }

    /// Carries from this listener to `target`.
    ///
    /// # Errors
    ///
    /// When the listener has no address.
    pub fn serve(listener: TcpListener, target: SocketAddr, fault: Fault) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(accept(listener, target, fault)) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, fault: Fault) {
    let left = Arc::new(AtomicU32::new(fault.connections));
    let mut lines = JoinSet::new();
    while let Ok((near, _peer)) = listener.accept().await {
        let take = |left: u32| left.checked_sub(1);
        let hurt = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        lines.spawn(carry(near, target, hurt.then_some(fault)));
        while lines.try_join_next().is_some() {}
    }
}

async fn carry(near: TcpStream, target: SocketAddr, fault: Option<Fault>) -> io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (from_client, to_client) = near.into_split();
    let (from_server, to_server) = far.into_split();
    let there = Pipe { from: from_client, to: to_server, kind: kind(fault, Direction::ToServer) };
    let back = Pipe { from: from_server, to: to_client, kind: kind(fault, Direction::ToClient) };
    // An error is a cut, and a cut ends both directions; an ordinary end of one lets the other finish.
    tokio::try_join!(there.run(), back.run()).map(|_both| ())
}

fn kind(fault: Option<Fault>, direction: Direction) -> Option<Kind> {
    fault.filter(|fault| fault.direction == direction).map(|fault| fault.kind)
}

struct Pipe {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    kind: Option<Kind>,
}

impl Pipe {
    async fn run(mut self) -> io::Result<()> {
        let mut carried = 0_usize;
        let mut room = vec![0_u8; PIECE];
        loop {
            let length = self.from.read(&mut room).await?;
            if length == 0 {
                return self.to.shutdown().await;
            }
            let piece = room.get_mut(..length).unwrap_or_default();
            self.pass(piece, carried).await?;
            carried += length;
        }
    }

    async fn pass(&mut self, piece: &mut [u8], carried: usize) -> io::Result<()> {
        match self.kind {
            None => self.to.write_all(piece).await,
            Some(Kind::Cut { after }) => {
                let room = after.saturating_sub(carried);
                self.to.write_all(piece.get(..room).unwrap_or(piece)).await?;
                if carried + piece.len() >= after {
                    Err(io::ErrorKind::ConnectionAborted.into())
                } else {
                    Ok(())
                }
            }
            Some(Kind::Stall { after }) => {
                let room = after.saturating_sub(carried);
                self.to.write_all(piece.get(..room).unwrap_or(piece)).await?;
                if carried + piece.len() >= after { std::future::pending().await } else { Ok(()) }
            }
            Some(Kind::Garble { at }) => {
                if let Some(octet) = at.checked_sub(carried).and_then(|at| piece.get_mut(at)) {
                    *octet = !*octet;
                }
                self.to.write_all(piece).await
            }
            Some(Kind::Trickle { octets, pause }) => {
                for part in piece.chunks(octets) {
                    self.to.write_all(part).await?;
                    tokio::time::sleep(pause).await;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;

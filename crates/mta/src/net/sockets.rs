//! Sockets that take connections.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::stream::Stream;
use crate::outside::{Arrivals, Outside};

/// Connections that wait to be accepted. The kernel caps it by net.core.somaxconn.
const BACKLOG: u32 = 1024;

/// Where connections arrive.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(TcpListener),
    Given(Box<dyn Arrivals>),
}

impl Listening {
    /// Opens an address; gives also what it is, where the port was left open.
    pub(crate) fn open(outside: &Outside, address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        if let Some(world) = outside.world() {
            return Ok((Self::Given(world.listen(address)?), address));
        }
        let socket = bind(address)?;
        let address = socket.local_addr()?;
        Ok((Self::Tcp(socket), address))
    }

    /// The next connection, and from where. Replies leave at once: one that waits for more octets to fill a
    /// packet costs 44 ms.
    pub(crate) async fn accept(&mut self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, client) = socket.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok((Stream::Tcp(stream), client))
            }
            Self::Given(arrivals) => {
                let (stream, client) = arrivals.next().await?;
                Ok((Stream::Given(stream), client))
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `[::]` and `0.0.0.0` are named apart in the configuration, so neither takes the other's port.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG.cast_signed())?;
    TcpListener::from_std(socket.into())
}

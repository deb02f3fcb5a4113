//! Connecting to a next hop.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::stream::Stream;

/// Connects to an address within `patience`. Small writes leave at once (TCP_NODELAY): waiting for the peer's
/// delayed acknowledgement costs 44 ms a message.
///
/// # Errors
///
/// What the system says, or [`io::ErrorKind::TimedOut`].
pub async fn tcp(address: IpAddr, port: u16, patience: Duration) -> io::Result<Stream> {
    let stream = within(patience, TcpStream::connect(SocketAddr::new(address, port))).await?;
    stream.set_nodelay(true)?;
    Ok(Stream::Tcp(stream))
}

/// Connects to a unix socket within `patience`.
///
/// # Errors
///
/// What the system says, or [`io::ErrorKind::TimedOut`].
pub async fn unix(path: &Path, patience: Duration) -> io::Result<Stream> {
    within(patience, UnixStream::connect(path)).await.map(Stream::Unix)
}

async fn within<T>(patience: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(patience, work).await.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))
}

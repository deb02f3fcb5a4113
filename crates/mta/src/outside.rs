//! The world outside as the server meets it: the clocks, chance, the network, names.
//!
//! A server that runs meets the machine's. A simulation hands in a [`World`] of its own, in which a seed decides
//! everything; nothing else in this crate asks the system for any of these, but for TLS and logins, whose secrets want
//! real chance.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gatepost_mail::{Domain, Timestamp};
use gatepost_policy::exchanger::MxAnswer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::net::resolve::ResolveError;
use crate::net::stream::Stream;

/// A future that a [`World`] gives.
pub type Promise<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A connection that a [`World`] gives.
pub trait Channel: AsyncRead + AsyncWrite + fmt::Debug + Send + Sync + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + fmt::Debug + Send + Sync + Unpin + 'static> Channel for T {}

/// Where connections arrive.
pub trait Arrivals: fmt::Debug + Send + Sync + 'static {
    /// The next connection, and from where. Cancel-safe.
    fn next(&mut self) -> Promise<'_, io::Result<(Box<dyn Channel>, SocketAddr)>>;
}

/// A world that is not the machine's.
pub trait World: fmt::Debug + Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Chance.
    fn random(&self) -> u64;

    /// Opens an address for connections.
    ///
    /// # Errors
    ///
    /// What a system would say.
    fn listen(&self, address: SocketAddr) -> io::Result<Box<dyn Arrivals>>;

    /// Connects to an address.
    fn connect(&self, address: SocketAddr) -> Promise<'_, io::Result<Box<dyn Channel>>>;

    /// What the domain's MX records say.
    fn exchangers<'a>(&'a self, domain: &'a Domain) -> Promise<'a, Result<MxAnswer, ResolveError>>;

    /// The addresses of a host, best first; empty if it has none.
    fn addresses<'a>(&'a self, host: &'a Domain) -> Promise<'a, Result<Vec<IpAddr>, ResolveError>>;
}

/// The world that a server is in. Cheap to copy; the default is the machine's.
#[derive(Debug, Clone, Default)]
pub struct Outside(Option<Arc<dyn World>>);

impl Outside {
    /// A world handed in.
    #[must_use]
    pub fn given(world: Arc<dyn World>) -> Self {
        Self(Some(world))
    }

    pub(crate) fn world(&self) -> Option<&Arc<dyn World>> {
        self.0.as_ref()
    }

    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.as_ref().map_or_else(wall_clock, |world| world.now())
    }

    /// Chance for what no secret rests on. A machine without any gives 0, which harms nobody.
    pub(crate) fn random(&self) -> u64 {
        if let Some(world) = &self.0 {
            return world.random();
        }
        let mut octets = [0; 8];
        let _ = getrandom::fill(&mut octets);
        u64::from_ne_bytes(octets)
    }

    /// Connects to an address within `patience`. Small writes leave at once (TCP_NODELAY): waiting for the peer's
    /// delayed acknowledgement costs 44 ms a message.
    ///
    /// # Errors
    ///
    /// What the system says, or [`io::ErrorKind::TimedOut`].
    pub async fn connect(&self, address: SocketAddr, patience: Duration) -> io::Result<Stream> {
        if let Some(world) = &self.0 {
            return within(patience, world.connect(address)).await.map(Stream::Given);
        }
        let stream = within(patience, tokio::net::TcpStream::connect(address)).await?;
        stream.set_nodelay(true)?;
        Ok(Stream::Tcp(stream))
    }

    /// Connects to a unix socket within `patience`. A world that was handed in has none.
    ///
    /// # Errors
    ///
    /// What the system says, or [`io::ErrorKind::TimedOut`].
    pub async fn connect_unix(&self, path: &Path, patience: Duration) -> io::Result<Stream> {
        if self.0.is_some() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        within(patience, tokio::net::UnixStream::connect(path)).await.map(Stream::Unix)
    }
}

async fn within<T>(patience: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(patience, work).await.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))
}

/// The machine's wall clock.
#[must_use]
pub fn wall_clock() -> Timestamp {
    Timestamp::since_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The runtime's monotonic clock: the machine's, unless a test or a simulation has stopped it.
#[must_use]
pub fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}

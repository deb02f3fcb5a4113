//! Taking mail from clients: sockets, sessions, answers.

mod accept;
mod desk;
mod drive;
pub mod guard;
pub mod places;
pub mod quota;
mod session;

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::settings::ListenerSettings;

pub(crate) use accept::run;
pub(crate) use session::limits as session_limits;

/// Connections that wait to be accepted. The kernel caps it by net.core.somaxconn.
const BACKLOG: u32 = 1024;

/// A listener's socket cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("listener \"{listener}\" cannot listen on {address}: {cause}")]
pub struct BindError {
    /// The listener's name.
    pub listener: String,
    /// Where it was to listen.
    pub address: SocketAddr,
    /// What the system says.
    pub cause: std::io::Error,
}

/// A listener and one of its sockets.
#[derive(Debug)]
pub struct Bound {
    /// What it is told.
    pub settings: ListenerSettings,
    /// Where it listens.
    pub address: SocketAddr,
    pub(crate) socket: TcpListener,
}

/// Opens every socket of a listener.
///
/// # Errors
///
/// [`BindError`] names the address; sockets opened before it are closed again.
pub fn bind(settings: &ListenerSettings) -> Result<Vec<Bound>, BindError> {
    settings.bind.iter().map(|&address| bind_one(settings, address)).collect()
}

fn bind_one(settings: &ListenerSettings, address: SocketAddr) -> Result<Bound, BindError> {
    let wrong = |cause| BindError { listener: settings.name.clone(), address, cause };
    let socket = open(address).map_err(wrong)?;
    let wrong = |cause| BindError { listener: settings.name.clone(), address, cause };
    let address = socket.local_addr().map_err(wrong)?;
    Ok(Bound { settings: settings.clone(), address, socket })
}

fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};

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

//! Taking mail from clients: sockets, sessions, answers.

mod accept;
mod desk;
mod drive;
pub mod guard;
pub mod places;
pub mod quota;
pub mod repeats;
mod session;

use std::net::SocketAddr;

use crate::net::sockets::Listening;
use crate::outside::Outside;
use crate::settings::ListenerSettings;

pub(crate) use accept::run;
pub(crate) use session::limits as session_limits;

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
    pub(crate) socket: Listening,
}

/// Opens every socket of a listener.
///
/// # Errors
///
/// [`BindError`] names the address; sockets opened before it are closed again.
pub fn bind(settings: &ListenerSettings, outside: &Outside) -> Result<Vec<Bound>, BindError> {
    settings.bind.iter().map(|&address| bind_one(settings, address, outside)).collect()
}

fn bind_one(settings: &ListenerSettings, address: SocketAddr, outside: &Outside) -> Result<Bound, BindError> {
    let wrong = |cause| BindError { listener: settings.name.clone(), address, cause };
    let (socket, address) = Listening::open(outside, address).map_err(wrong)?;
    Ok(Bound { settings: settings.clone(), address, socket })
}

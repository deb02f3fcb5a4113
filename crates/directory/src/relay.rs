//! Exchanges that another server runs for us: its octets pass through (Dovecot's auth socket).

use std::net::SocketAddr;

use gatepost_sasl::Secret;

use crate::{DirectoryError, dovecot};

/// What a server needs to know to run an exchange for us.
#[derive(Debug)]
pub struct RelayStart {
    /// The mechanism's name.
    pub mechanism: &'static str,
    /// The initial response, where the client sent one.
    pub initial: Option<Secret>,
    /// From where.
    pub client: SocketAddr,
    /// Whether the channel is encrypted.
    pub encrypted: bool,
}

/// How far such an exchange is.
#[derive(Debug)]
pub enum Relayed {
    /// Send this, and hand the response to [`RelayedExchange::receive`].
    Challenge(Vec<u8>, RelayedExchange),
    /// The client is this user, by login name.
    Right {
        /// Whose.
        user: String,
    },
    /// The other server refuses.
    Wrong {
        /// Whom the client said it is, where that is known.
        user: Option<String>,
    },
}

/// An exchange under way. Dropping it gives it up.
#[derive(Debug)]
pub struct RelayedExchange(pub(crate) dovecot::Exchange);

impl RelayedExchange {
    /// Passes the client's response on.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] when the other server is gone.
    pub async fn receive(self, response: Secret) -> Result<Relayed, DirectoryError> {
        self.0.go_on(&response).await
    }
}

//! What the drivers are told: addresses to bind, files to read, times to wait.
//!
//! What decides is in [`Rules`]. Both are made by the program from its configuration and never change; a
//! reload hands in new ones.

mod login;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use login::{Credential, RouteLogin, TicketSettings};

use gatepost_policy::Rules;
use gatepost_policy::rules::Service;
pub use gatepost_smtp::ChunkingUse;

use crate::clock::Clock;

/// Everything the drivers are told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What decides.
    pub rules: Arc<Rules>,
    /// Where to listen.
    pub listeners: Vec<ListenerSettings>,
    /// The certificate that we show; without it TLS is not offered.
    pub tls: Option<TlsFiles>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Whom to ask.
    pub dns: DnsSettings,
    /// Logins at fixed next hops, by the name that [`gatepost_policy::rules::Route::login`] gives.
    pub logins: BTreeMap<String, RouteLogin>,
    /// Certificates that vouch for next hops where TLS is required, beside the system's: a PEM file.
    pub trust: Option<PathBuf>,
    /// The port at mail exchangers: 25, or another in a test.
    pub exchanger_port: u16,
    /// When content goes to next hops by BDAT.
    pub chunking: ChunkingUse,
    /// By which tokens of routes end.
    pub clock: Clock,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Its name in the configuration.
    pub name: String,
    /// Addresses; port 0 takes a free one.
    pub bind: Vec<SocketAddr>,
    /// What it is for.
    pub service: Service,
    /// How TLS begins.
    pub tls: ListenerTls,
}

/// How TLS begins on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerTls {
    /// Offered as STARTTLS (RFC 3207).
    StartTls,
    /// At once (RFC 8314).
    Implicit,
    /// Never: loopback binds only.
    Off,
}

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: our certificate first, then those above it.
    pub certificate: PathBuf,
    /// PEM.
    pub private_key: PathBuf,
    /// PEM: who vouches for the certificates of clients. Without it only their fingerprints count.
    pub client_authorities: Option<PathBuf>,
}

/// How long to wait for others (RFC 5321 section 4.5.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a client's next command.
    pub command: Duration,
    /// Between two pieces of a client's content.
    pub content: Duration,
    /// For a connection to a next hop.
    pub connect: Duration,
    /// For its greeting.
    pub greeting: Duration,
    /// For its replies.
    pub reply: Duration,
    /// For its reply to the content.
    pub final_reply: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        Self {
            command: minutes(5),
            content: minutes(10),
            connect: Duration::from_secs(30),
            greeting: minutes(5),
            reply: minutes(5),
            final_reply: minutes(10),
        }
    }
}

/// Whom to ask about names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsSettings {
    /// Resolvers; none means those of the system.
    pub servers: Vec<SocketAddr>,
}

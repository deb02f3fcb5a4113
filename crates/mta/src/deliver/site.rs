//! What a site is: where jobs go, and how.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use gatepost_policy::channel::ChannelPlan;
use gatepost_policy::exchanger::HostSet;
use gatepost_policy::rules::Endpoint;

/// Where a job goes, and how. Jobs with equal sites can share a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Site {
    /// Where.
    pub(super) target: Target,
    /// How the channel is secured.
    pub(super) channel: ChannelPlan,
    /// The name of the login to use.
    pub(super) login: Option<String>,
}

/// Where a job goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// Maildirs by this template.
    Maildir(PathBuf),
    /// An LMTP server.
    Lmtp(Endpoint),
    /// A fixed SMTP server.
    Smtp(Endpoint),
    /// The exchangers of some domains.
    Exchangers(Arc<HostSet>),
    /// This address.
    Literal(IpAddr),
}

/// As events show it where no host is known yet.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maildir(template) => write!(f, "maildir:{}", template.display()),
            Self::Lmtp(endpoint) => write!(f, "lmtp:{endpoint}"),
            Self::Smtp(endpoint) => write!(f, "smtp:{endpoint}"),
            Self::Exchangers(hosts) => write!(f, "{hosts}"),
            Self::Literal(address) => write!(f, "[{address}]"),
        }
    }
}

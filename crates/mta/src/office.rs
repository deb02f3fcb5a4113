//! What every session and every delivery shares.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gatepost_directory::GssClient;
use gatepost_mail::Timestamp;
use gatepost_policy::Rules;

use crate::deliver::token::Tokens;
use crate::event::Events;
use crate::ids::SessionIds;
use crate::lifetime::{Life, Tasks};
use crate::listener::guard::Guard;
use crate::listener::places::Places;
use crate::listener::quota::Quotas;
use crate::listener::repeats::Repeats;
use crate::net::resolve::Resolver;
use crate::net::tls::{Acceptor, Connector};
use crate::outside::Outside;
use crate::settings::Settings;

/// The parts that a reload replaces, all at once.
pub struct Current {
    /// What the drivers are told.
    pub settings: Settings,
    /// Takes TLS, where there is a certificate.
    pub acceptor: Option<Acceptor>,
    /// Offers TLS.
    pub connector: Connector,
    /// The same for routes whose login is a client certificate, by the name of the login.
    pub identities: BTreeMap<String, Connector>,
    /// Tokens of routes whose login is one, by the name of the login.
    pub tokens: BTreeMap<String, Tokens>,
    /// Tickets, likewise.
    pub tickets: BTreeMap<String, GssClient>,
    /// The limits of sessions with clients.
    pub session_limits: Arc<gatepost_smtp::Limits>,
    /// Asks names.
    pub resolver: Resolver,
    /// Where we are.
    pub outside: Outside,
    /// What happened.
    pub events: Events,
}

impl Current {
    /// What decides.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.settings.rules
    }
}

/// What every session and every delivery shares.
pub struct Office<S, D> {
    /// Replaced by a reload; whoever began with one keeps it.
    pub current: ArcSwap<Current>,
    /// Messages.
    pub spool: Arc<S>,
    /// Accounts.
    pub directory: Arc<D>,
    /// What happened.
    pub events: Events,
    /// Failed logins.
    pub guard: Guard,
    /// How much each account and machine has sent.
    pub quotas: Quotas,
    /// Hand-ins whose 250 may have been lost.
    pub repeats: Repeats,
    /// Who is connected.
    pub places: Places,
    /// Names for sessions.
    pub ids: SessionIds,
    /// Where we are.
    pub outside: Outside,
    /// How far our life has gone.
    pub life: Life,
    /// Sessions with clients.
    pub sessions: Tasks,
    /// Deliveries.
    pub deliveries: Tasks,
}

impl<S, D> Office<S, D> {
    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.outside.now()
    }
}

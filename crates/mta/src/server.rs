//! The server: everything started, reloaded, and ended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use gatepost_directory::{Directory, GssClient};
use gatepost_fetch::{Fetcher, FetcherError, Patience};
use gatepost_spool::Spool;

use crate::deliver;
use crate::deliver::token::Tokens;
use crate::event::{Events, What};
use crate::ids::SessionIds;
use crate::lifetime::{Phase, Reins, Tasks};
use crate::listener::repeats::Repeats;
use crate::listener::{self, BindError, Bound};
use crate::net::resolve::Resolver;
use crate::net::tls::{Acceptor, Connector, TlsError};
use crate::office::{Current, Office};
use crate::outside::Outside;
use crate::settings::{Credential, RouteLogin, Settings};

/// Why the server cannot start, or not go on with new settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A socket cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Certificate, key or trust cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Whom to trust over HTTPS cannot be read.
    #[error("token issuers: {0}")]
    Fetcher(#[from] FetcherError),
    /// The system's resolver configuration cannot be read.
    #[error("DNS: {0}; name servers in [dns] servers")]
    Dns(String),
    /// Sockets stay as they are while we run.
    #[error("listeners have changed, which needs a restart: {0}")]
    Listeners(String),
}

/// The stores and the log that the server works with.
#[derive(Debug)]
pub struct Parts<S, D> {
    /// Messages.
    pub spool: Arc<S>,
    /// Accounts.
    pub directory: Arc<D>,
    /// What happened.
    pub events: Events,
    /// Where it all is: the machine, but for a simulation.
    pub outside: Outside,
}

/// A running server. Dropping it ends nothing: call [`Server::drain`].
pub struct Server<S, D> {
    office: Arc<Office<S, D>>,
    reins: Reins,
    addresses: Vec<(String, SocketAddr)>,
    listeners: Tasks,
}

impl<S: Spool, D: Directory> Server<S, D> {
    /// Binds all listeners and starts accepting and delivering. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing runs then and every socket is closed.
    pub fn start(settings: Settings, parts: Parts<S, D>) -> Result<Self, StartError> {
        let current = make_current(settings, parts.events.clone(), parts.outside.clone())?;
        let mut bound: Vec<Bound> = Vec::new();
        for listener in &current.settings.listeners {
            bound.extend(listener::bind(listener, &parts.outside)?);
        }
        let addresses = bound.iter().map(|bound| (bound.settings.name.clone(), bound.address)).collect();
        let (reins, life) = Reins::begin();
        let office = Arc::new(Office {
            current: ArcSwap::from_pointee(current),
            spool: parts.spool,
            directory: parts.directory,
            events: parts.events,
            guard: listener::guard::Guard::default(),
            quotas: listener::quota::Quotas::default(),
            repeats: Repeats::new(&parts.outside),
            places: listener::places::Places::default(),
            ids: SessionIds::default(),
            outside: parts.outside,
            life,
            sessions: Tasks::default(),
            deliveries: Tasks::default(),
        });
        let listeners = Tasks::default();
        for bound in bound {
            listeners.spawn(office.life.clone(), listener::run(office.clone(), bound));
        }
        office.deliveries.spawn(office.life.clone(), deliver::run(office.clone()));
        Ok(Self { office, reins, addresses, listeners })
    }

    /// Where each listener listens, by its name.
    #[must_use]
    pub fn addresses(&self) -> &[(String, SocketAddr)] {
        &self.addresses
    }

    /// Hand-ins whose 250 may have been lost: whoever takes a message out of the queue says so there.
    #[must_use]
    pub fn repeats(&self) -> Repeats {
        self.office.repeats.clone()
    }

    /// Goes on with new settings; certificates are read again. Sessions that are open keep what they began with.
    ///
    /// # Errors
    ///
    /// [`StartError`]; the old settings stay in force.
    pub fn reload(&self, settings: Settings) -> Result<(), StartError> {
        let old = self.office.current.load();
        if settings.listeners != old.settings.listeners {
            return Err(StartError::Listeners("addresses, roles and TLS of listeners".into()));
        }
        let (events, outside) = (self.office.events.clone(), self.office.outside.clone());
        self.office.current.store(Arc::new(make_current(settings, events, outside)?));
        Ok(())
    }

    /// Ends: no new sessions and deliveries; what has begun may end within `patience`, then it is broken off.
    /// Nothing is lost by that: what has its 250 is in the spool. Says whether all ended by itself.
    pub async fn drain(&self, patience: Duration) -> bool {
        self.office.events.emit(None, None, What::Draining { sessions: self.office.sessions.count() });
        self.reins.advance(Phase::Draining);
        let until = tokio::time::Instant::now() + patience;
        let left = || until.saturating_duration_since(tokio::time::Instant::now());
        let ended = self.office.sessions.ended(left()).await && self.office.deliveries.ended(left()).await;
        self.reins.advance(Phase::Stopped);
        self.listeners.ended(STOPPED).await;
        self.office.sessions.ended(STOPPED).await;
        self.office.deliveries.ended(STOPPED).await;
        ended
    }
}

/// How long tasks that are broken off may take to notice.
const STOPPED: Duration = Duration::from_secs(2);

fn make_current(settings: Settings, events: Events, outside: Outside) -> Result<Current, StartError> {
    let acceptor = match &settings.tls {
        Some(files) => Some(Acceptor::load(files)?),
        None => None,
    };
    let connector = Connector::new(settings.trust.as_deref())?;
    let identities = identities(&settings)?;
    let (tokens, tickets) = (tokens(&settings)?, tickets(&settings));
    let resolver =
        Resolver::new(&settings.dns, &outside).map_err(|error| StartError::Dns(error.to_string()))?;
    let session_limits = Arc::new(listener::session_limits(&settings));
    Ok(Current {
        settings,
        acceptor,
        connector,
        identities,
        tokens,
        tickets,
        resolver,
        outside,
        session_limits,
        events,
    })
}

/// What offers TLS for each login that is a client certificate.
fn identities(settings: &Settings) -> Result<BTreeMap<String, Connector>, TlsError> {
    let mut identities = BTreeMap::new();
    for (name, login) in &settings.logins {
        if let Credential::Certificate(files) = &login.credential {
            identities.insert(name.clone(), Connector::showing(settings.trust.as_deref(), files)?);
        }
    }
    Ok(identities)
}

/// The tokens of each login that is one. None is fetched before it is needed.
fn tokens(settings: &Settings) -> Result<BTreeMap<String, Tokens>, FetcherError> {
    let mut tokens = BTreeMap::new();
    for (name, login) in &settings.logins {
        if let Credential::Token(source) = &login.credential {
            let fetcher = Fetcher::new(settings.trust.as_deref(), Patience::default())?;
            tokens.insert(name.clone(), Tokens::new(source.clone(), fetcher));
        }
    }
    Ok(tokens)
}

fn tickets(settings: &Settings) -> BTreeMap<String, GssClient> {
    let client = |login: &RouteLogin| match &login.credential {
        Credential::Ticket(ticket) => {
            let ticket = ticket.clone();
            Some(GssClient::new(ticket.place, ticket.bounds, ticket.credential))
        }
        Credential::Password(_)
        | Credential::Token(_)
        | Credential::OauthOne(_)
        | Credential::Certificate(_) => None,
    };
    settings.logins.iter().filter_map(|(name, login)| Some((name.clone(), client(login)?))).collect()
}

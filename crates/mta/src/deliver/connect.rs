//! From a site to an open line: hosts, addresses, TLS, login.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use gatepost_mail::{Domain, Reply};
use gatepost_policy::Fact;
use gatepost_policy::channel::ChannelPlan;
use gatepost_policy::exchanger::{Candidates, candidates};
use gatepost_policy::rules::Endpoint;
use gatepost_smtp::Protocol;
use gatepost_smtp::{AuthUse, ClientLimits, ClientSession, ClientSettings, TlsUse};

use super::line::{Line, Pause};
use super::login::log_in;
use super::site::{Site, Target};
use crate::net::dial;
use crate::net::tls::Check;
use crate::office::Current;
use crate::settings::Timeouts;

/// Most addresses tried in one attempt: each may take a connect time-out.
const MOST_ADDRESSES: usize = 10;

/// One address of one host.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// The name that its certificate must have, and that reports show.
    pub(super) host: String,
    pub(super) place: Place,
}

/// Where to connect.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Address(IpAddr, u16),
    Socket(PathBuf),
}

/// Why there is no line.
#[derive(Debug, Clone)]
pub(super) struct NoLine {
    /// What the host said, where it spoke.
    pub(super) reply: Option<Reply>,
    pub(super) cause: String,
    /// The host, where it came that far.
    pub(super) next_hop: String,
    pub(super) lasting: Lasting,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    ForNow,
    ForGood(&'static str),
}

impl NoLine {
    pub(super) fn for_now(next_hop: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { reply: None, cause: cause.into(), next_hop: next_hop.into(), lasting: Lasting::ForNow }
    }
}

/// All addresses of a site, in the order to try them. Never empty.
pub(super) async fn find(site: &Site, current: &Current) -> Result<VecDeque<Candidate>, NoLine> {
    let found = match &site.target {
        Target::Maildir(_) => VecDeque::new(),
        Target::Lmtp(endpoint) | Target::Smtp(endpoint) => of_endpoint(endpoint, current).await?,
        Target::Literal(address) => {
            let place = Place::Address(*address, current.settings.exchanger_port);
            VecDeque::from([Candidate { host: format!("[{address}]"), place }])
        }
        Target::Exchangers(domain) => of_exchangers(domain, current).await?,
    };
    if found.is_empty() {
        return Err(NoLine::for_now(site.target.to_string(), "none of its hosts has an address"));
    }
    Ok(found)
}

async fn of_endpoint(endpoint: &Endpoint, current: &Current) -> Result<VecDeque<Candidate>, NoLine> {
    match endpoint {
        Endpoint::Unix(path) => {
            let host = current.rules().hostname.ascii().to_owned();
            Ok(VecDeque::from([Candidate { host, place: Place::Socket(path.clone()) }]))
        }
        Endpoint::Address(address, port) => {
            let place = Place::Address(*address, *port);
            Ok(VecDeque::from([Candidate { host: address.to_string(), place }]))
        }
        Endpoint::Name(name, port) => of_host(name, *port, current).await,
    }
}

async fn of_host(host: &Domain, port: u16, current: &Current) -> Result<VecDeque<Candidate>, NoLine> {
    let addresses = current.resolver.addresses(host).await;
    let addresses = addresses.map_err(|error| NoLine::for_now(host.ascii(), error.to_string()))?;
    let candidate =
        |address| Candidate { host: host.ascii().to_owned(), place: Place::Address(address, port) };
    Ok(addresses.into_iter().map(candidate).collect())
}

async fn of_exchangers(domain: &Domain, current: &Current) -> Result<VecDeque<Candidate>, NoLine> {
    let answer = Fact::from(current.resolver.exchangers(domain).await);
    let verdict = candidates(domain, &answer, seed(), current.rules());
    let hosts = match verdict.decision {
        Candidates::Hosts(hosts) => hosts,
        Candidates::Nobody => {
            let lasting = Lasting::ForGood(verdict.rule.as_str());
            return Err(NoLine {
                reply: verdict.reply,
                cause: verdict.because.into_owned(),
                next_hop: domain.to_string(),
                lasting,
            });
        }
        Candidates::Later => return Err(NoLine::for_now(domain.ascii(), verdict.because)),
    };
    let mut found = VecDeque::new();
    let mut trouble = None;
    for host in hosts {
        if found.len() >= MOST_ADDRESSES {
            break;
        }
        match of_host(&host, current.settings.exchanger_port, current).await {
            Ok(addresses) => found.extend(addresses),
            Err(error) => trouble = Some(error),
        }
    }
    found.truncate(MOST_ADDRESSES);
    match trouble {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// Chance for the order of equal hosts; without randomness it is the same order, which harms nobody.
fn seed() -> u64 {
    let mut octets = [0; 8];
    let _ = getrandom::fill(&mut octets);
    u64::from_ne_bytes(octets)
}

/// Opens a line to one address and brings it so far that a transaction may be sent. Where TLS is only tried and
/// the handshake fails, the same address is tried once more in the clear.
pub(super) async fn open(candidate: &Candidate, site: &Site, current: &Arc<Current>) -> Result<Line, NoLine> {
    let wanted = match site.channel {
        ChannelPlan::Try => TlsUse::IfOffered,
        ChannelPlan::Insist => TlsUse::Required,
        ChannelPlan::Leave => TlsUse::Never,
    };
    match open_once(candidate, site, current, wanted).await {
        Err(Failed::Handshake(_)) if site.channel == ChannelPlan::Try => {
            open_once(candidate, site, current, TlsUse::Never).await.map_err(Failed::into_no_line)
        }
        other => other.map_err(Failed::into_no_line),
    }
}

/// Why one try failed.
enum Failed {
    Handshake(NoLine),
    Other(NoLine),
}

impl Failed {
    fn into_no_line(self) -> NoLine {
        match self {
            Self::Handshake(no_line) | Self::Other(no_line) => no_line,
        }
    }
}

async fn open_once(
    candidate: &Candidate,
    site: &Site,
    current: &Arc<Current>,
    tls: TlsUse,
) -> Result<Line, Failed> {
    let name = name_of(candidate);
    let timeouts = &current.settings.timeouts;
    let stream = match &candidate.place {
        Place::Address(address, port) => dial::tcp(*address, *port, timeouts.connect).await,
        Place::Socket(path) => dial::unix(path, timeouts.connect).await,
    };
    let wrong = |cause: std::io::Error| {
        Failed::Other(NoLine::for_now(name.clone(), format!("cannot connect: {cause}")))
    };
    let stream = stream.map_err(wrong)?;
    let session = ClientSession::start(settings(site, current, tls), Instant::now());
    let line = Line { session, stream, name, host: candidate.host.clone(), tls: None };
    make_ready(line, site, current).await
}

/// Goes through greeting, EHLO, TLS and login.
async fn make_ready(mut line: Line, site: &Site, current: &Arc<Current>) -> Result<Line, Failed> {
    let refused = |line: &Line, cause: String| Failed::Other(NoLine::for_now(line.name.clone(), cause));
    loop {
        match line.run().await {
            Pause::Ready => return Ok(line),
            Pause::Upgrade => line = encrypt(line, site, current).await?,
            Pause::Login => log_in(&mut line, site, current).await.map_err(Failed::Other)?,
            Pause::Broken(cause) => {
                let reply = cause.reply().cloned();
                let next_hop = line.name.clone();
                return Err(Failed::Other(NoLine {
                    reply,
                    cause: cause.to_string(),
                    next_hop,
                    lasting: Lasting::ForNow,
                }));
            }
            Pause::Closed => return Err(refused(&line, "the connection was closed".into())),
            Pause::Challenge(_)
            | Pause::LoggedIn
            | Pause::LoginFailed(_)
            | Pause::NeedContent
            | Pause::Outcome(_) => return Err(refused(&line, "the session went out of turn".into())),
        }
    }
}

async fn encrypt(line: Line, site: &Site, current: &Current) -> Result<Line, Failed> {
    let Line { session, stream, name, host, .. } = line;
    let check = match site.channel {
        ChannelPlan::Insist => Check::Verified,
        ChannelPlan::Try | ChannelPlan::Leave => Check::Anyone,
    };
    match current.connector.connect(stream, host.trim_matches(['[', ']']), check).await {
        Ok((stream, facts)) => {
            let session = session.upgraded(Instant::now());
            Ok(Line { session, stream, name, host, tls: Some(facts) })
        }
        Err(error) => Err(Failed::Handshake(NoLine::for_now(name, error.to_string()))),
    }
}

fn settings(site: &Site, current: &Current, tls: TlsUse) -> ClientSettings {
    let protocol = match site.target {
        Target::Lmtp(_) => Protocol::Lmtp,
        Target::Maildir(_) | Target::Smtp(_) | Target::Exchangers(_) | Target::Literal(_) => Protocol::Smtp,
    };
    ClientSettings {
        hello: current.rules().hostname.clone(),
        protocol,
        tls,
        auth: if site.login.is_some() { AuthUse::Required } else { AuthUse::None },
        limits: Arc::new(limits(&current.settings.timeouts)),
    }
}

pub(super) fn limits(timeouts: &Timeouts) -> ClientLimits {
    ClientLimits {
        greeting: timeouts.greeting,
        reply: timeouts.reply,
        final_reply: timeouts.final_reply,
        ..ClientLimits::default()
    }
}

fn name_of(candidate: &Candidate) -> String {
    match &candidate.place {
        Place::Address(address, port) => match candidate.host.parse::<IpAddr>() {
            Ok(_) => format!("[{address}]:{port}"),
            Err(_) => format!("{} [{address}]:{port}", candidate.host.trim_matches(['[', ']'])),
        },
        Place::Socket(path) => format!("unix:{}", path.display()),
    }
}

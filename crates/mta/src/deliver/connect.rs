//! From an address to an open line: connection, TLS, login.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gatepost_mail::Reply;
use gatepost_policy::channel::ChannelPlan;
use gatepost_smtp::Protocol;
use gatepost_smtp::{AuthUse, ClientLimits, ClientSession, ClientSettings, TlsUse};

use super::line::{Line, Pause};
use super::login::log_in;
use super::site::{Site, Target};
use crate::net::tls::Check;
use crate::office::Current;
use crate::outside::instant;
use crate::settings::Timeouts;

/// How long to wait for the reply to QUIT, which changes nothing.
const FAREWELL: Duration = Duration::from_secs(5);

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
        Place::Address(address, port) => {
            current.outside.connect((*address, *port).into(), timeouts.connect).await
        }
        Place::Socket(path) => current.outside.connect_unix(path, timeouts.connect).await,
    };
    let wrong = |cause: std::io::Error| {
        Failed::Other(NoLine::for_now(name.clone(), format!("cannot connect: {cause}")))
    };
    let stream = stream.map_err(wrong)?;
    let session = ClientSession::start(settings(site, current, tls), instant());
    let port = match candidate.place {
        Place::Address(_, port) => port,
        Place::Socket(_) => 0,
    };
    let line = Line {
        session,
        stream,
        name,
        host: candidate.host.clone(),
        port,
        tls: None,
        presence: None,
        carried: 0,
        heard: Vec::new(),
    };
    make_ready(line, site, current).await
}

/// Goes through greeting, EHLO, TLS and login.
async fn make_ready(mut line: Line, site: &Site, current: &Arc<Current>) -> Result<Line, Failed> {
    loop {
        let trouble = match line.run().await {
            Pause::Ready => return Ok(line),
            Pause::Upgrade => {
                line = encrypt(line, site, current).await?;
                continue;
            }
            Pause::Login => match log_in(&mut line, site, current).await {
                Ok(()) => continue,
                Err(no_line) => no_line,
            },
            Pause::Broken(cause) => NoLine {
                reply: cause.reply().cloned(),
                ..NoLine::for_now(line.name.clone(), cause.to_string())
            },
            Pause::Closed => NoLine::for_now(line.name.clone(), "the connection was closed"),
            Pause::Challenge(_)
            | Pause::LoggedIn
            | Pause::LoginFailed(_)
            | Pause::NeedContent
            | Pause::Outcome(_) => NoLine::for_now(line.name.clone(), "the session went out of turn"),
        };
        line.quit().await;
        return Err(Failed::Other(trouble));
    }
}

async fn encrypt(line: Line, site: &Site, current: &Current) -> Result<Line, Failed> {
    let Line { session, stream, name, host, port, presence, carried, .. } = line;
    let check = match site.channel {
        ChannelPlan::Insist => Check::Verified,
        ChannelPlan::Try | ChannelPlan::Leave => Check::Anyone,
    };
    let identity = site.login.as_ref().and_then(|login| current.identities.get(login));
    let connector = identity.unwrap_or(&current.connector);
    match connector.connect(stream, host.trim_matches(['[', ']']), check).await {
        Ok((stream, facts)) => {
            let session = session.upgraded(instant());
            let heard = Vec::new();
            Ok(Line { session, stream, name, host, port, tls: Some(facts), presence, carried, heard })
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
        chunking: current.settings.chunking,
        limits: Arc::new(limits(&current.settings.timeouts)),
    }
}

/// The waits that the settings do not name are never longer than those for replies.
fn limits(timeouts: &Timeouts) -> ClientLimits {
    let defaults = ClientLimits::default();
    ClientLimits {
        greeting: timeouts.greeting,
        reply: timeouts.reply,
        data_initiation: defaults.data_initiation.min(timeouts.reply),
        content_block: defaults.content_block.min(timeouts.reply),
        final_reply: timeouts.final_reply,
        farewell: FAREWELL.min(timeouts.reply),
        along: defaults.along,
    }
}

pub(super) fn name_of(candidate: &Candidate) -> String {
    match &candidate.place {
        Place::Address(address, port) => match candidate.host.parse::<IpAddr>() {
            Ok(_) => format!("[{address}]:{port}"),
            Err(_) => format!("{} [{address}]:{port}", candidate.host.trim_matches(['[', ']'])),
        },
        Place::Socket(path) => format!("unix:{}", path.display()),
    }
}

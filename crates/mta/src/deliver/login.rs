//! Logging in at a next hop: the strongest mechanism that both sides have and the route allows.

mod credential;
mod exchange;

use gatepost_directory::GssSession;
use gatepost_mail::Reply;
use gatepost_sasl::{
    ChannelBinding, ClientContext, ClientExchange, Login, Mechanism, Nonce, PlusOffer, strongest,
};

use super::connect::NoLine;
use super::line::Line;
use super::site::Site;
use crate::office::Current;
use crate::outside::wall_clock;

/// Random octets of one exchange.
const NONCE: usize = gatepost_sasl::limits::NONCE_OCTETS;
/// Most exchanges on one connection: each that fails is a failure in the server's books.
const TRIES: usize = 3;

/// Why a login did not come about. Holds nothing secret.
#[derive(Debug)]
enum Trouble {
    /// The server offers the mechanism and does not take it: another one may do.
    Mechanism(Mechanism, String),
    /// The server does not take the credential.
    Credential(String),
    /// Anything else.
    Other(String),
}

impl Trouble {
    fn into_text(self) -> String {
        match self {
            Self::Mechanism(_, cause) | Self::Credential(cause) | Self::Other(cause) => cause,
        }
    }
}

/// Logs in with the site's login.
pub(super) async fn log_in(line: &mut Line, site: &Site, current: &Current) -> Result<(), NoLine> {
    let wrong = |line: &Line, cause: String| NoLine::for_now(line.name.clone(), cause);
    let Some(name) = site.login.as_ref().filter(|name| current.settings.logins.contains_key(*name)) else {
        return Err(wrong(line, "the login for this route is gone".into()));
    };
    let mut credential = credential::Credential::of(name, current).map_err(|cause| wrong(line, cause))?;
    let mut permitted = credential.mechanisms();
    let mut last = String::new();
    for _ in 0..TRIES {
        let login = credential.login().await.map_err(|cause| wrong(line, cause))?;
        match attempt(line, (&login, credential.gss()), &permitted).await {
            Ok(()) => return Ok(()),
            Err(Trouble::Mechanism(refused, cause)) => {
                permitted.retain(|mechanism| *mechanism != refused);
                last = cause;
            }
            Err(Trouble::Credential(cause)) if credential.renew() => last = cause,
            Err(trouble @ (Trouble::Credential(_) | Trouble::Other(_))) => {
                return Err(wrong(line, trouble.into_text()));
            }
        }
    }
    Err(wrong(line, last))
}

/// Logs in once; the error says why not, without anything secret.
pub(super) async fn log_in_as(line: &mut Line, login: &Login, only: Option<Mechanism>) -> Result<(), String> {
    let permitted = only.map_or_else(|| Mechanism::ALL.to_vec(), |only| vec![only]);
    attempt(line, (login, None), &permitted).await.map_err(Trouble::into_text)
}

async fn attempt(
    line: &mut Line,
    (login, gss): (&Login, Option<GssSession>),
    permitted: &[Mechanism],
) -> Result<(), Trouble> {
    let offered: Vec<Mechanism> =
        line.session.offers().mechanisms().iter().filter_map(|name| Mechanism::from_name(name)).collect();
    let bindings = line.tls.as_ref().map(|tls| tls.bindings.clone()).unwrap_or_default();
    let usable: Vec<Mechanism> =
        permitted.iter().copied().filter(|it| login.fits(*it) && may_use(*it, line)).collect();
    let Some(mechanism) = strongest(&offered, &usable, &bindings) else {
        let cause = format!(
            "no login mechanism in common: the server offers {}, this login may use {}",
            names(&offered),
            names(&usable)
        );
        return Err(Trouble::Other(cause));
    };
    let context =
        context(line, login, &offered, bindings).map_err(|cause| Trouble::Other(cause.to_string()))?;
    let exchange = ClientExchange::begin(mechanism, context);
    let exchange = exchange.map_err(|failure| Trouble::Other(failure.to_string()))?;
    exchange::run(line, exchange, gss).await
}

fn context(
    line: &Line,
    login: &Login,
    offered: &[Mechanism],
    bindings: Vec<ChannelBinding>,
) -> Result<ClientContext, getrandom::Error> {
    let mut random = [0; NONCE];
    getrandom::fill(&mut random)?;
    let plus = offered.iter().any(|mechanism| mechanism.needs_channel_binding());
    let host = line.host.trim_matches(['[', ']']);
    Ok(ClientContext {
        bindings,
        plus: if plus { PlusOffer::Offered } else { PlusOffer::NotOffered },
        port: line.port,
        ..ClientContext::new(login.clone(), Nonce::from_random(&random), host, wall_clock().as_seconds())
    })
}

/// Without TLS neither a password nor a token is ever shown to whoever listens.
fn may_use(mechanism: Mechanism, line: &Line) -> bool {
    line.tls.is_some() || !mechanism.needs_tls()
}

/// What a refusal says about the next try. Only words about the mechanism lead to another one: trying a wrong password in
/// several ways would lock the account at the provider.
fn refused(mechanism: Mechanism, reply: &Reply) -> Trouble {
    let cause = format!("login by {} refused: {reply}", mechanism.name());
    match reply.code().get() {
        // RFC 4954 section 6: unrecognized, too weak, needs encryption.
        504 | 534 | 538 => Trouble::Mechanism(mechanism, cause),
        535 => Trouble::Credential(cause),
        _ => Trouble::Other(cause),
    }
}

fn names(mechanisms: &[Mechanism]) -> String {
    if mechanisms.is_empty() {
        return "none that we know".to_owned();
    }
    mechanisms.iter().map(|mechanism| mechanism.name()).collect::<Vec<_>>().join(" ")
}

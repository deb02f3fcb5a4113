//! Logging in at a next hop: the strongest mechanism that both sides have.

use std::time::Instant;

use gatepost_sasl::{
    ClientContext, ClientExchange, ClientStep, Login, Mechanism, Nonce, PlusOffer, Secret, strongest,
};
use gatepost_smtp::AuthStart;

use super::connect::NoLine;
use super::line::{Line, Pause};
use super::site::Site;
use crate::event::now;
use crate::office::Current;

/// Random octets of one exchange.
const NONCE: usize = gatepost_sasl::limits::NONCE_OCTETS;

/// Logs in with the site's login.
pub(super) async fn log_in(line: &mut Line, site: &Site, current: &Current) -> Result<(), NoLine> {
    let login = site.login.as_ref().and_then(|name| current.settings.logins.get(name));
    let login =
        login.ok_or_else(|| NoLine::for_now(line.name.clone(), "the login for this route is gone"))?;
    log_in_as(line, login, None).await.map_err(|cause| NoLine::for_now(line.name.clone(), cause))
}

/// Logs in; the error says why not, without anything secret.
pub(super) async fn log_in_as(line: &mut Line, login: &Login, only: Option<Mechanism>) -> Result<(), String> {
    let offered: Vec<Mechanism> =
        line.session.offers().mechanisms().iter().filter_map(|name| Mechanism::from_name(name)).collect();
    let bindings = line.tls.as_ref().map(|tls| tls.bindings.clone()).unwrap_or_default();
    let permitted: Vec<Mechanism> =
        Mechanism::ALL.into_iter().filter(|it| login.fits(*it) && may_use(*it, line, only)).collect();
    let mechanism = strongest(&offered, &permitted, &bindings)
        .ok_or_else(|| format!("no login mechanism in common; the server offers {}", names(&offered)))?;
    let mut random = [0; NONCE];
    getrandom::fill(&mut random).map_err(|cause| cause.to_string())?;
    let plus = offered.iter().any(|mechanism| mechanism.needs_channel_binding());
    let context = ClientContext {
        bindings,
        plus: if plus { PlusOffer::Offered } else { PlusOffer::NotOffered },
        ..ClientContext::new(
            login.clone(),
            Nonce::from_random(&random),
            line.host.trim_matches(['[', ']']),
            now().as_seconds(),
        )
    };
    let exchange = ClientExchange::begin(mechanism, context).map_err(|failure| failure.to_string())?;
    exchange_with(line, mechanism, exchange).await
}

/// Without TLS a password is never shown to whoever listens.
fn may_use(mechanism: Mechanism, line: &Line, only: Option<Mechanism>) -> bool {
    let wanted = only.is_none_or(|only| only == mechanism);
    wanted && (line.tls.is_some() || !mechanism.needs_tls())
}

async fn exchange_with(
    line: &mut Line,
    mechanism: Mechanism,
    mut exchange: ClientExchange,
) -> Result<(), String> {
    let initial = exchange.initial().map(|secret| secret.expose().to_vec());
    let start = AuthStart { mechanism: mechanism.name(), initial };
    line.session.authenticate(start, Instant::now()).map_err(|error| error.to_string())?;
    loop {
        match line.run().await {
            Pause::Challenge(challenge) => {
                let (given_back, step) = respond(exchange, challenge).await?;
                exchange = given_back;
                match step {
                    ClientStep::Respond(response) => send(line, &response)?,
                    ClientStep::Ask(_) => return Err("Kerberos is not built yet".into()),
                    ClientStep::Failed(failure) => {
                        let _ = line.session.auth_cancel(Instant::now());
                        return Err(format!("login by {}: {failure}", mechanism.name()));
                    }
                }
            }
            Pause::LoggedIn => {
                return exchange
                    .succeeded()
                    .map_err(|failure| format!("login by {}: {failure}", mechanism.name()));
            }
            Pause::LoginFailed(reply) => {
                return Err(format!("login by {} refused: {reply}", mechanism.name()));
            }
            Pause::Broken(cause) => return Err(cause.to_string()),
            Pause::Closed
            | Pause::Upgrade
            | Pause::Login
            | Pause::Ready
            | Pause::NeedContent
            | Pause::Outcome(_) => return Err("the connection was lost in the login".into()),
        }
    }
}

/// A SCRAM answer is up to a million hash rounds, which is too long for a thread that others wait for.
async fn respond(
    mut exchange: ClientExchange,
    challenge: Vec<u8>,
) -> Result<(ClientExchange, ClientStep), String> {
    let work = move || {
        let step = exchange.receive(&challenge);
        (exchange, step)
    };
    tokio::task::spawn_blocking(work).await.map_err(|cause| cause.to_string())
}

fn send(line: &mut Line, response: &Secret) -> Result<(), String> {
    line.session.auth_respond(response.expose(), Instant::now()).map_err(|error| error.to_string())
}

fn names(mechanisms: &[Mechanism]) -> String {
    mechanisms.iter().map(|mechanism| mechanism.name()).collect::<Vec<_>>().join(" ")
}

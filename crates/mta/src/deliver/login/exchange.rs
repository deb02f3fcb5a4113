//! One exchange with a server, to its end.

use gatepost_directory::GssSession;
use gatepost_sasl::{ClientExchange, ClientFailure, ClientStep, Mechanism, Secret};
use gatepost_smtp::AuthStart;

use super::{Trouble, refused};
use crate::deliver::line::{Line, Pause};
use crate::outside::instant;

/// Runs an exchange until the server has said yes or no.
pub(super) async fn run(
    line: &mut Line,
    mut exchange: ClientExchange,
    mut gss: Option<GssSession>,
) -> Result<(), Trouble> {
    let mechanism = exchange.mechanism();
    let initial = exchange.initial().map(|secret| secret.expose().to_vec());
    let start = AuthStart { mechanism: mechanism.name(), initial };
    line.session.authenticate(start, instant()).map_err(|error| Trouble::Other(error.to_string()))?;
    loop {
        match line.run().await {
            Pause::Challenge(challenge) => {
                let (given_back, step) = respond(exchange, challenge).await?;
                exchange = given_back;
                let step = ask(&mut exchange, gss.as_mut(), step).await;
                follow(line, mechanism, step)?;
            }
            Pause::LoggedIn => return exchange.succeeded().map_err(|failure| failed(mechanism, failure)),
            Pause::LoginFailed(reply) => {
                // What the server said of the token inside the exchange counts more than its reply.
                return Err(match exchange.token_refused() {
                    Some(fault) => failed(mechanism, ClientFailure::TokenRefused(fault)),
                    None => refused(mechanism, &reply),
                });
            }
            Pause::Broken(cause) => return Err(Trouble::Other(cause.to_string())),
            Pause::Closed
            | Pause::Upgrade
            | Pause::Login
            | Pause::Ready
            | Pause::NeedContent
            | Pause::Outcome(_) => {
                return Err(Trouble::Other("the connection was lost in the login".into()));
            }
        }
    }
}

/// Asks the Kerberos library for as long as the exchange wants to know something.
async fn ask(
    exchange: &mut ClientExchange,
    gss: Option<&mut GssSession>,
    mut step: ClientStep,
) -> ClientStep {
    let Some(gss) = gss else { return step };
    while let ClientStep::Ask(question) = step {
        step = exchange.answer(gss.ask(question).await);
    }
    step
}

fn follow(line: &mut Line, mechanism: Mechanism, step: ClientStep) -> Result<(), Trouble> {
    match step {
        ClientStep::Respond(response) => send(line, &response),
        ClientStep::Ask(_) => Err(Trouble::Other("there is nobody to ask about Kerberos".into())),
        ClientStep::Failed(failure) => {
            // The server is told that we break off; what it answers changes nothing.
            let _ = line.session.auth_cancel(instant());
            Err(failed(mechanism, failure))
        }
    }
}

fn failed(mechanism: Mechanism, failure: ClientFailure) -> Trouble {
    let cause = format!("login by {}: {failure}", mechanism.name());
    if matches!(failure, ClientFailure::TokenRefused(_)) {
        Trouble::Credential(cause)
    } else {
        Trouble::Other(cause)
    }
}

/// A SCRAM answer is up to a million hash rounds, which is too long for a thread that others wait for.
async fn respond(
    mut exchange: ClientExchange,
    challenge: Vec<u8>,
) -> Result<(ClientExchange, ClientStep), Trouble> {
    let work = move || {
        let step = exchange.receive(&challenge);
        (exchange, step)
    };
    tokio::task::spawn_blocking(work).await.map_err(|cause| Trouble::Other(cause.to_string()))
}

fn send(line: &mut Line, response: &Secret) -> Result<(), Trouble> {
    let sent = line.session.auth_respond(response.expose(), instant());
    sent.map_err(|error| Trouble::Other(error.to_string()))
}

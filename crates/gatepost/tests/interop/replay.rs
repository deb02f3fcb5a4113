//! What was captured of a login is worth nothing the second time: not in another session, and not after a restart.
//!
//! The exchange is run by our own client core against the real program; then its responses are said again, word for word.

use std::io;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_sasl::{
    ClientContext, ClientExchange, ClientStep, Login, Mechanism, Nonce, OauthOneKeys, Secret, limits,
};
use gatepost_testworld::Client;
use serde_json::Value;

use crate::rig::{Gatepost, HOSTNAME, Plan};

const ADA: &str = "ada@ours.example";
const PASSWORD: &str = "correct horse";

/// Those whose captured exchange could be tried again: PLAIN, LOGIN and bearer tokens show what logs in, which TLS hides.
const CAPTURED: [Mechanism; 8] = [
    Mechanism::CramMd5,
    Mechanism::DigestMd5,
    Mechanism::Ntlm,
    Mechanism::ScramSha1,
    Mechanism::ScramSha256,
    Mechanism::ScramSha512,
    Mechanism::Md5,
    Mechanism::Oauth10a,
];

fn start() -> Gatepost {
    let names: Vec<String> = CAPTURED.iter().map(|mechanism| format!("{:?}", mechanism.name())).collect();
    let auth =
        format!("mechanisms = [{}]\ntarpit = \"0s\"\nfailures-before-lockout = 1000", names.join(", "));
    let weak = ["--allow", "cram-md5", "--allow", "digest-md5", "--allow", "ntlm"];
    Plan::default().maildir("ours.example").account(ADA, PASSWORD, &weak).auth(&auth).start()
}

/// Keys of OAuth 1, as the operator gets them.
fn oauth_one(gatepost: &Gatepost) -> OauthOneKeys {
    let made = gatepost.run(&["--json", "account", "oauth1", "add", ADA]);
    let told: Value = serde_json::from_slice(&made.stdout).expect("keys as JSON");
    let text = |key: &str| told[key].as_str().unwrap_or_else(|| panic!("{key} in {told}")).to_owned();
    OauthOneKeys {
        consumer: text("consumer-key"),
        consumer_secret: Secret::new(text("consumer-secret")),
        token: text("token"),
        token_secret: Secret::new(text("token-secret")),
        user: ADA.to_owned(),
    }
}

async fn connect(gatepost: &Gatepost) -> io::Result<Client> {
    let server: SocketAddr = gatepost.submissions();
    let mut client = Client::dial(server).await?;
    client.shake_hands(HOSTNAME).await?;
    client.expect("220").await?;
    client.say("EHLO client.example", "250").await?;
    Ok(client)
}

fn exchange(gatepost: &Gatepost, mechanism: Mechanism, login: Login) -> ClientExchange {
    let mut random = [0; limits::NONCE_OCTETS];
    getrandom::fill(&mut random).expect("random octets");
    let seconds = gatepost_mta::event::now().as_seconds();
    let context = ClientContext {
        port: gatepost.submissions().port(),
        ..ClientContext::new(login, Nonce::from_random(&random), HOSTNAME, seconds)
    };
    ClientExchange::begin(mechanism, context).expect("a login that fits")
}

/// Logs in and gives all that the client said, in order; the first may have gone with the command.
async fn capture(gatepost: &Gatepost, mechanism: Mechanism, login: Login) -> io::Result<Vec<String>> {
    let mut client = connect(gatepost).await?;
    let mut exchange = exchange(gatepost, mechanism, login);
    let initial = exchange.initial().map(|first| STANDARD.encode(first.expose()));
    let mut said: Vec<String> = initial.into_iter().collect();
    client.send_line(&command(mechanism, &said)).await?;
    loop {
        let reply = client.reply().await?;
        if reply.code() == 235 {
            exchange.succeeded().unwrap_or_else(|failure| panic!("{mechanism:?}: {failure}"));
            client.quit().await?;
            return Ok(said);
        }
        assert_eq!(reply.code(), 334, "{mechanism:?}: {}", reply.text());
        let text = reply.text();
        let challenge = text.trim().strip_prefix("334").unwrap_or_default().trim();
        let challenge = STANDARD.decode(challenge).map_err(io::Error::other)?;
        let ClientStep::Respond(response) = exchange.receive(&challenge) else { panic!("{mechanism:?}") };
        said.push(STANDARD.encode(response.expose()));
        client.send_line(said.last().map_or("", String::as_str)).await?;
    }
}

fn command(mechanism: Mechanism, said: &[String]) -> String {
    match (mechanism.client_speaks_first(), said.first()) {
        (true, Some(initial)) => format!("AUTH {} {initial}", mechanism.name()),
        _ => format!("AUTH {}", mechanism.name()),
    }
}

/// Says all of it again; gives the code of the reply that ended it.
async fn replay(gatepost: &Gatepost, mechanism: Mechanism, said: &[String]) -> io::Result<u16> {
    let mut client = connect(gatepost).await?;
    let mut rest = said.iter().skip(usize::from(mechanism.client_speaks_first()));
    client.send_line(&command(mechanism, said)).await?;
    loop {
        let reply = client.reply().await?;
        if reply.code() != 334 {
            return Ok(reply.code());
        }
        // Where there is more to be heard than was heard then, an eavesdropper has nothing to say.
        client.send_line(rest.next().map_or("*", String::as_str)).await?;
    }
}

#[tokio::test]
async fn a_captured_login_is_worth_nothing_and_a_restart_changes_that_not() -> io::Result<()> {
    let mut gatepost = start();
    let keys = oauth_one(&gatepost);
    let mut captured = Vec::new();
    for mechanism in CAPTURED {
        let login = if mechanism == Mechanism::Oauth10a {
            Login::with_oauth_one(ADA, keys.clone())
        } else {
            Login::new(ADA, Secret::new(PASSWORD))
        };
        let said = capture(&gatepost, mechanism, login.map_err(io::Error::other)?).await?;
        captured.push((mechanism, said));
    }
    for round in ["the same process", "after kill -9 and a restart"] {
        for (mechanism, said) in &captured {
            let code = replay(&gatepost, *mechanism, said).await?;
            assert_eq!(code, 535, "{} again, {round}", mechanism.name());
            println!("{:14} said again, {round}: {code}", mechanism.name());
        }
        gatepost.kill();
        gatepost.serve();
    }
    Ok(())
}

//! Routes that log in with bearer tokens: a hundred of them end, and nothing is lost.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatepost_fetch::Url;
use gatepost_mta::clock::Clock;
use gatepost_mta::deliver::token::{TokenEndpoint, TokenSource};
use gatepost_mta::settings::{Credential, RouteLogin};
use gatepost_policy::rules::{Endpoint, Pattern, Route, TlsRule};
use gatepost_sasl::{Mechanism, Secret};
use gatepost_testworld::authority::Authority;
use gatepost_testworld::exchanger::Exchanger;
use gatepost_testworld::issuer::{CLIENT_ID, CLIENT_SECRET, Issuer};
use gatepost_testworld::patience::{PATIENCE, until};
use gatepost_testworld::script::Script;

use crate::instance::{Instance, mail, rule, taken};

const TO: &[&str] = &["bob@there.example"];
/// How long a token is good, and how often that is over.
const LIFETIME: Duration = Duration::from_secs(60);
const EXPIRIES: usize = 100;
/// Every so many tokens the issuer fails a few times.
const FAILS_EVERY: usize = 7;
const FAILURES: usize = 2;

/// What the host was shown.
#[derive(Default)]
struct Seen {
    good: usize,
    bad: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tokens_end_and_every_message_arrives() {
    let issuer = Arc::new(Issuer::start().await.unwrap());
    issuer.set_lifetime(LIFETIME);
    let authority = Authority::new().unwrap();
    let host = Exchanger::start(Script::polite()).await.unwrap();
    let identity = authority.identity(&[&host.address().ip().to_string()]).unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    // It closes after each message, so that the next one needs a login and a token of its own.
    let script =
        Script::polite().starttls(identity.server_config().unwrap()).reply_and_close(".", "250 2.0.0 taken");
    host.follow(script.tokens(judge(&issuer, &seen)));
    let clock = Clock::default();
    let instance = instance(&authority, &host, &issuer, &clock);
    for number in 1..=EXPIRIES {
        if number % FAILS_EVERY == 0 {
            issuer.fail_next(FAILURES);
        }
        // What was fetched last is over now, for them and for us.
        issuer.advance(LIFETIME);
        clock.advance(LIFETIME);
        instance.hand_in(&mail(TO)).await;
        patient(&instance, &clock, number).await;
    }
    let seen = seen.lock().unwrap();
    let arrived = taken(&host).len();
    println!(
        "{EXPIRIES} expiries of {LIFETIME:?}: {arrived} messages arrived, {} logins, {} of them with a token that was over; \
         {} requests to the issuer",
        seen.good + seen.bad,
        seen.bad,
        issuer.requests("/token")
    );
    assert_eq!(arrived, EXPIRIES);
    assert_eq!(seen.bad, 0, "a token was used after its end");
    assert!(issuer.requests("/token") >= EXPIRIES, "each token was needed");
}

fn judge(issuer: &Arc<Issuer>, seen: &Arc<Mutex<Seen>>) -> impl Fn(&str) -> bool + Send + Sync + 'static {
    let (issuer, seen) = (issuer.clone(), seen.clone());
    move |token| {
        let is_good = issuer.accepts(token);
        let mut seen = seen.lock().unwrap();
        if is_good {
            seen.good += 1;
        } else {
            seen.bad += 1;
        }
        is_good
    }
}

fn instance(authority: &Authority, host: &Exchanger, issuer: &Issuer, clock: &Clock) -> Instance {
    let dir = tempfile::tempdir().unwrap();
    let trust = dir.path().join("trust.pem");
    std::fs::write(&trust, authority.certificate()).unwrap();
    let endpoint = TokenEndpoint {
        url: Url::parse(&format!("{}/token", issuer.url())).unwrap(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: Some(Secret::new(CLIENT_SECRET)),
    };
    let credential = Credential::Token(TokenSource::ClientCredentials { endpoint, scope: None });
    let login = RouteLogin {
        username: "org@provider.example".into(),
        credential,
        mechanisms: vec![Mechanism::Xoauth2],
    };
    let via = Endpoint::Address(host.address().ip(), host.address().port());
    let route = Route { pattern: Pattern::All, via, login: Some("provider".into()), tls: TlsRule::Required };
    Instance::start_with(|settings| {
        settings.trust = Some(trust);
        settings.clock = clock.clone();
        settings.logins.insert("provider".into(), login);
        rule(settings, |rules| rules.routes.push(route));
    })
}

/// Waits for a message to be delivered. Where the issuer has failed the source is left alone for a while, so time goes on.
async fn patient(instance: &Instance, clock: &Clock, number: usize) {
    let mut deferred = instance.events("deferred").len();
    let step = || {
        if instance.events("deferred").len() > deferred {
            deferred += 1;
            clock.advance(Duration::from_secs(2));
        }
        Ok((instance.events("delivered").len() >= number).then_some(()))
    };
    if until("a delivery", PATIENCE, step).await.is_err() {
        panic!("message {number} waits: {:#?}", instance.events("deferred").last());
    }
}

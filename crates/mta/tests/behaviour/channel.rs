//! How the channel to a next hop is secured, and logging in there.

use std::net::SocketAddr;

use gatepost_mta::Settings;
use gatepost_mta::settings::{Credential, RouteLogin};
use gatepost_policy::rules::{Endpoint, Pattern, Route, TlsRule};
use gatepost_sasl::Secret;
use gatepost_testworld::authority::Authority;
use gatepost_testworld::exchanger::{Exchanger, Privacy};
use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;

use crate::instance::{Instance, domain, facing, mail, rule};

const TO: &[&str] = &["bob@there.example"];
const ZONE: &str = "there.example. MX 10 mx.there.example.";
const MX: &str = "mx.there.example";

async fn world(script: Script) -> World {
    World::new().zone(ZONE).exchanger(MX, script).start().await.unwrap()
}

fn trust(settings: &mut Settings, authority: &Authority, dir: &tempfile::TempDir) {
    let path = dir.path().join("trust.pem");
    std::fs::write(&path, authority.certificate()).unwrap();
    settings.trust = Some(path);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_used_where_it_is_offered_whoever_the_certificate_names() {
    let authority = Authority::new().unwrap();
    let config = authority.identity(&["somebody.else.example"]).unwrap().server_config().unwrap();
    let world = world(Script::polite().starttls(config)).await;
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    let messages = world.exchanger(MX).unwrap().await_messages(1).await.unwrap();
    assert_eq!(messages[0].privacy, Privacy::Encrypted);
    let delivered = instance.await_events("delivered", 1).await;
    assert!(delivered[0]["tls"].as_str().unwrap().starts_with("TLSv1.3 "), "{delivered:?}");
    assert!(world.exchanger(MX).unwrap().complaints().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_handshake_fails_mail_goes_in_the_clear_to_the_same_host() {
    // It says 220 and closes: there is no handshake to be had.
    let world =
        world(Script::polite().offers("STARTTLS").reply_and_close("STARTTLS", "220 2.0.0 go on")).await;
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    let messages = world.exchanger(MX).unwrap().await_messages(1).await.unwrap();
    assert_eq!((messages[0].privacy, messages[0].connection), (Privacy::Clear, 1));
    assert!(instance.events("deferred").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_starttls_is_refused_mail_goes_in_the_clear_over_the_same_line() {
    let world = world(Script::polite().offers("STARTTLS").reply("STARTTLS", "454 4.7.0 not now")).await;
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    let messages = world.exchanger(MX).unwrap().await_messages(1).await.unwrap();
    assert_eq!((messages[0].privacy, messages[0].connection), (Privacy::Clear, 0));
}

async fn required_tls_defers(script: impl FnOnce(&Authority) -> Script, cause: &str) {
    let (authority, dir) = (Authority::new().unwrap(), tempfile::tempdir().unwrap());
    let world = world(script(&authority)).await;
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        trust(settings, &authority, &dir);
        rule(settings, |rules| rules.delivery.tls = TlsRule::Required);
    });
    instance.hand_in(&mail(TO)).await;
    let deferred = instance.await_events("deferred", 2).await;
    assert!(deferred[0]["cause"].as_str().unwrap().contains(cause), "{deferred:?}");
    for connection in world.exchanger(MX).unwrap().memory().connections {
        assert!(!connection.commands.iter().any(|line| line.starts_with("MAIL")), "{connection:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn required_tls_takes_no_certificate_for_another_name() {
    let wrong = |authority: &Authority| {
        let identity = authority.identity(&["somebody.else.example"]).unwrap();
        Script::polite().starttls(identity.server_config().unwrap())
    };
    required_tls_defers(wrong, "certificate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn required_tls_takes_no_certificate_of_a_stranger() {
    let strange = |_: &Authority| {
        let identity = Authority::new().unwrap().identity(&[MX]).unwrap();
        Script::polite().starttls(identity.server_config().unwrap())
    };
    required_tls_defers(strange, "certificate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn required_tls_takes_no_certificate_that_has_expired() {
    let old = |authority: &Authority| {
        Script::polite().starttls(authority.expired(&[MX]).unwrap().server_config().unwrap())
    };
    required_tls_defers(old, "certificate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn required_tls_does_not_do_without() {
    required_tls_defers(|_| Script::polite(), "TLS is required").await;
    let refuses = |_: &Authority| Script::polite().offers("STARTTLS").reply("STARTTLS", "454 4.7.0 not now");
    required_tls_defers(refuses, "454 4.7.0 not now").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn required_tls_delivers_to_the_right_name() {
    let (authority, dir) = (Authority::new().unwrap(), tempfile::tempdir().unwrap());
    let world =
        world(Script::polite().starttls(authority.identity(&[MX]).unwrap().server_config().unwrap())).await;
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        trust(settings, &authority, &dir);
        rule(settings, |rules| rules.delivery.tls = TlsRule::Required);
    });
    instance.hand_in(&mail(TO)).await;
    let messages = world.exchanger(MX).unwrap().await_messages(1).await.unwrap();
    assert_eq!(messages[0].privacy, Privacy::Encrypted);
}

/// A route for all mail, with a login, to a host that is named by its address.
fn smart_host(settings: &mut Settings, address: SocketAddr, (password, tls): (&str, TlsRule)) {
    let via = Endpoint::Address(address.ip(), address.port());
    let route = Route { pattern: Pattern::All, via, login: Some("provider".into()), tls };
    rule(settings, |rules| rules.routes.push(route));
    let credential = Credential::Password(Secret::new(password));
    let mechanisms = credential.mechanisms();
    let login = RouteLogin { username: "org".into(), credential, mechanisms };
    settings.logins.insert("provider".into(), login);
}

struct Provider {
    authority: Authority,
    host: Exchanger,
    dir: tempfile::TempDir,
}

async fn provider(offers: &str) -> Provider {
    let authority = Authority::new().unwrap();
    // Its address is known only once it listens, and a certificate must name it.
    let host = Exchanger::start(Script::polite()).await.unwrap();
    let identity = authority.identity(&[&host.address().ip().to_string()]).unwrap();
    let script = Script::polite().starttls(identity.server_config().unwrap());
    host.follow(script.account("org", "open sesame").offers(offers));
    Provider { authority, host, dir: tempfile::tempdir().unwrap() }
}

impl Provider {
    fn instance(&self, password: &str, tls: TlsRule) -> Instance {
        Instance::start_with(|settings| {
            trust(settings, &self.authority, &self.dir);
            smart_host(settings, self.host.address(), (password, tls));
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_logs_in_under_tls() {
    for mechanisms in ["AUTH PLAIN LOGIN", "AUTH PLAIN", "AUTH LOGIN"] {
        let provider = provider(mechanisms).await;
        let instance = provider.instance("open sesame", TlsRule::Opportunistic);
        instance.hand_in(&mail(TO)).await;
        let messages = provider.host.await_messages(1).await.unwrap();
        assert_eq!(messages[0].privacy, Privacy::Encrypted);
        let commands = provider.host.memory().connections[0].commands.clone();
        let at = |word: &str| commands.iter().position(|line| line.starts_with(word));
        assert!(at("STARTTLS") < at("AUTH") && at("AUTH") < at("MAIL"), "{commands:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_defers_and_says_why() {
    let provider = provider("AUTH PLAIN LOGIN").await;
    let instance = provider.instance("open barley", TlsRule::Required);
    instance.hand_in(&mail(TO)).await;
    let deferred = instance.await_events("deferred", 1).await;
    let cause = deferred[0]["cause"].as_str().unwrap();
    assert!(cause.contains("535 5.7.8"), "{cause}");
    assert!(!serde_json::to_string(&deferred).unwrap().contains("barley"));
    assert!(provider.host.memory().received.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_never_crosses_a_clear_channel() {
    let provider = provider("AUTH PLAIN LOGIN").await;
    // TLS is off by rule, and then not offered at all.
    for (tls, script) in
        [(TlsRule::Off, None), (TlsRule::Opportunistic, Some(Script::polite().account("org", "open sesame")))]
    {
        if let Some(script) = script {
            provider.host.follow(script);
        }
        let instance = provider.instance("open sesame", tls);
        instance.hand_in(&mail(TO)).await;
        instance.await_events("deferred", 1).await;
        let memory = provider.host.memory();
        for connection in memory.connections {
            let said = |line: &String| line.starts_with("AUTH") || line.starts_with("MAIL");
            assert!(!connection.commands.iter().any(said), "{connection:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_not_given_to_whom_the_certificate_does_not_name() {
    let provider = provider("AUTH PLAIN LOGIN").await;
    let stranger = Authority::new().unwrap().identity(&["provider.example"]).unwrap();
    let script = Script::polite().starttls(stranger.server_config().unwrap());
    provider.host.follow(script.account("org", "open sesame"));
    let instance = provider.instance("open sesame", TlsRule::Opportunistic);
    instance.hand_in(&mail(TO)).await;
    instance.await_events("deferred", 1).await;
    for connection in provider.host.memory().connections {
        assert!(!connection.commands.iter().any(|line| line.starts_with("AUTH")), "{connection:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_specific_route_wins() {
    let (special, other) = (
        Exchanger::start(Script::polite()).await.unwrap(),
        Exchanger::start(Script::polite()).await.unwrap(),
    );
    let route = |pattern, host: &Exchanger| Route {
        pattern,
        via: Endpoint::Address(host.address().ip(), host.address().port()),
        login: None,
        tls: TlsRule::Off,
    };
    let instance = Instance::start_with(|settings| {
        rule(settings, |rules| {
            rules.routes =
                vec![route(Pattern::All, &other), route(Pattern::Below(domain("there.example")), &special)];
        });
    });
    instance.hand_in(&mail(&["a@there.example", "b@x.there.example", "c@elsewhere.example"])).await;
    assert_eq!(special.await_messages(1).await.unwrap()[0].recipients, ["b@x.there.example"]);
    assert_eq!(
        other.await_messages(1).await.unwrap()[0].recipients,
        ["a@there.example", "c@elsewhere.example"],
        "one transaction for all whom this route is for"
    );
}

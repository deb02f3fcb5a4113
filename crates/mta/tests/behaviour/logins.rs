//! What a login is used for: devices, lists of mechanisms, the ratchet, lockouts, and delays.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_directory::{
    Device, Directories, Embedded as Accounts, EmbeddedSettings, NewAccount, NewDevice,
};
use gatepost_mail::{Network, Timestamp};
use gatepost_mta::event::now;
use gatepost_mta::settings::Settings;
use gatepost_policy::rules::{AuthRules, Ratchet};
use gatepost_sasl::{
    BindingKind, ChannelBinding, ClientContext, ClientExchange, ClientStep, Login, Mechanism, Nonce, Secret,
};
use gatepost_testworld::client::Client;
use tempfile::TempDir;

use crate::instance::{ADA, HOSTNAME, Instance, rule};

const BOB: &str = "bob@ours.example";
const NOTE: &[u8] = b"From: ada@ours.example\r\nSubject: a note\r\n\r\nHello.\r\n";

/// A server, and its accounts to change meanwhile.
struct Site {
    instance: Instance,
    accounts: Arc<Accounts>,
}

fn start(change: impl FnOnce(&mut AuthRules)) -> Site {
    start_in(tempfile::tempdir().unwrap(), change)
}

fn start_in(dir: TempDir, change: impl FnOnce(&mut AuthRules)) -> Site {
    let accounts = Accounts::open(&dir.path().join("accounts"), EmbeddedSettings::default()).unwrap();
    for name in [ADA.0, BOB] {
        let _ = accounts.add(&NewAccount::new(name, Secret::new(ADA.1), now()));
    }
    let accounts = Arc::new(accounts);
    let directory = Arc::new(Directories::embedded(accounts.clone()));
    let change = |settings: &mut Settings| rule(settings, |rules| change(&mut rules.auth));
    Site { instance: Instance::start_on(dir, directory, change), accounts }
}

impl Site {
    /// A device of Ada's; gives its password.
    fn device(&self, label: &str, change: impl FnOnce(&mut Device)) -> String {
        let mut device = Device::new(label, now());
        change(&mut device);
        let new = NewDevice { device, allow: Vec::new(), realm: None };
        let password = self.accounts.add_device(ADA.0, &new).unwrap();
        String::from_utf8(password.expose().to_vec()).unwrap()
    }

    /// A client under TLS that has said EHLO.
    async fn client(&self) -> Client {
        self.client_from("127.0.0.1").await
    }

    async fn client_from(&self, address: &str) -> Client {
        let from = format!("{address}:0").parse().unwrap();
        let mut client = Client::dial_from(from, self.instance.address("submission")).await.unwrap();
        client.expect("220").await.unwrap();
        client.say("EHLO client.example", "250").await.unwrap();
        client.starttls(HOSTNAME).await.unwrap();
        client.say("EHLO client.example", "250").await.unwrap();
        client
    }

    /// What a client hears that logs in with PLAIN.
    async fn plain(&self, address: &str, user: &str, password: &str, want: &str) {
        let mut client = self.client_from(address).await;
        client.say(&plain(user, password), want).await.unwrap();
    }
}

fn plain(user: &str, password: &str) -> String {
    format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{user}\0{password}")))
}

const PRINTER: &str = "ada%printer@ours.example";

#[tokio::test(flavor = "multi_thread")]
async fn a_device_sends_for_its_account_within_its_bounds() {
    let site = start(|_| {});
    let password = site.device("printer", |device| {
        device.senders = vec!["ada@ours.example".parse().unwrap()];
        device.messages_per_day = NonZeroU32::new(2);
    });
    for user in [PRINTER, ADA.0] {
        let mut client = site.client().await;
        client.say(&plain(user, &password), "235 2.7.0").await.unwrap();
        client.say("MAIL FROM:<>", "550 5.7.1").await.unwrap();
        client.submit(ADA.0, &[ADA.0], NOTE).await.unwrap();
    }
    let mut client = site.client().await;
    client.say(&plain(PRINTER, &password), "235").await.unwrap();
    client.say("MAIL FROM:<ada@ours.example>", "250").await.unwrap();
    client.say("RCPT TO:<ada@ours.example>", "250").await.unwrap();
    client.say("DATA", "450 4.7.1").await.unwrap();
    // The account itself has no such limit.
    let mut client = site.client().await;
    client.say(&plain(ADA.0, ADA.1), "235").await.unwrap();
    client.submit(ADA.0, &[ADA.0], NOTE).await.unwrap();
    let logins = site.instance.await_events("logged-in", 4).await;
    assert!(logins.iter().all(|event| event["account"] == ADA.0), "{logins:#?}");
    let devices: Vec<_> = logins.iter().map(|event| event["device"].as_str()).collect();
    assert_eq!(devices, [Some("printer"), Some("printer"), Some("printer"), None]);
    let queued = site.instance.await_events("queued", 3).await;
    assert_eq!(queued[0]["device"], "printer");
    assert_eq!(queued[0]["principal"], "account ada@ours.example");
    assert!(queued[2].get("device").is_none(), "{queued:#?}");
    assert_eq!(site.instance.events("content-refused")[0]["rule"], "throttle.device-messages");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_keeps_to_its_place_its_mechanisms_and_its_time() {
    let site = start(|_| {});
    let elsewhere = Network { address: "127.0.7.0".parse().unwrap(), prefix: 24 };
    let placed = site.device("placed", |device| device.networks = vec![elsewhere]);
    let old = site.device("old", |device| device.mechanisms = vec![Mechanism::Login]);
    let ended = site.device("ended", |device| device.expires = Some(Timestamp::from_micros(1)));
    site.plain("127.0.0.1", "ada%placed@ours.example", &placed, "535 5.7.8").await;
    site.plain("127.0.7.9", "ada%placed@ours.example", &placed, "235 2.7.0").await;
    site.plain("127.0.0.1", "ada%old@ours.example", &old, "534 5.7.9").await;
    site.plain("127.0.0.1", "ada%ended@ours.example", &ended, "535 5.7.8").await;
    let failures = site.instance.await_events("login-failed", 3).await;
    let rules: Vec<_> = failures.iter().map(|event| event["rule"].as_str().unwrap()).collect();
    assert_eq!(rules[..2], ["auth.device-elsewhere", "auth.device-mechanism"]);
    assert!(["auth.rejected", "auth.device-expired", "auth.no-account"].contains(&rules[2]), "{rules:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_revoked_sends_no_more_and_nobody_else_notices() {
    let site = start(|_| {});
    let password = site.device("printer", |_| {});
    let mut printer = site.client().await;
    printer.say(&plain(PRINTER, &password), "235").await.unwrap();
    printer.submit(ADA.0, &[ADA.0], NOTE).await.unwrap();
    let mut ada = site.client().await;
    ada.say(&plain(ADA.0, ADA.1), "235").await.unwrap();
    site.accounts.revoke_device(ADA.0, "printer").unwrap();
    printer.say("MAIL FROM:<ada@ours.example>", "550 5.7.1").await.unwrap();
    ada.submit(ADA.0, &[ADA.0], NOTE).await.unwrap();
    assert_eq!(site.instance.await_events("sender-refused", 1).await[0]["rule"], "sender.device-gone");
    site.plain("127.0.0.1", PRINTER, &password, "535 5.7.8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_may_be_held_to_some_mechanisms() {
    let site = start(|_| {});
    site.accounts.set_only_by(ADA.0, &[Mechanism::ScramSha256]).unwrap();
    let mut client = site.client().await;
    let heard = client.say(&plain(ADA.0, ADA.1), "534 5.7.9").await.unwrap().text();
    assert!(heard.ends_with("SCRAM-SHA-256"), "{heard}");
    client.say(&plain(BOB, ADA.1), "235").await.unwrap();
    assert_eq!(site.instance.await_events("login-failed", 1).await[0]["rule"], "auth.account-mechanism");
}

/// Logs in by SCRAM, bound to this client's TLS channel or to another.
async fn scram(client: &mut Client, mechanism: Mechanism, change: impl FnOnce(&mut [u8; 32]), want: &str) {
    let mut exporter = client.tls().unwrap().exporter;
    change(&mut exporter);
    let login = Login::new(ADA.0, Secret::new(ADA.1)).unwrap();
    let mut context = ClientContext::new(login, Nonce::from_random(&[7; 18]), HOSTNAME, now().as_seconds());
    context.bindings = vec![ChannelBinding::new(BindingKind::TlsExporter, exporter)];
    let mut exchange = ClientExchange::begin(mechanism, context).unwrap();
    let first = exchange.initial().map(|octets| STANDARD.encode(octets.expose())).unwrap();
    let mut heard = client.say(&format!("AUTH {} {first}", mechanism.name()), "334").await.unwrap();
    loop {
        let challenge = STANDARD.decode(&heard.lines[0][4..]).unwrap();
        let ClientStep::Respond(response) = exchange.receive(&challenge) else { panic!("no response") };
        client.send(format!("{}\r\n", STANDARD.encode(response.expose())).as_bytes()).await.unwrap();
        heard = client.reply().await.unwrap();
        if heard.code() != 334 {
            assert!(heard.text().starts_with(want), "{heard:?}");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_bound_a_login_is_refused_weaker_ways_from_then_on() {
    let site = start(|auth| auth.ratchet = Ratchet::On);
    site.plain("127.0.0.1", ADA.0, ADA.1, "235").await;
    scram(&mut site.client().await, Mechanism::ScramSha256Plus, |_| {}, "235").await;
    let mut client = site.client().await;
    let heard = client.say(&plain(ADA.0, ADA.1), "534 5.7.9").await.unwrap().text();
    assert!(heard.contains("-PLUS"), "{heard}");
    client.say(&plain(BOB, ADA.1), "235").await.unwrap();
    assert_eq!(site.instance.await_events("login-failed", 1).await[0]["rule"], "auth.ratchet");
    scram(&mut site.client().await, Mechanism::ScramSha1Plus, |_| {}, "235").await;
    // A restart forgets nothing, and an operator can let go.
    let Site { instance, accounts } = site;
    let dir = instance.stop().await;
    drop(accounts);
    let site = start_in(dir, |auth| auth.ratchet = Ratchet::On);
    site.plain("127.0.0.1", ADA.0, ADA.1, "534 5.7.9").await;
    site.accounts.reset_ratchet(ADA.0).unwrap();
    site.plain("127.0.0.1", ADA.0, ADA.1, "235").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_to_another_channel_raises_an_alarm() {
    let site = start(|_| {});
    let mut client = site.client().await;
    scram(&mut client, Mechanism::ScramSha256Plus, |exporter| exporter[0] ^= 1, "535 5.7.8").await;
    let alarms = site.instance.await_events("alarm", 1).await;
    assert_eq!(alarms[0]["rule"], "auth.binding-mismatch");
    assert_eq!(alarms[0]["user"], ADA.0);
    assert_eq!(alarms[0]["client"], "127.0.0.1");
    assert_eq!(site.instance.await_events("login-failed", 1).await[0]["rule"], "auth.binding-mismatch");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_follow_listener_and_network() {
    let site = start(|auth| {
        auth.listeners.insert("submission".into(), vec![Mechanism::ScramSha256, Mechanism::Login]);
        let network = Network { address: "127.0.7.0".parse().unwrap(), prefix: 24 };
        auth.networks = vec![(network, vec![Mechanism::Login, Mechanism::CramMd5])];
    });
    for (address, want) in [("127.0.0.1", "SCRAM-SHA-256 LOGIN"), ("127.0.7.1", "LOGIN")] {
        let mut client = site.client_from(address).await;
        let hello = client.say("EHLO client.example", "250").await.unwrap();
        let listed = hello.lines.iter().find_map(|line| line[4..].strip_prefix("AUTH "));
        assert_eq!(listed, Some(want), "{address}");
        client.say(&plain(ADA.0, ADA.1), "504 5.5.4").await.unwrap();
        let heard = client.say("AUTH LOGON", "504 5.5.4").await.unwrap().text();
        assert!(heard.ends_with("the nearest are: LOGIN"), "{heard}");
        client.say("AUTH CRAM-MD5", "504 5.5.4").await.unwrap();
    }
}

/// Ada works at 127.0.0.1, where somebody's forgotten device fails all day; a stranger guesses elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn neither_a_neighbour_nor_a_stranger_locks_an_account_out_of_where_it_works() {
    let dir = {
        let site = start(|_| {});
        site.plain("127.0.0.1", ADA.0, ADA.1, "235").await;
        let Site { instance, accounts } = site;
        drop(accounts);
        instance.stop().await
    };
    // After a restart only the directory remembers where she works.
    let site = start_in(dir, |auth| auth.failures_before_lockout = NonZeroU32::new(3).unwrap());
    for _ in 0..3 {
        site.plain("127.0.0.1", "gone@ours.example", "old", "535 5.7.8").await;
        site.plain("127.0.7.1", ADA.0, "guess", "535 5.7.8").await;
    }
    site.plain("127.0.0.1", BOB, ADA.1, "454 4.7.0").await;
    site.plain("127.0.7.1", ADA.0, ADA.1, "454 4.7.0").await;
    site.plain("127.0.8.1", ADA.0, ADA.1, "454 4.7.0").await;
    site.plain("127.0.0.1", ADA.0, ADA.1, "235 2.7.0").await;
    // Her neighbour may guess at her account three times, no more; what she gets right begins anew.
    for _ in 0..2 {
        site.plain("127.0.0.1", ADA.0, "guess", "535 5.7.8").await;
    }
    site.plain("127.0.0.1", ADA.0, ADA.1, "235 2.7.0").await;
    for _ in 0..3 {
        site.plain("127.0.0.1", ADA.0, "guess", "535 5.7.8").await;
    }
    site.plain("127.0.0.1", ADA.0, ADA.1, "454 4.7.0").await;
    let failures = site.instance.events("login-failed");
    let of = |client: &str, user: &str| {
        let mut found = failures.iter().filter(|event| event["client"] == client && event["user"] == user);
        found.next().map(|event| event["network"].clone()).unwrap()
    };
    assert_eq!(of("127.0.0.1", "gone@ours.example"), "stranger");
    assert_eq!(of("127.0.7.1", ADA.0), "stranger");
    assert_eq!(of("127.0.0.1", ADA.0), "known");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_failure_waits_for_its_reply() {
    let site = start(|auth| auth.tarpit = Duration::from_secs(2));
    let begun = Instant::now();
    site.plain("127.0.7.1", ADA.0, "guess", "535 5.7.8").await;
    site.plain("127.0.7.1", ADA.0, "guess", "535 5.7.8").await;
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
}

/// Replies that would wait for minutes go out when the server stops: `stop` demands that nothing is broken off.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_waits_does_not_hold_up_the_end() {
    let site = start(|auth| {
        auth.tarpit = Duration::from_secs(3600);
        auth.failures_before_lockout = NonZeroU32::new(1000).unwrap();
    });
    let mut clients = Vec::new();
    for number in 0..12 {
        let mut client = site.client_from(&format!("127.0.7.{}", number + 1)).await;
        client.send(format!("{}\r\n", plain(ADA.0, "guess")).as_bytes()).await.unwrap();
        clients.push(client);
    }
    site.instance.await_events("login-failed", 12).await;
    site.instance.stop().await;
    for mut client in clients {
        assert!(client.reply().await.unwrap().text().starts_with("535 5.7.8"));
    }
}

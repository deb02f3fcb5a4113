//! Mail for domains of ours: LMTP, the server behind us, Maildirs; and what goes in circles.

use std::collections::BTreeSet;
use std::path::PathBuf;

use gatepost_mta::Settings;
use gatepost_policy::rules::{Destination, Endpoint, HostedDomain, RecipientRule};
use gatepost_testworld::client::Client;
use gatepost_testworld::exchanger::Exchanger;
use gatepost_testworld::script::Script;

use crate::instance::{Instance, domain, mail, rule};

fn hosts(settings: &mut Settings, name: &str, (deliver, recipients): (Destination, RecipientRule)) {
    let hosted = HostedDomain { deliver, recipients, postmaster: None };
    rule(settings, |rules| drop(rules.hosted.insert(domain(name), hosted)));
}

fn endpoint(exchanger: &Exchanger) -> Endpoint {
    Endpoint::Address(exchanger.address().ip(), exchanger.address().port())
}

/// One of three is delivered, one waits, one fails: each by its own reply.
fn mixed() -> Script {
    Script::lmtp()
        .lacks("DSN")
        .reply(".", "451 4.2.0 busy")
        .when("carol")
        .once()
        .reply(".", "552 5.2.2 full")
        .when("dave")
}

async fn each_has_its_own_fate(store: &Exchanger, endpoint: Endpoint) {
    let instance = Instance::start_with(|settings| {
        hosts(settings, "stored.example", (Destination::Lmtp(endpoint), RecipientRule::Any));
    });
    let to = ["bob@stored.example", "carol@stored.example", "dave@stored.example"];
    instance.hand_in(&mail(&to)).await;
    // The message and the report about Dave.
    instance.await_finished(2).await;
    let received = store.memory().received;
    assert_eq!(received.len(), 2, "{}", store.story());
    assert_eq!(received[0].recipients, to);
    assert_eq!(received[1].recipients, ["carol@stored.example"]);
    let commands = &store.memory().connections[0].commands;
    assert!(commands[0].starts_with("LHLO "), "{commands:?}");
    assert_eq!(instance.events("delivered").len(), 3, "two of them and the report");
    assert_eq!(instance.events("deferred").len(), 1);
    let failed = instance.events("failed");
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["recipient"], "<dave@stored.example>");
    assert_eq!(failed[0]["cause"], "552 5.2.2 full");
    let reports = instance.maildir("ada").messages().unwrap();
    assert_eq!(reports.len(), 1);
    let report = String::from_utf8_lossy(&reports[0]).into_owned();
    assert!(report.contains("dave@stored.example") && !report.contains("carol@stored.example"), "{report}");
    assert!(store.complaints().is_empty(), "{:?}", store.complaints());
}

#[tokio::test(flavor = "multi_thread")]
async fn lmtp_over_tcp_gives_each_recipient_its_own_fate() {
    let store = Exchanger::start(mixed()).await.unwrap();
    each_has_its_own_fate(&store, endpoint(&store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lmtp_over_a_unix_socket_gives_each_recipient_its_own_fate() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lmtp");
    let store = Exchanger::serve_unix(&path, mixed()).unwrap();
    each_has_its_own_fate(&store, Endpoint::Unix(path)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_defers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lmtp");
    let instance = Instance::start_with(|settings| {
        let deliver = Destination::Lmtp(Endpoint::Unix(path.clone()));
        hosts(settings, "stored.example", (deliver, RecipientRule::Any));
    });
    instance.hand_in(&mail(&["bob@stored.example"])).await;
    instance.await_events("deferred", 1).await;
    let store = Exchanger::serve_unix(&path, Script::lmtp()).unwrap();
    store.await_messages(1).await.unwrap();
    assert!(instance.events("failed").is_empty());
}

async fn mx(instance: &Instance) -> Client {
    let mut client = Client::connect(instance.address("mx")).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_behind_us_decides_about_any_recipient() {
    let behind =
        Exchanger::start(Script::polite().reply("RCPT", "550 5.1.1 nobody").when("nobody")).await.unwrap();
    let instance = Instance::start_with(|settings| {
        let deliver = Destination::Smtp(endpoint(&behind));
        hosts(settings, "behind.example", (deliver, RecipientRule::Any));
    });
    let content = b"From: x@far.example\r\nSubject: relayed\r\n\r\nbody\r\n";
    let mut client = mx(&instance).await;
    let to = ["bob@behind.example", "nobody@behind.example"];
    client.submit("ada@ours.example", &to, content).await.unwrap();
    let messages = behind.await_messages(1).await.unwrap();
    assert_eq!(messages[0].recipients, ["bob@behind.example"]);
    let text = String::from_utf8_lossy(&messages[0].content).into_owned();
    assert!(text.starts_with("Received: from client.example"), "{text}");
    assert!(!text.contains("Return-Path:") && !text.contains("Delivered-To:"), "{text}");
    instance.maildir("ada").await_containing("nobody@behind.example").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_recipients_alone_are_let_in() {
    let behind = Exchanger::start(Script::polite()).await.unwrap();
    let listed = BTreeSet::from(["bob@behind.example".to_owned()]);
    let instance = Instance::start_with(|settings| {
        let deliver = Destination::Smtp(endpoint(&behind));
        hosts(settings, "behind.example", (deliver, RecipientRule::Listed(listed)));
    });
    let mut client = mx(&instance).await;
    client.say("MAIL FROM:<x@far.example>", "250").await.unwrap();
    client.say("RCPT TO:<Bob@Behind.Example>", "250").await.unwrap();
    client.say("RCPT TO:<carol@behind.example>", "550 5.1.1").await.unwrap();
    client.say("RCPT TO:<postmaster@behind.example>", "250").await.unwrap();
    client.say("RSET", "250").await.unwrap();
    client.submit("x@far.example", &["bob@behind.example"], b"Subject: x\r\n\r\ny\r\n").await.unwrap();
    assert_eq!(behind.await_messages(1).await.unwrap()[0].recipients, ["bob@behind.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_has_the_message_already_gets_it_no_second_time() {
    let instance = Instance::start();
    let content = b"Delivered-To: Ada@Ours.Example\r\nSubject: round\r\n\r\nbody\r\n";
    instance.hand_in(&mail(&["ada@ours.example"]).from("x@elsewhere.test").with(content)).await;
    let failed = instance.await_events("failed", 1).await;
    assert_eq!(failed[0]["rule"], "delivery.loop");
    assert!(instance.maildir("ada").messages().unwrap().is_empty());
    // Words in the body are no field, and another's mailbox is not this one.
    let content = b"Delivered-To: bob@ours.example\r\nSubject: x\r\n\r\nDelivered-To: ada@ours.example\r\n";
    instance.hand_in(&mail(&["ada@ours.example"]).from("x@elsewhere.test").with(content)).await;
    instance.maildir("ada").await_messages(1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_too_many_hops_is_not_taken() {
    let instance = Instance::start_with(|settings| rule(settings, |rules| rules.limits.received_fields = 5));
    let hop = "Received: from a.example by b.example; Mon, 6 Jul 2026 10:00:00 +0000\r\n";
    for (hops, wanted) in [(4, "250"), (6, "554 5.4.6")] {
        let mut client = mx(&instance).await;
        client.say("MAIL FROM:<x@far.example>", "250").await.unwrap();
        client.say("RCPT TO:<ada@ours.example>", "250").await.unwrap();
        client.say("DATA", "354").await.unwrap();
        let content = format!("{}Subject: x\r\n\r\nbody\r\n.\r\n", hop.repeat(hops));
        client.send(content.as_bytes()).await.unwrap();
        client.expect(wanted).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_of_ours_has_a_copy_of_its_own() {
    let instance = Instance::start();
    instance.hand_in(&mail(&["ada@ours.example", "bob@ours.example", "ADA+x@ours.example"])).await;
    instance.await_finished(1).await;
    for (name, address) in [("ada", "ada"), ("bob", "bob"), ("ada+x", "ADA+x")] {
        let messages = instance.maildir(name).messages().unwrap();
        assert_eq!(messages.len(), 1, "{name}");
        let text = String::from_utf8_lossy(&messages[0]).into_owned();
        assert!(text.contains(&format!("\nDelivered-To: {address}@ours.example\n")), "{text}");
        assert!(!text.contains('\r'), "{text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maildir_that_cannot_be_written_defers() {
    let instance = Instance::start();
    let path: PathBuf = instance.dir.path().join("mail/ours.example");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // A file is where the folder should be.
    std::fs::write(&path, "").unwrap();
    instance.hand_in(&mail(&["ada@ours.example"])).await;
    instance.await_events("deferred", 1).await;
    std::fs::remove_file(&path).unwrap();
    instance.maildir("ada").await_messages(1).await.unwrap();
}

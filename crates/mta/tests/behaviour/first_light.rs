//! A message goes in through AUTH and comes out in a mailbox and at another server; a stranger gets nothing.

use gatepost_testworld::client::Client;
use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;

use crate::instance::{ADA, HOSTNAME, Instance};

const MESSAGE: &[u8] = b"From: ada@ours.example\r\nSubject: first light\r\n\r\n.dots\r\n..and more\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_reaches_a_mailbox_of_ours() {
    let instance = Instance::start();
    let mut client = Client::connect(instance.address("submission")).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    client.starttls(HOSTNAME).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    client.login(ADA.0, ADA.1).await.unwrap();
    client.submit("ada@ours.example", &["ada@ours.example"], MESSAGE).await.unwrap();
    client.quit().await.unwrap();
    let messages = instance.maildir("ada").await_messages(1).await.unwrap();
    let text = String::from_utf8(messages[0].clone()).unwrap();
    assert!(
        text.starts_with(
            "Return-Path: <ada@ours.example>\nDelivered-To: ada@ours.example\nReceived: from client.example"
        ),
        "{text}"
    );
    assert!(text.contains(" with ESMTPSA\n"), "{text}");
    assert!(text.contains("\nMessage-ID: <"), "{text}");
    assert!(text.ends_with("\n\n.dots\n..and more\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_reaches_another_server() {
    let world = World::new()
        .zone("there.example. MX 10 mx.there.example.")
        .exchanger("mx.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(|settings| {
        settings.dns.servers = vec![world.dns()];
        settings.exchanger_port = world.smtp_port();
    });
    let mut client = Client::connect(instance.address("submission")).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    client.starttls(HOSTNAME).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    client.login(ADA.0, ADA.1).await.unwrap();
    client.submit("ada@ours.example", &["bob@there.example"], MESSAGE).await.unwrap();
    let exchanger = world.exchanger("mx.there.example").unwrap();
    let messages = exchanger.await_messages(1).await.unwrap();
    assert!(messages[0].content.ends_with(b"\r\n\r\n.dots\r\n..and more\r\n"));
    let delivered = instance.await_events("delivered", 1).await;
    assert_eq!(delivered[0]["recipient"], "<bob@there.example>");
    assert!(exchanger.complaints().is_empty(), "{:?}", exchanger.complaints());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_nothing() {
    let instance = Instance::start();
    let mut client = Client::connect(instance.address("submission")).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    client.say("MAIL FROM:<ada@ours.example>", "530").await.unwrap();
    let mut client = Client::connect(instance.address("mx")).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    client.say("MAIL FROM:<ada@ours.example>", "250").await.unwrap();
    client.say("RCPT TO:<bob@there.example>", "550").await.unwrap();
    client.say("RCPT TO:<nobody@ours.example>", "550").await.unwrap();
    client.say("RCPT TO:<ada@ours.example>", "250").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_named_twice_gets_one_copy() {
    let instance = Instance::start();
    let mut client = Client::connect(instance.address("mx")).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    let twice = ["ada@ours.example", "ada@ours.example"];
    client.submit("bob@there.example", &twice, MESSAGE).await.unwrap();
    client.submit("bob@there.example", &["ada@ours.example"], MESSAGE).await.unwrap();
    instance.await_events("finished", 2).await;
    assert_eq!(instance.maildir("ada").messages().unwrap().len(), 2);
}

//! A client that comes back because it never read our 250 gets the first message's id; whoever means to send twice
//! sends twice.

use std::io;

use gatepost_policy::rules::RepeatRule;
use gatepost_testworld::Client;
use gatepost_testworld::client::stuffed;

use crate::instance::{ADA, Instance, rule};

const SENDER: &str = "bob@there.example";
const NAMED: &[u8] =
    b"From: bob@there.example\r\nMessage-ID: <1@there.example>\r\nSubject: x\r\n\r\nHello\r\n";
const NAMELESS: &[u8] = b"From: bob@there.example\r\nSubject: x\r\n\r\nHello\r\n";

async fn greeted(instance: &Instance, hello: &str) -> io::Result<Client> {
    let mut client = Client::connect(instance.address("mx")).await?;
    client.say(&format!("EHLO {hello}"), "250").await?;
    Ok(client)
}

async fn client(instance: &Instance) -> io::Result<Client> {
    greeted(instance, "there.example").await
}

async fn until_data(client: &mut Client, to: &[&str]) -> io::Result<()> {
    client.say(&format!("MAIL FROM:<{SENDER}>"), "250").await?;
    for to in to {
        client.say(&format!("RCPT TO:<{to}>"), "250").await?;
    }
    client.say("DATA", "354").await.map(|_reply| ())
}

/// Hands it in, with whatever is sent along behind its last dot, and never reads the 250.
async fn hand_in_and_break(
    instance: &Instance,
    mut client: Client,
    content: &[u8],
    behind: &[u8],
) -> io::Result<()> {
    let (queued, ended) = (instance.events("queued").len(), instance.events("disconnected").len());
    until_data(&mut client, &[ADA.0]).await?;
    client.send(&[&stuffed(content), behind].concat()).await?;
    instance.await_events("queued", queued + 1).await;
    drop(client);
    instance.await_events("disconnected", ended + 1).await;
    Ok(())
}

/// Hands it in and gives the id that the client is told.
async fn hand_in(client: &mut Client, content: &[u8]) -> io::Result<String> {
    let reply = client.submit(SENDER, &[ADA.0], content).await?;
    Ok(reply.text().rsplit(' ').next().unwrap().to_owned())
}

fn first_id(instance: &Instance) -> String {
    instance.events("queued")[0]["message"].as_str().unwrap().to_owned()
}

/// The id that a second hand-in gets after a first whose 250 was not read.
async fn second_id(instance: &Instance, content: &[u8]) -> io::Result<String> {
    hand_in_and_break(instance, client(instance).await?, content, b"").await?;
    hand_in(&mut client(instance).await?, content).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_250_was_lost_gets_the_first_id() -> io::Result<()> {
    let instance = Instance::start();
    let second = second_id(&instance, NAMED).await?;
    assert_eq!(second, first_id(&instance));
    instance.await_finished(1).await;
    assert_eq!(instance.maildir("ada").messages()?.len(), 1);
    let told = instance.await_events("repeated", 1).await;
    let first = &instance.events("queued")[0];
    assert_eq!((&told[0]["message"], &told[0]["first-session"]), (&first["message"], &first["session"]));
    assert_ne!(told[0]["session"], first["session"]);
    assert_eq!(told[0]["rule"], "content.repeated");
    Ok(())
}

/// The second 250 may be lost too.
#[tokio::test(flavor = "multi_thread")]
async fn it_may_come_many_times() -> io::Result<()> {
    let instance = Instance::start();
    hand_in_and_break(&instance, client(&instance).await?, NAMED, b"").await?;
    for again in 1..4 {
        let mut client = client(&instance).await?;
        until_data(&mut client, &[ADA.0]).await?;
        client.send(&stuffed(NAMED)).await?;
        instance.await_events("repeated", again).await;
        drop(client);
        instance.await_events("disconnected", again + 1).await;
    }
    let mut last = client(&instance).await?;
    assert_eq!(hand_in(&mut last, NAMED).await?, first_id(&instance));
    // It has read that now, so that this is on purpose.
    assert_ne!(hand_in(&mut last, NAMED).await?, first_id(&instance));
    Ok(())
}

/// Its network dropped the first connection without a word to us.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_while_its_old_connection_hangs_gets_the_first_id() -> io::Result<()> {
    let instance = Instance::start();
    let mut old = client(&instance).await?;
    until_data(&mut old, &[ADA.0]).await?;
    old.send(&stuffed(NAMED)).await?;
    instance.await_events("queued", 1).await;
    assert_eq!(hand_in(&mut client(&instance).await?, NAMED).await?, first_id(&instance));
    drop(old);
    Ok(())
}

/// What came before our 250 was written is no sign that it was read.
#[tokio::test(flavor = "multi_thread")]
async fn commands_sent_along_with_the_dot_prove_nothing() -> io::Result<()> {
    let instance = Instance::start();
    hand_in_and_break(&instance, client(&instance).await?, NAMED, b"NOOP\r\nQUIT\r\n").await?;
    assert_eq!(hand_in(&mut client(&instance).await?, NAMED).await?, first_id(&instance));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_on_after_the_250_sends_twice_on_purpose() -> io::Result<()> {
    for word in ["QUIT", "NOOP", "RSET", "MAIL FROM:<>"] {
        let instance = Instance::start();
        let mut client = client(&instance).await?;
        let first = hand_in(&mut client, NAMED).await?;
        client.send_line(word).await?;
        client.reply().await?;
        drop(client);
        instance.await_events("disconnected", 1).await;
        let second = hand_in(&mut self::client(&instance).await?, NAMED).await?;
        assert_ne!(first, second, "{word}");
        assert!(instance.events("repeated").is_empty(), "{word}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_same_is_a_new_message() -> io::Result<()> {
    let instance = Instance::start();
    hand_in_and_break(&instance, client(&instance).await?, NAMED, b"").await?;
    let named = |from, to| String::from_utf8_lossy(NAMED).replace(from, to);
    let (other_id, other_body) = (named("<1@", "<2@"), named("Hello", "hello"));
    let mut ids = vec![first_id(&instance)];
    for content in [other_id.as_bytes(), other_body.as_bytes()] {
        ids.push(hand_in(&mut client(&instance).await?, content).await?);
    }
    ids.push(hand_in(&mut greeted(&instance, "elsewhere.example").await?, NAMED).await?);
    let mut client = client(&instance).await?;
    until_data(&mut client, &[ADA.0, "postmaster@ours.example"]).await?;
    client.send(&stuffed(NAMED)).await?;
    let reply = client.expect("250").await?;
    ids.push(reply.text().rsplit(' ').next().unwrap().to_owned());
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "{ids:?}");
    assert!(instance.events("repeated").is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_message_id_of_its_own_it_is_a_new_message() -> io::Result<()> {
    let instance = Instance::start();
    assert_ne!(second_id(&instance, NAMELESS).await?, first_id(&instance));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_it_is_a_new_message() -> io::Result<()> {
    let instance = Instance::start_with(|settings| {
        rule(settings, |rules| rules.limits.repeated_hand_in = RepeatRule::New);
    });
    assert_ne!(second_id(&instance, NAMED).await?, first_id(&instance));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_removed_comes_again() -> io::Result<()> {
    let instance = Instance::start();
    hand_in_and_break(&instance, client(&instance).await?, NAMED, b"").await?;
    instance.server.repeats().forget(first_id(&instance).parse().unwrap());
    assert_ne!(hand_in(&mut client(&instance).await?, NAMED).await?, first_id(&instance));
    Ok(())
}

/// An account is the same from wherever it comes, and nobody else is it.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_gets_the_first_id_from_wherever_it_comes() -> io::Result<()> {
    let instance = Instance::start();
    let content = String::from_utf8_lossy(NAMED).replace(SENDER, ADA.0);
    let mut ids = Vec::new();
    for hello in ["[192.0.2.1]", "laptop.example"] {
        let mut client = Client::connect(instance.address("submission")).await?;
        client.say(&format!("EHLO {hello}"), "250").await?;
        client.starttls("mail.ours.example").await?;
        client.say(&format!("EHLO {hello}"), "250").await?;
        client.login(ADA.0, ADA.1).await?;
        ids.push(client.submit(ADA.0, &[ADA.0], content.as_bytes()).await?.text());
        drop(client);
        instance.await_events("disconnected", ids.len()).await;
    }
    assert_eq!(ids[0], ids[1]);
    Ok(())
}

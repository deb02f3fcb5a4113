//! Guessing passwords has an end, and only for those who guess.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::Client;

use crate::rig::{Gatepost, HOSTNAME, Plan};

const ADA: &str = "ada@ours.example";
const PASSWORD: &str = "correct horse";

fn start() -> Gatepost {
    let plan = Plan::default().maildir("ours.example").account(ADA, PASSWORD, &[]);
    plan.account("bob@ours.example", PASSWORD, &[])
        .auth("failures-before-lockout = 10\ntarpit = \"0s\"")
        .start()
}

async fn client_from(gatepost: &Gatepost, address: &str) -> std::io::Result<Client> {
    let from = format!("{address}:0").parse().expect("an address");
    let mut client = Client::dial_from(from, gatepost.submissions()).await?;
    client.shake_hands(HOSTNAME).await?;
    client.expect("220").await?;
    client.say("EHLO client.example", "250").await?;
    Ok(client)
}

fn plain(user: &str, password: &str) -> String {
    format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{user}\0{password}")))
}

/// Each guess names another account, so only the network has failed ten times.
#[tokio::test]
async fn ten_failures_lock_their_network_out_and_no_other() -> std::io::Result<()> {
    let gatepost = start();
    for guess in 0..10 {
        let mut client = client_from(&gatepost, "127.0.0.1").await?;
        client.say(&plain(&format!("guess{guess}@ours.example"), PASSWORD), "535 5.7.8").await?;
        client.quit().await?;
    }
    let mut client = client_from(&gatepost, "127.0.0.1").await?;
    client.say(&plain(ADA, PASSWORD), "454 4.7.0").await?;
    // Whoever comes from here may be known, so a lockout begins when the account is named.
    client.say("AUTH LOGIN", "334").await?;
    client.say(&STANDARD.encode(ADA), "334").await?;
    client.say(&STANDARD.encode(PASSWORD), "454 4.7.0").await?;
    client
        .say(
            &format!("AUTH SCRAM-SHA-256 {}", STANDARD.encode(format!("n,,n={ADA},r=abcdefgh"))),
            "454 4.7.0",
        )
        .await?;
    client.quit().await?;
    let mut client = client_from(&gatepost, "127.0.0.2").await?;
    client.say(&plain(ADA, PASSWORD), "235 2.7.0").await?;
    client.submit(ADA, &[ADA], b"From: ada@ours.example\r\n\r\nHello.\r\n").await?;
    client.quit().await?;
    gatepost.await_mail("ours.example", "ada", 1);
    let mut client = client_from(&gatepost, "127.0.0.1").await?;
    client.say(&plain(ADA, PASSWORD), "454 4.7.0").await?;
    client.quit().await
}

/// Each guess comes from another network, so only the account has failed ten times.
#[tokio::test]
async fn ten_failures_lock_their_account_and_no_other() -> std::io::Result<()> {
    let gatepost = start();
    for guess in 0..10 {
        let mut client = client_from(&gatepost, &format!("127.0.7.{}", guess + 1)).await?;
        client.say(&plain("Ada@ours.example", "wrong"), "535 5.7.8").await?;
        client.quit().await?;
    }
    let mut client = client_from(&gatepost, "127.0.7.100").await?;
    client.say(&plain(ADA, PASSWORD), "454 4.7.0").await?;
    client.say(&plain("bob@ours.example", PASSWORD), "235 2.7.0").await?;
    client.quit().await
}

/// Guesses from elsewhere must not lock an account out of the network where its owner was a moment ago.
#[tokio::test]
async fn an_account_stays_open_where_its_owner_logged_in_lately() -> std::io::Result<()> {
    let gatepost = start();
    let mut client = client_from(&gatepost, "127.0.0.1").await?;
    client.say(&plain(ADA, PASSWORD), "235 2.7.0").await?;
    client.quit().await?;
    for guess in 0..10 {
        let mut client = client_from(&gatepost, &format!("127.0.7.{}", guess + 1)).await?;
        client.say(&plain(ADA, "wrong"), "535 5.7.8").await?;
        client.quit().await?;
    }
    let mut client = client_from(&gatepost, "127.0.7.100").await?;
    client.say(&plain(ADA, PASSWORD), "454 4.7.0").await?;
    client.quit().await?;
    let mut client = client_from(&gatepost, "127.0.0.1").await?;
    client.say(&plain(ADA, PASSWORD), "235 2.7.0").await?;
    client.quit().await
}

/// Where lockouts are set high, a session still ends.
#[tokio::test]
async fn a_session_that_only_guesses_is_closed() -> std::io::Result<()> {
    let gatepost = Plan::default()
        .maildir("ours.example")
        .account(ADA, PASSWORD, &[])
        .auth("failures-before-lockout = 1000\ntarpit = \"0s\"")
        .start();
    let mut client = client_from(&gatepost, "127.0.0.1").await?;
    let mut guesses = 0;
    let last = loop {
        client.send_line(&plain(ADA, "wrong")).await?;
        let reply = client.reply().await?;
        if reply.code() != 535 || reply.lines.len() > 1 {
            break reply;
        }
        guesses += 1;
        assert!(guesses < 100, "a session may guess for ever");
    };
    assert_eq!(last.code(), 421, "{}", last.text());
    client.closed().await?;
    Ok(())
}

//! SIGHUP and SIGTERM: nobody who is in the middle of something notices more than they must.

use std::fs;
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::Client;

use crate::rig::{Gatepost, HOSTNAME, Plan, await_that};

const ADA: &str = "ada@ours.example";
const PASSWORD: &str = "correct horse";

fn start() -> Gatepost {
    Plan::default().maildir("ours.example").account(ADA, PASSWORD, &[]).start()
}

async fn client(gatepost: &Gatepost) -> std::io::Result<Client> {
    let mut client = Client::connect_tls(gatepost.submissions(), HOSTNAME).await?;
    client.say("EHLO client.example", "250").await?;
    Ok(client)
}

fn certificate(client: &Client) -> Vec<u8> {
    client.tls().expect("TLS").certificate.clone()
}

/// The first certificate of a PEM file, in DER.
fn first_of(pem: &str) -> Vec<u8> {
    let lines = pem.lines().skip_while(|line| !line.starts_with("-----BEGIN CERTIFICATE")).skip(1);
    let letters: String = lines.take_while(|line| !line.starts_with("-----END")).collect();
    STANDARD.decode(letters).expect("PEM")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_shown_to_new_sessions_and_open_ones_go_on() -> std::io::Result<()> {
    let gatepost = start();
    let mut open = client(&gatepost).await?;
    let mut in_the_clear = Client::connect(gatepost.submission()).await?;
    in_the_clear.say("EHLO client.example", "250").await?;
    let renewed = first_of(&gatepost.renew_certificate());
    gatepost.signal("HUP");
    gatepost.await_events("reloaded", 1);
    let mut new = client(&gatepost).await?;
    assert_eq!(certificate(&new), renewed);
    assert_ne!(certificate(&open), renewed);
    new.login(ADA, PASSWORD).await?;
    open.login(ADA, PASSWORD).await?;
    open.submit(ADA, &[ADA], b"From: ada@ours.example\r\n\r\nStill here.\r\n").await?;
    in_the_clear.starttls(HOSTNAME).await?;
    in_the_clear.say("EHLO client.example", "250").await?;
    in_the_clear.login(ADA, PASSWORD).await?;
    for client in [open, new, in_the_clear] {
        client.quit().await?;
    }
    gatepost.await_mail("ours.example", "ada", 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_configuration_holds_for_new_sessions_only() -> std::io::Result<()> {
    let gatepost = start();
    let mut open = client(&gatepost).await?;
    let text = fs::read_to_string(gatepost.config())?;
    fs::write(gatepost.config(), format!("{text}\n[limits]\nmessage-size = \"1MiB\"\n"))?;
    gatepost.signal("HUP");
    gatepost.await_events("reloaded", 1);
    let mut new = client(&gatepost).await?;
    let sizes = [&mut open, &mut new];
    let mut seen = Vec::new();
    for client in sizes {
        let hello = client.say("EHLO client.example", "250").await?;
        seen.push(
            hello.lines.iter().find(|line| line[4..].starts_with("SIZE ")).expect("SIZE")[4..].to_owned(),
        );
    }
    assert_eq!(seen, ["SIZE 52428800", "SIZE 1048576"]);
    open.quit().await?;
    new.quit().await
}

/// Whatever is wrong: it is told, with its place, and mail goes on as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_configuration_keeps_the_old_and_says_why() -> std::io::Result<()> {
    let gatepost = start();
    let text = fs::read_to_string(gatepost.config())?;
    let certificate_file = gatepost.dir().join("server.crt");
    let pem = fs::read_to_string(&certificate_file)?;
    let before = first_of(&pem);
    let bad = [
        (format!("{text}\nthis is no TOML"), "this is no TOML"),
        (format!("{text}\n[limits]\nmessage-sise = \"1MiB\"\n"), "message-sise"),
        (text.replace("server.crt", "missing.crt"), "missing.crt"),
        (text.replacen("127.0.0.1:0", "127.0.0.9:0", 1), "listeners have changed"),
    ];
    for (number, (config, words)) in bad.iter().enumerate() {
        fs::write(gatepost.config(), config)?;
        // Whoever asks before they reload is told, except of what only a running server can know.
        let check = gatepost.run(&["check"]);
        let told = String::from_utf8_lossy(&[check.stdout, check.stderr].concat()).contains(words);
        assert!(told || *words == "listeners have changed", "{words}");
        gatepost.signal("HUP");
        let refused = gatepost.await_events("reload-refused", number + 1);
        let cause = refused[number]["cause"].as_str().expect("a cause");
        assert!(cause.contains(words), "{words}: {cause}");
        let client = client(&gatepost).await?;
        assert_eq!(certificate(&client), before);
        client.quit().await?;
    }
    fs::write(gatepost.config(), &text)?;
    fs::write(&certificate_file, "no certificate")?;
    gatepost.signal("HUP");
    let refused = gatepost.await_events("reload-refused", bad.len() + 1);
    let cause = refused[bad.len()]["cause"].as_str().expect("a cause");
    assert!(cause.contains("server.crt"), "{cause}");
    client(&gatepost).await?.quit().await?;
    assert!(gatepost.events("reloaded").is_empty());
    fs::write(&certificate_file, pem)?;
    gatepost.signal("HUP");
    gatepost.await_events("reloaded", 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_lets_a_message_end_and_sends_the_idle_away() -> std::io::Result<()> {
    let mut gatepost = start();
    let (mx, submissions) = (gatepost.mx(), gatepost.submissions());
    let mut idle = client(&gatepost).await?;
    let mut logged_in = client(&gatepost).await?;
    logged_in.login(ADA, PASSWORD).await?;
    let mut busy = client(&gatepost).await?;
    busy.login(ADA, PASSWORD).await?;
    busy.say("MAIL FROM:<ada@ours.example>", "250").await?;
    busy.say("RCPT TO:<ada@ours.example>", "250").await?;
    busy.say("DATA", "354").await?;
    busy.send(b"From: ada@ours.example\r\nSubject: in the middle\r\n\r\nHel").await?;
    let mut stranger = Client::connect(mx).await?;
    gatepost.signal("TERM");
    for client in [&mut idle, &mut logged_in, &mut stranger] {
        client.expect("421 4.3.2").await?;
        client.closed().await?;
    }
    for door in [mx, submissions] {
        await_that("no new sessions", || TcpStream::connect(door).is_err().then_some(()));
    }
    busy.send(b"lo.\r\n.\r\n").await?;
    busy.expect("250 2.0.0").await?;
    busy.expect("421 4.3.2").await?;
    busy.closed().await?;
    assert_eq!(gatepost.await_end(), Some(0));
    gatepost.serve();
    let mail = gatepost.await_mail("ours.example", "ada", 1);
    assert!(String::from_utf8_lossy(&mail[0]).contains("in the middle"));
    Ok(())
}

/// Who has been promised a message and never ends it does not keep us for ever: a second SIGTERM ends at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_sigterm_ends_at_once() -> std::io::Result<()> {
    let mut gatepost = start();
    let mut busy = client(&gatepost).await?;
    busy.login(ADA, PASSWORD).await?;
    busy.say("MAIL FROM:<ada@ours.example>", "250").await?;
    busy.say("RCPT TO:<ada@ours.example>", "250").await?;
    busy.say("DATA", "354").await?;
    let mut idle = client(&gatepost).await?;
    gatepost.signal("TERM");
    idle.expect("421").await?;
    gatepost.signal("TERM");
    let begun = std::time::Instant::now();
    assert_eq!(gatepost.await_end(), Some(0));
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(20),
        "it waited for the client: {:?}",
        begun.elapsed()
    );
    Ok(())
}

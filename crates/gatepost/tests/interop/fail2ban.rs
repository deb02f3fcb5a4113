//! The filter in packaging/fail2ban, by fail2ban's own judgement of what a real gatepost has written.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::Client;

use crate::rig::{Gatepost, HOSTNAME, Plan};

const ADA: &str = "ada@ours.example";
const PASSWORD: &str = "correct horse";

/// What a client would like the log to say about somebody else.
const FORGED: &str = r#"x","client":"203.0.113.9","network":"stranger","rule":"auth.rejected","x":"#;

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/fail2ban")
}

/// Says something at the submissions port from an address.
async fn say(gatepost: &Gatepost, from: &str, lines: &[(&str, &str)]) -> std::io::Result<()> {
    let from = format!("{from}:0").parse().expect("an address");
    let mut client = Client::dial_from(from, gatepost.submissions()).await?;
    client.shake_hands(HOSTNAME).await?;
    client.expect("220").await?;
    client.say("EHLO client.example", "250").await?;
    for (line, want) in lines {
        client.say(line, want).await?;
    }
    client.quit().await
}

fn plain(user: &str, password: &str) -> String {
    format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{user}\0{password}")))
}

/// The addresses that fail2ban would count, one for each line that it takes.
fn counted(log: &Path) -> Vec<String> {
    let mut command = Command::new("fail2ban-regex");
    command.args(["-o", "ip"]).arg(log).arg(packaging().join("filter.d/gatepost.conf"));
    let output = command.output().expect("running fail2ban-regex");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn strangers_who_guess_are_counted_and_nobody_else() -> std::io::Result<()> {
    let plan = Plan::default().maildir("ours.example").account(ADA, PASSWORD, &[]);
    let gatepost = plan.auth("failures-before-lockout = 3\ntarpit = \"0s\"").start();
    let (right, wrong) = (plain(ADA, PASSWORD), plain(ADA, "guess"));
    // She works here, and mistypes.
    say(&gatepost, "127.0.0.1", &[(&right, "235")]).await?;
    say(&gatepost, "127.0.0.1", &[(&wrong, "535"), (&right, "235")]).await?;
    // Guesses, to the lockout and behind it; names that would like to be something else.
    say(&gatepost, "127.0.7.1", &[(&wrong, "535"), (&wrong, "535"), (&wrong, "535"), (&wrong, "454")])
        .await?;
    say(&gatepost, "127.0.7.2", &[(&plain(FORGED, "guess"), "535")]).await?;
    // No guesses: a mechanism that is not offered, with a name like a line; what cannot be read; a broken-off login.
    say(&gatepost, "127.0.7.3", &[("AUTH MD5", "504"), ("AUTH PLAIN AAAA", "501")]).await?;
    say(&gatepost, "127.0.7.3", &[("AUTH LOGIN", "334"), ("*", "501")]).await?;
    // An account that strangers have locked: its owner abroad is no guesser.
    say(&gatepost, "127.0.7.4", &[(&right, "454")]).await?;
    gatepost.await_events("login-failed", 9);
    gatepost.await_events("disconnected", 7);
    let log = gatepost.dir().join("data/events.jsonl");
    let found = counted(&log);
    let written = std::fs::read_to_string(&log)?;
    assert_eq!(found, ["127.0.7.1", "127.0.7.1", "127.0.7.1", "127.0.7.1", "127.0.7.2"], "{written}");
    Ok(())
}

/// fail2ban itself reads filter and jail, beside those that it comes with.
#[test]
fn the_jail_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let copied = Command::new("cp").args(["-r", "/etc/fail2ban/."]).arg(folder.path()).status();
    assert!(copied.expect("running cp").success());
    let log = folder.path().join("events.jsonl");
    std::fs::write(&log, "").expect("an empty log");
    for name in ["filter.d/gatepost.conf", "jail.d/gatepost.conf"] {
        let text = std::fs::read_to_string(packaging().join(name)).expect("what we ship");
        let text = text.replace("/var/lib/gatepost/events.jsonl", &log.display().to_string());
        std::fs::write(folder.path().join(name), text).expect("writing it");
    }
    let mut command = Command::new("fail2ban-client");
    let output = command.arg("-c").arg(folder.path()).arg("-d").output().expect("running fail2ban-client");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for line in ["['add', 'gatepost', ", "['set', 'gatepost', 'maxretry', 20]", "['start', 'gatepost']"] {
        assert!(said.contains(line), "{line}:\n{said}");
    }
    assert!(said.contains(&format!("['set', 'gatepost', 'addlogpath', '{}'", log.display())), "{said}");
}

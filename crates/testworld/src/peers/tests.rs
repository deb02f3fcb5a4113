use std::process::Command;

use super::{Dovecot, Exim, Postfix, SmtpSink, smtp_source};
use crate::corpus::{self, LineEnds, Need, Sample, same_apart_from_trace};
use crate::load::{Mechanism, Plan, Security, Sink, SinkPlan, generate};
use crate::maildir::Maildir;
use crate::patience::{PATIENCE, until};
use crate::{Authority, Client, Exchanger, Script};

/// What a real server keeps octet by octet when it came by DATA.
fn carried() -> Vec<Sample> {
    corpus::all().into_iter().filter(|sample| !sample.needs(Need::Tolerance)).collect()
}

/// Hands in every message and compares what arrived; all differences are told at once.
async fn carry(mut client: Client, recipient: &str, maildir: &Maildir) {
    let mut differences = Vec::new();
    for (number, sample) in carried().iter().enumerate() {
        let body = if sample.needs(Need::EightBit) { " BODY=8BITMIME" } else { "" };
        client.say(&format!("MAIL FROM:<ada@here.example>{body}"), "250").await.unwrap();
        client.say(&format!("RCPT TO:<{recipient}>"), "250").await.unwrap();
        client.say("DATA", "354").await.unwrap();
        client.send(&crate::client::stuffed(&sample.content)).await.unwrap();
        client.expect("250").await.unwrap();
        maildir.await_messages(number + 1).await.unwrap();
        let wanted = sample.as_data();
        let found = maildir.messages().unwrap();
        let same = |message: &Vec<u8>| same_apart_from_trace(&wanted, message, LineEnds::Lf).is_ok();
        if !found.iter().any(same) {
            differences.push(format!("{sample:?}"));
        }
    }
    assert_eq!(differences, Vec::<String>::new());
}

async fn greeted(mut client: Client, hello: &str) -> Client {
    client.expect("220").await.unwrap();
    client.say(&format!("{hello} client.example"), "250").await.unwrap();
    client
}

#[tokio::test]
async fn swaks_reaches_postfix_over_starttls() {
    let identity = Authority::new().unwrap().identity(&["there.example"]).unwrap();
    let postfix = Postfix::receiving("there.example").starttls(&identity).start().await.unwrap();
    let server = postfix.address().to_string();
    let mut swaks = Command::new("swaks");
    swaks.args(["--server", &server, "--tls", "--from", "ada@here.example", "--to", "bob@there.example"]);
    let told = swaks.args(["--body", "by swaks"]).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
    postfix.maildir().await_containing("by swaks").await.unwrap();

    let mut client = greeted(Client::dial(postfix.address()).await.unwrap(), "EHLO").await;
    client.say("MAIL FROM:<ada@here.example>", "250").await.unwrap();
    client.say("RCPT TO:<eve@elsewhere.example>", "554").await.unwrap();
}

#[tokio::test]
async fn postfix_keeps_the_corpus() {
    let postfix = Postfix::receiving("there.example").start().await.unwrap();
    let client = greeted(Client::dial(postfix.address()).await.unwrap(), "EHLO").await;
    carry(client, "bob@there.example", &postfix.maildir()).await;
}

#[tokio::test]
async fn exim_keeps_the_corpus() {
    let exim = Exim::receiving("there.example").await.unwrap();
    let client = greeted(Client::dial(exim.address()).await.unwrap(), "EHLO").await;
    carry(client, "bob@there.example", &exim.maildir()).await;
    let mut client = greeted(Client::dial(exim.address()).await.unwrap(), "EHLO").await;
    client.say("MAIL FROM:<ada@here.example>", "250").await.unwrap();
    client.say("RCPT TO:<eve@elsewhere.example>", "550").await.unwrap();
}

#[tokio::test]
async fn dovecot_keeps_the_corpus_behind_its_socket() {
    let dovecot = Dovecot::store().await.unwrap();
    let client = greeted(Client::dial_unix(&dovecot.socket()).await.unwrap(), "LHLO").await;
    carry(client, "bob@there.example", &dovecot.maildir("bob@there.example")).await;
    let mut client = greeted(Client::dial(dovecot.address()).await.unwrap(), "LHLO").await;
    client.submit("ada@here.example", &["eve@there.example"], b"Subject: tcp\r\n\r\ntcp\r\n").await.unwrap();
    dovecot.maildir("eve@there.example").await_messages(1).await.unwrap();
}

#[tokio::test]
async fn postfix_carries_to_an_exchanger_and_nothing_outlives_it() {
    let exchanger = Exchanger::start(Script::polite()).await.unwrap();
    let postfix = Postfix::sending_to(exchanger.address()).start().await.unwrap();
    postfix.sendmail("ada@here.example", &["bob@there.example"], b"Subject: out\n\n.dot\n").unwrap();
    let mut client = greeted(Client::dial(postfix.address()).await.unwrap(), "EHLO").await;
    client
        .submit("ada@here.example", &["bob@there.example"], b"Subject: smtp\r\n\r\nsmtp\r\n")
        .await
        .unwrap();
    let messages = exchanger.await_messages(2).await.unwrap();
    assert!(messages.iter().any(|message| message.content.ends_with(b"\r\n\r\n.dot\r\n")));
    assert!(exchanger.complaints().is_empty(), "{:?}", exchanger.complaints());
    let folder = postfix.folder().to_owned();
    let master = std::fs::read_to_string(folder.join("queue/pid/master.pid")).unwrap();
    drop(postfix);
    assert!(!std::path::Path::new("/proc").join(master.trim()).exists());
    assert!(!folder.exists());
}

#[tokio::test]
async fn postfix_asks_dovecot_who_it_is() {
    let dovecot = Dovecot::account("ada", "correct horse").await.unwrap();
    let postfix = Postfix::receiving("there.example").accounts_of(&dovecot).start().await.unwrap();
    let server = postfix.address().to_string();
    for (mechanism, password, wanted) in [
        ("PLAIN", "correct horse", true),
        ("CRAM-MD5", "correct horse", true),
        ("DIGEST-MD5", "correct horse", true),
        ("CRAM-MD5", "wrong", false),
    ] {
        let mut swaks = Command::new("swaks");
        swaks.args(["--server", &server, "--from", "ada@here.example", "--to", "bob@there.example"]);
        swaks.args(["--auth", mechanism, "--auth-user", "ada", "--auth-password", password]);
        let told = swaks.output().unwrap();
        assert_eq!(told.status.success(), wanted, "{mechanism}: {}", String::from_utf8_lossy(&told.stdout));
    }
    postfix.maildir().await_messages(3).await.unwrap();
    let mut client = greeted(Client::dial(postfix.address()).await.unwrap(), "EHLO").await;
    client.say("MAIL FROM:<ada@here.example>", "250").await.unwrap();
    client.say("RCPT TO:<bob@there.example>", "554").await.unwrap();
}

#[tokio::test]
async fn smtp_source_fills_smtp_sink() {
    let mut sink = SmtpSink::start(50).await.unwrap();
    smtp_source(sink.address(), 49, 5).unwrap();
    // The last one gets no reply.
    smtp_source(sink.address(), 1, 1).unwrap_err();
    sink.await_all().await.unwrap();
}

#[tokio::test]
async fn databases_and_directories_start_die_and_come_back() {
    let mut postgresql = super::Postgresql::start("pg secret", None).await.unwrap();
    assert_eq!(postgresql.query("SELECT 6 * 7").unwrap().trim(), "42");
    postgresql.kill();
    assert!(postgresql.query("SELECT 1").is_err());
    postgresql.restart().await.unwrap();
    assert_eq!(postgresql.query("SELECT 6 * 7").unwrap().trim(), "42");

    let mut mariadb = super::Mariadb::start("my secret", None).await.unwrap();
    assert_eq!(mariadb.query("SELECT 6 * 7").unwrap().trim(), "42");
    mariadb.kill();
    assert!(mariadb.query("SELECT 1").is_err());
    mariadb.restart().await.unwrap();
    assert_eq!(mariadb.query("SELECT 6 * 7").unwrap().trim(), "42");

    let mut slapd = super::Slapd::start("ldap secret", "", None).await.unwrap();
    let change = "dn: dc=example,dc=org\nchangetype: modify\nreplace: o\no: Other\n";
    slapd.change("ldap secret", change).unwrap();
    slapd.kill();
    assert!(slapd.change("ldap secret", change).is_err());
    slapd.restart().await.unwrap();
    slapd.change("ldap secret", change).unwrap();
}

/// What a test wrote right before a kill is there after it: the server's own doing, no disk is asked.
#[tokio::test]
async fn databases_keep_through_a_kill_what_they_were_told() {
    let row = "CREATE TABLE kept (word VARCHAR(9)); INSERT INTO kept VALUES ('pencil')";
    let mut mariadb = super::Mariadb::start("secret", None).await.unwrap();
    let mut postgresql = super::Postgresql::start("secret", None).await.unwrap();
    mariadb.query(row).unwrap();
    mariadb.kill();
    postgresql.query(row).unwrap();
    postgresql.kill();
    mariadb.restart().await.unwrap();
    postgresql.restart().await.unwrap();
    assert_eq!(mariadb.query("SELECT word FROM kept").unwrap().trim(), "pencil");
    assert_eq!(postgresql.query("SELECT word FROM kept").unwrap().trim(), "pencil");
}

#[tokio::test]
async fn load_logs_in_under_tls_and_goes_through() {
    let sink = Sink::start(SinkPlan::default()).await.unwrap();
    let dovecot = Dovecot::account("ada", "correct horse").await.unwrap();
    let identity = Authority::self_signed(&["relay.example"]).unwrap();
    let plan = Postfix::sending_to(sink.address()).accounts_of(&dovecot).starttls(&identity);
    let postfix = plan.start().await.unwrap();
    let login = |mechanism, password: &str| Some((mechanism, "ada".to_owned(), password.to_owned()));
    let plan = Plan {
        messages: 6,
        sessions: 2,
        per_session: 1,
        security: Security::StartTls,
        ..Plan::to(postfix.address())
    };
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
        generate(Plan { login: login(mechanism, "correct horse"), ..plan.clone() }).await.unwrap();
        let refusal = generate(Plan { login: login(mechanism, "wrong"), ..plan.clone() }).await.unwrap_err();
        assert!(refusal.to_string().contains("535"), "{refusal}");
    }
    until("all at the sink", PATIENCE, || Ok((sink.tally().twice == 6).then_some(()))).await.unwrap();
    assert_eq!((sink.tally().distinct(), sink.tally().unmarked), (6, 0));
}

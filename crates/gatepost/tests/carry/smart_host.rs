//! Logging in at a server of others: Postfix that demands it, and asks Dovecot who may.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::Authority;
use gatepost_testworld::loopback::Neighbourhood;
use gatepost_testworld::peers::{Dovecot, Postfix};
use serde_json::Value;
use tempfile::TempDir;

use crate::parcel::{ADA, PASSWORD, logged_in};
use crate::rig::{Gatepost, Plan, await_that};

const THERE: &str = "there.example";
const BOB: &str = "bob@there.example";

/// What we call ourselves at the smart host.
const USER: &str = "customer-17";
/// Planted: it must be found nowhere.
const RIGHT: &str = "planted 7%20\"x'$=,\\ right";
const WRONG: &str = "planted 7%20\"x'$=,\\ wrong";

/// All that we can speak and Dovecot can prove, the weakest first.
const MECHANISMS: [&str; 5] = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"];

/// A Postfix that takes nothing without TLS and a login.
struct SmartHost {
    postfix: Postfix,
    _dovecot: Dovecot,
    folder: TempDir,
}

impl SmartHost {
    async fn start() -> io::Result<Self> {
        let address = Neighbourhood::new().free_port(1)?;
        let authority = Authority::new()?;
        let identity = authority.identity(&[&address.ip().to_string()])?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("authority.pem"), authority.certificate())?;
        let dovecot = Dovecot::account(USER, RIGHT).await?;
        let plan = Postfix::receiving(THERE).at(address).starttls(&identity).accounts_of(&dovecot);
        let postfix = plan.setting("smtpd_tls_auth_only", "yes").start().await?;
        Ok(Self { postfix, _dovecot: dovecot, folder })
    }

    fn address(&self) -> SocketAddr {
        self.postfix.address()
    }

    /// Whose certificates it has.
    fn authority(&self) -> String {
        self.folder.path().join("authority.pem").display().to_string()
    }

    /// A file that holds a password.
    fn password_file(&self, password: &str) -> String {
        let path = self.folder.path().join("password");
        std::fs::write(&path, password).expect("writing the password");
        path.display().to_string()
    }

    /// A gatepost that sends everything here with this password.
    fn customer(&self, password: &str) -> Gatepost {
        let route = format!(
            "[route.\"*\"]\nvia = \"smtp:{}\"\ntls = \"required\"\n\
             login = {{ username = {USER:?}, password-file = {:?} }}",
            self.address(),
            self.password_file(password)
        );
        Plan::default()
            .maildir("here.example")
            .account(ADA, PASSWORD, &[])
            .tls(&format!("trust = {:?}", self.authority()))
            .with(&route)
            .start()
    }
}

/// `gatepost send` with the password in the environment; everything that is said is shown.
fn send(host: &SmartHost, mechanism: &str, password: &str, message: &Path) -> Output {
    let server = host.address().to_string();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(["send", "--verbose", "--server", &server, "--ca", &host.authority()]);
    command.args(["--auth", USER, "--mechanism", mechanism, "--from", ADA, "--to", BOB]);
    command.arg(message).env("GATEPOST_PASSWORD", password).output().expect("running gatepost send")
}

fn message(subject: &str) -> String {
    format!(
        "From: <{ADA}>\r\nTo: <{BOB}>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{subject}@here.example>\r\nSubject: {subject}\r\n\r\nHello.\r\n"
    )
}

/// Fails when the password is there, as it is or as any mechanism sends it in full.
fn assert_no_secret(what: &str, octets: &[u8]) {
    let shown = String::from_utf8_lossy(octets);
    for password in [RIGHT, WRONG] {
        for form in [
            password.to_owned(),
            STANDARD.encode(password),
            STANDARD.encode(format!("\0{USER}\0{password}")),
            // As a Debug form and JSON write it.
            format!("{password:?}").trim_matches('"').to_owned(),
        ] {
            assert!(!shown.contains(&form), "{what} shows {form}");
        }
    }
}

#[test]
fn a_secret_that_is_shown_is_noticed() {
    let json = serde_json::json!({ "cause": format!("no: {WRONG}") }).to_string();
    let plain = STANDARD.encode(format!("\0{USER}\0{RIGHT}"));
    for shown in [format!("-{RIGHT}-"), format!("C AUTH PLAIN {plain}\r\n"), json] {
        let octets = [b"\xff\0", shown.as_bytes()].concat();
        assert!(std::panic::catch_unwind(|| assert_no_secret("it", &octets)).is_err(), "{shown}");
    }
    assert_no_secret("nothing", format!("login of {USER} refused").as_bytes());
}

/// The mechanisms of the logins that Postfix took, in order.
fn logins(postfix: &Postfix) -> Vec<String> {
    let log = postfix.log();
    let words = log.lines().filter_map(|line| line.split_once("sasl_method=").map(|(_, rest)| rest));
    words.map(|rest| rest.split(',').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn send_logs_in_with_each_mechanism() -> io::Result<()> {
    let host = SmartHost::start().await?;
    for (number, mechanism) in MECHANISMS.into_iter().enumerate() {
        let file = host.folder.path().join("message");
        std::fs::write(&file, message(&format!("right-{mechanism}")))?;
        let sent = send(&host, mechanism, RIGHT, &file);
        let told = [sent.stdout, sent.stderr].concat();
        let shown = String::from_utf8_lossy(&told);
        assert_eq!(sent.status.code(), Some(0), "{mechanism}: {shown}\n{}", host.postfix.log());
        assert!(
            shown.contains(&format!("AUTH {mechanism}")) && shown.contains("235 "),
            "{mechanism}: {shown}"
        );
        assert_no_secret(mechanism, &told);
        host.postfix.maildir().await_containing(&format!("Subject: right-{mechanism}\n")).await?;
        assert_eq!(logins(&host.postfix), MECHANISMS[..=number]);

        std::fs::write(&file, message(&format!("wrong-{mechanism}")))?;
        let refused = send(&host, mechanism, WRONG, &file);
        let told = [refused.stdout, refused.stderr].concat();
        let shown = String::from_utf8_lossy(&told);
        assert_eq!(refused.status.code(), Some(1), "{mechanism}: {shown}");
        assert!(shown.contains("535 5.7.8"), "{mechanism}: {shown}");
        assert_no_secret(mechanism, &told);
    }
    assert_eq!(host.postfix.maildir().messages()?.len(), MECHANISMS.len());
    Ok(())
}

#[tokio::test]
async fn the_server_logs_in_by_the_strongest_mechanism() -> io::Result<()> {
    let host = SmartHost::start().await?;
    let gatepost = host.customer(RIGHT);
    let mut client = logged_in(&gatepost, ADA).await?;
    client.submit(ADA, &[BOB], message("submitted").as_bytes()).await?;
    host.postfix.maildir().await_containing("Subject: submitted\n").await?;
    assert_eq!(logins(&host.postfix), ["SCRAM-SHA-256"]);
    let delivered = gatepost.await_events("delivered", 1);
    assert_eq!(delivered[0]["recipient"], format!("<{BOB}>"));
    let hop = format!("[{}]:{}", host.address().ip(), host.address().port());
    assert_eq!(delivered[0]["next-hop"], hop);
    assert!(delivered[0]["tls"].to_string().contains("TLSv1.3"), "{delivered:?}");
    let id = delivered[0]["message"].as_str().expect("an id");
    let trace = gatepost.run(&["trace", id]);
    let told = String::from_utf8_lossy(&trace.stdout);
    assert!(trace.status.success() && told.contains("delivered") && told.contains(BOB), "{told}");
    assert_no_secret("trace", &trace.stdout);
    assert_no_secret("the server", &gatepost.everything_written());
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_defers_and_is_not_shown() -> io::Result<()> {
    let host = SmartHost::start().await?;
    let gatepost = host.customer(WRONG);
    let mut client = logged_in(&gatepost, ADA).await?;
    client.submit(ADA, &[BOB], message("waiting").as_bytes()).await?;
    let deferred = gatepost.await_events("deferred", 1);
    assert!(deferred[0]["cause"].to_string().contains("535 5.7.8"), "{deferred:?}");
    let listed = await_that("the cause in the queue", || {
        let listed = gatepost.run(&["--json", "queue", "list"]);
        let messages: Value = serde_json::from_slice(&listed.stdout).ok()?;
        let recipient = &messages[0]["recipients"][0];
        (recipient["state"] == "waiting" && recipient["cause"].is_string()).then(|| recipient.clone())
    });
    assert_eq!(listed["address"], format!("<{BOB}>"));
    assert!(listed["cause"].to_string().contains("535 5.7.8"), "{listed}");
    assert_no_secret("the queue", listed.to_string().as_bytes());
    assert_no_secret("the server", &gatepost.everything_written());
    assert_eq!(logins(&host.postfix), [] as [&str; 0]);
    assert!(host.postfix.maildir().messages()?.is_empty());
    Ok(())
}

//! The client side against every real server that demands a login: each mechanism that it has, with the right and
//! the wrong credential, one route each.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use gatepost_testworld::Authority;
use gatepost_testworld::loopback::Neighbourhood;
use gatepost_testworld::peers::{CyrusSasl, Dovecot, Exim, EximLogins, Postfix};
use tempfile::TempDir;

use crate::parcel::{ADA, PASSWORD, logged_in};
use crate::rig::{Gatepost, Plan};

const THERE: &str = "there.example";
const USER: &str = "customer-17";
const RIGHT: &str = "the right one";
const WRONG: &str = "the wrong one";

/// What Postfix's events and Exim's call each mechanism, where they differ.
type Shown = fn(&str) -> String;

/// A server that demands a login: where it is, whose certificate it has, its log, and its mail.
struct Host<'a> {
    address: SocketAddr,
    mechanisms: &'a [&'a str],
    log: Box<dyn Fn() -> String + 'a>,
    mail: gatepost_testworld::Maildir,
    shown: Shown,
}

/// A folder with the authority's certificate and the passwords.
fn folder(authority: &Authority) -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("authority.pem"), authority.certificate())?;
    std::fs::write(folder.path().join("right"), RIGHT)?;
    std::fs::write(folder.path().join("wrong"), WRONG)?;
    Ok(folder)
}

/// One route for each mechanism and credential: `right-plain.there.example`.
fn routes(host: &Host<'_>, folder: &Path) -> String {
    let mut text = String::new();
    for mechanism in host.mechanisms {
        for credential in ["right", "wrong"] {
            let domain = domain(credential, mechanism);
            let file = folder.join(credential);
            let _ = writeln!(
                text,
                "[route.\"{domain}\"]\nvia = \"smtp:{}\"\ntls = \"required\"\n\
                 login = {{ username = {USER:?}, password-file = {file:?}, mechanisms = [{mechanism:?}] }}",
                host.address
            );
        }
    }
    text
}

fn domain(credential: &str, mechanism: &str) -> String {
    format!("{credential}-{}.{THERE}", mechanism.to_lowercase())
}

fn message(subject: &str, to: &str) -> String {
    format!(
        "From: <{ADA}>\r\nTo: <{to}>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{subject}@here.example>\r\nSubject: {subject}\r\n\r\nHello.\r\n"
    )
}

/// Sends one message through each route; the right ones arrive by the mechanism that the route names, the wrong ones
/// wait with the server's own words.
async fn every_mechanism(host: &Host<'_>, folder: &Path) -> io::Result<()> {
    let gatepost: Gatepost = Plan::default()
        .maildir("here.example")
        .account(ADA, PASSWORD, &[])
        .tls(&format!("trust = {:?}", folder.join("authority.pem")))
        .with(&routes(host, folder))
        .start();
    let mut client = logged_in(&gatepost, ADA).await?;
    for mechanism in host.mechanisms {
        for credential in ["right", "wrong"] {
            let to = format!("bob@{}", domain(credential, mechanism));
            client.submit(ADA, &[&to], message(&format!("{credential}-{mechanism}"), &to).as_bytes()).await?;
        }
    }
    for mechanism in host.mechanisms {
        let arrived = host.mail.await_containing(&format!("Subject: right-{mechanism}\n")).await;
        let log = (host.log)();
        arrived.map_err(|cause| io::Error::other(format!("{mechanism}: {cause}\n{log}")))?;
        assert!(log.contains(&(host.shown)(mechanism)), "{mechanism}: {log}");
    }
    let count = host.mechanisms.len();
    let deferred = gatepost.await_events("deferred", count);
    for mechanism in host.mechanisms {
        let to = format!("<bob@{}>", domain("wrong", mechanism));
        let event = deferred.iter().find(|event| event["recipient"] == to.as_str());
        let cause = event.map(|event| event["cause"].to_string()).unwrap_or_default();
        let want = format!("login by {mechanism} refused: 535");
        assert!(cause.contains(&want), "{mechanism}: {cause:?}");
    }
    assert_eq!(host.mail.messages()?.len(), count, "nothing came through with the wrong password");
    println!(
        "{:>9} of {} by the client, right and wrong: {}",
        "logins",
        host.address,
        host.mechanisms.join(" ")
    );
    Ok(())
}

#[tokio::test]
async fn postfix_with_dovecot() -> io::Result<()> {
    let address = Neighbourhood::new().free_port(1)?;
    let authority = Authority::new()?;
    let identity = authority.identity(&[&address.ip().to_string()])?;
    let folder = folder(&authority)?;
    let dovecot = Dovecot::account(USER, RIGHT).await?;
    let plan = Postfix::receiving(THERE).at(address).starttls(&identity).accounts_of(&dovecot);
    let plan = plan.setting("virtual_mailbox_domains", "static:all");
    let postfix = plan.setting("smtpd_tls_auth_only", "yes").start().await?;
    let host = Host {
        address,
        mechanisms: &["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"],
        log: Box::new(|| postfix.log()),
        mail: postfix.maildir(),
        shown: |mechanism| format!("sasl_method={mechanism},"),
    };
    every_mechanism(&host, folder.path()).await
}

#[tokio::test]
async fn postfix_with_cyrus_sasl() -> io::Result<()> {
    let address = Neighbourhood::new().free_port(1)?;
    let authority = Authority::new()?;
    let identity = authority.identity(&[&address.ip().to_string()])?;
    let folder = folder(&authority)?;
    let cyrus = CyrusSasl::account(USER, RIGHT, (THERE, "postfix"))?;
    let plan = Postfix::receiving(THERE).at(address).starttls(&identity).accounts_in(&cyrus);
    let plan = plan.setting("virtual_mailbox_domains", "static:all");
    let postfix = plan.setting("smtpd_tls_auth_only", "yes").start().await?;
    let host = Host {
        address,
        mechanisms: &["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"],
        log: Box::new(|| postfix.log()),
        mail: postfix.maildir(),
        shown: |mechanism| format!("sasl_method={mechanism},"),
    };
    every_mechanism(&host, folder.path()).await
}

#[tokio::test]
async fn exim() -> io::Result<()> {
    let address = Neighbourhood::new().free_port(1)?;
    let authority = Authority::new()?;
    let identity = authority.identity(&[&address.ip().to_string()])?;
    let folder = folder(&authority)?;
    let logins = EximLogins {
        user: USER.to_owned(),
        password: RIGHT.to_owned(),
        address,
        identity,
        authorities: authority.certificate().to_owned(),
    };
    let exim = Exim::demanding(THERE, &logins).await?;
    let host = Host {
        address,
        mechanisms: &["PLAIN", "LOGIN", "CRAM-MD5"],
        log: Box::new(|| exim.log()),
        mail: exim.maildir(),
        shown: |mechanism| {
            let name = match mechanism {
                "CRAM-MD5" => "cram",
                other => &other.to_lowercase(),
            };
            format!("A={name}:{USER}")
        },
    };
    every_mechanism(&host, folder.path()).await
}

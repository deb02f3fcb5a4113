//! The client side against every real server that demands a login: each mechanism that it has, with the right and
//! the wrong credential, one route each.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::issuer::{self, Issuer};
use gatepost_testworld::loopback::Neighbourhood;
use gatepost_testworld::patience::{PATIENCE, until};
use gatepost_testworld::peers::{CyrusSasl, Dovecot, Exim, EximLogins, Postfix};
use gatepost_testworld::{Authority, Client};
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
        mechanisms: &["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"],
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
        mechanisms: &[
            "PLAIN",
            "LOGIN",
            "NTLM",
            "CRAM-MD5",
            "DIGEST-MD5",
            "SCRAM-SHA-1",
            "SCRAM-SHA-256",
            "SCRAM-SHA-512",
        ],
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
        // Its NTLM (`spa`) knows version 1 alone, which our client does not speak.
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

/// EXTERNAL: the certificate's address is the user, and a certificate of somebody else is nobody.
#[tokio::test]
async fn exim_knows_us_by_our_certificate() -> io::Result<()> {
    let address = Neighbourhood::new().free_port(1)?;
    let authority = Authority::new()?;
    let folder = folder(&authority)?;
    let user = "org@customer.example";
    let logins = EximLogins {
        user: user.to_owned(),
        password: RIGHT.to_owned(),
        address,
        identity: authority.identity(&[&address.ip().to_string()])?,
        authorities: authority.certificate().to_owned(),
    };
    let exim = Exim::demanding(THERE, &logins).await?;
    let mut routes = String::new();
    for (credential, name) in [("right", user), ("wrong", "eve@customer.example")] {
        let (certificate, key) = authority.identity(&[name])?.write(folder.path(), credential)?;
        let _ = writeln!(
            routes,
            "[route.\"{}\"]\nvia = \"smtp:{address}\"\ntls = \"required\"\n\
             login = {{ username = {user:?}, certificate = {certificate:?}, private-key = {key:?} }}",
            domain(credential, "EXTERNAL")
        );
    }
    let gatepost = customer(folder.path(), &routes);
    submit_both(&gatepost, "EXTERNAL").await?;
    let arrived = exim.maildir().await_containing("Subject: right-EXTERNAL\n").await;
    arrived.map_err(|cause| io::Error::other(format!("{cause}\n{}", exim.log())))?;
    assert!(exim.log().contains(&format!("A=external:{user}")), "{}", exim.log());
    let deferred = gatepost.await_events("deferred", 1);
    assert!(deferred[0]["cause"].to_string().contains("login by EXTERNAL refused: 535"), "{deferred:?}");
    Ok(())
}

fn customer(folder: &Path, routes: &str) -> Gatepost {
    let plan = Plan::default().maildir("here.example").account(ADA, PASSWORD, &[]);
    plan.tls(&format!("trust = {:?}", folder.join("authority.pem"))).with(routes).start()
}

async fn submit_both(gatepost: &Gatepost, mechanism: &str) -> io::Result<()> {
    let mut client = logged_in(gatepost, ADA).await?;
    for credential in ["right", "wrong"] {
        let to = format!("bob@{}", domain(credential, mechanism));
        client.submit(ADA, &[&to], message(&format!("{credential}-{mechanism}"), &to).as_bytes()).await?;
    }
    Ok(())
}

/// Postfix behind Dovecot, which asks an issuer about tokens.
struct TokenHost {
    issuer: Issuer,
    postfix: Postfix,
    folder: TempDir,
    _dovecot: Dovecot,
}

impl TokenHost {
    async fn start() -> io::Result<Self> {
        let address = Neighbourhood::new().free_port(1)?;
        let authority = Authority::new()?;
        let identity = authority.identity(&[&address.ip().to_string()])?;
        let folder = folder(&authority)?;
        std::fs::write(folder.path().join("client.secret"), issuer::CLIENT_SECRET)?;
        let issuer = Issuer::start().await?;
        let dovecot = Dovecot::tokens_of(&issuer).await?;
        let plan = Postfix::receiving(THERE).at(address).starttls(&identity).accounts_of(&dovecot);
        let plan = plan.setting("virtual_mailbox_domains", "static:all");
        let postfix = plan.setting("smtpd_tls_auth_only", "yes").start().await?;
        Ok(Self { issuer, postfix, folder, _dovecot: dovecot })
    }

    /// A route that logs in with a token of this grant, by this mechanism.
    fn route(&self, domain: &str, mechanism: &str, grant: &str) -> String {
        let secret = self.folder.path().join("client.secret");
        format!(
            "[route.\"{domain}\"]\nvia = \"smtp:{}\"\ntls = \"required\"\n[route.\"{domain}\".login]\n\
             username = {TOKEN_USER:?}\nmechanisms = [{mechanism:?}]\n\
             oauth = {{ token-url = \"{}/token\", client-id = {:?}, client-secret-file = {secret:?}, {grant} }}\n",
            self.postfix.address(),
            self.issuer.url(),
            issuer::CLIENT_ID,
        )
    }

    async fn await_mail(&self, subject: &str) -> io::Result<()> {
        let arrived = self.postfix.maildir().await_containing(&format!("Subject: {subject}\n")).await;
        arrived.map_err(|cause| io::Error::other(format!("{cause}\n{}", self.postfix.log())))?;
        Ok(())
    }
}

/// Whose tokens the issuer gives.
const TOKEN_USER: &str = "org@provider.example";
const CLIENT_CREDENTIALS: &str = "grant = \"client-credentials\"";

/// Both mechanisms, both grants; the printer's LOGIN becomes the provider's XOAUTH2.
#[tokio::test]
async fn tokens_are_fetched_and_shown() -> io::Result<()> {
    let host = TokenHost::start().await?;
    let refresh = host.folder.path().join("refresh");
    std::fs::write(&refresh, host.issuer.refresh_token())?;
    let refreshing = format!("grant = \"refresh-token\", refresh-token-file = {refresh:?}");
    let routes = [
        host.route("right-xoauth2.there.example", "XOAUTH2", CLIENT_CREDENTIALS),
        host.route("right-oauthbearer.there.example", "OAUTHBEARER", &refreshing),
    ];
    let gatepost = customer(host.folder.path(), &routes.concat());
    let mut printer = Client::dial(gatepost.submissions()).await?;
    printer.shake_hands("127.0.0.1").await?;
    printer.expect("220").await?;
    printer.say("EHLO printer.example", "250").await?;
    printer.say("AUTH LOGIN", "334").await?;
    printer.say(&STANDARD.encode(ADA), "334").await?;
    printer.say(&STANDARD.encode(PASSWORD), "235").await?;
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        let to = format!("bob@{}", domain("right", mechanism));
        printer.submit(ADA, &[&to], message(&format!("right-{mechanism}"), &to).as_bytes()).await?;
    }
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        host.await_mail(&format!("right-{mechanism}")).await?;
        let log = host.postfix.log();
        assert!(log.contains(&format!("sasl_method={mechanism}, sasl_username={TOKEN_USER}")), "{log}");
    }
    Ok(())
}

/// A token that the provider takes back is refused inside the exchange (334); a new one is fetched on the same connection.
#[tokio::test]
async fn a_refused_token_is_replaced_at_once() -> io::Result<()> {
    let host = TokenHost::start().await?;
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        let domain = domain("right", mechanism);
        let gatepost = customer(host.folder.path(), &host.route(&domain, mechanism, CLIENT_CREDENTIALS));
        let mut client = logged_in(&gatepost, ADA).await?;
        let to = format!("bob@{domain}");
        let before = host.issuer.requests("/token");
        let closed_before = host.postfix.log().lines().filter(|line| line.contains(" auth=")).count();
        client.submit(ADA, &[&to], message(&format!("first-{mechanism}"), &to).as_bytes()).await?;
        host.await_mail(&format!("first-{mechanism}")).await?;
        assert_eq!(host.issuer.requests("/token"), before + 1);
        host.issuer.revoke_all();
        // The open connection is still logged in: wait until it is closed, so that the next message must log in anew.
        gatepost.await_events("finished", 1);
        until("the connection to be closed", PATIENCE, || {
            let log = host.postfix.log();
            let closed =
                log.lines().filter(|line| line.contains("disconnect from") && line.contains(" auth="));
            Ok((closed.count() > closed_before).then_some(()))
        })
        .await?;
        client.submit(ADA, &[&to], message(&format!("second-{mechanism}"), &to).as_bytes()).await?;
        host.await_mail(&format!("second-{mechanism}")).await?;
        assert_eq!(host.issuer.requests("/token"), before + 2, "one more token, and one only");
        assert_eq!(gatepost.events("deferred").len(), 0, "nothing had to wait");
    }
    Ok(())
}

/// While the issuer is down mail waits, and nothing is lost.
#[tokio::test]
async fn mail_waits_while_the_issuer_is_down() -> io::Result<()> {
    let mut host = TokenHost::start().await?;
    let domain = domain("right", "XOAUTH2");
    let route = host.route(&domain, "XOAUTH2", CLIENT_CREDENTIALS);
    let gatepost = customer(host.folder.path(), &format!("{route}\n[delivery]\nretry = [\"1s\"]\n"));
    host.issuer.kill().await;
    let to = format!("bob@{domain}");
    let mut client = logged_in(&gatepost, ADA).await?;
    client.submit(ADA, &[&to], message("patient", &to).as_bytes()).await?;
    let deferred = gatepost.await_events("deferred", 2);
    assert!(deferred[0]["cause"].to_string().contains("token issuer cannot be asked"), "{deferred:?}");
    host.issuer.revive().await?;
    host.await_mail("patient").await?;
    assert_eq!(host.postfix.maildir().messages()?.len(), 1);
    Ok(())
}

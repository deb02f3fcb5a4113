//! The client side against Postfix with Cyrus SASL and MIT Kerberos: GSSAPI with a key of ours.

use std::io;

use gatepost_testworld::loopback::Neighbourhood;
use gatepost_testworld::peers::{CyrusSasl, Kdc, Postfix};
use gatepost_testworld::{Authority, Client, NameServer, Zone};

use crate::helper;
use crate::parcel::{ADA, PASSWORD, logged_in};
use crate::rig::{Gatepost, Plan};

const THERE: &str = "there.example";
const REALM: &str = "THERE.EXAMPLE";

// The name server goes on while the test waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_got_and_shown_and_without_the_kdc_mail_waits() -> io::Result<()> {
    let mut kdc = Kdc::start(REALM).await?;
    let ours = kdc.keytab("gatepost")?;
    let theirs = kdc.keytab(&format!("smtp/{THERE}"))?;
    let address = Neighbourhood::new().free_port(1)?;
    let authority = Authority::new()?;
    let cyrus = CyrusSasl::tickets(&theirs, "postfix")?;
    let environment = kdc.environment();
    let krb5 = environment.iter().find(|(name, _)| *name == "KRB5_CONFIG").expect("a configuration");
    let postfix = Postfix::receiving(THERE)
        .at(address)
        .starttls(&authority.identity(&[THERE])?)
        .accounts_in(&cyrus)
        .setting("smtpd_tls_auth_only", "yes")
        .setting("smtpd_sasl_local_domain", "")
        .setting(
            "import_environment",
            &format!("MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME KRB5_CONFIG={} KRB5_KTNAME={}", krb5.1, cyrus.keytab().display()),
        )
        .start()
        .await?;
    let names = NameServer::start(Zone::read(&format!("{THERE}. A {}", address.ip()))?).await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("authority.pem"), authority.certificate())?;
    let program = folder.path().join("helper");
    helper::kerberos_helper(&kdc, &program)?;
    let tables = format!(
        "[dns]\nservers = [\"{}\"]\n[delivery]\nretry = [\"1s\"]\n[route.\"*\"]\nvia = \"smtp:{THERE}:{}\"\n\
         tls = \"required\"\nlogin = {{ kerberos = {{ keytab = {ours:?}, principal = \"gatepost@{REALM}\", helper = {program:?} }} }}\n",
        names.address(),
        address.port(),
    );
    let gatepost = Plan::default()
        .maildir("here.example")
        .account(ADA, PASSWORD, &[])
        .tls(&format!("trust = {:?}", folder.path().join("authority.pem")))
        .with(&tables)
        .start();
    let mut client = logged_in(&gatepost, ADA).await?;
    client.submit(ADA, &["bob@there.example"], message("with-a-ticket").as_bytes()).await?;
    let arrived = postfix.maildir().await_containing("Subject: with-a-ticket\n").await;
    arrived.map_err(|cause| {
        io::Error::other(format!(
            "{cause}\n{}\n{}\n{:?}",
            postfix.log(),
            kdc.log(),
            gatepost.events("deferred").first()
        ))
    })?;
    assert!(postfix.log().contains("sasl_method=GSSAPI, sasl_username=gatepost"), "{}", postfix.log());

    without_the_kdc(&mut kdc, (&gatepost, &mut client), &postfix).await
}

fn message(subject: &str) -> String {
    format!("From: <{ADA}>\r\nSubject: {subject}\r\n\r\nHello.\r\n")
}

/// No new ticket, so no login: the message waits, and goes when there is a KDC again.
async fn without_the_kdc(
    kdc: &mut Kdc,
    (gatepost, client): (&Gatepost, &mut Client),
    postfix: &Postfix,
) -> io::Result<()> {
    // The connection may still be open, and logged in: only when it is closed is a new ticket needed.
    let closed =
        || postfix.log().lines().any(|line| line.contains("disconnect from") && line.contains(" auth=1"));
    crate::rig::await_that("the connection's end", || closed().then_some(()));
    kdc.kill();
    client.submit(ADA, &["bob@there.example"], message("later").as_bytes()).await?;
    let waits = || {
        gatepost.events("deferred").into_iter().find(|event| event["cause"].to_string().contains("Kerberos"))
    };
    let cause = crate::rig::await_that("a message that waits for Kerberos", waits);
    println!("logins at {THERE} by GSSAPI, right; without the KDC: {}", cause["cause"]);
    kdc.begin().await?;
    postfix.maildir().await_containing("Subject: later\n").await?;
    Ok(())
}

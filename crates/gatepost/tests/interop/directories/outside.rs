//! Sources that prove logins by themselves: Dovecot, an issuer, PAM, Kerberos.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::issuer::CLIENT_SECRET;
use gatepost_testworld::peers::{Dovecot, Kdc, OidcProvider};

use super::{PASSWORD, Page, assert_in_order, client, login, put, works};
use crate::helper;
use crate::issuer::{self, Till};
use crate::rig::{Gatepost, HOSTNAME, Plan};

/// `correct-horse`, as the other pages have it.
const HASH: &str =
    "$6$gatepostsalt$PD1aXt/PYyd/54XCLm6KmFHngrLazcfzEEqa.FsYukz.rlavlKVeJ2b8gjg6BnUYiftolv6YjEkQFwdFotd3l/";

#[tokio::test]
async fn dovecot() -> io::Result<()> {
    let page = Page::read("dovecot.md")?;
    let folder = tempfile::tempdir()?;
    let socket = |name: &str| folder.path().join(name).display().to_string();
    let settings = page.block("dovecot");
    // Sockets of Dovecot's own folder have short names.
    let settings = put(
        &settings,
        &[
            ("unix_listener auth-gatepost {", format!("unix_listener {} {{", socket("auth-gatepost"))),
            (
                "unix_listener auth-gatepost-userdb {",
                format!("unix_listener {} {{", socket("auth-gatepost-userdb")),
            ),
            ("user = gatepost", "user = root".to_owned()),
        ],
    );
    let _server = Dovecot::account_with("ada@example.org", PASSWORD, &settings).await?;
    let places = [("/run/dovecot", folder.path().display().to_string())];
    let text = put(&page.block("toml"), &places);
    works(&text, &["ada@example.org"], &["ada@example.org"]).await
}

/// Logs in with a token by both mechanisms.
async fn by_token(gatepost: &Gatepost, user: &str, token: &str, want: &str) -> io::Result<()> {
    let port = gatepost.submissions().port();
    for line in [
        format!("XOAUTH2 {}", STANDARD.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01"))),
        format!(
            "OAUTHBEARER {}",
            STANDARD.encode(format!(
                "n,a={user},\x01host={HOSTNAME}\x01port={port}\x01auth=Bearer {token}\x01\x01"
            ))
        ),
    ] {
        let mut client = client(gatepost).await?;
        if want.starts_with('5') {
            client.say(&format!("AUTH {line}"), "334").await?;
            client.say("AQ==", want).await?;
        } else {
            client.say(&format!("AUTH {line}"), want).await?;
            client.say(&format!("MAIL FROM:<{user}>"), "250").await?;
        }
        client.quit().await?;
    }
    Ok(())
}

#[tokio::test]
async fn oauth() -> io::Result<()> {
    let page = Page::read("oauth.md")?;
    let folder = tempfile::tempdir()?;
    let secret = folder.path().join("client.secret");
    std::fs::write(&secret, CLIENT_SECRET)?;
    for (audience, words) in [("jwt:ES256:smtp", "embedded"), (issuer::OPAQUE, "introspection")] {
        let provider = OidcProvider::start(audience).await?;
        let mut places = vec![
            ("smtp.example.org", audience.to_owned()),
            ("\"example.org\"", "\"gatepost.example\"".to_owned()),
        ];
        if words == "introspection" {
            places.push(("/etc/gatepost/client.secret", secret.display().to_string()));
            places.push((
                "https://login.example.org/introspect",
                format!("{}/token/introspection", provider.url()),
            ));
        }
        places.push(("https://login.example.org", provider.url().to_owned()));
        let text = put(&page.block_with("toml", words), &places);
        let mut plan = Plan::default()
            .maildir("gatepost.example")
            .auth("tarpit = \"0s\"\nfailures-before-lockout = 100")
            .with(&text);
        if words == "embedded" {
            plan = plan.account(issuer::ADA, "of no concern", &[]);
        }
        let gatepost = plan.start();
        assert_in_order(&gatepost, &[]);
        let token = Till::new(provider.url())?.fetch().await?;
        by_token(&gatepost, issuer::ADA, &token, "235 2.7.0").await?;
        by_token(&gatepost, "bob@gatepost.example", &token, "535 5.7.8").await?;
        by_token(&gatepost, issuer::ADA, &format!("{token}x"), "535 5.7.8").await?;
    }
    Ok(())
}

#[tokio::test]
async fn pam() -> io::Result<()> {
    let page = Page::read("pam.md")?;
    let folder = tempfile::tempdir()?;
    let users = helper::users(folder.path(), &[("ada", HASH)])?;
    // The system's users are nobody's business here.
    let stack = put(&page.block("pam"), &[("pam_unix.so", users)]);
    std::fs::write(folder.path().join("gatepost"), stack)?;
    helper::pam_helper(folder.path())?;
    let program = folder.path().join("helper").display().to_string();
    let text = put(&page.block("toml"), &[("/usr/lib/gatepost/gatepost-helper", program)]);
    works(&text, &["ada@example.org"], &["ada@example.org"]).await?;

    // Below a source that knows more, as the page says.
    let text = format!("[auth.source.local]\nkind = \"embedded\"\n{text}");
    let gatepost = Plan::default().maildir("example.org").account("bob@example.org", PASSWORD, &[]);
    let gatepost = gatepost.with(&text).start();
    assert_in_order(&gatepost, &[]);
    for user in ["ada@example.org", "bob@example.org"] {
        login(&gatepost, user, PASSWORD, "235 2.7.0").await?.quit().await?;
    }
    login(&gatepost, "eve@example.org", PASSWORD, "535 5.7.8").await?.quit().await
}

#[tokio::test]
async fn kerberos() -> io::Result<()> {
    let page = Page::read("kerberos.md")?;
    let folder = tempfile::tempdir()?;
    let kdc = Kdc::start("EXAMPLE.ORG").await?;
    kdc.principal("ada", PASSWORD)?;
    let keytab = ("/etc/gatepost/smtp.keytab", folder.path().join("smtp.keytab").display().to_string());
    let host = ("mail.example.org", HOSTNAME.to_owned());
    for line in put(&page.block("kadmin"), &[keytab.clone(), host.clone()]).lines() {
        kdc.administer(line)?;
    }
    let program = folder.path().join("helper");
    helper::kerberos_helper(&kdc, &program)?;
    let places = [keytab, ("/usr/lib/gatepost/gatepost-helper", program.display().to_string())];
    let text = put(&page.block("toml"), &places);
    let recipients = folder.path().join("recipients");
    std::fs::write(&recipients, "bob@example.org\n")?;
    let delivery = format!(
        "deliver = \"maildir:@DIR@/mail/{{domain}}/{{local-part}}\"\nrecipients = \"file:{}\"",
        recipients.display()
    );
    let gatepost = Plan::default().domain("example.org", &delivery).with(&text).start();
    assert_in_order(&gatepost, &[]);

    let port = gatepost.submissions().port();
    let script = put(&page.block("sh"), &[("mail.example.org:465", format!("{HOSTNAME}:{port}"))]);
    let settings = format!("resolve = \"{HOSTNAME}:{port}:127.0.0.1\"\ncacert = {:?}\n", gatepost.ca());
    std::fs::write(folder.path().join(".curlrc"), settings)?;
    let mut command = Command::new("timeout");
    command.args(["60", "bash", "-ec", &script]).envs(kdc.environment()).env("HOME", folder.path());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut client = command.spawn()?;
    // For kinit.
    writeln!(client.stdin.take().expect("its standard input"), "{PASSWORD}")?;
    let output = client.wait_with_output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(gatepost.await_events("logged-in", 1)[0]["mechanism"], "GSSAPI");
    gatepost.await_mail("example.org", "bob", 1);
    Ok(())
}

//! The page about accounts of gatepost's own: each command is run, and what it made is logged in with.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_sasl::{ClientContext, ClientExchange, Login, Mechanism, Nonce, OauthOneKeys, Secret};
use tempfile::TempDir;

use super::{PASSWORD, Page, assert_in_order, client, login, put, sends_as};
use crate::rig::{Gatepost, HOSTNAME, Plan};

const ADA: &str = "ada@example.org";

/// A shell in a folder with the page's files, where `gatepost` is ours.
struct Shell<'a> {
    gatepost: &'a Gatepost,
    page: Page,
    home: TempDir,
}

impl<'a> Shell<'a> {
    fn open(gatepost: &'a Gatepost, page: Page) -> io::Result<Self> {
        let home = tempfile::tempdir()?;
        let program = env!("CARGO_BIN_EXE_gatepost");
        let text = format!("#!/bin/sh\nexec {program} --config {} \"$@\"\n", gatepost.config().display());
        gatepost_testworld::executable(&home.path().join("gatepost"), &text)?;
        std::fs::write(home.path().join("password"), PASSWORD)?;
        for name in ["users", ".htpasswd"] {
            std::fs::write(home.path().join(name), page.block(&format!("file {name}")))?;
        }
        Ok(Self { gatepost, page, home })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs the block with these words, and gives what it said.
    fn run(&self, words: &str, places: &[(&str, String)]) -> String {
        let script = put(&self.page.block_with("sh", words), places);
        let mut path = self.home.path().as_os_str().to_owned();
        path.push(":/usr/sbin:/usr/bin:/sbin:/bin");
        let mut command = Command::new("timeout");
        command.args(["60", "bash", "-ec", &script]).current_dir(self.home.path()).env("PATH", path);
        let output = command.stdin(Stdio::null()).output().expect("running bash");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{script}{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }
}

/// What stands behind a name in a list of names and values.
fn value<'a>(said: &'a str, name: &str) -> &'a str {
    let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("  "));
    line.unwrap_or_else(|| panic!("{name} in {said}")).trim()
}

/// A sasldb with Fay in it.
fn sasldb(path: &Path) -> io::Result<()> {
    let mut command = Command::new("saslpasswd2");
    command.arg("-f").arg(path).args(["-u", "mail.example.org", "-c", "-p", "fay"]).stdin(Stdio::piped());
    let mut child = command.spawn()?;
    child.stdin.take().expect("its standard input").write_all(PASSWORD.as_bytes())?;
    assert!(child.wait()?.success());
    Ok(())
}

/// curl with a certificate.
fn by_certificate(shell: &Shell<'_>, name: &str) -> String {
    let port = shell.gatepost.submissions().port();
    let note = shell.file("note");
    std::fs::write(&note, "From: ada@example.org\r\nSubject: by certificate\r\n\r\nHello.\r\n")
        .expect("a note");
    let mut command = Command::new("timeout");
    command.args(["60", "curl", "-v", "--login-options", "AUTH=EXTERNAL", "--user", &format!("{ADA}:")]);
    command.args(["--resolve", &format!("{HOSTNAME}:{port}:127.0.0.1"), "--cacert"]).arg(shell.gatepost.ca());
    command.arg("--cert").arg(shell.file(&format!("{name}.pem")));
    command.arg("--key").arg(shell.file(&format!("{name}.key")));
    command.args(["--mail-from", ADA, "--mail-rcpt", ADA, "--upload-file"]).arg(note);
    command.arg(format!("smtps://{HOSTNAME}:{port}/client.example"));
    let output = command.stdin(Stdio::null()).output().expect("running curl");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Logs in by OAUTH10A: no client of others has it.
async fn by_signature(gatepost: &Gatepost, said: &str, want: &str) -> io::Result<()> {
    let keys = OauthOneKeys {
        consumer: value(said, "consumer key").to_owned(),
        consumer_secret: Secret::new(value(said, "consumer secret")),
        token: value(said, "token").to_owned(),
        token_secret: Secret::new(value(said, "token secret")),
        user: ADA.to_owned(),
    };
    let login = Login::with_oauth_one(ADA, keys).map_err(io::Error::other)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let mut octets = [0; 18];
    getrandom::fill(&mut octets).map_err(io::Error::other)?;
    let mut context = ClientContext::new(login, Nonce::from_random(&octets), HOSTNAME, now.as_secs());
    context.port = gatepost.submissions().port();
    let mut exchange = ClientExchange::begin(Mechanism::Oauth10a, context).map_err(io::Error::other)?;
    let first = exchange.initial().expect("an initial response");
    let mut client = client(gatepost).await?;
    client.say(&format!("AUTH OAUTH10A {}", STANDARD.encode(first.expose())), want).await?;
    client.quit().await
}

#[tokio::test]
async fn embedded() -> io::Result<()> {
    let page = Page::read("embedded.md")?;
    let plan = Plan::default().maildir("example.org");
    let gatepost = plan.with(&page.blocks("toml").join("")).start();
    let shell = Shell::open(&gatepost, page)?;

    shell.run("account add", &[]);
    sends_as(login(&gatepost, ADA, PASSWORD, "235 2.7.0").await?, &[ADA]).await?;
    let shop = login(&gatepost, "shop@example.org", PASSWORD, "235 2.7.0").await?;
    sends_as(shop, &["orders@example.org", "any@shop.example"]).await?;

    let said = shell.run("device add", &[("10.0.7.0/24", "127.0.0.0/8".to_owned())]);
    let password = value(&said, "password");
    for user in [ADA, value(&said, "login")] {
        sends_as(login(&gatepost, user, password, "235 2.7.0").await?, &[ADA]).await?;
    }
    shell.run("device revoke", &[]);
    login(&gatepost, ADA, password, "535 5.7.8").await?.quit().await?;
    login(&gatepost, ADA, PASSWORD, "235 2.7.0").await?.quit().await?;

    sasldb(&shell.file("sasldb2"))?;
    shell.run("account import users", &[]);
    shell.run("account import .htpasswd", &[]);
    shell.run("account import dump", &[("/etc/sasldb2", shell.file("sasldb2").display().to_string())]);
    for name in ["bob", "cyd", "dan", "fay"] {
        let user = format!("{name}@example.org");
        sends_as(login(&gatepost, &user, PASSWORD, "235 2.7.0").await?, &[&user]).await?;
    }

    shell.run("account certificate add", &[]);
    let talk = by_certificate(&shell, "laptop");
    assert!(talk.contains("235 2.7.0"), "{talk}");

    let keys = shell.run("account oauth1 add", &[]);
    by_signature(&gatepost, &keys, "235 2.7.0").await?;
    // The page says so.
    assert_in_order(&gatepost, &["OAUTH10A is weak"]);
    Ok(())
}

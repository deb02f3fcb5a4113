//! The pages of docs/directories, each block of them run: SQL and LDIF by the real server, the configuration by ours.

mod embedded;
mod outside;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::peers::{Mariadb, Postgresql, Slapd};
use gatepost_testworld::{Authority, Client};

use crate::rig::{Gatepost, HOSTNAME, Plan};

const SECRET: &str = "of the server";
const PASSWORD: &str = "correct-horse";

/// An entry as Active Directory has it, for a page that cannot make one.
const IN_ACTIVE_DIRECTORY: &str = "\
dn: cn=Ada,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: user
cn: Ada
sn: Lovelace
sAMAccountName: ada
userPrincipalName: ada@corp.example
mail: ada@example.org
userAccountControl: 512
proxyAddresses: SMTP:ada@example.org
proxyAddresses: smtp:office@example.org
userPassword: correct-horse
";

struct Page(String);

impl Page {
    fn read(name: &str) -> std::io::Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/directories");
        std::fs::read_to_string(folder.join(name)).map(Self)
    }

    /// The first block of a kind.
    fn block(&self, kind: &str) -> String {
        self.blocks(kind).into_iter().next().expect("a block of this kind")
    }

    /// All of a kind, in order.
    fn blocks(&self, kind: &str) -> Vec<String> {
        let fence = format!("```{kind}\n");
        let begun = self.0.split(&fence).skip(1);
        begun.map(|rest| rest.split_once("```").expect("its end").0.to_owned()).collect()
    }

    /// The one of a kind that says this.
    fn block_with(&self, kind: &str, words: &str) -> String {
        let found = self.blocks(kind).into_iter().find(|block| block.contains(words));
        found.unwrap_or_else(|| panic!("a block of {kind} with {words}"))
    }
}

/// The same text with other words in it, each of which must be there.
fn put(text: &str, places: &[(&str, String)]) -> String {
    places.iter().fold(text.to_owned(), |text, (written, place)| {
        assert!(text.contains(written), "{written} in {text}");
        text.replace(written, place)
    })
}

/// Files that the pages name.
struct Files(tempfile::TempDir);

impl Files {
    fn write(authority: &Authority) -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("secret"), SECRET)?;
        std::fs::write(folder.path().join("trust.pem"), authority.certificate())?;
        Ok(Self(folder))
    }

    /// The configuration with those files, and with the server where it is.
    fn put_into(&self, configuration: &str, places: &[(&str, String)]) -> String {
        let path = |name: &str| self.0.path().join(name).display().to_string();
        let files = [
            ("/etc/gatepost/database.secret", path("secret")),
            ("/etc/gatepost/ldap.secret", path("secret")),
            ("/etc/gatepost/tls/database.pem", path("trust.pem")),
            ("/etc/gatepost/tls/ldap.pem", path("trust.pem")),
            ("/var/lib/accounts/accounts.sqlite", path("accounts.sqlite")),
        ];
        let named = files.into_iter().filter(|(name, _)| configuration.contains(name));
        put(&put(configuration, &named.collect::<Vec<_>>()), places)
    }
}

/// Nothing in the configuration weakens, but for what these words warn of.
fn assert_in_order(gatepost: &Gatepost, warnings: &[&str]) {
    let output = gatepost.run(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let warned: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("warning: ")).collect();
    assert!(output.status.success() && said.contains(" is in order: no errors, "), "{said}");
    assert_eq!(warned, warnings, "{said}");
}

/// A client that may log in.
async fn client(gatepost: &Gatepost) -> std::io::Result<Client> {
    let mut client = Client::dial(gatepost.submissions()).await?;
    client.shake_hands(HOSTNAME).await?;
    client.expect("220").await?;
    client.say("EHLO client.example", "250").await?;
    Ok(client)
}

/// Logs in with a password.
async fn login(gatepost: &Gatepost, user: &str, password: &str, want: &str) -> std::io::Result<Client> {
    let mut client = client(gatepost).await?;
    let line = STANDARD.encode(format!("\0{user}\0{password}"));
    client.say(&format!("AUTH PLAIN {line}"), want).await?;
    Ok(client)
}

/// Who has logged in sends as these, and as nobody else.
async fn sends_as(mut client: Client, aliases: &[&str]) -> std::io::Result<()> {
    for alias in aliases {
        client.say(&format!("MAIL FROM:<{alias}>"), "250").await?;
        client.say("RSET", "250").await?;
    }
    client.say("MAIL FROM:<eve@example.org>", "550 5.7.1").await?;
    client.quit().await
}

async fn works(configuration: &str, users: &[&str], aliases: &[&str]) -> std::io::Result<()> {
    let gatepost = Plan::default().maildir("example.org").with(configuration).start();
    assert_in_order(&gatepost, &[]);
    for user in users {
        sends_as(login(&gatepost, user, PASSWORD, "235 2.7.0").await?, aliases).await?;
        login(&gatepost, user, "wrong", "535 5.7.8").await?.quit().await?;
    }
    Ok(())
}

#[tokio::test]
async fn postgresql() -> std::io::Result<()> {
    let authority = Authority::new()?;
    let server = Postgresql::start(SECRET, Some(&authority)).await?;
    let page = Page::read("postgresql.md")?;
    server.query(&page.block("sql"))?;
    let places = [("db.example.org:5432", server.address().to_string())];
    let configuration = Files::write(&authority)?;
    let text = configuration.put_into(&page.block("toml"), &places);
    works(&text, &["ada@example.org"], &["office@example.org", "x@lists.example.org"]).await
}

#[tokio::test]
async fn mariadb() -> std::io::Result<()> {
    let authority = Authority::new()?;
    let server = Mariadb::start(SECRET, Some(&authority)).await?;
    let page = Page::read("mariadb.md")?;
    server.query(&page.block("sql"))?;
    let files = Files::write(&authority)?;
    let text = files.put_into(&page.block("toml"), &[("db.example.org:3306", server.address().to_string())]);
    works(&text, &["ada@example.org"], &["office@example.org"]).await
}

#[tokio::test]
async fn sqlite() -> std::io::Result<()> {
    let files = Files::write(&Authority::new()?)?;
    let page = Page::read("sqlite.md")?;
    let path = files.0.path().join("accounts.sqlite");
    let database = rusqlite::Connection::open(path).map_err(std::io::Error::other)?;
    database.execute_batch(&page.block("sql")).map_err(std::io::Error::other)?;
    works(&files.put_into(&page.block("toml"), &[]), &["ada@example.org"], &["ada@example.org"]).await
}

#[tokio::test]
async fn ldap() -> std::io::Result<()> {
    let authority = Authority::new()?;
    let page = Page::read("ldap.md")?;
    let server = Slapd::start(SECRET, &page.block("ldif"), Some(&authority)).await?;
    let files = Files::write(&authority)?;
    let text = files.put_into(&page.block("toml"), &[("ldaps://ldap.example.org", server.encrypted_url())]);
    works(&text, &["ada@example.org"], &["office@example.org"]).await
}

#[tokio::test]
async fn active_directory() -> std::io::Result<()> {
    let authority = Authority::new()?;
    let page = Page::read("active-directory.md")?;
    let server = Slapd::start(SECRET, IN_ACTIVE_DIRECTORY, Some(&authority)).await?;
    let files = Files::write(&authority)?;
    // The first one is dead, so the second one is used.
    let dead = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let places = [
        ("ldaps://dc1.corp.example", format!("ldaps://{dead}")),
        ("ldaps://dc2.corp.example", server.encrypted_url()),
    ];
    let text = files.put_into(&page.block("toml"), &places);
    works(&text, &["ada", "ada@corp.example", "ada@example.org"], &["office@example.org"]).await
}

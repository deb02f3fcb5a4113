//! Accounts that live elsewhere: a database, an LDAP server and the data folder at once, one of them going down.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::Client;
use gatepost_testworld::patience::PATIENCE;
use gatepost_testworld::peers::{Postgresql, Slapd, slapd};

use crate::rig::{Gatepost, HOSTNAME, Plan};

const PEOPLE: &str = "\
dn: cn=Eve,dc=example,dc=org
objectClass: inetOrgPerson
cn: Eve
sn: Eve
mail: eve@people.example
userPassword: pencil

";

const TABLE: &str = "\
CREATE TABLE accounts (address TEXT, password TEXT, active BOOLEAN);
INSERT INTO accounts VALUES ('ada@db.example', '{PLAIN}pencil', TRUE), ('gone@db.example', '{PLAIN}pencil', FALSE);
CREATE TABLE aliases (address TEXT, alias TEXT);
INSERT INTO aliases VALUES ('ada@db.example', 'office@db.example');
";

fn sources(database: &Postgresql, people: &Slapd) -> String {
    format!(
        r#"
[auth.source.database]
kind = "sql"
domains = ["db.example"]
driver = "postgresql"
socket = "{}"
database = "mail"
username = "gatepost"
password-file = "database.secret"
query-user = "SELECT password, active FROM accounts WHERE address = {{user}}"
query-sends-as = "SELECT alias FROM aliases WHERE address = {{account}}"

[auth.source.people]
kind = "ldap"
domains = ["people.example"]
cache = "5m"
servers = ["{}"]
bind-dn = "{}"
password-file = "ldap.secret"
base = "{}"

[auth.source.local]
kind = "embedded"
"#,
        database.socket_file().display(),
        people.url(),
        slapd::SERVICE,
        slapd::BASE,
    )
}

async fn client(gatepost: &Gatepost) -> std::io::Result<Client> {
    let mut client = Client::dial(gatepost.submissions()).await?;
    client.shake_hands(HOSTNAME).await?;
    client.expect("220").await?;
    client.say("EHLO client.example", "250").await?;
    Ok(client)
}

/// Logs in and gives what was said.
async fn login(gatepost: &Gatepost, user: &str, password: &str, want: &str) -> std::io::Result<Client> {
    let mut client = client(gatepost).await?;
    let line = format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{user}\0{password}")));
    client.say(&line, want).await?;
    Ok(client)
}

#[tokio::test]
async fn a_source_that_is_down_stops_its_own_people_only_and_a_reload_changes_them() -> std::io::Result<()> {
    let mut database = Postgresql::start("of the database", None).await?;
    database.query(TABLE)?;
    let people = Slapd::start("of ldap", PEOPLE, None).await?;
    let secrets = tempfile::tempdir()?;
    std::fs::write(secrets.path().join("database.secret"), "of the database\n")?;
    std::fs::write(secrets.path().join("ldap.secret"), "of ldap\n")?;
    let tables = sources(&database, &people)
        .replace("\"database.secret\"", &format!("{:?}", secrets.path().join("database.secret")))
        .replace("\"ldap.secret\"", &format!("{:?}", secrets.path().join("ldap.secret")));
    let plan = Plan::default().maildir("ours.example").account("bob@ours.example", "pencil", &[]);
    let gatepost = plan.with(&tables).start();

    for (user, password, want) in [
        ("ada@db.example", "pencil", "235 2.7.0"),
        ("ada@db.example", "eraser", "535 5.7.8"),
        ("gone@db.example", "pencil", "535 5.7.8"),
        ("eve@people.example", "pencil", "235 2.7.0"),
        ("eve@people.example", "eraser", "535 5.7.8"),
        ("eve@people.example", "pencil", "235 2.7.0"),
        ("bob@ours.example", "pencil", "235 2.7.0"),
    ] {
        login(&gatepost, user, password, want).await?.quit().await?;
    }
    let mut ada = login(&gatepost, "ada@db.example", "pencil", "235").await?;
    ada.say("MAIL FROM:<office@db.example>", "250").await?;
    ada.say("RSET", "250").await?;
    ada.say("MAIL FROM:<eve@people.example>", "550 5.7.1").await?;

    database.kill();
    login(&gatepost, "ada@db.example", "pencil", "454 4.7.0").await?.quit().await?;
    login(&gatepost, "eve@people.example", "pencil", "235").await?.quit().await?;
    login(&gatepost, "bob@ours.example", "pencil", "235").await?.quit().await?;
    database.restart().await?;
    recovered(&gatepost).await?;

    let text = std::fs::read_to_string(gatepost.config())?;
    std::fs::write(gatepost.config(), text.replace("\"people.example\"", "\"other.example\""))?;
    gatepost.signal("HUP");
    gatepost.await_events("reloaded", 1);
    login(&gatepost, "eve@people.example", "pencil", "535 5.7.8").await?.quit().await?;
    login(&gatepost, "ada@db.example", "pencil", "235").await?.quit().await?;
    let written = String::from_utf8_lossy(&gatepost.everything_written()).into_owned();
    assert!(!written.contains("of the database") && !written.contains("of ldap"), "{written}");
    Ok(())
}

/// The source is left alone for a moment after a failure; then it answers again by itself.
async fn recovered(gatepost: &Gatepost) -> std::io::Result<()> {
    let end = tokio::time::Instant::now() + PATIENCE;
    while let Err(cause) = login(gatepost, "ada@db.example", "pencil", "235").await {
        if tokio::time::Instant::now() > end {
            return Err(cause);
        }
    }
    Ok(())
}

//! The servers to be killed, each with one account, and how to log in to it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_directory::limits::{DOVECOT_CONNECT, HELPER_PASSWORD_TIME, SOURCE_ANSWER_WAIT};
use gatepost_testworld::peers::{Dovecot, Mariadb, OidcProvider, Postgresql, Slapd, slapd};
use tempfile::TempDir;

use crate::helper;
use crate::issuer::{self, Till};

const SECRET: &str = "of the server";
const ADA: &str = "ada@example.org";
const PASSWORD: &str = "pencil";

const ENTRY: &str = "\
dn: cn=Ada,dc=example,dc=org
objectClass: inetOrgPerson
cn: Ada
sn: Lovelace
mail: ada@example.org
userPassword: pencil
";

const TABLE: &str = "\
CREATE TABLE accounts (address VARCHAR(250) PRIMARY KEY, password VARCHAR(250));
INSERT INTO accounts VALUES ('ada@example.org', '{PLAIN}pencil');
";

/// What happens to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// It is killed, and started again.
    Kill,
    /// It is stopped with its connections open, and goes on.
    Freeze,
}

/// Whether what is shown is what the server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Password {
    Right,
    Wrong,
}

/// A server with an account, and the source that asks it.
pub(super) struct Site {
    pub(super) name: &'static str,
    pub(super) server: Server,
    pub(super) blow: Blow,
    pub(super) tables: String,
    pub(super) proofs: Arc<Proofs>,
    /// The longest that a reply may take while it is down.
    pub(super) longest: Duration,
    /// Whether a restart costs it what it knew.
    pub(super) forgets: bool,
    _folder: TempDir,
}

/// What is killed.
pub(super) enum Server {
    Slapd(Box<Slapd>),
    Postgresql(Box<Postgresql>),
    Mariadb(Box<Mariadb>),
    Dovecot(Box<Dovecot>),
    Issuer(Box<OidcProvider>),
    /// The helper program, or what stands in its place.
    Helper(PathBuf),
}

impl Server {
    pub(super) fn strike(&mut self, blow: Blow) -> io::Result<()> {
        match (self, blow) {
            (Self::Slapd(server), Blow::Kill) => server.kill(),
            (Self::Slapd(server), Blow::Freeze) => server.freeze(),
            (Self::Postgresql(server), Blow::Kill) => server.kill(),
            (Self::Postgresql(server), Blow::Freeze) => server.freeze(),
            (Self::Mariadb(server), Blow::Kill) => server.kill(),
            (Self::Mariadb(server), Blow::Freeze) => server.freeze(),
            (Self::Dovecot(server), _) => server.kill(),
            (Self::Issuer(server), _) => server.kill(),
            (Self::Helper(program), _) => helper::put_dying(program)?,
        }
        Ok(())
    }

    pub(super) async fn revive(&mut self, blow: Blow) -> io::Result<()> {
        match (self, blow) {
            (Self::Slapd(server), Blow::Kill) => server.restart().await?,
            (Self::Postgresql(server), Blow::Kill) => server.restart().await?,
            (Self::Mariadb(server), Blow::Kill) => server.restart().await?,
            (Self::Slapd(server), Blow::Freeze) => server.thaw(),
            (Self::Postgresql(server), Blow::Freeze) => server.thaw(),
            (Self::Mariadb(server), Blow::Freeze) => server.thaw(),
            (Self::Dovecot(server), _) => server.revive().await?,
            (Self::Issuer(server), _) => server.restart().await?,
            (Self::Helper(program), _) => helper::put_back(program)?,
        }
        Ok(())
    }
}

/// What clients show.
pub(super) enum Proofs {
    Password,
    /// A token for each login, since a good one is believed for a while without asking.
    Tokens {
        till: Till,
        made_up: AtomicUsize,
    },
}

impl Proofs {
    /// The command of the next login; none if there is nothing to show.
    pub(super) async fn line(&self, password: Password) -> Option<String> {
        match (self, password) {
            (Self::Password, Password::Right) => Some(plain(PASSWORD)),
            (Self::Password, Password::Wrong) => Some(plain("eraser")),
            (Self::Tokens { till, .. }, Password::Right) => till.token().await.map(|token| bearer(&token)),
            (Self::Tokens { made_up, .. }, Password::Wrong) => {
                Some(bearer(&format!("made-up-{}", made_up.fetch_add(1, Ordering::Relaxed))))
            }
        }
    }
}

fn plain(password: &str) -> String {
    format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{ADA}\0{password}")))
}

fn bearer(token: &str) -> String {
    format!(
        "AUTH XOAUTH2 {}",
        STANDARD.encode(format!("user={}\x01auth=Bearer {token}\x01\x01", issuer::ADA))
    )
}

fn with_secret() -> io::Result<(TempDir, String)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("secret");
    std::fs::write(&path, SECRET)?;
    Ok((folder, format!("password-file = {path:?}")))
}

fn site(name: &'static str, server: Server, tables: String, folder: TempDir) -> Site {
    Site {
        name,
        server,
        blow: Blow::Kill,
        tables,
        proofs: Arc::new(Proofs::Password),
        longest: SOURCE_ANSWER_WAIT,
        forgets: false,
        _folder: folder,
    }
}

fn named(blow: Blow, killed: &'static str, frozen: &'static str) -> &'static str {
    match blow {
        Blow::Kill => killed,
        Blow::Freeze => frozen,
    }
}

pub(super) async fn slapd(blow: Blow) -> io::Result<Site> {
    let server = Slapd::start(SECRET, ENTRY, None).await?;
    let (folder, secret) = with_secret()?;
    let (url, base, service) = (server.url(), slapd::BASE, slapd::SERVICE);
    let tables = format!(
        "[auth.source.people]\nkind = \"ldap\"\nservers = [\"{url}\"]\nbind-dn = \"{service}\"\n{secret}\nbase = \"{base}\""
    );
    let name = named(blow, "slapd", "slapd, frozen");
    Ok(Site { blow, ..site(name, Server::Slapd(Box::new(server)), tables, folder) })
}

/// The source of a database with [`TABLE`] in it.
fn database(driver: &str, socket: &Path, secret: &str) -> String {
    format!(
        "[auth.source.staff]\nkind = \"sql\"\ndriver = \"{driver}\"\nsocket = {socket:?}\ndatabase = \"mail\"\n\
         username = \"gatepost\"\n{secret}\nquery-user = \"SELECT password FROM accounts WHERE address = {{user}}\""
    )
}

pub(super) async fn postgresql(blow: Blow) -> io::Result<Site> {
    let server = Postgresql::start(SECRET, None).await?;
    server.query(TABLE)?;
    let (folder, secret) = with_secret()?;
    let tables = database("postgresql", &server.socket_file(), &secret);
    let name = named(blow, "PostgreSQL", "PostgreSQL, frozen");
    Ok(Site { blow, ..site(name, Server::Postgresql(Box::new(server)), tables, folder) })
}

pub(super) async fn mariadb(blow: Blow) -> io::Result<Site> {
    let server = Mariadb::start(SECRET, None).await?;
    server.query(TABLE)?;
    let (folder, secret) = with_secret()?;
    let tables = database("mysql", &server.socket(), &secret);
    let name = named(blow, "MariaDB", "MariaDB, frozen");
    Ok(Site { blow, ..site(name, Server::Mariadb(Box::new(server)), tables, folder) })
}

pub(super) async fn dovecot() -> io::Result<Site> {
    let server = Dovecot::account(ADA, PASSWORD).await?;
    let (socket, userdb) = (server.authority(), server.userdb());
    let tables =
        format!("[auth.source.dovecot]\nkind = \"dovecot\"\nsocket = {socket:?}\nuserdb-socket = {userdb:?}");
    let site = site("Dovecot", Server::Dovecot(Box::new(server)), tables, tempfile::tempdir()?);
    Ok(Site { longest: DOVECOT_CONNECT, ..site })
}

pub(super) async fn issuer() -> io::Result<Site> {
    let server = OidcProvider::start(issuer::OPAQUE).await?;
    let folder = tempfile::tempdir()?;
    let till = Till::new(server.url())?;
    till.fill(100).await?;
    let tables = issuer::source(server.url(), folder.path())?;
    let site = site("oidc-provider", Server::Issuer(Box::new(server)), tables, folder);
    let proofs = Proofs::Tokens { till, made_up: AtomicUsize::new(0) };
    Ok(Site { proofs: Arc::new(proofs), forgets: true, ..site })
}

/// PAM, whose helper dies as soon as it is started.
pub(super) fn helper() -> io::Result<Site> {
    let folder = helper::pam_services()?;
    let program = folder.path().join("helper");
    let tables =
        format!("[auth.source.system]\nkind = \"pam\"\ndomains = [\"example.org\"]\nhelper = {program:?}");
    let site = site("PAM, by a helper that dies", Server::Helper(program), tables, folder);
    Ok(Site { longest: HELPER_PASSWORD_TIME, ..site })
}

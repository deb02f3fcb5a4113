//! Each database as a real server: the contract, and its death in the middle of logins.

use std::net::SocketAddr;
use std::path::Path;

use gatepost_sasl::limits::ITERATIONS_DEFAULT;
use gatepost_testworld::Authority;
use gatepost_testworld::peers::{Mariadb, Postgresql};
use tempfile::TempDir;

use super::*;
use crate::contract::{self, Ability, Cram, Site, outage};
use crate::{Directory as _, Embedded, EmbeddedSettings, Engine, Placeholder};

mod row;

const PASSWORD: &str = "its secret's";
const ADA: &str = "ada@gatepost.example";

const USER: &str = "SELECT * FROM accounts WHERE address = {user}";
const SENDS_AS: &str = "SELECT pattern FROM aliases WHERE account = {account}";

/// Certificates are not looked for in databases.
const ABILITIES: [Ability; 9] = [
    Ability::Passwords,
    Ability::Scram,
    Ability::Cram,
    Ability::Digest,
    Ability::NtHash,
    Ability::Accounts,
    Ability::Ownership,
    Ability::Mailboxes,
    Ability::Memory,
];

fn threads() -> PasswordThreads {
    let folder = TempDir::new().unwrap();
    Embedded::open(folder.path(), EmbeddedSettings::default()).unwrap().password_threads()
}

fn query(text: &str) -> Template {
    let known = [
        Placeholder::User,
        Placeholder::Account,
        Placeholder::Mailbox,
        Placeholder::Local,
        Placeholder::Domain,
    ];
    Template::sql(text, &known).unwrap()
}

fn settings(database: Database) -> SqlSettings {
    SqlSettings { database, user: query(USER), sends_as: Some(query(SENDS_AS)), mailbox: None }
}

fn site(settings: &SqlSettings) -> Site {
    Site::around(Engine::Sql(Box::new(Sql::new("db", settings, threads()).unwrap())))
}

fn quoted(text: Option<&Secret>) -> String {
    let text = text.map(|it| String::from_utf8(it.expose().to_vec()).unwrap());
    text.map_or_else(|| "NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")))
}

/// The population of the contract, as SQL; `text` is a column type that compares octets.
fn population(text: &str) -> String {
    let mut sql = format!(
        "CREATE TABLE accounts (address {text} PRIMARY KEY, password {text}, scram_sha_1 {text}, \
         scram_sha_256 {text}, scram_sha_512 {text}, cram_password {text}, active INTEGER NOT NULL); \
         CREATE TABLE aliases (account {text}, pattern {text});\n"
    );
    for seed in contract::population() {
        let typed = Secret::new(seed.password);
        let hash = bcrypt::hash(prepare::password(&typed).expose(), 4).unwrap();
        let scram = [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512].map(|hash| {
            let salt = *seed.name.as_bytes().first_chunk::<16>().unwrap();
            let verifier = ScramVerifier::derive(hash, &typed, &salt, ITERATIONS_DEFAULT).unwrap();
            quoted(Some(&verifier.to_text()))
        });
        let clear = (seed.cram == Cram::OptedIn).then_some(&typed);
        let name = quoted(Some(&Secret::new(login_key(seed.name).unwrap())));
        sql += &format!(
            "INSERT INTO accounts VALUES ({name}, {}, {}, {}, {});\n",
            quoted(Some(&Secret::new(hash))),
            scram.join(", "),
            quoted(clear),
            i32::from(seed.state == AccountState::Active)
        );
        for pattern in seed.sends_as {
            let pattern = quoted(Some(&Secret::new(*pattern)));
            sql += &format!("INSERT INTO aliases VALUES ({name}, {pattern});\n");
        }
    }
    sql
}

fn at(host: &str, port: u16, tls: SourceTls, password: &str) -> DatabaseLogin {
    DatabaseLogin {
        at: DatabaseAddress::Network { host: host.to_owned(), port, tls },
        database: "mail".to_owned(),
        username: "gatepost".to_owned(),
        password: Some(Secret::new(password)),
    }
}

fn on_socket(path: PathBuf) -> DatabaseLogin {
    DatabaseLogin { at: DatabaseAddress::Socket(path), ..at("", 1, SourceTls::Off, PASSWORD) }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn check(site: &Site, user: &str, password: &str) -> Result<PasswordCheck, DirectoryError> {
    site.directory.check_password(user, Secret::new(password)).await
}

/// What a source says when it cannot be asked.
fn cause(found: Result<PasswordCheck, DirectoryError>) -> String {
    match found {
        Err(DirectoryError::Source { source_name, cause }) => {
            assert_eq!(source_name, "db");
            cause
        }
        other => panic!("{other:?}"),
    }
}

fn sqlite(folder: &TempDir, sql: &str) -> PathBuf {
    let path = folder.path().join("accounts.sqlite");
    rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    path
}

#[test]
fn sqlite_keeps_the_contract() {
    let folder = TempDir::new().unwrap();
    let path = sqlite(&folder, &population("TEXT"));
    let site = site(&settings(Database::Sqlite(path.clone())));
    runtime().block_on(async {
        contract::keep(&site.directory, &ABILITIES).await;
        // Another file in its place counts at once, and none is no answer.
        std::fs::rename(&path, folder.path().join("away")).unwrap();
        assert!(cause(check(&site, ADA, "pencil").await).contains("unable to open"));
        assert!(!path.exists(), "it is only read");
        std::fs::rename(folder.path().join("away"), &path).unwrap();
        assert_eq!(check(&site, ADA, "pencil").await.unwrap(), PasswordCheck::Right);
    });
}

#[test]
fn postgresql_keeps_the_contract_and_dies_honestly() {
    runtime().block_on(async {
        let authority = Authority::new().unwrap();
        let mut server = Postgresql::start(&PASSWORD.replace('\'', "''"), Some(&authority)).await.unwrap();
        server.query(&population("TEXT")).unwrap();
        for path in [server.socket_file(), server.socket()] {
            let port_is_usual = server.address().port() == 5432;
            if path == server.socket() && !port_is_usual {
                continue;
            }
            let site = site(&settings(Database::Postgresql(on_socket(path))));
            contract::keep(&site.directory, &ABILITIES).await;
        }
        encrypted(&authority, server.address(), Database::Postgresql).await;
        let (host, port) = (server.address().ip().to_string(), server.address().port());
        let database = Database::Postgresql(at(&host, port, SourceTls::Off, PASSWORD));
        let site = site(&settings(database.clone()));
        prepared_statements_outlive_a_changed_table(&site, &server).await;
        hostile(&database).await;
        outage::survives(&site.directory, (ADA, "pencil"), &mut server).await;
    });
}

#[test]
fn mariadb_keeps_the_contract_and_dies_honestly() {
    runtime().block_on(async {
        let authority = Authority::new().unwrap();
        let mut server = Mariadb::start(&PASSWORD.replace('\'', "''"), Some(&authority)).await.unwrap();
        server.query(&population("VARCHAR(250) COLLATE utf8mb4_bin")).unwrap();
        let site = site(&settings(Database::Mysql(on_socket(server.socket()))));
        contract::keep(&site.directory, &ABILITIES).await;
        encrypted(&authority, server.address(), Database::Mysql).await;
        let (host, port) = (server.address().ip().to_string(), server.address().port());
        let database = Database::Mysql(at(&host, port, SourceTls::Off, PASSWORD));
        hostile(&database).await;
        let site = self::site(&settings(database));
        outage::survives(&site.directory, (ADA, "pencil"), &mut server).await;
    });
}

/// With the right authority it works; with another one, for another name, or with a wrong password of ours, nobody is told
/// that a password is wrong.
async fn encrypted(authority: &Authority, address: SocketAddr, database: impl Fn(DatabaseLogin) -> Database) {
    let folder = TempDir::new().unwrap();
    let (good, bad) = (folder.path().join("good.pem"), folder.path().join("bad.pem"));
    std::fs::write(&good, authority.certificate()).unwrap();
    std::fs::write(&bad, Authority::new().unwrap().certificate()).unwrap();
    let site = |address: SocketAddr, trust: Option<&Path>| {
        let tls = SourceTls::Required { trust: trust.map(Path::to_path_buf) };
        self::site(&settings(database(at(&address.ip().to_string(), address.port(), tls, PASSWORD))))
    };
    let trusted = site(address, Some(&good));
    assert_eq!(check(&trusted, ADA, "pencil").await.unwrap(), PasswordCheck::Right);
    let elsewhere = outage::elsewhere(address).await;
    for (address, trust) in [(address, Some(&*bad)), (address, None), (elsewhere, Some(&*good))] {
        let told = cause(check(&site(address, trust), ADA, "pencil").await);
        assert!(told.to_lowercase().contains("certificate"), "{told}");
    }
    let refused = self::site(&settings(database(at(
        &address.ip().to_string(),
        address.port(),
        SourceTls::Off,
        "wrong",
    ))));
    let told = cause(check(&refused, ADA, "pencil").await);
    assert!(!told.contains("wrong") && told.contains("gatepost"), "{told}");
}

/// A plan that was prepared for the old table is of no more use, which nobody needs to notice.
async fn prepared_statements_outlive_a_changed_table(site: &Site, server: &Postgresql) {
    assert_eq!(check(site, ADA, "pencil").await.unwrap(), PasswordCheck::Right);
    server.query("ALTER TABLE accounts ADD COLUMN more TEXT").unwrap();
    assert_eq!(check(site, ADA, "pencil").await.unwrap(), PasswordCheck::Right);
}

/// Names that would be SQL, and queries that are wrong.
async fn hostile(database: &Database) {
    let site = site(&settings(database.clone()));
    for user in ["' OR ''='", "x'; DROP TABLE accounts; --", "\\", "\" OR 1=1 --", "$1", "?", "{user}", "%"] {
        let found = check(&site, user, "pencil").await.unwrap();
        assert_eq!(found, PasswordCheck::Wrong, "{user:?}");
    }
    assert_eq!(check(&site, ADA, "pencil").await.unwrap(), PasswordCheck::Right);
    let wrong = [
        ("SELECT * FROM nowhere WHERE address = {user}", "nowhere"),
        ("SELECT * FROM accounts", "more than one row"),
        (
            "SELECT address AS account, 'plain' AS password FROM accounts WHERE address = {user}",
            "cannot be used",
        ),
        ("SELECT 'maybe' AS active FROM accounts WHERE address = {user}", "neither yes nor no"),
        ("SELECT 'nobody' AS account FROM accounts WHERE address = {user}", "column account"),
        ("SELECT 1 AS password FROM accounts WHERE address = {user}", "column password"),
    ];
    for (user, want) in wrong {
        let site = self::site(&SqlSettings { user: query(user), ..settings(database.clone()) });
        let told = cause(check(&site, ADA, "pencil").await);
        assert!(told.contains(want), "{user}: {told}");
    }
}

#[test]
fn queries_say_yes_or_no_in_any_way() {
    let folder = TempDir::new().unwrap();
    let path = sqlite(&folder, &population("TEXT"));
    let rows = [
        ("SELECT 1 WHERE {local} = 'x' AND {domain} = 'there.example'", true),
        ("SELECT {mailbox} = 'x@there.example'", true),
        ("SELECT {mailbox} = 'y@there.example'", false),
        ("SELECT NULL", false),
        ("SELECT 'x@there.example' WHERE {account} = 'ada@gatepost.example'", true),
        ("SELECT 'not an address'", false),
        ("SELECT '*@there.example'", true),
        ("SELECT '*@here.example' UNION SELECT '*@there.example'", true),
        ("SELECT 1 WHERE 0", false),
    ];
    runtime().block_on(async {
        for (text, want) in rows {
            let settings = settings(Database::Sqlite(path.clone()));
            let site = site(&SqlSettings { sends_as: Some(query(text)), ..settings });
            let mailbox = Mailbox::parse("X@there.example").unwrap();
            assert_eq!(site.directory.owns(ADA, &mailbox).await.unwrap(), want, "{text}");
        }
        let mailboxes = query("SELECT 1 FROM aliases WHERE pattern = {mailbox}");
        let settings = settings(Database::Sqlite(path));
        let site = site(&SqlSettings { mailbox: Some(mailboxes), ..settings });
        for (mailbox, want) in [("Office@gatepost.example", true), (ADA, false)] {
            let mailbox = Mailbox::parse(mailbox).unwrap();
            assert_eq!(site.directory.mailbox_exists(&mailbox).await.unwrap(), want, "{mailbox}");
        }
    });
}

#[test]
fn a_login_name_need_not_be_an_address() {
    let folder = TempDir::new().unwrap();
    let path = sqlite(&folder, &population("TEXT"));
    let user = query("SELECT password, address AS account FROM accounts WHERE address LIKE {user} || '@%'");
    let settings = SqlSettings { user, ..settings(Database::Sqlite(path)) };
    let site = site(&settings);
    runtime().block_on(async {
        assert_eq!(check(&site, "Ada", "pencil").await.unwrap(), PasswordCheck::Right);
        assert_eq!(check(&site, "Ada", "eraser").await.unwrap(), PasswordCheck::Wrong);
        assert_eq!(site.directory.account("ADA").await.unwrap().unwrap().name(), ADA);
    });
}

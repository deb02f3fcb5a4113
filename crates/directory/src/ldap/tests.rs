//! A real slapd: the contract, Active Directory's attributes, TLS, and its death in the middle of logins.

use gatepost_testworld::Authority;
use gatepost_testworld::peers::Slapd;
use gatepost_testworld::peers::slapd::{BASE, SERVICE};
use tempfile::TempDir;

use super::*;
use crate::contract::{self, Ability, Site, outage};
use crate::{AccountState, Directory as _, Engine, Placeholder};

const PASSWORD: &str = "service";
const ADA: &str = "ada@gatepost.example";

fn filter(text: &str) -> Template {
    Template::filter(text, &[Placeholder::User, Placeholder::Local, Placeholder::Domain]).unwrap()
}

fn settings(url: String) -> LdapSettings {
    LdapSettings {
        servers: vec![url],
        tls: LdapTls::Off,
        trust: None,
        bind: Some((SERVICE.to_owned(), Secret::new(PASSWORD))),
        base: BASE.to_owned(),
        filter: filter("(&(objectClass=person)(uid={user}))"),
        proved_by: ProvedBy::Bind,
        attribute_mailbox: "uid".to_owned(),
        attribute_sends_as: Some("displayName".to_owned()),
        flavour: Flavour::Ldap,
    }
}

fn active_directory(url: String) -> LdapSettings {
    LdapSettings {
        filter: filter("(|(userPrincipalName={user})(sAMAccountName={user})(mail={user}))"),
        attribute_mailbox: "mail".to_owned(),
        attribute_sends_as: Some("proxyAddresses".to_owned()),
        flavour: Flavour::ActiveDirectory,
        ..settings(url)
    }
}

fn site(settings: &LdapSettings) -> Site {
    Site::around(Engine::Ldap(Box::new(Ldap::new("dir", settings).unwrap())))
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The population of the contract as entries: `uid` is the address, since `mail` holds ASCII only.
fn population() -> String {
    let mut ldif = String::new();
    for (number, seed) in contract::population().iter().enumerate() {
        let name = login_key(seed.name).unwrap();
        let password = prepare::password(&Secret::new(seed.password));
        let password = String::from_utf8(password.expose().to_vec()).unwrap();
        ldif +=
            &format!("dn: cn={number},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: extensibleObject\n");
        ldif += &format!("cn: {number}\nsn: {number}\nuid:: {}\n", base64(&name));
        ldif += &format!("userPassword:: {}\n", base64(&password));
        if seed.state == AccountState::Suspended {
            ldif += "nsAccountLock: TRUE\n";
        }
        // Its only multi-valued attribute of text that is not an address to slapd.
        for pattern in seed.sends_as {
            ldif += &format!("description:: {}\n", base64(pattern));
        }
        ldif.push('\n');
    }
    ldif
}

const PEOPLE: &str = "\
dn: cn=Eve,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: user
cn: Eve
sn: Eve
userPrincipalName: eve@corp.example
sAMAccountName: eve
mail: Eve.Smith@gatepost.example
userAccountControl: 512
proxyAddresses: SMTP:eve.smith@gatepost.example
proxyAddresses: smtp:office@gatepost.example
proxyAddresses: X500:/o=Example/cn=eve
userPassword: pencil

dn: cn=Mallory,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: user
cn: Mallory
sn: Mallory
sAMAccountName: mallory
mail: mallory@gatepost.example
userAccountControl: 514
userPassword: pencil

dn: cn=Principal,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: user
cn: Principal
sn: Principal
userPrincipalName: principal@gatepost.example
userAccountControl: 512
userPassword: pencil

dn: cn=Twin,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: user
cn: Twin
sn: Twin
mail: twin@gatepost.example
userPassword: pencil

dn: cn=Other Twin,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: user
cn: Other Twin
sn: Twin
mail: twin@gatepost.example
userPassword: eraser

dn: cn=Nobody,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: user
cn: Nobody
sn: Nobody
sAMAccountName: homeless
userPassword: pencil

dn: cn=Keyless,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: user
cn: Keyless
sn: Keyless
mail: keyless@gatepost.example

dn: cn=Away,dc=example,dc=org
objectClass: referral
objectClass: extensibleObject
cn: Away
ref: ldap://127.0.0.1:1/cn=Away,dc=example,dc=org
mail: away@gatepost.example

";

async fn check(site: &Site, user: &str, password: &str) -> Result<PasswordCheck, DirectoryError> {
    site.directory.check_password(user, Secret::new(password)).await
}

fn cause(found: Result<PasswordCheck, DirectoryError>) -> String {
    match found {
        Err(DirectoryError::Source { source_name, cause }) => {
            assert_eq!(source_name, "dir");
            cause
        }
        other => panic!("{other:?}"),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn slapd_keeps_the_contract_and_dies_honestly() {
    use Ability::{Accounts, Mailboxes, Memory, Ownership, Passwords};
    runtime().block_on(async {
        let authority = Authority::new().unwrap();
        let mut server = Slapd::start(PASSWORD, &population(), Some(&authority)).await.unwrap();
        let contract = |settings: LdapSettings| LdapSettings {
            attribute_sends_as: Some("description".to_owned()),
            ..settings
        };
        for settings in [
            settings(server.url()),
            settings(server.ipc()),
            LdapSettings { proved_by: ProvedBy::Compare, ..settings(server.url()) },
        ] {
            let site = site(&contract(settings));
            contract::keep(&site.directory, &[Passwords, Accounts, Ownership, Mailboxes, Memory]).await;
        }
        encrypted(&authority, &server).await;
        servers_in_order(&server).await;
        let site = site(&contract(settings(server.url())));
        outage::survives(&site.directory, (ADA, "pencil"), &mut server).await;
    });
}

/// StartTLS and ldaps, with the right authority and with another one.
async fn encrypted(authority: &Authority, server: &Slapd) {
    let folder = TempDir::new().unwrap();
    let (good, bad) = (folder.path().join("good.pem"), folder.path().join("bad.pem"));
    std::fs::write(&good, authority.certificate()).unwrap();
    std::fs::write(&bad, Authority::new().unwrap().certificate()).unwrap();
    let elsewhere = outage::elsewhere(server.address()).await;
    let rows = [
        (format!("ldap://{elsewhere}"), LdapTls::StartTls, &good, false),
        (server.url(), LdapTls::StartTls, &good, true),
        (server.url(), LdapTls::StartTls, &bad, false),
        (server.encrypted_url(), LdapTls::StartTls, &good, true),
        (server.encrypted_url(), LdapTls::Off, &bad, false),
    ];
    for (url, tls, trust, works) in rows {
        let site = site(&LdapSettings { tls, trust: Some(trust.clone()), ..settings(url.clone()) });
        let found = check(&site, ADA, "pencil").await;
        if works {
            assert_eq!(found.unwrap(), PasswordCheck::Right, "{url}");
        } else {
            let told = cause(found);
            assert!(told.to_lowercase().contains("certificate"), "{told}");
        }
    }
    let wrong =
        LdapSettings { bind: Some((SERVICE.to_owned(), Secret::new("guess"))), ..settings(server.url()) };
    let told = cause(check(&site(&wrong), ADA, "pencil").await);
    assert!(told.contains("refuses the bind") && !told.contains("guess"), "{told}");
}

/// A dead server costs one try, and is then left alone.
async fn servers_in_order(server: &Slapd) {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let both =
        LdapSettings { servers: vec![format!("ldap://{dead}"), server.url()], ..settings(server.url()) };
    let both = site(&both);
    assert_eq!(check(&both, ADA, "pencil").await.unwrap(), PasswordCheck::Right);
    assert_eq!(check(&both, ADA, "eraser").await.unwrap(), PasswordCheck::Wrong);
    let none = site(&settings(format!("ldap://{dead}")));
    assert!(cause(check(&none, ADA, "pencil").await).contains(&dead.to_string()));
}

#[test]
fn active_directory_is_read_as_it_writes() {
    use PasswordCheck::{Right, Wrong};
    runtime().block_on(async {
        let server = Slapd::start(PASSWORD, PEOPLE, None).await.unwrap();
        let site = site(&active_directory(server.url()));
        let rows = [
            ("eve@corp.example", "pencil", Right),
            ("EVE", "pencil", Right),
            ("eve.smith@gatepost.example", "pencil", Right),
            ("eve", "eraser", Wrong),
            ("eve", "", Wrong),
            ("mallory", "pencil", Wrong),
            ("principal@gatepost.example", "pencil", Right),
            ("keyless@gatepost.example", "pencil", Wrong),
            ("e*", "pencil", Wrong),
            ("*", "pencil", Wrong),
            ("eve)(cn=*", "pencil", Wrong),
            ("x)(|(cn=*", "pencil", Wrong),
            ("eve\\2a", "pencil", Wrong),
        ];
        for (user, password, want) in rows {
            assert_eq!(check(&site, user, password).await.unwrap(), want, "{user:?} {password:?}");
        }
        assert!(cause(check(&site, "twin@gatepost.example", "pencil").await).contains("two entries"));
        assert!(cause(check(&site, "homeless", "pencil").await).contains("has no mail"));
        let eve = site.directory.account("eve").await.unwrap().unwrap();
        assert_eq!(eve.name(), "eve.smith@gatepost.example");
        let mallory = site.directory.account("mallory").await.unwrap().unwrap();
        assert_eq!(mallory.state(), AccountState::Suspended);
        for (mailbox, want) in [
            ("eve.smith@gatepost.example", true),
            ("Office@gatepost.example", true),
            ("eve@corp.example", false),
            ("mallory@gatepost.example", false),
        ] {
            let mailbox = Mailbox::parse(mailbox).unwrap();
            assert_eq!(site.directory.owns(eve.name(), &mailbox).await.unwrap(), want, "{mailbox}");
        }
    });
}

/// The server itself would say yes to an empty password (RFC 4513 section 5.1.2): none is ever sent.
#[test]
fn an_empty_password_never_reaches_the_server() {
    runtime().block_on(async {
        let server = Slapd::start(PASSWORD, PEOPLE, None).await.unwrap();
        let site = site(&active_directory(server.url()));
        assert_eq!(check(&site, "eve", "").await.unwrap(), PasswordCheck::Wrong);
        assert_eq!(check(&site, "eve", "eraser").await.unwrap(), PasswordCheck::Wrong);
        let binds = server.log().lines().filter(|line| line.contains("BIND dn=\"cn=Eve")).count();
        assert_eq!(binds, 1, "{}", server.log());
    });
}

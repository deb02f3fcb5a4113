//! The gatepost that every client logs in to, and what each client has to prove itself with, right and wrong.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gatepost_testworld::issuer::AUDIENCE;
use gatepost_testworld::peers::Kdc;
use gatepost_testworld::{Issuer, executable};
use tempfile::TempDir;

use super::{OURS, READER, password_of, user_of};
use crate::clients::{MECHANISMS, Program, Proof, XOAUTH2_ONLY};
use crate::rig::{Gatepost, HOSTNAME, Plan};

const REALM: &str = "OURS.EXAMPLE";
const TICKET_PASSWORD: &str = "for the ticket";

/// Names that clients may want a ticket for: some know ours, and some only the address that they were given.
const SERVICES: [&str; 2] = ["smtp/mail.ours.example", "smtp/127.0.0.1"];

/// What leads a Kerberos library to a ticket.
type Environment = Vec<(&'static str, String)>;

/// Who issues what a client proves itself with: an issuer of tokens and a realm, both ours.
struct Issuers {
    tokens: Issuer,
    realm: Kdc,
}

/// The server, and all around it.
pub(super) struct People {
    pub(super) gatepost: Gatepost,
    right: Issuers,
    /// They call themselves the same, and have keys of their own.
    forgers: Issuers,
    tickets: HashMap<(&'static str, bool), Environment>,
    keys: HashMap<&'static str, String>,
    _folder: TempDir,
}

/// What a client shows.
pub(super) enum Held {
    Password(String),
    Token(String),
    Keys(String),
    Certificate(PathBuf),
    Ticket(Environment),
}

impl Held {
    pub(super) fn proof(&self) -> Proof<'_> {
        match self {
            Self::Password(password) => Proof::Password(password),
            Self::Token(token) => Proof::Token(token),
            Self::Keys(keys) => Proof::Keys(keys),
            Self::Certificate(file) => Proof::Certificate(file),
            Self::Ticket(environment) => Proof::Ticket(environment),
        }
    }

    /// What must be found nowhere.
    pub(super) fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Password(secret) | Self::Token(secret) => vec![secret],
            Self::Keys(keys) => keys.split(' ').skip(1).step_by(2).collect(),
            // Its key stays with the client, and what Kerberos sends is read off the wire.
            Self::Certificate(_) | Self::Ticket(_) => Vec::new(),
        }
    }
}

impl People {
    pub(super) async fn gather() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the keys");
        let (right, forgers) = (issuers().await, issuers().await);
        let keytab = right.realm.keytab(SERVICES[0]).expect("the keys of our service");
        right.realm.administer(&format!("addprinc -randkey {}", SERVICES[1])).expect("its other name");
        let add = format!("ktadd -k {} {}", keytab.display(), SERVICES[1]);
        right.realm.administer(&add).expect("its other name's keys");
        for service in SERVICES {
            forgers.realm.keytab(service).expect("keys that are not ours");
        }
        let helper = write_helper(folder.path(), &right.realm);
        let sources = sources(right.tokens.url(), &helper, &keytab);
        let gatepost = tokio::task::block_in_place(|| start(&sources));
        let keys = Program::ALL.map(|program| (program.name(), oauth_one(&gatepost, program)));
        let tickets = Program::ALL.into_iter().flat_map(|program| {
            [(&right, true), (&forgers, false)]
                .map(|(issuers, real)| ((program.name(), real), ticket(&issuers.realm, program)))
        });
        let tickets = tickets.collect();
        Self { gatepost, right, forgers, tickets, keys: keys.into(), _folder: folder }
    }

    /// What is good.
    pub(super) fn good(&self, program: Program, mechanism: &str) -> Held {
        match mechanism {
            "OAUTHBEARER" | "XOAUTH2" => Held::Token(token(&self.right.tokens, &self.right.tokens, program)),
            "OAUTH10A" => Held::Keys(self.keys[program.name()].clone()),
            "EXTERNAL" => Held::Certificate(self.gatepost.dir().join(format!("{}.both.pem", program.name()))),
            "GSSAPI" => Held::Ticket(self.tickets[&(program.name(), true)].clone()),
            _ => Held::Password(password_of(program)),
        }
    }

    /// What looks like it.
    pub(super) fn wrong(&self, program: Program, mechanism: &str, number: usize) -> Held {
        let password = format!("mistaken {} {number}", program.name());
        match mechanism {
            "OAUTHBEARER" | "XOAUTH2" => {
                Held::Token(token(&self.forgers.tokens, &self.right.tokens, program))
            }
            "OAUTH10A" => {
                let (known, _secret) = self.keys[program.name()].rsplit_once(' ').expect("four words");
                Held::Keys(format!("{known} {}", password.replace(' ', "-")))
            }
            "EXTERNAL" => {
                Held::Certificate(self.gatepost.dir().join(format!("{}-forged.both.pem", program.name())))
            }
            "GSSAPI" => Held::Ticket(self.tickets[&(program.name(), false)].clone()),
            _ => Held::Password(password),
        }
    }
}

async fn issuers() -> Issuers {
    let tokens = Issuer::start().await.expect("an issuer of tokens");
    let realm = Kdc::start(REALM).await.expect("a realm");
    for program in Program::ALL {
        realm.principal(program.name(), &format!("\"{TICKET_PASSWORD}\"")).expect("a principal");
    }
    Issuers { tokens, realm }
}

/// A token that says what `said` would say, signed by `signer`.
fn token(signer: &Issuer, said: &Issuer, program: Program) -> String {
    signer.sign(&said.claims(&user_of(program))).expect("a token")
}

fn ticket(realm: &Kdc, program: Program) -> Environment {
    let cache = realm.ticket(program.name(), TICKET_PASSWORD).expect("a ticket");
    let mut environment = Environment::from(realm.environment());
    environment.retain(|(name, _)| *name != "KRB5CCNAME");
    environment.push(("KRB5CCNAME", cache));
    environment
}

/// The helper as the server starts it, led to our realm.
fn write_helper(folder: &Path, realm: &Kdc) -> PathBuf {
    let lines: String =
        realm.environment().iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    let path = folder.join("helper");
    let text = format!("#!/bin/sh\n{lines}exec '{}' \"$@\"\n", built_helper().display());
    executable(&path, &text).expect("writing what starts the helper");
    path
}

/// The program that calls the Kerberos library.
fn built_helper() -> PathBuf {
    let told = std::env::var_os("GATEPOST_HELPER").map(PathBuf::from);
    let path = told.unwrap_or_else(|| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/helper/debug/gatepost-helper")
    });
    assert!(
        path.exists(),
        "{} is missing; `cargo xtask test` makes it, and so does\n\
         cargo build -p gatepost-helper --features pam,kerberos --target-dir target/helper",
        path.display()
    );
    path
}

fn sources(issuer: &str, helper: &Path, keytab: &Path) -> String {
    format!(
        r#"
[auth.network."{XOAUTH2_ONLY}/32"]
mechanisms = ["XOAUTH2"]

[auth.source.local]
kind = "embedded"

[auth.source.tokens]
kind = "oauth"
domains = ["{OURS}"]
issuer = "{issuer}"
audience = "{AUDIENCE}"
scope = "smtp.send"

[auth.source.realm]
kind = "kerberos"
realms = {{ "{REALM}" = "{OURS}" }}
helper = {helper:?}
keytab = {keytab:?}
"#
    )
}

fn start(sources: &str) -> Gatepost {
    let auth = format!(
        "mechanisms = {MECHANISMS:?}\nntlm-v1 = true\nfailures-before-lockout = 1000\ntarpit = \"0s\""
    );
    let mut plan = Plan::default().maildir(OURS).auth(&auth).with(sources);
    plan = plan.tls("client-authorities = \"devices.pem\"").made(&certificates());
    plan = plan.account(READER, "of no concern", &[]);
    for program in Program::ALL {
        let weak = ["--allow", "cram-md5", "--allow", "digest-md5", "--allow", "ntlm"];
        plan = plan.account(&user_of(program), &password_of(program), &weak);
    }
    plan.start()
}

/// In the instance's folder: an authority, and for each client a certificate that it signed, and one that it did not.
fn certificates() -> String {
    let mut script = String::from(
        r#"set -e
        key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
        self() { openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 30 -addext "$2" -out "$1.pem"; }
        key devices
        self devices basicConstraints=critical,CA:TRUE
        "#,
    );
    for program in Program::ALL {
        let (name, san) = (program.name(), format!("subjectAltName=email:{}", user_of(program)));
        script += &format!(
            r#"
            key {name}; key {name}-forged
            openssl req -new -key {name}.key -subj /CN={name} -addext {san} -out {name}.csr
            openssl x509 -req -in {name}.csr -CA devices.pem -CAkey devices.key -CAcreateserial -copy_extensions copy \
                -days 30 -out {name}.pem
            self {name}-forged {san}
            for one in {name} {name}-forged; do cat $one.pem $one.key >$one.both.pem; done
            "#
        );
    }
    script
}

/// Keys of OAuth 1, as the scripts take them.
fn oauth_one(gatepost: &Gatepost, program: Program) -> String {
    let output = gatepost.run(&["--json", "account", "oauth1", "add", &user_of(program)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let keys: serde_json::Value = serde_json::from_slice(&output.stdout).expect("keys as JSON");
    let words = ["consumer-key", "consumer-secret", "token", "token-secret"];
    words.map(|name| keys[name].as_str().expect("a word").to_owned()).join(" ")
}

/// Tells that [`HOSTNAME`] is the first of [`SERVICES`].
#[test]
fn the_service_is_named_after_the_host() {
    assert_eq!(SERVICES[0], format!("smtp/{HOSTNAME}"));
}

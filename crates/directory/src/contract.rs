//! The suite that every engine must pass.
//!
//! An engine's test fills it with [`population`], puts it into a [`Site`], and calls [`keep`] with what it can do.

pub(crate) mod outage;

use std::fmt::Debug;
use std::sync::Arc;

use gatepost_mail::{Mailbox, Network, Timestamp};
use gatepost_sasl::{
    DigestSecret, Freshness, Mechanism, NtHash, OauthOneKeys, PasswordCheck, ScramHash, ScramVerifier, Secret,
};

use tempfile::TempDir;

use crate::{
    AccountState, ClientCertificate, Directories, Directory, DirectoryError, Embedded, EmbeddedSettings,
    Engine, LoginNote, OauthOneNonce, Place, Vouched,
};

/// The realm for which digests are kept.
pub(crate) const REALM: &str = "mail.gatepost.example";

/// The fingerprint of a certificate of Ada's.
pub(crate) const FINGERPRINT: [u8; 32] = [7; 32];

/// What an engine can do; the suite asks for no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ability {
    /// Checks passwords.
    Passwords,
    /// Holds SCRAM verifiers of every hash.
    Scram,
    /// Holds the passwords of those who opted in to CRAM-MD5.
    Cram,
    /// Holds the digests of the realm [`REALM`] of those who opted in to weak mechanisms.
    Digest,
    /// Holds the NT hashes of those.
    NtHash,
    /// Knows accounts, by every spelling of their names.
    Accounts,
    /// Knows what accounts may send as besides their own address.
    Ownership,
    /// Knows which mailboxes exist.
    Mailboxes,
    /// Knows that [`FINGERPRINT`] is Ada's, and whose the addresses are that an authority vouches for.
    Certificates,
    /// Remembers networks, last uses and nonces; so do all engines beside the embedded one's memory.
    Memory,
}

impl Ability {
    /// What the embedded engine can do.
    pub(crate) const ALL: [Self; 10] = [
        Self::Passwords,
        Self::Scram,
        Self::Cram,
        Self::Digest,
        Self::NtHash,
        Self::Accounts,
        Self::Ownership,
        Self::Mailboxes,
        Self::Certificates,
        Self::Memory,
    ];
}

/// Directories around one engine, with a memory of their own that holds no account.
pub(crate) struct Site {
    pub(crate) directory: Directories,
    _data_dir: TempDir,
}

impl Site {
    pub(crate) fn around(engine: Engine) -> Self {
        let data_dir = TempDir::new().unwrap();
        let memory = Arc::new(Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap());
        let directory = Directories::new(memory, vec![Place { engine, domains: Vec::new(), recent: None }]);
        Self { directory, _data_dir: data_dir }
    }
}

/// An account that the suite expects.
pub(crate) struct Seed {
    pub(crate) name: &'static str,
    pub(crate) password: &'static str,
    pub(crate) state: AccountState,
    pub(crate) cram: Cram,
    pub(crate) sends_as: &'static [&'static str],
}

/// Whether an account opted in to the weak mechanisms: CRAM-MD5, and DIGEST-MD5 and NTLM where the engine has them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cram {
    OptedIn,
    NotOptedIn,
}

/// The accounts that the suite expects, and no others.
pub(crate) fn population() -> [Seed; 5] {
    let seed = |name, password| Seed {
        name,
        password,
        state: AccountState::Active,
        cram: Cram::NotOptedIn,
        sends_as: &[],
    };
    [
        Seed {
            sends_as: &["office@gatepost.example", "*@lovelace.example", "\u{e9}va@elsewhere.example"],
            ..seed("ada@gatepost.example", "pencil")
        },
        Seed { cram: Cram::OptedIn, ..seed("printer@gatepost.example", "tan staaf \u{ad}") },
        Seed {
            state: AccountState::Suspended,
            cram: Cram::OptedIn,
            sends_as: &["office@gatepost.example"],
            ..seed("gone@gatepost.example", "pencil")
        },
        seed("\u{e9}va@b\u{fc}cher.example", "\u{e9}\u{2168}"),
        seed("bob@gatepost.example", "pencil"),
    ]
}

/// Runs the suite, as far as the engine can.
pub(crate) async fn keep<D: Directory>(directory: &D, abilities: &[Ability]) {
    for ability in abilities {
        match ability {
            Ability::Passwords => passwords(directory).await,
            Ability::Scram => {
                scram(directory).await;
                decoys(directory).await;
            }
            Ability::Cram => cram(directory).await,
            Ability::Digest => digest(directory).await,
            Ability::NtHash => nt_hash(directory).await,
            Ability::Accounts => accounts(directory).await,
            Ability::Ownership => ownership(directory).await,
            Ability::Mailboxes => mailboxes(directory).await,
            Ability::Certificates => certificates(directory).await,
            Ability::Memory => {
                networks(directory).await;
                nonces(directory).await;
            }
        }
    }
}

/// What an engine made at random, for Bob: a device labelled `printer`, and OAuth 1 keys. Another device, labelled `old`, has
/// expired.
pub(crate) struct Made {
    pub(crate) device: Secret,
    pub(crate) expired: Secret,
    pub(crate) keys: OauthOneKeys,
    pub(crate) keys_of_suspended: OauthOneKeys,
}

/// Runs the suite of what is made at random.
pub(crate) async fn keep_made<D: Directory>(directory: &D, made: &Made) {
    devices(directory, made).await;
    oauth_one(directory, made).await;
}

async fn passwords<D: Directory>(directory: &D) {
    use PasswordCheck::{Right, Wrong};
    let long = "p".repeat(5_000);
    // Exchanges hand passwords out prepared: the soft hyphen is gone, the Roman numeral is letters.
    let rows = [
        ("ada@gatepost.example", "pencil", Right),
        ("ADA@Gatepost.EXAMPLE", "pencil", Right),
        ("printer@gatepost.example", "tan staaf ", Right),
        ("\u{e9}va@b\u{fc}cher.example", "\u{e9}IX", Right),
        ("\u{c9}VA@xn--bcher-kva.example", "\u{e9}IX", Right),
        ("bob@gatepost.example", "pencil", Right),
        ("ada@gatepost.example", "Pencil", Wrong),
        ("ada@gatepost.example", "pencil ", Wrong),
        ("ada@gatepost.example", "", Wrong),
        ("ada@gatepost.example", &long, Wrong),
        ("gone@gatepost.example", "pencil", Wrong),
        ("nobody@gatepost.example", "pencil", Wrong),
        ("ada", "pencil", Wrong),
        ("", "pencil", Wrong),
        ("office@gatepost.example", "pencil", Wrong),
        ("x@lovelace.example", "pencil", Wrong),
        ("*@lovelace.example", "pencil", Wrong),
        ("ada@gatepost.example.", "pencil", Wrong),
        ("ada@gatepost.example' OR '1'='1", "pencil", Wrong),
    ];
    for (user, password, want) in rows {
        let found = directory.check_password(user, Secret::new(password)).await;
        assert_eq!(known(found), want, "{user:?} {password:?}");
    }
}

async fn scram<D: Directory>(directory: &D) {
    for hash in ScramHash::ALL {
        for (user, password) in [
            ("ada@gatepost.example", "pencil"),
            ("Ada@gatepost.example", "pencil"),
            ("printer@gatepost.example", "tan staaf \u{ad}"),
            ("\u{e9}va@xn--bcher-kva.example", "\u{e9}\u{2168}"),
        ] {
            let verifier = known(directory.scram_verifier(user, hash).await);
            assert_eq!(verifier.hash(), hash);
            assert!(verifier.matches(&Secret::new(password)), "{user} {hash:?}");
            assert!(!verifier.matches(&Secret::new("eraser")), "{user} {hash:?}");
        }
        let [ada, bob] = ["ada@gatepost.example", "bob@gatepost.example"];
        let [ada, bob] = [
            known(directory.scram_verifier(ada, hash).await),
            known(directory.scram_verifier(bob, hash).await),
        ];
        assert_ne!(text(&ada), text(&bob), "the same password twice, under different salts");
    }
}

/// Users without a verifier get one that looks real, is always the same, and fits no password.
async fn decoys<D: Directory>(directory: &D) {
    for hash in ScramHash::ALL {
        let real = known(directory.scram_verifier("ada@gatepost.example", hash).await);
        let mut seen = Vec::new();
        for user in
            ["nobody@gatepost.example", "someone@gatepost.example", "gone@gatepost.example", "", "ada"]
        {
            let decoy = known(directory.scram_verifier(user, hash).await);
            let again = known(directory.scram_verifier(&user.to_uppercase(), hash).await);
            assert_eq!(text(&decoy), text(&again), "{user:?}");
            assert_eq!((decoy.hash(), decoy.iterations()), (hash, real.iterations()), "{user:?}");
            assert_eq!(text(&decoy).expose().len(), text(&real).expose().len(), "{user:?}");
            assert!(!decoy.matches(&Secret::new("pencil")), "{user:?}");
            assert!(!seen.contains(&text(&decoy)), "{user:?}");
            seen.push(text(&decoy));
        }
    }
}

async fn cram<D: Directory>(directory: &D) {
    // The password itself, as it was typed: clients of CRAM-MD5 prepare nothing.
    let printer = known(directory.cram_secret("Printer@gatepost.example").await);
    assert_eq!(printer.unwrap().password(), Some(&Secret::new("tan staaf \u{ad}")));
    for user in ["ada@gatepost.example", "gone@gatepost.example", "nobody@gatepost.example", "", "printer"] {
        assert_eq!(known(directory.cram_secret(user).await), None, "{user:?}");
    }
}

async fn digest<D: Directory>(directory: &D) {
    let printer = "printer@gatepost.example";
    let found = known(directory.digest_secret(printer, REALM).await);
    assert_eq!(found, Some(DigestSecret::derive(printer, REALM, &Secret::new("tan staaf \u{ad}"))));
    for user in ["ada@gatepost.example", "gone@gatepost.example", "nobody@gatepost.example", "", "printer"] {
        assert_eq!(known(directory.digest_secret(user, REALM).await), None, "{user:?}");
    }
}

async fn nt_hash<D: Directory>(directory: &D) {
    let found = known(directory.nt_hash("Printer@Gatepost.example").await);
    assert_eq!(found, Some(NtHash::derive(&Secret::new("tan staaf \u{ad}"))));
    for user in ["ada@gatepost.example", "gone@gatepost.example", "nobody@gatepost.example", "", "printer"] {
        assert_eq!(known(directory.nt_hash(user).await), None, "{user:?}");
    }
}

async fn certificates<D: Directory>(directory: &D) {
    use Vouched::{ByAuthority, Not};
    let [ada, bob, gone] = ["ada@gatepost.example", "bob@gatepost.example", "gone@gatepost.example"];
    let rows = [
        ("by fingerprint", FINGERPRINT, vec![], Not, Some(ada)),
        ("whatever it says of itself", FINGERPRINT, vec![bob], Not, Some(ada)),
        ("a stranger's", [8; 32], vec![], ByAuthority, None),
        ("an address that anybody can write", [8; 32], vec![ada], Not, None),
        ("an address that is vouched for", [8; 32], vec!["Bob@Gatepost.example"], ByAuthority, Some(bob)),
        ("one account in two spellings", [8; 32], vec![bob, "BOB@gatepost.example"], ByAuthority, Some(bob)),
        ("one account and a stranger", [8; 32], vec!["x@there.example", bob], ByAuthority, Some(bob)),
        ("two accounts", [8; 32], vec![ada, bob], ByAuthority, None),
        ("one that may not log in", [8; 32], vec![gone], ByAuthority, None),
    ];
    for (name, fingerprint, emails, vouched, want) in rows {
        let emails = emails.into_iter().map(str::to_owned).collect();
        let certificate = ClientCertificate { fingerprint, emails, vouched };
        assert_eq!(known(directory.certificate_user(&certificate).await).as_deref(), want, "{name}");
    }
}

async fn networks<D: Directory>(directory: &D) {
    let network = |text: &str| Network::of_client(text.parse().unwrap());
    let (home, away) = (network("192.0.2.7"), network("2001:db8::7"));
    let now = Timestamp::since_epoch(std::time::UNIX_EPOCH.elapsed().unwrap());
    let ada = "ada@gatepost.example";
    assert!(!known(directory.knows_network(ada, home).await));
    let note = LoginNote {
        account: ada.to_owned(),
        device: None,
        network: home,
        mechanism: Mechanism::ScramSha256,
        at: now,
    };
    known(directory.logged_in(&note).await);
    assert!(known(directory.knows_network(ada, home).await));
    assert!(!known(directory.knows_network(ada, away).await));
    assert!(!known(directory.knows_network("bob@gatepost.example", home).await));
    let account = known(directory.account(ada).await);
    if let Some(account) = account {
        let last = account.last_use().unwrap();
        assert_eq!((last.at, last.network, last.mechanism), (now, home, Mechanism::ScramSha256));
        assert_eq!(account.bound_since(), None);
        assert!(!note.adds_to(&account));
        assert!(LoginNote { network: away, ..note.clone() }.adds_to(&account));
        let bound = LoginNote { mechanism: Mechanism::ScramSha256Plus, ..note };
        assert!(bound.adds_to(&account));
        known(directory.logged_in(&bound).await);
        let account = known(directory.account(ada).await).unwrap();
        assert_eq!(account.bound_since(), Some(now));
    }
}

async fn nonces<D: Directory>(directory: &D) {
    let now = Timestamp::since_epoch(std::time::UNIX_EPOCH.elapsed().unwrap());
    let seconds = now.as_seconds();
    let nonce = |consumer, token, nonce, timestamp| OauthOneNonce { consumer, token, nonce, timestamp };
    let rows = [
        ("new", nonce("c", "t", "n", seconds), Freshness::New),
        ("repeated", nonce("c", "t", "n", seconds), Freshness::Used),
        ("another nonce", nonce("c", "t", "m", seconds), Freshness::New),
        ("another time", nonce("c", "t", "n", seconds + 1), Freshness::New),
        ("another token", nonce("c", "u", "n", seconds), Freshness::New),
        ("the same letters in other places", nonce("ct", "", "n", seconds), Freshness::New),
        ("too old to be known", nonce("c", "t", "o", seconds - 301), Freshness::Used),
        ("still repeated", nonce("c", "t", "m", seconds), Freshness::Used),
    ];
    for (name, nonce, want) in rows {
        assert_eq!(known(directory.oauth_one_nonce(&nonce, now).await), want, "{name}");
    }
}

async fn devices<D: Directory>(directory: &D, made: &Made) {
    use PasswordCheck::{Right, Wrong};
    let (bob, printer) = ("bob@gatepost.example", "bob%printer@gatepost.example");
    let right_as = || PasswordCheck::RightAs(printer.to_owned());
    let rows = [
        (printer, &made.device, Right),
        ("Bob%Printer@Gatepost.example", &made.device, Right),
        (bob, &made.device, right_as()),
        (bob, &Secret::new("pencil"), Right),
        (printer, &Secret::new("pencil"), Wrong),
        ("bob%old@gatepost.example", &made.expired, Wrong),
        (bob, &made.expired, Wrong),
        ("bob%other@gatepost.example", &made.device, Wrong),
        ("ada%printer@gatepost.example", &made.device, Wrong),
        ("ada@gatepost.example", &made.device, Wrong),
    ];
    for (user, password, want) in rows {
        assert_eq!(known(directory.check_password(user, password.clone()).await), want, "{user}");
    }
    for hash in ScramHash::ALL {
        assert!(known(directory.scram_verifier(printer, hash).await).matches(&made.device));
        assert!(!known(directory.scram_verifier(bob, hash).await).matches(&made.device));
        let old = known(directory.scram_verifier("bob%old@gatepost.example", hash).await);
        assert!(!old.matches(&made.expired), "{hash:?}");
    }
    let account = known(directory.account(printer).await).unwrap();
    assert_eq!((account.name(), account.device().unwrap().label.as_str()), (bob, "printer"));
    assert_eq!(known(directory.account(bob).await).unwrap().device(), None);
    assert_eq!(known(directory.account("bob%old@gatepost.example").await), None);
    assert!(!known(directory.mailbox_exists(&Mailbox::parse(printer).unwrap()).await), "it receives nothing");
}

async fn oauth_one<D: Directory>(directory: &D, made: &Made) {
    let keys = &made.keys;
    let found = known(directory.oauth_one_keys(&keys.consumer, &keys.token).await);
    assert_eq!(found.as_ref(), Some(keys));
    assert_eq!(keys.user, "bob@gatepost.example");
    let suspended = &made.keys_of_suspended;
    for (consumer, token) in [
        (keys.consumer.as_str(), "x"),
        ("x", keys.token.as_str()),
        ("", ""),
        (&keys.token, &keys.consumer),
        (&suspended.consumer, &suspended.token),
    ] {
        assert_eq!(known(directory.oauth_one_keys(consumer, token).await), None);
    }
}

async fn accounts<D: Directory>(directory: &D) {
    let rows = [
        ("Ada@Gatepost.example", Some(("ada@gatepost.example", AccountState::Active))),
        ("gone@gatepost.example", Some(("gone@gatepost.example", AccountState::Suspended))),
        ("\u{c9}va@B\u{fc}cher.example", Some(("\u{e9}va@xn--bcher-kva.example", AccountState::Active))),
        ("e\u{301}va@xn--bcher-kva.example", Some(("\u{e9}va@xn--bcher-kva.example", AccountState::Active))),
        ("nobody@gatepost.example", None),
        ("office@gatepost.example", None),
        ("ada", None),
        ("", None),
    ];
    for (user, want) in rows {
        let found = known(directory.account(user).await);
        let found = found.as_ref().map(|account| (account.name(), account.state()));
        assert_eq!(found, want, "{user:?}");
    }
    let gone = known(directory.account("gone@gatepost.example").await).unwrap();
    assert!(!gone.may_log_in());
    let ada = known(directory.account("ada@gatepost.example").await).unwrap();
    assert!(ada.may_log_in());
    assert!(known(directory.owns(ada.name(), ada.mailbox()).await));
}

async fn ownership<D: Directory>(directory: &D) {
    let rows = [
        ("ada@gatepost.example", "ada@gatepost.example", true),
        ("ada@gatepost.example", "ADA@GATEPOST.example", true),
        ("ada@gatepost.example", "\"ada\"@gatepost.example", true),
        ("ada@gatepost.example", "Office@gatepost.example", true),
        ("ada@gatepost.example", "anything@lovelace.example", true),
        ("ada@gatepost.example", "*@lovelace.example", true),
        ("ada@gatepost.example", "\u{c9}va@elsewhere.example", true),
        ("ada@gatepost.example", "x@sub.lovelace.example", false),
        ("ada@gatepost.example", "x@notlovelace.example", false),
        ("ada@gatepost.example", "bob@gatepost.example", false),
        ("ada@gatepost.example", "*@gatepost.example", false),
        ("ada@gatepost.example", "ada@[192.0.2.1]", false),
        ("ada@gatepost.example", "\"ada@gatepost.example\"@elsewhere.example", false),
        // Latin letters in full width, and a Cyrillic one: look-alikes, not the same mailbox.
        ("ada@gatepost.example", "\u{ff41}da@gatepost.example", false),
        ("ada@gatepost.example", "\u{430}da@gatepost.example", false),
        ("\u{e9}va@xn--bcher-kva.example", "\u{e9}va@b\u{fc}cher.example", true),
        ("bob@gatepost.example", "ada@gatepost.example", false),
        ("bob@gatepost.example", "office@gatepost.example", false),
        ("gone@gatepost.example", "gone@gatepost.example", false),
        ("gone@gatepost.example", "office@gatepost.example", false),
        ("nobody@gatepost.example", "nobody@gatepost.example", false),
        ("", "ada@gatepost.example", false),
    ];
    for (account, mailbox, want) in rows {
        let found = directory.owns(account, &Mailbox::parse(mailbox).unwrap()).await;
        assert_eq!(known(found), want, "{account} {mailbox}");
    }
}

async fn mailboxes<D: Directory>(directory: &D) {
    let rows = [
        ("ada@gatepost.example", true),
        ("Ada@Gatepost.Example", true),
        ("\"ada\"@gatepost.example", true),
        ("gone@gatepost.example", true),
        ("\u{e9}va@b\u{fc}cher.example", true),
        ("\u{e9}va@xn--bcher-kva.example", true),
        ("office@gatepost.example", false),
        ("x@lovelace.example", false),
        ("*@lovelace.example", false),
        ("nobody@gatepost.example", false),
        ("ada@elsewhere.example", false),
        ("ada@sub.gatepost.example", false),
        ("ada@[192.0.2.1]", false),
        ("\"ada@gatepost.example\"@gatepost.example", false),
        ("\u{ff41}da@gatepost.example", false),
        ("a\u{ad}da@gatepost.example", false),
    ];
    for (mailbox, want) in rows {
        let found = directory.mailbox_exists(&Mailbox::parse(mailbox).unwrap()).await;
        assert_eq!(known(found), want, "{mailbox}");
    }
}

fn known<T: Debug>(answer: Result<T, DirectoryError>) -> T {
    answer.expect("the directory answers")
}

fn text(verifier: &ScramVerifier) -> Secret {
    verifier.to_text()
}

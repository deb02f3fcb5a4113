//! The suite that every engine must pass.
//!
//! An engine's test fills it with [`population`], puts it into a [`Site`], and calls [`keep`] with what it can do.

use std::fmt::Debug;
use std::sync::Arc;

use gatepost_mail::Mailbox;
use gatepost_sasl::{PasswordCheck, ScramHash, ScramVerifier, Secret};

use tempfile::TempDir;

use crate::{
    AccountState, Directories, Directory, DirectoryError, Embedded, EmbeddedSettings, Engine, Place,
};

/// What an engine can do; the suite asks for no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ability {
    /// Checks passwords.
    Passwords,
    /// Holds SCRAM verifiers of every hash.
    Scram,
    /// Holds the passwords of those who opted in to CRAM-MD5.
    Cram,
    /// Knows accounts, by every spelling of their names.
    Accounts,
    /// Knows what accounts may send as besides their own address.
    Ownership,
    /// Knows which mailboxes exist.
    Mailboxes,
}

impl Ability {
    /// What the embedded engine can do.
    pub(crate) const ALL: [Self; 6] =
        [Self::Passwords, Self::Scram, Self::Cram, Self::Accounts, Self::Ownership, Self::Mailboxes];
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
            Ability::Accounts => accounts(directory).await,
            Ability::Ownership => ownership(directory).await,
            Ability::Mailboxes => mailboxes(directory).await,
        }
    }
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
    assert_eq!(printer.unwrap().password(), &Secret::new("tan staaf \u{ad}"));
    for user in ["ada@gatepost.example", "gone@gatepost.example", "nobody@gatepost.example", "", "printer"] {
        assert_eq!(known(directory.cram_secret(user).await), None, "{user:?}");
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

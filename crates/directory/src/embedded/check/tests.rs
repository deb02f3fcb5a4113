use std::thread;
use std::time::{Duration, Instant};

use gatepost_sasl::{Mechanism, ScramHash};
use tempfile::TempDir;

use super::*;
use crate::embedded::{Embedded, EmbeddedSettings, ImportRun, ImportedAccount};
use crate::{NewAccount, PasswordChange, Source};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const ADA: &str = "ada@gatepost.example";
/// `openssl passwd -6 -salt gatepost pencil`
const SHA512: &str =
    "$6$gatepost$yq5IyG5YnEf5CB17/8AtMGTH24PdZAkVgW1jlMNLC2k6eEWYqjSiH93iiS5g7lvtmD1/T7k3SxXVDS804SI0b/";

fn open(data_dir: &TempDir) -> Embedded {
    Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap()
}

fn import(directory: &Embedded, stored: &str) {
    let new = ImportedAccount {
        name: ADA.to_owned(),
        stored: Secret::new(stored),
        allow: Vec::new(),
        realm: None,
        created: NOW,
    };
    directory.import(&new, ImportRun::Write).unwrap();
}

fn check(directory: &Embedded, password: &str) -> PasswordCheck {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(Source::check_password(directory, ADA, &Secret::new(password))).unwrap();
    found.here().unwrap()
}

fn kinds(directory: &Embedded) -> Vec<Kind> {
    directory.store.credentials(ADA).unwrap().into_iter().map(|(kind, _)| kind).collect()
}

/// The upgrade comes after the answer.
fn wait_for_upgrade(directory: &Embedded) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !kinds(directory).contains(&Kind::Password) {
        assert!(Instant::now() < patience, "no upgrade: {:?}", kinds(directory));
        thread::yield_now();
    }
}

#[test]
fn the_next_login_replaces_an_imported_hash() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    import(&directory, SHA512);
    assert_eq!(kinds(&directory), [Kind::Imported]);
    assert_eq!(check(&directory, "eraser"), PasswordCheck::Wrong);
    assert_eq!(kinds(&directory), [Kind::Imported], "a wrong password changes nothing");
    assert_eq!(check(&directory, "pencil"), PasswordCheck::Right);
    wait_for_upgrade(&directory);
    let kinds = kinds(&directory);
    assert!(!kinds.contains(&Kind::Imported), "{kinds:?}");
    for hash in ScramHash::ALL {
        let verifier = directory.verifier(&Login::of_account(ADA), hash).unwrap().unwrap();
        assert!(verifier.matches(&Secret::new("pencil")), "{hash:?}");
    }
    assert_eq!(check(&directory, "pencil"), PasswordCheck::Right);
    assert_eq!(check(&directory, "eraser"), PasswordCheck::Wrong);
    let shown = directory.show(ADA).unwrap();
    assert_eq!(shown.password_changed(), NOW, "nobody set a new password");
    assert!(shown.mechanisms().contains(&Mechanism::ScramSha512Plus));
}

/// What a crash between answer and upgrade leaves: the hash in its place, for the next login.
#[test]
fn an_upgrade_that_did_not_happen_is_made_up_for() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    import(&directory, SHA512);
    let check_only = Check {
        store: Arc::clone(&directory.store),
        keys: Arc::clone(&directory.keys),
        verified: Arc::clone(&directory.verified),
        login: Login::of_account(ADA),
        password: Secret::new("pencil"),
        now: NOW,
    };
    // The answer is taken, and what is left to do is not done.
    let _ = check_only.run(&mut Scratch::new(Arc::default()));
    drop(directory);
    let directory = open(&data_dir);
    assert_eq!(kinds(&directory), [Kind::Imported]);
    assert_eq!(check(&directory, "pencil"), PasswordCheck::Right);
    wait_for_upgrade(&directory);
}

/// A password that was set while the upgrade was on its way is the one that counts.
#[test]
fn an_upgrade_never_undoes_a_new_password() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    import(&directory, SHA512);
    let late = Check {
        store: Arc::clone(&directory.store),
        keys: Arc::clone(&directory.keys),
        verified: Arc::clone(&directory.verified),
        login: Login::of_account(ADA),
        password: Secret::new("pencil"),
        now: NOW,
    };
    let before = directory.store.credentials(ADA).unwrap();
    let maker = Maker { keys: &directory.keys, name: ADA, typed: &late.password };
    let none = Opted { kinds: Vec::new(), realm: None };
    let made = maker.all(&none, &mut Scratch::new(Arc::default())).unwrap();
    let new = PasswordChange { password: Secret::new("eraser"), allow: None, realm: None, changed: NOW };
    directory.set_password(ADA, &new).unwrap();
    late.replace(&before, &made).unwrap();
    late.upgrade(&before, &mut Scratch::new(Arc::default())).unwrap();
    assert_eq!(check(&directory, "eraser"), PasswordCheck::Right);
    assert_eq!(check(&directory, "pencil"), PasswordCheck::Wrong);
}

#[test]
fn an_account_with_verifiers_alone_checks_passwords_by_them() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    let allow = vec![Mechanism::CramMd5, Mechanism::DigestMd5, Mechanism::Ntlm];
    let realm = Some("mail.gatepost.example".to_owned());
    directory.add(&NewAccount { allow, realm, ..NewAccount::new(ADA, Secret::new("pencil"), NOW) }).unwrap();
    let connection = rusqlite::Connection::open(data_dir.path().join("accounts/accounts.sqlite")).unwrap();
    for kind in ["scram-sha-512", "scram-sha-256", "scram-sha-1", "cram-md5", "digest-md5", "ntlm"] {
        let only = format!(
            "DELETE FROM credential WHERE kind IN ('password', 'imported') AND EXISTS
             (SELECT 1 FROM credential WHERE kind = '{kind}')"
        );
        connection.execute_batch(&only).unwrap();
        assert_eq!(check(&directory, "eraser"), PasswordCheck::Wrong, "{kind}");
        assert_eq!(check(&directory, "pencil"), PasswordCheck::Right, "{kind}");
        wait_for_upgrade(&directory);
        connection.execute("DELETE FROM credential WHERE kind IN (?1, 'password')", [kind]).unwrap();
        // Of the upgrade's own verifiers those that had their turn go as well.
        let turn = ["scram-sha-512", "scram-sha-256", "scram-sha-1"];
        for done in turn.iter().take_while(|one| **one != kind).chain([&kind]) {
            connection.execute("DELETE FROM credential WHERE kind = ?1", [done]).unwrap();
        }
    }
    assert_eq!(kinds(&directory), []);
    assert_eq!(check(&directory, "pencil"), PasswordCheck::Wrong);
}

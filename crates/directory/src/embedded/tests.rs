use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use gatepost_mail::Timestamp;
use gatepost_sasl::Mechanism;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;
use crate::contract::{self, Ability, Cram, Site};
use crate::{
    AccountState, Device, Directories, Directory as _, Engine, KnownCertificate, NewAccount, NewDevice,
    PasswordChange, SendsAs,
};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const WEAK: [Mechanism; 3] = [Mechanism::CramMd5, Mechanism::DigestMd5, Mechanism::Ntlm];
const ADA: &str = "ada@gatepost.example";

fn open(data_dir: &TempDir) -> Embedded {
    Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap()
}

/// As the mail server asks.
fn around(engine: Embedded) -> Directories {
    Directories::embedded(Arc::new(engine))
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

fn add(directory: &Embedded, name: &str, password: &str) -> Account {
    directory.add(&NewAccount::new(name, Secret::new(password), NOW)).unwrap()
}

fn login(name: &str) -> Login {
    Login::read(name).unwrap()
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text).unwrap()
}

async fn check(directory: &Directories, user: &str, password: &str) -> PasswordCheck {
    directory.check_password(user, Secret::new(password)).await.unwrap()
}

fn populate(directory: &Embedded) {
    for seed in contract::population() {
        let new = NewAccount {
            allow: if seed.cram == Cram::OptedIn { WEAK.to_vec() } else { Vec::new() },
            realm: Some(contract::REALM.to_owned()),
            sends_as: seed.sends_as.iter().map(|text| text.parse().unwrap()).collect(),
            ..NewAccount::new(seed.name, Secret::new(seed.password), NOW)
        };
        directory.add(&new).unwrap();
        if seed.state == AccountState::Suspended {
            directory.suspend(seed.name).unwrap();
        }
    }
    let label = "desk".to_owned();
    let certificate = KnownCertificate { fingerprint: contract::FINGERPRINT, label, created: NOW };
    directory.add_certificate(ADA, &certificate).unwrap();
}

/// For Bob, and for one who is suspended.
fn make(directory: &Embedded) -> contract::Made {
    let bob = "bob@gatepost.example";
    let add = |device| {
        let new = NewDevice { device, allow: Vec::new(), realm: None };
        directory.add_device(bob, &new).unwrap()
    };
    contract::Made {
        device: add(Device::new("printer", NOW)),
        expired: add(Device { expires: Some(NOW), ..Device::new("old", NOW) }),
        keys: directory.add_oauth_one(bob, "script", NOW).unwrap(),
        keys_of_suspended: directory.add_oauth_one("gone@gatepost.example", "script", NOW).unwrap(),
    }
}

#[test]
fn it_keeps_the_contract() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    populate(&directory);
    let made = make(&directory);
    let directory = around(directory);
    runtime().block_on(async {
        contract::keep(&directory, &Ability::ALL).await;
        contract::keep_made(&directory, &made).await;
    });
}

/// The memory may be another store than the accounts.
#[test]
fn it_keeps_the_contract_beside_another_memory() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    populate(&directory);
    let site = Site::around(Engine::Embedded(Arc::new(directory)));
    runtime().block_on(contract::keep(&site.directory, &Ability::ALL));
}

#[test]
fn it_keeps_the_contract_when_opened_again() {
    let data_dir = TempDir::new().unwrap();
    let before = open(&data_dir);
    populate(&before);
    let made = make(&before);
    let decoy = |directory: &Embedded| directory.fake_verifier("nobody@gatepost.example", ScramHash::Sha256);
    let seen = decoy(&before);
    drop(before);
    let after = open(&data_dir);
    assert_eq!(decoy(&after), seen, "a stranger could tell who is a decoy by a restart");
    let after = around(after);
    runtime().block_on(async {
        contract::keep(&after, &Ability::ALL).await;
        contract::keep_made(&after, &made).await;
    });
}

#[test]
fn everybody_costs_one_run_of_argon2() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    populate(&directory);
    // An account that lost all that is held against a password.
    let connection = rusqlite::Connection::open(data_dir.path().join("accounts/accounts.sqlite")).unwrap();
    let gone = connection.execute("DELETE FROM credential WHERE account = 5", []).unwrap();
    assert_eq!(gone, 4);
    add(&directory, "eve@gatepost.example", "pencil");
    let new = NewDevice { device: Device::new("printer", NOW), allow: Vec::new(), realm: None };
    directory.add_device("eve@gatepost.example", &new).unwrap();
    let directory = around(directory);
    runtime().block_on(async {
        for (user, password, want) in [
            (ADA, "pencil", PasswordCheck::Right),
            (ADA, "wrong", PasswordCheck::Wrong),
            (ADA, "", PasswordCheck::Wrong),
            ("nobody@gatepost.example", "wrong", PasswordCheck::Wrong),
            ("gone@gatepost.example", "pencil", PasswordCheck::Wrong),
            ("bob@gatepost.example", "pencil", PasswordCheck::Wrong),
            ("eve@gatepost.example", "wrong", PasswordCheck::Wrong),
            ("eve%printer@gatepost.example", "wrong", PasswordCheck::Wrong),
            ("eve%none@gatepost.example", "wrong", PasswordCheck::Wrong),
            ("no address", "wrong", PasswordCheck::Wrong),
            ("", "wrong", PasswordCheck::Wrong),
        ] {
            let before = directory.memory().password_load().runs;
            assert_eq!(check(&directory, user, password).await, want, "{user}");
            assert_eq!(directory.memory().password_load().runs - before, 1, "{user}");
        }
    });
}

#[test]
fn what_another_process_changes_counts_at_once() {
    let data_dir = TempDir::new().unwrap();
    let (server, command) = (around(open(&data_dir)), open(&data_dir));
    let ada = mailbox(ADA);
    runtime().block_on(async {
        assert_eq!(check(&server, ADA, "pencil").await, PasswordCheck::Wrong);
        assert!(!server.mailbox_exists(&ada).await.unwrap());
        add(&command, ADA, "pencil");
        assert!(server.mailbox_exists(&ada).await.unwrap());
        assert!(server.owns(ADA, &ada).await.unwrap());
        assert_eq!(check(&server, ADA, "pencil").await, PasswordCheck::Right);

        command.suspend(ADA).unwrap();
        assert_eq!(check(&server, ADA, "pencil").await, PasswordCheck::Wrong);
        assert!(!server.owns(ADA, &ada).await.unwrap());
        command.resume(ADA).unwrap();
        assert_eq!(check(&server, ADA, "pencil").await, PasswordCheck::Right);

        let office: SendsAs = "office@gatepost.example".parse().unwrap();
        command.set_sends_as(ADA, &[office.clone(), office]).unwrap();
        assert!(server.owns(ADA, &mailbox("office@gatepost.example")).await.unwrap());
        command.set_sends_as(ADA, &[]).unwrap();
        assert!(!server.owns(ADA, &mailbox("office@gatepost.example")).await.unwrap());

        command.remove(ADA).unwrap();
        assert!(!server.mailbox_exists(&ada).await.unwrap());
        assert_eq!(server.account(ADA).await.unwrap(), None);
        assert_eq!(check(&server, ADA, "pencil").await, PasswordCheck::Wrong);
    });
}

#[test]
fn a_new_password_replaces_all_of_the_old_one() {
    let data_dir = TempDir::new().unwrap();
    let directory = Arc::new(open(&data_dir));
    let cram = vec![Mechanism::CramMd5];
    let new = NewAccount { allow: cram.clone(), ..NewAccount::new(ADA, Secret::new("pencil"), NOW) };
    directory.add(&new).unwrap();
    let later = NOW.after(Duration::from_secs(60));
    let change = |allow: Option<Vec<Mechanism>>| {
        let change = PasswordChange { password: Secret::new("eraser"), allow, realm: None, changed: later };
        directory.set_password(ADA, &change).unwrap();
    };
    let secret = || directory.secret(&login(ADA)).unwrap().and_then(|secret| secret.password().cloned());
    assert_eq!(secret(), Some(Secret::new("pencil")));
    change(None);
    assert_eq!(secret(), Some(Secret::new("eraser")), "what was allowed stays allowed");
    for hash in ScramHash::ALL {
        let verifier = directory.verifier(&login(ADA), hash).unwrap().unwrap();
        assert!(verifier.matches(&Secret::new("eraser")));
        assert!(!verifier.matches(&Secret::new("pencil")));
    }
    let server = Directories::embedded(Arc::clone(&directory));
    runtime().block_on(async {
        assert_eq!(check(&server, ADA, "pencil").await, PasswordCheck::Wrong);
        assert_eq!(check(&server, ADA, "eraser").await, PasswordCheck::Right);
    });
    change(Some(Vec::new()));
    assert_eq!(secret(), None);
    change(None);
    assert_eq!(secret(), None, "what was not allowed stays so");
    change(Some(cram));
    assert_eq!(secret(), Some(Secret::new("eraser")));
    let shown = directory.show(ADA).unwrap();
    assert_eq!((shown.created(), shown.password_changed()), (NOW, later));
}

/// With the password kept, digests are made for any spelling and realm; else there is the one that was made at first.
#[test]
fn digests_are_for_the_spelling_and_realm_that_were_hashed_in() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    let digest = |user: &str, realm: &str| directory.digest(&login(user), (user, realm)).unwrap();
    let derived = |user: &str, realm: &str| DigestSecret::derive(user, realm, &Secret::new("pencil"));
    let (loud, realm) = ("Ada@Gatepost.example", "mail.gatepost.example");
    let new =
        NewAccount { allow: vec![Mechanism::DigestMd5], ..NewAccount::new(ADA, Secret::new("pencil"), NOW) };
    let without = directory.add(&new).unwrap_err();
    assert!(matches!(without, AccountError::NoRealm), "{without}");
    directory.add(&NewAccount { realm: Some(realm.to_owned()), ..new }).unwrap();
    assert_eq!(digest(ADA, realm), Some(derived(ADA, realm)));
    assert_eq!((digest(loud, realm), digest(ADA, "other")), (None, None));
    let change = |allow: Option<&[Mechanism]>, realm: Option<&str>| {
        let (allow, realm) = (allow.map(<[Mechanism]>::to_vec), realm.map(str::to_owned));
        let change = PasswordChange { password: Secret::new("pencil"), allow, realm, changed: NOW };
        directory.set_password(ADA, &change)
    };
    change(None, None).unwrap();
    assert_eq!(digest(ADA, realm), Some(derived(ADA, realm)), "the realm stays");
    change(Some(&WEAK), Some(realm)).unwrap();
    assert_eq!(digest(loud, "other"), Some(derived(loud, "other")));
    change(Some(&[Mechanism::CramMd5]), None).unwrap();
    assert_eq!(digest(ADA, realm), None, "each is opted in to by its name");
    assert!(matches!(change(Some(&[Mechanism::DigestMd5]), None), Err(AccountError::NoRealm)));
}

#[test]
fn an_account_is_restricted_to_mechanisms() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    add(&directory, ADA, "pencil");
    assert_eq!(directory.show(ADA).unwrap().only_by(), []);
    let only = [Mechanism::External, Mechanism::ScramSha256Plus];
    directory.set_only_by(ADA, &only).unwrap();
    assert_eq!(directory.show(ADA).unwrap().only_by(), only);
    directory.set_only_by(ADA, &[]).unwrap();
    assert_eq!(directory.show(ADA).unwrap().only_by(), []);
}

#[test]
fn accounts_are_shown_with_what_they_can_do() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    assert_eq!(directory.list().unwrap(), []);
    populate(&directory);
    let names: Vec<String> = directory.list().unwrap().iter().map(|one| one.name().to_owned()).collect();
    let want = [ADA, "bob@gatepost.example", "gone@gatepost.example", "printer@gatepost.example"];
    assert_eq!(names[..4], want);
    assert_eq!(names[4], "\u{e9}va@xn--bcher-kva.example");
    let ada = directory.show("ADA@gatepost.example").unwrap();
    let sends_as: Vec<String> = ada.sends_as().iter().map(ToString::to_string).collect();
    assert_eq!(sends_as, ["*@lovelace.example", "office@gatepost.example", "\u{e9}va@elsewhere.example"]);
    assert!(!ada.mechanisms().contains(&Mechanism::CramMd5));
    let printer = directory.show("printer@gatepost.example").unwrap();
    assert!(printer.mechanisms().contains(&Mechanism::CramMd5));
}

#[test]
fn refusals_are_for_people_and_change_nothing() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    add(&directory, ADA, "pencil");
    let error = |new: NewAccount| directory.add(&new).unwrap_err().to_string();
    let with = |name: &str, password: &str| NewAccount::new(name, Secret::new(password), NOW);
    let rows = [
        (with("Ada@Gatepost.example", "x"), "ada@gatepost.example is there already"),
        (with("bob", "x"), "an address has the form local-part@domain"),
        (with("a/b@gatepost.example", "x"), "must not hold any of / %"),
        (with("bob@gatepost.example", ""), "the password is empty"),
        (with("bob@gatepost.example", "a\0b"), "NUL"),
        (with("bob@gatepost.example", &"x".repeat(1_025)), "longer than 1024 octets"),
        (
            NewAccount { allow: vec![Mechanism::Plain], ..with("bob@gatepost.example", "x") },
            "PLAIN needs no allowing",
        ),
    ];
    for (new, want) in rows {
        let said = error(new);
        assert!(said.contains(want), "{said}");
    }
    let some: SendsAs = "x@gatepost.example".parse().unwrap();
    let many = vec![some; crate::limits::SENDS_AS_MOST + 1];
    assert!(error(NewAccount { sends_as: many, ..with("bob@gatepost.example", "x") }).contains("1000"));
    assert_eq!(directory.list().unwrap().len(), 1);
    let unknown = directory.suspend("bob@gatepost.example").unwrap_err().to_string();
    assert!(unknown.contains("there is no account bob@gatepost.example"), "{unknown}");
}

/// What is stored in clear would be found by its octets, in the database or its log.
#[test]
fn no_secret_is_stored_or_shown_in_clear() {
    let password = "Correct-Horse-7f3a";
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    let new = NewAccount {
        allow: vec![Mechanism::CramMd5],
        ..NewAccount::new("horse-owner@gatepost.example", Secret::new(password), NOW)
    };
    let account = directory.add(&new).unwrap();
    let secret = directory.secret(&login(account.name())).unwrap();
    let verifier = directory.verifier(&login(account.name()), ScramHash::Sha1).unwrap();
    let change = PasswordChange { password: Secret::new(password), allow: None, realm: None, changed: NOW };
    let shown = format!("{new:?} {account:?} {secret:?} {verifier:?} {change:?} {directory:?}");
    assert!(!shown.contains(password), "{shown}");
    let (stored, keys) = stored_octets(&data_dir);
    drop(directory);
    let holds = |octets: &[u8], text: &[u8]| octets.windows(text.len()).any(|part| part == text);
    assert!(holds(&stored, b"horse-owner"), "the scan finds what is there");
    assert!(!holds(&stored, password.as_bytes()));
    // Nor the key that would open the sealed one.
    assert!(keys.iter().all(|key| !holds(&stored, key)));
}

/// All octets of the database's files, and of the keys. Copied by another process: closing a file that SQLite has
/// open in this one would drop its locks.
fn stored_octets(data_dir: &TempDir) -> (Vec<u8>, Vec<Vec<u8>>) {
    let copy = TempDir::new().unwrap();
    let source = data_dir.path().join("accounts");
    let done = std::process::Command::new("cp").arg("-r").arg(&source).arg(copy.path()).status().unwrap();
    assert!(done.success());
    let read = |name: &str| fs::read(copy.path().join("accounts").join(name)).unwrap();
    let stored = [read("accounts.sqlite"), read("accounts.sqlite-wal")].concat();
    let keys = ["sealing.key", "decoy.key"].map(|name| read(name).trim_ascii().to_vec());
    (stored, keys.to_vec())
}

#[test]
fn files_are_for_the_owner_alone() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    add(&directory, ADA, "pencil");
    let folder = data_dir.path().join("accounts");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    let database = ["accounts.sqlite", "accounts.sqlite-shm", "accounts.sqlite-wal"];
    assert_eq!(names[..3], database);
    assert_eq!(names[3..], ["decoy.key", "opening.lock", "sealing.key"]);
}

#[test]
fn files_that_others_can_read_are_refused_with_the_mend() {
    for name in ["accounts.sqlite", "sealing.key", "decoy.key"] {
        let data_dir = TempDir::new().unwrap();
        drop(open(&data_dir));
        let path = data_dir.path().join("accounts").join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap_err().to_string();
        assert!(refused.contains("mode 640") && refused.contains("chmod 600"), "{refused}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        drop(open(&data_dir));
    }
}

#[test]
fn damage_is_never_a_wrong_password() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    let new =
        NewAccount { allow: vec![Mechanism::CramMd5], ..NewAccount::new(ADA, Secret::new("pencil"), NOW) };
    directory.add(&new).unwrap();
    let connection = rusqlite::Connection::open(data_dir.path().join("accounts/accounts.sqlite")).unwrap();
    connection.execute("UPDATE credential SET value = x'01'", []).unwrap();
    let directory = around(directory);
    runtime().block_on(async {
        let password = directory.check_password(ADA, Secret::new("pencil")).await.unwrap_err().to_string();
        let cram = directory.cram_secret(ADA).await.unwrap_err().to_string();
        let scram = directory.scram_verifier(ADA, ScramHash::Sha256).await.unwrap_err().to_string();
        for said in [password, cram, scram] {
            assert!(said.contains("gatepost account passwd ada@gatepost.example"), "{said}");
        }
        connection.execute_batch("DROP TABLE credential").unwrap();
        let gone = directory.check_password(ADA, Secret::new("pencil")).await;
        assert!(matches!(gone, Err(DirectoryError::Unavailable(StoreFault::Database(_)))), "{gone:?}");
    });
}

/// A sealed secret is worth nothing in another account's row.
#[test]
fn a_sealed_secret_opens_for_its_account_only() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    for (name, password) in [(ADA, "pencil"), ("bob@gatepost.example", "eraser")] {
        let new = NewAccount {
            allow: vec![Mechanism::CramMd5],
            ..NewAccount::new(name, Secret::new(password), NOW)
        };
        directory.add(&new).unwrap();
    }
    let connection = rusqlite::Connection::open(data_dir.path().join("accounts/accounts.sqlite")).unwrap();
    let swap = "UPDATE credential SET value =
        (SELECT value FROM credential WHERE kind = 'cram-md5' AND account = 2)
        WHERE kind = 'cram-md5' AND account = 1";
    assert_eq!(connection.execute(swap, []).unwrap(), 1);
    assert!(matches!(directory.secret(&login(ADA)), Err(StoreFault::Record { .. })));
    assert!(directory.secret(&login("bob@gatepost.example")).unwrap().is_some());
}

#[test]
fn any_number_may_open_at_once() {
    let data_dir = TempDir::new().unwrap();
    let decoys: Vec<ScramVerifier> = thread::scope(|scope| {
        let open = || open(&data_dir).fake_verifier("nobody@gatepost.example", ScramHash::Sha1);
        let opening: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        opening.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(decoys.windows(2).all(|pair| pair[0] == pair[1]), "two of them made keys");
}

#[test]
fn two_that_add_the_same_account_make_one() {
    let data_dir = TempDir::new().unwrap();
    let engines = [open(&data_dir), open(&data_dir)];
    let added: Vec<bool> = thread::scope(|scope| {
        let adding: Vec<_> = engines
            .iter()
            .map(|engine| scope.spawn(|| engine.add(&NewAccount::new(ADA, Secret::new("pencil"), NOW))))
            .collect();
        adding.into_iter().map(|thread| thread.join().unwrap().is_ok()).collect()
    });
    assert_eq!(added.iter().filter(|added| **added).count(), 1);
}

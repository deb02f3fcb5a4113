use std::time::Duration;

use gatepost_sasl::Secret;
use tempfile::TempDir;

use super::*;
use crate::NewAccount;
use crate::embedded::EmbeddedSettings;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const ADA: &str = "ada@gatepost.example";

fn open(data_dir: &TempDir) -> Embedded {
    Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap()
}

fn from(address: [u8; 4]) -> Network {
    Network::of_client(address.into())
}

fn note(network: Network, at: Timestamp) -> LoginNote {
    LoginNote { account: ADA.to_owned(), device: None, network, mechanism: Mechanism::Plain, at }
}

fn remembered(directory: &Embedded) -> Remembered {
    login(&directory.store.reading(), ADA).unwrap()
}

#[test]
fn networks_are_forgotten_when_old_or_many() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    let knows = |address, now| directory.knew_network((ADA, from(address)), now).unwrap();
    directory.note_login(&note(from([192, 0, 2, 1]), NOW)).unwrap();
    assert!(knows([192, 0, 2, 1], NOW.after(NETWORK_KEPT)));
    assert!(!knows([192, 0, 2, 1], NOW.after(NETWORK_KEPT + Duration::from_secs(1))));
    for last in 0..50 {
        let at = NOW.after(Duration::from_secs(u64::from(last)));
        directory.note_login(&note(from([10, 0, 0, last]), at)).unwrap();
    }
    let kept: Vec<u8> = (0..50).filter(|last| knows([10, 0, 0, *last], NOW)).collect();
    assert_eq!(kept, (50 - 32..50).collect::<Vec<u8>>());
    assert!(!knows([192, 0, 2, 1], NOW));
}

/// A login a moment after another writes nothing: the row's change counter stands still.
#[test]
fn a_flood_of_logins_writes_once_a_minute() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    let home = from([192, 0, 2, 1]);
    let at = |seconds| NOW.after(Duration::from_secs(seconds));
    for second in 0..200 {
        directory.note_login(&note(home, at(second))).unwrap();
    }
    assert_eq!(remembered(&directory).last_use.unwrap().at, at(180));
    let changes: i64 =
        directory.store.noting().query_row("SELECT total_changes()", [], |row| row.get(0)).unwrap();
    assert_eq!(changes, 4 * 2, "two rows at 0, 60, 120 and 180 seconds");
    directory.note_login(&note(from([192, 0, 2, 2]), at(181))).unwrap();
    assert_eq!(remembered(&directory).last_use.unwrap().network, from([192, 0, 2, 2]));
}

#[test]
fn the_first_bound_login_sets_the_ratchet_and_the_operator_resets_it() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    directory.add(&NewAccount::new(ADA, Secret::new("pencil"), NOW)).unwrap();
    let home = from([192, 0, 2, 1]);
    let bound = |at| LoginNote { mechanism: Mechanism::ScramSha256Plus, ..note(home, at) };
    directory.note_login(&note(home, NOW)).unwrap();
    assert_eq!(remembered(&directory).bound_since, None);
    let later = NOW.after(Duration::from_secs(5));
    directory.note_login(&bound(later)).unwrap();
    directory.note_login(&bound(NOW.after(Duration::from_secs(500)))).unwrap();
    directory.note_login(&note(home, NOW.after(Duration::from_secs(900)))).unwrap();
    drop(directory);
    let directory = open(&data_dir);
    assert_eq!(directory.show(ADA).unwrap().bound_since(), Some(later));
    assert_eq!(directory.reset_ratchet(ADA).unwrap(), 1);
    assert_eq!(directory.reset_ratchet(ADA).unwrap(), 0);
    assert_eq!(directory.show(ADA).unwrap().bound_since(), None);
    directory.note_login(&bound(NOW.after(Duration::from_secs(901)))).unwrap();
    assert!(directory.show(ADA).unwrap().bound_since().is_some());
    // An account of the same name is another.
    directory.remove(ADA).unwrap();
    assert_eq!(remembered(&directory), Remembered::default());
    assert!(!directory.knew_network((ADA, home), NOW).unwrap());
}

#[test]
fn nonces_are_used_over_restarts_and_forgotten_when_old() {
    let data_dir = TempDir::new().unwrap();
    let seconds = NOW.as_seconds();
    let nonce = |text, timestamp| OauthOneNonce { consumer: "c", token: "t", nonce: text, timestamp };
    let directory = open(&data_dir);
    assert_eq!(directory.use_nonce(&nonce("a", seconds), NOW).unwrap(), Freshness::New);
    drop(directory);
    let directory = open(&data_dir);
    assert_eq!(directory.use_nonce(&nonce("a", seconds), NOW).unwrap(), Freshness::Used);
    let kept = || -> u32 {
        directory.store.reading().query_row("SELECT count(*) FROM nonce", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(kept(), 1);
    let later = NOW.after(Duration::from_secs(OAUTH_ONE_WINDOW_SECONDS + 1));
    assert_eq!(directory.use_nonce(&nonce("a", seconds), later).unwrap(), Freshness::Used);
    assert_eq!(directory.use_nonce(&nonce("b", seconds + 100), later).unwrap(), Freshness::New);
    assert_eq!(kept(), 1, "the old one is gone");
}

#[test]
fn the_nonces_of_one_credential_are_bounded() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    let seconds = NOW.as_seconds();
    let credential = digest(&["c", "t"]);
    directory
        .store
        .change(|change| -> Result<(), StoreFault> {
            let fill = "INSERT INTO nonce WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                SELECT CAST(i AS BLOB), ?2, ?3 FROM n";
            let seconds = i64::try_from(seconds).unwrap();
            change.0.execute(fill, params![OAUTH_ONE_NONCES_MOST, credential.as_ref(), seconds])?;
            Ok(())
        })
        .unwrap();
    let nonce = |token| OauthOneNonce { consumer: "c", token, nonce: "n", timestamp: seconds };
    assert_eq!(directory.use_nonce(&nonce("t"), NOW).unwrap(), Freshness::Unavailable);
    assert_eq!(directory.use_nonce(&nonce("u"), NOW).unwrap(), Freshness::New);
}

/// What is remembered is not waited for; an account that was changed is.
#[test]
fn noting_a_login_does_not_wait_for_the_disk() {
    let data_dir = TempDir::new().unwrap();
    let directory = open(&data_dir);
    let synchronous = |connection: &Connection| -> u8 {
        connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap()
    };
    const NORMAL: u8 = 1;
    const FULL: u8 = 2;
    assert_eq!(synchronous(&directory.store.noting()), NORMAL);
    let changing = directory.store.change(|change| Ok::<_, StoreFault>(synchronous(&change.0)));
    assert_eq!(changing.unwrap(), FULL);
}

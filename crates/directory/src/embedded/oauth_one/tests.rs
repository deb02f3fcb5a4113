use gatepost_sasl::Mechanism;
use tempfile::TempDir;

use super::*;
use crate::NewAccount;
use crate::embedded::EmbeddedSettings;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const ADA: &str = "ada@gatepost.example";

#[test]
fn keys_live_from_add_to_revoke() {
    let data_dir = TempDir::new().unwrap();
    let directory = Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap();
    directory.add(&NewAccount::new(ADA, Secret::new("pencil"), NOW)).unwrap();
    let keys = directory.add_oauth_one("Ada@Gatepost.example", "script", NOW).unwrap();
    let other = directory.add_oauth_one(ADA, "other", NOW).unwrap();
    assert_ne!(keys.consumer_secret, other.consumer_secret);
    assert_eq!(directory.open_oauth_one(&keys.consumer, &keys.token).unwrap().as_ref(), Some(&keys));
    assert_eq!(directory.open_oauth_one(&keys.consumer, &other.token).unwrap(), None);
    assert!(directory.show(ADA).unwrap().mechanisms().contains(&Mechanism::Oauth10a));
    let labels = directory.oauth_one_labels(ADA).unwrap();
    assert_eq!(labels.iter().map(|one| one.label.as_str()).collect::<Vec<_>>(), ["other", "script"]);
    let taken = directory.add_oauth_one(ADA, "script", NOW).unwrap_err().to_string();
    assert_eq!(taken, "ada@gatepost.example has an OAuth 1 key \"script\" already");
    directory.revoke_oauth_one(ADA, "script").unwrap();
    assert_eq!(directory.open_oauth_one(&keys.consumer, &keys.token).unwrap(), None);
    assert_eq!(directory.open_oauth_one(&other.consumer, &other.token).unwrap().as_ref(), Some(&other));
    assert!(directory.revoke_oauth_one(ADA, "script").is_err());
    directory.suspend(ADA).unwrap();
    assert_eq!(directory.open_oauth_one(&other.consumer, &other.token).unwrap(), None);
}

/// A secret is worth nothing in the place of the other, or in another account's row.
#[test]
fn sealed_secrets_open_in_their_place_only() {
    let data_dir = TempDir::new().unwrap();
    let directory = Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap();
    directory.add(&NewAccount::new(ADA, Secret::new("pencil"), NOW)).unwrap();
    let keys = directory.add_oauth_one(ADA, "script", NOW).unwrap();
    let connection = rusqlite::Connection::open(data_dir.path().join("accounts/accounts.sqlite")).unwrap();
    let swap = "UPDATE oauth_one SET consumer_secret = token_secret, token_secret = consumer_secret";
    assert_eq!(connection.execute(swap, []).unwrap(), 1);
    let damaged = directory.open_oauth_one(&keys.consumer, &keys.token);
    assert!(matches!(damaged, Err(StoreFault::Record { .. })), "{damaged:?}");
}

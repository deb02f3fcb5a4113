use std::sync::Arc;

use gatepost_mail::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::{Directories, Directory as _, Embedded, EmbeddedSettings, Engine, NewAccount, Place};

const ADA: &str = "ada@gatepost.example";
const HOUR: Duration = Duration::from_secs(3600);

struct Fixture {
    _folder: TempDir,
    accounts: Arc<Embedded>,
}

fn fixture() -> Fixture {
    let folder = TempDir::new().unwrap();
    let accounts = Arc::new(Embedded::open(folder.path(), EmbeddedSettings::default()).unwrap());
    Fixture { _folder: folder, accounts }
}

fn recent(fixture: &Fixture, remember: Duration) -> Recent {
    Recent::new(remember, fixture.accounts.password_threads())
}

const RIGHT: Known<PasswordCheck> = Known::Here(PasswordCheck::Right);
const WRONG: Known<PasswordCheck> = Known::Here(PasswordCheck::Wrong);

#[tokio::test]
async fn it_knows_what_was_right_until_something_was_wrong() {
    let fixture = fixture();
    let recent = recent(&fixture, HOUR);
    let [pencil, eraser] = ["pencil", "eraser"].map(Secret::new);
    assert!(!recent.knows(ADA, &pencil).await.unwrap());
    recent.learn(ADA, &pencil, &RIGHT).await.unwrap();
    assert!(recent.knows("Ada@Gatepost.example", &pencil).await.unwrap());
    assert!(!recent.knows(ADA, &eraser).await.unwrap());
    assert!(!recent.knows("bob@gatepost.example", &pencil).await.unwrap());
    for check in [WRONG, Known::Elsewhere, Known::Here(PasswordCheck::RightAs("ada%x@y.example".to_owned()))]
    {
        recent.learn(ADA, &pencil, &RIGHT).await.unwrap();
        recent.learn(ADA, &eraser, &check).await.unwrap();
        assert!(!recent.knows(ADA, &pencil).await.unwrap(), "{check:?}");
    }
}

#[tokio::test]
async fn it_forgets() {
    let fixture = fixture();
    let recent = recent(&fixture, Duration::ZERO);
    recent.learn(ADA, &Secret::new("pencil"), &RIGHT).await.unwrap();
    assert!(!recent.knows(ADA, &Secret::new("pencil")).await.unwrap());
}

#[tokio::test]
async fn it_has_an_end_and_holds_no_password() {
    let fixture = fixture();
    let recent = recent(&fixture, HOUR);
    let entry = |until| Entry { salt: [0; ARGON2_SALT_OCTETS], output: Secret::new("x"), until };
    let later = Instant::now() + HOUR;
    recent.entries().extend((0..RECENT_MOST).map(|number| (number.to_string(), entry(later))));
    let pencil = Secret::new("pencil");
    recent.learn(ADA, &pencil, &RIGHT).await.unwrap();
    assert!(!recent.knows(ADA, &pencil).await.unwrap(), "there is no room");
    recent.entries().insert("0".to_owned(), entry(Instant::now()));
    recent.learn(ADA, &pencil, &RIGHT).await.unwrap();
    assert!(recent.knows(ADA, &pencil).await.unwrap(), "there was an old one");
    assert_eq!(recent.entries().len(), RECENT_MOST);
    let entries = recent.entries();
    let output = entries.get(ADA).unwrap().output.expose();
    assert!(!output.windows(6).any(|part| part == b"pencil") && output.len() == 32);
}

/// Around a real source: one question of a password while it is remembered, none once the account is suspended.
#[tokio::test]
async fn a_suspended_account_gets_no_use_of_it() {
    let fixture = fixture();
    fixture.accounts.add(&NewAccount::new(ADA, Secret::new("pencil"), Timestamp::from_micros(0))).unwrap();
    let place = Place {
        engine: Engine::Embedded(Arc::clone(&fixture.accounts)),
        domains: Vec::new(),
        recent: Some(recent(&fixture, HOUR)),
    };
    let directory = Directories::new(Arc::clone(&fixture.accounts), vec![place]);
    let check = async || directory.check_password(ADA, Secret::new("pencil")).await.unwrap();
    assert_eq!(check().await, PasswordCheck::Right);
    fixture.accounts.suspend(ADA).unwrap();
    assert_eq!(check().await, PasswordCheck::Wrong);
    fixture.accounts.resume(ADA).unwrap();
    assert_eq!(check().await, PasswordCheck::Right);
}

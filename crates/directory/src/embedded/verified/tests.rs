use gatepost_mail::Timestamp;
use gatepost_sasl::PasswordCheck;
use tempfile::TempDir;

use super::*;
use crate::embedded::{Embedded, EmbeddedSettings};
use crate::{NewAccount, PasswordChange, Source as _};

const ADA: &str = "ada@gatepost.example";
const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);
const RIGHT: Known = crate::Known::Here(PasswordCheck::Right);
const WRONG: Known = crate::Known::Here(PasswordCheck::Wrong);

type Known = crate::Known<PasswordCheck>;

/// The server's store, and another one of the same files, as a command of another process has it.
struct Fixture {
    _folder: TempDir,
    server: Embedded,
    command: Embedded,
}

impl Fixture {
    /// With Ada, whose password is `pencil`.
    fn new(kept: Duration) -> Self {
        let folder = TempDir::new().unwrap();
        let [server, command] =
            [(), ()].map(|()| Embedded::open(folder.path(), EmbeddedSettings::default()).unwrap());
        server.keep_verified(kept);
        command.add(&NewAccount::new(ADA, Secret::new("pencil"), NOW)).unwrap();
        Self { _folder: folder, server, command }
    }

    async fn check(&self, user: &str, password: &str) -> Known {
        self.server.check_password(user, &Secret::new(password)).await.unwrap()
    }

    /// The same, and how much work of password threads it was.
    async fn counted(&self, user: &str, password: &str) -> (Known, u64) {
        let before = self.server.password_load().runs;
        let known = self.check(user, password).await;
        (known, self.server.password_load().runs - before)
    }
}

#[tokio::test]
async fn the_second_login_needs_no_password_thread() {
    let fixture = Fixture::new(HOUR);
    assert_eq!(fixture.counted(ADA, "pencil").await, (RIGHT, 2), "in full, and to remember it");
    assert_eq!(fixture.counted(ADA, "pencil").await, (RIGHT, 0));
    assert_eq!(fixture.counted("Ada@Gatepost.EXAMPLE", "pencil").await, (RIGHT, 0));
    assert_eq!(fixture.counted(ADA, "eraser").await, (WRONG, 1), "a wrong one costs what it costs");
    assert_eq!(fixture.counted(ADA, "pencil").await, (RIGHT, 0), "and takes nothing from the right one");
}

#[tokio::test]
async fn what_a_command_changes_counts_at_once() {
    let fixture = Fixture::new(HOUR);
    let command = &fixture.command;
    let remembered = async || {
        fixture.check(ADA, "pencil").await;
        assert_eq!(fixture.counted(ADA, "pencil").await, (RIGHT, 0));
    };
    remembered().await;
    command.suspend(ADA).unwrap();
    assert_eq!(fixture.check(ADA, "pencil").await, WRONG);
    command.resume(ADA).unwrap();
    remembered().await;
    // The same password again: another salt, and so another hash.
    for password in ["eraser", "pencil"] {
        let change =
            PasswordChange { password: Secret::new(password), allow: None, realm: None, changed: NOW };
        command.set_password(ADA, &change).unwrap();
        let want = if password == "pencil" { RIGHT } else { WRONG };
        assert_eq!(fixture.counted(ADA, "pencil").await.0, want);
    }
    remembered().await;
    command.remove(ADA).unwrap();
    assert_eq!(fixture.check(ADA, "pencil").await, crate::Known::Elsewhere);
    command.add(&NewAccount::new(ADA, Secret::new("ruler"), NOW)).unwrap();
    assert_eq!(fixture.check(ADA, "pencil").await, WRONG);
}

#[tokio::test]
async fn it_ends_by_itself_and_can_be_switched_off() {
    let fixture = Fixture::new(Duration::from_millis(1));
    fixture.check(ADA, "pencil").await;
    let entry = fixture.server.verified.entries().by_account.get(ADA).cloned().unwrap();
    while Instant::now() < entry.until {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.counted(ADA, "pencil").await, (RIGHT, 2));
    {
        let mut entries = fixture.server.verified.entries();
        entries.sweep(entry.until + VERIFIED_SWEPT_EVERY + HOUR);
        assert!(entries.by_account.is_empty());
    }

    fixture.server.keep_verified(HOUR);
    fixture.check(ADA, "pencil").await;
    assert_eq!(fixture.counted(ADA, "pencil").await, (RIGHT, 0));
    fixture.server.keep_verified(Duration::ZERO);
    assert!(fixture.server.verified.entries().by_account.is_empty());
    assert_eq!(fixture.counted(ADA, "pencil").await, (RIGHT, 1), "nothing is remembered");
    assert_eq!(fixture.counted(ADA, "pencil").await, (RIGHT, 1));
}

#[tokio::test]
async fn it_has_an_end_and_holds_no_password() {
    let fixture = Fixture::new(HOUR);
    let secret = || Secret::new("x");
    let entry = |until| Entry { stored: secret(), salt: [0; ARGON2_SALT_OCTETS], output: secret(), until };
    let later = Instant::now() + HOUR;
    let others = (0..VERIFIED_MOST).map(|number| (number.to_string(), entry(later)));
    fixture.server.verified.entries().by_account.extend(others);
    fixture.check(ADA, "pencil").await;
    assert_eq!(fixture.counted(ADA, "pencil").await, (RIGHT, 2), "there is no room");
    fixture.server.verified.entries().by_account.insert("0".to_owned(), entry(Instant::now()));
    fixture.check(ADA, "pencil").await;
    assert_eq!(fixture.counted(ADA, "pencil").await, (RIGHT, 0), "there was an old one");
    let entries = fixture.server.verified.entries();
    assert_eq!(entries.by_account.len(), VERIFIED_MOST);
    let kept = entries.by_account.get(ADA).unwrap();
    for octets in [kept.output.expose(), kept.stored.expose()] {
        assert!(!octets.windows(6).any(|part| part == b"pencil"));
    }
}

/// The work for a name must not tell whether somebody of that name has logged in.
#[tokio::test]
async fn whoever_it_is_one_short_hash_is_made() {
    let fixture = Fixture::new(HOUR);
    fixture.check(ADA, "pencil").await;
    let counter = Arc::new(AtomicU64::new(0));
    lock(&fixture.server.verified.scratches).push(Scratch::new(Arc::clone(&counter)));
    for (number, user) in [ADA, "nobody@gatepost.example"].into_iter().enumerate() {
        fixture.check(user, "eraser").await;
        assert_eq!(counter.load(Ordering::Relaxed), u64::try_from(number).unwrap() + 1, "{user}");
    }
}

use super::*;

const HOME: &str = "198.51.100.7";
const ELSEWHERE: &str = "192.0.2.1";

fn attempt<'a>(client: &str, user: Option<&'a str>, second: u64) -> Attempt<'a> {
    Attempt {
        client: client.parse().unwrap(),
        user,
        familiar: Familiar::Stranger,
        now: Timestamp::from_micros(second * 1_000_000),
        window: Duration::from_secs(900),
    }
}

fn stranger(of_network: u32, of_account: u32) -> Standing {
    Standing::Stranger { of_network, of_account }
}

#[test]
fn failures_are_forgotten_after_the_window() {
    let guard = Guard::default();
    assert_eq!(guard.failed(&attempt(ELSEWHERE, Some("ada"), 1)), stranger(1, 1));
    assert_eq!(guard.standing(&attempt(ELSEWHERE, Some("ada"), 2)), stranger(1, 1));
    assert_eq!(guard.standing(&attempt(ELSEWHERE, Some("ada"), 901)), Standing::NEW);
}

#[test]
fn a_stranger_cannot_lock_an_account_out_of_its_own_network() {
    let guard = Guard::default();
    guard.succeeded(&attempt(HOME, Some("ada"), 1));
    for _ in 0..20 {
        guard.failed(&attempt(ELSEWHERE, Some("ada"), 2));
    }
    assert_eq!(guard.standing(&attempt(HOME, Some("ada"), 3)), Standing::Known { failures: 0 });
    assert_eq!(guard.standing(&attempt("203.0.113.9", Some("ada"), 3)), stranger(0, 20));
}

/// Nor out of one that only the directory remembers, after a restart.
#[test]
fn what_the_directory_remembers_counts_too() {
    let guard = Guard::default();
    let at_home = Attempt { familiar: Familiar::Known, ..attempt(HOME, Some("ada"), 3) };
    for _ in 0..20 {
        guard.failed(&attempt(ELSEWHERE, Some("ada"), 2));
    }
    assert_eq!(guard.standing(&at_home), Standing::Known { failures: 0 });
    assert_eq!(guard.failed(&at_home), Standing::Known { failures: 1 });
    assert_eq!(guard.standing(&attempt(HOME, Some("bob"), 3)), Standing::NEW, "it counts for the pair alone");
}

/// Behind one address: a device whose password was changed, and people who work.
#[test]
fn a_forgotten_device_does_not_lock_its_office_out() {
    let guard = Guard::default();
    for user in ["ada@ours", "bob@ours", "ada%printer@ours"] {
        guard.succeeded(&attempt(HOME, Some(user), 1));
    }
    for _ in 0..20 {
        guard.failed(&attempt(HOME, Some("ada%printer@ours"), 2));
        guard.failed(&attempt(HOME, Some("gone@ours"), 2));
    }
    assert_eq!(guard.standing(&attempt(HOME, Some("ada@ours"), 3)), Standing::Known { failures: 0 });
    assert_eq!(guard.standing(&attempt(HOME, Some("bob@ours"), 3)), Standing::Known { failures: 0 });
    assert_eq!(guard.standing(&attempt(HOME, Some("ada%printer@ours"), 3)), Standing::Known { failures: 20 });
    assert_eq!(guard.standing(&attempt(HOME, Some("eve@ours"), 3)), stranger(20, 0));
}

#[test]
fn at_home_guessing_has_an_end_too_and_a_success_begins_anew() {
    let guard = Guard::default();
    let ada = attempt(HOME, Some("ada"), 1);
    guard.succeeded(&ada);
    for failures in 1..=5 {
        assert_eq!(guard.failed(&ada), Standing::Known { failures });
    }
    guard.succeeded(&ada);
    assert_eq!(guard.standing(&ada), Standing::Known { failures: 0 });
}

#[test]
fn a_success_of_one_account_frees_no_other() {
    let guard = Guard::default();
    for _ in 0..5 {
        guard.failed(&attempt(ELSEWHERE, Some("ada"), 1));
    }
    guard.succeeded(&attempt(ELSEWHERE, Some("mallory"), 2));
    assert_eq!(guard.standing(&attempt(ELSEWHERE, Some("ada"), 3)), stranger(5, 5));
}

#[test]
fn memory_is_bounded() {
    let guard = Guard::default();
    for number in 0..(2 * MOST as u32) {
        let client = IpAddr::from(number.to_be_bytes());
        let user = number.to_string();
        let now = Timestamp::from_micros(u64::from(number));
        let window = Duration::from_secs(900);
        let attempt = Attempt { client, user: Some(&user), familiar: Familiar::Stranger, now, window };
        guard.failed(&attempt);
        guard.failed(&Attempt { familiar: Familiar::Known, ..attempt });
        guard.succeeded(&Attempt { user: Some(&format!("{user}@ours")), ..attempt });
    }
    let state = guard.state();
    let sizes = [state.networks.len(), state.accounts.len(), state.pairs.len(), state.known.len()];
    assert!(sizes.iter().all(|size| (1..=MOST).contains(size)), "{sizes:?}");
}

#[test]
fn so_many_replies_wait_and_no_more() {
    let guard = Guard::default();
    let second = Duration::from_secs(1);
    assert!(guard.hold(Duration::ZERO).is_none());
    let mut held: Vec<Hold> = (0..HELD_MOST).map(|_| guard.hold(second).unwrap()).collect();
    assert!(guard.hold(second).is_none());
    held.pop();
    assert_eq!(guard.hold(second).unwrap().delay, second);
}

#[tokio::test]
async fn strangers_wait_for_each_other_and_who_is_known_for_nobody() {
    let guard = Arc::new(Guard::default());
    let mut turns = Vec::new();
    for _ in 0..STRANGERS_AT_ONCE {
        turns.push(guard.turn(Familiar::Stranger).await.unwrap());
    }
    let waits = || {
        let guard = Arc::clone(&guard);
        tokio::spawn(async move { guard.turn(Familiar::Stranger).await.is_some() })
    };
    let waiting: Vec<_> = (0..STRANGERS_WAITING_MOST).map(|_| waits()).collect();
    while guard.waiting.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(guard.turn(Familiar::Stranger).await.is_none(), "too many wait");
    assert!(guard.turn(Familiar::Known).await.is_some());
    turns.clear();
    for waited in waiting {
        assert!(waited.await.unwrap());
    }
}

#[test]
fn a_device_belongs_to_its_account() {
    for (user, want) in [
        ("ada%printer@ours.example", "ada@ours.example"),
        ("ada@ours.example", "ada@ours.example"),
        ("ada%printer", "ada%printer"),
        ("", ""),
    ] {
        assert_eq!(account_of(user), want);
    }
}

//! Failed logins, counted per client network and per account.
//!
//! A stranger who fails on purpose must not lock an account out of the networks that its owner uses: failures
//! of an account count only for networks from which it has not logged in lately.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gatepost_mail::Timestamp;
use gatepost_policy::rules::Network;

/// Most networks, accounts and known pairs that are remembered, each; the oldest make room. A flood from more
/// networks than this is slowed by the directory's bounded pool.
const MOST: usize = 50_000;

/// Failures so far, within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    /// Of the client's network.
    pub of_network: u32,
    /// Of the account, as far as they count for this network.
    pub of_account: u32,
}

/// Counts failed logins.
#[derive(Debug, Default)]
pub struct Guard {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    networks: HashMap<Network, Count>,
    accounts: HashMap<String, Count>,
    /// When an account last logged in from a network.
    known: HashMap<(String, Network), Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    since: Timestamp,
}

/// Who tries to log in, and when.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// From where.
    pub client: IpAddr,
    /// As whom, once that is known; in folded form.
    pub user: Option<&'a str>,
    /// When.
    pub now: Timestamp,
    /// How long failures count.
    pub window: Duration,
}

impl Guard {
    /// The failures that count against this attempt.
    pub fn failures(&self, attempt: &Attempt<'_>) -> Failures {
        let network = Network::of_client(attempt.client);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |count: &&Count| attempt.now.elapsed_since(count.since) < attempt.window;
        let of_network = state.networks.get(&network).filter(fresh).map_or(0, |count| count.failures);
        let of_account = attempt.user.map_or(0, |user| {
            if state.known.contains_key(&(user.to_owned(), network)) {
                return 0;
            }
            state.accounts.get(user).filter(fresh).map_or(0, |count| count.failures)
        });
        Failures { of_network, of_account }
    }

    /// Counts a failure. To be called before the client hears of it, so that hanging up early gives no free
    /// guess.
    pub fn failed(&self, attempt: &Attempt<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        count(&mut state.networks, Network::of_client(attempt.client), attempt);
        if let Some(user) = attempt.user {
            count(&mut state.accounts, user.to_owned(), attempt);
        }
    }

    /// Notes a success: failures of the account count no more for this network.
    pub fn succeeded(&self, attempt: &Attempt<'_>) {
        let Some(user) = attempt.user else { return };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut state.known, |at| *at);
        state.known.insert((user.to_owned(), Network::of_client(attempt.client)), attempt.now);
    }
}

fn count<K: std::hash::Hash + Eq + Clone>(counts: &mut HashMap<K, Count>, key: K, attempt: &Attempt<'_>) {
    make_room(counts, |count| count.since);
    let entry = counts.entry(key).or_insert(Count { failures: 0, since: attempt.now });
    if attempt.now.elapsed_since(entry.since) >= attempt.window {
        *entry = Count { failures: 0, since: attempt.now };
    }
    entry.failures = entry.failures.saturating_add(1);
}

/// Drops the older half of a full map: seldom, so that the work per call stays small.
fn make_room<K: std::hash::Hash + Eq + Clone, V>(map: &mut HashMap<K, V>, age: impl Fn(&V) -> Timestamp) {
    if map.len() < MOST {
        return;
    }
    let mut ages: Vec<Timestamp> = map.values().map(&age).collect();
    ages.sort_unstable();
    let middle = ages.get(ages.len() / 2).copied().unwrap_or_default();
    map.retain(|_, value| age(value) > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt<'a>(client: &str, user: Option<&'a str>, second: u64) -> Attempt<'a> {
        Attempt {
            client: client.parse().unwrap(),
            user,
            now: Timestamp::from_micros(second * 1_000_000),
            window: Duration::from_secs(900),
        }
    }

    #[test]
    fn failures_are_forgotten_after_the_window() {
        let guard = Guard::default();
        guard.failed(&attempt("192.0.2.1", Some("ada"), 1));
        assert_eq!(
            guard.failures(&attempt("192.0.2.1", Some("ada"), 2)),
            Failures { of_network: 1, of_account: 1 }
        );
        assert_eq!(guard.failures(&attempt("192.0.2.1", Some("ada"), 901)), Failures::default());
    }

    #[test]
    fn a_stranger_cannot_lock_an_account_out_of_its_own_network() {
        let guard = Guard::default();
        guard.succeeded(&attempt("198.51.100.7", Some("ada"), 1));
        for _ in 0..20 {
            guard.failed(&attempt("192.0.2.1", Some("ada"), 2));
        }
        assert_eq!(guard.failures(&attempt("198.51.100.7", Some("ada"), 3)), Failures::default());
        assert_eq!(guard.failures(&attempt("203.0.113.9", Some("ada"), 3)).of_account, 20);
    }

    #[test]
    fn memory_is_bounded() {
        let guard = Guard::default();
        for number in 0..(2 * MOST as u32) {
            let client = IpAddr::from(number.to_be_bytes());
            let now = Timestamp::from_micros(u64::from(number));
            guard.failed(&Attempt { client, user: None, now, window: Duration::from_secs(900) });
        }
        assert!(guard.state.lock().unwrap().networks.len() <= MOST);
    }
}

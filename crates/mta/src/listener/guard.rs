//! Failed logins, counted; and how many clients may be held back at once for them.
//!
//! Where an account normally comes from a network, only what fails at this very pair counts there. Everything else is the
//! doing of strangers: it counts for their network and for the account, against strangers only. So nobody can lock an
//! account out of the networks that its owner uses, and a forgotten device does not lock out the office around it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use gatepost_mail::Timestamp;
use gatepost_policy::auth::Standing;
use gatepost_policy::rules::Network;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Most networks, accounts, pairs that failed and pairs that are known, each; the older half makes room. With names kept as
/// hashes that is below 20 MiB. A flood from more networks than this is slowed by the directory's bounded pool.
const MOST: usize = 50_000;
/// Most sessions whose reply is held back at once, so that guessers cannot take all places. Beyond it replies come at once, and
/// lockouts hold all the same.
pub const HELD_MOST: usize = 1_000;
/// Most passwords of strangers that the directory checks at once. Whoever comes from where the account normally comes from does not
/// wait behind more than these, so that a flood of guesses keeps nobody out.
pub const STRANGERS_AT_ONCE: usize = 16;
/// Most strangers that wait for that; at fifty checks a second these are ten seconds.
pub const STRANGERS_WAITING_MOST: usize = 500;

/// A login name in a form of fixed size: long names must take no more memory than short ones.
type Name = [u8; 16];

/// Counts failed logins.
#[derive(Debug)]
pub struct Guard {
    state: Mutex<State>,
    places: Arc<Semaphore>,
    strangers: Semaphore,
    waiting: Semaphore,
}

/// Leave to have a password checked. Dropping it lets the next one in.
#[derive(Debug)]
pub struct Turn<'a> {
    _one_of_few: Option<SemaphorePermit<'a>>,
}

#[derive(Debug, Default)]
struct State {
    /// Failures of strangers, by network.
    networks: HashMap<Network, Count>,
    /// Failures of strangers, by account.
    accounts: HashMap<Name, Count>,
    /// Failures where the account normally comes from.
    pairs: HashMap<(Name, Network), Count>,
    /// When an account last logged in from a network, as far as this process has seen it.
    known: HashMap<(Name, Network), Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    since: Timestamp,
}

/// Whether an account normally comes from a network, by what the directory remembers; what this process has seen is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Familiar {
    /// It has logged in from there.
    Known,
    /// It has not, or nobody knows.
    Stranger,
}

/// Who tries to log in, and when.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// From where.
    pub client: IpAddr,
    /// As whom, once that is known; in folded form.
    pub user: Option<&'a str>,
    /// Whether that account comes from there.
    pub familiar: Familiar,
    /// When.
    pub now: Timestamp,
    /// How long failures count.
    pub window: Duration,
}

/// A reply that waits. Dropping it gives its place to another.
#[derive(Debug)]
pub struct Hold {
    /// How long.
    pub delay: Duration,
    _place: OwnedSemaphorePermit,
}

/// The account of a login name: without the device's name in `ada%printer@example.org`.
#[must_use]
pub fn account_of(user: &str) -> String {
    match user.split_once('@') {
        Some((local_part, domain)) => {
            let name = local_part.split_once('%').map_or(local_part, |(name, _device)| name);
            format!("{name}@{domain}")
        }
        None => user.to_owned(),
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            places: Arc::new(Semaphore::new(HELD_MOST)),
            strangers: Semaphore::new(STRANGERS_AT_ONCE),
            waiting: Semaphore::new(STRANGERS_WAITING_MOST),
        }
    }
}

impl Guard {
    /// What counts against this attempt.
    pub fn standing(&self, attempt: &Attempt<'_>) -> Standing {
        standing(&self.state(), attempt)
    }

    /// Counts a failure, and gives what counts from now on. To be called before the client hears of it, so that hanging up early
    /// gives no free guess.
    pub fn failed(&self, attempt: &Attempt<'_>) -> Standing {
        let mut state = self.state();
        let network = Network::of_client(attempt.client);
        match (attempt.user, is_known(&state, attempt)) {
            (Some(user), Familiar::Known) => count(&mut state.pairs, (name(user), network), attempt),
            (Some(user), Familiar::Stranger) => {
                count(&mut state.networks, network, attempt);
                count(&mut state.accounts, name(user), attempt);
            }
            (None, _) => count(&mut state.networks, network, attempt),
        }
        standing(&state, attempt)
    }

    /// Notes a success: the account comes from this network, and what failed at this pair is forgotten.
    pub fn succeeded(&self, attempt: &Attempt<'_>) {
        let Some(user) = attempt.user else { return };
        let network = Network::of_client(attempt.client);
        let mut state = self.state();
        state.pairs.remove(&(name(user), network));
        make_room(&mut state.known, |at| *at);
        state.known.insert((name(&account_of(user)), network), attempt.now);
    }

    /// A place for a reply that waits so long; none where it need not wait, or too many wait already.
    #[must_use]
    pub fn hold(&self, delay: Duration) -> Option<Hold> {
        if delay.is_zero() {
            return None;
        }
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Hold { delay, _place: place })
    }

    /// Waits until a password may be checked: at once where the account is known, in the order of arrival for strangers. None when too
    /// many of them wait already.
    pub async fn turn(&self, familiar: Familiar) -> Option<Turn<'_>> {
        if familiar == Familiar::Known {
            return Some(Turn { _one_of_few: None });
        }
        let _waits = self.waiting.try_acquire().ok()?;
        let turn = self.strangers.acquire().await.ok()?;
        Some(Turn { _one_of_few: Some(turn) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(user: &str) -> Name {
    let hash = digest::digest(&digest::SHA256, user.as_bytes());
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

fn is_known(state: &State, attempt: &Attempt<'_>) -> Familiar {
    let Some(user) = attempt.user else { return Familiar::Stranger };
    let pair = (name(&account_of(user)), Network::of_client(attempt.client));
    if state.known.contains_key(&pair) { Familiar::Known } else { attempt.familiar }
}

fn standing(state: &State, attempt: &Attempt<'_>) -> Standing {
    let network = Network::of_client(attempt.client);
    let fresh = |count: &&Count| attempt.now.elapsed_since(count.since) < attempt.window;
    let failures = |count: Option<&Count>| count.filter(fresh).map_or(0, |count| count.failures);
    match (attempt.user, is_known(state, attempt)) {
        (Some(user), Familiar::Known) => {
            Standing::Known { failures: failures(state.pairs.get(&(name(user), network))) }
        }
        (user, _) => Standing::Stranger {
            of_network: failures(state.networks.get(&network)),
            of_account: user.map_or(0, |user| failures(state.accounts.get(&name(user)))),
        },
    }
}

fn count<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, Count>, key: K, attempt: &Attempt<'_>) {
    make_room(counts, |count| count.since);
    let entry = counts.entry(key).or_insert(Count { failures: 0, since: attempt.now });
    if attempt.now.elapsed_since(entry.since) >= attempt.window {
        *entry = Count { failures: 0, since: attempt.now };
    }
    entry.failures = entry.failures.saturating_add(1);
}

/// Drops the older half of a full map: seldom, so that the work per call stays small.
fn make_room<K: std::hash::Hash + Eq, V>(map: &mut HashMap<K, V>, age: impl Fn(&V) -> Timestamp) {
    if map.len() < MOST {
        return;
    }
    let mut ages: Vec<Timestamp> = map.values().map(&age).collect();
    ages.sort_unstable();
    let middle = ages.get(ages.len() / 2).copied().unwrap_or_default();
    map.retain(|_, value| age(value) > middle);
}

#[cfg(test)]
mod tests;

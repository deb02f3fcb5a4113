//! What is remembered of logins: the last one, the networks, the first that was bound to its channel, and nonces.
//!
//! Last uses and networks are written without waiting for the disk, and once a minute at most: a crash of this program loses none
//! of them, one of the machine the newest. The mark of the ratchet and nonces are waited for, since somebody gains by their
//! being forgotten.

use aws_lc_rs::digest::{Context, SHA256};
use gatepost_mail::{Network, Timestamp};
use gatepost_sasl::limits::OAUTH_ONE_WINDOW_SECONDS;
use gatepost_sasl::{Freshness, Mechanism};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::accounts::{AccountError, known_key};
use super::devices::network;
use super::store::{Store, shown, stored};
use super::{Embedded, now};
use crate::device::Login;
use crate::limits::{NETWORK_KEPT, NETWORKS_MOST, OAUTH_ONE_NONCES_MOST};
use crate::{Account, LastUse, LoginNote, OauthOneNonce, StoreFault};

/// What is remembered under one login name.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Remembered {
    pub(super) last_use: Option<LastUse>,
    pub(super) bound_since: Option<Timestamp>,
}

pub(super) fn login(connection: &Connection, name: &str) -> Result<Remembered, StoreFault> {
    let mut query = connection
        .prepare_cached("SELECT last, network, mechanism, bound_since FROM login WHERE name = ?1")?;
    let read = |row: &rusqlite::Row<'_>| {
        let (at, from, by): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let last_use = network(&from).zip(Mechanism::from_name(&by));
        Ok(Remembered {
            last_use: last_use.map(|(network, mechanism)| LastUse { at: shown(at), network, mechanism }),
            bound_since: row.get::<_, Option<i64>>(3)?.map(shown),
        })
    };
    Ok(query.query_row([name], read).optional()?.unwrap_or_default())
}

impl Embedded {
    /// Whether the account has logged in from this network within [`NETWORK_KEPT`].
    pub(crate) fn knows_network(&self, account: &str, network: Network) -> Result<bool, StoreFault> {
        self.knew_network((account, network), now())
    }

    fn knew_network(&self, (account, network): (&str, Network), now: Timestamp) -> Result<bool, StoreFault> {
        let reading = self.store.reading();
        let mut query = reading
            .prepare_cached("SELECT 1 FROM network WHERE account = ?1 AND network = ?2 AND last >= ?3")?;
        Ok(query.exists(params![account, network.to_string(), stored(oldest(now))])?)
    }

    /// Remembers a login. Writes nothing where the last one was a moment ago, from the same network and by the same mechanism.
    pub(crate) fn note_login(&self, note: &LoginNote) -> Result<(), StoreFault> {
        let name = match &note.device {
            Some(label) => Login::of_device(&note.account, label).name(),
            None => note.account.clone(),
        };
        let before = login(&self.store.reading(), &name)?;
        if note.binds_first(before.bound_since) {
            self.store.note_bound(note, &name)?;
        } else if note.is_news(before.last_use, before.bound_since) {
            self.store.note(note, &name)?;
        }
        Ok(())
    }

    /// What is remembered of an account that another source knows.
    pub(crate) fn remember(&self, account: &mut Account) -> Result<(), StoreFault> {
        if account.device.is_none() {
            let Remembered { last_use, bound_since } = login(&self.store.reading(), &account.name)?;
            (account.last_use, account.bound_since) = (last_use, bound_since);
        }
        Ok(())
    }

    /// Whether a nonce is new; it is used from then on. One that is too old to be told from a used one is used.
    pub(crate) fn use_nonce(
        &self,
        nonce: &OauthOneNonce<'_>,
        now: Timestamp,
    ) -> Result<Freshness, StoreFault> {
        let oldest = now.as_seconds().saturating_sub(OAUTH_ONE_WINDOW_SECONDS);
        if nonce.timestamp < oldest {
            return Ok(Freshness::Used);
        }
        self.store.use_nonce(nonce, oldest)
    }

    /// Forgets that an account, or any of its devices, has bound its logins to their channels: weaker ways are open to it again until it
    /// does so again. Gives for how many login names that was known; the account may be one of another source.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] for what can be nobody's name, and [`AccountError::Store`].
    pub fn reset_ratchet(&self, account: &str) -> Result<usize, AccountError> {
        let key = known_key(account)?;
        self.store.change(|change| {
            let forget = "UPDATE login SET bound_since = NULL WHERE account = ?1 AND bound_since IS NOT NULL";
            Ok(change.0.execute(forget, [&key]).map_err(StoreFault::from)?)
        })
    }
}

fn oldest(now: Timestamp) -> Timestamp {
    let kept = u64::try_from(NETWORK_KEPT.as_micros()).unwrap_or(u64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(kept))
}

const NOTE: &str = "INSERT INTO login (name, account, last, network, mechanism, bound_since)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO UPDATE SET
    last = max(last, excluded.last), network = excluded.network, mechanism = excluded.mechanism,
    bound_since = coalesce(bound_since, excluded.bound_since)";

impl Store {
    /// Not waited for.
    fn note(&self, note: &LoginNote, name: &str) -> Result<(), StoreFault> {
        let mut noting = self.noting();
        let change = noting.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write(&change, note, name, None)?;
        Ok(change.commit()?)
    }

    /// Waited for: happens once in the life of a login name.
    fn note_bound(&self, note: &LoginNote, name: &str) -> Result<(), StoreFault> {
        self.change(|change| write(&change.0, note, name, Some(note.at)))
    }

    /// Waited for. Only who holds the credential's secrets comes here, and can fill no memory but that of their own.
    fn use_nonce(&self, nonce: &OauthOneNonce<'_>, oldest: u64) -> Result<Freshness, StoreFault> {
        let seconds = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
        let credential = digest(&[nonce.consumer, nonce.token]);
        let whole = digest(&[nonce.consumer, nonce.token, &nonce.timestamp.to_string(), nonce.nonce]);
        self.change(|change| {
            change.0.execute("DELETE FROM nonce WHERE time < ?1", [seconds(oldest)])?;
            let mut count = change.0.prepare_cached("SELECT count(*) FROM nonce WHERE credential = ?1")?;
            let known: u32 = count.query_row([credential.as_ref()], |row| row.get(0))?;
            if known >= OAUTH_ONE_NONCES_MOST {
                return Ok(Freshness::Unavailable);
            }
            let mut insert = change.0.prepare_cached(
                "INSERT OR IGNORE INTO nonce (digest, credential, time) VALUES (?1, ?2, ?3)",
            )?;
            let values = params![whole.as_ref(), credential.as_ref(), seconds(nonce.timestamp)];
            Ok(if insert.execute(values)? == 1 { Freshness::New } else { Freshness::Used })
        })
    }
}

fn write(
    connection: &Connection,
    note: &LoginNote,
    name: &str,
    bound_since: Option<Timestamp>,
) -> Result<(), StoreFault> {
    let (network, at) = (note.network.to_string(), stored(note.at));
    let values = params![name, note.account, at, network, note.mechanism.name(), bound_since.map(stored)];
    connection.prepare_cached(NOTE)?.execute(values)?;
    connection
        .prepare_cached("REPLACE INTO network (account, network, last) VALUES (?1, ?2, ?3)")?
        .execute(params![note.account, network, at])?;
    // The oldest go first, so that who comes from many networks keeps those of every day.
    connection
        .prepare_cached(
            "DELETE FROM network WHERE account = ?1 AND (last < ?2 OR network NOT IN
             (SELECT network FROM network WHERE account = ?1 ORDER BY last DESC LIMIT ?3))",
        )?
        .execute(params![note.account, stored(oldest(note.at)), NETWORKS_MOST])?;
    Ok(())
}

/// SHA-256 over the parts, each with its length, so that no two lists of parts are the same octets.
fn digest(parts: &[&str]) -> aws_lc_rs::digest::Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish()
}

#[cfg(test)]
mod tests;

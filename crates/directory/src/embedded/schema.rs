//! The database's tables, and the steps from each older form of them to this one.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreFault;

/// `PRAGMA application_id`: tells these databases from those of other programs ("gpac").
const APPLICATION: u32 = 0x6770_6163;

/// Step *n* leads from schema *n - 1* to schema *n*; the number is in `PRAGMA user_version`. A step that was in a
/// release is never edited.
const STEPS: [&str; 1] = ["
    CREATE TABLE account (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,               -- the address: lower case, ASCII domain
        state TEXT NOT NULL CHECK (state IN ('active', 'suspended')),
        created INTEGER NOT NULL,                -- microseconds since 1970
        password_changed INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE credential (
        account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,                      -- see Kind in store.rs
        value BLOB NOT NULL,
        PRIMARY KEY (account, kind)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sends_as (
        account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
        pattern TEXT NOT NULL,                   -- an address, or *@domain
        PRIMARY KEY (account, pattern)
    ) STRICT, WITHOUT ROWID;
"];

/// Brings a database up to date, all steps or none.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreFault> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let application: u32 = change.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: u32 = change.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: u32 = change.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = application == 0 && found == 0 && tables == 0;
    if application != APPLICATION && !empty {
        return Err(StoreFault::Foreign { path: path.to_owned() });
    }
    let known = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreFault::Newer { found, known });
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "application_id", APPLICATION)?;
    change.pragma_update(None, "user_version", known)?;
    Ok(change.commit()?)
}

#[cfg(test)]
mod tests;

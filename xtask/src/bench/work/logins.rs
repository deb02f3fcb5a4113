//! W3: one message a connection, with STARTTLS and a login, as people's programs do.

use super::Turn;
use super::flow::{Door, Load, SMALL, carry};
use crate::bench::measure::{self as rows, Measure};
use crate::bench::record::Record;
use crate::bench::relay::{Kind, SCRAM_USER, USER};

/// Connections at once.
const SESSIONS: u64 = 16;

/// W3: PLAIN, then SCRAM, each with a relay of its own.
pub(super) fn run(turn: &Turn<'_>, record: &mut Record) -> Result<(), String> {
    let scram_user = if turn.kind == Kind::Gatepost { USER } else { SCRAM_USER };
    one(turn, record, ("PLAIN", USER), (rows::PLAIN, rows::PLAIN_PROCESSOR))?;
    one(turn, record, ("SCRAM-SHA-256", scram_user), (rows::SCRAM, rows::SCRAM_PROCESSOR))
}

fn one(
    turn: &Turn<'_>,
    record: &mut Record,
    (mechanism, user): (&'static str, &str),
    (rate, processor): (Measure, Measure),
) -> Result<(), String> {
    let load = Load {
        messages: turn.settings.logins,
        sessions: SESSIONS,
        per_session: 1,
        octets: SMALL,
        door: Door::Login { user: user.to_owned(), mechanism },
        offers: turn.settings.offers,
    };
    let carried = carry(turn.kind, &load, &turn.folder.join(mechanism))?;
    record.add(rate, turn.kind, carried.through);
    record.add(processor, turn.kind, carried.processor * 1000.0);
    Ok(())
}

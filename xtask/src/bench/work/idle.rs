//! W5: what a session costs that says nothing.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Turn, number};
use crate::bench::measure as rows;
use crate::bench::record::Record;
use crate::bench::relay::{Kind, Need, Relay, Site, Watch};
use crate::bench::tools::{self, Mood, Sink};

/// How long sessions are silent before memory is taken, so that a relay may give back what it can.
const SILENCE: Duration = Duration::from_secs(3);

/// Sessions that come and go first, so that what all share is there before.
const FIRST: u32 = 8;

/// W5. The flow of mail has nothing to do with it, so only one Postfix takes part.
pub(super) fn run(turn: &Turn<'_>, record: &mut Record) -> Result<(), String> {
    let settings = turn.settings;
    let sessions = match turn.kind {
        Kind::Gatepost => settings.idle,
        Kind::Postfix => settings.postfix_idle,
        Kind::Unflowed => return Ok(()),
    };
    let sink = Sink::start(settings.offers, Mood::Accept, None)?;
    for security in ["off", "starttls"] {
        let folder = turn.folder.join(security);
        let site = Site::prepare(turn.kind, Need::Sessions(sessions + 2 * FIRST), &folder, sink.address)?;
        let mut relay = site.start(&Watch::No)?;
        let (door, row) =
            if security == "off" { (site.open, rows::IDLE_PLAIN) } else { (site.secure, rows::IDLE_TLS) };
        let (held, each) = hold(&relay, door, (sessions, security))
            .map_err(|cause| format!("{}: {cause}\n{}", turn.kind.name(), site.told()))?;
        relay.stop();
        if security == "off" {
            record.add(rows::IDLE_HELD, turn.kind, number(held));
        }
        record.add(row, turn.kind, each);
    }
    Ok(())
}

/// How many are held, and the KiB of each.
fn hold(relay: &Relay, door: SocketAddr, (sessions, security): (u32, &str)) -> Result<(u64, f64), String> {
    let first = tools::hold(door, FIRST, security)?;
    std::thread::sleep(SILENCE);
    let before = relay.account.memory();
    let held = tools::hold(door, sessions, security)?;
    std::thread::sleep(SILENCE);
    let grown = relay.account.memory().saturating_sub(before);
    drop(first);
    Ok((held.count, number(grown) / number(held.count.max(1))))
}

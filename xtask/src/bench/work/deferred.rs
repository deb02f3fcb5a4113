//! W6: many messages that wait, a restart with them, and then all of them at once.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{LONGEST_RUN, Turn, number, seconds};
use crate::bench::machine;
use crate::bench::measure as rows;
use crate::bench::record::Record;
use crate::bench::relay::{Need, Relay, Site, Watch};
use crate::bench::tools::{self, Mood, Sink};

const KIB: f64 = 1024.0;

/// How often the sink is asked.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Every message was tried once no attempt has come for so long.
const SETTLED: Duration = Duration::from_secs(5);

/// W6.
pub(super) fn run(turn: &Turn<'_>, record: &mut Record) -> Result<(), String> {
    let mut sink = Sink::start(turn.settings.offers, Mood::Defer, None)?;
    let site = Site::prepare(turn.kind, Need::Patience, &turn.folder, sink.address)?;
    fill_and_drain(turn, record, (&site, &mut sink))
        .map_err(|cause| format!("{}: {cause}\n{}", turn.kind.name(), site.told()))
}

fn fill_and_drain(
    turn: &Turn<'_>,
    record: &mut Record,
    (site, sink): (&Site, &mut Sink),
) -> Result<(), String> {
    let (kind, messages) = (turn.kind, turn.settings.deferred(turn.kind));
    let empty = machine::usage(&site.queue());
    let mut relay = site.start(&Watch::No)?;
    let words = ["--sessions", "32", "--per-session", "100", "--messages", &messages.to_string()];
    tools::generate(site.open, &words.map(str::to_owned))?;
    await_tried(sink, messages)?;
    record.add(rows::DEFERRED_MEMORY, kind, memory(&relay));
    relay.stop();
    let full = machine::usage(&site.queue());
    record.add(rows::DEFERRED_DISK, kind, number(full.0.saturating_sub(empty.0)) / number(messages));
    record.add(rows::DEFERRED_FILES, kind, number(full.1.saturating_sub(empty.1)) / number(messages));
    restart(turn, record, (site, sink))
}

/// Starts it anew with all that waits, and lets it go.
fn restart(turn: &Turn<'_>, record: &mut Record, (site, sink): (&Site, &mut Sink)) -> Result<(), String> {
    let (kind, messages) = (turn.kind, turn.settings.deferred(turn.kind));
    sink.turn(Mood::Accept)?;
    sink.expect(1)?;
    let (began, clock) = (Instant::now(), now());
    let mut relay = site.start(&Watch::No)?;
    record.add(rows::RESTART, kind, began.elapsed().as_secs_f64());
    record.add(rows::RESTART_MEMORY, kind, memory(&relay));
    site.flush()?;
    let first = sink.await_all(LONGEST_RUN)?;
    record.add(rows::DELIVERING, kind, seconds(clock, first));
    sink.expect(messages)?;
    let last = sink.await_all(LONGEST_RUN)?;
    record.add(rows::DRAINED, kind, number(messages) / seconds(first, last).max(f64::EPSILON));
    relay.stop();
    let told = sink.report()?;
    if told.number("twice") > 0 {
        return Err(format!("messages came twice: {told:?}"));
    }
    Ok(())
}

/// MiB.
fn memory(relay: &Relay) -> f64 {
    number(relay.account.memory()) / KIB
}

/// Waits until every message has met its 450, or no more attempts come: a relay may give a host a rest.
fn await_tried(sink: &mut Sink, messages: u64) -> Result<(), String> {
    let mut last = (0, Instant::now());
    loop {
        let deferred = sink.report()?.number("deferred");
        if deferred != last.0 {
            last = (deferred, Instant::now());
        }
        if deferred >= messages || last.1.elapsed() > SETTLED {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Nanoseconds since 1970, on the clock of the sink.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

//! W1, W2 and W4: many messages over many sessions, through to the sink.

use std::path::Path;

use super::{LONGEST_RUN, Turn, number, seconds};
use crate::bench::machine;
use crate::bench::measure::{self as rows, Work};
use crate::bench::record::Record;
use crate::bench::relay::{Kind, Need, Relay, Site, Watch};
use crate::bench::settings::{Offers, Settings};
use crate::bench::syncs::{self, Syncs};
use crate::bench::tools::{self, Mood, Sink};

const KIB: f64 = 1024.0;
const MIB: u64 = 1024 * 1024;

/// Octets of a message in W1 to W3.
pub(super) const SMALL: u64 = 4096;

/// Sessions of W4.
const LARGE_SESSIONS: u64 = 8;

/// Messages of a session before it ends.
const PER_SESSION: u64 = 10;

/// Which listener, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Door {
    /// In the clear.
    Open,
    /// By STARTTLS, as this user with this mechanism.
    Login { user: String, mechanism: &'static str },
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) messages: u64,
    pub(super) sessions: u64,
    pub(super) per_session: u64,
    pub(super) octets: u64,
    pub(super) door: Door,
    /// What the sink behind it can take.
    pub(super) offers: Offers,
}

impl Load {
    fn small(settings: &Settings) -> Self {
        Self {
            messages: settings.messages,
            sessions: settings.sessions,
            per_session: PER_SESSION,
            octets: SMALL,
            door: Door::Open,
            offers: settings.offers,
        }
    }

    fn large(settings: &Settings) -> Self {
        let messages = settings.large;
        Self { messages, sessions: LARGE_SESSIONS, octets: MIB, ..Self::small(settings) }
    }

    /// Two messages a session, so that processes, connections and threads are there.
    fn warm_up(&self) -> Self {
        Self { messages: self.sessions * 2, per_session: 2, ..self.clone() }
    }

    /// The flags of the generator, the first message with this number.
    pub(super) fn flags(&self, first: u64) -> Vec<String> {
        let numbers = [
            ("--messages", self.messages),
            ("--first", first),
            ("--sessions", self.sessions),
            ("--per-session", self.per_session),
            ("--octets", self.octets),
        ];
        let mut flags: Vec<String> =
            numbers.iter().flat_map(|(flag, number)| [(*flag).to_owned(), number.to_string()]).collect();
        if let Door::Login { user, mechanism } = &self.door {
            let words = ["--tls", "starttls", "--login", mechanism, "--user", user];
            flags.extend(words.map(str::to_owned));
            flags.extend(["--password".to_owned(), crate::bench::relay::PASSWORD.to_owned()]);
        }
        flags
    }
}

/// What one run gave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried {
    /// Messages a second, until the last 250.
    pub(super) accepted: f64,
    /// Messages a second, until the sink had the last.
    pub(super) through: f64,
    /// CPU seconds of the relay for one message.
    pub(super) processor: f64,
    /// Octets that reached the device for each octet of the messages, where the kernel counts them.
    pub(super) written: Option<f64>,
    /// MiB.
    pub(super) peak: f64,
}

/// How the generator talks straight to the sink: nothing between them can be faster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::bench) struct Limits {
    /// With messages of 4 KiB.
    pub(in crate::bench) small: Straight,
    /// With messages of 1 MiB.
    pub(in crate::bench) large: Straight,
}

/// What came straight from the generator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::bench) struct Straight {
    /// Messages a second.
    pub(in crate::bench) rate: f64,
    /// CPU of the generator for each message, in microseconds.
    pub(in crate::bench) generator: f64,
    /// That of the sink.
    pub(in crate::bench) sink: f64,
}

impl Straight {
    /// For a person.
    pub(in crate::bench) fn told(self) -> String {
        let Self { rate, generator, sink } = self;
        format!("{rate:.0} messages a second ({generator:.1} and {sink:.1} µs of CPU each)")
    }
}

impl Limits {
    /// Measures them, with more messages than a round has: they are soon sent.
    pub(in crate::bench) fn take(settings: &Settings) -> Result<Self, String> {
        let many = |load: Load| Load { messages: load.messages * 4, ..load };
        Ok(Self {
            small: straight(&many(Load::small(settings)))?,
            large: straight(&many(Load::large(settings)))?,
        })
    }
}

fn straight(load: &Load) -> Result<Straight, String> {
    let mut sink = Sink::start(load.offers, Mood::Accept, None)?;
    sink.expect(load.messages)?;
    let sent = tools::generate(sink.address, &load.flags(0))?;
    let all = sink.await_all(LONGEST_RUN)?;
    judge(&mut sink, load.messages)?;
    let messages = number(load.messages);
    Ok(Straight {
        rate: messages / seconds(sent.began, all),
        generator: number(sent.processor) / messages,
        sink: number(sink.report()?.number("cpu-us")) / messages,
    })
}

/// Carries one load.
pub(super) fn carry(kind: Kind, load: &Load, folder: &Path) -> Result<Carried, String> {
    let mut sink = Sink::start(load.offers, Mood::Accept, None)?;
    let (mut relay, site) = start(kind, load, (folder, &Watch::No), &mut sink)?;
    let account = &relay.account;
    let device = || machine::device_octets(folder);
    // Each reading with all that was written before it.
    machine::settle(folder)?;
    let before = (account.used(), device());
    let (sent, all) = send(load, &site, &mut sink)?;
    let octets = number(load.messages * load.octets);
    let processor = account.used().saturating_sub(before.0).as_secs_f64();
    machine::settle(folder)?;
    let written = before.1.zip(device()).map(|(before, after)| number(after - before) / octets);
    let carried = Carried {
        accepted: number(load.messages) / seconds(sent.began, sent.ended),
        through: number(load.messages) / seconds(sent.began, all),
        processor: processor / number(load.messages),
        written,
        peak: number(account.peak()) / KIB,
    };
    relay.stop();
    Ok(carried)
}

/// Starts the relay and warms it up; its messages have the numbers behind those of the load.
fn start(
    kind: Kind,
    load: &Load,
    (folder, watch): (&Path, &Watch),
    sink: &mut Sink,
) -> Result<(Relay, Site), String> {
    let need = if load.door == Door::Open { Need::Relay } else { Need::Logins };
    let site = Site::prepare(kind, need, folder, sink.address)?;
    let relay = site.start(watch)?;
    let first = load.warm_up();
    sink.expect(first.messages)?;
    let sent = tools::generate(door(&first, &site), &first.flags(load.messages));
    sent.and_then(|_sent| sink.await_all(LONGEST_RUN))
        .map_err(|cause| format!("{}: {cause}\n{}", kind.name(), site.told()))?;
    Ok((relay, site))
}

/// Sends all and waits for all; gives when, and when the sink had it.
fn send(load: &Load, site: &Site, sink: &mut Sink) -> Result<(tools::Sent, u64), String> {
    let total = load.messages + load.warm_up().messages;
    sink.expect(total)?;
    let done = tools::generate(door(load, site), &load.flags(0)).and_then(|sent| {
        let all = sink.await_all(LONGEST_RUN)?;
        judge(sink, total)?;
        Ok((sent, all))
    });
    done.map_err(|cause| format!("{}: {cause}\n{}", site.kind.name(), site.told()))
}

fn door(load: &Load, site: &Site) -> std::net::SocketAddr {
    if load.door == Door::Open { site.open } else { site.secure }
}

/// All must have come, once each, and nothing else.
fn judge(sink: &mut Sink, messages: u64) -> Result<(), String> {
    let told = sink.report()?;
    let found = [told.number("distinct"), told.number("twice"), told.number("unmarked")];
    if found == [messages, 0, 0] {
        Ok(())
    } else {
        Err(format!("the sink has not just {messages}: {told:?}"))
    }
}

/// Calls that make data stable, under strace, which is too slow to be timed.
pub(in crate::bench) fn syncs(turn: &Turn<'_>) -> Result<Syncs, String> {
    let load = Load::small(turn.settings);
    let file = turn.folder.join("calls");
    let mut sink = Sink::start(load.offers, Mood::Accept, None)?;
    let watch = Watch::Calls(file.clone());
    let (mut relay, site) = start(turn.kind, &load, (&turn.folder, &watch), &mut sink)?;
    send(&load, &site, &mut sink)?;
    relay.stop();
    let text = std::fs::read_to_string(&file).map_err(|cause| format!("strace left nothing: {cause}"))?;
    Ok(syncs::read(&text, load.messages + load.warm_up().messages))
}

/// W1 and W2.
pub(super) fn small(turn: &Turn<'_>, record: &mut Record) -> Result<(), String> {
    let Turn { kind, settings, folder, limits } = turn;
    let carried = carry(*kind, &Load::small(settings), folder)?;
    if settings.works.contains(&Work::Accept) {
        record.add(rows::ACCEPTED, *kind, carried.accepted);
        record.add(rows::ACCEPT_SHARE, *kind, 100.0 * carried.accepted / limits.small.rate);
    }
    if settings.works.contains(&Work::Through) {
        record.add(rows::THROUGH, *kind, carried.through);
        record.add(rows::THROUGH_SHARE, *kind, 100.0 * carried.through / limits.small.rate);
        record.add(rows::PROCESSOR, *kind, carried.processor * 1000.0);
        carried.written.into_iter().for_each(|written| record.add(rows::WRITTEN, *kind, written));
        record.add(rows::THROUGH_MEMORY, *kind, carried.peak);
    }
    Ok(())
}

/// W4.
pub(super) fn large(turn: &Turn<'_>, record: &mut Record) -> Result<(), String> {
    let Turn { kind, settings, folder, limits } = turn;
    let carried = carry(*kind, &Load::large(settings), folder)?;
    // A message is a MiB, and a GiB is 1024 of them.
    record.add(rows::LARGE, *kind, carried.through);
    record.add(rows::LARGE_SHARE, *kind, 100.0 * carried.through / limits.large.rate);
    record.add(rows::LARGE_PROCESSOR, *kind, carried.processor * 1024.0);
    carried.written.into_iter().for_each(|written| record.add(rows::LARGE_WRITTEN, *kind, written));
    record.add(rows::LARGE_MEMORY, *kind, carried.peak);
    Ok(())
}

//! What a seed means: who sends what, and what goes wrong when.

use std::time::Duration;

use gatepost_spool::{Fault, Loss};

use crate::chance::Chance;
use crate::life::Until;
use crate::names::HOSTS;
use crate::network::{Mood, Weather};

/// Most clients of a run.
const MOST_CLIENTS: u64 = 5;
/// Most messages of a client.
const MOST_LETTERS: u64 = 5;

/// What a seed means.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Age at which the server gives a message up.
    pub(crate) expire: Duration,
    pub(crate) weather: Weather,
    /// How often a host does something unpleasant, of a hundred.
    pub(crate) trouble: u64,
    pub(crate) clients: Vec<Client>,
    /// In the order of their times.
    pub(crate) mishaps: Vec<(Duration, Mishap)>,
    /// From when on nothing goes wrong any more.
    pub(crate) calm: Duration,
}

/// A client, which sends some messages.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) number: u8,
    pub(crate) door: Door,
    pub(crate) letters: u64,
    pub(crate) begins: Duration,
}

/// Where a client hands in its mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// As a stranger, for hosted domains.
    Mx,
    /// As a machine, for anybody.
    Submission,
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mishap {
    /// The process ends, now or at one of its next doings.
    Crash(Until, Loss),
    /// One of the next calls to the disk fails.
    Fault(Fault, u64),
    /// The disk is full for a while.
    Full(Duration),
    /// Nothing passes between the server and a host.
    Partition(usize, Duration),
    /// A host takes no connections.
    Mood(usize, Mood, Duration),
    /// Names cannot be looked up.
    Names(Duration),
    /// The wall clock jumps by so many seconds.
    Jump(i64),
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let calm = chance.seconds(30, 5400);
        let hours = if chance.one_in(3) { 2 } else { 5 * 24 };
        let clients = (0..chance.between(1, MOST_CLIENTS)).map(|number| client(number, &mut chance));
        let clients = clients.collect();
        let weather = Weather {
            cuts: *chance.pick(&[0, 10, 30, 60]).unwrap_or(&0),
            odd: *chance.pick(&[0, 20, 80]).unwrap_or(&0),
            latency: *chance.pick(&[0, 3, 40, 700]).unwrap_or(&0),
        };
        let trouble = *chance.pick(&[0, 2, 6, 15]).unwrap_or(&0);
        let mut mishaps: Vec<_> = (0..chance.between(0, 9))
            .map(|_| (chance.millis(0, millis(calm) / 2), mishap(&mut chance)))
            .collect();
        mishaps.sort_by_key(|(at, _)| *at);
        Self { seed, expire: Duration::from_secs(hours * 3600), weather, trouble, clients, mishaps, calm }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn client(number: u64, chance: &mut Chance) -> Client {
    let latest = if chance.one_in(2) { 500 } else { 600_000 };
    Client {
        number: u8::try_from(number + 1).unwrap_or(u8::MAX),
        door: if chance.one_in(2) { Door::Mx } else { Door::Submission },
        letters: chance.between(1, MOST_LETTERS),
        begins: chance.millis(0, latest),
    }
}

fn mishap(chance: &mut Chance) -> Mishap {
    let host = usize::try_from(chance.below(HOSTS.len() as u64)).unwrap_or(0);
    match chance.below(16) {
        0 => Mishap::Crash(Until::Told, loss(chance)),
        1..=3 => Mishap::Crash(Until::Network(chance.below(200)), loss(chance)),
        4..=6 => Mishap::Crash(Until::Disk(chance.below(60)), loss(chance)),
        7 => Mishap::Fault(Fault::Write, chance.below(20)),
        8 => Mishap::Fault(Fault::Sync, chance.below(10)),
        9 => Mishap::Fault(Fault::Read, chance.below(10)),
        10 => Mishap::Full(chance.seconds(5, 1200)),
        11 => Mishap::Partition(host, chance.seconds(1, 1200)),
        12 => {
            let mood = if chance.one_in(2) { Mood::Refusing } else { Mood::Hanging };
            Mishap::Mood(host, mood, chance.seconds(1, 2400))
        }
        13 => Mishap::Names(chance.seconds(1, 1200)),
        14 => Mishap::Jump(i64::try_from(chance.between(1, 6 * 3600)).unwrap_or(0)),
        _ => Mishap::Jump(-i64::try_from(chance.between(1, 6 * 3600)).unwrap_or(0)),
    }
}

fn loss(chance: &mut Chance) -> Loss {
    if chance.one_in(2) { Loss::Process } else { Loss::Power }
}

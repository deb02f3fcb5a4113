//! The works, each run once a round with each relay.

use std::path::PathBuf;
use std::time::Duration;

use super::measure::Work;
use super::record::Record;
use super::relay::Kind;
use super::settings::Settings;

mod deferred;
mod flow;
mod idle;
mod latency;
mod logins;

pub(super) use flow::{Limits, syncs};

/// Longest time until the sink has all of a run.
const LONGEST_RUN: Duration = Duration::from_secs(3600);

/// One relay's turn in one round.
pub(super) struct Turn<'a> {
    pub(super) kind: Kind,
    pub(super) settings: &'a Settings,
    /// Its own, empty.
    pub(super) folder: PathBuf,
    pub(super) limits: &'a Limits,
}

/// Does the work, and notes the figures.
pub(super) fn run(work: Work, turn: &Turn<'_>, record: &mut Record) -> Result<(), String> {
    match work {
        // One run gives both: how fast it takes mail is worth nothing if it only queues it.
        Work::Accept | Work::Through => flow::small(turn, record),
        Work::Logins => logins::run(turn, record),
        Work::Large => flow::large(turn, record),
        Work::Idle => idle::run(turn, record),
        Work::Deferred => deferred::run(turn, record),
        Work::Latency => latency::run(turn, record),
    }
}

/// Far below 2^52, so that nothing is lost.
#[expect(clippy::cast_precision_loss, reason = "counts of messages and octets are far below 2^52")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

/// Seconds between two moments in nanoseconds since 1970.
fn seconds(from: u64, to: u64) -> f64 {
    number(to.saturating_sub(from)) / 1e9
}

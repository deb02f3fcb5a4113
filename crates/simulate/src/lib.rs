//! A world from a seed, in which the server must lose nothing.
//!
//! One run is the real server (`mta`, `spool`, `policy`, `smtp`) in a world of this crate's own: clients and hosts of
//! its own, a network, a disk and clocks in memory. The seed decides who sends what and what goes wrong when. Once
//! nothing goes wrong any more and all has had its time, clients and hosts compare what they have been told with what
//! they have got (docs/simulation.md says what must hold).
//!
//! A run is one thread's work, on a clock that stands still while anybody has something to do. The same seed gives the
//! same run, octet for octet: [`Report::hash`] says so.

mod accounts;
mod books;
mod chance;
mod client;
mod clock;
mod host;
mod judge;
mod letter;
mod life;
mod mishaps;
mod names;
mod network;
mod outside;
mod plan;
mod play;
mod queue;
mod settings;
mod stage;
mod story;
mod trace;
mod watch;
mod wire;

pub use self::queue::Bug;
pub use self::story::{Counts, Report};

use self::plan::Plan;
use self::trace::{Keep, Trace};

/// Plays one run.
///
/// # Errors
///
/// What the system says if there can be no runtime.
pub fn run(seed: u64, bug: Bug) -> std::io::Result<Report> {
    let report = once(seed, bug, Keep::Hash)?;
    // A run that has failed is played again, so that it can be told.
    if report.wrongs.is_empty() { Ok(report) } else { once(seed, bug, Keep::Words) }
}

/// Plays one run and tells all of it.
///
/// # Errors
///
/// As [`run`].
pub fn tell(seed: u64, bug: Bug) -> std::io::Result<Report> {
    once(seed, bug, Keep::Words)
}

fn once(seed: u64, bug: Bug, keep: Keep) -> std::io::Result<Report> {
    watch::begin();
    let plan = Plan::of(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let report = runtime.block_on(async {
        let trace = Trace::new(keep);
        let stage = play::play(plan, bug, trace).await;
        let mut wrongs = judge::judge(&stage);
        wrongs.extend(watch::panics().into_iter().map(|what| books::Wrong { letter: None, what }));
        story::tell(&stage, wrongs)
    });
    Ok(report)
}

//! gatepost beside Debian's Postfix, both relaying to the same kind of sink, in one run.
//!
//! Postfix's `smtp-source` sends over many sessions at once to the relay, which carries each message to an
//! `smtp-sink` that ends when it has them all: the time is taken from the first connection to that end, so a
//! relay gains nothing by only queueing. The two alternate, so that a slow minute of the machine hurts both.
//! Absolute figures are of this machine; the ratio is what may be quoted.

use std::path::{Path, PathBuf};

use crate::{Outcome, packages, repository};

mod cost;
mod load;
mod relay;

use cost::Syncs;
use load::{Load, Run};
use relay::Kind;

/// What the flags say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Settings {
    load: Load,
    rounds: usize,
    traced: u32,
}

const USAGE: &str =
    "usage: cargo xtask bench [--messages N] [--sessions N] [--octets N] [--rounds N] [--traced N]
  --messages N   messages in each round (20000)
  --sessions N   sessions at once (32)
  --octets N     size of a message's body (4096)
  --rounds N     rounds, each with both relays (3)
  --traced N     messages in the run that counts syncs under strace (2000)";

/// `cargo xtask bench [FLAGS]`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let settings = read(arguments)?;
    packages::bring()?;
    repository::run(
        "cargo build",
        repository::cargo().args(["build", "--release", "--package", "gatepost"]),
    )?;
    let folder = fresh_folder()?;
    let Load { messages, sessions, octets } = settings.load;
    println!("{messages} messages of {octets} octets over {sessions} sessions, {} rounds", settings.rounds);
    cost::tell_business();
    let disk = cost::raw_appends(&folder)?;
    println!("disk: {disk:.0} appends of 4 KiB with fdatasync a second, by one writer\n");
    let measured = measure(&settings, &folder)?;
    let syncs = count_syncs(&settings, &folder)?;
    cost::tell_business();
    report(&measured, &syncs);
    std::fs::remove_dir_all(&folder).map_err(|cause| format!("{}: {cause}", folder.display()))
}

fn read(arguments: &[String]) -> Result<Settings, String> {
    let load = Load { messages: 20_000, sessions: 32, octets: 4096 };
    let mut settings = Settings { load, rounds: 3, traced: 2000 };
    for pair in arguments.chunks(2) {
        let [flag, value] = pair else { return Err(USAGE.to_owned()) };
        let number: u32 = value.parse().ok().filter(|number| *number > 0).ok_or(USAGE)?;
        match flag.as_str() {
            "--messages" => settings.load.messages = number,
            "--sessions" => settings.load.sessions = number,
            "--octets" => settings.load.octets = number,
            "--rounds" => settings.rounds = usize::try_from(number).unwrap_or(usize::MAX),
            "--traced" => settings.traced = number,
            _others => return Err(USAGE.to_owned()),
        }
    }
    Ok(settings)
}

/// A folder on the disk of the checkout, for the queues of both.
fn fresh_folder() -> Result<PathBuf, String> {
    let folder = repository::target().join("bench");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
    Ok(folder)
}

/// The runs of both, in order.
struct Measured {
    gatepost: Vec<Run>,
    postfix: Vec<Run>,
}

fn measure(settings: &Settings, folder: &Path) -> Result<Measured, String> {
    let mut measured = Measured { gatepost: Vec::new(), postfix: Vec::new() };
    println!(
        "{:<6} {:<9} {:>10} {:>10} {:>10} {:>14}",
        "round", "relay", "taken s", "through s", "msg/s", "CPU s/1,000"
    );
    for round in 1..=settings.rounds {
        // Who begins changes, so that neither always finds the warmer machine.
        let order =
            if round % 2 == 1 { [Kind::Gatepost, Kind::Postfix] } else { [Kind::Postfix, Kind::Gatepost] };
        for kind in order {
            let place = folder.join(format!("{}-{round}", kind.name()));
            let run = load::round(kind, settings.load, &place)?;
            println!(
                "{round:<6} {:<9} {:>10.2} {:>10.2} {:>10.0} {:>14.3}",
                kind.name(),
                run.taken.as_secs_f64(),
                run.through.as_secs_f64(),
                run.rate(),
                run.processor_per_thousand()
            );
            match kind {
                Kind::Gatepost => measured.gatepost.push(run),
                Kind::Postfix => measured.postfix.push(run),
            }
        }
    }
    Ok(measured)
}

/// A shorter run of each under strace, which is too slow to be timed.
fn count_syncs(settings: &Settings, folder: &Path) -> Result<[Syncs; 2], String> {
    let load = Load { messages: settings.traced, ..settings.load };
    let count = |kind: Kind| load::traced(kind, load, &folder.join(format!("{}-traced", kind.name())));
    Ok([count(Kind::Gatepost)?, count(Kind::Postfix)?])
}

fn report(measured: &Measured, [gatepost, postfix]: &[Syncs; 2]) {
    println!("\nmedian of the rounds (lowest to highest)");
    let rates = |runs: &[Run]| Spread::of(runs.iter().map(Run::rate).collect());
    let costs = |runs: &[Run]| Spread::of(runs.iter().map(Run::processor_per_thousand).collect());
    let (ours, theirs) = (rates(&measured.gatepost), rates(&measured.postfix));
    println!("  messages a second    gatepost {}   Postfix {}", ours.shown(0), theirs.shown(0));
    println!(
        "  CPU s per 1,000      gatepost {}   Postfix {}",
        costs(&measured.gatepost).shown(3),
        costs(&measured.postfix).shown(3)
    );
    println!(
        "  syncs per message    gatepost {:.3} ({})   Postfix {:.3} ({})",
        gatepost.per_message(),
        gatepost.calls,
        postfix.per_message(),
        postfix.calls
    );
    println!("  CPU is of the relay alone, ended children included, {}", measured.how());
    println!(
        "  Postfix runs with in_flow_delay = 0 (its default makes it sleep), all else as Debian ships it"
    );
    println!(
        "ratio: gatepost carries {:.2} times as many messages a second as Postfix",
        ours.median / theirs.median
    );
}

impl Measured {
    fn how(&self) -> &'static str {
        let runs = self.gatepost.iter().chain(&self.postfix);
        if runs.into_iter().all(|run| run.meter == cost::Meter::Group) { "by cgroup" } else { "by /proc" }
    }
}

/// Median and range.
#[derive(Debug, PartialEq)]
struct Spread {
    lowest: f64,
    median: f64,
    highest: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
        Self { lowest: at(0), median, highest: at(last) }
    }

    fn shown(&self, digits: usize) -> String {
        let Self { lowest, median, highest } = self;
        format!("{median:.digits$} ({lowest:.digits$} to {highest:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let settings = read(&words("--messages 100 --rounds 1")).unwrap();
        assert_eq!((settings.load.messages, settings.rounds), (100, 1));
        assert_eq!(settings.load.sessions, 32);
        for wrong in ["--messages", "--messages none", "--messages 0", "--what 1"] {
            assert!(read(&words(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { lowest: 1.0, median: 2.0, highest: 3.0 });
        assert_eq!(Spread::of(vec![1.0, 2.0]).median, 1.5);
    }
}

//! gatepost beside Debian's Postfix, in one run, by our own load generator and sink.
//!
//! The relays alternate, so that a slow minute of the machine hurts all. Postfix takes part twice: as shipped,
//! and with `in_flow_delay = 0s`, without which its accepting sleeps. Absolute figures are of this machine;
//! the ratios are what may be quoted.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::{Outcome, packages, repository};

mod account;
mod instructions;
mod machine;
mod measure;
mod record;
mod relay;
mod settings;
mod syncs;
mod tools;
mod work;

use machine::Business;
use measure::Work;
use record::Record;
use relay::Kind;
use settings::{Asked, Offers, Settings};
use work::{Limits, Turn};

/// `cargo xtask bench [FLAGS]`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let settings = match settings::read(arguments)? {
        Asked::Instructions => return instructions::run(),
        Asked::Run(settings) => settings,
    };
    packages::bring()?;
    repository::run(
        "cargo build",
        repository::cargo().args(["build", "--release", "--package", "gatepost"]),
    )?;
    tools::build()?;
    let folder = fresh_folder()?;
    let head = Head::take(&settings, &folder)?;
    println!("{}", head.told());
    let mut record = Record::default();
    rounds(&settings, (&folder, &head.limits), &mut record)?;
    let ended = Business::now();
    println!("\n{}\n\nAt the end: {}.\n\n{}", head.told(), ended.told(), record.table());
    if let Some(file) = &settings.json {
        write(file, &head, &record)?;
    }
    std::fs::remove_dir_all(&folder).map_err(|cause| format!("{}: {cause}", folder.display()))
}

/// A folder on the disk of the checkout, for the queues of all.
fn fresh_folder() -> Result<PathBuf, String> {
    let folder = repository::target().join("bench");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
    Ok(folder)
}

/// What the figures must be read with.
struct Head {
    business: Business,
    /// Appends of 4 KiB with fdatasync a second.
    disk: f64,
    limits: Limits,
    meter: &'static str,
    deferred: u64,
    postfix_deferred: u64,
    offers: Offers,
}

impl Head {
    fn take(settings: &Settings, folder: &Path) -> Result<Self, String> {
        Ok(Self {
            business: Business::await_quiet(settings.patience),
            disk: machine::raw_appends(folder)?,
            limits: Limits::take(settings)?,
            meter: account::Account::open("probe").meter().told(),
            deferred: settings.deferred,
            postfix_deferred: settings.deferred(Kind::Postfix),
            offers: settings.offers,
        })
    }

    fn told(&self) -> String {
        let Self { business, disk, limits, meter, deferred, postfix_deferred, offers } = self;
        let takes = offers.told();
        format!(
            "At the begin: {}.\n\
             Disk: {disk:.0} appends of 4 KiB with fdatasync a second, by one writer.\n\
             Generator straight to sink: {} of 4 KiB; {} of 1 MiB. {takes}\n\
             CPU is that of the relay alone, ended children included, {meter}. In W6 {deferred} messages wait at gatepost, \
             {postfix_deferred} at Postfix.\n\
             Median of the rounds (lowest to highest); a ratio above 1 means that gatepost is better.",
            business.told(),
            limits.small.told(),
            limits.large.told()
        )
    }
}

fn rounds(settings: &Settings, (folder, limits): (&Path, &Limits), record: &mut Record) -> Outcome {
    let mut works = settings.works.clone();
    // One run measures both.
    if works.contains(&Work::Accept) {
        works.retain(|work| *work != Work::Through);
    }
    for round in 0..settings.rounds {
        for work in &works {
            for kind in order(round) {
                eprintln!("round {}: {} {}", round + 1, work.name(), kind.name());
                let turn = Turn { kind, settings, folder: folder.join("turn"), limits };
                work::run(*work, &turn, record)?;
                clear(&turn.folder)?;
            }
        }
    }
    if settings.works.contains(&Work::Through) {
        for kind in [Kind::Gatepost, Kind::Postfix] {
            eprintln!("under strace: {}", kind.name());
            let turn = Turn { kind, settings, folder: folder.join("turn"), limits };
            let counted = work::syncs(&turn)?;
            eprintln!("  {}", counted.calls);
            record.add(measure::SYNCS, kind, counted.per_message());
            clear(&turn.folder)?;
        }
    }
    Ok(())
}

/// Who begins changes, so that nobody always finds the warmer machine.
fn order(round: u64) -> [Kind; Kind::ALL.len()] {
    let mut kinds = Kind::ALL;
    kinds.rotate_left(usize::try_from(round).unwrap_or_default() % Kind::ALL.len());
    kinds
}

/// A million files of one relay would slow down the next.
fn clear(folder: &Path) -> Outcome {
    if !folder.exists() {
        return Ok(());
    }
    std::fs::remove_dir_all(folder).map_err(|cause| format!("{}: {cause}", folder.display()))
}

fn write(file: &Path, head: &Head, record: &Record) -> Outcome {
    let all = json!({
        "load-average": head.business.load,
        "appends-per-second": head.disk,
        "limit-4-kib-per-second": head.limits.small.rate,
        "limit-1-mib-per-second": head.limits.large.rate,
        "deferred-messages": head.deferred,
        "rows": record.json(),
    });
    std::fs::write(file, format!("{all:#}\n")).map_err(|cause| format!("{}: {cause}", file.display()))
}

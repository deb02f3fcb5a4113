//! `gatepost-simulate --seed N --runs M`: plays runs, and tells the first that fails.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use gatepost_simulate::{Bug, Counts, Report, run, tell};

const USAGE: &str =
    "usage: gatepost-simulate [--seed N] [--runs M] [--threads T] [--bug NAME] [--tell] [--keep-going]
  --seed N      the first seed (default 1)
  --runs M      how many seeds, one behind the other (default 1000)
  --threads T   runs at the same time (default: as many as there are cores)
  --bug NAME    breaks the server on purpose: no-sync, early-receipt, forgotten-outcome, given-up
  --tell        tells all that happens in each run
  --keep-going  goes on after a run that failed";

struct Wanted {
    seed: u64,
    runs: u64,
    threads: u64,
    bug: Bug,
    tells: bool,
    after_failure: After,
}

/// What follows a run that failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Stop,
    GoOn,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(wanted) = read(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let began = Instant::now();
    let tally = Tally::default();
    std::thread::scope(|scope| {
        for _ in 0..wanted.threads {
            scope.spawn(|| work(&wanted, &tally));
        }
    });
    let done = tally.done.load(Ordering::Relaxed);
    let failed = tally.failed.load(Ordering::Relaxed);
    let counts = *tally.counts.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{done} runs in {seconds:.1} s, {:.0} a second: {failed} failed; {counts:?}",
        done as f64 / seconds
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Tally {
    next: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    stop: AtomicBool,
    counts: Mutex<Counts>,
    print: Mutex<()>,
}

fn work(wanted: &Wanted, tally: &Tally) {
    while !tally.stop.load(Ordering::Relaxed) {
        let number = tally.next.fetch_add(1, Ordering::Relaxed);
        if number >= wanted.runs {
            return;
        }
        let seed = wanted.seed.wrapping_add(number);
        let report = if wanted.tells { tell(seed, wanted.bug) } else { run(seed, wanted.bug) };
        let _one_at_a_time = tally.print.lock().unwrap_or_else(PoisonError::into_inner);
        match report {
            Ok(report) => take(wanted, tally, &report),
            Err(cause) => {
                println!("seed {seed}: {cause}");
                tally.failed.fetch_add(1, Ordering::Relaxed);
                tally.stop.store(true, Ordering::Relaxed);
            }
        }
    }
}

fn take(wanted: &Wanted, tally: &Tally, report: &Report) {
    tally.done.fetch_add(1, Ordering::Relaxed);
    {
        let mut counts = tally.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts = counts.and(report.counts);
    }
    if wanted.tells {
        println!("{}", report.story);
    }
    if !report.wrongs.is_empty() {
        tally.failed.fetch_add(1, Ordering::Relaxed);
        println!("{report}");
        tally.stop.store(wanted.after_failure == After::Stop, Ordering::Relaxed);
    }
}

fn read(arguments: &[String]) -> Option<Wanted> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let mut wanted =
        Wanted { seed: 1, runs: 1000, threads, bug: Bug::None, tells: false, after_failure: After::Stop };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seed" => wanted.seed = words.next()?.parse().ok()?,
            "--runs" => wanted.runs = words.next()?.parse().ok()?,
            "--threads" => wanted.threads = words.next()?.parse().ok().filter(|&count| count > 0)?,
            "--bug" => wanted.bug = words.next()?.parse().ok()?,
            "--tell" => wanted.tells = true,
            "--keep-going" => wanted.after_failure = After::GoOn,
            _ => return None,
        }
    }
    Some(wanted)
}

//! Runs of the simulation: that the server passes them, that they are repeatable, and that they find what is wrong.
#![cfg(test)]

use std::sync::atomic::{AtomicU64, Ordering};

use gatepost_simulate::{Bug, Counts, Report, run, tell};

/// How many runs a change must pass; `cargo xtask simulate` has no such limit.
const RUNS: u64 = 300;

/// Plays seeds from `first` on, two at a time.
fn play(first: u64, runs: u64, bug: Bug) -> Vec<Report> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut reports = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= runs {
                return reports;
            }
            reports.push(run(first + number, bug).unwrap());
        }
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn sum(reports: &[Report]) -> Counts {
    reports.iter().map(|report| report.counts).fold(Counts::default(), Counts::and)
}

#[test]
fn nothing_is_lost_in_any_of_these_runs() {
    let reports = play(1, RUNS, Bug::None);
    let wrong = reports.iter().find(|report| !report.wrongs.is_empty());
    assert!(wrong.is_none(), "{}", wrong.map(Report::to_string).unwrap_or_default());
    // Else the runs would not come by what they are for.
    let counts = sum(&reports);
    assert!(counts.promised > 5 * RUNS, "{counts:?}");
    assert!(counts.deliveries > 10 * RUNS, "{counts:?}");
    assert!(counts.again > RUNS / 10, "{counts:?}");
    assert!(counts.reports > RUNS, "{counts:?}");
    assert!(counts.lives > RUNS + RUNS / 2, "{counts:?}");
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    let mut hashes = Vec::new();
    for seed in 1000..1020 {
        let (first, second) = (tell(seed, Bug::None).unwrap(), tell(seed, Bug::None).unwrap());
        assert_eq!(first.story, second.story, "seed {seed}");
        assert_eq!(first.hash, second.hash, "seed {seed}");
        hashes.push(first.hash);
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 20, "two seeds gave the same run");
}

/// Which of a hundred runs find it, and in which words.
fn found(bug: Bug, words: &str) -> usize {
    let reports = play(1, 100, bug);
    let finds = |report: &&Report| report.wrongs.iter().any(|wrong| wrong.contains(words));
    reports.iter().filter(finds).count()
}

#[test]
fn a_disk_that_does_not_sync_is_found_within_a_hundred_runs() {
    assert!(found(Bug::NoSync, "got nothing: lost") > 0);
}

#[test]
fn a_receipt_before_the_commit_is_found_within_a_hundred_runs() {
    assert!(found(Bug::EarlyReceipt, "got nothing: lost") > 0);
}

#[test]
fn a_forgotten_outcome_is_found_within_a_hundred_runs() {
    assert!(found(Bug::ForgottenOutcome, "again though the server knew") > 0);
}

#[test]
fn a_message_that_is_given_up_is_found_within_a_hundred_runs() {
    assert!(found(Bug::GivenUp, "got nothing: lost") > 0);
}

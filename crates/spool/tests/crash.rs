//! A spool is killed, or loses its power, between any two calls that it makes to the disk; then it is opened
//! again and compared with what it had promised.
//!
//! Each run is repeatable: what is done, where it ends and what is lost come from numbers that a failure
//! prints.

#[cfg(test)]
#[path = "crash/model.rs"]
mod model;
#[cfg(test)]
#[path = "crash/play.rs"]
mod play;

use gatepost_spool::{Fault, Loss, Simulated};

use crate::play::{Ended, Play};

/// Lives from start to crash, one behind the other on the same disk, each cut after so many calls.
fn lives(seed: u64, cuts: &[u64], loss: Loss) {
    let disk = Simulated::new();
    let mut play = Play::new(&disk, seed);
    for (life, &cut) in cuts.iter().enumerate() {
        let told = format!("seed {seed}, cuts {cuts:?}, life {life}, {loss:?}");
        disk.cut_after(cut);
        let ended = play.live(40);
        disk.restart(loss, seed ^ cut);
        play.compare(loss, &told);
        if ended == Ended::Whole {
            break;
        }
    }
}

/// How many calls an undisturbed life makes.
fn calls(seed: u64) -> u64 {
    let disk = Simulated::new();
    let ended = Play::new(&disk, seed).live(40);
    assert_eq!(ended, Ended::Whole);
    disk.steps()
}

#[test]
fn a_power_cut_at_each_call_loses_nothing_that_was_promised() {
    for seed in [1, 2] {
        for cut in 0..calls(seed) {
            lives(seed, &[cut], Loss::Power);
        }
    }
}

#[test]
fn a_kill_at_each_call_loses_nothing_at_all() {
    for cut in 0..calls(3) {
        lives(3, &[cut], Loss::Process);
    }
}

#[test]
fn many_lives_on_one_disk_lose_nothing() {
    for seed in 100..300 {
        let calls = 20 + (seed * 7919) % 230;
        let loss = if seed % 3 == 0 { Loss::Process } else { Loss::Power };
        lives(seed, &[calls, calls / 2, 3 * calls / 4, calls, calls / 3], loss);
    }
}

#[test]
fn after_a_failed_write_or_sync_nothing_more_is_promised() {
    let mut stopped = 0;
    for seed in 300..420 {
        let fault = if seed % 2 == 0 { Fault::Sync } else { Fault::Write };
        let disk = Simulated::new();
        let mut play = Play::new(&disk, seed);
        disk.fail_after(fault, 12 + seed % 60);
        let ended = play.live(40);
        stopped += usize::from(ended == Ended::Stopped);
        disk.restart(Loss::Power, seed);
        play.compare(Loss::Power, &format!("seed {seed}, {fault:?} failed"));
    }
    assert!(stopped > 60, "{stopped} of 120 met their fault");
}

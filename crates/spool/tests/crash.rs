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

/// What one life does at most.
const STEPS: usize = 100;

/// Lives from start to crash, one behind the other on the same disk, each cut after so many calls.
fn lives(seed: u64, cuts: &[u64], loss: Loss) {
    let disk = Simulated::new();
    let mut play = Play::new(&disk, seed);
    for (life, &cut) in cuts.iter().enumerate() {
        let told = format!("seed {seed}, cuts {cuts:?}, life {life}, {loss:?}");
        disk.cut_after(cut);
        let ended = play.live(STEPS);
        disk.restart(loss, seed ^ cut);
        play.compare(loss, &told);
        if ended != Ended::Stopped {
            break;
        }
    }
}

/// How many calls an undisturbed life makes.
fn calls(seed: u64) -> u64 {
    let disk = Simulated::new();
    let ended = Play::new(&disk, seed).live(STEPS);
    // Else the runs would not come by what they are for.
    assert!(matches!(ended, Ended::Whole { rewritten: 20.., freed: 4.. }), "seed {seed}: {ended:?}");
    disk.steps()
}

#[test]
fn a_power_cut_at_each_call_loses_nothing_that_was_promised() {
    for seed in [5, 6] {
        for cut in 0..calls(seed) {
            lives(seed, &[cut], Loss::Power);
        }
    }
}

/// The two copies of a segment's header are written one behind the other, so that never both are torn.
#[test]
fn a_header_that_the_power_cut_has_torn_has_a_good_copy() {
    for cut in 0..calls(5) {
        for tears in 0..8 {
            let disk = Simulated::new();
            let mut play = Play::new(&disk, 5);
            disk.cut_after(cut);
            play.live(STEPS);
            disk.restart(Loss::Power, cut << 8 | tears);
            play.opens(&format!("seed 5, cut {cut}, tears {tears}"));
        }
    }
}

#[test]
fn a_kill_at_each_call_loses_nothing_at_all() {
    for cut in 0..calls(29) {
        lives(29, &[cut], Loss::Process);
    }
}

#[test]
fn many_lives_on_one_disk_lose_nothing() {
    for seed in 100..180 {
        let calls = 20 + (seed * 7919) % 330;
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
        let ended = play.live(STEPS);
        stopped += usize::from(ended == Ended::Stopped);
        disk.restart(Loss::Power, seed);
        play.compare(Loss::Power, &format!("seed {seed}, {fault:?} failed"));
    }
    assert!(stopped > 60, "{stopped} of 120 met their fault");
}

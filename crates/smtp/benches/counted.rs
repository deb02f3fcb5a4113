//! Runs one work a number of times, for a counter of instructions: `counted WORK SIDE TIMES`.
//!
//! `cargo xtask bench --instructions` runs it under valgrind twice, with different numbers of times: the
//! difference is what the work costs, without the program's beginning and end. Without words it names the works.
#![expect(clippy::print_stdout, reason = "it speaks to xtask")]

use std::process::ExitCode;

#[path = "works.rs"]
mod works;

use works::{Side, WORKS, some_time};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [name, side, times] => run(name, side, times),
        _others => list(),
    }
}

fn run(name: &str, side: &str, times: &str) -> ExitCode {
    let work = WORKS.iter().find(|work| work.name == name);
    let side = Side::ALL.into_iter().find(|known| known.name() == side);
    let (Some(work), Some(side), Ok(times)) = (work, side, times.parse::<u32>()) else {
        return ExitCode::FAILURE;
    };
    let (input, now) = (work.input(), some_time());
    for _ in 0..times {
        std::hint::black_box(work.run(side, std::hint::black_box(&input), now));
    }
    ExitCode::SUCCESS
}

/// Each work with its octets, if both sides read the same in it.
fn list() -> ExitCode {
    let now = some_time();
    for work in WORKS {
        let input = work.input();
        let [ours, theirs] = Side::ALL.map(|side| work.run(side, &input, now));
        if ours != theirs || ours == 0 {
            println!("{}: gatepost reads {ours}, smtp-proto {theirs}", work.name);
            return ExitCode::FAILURE;
        }
        println!("{} {}", work.name, input.len());
    }
    ExitCode::SUCCESS
}

//! Instructions of parsers and session core, beside smtp-proto's, counted by valgrind.
//!
//! A count does not depend on what else the machine does, so a change of a few per cent is seen here that no
//! clock would show.

use std::process::Command;

use serde_json::Value;

use super::work::number;
use crate::{Outcome, packages, repository};

/// How often a work runs in the shorter and in the longer count.
const TIMES: (u64, u64) = (5, 15);

/// As the benches call them.
const SIDES: [&str; 2] = ["gatepost", "smtp-proto"];

/// `cargo xtask bench --instructions`.
pub(super) fn run() -> Outcome {
    packages::bring()?;
    let program = build()?;
    let works = repository::output("the list of works", &mut Command::new(&program))?;
    println!("| work | octets | gatepost, instructions | smtp-proto, instructions | gatepost / smtp-proto |");
    println!("| --- | --- | --- | --- | --- |");
    for line in works.lines() {
        let (name, octets) = line.split_once(' ').ok_or_else(|| format!("no work: {line}"))?;
        let [ours, theirs] = SIDES.map(|side| each(&program, name, side));
        let (ours, theirs) = (ours?, theirs?);
        println!("| {name} | {octets} | {ours} | {theirs} | {:.2} × |", number(ours) / number(theirs));
    }
    Ok(())
}

/// Builds the bench; gives its path.
fn build() -> Result<String, String> {
    let words = ["bench", "--package", "gatepost-smtp", "--bench", "counted", "--no-run"];
    let mut command = repository::cargo();
    let told = repository::output("cargo bench", command.args(words).args(["--message-format", "json"]))?;
    let message = |line| serde_json::from_str::<Value>(line).ok();
    let path = told
        .lines()
        .rev()
        .filter_map(message)
        .find_map(|message| message.get("executable").and_then(Value::as_str).map(str::to_owned));
    path.ok_or_else(|| "cargo built no bench".to_owned())
}

/// Instructions of one run of a work.
fn each(program: &str, work: &str, side: &str) -> Result<u64, String> {
    let (few, many) = TIMES;
    let more = count(program, (work, side), many)?.saturating_sub(count(program, (work, side), few)?);
    Ok(more / (many - few))
}

fn count(program: &str, (work, side): (&str, &str), times: u64) -> Result<u64, String> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", program, work, side]);
    let done = command.arg(times.to_string()).output();
    let done = done.map_err(|cause| format!("valgrind could not start: {cause}"))?;
    let told = String::from_utf8_lossy(&done.stderr);
    if !done.status.success() {
        return Err(format!("{work} of {side} failed under valgrind: {told}"));
    }
    collected(&told).ok_or_else(|| format!("valgrind counted nothing: {told}"))
}

/// Reads `==123== Collected : 4567`.
fn collected(told: &str) -> Option<u64> {
    let rest = told.lines().find_map(|line| line.split_once("Collected :"))?.1;
    rest.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 123456\n==1== \n"), Some(123_456));
        assert_eq!(collected("nothing"), None);
    }
}

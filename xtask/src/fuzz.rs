//! Runs the fuzz targets of `fuzz/`, one per reader of foreign octets.

use std::process::Command;

use crate::{Outcome, repository};

/// Seconds per target when none are named.
const SECONDS: &str = "60";

/// `cargo xtask fuzz [TARGET] [SECONDS]`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (target, seconds) = read(arguments)?;
    ensure()?;
    let targets = match target {
        Some(one) => vec![one],
        None => list()?,
    };
    for target in &targets {
        println!("fuzz: {target} for {seconds} seconds");
        let limit = format!("-max_total_time={seconds}");
        repository::run(target, fuzz().args(["run", target, "--", &limit]))?;
    }
    println!("fuzz: {} targets found nothing", targets.len());
    Ok(())
}

/// A number alone is the time, so `fuzz 300` runs every target for five minutes.
fn read(arguments: &[String]) -> Result<(Option<String>, String), String> {
    let is_time = |text: &String| text.parse::<u32>().is_ok();
    match arguments {
        [] => Ok((None, SECONDS.to_owned())),
        [time] if is_time(time) => Ok((None, time.clone())),
        [target] => Ok((Some(target.clone()), SECONDS.to_owned())),
        [target, time] if is_time(time) => Ok((Some(target.clone()), time.clone())),
        _others => Err("usage: cargo xtask fuzz [TARGET] [SECONDS]".to_owned()),
    }
}

fn fuzz() -> Command {
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz"]).current_dir(repository::root());
    // The toolchain that cargo set for us would outweigh `+nightly`.
    command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    command
}

fn ensure() -> Outcome {
    let there = fuzz().arg("--version").output().is_ok_and(|done| done.status.success());
    if there {
        return Ok(());
    }
    Err("cargo-fuzz and a nightly toolchain are needed:\n  \
         rustup toolchain install nightly\n  cargo install cargo-fuzz"
        .to_owned())
}

fn list() -> Result<Vec<String>, String> {
    let told = repository::output("cargo fuzz list", fuzz().arg("list"))?;
    Ok(told.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_alone_is_the_time() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(read(&words("")), Ok((None, SECONDS.to_owned())));
        assert_eq!(read(&words("300")), Ok((None, "300".to_owned())));
        assert_eq!(read(&words("command 5")), Ok((Some("command".to_owned()), "5".to_owned())));
        assert!(read(&words("command five")).is_err());
    }
}

//! What CI runs, in the order in which a person would like to hear of a fault.

use std::process::Command;

use crate::{Outcome, layers, repository, test, tidy};

/// Longest time for the demonstration, in seconds: it carries two messages.
const QUICKSTART_SECONDS: &str = "120";

/// `cargo xtask ready`.
pub(crate) fn run(_arguments: &[String]) -> Outcome {
    step("formatting");
    repository::run("cargo fmt", repository::cargo().args(["fmt", "--all", "--check"]))
        .map_err(|cause| format!("{cause}: run `cargo fmt --all`"))?;
    step("layers");
    layers::run(&[])?;
    step("tidy");
    tidy::run(&[])?;
    step("clippy");
    clippy()?;
    step("quickstart");
    quickstart()?;
    step("tests");
    test::run(&[])
}

fn step(name: &str) {
    println!("\n==> {name}");
}

fn clippy() -> Outcome {
    for features in [&[][..], HELPER] {
        let mut command = repository::cargo();
        command
            .args(["clippy", "--workspace", "--all-targets"])
            .args(features)
            .args(["--", "-D", "warnings"]);
        repository::run("cargo clippy", &mut command)?;
    }
    Ok(())
}

/// The helper with all that it can, which is off elsewhere.
const HELPER: &[&str] = &["--features", "gatepost-helper/pam,gatepost-helper/kerberos"];

/// The first thing that a newcomer tries must work, so it is tried on each change.
fn quickstart() -> Outcome {
    repository::run("cargo build", repository::cargo().args(["build", "--package", "gatepost"]))?;
    let folder = repository::target().join("ready-quickstart");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
    }
    let program = repository::target().join("debug/gatepost");
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", QUICKSTART_SECONDS]).arg(program);
    command.args(["quickstart", "--once", "--dir"]).arg(&folder);
    repository::run("gatepost quickstart --once", command.stdin(std::process::Stdio::null()))
}

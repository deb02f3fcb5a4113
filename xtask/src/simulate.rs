//! Plays the whole server in a world from a seed (docs/simulation.md).

use crate::{Outcome, repository};

/// `cargo xtask simulate [--seed N] [--runs M] …`. The program reads its flags itself.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut command = repository::cargo();
    command.args(["run", "--quiet", "--release", "--package", "gatepost-simulate", "--"]).args(arguments);
    repository::run("the simulation", &mut command)
}

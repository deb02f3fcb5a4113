//! `gatepost check`.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::console::{Console, Format, counted};
use super::failure::{Failure, Outcome, Status};
use super::place;
use crate::config::fault::Severity;
use crate::report;

/// Nothing but the configuration is looked at; no socket is opened and nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost check
  gatepost check -c /etc/gatepost/gatepost.toml.new
  gatepost --json check | jq '.faults[] | select(.severity == \"error\")'

Exit status: 0 it runs (there may be warnings), 78 it does not.")]
pub struct CheckArguments {}

pub(super) fn run(config: Option<&Path>, console: &mut Console<'_>) -> Outcome {
    let (source, faults, ok) = match place::load(config) {
        Ok(loaded) => (loaded.source, loaded.warnings, true),
        Err(refused) => (refused.source, refused.faults, false),
    };
    let status = if ok { Status::Done } else { Status::Configuration };
    if console.format == Format::Machines {
        let faults = report::json(&source, &faults);
        let file = source.path().display().to_string();
        console.json(&json!({ "ok": ok, "file": file, "faults": faults }))?;
        return Ok(status);
    }
    if !faults.is_empty() {
        console.line(report::text(&source, &faults))?;
    }
    let count = |severity: Severity| faults.iter().filter(|fault| fault.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let verdict = if ok { "is in order" } else { "cannot be used" };
    let counts = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
    console.line(format!("{} {verdict}: {counts}", source.path().display()))?;
    Ok(status)
}

impl From<Box<crate::config::Refused>> for Failure {
    fn from(refused: Box<crate::config::Refused>) -> Self {
        Self::Configuration(refused)
    }
}

//! The configuration: from a file to what the parts are told, with every mistake shown at once.
//!
//! `source` → [`options`] (what was written, each value with its place) → [`resolve`] (what was decided).

pub mod fault;
pub mod nearest;
pub mod options;
pub mod read;
pub mod reference;
pub mod resolve;
pub mod source;
pub mod values;

use std::io::Read as _;
use std::path::Path;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use crate::report;
use fault::{Fault, Faults};
use options::Options;
use read::{At, Read as _};
pub use resolve::{Configuration, EngineSettings, OauthSourceSettings, SourceSettings, Surroundings};
use source::Source;

/// Longest configuration file.
const LONGEST: u64 = 4 << 20;

/// A configuration that runs.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the parts are told.
    pub configuration: Configuration,
    /// What weakens it.
    pub warnings: Vec<Fault>,
    /// The file.
    pub source: Source,
}

/// A configuration that does not run: all reasons, with the warnings among them.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The reasons.
    pub faults: Vec<Fault>,
    /// The file.
    pub source: Source,
}

/// All reasons with their places, many lines.
impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&report::text(&self.source, &self.faults))
    }
}

impl std::error::Error for Refused {}

/// Reads a file and decides.
///
/// # Errors
///
/// Every reason why it does not run.
pub fn load(path: &Path, around: &Surroundings<'_>) -> Result<Loaded, Refused> {
    match read_text(path) {
        Ok(text) => decide(Source::new(path, text), around),
        Err(cause) => {
            let fault = Fault::error(format!("the configuration cannot be read: {cause}"))
                .mend("name the file with -c, or make a first one with `gatepost init DOMAIN`");
            Err(Refused { faults: vec![fault], source: Source::new(path, "") })
        }
    }
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let mut octets = Vec::new();
    std::fs::File::open(path)?.take(LONGEST + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > LONGEST {
        return Err(std::io::Error::other("it is longer than 4 MiB"));
    }
    String::from_utf8(octets).map_err(|cause| {
        let valid = cause.utf8_error().valid_up_to();
        let line = cause.as_bytes().iter().take(valid).filter(|octet| **octet == b'\n').count() + 1;
        std::io::Error::other(format!("line {line} is not UTF-8"))
    })
}

/// Decides what a text means.
///
/// # Errors
///
/// Every reason why it does not run.
pub fn decide(source: Source, around: &Surroundings<'_>) -> Result<Loaded, Refused> {
    let mut faults = Faults::default();
    let options = parse(&source, &mut faults);
    let decided = options.and_then(|options| resolve::resolve(&options, &source, around, &mut faults));
    match decided {
        Some(configuration) if !faults.have_errors() => {
            Ok(Loaded { configuration, warnings: faults.sorted(), source })
        }
        Some(_) | None => Err(Refused { faults: faults.sorted(), source }),
    }
}

/// The options as written. A file that is no TOML has no options: what follows an error of grammar is guesswork.
fn parse(source: &Source, faults: &mut Faults) -> Option<Options> {
    let (table, errors) = DeTable::parse_recoverable(source.text());
    for error in &errors {
        faults.push(
            Fault::error("this is not TOML")
                .at(error.span().or(Some(0..0)), error.message())
                .mend("strings stand in double quotes, sections in [brackets], lists as [\"a\", \"b\"]"),
        );
    }
    if !errors.is_empty() {
        return None;
    }
    let top = Spanned::new(0..0, DeValue::Table(table.into_inner()));
    Options::read(&At::top(), &top, faults)
}

#[cfg(test)]
mod tests;

//! Secrets, which the file only names: they are on the first line of a file of their own, or in an environment variable.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use gatepost_sasl::Secret;

use super::Resolving;
use crate::config::fault::Fault;
use crate::config::read::Setting;
use crate::config::source::Place;
use crate::config::values::FilePath;

/// Longest secret, in octets.
const LONGEST: u64 = 8192;

/// Where a secret is kept, as it was written.
#[derive(Clone)]
pub(super) struct Kept<'a> {
    /// Who needs it, as in "a login".
    pub(super) who: &'a str,
    /// `password-file`, or the same of another secret.
    pub(super) file: Option<&'a Setting<FilePath>>,
    /// `password-env`, likewise.
    pub(super) variable: Option<&'a Setting<String>>,
    /// The section.
    pub(super) place: Option<Place>,
}

/// The password, or what is wrong, noted.
pub(super) fn password(resolving: &mut Resolving<'_>, kept: &Kept<'_>) -> Option<Secret> {
    named(resolving, "password", kept)
}

/// A secret whose keys are `NAME-file` and `NAME-env`, or what is wrong, noted.
pub(super) fn named(resolving: &mut Resolving<'_>, what: &str, kept: &Kept<'_>) -> Option<Secret> {
    match (kept.file, kept.variable) {
        (Some(file), None) => from_file(resolving, what, file),
        (None, Some(variable)) => from_variable(resolving, what, variable),
        (Some(file), Some(variable)) => {
            resolving.note(
                Fault::error(format!("the {what} is in two places"))
                    .at(variable.place.clone(), "here")
                    .against(file.place.clone(), "and here")
                    .mend("remove one of them"),
            );
            None
        }
        (None, None) => {
            resolving.note(
                Fault::error(format!("{} needs a {what}", kept.who))
                    .at(kept.place.clone(), "without one")
                    .mend(format!("add `{what}-file = \"/etc/gatepost/provider.secret\"`, or `{what}-env`")),
            );
            None
        }
    }
}

fn from_file(resolving: &mut Resolving<'_>, what: &str, file: &Setting<FilePath>) -> Option<Secret> {
    let path = resolving.path(&file.value.0);
    let fault = match first_line(&path) {
        Ok(secret) if !secret.is_empty() => return Some(secret),
        Ok(_) => "its first line is empty".to_owned(),
        Err(cause) => cause.to_string(),
    };
    let mend = format!("put the {what} on the first line of the file, readable for gatepost only");
    let what = format!("no {what} could be read from {}", path.display());
    resolving.note(Fault::error(what).at(file.place.clone(), fault).mend(mend));
    None
}

fn from_variable(resolving: &mut Resolving<'_>, what: &str, variable: &Setting<String>) -> Option<Secret> {
    let found = (resolving.around.variable)(&variable.value).filter(|secret| !secret.is_empty());
    if let Some(secret) = found {
        return Some(Secret::new(secret));
    }
    let mend = format!("set {} where gatepost is started, or use `{what}-file`", variable.value);
    let what = format!("the environment variable {} is not set", variable.value);
    resolving.note(Fault::error(what).at(variable.place.clone(), "not set").mend(mend));
    None
}

/// The first line of a file, without its end.
fn first_line(path: &Path) -> std::io::Result<Secret> {
    let mut line = String::new();
    BufReader::new(std::fs::File::open(path)?.take(LONGEST)).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(Secret::new(line))
}

//! Secrets, which the file only names: by a file or an environment variable.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use gatepost_sasl::Secret;

use super::Resolving;
use crate::config::fault::Fault;
use crate::config::read::Setting;
use crate::config::source::Place;
use crate::config::values::FilePath;

/// Longest secret, in octets.
const LONGEST: u64 = 1024;

/// Where a password is kept, as it was written.
pub(super) struct Kept<'a> {
    /// Who needs it, as in "a login".
    pub(super) who: &'a str,
    /// `password-file`.
    pub(super) file: Option<&'a Setting<FilePath>>,
    /// `password-env`.
    pub(super) variable: Option<&'a Setting<String>>,
    /// The section.
    pub(super) place: Option<Place>,
}

/// The password, or what is wrong, noted.
pub(super) fn password(resolving: &mut Resolving<'_>, kept: &Kept<'_>) -> Option<Secret> {
    match (kept.file, kept.variable) {
        (Some(file), None) => in_file(resolving, file),
        (None, Some(variable)) => in_variable(resolving, variable),
        (Some(file), Some(variable)) => {
            resolving.note(
                Fault::error("the password is in two places")
                    .at(variable.place.clone(), "here")
                    .against(file.place.clone(), "and here")
                    .mend("remove one of them"),
            );
            None
        }
        (None, None) => {
            resolving.note(
                Fault::error(format!("{} needs a password", kept.who))
                    .at(kept.place.clone(), "without one")
                    .mend("add `password-file = \"/etc/gatepost/provider.secret\"`, or `password-env`"),
            );
            None
        }
    }
}

fn in_file(resolving: &mut Resolving<'_>, file: &Setting<FilePath>) -> Option<Secret> {
    let path = resolving.path(&file.value.0);
    let fault = match first_line(&path) {
        Ok(password) if !password.is_empty() => return Some(password),
        Ok(_) => "its first line is empty".to_owned(),
        Err(cause) => cause.to_string(),
    };
    let what = format!("no password could be read from {}", path.display());
    let mend = "put the password on the first line of the file, readable for gatepost only";
    resolving.note(Fault::error(what).at(file.place.clone(), fault).mend(mend));
    None
}

fn in_variable(resolving: &mut Resolving<'_>, variable: &Setting<String>) -> Option<Secret> {
    let found = (resolving.around.variable)(&variable.value).filter(|password| !password.is_empty());
    if let Some(password) = found {
        return Some(Secret::new(password));
    }
    let what = format!("the environment variable {} is not set", variable.value);
    let mend = format!("set {} where gatepost is started, or use `password-file`", variable.value);
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

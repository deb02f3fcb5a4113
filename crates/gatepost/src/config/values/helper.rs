//! Values of sources behind the helper.

use std::path::PathBuf;

use gatepost_directory::{HelperPlace, PamUser};

use super::choices::choose;
use crate::config::read::{TextValue, Wrong};

/// Longest name of a realm; those that follow a domain are no longer than it.
const LONGEST_REALM: usize = 255;

/// Where the helper is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelperChoice(pub HelperPlace);

impl TextValue for HelperChoice {
    const FORM: &'static str = "the absolute path of a program, or \"unix:PATH\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let place = match text.strip_prefix("unix:") {
            Some(socket) => HelperPlace::Socket(absolute(socket)?),
            None => HelperPlace::Program(absolute(text)?),
        };
        Ok(Self(place))
    }
}

/// A program is looked for in no other place than the one that is written.
fn absolute(text: &str) -> Result<PathBuf, Wrong> {
    if text.starts_with('/') && !text.contains('\0') {
        return Ok(PathBuf::from(text));
    }
    Err(Wrong::new(
        "this is not an absolute path",
        "write \"/usr/lib/gatepost/gatepost-helper\", or \"unix:/run/gatepost/pam.sock\"",
    ))
}

/// What PAM knows users by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PamUserChoice(pub PamUser);

impl TextValue for PamUserChoice {
    const FORM: &'static str = "\"local-part\" or \"address\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(text, &[("local-part", PamUser::LocalPart), ("address", PamUser::Address)]).map(Self)
    }
}

/// The name of a Kerberos realm (RFC 4120 section 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm(pub String);

impl TextValue for Realm {
    const FORM: &'static str = "a realm such as \"EXAMPLE.ORG\"";
    const PLACEHOLDER: &'static str = "\"REALM\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let fits = !text.is_empty()
            && text.len() <= LONGEST_REALM
            && text.chars().all(|letter| letter.is_ascii_graphic() && !"@/\\".contains(letter));
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(Wrong::new("this is not the name of a realm", "write it as in \"EXAMPLE.ORG\""))
    }
}

/// A host-based service of Kerberos (RFC 2743 section 4.1), with or without its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName(pub String);

impl TextValue for ServiceName {
    const FORM: &'static str = "a service such as \"smtp\" or \"smtp@mail.example.org\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let (service, host) = text.split_once('@').unwrap_or((text, "any"));
        let word = |word: &str| {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            !word.is_empty() && word.chars().all(plain)
        };
        if word(service) && word(host) {
            return Ok(Self(text.to_owned()));
        }
        let mend = match text.split_once('/') {
            Some((service, host)) => format!("write \"{service}@{host}\""),
            None => "write \"smtp\", or \"smtp@mail.example.org\"".to_owned(),
        };
        Err(Wrong::new("this is not a service of Kerberos", mend))
    }
}

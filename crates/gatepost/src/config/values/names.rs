//! Names, addresses and paths.

use std::path::PathBuf;

use gatepost_mail::{Domain, Mailbox};
use gatepost_policy::rules::Pattern;

use crate::config::read::{TextValue, Wrong};

/// Longest name of a listener, machine or source: it is in every log line.
const LONGEST_WORD: usize = 40;

/// A name that the operator gives to a part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(pub String);

impl TextValue for Word {
    const FORM: &'static str = "a name of letters, digits, - and _";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let fits = !text.is_empty()
            && text.len() <= LONGEST_WORD
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
        if fits {
            return Ok(Self(text.to_owned()));
        }
        let mend = format!("use letters, digits, - and _; at most {LONGEST_WORD}");
        Err(Wrong::new("this is not a name", mend))
    }
}

/// A path; relative ones start from the folder of the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath(pub PathBuf);

impl TextValue for FilePath {
    const FORM: &'static str = "a path; a relative one starts from the folder of this file";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text.is_empty() || text.contains('\0') {
            return Err(Wrong::new("this is not a path", "write where the file or folder is"));
        }
        Ok(Self(PathBuf::from(text)))
    }
}

impl TextValue for String {
    const FORM: &'static str = "a text";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(Wrong::new("this is empty or holds control characters", "write a plain text"));
        }
        Ok(text.to_owned())
    }
}

impl TextValue for Domain {
    const FORM: &'static str = "a domain such as \"mail.example.org\"";
    const PLACEHOLDER: &'static str = "\"DOMAIN\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Self::parse(text).map_err(|_| {
            let mend = match text.strip_suffix('.').map(Self::parse) {
                Some(Ok(domain)) => format!("write \"{domain}\", without the dot at its end"),
                Some(Err(_)) | None => "write a name such as \"mail.example.org\"".to_owned(),
            };
            Wrong::new("this is not a domain name", mend)
        })
    }
}

impl TextValue for Mailbox {
    const FORM: &'static str = "an address such as \"ada@example.org\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Self::parse(text).map_err(|cause| Wrong::new(cause.to_string(), format!("write {}", Self::FORM)))
    }
}

impl TextValue for Pattern {
    const FORM: &'static str =
        "a domain, \"*.example.net\" for all names below one, or \"*\" for all the rest";
    const PLACEHOLDER: &'static str = "\"PATTERN\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let parsed = match text.strip_prefix("*.") {
            Some(parent) => Domain::parse(parent).map(Self::Below),
            None if text == "*" => Ok(Self::All),
            None => Domain::parse(text).map(Self::Exactly),
        };
        parsed.map_err(|_| {
            let mend = "write \"example.net\", \"*.example.net\", or \"*\" for all the rest";
            Wrong::new("this is not a domain, nor a pattern of one", mend)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_a_domain_the_names_below_it_or_all() {
        let domain = |text: &str| Domain::parse(text).unwrap();
        let rows = [
            ("example.net", Some(Pattern::Exactly(domain("example.net")))),
            ("*.example.net", Some(Pattern::Below(domain("example.net")))),
            ("*", Some(Pattern::All)),
            ("**", None),
            ("*example.net", None),
            ("a.*.example.net", None),
            ("", None),
        ];
        for (text, want) in rows {
            assert_eq!(Pattern::from_text(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn a_trailing_dot_is_mended() {
        let wrong = Domain::from_text("example.org.").unwrap_err();
        assert_eq!(wrong.mend, "write \"example.org\", without the dot at its end");
    }
}

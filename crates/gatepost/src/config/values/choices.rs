//! Words that choose.

use std::path::PathBuf;

use gatepost_mta::settings::{ChunkingUse, ListenerTls};
use gatepost_policy::rules::{PlaintextWithoutTls, Ratchet, RepeatRule, Service, TlsRule};
use gatepost_sasl::{Mechanism, NtlmVersions};

use crate::config::nearest::nearest;
use crate::config::read::{Raw, TextValue, Value, Wrong};

/// The word's meaning, or what words there are.
pub(super) fn choose<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Wrong> {
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*meaning);
    }
    let mend = match nearest(text, words.iter().map(|(word, _)| *word)) {
        Some(word) => format!("write \"{word}\""),
        None => {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            format!("write {}", words.join(" or "))
        }
    };
    Err(Wrong::new("this word is not known here", mend))
}

/// Refuses by name what is known but not built yet.
fn refuse_later(text: &str, later: &[&str], instead: &str) -> Result<(), Wrong> {
    if !later.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return Ok(());
    }
    Err(Wrong::new(format!("\"{text}\" is known but not built yet"), instead))
}

impl TextValue for Service {
    const FORM: &'static str = "\"mx\" or \"submission\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(text, &[("mx", Self::Mx), ("submission", Self::Submission)])
    }
}

impl TextValue for ListenerTls {
    const FORM: &'static str = "\"starttls\", \"implicit\", or \"off\" (loopback binds only)";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(text, &[("starttls", Self::StartTls), ("implicit", Self::Implicit), ("off", Self::Off)])
    }
}

impl TextValue for RepeatRule {
    const FORM: &'static str = "\"same-id\" or \"new\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(text, &[("same-id", Self::SameId), ("new", Self::New)])
    }
}

impl TextValue for TlsRule {
    const FORM: &'static str = "\"opportunistic\", \"required\", or \"off\" (loopback and unix sockets only)";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let words =
            [("opportunistic", Self::Opportunistic), ("required", Self::Required), ("off", Self::Off)];
        choose(text, &words)
    }
}

impl TextValue for ChunkingUse {
    const FORM: &'static str = "\"where-proven\" or \"where-needed\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(text, &[("where-proven", Self::WhereProven), ("where-needed", Self::WhereNeeded)])
    }
}

/// How secure mail exchangers must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangerTls(pub TlsRule);

impl TextValue for ExchangerTls {
    const FORM: &'static str = "\"opportunistic\" or \"required\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(text, &[("opportunistic", TlsRule::Opportunistic), ("required", TlsRule::Required)]).map(Self)
    }
}

/// What true and false mean.
const TRUTH: &str = "true or false";

/// The meaning of true, or that of false.
fn either<T>(raw: &Raw<'_>, (yes, no): (T, T)) -> Result<T, Wrong> {
    match raw {
        Raw::Truth(true) => Ok(yes),
        Raw::Truth(false) => Ok(no),
        Raw::Text(_) | Raw::Number(_) | Raw::Other => {
            Err(Wrong::new("this is neither true nor false", "write true or false, without quotes"))
        }
    }
}

impl Value for PlaintextWithoutTls {
    const SHAPE: &'static str = TRUTH;

    fn from_raw(raw: &Raw<'_>) -> Result<Self, Wrong> {
        either(raw, (Self::Allowed, Self::Refused))
    }
}

impl Value for Ratchet {
    const SHAPE: &'static str = TRUTH;

    fn from_raw(raw: &Raw<'_>) -> Result<Self, Wrong> {
        either(raw, (Self::On, Self::Off))
    }
}

impl Value for NtlmVersions {
    const SHAPE: &'static str = TRUTH;

    fn from_raw(raw: &Raw<'_>) -> Result<Self, Wrong> {
        either(raw, (Self::OneAndTwo, Self::Two))
    }
}

impl TextValue for Mechanism {
    const FORM: &'static str = "\"EXTERNAL\", \"SCRAM-SHA-512-PLUS\", \"SCRAM-SHA-256-PLUS\", \"SCRAM-SHA-1-PLUS\", \
        \"GSSAPI\", \"SCRAM-SHA-512\", \"SCRAM-SHA-256\", \"SCRAM-SHA-1\", \"OAUTHBEARER\", \"OAUTH10A\", \"XOAUTH2\", \
        \"DIGEST-MD5\", \"CRAM-MD5\", \"MD5\", \"NTLM\", \"PLAIN\" or \"LOGIN\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Self::from_name(text).ok_or_else(|| {
            // The same letters first: "SCRAM_SHA_256" is not its -PLUS form.
            let spelt = nearest(text, Self::ALL.map(Self::name));
            let meant = spelt.or_else(|| gatepost_sasl::nearest(text, &Self::ALL).map(Self::name));
            let mend =
                meant.map_or_else(|| format!("write {}", Self::FORM), |name| format!("write \"{name}\""));
            Wrong::new("this mechanism is not known", mend)
        })
    }
}

/// Where accounts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// In data-dir, managed by `gatepost account`.
    Embedded,
    /// In a database.
    Sql,
    /// In an LDAP server.
    Ldap,
    /// Dovecot's.
    Dovecot,
    /// A token issuer's.
    Oauth,
    /// Known to PAM.
    Pam,
    /// Known to Kerberos.
    Kerberos,
}

impl TextValue for SourceKind {
    const FORM: &'static str =
        "\"embedded\", \"sql\", \"ldap\", \"dovecot\", \"oauth\", \"pam\" or \"kerberos\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let kinds = [
            ("embedded", Self::Embedded),
            ("sql", Self::Sql),
            ("ldap", Self::Ldap),
            ("dovecot", Self::Dovecot),
            ("oauth", Self::Oauth),
            ("pam", Self::Pam),
            ("kerberos", Self::Kerberos),
        ];
        choose(text, &kinds)
    }
}

/// How answers of the DNS are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnssecRule {
    /// They are not.
    Off,
}

impl TextValue for DnssecRule {
    const FORM: &'static str = "\"off\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        refuse_later(text, &["validate", "trust-ad"], "write \"off\", or remove the line")?;
        choose(text, &[("off", Self::Off)])
    }
}

/// Which addresses of a domain exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientsChoice {
    /// Those of the accounts.
    Known,
    /// All.
    Any,
    /// Those in a file, one a line.
    Listed(PathBuf),
}

impl TextValue for RecipientsChoice {
    const FORM: &'static str = "\"known\", \"any\" or \"file:PATH\" (one address a line)";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match (text, text.strip_prefix("file:")) {
            ("known", _) => Ok(Self::Known),
            ("any", _) => Ok(Self::Any),
            (_, Some(path)) if !path.is_empty() && !path.contains('\0') => Ok(Self::Listed(path.into())),
            (_, _) => {
                let mend = match nearest(text, ["known", "any"]) {
                    Some(word) => format!("write \"{word}\""),
                    None => format!("write {}", Self::FORM),
                };
                Err(Wrong::new("this word is not known here", mend))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        assert!(DnssecRule::from_text("validate").unwrap_err().what.contains("not built yet"));
    }

    #[test]
    fn a_misspelt_word_is_mended() {
        assert_eq!(Service::from_text("submision").unwrap_err().mend, "write \"submission\"");
        assert_eq!(Mechanism::from_text("SCRAM_SHA_256").unwrap_err().mend, "write \"SCRAM-SHA-256\"");
        assert!(Mechanism::FORM.split('"').skip(1).step_by(2).eq(Mechanism::ALL.map(Mechanism::name)));
        assert_eq!(
            ListenerTls::from_text("none").unwrap_err().mend,
            "write \"starttls\" or \"implicit\" or \"off\""
        );
    }
}

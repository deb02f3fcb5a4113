//! Hashes of passwords that other programs store, and that stay where they are.

use gatepost_sasl::{ScramVerifier, Secret, prepare};

use crate::StoreFault;
use crate::embedded::{NotTaken, PasswordHash, Scratch, Taken};

/// What a stored text says about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashCheck {
    /// It is that of the password.
    Right,
    /// It is that of another one, or of none.
    Wrong,
    /// It is of no form that is known here, damaged, or dearer than anything that is fair.
    Unreadable,
}

/// Holds a password, which is prepared already, against a stored text: one run of whatever the text asks for. For password threads.
///
/// Known is what [`Embedded::import`](crate::Embedded::import) takes for PLAIN and LOGIN, and the texts of our SCRAM verifiers.
pub(crate) fn verify_hash(
    text: &Secret,
    password: &Secret,
    scratch: &mut Scratch,
) -> Result<HashCheck, StoreFault> {
    let ours = std::str::from_utf8(text.expose()).ok().and_then(|text| ScramVerifier::from_text(text).ok());
    let matches = match (ours, Taken::read(text)) {
        (Some(verifier), _) | (None, Ok((_, Taken::Scram(verifier)))) => verifier.matches(password),
        (None, Ok((_, Taken::Hash(hash)))) => hash.matches(password, scratch)?,
        (None, Ok((_, Taken::Password(clear)))) => {
            PasswordHash::of_nobody().matches(password, scratch)?;
            prepare::password(&clear) == *password
        }
        (None, Err(NotTaken::SwitchedOff)) => {
            PasswordHash::of_nobody().matches(password, scratch)?;
            false
        }
        (None, Ok((_, Taken::CramStates(_) | Taken::Nt(_) | Taken::Digest(_))) | Err(_)) => {
            return Ok(HashCheck::Unreadable);
        }
    };
    Ok(if matches { HashCheck::Right } else { HashCheck::Wrong })
}

#[cfg(test)]
mod tests;

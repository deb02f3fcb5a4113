//! Hashes of passwords as others store them.

use gatepost_sasl::{ScramVerifier, Secret};
use sha_crypt::{PasswordHashRef, PasswordVerifier as _};

use crate::StoreFault;
use crate::embedded::{PasswordHash, Scratch};
use crate::limits::{BCRYPT_COST_MOST, SHA_CRYPT_ROUNDS_MOST};

/// What a stored hash says about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashCheck {
    /// It is that of the password.
    Right,
    /// It is that of another one.
    Wrong,
    /// It is of no form that is known here, damaged, or dearer than anything that is fair.
    Unreadable,
}

/// Holds a password, which is prepared already, against a stored text: one run of whatever the text asks for. For password threads.
///
/// Known are argon2id, bcrypt (`$2a$`, `$2b$`, `$2y$`), SHA-crypt (`$5$`, `$6$`) and our SCRAM texts, with or without Dovecot's
/// `{SCHEME}` before them.
pub(crate) fn verify_hash(
    text: &Secret,
    password: &Secret,
    scratch: &mut Scratch,
) -> Result<HashCheck, StoreFault> {
    let Ok(words) = std::str::from_utf8(text.expose()) else { return Ok(HashCheck::Unreadable) };
    let hash = without_scheme(words);
    let right = if hash.starts_with("$argon2id$") {
        match PasswordHash::from_text(&Secret::new(hash)) {
            Some(hash) => Some(hash.matches(password, scratch)?),
            None => None,
        }
    } else if hash.starts_with("$2") {
        bcrypt(hash, password)
    } else if hash.starts_with("$5$") || hash.starts_with("$6$") {
        sha_crypt(hash, password)
    } else {
        ScramVerifier::from_text(hash).ok().map(|verifier| verifier.matches(password))
    };
    Ok(match right {
        Some(true) => HashCheck::Right,
        Some(false) => HashCheck::Wrong,
        None => HashCheck::Unreadable,
    })
}

/// Dovecot's `{BLF-CRYPT}`, `{SHA512-CRYPT}`, `{ARGON2ID}`, `{CRYPT}` stand before a text that says the same.
fn without_scheme(text: &str) -> &str {
    text.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or(text, |(_, hash)| hash)
}

fn bcrypt(hash: &str, password: &Secret) -> Option<bool> {
    let cost: u32 = hash.split('$').nth(2)?.parse().ok()?;
    if cost > BCRYPT_COST_MOST {
        return None;
    }
    bcrypt::verify(password.expose(), hash).ok()
}

fn sha_crypt(hash: &str, password: &Secret) -> Option<bool> {
    let rounds = hash.split('$').nth(2).and_then(|field| field.strip_prefix("rounds="));
    let fair = rounds.is_none_or(|rounds| rounds.parse().is_ok_and(|it: u32| it <= SHA_CRYPT_ROUNDS_MOST));
    let read = PasswordHashRef::new(hash).ok().filter(|_| fair)?;
    match sha_crypt::ShaCrypt::default().verify_password(password.expose(), read) {
        Ok(()) => Some(true),
        Err(sha_crypt::password_hash::Error::PasswordInvalid) => Some(false),
        Err(_) => None,
    }
}

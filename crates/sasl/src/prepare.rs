//! User names and passwords brought to one form, so that what looks the same on two keyboards is the same.
//!
//! The form is SASLprep (RFC 4013), which the mechanisms here were written for. RFC 8265 has since replaced it
//! (PRECIS), but clients of SCRAM and PLAIN still send SASLprep or nothing; for ASCII all three agree.
//!
//! SASLprep stands on Unicode 3.2. Code points that are newer (most emoji, recent scripts) or forbidden (control
//! characters) make a *name* unusable, and leave a *password* as it was typed: refusing the password would lock out
//! people whom every other server lets in.

use crate::{Secret, limits};

/// A name that cannot be a user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Not UTF-8.
    #[error("the name is not UTF-8")]
    NotText,
    /// Longer than [`limits::NAME_OCTETS_MOST`].
    #[error("the name is longer than {} octets", limits::NAME_OCTETS_MOST)]
    TooLong,
    /// Empty, or nothing is left of it.
    #[error("the name is empty")]
    Empty,
    /// Holds a control character, a code point newer than Unicode 3.2, or mixes directions of writing.
    #[error("the name holds characters that SASLprep forbids")]
    Forbidden,
}

/// A user name or authorization identity in its one form (RFC 4013), the case of letters kept.
///
/// # Errors
///
/// [`NameError`] says why there is no such form.
pub fn name(octets: &[u8]) -> Result<String, NameError> {
    if octets.len() > limits::NAME_OCTETS_MOST {
        return Err(NameError::TooLong);
    }
    let text = std::str::from_utf8(octets).map_err(|_| NameError::NotText)?;
    let prepared = stringprep::saslprep(text).map_err(|_| NameError::Forbidden)?;
    if prepared.is_empty() { Err(NameError::Empty) } else { Ok(prepared.into_owned()) }
}

/// A password in its one form: SASLprep where that is defined, else the octets as they came.
///
/// Exchanges hand out passwords in this form, and [`ScramVerifier::derive`](crate::ScramVerifier::derive) applies it
/// itself; whoever hashes a password in another way (argon2 on `account add`) must call this first, or the
/// two will not agree. Doing it twice is the same as doing it once.
#[must_use]
pub fn password(typed: &Secret) -> Secret {
    let prepared = std::str::from_utf8(typed.expose()).ok().and_then(|text| stringprep::saslprep(text).ok());
    match prepared {
        Some(text) if !text.is_empty() => Secret::new(text.into_owned()),
        Some(_) | None => typed.clone(),
    }
}

/// The key under which an account with this name is looked up: lower case throughout.
///
/// Login names are mail addresses here. RFC 5321 lets only the domain be compared without case, but two accounts that differ
/// in case alone would be a trap for people, so one organisation's directory has one of them. Domains stay in
/// the form that was typed: A-labels are not turned into U-labels.
#[must_use]
pub fn account_key(name: &str) -> String {
    // Twice, since the form of a letter without lower case can have one: ℨ is Z is z.
    folded(&folded(name))
}

fn folded(name: &str) -> String {
    let folded = name.to_lowercase();
    // Lower case of a prepared text can need composing anew; where preparing fails the folded text still is a key.
    match stringprep::saslprep(&folded) {
        Ok(prepared) => prepared.into_owned(),
        Err(_) => folded,
    }
}

#[cfg(test)]
mod tests {
    use super::{NameError, account_key, name, password};
    use crate::{Secret, limits};

    /// RFC 4013 section 3 and the edges.
    #[test]
    fn names_have_one_form() {
        let rows: [(&[u8], Result<&str, NameError>); 13] = [
            ("I\u{ad}X".as_bytes(), Ok("IX")),
            (b"user", Ok("user")),
            (b"USER", Ok("USER")),
            ("\u{aa}".as_bytes(), Ok("a")),
            ("\u{2168}".as_bytes(), Ok("IX")),
            (b"\x07", Err(NameError::Forbidden)),
            ("\u{627}1".as_bytes(), Err(NameError::Forbidden)),
            ("ada\u{1f511}".as_bytes(), Err(NameError::Forbidden)),
            ("e\u{301}va@gatepost.example".as_bytes(), Ok("\u{e9}va@gatepost.example")),
            (b"", Err(NameError::Empty)),
            ("\u{ad}".as_bytes(), Err(NameError::Empty)),
            (b"\xff\xfe", Err(NameError::NotText)),
            (&[b'a'; limits::NAME_OCTETS_MOST + 1], Err(NameError::TooLong)),
        ];
        for (octets, want) in rows {
            assert_eq!(name(octets).as_deref(), want.as_ref().map(|text| *text), "{octets:?}");
        }
        assert!(name(&[b'a'; limits::NAME_OCTETS_MOST]).is_ok());
    }

    #[test]
    fn passwords_have_one_form_or_stay() {
        let rows: [(&[u8], &[u8]); 6] = [
            (b"pencil", b"pencil"),
            ("e\u{301}".as_bytes(), "\u{e9}".as_bytes()),
            ("a\u{a0}b".as_bytes(), b"a b"),
            ("key\u{1f511}".as_bytes(), "key\u{1f511}".as_bytes()),
            (b"\xe9", b"\xe9"),
            ("\u{ad}".as_bytes(), "\u{ad}".as_bytes()),
        ];
        for (typed, want) in rows {
            let once = password(&Secret::new(typed));
            assert_eq!(once.expose(), want, "{typed:?}");
            assert_eq!(password(&once), once);
        }
    }

    #[test]
    fn accounts_are_found_whatever_the_case() {
        let rows = [
            ("Ada@Gatepost.Example", "ada@gatepost.example"),
            ("\u{c9}va", "\u{e9}va"),
            ("\u{2128}oe", "zoe"),
            ("ada", "ada"),
            ("", ""),
        ];
        for (typed, want) in rows {
            assert_eq!(account_key(typed), want);
            assert_eq!(account_key(want), want);
        }
    }
}

//! The part before the `@`.

use std::fmt;

use crate::AddressError;

/// RFC 5321 section 4.5.3.1.1 says 64; real addresses made by machines (bounce addresses, ticket systems) are
/// longer, and nothing breaks on them.
const LONGEST: usize = 128;

/// Letters that part a route from an address, and those that compatibility folding turns into them.
const ROUTE_LETTERS: [char; 13] = [
    '%', '!', '@', ':', '\u{ff05}', '\u{fe6a}', '\u{ff01}', '\u{fe57}', '\u{ff20}', '\u{fe6b}', '\u{ff1a}',
    '\u{fe55}', '\u{fe13}',
];

/// The part before the `@`, without its quoting: `"ada"@…` and `ada@…` are the same local part.
///
/// Upper and lower case differ (RFC 5321 section 2.4); [`LocalPart::folded`] is for stores of ours, which
/// ignore case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalPart(Box<str>);

impl LocalPart {
    /// Reads a dot-string or a quoted string (RFC 5321 section 4.1.2), UTF-8 allowed (RFC 6531).
    ///
    /// # Errors
    ///
    /// [`AddressError::LocalPart`] if it is neither, is empty, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let value = match text.strip_prefix('"') {
            Some(rest) => unquote(rest).ok_or(AddressError::LocalPart)?,
            None if is_dot_string(text) => text.to_owned(),
            None => return Err(AddressError::LocalPart),
        };
        if value.is_empty() || value.len() > LONGEST {
            return Err(AddressError::LocalPart);
        }
        Ok(Self(value.into()))
    }

    /// The value, without quoting.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In lower case, for look-ups in stores of ours.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }

    /// Whether it holds something that some servers read as a route of its own: `%`, `!`, `@`, `:`, also in
    /// their wide and small forms, which a server behind us may fold (NFKC); or a leading `|` or `/`.
    #[must_use]
    pub fn looks_routed(&self) -> bool {
        self.0.contains(ROUTE_LETTERS) || self.0.starts_with(['|', '/', '\\'])
    }
}

/// As it must be written in a path: quoted where it has to be.
impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.0) {
            return f.write_str(&self.0);
        }
        f.write_str("\"")?;
        for letter in self.0.chars() {
            if matches!(letter, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{letter}")?;
        }
        f.write_str("\"")
    }
}

fn is_dot_string(text: &str) -> bool {
    if text.is_ascii() {
        return is_ascii_dot_string(text.as_bytes());
    }
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_letter))
}

/// The same of ASCII, which nearly all are.
fn is_ascii_dot_string(text: &[u8]) -> bool {
    let mut last = b'.';
    for &octet in text {
        let fits = if octet == b'.' { last != b'.' } else { is_atom_octet(octet) };
        if !fits {
            return false;
        }
        last = octet;
    }
    last != b'.'
}

const fn is_atom_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(octet, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~')
}

fn is_atom_letter(letter: char) -> bool {
    if let Ok(octet @ 0..=127) = u8::try_from(letter) {
        is_atom_octet(octet)
    } else {
        !letter.is_control() && !letter.is_whitespace()
    }
}

/// The value of a quoted string whose opening quote is gone already; its closing quote must be the last octet.
fn unquote(rest: &str) -> Option<String> {
    let mut value = String::with_capacity(rest.len());
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return letters.next().is_none().then_some(value),
            '\\' => value.push(letters.next().filter(|c| !c.is_control())?),
            other if other.is_control() => return None,
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_does_not_make_another_address() {
        assert_eq!(LocalPart::parse("\"ada\""), LocalPart::parse("ada"));
        assert_eq!(LocalPart::parse("\"a\\da\""), LocalPart::parse("ada"));
    }

    #[test]
    fn what_needs_quotes_is_written_with_them() {
        for text in
            ["\"ada lovelace\"", "\"a\\\"b\"", "\"a\\\\b\"", "\".a\"", "\"a@b\"", "ada", "jürgen", "a+b=c"]
        {
            assert_eq!(LocalPart::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_local_part_is_refused() {
        for text in [
            "", "\"\"", ".a", "a.", "a..b", "a b", "a\"b", "\"a", "\"a\"b\"", "\"a\\\"", "a\u{0}",
            "\"a\nb\"", "a\u{a0}b", "(a)",
        ] {
            assert_eq!(LocalPart::parse(text), Err(AddressError::LocalPart), "{text:?}");
        }
    }
}

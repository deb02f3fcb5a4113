//! Names of sessions and messages: sortable by age, printable, in every log line.

use std::fmt;
use std::str::FromStr;

/// Crockford's alphabet, lower case: no letter that is taken for a digit or spells a word.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 13 digits of 5 bits hold 64 bits.
const DIGITS: usize = 13;

/// The text is no identifier of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: 13 characters of 0-9 and a-z, without i, l, o and u")]
pub struct IdError;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The identifier with this number. Makers hand out rising numbers: microseconds since 1970, or
            /// one more than the last if the clock has not moved on.
            #[must_use]
            pub const fn from_number(number: u64) -> Self {
                Self(number)
            }

            /// The number it was made from.
            #[must_use]
            pub const fn number(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_digits(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_digits(self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                read_digits(text).map(Self)
            }
        }
    };
}

identifier! {
    /// One message in the spool; what operators call the queue id.
    SpoolId
}
identifier! {
    /// One connection's protocol life, incoming or outgoing.
    SessionId
}

fn write_digits(number: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [b'0'; DIGITS];
    for (digit, place) in text.iter_mut().rev().enumerate() {
        let value = (number >> (5 * digit) & 31) as usize;
        *place = ALPHABET.get(value).copied().unwrap_or(b'0');
    }
    // At once: whoever formats lines by the thousand pays for each call.
    f.write_str(std::str::from_utf8(&text).unwrap_or_default())
}

fn read_digits(text: &str) -> Result<u64, IdError> {
    if text.len() != DIGITS {
        return Err(IdError);
    }
    text.bytes().try_fold(0u64, |number, letter| {
        let letter = letter.to_ascii_lowercase();
        let value = ALPHABET.iter().position(|&known| known == letter).ok_or(IdError)?;
        let shifted = number.checked_mul(32).ok_or(IdError)?;
        Ok(shifted + value as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for number in [0, 1, 31, 32, 1_795_299_337_000_000, u64::MAX] {
            let id = SpoolId::from_number(number);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn younger_sorts_behind_older_as_text_too() {
        let (old, young) =
            (SpoolId::from_number(1_795_299_337_000_000), SpoolId::from_number(1_795_299_337_000_001));
        assert!(old.to_string() < young.to_string());
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "0", "00000000000000", "000000000000u", "zzzzzzzzzzzzz", "é00000000000"] {
            assert_eq!(text.parse::<SpoolId>(), Err(IdError), "{text}");
        }
    }
}

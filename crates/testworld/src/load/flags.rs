//! The words of a command line, read strictly: a misspelt flag must not measure something else.

use std::io;
use std::str::FromStr;

/// Flags with their values, of which each must be asked for.
pub(super) struct Flags {
    left: Vec<(String, String)>,
}

impl Flags {
    /// Reads `--flag value` pairs.
    pub(super) fn read(words: &[String]) -> io::Result<Self> {
        let pair = |pair: &[String]| match pair {
            [flag, value] if flag.starts_with("--") => Ok((flag.clone(), value.clone())),
            others => Err(fault(&format!("{others:?} is no flag with a value"))),
        };
        Ok(Self { left: words.chunks(2).map(pair).collect::<io::Result<_>>()? })
    }

    /// The value of a flag, if it was given.
    pub(super) fn take<T: FromStr>(&mut self, flag: &str) -> io::Result<Option<T>> {
        let Some(place) = self.left.iter().position(|(known, _)| known == flag) else { return Ok(None) };
        let (_, value) = self.left.swap_remove(place);
        value.parse().map(Some).map_err(|_fault| fault(&format!("{flag}: {value} cannot be read")))
    }

    /// The value of a flag, or what it is without.
    pub(super) fn or<T: FromStr>(&mut self, flag: &str, otherwise: T) -> io::Result<T> {
        Ok(self.take(flag)?.unwrap_or(otherwise))
    }

    /// The value of a flag that must be there.
    pub(super) fn need<T: FromStr>(&mut self, flag: &str) -> io::Result<T> {
        self.take(flag)?.ok_or_else(|| fault(&format!("{flag} is missing")))
    }

    /// Whatever was not asked for is a mistake.
    pub(super) fn end(self) -> io::Result<()> {
        self.left.first().map_or(Ok(()), |(flag, _)| Err(fault(&format!("{flag} is not known"))))
    }
}

pub(super) fn fault(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

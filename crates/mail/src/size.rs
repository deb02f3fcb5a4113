//! Sizes.

use std::fmt;
use std::ops::Add;

/// A number of octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Octets(pub u64);

impl Octets {
    /// So many KiB.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count * 1024)
    }

    /// So many MiB.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count * 1024 * 1024)
    }

    /// The size of something in memory.
    #[must_use]
    pub const fn of(octets: &[u8]) -> Self {
        Self(octets.len() as u64)
    }

    /// As an index; saturates where addresses are narrower than 64 bits.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Add for Octets {
    type Output = Self;

    /// Saturates: a sum of sizes is compared with limits and must never wrap below one.
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            n if n >= 1 << 30 => (1u64 << 30, "GiB"),
            n if n >= 1 << 20 => (1 << 20, "MiB"),
            n if n >= 1 << 10 => (1 << 10, "KiB"),
            n => return write!(f, "{n} octets"),
        };
        if self.0.is_multiple_of(unit) {
            write!(f, "{} {name}", self.0 / unit)
        } else {
            write!(f, "{}.{} {name}", self.0 / unit, self.0 % unit * 10 / unit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_with_their_unit() {
        assert_eq!(Octets(999).to_string(), "999 octets");
        assert_eq!(Octets::kib(512).to_string(), "512 KiB");
        assert_eq!(Octets(1536 * 1024).to_string(), "1.5 MiB");
    }

    #[test]
    fn sums_saturate() {
        assert_eq!(Octets(u64::MAX) + Octets(1), Octets(u64::MAX));
    }
}

//! Octets that cannot be shown or logged, and wipe themselves.
//!
//! Wiping covers the buffer that a [`Secret`] owns. Copies that a caller makes of [`Secret::expose`] are the caller's.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A password, a key, or a message that holds one.
///
/// Equality takes the same time wherever the octets differ; only unequal lengths end early.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the octets over. A `Vec` or a `String` is moved, not copied, so that no second copy stays behind.
    #[must_use]
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(octets.into())
    }

    /// One secret of several pieces, in a buffer that never grows: growing would leave unwiped copies behind.
    pub(crate) fn joined(pieces: &[&[u8]]) -> Self {
        let mut octets = Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum());
        for piece in pieces {
            octets.extend_from_slice(piece);
        }
        Self(octets)
    }

    /// The octets, for the one place that needs them: a hash, or the wire.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are no octets at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `octets` are the same, in a time that does not tell where they differ.
    #[must_use]
    pub fn matches(&self, octets: &[u8]) -> bool {
        self.0.ct_eq(octets).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("tanstaaf")), "Secret(..)");
        assert_eq!(format!("{:#?}", Some(Secret::new("tanstaaf"))), "Some(\n    Secret(..),\n)");
    }

    #[test]
    fn equality_is_of_all_octets() {
        assert_eq!(Secret::new("abc"), Secret::joined(&[b"a", b"", b"bc"]));
        assert_ne!(Secret::new("abc"), Secret::new("abd"));
        assert_ne!(Secret::new("abc"), Secret::new("ab"));
        assert!(Secret::new("").is_empty());
    }
}

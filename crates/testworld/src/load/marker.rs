//! The number that each message carries in a field of its own.

use memchr::memmem;

/// The field, as it stands in the header.
const FIELD: &[u8] = b"X-Load: ";

/// Digits of the number, zeros in front.
const DIGITS: usize = 16;

/// The number of one message. It survives whatever a relay puts in front of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker(pub u64);

impl Marker {
    /// A header field of fixed length, with its line end.
    #[must_use]
    pub fn field(self) -> String {
        format!("X-Load: {:0DIGITS$}\r\n", self.0)
    }

    /// The marker in these octets, the first if there are several.
    #[must_use]
    pub fn find(octets: &[u8]) -> Option<Self> {
        let digits = octets.get(memmem::find(octets, FIELD)? + FIELD.len()..)?.get(..DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse().ok().map(Self)
    }

    /// Overwrites the number of the marker that stands at this place.
    pub(super) fn write(self, place: &mut [u8]) {
        let digits = format!("{:0DIGITS$}", self.0);
        let number = place.iter_mut().skip(FIELD.len()).zip(digits.bytes());
        number.for_each(|(old, new)| *old = new);
    }
}

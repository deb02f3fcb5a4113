//! The frames that gatepost and its helper exchange; the table of them is in the helper's own `frame.rs`.

use gatepost_sasl::Secret;

use super::process::Fault;
use crate::limits::HELPER_FRAME_OCTETS_MOST;

/// A frame's length comes first, in so many octets.
pub(super) const LENGTH_OCTETS: usize = 4;

/// The most fields in a frame that comes here.
const FIELDS_MOST: usize = 4;

/// A frame that was read; wiped when dropped.
pub(super) struct Frame(Secret);

impl Frame {
    /// How many octets follow a length.
    pub(super) fn octets(length: [u8; LENGTH_OCTETS]) -> Result<usize, Fault> {
        let octets = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if octets > HELPER_FRAME_OCTETS_MOST { Err(Fault::Nonsense) } else { Ok(octets) }
    }

    /// What follows the length.
    pub(super) fn new(body: Vec<u8>) -> Self {
        Self(Secret::new(body))
    }

    /// The fields; none where they do not fill the frame, or are too many, which is no frame of the table.
    pub(super) fn fields(&self) -> Vec<&[u8]> {
        let mut rest = self.0.expose();
        let mut fields = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let Some((field, after)) = after.split_at_checked(length) else { return Vec::new() };
            fields.push(field);
            rest = after;
        }
        if rest.is_empty() && fields.len() <= FIELDS_MOST { fields } else { Vec::new() }
    }
}

/// The octets of one frame; `None` for more than a frame can hold. The buffer never grows, so that no copy stays behind.
pub(super) fn written(fields: &[&[u8]]) -> Option<Secret> {
    let octets: usize = fields.iter().map(|field| field.len() + 2).sum();
    if octets > HELPER_FRAME_OCTETS_MOST {
        return None;
    }
    let mut frame = Vec::with_capacity(octets + LENGTH_OCTETS);
    frame.extend_from_slice(&u32::try_from(octets).ok()?.to_be_bytes());
    for field in fields {
        frame.extend_from_slice(&u16::try_from(field.len()).ok()?.to_be_bytes());
        frame.extend_from_slice(field);
    }
    Some(Secret::new(frame))
}

//! The content of a message: made once, numbered anew for each.

use super::Plan;
use crate::load::Marker;

/// Lines of the body are as long as those of most mail.
const BODY_LINE: &[u8] = b"The quick brown fox jumps over the lazy dog, and then it does so once more.\r\n";

/// One content with the final dot behind it.
pub(super) struct Content {
    octets: Vec<u8>,
    /// Where the marker's field begins.
    place: usize,
}

impl Content {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut octets = format!(
            "From: <{}>\r\nTo: <{}>\r\nSubject: load\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n",
            plan.reverse_path, plan.forward_path
        )
        .into_bytes();
        let place = octets.len();
        octets.extend_from_slice(Marker(0).field().as_bytes());
        octets.extend_from_slice(b"\r\n");
        while octets.len() + BODY_LINE.len() <= plan.octets {
            octets.extend_from_slice(BODY_LINE);
        }
        // A rest of one octet would be a bare line end cut in two.
        if let Some(rest) = plan.octets.checked_sub(octets.len() + 2) {
            octets.resize(octets.len() + rest, b'x');
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(b".\r\n");
        Self { octets, place }
    }

    /// The octets for this number; none of its lines begins with a dot but the last.
    pub(super) fn numbered(&mut self, number: u64) -> &[u8] {
        Marker(number).write(self.octets.get_mut(self.place..).unwrap_or_default());
        &self.octets
    }
}

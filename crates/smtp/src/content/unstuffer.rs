//! Finds the end of content that came with DATA, and takes the stuffed dots out (RFC 5321 section 4.5.2).

use super::Inspector;
use super::inspector::{Advance, Tries};

/// Reads the octets behind a 354.
#[derive(Debug)]
pub(crate) struct Unstuffer {
    inspector: Inspector,
}

/// What stands at the front of the octets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unstuffed {
    /// `skip` octets to pass over, then `length` octets of content; all that is done with is `consumed`.
    Piece { skip: usize, length: usize, consumed: usize },
    /// So many octets of content that has a fault.
    Refused(usize),
    /// The end of the content, so many octets away.
    End(usize),
    /// Nothing can be told before more octets come.
    More,
}

/// What the first octets of a line say.
enum Front {
    Text,
    StuffedDot,
    End,
    Unsure,
}

impl Unstuffer {
    /// Begins behind the CRLF of DATA, which counts as the start of a line: an empty message ends at once.
    pub(crate) const fn new(inspector: Inspector) -> Self {
        Self { inspector }
    }

    pub(crate) const fn inspector(&self) -> &Inspector {
        &self.inspector
    }

    /// Looks at octets that begin where the last call's `consumed` ended.
    pub(crate) fn read(&mut self, octets: &[u8]) -> Unstuffed {
        if self.inspector.fault().is_some() {
            return self.read_refused(octets);
        }
        let skip = match self.front(octets) {
            Front::Text => 0,
            Front::StuffedDot => 1,
            Front::End => return Unstuffed::End(END.len()),
            Front::Unsure => return Unstuffed::More,
        };
        if skip > 0 {
            self.inspector.leave_line_start();
        }
        let mut at = skip;
        let mut tries = Tries::Left;
        loop {
            let lines = self.inspector.whole_lines(octets.get(at..).unwrap_or_default(), &mut tries);
            at += lines;
            if lines > 0 && matches!(octets.get(at), None | Some(b'.')) {
                break;
            }
            match self.inspector.advance(octets.get(at..).unwrap_or_default()) {
                Advance::LineEnded(count) => at += count,
                Advance::Fault(count) => {
                    at += count;
                    break;
                }
                Advance::AllOfIt => {
                    at = octets.len();
                    break;
                }
            }
            if matches!(octets.get(at), None | Some(b'.')) {
                break;
            }
        }
        let length = self.inspector.count(octets.get(skip..at).unwrap_or_default());
        Unstuffed::Piece { skip, length, consumed: at }
    }

    /// Passes over content that has a fault: it ends where any other would.
    fn read_refused(&mut self, octets: &[u8]) -> Unstuffed {
        let mut at = 0;
        while let Some(rest) = octets.get(at..).filter(|rest| !rest.is_empty()) {
            match self.front(rest) {
                Front::End => return Unstuffed::End(at + END.len()),
                Front::Unsure => break,
                Front::Text | Front::StuffedDot => {}
            }
            match self.inspector.advance_blindly(rest) {
                Advance::LineEnded(count) | Advance::Fault(count) => at += count,
                Advance::AllOfIt => at = octets.len(),
            }
        }
        if at == 0 { Unstuffed::More } else { Unstuffed::Refused(at) }
    }

    fn front(&self, octets: &[u8]) -> Front {
        match octets {
            [] => Front::Unsure,
            _ if !self.inspector.at_line_start() => Front::Text,
            [b'.', b'\r', b'\n', ..] => Front::End,
            [b'.'] | [b'.', b'\r'] => Front::Unsure,
            [b'.', ..] => Front::StuffedDot,
            _ => Front::Text,
        }
    }
}

/// What ends content, at the start of a line.
const END: &[u8] = b".\r\n";

#[cfg(test)]
mod tests;

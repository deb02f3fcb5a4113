//! Octets received and not yet processed, and the lines in them.
//!
//! A line ends with CRLF and with nothing else (RFC 5321 section 2.3.8): a CR or LF that stands alone, and a NUL,
//! make the line a bad one, and never end it. Consumed octets cost no move: a cursor passes over them, and the
//! buffer is emptied when the cursor reaches its end.

use std::ops::Range;

use memchr::{memchr, memchr2};

/// Received octets, the processed ones dropped from the front.
#[derive(Debug, Default)]
pub(crate) struct Input {
    octets: Vec<u8>,
    /// Where the octets begin that are not processed yet.
    start: usize,
    /// How many of those are known to hold no LF.
    scanned: usize,
    skipping: Skipping,
}

/// Whether the rest of a refused line is on its way out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Skipping {
    #[default]
    No,
    /// So many octets of the line are gone already.
    Yes(usize),
}

/// What stands at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A line, without its CRLF; [`Input::at`] lends it until the next octets come in.
    Line(Range<usize>),
    /// A line that must be refused. Where it has no end yet, the rest of it will be passed over.
    Bad(BadLine),
    /// The rest of a refused line is gone: the next line begins here.
    Passed,
    /// A refused line goes on and on.
    Endless,
    /// No end of a line yet.
    More,
}

/// Why a line must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadLine {
    /// RFC 5321 section 4.5.3.1.4.
    #[error("the line is longer than its limit")]
    TooLong,
    /// RFC 5321 section 2.3.8.
    #[error("the line holds a bare CR, a bare LF or a NUL")]
    Octets,
}

impl Input {
    /// Adds octets behind the others.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        // Moving at most as much as was consumed keeps the cost of an octet constant.
        if self.start > 0 && self.start * 2 >= self.octets.len() {
            self.octets.drain(..self.start);
            self.start = 0;
        }
        self.octets.extend_from_slice(octets);
    }

    /// What is not processed yet.
    pub(crate) fn pending(&self) -> &[u8] {
        self.octets.get(self.start..).unwrap_or_default()
    }

    /// The octets at a place that [`Input::line`] or a content reader gave.
    pub(crate) fn at(&self, place: Range<usize>) -> &[u8] {
        self.octets.get(place).unwrap_or_default()
    }

    /// Passes over octets; gives where they are until the next octets come in.
    pub(crate) fn consume(&mut self, count: usize) -> Range<usize> {
        let from = self.start;
        self.start = self.octets.len().min(from.saturating_add(count));
        self.scanned = 0;
        from..self.start
    }

    /// Forgets everything that is not processed yet.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Drops what is processed; gives memory back where nothing is left and more than `keep` is allocated.
    pub(crate) fn tidy(&mut self, keep: usize) {
        if self.start < self.octets.len() {
            return;
        }
        self.start = 0;
        if self.octets.capacity() > keep {
            self.octets = Vec::new();
        } else {
            self.octets.clear();
        }
    }

    /// How much memory the buffer holds, in octets.
    pub(crate) fn capacity(&self) -> usize {
        self.octets.capacity()
    }

    /// Takes the next line. It may have `limit` octets with its CRLF; of a refused line up to `patience` octets
    /// more are passed over.
    pub(crate) fn line(&mut self, limit: usize, patience: usize) -> Read {
        if self.skipping != Skipping::No {
            return self.skip(patience);
        }
        let pending = self.pending();
        let length = pending.len();
        let fresh = pending.get(self.scanned..).unwrap_or_default();
        let Some(feed) = memchr(b'\n', fresh).map(|at| self.scanned + at) else {
            self.scanned = length;
            return if length >= limit { self.refuse(BadLine::TooLong, 0) } else { Read::More };
        };
        if feed + 1 > limit {
            return self.refuse(BadLine::TooLong, 0);
        }
        let Some((b'\r', line)) = pending.get(..feed).and_then(<[u8]>::split_last) else {
            // Told at once, not at the line's end: a person at a terminal that sends bare LF must not wait.
            return self.refuse(BadLine::Octets, feed + 1);
        };
        let bad = memchr2(b'\r', 0, line).is_some();
        let place = self.consume(feed + 1);
        if bad { Read::Bad(BadLine::Octets) } else { Read::Line(place.start..place.end.saturating_sub(2)) }
    }

    /// Passes over `count` octets, and then over all up to the next CRLF.
    fn refuse(&mut self, why: BadLine, count: usize) -> Read {
        self.consume(count);
        self.skipping = Skipping::Yes(count);
        Read::Bad(why)
    }

    /// Goes on passing over a refused line.
    fn skip(&mut self, patience: usize) -> Read {
        let Skipping::Yes(gone) = self.skipping else { return Read::Passed };
        let pending = self.pending();
        let ended = memchr::memmem::find(pending, b"\r\n");
        // A CR at the end may be half of the CRLF.
        let count = match ended {
            Some(at) => at + 2,
            None if pending.ends_with(b"\r") => pending.len() - 1,
            None => pending.len(),
        };
        self.consume(count);
        let gone = gone.saturating_add(count);
        if gone > patience {
            return Read::Endless;
        }
        if ended.is_some() {
            self.skipping = Skipping::No;
            Read::Passed
        } else {
            self.skipping = Skipping::Yes(gone);
            Read::More
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 16;
    const PATIENCE: usize = 64;

    /// Everything that is said of the octets when they come in pieces of this size.
    fn read(octets: &[u8], piece: usize) -> Vec<String> {
        let mut input = Input::default();
        let mut said = Vec::new();
        for piece in octets.chunks(piece) {
            input.push(piece);
            loop {
                said.push(match input.line(LIMIT, PATIENCE) {
                    Read::Line(place) => String::from_utf8_lossy(input.at(place)).into_owned(),
                    Read::Bad(why) => format!("{why:?}"),
                    Read::Endless => {
                        said.push("Endless".into());
                        return said;
                    }
                    Read::Passed => continue,
                    Read::More => break,
                });
            }
        }
        said
    }

    #[test]
    fn only_crlf_ends_a_line() {
        let endless = "x".repeat(PATIENCE + 1);
        let rows: [(&str, &[&str]); 14] = [
            ("NOOP\r\nQUIT\r\n", &["NOOP", "QUIT"]),
            ("\r\n", &[""]),
            ("NOOP", &[]),
            ("NOOP\nQUIT\r\nRSET\r\n", &["Octets", "RSET"]),
            ("NOOP\rQUIT\r\nRSET\r\n", &["Octets", "RSET"]),
            ("NO\0OP\r\nRSET\r\n", &["Octets", "RSET"]),
            ("NOOP\r\r\nRSET\r\n", &["Octets", "RSET"]),
            ("\n\r\nRSET\r\n", &["Octets", "RSET"]),
            ("a\nb\nc\r\nRSET\r\n", &["Octets", "RSET"]),
            ("12345678901234\r\nRSET\r\n", &["12345678901234", "RSET"]),
            ("123456789012345\r\nRSET\r\n", &["TooLong", "RSET"]),
            ("12345678901234567\nx\r\nRSET\r\n", &["TooLong", "RSET"]),
            ("12345678901234567\rx\r\r\nRSET\r\n", &["TooLong", "RSET"]),
            (&endless, &["TooLong", "Endless"]),
        ];
        for (octets, want) in rows {
            for piece in 1..=octets.len() {
                assert_eq!(read(octets.as_bytes(), piece), want, "{octets:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_buffer_that_is_consumed_does_not_grow() {
        let mut input = Input::default();
        for _ in 0..10_000 {
            input.push(b"NOOP\r\nNO");
            assert!(matches!(input.line(LIMIT, PATIENCE), Read::Line(_)));
            input.push(b"OP\r\n");
            assert!(matches!(input.line(LIMIT, PATIENCE), Read::Line(_)));
        }
        assert!(input.capacity() < 1024, "{}", input.capacity());
        input.tidy(0);
        assert_eq!(input.capacity(), 0);
    }
}

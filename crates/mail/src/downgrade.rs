//! Content for a server without 8BITMIME (RFC 6152 section 3): parts with 8-bit octets become quoted-printable, binary
//! ones base64, as a stream.
//!
//! What cannot be changed is not changed: 8-bit octets in a header field, in something signed, or where no encoding
//! reaches them end the conversion with [`CannotConvert`], a permanent failure (5.6.3). A driver therefore converts
//! once into nothing before it begins a transaction, and then again to send.

use memchr::memchr;

mod body;
mod content_type;
mod encode;
mod header;

use body::Body;
use header::{Header, Place};

/// A line may be kept back up to this many octets, with CRLF: the longest that SMTP carries (RFC 5321
/// section 4.5.3.1.6). No delimiter is longer.
const LONGEST_LINE: usize = 1000;

/// Most multiparts inside one another. Deeper ones are not looked into.
const DEEPEST: usize = 64;

/// Why content cannot be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotConvert {
    /// 8-bit octets in a header field have no 7-bit form that everybody reads alike.
    #[error("a header field holds 8-bit octets")]
    Header,
    /// What is signed would not verify any more (RFC 1847 section 2.1).
    #[error("a signed part holds 8-bit octets")]
    Signed,
    /// A part of a kind that must not be encoded, `message/partial` for one (RFC 2046 section 5.2).
    #[error("a part that must not be encoded holds 8-bit octets")]
    Sealed,
    /// A part that says it is encoded already, and is not.
    #[error("a part that is said to be encoded holds 8-bit octets")]
    Mislabelled,
    /// Before the first part of a multipart, or behind its last.
    #[error("there are 8-bit octets outside all parts")]
    Outside,
    /// A multipart whose parts cannot be told apart.
    #[error("a multipart without a readable boundary holds 8-bit octets")]
    Boundless,
    /// More than 64 multiparts inside one another.
    #[error("a multipart more than {limit} levels deep holds 8-bit octets", limit = DEEPEST)]
    TooDeep,
    /// A Content-Type or Content-Transfer-Encoding field that comes twice, or never ends.
    #[error("the fields that describe a part are doubled or too long")]
    Ambiguous,
}

/// Converts content piece by piece. What needs no change is left as it is, but for the place of a
/// Content-Transfer-Encoding field, which comes last in its header section.
///
/// Holds one line, the fields that describe the current part, its first 64 KiB, and the boundaries around it.
///
/// ```
/// use gatepost_mail::downgrade::Downgrade;
///
/// let (mut downgrade, mut out) = (Downgrade::new(), Vec::new());
/// downgrade.piece("Subject: x\r\n\r\nGrüße\r\n".as_bytes(), &mut out).unwrap();
/// downgrade.finish(&mut out).unwrap();
/// assert_eq!(
///     String::from_utf8(out).unwrap(),
///     "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n\
///      Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n"
/// );
/// ```
#[derive(Debug)]
pub struct Downgrade {
    lines: Lines,
    walk: Walk,
}

impl Default for Downgrade {
    fn default() -> Self {
        Self::new()
    }
}

impl Downgrade {
    /// Begins before the first header field.
    #[must_use]
    pub fn new() -> Self {
        let state = State::Header(Header::new(Place::Top));
        Self { lines: Lines::default(), walk: Walk { boundaries: Vec::new(), state } }
    }

    /// Takes a piece of content and adds what is converted to `out`.
    ///
    /// # Errors
    ///
    /// [`CannotConvert`]; what was written is of no use then, and nothing more may be handed in.
    pub fn piece(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), CannotConvert> {
        let Self { lines, walk } = self;
        lines.split(piece, &mut |line| walk.line(line, out))
    }

    /// Ends the content.
    ///
    /// # Errors
    ///
    /// [`CannotConvert`], as with [`Downgrade::piece`].
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), CannotConvert> {
        let Self { lines, mut walk } = self;
        lines.finish(&mut |line| walk.line(line, out))?;
        walk.end(out)
    }
}

/// Tells whether the header section of content is ASCII, which is all that a server without SMTPUTF8 asks of a
/// message whose addresses are (RFC 6531 section 3.2). Holds nothing.
#[derive(Debug, Default)]
pub struct HeaderCheck {
    lines: Lines,
    place: HeaderPlace,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum HeaderPlace {
    #[default]
    Inside,
    Behind,
}

impl HeaderCheck {
    /// Takes a piece of content; once the header section is over, the rest is nodded through.
    ///
    /// # Errors
    ///
    /// [`CannotConvert::Header`] at the first field that is not ASCII.
    pub fn piece(&mut self, piece: &[u8]) -> Result<(), CannotConvert> {
        let Self { lines, place } = self;
        if *place == HeaderPlace::Behind {
            return Ok(());
        }
        lines.split(piece, &mut |line| {
            if line.is_blank() {
                *place = HeaderPlace::Behind;
            }
            if *place == HeaderPlace::Inside && !line.octets.is_ascii() {
                Err(CannotConvert::Header)
            } else {
                Ok(())
            }
        })
    }

    /// Ends the content, which may end inside a header field.
    ///
    /// # Errors
    ///
    /// [`CannotConvert::Header`], as with [`HeaderCheck::piece`].
    pub fn finish(self) -> Result<(), CannotConvert> {
        let Self { lines, place } = self;
        let ascii = |line: Line<'_>| line.octets.is_ascii();
        lines.finish(&mut |line| {
            if place == HeaderPlace::Inside && !ascii(line) { Err(CannotConvert::Header) } else { Ok(()) }
        })
    }
}

/// A line with its CRLF, or the last one without, or a piece of one that is too long to be kept.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    octets: &'a [u8],
    extent: Extent,
}

/// How much of a line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    All,
    /// Its beginning.
    Start,
    /// What follows a beginning.
    Rest,
}

impl Line<'_> {
    fn is_blank(self) -> bool {
        self.extent == Extent::All && self.octets == b"\r\n"
    }

    /// Whether it is a line that SMTP does not carry. The answer is the same however the content came in pieces.
    fn is_too_long(self) -> bool {
        self.extent != Extent::All || self.octets.len() > LONGEST_LINE
    }
}

/// Cuts pieces into lines. Only CRLF ends one.
#[derive(Debug, Default)]
struct Lines {
    held: Vec<u8>,
    progress: Progress,
}

/// Whether the beginning of the current line was given away already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Progress {
    #[default]
    AtStart,
    Inside,
}

impl Lines {
    fn split(
        &mut self,
        piece: &[u8],
        take: &mut impl FnMut(Line<'_>) -> Result<(), CannotConvert>,
    ) -> Result<(), CannotConvert> {
        let mut rest = piece;
        let mut looked = 0;
        while let Some(at) = memchr(b'\n', rest.get(looked..).unwrap_or_default()) {
            looked += at + 1;
            let (line, behind) = rest.split_at(looked);
            let ends = match line {
                [.., before, _lf] => *before == b'\r',
                _ => self.held.last() == Some(&b'\r'),
            };
            if ends {
                self.whole(line, take)?;
                (rest, looked) = (behind, 0);
            }
        }
        self.keep(rest, take)
    }

    fn whole(
        &mut self,
        end: &[u8],
        take: &mut impl FnMut(Line<'_>) -> Result<(), CannotConvert>,
    ) -> Result<(), CannotConvert> {
        if end.len() > LONGEST_LINE {
            self.give_held(take)?;
        }
        let extent = match std::mem::take(&mut self.progress) {
            Progress::AtStart => Extent::All,
            Progress::Inside => Extent::Rest,
        };
        if self.held.is_empty() {
            return take(Line { octets: end, extent });
        }
        self.held.extend_from_slice(end);
        let taken = take(Line { octets: &self.held, extent });
        self.held.clear();
        taken
    }

    /// Keeps what has no end yet, unless it is too long for that.
    fn keep(
        &mut self,
        piece: &[u8],
        take: &mut impl FnMut(Line<'_>) -> Result<(), CannotConvert>,
    ) -> Result<(), CannotConvert> {
        if self.held.len() + piece.len() <= LONGEST_LINE {
            self.held.extend_from_slice(piece);
            return Ok(());
        }
        self.give_held(take)?;
        // A CR at the end may be half of a line end.
        let (given, kept) = match piece.split_last() {
            Some((b'\r', given)) => (given, b"\r".as_slice()),
            _ => (piece, b"".as_slice()),
        };
        self.give(given, take)?;
        self.held.extend_from_slice(kept);
        Ok(())
    }

    fn give_held(
        &mut self,
        take: &mut impl FnMut(Line<'_>) -> Result<(), CannotConvert>,
    ) -> Result<(), CannotConvert> {
        let mut held = std::mem::take(&mut self.held);
        let given = self.give(&held, take);
        held.clear();
        self.held = held;
        given
    }

    /// Gives a piece of a long line away.
    fn give(
        &mut self,
        octets: &[u8],
        take: &mut impl FnMut(Line<'_>) -> Result<(), CannotConvert>,
    ) -> Result<(), CannotConvert> {
        if octets.is_empty() {
            return Ok(());
        }
        let extent = match std::mem::replace(&mut self.progress, Progress::Inside) {
            Progress::AtStart => Extent::Start,
            Progress::Inside => Extent::Rest,
        };
        take(Line { octets, extent })
    }

    fn finish(
        self,
        take: &mut impl FnMut(Line<'_>) -> Result<(), CannotConvert>,
    ) -> Result<(), CannotConvert> {
        let extent = match self.progress {
            Progress::AtStart => Extent::All,
            Progress::Inside => Extent::Rest,
        };
        if self.held.is_empty() { Ok(()) } else { take(Line { octets: &self.held, extent }) }
    }
}

/// Walks through the parts of a message.
#[derive(Debug)]
struct Walk {
    /// Of the multiparts around the current place, outermost first.
    boundaries: Vec<Boundary>,
    state: State,
}

#[derive(Debug)]
struct Boundary {
    text: Box<[u8]>,
    place: Place,
}

#[derive(Debug)]
enum State {
    Header(Header),
    Body(Body),
    /// Before the first part of a multipart or behind its last.
    Outside,
}

/// What follows a header section.
enum Inside {
    Body(Body),
    /// Parts between lines with this boundary, which are read as from this place.
    Parts(Boundary),
    /// A message of its own.
    Message,
}

impl Walk {
    fn line(&mut self, line: Line<'_>, out: &mut Vec<u8>) -> Result<(), CannotConvert> {
        if let Some((level, delimiter)) = self.delimiter(line) {
            return self.cross(level, delimiter, line.octets, out);
        }
        match &mut self.state {
            State::Header(header) if line.is_blank() => {
                let depth = self.boundaries.len();
                let inside = header.end(depth, out)?;
                self.enter(inside);
                Ok(())
            }
            State::Header(header) => header.line(line, out),
            State::Body(body) => body.line(line, out),
            State::Outside if line.octets.is_ascii() => {
                out.extend_from_slice(line.octets);
                Ok(())
            }
            State::Outside => Err(CannotConvert::Outside),
        }
    }

    fn enter(&mut self, inside: Inside) {
        self.state = match inside {
            Inside::Body(body) => State::Body(body),
            Inside::Message => State::Header(Header::new(Place::Top)),
            Inside::Parts(boundary) => {
                self.boundaries.push(boundary);
                State::Outside
            }
        };
    }

    /// Which of the multiparts around this place the line belongs to, if it parts one; the innermost counts.
    fn delimiter(&self, line: Line<'_>) -> Option<(usize, Delimiter)> {
        let text = line.octets.strip_prefix(b"--").filter(|_| !line.is_too_long())?;
        let text = text.trim_ascii_end();
        self.boundaries.iter().enumerate().rev().find_map(|(level, boundary)| {
            match text.strip_prefix(&*boundary.text)? {
                b"" => Some((level, Delimiter::Next)),
                b"--" => Some((level, Delimiter::Last)),
                _ => None,
            }
        })
    }

    fn cross(
        &mut self,
        level: usize,
        delimiter: Delimiter,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CannotConvert> {
        self.leave(Ending::Delimiter, out)?;
        out.extend_from_slice(line);
        self.boundaries.truncate(level + 1);
        self.state = match (delimiter, self.boundaries.last()) {
            (Delimiter::Next, Some(boundary)) => State::Header(Header::new(boundary.place)),
            (Delimiter::Next | Delimiter::Last, _) => {
                self.boundaries.truncate(level);
                State::Outside
            }
        };
        Ok(())
    }

    fn end(mut self, out: &mut Vec<u8>) -> Result<(), CannotConvert> {
        self.leave(Ending::Content, out)
    }

    fn leave(&mut self, ending: Ending, out: &mut Vec<u8>) -> Result<(), CannotConvert> {
        match std::mem::replace(&mut self.state, State::Outside) {
            State::Header(header) => header.end_without_body(out),
            State::Body(body) => body.end(ending, out),
            State::Outside => Ok(()),
        }
    }
}

/// What a line between parts says.
#[derive(Debug, Clone, Copy)]
enum Delimiter {
    Next,
    Last,
}

/// What ends a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// A line between parts; the CRLF before it belongs to it (RFC 2046 section 5.1.1).
    Delimiter,
    /// The end of all.
    Content,
}

#[cfg(test)]
mod tests;

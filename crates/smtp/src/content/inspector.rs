//! Looks at content line by line: line ends, NUL, lengths, 8-bit octets, size.

use gatepost_mail::{Body, Ending, Octets};
use memchr::{memchr, memchr_iter, memchr3};

use super::{ContentFault, Seen};

/// Whether content has to be made of proper lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// A bare CR or LF, a NUL, a line over the limit are faults.
    Lines,
    /// `BODY=BINARYMIME`: anything goes (RFC 3030 section 3); what is seen is only noted.
    Anything,
}

/// Where in a line the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At its start: CRLF, or nothing at all, came before.
    Start,
    /// Inside it.
    Inside,
    /// Behind a CR.
    AfterCr,
}

/// What was seen in all the content so far.
#[derive(Debug)]
pub(crate) struct Inspector {
    place: Place,
    /// Octets of the present line, without CRLF.
    line: usize,
    longest: usize,
    size: u64,
    body: Body,
    strictness: Strictness,
    fault: Option<ContentFault>,
    longest_allowed: usize,
    largest_allowed: Octets,
}

/// Whether [`Inspector::whole_lines`] is worth a try. Where it found something odd, the octets are looked at one
/// line after the other: an octet is never looked at more than so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tries {
    Left,
    Over,
}

/// How far [`Inspector::advance`] came.
pub(super) enum Advance {
    /// The line ended behind so many octets.
    LineEnded(usize),
    /// A fault was found; so many octets are before it.
    Fault(usize),
    /// All octets belong to the present line.
    AllOfIt,
}

impl Inspector {
    /// One for new content; a line may have `longest_line` octets with CRLF.
    pub(crate) fn new(strictness: Strictness, longest_line: usize, largest: Octets) -> Self {
        Self {
            place: Place::Start,
            line: 0,
            longest: 0,
            size: 0,
            body: Body::SevenBit,
            strictness,
            fault: None,
            longest_allowed: longest_line.saturating_sub(2),
            largest_allowed: largest,
        }
    }

    /// What is wrong with the content, once something is.
    pub(crate) const fn fault(&self) -> Option<ContentFault> {
        self.fault
    }

    /// How much content there was.
    pub(crate) const fn size(&self) -> Octets {
        Octets(self.size)
    }

    /// What was seen, at the end.
    pub(crate) fn seen(&self) -> Seen {
        let ended = self.place == Place::Start;
        Seen {
            size: self.size(),
            body: self.body,
            longest_line: self.longest.max(self.line),
            ending: if ended { Ending::Line } else { Ending::Open },
        }
    }

    /// Looks at content without dots; gives how many octets of it are before any fault.
    ///
    /// A CR at the very end of the content is a bare one, which only [`Inspector::finish`] can tell.
    pub(crate) fn look_at(&mut self, content: &[u8]) -> usize {
        let mut at = 0;
        let mut tries = Tries::Left;
        while let Some(rest) = content.get(at..).filter(|rest| !rest.is_empty()) {
            let lines = self.whole_lines(rest, &mut tries);
            if lines > 0 {
                at += lines;
                continue;
            }
            match self.advance(rest) {
                Advance::LineEnded(count) => at += count,
                Advance::AllOfIt => at = content.len(),
                Advance::Fault(count) => {
                    at += count;
                    break;
                }
            }
        }
        self.count(content.get(..at).unwrap_or_default())
    }

    /// Notes the end of all content.
    pub(crate) fn finish(&mut self) {
        if self.place == Place::AfterCr {
            self.note(ContentFault::BareLineEnd);
        }
    }

    pub(super) fn at_line_start(&self) -> bool {
        self.place == Place::Start
    }

    /// A stuffed dot was passed over: what follows is inside the line, even if it is a dot again.
    pub(super) fn leave_line_start(&mut self) {
        self.place = Place::Inside;
    }

    /// Passes over whole lines in which nothing is wrong, up to one that begins with a dot: what nearly all content
    /// is made of, at a fraction of the price of [`Inspector::advance`]. Gives how many octets they have.
    pub(super) fn whole_lines(&mut self, octets: &[u8], tries: &mut Tries) -> usize {
        let as_is = self.fault.is_some() || self.body == Body::BinaryMime;
        if *tries == Tries::Over || self.place != Place::Start || as_is {
            return 0;
        }
        let (mut end, mut lines, mut longest) = (0, 0, self.longest);
        for feed in memchr_iter(b'\n', octets) {
            let Some(text) = feed.checked_sub(end + 1).filter(|text| *text <= self.longest_allowed) else {
                break;
            };
            if octets.get(feed - 1) != Some(&b'\r') {
                break;
            }
            longest = longest.max(text);
            lines += 1;
            end = feed + 1;
            if octets.get(end) == Some(&b'.') {
                break;
            }
        }
        let whole = octets.get(..end).unwrap_or_default();
        // With as many CRs as lines, none stands alone.
        let clean = memchr_iter(b'\r', whole).count() == lines && memchr(0, whole).is_none();
        if !clean || lines == 0 {
            *tries = Tries::Over;
            return 0;
        }
        self.longest = longest;
        end
    }

    /// Goes to the end of the present line, or of the octets, or to the first fault.
    pub(super) fn advance(&mut self, octets: &[u8]) -> Advance {
        if self.fault.is_some() || self.body == Body::BinaryMime {
            return self.advance_blindly(octets);
        }
        match octets.first() {
            None => return Advance::AllOfIt,
            Some(b'\n') if self.place == Place::AfterCr => return self.end_line(1),
            Some(_) if self.place == Place::AfterCr => {
                return self.fault_at(ContentFault::BareLineEnd, 0, octets);
            }
            Some(_) => {}
        }
        let found = memchr3(b'\r', b'\n', 0, octets);
        let text = found.unwrap_or(octets.len());
        if self.line + text > self.longest_allowed {
            return self.fault_at(ContentFault::LineTooLong, self.longest_allowed - self.line, octets);
        }
        self.line += text;
        match (octets.get(text), octets.get(text + 1)) {
            (Some(b'\r'), Some(b'\n')) => self.end_line(text + 2),
            (Some(b'\r'), Some(_)) => self.fault_at(ContentFault::BareLineEnd, text + 1, octets),
            (Some(b'\r'), None) => {
                self.place = Place::AfterCr;
                Advance::AllOfIt
            }
            (Some(b'\n'), _) => self.fault_at(ContentFault::BareLineEnd, text, octets),
            (Some(_nul), _) => self.fault_at(ContentFault::Nul, text, octets),
            (None, _) => {
                self.place = Place::Inside;
                Advance::AllOfIt
            }
        }
    }

    /// Adds a piece of content; gives how much of it is within the size allowed.
    pub(super) fn count(&mut self, piece: &[u8]) -> usize {
        let room = usize::try_from(self.largest_allowed.0.saturating_sub(self.size)).unwrap_or(usize::MAX);
        let within = piece.get(..room).unwrap_or(piece);
        if within.len() < piece.len() {
            // A fault further behind does not count any more: cut or whole, the first one is told.
            self.fault = Some(ContentFault::TooLarge);
        }
        self.size += within.len() as u64;
        if self.body == Body::SevenBit && !within.is_ascii() {
            self.body = Body::EightBitMime;
        }
        within.len()
    }

    fn end_line(&mut self, count: usize) -> Advance {
        self.place = Place::Start;
        self.longest = self.longest.max(self.line);
        self.line = 0;
        Advance::LineEnded(count)
    }

    /// What is refused, or is not made of lines, still has line starts, which tell where a message ends.
    pub(super) fn advance_blindly(&mut self, octets: &[u8]) -> Advance {
        let mut from = 0;
        while let Some(at) = octets.get(from..).and_then(|rest| memchr(b'\n', rest)) {
            let feed = from + at;
            let behind_cr = match feed.checked_sub(1) {
                Some(before) => octets.get(before) == Some(&b'\r'),
                None => self.place == Place::AfterCr,
            };
            if behind_cr {
                return self.end_line(feed + 1);
            }
            self.place = Place::Inside;
            from = feed + 1;
        }
        self.place = match octets.last() {
            None => self.place,
            Some(b'\r') => Place::AfterCr,
            Some(_) => Place::Inside,
        };
        Advance::AllOfIt
    }

    fn fault_at(&mut self, fault: ContentFault, count: usize, octets: &[u8]) -> Advance {
        self.note(fault);
        if self.fault.is_none() {
            return self.advance_blindly(octets);
        }
        // The place must be that of the octet where reading goes on.
        if count > 0 {
            self.place = match octets.get(count - 1) {
                Some(b'\r') => Place::AfterCr,
                _ => Place::Inside,
            };
        }
        Advance::Fault(count)
    }

    fn note(&mut self, fault: ContentFault) {
        match self.strictness {
            Strictness::Lines => self.fault = Some(fault),
            Strictness::Anything => self.body = Body::BinaryMime,
        }
    }
}

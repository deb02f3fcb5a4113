//! Finds what the rules need in a header section (RFC 5322 section 2.2), without keeping or changing the rest.
//!
//! The content is fed in pieces as it comes; only the values of From, Sender and Delivered-To are kept, up to a
//! limit. What is read here is what people will be shown, so that where two readers may see different things
//! (a field twice, an address that cannot be told apart), the finding says so instead of choosing.

use std::fmt;

use memchr::memchr2;

use crate::{Mailbox, Octets};

mod address_list;

/// Longest field name that is looked at, in octets; RFC 5322 has none that is longer than 30.
const LONGEST_NAME: usize = 77;

/// Most Delivered-To fields that are kept; the Received fields run out of patience first.
const MOST_DELIVERED_TO: usize = 100;

/// How much of a header section is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderLimits {
    /// The whole section.
    pub section: Octets,
    /// The value of one field that is kept; a longer one cannot be read.
    pub field: Octets,
}

impl Default for HeaderLimits {
    /// 1 MiB and 64 KiB: several times what lists with thousands of people in To have.
    fn default() -> Self {
        Self { section: Octets::mib(1), field: Octets::kib(64) }
    }
}

/// What a piece of content brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The section goes on; feed the next piece.
    More,
    /// The section has ended; the body begins at this offset of the piece that was fed last.
    Ended {
        /// How many octets of the piece belong to the section, its empty line counted.
        at: usize,
    },
    /// The section is larger than its limit.
    TooLarge,
}

/// A field with addresses in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AddressField {
    /// There is none.
    #[default]
    Missing,
    /// These, in order; empty if it names a group without members.
    Mailboxes(Vec<Mailbox>),
    /// There is one, and it is no list of addresses.
    Unreadable,
    /// There are several.
    Repeated,
}

impl AddressField {
    /// The mailboxes, if it could be read.
    #[must_use]
    pub fn mailboxes(&self) -> &[Mailbox] {
        match self {
            Self::Mailboxes(mailboxes) => mailboxes,
            Self::Missing | Self::Unreadable | Self::Repeated => &[],
        }
    }

    /// Reads a field's value: addresses, comments, display names, groups (RFC 5322 section 3.4, RFC 6532).
    ///
    /// Encoded words are left alone. What looks like an address in a display name without quotes counts as
    /// an address, since people may be shown it as one.
    #[must_use]
    pub fn read(value: &str) -> Self {
        address_list::read(value).map_or(Self::Unreadable, Self::Mailboxes)
    }
}

/// Fields whose presence matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `Date`.
    Date,
    /// `Message-ID`.
    MessageId,
    /// `Return-Path`.
    ReturnPath,
    /// `Bcc`.
    Bcc,
}

/// What was found in a header section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderFacts {
    /// The author.
    pub from: AddressField,
    /// Who sent it for the author.
    pub sender: AddressField,
    /// Received fields.
    pub received: u32,
    /// Mailboxes it has been delivered to before, in [`Mailbox::folded`] form.
    pub delivered_to: Vec<String>,
    /// The size of the section, its empty line counted.
    pub section: Octets,
    /// Lines that are neither field nor continuation.
    pub malformed_lines: u32,
    /// Whether it holds octets beyond ASCII (RFC 6532).
    pub is_international: bool,
    present: u8,
}

impl HeaderFacts {
    /// Whether there is such a field.
    #[must_use]
    pub const fn has(&self, field: Field) -> bool {
        self.present & (1 << field as u8) != 0
    }
}

/// Reads a header section in pieces of any size.
pub struct HeaderScan {
    limits: HeaderLimits,
    authors: Authors,
    facts: HeaderFacts,
    place: Place,
    keeps: Keeps,
    name: Vec<u8>,
    value: Vec<u8>,
}

/// Whether From and Sender are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Authors {
    Read,
    PassedOver,
}

/// Where in the section the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    /// Behind a CR that began a line.
    EmptyLine,
    /// Behind a CR that ended a line.
    LineEnd,
    Name,
    Value,
    Body,
    TooLarge,
}

/// Which field's value is being kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Nothing,
    From,
    Sender,
    DeliveredTo,
}

impl HeaderScan {
    /// Begins at the first octet of a message.
    #[must_use]
    pub fn new(limits: HeaderLimits) -> Self {
        Self {
            limits,
            authors: Authors::Read,
            facts: HeaderFacts::default(),
            place: Place::LineStart,
            keeps: Keeps::Nothing,
            name: Vec::new(),
            value: Vec::new(),
        }
    }

    /// For content whose authors nobody asks about: reading addresses is most of the work. The facts say of From and
    /// Sender that they are missing.
    #[must_use]
    pub fn without_authors(self) -> Self {
        Self { authors: Authors::PassedOver, ..self }
    }

    /// Takes the next piece of content. Once the section has ended or is too large, pieces are not looked at.
    pub fn piece(&mut self, piece: &[u8]) -> Progress {
        let mut rest = piece;
        loop {
            match self.place {
                Place::Body => return Progress::Ended { at: piece.len() - rest.len() },
                Place::TooLarge => return Progress::TooLarge,
                Place::LineStart | Place::EmptyLine | Place::LineEnd | Place::Name | Place::Value => {}
            }
            if rest.is_empty() {
                return Progress::More;
            }
            let taken = self.take(rest);
            let (seen, left) = rest.split_at(taken.min(rest.len()));
            self.facts.is_international |= !seen.is_ascii();
            self.facts.section = self.facts.section + Octets::of(seen);
            if self.facts.section > self.limits.section {
                self.place = Place::TooLarge;
            }
            rest = left;
        }
    }

    /// What was found so far; of a section that has not ended, the last field may be missing.
    #[must_use]
    pub const fn facts(&self) -> &HeaderFacts {
        &self.facts
    }

    /// What was found. A message that is all header section needs no empty line.
    #[must_use]
    pub fn finish(mut self) -> HeaderFacts {
        if self.place == Place::Name {
            self.facts.malformed_lines += 1;
        }
        self.end_field();
        self.facts
    }

    /// Looks at the beginning of `rest`, which is not empty; gives how many octets are done with.
    fn take(&mut self, rest: &[u8]) -> usize {
        match (self.place, rest.first()) {
            (Place::LineStart, Some(b' ' | b'\t')) => {
                self.place = Place::Value;
                0
            }
            (Place::LineStart, Some(b'\r')) => {
                self.place = Place::EmptyLine;
                1
            }
            (Place::EmptyLine, Some(b'\n')) => {
                self.end_field();
                self.place = Place::Body;
                1
            }
            // A CR alone, which only BODY=BINARYMIME lets through, ends a line for some readers: what follows may be
            // a field to them, and so it is one here.
            (Place::LineEnd, first) => {
                self.place = Place::LineStart;
                usize::from(first == Some(&b'\n'))
            }
            (Place::LineStart | Place::EmptyLine, _) => {
                self.end_field();
                self.name.clear();
                self.place = Place::Name;
                0
            }
            (Place::Name, _) => self.take_name(rest),
            (Place::Value, _) => self.take_value(rest),
            (Place::Body | Place::TooLarge, _) => rest.len(),
        }
    }

    fn take_name(&mut self, rest: &[u8]) -> usize {
        let room = LONGEST_NAME - self.name.len().min(LONGEST_NAME);
        let end = rest.iter().take(room).position(|octet| matches!(octet, b':' | b'\r' | b'\n'));
        let seen = end.unwrap_or(room.min(rest.len()));
        self.name.extend_from_slice(rest.get(..seen).unwrap_or(rest));
        match end.and_then(|at| rest.get(at)) {
            Some(b':') => {
                self.begin_field();
                self.place = Place::Value;
                seen + 1
            }
            Some(line_end) => {
                self.facts.malformed_lines += 1;
                self.place = behind(*line_end);
                seen + 1
            }
            None if self.name.len() >= LONGEST_NAME => {
                self.facts.malformed_lines += 1;
                self.place = Place::Value;
                seen
            }
            None => seen,
        }
    }

    /// Keeps the value without its line ends, so that it comes unfolded (RFC 5322 section 2.2.3).
    fn take_value(&mut self, rest: &[u8]) -> usize {
        let line_end = memchr2(b'\r', b'\n', rest);
        let seen = line_end.unwrap_or(rest.len());
        if self.keeps != Keeps::Nothing {
            let room = (self.limits.field.as_usize() + 1).saturating_sub(self.value.len());
            self.value.extend_from_slice(rest.get(..seen.min(room)).unwrap_or(rest));
        }
        match line_end.and_then(|at| rest.get(at)) {
            Some(octet) => {
                self.place = behind(*octet);
                seen + 1
            }
            None => seen,
        }
    }

    /// White space before the colon is obsolete, and readers that people use take it (RFC 5322 section 4.5).
    fn begin_field(&mut self) {
        let is = |wanted: &str| self.name.trim_ascii_end().eq_ignore_ascii_case(wanted.as_bytes());
        if !self.name.trim_ascii_end().iter().all(u8::is_ascii_graphic) || self.name.is_empty() {
            self.facts.malformed_lines += 1;
        }
        self.keeps = if is("From") {
            if self.authors == Authors::Read { Keeps::From } else { Keeps::Nothing }
        } else if is("Sender") {
            if self.authors == Authors::Read { Keeps::Sender } else { Keeps::Nothing }
        } else if is("Delivered-To") {
            Keeps::DeliveredTo
        } else {
            Keeps::Nothing
        };
        if is("Received") {
            self.facts.received = self.facts.received.saturating_add(1);
        }
        for (field, name) in [
            (Field::Date, "Date"),
            (Field::MessageId, "Message-ID"),
            (Field::ReturnPath, "Return-Path"),
            (Field::Bcc, "Bcc"),
        ] {
            self.facts.present |= u8::from(is(name)) << field as u8;
        }
    }

    fn end_field(&mut self) {
        let keeps = std::mem::replace(&mut self.keeps, Keeps::Nothing);
        let value = std::mem::take(&mut self.value);
        match keeps {
            Keeps::Nothing => {}
            Keeps::From => add(&mut self.facts.from, &value, self.limits.field),
            Keeps::Sender => add(&mut self.facts.sender, &value, self.limits.field),
            Keeps::DeliveredTo => self.delivered_to(&value),
        }
    }

    fn delivered_to(&mut self, value: &[u8]) {
        let mailbox = std::str::from_utf8(value).ok().and_then(|text| Mailbox::parse(text.trim()).ok());
        if let Some(mailbox) = mailbox
            && self.facts.delivered_to.len() < MOST_DELIVERED_TO
        {
            self.facts.delivered_to.push(mailbox.folded());
        }
    }
}

/// Where the octet behind a line end's first octet stands.
const fn behind(line_end: u8) -> Place {
    if line_end == b'\r' { Place::LineEnd } else { Place::LineStart }
}

/// Octets that are no UTF-8 spoil a display name, not the address beside it; in an address they make it one
/// that nobody owns.
fn add(field: &mut AddressField, value: &[u8], longest: Octets) {
    *field = match field {
        AddressField::Missing if Octets::of(value) > longest => AddressField::Unreadable,
        AddressField::Missing => AddressField::read(&String::from_utf8_lossy(value)),
        AddressField::Mailboxes(_) | AddressField::Unreadable | AddressField::Repeated => {
            AddressField::Repeated
        }
    };
}

/// Shows what was found so far, not the content.
impl fmt::Debug for HeaderScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderScan")
            .field("place", &self.place)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

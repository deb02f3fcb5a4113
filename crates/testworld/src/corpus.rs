//! Messages as people and programs send them, as octets; and the comparison of what arrived with what was
//! sent.
//!
//! Made by code, so that a twenty-megabyte attachment costs the checkout nothing; the same octets each time.

use std::fmt;

mod mime;
mod odd;
mod plain;

/// One message. Lines end with CRLF.
#[derive(Clone, PartialEq, Eq)]
pub struct Sample {
    /// Unique, in words with dashes.
    pub name: &'static str,
    /// The octets.
    pub content: Vec<u8>,
    /// What the way must offer for it to arrive unchanged.
    pub needs: Vec<Need>,
}

/// What a message asks of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// 8BITMIME, RFC 6152: octets above 127.
    EightBit,
    /// SMTPUTF8, RFC 6531: UTF-8 in header fields.
    International,
    /// CHUNKING, RFC 3030: no line end after the last line, which DATA cannot carry.
    Chunking,
    /// A server that keeps what it was given where others mend it: Postfix puts an empty line before a
    /// message without a header, Exim one behind a header without a body.
    Tolerance,
}

impl Sample {
    fn new(name: &'static str, content: Vec<u8>) -> Self {
        Self { name, content, needs: Vec::new() }
    }

    /// From text whose lines end with LF.
    fn text(name: &'static str, text: &str) -> Self {
        Self::new(name, text.replace('\n', "\r\n").into_bytes())
    }

    fn needing(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    /// Whether the way must offer this.
    #[must_use]
    pub fn needs(&self, need: Need) -> bool {
        self.needs.contains(&need)
    }

    /// The content as DATA carries it: with a line end after the last line.
    #[must_use]
    pub fn as_data(&self) -> Vec<u8> {
        let mut content = self.content.clone();
        if !content.is_empty() && !content.ends_with(b"\r\n") {
            content.extend_from_slice(b"\r\n");
        }
        content
    }
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} octets)", self.name, self.content.len())
    }
}

/// All messages, at least 50, the smallest first.
#[must_use]
pub fn all() -> Vec<Sample> {
    let mut samples = plain::samples();
    samples.extend(mime::samples());
    samples.extend(odd::samples());
    samples.sort_by_key(|sample| sample.content.len());
    samples
}

/// Line ends in the place where a message was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// As on the wire.
    Crlf,
    /// As in a Maildir.
    Lf,
}

/// Where two messages part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Offset of the first octet that differs, in what arrived without its trace fields.
    pub octet: usize,
    /// What should stand there.
    pub wanted: String,
    /// What stands there.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { octet, wanted, got } = self;
        write!(f, "at octet {octet}: wanted `{wanted}`, got `{got}`")
    }
}

impl std::error::Error for Difference {}

/// Fields that servers add on top: trace fields, and those that a submission server may add (RFC 6409
/// section 8).
const ADDED: &[&str] = &[
    "received",
    "return-path",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "delivery-date",
    "date",
    "message-id",
    "authentication-results",
    "received-spf",
];

/// Whether what arrived is what was sent, octet by octet, apart from fields that were added on top.
///
/// A field counts as added only if all that follows it is what was sent, so a message that begins with such
/// fields itself must keep them.
///
/// # Errors
///
/// Where the two part, once every added field is passed over.
pub fn same_apart_from_trace(sent: &[u8], received: &[u8], line_ends: LineEnds) -> Result<(), Difference> {
    let mut rest = received;
    let mut nearest: Option<Difference> = None;
    loop {
        let Some(difference) = first_difference(sent, rest, line_ends) else { return Ok(()) };
        // The try that went furthest tells most.
        if nearest.as_ref().is_none_or(|nearest| nearest.octet < difference.octet) {
            nearest = Some(difference);
        }
        match after_added_field(rest) {
            Some(after) => rest = after,
            None => return nearest.map_or(Ok(()), Err),
        }
    }
}

/// What follows the first field, if that is one that servers add.
fn after_added_field(message: &[u8]) -> Option<&[u8]> {
    let colon = message.iter().position(|octet| *octet == b':')?;
    let name = String::from_utf8_lossy(message.get(..colon)?).to_ascii_lowercase();
    if !ADDED.contains(&name.trim_end()) {
        return None;
    }
    let mut rest = message;
    loop {
        let end = rest.iter().position(|octet| *octet == b'\n')?;
        rest = rest.get(end + 1..)?;
        if !rest.starts_with(b" ") && !rest.starts_with(b"\t") {
            return Some(rest);
        }
    }
}

/// Where the two part, or `None`; stops at the first line that differs.
fn first_difference(sent: &[u8], rest: &[u8], line_ends: LineEnds) -> Option<Difference> {
    let mut at = 0;
    for line in sent.split_inclusive(|octet| *octet == b'\n') {
        let wanted = match (line_ends, line.strip_suffix(b"\r\n")) {
            (LineEnds::Lf, Some(text)) => [text, b"\n"].concat(),
            (LineEnds::Lf | LineEnds::Crlf, _) => line.to_vec(),
        };
        let here = rest.get(at..).unwrap_or_default();
        if !here.starts_with(&wanted) {
            return Some(difference(at, &wanted, here));
        }
        at += wanted.len();
    }
    let more = rest.get(at..).unwrap_or_default();
    (!more.is_empty()).then(|| difference(at, b"", more))
}

/// Both sides around the first octet that differs, in what begins at the offset `at`.
fn difference(at: usize, wanted: &[u8], got: &[u8]) -> Difference {
    let octet = wanted.iter().zip(got).take_while(|(one, other)| one == other).count();
    let shown = |octets: &[u8]| {
        let from = octet.saturating_sub(20);
        let near = octets.get(from..octets.len().min(octet + 40)).unwrap_or_default();
        crate::wire::shown(near)
    };
    Difference { octet: at + octet, wanted: shown(wanted), got: shown(got) }
}

#[cfg(test)]
mod tests;

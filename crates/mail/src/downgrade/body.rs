//! The body of one part: passed on, or encoded.

use memchr::{memchr, memchr2};

use super::encode::{Base64, Quoter};
use super::header::Header;
use super::{CannotConvert, Ending, Line};

/// So many octets of a body are kept back to see whether it needs an encoding at all. One that is longer is encoded
/// without need, which costs nothing but looks.
const LOOK_AHEAD: usize = 64 * 1024;

/// The body of one part, being read.
#[derive(Debug)]
pub(super) enum Body {
    /// It goes as it is; an 8-bit octet is this refusal.
    Passed(CannotConvert),
    /// It may have to be encoded. Neither the rest of its header section nor this beginning of it was written.
    Undecided(Box<Header>, Vec<u8>),
    Quoted(Quoter),
    Base64(Base64, LineEnd),
}

/// The line end before a delimiter is no part of the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    Written,
    Held,
}

impl Body {
    pub(super) const fn passed(refusal: CannotConvert) -> Self {
        Self::Passed(refusal)
    }

    pub(super) fn undecided(header: Header) -> Self {
        Self::Undecided(Box::new(header), Vec::new())
    }

    pub(super) fn base64() -> Self {
        Self::Base64(Base64::default(), LineEnd::Written)
    }

    pub(super) fn line(&mut self, line: Line<'_>, out: &mut Vec<u8>) -> Result<(), CannotConvert> {
        match self {
            Self::Passed(refusal) if !line.octets.is_ascii() => return Err(*refusal),
            Self::Passed(_) => out.extend_from_slice(line.octets),
            Self::Undecided(_, held) if is_plain(line) && held.len() + line.octets.len() <= LOOK_AHEAD => {
                held.extend_from_slice(line.octets);
            }
            Self::Undecided(header, held) => {
                header.write_encoded("quoted-printable", out);
                let mut quoter = Quoter::default();
                quoter.write(held, out);
                quoter.write(line.octets, out);
                *self = Self::Quoted(quoter);
            }
            Self::Quoted(quoter) => quoter.write(line.octets, out),
            Self::Base64(coder, end) => {
                if *end == LineEnd::Held {
                    coder.write(b"\r\n", out);
                }
                let (octets, held) = match line.octets.strip_suffix(b"\r\n") {
                    Some(octets) => (octets, LineEnd::Held),
                    None => (line.octets, LineEnd::Written),
                };
                coder.write(octets, out);
                *end = held;
            }
        }
        Ok(())
    }

    pub(super) fn end(self, ending: Ending, out: &mut Vec<u8>) -> Result<(), CannotConvert> {
        match self {
            Self::Passed(_) => {}
            Self::Undecided(header, held) => {
                header.write_seven_bit(out);
                out.extend_from_slice(&held);
            }
            Self::Quoted(mut quoter) => quoter.finish(out),
            Self::Base64(mut coder, end) => {
                if end == LineEnd::Held && ending == Ending::Content {
                    coder.write(b"\r\n", out);
                }
                if !coder.finish(out) && end == LineEnd::Held {
                    // Else the delimiter would take the blank line behind the header section for its own.
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
        Ok(())
    }
}

/// Whether a line goes by SMTP as it is, even to the oldest server.
fn is_plain(line: Line<'_>) -> bool {
    let text = line.octets.strip_suffix(b"\r\n").unwrap_or(line.octets);
    line.octets.is_ascii()
        && !line.is_too_long()
        && memchr2(b'\r', b'\n', text).is_none()
        && memchr(0, text).is_none()
}

//! The header section of a message or part: passed on as it comes, but for the field that tells the encoding, which
//! waits until the encoding is known.

use super::body::Body;
use super::content_type::{Encoding, Kind};
use super::{Boundary, CannotConvert, DEEPEST, Extent, Inside, Line};

/// Longest Content-Type or Content-Transfer-Encoding field, in octets.
const LONGEST_FIELD: usize = 16 * 1024;

/// Longest name of a field that matters.
const LONGEST_NAME: usize = 32;

/// Where a header section stands; it decides what a missing field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the beginning of a message.
    Top,
    /// In a multipart.
    Part,
    /// In `multipart/digest`, where parts are messages unless they say otherwise (RFC 2046 section 5.1.5).
    Digest,
}

/// A header section that is being read.
#[derive(Debug)]
pub(super) struct Header {
    place: Place,
    mime_version: Presence,
    /// Value of the field.
    content_type: Option<Vec<u8>>,
    /// The whole field, which was not written yet.
    encoding: Option<Vec<u8>>,
    /// The field whose lines come now.
    field: Field,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Missing,
    Present,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Other,
    MimeVersion,
    ContentType,
    Encoding,
}

impl Field {
    /// Which field a line begins.
    fn of(line: &[u8]) -> Self {
        let name = line.iter().take(LONGEST_NAME).position(|&b| b == b':').and_then(|end| line.get(..end));
        let name = name.unwrap_or_default().trim_ascii_end();
        if name.eq_ignore_ascii_case(b"Content-Type") {
            Self::ContentType
        } else if name.eq_ignore_ascii_case(b"Content-Transfer-Encoding") {
            Self::Encoding
        } else if name.eq_ignore_ascii_case(b"MIME-Version") {
            Self::MimeVersion
        } else {
            Self::Other
        }
    }
}

impl Header {
    pub(super) const fn new(place: Place) -> Self {
        Self {
            place,
            mime_version: Presence::Missing,
            content_type: None,
            encoding: None,
            field: Field::Other,
        }
    }

    /// Takes a line that is not blank.
    pub(super) fn line(&mut self, line: Line<'_>, out: &mut Vec<u8>) -> Result<(), CannotConvert> {
        if !line.octets.is_ascii() {
            return Err(CannotConvert::Header);
        }
        if line.extent != Extent::Rest && !line.octets.starts_with(b" ") && !line.octets.starts_with(b"\t") {
            self.begin(Field::of(line.octets))?;
        }
        match self.field {
            Field::Encoding => return add(&mut self.encoding, line.octets),
            Field::ContentType => add(&mut self.content_type, line.octets)?,
            Field::MimeVersion | Field::Other => {}
        }
        out.extend_from_slice(line.octets);
        Ok(())
    }

    fn begin(&mut self, field: Field) -> Result<(), CannotConvert> {
        let place = match field {
            Field::ContentType => &mut self.content_type,
            Field::Encoding => &mut self.encoding,
            Field::MimeVersion => {
                self.mime_version = Presence::Present;
                self.field = field;
                return Ok(());
            }
            Field::Other => {
                self.field = field;
                return Ok(());
            }
        };
        if place.is_some() {
            return Err(CannotConvert::Ambiguous);
        }
        *place = Some(Vec::new());
        self.field = field;
        Ok(())
    }

    /// Takes the blank line, and tells what follows it.
    pub(super) fn end(&mut self, depth: usize, out: &mut Vec<u8>) -> Result<Inside, CannotConvert> {
        let header = std::mem::replace(self, Self::new(self.place));
        let inside = match (header.kind(), header.encoding_said()) {
            (Kind::Leaf, Encoding::Binary) => {
                header.write_encoded("base64", out);
                Inside::Body(Body::base64())
            }
            (Kind::Leaf, Encoding::SevenBit | Encoding::EightBit) => Inside::Body(Body::undecided(header)),
            (Kind::Leaf, Encoding::Other) => header.passed(CannotConvert::Mislabelled, out),
            (Kind::Signed, _) => header.passed(CannotConvert::Signed, out),
            (Kind::Sealed, _) => header.passed(CannotConvert::Sealed, out),
            (Kind::Boundless, _) => header.passed(CannotConvert::Boundless, out),
            (Kind::Multipart(_) | Kind::Message, Encoding::Other) => {
                header.passed(CannotConvert::Mislabelled, out)
            }
            (Kind::Multipart(_), _) if depth >= DEEPEST => header.passed(CannotConvert::TooDeep, out),
            (Kind::Multipart(text), _) => {
                header.write_version(out);
                header.write_seven_bit(out);
                Inside::Parts(Boundary { text, place: header.place_of_parts() })
            }
            (Kind::Message, _) => {
                header.write_version(out);
                header.write_seven_bit(out);
                Inside::Message
            }
        };
        Ok(inside)
    }

    /// The header section ends without a blank line.
    pub(super) fn end_without_body(self, out: &mut Vec<u8>) -> Result<(), CannotConvert> {
        out.extend_from_slice(&self.encoding.unwrap_or_default());
        Ok(())
    }

    /// Writes what is left of a part that goes as it came: as 7-bit, whatever it said.
    pub(super) fn write_seven_bit(&self, out: &mut Vec<u8>) {
        match (&self.encoding, self.encoding_said()) {
            (Some(_), Encoding::EightBit | Encoding::Binary) => {
                out.extend_from_slice(b"Content-Transfer-Encoding: 7bit\r\n");
            }
            (Some(field), Encoding::SevenBit | Encoding::Other) => out.extend_from_slice(field),
            (None, _) => {}
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Writes what is left of a part that is encoded from here on.
    pub(super) fn write_encoded(&self, encoding: &str, out: &mut Vec<u8>) {
        self.write_version(out);
        if self.content_type.is_none() {
            // RFC 1428 section 3: nobody knows what the octets mean, and that is said.
            out.extend_from_slice(b"Content-Type: text/plain; charset=unknown-8bit\r\n");
        }
        out.extend_from_slice(b"Content-Transfer-Encoding: ");
        out.extend_from_slice(encoding.as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
    }

    /// Without it, some take nothing inside for MIME.
    fn write_version(&self, out: &mut Vec<u8>) {
        if self.place == Place::Top && self.mime_version == Presence::Missing {
            out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
    }

    fn passed(&self, refusal: CannotConvert, out: &mut Vec<u8>) -> Inside {
        self.write_seven_bit(out);
        Inside::Body(Body::passed(refusal))
    }

    fn kind(&self) -> Kind {
        match &self.content_type {
            Some(field) => Kind::read(value(field)),
            None if self.place == Place::Digest => Kind::Message,
            None => Kind::Leaf,
        }
    }

    fn encoding_said(&self) -> Encoding {
        self.encoding.as_ref().map_or(Encoding::SevenBit, |field| Encoding::read(value(field)))
    }

    fn place_of_parts(&self) -> Place {
        let value = self.content_type.as_deref().map(value).unwrap_or_default().trim_ascii_start();
        let digest = value.get(..16).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/digest"));
        if digest { Place::Digest } else { Place::Part }
    }
}

fn add(field: &mut Option<Vec<u8>>, octets: &[u8]) -> Result<(), CannotConvert> {
    let field = field.get_or_insert_default();
    if field.len() + octets.len() > LONGEST_FIELD {
        return Err(CannotConvert::Ambiguous);
    }
    field.extend_from_slice(octets);
    Ok(())
}

fn value(field: &[u8]) -> &[u8] {
    let colon = field.iter().position(|&b| b == b':');
    colon.and_then(|colon| field.get(colon + 1..)).unwrap_or_default()
}

//! As much of Content-Type and Content-Transfer-Encoding as decides how a part may be converted
//! (RFC 2045 sections 5 and 6).

/// Longest boundary taken, in octets; RFC 2046 section 5.1.1 allows 70.
const LONGEST_BOUNDARY: usize = 200;

/// What a Content-Type means for conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Octets that may be encoded.
    Leaf,
    /// Parts between lines with this boundary.
    Multipart(Box<[u8]>),
    /// `multipart/signed`: not an octet may change (RFC 1847 section 2.1).
    Signed,
    /// A multipart without a boundary that can be read.
    Boundless,
    /// `message/rfc822`: a message of its own.
    Message,
    /// Another `message/…`, which must not be encoded (RFC 2046 section 5.2), and cannot be looked into.
    Sealed,
}

/// How a part says that it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    SevenBit,
    EightBit,
    Binary,
    /// Quoted-printable, base64, or one that nobody knows: encoded already.
    Other,
}

impl Kind {
    /// Reads the value of a Content-Type field. What cannot be read is text (RFC 2045 section 5.2).
    pub(super) fn read(value: &[u8]) -> Self {
        let mut words = Words { rest: value };
        let (Some(kind), Some(Word::Mark(b'/')), Some(subtype)) = (words.text(), words.next(), words.text())
        else {
            return Self::Leaf;
        };
        if kind.eq_ignore_ascii_case(b"multipart") {
            return if subtype.eq_ignore_ascii_case(b"signed") {
                Self::Signed
            } else {
                boundary(words).map_or(Self::Boundless, Self::Multipart)
            };
        }
        if !kind.eq_ignore_ascii_case(b"message") {
            return Self::Leaf;
        }
        match subtype.to_ascii_lowercase().as_slice() {
            b"rfc822" => Self::Message,
            // RFC 6532 section 3.7 and RFC 6533 section 4: these may be encoded.
            b"global"
            | b"global-headers"
            | b"global-delivery-status"
            | b"global-disposition-notification" => Self::Leaf,
            _ => Self::Sealed,
        }
    }
}

impl Encoding {
    /// Reads the value of a Content-Transfer-Encoding field.
    pub(super) fn read(value: &[u8]) -> Self {
        let word = Words { rest: value }.text().unwrap_or_default().to_ascii_lowercase();
        match word.as_slice() {
            b"7bit" => Self::SevenBit,
            b"8bit" => Self::EightBit,
            b"binary" => Self::Binary,
            _ => Self::Other,
        }
    }
}

fn boundary(mut words: Words<'_>) -> Option<Box<[u8]>> {
    while let Some(word) = words.next() {
        if word != Word::Mark(b';') {
            continue;
        }
        let (Some(name), Some(Word::Mark(b'='))) = (words.text(), words.next()) else { continue };
        let value = words.value()?;
        if name.eq_ignore_ascii_case(b"boundary") {
            // Blanks at its end are no part of it: mail programs of old took them away.
            let value = value.trim_ascii_end();
            return (1..=LONGEST_BOUNDARY).contains(&value.len()).then(|| value.into());
        }
    }
    None
}

/// Tokens, quoted strings and marks of a structured field; comments and blanks are passed over.
struct Words<'a> {
    rest: &'a [u8],
}

#[derive(Debug, PartialEq, Eq)]
enum Word {
    Text(Vec<u8>),
    Mark(u8),
}

impl Words<'_> {
    fn text(&mut self) -> Option<Vec<u8>> {
        match self.next()? {
            Word::Text(text) => Some(text),
            Word::Mark(_) => None,
        }
    }

    /// The value of a parameter: a quoted string, or all up to a blank or `;`. RFC 2045 wants `=`, `/` and others
    /// quoted there, but real boundaries hold them as they are.
    fn value(&mut self) -> Option<Vec<u8>> {
        self.rest = self.rest.trim_ascii_start();
        match self.rest.first()? {
            b'"' => Some(self.quoted()),
            b';' => None,
            _ => Some(self.until(b" \t\r\n;")),
        }
    }

    fn next(&mut self) -> Option<Word> {
        loop {
            let (&first, rest) = self.rest.split_first()?;
            match first {
                b' ' | b'\t' | b'\r' | b'\n' => self.rest = rest,
                b'(' => self.comment(),
                b'"' => return Some(Word::Text(self.quoted())),
                b'/' | b';' | b'=' => {
                    self.rest = rest;
                    return Some(Word::Mark(first));
                }
                _ => return Some(Word::Text(self.until(b" \t\r\n;/=\"("))),
            }
        }
    }

    fn until(&mut self, ends: &[u8]) -> Vec<u8> {
        let end = self.rest.iter().position(|octet| ends.contains(octet)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_vec()
    }

    fn quoted(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut octets = self.rest.iter().enumerate().skip(1);
        while let Some((at, &octet)) = octets.next() {
            match octet {
                b'"' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return text;
                }
                b'\\' => text.extend(octets.next().map(|(_, octet)| octet)),
                b'\r' | b'\n' => {}
                _ => text.push(octet),
            }
        }
        self.rest = &[];
        text
    }

    fn comment(&mut self) {
        let mut depth = 0_usize;
        let mut octets = self.rest.iter().enumerate();
        while let Some((at, &octet)) = octets.next() {
            match octet {
                b'\\' => {
                    octets.next();
                }
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                self.rest = self.rest.get(at + 1..).unwrap_or_default();
                return;
            }
        }
        self.rest = &[];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_apart() {
        let multipart = |boundary: &str| Kind::Multipart(boundary.as_bytes().into());
        let rows = [
            ("text/plain; charset=utf-8", Kind::Leaf),
            ("", Kind::Leaf),
            ("text", Kind::Leaf),
            ("text/", Kind::Leaf),
            ("multipart/mixed; boundary=abc", multipart("abc")),
            ("Multipart/Alternative;\r\n charset=x;\r\n\tBOUNDARY=\"a b\\\"c\"; x=y", multipart("a b\"c")),
            (
                "multipart (odd) / mixed (a (nested \\) comment)) ; boundary (so) = abc (really)",
                multipart("abc"),
            ),
            ("multipart/mixed; boundary=----=_Part_1/2; x=y", multipart("----=_Part_1/2")),
            ("multipart/mixed; boundary=\"----=_Part:1/2?\"", multipart("----=_Part:1/2?")),
            ("multipart/mixed; boundary=a:b'c", multipart("a:b'c")),
            ("multipart/mixed; boundary=\"trail  \"", multipart("trail")),
            ("multipart/mixed", Kind::Boundless),
            ("multipart/mixed; boundary=\"\"", Kind::Boundless),
            ("multipart/mixed; boundary=", Kind::Boundless),
            ("multipart/mixed; boundary=; x=y", Kind::Boundless),
            ("multipart/mixed; boundary=\"open", multipart("open")),
            ("multipart/signed; boundary=abc", Kind::Signed),
            ("message/RFC822", Kind::Message),
            ("message/global", Kind::Leaf),
            ("message/partial; id=1", Kind::Sealed),
            ("message/delivery-status", Kind::Sealed),
            ("text/plain (", Kind::Leaf),
        ];
        for (value, kind) in rows {
            assert_eq!(Kind::read(value.as_bytes()), kind, "{value}");
        }
        let long = format!("multipart/mixed; boundary={}", "x".repeat(201));
        assert_eq!(Kind::read(long.as_bytes()), Kind::Boundless);
    }

    #[test]
    fn encodings_are_told_apart() {
        let rows = [
            (" 7bit\r\n", Encoding::SevenBit),
            (" 8BIT (really)\r\n", Encoding::EightBit),
            ("(so) binary", Encoding::Binary),
            ("base64", Encoding::Other),
            ("x-uuencode", Encoding::Other),
            ("", Encoding::Other),
        ];
        for (value, encoding) in rows {
            assert_eq!(Encoding::read(value.as_bytes()), encoding, "{value}");
        }
    }
}

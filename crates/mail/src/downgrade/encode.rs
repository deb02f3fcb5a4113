//! The two encodings that make any octets 7-bit lines (RFC 2045 sections 6.7 and 6.8), as streams.

/// Longest line of either, in octets without CRLF (RFC 2045 sections 6.7 and 6.8).
const LONGEST_LINE: usize = 76;

/// Octets that fill one line of base64.
const OCTETS_PER_LINE: usize = LONGEST_LINE / 4 * 3;

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes quoted-printable. Lines stay lines; a CR or LF that does not end one is encoded.
#[derive(Debug, Default)]
pub(super) struct Quoter {
    column: usize,
    /// A blank that has to be encoded if its line ends behind it.
    blank: Option<u8>,
    last: Last,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    /// Whether it ends a line, the next octet tells.
    Cr,
}

impl Quoter {
    pub(super) fn write(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for &octet in octets {
            if std::mem::take(&mut self.last) == Last::Cr {
                if octet == b'\n' {
                    self.end_line(out);
                    continue;
                }
                self.pass_blank(out);
                self.encoded(b'\r', out);
            }
            match octet {
                b'\r' => self.last = Last::Cr,
                b' ' | b'\t' => {
                    self.pass_blank(out);
                    self.blank = Some(octet);
                }
                b'!'..=b'<' | b'>'..=b'~' => {
                    self.pass_blank(out);
                    self.literal(octet, out);
                }
                _ => {
                    self.pass_blank(out);
                    self.encoded(octet, out);
                }
            }
        }
    }

    /// The last line may be open; it stays so.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.last) == Last::Cr {
            self.pass_blank(out);
            self.encoded(b'\r', out);
        }
        if let Some(blank) = self.blank.take() {
            self.encoded(blank, out);
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        if let Some(blank) = self.blank.take() {
            self.encoded(blank, out);
        }
        out.extend_from_slice(b"\r\n");
        self.column = 0;
    }

    fn pass_blank(&mut self, out: &mut Vec<u8>) {
        if let Some(blank) = self.blank.take() {
            self.literal(blank, out);
        }
    }

    fn literal(&mut self, octet: u8, out: &mut Vec<u8>) {
        self.make_room(1, out);
        out.push(octet);
    }

    fn encoded(&mut self, octet: u8, out: &mut Vec<u8>) {
        self.make_room(3, out);
        out.push(b'=');
        out.extend(DIGITS.get(usize::from(octet >> 4)));
        out.extend(DIGITS.get(usize::from(octet & 0xf)));
    }

    /// One place stays free for the `=` of a soft line break.
    fn make_room(&mut self, octets: usize, out: &mut Vec<u8>) {
        if self.column + octets >= LONGEST_LINE {
            out.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
        self.column += octets;
    }
}

/// Writes base64 in lines.
#[derive(Debug, Default)]
pub(super) struct Base64 {
    /// Less than a line of octets.
    held: Vec<u8>,
    has_written: bool,
}

impl Base64 {
    pub(super) fn write(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        while self.held.len() + rest.len() >= OCTETS_PER_LINE {
            let (head, tail) = rest.split_at(OCTETS_PER_LINE - self.held.len());
            self.held.extend_from_slice(head);
            self.line(out);
            rest = tail;
        }
        self.held.extend_from_slice(rest);
    }

    /// Ends it; `true` if there was anything at all.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.held.is_empty() {
            self.line(out);
        }
        self.has_written
    }

    fn line(&mut self, out: &mut Vec<u8>) {
        for group in self.held.chunks(3) {
            let bits = group.iter().fold(0, |bits, &octet| bits << 8 | usize::from(octet))
                << (8 * (3 - group.len()));
            for place in 0..4 {
                if place <= group.len() {
                    out.extend(ALPHABET.get(bits >> (18 - 6 * place) & 63));
                } else {
                    out.push(b'=');
                }
            }
        }
        out.extend_from_slice(b"\r\n");
        self.held.clear();
        self.has_written = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(octets: &[u8]) -> String {
        let (mut quoter, mut out) = (Quoter::default(), Vec::new());
        for octet in octets {
            quoter.write(&[*octet], &mut out);
        }
        quoter.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn quoted_printable_is_what_the_rfc_says() {
        let rows: [(&[u8], &str); 9] = [
            (b"", ""),
            (b"plain, text!\r\n", "plain, text!\r\n"),
            (b"1 = 2\r\n", "1 =3D 2\r\n"),
            ("ü\r\n".as_bytes(), "=C3=BC\r\n"),
            (b"blank \r\nend\t", "blank=20\r\nend=09"),
            (b"two  \r\n", "two =20\r\n"),
            (b"a\rb\nc\r\r\n\0", "a=0Db=0Ac=0D\r\n=00"),
            (b"\r", "=0D"),
            (b" \r\n\r\n", "=20\r\n\r\n"),
        ];
        for (octets, wanted) in rows {
            assert_eq!(quoted(octets), wanted, "{octets:?}");
        }
        let long = quoted(&[b'x'; 200]);
        assert!(long.split("\r\n").all(|line| line.len() <= LONGEST_LINE), "{long}");
        assert_eq!(long.replace("=\r\n", ""), "x".repeat(200));
        let long = quoted(&[0xff; 100]);
        assert!(long.split("\r\n").all(|line| line.len() <= LONGEST_LINE), "{long}");
        assert_eq!(long.replace("=\r\n", ""), "=FF".repeat(100));
    }

    #[test]
    fn base64_is_what_the_rfc_says() {
        let coded = |octets: &[u8]| {
            let (mut coder, mut out) = (Base64::default(), Vec::new());
            for piece in octets.chunks(7) {
                coder.write(piece, &mut out);
            }
            coder.finish(&mut out);
            String::from_utf8(out).unwrap()
        };
        // RFC 4648 section 10.
        let rows =
            [("", ""), ("f", "Zg==\r\n"), ("fo", "Zm8=\r\n"), ("foo", "Zm9v\r\n"), ("foob", "Zm9vYg==\r\n")];
        for (octets, wanted) in rows {
            assert_eq!(coded(octets.as_bytes()), wanted);
        }
        assert_eq!(coded(&[0; 58]), format!("{}\r\nAA==\r\n", "A".repeat(76)));
        assert_eq!(coded(&[0xfb, 0xff, 0xfe]), "+//+\r\n");
    }
}

//! Content on its way to a server: dots stuffed for DATA (RFC 5321 section 4.5.2), chunks for BDAT (RFC 3030).

use memchr::{memchr_iter, memchr2_iter};

/// Where in a line the content stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing of the line was written: a dot here is doubled.
    Start,
    Inside,
    /// The last octet was CR; LF has to follow.
    AfterCr,
}

/// Writes content for DATA, in one pass, whatever the borders of the pieces.
///
/// Whatever comes in, lines go out with CRLF only: content with a bare CR or LF is not let in elsewhere, but if it
/// ever were, then a dot behind one must not end the message in the eyes of a lax server.
#[derive(Debug)]
pub(crate) struct DotWriter(Place);

impl DotWriter {
    pub(crate) fn new() -> Self {
        Self(Place::Start)
    }

    /// Adds a piece of content.
    pub(crate) fn write(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let before = out.len();
        out.reserve(piece.len());
        if let Some(place) = self.copy(piece, out) {
            self.0 = place;
            return;
        }
        out.truncate(before);
        let mut done = 0;
        for at in memchr2_iter(b'\r', b'\n', piece) {
            let (text, end) = (piece.get(done..at).unwrap_or_default(), piece.get(at).copied());
            self.text(text, out);
            self.line_end(end, out);
            done = at + 1;
        }
        self.text(piece.get(done..).unwrap_or_default(), out);
    }

    /// Copies lines that end as they should, as good as all content does, and gives the place behind them. Nothing
    /// where there is a bare CR or LF: then what was copied is not right.
    fn copy(&self, piece: &[u8], out: &mut Vec<u8>) -> Option<Place> {
        let last = match piece.last() {
            None => return Some(self.0),
            Some(b'\r') => Place::AfterCr,
            Some(b'\n') => Place::Start,
            Some(_) => Place::Inside,
        };
        match (self.0, piece.first()) {
            (Place::AfterCr, Some(b'\n')) => {}
            (Place::AfterCr, _) => return None,
            (Place::Start, Some(b'.')) => out.push(b'.'),
            (Place::Start | Place::Inside, _) => {}
        }
        let (mut done, mut feeds) = (0, 0);
        for feed in memchr_iter(b'\n', piece) {
            feeds += 1;
            let behind_cr = match feed.checked_sub(1) {
                Some(before) => piece.get(before) == Some(&b'\r'),
                None => self.0 == Place::AfterCr,
            };
            if !behind_cr {
                return None;
            }
            if piece.get(feed + 1) == Some(&b'.') {
                out.extend_from_slice(piece.get(done..=feed)?);
                out.push(b'.');
                done = feed + 1;
            }
        }
        out.extend_from_slice(piece.get(done..)?);
        // Each LF has its CR; with as many CRs as LFs none is left over.
        let carriage_returns = memchr_iter(b'\r', piece).count() + usize::from(self.0 == Place::AfterCr);
        (carriage_returns == feeds + usize::from(last == Place::AfterCr)).then_some(last)
    }

    /// Ends the content, its last line too if that is open, and tells the server so.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.complete(out);
        if self.0 == Place::Inside {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }

    /// Octets of one line, none of them CR or LF.
    fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.complete(out);
        if self.0 == Place::Start && text.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(text);
        self.0 = Place::Inside;
    }

    fn line_end(&mut self, octet: Option<u8>, out: &mut Vec<u8>) {
        if octet == Some(b'\r') {
            self.complete(out);
            out.push(b'\r');
            self.0 = Place::AfterCr;
            return;
        }
        if self.0 != Place::AfterCr {
            out.push(b'\r');
        }
        out.push(b'\n');
        self.0 = Place::Start;
    }

    /// Adds the LF that a CR lacks.
    fn complete(&mut self, out: &mut Vec<u8>) {
        if self.0 == Place::AfterCr {
            out.push(b'\n');
            self.0 = Place::Start;
        }
    }
}

/// Writes one chunk, which may hold any octets.
pub(crate) fn write_chunk(piece: &[u8], out: &mut Vec<u8>) {
    chunk_header(piece, "\r\n", out);
}

/// Writes the last chunk, which may be empty.
pub(crate) fn write_last_chunk(piece: &[u8], out: &mut Vec<u8>) {
    chunk_header(piece, " LAST\r\n", out);
}

fn chunk_header(piece: &[u8], end: &str, out: &mut Vec<u8>) {
    out.reserve(piece.len() + 32);
    out.extend_from_slice(b"BDAT ");
    out.extend_from_slice(piece.len().to_string().as_bytes());
    out.extend_from_slice(end.as_bytes());
    out.extend_from_slice(piece);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(content: &[u8], size: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = DotWriter::new();
        for piece in content.chunks(size) {
            writer.write(piece, &mut out);
        }
        writer.finish(&mut out);
        out
    }

    #[test]
    fn dots_are_stuffed_wherever_the_pieces_end() {
        let rows: [(&str, &str); 17] = [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("..\r\n", "...\r\n.\r\n"),
            (".a\r\n.b\r\n", "..a\r\n..b\r\n.\r\n"),
            ("a.b\r\nc.\r\n", "a.b\r\nc.\r\n.\r\n"),
            ("\r\n\r\n.\r\n\r\n", "\r\n\r\n..\r\n\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r", "a\r\n.\r\n"),
            // Nothing that any server may take for the end, and no bare line end.
            ("a\n.\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r.\rb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\r\n.b\r\n", "a\r\n\r\n..b\r\n.\r\n"),
            ("\n\n", "\r\n\r\n.\r\n"),
            ("\r\r", "\r\n\r\n.\r\n"),
        ];
        for (content, wanted) in rows {
            for size in 1..=content.len().max(1) {
                let out = stuffed(content.as_bytes(), size);
                assert_eq!(String::from_utf8_lossy(&out), wanted, "{content:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn chunks_say_their_length() {
        let mut out = Vec::new();
        write_chunk(b".\n\0", &mut out);
        write_last_chunk(b"", &mut out);
        assert_eq!(out, b"BDAT 3\r\n.\n\0BDAT 0 LAST\r\n");
    }
}

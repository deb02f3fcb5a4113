//! Octets from a server → replies (RFC 5321 section 4.2).
//!
//! Knows no state of a session: which reply answers which command is the session's matter. A line ends with LF,
//! with or without CR before it: some servers write bare LF, and no content ever comes this way, so nothing can
//! be smuggled behind one.

use gatepost_mail::reply::Class;
use gatepost_mail::{EnhancedStatus, Reply, ReplyCode};
use memchr::memchr;

/// Longest line taken, in octets with CRLF. Replies have 512 (RFC 5321 section 4.5.3.1.5), but a challenge of
/// AUTH has this many (RFC 4954 section 4).
const LONGEST_LINE: usize = 12_288;

/// Most lines of one reply. Long answers to EHLO have thirty.
const MOST_LINES: usize = 256;

/// Most octets of text in one reply, all lines together.
const LONGEST_TEXT: usize = 64 * 1024;

/// Most octets of text that outlive the reading. A reply is kept per recipient, so a chatty server must not
/// multiply.
const LONGEST_KEPT: usize = 1024;

/// What a server said that is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// It does not begin with three digits of which the first is 2 to 5, then a space, a hyphen or nothing.
    #[error("a line that does not begin with a reply code")]
    NoCode,
    /// Lines of one reply have different codes.
    #[error("lines of one reply with different codes")]
    CodesDiffer,
    /// A line without end.
    #[error("a reply line longer than {limit} octets")]
    LineTooLong {
        /// The limit.
        limit: usize,
    },
    /// A reply without end.
    #[error("a reply of more than {limit} lines")]
    TooManyLines {
        /// The limit.
        limit: usize,
    },
    /// A reply of many long lines.
    #[error("a reply longer than {limit} octets")]
    TooLong {
        /// The limit.
        limit: usize,
    },
}

/// A whole reply, just read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) code: ReplyCode,
    /// All of the text, lines parted by line feeds; where it was no UTF-8 there are replacement characters.
    pub(crate) text: String,
}

impl Heard {
    /// As it is kept and shown: the enhanced status told apart from the text, and the text cut.
    pub(crate) fn into_reply(mut self) -> Reply {
        let status = self.status();
        let is_one_line = memchr(b'\n', self.text.as_bytes()).is_none();
        let Some(status) = status.filter(|_| !is_one_line) else {
            if let Some(status) = status {
                let said = without_status(&self.text, status).len();
                self.text.drain(..self.text.len() - said);
            }
            cut(&mut self.text);
            return Reply::heard(self.code, status, self.text);
        };
        let mut text = String::with_capacity(self.text.len().min(LONGEST_KEPT));
        for (index, line) in self.text.split('\n').enumerate() {
            if index > 0 {
                text.push('\n');
            }
            text.push_str(without_status(line, status));
            if text.len() > LONGEST_KEPT {
                break;
            }
        }
        cut(&mut text);
        Reply::heard(self.code, Some(status), text)
    }

    /// The status at the beginning of the text, unless its class contradicts the code (RFC 2034 section 4): the
    /// code decides then.
    fn status(&self) -> Option<EnhancedStatus> {
        let class = match self.code.class() {
            Class::Done => 2,
            Class::Later => 4,
            Class::Never => 5,
            Class::GoOn => return None,
        };
        let word = self.text.split([' ', '\n']).next()?;
        EnhancedStatus::parse(word).filter(|status| status.class == class)
    }
}

fn without_status(line: &str, status: EnhancedStatus) -> &str {
    match line.split_once(' ') {
        Some((word, rest)) if EnhancedStatus::parse(word) == Some(status) => rest,
        None if EnhancedStatus::parse(line) == Some(status) => "",
        _ => line,
    }
}

fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(LONGEST_KEPT));
}

/// Reads replies from octets that come in pieces of any size. Holds one unfinished reply at most.
#[derive(Debug, Default)]
pub(crate) struct ReplyReader {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    code: Option<ReplyCode>,
    text: Vec<u8>,
    lines: usize,
}

impl ReplyReader {
    /// Takes octets up to the end of the first whole reply and gives it, or takes all and gives `None`.
    ///
    /// # Errors
    ///
    /// [`ReplyError`]; the reader is of no use afterwards, since nobody knows where the next reply begins.
    pub(crate) fn read(&mut self, octets: &mut &[u8]) -> Result<Option<Heard>, ReplyError> {
        while let Some(end) = memchr(b'\n', octets) {
            let (line, rest) = octets.split_at(end + 1);
            *octets = rest;
            if let Some(heard) = self.line(line)? {
                return Ok(Some(heard));
            }
        }
        self.keep(octets)?;
        *octets = &[];
        Ok(None)
    }

    fn keep(&mut self, piece: &[u8]) -> Result<(), ReplyError> {
        if self.line.len() + piece.len() > LONGEST_LINE {
            return Err(ReplyError::LineTooLong { limit: LONGEST_LINE });
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    /// Takes the end of a line; the usual line came whole and is not copied first.
    fn line(&mut self, end: &[u8]) -> Result<Option<Heard>, ReplyError> {
        if self.line.is_empty() && end.len() <= LONGEST_LINE {
            return self.whole_line(end);
        }
        self.keep(end)?;
        let mut line = std::mem::take(&mut self.line);
        let heard = self.whole_line(&line);
        line.clear();
        self.line = line;
        heard
    }

    fn whole_line(&mut self, line: &[u8]) -> Result<Option<Heard>, ReplyError> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (code, place, text) = parse(line).ok_or(ReplyError::NoCode)?;
        if self.code.is_some_and(|first| first != code) {
            return Err(ReplyError::CodesDiffer);
        }
        self.add(text)?;
        match place {
            Place::Inside => {
                self.code = Some(code);
                Ok(None)
            }
            Place::Last => {
                self.code = None;
                self.lines = 0;
                let text = String::from_utf8_lossy(&self.text).into_owned();
                self.text.clear();
                self.text.shrink_to(LONGEST_KEPT);
                Ok(Some(Heard { code, text }))
            }
        }
    }

    fn add(&mut self, text: &[u8]) -> Result<(), ReplyError> {
        if self.lines == MOST_LINES {
            return Err(ReplyError::TooManyLines { limit: MOST_LINES });
        }
        if self.text.len() + text.len() > LONGEST_TEXT {
            return Err(ReplyError::TooLong { limit: LONGEST_TEXT });
        }
        if self.lines > 0 {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(text);
        self.lines += 1;
        Ok(())
    }
}

/// Whether more lines of the same reply follow.
enum Place {
    Inside,
    Last,
}

fn parse(line: &[u8]) -> Option<(ReplyCode, Place, &[u8])> {
    let (digits, rest) = line.split_first_chunk::<3>()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let code = ReplyCode::new(code)?;
    // A code alone is a reply (RFC 5321 section 4.2).
    match rest.split_first() {
        None => Some((code, Place::Last, rest)),
        Some((b' ', text)) => Some((code, Place::Last, text)),
        Some((b'-', text)) => Some((code, Place::Inside, text)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_in_pieces(octets: &[u8], size: usize) -> Result<Vec<Heard>, ReplyError> {
        let mut reader = ReplyReader::default();
        let mut replies = Vec::new();
        for mut piece in octets.chunks(size) {
            while !piece.is_empty() {
                replies.extend(reader.read(&mut piece)?);
            }
        }
        Ok(replies)
    }

    #[test]
    fn replies_are_read_alike_however_they_are_cut() {
        let octets = b"220 hi\r\n250-a\r\n250-b\r\n250 c\n354\r\n550-5.1.1 no\r\n550 5.1.1\r\n";
        let whole = read_in_pieces(octets, octets.len()).unwrap();
        let texts: Vec<_> = whole.iter().map(|heard| (heard.code.get(), heard.text.as_str())).collect();
        assert_eq!(texts, [(220, "hi"), (250, "a\nb\nc"), (354, ""), (550, "5.1.1 no\n5.1.1")]);
        for size in 1..octets.len() {
            assert_eq!(read_in_pieces(octets, size).unwrap(), whole, "pieces of {size}");
        }
    }

    #[test]
    fn the_status_is_told_apart_from_the_text() {
        let rows = [
            ("550-5.1.1 no\r\n550 5.1.1 such user\r\n", Some((5, 1, 1)), "no\nsuch user"),
            ("250 2.0.0\r\n", Some((2, 0, 0)), ""),
            ("550 4.1.1 class and code differ\r\n", None, "4.1.1 class and code differ"),
            ("354 2.0.0 go on\r\n", None, "2.0.0 go on"),
            ("250 1.2.3.4 is not a status\r\n", None, "1.2.3.4 is not a status"),
            ("250-2.1.5 one\r\n250 other\r\n", Some((2, 1, 5)), "one\nother"),
            ("250 \r\n", None, ""),
            ("250 bell \x07\r\n", None, "bell ?"),
        ];
        for (octets, status, text) in rows {
            let reply = read_in_pieces(octets.as_bytes(), 1000).unwrap().remove(0).into_reply();
            let status = status.map(|(class, subject, detail)| EnhancedStatus::new(class, subject, detail));
            assert_eq!((reply.status(), reply.text()), (status, text), "{octets}");
        }
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        let rows: [(&[u8], ReplyError); 8] = [
            (b"\r\n", ReplyError::NoCode),
            (b"25\r\n", ReplyError::NoCode),
            (b"2x0 hi\r\n", ReplyError::NoCode),
            (b"150 hi\r\n", ReplyError::NoCode),
            (b"600 hi\r\n", ReplyError::NoCode),
            (b"250hi\r\n", ReplyError::NoCode),
            (b"SSH-2.0-OpenSSH\r\n", ReplyError::NoCode),
            (b"250-a\r\n251 b\r\n", ReplyError::CodesDiffer),
        ];
        for (octets, error) in rows {
            for size in [1, 3, 100] {
                assert_eq!(read_in_pieces(octets, size), Err(error), "{octets:?}");
            }
        }
    }

    #[test]
    fn endless_replies_end() {
        let line = vec![b'2'; 10 * 1024 * 1024];
        assert_eq!(read_in_pieces(&line, 4096), Err(ReplyError::LineTooLong { limit: LONGEST_LINE }));
        assert_eq!(read_in_pieces(&line, line.len()), Err(ReplyError::LineTooLong { limit: LONGEST_LINE }));
        let mut line = line;
        line.push(b'\n');
        assert_eq!(read_in_pieces(&line, line.len()), Err(ReplyError::LineTooLong { limit: LONGEST_LINE }));
        let lines = b"250-x\r\n".repeat(1000);
        assert_eq!(read_in_pieces(&lines, 100), Err(ReplyError::TooManyLines { limit: MOST_LINES }));
        let long = format!("250-{}\r\n", "x".repeat(8000)).repeat(100);
        assert_eq!(read_in_pieces(long.as_bytes(), 999), Err(ReplyError::TooLong { limit: LONGEST_TEXT }));
    }

    #[test]
    fn what_is_kept_is_cut_between_letters() {
        let octets = format!("550 {}\r\n", "ü".repeat(5000));
        let reply = read_in_pieces(octets.as_bytes(), 1000).unwrap().remove(0).into_reply();
        assert_eq!(reply.text().len(), LONGEST_KEPT);
        let octets = "550-5.0.0 xü\r\n".repeat(200) + "550 5.0.0 x\r\n";
        let reply = read_in_pieces(octets.as_bytes(), 1000).unwrap().remove(0).into_reply();
        assert!(reply.text().len() <= LONGEST_KEPT);
    }

    #[test]
    fn text_that_is_no_utf8_is_shown_somehow() {
        let heard = read_in_pieces(b"250 \xff\r\n", 100).unwrap().remove(0);
        assert_eq!(heard.text, "\u{fffd}");
    }
}

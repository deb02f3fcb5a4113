//! Replies (RFC 5321 section 4.2) and enhanced status codes (RFC 3463).
//!
//! Words of ours to clients come from [`table`] only; the enhanced class is taken from the code, so that the
//! two cannot disagree. Replies of others are read into the same type by the client core.

use std::borrow::Cow;
use std::fmt;

pub mod table;

/// Longest reply line we write, in octets with CRLF (RFC 5321 section 4.5.3.1.5).
const LONGEST_LINE: usize = 512;

/// Three digits (RFC 5321 section 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyCode(u16);

impl ReplyCode {
    /// A code from 200 to 599.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 200 && code <= 599 { Some(Self(code)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What the first digit says.
    #[must_use]
    pub const fn class(self) -> Class {
        match self.0 / 100 {
            2 => Class::Done,
            3 => Class::GoOn,
            4 => Class::Later,
            _ => Class::Never,
        }
    }
}

/// What a reply's first digit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 2yz: done.
    Done,
    /// 3yz: go on.
    GoOn,
    /// 4yz: not now.
    Later,
    /// 5yz: not ever.
    Never,
}

/// Class, subject, detail (RFC 3463 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnhancedStatus {
    /// 2, 4 or 5.
    pub class: u8,
    /// What it is about: 1 addresses, 2 mailboxes, 3 systems, 4 network, 5 protocol, 6 content, 7 security.
    pub subject: u16,
    /// Which of that.
    pub detail: u16,
}

impl EnhancedStatus {
    /// A status from its three numbers.
    #[must_use]
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }

    /// Reads `5.7.1`; numbers have at most three digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (class, rest) = match text.as_bytes() {
            [class @ (b'2' | b'4' | b'5'), b'.', rest @ ..] => (class - b'0', rest),
            _ => return None,
        };
        let dot = rest.iter().position(|&octet| octet == b'.')?;
        let (subject, detail) = (rest.get(..dot)?, rest.get(dot + 1..)?);
        Some(Self { class, subject: short_number(subject)?, detail: short_number(detail)? })
    }
}

/// One to three digits.
fn short_number(digits: &[u8]) -> Option<u16> {
    let fits = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    fits.then(|| digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0')))
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// Subject and detail of an enhanced status; the class comes from the reply code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detail(u16, u16);

impl Detail {
    /// Subject and detail.
    #[must_use]
    pub const fn new(subject: u16, detail: u16) -> Self {
        Self(subject, detail)
    }
}

/// A reply: code, enhanced status where there is one, text. A line feed in the text parts its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: ReplyCode,
    status: Option<EnhancedStatus>,
    text: Cow<'static, str>,
}

impl Reply {
    /// A reply of ours with an enhanced status whose class is that of the code.
    #[must_use]
    pub const fn say(code: u16, detail: Detail, text: &'static str) -> Self {
        let Detail(subject, second) = detail;
        let status = EnhancedStatus { class: (code / 100) as u8, subject, detail: second };
        Self { code: ReplyCode(code), status: Some(status), text: Cow::Borrowed(text) }
    }

    /// A reply of ours that has no enhanced status: greetings, EHLO, 354, 334 (RFC 2034 section 4).
    #[must_use]
    pub const fn plain(code: u16, text: &'static str) -> Self {
        Self { code: ReplyCode(code), status: None, text: Cow::Borrowed(text) }
    }

    /// A reply that another server gave. Control characters in its text become `?`.
    #[must_use]
    pub fn heard(code: ReplyCode, status: Option<EnhancedStatus>, text: String) -> Self {
        Self { code, status, text: Cow::Owned(without_controls(text)) }
    }

    /// The same code and status with a text that names what this is about. Control characters become `?`, so
    /// that a peer's words can never end a line of ours.
    #[must_use]
    pub fn with_text(&self, text: String) -> Self {
        Self { code: self.code, status: self.status, text: Cow::Owned(without_controls(text)) }
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> ReplyCode {
        self.code
    }

    /// The enhanced status.
    #[must_use]
    pub const fn status(&self) -> Option<EnhancedStatus> {
        self.status
    }

    /// The text, lines parted by line feeds.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the first digit says.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.code.class()
    }

    /// Writes it as octets with CRLF, the enhanced status on every line; a line longer than 512 octets is cut.
    pub fn write_to(&self, octets: &mut Vec<u8>) {
        let mut lines = self.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let start = octets.len();
            push_number(self.code.0, octets);
            octets.push(if lines.peek().is_some() { b'-' } else { b' ' });
            if let Some(EnhancedStatus { class, subject, detail }) = self.status {
                for (number, end) in [(u16::from(class), b'.'), (subject, b'.'), (detail, b' ')] {
                    push_number(number, octets);
                    octets.push(end);
                }
            }
            octets.extend_from_slice(line.as_bytes());
            octets.truncate(start + LONGEST_LINE - 2);
            octets.extend_from_slice(b"\r\n");
        }
    }
}

/// A reply is written for every command: this allocates nothing.
fn push_number(number: u16, octets: &mut Vec<u8>) {
    let mut digits = [0; 5];
    let mut left = number;
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
        length += 1;
        if left == 0 {
            break;
        }
    }
    octets.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

/// On one line, as logs and reports show it: `550 5.7.1 Relaying is not permitted`.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code.0)?;
        if let Some(status) = self.status {
            write!(f, " {status}")?;
        }
        for line in self.text.split('\n') {
            write!(f, " {line}")?;
        }
        Ok(())
    }
}

fn without_controls(text: String) -> String {
    let plain = text.bytes().all(|octet| matches!(octet, b' '..=b'~' | b'\n'));
    if !plain && text.contains(|c: char| c.is_control() && c != '\n') {
        text.replace(|c: char| c.is_control() && c != '\n', "?")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_lines_carry_the_code_each() {
        let mut octets = Vec::new();
        Reply::say(550, Detail::new(7, 1), "No\nNot at all").write_to(&mut octets);
        assert_eq!(octets, b"550-5.7.1 No\r\n550 5.7.1 Not at all\r\n");
    }

    #[test]
    fn a_peers_words_cannot_end_our_line() {
        let mut octets = Vec::new();
        Reply::plain(250, "").with_text("a\r b\u{0}".into()).write_to(&mut octets);
        assert_eq!(octets, b"250 a? b?\r\n");
    }

    #[test]
    fn a_reply_is_written_as_it_is_shown() {
        for (code, subject, detail) in [(250, 0, 0), (550, 7, 1), (556, 1, 10), (452, 5, 301)] {
            let reply = Reply::say(code, Detail::new(subject, detail), "words");
            let mut octets = Vec::new();
            reply.write_to(&mut octets);
            assert_eq!(octets, format!("{reply}\r\n").as_bytes());
        }
    }

    #[test]
    fn a_long_line_is_cut() {
        let mut octets = Vec::new();
        Reply::plain(250, "").with_text("x".repeat(2000)).write_to(&mut octets);
        assert_eq!(octets.len(), LONGEST_LINE);
        assert!(octets.ends_with(b"\r\n"));
    }

    #[test]
    fn statuses_are_read() {
        assert_eq!(EnhancedStatus::parse("5.7.1"), Some(EnhancedStatus::new(5, 7, 1)));
        for wrong in ["", "5.7", "3.0.0", "5.7.1.1", "5.7.1000", "5.-1.0", "5.7.x", "a.b.c"] {
            assert_eq!(EnhancedStatus::parse(wrong), None, "{wrong}");
        }
    }
}

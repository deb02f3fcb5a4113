//! What was said in one session, for reports and traces: secrets struck out, and never more than so much.

use std::collections::VecDeque;
use std::fmt;

use gatepost_mail::ReplyCode;

/// Most octets of the beginning that are kept: how the session was opened.
const MOST_AT_START: usize = 4 * 1024;

/// Most octets of the end that are kept: how it ended. What lies between is dropped.
const MOST_AT_END: usize = 4 * 1024;

/// A code and the space behind it.
const CODE: usize = 4;

/// Longest line kept, in octets.
const LONGEST_LINE: usize = 512;

/// Stands where a secret stood.
pub(crate) const STRUCK_OUT: &str = "***";

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    Client,
    Server,
    /// Nobody; something happened.
    Note,
}

/// The beginning and the end of what was said, one line for each line: `C:` for the client, `S:` for the server,
/// `*` for what happened between. Takes 8 KiB and a line at most.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    start: String,
    end: VecDeque<String>,
    end_octets: usize,
    dropped: u64,
}

impl Transcript {
    /// The lines in order; one that says how many are missing stands in the gap.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let gap = (self.dropped > 0).then(|| format!("* {} lines left out", self.dropped));
        self.start.lines().map(str::to_owned).chain(gap).chain(self.end.iter().cloned())
    }

    /// Adds a line; control characters become `?`, so that one line stays one.
    pub(crate) fn add(&mut self, speaker: Speaker, line: &str) {
        self.add_coded(speaker, None, line);
    }

    /// Adds a line behind the code of its reply.
    pub(crate) fn add_coded(&mut self, speaker: Speaker, code: Option<ReplyCode>, line: &str) {
        let mark = match speaker {
            Speaker::Client => "C: ",
            Speaker::Server => "S: ",
            Speaker::Note => "* ",
        };
        let line = line.get(..line.floor_char_boundary(LONGEST_LINE)).unwrap_or_default();
        let room = mark.len() + CODE + line.len();
        let write = |text: &mut String| {
            text.push_str(mark);
            if let Some(code) = code {
                push_code(text, code);
            }
            push_clean(text, line);
        };
        if self.end.is_empty() && self.start.len() + room < MOST_AT_START {
            write(&mut self.start);
            self.start.push('\n');
            return;
        }
        let mut kept = String::with_capacity(room);
        write(&mut kept);
        self.end_octets += kept.len();
        self.end.push_back(kept);
        while self.end_octets > MOST_AT_END
            && let Some(oldest) = self.end.pop_front()
        {
            self.end_octets -= oldest.len();
            self.dropped += 1;
        }
    }

    /// Adds octets that end with CRLF, as lines.
    pub(crate) fn add_octets(&mut self, speaker: Speaker, octets: &[u8]) {
        match std::str::from_utf8(octets) {
            Ok(text) => text.lines().for_each(|line| self.add(speaker, line)),
            Err(_) => String::from_utf8_lossy(octets).lines().for_each(|line| self.add(speaker, line)),
        }
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn push_code(text: &mut String, code: ReplyCode) {
    let code = code.get();
    for digit in [code / 100, code / 10, code] {
        text.push(char::from_digit(u32::from(digit % 10), 10).unwrap_or('?'));
    }
    text.push(' ');
}

fn push_clean(text: &mut String, line: &str) {
    let plain = line.bytes().all(|octet| matches!(octet, b' '..=b'~'));
    if !plain && line.contains(char::is_control) {
        text.extend(line.chars().map(|letter| if letter.is_control() { '?' } else { letter }));
    } else {
        text.push_str(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_shown_in_order() {
        let mut transcript = Transcript::default();
        transcript.add(Speaker::Server, "220 hi\x07");
        transcript.add_octets(Speaker::Client, b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n");
        transcript.add(Speaker::Note, "TLS");
        let shown = "S: 220 hi?\nC: MAIL FROM:<>\nC: RCPT TO:<a@b.example>\n* TLS\n";
        assert_eq!(transcript.to_string(), shown);
    }

    #[test]
    fn the_middle_of_a_long_session_is_dropped() {
        let mut transcript = Transcript::default();
        for number in 0..100_000 {
            transcript.add(Speaker::Client, &format!("NOOP {number} {}", "x".repeat(600)));
        }
        let lines: Vec<_> = transcript.lines().collect();
        assert!(lines.iter().map(String::len).sum::<usize>() < MOST_AT_START + MOST_AT_END + LONGEST_LINE);
        assert!(lines[0].starts_with("C: NOOP 0 "));
        assert!(lines.iter().any(|line| line.ends_with(" lines left out")));
        assert!(lines.last().unwrap().starts_with("C: NOOP 99999 "));
    }
}

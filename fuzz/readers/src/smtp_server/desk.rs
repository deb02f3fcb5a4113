//! Decides by chance, takes content, and looks whether what the session says makes sense.

use gatepost_mail::reply::table;
use gatepost_mail::{Body, Ending, Octets};
use gatepost_smtp::{Answer, AuthOctets, Question, Seen, Sender};

use super::{Session, decisions};
use crate::choices::Chance;
use crate::fixed;

/// How often a question is answered with no.
const REFUSED_ONCE_IN: usize = 12;

/// What was heard of a session, to be compared with another run's.
#[derive(Debug, Default)]
pub(super) struct Told {
    written: Vec<u8>,
    /// Each question with what had been asked for, and with how much content had come before it.
    asked: Vec<String>,
    content: Vec<u8>,
}

impl Told {
    pub(super) fn write(&mut self, octets: &[u8]) {
        assert!(!octets.is_empty(), "nothing to write");
        self.written.extend_from_slice(octets);
    }

    /// # Panics
    ///
    /// If the other heard anything else.
    pub(super) fn assert_same(&self, other: &Self) {
        assert_eq!(self.asked, other.asked, "the questions");
        assert_eq!(self.content.escape_ascii().to_string(), other.content.escape_ascii().to_string());
        assert_eq!(self.written.escape_ascii().to_string(), other.written.escape_ascii().to_string());
    }

    /// # Panics
    ///
    /// If what was written is anything but replies.
    pub(super) fn assert_replies(&self, longest: usize) {
        fixed::assert_lines(&self.written, longest);
        for line in self.written.split_inclusive(|octet| *octet == b'\n') {
            let is_reply = matches!(line, [b'2'..=b'5', second, third, b' ' | b'-', ..]
                if second.is_ascii_digit() && third.is_ascii_digit());
            assert!(is_reply, "no reply: {}", line.escape_ascii());
        }
    }
}

/// How far a transaction has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    NoSender,
    /// A sender was permitted; so many recipients were.
    Envelope(usize),
    /// There is a draft.
    Content,
}

/// Whoever drives the session.
pub(super) struct Desk {
    pub(super) told: Told,
    chance: Chance,
    place: Place,
    body: Body,
    /// Where the content of the present draft begins.
    draft: usize,
    longest_line: usize,
}

impl Desk {
    pub(super) fn new(chance: Chance, longest_line: usize) -> Self {
        let place = Place::NoSender;
        let chance = decisions(chance);
        Self { told: Told::default(), chance, place, body: Body::SevenBit, draft: 0, longest_line }
    }

    /// TLS begins: what was said before is gone.
    pub(super) fn forget(&mut self) {
        assert_ne!(self.place, Place::Content, "a draft outlives the channel");
        self.place = Place::NoSender;
    }

    pub(super) fn content(&mut self, piece: &[u8]) {
        assert_eq!(self.place, Place::Content, "content without a draft");
        assert!(!piece.is_empty(), "no content");
        self.told.content.extend_from_slice(piece);
    }

    /// The connection is over. A draft may be open: closing drops it.
    pub(super) fn ended(&self) {
        assert!(self.draft <= self.told.content.len());
    }

    pub(super) fn decide(&mut self, question: Question, session: &mut Session) {
        self.note(&question);
        match question {
            Question::Hello { .. } => session.answer(self.yes_or_no()),
            Question::AuthBegin { .. } | Question::AuthResponse(_) => session.answer(self.login()),
            Question::AuthCancel => {}
            Question::Sender(sender) => session.answer(self.sender(&sender)),
            Question::Recipient(_) => session.answer(self.recipient()),
            Question::Open => session.answer(self.open()),
            Question::Complete(seen) => self.complete(seen, session),
            Question::Abort => {
                assert_eq!(self.place, Place::Content, "no draft to drop");
                self.place = Place::NoSender;
            }
        }
    }

    /// Secrets are no part of a question's text, so they are added.
    fn note(&mut self, question: &Question) {
        let secret = match question {
            Question::AuthBegin { initial: Some(AuthOctets(octets)), .. }
            | Question::AuthResponse(AuthOctets(octets)) => octets.as_slice(),
            Question::AuthBegin { .. }
            | Question::Hello { .. }
            | Question::AuthCancel
            | Question::Sender(_)
            | Question::Recipient(_)
            | Question::Open
            | Question::Complete(_)
            | Question::Abort => &[],
        };
        let behind = self.told.content.len();
        self.told.asked.push(format!("{behind} {question:?} {}", secret.escape_ascii()));
    }

    fn yes_or_no(&mut self) -> Answer {
        if self.chance.once_in(REFUSED_ONCE_IN) {
            Answer::Refuse(if self.chance.once_in(2) { table::NO_SUCH_USER } else { table::UNKNOWN_FOR_NOW })
        } else {
            Answer::Permit
        }
    }

    fn login(&mut self) -> Answer {
        match self.chance.below(4) {
            0 => Answer::Refuse(table::BAD_CREDENTIALS),
            1 => Answer::Authenticated,
            _ => Answer::Challenge(AuthOctets(b"a challenge".to_vec())),
        }
    }

    fn sender(&mut self, sender: &Sender) -> Answer {
        assert_ne!(self.place, Place::Content, "a sender inside content");
        let answer = self.yes_or_no();
        if answer == Answer::Permit {
            self.place = Place::Envelope(0);
            self.body = sender.body;
        }
        answer
    }

    fn recipient(&mut self) -> Answer {
        let Place::Envelope(count) = self.place else { unreachable!("a recipient {:?}", self.place) };
        let answer = self.yes_or_no();
        if answer == Answer::Permit {
            self.place = Place::Envelope(count + 1);
        }
        answer
    }

    fn open(&mut self) -> Answer {
        let Place::Envelope(count) = self.place else { unreachable!("content {:?}", self.place) };
        assert!(count > 0, "content for nobody");
        let answer = self.yes_or_no();
        if answer == Answer::Permit {
            self.place = Place::Content;
            self.draft = self.told.content.len();
        }
        answer
    }

    fn complete(&mut self, seen: Seen, session: &mut Session) {
        assert_eq!(self.place, Place::Content, "no draft is complete");
        self.place = Place::NoSender;
        self.check(seen);
        match self.chance.below(6) {
            0 => session.answer(Answer::Refuse(table::STORAGE_FAILED)),
            1 => session.answer(Answer::PerRecipient(vec![table::NO_ROOM])),
            // A mistake of a desk: nothing positive may come of it.
            2 => session.answer(Answer::Permit),
            3 => session.stored_except("an id".to_owned(), &[(0, table::NO_ROOM), (7, table::NO_ROOM)]),
            _ => session.stored("an id".to_owned()),
        }
    }

    /// What was seen is what came.
    fn check(&self, seen: Seen) {
        let content = self.told.content.get(self.draft..).unwrap_or_default();
        assert_eq!(seen.size, Octets::of(content), "the size");
        let is_open = !content.is_empty() && !content.ends_with(b"\r\n");
        assert_eq!(seen.ending, if is_open { Ending::Open } else { Ending::Line });
        if seen.body == Body::BinaryMime {
            assert_eq!(self.body, Body::BinaryMime, "binary content without leave");
            return;
        }
        assert_eq!(seen.body == Body::SevenBit, content.is_ascii(), "8-bit octets");
        let lines = content.split_inclusive(|octet| *octet == b'\n');
        let texts: Vec<_> = lines.map(|line| line.strip_suffix(b"\r\n").unwrap_or(line)).collect();
        let is_clean = |text: &&[u8]| !text.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0));
        assert!(texts.iter().all(is_clean), "bare line ends: {}", content.escape_ascii());
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        assert_eq!(seen.longest_line, longest);
        assert!(longest + 2 <= self.longest_line, "a line of {longest} octets");
    }
}

//! What was sent, what got 250, and whether that is what arrived.

use std::collections::{BTreeMap, BTreeSet};

use gatepost_testworld::corpus::{LineEnds, same_apart_from_trace};

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A Maildir of ours.
    Maildir,
    /// Another server.
    Sink,
}

/// A message with an id that no other has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Letter {
    pub(crate) writer: u32,
    pub(crate) number: u32,
}

impl Letter {
    /// The id as it stands in the Subject field.
    fn id(self) -> String {
        format!("letter {}-{}", self.writer, self.number)
    }

    /// Most go into the Maildir, a part elsewhere, some to both.
    pub(crate) fn places(self) -> &'static [Place] {
        match self.number % 6 {
            0 | 3 => &[Place::Sink],
            1 => &[Place::Maildir, Place::Sink],
            _others => &[Place::Maildir],
        }
    }

    /// How often its line is repeated: mostly short, some longer than a buffer; some so long that the log of
    /// the spool goes on in its next segment before the end, a few too long for that log.
    fn lines(self) -> usize {
        match self.number % 40 {
            11 => 30_000,
            6 | 14 | 21 | 26 | 33 | 37 => 20_000,
            5 | 12 | 23 | 30 => 500,
            _others => 3,
        }
    }

    /// The octets. Every line tells whose it is, so that no part of a letter can pass for that of another.
    pub(crate) fn content(self) -> Vec<u8> {
        let id = self.id();
        let body = format!("This line is from {id}, and of no other.\r\n").repeat(self.lines());
        format!("From: load@elsewhere.example\r\nSubject: {id}\r\n\r\n{body}The end of {id}\r\n").into_bytes()
    }

    /// Which letter this is by its Subject field.
    fn of(message: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(&message[..message.len().min(4000)]).into_owned();
        let id = head.lines().find_map(|line| line.strip_prefix("Subject: letter "))?;
        let (writer, number) = id.trim_end().split_once('-')?;
        Some(Self { writer: writer.parse().ok()?, number: number.parse().ok()? })
    }
}

/// A message found somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) place: Place,
    pub(crate) line_ends: LineEnds,
    pub(crate) message: Vec<u8>,
}

/// What was sent and what was promised.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    sent: BTreeSet<Letter>,
    promised: BTreeSet<Letter>,
}

/// What became of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    /// It got 250 and is not there.
    pub(crate) lost: Vec<(Letter, Place)>,
    /// Copies beyond the first.
    pub(crate) duplicates: usize,
    /// Nobody sent it, or not there, or not these octets.
    pub(crate) wrong: Vec<String>,
    /// It never got 250 and yet is there: its 250 was on the way when the server died.
    pub(crate) unpromised: usize,
}

impl Book {
    /// Its content is about to go out.
    pub(crate) fn sends(&mut self, letter: Letter) {
        self.sent.insert(letter);
    }

    /// It got 250.
    pub(crate) fn is_promised(&mut self, letter: Letter) {
        self.promised.insert(letter);
    }

    /// How many got 250.
    pub(crate) fn promises(&self) -> usize {
        self.promised.len()
    }

    /// How many were sent, with 250 or without.
    pub(crate) fn sendings(&self) -> usize {
        self.sent.len()
    }

    /// How much that was, the long ones left out that have a file of their own.
    pub(crate) fn logged_octets(&self) -> usize {
        let sizes = self.promised.iter().map(|letter| letter.content().len());
        sizes.filter(|size| *size < 1 << 20).sum()
    }

    /// How many copies must arrive.
    pub(crate) fn copies(&self) -> usize {
        self.promised.iter().map(|letter| letter.places().len()).sum()
    }

    /// Compares with what arrived.
    pub(crate) fn audit(&self, arrivals: &[Arrival]) -> Audit {
        let mut audit = Audit::default();
        let mut found: BTreeMap<(Letter, Place), usize> = BTreeMap::new();
        for arrival in arrivals {
            match self.recognised(arrival) {
                Ok(letter) => *found.entry((letter, arrival.place)).or_default() += 1,
                Err(what) => audit.wrong.push(what),
            }
        }
        audit.duplicates = found.values().map(|copies| copies - 1).sum();
        audit.unpromised = found.keys().filter(|(letter, _)| !self.promised.contains(letter)).count();
        let promised =
            self.promised.iter().flat_map(|&letter| letter.places().iter().map(move |&at| (letter, at)));
        audit.lost = promised.filter(|copy| !found.contains_key(copy)).collect();
        audit
    }

    fn recognised(&self, arrival: &Arrival) -> Result<Letter, String> {
        let place = arrival.place;
        let letter = Letter::of(&arrival.message).ok_or_else(|| format!("in {place:?}: of no letter"))?;
        if !self.sent.contains(&letter) || !letter.places().contains(&place) {
            return Err(format!("in {place:?}: {letter:?} was never sent there"));
        }
        let same = same_apart_from_trace(&letter.content(), &arrival.message, arrival.line_ends);
        same.map(|()| letter).map_err(|difference| format!("in {place:?}: {letter:?} {difference}"))
    }
}

#[test]
fn the_audit_sees_what_is_lost_doubled_changed_or_invented() {
    let [first, second] = [2, 8].map(|number| Letter { writer: 0, number });
    let mut book = Book::default();
    for letter in [first, second] {
        book.sends(letter);
        book.is_promised(letter);
    }
    let there = |message| Arrival { place: Place::Maildir, line_ends: LineEnds::Crlf, message };
    let [one, other] = [first, second].map(|letter| there(letter.content()));
    let mut cut = other.clone();
    cut.message.truncate(100);
    let stranger = there(Letter { writer: 7, number: 2 }.content());
    assert_eq!(book.audit(&[one.clone(), other.clone()]), Audit::default());
    assert_eq!(book.audit(&[one.clone(), other.clone(), one.clone()]).duplicates, 1);
    assert_eq!(book.audit(std::slice::from_ref(&one)).lost, [(second, Place::Maildir)]);
    let audit = book.audit(&[one.clone(), cut]);
    assert_eq!((audit.lost.len(), audit.wrong.len()), (1, 1));
    assert_eq!(book.audit(&[one, other, stranger]).wrong.len(), 1);
}

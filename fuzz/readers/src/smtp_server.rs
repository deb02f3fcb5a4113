//! The server's session: a client that says anything, in pieces of any size.

mod desk;

use std::sync::Arc;

use gatepost_mail::Octets;
use gatepost_smtp::{Channel, Limits, Protocol, ServerSession, ServerSettings, StartTls, Step};

use crate::choices::{Chance, Cuts, Head};
use crate::fixed;
use desk::Desk;

/// Longest line that a client may get: a challenge (RFC 4954 section 4).
const LONGEST_LINE: usize = 12_288;

/// What a session may hold beyond its backlog: replies that are held back, and buffers that double.
const ROOM: usize = 32 * 1024;

/// Steps without new octets before a session counts as one that never rests: each octet of the longest message is
/// one step at most, and inputs are far shorter.
const MOST_STEPS: usize = 100_000;

/// Plays a client that says these octets, in large pieces and in small ones.
///
/// # Panics
///
/// If pieces give another result, questions come in an order that makes no sense, content is not what was promised, a
/// reply is malformed, or buffers grow.
pub fn smtp_server(octets: &[u8]) {
    let (head, food) = Head::split(octets);
    let mut small = Play::new(&head, Vec::new());
    let mut cuts = Cuts::new(head.chance());
    // More at once than a session takes closes it, which is another story.
    let most = small.limits.backlog / 2;
    small.run(food, |rest| {
        let mut window = rest.get(..most).unwrap_or(rest);
        let piece = cuts.next(&mut window);
        take(rest, piece.len())
    });
    let mut large = Play::new(&head, small.upgrades.clone());
    large.run(food, |rest| take(rest, most));
    assert_eq!(large.upgrades, small.upgrades, "where TLS begins");
    large.desk.told.assert_same(&small.desk.told);
    if !small.upgrades.is_empty() {
        // A client that does not wait for the handshake is met as well, but gets another answer.
        Play::new(&head, Vec::new()).run(food, |rest| take(rest, most));
    }
}

fn take<'a>(rest: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (piece, left) = rest.split_at(rest.len().min(most));
    *rest = left;
    piece
}

/// How it ends when the client has said all.
#[derive(Clone, Copy)]
enum End {
    HangUp,
    Expire,
    ShutDown,
}

/// One connection.
struct Play {
    limits: Arc<Limits>,
    session: ServerSession<String>,
    desk: Desk,
    end: End,
    /// How many octets had been fed when TLS began, each time.
    upgrades: Vec<usize>,
    /// Where no piece may reach over.
    borders: Vec<usize>,
}

/// Whether the connection is still there.
#[derive(PartialEq, Eq)]
enum Line {
    Open,
    Closed,
}

impl Play {
    fn new(head: &Head, borders: Vec<usize>) -> Self {
        let limits = Arc::new(if head.pick(0, &[false, true]) { narrow() } else { Limits::default() });
        let settings = ServerSettings {
            hostname: fixed::hostname(),
            protocol: head.pick(1, &[Protocol::Smtp, Protocol::Lmtp]),
            channel: head.pick(
                2,
                &[
                    Channel::Clear(StartTls::Offered),
                    Channel::Encrypted,
                    Channel::Clear(StartTls::NotOffered),
                ],
            ),
            mechanisms: vec!["CRAM-MD5".to_owned()],
            mechanisms_after_tls: vec!["PLAIN".to_owned()],
            limits: Arc::clone(&limits),
        };
        let session = ServerSession::greet(settings, fixed::now());
        let end = head.pick(3, &[End::HangUp, End::Expire, End::ShutDown]);
        let desk = Desk::new(head.chance(), limits.content_line);
        Self { limits, session, desk, end, upgrades: Vec::new(), borders }
    }

    fn run<'a>(&mut self, food: &'a [u8], mut cut: impl FnMut(&mut &'a [u8]) -> &'a [u8]) {
        let mut rest = food;
        let mut line = self.rest(0);
        while line == Line::Open && !rest.is_empty() {
            let fed = food.len() - rest.len();
            let border = self.borders.iter().find(|border| **border > fed);
            let mut until = rest.get(..border.map_or(rest.len(), |border| border - fed)).unwrap_or(rest);
            let piece = cut(&mut until);
            rest = rest.get(piece.len()..).unwrap_or_default();
            self.session.receive(piece, fixed::now());
            line = self.rest(fed + piece.len());
        }
        if line == Line::Open {
            self.finish();
        }
        self.desk.told.assert_replies(LONGEST_LINE);
        self.desk.ended();
    }

    /// Does what the session wants until it waits for octets.
    fn rest(&mut self, fed: usize) -> Line {
        for _ in 0..MOST_STEPS {
            match self.session.step() {
                Step::Write(octets) => self.desk.told.write(octets),
                Step::Content(piece) => self.desk.content(piece),
                Step::Ask(question) => self.desk.decide(question, &mut self.session),
                Step::Upgrade => {
                    self.upgrades.push(fed);
                    self.upgrade();
                }
                Step::Idle => {
                    let held = self.session.buffered();
                    assert!(held <= 4 * self.limits.backlog + ROOM, "holds {held} octets");
                    return Line::Open;
                }
                Step::Close => return Line::Closed,
            }
        }
        unreachable!("a session that never rests")
    }

    fn upgrade(&mut self) {
        let settings = |limits: &Arc<Limits>| ServerSettings {
            hostname: fixed::hostname(),
            protocol: Protocol::Smtp,
            channel: Channel::Encrypted,
            mechanisms: vec!["PLAIN".to_owned(), "CRAM-MD5".to_owned()],
            mechanisms_after_tls: Vec::new(),
            limits: Arc::clone(limits),
        };
        let fresh = ServerSession::greet(settings(&self.limits), fixed::now());
        let old = std::mem::replace(&mut self.session, fresh);
        self.session = old.upgraded(settings(&self.limits), fixed::now());
        self.desk.forget();
    }

    fn finish(&mut self) {
        match self.end {
            End::HangUp => self.session.hang_up(),
            End::Expire => {
                // Where a question was answered since octets came, the client's time begins at the first.
                self.session.expire(self.session.deadline());
                self.session.expire(self.session.deadline());
            }
            End::ShutDown => self.session.shut_down(),
        }
        if self.rest(usize::MAX) == Line::Open {
            self.session.hang_up();
            assert!(self.rest(usize::MAX) == Line::Closed, "stays open without a client");
        }
        self.session.shrink();
    }
}

/// Limits that short inputs reach.
fn narrow() -> Limits {
    let few = |count| std::num::NonZeroU32::new(count).unwrap_or(std::num::NonZeroU32::MIN);
    Limits {
        command_line: 80,
        auth_response: 100,
        content_line: 40,
        message_size: Octets(200),
        refused_content: Octets(400),
        refused_line: 128,
        backlog: 1024,
        recipients: few(3),
        transactions: few(3),
        errors: few(5),
        refusals: few(4),
        idle_commands: few(6),
        ..Limits::default()
    }
}

/// For [`desk`]: what its decisions hang on.
type Session = ServerSession<String>;

/// The chance of decisions is another than that of cuts.
fn decisions(chance: Chance) -> Chance {
    let mut chance = chance;
    Chance::seeded(u64::try_from(chance.below(usize::MAX)).unwrap_or_default())
}

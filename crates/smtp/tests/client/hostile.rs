//! Servers that mean no good, or nothing at all.

use std::time::{Duration, Instant};

use crate::stage::{Scene, mail, some_moment};
use gatepost_mail::Body;
use gatepost_smtp::{
    AuthStart, AuthUse, Cause, ClientSession, ClientStep, More, Protocol, RecipientOutcome, TlsUse,
    Transaction,
};

/// Replies up to each state in which a server can begin to rave.
const STATES: [&[&str]; 7] = [
    &[],
    &["220 x"],
    &["220 x", "250 x"],
    &["220 x", "250 x", "250 ok"],
    &["220 x", "250 x", "250 ok", "250 ok"],
    &["220 x", "250 x", "250 ok", "250 ok", "354 go"],
    &["220 x", "250-x\r\n250 PIPELINING", "250 ok\r\n250 ok\r\n354 go"],
];

fn session_after(replies: &[&str]) -> ClientSession {
    let now = some_moment();
    let mut session = ClientSession::start(Scene::new("").settings, now);
    for reply in replies {
        session.receive(format!("{reply}\r\n").as_bytes(), now);
        loop {
            match session.step() {
                ClientStep::Write(_) => {}
                ClientStep::Ready => session.send(mail("<>", &["<a@x.example>"]), now).unwrap(),
                ClientStep::NeedContent => session.content(b"x\r\n", More::Last, now).unwrap(),
                _ => break,
            }
        }
    }
    session
}

fn ends_for(session: &mut ClientSession, cause: &str) {
    let told = match session.step() {
        ClientStep::Broken(cause) => cause,
        ClientStep::Outcome(mut outcome) => match outcome.recipients.remove(0) {
            RecipientOutcome::Interrupted(cause) | RecipientOutcome::InDoubt(cause) => cause,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert!(matches!(told, Cause::Malformed(_)), "{told:?}");
    assert!(told.to_string().contains(cause), "{told}");
    assert!(matches!(session.step(), ClientStep::Close));
}

#[test]
fn what_never_ends_is_ended_in_every_state() {
    let now = some_moment();
    let long_line = vec![b'2'; 64 * 1024];
    let many_lines = b"250-x\r\n".repeat(8 * 1024);
    for state in STATES {
        for (piece, cause) in
            [(&long_line, "a reply line longer than"), (&many_lines, "a reply of more than")]
        {
            let mut session = session_after(state);
            // 10 MiB and more; nothing of it is kept once the session has ended.
            for _ in 0..200 {
                session.receive(piece, now);
            }
            ends_for(&mut session, cause);
        }
    }
}

#[test]
fn a_trickle_does_not_outlast_the_deadline() {
    let start = some_moment();
    let mut session = ClientSession::start(Scene::new("").settings, start);
    let deadline = session.deadline();
    let mut now = start;
    for octet in b"220-x\r\n".iter().cycle() {
        now += Duration::from_secs(1);
        session.receive(&[*octet], now);
        assert_eq!(session.deadline(), deadline);
        if now >= deadline {
            break;
        }
    }
    session.expire(now);
    assert!(matches!(session.step(), ClientStep::Broken(Cause::TimedOut(_))));
}

#[test]
fn nothing_is_heard_after_the_end() {
    let now = some_moment();
    let mut session = session_after(&["220 x", "250 x"]);
    session.hang_up();
    assert!(matches!(session.step(), ClientStep::Outcome(_)));
    session.receive(b"250 x\r\n421 x\r\nnoise", now);
    session.hang_up();
    session.expire(now + Duration::from_secs(100_000));
    session.quit(now);
    assert!(matches!(session.step(), ClientStep::Close));
    assert!(matches!(session.step(), ClientStep::Close));
}

/// Small, seeded, good enough (xorshift, G. Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

const WORDS: [&[u8]; 26] = [
    b"220 hi\r\n",
    b"250 ok\r\n",
    b"250 ok\r\n",
    b"250 ok\r\n",
    b"250 ok\r\n250 ok\r\n354 go\r\n",
    b"250-x\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250 AUTH TEST\r\n",
    b"250-x\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=2 MAILMAX=3\r\n",
    b"250-x\r\n250 AUTH TEST\r\n",
    b"250-STARTTLS\r\n250 STARTTLS\r\n",
    b"251 x\r\n",
    b"235 in\r\n",
    b"334 eA==\r\n",
    b"334\r\n",
    b"354 go\r\n",
    b"354 go\r\n",
    b"421 bye\r\n",
    b"450 later\r\n",
    b"452 4.5.3 many\r\n",
    b"550 5.1.1 no\r\n",
    b"552 many\r\n",
    b"503 order\r\n",
    b"250-",
    b"\r\n",
    b"\xff\0\x80",
    b"250 bare\n",
    b"99 x\r\n",
];

/// What a server says while a client waits, one entry for each wait.
fn ravings(dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut turns = vec![b"220 hi\r\n".to_vec(), WORDS[5 + dice.below(4)].to_vec()];
    for _ in 0..40 {
        // Mostly sensible, or nothing ever comes far.
        let words = if dice.below(8) == 0 { dice.below(4) } else { 1 };
        turns.push((0..words).flat_map(|_| WORDS[dice.below(WORDS.len())]).copied().collect());
    }
    turns
}

fn transaction(dice: &mut Dice) -> Transaction {
    let mut transaction = mail("<>", &["<a@x.example>", "<b@x.example>", "<ü@y.example>"]);
    transaction.recipients.truncate(1 + dice.below(3));
    transaction.body = [Body::SevenBit, Body::EightBitMime, Body::BinaryMime][dice.below(3)];
    transaction
}

struct Driver {
    now: Instant,
    told: Vec<String>,
    written: Vec<u8>,
    open: Option<usize>,
    content: usize,
}

impl Driver {
    /// Does what the session asks until it waits or is over; `false` when it is over.
    fn turn(&mut self, session: &mut ClientSession, dice: &mut Dice) -> bool {
        for _ in 0..1000 {
            let step = session.step();
            if !matches!(step, ClientStep::Write(_)) {
                self.told.push(format!("{step:?}"));
            }
            match step {
                ClientStep::Write(octets) => self.written.extend_from_slice(octets),
                ClientStep::Idle => return true,
                ClientStep::Close | ClientStep::Upgrade => return false,
                ClientStep::Ready => {
                    assert_eq!(self.open, None);
                    let transaction = transaction(dice);
                    self.open = Some(transaction.recipients.len());
                    self.content = dice.below(4);
                    session.send(transaction, self.now).unwrap();
                }
                ClientStep::Login => {
                    let initial = (dice.below(2) == 0).then(|| vec![b'x'; dice.below(600)]);
                    session.authenticate(AuthStart { mechanism: "TEST", initial }, self.now).unwrap();
                }
                ClientStep::Challenge(_) if dice.below(3) == 0 => session.auth_cancel(self.now).unwrap(),
                ClientStep::Challenge(_) => session.auth_respond(b"answer", self.now).unwrap(),
                ClientStep::NeedContent => {
                    let more = if self.content == 0 { More::Last } else { More::ThereIsMore };
                    self.content = self.content.saturating_sub(1);
                    session.content(b".x\r\n", more, self.now).unwrap();
                }
                ClientStep::Outcome(outcome) => {
                    assert_eq!(self.open.take(), Some(outcome.recipients.len()), "one outcome for each");
                }
                ClientStep::LoggedIn(_) | ClientStep::LoginFailed(_) => {}
                ClientStep::Broken(_) => assert_eq!(self.open, None, "recipients without an outcome"),
            }
        }
        panic!("asks for ever: {:?}", self.told.last());
    }
}

/// Plays one seed with the server's words cut in pieces of this size.
fn rave(seed: u64, size: usize) -> (Vec<String>, Vec<u8>) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut settings = Scene::new("").settings;
    settings.protocol = [Protocol::Smtp, Protocol::Lmtp][dice.below(2)];
    settings.auth = [AuthUse::None, AuthUse::Required][dice.below(2)];
    settings.tls = [TlsUse::Never, TlsUse::IfOffered][dice.below(2)];
    let now = some_moment();
    let mut session = ClientSession::start(settings, now);
    let mut driver = Driver { now, told: Vec::new(), written: Vec::new(), open: None, content: 0 };
    for turn in ravings(&mut dice) {
        if !driver.turn(&mut session, &mut dice) {
            break;
        }
        for piece in turn.chunks(size) {
            session.receive(piece, now);
        }
    }
    session.hang_up();
    driver.turn(&mut session, &mut dice);
    assert_eq!(driver.open, None, "a transaction without an outcome");
    (driver.told, driver.written)
}

#[test]
fn noise_gives_one_outcome_each_and_the_same_however_it_is_cut() {
    let (mut delivered, mut doubtful) = (0, 0);
    for seed in 1..3000 {
        let whole = rave(seed, usize::MAX);
        for size in [1, 2, 3, 7] {
            assert_eq!(rave(seed, size), whole, "seed {seed}, pieces of {size}");
        }
        delivered += whole.0.iter().filter(|line| line.contains("Delivered")).count();
        doubtful += whole.0.iter().filter(|line| line.contains("InDoubt")).count();
    }
    // Else the noise never came anywhere, and shows nothing.
    assert!(delivered > 20 && doubtful > 20, "{delivered} delivered, {doubtful} in doubt");
}

//! Sends mail by chance, and looks whether each recipient gets the outcome that the server's words give.

use std::collections::VecDeque;

use gatepost_mail::reply::Class;
use gatepost_mail::{
    Body, Ending, EnvelopeId, ForwardPath, International, Notify, NotifyOn, Octets, OriginalRecipient,
    Recipient, Reply, Return, ReversePath,
};
use gatepost_smtp::{
    AuthStart, ClientSession, ClientStep, More, RecipientOutcome, Transaction, TransactionOutcome,
};

use crate::choices::Chance;
use crate::fixed;

/// What logins send, and how that looks on the wire.
const SECRET: &[u8] = b"correct horse";
pub(super) const SECRET_CODED: &str = "Y29ycmVjdCBob3JzZQ";

/// Steps without new octets before a session counts as one that never rests. A driver that gets a new transaction
/// refused at once begins the next, so this is not small.
const MOST_STEPS: usize = 2000;

/// Transactions before the driver has enough.
const MOST_TRANSACTIONS: usize = 20;

/// RFC 5321 section 4.5.3.1.4, with what DSN and SMTPUTF8 add.
const LONGEST_COMMAND: usize = 2048;

/// What content is made of.
const PIECES: [&[u8]; 4] = [b".x\r\n", b"", b"Subject: x\r\n\r\n.\r\n", b"no end"];

/// Whoever drives the session.
pub(super) struct Driver {
    pub(super) told: Vec<String>,
    pub(super) written: Vec<u8>,
    chance: Chance,
    /// How many recipients wait for their outcome.
    open: Option<usize>,
    /// Pieces of content that are still to come.
    pieces: VecDeque<&'static [u8]>,
    transactions: usize,
    content: Content,
}

/// Whether content has been written: it is no command.
#[derive(PartialEq, Eq)]
enum Content {
    Never,
    Some,
}

impl Driver {
    pub(super) fn new(chance: Chance) -> Self {
        Self {
            told: Vec::new(),
            written: Vec::new(),
            chance,
            open: None,
            pieces: VecDeque::new(),
            transactions: 0,
            content: Content::Never,
        }
    }

    /// Does what the session wants until it waits for octets.
    pub(super) fn drive(&mut self, session: &mut ClientSession) {
        for _ in 0..MOST_STEPS {
            let step = session.step();
            if !matches!(step, ClientStep::Write(_) | ClientStep::Idle | ClientStep::Close) {
                self.told.push(format!("{step:?}"));
            }
            match step {
                ClientStep::Idle | ClientStep::Close => return,
                ClientStep::Write(octets) => self.write(octets),
                ClientStep::Upgrade => self.upgrade(session),
                ClientStep::Login => self.login(session),
                ClientStep::Challenge(_) => self.challenge(session),
                ClientStep::LoggedIn(_) | ClientStep::LoginFailed(_) => {}
                ClientStep::Ready => self.send(session),
                ClientStep::NeedContent => self.feed(session),
                ClientStep::Outcome(outcome) => self.outcome(&outcome),
                ClientStep::Broken(_) => assert_eq!(self.open, None, "recipients without an outcome"),
            }
        }
        unreachable!("a session that never rests: {:?}", self.told.last())
    }

    /// The connection is over.
    pub(super) fn ended(&self) {
        assert_eq!(self.open, None, "recipients without an outcome");
        if self.content == Content::Never {
            fixed::assert_lines(&self.written, LONGEST_COMMAND);
            assert!(self.written.iter().all(|octet| !octet.is_ascii_control() || b"\r\n".contains(octet)));
        }
    }

    fn write(&mut self, octets: &[u8]) {
        assert!(!octets.is_empty(), "nothing to write");
        self.written.extend_from_slice(octets);
    }

    fn upgrade(&mut self, session: &mut ClientSession) {
        let settings = gatepost_smtp::ClientSettings {
            hello: fixed::hostname(),
            protocol: gatepost_smtp::Protocol::Smtp,
            tls: gatepost_smtp::TlsUse::Never,
            auth: gatepost_smtp::AuthUse::None,
            chunking: gatepost_smtp::ChunkingUse::WhereProven,
            limits: gatepost_smtp::ClientLimits::default().into(),
        };
        let fresh = ClientSession::start(settings, fixed::now());
        let old = std::mem::replace(session, fresh);
        *session = old.upgraded(fixed::now());
    }

    fn login(&mut self, session: &mut ClientSession) {
        self.transactions += 1;
        if self.transactions > MOST_TRANSACTIONS {
            return session.quit(fixed::now());
        }
        let initial = self.chance.once_in(2).then(|| SECRET.to_vec());
        let start = AuthStart { mechanism: "TEST", initial };
        assert!(session.authenticate(start, fixed::now()).is_ok());
    }

    fn challenge(&mut self, session: &mut ClientSession) {
        let done = if self.chance.once_in(4) {
            session.auth_cancel(fixed::now())
        } else {
            session.auth_respond(SECRET, fixed::now())
        };
        assert!(done.is_ok());
    }

    fn send(&mut self, session: &mut ClientSession) {
        assert_eq!(self.open, None, "ready inside a transaction");
        self.transactions += 1;
        if self.transactions > MOST_TRANSACTIONS {
            return session.quit(fixed::now());
        }
        self.pieces = (0..=self.chance.below(4)).map(|_| self.chance.pick(&PIECES)).collect();
        let size = Octets(self.pieces.iter().map(|piece| Octets::of(piece).0).sum());
        let transaction = transaction(&mut self.chance, size);
        self.open = Some(transaction.recipients.len());
        assert!(session.send(transaction, fixed::now()).is_ok());
    }

    fn feed(&mut self, session: &mut ClientSession) {
        assert!(self.open.is_some(), "content outside a transaction");
        self.content = Content::Some;
        let piece = self.pieces.pop_front().unwrap_or_default();
        let more = if self.pieces.is_empty() { More::Last } else { More::ThereIsMore };
        assert!(session.content(piece, more, fixed::now()).is_ok());
    }

    fn outcome(&mut self, outcome: &TransactionOutcome) {
        assert_eq!(self.open.take(), Some(outcome.recipients.len()), "one outcome for each");
        let not_tried =
            outcome.recipients.iter().filter(|one| matches!(one, RecipientOutcome::NotTried)).count();
        assert!(not_tried == 0 || not_tried < outcome.recipients.len(), "nobody was tried: it never ends");
        for recipient in &outcome.recipients {
            let fits = match recipient {
                RecipientOutcome::Delivered(reply) => is(reply, Class::Done),
                RecipientOutcome::Failed(reply) => is(reply, Class::Never),
                RecipientOutcome::Deferred(reply) => is(reply, Class::Later),
                RecipientOutcome::NotTried
                | RecipientOutcome::Interrupted(_)
                | RecipientOutcome::InDoubt(_) => true,
            };
            assert!(fits, "{recipient:?}");
        }
    }
}

fn is(reply: &Reply, class: Class) -> bool {
    reply.class() == class
}

fn transaction(chance: &mut Chance, size: Octets) -> Transaction {
    let count = 1 + chance.below(4);
    Transaction {
        reverse_path: ReversePath::parse(chance.pick(&["<>", "<ada@ours.example>", "<ädä@ours.example>"]))
            .unwrap_or(ReversePath::Null),
        recipients: (0..count).map(|_| recipient(chance)).collect(),
        size: chance.once_in(2).then_some(size),
        body: chance.pick(&[Body::SevenBit, Body::EightBitMime, Body::BinaryMime]),
        international: chance.pick(&[International::No, International::Yes]),
        ending: chance.pick(&[Ending::Line, Ending::Open]),
        returns: chance.pick(&[None, Some(Return::Full), Some(Return::Headers)]),
        envelope_id: chance.once_in(2).then(|| EnvelopeId("QQ 31+4=\r\nRSET\r\nß".into())),
    }
}

fn recipient(chance: &mut Chance) -> Recipient {
    let paths =
        ["<bob@there.example>", "<\"b b\"@there.example>", "<bøb@there.example>", "<b@bücher.example>"];
    let path = ForwardPath::parse(chance.pick(&paths)).unwrap_or(ForwardPath::Postmaster);
    let original = chance.once_in(2).then(|| OriginalRecipient {
        kind: chance.pick(&["rfc822", "utf-8"]).into(),
        address: "b+b=\r\nRSET\r\nß@first.example".into(),
    });
    let notify = chance.pick(&[Notify::Unsaid, Notify::Never, Notify::On(NotifyOn::FAILURE)]);
    Recipient { path, notify, original }
}

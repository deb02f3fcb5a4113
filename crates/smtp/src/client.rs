//! The client's side of SMTP and LMTP, as a session that does no I/O.
//!
//! Octets and time go in with [`receive`](ClientSession::receive), [`hang_up`](ClientSession::hang_up) and
//! [`expire`](ClientSession::expire); what is to be done comes out of [`step`](ClientSession::step). One session is
//! one connection: it is opened once and carries any number of transactions. Every recipient of a transaction gets
//! one outcome, with the reply that caused it.
//!
//! What it does not do: choose a host, a mechanism or a policy, or look into content. AUTH goes through it as
//! octets.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use crate::reply_reader::{Heard, ReplyReader};
use crate::transcript::{Speaker, Transcript};

mod command;
mod content;
mod ending;
mod envelope;
mod exchange;
mod login;
mod offers;
mod opening;
mod outbox;
mod phase;
mod settings;
mod step;
mod transaction;
mod wire;

pub use login::AuthStart;
pub use offers::Offers;
pub use settings::{AuthUse, ChunkingUse, ClientLimits, ClientSettings, TlsUse};
pub use step::{Cause, ClientStep, Connection, NotNow, RecipientOutcome, Stage, TransactionOutcome};
pub use transaction::{Conversion, More, Transaction, fits};

use phase::{Awaited, EnvelopeCommand, Login, Phase};
use wire::Wire;

/// 421: the server closes the connection (RFC 5321 section 3.8).
const CLOSING: u16 = 421;

/// One connection to a server, from the greeting to its end.
///
/// ```
/// use std::time::Instant;
/// use gatepost_smtp::{AuthUse, ChunkingUse, ClientSession, ClientSettings, ClientStep, Protocol, TlsUse};
///
/// # #[expect(clippy::disallowed_methods, reason = "an example has no driver")]
/// # fn main() {
/// let now = Instant::now();
/// let settings = ClientSettings {
///     hello: gatepost_mail::Domain::parse("mail.example.org").unwrap(),
///     protocol: Protocol::Smtp,
///     tls: TlsUse::IfOffered,
///     auth: AuthUse::None,
///     chunking: ChunkingUse::WhereProven,
///     limits: Default::default(),
/// };
/// let mut session = ClientSession::start(settings, now);
/// assert!(matches!(session.step(), ClientStep::Idle));
/// session.receive(b"220 mx.example.net ready\r\n", now);
/// assert!(matches!(session.step(), ClientStep::Write(b"EHLO mail.example.org\r\n")));
/// # }
/// ```
pub struct ClientSession {
    settings: ClientSettings,
    offers: Offers,
    phase: Phase,
    wire: Wire,
    replies: ReplyReader,
    /// What the driver must hear before anything else.
    news: VecDeque<News>,
    /// When the server was last heard, or last given something to answer.
    since: Instant,
    transactions: u32,
    record: Record,
}

/// What the server has shown over this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Record {
    /// Nothing.
    Blank,
    /// It has taken a message.
    Proven,
}

/// What the driver must hear once.
enum News {
    LoggedIn(gatepost_mail::Reply),
    LoginFailed(gatepost_mail::Reply),
    Outcome(TransactionOutcome),
    Broken(Cause),
}

impl ClientSession {
    /// Begins on a new connection: the greeting is awaited.
    #[must_use]
    pub fn start(settings: ClientSettings, now: Instant) -> Self {
        let mut session = Self::new(settings, now);
        session.wire.awaited.push_back(Awaited::Greeting);
        session
    }

    /// Goes on after the TLS handshake that `Upgrade` asked for. What was said in the clear is gone, the server's
    /// offers too; EHLO is said again (RFC 3207 section 4.2).
    #[must_use]
    pub fn upgraded(self, now: Instant) -> Self {
        let mut session = Self::new(ClientSettings { tls: TlsUse::Never, ..self.settings }, now);
        session.wire.transcript = self.wire.transcript;
        session.wire.transcript.add(Speaker::Note, "TLS");
        session.say_hello();
        session
    }

    fn new(settings: ClientSettings, now: Instant) -> Self {
        Self {
            settings,
            offers: Offers::default(),
            phase: Phase::Opening,
            wire: Wire::default(),
            replies: ReplyReader::default(),
            news: VecDeque::new(),
            since: now,
            transactions: 0,
            record: Record::Blank,
        }
    }

    /// What the server offers. Empty before its answer to EHLO, and where it knows HELO only.
    #[must_use]
    pub const fn offers(&self) -> &Offers {
        &self.offers
    }

    /// What was said so far, bounded, secrets struck out.
    #[must_use]
    pub const fn transcript(&self) -> &Transcript {
        &self.wire.transcript
    }

    /// When to call `expire`. Holds while octets are awaited or written, so both need it; while the session waits
    /// for the driver it means nothing.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let limits = &self.settings.limits;
        let patience = match self.wire.awaited.front().copied() {
            // A server may answer a whole group at its end, and until then it is at work on the content.
            Some(Awaited::Envelope(_)) if matches!(self.phase, Phase::Ending(_)) => limits.final_reply,
            Some(Awaited::Greeting) => limits.greeting,
            Some(Awaited::Envelope(EnvelopeCommand::Data)) => limits.data_initiation,
            Some(Awaited::Envelope(EnvelopeCommand::EmptyEnd) | Awaited::End(_)) => limits.final_reply,
            Some(Awaited::Quit) => limits.farewell,
            None | Some(Awaited::Chunk) => limits.content_block,
            Some(Awaited::Hello(_) | Awaited::StartTls | Awaited::Auth | Awaited::Envelope(_)) => {
                limits.reply
            }
        };
        self.since.checked_add(patience).unwrap_or(self.since)
    }

    /// Takes octets from the server. All are used up at once.
    pub fn receive(&mut self, octets: &[u8], now: Instant) {
        self.wire.outbox.forget_lent();
        let mut rest = octets;
        while !rest.is_empty() {
            match self.phase {
                Phase::Closed => return,
                Phase::Upgrading => return self.break_off(Cause::SpokeBeforeTls),
                Phase::Opening
                | Phase::Login(_)
                | Phase::Ready(_)
                | Phase::Envelope(_)
                | Phase::Content(_)
                | Phase::Ending(_)
                | Phase::Draining(_)
                | Phase::Leaving => {}
            }
            match self.replies.read(&mut rest) {
                Ok(Some(heard)) => self.hear(heard, now),
                Ok(None) => return,
                Err(error) => return self.break_off(Cause::Malformed(error)),
            }
        }
    }

    /// Takes note that the connection is gone.
    pub fn hang_up(&mut self) {
        self.wire.outbox.forget_lent();
        self.break_off(Cause::HungUp(self.stage()));
    }

    /// Takes note of the time. Before the deadline, and while the session waits for the driver and has written all,
    /// nothing happens: how long an idle connection is kept is the driver's matter.
    pub fn expire(&mut self, now: Instant) {
        let waits_for_driver = matches!(
            self.phase,
            Phase::Ready(_) | Phase::Upgrading | Phase::Login(Login::Choose | Login::Challenge(_))
        );
        if now >= self.deadline() && !waits_for_driver {
            self.break_off(Cause::TimedOut(self.stage()));
        }
    }

    /// What to do next. What `Write` lends is held to be sent at the next call of any method.
    pub fn step(&mut self) -> ClientStep<'_> {
        self.wire.outbox.forget_lent();
        if let Some(news) = self.news.pop_front() {
            return match news {
                News::LoggedIn(reply) => ClientStep::LoggedIn(reply),
                News::LoginFailed(reply) => ClientStep::LoginFailed(reply),
                News::Outcome(outcome) => ClientStep::Outcome(outcome),
                News::Broken(cause) => ClientStep::Broken(cause),
            };
        }
        if self.needs_content() {
            return ClientStep::NeedContent;
        }
        if self.wire.outbox.has_unsent() {
            return ClientStep::Write(self.wire.outbox.lend());
        }
        match &self.phase {
            Phase::Upgrading => ClientStep::Upgrade,
            Phase::Login(Login::Choose) => ClientStep::Login,
            Phase::Login(Login::Challenge(challenge)) => ClientStep::Challenge(challenge.clone()),
            Phase::Ready(_) => ClientStep::Ready,
            Phase::Closed => ClientStep::Close,
            Phase::Opening
            | Phase::Login(Login::Answer(_) | Login::Cancel)
            | Phase::Envelope(_)
            | Phase::Content(_)
            | Phase::Ending(_)
            | Phase::Draining(_)
            | Phase::Leaving => ClientStep::Idle,
        }
    }

    /// Gives a reply to the command it answers: replies come in the order of the commands.
    fn hear(&mut self, heard: Heard, now: Instant) {
        self.since = now;
        self.wire.heard(&heard);
        let Some(awaited) = self.wire.awaited.pop_front() else {
            return self.unasked(heard.into_reply());
        };
        if let Phase::Draining(_) = self.phase {
            return self.drain();
        }
        // After the content a 421 is an answer like others: it says what became of the message.
        let is_answer = matches!(awaited, Awaited::End(_) | Awaited::Quit);
        if heard.code.get() == CLOSING && !is_answer {
            return self.break_off(Cause::Closing(heard.into_reply()));
        }
        match awaited {
            Awaited::Greeting => self.greeted(heard),
            Awaited::Hello(command) => self.hello_answered(command, heard),
            Awaited::StartTls => self.start_tls_answered(heard),
            Awaited::Auth => self.auth_answered(heard),
            Awaited::Envelope(command) => self.envelope_answered(command, heard.into_reply()),
            Awaited::Chunk => self.chunk_answered(heard.into_reply()),
            Awaited::End(whose) => self.end_answered(whose, heard.into_reply()),
            Awaited::Quit => self.phase = Phase::Closed,
        }
    }

    /// For a handler that puts the next phase in its place.
    fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Closed)
    }

    fn stage(&self) -> Stage {
        self.wire.awaited.front().map_or_else(|| self.phase.stage(), |awaited| awaited.stage())
    }
}

/// The stage only: what is on its way may be a password.
impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession").field("stage", &self.stage()).finish_non_exhaustive()
    }
}

//! The server's side: octets and a time go in, steps come out.
//!
//! The session has no opinion: whether a sender, a recipient or a login is taken is asked. It does no I/O and knows
//! no clock. Three things hold by its shape: what was said before TLS is gone after it
//! ([`upgraded`](ServerSession::upgraded) consumes the session), content gets its 250 only for a receipt
//! ([`stored`](ServerSession::stored)), and no command is looked at while a question is open.

mod auth;
mod chunks;
mod clock;
mod commands;
mod content;
mod core;
mod hello;
mod outcome;
mod output;
mod patience;
mod phase;
mod question;
mod settings;
mod transaction;

use std::fmt;
use std::marker::PhantomData;
use std::time::Instant;

use gatepost_mail::Reply;

use self::core::Core;
pub use question::{Answer, AuthOctets, Question, Step};
pub use settings::{Channel, ServerSettings, StartTls};

/// One connection's protocol life, from greeting to close. `R` is the proof that a message is on stable storage;
/// its text goes into the reply.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Instant;
/// use gatepost_mail::Domain;
/// use gatepost_smtp::{Answer, Channel, Limits, Protocol, ServerSession, ServerSettings, StartTls, Step};
///
/// # #[expect(clippy::disallowed_methods, reason = "an example is its own driver")]
/// let now = Instant::now();
/// let settings = ServerSettings {
///     hostname: Domain::parse("mail.example.org").unwrap(),
///     protocol: Protocol::Smtp,
///     channel: Channel::Clear(StartTls::NotOffered),
///     mechanisms: Vec::new(),
///     mechanisms_after_tls: Vec::new(),
///     limits: Arc::new(Limits::default()),
/// };
/// let mut session = ServerSession::<u64>::greet(settings, now);
/// assert_eq!(session.step(), Step::Write(b"220 mail.example.org ESMTP gatepost\r\n"));
/// assert_eq!(session.step(), Step::Idle);
///
/// session.receive(b"HELO client.example\r\nMAIL FROM:<ada@example.org>\r\n", now);
/// for _ in 0..2 {
///     assert!(matches!(session.step(), Step::Ask(_)));
///     session.answer(Answer::Permit);
/// }
/// assert_eq!(session.step(), Step::Write(b"250 mail.example.org\r\n250 2.1.0 Sender OK\r\n"));
/// ```
pub struct ServerSession<R> {
    core: Core,
    receipt: PhantomData<fn(R)>,
}

impl<R: fmt::Display> ServerSession<R> {
    /// Begins: the first step writes the greeting.
    #[must_use]
    pub fn greet(settings: ServerSettings, now: Instant) -> Self {
        let mut core = Core::new(settings, now);
        core.greet();
        Self { core, receipt: PhantomData }
    }

    /// Takes octets from the client. Call it when the session is idle; octets that come while a question is open
    /// wait, and more than [`Limits::backlog`](crate::Limits::backlog) of them close the connection.
    pub fn receive(&mut self, octets: &[u8], now: Instant) {
        self.core.receive(octets, now);
    }

    /// The client closed its side: content on its way in is dropped ([`Question::Abort`]), then the session closes.
    pub fn hang_up(&mut self) {
        self.core.hang_up();
    }

    /// The client sent octets before the greeting was written: call it before the first step, to refuse the client
    /// with 554 instead (RFC 5321 section 4.3.1 makes clients wait).
    pub fn spoke_early(&mut self) {
        self.core.spoke_early();
    }

    /// Time has passed. At or after the deadline the session says 421 and closes, unless a question was answered since
    /// octets came last: the time that a decision took is not the client's, so its time begins now.
    pub fn expire(&mut self, now: Instant) {
        self.core.expire(now);
    }

    /// The server stops: 421 at the next border between commands. A message whose content is on its way in gets its
    /// reply first.
    pub fn shut_down(&mut self) {
        self.core.shut_down();
    }

    /// What the driver must do next.
    pub fn step(&mut self) -> Step<'_> {
        self.core.step()
    }

    /// Answers the question that is open. Without one, nothing happens.
    pub fn answer(&mut self, answer: Answer) {
        self.core.answer(answer);
    }

    /// Answers [`Question::Complete`]: the message is on stable storage, for all its recipients. The only way to a
    /// positive reply to content (RFC 5321 section 4.2.5). Without that question, nothing happens.
    pub fn stored(&mut self, receipt: R) {
        self.core.stored(&receipt, &[]);
    }

    /// The same in LMTP where some recipients do not get the message: their place in the order of acceptance, from
    /// 0, and the reply for each. In SMTP, which has one reply for all, these are not told.
    pub fn stored_except(&mut self, receipt: R, refused: &[(usize, Reply)]) {
        self.core.stored(&receipt, refused);
    }

    /// When to call [`ServerSession::expire`], if the session is idle until then.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.core.deadline()
    }

    /// Goes on under TLS after [`Step::Upgrade`] and the handshake: everything that was said in the clear is gone
    /// (RFC 3207 section 4.2). Octets that came in the clear behind STARTTLS make this session close at once.
    #[must_use]
    pub fn upgraded(self, settings: ServerSettings, now: Instant) -> Self {
        Self { core: self.core.upgraded(settings, now), receipt: PhantomData }
    }

    /// How much memory the session's buffers hold, in octets.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.core.buffered()
    }

    /// Gives back all memory of empty buffers. Worth calling for a session that has been idle for a while; what is
    /// large is given back at [`Step::Idle`] without being asked.
    pub fn shrink(&mut self) {
        self.core.shrink();
    }
}

/// Nothing of what was said: it may hold secrets.
impl<R> fmt::Debug for ServerSession<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSession").field("phase", &self.core.phase_name()).finish_non_exhaustive()
    }
}

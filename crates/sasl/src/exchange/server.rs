//! The server's side of an exchange.

use std::{fmt, mem};

use crate::mechanism::Tie;
use crate::{
    ChannelBinding, CramSecret, Identity, Mechanism, Nonce, PlusOffer, ScramHash, ScramVerifier, Secret,
    cram, limits, login, plain, scram,
};

/// What the driver brings to a server's exchange.
#[derive(Debug)]
pub struct ServerContext {
    /// Fresh for this exchange.
    pub nonce: Nonce,
    /// The bindings of the channel, none without TLS.
    pub bindings: Vec<ChannelBinding>,
    /// What the client could read in the list of mechanisms.
    pub plus: PlusOffer,
    /// Our name, for CRAM-MD5's challenge.
    pub host: String,
    /// The time as text, for CRAM-MD5's challenge; its form does not matter.
    pub time: String,
}

/// One authentication of one client.
///
/// Call [`receive`](Self::receive) with what the client sent, and [`answer`](Self::answer) after a question, until a step says
/// success or failure; afterwards, and when called out of turn, every step is [`Failure::Misused`]. A client that
/// aborts needs no call: drop the exchange. Dropping leaves nothing behind.
pub struct ServerExchange {
    mechanism: Mechanism,
    state: State,
}

/// What the driver must do next.
#[must_use]
#[derive(Debug)]
pub enum ServerStep {
    /// Send this, which may be empty, and hand the response to [`ServerExchange::receive`].
    Challenge(Vec<u8>),
    /// Ask the directory, then call [`ServerExchange::answer`].
    Ask(ServerQuestion),
    /// The client is who it says.
    Succeeded(Identity),
    /// It is over.
    Failed(Failure),
}

/// What only the directory knows. Names are prepared, in the case that was typed.
#[derive(Debug)]
pub enum ServerQuestion {
    /// Is this the password? Answer with [`Answer::Password`].
    CheckPassword {
        /// Whose.
        user: String,
        /// In the form of [`prepare::password`](crate::prepare::password).
        password: Secret,
    },
    /// Answer with [`Answer::Scram`]. For users without such a verifier, hand out [`ScramVerifier::fake`]: the exchange
    /// then looks alike, to its end.
    ScramVerifier {
        /// Whose.
        user: String,
        /// Of which hash.
        hash: ScramHash,
    },
    /// Answer with [`Answer::Cram`].
    CramSecret {
        /// Whose.
        user: String,
    },
}

/// The directory's answer; it must fit the question.
#[derive(Debug)]
pub enum Answer {
    /// To [`ServerQuestion::CheckPassword`].
    Password(PasswordCheck),
    /// To [`ServerQuestion::ScramVerifier`]. [`Lookup::Missing`] ends the exchange at once, which tells the client that there is no
    /// such user.
    Scram(Lookup<ScramVerifier>),
    /// To [`ServerQuestion::CramSecret`]. [`Lookup::Missing`] costs the same time as a wrong password.
    Cram(Lookup<CramSecret>),
}

/// What the directory found out about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The user exists and this is the password.
    Right,
    /// Anything else that is known: no such user, not the password, not allowed.
    Wrong,
    /// Not known: the directory could not be asked.
    Unavailable,
}

/// What the directory found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<T> {
    /// This.
    Found(T),
    /// It knows that there is none.
    Missing,
    /// It could not be asked.
    Unavailable,
}

/// Why an exchange ended without success. The client is told the class only; the cause is for our log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The client's octets have not the mechanism's form (RFC 4954: 501 5.5.2).
    #[error("malformed response")]
    Malformed,
    /// The proof is wrong, or there is no such user (535 5.7.8).
    #[error("wrong password or unknown user")]
    Rejected,
    /// The proof is for another channel or another header: somebody may be in between (535 5.7.8).
    #[error("channel binding does not match")]
    ChannelBindingMismatch,
    /// The client uses a kind of binding that this channel does not have (535 5.7.8).
    #[error("channel binding of an unsupported kind")]
    ChannelBindingUnsupported,
    /// The client believes that no `-PLUS` was offered, but it was: somebody may have changed the list (535 5.7.8).
    #[error("the client did not see the -PLUS mechanisms that were offered")]
    PlusNotUsedThoughOffered,
    /// The directory could not be asked (454 4.7.0).
    #[error("the directory is unavailable")]
    Unavailable,
    /// The driver called out of turn or answered another question: our fault (454 4.7.0, and tell the operator).
    #[error("the exchange was driven out of turn")]
    Misused,
}

impl ServerExchange {
    /// Makes ready for the client's first message; nothing is sent yet.
    #[must_use]
    pub fn begin(mechanism: Mechanism, context: ServerContext) -> Self {
        let scram = |hash, tie, context| Server::Scram(scram::Server::new(hash, tie, context));
        let server = match mechanism {
            Mechanism::Plain => Server::Plain(plain::Server::default()),
            Mechanism::Login => Server::Login(login::Server::default()),
            Mechanism::CramMd5 => Server::Cram(cram::Server::new(&context)),
            Mechanism::ScramSha1 => scram(ScramHash::Sha1, Tie::Unbound, context),
            Mechanism::ScramSha256 => scram(ScramHash::Sha256, Tie::Unbound, context),
            Mechanism::ScramSha1Plus => scram(ScramHash::Sha1, Tie::Bound, context),
            Mechanism::ScramSha256Plus => scram(ScramHash::Sha256, Tie::Bound, context),
        };
        Self { mechanism, state: State::Opening(server) }
    }

    /// Which mechanism this is.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Takes the client's octets. The first call has `None` when the client sent no initial response, and
    /// `Some` of nothing when it sent an empty one; later calls always have `Some`.
    ///
    /// More than [`limits::MESSAGE_OCTETS_MOST`] octets are [`Failure::Malformed`].
    pub fn receive(&mut self, octets: Option<&[u8]>) -> ServerStep {
        let state = mem::replace(&mut self.state, State::Ended);
        if octets.is_some_and(|octets| octets.len() > limits::MESSAGE_OCTETS_MOST) {
            return ServerStep::Failed(Failure::Malformed);
        }
        match (state, octets) {
            (State::Opening(server), initial) => self.settle(server.open(initial)),
            (State::Listening(server), Some(octets)) => self.settle(server.receive(octets)),
            (State::Listening(_), None) | (State::Asking(_) | State::Ended, _) => {
                ServerStep::Failed(Failure::Misused)
            }
        }
    }

    /// Takes the directory's answer to the question that the last step asked.
    pub fn answer(&mut self, answer: Answer) -> ServerStep {
        match mem::replace(&mut self.state, State::Ended) {
            State::Asking(server) => self.settle(server.answer(answer)),
            State::Opening(_) | State::Listening(_) | State::Ended => ServerStep::Failed(Failure::Misused),
        }
    }

    fn settle(&mut self, turn: Turn<Server>) -> ServerStep {
        match turn {
            Turn::Challenge(challenge, server) => {
                self.state = State::Listening(server);
                ServerStep::Challenge(challenge)
            }
            Turn::Ask(question, server) => {
                self.state = State::Asking(server);
                ServerStep::Ask(question)
            }
            Turn::Succeeded(identity) => ServerStep::Succeeded(identity),
            Turn::Failed(failure) => ServerStep::Failed(failure),
        }
    }
}

impl fmt::Debug for ServerExchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ServerExchange({})", self.mechanism.name())
    }
}

/// Whose turn it is.
enum State {
    Opening(Server),
    Listening(Server),
    Asking(Server),
    Ended,
}

/// The mechanism's own state.
enum Server {
    Plain(plain::Server),
    Login(login::Server),
    Cram(cram::Server),
    Scram(scram::Server),
}

impl Server {
    fn open(self, initial: Option<&[u8]>) -> Turn<Self> {
        match self {
            Self::Plain(server) => server.open(initial).map(Self::Plain),
            Self::Login(server) => server.open(initial).map(Self::Login),
            Self::Cram(server) => server.open(initial).map(Self::Cram),
            Self::Scram(server) => server.open(initial).map(Self::Scram),
        }
    }

    fn receive(self, octets: &[u8]) -> Turn<Self> {
        match self {
            Self::Plain(server) => server.receive(octets).map(Self::Plain),
            Self::Login(server) => server.receive(octets).map(Self::Login),
            Self::Cram(server) => server.receive(octets).map(Self::Cram),
            Self::Scram(server) => server.receive(octets).map(Self::Scram),
        }
    }

    fn answer(self, answer: Answer) -> Turn<Self> {
        match self {
            Self::Plain(server) => server.answer(answer).map(Self::Plain),
            Self::Login(server) => server.answer(answer).map(Self::Login),
            Self::Cram(server) => server.answer(answer).map(Self::Cram),
            Self::Scram(server) => server.answer(answer).map(Self::Scram),
        }
    }
}

/// What a mechanism did: the step, and the state it left unless it ended.
pub(crate) enum Turn<S> {
    Challenge(Vec<u8>, S),
    Ask(ServerQuestion, S),
    Succeeded(Identity),
    Failed(Failure),
}

impl<S> Turn<S> {
    fn map<T>(self, wrap: impl FnOnce(S) -> T) -> Turn<T> {
        match self {
            Self::Challenge(challenge, state) => Turn::Challenge(challenge, wrap(state)),
            Self::Ask(question, state) => Turn::Ask(question, wrap(state)),
            Self::Succeeded(identity) => Turn::Succeeded(identity),
            Self::Failed(failure) => Turn::Failed(failure),
        }
    }

    /// The end of every mechanism that lets the directory compare passwords.
    pub(crate) fn of_password_check(answer: &Answer, identity: Identity) -> Self {
        match answer {
            Answer::Password(PasswordCheck::Right) => Self::Succeeded(identity),
            Answer::Password(PasswordCheck::Wrong) => Self::Failed(Failure::Rejected),
            Answer::Password(PasswordCheck::Unavailable) => Self::Failed(Failure::Unavailable),
            Answer::Scram(_) | Answer::Cram(_) => Self::Failed(Failure::Misused),
        }
    }
}

/// A name that the client sent, as the exchange's failure where it is none.
///
/// Names that no account can have are refused like a wrong password: the client need not learn which names we allow.
pub(crate) fn client_name(octets: &[u8]) -> Result<String, Failure> {
    use crate::prepare::NameError;

    crate::prepare::name(octets).map_err(|error| match error {
        NameError::NotText | NameError::TooLong | NameError::Empty => Failure::Malformed,
        NameError::Forbidden => Failure::Rejected,
    })
}

/// A password that the client sent in the clear, prepared.
pub(crate) fn client_password(octets: &[u8]) -> Result<Secret, Failure> {
    if octets.is_empty() || octets.len() > limits::PASSWORD_OCTETS_MOST || octets.contains(&0) {
        return Err(Failure::Malformed);
    }
    Ok(crate::prepare::password(&Secret::new(octets)))
}

//! The server's side of an exchange.

use std::{fmt, mem};

pub(crate) use crate::exchange::context::{OauthHelp, ServerContext};
use crate::exchange::gss::{GssAnswer, GssQuestion};
use crate::mechanism::Tie;
use crate::{
    CramSecret, DigestSecret, Identity, Mechanism, NtHash, OauthOneKeys, ScramVerifier, Secret, bearer, cram,
    digest, external, gssapi, limits, login, ntlm, oauth_one, plain, scram,
};

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
        hash: crate::ScramHash,
    },
    /// Answer with [`Answer::Cram`].
    CramSecret {
        /// Whose.
        user: String,
    },
    /// Answer with [`Answer::Digest`].
    DigestSecret {
        /// Whose, spelt as the client spells it: the digest is over that spelling.
        user: String,
        /// Of which realm.
        realm: String,
    },
    /// Answer with [`Answer::Nt`].
    NtHash {
        /// Whose. Where the client cut `ada@example.org` in two, it is whole again.
        user: String,
        /// The domain that the client names, which may be empty.
        domain: String,
    },
    /// Is this token good, and whose is it? Answer with [`Answer::Token`].
    CheckToken {
        /// Whom the client says it is, where it says so.
        user: Option<String>,
        /// The token.
        token: Secret,
    },
    /// The secrets behind an OAuth 1 login. Answer with [`Answer::OauthOne`].
    OauthOneKeys {
        /// Whom the client says it is, where it says so.
        user: Option<String>,
        /// `oauth_consumer_key`.
        consumer: String,
        /// `oauth_token`.
        token: String,
    },
    /// Has this nonce been used before? Asked once the signature holds, and whoever answers remembers it. Answer with [`Answer::Freshness`].
    OauthOneNonce {
        /// `oauth_consumer_key`.
        consumer: String,
        /// `oauth_token`.
        token: String,
        /// `oauth_nonce`.
        nonce: String,
        /// `oauth_timestamp`, seconds since 1970; within [`limits::OAUTH_ONE_WINDOW_SECONDS`] of the context's time.
        timestamp: u64,
    },
    /// Whose is the client certificate of this channel? Answer with [`Answer::User`].
    ClientCertificate {
        /// Whom the client says it is, where it says so.
        user: Option<String>,
    },
    /// Which login name has this Kerberos principal (`ada@REALM`)? Answer with [`Answer::User`].
    Principal {
        /// As the ticket names it.
        principal: String,
    },
    /// For the library that knows Kerberos. Answer with [`Answer::Gss`].
    Gss(GssQuestion),
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
    /// To [`ServerQuestion::DigestSecret`]. [`Lookup::Missing`] costs the same time as a wrong password.
    Digest(Lookup<DigestSecret>),
    /// To [`ServerQuestion::NtHash`]. [`Lookup::Missing`] costs the same time as a wrong password.
    Nt(Lookup<NtHash>),
    /// To [`ServerQuestion::CheckToken`].
    Token(TokenCheck),
    /// To [`ServerQuestion::OauthOneKeys`]. [`Lookup::Missing`] costs the same time as a wrong signature.
    OauthOne(Lookup<OauthOneKeys>),
    /// To [`ServerQuestion::OauthOneNonce`].
    Freshness(Freshness),
    /// To [`ServerQuestion::ClientCertificate`] and [`ServerQuestion::Principal`]: a login name.
    User(Lookup<String>),
    /// To [`ServerQuestion::Gss`].
    Gss(GssAnswer),
}

impl Answer {
    /// The end of an exchange whose driver gave an answer to another question.
    pub(crate) fn misfit<S>(&self) -> Turn<S> {
        Turn::Failed(Failure::Misused)
    }
}

/// What the directory found out about a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenCheck {
    /// It is good, and this is the login name of its owner.
    Right {
        /// Whose it is.
        user: String,
    },
    /// It is not.
    Refused(TokenFault),
    /// Not known: the issuer could not be asked.
    Unavailable,
}

/// What is wrong with a token (RFC 6750 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenFault {
    /// Forged, expired, revoked, for somebody else, or for another service: `invalid_token`.
    Invalid,
    /// Good, but not for sending mail: `insufficient_scope`.
    Scope,
}

/// Whether something was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Not before; it is used now.
    New,
    /// It was.
    Used,
    /// Not known.
    Unavailable,
}

/// What the directory found out about a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The user exists and this is the password.
    Right,
    /// The same, but the password is one of a device's own: this is the login name that says which.
    RightAs(String),
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
    /// The token is not good; the client was told why inside the exchange (535 5.7.8).
    #[error("the token was refused: {0:?}")]
    TokenRefused(TokenFault),
    /// The client means another host or port than ours, or another realm: it may have been lured here (535 5.7.8).
    #[error("the client means another server")]
    WrongServer,
    /// Seen before, or too old or too new to be told from what was seen before (535 5.7.8).
    #[error("the login is a repetition, or its time is off")]
    Repeated,
    /// EXTERNAL without a client certificate that is known (535 5.7.8).
    #[error("no client certificate of an account")]
    NoCertificate,
    /// NTLMv1 where only v2 is taken (535 5.7.8).
    #[error("NTLMv1 is not taken")]
    TooWeak,
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
        use crate::ScramHash::{Sha1, Sha256, Sha512};
        let scram = |hash, tie, context| Server::Scram(scram::Server::new(hash, tie, context));
        let server = match mechanism {
            Mechanism::Plain => Server::Plain(plain::Server::default()),
            Mechanism::Login => Server::Login(login::Server::default()),
            Mechanism::CramMd5 | Mechanism::Md5 => Server::Cram(cram::Server::new(&context)),
            Mechanism::DigestMd5 => Server::Digest(digest::Server::new(context)),
            Mechanism::Ntlm => Server::Ntlm(ntlm::Server::new(context)),
            Mechanism::Oauthbearer => Server::Bearer(bearer::Server::oauthbearer(context)),
            Mechanism::Xoauth2 => Server::Bearer(bearer::Server::xoauth2(context)),
            Mechanism::Oauth10a => Server::OauthOne(oauth_one::Server::new(context)),
            Mechanism::External => Server::External(external::Server::default()),
            Mechanism::Gssapi => Server::Gssapi(gssapi::Server::new(context)),
            Mechanism::ScramSha1 => scram(Sha1, Tie::Unbound, context),
            Mechanism::ScramSha256 => scram(Sha256, Tie::Unbound, context),
            Mechanism::ScramSha512 => scram(Sha512, Tie::Unbound, context),
            Mechanism::ScramSha1Plus => scram(Sha1, Tie::Bound, context),
            Mechanism::ScramSha256Plus => scram(Sha256, Tie::Bound, context),
            Mechanism::ScramSha512Plus => scram(Sha512, Tie::Bound, context),
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

    /// What the client has been told already, where a refusal is a step of its own (RFC 7628 section 3.2.3). The client is to
    /// acknowledge it, and then the exchange fails with it; some hang up instead.
    #[must_use]
    pub fn refused(&self) -> Option<Failure> {
        match &self.state {
            State::Listening(Server::Bearer(server)) => server.refused(),
            State::Listening(Server::OauthOne(server)) => server.refused(),
            State::Opening(_) | State::Listening(_) | State::Asking(_) | State::Ended => None,
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
    Digest(digest::Server),
    Ntlm(ntlm::Server),
    Bearer(bearer::Server),
    OauthOne(oauth_one::Server),
    External(external::Server),
    Gssapi(gssapi::Server),
}

impl Server {
    fn open(self, initial: Option<&[u8]>) -> Turn<Self> {
        match self {
            Self::Plain(server) => server.open(initial).map(Self::Plain),
            Self::Login(server) => server.open(initial).map(Self::Login),
            Self::Cram(server) => server.open(initial).map(Self::Cram),
            Self::Scram(server) => server.open(initial).map(Self::Scram),
            Self::Digest(server) => server.open(initial).map(Self::Digest),
            Self::Ntlm(server) => server.open(initial).map(Self::Ntlm),
            Self::Bearer(server) => server.open(initial).map(Self::Bearer),
            Self::OauthOne(server) => server.open(initial).map(Self::OauthOne),
            Self::External(server) => server.open(initial).map(Self::External),
            Self::Gssapi(server) => server.open(initial).map(Self::Gssapi),
        }
    }

    fn receive(self, octets: &[u8]) -> Turn<Self> {
        match self {
            Self::Plain(server) => server.receive(octets).map(Self::Plain),
            Self::Login(server) => server.receive(octets).map(Self::Login),
            Self::Cram(server) => server.receive(octets).map(Self::Cram),
            Self::Scram(server) => server.receive(octets).map(Self::Scram),
            Self::Digest(server) => server.receive(octets).map(Self::Digest),
            Self::Ntlm(server) => server.receive(octets).map(Self::Ntlm),
            Self::Bearer(server) => server.receive(octets).map(Self::Bearer),
            Self::OauthOne(server) => server.receive(octets).map(Self::OauthOne),
            Self::External(server) => server.receive(octets).map(Self::External),
            Self::Gssapi(server) => server.receive(octets).map(Self::Gssapi),
        }
    }

    fn answer(self, answer: Answer) -> Turn<Self> {
        match self {
            Self::Plain(server) => server.answer(answer).map(Self::Plain),
            Self::Login(server) => server.answer(answer).map(Self::Login),
            Self::Cram(server) => server.answer(answer).map(Self::Cram),
            Self::Scram(server) => server.answer(answer).map(Self::Scram),
            Self::Digest(server) => server.answer(answer).map(Self::Digest),
            Self::Ntlm(server) => server.answer(answer).map(Self::Ntlm),
            Self::Bearer(server) => server.answer(answer).map(Self::Bearer),
            Self::OauthOne(server) => server.answer(answer).map(Self::OauthOne),
            Self::External(server) => server.answer(answer).map(Self::External),
            Self::Gssapi(server) => server.answer(answer).map(Self::Gssapi),
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
        let Answer::Password(check) = answer else { return answer.misfit() };
        match check {
            PasswordCheck::Right => Self::Succeeded(identity),
            PasswordCheck::RightAs(user) => Self::Succeeded(identity.known_as(user.clone())),
            PasswordCheck::Wrong => Self::Failed(Failure::Rejected),
            PasswordCheck::Unavailable => Self::Failed(Failure::Unavailable),
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

//! The client's side of an exchange.

use std::{fmt, mem};

pub(crate) use crate::exchange::credentials::{Login, Proof};
use crate::exchange::gss::{GssAnswer, GssQuestion};
use crate::mechanism::Tie;
use crate::{
    ChannelBinding, Mechanism, Nonce, PlusOffer, Secret, TokenFault, bearer, cram, digest, external, gssapi,
    limits, login, ntlm, oauth_one, plain, scram,
};

/// What the driver brings to a client's exchange.
#[derive(Debug)]
pub struct ClientContext {
    /// Who we are.
    pub login: Login,
    /// Fresh for this exchange.
    pub nonce: Nonce,
    /// The bindings of the channel, none without TLS. The best kind is used; leave one out to try the other.
    pub bindings: Vec<ChannelBinding>,
    /// What the server's list held.
    pub plus: PlusOffer,
    /// The server's name as we know it, for tickets, digests and OAuth.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Seconds since 1970, for OAUTH10A and NTLM.
    pub time: u64,
}

impl ClientContext {
    /// A context without TLS. Set what is otherwise.
    #[must_use]
    pub fn new(login: Login, nonce: Nonce, host: impl Into<String>, time: u64) -> Self {
        Self {
            login,
            nonce,
            bindings: Vec::new(),
            plus: PlusOffer::NotOffered,
            host: host.into(),
            port: 587,
            time,
        }
    }
}

/// One authentication at one server.
///
/// Send [`initial`](Self::initial) along with the command where there is one, [`receive`](Self::receive) each challenge, and
/// when the server says that all is well, ask [`succeeded`](Self::succeeded) whether that may be believed. No mechanism
/// takes more than three challenges, but for GSSAPI, whose tokens are limited by [`limits::GSS_TOKENS_MOST`]. To abort, drop it.
pub struct ClientExchange {
    mechanism: Mechanism,
    state: State,
}

/// What the driver must do next.
#[must_use]
#[derive(Debug)]
pub enum ClientStep {
    /// Send this, which may be empty, and is not for logs.
    Respond(Secret),
    /// Ask the Kerberos library, then call [`ClientExchange::answer`].
    Ask(GssQuestion),
    /// Abort: the server must not get another octet of this exchange.
    Failed(ClientFailure),
}

/// Why a client gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ClientFailure {
    /// The login has nothing that this mechanism could use.
    #[error("the login has not what this mechanism needs")]
    NoCredential,
    /// The server refuses our token; a fresh one may help.
    #[error("the server refuses the token: {0:?}")]
    TokenRefused(TokenFault),
    /// The Kerberos library refuses or cannot be asked.
    #[error("Kerberos has no ticket for this server, or refuses it")]
    NoTicket,
    /// GSSAPI with a security layer only (RFC 4752 section 3.3), which we leave to TLS.
    #[error("the server insists on a security layer inside the exchange")]
    SecurityLayer,
    /// A `-PLUS` mechanism, but the channel has no binding.
    #[error("the channel has no binding for a -PLUS mechanism")]
    NoChannelBinding,
    /// The mechanism has no room for an authorization identity.
    #[error("the mechanism cannot act for another user")]
    CannotActForAnother,
    /// The server's octets have not the mechanism's form, or are longer than [`limits::MESSAGE_OCTETS_MOST`].
    #[error("the server's challenge is malformed")]
    Malformed,
    /// The server goes on after its last word, or the driver after a failure.
    #[error("a challenge after the end of the exchange")]
    Unexpected,
    /// The server wants what this client does not do (DIGEST-MD5 without `qop=auth`), or the mechanism cannot carry what the login
    /// holds: choose another mechanism.
    #[error("the server or the login asks for what this mechanism cannot do here")]
    Unsupported,
    /// The server's nonce does not begin with ours.
    #[error("the server's nonce is not an answer to ours")]
    NonceNotOurs,
    /// Outside [`limits::ITERATIONS_LEAST`] to [`limits::ITERATIONS_MOST`]: too weak, or meant to burn our time.
    #[error("the server asks for {0} iterations")]
    Iterations(u32),
    /// The server reports an error of its own inside the exchange.
    #[error("the server reports an error")]
    ServerError,
    /// The server has not proved that it knows the user: it may be somebody else.
    #[error("the server has not proved itself")]
    ServerNotProved,
    /// The server says that all is well before it could know.
    #[error("success before the end of the exchange")]
    Premature,
}

impl ClientExchange {
    /// Makes ready; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ClientFailure::NoChannelBinding`] and [`ClientFailure::CannotActForAnother`]: choose another mechanism.
    pub fn begin(mechanism: Mechanism, context: ClientContext) -> Result<Self, ClientFailure> {
        use crate::ScramHash::{Sha1, Sha256, Sha512};
        if !context.login.fits(mechanism) {
            return Err(ClientFailure::NoCredential);
        }
        let scram = |hash, tie, context| scram::Opening::new(hash, tie, context).map(Opening::Scram);
        let opening = match mechanism {
            Mechanism::Plain => Opening::Plain(context.login),
            Mechanism::Login => Opening::Login(login::Client::new(context.login)?),
            Mechanism::CramMd5 | Mechanism::Md5 => Opening::Cram(cram::Client::new(context.login)?),
            Mechanism::DigestMd5 => Opening::Digest(digest::Client::new(context)),
            Mechanism::Ntlm => Opening::Ntlm(ntlm::Client::new(context)?),
            Mechanism::Oauthbearer => Opening::Bearer(bearer::Client::oauthbearer(context)?),
            Mechanism::Xoauth2 => Opening::Bearer(bearer::Client::xoauth2(context)?),
            Mechanism::Oauth10a => Opening::OauthOne(oauth_one::Client::new(context)?),
            Mechanism::External => Opening::External(external::Client::new(&context)),
            Mechanism::Gssapi => Opening::Gssapi(gssapi::Client::new(context)?),
            Mechanism::ScramSha1 => scram(Sha1, Tie::Unbound, context)?,
            Mechanism::ScramSha256 => scram(Sha256, Tie::Unbound, context)?,
            Mechanism::ScramSha512 => scram(Sha512, Tie::Unbound, context)?,
            Mechanism::ScramSha1Plus => scram(Sha1, Tie::Bound, context)?,
            Mechanism::ScramSha256Plus => scram(Sha256, Tie::Bound, context)?,
            Mechanism::ScramSha512Plus => scram(Sha512, Tie::Bound, context)?,
        };
        Ok(Self { mechanism, state: State::Opening(opening) })
    }

    /// Which mechanism this is.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The response that may go with the command, `None` where the server speaks first or the exchange has begun.
    ///
    /// A driver that cannot send it along must not call this: the first [`receive`](Self::receive) then gives it.
    #[must_use]
    pub fn initial(&mut self) -> Option<Secret> {
        let state = mem::replace(&mut self.state, State::Ended(ClientFailure::Unexpected));
        let (response, state) = match state {
            State::Opening(opening) => {
                let (response, client) = opening.open();
                (response, State::Going(client))
            }
            State::Going(_) | State::Ended(_) => (None, state),
        };
        self.state = state;
        response
    }

    /// Takes the server's challenge. For SCRAM the second call (the first after [`initial`](Self::initial)) runs PBKDF2: up to
    /// a second of work.
    pub fn receive(&mut self, challenge: &[u8]) -> ClientStep {
        if challenge.len() > limits::MESSAGE_OCTETS_MOST {
            return self.fail(ClientFailure::Malformed);
        }
        match mem::replace(&mut self.state, State::Ended(ClientFailure::Unexpected)) {
            // Where the client speaks first, the challenge before its first word is empty, or chatter to be ignored.
            State::Opening(opening) => match opening.open() {
                (Some(response), client) => self.settle(ClientTurn::Respond(response, client)),
                (None, client) => self.settle(client.receive(challenge)),
            },
            State::Going(client) => self.settle(client.receive(challenge)),
            State::Ended(failure) => self.fail(failure),
        }
    }

    /// Takes the Kerberos library's answer.
    pub fn answer(&mut self, answer: GssAnswer) -> ClientStep {
        match mem::replace(&mut self.state, State::Ended(ClientFailure::Unexpected)) {
            State::Going(Client::Gssapi(client)) => {
                let turn = client.answer(answer).map(Client::Gssapi);
                self.settle(turn)
            }
            State::Opening(_) | State::Going(_) => self.fail(ClientFailure::Unexpected),
            State::Ended(failure) => self.fail(failure),
        }
    }

    /// Whether the server's word that we are authenticated may be believed; ask it when that word comes.
    ///
    /// # Errors
    ///
    /// [`ClientFailure::ServerNotProved`] when the mechanism has the server prove itself and it did not: close the
    /// connection and send no mail through it. [`ClientFailure::Premature`] when the server did not wait for our proof;
    /// else the failure that ended the exchange.
    pub fn succeeded(&self) -> Result<(), ClientFailure> {
        match &self.state {
            State::Opening(Opening::Scram(_) | Opening::Digest(_)) => Err(ClientFailure::ServerNotProved),
            State::Opening(_) => Err(ClientFailure::Premature),
            State::Going(client) => client.succeeded(),
            State::Ended(failure) => Err(*failure),
        }
    }

    /// What the server said about our token inside the exchange; a driver asks it when the server's refusal comes, and may then
    /// fetch a fresh token. None where it said nothing: servers exist that refuse without a word of why.
    #[must_use]
    pub fn token_refused(&self) -> Option<TokenFault> {
        match &self.state {
            State::Going(Client::Bearer(client)) => client.refused(),
            State::Going(Client::OauthOne(client)) => client.refused(),
            State::Ended(ClientFailure::TokenRefused(fault)) => Some(*fault),
            State::Opening(_) | State::Going(_) | State::Ended(_) => None,
        }
    }

    fn settle(&mut self, turn: ClientTurn<Client>) -> ClientStep {
        match turn {
            ClientTurn::Respond(response, client) => {
                self.state = State::Going(client);
                ClientStep::Respond(response)
            }
            ClientTurn::Ask(question, client) => {
                self.state = State::Going(client);
                ClientStep::Ask(question)
            }
            ClientTurn::Failed(failure) => self.fail(failure),
        }
    }

    fn fail(&mut self, failure: ClientFailure) -> ClientStep {
        self.state = State::Ended(failure);
        ClientStep::Failed(failure)
    }
}

impl fmt::Debug for ClientExchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ClientExchange({})", self.mechanism.name())
    }
}

enum State {
    Opening(Opening),
    Going(Client),
    Ended(ClientFailure),
}

/// A mechanism before its first word.
enum Opening {
    Plain(Login),
    Login(login::Client),
    Cram(cram::Client),
    Digest(digest::Client),
    Ntlm(ntlm::Client),
    Bearer(bearer::Client),
    OauthOne(oauth_one::Client),
    External(external::Client),
    Gssapi(gssapi::Client),
    Scram(scram::Opening),
}

impl Opening {
    /// The client's first word, `None` where the server speaks first.
    fn open(self) -> (Option<Secret>, Client) {
        fn first<C>((response, client): (Secret, C), wrap: fn(C) -> Client) -> (Option<Secret>, Client) {
            (Some(response), wrap(client))
        }
        match self {
            Self::Plain(login) => (Some(plain::response(&login)), Client::Said),
            Self::Login(client) => (None, Client::Login(client)),
            Self::Cram(client) => (None, Client::Cram(client)),
            Self::Digest(client) => (None, Client::Digest(client)),
            // The library must be asked first, so the response goes out after the server's empty challenge.
            Self::Gssapi(client) => (None, Client::Gssapi(client)),
            Self::Ntlm(client) => first(client.open(), Client::Ntlm),
            Self::Bearer(client) => first(client.open(), Client::Bearer),
            Self::OauthOne(client) => first(client.open(), Client::OauthOne),
            Self::External(client) => first(client.open(), Client::External),
            Self::Scram(opening) => first(opening.open(), Client::Scram),
        }
    }
}

/// A mechanism under way.
enum Client {
    /// PLAIN: a single message said it all.
    Said,
    Login(login::Client),
    Cram(cram::Client),
    Digest(digest::Client),
    Ntlm(ntlm::Client),
    Bearer(bearer::Client),
    OauthOne(oauth_one::Client),
    External(external::Client),
    Gssapi(gssapi::Client),
    Scram(scram::Client),
}

impl Client {
    fn receive(self, challenge: &[u8]) -> ClientTurn<Self> {
        match self {
            Self::Said => ClientTurn::Failed(ClientFailure::Unexpected),
            Self::Login(client) => client.receive().map(Self::Login),
            Self::Cram(client) => client.receive(challenge).map(Self::Cram),
            Self::Digest(client) => client.receive(challenge).map(Self::Digest),
            Self::Ntlm(client) => client.receive(challenge).map(Self::Ntlm),
            Self::Bearer(client) => client.receive(challenge).map(Self::Bearer),
            Self::OauthOne(client) => client.receive(challenge).map(Self::OauthOne),
            Self::External(client) => client.receive(challenge).map(Self::External),
            Self::Gssapi(client) => client.receive(challenge).map(Self::Gssapi),
            Self::Scram(client) => client.receive(challenge).map(Self::Scram),
        }
    }

    fn succeeded(&self) -> Result<(), ClientFailure> {
        match self {
            Self::Said => Ok(()),
            Self::Login(client) => client.succeeded(),
            Self::Cram(client) => client.succeeded(),
            Self::Digest(client) => client.succeeded(),
            Self::Ntlm(client) => client.succeeded(),
            Self::Bearer(client) => client.succeeded(),
            Self::OauthOne(client) => client.succeeded(),
            Self::External(client) => client.succeeded(),
            Self::Gssapi(client) => client.succeeded(),
            Self::Scram(client) => client.succeeded(),
        }
    }
}

/// What a mechanism did: its response and the state it left, unless it ended.
pub(crate) enum ClientTurn<S> {
    Respond(Secret, S),
    Ask(GssQuestion, S),
    Failed(ClientFailure),
}

impl<S> ClientTurn<S> {
    fn map<T>(self, wrap: impl FnOnce(S) -> T) -> ClientTurn<T> {
        match self {
            Self::Respond(response, state) => ClientTurn::Respond(response, wrap(state)),
            Self::Ask(question, state) => ClientTurn::Ask(question, wrap(state)),
            Self::Failed(failure) => ClientTurn::Failed(failure),
        }
    }
}

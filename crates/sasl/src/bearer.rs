//! OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's older form of it): the client shows a token, the directory knows whose it is.
//!
//! ```text
//! OAUTHBEARER  n,a=ada,^Ahost=mail.example^Aport=587^Aauth=Bearer <token>^A^A
//! XOAUTH2      user=ada^Aauth=Bearer <token>^A^A
//! ```
//!
//! A bad token is refused in two steps, see [`oauth`]. A client that means another host or port is refused at
//! once, and its token is not looked at: it was lured here.

use crate::exchange::client::{ClientContext, ClientFailure, ClientTurn, Login, Proof};
use crate::exchange::server::{
    Answer, Failure, OauthHelp, ServerContext, ServerQuestion, TokenCheck, TokenFault, Turn, client_name,
};
use crate::oauth::{self, Dialect, Here, Pairs};
use crate::{Identity, Secret, gs2, limits};

/// Named after what is awaited.
pub(crate) enum Server {
    Message(Setup),
    Check {
        setup: Setup,
        /// Whom the client says it is.
        named: Option<String>,
    },
    /// The client was told; it acknowledges, and is refused.
    Refused(TokenFault),
}

pub(crate) struct Setup {
    dialect: Dialect,
    here: Here,
    help: OauthHelp,
}

impl Server {
    pub(crate) fn oauthbearer(context: ServerContext) -> Self {
        Self::new(Dialect::Standard, context)
    }

    pub(crate) fn xoauth2(context: ServerContext) -> Self {
        Self::new(Dialect::Google, context)
    }

    fn new(dialect: Dialect, context: ServerContext) -> Self {
        Self::Message(Setup { dialect, here: Here::new(&context), help: context.oauth_help })
    }

    pub(crate) fn open(self, initial: Option<&[u8]>) -> Turn<Self> {
        match initial {
            Some(message) => self.receive(message),
            None => Turn::Challenge(Vec::new(), self),
        }
    }

    pub(crate) fn receive(self, message: &[u8]) -> Turn<Self> {
        match self {
            Self::Message(setup) => match setup.read(message) {
                Ok((named, Some(token))) => {
                    let user = named.clone();
                    Turn::Ask(ServerQuestion::CheckToken { user, token }, Self::Check { setup, named })
                }
                // RFC 7628 section 4.3: a client without a token asks where to get one.
                Ok((_, None)) => setup.refuse(TokenFault::Invalid),
                Err(failure) => Turn::Failed(failure),
            },
            // Whatever is said here: clients of XOAUTH2 do not agree on it, and it ends the same.
            Self::Refused(fault) => Turn::Failed(Failure::TokenRefused(fault)),
            Self::Check { .. } => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn answer(self, answer: Answer) -> Turn<Self> {
        let Self::Check { setup, named } = self else { return Turn::Failed(Failure::Misused) };
        let Answer::Token(check) = answer else { return answer.misfit() };
        match check {
            TokenCheck::Right { user } => Turn::Succeeded(Identity::of_owner(user, named)),
            TokenCheck::Refused(fault) => setup.refuse(fault),
            TokenCheck::Unavailable => Turn::Failed(Failure::Unavailable),
        }
    }

    /// See [`ServerExchange::refused`](crate::ServerExchange::refused).
    pub(crate) fn refused(&self) -> Option<Failure> {
        match self {
            Self::Refused(fault) => Some(Failure::TokenRefused(*fault)),
            Self::Message(_) | Self::Check { .. } => None,
        }
    }
}

impl Setup {
    fn refuse(self, fault: TokenFault) -> Turn<Server> {
        Turn::Challenge(self.dialect.refusal(fault, &self.help), Server::Refused(fault))
    }

    /// Whom the client says it is, and its token.
    fn read(&self, message: &[u8]) -> Result<(Option<String>, Option<Secret>), Failure> {
        let (named, pairs) = match self.dialect {
            Dialect::Standard => oauth::read(message).ok_or(Failure::Malformed)?,
            Dialect::Google => {
                let text = std::str::from_utf8(message).ok();
                let pairs = text.and_then(Pairs::read).ok_or(Failure::Malformed)?;
                (Some(pairs.get("user").ok_or(Failure::Malformed)?.to_owned()), pairs)
            }
        };
        let token = match pairs.get("auth").ok_or(Failure::Malformed)? {
            "" => None,
            credentials => Some(token(credentials).ok_or(Failure::Malformed)?),
        };
        self.here.check(&pairs)?;
        Ok((named.map(|name| client_name(name.as_bytes())).transpose()?, token))
    }
}

/// The token of `Bearer` credentials (RFC 6750 section 2.1).
fn token(credentials: &str) -> Option<Secret> {
    let (scheme, token) = credentials.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    (scheme.eq_ignore_ascii_case("Bearer") && is_token(token.as_bytes())).then(|| Secret::new(token))
}

/// `b64token` of RFC 6750 section 2.1, within [`limits::TOKEN_OCTETS_MOST`].
fn is_token(token: &[u8]) -> bool {
    let end = token.iter().rposition(|octet| *octet != b'=').map_or(0, |last| last + 1);
    let (word, _) = token.split_at(end);
    let is_letter = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(octet);
    !word.is_empty() && word.iter().all(is_letter) && token.len() <= limits::TOKEN_OCTETS_MOST
}

/// Named after what is awaited, or done.
pub(crate) enum Client {
    Opening(Dialect, Secret),
    Said(Dialect),
    /// The server has told us, and we have acknowledged it.
    Refused(TokenFault),
}

impl Client {
    pub(crate) fn oauthbearer(context: ClientContext) -> Result<Self, ClientFailure> {
        let ClientContext { login, host, port, .. } = context;
        let name = gs2::escape(named(&login)?);
        Self::new(Dialect::Standard, &format!("n,a={name},\x01host={host}\x01port={port}"), &login)
    }

    pub(crate) fn xoauth2(context: ClientContext) -> Result<Self, ClientFailure> {
        let name = named(&context.login)?;
        Self::new(Dialect::Google, &format!("user={name}"), &context.login)
    }

    fn new(dialect: Dialect, before: &str, login: &Login) -> Result<Self, ClientFailure> {
        let Proof::Token(token) = login.proof() else { return Err(ClientFailure::NoCredential) };
        if !is_token(token.expose()) {
            return Err(ClientFailure::Unsupported);
        }
        let pieces = [before.as_bytes(), b"\x01auth=Bearer ", token.expose(), b"\x01\x01"];
        Ok(Self::Opening(dialect, Secret::joined(&pieces)))
    }

    /// The first message.
    pub(crate) fn open(self) -> (Secret, Self) {
        match self {
            Self::Opening(dialect, message) => (message, Self::Said(dialect)),
            Self::Said(_) | Self::Refused(_) => (Secret::new(""), self),
        }
    }

    pub(crate) fn receive(self, challenge: &[u8]) -> ClientTurn<Self> {
        match self {
            Self::Opening(..) => ClientTurn::Failed(ClientFailure::Unexpected),
            Self::Said(dialect) => {
                let fault = oauth::fault(challenge);
                ClientTurn::Respond(Secret::new(dialect.acknowledgement()), Self::Refused(fault))
            }
            Self::Refused(fault) => ClientTurn::Failed(ClientFailure::TokenRefused(fault)),
        }
    }

    pub(crate) fn succeeded(&self) -> Result<(), ClientFailure> {
        match self {
            Self::Opening(..) => Err(ClientFailure::Premature),
            Self::Said(_) => Ok(()),
            Self::Refused(fault) => Err(ClientFailure::TokenRefused(*fault)),
        }
    }

    /// What the server said about our token, if it refused it.
    pub(crate) fn refused(&self) -> Option<TokenFault> {
        match self {
            Self::Refused(fault) => Some(*fault),
            Self::Opening(..) | Self::Said(_) => None,
        }
    }
}

/// Whom to act as: there is room for one name only, and the token says whose it is.
fn named(login: &Login) -> Result<&str, ClientFailure> {
    let name = login.authorization().unwrap_or(login.username());
    if oauth::can_be_said(name) { Ok(name) } else { Err(ClientFailure::Unsupported) }
}

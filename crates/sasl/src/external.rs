//! EXTERNAL (RFC 4422 appendix A): the client's certificate, which TLS has checked, is the proof; the one message names whom
//! to act as, and may be empty.
//!
//! An empty message that came along with the command is not the same as none: SMTP writes it `=`. Where none came, an empty
//! challenge asks for it.

use crate::exchange::client::{ClientContext, ClientFailure, ClientTurn};
use crate::exchange::server::{Answer, Failure, Lookup, ServerQuestion, Turn, client_name};
use crate::{Identity, Secret};

/// Named after what is awaited.
#[derive(Default)]
pub(crate) enum Server {
    #[default]
    Message,
    /// Whose certificate it is; the client says that it is this user.
    Certificate(Option<String>),
}

impl Server {
    pub(crate) fn open(self, initial: Option<&[u8]>) -> Turn<Self> {
        match initial {
            Some(message) => self.receive(message),
            None => Turn::Challenge(Vec::new(), self),
        }
    }

    pub(crate) fn receive(self, message: &[u8]) -> Turn<Self> {
        match self {
            Self::Message => {
                let named = if message.is_empty() { Ok(None) } else { client_name(message).map(Some) };
                match named {
                    Ok(user) => Turn::Ask(
                        ServerQuestion::ClientCertificate { user: user.clone() },
                        Self::Certificate(user),
                    ),
                    Err(failure) => Turn::Failed(failure),
                }
            }
            Self::Certificate(_) => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn answer(self, answer: Answer) -> Turn<Self> {
        let Self::Certificate(named) = self else { return Turn::Failed(Failure::Misused) };
        let Answer::User(found) = answer else { return answer.misfit() };
        match found {
            Lookup::Found(user) => Turn::Succeeded(Identity::of_owner(user, named)),
            Lookup::Missing => Turn::Failed(Failure::NoCertificate),
            Lookup::Unavailable => Turn::Failed(Failure::Unavailable),
        }
    }
}

/// Named after what is to be said, or done.
pub(crate) enum Client {
    Opening(Secret),
    Said,
}

impl Client {
    pub(crate) fn new(context: &ClientContext) -> Self {
        let login = &context.login;
        Self::Opening(Secret::new(login.authorization().unwrap_or(login.username())))
    }

    /// The first message.
    pub(crate) fn open(self) -> (Secret, Self) {
        match self {
            Self::Opening(message) => (message, Self::Said),
            Self::Said => (Secret::new(""), self),
        }
    }

    pub(crate) fn receive(self, _challenge: &[u8]) -> ClientTurn<Self> {
        ClientTurn::Failed(ClientFailure::Unexpected)
    }

    pub(crate) fn succeeded(&self) -> Result<(), ClientFailure> {
        match self {
            Self::Opening(_) => Err(ClientFailure::Premature),
            Self::Said => Ok(()),
        }
    }
}

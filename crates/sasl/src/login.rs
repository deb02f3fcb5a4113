//! LOGIN (draft-murchison-sasl-login, expired): the server prompts for the user name, then for the password.
//!
//! The prompts are `Username:` and `Password:` to the letter, because clients exist that compare them. As a client,
//! any text will do: servers exist that prompt otherwise, even empty.

use crate::exchange::client::{ClientFailure, ClientTurn, Login};
use crate::exchange::server::{Answer, Failure, ServerQuestion, Turn, client_name, client_password};
use crate::{Identity, Secret};

const USERNAME: &[u8] = b"Username:";
const PASSWORD: &[u8] = b"Password:";

/// Named after what is awaited.
#[derive(Default)]
pub(crate) enum Server {
    #[default]
    Username,
    Password(Identity),
    Check(Identity),
}

impl Server {
    /// Many clients send the user name as an initial response, though the draft has the server speak first.
    pub(crate) fn open(self, initial: Option<&[u8]>) -> Turn<Self> {
        match initial {
            Some(username) => self.receive(username),
            None => Turn::Challenge(USERNAME.to_vec(), self),
        }
    }

    pub(crate) fn receive(self, octets: &[u8]) -> Turn<Self> {
        match self {
            Self::Username => match client_name(octets) {
                Ok(user) => Turn::Challenge(PASSWORD.to_vec(), Self::Password(Identity::new(user, None))),
                Err(failure) => Turn::Failed(failure),
            },
            Self::Password(identity) => match client_password(octets) {
                Ok(password) => {
                    let user = identity.authentication_id().to_owned();
                    Turn::Ask(ServerQuestion::CheckPassword { user, password }, Self::Check(identity))
                }
                Err(failure) => Turn::Failed(failure),
            },
            Self::Check(_) => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn answer(self, answer: Answer) -> Turn<Self> {
        match self {
            Self::Username | Self::Password(_) => Turn::Failed(Failure::Misused),
            Self::Check(identity) => Turn::of_password_check(&answer, identity),
        }
    }
}

/// Named after what is awaited, or done.
pub(crate) enum Client {
    Username(Login),
    Password(Login),
    Said,
}

impl Client {
    pub(crate) fn new(login: Login) -> Result<Self, ClientFailure> {
        if login.authorization().is_some() {
            return Err(ClientFailure::CannotActForAnother);
        }
        Ok(Self::Username(login))
    }

    pub(crate) fn receive(self) -> ClientTurn<Self> {
        match self {
            Self::Username(login) => {
                ClientTurn::Respond(Secret::new(login.username()), Self::Password(login))
            }
            Self::Password(login) => ClientTurn::Respond(login.password().clone(), Self::Said),
            Self::Said => ClientTurn::Failed(ClientFailure::Unexpected),
        }
    }

    pub(crate) fn succeeded(&self) -> Result<(), ClientFailure> {
        match self {
            Self::Username(_) | Self::Password(_) => Err(ClientFailure::Premature),
            Self::Said => Ok(()),
        }
    }
}

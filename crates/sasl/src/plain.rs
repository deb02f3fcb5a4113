//! PLAIN (RFC 4616): one message of authorization identity, user name and password, separated by NUL.

use crate::exchange::client::Login;
use crate::exchange::server::{Answer, Failure, ServerQuestion, Turn, client_name, client_password};
use crate::{Identity, Secret};

/// Named after what is awaited.
#[derive(Default)]
pub(crate) enum Server {
    #[default]
    Message,
    Check(Identity),
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
            Self::Message => match read(message) {
                Ok((identity, password)) => {
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
            Self::Message => Turn::Failed(Failure::Misused),
            Self::Check(identity) => Turn::of_password_check(&answer, identity),
        }
    }
}

fn read(message: &[u8]) -> Result<(Identity, Secret), Failure> {
    let mut parts = message.splitn(3, |octet| *octet == 0);
    let (Some(authorization), Some(authentication), Some(password)) =
        (parts.next(), parts.next(), parts.next())
    else {
        return Err(Failure::Malformed);
    };
    let authorization = if authorization.is_empty() { None } else { Some(client_name(authorization)?) };
    // A fourth part would be a NUL in the password, which is refused there.
    Ok((Identity::new(client_name(authentication)?, authorization), client_password(password)?))
}

/// The client's one message. Names and password go as the operator wrote them: preparing is the server's part.
pub(crate) fn response(login: &Login) -> Secret {
    let authorization = login.authorization().unwrap_or_default();
    Secret::joined(&[
        authorization.as_bytes(),
        b"\0",
        login.username().as_bytes(),
        b"\0",
        login.password().expose(),
    ])
}

//! CRAM-MD5 (RFC 2195): the server sends a challenge, the client its user name and an HMAC-MD5 of the challenge.
//!
//! It keeps the password off the wire, at the price that the server must hold it, and that whoever sees an exchange can
//! try passwords quickly. The server proves nothing.

use md5::Md5;

use crate::exchange::client::{ClientFailure, ClientTurn, Login};
use crate::exchange::server::{Answer, Failure, Lookup, ServerContext, ServerQuestion, Turn, client_name};
use crate::hash::{hex, hmac};
use crate::{Identity, Secret};

/// An MD5 digest in hexadecimal digits.
const DIGEST_DIGITS: usize = 32;

/// Named after what is awaited.
pub(crate) enum Server {
    Opening(Challenge),
    Response(Challenge),
    Secret { challenge: Challenge, identity: Identity, digest: Vec<u8> },
}

pub(crate) struct Challenge(Vec<u8>);

impl Server {
    pub(crate) fn new(context: &ServerContext) -> Self {
        let challenge = format!("<{}.{}@{}>", context.nonce.as_str(), context.time, context.host);
        Self::Opening(Challenge(challenge.into_bytes()))
    }

    pub(crate) fn open(self, initial: Option<&[u8]>) -> Turn<Self> {
        match (self, initial) {
            (Self::Opening(challenge), None) => {
                Turn::Challenge(challenge.0.clone(), Self::Response(challenge))
            }
            // RFC 4954 section 4: no initial response where the server speaks first.
            (Self::Opening(_), Some(_)) => Turn::Failed(Failure::Malformed),
            (Self::Response(_) | Self::Secret { .. }, _) => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn receive(self, response: &[u8]) -> Turn<Self> {
        match self {
            Self::Response(challenge) => match read(response) {
                Ok((user, digest)) => {
                    let identity = Identity::new(user.clone(), None);
                    Turn::Ask(
                        ServerQuestion::CramSecret { user },
                        Self::Secret { challenge, identity, digest },
                    )
                }
                Err(failure) => Turn::Failed(failure),
            },
            Self::Opening(_) | Self::Secret { .. } => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn answer(self, answer: Answer) -> Turn<Self> {
        let Self::Secret { challenge, identity, digest } = self else {
            return Turn::Failed(Failure::Misused);
        };
        let Answer::Cram(found) = answer else { return answer.misfit() };
        match found {
            Lookup::Found(secret) => {
                if secret.proof(&challenge.0).matches(&digest) {
                    Turn::Succeeded(identity)
                } else {
                    Turn::Failed(Failure::Rejected)
                }
            }
            Lookup::Missing => {
                // Computed and compared all the same: an unknown user must cost the same time.
                let _ = std::hint::black_box(proof(&Secret::new(""), &challenge.0).matches(&digest));
                Turn::Failed(Failure::Rejected)
            }
            Lookup::Unavailable => Turn::Failed(Failure::Unavailable),
        }
    }
}

/// User name and digest of a response. The name may hold spaces, so the digest is what follows the last one.
fn read(response: &[u8]) -> Result<(String, Vec<u8>), Failure> {
    let space = response.iter().rposition(|octet| *octet == b' ').ok_or(Failure::Malformed)?;
    let (user, digest) = response.split_at(space);
    let digest = from_hex(digest.get(1..).unwrap_or_default()).ok_or(Failure::Malformed)?;
    Ok((client_name(user)?, digest))
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    if digits.len() != DIGEST_DIGITS {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| {
            pair.iter().try_fold(0_u8, |octet, digit| {
                let nibble = char::from(*digit).to_digit(16)?;
                Some((octet << 4) | u8::try_from(nibble).ok()?)
            })
        })
        .collect()
}

fn proof(password: &Secret, challenge: &[u8]) -> Secret {
    hmac::<Md5>(password.expose(), &[challenge])
}

/// Named after what is awaited, or done.
pub(crate) enum Client {
    Challenge(Login),
    Said,
}

impl Client {
    pub(crate) fn new(login: Login) -> Result<Self, ClientFailure> {
        if login.authorization().is_some() {
            return Err(ClientFailure::CannotActForAnother);
        }
        Ok(Self::Challenge(login))
    }

    pub(crate) fn receive(self, challenge: &[u8]) -> ClientTurn<Self> {
        match self {
            Self::Challenge(login) => {
                let digits = hex(&proof(&login.password(), challenge));
                let response = Secret::joined(&[login.username().as_bytes(), b" ", digits.expose()]);
                ClientTurn::Respond(response, Self::Said)
            }
            Self::Said => ClientTurn::Failed(ClientFailure::Unexpected),
        }
    }

    pub(crate) fn succeeded(&self) -> Result<(), ClientFailure> {
        match self {
            Self::Challenge(_) => Err(ClientFailure::Premature),
            Self::Said => Ok(()),
        }
    }
}

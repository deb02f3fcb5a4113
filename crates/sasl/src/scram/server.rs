//! SCRAM as a server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::AuthMessage;
use super::message::{ClientFinal, ClientFirst, Flag, ServerFirst};
use crate::exchange::server::{Answer, Failure, Lookup, ServerContext, ServerQuestion, Turn, client_name};
use crate::mechanism::Tie;
use crate::{BindingKind, Identity, PlusOffer, ScramHash, ScramVerifier, Secret};

/// Named after what is awaited.
pub(crate) enum Server {
    First(Setup),
    Verifier(First),
    Final(Final),
    /// The server's proof is out; the client's empty response says that it believed it.
    Acknowledgement(Identity),
}

pub(crate) struct Setup {
    hash: ScramHash,
    tie: Tie,
    context: ServerContext,
}

/// What the client's first message leaves behind.
pub(crate) struct First {
    hash: ScramHash,
    identity: Identity,
    /// The client's nonce and ours.
    nonce: String,
    bare: String,
    /// What the client must repeat as `c=`.
    binding: Secret,
}

/// What the final message is checked against.
pub(crate) struct Final {
    first: First,
    server_first: String,
    verifier: ScramVerifier,
}

impl Server {
    pub(crate) fn new(hash: ScramHash, tie: Tie, context: ServerContext) -> Self {
        Self::First(Setup { hash, tie, context })
    }

    pub(crate) fn open(self, initial: Option<&[u8]>) -> Turn<Self> {
        match initial {
            Some(message) => self.receive(message),
            None => Turn::Challenge(Vec::new(), self),
        }
    }

    pub(crate) fn receive(self, message: &[u8]) -> Turn<Self> {
        match self {
            Self::First(setup) => match setup.first(message) {
                Ok(first) => {
                    let user = first.identity.authentication_id().to_owned();
                    Turn::Ask(ServerQuestion::ScramVerifier { user, hash: first.hash }, Self::Verifier(first))
                }
                Err(failure) => Turn::Failed(failure),
            },
            Self::Final(expected) => match expected.check(message) {
                Ok(signature) => Turn::Challenge(
                    format!("v={}", STANDARD.encode(signature.expose())).into_bytes(),
                    Self::Acknowledgement(expected.first.identity),
                ),
                Err(failure) => Turn::Failed(failure),
            },
            Self::Acknowledgement(identity) if message.is_empty() => Turn::Succeeded(identity),
            Self::Acknowledgement(_) => Turn::Failed(Failure::Malformed),
            Self::Verifier(_) => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn answer(self, answer: Answer) -> Turn<Self> {
        let Self::Verifier(first) = self else { return Turn::Failed(Failure::Misused) };
        let Answer::Scram(found) = answer else { return answer.misfit() };
        match found {
            Lookup::Found(verifier) if verifier.hash() == first.hash => {
                let server_first = ServerFirst::write(&first.nonce, verifier.salt(), verifier.iterations());
                let challenge = server_first.clone().into_bytes();
                Turn::Challenge(challenge, Self::Final(Final { first, server_first, verifier }))
            }
            // A verifier of another hash than was asked for is an answer to another question.
            Lookup::Found(_) => Turn::Failed(Failure::Misused),
            Lookup::Missing => Turn::Failed(Failure::Rejected),
            Lookup::Unavailable => Turn::Failed(Failure::Unavailable),
        }
    }
}

impl Setup {
    fn first(self, message: &[u8]) -> Result<First, Failure> {
        let first = ClientFirst::read(message).ok_or(Failure::Malformed)?;
        let data = self.binding_data(first.flag)?;
        let user = client_name(first.user.as_bytes())?;
        let authorization = first.authorization.map(|name| client_name(name.as_bytes())).transpose()?;
        Ok(First {
            hash: self.hash,
            identity: Identity::new(user, authorization),
            nonce: format!("{}{}", first.nonce, self.context.nonce.as_str()),
            bare: first.bare.to_owned(),
            binding: Secret::joined(&[first.header.as_bytes(), data]),
        })
    }

    /// The octets that `c=` must end with, if the client's flag is right for this mechanism and channel.
    fn binding_data(&self, flag: Flag<'_>) -> Result<&[u8], Failure> {
        match (self.tie, flag, self.context.plus) {
            (Tie::Bound, Flag::Bound(name), _) => {
                let kind = BindingKind::from_name(name);
                let binding = self.context.bindings.iter().find(|binding| Some(binding.kind()) == kind);
                Ok(binding.ok_or(Failure::ChannelBindingUnsupported)?.data())
            }
            (Tie::Unbound, Flag::Unable, _)
            | (Tie::Unbound, Flag::ThinksServerUnable, PlusOffer::NotOffered) => Ok(&[]),
            // RFC 5802 section 6: whoever says this did not get our list as we sent it.
            (Tie::Unbound, Flag::ThinksServerUnable, PlusOffer::Offered) => {
                Err(Failure::PlusNotUsedThoughOffered)
            }
            (Tie::Bound, Flag::Unable | Flag::ThinksServerUnable, _) | (Tie::Unbound, Flag::Bound(_), _) => {
                Err(Failure::Malformed)
            }
        }
    }
}

impl Final {
    /// The server's proof, once the client's has held.
    fn check(&self, message: &[u8]) -> Result<Secret, Failure> {
        let message = ClientFinal::read(message).ok_or(Failure::Malformed)?;
        if message.nonce != self.first.nonce {
            return Err(Failure::Rejected);
        }
        if !self.first.binding.matches(&message.binding) {
            return Err(Failure::ChannelBindingMismatch);
        }
        let hash = self.first.hash;
        let said = AuthMessage::new(&self.first.bare, &self.server_first, message.without_proof);
        if !said.is_proved_by(&Secret::new(message.proof), hash, self.verifier.stored_key()) {
            return Err(Failure::Rejected);
        }
        Ok(said.server_signature(hash, self.verifier.server_key()))
    }
}

#[cfg(test)]
mod tests {
    use super::{AuthMessage, ClientFinal, Failure, Final, First, STANDARD, ScramVerifier, ServerFirst};
    use crate::verifier::Keys;
    use crate::{Identity, ScramHash, Secret, limits};
    use base64::Engine as _;

    /// A client that knows the password can prove any final message, so the nonce must be looked at by itself.
    #[test]
    fn a_proof_over_another_nonce_is_refused() {
        let (hash, password) = (ScramHash::Sha256, Secret::new("pencil"));
        let verifier = ScramVerifier::derive(hash, &password, b"salt", limits::ITERATIONS_LEAST).unwrap();
        let expected = Final {
            server_first: ServerFirst::write("ab", b"salt", limits::ITERATIONS_LEAST),
            first: First {
                hash,
                identity: Identity::new("ada".to_owned(), None),
                nonce: "ab".to_owned(),
                bare: "n=ada,r=a".to_owned(),
                binding: Secret::new("n,,"),
            },
            verifier,
        };
        let keys = Keys::derive(hash, &password, b"salt", limits::ITERATIONS_LEAST);
        let check = |nonce| {
            let without_proof = ClientFinal::write_without_proof(b"n,,", nonce);
            let said = AuthMessage::new(&expected.first.bare, &expected.server_first, &without_proof);
            let proof = STANDARD.encode(said.client_proof(hash, &keys).expose());
            expected.check(format!("{without_proof},p={proof}").as_bytes()).map(|_| ())
        };
        assert_eq!(check("ab"), Ok(()));
        for other in ["a", "b", "abc", "aB"] {
            assert_eq!(check(other), Err(Failure::Rejected), "{other}");
        }
    }
}

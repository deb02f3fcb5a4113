//! SCRAM as a client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::AuthMessage;
use super::message::{ClientFinal, ServerFinal, ServerFirst};
use crate::exchange::client::{ClientContext, ClientFailure, ClientTurn, Login};
use crate::gs2::escape;
use crate::mechanism::Tie;
use crate::verifier::Keys;
use crate::{PlusOffer, ScramHash, Secret, limits, prepare};

/// Before the first message.
pub(crate) struct Opening {
    hash: ScramHash,
    login: Login,
    nonce: String,
    header: String,
    data: Vec<u8>,
}

/// Named after what is awaited, or done.
pub(crate) enum Client {
    First(First),
    Final {
        hash: ScramHash,
        signature: Secret,
    },
    /// The server has proved itself.
    Proved,
}

/// What our first message leaves behind.
pub(crate) struct First {
    hash: ScramHash,
    password: Secret,
    nonce: String,
    bare: String,
    /// What we repeat as `c=`.
    binding: Secret,
}

impl Opening {
    pub(crate) fn new(hash: ScramHash, tie: Tie, context: ClientContext) -> Result<Self, ClientFailure> {
        let ClientContext { login, nonce, bindings, plus, .. } = context;
        let best = bindings.into_iter().max_by_key(crate::ChannelBinding::kind);
        let (flag, data) = match (tie, best, plus) {
            (Tie::Bound, Some(best), _) => (format!("p={}", best.kind().name()), best.data().to_vec()),
            (Tie::Bound, None, _) => return Err(ClientFailure::NoChannelBinding),
            // Could have, but was not offered: if it was, the server now learns that the list was changed.
            (Tie::Unbound, Some(_), PlusOffer::NotOffered) => ("y".to_owned(), Vec::new()),
            (Tie::Unbound, Some(_), PlusOffer::Offered) | (Tie::Unbound, None, _) => {
                ("n".to_owned(), Vec::new())
            }
        };
        let authorization = login.authorization().map(|name| format!("a={}", escape(&prepared(name))));
        let header = format!("{flag},{},", authorization.unwrap_or_default());
        Ok(Self { hash, login, nonce: nonce.as_str().to_owned(), header, data })
    }

    /// The first message.
    pub(crate) fn open(self) -> (Secret, Client) {
        let bare = format!("n={},r={}", escape(&prepared(self.login.username())), self.nonce);
        let message = Secret::joined(&[self.header.as_bytes(), bare.as_bytes()]);
        let first = First {
            hash: self.hash,
            password: self.login.password(),
            nonce: self.nonce,
            bare,
            binding: Secret::joined(&[self.header.as_bytes(), &self.data]),
        };
        (message, Client::First(first))
    }
}

/// A name as RFC 5802 section 5.1 wants it, or as it is where that is not defined: the server decides then.
fn prepared(name: &str) -> String {
    prepare::name(name.as_bytes()).unwrap_or_else(|_| name.to_owned())
}

impl Client {
    pub(crate) fn receive(self, challenge: &[u8]) -> ClientTurn<Self> {
        match self {
            Self::First(first) => match first.prove(challenge) {
                Ok((message, signature)) => {
                    ClientTurn::Respond(message, Self::Final { hash: first.hash, signature })
                }
                Err(failure) => ClientTurn::Failed(failure),
            },
            Self::Final { hash, signature } => match verify(hash, &signature, challenge) {
                Ok(()) => ClientTurn::Respond(Secret::new(""), Self::Proved),
                Err(failure) => ClientTurn::Failed(failure),
            },
            Self::Proved => ClientTurn::Failed(ClientFailure::Unexpected),
        }
    }

    pub(crate) fn succeeded(&self) -> Result<(), ClientFailure> {
        match self {
            Self::First(_) | Self::Final { .. } => Err(ClientFailure::ServerNotProved),
            Self::Proved => Ok(()),
        }
    }
}

impl First {
    /// Our final message, and the server's proof as it must be.
    fn prove(&self, challenge: &[u8]) -> Result<(Secret, Secret), ClientFailure> {
        let server = ServerFirst::read(challenge).ok_or(ClientFailure::Malformed)?;
        let theirs = server.nonce.strip_prefix(self.nonce.as_str()).ok_or(ClientFailure::NonceNotOurs)?;
        if theirs.is_empty() {
            return Err(ClientFailure::NonceNotOurs);
        }
        if !(limits::ITERATIONS_LEAST..=limits::ITERATIONS_MOST).contains(&server.iterations) {
            return Err(ClientFailure::Iterations(server.iterations));
        }
        let without_proof = ClientFinal::write_without_proof(self.binding.expose(), server.nonce);
        let said = AuthMessage::new(&self.bare, server.text, &without_proof);
        let keys = Keys::derive(self.hash, &self.password, &server.salt, server.iterations);
        let proof = STANDARD.encode(said.client_proof(self.hash, &keys).expose());
        let message = Secret::joined(&[without_proof.as_bytes(), b",p=", proof.as_bytes()]);
        Ok((message, said.server_signature(self.hash, &keys.server_key)))
    }
}

fn verify(hash: ScramHash, signature: &Secret, challenge: &[u8]) -> Result<(), ClientFailure> {
    match ServerFinal::read(challenge).ok_or(ClientFailure::Malformed)? {
        ServerFinal::Verifier(theirs) if theirs.len() != hash.octets() => Err(ClientFailure::Malformed),
        ServerFinal::Verifier(theirs) if signature.matches(&theirs) => Ok(()),
        ServerFinal::Verifier(_) => Err(ClientFailure::ServerNotProved),
        ServerFinal::Error => Err(ClientFailure::ServerError),
    }
}

//! DIGEST-MD5 as a client.

use super::{COUNT, SERVICE, Said};
use crate::directives::{Directives, quoted};
use crate::exchange::client::{ClientContext, ClientFailure, ClientTurn, Login};
use crate::{DigestSecret, Secret, latin, limits};

/// Named after what is awaited, or done.
pub(crate) enum Client {
    Challenge(Setup),
    /// The server's proof, which must be this.
    Proof(Secret),
    /// The server has proved itself.
    Proved,
}

pub(crate) struct Setup {
    login: Login,
    cnonce: String,
    uri: String,
}

impl Client {
    pub(crate) fn new(context: ClientContext) -> Self {
        Self::of_service(SERVICE, context)
    }

    /// A client of another protocol: the RFC's example is of IMAP.
    pub(super) fn of_service(service: &str, context: ClientContext) -> Self {
        let ClientContext { login, nonce, host, .. } = context;
        let uri = format!("{service}/{host}");
        Self::Challenge(Setup { login, cnonce: nonce.as_str().to_owned(), uri })
    }

    pub(crate) fn receive(self, challenge: &[u8]) -> ClientTurn<Self> {
        match self {
            Self::Challenge(setup) => match setup.prove(challenge) {
                Ok((response, proof)) => ClientTurn::Respond(response, Self::Proof(proof)),
                Err(failure) => ClientTurn::Failed(failure),
            },
            Self::Proof(proof) => match verify(&proof, challenge) {
                Ok(()) => ClientTurn::Respond(Secret::new(""), Self::Proved),
                Err(failure) => ClientTurn::Failed(failure),
            },
            Self::Proved => ClientTurn::Failed(ClientFailure::Unexpected),
        }
    }

    pub(crate) fn succeeded(&self) -> Result<(), ClientFailure> {
        match self {
            Self::Challenge(_) | Self::Proof(_) => Err(ClientFailure::ServerNotProved),
            Self::Proved => Ok(()),
        }
    }
}

/// `digest-challenge` (RFC 2831 section 2.1.1).
struct Challenge {
    /// The first that was offered; none asks for the empty one.
    realm: Option<Vec<u8>>,
    nonce: String,
    charset: Charset,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    LatinOne,
}

impl Challenge {
    fn read(octets: &[u8]) -> Result<Self, ClientFailure> {
        if octets.len() > limits::DIGEST_CHALLENGE_OCTETS_MOST {
            return Err(ClientFailure::Malformed);
        }
        let list = Directives::read(octets).ok_or(ClientFailure::Malformed)?;
        let optional = |name| list.optional(name).map_err(|_| ClientFailure::Malformed);
        let nonce = list.once("nonce").and_then(|nonce| std::str::from_utf8(nonce).ok());
        let nonce = nonce.filter(|nonce| !nonce.is_empty()).ok_or(ClientFailure::Malformed)?;
        let algorithm = list.once("algorithm").ok_or(ClientFailure::Malformed)?;
        let qop = optional("qop")?.unwrap_or(b"auth");
        let takes_auth = qop.split(|octet| *octet == b',').any(|one| {
            // The list within the quotes may hold spaces of its own.
            one.trim_ascii().eq_ignore_ascii_case(b"auth")
        });
        if !takes_auth || !algorithm.eq_ignore_ascii_case(b"md5-sess") {
            return Err(ClientFailure::Unsupported);
        }
        let charset = match optional("charset")? {
            None => Charset::LatinOne,
            Some(charset) if charset.eq_ignore_ascii_case(b"utf-8") => Charset::Utf8,
            Some(_) => return Err(ClientFailure::Malformed),
        };
        let realm = list.all("realm").next().map(<[u8]>::to_vec);
        Ok(Self { realm, nonce: nonce.to_owned(), charset })
    }

    /// The realm, as text.
    fn realm(&self) -> Result<Option<String>, ClientFailure> {
        let Some(realm) = &self.realm else { return Ok(None) };
        match self.charset {
            Charset::LatinOne => Ok(Some(latin::decode(realm))),
            Charset::Utf8 => String::from_utf8(realm.clone()).map(Some).map_err(|_| ClientFailure::Malformed),
        }
    }
}

impl Setup {
    /// Our response, and the server's proof as it must be.
    fn prove(&self, octets: &[u8]) -> Result<(Secret, Secret), ClientFailure> {
        let challenge = Challenge::read(octets)?;
        let realm = challenge.realm()?;
        let (user, password) = (self.login.username(), self.login.password());
        let secret = DigestSecret::derive(user, realm.as_deref().unwrap_or_default(), &password);
        let said = Said {
            nonce: challenge.nonce.as_bytes(),
            cnonce: self.cnonce.as_bytes(),
            uri: self.uri.as_bytes(),
            authorization: self.login.authorization().map(str::as_bytes),
        };
        let mut directives = Vec::new();
        if challenge.charset == Charset::Utf8 {
            directives.push("charset=utf-8".to_owned());
        }
        directives.push(format!("username={}", quoted(user)));
        directives.extend(realm.as_deref().map(|realm| format!("realm={}", quoted(realm))));
        directives.push(format!("nonce={},nc={COUNT}", quoted(&challenge.nonce)));
        directives.push(format!("cnonce={},digest-uri={}", quoted(&self.cnonce), quoted(&self.uri)));
        let before = encoded(&(directives.join(",") + ",response="), challenge.charset)?;
        let mut after = ",qop=auth".to_owned();
        if let Some(authorization) = self.login.authorization() {
            after = format!("{after},authzid={}", quoted(authorization));
        }
        let proof = said.client_proof(&secret);
        let response = Secret::joined(&[before.expose(), proof.expose(), after.as_bytes()]);
        Ok((response, said.server_proof(&secret)))
    }
}

/// Our directives in the server's charset. The authorization identity is UTF-8 in either (RFC 2831 section 2.1.2).
fn encoded(text: &str, charset: Charset) -> Result<Secret, ClientFailure> {
    match charset {
        Charset::Utf8 => Ok(Secret::new(text)),
        Charset::LatinOne => latin::encode(text.as_bytes()).ok_or(ClientFailure::Unsupported),
    }
}

fn verify(proof: &Secret, challenge: &[u8]) -> Result<(), ClientFailure> {
    let list = Directives::read(challenge).ok_or(ClientFailure::Malformed)?;
    let theirs = list.once("rspauth").ok_or(ClientFailure::Malformed)?.to_ascii_lowercase();
    if proof.matches(&theirs) { Ok(()) } else { Err(ClientFailure::ServerNotProved) }
}

//! DIGEST-MD5 as a server.

use super::{COUNT, SERVICE, Said};
use crate::directives::{Directives, quoted};
use crate::exchange::server::{Answer, Failure, Lookup, ServerContext, ServerQuestion, Turn, client_name};
use crate::{DigestSecret, Identity, Secret, latin, limits};

/// Named after what is awaited.
pub(crate) enum Server {
    Opening(Setup),
    Response(Setup),
    Secret(Response),
    /// The server's proof is out; the client's empty response says that it believed it.
    Acknowledgement(Identity),
}

pub(crate) struct Setup {
    service: &'static str,
    nonce: String,
    realm: String,
    /// Names that a digest may be meant for.
    hosts: Vec<String>,
}

/// What the client's response leaves behind.
pub(crate) struct Response {
    identity: Identity,
    nonce: Vec<u8>,
    cnonce: Vec<u8>,
    uri: Vec<u8>,
    /// As it came.
    authorization: Option<Vec<u8>>,
    proof: Secret,
}

impl Server {
    pub(crate) fn new(context: ServerContext) -> Self {
        Self::of_service(SERVICE, context)
    }

    /// A server of another protocol: the RFC's example is of IMAP.
    pub(super) fn of_service(service: &'static str, context: ServerContext) -> Self {
        let (hosts, nonce) = (context.names(), context.nonce.as_str().to_owned());
        Self::Opening(Setup { service, nonce, realm: context.realm, hosts })
    }

    pub(crate) fn open(self, initial: Option<&[u8]>) -> Turn<Self> {
        match (self, initial) {
            (Self::Opening(setup), None) => Turn::Challenge(setup.challenge(), Self::Response(setup)),
            // RFC 4954 section 4: no initial response where the server speaks first. (Section 2.2's would be one of
            // reauthentication, which is not offered.)
            (Self::Opening(_), Some(_)) => Turn::Failed(Failure::Malformed),
            (Self::Response(_) | Self::Secret(_) | Self::Acknowledgement(_), _) => {
                Turn::Failed(Failure::Misused)
            }
        }
    }

    pub(crate) fn receive(self, message: &[u8]) -> Turn<Self> {
        match self {
            Self::Response(setup) => match setup.read(message) {
                Ok((user, response)) => {
                    let question = ServerQuestion::DigestSecret { user, realm: setup.realm };
                    Turn::Ask(question, Self::Secret(response))
                }
                Err(failure) => Turn::Failed(failure),
            },
            Self::Acknowledgement(identity) if message.is_empty() => Turn::Succeeded(identity),
            Self::Acknowledgement(_) => Turn::Failed(Failure::Malformed),
            Self::Opening(_) | Self::Secret(_) => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn answer(self, answer: Answer) -> Turn<Self> {
        let Self::Secret(response) = self else { return Turn::Failed(Failure::Misused) };
        let Answer::Digest(found) = answer else { return answer.misfit() };
        match found {
            Lookup::Found(secret) if response.is_proved_by(&secret) => {
                let proof = response.said().server_proof(&secret);
                let challenge = [b"rspauth=".as_slice(), proof.expose()].concat();
                Turn::Challenge(challenge, Self::Acknowledgement(response.identity))
            }
            Lookup::Found(_) => Turn::Failed(Failure::Rejected),
            Lookup::Missing => {
                // Computed and compared all the same: an unknown user must cost the same time.
                let nobody = DigestSecret::derive("", "", &Secret::new(""));
                let _ = std::hint::black_box(response.is_proved_by(&nobody));
                Turn::Failed(Failure::Rejected)
            }
            Lookup::Unavailable => Turn::Failed(Failure::Unavailable),
        }
    }
}

impl Setup {
    fn challenge(&self) -> Vec<u8> {
        let (realm, nonce) = (quoted(&self.realm), quoted(&self.nonce));
        format!("realm={realm},nonce={nonce},qop=\"auth\",algorithm=md5-sess,charset=utf-8").into_bytes()
    }

    /// The user as the client spells it, and the rest.
    ///
    /// Nonce, realm and host are compared before the directory is asked and before the proof is looked at. All three
    /// stand in our challenge or in our greeting, so a refusal tells nobody anything; looked at afterwards, the
    /// difference between a wrong host and a wrong proof would be an oracle for passwords.
    fn read(&self, message: &[u8]) -> Result<(String, Response), Failure> {
        if message.len() > limits::DIGEST_RESPONSE_OCTETS_MOST {
            return Err(Failure::Malformed);
        }
        let list = Directives::read(message).ok_or(Failure::Malformed)?;
        let once = |name| list.once(name).ok_or(Failure::Malformed);
        let optional = |name| list.optional(name).map_err(|_| Failure::Malformed);
        let text = match optional("charset")? {
            Some(charset) if charset.eq_ignore_ascii_case(b"utf-8") => utf8,
            Some(_) => return Err(Failure::Malformed),
            None => latin_one,
        };
        let proof = once("response")?.to_ascii_lowercase();
        let cnonce = once("cnonce")?.to_vec();
        let is_formed = is_hex(&proof, 32) && is_hex(once("nc")?, 8);
        let fits = !cnonce.is_empty() && cnonce.len() <= limits::PEER_NONCE_OCTETS_MOST;
        let is_auth = optional("qop")?.is_none_or(|qop| qop.eq_ignore_ascii_case(b"auth"));
        if !(is_formed && fits && is_auth) {
            return Err(Failure::Malformed);
        }
        if once("nonce")? != self.nonce.as_bytes() || once("nc")? != COUNT.as_bytes() {
            return Err(Failure::Rejected);
        }
        let uri = once("digest-uri")?;
        // RFC 2831 section 2.1.2: a realm that is left out is the empty one.
        let realm = text(optional("realm")?.unwrap_or_default())?;
        if realm != self.realm || !self.is_ours(uri) {
            return Err(Failure::WrongServer);
        }
        let user = text(once("username")?)?;
        // Checked in its prepared form, but asked for as it is: the digest is over that.
        let known = client_name(user.as_bytes())?;
        let authorization = optional("authzid")?;
        // UTF-8 whatever the charset says (section 2.1.2).
        let acting_for = authorization.filter(|name| !name.is_empty()).map(client_name).transpose()?;
        let response = Response {
            identity: Identity::new(known, acting_for),
            nonce: self.nonce.clone().into_bytes(),
            cnonce,
            uri: uri.to_vec(),
            authorization: authorization.map(<[u8]>::to_vec),
            proof: Secret::new(proof),
        };
        Ok((user, response))
    }

    /// Whether a digest-uri is `service/host`, or `service/host/name` with whatever name stands for several hosts.
    fn is_ours(&self, uri: &[u8]) -> bool {
        let mut parts = uri.splitn(3, |octet| *octet == b'/');
        let service = parts.next().is_some_and(|part| part.eq_ignore_ascii_case(self.service.as_bytes()));
        let host = parts.next().unwrap_or_default();
        let is_ours = self.hosts.iter().any(|ours| ours.as_bytes().eq_ignore_ascii_case(host));
        service && is_ours && parts.next().is_none_or(|name| !name.is_empty())
    }
}

fn utf8(octets: &[u8]) -> Result<String, Failure> {
    String::from_utf8(octets.to_vec()).map_err(|_| Failure::Malformed)
}

#[expect(clippy::unnecessary_wraps, reason = "the other charset can fail")]
fn latin_one(octets: &[u8]) -> Result<String, Failure> {
    Ok(latin::decode(octets))
}

fn is_hex(digits: &[u8], length: usize) -> bool {
    digits.len() == length && digits.iter().all(u8::is_ascii_hexdigit)
}

impl Response {
    fn said(&self) -> Said<'_> {
        Said {
            nonce: &self.nonce,
            cnonce: &self.cnonce,
            uri: &self.uri,
            authorization: self.authorization.as_deref(),
        }
    }

    fn is_proved_by(&self, secret: &DigestSecret) -> bool {
        self.said().client_proof(secret) == self.proof
    }
}

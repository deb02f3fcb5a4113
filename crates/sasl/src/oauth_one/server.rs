//! OAUTH10A as a server.

use super::signature::{Method, Scheme, base_string, decode};
use crate::directives::Directives;
use crate::exchange::server::{
    Answer, Failure, Freshness, Lookup, OauthHelp, ServerContext, ServerQuestion, TokenFault, Turn,
    client_name,
};
use crate::oauth::{self, Dialect, Here, Pairs};
use crate::{Identity, OauthOneKeys, Secret, limits, prepare};

/// Named after what is awaited.
pub(crate) enum Server {
    Message(Setup),
    Keys(Setup, Request),
    /// The signature holds; has its nonce been used?
    Nonce(Identity),
    /// The client was told; it acknowledges, and is refused.
    Refused(TokenFault),
}

pub(crate) struct Setup {
    here: Here,
    time: u64,
    help: OauthHelp,
}

/// What a client asks and signs.
pub(crate) struct Request {
    /// Whom the client says it is.
    named: Option<String>,
    /// Which of our names it calls us.
    host: String,
    consumer: String,
    token: String,
    nonce: String,
    timestamp: u64,
    method: Method,
    signature: Secret,
    /// All that is signed, decoded.
    parameters: Vec<(String, String)>,
}

impl Server {
    pub(crate) fn new(context: ServerContext) -> Self {
        Self::Message(Setup { here: Here::new(&context), time: context.time, help: context.oauth_help })
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
                Ok(request) => {
                    let (user, consumer) = (request.named.clone(), request.consumer.clone());
                    let question =
                        ServerQuestion::OauthOneKeys { user, consumer, token: request.token.clone() };
                    Turn::Ask(question, Self::Keys(setup, request))
                }
                Err(failure) => Turn::Failed(failure),
            },
            Self::Refused(fault) => Turn::Failed(Failure::TokenRefused(fault)),
            Self::Keys(..) | Self::Nonce(_) => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn answer(self, answer: Answer) -> Turn<Self> {
        match self {
            Self::Keys(setup, request) => {
                let Answer::OauthOne(found) = answer else { return answer.misfit() };
                setup.judge(request, found)
            }
            Self::Nonce(identity) => {
                let Answer::Freshness(freshness) = answer else { return answer.misfit() };
                match freshness {
                    Freshness::New => Turn::Succeeded(identity),
                    Freshness::Used => Turn::Failed(Failure::Repeated),
                    Freshness::Unavailable => Turn::Failed(Failure::Unavailable),
                }
            }
            Self::Message(_) | Self::Refused(_) => Turn::Failed(Failure::Misused),
        }
    }

    /// See [`ServerExchange::refused`](crate::ServerExchange::refused).
    pub(crate) fn refused(&self) -> Option<Failure> {
        match self {
            Self::Refused(fault) => Some(Failure::TokenRefused(*fault)),
            Self::Message(_) | Self::Keys(..) | Self::Nonce(_) => None,
        }
    }
}

impl Setup {
    /// Host, port and time are compared before the directory is asked: all three are the client's own words, so a refusal
    /// tells it nothing, and no secret is touched for a server that was not meant.
    fn read(&self, message: &[u8]) -> Result<Request, Failure> {
        let (named, pairs) = oauth::read(message).ok_or(Failure::Malformed)?;
        let host = pairs.get("host").ok_or(Failure::Malformed)?;
        if pairs.get("port").is_none() || !is_plain_request(&pairs) {
            return Err(Failure::Malformed);
        }
        let named = named.map(|name| client_name(name.as_bytes())).transpose()?;
        let credentials = pairs.get("auth").ok_or(Failure::Malformed)?;
        let request = Request::read(named, host, credentials).ok_or(Failure::Malformed)?;
        self.here.check(&pairs)?;
        if self.time.abs_diff(request.timestamp) > limits::OAUTH_ONE_WINDOW_SECONDS {
            return Err(Failure::Repeated);
        }
        Ok(request)
    }

    fn judge(self, request: Request, found: Lookup<OauthOneKeys>) -> Turn<Server> {
        let (keys, is_known) = match found {
            Lookup::Found(keys) => (keys, true),
            // Verified all the same: an unknown token must cost the same time.
            Lookup::Missing => (nobody(), false),
            Lookup::Unavailable => return Turn::Failed(Failure::Unavailable),
        };
        let is_signed = request.is_signed_by(&keys, self.here.port());
        if !(is_signed && is_known && request.is_of(&keys.user)) {
            let refusal = Dialect::Standard.refusal(TokenFault::Invalid, &self.help);
            return Turn::Challenge(refusal, Server::Refused(TokenFault::Invalid));
        }
        let Request { consumer, token, nonce, timestamp, .. } = request;
        let question = ServerQuestion::OauthOneNonce { consumer, token, nonce, timestamp };
        Turn::Ask(question, Server::Nonce(Identity::of_owner(keys.user, None)))
    }
}

/// Whether the keys that RFC 7628 section 3.1.1 reserves are absent, or say what their absence says.
fn is_plain_request(pairs: &Pairs<'_>) -> bool {
    let defaults = [("mthd", "POST"), ("path", "/"), ("post", ""), ("qs", "")];
    defaults.into_iter().all(|(key, default)| pairs.get(key).is_none_or(|value| value == default))
}

fn nobody() -> OauthOneKeys {
    OauthOneKeys {
        consumer: String::new(),
        consumer_secret: Secret::new(""),
        token: String::new(),
        token_secret: Secret::new(""),
        user: String::new(),
    }
}

impl Request {
    /// Reads `OAuth` credentials (RFC 5849 section 3.5.1). No parameter may be there twice.
    fn read(named: Option<String>, host: &str, credentials: &str) -> Option<Self> {
        let (scheme, list) = credentials.split_once([' ', '\t', '\r', '\n'])?;
        if !scheme.eq_ignore_ascii_case("OAuth") {
            return None;
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in Directives::read(list.as_bytes())?.iter() {
            let (name, value) = (decode(name.as_bytes())?, decode(value)?);
            if parameters.iter().any(|(known, _)| *known == name) {
                return None;
            }
            parameters.push((name, value));
        }
        let signature = Secret::new(take(&mut parameters, "oauth_signature")?);
        // Section 3.4.1.3.1: the realm is not signed.
        let _ = take(&mut parameters, "realm");
        let get = |name| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let word =
            |name, most| get(name).filter(|word| !word.is_empty() && word.len() <= most).map(str::to_owned);
        let is_version = get("oauth_version").is_none_or(|version| version == "1.0");
        let timestamp =
            get("oauth_timestamp").filter(|time| time.bytes().all(|octet| octet.is_ascii_digit()))?;
        let (timestamp, method) =
            (timestamp.parse().ok()?, Method::from_name(get("oauth_signature_method")?)?);
        let consumer = word("oauth_consumer_key", limits::NAME_OCTETS_MOST)?;
        let token = word("oauth_token", limits::NAME_OCTETS_MOST)?;
        let nonce = word("oauth_nonce", limits::PEER_NONCE_OCTETS_MOST)?;
        let host = host.to_owned();
        is_version.then_some(Self {
            named,
            host,
            consumer,
            token,
            nonce,
            timestamp,
            method,
            signature,
            parameters,
        })
    }

    fn is_signed_by(&self, keys: &OauthOneKeys, port: u16) -> bool {
        // Both are computed, so that the time does not say which was meant.
        let signed = Scheme::ALL.map(|scheme| {
            let base = base_string("POST", &scheme.root(&self.host, port), &self.parameters);
            self.method.sign(&base, keys) == self.signature
        });
        signed.contains(&true)
    }

    /// Whether the client named nobody else than the token's owner.
    fn is_of(&self, owner: &str) -> bool {
        self.named.as_deref().is_none_or(|name| prepare::account_key(name) == prepare::account_key(owner))
    }
}

/// Takes a parameter out of the list.
fn take(parameters: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let place = parameters.iter().position(|(known, _)| known == name)?;
    Some(parameters.remove(place).1)
}

//! OAUTH10A as a client.

use super::signature::{Method, Scheme, base_string, encode};
use crate::exchange::client::{ClientContext, ClientFailure, ClientTurn, Proof};
use crate::exchange::server::TokenFault;
use crate::oauth::{self, Dialect};
use crate::{OauthOneKeys, Secret, gs2};

/// Named after what is to be said, or done.
pub(crate) enum Client {
    Opening(Secret),
    Said,
    /// The server has told us, and we have acknowledged it.
    Refused(TokenFault),
}

impl Client {
    pub(crate) fn new(context: ClientContext) -> Result<Self, ClientFailure> {
        let ClientContext { login, nonce, host, port, time, .. } = context;
        let Proof::OauthOne(keys) = login.proof() else { return Err(ClientFailure::NoCredential) };
        let name = login.authorization().unwrap_or(login.username());
        if !oauth::can_be_said(name) {
            return Err(ClientFailure::Unsupported);
        }
        let mut parameters = parameters(keys, nonce.as_str(), time);
        let base = base_string("POST", &Scheme::Http.root(&host, port), &parameters);
        let signature = Method::HmacSha1.sign(&base, keys);
        let signature = std::str::from_utf8(signature.expose()).unwrap_or_default().to_owned();
        parameters.push(("oauth_signature".to_owned(), signature));
        let credentials: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{name}=\"{}\"", encode(value))).collect();
        let name = gs2::escape(name);
        let credentials = credentials.join(",");
        let message =
            format!("n,a={name},\x01host={host}\x01port={port}\x01auth=OAuth {credentials}\x01\x01");
        Ok(Self::Opening(Secret::new(message)))
    }

    /// The first message.
    pub(crate) fn open(self) -> (Secret, Self) {
        match self {
            Self::Opening(message) => (message, Self::Said),
            Self::Said | Self::Refused(_) => (Secret::new(""), self),
        }
    }

    pub(crate) fn receive(self, challenge: &[u8]) -> ClientTurn<Self> {
        match self {
            Self::Opening(_) => ClientTurn::Failed(ClientFailure::Unexpected),
            Self::Said => {
                let answer = Secret::new(Dialect::Standard.acknowledgement());
                ClientTurn::Respond(answer, Self::Refused(oauth::fault(challenge)))
            }
            Self::Refused(fault) => ClientTurn::Failed(ClientFailure::TokenRefused(fault)),
        }
    }

    pub(crate) fn succeeded(&self) -> Result<(), ClientFailure> {
        match self {
            Self::Opening(_) => Err(ClientFailure::Premature),
            Self::Said => Ok(()),
            Self::Refused(fault) => Err(ClientFailure::TokenRefused(*fault)),
        }
    }

    /// What the server said about our signature, if it refused it.
    pub(crate) fn refused(&self) -> Option<TokenFault> {
        match self {
            Self::Refused(fault) => Some(*fault),
            Self::Opening(_) | Self::Said => None,
        }
    }
}

/// What is signed (RFC 5849 section 3.1).
fn parameters(keys: &OauthOneKeys, nonce: &str, time: u64) -> Vec<(String, String)> {
    let pairs = [
        ("oauth_consumer_key", keys.consumer.clone()),
        ("oauth_token", keys.token.clone()),
        ("oauth_signature_method", "HMAC-SHA1".to_owned()),
        ("oauth_timestamp", time.to_string()),
        ("oauth_nonce", nonce.to_owned()),
        ("oauth_version", "1.0".to_owned()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

//! One account, and the exchanges by which its owner logs in.

use gatepost_sasl::{
    Answer, BindingKind, ChannelBinding, ClientContext, ClientExchange, ClientStep, CramSecret, DigestSecret,
    Freshness, GssAnswer, GssProgress, GssQuestion, Identity, Login, Lookup, Mechanism, Nonce, NtHash,
    OauthOneKeys, PasswordCheck, PlusOffer, ScramHash, ScramVerifier, Secret, ServerContext, ServerExchange,
    ServerQuestion, ServerStep, TokenCheck,
};

pub(crate) const USER: &str = "ada@ours.example";
pub(crate) const PASSWORD: &[u8] = b"correct horse";
pub(crate) const ITERATIONS: u32 = 4096;
pub(crate) const TOKEN: &[u8] = b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
const HOST: &str = "mail.ours.example";
const TIME: u64 = 1_700_000_000;
pub(crate) const TICKET: &[u8] = b"ticket";

/// The mechanisms that targets play. Seeds name them by their place, so new ones go to the end.
pub(crate) const MECHANISMS: [Mechanism; 17] = [
    Mechanism::ScramSha256Plus,
    Mechanism::ScramSha1Plus,
    Mechanism::ScramSha256,
    Mechanism::ScramSha1,
    Mechanism::CramMd5,
    Mechanism::Plain,
    Mechanism::Login,
    Mechanism::ScramSha512Plus,
    Mechanism::ScramSha512,
    Mechanism::DigestMd5,
    Mechanism::Oauthbearer,
    Mechanism::Xoauth2,
    Mechanism::Oauth10a,
    Mechanism::External,
    Mechanism::Md5,
    Mechanism::Ntlm,
    Mechanism::Gssapi,
];

/// What was said in an exchange, by way.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) to_server: Vec<Vec<u8>>,
    pub(crate) to_client: Vec<Vec<u8>>,
    /// Whom the server then knew.
    identity: Option<Identity>,
}

/// What the account's owner and the server say to each other.
pub(crate) fn talk(mechanism: Mechanism) -> Talk {
    let mut talk = Talk::default();
    let mut server = ServerExchange::begin(mechanism, server_context());
    let Ok(mut client) = ClientExchange::begin(mechanism, client_context(mechanism)) else { return talk };
    let first = client.initial().map(|octets| octets.expose().to_vec());
    talk.to_server.extend(first.clone());
    let mut step = server.receive(first.as_deref());
    loop {
        step = match step {
            ServerStep::Ask(question) => server.answer(answer(&question)),
            ServerStep::Challenge(challenge) => {
                let mut said = client.receive(&challenge);
                while let ClientStep::Ask(question) = said {
                    said = client.answer(library(&question));
                }
                let ClientStep::Respond(response) = said else { return talk };
                talk.to_client.push(challenge);
                talk.to_server.push(response.expose().to_vec());
                server.receive(Some(response.expose()))
            }
            ServerStep::Succeeded(identity) => {
                talk.identity = Some(identity);
                return talk;
            }
            ServerStep::Failed(_) => return talk,
        }
    }
}

fn answer(question: &ServerQuestion) -> Answer {
    match question {
        ServerQuestion::CheckPassword { .. } => Answer::Password(PasswordCheck::Right),
        ServerQuestion::ScramVerifier { hash, .. } => Answer::Scram(Lookup::Found(scram_verifier(*hash))),
        ServerQuestion::CramSecret { .. } => Answer::Cram(Lookup::Found(cram_secret())),
        ServerQuestion::DigestSecret { realm, .. } => Answer::Digest(Lookup::Found(digest_secret(realm))),
        ServerQuestion::NtHash { .. } => Answer::Nt(Lookup::Found(NtHash::derive(&Secret::new(PASSWORD)))),
        ServerQuestion::CheckToken { .. } => Answer::Token(TokenCheck::Right { user: USER.to_owned() }),
        ServerQuestion::OauthOneKeys { .. } => Answer::OauthOne(Lookup::Found(oauth_one_keys())),
        ServerQuestion::OauthOneNonce { .. } => Answer::Freshness(Freshness::New),
        ServerQuestion::ClientCertificate { .. } | ServerQuestion::Principal { .. } => {
            Answer::User(Lookup::Found(USER.to_owned()))
        }
        ServerQuestion::Gss(question) => Answer::Gss(library(question)),
    }
}

/// A Kerberos library that knows one ticket, and wraps by doing nothing.
pub(crate) fn library(question: &GssQuestion) -> GssAnswer {
    let complete = |token: &[u8], principal| GssAnswer::Token {
        token: token.to_vec(),
        progress: GssProgress::Complete { principal },
    };
    match question {
        GssQuestion::Init { .. } => complete(TICKET, None),
        GssQuestion::Accept { token } if token == TICKET => {
            complete(b"", Some("ada@OURS.EXAMPLE".to_owned()))
        }
        GssQuestion::Accept { .. } => GssAnswer::Refused("another ticket".to_owned()),
        GssQuestion::Unwrap { message } => GssAnswer::Octets(Secret::new(message.clone())),
        GssQuestion::Wrap { octets } => GssAnswer::Octets(Secret::new(octets.clone())),
    }
}

/// The proof in an AUTHENTICATE message of NTLM: the first octets of its NT response.
pub(crate) fn nt_proof(message: &[u8]) -> Option<&[u8]> {
    let offset = u32::from_le_bytes(message.get(24..28)?.try_into().ok()?);
    let start = usize::try_from(offset).ok()?;
    message.get(start..start.checked_add(16)?)
}

pub(crate) fn server_context() -> ServerContext {
    let nonce = Nonce::from_random(&[0xb5; 18]);
    ServerContext { bindings: bindings(), plus: PlusOffer::Offered, ..ServerContext::new(nonce, HOST, TIME) }
}

pub(crate) fn client_context(mechanism: Mechanism) -> ClientContext {
    let nonce = Nonce::from_random(&[0xc1; 18]);
    ClientContext {
        bindings: bindings(),
        plus: PlusOffer::Offered,
        ..ClientContext::new(login(mechanism), nonce, HOST, TIME)
    }
}

/// The owner's login, with what this mechanism needs.
#[expect(clippy::expect_used, reason = "constants of ours")]
fn login(mechanism: Mechanism) -> Login {
    let logins = [
        Login::new(USER, Secret::new(PASSWORD)),
        Login::with_token(USER, Secret::new(TOKEN)),
        Login::with_oauth_one(USER, oauth_one_keys()),
        Login::with_certificate(USER),
        Login::with_ticket(USER),
    ];
    let mut logins = logins.into_iter().map(|login| login.expect("a login"));
    logins.find(|login| login.fits(mechanism)).expect("a login of each kind is there")
}

pub(crate) fn digest_secret(realm: &str) -> DigestSecret {
    DigestSecret::derive(USER, realm, &Secret::new(PASSWORD))
}

pub(crate) fn oauth_one_keys() -> OauthOneKeys {
    OauthOneKeys {
        consumer: "consumer".to_owned(),
        consumer_secret: Secret::new("one"),
        token: "token".to_owned(),
        token_secret: Secret::new("two"),
        user: USER.to_owned(),
    }
}

/// Text without the ways to spell it otherwise: percent-encoding, backslashes, capitals.
pub(crate) fn plain(octets: &[u8]) -> String {
    let mut plain = Vec::new();
    let mut rest = octets.iter();
    while let Some(octet) = rest.next() {
        let digits = rest.as_slice().get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (octet, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(encoded)) => {
                plain.push(encoded);
                let _ = rest.nth(1);
            }
            (b'\\', _) => {}
            (octet, _) => plain.push(*octet),
        }
    }
    String::from_utf8_lossy(&plain).to_lowercase()
}

/// As on a TLS 1.3 channel.
fn bindings() -> Vec<ChannelBinding> {
    BindingKind::ALL.into_iter().map(|kind| ChannelBinding::new(kind, [0x55; 32])).collect()
}

pub(crate) fn cram_secret() -> CramSecret {
    CramSecret::new(Secret::new(PASSWORD))
}

/// What is kept in place of the password. Written out, since deriving it takes most of a run's time; a test
/// compares.
#[expect(clippy::expect_used, reason = "a constant of ours")]
pub(crate) fn scram_verifier(hash: ScramHash) -> ScramVerifier {
    let text = match hash {
        ScramHash::Sha1 => concat!(
            "SCRAM-SHA-1$4096:MDEyMzQ1Njc4OWFiY2RlZg==$",
            "5Dwn8rRigG38CXE9wvhGoBC0V1g=:45Kd6ACnnr6s6PtmJw08vAcDwCY=",
        ),
        ScramHash::Sha256 => concat!(
            "SCRAM-SHA-256$4096:MDEyMzQ1Njc4OWFiY2RlZg==$",
            "tSgetjYW5SQlNzIxJAKMryuDGH8Snw5oWcj1eOW0ZyI=:bbZ1dJMgYYaKKR1fU1oGHkWJzi9OQY4yU8Fuksa1t70=",
        ),
        ScramHash::Sha512 => concat!(
            "SCRAM-SHA-512$4096:MDEyMzQ1Njc4OWFiY2RlZg==$",
            "nRsMU6tbbBvv06ltWFRFSddKpGQEVhaK+IEWSsn+jb7G1XaYtDiE2vgIKc8a8GcjjiSEDE8LvWKrHwUsns4lYg==:",
            "Dl3PjxsTjBZnfxZ8vHs5U7V4sF7YhoQhlhY2k//MdhVn5KZ7cTH5duiqRrpFqCYUAQZXPpKi2oASc4PdaLQT4Q==",
        ),
    };
    ScramVerifier::from_text(text).expect("a verifier")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &[u8] = b"0123456789abcdef";

    #[test]
    fn the_verifiers_are_those_of_the_password() {
        for hash in ScramHash::ALL {
            let derived = ScramVerifier::derive(hash, &Secret::new(PASSWORD), SALT, ITERATIONS).unwrap();
            let text = String::from_utf8(derived.to_text().expose().to_vec()).unwrap();
            assert_eq!(scram_verifier(hash), derived, "{text}");
        }
    }

    /// Else no target would ever see a success.
    #[test]
    fn the_owner_gets_in() {
        for mechanism in MECHANISMS {
            let identity = talk(mechanism).identity;
            assert_eq!(identity.as_ref().map(Identity::authentication_id), Some(USER), "{mechanism:?}");
        }
    }

    #[test]
    fn every_mechanism_is_played() {
        for mechanism in Mechanism::ALL {
            assert!(MECHANISMS.contains(&mechanism), "{mechanism:?}");
        }
    }
}

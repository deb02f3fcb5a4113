//! One account, and the exchanges by which its owner logs in.

use gatepost_sasl::{
    Answer, BindingKind, ChannelBinding, ClientContext, ClientExchange, ClientStep, CramSecret, Login,
    Lookup, Mechanism, Nonce, PasswordCheck, PlusOffer, ScramHash, ScramVerifier, Secret, ServerContext,
    ServerExchange, ServerQuestion, ServerStep,
};

pub(crate) const USER: &str = "ada@ours.example";
pub(crate) const PASSWORD: &[u8] = b"correct horse";
pub(crate) const ITERATIONS: u32 = 4096;

/// What was said in an exchange, by way.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) to_server: Vec<Vec<u8>>,
    pub(crate) to_client: Vec<Vec<u8>>,
}

/// What the account's owner and the server say to each other.
pub(crate) fn talk(mechanism: Mechanism) -> Talk {
    let mut talk = Talk::default();
    let mut server = ServerExchange::begin(mechanism, server_context());
    let Ok(mut client) = ClientExchange::begin(mechanism, client_context()) else { return talk };
    let first = client.initial().map(|octets| octets.expose().to_vec());
    talk.to_server.extend(first.clone());
    let mut step = server.receive(first.as_deref());
    loop {
        step = match step {
            ServerStep::Ask(question) => server.answer(answer(&question)),
            ServerStep::Challenge(challenge) => {
                let ClientStep::Respond(response) = client.receive(&challenge) else { return talk };
                talk.to_client.push(challenge);
                talk.to_server.push(response.expose().to_vec());
                server.receive(Some(response.expose()))
            }
            ServerStep::Succeeded(_) | ServerStep::Failed(_) => return talk,
        }
    }
}

fn answer(question: &ServerQuestion) -> Answer {
    match question {
        ServerQuestion::CheckPassword { .. } => Answer::Password(PasswordCheck::Right),
        ServerQuestion::ScramVerifier { hash, .. } => Answer::Scram(Lookup::Found(scram_verifier(*hash))),
        ServerQuestion::CramSecret { .. } => Answer::Cram(Lookup::Found(cram_secret())),
    }
}

pub(crate) fn server_context() -> ServerContext {
    ServerContext {
        nonce: Nonce::from_random(&[0xb5; 18]),
        bindings: bindings(),
        plus: PlusOffer::Offered,
        host: "mail.ours.example".to_owned(),
        time: "1700000000".to_owned(),
    }
}

#[expect(clippy::expect_used, reason = "a constant of ours")]
pub(crate) fn client_context() -> ClientContext {
    ClientContext {
        login: Login::new(USER, Secret::new(PASSWORD)).expect("a login"),
        nonce: Nonce::from_random(&[0xc1; 18]),
        bindings: bindings(),
        plus: PlusOffer::Offered,
    }
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
        for mechanism in Mechanism::ALL {
            assert!(!talk(mechanism).to_server.is_empty(), "{mechanism:?}");
        }
    }
}

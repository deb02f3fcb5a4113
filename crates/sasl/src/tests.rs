//! Whole exchanges: published vectors, our server against our client, planted faults, noise.

mod bearer;
mod external;
mod faults;
mod gssapi;
mod noise;
mod ntlm;
mod oauth_one;
mod pairs;
mod turns;
mod vectors;

use crate::{
    Answer, BindingKind, ChannelBinding, ClientContext, ClientExchange, ClientFailure, ClientStep,
    CramSecret, DigestSecret, Failure, Identity, Login, Lookup, Mechanism, Nonce, PasswordCheck, PlusOffer,
    ScramHash, ScramVerifier, Secret, ServerContext, ServerExchange, ServerQuestion, ServerStep,
};

const USER: &str = "ada@gatepost.example";
const PASSWORD: &str = "correct horse";
const SALT: &[u8] = b"0123456789abcdef";
const COST: u32 = crate::limits::ITERATIONS_LEAST;

/// The mechanisms that prove a password and need nothing beside it; the others have tests of their own.
const PASSWORDS: [Mechanism; 11] = [
    Mechanism::ScramSha512Plus,
    Mechanism::ScramSha256Plus,
    Mechanism::ScramSha1Plus,
    Mechanism::ScramSha512,
    Mechanism::ScramSha256,
    Mechanism::ScramSha1,
    Mechanism::DigestMd5,
    Mechanism::CramMd5,
    Mechanism::Md5,
    Mechanism::Plain,
    Mechanism::Login,
];

/// A directory of one account.
struct Directory {
    user: &'static str,
    password: &'static str,
    sha1: ScramVerifier,
    sha256: ScramVerifier,
    sha512: ScramVerifier,
}

impl Directory {
    fn new() -> Self {
        let derive = |hash| ScramVerifier::derive(hash, &Secret::new(PASSWORD), SALT, COST).unwrap();
        Self {
            user: USER,
            password: PASSWORD,
            sha1: derive(ScramHash::Sha1),
            sha256: derive(ScramHash::Sha256),
            sha512: derive(ScramHash::Sha512),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the other questions are not of passwords")]
    fn answer(&self, question: &ServerQuestion) -> Answer {
        match question {
            ServerQuestion::CheckPassword { user, password } => {
                let right = user == self.user && *password == Secret::new(self.password);
                Answer::Password(if right { PasswordCheck::Right } else { PasswordCheck::Wrong })
            }
            ServerQuestion::ScramVerifier { user, hash } => {
                let real = match hash {
                    ScramHash::Sha1 => &self.sha1,
                    ScramHash::Sha256 => &self.sha256,
                    ScramHash::Sha512 => &self.sha512,
                };
                let fake = || ScramVerifier::fake(*hash, user, &Secret::new("fakes"), COST);
                Answer::Scram(Lookup::Found(if user == self.user { real.clone() } else { fake() }))
            }
            ServerQuestion::CramSecret { user } if user == self.user => {
                Answer::Cram(Lookup::Found(CramSecret::new(Secret::new(self.password))))
            }
            ServerQuestion::CramSecret { .. } => Answer::Cram(Lookup::Missing),
            ServerQuestion::DigestSecret { user, realm } if user == self.user => {
                Answer::Digest(Lookup::Found(DigestSecret::derive(user, realm, &Secret::new(self.password))))
            }
            ServerQuestion::DigestSecret { .. } => Answer::Digest(Lookup::Missing),
            other => panic!("no mechanism of PASSWORDS asks this: {other:?}"),
        }
    }
}

fn binding(kind: BindingKind) -> ChannelBinding {
    let octet = match kind {
        BindingKind::TlsServerEndPoint => 0xee,
        BindingKind::TlsExporter => 0x55,
    };
    ChannelBinding::new(kind, [octet; 32])
}

fn both() -> Vec<ChannelBinding> {
    BindingKind::ALL.into_iter().map(binding).collect()
}

fn server_context(bindings: Vec<ChannelBinding>, plus: PlusOffer) -> ServerContext {
    let nonce = Nonce::from_random(&[0xb5; 18]);
    ServerContext { bindings, plus, ..ServerContext::new(nonce, "mail.gatepost.example", 1_700_000_000) }
}

fn client_context(bindings: Vec<ChannelBinding>, plus: PlusOffer) -> ClientContext {
    let login = Login::new(USER, Secret::new(PASSWORD)).unwrap();
    let nonce = Nonce::from_random(&[0xc1; 18]);
    ClientContext {
        bindings,
        plus,
        ..ClientContext::new(login, nonce, "mail.gatepost.example", 1_700_000_000)
    }
}

/// A server and a client of one mechanism as they would be on a TLS 1.3 channel.
fn pair(mechanism: Mechanism) -> (ServerExchange, ClientExchange) {
    (
        ServerExchange::begin(mechanism, server_context(both(), PlusOffer::Offered)),
        ClientExchange::begin(mechanism, client_context(both(), PlusOffer::Offered)).unwrap(),
    )
}

/// What passes between the two, for a test to look at and to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Succeeded(Identity, Result<(), ClientFailure>),
    ServerFailed(Failure),
    ClientFailed(ClientFailure),
}

impl Outcome {
    fn success() -> Self {
        Self::Succeeded(Identity::new(USER.to_owned(), None), Ok(()))
    }
}

/// Lets the two talk to the end; `meddle` sees each message, with its number on that way, before it arrives.
fn talk(
    mut server: ServerExchange,
    mut client: ClientExchange,
    mut meddle: impl FnMut(Way, usize, &mut Vec<u8>),
) -> Outcome {
    let directory = Directory::new();
    let mut initial = client.initial().map(|octets| octets.expose().to_vec());
    if let Some(octets) = &mut initial {
        meddle(Way::ToServer, 0, octets);
    }
    let mut step = server.receive(initial.as_deref());
    for turn in 0..10 {
        if let ServerStep::Ask(question) = &step {
            step = server.answer(directory.answer(question));
        }
        let mut challenge = match step {
            ServerStep::Challenge(challenge) => challenge,
            ServerStep::Ask(question) => panic!("two questions in one turn: {question:?}"),
            ServerStep::Succeeded(identity) => return Outcome::Succeeded(identity, client.succeeded()),
            ServerStep::Failed(failure) => return Outcome::ServerFailed(failure),
        };
        meddle(Way::ToClient, turn, &mut challenge);
        let mut response = match client.receive(&challenge) {
            ClientStep::Respond(response) => response.expose().to_vec(),
            ClientStep::Failed(failure) => return Outcome::ClientFailed(failure),
            ClientStep::Ask(question) => panic!("a question of Kerberos: {question:?}"),
        };
        meddle(Way::ToServer, turn + 1, &mut response);
        step = server.receive(Some(&response));
    }
    panic!("the exchange does not end");
}

/// What a server's step sends.
#[track_caller]
fn challenged(step: ServerStep) -> Vec<u8> {
    match step {
        ServerStep::Challenge(challenge) => challenge,
        other @ (ServerStep::Ask(_) | ServerStep::Succeeded(_) | ServerStep::Failed(_)) => {
            panic!("{other:?}")
        }
    }
}

/// What a client's step sends.
#[track_caller]
fn responded(step: ClientStep) -> Secret {
    match step {
        ClientStep::Respond(response) => response,
        other @ (ClientStep::Ask(_) | ClientStep::Failed(_)) => panic!("{other:?}"),
    }
}

/// Why a server's step ends it.
#[track_caller]
fn failure(step: ServerStep) -> Failure {
    match step {
        ServerStep::Failed(failure) => failure,
        other @ (ServerStep::Ask(_) | ServerStep::Challenge(_) | ServerStep::Succeeded(_)) => {
            panic!("{other:?}")
        }
    }
}

//! Noise and half-right messages into every exchange: no panic, no endless talk, never a success that was not earned.

use super::{Directory, PASSWORDS, USER, Way, client_context, pair, server_context, talk};
use crate::{
    Answer, ClientContext, ClientExchange, ClientStep, Failure, Freshness, Login, Lookup, Mechanism,
    OauthOneKeys, PlusOffer, Secret, ServerExchange, ServerQuestion, ServerStep, TokenCheck, TokenFault,
};

/// Rounds for each server; a SCRAM client pays PBKDF2 for each message that it takes, so it gets fewer.
const SERVER_ROUNDS: u64 = 3_000;
const CLIENT_ROUNDS: u64 = 150;

/// Marsaglia's xorshift: small, and the same on every machine.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// The message itself, or what [`spoil`](Self::spoil) makes of it.
    pub(super) fn maybe_spoil(&mut self, good: &[u8]) -> Vec<u8> {
        if self.below(3) == 0 { self.spoil(good) } else { good.to_vec() }
    }

    /// A message made of a good one: cut, flipped, doubled, or replaced by noise that likes the alphabet of SASL.
    pub(super) fn spoil(&mut self, good: &[u8]) -> Vec<u8> {
        const ALPHABET: &[u8] = b"npyacrsivm==,,\0\0 09aZ/+<>@-.\xff\xc3\xa9";
        let mut octets = good.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(octets.len());
            let one = ALPHABET[self.below(ALPHABET.len())];
            match self.below(6) {
                0 => octets.truncate(at),
                1 => octets.insert(at, one),
                2 if !octets.is_empty() => octets[at] = one,
                3 if !octets.is_empty() => octets[at] ^= 1 << self.below(8),
                4 => octets.extend_from_within(at..),
                _ => octets = (0..self.below(64)).map(|_| ALPHABET[self.below(ALPHABET.len())]).collect(),
            }
        }
        octets
    }
}

/// The messages of a good exchange, by way.
fn good(mechanism: Mechanism, way: Way) -> Vec<Vec<u8>> {
    let (server, client) = pair(mechanism);
    let mut heard = Vec::new();
    let _ = talk(server, client, |this_way, _, octets| {
        if this_way == way {
            heard.push(octets.clone());
        }
    });
    heard
}

#[test]
fn servers_bear_noise() {
    let directory = Directory::new();
    for mechanism in PASSWORDS {
        let good = good(mechanism, Way::ToServer);
        for seed in 1..=SERVER_ROUNDS {
            let mut chance = Chance::of(seed);
            let spoilt = chance.below(good.len());
            let (mut server, _) = pair(mechanism);
            let mut sent = Vec::new();
            let mut messages = good.iter().enumerate();
            let mut step = if mechanism.client_speaks_first() { None } else { Some(server.receive(None)) };
            let ended = loop {
                step = Some(match step {
                    Some(ServerStep::Ask(question)) => server.answer(directory.answer(&question)),
                    Some(ServerStep::Succeeded(_)) => break None,
                    Some(ServerStep::Failed(failure)) => break Some(failure),
                    Some(ServerStep::Challenge(_)) | None => {
                        let Some((number, message)) = messages.next() else {
                            panic!("seed {seed}: {mechanism:?} goes on after its last message")
                        };
                        sent.push(if number == spoilt { chance.spoil(message) } else { message.clone() });
                        server.receive(sent.last().map(Vec::as_slice))
                    }
                });
            };
            assert_ne!(ended, Some(Failure::Misused), "seed {seed}: {mechanism:?} {sent:?}");
            // The noise may happen to change nothing that counts: equal messages, or capitals in a CRAM-MD5 digest.
            let same = sent.concat().eq_ignore_ascii_case(&good.concat());
            let names_another =
                ended.is_none() && mechanism == Mechanism::Plain && sent.concat().ends_with(&good.concat());
            // DIGEST-MD5 may be written in many ways; its proof covers whatever counts.
            let proves = ended.is_none() && mechanism == Mechanism::DigestMd5 && holds_proof(&sent, &good);
            assert!(
                ended.is_some() || same || names_another || proves,
                "seed {seed}: {mechanism:?} {sent:?}"
            );
        }
    }
}

/// Whether the digits of the good proof stand in what was sent.
fn holds_proof(sent: &[Vec<u8>], good: &[Vec<u8>]) -> bool {
    let text = |messages: &[Vec<u8>]| String::from_utf8_lossy(&messages.concat()).to_ascii_lowercase();
    let good = text(good);
    let (_, proof) = good.split_once("response=").unwrap();
    text(sent).contains(&proof[..32])
}

/// Many iterations are allowed, but are a matter of time only.
fn costly(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(message);
    text.rsplit_once(",i=").is_some_and(|(_, count)| count.bytes().take_while(u8::is_ascii_digit).count() > 4)
}

#[test]
fn clients_bear_noise() {
    for mechanism in PASSWORDS {
        let good = good(mechanism, Way::ToClient);
        for seed in 1..=CLIENT_ROUNDS {
            let mut chance = Chance::of(seed);
            let spoilt = chance.below(good.len().max(1));
            let (_, mut client) = pair(mechanism);
            let _ = client.initial();
            let mut sent = Vec::new();
            for (number, message) in good.iter().enumerate() {
                let message = if number == spoilt { chance.spoil(message) } else { message.clone() };
                if costly(&message) {
                    break;
                }
                let failed = matches!(client.receive(&message), ClientStep::Failed(_));
                sent.push(message);
                if failed {
                    assert!(client.succeeded().is_err());
                    break;
                }
            }
            // SCRAM's server proof covers all that was said; only what follows it may differ.
            if mechanism.scram_hash().is_some() && client.succeeded().is_ok() {
                assert!(sent.concat().starts_with(&good.concat()), "seed {seed}: {mechanism:?} {sent:?}");
            }
        }
    }
}

const TOKEN: &str = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

/// The mechanisms of one message, and a login for each.
fn of_one_message() -> [(Mechanism, Login); 4] {
    let token = Login::with_token(USER, Secret::new(TOKEN)).unwrap();
    [
        (Mechanism::Oauthbearer, token.clone()),
        (Mechanism::Xoauth2, token),
        (Mechanism::Oauth10a, Login::with_oauth_one(USER, oauth_one_keys()).unwrap()),
        (Mechanism::External, Login::with_certificate(USER).unwrap()),
    ]
}

fn oauth_one_keys() -> OauthOneKeys {
    OauthOneKeys {
        consumer: "consumer".to_owned(),
        consumer_secret: Secret::new("one"),
        token: "token".to_owned(),
        token_secret: Secret::new("two"),
        user: USER.to_owned(),
    }
}

fn client(mechanism: Mechanism, login: Login) -> ClientExchange {
    let context = ClientContext { login, ..client_context(Vec::new(), PlusOffer::NotOffered) };
    ClientExchange::begin(mechanism, context).unwrap()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other questions are not of these mechanisms")]
fn answer(question: ServerQuestion) -> Answer {
    match question {
        ServerQuestion::CheckToken { token, .. } if token.matches(TOKEN.as_bytes()) => {
            Answer::Token(TokenCheck::Right { user: USER.to_owned() })
        }
        ServerQuestion::CheckToken { .. } => Answer::Token(TokenCheck::Refused(TokenFault::Invalid)),
        ServerQuestion::OauthOneKeys { consumer, .. } if consumer == "consumer" => {
            Answer::OauthOne(Lookup::Found(oauth_one_keys()))
        }
        ServerQuestion::OauthOneKeys { .. } => Answer::OauthOne(Lookup::Missing),
        ServerQuestion::OauthOneNonce { .. } => Answer::Freshness(Freshness::New),
        ServerQuestion::ClientCertificate { .. } => Answer::User(Lookup::Found(USER.to_owned())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn servers_of_one_message_bear_noise() {
    for (mechanism, login) in of_one_message() {
        let good = client(mechanism, login).initial().unwrap().expose().to_vec();
        let text = String::from_utf8(good.clone()).unwrap();
        let signature = text.rsplit_once("oauth_signature=\"").map(|(_, signature)| &signature[..28]);
        let proof = if mechanism == Mechanism::External { "" } else { signature.unwrap_or(TOKEN) };
        for seed in 1..=SERVER_ROUNDS {
            let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let sent = chance.spoil(&good);
            let context = server_context(Vec::new(), PlusOffer::NotOffered);
            let mut server = ServerExchange::begin(mechanism, context);
            let mut step = server.receive(Some(&sent));
            let ended = loop {
                step = match step {
                    ServerStep::Ask(question) => server.answer(answer(question)),
                    ServerStep::Challenge(_) => server.receive(Some(&chance.spoil(b"\x01"))),
                    ServerStep::Succeeded(_) => break None,
                    ServerStep::Failed(failure) => break Some(failure),
                }
            };
            assert_ne!(ended, Some(Failure::Misused), "seed {seed}: {mechanism:?} {sent:?}");
            let shown = String::from_utf8_lossy(&sent);
            assert!(ended.is_some() || shown.contains(proof), "seed {seed}: {mechanism:?} {shown}");
        }
    }
}

#[test]
fn clients_of_one_message_bear_noise() {
    let refusal = br#"{"status":"invalid_token","scope":"mail","more":[{"a":1}]}"#;
    for (mechanism, login) in of_one_message() {
        for seed in 1..=CLIENT_ROUNDS {
            let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut client = client(mechanism, login.clone());
            let _ = client.initial();
            let answered = (0..3)
                .take_while(|_| matches!(client.receive(&chance.spoil(refusal)), ClientStep::Respond(_)));
            assert!(answered.count() <= 1, "seed {seed}: {mechanism:?}");
            assert!(client.succeeded().is_err(), "seed {seed}: {mechanism:?}");
            assert_eq!(client.token_refused().is_some(), mechanism != Mechanism::External);
        }
    }
}

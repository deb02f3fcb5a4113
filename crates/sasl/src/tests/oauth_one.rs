//! OAUTH10A: our server against our client, planted faults, replays in and out of time.

use std::collections::HashSet;

use super::{Nonce, challenged, failure, responded, server_context};
use crate::{
    Answer, ClientContext, ClientExchange, ClientFailure, Failure, Freshness, Identity, Login, Lookup,
    Mechanism, OauthOneKeys, PlusOffer, Secret, ServerContext, ServerExchange, ServerQuestion, ServerStep,
    TokenFault, limits,
};

const TIME: u64 = 1_700_000_000;
const USER: &str = "ada@gatepost.example";
const REFUSED: Failure = Failure::TokenRefused(TokenFault::Invalid);

fn keys() -> OauthOneKeys {
    OauthOneKeys {
        consumer: "dpf43f3p2l4k3l03".to_owned(),
        consumer_secret: Secret::new("kd94hf93k423kf44"),
        token: "nnch734d00sl2jdk".to_owned(),
        token_secret: Secret::new("pfkkdhi9sl3r4s00"),
        user: USER.to_owned(),
    }
}

fn server_at(time: u64) -> ServerExchange {
    let context = ServerContext { time, ..server_context(Vec::new(), PlusOffer::NotOffered) };
    ServerExchange::begin(Mechanism::Oauth10a, context)
}

fn client_as(user: &str, keys: OauthOneKeys, time: u64) -> ClientExchange {
    let login = Login::with_oauth_one(user, keys).unwrap();
    let nonce = Nonce::from_random(&[0xc1; 18]);
    let context = ClientContext::new(login, nonce, "mail.gatepost.example", time);
    ClientExchange::begin(Mechanism::Oauth10a, context).unwrap()
}

fn message() -> String {
    let initial = client_as(USER, keys(), TIME).initial().unwrap();
    String::from_utf8(initial.expose().to_vec()).unwrap()
}

/// A directory of one account that remembers nonces.
#[derive(Default)]
struct Directory {
    used: HashSet<(String, String, String, u64)>,
}

impl Directory {
    /// Plays the server to its end, with a client that acknowledges a refusal.
    fn judge(&mut self, mut server: ServerExchange, message: &[u8]) -> Result<Identity, Failure> {
        let mut step = server.receive(Some(message));
        loop {
            step = match step {
                ServerStep::Ask(question) => server.answer(self.answer(question)),
                ServerStep::Challenge(challenge) => {
                    assert_eq!(challenge, br#"{"status":"invalid_token"}"#);
                    server.receive(Some(b"\x01"))
                }
                ServerStep::Succeeded(identity) => return Ok(identity),
                ServerStep::Failed(failure) => return Err(failure),
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the other questions are not of OAuth 1")]
    fn answer(&mut self, question: ServerQuestion) -> Answer {
        match question {
            ServerQuestion::OauthOneKeys { consumer, token, .. } => {
                let is_known = (consumer, token) == (keys().consumer, keys().token);
                Answer::OauthOne(if is_known { Lookup::Found(keys()) } else { Lookup::Missing })
            }
            ServerQuestion::OauthOneNonce { consumer, token, nonce, timestamp } => {
                let is_new = self.used.insert((consumer, token, nonce, timestamp));
                Answer::Freshness(if is_new { Freshness::New } else { Freshness::Used })
            }
            other => panic!("{other:?}"),
        }
    }
}

fn judge(message: &str) -> Result<(), Failure> {
    Directory::default().judge(server_at(TIME), message.as_bytes()).map(|_| ())
}

#[test]
fn both_ways_to_begin_lead_to_the_same() {
    for begins_at_once in [true, false] {
        let (mut server, mut client) = (server_at(TIME), client_as(USER, keys(), TIME));
        assert_eq!(client.succeeded(), Err(ClientFailure::Premature));
        let message = if begins_at_once {
            client.initial().unwrap()
        } else {
            assert_eq!(challenged(server.receive(None)), b"");
            responded(client.receive(b""))
        };
        let identity = Directory::default().judge(server, message.expose());
        assert_eq!(identity, Ok(Identity::new(USER.to_owned(), None)));
        assert_eq!((client.succeeded(), client.token_refused()), (Ok(()), None));
    }
}

/// The signature is over the name that the client calls us.
#[test]
fn another_name_of_ours_is_taken() {
    let message = message();
    let at = |host: &str, aliases: &[&str]| {
        let mut context = server_context(Vec::new(), PlusOffer::NotOffered);
        context.host = host.to_owned();
        context.aliases = aliases.iter().map(|name| (*name).to_owned()).collect();
        let server = ServerExchange::begin(Mechanism::Oauth10a, context);
        Directory::default().judge(server, message.as_bytes()).map(|_| ())
    };
    assert_eq!(at("mx.gatepost.example", &["smtp.gatepost.example", "Mail.gatepost.example"]), Ok(()));
    assert_eq!(at("mx.gatepost.example", &["smtp.gatepost.example"]), Err(Failure::WrongServer));
}

/// Signed by another implementation of RFC 5849 (Python's hmac and urllib), in the layout of RFC 7628's example.
#[test]
fn foreign_signatures_are_taken() {
    let rows = [
        ("HMAC-SHA1", "http", "ZtgNXRGyPDwvd5arU4hzlsDG8r4%3D"),
        ("HMAC-SHA1", "https", "yPKxln1pkTrWWUPaDkHATI6EMr4%3D"),
        ("HMAC-SHA256", "http", "jdf91H3XTnhvmECyW5iygAOHtX7RnE8iNSXrmP6TtgU%3D"),
    ];
    for (method, scheme, signature) in rows {
        let message = format!(
            "n,a=ada@gatepost.example,\x01host=Mail.Gatepost.example\x01port=587\x01auth=OAuth realm=\"Example, or \
             not\",\r\n oauth_consumer_key=\"dpf43f3p2l4k3l03\",\r\n oauth_token=\"nnch734d00sl2jdk\",\r\n \
             oauth_signature_method=\"{method}\",\r\n oauth_timestamp=\"1700000000\",\r\n \
             oauth_nonce=\"7d8f%203e%2B4a\",\r\n oauth_signature=\"{signature}\"\x01\x01"
        );
        assert_eq!(judge(&message), Ok(()), "{method} {scheme}");
        assert_eq!(judge(&message.replace("7d8f", "7d8e")), Err(REFUSED), "{method} {scheme}");
    }
}

#[test]
fn planted_faults_are_refused() {
    use Failure::{Malformed, Repeated, WrongServer};
    let good = message();
    assert_eq!(judge(&good), Ok(()));
    let rows = [
        ("host=mail", "host=mali", WrongServer),
        ("host=mail.gatepost.example\x01", "", Malformed),
        ("port=587", "port=465", WrongServer),
        ("port=587\x01", "", Malformed),
        ("a=ada@gatepost.example", "a=eve@gatepost.example", REFUSED),
        ("\x01auth", "\x01mthd=GET\x01auth", Malformed),
        ("\x01auth", "\x01qs=a\x01auth", Malformed),
        ("oauth_consumer_key=\"d", "oauth_consumer_key=\"e", REFUSED),
        ("oauth_token=\"n", "oauth_token=\"m", REFUSED),
        ("oauth_nonce=\"w", "oauth_nonce=\"x", REFUSED),
        ("HMAC-SHA1", "HMAC-SHA256", REFUSED),
        ("HMAC-SHA1", "PLAINTEXT", Malformed),
        ("oauth_version=\"1.0\"", "oauth_version=\"2.0\"", Malformed),
        ("oauth_version=\"1.0\",", "", REFUSED),
        ("oauth_signature=\"", "oauth_signature=\"A", REFUSED),
        ("%3D\"\x01\x01", "\"\x01\x01", REFUSED),
        ("1700000000", "1700000001", REFUSED),
        ("1700000000", "1700000301", Repeated),
        ("1700000000", "1699999699", Repeated),
        ("1700000000", "99999999999999999999", Malformed),
        ("1700000000", "-1", Malformed),
        ("1700000000", "", Malformed),
        ("oauth_token=", "oauth_tokn=", Malformed),
        ("oauth_nonce=", "oauth_nonse=", Malformed),
        ("oauth_version=", "oauth_token=\"x\",oauth_version=", Malformed),
        ("oauth_version=", "extra=\"x\",oauth_version=", REFUSED),
        ("OAuth ", "Bearer ", Malformed),
        ("n,a=", "p=tls-exporter,a=", Malformed),
        ("%3D", "%3", Malformed),
    ];
    for (from, to, want) in rows {
        assert!(good.contains(from), "nothing to change: {from}");
        assert_eq!(judge(&good.replacen(from, to, 1)), Err(want), "{from:?} to {to:?}");
    }
    // Said otherwise, but the same: the reserved keys' own defaults, small letters, nobody named.
    for (from, to) in [
        ("\x01auth", "\x01mthd=POST\x01path=/\x01post=\x01qs=\x01auth"),
        ("OAuth ", "oauth "),
        ("oauth_consumer_key", "realm=\"\",oauth%5Fconsumer%5fkey"),
        ("a=ada@gatepost.example", ""),
        ("n,a=ada@gatepost.example", "y,a=ADA@gatepost.example"),
    ] {
        assert_eq!(judge(&good.replacen(from, to, 1)), Ok(()), "{from:?} to {to:?}");
    }
}

#[test]
fn keys_of_another_account_or_another_secret_are_refused() {
    let mut wrong = keys();
    wrong.token_secret = Secret::new("pfkkdhi9sl3r4s01");
    let mut stranger = keys();
    stranger.token = "unknown".to_owned();
    for (user, keys) in [(USER, wrong), (USER, stranger), ("eve@gatepost.example", keys())] {
        let (mut server, mut client) = (server_at(TIME), client_as(user, keys, TIME));
        let mut directory = Directory::default();
        let ServerStep::Ask(question) = server.receive(Some(client.initial().unwrap().expose())) else {
            panic!("no question")
        };
        let challenge = challenged(server.answer(directory.answer(question)));
        assert_eq!(responded(client.receive(&challenge)), Secret::new("\x01"));
        assert_eq!(client.token_refused(), Some(TokenFault::Invalid));
        assert_eq!(client.succeeded(), Err(ClientFailure::TokenRefused(TokenFault::Invalid)));
        assert_eq!(failure(server.receive(Some(b"\x01"))), REFUSED);
        assert!(directory.used.is_empty(), "a nonce was spent for a login that failed");
    }
}

/// What was overheard, played to a fresh server: at once, within the window, and after the memory of nonces may be gone.
#[test]
fn a_replay_is_refused() {
    let (message, mut directory) = (message(), Directory::default());
    let window = limits::OAUTH_ONE_WINDOW_SECONDS;
    assert!(directory.judge(server_at(TIME), message.as_bytes()).is_ok());
    for time in [TIME, TIME + 1, TIME + window] {
        assert_eq!(directory.judge(server_at(time), message.as_bytes()), Err(Failure::Repeated));
    }
    let mut forgetful = Directory::default();
    for time in [TIME + window + 1, TIME - window - 1, 0, u64::MAX] {
        assert_eq!(forgetful.judge(server_at(time), message.as_bytes()), Err(Failure::Repeated));
    }
    assert!(forgetful.used.is_empty());
    assert!(forgetful.judge(server_at(TIME + window), message.as_bytes()).is_ok());
}

#[test]
fn the_directory_may_be_away() {
    let mut server = server_at(TIME);
    let _ = server.receive(Some(message().as_bytes()));
    assert_eq!(failure(server.answer(Answer::OauthOne(Lookup::Unavailable))), Failure::Unavailable);
    for (answer, want) in [
        (Answer::Freshness(Freshness::Unavailable), Failure::Unavailable),
        (Answer::Freshness(Freshness::Used), Failure::Repeated),
        (Answer::OauthOne(Lookup::Found(keys())), Failure::Misused),
    ] {
        let mut server = server_at(TIME);
        let _ = server.receive(Some(message().as_bytes()));
        let step = server.answer(Answer::OauthOne(Lookup::Found(keys())));
        assert!(matches!(step, ServerStep::Ask(ServerQuestion::OauthOneNonce { .. })), "{step:?}");
        assert_eq!(failure(server.answer(answer)), want);
    }
}

//! The server's side of a login: a client that says anything.

use gatepost_sasl::{
    Answer, Failure, Freshness, Lookup, Mechanism, NtHash, PasswordCheck, ScramHash, ScramVerifier, Secret,
    ServerExchange, ServerQuestion, ServerStep, TokenCheck, TokenFault,
};

use crate::choices::Head;
use crate::logins::{self, MECHANISMS, PASSWORD, TOKEN, USER};

/// Steps of the longest exchange, with room.
const MOST_STEPS: usize = 12;

/// Plays a client that says these lines, in an exchange of the mechanism that the first octet picks.
///
/// # Panics
///
/// If an exchange does not end, succeeds without the password, or is said to have been driven wrongly.
pub fn sasl_server(octets: &[u8]) {
    let (head, food) = Head::split(octets);
    let mechanism = head.pick(0, &MECHANISMS);
    let mut lines = food.split(|octet| *octet == b'\n');
    let mut said: Vec<&[u8]> = Vec::new();
    let mut exchange = ServerExchange::begin(mechanism, logins::server_context());
    let mut right = Right::NotAsked;
    let mut step = if head.pick(1, &[false, true]) {
        exchange.receive(None)
    } else {
        said.extend(lines.next());
        exchange.receive(said.last().copied())
    };
    for _ in 0..MOST_STEPS {
        step = match step {
            ServerStep::Ask(question) => {
                let (answer, verdict) = answer(&question);
                right = verdict;
                exchange.answer(answer)
            }
            ServerStep::Challenge(challenge) => {
                let is_text = !matches!(mechanism, Mechanism::Ntlm | Mechanism::Gssapi);
                let is_plain = challenge.iter().all(|octet| octet.is_ascii_graphic() || *octet == b' ');
                assert!(is_plain || !is_text, "{mechanism:?}");
                let Some(line) = lines.next() else { return };
                said.push(line);
                exchange.receive(Some(line))
            }
            ServerStep::Succeeded(identity) => {
                assert_eq!(identity.authentication_id(), USER);
                assert!(earned(mechanism, right, &said), "{mechanism:?} {said:?}");
                return;
            }
            ServerStep::Failed(failure) => {
                assert_ne!(failure, Failure::Misused);
                let again = exchange.receive(Some(b"again"));
                assert!(matches!(again, ServerStep::Failed(Failure::Misused)), "goes on after its end");
                return;
            }
        };
    }
    unreachable!("{mechanism:?} does not end: {said:?}")
}

/// Whether a password or a token was compared, and was right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    NotAsked,
    Yes,
    No,
}

/// A directory of one account.
fn answer(question: &ServerQuestion) -> (Answer, Right) {
    match question {
        ServerQuestion::CheckPassword { user, password } if user == USER && password.matches(PASSWORD) => {
            (Answer::Password(PasswordCheck::Right), Right::Yes)
        }
        ServerQuestion::CheckPassword { .. } => (Answer::Password(PasswordCheck::Wrong), Right::No),
        ServerQuestion::ScramVerifier { user, hash } => {
            (Answer::Scram(Lookup::Found(verifier(user, *hash))), Right::NotAsked)
        }
        ServerQuestion::CramSecret { user } if user == USER => {
            (Answer::Cram(Lookup::Found(logins::cram_secret())), Right::NotAsked)
        }
        ServerQuestion::CramSecret { .. } => (Answer::Cram(Lookup::Missing), Right::NotAsked),
        ServerQuestion::CheckToken { token, .. } if token.matches(TOKEN) => {
            (Answer::Token(TokenCheck::Right { user: USER.to_owned() }), Right::Yes)
        }
        ServerQuestion::CheckToken { .. } => {
            (Answer::Token(TokenCheck::Refused(TokenFault::Invalid)), Right::No)
        }
        ServerQuestion::DigestSecret { user, realm } => {
            (Answer::Digest(of_user(user, || logins::digest_secret(realm))), Right::NotAsked)
        }
        ServerQuestion::NtHash { user, .. } => {
            (Answer::Nt(of_user(user, || NtHash::derive(&Secret::new(PASSWORD)))), Right::NotAsked)
        }
        ServerQuestion::OauthOneKeys { consumer, token, .. } => {
            let keys = logins::oauth_one_keys();
            let is_known = (consumer, token) == (&keys.consumer, &keys.token);
            (Answer::OauthOne(if is_known { Lookup::Found(keys) } else { Lookup::Missing }), Right::NotAsked)
        }
        ServerQuestion::OauthOneNonce { .. } => (Answer::Freshness(Freshness::New), Right::NotAsked),
        ServerQuestion::ClientCertificate { .. } | ServerQuestion::Principal { .. } => {
            (Answer::User(Lookup::Found(USER.to_owned())), Right::Yes)
        }
        ServerQuestion::Gss(question) => (Answer::Gss(logins::library(question)), Right::NotAsked),
    }
}

fn of_user<T>(user: &str, secret: impl FnOnce() -> T) -> Lookup<T> {
    if user == USER { Lookup::Found(secret()) } else { Lookup::Missing }
}

fn verifier(user: &str, hash: ScramHash) -> ScramVerifier {
    if user == USER {
        logins::scram_verifier(hash)
    } else {
        ScramVerifier::fake(hash, user, &Secret::new("fakes"), logins::ITERATIONS)
    }
}

/// Whether a success came by right: the secret was shown, or the proof that was said is what the real client says.
fn earned(mechanism: Mechanism, right: Right, said: &[&[u8]]) -> bool {
    let good = logins::talk(mechanism).to_server.concat();
    let said = said.concat();
    match mechanism {
        Mechanism::Plain
        | Mechanism::Login
        | Mechanism::Oauthbearer
        | Mechanism::Xoauth2
        | Mechanism::External
        | Mechanism::Gssapi => right == Right::Yes,
        // The name may be spelt in any way that is prepared to it, and the digest in capitals.
        Mechanism::CramMd5 | Mechanism::Md5 => good
            .rsplit(|octet| *octet == b' ')
            .next()
            .is_some_and(|digest| said.to_ascii_lowercase().ends_with(digest)),
        // The proofs cover whatever counts, and may be spelt in many ways.
        Mechanism::DigestMd5 => says_again(&good, "response=", &said),
        Mechanism::Oauth10a => says_again(&good, "oauth_signature=\"", &said),
        Mechanism::ScramSha1
        | Mechanism::ScramSha256
        | Mechanism::ScramSha512
        | Mechanism::ScramSha1Plus
        | Mechanism::ScramSha256Plus
        | Mechanism::ScramSha512Plus => said == good,
        // Names beside the proof are not covered by it.
        Mechanism::Ntlm => {
            let talk = logins::talk(mechanism);
            let proof = talk.to_server.last().and_then(|message| logins::nt_proof(message));
            proof.is_some_and(|proof| said.windows(proof.len()).any(|octets| octets == proof))
        }
    }
}

/// Whether what stands behind `name` in the good message stands anywhere in what was said.
fn says_again(good: &[u8], name: &str, said: &[u8]) -> bool {
    let good = logins::plain(good);
    let proof = good.split_once(name).map(|(_, proof)| proof.split([',', '"']).next().unwrap_or_default());
    proof.is_some_and(|proof| !proof.is_empty() && logins::plain(said).contains(proof))
}

//! The server's side of a login: a client that says anything.

use gatepost_sasl::{
    Answer, Failure, Lookup, Mechanism, PasswordCheck, ScramHash, ScramVerifier, Secret, ServerExchange,
    ServerQuestion, ServerStep,
};

use crate::choices::Head;
use crate::logins::{self, PASSWORD, USER};

/// Steps of the longest exchange, with room.
const MOST_STEPS: usize = 12;

/// Plays a client that says these lines, in an exchange of the mechanism that the first octet picks.
///
/// # Panics
///
/// If an exchange does not end, succeeds without the password, or is said to have been driven wrongly.
pub fn sasl_server(octets: &[u8]) {
    let (head, food) = Head::split(octets);
    let mechanism = head.pick(0, &Mechanism::ALL);
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
                assert!(challenge.iter().all(|octet| octet.is_ascii_graphic() || *octet == b' '));
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

/// Whether the password was compared, and was right.
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
    }
}

fn verifier(user: &str, hash: ScramHash) -> ScramVerifier {
    if user == USER {
        logins::scram_verifier(hash)
    } else {
        ScramVerifier::fake(hash, user, &Secret::new("fakes"), logins::ITERATIONS)
    }
}

/// Whether a success came by right: the password was shown, or what was said is what the real client says.
fn earned(mechanism: Mechanism, right: Right, said: &[&[u8]]) -> bool {
    match mechanism {
        Mechanism::Plain | Mechanism::Login => right == Right::Yes,
        // The name may be spelt in any way that is prepared to it, and the digest in capitals.
        Mechanism::CramMd5 => logins::talk(mechanism)
            .to_server
            .concat()
            .rsplit(|octet| *octet == b' ')
            .next()
            .is_some_and(|digest| said.concat().to_ascii_lowercase().ends_with(digest)),
        Mechanism::ScramSha1
        | Mechanism::ScramSha256
        | Mechanism::ScramSha1Plus
        | Mechanism::ScramSha256Plus => said.concat() == logins::talk(mechanism).to_server.concat(),
    }
}

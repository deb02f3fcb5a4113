//! The client's side of a login: a server that says anything.

use gatepost_sasl::{ClientExchange, ClientStep, Mechanism};

use crate::choices::Head;
use crate::logins::{self, MECHANISMS};

/// Challenges that any mechanism takes, at most.
const MOST_CHALLENGES: usize = 3;

/// Plays a server that says these lines, in an exchange of the mechanism that the first octet picks.
///
/// # Panics
///
/// If an exchange does not end, goes on after it failed, or takes the word of a server that has not proved itself.
pub fn sasl_client(octets: &[u8]) {
    let (head, food) = Head::split(octets);
    let mechanism = head.pick(0, &MECHANISMS);
    let Ok(mut exchange) = ClientExchange::begin(mechanism, logins::client_context(mechanism)) else {
        unreachable!("{mechanism:?} can be begun")
    };
    let first = exchange.initial();
    // GSSAPI's first word comes from a library, which is asked later.
    assert!(first.is_some() == mechanism.client_speaks_first() || mechanism == Mechanism::Gssapi);
    let mut heard: Vec<&[u8]> = Vec::new();
    for line in food.split(|octet| *octet == b'\n') {
        if is_costly(line) {
            return;
        }
        let mut step = exchange.receive(line);
        while let ClientStep::Ask(question) = step {
            step = exchange.answer(logins::library(&question));
        }
        match step {
            ClientStep::Respond(_) => heard.push(line),
            ClientStep::Ask(_) | ClientStep::Failed(_) => {
                assert!(exchange.succeeded().is_err(), "content after a failure");
                assert!(matches!(exchange.receive(b""), ClientStep::Failed(_)), "goes on after its end");
                return;
            }
        }
        assert!(heard.len() <= MOST_CHALLENGES, "{mechanism:?} does not end");
    }
    // A server's proof covers all that was said.
    if mechanism.scram_hash().is_some() && exchange.succeeded().is_ok() {
        let proved = logins::talk(mechanism).to_client;
        assert_eq!(heard, proved, "a server that has not proved itself");
    }
    if mechanism == Mechanism::DigestMd5 && exchange.succeeded().is_ok() {
        let proved = logins::talk(mechanism).to_client.concat();
        let proof = logins::plain(&proved).rsplit('=').next().unwrap_or_default().to_owned();
        assert!(logins::plain(&heard.concat()).contains(&proof), "a server that has not proved itself");
    }
    // Whoever showed a token and heard anything but success knows that it was refused.
    if exchange.token_refused().is_some() {
        assert!(exchange.succeeded().is_err() && heard.len() == 1, "{mechanism:?}");
    }
}

/// Many iterations are allowed, but are a matter of time only.
fn is_costly(line: &[u8]) -> bool {
    let mut words = line.split(|octet| *octet == b',').filter_map(|word| word.strip_prefix(b"i="));
    words.any(|count| count.iter().take_while(|octet| octet.is_ascii_digit()).count() > 4)
}

//! Order, limits and edges of the single mechanisms.

use super::{PASSWORDS, both, client_context, pair, server_context};
use crate::{
    Answer, ClientExchange, ClientFailure, ClientStep, Failure, Lookup, Mechanism, PasswordCheck, PlusOffer,
    ScramHash, ScramVerifier, Secret, ServerExchange, ServerQuestion, ServerStep, limits,
};

fn server(mechanism: Mechanism) -> ServerExchange {
    ServerExchange::begin(mechanism, server_context(both(), PlusOffer::Offered))
}

#[track_caller]
fn assert_failed(step: ServerStep, want: Failure) {
    match step {
        ServerStep::Failed(failure) => assert_eq!(failure, want),
        other @ (ServerStep::Ask(_) | ServerStep::Challenge(_) | ServerStep::Succeeded(_)) => {
            panic!("{other:?} instead of {want:?}")
        }
    }
}

#[track_caller]
fn assert_challenge(step: ServerStep, want: &[u8]) {
    match step {
        ServerStep::Challenge(challenge) => assert_eq!(challenge, want),
        other @ (ServerStep::Ask(_) | ServerStep::Failed(_) | ServerStep::Succeeded(_)) => {
            panic!("{other:?}")
        }
    }
}

/// The dialogue of every tutorial: base64 of these is VXNlcm5hbWU6 and UGFzc3dvcmQ6.
#[test]
fn login_prompts_to_the_letter() {
    let mut typed = server(Mechanism::Login);
    assert_challenge(typed.receive(None), b"Username:");
    assert_challenge(typed.receive(Some(b"ada")), b"Password:");
    let step = typed.receive(Some(b"correct horse"));
    assert!(
        matches!(&step, ServerStep::Ask(ServerQuestion::CheckPassword { user, .. }) if user == "ada"),
        "{step:?}"
    );
    let mut with_initial = server(Mechanism::Login);
    assert_challenge(with_initial.receive(Some(b"ada")), b"Password:");
}

#[test]
fn a_login_client_takes_any_prompt() {
    for prompts in [["Username:", "Password:"], ["", ""], ["User Name\0", "Password\0"], ["334", "pass?"]] {
        let (_, mut client) = pair(Mechanism::Login);
        assert_eq!(client.initial(), None);
        for (prompt, want) in prompts.iter().zip([super::USER, super::PASSWORD]) {
            assert_eq!(client.succeeded(), Err(ClientFailure::Premature));
            let ClientStep::Respond(response) = client.receive(prompt.as_bytes()) else { panic!("{prompt}") };
            assert_eq!(response, Secret::new(want));
        }
        assert_eq!(client.succeeded(), Ok(()));
        let step = client.receive(b"One more:");
        assert!(matches!(step, ClientStep::Failed(ClientFailure::Unexpected)), "{step:?}");
        assert_eq!(client.succeeded(), Err(ClientFailure::Unexpected));
    }
}

#[test]
fn no_client_answers_for_ever() {
    for mechanism in PASSWORDS {
        for begins_at_once in [true, false] {
            let (_, mut client) = pair(mechanism);
            let _ = begins_at_once.then(|| client.initial());
            let answered =
                (0..10).take_while(|_| matches!(client.receive(b""), ClientStep::Respond(_))).count();
            assert!(answered <= 3, "{mechanism:?} answered {answered} times");
            assert!(client.succeeded().is_err() && client.initial().is_none());
        }
    }
}

#[test]
fn malformed_first_messages_are_refused() {
    let name = vec![b'n'; limits::NAME_OCTETS_MOST + 1];
    let word = [b"\0ada\0".as_slice(), &vec![b'p'; limits::PASSWORD_OCTETS_MOST + 1]].concat();
    let whole = vec![b'x'; limits::MESSAGE_OCTETS_MOST + 1];
    // Well-formed, and too long by one octet.
    let mut long = b"n,,n=ada,r=abc,x=".to_vec();
    long.resize(limits::MESSAGE_OCTETS_MOST + 1, b'x');
    let rows: [(Mechanism, &[u8], Failure); 20] = [
        (Mechanism::Plain, b"", Failure::Malformed),
        (Mechanism::Plain, b"ada", Failure::Malformed),
        (Mechanism::Plain, b"ada\0horse", Failure::Malformed),
        (Mechanism::Plain, b"\0\0horse", Failure::Malformed),
        (Mechanism::Plain, b"\0ada\0", Failure::Malformed),
        (Mechanism::Plain, b"\0ada\0horse\0", Failure::Malformed),
        (Mechanism::Plain, b"\0ada\0\0horse", Failure::Malformed),
        (Mechanism::Plain, b"\0\xff\0horse", Failure::Malformed),
        (Mechanism::Plain, b"\xff\0ada\0horse", Failure::Malformed),
        (Mechanism::Plain, b"\0a\x07\0horse", Failure::Rejected),
        (Mechanism::Plain, &word, Failure::Malformed),
        (Mechanism::Plain, &whole, Failure::Malformed),
        (Mechanism::Login, b"", Failure::Malformed),
        (Mechanism::Login, b"\xc3", Failure::Malformed),
        (Mechanism::Login, &name, Failure::Malformed),
        (Mechanism::CramMd5, b"ada b913a602c7eda7a495b4e6e7334d3890", Failure::Malformed),
        (Mechanism::DigestMd5, b"", Failure::Malformed),
        (Mechanism::DigestMd5, b"charset=utf-8", Failure::Malformed),
        (Mechanism::ScramSha256, b"", Failure::Malformed),
        (Mechanism::ScramSha1, &long, Failure::Malformed),
    ];
    for (mechanism, message, want) in rows {
        assert_failed(server(mechanism).receive(Some(message)), want);
    }
    long.pop();
    let step = server(Mechanism::ScramSha1).receive(Some(&long));
    assert!(matches!(step, ServerStep::Ask(_)), "{step:?}");
}

#[test]
fn malformed_later_messages_are_refused() {
    for password in [b"".as_slice(), b"a\0b"] {
        let mut login = server(Mechanism::Login);
        let _ = login.receive(Some(b"ada"));
        assert_failed(login.receive(Some(password)), Failure::Malformed);
    }
    let digests: [&[u8]; 6] = [
        b"",
        b"ada",
        b"ada ",
        b"ada b913a602c7eda7a495b4e6e7334d389",
        b"ada b913a602c7eda7a495b4e6e7334d389g",
        b" b913a602c7eda7a495b4e6e7334d3890",
    ];
    for response in digests {
        let mut cram = server(Mechanism::CramMd5);
        let _ = cram.receive(None);
        assert_failed(cram.receive(Some(response)), Failure::Malformed);
    }
}

#[test]
fn cram_names_may_hold_spaces_and_digests_capitals() {
    let mut cram = server(Mechanism::CramMd5);
    let _ = cram.receive(None);
    let step = cram.receive(Some(b"ada of gatepost B913A602C7EDA7A495B4E6E7334D3890"));
    assert!(
        matches!(&step, ServerStep::Ask(ServerQuestion::CramSecret { user }) if user == "ada of gatepost"),
        "{step:?}"
    );
    assert_failed(cram.answer(Answer::Cram(Lookup::Missing)), Failure::Rejected);
}

#[test]
fn a_directory_that_cannot_be_asked_defers() {
    let rows: [(Mechanism, &[&[u8]], Answer); 4] = [
        (Mechanism::Plain, &[b"\0ada\0horse"], Answer::Password(PasswordCheck::Unavailable)),
        (Mechanism::Login, &[b"ada", b"horse"], Answer::Password(PasswordCheck::Unavailable)),
        (Mechanism::ScramSha1, &[b"n,,n=ada,r=abc"], Answer::Scram(Lookup::Unavailable)),
        (Mechanism::ScramSha256, &[b"n,,n=ada,r=abc"], Answer::Scram(Lookup::Unavailable)),
    ];
    for (mechanism, messages, answer) in rows {
        let mut server = server(mechanism);
        for message in messages {
            let _ = server.receive(Some(message));
        }
        assert_failed(server.answer(answer), Failure::Unavailable);
    }
    let mut cram = server(Mechanism::CramMd5);
    let _ = cram.receive(None);
    let _ = cram.receive(Some(b"ada b913a602c7eda7a495b4e6e7334d3890"));
    assert_failed(cram.answer(Answer::Cram(Lookup::Unavailable)), Failure::Unavailable);
}

#[test]
fn calls_out_of_turn_never_succeed() {
    let verifier = ScramVerifier::fake(ScramHash::Sha1, "ada", &Secret::new("x"), 4_096);
    for mechanism in PASSWORDS {
        // An answer that nobody asked for.
        assert_failed(server(mechanism).answer(Answer::Password(PasswordCheck::Right)), Failure::Misused);
        // Silence is only possible at the beginning.
        let mut silent = server(mechanism);
        let _ = silent.receive(None);
        assert_failed(silent.receive(None), Failure::Misused);
        // After the end there is nothing.
        assert_failed(silent.receive(Some(b"\0ada\0horse")), Failure::Misused);
        assert_failed(silent.answer(Answer::Password(PasswordCheck::Right)), Failure::Misused);
    }
    // Octets while a question is open, and answers to another question.
    let mut plain = server(Mechanism::Plain);
    let _ = plain.receive(Some(b"\0ada\0horse"));
    assert_failed(plain.receive(Some(b"\0ada\0horse")), Failure::Misused);
    let mut plain = server(Mechanism::Plain);
    let _ = plain.receive(Some(b"\0ada\0horse"));
    assert_failed(plain.answer(Answer::Cram(Lookup::Missing)), Failure::Misused);
    for answer in [Answer::Password(PasswordCheck::Right), Answer::Scram(Lookup::Found(verifier))] {
        let mut scram = server(Mechanism::ScramSha256);
        let _ = scram.receive(Some(b"n,,n=ada,r=abc"));
        assert_failed(scram.answer(answer), Failure::Misused);
    }
}

#[test]
fn an_over_long_challenge_ends_a_client() {
    for mechanism in PASSWORDS {
        let mut client =
            ClientExchange::begin(mechanism, client_context(both(), PlusOffer::Offered)).unwrap();
        let step = client.receive(&vec![b'x'; limits::MESSAGE_OCTETS_MOST + 1]);
        assert!(matches!(step, ClientStep::Failed(ClientFailure::Malformed)), "{step:?}");
    }
}

//! EXTERNAL: with and without an initial response, for oneself and for another.

use super::{Nonce, challenged, failure, responded, server_context};
use crate::{
    Answer, ClientContext, ClientExchange, ClientFailure, ClientStep, Failure, Identity, Login, Lookup,
    Mechanism, PlusOffer, ServerExchange, ServerQuestion, ServerStep, limits,
};

fn server() -> ServerExchange {
    ServerExchange::begin(Mechanism::External, server_context(Vec::new(), PlusOffer::NotOffered))
}

fn client(user: &str) -> ClientExchange {
    let login = Login::with_certificate(user).unwrap();
    let context = ClientContext::new(login, Nonce::from_random(&[0xc1; 18]), "mail.gatepost.example", 0);
    ClientExchange::begin(Mechanism::External, context).unwrap()
}

#[derive(Clone, Copy)]
enum Begins {
    AtOnce,
    WhenAsked,
}

/// The end of an exchange with this client, when the certificate is of `owner`.
fn outcome(user: &str, begins: Begins, owner: &str) -> Identity {
    let (mut server, mut client) = (server(), client(user));
    assert_eq!(client.succeeded(), Err(ClientFailure::Premature));
    let message = match begins {
        Begins::AtOnce => client.initial().unwrap(),
        Begins::WhenAsked => {
            assert_eq!(challenged(server.receive(None)), b"");
            responded(client.receive(b""))
        }
    };
    assert_eq!(message.expose(), user.as_bytes());
    let step = server.receive(Some(message.expose()));
    let ServerStep::Ask(ServerQuestion::ClientCertificate { user: named }) = step else { panic!("{step:?}") };
    assert_eq!(named.as_deref(), Some(user).filter(|name| !name.is_empty()));
    assert_eq!(client.succeeded(), Ok(()));
    let step = server.answer(Answer::User(Lookup::Found(owner.to_owned())));
    let ServerStep::Succeeded(identity) = step else { panic!("{step:?}") };
    identity
}

/// RFC 4422 appendix A.1 has these two messages.
#[test]
fn the_certificate_says_who_and_the_message_for_whom() {
    let rows = [
        ("", "ada@gatepost.example", None),
        ("Ada@Gatepost.Example", "ada@gatepost.example", None),
        ("fred@example.com", "ada@gatepost.example", Some("fred@example.com")),
    ];
    for (said, owner, acting_for) in rows {
        for begins in [Begins::AtOnce, Begins::WhenAsked] {
            let want = Identity::new(owner.to_owned(), acting_for.map(str::to_owned));
            assert_eq!(outcome(said, begins, owner), want, "{said}");
        }
    }
}

#[test]
fn refusals() {
    let rows = [
        (Answer::User(Lookup::Missing), Failure::NoCertificate),
        (Answer::User(Lookup::Unavailable), Failure::Unavailable),
        (Answer::Cram(Lookup::Missing), Failure::Misused),
    ];
    for (answer, want) in rows {
        let mut server = server();
        let _ = server.receive(Some(b""));
        assert_eq!(failure(server.answer(answer)), want);
    }
    let long = vec![b'a'; limits::NAME_OCTETS_MOST + 1];
    let rows: [(&[u8], Failure); 3] =
        [(b"\xff", Failure::Malformed), (&long, Failure::Malformed), (b"ada\0", Failure::Rejected)];
    for (message, want) in rows {
        assert_eq!(failure(server().receive(Some(message))), want, "{message:?}");
    }
    let mut client = client("");
    let _ = client.initial();
    let step = client.receive(b"more");
    assert!(matches!(step, ClientStep::Failed(ClientFailure::Unexpected)), "{step:?}");
}

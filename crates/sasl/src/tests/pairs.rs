//! Our server against our client: every mechanism, every kind of binding, both ways to begin.

use super::{
    Directory, Outcome, PASSWORD, PASSWORDS, USER, binding, both, client_context, pair, server_context, talk,
};
use crate::{
    BindingKind, ClientContext, ClientExchange, ClientFailure, ClientStep, Failure, Identity, Login,
    LoginError, Mechanism, PlusOffer, Secret, ServerExchange, ServerStep, limits,
};

#[test]
fn every_mechanism_succeeds() {
    for mechanism in PASSWORDS {
        let (server, client) = pair(mechanism);
        assert_eq!(talk(server, client, |_, _, _| ()), Outcome::success(), "{mechanism:?}");
    }
}

#[test]
fn every_mechanism_succeeds_without_tls_and_without_initial_response() {
    for mechanism in PASSWORDS.into_iter().filter(|mechanism| !mechanism.needs_channel_binding()) {
        let mut server = ServerExchange::begin(mechanism, server_context(Vec::new(), PlusOffer::NotOffered));
        let mut client =
            ClientExchange::begin(mechanism, client_context(Vec::new(), PlusOffer::NotOffered)).unwrap();
        let directory = Directory::new();
        let mut step = server.receive(None);
        let identity = loop {
            step = match step {
                ServerStep::Challenge(challenge) => match client.receive(&challenge) {
                    ClientStep::Respond(response) => server.receive(Some(response.expose())),
                    ClientStep::Failed(failure) => panic!("{mechanism:?}: {failure:?}"),
                    ClientStep::Ask(question) => panic!("{question:?}"),
                },
                ServerStep::Ask(question) => server.answer(directory.answer(&question)),
                ServerStep::Succeeded(identity) => break identity,
                ServerStep::Failed(failure) => panic!("{mechanism:?}: {failure:?}"),
            };
        };
        assert_eq!(identity, Identity::new(USER.to_owned(), None), "{mechanism:?}");
        assert_eq!(client.succeeded(), Ok(()), "{mechanism:?}");
    }
}

#[test]
fn a_wrong_password_and_an_unknown_user_fail_alike() {
    for mechanism in PASSWORDS {
        let failures =
            [(USER, "wrong horse"), ("eve@gatepost.example", PASSWORD), ("eve\u{1f511}", PASSWORD)].map(
                |(user, password)| {
                    let mut context = client_context(both(), PlusOffer::Offered);
                    context.login = Login::new(user, Secret::new(password)).unwrap();
                    let client = ClientExchange::begin(mechanism, context).unwrap();
                    talk(pair(mechanism).0, client, |_, _, _| ())
                },
            );
        for failure in failures {
            assert_eq!(failure, Outcome::ServerFailed(Failure::Rejected), "{mechanism:?}");
        }
    }
}

#[test]
fn bindings_must_be_of_one_kind_and_equal() {
    use BindingKind::{TlsExporter, TlsServerEndPoint};
    let other = crate::ChannelBinding::new(TlsExporter, [0x56; 32]);
    let rows = [
        ("exporter", vec![binding(TlsExporter)], both(), Outcome::success()),
        ("end point", vec![binding(TlsServerEndPoint)], both(), Outcome::success()),
        (
            "end point only",
            vec![binding(TlsServerEndPoint)],
            vec![binding(TlsServerEndPoint)],
            Outcome::success(),
        ),
        (
            "server has another kind",
            both(),
            vec![binding(TlsServerEndPoint)],
            Outcome::ServerFailed(Failure::ChannelBindingUnsupported),
        ),
        ("server has none", both(), vec![], Outcome::ServerFailed(Failure::ChannelBindingUnsupported)),
        ("another channel", both(), vec![other], Outcome::ServerFailed(Failure::ChannelBindingMismatch)),
    ];
    for mechanism in [Mechanism::ScramSha1Plus, Mechanism::ScramSha256Plus] {
        for (name, at_client, at_server, want) in &rows {
            let server =
                ServerExchange::begin(mechanism, server_context(at_server.clone(), PlusOffer::Offered));
            let client =
                ClientExchange::begin(mechanism, client_context(at_client.clone(), PlusOffer::Offered))
                    .unwrap();
            assert_eq!(&talk(server, client, |_, _, _| ()), want, "{mechanism:?}: {name}");
        }
    }
}

/// RFC 5802 section 6: the list was changed on its way, so the client never saw the -PLUS forms.
#[test]
fn a_changed_list_is_noticed() {
    for mechanism in [Mechanism::ScramSha1, Mechanism::ScramSha256] {
        let server = |plus| ServerExchange::begin(mechanism, server_context(both(), plus));
        let client = |plus| ClientExchange::begin(mechanism, client_context(both(), plus)).unwrap();
        assert_eq!(
            talk(server(PlusOffer::Offered), client(PlusOffer::NotOffered), |_, _, _| ()),
            Outcome::ServerFailed(Failure::PlusNotUsedThoughOffered)
        );
        // Saw them and does without, or neither has them: both are fine.
        for plus in [PlusOffer::Offered, PlusOffer::NotOffered] {
            assert_eq!(talk(server(plus), client(plus), |_, _, _| ()), Outcome::success(), "{plus:?}");
        }
    }
}

#[test]
fn an_authorization_identity_arrives_where_it_can() {
    for mechanism in PASSWORDS {
        let login =
            Login::new(USER, Secret::new(PASSWORD)).unwrap().acting_for("a=b,c@gatepost.example").unwrap();
        let context = ClientContext { login, ..client_context(both(), PlusOffer::Offered) };
        match ClientExchange::begin(mechanism, context) {
            Ok(client) => {
                let identity = Identity::new(USER.to_owned(), Some("a=b,c@gatepost.example".to_owned()));
                assert_eq!(
                    talk(pair(mechanism).0, client, |_, _, _| ()),
                    Outcome::Succeeded(identity, Ok(()))
                );
            }
            Err(failure) => {
                assert_eq!(failure, ClientFailure::CannotActForAnother);
                assert!(
                    matches!(mechanism, Mechanism::Login | Mechanism::CramMd5 | Mechanism::Md5),
                    "{mechanism:?}"
                );
            }
        }
    }
}

#[test]
fn a_plus_mechanism_needs_a_binding() {
    let context = client_context(Vec::new(), PlusOffer::Offered);
    let failure = ClientExchange::begin(Mechanism::ScramSha256Plus, context).unwrap_err();
    assert_eq!(failure, ClientFailure::NoChannelBinding);
}

#[test]
fn logins_are_checked_when_made() {
    let long = "x".repeat(limits::PASSWORD_OCTETS_MOST + 1);
    let rows = [
        ("", "b", LoginError::Empty),
        ("a", "", LoginError::Empty),
        ("a\0", "b", LoginError::Nul),
        ("a", "b\0", LoginError::Nul),
        (long.as_str(), "b", LoginError::TooLong),
        ("a", long.as_str(), LoginError::TooLong),
    ];
    for (user, password, want) in rows {
        assert_eq!(Login::new(user, Secret::new(password)), Err(want));
    }
    assert_eq!(Login::new("a", Secret::new("b")).unwrap().acting_for("\0"), Err(LoginError::Nul));
}

#[test]
fn debug_shows_no_secret() {
    let (server, client) = pair(Mechanism::ScramSha256Plus);
    let shown = format!(
        "{server:?} {client:?} {:?} {:?}",
        client_context(both(), PlusOffer::Offered),
        server_context(both(), PlusOffer::Offered)
    );
    assert!(!shown.contains(PASSWORD) && !shown.contains("85, 85"), "{shown}");
    assert!(
        shown.starts_with("ServerExchange(SCRAM-SHA-256-PLUS) ClientExchange(SCRAM-SHA-256-PLUS)"),
        "{shown}"
    );
    let mut client = client;
    let step = client.receive(b"");
    assert_eq!(format!("{step:?}"), "Respond(Secret(..))");
    let mut server = ServerExchange::begin(Mechanism::Plain, server_context(both(), PlusOffer::Offered));
    let step = server.receive(Some(b"\0ada\0correct horse"));
    assert_eq!(format!("{step:?}"), "Ask(CheckPassword { user: \"ada\", password: Secret(..) })");
}

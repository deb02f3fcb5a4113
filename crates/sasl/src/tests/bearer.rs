//! OAUTHBEARER and XOAUTH2: the examples of RFC 7628 and of Google, a token of somebody else, refusals in two steps.

use super::{Nonce, challenged, failure, responded, server_context};
use crate::{
    Answer, ClientContext, ClientExchange, ClientFailure, ClientStep, Failure, Identity, Login, Mechanism,
    OauthHelp, PlusOffer, Secret, ServerContext, ServerExchange, ServerQuestion, ServerStep, TokenCheck,
    TokenFault, limits,
};

const TOKEN: &str = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
const BOTH: [Mechanism; 2] = [Mechanism::Oauthbearer, Mechanism::Xoauth2];

fn server(mechanism: Mechanism) -> ServerExchange {
    ServerExchange::begin(mechanism, server_context(Vec::new(), PlusOffer::NotOffered))
}

fn client(mechanism: Mechanism, login: Login) -> ClientExchange {
    ClientExchange::begin(mechanism, context(login, "mail.gatepost.example", 587)).unwrap()
}

fn context(login: Login, host: &str, port: u16) -> ClientContext {
    ClientContext { port, ..ClientContext::new(login, Nonce::from_random(&[0xc1; 18]), host, 1_700_000_000) }
}

fn login() -> Login {
    Login::with_token("user@example.com", Secret::new(TOKEN)).unwrap()
}

/// The question that this message leads to.
fn asked(server: &mut ServerExchange, message: &[u8]) -> (Option<String>, Secret) {
    let step = server.receive(Some(message));
    let ServerStep::Ask(ServerQuestion::CheckToken { user, token }) = step else { panic!("{step:?}") };
    (user, token)
}

fn right(user: &str) -> Answer {
    Answer::Token(TokenCheck::Right { user: user.to_owned() })
}

/// RFC 7628 section 4.1, at the port of IMAP.
#[test]
fn rfc_7628_section_4_1() {
    let message = format!(
        "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer {TOKEN}\x01\x01"
    );
    let context = context(login(), "server.example.com", 143);
    let mut client = ClientExchange::begin(Mechanism::Oauthbearer, context).unwrap();
    assert_eq!(client.initial().unwrap().expose(), message.as_bytes());
    let context = ServerContext {
        port: 143,
        ..ServerContext::new(Nonce::from_random(&[0xb5; 18]), "server.example.com", 0)
    };
    let mut server = ServerExchange::begin(Mechanism::Oauthbearer, context);
    let asked = asked(&mut server, message.as_bytes());
    assert_eq!(asked, (Some("user@example.com".to_owned()), Secret::new(TOKEN)));
    let ServerStep::Succeeded(identity) = server.answer(right("user@example.com")) else {
        panic!("no success")
    };
    assert_eq!(identity, Identity::new("user@example.com".to_owned(), None));
    assert_eq!((client.succeeded(), client.token_refused()), (Ok(()), None));
}

/// Google's page on XOAUTH2.
#[test]
fn xoauth2_is_as_its_page_says() {
    let message =
        b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01";
    let token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";
    let login = Login::with_token("someuser@example.com", Secret::new(token)).unwrap();
    assert_eq!(client(Mechanism::Xoauth2, login).initial().unwrap().expose(), message);
    let asked = asked(&mut server(Mechanism::Xoauth2), message);
    assert_eq!(asked, (Some("someuser@example.com".to_owned()), Secret::new(token)));
}

#[test]
fn both_ways_to_begin_lead_to_the_same() {
    for mechanism in BOTH {
        for begins_at_once in [true, false] {
            let (mut server, mut client) = (server(mechanism), client(mechanism, login()));
            let message = if begins_at_once {
                client.initial().unwrap()
            } else {
                assert_eq!(challenged(server.receive(None)), b"");
                responded(client.receive(b""))
            };
            let _ = asked(&mut server, message.expose());
            let step = server.answer(right("User@Example.com"));
            // The same account, spelt otherwise: nobody acts for another.
            let identity = Identity::new("User@Example.com".to_owned(), None);
            assert!(matches!(step, ServerStep::Succeeded(found) if found == identity), "{mechanism:?}");
            assert_eq!(client.succeeded(), Ok(()));
        }
    }
}

/// A stolen token does not make its thief somebody else: the identity is the owner's, and whom it wants to act for is told.
#[test]
fn a_token_of_somebody_else_proves_somebody_else() {
    for mechanism in BOTH {
        let mut server = server(mechanism);
        let _ = asked(&mut server, client(mechanism, login()).initial().unwrap().expose());
        let ServerStep::Succeeded(identity) = server.answer(right("eve@example.com")) else {
            panic!("no success")
        };
        assert_eq!(identity.authentication_id(), "eve@example.com");
        assert_eq!(identity.authorization_id(), Some("user@example.com"));
    }
}

#[test]
fn a_client_that_names_nobody_is_the_owner() {
    let mut server = server(Mechanism::Oauthbearer);
    let (user, _) = asked(&mut server, format!("n,,\x01auth=bearer  {TOKEN}\x01\x01").as_bytes());
    assert_eq!(user, None);
    let step = server.answer(right("ada@example.com"));
    assert!(matches!(step, ServerStep::Succeeded(identity) if identity.authorization_id().is_none()));
}

#[test]
fn a_refusal_has_two_steps() {
    let help = OauthHelp {
        scope: Some("mail \"send\"".to_owned()),
        openid_configuration: Some("https://id.example/.well-known/openid-configuration".to_owned()),
    };
    let rows = [
        (
            Mechanism::Oauthbearer,
            TokenFault::Scope,
            concat!(
                r#"{"status":"insufficient_scope","scope":"mail \"send\"","#,
                r#""openid-configuration":"https://id.example/.well-known/openid-configuration"}"#
            ),
            "\x01",
        ),
        (
            Mechanism::Xoauth2,
            TokenFault::Invalid,
            r#"{"status":"401","schemes":"Bearer","scope":"mail \"send\""}"#,
            "",
        ),
    ];
    for (mechanism, fault, told, acknowledged) in rows {
        let context =
            ServerContext { oauth_help: help.clone(), ..server_context(Vec::new(), PlusOffer::NotOffered) };
        let (mut server, mut client) =
            (ServerExchange::begin(mechanism, context), client(mechanism, login()));
        let _ = asked(&mut server, client.initial().unwrap().expose());
        assert_eq!(server.refused(), None);
        let challenge = challenged(server.answer(Answer::Token(TokenCheck::Refused(fault))));
        // What a driver tells when the client hangs up now.
        assert_eq!(server.refused(), Some(Failure::TokenRefused(fault)));
        assert_eq!(String::from_utf8(challenge.clone()).unwrap(), told);
        assert_eq!(client.token_refused(), None);
        let answer = responded(client.receive(&challenge));
        assert_eq!(answer, Secret::new(acknowledged));
        assert_eq!(failure(server.receive(Some(answer.expose()))), Failure::TokenRefused(fault));
        // What a driver finds after the server's 535.
        assert_eq!(client.token_refused(), Some(fault));
        assert_eq!(client.succeeded(), Err(ClientFailure::TokenRefused(fault)));
        let step = client.receive(&challenge);
        assert!(matches!(step, ClientStep::Failed(ClientFailure::TokenRefused(_))), "{step:?}");
        assert_eq!(client.token_refused(), Some(fault));
    }
}

/// RFC 7628 section 4.3: who has no token yet may ask where to get one. The directory has no part in it.
#[test]
fn a_client_without_a_token_is_told_too() {
    for message in ["n,,\x01auth=\x01\x01", "n,a=ada,\x01host=mail.gatepost.example\x01auth=\x01\x01"] {
        let mut server = server(Mechanism::Oauthbearer);
        assert_eq!(challenged(server.receive(Some(message.as_bytes()))), br#"{"status":"invalid_token"}"#);
        let refused = Failure::TokenRefused(TokenFault::Invalid);
        assert_eq!(failure(server.receive(Some(b"anything"))), refused);
    }
}

#[test]
fn planted_faults_are_refused() {
    use Failure::{Malformed, WrongServer};
    let good = format!("n,a=ada,\x01host=mail.gatepost.example\x01port=587\x01auth=Bearer {TOKEN}\x01\x01");
    let long = format!("Bearer {}", "x".repeat(limits::TOKEN_OCTETS_MOST + 1));
    let bearer = format!("Bearer {TOKEN}");
    let rows = [
        ("mail.gatepost.example", "mail.gatepost.exampl", WrongServer),
        ("mail.gatepost.example", "", WrongServer),
        ("port=587", "port=465", WrongServer),
        ("port=587", "port=x", Malformed),
        ("n,a=ada", "p=tls-exporter,a=ada", Malformed),
        ("a=ada", "a=", Malformed),
        ("a=ada", "ada", Malformed),
        ("auth=", "auth=x\x01auth=", Malformed),
        ("auth=", "other=", Malformed),
        ("Bearer ", "Basic ", Malformed),
        ("Bearer ", "Bearer", Malformed),
        ("Bearer ", "Bearer a ", Malformed),
        (TOKEN, "=", Malformed),
        (TOKEN, "a=b", Malformed),
        (&bearer, &long, Malformed),
        ("\x01\x01", "\x01", Malformed),
        ("\x01\x01", "", Malformed),
    ];
    for (from, to, want) in rows {
        assert!(good.contains(from), "nothing to change: {from}");
        let message = good.replacen(from, to, 1);
        assert_eq!(
            failure(server(Mechanism::Oauthbearer).receive(Some(message.as_bytes()))),
            want,
            "{message:?}"
        );
    }
    let rows = [
        "",
        "user=ada\x01\x01",
        "auth=Bearer x\x01\x01",
        "user=\x01auth=Bearer x\x01\x01",
        "n,,\x01auth=Bearer x\x01\x01",
    ];
    for message in rows {
        assert_eq!(
            failure(server(Mechanism::Xoauth2).receive(Some(message.as_bytes()))),
            Malformed,
            "{message:?}"
        );
    }
}

#[test]
fn the_directory_may_be_away() {
    let rows = [
        (Answer::Token(TokenCheck::Unavailable), Failure::Unavailable),
        (Answer::User(crate::Lookup::Missing), Failure::Misused),
    ];
    for (answer, want) in rows {
        let mut server = server(Mechanism::Oauthbearer);
        let _ = asked(&mut server, format!("n,,\x01auth=Bearer {TOKEN}\x01\x01").as_bytes());
        assert_eq!(failure(server.answer(answer)), want);
    }
}

#[test]
fn a_client_says_only_what_can_be_said() {
    for mechanism in BOTH {
        let begin = |user: &str, token: &str| {
            let login = Login::with_token(user, Secret::new(token)).unwrap();
            ClientExchange::begin(mechanism, context(login, "mail.gatepost.example", 587)).map(|_| ())
        };
        assert_eq!(begin("ada,=", "x"), Ok(()));
        assert_eq!(begin("ada\x01", "x"), Err(ClientFailure::Unsupported));
        for token in ["a b", "a\x01", "=", "\u{e9}"] {
            assert_eq!(begin("ada", token), Err(ClientFailure::Unsupported), "{token}");
        }
        assert_eq!(client(mechanism, login()).succeeded(), Err(ClientFailure::Premature));
        let other = login().acting_for("bob,=@example.com").unwrap();
        let mut server = server(mechanism);
        let (user, _) = asked(&mut server, client(mechanism, other).initial().unwrap().expose());
        assert_eq!(user.as_deref(), Some("bob,=@example.com"));
    }
}

#[test]
fn debug_shows_no_token() {
    let message = format!("n,,\x01auth=Bearer {TOKEN}\x01\x01");
    let step = server(Mechanism::Oauthbearer).receive(Some(message.as_bytes()));
    let shown = format!("{step:?} {:?}", client(Mechanism::Oauthbearer, login()).initial());
    assert!(!shown.contains(TOKEN) && shown.contains("Secret(..)"), "{shown}");
}

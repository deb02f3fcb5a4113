//! The example of RFC 2831 section 4, which is of IMAP, and what clients write otherwise.

use super::{Client, Server};
use crate::exchange::client::{ClientFailure, ClientTurn};
use crate::exchange::server::{Answer, Failure, Lookup, ServerQuestion, Turn};
use crate::{ClientContext, DigestSecret, Identity, Login, Nonce, Secret, ServerContext};

const HOST: &str = "elwood.innosoft.com";
const CHALLENGE: &str =
    r#"realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8"#;
const RESPONSE: &str = concat!(
    r#"charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,"#,
    r#"cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com","#,
    "response=d388dad90d4bbd760a152321f2143af7,qop=auth",
);
const PROOF: &str = "rspauth=ea40f60335c427b5527b84dbabcdfffd";

fn server() -> Server {
    Server::of_service("imap", ServerContext::new(Nonce::literal("OA6MG9tEQGm2hh"), HOST, 0))
}

fn login(user: &str, password: &str) -> Login {
    Login::new(user, Secret::new(password)).unwrap()
}

fn client(login: Login) -> Client {
    Client::of_service("imap", ClientContext::new(login, Nonce::literal("OA6MHXh6VqTrRk"), HOST, 0))
}

fn challenged<S>(turn: Turn<S>) -> (String, S) {
    match turn {
        Turn::Challenge(octets, state) => (String::from_utf8(octets).unwrap(), state),
        Turn::Ask(question, _) => panic!("{question:?}"),
        Turn::Succeeded(identity) => panic!("{identity:?}"),
        Turn::Failed(failure) => panic!("{failure:?}"),
    }
}

fn responded(turn: ClientTurn<Client>) -> Result<(Vec<u8>, Client), ClientFailure> {
    match turn {
        ClientTurn::Respond(response, client) => Ok((response.expose().to_vec(), client)),
        ClientTurn::Ask(question, _) => panic!("{question:?}"),
        ClientTurn::Failed(failure) => Err(failure),
    }
}

/// The end of an exchange with the client's response, for a directory that keeps `password` of whoever is asked for.
fn answered(message: &[u8], password: &str) -> Result<(String, Identity), Failure> {
    answered_by(server(), message, password)
}

fn answered_by(server: Server, message: &[u8], password: &str) -> Result<(String, Identity), Failure> {
    let (challenge, waiting) = challenged(server.open(None));
    assert_eq!(challenge, CHALLENGE);
    let (user, realm, asking) = match waiting.receive(message) {
        Turn::Ask(ServerQuestion::DigestSecret { user, realm }, asking) => (user, realm, asking),
        Turn::Failed(failure) => return Err(failure),
        Turn::Ask(..) | Turn::Challenge(..) | Turn::Succeeded(_) => panic!("neither question nor failure"),
    };
    let secret = DigestSecret::derive(&user, &realm, &Secret::new(password));
    let (proof, waiting) = match asking.answer(Answer::Digest(Lookup::Found(secret))) {
        Turn::Failed(failure) => return Err(failure),
        other @ (Turn::Ask(..) | Turn::Challenge(..) | Turn::Succeeded(_)) => challenged(other),
    };
    let Turn::Succeeded(identity) = waiting.receive(b"") else { panic!("no success after the proof") };
    assert_eq!(identity.authentication_id(), user);
    Ok((proof, identity))
}

fn change(from: &str, to: &str) -> String {
    assert!(RESPONSE.contains(from), "nothing to change: {from}");
    RESPONSE.replacen(from, to, 1)
}

#[test]
fn rfc_2831_section_4() {
    let (response, waiting) =
        responded(client(login("chris", "secret")).receive(CHALLENGE.as_bytes())).unwrap();
    assert_eq!(String::from_utf8(response).unwrap(), RESPONSE);
    let (proof, identity) = answered(RESPONSE.as_bytes(), "secret").unwrap();
    assert_eq!((proof.as_str(), identity.authorization_id()), (PROOF, None));
    let (response, done) = responded(waiting.receive(PROOF.as_bytes())).unwrap();
    assert!(response.is_empty());
    assert_eq!(done.succeeded(), Ok(()));
}

#[test]
fn what_clients_write_otherwise_is_the_same() {
    let rows = [
        RESPONSE.replace(',', " ,\r\n\t"),
        format!(",,{RESPONSE},"),
        change("charset=utf-8,", ""),
        change("utf-8", "UTF-8"),
        change("username", "USERNAME"),
        change("qop=auth", "qop=\"auth\""),
        change(",qop=auth", ""),
        change("nc=00000001", "nc=\"00000001\""),
        change("d388dad90d4b", "D388DAD90D4B"),
        change("\"chris\"", "\"\\c\\hris\""),
        change("\"chris\"", "chris"),
        format!("{RESPONSE},maxbuf=65536,extension=a,extension=b"),
    ];
    for message in rows {
        let outcome = answered(message.as_bytes(), "secret").map(|(proof, _)| proof);
        assert_eq!(outcome.as_deref(), Ok(PROOF), "{message}");
    }
}

#[test]
fn planted_faults_are_refused() {
    use Failure::{Malformed, Rejected, WrongServer};
    let rows = [
        (change("response=d", "response=5"), Rejected),
        (change("43af7,", "43af6,"), Rejected),
        (change("nonce=\"OA6MG9tEQGm2hh\"", "nonce=\"OA6MG9tEQGm2h\""), Rejected),
        (change("nonce=\"OA6MG9tEQGm2hh\"", "nonce=\"\""), Rejected),
        (change("OA6MHX", "OA6MHY"), Rejected),
        (change("00000001", "00000002"), Rejected),
        (change("chris", "chriS"), Rejected),
        (format!("{RESPONSE},authzid=root"), Rejected),
        (format!("{RESPONSE},authzid=\"\""), Rejected),
        (change("realm=\"elwood", "realm=\"Elwood"), WrongServer),
        (change("realm=\"elwood.innosoft.com\",", ""), WrongServer),
        (change("imap/elwood", "smtp/elwood"), WrongServer),
        (change("imap/elwood", "imap/jake"), WrongServer),
        (change("imap/elwood.innosoft.com", "imap/elwood.innosoft.com/"), WrongServer),
        (change("imap/elwood.innosoft.com", "imap"), WrongServer),
        (change("qop=auth", "qop=auth-int"), Malformed),
        (change("qop=auth", "qop=auth,qop=auth"), Malformed),
        (change("charset=utf-8", "charset=utf-16"), Malformed),
        (change("response=d", "response="), Malformed),
        (change("response=d", "response=g"), Malformed),
        (change("nc=00000001,", ""), Malformed),
        (change("00000001", "1"), Malformed),
        (change("cnonce=\"OA6MHXh6VqTrRk\",", ""), Malformed),
        (change("OA6MHXh6VqTrRk", ""), Malformed),
        (change("username=\"chris\",", ""), Malformed),
        (change("username=\"chris\"", "username=\"chris\",Username=\"chris\""), Malformed),
        (change("username=\"chris\"", "username=\"\""), Malformed),
        (change("username=\"chris\"", "username=\"chris"), Malformed),
        (format!("{RESPONSE},x=\"{}\"", "x".repeat(4_000)), Malformed),
        (String::new(), Malformed),
    ];
    for (message, want) in rows {
        assert_eq!(answered(message.as_bytes(), "secret").map(|_| ()), Err(want), "{message}");
    }
    assert_eq!(answered(RESPONSE.as_bytes(), "Secret").map(|_| ()), Err(Rejected));
}

/// Answers to our challenge that were taken down from the programs themselves: user chris, password secret, and in
/// the last one caf\u{e9}, acting for bob. (A name beyond ASCII GNU SASL hashes in UTF-8, against the RFC.)
#[test]
fn what_real_clients_say_is_taken() {
    let by_perl = concat!(
        r#"authzid="",charset=utf-8,cnonce="7be779b677eb16540b9f343a182dacdc","#,
        r#"digest-uri="imap/elwood.innosoft.com",nc=00000001,nonce="OA6MG9tEQGm2hh",qop=auth,"#,
        r#"realm="elwood.innosoft.com",response=79c545bc87faa702578ea9af9048b53a,username="chris""#,
    );
    let by_gsasl = concat!(
        r#"username="chris", realm="elwood.innosoft.com", nonce="OA6MG9tEQGm2hh", "#,
        r#"cnonce="PPhSS53R2kF/VtXKPO3j4A==", nc=00000001, qop=auth, digest-uri="imap/elwood.innosoft.com", "#,
        "response=7845b30c7537e944a1f0d1d59b80168d, charset=utf-8",
    );
    let by_curl = concat!(
        r#"username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh","#,
        r#"cnonce="8ba5db4eda5f51c4aa9f50b49651d949",nc="00000001",digest-uri="smtp/elwood.innosoft.com","#,
        "response=812c06328af5fdc39b1fccbfcc995f5a,qop=auth",
    );
    let by_swaks = concat!(
        r#"charset=utf-8,cnonce="994cc5f44808e2033b3d6756093e5b71",digest-uri="smtp/127.0.0.1",nc=00000001,"#,
        r#"nonce="OA6MG9tEQGm2hh",qop=auth,realm="elwood.innosoft.com","#,
        r#"response=896792bba55a8d194d3cd4fd648b467a,username="chris""#,
    );
    let by_msmtp = concat!(
        r#"username="chris", realm="elwood.innosoft.com", nonce="OA6MG9tEQGm2hh", "#,
        r#"cnonce="HaIvTGuirtZkQ9E2g/5sEA==", nc=00000001, qop=auth, digest-uri="smtp/127.0.0.1", "#,
        "response=f84a54b920b7280380605cd2a3f57744, charset=utf-8",
    );
    let word_by_gsasl = concat!(
        r#"username="chris", realm="elwood.innosoft.com", nonce="OA6MG9tEQGm2hh", cnonce="owjHZ1hEtH5kxsUAl5ejkg==", "#,
        r#"nc=00000001, qop=auth, digest-uri="imap/elwood.innosoft.com", "#,
        r#"response=87809f10e3cc94912cd946abdc8124e7, charset=utf-8, authzid="bob""#,
    );
    for message in [by_perl, by_gsasl] {
        assert!(answered(message.as_bytes(), "secret").is_ok(), "{message}");
    }
    for message in [by_curl, by_swaks, by_msmtp] {
        let mut context = ServerContext::new(Nonce::literal("OA6MG9tEQGm2hh"), HOST, 0);
        // By which two of them had been told to connect.
        context.aliases = vec!["127.0.0.1".to_owned()];
        let answered = answered_by(Server::new(context), message.as_bytes(), "secret");
        assert!(answered.is_ok(), "{message}");
    }
    let (_, identity) = answered(word_by_gsasl.as_bytes(), "caf\u{e9}").unwrap();
    assert_eq!(identity, Identity::new("chris".to_owned(), Some("bob".to_owned())));
}

/// A host of several names says which it is; the proof is then over all of it.
#[test]
fn a_service_name_may_follow_the_host() {
    let mut context = ClientContext::new(login("chris", "secret"), Nonce::literal("OA6MHXh6VqTrRk"), HOST, 0);
    context.host = "Elwood.INNOSOFT.com/innosoft.com".to_owned();
    let client = Client::of_service("IMAP", context);
    let (response, _) = responded(client.receive(CHALLENGE.as_bytes())).unwrap();
    assert!(answered(&response, "secret").is_ok());
}

#[test]
fn names_and_passwords_of_both_charsets_agree() {
    let latin_challenge = CHALLENGE.replace(",charset=utf-8", "");
    let rows = [
        ("\u{e9}va", "caf\u{e9}", true),
        ("a\"b\\c", "p\"q", true),
        ("\u{20ac}va", "caf\u{e9}", false),
        ("ada", "\u{20ac}", true),
    ];
    for (user, password, fits_latin) in rows {
        let (response, _) = responded(client(login(user, password)).receive(CHALLENGE.as_bytes())).unwrap();
        let (_, identity) = answered(&response, password).unwrap();
        assert_eq!(identity.authentication_id(), user);
        match responded(client(login(user, password)).receive(latin_challenge.as_bytes())) {
            Ok((response, _)) => {
                assert!(fits_latin && !response.starts_with(b"charset"), "{user}");
                assert_eq!(answered(&response, password).unwrap().1, identity);
            }
            Err(failure) => {
                assert!(!fits_latin, "{user}");
                assert_eq!(failure, ClientFailure::Unsupported);
            }
        }
    }
}

#[test]
fn an_authorization_identity_is_proved_too() {
    let acting = login("chris", "secret").acting_for("\u{20ac}va").unwrap();
    for challenge in [CHALLENGE.to_owned(), CHALLENGE.replace(",charset=utf-8", "")] {
        let (response, _) = responded(client(acting.clone()).receive(challenge.as_bytes())).unwrap();
        let (_, identity) = answered(&response, "secret").unwrap();
        assert_eq!(identity.authorization_id(), Some("\u{20ac}va"));
    }
}

#[test]
fn the_client_takes_what_it_can_and_refuses_the_rest() {
    use ClientFailure::{Malformed, Unsupported};
    let rows = [
        (CHALLENGE.replace("\"auth\"", "\"auth-int, auth\""), Ok(())),
        (CHALLENGE.replace("qop=\"auth\",", ""), Ok(())),
        (CHALLENGE.replace("md5-sess", "\"MD5-sess\""), Ok(())),
        (format!("{CHALLENGE},realm=\"another\",maxbuf=1024,stale=true"), Ok(())),
        (CHALLENGE.replace("\"auth\"", "\"auth-int,auth-conf\""), Err(Unsupported)),
        (CHALLENGE.replace("md5-sess", "sha-256-sess"), Err(Unsupported)),
        (CHALLENGE.replace("algorithm=md5-sess,", ""), Err(Malformed)),
        (CHALLENGE.replace("nonce", "nonsense"), Err(Malformed)),
        (CHALLENGE.replace("OA6MG9tEQGm2hh", ""), Err(Malformed)),
        (format!("{CHALLENGE},nonce=\"x\""), Err(Malformed)),
        (format!("{CHALLENGE},qop=\"auth\""), Err(Malformed)),
        (CHALLENGE.replace("utf-8", "utf-7"), Err(Malformed)),
        (format!("{CHALLENGE},x=\"{}\"", "x".repeat(2_000)), Err(Malformed)),
        (String::new(), Err(Malformed)),
    ];
    for (challenge, want) in rows {
        let client = client(login("chris", "secret"));
        assert_eq!(client.succeeded(), Err(ClientFailure::ServerNotProved));
        let outcome = responded(client.receive(challenge.as_bytes()));
        assert_eq!(outcome.as_ref().map(|_| ()).map_err(|failure| *failure), want, "{challenge}");
        if let Ok((response, _)) = outcome {
            // The first realm that was offered.
            assert!(String::from_utf8(response).unwrap().contains("realm=\"elwood.innosoft.com\""));
        }
    }
    let (response, _) =
        responded(client(login("chris", "secret")).receive(b"nonce=\"x\",algorithm=md5-sess")).unwrap();
    assert!(!String::from_utf8(response).unwrap().contains("realm"));
}

#[test]
fn the_client_believes_nobody_without_a_proof() {
    use ClientFailure::{Malformed, ServerNotProved};
    let rows = [
        (PROOF.replace("=e", "=f"), ServerNotProved),
        (PROOF.replace("fd", "f"), ServerNotProved),
        ("rspauth=\"\"".to_owned(), ServerNotProved),
        (format!("{PROOF},{PROOF}"), Malformed),
        (String::new(), Malformed),
    ];
    for (proof, want) in rows {
        let (_, waiting) = responded(client(login("chris", "secret")).receive(CHALLENGE.as_bytes())).unwrap();
        assert_eq!(waiting.succeeded(), Err(ServerNotProved));
        assert_eq!(responded(waiting.receive(proof.as_bytes())).map(|_| ()), Err(want), "{proof}");
    }
}

#[test]
fn the_directory_may_know_nobody_or_be_away() {
    for (answer, want) in [
        (Answer::Digest(Lookup::Missing), Failure::Rejected),
        (Answer::Digest(Lookup::Unavailable), Failure::Unavailable),
        (Answer::Cram(Lookup::Missing), Failure::Misused),
    ] {
        let (_, waiting) = challenged(server().open(None));
        let Turn::Ask(_, asking) = waiting.receive(RESPONSE.as_bytes()) else { panic!("no question") };
        let Turn::Failed(failure) = asking.answer(answer) else { panic!("no failure") };
        assert_eq!(failure, want);
    }
}

//! NTLM: real clients' logins, our client against our server, and what must not pass.

mod faults;
mod recorded;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use recorded::{CURL, GSASL, OURS, PERL, PYSPNEGO, PYSPNEGO_BOUND, PYSPNEGO_ONE, Recorded, SWAKS};

use super::{PASSWORD, USER, binding};
use crate::{
    Answer, BindingKind, ChannelBinding, ClientContext, ClientExchange, ClientFailure, ClientStep, Failure,
    Identity, Login, Lookup, Mechanism, Nonce, NtHash, NtlmVersions, Secret, ServerContext, ServerExchange,
    ServerQuestion, ServerStep,
};

/// Octets that begin as [MS-NLMP] section 4.2 has its server challenge.
const SERVER_OCTETS: [u8; 18] =
    [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn context() -> ServerContext {
    ServerContext {
        realm: "gatepost.example".to_owned(),
        ..ServerContext::new(Nonce::from_random(&SERVER_OCTETS), "mail.gatepost.example", 1_700_000_000)
    }
}

fn server(bindings: Vec<ChannelBinding>, ntlm: NtlmVersions) -> ServerExchange {
    ServerExchange::begin(Mechanism::Ntlm, ServerContext { bindings, ntlm, ..context() })
}

fn client(username: &str, bindings: Vec<ChannelBinding>) -> ClientExchange {
    let login = Login::new(username, Secret::new(PASSWORD)).unwrap();
    let nonce = Nonce::from_random(&[0xc1; 18]);
    let context = ClientContext::new(login, nonce, "mail.gatepost.example", 1_700_000_000);
    ClientExchange::begin(Mechanism::Ntlm, ClientContext { bindings, ..context }).unwrap()
}

/// The directory of one account.
fn known(user: &str) -> Answer {
    if user == USER {
        Answer::Nt(Lookup::Found(NtHash::derive(&Secret::new(PASSWORD))))
    } else {
        Answer::Nt(Lookup::Missing)
    }
}

/// What became of AUTHENTICATE.
fn end(server: &mut ServerExchange, authenticate: &[u8]) -> Result<Identity, Failure> {
    let mut step = server.receive(Some(authenticate));
    if let ServerStep::Ask(ServerQuestion::NtHash { user, .. }) = &step {
        step = server.answer(known(user));
    }
    match step {
        ServerStep::Succeeded(identity) => Ok(identity),
        ServerStep::Failed(failure) => Err(failure),
        other @ (ServerStep::Challenge(_) | ServerStep::Ask(_)) => panic!("{other:?}"),
    }
}

#[track_caller]
fn challenge(step: ServerStep) -> Vec<u8> {
    match step {
        ServerStep::Challenge(challenge) => challenge,
        other @ (ServerStep::Ask(_) | ServerStep::Failed(_) | ServerStep::Succeeded(_)) => {
            panic!("{other:?}")
        }
    }
}

#[track_caller]
fn response(step: ClientStep) -> Vec<u8> {
    match step {
        ClientStep::Respond(response) => response.expose().to_vec(),
        other @ (ClientStep::Ask(_) | ClientStep::Failed(_)) => panic!("{other:?}"),
    }
}

fn octets(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).unwrap()
}

/// Plays a recorded login to a server; the octets of its challenge must be those that the client saw.
fn replay(recorded: &Recorded, mut server: ServerExchange) -> Result<Identity, Failure> {
    let said = challenge(server.receive(Some(&octets(recorded.negotiate))));
    assert_eq!(STANDARD.encode(said), recorded.challenge, "{}", recorded.client);
    end(&mut server, &octets(recorded.authenticate))
}

fn ada() -> Result<Identity, Failure> {
    Ok(Identity::new(USER.to_owned(), None))
}

#[test]
fn version_two_of_real_clients_passes() {
    for recorded in [&CURL, &PERL, &PYSPNEGO] {
        for bindings in [vec![], super::both()] {
            assert_eq!(replay(recorded, server(bindings, NtlmVersions::Two)), ada(), "{}", recorded.client);
        }
    }
}

#[test]
fn version_one_of_real_clients_passes_only_where_it_is_asked_for() {
    for recorded in [&GSASL, &SWAKS, &PYSPNEGO_ONE] {
        let with = |versions| replay(recorded, server(vec![], versions));
        assert_eq!(with(NtlmVersions::OneAndTwo), ada(), "{}", recorded.client);
        assert_eq!(with(NtlmVersions::Two), Err(Failure::TooWeak), "{}", recorded.client);
    }
}

#[test]
fn a_bound_login_passes_in_its_channel_only() {
    let in_channel = |bindings| replay(&PYSPNEGO_BOUND, server(bindings, NtlmVersions::Two));
    let other = ChannelBinding::new(BindingKind::TlsServerEndPoint, [0xed; 32]);
    assert_eq!(in_channel(super::both()), ada());
    assert_eq!(in_channel(vec![binding(BindingKind::TlsServerEndPoint)]), ada());
    for bindings in [vec![], vec![other], vec![binding(BindingKind::TlsExporter)]] {
        assert_eq!(in_channel(bindings), Err(Failure::ChannelBindingMismatch));
    }
}

#[test]
fn our_client_passes_at_our_server() {
    let rows = [
        (USER, USER),
        ("gatepost.example\\ada", USER),
        ("GATEPOST\\ada@gatepost.example", USER),
        ("ADA@gatepost.example", "ADA@gatepost.example"),
        ("ada%printer@gatepost.example", "ada%printer@gatepost.example"),
    ];
    for (username, want) in rows {
        for bindings in [vec![], super::both()] {
            for at_once in [true, false] {
                let mut server = server(bindings.clone(), NtlmVersions::Two);
                let mut client = client(username, bindings.clone());
                let negotiate = if at_once {
                    client.initial().unwrap().expose().to_vec()
                } else {
                    assert_eq!(challenge(server.receive(None)), b"");
                    response(client.receive(b"NTLM supported"))
                };
                let said = challenge(server.receive(Some(&negotiate)));
                assert_eq!(client.succeeded(), Err(ClientFailure::Premature));
                let authenticate = response(client.receive(&said));
                let ServerStep::Ask(ServerQuestion::NtHash { user, .. }) =
                    server.receive(Some(&authenticate))
                else {
                    panic!("no question for {username}")
                };
                assert_eq!(user, want);
                let step = server.answer(known(USER));
                assert!(
                    matches!(&step, ServerStep::Succeeded(identity) if identity.authentication_id() == want),
                    "{username}: {step:?}"
                );
                assert_eq!(client.succeeded(), Ok(()));
            }
        }
    }
}

/// The question carries the login name, and the domain beside it as it was sent.
#[test]
fn a_name_cut_at_its_at_sign_is_whole_again() {
    let ask = |username| {
        let mut server = server(vec![], NtlmVersions::Two);
        let mut client = client(username, vec![]);
        let said = challenge(server.receive(Some(client.initial().unwrap().expose())));
        match server.receive(Some(&response(client.receive(&said)))) {
            ServerStep::Ask(ServerQuestion::NtHash { user, domain }) => (user, domain),
            other @ (ServerStep::Challenge(_) | ServerStep::Failed(_) | ServerStep::Succeeded(_)) => {
                panic!("{other:?}")
            }
            other @ ServerStep::Ask(_) => panic!("{other:?}"),
        }
    };
    let rows = [
        ("ada", ("ada", "")),
        ("GATEPOST\\ada", ("ada", "GATEPOST")),
        ("gatepost.example\\ada", (USER, "gatepost.example")),
        ("other.example\\ada@gatepost.example", (USER, "other.example")),
    ];
    for (username, (user, domain)) in rows {
        assert_eq!(ask(username), (user.to_owned(), domain.to_owned()));
    }
}

#[test]
fn our_client_answers_a_server_without_target_information() {
    let mut said = octets(PERL.challenge);
    // Without TARGET_INFO, the message ends with its name.
    said[22] &= !0x80;
    let mut client = client(USER, vec![]);
    let _ = client.initial();
    let authenticate = response(client.receive(&said));
    let mut server = server(vec![], NtlmVersions::Two);
    let _ = challenge(server.receive(Some(&octets(PERL.negotiate))));
    assert_eq!(end(&mut server, &authenticate), ada());
}

#[test]
fn our_client_acts_for_nobody_else_and_takes_no_more_challenges() {
    let login = Login::new(USER, Secret::new(PASSWORD)).unwrap().acting_for("bob").unwrap();
    let context = ClientContext::new(login, Nonce::from_random(&[1; 18]), "mail.gatepost.example", 0);
    let refused = ClientExchange::begin(Mechanism::Ntlm, context).err();
    assert_eq!(refused, Some(ClientFailure::CannotActForAnother));

    let mut client = client(USER, vec![]);
    let _ = client.initial();
    let _ = response(client.receive(&octets(PYSPNEGO.challenge)));
    let step = client.receive(&octets(PYSPNEGO.challenge));
    assert!(matches!(step, ClientStep::Failed(ClientFailure::Unexpected)), "{step:?}");
}
/// Another implementation took these very octets.
#[test]
fn our_client_says_what_another_server_took() {
    let [said, took] = OURS;
    let mut client = client("GATEPOST\\ada", super::both());
    let _ = client.initial();
    assert_eq!(STANDARD.encode(response(client.receive(&octets(said)))), took);
}

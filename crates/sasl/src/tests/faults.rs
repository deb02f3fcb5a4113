//! Faults planted into good exchanges: each is refused, and by whom it must be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Directory, Outcome, Way, both, client_context, pair, server_context, talk};
use crate::{
    ClientExchange, ClientFailure, ClientStep, Failure, Mechanism, Nonce, PlusOffer, ServerContext,
    ServerExchange, ServerStep,
};

const SCRAM: [Mechanism; 4] =
    [Mechanism::ScramSha1, Mechanism::ScramSha256, Mechanism::ScramSha1Plus, Mechanism::ScramSha256Plus];

/// Changes one part of one message, as text.
fn planted(mechanism: Mechanism, way: Way, number: usize, change: impl Fn(&str) -> String) -> Outcome {
    let (server, client) = pair(mechanism);
    let mut planted = false;
    let outcome = talk(server, client, |this_way, this_number, octets| {
        if (this_way, this_number) == (way, number) {
            let before = std::str::from_utf8(octets).unwrap().to_owned();
            let after = change(&before);
            assert_ne!(before, after, "nothing was planted");
            *octets = after.into_bytes();
            planted = true;
        }
    });
    assert!(planted, "the exchange ended before the fault");
    outcome
}

/// The value of one attribute, its octets changed by `flip`.
fn change_base64(text: &str, attribute: &str, flip: impl Fn(&mut Vec<u8>)) -> String {
    let parts = text.split(',').map(|part| match part.strip_prefix(attribute) {
        Some(value) => {
            let mut octets = STANDARD.decode(value).unwrap();
            flip(&mut octets);
            format!("{attribute}{}", STANDARD.encode(octets))
        }
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

#[test]
fn the_server_refuses_a_changed_final_message() {
    use Failure::{ChannelBindingMismatch, Malformed, Rejected};
    type Change = fn(&str) -> String;
    let rows: [(&str, Change, Failure); 8] = [
        ("first bit of the proof", |text| change_base64(text, "p=", |octets| octets[0] ^= 0x80), Rejected),
        (
            "last bit of the proof",
            |text| change_base64(text, "p=", |octets| *octets.last_mut().unwrap() ^= 1),
            Rejected,
        ),
        ("cut proof", |text| change_base64(text, "p=", |octets| octets.truncate(octets.len() - 1)), Rejected),
        ("longer proof", |text| change_base64(text, "p=", |octets| octets.push(0)), Rejected),
        ("no proof", |text| text.split_once(",p=").unwrap().0.to_owned(), Malformed),
        ("another nonce", |text| text.replacen(",r=", ",r=x", 1), Rejected),
        (
            "binding",
            |text| change_base64(text, "c=", |octets| *octets.last_mut().unwrap() ^= 1),
            ChannelBindingMismatch,
        ),
        ("extension that was not proved", |text| text.replacen(",p=", ",x=1,p=", 1), Rejected),
    ];
    for mechanism in SCRAM {
        for (name, change, want) in &rows {
            let outcome = planted(mechanism, Way::ToServer, 1, change);
            assert_eq!(outcome, Outcome::ServerFailed(*want), "{mechanism:?}: {name}");
        }
    }
}

#[test]
fn the_server_refuses_a_nonce_without_its_own_part() {
    for mechanism in SCRAM {
        let outcome = planted(mechanism, Way::ToServer, 1, |text| {
            let (before, rest) = text.split_once(",r=").unwrap();
            let (nonce, proof) = rest.split_once(",p=").unwrap();
            format!("{before},r={},p={proof}", &nonce[..24])
        });
        assert_eq!(outcome, Outcome::ServerFailed(Failure::Rejected), "{mechanism:?}");
    }
}

#[test]
fn the_server_refuses_another_user_and_another_header() {
    for mechanism in SCRAM {
        // Known, and unknown: the proof was made over another first message.
        for name in ["n=ada@gatepost.exampl", "n=eve@gatepost.example"] {
            let outcome =
                planted(mechanism, Way::ToServer, 0, |text| text.replacen("n=ada@gatepost.example", name, 1));
            assert_eq!(outcome, Outcome::ServerFailed(Failure::Rejected), "{mechanism:?}");
        }
        let outcome = planted(mechanism, Way::ToServer, 0, |text| text.replacen(",,", ",a=root,", 1));
        assert_eq!(outcome, Outcome::ServerFailed(Failure::ChannelBindingMismatch), "{mechanism:?}");
    }
}

#[test]
fn the_flag_must_fit_the_mechanism() {
    let rows = [
        (Mechanism::ScramSha256Plus, "p=tls-exporter", "n", Failure::Malformed),
        (Mechanism::ScramSha256Plus, "p=tls-exporter", "y", Failure::Malformed),
        (Mechanism::ScramSha256Plus, "p=tls-exporter", "p=tls-unique", Failure::ChannelBindingUnsupported),
        (
            Mechanism::ScramSha256Plus,
            "p=tls-exporter",
            "p=tls-server-end-point",
            Failure::ChannelBindingMismatch,
        ),
        (Mechanism::ScramSha256, "n", "p=tls-exporter", Failure::Malformed),
        (Mechanism::ScramSha256, "n", "y", Failure::PlusNotUsedThoughOffered),
    ];
    for (mechanism, before, after, want) in rows {
        let outcome = planted(mechanism, Way::ToServer, 0, |text| text.replacen(before, after, 1));
        assert_eq!(outcome, Outcome::ServerFailed(want), "{mechanism:?}: {after}");
    }
}

#[test]
fn the_acknowledgement_is_empty() {
    for mechanism in SCRAM {
        let outcome = planted(mechanism, Way::ToServer, 2, |text| format!("{text}x"));
        assert_eq!(outcome, Outcome::ServerFailed(Failure::Malformed), "{mechanism:?}");
    }
}

#[test]
fn the_client_refuses_a_false_server() {
    type Change = fn(&str) -> String;
    let rows: [(&str, usize, Change, ClientFailure); 10] = [
        ("nonce changed", 0, |text| text.replacen("r=w", "r=x", 1), ClientFailure::NonceNotOurs),
        (
            "nonce not longer",
            0,
            |text| format!("{}{}", &text[..26], &text[50..]),
            ClientFailure::NonceNotOurs,
        ),
        ("few iterations", 0, |text| text.replacen("i=4096", "i=4095", 1), ClientFailure::Iterations(4_095)),
        ("no iterations", 0, |text| text.replacen("i=4096", "i=0", 1), ClientFailure::Iterations(0)),
        (
            "endless",
            0,
            |text| text.replacen("i=4096", "i=4294967295", 1),
            ClientFailure::Iterations(u32::MAX),
        ),
        ("no salt", 0, |text| change_base64(text, "s=", Vec::clear), ClientFailure::Malformed),
        ("mandatory extension", 1, |text| text.to_owned() + ",m=1", ClientFailure::Malformed),
        (
            "proof changed",
            1,
            |text| change_base64(text, "v=", |octets| octets[0] ^= 1),
            ClientFailure::ServerNotProved,
        ),
        (
            "proof cut",
            1,
            |text| change_base64(text, "v=", |octets| octets.truncate(1)),
            ClientFailure::Malformed,
        ),
        ("error", 1, |_| "e=other-error".to_owned(), ClientFailure::ServerError),
    ];
    for mechanism in SCRAM {
        for (name, number, change, want) in &rows {
            let outcome = planted(mechanism, Way::ToClient, *number, change);
            assert_eq!(outcome, Outcome::ClientFailed(*want), "{mechanism:?}: {name}");
        }
    }
}

/// A server that knows the user's name only can go through the motions, but cannot make the client believe it.
#[test]
fn success_without_a_proof_is_not_believed() {
    for mechanism in SCRAM {
        let mut client =
            ClientExchange::begin(mechanism, client_context(both(), PlusOffer::Offered)).unwrap();
        assert_eq!(client.succeeded(), Err(ClientFailure::ServerNotProved));
        let initial = client.initial().unwrap();
        assert_eq!(client.succeeded(), Err(ClientFailure::ServerNotProved));
        let nonce = std::str::from_utf8(initial.expose()).unwrap().rsplit_once("r=").unwrap().1.to_owned();
        let step = client.receive(format!("r={nonce}x,s=c2FsdA==,i=4096").as_bytes());
        assert!(matches!(step, ClientStep::Respond(_)), "{step:?}");
        assert_eq!(client.succeeded(), Err(ClientFailure::ServerNotProved), "{mechanism:?}");
    }
    let digest = ClientExchange::begin(Mechanism::DigestMd5, client_context(both(), PlusOffer::Offered));
    assert_eq!(digest.unwrap().succeeded(), Err(ClientFailure::ServerNotProved));
    for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5] {
        let client = ClientExchange::begin(mechanism, client_context(both(), PlusOffer::Offered)).unwrap();
        assert_eq!(client.succeeded(), Err(ClientFailure::Premature), "{mechanism:?}");
    }
}

/// What was overheard, played to a server with another nonce.
#[test]
fn a_replay_is_refused() {
    for mechanism in [Mechanism::CramMd5, Mechanism::DigestMd5].into_iter().chain(SCRAM) {
        let mut heard = Vec::new();
        let (server, client) = pair(mechanism);
        let outcome = talk(server, client, |way, _, octets| {
            if way == Way::ToServer {
                heard.push(octets.clone());
            }
        });
        assert_eq!(outcome, Outcome::success());

        let fresh = Nonce::from_random(&[0xb6; 18]);
        let context = ServerContext { nonce: fresh, ..server_context(both(), PlusOffer::Offered) };
        let mut server = ServerExchange::begin(mechanism, context);
        let directory = Directory::new();
        let mut heard = heard.into_iter();
        let mut step = if mechanism.client_speaks_first() {
            server.receive(heard.next().as_deref())
        } else {
            server.receive(None)
        };
        let failure = loop {
            step = match step {
                ServerStep::Ask(question) => server.answer(directory.answer(&question)),
                ServerStep::Challenge(_) => server.receive(Some(&heard.next().unwrap())),
                ServerStep::Succeeded(identity) => panic!("{mechanism:?}: {identity:?}"),
                ServerStep::Failed(failure) => break failure,
            };
        };
        assert_eq!(failure, Failure::Rejected, "{mechanism:?}");
    }
}

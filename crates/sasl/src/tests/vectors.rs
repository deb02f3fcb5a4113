//! The examples of the RFCs, octet by octet, from both sides.

use crate::{
    Answer, ClientContext, ClientExchange, ClientStep, CramSecret, Identity, Login, Lookup, Mechanism, Nonce,
    PasswordCheck, ScramHash, ScramVerifier, Secret, ServerContext, ServerExchange, ServerQuestion,
    ServerStep,
};

fn server(mechanism: Mechanism, nonce: &str, time: u64, host: &str) -> ServerExchange {
    ServerExchange::begin(mechanism, ServerContext::new(Nonce::literal(nonce), host, time))
}

fn client(mechanism: Mechanism, login: Login, nonce: &str) -> ClientExchange {
    let context = ClientContext::new(login, Nonce::literal(nonce), "mail.gatepost.example", 1_700_000_000);
    ClientExchange::begin(mechanism, context).unwrap()
}

fn challenge(step: ServerStep) -> String {
    match step {
        ServerStep::Challenge(octets) => String::from_utf8(octets).unwrap(),
        other @ (ServerStep::Ask(_) | ServerStep::Succeeded(_) | ServerStep::Failed(_)) => {
            panic!("{other:?}")
        }
    }
}

fn response(step: ClientStep) -> String {
    match step {
        ClientStep::Respond(octets) => String::from_utf8(octets.expose().to_vec()).unwrap(),
        other @ (ClientStep::Failed(_) | ClientStep::Ask(_)) => panic!("{other:?}"),
    }
}

fn identity(step: ServerStep) -> Identity {
    match step {
        ServerStep::Succeeded(identity) => identity,
        other @ (ServerStep::Ask(_) | ServerStep::Challenge(_) | ServerStep::Failed(_)) => {
            panic!("{other:?}")
        }
    }
}

struct Vector {
    mechanism: Mechanism,
    hash: ScramHash,
    client_nonce: &'static str,
    server_nonce: &'static str,
    salt: &'static [u8],
    lines: [&'static str; 4],
}

fn run(vector: &Vector) {
    let login = Login::new("user", Secret::new("pencil")).unwrap();
    let mut client = client(vector.mechanism, login, vector.client_nonce);
    let mut server = server(vector.mechanism, vector.server_nonce, 0, "");
    let verifier = ScramVerifier::derive(vector.hash, &Secret::new("pencil"), vector.salt, 4_096).unwrap();

    let initial = client.initial().unwrap();
    assert_eq!(initial.expose(), vector.lines[0].as_bytes());
    let ServerStep::Ask(ServerQuestion::ScramVerifier { user, hash }) =
        server.receive(Some(initial.expose()))
    else {
        panic!("no question");
    };
    assert_eq!((user.as_str(), hash), ("user", vector.hash));
    let first = challenge(server.answer(Answer::Scram(Lookup::Found(verifier))));
    assert_eq!(first, vector.lines[1]);
    let last = response(client.receive(first.as_bytes()));
    assert_eq!(last, vector.lines[2]);
    let proof = challenge(server.receive(Some(last.as_bytes())));
    assert_eq!(proof, vector.lines[3]);
    assert_eq!(response(client.receive(proof.as_bytes())), "");
    assert_eq!(client.succeeded(), Ok(()));
    assert_eq!(identity(server.receive(Some(b""))).authentication_id(), "user");
}

#[test]
fn rfc_5802_section_5() {
    run(&Vector {
        mechanism: Mechanism::ScramSha1,
        hash: ScramHash::Sha1,
        client_nonce: "fyko+d2lbbFgONRv9qkxdawL",
        server_nonce: "3rfcNHYJY1ZVvWVs7j",
        salt: &[0x41, 0x25, 0xc2, 0x47, 0xe4, 0x3a, 0xb1, 0xe9, 0x3c, 0x6d, 0xff, 0x76],
        lines: [
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    });
}

#[test]
fn rfc_7677_section_3() {
    run(&Vector {
        mechanism: Mechanism::ScramSha256,
        hash: ScramHash::Sha256,
        client_nonce: "rOprNGfwEbeRWgbNEkqO",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        salt: &[
            0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81,
        ],
        lines: [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    });
}

#[test]
fn rfc_2195_section_2() {
    let login = Login::new("tim", Secret::new("tanstaaftanstaaf")).unwrap();
    let mut client = client(Mechanism::CramMd5, login, "");
    let mut server = server(Mechanism::CramMd5, "1896", 697_170_952, "postoffice.reston.mci.net");
    assert_eq!(client.initial(), None);
    let sent = challenge(server.receive(None));
    assert_eq!(sent, "<1896.697170952@postoffice.reston.mci.net>");
    let answered = response(client.receive(sent.as_bytes()));
    assert_eq!(answered, "tim b913a602c7eda7a495b4e6e7334d3890");
    let ServerStep::Ask(ServerQuestion::CramSecret { user }) = server.receive(Some(answered.as_bytes()))
    else {
        panic!("no question");
    };
    assert_eq!(user, "tim");
    let secret = CramSecret::new(Secret::new("tanstaaftanstaaf"));
    assert_eq!(identity(server.answer(Answer::Cram(Lookup::Found(secret)))).authentication_id(), "tim");
}

#[test]
fn rfc_4616_section_4() {
    let rows: [(&[u8], Option<&str>, &str, &str); 2] = [
        (b"\0tim\0tanstaaftanstaaf", None, "tim", "tanstaaftanstaaf"),
        (b"Ursel\0Kurt\0xipj3plmq", Some("Ursel"), "Kurt", "xipj3plmq"),
    ];
    for (message, acting_for, name, word) in rows {
        let mut login = Login::new(name, Secret::new(word)).unwrap();
        if let Some(other) = acting_for {
            login = login.acting_for(other).unwrap();
        }
        let mut client = client(Mechanism::Plain, login, "");
        let mut server = server(Mechanism::Plain, "", 0, "");
        assert_eq!(challenge(server.receive(None)), "");
        assert_eq!(response(client.receive(b"")).as_bytes(), message);
        let ServerStep::Ask(ServerQuestion::CheckPassword { user, password }) = server.receive(Some(message))
        else {
            panic!("no question");
        };
        assert_eq!((user.as_str(), password), (name, Secret::new(word)));
        let identity = identity(server.answer(Answer::Password(PasswordCheck::Right)));
        assert_eq!((identity.authentication_id(), identity.authorization_id()), (name, acting_for));
    }
}

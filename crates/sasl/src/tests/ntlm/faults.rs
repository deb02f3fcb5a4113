//! Faults planted into NTLM, from either side, and noise.

use super::super::noise::Chance;
use super::{
    CURL, GSASL, PASSWORD, PERL, PYSPNEGO, PYSPNEGO_BOUND, Recorded, ada, challenge, client, context, end,
    known, octets, replay, response, server,
};
use crate::{
    Answer, ClientFailure, ClientStep, Failure, Lookup, Mechanism, Nonce, NtHash, NtlmVersions, Secret,
    ServerContext, ServerExchange, ServerQuestion, ServerStep,
};

const ROUNDS: u64 = 3_000;

/// A recorded login whose AUTHENTICATE was changed.
fn changed(recorded: &Recorded, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), Failure> {
    let mut server = server(super::super::both(), NtlmVersions::Two);
    let _ = challenge(server.receive(Some(&octets(recorded.negotiate))));
    let mut authenticate = octets(recorded.authenticate);
    change(&mut authenticate);
    end(&mut server, &authenticate).map(drop)
}

/// Where the NT response begins in a message.
fn nt_at(message: &[u8]) -> usize {
    usize::from(u16::from_le_bytes([message[24], message[25]]))
}

#[test]
fn every_bit_of_proof_and_blob_counts() {
    for recorded in [&CURL, &PYSPNEGO_BOUND] {
        let whole = octets(recorded.authenticate);
        let (at, length) = (nt_at(&whole), usize::from(whole[20]) | (usize::from(whole[21]) << 8));
        for bit in 0..8 * length {
            let outcome = changed(recorded, |message| message[at + bit / 8] ^= 1 << (bit % 8));
            assert!(
                matches!(outcome, Err(Failure::Rejected | Failure::Malformed)),
                "{} bit {bit}: {outcome:?}",
                recorded.client
            );
        }
    }
}

/// With a MIC no octet of the messages can be changed.
#[test]
fn every_octet_under_a_mic_counts() {
    for at in 0..octets(PYSPNEGO.authenticate).len() {
        let outcome = changed(&PYSPNEGO, |message| message[at] ^= 0x40);
        assert!(outcome.is_err(), "octet {at}");
    }
    // NEGOTIATE too: the server grants the same, but somebody was in between.
    let mut negotiate = octets(PYSPNEGO.negotiate);
    negotiate[32] ^= 1;
    let mut server = server(vec![], NtlmVersions::Two);
    let _ = challenge(server.receive(Some(&negotiate)));
    assert_eq!(end(&mut server, &octets(PYSPNEGO.authenticate)), Err(Failure::Rejected));
}

#[test]
fn a_cut_message_is_malformed() {
    for recorded in [&CURL, &GSASL, &PYSPNEGO] {
        for cut in 0..octets(recorded.authenticate).len() {
            assert_eq!(
                changed(recorded, |message| message.truncate(cut)),
                Err(Failure::Malformed),
                "{} {cut}",
                recorded.client
            );
        }
        let negotiate = octets(recorded.negotiate);
        for cut in 0..16 {
            let step = server(vec![], NtlmVersions::Two).receive(Some(&negotiate[..cut]));
            assert!(matches!(step, ServerStep::Failed(Failure::Malformed)), "{step:?}");
        }
    }
}

#[test]
fn fields_outside_the_message_or_in_its_header_are_malformed() {
    let length = u32::try_from(octets(CURL.authenticate).len()).unwrap();
    for at in [12, 20, 36, 44] {
        for offset in [0, 1, 63, length - 1, length, length + 1, u32::MAX - 1, u32::MAX] {
            let outcome =
                changed(&CURL, |message| message[at + 4..at + 8].copy_from_slice(&offset.to_le_bytes()));
            assert_eq!(outcome, Err(Failure::Malformed), "field {at} at {offset}");
        }
        let outcome = changed(&CURL, |message| message[at..at + 2].copy_from_slice(&[0xff; 2]));
        assert_eq!(outcome, Err(Failure::Malformed), "field {at}");
    }
    // An empty field may begin anywhere.
    for offset in [0, 63, length, u32::MAX] {
        let outcome = changed(&CURL, |message| message[56..60].copy_from_slice(&offset.to_le_bytes()));
        assert_eq!(outcome, Ok(()));
    }
}

#[test]
fn other_signatures_types_and_alphabets_are_malformed() {
    for (at, octet) in [(0, b'M'), (7, 1), (8, 1), (8, 2), (11, 1)] {
        assert_eq!(changed(&CURL, |message| message[at] = octet), Err(Failure::Malformed), "{at} {octet}");
    }
    let mut negotiate = octets(CURL.negotiate);
    negotiate[12] &= !3;
    for message in [negotiate.as_slice(), b"", b"NTLMSSP\0", &octets(CURL.authenticate)] {
        let step = server(vec![], NtlmVersions::Two).receive(Some(message));
        assert!(matches!(step, ServerStep::Failed(Failure::Malformed)), "{step:?}");
    }
    // UTF-16 of an odd length, and half of a pair.
    assert_eq!(changed(&PERL, |message| message[36] -= 1), Err(Failure::Malformed));
    let user_at = octets(PERL.authenticate)[40..42].to_vec();
    let user_at = usize::from(u16::from_le_bytes([user_at[0], user_at[1]]));
    assert_eq!(changed(&PERL, |message| message[user_at + 1] = 0xd8), Err(Failure::Malformed));
    // The other alphabet without Unicode's, and not even UTF-8.
    let user_at =
        usize::from(octets(CURL.authenticate)[40]) | (usize::from(octets(CURL.authenticate)[41]) << 8);
    assert_eq!(changed(&CURL, |message| message[user_at] = 0xff), Err(Failure::Malformed));
    // No name at all: an anonymous login.
    assert_eq!(changed(&CURL, |message| message[36..38].fill(0)), Err(Failure::Malformed));
}

#[test]
fn a_message_is_worthless_against_another_challenge() {
    for recorded in [&CURL, &GSASL, &PYSPNEGO] {
        let nonce = Nonce::from_random(&[0x77; 18]);
        let context = ServerContext { nonce, ntlm: NtlmVersions::OneAndTwo, ..context() };
        let mut server = ServerExchange::begin(Mechanism::Ntlm, context);
        let _ = challenge(server.receive(Some(&octets(recorded.negotiate))));
        assert_eq!(end(&mut server, &octets(recorded.authenticate)), Err(Failure::Rejected));
    }
}

/// A man in the middle who gives the client a challenge of his own choice gains nothing at us.
#[test]
fn a_changed_challenge_is_noticed() {
    for at in [24, 31] {
        let mut server = server(vec![], NtlmVersions::Two);
        let mut client = client(super::USER, vec![]);
        let mut said = challenge(server.receive(Some(client.initial().unwrap().expose())));
        said[at] ^= 1;
        let authenticate = response(client.receive(&said));
        assert_eq!(end(&mut server, &authenticate), Err(Failure::Rejected));
    }
}

#[test]
fn a_bound_client_is_refused_in_another_channel() {
    let mut server = server(vec![], NtlmVersions::Two);
    let mut client = client(super::USER, super::super::both());
    let said = challenge(server.receive(Some(client.initial().unwrap().expose())));
    let authenticate = response(client.receive(&said));
    assert_eq!(end(&mut server, &authenticate), Err(Failure::ChannelBindingMismatch));
}

#[test]
fn an_lm_response_alone_is_never_taken() {
    for versions in [NtlmVersions::Two, NtlmVersions::OneAndTwo] {
        let mut server = server(vec![], versions);
        let _ = challenge(server.receive(Some(&octets(GSASL.negotiate))));
        let mut message = octets(GSASL.authenticate);
        message[20..24].fill(0);
        assert_eq!(end(&mut server, &message), Err(Failure::TooWeak));
    }
}

/// The LM response of a version 1 login is not looked at: it is the NT response that must be right.
#[test]
fn version_one_stands_on_the_nt_response() {
    let rows = [(12, Ok(())), (20, Err(Failure::Rejected))];
    for (field, want) in rows {
        let mut server = server(vec![], NtlmVersions::OneAndTwo);
        let _ = challenge(server.receive(Some(&octets(GSASL.negotiate))));
        let mut message = octets(GSASL.authenticate);
        let at = usize::from(message[field + 4]);
        message[at] ^= 1;
        assert_eq!(end(&mut server, &message).map(drop), want);
    }
}

#[test]
fn answers_of_the_directory_lead_where_they_must() {
    let other = NtHash::derive(&Secret::new(format!("{PASSWORD}.")));
    let rows = [
        (Lookup::Found(other), Failure::Rejected),
        (Lookup::Missing, Failure::Rejected),
        (Lookup::Unavailable, Failure::Unavailable),
    ];
    for recorded in [&CURL, &GSASL, &PYSPNEGO] {
        for (lookup, want) in rows.clone() {
            let mut server = server(vec![], NtlmVersions::OneAndTwo);
            let _ = challenge(server.receive(Some(&octets(recorded.negotiate))));
            let step = server.receive(Some(&octets(recorded.authenticate)));
            assert!(matches!(step, ServerStep::Ask(ServerQuestion::NtHash { .. })), "{step:?}");
            let step = server.answer(Answer::Nt(lookup));
            assert!(matches!(step, ServerStep::Failed(failure) if failure == want), "{step:?}");
        }
    }
    let mut server = server(vec![], NtlmVersions::Two);
    let _ = challenge(server.receive(Some(&octets(CURL.negotiate))));
    let _ = server.receive(Some(&octets(CURL.authenticate)));
    let step = server.answer(Answer::Cram(Lookup::Missing));
    assert!(matches!(step, ServerStep::Failed(Failure::Misused)), "{step:?}");
}

#[test]
fn a_client_refuses_what_is_no_challenge() {
    let whole = octets(PYSPNEGO.challenge);
    let receive = |message: &[u8]| {
        let mut client = client(super::USER, vec![]);
        let _ = client.initial();
        let step = client.receive(message);
        assert!(client.succeeded().is_err() == matches!(step, ClientStep::Failed(_)));
        step
    };
    for cut in 0..whole.len() {
        let step = receive(&whole[..cut]);
        assert!(matches!(step, ClientStep::Failed(ClientFailure::Malformed)), "{cut}: {step:?}");
    }
    // Another type; no Unicode; target information elsewhere.
    for (at, octet) in [(8, 3), (20, 2), (44, 0), (45, 0xff)] {
        let mut message = whole.clone();
        message[at] = octet;
        let step = receive(&message);
        assert!(matches!(step, ClientStep::Failed(ClientFailure::Malformed)), "{at}: {step:?}");
    }
}

#[test]
fn both_sides_bear_noise() {
    for seed in 1..=ROUNDS {
        let mut chance = Chance::of(seed);
        for recorded in [&CURL, &PYSPNEGO, &GSASL] {
            let mut server = server(super::super::both(), NtlmVersions::OneAndTwo);
            let step = server.receive(Some(&chance.spoil(&octets(recorded.negotiate))));
            if matches!(step, ServerStep::Challenge(_)) {
                let whole = octets(recorded.authenticate);
                let spoilt = chance.spoil(&whole);
                let mut step = server.receive(Some(&spoilt));
                if let ServerStep::Ask(ServerQuestion::NtHash { user, .. }) = &step {
                    step = server.answer(known(user));
                }
                assert!(!matches!(step, ServerStep::Failed(Failure::Misused)), "seed {seed}");
            }
            let mut client = client(super::USER, super::super::both());
            let _ = client.initial();
            let _ = client.receive(&chance.spoil(&octets(recorded.challenge)));
        }
    }
    assert_eq!(replay(&CURL, server(vec![], NtlmVersions::Two)), ada());
}

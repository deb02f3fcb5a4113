//! The vectors of [MS-NLMP] section 4.2, and a channel binding as another implementation hashes it.

use super::{KeyTwo, binding_hash, one, session_challenge, upper};
use crate::{BindingKind, ChannelBinding, NtHash, Secret};

const SERVER: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
const CLIENT: [u8; 8] = [0xaa; 8];

fn hash() -> NtHash {
    NtHash::derive(&Secret::new("Password"))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Section 4.2.2: NTLMv1, its hash from 4.2.2.1.2, its response from 4.2.2.2.1.
#[test]
fn version_one_agrees() {
    assert_eq!(hex(hash().octets().expose()), "a4f49c406510bdcab6824ee7c30fd852");
    assert_eq!(hex(one(&hash(), SERVER).expose()), "67c43011f30298a2ad35ece64f16331c44bdbed927841f94");
}

/// Section 4.2.3: NTLMv1 with the client's challenge.
#[test]
fn version_one_with_session_security_agrees() {
    let challenge = session_challenge(SERVER, CLIENT);
    assert_eq!(hex(one(&hash(), challenge).expose()), "7537f803ae367128ca458204bde7caf81e97ed2683267232");
}

/// Section 4.2.4: NTLMv2 with its key from 4.2.4.1.1, its session key from 4.2.4.1.2, LMv2 and its proof from 4.2.4.2.
#[test]
fn version_two_agrees() {
    let key = KeyTwo::new(&hash(), "User", "Domain");
    assert_eq!(hex(key.0.expose()), "0c868a403bfd7a93a3001ef22ef02e3f");
    assert_eq!(hex(key.proof(SERVER, &CLIENT).expose()), "86c35097ac9cec102554764a57cccc19");

    let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0];
    blob.extend_from_slice(&[0; 8]);
    blob.extend_from_slice(&CLIENT);
    blob.extend_from_slice(&[0; 4]);
    for (number, name) in [(2_u8, "Domain"), (1, "Server")] {
        blob.extend_from_slice(&[number, 0, 12, 0]);
        blob.extend_from_slice(&super::wide(name));
    }
    blob.extend_from_slice(&[0; 8]);
    let proof = key.proof(SERVER, &blob);
    assert_eq!(hex(proof.expose()), "68cd0ab851e51c96aabc927bebef6a1c");
    assert_eq!(hex(key.session_key(proof.expose()).expose()), "8de40ccadbc14a82f15cb0ad0de95ca3");
}

/// As pyspnego 0.12 hashes a certificate's hash of 32 octets 0xEE.
#[test]
fn a_binding_is_hashed_as_others_do() {
    let binding = ChannelBinding::new(BindingKind::TlsServerEndPoint, [0xee; 32]);
    assert_eq!(hex(binding_hash(&binding).expose()), "bd628f07f2c8b0c3a04fe4dd0de96f77");
}

#[test]
fn capitals_are_of_single_letters() {
    assert_eq!(upper("ada%Drucker\u{e4}\u{df}@x"), "ADA%DRUCKER\u{c4}\u{df}@X");
}

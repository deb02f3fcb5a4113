//! What NTLM computes ([MS-NLMP] section 3.3): keys, proofs, codes.

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use md5::Md5;

use super::message::wide;
use crate::hash::{hmac, md5};
use crate::{ChannelBinding, NtHash, Secret};

/// `NTOWFv2`: what a user's NTLMv2 proofs are made with.
pub(super) struct KeyTwo(Secret);

impl KeyTwo {
    /// Of names as they are sent: the case of the domain counts, that of the user does not.
    pub(super) fn new(hash: &NtHash, user: &str, domain: &str) -> Self {
        let name = wide(&format!("{}{domain}", upper(user)));
        Self(hmac::<Md5>(hash.octets().expose(), &[&name]))
    }

    /// `NTProofStr`. Over a client's own challenge alone it is the proof inside LMv2.
    pub(super) fn proof(&self, server_challenge: [u8; 8], blob: &[u8]) -> Secret {
        hmac::<Md5>(self.0.expose(), &[&server_challenge, blob])
    }

    /// `SessionBaseKey`, which is the exported session key too where no other is exchanged.
    pub(super) fn session_key(&self, proof: &[u8]) -> Secret {
        hmac::<Md5>(self.0.expose(), &[proof])
    }
}

/// The message integrity code over NEGOTIATE, CHALLENGE and an AUTHENTICATE whose own code is zero.
pub(super) fn mic(session_key: &Secret, messages: [&[u8]; 3]) -> Secret {
    hmac::<Md5>(session_key.expose(), &messages)
}

/// Letter by letter, as Windows does: a letter whose capital would be two stays.
fn upper(text: &str) -> String {
    let capital = |letter: char| {
        let mut capitals = letter.to_uppercase();
        match (capitals.next(), capitals.next()) {
            (Some(capital), None) => capital,
            (Some(_) | None, _) => letter,
        }
    };
    text.chars().map(capital).collect()
}

/// NTLMv1's response to a challenge: `DESL` of the NT hash.
pub(super) fn one(hash: &NtHash, challenge: [u8; 8]) -> Secret {
    // 16 octets of hash and 5 of zero make three keys of 7.
    let padded = Secret::joined(&[hash.octets().expose(), &[0; 5]]);
    let (keys, _) = padded.expose().as_chunks();
    let blocks: Vec<u8> = keys.iter().flat_map(|key| des(key, challenge)).collect();
    Secret::new(blocks)
}

/// One block under a key of 56 bits.
fn des(key: &[u8; 7], block: [u8; 8]) -> [u8; 8] {
    let bits = key.iter().fold(0_u64, |bits, octet| (bits << 8) | u64::from(*octet));
    // DES takes eight octets of seven bits, each with a bit of parity that it ignores.
    let spread =
        (0..8).rev().fold(0_u64, |spread, septet| (spread << 8) | (((bits >> (7 * septet)) & 0x7f) << 1));
    let mut block = block.into();
    Des::new(&spread.to_be_bytes().into()).encrypt_block(&mut block);
    block.into()
}

/// What NTLMv1 answers in place of the server's challenge under "extended session security".
pub(super) fn session_challenge(server: [u8; 8], client: [u8; 8]) -> [u8; 8] {
    let mut challenge = [0; 8];
    let digest = md5(&[server, client].concat());
    for (slot, octet) in challenge.iter_mut().zip(digest.expose()) {
        *slot = *octet;
    }
    challenge
}

/// `MsvAvChannelBindings`: MD5 of RFC 2744's `gss_channel_bindings_struct` without addresses, numbers little end first.
pub(super) fn binding_hash(binding: &ChannelBinding) -> Secret {
    let data = [binding.kind().name().as_bytes(), b":", binding.data()].concat();
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
    md5(&[&[0; 16], length.as_slice(), &data].concat())
}

#[cfg(test)]
mod tests;

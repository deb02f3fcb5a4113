//! SCRAM (RFC 5802, RFC 7677): both sides prove that they know the password's keys, neither sends it.
//!
//! ```text
//! client  n,,n=ada,r=<client nonce>
//! server  r=<client nonce><server nonce>,s=<salt>,i=<iterations>
//! client  c=<header and channel binding>,r=<both nonces>,p=<client's proof>
//! server  v=<server's proof>
//! ```
//!
//! Errors are never sent inside the exchange (`e=`): SMTP says them in its reply, and a client learns less.

mod client;
mod message;
mod server;

pub(crate) use client::{Client, Opening};
pub(crate) use server::Server;

use crate::verifier::Keys;
use crate::{ScramHash, Secret};

/// `AuthMessage` of RFC 5802 section 3, whose three parts both sides have seen: the proofs are made over it.
struct AuthMessage {
    text: String,
}

impl AuthMessage {
    fn new(client_first_bare: &str, server_first: &str, client_final_without_proof: &str) -> Self {
        Self { text: format!("{client_first_bare},{server_first},{client_final_without_proof}") }
    }

    /// `ClientSignature`: what covers the client's key in its proof.
    fn client_signature(&self, hash: ScramHash, stored_key: &Secret) -> Secret {
        hash.hmac(stored_key.expose(), &[self.text.as_bytes()])
    }

    /// `ServerSignature`: the server's proof.
    fn server_signature(&self, hash: ScramHash, server_key: &Secret) -> Secret {
        hash.hmac(server_key.expose(), &[self.text.as_bytes()])
    }

    /// `ClientProof`.
    fn client_proof(&self, hash: ScramHash, keys: &Keys) -> Secret {
        xor(&keys.client_key, &self.client_signature(hash, &keys.stored_key))
    }

    /// Whether the proof uncovers a key whose digest is the stored one.
    fn is_proved_by(&self, proof: &Secret, hash: ScramHash, stored_key: &Secret) -> bool {
        // Checked before the exclusive or, which would cut the longer one.
        proof.expose().len() == hash.octets()
            && hash.digest(xor(proof, &self.client_signature(hash, stored_key)).expose()) == *stored_key
    }
}

fn xor(left: &Secret, right: &Secret) -> Secret {
    Secret::new(
        left.expose().iter().zip(right.expose()).map(|(left, right)| left ^ right).collect::<Vec<u8>>(),
    )
}

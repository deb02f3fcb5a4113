//! Proving who you are: SASL exchanges (RFC 4422), password verifiers and secrets, as values.
//!
//! One [`ServerExchange`] or [`ClientExchange`] is one authentication. Octets go in, a step comes out; what must be
//! looked up in a directory is a question to the driver, and randomness is a [`Nonce`] that the driver brings. The
//! crate does no I/O, reads no clock, draws no random numbers, and knows neither SMTP nor the base64 that SMTP wraps
//! around the exchange: octets are the mechanism's own.
//!
//! | mechanism | specification | the server must hold |
//! | --- | --- | --- |
//! | PLAIN | RFC 4616 | any password hash |
//! | LOGIN | draft-murchison-sasl-login | any password hash |
//! | CRAM-MD5 | RFC 2195 | the password itself ([`CramSecret`]) |
//! | MD5 | none: CRAM-MD5 under a name of ours | the same |
//! | DIGEST-MD5 | RFC 2831, `qop=auth` only | a [`DigestSecret`] of its realm |
//! | NTLM | \[MS-NLMP\], \[MS-SMTPNTLM\] | an [`NtHash`] |
//! | SCRAM-SHA-1, SCRAM-SHA-256, SCRAM-SHA-512 | RFC 5802, RFC 7677 | a [`ScramVerifier`] |
//! | the same with `-PLUS` | and RFC 5929, RFC 9266 | and the TLS channel's [`ChannelBinding`] |
//! | GSSAPI | RFC 4752 | a Kerberos library, which the driver asks ([`GssQuestion`]) |
//! | OAUTHBEARER | RFC 7628 | somebody who knows tokens ([`TokenCheck`]) |
//! | XOAUTH2 | Google's | the same |
//! | OAUTH10A | RFC 7628, RFC 5849 | [`OauthOneKeys`], and which nonces were used ([`Freshness`]) |
//! | EXTERNAL | RFC 4422 appendix A | whose a client certificate is |
//!
//! Nothing here shows a secret: [`Secret`] has no `Display`, its `Debug` says nothing, and it wipes itself when
//! dropped. Comparisons of secrets take the same time wherever they differ.
//!
//! Cost: [`ScramVerifier::derive`], [`ScramVerifier::matches`] and a SCRAM client's answer to the server's first message
//! run PBKDF2, up to [`limits::ITERATIONS_MOST`] rounds, so drivers call them where waiting is allowed. All else is
//! a few hashes.
//!
//! # Example
//!
//! A client and a server, SCRAM-SHA-256, without a network:
//!
//! ```
//! use gatepost_sasl::{
//!     Answer, ClientContext, ClientExchange, ClientStep, Login, Lookup, Mechanism, Nonce, ScramHash,
//!     ScramVerifier, Secret, ServerContext, ServerExchange, ServerQuestion, ServerStep,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // What the directory keeps in place of ada's password. (Salt and nonces come from the driver's randomness.)
//! let kept = ScramVerifier::derive(ScramHash::Sha256, &Secret::new("pencil"), &[7; 16], 4096)?;
//!
//! let mut server = ServerExchange::begin(
//!     Mechanism::ScramSha256,
//!     ServerContext::new(Nonce::from_random(&[1; 18]), "mail.gatepost.example", 1_700_000_000),
//! );
//! let mut client = ClientExchange::begin(
//!     Mechanism::ScramSha256,
//!     ClientContext::new(
//!         Login::new("ada", Secret::new("pencil"))?,
//!         Nonce::from_random(&[2; 18]),
//!         "mail.gatepost.example",
//!         1_700_000_000,
//!     ),
//! )?;
//!
//! let mut response = client.initial().ok_or("SCRAM clients speak first")?;
//! let identity = loop {
//!     let mut step = server.receive(Some(response.expose()));
//!     if let ServerStep::Ask(ServerQuestion::ScramVerifier { user, .. }) = &step {
//!         assert_eq!(user, "ada");
//!         step = server.answer(Answer::Scram(Lookup::Found(kept.clone())));
//!     }
//!     match step {
//!         ServerStep::Challenge(challenge) => match client.receive(&challenge) {
//!             ClientStep::Respond(next) => response = next,
//!             ClientStep::Failed(failure) => return Err(failure.into()),
//!             ClientStep::Ask(_) => return Err("only GSSAPI asks".into()),
//!         },
//!         ServerStep::Succeeded(identity) => break identity,
//!         ServerStep::Ask(_) | ServerStep::Failed(_) => return Err("refused".into()),
//!     }
//! };
//! client.succeeded()?; // the server has proved that it knows the verifier, too
//! assert_eq!(identity.authentication_id(), "ada");
//! # Ok(())
//! # }
//! ```

pub mod limits;
pub mod prepare;

mod bearer;
mod binding;
mod cram;
mod digest;
mod directives;
mod exchange;
mod external;
mod gs2;
mod gssapi;
mod hash;
mod json;
mod latin;
mod login;
mod mechanism;
mod nonce;
mod ntlm;
mod oauth;
mod oauth_one;
mod plain;
mod scram;
mod secret;
mod verifier;

#[cfg(test)]
mod tests;

pub use binding::{BindingKind, ChannelBinding};
pub use exchange::client::{ClientContext, ClientExchange, ClientFailure, ClientStep};
pub use exchange::context::{NtlmVersions, OauthHelp, ServerContext};
pub use exchange::credentials::{Login, LoginError};
pub use exchange::gss::{GssAnswer, GssProgress, GssQuestion};
pub use exchange::server::{
    Answer, Failure, Freshness, Lookup, PasswordCheck, ServerExchange, ServerQuestion, ServerStep,
    TokenCheck, TokenFault,
};
pub use exchange::{Identity, PlusOffer};
pub use hash::ScramHash;
pub use mechanism::{Mechanism, Strength, nearest, nearest_all, strongest};
pub use nonce::Nonce;
pub use secret::Secret;
pub use verifier::{CramSecret, DigestSecret, NtHash, OauthOneKeys, ScramVerifier, VerifierError};

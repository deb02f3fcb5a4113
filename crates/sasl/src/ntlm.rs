//! NTLM ([MS-NLMP]) in the dress of [MS-SMTPNTLM]: three messages, of which the last proves the password's NT hash.
//!
//! A legacy mechanism: an onlooker can try passwords quickly, and the server proves nothing. NTLMv2 is what we speak as
//! a client; as a server NTLMv1 is taken only where the operator asks for it
//! ([`NtlmVersions`](crate::NtlmVersions)), and LM responses never. Nothing is signed or sealed: that is TLS's work.
//!
//! What ties a login to its TLS channel is the hash of a channel binding inside the proof, which newer clients send;
//! what keeps the three messages from being changed on their way is the message integrity code (MIC).

mod client;
mod message;
mod response;
mod server;
mod target_info;

pub(crate) use client::Client;
pub(crate) use server::Server;

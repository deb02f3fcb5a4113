//! OAUTH10A (RFC 7628 with the signatures of RFC 5849): the client signs with two shared secrets and shows neither.
//!
//! ```text
//! n,a=ada,^Ahost=mail.example^Aport=587^Aauth=OAuth oauth_consumer_key="...",oauth_token="...",
//!   oauth_signature_method="HMAC-SHA1",oauth_timestamp="...",oauth_nonce="...",oauth_signature="..."^A^A
//! ```
//!
//! What is signed is a `POST` to the root of `http://host:port/`; `https` is taken as well, since RFC 7628 does not say which.
//! Host and port must be named, so that what was said to one server is worth nothing at another; time and nonce make it
//! worth nothing a second time.

mod client;
mod server;
mod signature;

pub(crate) use client::Client;
pub(crate) use server::Server;

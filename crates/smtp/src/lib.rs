//! The SMTP and LMTP protocols, without a network.
//!
//! Two cores, server and client, take octets and a time and give steps: write these octets, decide this
//! question, store this piece of content, shake hands, wait until then, close. Whoever drives them owns the
//! socket, the clock and the decisions. There is no I/O here, no clock, no chance, no thread and no async.

// The client's modules.

// The server's, and what both sides share.
mod extension;
mod protocol;

pub use extension::Extension;
pub use protocol::Protocol;

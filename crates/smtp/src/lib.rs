//! The SMTP and LMTP protocols, without a network.
//!
//! Two cores, server and client, take octets and a time and give steps: write these octets, decide this
//! question, store this piece of content, shake hands, wait until then, close. Whoever drives them owns the
//! socket, the clock and the decisions. There is no I/O here, no clock, no chance, no thread and no async.

// The client's modules.
mod client;
mod content_writer;
mod reply_reader;
mod transcript;

pub use client::{
    AuthStart, AuthUse, Cause, ChunkingUse, ClientLimits, ClientSession, ClientSettings, ClientStep,
    Connection, Conversion, More, NotNow, Offers, RecipientOutcome, Stage, TlsUse, Transaction,
    TransactionOutcome, fits,
};
pub use reply_reader::ReplyError;
pub use transcript::Transcript;

// The server's, and what both sides share.
mod command;
mod content;
mod extension;
mod limits;
mod line;
mod protocol;
mod server;

pub use command::{HelloVerb, Sender};
pub use content::{ContentFault, Seen};
pub use extension::Extension;
pub use limits::Limits;
pub use protocol::Protocol;
pub use server::{Answer, AuthOctets, Channel, Question, ServerSession, ServerSettings, StartTls, Step};

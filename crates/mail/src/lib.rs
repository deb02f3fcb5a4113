//! The words of mail: addresses, replies, envelopes, header fields.
//!
//! Everything here is a value. This crate does no I/O, knows no clock and no chance, and costs nothing to
//! depend on; whoever needs the time or an identifier is handed one by a driver.
//!
//! ```
//! use gatepost_mail::{Mailbox, ReversePath};
//!
//! let ada = Mailbox::parse("ada@Example.ORG").unwrap();
//! assert_eq!(ada.to_string(), "ada@example.org");
//! assert_eq!(ReversePath::Null.to_string(), "<>");
//! ```

mod address;
mod domain;
pub mod downgrade;
mod envelope;
pub mod header;
mod hello;
mod id;
mod local_part;
mod network;
pub mod notice;
mod path;
mod principal;
pub mod reply;
mod size;
mod time;
pub mod trace;
pub mod xtext;

pub use address::{AddressError, AddressLiteral, Host, Mailbox};
pub use domain::Domain;
pub use envelope::{
    Body, Ending, Envelope, EnvelopeId, International, Notify, NotifyOn, OriginalRecipient, Recipient, Return,
};
pub use hello::Hello;
pub use id::{IdError, SessionId, SpoolId};
pub use local_part::LocalPart;
pub use network::Network;
pub use path::{ForwardPath, ReversePath};
pub use principal::Principal;
pub use reply::{EnhancedStatus, Reply, ReplyCode};
pub use size::Octets;
pub use time::Timestamp;

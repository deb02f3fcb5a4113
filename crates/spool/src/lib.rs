//! Messages that survive a crash.
//!
//! A [`Spool`] takes a message in pieces, says when it is on stable storage, lends it to workers while it is
//! due, and keeps what became of each recipient. [`Embedded`] keeps it in a folder, [`Memory`] for as long as
//! the program runs. Who may send, what to try when, and how, is decided elsewhere.
//!
//! ```
//! use std::time::Duration;
//!
//! use gatepost_mail::{Body, Ending, Envelope, ForwardPath, International, Principal, Recipient};
//! use gatepost_mail::{ReversePath, SessionId, Timestamp};
//! use gatepost_spool::{Draft, Memory, Outcome, Settled, Spool};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = Timestamp::from_micros(1_795_299_337_000_000);
//! let spool = Memory::new(now);
//! let mut draft = spool.draft().await?;
//! draft.write(b"Subject: hello\r\n\r\nhello\r\n").await?;
//! let envelope = Envelope {
//!     reverse_path: ReversePath::parse("<ada@example.org>")?,
//!     recipients: vec![Recipient::new(ForwardPath::parse("<bob@example.net>")?)],
//!     body: Body::SevenBit,
//!     ending: Ending::Line,
//!     international: International::No,
//!     returns: None,
//!     envelope_id: None,
//!     principal: Principal::Account("ada".into()),
//!     session: SessionId::from_number(1),
//!     received: now,
//! };
//! let receipt = draft.commit(envelope, now).await?;
//! println!("250 2.0.0 Queued as {receipt}");
//!
//! for claim in spool.claim(now, Duration::from_secs(600), 10).await? {
//!     let mut content = spool.content(claim.id).await?;
//!     while let Some(piece) = content.piece().await? {
//!         println!("{} octets", piece.len());
//!     }
//!     let delivered = Settled { recipient: 0, outcome: Outcome::Delivered };
//!     spool.settle(claim, vec![delivered]).await?;
//! }
//! assert_eq!(spool.stats().await.messages, 0);
//! # Ok(())
//! # }
//! ```

mod claim;
mod content;
pub mod contract;
mod disk;
pub mod embedded;
mod error;
mod ids;
mod ledger;
mod memory;
mod record;
mod spool;

pub use claim::{
    Claim, Due, Entry, Held, Outcome, Receipt, RecipientState, Settled, Stats, Ticket, WHY_LIMIT, Warned,
};
pub use content::{Content, PIECE, Piece};
pub use disk::{Disk, Fault, Loss, Simulated};
pub use embedded::{Damage, Drive, Embedded, EmbeddedDraft, EmbeddedSettings, Recovery, Verified};
pub use error::{DamagedPart, SpoolError};
pub use memory::{Memory, MemoryDraft};
pub use spool::{Draft, LIST_LIMIT, Spool};

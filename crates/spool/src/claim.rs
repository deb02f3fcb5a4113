//! What a worker is lent, and what it gives back.

use std::fmt;
use std::sync::Arc;

use gatepost_mail::{Envelope, Octets, SpoolId, Timestamp};

/// Longest text kept of why a recipient waits.
pub const WHY_LIMIT: Octets = Octets(512);

/// The proof that a message is on stable storage; only a draft's commit makes it. Shows as the message's id.
///
/// A copy proves the same: that the message was taken, whatever became of it since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(SpoolId);

impl Receipt {
    pub(crate) const fn new(id: SpoolId) -> Self {
        Self(id)
    }

    /// The message it is for.
    #[must_use]
    pub const fn id(&self) -> SpoolId {
        self.0
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tells one lease of a message from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fence(pub(crate) u64);

/// What is needed to have a claim again, and no more: the envelope need not stay in memory for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub(crate) id: SpoolId,
    pub(crate) fence: Fence,
}

/// One message's due recipients, lent to one worker until the lease ends.
///
/// A claim that is dropped comes back when its lease ends; nothing else is lost.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The message.
    pub id: SpoolId,
    /// Who it is from and for; [`Due::recipient`] counts in its list of recipients.
    pub envelope: Arc<Envelope>,
    /// The size of the content.
    pub size: Octets,
    /// The recipients whose time has come.
    pub due: Vec<Due>,
    pub(crate) fence: Fence,
}

impl Claim {
    /// For [`crate::Spool::recall`].
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        Ticket { id: self.id, fence: self.fence }
    }
}

/// A recipient to try now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which one of the envelope's recipients, from 0.
    pub recipient: u32,
    /// How often it was tried so far.
    pub attempts: u32,
    /// Why it waited.
    pub last: Option<Box<str>>,
    /// Whether the sender was told of the delay.
    pub warned: Warned,
}

/// Whether the sender was told that a recipient waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Warned {
    /// Not told.
    #[default]
    NotYet,
    /// Told once, which is enough.
    Already,
}

/// What came of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Which one of the envelope's recipients, from 0.
    pub recipient: u32,
    /// What came of it.
    pub outcome: Outcome,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The next hop has it.
    Delivered,
    /// It never will arrive; its notice, where one is due, is committed already.
    Failed,
    /// To be tried again.
    Again {
        /// Not before this.
        due: Timestamp,
        /// Why; cut to [`WHY_LIMIT`].
        why: Box<str>,
        /// Whether the sender was told of the delay.
        warned: Warned,
    },
}

/// What has become of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientState {
    /// Not done.
    Waiting {
        /// To be tried at this moment or later.
        due: Timestamp,
        /// Attempts so far.
        attempts: u32,
        /// Why it waits; nothing before the first attempt.
        last: Option<Box<str>>,
        /// Whether the sender was told of the delay.
        warned: Warned,
    },
    /// The next hop has it.
    Delivered,
    /// It failed for good.
    Failed,
}

/// A message as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: SpoolId,
    /// Who it is from and for.
    pub envelope: Arc<Envelope>,
    /// The size of the content.
    pub size: Octets,
    /// Whether an operator, or damage, keeps it from being tried.
    pub held: Held,
    /// What has become of each of the envelope's recipients, in its order.
    pub recipients: Vec<RecipientState>,
    /// When the worker's lease ends, while one works on it.
    pub leased: Option<Timestamp>,
}

/// Whether a message may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Held {
    /// It may.
    #[default]
    No,
    /// Not until it is released.
    Yes,
}

/// How full a spool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Messages that are not done.
    pub messages: u64,
    /// Those of them that are held.
    pub held: u64,
    /// Those of them that a worker has.
    pub claimed: u64,
    /// What the messages take, envelope and content.
    pub octets: Octets,
    /// Segments that hold something; zero for an engine without segments.
    pub segments: u64,
    /// Segments that wait to be used again.
    pub spare_segments: u64,
    /// Times the log was synced since the spool was opened; zero for an engine without a log.
    pub syncs: u64,
    /// Records written again since then to free segments; zero for an engine without segments.
    pub rewritten: u64,
    /// Segments freed since then.
    pub freed: u64,
    /// Messages found damaged since then.
    pub damaged: u64,
}

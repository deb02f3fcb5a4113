//! One message for one site, and what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use gatepost_mail::{Mailbox, Recipient, Reply};
use gatepost_policy::notice::Happened;
use gatepost_spool::{Claim, Due};
use tokio::sync::OwnedSemaphorePermit;

/// A message that the spool has lent us, with so many jobs still open.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) claim: Claim,
    pub(super) open: AtomicUsize,
    /// Whether one of its recipients is to be tried again.
    pub(super) waits: AtomicBool,
    /// Its share of the room for lent messages; given back when the last job ends.
    #[expect(dead_code, reason = "held, not read: dropping it gives the room back")]
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Lent {
    /// The envelope's recipient with this number.
    pub(super) fn recipient(&self, number: u32) -> Option<&Recipient> {
        self.claim.envelope.recipients.get(number as usize)
    }

    /// What the spool knows of this recipient.
    pub(super) fn due(&self, number: u32) -> Option<&Due> {
        self.claim.due.iter().find(|due| due.recipient == number)
    }
}

/// One message for one site.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) lent: Arc<Lent>,
    pub(super) recipients: Vec<Addressee>,
}

/// One recipient of a job.
#[derive(Debug, Clone)]
pub(super) struct Addressee {
    /// Its number in the envelope.
    pub(super) number: u32,
    /// Whom its path stands for here.
    pub(super) mailbox: Mailbox,
}

/// What came of one recipient in one attempt.
#[derive(Debug, Clone)]
pub(super) struct Result {
    pub(super) number: u32,
    pub(super) fate: Fate,
    /// To whom it was handed, or was to be: as events show it.
    pub(super) next_hop: String,
    /// The host that spoke, for reports (RFC 3464 section 2.3.5).
    pub(super) host: Option<String>,
    /// Whether the channel was encrypted, and how.
    pub(super) tls: String,
}

/// How an attempt ended for one recipient.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// The next hop has it.
    Delivered(Reply, Happened),
    /// It never will arrive: the reply says why, the rule who says so.
    Failed(Reply, &'static str),
    /// Not now: the reply, where the next hop gave one, and why.
    Waits(Option<Reply>, String),
}

impl Result {
    /// A fate that no host has caused.
    pub(super) fn of(number: u32, fate: Fate, next_hop: &str) -> Self {
        Self { number, fate, next_hop: next_hop.to_owned(), host: None, tls: String::new() }
    }
}

impl Job {
    /// The same fate for all recipients.
    pub(super) fn all(&self, fate: &Fate, next_hop: &str) -> Vec<Result> {
        let result = |addressee: &Addressee| Result::of(addressee.number, fate.clone(), next_hop);
        self.recipients.iter().map(result).collect()
    }
}

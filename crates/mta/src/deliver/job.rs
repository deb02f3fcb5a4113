//! One message for one site, and what came of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatepost_mail::{Mailbox, Recipient, Reply};
use gatepost_policy::notice::Happened;
use gatepost_spool::{Claim, Due};

use super::agenda::Agenda;
use super::doubt::Doubt;
use super::fair::Whose;
use super::room::Seat;

/// A message that the spool has lent us, with so many jobs still open.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) claim: Claim,
    pub(super) open: OpenJobs,
    /// Whether one of its recipients is to be tried again.
    pub(super) waits: AtomicBool,
    /// What came of recipients since, of those that wait while others are with their sites.
    pub(super) later: Mutex<BTreeMap<u32, Due>>,
    pub(super) agenda: Agenda,
    /// Its place in the room for lent messages; given back when the last job ends.
    #[expect(dead_code, reason = "held, not read: dropping it gives the place back")]
    pub(super) seat: Seat,
}

/// How many jobs of a lent message have not ended. Once it is none, the message is the spool's again, and no more can be opened.
#[derive(Debug)]
pub(super) struct OpenJobs(AtomicUsize);

impl OpenJobs {
    pub(super) const fn new(jobs: usize) -> Self {
        Self(AtomicUsize::new(jobs))
    }

    /// Opens so many more, unless the last one has ended; says whether.
    pub(super) fn open_more(&self, jobs: usize) -> bool {
        let more = |open: usize| (open > 0).then_some(open + jobs);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    /// Ends a job if it is the last one; says whether. Before its message is settled: what the spool has again, it may lend anew.
    pub(super) fn end_the_last(&self) -> bool {
        self.0.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends a job; says whether it was the last one.
    pub(super) fn end_one(&self) -> bool {
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

impl Lent {
    /// The envelope's recipient with this number.
    pub(super) fn recipient(&self, number: u32) -> Option<&Recipient> {
        self.claim.envelope.recipients.get(number as usize)
    }

    /// What is known of this recipient: what the spool says, or what came of it since.
    pub(super) fn due(&self, number: u32) -> Option<Due> {
        if let Some(later) = self.later().get(&number) {
            return Some(later.clone());
        }
        // They come in order.
        let at = self.claim.due.binary_search_by_key(&number, |due| due.recipient).ok()?;
        self.claim.due.get(at).cloned()
    }

    pub(super) fn later(&self) -> MutexGuard<'_, BTreeMap<u32, Due>> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which host may have the message for this recipient, if one may.
    pub(super) fn doubt(&self, number: u32) -> Option<Doubt> {
        doubt(&self.due(number)?)
    }

    /// Whether all of its recipients are lent to us, and none was tried twice.
    pub(super) fn is_plain(&self) -> bool {
        self.claim.due.len() == self.claim.envelope.recipients.len() && self.later().is_empty()
    }
}

/// Which host may have the message for a recipient, if one may.
pub(super) fn doubt(due: &Due) -> Option<Doubt> {
    Doubt::of(due.last.as_deref()?)
}

/// One message for one site.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) lent: Arc<Lent>,
    pub(super) recipients: Vec<Addressee>,
    /// The host that may have the message already: it is asked first.
    pub(super) doubt: Option<Doubt>,
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
    /// All was sent, and no answer came: the next hop may have it or not. The words are as for [`Fate::Waits`].
    InDoubt(Option<Reply>, String),
}

impl Result {
    /// A fate that no host has caused.
    pub(super) fn of(number: u32, fate: Fate, next_hop: &str) -> Self {
        Self { number, fate, next_hop: next_hop.to_owned(), host: None, tls: String::new() }
    }
}

impl Job {
    /// Who is behind it.
    pub(super) fn whose(&self) -> Whose {
        Whose::of(&self.lent.claim.envelope)
    }

    /// The same fate for all recipients.
    pub(super) fn all(&self, fate: &Fate, next_hop: &str) -> Vec<Result> {
        all(&self.recipients, fate, next_hop)
    }
}

/// The same fate for all of these.
pub(super) fn all(recipients: &[Addressee], fate: &Fate, next_hop: &str) -> Vec<Result> {
    recipients.iter().map(|addressee| Result::of(addressee.number, fate.clone(), next_hop)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recipient that was put aside in the memory of its message was handed out although the spool had lent the message anew.
    #[test]
    fn a_message_that_is_being_given_back_opens_no_more_jobs() {
        let open = OpenJobs::new(1);
        assert!(open.open_more(2));
        assert!(!open.end_the_last(), "others are open");
        assert!(!open.end_one() && !open.end_one());
        assert!(open.end_the_last());
        assert!(!open.open_more(1));
        let open = OpenJobs::new(1);
        assert!(open.end_one());
        assert!(!open.open_more(1));
    }
}

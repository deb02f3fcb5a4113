//! One transaction under way: which recipient stands where, and what is to be said next. Says nothing itself.

use gatepost_mail::Ending;
use gatepost_mail::reply::{Class, table};
use gatepost_mail::{Body, Domain, EnhancedStatus, International, Octets, Reply};

use super::phase::{Leftover, outcome_of};
use super::transaction::{More, recipient_needs_utf8, sender_needs_utf8};
use super::{
    Connection, Conversion, NotNow, Offers, RecipientOutcome, Transaction, TransactionOutcome, fits,
};
use crate::content_writer::DotWriter;
use crate::{Extension, Protocol};

/// A transaction under way.
pub(super) struct Exchange {
    pub(super) transaction: Transaction,
    pub(super) protocol: Protocol,
    slots: Vec<Slot>,
    /// What is to be said next.
    pub(super) next: Next,
    /// Recipients that the server took.
    accepted: usize,
    /// Recipients that it took although it had refused MAIL.
    in_vain: usize,
    /// What the server is left with if this ends now.
    pub(super) leftover: Leftover,
    pub(super) connection: Connection,
    pub(super) carriage: Carriage,
    pub(super) spelling: Spelling,
}

/// Where one recipient stands.
enum Slot {
    /// RCPT was not said.
    Waiting,
    /// RCPT was said.
    Asked,
    /// The server took it.
    Accepted,
    /// Nothing changes any more.
    Settled(RecipientOutcome),
}

/// What is to be said next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Reset,
    Mail,
    /// The first waiting recipient from this index on.
    Recipient(usize),
    Data,
    /// A message without content: 354 came, and no recipient was taken (RFC 2920 section 3.1).
    LoneDot,
    Content,
    Nothing,
}

/// How the content goes.
pub(super) enum Carriage {
    Dots(DotWriter),
    /// A chunk for each piece.
    Chunks,
    /// One chunk.
    Whole(Whole),
}

/// Content whose length is known before it goes: one chunk, of which so many octets are still to come.
pub(super) struct Whole {
    pub(super) left: Octets,
    pub(super) departure: Departure,
}

/// When a chunk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    /// Once it is known that somebody is there to get it.
    AfterReplies,
    /// With the envelope, in one group of commands.
    WithEnvelope,
}

impl Whole {
    /// Counts a piece. It must be no more than was announced, and the last one no less.
    pub(super) fn take(&mut self, piece: &[u8], more: More) -> Result<(), NotNow> {
        let left = self.left.0.checked_sub(Octets::of(piece).0).ok_or(NotNow)?;
        if left > 0 && more == More::Last {
            return Err(NotNow);
        }
        self.left = Octets(left);
        Ok(())
    }
}

/// How addresses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Domains as A-labels.
    Ascii,
    /// As they are, with the parameter SMTPUTF8.
    Utf8,
}

/// A reply that makes no sense where it came.
pub(super) struct Nonsense(pub(super) Reply);

impl Exchange {
    /// Settles at once whatever can be settled without the server.
    pub(super) fn new(
        transaction: Transaction,
        offers: &Offers,
        (leftover, departure): (Leftover, Option<Departure>),
    ) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(transaction.recipients.len(), || Slot::Waiting);
        let next = if leftover == Leftover::Transaction { Next::Reset } else { Next::Mail };
        let mut exchange = Self {
            protocol: Protocol::Smtp,
            slots,
            next,
            accepted: 0,
            in_vain: 0,
            leftover,
            connection: Connection::Usable,
            carriage: carriage(&transaction, offers, departure),
            spelling: spelling(&transaction, offers),
            transaction,
        };
        if let Some(refusal) = impossible(&exchange.transaction, offers) {
            exchange.settle_rest(&outcome_of(refusal));
        }
        exchange.settle_unspeakable();
        exchange.keep_to_limits(offers);
        exchange
    }

    /// Whether the content goes along with the envelope.
    pub(super) const fn goes_along(&self) -> bool {
        matches!(self.carriage, Carriage::Whole(Whole { departure: Departure::WithEnvelope, .. }))
    }

    /// Whether the content goes by BDAT although DATA would do.
    pub(super) fn chose_bdat(&self) -> bool {
        matches!(self.carriage, Carriage::Whole(_)) && !needs_bdat(&self.transaction)
    }

    /// Whether nothing is left to ask for.
    pub(super) fn is_settled(&self) -> bool {
        self.slots.iter().all(|slot| matches!(slot, Slot::Settled(_)))
    }

    /// Whether the server has taken a recipient.
    pub(super) const fn has_accepted(&self) -> bool {
        self.accepted > 0
    }

    /// The recipients that the server has taken and that nothing else was heard of.
    pub(super) fn accepted(&self) -> impl Iterator<Item = usize> {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| matches!(slot, Slot::Accepted))
            .map(|(index, _)| index)
    }

    /// The first waiting recipient from this index on, which is asked for now.
    pub(super) fn ask(&mut self, from: usize) -> Option<usize> {
        let waiting = self.slots.get_mut(from..)?.iter_mut();
        let (offset, slot) = waiting.enumerate().find(|(_, slot)| matches!(slot, Slot::Waiting))?;
        *slot = Slot::Asked;
        Some(from + offset)
    }

    /// Takes the reply to MAIL.
    pub(super) fn mail(&mut self, reply: Reply) -> Result<(), Nonsense> {
        match reply.class() {
            Class::Done => self.leftover = Leftover::Transaction,
            Class::GoOn => return Err(Nonsense(reply)),
            Class::Later | Class::Never => {
                self.leftover = Leftover::Nothing;
                self.settle_rest(&outcome_of(reply));
                self.next = Next::Nothing;
            }
        }
        Ok(())
    }

    /// Takes the reply to RCPT. 251 and 252 are as good as 250 (RFC 5321 section 4.3.2).
    pub(super) fn recipient(&mut self, index: usize, reply: Reply) -> Result<(), Nonsense> {
        let class = reply.class();
        if class == Class::GoOn {
            return Err(Nonsense(reply));
        }
        let Some(slot) = self.slots.get_mut(index) else { return Err(Nonsense(reply)) };
        match (&slot, class) {
            (Slot::Settled(_), Class::Done) => self.in_vain += 1,
            (Slot::Settled(_), _) => {}
            (_, Class::Done) => {
                *slot = Slot::Accepted;
                self.accepted += 1;
            }
            _ if !says_too_many(&reply) => *slot = Slot::Settled(outcome_of(reply)),
            _ if self.accepted == 0 => *slot = Slot::Settled(RecipientOutcome::Deferred(reply)),
            _ => {
                *slot = Slot::Settled(RecipientOutcome::NotTried);
                self.stop_asking();
            }
        }
        Ok(())
    }

    /// Takes the reply to DATA.
    pub(super) fn data(&mut self, reply: Reply) -> Result<(), Nonsense> {
        match reply.class() {
            Class::GoOn if self.has_accepted() => self.next = Next::Content,
            // With LMTP there would be no reply to the dot, and where recipients were taken after a refused MAIL an
            // empty message might reach them.
            Class::GoOn if self.in_vain > 0 || self.protocol == Protocol::Lmtp => {
                return Err(Nonsense(reply));
            }
            Class::GoOn => self.next = Next::LoneDot,
            Class::Done => return Err(Nonsense(reply)),
            Class::Later | Class::Never => self.settle_rest(&outcome_of(reply)),
        }
        Ok(())
    }

    pub(super) fn settle(&mut self, index: usize, outcome: RecipientOutcome) {
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Slot::Settled(outcome);
        }
    }

    /// Gives this outcome to all that have none.
    pub(super) fn settle_rest(&mut self, outcome: &RecipientOutcome) {
        for slot in &mut self.slots {
            if !matches!(slot, Slot::Settled(_)) {
                *slot = Slot::Settled(outcome.clone());
            }
        }
    }

    /// The outcome. One that nobody settled was not tried.
    pub(super) fn into_outcome(self) -> TransactionOutcome {
        let recipients = self.slots.into_iter().map(|slot| match slot {
            Slot::Settled(outcome) => outcome,
            Slot::Waiting | Slot::Asked | Slot::Accepted => RecipientOutcome::NotTried,
        });
        TransactionOutcome { recipients: recipients.collect(), connection: self.connection }
    }

    fn stop_asking(&mut self) {
        for slot in &mut self.slots {
            if matches!(slot, Slot::Waiting) {
                *slot = Slot::Settled(RecipientOutcome::NotTried);
            }
        }
    }

    /// Recipients whose address the server cannot read.
    fn settle_unspeakable(&mut self) {
        if self.spelling == Spelling::Utf8 {
            return;
        }
        for (slot, recipient) in self.slots.iter_mut().zip(&self.transaction.recipients) {
            if matches!(slot, Slot::Waiting) && recipient_needs_utf8(&recipient.path) {
                *slot = Slot::Settled(RecipientOutcome::Failed(table::NEXT_HOP_NO_SMTPUTF8));
            }
        }
    }

    /// Recipients above what the server takes at once (RFC 9422).
    fn keep_to_limits(&mut self, offers: &Offers) {
        let count = |limit: Option<std::num::NonZeroU32>| {
            limit.map_or(usize::MAX, |limit| usize::try_from(limit.get()).unwrap_or(usize::MAX))
        };
        let (most, most_domains) = (count(offers.recipients_max()), count(offers.domains_max()));
        if most == usize::MAX && most_domains == usize::MAX {
            return;
        }
        let (mut taken, mut domains) = (0, Domains { most: most_domains, seen: Vec::new() });
        for (slot, recipient) in self.slots.iter_mut().zip(&self.transaction.recipients) {
            if !matches!(slot, Slot::Waiting) {
                continue;
            }
            if taken < most && domains.admits(recipient.path.mailbox().and_then(|mailbox| mailbox.domain())) {
                taken += 1;
            } else {
                *slot = Slot::Settled(RecipientOutcome::NotTried);
            }
        }
    }
}

/// The domains of the recipients taken so far, where their number is limited.
struct Domains<'a> {
    most: usize,
    seen: Vec<Option<&'a Domain>>,
}

impl<'a> Domains<'a> {
    fn admits(&mut self, domain: Option<&'a Domain>) -> bool {
        if self.most == usize::MAX || self.seen.contains(&domain) {
            return true;
        }
        let admitted = self.seen.len() < self.most;
        if admitted {
            self.seen.push(domain);
        }
        admitted
    }
}

/// Why the whole transaction cannot be sent, whatever was converted: what would be wrong is never tried.
fn impossible(transaction: &Transaction, offers: &Offers) -> Option<Reply> {
    match fits(offers, transaction) {
        Err(refusal) => Some(refusal),
        Ok(Conversion::SevenBit) if transaction.body == Body::BinaryMime => Some(table::CANNOT_CONVERT),
        Ok(_) => None,
    }
}

/// DATA is what every server has been tried with. BDAT in one chunk where that has a `departure`, and where DATA cannot carry the
/// content unchanged: BINARYMIME, or a last line without CRLF. Chunk by chunk if the size is not known then.
fn carriage(transaction: &Transaction, offers: &Offers, departure: Option<Departure>) -> Carriage {
    let needed = needs_bdat(transaction);
    let departure = departure.or_else(|| needed.then_some(Departure::AfterReplies));
    match (departure, transaction.size) {
        (Some(departure), Some(left)) if offers.has(Extension::Chunking) => {
            Carriage::Whole(Whole { left, departure })
        }
        (Some(_), None) if needed && offers.has(Extension::Chunking) => Carriage::Chunks,
        (None | Some(_), _) => Carriage::Dots(DotWriter::new()),
    }
}

/// Whether DATA would change the content.
fn needs_bdat(transaction: &Transaction) -> bool {
    transaction.body == Body::BinaryMime || transaction.ending == Ending::Open
}

fn spelling(transaction: &Transaction, offers: &Offers) -> Spelling {
    let needed = transaction.international == International::Yes
        || sender_needs_utf8(transaction)
        || transaction.recipients.iter().any(|recipient| recipient_needs_utf8(&recipient.path));
    if needed && offers.has(Extension::SmtpUtf8) { Spelling::Utf8 } else { Spelling::Ascii }
}

/// Whether a refused RCPT is about the number of recipients, not about this one. 552 stands for 452 there
/// (RFC 5321 section 4.5.3.1.10), unless its status says that it is about something else.
fn says_too_many(reply: &Reply) -> bool {
    let about_number = |status: EnhancedStatus| (status.subject, status.detail) == (5, 3);
    matches!(reply.code().get(), 452 | 552) && reply.status().is_none_or(about_number)
}

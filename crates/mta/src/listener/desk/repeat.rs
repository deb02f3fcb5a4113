//! A message that comes again because its 250 was lost: the first one's id is the answer.

use gatepost_directory::Directory;
use gatepost_mail::header::{Field, HeaderFacts};
use gatepost_mail::{Network, SpoolId};
use gatepost_policy::peer::Peer;
use gatepost_policy::repeat::{HandIn, MessageId, RepeatFacts, compares, repeat};
use gatepost_spool::{Receipt, Spool};

use super::Desk;
use super::envelope::Transaction;
use crate::event::What;
use crate::listener::repeats::{Digest, Fingerprint, Known};

/// Most messages of one session whose 250 was written without a word from the client since: clients that send ahead. Older
/// ones count as read.
const MOST_AHEAD: usize = 16;

/// What this session told its client, and has not seen it read.
#[derive(Debug, Default)]
pub(super) struct Unread {
    told: Vec<(Fingerprint, SpoolId)>,
    /// How many of these are written.
    written: usize,
}

impl<S: Spool, D: Directory> Desk<S, D> {
    /// Begins the fingerprint of a transaction whose recipients are known, where fingerprints are compared.
    pub(super) fn digest(&self, open: &Transaction<S::Draft>) -> Option<Box<Digest>> {
        if !compares(self.rules()) {
            return None;
        }
        let repeats = &self.office.repeats;
        let (sender, to) = (&open.sender, open.recipients.as_slice());
        let digest = match &open.peer {
            Peer::Account(name) => {
                repeats.digest(format_args!("account {name:?} {:?}", open.device.label()), sender, to)
            }
            Peer::Machine(name) => repeats.digest(format_args!("machine {name:?}"), sender, to),
            // Somebody else's message must not pass for theirs: a stranger is its network and the name that it gives itself.
            Peer::Anonymous => {
                let network = Network::of_client(self.visit.client.ip());
                repeats.digest(format_args!("stranger {network} {:?}", self.visit.hello), sender, to)
            }
        };
        digest.map(Box::new)
    }

    /// The receipt of the message that this is the repeat of.
    pub(super) fn repeated(
        &mut self,
        fingerprint: Option<Fingerprint>,
        facts: &HeaderFacts,
    ) -> Option<Receipt> {
        let fingerprint = fingerprint?;
        let known = self.office.repeats.known(fingerprint)?;
        let message_id = if facts.has(Field::MessageId) { MessageId::Own } else { MessageId::Missing };
        let facts = RepeatFacts { message_id, before: known.before, now: self.office.now() };
        let verdict = repeat(&facts, self.rules());
        if verdict.decision == HandIn::New {
            return None;
        }
        let Known { receipt, first, .. } = known;
        let told = What::Repeated {
            first_session: first.to_string(),
            client: self.visit.client.ip(),
            rule: verdict.rule.as_str(),
            because: verdict.because.into_owned(),
        };
        self.office.events.emit(Some(self.visit.session), Some(receipt.id()), told);
        self.office.repeats.note_again(fingerprint, self.visit.session);
        self.unread(fingerprint, receipt.id());
        Some(receipt)
    }

    /// A message was taken.
    pub(super) fn told(&mut self, fingerprint: Option<Fingerprint>, receipt: &Receipt) {
        if let Some(fingerprint) = fingerprint {
            self.office.repeats.note(fingerprint, receipt.clone(), self.visit.session);
            self.unread(fingerprint, receipt.id());
        }
    }

    fn unread(&mut self, fingerprint: Fingerprint, id: SpoolId) {
        let unread = &mut self.unread;
        if unread.told.len() >= MOST_AHEAD {
            let (oldest, id) = unread.told.remove(0);
            unread.written = unread.written.saturating_sub(1);
            self.office.repeats.confirm(oldest, id);
        }
        unread.told.push((fingerprint, id));
    }

    /// All replies so far are written.
    pub(in crate::listener) const fn written(&mut self) {
        self.unread.written = self.unread.told.len();
    }

    /// Octets came from the client that had not come before the replies were written: it goes on, so it has read them. What
    /// was under way to us meanwhile proves nothing and cannot be told apart; that errs towards a copy too many.
    pub(in crate::listener) fn heard(&mut self) {
        let read = std::mem::take(&mut self.unread.written);
        for (fingerprint, id) in self.unread.told.drain(..read) {
            self.office.repeats.confirm(fingerprint, id);
        }
    }

    /// The session is over.
    pub(super) fn leave_in_doubt(&mut self) {
        let now = self.office.now();
        for (fingerprint, _) in std::mem::take(&mut self.unread).told {
            self.office.repeats.end(fingerprint, self.visit.session, now);
        }
    }
}

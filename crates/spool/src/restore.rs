//! Taking messages back as they were: with their id, where it is free, and what has become of them.

use std::future::Future;

use gatepost_mail::{Envelope, SpoolId};

use crate::ledger::{Phase, Standing, State, States, Whys};
use crate::record::StateMeta;
use crate::{Held, Receipt, RecipientState, Spool, SpoolError};

/// A message as it is to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Who it is from and for.
    pub envelope: Envelope,
    /// Whether it waits for an operator.
    pub held: Held,
    /// What has become of each of the envelope's recipients, in its order.
    pub recipients: Vec<RecipientState>,
}

/// An engine that takes back what was taken out of it, or out of another one.
pub trait Restore: Spool {
    /// A draft that has the wanted id if it is free, else a new one. Free is an id that is older than this
    /// process and of which the spool knows nothing; once given it is free no more, until the spool is opened
    /// again.
    ///
    /// # Errors
    ///
    /// As [`Spool::draft`].
    fn draft_as(&self, wanted: SpoolId) -> impl Future<Output = Result<Self::Draft, SpoolError>> + Send;

    /// As [`crate::Draft::commit`], with what has become of each recipient.
    ///
    /// # Errors
    ///
    /// As [`crate::Draft::commit`]; [`SpoolError::NoRecipients`] also if none of them waits, or there are not
    /// as many states as recipients.
    fn restore(
        draft: Self::Draft,
        message: Restored,
    ) -> impl Future<Output = Result<Receipt, SpoolError>> + Send;
}

impl Restored {
    /// Envelope and states; nothing if there is nothing to do or they do not fit.
    pub(crate) fn into_parts(self) -> Result<(Envelope, StateMeta), SpoolError> {
        let Self { envelope, held, recipients } = self;
        if recipients.len() != envelope.recipients.len() {
            return Err(SpoolError::NoRecipients);
        }
        let standing = match held {
            Held::No => Standing::Open,
            Held::Yes => Standing::Held,
        };
        let (states, whys): (Vec<State>, Whys) = recipients.into_iter().map(state).unzip();
        if !states.iter().any(State::waits) {
            return Err(SpoolError::NoRecipients);
        }
        Ok((envelope, StateMeta { standing, states: States::from(states), whys }))
    }
}

fn state(recipient: RecipientState) -> (State, Option<Box<str>>) {
    let done = |phase| (State { phase, ..State::fresh(gatepost_mail::Timestamp::default()) }, None);
    match recipient {
        RecipientState::Delivered => done(Phase::Delivered),
        RecipientState::Failed => done(Phase::Failed),
        RecipientState::Waiting { due, attempts, last, warned } => {
            let attempts = u16::try_from(attempts).unwrap_or(u16::MAX);
            let why = last.map(crate::ledger::cut);
            (State { due, attempts, phase: Phase::Waiting, warned }, why)
        }
    }
}

//! The queue in this process.

use std::sync::Arc;

use gatepost_mail::SpoolId;
use gatepost_mta::listener::repeats::Repeats;
use gatepost_mta::{Events, What};
use gatepost_spool::{Entry, Held, Spool, SpoolError};

use super::{Action, ControlError, Message, MessageState, PAGE, Queue, Recipient, RecipientState};

/// The spool of this process, and where changes are told.
#[derive(Debug)]
pub struct Local<S> {
    spool: Arc<S>,
    events: Events,
    repeats: Option<Repeats>,
}

impl<S> Local<S> {
    /// The queue in this spool.
    #[must_use]
    pub const fn new(spool: Arc<S>, events: Events) -> Self {
        Self { spool, events, repeats: None }
    }

    /// The same beside a server, which is to take a removed message for a new one when it is handed in again.
    #[must_use]
    pub fn beside(self, repeats: Repeats) -> Self {
        Self { repeats: Some(repeats), ..self }
    }

    /// The spool.
    #[must_use]
    pub fn spool(&self) -> &S {
        &self.spool
    }
}

impl From<SpoolError> for ControlError {
    fn from(cause: SpoolError) -> Self {
        Self(cause.to_string())
    }
}

impl<S: Spool> Queue for Local<S> {
    async fn list(&self, after: Option<SpoolId>) -> Result<Vec<Message>, ControlError> {
        Ok(self.spool.list(after, PAGE).await?.iter().map(shown).collect())
    }

    async fn show(&self, id: SpoolId) -> Result<Message, ControlError> {
        let entry = self.spool.entry(id).await?;
        entry.as_ref().map(shown).ok_or_else(|| SpoolError::NotFound { id }.into())
    }

    async fn change(&self, action: Action, id: SpoolId, by: &str) -> Result<(), ControlError> {
        match action {
            Action::Retry => self.spool.retry(id, gatepost_mta::event::now()).await?,
            Action::Hold => self.spool.hold(id).await?,
            Action::Release => self.spool.release(id).await?,
            Action::Remove => {
                self.spool.remove(id).await?;
                if let Some(repeats) = &self.repeats {
                    repeats.forget(id);
                }
            }
        }
        let by = gatepost_mta::event::quoted(by);
        self.events.emit(None, Some(id), What::Operated { action: action.done(), by });
        Ok(())
    }
}

fn shown(entry: &Entry) -> Message {
    let envelope = &entry.envelope;
    let states = entry.recipients.iter();
    let recipients = envelope.recipients.iter().zip(states).map(|(recipient, state)| Recipient {
        address: recipient.path.to_string(),
        state: recipient_state(state),
    });
    Message {
        id: entry.id.to_string(),
        sender: envelope.reverse_path.to_string(),
        principal: envelope.principal.to_string(),
        session: envelope.session.to_string(),
        received: envelope.received.as_micros(),
        size: entry.size.0,
        state: message_state(entry),
        recipients: recipients.collect(),
    }
}

fn message_state(entry: &Entry) -> MessageState {
    let tried = entry.recipients.iter().any(|recipient| match recipient {
        gatepost_spool::RecipientState::Waiting { attempts, .. } => *attempts > 0,
        gatepost_spool::RecipientState::Delivered | gatepost_spool::RecipientState::Failed => true,
    });
    match (entry.held, entry.leased) {
        (Held::Yes, _) => MessageState::Held,
        (Held::No, Some(_)) => MessageState::Active,
        (Held::No, None) if tried => MessageState::Deferred,
        (Held::No, None) => MessageState::New,
    }
}

fn recipient_state(state: &gatepost_spool::RecipientState) -> RecipientState {
    match state {
        gatepost_spool::RecipientState::Waiting { due, attempts, last, .. } => RecipientState::Waiting {
            due: due.as_micros(),
            attempts: *attempts,
            cause: last.as_deref().map(str::to_owned),
        },
        gatepost_spool::RecipientState::Delivered => RecipientState::Delivered,
        gatepost_spool::RecipientState::Failed => RecipientState::Failed,
    }
}

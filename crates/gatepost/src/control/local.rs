//! The queue in this process.

use std::sync::Arc;

use gatepost_mail::SpoolId;
use gatepost_mta::deliver::rouse::Rouse;
use gatepost_mta::listener::repeats::Repeats;
use gatepost_mta::{Events, What};
use gatepost_spool::{Entry, Held, Restore, SpoolError};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::transfer::{Intake, pack};
use super::{
    Action, ControlError, LONGEST_PIECE, Message, MessageState, PAGE, Queue, Recipient, RecipientState, Sink,
    Unchanged, Was,
};

/// The spool of this process, and where changes are told.
#[derive(Debug)]
pub struct Local<S> {
    hand: Hand<S>,
    /// One import at a time, so that the same message does not come twice.
    importing: Mutex<()>,
}

/// What changes a message. Cheap to copy.
#[derive(Debug)]
struct Hand<S> {
    spool: Arc<S>,
    events: Events,
    server: Option<(Repeats, Rouse)>,
}

impl<S> Clone for Hand<S> {
    fn clone(&self) -> Self {
        Self { spool: Arc::clone(&self.spool), events: self.events.clone(), server: self.server.clone() }
    }
}

impl<S> Local<S> {
    /// The queue in this spool.
    #[must_use]
    pub const fn new(spool: Arc<S>, events: Events) -> Self {
        Self { hand: Hand { spool, events, server: None }, importing: Mutex::const_new(()) }
    }

    /// The same beside a server, which is to take a removed message for a new one when it is handed in again, and to
    /// let no site rest when a message is to be tried.
    #[must_use]
    pub fn beside(self, repeats: Repeats, rouse: Rouse) -> Self {
        Self { hand: Hand { server: Some((repeats, rouse)), ..self.hand }, ..self }
    }

    /// The spool.
    #[must_use]
    pub fn spool(&self) -> &S {
        &self.hand.spool
    }
}

impl From<SpoolError> for ControlError {
    fn from(cause: SpoolError) -> Self {
        Self(cause.to_string())
    }
}

impl<S: Restore> Local<S> {
    /// Room for a message that comes in.
    pub(super) fn intake(&self) -> Intake<S> {
        Intake::new(Arc::clone(&self.hand.spool))
    }

    /// It has come.
    pub(super) async fn taken(
        &self,
        intake: Intake<S>,
        same: &[SpoolId],
        by: &str,
    ) -> Result<(SpoolId, Was), ControlError> {
        let _alone = self.importing.lock().await;
        let (id, was) = intake.finish(same).await?;
        if was == Was::New {
            let by = gatepost_mta::event::quoted(by);
            self.hand.events.emit(None, Some(id), What::Operated { action: "imported", by });
        }
        Ok((id, was))
    }
}

impl<S: Restore> Hand<S> {
    async fn change(&self, action: Action, id: SpoolId, by: &str) -> Result<(), SpoolError> {
        match action {
            Action::Retry => self.spool.retry(id, gatepost_mta::event::now()).await?,
            Action::Hold => self.spool.hold(id).await?,
            Action::Release => self.spool.release(id).await?,
            Action::Remove => {
                self.spool.remove(id).await?;
                if let Some((repeats, _)) = &self.server {
                    repeats.forget(id);
                }
            }
        }
        let by = gatepost_mta::event::quoted(by);
        self.events.emit(None, Some(id), What::Operated { action: action.done(), by });
        Ok(())
    }
}

impl<S: Restore> Queue for Local<S> {
    async fn list(&self, after: Option<SpoolId>) -> Result<Vec<Message>, ControlError> {
        Ok(self.hand.spool.list(after, PAGE).await?.iter().map(shown).collect())
    }

    async fn show(&self, id: SpoolId) -> Result<Message, ControlError> {
        let entry = self.hand.spool.entry(id).await?;
        entry.as_ref().map(shown).ok_or_else(|| SpoolError::NotFound { id }.into())
    }

    async fn change(
        &self,
        action: Action,
        ids: &[SpoolId],
        by: &str,
    ) -> Result<Vec<Unchanged>, ControlError> {
        if ids.len() > PAGE {
            return Err(ControlError(format!("at most {PAGE} messages are changed at once")));
        }
        if let (Action::Retry, Some((_, rouse))) = (action, &self.hand.server) {
            rouse.call();
        }
        // At once, so that they share their syncs.
        let mut under_way = JoinSet::new();
        for id in ids.iter().copied() {
            let (hand, by) = (self.hand.clone(), by.to_owned());
            under_way.spawn(async move { (id, hand.change(action, id, &by).await) });
        }
        let mut but = Vec::new();
        while let Some(done) = under_way.join_next().await {
            let (id, changed) = done.map_err(|cause| ControlError(cause.to_string()))?;
            if let Err(cause) = changed {
                but.push(Unchanged { id: id.to_string(), cause: cause.to_string() });
            }
        }
        Ok(but)
    }

    async fn export(&self, id: SpoolId, to: &mut (impl Sink + Send)) -> Result<(), ControlError> {
        pack(&*self.hand.spool, id, to).await
    }

    async fn import(
        &self,
        from: &mut (impl std::io::Read + Send),
        same: &[SpoolId],
        by: &str,
    ) -> Result<(SpoolId, Was), ControlError> {
        let mut intake = self.intake();
        let mut buffer = vec![0; LONGEST_PIECE];
        loop {
            let read = from.read(&mut buffer).map_err(|cause| ControlError(cause.to_string()))?;
            if read == 0 {
                return self.taken(intake, same, by).await;
            }
            intake.take(buffer.get(..read).unwrap_or_default()).await?;
        }
    }

    async fn damaged(&self) -> Result<u64, ControlError> {
        Ok(self.hand.spool.stats().await.damaged)
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

//! What a spool has promised.

use std::collections::BTreeMap;

use gatepost_mail::SpoolId;
use gatepost_spool::{Held, Loss, RecipientState};

/// What an operator sees of a message; nothing once it is gone.
pub(crate) type Seen = Option<(Held, Vec<RecipientState>)>;

/// One message.
#[derive(Debug)]
pub(crate) struct Promise {
    pub(crate) content: Vec<u8>,
    /// All states it was in, the newest last.
    pub(crate) states: Vec<Seen>,
    /// The first of them that may still be found after a power cut.
    durable: usize,
    /// The first that may be found after a kill: the newest, unless a call has not returned.
    told: usize,
}

/// All messages.
#[derive(Debug, Default)]
pub(crate) struct Promises(pub(crate) BTreeMap<SpoolId, Promise>);

impl Promises {
    /// A commit has begun: it may be there from now on.
    pub(crate) fn begin(&mut self, id: SpoolId, content: Vec<u8>, seen: Seen) {
        let promise = Promise { content, states: vec![None, seen], durable: 0, told: 0 };
        self.0.insert(id, promise);
    }

    /// A message may be in a new state from now on.
    pub(crate) fn may(&mut self, id: SpoolId, seen: Seen) {
        if let Some(promise) = self.0.get_mut(&id) {
            promise.states.push(seen);
        }
    }

    /// The call that changed a message has returned.
    pub(crate) fn told(&mut self, id: SpoolId) {
        if let Some(promise) = self.0.get_mut(&id) {
            promise.told = promise.states.len() - 1;
        }
    }

    /// A call that syncs has returned: with it, everything told before is durable.
    pub(crate) fn synced(&mut self) {
        for promise in self.0.values_mut() {
            promise.durable = promise.told;
        }
    }

    /// The newest state of all that is not known to be gone.
    pub(crate) fn now(&self, id: SpoolId) -> Seen {
        self.0.get(&id)?.states.last().cloned().flatten()
    }

    /// What may be found after a power cut, or after a kill.
    pub(crate) fn allowed(&self, id: SpoolId, loss: Loss) -> &[Seen] {
        let Some(promise) = self.0.get(&id) else { return &[None] };
        &promise.states[if loss == Loss::Power { promise.durable } else { promise.told }..]
    }

    /// What was found is what is from now on; it is on the disk if the power was cut.
    pub(crate) fn settle(&mut self, id: SpoolId, seen: Seen, loss: Loss) {
        let Some(promise) = self.0.get_mut(&id) else { return };
        promise.states.push(seen);
        promise.told = promise.states.len() - 1;
        if loss == Loss::Power {
            promise.durable = promise.told;
        }
    }
}

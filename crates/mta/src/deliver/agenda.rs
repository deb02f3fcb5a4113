//! Recipients that are to be tried again while their message is still lent to us: other recipients of it are with a
//! site that takes its time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use gatepost_mail::{SpoolId, Timestamp};
use tokio::sync::Notify;

use super::job::Lent;

/// When which recipient is due. Cheap to copy. There is no more in it than recipients of lent messages.
#[derive(Debug, Clone)]
pub(super) struct Agenda {
    entries: Arc<Mutex<BTreeMap<Entry, Weak<Lent>>>>,
    /// Rung when something is added.
    bell: Arc<Notify>,
}

type Entry = (Timestamp, SpoolId, u32);

impl Agenda {
    pub(super) fn new(bell: Arc<Notify>) -> Self {
        Self { entries: Arc::default(), bell }
    }

    pub(super) fn add(&self, due: Timestamp, lent: &Arc<Lent>, recipient: u32) {
        self.entries().insert((due, lent.claim.id, recipient), Arc::downgrade(lent));
        self.bell.notify_one();
    }

    /// When the first is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.entries().keys().next().map(|(due, ..)| *due)
    }

    /// One that is due, if its message is still lent.
    pub(super) fn next(&self, now: Timestamp) -> Option<(Arc<Lent>, u32)> {
        let mut entries = self.entries();
        while let Some(first) = entries.first_entry().filter(|first| first.key().0 <= now) {
            let ((_, _, recipient), lent) = first.remove_entry();
            if let Some(lent) = lent.upgrade() {
                return Some((lent, recipient));
            }
        }
        None
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Entry, Weak<Lent>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Until when the session waits.

use std::time::Instant;

use crate::Limits;

/// The moments that matter, all told by the driver.
pub(super) struct Clock {
    /// When octets came last.
    now: Instant,
    /// When the present wait began. Octets that end no command do not move it: a client that trickles is not
    /// waited for longer than one that is silent.
    since: Instant,
    content_since: Option<Instant>,
    decision: Decision,
}

/// Whether a question was answered since octets came last.
#[derive(PartialEq, Eq)]
enum Decision {
    None,
    Taken,
}

/// What is waited for.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    Command,
    Content,
}

impl Clock {
    pub(super) const fn new(now: Instant) -> Self {
        Self { now, since: now, content_since: None, decision: Decision::None }
    }

    pub(super) fn received(&mut self, now: Instant) {
        self.now = now;
        self.decision = Decision::None;
    }

    /// A command or a piece of content was processed.
    pub(super) fn progress(&mut self) {
        self.since = self.now;
    }

    pub(super) fn decided(&mut self) {
        self.decision = Decision::Taken;
    }

    /// Content begins, unless it has.
    pub(super) fn content_begins(&mut self) {
        self.content_since.get_or_insert(self.now);
    }

    pub(super) fn content_ends(&mut self) {
        self.content_since = None;
    }

    pub(super) fn deadline(&self, wait: Wait, limits: &Limits) -> Instant {
        let wait = match wait {
            Wait::Command => limits.command_wait,
            Wait::Content => limits.content_wait,
        };
        let deadline = self.since + wait;
        match self.content_since {
            Some(since) => deadline.min(since + limits.content_time),
            None => deadline,
        }
    }

    /// The deadline has passed; says whether that counts. The time that a decision took is not the client's.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        if self.decision == Decision::None {
            return true;
        }
        self.decision = Decision::None;
        self.since = now;
        false
    }
}

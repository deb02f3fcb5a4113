//! How long we bear with a client.

use gatepost_mail::Reply;
use gatepost_mail::reply::{Class, table as reply};

use crate::Limits;

/// What went wrong since the last message that was taken, and how many transactions there were.
#[derive(Debug, Default)]
pub(super) struct Patience {
    errors: u32,
    refusals: u32,
    idle_commands: u32,
    transactions: u32,
}

impl Patience {
    /// A command that cannot be read or comes in the wrong order, a failed login, refused content.
    pub(super) fn error(&mut self) {
        self.errors = self.errors.saturating_add(1);
    }

    /// A sender or recipient was refused. One that may come again later is nobody's fault, yet brings no message
    /// nearer.
    pub(super) fn refusal(&mut self, reply: &Reply) {
        if reply.class() == Class::Never {
            self.refusals = self.refusals.saturating_add(1);
        } else {
            self.idle_command();
        }
    }

    /// A command that brings no message nearer.
    pub(super) fn idle_command(&mut self) {
        self.idle_commands = self.idle_commands.saturating_add(1);
    }

    /// A transaction begins; `false` if it is one too many.
    pub(super) fn transaction(&mut self, limits: &Limits) -> bool {
        self.transactions = self.transactions.saturating_add(1);
        self.transactions <= limits.transactions.get()
    }

    /// A message was taken: all is forgiven.
    pub(super) fn message_taken(&mut self) {
        *self = Self { transactions: self.transactions, ..Self::default() };
    }

    /// What to say before closing, once patience is at its end.
    pub(super) fn ended(&self, limits: &Limits) -> Option<Reply> {
        let ended = self.errors >= limits.errors.get()
            || self.refusals >= limits.refusals.get()
            || self.idle_commands >= limits.idle_commands.get();
        ended.then_some(reply::TOO_MANY_ERRORS)
    }
}

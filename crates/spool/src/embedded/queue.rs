//! What waits to be written.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepost_mail::Envelope;
use tokio::sync::oneshot;

use super::budget::Charge;
use super::index::Home;
use crate::SpoolError;
use crate::ledger::{Standing, States};
use crate::record::Frame;

/// One thing for the committer to do.
#[derive(Debug)]
pub(super) struct Job {
    /// What to write, if anything.
    pub(super) frame: Option<Frame>,
    pub(super) task: Task,
    pub(super) durable: Durable,
    /// Told once it is done; dropped untold if the spool stops.
    pub(super) reply: Option<oneshot::Sender<Result<(), SpoolError>>>,
}

/// What a record means.
#[derive(Debug)]
pub(super) enum Task {
    /// A new message.
    Commit(Box<Commit>),
    /// The states of a message.
    State,
    /// A message is done.
    Gone,
    /// The record of a message, written again.
    Move,
    /// The end of a message, written again.
    Grave,
    /// The last record of a segment.
    Seal,
    /// Nothing; only makes durable what came before.
    Sync,
}

#[derive(Debug)]
pub(super) struct Commit {
    pub(super) envelope: Arc<Envelope>,
    pub(super) standing: Standing,
    pub(super) states: States,
    pub(super) size: u64,
    pub(super) home: Home,
    /// What the record takes of the memory for drafts, until it is written.
    pub(super) charge: Charge,
}

/// When a record must be on stable storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durable {
    /// Before the reply.
    Now,
    /// With the next record that must be, or soon.
    Soon,
}

impl Job {
    pub(super) const fn sync() -> Self {
        Self { frame: None, task: Task::Sync, durable: Durable::Now, reply: None }
    }

    pub(super) const fn soon(frame: Frame, task: Task) -> Self {
        Self { frame: Some(frame), task, durable: Durable::Soon, reply: None }
    }

    /// The same, durable before its reply.
    pub(super) fn durable_now(self) -> Self {
        Self { durable: Durable::Now, ..self }
    }

    /// A job that is durable before its reply.
    pub(super) const fn now(frame: Frame, task: Task) -> Self {
        Self { frame: Some(frame), task, durable: Durable::Now, reply: None }
    }
}

/// Jobs in the order of the log.
///
/// What is in it is bounded from outside: commits by the memory for drafts, the rest by
/// [`Queue::is_long`], beyond which its makers wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    inside: Mutex<Inside>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct Inside {
    jobs: Vec<Job>,
    closed: bool,
}

/// Beyond this many jobs, whoever adds one waits until it is done.
const LONG: usize = 16_384;

/// What a wait for jobs came to.
#[derive(Debug)]
pub(super) enum Waited {
    Jobs(Vec<Job>),
    Nothing,
    Closed,
}

impl Queue {
    /// Adds a job; gives it back if the queue is closed.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        let mut inside = self.inside();
        if inside.closed {
            return Err(job);
        }
        inside.jobs.push(job);
        if inside.jobs.len() == 1 {
            self.ready.notify_one();
        }
        Ok(())
    }

    pub(super) fn is_long(&self) -> bool {
        self.inside().jobs.len() >= LONG
    }

    /// Takes all there is without waiting.
    pub(super) fn take(&self) -> Vec<Job> {
        std::mem::take(&mut self.inside().jobs)
    }

    /// Waits for jobs, at most so long.
    pub(super) fn wait(&self, most: Option<Duration>) -> Waited {
        let idle = |inside: &mut Inside| inside.jobs.is_empty() && !inside.closed;
        let inside = self.inside();
        let mut inside = match most {
            None => self.ready.wait_while(inside, idle).unwrap_or_else(PoisonError::into_inner),
            Some(most) => {
                let waited = self.ready.wait_timeout_while(inside, most, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        match std::mem::take(&mut inside.jobs) {
            jobs if !jobs.is_empty() => Waited::Jobs(jobs),
            _none if inside.closed => Waited::Closed,
            _none => Waited::Nothing,
        }
    }

    /// Takes no more jobs; those inside are still done.
    pub(super) fn close(&self) {
        self.inside().closed = true;
        self.ready.notify_all();
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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

/// Jobs in the order of the log, and how many more are about to come.
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
    /// What they write.
    octets: usize,
    /// Jobs that somebody waits for: those that must be durable first.
    urgent: usize,
    /// Drafts that were begun and are neither committed nor given up.
    drafts: usize,
    /// How many of them did not come while they were waited for: whoever stalls in the middle of a message holds up
    /// nobody twice.
    stalled: usize,
    /// How many urgent jobs are waited for: as many as the last time, since most clients send one message behind the
    /// other; now and then twice as many, since those who took turns until now may come together.
    usual: usize,
    /// Turns until more than the last time are waited for.
    trial: u32,
    gathering: Gathering,
    committer: Committer,
    closed: bool,
}

/// What the committer does, so that it is woken only when there is something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Committer {
    #[default]
    Works,
    /// Waits for any job.
    Rests,
    /// Has jobs, and waits for more.
    Gathers,
}

/// How the last wait for more ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Gathering {
    /// All came that were waited for.
    #[default]
    Complete,
    /// Time was up.
    Cut,
}

/// Beyond this many jobs, whoever adds one waits until it is done.
const LONG: usize = 16_384;
/// How long the committer waits for the next of the drafts that are about to be committed, so that they share its
/// sync; outcomes that nobody waits for are written after as long. Many times what a sync takes, and less than a round
/// trip to anywhere.
const GATHER: Duration = Duration::from_millis(1);
/// How often it waits so long, while each time another one has come.
const GATHERINGS: usize = 4;
/// With this many jobs there is nothing to gain from more.
const ENOUGH: usize = 256;
/// With so many octets to write there is nothing to gain either: while these go to the disk, others come in.
const PLENTY: usize = 2 << 20;
/// Turns between two trials to gather more, after one that was waited for in vain.
const BETWEEN_TRIALS: u32 = 32;

/// What a wait for jobs came to.
#[derive(Debug)]
pub(super) enum Waited {
    Jobs(Vec<Job>),
    Nothing,
    Closed,
}

impl Inside {
    /// Whether the committer should begin, rather than wait for more.
    const fn is_ready(&self) -> bool {
        let all_here = self.urgent > 0 && self.urgent >= self.usual && self.drafts <= self.stalled;
        all_here || self.jobs.len() >= ENOUGH || self.octets >= PLENTY || self.closed
    }

    fn add(&mut self, job: Job) {
        self.urgent += usize::from(job.durable == Durable::Now);
        if matches!(job.task, Task::Commit(_)) {
            self.draft_ends();
        }
        self.octets += job.frame.as_ref().map_or(0, Frame::len);
        self.jobs.push(job);
    }

    fn draft_ends(&mut self) {
        self.drafts = self.drafts.saturating_sub(1);
        self.stalled = self.stalled.min(self.drafts);
    }

    /// No more is waited for.
    const fn gathered(&mut self) {
        self.gathering = if self.is_ready() { Gathering::Complete } else { Gathering::Cut };
        if self.urgent > 0 {
            self.stalled = self.drafts;
        }
    }

    /// How many to wait for the next time.
    const fn learn(&mut self) {
        self.usual = self.urgent;
        match self.gathering {
            Gathering::Cut => self.trial = BETWEEN_TRIALS,
            Gathering::Complete if self.trial > 0 => self.trial -= 1,
            // Whoever is alone never waits.
            Gathering::Complete if self.urgent > 1 => self.usual = self.urgent * 2,
            Gathering::Complete => {}
        }
    }

    fn take(&mut self) -> Vec<Job> {
        if self.urgent > 0 {
            self.learn();
        }
        (self.urgent, self.octets) = (0, 0);
        std::mem::take(&mut self.jobs)
    }
}

impl Queue {
    /// A draft was begun: its commit is to be expected.
    pub(super) fn expect_draft(&self) {
        self.inside().drafts += 1;
    }

    /// A draft was given up: its commit will not come.
    pub(super) fn forget_draft(&self) {
        let mut inside = self.inside();
        inside.draft_ends();
        self.wake(&inside);
    }

    /// Adds a job, the commit of an expected draft or another; gives it back if the queue is closed.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        let mut inside = self.inside();
        if inside.closed {
            return Err(job);
        }
        inside.add(job);
        self.wake(&inside);
        Ok(())
    }

    fn wake(&self, inside: &Inside) {
        let wake = match inside.committer {
            Committer::Works => false,
            Committer::Rests => !inside.jobs.is_empty(),
            Committer::Gathers => inside.is_ready(),
        };
        if wake {
            self.ready.notify_one();
        }
    }

    pub(super) fn is_long(&self) -> bool {
        self.inside().jobs.len() >= LONG
    }

    /// Takes all there is without waiting.
    pub(super) fn take(&self) -> Vec<Job> {
        self.inside().take()
    }

    /// Waits for jobs, at most so long, and then a little for more.
    pub(super) fn wait(&self, most: Option<Duration>) -> Waited {
        let mut inside = self.inside();
        inside.committer = Committer::Rests;
        let idle = |inside: &mut Inside| inside.jobs.is_empty() && !inside.closed;
        inside = match most {
            None => self.ready.wait_while(inside, idle).unwrap_or_else(PoisonError::into_inner),
            Some(most) => {
                let waited = self.ready.wait_timeout_while(inside, most, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        inside = self.gather(inside);
        inside.committer = Committer::Works;
        match inside.take() {
            jobs if !jobs.is_empty() => Waited::Jobs(jobs),
            _none if inside.closed => Waited::Closed,
            _none => Waited::Nothing,
        }
    }

    fn gather<'a>(&self, mut inside: MutexGuard<'a, Inside>) -> MutexGuard<'a, Inside> {
        if inside.jobs.is_empty() {
            return inside;
        }
        inside.committer = Committer::Gathers;
        for _ in 0..GATHERINGS {
            let before = inside.urgent;
            let waited = self.ready.wait_timeout_while(inside, GATHER, |inside| !inside.is_ready());
            inside = waited.unwrap_or_else(PoisonError::into_inner).0;
            if inside.is_ready() || inside.urgent == before {
                break;
            }
        }
        inside.gathered();
        inside
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

#[cfg(test)]
mod tests {
    use gatepost_mail::SpoolId;

    use super::*;
    use crate::record::Kind;

    impl Inside {
        fn with_drafts(drafts: usize) -> Self {
            Self { drafts, ..Self::default() }
        }

        fn commit(&mut self) {
            self.draft_ends();
            self.add(Job::sync());
        }
    }

    #[test]
    fn a_commit_alone_waits_for_nobody() {
        let mut inside = Inside::with_drafts(1);
        inside.commit();
        assert!(inside.is_ready());
    }

    #[test]
    fn drafts_under_way_share_one_sync() {
        let mut inside = Inside::with_drafts(3);
        inside.commit();
        inside.commit();
        assert!(!inside.is_ready());
        inside.draft_ends();
        assert!(inside.is_ready(), "the third was given up");
        assert_eq!(inside.take().len(), 2);
        assert!(!inside.is_ready());
    }

    #[test]
    fn a_draft_that_stalls_holds_up_nobody_twice() {
        let mut inside = Inside::with_drafts(2);
        inside.commit();
        assert!(!inside.is_ready());
        inside.gathered();
        for _ in 0..3 {
            inside.take();
            inside.drafts += 1;
            inside.commit();
            assert!(inside.is_ready());
        }
        inside.take();
        inside.drafts += 2;
        inside.commit();
        assert!(!inside.is_ready(), "the other new one is waited for");
        inside.commit();
        inside.take();
        inside.draft_ends();
        inside.drafts += 2;
        inside.commit();
        assert!(!inside.is_ready(), "the stalled one has ended");
    }

    #[test]
    fn as_many_as_last_time_are_waited_for() {
        let mut inside = Inside::with_drafts(2);
        inside.commit();
        inside.commit();
        inside.take();
        inside.commit();
        assert!(!inside.is_ready());
        inside.gathered();
        inside.take();
        inside.commit();
        assert!(inside.is_ready(), "last time one was all that came");
    }

    #[test]
    fn who_takes_turns_comes_together() {
        // Two crowds of four, each sending when the other is answered.
        let mut inside = Inside::default();
        for _ in 0..4 {
            inside.add(Job::sync());
        }
        inside.gathered();
        inside.take();
        for _ in 0..4 {
            inside.add(Job::sync());
        }
        assert!(!inside.is_ready(), "the other four are on their way");
        for _ in 0..4 {
            inside.add(Job::sync());
        }
        assert!(inside.is_ready());
        inside.gathered();
        assert_eq!(inside.take().len(), 8);
        // There are no sixteen: that is tried once, and then not for a while.
        for turn in 0..BETWEEN_TRIALS {
            for _ in 0..8 {
                inside.add(Job::sync());
            }
            assert_eq!(inside.is_ready(), turn > 0, "{turn}");
            inside.gathered();
            inside.take();
        }
    }

    #[test]
    fn outcomes_go_with_the_next_commit() {
        let mut inside = Inside::default();
        inside.add(Job::soon(Frame::bare(SpoolId::from_number(1), Kind::Gone, |_| {}), Task::Gone));
        assert!(!inside.is_ready());
        inside.drafts += 1;
        inside.commit();
        assert!(inside.is_ready());
    }

    #[test]
    fn the_committer_is_woken_when_all_are_here() {
        let queue = Queue::default();
        queue.expect_draft();
        queue.expect_draft();
        std::thread::scope(|scope| {
            let committer = scope.spawn(|| queue.wait(None));
            queue.push(Job::sync()).unwrap();
            queue.forget_draft();
            queue.forget_draft();
            assert!(matches!(committer.join().unwrap(), Waited::Jobs(jobs) if jobs.len() == 1));
        });
    }
}

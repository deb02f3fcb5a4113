//! Tasks with an owner, and how they end. Nothing else in this crate spawns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// How far the server's life has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// At work.
    Running,
    /// No new sessions and no new deliveries; what has begun may end.
    Draining,
    /// What still runs is broken off.
    Stopped,
}

/// Tells tasks how far the server's life has gone. Cheap to copy.
#[derive(Debug, Clone)]
pub struct Life {
    course: Arc<Course>,
}

/// The end that moves the phase on. Dropping it stops everything: nobody is left to say so.
#[derive(Debug)]
pub struct Reins {
    course: Arc<Course>,
}

/// The phase, and who waits for it: woken in the order in which they came, so that a simulation is repeatable.
#[derive(Debug, Default)]
struct Course {
    phase: AtomicU8,
    moved: Notify,
}

impl Course {
    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::Draining,
            _later => Phase::Stopped,
        }
    }
}

impl Reins {
    /// A life that has just begun.
    #[must_use]
    pub fn begin() -> (Self, Life) {
        let course = Arc::<Course>::default();
        (Self { course: course.clone() }, Life { course })
    }

    /// Moves on; a phase never comes back.
    pub fn advance(&self, next: Phase) {
        if self.course.phase.fetch_max(next as u8, Ordering::AcqRel) < next as u8 {
            self.course.moved.notify_waiters();
        }
    }
}

impl Drop for Reins {
    fn drop(&mut self) {
        self.advance(Phase::Stopped);
    }
}

impl Life {
    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.course.phase()
    }

    /// Waits until this phase, or a later one, has come. Cancel-safe.
    pub async fn reached(&self, phase: Phase) {
        loop {
            // Made before the look, so that a move in between is not missed.
            let moved = self.course.moved.notified();
            if self.phase() >= phase {
                return;
            }
            moved.await;
        }
    }
}

/// A named set of tasks that can be waited for. Cheap to copy.
#[derive(Debug, Clone)]
pub struct Tasks {
    alive: Arc<watch::Sender<usize>>,
}

/// Counts its task out, however that ends.
struct Alive(Arc<watch::Sender<usize>>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self { alive: Arc::new(watch::channel(0).0) }
    }
}

impl Tasks {
    /// Starts a task that belongs to this set and is broken off when `life` is stopped.
    pub fn spawn(&self, life: Life, task: impl Future<Output = ()> + Send + 'static) {
        self.alive.send_modify(|count| *count += 1);
        let alive = Alive(self.alive.clone());
        // In a box of its own: what an async block takes in and then waits for would have room in it twice.
        let mut task = Box::pin(task);
        tokio::spawn(async move {
            let _alive = alive;
            tokio::select! {
                biased;
                () = task.as_mut() => {}
                () = life.reached(Phase::Stopped) => {}
            }
        });
    }

    /// How many run.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.alive.borrow()
    }

    /// Waits until none runs, at most so long; says whether none does.
    pub async fn ended(&self, patience: Duration) -> bool {
        let mut alive = self.alive.subscribe();
        timeout(patience, alive.wait_for(|count| *count == 0)).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_set_ends_when_its_tasks_do() {
        let (reins, life) = Reins::begin();
        let tasks = Tasks::default();
        tasks.spawn(life.clone(), async {});
        assert!(tasks.ended(Duration::from_secs(10)).await);

        tasks.spawn(life, std::future::pending());
        assert!(!tasks.ended(Duration::from_millis(10)).await);
        reins.advance(Phase::Stopped);
        assert!(tasks.ended(Duration::from_secs(10)).await);
    }

    #[tokio::test]
    async fn a_phase_never_comes_back() {
        let (reins, life) = Reins::begin();
        reins.advance(Phase::Stopped);
        reins.advance(Phase::Draining);
        assert_eq!(life.phase(), Phase::Stopped);
    }
}

//! Threads for password work: few, with a queue that has an end.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::EmbeddedSettings;
use super::hash::Scratch;
use crate::limits::PASSWORD_MEMORY_KEPT;
use crate::{DirectoryError, StoreFault};

/// How busy the password threads are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordLoad {
    /// Threads that were started so far; the settings' number is the most.
    pub threads: usize,
    /// Logins that wait for a thread now.
    pub waiting: usize,
    /// The most that ever waited at once.
    pub most_waiting: usize,
    /// Logins that were told to come back.
    pub turned_away: u64,
    /// Passwords that were hashed.
    pub runs: u64,
}

/// Threads are started when there is work for them, and end with the pool.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

type Job = Box<dyn FnOnce(&mut Scratch) + Send>;

/// An answer, and what is left to do when it is out.
pub(super) struct Done<T> {
    pub(super) answer: T,
    after: Option<Job>,
}

impl<T> Done<T> {
    pub(super) fn only(answer: T) -> Self {
        Self { answer, after: None }
    }

    pub(super) fn then(answer: T, after: impl FnOnce(&mut Scratch) + Send + 'static) -> Self {
        Self { answer, after: Some(Box::new(after)) }
    }
}

struct Shared {
    settings: EmbeddedSettings,
    state: Mutex<State>,
    work: Condvar,
    runs: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    most_waiting: usize,
    turned_away: u64,
    threads: Vec<JoinHandle<()>>,
    idle: usize,
    closing: bool,
}

impl Pool {
    pub(super) fn new(settings: EmbeddedSettings) -> Self {
        let runs = Arc::new(AtomicU64::new(0));
        Self { shared: Arc::new(Shared { settings, state: Mutex::default(), work: Condvar::new(), runs }) }
    }

    pub(super) fn load(&self) -> PasswordLoad {
        let state = self.shared.lock();
        PasswordLoad {
            threads: state.threads.len(),
            waiting: state.waiting.len(),
            most_waiting: state.most_waiting,
            turned_away: state.turned_away,
            runs: self.shared.runs.load(Ordering::Relaxed),
        }
    }

    /// Does the work on a thread of the pool. When the future is dropped while the work still waits, it is not done.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Scratch) -> T + Send + 'static,
    ) -> Result<T, DirectoryError> {
        self.run_then(move |scratch| Done::only(work(scratch))).await
    }

    /// The same, and after the answer is out what is left to do, on the same thread.
    pub(super) async fn run_then<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Scratch) -> Done<T> + Send + 'static,
    ) -> Result<T, DirectoryError> {
        let (sender, receiver) = oneshot::channel();
        self.submit(Box::new(move |scratch| {
            if sender.is_closed() {
                return;
            }
            let done = work(scratch);
            // Who asked may be gone by now; then nobody misses the answer.
            let _ = sender.send(done.answer);
            if let Some(after) = done.after {
                after(scratch);
            }
        }))?;
        receiver.await.map_err(|_| StoreFault::BrokenOff.into())
    }

    fn submit(&self, job: Job) -> Result<(), DirectoryError> {
        let mut state = self.shared.lock();
        if state.waiting.len() >= self.shared.settings.password_queue.get() {
            state.turned_away = state.turned_away.saturating_add(1);
            return Err(DirectoryError::Busy);
        }
        state.waiting.push_back(job);
        state.most_waiting = state.most_waiting.max(state.waiting.len());
        if let Err(cause) = self.staff(&mut state) {
            state.waiting.pop_back();
            return Err(StoreFault::Thread(cause).into());
        }
        self.shared.work.notify_one();
        Ok(())
    }

    /// Starts a thread if there is more work than idle ones and fewer than the settings allow. Failing to is an
    /// error only when there is none at all.
    fn staff(&self, state: &mut State) -> std::io::Result<()> {
        let enough = state.idle >= state.waiting.len()
            || state.threads.len() >= self.shared.settings.password_threads.get();
        if enough {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let started = thread::Builder::new().name("password".to_owned()).spawn(move || shared.serve());
        match started {
            Ok(thread) => state.threads.push(thread),
            Err(cause) if state.threads.is_empty() => return Err(cause),
            Err(_) => {}
        }
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds this lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let mut scratch = Scratch::new(Arc::clone(&self.runs));
        while let Some(job) = self.next(&mut scratch) {
            // A thread that ended here would be missed by whoever hands in work before the end is seen. Whoever
            // asked is told, since the sender is dropped; the scratch holds nothing between two runs.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| job(&mut scratch)));
        }
    }

    /// Waits for work; none when the pool is closing.
    fn next(&self, scratch: &mut Scratch) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closing {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                return Some(job);
            }
            state.idle += 1;
            state = self.wait(state, scratch);
            state.idle -= 1;
        }
    }

    /// Waits to be woken; gives the memory back when that takes long.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, scratch: &mut Scratch) -> MutexGuard<'a, State> {
        if scratch.is_empty() {
            return self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (state, waited) =
            self.work.wait_timeout(state, PASSWORD_MEMORY_KEPT).unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            scratch.release();
        }
        state
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closing = true;
        state.waiting.clear();
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        self.shared.work.notify_all();
        for thread in threads {
            // It cannot have panicked, and if it had, its caller would know.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pool({:?})", self.load())
    }
}

#[cfg(test)]
mod tests;

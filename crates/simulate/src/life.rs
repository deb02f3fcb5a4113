//! One life of the server's process: from start to its end, which may come between any two of its doings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gatepost_spool::Simulated;
use tokio::sync::Notify;

/// A process that runs until it is dead. Once it is, nothing that it does has any effect.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) number: u64,
    dead: AtomicBool,
    died: Notify,
    /// Doings on the network until it dies.
    left: AtomicU64,
    done: AtomicU64,
    disk: Simulated,
    /// The disk's count of calls beyond which it is dead.
    cut: AtomicU64,
}

/// At which of its own doings a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// At none.
    Told,
    /// After so many on the network.
    Network(u64),
    /// After so many calls to the disk.
    Disk(u64),
}

impl Life {
    pub(crate) fn begin(number: u64, disk: &Simulated) -> Arc<Self> {
        Arc::new(Self {
            number,
            dead: AtomicBool::new(false),
            died: Notify::new(),
            left: AtomicU64::new(u64::MAX),
            done: AtomicU64::new(0),
            disk: disk.clone(),
            cut: AtomicU64::new(u64::MAX),
        })
    }

    /// Says when it ends.
    pub(crate) fn ends(&self, until: Until) {
        match until {
            Until::Told => {}
            Until::Network(doings) => self.left.store(doings, Ordering::Relaxed),
            Until::Disk(calls) => {
                self.cut.store(self.disk.steps() + calls, Ordering::Relaxed);
                self.disk.cut_after(calls);
            }
        }
    }

    /// Counts a doing on the network; false if it does not happen.
    pub(crate) fn step(&self) -> bool {
        if self.is_dead() {
            return false;
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            self.kill();
            return false;
        }
        if left != u64::MAX {
            self.left.store(left - 1, Ordering::Relaxed);
        }
        true
    }

    /// Doings on the network so far.
    pub(crate) fn doings(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Ends it now.
    pub(crate) fn kill(&self) {
        if !self.dead.swap(true, Ordering::Relaxed) {
            self.disk.cut_after(0);
            self.died.notify_one();
        }
    }

    /// Whether it has ended: it was killed, or its disk is gone.
    pub(crate) fn is_dead(&self) -> bool {
        if self.dead.load(Ordering::Relaxed) {
            return true;
        }
        let dark = self.disk.steps() > self.cut.load(Ordering::Relaxed);
        if dark {
            self.kill();
        }
        dark
    }

    /// Waits for its end.
    pub(crate) async fn death(&self) {
        self.died.notified().await;
    }
}

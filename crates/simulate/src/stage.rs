//! What all who play have in common.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatepost_spool::{Loss, Simulated};

use crate::books::Books;
use crate::clock::Clock;
use crate::life::{Life, Until};
use crate::network::{Network, Weather};
use crate::outside::Names;
use crate::plan::Plan;
use crate::trace::Trace;

/// What all who play have in common.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) plan: Plan,
    pub(crate) trace: Trace,
    pub(crate) network: Network,
    pub(crate) clock: Clock,
    pub(crate) names: Names,
    pub(crate) disk: Simulated,
    books: Mutex<Books>,
    calm: AtomicBool,
    /// The process that runs.
    life: Mutex<Option<Arc<Life>>>,
    /// What its end will cost.
    loss: Mutex<Option<Loss>>,
    /// When the next one ends.
    next: Mutex<Option<Until>>,
}

impl Stage {
    pub(crate) fn new(plan: Plan, trace: Trace, network: Network) -> Arc<Self> {
        Arc::new(Self {
            plan,
            clock: Clock::new(trace.clone()),
            trace,
            network,
            names: Names::default(),
            disk: Simulated::new(),
            books: Mutex::default(),
            calm: AtomicBool::new(false),
            life: Mutex::default(),
            loss: Mutex::default(),
            next: Mutex::default(),
        })
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    pub(crate) fn life(&self) -> MutexGuard<'_, Option<Arc<Life>>> {
        lock(&self.life)
    }

    pub(crate) fn loss(&self) -> MutexGuard<'_, Option<Loss>> {
        lock(&self.loss)
    }

    pub(crate) fn next(&self) -> MutexGuard<'_, Option<Until>> {
        lock(&self.next)
    }

    /// Whether nothing goes wrong any more.
    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
        self.trace.tell(format_args!("calm"));
        self.network.heal(Weather { cuts: 0, ..self.plan.weather });
        self.names.heal();
        self.disk.limit(None);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

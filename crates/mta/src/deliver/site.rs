//! Jobs that wait, by the site they are for. Each site has its own queue and its own workers, so that one that
//! is stuck holds up nobody else.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepost_mail::Domain;
use gatepost_policy::channel::ChannelPlan;
use gatepost_policy::rules::Endpoint;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::job::Job;

/// Most workers, and so connections, of one site elsewhere.
const WORKERS_ELSEWHERE: usize = 20;
/// Most workers that write into Maildirs: each is busy with a disk.
const WORKERS_MAILDIR: usize = 8;
/// How long a worker without work keeps its connection open.
const LINGER: Duration = Duration::from_secs(2);

/// Where a job goes, and how. Jobs with equal sites can share a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Site {
    /// Where.
    pub(super) target: Target,
    /// How the channel is secured.
    pub(super) channel: ChannelPlan,
    /// The name of the login to use.
    pub(super) login: Option<String>,
}

/// Where a job goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// Maildirs by this template.
    Maildir(PathBuf),
    /// An LMTP server.
    Lmtp(Endpoint),
    /// A fixed SMTP server.
    Smtp(Endpoint),
    /// A domain's exchangers.
    Exchangers(Domain),
    /// This address.
    Literal(IpAddr),
}

impl Site {
    fn most_workers(&self) -> usize {
        match self.target {
            Target::Maildir(_) => WORKERS_MAILDIR,
            Target::Lmtp(_) | Target::Smtp(_) | Target::Exchangers(_) | Target::Literal(_) => {
                WORKERS_ELSEWHERE
            }
        }
    }
}

/// As events show it where no host is known yet.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maildir(template) => write!(f, "maildir:{}", template.display()),
            Self::Lmtp(endpoint) => write!(f, "lmtp:{endpoint}"),
            Self::Smtp(endpoint) => write!(f, "smtp:{endpoint}"),
            Self::Exchangers(domain) => write!(f, "exchangers of {domain}"),
            Self::Literal(address) => write!(f, "[{address}]"),
        }
    }
}

/// All sites that have something to do.
#[derive(Debug, Default)]
pub(super) struct Sites {
    queues: Mutex<HashMap<Arc<Site>, Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    workers: usize,
    idle: usize,
    bell: Arc<Notify>,
}

/// Whether a job needs another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hands {
    /// Those at work will do it.
    Enough,
    /// Start one: it is counted already.
    OneMore,
}

impl Sites {
    /// Puts a job into its site's queue.
    pub(super) fn push(&self, site: &Arc<Site>, job: Job) -> Hands {
        let mut queues = self.lock();
        let queue = queues.entry(site.clone()).or_default();
        queue.jobs.push_back(job);
        if queue.jobs.len() > queue.idle && queue.workers < site.most_workers() {
            queue.workers += 1;
            return Hands::OneMore;
        }
        queue.bell.notify_one();
        Hands::Enough
    }

    /// The next job for a worker of this site; waits a little for one. `None` ends the worker: it is counted
    /// out already.
    pub(super) async fn next(&self, site: &Arc<Site>) -> Option<Job> {
        let bell = match self.try_next(site) {
            Ok(job) => return Some(job),
            Err(bell) => bell,
        };
        let rang = timeout(LINGER, bell.notified()).await;
        let mut queues = self.lock();
        let queue = queues.get_mut(site)?;
        queue.idle = queue.idle.saturating_sub(1);
        if let Some(job) = queue.jobs.pop_front() {
            return Some(job);
        }
        // Rung, but another worker was quicker; or nothing came.
        drop(rang);
        queue.workers = queue.workers.saturating_sub(1);
        if queue.workers == 0 {
            queues.remove(site);
        }
        None
    }

    fn try_next(&self, site: &Arc<Site>) -> Result<Job, Arc<Notify>> {
        let mut queues = self.lock();
        let queue = queues.entry(site.clone()).or_default();
        match queue.jobs.pop_front() {
            Some(job) => Ok(job),
            None => {
                queue.idle += 1;
                Err(queue.bell.clone())
            }
        }
    }

    /// Takes all jobs that wait for a site: nobody can be reached there.
    pub(super) fn give_up(&self, site: &Site) -> VecDeque<Job> {
        let mut queues = self.lock();
        queues.get_mut(site).map(|queue| std::mem::take(&mut queue.jobs)).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<Site>, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
use tokio::time::{Instant, timeout_at};

use super::job::Job;

/// Most workers, and so connections, of one site elsewhere.
const WORKERS_ELSEWHERE: usize = 20;
/// Most workers of a site that nobody has reached yet: dead sites must not take up the workers of all.
const WORKERS_UNPROVEN: usize = 3;
/// Most workers that write into Maildirs: each is busy with a disk.
const WORKERS_MAILDIR: usize = 8;
/// How long a worker without work keeps its connection open.
const LINGER: Duration = Duration::from_secs(2);
/// Most jobs of one site that are in memory, half of what is lent to us: the other half is for all others.
const MOST_WAITING: usize = super::MOST_LENT / 2;
/// How long a message stays away for which there is no room, at least and at most.
const AWAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));

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

impl Target {
    /// Most workers before and after somebody was reached.
    const fn most_workers(&self) -> (usize, usize) {
        match self {
            Self::Maildir(_) => (WORKERS_MAILDIR, WORKERS_MAILDIR),
            Self::Lmtp(_) | Self::Smtp(_) | Self::Exchangers(_) | Self::Literal(_) => {
                (WORKERS_UNPROVEN, WORKERS_ELSEWHERE)
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

/// All sites that have something to do. Cheap to copy.
#[derive(Debug, Clone, Default)]
pub(super) struct Sites {
    queues: Arc<Mutex<HashMap<Arc<Site>, Queue>>>,
}

/// One site's jobs and workers. It is there as long as either is.
#[derive(Debug)]
struct Queue {
    jobs: VecDeque<(Instant, Job)>,
    /// Workers, those without a job included.
    workers: usize,
    /// Workers without a job.
    idle: usize,
    /// Most workers now, and once somebody was reached.
    most: usize,
    ceiling: usize,
    /// Workers that reached nobody, since somebody was reached.
    failures: usize,
    /// One more owner for each open line.
    lines: Arc<()>,
    bell: Arc<Notify>,
}

impl Queue {
    fn new(target: &Target) -> Self {
        let (most, ceiling) = target.most_workers();
        Self {
            jobs: VecDeque::new(),
            workers: 0,
            idle: 0,
            most,
            ceiling,
            failures: 0,
            lines: Arc::default(),
            bell: Arc::default(),
        }
    }

    fn open_lines(&self) -> usize {
        Arc::strong_count(&self.lines) - 1
    }

    fn wants_worker(&self) -> bool {
        self.jobs.len() > self.idle && self.workers < self.most
    }
}

/// Counts a line as open while it lives.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    _lines: Arc<()>,
}

/// A worker's place at its site. Dropping it counts the worker out.
#[derive(Debug)]
pub(super) struct Place {
    sites: Sites,
    site: Arc<Site>,
    standing: Standing,
}

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Counted,
    CountedOut,
}

impl Sites {
    /// Puts a job into its site's queue. If it needs another worker, here is its place.
    pub(super) fn push(&self, site: &Arc<Site>, job: Job) -> Option<Place> {
        let mut queues = self.lock();
        let queue = queues.entry(site.clone()).or_insert_with(|| Queue::new(&site.target));
        queue.jobs.push_back((Instant::now(), job));
        if queue.wants_worker() {
            queue.workers += 1;
            return Some(self.place(site));
        }
        queue.bell.notify_one();
        None
    }

    /// For how long a message stays away, if there is no room for another job of this site.
    ///
    /// Half as long as its first job has waited: where jobs are done quickly that is short, so that workers never
    /// wait for the message; where they are not, it is long, so that messages do not come and go for nothing.
    pub(super) fn is_full(&self, site: &Site) -> Option<Duration> {
        let queues = self.lock();
        let queue = queues.get(site).filter(|queue| queue.jobs.len() >= MOST_WAITING)?;
        let waited = queue.jobs.front().map_or(Duration::ZERO, |(since, _)| since.elapsed());
        Some((waited / 2).clamp(AWAY.0, AWAY.1))
    }

    fn place(&self, site: &Arc<Site>) -> Place {
        Place { sites: self.clone(), site: site.clone(), standing: Standing::Counted }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<Site>, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a worker waits for another job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linger {
    /// Not at all: it has nothing that is worth keeping.
    No,
    /// A little: it has an open line.
    ALittle,
}

impl Place {
    /// The site.
    pub(super) const fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// The next job. `None` ends the worker: it is counted out already.
    pub(super) async fn next(&mut self, linger: Linger) -> Option<Job> {
        let until = match linger {
            Linger::No => Instant::now(),
            Linger::ALittle => Instant::now() + LINGER,
        };
        loop {
            let bell = {
                let sites = self.sites.clone();
                let mut queues = sites.lock();
                let queue = queues.get_mut(&self.site)?;
                if let Some((_, job)) = queue.jobs.pop_front() {
                    return Some(job);
                }
                if Instant::now() >= until {
                    self.count_out(&mut queues);
                    return None;
                }
                queue.idle += 1;
                queue.bell.clone()
            };
            let idle = Idle(self);
            let _ = timeout_at(until, bell.notified()).await;
            drop(idle);
        }
    }

    /// Somebody was reached: the site may have more workers. Gives places for those it needs now.
    pub(super) fn reached(&self) -> (Presence, Vec<Self>) {
        let mut queues = self.sites.lock();
        let site = &self.site;
        let queue = queues.entry(site.clone()).or_insert_with(|| Queue::new(&site.target));
        queue.failures = 0;
        queue.most = queue.ceiling;
        let mut places = Vec::new();
        while queue.wants_worker() && places.len() < queue.jobs.len() {
            queue.workers += 1;
            places.push(self.sites.place(site));
        }
        (Presence { _lines: queue.lines.clone() }, places)
    }

    /// Ends a worker that reached nobody, and gives the jobs that fail with it.
    ///
    /// Where others have open lines, the site is there and takes no more connections: the job is left to them, and
    /// the site gets no more workers than it has. Where nobody is left to try, or enough have tried, all jobs of
    /// the site fail: they would wait for the same time-outs one after the other (RFC 5321 section 4.5.4.1).
    pub(super) fn retreat(mut self, job: Job) -> Vec<Job> {
        let sites = self.sites.clone();
        let mut queues = sites.lock();
        let Some(queue) = queues.get_mut(&self.site) else { return vec![job] };
        queue.failures += 1;
        let mut fail = Vec::new();
        if queue.workers > 1 && queue.open_lines() > 0 {
            queue.jobs.push_front((Instant::now(), job));
            queue.ceiling = (queue.workers - 1).min(queue.ceiling);
            queue.most = queue.ceiling;
            queue.bell.notify_one();
        } else {
            fail.push(job);
            let others_at_work = queue.workers.saturating_sub(queue.idle) > 1;
            if !others_at_work || queue.failures >= WORKERS_UNPROVEN {
                fail.extend(queue.jobs.drain(..).map(|(_, job)| job));
            }
        }
        self.count_out(&mut queues);
        fail
    }

    /// Under the same lock as the look at the queue, or a job could be pushed for a worker that just goes.
    fn count_out(&mut self, queues: &mut HashMap<Arc<Site>, Queue>) {
        if std::mem::replace(&mut self.standing, Standing::CountedOut) == Standing::CountedOut {
            return;
        }
        if let Some(queue) = queues.get_mut(&self.site) {
            queue.workers = queue.workers.saturating_sub(1);
            if queue.workers == 0 && queue.jobs.is_empty() {
                queues.remove(&self.site);
            }
        }
    }
}

/// For workers that are broken off.
impl Drop for Place {
    fn drop(&mut self) {
        let sites = self.sites.clone();
        self.count_out(&mut sites.lock());
    }
}

/// Counts a worker as idle while it lives.
struct Idle<'a>(&'a Place);

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        if let Some(queue) = self.0.sites.lock().get_mut(&self.0.site) {
            queue.idle = queue.idle.saturating_sub(1);
        }
    }
}

//! Jobs that wait, by the site they are for. Each site has its own queue and its own workers, so that one that
//! is stuck holds up nobody else; within a queue, principals take turns.

mod pool;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepost_spool::Ticket;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use self::pool::{Kind, Pools};
use super::MOST_LENT;
use super::connect::{Lasting, NoLine};
use super::fair::{Turns, Whose};
use super::job::Job;
use super::line::Line;
use super::pace::{Pace, UNPROVEN};
use super::room::{Aside, forget_ended};
use super::rouse::{Calls, Rouse};
use super::site::{Site, Target};

/// How long a worker without work keeps its connection open.
const LINGER: Duration = Duration::from_secs(2);
/// Most sites without work of which we remember how they fared.
const MOST_REMEMBERED: usize = 10_000;

/// All sites. Cheap to copy.
#[derive(Debug, Clone)]
pub(super) struct Sites {
    inside: Arc<Mutex<Inside>>,
    bells: Arc<Bells>,
    rouse: Rouse,
}

/// Rung when there is something to do.
#[derive(Debug, Default)]
pub(super) struct Bells {
    /// A site may have another worker.
    pub(super) employer: Notify,
    /// There is room for what was put aside.
    pub(super) dispatcher: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inside {
    sites: HashMap<Arc<Site>, Queue>,
    pools: Pools,
    /// Sites without work, by when their work ended: the count of such ends tells an entry that is out of date.
    remembered: VecDeque<(Arc<Site>, u64)>,
    ends: u64,
    /// Sites that have room for what was put aside.
    hungry: VecDeque<Arc<Site>>,
}

/// One site's jobs and workers, and how it fares.
#[derive(Debug)]
struct Queue {
    jobs: Turns<Job>,
    /// Workers, those without a job included.
    workers: usize,
    /// Workers without a job.
    idle: usize,
    pace: Pace,
    /// One more owner for each open line.
    lines: Arc<()>,
    bell: Arc<Notify>,
    aside: VecDeque<Aside>,
    /// So many jobs there were when a message was put aside last; what comes in is counted against it.
    limit: usize,
    /// Whether it is in the list of those that have room for what was put aside.
    hungry: bool,
    ended: u64,
}

impl Queue {
    fn new(target: &Target) -> Self {
        Self {
            jobs: Turns::default(),
            workers: 0,
            idle: 0,
            pace: Pace::new(target),
            lines: Arc::default(),
            bell: Arc::default(),
            aside: VecDeque::new(),
            limit: 0,
            hungry: false,
            ended: 0,
        }
    }

    fn open_lines(&self) -> usize {
        Arc::strong_count(&self.lines) - 1
    }

    fn wants_worker(&self, unproven: usize) -> bool {
        self.jobs.len() > self.idle && self.workers < self.pace.most(unproven)
    }

    /// How many of those that were put aside may come. At a site that rests nothing waits for workers: all are told
    /// so.
    fn appetite(&self, calls: Calls) -> usize {
        match self.pace.rests(calls) {
            Some(_) => usize::MAX,
            None => self.limit.saturating_sub(self.jobs.len()),
        }
    }

    fn leave_to_others(&mut self, job: Job) {
        self.jobs.push_first(job.whose(), job);
        self.bell.notify_one();
    }

    fn has_work(&self) -> bool {
        self.workers > 0 || !self.jobs.is_empty() || !self.aside.is_empty()
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
    whose: Whose,
    /// Whether it counts among those that have somebody to talk to.
    talking: AtomicBool,
    standing: Standing,
}

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Counted,
    CountedOut,
}

impl Sites {
    /// No sites; whoever dispatches listens to the bell.
    pub(super) fn new(dispatcher: Arc<Notify>, rouse: Rouse) -> Self {
        let bells = Bells { employer: Notify::new(), dispatcher };
        Self { inside: Arc::default(), bells: Arc::new(bells), rouse }
    }

    /// Puts a job into its site's queue. If it needs another worker, here is its place.
    pub(super) fn push(&self, site: &Arc<Site>, job: Job) -> Option<Place> {
        let mut inside = self.lock();
        let whose = job.whose();
        let queue = inside.sites.entry(site.clone()).or_insert_with(|| Queue::new(&site.target));
        queue.jobs.push(whose.clone(), job);
        queue.bell.notify_one();
        self.hire(&mut inside, site, whose)
    }

    /// A place for another worker, if the site needs one and there is one; else it waits for its turn.
    fn hire(&self, inside: &mut Inside, site: &Arc<Site>, whose: Whose) -> Option<Place> {
        let unproven = if inside.pools.are_roomy() { UNPROVEN } else { 1 };
        let queue = inside.sites.get_mut(site).filter(|queue| queue.wants_worker(unproven))?;
        let talking = queue.pace.is_proven();
        let kind = if talking { Kind::Talking } else { Kind::Reaching };
        if !inside.pools.of(kind).take_or_wait(&whose, site) {
            return None;
        }
        queue.workers += 1;
        let (sites, site, talking) = (self.clone(), site.clone(), AtomicBool::new(talking));
        Some(Place { sites, site, whose, talking, standing: Standing::Counted })
    }

    /// Waits until there may be places to fill.
    pub(super) async fn vacancies(&self) {
        self.bells.employer.notified().await;
    }

    /// Places for workers that had to wait, principals by turns.
    pub(super) fn places(&self) -> Vec<Place> {
        let mut inside = self.lock();
        let mut places = Vec::new();
        while let Some((whose, site)) = inside.pools.next() {
            places.extend(self.hire(&mut inside, &site, whose));
        }
        places
    }

    /// Why a site is left alone, if it is.
    pub(super) fn rests(&self, site: &Site) -> Option<Arc<NoLine>> {
        let calls = self.rouse.calls();
        self.lock().sites.get(site).and_then(|queue| queue.pace.rests(calls))
    }

    /// Puts a message aside if all its sites have as many jobs as are `left` for its principal; says whether.
    pub(super) fn put_aside(&self, sites: &[&Site], ticket: Ticket, left: usize) -> bool {
        let mut inside = self.lock();
        let full = |site: &&Site| {
            let jobs = inside.sites.get(*site).map_or(0, |queue| queue.jobs.len());
            jobs > 0 && jobs >= left
        };
        if !sites.iter().all(full) {
            return false;
        }
        let Some(queue) = sites.first().and_then(|site| inside.sites.get_mut(*site)) else { return false };
        forget_ended(&mut queue.aside);
        queue.aside.push_back(Aside::now(ticket));
        queue.limit = queue.jobs.len();
        true
    }

    /// At most so many of those that were put aside, of sites that have room for them now.
    pub(super) fn come_in(&self, most: usize) -> Vec<Ticket> {
        let mut inside = self.lock();
        let mut tickets = Vec::new();
        for _ in 0..inside.hungry.len() {
            let Some(site) = inside.hungry.pop_front() else { break };
            let Some(queue) = inside.sites.get_mut(&site) else { continue };
            forget_ended(&mut queue.aside);
            let appetite = queue.appetite(self.rouse.calls());
            let some = appetite.min(most - tickets.len()).min(queue.aside.len());
            tickets.extend(queue.aside.drain(..some).filter_map(|aside| aside.valid()));
            queue.hungry = !queue.aside.is_empty() && appetite > 0;
            if queue.hungry {
                inside.hungry.push_back(site);
            } else {
                inside.remember(&site);
            }
            if tickets.len() == most {
                break;
            }
        }
        if !inside.hungry.is_empty() {
            self.bells.dispatcher.notify_one();
        }
        tickets
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A site has fewer jobs than before.
    fn has_shrunk(&self, inside: &mut Inside, site: &Arc<Site>) {
        let Some(queue) = inside.sites.get_mut(site) else { return };
        if !queue.aside.is_empty() && !queue.hungry && queue.jobs.len() <= queue.limit / 2 {
            queue.hungry = true;
            // There may be more room than there was.
            queue.limit = (queue.limit * 2).clamp(1, MOST_LENT);
            inside.hungry.push_back(site.clone());
            self.bells.dispatcher.notify_one();
        }
    }
}

impl Inside {
    /// Forgets a site without work, sooner or later.
    fn remember(&mut self, site: &Arc<Site>) {
        let Some(queue) = self.sites.get_mut(site).filter(|queue| !queue.has_work()) else { return };
        if matches!(site.target, Target::Maildir(_)) {
            self.sites.remove(site);
            return;
        }
        self.ends += 1;
        queue.ended = self.ends;
        self.remembered.push_back((site.clone(), self.ends));
        while self.remembered.len() > MOST_REMEMBERED {
            let Some((oldest, end)) = self.remembered.pop_front() else { break };
            if self.sites.get(&oldest).is_some_and(|queue| queue.ended == end && !queue.has_work()) {
                self.sites.remove(&oldest);
            }
        }
    }
}

/// How long a worker waits for another job.
pub(super) enum Linger<'a> {
    /// Not at all: it has nothing that is worth keeping.
    No,
    /// A little: it has an open line.
    ALittle(&'a mut Line),
}

impl Linger<'_> {
    fn until(&self) -> Instant {
        match self {
            Self::No => Instant::now(),
            Self::ALittle(_) => Instant::now() + LINGER,
        }
    }

    /// Whether a site has too many workers like this one. Those with a line do not give way to those that still seek
    /// one: where the site lets in no more than it has, these find none.
    fn is_too_many(&self, queue: &Queue) -> bool {
        let rivals = match self {
            Self::No => queue.workers,
            Self::ALittle(_) => queue.open_lines(),
        };
        rivals > queue.pace.most(UNPROVEN)
    }

    /// The worker ends, and no job must be left to its line.
    fn end(self) {
        if let Self::ALittle(line) = self {
            line.presence = None;
        }
    }
}

impl Place {
    /// The site.
    pub(super) const fn site(&self) -> &Arc<Site> {
        &self.site
    }

    fn kind(&self) -> Kind {
        if self.talking.load(Ordering::Relaxed) { Kind::Talking } else { Kind::Reaching }
    }

    /// The next job. `None` ends the worker: it is counted out already.
    pub(super) async fn next(&mut self, linger: Linger<'_>) -> Option<Job> {
        let until = linger.until();
        loop {
            let bell = {
                let sites = self.sites.clone();
                let mut inside = sites.lock();
                let queue = inside.sites.get_mut(&self.site)?;
                if linger.is_too_many(queue) {
                    linger.end();
                    self.count_out(&mut inside);
                    return None;
                }
                if let Some((_, job)) = queue.jobs.next() {
                    sites.has_shrunk(&mut inside, &self.site);
                    return Some(job);
                }
                if Instant::now() >= until {
                    linger.end();
                    self.count_out(&mut inside);
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
        let mut inside = self.sites.lock();
        let queue = inside.sites.entry(self.site.clone()).or_insert_with(|| Queue::new(&self.site.target));
        queue.pace.reached();
        let presence = Presence { _lines: queue.lines.clone() };
        if !self.talking.swap(true, Ordering::Relaxed) {
            inside.pools.of(Kind::Reaching).give(&self.whose);
            inside.pools.of(Kind::Talking).take(&self.whose);
        }
        let hire = || self.sites.hire(&mut inside, &self.site, self.whose.clone());
        let places = std::iter::from_fn(hire).collect();
        self.sites.ring(&inside);
        (presence, places)
    }

    /// A message went well.
    pub(super) fn went_well(&self) {
        if let Some(queue) = self.sites.lock().sites.get_mut(&self.site) {
            queue.pace.went_well();
        }
    }

    /// The site broke a line off.
    pub(super) fn trouble(&self) {
        if let Some(queue) = self.sites.lock().sites.get_mut(&self.site) {
            queue.pace.trouble(queue.workers);
        }
    }

    /// Ends a worker that reached nobody, and gives the jobs that fail with it.
    ///
    /// Where others have open lines, the site is there and takes no more connections: the job is left to them, and
    /// the site gets fewer workers. Where others still seek one, it is left to them too: they fail with it, if they find
    /// none. Where nobody is left to try, or enough have tried, all jobs of the site fail: they would wait for the same
    /// time-outs one after the other (RFC 5321 section 4.5.4.1). Then the site rests, for as long as `rest` says after so
    /// many times.
    pub(super) fn retreat(mut self, job: Job, why: &NoLine, rest: impl FnOnce(u32) -> Duration) -> Vec<Job> {
        let sites = self.sites.clone();
        let mut inside = sites.lock();
        let Some(queue) = inside.sites.get_mut(&self.site) else { return vec![job] };
        let mut fail = Vec::new();
        let others_talk = queue.workers > 1 && queue.open_lines() > 0;
        let others_seek = queue.workers.saturating_sub(queue.idle) > 1;
        if others_talk {
            queue.pace.trouble(queue.open_lines());
            queue.leave_to_others(job);
        } else if queue.pace.reached_nobody() < UNPROVEN && others_seek {
            queue.leave_to_others(job);
        } else {
            fail.push(job);
            fail.extend(std::iter::from_fn(|| queue.jobs.next()).map(|(_, job)| job));
            if why.lasting == Lasting::ForNow {
                queue.pace.give_up((Arc::new(why.clone()), sites.rouse.calls()), rest);
            }
            sites.has_shrunk(&mut inside, &self.site);
        }
        self.count_out(&mut inside);
        fail
    }

    /// Under the same lock as the look at the queue, or a job could be pushed for a worker that just goes.
    fn count_out(&mut self, inside: &mut Inside) {
        if std::mem::replace(&mut self.standing, Standing::CountedOut) == Standing::CountedOut {
            return;
        }
        inside.pools.of(self.kind()).give(&self.whose);
        if let Some(queue) = inside.sites.get_mut(&self.site) {
            queue.workers = queue.workers.saturating_sub(1);
            if queue.workers == 0 && !queue.jobs.is_empty() {
                inside.pools.of(Kind::Reaching).wait(&self.whose, &self.site);
            }
        }
        inside.remember(&self.site);
        self.sites.ring(inside);
    }
}

impl Sites {
    fn ring(&self, inside: &Inside) {
        if inside.pools.are_wanted() {
            self.bells.employer.notify_one();
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
        if let Some(queue) = self.0.sites.lock().sites.get_mut(&self.0.site) {
            queue.idle = queue.idle.saturating_sub(1);
        }
    }
}

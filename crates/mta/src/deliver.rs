//! Carrying mail on: claims what is due, sorts it by site, and has workers deliver it.

mod aftermath;
mod connect;
mod job;
mod line;
mod local;
mod login;
pub mod maildir;
mod remote;
mod report;
mod site;
pub mod submit;
mod transact;

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};
use std::time::Duration;

use gatepost_directory::Directory;
use gatepost_mail::reply::table;
use gatepost_mail::{Mailbox, Principal};
use gatepost_policy::Rules;
use gatepost_policy::channel::plan;
use gatepost_policy::route::{NextHop, addressee, next_hop};
use gatepost_policy::rules::Destination;
use gatepost_spool::{Claim, Spool};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use self::aftermath::conclude;
use self::job::{Addressee, Fate, Job, Lent};
use self::line::Line;
use self::site::{Hands, Site, Sites, Target};
use crate::event::{What, now};
use crate::lifetime::Phase;
use crate::office::Office;

/// Most messages that are lent to us at once: their envelopes are in memory.
const MOST_LENT: usize = 10_000;
/// Most messages claimed in one call.
const CLAIM: usize = 500;
/// How long a message is lent. Longer than any delivery; prolonged while one goes on.
const LEASE: Duration = Duration::from_secs(3600);
/// How often leases are looked after.
const ROUND: Duration = Duration::from_secs(600);
/// Most workers of all sites together.
const MOST_WORKERS: usize = 1000;
/// How long to wait after the spool has refused: it says why by itself.
const BREATH: Duration = Duration::from_secs(1);

/// What workers share.
struct Depot<S, D> {
    office: Arc<Office<S, D>>,
    sites: Sites,
    workers: Arc<Semaphore>,
    /// Room for lent messages: one permit each.
    room: Arc<Semaphore>,
}

/// Claims and delivers until the life of the office begins to drain.
pub(crate) async fn run<S: Spool, D: Directory>(office: Arc<Office<S, D>>) {
    let depot = Arc::new(Depot {
        office: office.clone(),
        sites: Sites::default(),
        workers: Arc::new(Semaphore::new(MOST_WORKERS)),
        room: Arc::new(Semaphore::new(MOST_LENT)),
    });
    let mut life = office.life.clone();
    let mut round = Round { lent: Vec::new(), next: tokio::time::Instant::now() + ROUND };
    while life.phase() == Phase::Running {
        tokio::select! {
            () = life.reached(Phase::Draining) => return,
            () = depot.turn(&mut round) => {}
        }
    }
}

/// Messages that are lent to us, and when to look after their leases.
struct Round {
    lent: Vec<Weak<Lent>>,
    next: tokio::time::Instant,
}

impl<S: Spool, D: Directory> Depot<S, D> {
    /// Claims what is due and there is room for; waits if that is nothing. Dropped while it waits, nothing is
    /// lost: what was claimed and not sorted comes back when its lease ends.
    async fn turn(self: &Arc<Self>, round: &mut Round) {
        if tokio::time::Instant::now() >= round.next {
            self.look_after(round).await;
        }
        let most = self.room.available_permits().min(CLAIM);
        if most == 0 {
            // One permit is enough to go on.
            drop(self.room.acquire().await);
            return;
        }
        match self.office.spool.claim(now(), LEASE, most).await {
            Ok(claims) if claims.is_empty() => self.wait(round.next).await,
            Ok(claims) => {
                for claim in claims {
                    round.lent.extend(self.sort(claim));
                }
            }
            Err(error) => {
                let hint = "nothing is delivered until the spool works again";
                self.office.events.emit(
                    None,
                    None,
                    What::Trouble { part: "spool", cause: error.to_string(), hint },
                );
                sleep(BREATH).await;
            }
        }
    }

    /// Waits until something may be due.
    async fn wait(&self, at_most: tokio::time::Instant) {
        let spool = &self.office.spool;
        let due = spool.next_due().await.ok().flatten();
        let until_due = due.map_or(ROUND, |due| due.elapsed_since(now()).max(Duration::from_millis(1)));
        let patience = until_due.min(at_most.saturating_duration_since(tokio::time::Instant::now()));
        let _ = timeout(patience, spool.wait()).await;
    }

    /// Prolongs the leases of what is still being delivered.
    async fn look_after(&self, round: &mut Round) {
        round.lent.retain(|lent| lent.strong_count() > 0);
        for lent in round.lent.iter().filter_map(Weak::upgrade) {
            // One that is settled by now is no loss.
            let _ = self.office.spool.extend(&lent.claim, now().after(LEASE)).await;
        }
        round.next = tokio::time::Instant::now() + ROUND;
    }

    /// Sorts a message's due recipients by site and hands out the jobs.
    fn sort(self: &Arc<Self>, claim: Claim) -> Option<Weak<Lent>> {
        let current = self.office.current.load_full();
        let sorted = by_site(&claim, current.rules());
        let room = self.room.clone().try_acquire_owned().ok();
        let jobs = sorted.sites.len() + usize::from(!sorted.hopeless.is_empty());
        let lent = Arc::new(Lent { claim, open: AtomicUsize::new(jobs), room });
        for (site, recipients) in sorted.sites {
            let site = Arc::new(site);
            let job = Job { lent: lent.clone(), recipients };
            if self.sites.push(&site, job) == Hands::OneMore {
                let depot = self.clone();
                self.office.deliveries.spawn(self.office.life.clone(), async move { depot.work(site).await });
            }
        }
        if !sorted.hopeless.is_empty() {
            let (depot, lent) = (self.clone(), lent.clone());
            self.office.deliveries.spawn(self.office.life.clone(), async move {
                let (recipients, fates): (Vec<_>, Vec<_>) = sorted.hopeless.into_iter().unzip();
                let job = Job { lent, recipients };
                let results = fates.into_iter().zip(job.all(&Fate::Waits(None, String::new()), "nowhere"));
                let results = results.map(|(fate, result)| job::Result { fate, ..result }).collect();
                conclude(&depot.office, job, results).await;
            });
        }
        Some(Arc::downgrade(&lent))
    }

    /// One worker's life: job after job, over one line while that holds.
    async fn work(self: Arc<Self>, site: Arc<Site>) {
        let Ok(_permit) = self.workers.clone().acquire_owned().await else { return };
        let mut line: Option<Line> = None;
        while let Some(job) = self.sites.next(&site).await {
            // A drain lets each worker end the job it has, no more; the rest is in the spool.
            if self.office.life.phase() > Phase::Running {
                break;
            }
            line = self.do_job(&site, job, line.take()).await;
        }
        if let Some(line) = line {
            line.quit().await;
        }
    }

    async fn do_job(&self, site: &Site, job: Job, line: Option<Line>) -> Option<Line> {
        if let Target::Maildir(template) = &site.target {
            let results = local::deliver(&self.office, template, &job).await;
            conclude(&self.office, job, results).await;
            return None;
        }
        let done = remote::deliver(&self.office, site, &job, line).await;
        conclude(&self.office, job, done.results).await;
        if let Some(no_line) = done.unreachable {
            // Those behind it would wait for the same time-outs, one after the other.
            for job in self.sites.give_up(site) {
                let results = job.all(&remote::fate_of(&no_line), &no_line.next_hop);
                conclude(&self.office, job, results).await;
            }
        }
        done.line
    }
}

/// A message's due recipients, sorted.
#[derive(Default)]
struct Sorted {
    sites: HashMap<Site, Vec<Addressee>>,
    /// Those that no site is for, with their fate.
    hopeless: Vec<(Addressee, Fate)>,
}

fn by_site(claim: &Claim, rules: &Rules) -> Sorted {
    let mut sorted = Sorted::default();
    for due in &claim.due {
        let Some(recipient) = claim.envelope.recipients.get(due.recipient as usize) else { continue };
        let Some(mailbox) = addressee(&recipient.path, rules) else { continue };
        let addressee = Addressee { number: due.recipient, mailbox };
        match site_of(&addressee.mailbox, &claim.envelope.principal, rules) {
            Ok(site) => sorted.sites.entry(site).or_default().push(addressee),
            Err(fate) => sorted.hopeless.push((addressee, fate)),
        }
    }
    sorted
}

fn site_of(mailbox: &Mailbox, principal: &Principal, rules: &Rules) -> Result<Site, Fate> {
    let verdict = next_hop(mailbox, principal, rules);
    let channel = plan(&verdict.decision, rules).decision;
    let (target, login) = match verdict.decision {
        NextHop::Local(Destination::Maildir(template)) => (Target::Maildir(template), None),
        NextHop::Local(Destination::Lmtp(endpoint)) => (Target::Lmtp(endpoint), None),
        NextHop::Local(Destination::Smtp(endpoint)) => (Target::Smtp(endpoint), None),
        NextHop::Fixed(route) => (Target::Smtp(route.via), route.login),
        NextHop::Exchangers(domain) => (Target::Exchangers(domain), None),
        NextHop::Literal(address) => (Target::Literal(address), None),
        NextHop::Nowhere => {
            let reply = verdict.reply.unwrap_or(table::NO_ROUTE);
            return Err(Fate::Failed(reply, verdict.rule.as_str()));
        }
    };
    Ok(Site { target, channel, login })
}

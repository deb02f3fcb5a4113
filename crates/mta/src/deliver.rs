//! Carrying mail on: claims what is due, sorts it by site, and has workers deliver it.

mod aftermath;
mod connect;
mod hosts;
mod job;
mod line;
mod local;
mod login;
pub mod maildir;
mod remote;
mod report;
mod site;
mod source;
pub mod submit;
pub mod token;
mod transact;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Weak};
use std::time::Duration;

use gatepost_directory::Directory;
use gatepost_mail::reply::table;
use gatepost_mail::{Mailbox, Principal, Reply, Timestamp};
use gatepost_policy::channel::plan;
use gatepost_policy::route::{NextHop, addressee, next_hop, no_addressee};
use gatepost_policy::rules::Destination;
use gatepost_policy::{Rule, Rules};
use gatepost_spool::{Claim, Spool};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::aftermath::conclude;
use self::connect::NoLine;
use self::job::{Addressee, Fate, Job, Lent};
use self::line::Line;
use self::site::{Linger, Place, Presence, Site, Sites, Target};
use crate::event::What;
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
    let (next, at_latest) = (Instant::now() + ROUND, office.now().after(ROUND));
    let mut round = Round { lent: Vec::new(), next, at_latest };
    loop {
        tokio::select! {
            biased;
            () = life.reached(Phase::Draining) => return,
            () = depot.turn(&mut round) => {}
        }
    }
}

/// Messages that are lent to us, and when to look after their leases.
struct Round {
    lent: Vec<Weak<Lent>>,
    next: Instant,
    /// The same by the wall clock, by which leases end: one that is set forward must not end them under our hands.
    at_latest: Timestamp,
}

impl<S: Spool, D: Directory> Depot<S, D> {
    /// Claims what is due and there is room for; waits if that is nothing. Dropped while it waits, nothing is
    /// lost: what was claimed and not sorted comes back when its lease ends.
    async fn turn(self: &Arc<Self>, round: &mut Round) {
        if Instant::now() >= round.next || self.office.now() >= round.at_latest {
            self.look_after(round).await;
        }
        let most = self.room.available_permits().min(CLAIM);
        if most == 0 {
            // One permit is enough to go on.
            let _ = timeout_at(round.next, self.room.acquire()).await;
            return;
        }
        match self.office.spool.claim(self.office.now(), LEASE, most).await {
            Ok(claims) if claims.is_empty() => self.wait(round.next).await,
            Ok(claims) => {
                for claim in claims {
                    round.lent.extend(self.sort(claim).await);
                }
                if round.lent.len() > 2 * MOST_LENT {
                    round.lent.retain(|lent| lent.strong_count() > 0);
                }
            }
            Err(error) => {
                let hint = "nothing is delivered until the spool works again";
                let what = What::Trouble { part: "spool", cause: error.to_string(), hint };
                self.office.events.emit(None, None, what);
                sleep(BREATH).await;
            }
        }
    }

    /// Waits until something may be due.
    async fn wait(&self, at_most: Instant) {
        let spool = &self.office.spool;
        let due = spool.next_due().await.ok().flatten();
        let until_due =
            due.map_or(ROUND, |due| due.elapsed_since(self.office.now()).max(Duration::from_millis(1)));
        let patience = until_due.min(at_most.saturating_duration_since(Instant::now()));
        let _ = timeout(patience, spool.wait()).await;
    }

    /// Prolongs the leases of what still waits or is being delivered.
    async fn look_after(&self, round: &mut Round) {
        round.lent.retain(|lent| lent.strong_count() > 0);
        for lent in round.lent.iter().filter_map(Weak::upgrade) {
            // One that is settled by now is no loss.
            let _ = self.office.spool.extend(&lent.claim, self.office.now().after(LEASE)).await;
        }
        (round.next, round.at_latest) = (Instant::now() + ROUND, self.office.now().after(ROUND));
    }

    /// Sorts a message's due recipients by site and hands out the jobs.
    async fn sort(self: &Arc<Self>, claim: Claim) -> Option<Weak<Lent>> {
        let current = self.office.current.load_full();
        let sorted = by_site(&claim, current.rules());
        if let Some(away) = self.away(&sorted) {
            // No attempt was made, so none is counted: only the lease ends soon.
            let _ = self.office.spool.extend(&claim, self.office.now().after(away)).await;
            return None;
        }
        let room = self.room.clone().try_acquire_owned().ok();
        let jobs = sorted.sites.len() + usize::from(!sorted.hopeless.is_empty());
        let lent =
            Arc::new(Lent { claim, open: AtomicUsize::new(jobs), waits: AtomicBool::new(false), room });
        for (site, recipients) in sorted.sites {
            let job = Job { lent: lent.clone(), recipients };
            if let Some(place) = self.sites.push(&Arc::new(site), job) {
                self.employ(place);
            }
        }
        if !sorted.hopeless.is_empty() {
            self.bury(lent.clone(), sorted.hopeless);
        }
        Some(Arc::downgrade(&lent))
    }

    /// For how long a message must stay away, since all its sites have more jobs than they may.
    fn away(&self, sorted: &Sorted) -> Option<Duration> {
        if !sorted.hopeless.is_empty() {
            return None;
        }
        let each: Option<Vec<Duration>> =
            sorted.sites.iter().map(|(site, _)| self.sites.is_full(site)).collect();
        each?.into_iter().min()
    }

    /// Ends recipients that no site is for.
    fn bury(self: &Arc<Self>, lent: Arc<Lent>, hopeless: Vec<(u32, Fate)>) {
        let depot = self.clone();
        self.office.deliveries.spawn(self.office.life.clone(), async move {
            let result = |(number, fate)| job::Result::of(number, fate, "nowhere");
            let results = hopeless.into_iter().map(result).collect();
            conclude(&depot.office, &lent, results).await;
        });
    }

    fn employ(self: &Arc<Self>, place: Place) {
        let depot = self.clone();
        self.office.deliveries.spawn(self.office.life.clone(), async move { depot.work(place).await });
    }

    /// One worker's life: job after job, over one line while that holds. A drain lets it end the job it has, no
    /// more; the rest is in the spool.
    async fn work(self: Arc<Self>, mut place: Place) {
        let mut life = self.office.life.clone();
        let mut draining = pin!(life.reached(Phase::Draining));
        let _permit = tokio::select! {
            biased;
            () = &mut draining => return,
            Ok(permit) = self.workers.acquire() => permit,
            else => return,
        };
        let mut line: Option<Line> = None;
        loop {
            let linger = if line.is_some() { Linger::ALittle } else { Linger::No };
            let job = tokio::select! {
                biased;
                () = &mut draining => None,
                job = place.next(linger) => job,
            };
            let Some(job) = job else { break };
            if !self.is_ours(&job).await {
                continue;
            }
            if let Target::Maildir(template) = &place.site().target {
                let results = local::deliver(&self.office, template, &job).await;
                conclude(&self.office, &job.lent, results).await;
                continue;
            }
            let reached = || self.reached(&place);
            let done = remote::deliver(&self.office, (place.site(), &job), line.take(), reached).await;
            line = done.line;
            match done.unreachable {
                None => conclude(&self.office, &job.lent, done.results).await,
                Some(no_line) => return self.give_up(place, job, &no_line).await,
            }
        }
        if let Some(line) = line {
            line.quit().await;
        }
    }

    /// Whether a job is still to be done: an operator may have removed the message, or its lease has ended.
    async fn is_ours(&self, job: &Job) -> bool {
        self.office.spool.extend(&job.lent.claim, self.office.now().after(LEASE)).await.is_ok()
    }

    /// Somebody was reached: then more hands help.
    fn reached(self: &Arc<Self>, place: &Place) -> Presence {
        let (presence, places) = place.reached();
        for place in places {
            self.employ(place);
        }
        presence
    }

    /// Nobody was reached.
    async fn give_up(&self, place: Place, job: Job, no_line: &NoLine) {
        for job in place.retreat(job) {
            if !self.is_ours(&job).await {
                continue;
            }
            let results = job.all(&remote::fate_of(no_line), &no_line.next_hop);
            conclude(&self.office, &job.lent, results).await;
        }
    }
}

/// A message's due recipients, sorted.
#[derive(Default)]
struct Sorted {
    /// In the order of their first recipients.
    sites: Vec<(Site, Vec<Addressee>)>,
    /// Those that no site is for, with their fate.
    hopeless: Vec<(u32, Fate)>,
}

fn by_site(claim: &Claim, rules: &Rules) -> Sorted {
    let mut sorted = Sorted::default();
    let mut places: HashMap<Site, usize> = HashMap::new();
    for due in &claim.due {
        let Some(recipient) = claim.envelope.recipients.get(due.recipient as usize) else { continue };
        let Some(mailbox) = addressee(&recipient.path, rules) else {
            let verdict = no_addressee();
            sorted.hopeless.push((due.recipient, nowhere(verdict.reply, verdict.rule)));
            continue;
        };
        let addressee = Addressee { number: due.recipient, mailbox };
        match site_of(&addressee.mailbox, &claim.envelope.principal, rules) {
            Ok(site) => {
                let place = *places.entry(site.clone()).or_insert(sorted.sites.len());
                match sorted.sites.get_mut(place) {
                    Some((_, addressees)) => addressees.push(addressee),
                    None => sorted.sites.push((site, vec![addressee])),
                }
            }
            Err(fate) => sorted.hopeless.push((due.recipient, fate)),
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
        NextHop::Nowhere => return Err(nowhere(verdict.reply, verdict.rule)),
    };
    Ok(Site { target, channel, login })
}

/// What it means for a recipient that its mail goes nowhere.
fn nowhere(reply: Option<Reply>, rule: Rule) -> Fate {
    Fate::Failed(reply.unwrap_or(table::NO_ROUTE), rule.as_str())
}

//! Carrying mail on: claims what is due, sorts it by site, and has workers deliver it.

mod aftermath;
mod agenda;
mod connect;
mod dispatch;
mod doubt;
mod fair;
mod hosts;
mod job;
mod line;
mod local;
mod login;
pub mod maildir;
mod names;
mod pace;
mod remote;
mod report;
mod room;
pub mod rouse;
mod site;
mod sites;
mod sort;
mod source;
pub mod submit;
pub mod token;
mod transact;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gatepost_directory::Directory;
use gatepost_policy::retry::rest;
use gatepost_spool::Spool;
use tokio::sync::Notify;
use tokio::task::yield_now;

use self::aftermath::{conclude, let_go};
use self::agenda::Agenda;
use self::connect::NoLine;
use self::dispatch::Round;
use self::job::{Fate, Job};
use self::line::Line;
use self::names::Names;
use self::room::Room;
use self::site::Target;
use self::sites::{Linger, Place, Presence, Sites};
use crate::event::{What, quoted};
use crate::lifetime::Phase;
use crate::office::Office;

/// Most messages that are lent to us at once: their envelopes are in memory. No principal has more of them than
/// there is room left, and no site more jobs.
const MOST_LENT: usize = 10_000;
/// How long a message is lent. Longer than any delivery; prolonged while one goes on.
const LEASE: Duration = Duration::from_secs(3600);
/// Most messages over one line: then it is opened anew, at another host perhaps.
const MOST_PER_LINE: usize = 250;

/// What workers share.
struct Depot<S, D> {
    office: Arc<Office<S, D>>,
    names: Names,
    sites: Sites,
    /// Room for lent messages.
    room: Room,
    agenda: Agenda,
    /// Rung when there is something for the dispatcher that the spool does not tell.
    bell: Arc<Notify>,
}

/// Claims and delivers until the life of the office begins to drain.
pub(crate) async fn run<S: Spool, D: Directory>(office: Arc<Office<S, D>>) {
    let bell = Arc::new(Notify::new());
    let depot = Arc::new(Depot {
        office: office.clone(),
        names: Names::default(),
        sites: Sites::new(bell.clone(), office.rouse.clone()),
        room: Room::of(MOST_LENT, bell.clone()),
        agenda: Agenda::new(bell.clone()),
        bell,
    });
    let employer = depot.clone();
    office.deliveries.spawn(office.life.clone(), async move { employer.fill_vacancies().await });
    let life = office.life.clone();
    let mut round = Round::begin(office.now());
    loop {
        tokio::select! {
            biased;
            () = life.reached(Phase::Draining) => return,
            () = depot.turn(&mut round) => {}
        }
    }
}

impl<S: Spool, D: Directory> Depot<S, D> {
    /// Employs workers that had to wait until there were fewer.
    async fn fill_vacancies(self: Arc<Self>) {
        let life = self.office.life.clone();
        loop {
            tokio::select! {
                biased;
                () = life.reached(Phase::Draining) => return,
                () = self.sites.vacancies() => {}
            }
            for place in self.sites.places() {
                self.employ(place);
            }
        }
    }

    fn employ(self: &Arc<Self>, place: Place) {
        let depot = self.clone();
        self.office.deliveries.spawn(self.office.life.clone(), async move { depot.work(place).await });
    }

    /// One worker's life: job after job, over one line while that holds. A drain lets it end the job it has, no
    /// more; the rest is in the spool.
    async fn work(self: Arc<Self>, mut place: Place) {
        let life = self.office.life.clone();
        let mut draining = pin!(life.reached(Phase::Draining));
        let mut line: Option<Line> = None;
        loop {
            let linger = line.as_mut().map_or(Linger::No, Linger::ALittle);
            let job = tokio::select! {
                biased;
                () = &mut draining => None,
                job = place.next(linger) => job,
            };
            let Some(job) = job else { break };
            if !self.is_ours(&job).await {
                let_go(&self.office, &job.lent).await;
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
            if done.trouble {
                place.trouble();
            } else if done.results.iter().any(|result| matches!(result.fate, Fate::Delivered(..))) {
                place.went_well();
            }
            if done.results.len() < job.recipients.len() {
                job.lent.waits.store(true, Ordering::Release);
            }
            match done.unreachable {
                None => conclude(&self.office, &job.lent, done.results).await,
                Some(no_line) => return self.give_up(place, job, &no_line).await,
            }
            line = renewed(line).await;
        }
        if let Some(line) = line {
            line.quit().await;
        }
    }

    /// Whether a job is still to be done: an operator may hold or have removed the message, or its lease has ended.
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
        let current = self.office.current.load_full();
        let mut rests = None;
        let rest = |failures| rests.insert(rest(failures, current.rules())).decision;
        let jobs = place.retreat(job, no_line, rest);
        if let Some(verdict) = rests {
            let (next_hop, cause) = (no_line.next_hop.clone(), quoted(&*no_line.cause));
            let (seconds, rule) = (verdict.decision.as_secs(), verdict.rule.as_str());
            self.office.events.emit(None, None, What::SiteRests { next_hop, seconds, rule, cause });
        }
        for job in jobs {
            if self.is_ours(&job).await {
                let results = job.all(&remote::fate_of(no_line), &no_line.next_hop);
                conclude(&self.office, &job.lent, results).await;
            } else {
                let_go(&self.office, &job.lent).await;
            }
            // There may be thousands.
            yield_now().await;
        }
    }
}

/// A line that may carry another message; one that has carried enough ends.
async fn renewed(line: Option<Line>) -> Option<Line> {
    let mut line = line?;
    line.carried += 1;
    if line.carried < MOST_PER_LINE {
        return Some(line);
    }
    line.quit().await;
    None
}
